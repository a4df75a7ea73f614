// A generated class as a trace in memory: to be described, written, compared.
#pragma once

#include "models/workload/trace.h"
#include "models/workload/traffic.h"

// Requests of all cells in [from_ns, until_ns) of scenario time; sessions at their nominal service time. block_tokens
// 0: without ids of blocks. False: there are none in that window.
bool tw_trace_generate(TwTrace **trace, const TwTraffic *traffic, void *block, int cells, int64_t from_ns,
                       int64_t until_ns, int block_tokens, TwError *error);
