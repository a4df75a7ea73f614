#include "sim/sketch.h"

#include <assert.h>
#include <math.h>

static const double smallest = 1e-6, accuracy = 0.01;

static double log_gamma(void) { return log((1.0 + accuracy) / (1.0 - accuracy)); }

int tw_sketch_bucket(double value)
{
    assert(value >= 0.0);
    if (value <= smallest) return 0;
    double i = ceil(log(value / smallest) / log_gamma());
    if (i < 1.0) return 1;
    return i < TW_SKETCH_BUCKETS - 1 ? (int)i : TW_SKETCH_BUCKETS - 1;
}

double tw_sketch_bound(int bucket) { return smallest * exp(bucket * log_gamma()); }

TwSketchScale tw_sketch_scale;

__attribute__((constructor)) static void fill_scale(void)
{
    for (int k = 0; k < TW_SKETCH_BUCKETS; k++) {
        double bound = tw_sketch_bound(k);
        memcpy(&tw_sketch_scale.bound[k], &bound, sizeof bound);
    }
    for (uint64_t k = 0; k < TW_SKETCH_CELLS; k++) {
        uint64_t bits = (TW_SKETCH_FIRST_CELL + k) << TW_SKETCH_CELL_BITS;
        double begins;
        memcpy(&begins, &bits, sizeof begins);
        tw_sketch_scale.begins[k] = (uint16_t)tw_sketch_bucket(begins);
    }
}

void tw_sketch_add(TwSketch *sketch, double value, uint64_t times)
{
    if (times == 0) return;
    if (sketch->count == 0 || value > sketch->max) sketch->max = value;
    sketch->count += times;
    sketch->sum += value * (double)times;
    sketch->bucket[tw_sketch_bucket(value)] += times;
}

void tw_sketch_merge(TwSketch *into, const TwSketch *from)
{
    if (from->count == 0) return;
    if (into->count == 0 || from->max > into->max) into->max = from->max;
    into->count += from->count;
    into->sum += from->sum;
    for (int i = 0; i < TW_SKETCH_BUCKETS; i++) into->bucket[i] += from->bucket[i];
}

double tw_sketch_quantile(const TwSketch *sketch, double q)
{
    assert(q >= 0.0 && q <= 1.0);
    if (sketch->count == 0) return NAN;
    uint64_t rank = (uint64_t)(q * (double)(sketch->count - 1));
    if (rank + 1 >= sketch->count) return sketch->max;

    uint64_t below = 0;
    int i = 0;
    while ((below += sketch->bucket[i]) <= rank) i++;
    if (i == 0) return fmin(sketch->max, smallest);
    // the middle of the bucket in the relative sense: at most 1 % from either end
    double middle = tw_sketch_bound(i) * (1.0 - accuracy);
    return fmin(middle, sketch->max);
}

double tw_sketch_mean(const TwSketch *sketch) { return sketch->count ? sketch->sum / (double)sketch->count : NAN; }

double tw_sketch_share_below(const TwSketch *sketch, double value)
{
    if (sketch->count == 0) return NAN;
    if (value < 0.0) return 0.0;
    if (value >= sketch->max) return 1.0;
    int at = tw_sketch_bucket(value);
    uint64_t below = 0;
    for (int i = 0; i < at; i++) below += sketch->bucket[i];

    // inside the bucket: as if spread evenly up to its bound or the maximum
    double low = at ? tw_sketch_bound(at - 1) : 0.0, high = fmin(tw_sketch_bound(at), sketch->max);
    double part = high > low ? fmin(fmax((value - low) / (high - low), 0.0), 1.0) : 1.0;
    return ((double)below + part * (double)sketch->bucket[at]) / (double)sketch->count;
}

double tw_sketch_value_at(const TwSketch *sketch, double share)
{
    if (sketch->count == 0) return NAN;
    double left = fmin(fmax(share, 0.0), 1.0) * (double)sketch->count;
    int i = 0;
    while (i < TW_SKETCH_BUCKETS - 1 && left > (double)sketch->bucket[i]) left -= (double)sketch->bucket[i++];
    if (sketch->bucket[i] == 0) return i ? tw_sketch_bound(i - 1) : 0.0;
    double low = i ? tw_sketch_bound(i - 1) : 0.0, high = fmin(tw_sketch_bound(i), sketch->max);
    return low + (high - low) * left / (double)sketch->bucket[i];
}
