#include "models/operations/money.h"

#include <math.h>

double tw_carbon_kg(double energy_j, double g_kwh) { return energy_j / 3.6e6 * g_kwh * 1e-3; }
double tw_usd_per_million(double usd, double tokens) { return tokens > 0.0 ? usd / tokens * 1e6 : NAN; }
double tw_lease_usd(double gpus, double usd_gpu_h, double span_s) { return gpus * usd_gpu_h * span_s / 3600.0; }

double tw_recovery(double interest, double years)
{
    if (!(interest > 0.0)) return 1.0 / years;
    double growth = pow(1.0 + interest, years);
    return interest * growth / (growth - 1.0);
}

static bool holds(const TwPriceHours *row, int day, double hour)
{
    return (row->days >> day & 1) && hour >= row->from_h && hour < row->until_h;
}

double tw_price_at(const TwPriceHours *rows, int count, double base_usd_kwh, double second_of_week)
{
    double week = fmod(second_of_week, 604800.0);
    int day = (int)(week / 86400.0);
    double hour = (week - 86400.0 * day) / 3600.0;
    for (int i = 0; i < count; i++)
        if (holds(&rows[i], day, hour)) return rows[i].usd_kwh;
    return base_usd_kwh;
}

bool tw_price_overlap(const TwPriceHours *rows, int count, int *day, double *hour, int *first, int *second)
{
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++)
            for (int d = 0; d < 7; d++) {
                double from = fmax(rows[i].from_h, rows[k].from_h), until = fmin(rows[i].until_h, rows[k].until_h);
                if (!(rows[i].days >> d & 1) || !(rows[k].days >> d & 1) || from >= until) continue;
                *day = d;
                *hour = from;
                *first = i;
                *second = k;
                return true;
            }
    return false;
}

static void add_to_window(TwDemand *d, double energy_j, int64_t window, double mid_s, double window_s, double period_s)
{
    int64_t period = (int64_t)floor(mid_s / period_s);
    if (window != d->window) {
        d->peak_w = fmax(d->peak_w, d->window_j / window_s);
        d->highest_w = fmax(d->highest_w, d->peak_w);
        d->window_j = 0.0;
        d->window = window;
    }
    if (period != d->period) {
        // periods of which nothing is known, where days stand for others, are as the one before them
        d->charged_w += d->peak_w * (double)(period - d->period);
        d->peak_w = 0.0;
        d->period = period;
    }
    d->window_j += energy_j;
}

void tw_demand_add(TwDemand *d, double energy_j, double from_s, double until_s, double window_s, double period_s)
{
    const double slack = 1e-6;    // of a window: what sums of times leave
    double span_s = until_s - from_s;
    int64_t first = (int64_t)floor(from_s / window_s + slack), last = (int64_t)ceil(until_s / window_s - slack) - 1;
    if (last <= first) {
        double mid_s = 0.5 * (from_s + until_s);
        add_to_window(d, energy_j, (int64_t)floor(mid_s / window_s), mid_s, window_s, period_s);
        return;
    }
    for (int64_t w = first; w <= last; w++) {
        double begin_s = fmax(from_s, (double)w * window_s), end_s = fmin(until_s, (double)(w + 1) * window_s);
        double share = (end_s - begin_s) / span_s;
        add_to_window(d, energy_j * share, w, 0.5 * (begin_s + end_s), window_s, period_s);
    }
}

// The running window counts with what it holds so far, never more than its mean will be; but of the first one, that
// nothing stands before, the mean of what has passed.
static double running_w(const TwDemand *d, double window_s, double now_s)
{
    double over_s = d->window == 0 ? fmin(window_s, now_s) : window_s;
    return over_s > 0.0 ? d->window_j / over_s : 0.0;
}

double tw_demand_sum_w(const TwDemand *d, double window_s, double now_s)
{
    return d->charged_w + fmax(d->peak_w, running_w(d, window_s, now_s));
}

double tw_demand_highest_w(const TwDemand *d, double window_s, double now_s)
{
    return fmax(d->highest_w, fmax(d->peak_w, running_w(d, window_s, now_s)));
}
