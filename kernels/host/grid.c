#include "kernels/host/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "op,impl,dtype,p0,p1,p2,p3,p4,p5,p6,p7,regime,tier";
enum { OP, IMPL, DTYPE, P0, REGIME = P0 + TW_CAL_PARAMETERS, TIER, FIELDS, MOST_VALUES = 64 };

// "gemm, prefill, ...": every word of one column once, for messages
static const char *known(char *text, size_t size, const char *op, const char *impl)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < tw_cal_kind_count; i++) {
        const TwCalKind *kind = &tw_cal_kinds[i];
        if ((op && strcmp(op, kind->name) != 0) || (impl && strcmp(impl, kind->impl_name) != 0)) continue;
        const char *word = !op ? kind->name : !impl ? kind->impl_name : kind->type_name;
        bool before = false;
        for (int j = 0; j < i; j++) {
            const TwCalKind *other = &tw_cal_kinds[j];
            if ((op && strcmp(op, other->name) != 0) || (impl && strcmp(impl, other->impl_name) != 0)) continue;
            const char *said = !op ? other->name : !impl ? other->impl_name : other->type_name;
            before = before || strcmp(said, word) == 0;
        }
        if (!before && used < size) used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", word);
    }
    return text;
}

static const TwCalKind *find(const char *op, const char *impl, const char *type, const char *path, int line,
                             TwCalErrors *errors)
{
    const TwCalKind *kind = tw_cal_kind(op, impl, type);
    if (kind) return kind;
    char words[400];
    if (!*known(words, sizeof words, op, NULL))
        tw_cal_fail(errors, path, line, "op = %s, expected %s", op, known(words, sizeof words, NULL, NULL));
    else if (!tw_cal_kind(op, impl, NULL))
        tw_cal_fail(errors, path, line, "impl = %s, expected %s", impl, words);
    else
        tw_cal_fail(errors, path, line, "dtype = %s, expected %s", type, known(words, sizeof words, op, impl));
    return NULL;
}

bool tw_cal_point_parse(TwCalPoint *point, const TwCalKind *kind, char *const *p, const char *regime, const char *path,
                        int line, TwCalErrors *errors)
{
    int before = errors->count, parameters = tw_cal_parameters(kind);
    *point = (TwCalPoint){.kind = kind, .regime = TW_CAL_REGIMES};
    for (int i = 0; i < TW_CAL_PARAMETERS; i++) {
        bool unused = i >= parameters;
        if (unused && (!*p[i] || strcmp(p[i], "0") == 0)) continue;
        if (unused)
            tw_cal_fail(errors, path, line, "p%d = %s, expected nothing: %s has %d parameters", i, p[i], kind->name,
                        parameters);
        else if (!tw_cal_whole_number(p[i], &point->p[i]) || point->p[i] < kind->least[i] ||
                 point->p[i] > kind->most[i])
            tw_cal_fail(errors, path, line, "p%d (%s) = %s, expected a whole number from %lld to %lld", i,
                        kind->parameter[i], p[i], (long long)kind->least[i], (long long)kind->most[i]);
    }
    for (int i = 0; i < TW_CAL_REGIMES; i++)
        if (strcmp(regime, tw_cal_regimes[i].name) == 0) point->regime = (TwCalRegime)i;
    if (point->regime == TW_CAL_REGIMES) {
        char words[300];
        size_t used = 0;
        for (int i = 0; i < TW_CAL_REGIMES && used < sizeof words; i++)
            used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? ", " : "", tw_cal_regimes[i].name);
        tw_cal_fail(errors, path, line, "regime = %s, expected %s", regime, words);
    }
    if (errors->count != before) return false;
    if (kind->op == TW_CAL_STEP && point->p[0] * point->p[1] + point->p[3] * point->p[4] == 0)
        return tw_cal_fail(errors, path, line, "a step of nothing; expected batch and context, or chunks and q");
    if (tw_cal_regimes[point->regime].processors < 1.0 && kind->op != TW_CAL_GEMM)
        return tw_cal_fail(errors, path, line, "regime = %s of %s, expected gemm: other kernels take all processors",
                           regime, kind->name);
    // heads share keys in equal groups
    int64_t heads = 1, kv_heads = 1;
    if (kind->op == TW_CAL_PREFILL) heads = point->p[3], kv_heads = point->p[4];
    if (kind->op == TW_CAL_DECODE) heads = point->p[2], kv_heads = point->p[3];
    if (heads % kv_heads)
        return tw_cal_fail(errors, path, line, "heads = %lld, expected a multiple of kv_heads = %lld", (long long)heads,
                           (long long)kv_heads);
    return true;
}

static void check_header(char *line, const char *path, int number, TwCalErrors *errors)
{
    char want[sizeof header], *wanted[FIELDS], *field[FIELDS];
    memcpy(want, header, sizeof header);
    tw_cal_split(want, wanted, FIELDS);
    int count = tw_cal_split(line, field, FIELDS);
    for (int i = 0; i < FIELDS; i++)
        if (i >= count || strcmp(field[i], wanted[i]) != 0) {
            tw_cal_fail(errors, path, number, "column %d is %s, expected %s (the first line is %s)", i + 1,
                        i < count ? field[i] : "missing", wanted[i], header);
            return;
        }
    if (count > FIELDS) tw_cal_fail(errors, path, number, "%d columns, expected %d: %s", count, FIELDS, header);
}

static void *grown(void *list, int count, size_t size)
{
    if (count & (count - 1)) return list;
    void *wider = realloc(list, (size_t)(count ? 2 * count : 1) * size);
    if (!wider) abort();
    return wider;
}

bool tw_cal_grid_add(TwCalGrid *grid, const TwCalPoint *point, int tier)
{
    uint64_t id = tw_cal_id(point);
    for (int i = 0; i < grid->count; i++)
        if (grid->id[i] == id) return false;
    grid->point = grown(grid->point, grid->count, sizeof *grid->point);
    grid->id = grown(grid->id, grid->count, sizeof *grid->id);
    grid->tier = grown(grid->tier, grid->count, sizeof *grid->tier);
    grid->point[grid->count] = *point;
    grid->id[grid->count] = id;
    grid->tier[grid->count++] = tier;
    return true;
}

// the values of a cell, cut in place
static int values(char *cell, char **value)
{
    int count = 0;
    for (char *at = cell; at && count < MOST_VALUES;) {
        value[count++] = at;
        at = strchr(at, ';');
        if (at) *at++ = '\0';
    }
    return count;
}

// all combinations of a row's values
static void expand(TwCalGrid *grid, char **field, const char *path, int number, TwCalErrors *errors)
{
    int before = errors->count, count[TW_CAL_PARAMETERS], at[TW_CAL_PARAMETERS] = {0};
    char *value[TW_CAL_PARAMETERS][MOST_VALUES], *p[TW_CAL_PARAMETERS];
    int64_t tier;
    const TwCalKind *kind = find(field[OP], field[IMPL], field[DTYPE], path, number, errors);
    if (!tw_cal_whole_number(field[TIER], &tier) || tier < 1 || tier > 9)
        tw_cal_fail(errors, path, number, "tier = %s, expected 1 to 9", field[TIER]);
    if (!kind) return;
    bool single = true, added = false;
    for (int i = 0; i < TW_CAL_PARAMETERS; i++) {
        count[i] = values(field[P0 + i], value[i]);
        single = single && count[i] == 1;
    }
    for (;;) {
        TwCalPoint point;
        for (int i = 0; i < TW_CAL_PARAMETERS; i++) p[i] = value[i][at[i]];
        if (!tw_cal_point_parse(&point, kind, p, field[REGIME], path, number, errors) || errors->count != before)
            return;
        added = tw_cal_grid_add(grid, &point, (int)tier) || added;
        int i = 0;
        while (i < TW_CAL_PARAMETERS && ++at[i] == count[i]) at[i++] = 0;
        if (i == TW_CAL_PARAMETERS) break;
    }
    if (single && !added) tw_cal_fail(errors, path, number, "this point is there already");
}

// implementations and formats may be lists too
static void expand_words(TwCalGrid *grid, char **field, const char *path, int number, TwCalErrors *errors)
{
    char *impl[MOST_VALUES], *type[MOST_VALUES], rest[MOST_VALUES * 16], *kept[FIELDS];
    int before = errors->count, impls = values(field[IMPL], impl), types = values(field[DTYPE], type);
    for (int i = 0; i < impls && errors->count == before; i++)
        for (int t = 0; t < types && errors->count == before; t++) {
            // expand cuts its cells in place: each combination gets a copy
            size_t used = 0;
            for (int f = 0; f < FIELDS; f++) {
                const char *word = f == IMPL ? impl[i] : f == DTYPE ? type[t] : field[f];
                size_t length = strlen(word) + 1;
                if (used + length > sizeof rest) {
                    tw_cal_fail(errors, path, number, "a row of more than %zu letters", sizeof rest);
                    return;
                }
                kept[f] = memcpy(rest + used, word, length);
                used += length;
            }
            expand(grid, kept, path, number, errors);
        }
}

bool tw_cal_grid_read(TwCalGrid *grid, const char *path, TwCalErrors *errors, bool *io)
{
    *io = false;
    int before = errors->count, number = 0, points = grid->count;
    FILE *file = fopen(path, "r");
    if (!file) {
        *io = true;
        return tw_cal_fail(errors, path, 0, "%s", strerror(errno));
    }

    bool titled = false;
    char *line = NULL, *field[FIELDS];
    size_t size = 0;
    while (getline(&line, &size, file) >= 0) {
        number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (!line[strspn(line, " \t")] || line[0] == '#') continue;
        if (!titled) {
            titled = true;
            check_header(line, path, number, errors);
            if (errors->count > before) break;    // every row would be wrong
            continue;
        }
        int count = tw_cal_split(line, field, FIELDS);
        if (count != FIELDS)
            tw_cal_fail(errors, path, number, "%d fields, expected %d: %s", count, FIELDS, header);
        else
            expand_words(grid, field, path, number, errors);
    }
    if (ferror(file)) {
        *io = true;
        tw_cal_fail(errors, path, 0, "%s", strerror(errno));
    }
    free(line);
    fclose(file);
    if (errors->count == before && grid->count == points)
        tw_cal_fail(errors, path, 0, "no points; the first line is %s", header);
    if (errors->count == before) return true;
    tw_cal_grid_destroy(grid);
    return false;
}

void tw_cal_grid_destroy(TwCalGrid *grid)
{
    free(grid->point);
    free(grid->id);
    free(grid->tier);
    *grid = (TwCalGrid){0};
}

typedef struct Key {
    int tier;
    uint64_t key, id;
    TwCalPoint point;
} Key;

static int by_tier_then_key(const void *a, const void *b)
{
    const Key *left = a, *right = b;
    if (left->tier != right->tier) return left->tier < right->tier ? -1 : 1;
    return left->key < right->key ? -1 : left->key > right->key;
}

void tw_cal_grid_shuffle(TwCalGrid *grid, uint64_t seed)
{
    Key *keys = malloc((size_t)(grid->count ? grid->count : 1) * sizeof *keys);
    if (!keys) abort();
    for (int i = 0; i < grid->count; i++)
        keys[i] = (Key){grid->tier[i], tw_cal_mix(seed + grid->id[i]), grid->id[i], grid->point[i]};
    qsort(keys, (size_t)grid->count, sizeof *keys, by_tier_then_key);
    for (int i = 0; i < grid->count; i++) {
        grid->tier[i] = keys[i].tier;
        grid->id[i] = keys[i].id;
        grid->point[i] = keys[i].point;
    }
    free(keys);
}
