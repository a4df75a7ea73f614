#include "twin/crossing.h"

#include "twin/deploy.h"
#include "twin/wiring.h"

#include <math.h>
#include <string.h>

enum { CARDS, LEAVES, PODS };

typedef struct Meter {
    double counted, out, in;                   // bytes: by the replicas, out of racks, into racks
    double share_s, replica_s, share_least;    // share x seconds of all; least
} Meter;

// --- where it goes --------------------------------------------------------------------------------------------------

// Share of what one rack sends another that stays under the same leaves, under the same pod.
static double near_leaves(const TwPlant *plant, const TwFabricMap *m, int a, int b)
{
    if (a == b) return 1.0;
    if (plant->wiring) return tw_wiring_group(plant, a) == tw_wiring_group(plant, b) ? 1.0 : 0.0;
    return m->group_count > 0 ? tw_map_near(m, a, b) : 1.0;
}

static double near_pod(const TwPlant *plant, const TwFabricMap *m, int a, int b)
{
    if (a == b || plant->wiring || m->pod_count == 0) return 1.0;
    double near = 0.0;
    for (int i = m->share_start[a]; i < m->share_start[a + 1]; i++)
        for (int k = m->share_start[b]; k < m->share_start[b + 1]; k++)
            if (m->group_pod[m->share_group[i]] == m->group_pod[m->share_group[k]]) near += m->share[i] * m->share[k];
    return near;
}

typedef struct Domains {
    int count, of_stage;    // in all, of one stage
    int gpus;
    const int *part;    // [count] part of the plant that it lies in
} Domains;

static void send(const TwPlant *plant, const TwFabricMap *m, const Domains *d, int from, int to, double weight,
                 TwCrossingPart *part)
{
    int a = d->part[from], b = d->part[to];
    double leaves = 1.0 - near_leaves(plant, m, plant->part_rack[a], plant->part_rack[b]);
    double pods = fmin(leaves, 1.0 - near_pod(plant, m, plant->part_rack[a], plant->part_rack[b]));
    const double of[] = {weight, weight * leaves, weight * pods};
    for (int k = 0; k < 3; k++) part[a].out[k] += of[k], part[b].in[k] += of[k];
}

// Who sends whom; returns the GPUs that send at the same time.
static double spread(const TwPlant *plant, const TwFabricMap *m, const TwPoolPlan *pool, const Domains *d, int stage,
                     TwCrossingPart *part)
{
    if (d->of_stage <= 1) {    // stages follow each other
        for (int k = 0; k + 1 < d->count; k++) send(plant, m, d, k, k + 1, 1.0 / (d->count - 1), part);
        return (double)stage * (d->count - 1);
    }
    for (int k = 0; k < d->count; k++) {
        int first = k - k % d->of_stage, others = d->of_stage - 1;
        if (pool->attention_ranks <= 1)
            send(plant, m, d, k, first + (k - first + 1) % d->of_stage, 1.0 / d->count, part);
        for (int to = first; to < first + d->of_stage && pool->attention_ranks > 1; to++)
            if (to != k) send(plant, m, d, k, to, 1.0 / d->count / others, part);
    }
    return (double)d->gpus * d->count;
}

void tw_crossing_compile(TwPlant *plant, const TwFabricMap *map, TwCrossings *c, TwLayout *layout)
{
    *c = (TwCrossings){0};
    int parts = plant->part_first[plant->replica_count],
        *replica = TW_TAKE(plant->arena, plant->replica_count + 1, int);
    double *full = TW_TAKE(plant->arena, plant->replica_count + 1, double);
    TwCrossingPart *part = TW_TAKE(plant->arena, parts + 1, TwCrossingPart);
    int *of = TW_TAKE(plant->arena, plant->serving_gpus + 1, int);
    for (int p = 0, at = 0; map && p < plant->pool_count; p++) {
        const TwPoolPlan *pool = &plant->pools[p];
        for (int i = 0; i < pool->replicas; i++, at++) {
            const TwStepModel *step = pool->replica_prefill[i] ? pool->prefill_step : pool->step;
            if (!step->source.crosses) continue;
            int rack = plant->replica_rack[at], domain = plant->racks[rack].domain_gpus;
            int stage = step->tensor_parallel * step->attention_ranks, stages = step->gpus / stage;
            TwDomains lie;
            TwError unused = {0};
            const TwParallel layout_of = {step->tensor_parallel, step->attention_ranks, stages, 1};
            if (!tw_domains_of(&layout_of, domain, &lie, &unused)) continue;    // was asked when it was placed
            Domains d = {.of_stage = stage > domain ? stage / domain : 1, .gpus = lie.gpus, .part = of};
            for (int k = plant->part_first[at]; k < plant->part_first[at + 1]; k++)
                for (int gpus = plant->part_gpus[k]; gpus > 0; gpus -= lie.gpus) of[d.count++] = k;
            const TwFabricRow *fabric = tw_network_fabric(plant->racks[rack].network);
            double card = fabric->port_bytes_s * fabric->efficiency * (double)fabric->planes;
            if (d.count < 2) continue;
            full[c->count] = spread(plant, map, pool, &d, stage, part) * card * plant->rack_scale;
            replica[c->count++] = at;
        }
    }
    c->replica = replica, c->full_bytes_s = full, c->part = part;
    c->sent = tw_layout_add(layout, (size_t)c->count + 1, sizeof(int64_t));
    c->rate = tw_layout_add(layout, (size_t)c->count + 1, sizeof(double));
    c->meter = tw_layout_add(layout, 1, sizeof(Meter));
}

// --- on the links ---------------------------------------------------------------------------------------------------

static int add(const TwCrossed *at, int count, int link, double use)
{
    if (!(use > 0.0)) return count;
    if (at->need[link] == 0.0) at->touched[count++] = link;
    at->need[link] += use;
    return count;
}

// What a byte of the replica puts on each link in one direction, cards aside: need[] of the links touched; how many.
static int uses(const TwCrossed *at, const TwCrossings *c, int replica, bool in)
{
    const TwPlant *plant = at->plant;
    const TwFabricMap *m = at->map;
    int count = 0;
    for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1]; k++) {
        const double *of = in ? c->part[k].in : c->part[k].out;
        int rack = plant->part_rack[k];
        if (at->drawn) {
            const TwWiringShare *share;
            for (int i = 0, n = tw_wiring_far(at->drawn, rack, in, &share); i < n; i++)
                count = add(at, count, share[i].link, share[i].use * (share[i].own ? of[CARDS] : 0.5 * of[LEAVES]));
            continue;
        }
        for (int i = m->share_start[rack]; i < m->share_start[rack + 1]; i++) {
            int group = m->share_group[i];
            count = add(at, count, in ? tw_map_down(m, group) : tw_map_up(m, group), of[LEAVES] * m->share[i]);
            if (m->pod_count == 0) continue;
            int pod = m->group_pod[group];
            count = add(at, count, in ? tw_map_pod_down(m, pod) : tw_map_pod_up(m, pod), of[PODS] * m->share[i]);
        }
    }
    return count;
}

static int cards_link(const TwCrossed *at, int part, bool in)
{
    int rack = at->plant->part_rack[part];
    return in ? tw_map_in(at->map, rack) : tw_map_out(at->map, rack);
}

// Of their full rate, what its cards may send: the slowest link on its ways decides.
static double share_of(const TwCrossings *c, const TwCrossed *at, const void *block, int i)
{
    const TwPlant *plant = at->plant;
    const TwTransit *t = at->transit;
    const double *steps = tw_f64_const(block, t->steps);
    double rate = tw_f64_const(block, c->rate)[i], share = 1.0;
    for (int in = 0; in < 2; in++) {
        // cards are its own: in their way is only what else their rack sends
        for (int k = plant->part_first[c->replica[i]]; k < plant->part_first[c->replica[i] + 1]; k++) {
            int link = cards_link(at, k, in);
            double whole = t->spec.capacity_bytes_s[link];
            if (!(whole > 0.0) || !isfinite(whole)) continue;
            share = fmin(share, tw_transit_room_of(t, block, at->scratch, link, steps[link], INFINITY) / whole);
        }
        for (int k = 0, count = uses(at, c, c->replica[i], in); k < count; k++) {
            int l = at->touched[k];
            double need = at->need[l], groups = rate > 0.0 ? 1.0 : 0.0;
            double room = tw_transit_room_of(t, block, at->scratch, l, rate * need, groups);
            share = fmin(share, room / (need * c->full_bytes_s[i]));
            at->need[l] = 0.0;
        }
    }
    return fmax(share, 1e-6);
}

void tw_crossing_set(const TwCrossings *c, const TwCrossed *at, const void *block, TwReplicaLink *link)
{
    for (int i = 0; i < c->count; i++) {
        double share = share_of(c, at, block, i);
        link[c->replica[i]].congestion = share < 1.0 ? 1.0 / share : 1.0;
    }
}

void tw_crossing_measure(const TwCrossings *c, const TwCrossed *at, void *block, double span_s, int64_t now_ns)
{
    const TwPlant *plant = at->plant;
    const TwTransit *t = at->transit;
    int64_t *then = tw_i64(block, c->sent);
    double *rate = tw_f64(block, c->rate);
    double *fore = tw_transit_fore(t, block), *steps = tw_transit_steps(t, block), *many = tw_transit_many(t, block);
    Meter *meter = tw_at(block, c->meter);
    memset(steps, 0, (size_t)t->spec.link_count * sizeof *steps);
    memset(many, 0, (size_t)t->spec.link_count * sizeof *many);
    for (int i = 0; i < c->count; i++) {
        int64_t now = tw_workload_crossed(plant->workload, block, c->replica[i], now_ns);
        double bytes = (double)(now - then[i]) * plant->rack_scale;
        then[i] = now;
        rate[i] = bytes / span_s;
        meter->counted += bytes;
        if (!(bytes > 0.0)) continue;
        for (int in = 0; in < 2; in++) {
            int count = uses(at, c, c->replica[i], in);
            for (int k = plant->part_first[c->replica[i]]; k < plant->part_first[c->replica[i] + 1]; k++) {
                double of = in ? c->part[k].in[CARDS] : c->part[k].out[CARDS];
                *(in ? &meter->in : &meter->out) += bytes * of;
                count = add(at, count, cards_link(at, k, in), of);
            }
            for (int k = 0; k < count; k++) {
                int l = at->touched[k];
                fore[l] += rate[i] * at->need[l];
                steps[l] += rate[i] * at->need[l];
                many[l] += 1.0;
                at->need[l] = 0.0;
            }
        }
    }
}

void tw_crossing_meter(const TwCrossings *c, void *block, const TwReplicaLink *link, double window_s)
{
    Meter *meter = tw_at(block, c->meter);
    for (int i = 0; i < c->count; i++) {
        double share = 1.0 / link[c->replica[i]].congestion;
        if (meter->replica_s == 0.0) meter->share_least = share;
        meter->share_s += share * window_s;
        meter->replica_s += window_s;
        meter->share_least = fmin(meter->share_least, share);
    }
}

TwCrossingSums tw_crossing_sums(const TwCrossings *c, const void *block)
{
    const Meter *meter = tw_at_const(block, c->meter);
    double mean = meter->replica_s > 0.0 ? meter->share_s / meter->replica_s : 1.0;
    return (TwCrossingSums){meter->out, meter->in, mean, meter->replica_s > 0.0 ? meter->share_least : 1.0};
}

double tw_crossing_residual(const TwCrossings *c, const void *block)
{
    const Meter *meter = tw_at_const(block, c->meter);
    double gap = fmax(fabs(meter->out - meter->counted), fabs(meter->in - meter->counted));
    return meter->counted > 0.0 ? gap / meter->counted : 0.0;
}
