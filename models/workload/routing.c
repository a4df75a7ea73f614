#include "models/workload/routing.h"
#include "sim/csv.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>

typedef struct Copy {
    double share;
    int expert, copies;
} Copy;

static int larger_first(const void *left, const void *right)
{
    const Copy *a = left, *b = right;
    if (a->share != b->share) return a->share < b->share ? 1 : -1;
    return a->expert - b->expert;
}

// Shares in a random order, summing to 1.
static void shares(const TwModelRow *model, const TwRouting *routing, Copy *copy, int n)
{
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
        copy[i] = (Copy){routing->share ? routing->share[i] : pow(i + 1.0, -routing->zipf), i, 1};
        sum += copy[i].share;
    }
    for (int i = 0; i < n; i++) copy[i].share /= sum;
    if (routing->share) return;
    TwStream stream = tw_stream((uint64_t)model->experts, "experts");
    for (int i = n - 1; i > 0; i--) {
        int j = (int)(tw_random(stream, (uint64_t)i, 0, TW_PURPOSE_ROUTE) * (i + 1));
        double moved = copy[i].share;
        copy[i].share = copy[j].share, copy[j].share = moved;
    }
}

// One more copy of whichever expert has the most tokens a copy; `room` for them lies behind.
static void replicate(Copy *copy, int n, int redundant)
{
    for (int r = 0; r < redundant; r++) {
        int top = 0;
        for (int i = 1; i < n; i++)
            if (copy[i].share / copy[i].copies > copy[top].share / copy[top].copies) top = i;
        copy[top].copies++;
    }
    int end = n;
    for (int i = 0; i < n; i++) {
        copy[i].share /= copy[i].copies;
        for (int k = 1; k < copy[i].copies; k++) copy[end++] = copy[i];
    }
}

double tw_routing_hottest(const TwModelRow *model, int ep, const TwRouting *routing)
{
    int n = (int)model->experts, all = n + routing->redundant;
    if (ep < 2 || n < 1 || (!routing->share && routing->zipf == 0.0)) return 1.0;
    Copy *copy = calloc((size_t)all, sizeof *copy);
    double *load = calloc((size_t)ep, sizeof *load);
    int *held = calloc((size_t)ep, sizeof *held);
    double hottest = 0.0;
    if (!copy || !load || !held) abort();
    shares(model, routing, copy, n);
    int room = (all + ep - 1) / ep;
    if (routing->redundant > 0) {
        replicate(copy, n, routing->redundant);
        qsort(copy, (size_t)all, sizeof *copy, larger_first);
    }
    for (int i = 0; i < all; i++) {
        int gpu = i / room;
        if (routing->redundant > 0) {
            gpu = -1;
            for (int g = 0; g < ep; g++)
                if (held[g] < room && (gpu < 0 || load[g] < load[gpu])) gpu = g;
        }
        load[gpu] += copy[i].share;
        held[gpu]++;
    }
    for (int g = 0; g < ep; g++) hottest = fmax(hottest, load[g] * ep);
    free(copy);
    free(load);
    free(held);
    return hottest;
}

bool tw_routing_load(double **share, int *count, const char *path, TwError *error)
{
    TwCsv *csv;
    *share = NULL;
    *count = 0;
    if (!tw_csv_read(&csv, path, error)) return false;
    int column = tw_csv_column(csv, "share"), rows = tw_csv_rows(csv);
    bool good = true;
    double sum = 0.0;
    if (column < 0) good = tw_fail(error, TW_BAD_INPUT, "%s: no column share, expected one, a row an expert", path);
    double *value = calloc((size_t)rows + 1, sizeof *value);
    if (!value) abort();
    for (int i = 0; good && i < rows; i++) {
        good = tw_csv_number(csv, i, column, &value[i], error);
        if (good && !(value[i] >= 0.0 && isfinite(value[i])))
            good = tw_fail(error, TW_BAD_INPUT, "%s:%d: share = %g, expected 0 or more", path, tw_csv_line(csv, i),
                           value[i]);
        sum += good ? value[i] : 0.0;
    }
    if (good && !(sum > 0.0))
        good = tw_fail(error, TW_BAD_INPUT, "%s: shares sum to %g, expected more than 0", path, sum);
    tw_csv_destroy(csv);
    if (good)
        *share = value, *count = rows;
    else
        free(value);
    return good;
}
