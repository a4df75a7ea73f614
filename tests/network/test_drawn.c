// Fabrics drawn link by link: shares of equal ways, throughput, cuts and losses by hand.
#include "models/network/drawn.h"
#include "tests/check.h"

// Two racks of 100 B/s; a diamond of switches: a - b and a - c - b would be longer, a - d - b as long as over e.
enum { R0, R1, A, B, D, E, NODES };
static const char *const names[NODES] = {"r0", "r1", "a", "b", "d", "e"};
static const double racks[] = {100.0, 100.0};
static const TwDrawnEntry entries[] = {
    {R0, A, 4.0, 50.0}, {R1, B, 4.0, 50.0},    // 200 each
    {A, D, 2.0, 30.0},  {D, B, 2.0, 30.0},     // 60
    {A, E, 1.0, 30.0},  {E, B, 1.0, 10.0},     // 30, then 10
};

static TwDrawn *diamond(void)
{
    TwDrawn *d = NULL;
    TwError error = {0};
    const TwDrawnSpec spec = {2, 4, 6, names, racks, entries, E};
    if (!tw_drawn_create(&d, &spec, &error)) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    return d;
}

static void equal_ways_take_equal_parts(void)
{
    TwDrawn *d = diamond();
    CHECK(d->leaf_count == 2 && d->spine_count == 2);
    double part[NODES] = {0.0}, use[12], up[12];
    int queue[NODES], link[12];
    short dist[3 * NODES];
    tw_drawn_up(d, NULL, 0, up);
    tw_drawn_distances(d, up, dist, queue);
    const TwDrawnWay way = {up, dist, part, queue};
    int n = tw_drawn_way(d, &way, 0, 1, 0, link, use);
    double over_d = 0.0, over_e = 0.0, ends = 0.0;
    for (int i = 0; i < n; i++) {
        int from = tw_drawn_from(d, link[i]), to = tw_drawn_to(d, link[i]);
        if (to == D || from == D) over_d += use[i];
        if (to == E || from == E) over_e += use[i];
        if (from == R0 || to == R1) ends += use[i];
    }
    CHECK(n == 6);
    CHECK_WITHIN(over_d, 4.0 / 3.0, 1e-15);    // two of three cables lead over d
    CHECK_WITHIN(over_e, 2.0 / 3.0, 1e-15);
    CHECK(ends == 2.0);
    // by hash: one way, and as often as it has cables
    int often = 0;
    for (uint64_t h = 1; h <= 3000; h++) {
        n = tw_drawn_way(d, &way, 0, 1, tw_route_hash(h, 0, 1, 0, 0) | 1u, link, use);
        CHECK(n == 4);
        for (int i = 0; i < n; i++) CHECK(use[i] == 1.0);
        for (int i = 0; i < n; i++) often += tw_drawn_to(d, link[i]) == D;
    }
    CHECK_WITHIN(often / 3000.0, 2.0 / 3.0, 0.03);
    tw_drawn_destroy(d);
}

static void by_hand(void)
{
    TwDrawn *d = diamond();
    TwRemains r;
    TwError error = {0};
    double used[12];
    // a third of each flow goes over e, whose second cable has 10: 30 each way, of what two flows of each pair are one
    CHECK(tw_drawn_remains(d, NULL, 0, TW_SPRAY, &r, used, NULL, &error));
    CHECK_NEAR(r.sent_bytes_s, 60.0, 1e-12);
    CHECK_NEAR(r.slowest_host, 0.3, 1e-12);
    CHECK(r.ledger < 1e-12 && r.stalled == 0);
    CHECK_NEAR(d->bisection_bytes_s, 70.0, 1e-12);    // 60 + 10: the cut
    // the same in memory made ahead
    void *work = aligned_alloc(64, tw_drawn_remains_bytes(d) + 64);
    TwLoss ahead = {TW_LOSE_LINK, 0, 8};
    TwRemains own;
    CHECK(tw_drawn_remains(d, &ahead, 1, TW_SPRAY, &own, NULL, NULL, &error));
    for (int turn = 0; turn < 2; turn++) {
        memset(work, 0x5a, tw_drawn_remains_bytes(d));
        CHECK(tw_drawn_remains(d, &ahead, 1, TW_SPRAY, &r, NULL, work, &error));
        CHECK(r.sent_bytes_s == own.sent_bytes_s && r.bisection_bytes_s == own.bisection_bytes_s);
    }
    free(work);
    // without e all goes over d
    TwLoss lost = {TW_LOSE_SPINE, 0, 1};
    CHECK(tw_drawn_remains(d, &lost, 1, TW_SPRAY, &r, used, NULL, &error));
    CHECK_NEAR(r.sent_bytes_s, 120.0, 1e-12);
    CHECK_NEAR(r.bisection_bytes_s, 60.0, 1e-12);
    // one of the two cables from a to d: cables count over those of the racks first
    TwLoss cable[] = {{TW_LOSE_SPINE, 0, 1}, {TW_LOSE_LINK, 0, 8}, {TW_LOSE_OPTIC, 0, 16}};
    CHECK(tw_drawn_remains(d, cable, 3, TW_SPRAY, &r, used, NULL, &error));
    CHECK_NEAR(r.sent_bytes_s, 60.0, 1e-12);
    // both ways gone: nothing moves, and that is no error
    TwLoss both[] = {{TW_LOSE_SPINE, 0, 0}, {TW_LOSE_SPINE, 0, 1}};
    CHECK(tw_drawn_remains(d, both, 2, TW_SPRAY, &r, used, NULL, &error));
    CHECK(r.sent_bytes_s == 0.0 && r.stalled == r.flows);
    TwLoss rail = {TW_LOSE_RAIL, 0, 0};
    CHECK(!tw_drawn_remains(d, &rail, 1, TW_SPRAY, &r, used, NULL, &error));
    CHECK(tw_drawn_remains(d, NULL, 0, TW_ECMP, &r, used, NULL, &error));
    CHECK(r.ledger < 1e-12 && r.sent_bytes_s > 20.0 && r.sent_bytes_s <= 140.0 * (1.0 + 1e-12));
    tw_drawn_destroy(d);
}

static void what_cannot_be_reached(void)
{
    TwDrawn *d = NULL;
    TwError error = {0};
    const TwDrawnSpec spec = {2, 4, 1, names, racks, entries, A};
    CHECK(!tw_drawn_create(&d, &spec, &error));
    CHECK(strstr(error.text, "no way from \"r1\" to \"r0\"") != NULL);
}

int main(void)
{
    equal_ways_take_equal_parts();
    by_hand();
    what_cannot_be_reached();
    return check_failures != 0;
}
