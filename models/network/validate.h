// Reference cases of the network: closed forms, and published measurements row by row.
#pragma once

#include "sim/validation.h"

// The visible cases, then the rows of `file` (columns of the published collective measurements) or, without one, of the
// table beside the checkout where it lies there. False: the table or a part cannot be read.
bool tw_validate_network(TwValidation *validation, const char *file, TwError *error);

// How much of the agreement is prediction: the constants that a system's sweep fixes (latencies and what fills a
// pipeline) are fitted again without one size of it, and without the whole system, and what was left out is predicted.
// Bandwidths stay those of the parts.
bool tw_validate_collectives(TwValidation *validation, const char *file, TwError *error);
