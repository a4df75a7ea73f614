#include "models/workload/router.h"

#include <stddef.h>
#include <string.h>

const char *const tw_router_names[] = {"round_robin", "least_loaded", "power_of_two", NULL};

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

int tw_router_least(const int32_t *load, int count)
{
    // load and index in one number: a minimum without a branch, which processors do many at a time
    int32_t least = INT32_MAX;
    for (int i = 0; i < count; i++) {
        int32_t key = load[i] * 64 + i;
        least = key < least ? key : least;
    }
    return least < TW_LOAD_OFF * 64 ? least % 64 : -1;
}
