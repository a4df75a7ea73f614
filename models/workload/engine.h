// One serving replica: continuous batching with chunked prefill and paged KV memory, every batch change and no more.
//
// Policy vllm_v1 (serving page, 3.1). At each iteration boundary every running sequence is scheduled first, in order of
// admission, under a budget of new tokens; where blocks run out the youngest is preempted and will be computed again.
// Then waiting requests are admitted in order while budget, sequences and blocks for the whole sequence so far last. An
// iteration is one model step over all that was scheduled; its time and energy come from a step source, affine in the
// context of the decodes K (tokens computed before the iteration) and the history of the chunks H. Between two changes
// of the batch all iterations are advanced at once (advance.h): stepping gives the same bits.
// Left out here: prefix caching, swapping, priorities, speculation, pipeline stages.
//
// A replica is a head, TwReplica, and its arrays, pieces of one state block (64-byte aligned, indices only). Times are
// integer ns; what happens at t takes effect at the first boundary at or after t. A run goes up to a time that it does
// not include.
#pragma once

#include "models/workload/advance.h"
#include "models/workload/kv_pool.h"
#include "models/workload/request.h"
#include "models/workload/step.h"
#include "sim/error.h"
#include "sim/sketch.h"

#include <stdbool.h>

typedef struct TwEngineSpec {
    const TwStepSource *step;
    int max_tokens;       // budget of new tokens in an iteration, >= 1
    int max_sequences;    // 1 to 65535
    int block_tokens;     // a power of two, 1 to 256
    int64_t kv_blocks;
    int queue_max;    // waiting requests; one more is rejected
    double ttft_slo_s, tpot_slo_s;
    int64_t measure_from_ns;
    int stride;    // most iterations advanced at once; 0: no bound. Any value gives the same results.
} TwEngineSpec;

typedef struct TwEngine {
    TwEngineSpec spec;
    int64_t ttft_slo_ns, tpot_slo_ps;
    int64_t idle_rate;                                       // units of energy per ns
    int ring;                                                // entries of the waiting ring
    size_t slots, links, heap, chunks, residues, waiting;    // offsets in the arrays of a replica
    size_t parts_bytes, bytes;                               // of its arrays; with its head
} TwEngine;

// A request that waits, or its way back there: `seen` tokens were computed before it was preempted.
typedef struct TwWaiting {
    int64_t arrival_ns, first_ns;
    int32_t input, output, seen;
    uint32_t id;
} TwWaiting;

// A running sequence. All its fields are used together at the few moments of its life, so they share a cache line.
typedef struct TwSlotRow {
    int64_t arrival_ns, first_ns;
    int64_t base;    // context of a decode when iteration i begins: base + i. Of a prefill: tokens computed.
    int32_t input, output, seen;
    uint32_t id;
} TwSlotRow;

// The running list, in order of admission. Apart from the rows: an end of a sequence then touches no other's row.
typedef struct TwLink {
    uint16_t before, after;
} TwLink;

// What happened on a replica since the start. Times in units of 2^-32 ns.
typedef struct TwEngineCounts {
    int64_t iterations, changes, output_done, output_pending;
    TwWide busy, capped;
    int64_t input_done, input_pending, arrived, input_arrived, output_arrived, completed, measured, good;
    TwWide throttled, over_cap, full;
    int64_t rejected, lost, input_dropped, output_dropped, recomputed, preemptions;
} TwEngineCounts;

enum { TW_PLAN_CAPPED = 1, TW_PLAN_THROTTLED = 2, TW_PLAN_OVER_CAP = 4, TW_PLAN_FULL = 8 };

// Grouped by when it is touched, a cache line or two each: at every boundary, when its plan is made, at its ends.
typedef struct TwReplica {
    _Alignas(64) TwWide time;    // when the iteration in flight began, or since when nothing runs
    TwWide meter;                // energy up to `time`
    TwSeries span, energy;       // of the iteration in flight and those that follow it
    int64_t next_ns;             // the boundary where the plan ends, rounded down; INT64_MAX: none
    int64_t iteration;           // number of the iteration in flight
    int64_t context;             // K
    int64_t parts;               // where its arrays are, from here
    int32_t left;                // iterations until the composition or the affine range ends
    int32_t stop;                // iterations until the planned boundary, <= left
    int32_t decodes, running, chunk_count, chunk_tokens;    // chunk_tokens: of the last chunk, which may be a part
    uint16_t oldest, youngest, unused;                      // running list, list of unused slots
    uint8_t flags, level;
    bool busy, off, limits_changed;
    int32_t wait_head, wait_count;
    int32_t clock_level;
    TwKvPool kv;
    double cap_w, peak_w, full_w;    // share of the rack's cap; peak at full clock of the window, and of this plan
    int64_t booked_energy, booked_tokens;
    TwEngineCounts counts;
} TwReplica;

// Latencies of finished requests. The sketches' sums are left alone; exact ones are kept beside them.
typedef struct TwLatency {
    TwSketch sketch[3];    // TTFT, TPOT, end to end, in seconds
    TwWide sum[3];         // ns, ps, ns
    int64_t single;        // requests of one token, which have no TPOT
} TwLatency;

typedef struct TwEngineLog {
    TwLatency *latency;    // or NULL
    void *context;
    void (*finished)(void *context, const TwFinished *finished);    // or NULL
} TwEngineLog;

// False: a setting is out of range. The step source must outlive the engine.
bool tw_engine_build(TwEngine *engine, const TwEngineSpec *spec, TwError *error);
void tw_engine_start(const TwEngine *engine, TwReplica *replica, int64_t now_ns);
// The same with its arrays, parts_bytes of them, `parts` bytes from its head: heads side by side are quicker to go
// over.
void tw_engine_start_apart(const TwEngine *engine, TwReplica *replica, size_t parts, int64_t now_ns);

// Asks the processor to bring what the next boundaries of a replica touch; changes nothing. The head first, a while
// later its arrays, a while later the rows they name.
static inline void tw_engine_fetch_head(const TwReplica *replica)
{
    for (size_t at = 0; at < sizeof *replica; at += 64) __builtin_prefetch((const unsigned char *)replica + at, 1);
}
void tw_engine_fetch_arrays(const TwEngine *engine, const TwReplica *replica);
void tw_engine_fetch_rows(const TwEngine *engine, const TwReplica *replica);

// Processes every boundary before until_ns; then the iteration in flight is the one that until_ns falls into.
void tw_engine_run(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);

// The same without counting the iterations of an unfinished jump: enough for a router to see the load.
void tw_engine_boundaries(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);

// A request arrives, after a run up to its time (or past it: then it is seen at the next boundary, which is how a
// closed loop answers a finish that it was told of). False: rejected and counted (queue full, unpowered, or never
// fits).
bool tw_engine_offer(const TwEngine *engine, TwReplica *replica, const TwRequest *request);

// Share of the rack's cap and thermal clock limit from now on, after a run up to now_ns. A cap of 0, or no supply,
// loses all requests at once and the replica rests at 0 W until that changes.
void tw_engine_limit(const TwEngine *engine, TwReplica *replica, int64_t now_ns, double cap_w, double clock_fraction,
                     bool energised);

// Energy up to now_ns in units of 2^-62 J, the iteration in flight split by time. Changes nothing.
TwWide tw_engine_energy(const TwEngine *engine, const TwReplica *replica, int64_t now_ns);

// What a recorder sees at now_ns, at the last boundary before it. Changes nothing.
typedef struct TwEngineView {
    int64_t iteration, context, output_done, blocks_held;
    int running, waiting;
} TwEngineView;
void tw_engine_view(const TwEngine *engine, const TwReplica *replica, int64_t now_ns, TwEngineView *view);

// Counts everything again from the sequences: lists, heap, blocks, contexts, pending tokens. For tests.
bool tw_engine_consistent(const TwEngine *engine, const TwReplica *replica);

void tw_latency_add(TwLatency *latency, int which, int64_t value);    // ns, ps for TPOT
void tw_latency_merge(TwLatency *into, const TwLatency *from);
void tw_latency_sketch(const TwLatency *latency, int which, TwSketch *sketch);    // with its sum
