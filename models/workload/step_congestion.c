// Collectives of a replica that reaches beyond an NVLink domain, while others send through the same network.
#include "models/workload/step_tables.h"

#include <math.h>

static const TwCurve *curve_of(const TwCongestion *congestion, TwMoveKind what)
{
    const TwCurve *curves[TW_MOVES] = {&congestion->reduce,   &congestion->gather,  &congestion->scatter,
                                       &congestion->dispatch, &congestion->combine, &congestion->send};
    return curves[what];
}

// Out through a card of a rank.
static double card_bytes(const TwCurve *curve, double bytes)
{
    int n = curve->count, i = 0;
    const double *x = curve->bytes, *out = curve->card_bytes;
    if (n < 1 || !out) return 0.0;
    if (bytes <= x[0]) return out[0] * bytes / x[0];
    if (bytes >= x[n - 1]) return out[n - 1] * bytes / x[n - 1];
    while (bytes >= x[i + 1]) i++;
    return out[i] + (bytes - x[i]) / (x[i + 1] - x[i]) * (out[i + 1] - out[i]);
}

typedef int Moves(const TwCompose *, double, TwMove *);

static void fill(TwStepTables *t, int part, const TwAxis *axis, Moves *moves, const TwCongestion *congestions)
{
    TwCongestionTables *c = t->congestion;
    c->more_ns[part] = TW_TAKE(t->arena, axis->count * c->count, double);
    c->out_bytes[part] = TW_TAKE(t->arena, axis->count, double);
    for (int i = 0; i < axis->count; i++) {
        TwMove move[TW_MOVES];
        double *more_ns = c->more_ns[part] + (ptrdiff_t)i * c->count;
        for (int m = 0, count = moves(&t->compose, axis->at[i], move); m < count; m++) {
            const TwMove *a = &move[m];
            double idle_s = tw_compose_curve_s(&t->compose, curve_of(congestions, a->what), a->bytes, a->factor);
            for (int k = 0; k < c->count; k++) {
                const TwCurve *curve = curve_of(&congestions[k], a->what);
                double time_s = tw_compose_curve_s(&t->compose, curve, a->bytes, a->factor);
                more_ns[k] += 1e9 * a->times * fmax(time_s - idle_s, 0.0);
            }
            // every part of the batch, or every stage, has its own
            double groups = part == TW_CONGESTION_EXPERTS ? t->stages : t->ways;
            c->out_bytes[part][i] +=
                groups * a->times * a->ranks * card_bytes(curve_of(congestions, a->what), a->bytes);
        }
    }
}

void tw_step_congestion_build(TwStepTables *t, int count, const TwCongestion *congestions)
{
    if (count < 1) return;
    TwCongestionTables *c = t->congestion = TW_TAKE(t->arena, 1, TwCongestionTables);
    c->count = count;
    c->congestion = TW_TAKE(t->arena, count, double);
    for (int k = 0; k < count; k++) c->congestion[k] = congestions[k].congestion;
    fill(t, TW_CONGESTION_DENSE, &t->tokens, tw_compose_sums, congestions);
    fill(t, TW_CONGESTION_LOGITS, &t->sequences, tw_compose_gathered, congestions);
    if (t->experts) fill(t, TW_CONGESTION_EXPERTS, &t->group, tw_compose_exchange, congestions);
}

// Linear in the congestion, and beyond the last.
double tw_step_congestion_ns(const TwCongestionTables *c, int part, int node, double up, double congestion)
{
    if (!c->more_ns[part] || c->count < 2) return 0.0;
    int k = 0;
    while (k + 2 < c->count && c->congestion[k + 1] <= congestion) k++;
    const double *low = c->more_ns[part] + (ptrdiff_t)node * c->count + k, *high = low + (up > 0.0 ? c->count : 0);
    double within = (congestion - c->congestion[k]) / (c->congestion[k + 1] - c->congestion[k]);
    double least = low[0] + up * (high[0] - low[0]), most = low[1] + up * (high[1] - low[1]);
    return least + within * (most - least);
}
