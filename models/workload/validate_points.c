// Points that were measured here against what the model makes of a part of them: the hold-out report of a calibration.
//
// Surfaces are made of the rows of role train alone and asked for those held out at random; of all rows but those of
// role site, and asked for these: a complete grid of products or of decodes has no holes. Energies are those of the
// chip's part and the model that is shipped, at the clock that its power limit leaves: nothing of them is fitted to the
// file.
#include "models/workload/validate_points.h"
#include "models/workload/kernel_points.h"
#include "models/workload/stratum.h"
#include "sim/order.h"

#include <math.h>
#include <string.h>

// what a row is judged by, and the bars of the kernels page, section 11: median and 90 of 100, in per cent
enum { KNOWN, UNSEEN, ODD, DECODE, LATENT, PREFILL, GLUE, CLASSES };
static const struct {
    const char *name;
    double median, p90;
} classes[CLASSES] = {
    [KNOWN] = {"gemm known", 3.0, 8.0}, [UNSEEN] = {"gemm unseen", 4.0, 12.0},   [ODD] = {"gemm odd m", NAN, NAN},
    [DECODE] = {"decode", 4.0, 12.0},   [LATENT] = {"latent decode", 4.0, 12.0}, [PREFILL] = {"prefill", 3.0, 8.0},
    [GLUE] = {"glue", 5.0, 12.0},
};

static int class_of(const TwKernelRow *row)
{
    switch (row->shape.op) {
    case TW_KERNEL_GEMM:
        if (!tw_kernel_aligned(row->shape.m)) return ODD;
        return strcmp(row->role, "site") == 0 ? UNSEEN : KNOWN;
    case TW_KERNEL_DECODE:
        return DECODE;
    case TW_KERNEL_MLA_DECODE:
        return LATENT;
    case TW_KERNEL_PREFILL:
        return PREFILL;
    default:
        return GLUE;
    }
}

static void report(TwValidation *v, const char *chip, TwStratum *s, const char *what, double median, double p90)
{
    const char *source = "measured here, not fitted";
    char name[64];
    if (!s->count) return;
    tw_stratum_row(v, s, chip, what, median, source);
    snprintf(name, sizeof name, "%.24s, 90 of 100", what);
    tw_validation_row(v, chip, name, "%", 100.0 * tw_sorted_quantile(s->size, (size_t)s->count, 0.9), p90,
                      isfinite(p90) ? TW_AT_MOST : TW_SHOWN, 0.0, source);
    tw_stratum_end(s);
}

// seconds and joules of a sustained row, at the clock that the limit leaves
static void sustained(const TwAcceleratorRow *chip, const TwKernelModel *model, const TwKernelRow *row, TwStratum *time,
                      TwStratum *energy)
{
    TwPower power = tw_chip_power(chip);
    TwKernelCost cost = tw_kernel_query(model, &row->shape);
    bool over;
    double clock = tw_sequence_clock(&cost, 1, &power, chip->limit_w, &over);
    tw_stratum_add(time, tw_kernel_time_s(&cost, clock), row->t_s, cost.sigma_ln);
    if (isfinite(row->energy_j))
        tw_stratum_add(energy, tw_kernel_energy_j(&cost, &power, clock), row->energy_j, cost.sigma_ln);
}

bool tw_validate_points(TwValidation *v, const char *name, const TwAcceleratorRow *chip, const TwKernelModel *model,
                        const char *path, TwError *error)
{
    TwArena *arena = tw_arena_create();
    TwKernelPoints *train, *no_sites;
    TwKernelRow *row;
    TwStratum held[CLASSES] = {0}, published[CLASSES] = {0}, time = {0}, energy = {0};
    int count, asked = 0, silent = 0;
    bool good = tw_kernel_rows_read(&row, &count, arena, path, error) &&
                tw_kernel_points_read(&train, arena, path, chip, "train", error) &&
                tw_kernel_points_read(&no_sites, arena, path, chip, "train holdout odd_m", error);
    for (int i = 0; i < count && good; i++) {
        if (!(tw_chip_peak(chip, row[i].shape.number) > 0.0)) continue;
        if (row[i].sustained) {
            sustained(chip, model, &row[i], &time, &energy);
            continue;
        }
        TwKernelCost cost = tw_kernel_query(model, &row[i].shape);
        int class = class_of(&row[i]);
        if (class != ODD) tw_stratum_add(&published[class], cost.t_s, row[i].t_s, cost.sigma_ln);
        if (strcmp(row[i].role, "train") == 0) continue;
        bool exact;
        bool site = strcmp(row[i].role, "site") == 0;
        double t = tw_kernel_points_s(site ? no_sites : train, &row[i].shape, &exact);
        asked++;
        if (isfinite(t))
            tw_stratum_add(&held[class], t, row[i].t_s, class == GLUE ? 0.3 : 0.04);
        else
            silent++;
    }
    if (good && !count)
        good = tw_fail(error, TW_BAD_INPUT, "%s: no row is ok and of an operation that the model asks for", path);
    if (good) {
        for (int c = 0; c < CLASSES; c++) report(v, name, &held[c], classes[c].name, classes[c].median, classes[c].p90);
        tw_validation_note(
            v, "%-8s %d of %d rows that were held out lie beyond the others and are left to the published tables", name,
            silent, asked);
        for (int c = 0; c < CLASSES; c++) {
            char what[40];
            snprintf(what, sizeof what, "shipped %s", classes[c].name);
            report(v, name, &published[c], what, NAN, NAN);
        }
        report(v, name, &time, "sustained time", NAN, NAN);
        report(v, name, &energy, "energy", 5.0, 12.0);
    }
    for (int c = 0; c < CLASSES; c++) tw_stratum_end(&held[c]), tw_stratum_end(&published[c]);
    tw_stratum_end(&time);
    tw_stratum_end(&energy);
    tw_arena_destroy(arena);
    return good;
}
