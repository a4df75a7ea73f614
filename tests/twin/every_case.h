// Every reference case of a subject is met.
#pragma once

#include "sim/validation.h"
#include "tests/check.h"

static inline int every_case_is_met(const char *subject, bool (*validate)(TwValidation *, const char *, TwError *))
{
    TwError error = {0};
    TwValidation *v = tw_validation_create(subject);
    CHECK(validate(v, NULL, &error));
    if (error.text[0]) tw_error_print(&error, stderr);
    CHECK(tw_validation_rows(v) > 60);
    if (tw_validation_failures(v)) tw_validation_print(v, stderr);
    CHECK(tw_validation_failures(v) == 0);
    tw_validation_destroy(v);
    return check_failures != 0;
}
