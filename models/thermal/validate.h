// The reference cases of the thermal model: `tokenworks validate thermal`.
#pragma once

#include "sim/validation.h"

// file: a table of further cases (the form of facilities/reference/thermal_cases.csv), a heat trace of Frontier
// (cases H1 to H5), or NULL: all shipped cases.
bool tw_validate_thermal(TwValidation *validation, const char *file, TwError *error);

// A day of heat through Frontier's plant (validate_heat.c); trace: the published file, or NULL.
bool tw_validate_heat(TwValidation *validation, const char *trace, TwError *error);

// LBL's hall: design point, year and pulse test (validate_hall.c); those that need the weather file of Chicago are left
// out where TOKENWORKS_REFERENCE_DATA does not lead to it.
bool tw_validate_hall(TwValidation *validation, TwError *error);
