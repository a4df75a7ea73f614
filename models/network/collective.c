// How long a collective takes: the algorithms of NCCL with its own latency and bandwidth factors, the fastest wins.
//
// Small messages go by the low-latency protocol (short hops, half the bandwidth), large ones by the simple protocol.
// Factors: NVIDIA/nccl src/graph/tuning.cc; see docs/network.md.
#include "models/network/inner.h"

#include <assert.h>
#include <math.h>

static const double ll_bandwidth = 0.5;       // of the low-latency protocol
static const double tree_bandwidth = 0.92;    // of a ring
static const double tree_ll_loss = 3.8;       // divides it once more for small messages
static const double net_overhead_s = 1e-6;    // least time of a hop once a network is involved
static const double net_simple = 1.4;         // on every hop of the simple protocol over several nodes
static const double overlap = 0.37;           // of the two stages of a hierarchical all-reduce: see docs/network.md

// n ranks as k nodes of g.
typedef struct Group {
    double n, g, k;
    double nvlink, nic;    // bandwidth of a rank, bytes/s
} Group;

double tw_collective_factor(TwCollective what, int ranks)
{
    double n = ranks;
    switch (what) {
    case TW_ALL_REDUCE:
        return 2.0 * (n - 1.0) / n;
    case TW_ALL_GATHER:
    case TW_REDUCE_SCATTER:
    case TW_ALL_TO_ALL:
        return (n - 1.0) / n;
    case TW_SEND:
        break;
    }
    return 1.0;
}

void tw_hierarchical_bytes(int ranks, int nodes, double bytes, double *inside, double *nic)
{
    double k = nodes, g = ranks / k;
    *inside = 2.0 * (g - 1.0) / g * bytes;
    *nic = 2.0 * (k - 1.0) / k * bytes / g;
}

static void keep_faster(TwCollectiveCost *best, double time_s, const char *algorithm)
{
    if (time_s >= best->time_s) return;
    best->time_s = time_s;
    best->algorithm = algorithm;
}

// A ring through every rank; between nodes its rate is that of all NICs of a node, or of NVLink where that is less.
static double ring_s(const TwNetworkPlant *p, const Group *group, TwCollective what, double bytes)
{
    const TwScaleupRow *up = &p->scaleup;
    const TwFabricRow *fab = &p->fabric;
    double n = group->n, k = group->k;
    double turns = what == TW_ALL_REDUCE ? 2.0 : 1.0;
    double steps = turns * (n - 1.0), between = k > 1.0 ? turns * (k - 1.0) : 0.0;
    double rate = group->nvlink;
    if (k > 1.0) rate = group->g > 1.0 ? fmin(rate, group->g * group->nic) : group->nic;
    double data = turns * (n - 1.0) / n * bytes / rate;

    double hop = k > 1.0 ? fmax(up->hop_s, net_overhead_s) : up->hop_s;
    double small = (steps - between) * hop + between * fab->hop_s + data / ll_bandwidth;
    double stretch = k > 1.0 ? net_simple : 1.0;
    double large = stretch * ((steps - between) * up->simple_hop_s + between * fab->simple_hop_s) + data;
    return up->base_s + fmin(small, large);
}

// Double binary tree over the nodes, a chain inside each.
static double tree_s(const TwNetworkPlant *p, const Group *group, double bytes)
{
    const TwScaleupRow *up = &p->scaleup;
    double chain = group->n / group->k - 1.0, depth = log2(group->k);
    double rate = group->nvlink;
    if (group->k > 1.0) rate = group->g > 1.0 ? fmin(rate, group->g * group->nic) : group->nic;
    double data = 2.0 * bytes / (tree_bandwidth * rate);

    double small = 2.0 * (chain * up->hop_s + depth * p->fabric.hop_s) + data * tree_ll_loss;
    double large = 2.0 * (chain * up->simple_hop_s + depth * p->fabric.simple_hop_s) + data;
    return up->base_s + fmin(small, large);
}

// Reduced in the switch: every rank sends its buffer once and takes the result once, (n + 1) / n of it on the wire.
static double nvls_s(const TwNetworkPlant *p, double n, double bytes)
{
    const TwScaleupRow *up = &p->scaleup;
    double fill = bytes > 0.0 ? up->fill_s * bytes / (bytes + up->fill_bytes) : 0.0;
    return up->nvls_s + fill + (n + 1.0) / n * bytes / (up->nvls_efficiency * up->link_bytes_s);
}

// Reduce-scatter inside, a ring over the nodes on every rail, all-gather inside; the stages overlap in part.
static double hierarchical_s(const TwNetworkPlant *p, const Group *group, double bytes)
{
    double g = group->g, k = group->k, inside = 0.0, latency = p->scaleup.base_s;
    double nic = 2.0 * (k - 1.0) / k * bytes / g / group->nic;
    if (p->scaleup.in_network) {
        latency = p->scaleup.nvls_s;
        inside = nvls_s(p, g, bytes) - latency;
    } else {
        latency += 2.0 * (g - 1.0) * p->scaleup.simple_hop_s;
        inside = 2.0 * (g - 1.0) / g * bytes / group->nvlink;
    }
    latency += 2.0 * log2(k) * p->fabric.simple_hop_s;
    return latency + inside + nic - overlap * fmin(inside, nic);
}

// Pairs of ranks exchange 1 / n of the buffer each; what leaves the domain goes through the NIC beside the rest.
static double all_to_all_s(const TwNetworkPlant *p, const Group *group, double bytes)
{
    double n = group->n, local = (group->g - 1.0) / n * bytes, remote = (n - group->g) / n * bytes;
    double time = local / group->nvlink, hops = (group->g - 1.0) * p->scaleup.hop_s;
    if (remote > 0.0) {
        time = fmax(time, remote / group->nic);
        hops += (n - group->g) * net_overhead_s + p->fabric.hop_s;
    }
    return p->scaleup.base_s + hops + time;
}

static double send_s(const TwNetworkPlant *p, const Group *group, double bytes)
{
    if (group->k <= 1.0) return p->scaleup.base_s + p->scaleup.hop_s + bytes / group->nvlink;
    return p->fabric.base_s + p->fabric.hop_s + bytes / group->nic;
}

static TwCollectiveCost analytic(const TwNetworkPlant *p, const Group *group, TwCollective what, double bytes)
{
    TwCollectiveCost best = {.time_s = INFINITY};
    bool several = group->k > 1.0;
    switch (what) {
    case TW_SEND:
        keep_faster(&best, send_s(p, group, bytes), "send");
        break;
    case TW_ALL_TO_ALL:
        keep_faster(&best, all_to_all_s(p, group, bytes), "pairwise");
        break;
    case TW_ALL_GATHER:
    case TW_REDUCE_SCATTER:
        keep_faster(&best, ring_s(p, group, what, bytes), "ring");
        break;
    case TW_ALL_REDUCE:
        keep_faster(&best, ring_s(p, group, what, bytes), "ring");
        keep_faster(&best, tree_s(p, group, bytes), "tree");
        if (!several && p->scaleup.in_network) keep_faster(&best, nvls_s(p, group->n, bytes), "nvls");
        if (several && group->g > 1.0) keep_faster(&best, hierarchical_s(p, group, bytes), "hierarchical");
        break;
    }
    return best;
}

static Group group_of(const TwNetworkPlant *p, int ranks, int per_domain)
{
    int g = per_domain < ranks ? per_domain : ranks;
    if (p->scaleup.domain_gpus > 0 && g > p->scaleup.domain_gpus) g = (int)p->scaleup.domain_gpus;
    if (g < 1) g = 1;
    return (Group){.n = ranks,
                   .g = g,
                   .k = (ranks + g - 1) / g,
                   .nvlink = p->scaleup.ring_efficiency * p->scaleup.link_bytes_s,
                   .nic = p->fabric.efficiency * p->fabric.port_bytes_s * (double)p->fabric.planes};
}

// The measured curve, carried to more ranks by the ratio of the laws; false: there is none.
static bool measured(const TwNetworkPlant *p, const Group *group, TwCollective what, double bytes,
                     TwCollectiveCost *cost)
{
    const TwCommCurve *curve = group->k > 1.0 ? NULL : tw_comm_curve(p, what, (int)group->n);
    if (!curve) return false;
    cost->time_s = tw_comm_time_s(curve, bytes, &cost->extrapolated);
    cost->algorithm = "measured";
    cost->measured = true;
    if (curve->ranks != (int)group->n) {
        Group known = *group;
        known.n = known.g = curve->ranks;
        cost->time_s *= analytic(p, group, what, bytes).time_s / analytic(p, &known, what, bytes).time_s;
        cost->extrapolated = true;
    }
    return true;
}

TwCollectiveCost tw_network_collective(const TwNetwork *network, TwCollective what, int ranks, int ranks_per_domain,
                                       double bytes)
{
    const TwNetworkPlant *p = network->inner;
    assert(ranks >= 1 && bytes >= 0.0);
    if (what == TW_SEND) ranks = 2;
    TwCollectiveCost cost = {.algorithm = "none"};
    if (ranks == 1) return cost;

    Group group = group_of(p, ranks, ranks_per_domain);
    assert(group.k <= 1.0 || p->fabric_exists);
    if (!measured(p, &group, what, bytes, &cost)) cost = analytic(p, &group, what, bytes);
    cost.bus_bytes_s = cost.time_s > 0.0 ? tw_collective_factor(what, ranks) * bytes / cost.time_s : 0.0;
    return cost;
}
