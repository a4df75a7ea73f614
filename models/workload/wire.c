// KV on its way between the replicas of a router cell: fluid flows that share the links of both, max-min.
//
// A replica has its network cards, and its links inside the domain, each way. What goes further than its leaves is held
// besides by what the fabric above leaves to it. One transfer has the links of the GPUs on which its KV lies, no more
// (TwHandOver.share_out, share_in). Rates hold until a transfer of the cell begins or ends, or the network
// changes: duration = latency + time until the integral of the rate is its bytes.
#include "models/workload/workload_inner.h"

#include <assert.h>
#include <math.h>

enum { LINKS = 4 * 64 };    // cards out and in, domain out and in, of each replica

static int out_link(const Move *m, int replicas) { return (m->reach == TW_REACH_DOMAIN ? 2 * replicas : 0) + m->from; }

// -1: it goes nowhere, as nobody decodes
static int in_link(const Move *m, int replicas)
{
    return m->to < 0 ? -1 : (m->reach == TW_REACH_DOMAIN ? 3 : 1) * replicas + m->to;
}

// What a transfer has at most: the links of the GPUs on which its KV lies.
static double bound_of(const TwHandOver *h, const Move *m, const TwReplicaLink *link)
{
    return tw_hand_over_alone(h, link[m->from].out_bytes_s[m->reach],
                              m->to < 0 ? INFINITY : link[m->to].in_bytes_s[m->reach]);
}

// Capacities of the links: the cards carry what they may inside their leaves.
static void capacities(const TwReplicaLink *link, int replicas, double *left)
{
    for (int k = 0; k < replicas; k++) {
        left[k] = fmax(link[k].out_bytes_s[TW_REACH_LEAF], link[k].out_bytes_s[TW_REACH_FABRIC]);
        left[replicas + k] = fmax(link[k].in_bytes_s[TW_REACH_LEAF], link[k].in_bytes_s[TW_REACH_FABRIC]);
        left[2 * replicas + k] = link[k].out_bytes_s[TW_REACH_DOMAIN];
        left[3 * replicas + k] = link[k].in_bytes_s[TW_REACH_DOMAIN];
    }
}

static void set_rate(Move *m, double rate, int64_t now_ns)
{
    if (rate == m->rate) return;
    m->left = fmax(m->left - m->rate * 1e-9 * (double)(now_ns - m->since_ns), 0.0);
    m->since_ns = now_ns;
    m->rate = rate;
    double rest_ns = rate > 0.0 ? 1e9 * m->left / rate : INFINITY;
    m->at_ns = rest_ns < 9e18 - (double)now_ns ? now_ns + (int64_t)ceil(rest_ns) : INT64_MAX;
}

int64_t tw_wire_share(const TwHandOver *h, Move *moves, int count, const TwReplicaLink *link, int replicas,
                      int64_t now_ns)
{
    double left[LINKS];
    int live[LINKS], open = 0;
    assert(replicas <= 64);
    capacities(link, replicas, left);
    for (int l = 0; l < 4 * replicas; l++) live[l] = 0;
    for (int i = 0; i < count; i++) {
        Move *m = &moves[i];
        m->open = m->wire;
        if (!m->wire) continue;
        open++;
        live[out_link(m, replicas)]++;
        if (m->to >= 0) live[in_link(m, replicas)]++;
    }
    while (open > 0) {
        // the lowest level at which a link is full or a bound is reached
        double level = INFINITY;
        for (int l = 0; l < 4 * replicas; l++)
            if (live[l] > 0) level = fmin(level, left[l] / live[l]);
        for (int i = 0; i < count; i++)
            if (moves[i].open) level = fmin(level, bound_of(h, &moves[i], link));
        double edge = level * (1.0 + 1e-12);
        bool full[LINKS];
        for (int l = 0; l < 4 * replicas; l++) full[l] = live[l] > 0 && left[l] / live[l] <= edge;
        for (int i = 0; i < count; i++) {
            Move *m = &moves[i];
            if (!m->open) continue;
            int out = out_link(m, replicas), in = in_link(m, replicas);
            if (!full[out] && !(in >= 0 && full[in]) && bound_of(h, m, link) > edge) continue;
            m->open = false;
            open--;
            left[out] = fmax(left[out] - level, 0.0);
            live[out]--;
            if (in >= 0) left[in] = fmax(left[in] - level, 0.0), live[in]--;
            set_rate(m, level, now_ns);
        }
    }
    int64_t next_ns = INT64_MAX;
    for (int i = 0; i < count; i++) next_ns = moves[i].at_ns < next_ns ? moves[i].at_ns : next_ns;
    return next_ns;
}

double tw_wire_fair(const TwHandOver *h, const Move *moves, int count, const TwReplicaLink *link, int from, int to,
                    TwReach reach)
{
    int outs = 1, ins = 1;
    for (int i = 0; i < count; i++) {
        const Move *m = &moves[i];
        bool domain = m->reach == TW_REACH_DOMAIN;
        if (!m->wire || domain != (reach == TW_REACH_DOMAIN)) continue;
        outs += m->from == from;
        ins += to >= 0 && m->to == to;
    }
    double out = link[from].out_bytes_s[reach] / outs;
    double in = to < 0 ? INFINITY : link[to].in_bytes_s[reach];
    return fmin(fmin(out, in / ins), tw_hand_over_alone(h, link[from].out_bytes_s[reach], in));
}
