// Closed rings: shares by impedance, books that close, limits on both ways, a way that is lost.
#include "models/power/volts.h"
#include "tests/power/trees.h"

// Two lines of 100 and 200 m meet at a board with two racks; each line also carries a load of its own where asked.
static void ring(Tree *tree, double own_w)
{
    tree_element(tree, "grid", "feed", "", INFINITY);
    int a = tree_element(tree, "a", "cable", "grid", 400e3), b = tree_element(tree, "b", "cable", "grid", 400e3);
    int meet = tree_element(tree, "meet", "board", "a", 600e3);
    tree->elements[0].voltage_v = 400.0;
    for (int e = a; e <= b; e++) {
        tree->elements[e].length_m = e == a ? 100.0 : 200.0;
        tree->elements[e].r_ohm_km = 0.02;
        tree->elements[e].x_ohm_km = 0.01;
    }
    tree->elements[meet].second = "b";
    tree->elements[meet].closed = true;
    tree->elements[meet].transfer_s = NAN;
    tree_rack(tree, meet);
    tree_rack(tree, meet);
    if (own_w > 0.0) tree->loads[tree->load_count++] = (TwPowerLoad){"own", a};
    tree_build(tree);
}

static void impedances_share(void)
{
    Tree tree = {0};
    ring(&tree, 0.0);
    double rack_w[] = {90e3, 60e3};
    TwVolts v = {.fresh = true};
    tree_settle(&tree, 0.0, rack_w, NULL);
    CHECK_NEAR(tree.element_w[1], 75e3, 1e-12);    // nothing solved yet: halves
    CHECK(tw_power_volts(tree.power, tree.block, 1.0, &v) && v.reversed == 0);
    tw_power_take_volts(tree.power, tree.block, &v, true, true);
    tree_settle(&tree, 10.0, rack_w, NULL);
    // the same drop over both: currents as 2 to 1
    CHECK_NEAR(v.amps[1] / v.amps[2], 2.0, 1e-9);
    CHECK_NEAR(tree.loss_w[1] + tree.loss_w[2], v.loss_sum_w, 1e-6);
    CHECK_NEAR(tree.loss_w[1] / tree.loss_w[2], 2.0, 1e-6);    // I^2 r: 4 over 2
    CHECK_NEAR(tree.element_w[1] - tree.loss_w[1], 100e3, 1e-9);
    CHECK_NEAR(tree.out.utility_w, 150e3 + v.loss_sum_w, 1e-9);

    // one way lost: the other carries all in the same instant
    tw_power_set_service(tree.power, tree.block, 1, false);
    tree_settle(&tree, 10.0, rack_w, NULL);
    CHECK(tree.rack_on[0] && tree.out.unserved_w == 0.0 && tree.element_w[1] == 0.0);
    CHECK(tree.element_w[2] > 150e3);
    tw_power_set_service(tree.power, tree.block, 1, true);
    tree_settle(&tree, 10.0, rack_w, NULL);
    CHECK_NEAR(tree.element_w[1] - tree.loss_w[1], 100e3, 1e-9);
    tw_volts_free(&v);
    tree_destroy(&tree);
}

// A load on the short way takes its part of that way's drop: less of it is left for the ring.
static void loads_on_the_way_shift_the_shares(void)
{
    Tree tree = {0};
    ring(&tree, 1.0);
    double rack_w[] = {90e3, 60e3}, load_w = 60e3;
    TwVolts v = {.fresh = true};
    tree_settle(&tree, 0.0, rack_w, &load_w);
    CHECK(tw_power_volts(tree.power, tree.block, 1.0, &v));
    tw_power_take_volts(tree.power, tree.block, &v, true, true);
    tree_settle(&tree, 0.0, rack_w, &load_w);
    // r (F + 60) = 2 r (150 - F): F = 80, but for what voltage does to constant power
    CHECK_WITHIN(tree.element_w[1] - tree.loss_w[1], 140e3, 0.6e3);
    CHECK_NEAR(tree.element_w[1] + tree.element_w[2], 210e3 + v.loss_sum_w, 1e-6);
    tw_volts_free(&v);
    tree_destroy(&tree);
}

static void limits_bind_on_both_ways(void)
{
    Tree tree = {0};
    ring(&tree, 0.0);
    double rack_w[] = {90e3, 60e3}, want[] = {300e3, 300e3}, floor_w[] = {0, 0}, grant[2];
    int binding[2];
    TwVolts v = {.fresh = true};
    tree_settle(&tree, 0.0, rack_w, NULL);
    CHECK(tw_power_volts(tree.power, tree.block, 1.0, &v));
    tw_power_take_volts(tree.power, tree.block, &v, true, true);
    tw_power_set_limit(tree.power, tree.block, 1, 200e3);
    CHECK(tw_power_allocate(tree.power, tree.block, want, floor_w, want, NULL, grant, binding) == 2);
    CHECK(binding[0] == 1 && binding[1] == 1);
    tree_settle(&tree, 0.0, grant, NULL);
    CHECK_NEAR(tree.element_w[1], 200e3, 1e-9);
    CHECK(grant[0] + grant[1] > 290e3 && grant[0] + grant[1] < 300e3);
    // the other way binds when it is the tighter one
    tw_power_set_limit(tree.power, tree.block, 1, 400e3);
    tw_power_set_limit(tree.power, tree.block, 2, 90e3);
    tw_power_allocate(tree.power, tree.block, want, floor_w, want, NULL, grant, binding);
    tree_settle(&tree, 0.0, grant, NULL);
    CHECK_NEAR(tree.element_w[2], 90e3, 1e-9);
    CHECK(binding[0] == 2);
    tw_volts_free(&v);
    tree_destroy(&tree);
}

// The ring as an open one: only its first source carries it.
static void an_open_point_is_a_tree(void)
{
    Tree tree = {0};
    ring(&tree, 0.0);
    tree_destroy(&tree);
    tree = (Tree){0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    tree_element(&tree, "a", "cable", "grid", 400e3);
    tree_element(&tree, "below", "board", "a", 400e3);
    tree.elements[1].second = "below";
    tree.elements[1].closed = true;
    tree_rack(&tree, 2);
    TwErrors *errors = tw_errors_create();
    CHECK(!tree_create(&tree, errors));
    CHECK(tw_errors_count(errors) == 1);
    tw_errors_destroy(errors);
}

int main(void)
{
    impedances_share();
    loads_on_the_way_shift_the_shares();
    limits_bind_on_both_ways();
    an_open_point_is_a_tree();
    return check_failures != 0;
}
