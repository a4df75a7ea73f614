// The reference cases of the thermal model: `tokenworks validate thermal`.
#pragma once

#include "sim/validation.h"

// file: a table of further cases (the form of facilities/reference/thermal_cases.csv), or NULL: all shipped cases.
bool tw_validate_thermal(TwValidation *validation, const char *file, TwError *error);

// Cases of one component each, from a table.
bool tw_validate_components(TwValidation *validation, const char *file, TwError *error);
