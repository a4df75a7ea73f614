// Arrival times: a unit-rate renewal process in operational time, stretched by the integral of the rate.
//
// Rate of a cell: lambda(t) = rate_s * profile(t) * G(t). In operational time Lambda(t) intervals have mean 1 and are
// exponential (`poisson`, `cox`, `onoff`), gamma of shape k (CV^2 = 1/k) or Weibull of shape k; each arrival is found
// by inverting Lambda in closed form on pieces where lambda is linear or exponential.
//   cox    G = product of exp(s z - s^2/2), s^2 = ln(1 + v), z an AR(1) on a grid of tau/16 (correlation time tau),
//          ln G linear between grid points (which takes at most 1.5 % of s^2 off the mean of G)
//   onoff  lognormal ON lengths, OFF lengths (capped), ON amplitudes (correlated with the ON length), times a gamma
//          factor of mean 1 drawn each second; scaled to mean 1
// Scenario time is cut into slabs of 3,600 s. Each starts in equilibrium (first interval U times a length-biased one;
// z from 20 tau earlier; ON or OFF by its share of time) and depends on (stream, cell, slab) only; G depends on
// (stream, time) only, so all cells swing together. Within a burst piece the profile is held at its mean there.
// Left out: correlation of renewals or ON periods beyond a slab, which is the profile's job.
// Fits: two-component Cox and on/off models of the Azure LLM inference traces of 2023 (docs/traffic.md).
#pragma once

#include "models/workload/profile.h"
#include "sim/random.h"

#include <stdint.h>

enum { TW_COX_PARTS = 2 };
#define TW_SLAB_S  3600.0
#define TW_SLAB_NS INT64_C(3600000000000)
#define TW_SLABS   (INT64_MAX / TW_SLAB_NS)    // slabs in representable time

// Gamma variate of shape k and scale 1 (Marsaglia and Tsang 2000), the same for the same index.
double tw_gamma_variate(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose, double k);

typedef enum TwRenewal { TW_EXPONENTIAL, TW_GAMMA, TW_WEIBULL } TwRenewal;
typedef enum TwBurstKind { TW_NO_BURSTS, TW_COX, TW_ONOFF } TwBurstKind;

// G(t): the numbers of one group of generator_params.csv, and what follows from them.
typedef struct TwBursts {
    TwBurstKind kind;
    double sigma[TW_COX_PARTS], grid_s[TW_COX_PARTS];
    double on_mu, on_sd, off_mu, off_sd, off_cap_s;    // of ln seconds
    double amplitude_mu, amplitude_sd, on_amplitude_rho;
    double second_variance;
    double on_fraction;         // of time
    double off_below;           // share of OFF time in periods shorter than the cap
    double off_biased_below;    // P(lognormal (mu + sd^2, sd) < cap)
} TwBursts;

typedef struct TwArrivals {
    TwRenewal renewal;
    double shape;
    double weibull_scale;    // for mean 1
    double rate_s;           // of one cell
    double start_s;          // place in the profile at scenario time zero
    double step_peak;        // above 1: on in one slab of so many, at so many times the rate; otherwise 0
    TwStream stream;
    TwProfile profile;
    TwBursts bursts;
} TwArrivals;

// Where one cell has got to; plain numbers, so that it may lie in a state block.
typedef struct TwArrivalCursor {
    int64_t slab;
    int64_t count;                         // arrivals of this slab so far
    double piece_from_s, piece_until_s;    // of the slab
    double rate_s, bend;                   // at the start of the piece; slope, or growth exponent of a burst piece
    double area, done;                     // operational time in the piece, and how much of it has gone by
    int64_t half_hour;                     // pieces of the profile begun in this slab (at most three)
    int64_t grid[TW_COX_PARTS];
    double left[TW_COX_PARTS], right[TW_COX_PARTS];    // z at grid and grid + 1
    int64_t period;                                    // on/off: number of the ON period in the slab
    double switch_s, amplitude;                        // end of the present ON or OFF period; 0 while off
    double factor;                                     // of the rate, beside the profile; 0 counts as 1
    double credit;    // of the interval that runs: operational time gone by before the factor changed
} TwArrivalCursor;

// Reads a group of generator_params.csv. amplitude_mu follows from mean 1.
bool tw_bursts_load(TwBursts *bursts, TwBurstKind kind, const char *group, TwError *error);

// Fills weibull_scale; shape in (0, 1e6].
void tw_arrivals_renewal(TwArrivals *arrivals, TwRenewal renewal, double shape);

// Puts the cursor at the start of a slab.
void tw_arrivals_start(const TwArrivals *arrivals, TwArrivalCursor *cursor, uint32_t cell, int64_t slab);

// From time_ns on the rate is `factor` times what profile and bursts say; the cursor stands at the last arrival before.
// What has gone by of the running interval counts. Where the cursor's slab lies ahead it begins at the new rate.
void tw_arrivals_scale(const TwArrivals *arrivals, TwArrivalCursor *cursor, double factor, int64_t time_ns);

// How many arrivals of a cell are expected from where the cursor stands up to time_ns, bursts and all, and moves it
// there; a cursor of its own, which nobody fills from.
double tw_arrivals_expected(const TwArrivals *arrivals, TwArrivalCursor *cursor, int64_t time_ns);

// Writes the next arrival times, at most `most`, all of one slab, of which *first is the count before the first of
// them and *slab the number. Returns how many; 0 only when time has run out.
int tw_arrivals_fill(const TwArrivals *arrivals, TwArrivalCursor *cursor, uint32_t cell, int most, int64_t *arrival_ns,
                     int64_t *slab, int64_t *first);
