// LBL's liquid-cooled hall against the results published with LBL's Buildings library (Dymola, tolerance 1e-6).
#include "models/thermal/hall.h"
#include "models/thermal/validate.h"
#include "sim/data.h"

#include <math.h>
#include <stdlib.h>

static const char *const source = "LBL Buildings @1c1094d6, Dymola";

// one shipped file with settings on top
static bool run_file(const char *name, const char *const *sets, int set_count, const TwWeather *weather, TwHallRun *run,
                     TwError *error)
{
    char path[1024];
    if (!tw_data_find(name, path, sizeof path)) return tw_fail(error, TW_IO, "%s is not installed", name);
    TwErrors *errors = tw_errors_create();
    TwHallRow row;
    TwConfig *config = NULL;
    bool good = tw_hall_read(&row, &config, path, sets, set_count, errors);
    if (!good) {
        tw_errors_print(errors, 5, stderr);
        tw_fail(error, TW_BAD_INPUT, "%s cannot be read", name);
    }
    tw_errors_destroy(errors);
    good = good && tw_hall_run(&row, isnan(row.ambient_degc) ? weather : NULL, run, error);
    tw_config_destroy(config);
    return good;
}

static double last(const TwHallRun *run, TwHallSignal signal)
{
    return run->values[(run->count - 1) * TW_HALL_SIGNALS + (int)signal];
}

static bool design(TwValidation *v, const char *id, const char *fluid, const double expected[4], TwError *error)
{
    const char *sets[2] = {"fluid_rack=water", "fluid_tower=water"};
    TwHallRun run;
    if (!run_file("facilities/reference/lbl_design.cfg", sets, fluid ? 2 : 0, NULL, &run, error)) return false;
    static const struct {
        const char *what;
        TwHallSignal signal;
    } rows[4] = {{"rack out", TW_HALL_RACK_OUT_A},
                 {"tower out", TW_HALL_TOWER_OUT_A},
                 {"CDU plant in", TW_HALL_CDU_IN_B},
                 {"CDU plant out", TW_HALL_CDU_OUT_A}};
    for (int i = 0; i < 4; i++) {
        char what[64];
        snprintf(what, sizeof what, "LBL design, %s: %s", fluid ? "water" : "glycol", rows[i].what);
        tw_validation_row(v, id, what, "K", last(&run, rows[i].signal) + 273.15, expected[i], TW_ABSOLUTE, 0.05,
                          source);
    }
    tw_validation_row(v, id, "LBL design: heat in - out - stored", "1", run.residual, 1e-9, TW_AT_MOST, 0.0,
                      "conservation");
    tw_hall_free(&run);
    return true;
}

static bool year(TwValidation *v, const TwWeather *weather, TwError *error)
{
    const char *sets[1] = {"weather=given"};
    TwHallRun run;
    if (!run_file("facilities/reference/lbl_year.cfg", sets, 1, weather, &run, error)) return false;
    tw_validation_row(v, "L3", "LBL year: PUE", "1", run.pue, 1.06585, TW_ABSOLUTE, 0.0021, source);
    tw_validation_row(v, "L3", "the same with the circulation pump", "1", run.pue_full, NAN, TW_SHOWN, 0.0, "");
    tw_validation_row(v, "L4", "LBL year: fans", "J", run.fan_j, 3.934e9, TW_RELATIVE, 0.1, source);
    tw_validation_row(v, "L4", "LBL year: pumps", "J", run.pump_j, 1.2421e12, TW_RELATIVE, 0.03, source);
    tw_validation_row(v, "L4", "LBL year: chiller", "J", run.chiller_j, 0.0, TW_ABSOLUTE, 0.0, source);
    tw_validation_row(v, "L4", "LBL year: IT", "J", run.it_j, 18.9216e12, TW_RELATIVE, 1e-6, source);
    tw_validation_row(v, "L5", "LBL year, end: CDU plant out", "K", last(&run, TW_HALL_CDU_OUT_A) + 273.15, 320.604,
                      TW_ABSOLUTE, 0.1, source);
    tw_validation_row(v, "L5", "LBL year, end: CDU plant in", "K", last(&run, TW_HALL_CDU_IN_B) + 273.15, 314.695,
                      TW_ABSOLUTE, 0.1, source);
    tw_validation_row(v, "L5", "LBL year, end: tower out", "K", last(&run, TW_HALL_TOWER_OUT_A) + 273.15, 311.150,
                      TW_ABSOLUTE, 0.1, source);
    tw_validation_row(v, "L3", "LBL year: heat in - out - stored", "1", run.residual, 1e-9, TW_AT_MOST, 0.0,
                      "conservation");
    tw_validation_row(v, "L3", "LBL year: processor time", "s", run.processor_s, NAN, TW_SHOWN, 0.0, "");
    tw_validation_note(
        v, "L3, L4: the pumps draw %.1f kW on the mean of the year here and 39.4 kW there (docs/thermal-validation.md)",
        run.pump_j / 31536e6);
    tw_hall_free(&run);
    return true;
}

static bool pulses(TwValidation *v, const TwWeather *weather, TwError *error)
{
    const char *sets[4] = {"weather=given", "ambient_degc=unknown", "integrator=rosenbrock", NULL};
    TwHallRun run[2];
    for (int k = 0; k < 2; k++) {
        sets[2] = k ? "integrator=cvode" : "integrator=rosenbrock";
        if (!run_file("facilities/reference/lbl_pulse.cfg", sets, 3, weather, &run[k], error)) {
            if (k) tw_hall_free(&run[0]);
            return false;
        }
    }
    static const struct {
        const char *what, *unit;
        TwHallSignal signal;
        double mean, least, most, on_mean, on_ends;
    } rows[5] = {{"rack inlet", "degC", TW_HALL_RACK_IN_B, 44.946, 44.486, 45.489, 0.15, 0.3},
                 {"rack outlet", "degC", TW_HALL_RACK_OUT_A, 49.983, 49.720, 50.224, 0.15, 0.3},
                 {"plant water into the CDU", "degC", TW_HALL_CDU_IN_B, 41.663, 41.301, 42.000, 0.15, 0.3},
                 {"dry cooler leaving", "degC", TW_HALL_TOWER_OUT_A, 37.999, 37.973, 38.027, 0.15, 0.3},
                 {"CDU valve", "1", TW_HALL_VALVE, 0.695, 0.622, 0.784, 0.02, 0.02}};
    double apart = 0.0, apart_valve = 0.0;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 5; i++) {
            double sum = 0.0, least = INFINITY, most = -INFINITY;
            int n = 0;
            for (int s = 0; s < run[k].count; s++) {
                if (run[k].time_s[s] < 1206.0 - 1e-6) continue;
                double x = run[k].values[s * TW_HALL_SIGNALS + (int)rows[i].signal];
                sum += x, n++;
                least = fmin(least, x), most = fmax(most, x);
            }
            const struct {
                const char *name;
                double ours, expected, tolerance;
            } three[3] = {{"mean", sum / n, rows[i].mean, rows[i].on_mean},
                          {"least", least, rows[i].least, rows[i].on_ends},
                          {"most", most, rows[i].most, rows[i].on_ends}};
            for (int j = 0; j < 3; j++) {
                char what[64];
                snprintf(what, sizeof what, "LBL pulses, %s: %s, %s", k ? "cvode" : "rosenbrock", rows[i].what,
                         three[j].name);
                tw_validation_row(v, "L6", what, rows[i].unit, three[j].ours, three[j].expected, TW_ABSOLUTE,
                                  three[j].tolerance, source);
            }
        }
        tw_validation_row(v, "L6", "LBL pulses: heat in - out - stored", "1", run[k].residual, k ? 1e-6 : 1e-9,
                          TW_AT_MOST, 0.0, "conservation");
    }
    double square = 0.0;
    for (int s = 0; s < run[0].count; s++)
        for (int i = 0; i <= TW_HALL_PUMP; i++) {
            double d = fabs(run[0].values[s * TW_HALL_SIGNALS + i] - run[1].values[s * TW_HALL_SIGNALS + i]);
            if (i < TW_HALL_VALVE) {
                apart = fmax(apart, d);
                square += d * d / (run[0].count * TW_HALL_VALVE);
            } else
                apart_valve = fmax(apart_valve, d);
        }
    tw_validation_row(v, "L6", "LBL pulses: both integrators, pipes, rms", "K", sqrt(square), 0.1, TW_AT_MOST, 0.0,
                      "each other");
    tw_validation_row(v, "L6", "LBL pulses: both integrators, worst sample", "K", apart, NAN, TW_SHOWN, 0.0, "");
    tw_validation_row(v, "L6", "LBL pulses: both integrators, signals", "1", apart_valve, NAN, TW_SHOWN, 0.0, "");
    tw_hall_free(&run[0]);
    tw_hall_free(&run[1]);
    return true;
}

bool tw_validate_hall(TwValidation *v, TwError *error)
{
    static const double glycol[4] = {323.150, 312.150, 315.151, 320.153},
                        water[4] = {323.157, 312.150, 315.150, 320.150};
    if (!design(v, "L1", NULL, glycol, error) || !design(v, "L2", "water", water, error)) return false;
    char path[1024];
    const char *folder = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!folder) {
        tw_validation_skip(v, "L3-L6", "LBL year and pulse test",
                           "TOKENWORKS_REFERENCE_DATA does not name the folder with Chicago's weather file");
        return true;
    }
    snprintf(path, sizeof path, "%s/weather/USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw", folder);
    TwWeather *weather = malloc(sizeof *weather);
    if (!weather) abort();
    bool good = tw_weather_read(weather, path, error) && year(v, weather, error) && pulses(v, weather, error);
    free(weather);
    return good;
}
