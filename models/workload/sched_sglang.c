// SGLang's scheduler: prompts alone while any waits and fits, otherwise decodes (serving page, 3.3).
//
// Admission keeps memory for outputs to come: of each running sequence what it may still write, at most 4,096 tokens,
// times a ratio that falls with each decode step and is set anew when memory ran out and somebody was retracted.
#include "models/workload/engine_parts.h"

enum { CLIP = 4096, LONGEST_SORTED = 128, KEPT_TOKENS = 20, FALL_STEPS = 600 };

static double ratio_first(const TwEngine *e) { return 0.7 * e->spec.sglang.conservativeness; }
static double ratio_least(const TwEngine *e) { return 0.14 * ratio_first(e); }

static double ratio_of(const TwEngine *e, const TwReplica *r)
{
    double fall = (ratio_first(e) - ratio_least(e)) / FALL_STEPS, now = r->ratio - fall * (double)r->ratio_steps;
    return now > ratio_least(e) ? now : ratio_least(e);
}

static bool in_work(const TwEngine *e, TwReplica *r, uint32_t row)
{
    for (int j = 0; j < r->chunk_count; j++)
        if (chunks_of(e, r)[j] == row) return true;
    return false;
}

// Outputs that a running sequence has made.
static int64_t outputs_of(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwRow *at = rows_of(e, r) + row;
    if (in_work(e, r, row)) return produced_of(at->input, at->seen);
    return at->base + r->iteration - at->input + 1;
}

// Tokens kept for what the running may still write.
static double kept_tokens(const TwEngine *e, TwReplica *r)
{
    int64_t sum = 0;
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links_of(e, r)[row].after)
        sum += least(rows_of(e, r)[row].output - outputs_of(e, r, row), CLIP);
    return (double)sum * ratio_of(e, r);
}

// Memory ran out: those with the fewest outputs go, but never the last one.
static void retract(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    do {
        uint32_t victim = TW_NO_ROW;
        int64_t fewest = 0, longest = 0;
        for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links_of(e, r)[row].after) {
            int64_t outputs = outputs_of(e, r, row), input = rows_of(e, r)[row].input;
            if (victim != TW_NO_ROW && (outputs > fewest || (outputs == fewest && input <= longest))) continue;
            victim = row;
            fewest = outputs;
            longest = input;
        }
        tw_seq_preempt(e, r, victim, false, log);
    } while (r->running > 1 &&
             (tw_sched_need(e, r) > r->kv.free || r->kv.free << r->kv.shift < (int64_t)KEPT_TOKENS * r->running));
    int64_t decoded = 0, most = 0;
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links_of(e, r)[row].after) {
        decoded += outputs_of(e, r, row);
        most += rows_of(e, r)[row].output;
    }
    double ratio = most > 0 ? (double)(decoded + KEPT_TOKENS * r->running) / (double)most : 1.0;
    r->ratio = ratio < 1.0 ? ratio : 1.0;
    r->ratio_steps = 0;
}

// Who is looked at next: the first, or, while few wait, who has most of its prompt cached.
static uint32_t next_of(const TwEngine *e, TwReplica *r)
{
    uint32_t head = tw_seq_head(e, r);
    if (!e->spec.sglang.longest_prefix || !e->spec.prefix_cache || r->wait_count > LONGEST_SORTED) return head;
    uint32_t best = head;
    int32_t longest = -1;
    for (int q = 0; q < e->queues; q++)
        for (uint32_t row = queues_of(e, r)[q].first; row != TW_NO_ROW; row = links_of(e, r)[row].after) {
            if (rows_of(e, r)[row].priority < rows_of(e, r)[head].priority) continue;
            TwAdmission a;
            tw_seq_look(e, r, row, &a);
            int32_t blocks = a.hit.blocks;
            if (blocks > longest) {
                longest = blocks;
                best = row;
            }
        }
    return best;
}

// What is kept falls with each output while free memory falls by whole blocks: in between who waits may come to fit.
int64_t tw_sglang_most(const TwEngine *e, TwReplica *r, int64_t most)
{
    if (r->paused || r->decodes == 0 || r->running + r->loading >= e->spec.max_sequences) return most;
    double ratio = ratio_of(e, r);
    if (ratio > ratio_least(e)) return 1;
    // who has most of its prompt cached is another as blocks of prompts are forgotten for outputs
    if (e->spec.sglang.longest_prefix && e->spec.prefix_cache && r->wait_count > 1) {
        most = least(most, (r->kv.free - r->prefix.unheld) / r->decodes);
        if (most < 1) return 1;
    }
    TwAdmission a;
    tw_seq_look(e, r, next_of(e, r), &a);
    double short_by = kept_tokens(e, r) - (double)(r->kv.free - a.need) * (double)(1 << r->kv.shift);
    double steps = short_by / (ratio * (double)r->decodes);
    return steps < 1.0 ? 1 : steps < (double)most ? (int64_t)steps : most;
}

bool tw_schedule_sglang(const TwEngine *e, TwReplica *r, const TwEngineLog *log)
{
    TwRow *rows = rows_of(e, r);
    int64_t total = e->spec.sglang.prefill_tokens, chunk = e->spec.sglang.chunk_tokens;
    bool changed = false, any = false, whole = true;
    r->paused = true;

    // the one prompt that was cut goes on; what was loading and is here now too
    for (int j = 0; j < r->chunk_count; j++) {
        TwRow *row = rows + chunks_of(e, r)[j];
        int64_t rest = row_goal(row) - row->base, tokens = least(rest, least(chunk, total));
        int64_t room = tw_kv_cover(&r->kv, row->base);    // as far as the memory goes
        tokens = least(tokens, (room + r->kv.free - r->kv.state) * ((int64_t)1 << r->kv.shift) - row->base);
        changed |= tokens != row->chunk;
        row->chunk = (int32_t)tokens;
        r->kv.free -= tw_kv_cover(&r->kv, row->base + tokens) - room;
        chunk -= tokens;
        total -= tokens;
        any |= tokens > 0;
        whole &= tokens == rest;
    }
    while (whole && r->wait_count > 0 && total > 0 && chunk > 0 && r->running + r->loading < e->spec.max_sequences) {
        tw_seq_reclaim(e, r, log);
        TwAdmission a;
        tw_seq_look(e, r, next_of(e, r), &a);
        if ((double)(r->kv.free - a.need) * (double)(1 << r->kv.shift) < kept_tokens(e, r)) break;
        int64_t rest = a.goal - a.base, tokens = least(rest, least(chunk, total));
        changed = true;
        if (!tw_seq_admit(e, r, &a, tokens, log)) continue;
        chunk -= tokens;
        total -= tokens;
        any = true;
        whole = tokens == rest;
    }
    if (any && !e->spec.sglang.mixed) return changed;

    // decodes: alone, or in the same iteration; the chunks have their blocks
    r->paused = false;
    while (r->decodes > 0) {
        int64_t need = tw_kv_step(&r->kv, residues_of(e, r), r->iteration);
        if (need <= r->kv.free) {
            r->kv.free -= need;
            break;
        }
        if (any) {    // rather without them
            r->paused = true;
            break;
        }
        retract(e, r, log);
        changed = true;
        // a prompt that found no memory may be the one that is left: it goes on with what that has freed
        if (r->decodes == 0 && r->chunk_count > 0) return tw_schedule_sglang(e, r, log) || changed;
    }
    // prompts that came from host memory or lower tiers hold what each of them needs to go on
    if (!any && r->decodes == 0 && r->chunk_count > 1 && r->loading == 0) {
        retract(e, r, log);
        (void)tw_schedule_sglang(e, r, log);
        return true;
    }
    return changed;
}
