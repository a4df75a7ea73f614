#include "models/network/map.h"
#include "models/network/transit.h"
#include "sim/arena.h"
#include "tests/check.h"

#include <math.h>
#include <string.h>

// Links 0, 1 in a row for kind 0; link 0 alone for kind 1; link 1 alone for kind 2.
static int way(const void *context, const void *block, const TwTransitFlow *flow, int *link, double *use, int room)
{
    (void)context, (void)block, (void)room;
    int n = 0;
    if (flow->kind != 2) link[n] = 0, use[n++] = 1.0;
    if (flow->kind != 1) link[n] = 1, use[n++] = 1.0;
    return n;
}

typedef struct Line {
    TwTransit transit;
    TwTransitScratch scratch;
    TwArena *arena;
    void *block;
    TwTransitFlow ended[8];
} Line;

static const TwTransitWay ways = {NULL, way};

static Line open_line(const double *capacity)
{
    Line line = {.arena = tw_arena_create()};
    TwLayout layout = {0};
    tw_transit_layout(&line.transit, &(TwTransitSpec){2, capacity, 8, 32}, &layout);
    line.block = tw_block_create(&layout);
    tw_transit_start(&line.transit, line.block);
    tw_transit_scratch(&line.transit, line.arena, &line.scratch);
    return line;
}

static void close_line(Line *line)
{
    tw_block_destroy(line->block);
    tw_arena_destroy(line->arena);
}

// Runs until nothing is under way; when each ended, in order.
static int run(Line *l, double *end_s)
{
    double now_s = 0.0;
    int ends = 0;
    while (tw_transit_under_way(&l->transit, l->block) > 0) {
        tw_transit_solve(&l->transit, l->block, &l->scratch, &ways);
        double span_s = tw_transit_horizon_s(&l->transit, l->block);
        if (!isfinite(span_s)) break;
        int count = tw_transit_advance(&l->transit, l->block, span_s, l->ended, 8);
        now_s += span_s;
        for (int i = 0; i < count; i++) end_s[ends++] = now_s;
        CHECK_NEAR(tw_transit_residual(&l->transit, l->block), 0.0, 1e-12);
    }
    return ends;
}

// N8 in time: 10 and 20 bytes over a link of 10 B/s end at 2 and 3 s.
static void two_share_a_link(void)
{
    Line l = open_line((double[]){10.0, INFINITY});
    double end_s[8];
    tw_transit_add(&l.transit, l.block, 1, 0, 10.0, 1e12);
    tw_transit_add(&l.transit, l.block, 1, 1, 20.0, 1e12);
    CHECK(run(&l, end_s) == 2);
    CHECK_NEAR(end_s[0], 2.0, 1e-8);
    CHECK_NEAR(end_s[1], 3.0, 1e-8);
    TwTransitCount n = tw_transit_count(&l.transit, l.block, -1);
    CHECK(n.asked == 30.0 && n.delivered == 30.0 && n.lost == 0.0 && n.ended == 2);
    close_line(&l);
}

// N7 in time: the long one and the short ones of a parking lot, bounds, a link that dies and comes back, one cut off.
static void ways_and_losses(void)
{
    Line l = open_line((double[]){1.0, 2.0});
    tw_transit_add(&l.transit, l.block, 0, 0, 10.0, 1e12);
    tw_transit_add(&l.transit, l.block, 1, 0, 10.0, 1e12);
    tw_transit_add(&l.transit, l.block, 2, 0, 30.0, 1e12);
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 0, 0), 0.5, 1e-12);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 2, 0), 1.5, 1e-12);
    tw_transit_advance(&l.transit, l.block, 4.0, l.ended, 8);

    tw_transit_capacity(&l.transit, l.block)[0] = 0.0;
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK(tw_transit_rate(&l.transit, l.block, 0, 0) == 0.0);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 2, 0), 2.0, 1e-12);
    tw_transit_advance(&l.transit, l.block, 3.0, l.ended, 8);
    CHECK_NEAR(tw_transit_left(&l.transit, l.block, 0, 0), 8.0, 1e-12);
    CHECK_NEAR(tw_transit_left(&l.transit, l.block, 2, 0), 18.0, 1e-12);
    CHECK(tw_transit_cut(&l.transit, l.block, 1, 0) == 1);

    tw_transit_capacity(&l.transit, l.block)[0] = 1.0;
    double end_s[8];
    CHECK(run(&l, end_s) == 2);
    CHECK_NEAR(end_s[0], 8.0, 1e-7);
    CHECK_NEAR(end_s[1], 13.0, 1e-7);
    TwTransitCount n = tw_transit_count(&l.transit, l.block, 1);
    CHECK(n.asked == 10.0 && n.cut == 1);
    CHECK_NEAR(n.lost, 8.0, 1e-12);
    CHECK_NEAR(n.delivered, 2.0, 1e-12);
    close_line(&l);
}

// Short transfers take what they asked for up to their fair share; one that is under way finds the rest or its share.
static void short_and_long(void)
{
    Line l = open_line((double[]){10.0, 100.0});
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 0.0), 10.0, 1e-12);
    tw_transit_add(&l.transit, l.block, 1, 0, 1000.0, 1e12);
    tw_transit_fore(&l.transit, l.block)[0] = 3.0;
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 1, 0), 7.0, 1e-12);
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 3.0), 5.0, 1e-12);    // alone with the long one
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 0.0), 3.5, 1e-12);    // 3 of others are kept
    tw_transit_fore(&l.transit, l.block)[0] = 8.0;
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 1, 0), 5.0, 1e-12);
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 0.0), 10.0 / 3.0, 1e-12);
    // a long one that something else holds leaves the rest
    tw_transit_cut(&l.transit, l.block, 1, 0);
    tw_transit_add(&l.transit, l.block, 1, 0, 1000.0, 2.0);
    tw_transit_fore(&l.transit, l.block)[0] = 0.0;
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 0.0), 8.0, 1e-12);
    close_line(&l);
}

// Groups that send at every step share as senders of their own: three find a third each where all want everything,
// and a long transfer a quarter beside them; what one of them asks less the others may have.
static void groups_share(void)
{
    Line l = open_line((double[]){12.0, 100.0});
    double *fore = tw_transit_fore(&l.transit, l.block), *steps = tw_transit_steps(&l.transit, l.block);
    fore[0] = steps[0] = 12.0;
    tw_transit_many(&l.transit, l.block)[0] = 3.0;
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_room_of(&l.transit, l.block, &l.scratch, 0, 4.0, 1.0), 4.0, 1e-12);
    tw_transit_add(&l.transit, l.block, 1, 0, 1000.0, 1e12);
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_rate(&l.transit, l.block, 1, 0), 3.0, 1e-12);
    CHECK_NEAR(tw_transit_room_of(&l.transit, l.block, &l.scratch, 0, 4.0, 1.0), 3.0, 1e-12);
    tw_transit_cut(&l.transit, l.block, 1, 0);
    fore[0] = steps[0] = 7.0;    // of which it sends 4 itself
    tw_transit_solve(&l.transit, l.block, &l.scratch, &ways);
    CHECK_NEAR(tw_transit_room_of(&l.transit, l.block, &l.scratch, 0, 4.0, 1.0), 9.0, 1e-12);
    CHECK_NEAR(tw_transit_room(&l.transit, l.block, &l.scratch, 0, 0.0), 5.0, 1e-12);    // of a KV cache
    close_line(&l);
}

static TwNetwork *network_of(int endpoints, double oversubscription)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8, .link_bytes_s = 450e9, .ring_efficiency = 1, .node_gpus = 4},
                          .fabric = {.kind = "fat_tree",
                                     .radix = 12,
                                     .port_bytes_s = 50e9,
                                     .planes = 1,
                                     .oversubscription = oversubscription,
                                     .efficiency = 1.0},
                          .endpoints = endpoints};
    TwNetwork *network = NULL;
    CHECK(tw_network_create(&network, &spec, errors));
    tw_errors_destroy(errors);
    return network;
}

// Sums over a rack's cards and a group's cables; losses take their part; max-min over them is that over the cables.
static void racks_as_links(void)
{
    TwNetwork *network = network_of(192, 2.0);    // leaves of 8 down, 4 up; 48 hosts, 6 groups of 8; four rails
    TwErrors *errors = tw_errors_create();
    TwGraph *graph;
    CHECK(tw_graph_create(&graph, network, errors));
    CHECK(graph->rails == 4 && graph->tiers == 3 - (graph->cores == 0));
    int64_t cards[12];
    for (int r = 0; r < 12; r++) cards[r] = 16;
    TwFabricMap *map;
    CHECK(tw_fabric_map_create(&map, graph, cards, 12));
    CHECK(map->group_count == 6);
    for (int r = 0; r < 12; r++) CHECK_NEAR(map->capacity_bytes_s[tw_map_out(map, r)], 16 * 50e9, 1e-12);
    for (int q = 0; q < 6; q++) CHECK_NEAR(map->capacity_bytes_s[tw_map_up(map, q)], 16 * 50e9, 1e-12);
    CHECK(tw_map_near(map, 0, 1) == 1.0 && tw_map_near(map, 0, 2) == 0.0);
    int link[32];
    double use[32];
    CHECK(tw_map_way(map, 0, 1, link, use) == 2);
    int far = tw_map_way(map, 0, 2, link, use);
    CHECK(far >= 4 && far <= tw_map_crossings(map));

    double *capacity = calloc((size_t)map->link_count, sizeof *capacity);
    double *up = calloc((size_t)graph->link_count, sizeof *up);
    TwLoss rail = {TW_LOSE_RAIL, 0, 1}, leaf = {TW_LOSE_LEAF, 0, 2};
    tw_fabric_map_lose(map, graph, &rail, 1, up, capacity);
    for (int l = 0; l < map->link_count && l < tw_map_pod_up(map, 0); l++)
        CHECK_NEAR(capacity[l], 0.75 * map->capacity_bytes_s[l], 1e-12);
    tw_fabric_map_lose(map, graph, &leaf, 1, up, capacity);
    CHECK_NEAR(capacity[tw_map_out(map, 1)], 0.75 * map->capacity_bytes_s[tw_map_out(map, 1)], 1e-12);
    CHECK(capacity[tw_map_out(map, 2)] == map->capacity_bytes_s[tw_map_out(map, 2)]);
    CHECK_NEAR(capacity[tw_map_up(map, 0)], 0.75 * map->capacity_bytes_s[tw_map_up(map, 0)], 1e-12);

    // every rack to one of the next group: cable by cable the same rate
    for (int r = 0; r < 12; r++) {
        int n = tw_map_way(map, r, (r + 2) % 12, link, use);
        CHECK(n >= 4);
        CHECK_NEAR(use[1], 1.0, 1e-12);
    }
    free(capacity);
    free(up);
    tw_fabric_map_destroy(map);

    // racks of five hosts lie on two groups
    int64_t odd[10];
    for (int r = 0; r < 10; r++) odd[r] = r < 9 ? 20 : 12;
    CHECK(tw_fabric_map_create(&map, graph, odd, 10));
    for (int r = 0; r < 10; r++) {
        double sum = 0.0;
        for (int k = map->share_start[r]; k < map->share_start[r + 1]; k++) sum += map->share[k];
        CHECK_NEAR(sum, 1.0, 1e-12);
    }
    CHECK_NEAR(map->share[map->share_start[1]], 0.6, 1e-12);    // hosts 5 to 9: three below 8
    tw_fabric_map_destroy(map);
    tw_graph_destroy(graph);
    tw_network_destroy(network);
    tw_errors_destroy(errors);
}

int main(void)
{
    two_share_a_link();
    ways_and_losses();
    short_and_long();
    groups_share();
    racks_as_links();
    return check_failures != 0;
}
