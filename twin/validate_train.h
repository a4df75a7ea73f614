// Published training steps beside the sum of kernels (train.h).
#pragma once

#include "sim/validation.h"

// file: a table with the columns of facilities/reference/training.csv; NULL: that one. Nothing is judged: rows are
// shown, with medians by group. False: the table cannot be read or a cell is wrong.
bool tw_validate_training_steps(TwValidation *validation, const char *file, TwError *error);
