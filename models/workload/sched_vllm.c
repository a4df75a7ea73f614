// vLLM's engine version 1 and those like it: decodes and chunks of prompts in one iteration (serving page, 3.1, 3.2).
#include "models/workload/engine_parts.h"

// Gives each prompt in work its tokens, what the decodes leave of the budget, in order of admission. Returns the
// blocks that the iteration takes.
static int64_t assign(const TwEngine *e, TwReplica *r, int64_t *budget, bool *changed)
{
    TwRow *rows = rows_of(e, r);
    const uint32_t *chunks = chunks_of(e, r);
    *budget = e->spec.max_tokens - (int64_t)r->decodes * (1 + drafts_of(e));
    if (*budget < 0 || (several(e->ranks) ? group_of(r)->hold > 0 : rare(r->hold > 0))) *budget = 0;
    for (int j = 0; j < r->chunk_count; j++) {
        TwRow *row = rows + chunks[j];
        int64_t rest = row_goal(row) - row->base, tokens = least(rest, *budget);
        if (rare(e->spec.long_prefill > 0)) tokens = least(tokens, e->spec.long_prefill);
        if (rare(e->spec.whole_prompts) && tokens < rest) tokens = 0;
        *changed |= tokens != row->chunk;
        row->chunk = (int32_t)tokens;
        *budget -= tokens;
    }
    return blocks_needed(e, r);
}

// The youngest; with priorities, of the lowest.
static uint32_t victim_of(const TwEngine *e, TwReplica *r)
{
    const TwRow *rows = rows_of(e, r);
    const TwLink *links = links_of(e, r);
    uint32_t victim = r->youngest;
    if (!rare(e->spec.priorities > 1)) return victim;
    for (uint32_t row = links[victim].before; row != TW_NO_ROW; row = links[row].before)
        if (rows[row].priority < rows[victim].priority) victim = row;
    return victim;
}

// Blocks of their own, in the iteration that is scheduled, of all that run below a priority.
static int64_t held_below(const TwEngine *e, TwReplica *r, int priority)
{
    const TwRow *rows = rows_of(e, r);
    const uint32_t *chunks = chunks_of(e, r);
    int64_t held = 0;
    for (uint32_t at = r->oldest; at != TW_NO_ROW; at = links_of(e, r)[at].after) {
        const TwRow *row = rows + at;
        if (row->priority >= priority) continue;
        int j = 0;
        while (j < r->chunk_count && chunks[j] != at) j++;
        int64_t tokens = j < r->chunk_count ? row->base + row->chunk : row->base + r->iteration + row_ahead(e, r, row);
        held += tw_kv_cover(&r->kv, tokens) - row->shared;
    }
    return held;
}

// Where who waits outranks somebody who runs and does not fit, the lowest and youngest go back to the waiting until it
// does, if there are enough of them: what they and the free blocks hold together only shrinks until the next change of
// the batch, so that who finds no room now finds none before it. Returns its priority, -1: nobody went.
static int make_room(const TwEngine *e, TwReplica *r, bool *changed, const TwEngineLog *log)
{
    if (r->wait_count == 0 || r->running == 0) return -1;
    uint32_t head = tw_seq_head(e, r);
    const TwRow *rows = rows_of(e, r), *row = rows + head;
    int64_t budget;
    bool any = false;
    for (;;) {
        uint32_t victim = r->running > 0 ? victim_of(e, r) : TW_NO_ROW;
        if (victim == TW_NO_ROW || rows[victim].priority >= row->priority) break;
        int64_t free = r->kv.free - assign(e, r, &budget, changed);
        if (free >= 0) tw_seq_reclaim(e, r, log);
        TwAdmission a;
        tw_seq_look(e, r, head, &a);
        int64_t short_by = a.need - free;
        bool placed = r->running + r->loading < e->spec.max_sequences;
        if (placed && short_by <= 0) break;
        if (!any) {
            if (budget <= 0 || (e->spec.whole_prompts && a.goal - a.base > budget)) break;
            if (short_by > held_below(e, r, row->priority)) break;
        }
        tw_seq_preempt(e, r, victim, true, log);
        any = true;
    }
    return any ? row->priority : -1;
}

// Admits from the head of the waiting while the whole sequence so far fits, nobody below `lowest`. True: somebody was.
static bool admit(const TwEngine *e, TwReplica *r, int64_t budget, int lowest, const TwEngineLog *log)
{
    bool any = false;
    while (r->wait_count > 0 && budget > 0 && r->running + r->loading < e->spec.max_sequences) {
        uint32_t head = tw_seq_head(e, r);
        if (rare(rows_of(e, r)[head].priority < lowest)) break;
        tw_seq_reclaim(e, r, log);
        TwAdmission a;
        tw_seq_look(e, r, head, &a);
        if (a.need > r->kv.free) break;
        if (e->reserves) {
            const TwRow *row = rows_of(e, r) + head;
            int64_t blocks = tw_kv_cover(&r->kv, tokens_at_most(e, row->input, row->output));
            if (r->reserved + blocks > r->kv.blocks) break;
        }
        int64_t rest = a.goal - a.base, tokens = least(rest, budget);
        if (rare(e->spec.long_prefill > 0)) tokens = least(tokens, e->spec.long_prefill);
        if (rare(e->spec.whole_prompts) && tokens < rest) break;
        any = true;
        if (tw_seq_admit(e, r, &a, tokens, log)) budget -= tokens;
    }
    return any;
}

bool tw_schedule_mixed(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    bool changed = false, preempted = false;
    bool fill = !rare(e->spec.policy == TW_STATIC_BATCH) || r->running + r->loading == 0;
    int64_t budget, need;
    int lowest = rare(e->spec.outrank) ? make_room(e, r, &changed, log) : -1;
    changed |= lowest >= 0;
    while ((need = assign(e, r, &budget, &changed)) > r->kv.free) {
        tw_seq_preempt(e, r, victim_of(e, r), true, log);
        changed = preempted = true;
    }
    r->kv.free -= need;
    if (!preempted && fill && r->wait_count > 0) changed |= admit(e, r, budget, lowest, log);
    return changed;
}
