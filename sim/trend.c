#include "sim/trend.h"

#include <math.h>

enum { LEAST_BINS = 8 };

void tw_trend_add(TwTrend *t, double value, double span_s)
{
    if (t->width_s == 0.0) t->width_s = span_s;
    t->area[t->bins] += value * span_s;
    t->span_s[t->bins] += span_s;
    if (t->span_s[t->bins] < t->width_s * (1.0 - 1e-9)) return;
    if (++t->bins < TW_TREND_BINS) return;
    // two become one
    for (int k = 0; k < TW_TREND_BINS; k++) {
        bool kept = 2 * k < TW_TREND_BINS;
        t->area[k] = kept ? t->area[2 * k] + t->area[2 * k + 1] : 0.0;
        t->span_s[k] = kept ? t->span_s[2 * k] + t->span_s[2 * k + 1] : 0.0;
    }
    t->bins = TW_TREND_BINS / 2;
    t->width_s *= 2.0;
}

bool tw_trend_line(const TwTrend *t, double skip, double *slope, double *sigma)
{
    int first = (int)(skip * t->bins), n = t->bins - first;
    *slope = *sigma = 0.0;
    if (n < LEAST_BINS) return false;
    double at_s[TW_TREND_BINS], mean[TW_TREND_BINS], from_s = 0.0, x = 0.0, y = 0.0, xx = 0.0, xy = 0.0;
    for (int k = 0; k < n; k++) {
        double span_s = t->span_s[first + k];
        at_s[k] = from_s + 0.5 * span_s;
        mean[k] = t->area[first + k] / span_s;
        from_s += span_s;
        x += at_s[k] / n, y += mean[k] / n;
    }
    for (int k = 0; k < n; k++) {
        xx += (at_s[k] - x) * (at_s[k] - x);
        xy += (at_s[k] - x) * (mean[k] - y);
    }
    *slope = xy / xx;
    double squares = 0.0, neighbours = 0.0, before = 0.0;
    for (int k = 0; k < n; k++) {
        double off = mean[k] - y - *slope * (at_s[k] - x);
        squares += off * off;
        neighbours += k > 0 ? off * before : 0.0;
        before = off;
    }
    double rho = squares > 0.0 ? fmin(fmax(neighbours / squares, 0.0), 0.95) : 0.0;
    *sigma = sqrt(squares / (n - 2) / xx * (1.0 + rho) / (1.0 - rho));
    return true;
}

double tw_trend_mean(const TwTrend *t, double skip)
{
    double area = 0.0, span_s = 0.0;
    for (int k = (int)(skip * t->bins); k < t->bins; k++) area += t->area[k], span_s += t->span_s[k];
    return span_s > 0.0 ? area / span_s : 0.0;
}

bool tw_trend_ends_highest(const TwTrend *t)
{
    double area = 0.0, span_s = 0.0;
    for (int k = t->bins - t->bins / 4; k < t->bins; k++) area += t->area[k], span_s += t->span_s[k];
    bool highest = span_s > 0.0;
    for (int k = 0; k < t->bins / 2; k++) highest = highest && area / span_s > t->area[k] / t->span_s[k];
    return highest;
}
