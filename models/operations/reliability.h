// Closed forms of reliability, and the draws of failure and repair.
//
// Barlow and Proschan (1965) for systems of independent parts; backup generators after REopt.jl
// (src/outagesim/backup_reliability.jl): each generator is available and starts with a probability, fails with a
// probability in each step, and an outage is survived while those that run carry the load. Parts are independent
// unless a beta says otherwise.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sim/random.h"

double tw_fleet_mtbf(double part_hours, double failures);    // of one part: hours of all parts over what failed
double tw_fleet_stop(double mtbf, double parts);             // between two failures anywhere in the fleet
double tw_availability(double mtbf, double mttr);            // both in the same unit, > 0 and >= 0
double tw_availability_series(const double *availability, int count);      // availability[count] in [0, 1]; all needed
double tw_availability_parallel(const double *availability, int count);    // one is enough
double tw_availability_k_of_n(int needed, int count, double availability);    // alike, binomial
// Up at t when up at zero; failures and repairs exponential.
double tw_availability_at(double failure_rate, double repair_rate, double t);
double tw_availability_standby(double first, double second, double switching);
double tw_unavailability_common(double unavailability, double beta);    // of two, beta of it common to both

// Most generators of one kind, and kinds.
enum { TW_BACKUP_KINDS = 4, TW_BACKUP_STATES = 4096 };
typedef struct TwBackup {
    int kinds;
    int count[TW_BACKUP_KINDS];
    double size[TW_BACKUP_KINDS];             // what one carries, in the unit of the load
    double availability[TW_BACKUP_KINDS];     // operational availability
    double fail_to_start[TW_BACKUP_KINDS];    // when called
    double fail_step[TW_BACKUP_KINDS];        // in a step of running
} TwBackup;

// Probability of each number of running generators as the outage begins, [states].
void tw_backup_start(const TwBackup *backup, double *probability);
// Probability that the load of step d of an outage is carried (marginal), or of all steps up to it (cumulative).
// load[0 .. count-1] repeats; survival[0 .. steps-1]. False: more than TW_BACKUP_STATES states.
bool tw_backup_survival(const TwBackup *backup, const double *load, int count, int begin, int steps, bool cumulative,
                        double *survival);

// Draws: index counts the draws of a stream and a kind of part; entity tells parts apart.
double tw_draw_exponential(double u, double mean);
double tw_draw_weibull(double u, double mean, double shape);          // scale from the mean: mean / Gamma(1 + 1/shape)
double tw_draw_lognormal(double u, double mean, double deviation);    // deviation over the mean, >= 0; 0 gives the mean
