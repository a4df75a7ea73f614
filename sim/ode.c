#include "sim/ode.h"

#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <sundials/sundials_config.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_klu.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunmatrix/sunmatrix_sparse.h>

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_MAX = 500000 };    // in one call: more means that the problem is broken, not long

struct TwOde {
    TwOdeProblem problem;
    int *column_start, *row, *root_direction, *fired;    // copies: the caller's may go
    double from_s;    // CVODE counts from the start of the call, so that small windows late in a year keep their digits
    long steps;
    SUNContext context;
    void *cvode;
    N_Vector y, tolerance;
    SUNMatrix matrix;
    SUNLinearSolver solver;
};

static int rate(sunrealtype t, N_Vector y, N_Vector dy_dt, void *user)
{
    TwOde *ode = user;
    double *out = N_VGetArrayPointer(dy_dt);
    ode->problem.rate(ode->problem.context, ode->from_s + t, N_VGetArrayPointer(y), out);
    // a rate that is no number: ask CVODE for a smaller step
    for (int i = 0; i < ode->problem.count; i++)
        if (!isfinite(out[i])) return 1;
    return 0;
}

static int jacobian(sunrealtype t, N_Vector y, N_Vector dy_dt, SUNMatrix matrix, void *user, N_Vector a, N_Vector b,
                    N_Vector c)
{
    (void)dy_dt, (void)a, (void)b, (void)c;
    TwOde *ode = user;
    const TwOdeProblem *problem = &ode->problem;
    // CVODE empties the matrix before each call, its pattern too
    sunindextype *start = SUNSparseMatrix_IndexPointers(matrix), *row = SUNSparseMatrix_IndexValues(matrix);
    for (int i = 0; i <= problem->count; i++) start[i] = ode->column_start[i];
    for (int i = 0; i < problem->nonzeros; i++) row[i] = ode->row[i];
    problem->jacobian(problem->context, ode->from_s + t, N_VGetArrayPointer(y), SUNSparseMatrix_Data(matrix));
    return 0;
}

static int roots(sunrealtype t, N_Vector y, sunrealtype *values, void *user)
{
    TwOde *ode = user;
    ode->problem.roots(ode->problem.context, ode->from_s + t, N_VGetArrayPointer(y), values);
    return 0;
}

static bool context_create(TwOde *ode)
{
#if SUNDIALS_VERSION_MAJOR >= 7
    if (SUNContext_Create(SUN_COMM_NULL, &ode->context) != 0) return false;
    SUNContext_ClearErrHandlers(ode->context);    // what goes wrong is said once, by TwError
    return true;
#else
    return SUNContext_Create(NULL, &ode->context) == 0;
#endif
}

static bool solver_create(TwOde *ode)
{
    const TwOdeProblem *problem = &ode->problem;
    sunindextype n = problem->count;
    if (problem->jacobian) {
        ode->matrix = SUNSparseMatrix(n, n, problem->nonzeros, CSC_MAT, ode->context);
        if (!ode->matrix) return false;
        ode->solver = SUNLinSol_KLU(ode->y, ode->matrix, ode->context);
    } else {
        ode->matrix = SUNDenseMatrix(n, n, ode->context);
        if (!ode->matrix) return false;
        ode->solver = SUNLinSol_Dense(ode->y, ode->matrix, ode->context);
    }
    if (!ode->solver || CVodeSetLinearSolver(ode->cvode, ode->solver, ode->matrix) != 0) return false;
    return !problem->jacobian || CVodeSetJacFn(ode->cvode, jacobian) == 0;
}

static bool roots_create(TwOde *ode)
{
    const TwOdeProblem *problem = &ode->problem;
    if (problem->root_count == 0) return true;
    if (CVodeRootInit(ode->cvode, problem->root_count, roots) != 0) return false;
    if (ode->root_direction && CVodeSetRootDirection(ode->cvode, ode->root_direction) != 0) return false;
    return CVodeSetNoInactiveRootWarn(ode->cvode) == 0;
}

static bool cvode_create(TwOde *ode)
{
    const TwOdeProblem *problem = &ode->problem;
    if (!context_create(ode)) return false;
    ode->y = N_VNew_Serial(problem->count, ode->context);
    ode->tolerance = N_VNew_Serial(problem->count, ode->context);
    ode->cvode = CVodeCreate(CV_BDF, ode->context);
    if (!ode->y || !ode->tolerance || !ode->cvode) return false;
    N_VConst(0.0, ode->y);
    memcpy(N_VGetArrayPointer(ode->tolerance), problem->absolute_tolerance, (size_t)problem->count * sizeof(double));
    if (CVodeInit(ode->cvode, rate, 0.0, ode->y) != 0) return false;
#if SUNDIALS_VERSION_MAJOR < 7
    CVodeSetErrFile(ode->cvode, NULL);
#endif
    return CVodeSetUserData(ode->cvode, ode) == 0 && CVodeSetMaxNumSteps(ode->cvode, STEPS_MAX) == 0 &&
           CVodeSVtolerances(ode->cvode, problem->relative_tolerance, ode->tolerance) == 0 &&
           (problem->step_max_s <= 0.0 || CVodeSetMaxStep(ode->cvode, problem->step_max_s) == 0) &&
           solver_create(ode) && roots_create(ode);
}

static int *copy(const int *from, int count)
{
    if (!from || count == 0) return NULL;
    int *to = malloc((size_t)count * sizeof *to);
    if (!to) abort();
    return memcpy(to, from, (size_t)count * sizeof *to);
}

bool tw_ode_create(TwOde **ode, const TwOdeProblem *problem, TwError *error)
{
    assert(problem->count > 0 && problem->rate && problem->absolute_tolerance);
    assert(!problem->jacobian || (problem->column_start && problem->row && problem->nonzeros > 0));
    TwOde *made = calloc(1, sizeof *made);
    if (!made) abort();
    made->problem = *problem;
    if (problem->jacobian) {
        made->column_start = copy(problem->column_start, problem->count + 1);
        made->row = copy(problem->row, problem->nonzeros);
    }
    made->root_direction = copy(problem->root_direction, problem->root_count);
    made->fired = calloc((size_t)problem->root_count + 1, sizeof *made->fired);
    if (!made->fired || !cvode_create(made)) {
        tw_ode_destroy(made);
        *ode = NULL;
        return tw_fail(error, TW_NUMERICAL, "CVODE cannot be set up for %d unknowns", problem->count);
    }
    *ode = made;
    return true;
}

void tw_ode_destroy(TwOde *ode)
{
    if (!ode) return;
    if (ode->cvode) CVodeFree(&ode->cvode);
    if (ode->solver) SUNLinSolFree(ode->solver);
    if (ode->matrix) SUNMatDestroy(ode->matrix);
    if (ode->tolerance) N_VDestroy(ode->tolerance);
    if (ode->y) N_VDestroy(ode->y);
    if (ode->context) SUNContext_Free(&ode->context);
    free(ode->column_start);
    free(ode->row);
    free(ode->root_direction);
    free(ode->fired);
    free(ode);
}

// Forgets everything of earlier calls, so that a fork or a restored run takes the same steps to the last bit.
static int restart(TwOde *ode, const double *y, double span_s)
{
    memcpy(N_VGetArrayPointer(ode->y), y, (size_t)ode->problem.count * sizeof *y);
    int flag = CVodeReInit(ode->cvode, 0.0, ode->y);
    if (flag == 0) flag = CVodeSetStopTime(ode->cvode, span_s);
    // KLU would keep the pivots of its first matrix
    if (flag == 0 && ode->problem.jacobian)
        flag = SUNLinSol_KLUReInit(ode->solver, ode->matrix, ode->problem.nonzeros, SUNKLU_REINIT_PARTIAL);
    return flag;
}

bool tw_ode_advance(TwOde *ode, double from_s, double until_s, double *y, double *reached_s, int *root, TwError *error)
{
    assert(until_s >= from_s);
    *root = -1;
    *reached_s = from_s;
    memset(ode->fired, 0, (size_t)ode->problem.root_count * sizeof *ode->fired);
    if (until_s == from_s) return true;

    ode->from_s = from_s;
    double span_s = until_s - from_s, at = 0.0;
    int flag = restart(ode, y, span_s);
    if (flag == 0) flag = CVode(ode->cvode, span_s, ode->y, &at, CV_NORMAL);
    long steps = 0;
    CVodeGetNumSteps(ode->cvode, &steps);
    ode->steps += steps;
    memcpy(y, N_VGetArrayPointer(ode->y), (size_t)ode->problem.count * sizeof *y);

    if (flag < 0) {
        *reached_s = from_s + at;
        const char *name = CVodeGetReturnFlagName(flag);
        tw_fail(error, TW_NUMERICAL, "integration stopped at %.9g s (of %.9g s to %.9g s): %s", *reached_s, from_s,
                until_s, name);
        free((void *)(uintptr_t)name);
        return false;
    }
    *reached_s = flag == CV_ROOT_RETURN ? fmin(from_s + at, until_s) : until_s;
    if (flag == CV_ROOT_RETURN) {
        CVodeGetRootInfo(ode->cvode, ode->fired);
        for (int i = ode->problem.root_count - 1; i >= 0; i--)
            if (ode->fired[i]) *root = i;
    }
    return true;
}

bool tw_ode_resume(TwOde *ode, double until_s, double *y, TwError *error)
{
    double span_s = until_s - ode->from_s, at = 0.0;
    int flag = CVodeSetStopTime(ode->cvode, span_s);
    if (flag == 0) flag = CVode(ode->cvode, span_s, ode->y, &at, CV_NORMAL);
    memcpy(y, N_VGetArrayPointer(ode->y), (size_t)ode->problem.count * sizeof *y);
    if (flag >= 0) return true;
    const char *name = CVodeGetReturnFlagName(flag);
    tw_fail(error, TW_NUMERICAL, "integration stopped at %.9g s: %s", ode->from_s + at, name);
    free((void *)(uintptr_t)name);
    return false;
}

bool tw_ode_fired(const TwOde *ode, int root)
{
    assert(root >= 0 && root < ode->problem.root_count);
    return ode->fired[root] != 0;
}

long tw_ode_steps(const TwOde *ode) { return ode->steps; }
