#include "models/operations/grid.h"

#include <math.h>

TwBreach tw_breach(double measured_w, double target_w)
{
    if (!(measured_w > target_w)) return TW_BREACH_NONE;
    return measured_w <= 1.2 * target_w * (1.0 + 1e-12) ? TW_BREACH_WARNING : TW_BREACH_CRITICAL;
}

const char *tw_breach_word(TwBreach breach)
{
    static const char *const words[] = {"none", "warning", "critical"};
    return words[breach];
}

bool tw_dip_latches(TwDips *dips, double now_s, int limit, double within_s)
{
    int kept = 0;
    for (int i = 0; i < dips->count; i++)
        if (dips->at_s[i] > now_s - within_s) dips->at_s[kept++] = dips->at_s[i];
    if (kept == TW_DIPS) {
        for (int i = 1; i < kept; i++) dips->at_s[i - 1] = dips->at_s[i];
        kept--;
    }
    dips->at_s[kept++] = now_s;
    dips->count = kept;
    return kept >= limit;
}

double tw_exceeds(int count, double mean_w, double deviation_w, double correlation, double limit_w)
{
    double n = count, sigma = deviation_w * sqrt(n * (1.0 + (n - 1.0) * correlation));
    if (sigma <= 0.0) return limit_w < n * mean_w;
    return 0.5 * erfc((limit_w - n * mean_w) / sigma / sqrt(2.0));
}

long long tw_gpus_under(double limit_w, double per_gpu_w, int per_rack)
{
    long long gpus = (long long)floor(limit_w / per_gpu_w * (1.0 + 1e-12));
    return per_rack > 1 ? gpus / per_rack * per_rack : gpus;
}
