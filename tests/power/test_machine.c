// A machine of nodes behind conversion stages: its losses by the laws of each converter, and the sum of all parts.
#include "models/power/machine.h"
#include "tests/check.h"

enum { GROUPS = 2, RACKS = 3, CHASSIS = 2, NODES = 4, RECTIFIERS = 4, SWITCHES = 3 };

static const TwMachineSpec spec = {.group_count = GROUPS,
                                   .racks_per_group = RACKS,
                                   .chassis_per_rack = CHASSIS,
                                   .nodes_per_chassis = NODES,
                                   .devices = {{1.0, 100.0, 300.0, TW_FOLLOWS_CPU}, {4.0, 90.0, 560.0, TW_FOLLOWS_GPU}},
                                   .device_count = 2,
                                   .node = {20.0, 0.97},
                                   .rectifier = {45.0, 0.96},
                                   .rectifiers = RECTIFIERS,
                                   .switches = SWITCHES,
                                   .switch_w = 250.0,
                                   .group_w = 8700.0,
                                   .liquid_fraction = 0.9};

// cu, gu: devices of each kind that work
static double node_w(double cu, double gu) { return 100.0 + 200.0 * cu + 4.0 * 90.0 + 470.0 * gu; }
static double fed_w(double node) { return (node + 20.0) / 0.97; }

// Five nodes work: all of the first chassis, one of the second.
static void losses_are_those_of_each_converter(void)
{
    TwMachine *machine = tw_machine_create(&spec);
    CHECK(tw_machine_nodes(machine) == GROUPS * RACKS * CHASSIS * NODES);
    CHECK(tw_machine_take(machine, 0, 5, 0.5, 3.2));
    double rack_w[GROUPS * RACKS], group_w[GROUPS];
    TwMachinePower p = tw_machine_power(machine, rack_w, group_w);

    const double busy = node_w(0.5, 3.2), idle = node_w(0.0, 0.0);
    const int all = GROUPS * RACKS * CHASSIS;
    double fed = 0.0, in = 0.0, first_rack = 0.0;
    for (int c = 0; c < all; c++) {
        int works = c == 0 ? NODES : c == 1 ? 1 : 0;
        double out = works * fed_w(busy) + (NODES - works) * fed_w(idle) + SWITCHES * 250.0;
        double takes = RECTIFIERS * ((out / RECTIFIERS + 45.0) / 0.96);
        fed += out, in += takes;
        if (c < CHASSIS) first_rack += takes;
    }
    const double nodes = 5.0 * busy + (all * NODES - 5) * idle, switches = all * SWITCHES * 250.0;
    CHECK(p.busy_nodes == 5);
    CHECK_NEAR(p.node_w, nodes, 1e-12);
    CHECK_NEAR(p.node_loss_w, fed - switches - nodes, 1e-10);
    CHECK_NEAR(p.switch_w, switches, 1e-12);
    CHECK_NEAR(p.rectifier_loss_w, in - fed, 1e-10);
    CHECK_NEAR(p.rack_w, in, 1e-12);
    CHECK_NEAR(rack_w[0], first_rack, 1e-12);
    CHECK_NEAR(group_w[0] + group_w[1], p.total_w, 1e-12);
    CHECK_NEAR(p.liquid_w, 0.9 * in, 1e-12);

    // all that goes in is used or lost in a part, and what works no more takes what it took before
    CHECK_NEAR(p.node_w + p.node_loss_w + p.switch_w + p.rectifier_loss_w + p.group_w, p.total_w, 1e-12);
    tw_machine_give_back(machine, 0, 5);
    p = tw_machine_power(machine, NULL, NULL);
    CHECK_NEAR(p.node_w, all * NODES * idle, 1e-12);
    tw_machine_destroy(machine);
}

int main(void)
{
    losses_are_those_of_each_converter();
    return check_failures != 0;
}
