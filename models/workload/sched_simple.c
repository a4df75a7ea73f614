// The two policies of Vidur that its own cases use: Sarathi's chunks, and vLLM before version 1 (serving
// page, 3.4, 3.5).
//
// Both keep the running in order of arrival, take all blocks of a prompt when it is admitted, keep a watermark of free
// ones then, and want a free block for each decode whether it needs one or not; where there is none, the last to have
// arrived is restarted.
#include "models/workload/engine_parts.h"

// The decodes of the next iteration take their blocks. True: somebody was restarted.
static bool decodes_take(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    if (r->decodes == 0) return false;
    int64_t need = tw_kv_step(&r->kv, residues_of(e, r), r->iteration);
    if (r->kv.free - need >= 1) {
        r->kv.free -= need;
        return false;
    }
    bool restarted = false;
    const TwRow *rows = rows_of(e, r);
    int64_t taken = 0;
    for (uint32_t row = r->oldest, after; row != TW_NO_ROW; row = after) {
        bool prompt = false;
        for (int j = 0; j < r->chunk_count; j++) prompt |= chunks_of(e, r)[j] == row;
        bool self = false;
        while (!prompt && !self && r->kv.free < 1) {
            // blocks taken before stay taken: `taken` decodes hold one more than their context says
            uint32_t last = r->youngest;
            self = last == row;
            after = links_of(e, r)[row].after;
            tw_seq_preempt(e, r, last, true, log);
            restarted = true;
        }
        if (self) break;
        after = links_of(e, r)[row].after;
        if (prompt) continue;
        int64_t context = rows[row].base + r->iteration;
        if ((context & ((1 << r->kv.shift) - 1)) == 0) {
            r->kv.free--;
            taken++;
        }
    }
    (void)taken;
    return restarted;
}

// Whether the head of the waiting fits above the watermark.
static bool fits(const TwEngine *e, TwReplica *r, TwAdmission *a)
{
    if (r->wait_count == 0 || r->running + r->loading >= e->spec.max_sequences) return false;
    tw_seq_look(e, r, tw_seq_head(e, r), a);
    return r->kv.free - a->need >= e->spec.watermark_blocks;
}

bool tw_schedule_sarathi(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    bool changed = decodes_take(e, r, log);
    int64_t budget = e->spec.max_tokens - r->decodes;
    TwRow *rows = rows_of(e, r);
    for (int j = 0; j < r->chunk_count; j++) {
        TwRow *row = rows + chunks_of(e, r)[j];
        int64_t tokens = least(row_goal(row) - row->base, budget > 0 ? budget : 0);
        changed |= tokens != row->chunk;
        row->chunk = (int32_t)tokens;
        budget -= tokens;
    }
    TwAdmission a;
    while (budget > 0 && (tw_seq_reclaim(e, r, log), fits(e, r, &a))) {
        int64_t tokens = least(a.goal - a.base, budget);
        if (tw_seq_admit(e, r, &a, tokens, log)) budget -= tokens;
        changed = true;
    }
    return changed;
}

bool tw_schedule_prefill_first(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    int64_t count = 0, longest = 0;
    TwRow *rows = rows_of(e, r);
    for (int j = 0; j < r->chunk_count; j++) {    // what was loading and is here now
        TwRow *row = rows + chunks_of(e, r)[j];
        row->chunk = row_goal(row) - (int32_t)row->base;
        longest = longest > row->chunk ? longest : row->chunk;
        count++;
    }
    TwAdmission a;
    while ((tw_seq_reclaim(e, r, log), fits(e, r, &a))) {
        int64_t tokens = a.goal - a.base, padded = longest > tokens ? longest : tokens;
        if ((count + 1) * padded > e->spec.max_tokens) break;
        longest = padded;
        if (tw_seq_admit(e, r, &a, tokens, log)) count++;
    }
    r->paused = count > 0;
    if (count > 0) return true;
    return decodes_take(e, r, log);
}
