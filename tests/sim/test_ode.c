#include "sim/ode.h"
#include "tests/check.h"

static TwError error;

// Stiff and linear: y' = A y with eigenvalues -1 and -1000, y(0) = (1, 0): known in closed form.
static void stiff_rate(void *context, double time_s, const double *y, double *dy_dt)
{
    (void)context, (void)time_s;
    dy_dt[0] = 998.0 * y[0] + 1998.0 * y[1];
    dy_dt[1] = -999.0 * y[0] - 1999.0 * y[1];
}

static void stiff_jacobian(void *context, double time_s, const double *y, double *values)
{
    (void)context, (void)time_s, (void)y;
    const double a[] = {998.0, -999.0, 1998.0, -1999.0};
    memcpy(values, a, sizeof a);
}

static const double fine[3] = {1e-12, 1e-12, 1e-12};

static TwOdeProblem stiff(bool sparse)
{
    static const int start[] = {0, 2, 4}, row[] = {0, 1, 0, 1};
    TwOdeProblem problem = {.count = 2, .rate = stiff_rate, .relative_tolerance = 1e-9, .absolute_tolerance = fine};
    if (sparse)
        problem.nonzeros = 4, problem.column_start = start, problem.row = row, problem.jacobian = stiff_jacobian;
    return problem;
}

static void stiff_systems_match_their_closed_form(void)
{
    for (int sparse = 0; sparse < 2; sparse++) {
        TwOdeProblem problem = stiff(sparse);
        TwOde *ode;
        CHECK(tw_ode_create(&ode, &problem, &error));
        double y[2] = {1.0, 0.0}, reached;
        int root;
        CHECK(tw_ode_advance(ode, 0.0, 2.0, y, &reached, &root, &error));
        CHECK(reached == 2.0 && root == -1);
        CHECK_NEAR(y[0], 2.0 * exp(-2.0), 1e-7);
        CHECK_NEAR(y[1], -exp(-2.0), 1e-7);
        // an explicit method would need thousands of steps for stability alone
        CHECK(tw_ode_steps(ode) > 20 && tw_ode_steps(ode) < 1000);
        tw_ode_destroy(ode);
    }
}

// Robertson 1966: the reference of SUNDIALS' own example at t = 40 s, six digits.
static void kinetics(void *context, double time_s, const double *y, double *dy_dt)
{
    (void)context, (void)time_s;
    dy_dt[0] = -0.04 * y[0] + 1e4 * y[1] * y[2];
    dy_dt[2] = 3e7 * y[1] * y[1];
    dy_dt[1] = -dy_dt[0] - dy_dt[2];
}

static void kinetics_jacobian(void *context, double time_s, const double *y, double *values)
{
    (void)context, (void)time_s;
    const double a[] = {-0.04, 0.04, 1e4 * y[2], -1e4 * y[2] - 6e7 * y[1], 6e7 * y[1], 1e4 * y[1], -1e4 * y[1]};
    memcpy(values, a, sizeof a);
}

static TwOdeProblem robertson(void)
{
    static const int start[] = {0, 2, 5, 7}, row[] = {0, 1, 0, 1, 2, 0, 1};
    return (TwOdeProblem){.count = 3,
                          .rate = kinetics,
                          .nonzeros = 7,
                          .column_start = start,
                          .row = row,
                          .jacobian = kinetics_jacobian,
                          .relative_tolerance = 1e-9,
                          .absolute_tolerance = fine};
}

static void kinetics_match_and_conserve_mass(void)
{
    TwOdeProblem problem = robertson();
    TwOde *ode;
    CHECK(tw_ode_create(&ode, &problem, &error));
    double y[3] = {1.0, 0.0, 0.0}, reached;
    int root;
    CHECK(tw_ode_advance(ode, 0.0, 40.0, y, &reached, &root, &error));
    CHECK_NEAR(y[0], 0.7158270688, 1e-6);
    CHECK_NEAR(y[1], 9.185534765e-6, 1e-6);
    CHECK_NEAR(y[2], 0.2841637457, 1e-6);
    CHECK_NEAR(y[0] + y[1] + y[2], 1.0, 1e-9);
    tw_ode_destroy(ode);
}

// A window that is cut gives the same within tolerance; the same cuts give the same bits, from an old solver or a new.
static void every_call_starts_afresh(void)
{
    TwOdeProblem problem = robertson();
    TwOde *straight, *cut, *fork;
    CHECK(tw_ode_create(&straight, &problem, &error) && tw_ode_create(&cut, &problem, &error));
    double a[3] = {1.0, 0.0, 0.0}, b[3] = {1.0, 0.0, 0.0}, c[3], reached;
    int root;
    CHECK(tw_ode_advance(straight, 0.0, 100.0, a, &reached, &root, &error));
    for (int i = 0; i < 10; i++) {
        if (i == 5) memcpy(c, b, sizeof c);
        CHECK(tw_ode_advance(cut, 10.0 * i, 10.0 * (i + 1), b, &reached, &root, &error));
    }
    for (int k = 0; k < 3; k++) CHECK_NEAR(a[k], b[k], 1e-6);

    CHECK(tw_ode_create(&fork, &problem, &error));
    for (int i = 5; i < 10; i++) CHECK(tw_ode_advance(fork, 10.0 * i, 10.0 * (i + 1), c, &reached, &root, &error));
    CHECK(memcmp(b, c, sizeof b) == 0);
    tw_ode_destroy(straight), tw_ode_destroy(cut), tw_ode_destroy(fork);
}

// y = cos t, with a threshold at +-0.5 and at 0, in one direction each.
static void swing(void *context, double time_s, const double *y, double *dy_dt)
{
    (void)context, (void)time_s;
    dy_dt[0] = -y[1];
    dy_dt[1] = y[0];
}

static void thresholds(void *context, double time_s, const double *y, double *values)
{
    (void)context, (void)time_s;
    values[0] = y[0] - 0.5;
    values[1] = y[0] + 0.5;
    values[2] = y[0] - 0.5;
}

static void roots_are_found_in_their_direction(void)
{
    static const int direction[] = {+1, -1, +1};
    TwOdeProblem problem = {.count = 2,
                            .rate = swing,
                            .root_count = 3,
                            .roots = thresholds,
                            .root_direction = direction,
                            .relative_tolerance = 1e-9,
                            .absolute_tolerance = fine};
    const double third = acos(-1.0) / 3.0, at = 3e7;    // late in a year
    static const struct {
        double third;
        int root;
    } known[] = {{2.0, 1}, {5.0, 0}, {8.0, 1}, {11.0, 0}};
    TwOde *ode;
    CHECK(tw_ode_create(&ode, &problem, &error));
    double y[2] = {1.0, 0.0}, now = at;
    for (int k = 0; k < 4; k++) {
        int root;
        double reached;
        CHECK(tw_ode_advance(ode, now, at + 20.0, y, &reached, &root, &error));
        CHECK(root == known[k].root);
        CHECK_WITHIN(reached - at, known[k].third * third, 1e-6);
        // both that cross together are told
        CHECK(tw_ode_fired(ode, 0) == (root == 0) && tw_ode_fired(ode, 2) == (root == 0));
        now = reached;
    }
    tw_ode_destroy(ode);
}

// y' = y^2 from 1 has no solution past t = 1.
static void explode(void *context, double time_s, const double *y, double *dy_dt)
{
    (void)context, (void)time_s;
    dy_dt[0] = y[0] * y[0];
}

static void failures_say_when(void)
{
    TwOdeProblem problem = {.count = 1, .rate = explode, .relative_tolerance = 1e-6, .absolute_tolerance = fine};
    TwOde *ode;
    CHECK(tw_ode_create(&ode, &problem, &error));
    double y = 1.0, reached;
    int root;
    error = (TwError){0};
    CHECK(!tw_ode_advance(ode, 0.0, 2.0, &y, &reached, &root, &error));
    CHECK(error.status == TW_NUMERICAL);
    CHECK_HOLDS(error.text, "integration stopped at");
    CHECK_WITHIN(reached, 1.0, 1e-2);
    CHECK(isfinite(y) && y > 10.0);

    // and the solver is good for another start; a window of no length changes nothing
    y = 1.0;
    CHECK(tw_ode_advance(ode, 0.0, 0.5, &y, &reached, &root, &error));
    CHECK_NEAR(y, 2.0, 1e-4);
    double kept = y;
    CHECK(tw_ode_advance(ode, 5.0, 5.0, &y, &reached, &root, &error) && y == kept && reached == 5.0);
    tw_ode_destroy(ode);
}

int main(void)
{
    stiff_systems_match_their_closed_form();
    kinetics_match_and_conserve_mass();
    every_call_starts_afresh();
    roots_are_found_in_their_direction();
    failures_say_when();
    return check_failures != 0;
}
