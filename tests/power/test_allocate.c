// Cap allocation: published cases, the definition of max-min, and limits that hold through losses.
#include "tests/power/trees.h"

static double none[TREE_MOST], grant[TREE_MOST];
static int binding[TREE_MOST];

static int allocate(Tree *tree, const double *demand, const double *floor_w, const double *most)
{
    return tw_power_allocate(tree->power, tree->block, demand, floor_w ? floor_w : none, most ? most : demand, none,
                             grant, binding);
}

// K24, O9: eight racks that want 120 or 142 kW get 93.75 each, and the utility stops them.
static void equal_wants_share_equally(void)
{
    for (double want = 120e3; want <= 142e3; want += 22e3) {
        Tree tree = {0};
        tree_dps(&tree);
        tree_build(&tree);
        double demand[8];
        for (int r = 0; r < 8; r++) demand[r] = want;
        CHECK(allocate(&tree, demand, NULL, NULL) == 8);
        for (int r = 0; r < 8; r++) {
            CHECK_NEAR(grant[r], 93750.0, 1e-12);
            CHECK(binding[r] == 0);
        }
        tree_settle(&tree, 1.0, grant, NULL);
        CHECK_NEAR(tree.element_w[2], 187.5e3, 1e-12);
        tree_destroy(&tree);
    }
}

// K25, O10: small wants are met, the rest share; nothing is left to rise into.
static void small_wants_are_met(void)
{
    Tree tree = {0};
    tree_dps(&tree);
    tree_build(&tree);
    double demand[] = {60e3, 60e3, 142e3, 142e3, 142e3, 142e3, 142e3, 142e3}, most[8];
    for (int r = 0; r < 8; r++) most[r] = 142e3;
    CHECK(allocate(&tree, demand, NULL, most) == 6);
    for (int r = 0; r < 8; r++) {
        CHECK_NEAR(grant[r], r < 2 ? 60e3 : 105e3, 1e-12);
        CHECK(binding[r] == (r < 2 ? -1 : 0));
    }
    tree_destroy(&tree);
}

// O11: two branches; first the branch limits bind, then a lower load target at the root.
static void the_tightest_limit_binds(void)
{
    Tree tree = {0};
    tree_element(&tree, "root", "feed", "", 1000e3);
    int a = tree_element(&tree, "a", "pdu", "root", 450e3), b = tree_element(&tree, "b", "pdu", "root", 700e3);
    for (int r = 0; r < 4; r++) tree_rack(&tree, a);
    tree_rack(&tree, b);
    tree_rack(&tree, b);
    tree_build(&tree);
    double demand[] = {200e3, 200e3, 200e3, 200e3, 400e3, 100e3};
    CHECK(allocate(&tree, demand, NULL, NULL) == 4);
    for (int r = 0; r < 4; r++) {
        CHECK_NEAR(grant[r], 112.5e3, 1e-12);
        CHECK(binding[r] == a);
    }
    CHECK(grant[4] == 400e3 && grant[5] == 100e3 && binding[4] == -1);

    tw_power_set_limit(tree.power, tree.block, 0, 800e3);
    CHECK(allocate(&tree, demand, NULL, NULL) == 5);
    for (int r = 0; r < 4; r++) CHECK_NEAR(grant[r], 112.5e3, 1e-12);
    CHECK_NEAR(grant[4], 250e3, 1e-12);
    CHECK(grant[5] == 100e3 && binding[4] == 0 && binding[5] == -1);
    tree_destroy(&tree);
}

// O12: a higher class is served first; increments above floors are what is shared.
static void classes_and_floors_come_first(void)
{
    Tree tree = {0};
    tree_dps(&tree);
    tree.racks[0].priority = tree.racks[1].priority = 1;
    tree_build(&tree);
    double demand[8];
    for (int r = 0; r < 8; r++) demand[r] = 120e3;
    allocate(&tree, demand, NULL, NULL);
    for (int r = 0; r < 8; r++) CHECK_NEAR(grant[r], r < 2 ? 120e3 : 85e3, 1e-12);
    tree_destroy(&tree);

    Tree one = {0};
    tree_element(&one, "root", "feed", "", 300e3);
    for (int r = 0; r < 3; r++) tree_rack(&one, 0);
    tree_build(&one);
    double wants[] = {150e3, 150e3, 150e3}, floors[] = {20e3, 60e3, 40e3};
    allocate(&one, wants, floors, NULL);
    CHECK_NEAR(grant[0], 80e3, 1e-12);
    CHECK_NEAR(grant[1], 120e3, 1e-12);
    CHECK_NEAR(grant[2], 100e3, 1e-12);

    // floors that do not fit are lowered in proportion
    tw_power_set_limit(one.power, one.block, 0, 60e3);
    CHECK(allocate(&one, wants, floors, NULL) == 3);
    CHECK_NEAR(grant[0], 10e3, 1e-12);
    CHECK_NEAR(grant[1], 30e3, 1e-12);
    CHECK_NEAR(grant[2], 20e3, 1e-12);
    tree_destroy(&one);
}

// The spare pass: what nobody wants now may be risen into, up to the most, under the same limits.
static void racks_may_rise_into_what_is_spare(void)
{
    Tree tree = {0};
    tree_dps(&tree);
    tree_build(&tree);
    double demand[8], most[8];
    for (int r = 0; r < 8; r++) {
        demand[r] = r < 4 ? 50e3 : 80e3;
        most[r] = 142e3;
    }
    CHECK(allocate(&tree, demand, NULL, most) == 0);
    for (int r = 0; r < 8; r++) CHECK_NEAR(grant[r], demand[r] + 230e3 / 8, 1e-12);
    tree_destroy(&tree);
}

static void dead_racks_get_nothing(void)
{
    Tree tree = {0};
    tree_dps(&tree);
    tree_build(&tree);
    double demand[8];
    for (int r = 0; r < 8; r++) demand[r] = 142e3;
    tw_power_set_service(tree.power, tree.block, 4, false);
    CHECK(allocate(&tree, demand, NULL, NULL) == 6);
    for (int r = 0; r < 8; r++) {
        CHECK_NEAR(grant[r], r / 2 == 2 ? 0.0 : 125e3, 1e-12);
        CHECK(binding[r] == (r / 2 == 2 ? 4 : 0));
    }
    tree_destroy(&tree);
}

// Racks under a store that carries them are not bound by what lies dead above it.
static void a_store_is_a_root(void)
{
    Tree tree = {0};
    tree_element(&tree, "grid", "feed", "", 100e3);
    int ups = tree_element(&tree, "ups", "ups", "grid", 400e3);
    tree.elements[ups].autonomy_s = 300.0;
    tree_rack(&tree, ups);
    tree_rack(&tree, ups);
    tree_build(&tree);
    double demand[] = {250e3, 250e3};
    allocate(&tree, demand, NULL, NULL);
    CHECK_NEAR(grant[0], 50e3, 1e-12);
    tw_power_set_service(tree.power, tree.block, 0, false);
    allocate(&tree, demand, NULL, NULL);
    CHECK_NEAR(grant[0], 200e3, 1e-12);
    CHECK(binding[0] == ups);
    tree_destroy(&tree);
}

static unsigned next(unsigned *seed) { return *seed = *seed * 1664525u + 1013904223u; }
static double uniform(unsigned *seed) { return (next(seed) >> 8) / 16777216.0; }

// Random trees with losses: no element above its limit, every capped rack stopped by a full element in which nobody
// rose further (that is max-min), and loads that cannot be capped served first.
static void limits_hold_through_losses(void)
{
    static const char *const names[] = {"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "e10", "e11"};
    unsigned seed = 7;
    int stopped = 0;
    for (int trial = 0; trial < 200; trial++) {
        Tree tree = {0};
        tree_element(&tree, names[0], "feed", "", 300e3 + 700e3 * uniform(&seed));
        for (int i = 1; i < 12; i++) {
            int from = (int)(uniform(&seed) * i);
            int e = tree_element(&tree, names[i], "pdu", names[from], 50e3 + 400e3 * uniform(&seed));
            tree.elements[e].loss_a = 0.01 * uniform(&seed);
            tree.elements[e].loss_b = 0.02 * uniform(&seed) - 0.002;
            tree.elements[e].loss_c = 0.05 * uniform(&seed);
            if (tree.elements[e].loss_b < 0.0) tree.elements[e].loss_b = 0.0;
        }
        double demand[40], floor_w[40], most[40], load_w[3];
        for (int r = 0; r < 40; r++) {
            tree_rack(&tree, (int)(uniform(&seed) * 12));
            floor_w[r] = 4e3 * uniform(&seed);
            demand[r] = floor_w[r] + 60e3 * uniform(&seed);
            most[r] = demand[r] + 30e3 * uniform(&seed);
        }
        for (int l = 0; l < 3; l++) {
            tree.loads[tree.load_count++] = (TwPowerLoad){"load", (int)(uniform(&seed) * 12)};
            load_w[l] = 3e3 * uniform(&seed);
        }
        tree_build(&tree);
        stopped += tw_power_allocate(tree.power, tree.block, demand, floor_w, demand, load_w, grant, binding);
        tree_settle(&tree, 1.0, grant, load_w);
        for (int i = 0; i < 12; i++) CHECK(tree.element_w[i] <= tree.elements[i].limit_w * (1.0 + 1e-9));
        for (int r = 0; r < 40; r++) {
            double want = demand[r];
            if (binding[r] < 0)
                CHECK_NEAR(grant[r], want, 1e-9);
            else
                CHECK_NEAR(tree.element_w[binding[r]], tree.elements[binding[r]].limit_w, 1e-7);
        }
        double first[40];
        memcpy(first, grant, sizeof first);
        tw_power_allocate(tree.power, tree.block, demand, floor_w, most, load_w, grant, binding);
        tree_settle(&tree, 1.0, grant, load_w);
        for (int i = 0; i < 12; i++) CHECK(tree.element_w[i] <= tree.elements[i].limit_w * (1.0 + 1e-9));
        for (int r = 0; r < 40; r++) CHECK(grant[r] >= first[r] * (1.0 - 1e-9) && grant[r] <= most[r] * (1.0 + 1e-12));
        tree_destroy(&tree);
    }
    CHECK(stopped > 1000);
}

// Loads alone above a limit: the racks below it get nothing, those elsewhere lose nothing.
static void loads_are_served_first(void)
{
    Tree tree = {0};
    tree_element(&tree, "root", "feed", "", 500e3);
    int a = tree_element(&tree, "a", "pdu", "root", 100e3), b = tree_element(&tree, "b", "pdu", "root", 300e3);
    tree.elements[b].loss_c = 0.03;
    tree_rack(&tree, a);
    tree_rack(&tree, b);
    tree.loads[tree.load_count++] = (TwPowerLoad){"chiller", a};
    tree_build(&tree);
    double demand[] = {90e3, 400e3}, load_w = 110e3;
    CHECK(tw_power_allocate(tree.power, tree.block, demand, none, demand, &load_w, grant, binding) == 2);
    CHECK(grant[0] == 0.0 && binding[0] == a && binding[1] == b);
    CHECK_NEAR(grant[1], tw_loss_out_w(300e3, 0.0, 0.0, 0.03, 300e3), 1e-9);
    tree_destroy(&tree);
}

int main(void)
{
    equal_wants_share_equally();
    small_wants_are_met();
    the_tightest_limit_binds();
    classes_and_floors_come_first();
    racks_may_rise_into_what_is_spare();
    dead_racks_get_nothing();
    a_store_is_a_root();
    limits_hold_through_losses();
    loads_are_served_first();
    return check_failures != 0;
}
