#include "kernels/host/rows.h"

#include "kernels/host/grid.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char title[] =
    "point_id,family,op,impl,dtype_a,dtype_b,dtype_out,scale_mode,p0,p1,p2,p3,p4,p5,p6,p7,regime,n_batches,n_rep,"
    "t_med_us,t_mad_us,t_p10_us,t_p90_us,flop,bytes,algo,kernel,ws_bytes,sm_mhz,mem_mhz,temp_degc,throttle,e_uj,"
    "e_sigma_uj,p_w,win_s,sets,role,status,slice";
enum {
    ID,
    FAMILY,
    OP,
    IMPL,
    DTYPE_A,
    DTYPE_B,
    DTYPE_OUT,
    SCALE_MODE,
    P0,
    REGIME = P0 + TW_CAL_PARAMETERS,
    N_BATCHES,
    N_REP,
    T_MED,
    T_MAD,
    T_P10,
    T_P90,
    FLOP,
    BYTES,
    ALGO,
    KERNEL,
    WS_BYTES,
    SM_MHZ,
    MEM_MHZ,
    TEMP,
    THROTTLE,
    E_UJ,
    E_SIGMA,
    P_W,
    WIN_S,
    SETS,
    ROLE,
    STATUS,
    SLICE,
    COLUMNS
};

TwCalRow tw_cal_row(const TwCalPoint *point)
{
    TwOpCost cost = tw_cal_cost(point);
    return (TwCalRow){.point = *point,
                      .id = tw_cal_id(point),
                      .flop = cost.flop,
                      .bytes = cost.bytes,
                      .t_med_us = NAN,
                      .t_mad_us = NAN,
                      .t_p10_us = NAN,
                      .t_p90_us = NAN,
                      .ws_bytes = NAN,
                      .sm_mhz = NAN,
                      .mem_mhz = NAN,
                      .temp_degc = NAN,
                      .throttle = NAN,
                      .e_uj = NAN,
                      .e_sigma_uj = NAN,
                      .p_w = NAN,
                      .win_s = NAN};
}

bool tw_cal_rows_title(FILE *file) { return fprintf(file, "%s\n", title) > 0 && fflush(file) == 0; }

typedef struct Line {
    char text[1200];
    size_t used;
} Line;

static void put(Line *line, const char *text)
{
    size_t length = strlen(text);
    if (line->used + length + 2 > sizeof line->text) return;
    if (line->used) line->text[line->used++] = ',';
    memcpy(line->text + line->used, text, length + 1);
    line->used += length;
}

static void put_number(Line *line, double value)
{
    char text[40] = "";
    if (isfinite(value)) snprintf(text, sizeof text, "%.9g", value);
    put(line, text);
}

// FLOP and bytes are whole and may have more than nine digits
static void put_whole(Line *line, double value)
{
    char text[40] = "";
    if (isfinite(value)) snprintf(text, sizeof text, "%.17g", value);
    put(line, text);
}

static void put_count(Line *line, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    put(line, text);
}

bool tw_cal_row_write(FILE *file, const TwCalRow *row)
{
    const TwCalPoint *point = &row->point;
    const TwCalKind *kind = point->kind;
    Line line = {.used = 0};
    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)tw_cal_id(point));
    const char *const words[] = {
        id, kind->family, kind->name, kind->impl_name, kind->dtype_a, kind->dtype_b, kind->dtype_out, kind->scale_mode};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) put(&line, words[i]);
    for (int i = 0; i < TW_CAL_PARAMETERS; i++) put_count(&line, point->p[i]);
    put(&line, tw_cal_regimes[point->regime].name);
    put_count(&line, row->n_batches);
    put_count(&line, row->n_rep);
    put_number(&line, row->t_med_us);
    put_number(&line, row->t_mad_us);
    put_number(&line, row->t_p10_us);
    put_number(&line, row->t_p90_us);
    put_whole(&line, row->flop);
    put_whole(&line, row->bytes);
    put(&line, row->algo);
    put(&line, row->kernel);
    const double rest[] = {row->ws_bytes, row->sm_mhz,     row->mem_mhz, row->temp_degc, row->throttle,
                           row->e_uj,     row->e_sigma_uj, row->p_w,     row->win_s};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) put_number(&line, rest[i]);
    put_count(&line, row->sets);
    put(&line, tw_cal_roles[tw_cal_role(point)]);
    put(&line, row->status);
    put(&line, row->slice);
    line.text[line.used++] = '\n';
    return fwrite(line.text, 1, line.used, file) == line.used && fflush(file) == 0;
}

static const TwCalKind *kind_of(char **field)
{
    for (int i = 0; i < tw_cal_kind_count; i++) {
        const TwCalKind *k = &tw_cal_kinds[i];
        const char *const words[] = {k->family,  k->name,      k->impl_name, k->dtype_a,
                                     k->dtype_b, k->dtype_out, k->scale_mode};
        bool same = true;
        for (int w = 0; w < SCALE_MODE; w++) same = same && strcmp(field[FAMILY + w], words[w]) == 0;
        if (same) return k;
    }
    return NULL;
}

static bool parse(TwCalRow *row, char **field, const char *path, int number, TwCalErrors *errors)
{
    int before = errors->count;
    const TwCalKind *kind = kind_of(field);
    if (!kind)
        return tw_cal_fail(errors, path, number,
                           "%s %s of %s, %s to %s with scales \"%s\" is no operation of this version", field[IMPL],
                           field[OP], field[DTYPE_A], field[DTYPE_B], field[DTYPE_OUT], field[SCALE_MODE]);
    TwCalPoint point;
    if (!tw_cal_point_parse(&point, kind, field + P0, field[REGIME], path, number, errors)) return false;
    *row = tw_cal_row(&point);

    char id[24];
    snprintf(id, sizeof id, "%016llx", (unsigned long long)tw_cal_id(&point));
    if (strcmp(field[ID], id) != 0)
        tw_cal_fail(errors, path, number, "point_id = %s, expected %s: the hash of this row's shape", field[ID], id);
    const char *role = tw_cal_roles[tw_cal_role(&point)];
    if (strcmp(field[ROLE], role) != 0)
        tw_cal_fail(errors, path, number, "role = %s, expected %s: roles come from the id", field[ROLE], role);

    const struct {
        int column;
        const char *name;
        double *value;
    } numbers[] = {
        {T_MED, "t_med_us", &row->t_med_us},
        {T_MAD, "t_mad_us", &row->t_mad_us},
        {T_P10, "t_p10_us", &row->t_p10_us},
        {T_P90, "t_p90_us", &row->t_p90_us},
        {FLOP, "flop", &row->flop},
        {BYTES, "bytes", &row->bytes},
        {WS_BYTES, "ws_bytes", &row->ws_bytes},
        {SM_MHZ, "sm_mhz", &row->sm_mhz},
        {MEM_MHZ, "mem_mhz", &row->mem_mhz},
        {TEMP, "temp_degc", &row->temp_degc},
        {THROTTLE, "throttle", &row->throttle},
        {E_UJ, "e_uj", &row->e_uj},
        {E_SIGMA, "e_sigma_uj", &row->e_sigma_uj},
        {P_W, "p_w", &row->p_w},
        {WIN_S, "win_s", &row->win_s},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!tw_cal_number(field[numbers[i].column], numbers[i].value))
            tw_cal_fail(errors, path, number, "%s = %s, expected a number", numbers[i].name, field[numbers[i].column]);
    const struct {
        int column;
        const char *name;
        int64_t *value;
    } counts[] = {{N_BATCHES, "n_batches", &row->n_batches}, {N_REP, "n_rep", &row->n_rep}, {SETS, "sets", &row->sets}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!tw_cal_whole_number(field[counts[i].column], counts[i].value))
            tw_cal_fail(errors, path, number, "%s = %s, expected a whole number", counts[i].name,
                        field[counts[i].column]);

    snprintf(row->algo, sizeof row->algo, "%s", field[ALGO]);
    snprintf(row->kernel, sizeof row->kernel, "%s", field[KERNEL]);
    snprintf(row->status, sizeof row->status, "%s", field[STATUS]);
    snprintf(row->slice, sizeof row->slice, "%s", field[SLICE]);
    if (strcmp(row->status, "ok") == 0 && !(row->t_med_us > 0.0))
        tw_cal_fail(errors, path, number, "t_med_us = %s, expected more than 0", field[T_MED]);
    return errors->count == before;
}

static bool ok_there(const TwCalRows *rows, const TwCalPoint *point)
{
    uint64_t id = tw_cal_id(point);
    for (int i = 0; i < rows->count; i++)
        if (rows->row[i].id == id && strcmp(rows->row[i].status, "ok") == 0) return true;
    return false;
}

static void add(TwCalRows *rows, int *room, const TwCalRow *row)
{
    if (rows->count == *room) {
        *room = *room ? 2 * *room : 64;
        TwCalRow *wider = realloc(rows->row, (size_t)*room * sizeof *wider);
        if (!wider) abort();
        rows->row = wider;
    }
    rows->row[rows->count++] = *row;
}

bool tw_cal_rows_read(TwCalRows *rows, const char *path, TwCalErrors *errors, bool *io)
{
    *rows = (TwCalRows){0};
    *io = false;
    int before = errors->count, room = 0, number = 0;
    FILE *file = fopen(path, "r");
    if (!file) {
        *io = true;
        return tw_cal_fail(errors, path, 0, "%s", strerror(errno));
    }
    char *line = NULL, *field[COLUMNS];
    size_t size = 0;
    ssize_t length;
    while ((length = getline(&line, &size, file)) >= 0) {
        number++;
        if (line[length - 1] != '\n') {
            rows->broken++;
            break;
        }
        rows->whole_bytes = ftell(file);
        line[strcspn(line, "\r\n")] = '\0';
        if (number == 1) {
            if (strcmp(line, title) != 0) {
                tw_cal_fail(errors, path, 1, "other columns than this version writes; expected %.60s...", title);
                break;
            }
            continue;
        }
        int count = tw_cal_split(line, field, COLUMNS);
        TwCalRow row;
        if (count != COLUMNS) {
            tw_cal_fail(errors, path, number, "%d fields, expected %d", count, COLUMNS);
        } else if (parse(&row, field, path, number, errors)) {
            if (strcmp(row.status, "ok") == 0 && ok_there(rows, &row.point))
                tw_cal_fail(errors, path, number, "point_id %s was measured in a row above", field[ID]);
            add(rows, &room, &row);
        }
    }
    free(line);
    fclose(file);
    if (errors->count == before) return true;
    tw_cal_rows_destroy(rows);
    return false;
}

void tw_cal_rows_append(TwCalRows *rows, TwCalRows *more)
{
    size_t count = (size_t)(rows->count + more->count);
    TwCalRow *wider = realloc(rows->row, (count ? count : 1) * sizeof *wider);
    if (!wider) abort();
    if (more->count) memcpy(wider + rows->count, more->row, (size_t)more->count * sizeof *wider);
    rows->row = wider;
    rows->count = (int)count;
    tw_cal_rows_destroy(more);
}

void tw_cal_rows_destroy(TwCalRows *rows)
{
    free(rows->row);
    *rows = (TwCalRows){0};
}

bool tw_cal_rows_done(const TwCalRows *rows, const TwCalPoint *point)
{
    static const char *const settled[] = {"ok", "no_algo", "no_memory", "refused", "lost"};
    uint64_t id = tw_cal_id(point);
    for (int i = 0; i < rows->count; i++)
        for (size_t k = 0; rows->row[i].id == id && k < sizeof settled / sizeof *settled; k++)
            if (strcmp(rows->row[i].status, settled[k]) == 0) return true;
    return false;
}
