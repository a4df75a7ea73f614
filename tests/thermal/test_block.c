// The block solve against a dense one, its order in time, and one rack without flow against closed forms.
#include "models/thermal/lane_math.h"
#include "models/thermal/net1.h"
#include "models/thermal/network.h"
#include "tests/check.h"

#include <stdint.h>

static const double gamma_ros2 = 0.29289321881345254;

static double uniform(uint64_t *s)
{
    *s = *s * 6364136223846793005u + 1442695040888963407u;
    return (double)(*s >> 11) / 9007199254740992.0;
}

enum { RACKS = 3, SIZE = RACKS * RACK_STATES + CDU_STATES };

// unknowns of lane l: rack by rack, then the CDU
static size_t at(int i, int l) { return (size_t)i * LANES + (size_t)l; }

static bool dense_solve(double *a, double *b, int n)
{
    for (int k = 0; k < n; k++) {
        int best = k;
        for (int i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
        for (int j = 0; j < n; j++) {
            double t = a[k * n + j];
            a[k * n + j] = a[best * n + j];
            a[best * n + j] = t;
        }
        double t = b[k];
        b[k] = b[best];
        b[best] = t;
        for (int i = k + 1; i < n; i++) {
            double f = a[i * n + k] / a[k * n + k];
            for (int j = k; j < n; j++) a[i * n + j] -= f * a[k * n + j];
            b[i] -= f * b[k];
        }
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int j = i + 1; j < n; j++) b[i] -= a[i * n + j] * b[j];
        b[i] /= a[i * n + i];
    }
    return true;
}

typedef struct Case {
    TwGroup group;
    const TwRackInput *in;
    const TwCduInput *cdu;
    const TwUnitInput *unit;
} Case;

// a working CDU as tw_thermal_advance would set it
static void set_lane(const TwCduLanes *p, TwCduInput *in, TwUnitInput *unit, int l)
{
    in->kp[l] = p->kp[l];
    in->rate_w_k[l] = p->rate_w_k[l];
    in->pump[l] = unit->live[l] = unit->flow[l] = unit->pump[l] = 1.0;
}

static void rates(const Case *c, const double *y, double *f)
{
    TwLane chip[RACKS];
    TwGroupMeter m;
    tw_group_rate(&c->group, y, c->in, c->cdu, c->unit, 30.0, 27.0, 1.0, f, chip, &m);
}

// chip, plate, coolant, air and clock of rack k alone: (I - g J)^-1 of a right-hand side, and of the pump's change
static void rack_alone(const double *j, int k, double g, const double b[5], double dn, double v[5])
{
    static const int states[5] = {CHIP, PLATE, COOLANT, AIR, CLOCK};
    double a[25];
    for (int r = 0; r < 5; r++) {
        int row = (k * RACK_STATES + states[r]) * SIZE;
        v[r] = b[r] + g * j[row + RACKS * RACK_STATES + FLOW] * dn;
        for (int c = 0; c < 5; c++) a[r * 5 + c] = (r == c) - g * j[row + k * RACK_STATES + states[c]];
    }
    dense_solve(a, v, 5);
}

// the fits of models/thermal/block.c, whole: what is exact, and the powers of 1/(1 - gamma z) that stand for it
typedef struct Fits {
    double move[6], mean[6], point[3][6], late[3], late_mean[3];
} Fits;
static const Fits fits = {.move = {0.0, -0.35517495728965376, -0.39866606034595692, 2.9468607758083936,
                                   -3.2770235414202951, 1.0840037832475127},
                          .mean = {0.01066453394239486, -0.12955070974763236, 0.68350266078621691, -0.97458575275877513,
                                   0.50161487989515507, -0.091645612117359096},
                          .point = {{0.38418784484606189, -0.51459698485907723, 0.061930847492804725,
                                     0.64535894098274338, -0.68453481606364408, 0.22035583298037006},
                                    {0.2918193255632327, 0.16692698905565923, 1.6309160676335586, -3.6805548808144968,
                                     2.9147802793928803, -0.82388778083083425},
                                    {0.32975990217592499, -0.079271020467666098, 1.4367699850875004,
                                     -0.47081943000304105, -0.72059884238886984, 0.39145774021689372}},
                          .late = {-0.47613240361164921, 0.79994613391461056, -0.32381373030296134},
                          .late_mean = {-8.1324672922600261e-05, 0.14361674721369261, -0.10309530802088922}};

// What rack k does beyond ROS2, added to the change of its states; returns how much the bend of leakage adds, K.
static double rack_beyond(const Case *c, const double *j, const double *y, const double *f, int k, double h, double dn,
                          double *more)
{
    const TwRackLanes *p = &c->group.rack[k];
    const double g = gamma_ros2 * h, slope_n = j[(RACKS * RACK_STATES + FLOW) * (SIZE + 1)];
    double v[5], b[5], move[3] = {0}, point[3] = {0}, mean = 0.0;
    static const int states[5] = {CHIP, PLATE, COOLANT, AIR, CLOCK};
    for (int i = 0; i < 5; i++) b[i] = f[at(k * RACK_STATES + states[i], 0)];
    for (int q = 0; q < 6; q++) {
        rack_alone(j, k, g, b, dn, v);
        for (int i = 0; i < 3; i++) move[i] += fits.move[q] * v[i];
        for (int i = 0; i < 3; i++) point[i] += fits.point[i][q] * v[0];
        mean += fits.mean[q] * v[0];
        for (int i = 0; i < 3; i++) b[i] = v[i];
        b[3] = b[4] = 0.0;
        dn /= 1.0 - g * slope_n;
    }
    double bend = 0.0, clock = y[at(k * RACK_STATES + CLOCK, 0)], chip = y[at(k * RACK_STATES + CHIP, 0)];
    for (int i = 0; i < 3; i++) {
        double x = h * point[i] * p->per_leakage_k[0];
        bend += (i == 1 ? 8.0 : 5.0) / 18.0 * (exp(x) - 1.0 - x) / p->per_leakage_k[0];
    }
    double leak = c->in[k].chip_w[0] * p->leakage_fraction[0] * p->per_leakage_k[0] *
                  exp((chip - p->leakage_degc[0]) * p->per_leakage_k[0]) * clock;
    double late[5] = {leak * bend * p->per_chip[0]};
    for (int q = 0; q < 3; q++) {
        memcpy(b, late, sizeof b);
        b[3] = b[4] = 0.0;
        rack_alone(j, k, g, b, 0.0, late);
        for (int i = 0; i < 3; i++) move[i] += fits.late[q] * late[i];
        mean += fits.late_mean[q] * late[0];
    }
    double calm = 1.0 / (1.0 + exp((chip - p->slowdown_degc[0]) * p->per_width_k[0]));
    more[CHIP] = calm * h * move[0];
    more[PLATE] = calm * h * move[1];
    more[COOLANT] = calm * h * move[2];
    // heat: leakage in the mean comes in, all else is given on
    more[MANIFOLD] = p->per_manifold[0] * (calm * h * h * leak * mean - more[CHIP] / p->per_chip[0] -
                                           more[PLATE] / p->per_plate[0] - more[COOLANT] / p->per_coolant[0]);
    more[AIR] = more[CLOCK] = 0.0;
    return bend;
}

// leakage of the second stage: by its slope at the start, and twice its bend
static void bend_leakage(const Case *c, const double *y, const double *stage, const double *bend, double *f)
{
    for (int k = 0; k < RACKS; k++) {
        const TwRackLanes *p = &c->group.rack[k];
        double from = y[at(k * RACK_STATES + CHIP, 0)], to = stage[at(k * RACK_STATES + CHIP, 0)];
        double full = c->in[k].chip_w[0] * p->leakage_fraction[0], per_k = p->per_leakage_k[0];
        double then = full * exp((from - p->leakage_degc[0]) * per_k),
               now = full * exp((to - p->leakage_degc[0]) * per_k);
        double other = then * (1.0 + per_k * (to - from + 2.0 * bend[k])) - now;
        f[at(k * RACK_STATES + CHIP, 0)] += other * stage[at(k * RACK_STATES + CLOCK, 0)] * p->per_chip[0];
    }
}

// The fits against what they stand for, for any z below 0; and no step makes a mode of the rack grow.
static void fits_are_exponentials(void)
{
    for (double s = 1e-3; s < 1e6; s *= 1.1) {
        double w = 1.0 / (1.0 + gamma_ros2 * s), k1 = w,
               k2 = w * (1.0 - 1.0 / gamma_ros2 + (1.0 / gamma_ros2 - 2.0) * w);
        double move = 1.5 * k1 + 0.5 * k2, mean = 0.5 * (gamma_ros2 * k1 + k1 + gamma_ros2 * k2), power = w;
        double phi1 = -expm1(-s) / s, phi2 = s < 1e-2 ? 0.5 - s / 6.0 + s * s / 24.0 : (1.0 - phi1) / s;
        static const double at_point[3] = {0.11270166537925831, 0.5, 0.88729833462074169};
        double point[3] = {0};
        for (int q = 0; q < 6; q++, power *= w) {
            move += fits.move[q] * power;
            mean += fits.mean[q] * power;
            for (int i = 0; i < 3; i++) point[i] += fits.point[i][q] * power;
        }
        CHECK_WITHIN(move, phi1, 4e-4);
        CHECK_WITHIN(mean, phi2, 3e-4);
        for (int i = 0; i < 3; i++) CHECK_WITHIN(point[i], -expm1(-at_point[i] * s) / s, 3e-3);
        CHECK(fabs(1.0 - s * move) < 1.0);
        if (s > 1e4) CHECK_WITHIN(1.0 - s * move, 0.0, 2e-3);
    }
}

// T38: one step by elimination and by dense LU with a differenced Jacobian, random admissible states; both use
// every derivative, so they agree to the error of the differences
static void block_solve_is_dense_solve(void)
{
    Net1 *n = net1_rows(1);
    n->spec.rack_count = RACKS;
    for (int i = 0; i < RACKS; i++) n->racks[i].flow_kg_s = 2.5 + 0.2 * i;
    if (!net1_build(n)) exit(1);
    uint64_t seed = 11;
    static double y[SIZE * LANES], y1[SIZE * LANES], up[SIZE * LANES], f[SIZE * LANES], g[SIZE * LANES];
    static double j[SIZE * SIZE], a[SIZE * SIZE];
    TwRackInput in[RACKS] = {0};
    TwCduInput cdu = {0};
    TwUnitInput unit[3] = {{.live = {0}}};
    Case c = {n->thermal->inner->groups[0], in, &cdu, unit};
    // two CDUs on one manifold, the second fouled and with less flow, and one that is shut
    c.group.units = 3;
    for (int trial = 0; trial < 20; trial++) {
        double h = 0.5 + 9.0 * uniform(&seed), gh = gamma_ros2 * h;
        for (int l = 0; l < LANES; l++) {
            cdu.set_degc[l] = 35.0;
            cdu.speed[l] = 0.6 + 0.4 * uniform(&seed);
            cdu.on[l] = trial % 4 == 3 ? 0.0 : 1.0;
            set_lane(c.group.cdu, &cdu, &unit[0], l);
            unit[1].live[l] = 1.0;
            unit[1].flow[l] = 0.7;
            unit[1].fouled[l] = 1e-6;
            unit[2].flow[l] = 0.5;
            for (int k = 0; k < RACKS; k++) {
                in[k].share[l] = 1.0;
                in[k].sink_w_k[l] = c.group.rack[k].air_sink_w_k[l];
                in[k].chip_w[l] = 115e3 * uniform(&seed);
                in[k].air_w[l] = 17e3;
                double *s = y + at(k * RACK_STATES, l);
                s[CHIP * LANES] = 55.0 + 35.0 * uniform(&seed);
                s[PLATE * LANES] = 45.0 + 8.0 * uniform(&seed);
                s[COOLANT * LANES] = 38.0 + 5.0 * uniform(&seed);
                s[MANIFOLD * LANES] = 42.0 + 6.0 * uniform(&seed);
                s[AIR * LANES] = 40.0 + 6.0 * uniform(&seed);
                s[CLOCK * LANES] = 0.5 + 0.5 * uniform(&seed);
            }
            double *s = y + at(RACKS * RACK_STATES, l);
            s[SUPPLY * LANES] = 33.0 + 4.0 * uniform(&seed);
            s[RETURN * LANES] = 43.0 + 5.0 * uniform(&seed);
            s[VALVE * LANES] = 0.2 + 0.6 * uniform(&seed);
            s[FLOW * LANES] = 0.4 + 0.6 * uniform(&seed);
        }
        memcpy(y1, y, sizeof y);
        TwBoundary boundary = {{30.0, 30.0}, {27.0, 27.0}, {1.0, 1.0}};
        TwLane heat[RACKS] = {{0}};
        TwGroupMeter step;
        tw_group_step(&c.group, y1, in, &cdu, unit, &boundary, h, heat, &step);

        // dense: lane 0 carries the rack; other lanes are ghosts
        rates(&c, y, f);
        for (int q = 0; q < SIZE; q++) {
            double d = 1e-4;
            memcpy(up, y, sizeof y);
            up[at(q, 0)] += d;
            rates(&c, up, g);
            for (int i = 0; i < SIZE; i++) j[i * SIZE + q] = g[at(i, 0)];
            up[at(q, 0)] -= 2.0 * d;
            rates(&c, up, g);
            for (int i = 0; i < SIZE; i++) j[i * SIZE + q] = (j[i * SIZE + q] - g[at(i, 0)]) / (2.0 * d);
        }
        double k1[SIZE], k2[SIZE];
        for (int i = 0; i < SIZE; i++) {
            k1[i] = f[at(i, 0)];
            for (int q = 0; q < SIZE; q++) a[i * SIZE + q] = (i == q) - gh * j[i * SIZE + q];
        }
        dense_solve(a, k1, SIZE);
        double more[SIZE] = {0}, bend[RACKS];
        for (int k = 0; k < RACKS; k++)
            bend[k] = rack_beyond(&c, j, y, f, k, h, k1[RACKS * RACK_STATES + FLOW], more + k * RACK_STATES);
        memcpy(up, y, sizeof y);
        for (int i = 0; i < SIZE; i++) up[at(i, 0)] += h * k1[i];
        rates(&c, up, g);
        bend_leakage(&c, y, up, bend, g);
        for (int i = 0; i < SIZE; i++) {
            k2[i] = g[at(i, 0)] - 2.0 * k1[i];
            for (int q = 0; q < SIZE; q++) a[i * SIZE + q] = (i == q) - gh * j[i * SIZE + q];
        }
        dense_solve(a, k2, SIZE);
        for (int i = 0; i < SIZE; i++) {
            double want = h * (1.5 * k1[i] + 0.5 * k2[i]) + more[i];
            CHECK_WITHIN(y1[at(i, 0)] - y[at(i, 0)], want, 1e-7 * (1.0 + fabs(want)));
        }
    }
    net1_destroy(n);
}

// RR-1 alone: fixed supply, no leakage, no throttle; flow decays with tau from design. Seconds until the chip is hot.
static double time_to(double limit_degc, double supply_degc, double coast_s)
{
    static TwRackLanes rack;
    static TwCduLanes cdu;
    Net1 *n = net1_rows(1);
    n->spec.rack_count = 1;
    n->lumps.leakage_fraction = 0.0;
    n->lumps.throttle_min_fraction = 1.0;
    n->lumps.plate_air_w_k = 0.0;    // the closed case has no path to air
    n->racks[0].flow_kg_s = 161.0 / 60e3 * 1013.2;
    n->cdus[0].fluid_cp_j_kg_k = 3945.5;
    n->cdus[0].coast_s = coast_s;
    if (!net1_build(n)) exit(1);
    TwGroup group = n->thermal->inner->groups[0];
    rack = group.rack[0];
    cdu = *group.cdu;
    for (int l = 0; l < LANES; l++) cdu.per_supply[l] = 0.0;    // supply stands
    group.rack = &rack;
    group.cdu = &cdu;

    static double y[(RACK_STATES + CDU_STATES) * LANES];
    TwRackInput in = {.chip_w = {115e3}};
    TwCduInput cdu_in = {.set_degc = {35.0}};    // on = 0: all pumps are lost
    TwUnitInput unit = {.live = {0}};
    for (int l = 0; l < LANES; l++) {
        set_lane(&cdu, &cdu_in, &unit, l);
        in.share[l] = 1.0;
        in.sink_w_k[l] = rack.air_sink_w_k[l];
    }
    double offset = supply_degc - 35.0, start[] = {68.05, 50.36, 40.36, 45.72, 27.0, 1.0};
    for (int l = 0; l < LANES; l++) {
        for (int s = 0; s < RACK_STATES; s++) y[s * LANES + l] = start[s] + (s < AIR ? offset : 0.0);
        y[(RACK_STATES + SUPPLY) * LANES + l] = supply_degc;
        y[(RACK_STATES + RETURN) * LANES + l] = 45.72 + offset;
        y[(RACK_STATES + VALVE) * LANES + l] = 0.5;
        y[(RACK_STATES + FLOW) * LANES + l] = 1.0;
    }
    TwBoundary boundary = {{30.0, 30.0}, {27.0, 27.0}, {1.0, 1.0}};
    const double h = 0.02;
    double t = 0.0, before = y[0];
    while (y[0] < limit_degc && t < 100.0) {
        TwLane heat = {0};
        TwGroupMeter step;
        before = y[0];
        tw_group_step(&group, y, &in, &cdu_in, &unit, &boundary, h, &heat, &step);
        t += h;
    }
    net1_destroy(n);
    return t - h * (y[0] - limit_degc) / (y[0] - before);
}

// T17
static void coast_down(void)
{
    CHECK_WITHIN(time_to(88.0, 35.0, 3.0), 13.85, 0.1);
    CHECK_WITHIN(time_to(88.0, 35.0, 5.0), 15.97, 0.1);
    CHECK_WITHIN(time_to(88.0, 35.0, 10.0), 21.75, 0.1);
    CHECK_WITHIN(time_to(88.0, 45.0, 3.0), 8.54, 0.1);
}

// halving the step cuts the error of the step response by four at least
static void second_order(void)
{
    double got[3];
    for (int k = 0; k < 3; k++) {
        Net1 *n = net1_rows(1);
        n->spec.step_max_s = 2.0 / (1 << k);
        if (!net1_build(n)) exit(1);
        TwError error = {0};
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 80e3;
        CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 120e3;
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 0.0, 40.0, &n->out, &error));
        got[k] = n->chip_degc[0];
        net1_destroy(n);
    }
    double ratio = (got[0] - got[1]) / (got[1] - got[2]);
    CHECK(ratio > 3.0 && fabs(got[0] - got[1]) < 1e-3);
}

// the bounds that lane_math.h states
static void exponentials(void)
{
    double near = 0.0, bend = 0.0;
    for (int i = 1; i <= 200000; i++) {
        double x = -100.0 + 0.001 * i, y = -2.5 + 2.5e-5 * i;
        near = fmax(near, fabs(lane_exp_near(x) / exp(x) - 1.0));
        // below 0.1 the difference is lost in rounding: its series
        double exact =
            fabs(y) > 0.1
                ? expm1(y) - y
                : y * y / 2.0 * (1.0 + y / 3.0 * (1.0 + y / 4.0 * (1.0 + y / 5.0 * (1.0 + y / 6.0 * (1.0 + y / 7.0)))));
        if (exact != 0.0) bend = fmax(bend, fabs(lane_exp_bend(y) / exact - 1.0));
    }
    CHECK(near < 3e-14);
    CHECK(bend < 1.3e-9);
    CHECK(lane_exp_near(-50.0) > 0.0);
}

// Leakage so steep that chips run away between two of its bounds, within what a facility file may say: the hottest that
// a chip gets.
static double extreme(double fraction, double scale_k, double low_w, double high_w, double length_s, bool cvode)
{
    Net1 *n = net1_rows(1);
    TwError error = {0};
    n->lumps.leakage_fraction = fraction;
    n->lumps.leakage_scale_k = scale_k;
    n->spec.cvode = cvode;
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = low_w;
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    double most = 0.0;
    for (int w = 0; w < 40; w++) {
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = w / 10 % 2 ? high_w : low_w;
        if (!tw_thermal_advance(n->thermal, n->block, &n->in, length_s * w, length_s * (w + 1), &n->out, &error)) {
            most = INFINITY;
            break;
        }
        most = fmax(most, n->chip_degc[0]);
    }
    net1_destroy(n);
    return most;
}

// at steps of a second what CVODE finds, at those of 5 s bounded: they diverged
static void runaway(void)
{
    static const double cases[][3] = {{0.3, 10.0, 20e3}, {0.5, 10.0, 20e3}, {0.5, 15.0, 60e3}, {0.9, 15.0, 80e3}};
    for (int i = 0; i < TW_COUNT(cases); i++) {
        const double *c = cases[i];
        CHECK_WITHIN(extreme(c[0], c[1], c[2], 130e3, 1.0, false), extreme(c[0], c[1], c[2], 130e3, 1.0, true), 5.0);
        CHECK(extreme(c[0], c[1], c[2], 130e3, 5.0, false) < 200.0);
    }
}

int main(void)
{
    exponentials();
    fits_are_exponentials();
    block_solve_is_dense_solve();
    coast_down();
    second_order();
    runaway();
    return check_failures != 0;
}
