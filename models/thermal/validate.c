#include "models/thermal/validate.h"

#include "models/thermal/component.h"
#include "models/thermal/dsx.h"
#include "models/thermal/net1.h"
#include "models/thermal/net1_load.h"
#include "models/thermal/network.h"
#include "sim/csv.h"
#include "sim/data.h"
#include "sim/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// one row of a case table
typedef struct Columns {
    int id, component, inputs, output, expected, kind, tolerance, source;
} Columns;

static bool columns_of(const TwCsv *csv, const char *file, Columns *c, TwError *error)
{
    const struct {
        const char *name;
        int *column;
    } all[] = {
        {"case", &c->id},           {"component", &c->component}, {"inputs", &c->inputs},       {"output", &c->output},
        {"expected", &c->expected}, {"kind", &c->kind},           {"tolerance", &c->tolerance}, {"source", &c->source}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i].column = tw_csv_column(csv, all[i].name);
        if (*all[i].column < 0)
            return tw_fail_at(error, file, 1, 0, "no column \"%s\": expected %s", all[i].name,
                              "case,component,inputs,output,expected,kind,tolerance,source");
    }
    return true;
}

static bool kind_of(const char *text, TwTolerance *kind)
{
    static const char *const words[] = {"absolute", "relative", "at_most", "at_least", "shown"};
    for (int i = 0; i < 5; i++)
        if (strcmp(words[i], text) == 0) {
            *kind = (TwTolerance)i;
            return true;
        }
    return false;
}

static bool run_row(TwValidation *v, const TwCsv *csv, const char *file, int row, const Columns *c, TwError *error)
{
    const char *name = tw_csv_text(csv, row, c->component), *output = tw_csv_text(csv, row, c->output);
    int line = tw_csv_line(csv, row);
    const TwComponent *component = tw_component_named(name);
    if (!component) return tw_fail_at(error, file, line, 0, "no component \"%s\": see tokenworks thermal", name);
    double in[TW_COMPONENT_IN], out[TW_COMPONENT_OUT] = {0}, expected, tolerance;
    tw_component_start(component, in);
    char inputs[512];
    snprintf(inputs, sizeof inputs, "%s", tw_csv_text(csv, row, c->inputs));
    TwError inner = {0};
    char *rest = NULL;
    for (char *word = strtok_r(inputs, " ;", &rest); word; word = strtok_r(NULL, " ;", &rest))
        if (!tw_component_set(component, in, word, &inner)) return tw_fail_at(error, file, line, 0, "%s", inner.text);
    if (!tw_component_complete(component, in, &inner)) return tw_fail_at(error, file, line, 0, "%s", inner.text);
    int k = -1, n = tw_component_outputs(component);
    for (int i = 0; i < n; i++)
        if (strcmp(component->out[i].name, output) == 0) k = i;
    if (k < 0) return tw_fail_at(error, file, line, 0, "%s gives no \"%s\"", name, output);
    TwTolerance kind;
    if (!kind_of(tw_csv_text(csv, row, c->kind), &kind))
        return tw_fail_at(error, file, line, 0,
                          "kind = \"%s\", expected absolute, relative, at_most, at_least or shown",
                          tw_csv_text(csv, row, c->kind));
    if (!tw_csv_number(csv, row, c->expected, &expected, error) ||
        !tw_csv_number(csv, row, c->tolerance, &tolerance, error))
        return false;
    component->run(in, out);
    char what[160];
    snprintf(what, sizeof what, "%s %s: %s", name, tw_csv_text(csv, row, c->inputs), output);
    if (strlen(what) > 43) snprintf(what, sizeof what, "%s: %s", name, output);
    tw_validation_row(v, tw_csv_text(csv, row, c->id), what, component->out[k].unit, out[k], expected, kind, tolerance,
                      tw_csv_text(csv, row, c->source));
    return true;
}

// Cases of one component each, from a table.
static bool components(TwValidation *v, const char *file, TwError *error)
{
    TwCsv *csv;
    if (!tw_csv_read(&csv, file, error)) return false;
    Columns c;
    bool good = columns_of(csv, file, &c, error);
    for (int row = 0; good && row < tw_csv_rows(csv); row++) good = run_row(v, csv, file, row, &c, error);
    tw_csv_destroy(csv);
    return good;
}

// NET-1 with its liquid share and pump speed
static Net1 *net(double liquid_w, double air_w, double speed_squared, bool cvode, double step_s)
{
    Net1 *n = net1_rows(1);
    for (int i = 0; i < NET1_RACKS; i++) n->racks[i].liquid_fraction = liquid_w / (liquid_w + air_w);
    n->cdus[0].pump_speed_fraction = sqrt(speed_squared);
    n->spec.cvode = cvode;
    n->spec.step_max_s = step_s;
    if (!net1_build(n)) abort();
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = liquid_w + air_w;
    return n;
}

static const double *rack0(const Net1 *n) { return tw_f64_const(n->block, n->thermal->inner->state); }
static const double *cdu0(const Net1 *n) { return rack0(n) + NET1_RACKS * RACK_STATES * LANES; }
static const double *plant0(const Net1 *n) { return rack0(n) + n->thermal->inner->state_count - PLANT_STATES; }

// T40: the steady state of NET-1
static bool steady(TwValidation *v, TwError *error)
{
    Net1 *n = net(100e3, 15e3, 0.81, false, 5.0);
    bool good = tw_thermal_start(n->thermal, n->block, &n->in, error) &&
                tw_thermal_advance(n->thermal, n->block, &n->in, 0.0, 5.0, &n->out, error);
    const double *s = rack0(n), *c = cdu0(n), *z = plant0(n);
    const struct {
        const char *what;
        double ours, expected;
    } rows[] = {{"NET-1 steady: chip", s[CHIP * LANES], 66.005},
                {"plate", s[PLATE * LANES], 50.001},
                {"mean coolant", s[COOLANT * LANES], 40.367},
                {"manifold", s[MANIFOLD * LANES], 45.734},
                {"rack air", s[AIR * LANES], 43.614},
                {"CDU supply", c[SUPPLY * LANES], 35.0},
                {"CDU return", c[RETURN * LANES], 45.734},
                {"facility return", z[HEADER_RETURN], 46.321},
                {"facility supply", z[HEADER_SUPPLY], 30.0}};
    for (size_t i = 0; good && i < sizeof rows / sizeof *rows; i++)
        tw_validation_row(v, "T40", rows[i].what, "degC", rows[i].ours, rows[i].expected, TW_ABSOLUTE, 0.002,
                          "algebra of NET-1");
    if (good) {
        tw_validation_row(v, "T40", "CDU valve", "1", n->cdu_valve[0], 0.52908, TW_ABSOLUTE, 0.0002,
                          "algebra of NET-1");
        tw_validation_row(v, "T40", "fan speed", "1", cbrt(n->load_w[2] / 2e4), 0.24825, TW_ABSOLUTE, 0.0002,
                          "algebra of NET-1");
    }
    net1_destroy(n);
    return good;
}

// T41: NET-1 after a step of load and pump speed; T39 in each of its windows
static bool step_response(TwValidation *v, bool cvode, TwError *error)
{
    static const double time_s[6] = {0, 10, 30, 60, 120, 600};
    static const double chip[6] = {53.879, 68.241, 70.867, 71.313, 70.927, 69.903};
    static const double supply[6] = {35.000, 35.216, 35.912, 36.236, 35.809, 34.990};
    static const double cooler[6] = {30.000, 30.017, 30.222, 30.637, 30.889, 30.036};
    const char *who = cvode ? "cvode" : "rosenbrock 5 s", *source = "RK4 at 0.0125 s";
    double tolerance = cvode ? 0.002 : 0.1, worst = 0.0;
    Net1 *n = net(60e3, 10e3, 0.6, cvode, 5.0);
    bool good = tw_thermal_start(n->thermal, n->block, &n->in, error);
    for (int i = 0; i < NET1_RACKS; i++) {
        n->thermal->inner->rack_chip_fraction[i] = 115.0 / 132.0;
        n->rack_w[i] = 132e3;
    }
    tw_thermal_set_pump_speed(n->thermal, n->block, 0, 1.0);
    for (int k = 1; good && k < 6; k++) {
        double stored = tw_thermal_stored_j(n->thermal, n->block);
        good = tw_thermal_advance(n->thermal, n->block, &n->in, time_s[k - 1], time_s[k], &n->out, error);
        char what[64];
        snprintf(what, sizeof what, "NET-1 step, %s: chip at %g s", who, time_s[k]);
        tw_validation_row(v, "T41", what, "degC", rack0(n)[CHIP * LANES], chip[k], TW_ABSOLUTE, tolerance, source);
        snprintf(what, sizeof what, "%s: CDU supply at %g s", who, time_s[k]);
        tw_validation_row(v, "T41", what, "degC", cdu0(n)[SUPPLY * LANES], supply[k], TW_ABSOLUTE, tolerance, source);
        snprintf(what, sizeof what, "%s: cooler leaving at %g s", who, time_s[k]);
        tw_validation_row(v, "T41", what, "degC", plant0(n)[COOLER], cooler[k], TW_ABSOLUTE, tolerance, source);
        stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
        worst = fmax(worst, fabs(n->out.heat_in_j - n->out.heat_out_j - stored) / n->out.heat_in_j);
    }
    if (good) {
        char what[64];
        snprintf(what, sizeof what, "NET-1 step, %s: heat in - out - stored", who);
        tw_validation_row(v, "T39", what, "1", worst, 1e-12, TW_AT_MOST, 0.0, "conservation");
    }
    net1_destroy(n);
    return good;
}

static bool random_load(TwValidation *v, TwError *error)
{
    Net1Apart apart;
    if (!net1_random_load(0.0, &apart, error)) return false;
    tw_validation_row(v, "T42", "random load, 128 racks, 5 s: chips", "K", apart.chip_k, 0.1, TW_AT_MOST, 0.0,
                      "cvode 1e-9");
    tw_validation_row(v, "T42", "random load: loops", "K", apart.loops_k, 0.02, TW_AT_MOST, 0.0, "cvode 1e-9");
    tw_validation_row(v, "T42", "random load: heat taken in", "1", apart.heat, 1e-6, TW_SHOWN, 0.0, "cvode 1e-9");
    tw_validation_row(v, "T39", "random load: heat in - out - stored", "1", apart.books, 1e-12, TW_AT_MOST, 0.0,
                      "conservation");
    return true;
}

static double mean(const double *x, int from, int count)
{
    double sum = 0.0;
    for (int h = from; h < from + count; h++) sum += x[h] / count;
    return sum;
}

static int below(const double *x, double limit)
{
    int n = 0;
    for (int h = 0; h < TW_HOURS; h++) n += x[h] <= limit;
    return n;
}

// T43 to T46: the climate generator against its input and against spreads of eight seeds
static bool climates(TwValidation *v, TwError *error)
{
    TwWeather *w = malloc(sizeof *w);
    if (!w) abort();
    static const struct {
        const char *id, *site;
        double dry, hours20, wet, hours15, january, july, january_dew, july_dew;
    } sites[] = {{"T44", "oslo", 24.8, 8307, 18.3, 8174, -4.5, 17.0, -7.0, 12.0},
                 {"T45", "tokyo", 33.0, 5519, 27.1, 4917, 4.5, 26.4, -1.3, 22.6},
                 {"T46", "virginia", 34.9, 5991, 25.5, 5535, 1.2, 25.8, -5.2, 19.2}};
    bool good = true;
    for (size_t i = 0; good && i < sizeof sites / sizeof *sites; i++) {
        double sum[4] = {0}, month[4] = {0};
        for (uint64_t seed = 1; good && seed <= 8; seed++) {
            good = tw_weather_climate(w, sites[i].site, seed, error);
            sum[0] += tw_weather_exceeded(w->dry_bulb_degc, 35) / 8.0;
            sum[1] += below(w->dry_bulb_degc, 20.0) / 8.0;
            sum[2] += tw_weather_exceeded(w->wet_bulb_degc, 35) / 8.0;
            sum[3] += below(w->wet_bulb_degc, 15.0) / 8.0;
            month[0] = mean(w->dry_bulb_degc, 0, 744), month[1] = mean(w->dry_bulb_degc, 181 * 24, 744);
            month[2] = mean(w->dew_point_degc, 0, 744), month[3] = mean(w->dew_point_degc, 181 * 24, 744);
        }
        if (!good) break;
        char what[64];
        const double input[4] = {sites[i].january, sites[i].july, sites[i].january_dew, sites[i].july_dew};
        static const char *const names[4] = {"January dry bulb", "July dry bulb", "January dew point",
                                             "July dew point"};
        for (int k = 0; k < 4; k++) {
            snprintf(what, sizeof what, "%s: %s", sites[i].site, names[k]);
            tw_validation_row(v, "T43", what, "degC", month[k], input[k], TW_ABSOLUTE, 0.01, "the site's input");
        }
        snprintf(what, sizeof what, "%s: dry bulb exceeded in 0.4 %%", sites[i].site);
        tw_validation_row(v, sites[i].id, what, "degC", sum[0], sites[i].dry, TW_ABSOLUTE, 0.4, "prototype, 8 seeds");
        snprintf(what, sizeof what, "%s: hours at or below 20 degC", sites[i].site);
        tw_validation_row(v, sites[i].id, what, "h", sum[1], sites[i].hours20, TW_ABSOLUTE, 60, "prototype, 8 seeds");
        snprintf(what, sizeof what, "%s: wet bulb exceeded in 0.4 %%", sites[i].site);
        tw_validation_row(v, sites[i].id, what, "degC", sum[2], sites[i].wet, TW_ABSOLUTE, 0.4, "prototype, 8 seeds");
        snprintf(what, sizeof what, "%s: wet bulb hours at or below 15 degC", sites[i].site);
        tw_validation_row(v, sites[i].id, what, "h", sum[3], sites[i].hours15, TW_ABSOLUTE, 100, "prototype, 8 seeds");
    }
    free(w);
    return good;
}

// T07 and the other files' check values, where the files are at hand
static bool weather_files(TwValidation *v, TwError *error)
{
    static const struct {
        const char *file, *name;
        double mean_dry, top_dry, mean_wet, top_wet, pressure;
        int dry[3], wet[3];
    } files[] = {
        {"USA_FL_Tampa-MacDill.AFB.747880_TMY3.epw",
         "Tampa",
         21.89,
         34.4,
         18.50,
         26.75,
         101801,
         {3074, 7953, 8749},
         {2404, 3946, 7078}},
        {"USA_AZ_Davis-Monthan.AFB.722745_TMY3.epw",
         "Tucson",
         21.71,
         40.0,
         11.56,
         21.80,
         92091,
         {3957, 7022, 8208},
         {6343, 8220, 8760}},
        {"USA_IL_Chicago-OHare.Intl.AP.725300_TMY3.epw",
         "Chicago",
         9.99,
         32.2,
         7.15,
         25.44,
         99189,
         {6756, 8612, 8760},
         {6266, 7912, 8610}},
        {"USA_WA_Port.Angeles-William.R.Fairchild.Intl.AP.727885_TMY3.epw",
         "Port Angeles",
         9.26,
         24.0,
         7.50,
         16.57,
         100696,
         {8535, 8760, 8760},
         {8498, 8760, 8760}},
        {"USA_CO_Golden-NREL.724666_TMY3.epw",
         "Golden",
         9.76,
         32.2,
         4.47,
         17.57,
         82137,
         {7271, 8599, 8759},
         {8284, 8760, 8760}},
        {"USA_GA_Atlanta-Hartsfield.Jackson.Intl.AP.722190_TMY3.epw",
         "Atlanta",
         16.65,
         33.9,
         12.67,
         24.32,
         98173,
         {5205, 8298, 8755},
         {4743, 6648, 8616}},
    };
    const char *folder = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!folder) {
        tw_validation_skip(v, "T07", "EPW files against their check values",
                           "TOKENWORKS_REFERENCE_DATA does not name the folder of the files");
        return true;
    }
    TwWeather *w = malloc(sizeof *w);
    if (!w) abort();
    bool good = true;
    for (size_t i = 0; good && i < sizeof files / sizeof *files; i++) {
        char path[1024], what[64];
        snprintf(path, sizeof path, "%s/weather/%s", folder, files[i].file);
        good = tw_weather_read(w, path, error);
        if (!good) break;
        const struct {
            const char *what, *unit;
            double ours, expected, tolerance;
        } rows[] = {
            {"mean dry bulb", "degC", mean(w->dry_bulb_degc, 0, TW_HOURS), files[i].mean_dry, 0.01},
            {"mean wet bulb", "degC", mean(w->wet_bulb_degc, 0, TW_HOURS), files[i].mean_wet, 0.02},
            {"0.4 % dry bulb", "degC", tw_weather_exceeded(w->dry_bulb_degc, 35), files[i].top_dry, 0.05},
            {"0.4 % wet bulb", "degC", tw_weather_exceeded(w->wet_bulb_degc, 35), files[i].top_wet, 0.02},
            {"mean pressure", "Pa", mean(w->pressure_pa, 0, TW_HOURS), files[i].pressure, 1.0},
            {"hours at or below 20 degC", "h", below(w->dry_bulb_degc, 20.0), files[i].dry[0], 0.0},
            {"hours at or below 30 degC", "h", below(w->dry_bulb_degc, 30.0), files[i].dry[1], 0.0},
            {"hours at or below 35 degC", "h", below(w->dry_bulb_degc, 35.0), files[i].dry[2], 0.0},
            {"wet bulb hours at or below 15", "h", below(w->wet_bulb_degc, 15.0), files[i].wet[0], 5.0},
            {"wet bulb hours at or below 20", "h", below(w->wet_bulb_degc, 20.0), files[i].wet[1], 5.0},
            {"wet bulb hours at or below 24", "h", below(w->wet_bulb_degc, 24.0), files[i].wet[2], 5.0},
        };
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            snprintf(what, sizeof what, "%s: %s", files[i].name, rows[k].what);
            tw_validation_row(v, "T07", what, rows[k].unit, rows[k].ours, rows[k].expected, TW_ABSOLUTE,
                              rows[k].tolerance, "NREL TMY3, PsychroLib");
        }
    }
    free(w);
    return good;
}

// whether the header of a table names one of these
static bool header_has(const char *file, const char *one, const char *other)
{
    char line[1024];
    bool found = false;
    FILE *f = fopen(file, "r");
    while (f && fgets(line, sizeof line, f))
        if (line[0] != '#') {
            found = strstr(line, one) != NULL || strstr(line, other) != NULL;
            break;
        }
    if (!f) return true;    // said by the reader
    fclose(f);
    return found;
}

bool tw_validate_thermal(TwValidation *v, const char *file, TwError *error)
{
    // a table of cases, a recording of DSX Exchange, or a heat trace
    if (file && header_has(file, "component", "expected")) return components(v, file, error);
    if (file && header_has(file, "topic", "payload")) return tw_validate_dsx(v, file, error);
    if (file) return tw_validate_heat(v, file, error);
    char path[1024];
    if (!tw_data_find("facilities/reference/thermal_cases.csv", path, sizeof path))
        return tw_fail(error, TW_IO, "facilities/reference/thermal_cases.csv is not installed (looked at %s)", path);
    return components(v, path, error) && weather_files(v, error) && steady(v, error) &&
           step_response(v, false, error) && step_response(v, true, error) && random_load(v, error) &&
           climates(v, error) && tw_validate_heat(v, NULL, error) && tw_validate_hall(v, error);
}
