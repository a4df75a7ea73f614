// A shipped facility with settings, compiled and begun, for the tests of the composed factory.
#pragma once

#include "sim/data.h"
#include "tests/check.h"
#include "twin/report.h"
#include "twin/state.h"

#include <omp.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Factory {
    TwPlant *plant;
    TwState *state;
} Factory;

static inline Factory factory(const char *name, const char *const *sets, int set_count)
{
    Factory f = {0};
    char path[512];
    TwError error = {0};
    TwErrors *errors = tw_errors_create();
    if (!tw_data_find(name, path, sizeof path)) exit(CHECK_SKIP);
    const TwPlantInput input = {path, sets, set_count, 0};
    bool good = tw_plant_create(&f.plant, &input, errors);
    if (!good) tw_errors_print(errors, 50, stderr);
    tw_errors_destroy(errors);
    if (!good || !tw_state_create(&f.state, f.plant, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return f;
}

// A shipped facility with more said about it, as a file of its own.
static inline Factory facility_with(const char *base, const char *text, const char *const *sets, int count)
{
    char path[512], name[] = "/tmp/tokenworks_twin_XXXXXX.cfg";
    if (!tw_data_find(base, path, sizeof path)) exit(CHECK_SKIP);
    FILE *from = fopen(path, "r"), *to = fdopen(mkstemps(name, 4), "w");
    if (!from || !to) exit(1);
    for (int c; (c = fgetc(from)) != EOF;) fputc(c, to);
    fputs(text, to);
    fclose(from);
    fclose(to);
    Factory f = {0};
    TwError error = {0};
    TwErrors *errors = tw_errors_create();
    const TwPlantInput input = {name, sets, count, 0};
    bool good = tw_plant_create(&f.plant, &input, errors) && tw_state_create(&f.state, f.plant, &error);
    if (!good) tw_errors_print(errors, 20, stderr);
    tw_errors_destroy(errors);
    unlink(name);
    if (!good) exit(1);
    return f;
}

static inline void factory_end(Factory f)
{
    tw_state_destroy(f.state);
    tw_plant_destroy(f.plant);
}

static inline void advance(TwState *state, double until_s)
{
    TwError error = {0};
    CHECK(tw_state_advance(state, until_s, NULL, NULL, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
}
