// Stores: ride-through that ends at an exact instant, charging that ends when full, forks, and the energy of it all.
#include "tests/power/trees.h"

// grid -> ups (1 MW, 300 s) -> pdu -> two racks, and a rack beside the ups
static void hall(Tree *tree)
{
    tree_element(tree, "grid", "feed", "", 2e6);
    int ups = tree_element(tree, "ups", "ups", "grid", NAN);
    tree->elements[ups].rated_w = 1e6;
    tree->elements[ups].loss_a = 0.0147754;
    tree->elements[ups].loss_b = -0.0026596;
    tree->elements[ups].loss_c = 0.0295508;
    tree->elements[ups].autonomy_s = 300.0;
    tree->elements[ups].charge_fraction = 0.9;
    int pdu = tree_element(tree, "pdu", "pdu", "ups", 1e6);
    tree_rack(tree, pdu);
    tree_rack(tree, pdu);
    tree_rack(tree, 0);
    tree_build(tree);
}

// Autonomy is defined at rated load: there it lasts exactly that long. At half load it lasts as the law says.
static void autonomy_ends_on_the_instant(void)
{
    for (double load = 0.25; load <= 1.0; load *= 2.0) {
        Tree tree = {0};
        hall(&tree);
        double rack_w[] = {0.5e6 * load, 0.5e6 * load, 1e5};
        tree_settle(&tree, 1.0, rack_w, NULL);
        CHECK(tw_power_horizon_s(tree.power, tree.block) == INFINITY);
        tw_power_set_service(tree.power, tree.block, 0, false);

        double in = load * 1e6 + tw_loss_w(1e6, 0.0147754, -0.0026596, 0.0295508, load * 1e6);
        double rated_in = 1e6 + tw_loss_w(1e6, 0.0147754, -0.0026596, 0.0295508, 1e6);
        double want_s = 300.0 * rated_in / in;
        CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), want_s, 1e-12);

        rack_w[2] = 0.0;
        tree_settle(&tree, 100.0, rack_w, NULL);
        CHECK(tree.rack_on[0] && tree.rack_on[1] && !tree.rack_on[2]);
        CHECK(tree.element_w[1] == 0.0 && tree.out.utility_w == 0.0 && tree.out.storage_w < 0.0);
        CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), want_s - 100.0, 1e-11);

        // up to the crossing it holds; at the crossing it is dead
        tree_settle(&tree, tw_power_horizon_s(tree.power, tree.block), rack_w, NULL);
        CHECK(!tree.rack_on[0] && tree.out.unserved_w == 0.0);
        CHECK(tw_power_stored_j(tree.power, tree.block) == 0.0);
        tree_destroy(&tree);
    }
}

// A window across the crossing gives what the two windows on either side of it give.
static void a_window_may_cross_the_end(void)
{
    Tree tree = {0};
    hall(&tree);
    double rack_w[] = {0.5e6, 0.5e6, 0.0};
    tree_settle(&tree, 1.0, rack_w, NULL);
    tw_power_set_service(tree.power, tree.block, 0, false);
    tree_settle(&tree, 400.0, rack_w, NULL);
    CHECK_NEAR(tree.out.unserved_w, 1e6 * 100.0 / 400.0, 1e-12);
    double full_j = 300.0 * (1e6 + tw_loss_w(1e6, 0.0147754, -0.0026596, 0.0295508, 1e6)) / 0.9;
    CHECK_NEAR(tree.out.storage_w * 400.0, -full_j, 1e-12);
    tree_destroy(&tree);
}

// A clock of whole nanoseconds stops short of the crossing by less than one: that ends the store as well, as heat.
static void a_nanosecond_short_is_the_end(void)
{
    Tree tree = {0};
    hall(&tree);
    double rack_w[] = {0.37e6, 0.4e6, 0.0};
    tree_settle(&tree, 1.0, rack_w, NULL);
    tw_power_set_service(tree.power, tree.block, 0, false);
    double horizon_s = floor(tw_power_horizon_s(tree.power, tree.block) * 1e9) * 1e-9;
    tree_settle(&tree, horizon_s, rack_w, NULL);
    CHECK(!tree.rack_on[0] && tw_power_horizon_s(tree.power, tree.block) == INFINITY);
    tree_destroy(&tree);
}

// P22, P23: charging books the energy moved, stops when full, and the round trip is the square of the efficiency.
static void charging_stops_when_full(void)
{
    Tree tree = {0};
    hall(&tree);
    double rack_w[] = {0.4e6, 0.4e6, 0.0};
    double full_j = tw_power_stored_j(tree.power, tree.block);
    tree_settle(&tree, 1.0, rack_w, NULL);
    tw_power_set_service(tree.power, tree.block, 0, false);
    tree_settle(&tree, 60.0, rack_w, NULL);
    double out_j = tree.element_w[1] + 60.0 * (0.8e6 + tw_loss_w(1e6, 0.0147754, -0.0026596, 0.0295508, 0.8e6));
    double gone_j = full_j - tw_power_stored_j(tree.power, tree.block);
    CHECK_NEAR(gone_j, out_j / 0.9, 1e-12);

    // at a tenth of the rating, unless limits leave less
    tw_power_set_service(tree.power, tree.block, 0, true);
    double law_w = 0.8e6 + tw_loss_w(1e6, 0.0147754, -0.0026596, 0.0295508, 0.8e6);
    tree_settle(&tree, 10.0, rack_w, NULL);
    CHECK_NEAR(tree.out.utility_w, law_w + 1e5, 1e-14);
    CHECK_NEAR(tree.out.storage_w, 0.9e5, 1e-12);
    tw_power_set_limit(tree.power, tree.block, 0, law_w + 2e4);
    tree_settle(&tree, 10.0, rack_w, NULL);
    CHECK_NEAR(tree.out.utility_w, law_w + 2e4, 1e-12);
    tw_power_set_limit(tree.power, tree.block, 0, INFINITY);

    // one long window holds the crossing: what went in is what was missing
    double missing_j = full_j - tw_power_stored_j(tree.power, tree.block);
    tree_settle(&tree, 3600.0, rack_w, NULL);
    CHECK_NEAR(tree.out.storage_w * 3600.0, missing_j, 1e-12);
    CHECK(tw_power_stored_j(tree.power, tree.block) == full_j);
    TwPowerMeter meter = tw_power_meter(tree.power, tree.block);
    CHECK_NEAR(meter.feed_j, meter.load_j + meter.loss_j + meter.storage_j, 1e-12);
    CHECK_WITHIN(meter.storage_j, 0.0, 1e-12 * full_j);
    tree_destroy(&tree);
}

// The reserve of a battery is not discharged, and a store within a store's subtree waits its turn.
static void reserves_stay_and_stores_cascade(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int bess = tree_element(&tree, "bess", "bess", "grid", NAN);
    tree.elements[bess].capacity_j = 1e9;
    tree.elements[bess].reserve_fraction = 0.2;
    tree.elements[bess].charge_fraction = 0.94792;
    int ups = tree_element(&tree, "ups", "ups", "bess", NAN);
    tree.elements[ups].rated_w = 1e6;
    tree.elements[ups].autonomy_s = 300.0;
    tree_rack(&tree, ups);
    tree_build(&tree);
    double rack_w = 1e6;
    tree_settle(&tree, 1.0, &rack_w, NULL);
    tw_power_set_service(tree.power, tree.block, 0, false);
    double bess_s = 0.8e9 * 0.94792 / 1e6;
    CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), bess_s, 1e-12);
    tree_settle(&tree, bess_s + 10.0, &rack_w, NULL);
    CHECK(tree.rack_on[0] && tree.out.unserved_w == 0.0);
    CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), 290.0, 1e-9);
    CHECK_NEAR(tw_power_stored_j(tree.power, tree.block), 0.2e9 + 290e6, 1e-9);
    tree_destroy(&tree);
}

// P41: a fork is a copy of the block, and both futures are the same bytes.
static void a_fork_is_a_copy(void)
{
    Tree tree = {0};
    hall(&tree);
    double rack_w[] = {0.37e6, 0.4e6, 1e5}, grant[3];
    int binding[3];
    tree_settle(&tree, 1.0, rack_w, NULL);
    tw_power_set_service(tree.power, tree.block, 1, false);
    void *fork = tw_block_create(&tree.layout), *straight = tree.block;
    memcpy(fork, straight, tree.layout.bytes);
    for (int branch = 0; branch < 2; branch++) {
        tree.block = branch ? fork : straight;
        double floor_w[3] = {0}, most_w[] = {0.6e6, 0.6e6, 0.6e6};
        tw_power_set_service(tree.power, tree.block, 1, true);
        tw_power_allocate(tree.power, tree.block, rack_w, floor_w, most_w, NULL, grant, binding);
        tree_settle(&tree, 7.0, rack_w, NULL);
    }
    CHECK(tw_block_checksum(fork, tree.layout.bytes) == tw_block_checksum(straight, tree.layout.bytes));
    tw_block_destroy(straight);
    tree_destroy(&tree);
}

int main(void)
{
    autonomy_ends_on_the_instant();
    a_window_may_cross_the_end();
    a_nanosecond_short_is_the_end();
    charging_stops_when_full();
    reserves_stay_and_stores_cascade();
    a_fork_is_a_copy();
    return check_failures != 0;
}
