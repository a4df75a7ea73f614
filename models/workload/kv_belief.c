#include "models/workload/kv_belief.h"

enum { NONE = -1 };

static int32_t *place_of(const TwKvBeliefs *b, uint64_t base)
{
    return &b->place[base & (((uint64_t)1 << b->bits) - 1)];
}

void tw_kv_beliefs_clear(const TwKvBeliefs *b)
{
    const int32_t count = 1 << b->bits;
    for (int32_t k = 0; k < count; k++) {
        b->place[k] = NONE;
        b->belief[k] = (TwKvBelief){.next = k + 1 < count ? k + 1 : NONE, .older = NONE, .newer = NONE};
    }
    *b->head = (TwKvBeliefHead){.oldest = NONE, .newest = NONE, .unused = 0};
}

// --- entries --------------------------------------------------------------------------------------------------------

static void take_out(const TwKvBeliefs *b, int32_t k)
{
    const TwKvBelief *at = b->belief + k;
    if (at->older == NONE)
        b->head->oldest = at->newer;
    else
        b->belief[at->older].newer = at->newer;
    if (at->newer == NONE)
        b->head->newest = at->older;
    else
        b->belief[at->newer].older = at->older;
}

static void put_newest(const TwKvBeliefs *b, int32_t k)
{
    TwKvBelief *at = b->belief + k;
    at->older = b->head->newest;
    at->newer = NONE;
    if (at->older == NONE)
        b->head->oldest = k;
    else
        b->belief[at->older].newer = k;
    b->head->newest = k;
}

static void forget(const TwKvBeliefs *b, int32_t k)
{
    TwKvBelief *at = b->belief + k;
    int32_t *link = place_of(b, at->base);
    while (*link != k) link = &b->belief[*link].next;
    *link = at->next;
    take_out(b, k);
    *at = (TwKvBelief){.next = b->head->unused, .older = NONE, .newer = NONE};
    b->head->unused = k;
}

static int32_t find(const TwKvBeliefs *b, int replica, uint64_t base)
{
    int32_t k = *place_of(b, base);
    while (k != NONE && (b->belief[k].base != base || b->belief[k].replica != replica)) k = b->belief[k].next;
    return k;
}

// That of a run and replica, the newest from now on; made where there is none.
static TwKvBelief *touch(const TwKvBeliefs *b, int replica, uint64_t base)
{
    int32_t k = find(b, replica, base);
    if (k != NONE) {
        take_out(b, k);
    } else {
        if (b->head->unused == NONE) forget(b, b->head->oldest);
        k = b->head->unused;
        TwKvBelief *at = b->belief + k;
        int32_t *place = place_of(b, base);
        b->head->unused = at->next;
        *at = (TwKvBelief){.base = base, .replica = replica, .next = *place};
        *place = k;
    }
    put_newest(b, k);
    return b->belief + k;
}

static int32_t believed(const TwKvBelief *at, int64_t now_ns)
{
    return now_ns < at->far_ends_ns ? at->far : now_ns < at->ends_ns ? at->until : 0;
}

// --- told -----------------------------------------------------------------------------------------------------------

static void take_in(const TwKvBeliefs *b, int replica)
{
    int32_t most = 1 << b->event_bits, *first = &b->head->first[replica];
    const TwKvEvent event = b->event[((size_t)replica << b->event_bits) + (size_t)*first];
    *first = (*first + 1) & (most - 1);
    b->head->count[replica]--;
    if (event.until > 0) {
        TwKvBelief *at = touch(b, replica, event.base);
        at->until = at->far = event.until;
        at->ends_ns = at->far_ends_ns = INT64_MAX;
        return;
    }
    int32_t k = find(b, replica, event.base);
    if (k != NONE) forget(b, k);
}

void tw_kv_beliefs_publish(const TwKvBeliefs *b, int replica, uint64_t base, int32_t until, int64_t at_ns)
{
    int32_t most = 1 << b->event_bits;
    TwKvBeliefHead *head = b->head;
    head->published++;
    if (head->count[replica] == most) {
        head->early++;
        take_in(b, replica);
    }
    int32_t last = (head->first[replica] + head->count[replica]++) & (most - 1);
    b->event[((size_t)replica << b->event_bits) + (size_t)last] = (TwKvEvent){at_ns, base, until, 0};
}

void tw_kv_beliefs_learn(const TwKvBeliefs *b, int replicas, int64_t now_ns)
{
    for (int replica = 0; replica < replicas; replica++) {
        const TwKvEvent *events = b->event + ((size_t)replica << b->event_bits);
        while (b->head->count[replica] > 0 && events[b->head->first[replica]].at_ns <= now_ns) take_in(b, replica);
    }
}

// --- assumed --------------------------------------------------------------------------------------------------------

void tw_kv_beliefs_assume(const TwKvBeliefs *b, int replica, uint64_t base, int32_t until, int64_t now_ns)
{
    while (b->head->oldest != NONE && b->belief[b->head->oldest].ends_ns <= now_ns) forget(b, b->head->oldest);
    TwKvBelief *at = touch(b, replica, base);
    if (now_ns >= at->far_ends_ns) at->far = at->until, at->far_ends_ns = at->ends_ns;
    if (now_ns >= at->far_ends_ns || until >= at->far) {
        at->far = at->until = until;
        at->far_ends_ns = now_ns + b->keep_ns;
    } else if (at->far_ends_ns == at->ends_ns || until > at->until) {
        at->until = until;    // the rest of it goes on to its own end
    }
    at->ends_ns = now_ns + b->keep_ns;
}

// --- both -----------------------------------------------------------------------------------------------------------

void tw_kv_beliefs_leave(const TwKvBeliefs *b, int replica)
{
    b->head->first[replica] = b->head->count[replica] = 0;
    for (int32_t k = b->head->oldest, after; k != NONE; k = after) {
        after = b->belief[k].newer;
        if (b->belief[k].replica == replica) forget(b, k);
    }
}

uint64_t tw_kv_beliefs_find(const TwKvBeliefs *b, uint64_t base, uint64_t replicas, int64_t now_ns,
                            int32_t until[TW_ROUTED_MOST])
{
    uint64_t found = 0;
    for (int32_t k = *place_of(b, base); k != NONE; k = b->belief[k].next) {
        const TwKvBelief *at = b->belief + k;
        uint64_t bit = (uint64_t)1 << at->replica;
        if (at->base != base || !(replicas & bit)) continue;
        int32_t blocks = believed(at, now_ns);
        if (blocks == 0) continue;
        until[at->replica] = blocks;
        found |= bit;
    }
    return found;
}
