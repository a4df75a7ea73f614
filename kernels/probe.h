// The first look at a machine: versions, what the libraries offer there, which meters answer. One JSON object.
#pragma once

#include "kernels/gpu.h"

#include <stdio.h>

// False where the device failed.
bool tw_probe(const TwDevice *device, FILE *stream);
