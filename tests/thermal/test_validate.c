// Every reference case of the thermal model at its stated tolerance, and tables of cases given by a user.
#include "models/thermal/validate.h"
#include "tests/check.h"

static void all_cases(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("thermal");
    CHECK(tw_validate_thermal(v, NULL, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    // the year of LBL's hall misses twice, PUE and pumps: a known gap, with its figures in docs/thermal-validation.md
    int known = check_data() ? 2 : 0;
    CHECK(tw_validation_failures(v) == known);
    CHECK(tw_validation_rows(v) > 150);
    if (tw_validation_failures(v) != known) tw_validation_print(v, stderr);
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

int main(void)
{
    all_cases();
    refused("A,watr,degc=1,density_kg_m3,1,absolute,1,x", "watr");
    refused("A,water,degx=1,density_kg_m3,1,absolute,1,x", "nearest: degc");
    refused("A,water,,density_kg_m3,1,absolute,1,x", "needs degc");
    refused("A,water,degc=1,density,1,absolute,1,x", "density");
    refused("A,water,degc=1,density_kg_m3,1,near,1,x", "near");
    refused("A,water,degc=warm,density_kg_m3,1,absolute,1,x", "warm");
    return check_failures != 0;
}
