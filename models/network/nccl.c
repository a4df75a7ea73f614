// NCCL's own model of latency and its bandwidth factors: NVIDIA/nccl src/graph/tuning.cc (docs/network.md).
#include "models/network/inner.h"

#include <assert.h>
#include <math.h>

// seconds by protocol: low latency, 128-byte low latency, simple
static const double ring_base[] = {6.6e-6, 14.0e-6, 8.4e-6}, tree_base[] = {6.8e-6, 14.0e-6, 8.4e-6};
static const double ring_intra[] = {0.6e-6, 1.9e-6, 3.4e-6}, tree_intra[] = {0.6e-6, 1.25e-6, 4.0e-6};
static const double ring_inter[] = {2.7e-6, 4.0e-6, 14.0e-6}, tree_inter[] = {5.0e-6, 8.5e-6, 14.0e-6};
static const double nvls_intra = 25.0e-6, nvls_inter = 18.0e-6, nvls_tree_inter = 20.9e-6;
static const double simple_stretch = 1.4;     // of a ring over several nodes
static const double simple_overhead = 3.0;    // times overhead_s

double tw_nccl_hop_s(bool inter) { return inter ? ring_inter[TW_LL] : ring_intra[TW_LL]; }

double tw_nccl_latency_with(TwCollective what, TwAlgorithm algorithm, TwProtocol protocol, const TwNcclGroup *group)
{
    double n = group->ranks, k = group->nodes, overhead_s = k > 1.0 ? group->overhead_s : 0.0;
    if (protocol == TW_SIMPLE) overhead_s *= simple_overhead;
    double more = group->extra_intra_s, between = group->extra_inter_s;
    switch (algorithm) {
    case TW_BY_NVLS:
        return nvls_intra + (k > 1.0 ? nvls_inter + between : 0.0);
    case TW_BY_NVLS_TREE:
        return nvls_intra + 2.0 * log2(k) * (nvls_tree_inter + between);
    case TW_BY_TREE:
        return tree_base[protocol] + 2.0 * ((n / k - 1.0) * fmax(tree_intra[protocol] + more, 0.0) +
                                            log2(k) * (tree_inter[protocol] + between));
    case TW_BY_RING:
    case TW_BY_AUTO:
        break;
    }
    double turns = what == TW_ALL_REDUCE ? 2.0 : 1.0;
    double steps = turns * (n - 1.0), inter = turns * (k - 1.0);
    double time = ring_base[protocol] + (steps - inter) * fmax(ring_intra[protocol] + more, overhead_s) +
                  inter * (ring_inter[protocol] + between);
    return protocol == TW_SIMPLE && k > 1.0 ? simple_stretch * time : time;
}

double tw_nccl_latency_s(TwCollective what, TwAlgorithm algorithm, TwProtocol protocol, int ranks, int nodes,
                         double overhead_s)
{
    assert(ranks >= 2 && nodes >= 1 && nodes <= ranks);
    return tw_nccl_latency_with(what, algorithm, protocol, &(TwNcclGroup){ranks, nodes, overhead_s, 0.0, 0.0});
}

// Trees fall behind the model at middle sizes; NCCL corrects by size, powers of two from 64 B to 128 MB (@01afd20).
double tw_nccl_tree_factor(TwProtocol protocol, double bytes)
{
    static const double factor[3][22] = {
        {1, 1, 1, 1, .9, .8, .7, .7, .7, .7, .6, .5, .4, .4, .5, .6, .7, .8, .9, 1, 1, 1},
        {1, 1, 1, 1, 1, .9, .8, .8, .8, .7, .6, .6, .6, .5, .6, .6, .7, .7, .8, .9, .9, 1},
        {.9, .9, .9, .9, .9, .9, .9, .8, .7, .6, .6, .5, .5, .5, .5, .5, .5, .6, .6, .7, .8, .9}};
    double at = log2(fmax(bytes, 64.0) / 64.0);
    if (at >= 21.0) return 1.0 - (1.0 - factor[protocol][21]) * fmax(22.0 - at, 0.0);
    // between its sizes in a straight line, so that time does not jump
    int i = (int)at;
    return factor[protocol][i] + (at - i) * (factor[protocol][i + 1] - factor[protocol][i]);
}
