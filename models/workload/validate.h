// Reference cases of the workload's parts, for `tokenworks validate` and the tests.
#pragma once

#include "sim/validation.h"

// Length tables, profiles, arrivals, sessions, jobs: closed forms and published statistics. file: NULL.
bool tw_validate_traffic(TwValidation *validation, const char *file, TwError *error);
// Training steps; file: a table of published runs in one of three layouts (MLPerf, Megatron-Bridge, NeMo-RL).
bool tw_validate_training(TwValidation *validation, const char *file, TwError *error);
bool tw_validate_training_table(TwValidation *validation, const char *file, TwError *error);
