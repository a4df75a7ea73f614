// Weighted max-min: the cases N1-N4, N6, N7 of networks and O9-O12 of power caps, then the definition itself.
#include "sim/random.h"
#include "sim/share.h"
#include "tests/check.h"

static void solve(const TwShare *share, double *rate)
{
    size_t bytes = tw_share_scratch(share->flow_count, share->link_count, share->start[share->flow_count]);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    tw_share_solve(share, scratch, rate);
    free(scratch);
}

static void published_cases(void)
{
    double rate[8];
    {    // N1: one link, penalties 1 and 2
        TwShare s = {2, 1, (int[]){0, 1, 2}, (int[]){0, 0}, NULL, (double[]){1, 2}, NULL, (double[]){3}};
        solve(&s, rate);
        CHECK(rate[0] == 2 && rate[1] == 1);
    }
    {    // N2: consumption 1 and 2
        TwShare s = {2, 1, (int[]){0, 1, 2}, (int[]){0, 0}, (double[]){1, 2}, NULL, NULL, (double[]){3}};
        solve(&s, rate);
        CHECK(rate[0] == 1 && rate[1] == 1);
    }
    {    // N3: both
        TwShare s = {2, 1, (int[]){0, 1, 2}, (int[]){0, 0}, (double[]){1, 2}, (double[]){1, 2}, NULL, (double[]){20}};
        solve(&s, rate);
        CHECK(rate[0] == 10 && rate[1] == 5);
    }
    {    // N4: two links
        TwShare s = {3,
                     2,
                     (int[]){0, 2, 3, 4},
                     (int[]){0, 1, 0, 1},
                     (double[]){1, 2, 2, 1},
                     (double[]){1, 2, 1},
                     NULL,
                     (double[]){20, 60}};
        solve(&s, rate);
        CHECK(rate[0] == 10 && rate[1] == 5 && rate[2] == 40);
    }
    {    // N6: opposite flows take 5 % of each other's link
        TwShare s = {2,    2,    (int[]){0, 2, 4},  (int[]){0, 1, 0, 1}, (double[]){1, 0.05, 0.05, 1},
                     NULL, NULL, (double[]){10, 10}};
        solve(&s, rate);
        CHECK_NEAR(rate[0], 10 / 1.05, 1e-15);
        CHECK_NEAR(rate[1], 10 / 1.05, 1e-15);
    }
    {    // N7: parking lot
        TwShare s = {4, 3, (int[]){0, 3, 4, 5, 6}, (int[]){0, 1, 2, 0, 1, 2}, NULL, NULL, NULL, (double[]){1, 2, 1}};
        solve(&s, rate);
        CHECK(rate[0] == 0.5 && rate[1] == 0.5 && rate[2] == 1.5 && rate[3] == 0.5);
    }
}

// Eight racks of demand bound on four panels of 450 under a root of 750.
static void power_tree(const double *bound, double panel, double root, double *rate)
{
    int start[9], link[16];
    for (int i = 0; i < 8; i++) start[i] = 2 * i, link[2 * i] = i / 2, link[2 * i + 1] = 4;
    start[8] = 16;
    double capacity[5] = {panel, panel, panel, panel, root};
    TwShare s = {8, 5, start, link, NULL, NULL, bound, capacity};
    solve(&s, rate);
}

static void power_caps(void)
{
    double rate[8], even[8] = {120, 120, 120, 120, 120, 120, 120, 120};
    power_tree(even, 450, 750, rate);    // O9
    for (int i = 0; i < 8; i++) CHECK(rate[i] == 93.75);

    double uneven[8] = {60, 60, 120, 120, 120, 120, 120, 120};
    power_tree(uneven, 450, 750, rate);    // O10
    for (int i = 0; i < 8; i++) CHECK(rate[i] == (i < 2 ? 60 : 105));

    // O11: A 450 with four of 200, B 700 with 400 and 100, root 1000 and then 800
    int start[] = {0, 2, 4, 6, 8, 10, 12}, link[] = {0, 2, 0, 2, 0, 2, 0, 2, 1, 2, 1, 2};
    double demand[] = {200, 200, 200, 200, 400, 100}, capacity[] = {450, 700, 1000};
    TwShare s = {6, 3, start, link, NULL, NULL, demand, capacity};
    solve(&s, rate);
    for (int i = 0; i < 4; i++) CHECK(rate[i] == 112.5);
    CHECK(rate[4] == 400 && rate[5] == 100);
    capacity[2] = 800;
    solve(&s, rate);
    CHECK(rate[0] == 112.5 && rate[4] == 250 && rate[5] == 100);

    // O12: a higher class first, then the rest of the root; and increments above floors
    double first[8] = {120, 120, 0, 0, 0, 0, 0, 0}, rest[8] = {0, 0, 120, 120, 120, 120, 120, 120};
    power_tree(first, 450, 750, rate);
    CHECK(rate[0] == 120 && rate[1] == 120 && rate[2] == 0);
    power_tree(rest, 450, 750 - 240, rate);
    for (int i = 2; i < 8; i++) CHECK(rate[i] == 85);
    double above[3] = {150 - 20, 150 - 60, 150 - 40}, spare = 300 - 120;
    TwShare floors = {3, 1, (int[]){0, 1, 2, 3}, (int[]){0, 0, 0}, NULL, NULL, above, &spare};
    solve(&floors, rate);
    CHECK(20 + rate[0] == 80 && 60 + rate[1] == 120 && 40 + rate[2] == 100);
}

static void edges(void)
{
    // no capacity, no link but a bound, a crossing that consumes nothing
    double rate[4], bound[] = {INFINITY, 7, 2, INFINITY};
    TwShare s = {4,    2,     (int[]){0, 1, 1, 2, 4}, (int[]){0, 1, 0, 1}, (double[]){1, 1, 0, 1},
                 NULL, bound, (double[]){0, 5}};
    solve(&s, rate);
    CHECK(rate[0] == 0 && rate[1] == 7 && rate[2] == 2 && rate[3] == 3);
}

// The definition: nothing above capacity or bound, and each flow below its bound has a link that is full on which
// nobody's level penalty * rate is higher.
static void allocation_is_max_min(void)
{
    enum { FLOWS = 3000, LINKS = 400, HOPS = 4 };
    static int start[FLOWS + 1], link[FLOWS * HOPS];
    static double use[FLOWS * HOPS], penalty[FLOWS], bound[FLOWS], capacity[LINKS], rate[FLOWS], again[FLOWS];
    for (int round = 0; round < 6; round++) {
        TwStream stream = tw_stream((uint64_t)round, "share");
        uint32_t w[4];
        for (int l = 0; l < LINKS; l++) capacity[l] = 100.0 * tw_random(stream, (uint64_t)l, 1, TW_PURPOSE_ROUTE);
        for (int i = 0; i < FLOWS; i++) {
            start[i] = i * HOPS;
            tw_random4(stream, (uint64_t)i, 2, TW_PURPOSE_ROUTE, w);
            for (int h = 0; h < HOPS; h++) link[i * HOPS + h] = (int)(w[h] % (LINKS / HOPS)) * HOPS + h;
            tw_random4(stream, (uint64_t)i, 3, TW_PURPOSE_ROUTE, w);
            for (int h = 0; h < HOPS; h++) use[i * HOPS + h] = 0.05 + 2.0 * tw_uniform(w[h]);
            tw_random4(stream, (uint64_t)i, 4, TW_PURPOSE_ROUTE, w);
            penalty[i] = pow(10.0, 4.0 * tw_uniform(w[0]) - 2.0);
            bound[i] = tw_uniform(w[1]) < 0.3 ? tw_uniform(w[2]) : INFINITY;
        }
        start[FLOWS] = FLOWS * HOPS;
        TwShare s = {FLOWS, LINKS, start, link, use, penalty, bound, capacity};
        solve(&s, rate);
        solve(&s, again);
        CHECK(memcmp(rate, again, sizeof rate) == 0);

        static double used[LINKS], level[LINKS];
        memset(used, 0, sizeof used), memset(level, 0, sizeof level);
        for (int c = 0; c < FLOWS * HOPS; c++) {
            used[link[c]] += use[c] * rate[c / HOPS];
            level[link[c]] = fmax(level[link[c]], penalty[c / HOPS] * rate[c / HOPS]);
        }
        for (int l = 0; l < LINKS; l++) CHECK(used[l] <= capacity[l] * (1 + 1e-9));
        int wrong = 0;
        for (int i = 0; i < FLOWS; i++) {
            bool stopped = rate[i] >= bound[i];
            for (int c = start[i]; c < start[i + 1]; c++)
                stopped |= used[link[c]] >= capacity[link[c]] * (1 - 1e-9) &&
                           penalty[i] * rate[i] >= level[link[c]] * (1 - 1e-9);
            wrong += !stopped || rate[i] > bound[i];
        }
        CHECK(wrong == 0);
    }
}

int main(void)
{
    published_cases();
    power_caps();
    edges();
    allocation_is_max_min();
    return check_failures != 0;
}
