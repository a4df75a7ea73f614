// One line of progress: on a terminal at most ten a second, otherwise one each 30 s; silent when quiet.
#pragma once

#include <stdbool.h>

typedef struct TwProgress {
    const char *title;
    bool quiet, terminal;
    double begun_s, shown_s;    // wall clock
} TwProgress;

void tw_progress_begin(TwProgress *progress, const char *title, bool quiet);
// done and total in any unit of work; note: what to say beside (worst constraint so far), or NULL.
void tw_progress_show(TwProgress *progress, double done, double total, const char *note);
// The same where the caller knows how long it will take; left_s NaN: not yet.
void tw_progress_tell(TwProgress *progress, double part, double left_s, const char *note);
void tw_progress_end(TwProgress *progress);
double tw_wall_s(void);    // monotonic wall clock
