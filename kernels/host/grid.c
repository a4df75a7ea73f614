#include "kernels/host/grid.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "op,impl,dtype,p0,p1,p2,regime";
enum { FIELDS = 7, P_FIELDS = 3 };

// "gemm, residual_rmsnorm, ..." of a table of words, for messages
static const char *known_ops(char *text, size_t size)
{
    size_t used = 0;
    for (int i = 0; i < TW_CAL_OPS && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", tw_cal_kinds[i].name);
    return text;
}

bool tw_cal_point_parse(TwCalPoint *point, const char *op, const char *impl, const char *dtype, char *const *p,
                        int p_count, const char *regime, const char *path, int line, TwCalErrors *errors)
{
    int before = errors->count, found = -1;
    char words[160];
    for (int i = 0; i < TW_CAL_OPS; i++)
        if (strcmp(op, tw_cal_kinds[i].name) == 0) found = i;
    if (found < 0) return tw_cal_fail(errors, path, line, "op = %s, expected %s", op, known_ops(words, sizeof words));

    const TwCalKind *kind = &tw_cal_kinds[found];
    *point = (TwCalPoint){.op = (TwCalOp)found};
    found = -1;
    for (int i = 0; i < TW_CAL_IMPLS; i++)
        if (kind->impl[i] && strcmp(impl, kind->impl[i]) == 0) found = i;
    if (found < 0) {
        const char *library = kind->impl[TW_CAL_LIBRARY], *hand = kind->impl[TW_CAL_HAND];
        tw_cal_fail(errors, path, line, "impl = %s, expected %s%s%s", impl, library ? library : "",
                    library && hand ? " or " : "", hand ? hand : "");
    } else {
        point->impl = (TwCalImpl)found;
    }

    if (strcmp(dtype, kind->dtype_a) != 0)
        tw_cal_fail(errors, path, line, "dtype = %s, expected %s", dtype, kind->dtype_a);

    for (int i = 0; i < p_count; i++) {
        bool unused = i >= kind->parameters;
        if (unused && (!*p[i] || strcmp(p[i], "0") == 0)) continue;
        if (unused)
            tw_cal_fail(errors, path, line, "p%d = %s, expected nothing: %s has %d parameters", i, p[i], kind->name,
                        kind->parameters);
        else if (!tw_cal_whole_number(p[i], &point->p[i]) || point->p[i] < 1 || point->p[i] > kind->most[i])
            tw_cal_fail(errors, path, line, "p%d (%s) = %s, expected a whole number from 1 to %lld", i,
                        kind->parameter[i], p[i], (long long)kind->most[i]);
    }

    found = -1;
    for (int i = 0; i < TW_CAL_REGIMES; i++)
        if (strcmp(regime, tw_cal_regimes[i]) == 0) found = i;
    if (found < 0)
        tw_cal_fail(errors, path, line, "regime = %s, expected burst or sustained", regime);
    else
        point->regime = (TwCalRegime)found;
    return errors->count == before;
}

static void check_header(char *line, const char *path, int number, TwCalErrors *errors)
{
    char want[] = "op,impl,dtype,p0,p1,p2,regime", *wanted[FIELDS], *field[FIELDS];
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

static void add(TwCalGrid *grid, int *room, TwCalPoint point)
{
    if (grid->count == *room) {
        *room = *room ? 2 * *room : 64;
        TwCalPoint *wider = realloc(grid->point, (size_t)*room * sizeof *wider);
        if (!wider) abort();
        grid->point = wider;
    }
    grid->point[grid->count++] = point;
}

bool tw_cal_grid_read(TwCalGrid *grid, const char *path, TwCalErrors *errors, bool *io)
{
    *grid = (TwCalGrid){0};
    *io = false;
    int before = errors->count, room = 0, number = 0;
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
        TwCalPoint point;
        if (count != FIELDS)
            tw_cal_fail(errors, path, number, "%d fields, expected %d: %s", count, FIELDS, header);
        else if (tw_cal_point_parse(&point, field[0], field[1], field[2], field + 3, P_FIELDS, field[6], path, number,
                                    errors)) {
            for (int i = 0; i < grid->count; i++)
                if (tw_cal_id(&grid->point[i]) == tw_cal_id(&point)) {
                    tw_cal_fail(errors, path, number, "this point is there already");
                    break;
                }
            add(grid, &room, point);
        }
    }
    if (ferror(file)) {
        *io = true;
        tw_cal_fail(errors, path, 0, "%s", strerror(errno));
    }
    free(line);
    fclose(file);
    if (errors->count == before && grid->count == 0)
        tw_cal_fail(errors, path, 0, "no points; the first line is %s", header);
    if (errors->count == before) return true;
    tw_cal_grid_destroy(grid);
    return false;
}

void tw_cal_grid_destroy(TwCalGrid *grid)
{
    free(grid->point);
    *grid = (TwCalGrid){0};
}

void tw_cal_grid_shuffle(TwCalGrid *grid, uint64_t seed)
{
    for (int i = grid->count - 1; i > 0; i--) {
        seed = tw_cal_mix(seed + (uint64_t)i);
        int j = (int)(seed % (uint64_t)(i + 1));
        TwCalPoint kept = grid->point[i];
        grid->point[i] = grid->point[j];
        grid->point[j] = kept;
    }
}
