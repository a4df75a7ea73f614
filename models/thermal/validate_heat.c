// The published day of heat of Frontier's 25 CDU groups, and the same plant under made-up heat.
#include "models/thermal/heat_case.h"
#include "models/thermal/validate.h"
#include "sim/data.h"

#include <math.h>

static const char *const source = "HewlettPackard/sustain-lc input_04-07-24.csv";

// what the reader finds in the file itself
static void describe(TwValidation *v, const TwHeatTrace *t)
{
    double mean = 0.0, least = INFINITY, most = -INFINITY, energy = 0.0, up = 0.0, down = 0.0, before = NAN;
    double wet_least = INFINITY, wet_mean = 0.0, wet_most = -INFINITY;
    int crossings = 0;
    for (int r = 0; r < t->rows; r++) {
        double sum = 0.0, wet = t->wet_bulb_degc[r];
        for (int g = 0; g < t->groups; g++) sum += t->heat_w[r * t->groups + g];
        mean += sum / t->rows;
        least = fmin(least, sum), most = fmax(most, sum);
        wet_mean += wet / t->rows;
        wet_least = fmin(wet_least, wet), wet_most = fmax(wet_most, wet);
        if (r > 0) {
            energy += 0.5 * (sum + before) * 15.0;
            up = fmax(up, sum - before), down = fmin(down, sum - before);
            crossings += before < 20e6 && sum >= 20e6;
        }
        before = sum;
    }
    tw_validation_row(v, "H1", "rows", "1", t->rows, 5761, TW_ABSOLUTE, 0.0, source);
    tw_validation_row(v, "H1", "groups", "1", t->groups, 25, TW_ABSOLUTE, 0.0, source);
    tw_validation_row(v, "H1", "mean heat", "MW", mean * 1e-6, 16.1245, TW_RELATIVE, 1e-4, source);
    tw_validation_row(v, "H1", "least heat", "MW", least * 1e-6, 5.2043, TW_RELATIVE, 1e-4, source);
    tw_validation_row(v, "H1", "most heat", "MW", most * 1e-6, 26.6060, TW_RELATIVE, 1e-4, source);
    tw_validation_row(v, "H2", "heat over 24 h", "MWh", energy / 3.6e9, 386.965, TW_RELATIVE, 1e-5, source);
    tw_validation_row(v, "H3", "upward crossings of 20 MW", "1", crossings, 12, TW_ABSOLUTE, 0.0, source);
    tw_validation_row(v, "H3", "largest step up in 15 s", "MW", up * 1e-6, 3.088, TW_RELATIVE, 1e-3, source);
    tw_validation_row(v, "H3", "largest step down in 15 s", "MW", down * 1e-6, -2.919, TW_RELATIVE, 1e-3, source);
    tw_validation_row(v, "H4", "wet bulb, least", "degC", wet_least, 2.889, TW_ABSOLUTE, 1e-3, source);
    tw_validation_row(v, "H4", "wet bulb, mean", "degC", wet_mean, 7.751, TW_ABSOLUTE, 1e-3, source);
    tw_validation_row(v, "H4", "wet bulb, most", "degC", wet_most, 13.167, TW_ABSOLUTE, 1e-3, source);
}

bool tw_validate_heat(TwValidation *v, const char *file, TwError *error)
{
    char path[1024];
    if (!tw_data_find("facilities/reference/frontier_heat.cfg", path, sizeof path))
        return tw_fail(error, TW_IO, "facilities/reference/frontier_heat.cfg is not installed");
    TwHeatTrace trace = {0};
    if (file) {
        if (!tw_heat_trace_read(&trace, file, error)) return false;
        describe(v, &trace);
    } else
        tw_validation_skip(v, "H1-H4", "Frontier's published day of heat",
                           "not shipped: HewlettPackard/sustain-lc, input_04-07-24.csv (sha256 ff42ac45...2fefc0), "
                           "then: tokenworks validate thermal input_04-07-24.csv");
    TwErrors *errors = tw_errors_create();
    TwHeatCaseRow row;
    TwHeatResult r;
    bool good = tw_heat_case_run(path, NULL, 0, file ? &trace : NULL, &row, &r, errors);
    if (!good) {
        tw_errors_print(errors, 5, stderr);
        tw_fail(error, TW_NUMERICAL, "the heat of Frontier could not be run");
    }
    tw_errors_destroy(errors);
    tw_heat_trace_free(&trace);
    if (!good) return false;
    const char *what = file ? "heat in = heat out + stored" : "made-up heat: heat in = out + stored";
    tw_validation_row(v, "H5", what, "1", r.residual, 1e-9, TW_AT_MOST, 0.0, "conservation");
    tw_validation_row(v, "H5", "24 h through 25 CDUs: processor time", "s", r.processor_s, NAN, TW_SHOWN, 0.0, "");
    return true;
}
