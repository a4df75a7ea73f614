#include "twin/validate_train.h"

#include "models/workload/model_shape.h"
#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"
#include "sim/order.h"
#include "twin/deploy.h"
#include "twin/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const shipped = "facilities/reference/training.csv";

enum { GROUPS = 48 };

// Rows of one kind: ours over published, less one.
typedef struct Group {
    char name[64];
    int count, room;
    double *error;
} Group;

typedef struct Groups {
    int count;
    Group at[GROUPS];
} Groups;

static void add_error(Groups *groups, const char *name, double error)
{
    int i = 0;
    while (i < groups->count && strcmp(groups->at[i].name, name) != 0) i++;
    if (i == GROUPS) return;
    Group *g = &groups->at[i];
    if (i == groups->count) {
        groups->count++;
        snprintf(g->name, sizeof g->name, "%s", name);
    }
    if (g->count == g->room) {
        g->room = g->room ? 2 * g->room : 16;
        g->error = realloc(g->error, (size_t)g->room * sizeof *g->error);
        if (!g->error) abort();
    }
    g->error[g->count++] = error;
}

static int by_name(const void *a, const void *b) { return strcmp(((const Group *)a)->name, ((const Group *)b)->name); }

static void close_groups(TwValidation *v, Groups *groups)
{
    qsort(groups->at, (size_t)groups->count, sizeof *groups->at, by_name);
    for (int i = 0; i < groups->count; i++) {
        Group *g = &groups->at[i];
        tw_sort(g->error, (size_t)g->count);
        double median = 0.5 * (g->error[(g->count - 1) / 2] + g->error[g->count / 2]);
        tw_validation_note(v, "%-44s %3d rows: median %+.0f %%, from %+.0f to %+.0f %%", g->name, g->count,
                           100.0 * median, 100.0 * g->error[0], 100.0 * g->error[g->count - 1]);
        free(g->error);
    }
    free(groups);
}

typedef struct Table {
    const TwCsv *csv;
    const char *file;
} Table;

static const char *cell(const Table *t, int row, const char *name)
{
    int c = tw_csv_column(t->csv, name);
    return c >= 0 ? tw_csv_text(t->csv, row, c) : "";
}

static bool number(const Table *t, int row, const char *name, double *value, TwError *error)
{
    const char *text = cell(t, row, name);
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && isfinite(*value) && *value > 0.0) return true;
    return tw_fail_at(error, t->file, tw_csv_line(t->csv, row), 0, "%s = \"%s\", expected a number above 0", name,
                      text);
}

static bool whole(const Table *t, int row, const char *name, int *value, TwError *error)
{
    double x;
    if (!number(t, row, name, &x, error)) return false;
    *value = (int)fmin(x, 1e9);
    if ((double)*value == x) return true;
    return tw_fail_at(error, t->file, tw_csv_line(t->csv, row), 0, "%s = \"%s\", expected a whole number", name,
                      cell(t, row, name));
}

// One of the words, its place; -1: told.
static int word(const Table *t, int row, const char *name, const char *const *words, TwError *error)
{
    const char *text = cell(t, row, name);
    int place = tw_word_place(text, words);
    if (place >= 0) return place;
    tw_fail_at(error, t->file, tw_csv_line(t->csv, row), 0, "%s = \"%s\", expected %s", name, text,
               strcmp(name, "overlap") == 0     ? "sums, experts, both or none"
               : strcmp(name, "recompute") == 0 ? "auto, none, selective or full"
                                                : "yes or no");
    return -1;
}

static bool read_row(const Table *t, int row, TwTrainSetup *setup, double *published, TwError *error)
{
    static const char *const answers[] = {"no", "yes", NULL}, *const again[] = {"auto", "none", "selective", "full",
                                                                                NULL};
    static const char *const beside[] = {"none", "sums", "experts", "both", NULL};
    TwTrainLayout *l = &setup->layout;
    *setup = (TwTrainSetup){
        .chip = cell(t, row, "chip"), .model = cell(t, row, "model"), .precision = cell(t, row, "precision")};
    if (!whole(t, row, "gpus", &l->gpus, error) || !number(t, row, "global_batch", &l->global_batch, error) ||
        !whole(t, row, "micro_batch", &l->micro_batch, error) ||
        !number(t, row, "sequence_tokens", &l->sequence_tokens, error) || !whole(t, row, "tp", &l->tp, error) ||
        !whole(t, row, "pp", &l->pp, error) || !whole(t, row, "cp", &l->cp, error) ||
        !whole(t, row, "vp", &l->vp, error) || !whole(t, row, "ep", &l->ep, error) ||
        !number(t, row, "gradients", &setup->gradient_bytes, error) ||
        !number(t, row, "tokens_per_s_per_gpu", published, error))
        return false;
    int sharded = word(t, row, "sharded", answers, error), overlap = word(t, row, "overlap", beside, error);
    int recompute = word(t, row, "recompute", again, error);
    if (sharded < 0 || overlap < 0 || recompute < 0) return false;
    setup->sharded = sharded == 1;
    setup->overlap_sums = (overlap & 1) != 0, setup->overlap_experts = (overlap & 2) != 0;
    setup->recompute = recompute - 1;
    return true;
}

static bool one_row(TwValidation *v, Groups *groups, const Table *t, int row, TwError *error)
{
    TwTrainSetup setup;
    TwTrained trained;
    TwModelRow model;
    double published;
    if (!read_row(t, row, &setup, &published, error)) return false;
    char what[96], name[64];
    const char *software = cell(t, row, "software");
    snprintf(what, sizeof what, "%.20s %s %s x%d %.8s", setup.model, setup.chip, setup.precision, setup.layout.gpus,
             software);
    TwError why = {0};
    if (!tw_train(&trained, &setup, &why) || !tw_model_numbers(setup.model, &model)) {
        tw_validation_skip(v, cell(t, row, "source"), what, why.text);
        return true;
    }
    double ours = trained.tokens_per_s_per_gpu;
    tw_validation_row(v, cell(t, row, "source"), what, "tok/s/GPU", ours, published, TW_SHOWN, 0.0,
                      cell(t, row, "source"));
    double now = ours / published - 1.0;
    bool mixture = model.moe_layers > 0;
    add_error(groups, mixture ? "mixtures, all" : "dense, all", now);
    snprintf(name, sizeof name, "%s, %s", mixture ? "mixtures" : "dense", setup.chip);
    add_error(groups, name, now);
    snprintf(name, sizeof name, "%s, software of 20%.2s", mixture ? "mixtures" : "dense", software);
    add_error(groups, name, now);
    return true;
}

bool tw_validate_training_steps(TwValidation *v, const char *file, TwError *error)
{
    char path[4096];
    TwCsv *csv;
    if (!file && !tw_data_find(shipped, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the published training steps, last tried %s", path);
    if (!file) file = path;
    if (!tw_csv_read(&csv, file, error)) return false;
    const Table t = {csv, file};
    Groups *groups = calloc(1, sizeof *groups);
    if (!groups) abort();
    bool good = tw_csv_column(csv, "tokens_per_s_per_gpu") >= 0;
    if (!good) tw_fail_at(error, file, 1, 0, "not a table of training steps: expected the columns of %s", shipped);
    for (int r = 0; good && r < tw_csv_rows(csv); r++) good = one_row(v, groups, &t, r, error);
    close_groups(v, groups);
    tw_csv_destroy(csv);
    return good;
}
