// What every benchmark does: a clock, and a line `name value unit` or a member of one JSON object a figure.
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool json;
static bool first = true;

static inline void print(const char *name, double value, const char *unit)
{
    if (json)
        printf("%s  \"%s\": {\"value\": %.6g, \"unit\": \"%s\"}", first ? "{\n" : ",\n", name, value, unit);
    else
        printf("%s %.6g %s\n", name, value, unit);
    first = false;
}
