// A class of requests as a facility file writes it: workload.classes, with presets in facilities/parts/traffic/.
#pragma once

#include "models/workload/traffic.h"

extern const TwKind tw_class_kind;

typedef struct TwClassRow {
    const char *pool;    // that serves it; "": the first
    const char *kind, *lengths, *outputs, *sessions, *images, *note, *kv_then;
    double rate_s, sessions_per_h;    // NaN: that of the arrival
    double input_tokens, output_tokens, length_scale, input_scale;
    int64_t context_tokens, samples, priority, users, requests, sessions_max;
    double begins_s, deadline_s, span_s, rho_in_out, kv_keep_s;
    double itl_slo_s, itl_slo_share;
    double ttft_slo_s, tpot_slo_s, e2e_slo_s;    // limits of goodput; NaN: those of the pool
    double timeout_s, leave_s;                   // clients who do not stay; NaN: as the pool's
    bool wait_for_answers;
} TwClassRow;

// Copies the settings of a class, its arrival and its prefix into the spec, whose name, seed, cells and start_s stay.
// Context and scale of 0 leave those of the spec. arrival: filled, for the path of a trace.
void tw_class_spec(const TwNode *node, TwClassRow *row, TwArrivalRow *arrival, TwTrafficSpec *spec);

// Warns of settings that a class of its kind and arrivals does not look at.
void tw_class_idle(const TwNode *node, const TwClassRow *row, const TwArrivalRow *arrival, TwErrors *errors);
// The same of a stream without a class: lengths and sizes stand in node, when requests come in times (NULL: a trace).
void tw_stream_idle(const TwNode *node, const char *lengths, const TwNode *times, const TwArrivalRow *arrival,
                    TwErrors *errors);
