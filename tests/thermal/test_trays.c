// Racks with a column for each tray: alike trays are the rack as one lump, unlike flows follow the manifold's law, heat
// closes, both integrators agree, and a threshold counts once for a rack.
#include "models/thermal/look.h"
#include "models/thermal/net1.h"
#include "tests/check.h"

enum { TRAYS = 18, SEEN = 64 };

static const double weights[TRAYS] = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.3,
                                      1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};

// two lumps rows: rack 2 has trays, the others have none
static Net1 *build(int trays, double header, bool heavier, bool cvode, TwLumpsRow rows[2])
{
    Net1 *n = net1_rows(1);
    n->lumps.throttle_min_fraction = 1.0;    // clocks stay: passages are of the heat alone
    rows[0] = rows[1] = n->lumps;
    rows[1].tray_count = trays;
    rows[1].tray_header_fraction = header;
    if (heavier) rows[1].tray_weights = (TwReals){TRAYS, weights};
    n->spec.lumps = rows;
    n->spec.lumps_count = 2;
    n->racks[2].lumps = 1;
    n->spec.cvode = cvode;
    n->spec.step_max_s = 2.5;
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 80e3;
    TwError error = {0};
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    return n;
}

static void step(Net1 *n, int window, double rack_w)
{
    TwError error = {0};
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = rack_w;
    double stored = tw_thermal_stored_j(n->thermal, n->block);
    CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * window, 10.0 * (window + 1), &n->out, &error));
    stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
    CHECK(fabs(n->out.heat_in_j - n->out.heat_out_j - stored) <= 1e-12 * n->out.heat_in_j);
}

static void alike_trays_are_one_lump(void)
{
    TwLumpsRow rows[2][2];
    Net1 *one = build(0, 0.0, false, false, rows[0]), *many = build(TRAYS, 0.0, false, false, rows[1]);
    CHECK(tw_thermal_trays(one->thermal) == 0 && tw_thermal_trays(many->thermal) == TRAYS);
    for (int w = 0; w < 12; w++) {
        step(one, w, w % 3 ? 130e3 : 60e3);
        step(many, w, w % 3 ? 130e3 : 60e3);
        for (int i = 0; i < NET1_RACKS; i++) {
            CHECK_WITHIN(many->chip_degc[i], one->chip_degc[i], 1e-9);
            CHECK_WITHIN(many->return_degc[i], one->return_degc[i], 1e-9);
            CHECK_NEAR(many->extra_j[i], one->extra_j[i], 1e-9);
        }
    }
    net1_destroy(one);
    net1_destroy(many);
}

// shares of flow: the drop from end to end is the same over every tray
static void drops_are_alike(double header)
{
    double flow[TRAYS], beyond = 1.0, sum = 0.0, all = 0.0, equal = 0.0, first = 0.0;
    tw_tray_flows(TRAYS, header, flow);
    for (int k = 0; k < TRAYS; k++) equal += (double)k * k / (TRAYS * TRAYS);
    for (int k = 0; k < TRAYS; k++) {
        double drop = (1.0 - header) * TRAYS * TRAYS * flow[k] * flow[k] + header / equal * all;
        if (k == 0) first = drop;
        CHECK_NEAR(drop, first, 1e-9);
        sum += flow[k];
        beyond -= flow[k];
        all += beyond * beyond;
        CHECK(k == 0 || flow[k] < flow[k - 1]);
    }
    CHECK_NEAR(sum, 1.0, 1e-12);
}

static void flows_follow_the_manifold(void)
{
    double flow[TRAYS];
    drops_are_alike(0.3);
    drops_are_alike(0.95);    // the most that a file may say
    tw_tray_flows(TRAYS, 0.3, flow);
    // the same by the network's Newton: `tokenworks thermal trays manifold_fraction=0.3`
    CHECK_NEAR(flow[0] * TRAYS, 1.1403102, 1e-6);
    CHECK_NEAR(flow[TRAYS - 1] * TRAYS, 0.94654293, 1e-6);
    tw_tray_flows(TRAYS, 0.0, flow);
    for (int k = 0; k < TRAYS; k++) CHECK_NEAR(flow[k], 1.0 / TRAYS, 1e-12);
}

// steady: what each tray's coolant takes along is its own heat; the hottest is the one with more heat
static void each_tray_has_its_own_balance(void)
{
    TwLumpsRow rows[2];
    Net1 *n = build(TRAYS, 0.35, true, false, rows);
    double spread[NET1_RACKS], flow[TRAYS], most = -1e9, least = 1e9, mean = 0.0, weight = 0.0;
    n->out.tray_spread_k = spread;
    step(n, 0, 80e3);
    tw_tray_flows(TRAYS, 0.35, flow);
    for (int k = 0; k < TRAYS; k++) weight += weights[k];
    double cp = 3946.0, liquid = 115.0 / 132.0;
    for (int k = 0; k < TRAYS; k++) {
        TwTrayLook t = tw_thermal_look_tray(n->thermal, n->block, k);
        CHECK_NEAR(t.flow_fraction, 0.9 * flow[k] * TRAYS, 1e-6);    // pumps of NET-1 at 0.9
        most = fmax(most, t.chip_degc);
        least = fmin(least, t.chip_degc);
        mean += flow[k] * t.outlet_degc;
        // with leakage above its reference and a little to air, both below 2 %
        double heat = 0.9 * 2.719 * flow[k] * cp * (t.outlet_degc - n->supply_degc[2]);
        CHECK_NEAR(heat, 80e3 * liquid * weights[k] / weight, 0.03);
    }
    CHECK(tw_thermal_look_tray(n->thermal, n->block, 8).chip_degc == most);
    CHECK_WITHIN(spread[2], most - least, 1e-12);
    CHECK(spread[0] == 0.0 && n->chip_degc[2] == most);
    CHECK_WITHIN(n->return_degc[2], mean, 1e-9);
    net1_destroy(n);
}

static int passages(const Net1 *n, int rack, TwThermalLimit limit, double *time_s)
{
    int count = 0;
    for (int i = 0; i < n->out.crossing_count; i++)
        if (n->out.crossings[i].rack == rack && n->out.crossings[i].limit == limit)
            count++, *time_s = n->out.crossings[i].time_s;
    return count;
}

// a load step through the slowdown, and back: one passage a rack each way, with both integrators at the same instant
static void thresholds_count_once(void)
{
    double up[2] = {0}, down[2] = {0}, hottest[2] = {0};
    for (int exact = 0; exact < 2; exact++) {
        TwLumpsRow rows[2];
        TwThermalCrossing seen[SEEN];
        Net1 *n = build(TRAYS, 0.35, true, exact == 1, rows);
        n->out.crossings = seen;
        n->out.crossing_most = SEEN;
        int ups = 0, downs = 0;
        for (int w = 0; w < 8; w++) {
            step(n, w, w < 4 ? 166e3 : 80e3);
            ups += passages(n, 2, TW_LIMIT_SLOWDOWN, &up[exact]);
            downs += passages(n, 2, TW_LIMIT_RECOVERED, &down[exact]);
            if (w == 3) hottest[exact] = n->chip_degc[2];
        }
        CHECK(ups == 1 && downs == 1);
        net1_destroy(n);
    }
    CHECK_WITHIN(up[0], up[1], 0.5);
    CHECK_WITHIN(down[0], down[1], 0.5);
    CHECK_WITHIN(hottest[0], hottest[1], 0.1);
    printf("slowdown after %.3f and %.3f s, over after %.3f and %.3f s\n", up[0], up[1], down[0], down[1]);
}

int main(void)
{
    alike_trays_are_one_lump();
    flows_follow_the_manifold();
    each_tray_has_its_own_balance();
    thresholds_count_once();
    return check_failures != 0;
}
