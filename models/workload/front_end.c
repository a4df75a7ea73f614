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

// Forgets the parts before `first`.
static void forget(TwFrontTail *tail, int first)
{
    for (int k = first; k < tail->count && first > 0; k++) {
        tail->from_ns[k - first] = tail->from_ns[k];
        tail->until_ns[k - first] = tail->until_ns[k];
        tail->part[k - first] = tail->part[k];
    }
    tail->count -= first;
}

static void join(TwFrontTail *tail)
{
    for (int k = 0; k < TW_TAIL / 2; k++) {
        TwFrontEnded a = tail->part[2 * k], b = tail->part[2 * k + 1];
        tail->from_ns[k] = tail->from_ns[2 * k];
        tail->until_ns[k] = tail->until_ns[2 * k + 1];
        tail->part[k] = (TwFrontEnded){a.completed + b.completed, a.measured + b.measured, a.good + b.good};
    }
    tail->count = TW_TAIL / 2;
}

void tw_front_end_add(TwFrontTail *tail, int64_t now_ns, int64_t out_ns, bool measured, bool good)
{
    int k = tail->count - 1;
    if (k < 0 || tail->until_ns[k] != out_ns) {
        int gone = 0;
        while (gone < tail->count && tail->until_ns[gone] <= now_ns) gone++;
        forget(tail, gone);
        if (tail->count == TW_TAIL) join(tail);
        k = tail->count++;
        tail->from_ns[k] = tail->until_ns[k] = out_ns;
        tail->part[k] = (TwFrontEnded){0, 0, 0};
    }
    tail->part[k].completed++;
    tail->part[k].measured += measured;
    tail->part[k].good += measured && good;
}

TwFrontEnded tw_front_end_after(const TwFrontTail *tail, int64_t now_ns)
{
    TwFrontEnded sum = {0, 0, 0};
    for (int k = tail->count - 1; k >= 0 && tail->until_ns[k] > now_ns; k--) {
        double span = (double)(tail->until_ns[k] - tail->from_ns[k]), share = 1.0;
        if (tail->from_ns[k] < now_ns) share = (double)(tail->until_ns[k] - now_ns) / span;
        sum.completed += (int64_t)(share * (double)tail->part[k].completed);
        sum.measured += (int64_t)(share * (double)tail->part[k].measured);
        sum.good += (int64_t)(share * (double)tail->part[k].good);
    }
    return sum;
}
