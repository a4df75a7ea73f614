// How long one launch takes, and what it draws: the timing rules of the kernels page, section 6.
//
// Launches are captured into a CUDA graph of at least 200 us and the graph is replayed between events, so neither the
// host nor the launch path is measured. A batch is one replay; at least 5 batches and 15 ms of them. BURST points stop
// after about 50 ms and rest before where arithmetic limits them, before each batch where five take longer; sustained
// ones run 2 s to settle and then 5 s, at their duty, and their energy is the driver's counter over the window, between
// two of its steps. Status noisy: MAD above 2 % of the median twice; meters: counter and readings more than 3 % apart.
#pragma once

#include "kernels/gpu.h"
#include "kernels/host/rows.h"

#include <stdio.h>

extern const double tw_ramp_rest_s;    // that a ramp may wait for the chip to be cold

// Fills the row, whose status is then ok, noisy, meters, no_energy, no_memory, no_algo or refused; samples (may be
// NULL) gets a line "point_id,t_s,power_w,instant_w,energy_j,sm_mhz,mem_mhz,temp_degc" for each look at the meters.
// False where the device itself failed, and then nothing more can be measured; *text says what, or why a status is not
// ok.
bool tw_measure(TwCalRow *row, const TwDevice *device, const TwCalPoint *point, uint64_t seed, FILE *samples,
                char *text, int size);
