// Named parameters of the shipped file facilities/parts/traffic/generator_params.csv, by group.
#pragma once

#include "sim/error.h"

typedef struct TwParams TwParams;

bool tw_params_read(TwParams **params, TwError *error);
void tw_params_destroy(TwParams *params);
// False: no such group or name; the message gives the nearest group that has it.
bool tw_param(const TwParams *params, const char *group, const char *name, double *value, TwError *error);
