// Network: 100,000 flows at random over a three-tier fabric of 8,192 endpoints, solved in full and after single
// changes; jobs of 100 flows each, one flow starting or ending; an all-reduce of 100,000 GPUs as bundles.
#include "models/network/graph.h"
#include "sim/share.h"
#include "sim/share_set.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void)
{
    struct timespec t;    // of this thread: other programs on the machine do not count
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool json;
static bool first = true;

static void print(const char *name, double value, const char *unit)
{
    if (json)
        printf("%s  \"%s\": {\"value\": %.6g, \"unit\": \"%s\"}", first ? "{\n" : ",\n", name, value, unit);
    else
        printf("%s %.6g %s\n", name, value, unit);
    first = false;
}

enum { FLOWS = 100000, ENDPOINTS = 8192, RADIX = 32 };

static uint64_t next_random(uint64_t *state) { return *state = tw_route_hash(*state, 1, 2, 3, 4); }

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Card i of a job.
static int card(int job, int i, bool spread)
{
    return spread ? job * 8 + i : job / 16 * 128 + job % 16 / 8 * 64 + i * 8 + job % 8;
}

static void jobs(const TwGraph *graph, bool spread, const char *name)
{
    enum { CHANGES = 10000 };
    double *took = calloc(CHANGES, sizeof *took), solved = 0.0, part[6];
    uint64_t random = 11;
    int way[6];
    TwShareSet *set = tw_share_set_create(&(TwShareSetSpec){
        .flow_max = FLOWS, .link_count = graph->link_count, .hop_max = 6, .capacity = graph->capacity_bytes_s});
    for (int i = 0; i < FLOWS; i++) {
        int job = i / 100, from = card(job, i % 8, spread), to = card(job, (i + 1 + i / 8 % 7) % 8, spread);
        TwRouteAsk ask = {.from = from, .to = to, .routing = TW_ECMP, .hash = tw_route_hash(1, from, to, job, i)};
        tw_share_set_add(set, tw_graph_route(graph, &ask, way, part, 6), way, NULL, 1.0, INFINITY);
    }
    tw_share_set_solve_all(set);
    for (int i = 0; i < CHANGES; i++) {
        int id = (int)(next_random(&random) % FLOWS), job = id / 100;
        int from = card(job, id % 8, spread), to = card(job, (id + 3) % 8, spread);
        TwRouteAsk ask = {.from = from, .to = to, .routing = TW_ECMP, .hash = tw_route_hash(2, from, to, 1, i)};
        int hops = tw_graph_route(graph, &ask, way, part, 6);
        double begin = now_s();
        tw_share_set_remove(set, id);
        solved += tw_share_set_solve(set);
        tw_share_set_add(set, hops, way, NULL, 1.0, INFINITY);
        solved += tw_share_set_solve(set);
        took[i] = 0.5 * (now_s() - begin);
    }
    qsort(took, CHANGES, sizeof *took, compare);
    char text[64];
    snprintf(text, sizeof text, "%s_median", name);
    print(text, 1e6 * took[CHANGES / 2], "us");
    snprintf(text, sizeof text, "%s_p99", name);
    print(text, 1e6 * took[CHANGES * 99 / 100], "us");
    snprintf(text, sizeof text, "%s_flows", name);
    print(text, solved / CHANGES / 2, "1");
    tw_share_set_destroy(set);
    free(took);
}

int main(int argc, char **argv)
{
    json = argc > 1 && strcmp(argv[1], "--json") == 0;
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8, .link_bytes_s = 450e9, .ring_efficiency = 0.8, .node_gpus = 8},
                          .fabric = {.kind = "fat_tree",
                                     .radix = RADIX,
                                     .port_bytes_s = 50e9,
                                     .planes = 1,
                                     .oversubscription = 1.0,
                                     .efficiency = 1.0},
                          .endpoints = ENDPOINTS};
    TwNetwork *network;
    TwGraph *graph;
    if (!tw_network_create(&network, &spec, errors) || !tw_graph_create(&graph, network, errors)) {
        tw_errors_print(errors, 9, stderr);
        return 3;
    }
    print("network_links", graph->link_count, "1");

    // random pairs
    int *start = calloc(FLOWS + 1, sizeof *start), *link = calloc(6 * FLOWS, sizeof *link);
    double *use = calloc(6 * FLOWS, sizeof *use), *rate = calloc(FLOWS, sizeof *rate);
    uint64_t random = 7;
    for (int i = 0; i < FLOWS; i++) {
        int from = (int)(next_random(&random) % ENDPOINTS), to = (int)(next_random(&random) % ENDPOINTS);
        if (to == from) to = (from + 1) % ENDPOINTS;
        TwRouteAsk ask = {.from = from, .to = to, .routing = TW_ECMP, .hash = tw_route_hash(1, from, to, 0, i)};
        start[i + 1] = start[i] + tw_graph_route(graph, &ask, link + start[i], use + start[i], 6);
    }
    print("network_crossings", start[FLOWS], "1");
    TwShare share = {.flow_count = FLOWS,
                     .link_count = graph->link_count,
                     .start = start,
                     .link = link,
                     .capacity = graph->capacity_bytes_s};
    size_t bytes = tw_share_scratch(FLOWS, graph->link_count, start[FLOWS]);
    void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
    memset(scratch, 0, bytes);
    double best = INFINITY;
    for (int i = 0; i < 7; i++) {
        double begin = now_s();
        tw_share_solve(&share, scratch, rate);
        best = fmin(best, now_s() - begin);
    }
    print("network_solve_100000", 1e3 * best, "ms");

    TwShareSet *set = tw_share_set_create(&(TwShareSetSpec){
        .flow_max = FLOWS + 1, .link_count = graph->link_count, .hop_max = 6, .capacity = graph->capacity_bytes_s});
    for (int i = 0; i < FLOWS; i++)
        tw_share_set_add(set, start[i + 1] - start[i], link + start[i], NULL, 1.0, INFINITY);
    best = INFINITY;
    for (int i = 0; i < 5; i++) {
        double begin = now_s();
        tw_share_set_solve_all(set);
        best = fmin(best, now_s() - begin);
    }
    print("network_set_solve_100000", 1e3 * best, "ms");
    double off = 0.0;
    for (int i = 0; i < FLOWS; i++) off = fmax(off, fabs(tw_share_set_rate(set, i) / rate[i] - 1.0));
    print("network_set_against_solve", off, "1");

    // one random flow ends and another starts, anywhere in the same fabric: what it moves reaches far
    enum { TURNS = 20 };
    double *took = calloc(TURNS, sizeof *took);
    tw_share_set_solve_all(set);
    double solved = 0.0;
    for (int i = 0; i < TURNS; i++) {
        int id = (int)(next_random(&random) % FLOWS);
        tw_share_set_remove(set, id);
        int from = (int)(next_random(&random) % ENDPOINTS),
            to = (from + 1 + (int)(next_random(&random) % (ENDPOINTS - 1))) % ENDPOINTS;
        int way[6];
        double part[6];
        TwRouteAsk ask = {.from = from, .to = to, .routing = TW_ECMP, .hash = tw_route_hash(1, from, to, 1, i)};
        int hops = tw_graph_route(graph, &ask, way, part, 6);
        double begin = now_s();
        tw_share_set_add(set, hops, way, NULL, 1.0, INFINITY);
        solved += tw_share_set_solve(set);
        took[i] = now_s() - begin;
    }
    qsort(took, TURNS, sizeof *took, compare);
    print("network_random_change_median", 1e6 * took[TURNS / 2], "us");
    print("network_random_change_flows", solved / TURNS, "1");
    tw_share_set_destroy(set);

    // one flow of a job of 100 ends and another starts, 1,000 jobs: on eight cards under one leaf, which share no link
    // with another job; and on eight cards under eight leaves, whose paths collide with those of others
    jobs(graph, false, "network_change");
    jobs(graph, true, "network_change_ecmp");
    if (json) printf("\n}\n");
    tw_graph_destroy(graph);
    tw_network_destroy(network);
    tw_errors_destroy(errors);
    free(start);
    free(link);
    free(use);
    free(rate);
    free(scratch);
    free(took);
    return 0;
}
