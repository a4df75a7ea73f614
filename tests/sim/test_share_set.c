// A changing set of flows: the published cases with fatpipes (N5), and incremental against full solutions (N26).
#include "sim/share_set.h"
#include "tests/check.h"

// N5: a link that limits each flow alone.
static void fatpipes(void)
{
    double capacity = 10.0;
    bool fat = true;
    TwShareSetSpec spec = {.flow_max = 4, .link_count = 1, .hop_max = 1, .capacity = &capacity, .fatpipe = &fat};
    TwShareSet *set = tw_share_set_create(&spec);
    int link = 0, a = tw_share_set_add(set, 1, &link, NULL, 1.0, INFINITY);
    int b = tw_share_set_add(set, 1, &link, NULL, 2.0, INFINITY);
    tw_share_set_solve(set);
    CHECK(tw_share_set_rate(set, a) == 10.0 && tw_share_set_rate(set, b) == 5.0);
    tw_share_set_remove(set, b);
    b = tw_share_set_add(set, 1, &link, &(double){2.0}, 1.0, INFINITY);
    tw_share_set_solve(set);
    CHECK(tw_share_set_rate(set, a) == 5.0 && tw_share_set_rate(set, b) == 5.0);
    CHECK(tw_share_set_used(set, 0) == 10.0);
    tw_share_set_destroy(set);
}

enum { LINKS = 40, FLOWS = 160, HOPS = 3 };

typedef struct Pair {
    TwShareSet *one, *two;
    int id[2][FLOWS], count;
    int way[FLOWS][HOPS];
    double penalty[FLOWS], bound[FLOWS], capacity[LINKS];
} Pair;

// No link above its capacity, and every flow at its bound or on a full link where nobody has a higher level.
static void condition_holds(const Pair *p)
{
    double used[LINKS] = {0}, top[LINKS] = {0};
    for (int i = 0; i < p->count; i++)
        for (int h = 0; h < HOPS; h++) {
            double rate = tw_share_set_rate(p->one, p->id[0][i]);
            used[p->way[i][h]] += rate;
            top[p->way[i][h]] = fmax(top[p->way[i][h]], rate * p->penalty[i]);
        }
    for (int l = 0; l < LINKS; l++) CHECK(used[l] <= p->capacity[l] * (1.0 + 1e-9));
    for (int i = 0; i < p->count; i++) {
        double rate = tw_share_set_rate(p->one, p->id[0][i]);
        bool held = rate >= p->bound[i] * (1.0 - 1e-9);
        for (int h = 0; h < HOPS; h++) {
            int l = p->way[i][h];
            held = held || (used[l] >= p->capacity[l] * (1.0 - 1e-9) && rate * p->penalty[i] >= top[l] * (1.0 - 1e-9));
        }
        CHECK(held);
    }
}

// N26: a thousand starts, ends and changes of capacity.
static void incremental_is_the_full_solution(void)
{
    static Pair p;
    for (int l = 0; l < LINKS; l++) p.capacity[l] = 1.0 + l % 7;
    TwShareSetSpec spec = {.flow_max = FLOWS, .link_count = LINKS, .hop_max = HOPS, .capacity = p.capacity};
    p.one = tw_share_set_create(&spec);
    p.two = tw_share_set_create(&spec);
    unsigned state = 12345;
    int saved = 0;
    for (int turn = 0; turn < 1500; turn++) {
        unsigned dice[8];
        for (int i = 0; i < 8; i++) dice[i] = (state = state * 1664525u + 1013904223u) >> 8;
        if (dice[7] % 10 == 0) {
            int l = (int)(dice[0] % LINKS);
            p.capacity[l] = 0.25 * (double)(dice[1] % 40);    // 0: the link is down
            tw_share_set_capacity(p.one, l, p.capacity[l]);
            tw_share_set_capacity(p.two, l, p.capacity[l]);
        } else if (p.count < 10 || (p.count < FLOWS && dice[0] % 100 < 52)) {
            int i = p.count++;
            p.way[i][0] = (int)(dice[1] % 13);
            p.way[i][1] = (int)(13 + dice[2] % 13);
            p.way[i][2] = (int)(26 + dice[3] % 14);
            p.penalty[i] = 1.0 + dice[4] % 3;
            p.bound[i] = dice[5] % 4 == 0 ? 0.01 * (double)(dice[6] % 100) : INFINITY;
            p.id[0][i] = tw_share_set_add(p.one, HOPS, p.way[i], NULL, p.penalty[i], p.bound[i]);
            p.id[1][i] = tw_share_set_add(p.two, HOPS, p.way[i], NULL, p.penalty[i], p.bound[i]);
        } else {
            int i = (int)(dice[1] % (unsigned)p.count), last = --p.count;
            tw_share_set_remove(p.one, p.id[0][i]);
            tw_share_set_remove(p.two, p.id[1][i]);
            memcpy(p.way[i], p.way[last], sizeof p.way[i]);
            p.penalty[i] = p.penalty[last];
            p.bound[i] = p.bound[last];
            p.id[0][i] = p.id[0][last];
            p.id[1][i] = p.id[1][last];
        }
        saved += tw_share_set_solve(p.one) < p.count;
        tw_share_set_solve_all(p.two);
        for (int i = 0; i < p.count; i++) {
            double want = tw_share_set_rate(p.two, p.id[1][i]);
            CHECK_WITHIN(tw_share_set_rate(p.one, p.id[0][i]), want, 1e-9 * fmax(want, 1.0));
        }
        if (turn % 10 == 0) condition_holds(&p);
        if (check_failures > 10) break;
    }
    CHECK(saved > 1000);    // most changes reach part of the flows only
    tw_share_set_destroy(p.one);
    tw_share_set_destroy(p.two);
}

// A flow that meets nobody on a full link changes nobody.
static void strangers_are_left_alone(void)
{
    double capacity[] = {1.0, 1.0, 5.0};
    TwShareSetSpec spec = {.flow_max = 8, .link_count = 3, .hop_max = 2, .capacity = capacity};
    TwShareSet *set = tw_share_set_create(&spec);
    tw_share_set_add(set, 2, (int[]){0, 2}, NULL, 1.0, INFINITY);
    tw_share_set_add(set, 2, (int[]){0, 2}, NULL, 1.0, INFINITY);
    tw_share_set_solve(set);
    int late = tw_share_set_add(set, 2, (int[]){1, 2}, NULL, 1.0, INFINITY);
    CHECK(tw_share_set_solve(set) == 1);
    CHECK(tw_share_set_rate(set, late) == 1.0 && tw_share_set_bottleneck(set, late) == 1);
    CHECK(tw_share_set_solve(set) == 0);
    tw_share_set_destroy(set);
}

// Flows over some of many links with any consumption, several changes at a time, links that go down and come back:
// what a change does not reach must be what a full solution would say of it too.
static void any_changes_are_the_full_solution(void)
{
    enum { MANY = 150, MOST = 700, WAY = 6 };
    static double capacity[MANY];
    static int one[MOST], two[MOST];
    for (int l = 0; l < MANY; l++) capacity[l] = 1.0 + 0.37 * (l % 11);
    TwShareSetSpec spec = {.flow_max = MOST, .link_count = MANY, .hop_max = WAY, .capacity = capacity};
    for (int round = 0; round < 4; round++) {
        TwShareSet *a = tw_share_set_create(&spec), *b = tw_share_set_create(&spec);
        unsigned state = 77u + (unsigned)round;
        int count = 0, reached = 0, turns = 400;
        bool plain = round % 2 == 0;    // all alike: many equal levels
        for (int turn = 0; turn < turns; turn++) {
            for (int change = 0; change < (turn < 5 ? 60 : 1 + turn % 3); change++) {
                unsigned dice[4 + 2 * WAY];
                for (int i = 0; i < (int)(sizeof dice / sizeof *dice); i++)
                    dice[i] = (state = state * 1664525u + 1013904223u) >> 8;
                if (dice[0] % 8 == 0) {
                    int l = (int)(dice[1] % MANY);
                    double now = dice[2] % 5 == 0 ? 0.0 : 0.5 * (double)(1 + dice[2] % 12);
                    tw_share_set_capacity(a, l, now);
                    tw_share_set_capacity(b, l, now);
                } else if (count < 200 || (count < MOST && dice[0] % 2 == 0)) {
                    int link[WAY], hops = 1 + (int)(dice[1] % WAY), block = MANY / WAY;
                    double use[WAY], weight = plain ? 1.0 : 0.25 * (double)(1 + dice[2] % 8);
                    for (int h = 0; h < hops; h++) {
                        link[h] = h * block + (int)(dice[4 + 2 * h] % (unsigned)block);
                        use[h] = plain ? 1.0 : 0.2 * (double)(dice[5 + 2 * h] % 7);    // some consume nothing
                    }
                    double bound = dice[3] % 3 == 0 || use[0] <= 0.0 ? 0.02 * (double)(dice[3] % 50) : INFINITY;
                    one[count] = tw_share_set_add(a, hops, link, use, weight, bound);
                    two[count++] = tw_share_set_add(b, hops, link, use, weight, bound);
                } else {
                    int i = (int)(dice[1] % (unsigned)count);
                    tw_share_set_remove(a, one[i]);
                    tw_share_set_remove(b, two[i]);
                    one[i] = one[--count], two[i] = two[count];
                }
            }
            reached += tw_share_set_solve(a) < count;
            tw_share_set_solve_all(b);
            for (int i = 0; i < count; i++)
                CHECK_WITHIN(tw_share_set_rate(a, one[i]), tw_share_set_rate(b, two[i]), 1e-9);
            if (check_failures > 10) return;
        }
        CHECK(reached > turns / 2);
        tw_share_set_destroy(a);
        tw_share_set_destroy(b);
    }
}

int main(void)
{
    any_changes_are_the_full_solution();
    fatpipes();
    incremental_is_the_full_solution();
    strangers_are_left_alone();
    return check_failures != 0;
}
