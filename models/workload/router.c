#include "models/workload/router.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

// one compiled version a vector width; whole numbers give the same bytes in each
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define WIDTHS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDTHS
#endif

const char *const tw_router_names[] = {"round_robin", "least_loaded", "power_of_two", "random",   "least_tokens",
                                       "vllm_dp",     "kv_aware",     "scored",       "affinity", "central",
                                       NULL};

bool tw_router_cells(int prefills, int decodes, int routers, int *cells, TwError *error)
{
    enum { USUAL = 32 };
    int replicas = prefills + decodes, most = prefills > 0 && prefills < decodes ? prefills : decodes;
    if (routers > most)
        return tw_fail(error, TW_BAD_INPUT, "%d routers: expected at most %d, one for each replica%s", routers, most,
                       prefills > 0 ? " of either kind" : "");
    *cells = routers > 0 ? routers : (replicas + USUAL - 1) / USUAL;
    if (*cells > most) *cells = most;
    if (replicas <= TW_ROUTED_MOST * *cells) return true;
    if (prefills == 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "%d replicas, of which a router serves at most %d: expected at least %d routers", replicas,
                       TW_ROUTED_MOST, (replicas + TW_ROUTED_MOST - 1) / TW_ROUTED_MOST);
    return tw_fail(error, TW_BAD_INPUT,
                   "%d replicas for prompts and %d others: a router serves at most %d, with one of each", prefills,
                   decodes, TW_ROUTED_MOST);
}

bool tw_router_policy(const char *name, TwRouterPolicy *policy)
{
    for (int k = 0; tw_router_names[k]; k++) {
        if (strcmp(name, tw_router_names[k]) != 0) continue;
        *policy = (TwRouterPolicy)k;
        return true;
    }
    return false;
}

int tw_router_powered(const bool *off, int count, int from)
{
    for (int k = 0; k < count; k++) {
        int i = from + k < count ? from + k : from + k - count;
        if (!off[i]) return i;
    }
    return -1;
}

void tw_router_draw(TwRouter *router, TwStream stream, uint32_t cell, int count, int pair[2])
{
    uint32_t words[4];
    tw_random4(stream, router->draws++, cell, TW_PURPOSE_ROUTE, words);
    pair[0] = (int)((uint64_t)words[0] * (uint64_t)count >> 32);
    pair[1] = pair[0];
    if (count == 1) return;
    pair[1] = (int)((uint64_t)words[1] * (uint64_t)(count - 1) >> 32);
    pair[1] += pair[1] >= pair[0];
}

WIDTHS uint64_t tw_router_due(const int64_t *next_ns, int count, int64_t now_ns)
{
    // the sign of the difference, without a branch
    uint64_t due = 0;
    for (uint64_t k = 0; k < (uint64_t)count; k++) due |= (uint64_t)(next_ns[k] - now_ns) >> 63 << k;
    return due;
}

WIDTHS int tw_router_least(const int32_t *load, int count)
{
    // load and index in one number: a minimum without a branch, which processors do many at a time
    int32_t least = INT32_MAX;
    for (int i = 0; i < count; i++) {
        int32_t key = load[i] * 64 + i;
        least = key < least ? key : least;
    }
    return least < TW_LOAD_OFF * 64 ? least % 64 : -1;
}

WIDTHS int tw_router_least_cost(double *restrict cost, const double *restrict before, const int32_t *restrict hit,
                                double worth, int count)
{
    // whole numbers in the order of the costs: their minimum needs no branch
    int64_t least = INT64_MAX;
    for (int k = 0; k < count; k++) {
        cost[k] = before[k] - worth * hit[k];
        int64_t bits;
        memcpy(&bits, &cost[k], sizeof bits);
        int64_t key = bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
        least = key < least ? key : least;
    }
    least ^= (int64_t)((uint64_t)(least >> 63) >> 1);
    double low;
    memcpy(&low, &least, sizeof low);
    uint64_t at = 0;
    for (uint64_t k = 0; k < (uint64_t)count; k++) at |= (uint64_t)(cost[k] == low) << k;
    return low < INFINITY ? __builtin_ctzll(at) : -1;
}

int tw_router_kv(const TwRouterSpec *spec, TwRouter *router, TwStream stream, uint32_t cell, int count,
                 const double *before, const int32_t *hit)
{
    double cost[TW_ROUTED_MOST];
    int best = tw_router_least_cost(cost, before, hit, spec->prompt_weight * spec->credit, count);
    if (best < 0 || !(spec->temperature > 0.0)) return best;
    double low = cost[best], high = low, sum = 0.0;
    for (int k = 0; k < count; k++)
        if (cost[k] != INFINITY && cost[k] > high) high = cost[k];
    if (high <= low) return best;
    double rate = 1.0 / ((high - low) * spec->temperature);
    for (int k = 0; k < count; k++) sum += exp((low - cost[k]) * rate);
    double at = sum * tw_random(stream, router->draws++, cell, TW_PURPOSE_ROUTE);
    for (int k = 0; k < count; k++) {
        if (cost[k] == INFINITY) continue;
        at -= exp((low - cost[k]) * rate);
        if (at <= 0.0) return k;
    }
    return best;
}

int tw_router_scored(const bool *off, int count, const TwRouterSignal *signal, const int32_t *hit, int32_t blocks,
                     int64_t kv_blocks)
{
    int32_t longest = 1;
    for (int k = 0; k < count; k++) longest = signal[k].waiting > longest ? signal[k].waiting : longest;
    int best = -1;
    double most = -INFINITY;
    for (int k = 0; k < count; k++) {
        double score = 2.0 * hit[k] / (blocks > 0 ? blocks : 1) + 1.0 - (double)signal[k].waiting / longest + 1.0 -
                       (double)signal[k].held_blocks / (double)kv_blocks;
        if (off[k] || score <= most) continue;
        most = score;
        best = k;
    }
    return best;
}
