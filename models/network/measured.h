// Published communication measurements against the shipped parts: one row a measurement.
#pragma once

#include "sim/validation.h"

// Columns: platform, ranks, nodes, operation, algorithm_or_setting, message_bytes, bandwidth_kind, bandwidth, time_us.
// Adds a row for each that the model can express, a skip with its reason for each that it cannot, and summaries.
bool tw_network_measured(TwValidation *validation, const char *path, TwError *error);
