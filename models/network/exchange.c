// Tokens to experts and back, and bulk copies between nodes: latency + the busier of network card and NVLink.
#include "models/network/inner.h"

#include <assert.h>
#include <math.h>

// what one multiprocessor copies: DeepEP V2 on 8 B200 moves 643 to 675 GB/s, its own share included, with 24 of them
const double tw_sm_bytes_s = 27.5e9;

double tw_moe_token_bytes(int64_t hidden, int64_t top_k, double value_bytes, int64_t scale_group)
{
    double scales = scale_group > 0 ? 4.0 * (double)hidden / (double)scale_group : 0.0;
    return (double)top_k * ((double)hidden * value_bytes + scales);
}

double tw_kv_bytes(int64_t layers, int64_t kv_heads, int64_t head_dim, double value_bytes, int64_t tensor_parallel)
{
    double copies = tensor_parallel > kv_heads ? (double)tensor_parallel / (double)kv_heads : 1.0;
    return 2.0 * (double)layers * (double)kv_heads * (double)head_dim * value_bytes * copies;
}

TwCollectiveCost tw_network_moe(const TwNetwork *network, const TwMoeAsk *ask)
{
    const TwNetworkPlant *p = network->inner;
    const TwFabricRow *fab = &p->fabric;
    double n = ask->ranks, g = fmin(fmin(ask->ranks_per_domain, n), (double)p->scaleup.domain_gpus);
    assert(n >= 1.0 && ask->bytes >= 0.0 && (n <= g || p->fabric_exists));
    TwCollectiveCost cost = {.algorithm = "none"};
    if (n <= 1.0) return cost;

    double busy = ask->imbalance > 1.0 ? ask->imbalance : 1.0, share = ask->nic_share > 0.0 ? ask->nic_share : 1.0;
    double up = p->scaleup.exchange_efficiency * p->scaleup.link_bytes_s;
    double nic = share * (ask->combine ? fab->combine_efficiency : fab->dispatch_efficiency) * fab->port_bytes_s *
                 (double)fab->planes;
    if (ask->sms > 0) up = fmin(up, ask->sms * tw_sm_bytes_s * (n - 1.0) / n);
    double local = (g - 1.0) / n * ask->bytes * busy / up, remote = n > g ? (n - g) / n * ask->bytes * busy / nic : 0.0;
    double alpha = ask->combine ? fab->combine_s : fab->dispatch_s;
    cost.time_s = alpha + fmax(local, remote);
    cost.algorithm = remote > local ? "pairwise, card" : "pairwise, NVLink";
    cost.bus_bytes_s = ask->bytes / cost.time_s;
    return cost;
}

TwCollectiveCost tw_network_transfer(const TwNetwork *network, int cards, double bytes, double nic_share)
{
    const TwFabricRow *fab = &network->inner->fabric;
    assert(network->inner->fabric_exists && cards >= 1 && nic_share >= 0.0);
    double share = nic_share > 0.0 ? nic_share : 1.0;
    double rate = cards * fab->port_bytes_s * (double)fab->planes * fab->send_efficiency * share;
    TwCollectiveCost cost = {.time_s = fab->send_s + bytes / rate, .algorithm = "send"};
    cost.bus_bytes_s = bytes / cost.time_s;
    return cost;
}
