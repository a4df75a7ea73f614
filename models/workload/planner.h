// How many replicas of a pool serve, and as what: a planner as Dynamo's (serving page, 8).
//
// Every interval it counts what arrived (requests, prompt and output tokens), forecasts the next interval, and asks the
// step model how many requests a second one replica takes within the limits on the first token and on those after it:
//     prompts take U = rate t_prompt of its time, n = rate O itl sequences decode at once, itl = t_decode(n) / (1 - U)
// and for prompts computed apart t_prompt (1 + U / (2 (1 - U))) within the first limit, itl = t_decode(n) within the
// other. The limit on itl is divided by the correction, observed over expected in the last interval, so that what the
// formula leaves out is learned. Who waits is to be served within the interval.
//
// More replicas start at once and serve after their start; fewer are kept only after so many intervals in which fewer
// would have done: the last of each router cell takes no new requests, ends what it has and rests. A replica at rest is
// without power to the model; whoever books power counts its GPUs as idle. Where prompts are computed apart and the
// layouts agree, a resting replica of one kind may start as the other when its own kind has none left.
//
// Left out: what a start reads over a network that others use.
#pragma once

#include "models/workload/workload.h"
#include "sim/error.h"

typedef enum TwPredictor { TW_PREDICT_LAST, TW_PREDICT_MEAN, TW_PREDICT_HOLT } TwPredictor;
extern const char *const tw_predictor_names[];    // NULL-ended: last, mean, holt

enum { TW_PLAN_PAST = 16 };    // intervals that are remembered

typedef struct TwPlannerSpec {
    int pool;
    double interval_s;
    TwPredictor predictor;
    int window;                         // intervals that a mean is taken over, at most TW_PLAN_PAST
    int least, most;                    // replicas that decode, of all cells; most 0: all there are
    int prefill_least, prefill_most;    // the same of those that compute prompts alone
    double ttft_slo_s, tpot_slo_s;      // that means are planned for: below the limits of a request
    double busy_most;                   // of a replica's time that prompts may take
    int hold;                           // intervals in which fewer must do before replicas stop, 1 to TW_PLAN_PAST
    bool corrects;                      // observed over expected limits
    bool re_role;                       // the workload must have been created so (TwHandOver.re_role)
    const double *start_s;              // [replica of the workload] from a start to its first request
} TwPlannerSpec;

typedef enum TwPlanPhase { TW_REPLICA_SERVES, TW_REPLICA_DRAINS, TW_REPLICA_RESTS, TW_REPLICA_STARTS } TwPlanPhase;

// What it saw last and what it did.
typedef struct TwPlannerView {
    int serving, starting, draining, resting;    // now, of those that decode
    int prefill_serving;
    int wanted, prefill_wanted;
    double rate_s, input_tokens, output_tokens;    // forecast
    double capacity_s;                             // requests a second of one replica within the limits
    double correction;
    int64_t starts, stops, re_roles, intervals;
    double mean_serving, least_serving, most_serving;    // both kinds, over the time so far
} TwPlannerView;

// Requests a second that one replica carries where prompts are computed apart, by the equations above, without queues:
// of prompts, one after the other or side by side, if one alone keeps the first limit; of decodes, within the other.
// 0: not one.
struct TwEngine;
double tw_planner_prompts_s(const struct TwEngine *engine, double input, double ttft_s);
double tw_planner_decodes_s(const struct TwEngine *engine, double input, double output, double tpot_s);

typedef struct TwPlanner TwPlanner;

bool tw_planner_create(TwPlanner **planner, const TwWorkload *workload, const TwPlannerSpec *spec, TwLayout *layout,
                       TwError *error);
void tw_planner_destroy(TwPlanner *planner);
void tw_planner_start(const TwPlanner *planner, void *block);    // all serve
// At the start of a window. Adds to closed[] who takes no new requests and to down[] who rests or starts.
void tw_planner_run(const TwPlanner *planner, void *block, int64_t now_ns, uint8_t *down, uint8_t *closed);
void tw_planner_view(const TwPlanner *planner, const void *block, TwPlannerView *view);
