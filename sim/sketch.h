// Quantile sketch with relative error (DDSketch, Masson et al. 2019): buckets gamma^i, gamma = (1 + a)/(1 - a),
// a = 1 %, from 1e-6 to 1e5 with one bucket for less; more than 1.28e5 counts as that. Merging adds counters, so any
// order gives the same quantiles; only sum rounds, so merge in index order where bytes must be equal.
#pragma once

#include <stdint.h>
#include <string.h>

enum { TW_SKETCH_BUCKETS = 1280 };

typedef struct TwSketch {
    uint64_t count;
    double sum, max;    // exact sum and maximum of what was added
    uint64_t bucket[TW_SKETCH_BUCKETS];
} TwSketch;

int tw_sketch_bucket(double value);    // index for value >= 0

// The same by a table, for what is added millions of times a second: octaves are cut into 64 cells, each narrower than
// a bucket, so that a value lies in the bucket in which its cell begins or in the next one. As the bits of doubles,
// which have the order of their values; so near a bound that rounding might decide, the logarithm is asked.
enum { TW_SKETCH_CELL_BITS = 46, TW_SKETCH_FIRST_CELL = (1023 - 20) * 64 + 64, TW_SKETCH_CELLS = 35 * 64 };
enum { TW_SKETCH_NEAR = 1 << 17 };    // units in the last place: 1e-11 or more of the value
typedef struct TwSketchScale {
    uint64_t bound[TW_SKETCH_BUCKETS];
    uint16_t begins[TW_SKETCH_CELLS];
} TwSketchScale;
extern TwSketchScale tw_sketch_scale;    // filled when the program starts, and only read after that

static inline int tw_sketch_bucket_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t cell = (bits >> TW_SKETCH_CELL_BITS) - TW_SKETCH_FIRST_CELL;
    if (cell >= TW_SKETCH_CELLS) return tw_sketch_bucket(value);
    int begins = tw_sketch_scale.begins[cell];
    int64_t past = (int64_t)(bits - tw_sketch_scale.bound[begins]);
    if ((uint64_t)past + TW_SKETCH_NEAR < 2 * TW_SKETCH_NEAR) return tw_sketch_bucket(value);
    return begins + (past > 0);
}
// Whether a value that is not below the beginning of a bucket surely lies in it.
static inline int tw_sketch_within(int bucket, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits + TW_SKETCH_NEAR < tw_sketch_scale.bound[bucket];
}
double tw_sketch_bound(int bucket);    // largest value of a bucket
void tw_sketch_add(TwSketch *sketch, double value, uint64_t times);
void tw_sketch_merge(TwSketch *into, const TwSketch *from);
double tw_sketch_quantile(const TwSketch *sketch, double q);    // NaN when empty
double tw_sketch_mean(const TwSketch *sketch);
double tw_sketch_share_below(const TwSketch *sketch, double value);    // in [0, 1]; NaN when empty
// The value that so large a share lies below by tw_sketch_share_below, whose inverse it is; NaN when empty.
double tw_sketch_value_at(const TwSketch *sketch, double share);
