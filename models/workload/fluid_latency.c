// How requests of a flow fare: quantiles of the runs of the table, between its points.
#include "models/workload/fluid.h"

#include <math.h>
#include <stdlib.h>

static int by_first_token(const void *a, const void *b)
{
    const TwFluidSeen *x = a, *y = b;
    if (x->ttft_s != y->ttft_s) return x->ttft_s < y->ttft_s ? -1 : 1;
    if (x->tpot_s != y->tpot_s) return x->tpot_s < y->tpot_s ? -1 : 1;
    return (x->output > y->output) - (x->output < y->output);
}

static int by_output(const void *a, const void *b)
{
    const TwFluidSeen *x = *(TwFluidSeen *const *)a, *y = *(TwFluidSeen *const *)b;
    if (x->output != y->output) return x->output < y->output ? -1 : 1;
    return x < y ? -1 : 1;
}

static void take_outputs(TwFluidSpread *spread, int service, const TwFluidOutputs *outputs)
{
    TwFluidSeen *of[TW_FLUID_SEEN];
    int n = 0;
    for (int i = 0; i < spread->count; i++)
        if (spread->seen[i].service == service && spread->seen[i].output > 1) of[n++] = &spread->seen[i];
    qsort(of, (size_t)n, sizeof(TwFluidSeen *), by_output);
    int ones = 0;
    while (ones < outputs->count && outputs->of[ones] == 1) ones++;
    int64_t many = outputs->count - ones;
    for (int i = 0; i < n && many > 0; i++)
        of[i]->output = (uint32_t)outputs->of[ones + (2 * i + 1) * many / (2 * n)] & 0x3fffffffu;
}

static double gap_rank(int k)
{
    const int half = TW_FLUID_GAPS / 2;
    if (k < half) return TW_FLUID_LONG * (k + 0.5) / half;
    return TW_FLUID_LONG + (1.0 - TW_FLUID_LONG) * (k - half + 0.5) / half;
}

void tw_fluid_spread(TwFluidSpread *spread, TwFluidSeen *seen, int64_t count, const TwSketch *gaps,
                     const TwFluidOutputs outputs[TW_SERVICES])
{
    spread->count = count < TW_FLUID_SEEN ? (int)count : TW_FLUID_SEEN;
    spread->ttft_s = spread->tpot_s = 0.0;
    qsort(seen, (size_t)count, sizeof *seen, by_first_token);
    int several = 0;
    for (int i = 0; i < spread->count; i++) {
        const TwFluidSeen *s = &seen[(2 * i + 1) * count / (2 * spread->count)];
        spread->seen[i] = *s;
        spread->ttft_s += (double)s->ttft_s / spread->count;
        if (s->tpot_s < 0.0f) continue;
        spread->tpot_s += s->tpot_s;
        several++;
    }
    if (several > 0) spread->tpot_s /= several;
    for (int k = 0; k < TW_FLUID_GAPS && gaps->count > 0; k++)
        spread->gap_s[k] = (float)tw_sketch_quantile(gaps, gap_rank(k));
    for (int service = 0; service < TW_SERVICES; service++)
        if (outputs[service].count > 0) take_outputs(spread, service, &outputs[service]);
}

// The first token at rank u, over the mean.
static double first_token(const TwFluidSpread *s, double u)
{
    if (s->count == 0 || !(s->ttft_s > 0.0)) return 1.0;
    double x = fmin(fmax(u * s->count - 0.5, 0.0), s->count - 1.0);
    int i = (int)x, next = i + 1 < s->count ? i + 1 : i;
    double low = s->seen[i].ttft_s, high = s->seen[next].ttft_s;
    return (low + (x - i) * (high - low)) / s->ttft_s;
}

// From rank u on, the next of the class; where there is none the next of any.
static double first_of(const TwFluidSpread *s, int service, double u)
{
    int from = s->count > 0 ? (int)fmin(fmax(u, 0.0) * s->count, s->count - 1.0) : 0;
    for (int i = 0; i < s->count; i++) {
        int at = from + i < s->count ? from + i : from + i - s->count;
        if (s->seen[at].service != service) continue;
        return i == 0 ? first_token(s, u) : s->ttft_s > 0.0 ? s->seen[at].ttft_s / s->ttft_s : 1.0;
    }
    return first_token(s, u);
}

double tw_fluid_ttft(const TwFluidTable *t, TwFluidPlace place, double ttft_s, int service, double u)
{
    const TwFluidSpread *a = &t->spread[place.row][place.point], *b = a + 1;
    double w = place.above;
    if (a->count == 0) a = b, w = 1.0;
    if (b->count == 0) b = a;
    return ttft_s * ((1.0 - w) * first_of(a, service, u) + w * first_of(b, service, u));
}

TwFluidEnd tw_fluid_end(const TwFluidTable *t, TwFluidPlace place, double ttft_s, double tpot_s, double wait_s,
                        double u, double v)
{
    const TwFluidSpread *a = &t->spread[place.row][place.point], *b = a + 1;
    double w = place.above;
    if (a->count == 0) a = b, w = 1.0;
    if (b->count == 0) b = a;
    TwFluidEnd e = {.ttft_s = wait_s + ttft_s * ((1.0 - w) * first_token(a, u) + w * first_token(b, u))};
    if (a->count == 0) return e;
    const TwFluidSpread *of = v < w ? b : a;
    e.like = of->seen[(int)fmin(u * of->count, of->count - 1.0)];
    double mean = (1.0 - w) * a->tpot_s + w * b->tpot_s, slower = mean > 0.0 ? tpot_s / mean : 1.0;
    if (e.like.output > 1 && of->tpot_s > 0.0) e.tpot_s = tpot_s * fmax(e.like.tpot_s, 0.0) / of->tpot_s;
    // three from the bulk, one from the long ones
    for (int g = 0; g < 4; g++) {
        const int half = TW_FLUID_GAPS / 2;
        int k = g < 3 ? (int)fmin((g + v) * half / 3.0, half - 1.0) : half + (int)fmin(v * half, half - 1.0);
        e.gap_s[g] = slower * ((1.0 - w) * a->gap_s[k] + w * b->gap_s[k]);
        e.gap_share[g] = g < 3 ? TW_FLUID_LONG / 3.0 : 1.0 - TW_FLUID_LONG;
    }
    return e;
}
