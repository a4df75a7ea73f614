// Reference cases of the workload's parts, for `tokenworks validate` and the tests.
#pragma once

#include "sim/validation.h"

// Length tables, profiles, arrivals, sessions, jobs: closed forms and published statistics. file: NULL.
bool tw_validate_traffic(TwValidation *validation, const char *file, TwError *error);
// Jobs: waveform of a synchronous job, cluster mixes, the flywheel, DeepSeek's day; part of traffic's cases.
bool tw_validate_jobs(TwValidation *validation, TwError *error);
// Training steps; file: a table of published runs in one of three layouts (MLPerf, Megatron-Bridge, NeMo-RL).
bool tw_validate_training(TwValidation *validation, const char *file, TwError *error);
// The engine: closed forms of queues and memory, Vidur's runs, a real vLLM run. file: a table of further runs in the
// manner of Vidur's (docs/serving-checks.md), or NULL.
bool tw_validate_serving(TwValidation *validation, const char *file, TwError *error);
// The calibration: counts, interpolation, caps, and published kernel tables. file: one of them or a folder of them,
// points measured here, or NULL.
bool tw_validate_kernels(TwValidation *validation, const char *file, TwError *error);
