#include "twin/saturation.h"

#include "sim/trend.h"

#include <math.h>
#include <stdio.h>

// Of a pool, since the end of warm-up.
typedef struct Watched {
    TwTrend waiting, in_system, coming;    // coming: arrivals a second
    bool begun;
    double span_s, waiting_s;    // waiting_s: integral of who waits
    int64_t arrived_before, turned_before, arrived, turned;
} Watched;

static const double sigmas = 3.0, least_waiting = 0.01, least_in_system = 0.03, least_turned = 0.01;

void tw_saturation_layout(TwPlant *plant, TwLayout *layout)
{
    plant->slot.watched = tw_layout_add(layout, (size_t)plant->pool_count, sizeof(Watched));
}

void tw_saturation_book(const TwPlant *plant, void *block, int pool, const TwWorkloadTotals *t, double from_s,
                        double until_s)
{
    if (from_s < plant->run.warmup_s) return;
    Watched *w = (Watched *)tw_at(block, plant->slot.watched) + pool;
    int64_t turned = t->rejected + t->cancelled;
    double span_s = until_s - from_s;
    if (!w->begun) {
        // what came in this window counts from the next one on
        w->begun = true;
        w->arrived_before = t->arrived, w->turned_before = turned;
        return;
    }
    tw_trend_add(&w->waiting, (double)t->waiting, span_s);
    tw_trend_add(&w->in_system, (double)(t->waiting + t->running), span_s);
    tw_trend_add(&w->coming, (double)(t->arrived - w->arrived_before - w->arrived) / span_s, span_s);
    w->span_s += span_s;
    w->waiting_s += (double)t->waiting * span_s;
    w->arrived = t->arrived - w->arrived_before;
    w->turned = turned - w->turned_before;
}

// A slope above its noise and above `least` of the arrivals of its bins; returns its share of them, at most all (a line
// is no curve), 0: neither.
static double grows(double slope, double sigma, double arrivals_s, double least)
{
    bool does = slope > sigmas * sigma && slope > least * arrivals_s && arrivals_s > 0.0;
    return does ? fmin(slope / arrivals_s, 1.0) : 0.0;
}

void tw_saturation(const TwPlant *plant, const void *block, int pool, TwSaturation *s)
{
    const Watched *w = (const Watched *)tw_at_const(block, plant->slot.watched) + pool;
    double slope, sigma;
    *s = (TwSaturation){.known = tw_trend_line(&w->waiting, 0.25, &slope, &sigma)};
    s->waiting_per_s = slope, s->sigma_per_s = sigma;
    // some of them came before warm-up ended
    s->turned_away = w->arrived > 0 ? fmin((double)w->turned / (double)w->arrived, 1.0) : 0.0;

    double waiting = s->known ? grows(slope, sigma, tw_trend_mean(&w->coming, 0.25), least_waiting) : 0.0;
    double whole = tw_trend_line(&w->in_system, 0.5, &slope, &sigma) && tw_trend_ends_highest(&w->in_system)
                       ? grows(slope, sigma, tw_trend_mean(&w->coming, 0.5), least_in_system)
                       : 0.0;
    double each = w->span_s > 0.0 ? w->waiting_s / w->span_s / plant->pools[pool].replicas : 0.0;
    double turned = s->turned_away > least_turned && each > 1.0 ? s->turned_away : 0.0;
    s->excess = fmax(fmax(waiting, whole), turned);
    s->saturated = s->excess > 0.0;
    if (!s->saturated) return;
    const char *name = plant->pools[pool].name;
    if (turned == s->excess)
        snprintf(s->reason, sizeof s->reason, "%.40s: %.1f %% of requests are turned away", name, 100.0 * turned);
    else if (waiting > 0.5 * s->excess)    // most of what is too much waits
        snprintf(s->reason, sizeof s->reason, "%.40s: who waits grows by %.1f %% of arrivals", name, 100.0 * waiting);
    else
        snprintf(s->reason, sizeof s->reason, "%.40s: requests in work grow by %.1f %% of arrivals", name,
                 100.0 * whole);
}
