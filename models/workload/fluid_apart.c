// A flow whose prompts are computed apart: from those who compute them over the wire to those who decode.
//
// The wire of a cell, with M on it: M = D (S + F (u / (1 - u) + v / (1 - v)) + latency), D a second arrive, S a
// transfer alone, F one that has all links of a replica, u and v how busy the links of those who compute and of those
// who decode are then: each a queue with processor sharing (M/G/1), taken as a flow. Layers that leave while the last
// chunk is computed are not on it.
#include "models/workload/fluid_inner.h"

#include <math.h>

typedef struct Wire {
    double alone_s, full_s, latency_s;           // of a transfer: alone, with all links of its replicas
    double out, in;                              // requests a second that all links carry
    double bytes;                                // of a request
    double reach[TW_ROUTED_MOST][TW_REACHES];    // [replica] shares of what it sends, or gets
} Wire;

static TwReach reach_of(const TwFluidWork *w, int from, int to)
{
    const TwHandOver *h = &w->pool->hand_over;
    int first = w->cell->replica_begin - w->pool->replica_begin;
    if (!h->domain) return TW_REACH_LEAF;
    if (h->domain[first + from] == h->domain[first + to]) return TW_REACH_DOMAIN;
    return h->group[first + from] == h->group[first + to] ? TW_REACH_LEAF : TW_REACH_FABRIC;
}

// Bytes a second of one transfer, those of all links, and its latency, over the ways to those who get some.
static double one_transfer(const TwFluidWork *w, int from, const int *to, const double *share, int many, Wire *wire,
                           double *all_bytes_s)
{
    const TwHandOver *h = &w->pool->hand_over;
    double seconds = 0.0, full_s = 0.0;
    for (int j = 0; j < many; j++) {
        TwReach reach = reach_of(w, from, to[j]);
        double out = w->link ? w->link[from].out_bytes_s[reach] : h->bytes_s;
        double in = w->link ? w->link[to[j]].in_bytes_s[reach] : h->bytes_s;
        seconds += share[j] / fmax(tw_hand_over_alone(h, out, in), 1e-9);
        full_s += share[j] / fmax(fmin(out, in), 1e-9);
        wire->latency_s += w->flow[from].moving * share[j] * (w->link ? w->link[from].latency_s[reach] : h->latency_s);
        wire->reach[from][reach] += share[j];
        wire->reach[to[j]][reach] += share[j] * w->flow[from].moving;
    }
    *all_bytes_s = 1.0 / full_s;
    return 1.0 / seconds;
}

// What leaves while the last chunk is computed.
static double early_bytes(const TwFluidWork *w, int from, double bytes_s, double bytes)
{
    const TwHandOver *h = &w->pool->hand_over;
    const double *value = w->flow[from].value;
    if (h->layers < 2 || !(value[TW_FLUID_ITERATIONS] > 0.0)) return 0.0;
    double chunk_s = value[TW_FLUID_BUSY] / value[TW_FLUID_ITERATIONS];
    // of a prompt beyond the budget
    if (h->chunks)
        return fmin(fmax(bytes - tw_hand_over_bytes(h, w->pool->prefill.spec.max_tokens, 0.0), 0.0), bytes_s * chunk_s);
    return fmin(bytes, bytes_s * chunk_s) * (1.0 - 1.0 / h->layers);
}

static void make_wire(const TwFluidWork *w, double input, const int *to, const double *share, int many, Wire *wire)
{
    const TwFluidApart *a = w->pool->fluid_apart;
    *wire = (Wire){.bytes = tw_hand_over_bytes(&w->pool->hand_over, input * a->input[0] * a->moved,
                                               w->pool->prefill.spec.step->state_sent_tokens)};
    double moving = 0.0, left = 0.0, outs = 0.0, alone = 0.0;
    int senders = 0;
    for (int k = 0; k < w->cell->replica_count; k++) {
        const TwFlow *f = &w->flow[k];
        if (tw_fluid_group(w, k) != TW_FLUID_GROUP_PROMPTS || !(f->moving > 0.0)) continue;
        double all_bytes_s, bytes_s = one_transfer(w, k, to, share, many, wire, &all_bytes_s);
        moving += f->moving;
        left += f->moving * (wire->bytes - early_bytes(w, k, bytes_s, wire->bytes));
        outs += all_bytes_s;
        alone += bytes_s;
        senders++;
    }
    if (senders == 0) return;
    wire->latency_s /= moving;
    double bytes = fmax(left / moving, 1.0);
    wire->alone_s = bytes * senders / alone;
    wire->full_s = bytes * senders / outs;
    wire->out = outs / bytes;
    // each of the others can take as much as one who sends can give
    wire->in = wire->out / senders * many;
    for (int j = 0; j < many; j++)
        for (int reach = 0; reach < TW_REACHES; reach++) wire->reach[to[j]][reach] /= moving * share[j];
}

// Requests delivered in a step in which so many are on the wire to begin with.
static double delivered(const Wire *wire, double moving, double seconds)
{
    double low = 0.0, high = fmin(fmin(wire->out, wire->in), moving / seconds);
    for (int k = 0; k < 40; k++) {
        double rate = 0.5 * (low + high), out = rate / wire->out, in = rate / wire->in;
        double lasts_s = wire->alone_s + wire->full_s * (out / (1.0 - out) + in / (1.0 - in)) + wire->latency_s;
        if (rate * (lasts_s + seconds) > moving)
            high = rate;
        else
            low = rate;
    }
    return low * seconds;
}

static TwReplicaSent *sent_of(const TwFluidWork *w)
{
    return (TwReplicaSent *)tw_at(w->block, w->plant->sent) + w->cell->replica_begin;
}

// One replica gets so many, each with the tokens that are left of it.
static void receive(const TwFluidWork *w, int k, double requests, double output, double waited_s, double carried_s)
{
    TwFlow *f = &w->flow[k];
    f->received += requests;
    f->received_output += output;
    f->backlog += requests;
    f->came_s += requests * w->now_s;
    f->backlog_output += output;
    f->came_handed += requests;
    f->first_wait_s += waited_s;
    f->carry_s += carried_s;
}

void tw_fluid_carry(TwFluidWork *w, double seconds)
{
    int to[TW_ROUTED_MOST], count = w->cell->replica_count;
    double share[TW_ROUTED_MOST], moving = 0.0;
    for (int k = 0; k < count; k++) moving += w->flow[k].moving;
    if (!(moving > 0.0)) return;
    const TwFlowIn *in = (const TwFlowIn *)tw_at(w->block, w->plant->flows_in) + w->cell->pool;
    int many = tw_fluid_deal(w, TW_FLUID_GROUP_DECODES, moving, to, share);
    if (many == 0) return;    // nobody decodes: it stays where it is
    Wire wire;
    make_wire(w, in->input, to, share, many, &wire);
    double part = delivered(&wire, moving, seconds) / moving, lasts_s = 0.0;
    if (part > 0.0) lasts_s = seconds * (1.0 / part - 1.0);    // Little's law on what is left
    TwReplicaSent *sent = sent_of(w);
    double output = 0.0, waited_s = 0.0, all = part * moving;
    for (int k = 0; k < count; k++) {
        TwFlow *f = &w->flow[k];
        if (!(f->moving > 0.0)) continue;
        double bytes = part * f->moving * wire.bytes;
        output += part * f->moving_output;
        waited_s += part * f->moving_wait_s;
        f->delivered += part * f->moving;
        f->delivered_bytes += bytes;
        f->wire_s += part * f->moving * lasts_s;
        for (int reach = 0; reach < TW_REACHES; reach++) sent[k].out[reach] += bytes * wire.reach[k][reach];
        f->moving *= 1.0 - part;
        f->moving_output *= 1.0 - part;
        f->moving_wait_s *= 1.0 - part;
    }
    for (int j = 0; j < many; j++) {
        receive(w, to[j], all * share[j], output * share[j], waited_s * share[j], all * lasts_s * share[j]);
        for (int reach = 0; reach < TW_REACHES; reach++)
            sent[to[j]].in[reach] += all * share[j] * wire.bytes * wire.reach[to[j]][reach];
    }
    // asked for: what was delivered and what is on the wire
    for (int k = 0; k < count; k++) {
        TwFlow *f = &w->flow[k];
        f->asked_bytes = fmax(f->asked_bytes, f->delivered_bytes + f->lost_bytes + f->moving * wire.bytes);
    }
}

void tw_fluid_lose_carried(TwFluidWork *w, int k)
{
    TwFlow *f = &w->flow[k];
    int to[TW_ROUTED_MOST];
    double share[TW_ROUTED_MOST];
    if (!(f->moving > 0.0)) return;
    int many = tw_fluid_deal(w, TW_FLUID_GROUP_PROMPTS, f->moving, to, share);
    if (many == 0) many = tw_fluid_deal(w, TW_FLUID_GROUP_DECODES, f->moving, to, share);
    if (many == 0) return;
    f->lost_bytes = f->asked_bytes - f->delivered_bytes;
    for (int j = 0; j < many; j++) {
        receive(w, to[j], f->moving * share[j], f->moving_output * share[j], 0.0, 0.0);
        if (tw_fluid_group(w, to[j]) == TW_FLUID_GROUP_DECODES) continue;
        TwFlow *other = &w->flow[to[j]];
        other->came_handed = other->first_wait_s = other->carry_s = 0.0;
    }
    f->moving = f->moving_output = f->moving_wait_s = 0.0;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

void tw_fluid_count_carried(TwFluidWork *w)
{
    int count = w->cell->replica_count;
    int64_t between = 0, tokens = 0;
    double carried = 0.0, asked = 0.0, done = 0.0, lost = 0.0, wire_s = 0.0;
    for (int k = 0; k < count; k++) {
        TwFlow *f = &w->flow[k];
        TwReplica *r = &w->replica[k];
        if (tw_fluid_group(w, k) == TW_FLUID_GROUP_PROMPTS) {
            int64_t more = least((int64_t)f->handed - f->counted, r->running + r->wait_count);
            int64_t output = least((int64_t)f->handed_output - f->counted_output, r->counts.output_pending);
            f->counted += more, f->counted_output += output;
            r->counts.moved += more, r->counts.moved_output += output;
            tw_fluid_count(r, f);
        }
        between += f->counted - f->counted_in, tokens += f->counted_output - f->counted_in_output;
        carried += f->delivered, asked += f->asked_bytes, done += f->delivered_bytes, lost += f->lost_bytes;
        wire_s += f->wire_s;
    }
    for (int k = 0; k < count; k++) {
        TwFlow *f = &w->flow[k];
        TwReplica *r = &w->replica[k];
        int64_t more = least((int64_t)(f->received + 0.5) - f->counted_in, between);
        int64_t output = least((int64_t)(f->received_output + 0.5) - f->counted_in_output, tokens);
        if (more <= 0 && output <= 0) continue;
        f->counted_in += more, f->counted_in_output += output;
        between -= more, tokens -= output;
        r->counts.moved -= more, r->counts.moved_output -= output;
        tw_fluid_count(r, f);
    }
    CellState *s = (CellState *)tw_at(w->block, w->plant->cell_states) + (w->cell - w->plant->cells);
    s->transfers = (int64_t)carried;
    s->transfer_bytes = (int64_t)asked;
    s->delivered_bytes = (int64_t)done;
    s->lost_bytes = (int64_t)lost;
    s->transfer_ns = (TwWide)(wire_s * 1e9);
}

double tw_fluid_first(const TwFluidWork *w, int turn, int service, double u)
{
    int from[TW_ROUTED_MOST], many = 0, count = w->cell->replica_count;
    for (int serves = 1; serves >= 0 && many == 0; serves--)    // those that serve, or any
        for (int k = 0; k < count; k++)
            if (tw_fluid_group(w, k) == TW_FLUID_GROUP_PROMPTS && (!serves || tw_fluid_takes(w, k))) from[many++] = k;
    int at = from[turn % many];
    const TwFlow *f = &w->flow[at];
    return tw_fluid_ttft(&w->pool->fluid_apart->prompts, f->place, f->value[TW_FLUID_TTFT_S], service, u);
}
