// Every reference case of the thermal model at its stated tolerance, and tables of cases given by a user.
#include "models/thermal/heat_case.h"
#include "models/thermal/validate.h"
#include "tests/check.h"

static void all_cases(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("thermal");
    CHECK(tw_validate_thermal(v, NULL, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    CHECK(tw_validation_failures(v) == 0);
    CHECK(tw_validation_rows(v) > 150);
    if (tw_validation_failures(v) > 0) tw_validation_print(v, stderr);
    tw_validation_destroy(v);
}

static void refused(const char *line, const char *part)
{
    char path[] = "thermal_cases_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "case,component,inputs,output,expected,kind,tolerance,source\n%s\n", line);
    fclose(f);
    TwError error = {0};
    TwValidation *v = tw_validation_create("thermal");
    CHECK(!tw_validate_thermal(v, path, &error));
    CHECK(error.line == 2);
    CHECK_HOLDS(error.text, part);
    tw_validation_destroy(v);
    remove(path);
}

// a heat trace in the form of the published one: time, groups, wet bulb
static void heat_traces_are_read(void)
{
    char path[] = "heat_trace_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "Time,CDU1,CDU2,Twetbulb\n");
    for (int i = 0; i < 9; i++) fprintf(f, "%d,%g,%g,%g\n", 15 * i, 4e5 + 1e4 * i, 5e5, 7.5 + i);
    fclose(f);
    TwHeatTrace t;
    TwError error = {0};
    CHECK(tw_heat_trace_read(&t, path, &error));
    CHECK(t.rows == 9 && t.groups == 2);
    CHECK(t.heat_w[2 * 2] == 4.2e5 && t.heat_w[2 * 2 + 1] == 5e5 && t.wet_bulb_degc[8] == 15.5);
    TwErrors *errors = tw_errors_create();
    TwHeatCaseRow row;
    TwHeatResult r;
    char cfg[1024];
    snprintf(cfg, sizeof cfg, "%s/facilities/reference/frontier_heat.cfg", getenv("TOKENWORKS_SOURCE"));
    CHECK(tw_heat_case_run(cfg, NULL, 0, &t, &row, &r, errors));
    CHECK(r.windows == 8 && r.residual < 1e-12);
    CHECK(r.heat_in_j > 8.0 * 15.0 * 0.94e6);
    tw_heat_trace_free(&t);
    f = fopen(path, "w");
    fprintf(f, "CDU1,wet\n4e5,7\n-1e5,7\n");
    fclose(f);
    CHECK(!tw_heat_trace_read(&t, path, &error));
    CHECK_HOLDS(error.text, "CDU1 = -100000");
    tw_errors_destroy(errors);
    remove(path);
}

int main(void)
{
    heat_traces_are_read();
    all_cases();
    refused("A,watr,degc=1,density_kg_m3,1,absolute,1,x", "watr");
    refused("A,water,degx=1,density_kg_m3,1,absolute,1,x", "nearest: degc");
    refused("A,water,,density_kg_m3,1,absolute,1,x", "needs degc");
    refused("A,water,degc=1,density,1,absolute,1,x", "density");
    refused("A,water,degc=1,density_kg_m3,1,near,1,x", "near");
    refused("A,water,degc=warm,density_kg_m3,1,absolute,1,x", "warm");
    return check_failures != 0;
}
