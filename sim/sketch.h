// Quantile sketch with relative error (DDSketch, Masson et al. 2019): buckets gamma^i, gamma = (1 + a)/(1 - a),
// a = 1 %, from 1e-6 to 1e5 with one bucket for less; more than 1.28e5 counts as that. Merging adds counters, so any
// order gives the same quantiles; only sum rounds, so merge in index order where bytes must be equal.
#pragma once

#include <stdint.h>

enum { TW_SKETCH_BUCKETS = 1280 };

typedef struct TwSketch {
    uint64_t count;
    double sum, max;    // exact sum and maximum of what was added
    uint64_t bucket[TW_SKETCH_BUCKETS];
} TwSketch;

int tw_sketch_bucket(double value);    // index for value >= 0
double tw_sketch_bound(int bucket);    // largest value of a bucket
void tw_sketch_add(TwSketch *sketch, double value, uint64_t times);
void tw_sketch_merge(TwSketch *into, const TwSketch *from);
double tw_sketch_quantile(const TwSketch *sketch, double q);    // NaN when empty
double tw_sketch_mean(const TwSketch *sketch);
double tw_sketch_share_below(const TwSketch *sketch, double value);    // in [0, 1]; NaN when empty
