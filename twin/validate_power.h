// Reference cases of the power model for `tokenworks validate power`.
#pragma once

#include "sim/validation.h"

// file: a feeder in place of the shipped one of 33 buses, or NULL. False: a file cannot be read.
bool tw_validate_power(TwValidation *validation, const char *file, TwError *error);
