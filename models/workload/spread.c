// How far the cells of a pool that are simulated stand apart: what all of them would have, and the 95 % interval of it.
//
// With y of the k cells of n that were drawn, of a replica each: all have y on average, half the interval is
// t(k - 1) s_y / sqrt(k) sqrt(1 - k/n). Where it is known what each cell is expected to get (tw_traffic_expected), the
// others, of which nothing else is known, are put on the line of y over x, the requests beyond those expected, at x =
// 0:
//     all = y - (1 - k/n) b x    variance (1 - k/n)^2 (s_y^2 / (n - k) + s_e^2 (1/k + x^2 / S_xx))    t(k - 2)
// with b the slope, s_e about the line (Cochran, Sampling Techniques, 1977, 7.2-7.4, with the scatter of the others
// about what they are expected to get).
//
// Of a quantile q at Q: how many of a cell's requests are below Q, beside q of them, scatters over the cells; the share
// that all have below Q lies in q +- h, and the quantile between those at q - h and q + h (Woodruff, J. American
// Statistical Association 47, 1952, 635).
#include "models/workload/workload_inner.h"
#include "sim/student.h"

#include <math.h>

int tw_workload_cells(const TwWorkload *workload, int pool, int *simulated)
{
    const Pool *p = &workload->inner->pools[pool];
    *simulated = 0;
    for (int cell = p->cell_begin; cell < p->cell_end; cell++)
        *simulated += workload->inner->cells[cell].stands_for > 0;
    return p->cell_end - p->cell_begin;
}

static const double quantiles[TW_HEADLINES] = {
    [TW_HEAD_TTFT_P50] = 0.5, [TW_HEAD_TTFT_P99] = 0.99, [TW_HEAD_TPOT_P50] = 0.5, [TW_HEAD_TPOT_P99] = 0.99};

// With fewer cells the slope takes more from the interval, a degree of freedom and its own scatter, than it gives.
// 0: how many requests came says too little.
static const int regress_from[TW_HEADLINES] = {[TW_HEAD_TOKENS] = 4, [TW_HEAD_JOULES] = 8, [TW_HEAD_TPOT_P50] = 8};

static int latency_of(int head) { return head < TW_HEAD_TPOT_P50 ? TW_TTFT : TW_TPOT; }

// Latencies of a cell, all classes.
static void gather(const Plant *p, const void *block, int cell, int which, TwSketch *into)
{
    const TwLatency *latency = (const TwLatency *)tw_at_const(block, p->latencies) + p->cells[cell].latency_at;
    for (int s = 0; s < p->pools[p->cells[cell].pool].services; s++) tw_sketch_merge(into, &latency[s].sketch[which]);
}

// Sums over the cells simulated: of a headline, its square and its product with x.
typedef struct Sums {
    double y, yy, xy;
} Sums;

// The cells of a pool: n, k of them simulated, with so many replicas; requests beyond those expected: sum, squared
// deviations.
typedef struct Drawn {
    int n, k;
    double x, xx, replicas;
} Drawn;

static TwSpread plain(const Sums *s, const Drawn *d)
{
    double mean = s->y / d->k;
    if (d->k == d->n) return (TwSpread){mean, 0.0, mean};
    if (d->k < 2) return (TwSpread){mean, INFINITY, mean};
    double variance = fmax(s->yy - d->k * mean * mean, 0.0) / (d->k - 1) * (1.0 / d->k - 1.0 / d->n);
    return (TwSpread){mean, tw_student_95(d->k - 1) * sqrt(variance), mean};
}

static TwSpread regressed(const Sums *s, const Drawn *d)
{
    double mean = s->y / d->k, x = d->x / d->k, rest = 1.0 - (double)d->k / d->n;
    double slope = (s->xy - s->y * x) / d->xx, all = fmax(s->yy - d->k * mean * mean, 0.0);
    double left = fmax(all - slope * slope * d->xx, 0.0);
    double variance = all / (d->k - 1) / (d->n - d->k) + left / (d->k - 2) * (1.0 / d->k + x * x / d->xx);
    return (TwSpread){mean - rest * slope * x, tw_student_95(d->k - 2) * rest * sqrt(variance), mean};
}

// Requests of a replica of a cell beyond those expected.
static double beyond(const Plant *p, const void *block, int cell)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    if (!pool->expects) return 0.0;
    double came = (double)tw_traffic_came(pool->traffic, block, c->of_pool);
    return (came - tw_f64_const(block, p->expected)[c->pool]) / c->replica_count;
}

// Tokens or joules of a replica of a cell, or how many of its requests are below the quantile beyond their share.
static double value_of(const Plant *p, const void *block, int cell, int head, double quantile)
{
    const Cell *c = &p->cells[cell];
    double sum = 0.0;
    if (quantiles[head] > 0.0) {
        TwSketch sketch = {0};
        gather(p, block, cell, latency_of(head), &sketch);
        if (sketch.count > 0) sum = (double)sketch.count * (tw_sketch_share_below(&sketch, quantile) - quantiles[head]);
    } else {
        for (int i = c->replica_begin; i < c->replica_begin + c->replica_count; i++) {
            const TwReplica *r = replica_const(p, block, i);
            sum += head == TW_HEAD_TOKENS ? (double)r->counts.output_done : (double)r->booked_energy * BOOK_J;
        }
    }
    return sum / c->replica_count;
}

// The cells of a pool, and who of its replicas was simulated.
static Drawn look(const Plant *p, const void *block, int pool, TwSketch latencies[2])
{
    Drawn d = {.n = p->pools[pool].cell_end - p->pools[pool].cell_begin};
    for (int c = p->pools[pool].cell_begin; c < p->pools[pool].cell_end; c++) {
        if (p->cells[c].stands_for == 0) continue;
        double x = beyond(p, block, c);
        d.k++, d.replicas += p->cells[c].replica_count;
        d.x += x, d.xx += x * x;
        for (int which = 0; which < 2; which++) gather(p, block, c, which, &latencies[which]);
    }
    d.xx -= d.x * d.x / d.k;
    return d;
}

// Of what each cell has; `quantile` as for value_of.
static TwSpread over_cells(const Plant *p, const void *block, int pool, const Drawn *d, int head, double quantile)
{
    const Pool *of = &p->pools[pool];
    Sums s = {0};
    double counted = 0.0;
    for (int c = of->cell_begin; c < of->cell_end; c++) {
        if (p->cells[c].stands_for == 0) continue;
        double y = value_of(p, block, c, head, quantile), x = beyond(p, block, c);
        s.y += y, s.yy += y * y, s.xy += x * y;
        counted += p->cells[c].stands_for * y;
    }
    bool drawn = d->k < d->n, slope = of->expects && regress_from[head] > 0 && d->k >= regress_from[head];
    TwSpread spread = drawn && slope && d->xx > 0.0 ? regressed(&s, d) : plain(&s, d);
    spread.counted = counted / d->n;
    return spread;
}

// A quantile of those simulated, from how many are below it.
static TwSpread quantile_of(const Plant *p, const void *block, int pool, const Drawn *d, int head,
                            const TwSketch *latencies)
{
    double q = quantiles[head], here = tw_sketch_value_at(latencies, q);
    if (d->k == d->n || latencies->count == 0) return (TwSpread){here, d->k == d->n ? 0.0 : INFINITY, here};
    const TwSpread below = over_cells(p, block, pool, d, head, here);
    double each = (double)latencies->count / d->replicas, share = q - below.mean / each, off = below.half_width / each;
    if (fabs(share - q) < 1e-12) share = q;    // rounding
    TwSpread spread = {tw_sketch_value_at(latencies, share), INFINITY, here};
    // the longer side; beyond the last that was seen nothing is known
    if (share - off > 0.0 && share + off < 1.0)
        spread.half_width = fmax(tw_sketch_value_at(latencies, share + off) - spread.mean,
                                 spread.mean - tw_sketch_value_at(latencies, share - off));
    return spread;
}

void tw_workload_spread(const TwWorkload *workload, const void *block, int pool, TwSpread spread[TW_HEADLINES])
{
    const Plant *p = workload->inner;
    TwSketch latencies[2] = {{0}};
    const Drawn d = look(p, block, pool, latencies);
    for (int h = 0; h < TW_HEADLINES; h++)
        spread[h] = quantiles[h] > 0.0 ? quantile_of(p, block, pool, &d, h, &latencies[latency_of(h)])
                                       : over_cells(p, block, pool, &d, h, NAN);
}
