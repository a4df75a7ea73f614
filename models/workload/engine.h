// One serving replica: continuous batching with paged KV memory, every batch change and no more.
//
// At each iteration boundary a policy (serving page, 3) chooses who takes part: decodes one token each, prompts a
// chunk. An iteration is one model step over all that was scheduled; its time and energy come from a step source,
// affine in the context of the decodes K (tokens computed before the iteration) and the history of the chunks H.
// Between two changes of the batch all iterations are advanced at once (advance.h): stepping gives the same bits.
//
//   vllm_v1                 running first in order of admission, then who waits while the whole sequence so far fits;
//                           where blocks run out the youngest is preempted
//   trtllm                  as many as can be reserved to their last token; nobody is ever preempted
//   trtllm_max_utilization  as vllm_v1
//   static_batch            a batch is filled when the last is done
//   sglang                  prompts alone first, then decodes alone; those with fewest outputs are retracted
//   sarathi                 decodes, then prompts in chunks; the last to arrive is restarted (Vidur's)
//   prefill_first           whole prompts alone, then decodes alone (vLLM before version 1, Vidur's)
//
// Under all but sglang, sarathi and prefill_first decodes are never left out of an iteration: prompts share what budget
// they leave. Left out here: pipeline stages.
//
// Attention ranks in lockstep (`ranks`): each has a running and a waiting list, KV memory, a prefix cache and a budget
// of its own, and is given requests when they come (`rank_router`). An iteration of the group takes as long as its
// slowest rank: ranks without work run an empty one, since all take part in the exchange of the experts' tokens. The
// rank that binds holds until another passes it: a maximum of affine functions is affine up to there (serving page,
// 2.4).
//
// A replica is a head, TwReplica, and its arrays, pieces of one state block (64-byte aligned, indices only). Times are
// integer ns; what happens at t takes effect at the first boundary at or after t. A run goes up to a time that it does
// not include.
#pragma once

#include "models/workload/advance.h"
#include "models/workload/front_end.h"
#include "models/workload/kv_pool.h"
#include "models/workload/kv_tier.h"
#include "models/workload/prefix_cache.h"
#include "models/workload/request.h"
#include "models/workload/service.h"
#include "models/workload/step.h"
#include "sim/error.h"
#include "sim/fetch.h"

#include <stdbool.h>

typedef enum TwPolicy {
    TW_VLLM_V1,
    TW_TRTLLM,
    TW_TRTLLM_MAX_UTILIZATION,
    TW_STATIC_BATCH,
    TW_SGLANG,
    TW_SARATHI,
    TW_PREFILL_FIRST,
} TwPolicy;

extern const char *const tw_policy_names[];    // NULL-ended, in this order
bool tw_policy(const char *name, TwPolicy *policy);

enum { TW_LIST_MOST = 65535, TW_ROWS_MOST = 1 << 24 };    // sequences in work of a list; requests at a replica
enum { TW_PRIORITIES = 8, TW_TENANTS = 64, TW_DRAFT_MOST = 16 };

// Which attention rank of a group gets a request. Ties go to the lowest.
typedef enum TwRankRouter {
    TW_RANK_AUTO,    // as the engine of the policy does: vLLM, TensorRT-LLM, or SGLang's round robin
    TW_RANK_EVEN,    // one list for all, whose sequences count as dealt evenly: no rank is slower
    TW_RANK_ROUND_ROBIN,
    TW_RANK_LEAST_LOADED,    // fewest waiting and running: SGLang's shortest queue
    TW_RANK_LEAST_TOKENS,    // fewest tokens to compute and in memory: SGLang's minimum tokens
    TW_RANK_CENTRAL,         // the same, but who finds no place goes on to the first rank that has one
    TW_RANK_VLLM_DP,         // least of 4 waiting + running: vLLM's balancer
    TW_RANK_KV_AWARE,        // least of prompt blocks to compute, less those cached there, and blocks held: Dynamo's
    // of the ranks with fewer requests than the most, or than the mean rounded up, shortest prompts in all; who finds
    // no place goes on to the first rank that has one: TensorRT-LLM's
    TW_RANK_TRTLLM_ADP,
} TwRankRouter;

extern const char *const tw_rank_router_names[];    // NULL-ended, in this order

// Settings of sglang; of all ranks together.
enum { TW_SGLANG_TOKENS = 1 << 30 };
typedef struct TwSglang {
    int prefill_tokens;         // most of a prefill batch
    int chunk_tokens;           // most of one prompt in it
    bool mixed;                 // decodes take part in it
    bool longest_prefix;        // order of the waiting: longest cached prefix first, at most 128 waiting
    double conservativeness;    // of the ratio of outputs to come that memory is kept for
} TwSglang;

// Speculative decoding: a step drafts `draft` tokens and keeps so many of them as are accepted, and one more. By the
// mean, all decodes of a replica advance alike and many steps are one; drawn, each sequence has its own number at each
// step (a function of the request and its context, so that no order of events changes it), and steps go one by one.
typedef struct TwSpeculate {
    int draft;                           // 0: none
    double acceptance[TW_DRAFT_MOST];    // of each position, given that all before it were accepted
    double draft_fraction;               // time of drafting one token over that of a step
    bool drawn;                          // each number is drawn
} TwSpeculate;

struct TwEngineSpec {
    const TwStepSource *step;
    TwPolicy policy;
    int max_tokens;       // budget of new tokens in an iteration, >= 1
    int max_sequences;    // 1 to TW_LIST_MOST for each list
    int block_tokens;     // a power of two, 1 to 256
    int64_t kv_blocks;
    int ranks;    // attention ranks with lists of their own, which divide all of the above and below; 0: one list
    TwRankRouter rank_router;
    // While all ranks decode, prompts wait so many iterations until every rank has one, and then so many to gather more
    // (TensorRT-LLM's attention_dp_config, timeout_iters and batching_wait_iters); 0: they do not
    int rank_wait, rank_gather;
    // While others decode, prompts wait so many iterations unless the next would have so many tokens with them
    // (TensorRT-LLM's batch_wait_timeout_iters; batch_wait_max_tokens_ratio of the budget); 0: they do not
    int batch_wait, batch_tokens;
    // The batch of an iteration is made when the one before it begins, and its outputs are looked at while the next
    // runs: who comes during an iteration is in the one after the next
    bool ahead;
    int queue_max;                    // waiting requests; one more is rejected
    double ttft_slo_s, tpot_slo_s;    // of the one class, where `services` is 0
    double itl_slo_s, itl_share;      // of it: so many of a request's gaps are to be within; 0: no limit
    int64_t measure_from_ns;
    int stride;    // most iterations advanced at once; 0: no bound. Any value gives the same results.
    bool seen;     // a router looks at its blocks and contexts: those of the last change are kept

    bool whole_prompts;          // no chunks: a prompt is taken only where the budget holds all of it
    int long_prefill;            // most tokens of one prompt in an iteration; 0: no bound
    int64_t watermark_blocks;    // sarathi, prefill_first: kept free on admission
    TwSglang sglang;
    bool prefix_cache;
    double keep_s;                // of what nobody uses; 0: until its place is needed
    bool keep_drops;              // after it: gone; or to the lower tiers
    int prefix_nodes;             // runs that it can tell apart; 0: by the memory
    const TwContentList *list;    // of the requests' contents
    bool keep;                    // sessions and contents are told with each end, even without a cache
    int64_t swap_blocks;          // of host memory that preempted sequences may take; 0: they are computed again
    double swap_block_s;          // to move one, either way
    int tier_count;               // lower tiers of the cache
    const TwTierSpec *tiers;
    TwSpeculate speculate;
    int priorities, tenants;             // levels and queues; 0 counts as 1
    bool outrank;                        // running ones of lower priority make room for who waits
    double tenant_weight[TW_TENANTS];    // 0 counts as 1
    double wait_max_s;                   // a request that would wait longer is rejected; 0: none is
    double encode_s, encode_j;           // of an image, in the iteration that begins its prompt
    TwFrontEnd front_end;                // that requests and outputs pass; none by itself
    double patience_s;                   // who has no token so long after its arrival gives up; 0: nobody
    double timeout_s, leave_s;           // of the one class, as TwServiceLimit; 0: nobody goes before the end
    bool remade;                         // the token that ends a prompt is made again by who it is handed on to
    bool awaits;                         // KV of prompts computed elsewhere comes once it has its blocks here
    int reserved_tokens;                 // kept free then for each sequence that runs or has its blocks
    int services;                        // classes of service; 0: the limits above
    const TwServiceLimit *service;
};
typedef struct TwEngineSpec TwEngineSpec;

// Sets the ranks and their router by its name. False: no such name.
bool tw_rank_router(const char *name, TwPolicy policy, int ranks, TwEngineSpec *spec);

// Rows are numbered so that those in use lie close together over many replicas, few as they are of all there is room
// for: slabs of so many, the first of all replicas of a group side by side, then the second. A row is taken for the
// first time only when all before it are in use, and memory that nobody has touched costs none.
enum { TW_SLAB_ROWS = 64 };
typedef enum TwRowArray { TW_ROWS, TW_LINKS, TW_COLDS, TW_CONTENTS, TW_GAPS, TW_ROW_ARRAYS } TwRowArray;

// Where the arrays of a replica lie, in bytes from its head; rows of each array count from its first of the group.
typedef struct TwEnginePlace {
    int64_t parts, rows[TW_ROW_ARRAYS];
    int32_t stride;    // rows from one slab of a replica to its next; TW_SLAB_ROWS: they follow each other
} TwEnginePlace;

typedef struct TwEngine {
    TwEngineSpec spec;
    TwServiceLimit service[TW_SERVICES];
    TwTierPlan tiers[TW_TIERS];
    TwPrefixPlan prefix;
    int queues, rows_max, services;
    int ranks;    // 1: one list. `spec` is that of a rank but for queue_max
    bool reserves, all_at_once, pauses, restarts, by_arrival;    // what the policy does
    bool simple;    // nothing happens to decodes by themselves but that they end or find no block
    bool keeps, keeps_content;
    bool gaps_kept;    // a class limits gaps
    bool leaves;       // clients of a class may go before the end
    bool drawn;        // acceptance is
    bool fronts;       // there is a front end, or batches are made ahead; its work in 2^-32 ns
    bool plain;        // has nothing rare (plain.h)
    bool booked;       // of its ranks a book is kept (engine_parts.h)
    TwWide front_request, front_prompt, front_output;
    uint64_t chain[TW_DRAFT_MOST];             // drawn: chance that so many drafts and one more are accepted, in 2^-64
    int64_t draft_mean, idle_rate, swap_ns;    // tokens a step in 2^-32, 0: no drafts; units of energy per ns; a block
    double draft_slower, token_ns;             // of a step; to compute one token of a prompt
    TwWide encode_time, encode_energy;         // of an image
    int64_t patience_ns, keep_ns;
    uint64_t weight[TW_TENANTS];    // of a token, 2^-16
    // offsets in the arrays of a replica
    size_t heap, chunks, fresh, residues, queue, node, table, tier[TW_TIERS], tail;
    size_t book;                        // of the group, after those of all its ranks
    size_t row_bytes[TW_ROW_ARRAYS];    // of what a request in flight has in each; 0: not there
    int slabs;                          // of TW_SLAB_ROWS rows, that hold rows_max
    size_t list_bytes;                  // of the arrays of one rank
    size_t parts_bytes, bytes;          // of its arrays, and the heads of its other ranks; with its head and rows
} TwEngine;

// A request in flight, on a cache line.
typedef struct TwRow {
    int64_t arrival_ns, first_ns;
    // running: context of a decode when decode step i begins is base + i; of a prompt, tokens computed.
    // waiting: tokens kept elsewhere, to be brought back on admission. loading: when it is all here. In the front end:
    // when it is through
    int64_t base;
    // if no token has come by then; INT64_MAX: never. Once one has, and while it does not decode or joined the decodes
    // while they paused: when its last came
    int64_t give_up_ns;
    int32_t input, output, seen;
    uint32_t id;
    int32_t leaf, shared;    // deepest node of the prefix cache that it holds, -1: none; blocks up to its end
    int32_t chunk;           // tokens of the chunk in the iteration; loading: tokens that come
    uint8_t service;
    uint8_t priority : 3;
    bool hand_over : 1;    // its prompt alone is computed here
    bool swapped : 1;      // what is kept of it lies in host memory
    bool encoded : 1;      // its images
    bool awaits : 1;       // its KV is elsewhere: waits for blocks, or loading with base at INT64_MAX
    bool tied : 1;         // awaits: its prompt is computed, and counted, elsewhere; else: it has blocks elsewhere
    uint8_t tenant;
    uint8_t images;
} TwRow;

// The request that it is of, without session, patience and content.
static inline TwRequest tw_row_request(const TwRow *row)
{
    return (TwRequest){.arrival_ns = row->arrival_ns,
                       .input_tokens = row->input,
                       .output_tokens = row->output,
                       .id = row->id,
                       .service = row->service,
                       .priority = row->priority,
                       .tenant = row->tenant,
                       .images = row->images};
}

// What is looked at rarely; the contents of most have two runs and fit the first cache line. Only where contents or
// closed loops need it.
enum { TW_RUNS_KEPT = TW_SEGMENTS + 2 };
typedef struct TwCold {
    int64_t scheduled_ns;
    int32_t run_count;    // of its contents, where they are not a list of ids
    int16_t shares;       // whether others may have contents in common with it
    int16_t rank;         // that it is with
    int32_t session, turn, hit, preempted;
    TwRun run[TW_RUNS_KEPT];
} TwCold;

// Gaps between the outputs of a request, and those longer than its class allows: while it decodes, less what its list
// has counted by then; all of a list decode alike.
typedef struct TwGapCount {
    uint32_t made, over;
} TwGapCount;

typedef struct TwLink {
    uint32_t before, after;
} TwLink;

// Who waits at one priority for one tenant.
typedef struct TwQueue {
    uint32_t first, last;
    int64_t served;    // tokens over weight
} TwQueue;

// What happened on a replica since the start. Times in units of 2^-32 ns. By cache line: what each boundary counts,
// what some do, what few do.
typedef struct TwEngineCounts {
    int64_t iterations, changes, output_done, output_pending;
    TwWide busy, prompt;    // prompt: energy of prompts (their share of each step's tokens, in 2^-16 of its unit)
    int64_t input_done, input_pending, preemptions, arrived, output_arrived, completed, measured, good;
    int64_t input_arrived, hit_tokens, looked_up_tokens, recomputed;
    TwWide full, rest;    // rest: energy at rest
    TwWide capped, throttled, over_cap;
    TwWide waited;    // of ranks for the slowest, summed over them
    int64_t rejected, lost, input_dropped, output_dropped;
    int64_t cancelled, shed;
    int64_t left, left_tokens;                   // of the cancelled, those who had tokens; those that they had
    int64_t moved, moved_input, moved_output;    // to other replicas less from them
    int64_t crossed;                             // bytes that its collectives sent through network cards
    int64_t swapped_tokens, tier_tokens[TW_TIERS], drawn, overshot;    // drawn: tokens of decodes, where that is done
    TwWide fronted;                                                    // work given to the front end, 2^-32 ns
} TwEngineCounts;

enum { TW_PLAN_CAPPED = 1, TW_PLAN_THROTTLED = 2, TW_PLAN_OVER_CAP = 4, TW_PLAN_FULL = 8 };

// Whether prompts of a group wait, for what.
typedef enum TwHold { TW_HOLD_NONE, TW_HOLD_WAIT, TW_HOLD_GATHER } TwHold;

// Grouped by when it is touched, a cache line or two each: at every boundary, when its plan is made, at its ends. Of a
// group of ranks it is that of the first, whose counts, clock, plan, meter and rows are those of the group.
typedef struct TwReplica {
    _Alignas(64) TwWide time;    // when the iteration in flight began, or since when nothing runs
    TwWide meter;                // energy up to `time`
    TwSeries span, energy;       // of the iteration in flight and those that follow it
    int64_t next_ns;             // the boundary where the plan ends, rounded down; INT64_MAX: none
    int64_t iteration;           // decode clock: tokens that a decode has made since the start; drawn: stands still
    int64_t context;             // K
    int64_t step;                // decode steps, where they are speculative; drawn: of all sequences
    TwEnginePlace place;         // where its arrays are, from here
    int32_t left;                // iterations until the composition or the affine range ends
    int32_t stop;                // iterations until the planned boundary, <= left
    int32_t decodes, running, chunk_count, chunk_tokens;    // prompts in work; tokens of all in the iteration
    uint32_t oldest, youngest, unused;                      // running list, list of rows that were used
    uint32_t fresh_row;                                     // rows that were ever used
    uint8_t flags, level;
    bool busy, off, limits_changed, paused;    // paused: decodes take no part in the iteration
    uint8_t hold;                              // of all ranks: TwHold
    // handed: their blocks have not left yet; fronting: in the front end
    int32_t wait_count, loading, handed, fronting;
    uint32_t loading_first;
    int32_t clock_level;
    // the earliest of those loading, of those who may give up or go (or earlier), of those in the front end
    int64_t ready_ns, give_up_ns, front_ns;
    int64_t reserved;    // blocks promised
    TwKvPool kv;
    TwPrefixHead prefix;
    double cap_w, peak_w, full_w;    // share of the rack's cap; peak at full clock of the window, and of this plan
    // of a group, of all its ranks, when the batch last changed: what a router sees, however far a jump goes
    int64_t held_blocks, held_context;
    int64_t crossing;                // bytes through its network cards of an iteration
    int32_t gaps_of[TW_SERVICES];    // decodes that arrived after warm-up
    int64_t wait_input;              // prompt tokens of the waiting
    int64_t prompt_blocks;           // of prompts not computed, waiting and running
    double congestion;               // its network cards have so many times less than alone, >= 1
    double slow;                     // its iterations take so many times as long as they should, >= 1
    int64_t input_tokens;            // of all who wait, load or run: how long their prompts are
    int64_t booked_energy, booked_tokens;
    int64_t swapped, link_ns;    // blocks in host memory; when the host link is free
    double pace_s;               // time that a token has taken so far, at the last boundary
    double ratio;                // sglang: at its last setting
    int64_t ratio_steps;         // decode steps since then
    TwEngineCounts counts;
    TwWide gap_from;        // where decodes have paused: when they made their last token; -1: they have not
    int32_t fresh_count;    // that have joined them since then
    int32_t lent;           // of the loading those whose prompts are computed, and counted, elsewhere
    uint32_t offered;       // row of the last that came to await its KV
    int64_t store;          // from here to the replica whose arrays hold the shared tiers
    int64_t group;          // from here to the first rank of its group
    TwSeries waited;        // of the iteration in flight, as in the counts
    uint32_t gaps_made, gaps_over[TW_SERVICES];    // of its decodes since the start, where they are limited
    int32_t rank, next_rank;                       // which of its group it is; of the first: whose turn is next
    // of the first: iterations that prompts have waited, for one on each rank (of one list: for a larger batch), for
    // more
    int32_t held_wait, held_gather;
    TwTierHead tier[TW_TIERS];
    // of the group: when the front end has done what it has; of each list: when outputs last left it, and the requests
    // in it, in order, when the first of them is through
    TwWide front_free, out, front_work;    // work: of each list, to take in the requests that are in it
    TwWide begun;                          // of the group, made ahead: when the last iteration that has ended began
    uint32_t front_first, front_last;
} TwReplica;

// Requests here that are not yet in work: in its front end, or waiting for a place.
static inline int32_t tw_replica_waiting(const TwReplica *r) { return r->wait_count + r->fronting; }

// Work that its front end has still before it.
static inline TwWide tw_front_ahead(const TwReplica *r, int64_t now_ns)
{
    TwWide ahead = r->front_free - tw_time_of(now_ns);
    return ahead > 0 ? ahead : 0;
}

// Who hears what. NULL: nobody.
typedef struct TwEngineLog {
    TwLatency *latency;    // [services]
    void *context;
    void (*finished)(void *context, const TwFinished *finished);
    // a prompt is computed whose rest is done elsewhere; its row and blocks stay until tw_engine_handed
    void (*handed)(void *context, uint32_t row, const TwRow *sequence, const TwCold *cold, const TwContent *content,
                   int64_t now_ns);
    // one that awaits its KV has its blocks, of the prompt's so many with what is cached; or is here no more
    void (*reserved)(void *context, uint32_t row, int32_t there, int64_t now_ns);
    void (*forsaken)(void *context, uint32_t row, int64_t now_ns);
    // power is gone: true if it will be tried again elsewhere; `seen` tokens of it had been computed
    bool (*lost)(void *context, const TwRow *sequence, const TwCold *cold, const TwContent *content, int64_t now_ns);
    const TwPrefixWatch *watch;
    TwServiceCounts *service;    // [services]
    TwServiceCounts *tenant;     // [tenants]
} TwEngineLog;

// Sequences of a rank whose states have room, and blocks of the cache of a sequence's states: drafts keep one each.
// Where states have a pool of their own, SGLang keeps one beside those of the tokens that a step verifies.
int32_t tw_engine_state_sequences(const TwEngineSpec *spec);
// Whether its prefix cache keeps states behind pages: then the cache holds as many tokens less, and a prompt goes on
// behind a whole page.
static inline bool tw_keeps_states(const TwEngineSpec *spec)
{
    return spec->prefix_cache && spec->step->state_page_tokens > 0;
}
int64_t tw_engine_state_blocks(const TwEngineSpec *spec);
// Of so many blocks those that hold tokens, where the others hold states.
int64_t tw_engine_token_blocks(const TwEngineSpec *spec, int64_t blocks);

// False: a setting is out of range. The step source must outlive the engine.
bool tw_engine_build(TwEngine *engine, const TwEngineSpec *spec, TwError *error);
void tw_engine_start(const TwEngine *engine, TwReplica *replica, int64_t now_ns);
// The same with its arrays elsewhere, parts_bytes of them and slabs of rows: heads side by side are quicker to go over.
void tw_engine_start_apart(const TwEngine *engine, TwReplica *replica, const TwEnginePlace *place, int64_t now_ns);

// One without power becomes a replica of another engine; counts, meter and time stay.
void tw_engine_restart(const TwEngine *engine, TwReplica *replica);

// Asks the processor to bring what the next boundaries of a replica touch; changes nothing. The head first, a while
// later its arrays, a while later the rows they name.
static inline void tw_engine_fetch_head(const TwReplica *replica)
{
    for (size_t at = 0; at < sizeof *replica; at += 64) tw_fetch((const unsigned char *)replica + at);
}
void tw_engine_fetch_arrays(const TwEngine *engine, const TwReplica *replica);
// Of the other ranks of a group, once its own head is here; their arrays.
void tw_ranks_fetch_heads(const TwEngine *engine, const TwReplica *group);
void tw_ranks_fetch_arrays(const TwEngine *engine, const TwReplica *group);
TW_LOCAL void tw_engine_fetch_rows(const TwEngine *engine, const TwReplica *replica);
// Where the cache would have the runs of a request that is about to come.
TW_LOCAL void tw_engine_fetch_runs(const TwEngine *engine, TwReplica *replica, const TwRun *run, int count);
// With a prefix cache, last: the nodes of who ends and is computed next, of what is forgotten next and, unless it came
// only now, of who begins. Writes the runs whose ends will change, 0: none.
enum { TW_FETCHED = 4 };
void tw_engine_fetch_nodes(const TwEngine *engine, const TwReplica *replica, bool begins, uint64_t base[TW_FETCHED]);

// What a replica has to do and holds, all its ranks together, as of its last boundary.
typedef struct TwEngineLoad {
    int32_t running, loading, waiting, handed, lent;
    int64_t wait_input, context, prompt_blocks, blocks, free;
    int64_t held_blocks, held_context;      // when the batch last changed
    int64_t decode_steps, decode_tokens;    // steps of its decodes since the start; tokens that they made, one each
} TwEngineLoad;
TwEngineLoad tw_engine_ranks_load(const TwEngine *engine, const TwReplica *replica);
// Of all its ranks, those not yet in work, and those here at all.
int32_t tw_engine_waiting(const TwEngine *engine, const TwReplica *replica);
static inline int32_t tw_engine_requests(const TwEngine *e, const TwReplica *r)
{
    if (e->ranks == 1) return r->running + r->loading + tw_replica_waiting(r);
    const TwEngineCounts *n = &r->counts;
    return (int32_t)(n->arrived - n->completed - n->rejected - n->lost - n->cancelled - n->moved);
}
static inline TwEngineLoad tw_engine_load(const TwEngine *e, const TwReplica *r)
{
    if (e->ranks > 1) return tw_engine_ranks_load(e, r);
    return (TwEngineLoad){
        r->running, r->loading,       tw_replica_waiting(r), r->handed,  r->lent,        r->wait_input,
        r->context, r->prompt_blocks, r->kv.blocks,          r->kv.free, r->held_blocks, r->held_context,
        r->step,    r->iteration};
}
// What its front end has not passed on at now_ns, after a run up to then: outputs made, requests done. The counts have
// both; clients do not.
typedef struct TwFrontLoad {
    int64_t tokens;
    TwFrontEnded ended;
} TwFrontLoad;
TwFrontLoad tw_engine_front(const TwEngine *engine, const TwReplica *replica, int64_t now_ns);
// Blocks of a prompt, at most so many, that are cached on the device; of ranks, where most are.
int32_t tw_engine_cached(const TwEngine *engine, TwReplica *replica, TwRuns runs, int32_t most);
// Of them from block `from` on, those that would be brought back from its lower tiers rather than computed again.
TW_LOCAL int32_t tw_engine_below(const TwEngine *engine, TwReplica *replica, TwRuns runs, int32_t from, int32_t most);
// Its shared tiers lie in the arrays of `store`.
void tw_engine_share(const TwEngine *engine, TwReplica *replica, TwReplica *store);

// Processes every boundary before until_ns; then the iteration in flight is the one that until_ns falls into.
TW_LOCAL void tw_engine_run(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);

// The same without counting the iterations of an unfinished jump: enough for a router to see the load.
TW_LOCAL void tw_engine_boundaries(const TwEngine *engine, TwReplica *replica, int64_t until_ns,
                                   const TwEngineLog *log);

// A request arrives, after a run up to its time (or past it: then it is seen at the next boundary, which is how a
// closed loop answers a finish that it was told of). False: rejected and counted (queue full, unpowered, too long a
// wait, or never fits).
TW_LOCAL bool tw_engine_offer(const TwEngine *engine, TwReplica *replica, const TwRequest *request,
                              const TwEngineLog *log);

// How a request comes that is not new.
typedef struct TwComing {
    int64_t now_ns, first_ns, last_ns;    // first token, 0: none yet; the last so far
    int32_t seen, kept;                   // tokens computed elsewhere; those whose KV comes with it
    bool hand_over;                       // compute its prompt alone
    bool awaits;                          // what is kept comes once it has its blocks
    bool tied;                            // it has blocks elsewhere, and its prompt is computed here for them
    bool moved;                           // counted elsewhere as arrived
    int32_t tries;                        // refused so often before
    bool turned_away;                     // by the router: counted here as rejected
    const TwRun *run;                     // of its contents, cut before; NULL: they are cut here
    int run_count;
    bool run_fetched;    // by tw_engine_fetch_runs, a while ago
    bool run_near;       // what the cache has of them is at hand: nothing is fetched
} TwComing;
TW_LOCAL bool tw_engine_offer_as(const TwEngine *engine, TwReplica *replica, const TwRequest *request,
                                 const TwComing *coming, const TwEngineLog *log);
// The KV of a row that was handed over has left: its blocks are free at now_ns. After a run up to then.
void tw_engine_handed(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t now_ns);
// The prompt of a row with blocks is computed, and counted, elsewhere from now on; it is computed, and counted here.
void tw_engine_lend(const TwEngine *engine, TwReplica *replica, uint32_t row);
void tw_engine_returned(const TwEngine *engine, TwReplica *replica, uint32_t row, const TwComing *coming,
                        int64_t give_up_ns);
// The KV that a row with blocks awaits has come at now_ns, with its first token if first_ns > 0. After a run up to
// then.
void tw_engine_arrived(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t first_ns, int64_t now_ns);
// The KV that a row awaits will not come: what it holds is free at now_ns; it is lost, or goes on elsewhere.
void tw_engine_withdraw(const TwEngine *engine, TwReplica *replica, uint32_t row, bool lost, int64_t now_ns,
                        const TwEngineLog *log);

// Share of the rack's cap and thermal clock limit from now on, after a run up to now_ns. A cap of 0, or no supply,
// ends all requests at once (told as lost, with `seen` tokens of each computed) and the replica rests at 0 W until that
// changes.
void tw_engine_limit(const TwEngine *engine, TwReplica *replica, int64_t now_ns, double cap_w, double clock_fraction,
                     bool energised, const TwEngineLog *log);

// From the next boundary on its network cards have `congestion` times less than alone, >= 1; nothing to a replica that
// lies in one domain.
void tw_engine_congestion(const TwEngine *engine, TwReplica *replica, int64_t now_ns, double congestion);

// From the next boundary on its iterations take `slow` times as long as they should, >= 1: a straggler, whose GPUs draw
// what they draw at rest in the time that it loses.
void tw_engine_slow(TwReplica *replica, int64_t now_ns, double slow);

// The network gives reads and writes of its remote cache tier so many B/s from now on.
void tw_engine_network(const TwEngine *engine, TwReplica *replica, const double tier_bytes_s[2]);

// Bytes that its collectives sent out of its network cards up to now_ns, the iteration in flight split by time.
TW_LOCAL int64_t tw_engine_crossed(const TwReplica *replica, int64_t now_ns);

// Energy up to now_ns in units of 2^-62 J, the iteration in flight split by time. Changes nothing.
TW_LOCAL TwWide tw_engine_energy(const TwEngine *engine, const TwReplica *replica, int64_t now_ns);

// What a recorder sees at now_ns, at the last boundary before it. Changes nothing.
typedef struct TwEngineView {
    int64_t iteration, context, output_done, blocks_held;
    int running, waiting;
} TwEngineView;
void tw_engine_view(const TwEngine *engine, const TwReplica *replica, int64_t now_ns, TwEngineView *view);

// The replica's prefix cache.
TW_LOCAL TwPrefix tw_engine_prefix(const TwEngine *engine, TwReplica *replica, const TwPrefixWatch *watch);
// The runs of a request's contents, at most TW_RUNS_KEPT where they are segments. Returns how many.
TW_LOCAL int tw_engine_cut(const TwRequest *request, TwRun *run);
// The contents of a row as runs.
TW_LOCAL TwRuns tw_engine_runs(const TwEngine *engine, TwReplica *replica, uint32_t row);

// Counts everything again from the sequences: lists, heap, blocks, contexts, pending tokens. For tests.
bool tw_engine_consistent(const TwEngine *engine, const TwReplica *replica);
