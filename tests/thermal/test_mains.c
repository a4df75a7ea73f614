// Plug-flow mains in the facility loop: water is late by the mains' mass over its flow, and no heat is lost on the way.
#include "models/thermal/net1.h"
#include "models/thermal/network.h"
#include "tests/check.h"

enum { WINDOWS = 240 };

// supply header after a load step of all racks, every second; heat in = heat out + stored in every window
static void respond(bool cvode, double length_m, double *supply_degc)
{
    Net1 *n = net1_rows(1);
    TwError error = {0};
    n->spec.cvode = cvode;
    n->spec.step_max_s = 1.0;
    n->plant.main_length_m = length_m;
    n->plant.main_diameter_m = 0.2;
    n->plant.header_s = n->plant.tank_s = n->plant.cooler_s = 2.0;    // nearly all delay
    n->plant.kp = 0.0;    // and fans that stand still: what comes back warmer leaves warmer
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 60e3;
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    for (int w = 0; w < WINDOWS; w++) {
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 132e3;
        double stored = tw_thermal_stored_j(n->thermal, n->block);
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, w, w + 1.0, &n->out, &error));
        stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
        CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-10);
        supply_degc[w] = n->out.plant_supply_degc;
    }
    net1_destroy(n);
}

// second in which the supply header has warmed by a tenth of a kelvin
static double warmed(const double *degc)
{
    for (int w = 0; w < WINDOWS; w++)
        if (degc[w] > degc[0] + 0.1) return w;
    return NAN;
}

int main(void)
{
    static double none[WINDOWS], far[WINDOWS], exact[WINDOWS];
    respond(false, 0.0, none);
    respond(false, 15.0, far);
    respond(true, 15.0, exact);
    CHECK(warmed(far) >
          warmed(none) + 30.0);    // there and back: 2 x 15 m A rho/27 kg/s = 35 s, more where the valve is not open
    CHECK(isfinite(warmed(far)));
    double worst = 0.0;
    for (int w = 0; w < WINDOWS; w++) worst = fmax(worst, fabs(far[w] - exact[w]));
    CHECK(worst < 0.1);
    return check_failures != 0;
}
