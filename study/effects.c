// Which axis moves a result: tornado, elementary effects (Morris), variance shares and Sobol indices.
//
// Sobol: first order after Saltelli et al. (2010), total after Jansen (1999), pairs after Saltelli (2002), y centred;
// intervals from 1,000 resamples of the rows. Independent axes are assumed.
#include "sim/random.h"
#include "study/answers.h"
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000, BINS = 10 };    // RESAMPLES: a multiple of AT_ONCE

static void resample(const TwStudy *study, int b, int rows, int *draw)
{
    TwStream stream = tw_stream((uint64_t)study->seed, "bootstrap");
    for (int j = 0; j < rows; j += 4) {
        uint32_t words[4];
        tw_random4(stream, (uint64_t)b, (uint32_t)j, TW_PURPOSE_BOOTSTRAP, words);
        for (int k = 0; k < 4 && j + k < rows; k++) draw[j + k] = (int)(((uint64_t)words[k] * (uint64_t)rows) >> 32);
    }
}

static double spread_of(const double *values, int n)
{
    double sum = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) sum += values[i];
    for (int i = 0; i < n; i++) square += (values[i] - sum / n) * (values[i] - sum / n);
    return n > 1 ? sqrt(square / (n - 1)) : NAN;
}

static void moments(TwEffects *e, const double *y, int n)
{
    double sum = 0.0, square = 0.0;
    int used = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) sum += y[i], used++;
    e->mean = used ? sum / used : NAN;
    for (int i = 0; i < n; i++)
        if (isfinite(y[i])) square += (y[i] - e->mean) * (y[i] - e->mean);
    e->variance = used ? square / used : NAN;
    e->used = used;
    e->dropped = n - used;
    e->constant = !(e->variance > 1e-24 * e->mean * e->mean);
}

// Share of the variance of the points' means that the seeds make.
static double noise_of(const TwStudy *study, const char *output, double variance)
{
    int r = study->replicates, points = 0;
    if (r < 2 || !(variance > 0.0)) return NAN;
    double *values = tw_study_column(study, output), sum = 0.0;
    for (int p = 0; p < study->point_count; p++) {
        double s = spread_of(values + (size_t)p * (size_t)r, r);
        if (!isfinite(s)) continue;
        sum += s * s / r;
        points++;
    }
    free(values);
    return points ? sum / points / variance : NAN;
}

// ---- Sobol ----------------------------------------------------------------------------------------------------------

// What the estimators add up of a row: y(A), y(B), both squared, and for each axis y(B) (y(A_B) - y(A)), the difference
// and its square.
enum { OF_ALL = 3, OF_AXIS = 3, AT_ONCE = 8 };

static double *terms_of(const double *kept, int rows, int blocks, int d)
{
    size_t width = (size_t)(OF_ALL + OF_AXIS * d);
    double *terms = tw_taken((size_t)rows * width, sizeof *terms);
    for (int j = 0; j < rows; j++) {
        const double *row = kept + (size_t)j * (size_t)blocks;
        double *to = terms + (size_t)j * width;
        to[0] = row[0];
        to[1] = row[1];
        to[2] = row[0] * row[0] + row[1] * row[1];
        for (int i = 0; i < d; i++) {
            double delta = row[2 + i] - row[0];
            to[OF_ALL + i] = row[1] * delta;
            to[OF_ALL + d + i] = delta;
            to[OF_ALL + 2 * d + i] = delta * delta;
        }
    }
    return terms;
}

// sums[b] of the rows, each as often as resample b has drawn it.
static void weighted_sums(const double *terms, int rows, int width, const double *weight, double *sums)
{
    memset(sums, 0, (size_t)AT_ONCE * (size_t)width * sizeof *sums);
    for (int j = 0; j < rows; j++) {
        const double *restrict row = terms + (size_t)j * (size_t)width;
        for (int b = 0; b < AT_ONCE; b++) {
            double w = weight[(size_t)j * AT_ONCE + (size_t)b], *restrict to = sums + (size_t)b * (size_t)width;
            if (w == 0.0) continue;
            for (int k = 0; k < width; k++) to[k] += w * row[k];
        }
    }
}

static void index_of(const double *sums, int rows, int d, int i, double *first, double *total)
{
    double m = (sums[0] + sums[1]) / (2.0 * rows), v = sums[2] / (2.0 * rows) - m * m;
    *first = (sums[OF_ALL + i] - m * sums[OF_ALL + d + i]) / rows / v;
    *total = sums[OF_ALL + 2 * d + i] / (2.0 * rows) / v;
}

static void sobol_indices(const TwStudy *study, const double *y, TwEffects *e)
{
    int d = study->axis_count, blocks = study->second_order ? 2 * d + 2 : d + 2, rows = 0;
    double *kept = tw_taken((size_t)study->rows * (size_t)blocks, sizeof *kept), sum = 0.0;
    for (int j = 0; j < study->rows; j++) {
        const double *row = y + (size_t)j * (size_t)blocks;
        bool whole = true;
        for (int k = 0; k < blocks; k++) whole = whole && isfinite(row[k]);
        if (!whole) continue;
        memcpy(kept + (size_t)rows * (size_t)blocks, row, (size_t)blocks * sizeof *row);
        sum += row[0] + row[1];
        rows++;
    }
    e->used = rows;
    e->dropped = study->rows - rows;
    e->refused = rows == 0 || e->dropped > 0.05 * study->rows;
    double centre = rows ? sum / (2.0 * rows) : 0.0, square = 0.0;
    for (size_t i = 0; i < (size_t)rows * (size_t)blocks; i++) kept[i] -= centre;
    for (int j = 0; j < rows; j++) {
        const double *row = kept + (size_t)j * (size_t)blocks;
        square += row[0] * row[0] + row[1] * row[1];
    }
    double variance = square / (2.0 * rows);
    e->mean = centre;
    e->variance = variance;
    e->constant = !(variance > 1e-24 * centre * centre);
    if (e->refused || e->constant) {
        free(kept);
        return;
    }
    double *terms = terms_of(kept, rows, blocks, d);
    int width = OF_ALL + OF_AXIS * d, *draw = tw_taken((size_t)rows, sizeof *draw);
    double *sums = tw_taken((size_t)AT_ONCE * (size_t)width, sizeof *sums);
    double *weight = tw_taken((size_t)AT_ONCE * (size_t)rows, sizeof *weight);
    double *s_b = tw_taken((size_t)d * RESAMPLES, sizeof *s_b), *t_b = tw_taken((size_t)d * RESAMPLES, sizeof *t_b);
    // every row once: the estimate itself
    for (int j = 0; j < rows; j++) weight[(size_t)j * AT_ONCE] = 1.0;
    weighted_sums(terms, rows, width, weight, sums);
    for (int i = 0; i < d; i++) index_of(sums, rows, d, i, &e->list[i].first, &e->list[i].total);
    for (int from = 0; from < RESAMPLES; from += AT_ONCE) {
        memset(weight, 0, (size_t)AT_ONCE * (size_t)rows * sizeof *weight);
        for (int b = 0; b < AT_ONCE; b++) {
            resample(study, from + b, rows, draw);
            for (int j = 0; j < rows; j++) weight[(size_t)draw[j] * AT_ONCE + (size_t)b] += 1.0;
        }
        weighted_sums(terms, rows, width, weight, sums);
        for (int b = 0; b < AT_ONCE; b++)
            for (int i = 0; i < d; i++) {
                size_t at = (size_t)i * RESAMPLES + (size_t)(from + b);
                index_of(sums + (size_t)b * (size_t)width, rows, d, i, &s_b[at], &t_b[at]);
            }
    }
    for (int i = 0; i < d; i++) {
        e->list[i].first_half = 1.96 * spread_of(s_b + (size_t)i * RESAMPLES, RESAMPLES);
        e->list[i].total_half = 1.96 * spread_of(t_b + (size_t)i * RESAMPLES, RESAMPLES);
    }
    if (study->second_order) {
        e->pairs = tw_taken((size_t)d * (size_t)d, sizeof *e->pairs);
        for (int i = 0; i < d; i++)
            for (int k = 0; k < d; k++) {
                double added = 0.0;
                for (int j = 0; j < rows && k > i; j++) {
                    const double *row = kept + (size_t)j * (size_t)blocks;
                    added += row[2 + d + i] * row[2 + k] - row[0] * row[1];
                }
                e->pairs[i * d + k] = k > i ? added / rows / variance - e->list[i].first - e->list[k].first : NAN;
            }
    }
    free(terms);
    free(weight);
    free(draw);
    free(sums);
    free(s_b);
    free(t_b);
    free(kept);
}

// ---- Morris ---------------------------------------------------------------------------------------------------------

static void morris(const TwStudy *study, const double *y, TwEffects *e)
{
    int d = study->axis_count, start[TW_AXES], order[TW_AXES], n = 0;
    bool up[TW_AXES];
    double delta = (double)study->levels / (2.0 * (study->levels - 1));
    double *effects = tw_taken((size_t)study->trajectories * (size_t)d, sizeof *effects);
    for (int t = 0; t < study->trajectories; t++) {
        const double *path = y + (size_t)t * (size_t)(d + 1);
        bool whole = true;
        for (int k = 0; k <= d; k++) whole = whole && isfinite(path[k]);
        if (!whole) continue;
        tw_morris_path(study, t, start, order, up);
        for (int k = 0; k < d; k++) {
            double change = (path[k + 1] - path[k]) / delta;
            effects[(size_t)n * (size_t)d + (size_t)order[k]] = up[order[k]] ? change : -change;
        }
        n++;
    }
    e->used = n;
    e->dropped = study->trajectories - n;
    e->refused = n < 2 || e->dropped > 0.05 * study->trajectories;
    int *draw = tw_taken((size_t)n, sizeof *draw);
    double *starred = tw_taken(RESAMPLES, sizeof *starred), *column = tw_taken((size_t)n, sizeof *column);
    for (int i = 0; i < d && !e->refused; i++) {
        TwEffect *effect = &e->list[i];
        double sum = 0.0, size = 0.0;
        for (int t = 0; t < n; t++) {
            column[t] = effects[(size_t)t * (size_t)d + (size_t)i];
            sum += column[t];
            size += fabs(column[t]);
        }
        effect->low = sum / n;
        effect->high = spread_of(column, n);
        effect->first = size / n;
        for (int b = 0; b < RESAMPLES; b++) {
            resample(study, b, n, draw);
            starred[b] = 0.0;
            for (int t = 0; t < n; t++) starred[b] += fabs(column[draw[t]]) / n;
        }
        effect->first_half = 1.96 * spread_of(starred, RESAMPLES);
    }
    free(draw);
    free(starred);
    free(column);
    free(effects);
}

// ---- one at a time --------------------------------------------------------------------------------------------------

static void tornado(const TwStudy *study, const double *y, TwEffects *e)
{
    e->base = y[0];
    for (int i = 0; i < study->axis_count; i++) {
        TwEffect *effect = &e->list[i];
        double base = tw_point_at(study, 0, i);
        effect->at_low = effect->at_high = base;
        effect->low = effect->high = y[0];
        for (int p = 1; p < study->point_count; p++) {
            double at = tw_point_at(study, p, i);
            if (at < effect->at_low) effect->at_low = at, effect->low = y[p];
            if (at > effect->at_high) effect->at_high = at, effect->high = y[p];
        }
        effect->swing = fabs(effect->high - effect->low);
        bool both = effect->at_low < base && effect->at_high > base;
        effect->one_sided = both && (effect->low - y[0]) * (effect->high - y[0]) > 0.0;
    }
}

// ---- shares of variance ---------------------------------------------------------------------------------------------

typedef struct Ranked {
    double at;
    int index;
} Ranked;

static int by_place(const void *a, const void *b)
{
    const Ranked *p = a, *q = b;
    if (p->at != q->at) return p->at < q->at ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static void shares(const TwStudy *study, const double *y, TwEffects *e)
{
    int n = study->point_count;
    Ranked *ranked = tw_taken((size_t)n, sizeof *ranked);
    for (int i = 0; i < study->axis_count && e->used > 1 && !e->constant; i++) {
        const TwAxis *axis = &study->axes[i];
        int used = 0, groups;
        for (int p = 0; p < n; p++)
            if (isfinite(y[p])) ranked[used++] = (Ranked){tw_point_at(study, p, i), p};
        qsort(ranked, (size_t)used, sizeof *ranked, by_place);
        bool levels = axis->count > 0 && study->design != TW_LISTED;
        groups = levels ? axis->count : used / 5 < BINS ? used / 5 : BINS;
        if (groups < 2) {
            e->list[i].first = levels ? 0.0 : NAN;
            continue;
        }
        double *sum = tw_taken((size_t)groups, sizeof *sum), between = 0.0;
        int *count = tw_taken((size_t)groups, sizeof *count), filled = 0;
        for (int k = 0; k < used; k++) {
            int group = levels ? (int)ranked[k].at : (int)((int64_t)k * groups / used);
            sum[group] += y[ranked[k].index];
            count[group]++;
        }
        for (int g = 0; g < groups; g++) {
            if (!count[g]) continue;
            double off = sum[g] / count[g] - e->mean;
            between += count[g] * off * off;
            filled++;
        }
        double share = between / used / e->variance;
        // groups of a sample differ by chance too
        if (study->design != TW_GRID && used > filled) share = 1.0 - (1.0 - share) * (used - 1.0) / (used - filled);
        e->list[i].first = share;
        free(sum);
        free(count);
    }
    free(ranked);
}

static TwEffectKind kind_of(const TwStudy *study)
{
    return study->design == TW_INDICES  ? TW_EFFECT_SOBOL
           : study->design == TW_MORRIS ? TW_EFFECT_MORRIS
           : study->design == TW_OAT    ? TW_EFFECT_TORNADO
                                        : TW_EFFECT_SHARE;
}

static double size_of(const TwEffects *e, const TwEffect *effect)
{
    return e->kind == TW_EFFECT_SOBOL ? effect->total : e->kind == TW_EFFECT_TORNADO ? effect->swing : effect->first;
}

static void sort(TwEffects *e)
{
    for (int i = 1; i < e->count; i++) {    // few axes, and equal ones keep their order
        TwEffect effect = e->list[i];
        int k = i;
        double size = size_of(e, &effect);
        while (k > 0 && !(size_of(e, &e->list[k - 1]) >= size - 1e-12 * fabs(size)) && isfinite(size)) {
            e->list[k] = e->list[k - 1];
            k--;
        }
        e->list[k] = effect;
    }
}

bool tw_effects(const TwStudy *study, const char *output, TwEffects *e)
{
    *e = (TwEffects){.kind = kind_of(study), .count = study->axis_count, .base = NAN, .noise = NAN};
    if (study->axis_count == 0 || study->point_count == 0 || !tw_output_known(study, output, NULL)) return false;
    snprintf(e->output, sizeof e->output, "%s", output);
    e->list = tw_taken((size_t)study->axis_count, sizeof *e->list);
    for (int i = 0; i < study->axis_count; i++)
        e->list[i] = (TwEffect){.axis = i,
                                .low = NAN,
                                .high = NAN,
                                .swing = NAN,
                                .first = NAN,
                                .total = NAN,
                                .first_half = NAN,
                                .total_half = NAN};
    double *y = tw_study_means(study, output, false);
    moments(e, y, study->point_count);
    switch (e->kind) {
    case TW_EFFECT_SOBOL:
        sobol_indices(study, y, e);
        break;
    case TW_EFFECT_MORRIS:
        morris(study, y, e);
        break;
    case TW_EFFECT_TORNADO:
        tornado(study, y, e);
        break;
    case TW_EFFECT_SHARE:
        shares(study, y, e);
        break;
    }
    e->noise = noise_of(study, output, e->variance);
    sort(e);
    free(y);
    return true;
}

void tw_effects_free(TwEffects *effects)
{
    free(effects->list);
    free(effects->pairs);
    effects->list = NULL;
    effects->pairs = NULL;
}
