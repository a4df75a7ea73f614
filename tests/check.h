// A page of macros: a check prints where it failed and the test goes on; main returns check_failures != 0.
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            check_failures++;                                                                                          \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                                    \
        }                                                                                                              \
    } while (0)

// |got - want| <= tolerance * max(|want|, tiny): relative; want == 0 is compared absolutely.
#define CHECK_NEAR(got, want, tolerance)   check_near_(__FILE__, __LINE__, #got, (got), (want), (tolerance), 1)
#define CHECK_WITHIN(got, want, tolerance) check_near_(__FILE__, __LINE__, #got, (got), (want), (tolerance), 0)
#define CHECK_TEXT(got, want)              check_text_(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_HOLDS(text, part)                                                                                        \
    do {                                                                                                               \
        if (!strstr((text), (part))) {                                                                                 \
            check_failures++;                                                                                          \
            fprintf(stderr, "%s:%d: \"%s\" not found in:\n%s\n", __FILE__, __LINE__, (part), (text));                  \
        }                                                                                                              \
    } while (0)

enum { CHECK_SKIP = 77 };    // exit status of a test that cannot run here

static inline void check_near_(const char *file, int line, const char *text, double got, double want, double tolerance,
                               int relative)
{
    double bound = relative && want != 0.0 ? tolerance * fabs(want) : tolerance;
    if (fabs(got - want) <= bound) return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s = %.17g, expected %.17g within %g\n", file, line, text, got, want, bound);
}

static inline void check_text_(const char *file, int line, const char *text, const char *got, const char *want)
{
    if (got && strcmp(got, want) == 0) return;
    check_failures++;
    fprintf(stderr, "%s:%d: %s = \"%s\", expected \"%s\"\n", file, line, text, got ? got : "(null)", want);
}

// The reference data that lies beside a developer's checkout, or NULL: tests that need it skip.
static inline const char *check_data(void) { return getenv("TOKENWORKS_REFERENCE_DATA"); }
