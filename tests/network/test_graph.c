// Fabrics link by link: every way ends where it should, failures are gone around, hashes collide as balls in bins do.
#include "models/network/graph.h"
#include "sim/share_set.h"
#include "tests/check.h"

static TwNetwork *network;

static TwGraph *built(int radix, double oversubscription, int planes, int endpoints)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8, .link_bytes_s = 450e9, .ring_efficiency = 1, .node_gpus = 8},
                          .fabric = {.kind = "fat_tree",
                                     .radix = radix,
                                     .port_bytes_s = 50e9,
                                     .planes = planes,
                                     .oversubscription = oversubscription,
                                     .efficiency = 1.0},
                          .endpoints = endpoints};
    TwGraph *graph;
    if (!tw_network_create(&network, &spec, errors) || !tw_graph_create(&graph, network, errors)) {
        tw_errors_print(errors, 9, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    return graph;
}

static void end(TwGraph *graph)
{
    tw_graph_destroy(graph);
    tw_network_destroy(network);
}

// Shares of a flow over the links of each kind add up to one each way, whatever the routing.
static void ways_carry_the_whole_flow(void)
{
    static const struct {
        int radix, planes, endpoints, tiers;
    } cases[] = {{64, 1, 64, 1}, {64, 1, 504, 2}, {128, 2, 512, 2}, {16, 1, 1024, 3}, {16, 2, 600, 3}};
    for (int k = 0; k < TW_COUNT(cases); k++) {
        TwGraph *g = built(cases[k].radix, 1.0, cases[k].planes, cases[k].endpoints);
        CHECK(g->tiers == cases[k].tiers);
        int room = tw_graph_crossings(g, TW_SPRAY), *link = calloc((size_t)room, sizeof *link);
        double *use = calloc((size_t)room, sizeof *use);
        for (int routing = TW_ECMP; routing <= TW_ADAPTIVE; routing++)
            for (int i = 1; i < 60; i++) {
                int from = i * 7 % g->endpoints, to = (from + i * 13 + 1) % g->endpoints;
                if (from == to) continue;
                TwRouteAsk ask = {from, to, (TwPathRule)routing, tw_route_hash(1, from, to, 0, i), NULL, NULL};
                int count = tw_graph_route(g, &ask, link, use, room);
                double sum[3] = {0.0};
                for (int c = 0; c < count; c++) sum[tw_graph_link_kind(g, link[c])] += use[c];
                bool same = tw_graph_leaf(g, from) == tw_graph_leaf(g, to);
                bool far = tw_graph_leaf(g, from) / g->pod_leaves != tw_graph_leaf(g, to) / g->pod_leaves;
                CHECK_WITHIN(sum[TW_LINK_HOST], 2.0, 1e-12);
                CHECK_WITHIN(sum[TW_LINK_LEAF], same ? 0.0 : 2.0, 1e-12);
                CHECK_WITHIN(sum[TW_LINK_CORE], far ? 2.0 : 0.0, 1e-12);
            }
        free(link);
        free(use);
        end(g);
    }
}

// N9: 16 hosts of 400G on a leaf with 8 uplinks, all leaving: 200G each.
static void oversubscribed_uplinks_are_shared(void)
{
    TwGraph *g = built(24, 2.0, 1, 16 * 12);
    int room = tw_graph_crossings(g, TW_SPRAY), link[512];
    double use[512];
    CHECK(room <= 512);
    TwShareSet *set = tw_share_set_create(&(TwShareSetSpec){
        .flow_max = 256, .link_count = g->link_count, .hop_max = room, .capacity = g->capacity_bytes_s});
    int first = -1;
    for (int i = 0; i < g->endpoints; i++) {
        int to = (i + 96) % g->endpoints;
        if (tw_graph_leaf(g, i) == tw_graph_leaf(g, to)) to = (to + 1) % g->endpoints;
        TwRouteAsk ask = {i, to, TW_SPRAY, 0, NULL, NULL};
        int id = tw_share_set_add(set, tw_graph_route(g, &ask, link, use, room), link, use, 1.0, INFINITY);
        if (first < 0) first = id;
    }
    tw_share_set_solve(set);
    CHECK_NEAR(tw_share_set_rate(set, first), 25e9, 1e-9);
    // the ledger of bytes: what leaves the cards arrives at cards, and crosses the spines twice
    double sent = 0, got = 0, up = 0, down = 0;
    for (int e = 0; e < g->endpoints; e++) {
        sent += tw_share_set_used(set, g->host_up + e);
        got += tw_share_set_used(set, g->host_down + e);
    }
    for (int i = 0; i < g->leaves * g->spines; i++) {
        up += tw_share_set_used(set, g->leaf_up + i);
        down += tw_share_set_used(set, g->leaf_down_link + i);
    }
    CHECK_NEAR(sent, got, 1e-12);
    CHECK_NEAR(up, down, 1e-12);
    CHECK_NEAR(sent, up, 1e-12);
    tw_share_set_destroy(set);
    end(g);
}

// Dead spines are gone around; a dead leaf leaves no way; a plane that is left carries all.
static void failures_are_gone_around(void)
{
    TwGraph *g = built(128, 1.0, 2, 512);
    double *live = calloc((size_t)g->link_count, sizeof *live), use[64];
    int link[64], gone[1024];
    for (int i = 0; i < g->link_count; i++) live[i] = 1.0;
    TwRouteAsk ask = {0, 9, TW_ECMP, 5, live, NULL};
    CHECK(tw_graph_route(g, &ask, link, use, 64) == 8);
    int count = tw_graph_leaf_links(g, 0, tw_graph_leaf(g, 0), gone, 1024);
    CHECK(count > 0 && count <= 1024);
    for (int i = 0; i < count; i++) live[gone[i]] = 0.0;
    CHECK(tw_graph_route(g, &ask, link, use, 64) == 4);    // the other plane alone
    for (int i = 0; i < 4; i++) CHECK(use[i] == 1.0 && link[i] >= g->plane_links);
    for (int s = 0; s + 1 < g->spines; s++) {
        count = tw_graph_spine_links(g, 1, 0, s, gone, 1024);
        for (int i = 0; i < count; i++) live[gone[i]] = 0.0;
    }
    CHECK(tw_graph_route(g, &ask, link, use, 64) == 4);
    char name[64];
    tw_graph_link_name(g, link[1], name, sizeof name);
    CHECK_HOLDS(name, "plane 1: leaf 0 -> spine");
    count = tw_graph_spine_links(g, 1, 0, g->spines - 1, gone, 1024);
    for (int i = 0; i < count; i++) live[gone[i]] = 0.0;
    CHECK(tw_graph_route(g, &ask, link, use, 64) == 0);    // stalled
    free(live);
    end(g);
}

// The links that go with the leaves are all links of cards and leaves, each of one leaf; none of another plane.
static void leaves_share_out_the_links(void)
{
    TwGraph *g = built(128, 1.0, 2, 512);
    int *times = calloc((size_t)g->link_count, sizeof *times), gone[1024], sum = 0;
    for (int plane = 0; plane < 2; plane++)
        for (int leaf = 0; leaf < g->leaves; leaf++) {
            int count = tw_graph_leaf_links(g, plane, leaf, gone, 1024);
            for (int i = 0; i < count; i++) {
                bool in_plane = gone[i] >= plane * g->plane_links && gone[i] < (plane + 1) * g->plane_links;
                CHECK(in_plane);
                if (in_plane) times[gone[i]]++;
            }
            sum += count;
        }
    CHECK(sum == 2 * 2 * (g->endpoints + g->leaves * g->spines));    // two ways, two planes
    for (int l = 0; l < g->link_count; l++) CHECK(times[l] <= 1);
    free(times);
    end(g);
}

// N21: four equal flows hashed on four paths: the fullest path has 2.125 of them on average, no collision 0.09375.
static void hashes_collide_as_balls_in_bins(void)
{
    TwGraph *g = built(8, 1.0, 1, 32);    // two tiers, four spines
    CHECK(g->spines == 4);
    enum { TRIALS = 40000 };
    double sum = 0.0, apart = 0.0;
    for (int t = 0; t < TRIALS; t++) {
        int load[4] = {0}, most = 0, link[8];
        double use[8];
        for (int i = 0; i < 4; i++) {
            TwRouteAsk ask = {i * 8, (i * 8 + 9) % 32, TW_ECMP, tw_route_hash(9, i, 0, t, 0), NULL, NULL};
            CHECK(tw_graph_route(g, &ask, link, use, 8) == 4);
            int spine = (link[1] - g->leaf_up) % g->spines;
            if (++load[spine] > most) most = load[spine];
        }
        sum += most;
        apart += most == 1;
    }
    CHECK_NEAR(sum / TRIALS, 2.125, 0.01);
    CHECK_NEAR(apart / TRIALS, 0.09375, 0.05);
    end(g);
}

int main(void)
{
    ways_carry_the_whole_flow();
    oversubscribed_uplinks_are_shared();
    failures_are_gone_around();
    leaves_share_out_the_links();
    hashes_collide_as_balls_in_bins();
    return check_failures != 0;
}
