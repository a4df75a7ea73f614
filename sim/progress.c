#include "sim/progress.h"

#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

double tw_wall_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void tw_progress_begin(TwProgress *progress, const char *title, bool quiet)
{
    double now = tw_wall_s();
    bool terminal = isatty(STDERR_FILENO) == 1;
    // a terminal is told at once, a log file after the first half minute
    *progress = (TwProgress){title, quiet, terminal, now, terminal ? now - 1.0 : now};
}

// "4 s", "3 min 20 s", "2 h 05 min"
static void duration(double s, char *text, size_t size)
{
    long whole = s > 0.0 && s < 1e9 ? (long)(s + 0.5) : 0;
    if (whole < 60)
        snprintf(text, size, "%ld s", whole);
    else if (whole < 3600)
        snprintf(text, size, "%ld min %02ld s", whole / 60, whole % 60);
    else
        snprintf(text, size, "%ld h %02ld min", whole / 3600, whole / 60 % 60);
}

void tw_progress_show(TwProgress *progress, double done, double total, const char *note)
{
    if (!(total > 0.0)) return;
    double part = done / total, spent = tw_wall_s() - progress->begun_s;
    tw_progress_tell(progress, part, part > 0.0 && spent > 0.5 ? spent * (1.0 - part) / part : NAN, note);
}

void tw_progress_tell(TwProgress *progress, double part, double left_s, const char *note)
{
    if (progress->quiet) return;
    double now = tw_wall_s();
    if (now - progress->shown_s < (progress->terminal ? 0.1 : 30.0)) return;
    progress->shown_s = now;

    char left[32] = "";
    if (isfinite(left_s)) duration(left_s, left, sizeof left);
    // erase to the end of the line, because the last text may have been longer
    fprintf(stderr, "%s%s %5.1f %%%s%s%s%s%s", progress->terminal ? "\r" : "", progress->title, 100.0 * part,
            *left ? ", " : "", left, *left ? " left" : "", note ? ", " : "", note ? note : "");
    fputs(progress->terminal ? "\033[K" : "\n", stderr);
    fflush(stderr);
}

void tw_progress_end(TwProgress *progress)
{
    if (progress->quiet || !progress->terminal) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
}
