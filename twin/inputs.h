// What results rest on beside the settings and the program: the shipped tables of kernels and errors, and the files
// that a facility names (weather, prices, carbon, traces, arrivals, shares of experts, tables of its own). A result, a
// state or a key of a study that was made with others is another.
#pragma once

#include "sim/config.h"

// Of calibration/ and facilities/reference/errors.csv: SHA-256, in hex. About ten milliseconds.
void tw_inputs_shipped(char digest[65]);

// Files that facilities name, each read once. facility: the file beside which names are looked for; shipped: as above.
// One thread at a time.
typedef struct TwInputs TwInputs;
TwInputs *tw_inputs_create(const char *facility, const char *shipped);
void tw_inputs_destroy(TwInputs *inputs);
// Of a resolved facility. A file that cannot be read counts as none: reading the facility says so.
void tw_inputs_digest(TwInputs *inputs, const TwConfig *config, char digest[33]);
// The same of one facility, read from that file.
void tw_inputs_of(const char *facility, const TwConfig *config, char digest[33]);
