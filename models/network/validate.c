#include "models/network/validate.h"

#include "models/network/graph.h"
#include "models/network/loss.h"
#include "models/network/measured.h"
#include "models/network/path.h"
#include "sim/share_set.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double exact = 1e-9;

static void row(TwValidation *v, const char *id, const char *what, const char *unit, double ours, double expected,
                double tolerance, const char *source)
{
    tw_validation_row(v, id, what, unit, ours, expected, expected == 0.0 ? TW_ABSOLUTE : TW_RELATIVE, tolerance,
                      source);
}

// --- sharing

enum { MAX = 4 };

typedef struct Small {
    const char *id, *what;
    int links, flows;
    double capacity[MAX];
    bool fat;
    double use[MAX][MAX];    // flow, link; 0: does not cross
    double penalty[MAX], want[MAX];
} Small;

static const Small smalls[] = {
    {"N1", "one link, penalties 1, 2", 1, 2, {3}, false, {{1}, {1}}, {1, 2}, {2, 1}},
    {"N2", "consumption 1, 2", 1, 2, {3}, false, {{1}, {2}}, {1, 1}, {1, 1}},
    {"N3", "consumption and penalties 1, 2", 1, 2, {20}, false, {{1}, {2}}, {1, 2}, {10, 5}},
    {"N4", "two links, three flows", 2, 3, {20, 60}, false, {{1, 2}, {2, 0}, {0, 1}}, {1, 2, 1}, {10, 5, 40}},
    {"N5", "fatpipe, penalties 1, 2", 1, 2, {10}, true, {{1}, {1}}, {1, 2}, {10, 5}},
    {"N5", "fatpipe, consumption 1, 2", 1, 2, {10}, true, {{1}, {2}}, {1, 1}, {5, 5}},
    {"N6", "opposite flows, 5 % back", 2, 2, {10, 10}, false, {{1, 0.05}, {0.05, 1}}, {1, 1}, {10 / 1.05, 10 / 1.05}},
    {"N7", "parking lot", 3, 4, {1, 2, 1}, false, {{1, 1, 1}, {1}, {0, 1}, {0, 0, 1}}, {1, 1, 1, 1}, {.5, .5, 1.5, .5}},
};

static void sharing(TwValidation *v)
{
    for (int k = 0; k < TW_COUNT(smalls); k++) {
        const Small *s = &smalls[k];
        const bool fat[MAX] = {s->fat, s->fat, s->fat, s->fat};
        TwShareSet *set = tw_share_set_create(&(TwShareSetSpec){
            .flow_max = MAX, .link_count = s->links, .hop_max = MAX, .capacity = s->capacity, .fatpipe = fat});
        int id[MAX];
        for (int i = 0; i < s->flows; i++) {
            int link[MAX], n = 0;
            double use[MAX];
            for (int l = 0; l < s->links; l++)
                if (s->use[i][l] > 0.0) link[n] = l, use[n++] = s->use[i][l];
            id[i] = tw_share_set_add(set, n, link, use, s->penalty[i], INFINITY);
        }
        tw_share_set_solve(set);
        for (int i = 0; i < s->flows; i++)
            row(v, s->id, s->what, "B/s", tw_share_set_rate(set, id[i]), s->want[i], exact, "SimGrid maxmin_test.cpp");
        tw_share_set_destroy(set);
    }

    // N8: 10 and 20 bytes over a link of 10 B/s from the same moment
    double capacity = 10.0, left[2] = {10.0, 20.0}, at = 0.0;
    TwShareSet *set =
        tw_share_set_create(&(TwShareSetSpec){.flow_max = 2, .link_count = 1, .hop_max = 1, .capacity = &capacity});
    int link = 0, a = tw_share_set_add(set, 1, &link, NULL, 1.0, INFINITY);
    int b = tw_share_set_add(set, 1, &link, NULL, 1.0, INFINITY);
    tw_share_set_solve(set);
    at = left[0] / tw_share_set_rate(set, a);
    left[1] -= at * tw_share_set_rate(set, b);
    row(v, "N8", "first of two flows ends", "s", at, 2.0, exact, "closed form");
    tw_share_set_remove(set, a);
    tw_share_set_solve(set);
    row(v, "N8", "second ends", "s", at + left[1] / tw_share_set_rate(set, b), 3.0, exact, "closed form");
    tw_share_set_destroy(set);
}

// --- paths, latencies, bytes

static void paths(TwValidation *v)
{
    const double mib = 1048576.0, gib = 1073741824.0, ns = 1e-9;
    const double l500[] = {500 * ns, 500 * ns, 500 * ns}, r50[] = {50 * gib, 50 * gib, 50 * gib};
    static const char *const astra = "astra-network-analytical @599a047";
    const double whole = 1e9;
    tw_validation_row(v, "N10", "1 MiB, fully connected", "ns", whole * tw_path_s(1, l500, r50, mib, false), 20031,
                      TW_ABSOLUTE, 1, astra);
    tw_validation_row(v, "N10", "1 MiB, three hops of a ring", "ns", whole * tw_path_s(3, l500, r50, mib, false), 21031,
                      TW_ABSOLUTE, 1, astra);
    tw_validation_row(v, "N11", "store and forward, fully connected", "ns", whole * tw_path_s(1, l500, r50, mib, true),
                      20031, TW_ABSOLUTE, 1, astra);
    // the source rounds each hop down to whole nanoseconds
    tw_validation_row(v, "N11", "store and forward, three hops", "ns",
                      3.0 * floor(whole * tw_path_s(1, l500, r50, mib, true)), 60093, TW_ABSOLUTE, 1, astra);
    const double l50 = 50 * ns, r200 = 200 * gib, l2000[] = {2000 * ns, 2000 * ns};
    tw_validation_row(v, "N12", "ring dimension, 0 to 1", "ns", whole * tw_path_s(1, &l50, &r200, mib, false), 4932,
                      TW_ABSOLUTE, 1, astra);
    tw_validation_row(v, "N12", "switch dimension, 26 to 42", "ns", whole * tw_path_s(2, l2000, r50, mib, false), 23531,
                      TW_ABSOLUTE, 1, astra);
    row(v, "N13", "LV08: 100 kB, 10 ms, 1 Mb/s", "s", tw_lv08_s(1e5, 0.01, 1e6 / 8.0), 0.996079, 1e-6,
        "SimGrid Models.rst");
    row(v, "N14", "factor of all-reduce, 8 ranks", "1", tw_collective_factor(TW_ALL_REDUCE, 8), 1.75, exact,
        "nccl-tests");
    row(v, "N14", "of all-gather", "1", tw_collective_factor(TW_ALL_GATHER, 8), 0.875, exact, "nccl-tests");
    row(v, "N14", "of reduce-scatter", "1", tw_collective_factor(TW_REDUCE_SCATTER, 8), 0.875, exact, "nccl-tests");
    row(v, "N14", "of all-to-all", "1", tw_collective_factor(TW_ALL_TO_ALL, 8), 0.875, exact, "nccl-tests");
    row(v, "N15", "ring of 8, 1 MiB, 3.4 us, 370 GB/s", "us", 1e6 * tw_ring_s(TW_ALL_REDUCE, 8, mib, 3.4e-6, 370e9),
        52.5595, 1e-4, "closed form");

    static const struct {
        const char *id, *what;
        TwAlgorithm algorithm;
        TwProtocol protocol;
        int ranks, nodes;
        double want_us;
    } latencies[] = {{"N16", "NCCL latency, ring LL, 8", TW_BY_RING, TW_LL, 8, 1, 15.0},
                     {"N16", "ring LL128", TW_BY_RING, TW_LL128, 8, 1, 40.6},
                     {"N16", "ring simple", TW_BY_RING, TW_SIMPLE, 8, 1, 56.0},
                     {"N16", "NVLS", TW_BY_NVLS, TW_SIMPLE, 8, 1, 25.0},
                     {"N17", "ring LL, 4 x 8", TW_BY_RING, TW_LL, 32, 4, 78.8},
                     {"N17", "ring simple, 4 x 8", TW_BY_RING, TW_SIMPLE, 32, 4, 395.92},
                     {"N17", "tree LL, 4 x 8", TW_BY_TREE, TW_LL, 32, 4, 35.2}};
    for (int i = 0; i < TW_COUNT(latencies); i++)
        row(v, latencies[i].id, latencies[i].what, "us",
            1e6 * tw_nccl_latency_s(TW_ALL_REDUCE, latencies[i].algorithm, latencies[i].protocol, latencies[i].ranks,
                                    latencies[i].nodes, 1e-6),
            latencies[i].want_us, 1e-6, "NCCL tuning.cc");

    double inside, nic;
    tw_hierarchical_bytes(32, 4, 4 * gib, &inside, &nic);
    row(v, "N18", "4 GiB over 4 x 8: NVLink", "GiB", inside / gib, 7.0, 1e-4, "closed form");
    row(v, "N18", "network card", "GiB", nic / gib, 0.75, 1e-4, "closed form");
    double time_s = tw_collective_factor(TW_ALL_REDUCE, 32) * 4 * gib / 377.34e9;
    row(v, "N18", "rate of a card at bus 377.34", "GB/s", nic / time_s * 1e-9, 36.517, 1e-4, "ml-engineering");
    row(v, "N22", "wait at 0.5, M/D/1", "1", tw_queue_md1(0.5), 0.5, exact, "closed form");
    row(v, "N22", "at 0.9", "1", tw_queue_md1(0.9), 4.5, exact, "closed form");
    row(v, "N22", "wait at 0.5, M/M/1", "1", tw_queue_mm1(0.5), 1.0, exact, "closed form");
    row(v, "N22", "at 0.9", "1", tw_queue_mm1(0.9), 9.0, exact, "closed form");
    row(v, "N23", "KV of 32,768 tokens, 36 layers", "GiB", tw_kv_bytes(36, 8, 128, 2.0, 1) * 32768.0 / gib, 4.5, exact,
        "Mooncake");
    row(v, "N24", "128 tokens to 8 experts, FP8", "B", 128.0 * tw_moe_token_bytes(7168, 8, 1.0, 0), 7340032, exact,
        "DeepEP");
    row(v, "N24", "their scales", "B",
        128.0 * (tw_moe_token_bytes(7168, 8, 1.0, 128) - tw_moe_token_bytes(7168, 8, 1.0, 0)), 229376, exact, "DeepEP");
}

// --- fabrics

static TwNetwork *fabric(TwValidation *v, int64_t radix, double oversubscription, int64_t planes, int64_t endpoints,
                         bool in_network)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8,
                                      .link_bytes_s = 450e9,
                                      .ring_efficiency = 1,
                                      .nvls_efficiency = 1,
                                      .node_gpus = 8,
                                      .fill_bytes = 1.0,
                                      .in_network = in_network},
                          .fabric = {.kind = "fat_tree",
                                     .radix = radix,
                                     .port_bytes_s = 50e9,
                                     .planes = planes,
                                     .oversubscription = oversubscription,
                                     .efficiency = 1.0},
                          .endpoints = endpoints};
    TwNetwork *network = NULL;
    if (!tw_network_create(&network, &spec, errors)) {
        tw_validation_note(v, "a fabric of radix %lld could not be built", (long long)radix);
        tw_errors_print(errors, 9, stderr);
    }
    tw_errors_destroy(errors);
    return network;
}

static void counts(TwValidation *v)
{
    static const struct {
        const char *what;
        int64_t radix, planes, endpoints, leaf, spine, core;
    } units[] = {{"SuperPOD H100, 1 SU", 64, 1, 248, 8, 4, 0},
                 {"2 SU", 64, 1, 504, 16, 8, 0},
                 {"4 SU", 64, 1, 1016, 32, 16, 0},
                 {"B200, 16 SU", 64, 1, 4096, 128, 128, 64},
                 {"B200, 32 SU", 64, 1, 8192, 256, 256, 128},
                 {"B200, 64 SU", 64, 1, 16384, 512, 512, 256},
                 {"B300 Spectrum-X, 1 SU", 128, 2, 512, 16, 8, 0},
                 {"4 SU", 128, 2, 2048, 64, 32, 0},
                 {"16 SU", 128, 2, 8192, 256, 128, 0},
                 {"B300 XDR, 1 SU", 144, 1, 576, 8, 4, 0},
                 {"8 SU", 144, 1, 4608, 64, 36, 0},
                 {"18 SU", 144, 1, 10368, 144, 72, 0}};
    static const char *const guide = "docs.nvidia.com/dgx-superpod";
    for (int i = 0; i < TW_COUNT(units); i++) {
        TwNetwork *n = fabric(v, units[i].radix, 1.0, units[i].planes, units[i].endpoints, false);
        if (!n) continue;
        char what[64];
        snprintf(what, sizeof what, "%s: leaf switches", units[i].what);
        row(v, "5.2", what, "1", (double)n->leaf, (double)units[i].leaf, 0.0, guide);
        row(v, "5.2", "spine switches", "1", (double)n->spine, (double)units[i].spine, 0.0, guide);
        row(v, "5.2", "core switches", "1", (double)n->core, (double)units[i].core, 0.0, guide);
        tw_network_destroy(n);
    }
    TwNetwork *large = fabric(v, 144, 1.0, 1, 41472, true), *two = fabric(v, 64, 1.0, 1, 2048, false),
              *more = fabric(v, 64, 1.0, 1, 2049, false);
    if (large && two && more) {
        row(v, "N20", "k 144, 41,472 endpoints: switches", "1", (double)large->switches, 1440, 0.0, "vendor");
        row(v, "N20", "k 64, 2,048 endpoints: tiers", "1", two->tiers, 2, 0.0, "closed form");
        row(v, "N20", "k 64, 2,049 endpoints: tiers", "1", more->tiers, 3, 0.0, "closed form");
        // no latency at all, and so large that none would count
        TwCollectiveCost cost = tw_network_collective(large, TW_ALL_REDUCE, 8, 8, 1e12);
        row(v, "N19", "NVLS among 8 at 450 GB/s: bus", "GB/s", cost.bus_bytes_s * 1e-9, 700.0, exact, "closed form");
    }
    tw_network_destroy(large);
    tw_network_destroy(two);
    tw_network_destroy(more);
}

// N9, N21, N25, N26 on link graphs.
static void graphs(TwValidation *v)
{
    TwErrors *errors = tw_errors_create();
    TwNetwork *n = fabric(v, 24, 2.0, 1, 192, false), *four = fabric(v, 8, 1.0, 1, 32, false);
    TwGraph *g = NULL, *bins = NULL;
    TwRemains r;
    TwError error;
    if (n && tw_graph_create(&g, n, errors) && tw_network_remains(g, NULL, 0, TW_SPRAY, &r, NULL, &error)) {
        row(v, "N9", "16 hosts of 400G, 8 uplinks: each", "GB/s", r.slowest_host * 50.0, 25.0, exact, "closed form");
        row(v, "ledger", "bytes sent against received", "1", r.ledger, 0.0, 1e-12, "conservation");
        // N25: the same by explicit flows on every path
        int room = tw_graph_crossings(g, TW_SPRAY), *link = calloc((size_t)room, sizeof *link);
        double *use = calloc((size_t)room, sizeof *use), least = INFINITY;
        if (!link || !use) abort();
        TwShareSet *set = tw_share_set_create(&(TwShareSetSpec){.flow_max = 2 * g->endpoints,
                                                                .link_count = g->link_count,
                                                                .hop_max = room,
                                                                .capacity = g->capacity_bytes_s});
        int hosts = g->endpoints / g->rails;
        for (int k = 0; k < 2; k++)
            for (int e = 0; e < g->endpoints; e++) {
                int to = (e / g->rails + (k ? hosts / 3 : hosts / 2)) % hosts * g->rails + e % g->rails;
                TwRouteAsk ask = {.from = e, .to = to, .routing = TW_SPRAY};
                tw_share_set_add(set, tw_graph_route(g, &ask, link, use, room), link, use, 1.0, INFINITY);
            }
        tw_share_set_solve(set);
        for (int i = 0; i < 2 * g->endpoints; i++) least = fmin(least, tw_share_set_rate(set, i));
        row(v, "N25", "bundles against explicit flows: least", "GB/s", r.slowest_flow_bytes_s * 1e-9, least * 1e-9,
            1e-12, "invariant");
        // N26: a hundred of them end one by one
        double worst = 0.0;
        TwShareSet *again = tw_share_set_create(&(TwShareSetSpec){.flow_max = 2 * g->endpoints,
                                                                  .link_count = g->link_count,
                                                                  .hop_max = room,
                                                                  .capacity = g->capacity_bytes_s});
        for (int e = 0; e < 100; e++) tw_share_set_remove(set, e), tw_share_set_solve(set);
        for (int k = 0; k < 2; k++)
            for (int e = 0; e < g->endpoints; e++) {
                int to = (e / g->rails + (k ? hosts / 3 : hosts / 2)) % hosts * g->rails + e % g->rails;
                TwRouteAsk ask = {.from = e, .to = to, .routing = TW_SPRAY};
                tw_share_set_add(again, tw_graph_route(g, &ask, link, use, room), link, use, 1.0, INFINITY);
            }
        for (int e = 0; e < 100; e++) tw_share_set_remove(again, e);
        tw_share_set_solve_all(again);
        for (int i = 100; i < 2 * g->endpoints; i++)
            worst = fmax(worst, fabs(tw_share_set_rate(set, i) / tw_share_set_rate(again, i) - 1.0));
        row(v, "N26", "incremental against full solution", "1", worst, 0.0, exact, "invariant");
        tw_share_set_destroy(set);
        tw_share_set_destroy(again);
        free(link);
        free(use);
    }
    if (four && tw_graph_create(&bins, four, errors)) {
        enum { TRIALS = 40000 };
        double sum = 0.0, apart = 0.0, use[8];
        for (int t = 0; t < TRIALS; t++) {
            int load[4] = {0}, most = 0, link[8];
            for (int i = 0; i < 4; i++) {
                TwRouteAsk ask = {
                    .from = i * 8, .to = (i * 8 + 9) % 32, .routing = TW_ECMP, .hash = tw_route_hash(9, i, 0, t, 0)};
                tw_graph_route(bins, &ask, link, use, 8);
                int spine = (link[1] - bins->leaf_up) % bins->spines;
                if (++load[spine & 3] > most) most = load[spine & 3];
            }
            sum += most;
            apart += most == 1;
        }
        row(v, "N21", "ECMP, 4 flows on 4 paths: fullest", "1", sum / TRIALS, 2.125, 0.01, "balls in bins");
        tw_validation_row(v, "N21", "no collision", "1", apart / TRIALS, 0.09375, TW_ABSOLUTE, 0.01, "balls in bins");
    }
    tw_graph_destroy(g);
    tw_graph_destroy(bins);
    tw_network_destroy(n);
    tw_network_destroy(four);
    tw_errors_destroy(errors);
}

bool tw_validate_network(TwValidation *validation, const char *file, TwError *error)
{
    sharing(validation);
    paths(validation);
    counts(validation);
    graphs(validation);

    char path[512];
    const char *data = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!file && data) snprintf(path, sizeof path, "%s/network/collectives_measured.csv", data);
    if (!file && !data) {
        tw_validation_note(validation, "published measurements: give a table, `tokenworks validate network FILE.csv`");
        return true;
    }
    return tw_network_measured(validation, file ? file : path, error);
}
