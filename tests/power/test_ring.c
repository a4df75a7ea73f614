// Closed rings: shares by impedance, books that close, limits on both ways, a way that is lost.
#include "models/power/look.h"
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

// A ring main as it is built: boards at the stations, cables between them, one element that closes it.
//     grid - c1 - s1 - c2 - s2 - c3 - s3 - c4 - grid
typedef struct Main {
    Tree tree;
    int c1, s1, c2, s2, c4, s3, c3;
    TwVolts v;
    double load_w[3];
} Main;

static int cable(Tree *tree, const char *name, const char *from, double metres)
{
    int e = tree_element(tree, name, "cable", from, 2e6);
    tree->elements[e].length_m = metres;
    tree->elements[e].r_ohm_km = 0.2;
    tree->elements[e].x_ohm_km = 0.1;
    return e;
}

static void ring_main(Main *m, const char *second_feed)
{
    *m = (Main){.v = {.fresh = true}, .load_w = {300e3, 200e3, 100e3}};
    Tree *t = &m->tree;
    tree_element(t, "grid", "feed", "", INFINITY);
    if (second_feed) tree_element(t, second_feed, "feed", "", INFINITY);
    for (int i = 0; i < t->element_count; i++) t->elements[i].voltage_v = 10e3;
    m->c1 = cable(t, "c1", "grid", 1000.0);
    m->s1 = tree_element(t, "s1", "board", "c1", INFINITY);
    m->c2 = cable(t, "c2", "s1", 500.0);
    m->s2 = tree_element(t, "s2", "board", "c2", INFINITY);
    m->c4 = cable(t, "c4", second_feed ? second_feed : "grid", 2000.0);
    m->s3 = tree_element(t, "s3", "board", "c4", INFINITY);
    m->c3 = cable(t, "c3", "s2", 800.0);
    t->elements[m->c3].second = "s3";
    t->elements[m->c3].closed = true;
    const int at[] = {m->s1, m->s2, m->s3};
    for (int k = 0; k < 3; k++) t->loads[t->load_count++] = (TwPowerLoad){"load", at[k]};
    tree_build(t);
}

// The books of the next instant under an AC solution of this one.
static void solve(Main *m)
{
    Tree *t = &m->tree;
    tree_settle(t, 0.0, NULL, m->load_w);
    CHECK(tw_power_volts(t->power, t->block, 1.0, &m->v) && !m->v.newton);
    CHECK(tw_power_volts_check(&m->v) < 1e-9);    // Newton-Raphson finds the same
    tw_power_take_volts(t->power, t->block, &m->v, true, true);
    tree_settle(t, 1.0, NULL, m->load_w);
    // what the books lose in the cables is what the currents lose
    double lost = t->loss_w[m->c1] + t->loss_w[m->c2] + t->loss_w[m->c3] + t->loss_w[m->c4];
    CHECK_NEAR(lost, m->v.loss_sum_w, 1e-6);
    CHECK_NEAR(t->out.utility_w, 600e3 + lost, 1e-9);
}

static void main_end(Main *m)
{
    tw_volts_free(&m->v);
    tree_destroy(&m->tree);
}

// Moments of the loads about the other end, at one voltage and one kind of cable: the textbook's split.
static void a_ring_main_shares_by_moments(void)
{
    Main m;
    ring_main(&m, NULL);
    solve(&m);
    double length = 4300.0, first = (300e3 * 3300.0 + 200e3 * 2800.0 + 100e3 * 2000.0) / length;
    CHECK_NEAR(m.tree.element_w[m.c1], first, 0.01);
    CHECK_NEAR(m.tree.element_w[m.c4], 600e3 - first, 0.01);
    CHECK_NEAR(m.tree.element_w[m.c2], first - 300e3, 0.03);
    // s2 takes more than comes over c2: c3 runs from s3 to s2
    CHECK_NEAR(m.tree.element_w[m.c3], 200e3 - (first - 300e3), 0.03);
    CHECK(tw_power_look(m.tree.power, m.tree.block, m.c3).back);
    CHECK(!tw_power_look(m.tree.power, m.tree.block, m.c2).back);
    main_end(&m);
}

// Every single cable may be lost and nobody is dark; the rest runs round the other way.
static void a_cable_lost_leaves_every_station(void)
{
    Main m;
    ring_main(&m, NULL);
    const int cables[] = {m.c1, m.c2, m.c3, m.c4};
    const double c1_w[] = {0.0, 300e3, 500e3, 600e3}, c4_w[] = {600e3, 300e3, 100e3, 0.0};
    for (int k = 0; k < 4; k++) {
        solve(&m);
        tw_power_set_service(m.tree.power, m.tree.block, cables[k], false);
        tree_settle(&m.tree, 1.0, NULL, m.load_w);
        CHECK(m.tree.out.unserved_w == 0.0);    // in the same instant, before anything is solved
        solve(&m);
        CHECK(m.tree.out.unserved_w == 0.0 && m.tree.element_w[cables[k]] == 0.0);
        CHECK_NEAR(m.tree.element_w[m.c1] - m.tree.loss_w[m.c1], c1_w[k], 0.02);
        CHECK_NEAR(m.tree.element_w[m.c4] - m.tree.loss_w[m.c4], c4_w[k], 0.02);
        CHECK(tw_power_look(m.tree.power, m.tree.block, m.c2).back == (k == 0));
        tw_power_set_service(m.tree.power, m.tree.block, cables[k], true);
    }
    // a station lost is dark; its neighbours are not
    tw_power_set_service(m.tree.power, m.tree.block, m.s2, false);
    tree_settle(&m.tree, 0.0, NULL, (const double[]){300e3, 0.0, 100e3});
    CHECK(m.tree.load_on[0] && !m.tree.load_on[1] && m.tree.load_on[2]);
    // two cables: what lies between them
    tw_power_set_service(m.tree.power, m.tree.block, m.s2, true);
    tw_power_set_service(m.tree.power, m.tree.block, m.c1, false);
    tw_power_set_service(m.tree.power, m.tree.block, m.c3, false);
    tree_settle(&m.tree, 0.0, NULL, (const double[]){0.0, 0.0, 100e3});
    CHECK(!m.tree.load_on[0] && !m.tree.load_on[1] && m.tree.load_on[2]);
    main_end(&m);
}

// Ends at two stations: each gives its part, and one alone gives all.
static void two_feeds_hold_one_ring(void)
{
    Main m;
    ring_main(&m, "west");
    solve(&m);
    CHECK(m.tree.element_w[0] > 0.0 && m.tree.element_w[1] > 0.0);
    CHECK_NEAR(m.tree.element_w[0] + m.tree.element_w[1], m.tree.out.utility_w, 1e-12);
    tw_power_set_service(m.tree.power, m.tree.block, 0, false);
    tree_settle(&m.tree, 1.0, NULL, m.load_w);
    CHECK(m.tree.out.unserved_w == 0.0);
    solve(&m);
    CHECK(m.tree.element_w[0] == 0.0);
    CHECK_NEAR(m.tree.element_w[1], m.tree.out.utility_w, 1e-12);
    main_end(&m);
}

// Two ways with a rung at each of three stations; through-power runs over the rungs. Both engines agree, the books
// close and match, whatever is lost.
static void a_ladder(bool boards)
{
    Main m = {.v = {.fresh = true}};
    Tree *t = &m.tree;
    tree_element(t, "grid", "feed", "", INFINITY);
    t->elements[0].voltage_v = 10e3;
    static const char *const a[] = {"a1", "a2", "a3"}, *const b[] = {"b1", "b2", "b3"}, *const x[] = {"x1", "x2", "x3"};
    for (int k = 0; k < 3; k++) cable(t, a[k], k ? a[k - 1] : "grid", 300.0 + 100.0 * k);
    for (int k = 0; k < 3; k++) cable(t, b[k], k ? b[k - 1] : "grid", 900.0 - 200.0 * k);
    for (int k = 0; k < 3; k++) {
        int e = boards ? tree_element(t, x[k], "board", a[k], 5e6) : cable(t, x[k], a[k], 50.0);
        t->elements[e].second = b[k];
        t->elements[e].closed = true;
        if (boards) t->loads[t->load_count++] = (TwPowerLoad){"rung", e};
    }
    for (int k = 0; k < 3; k++) t->loads[t->load_count++] = (TwPowerLoad){"b", 4 + k};
    tree_build(t);
    double load_w[] = {400e3, 1e3, 900e3, 300e3, 700e3, 200e3};
    for (int lost = -1; lost < t->element_count; lost++) {
        if (lost == 0) continue;
        if (lost > 0) tw_power_set_service(t->power, t->block, lost, false);
        double now_w[6];
        tree_settle(t, 0.0, NULL, (const double[6]){0.0});
        for (int l = 0; l < t->load_count; l++) now_w[l] = t->load_on[l] ? load_w[l] : 0.0;
        for (int l = 0; l < t->load_count; l++) CHECK(t->load_on[l] || (boards && lost == 7 + l));
        for (int turn = 0; turn < 2; turn++) {
            tree_settle(t, 1.0, NULL, now_w);
            CHECK(tw_power_volts(t->power, t->block, 0.95, &m.v));
            CHECK(tw_power_volts_check(&m.v) < 1e-9);
            tw_power_take_volts(t->power, t->block, &m.v, true, true);
        }
        tree_settle(t, 1.0, NULL, now_w);
        double lines_w = 0.0;
        for (int i = 1; i < t->element_count; i++) {
            lines_w += t->loss_w[i];
            double carried = fabs(m.v.p_w[i]);
            if (carried > 1.0 && i != lost) CHECK_WITHIN(t->element_w[i], carried, 1e-6 * carried + t->loss_w[i] + 1.0);
        }
        CHECK_NEAR(lines_w, m.v.loss_sum_w, 1e-6);
        if (lost > 0) tw_power_set_service(t->power, t->block, lost, true);
    }
    main_end(&m);
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
    a_ring_main_shares_by_moments();
    a_cable_lost_leaves_every_station();
    two_feeds_hold_one_ring();
    a_ladder(false);
    a_ladder(true);
    return check_failures != 0;
}
