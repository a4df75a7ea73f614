#include "models/thermal/heat_case.h"

#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "sim/csv.h"
#include "sim/random.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AT(member) offsetof(TwHeatCaseRow, member)
#define R(member, unit, least, most, standard, text)                                                                   \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, AT(member), text, NULL                                          \
    }
static const char *const integrators[] = {"rosenbrock", "cvode", NULL};
static const TwField fields[] = {
    {"title", "", TW_TEXT, 0, 0, "", AT(title), "what it is, one line", NULL},
    {"trace", "", TW_TEXT, 0, 0, "", AT(trace), "CSV of heat and wet bulb; empty: made up", NULL},
    {"integrator", "", TW_TEXT, 0, 0, "rosenbrock", AT(integrator), "of all loops", integrators},
    {"groups", "1", TW_INTEGER, 1, 4096, NULL, AT(groups), "CDUs, each with its racks", NULL},
    {"racks_per_group", "1", TW_INTEGER, 1, 512, NULL, AT(racks_per_group), "racks of a CDU", NULL},
    R(peak_w, "W", 1, 1e9, NULL, "heat of a group at most"),
    R(interval_s, "s", 0.1, 3600, "15", "between rows of the trace"),
    R(for_s, "s", 1, 1e9, "86400", "span where the heat is made up"),
    R(step_s, "s", 0.01, 10, "5", "largest step of rosenbrock"),
    R(wet_bulb_degc, "degC", -40, 40, "8", "mean, where the trace has none"),
    R(wet_bulb_swing_k, "K", 0, 20, "3", "half its swing over a day, where the heat is made up"),
    R(dry_above_wet_k, "K", 0, 40, "3", "dry bulb above wet bulb"),
};
static const TwChild children[] = {
    {"cdu", TW_ONE, &tw_cdu_kind, "every group's CDU"},
    {"plant", TW_ONE, &tw_plant_kind, "facility loop and heat rejection"},
    {"room", TW_ONE, &tw_room_kind, "room air"},
    {"lumps", TW_ONE, &tw_lumps_kind, "of a rack"},
};
const TwKind tw_heat_case_kind = {"heat_case", NULL, fields, TW_COUNT(fields), children, TW_COUNT(children)};

static bool named_like(const char *header, const char *part)
{
    size_t n = strlen(part);
    for (; *header; header++) {
        size_t i = 0;
        while (i < n && header[i] && tolower((unsigned char)header[i]) == part[i]) i++;
        if (i == n) return true;
    }
    return false;
}

bool tw_heat_trace_read(TwHeatTrace *trace, const char *path, TwError *error)
{
    *trace = (TwHeatTrace){0};
    TwCsv *csv;
    if (!tw_csv_read(&csv, path, error)) return false;
    int rows = tw_csv_rows(csv), columns = tw_csv_columns(csv), wet = -1, groups = 0;
    int *heat = calloc((size_t)columns + 1, sizeof *heat);
    if (!heat) abort();
    bool good = rows > 1 || tw_fail_at(error, path, 1, 0, "%d rows, expected two or more", rows);
    for (int c = 0; good && c < columns; c++) {
        const char *header = tw_csv_header(csv, c);
        double first;
        if (named_like(header, "time") || named_like(header, "date") || named_like(header, "unnamed") || !header[0])
            continue;
        if (!(good = tw_csv_number(csv, 0, c, &first, error))) break;
        if (named_like(header, "wet") || named_like(header, "bulb") || fabs(first) < 60.0)
            wet = c;
        else
            heat[groups++] = c;
    }
    if (good && groups == 0) good = tw_fail_at(error, path, 1, 0, "no column of heat in W");
    if (good) {
        trace->rows = rows, trace->groups = groups;
        trace->heat_w = calloc((size_t)rows * (size_t)groups, sizeof(double));
        trace->wet_bulb_degc = calloc((size_t)rows, sizeof(double));
        if (!trace->heat_w || !trace->wet_bulb_degc) abort();
    }
    for (int r = 0; good && r < rows; r++) {
        for (int g = 0; good && g < groups; g++) {
            double *w = &trace->heat_w[r * groups + g];
            good = tw_csv_number(csv, r, heat[g], w, error);
            if (good && (*w < 0.0 || *w > 1e9))
                good = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "%s = %g, expected 0 to 1e9 W",
                                  tw_csv_header(csv, heat[g]), *w);
        }
        trace->wet_bulb_degc[r] = NAN;
        if (good && wet >= 0) good = tw_csv_number(csv, r, wet, &trace->wet_bulb_degc[r], error);
    }
    free(heat);
    tw_csv_destroy(csv);
    if (!good) tw_heat_trace_free(trace);
    return good;
}

void tw_heat_trace_free(TwHeatTrace *trace)
{
    free(trace->heat_w);
    free(trace->wet_bulb_degc);
    *trace = (TwHeatTrace){0};
}

// Jobs on the whole machine and on single groups: a level of all, a new one every 40 min, with three quarters of the
// weight and one of each group every four minutes with the rest, between a fifth and all of the peak. A level is
// reached in a minute.
static double level_at(TwStream stream, double time_s, double dwell_s, uint32_t which)
{
    double at = time_s / dwell_s, whole = floor(at), share = fmin((at - whole) * dwell_s / 60.0, 1.0);
    double last = tw_random(stream, (uint64_t)whole, which, TW_PURPOSE_DESIGN),
           next = tw_random(stream, (uint64_t)whole + 1, which, TW_PURPOSE_DESIGN);
    return last + (next - last) * share;
}

static void make_up(TwHeatTrace *t, const TwHeatCaseRow *row)
{
    t->rows = (int)(row->for_s / row->interval_s) + 1;
    t->groups = (int)row->groups;
    t->heat_w = calloc((size_t)t->rows * (size_t)t->groups, sizeof(double));
    t->wet_bulb_degc = calloc((size_t)t->rows, sizeof(double));
    if (!t->heat_w || !t->wet_bulb_degc) abort();
    TwStream stream = tw_stream(1, "heat");
    for (int r = 0; r < t->rows; r++) {
        double time = r * row->interval_s, all = level_at(stream, time, 2400.0, UINT32_MAX);
        for (int g = 0; g < t->groups; g++) {
            double level = 0.75 * all + 0.25 * level_at(stream, time, 240.0, (uint32_t)g);
            t->heat_w[r * t->groups + g] = row->peak_w * (0.2 + 0.8 * level);
        }
        t->wet_bulb_degc[r] =
            row->wet_bulb_degc + row->wet_bulb_swing_k * sin(2.0 * 3.14159265358979323846 * (time / 86400.0 - 0.4));
    }
}

// the trace's wet bulb as a year's hours
static void make_weather(TwWeather *w, const TwHeatCaseRow *row, const TwHeatTrace *t)
{
    int each = (int)fmax(3600.0 / row->interval_s, 1.0);
    for (int h = 0; h < TW_HOURS; h++) {
        int r = h * each;
        double wet = t->wet_bulb_degc[r < t->rows ? r : t->rows - 1];
        if (isnan(wet)) wet = row->wet_bulb_degc;
        w->wet_bulb_degc[h] = wet;
        w->dry_bulb_degc[h] = wet + row->dry_above_wet_k;
        w->dew_point_degc[h] = wet - row->dry_above_wet_k;
        w->pressure_pa[h] = 101325.0;
    }
}

static double processor_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool run(const TwThermal *thermal, void *block, const TwHeatCaseRow *row, const TwHeatTrace *t, double *rack_w,
                double *degc, TwHeatResult *result, TwError *error)
{
    int racks = thermal->rack_count, each = (int)row->racks_per_group;
    const TwThermalIn in = {.rack_w = rack_w};
    TwThermalOut out = {.supply_degc = degc, .return_degc = degc + racks};
    for (int i = 0; i < racks; i++) rack_w[i] = t->heat_w[i / each] / each;
    if (!tw_thermal_start(thermal, block, &in, error)) return false;
    double before = tw_thermal_stored_j(thermal, block), begin = processor_s();
    result->windows = t->rows - 1;
    for (int w = 0; w < result->windows; w++) {
        // the trapezoid of the two rows: the energy of the interval is exact
        for (int i = 0; i < racks; i++) {
            int g = i / each;
            rack_w[i] = 0.5 * (t->heat_w[w * t->groups + g] + t->heat_w[(w + 1) * t->groups + g]) / each;
        }
        if (!tw_thermal_advance(thermal, block, &in, w * row->interval_s, (w + 1) * row->interval_s, &out, error))
            return false;
        result->heat_in_j += out.heat_in_j;
        result->heat_out_j += out.heat_out_j;
        result->load_j += out.load_j;
        result->water_kg += out.water_kg;
        result->plant_max_degc = fmax(result->plant_max_degc, out.plant_supply_degc);
        for (int i = 0; i < racks; i++) {
            result->supply_max_degc = fmax(result->supply_max_degc, degc[i]);
            result->return_max_degc = fmax(result->return_max_degc, degc[racks + i]);
        }
    }
    result->processor_s = processor_s() - begin;
    result->simulated_s = result->windows * row->interval_s;
    result->stored_j = tw_thermal_stored_j(thermal, block) - before;
    result->residual = fabs(result->heat_in_j - result->heat_out_j - result->stored_j) / result->heat_in_j;
    return true;
}

bool tw_heat_case_run(const char *path, const char *const *sets, int set_count, const TwHeatTrace *given,
                      TwHeatCaseRow *row, TwHeatResult *result, TwErrors *errors)
{
    TwConfig *config;
    const TwConfigInput input = {&tw_heat_case_kind, path, NULL, sets, set_count};
    *result = (TwHeatResult){.supply_max_degc = -INFINITY, .return_max_degc = -INFINITY, .plant_max_degc = -INFINITY};
    if (!tw_config_read(&config, &input, errors)) return false;
    const TwNode *root = tw_config_root(config);
    TwCduRow cdu;
    TwPlantRow plant;
    TwRoomRow room;
    TwLumpsRow lumps;
    tw_node_row(root, row);
    tw_node_row(tw_node_group(root, "cdu"), &cdu);
    tw_node_row(tw_node_group(root, "plant"), &plant);
    tw_node_row(tw_node_group(root, "room"), &room);
    tw_node_row(tw_node_group(root, "lumps"), &lumps);

    tw_rated_pressure_check(tw_node_group(root, "plant"), plant.rated_pressure_pa, errors);
    tw_rated_pressure_check(tw_node_group(root, "room"), room.rated_pressure_pa, errors);

    TwError error = {0};
    TwHeatTrace trace = {0};
    bool good = tw_errors_count(errors) == 0;
    if (good && !given && row->trace[0]) {
        good = tw_heat_trace_read(&trace, row->trace, &error);
        given = &trace;
    } else if (!given) {
        make_up(&trace, row);
        given = &trace;
    }
    int groups = good ? given->groups : 0, each = (int)row->racks_per_group, racks = groups * each;
    row->groups = groups;
    TwThermalRack *rack = calloc((size_t)racks + 1, sizeof *rack);
    TwCduRow *cdus = calloc((size_t)groups + 1, sizeof *cdus);
    const char **names = calloc((size_t)groups + 1, sizeof *names);
    double *rack_w = calloc((size_t)racks + 1, sizeof *rack_w), *degc = calloc(2 * (size_t)racks + 1, sizeof *degc);
    TwWeather *weather = calloc(1, sizeof *weather);
    if (!rack || !cdus || !names || !rack_w || !degc || !weather) abort();
    for (int g = 0; g < groups; g++) cdus[g] = cdu, names[g] = "cdu";
    for (int i = 0; i < racks; i++)
        rack[i] = (TwThermalRack){"rack", 0, i / each, row->peak_w / each, 1.0, cdu.rack_flow_kg_s / each, 150.0, 0.0};
    if (good) make_weather(weather, row, given);
    const TwThermalSpec spec = {.rack_count = racks,
                                .cdu_count = groups,
                                .lumps_count = 1,
                                .racks = rack,
                                .cdu_names = names,
                                .cdus = cdus,
                                .lumps = &lumps,
                                .plant = &plant,
                                .room = &room,
                                .weather = weather,
                                .cvode = strcmp(row->integrator, "cvode") == 0,
                                .step_max_s = row->step_s};
    TwLayout layout = {0};
    TwThermal *thermal = NULL;
    good = good && tw_thermal_create(&thermal, &spec, &layout, errors);
    void *block = good ? tw_block_create(&layout) : NULL;
    good = good && run(thermal, block, row, given, rack_w, degc, result, &error);
    if (error.text[0]) tw_errors_take(errors, &error);
    tw_thermal_destroy(thermal);
    tw_block_destroy(block);
    tw_heat_trace_free(&trace);
    free(rack);
    free(cdus);
    free(names);
    free(rack_w);
    free(degc);
    free(weather);
    // titles live in the configuration
    row->title = row->trace = row->integrator = "";
    tw_config_destroy(config);
    return good;
}
