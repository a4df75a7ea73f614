#include "models/thermal/network.h"
#include "tests/check.h"
#include "models/thermal/net1.h"

// liquid and air W per rack: the share is fixed by the spec's liquid_fraction
static Net1 *net(double liquid_w, double air_w, double speed_squared, bool cvode)
{
    Net1 *n = net1_rows(1);
    for (int i = 0; i < NET1_RACKS; i++) n->racks[i].liquid_fraction = liquid_w / (liquid_w + air_w);
    n->cdus[0].pump_speed_fraction = sqrt(speed_squared);
    n->spec.cvode = cvode;
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = liquid_w + air_w;
    return n;
}

static const double *rack0(const Net1 *n) { return tw_f64_const(n->block, n->thermal->inner->state); }
static const double *cdu0(const Net1 *n) { return rack0(n) + NET1_RACKS * RACK_STATES * LANES; }
static const double *plant0(const Net1 *n) { return rack0(n) + n->thermal->inner->state_count - PLANT_STATES; }

// T40: the steady state of NET-1
static void steady_state(void)
{
    Net1 *n = net(100e3, 15e3, 0.81, false);
    TwError error = {0};
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    const double *s = rack0(n), *c = cdu0(n), *z = plant0(n);
    CHECK_WITHIN(s[CHIP * LANES], 66.005, 0.002);
    CHECK_WITHIN(s[PLATE * LANES], 50.001, 0.002);
    CHECK_WITHIN(s[COOLANT * LANES], 40.367, 0.002);
    CHECK_WITHIN(s[MANIFOLD * LANES], 45.734, 0.002);
    CHECK_WITHIN(s[AIR * LANES], 43.614, 0.002);
    CHECK_WITHIN(c[SUPPLY * LANES], 35.0, 0.002);
    CHECK_WITHIN(c[RETURN * LANES], 45.734, 0.002);
    CHECK_WITHIN(z[HEADER_RETURN], 46.321, 0.002);
    CHECK_WITHIN(z[HEADER_SUPPLY], 30.0, 0.002);
    CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 0.0, 5.0, &n->out, &error));
    CHECK_WITHIN(n->cdu_valve[0], 0.52908, 0.0002);
    CHECK_WITHIN(n->load_w[2] / 2e4, pow(0.24825, 3.0), 1e-4);

    // what enters leaves: a steady state has nothing left to store
    CHECK_NEAR(n->out.heat_out_j, n->out.heat_in_j, 1e-7);
    net1_destroy(n);
}

// T41: NET-1 after a step of load and pump speed, against RK4 at 0.0125 s
static void step_response(bool cvode, double tolerance_k)
{
    static const double time_s[6] = {0, 10, 30, 60, 120, 600};
    static const double chip[6] = {53.879, 68.241, 70.867, 71.313, 70.927, 69.903};
    static const double supply[6] = {35.000, 35.216, 35.912, 36.236, 35.809, 34.990};
    static const double cooler[6] = {30.000, 30.017, 30.222, 30.637, 30.889, 30.036};
    Net1 *n = net(60e3, 10e3, 0.6, cvode);
    TwError error = {0};
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    CHECK_WITHIN(rack0(n)[CHIP * LANES], chip[0], 0.002);

    // the case has another liquid share before and after its step
    for (int i = 0; i < NET1_RACKS; i++) {
        n->thermal->inner->rack_chip_fraction[i] = 115.0 / 132.0;
        n->rack_w[i] = 132e3;
    }
    CHECK(tw_thermal_set_pump_speed(n->thermal, n->block, 0, 1.0));
    for (int k = 1; k < 6; k++) {
        double stored = tw_thermal_stored_j(n->thermal, n->block);
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, time_s[k - 1], time_s[k], &n->out, &error));
        CHECK_WITHIN(rack0(n)[CHIP * LANES], chip[k], tolerance_k);
        CHECK_WITHIN(cdu0(n)[SUPPLY * LANES], supply[k], tolerance_k);
        CHECK_WITHIN(plant0(n)[COOLER], cooler[k], tolerance_k);

        // T39: heat in = heat out + stored
        stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
        CHECK_WITHIN((n->out.heat_in_j - n->out.heat_out_j - stored) / n->out.heat_in_j, 0.0, 1e-12);
    }
    net1_destroy(n);
}

int main(void)
{
    steady_state();
    step_response(false, 0.1);
    step_response(true, 0.002);
    return check_failures != 0;
}
