// One transfer over a chain of links, each with a latency and a bandwidth, on an idle network.
#pragma once

#include <stdbool.h>

// Cut through: the latencies, then the bytes at the slowest link. store: every link forwards whole messages.
double tw_path_s(int count, const double *latency_s, const double *rate_bytes_s, double bytes, bool store);

// The calibrated TCP profile LV08 of SimGrid: latency x 13.01, bandwidth x 0.97, acknowledgements take 5 % of the way
// back.
double tw_lv08_s(double bytes, double latency_s, double rate_bytes_s);
