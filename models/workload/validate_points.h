// The hold-out report of a calibration; part of the cases of kernels.
#pragma once

#include "models/workload/kernel_model.h"
#include "sim/validation.h"

// Measured points of a chip: surfaces of the rows of role train against the others, the shipped model against all.
bool tw_validate_points(TwValidation *validation, const char *name, const TwAcceleratorRow *chip,
                        const TwKernelModel *model, const char *path, TwError *error);
