// A group of eight loops with their CDUs and racks: rates, and one linearly implicit step (ROS2) with the arrow solve.
//
//     (I - g J) k1 = f(y0);  (I - g J) k2 = f(y0 + h k1) - 2 k1;  y1 = y0 + h (1.5 k1 + 0.5 k2);  g = (1 - 1/sqrt 2) h
//
// Verwer, Spee, Blom, Hundsdorfer, SIAM J. Sci. Comput. 20 (1999): two stages, one factorisation, second order for
// any J. Chip, plate and coolant of a rack are as fast as a step is long: there the step's error is taken out in closed
// form. With D = (I - g J)^-1 of those three alone and c fitted once for all (below),
//     exact move of the linear rack  h phi1(hJ) f = h sum c_j D^j f,   its mean over the step  h phi2(hJ) f  alike,
// from the factors at hand. Leakage, convex in temperature, is read at the three Gauss points of that move; what it
// does beyond its slope enters the second stage. What the fits change is booked as leakage and given on to the
// manifold, so that heat closes as before. Elimination: throttle into chip; chip, air and coolant into plate; manifold
// from coolant; the racks' sum into return; control and return into supply; then back. Meters use the same derivatives
// as J, so heat closes to rounding. Loops over lanes become vectors only where roots and comparisons may be computed
// for lanes that then drop them, hence -fno-math-errno and -fno-trapping-math for this file (CMakeLists.txt); no result
// depends on it.
#include "models/thermal/controller.h"
#include "models/thermal/lane_math.h"
#include "models/thermal/network.h"

#include <math.h>

// one compiled version a vector width; lane arithmetic makes them give the same bytes
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDTHS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDTHS
#endif
#if defined(__clang__)
#define LANE_LOOP
#else
#define LANE_LOOP _Pragma("GCC ivdep")
#endif
#define INLINE static inline __attribute__((always_inline))

static const double gamma_ros2 = 0.29289321881345254;    // 1 - 1/sqrt(2)

// phi1(z) = (e^z - 1)/z as sum of c_j/(1 - gamma z)^j less what ROS2 makes of it, j = 1 to 6: least squares on z from
// -14 to 0 with both orders kept and no memory of z -> -infinity; within 4e-4 for any z < 0
// (tests/thermal/test_block.c)
enum { POWERS = 6, RESPONSES = 3, POINTS = 3 };
static const double move_fit[POWERS] = {
    0.0, -0.35517495728965376, -0.39866606034595692, 2.9468607758083936, -3.2770235414202951, 1.0840037832475127};
// phi2(z) = (phi1(z) - 1)/z, the mean of a move, less that of ROS2
static const double mean_fit[POWERS] = {0.01066453394239486,  -0.12955070974763236, 0.68350266078621691,
                                        -0.97458575275877513, 0.50161487989515507,  -0.091645612117359096};
// the move up to a Gauss point u: u phi1(u z)
static const double point_fit[POINTS][POWERS] = {{0.38418784484606189, -0.51459698485907723, 0.061930847492804725,
                                                  0.64535894098274338, -0.68453481606364408, 0.22035583298037006},
                                                 {0.2918193255632327, 0.16692698905565923, 1.6309160676335586,
                                                  -3.6805548808144968, 2.9147802793928803, -0.82388778083083425},
                                                 {0.32975990217592499, -0.079271020467666098, 1.4367699850875004,
                                                  -0.47081943000304105, -0.72059884238886984, 0.39145774021689372}};
static const double point_share[POINTS] = {5.0 / 18.0, 8.0 / 18.0, 5.0 / 18.0};
// what a heat that grows along the step does until its end, 2 phi2(z), and in the mean, 2 phi3(z), less that of ROS2
static const double late_fit[RESPONSES] = {-0.47613240361164921, 0.79994613391461056, -0.32381373030296134};
static const double late_mean_fit[RESPONSES] = {-8.1324672922600261e-05, 0.14361674721369261, -0.10309530802088922};

// Factors of one place, the unknowns eliminated into a + B dTs, and the first stage.
typedef struct Place {
    TwLane chip_d, chip_b, air_d, air_b, cool_d, cool_p, cool_s, plate_d, plate_b, cool_b, man_d, man_b;
    TwLane clock_d, clock_s, leak_w_k, leak_full_w_k, full_w, flow_cool, flow_plate, flow_man, film_w_k, calm;
    TwLane rate_w_k, each_w_k, per_lam;    // m cp now, and at n = 1; share of mean in outlet
    TwLane gm_out;                         // manifold from coolant: g m/(Cm lam)
    TwLane a[RACK_STATES];
} Place;

// What a group's step need not look at: moving, some pump is not at its speed (pumps of air-cooled racks count as
// such); odd, some rack has a rear door or throttles on and off.
typedef struct Kind {
    bool moving, odd;
} Kind;

// CDU side of a group at one stage.
typedef struct Cdu {
    TwLane e, e1, e2, slope, flow_rate_slope, pump_slope;
    TwLane by_control, by_flow, signal, rate_w_k;    // with e: sums over the CDUs of each loop
    TwLane sum_a, sum_b, sum_c;                      // over racks: m a_m, m B_m, c Tm
    TwLane d[CDU_STATES];                            // solution of the stage
} Cdu;

INLINE double exp_bound(double x, double bound) { return lane_exp_near(lane_least(lane_most(x, -bound), bound)); }
INLINE double exp_far(double x, double bound) { return lane_exp(lane_least(lane_most(x, -bound), bound)); }

INLINE TwExchange exchange(const TwCduLanes *p, const TwCduInput *in, const TwUnitInput *unit, int l, double supply,
                           double integral, double flow, double primary)
{
    TwExchange x;
    double u = in->kp[l] * (supply - in->set_degc[l]) + in->push[l] + integral;
    double y = tw_saturate(u, p->valve_min[l], &x.slope);
    x.signal = y;
    x.signal_slope = x.slope;
    y = lane_least(lane_most(y + unit->offset[l], p->valve_min[l]), 1.0);
    int64_t stuck = unit->stuck[l] > 0.0;
    y = lane_pick(stuck, unit->held[l], y);
    x.slope = lane_pick(stuck, 0.0, x.slope);
    x.opening = y;

    // installed characteristic and its slope
    double k = lane_exp(p->log_rangeability[l] * (y - 1.0));
    double root2 = k * k * (1.0 - p->authority[l]) + p->authority[l];
    double root = sqrt(root2);
    double linear = p->valve_linear[l];
    double phi = linear * y + (1.0 - linear) * k / root;
    double phi_slope = linear + (1.0 - linear) * p->log_rangeability[l] * k * p->authority[l] / (root2 * root);

    // films and conductance; a trickle keeps logarithms finite when a pump stands
    double s1 = lane_most(phi * primary, 1e-6), s2 = lane_most(flow * unit->flow[l], 1e-6);
    double film1 = p->resistance1[l] * exp_far(-p->film_exponent[l] * lane_log(s1), 600.0);
    double film2 = p->resistance2[l] * exp_far(-p->film_exponent[l] * lane_log(s2), 600.0);
    double ua = 1.0 / (film1 + film2 + p->fouling[l] + unit->fouled[l]);
    double i1 = 1.0 / (s1 * p->plant_rate_w_k[l]), i2 = 1.0 / (s2 * (p->rate_w_k[l] * p->per_unit[l]));

    // E is symmetric: write it with the larger reciprocal first, so that the exponential never overflows
    int64_t first = i1 > i2;
    double ia = lane_pick(first, i1, i2), ib = lane_pick(first, i2, i1);
    double gap = ua * (ia - ib);
    double decay = lane_exp(lane_most(-gap, -700.0));
    double d = 1.0 / lane_most(ia - decay * ib, 1e-300);
    double balanced = 1.0 / (1.0 + 0.5 * ua * (ia + ib));
    int64_t near = gap < 1e-4;
    double e = (1.0 - decay) * d;
    double by_decay = -d + e * d * ib;
    double by_ua = -by_decay * decay * (ia - ib);
    double by_ia = -by_decay * decay * ua - e * d;
    double by_ib = by_decay * decay * ua + e * d * decay;
    e = lane_pick(near, ua * balanced, e);
    by_ua = lane_pick(near, balanced * balanced, by_ua);
    by_ia = lane_pick(near, -0.5 * ua * ua * balanced * balanced, by_ia);
    by_ib = lane_pick(near, by_ia, by_ib);
    double by_i1 = lane_pick(first, by_ia, by_ib), by_i2 = lane_pick(first, by_ib, by_ia);

    double ua2n = ua * ua * p->film_exponent[l];
    double by_s1 = by_ua * ua2n * film1 / s1 - by_i1 * i1 / s1;
    double by_s2 = by_ua * ua2n * film2 / s2 - by_i2 * i2 / s2;
    x.e_w_k = unit->live[l] * e;
    x.by_control = unit->live[l] * by_s1 * primary * phi_slope * x.slope;
    x.by_flow = unit->live[l] * by_s2 * unit->flow[l];
    x.rate_w_k = unit->live[l] * phi * p->plant_rate_w_k[l];
    x.opening *= unit->live[l];
    return x;
}

TwExchange tw_unit_exchange(const TwCduLanes *cdu, const TwCduInput *in, const TwUnitInput *unit, int lane,
                            double supply_degc, double integral, double flow, double primary)
{
    return exchange(cdu, in, unit, lane, supply_degc, integral, flow, primary);
}

TwExchange tw_loop_exchange(const TwGroup *group, const TwCduInput *in, const TwUnitInput *unit, int lane,
                            double supply_degc, double integral, double flow, double primary)
{
    TwExchange sum = exchange(group->cdu, in, unit, lane, supply_degc, integral, flow, primary);
    for (int u = 1; u < group->units; u++) {
        TwExchange x = exchange(group->cdu, in, &unit[u], lane, supply_degc, integral, flow, primary);
        sum.e_w_k += x.e_w_k, sum.by_control += x.by_control, sum.by_flow += x.by_flow, sum.rate_w_k += x.rate_w_k;
    }
    return sum;
}

// share of mean in outlet, reciprocal: 2 at working flow, 1 without
INLINE double reciprocal_lam(double n)
{
    double lam = lane_most(1.0 - 2.0 * lane_most(n, 0.0), 0.5);
    return 1.0 / lam;
}

// What a rack has from its flow alone.
typedef struct RackFlow {
    double rate_w_k, per_lam, film_w_k, film_slope;
} RackFlow;

INLINE RackFlow rack_flow(const TwRackLanes *p, const TwRackInput *in, int l, double speed)
{
    double share = in->share[l], n = speed * share;
    // film against flow, with its floor
    double a = p->film_fraction[l];
    double thin = 1.0 / (a + (1.0 - a) * n);
    double film = p->film_w_k[l] * n * thin;
    double film_slope = p->film_w_k[l] * a * thin * thin, least = p->film_min_w_k[l];
    return (RackFlow){p->rate_w_k[l] * n, reciprocal_lam(n), film > least ? film : least,
                      film > least ? film_slope * share : 0.0};
}

// Rates of a rack in lane l, and what its derivatives need.
typedef struct RackNow {
    double f[RACK_STATES];
    double outlet, full_w, leak_w_k, leak_full_w_k, clock_slope, chip_w, sink_k;
    double cool;    // 1 far below the slowdown, 0 above
} RackNow;

INLINE RackNow rack_now(const TwRackLanes *p, const TwRackInput *in, int l, bool odd, double chip, double plate,
                        double coolant, double manifold, double air, double clock, double inlet, double sink,
                        RackFlow flow, const double *known_w)
{
    RackNow r;
    double hot = exp_bound((chip - p->slowdown_degc[l]) * p->per_width_k[l], 50.0);
    double steps = odd ? p->hysteresis[l] : 0.0, fast = 1.0 / (1.0 + hot);
    double cool = odd ? (1.0 - steps) * fast + steps * (1.0 - in->slowed[l]) : fast;
    r.cool = cool;
    if (known_w) {
        r.full_w = *known_w;
        r.leak_full_w_k = 0.0;
    } else {
        double x = (chip - p->leakage_degc[l]) * p->per_leakage_k[l], leak = exp_bound(x, LEAKAGE_BOUND);
        double grows = in->chip_w[l] * (p->leakage_fraction[l] * leak);
        r.full_w = in->chip_w[l] * p->steady_fraction[l] + grows;
        // held: no slope
        r.leak_full_w_k = lane_pick(x < LEAKAGE_BOUND, grows * p->per_leakage_k[l], 0.0);
    }
    r.chip_w = r.full_w * clock;
    r.leak_w_k = clock * r.leak_full_w_k;
    r.clock_slope = -(1.0 - steps) * (1.0 - p->clock_min[l]) * hot * fast * fast * p->per_width_k[l];

    r.outlet = inlet + (coolant - inlet) * flow.per_lam;
    r.sink_k = air - sink;
    double q_chip = p->chip_plate_w_k[l] * (chip - plate), q_film = flow.film_w_k * (plate - coolant);
    double q_air = p->plate_air_w_k[l] * (plate - air);
    r.f[CHIP] = (r.chip_w - q_chip) * p->per_chip[l];
    r.f[PLATE] = (q_chip - q_film - q_air) * p->per_plate[l];
    r.f[COOLANT] = (flow.rate_w_k * (inlet - r.outlet) + q_film) * p->per_coolant[l];
    r.f[MANIFOLD] = flow.rate_w_k * (r.outlet - manifold) * p->per_manifold[l];
    r.f[AIR] = (in->air_w[l] + q_air - in->sink_w_k[l] * r.sink_k) * p->per_air[l];
    r.f[CLOCK] = (p->clock_min[l] + (1.0 - p->clock_min[l]) * cool - clock) * p->per_throttle_s[l];
    return r;
}

INLINE double flow_rate(const TwCduLanes *p, const TwCduInput *in, int l, double n, double *slope)
{
    double on = in->on[l], off = 1.0 - on;
    *slope = -on * n * p->per_pump_s[l] - off * p->per_coast_s[l];
    return 0.5 * on * (in->speed[l] * in->speed[l] - n * n) * p->per_pump_s[l] - off * n * p->per_coast_s[l];
}

// everything the racks' elimination needs, at the first stage
INLINE void factor(const TwRackLanes *p, const TwRackInput *in, const RackNow *r, RackFlow flow, Place *w, int l,
                   double g, bool moving, double plate, double coolant, double manifold, double inlet)
{
    double per_lam = flow.per_lam;
    double gcp = p->chip_plate_w_k[l], gpa = p->plate_air_w_k[l], m = flow.rate_w_k, film = flow.film_w_k;
    double q = 1.0 / (1.0 + g * p->per_throttle_s[l]);
    double s = g * r->clock_slope * p->per_throttle_s[l];
    w->clock_d[l] = q;
    w->clock_s[l] = s;
    w->full_w[l] = r->full_w;
    // no slope by which a chip would run away within a step: the factors would change their sign
    double steepest = 0.5 / g * p->chip_j_k[l], leak_w_k = lane_least(r->leak_w_k, steepest);
    w->leak_w_k[l] = leak_w_k;
    w->leak_full_w_k[l] = lane_least(r->leak_full_w_k, steepest);
    w->film_w_k[l] = film;
    w->calm[l] = r->cool;

    double chip_d = 1.0 / (1.0 - g * p->per_chip[l] * (leak_w_k - gcp + r->full_w * s * q));
    double chip_b = g * gcp * p->per_chip[l] * chip_d;
    double air_d = 1.0 / (1.0 + g * p->per_air[l] * (gpa + in->sink_w_k[l]));
    double air_b = g * gpa * p->per_air[l] * air_d;
    double cool_d = 1.0 / (1.0 + g * p->per_coolant[l] * (m * per_lam + film));
    double cool_p = g * film * p->per_coolant[l] * cool_d, cool_s = g * m * per_lam * p->per_coolant[l] * cool_d;
    double plate_d =
        1.0 / (1.0 + g * p->per_plate[l] * (gcp * (1.0 - chip_b) + film * (1.0 - cool_p) + gpa * (1.0 - air_b)));
    double plate_b = g * p->per_plate[l] * film * cool_s * plate_d;
    double gm = g * m * p->per_manifold[l], man_d = 1.0 / (1.0 + gm);
    double cool_b = cool_s + cool_p * plate_b;
    w->chip_d[l] = chip_d;
    w->chip_b[l] = chip_b;
    w->air_d[l] = air_d;
    w->air_b[l] = air_b;
    w->cool_d[l] = cool_d;
    w->cool_p[l] = cool_p;
    w->cool_s[l] = cool_s;
    w->plate_d[l] = plate_d;
    w->plate_b[l] = plate_b;
    w->cool_b[l] = cool_b;
    w->man_d[l] = man_d;
    w->man_b[l] = gm * (cool_b * per_lam + 1.0 - per_lam) * man_d;
    w->gm_out[l] = gm * per_lam;

    // how the pump's speed drives the column
    double c = p->rate_w_k[l] * in->share[l], film_n = flow.film_slope * (plate - coolant);
    w->rate_w_k[l] = m, w->each_w_k[l] = c, w->per_lam[l] = per_lam;
    if (!moving) return;
    w->flow_cool[l] = (c * (inlet - coolant) * per_lam + film_n) * p->per_coolant[l];
    w->flow_plate[l] = -film_n * p->per_plate[l];
    w->flow_man[l] = c * (r->outlet - manifold) * p->per_manifold[l];
}

// forward elimination of right-hand side b, pump's change dn known
INLINE void forward(const TwRackLanes *p, Place *w, int l, double g, bool moving, const double *b, double dn)
{
    double a_chip = (b[CHIP] + g * w->full_w[l] * w->clock_d[l] * b[CLOCK] * p->per_chip[l]) * w->chip_d[l];
    double a_air = b[AIR] * w->air_d[l];
    double b_cool = b[COOLANT], b_plate = b[PLATE], b_man = b[MANIFOLD];
    if (moving) {
        b_cool += g * w->flow_cool[l] * dn;
        b_plate += g * w->flow_plate[l] * dn;
        b_man += g * w->flow_man[l] * dn;
    }
    double r_cool = b_cool * w->cool_d[l];
    double pull = p->chip_plate_w_k[l] * a_chip + w->film_w_k[l] * r_cool + p->plate_air_w_k[l] * a_air;
    double a_plate = (b_plate + g * p->per_plate[l] * pull) * w->plate_d[l];
    double a_cool = r_cool + w->cool_p[l] * a_plate;
    w->a[CHIP][l] = a_chip;
    w->a[AIR][l] = a_air;
    w->a[PLATE][l] = a_plate;
    w->a[COOLANT][l] = a_cool;
    w->a[MANIFOLD][l] = (b_man + w->gm_out[l] * a_cool) * w->man_d[l];
    w->a[CLOCK][l] = w->clock_d[l] * b[CLOCK];
}

// back substitution with the supply's change; d is the stage's solution
INLINE void backward(const Place *w, int l, double supply, double *d)
{
    double plate = w->a[PLATE][l] + w->plate_b[l] * supply;
    double chip = w->a[CHIP][l] + w->chip_b[l] * plate;
    d[PLATE] = plate;
    d[CHIP] = chip;
    d[AIR] = w->a[AIR][l] + w->air_b[l] * plate;
    d[COOLANT] = w->a[COOLANT][l] + w->cool_b[l] * supply;
    d[MANIFOLD] = w->a[MANIFOLD][l] + w->man_b[l] * supply;
    d[CLOCK] = w->a[CLOCK][l] + w->clock_d[l] * w->clock_s[l] * chip;
}

// Chip, plate and coolant of a rack; K/s.
typedef struct Three {
    double chip, plate, cool;
} Three;

// D for a rack alone: its supply stands, the pump's speed changes.
typedef struct Alone {
    double chip_d, chip_b, cool_d, cool_p, plate_d;
    double pull_chip, pull_cool;       // of chip and coolant on the plate
    double drive_cool, drive_plate;    // of the pump's speed
} Alone;

INLINE Three once_more(Alone c, Three v)
{
    double plate = c.plate_d * v.plate + (c.pull_chip * v.chip + c.pull_cool * v.cool);
    return (Three){c.chip_d * v.chip + c.chip_b * plate, plate, c.cool_d * v.cool + c.cool_p * plate};
}

INLINE Three driven(Alone c, Three v, double dn)
{
    double plate = c.plate_d * v.plate + (c.pull_chip * v.chip + c.pull_cool * v.cool) + c.drive_plate * dn;
    return (Three){c.chip_d * v.chip + c.chip_b * plate, plate,
                   c.cool_d * v.cool + c.cool_p * plate + c.drive_cool * dn};
}

// What the linear rack does in a step of length h beyond ROS2, in K/s, and leakage: K above its slope in the mean, by
// its bend and by the mean of the move.
typedef struct Beyond {
    Three move;
    double bend_k, mean_k;
} Beyond;

INLINE Beyond beyond(const TwRackLanes *p, const Place *w, int l, double g, double h, bool moving, const TwLane *dn)
{
    double by_plate = g * p->per_plate[l] * w->plate_d[l];
    Alone c = {w->chip_d[l],
               w->chip_b[l],
               w->cool_d[l],
               w->cool_p[l],
               w->plate_d[l],
               by_plate * p->chip_plate_w_k[l],
               by_plate * w->film_w_k[l],
               0.0,
               0.0};
    c.pull_chip *= c.chip_d;
    c.pull_cool *= c.cool_d;
    if (moving) {
        c.drive_cool = g * w->flow_cool[l];
        c.drive_plate = g * w->flow_plate[l] * c.plate_d + c.pull_cool * c.drive_cool;
        c.drive_cool *= c.cool_d;
    }
    double plate = w->a[PLATE][l];
    Three v = {w->a[CHIP][l] + w->chip_b[l] * plate, plate, w->a[COOLANT][l]}, sum = {0.0, 0.0, 0.0};
    double mean = mean_fit[0] * v.chip, point[POINTS];
    point[0] = point_fit[0][0] * v.chip;
    point[1] = point_fit[1][0] * v.chip;
    point[2] = point_fit[2][0] * v.chip;
#define AGAIN(j)                                                                                                       \
    v = moving ? driven(c, v, dn[j][l]) : once_more(c, v);                                                             \
    sum.chip += move_fit[j] * v.chip;                                                                                  \
    sum.plate += move_fit[j] * v.plate;                                                                                \
    sum.cool += move_fit[j] * v.cool;                                                                                  \
    mean += mean_fit[j] * v.chip;                                                                                      \
    point[0] += point_fit[0][j] * v.chip;                                                                              \
    point[1] += point_fit[1][j] * v.chip;                                                                              \
    point[2] += point_fit[2][j] * v.chip;
    AGAIN(1)
    AGAIN(2)
    AGAIN(3)
    AGAIN(4)
    AGAIN(5)
#undef AGAIN

    // e^x - 1 - x of the moves over the leakage's scale
    double per_k = h * p->per_leakage_k[l], bend = 0.0;
#define POINT(i)                                                                                                       \
    bend += point_share[i] * lane_exp_bend(lane_least(lane_most(per_k * point[i], -LEAKAGE_BOUND), LEAKAGE_BOUND));
    POINT(0)
    POINT(1)
    POINT(2)
#undef POINT
    Beyond b = {.bend_k = bend / lane_most(p->per_leakage_k[l], 1e-12)};

    // the bend's heat comes late in the step
    Three late = {w->leak_w_k[l] * b.bend_k * p->per_chip[l], 0.0, 0.0};
#define AGAIN(j)                                                                                                       \
    late = once_more(c, late);                                                                                         \
    sum.chip += late_fit[j] * late.chip;                                                                               \
    sum.plate += late_fit[j] * late.plate;                                                                             \
    sum.cool += late_fit[j] * late.cool;                                                                               \
    mean += late_mean_fit[j] * late.chip;
    AGAIN(0)
    AGAIN(1)
    AGAIN(2)
#undef AGAIN
    // where clocks fall the rack is not linear
    b.move = (Three){w->calm[l] * sum.chip, w->calm[l] * sum.plate, w->calm[l] * sum.cool};
    b.mean_k = w->calm[l] * h * mean;
    return b;
}

// Control, return and supply of a lane: the last unknowns. b: right-hand side; base: state at which J stands.
INLINE void solve_cdu(const TwCduLanes *p, const TwCduInput *in, Cdu *c, int l, double g, const double *b,
                      const double base[CDU_STATES])
{
    double n = base[FLOW], cap = in->rate_w_k[l], mc = cap * n, kp = in->kp[l];
    double drop = 1.0 - c->slope[l], dn = c->d[FLOW][l];
    double return_d = 1.0 / (1.0 + g * mc * p->per_return[l]);
    double a_return =
        (b[RETURN] + g * p->per_return[l] * (c->sum_a[l] + (c->sum_c[l] - cap * base[RETURN]) * dn)) * return_d;
    double b_return = g * c->sum_b[l] * return_d * p->per_return[l];
    double valve_d = 1.0 / (1.0 + g * drop * p->per_taw[l]);
    double a_valve = b[VALVE] * valve_d, b_valve = g * kp * (p->per_ti[l] - drop * p->per_taw[l]) * valve_d;
    double by_flow = cap * (base[RETURN] - base[SUPPLY]) - c->e2[l] + c->pump_slope[l];
    double e = c->e[l], e1 = c->e1[l], cs = g * p->per_supply[l];
    double top = b[SUPPLY] + cs * ((mc - e) * a_return - e1 * a_valve + by_flow * dn);
    double supply = top / (1.0 + cs * (mc + e1 * (kp + b_valve) - (mc - e) * b_return));
    c->d[SUPPLY][l] = supply;
    c->d[RETURN][l] = a_return + b_return * supply;
    c->d[VALVE][l] = a_valve + b_valve * supply;
}

// rates of the CDU's states at a stage; sum_mt is sum of m Tm over its racks
typedef struct CduRate {
    double f[CDU_STATES], exchanger_w, pump_w;
} CduRate;

INLINE CduRate cdu_rate(const TwCduLanes *p, const TwCduInput *in, int l, double e_w_k, double signal, double supply,
                        double ret, double integral, double n, double sum_ct, double plant)
{
    CduRate r;
    double slope, mc = in->rate_w_k[l] * n, kp = in->kp[l];
    r.exchanger_w = e_w_k * (ret - plant);
    r.pump_w = in->on[l] * in->pump[l] * p->pump_w[l] * n * n * n;
    double error = kp * (supply - in->set_degc[l]) + in->push[l], u = error + integral;
    r.f[SUPPLY] = (mc * (ret - supply) - r.exchanger_w + r.pump_w) * p->per_supply[l];
    r.f[RETURN] = n * (sum_ct - in->rate_w_k[l] * ret) * p->per_return[l];
    r.f[VALVE] = error * p->per_ti[l] - (u - signal) * p->per_taw[l];
    r.f[FLOW] = flow_rate(p, in, l, n, &slope);
    return r;
}

// the CDUs of each loop added up, at one stage
INLINE void exchange_all(const TwGroup *group, const TwCduInput *in, const TwUnitInput *unit, Cdu *c,
                         const double *restrict supply, const double *restrict integral, const double *restrict flow,
                         double primary)
{
    const TwCduLanes *p = group->cdu;
    for (int u = 0; u < group->units; u++) {
        double add = u > 0 ? 1.0 : 0.0;
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            TwExchange x = exchange(p, in, &unit[u], l, supply[l], integral[l], flow[l], primary);
            c->e[l] = add * c->e[l] + x.e_w_k;
            c->by_control[l] = add * c->by_control[l] + x.by_control;
            c->by_flow[l] = add * c->by_flow[l] + x.by_flow;
            c->rate_w_k[l] = add * c->rate_w_k[l] + x.rate_w_k;
            c->signal[l] = x.signal;
            c->slope[l] = x.signal_slope;
        }
    }
}

// written out, because a loop inside a loop over lanes keeps it from becoming vectors
#define EACH_RACK_STATE(DO) DO(CHIP) DO(PLATE) DO(COOLANT) DO(MANIFOLD) DO(AIR) DO(CLOCK)
#define EACH_CDU_STATE(DO)  DO(SUPPLY) DO(RETURN) DO(VALVE) DO(FLOW)

#define Y(k, s) y[((size_t)(k)*RACK_STATES + (size_t)(s)) * LANES + (size_t)l]
#define YC(s)   yc[(size_t)(s)*LANES + (size_t)l]

INLINE void group_step(const TwGroup *group, double *restrict y, const TwRackInput *restrict in,
                       const TwCduInput *restrict cdu_in, const TwUnitInput *restrict unit, const TwBoundary *boundary,
                       double h, TwLane *restrict chip_j, TwGroupMeter *restrict step, const Kind kind)
{
    const int racks = group->racks;
    const TwCduLanes *restrict cp = group->cdu;
    double *restrict yc = y + (size_t)racks * RACK_STATES * LANES;
    const double breath = kind.moving && group->air ? 1.0 : 0.0,
                 live = 1.0 - breath;    // racks that breathe room air have no CDU
    const double g = gamma_ros2 * h;
    const double room0 = boundary->room_degc[0], room1 = boundary->room_degc[1];
    const double plant0 = boundary->plant_degc[0], plant1 = boundary->plant_degc[1];
    Place place[racks];
    Cdu c = {.rate_w_k = {0.0}};
    TwLane base[CDU_STATES], k1c[CDU_STATES], in0, dn, door1, room_out1, hx1, pump1, rate1;

    // pump speed drives everything below it and is driven by nothing
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
#define KEEP(s) base[s][l] = YC(s);
        EACH_CDU_STATE(KEEP)
#undef KEEP
        double slope, f = flow_rate(cp, cdu_in, l, base[FLOW][l], &slope);
        c.flow_rate_slope[l] = 1.0 / (1.0 - g * slope);
        dn[l] = kind.moving ? f * c.flow_rate_slope[l] : 0.0;
        c.d[FLOW][l] = dn[l];
        in0[l] = breath * room0 + live * base[SUPPLY][l];
        c.sum_a[l] = c.sum_b[l] = c.sum_c[l] = 0.0;
    }

    // stage 1: rates, factors, elimination up to the CDU
    for (int k = 0; k < racks; k++) {
        const TwRackLanes *restrict p = &group->rack[k];
        const TwRackInput *restrict pin = &in[k];
        Place *restrict w = &place[k];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            double sink = kind.odd ? room0 + p->door[l] * (plant0 - room0) : room0;
            RackFlow flow = rack_flow(p, pin, l, base[FLOW][l]);
            RackNow r = rack_now(p, pin, l, kind.odd, Y(k, CHIP), Y(k, PLATE), Y(k, COOLANT), Y(k, MANIFOLD), Y(k, AIR),
                                 Y(k, CLOCK), in0[l], sink, flow, NULL);
            factor(p, pin, &r, flow, w, l, g, kind.moving, Y(k, PLATE), Y(k, COOLANT), Y(k, MANIFOLD), in0[l]);
            forward(p, w, l, g, kind.moving, r.f, dn[l]);
            c.sum_a[l] += flow.rate_w_k * w->a[MANIFOLD][l];
            c.sum_b[l] += flow.rate_w_k * w->man_b[l];
            c.sum_c[l] += w->each_w_k[l] * Y(k, MANIFOLD);
        }
    }
    exchange_all(group, cdu_in, unit, &c, base[SUPPLY], base[VALVE], base[FLOW], boundary->primary[0]);
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        CduRate r = cdu_rate(cp, cdu_in, l, c.e[l], c.signal[l], base[SUPPLY][l], base[RETURN][l], base[VALVE][l],
                             base[FLOW][l], c.sum_c[l], plant0);
        double across = base[RETURN][l] - plant0;
        c.e1[l] = c.by_control[l] * across;
        c.e2[l] = c.by_flow[l] * across;
        c.pump_slope[l] = 3.0 * cdu_in->on[l] * cdu_in->pump[l] * cp->pump_w[l] * base[FLOW][l] * base[FLOW][l];
        rate1[l] = c.rate_w_k[l];
        double at[CDU_STATES] = {base[SUPPLY][l], base[RETURN][l], base[VALVE][l], base[FLOW][l]};
        solve_cdu(cp, cdu_in, &c, l, g, r.f, at);
        c.d[SUPPLY][l] *= live;
        c.d[RETURN][l] *= live;
        c.d[VALVE][l] *= live;
        hx1[l] = r.exchanger_w + g * (c.e1[l] * (cdu_in->kp[l] * c.d[SUPPLY][l] + c.d[VALVE][l]) +
                                      c.e[l] * c.d[RETURN][l] + c.e2[l] * dn[l]);
        pump1[l] = r.pump_w + g * c.pump_slope[l] * dn[l];
#define KEEP(s) k1c[s][l] = c.d[s][l];
        EACH_CDU_STATE(KEEP)
#undef KEEP
        door1[l] = room_out1[l] = 0.0;
    }

    // back substitution of stage 1, rates of stage 2 at y + h k1, elimination again
    TwLane n2, in2, sum_a2, sum_c2, dn2, dn_again[POWERS];
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        double slope, n = base[FLOW][l] + h * k1c[FLOW][l];
        n2[l] = n;
        in2[l] = breath * room1 + live * (base[SUPPLY][l] + h * k1c[SUPPLY][l]);
        dn2[l] = kind.moving ? (flow_rate(cp, cdu_in, l, n, &slope) - 2.0 * k1c[FLOW][l]) * c.flow_rate_slope[l] : 0.0;
        sum_a2[l] = sum_c2[l] = 0.0;
        dn_again[0][l] = dn[l];
#define AGAIN(j) dn_again[j][l] = dn_again[j - 1][l] * c.flow_rate_slope[l];
        AGAIN(1) AGAIN(2) AGAIN(3) AGAIN(4) AGAIN(5)
#undef AGAIN
    }
    TwLane door2, room_out2;
    for (int l = 0; l < LANES; l++) door2[l] = room_out2[l] = 0.0;
    for (int k = 0; k < racks; k++) {
        const TwRackLanes *restrict p = &group->rack[k];
        const TwRackInput *restrict pin = &in[k];
        Place *restrict w = &place[k];
        TwLane *restrict heat = &chip_j[k];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            double d[RACK_STATES], b[RACK_STATES];
            backward(w, l, k1c[SUPPLY][l], d);

            // meters of stage 1, with the derivatives of J
            double sink0 = kind.odd ? room0 + p->door[l] * (plant0 - room0) : room0;
            double to_air = pin->sink_w_k[l] * (Y(k, AIR) - sink0) + g * pin->sink_w_k[l] * d[AIR];
            double e_chip = w->full_w[l] * Y(k, CLOCK) + g * (w->full_w[l] * d[CLOCK] + w->leak_w_k[l] * d[CHIP]);
            double m0 = w->rate_w_k[l];
            if (kind.odd) door1[l] += p->door[l] * to_air;
            room_out1[l] += kind.odd ? (1.0 - p->door[l]) * to_air : to_air;
            if (kind.moving)
                room_out1[l] += breath * (m0 * (Y(k, MANIFOLD) - in0[l]) +
                                          g * (m0 * d[MANIFOLD] + w->each_w_k[l] * (Y(k, MANIFOLD) - in0[l]) * dn[l]));

            double chip = Y(k, CHIP) + h * d[CHIP], plate = Y(k, PLATE) + h * d[PLATE];
            double coolant = Y(k, COOLANT) + h * d[COOLANT], manifold = Y(k, MANIFOLD) + h * d[MANIFOLD];
            double airt = Y(k, AIR) + h * d[AIR], clock = Y(k, CLOCK) + h * d[CLOCK];
            double sink1 = kind.odd ? room1 + p->door[l] * (plant1 - room1) : room1;
            // leakage by its slope, and its bend along the linear move; the mean of that move is booked beside
            Beyond more = beyond(p, w, l, g, h, kind.moving, dn_again);
            double full = w->full_w[l] + w->leak_full_w_k[l] * (h * d[CHIP] + 2.0 * more.bend_k);
            full = lane_least(full, pin->chip_w[l] * p->full_most[l]);
            RackFlow flow = {w->rate_w_k[l], w->per_lam[l], w->film_w_k[l], 0.0};
            if (kind.moving) flow = rack_flow(p, pin, l, n2[l]);
            RackNow r =
                rack_now(p, pin, l, kind.odd, chip, plate, coolant, manifold, airt, clock, in2[l], sink1, flow, &full);
            double leak_j = h * w->leak_w_k[l] * more.mean_k;
            double more_man = p->per_manifold[l] * w->leak_w_k[l] * more.mean_k - p->chip_share[l] * more.move.chip -
                              p->plate_share[l] * more.move.plate - p->cool_share[l] * more.move.cool;
            // the new state but for the second stage
            Y(k, CHIP) += h * (1.5 * d[CHIP] + more.move.chip);
            Y(k, PLATE) += h * (1.5 * d[PLATE] + more.move.plate);
            Y(k, COOLANT) += h * (1.5 * d[COOLANT] + more.move.cool);
#define SECOND(s) b[s] = r.f[s] - 2.0 * d[s];
            EACH_RACK_STATE(SECOND)
#undef SECOND
            forward(p, w, l, g, kind.moving, b, dn2[l]);
            sum_a2[l] += m0 * w->a[MANIFOLD][l];
            sum_c2[l] += w->each_w_k[l] * manifold;

            // the part of the second meters known already
            double to_air2 = pin->sink_w_k[l] * r.sink_k;
            if (kind.odd) door2[l] += p->door[l] * to_air2;
            room_out2[l] += kind.odd ? (1.0 - p->door[l]) * to_air2 : to_air2;
            if (kind.moving)
                room_out2[l] += breath * (flow.rate_w_k * (manifold - in2[l]) +
                                          g * w->each_w_k[l] * (Y(k, MANIFOLD) - in0[l]) * dn2[l]);
            Y(k, MANIFOLD) += h * (1.5 * d[MANIFOLD] + more_man);
            Y(k, AIR) += h * (1.5 * d[AIR]);
            Y(k, CLOCK) += h * (1.5 * d[CLOCK]);
            heat[0][l] += h * (0.5 * e_chip + 0.5 * r.chip_w) + leak_j;
        }
    }
    // the second stage's exchange; J keeps the first one's E and slopes
    Cdu second = {.rate_w_k = {0.0}};
    TwLane supply2, integral2;
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        supply2[l] = base[SUPPLY][l] + h * k1c[SUPPLY][l];
        integral2[l] = base[VALVE][l] + h * k1c[VALVE][l];
    }
    exchange_all(group, cdu_in, unit, &second, supply2, integral2, n2, boundary->primary[1]);
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        double ret = base[RETURN][l] + h * k1c[RETURN][l];
        CduRate r = cdu_rate(cp, cdu_in, l, second.e[l], second.signal[l], supply2[l], ret, integral2[l], n2[l],
                             sum_c2[l], plant1);
        double at[CDU_STATES] = {base[SUPPLY][l], base[RETURN][l], base[VALVE][l], base[FLOW][l]}, b[CDU_STATES];
#define SECOND(s) b[s] = r.f[s] - 2.0 * k1c[s][l];
        EACH_CDU_STATE(SECOND)
#undef SECOND
        c.sum_a[l] = sum_a2[l];
        c.d[FLOW][l] = dn2[l];
        solve_cdu(cp, cdu_in, &c, l, g, b, at);
        c.d[SUPPLY][l] *= live;
        c.d[RETURN][l] *= live;
        c.d[VALVE][l] *= live;
        double hx2 = r.exchanger_w - 2.0 * hx1[l] +
                     g * (c.e1[l] * (cdu_in->kp[l] * c.d[SUPPLY][l] + c.d[VALVE][l]) + c.e[l] * c.d[RETURN][l] +
                          c.e2[l] * dn2[l]);
        double pump2 = r.pump_w - 2.0 * pump1[l] + g * c.pump_slope[l] * dn2[l];
        double counts = cp->mask[l] * live;
        step->exchanger_j[l] = counts * h * (1.5 * hx1[l] + 0.5 * hx2);
        step->pump_j[l] = counts * h * (1.5 * pump1[l] + 0.5 * pump2);
        step->primary_w_k[l] = counts * 0.5 * (rate1[l] + second.rate_w_k[l]);
#define ADVANCE(s) YC(s) = base[s][l] + h * (1.5 * k1c[s][l] + 0.5 * c.d[s][l]);
        EACH_CDU_STATE(ADVANCE)
#undef ADVANCE
    }

    // back substitution of stage 2 and the new state
    for (int k = 0; k < racks; k++) {
        const TwRackLanes *restrict p = &group->rack[k];
        const TwRackInput *restrict pin = &in[k];
        Place *restrict w = &place[k];
        TwLane *restrict heat = &chip_j[k];
        LANE_LOOP
        for (int l = 0; l < LANES; l++) {
            double d[RACK_STATES];
            backward(w, l, c.d[SUPPLY][l], d);
            heat[0][l] += 0.5 * h * g * (w->full_w[l] * d[CLOCK] + w->leak_w_k[l] * d[CHIP]);
            double m0 = w->rate_w_k[l];
            double to_air = g * pin->sink_w_k[l] * d[AIR];
            if (kind.odd) door2[l] += p->door[l] * to_air;
            room_out2[l] += kind.odd ? (1.0 - p->door[l]) * to_air : to_air;
            if (kind.moving) room_out2[l] += breath * (g * m0 * d[MANIFOLD]);
#define ADVANCE(s) Y(k, s) += 0.5 * h * d[s];
            EACH_RACK_STATE(ADVANCE)
#undef ADVANCE
        }
    }
    LANE_LOOP
    for (int l = 0; l < LANES; l++) {
        step->door_j[l] = h * (0.5 * door1[l] + 0.5 * door2[l]);
        step->room_j[l] = h * (0.5 * room_out1[l] + 0.5 * room_out2[l]);
    }
}

WIDTHS void tw_group_step(const TwGroup *group, double *restrict y, const TwRackInput *restrict in,
                          const TwCduInput *restrict cdu_in, const TwUnitInput *restrict unit,
                          const TwBoundary *boundary, double h, TwLane *restrict chip_j, TwGroupMeter *restrict step)
{
    const double *flow = y + ((size_t)group->racks * RACK_STATES + FLOW) * LANES;
    bool moving = group->air;
    for (int l = 0; l < LANES; l++) {
        double slope, change = h * flow_rate(group->cdu, cdu_in, l, flow[l], &slope);
        moving |= !(fabs(change) < 1e-14);
    }
    // within a rounding of their speed, pumps stand
    if (moving)
        group_step(group, y, in, cdu_in, unit, boundary, h, chip_j, step, (Kind){true, true});
    else if (group->odd)
        group_step(group, y, in, cdu_in, unit, boundary, h, chip_j, step, (Kind){false, true});
    else
        group_step(group, y, in, cdu_in, unit, boundary, h, chip_j, step, (Kind){false, false});
}

void tw_group_rate(const TwGroup *group, const double *y, const TwRackInput *in, const TwCduInput *cdu_in,
                   const TwUnitInput *unit, double plant_degc, double room_degc, double primary, double *rate,
                   TwLane *chip_w, TwGroupMeter *meter_w)
{
    const int racks = group->racks;
    const TwCduLanes *cp = group->cdu;
    const double *yc = y + (size_t)racks * RACK_STATES * LANES;
    double *fc = rate + (size_t)racks * RACK_STATES * LANES;
    for (int l = 0; l < LANES; l++) {
        double n = YC(FLOW), supply = YC(SUPPLY), inlet = group->air ? room_degc : supply;
        double sum_ct = 0.0, door = 0.0, room = 0.0;
        for (int k = 0; k < racks; k++) {
            const TwRackLanes *p = &group->rack[k];
            double sink = room_degc + p->door[l] * (plant_degc - room_degc);
            RackFlow flow = rack_flow(p, &in[k], l, n);
            RackNow r = rack_now(p, &in[k], l, true, Y(k, CHIP), Y(k, PLATE), Y(k, COOLANT), Y(k, MANIFOLD), Y(k, AIR),
                                 Y(k, CLOCK), inlet, sink, flow, NULL);
            for (int s = 0; s < RACK_STATES; s++)
                rate[((size_t)k * RACK_STATES + (size_t)s) * LANES + (size_t)l] = r.f[s];
            chip_w[k][l] = r.chip_w;
            sum_ct += p->rate_w_k[l] * in[k].share[l] * Y(k, MANIFOLD);
            door += p->door[l] * in[k].sink_w_k[l] * r.sink_k;
            room += (1.0 - p->door[l]) * in[k].sink_w_k[l] * r.sink_k;
            if (group->air) room += flow.rate_w_k * (Y(k, MANIFOLD) - inlet);
        }
        TwExchange x = tw_loop_exchange(group, cdu_in, unit, l, supply, YC(VALVE), n, primary);
        CduRate r = cdu_rate(cp, cdu_in, l, x.e_w_k, x.signal, supply, YC(RETURN), YC(VALVE), n, sum_ct, plant_degc);
        double counts = group->air ? 0.0 : 1.0;
        for (int s = 0; s < CDU_STATES; s++) fc[(size_t)s * LANES + (size_t)l] = (s == FLOW ? 1.0 : counts) * r.f[s];
        counts *= cp->mask[l];
        meter_w->exchanger_j[l] = counts * r.exchanger_w;
        meter_w->pump_j[l] = counts * r.pump_w;
        meter_w->primary_w_k[l] = counts * x.rate_w_k;
        meter_w->door_j[l] = door;
        meter_w->room_j[l] = room;
    }
}
