// What a grid asks of a site: load targets, breaches, dips; and the odds that many racks draw more than a limit.
//
// Words of DSX Flex 1.7.0 (NVIDIA dsx-exchange, schemas/asyncapi/dsx-flex): warning up to and including 20 % above the
// target, critical beyond. A store that rides through dips latches on its cells after `count` dips inside `within_s`,
// counted over t > now - within_s.
#pragma once

#include <stdbool.h>

typedef enum TwBreach { TW_BREACH_NONE, TW_BREACH_WARNING, TW_BREACH_CRITICAL } TwBreach;
// Warning above target_w >= 0 up to and including 1.2 of it, critical beyond; a measurement that is NaN: none.
TwBreach tw_breach(double measured_w, double target_w);
const char *tw_breach_word(TwBreach breach);

// Dips of one store: a ring of the last times.
enum { TW_DIPS = 16 };
typedef struct TwDips {
    int count;
    double at_s[TW_DIPS];
} TwDips;
// Counts a dip at now_s; true: it is the one that latches.
bool tw_dip_latches(TwDips *dips, double now_s, int limit, double within_s);

// P(sum of n draws > limit), each normal with this mean and deviation and the same correlation between any two.
double tw_exceeds(int count, double mean_w, double deviation_w, double correlation, double limit_w);

// Whole racks, and their GPUs, under a limit at this site power a GPU.
long long tw_gpus_under(double limit_w, double per_gpu_w, int per_rack);
