// What acts by itself: transfers, generators with load blocks, modules, bypass, protection, shaving, ramps, cords,
// islands.
#include "models/power/curve.h"
#include "tests/power/trees.h"

static void step(Tree *tree, double span_s, double rack_w) { tree_settle(tree, span_s, &rack_w, NULL); }

static int logged(const Tree *tree, TwPowerWhat what, int element, double *time_s)
{
    TwPowerEvent events[64];
    int64_t from = 0;
    int n = tw_power_events(tree->power, tree->block, &from, events, 64), count = 0;
    for (int k = 0; k < n; k++) {
        if (events[k].what != (int)what || events[k].element != element) continue;
        if (time_s) *time_s = (double)events[k].time_ns * 1e-9;
        count++;
    }
    return count;
}

// P37: 10 MW on a ups, generators that take 50 % at 10 s, 80 % at 15 s and all at 20 s: the cells give 135 MJ.
static void generators_take_load_in_blocks(void)
{
    static const double blocks[] = {0.5, 0.8, 1.0};
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int generator = tree_element(&tree, "generator", "generator", "", INFINITY);
    int ats = tree_element(&tree, "ats", "ats", "grid", NAN), ups = tree_element(&tree, "ups", "ups", "ats", NAN);
    TwElementRow *g = &tree.elements[generator], *s = &tree.elements[ats], *u = &tree.elements[ups];
    g->rated_w = 10e6, g->start_s = 10.0, g->block_s = 5.0, g->cool_s = 60.0, g->blocks = (TwReals){3, blocks};
    s->second = "generator", s->transfer_s = 0.0, s->retransfer_s = 30.0;
    u->rated_w = 10e6, u->autonomy_s = 600.0, u->charge_w = 0.0;
    tree_rack(&tree, ups);
    tree_build(&tree);
    step(&tree, 5.0, 10e6);
    tw_power_set_service(tree.power, tree.block, 0, false);
    CHECK(logged(&tree, TW_POWER_CALLED, generator, NULL) == 1);
    double full_j = tw_power_stored_j(tree.power, tree.block), time_s;
    CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), 10.0, 1e-12);
    step(&tree, 30.0, 10e6);
    CHECK(tree.rack_on[0] && tree.out.unserved_w == 0.0);
    CHECK_NEAR(full_j - tw_power_stored_j(tree.power, tree.block), 135e6, 1e-12);
    CHECK(logged(&tree, TW_POWER_READY, generator, &time_s) == 1);
    CHECK_NEAR(time_s, 15.0, 1e-9);
    CHECK(logged(&tree, TW_POWER_BLOCK, generator, NULL) == 2);
    CHECK_NEAR(tree.out.generation_w * 30.0, 300e6 - 135e6, 1e-12);
    CHECK_NEAR(tw_power_fuel_j(tree.power, tree.block, generator), (300e6 - 135e6) / 0.322, 1e-12);

    // the grid is back: the switch waits, returns, the generator runs on and stops
    tw_power_set_service(tree.power, tree.block, 0, true);
    step(&tree, 29.0, 10e6);
    CHECK_NEAR(tree.out.generation_w, 10e6, 1e-12);
    step(&tree, 2.0, 10e6);
    CHECK_NEAR(tree.out.generation_w, 5e6, 1e-9);
    CHECK(tw_power_energised(tree.power, tree.block, generator));
    step(&tree, 60.0, 10e6);
    CHECK(!tw_power_energised(tree.power, tree.block, generator) && tree.rack_on[0]);
    CHECK(logged(&tree, TW_POWER_STOPPED, generator, NULL) == 1);
    tree_destroy(&tree);
}

// A switch that is told to wait rides through a short loss, and leaves after a long one.
static void a_switch_waits_before_it_leaves(void)
{
    Tree tree = {0};
    tree_element(&tree, "one", "feed", "", INFINITY);
    tree_element(&tree, "two", "feed", "", INFINITY);
    int ats = tree_element(&tree, "ats", "ats", "one", 1e6);
    tree.elements[ats].second = "two";
    tree.elements[ats].inhibit_s = 2.0, tree.elements[ats].transfer_s = 0.5, tree.elements[ats].retransfer_s = 60.0;
    tree_rack(&tree, ats);
    tree_build(&tree);
    double time_s = NAN;
    for (int turn = 0; turn < 2; turn++) {
        tw_power_set_service(tree.power, tree.block, 0, false);
        for (int k = 0; k < (turn ? 30 : 15); k++)
            tw_power_settle(tree.power, tree.block, 0.1, (double[]){0.0}, NULL, &tree.out);
        CHECK(tree.rack_on[0] == (turn == 1));
        CHECK(logged(&tree, TW_POWER_TRANSFER, ats, &time_s) == turn);
        tw_power_set_service(tree.power, tree.block, 0, true);
        step(&tree, 1.0, 10e3);
    }
    CHECK_NEAR(time_s, 2.5 + 2.0, 1e-9);
    step(&tree, 60.0, 10e3);
    CHECK(logged(&tree, TW_POWER_RETURN, ats, NULL) == 1 && tree.rack_on[0]);
    tree_destroy(&tree);
}

// A transfer leaves its load dead for exactly its time; what has no other source dies; a return waits.
static void a_transfer_takes_its_time(void)
{
    Tree tree = {0};
    tree_element(&tree, "a", "feed", "", INFINITY);
    tree_element(&tree, "b", "feed", "", INFINITY);
    int sts = tree_element(&tree, "sts", "sts", "a", 1e6);
    tree.elements[sts].second = "b", tree.elements[sts].transfer_s = 0.008, tree.elements[sts].retransfer_s = 10.0;
    tree_rack(&tree, sts);
    tree_build(&tree);
    step(&tree, 1.0, 5e5);
    CHECK(tree.element_w[0] > 0.0 && tree.element_w[1] == 0.0);
    tw_power_set_service(tree.power, tree.block, 0, false);
    step(&tree, 0.01, 5e5);
    CHECK_NEAR(tree.out.unserved_w * 0.01, 5e5 * 0.008, 1e-9);
    CHECK_NEAR(tree.element_w[1] * 0.01, 5e5 * 0.002, 1e-9);
    tw_power_set_service(tree.power, tree.block, 0, true);
    step(&tree, 9.0, 5e5);
    CHECK(tree.element_w[0] == 0.0);
    step(&tree, 2.0, 5e5);
    CHECK_NEAR(tree.out.unserved_w * 2.0, 5e5 * 0.008, 1e-9);
    CHECK_NEAR(tree.element_w[0] * 2.0, 5e5 * 0.992, 1e-9);
    tree_destroy(&tree);
}

// A switch that is lost forgets that it waited to return, however long it is away, and what it was between: back in
// service it stands where it stood, and waits anew.
static void a_lost_switch_forgets(void)
{
    Tree tree = {0};
    tree_element(&tree, "a", "feed", "", INFINITY);
    tree_element(&tree, "b", "feed", "", INFINITY);
    int ats = tree_element(&tree, "ats", "ats", "a", 1e6);
    tree.elements[ats].second = "b", tree.elements[ats].transfer_s = 0.5, tree.elements[ats].retransfer_s = 10.0;
    tree_rack(&tree, ats);
    tree_build(&tree);
    tw_power_set_service(tree.power, tree.block, 0, false);
    step(&tree, 1.0, 5e5);
    CHECK(tree.rack_on[0]);
    tw_power_set_service(tree.power, tree.block, 0, true);
    step(&tree, 4.0, 5e5);    // of ten that it waits
    tw_power_set_service(tree.power, tree.block, ats, false);
    step(&tree, 60.0, 5e5);
    CHECK(!tree.rack_on[0] && logged(&tree, TW_POWER_RETURN, ats, NULL) == 0);
    tw_power_set_service(tree.power, tree.block, ats, true);
    step(&tree, 9.0, 5e5);
    CHECK(tree.rack_on[0] && tree.element_w[0] == 0.0);
    step(&tree, 2.0, 5e5);
    CHECK(tree.rack_on[0] && logged(&tree, TW_POWER_RETURN, ats, NULL) == 1);
    // lost half way: it ends there
    tw_power_set_service(tree.power, tree.block, 0, false);
    step(&tree, 0.2, 5e5);
    CHECK(!tree.rack_on[0]);
    tw_power_set_service(tree.power, tree.block, ats, false);
    step(&tree, 5.0, 5e5);
    tw_power_set_service(tree.power, tree.block, ats, true);
    step(&tree, 0.1, 5e5);
    CHECK(tree.rack_on[0] && tree.element_w[1] > 0.0);
    tree_destroy(&tree);
}

// P21: the number of modules with least loss; a spare one more; they are held, and switched on at once.
static void modules_follow_the_load(void)
{
    for (int spare = 0; spare < 2; spare++) {
        Tree tree = {0};
        tree_element(&tree, "grid", "feed", "", INFINITY);
        int ups = tree_element(&tree, "ups", "ups", "grid", NAN);
        TwElementRow *u = &tree.elements[ups];
        u->rated_w = 4e6, u->modules = 4, u->module_spare = spare, u->module_hold_s = 100.0;
        u->loss_a = 0.0147754, u->loss_b = -0.0026596, u->loss_c = 0.0295508;
        tree_rack(&tree, ups);
        tree_build(&tree);
        step(&tree, 200.0, 1.2e6);
        CHECK(tw_power_modules_on(tree.power, tree.block, ups) == 2 + spare);
        step(&tree, 1.0, 1.2e6);
        CHECK_NEAR(tree.loss_w[ups], spare ? 55319.1 : 47635.9, 1e-5);
        step(&tree, 1.0, 3e6);
        CHECK(tw_power_modules_on(tree.power, tree.block, ups) == 4);    // nearer to their best load than 3
        step(&tree, 50.0, 1.2e6);
        CHECK(tw_power_modules_on(tree.power, tree.block, ups) == 4);
        step(&tree, 51.0, 1.2e6);
        CHECK(tw_power_modules_on(tree.power, tree.block, ups) == 2 + spare);
        tw_power_set_modules(tree.power, tree.block, ups, 2);
        CHECK(tw_power_modules_on(tree.power, tree.block, ups) == 2);
        tree_destroy(&tree);
    }
}

// P35, P39: an overload lasts as long as the curve allows, then the bypass carries it; without supply it is dropped.
static void overload_ends_in_bypass(void)
{
    static const double m[] = {1.25, 1.5}, t[] = {600.0, 60.0};
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int ups = tree_element(&tree, "ups", "ups", "grid", NAN);
    TwElementRow *u = &tree.elements[ups];
    u->rated_w = 1e6, u->autonomy_s = 300.0, u->trip = "table", u->trip_m = (TwReals){2, m},
    u->trip_s = (TwReals){2, t};
    u->loss_c = 0.04, u->eco_loss_fraction = 0.005, u->retransfer_s = 20.0;
    tree_rack(&tree, ups);
    tree_build(&tree);
    step(&tree, 300.0, 1.25e6);
    CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), 300.0, 1e-9);
    step(&tree, 1e-6, 1.5e6);
    CHECK_NEAR(tw_power_horizon_s(tree.power, tree.block), 30.0, 1e-6);
    step(&tree, 31.0, 1.5e6);
    CHECK(logged(&tree, TW_POWER_BYPASSED, ups, NULL) == 1 && tree.rack_on[0]);
    step(&tree, 1.0, 1.5e6);
    CHECK_NEAR(tree.loss_w[ups], 0.005 * 1.5e6, 1e-12);
    // in bypass the battery does not help
    void *fork = tw_block_create(&tree.layout);
    memcpy(fork, tree.block, tree.layout.bytes);
    tw_power_set_service(tree.power, fork, 0, false);
    CHECK(!tw_power_energised(tree.power, fork, ups));
    tw_block_destroy(fork);
    // back to its modules when the load has been within them for a while
    step(&tree, 21.0, 0.9e6);
    step(&tree, 1.0, 0.9e6);
    CHECK_NEAR(tree.loss_w[ups], tw_loss_w(1e6, 0.0, 0.0, 0.04, 0.9e6), 1e-12);
    tree_destroy(&tree);
}

// P33, O13: travel adds up over changing currents, at the exact instant inside a window.
static void breakers_travel(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int breaker = tree_element(&tree, "breaker", "breaker", "grid", 1e6);
    tree.elements[breaker].trip = "ei", tree.elements[breaker].trip_instant = 12.0;
    tree_rack(&tree, breaker);
    tree_build(&tree);
    step(&tree, 40.0 / 3.0, 2e6);
    step(&tree, 10.0, 5e6);
    CHECK_NEAR(tree.out.unserved_w * 10.0, 5e6 * (10.0 - 5.0 / 3.0), 1e-9);
    double time_s = 0.0;
    CHECK(logged(&tree, TW_POWER_TRIPPED, breaker, &time_s) == 1);
    CHECK_NEAR(time_s, 15.0, 1e-8);
    tw_power_set_service(tree.power, tree.block, breaker, true);
    step(&tree, 1.0, 13e6);
    CHECK(tree.out.unserved_w == 13e6);
    tree_destroy(&tree);
}

// A store gives what its supply may not: a cap that is shaved, and a ramp (P30) whose energy is dP^2 / 2r.
static void stores_shave_and_ramp(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int bess = tree_element(&tree, "bess", "bess", "grid", NAN);
    TwElementRow *b = &tree.elements[bess];
    b->capacity_j = 1e9, b->charge_fraction = 1.0, b->charge_w = 0.0, b->grid_ramp_w_s = 10e6;
    tree_rack(&tree, bess);
    tree_build(&tree);
    step(&tree, 1.0, 0.0);
    double full_j = tw_power_stored_j(tree.power, tree.block);
    for (int k = 0; k < 12; k++) {
        step(&tree, 1.0, 100e6);
        CHECK_NEAR(tree.out.utility_w, k < 10 ? 10e6 * (k + 0.5) : 100e6, 1e-9);
    }
    CHECK_NEAR(full_j - tw_power_stored_j(tree.power, tree.block), 500e6, 1e-9);
    // down again: the cells take what the supply may not stop giving at once
    step(&tree, 20.0, 0.0);
    CHECK_NEAR(tw_power_stored_j(tree.power, tree.block), full_j, 1e-9);
    tree_destroy(&tree);

    tree = (Tree){0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    bess = tree_element(&tree, "bess", "bess", "grid", NAN);
    b = &tree.elements[bess];
    b->capacity_j = 60e6, b->charge_fraction = 0.9, b->charge_w = 1e6, b->shave_w = 3e6, b->rated_w = 2e6;
    tree_rack(&tree, bess);
    tree_build(&tree);
    step(&tree, 27.0, 4e6);
    CHECK_NEAR(tree.out.utility_w, 3e6, 1e-12);
    step(&tree, 54.0, 4e6);    // the cells held for 54 s in all
    CHECK_NEAR(tree.out.utility_w, 3.5e6, 1e-9);
    CHECK(tw_power_stored_j(tree.power, tree.block) == 0.0);
    step(&tree, 10.0, 2.5e6);    // charging stays below the cap as well
    CHECK_NEAR(tree.out.utility_w, 3e6, 1e-12);
    tree_destroy(&tree);
}

// After an outage the draw of a ups walks back in on a straight line.
static void a_ups_walks_in(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int ups = tree_element(&tree, "ups", "ups", "grid", NAN);
    TwElementRow *u = &tree.elements[ups];
    u->rated_w = 1e6, u->autonomy_s = 300.0, u->walk_in_s = 20.0, u->charge_w = 0.0;
    tree_rack(&tree, ups);
    tree_build(&tree);
    step(&tree, 1.0, 1e6);
    tw_power_set_service(tree.power, tree.block, 0, false);
    step(&tree, 10.0, 1e6);
    tw_power_set_service(tree.power, tree.block, 0, true);
    double then_j = tw_power_stored_j(tree.power, tree.block);
    step(&tree, 10.0, 1e6);
    CHECK_NEAR(tree.out.utility_w, 0.25e6, 1e-9);
    step(&tree, 30.0, 1e6);
    CHECK_NEAR(then_j - tw_power_stored_j(tree.power, tree.block), 1e6 * 10.0, 1e-9);
    tree_destroy(&tree);
}

// E1 to E4: four panels of 500 kW carry 1,531 kW over equal cords; those that are left share it.
static void cords_share_what_is_left(void)
{
    static const double want_w[] = {382.75e3, 510.3333333333333e3, 765.5e3, 1531e3};
    static const char *const names[] = {"rpp1", "rpp2", "rpp3", "rpp4"};
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    static int cords[4];
    for (int i = 0; i < 4; i++) cords[i] = tree_element(&tree, names[i], "panel", "grid", 500e3);
    tree_rack(&tree, cords[0]);
    tree.racks[0].cord_count = 4;
    tree.racks[0].cords = cords;
    tree_build(&tree);
    for (int failed = 0; failed < 4; failed++) {
        if (failed > 0) tw_power_set_service(tree.power, tree.block, cords[failed - 1], false);
        step(&tree, 1.0, 1531e3);
        CHECK_NEAR(tree.element_w[cords[3]], want_w[failed], 1e-12);
        // capping keeps every panel that is left within its limit
        double demand = 1531e3, floor_w = 0.0, most_w = 2e6, grant;
        int binding;
        tw_power_allocate(tree.power, tree.block, &demand, &floor_w, &most_w, NULL, &grant, &binding);
        CHECK_NEAR(grant, fmin(2e6, 500e3 * (4 - failed)), 1e-9);
    }
    tw_power_set_service(tree.power, tree.block, cords[3], false);
    tree_settle(&tree, 1.0, (double[]){0.0}, NULL);
    CHECK(!tree.rack_on[0]);
    tree_destroy(&tree);
}

// Generation on the site feeds its board first; alone it carries an island up to what it has.
static void local_generation(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", INFINITY);
    int board = tree_element(&tree, "board", "board", "grid", INFINITY);
    int turbine = tree_element(&tree, "turbine", "turbine", "board", NAN);
    int sun = tree_element(&tree, "sun", "solar", "board", NAN);
    tree.elements[turbine].rated_w = 3e6, tree.elements[turbine].forms_grid = true;
    tree.elements[sun].rated_w = 1e6;
    tree_rack(&tree, board);
    tree_build(&tree);
    step(&tree, 1.0, 5e6);
    CHECK_NEAR(tree.element_w[0], 1e6, 1e-12);
    CHECK_NEAR(tree.out.generation_w, 4e6, 1e-12);
    tw_power_set_available(tree.power, tree.block, sun, 0.25e6);
    step(&tree, 1.0, 5e6);
    CHECK_NEAR(tree.element_w[0], 1.75e6, 1e-12);
    // more than there is load for is not generated
    step(&tree, 1.0, 1e6);
    CHECK(tree.element_w[0] == 0.0);
    CHECK_NEAR(tree.element_w[turbine] + tree.element_w[sun], 1e6, 1e-12);
    tw_power_set_service(tree.power, tree.block, 0, false);
    double demand = 5e6, floor_w = 0.0, most_w = 5e6, grant;
    int binding;
    tw_power_allocate(tree.power, tree.block, &demand, &floor_w, &most_w, NULL, &grant, &binding);
    CHECK_NEAR(grant, 3.25e6, 1e-9);
    step(&tree, 1.0, grant);
    CHECK(tree.rack_on[0] && tree.out.unserved_w == 0.0);
    tw_power_set_service(tree.power, tree.block, turbine, false);
    tree_settle(&tree, 1.0, (double[]){0.0}, NULL);
    CHECK(!tree.rack_on[0]);    // the sun alone forms no grid
    tree_destroy(&tree);
}

// Two half rings that can feed each other: whichever source is lost, the tie at the far end takes over.
static void a_ring_opens_elsewhere(void)
{
    Tree tree = {0};
    tree_element(&tree, "a", "feed", "", INFINITY);
    tree_element(&tree, "b", "feed", "", INFINITY);
    int a1 = tree_element(&tree, "a1", "switchgear", "a", INFINITY),
        b1 = tree_element(&tree, "b1", "switchgear", "b", INFINITY);
    tree.elements[a1].second = "b1", tree.elements[b1].second = "a1";
    tree.elements[a1].transfer_s = tree.elements[b1].transfer_s = 1.0;
    tree.elements[a1].retransfer_s = tree.elements[b1].retransfer_s = 5.0;
    tree_rack(&tree, a1);
    tree_rack(&tree, b1);
    tree_build(&tree);
    double rack_w[] = {1e6, 2e6};
    for (int lost = 0; lost < 2; lost++) {
        tree_settle(&tree, 1.0, rack_w, NULL);
        CHECK_NEAR(tree.element_w[0], 1e6, 1e-12);
        tw_power_set_service(tree.power, tree.block, lost, false);
        tree_settle(&tree, 2.0, rack_w, NULL);
        tree_settle(&tree, 1.0, rack_w, NULL);
        CHECK(tree.rack_on[0] && tree.rack_on[1]);
        CHECK_NEAR(tree.element_w[1 - lost], 3e6, 1e-12);
        tw_power_set_service(tree.power, tree.block, lost, true);
        tree_settle(&tree, 10.0, rack_w, NULL);
    }
    // both lost: each asks the other, neither has any
    tw_power_set_service(tree.power, tree.block, 0, false);
    tw_power_set_service(tree.power, tree.block, 1, false);
    tree_settle(&tree, 10.0, (double[]){0.0, 0.0}, NULL);
    CHECK(!tree.rack_on[0] && !tree.rack_on[1]);
    tree_destroy(&tree);
}

// P32 to P36.
static void curves(void)
{
    static const double at_2[] = {10.0290, 13.5, 26.6667, 120.0}, at_10[] = {2.9706, 1.5, 0.8081, 13.3333};
    for (int k = 0; k < 4; k++) {
        TwTripCurve c = {.kind = (TwTrip)(TW_TRIP_SI + k), .tms = 1.0, .instant = INFINITY};
        CHECK_NEAR(tw_curve_time_s(&c, 2.0), at_2[k], 1e-4);
        CHECK_NEAR(tw_curve_time_s(&c, 10.0), at_10[k], 1e-4);
        CHECK(tw_curve_time_s(&c, 1.0) == INFINITY);
    }
    TwTripCurve thermal = {.kind = TW_TRIP_THERMAL, .tau_s = 600.0, .instant = INFINITY};
    CHECK_NEAR(tw_curve_time_s(&thermal, 1.5), 352.672, 1e-4);
    thermal.tau_s = 1800.0;
    CHECK_NEAR(tw_curve_left_s(&thermal, 0.49, 1.3), 996.093, 1e-4);
    // the same by small steps
    double travel = 0.49, time_s = 0.0;
    for (; travel < 1.0; time_s += 0.01) travel = tw_curve_travel(&thermal, travel, 1.3, 0.01);
    CHECK_NEAR(time_s, 996.093, 2e-5);
    TwTripCurve ups = {.kind = TW_TRIP_TABLE, .instant = INFINITY, .count = 2, .m = {1.25, 1.5}, .t_s = {600.0, 60.0}};
    CHECK_NEAR(tw_curve_time_s(&ups, 1.35), 227.004, 1e-4);
    TwRideThrough itic = tw_ride_through_itic();
    CHECK(tw_ride_through_rides(&itic, 0.0, 0.015) && !tw_ride_through_rides(&itic, 0.0, 0.025));
    CHECK(tw_ride_through_rides(&itic, 0.7, 0.4) && tw_ride_through_rides(&itic, 0.91, 60.0));
    CHECK(!tw_ride_through_rides(&itic, 0.69, 0.4));
}

int main(void)
{
    generators_take_load_in_blocks();
    a_transfer_takes_its_time();
    a_lost_switch_forgets();
    a_switch_waits_before_it_leaves();
    modules_follow_the_load();
    overload_ends_in_bypass();
    breakers_travel();
    stores_shave_and_ramp();
    a_ups_walks_in();
    cords_share_what_is_left();
    local_generation();
    a_ring_opens_elsewhere();
    curves();
    return check_failures != 0;
}
