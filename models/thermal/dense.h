// Small stiff systems with a dense Jacobian: ROS2 (two stages, L-stable, second order for any Jacobian) as the fast
// path and CVODE as the reference, over one right-hand side. For plants of some dozens of states; halls use network.h.
//
// Unknowns that no other depends on (meters) may come last; they are integrated like the others. The Jacobian is by
// central differences and may serve several steps: it then is an approximation, which costs accuracy, not consistency.
#pragma once

#include "sim/error.h"

typedef struct TwDense TwDense;

typedef struct TwDenseProblem {
    int count, meters;    // unknowns in all; the last `meters` of them are meters
    void *context;
    void (*rate)(void *context, double time_s, const double *y, double *dy_dt);
    const double *difference;    // [count] step of the differences
    bool cvode;
    double relative_tolerance, absolute_tolerance;    // of CVODE
} TwDenseProblem;

// False: CVODE could not be set up.
bool tw_dense_create(TwDense **dense, const TwDenseProblem *problem, TwError *error);
void tw_dense_destroy(TwDense *dense);

// The next call starts CVODE anew: y was changed, or an input jumped. Otherwise it goes on with its history.
void tw_dense_restart(TwDense *dense);

// From from_s to until_s; steps of at most step_s (ROS2), a new Jacobian every `keep` steps.
bool tw_dense_advance(TwDense *dense, double *y, double from_s, double until_s, double step_s, int keep,
                      TwError *error);
