// Stiff ordinary differential equations: SUNDIALS CVODE (BDF, Newton) behind one file.
// Hindmarsh et al. 2005. The solver keeps no state of the simulation: every window restarts it from y.
#pragma once

#include "sim/error.h"

typedef struct TwOde TwOde;

typedef struct TwOdeProblem {
    int count;    // unknowns
    void *context;
    void (*rate)(void *context, double time_s, const double *y, double *dy_dt);
    // Sparse Jacobian, compressed columns (pattern fixed); NULL: dense, by difference quotients.
    int nonzeros;
    const int *column_start, *row;    // count + 1, nonzeros
    void (*jacobian)(void *context, double time_s, const double *y, double *values);
    int root_count;    // 0: none
    void (*roots)(void *context, double time_s, const double *y, double *values);
    const int *root_direction;    // 0 both, +1 rising, -1 falling; NULL: both
    double relative_tolerance;
    const double *absolute_tolerance;    // per unknown
    double step_max_s;                   // 0: none
} TwOdeProblem;

bool tw_ode_create(TwOde **ode, const TwOdeProblem *problem, TwError *error);
void tw_ode_destroy(TwOde *ode);

// From from_s to until_s exactly, or to the first root: y is replaced, *reached_s and *root (-1: none) are set.
// False: CVODE gave up; y then holds the last good values and the error says at what time.
bool tw_ode_advance(TwOde *ode, double from_s, double until_s, double *y, double *reached_s, int *root, TwError *error);
// Goes on from where the last call ended, with all that the solver learnt there: y must be as that call left it. For
// long runs whose inputs have kinks but no jumps; no roots.
bool tw_ode_resume(TwOde *ode, double until_s, double *y, TwError *error);
// Whether a root fired in the last call: several may at the same instant, *root is the first of them.
bool tw_ode_fired(const TwOde *ode, int root);
long tw_ode_steps(const TwOde *ode);    // since creation
