// A GPU that a processor plays, for tests: what its parts share.
//
// TOKENWORKS_EMULATED=compute (default): kernels run on the processor when they are launched, times are real and mean
// nothing. =time: nothing runs; device and host have a clock of their own that moves by what a launch would take on an
// H200 and by what the host waits, so whole measuring sessions pass in seconds, and memory is only counted.
// TOKENWORKS_EMULATED_ORDER=forward|reverse|shuffled: the order of a block's threads between barriers.
// TOKENWORKS_EMULATED_NO_BARRIERS: __syncthreads does nothing, so that tests see that they would notice.
// TOKENWORKS_EMULATED_FAULT=KIND:TEXT: launches of points whose description holds TEXT fail; KIND is refuse (the
// library says no), illegal (the device is lost), capture (only graphs fail) or hang.
#pragma once

#include "cuda_runtime_api.h"

#include <functional>

namespace emulated {
bool timed();    // the mode
double now_s();
void pass(double seconds);    // host time

// what the next launch stands for
struct Cost {
    double seconds, joules;
};
void expect(Cost cost);
void lose_device();
void break_capture();
[[noreturn]] void hang();
bool lost();
bool capturing();
// runs, or records, work on the stream
cudaError_t enqueue(std::function<void()> work);

double power_w(double at_s);     // of the board at a moment
double energy_j(double at_s);    // since the start
}    // namespace emulated
