// Pools of serving replicas under the caps, clocks and supply of their racks: every request exactly, or as a flow
// (fluid.h).
//
// A pool is a set of identical tensor-parallel replicas dealt into router cells (at most 64 replicas each, the unit of
// threads). Each replica runs continuous batching with chunked prefill and paged KV memory (policy vllm_v1 of the
// serving page, 3.1) and is advanced in closed form between two changes of its batch.
#pragma once

#include "models/workload/request.h"
#include "models/workload/router.h"
#include "models/workload/service.h"
#include "models/workload/step.h"
#include "models/workload/traffic.h"
#include "sim/block.h"
#include "sim/sketch.h"

// Where requests come from, where it is not a TwTraffic: tests and `serve` hand in their own. Thread-safe over cells.
typedef struct TwRequestSource {
    const void *context;
    int64_t (*peek)(const void *context, const void *block, int cell);    // arrival in ns; INT64_MAX: none left
    void (*pop)(const void *context, void *block, int cell, TwRequest *request);
    // Closed loops, or NULL: told of every end of a request of the cell, in the order of time; after it peek may give
    // an earlier arrival than before, at or after last_ns.
    void (*finished)(const void *context, void *block, int cell, const TwFinished *finished);
} TwRequestSource;

struct TwEngineSpec;    // engine.h

// Prompts computed apart (disaggregation): where, and how their KV reaches who decodes them.
typedef struct TwHandOver {
    const struct TwEngineSpec *engine;    // of the replicas that compute prompts; NULL: none do
    const bool *replica_prefill;          // [replica] which those are
    double bytes_per_token;               // of KV, all layers
    // KV of one request lies on some GPUs of a replica: of the links of who sends and of who gets it their share, in
    // (0, 1]; so often it is sent, as ranks of who decodes hold the same of it. 0 counts as 1.
    double share_out, share_in, copies;
    double bytes_s, latency_s;    // of the link of a replica, each way, where no TwReplicaLink says else
    const int *domain, *group;    // [replica] NVLink domain and leaf group, or NULL: how far two are apart
    int layers;                   // > 1: layers leave as they are done
    bool chunks;                  // chunks of a prompt do instead, each when all its layers are done
    int local_tokens;             // a prompt with fewer left to compute is computed where it is decoded
    int queue_max;                // so is one that finds so many waiting; 0: no bound
    TwFirstToken first_token;     // who makes it, and when clients have it
    TwReserve reserve;            // when blocks are taken for the KV; context first no layer leaves early
    double hold_s;                // most that KV is held for those blocks; 0: as long as it takes
    bool re_role;                 // a replica may become one of the other kind (tw_workload_set_role)
    int rows_max;                 // filled in: rows of all of them in a cell
} TwHandOver;

// Bytes on the wire of so many tokens and of so many tokens' worth of states, which are split as heads are.
static inline double tw_hand_over_bytes(const TwHandOver *h, double tokens, double states)
{
    return h->bytes_per_token * ((h->copies > 0.0 ? h->copies : 1.0) * tokens + states);
}

// What one transfer has of a link that carries out_bytes_s and one that takes in_bytes_s.
static inline double tw_hand_over_alone(const TwHandOver *h, double out_bytes_s, double in_bytes_s)
{
    double out = (h->share_out > 0.0 ? h->share_out : 1.0) * out_bytes_s;
    double in = (h->share_in > 0.0 ? h->share_in : 1.0) * in_bytes_s;
    return out < in ? out : in;
}

// Clients who come again after a refusal: up to `most` times, min(first_s 2^k, most_s) (1 - u / 4) after the k-th, u
// even in (0, 1), as OpenAI's client does (openai-python, _base_client.py). What they wait is part of their latencies.
// most 0: they do not.
typedef struct TwComeAgain {
    int most;
    double first_s, most_s;
} TwComeAgain;

typedef struct TwPoolSpec {
    const char *name;
    const TwStepSource *step;
    const TwTraffic *traffic;
    int replica_count;
    const int *replica_rack;    // [replica] the rack it runs in
    // of replicas that lie in several racks, or NULL: parts [part_first[i], part_first[i + 1]), rack and GPUs of each
    const int *part_first, *part_rack, *part_gpus;
    const int *replica_cell;    // [replica] router cell, rising from 0
    int cell_count;             // = cells of the traffic
    int max_tokens;             // token budget of an iteration
    int max_sequences;
    int block_tokens;                 // 16
    int64_t kv_blocks;                // a replica
    int queue_max;                    // waiting requests a replica may hold; beyond: rejected
    const char *router;               // "round_robin" "least_loaded" "power_of_two"
    double ttft_slo_s, tpot_slo_s;    // of goodput
    uint64_t seed;
    const TwRequestSource *source;        // NULL: the traffic
    const struct TwEngineSpec *engine;    // further settings of the replicas, over the above; NULL: none
    TwHandOver hand_over;
    TwRouterSpec routing;    // prompt_weight, credit, factor: 0 counts as 1, 1, 1.25
    bool retry;              // requests of a replica that lost power are tried again after detect_s, or else lost
    double detect_s;
    TwComeAgain again;
    // stragglers: this share of the GPUs, drawn by the seed, make the replica that they are of so many times slower
    double slow_share, slow_times;
    int gpus, prefill_gpus;    // of a replica; 0 counts as 1
    int sampled_cells;         // so many router cells, drawn by the seed, are simulated and stand for all; 0: all are
    double redraw_s;           // they are drawn anew so often; 0: never
    bool fluid;                // requests are a flow (fluid.h)
    double fluid_window_s;     // in which its racks' demand is taken; 0: 1 s
} TwPoolSpec;

typedef struct TwWorkloadSpec {
    int rack_count, pool_count;
    const TwPoolSpec *pools;
    int64_t measure_from_ns;    // requests that arrive earlier are left out of the latencies (warm-up)
    int threads;                // 0: all
} TwWorkloadSpec;

typedef struct TwWorkload {
    int rack_count, pool_count, replica_count;
    size_t state_bytes;
    const struct TwWorkloadPlant *inner;
} TwWorkload;

// How far a transfer goes: inside an NVLink domain, to cards under the same leaves, beyond.
typedef enum TwReach { TW_REACH_DOMAIN, TW_REACH_LEAF, TW_REACH_FABRIC, TW_REACHES } TwReach;

// What the network gives a replica in a window. Transfers that go on at the same time share it.
typedef struct TwReplicaLink {
    double out_bytes_s[TW_REACHES], in_bytes_s[TW_REACHES];
    double latency_s[TW_REACHES];
    double tier_bytes_s[2];    // of a remote tier of its cache, reads and writes
    double congestion;         // its cards send collectives so many times slower than alone, >= 1
} TwReplicaLink;

// Bytes since the start that a replica's transfers between replicas were asked to move, by reach.
typedef struct TwReplicaSent {
    double out[TW_REACHES], in[TW_REACHES];
} TwReplicaSent;

typedef struct TwWorkloadIn {
    const double *clock_fraction;    // [rack] thermal limit, 0 to 1
    const double *cap_w;             // [rack] for all replicas of the rack together, or what lies in it; INFINITY: none
    const bool *energised;           // [rack]
    const uint8_t *down;             // [replica] not 0: out of service; NULL: none
    const uint8_t *closed;           // [replica] not 0: takes no new requests, ends what it has; NULL: none
    const TwReplicaLink *link;       // [replica] NULL: as TwHandOver says
} TwWorkloadIn;

typedef struct TwWorkloadOut {
    double *device_j;       // [rack] energy of its replicas in the window, exact integral
    double *demand_w;       // [rack] most that its replicas would have drawn at full clock
    double *tokens;         // [rack] output tokens of the window
    double *kv_fraction;    // [rack] mean share of KV blocks held, at the end
} TwWorkloadOut;

// Counters since the start; arrived = completed + running + waiting + rejected + lost, and the same for tokens.
typedef struct TwWorkloadTotals {
    int64_t arrived, completed, running, waiting, rejected, lost;
    int64_t input_tokens_arrived, output_tokens_arrived;    // asked for
    int64_t input_tokens_done, output_tokens_done;          // of what was asked: computed (once), produced
    int64_t input_tokens_pending, output_tokens_pending;    // of running and waiting requests
    int64_t input_tokens_dropped, output_tokens_dropped;    // of rejected and lost ones
    int64_t tokens_recomputed, preemptions, iterations, batch_changes;
    int64_t good;                      // completed within the SLO, arrived after warm-up
    int64_t measured_completed;        // completed and arrived after warm-up
    double busy_s;                     // sum over replicas
    double prefill_busy_s;             // of it those that compute prompts for others
    double capped_s, throttled_s;      // replica-seconds below full clock, by cause
    double full_s;                     // replica-seconds that left waiting who did not fit
    double lockstep_s, rank_wait_s;    // replica-seconds of groups of ranks in work; of it waited for the slowest rank
    double over_cap_s;                 // replica-seconds above the cap at the lowest clock
    double device_j;                   // the energy meter: what the windows add up to, exactly
    double prompt_j, rest_j;    // of it: prompts, by their share of each step's tokens; replicas with nothing to do
    // of `lost` those who gave up; of `rejected` those shed for others; of `waiting` those between replicas
    int64_t cancelled, shed, moving, retried;
    int64_t refused;    // of `rejected` those turned away by the router since all replicas were busy
    // refusals after which a client comes again; clients now about to (of `waiting`), those let in after some; of
    // `rejected` those for whom there was no room to wait
    int64_t again, again_waiting, again_taken, again_overflow;
    bool comes_again;                      // there are such
    int64_t kv_events, kv_events_early;    // published; of them known too early, since too many were on their way
    int64_t left, left_tokens;    // of the cancelled, those who went in the middle of their answers; what they had
    int64_t prompt_tokens_looked_up, prompt_tokens_hit, tier_tokens[3];
    // of KV between replicas: those that are through; bytes asked for = delivered + moving + lost with a replica
    int64_t transfers, transfer_bytes, delivered_bytes, moving_bytes, lost_bytes;
    double transfer_s;    // sum of the times of those that are through
    // of KV that waits for blocks where it is to go: now; all that got them so far, and the sum of their waits; those
    // that were given up for it
    int64_t held, reserved, expired;
    double held_s;
    int64_t decode_steps, decode_tokens;
    double front_s;    // work of the front ends, in seconds of one
    // made and done by the engines, but still in their front ends: counted as pending and running
    int64_t front_tokens, front_requests;
} TwWorkloadTotals;

bool tw_workload_create(TwWorkload **workload, const TwWorkloadSpec *spec, TwLayout *layout, TwErrors *errors);
void tw_workload_destroy(TwWorkload *workload);
void tw_workload_start(const TwWorkload *workload, void *block);

// Runs every replica from from_ns to until_ns. Limits take effect at each replica's next iteration boundary. Cells run
// on OpenMP threads; the same bytes for any number.
void tw_workload_advance(const TwWorkload *workload, void *block, const TwWorkloadIn *in, int64_t from_ns,
                         int64_t until_ns, TwWorkloadOut *out);

void tw_workload_totals(const TwWorkload *workload, const void *block, int pool,
                        TwWorkloadTotals *totals);    // -1: all
// Merged over cells: requests that arrived after warm-up. which: 0 TTFT, 1 TPOT, 2 end to end, in seconds.
void tw_workload_sketch(const TwWorkload *workload, const void *block, int pool, int which, TwSketch *sketch);
// The same of one class of service; which also 3: end to end over output tokens.
void tw_workload_service_sketch(const TwWorkload *workload, const void *block, int pool, int service, int which,
                                TwSketch *sketch);
// Counts of a class, or of a tenant, of a pool with several of either.
void tw_workload_service(const TwWorkload *workload, const void *block, int pool, int service, TwServiceCounts *counts);
void tw_workload_tenant(const TwWorkload *workload, const void *block, int pool, int tenant, TwServiceCounts *counts);
int tw_workload_services(const TwWorkload *workload, int pool);
int tw_workload_tenants(const TwWorkload *workload, int pool);
// What the transfers of a replica asked of the network so far; of one that is not simulated, those of the one that
// stands for it. So are the blocks below.
// Bytes up to now_ns that the collectives of a replica sent out of its network cards, and as many came in.
int64_t tw_workload_crossed(const TwWorkload *workload, const void *block, int replica, int64_t now_ns);
const TwReplicaSent *tw_workload_sent(const TwWorkload *workload, const void *block, int replica);
// Blocks read from and written to remote tiers of a replica's cache so far.
void tw_workload_tier_blocks(const TwWorkload *workload, const void *block, int replica, int64_t *read,
                             int64_t *written);
// How far the simulated cells of a pool stand apart, where they are drawn from more: what all are estimated to have, of
// a replica or a request, and half the width of its 95 % interval (spread.c). 0 where all are simulated, INFINITY where
// they are too few.
typedef enum TwHeadline {
    TW_HEAD_TOKENS,
    TW_HEAD_JOULES,
    TW_HEAD_TTFT_P50,
    TW_HEAD_TTFT_P99,
    TW_HEAD_TPOT_P50,
    TW_HEAD_TPOT_P99,
    TW_HEADLINES
} TwHeadline;
typedef struct TwSpread {
    double mean, half_width;
    double counted;    // as the totals have it, each cell simulated as often as it stands for one
} TwSpread;
void tw_workload_spread(const TwWorkload *workload, const void *block, int pool, TwSpread spread[TW_HEADLINES]);
int tw_workload_cells(const TwWorkload *workload, int pool, int *simulated);

// Of the requests of a fluid pool that ended, the share at loads beyond those at which its table has the queues of
// chance (fluid.h); of prompts computed apart where that is more.
double tw_workload_close_share(const TwWorkload *workload, const void *block, int pool);

// Of requests that ended so far: how many have a latency, and its sum. which: as above.
void tw_workload_latency(const TwWorkload *workload, const void *block, int pool, int which, int64_t *count,
                         double *sum_s);
bool tw_workload_prefills(const TwWorkload *workload, const void *block, int replica);    // computes prompts alone
// Makes a replica one of the other kind, from its next start on. False: not foreseen, or it is not down and empty.
bool tw_workload_set_role(const TwWorkload *workload, void *block, int replica, bool prefill);
// What the replicas in a rack, or with a part in it, compute takes so many times as long from the next window on,
// beside what each is slower by itself; several racks: the slowest. 1: as it should.
void tw_workload_slow_rack(const TwWorkload *workload, void *block, int rack, double times);
double tw_workload_slow(const TwWorkload *workload, const void *block, int replica);    // how many times now
// Whether a replica has nothing to do: no request runs, waits or leaves there.
bool tw_workload_idle(const TwWorkload *workload, const void *block, int replica);
// Queue state now, summed: waiting and running requests and KV share of a pool.
void tw_workload_queues(const TwWorkload *workload, const void *block, int pool, int64_t *waiting, int64_t *running,
                        double *kv_fraction);
// How full the fullest pool (and of it, replicas for prompts or the others) is now: requests running and waiting over
// the places of the batches (over 1: a queue), KV memory held. Replicas without power do not count.
void tw_workload_fullest(const TwWorkload *workload, const void *block, double *places, double *kv);
