// Steps of attention ranks in lockstep while all of them decode: nearly every step there is. The graph of the largest
// and the experts of all are one look-up; what is a rank's own is its logits and its attention, worked out for eight
// ranks side by side. The sums are those of step_cost.c, term by term.
#include "models/workload/step_cell.h"

#include <stddef.h>

static void place_lane(const TwStepTables *t, TwLaneSteps *steps, int j, int each, int logits, TwLanes *l)
{
    steps->context_end[j] = INT64_MAX;
    int64_t n = steps->decodes[j];
    l->logits[j] = l->decode[j] = NULL;
    l->context[j] = 0.0;
    l->per_context[j] = 1.0;
    if (n == 0) return;
    const TwAxis *axis = &t->sequences;
    const TwLengthAxis *lengths = &t->lengths;
    int i;
    l->logits_up[j] = beyond(axis, logits > 0 ? logits : (int)n * each, &i);
    l->logits[j] = t->logits + (ptrdiff_t)i * TW_LEVELS;

    i = axis->low[n];
    int c = tw_length_low(lengths, steps->context[j] / n);
    l->decode_up[j] = (double)(n - axis->at[i]) * axis->per_gap[i];
    l->decode[j] = t->decode + ((ptrdiff_t)i * lengths->count + c) * TW_LEVELS;
    l->context[j] = (double)(n * lengths->at[c]);
    l->per_context[j] = (double)(n * lengths->at[c + 1]) - l->context[j];
    if (c + 2 < lengths->count) steps->context_end[j] = n * lengths->at[c + 1];
}

// Tokens of the graph of decodes that `n` are filled up to: the next doubling, 384 between.
static int filled(const TwStepTables *t, int n)
{
    int to = 1;
    while (to < n) to *= 2;
    if (n > 256 && n <= 384) to = 384;
    return to < t->tokens.most ? to : t->tokens.most;
}

static int blocks_of(int ranks) { return (ranks + TW_LANES - 1) / TW_LANES; }

// False: they are not of this simple kind. Says where each step ends.
static bool place(TwLaneGroup *a, const TwStepTables *t, int count, int drafts, TwLaneSteps *steps)
{
    if (t->drafted && drafts > 0) return false;
    if (t->host_read_ns > 0.0 || t->stages > 1 || t->exchange || t->congestion || !t->experts) return false;
    a->tables = t;
    a->count = count;
    a->tried = (TwTried){.cap_w = -1.0};
    int64_t most = 1, tokens = 0;
    for (int b = 0; b < blocks_of(count); b++) {
        for (int j = 0; j < TW_LANES; j++) {
            tokens += steps[b].decodes[j];
            most = steps[b].decodes[j] > most ? steps[b].decodes[j] : most;
        }
    }
    if (most > t->sequences.most) return false;
    int each = 1 + drafts, n = (int)most * each, logits = 0, group = tokens < 1 ? 1 : (int)tokens * each, i;
    if (t->graph_doubling && filled(t, n) > n) {
        logits = n = filled(t, n);
        group = n * count;
    }
    // a captured graph: aligned, of the next size up
    const TwLaunch launch = tw_launch_of(t, n, false);
    if (!launch.graph || launch.gap_ns > 0.0) return false;
    bool padded = n <= 512 && n <= t->tokens.most;
    if (!padded && n > 16 && n % 16 != 0) return false;
    double up = beyond(&t->tokens, n, &i);
    a->dense = t->dense[0] + (ptrdiff_t)i * TW_LEVELS;
    a->dense_up = padded ? (double)(up > 0.0) : up;
    a->experts_up = beyond(&t->group, group, &i);
    a->experts = t->experts + (ptrdiff_t)i * TW_LEVELS;
    for (int b = 0; b < blocks_of(count); b++) {
        TwLanes *l = &a->lanes[b];
        for (int j = 0; j < TW_LANES; j++) place_lane(t, &steps[b], j, each, logits, l);
        for (int j = 0; j < TW_LANES; j++) l->per_context[j] = 1.0 / l->per_context[j];
        for (int j = 0; j < TW_LANES; j++)
            l->part[j] = ((double)steps[b].context[j] - l->context[j]) * l->per_context[j];
        for (int j = 0; j < TW_LANES; j++)
            l->host_ns[j] = t->host_step_ns + t->host_sequence_ns * (double)steps[b].decodes[j];
        for (int j = 0; j < TW_LANES; j++) l->idle_ns[j] = tw_idle_ns(t, (double)steps[b].decodes[j]);
    }
    return true;
}

static inline TwCell common(const TwLaneGroup *a, int level)
{
    const TwCell *dense = a->dense + level, *experts = a->experts + level;
    return sum(between(dense, dense + TW_LEVELS, a->dense_up), between(experts, experts + TW_LEVELS, a->experts_up));
}

// What a rank's GPU does at a level: at the lower end of its cell, or one node of length on.
static inline TwCell device_at(const TwStepTables *t, const TwLanes *l, int j, int level, TwCell device, ptrdiff_t node)
{
    const TwCell *logits = l->logits[j] + level, *decode = l->decode[j] + level + node * TW_LEVELS;
    device = sum(device, between(logits, logits + TW_LEVELS, l->logits_up[j]));
    return sum(device, between(decode, decode + (ptrdiff_t)t->lengths.count * TW_LEVELS, l->decode_up[j]));
}

static TwCell end_at(const TwLaneGroup *a, const TwLanes *l, int j, int level, ptrdiff_t node)
{
    TwCell device = common(a, level);
    if (l->logits[j]) device = device_at(a->tables, l, j, level, device, node);
    const TwLaunch graph = {true, 0.0, l->idle_ns[j]};    // these run from one
    return whole(a->tables, l->host_ns[j], &graph, level, device);
}

// The same within the board limit: at the highest clock at which the mean power is allowed.
static TwCell end_within(const TwLaneGroup *a, const TwLanes *l, int j, int level, TwCell above, ptrdiff_t node)
{
    double limit_w = a->tables->limit_w, over = above.energy_nj - limit_w * above.time_ns;
    while (over > 0.0 && level > 0) {
        level--;
        TwCell below = end_at(a, l, j, level, node);
        double under = below.energy_nj - limit_w * below.time_ns;
        if (under <= 0.0) return between(&below, &above, under / (under - over));
        above = below;
        over = under;
    }
    return above;
}

// Ends of eight cells, side by side.
typedef struct Ends {
    double ns[TW_LANES], nj[TW_LANES];
} Ends;

// Most nJ beyond the board limit of any of them.
static inline double with_host(const TwStepTables *t, const TwLanes *l, int level, Ends *e)
{
    double steady_w = t->steady_w[level], live_w = t->live_w, limit_w = t->limit_w, over = 0.0, ns[TW_LANES];
    if (t->async)
        for (int j = 0; j < TW_LANES; j++) ns[j] = larger(e->ns[j] + l->idle_ns[j], l->host_ns[j]);
    else
        for (int j = 0; j < TW_LANES; j++) ns[j] = e->ns[j] + l->idle_ns[j] + l->host_ns[j];
    for (int j = 0; j < TW_LANES; j++) e->nj[j] = e->nj[j] + steady_w * e->ns[j] + live_w * (ns[j] - e->ns[j]);
    for (int j = 0; j < TW_LANES; j++) e->ns[j] = ns[j];
    for (int j = 0; j < TW_LANES; j++) over = larger(e->nj[j] - limit_w * e->ns[j], over);
    return over;
}

static void keep_limit(const TwLaneGroup *a, const TwLanes *l, int level, ptrdiff_t node, Ends *e)
{
    double limit_w = a->tables->limit_w;
    for (int j = 0; j < TW_LANES; j++) {
        if (e->nj[j] - limit_w * e->ns[j] <= 0.0) continue;
        TwCell at = end_within(a, l, j, level, (TwCell){e->ns[j], e->nj[j]}, l->logits[j] ? node : 0);
        e->ns[j] = at.time_ns, e->nj[j] = at.energy_nj;
    }
}

// Costs at a level, within the board limit.
static void cost_at(const TwLaneGroup *a, int level, TwLaneCosts *costs)
{
    const TwStepTables *t = a->tables;
    const TwCell device = common(a, level);
    for (int b = 0; b < blocks_of(a->count); b++) {
        const TwLanes *l = &a->lanes[b];
        TwLaneCosts *c = &costs[b];
        Ends first, last;
        for (int j = 0; j < TW_LANES; j++) {
            TwCell low = device, high = device;
            if (l->logits[j]) {
                low = device_at(t, l, j, level, device, 0);
                high = device_at(t, l, j, level, device, 1);
            }
            first.ns[j] = low.time_ns, first.nj[j] = low.energy_nj;
            last.ns[j] = high.time_ns, last.nj[j] = high.energy_nj;
        }
        if (with_host(t, l, level, &first) > 0.0) keep_limit(a, l, level, 0, &first);
        if (with_host(t, l, level, &last) > 0.0) keep_limit(a, l, level, 1, &last);
        for (int j = 0; j < TW_LANES; j++) {
            c->ns[j] = first.ns[j], c->nj[j] = first.nj[j];
            c->more_ns[j] = larger(last.ns[j] - first.ns[j], 0.0);
            c->more_nj[j] = last.nj[j] - first.nj[j];
        }
    }
}

// W of the group: who is done waits in the exchange, at what flows with time.
static double power_at(void *context, int level)
{
    TwLaneGroup *a = context;
    double slowest = 0.0, nj = 0.0, steady_w = a->tables->steady_w[level];
    TwLaneCosts *costs = a->costs[tw_tried_next(&a->tried)];
    cost_at(a, level, costs);
    for (int k = 0; k < a->count; k++) {
        const TwLaneCosts *c = &costs[k / TW_LANES];
        int j = k % TW_LANES;
        double part = a->lanes[k / TW_LANES].part[j];
        double mine_ns = c->ns[j] + part * c->more_ns[j], mine_nj = c->nj[j] + part * c->more_nj[j];
        slowest = larger(slowest, mine_ns);
        nj += mine_nj - steady_w * mine_ns;
    }
    return tw_tried(&a->tried, a->tables->gpus / a->count * (nj / slowest + a->count * steady_w));
}

bool tw_lanes_choose(const TwStepTables *t, const TwStepLimits *limits, int ranks, int drafts, TwLaneSteps *steps,
                     double *wait_w, TwStepChoice *choice)
{
    TwLaneGroup a;
    if (!place(&a, t, ranks, drafts, steps)) return false;
    choice->full_w = choice->drawn_w = power_at(&a, TW_LEVELS - 1);
    choice->level = limits->level;
    if (limits->level < TW_LEVELS - 1) choice->drawn_w = power_at(&a, limits->level);
    choice->capped = choice->drawn_w > limits->cap_w;
    int stands = a.tried.last;
    if (choice->capped)
        choice->level = tw_tried_search(&a.tried, power_at, &a, limits->level, limits->guess, limits->cap_w,
                                        &choice->drawn_w, &stands);
    double gpus = t->gpus / ranks, steady_w = t->steady_w[choice->level];
    *wait_w = t->gpus * steady_w;
    choice->crossing_bytes = 0.0;
    for (int b = 0; b < blocks_of(ranks); b++) {
        const TwLanes *l = &a.lanes[b];
        const TwLaneCosts *c = &a.costs[stands][b];
        for (int j = 0; j < TW_LANES; j++) {
            double nj = (c->more_nj[j] - steady_w * c->more_ns[j]) * l->per_context[j];
            double ns = c->more_ns[j] * l->per_context[j];
            steps[b].ns[j] = c->ns[j] - ns * l->context[j];
            steps[b].context_ns[j] = ns;
            steps[b].nj[j] = (c->nj[j] - steady_w * c->ns[j] - nj * l->context[j]) * gpus;
            steps[b].context_nj[j] = nj * gpus;
        }
    }
    return true;
}

bool tw_step_choose_lanes(const void *context, const TwStepLimits *limits, int ranks, TwLaneSteps *steps,
                          double *wait_w, TwStepChoice *choice)
{
    return tw_lanes_choose(context, limits, ranks, 0, steps, wait_w, choice);
}
