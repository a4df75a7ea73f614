// Reference cases of operations: reliability, restarts of a fleet, sharing of limits, load targets, dips, money.
#pragma once

#include "sim/validation.h"

// file: a shipped facility for the cases of determinism; NULL: facilities/hopper_hall.cfg.
bool tw_validate_operations(TwValidation *validation, const char *file, TwError *error);
