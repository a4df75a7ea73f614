#include "models/workload/stratum.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>

void tw_stratum_add(TwStratum *s, double ours, double theirs, double sigma_ln)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 256;
        s->size = realloc(s->size, (size_t)s->room * sizeof *s->size);
        s->error = realloc(s->error, (size_t)s->room * sizeof *s->error);
        if (!s->size || !s->error) abort();
    }
    s->error[s->count] = ours / theirs - 1.0;
    s->size[s->count++] = fabs(ours / theirs - 1.0);
    double off = fabs(log(ours / theirs));
    s->within[0] += off <= sigma_ln;
    s->within[1] += off <= 2.0 * sigma_ln;
}

void tw_stratum_end(TwStratum *s)
{
    free(s->size);
    free(s->error);
    *s = (TwStratum){0};
}

void tw_stratum_sort(TwStratum *s)
{
    tw_sort(s->size, (size_t)s->count);
    tw_sort(s->error, (size_t)s->count);
}

void tw_stratum_row(TwValidation *v, TwStratum *s, const char *chip, const char *what, double bar, const char *source)
{
    if (!s->count) return;
    tw_stratum_sort(s);
    char name[64];
    snprintf(name, sizeof name, "%.24s, median error", what);
    tw_validation_row(v, chip, name, "%", 100.0 * tw_sorted_quantile(s->size, (size_t)s->count, 0.5), bar,
                      isfinite(bar) ? TW_AT_MOST : TW_SHOWN, 0.0, source);
    tw_validation_note(
        v,
        "%-8s %-24s %7d rows: median %5.1f %%, p90 %5.1f %%, bias %+5.1f %%, within 1 and 2 sigma %3.0f and %3.0f %%",
        chip, what, s->count, 100.0 * tw_sorted_quantile(s->size, (size_t)s->count, 0.5),
        100.0 * tw_sorted_quantile(s->size, (size_t)s->count, 0.9),
        100.0 * tw_sorted_quantile(s->error, (size_t)s->count, 0.5), 100.0 * s->within[0] / s->count,
        100.0 * s->within[1] / s->count);
}
