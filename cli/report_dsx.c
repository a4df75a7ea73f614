// A result's cooling under the point names of NVIDIA's DSX Exchange (dsx-ai-factory/dsx-exchange, BMS topics):
// BMS/v1/PUBLISHER/Value/OBJECT/POINT/TAG, one line a value, quality 1 (good). Points that the model does not know
// (pressures of a rack, faults of sensors) are not written.
#include "cli/commands.h"
#include "sim/file.h"
#include "sim/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// A series of the result as a point: value * scale + offset in the unit of the exchange.
typedef struct Point {
    const char *group, *series, *object, *point, *area, *unit;
    double scale;
} Point;

static const Point points[] = {
    {"rack", "supply_degc", "Rack", "RackLiquidSupplyTemperature", "", "C", 1.0},
    {"rack", "return_degc", "Rack", "RackLiquidReturnTemperature", "", "C", 1.0},
    {"rack", "flow_m3_s", "Rack", "RackLiquidFlow", "", "LPM", 6e4},
    {"rack", "leak", "Rack", "RackLeakDetect", "", "", 1.0},
    {"rack", "isolated", "Rack", "RackLiquidIsolationStatus", "", "", 1.0},
    {"rack", "isolated", "Rack", "RackElectricalIsolationStatus", "", "", 1.0},
    {"rack", "rack_w", "Rack", "RackPower", "", "kW", 1e-3},
    {"cdu", "flow_m3_s", "CDU", "LiquidFlow", "Secondary Supply", "LPM", 6e4},
    {"cdu", "leak", "CDU", "LeakDetect", "", "", 1.0},
    {"cdu", "header_pa", "CDU", "LiquidDifferentialPressure", "Secondary", "kPa", 1e-3},
    {"cdu", "suction_pa", "CDU", "LiquidPressure", "Secondary Return", "kPa", 1e-3},
    {"cdu", "discharge_pa", "CDU", "LiquidPressure", "Secondary Supply", "kPa", 1e-3},
    {"cdu", "pump_fraction", "CDU", "PumpSpeed", "Secondary", "%", 100.0},
    {"cdu", "supply_degc", "CDU", "LiquidTemperature", "Secondary Supply", "C", 1.0},
    {"cdu", "return_degc", "CDU", "LiquidTemperature", "Secondary Return", "C", 1.0},
    {"cdu", "valve_fraction", "CDU", "ValvePosition", "", "%", 100.0},
    {"", "plant_supply_degc", "HX", "LiquidTemperature", "Primary Inlet", "C", 1.0},
    {"", "plant_return_degc", "HX", "LiquidTemperature", "Primary Outlet", "C", 1.0},
    {"", "room_degc", "CRAH", "AirTemperature", "Supply", "C", 1.0},
};

static bool write_point(TwResult *result, const Point *p, const char *publisher, FILE *f, TwError *error)
{
    int rows = tw_result_rows(result, p->group), entries = tw_result_entries(result, p->group, NULL, 0);
    char(*names)[64] = calloc((size_t)entries + 1, sizeof *names);
    if (!names) abort();
    tw_result_entries(result, p->group, names, entries);
    if (!p->group[0]) snprintf(names[0], sizeof names[0], "plant");
    double *time_s = malloc((size_t)(rows + 1) * sizeof *time_s);
    double *values = malloc((size_t)(rows + 1) * (size_t)(entries + 1) * sizeof *values);
    if (!time_s || !values) abort();
    bool good = rows <= 0 || entries <= 0 ||
                (tw_result_time(result, p->group, time_s, error) &&
                 tw_result_values(result, p->group, p->series, 0, rows, values, error));
    for (int e = 0; good && e < entries; e++)
        for (int r = 0; r < rows; r++) {
            double value = values[(size_t)r * (size_t)entries + (size_t)e];
            if (!isfinite(value)) continue;
            fprintf(f, "%.10g,BMS/v1/%s/Value/%s/%s/%s,%.8g,%s,%s,%s,1\n", time_s[r], publisher, p->object, p->point,
                    names[e], value * p->scale, p->unit, names[e], p->area);
        }
    free(time_s);
    free(values);
    free(names);
    return good;
}

int tw_cli_export_dsx(TwResult *result, const char *out)
{
    TwError error = {0};
    TwFile file;
    if (!tw_file_create(&file, out, &error)) return tw_cli_fail(&error);
    fprintf(file.stream, "time_s,topic,value,engUnit,servesId,processArea,quality\n");
    bool good = true;
    for (size_t i = 0; good && i < sizeof points / sizeof *points; i++) {
        // a hall without CDUs has no such group
        if (points[i].group[0] && tw_result_rows(result, points[i].group) <= 0) continue;
        good = write_point(result, &points[i], "tokenworks", file.stream, &error);
    }
    return tw_file_finish(&file, good, &error) ? TW_DONE : tw_cli_fail(&error);
}
