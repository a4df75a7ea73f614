// Steps of attention ranks in lockstep while all of them decode: nearly every step there is. The graph of the largest
// and the experts of all are one look-up; what is a rank's own is its logits and its attention. The sums are those of
// step_cost.c, term by term.
#include "models/workload/step_cell.h"

#include <stddef.h>

static void place_lane(const TwStepTables *t, const TwBatch *b, int logits, TwLane *l, TwStep *step)
{
    step->history_end = step->context_end = INT64_MAX;
    l->host_ns = t->host_step_ns + t->host_sequence_ns * (double)b->decodes;
    l->logits = NULL;
    l->context = l->per_context = l->part = 0.0;
    if (b->decodes == 0) return;
    const TwAxis *axis = &t->sequences;
    const TwLengthAxis *lengths = &t->lengths;
    int i;
    l->logits_up = beyond(axis, logits, &i);
    l->logits = t->logits + (ptrdiff_t)i * TW_LEVELS;

    int64_t n = b->decodes;
    i = axis->low[n];
    int c = tw_length_low(lengths, b->decode_context / n);
    l->decode_up = (double)(n - axis->at[i]) * axis->per_gap[i];
    l->decode = t->decode + ((ptrdiff_t)i * lengths->count + c) * TW_LEVELS;
    l->context = (double)(n * lengths->at[c]);
    l->per_context = 1.0 / ((double)(n * lengths->at[c + 1]) - l->context);
    l->part = ((double)b->decode_context - l->context) * l->per_context;
    if (c + 2 < lengths->count) step->context_end = n * lengths->at[c + 1];
}

// Tokens of the graph of decodes that `n` are filled up to: the next doubling, 384 between.
static int filled(const TwStepTables *t, int n)
{
    int to = 1;
    while (to < n) to *= 2;
    if (n > 256 && n <= 384) to = 384;
    return to < t->tokens.most ? to : t->tokens.most;
}

bool tw_lanes_place(TwLanes *a, const TwStepTables *t, int count, const TwBatch *batch, int most, int tokens,
                    TwStep *step)
{
    if (t->stages > 1 || t->exchange || t->congestion || !t->experts) return false;
    a->tables = t;
    a->count = count;
    int n = most, logits = 0, group = tokens < 1 ? 1 : tokens, i;
    if (t->graph_doubling && filled(t, n) > n) {
        logits = n = filled(t, n);
        group = n * count;
    }
    // a captured graph: aligned, of the next size up
    bool padded = n <= 512 && n <= t->tokens.most;
    if (!padded && n > 16 && n % 16 != 0) return false;
    double up = beyond(&t->tokens, n, &i);
    a->dense = t->dense[0] + (ptrdiff_t)i * TW_LEVELS;
    a->dense_up = padded ? (double)(up > 0.0) : up;
    a->experts_up = beyond(&t->group, group, &i);
    a->experts = t->experts + (ptrdiff_t)i * TW_LEVELS;
    for (int k = 0; k < count; k++) {
        if (batch[k].decodes > t->sequences.most) return false;
        place_lane(t, &batch[k], logits > 0 ? logits : batch[k].logits, &a->lane[k], &step[k]);
    }
    return true;
}

static inline TwCell common(const TwLanes *a, int level)
{
    const TwCell *dense = a->dense + level, *experts = a->experts + level;
    return sum(between(dense, dense + TW_LEVELS, a->dense_up), between(experts, experts + TW_LEVELS, a->experts_up));
}

// A lane at a level: at the lower end of its cell, or one node of length on.
static inline TwCell end_at(const TwLanes *a, const TwLane *l, int level, TwCell device, ptrdiff_t node)
{
    const TwStepTables *t = a->tables;
    if (l->logits) {
        const TwCell *logits = l->logits + level, *decode = l->decode + level + node * TW_LEVELS;
        device = sum(device, between(logits, logits + TW_LEVELS, l->logits_up));
        device = sum(device, between(decode, decode + (ptrdiff_t)t->lengths.count * TW_LEVELS, l->decode_up));
    }
    return whole(t, l->host_ns, level, device);
}

// The same within the board limit: at the highest clock at which the mean power is allowed.
static TwCell end_within(const TwLanes *a, const TwLane *l, int level, TwCell above, ptrdiff_t node)
{
    double limit_w = a->tables->limit_w, over = above.energy_nj - limit_w * above.time_ns;
    while (over > 0.0 && level > 0) {
        level--;
        TwCell below = end_at(a, l, level, common(a, level), node);
        double under = below.energy_nj - limit_w * below.time_ns;
        if (under <= 0.0) return between(&below, &above, under / (under - over));
        above = below;
        over = under;
    }
    return above;
}

void tw_lanes_planes(const TwLanes *a, int level, Plane *plane)
{
    const TwCell device = common(a, level);
    double limit_w = a->tables->limit_w;
    for (int k = 0; k < a->count; k++) {
        const TwLane *l = &a->lane[k];
        TwCell first = end_at(a, l, level, device, 0), last = l->logits ? end_at(a, l, level, device, 1) : first;
        if (first.energy_nj - limit_w * first.time_ns > 0.0) first = end_within(a, l, level, first, 0);
        if (last.energy_nj - limit_w * last.time_ns > 0.0) last = end_within(a, l, level, last, 1);
        plane[k].base = first;
        plane[k].context = rise(first, last);
    }
}
