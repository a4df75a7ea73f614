// T42, the random-load test: every rack a new level every 10 s, both integrators over the same inputs.
#include "models/thermal/net1_load.h"
#include "tests/check.h"

// heat_within: of the energy taken in, both integrators
static void agree(double step_s, double heat_within)
{
    Net1Apart apart;
    TwError error = {0};
    CHECK(net1_random_load(step_s, &apart, &error));
    printf("%g s steps, largest difference: chips %.4f K, loops %.4f K, heat %.1e; conservation %.1e\n", step_s,
           apart.chip_k, apart.loops_k, apart.heat, apart.books);
    CHECK(apart.chip_k <= 0.02);
    CHECK(apart.loops_k <= 0.002);
    CHECK(apart.heat <= heat_within);
    CHECK(apart.books <= 1e-12);    // T39
}

int main(void)
{
    // the contract of both integrators, at the step of every run; ROS2 alone gave 7e-6 and 0.048 K
    agree(5.0, 1e-6);
    agree(1.0, 3e-7);
    return check_failures != 0;
}
