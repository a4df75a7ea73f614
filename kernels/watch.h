// Work on the GPU in a process of its own: an illegal access ends a CUDA context for good, a kernel that hangs ends
// nothing, and neither may cost more than the point that did it.
#pragma once

#include "kernels/selftest.h"

#include <stdint.h>

// What the process that works tells the one that waits, in memory of both.
typedef struct TwWatch {
    double beat_s;          // when it last said that it goes on
    uint64_t point;         // being measured; 0: none
    TwSelftest selftest;    // how far the checks are
} TwWatch;

TwWatch *tw_watch_create(void);

void tw_watch_beat(void);                   // "I go on"; nothing where nobody watches
void tw_watch_measuring(uint64_t point);    // the same, at this point; 0: between two

// The exit status of job(context), run in another process; TW_EXIT_LOST where that said so, died, or was silent for a
// minute and was ended. SIGINT and SIGTERM go on to it.
enum { TW_EXIT_LOST = 99 };
int tw_watch_run(TwWatch *watch, int (*job)(void *), void *context);
