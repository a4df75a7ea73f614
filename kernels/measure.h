// How long one launch takes, and what it draws: the timing rules of the kernels page, section 6.
//
// Launches are captured into a CUDA graph of at least 200 us and the graph is replayed between events, so neither the
// host nor the launch path is measured. A batch is one replay; at least 5 batches and 15 ms of them. BURST points rest
// 200 ms before and stop after about 50 ms; SUSTAINED points run 2 s to settle and then 5 s, and their energy is the
// driver's counter over the window, between two of its steps. A MAD above 2 % of the median twice: status noisy.
#pragma once

#include "kernels/host/nvml.h"
#include "kernels/host/rows.h"
#include "kernels/operation.h"

typedef struct TwDevice {
    int index, major, minor, sm_count, runtime, driver_cuda;
    double l2_bytes, memory_bytes, memory_mhz, bus_bits;
    char name[256], pci[32];
    cudaStream_t stream;
    TwNvml *nvml;    // NULL where there is none
} TwDevice;

// The first GPU that the driver shows. False, with one line in *text: none, or older than the kernels.
bool tw_device_open(TwDevice *device, char *text, int size);
void tw_device_close(TwDevice *device);

// Sets of one point on this device; 512 at most, which is what a graph can hold.
int tw_device_sets(const TwDevice *device, const TwCalPoint *point);

// Fills the row, whose status is then ok, noisy, no_energy, no_memory or no_algo. False where the device itself failed,
// and then nothing more can be measured; *text says what, or why a status is not ok.
bool tw_measure(TwCalRow *row, const TwDevice *device, const TwCalPoint *point, uint64_t seed, char *text, int size);

double tw_now_s(void);    // of a clock that never steps back
