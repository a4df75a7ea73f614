// T42, the random-load test: every rack a new level every 10 s, both integrators over the same inputs.
#include "models/thermal/net1.h"
#include "models/thermal/network.h"
#include "sim/random.h"
#include "tests/check.h"

enum { CDUS = 16, WINDOWS = 60 };

static Net1 *build(bool cvode, double step_s)
{
    Net1 *n = net1_rows(CDUS);
    TwStream s = tw_stream(5, "flows");
    n->spec.cvode = cvode;
    n->spec.step_max_s = step_s;
    for (int i = 0; i < n->spec.rack_count; i++)
        n->racks[i].flow_kg_s *= 0.97 + 0.06 * tw_random(s, (uint64_t)i, 0, TW_PURPOSE_DESIGN);
    if (!net1_build(n)) exit(1);
    return n;
}

// 8 + 124 l kW, of which the liquid share; n_set^2 = 0.55 + 0.45 mean level of the CDU
static void load(Net1 *n, int window)
{
    TwStream s = tw_stream(5, "levels");
    for (int c = 0; c < CDUS; c++) {
        double sum = 0.0;
        for (int k = 0; k < NET1_RACKS; k++) {
            int i = c * NET1_RACKS + k;
            double l = 0.45 + 0.55 * tw_random(s, (uint64_t)window, (uint32_t)i, TW_PURPOSE_DESIGN);
            n->rack_w[i] = 132e3 * l;
            sum += l / NET1_RACKS;
        }
        tw_thermal_set_pump_speed(n->thermal, n->block, c, sqrt(0.55 + 0.45 * sum));
    }
}

// heat_within: of the energy taken in, both integrators
static void agree(double step_s, double heat_within)
{
    Net1 *fast = build(false, step_s), *exact = build(true, step_s);
    TwError error = {0};
    load(fast, 0);
    load(exact, 0);
    CHECK(tw_thermal_start(fast->thermal, fast->block, &fast->in, &error));
    CHECK(tw_thermal_start(exact->thermal, exact->block, &exact->in, &error));
    double chip = 0.0, loops = 0.0, in_fast = 0.0, in_exact = 0.0, worst = 0.0;
    for (int w = 0; w < WINDOWS; w++) {
        Net1 *both[2] = {fast, exact};
        for (int k = 0; k < 2; k++) {
            Net1 *n = both[k];
            load(n, w);
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * w, 10.0 * (w + 1), &n->out, &error));
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            worst = fmax(worst, fabs(n->out.heat_in_j - n->out.heat_out_j - stored) / n->out.heat_in_j);
        }
        for (int i = 0; i < fast->spec.rack_count; i++)
            chip = fmax(chip, fabs(fast->chip_degc[i] - exact->chip_degc[i]));
        for (int c = 0; c < CDUS; c++) loops = fmax(loops, fabs(fast->cdu_supply_degc[c] - exact->cdu_supply_degc[c]));
        loops = fmax(loops, fabs(fast->out.plant_supply_degc - exact->out.plant_supply_degc));
        in_fast += fast->out.heat_in_j;
        in_exact += exact->out.heat_in_j;
    }
    printf("%g s steps, largest difference: chips %.4f K, loops %.4f K, heat %.1e; conservation %.1e\n", step_s, chip,
           loops, fabs(in_fast / in_exact - 1.0), worst);
    CHECK(chip <= 0.02);
    CHECK(loops <= 0.002);
    CHECK_NEAR(in_fast, in_exact, heat_within);
    CHECK(worst <= 1e-12);    // T39
    net1_destroy(fast);
    net1_destroy(exact);
}

int main(void)
{
    // the contract of both integrators, at the step of every run; ROS2 alone gave 7e-6 and 0.048 K
    agree(5.0, 1e-6);
    agree(1.0, 3e-7);
    return check_failures != 0;
}
