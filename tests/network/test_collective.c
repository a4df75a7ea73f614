// Times of collectives: closed forms (N14-N19), the choice of algorithm, and measured tables of chips.
#include "models/network/inner.h"
#include "models/network/network.h"
#include "sim/data.h"
#include "tests/check.h"

#include <math.h>

static TwNetwork *built_by(TwScaleupRow up, const char *csv, const char *protocols)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = up,
                          .fabric = {.kind = "fat_tree",
                                     .radix = 64,
                                     .port_bytes_s = 50e9,
                                     .planes = 1,
                                     .protocols = protocols,
                                     .oversubscription = 1.0,
                                     .optics_per_link = 2,
                                     .hop_s = 2.7e-6,
                                     .base_s = 20e-6,
                                     .efficiency = 1.0},
                          .endpoints = 64,
                          .comm_csv = csv};
    TwNetwork *network;
    if (!tw_network_create(&network, &spec, errors)) {
        tw_errors_print(errors, 9, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    return network;
}

static TwNetwork *built(TwScaleupRow up, const char *csv) { return built_by(up, csv, NULL); }

static TwScaleupRow plain(void)
{
    return (TwScaleupRow){.domain_gpus = 8,
                          .link_bytes_s = 370e9,
                          .ring_efficiency = 1.0,
                          .nvls_efficiency = 1.0,
                          .low_latency_fraction = 1.0,
                          .hop_s = 0.6e-6,
                          .fill_bytes = 1.0};
}

// N14: factors of nccl-tests.
static void bus_factors(void)
{
    CHECK(tw_collective_factor(TW_ALL_REDUCE, 8) == 1.75);
    CHECK(tw_collective_factor(TW_ALL_GATHER, 8) == 0.875);
    CHECK(tw_collective_factor(TW_REDUCE_SCATTER, 8) == 0.875);
    CHECK(tw_collective_factor(TW_ALL_TO_ALL, 8) == 0.875);
    CHECK(tw_collective_factor(TW_SEND, 2) == 1.0);
}

// N15: a ring of eight, 1 MiB, 3.4 us a hop, 370 GB/s; the law is that ring with NCCL's base and hops.
static void ring_is_hops_and_bytes(void)
{
    CHECK_NEAR(tw_ring_s(TW_ALL_REDUCE, 8, 1 << 20, 3.4e-6, 370e9), 52.5595e-6, 2e-6);
    TwNetwork *network = built(plain(), NULL);
    TwCollectiveCost cost = tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 1 << 20);
    CHECK_TEXT(cost.algorithm, "ring");
    CHECK_NEAR(cost.time_s, 6.6e-6 + tw_ring_s(TW_ALL_REDUCE, 8, 1 << 20, 0.6e-6, 370e9), 1e-12);
    CHECK(!cost.measured && !cost.extrapolated);
    TwCollectiveCost half = tw_network_collective(network, TW_REDUCE_SCATTER, 8, 8, 1 << 20);
    CHECK_NEAR(2.0 * half.time_s - 6.6e-6, cost.time_s, 1e-12);
    CHECK(tw_network_collective(network, TW_ALL_REDUCE, 1, 8, 1e6).time_s == 0.0);
    tw_network_destroy(network);
}

// N16, N17: latencies that NCCL itself assumes on one node of eight and on four.
static void latencies_are_those_of_nccl(void)
{
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_RING, TW_LL, 8, 1, 1e-6), 15.0e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_RING, TW_LL128, 8, 1, 1e-6), 40.6e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_RING, TW_SIMPLE, 8, 1, 1e-6), 56.0e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_NVLS, TW_SIMPLE, 8, 1, 1e-6), 25.0e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_RING, TW_LL, 32, 4, 1e-6), 78.8e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_RING, TW_SIMPLE, 32, 4, 1e-6), 395.92e-6, 1e-12);
    CHECK_NEAR(tw_nccl_latency_s(TW_ALL_REDUCE, TW_BY_TREE, TW_LL, 32, 4, 1e-6), 35.2e-6, 1e-12);

    // the law adds the launch of the system and takes the fastest: at no bytes over four nodes the tree
    TwScaleupRow up = plain();
    up.base_s = 5e-6;
    TwNetwork *network = built(up, NULL);
    TwCollectiveCost cost = tw_network_collective(network, TW_ALL_REDUCE, 32, 8, 0.0);
    CHECK_TEXT(cost.algorithm, "tree");
    CHECK_NEAR(cost.time_s, 40.2e-6, 1e-12);
    tw_network_destroy(network);
}

// Fabrics whose collectives know one protocol, and large messages over domains that trees do not join, are left with
// rings.
static void what_may_be_used_is_used(void)
{
    TwScaleupRow up = plain();
    up.in_network = true;
    up.nvls_s = 25e-6;
    up.tree_domains = 2;
    TwNetwork *network = built(up, NULL);
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 1e9).algorithm, "nvls");
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 16, 8, 1e4).algorithm, "tree");
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 24, 8, 1e4).algorithm, "tree");
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 24, 8, 1e8).algorithm, "ring");
    TwCollectiveAsk ask = {.what = TW_ALL_REDUCE, .ranks = 24, .ranks_per_domain = 8, .bytes = 1e9};
    ask.algorithm = TW_BY_NVLS_TREE;
    CHECK_TEXT(tw_network_time(network, &ask).algorithm, "nvls tree");
    // half of a network card: no faster, and where the card is what binds, half as fast
    ask = (TwCollectiveAsk){.what = TW_ALL_TO_ALL, .ranks = 32, .ranks_per_domain = 8, .bytes = 1e12};
    double whole_s = tw_network_time(network, &ask).time_s;
    ask.nic_share = 0.5;
    CHECK_NEAR(tw_network_time(network, &ask).time_s, 2.0 * whole_s, 1e-3);
    tw_network_destroy(network);
}

// Of two domains the slower stage hides the other; with more of them both are felt, and reduction in the fabric's
// switches hides its part only. Rings that know one protocol leave two nodes to the tree as well.
static void two_domains_hide_a_stage(void)
{
    TwScaleupRow up = plain();
    up.in_network = true;
    up.overlap = 0.0;
    up.link_bytes_s = 900e9;
    const double bytes = 8e12;
    TwCollectiveAsk two = {.what = TW_ALL_REDUCE, .ranks = 16, .ranks_per_domain = 8, .bytes = bytes};
    TwCollectiveAsk four = {.what = TW_ALL_REDUCE, .ranks = 32, .ranks_per_domain = 8, .bytes = bytes};
    four.algorithm = TW_BY_NVLS_TREE;
    double inside_s = 9.0 / 8.0 * bytes / up.link_bytes_s, card_s = bytes / 8.0 / 50e9;
    CHECK(inside_s < card_s);
    TwNetwork *network = built(up, NULL);
    TwCollectiveCost cost = tw_network_time(network, &two);
    CHECK_TEXT(cost.algorithm, "nvls tree");
    CHECK_NEAR(cost.time_s, card_s, 1e-4);
    CHECK_NEAR(tw_network_time(network, &four).time_s, inside_s + 1.5 * card_s, 1e-4);
    tw_network_destroy(network);

    up.nvls_efficiency = 0.35;
    inside_s /= 0.35;
    CHECK(inside_s > card_s);
    network = built_by(up, NULL, "simple");
    cost = tw_network_time(network, &two);
    CHECK_TEXT(cost.algorithm, "nvls tree");
    CHECK_NEAR(cost.time_s, inside_s, 1e-4);
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 32, 8, bytes).algorithm, "ring");
    tw_network_destroy(network);
}

// A domain's figures of few ranks hold up to their number, its own at all of them, between them by the logarithm.
static void few_ranks_have_their_own_figures(void)
{
    TwScaleupRow up = plain();
    up.in_network = true;
    up.domain_gpus = 128;
    up.link_bytes_s = 900e9;
    up.ring_efficiency = 0.01;
    up.nvls_efficiency = 0.4;
    up.few_gpus = 8;
    up.few_nvls_efficiency = 0.6;
    up.fill_s = 1.0;
    up.few_fill_s = 0.2;
    up.fill_bytes = up.few_fill_bytes = 1.0;
    TwNetwork *network = built(up, NULL);
    static const struct {
        int ranks;
        double efficiency, fill_s;
    } want[] = {{4, 0.6, 0.2}, {8, 0.6, 0.2}, {32, 0.5, 0.6}, {128, 0.4, 1.0}};
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
        double n = want[k].ranks;
        CHECK_NEAR(tw_network_collective(network, TW_ALL_REDUCE, want[k].ranks, 128, 1e12).time_s,
                   want[k].fill_s + (n + 1.0) / n * 1e12 / (want[k].efficiency * 900e9), 1e-9);
    }
    tw_network_destroy(network);
}

// N18: bytes of a hierarchical all-reduce of 4 GiB over 4 x 8, and the NIC's rate at a bus bandwidth of 377.34 GB/s.
static void hierarchical_moves_little_through_nics(void)
{
    double gib = 1073741824.0, inside, nic;
    tw_hierarchical_bytes(32, 4, 4 * gib, &inside, &nic);
    CHECK(inside == 7.0 * gib && nic == 0.75 * gib);
    CHECK_NEAR(nic / (inside + nic), 0.0968, 1e-3);
    double time_s = tw_collective_factor(TW_ALL_REDUCE, 32) * 4 * gib / 377.34e9;
    CHECK_NEAR(nic / time_s, 36.517e9, 1e-5);
    CHECK_NEAR(nic / time_s, 377.34e9 * 3.0 / 31.0, 1e-12);
}

// N19: in-switch reduction among eight at 450 GB/s has a bus bandwidth of 700.
static void nvls_beats_the_wire(void)
{
    TwScaleupRow up = plain();
    up.link_bytes_s = 450e9;
    up.in_network = true;
    TwNetwork *network = built(up, NULL);
    CHECK_NEAR(tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 1e12).bus_bytes_s, 700e9, 1e-9);
    tw_network_destroy(network);
}

// Between nodes no algorithm beats the NICs; a large domain with one slow NIC a rank goes hierarchical.
static void nics_bound_what_leaves(void)
{
    TwScaleupRow up = plain();
    TwNetwork *network = built(up, NULL);
    TwCollectiveCost ring = tw_network_collective(network, TW_ALL_GATHER, 32, 8, 1e12);
    CHECK_NEAR(ring.bus_bytes_s, 370e9, 1e-4);
    TwCollectiveCost lone = tw_network_collective(network, TW_ALL_REDUCE, 4, 1, 1e12);
    CHECK_NEAR(lone.bus_bytes_s, 50e9, 1e-4);
    TwCollectiveCost exchange = tw_network_collective(network, TW_ALL_TO_ALL, 32, 8, 1e12);
    CHECK_NEAR(exchange.time_s, 1e12 * 24 / 32 / 50e9, 1e-4);
    TwCollectiveCost send = tw_network_collective(network, TW_SEND, 2, 1, 1e9);
    CHECK_NEAR(send.time_s, 20e-6 + 2.7e-6 + 1e9 / 50e9, 1e-12);
    CHECK(tw_network_collective(network, TW_SEND, 2, 2, 1e9).time_s < send.time_s);
    tw_network_destroy(network);

    up.link_bytes_s = 900e9;
    up.domain_gpus = 32;
    up.in_network = true;
    network = built(up, NULL);
    CHECK_TEXT(tw_network_collective(network, TW_ALL_REDUCE, 64, 32, 1e10).algorithm, "nvls tree");
    tw_network_destroy(network);
}

// N23, N24: bytes of a KV cache and of tokens for experts; time is latency plus the busier of card and NVLink.
static void experts_and_caches(void)
{
    CHECK(128 * tw_moe_token_bytes(7168, 8, 1.0, 0) == 7340032.0);
    CHECK(128 * tw_moe_token_bytes(7168, 8, 1.0, 128) == 7340032.0 + 229376.0);
    TwScaleupRow up = plain();
    up.exchange_efficiency = 0.5;
    TwNetwork *network = built(up, NULL);
    TwMoeAsk ask = {.ranks = 8, .ranks_per_domain = 8, .bytes = 1e9};
    CHECK_NEAR(tw_network_moe(network, &ask).time_s, 0.875e9 / 185e9, 1e-12);
    ask.ranks = 64;
    CHECK_NEAR(tw_network_moe(network, &ask).time_s, 0.875e9 / (0.93 * 50e9), 1e-12);
    ask.imbalance = 1.5;
    CHECK_NEAR(tw_network_moe(network, &ask).time_s, 1.5 * 0.875e9 / (0.93 * 50e9), 1e-12);
    CHECK_NEAR(tw_network_transfer(network, 8, 4.5 * 1073741824.0, 0.5).time_s,
               4.5 * 1073741824.0 / (8 * 50e9 * 0.73 * 0.5), 1e-12);
    tw_network_destroy(network);
}

// More bytes never take less time, whatever wins.
static void time_grows_with_bytes(void)
{
    TwScaleupRow up = plain();
    up.in_network = true;
    up.nvls_s = 30e-6;
    up.fill_s = 80e-6;
    up.fill_bytes = 2e7;
    TwNetwork *network = built(up, NULL);
    for (int what = TW_ALL_REDUCE; what <= TW_SEND; what++)
        for (int ranks = 2; ranks <= 64; ranks *= 2) {
            double before = 0.0;
            for (double bytes = 1.0; bytes < 1e11; bytes *= 1.7) {
                double now = tw_network_collective(network, (TwCollective)what, ranks, 8, bytes).time_s;
                CHECK(now >= before);
                before = now;
            }
        }
    tw_network_destroy(network);
}

// Nodes of a measured table come back; between them ln t over ln bytes; beyond them, and for other ranks, flagged.
static void measured_tables_are_read_and_flagged(void)
{
    char path[512];
    if (!tw_data_find("calibration/h100_sxm/comm.csv", path, sizeof path)) {
        CHECK_TEXT(path, "calibration/h100_sxm/comm.csv");
        return;
    }
    TwNetwork *network = built(plain(), path);
    // the fastest library at each size: 3.09 us at 256 B, 14.4 us at 1 MiB
    TwCollectiveCost cost = tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 256);
    CHECK(cost.measured && !cost.extrapolated);
    CHECK_NEAR(cost.time_s, 3.09e-6, 1e-12);
    CHECK_NEAR(tw_network_collective(network, TW_ALL_GATHER, 8, 8, 4096).time_s, 10.6e-6, 1e-12);
    double low = tw_network_collective(network, TW_ALL_GATHER, 8, 8, 4096).time_s;
    double high = tw_network_collective(network, TW_ALL_GATHER, 8, 8, 16384).time_s;
    CHECK_NEAR(tw_network_collective(network, TW_ALL_GATHER, 8, 8, 8192).time_s, sqrt(low * high), 1e-12);

    TwCollectiveCost small = tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 16);
    CHECK(small.extrapolated && small.time_s == cost.time_s);
    double gib = 1073741824.0;
    TwCollectiveCost big = tw_network_collective(network, TW_ALL_REDUCE, 8, 8, 16 * gib);
    TwCollectiveCost last = tw_network_collective(network, TW_ALL_REDUCE, 8, 8, gib);
    CHECK(big.extrapolated && !last.extrapolated);
    CHECK(big.time_s > 15 * last.time_s && big.time_s < 16 * last.time_s);

    // six ranks were not measured: four were
    TwCollectiveCost six = tw_network_collective(network, TW_ALL_GATHER, 6, 8, 1e8);
    TwCollectiveCost four = tw_network_collective(network, TW_ALL_GATHER, 4, 8, 1e8);
    CHECK(six.measured && six.extrapolated && !four.extrapolated);
    CHECK(six.time_s > four.time_s && six.time_s < 1.3 * four.time_s);
    CHECK(!tw_network_collective(network, TW_ALL_REDUCE, 16, 8, 1e6).measured);
    tw_network_destroy(network);
}

// NCCL's correction of trees at sizes between its own is on the straight line, and nowhere jumps.
static void tree_factors_lie_between_those_of_nccl(void)
{
    for (int p = TW_LL; p <= TW_SIMPLE; p++)
        for (int i = 0; i < 21; i++) {
            double at = ldexp(64.0, i), here = tw_nccl_tree_factor((TwProtocol)p, at);
            double there = tw_nccl_tree_factor((TwProtocol)p, 2.0 * at);
            for (double part = 0.25; part < 1.0; part += 0.25)
                CHECK_NEAR(tw_nccl_tree_factor((TwProtocol)p, at * exp2(part)), here + part * (there - here), 1e-12);
            CHECK_NEAR(tw_nccl_tree_factor((TwProtocol)p, at * (1.0 - 1e-9)), here, 1e-8);
        }
    CHECK(tw_nccl_tree_factor(TW_SIMPLE, 64.0 * (1 << 16)) == 0.5);    // 4 MiB: its least
    CHECK(tw_nccl_tree_factor(TW_SIMPLE, 1e9) == 1.0);
}

int main(void)
{
    tree_factors_lie_between_those_of_nccl();
    bus_factors();
    ring_is_hops_and_bytes();
    latencies_are_those_of_nccl();
    hierarchical_moves_little_through_nics();
    two_domains_hide_a_stage();
    few_ranks_have_their_own_figures();
    nvls_beats_the_wire();
    nics_bound_what_leaves();
    what_may_be_used_is_used();
    experts_and_caches();
    time_grows_with_bytes();
    measured_tables_are_read_and_flagged();
    return check_failures != 0;
}
