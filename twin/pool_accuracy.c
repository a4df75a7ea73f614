#include "twin/pool_accuracy.h"
#include "sim/digits.h"
#include "sim/json.h"
#include "twin/engines.h"
#include "twin/report_parts.h"

#include <stdlib.h>
#include <string.h>

TwLike tw_pool_like(const TwPoolPlan *pool)
{
    TwLike like = {.chip = pool->chip, .mixture = pool->mixture, .engine = "", .load = "open"};
    // no row is of the ideal one
    for (int i = 0; pool->engine && i < TW_SERVING_IDEAL; i++)
        if (strncmp(pool->engine, tw_serving_names[i], strlen(tw_serving_names[i])) == 0)
            like.engine = tw_serving_names[i];
    return like;
}

static bool alike(const TwLike *a, const TwLike *b)
{
    return a->mixture == b->mixture && strcmp(a->chip, b->chip) == 0 && strcmp(a->engine, b->engine) == 0;
}

// The first pool that is as this one.
static int first_like(const TwPlant *plant, int pool)
{
    TwLike like = tw_pool_like(&plant->pools[pool]);
    for (int i = 0; i < pool; i++) {
        TwLike other = tw_pool_like(&plant->pools[i]);
        if (alike(&like, &other)) return i;
    }
    return pool;
}

// What is known of each pool; the caller frees it. NULL: the table is wrong.
static TwAccuracy *of_pools(const TwPlant *plant, TwError *error)
{
    int count = plant->pool_count;
    TwLike *like = calloc((size_t)count, sizeof *like);
    TwAccuracy *accuracy = calloc((size_t)count, sizeof *accuracy);
    if (!like || !accuracy) abort();
    for (int i = 0; i < count; i++) like[i] = tw_pool_like(&plant->pools[i]);
    bool good = tw_accuracy_find(accuracy, NULL, like, count, error);
    free(like);
    if (!good) free(accuracy);
    return good ? accuracy : NULL;
}

// Three digits: no more is known.
static const char *rounded(double value, char text[32])
{
    double unit = pow(10.0, floor(log10(value)) - 2.0);
    return tw_grouped(text, 32, unit * round(value / unit), ",", 4);
}

void tw_pools_accuracy_print(const TwPlant *plant, double per_mw, FILE *stream)
{
    if (plant->pool_count == 0) return;
    TwError error = {0};
    TwAccuracy *accuracy = of_pools(plant, &error);
    if (!accuracy) {
        fprintf(stream, "  published rows: %s:%d: %s\n", error.file, error.line, error.text);
        return;
    }
    bool one = true;
    for (int i = 1; i < plant->pool_count; i++) one &= first_like(plant, i) == 0;
    for (int i = 0; i < plant->pool_count; i++) {
        if (first_like(plant, i) < i) continue;
        TwLike like = tw_pool_like(&plant->pools[i]);
        fprintf(stream, "  against published rows%s%s: error in the median, and of four in five (docs/validation.md)\n",
                one ? "" : ", pool ", one ? "" : plant->pools[i].name);
        tw_accuracy_print(&accuracy[i], &like, TW_ERRORS_TOLD, stream);
        const TwErrorBand *joules = &accuracy[i].band[TW_ERROR_JOULES];
        char low[32], high[32];
        if (one && per_mw > 0.0 && joules->rows > 0 && joules->low > -1.0)
            fprintf(stream, "  by their joules a token: %s to %s output tokens/s per MW\n",
                    rounded(per_mw * (1.0 + joules->low), low), rounded(per_mw * (1.0 + joules->high), high));
    }
    free(accuracy);
}

void tw_pools_accuracy_json(const TwPlant *plant, FILE *stream)
{
    TwError error = {0};
    TwAccuracy *accuracy = plant->pool_count > 0 ? of_pools(plant, &error) : NULL;
    if (plant->pool_count > 0 && !accuracy) {
        fprintf(stderr, "tokenworks: warning: how far to trust this is not known: ");
        tw_error_print(&error, stderr);
        fprintf(stream, "null");
        return;
    }
    fprintf(stream, "{");
    for (int i = 0; i < plant->pool_count; i++) {
        TwLike like = tw_pool_like(&plant->pools[i]);
        if (i > 0) fprintf(stream, ", ");
        tw_json_text(stream, plant->pools[i].name);
        fprintf(stream, ": ");
        tw_accuracy_json(&accuracy[i], &like, stream);
    }
    fprintf(stream, "}");
    free(accuracy);
}

void tw_report_accuracy(TwReport *report, const TwPlant *plant)
{
    if (plant->pool_count == 0) return;
    TwError error = {0};
    TwAccuracy *accuracy = of_pools(plant, &error);
    if (!accuracy) {
        tw_report_add_text(report, "accuracy.problem", "errors against published figures are not known", error.text);
        return;
    }
    for (int i = 0; i < plant->pool_count; i++) {
        TwLike like = tw_pool_like(&plant->pools[i]);
        char path[80], text[128];
        const char *name = plant->pools[i].name;
        snprintf(path, sizeof path, "accuracy.%.40s.rows_of_chip", name);
        tw_report_add(report, path, "", "published rates of this chip and kind of model", accuracy[i].chip_rows);
        for (int k = 0; k < TW_ERRORS; k++) {
            const TwErrorBand *b = &accuracy[i].band[k];
            if (b->rows == 0) continue;
            const TwKpiRow rows[] = {{"rows", "", "published rows like it", b->rows},
                                     {"publishers", "", "who published them", b->publishers},
                                     {"error_p50", "1", "predicted over published less one, median", b->p50},
                                     {"error_low", "1", "from where four in five are", b->low},
                                     {"error_high", "1", "to where four in five are", b->high}};
            tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "accuracy.%.40s.%s", name, tw_error_names[k]);
            snprintf(path, sizeof path, "accuracy.%.40s.%s.of", name, tw_error_names[k]);
            tw_report_add_text(report, path, "published rows like it", tw_accuracy_group(&like, b->level, text));
        }
    }
    free(accuracy);
}
