// The scatter of `tokenworks validate throughput --screenshot FILE`.
#pragma once

#include "sim/validation.h"

// As tw_validate_throughput, and draws predicted over published. False: why.
bool tw_cli_throughput(TwValidation *validation, const char *file, const char *picture, TwError *error);
