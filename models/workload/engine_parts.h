// The pieces of a replica that engine*.c, seq*.c and sched*.c share: its arrays, its queues, its finish heap.
#pragma once

#include "models/workload/engine.h"

#include <assert.h>

#define TW_NO_ROW 0xffffffffu

static inline void *part(TwReplica *replica, size_t offset)
{
    return (unsigned char *)replica + replica->place.parts + (ptrdiff_t)offset;
}
static inline const void *part_const(const TwReplica *replica, size_t offset)
{
    return (const unsigned char *)replica + replica->place.parts + (ptrdiff_t)offset;
}
static inline void *row_array(TwReplica *r, TwRowArray which) { return (unsigned char *)r + r->place.rows[which]; }
static inline const void *row_array_const(const TwReplica *r, TwRowArray which)
{
    return (const unsigned char *)r + r->place.rows[which];
}
// Bytes of a slab of rows in one of their arrays.
static inline size_t slab_bytes(const TwEngine *e, int array) { return e->row_bytes[array] * TW_SLAB_ROWS; }
static inline TwRow *rows_of(const TwEngine *e, TwReplica *r) { return (void)e, row_array(r, TW_ROWS); }
static inline TwCold *cold_of(const TwEngine *e, TwReplica *r) { return (void)e, row_array(r, TW_COLDS); }
static inline TwContent *content_of(const TwEngine *e, TwReplica *r)
{
    return e->keeps_content ? row_array(r, TW_CONTENTS) : NULL;
}
static inline TwGapCount *gap_counts_of(TwReplica *r) { return row_array(r, TW_GAPS); }
static inline TwLink *links_of(const TwEngine *e, TwReplica *r) { return (void)e, row_array(r, TW_LINKS); }
static inline uint64_t *heap_of(const TwEngine *e, TwReplica *r) { return part(r, e->heap); }
static inline uint32_t *chunks_of(const TwEngine *e, TwReplica *r) { return part(r, e->chunks); }
static inline uint32_t *fresh_of(const TwEngine *e, TwReplica *r) { return part(r, e->fresh); }
static inline uint16_t *residues_of(const TwEngine *e, TwReplica *r) { return part(r, e->residues); }
static inline TwFrontTail *tail_of(const TwEngine *e, TwReplica *r) { return part(r, e->tail); }
static inline TwQueue *queues_of(const TwEngine *e, TwReplica *r) { return part(r, e->queue); }

// The first of its group, which has the group's counts, rows and clock.
static inline TwReplica *group_of(TwReplica *r)
{
    return several(2) ? (TwReplica *)((unsigned char *)r + r->group) : r;
}
static inline int ranks_of(const TwEngine *e) { return several(e->ranks) ? e->ranks : 1; }
static inline TwEngineCounts *counts_of(TwReplica *r) { return &group_of(r)->counts; }
// Where the head of rank k >= 1 lies, from the first one's arrays: each rank's arrays follow its head.
static inline size_t rank_at(const TwEngine *e, int k)
{
    return e->list_bytes + (size_t)(k - 1) * (sizeof(TwReplica) + e->list_bytes);
}
static inline TwReplica *rank_of(const TwEngine *e, TwReplica *group, int k)
{
    return k == 0 ? group : part(group, rank_at(e, k));
}
static inline const TwReplica *rank_const(const TwEngine *e, const TwReplica *group, int k)
{
    return k == 0 ? group : part_const(group, rank_at(e, k));
}

// --- the book of a group ---------------------------------------------------------------------------------------------

// What the boundaries of a group need to know of its ranks, side by side: a rank to which nothing happens is not looked
// at. Its head has its clock, context and free blocks of when something last did (tw_ranks_settle). Kept for plain
// engines of several ranks without a prefix cache.
enum {
    TW_RANK_CHUNK = 1,      // computes a prompt
    TW_RANK_PROMPT = 2,     // does, or could begin one
    TW_RANK_FULL = 4,       // all its places decode
    TW_RANK_IDLE = 8,       // none does
    TW_RANK_WAITS = 16,     // somebody waits with it
    TW_RANK_OVER = 32,      // and has no place
    TW_RANK_ACTIVE = 64,    // is looked at at each boundary
    TW_RANK_FLAGS = 7
};

typedef struct TwRankEntry {
    int64_t finish;     // decode clock of its first finish; INT64_MAX: none decodes
    uint32_t ends;      // row of who finishes then
    int64_t base;       // context less decodes times the decode clock
    int64_t taken;      // first iteration whose blocks have not been taken from the free ones
    int64_t lasts;      // all iterations before it find their blocks
    int64_t prompts;    // tokens of prompts, where the router asks for them: to compute, or of all who are here
    int32_t decodes;    // as of the last plan
    int32_t running, waiting;    // with a place; without
    uint32_t flags;
} TwRankEntry;

typedef struct TwRankBook {
    int32_t decodes, prompt_tokens;    // of all: that decode; of chunks in the iteration
    int32_t flagged[TW_RANK_FLAGS];    // ranks with each flag
    int32_t gaps_of[TW_SERVICES];      // as in the heads
    TwRankEntry rank[];
} TwRankBook;

static inline bool booked(const TwEngine *e) { return TW_RANKED && e->booked; }
// Who finds no place with a rank goes on to the first that has one.
static inline bool moves_on(const TwEngine *e)
{
    return e->spec.rank_router == TW_RANK_CENTRAL || e->spec.rank_router == TW_RANK_TRTLLM_ADP;
}
static inline TwRankBook *book_of(const TwEngine *e, TwReplica *group) { return part(group, e->book); }
static inline const TwRankBook *book_const(const TwEngine *e, const TwReplica *g) { return part_const(g, e->book); }
static inline int32_t ranks_flagged(const TwRankBook *book, unsigned flag)
{
    return book->flagged[__builtin_ctz(flag)];
}

static inline void set_time(const TwEngine *e, TwReplica *r, TwWide time)
{
    for (int k = 0; k < ranks_of(e); k++) rank_of(e, r, k)->time = time;
}

static inline TwTier tier_of(const TwEngine *e, TwReplica *r, int t)
{
    const TwTierPlan *plan = &e->tiers[t];
    TwReplica *store = plan->shared ? (TwReplica *)((unsigned char *)r + r->store) : r;
    return (TwTier){plan, &store->tier[t], &r->tier[t], part(store, plan->row_at), part(store, plan->table_at)};
}

// Finish heap, 4-ary, of (decode clock at which the sequence finishes, row): absolute, so nothing is decremented.
static inline uint64_t finish_key(int64_t clock, uint32_t row) { return (uint64_t)clock << 24 | row; }
static inline int64_t finish_clock(uint64_t key) { return (int64_t)(key >> 24); }
static inline uint32_t finish_row(uint64_t key) { return (uint32_t)key & 0xffffff; }

static inline void heap_rise(uint64_t *heap, int at, uint64_t key)
{
    while (at > 0 && heap[(at - 1) / 4] > key) {
        heap[at] = heap[(at - 1) / 4];
        at = (at - 1) / 4;
    }
    heap[at] = key;
}

enum { TW_HEAP_NEAR = 48 };    // sequences whose heap stays near the processor
static inline void heap_sink(uint64_t *heap, int count, int at, uint64_t key)
{
    for (;;) {
        int child = 4 * at + 1, best = child;
        if (child + 4 <= count) {
            if (count > TW_HEAP_NEAR) {
                tw_fetch(heap + 4 * child + 1);    // the sixteen below the four: two cache lines
                tw_fetch(heap + 4 * child + 9);
            }
            // the least of four without a branch: which it is cannot be foreseen
            const uint64_t *c = heap + child;
            int left = c[1] < c[0], right = 2 + (c[3] < c[2]);
            best += left + (-(c[right] < c[left]) & (right - left));
        } else {
            if (child >= count) break;
            for (int c = child + 1; c < count; c++) best = heap[c] < heap[best] ? c : best;
        }
        if (heap[best] >= key) break;
        heap[at] = heap[best];
        at = best;
    }
    heap[at] = key;
}

// Tokens that a sequence must have computed before its next output: prompt, and outputs of before a preemption.
static inline int32_t goal_of(int32_t input, int32_t seen) { return seen >= input ? seen + 1 : input; }
static inline int32_t produced_of(int32_t input, int32_t seen) { return seen >= input ? seen - input + 1 : 0; }
static inline int32_t row_goal(const TwRow *row) { return goal_of(row->input, row->seen); }

// Decode clock at which a decode has made its last token.
static inline int64_t row_finish(const TwRow *row) { return (int64_t)row->input + row->output - 1 - row->base; }

// Where acceptance is drawn the decode clock stands here, and contexts move: finishes overshot stay above 0.
enum { TW_DRAWN_CLOCK = 2 * TW_DRAFT_MOST };

// Tokens that a decode makes in the next m decode steps: drafts are accepted by all sequences alike, their mean exact.
static inline int64_t tokens_ahead(const TwEngine *e, const TwReplica *r, int64_t m)
{
    if (!rare(e->draft_mean > 0) || e->drawn) return m;
    return (int64_t)((TwWide)(r->step + m) * e->draft_mean >> 32) - r->iteration;
}

// Tokens that one decode makes in the next step. Drawn: by a hash of who it is and how long it is by now.
static inline int64_t row_ahead(const TwEngine *e, const TwReplica *r, const TwRow *row)
{
    if (!rare(e->drawn)) return tokens_ahead(e, r, 1);
    uint64_t u =
        tw_content_mix(tw_content_mix((uint64_t)row->arrival_ns, row->id), (uint64_t)(row->base + r->iteration));
    int made = 0;
    while (made < e->spec.speculate.draft && u < e->chain[made]) made++;
    int64_t left = (int64_t)row->input + row->output - 1 - row->base - r->iteration;
    return made + 1 < left ? made + 1 : left;
}

// Drafts of a step.
static inline int drafts_of(const TwEngine *e) { return rare(true) ? e->spec.speculate.draft : 0; }

// Most tokens that a sequence has in memory: all but the last, and by the mean drafts that all accept beyond its end.
static inline int64_t tokens_at_most(const TwEngine *e, int32_t input, int32_t output)
{
    return (int64_t)input + output - 1 + (e->drawn ? 0 : drafts_of(e));
}

// Blocks of a prompt in work, up to `computed` tokens of it.
static inline int64_t chunk_blocks(const TwEngine *e, const TwReplica *r, const TwRow *row, int64_t computed)
{
    if (!rare(e->all_at_once)) return tw_kv_cover(&r->kv, computed);
    // of one that awaits its KV all that is computed elsewhere
    return tw_kv_cover(&r->kv, row->awaits ? goal_of(row->input, (int32_t)computed) : row_goal(row));
}

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

// When the outputs of the last boundary are seen.
static inline TwWide out_time(const TwEngine *e, const TwReplica *r) { return rare(e->fronts) ? r->out : r->time; }
static inline int64_t out_ns(const TwEngine *e, const TwReplica *r) { return tw_ns_of(out_time(e, r)); }

// --- sched.c: what happens at a boundary, from the iteration that ended there to the plan of those that follow ------

TW_LOCAL void tw_sched_boundary(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);
// What ends on one list with the iteration before this boundary, gives up, has been loaded; true: its composition is
// not what it was.
TW_LOCAL bool tw_sched_ends(const TwEngine *engine, TwReplica *list, const TwEngineLog *log);
// Who takes part next; true: the same, or was so before. `once`: the next iteration is looked at by itself.
TW_LOCAL bool tw_sched_turn(const TwEngine *engine, TwReplica *list, bool changed, bool *once, const TwEngineLog *log);
// What is scheduled on a list, as a step source wants it (sets its chunk_tokens); whether anything is.
TW_LOCAL void tw_sched_batch(const TwEngine *engine, TwReplica *list, TwBatch *batch);
TW_LOCAL bool tw_sched_works(const TwEngine *engine, TwReplica *list);
// The series of a cost of a batch; what the images of prompts that begin add to it. Returns those images.
TW_LOCAL double tw_sched_slow_w(double watts, double slow, double wait_w);
TW_LOCAL TwSeries tw_sched_series(const TwEngine *engine, TwAffine cost, double scale, const TwBatch *batch);
TW_LOCAL int tw_sched_images(const TwEngine *engine, TwReplica *list);
// Iterations to the end of a composition; of them, those that find their blocks and see nothing of the list's own.
TW_LOCAL int32_t tw_sched_end(const TwEngine *engine, TwReplica *list, const TwBatch *batch, const TwStep *step);
TW_LOCAL int64_t tw_sched_last(const TwEngine *engine, TwReplica *list, int64_t m);
TW_LOCAL int64_t tw_sched_event(const TwEngine *engine,
                                const TwReplica *list);    // in ns, at which a list is to be looked at; INT64_MAX: none
// What routers see of a list until its batch changes again: the same for any way of stepping.
static inline void tw_sched_held(const TwEngine *e, TwReplica *list)
{
    if (!e->spec.seen) return;
    list->held_blocks = list->kv.blocks - list->kv.free;
    list->held_context = list->context;
}
// Takes what the source has chosen; when a list that rests is to be looked at.
TW_LOCAL void tw_sched_chosen(TwReplica *replica, const TwStepLimits *limits, const TwStepChoice *choice);
TW_LOCAL int64_t tw_sched_rests(const TwReplica *list);
// ranks.c: the boundary of a group of ranks.
TW_RANKS_LOCAL void tw_ranks_boundary(const TwEngine *engine, TwReplica *group, const TwEngineLog *log);
// Which rank gets a request.
TW_RANKS_LOCAL TwReplica *tw_ranks_choose(const TwEngine *engine, TwReplica *group, const TwRequest *request,
                                          int64_t now_ns);
// Writes into the book who is with a rank, after somebody came.
TW_RANKS_LOCAL void tw_ranks_note(const TwEngine *engine, TwReplica *group, TwReplica *list);
// Brings all ranks up to date after a run; m iterations of the plan have just been counted.
TW_RANKS_LOCAL void tw_ranks_settle_all(const TwEngine *engine, TwReplica *group, int64_t m);
// Boundaries of the plan of a group before now_ns; how far a list is then.
TW_LOCAL int64_t tw_engine_passed(const TwReplica *group, int64_t now_ns);
// Ends the plan at the first boundary at or after now_ns.
TW_LOCAL void tw_engine_shorten(TwReplica *group, int64_t now_ns);
void tw_engine_look(const TwEngine *engine, const TwReplica *list, int64_t m, TwEngineView *view);
// Counts `from` to `to` as computed for a sequence that had `seen` before.
TW_LOCAL void tw_sched_progress(TwReplica *replica, int32_t input, int32_t seen, int64_t from, int64_t to);
// Takes the blocks of the iteration that begins; they were found when the plan was made.
TW_LOCAL void tw_sched_resume(const TwEngine *engine, TwReplica *replica);
TW_LOCAL int64_t tw_sched_need(const TwEngine *engine, TwReplica *replica);
// Decodes alone: each full round of b iterations takes one block for every one, enough nearly always.
static inline bool plenty(const TwEngine *e, const TwReplica *r, int64_t m)
{
    return r->chunk_count == 0 && !rare(e->restarts) && !rare(e->draft_mean > 0) &&
           (((m - 1) >> r->kv.shift) + 1) * r->decodes <= r->kv.free;
}
// The same, at once where decodes go alone, a token each.
static inline int64_t blocks_needed(const TwEngine *e, TwReplica *r)
{
    if (r->chunk_count > 0 || rare(e->draft_mean > 0)) return tw_sched_need(e, r);
    return rare(r->paused) ? 0 : tw_kv_step(&r->kv, residues_of(e, r), r->iteration);
}

// --- engine_plain.c: the same for plain engines ----------------------------------------------------------------------

void tw_plain_boundaries(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);
void tw_plain_run(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);
bool tw_plain_offer_as(const TwEngine *engine, TwReplica *replica, const TwRequest *request, const TwComing *coming,
                       const TwEngineLog *log);
void tw_ranked_boundaries(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);
void tw_ranked_run(const TwEngine *engine, TwReplica *replica, int64_t until_ns, const TwEngineLog *log);
bool tw_ranked_offer_as(const TwEngine *engine, TwReplica *replica, const TwRequest *request, const TwComing *coming,
                        const TwEngineLog *log);

// --- seq.c: sequences on their way in: waiting, loading, running -----------------------------------------------------

TW_LOCAL uint32_t tw_seq_new(const TwEngine *engine, TwReplica *replica);
// The row of a group that comes next, TW_NO_ROW: all are in use.
static inline uint32_t tw_seq_next(const TwEngine *e, const TwReplica *r)
{
    if (r->unused != TW_NO_ROW) return r->unused;
    if (r->fresh_row >= (uint32_t)e->rows_max) return TW_NO_ROW;
    return r->fresh_row / TW_SLAB_ROWS * (uint32_t)r->place.stride + r->fresh_row % TW_SLAB_ROWS;
}
TW_LOCAL void tw_seq_free(const TwEngine *engine, TwReplica *replica, uint32_t row);
TW_LOCAL void tw_seq_wait(const TwEngine *engine, TwReplica *replica, uint32_t row, bool first);
TW_LOCAL void tw_seq_unwait(const TwEngine *engine, TwReplica *replica, uint32_t row);
TW_LOCAL uint32_t tw_seq_head(const TwEngine *engine, TwReplica *replica);    // who is next; TW_NO_ROW: nobody waits
// The last in the queue of lowest priority, to be shed for one of `priority`; TW_NO_ROW: none is lower.
TW_LOCAL uint32_t tw_seq_lowest(const TwEngine *engine, TwReplica *replica, int priority);

// What an admission would find and need.
typedef struct TwAdmission {
    uint32_t row;
    int32_t goal, base;    // tokens to be computed before the next output; those there already
    int64_t need;          // blocks for the whole of it, those found unheld among them
    int64_t ready_ns;      // when what is brought back is here; 0: at once
    TwPrefixHit hit;
    int32_t brought[TW_TIERS];    // blocks from each tier
} TwAdmission;
TW_LOCAL void tw_seq_look(const TwEngine *engine, TwReplica *replica, uint32_t row, TwAdmission *admission);
// Takes it from the waiting with `tokens` of it in the next iteration. False: it loads first, and takes no part yet.
TW_LOCAL bool tw_seq_admit(const TwEngine *engine, TwReplica *replica, const TwAdmission *admission, int64_t tokens,
                           const TwEngineLog *log);
// Those whose loading is over join the running. True: somebody did.
TW_LOCAL bool tw_seq_join(const TwEngine *engine, TwReplica *replica);
// Those whom the front end has passed on join the waiting.
TW_LOCAL void tw_seq_enter(const TwEngine *engine, TwReplica *replica);
// No longer on the list of the running; among the prompts in work, where true says it was.
TW_LOCAL void tw_seq_unlist(const TwEngine *engine, TwReplica *replica, uint32_t row);
TW_LOCAL bool tw_seq_unchunk(const TwEngine *engine, TwReplica *replica, uint32_t row);

// --- seq_cache.c: what sequences have in common with others: contents, prefix cache, tiers
// ----------------------------

// Cuts the contents of a new one once, and fetches where the cache would have its runs.
TW_LOCAL void tw_seq_keep_runs(const TwEngine *engine, TwReplica *replica, uint32_t row, const TwRequest *request,
                               const TwComing *coming);
// What is cached of one to be let in, on the device and below: its base, need, ready_ns, hit and brought.
TW_LOCAL void tw_seq_find(const TwEngine *engine, TwReplica *replica, TwAdmission *admission);
// Brings what was found below; when it is there, in ns. Holds what was found on the device, and counts what was found.
TW_LOCAL int64_t tw_seq_bring(const TwEngine *engine, TwReplica *replica, const TwAdmission *admission);
TW_LOCAL void tw_seq_hold(const TwEngine *engine, TwReplica *replica, const TwAdmission *admission,
                          const TwEngineLog *log);
// Makes the blocks of a running one findable that has `computed` tokens, where nobody else's copy is already.
TW_LOCAL void tw_seq_publish(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t computed,
                             const TwEngineLog *log);
// Gives back its `held` blocks, with `computed` tokens in them: those go to the cache.
TW_LOCAL void tw_seq_release(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t computed, int64_t held,
                             const TwEngineLog *log);
// Forgets what is cached beyond what is free, and what has been kept long enough.
TW_LOCAL void tw_seq_forget(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);
static inline void tw_seq_reclaim(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    if (r->prefix.unheld > r->kv.free || rare(e->prefix.timed)) tw_seq_forget(e, r, log);
}

// --- seq_out.c: sequences that leave the running ---------------------------------------------------------------------

// When a running one made its last token.
TW_LOCAL int64_t tw_seq_last_token(const TwEngine *engine, TwReplica *replica, uint32_t row);
// What was reserved for its answer is free.
TW_LOCAL void tw_seq_unreserve(const TwEngine *engine, TwReplica *replica, const TwRow *row);
// Back to the waiting, at their head or end.
TW_LOCAL void tw_seq_preempt(const TwEngine *engine, TwReplica *replica, uint32_t row, bool first,
                             const TwEngineLog *log);
// When who is in flight goes, if it is not done by then; INT64_MAX: never.
TW_LOCAL int64_t tw_seq_goes(const TwEngine *engine, const TwRow *row);
// Those who have waited too long, for a first token or for the end, go. True: somebody who was running did.
TW_LOCAL bool tw_seq_give_up(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);
// A prompt is computed: it decodes from here, is handed on or is done.
TW_LOCAL void tw_seq_chunk_done(const TwEngine *engine, TwReplica *replica, uint32_t row, const TwEngineLog *log);
// The decode at the top of the heap has made its last token.
TW_LOCAL void tw_seq_decode_done(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);

// --- seq_end.c: how a sequence ends, who counts it and who is told
// -----------------------------------------------------

TW_LOCAL void tw_seq_end(const TwEngine *engine, TwReplica *replica, const TwRow *row, TwOutcome outcome,
                         int64_t now_ns, const TwEngineLog *log);
// What is not done of one that has `computed` tokens is dropped, and its row is free.
TW_LOCAL void tw_seq_drop(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t computed, TwOutcome outcome,
                          int64_t now_ns, const TwEngineLog *log);
// The same where power is gone, unless it will be tried again elsewhere. Lists and memory are the caller's.
TW_LOCAL void tw_seq_lose(const TwEngine *engine, TwReplica *replica, uint32_t row, int64_t computed,
                          const TwEngineLog *log);
// What is left of it is done elsewhere.
TW_LOCAL void tw_seq_move_on(const TwEngine *engine, TwReplica *replica, uint32_t row);

// --- the policies: schedule the next iteration, take its blocks; true: the composition is not what it was -----------

TW_LOCAL bool tw_schedule_mixed(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);    // sched_vllm.c
bool tw_schedule_sglang(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);           // sched_sglang.c
bool tw_schedule_sarathi(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);          // sched_simple.c
bool tw_schedule_prefill_first(const TwEngine *engine, TwReplica *replica, const TwEngineLog *log);    // sched_simple.c
int64_t tw_sglang_most(const TwEngine *engine, TwReplica *replica, int64_t most);    // steps until who waits may fit
