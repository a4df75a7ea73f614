// N-1 against what redundancy says: 2N, 4-to-make-3, block redundant; voltages of the tree against the general solver.
#include "models/power/contingency.h"
#include "models/power/flow.h"
#include "models/power/volts.h"
#include "tests/power/trees.h"

// P38, P39: one rack a block pair; m blocks of 1 MW carry `load` of their rating each.
static void blocks(int m, double load, double worst)
{
    static const char *const names[] = {"u1", "u2", "u3", "u4"};
    static int cords[4];
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    for (int i = 0; i < m; i++) {
        cords[i] = tree_element(&tree, names[i], "ups", "grid", 1e6);
        tree.elements[cords[i]].trip = "table";
        static const double over[] = {1.05, 1.25, 1.5}, time_s[] = {3600.0, 600.0, 60.0};
        tree.elements[cords[i]].trip_m = (TwReals){3, over};
        tree.elements[cords[i]].trip_s = (TwReals){3, time_s};
    }
    tree_rack(&tree, cords[0]);
    tree.racks[0].cord_count = m;
    tree.racks[0].cords = cords;
    tree_build(&tree);
    double rack_w = load * 1e6 * m;
    for (int threads = 1; threads <= 4; threads *= 2) {
        TwContingency c = tw_power_contingency(tree.power, tree.block, tree.layout.bytes, &rack_w, NULL, 1.0, 10.0, threads);
        for (int i = 0; i < m; i++) {
            CHECK_NEAR(c.normal[cords[i]], load, 1e-12);
            CHECK_NEAR(c.worst[cords[i]], worst, 1e-12);
            CHECK(c.worst_cause[cords[i]] == cords[i == 0 ? 1 : 0]);
            CHECK(worst > 1.0 ? c.allowed_s[cords[i]] < 3600.0 : c.allowed_s[cords[i]] == INFINITY);
            CHECK(c.dropped_w[cords[i]] == 0.0);
        }
        CHECK(isnan(c.normal[0]) && c.dropped_w[0] == rack_w);
        tw_contingency_free(&c);
    }
    tree_destroy(&tree);
}

// Block redundant: two loaded blocks, a reserve behind static switches.
static void a_reserve_takes_over(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int a = tree_element(&tree, "a", "pdu", "grid", 1e6), b = tree_element(&tree, "b", "pdu", "grid", 1e6);
    int reserve = tree_element(&tree, "reserve", "pdu", "grid", 1e6);
    int sa = tree_element(&tree, "sa", "sts", "a", 1e6), sb = tree_element(&tree, "sb", "sts", "b", 1e6);
    tree.elements[sa].second = tree.elements[sb].second = "reserve";
    tree.elements[sa].transfer_s = tree.elements[sb].transfer_s = 0.008;
    tree_rack(&tree, sa);
    tree_rack(&tree, sb);
    tree_build(&tree);
    double rack_w[] = {0.9e6, 0.7e6};
    TwContingency c = tw_power_contingency(tree.power, tree.block, tree.layout.bytes, rack_w, NULL, 1.0, 1.0, 1);
    CHECK_NEAR(c.normal[a], 0.9, 1e-12);
    CHECK(c.normal[reserve] == 0.0);
    CHECK_NEAR(c.worst[reserve], 0.9, 1e-12);
    CHECK(c.worst_cause[reserve] == a && c.worst_cause[a] == -1 && c.worst_cause[b] == -1);
    CHECK(c.dropped_w[a] == 0.0 && c.dropped_w[sa] == 0.9e6);
    tw_contingency_free(&c);
    tree_destroy(&tree);
}

// A transformer and a cable: the same voltages as the same case in the general solver; losses by current.
static void voltages_agree_with_the_solver(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int trafo = tree_element(&tree, "trafo", "transformer", "grid", NAN),
        cable = tree_element(&tree, "cable", "cable", "trafo", NAN);
    TwElementRow *t = &tree.elements[trafo], *c = &tree.elements[cable];
    tree.elements[0].voltage_v = 20e3;
    t->rated_w = 2e6, t->vk_fraction = 0.06, t->vkr_fraction = 0.012, t->loss_a = 0.001, t->voltage_v = 400.0;
    c->length_m = 50.0, c->r_ohm_km = 0.02, c->x_ohm_km = 0.03;
    tree_rack(&tree, cable);
    tree_build(&tree);
    double rack_w = 1e6;
    tree_settle(&tree, 0.0, &rack_w, NULL);
    TwVolts v = {0};
    CHECK(tw_power_volts(tree.power, tree.block, 0.95, &v));

    TwFlowCase *flow = tw_flow_case_create(3, 2, 1);
    flow->base_va = 1e6;
    double q = tan(acos(0.95)), z = 400.0 * 400.0 / 1e6;
    flow->buses[0] = (TwFlowBus){.id = 1, .kind = TW_BUS_SLACK, .v = 1.0};
    flow->buses[1] = (TwFlowBus){.id = 2, .kind = TW_BUS_PQ, .v = 1.0, .p = 0.002};
    flow->buses[2] = (TwFlowBus){.id = 3, .kind = TW_BUS_PQ, .v = 1.0, .p = 1.0, .q = q};
    flow->branches[0] = (TwFlowBranch){1, 0, 1, 0.006, 0.5 * sqrt(0.06 * 0.06 - 0.012 * 0.012), 0, 1, 0, 0, true, 0};
    flow->branches[1] = (TwFlowBranch){2, 1, 2, 0.001 / z, 0.0015 / z, 0, 1, 0, 0, true, 0};
    flow->gens[0] = (TwFlowGen){.bus = 0, .v = 1.0, .q_min = -INFINITY, .q_max = INFINITY, .on = true};
    TwFlowResult r;
    CHECK(tw_flow_solve(flow, &(TwFlowOptions){.method = TW_FLOW_NEWTON, .tolerance = 1e-12}, &r));
    CHECK_NEAR(v.v_pu[trafo], r.v[1], 1e-9);
    CHECK_NEAR(v.v_pu[cable], r.v[2], 1e-9);
    CHECK_NEAR(v.loss_sum_w, r.loss_p * 1e6, 1e-8);
    CHECK_NEAR(v.p_w[trafo], r.p_gen[0] * 1e6, 1e-9);
    CHECK_NEAR(v.amps[cable], hypot(r.p_from[1], r.q_from[1]) / r.v[1] * 1e6 / (sqrt(3.0) * 400.0), 1e-8);
    CHECK(v.lowest == cable);
    tw_flow_result_destroy(&r);
    tw_flow_case_destroy(flow);
    int cold = v.turns;
    CHECK(tw_power_volts(tree.power, tree.block, 0.95, &v) && v.turns < cold);    // from the last answer
    tw_volts_free(&v);
    tree_destroy(&tree);
}

int main(void)
{
    blocks(4, 0.75, 1.0);
    blocks(2, 0.55, 1.1);
    blocks(3, 2.0 / 3.0, 1.0);
    a_reserve_takes_over();
    voltages_agree_with_the_solver();
    return check_failures != 0;
}
