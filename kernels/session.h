// One run of measurements: points in random order, a row each, sentinels between them, a header file about the chip.
//
// Sentinels are one large product and one large copy, measured first, every 100 points and last: how far they moved is
// how far the chip moved. They are no rows of the table; the header file keeps them.
#pragma once

#include "kernels/host/grid.h"
#include "kernels/measure.h"

typedef struct TwSession {
    const char *grid, *slice, *out, *resume;    // resume NULL: nothing was measured before
    double budget_s, begun_s;                   // 0: none; when the program began
    uint64_t seed;                              // of order and operands
    bool quiet;
} TwSession;

// Exit statuses, those of all programs of the project.
enum { TW_EXIT_DONE, TW_EXIT_CHECK, TW_EXIT_USAGE, TW_EXIT_INPUT, TW_EXIT_NUMERIC, TW_EXIT_IO, TW_EXIT_NO_GPU = 77 };

// Seconds that a point is expected to take, its preparation included; from the timing rules and the least time on an
// H200. Plans of cuDNN are made before.
double tw_session_expected_s(const TwCalPoint *point);

// Measures what is not done yet; the grid is reordered. Returns an exit status, with its reason on stderr.
int tw_session_run(const TwSession *session, const TwDevice *device, TwCalGrid *grid, const TwCalRows *before);
