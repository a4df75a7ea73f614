// One row for each request of a run of `serve`.
#pragma once

#include "models/workload/request.h"
#include "sim/error.h"

// Comma-separated, in the order of their ends, times in seconds since the start; a time that there is not is empty.
bool tw_serve_log(const char *path, const TwFinished *ends, int64_t count, TwError *error);
