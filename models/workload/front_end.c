#include "models/workload/front_end.h"

int64_t tw_front_behind(TwWide free, TwWide from, TwSeries span, int64_t m, TwWide each)
{
    // iteration k is behind while t_k <= free + (k - 1) each, a convex function of k that once above stays there
    int64_t behind = 0, ahead = m + 1;
    while (ahead - behind > 1) {
        int64_t k = behind + (ahead - behind) / 2;
        if (from + tw_series_sum(span, k) <= free + (k - 1) * each)
            behind = k;
        else
            ahead = k;
    }
    return behind;
}
