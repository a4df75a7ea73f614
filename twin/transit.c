#include "twin/transit.h"

#include "models/network/map.h"
#include "twin/crossing.h"
#include "twin/fabric.h"
#include "twin/wiring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double packet_bytes = 4096.0;

struct TwTransitPlan {
    TwTransit transit;
    TwFabricMap *map;                              // NULL: the facility has no scale-out fabric
    int storage_in, storage_out;                   // storage ports of rack 0; -1: storage hangs on the fabric
    int read, write;                               // all of storage
    double card_bytes_s;                           // of a card, all planes, as the graph counts it
    const double *out_bytes_s;                     // [replica] KV through its cards on an idle network
    const double *domain_bytes_s;                  // [replica] inside its domain
    const double *latency_s, *domain_latency_s;    // [replica]
    const double *tier_bytes;                      // [replica] of a block of a remote tier; 0: it has none
    bool serves;                                   // some pool hands KV over or reads a remote tier
    int saving_jobs;
    TwCrossings crossings;    // collectives of replicas beyond a domain
    TwSlot state, sent, tier, far_out, far_in;
};
typedef struct TwTransitPlan Plan;

typedef struct State {
    int64_t tick_ns;
    int64_t changes;    // of the fabric, as far as the links know
} State;

static const char *const haul_names[] = {"weights_rack", "weights_replica", "weights_returned", "checkpoint_save",
                                         "checkpoint_restore"};
const char *tw_haul_name(int haul) { return haul_names[haul]; }

// --- compile --------------------------------------------------------------------------------------------------------

static bool make_map(TwPlant *plant, Plan *p, TwErrors *errors)
{
    if (plant->wiring) {
        p->map = tw_wiring_map(plant);
        return true;
    }
    if (plant->network->host_links > 16000000) return true;    // beyond a graph: links of racks alone do not bind
    if (!plant->fabric.graph && !tw_graph_create(&plant->fabric.graph, plant->network, errors)) return false;
    int64_t *cards = TW_TAKE(plant->arena, plant->rack_count, int64_t);
    for (int r = 0; r < plant->rack_count; r++) cards[r] = plant->racks[r].gpus * (int64_t)plant->rack_scale;
    return tw_fabric_map_create(&p->map, plant->fabric.graph, cards, plant->rack_count);
}

// What a replica's links carry on an idle network.
static void rate_replicas(TwPlant *plant, Plan *p)
{
    int n = plant->replica_count + 1, at = 0;
    double *out = TW_TAKE(plant->arena, n, double), *domain = TW_TAKE(plant->arena, n, double);
    double *latency = TW_TAKE(plant->arena, n, double), *inside = TW_TAKE(plant->arena, n, double);
    double *tier = TW_TAKE(plant->arena, n, double);
    for (int k = 0; k < plant->pool_count; k++) {
        const TwPoolPlan *pool = &plant->pools[k];
        for (int i = 0; i < pool->replicas; i++, at++) {
            const TwNetwork *network = plant->racks[pool->replica_rack[i]].network;
            const TwFabricRow *fabric = tw_network_fabric(network);
            const TwScaleupRow *up = tw_network_scaleup(network);
            double gpus = plant->replica_gpus[at];
            double sent = fabric->send_efficiency * fabric->port_bytes_s * (double)fabric->planes * gpus;
            out[at] = pool->link_bytes_s > 0.0 ? pool->link_bytes_s : sent;
            domain[at] = gpus * up->link_bytes_s * up->exchange_efficiency;
            latency[at] = pool->link_bytes_s > 0.0 ? pool->link_latency_s : fabric->send_s;
            inside[at] = pool->link_bytes_s > 0.0 ? pool->link_latency_s : up->base_s + up->hop_s;
            tier[at] = pool->tier_block_bytes;
        }
        for (int i = 0; i < pool->replicas; i++) {
            int rack = pool->replica_rack[i];
            int k0 = p->map && p->map->group_count > 0 ? p->map->share_start[rack] : -1;
            pool->replica_group[i] = k0 >= 0         ? p->map->share_group[k0]
                                     : plant->wiring ? tw_wiring_group(plant, rack)
                                                     : 0;
        }
        p->serves |= pool->prefill_replicas > 0 || pool->tier_block_bytes > 0.0;
    }
    p->out_bytes_s = out, p->domain_bytes_s = domain, p->latency_s = latency, p->domain_latency_s = inside;
    p->tier_bytes = tier;
}

// Cards of a rack that are slower than the fabric's ports, of what the map says.
static double card_share(const TwPlant *plant, int rack)
{
    double port = tw_network_fabric(plant->network)->port_bytes_s;
    return port > 0.0 ? tw_network_fabric(plant->racks[rack].network)->port_bytes_s / port : 1.0;
}

static void slow_cards(const TwPlant *plant, const Plan *p, double *capacity)
{
    for (int r = 0; r < plant->rack_count; r++) {
        double share = card_share(plant, r);
        if (share < 1.0) capacity[tw_map_out(p->map, r)] *= share, capacity[tw_map_in(p->map, r)] *= share;
    }
}

bool tw_transit_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors)
{
    Plan *p = plant->transit = TW_TAKE(plant->arena, 1, Plan);
    if (!make_map(plant, p, errors)) return false;
    // leaves may go dark with the racks that they serve: what remains then is told
    if (plant->rows.load_count > 0 && p->map && tw_fabric_parts(plant, TW_LOSE_LEAF, errors) == 0) return false;
    const TwFabricRow *fabric = tw_network_fabric(plant->network);
    const TwNetwork *side = plant->side_networks[0];
    int racks = plant->rack_count, fabric_links = p->map ? p->map->link_count : 0;
    p->storage_in = p->storage_out = -1;
    if (side) p->storage_in = fabric_links, p->storage_out = fabric_links + racks;
    p->read = fabric_links + (side ? 2 * racks : 0);
    p->write = p->read + 1;
    p->card_bytes_s = fabric->port_bytes_s * fabric->efficiency * (double)fabric->planes;
    rate_replicas(plant, p);

    double *capacity = TW_TAKE(plant->arena, p->write + 1, double);
    if (p->map) memcpy(capacity, p->map->capacity_bytes_s, (size_t)fabric_links * sizeof *capacity);
    if (p->map) slow_cards(plant, p, capacity);
    for (int r = 0; side && r < racks; r++) {
        const TwFabricRow *row = tw_network_fabric(side);
        double node = (double)tw_network_scaleup(plant->network)->node_gpus;
        double hosts = fmax((double)plant->racks[r].gpus / (node > 0.0 ? node : 8.0), 1.0) * plant->rack_scale;
        double ports = hosts * (double)(row->ports_per_node > 0 ? row->ports_per_node : 1) * (double)row->planes;
        capacity[p->storage_in + r] = capacity[p->storage_out + r] = ports * row->port_bytes_s * row->efficiency;
    }
    double read = plant->storage.read_bytes_s > 0.0 ? plant->storage.read_bytes_s : plant->restart.storage_bytes_s;
    capacity[p->read] = read > 0.0 ? read : INFINITY;
    capacity[p->write] = plant->storage.write_bytes_s > 0.0 ? plant->storage.write_bytes_s : INFINITY;

    int jobs = plant->jobs ? plant->jobs->job_count : 0, crossings = (plant->wiring ? plant->wiring->link_count + 1
                                                                      : p->map      ? tw_map_crossings(p->map)
                                                                                    : 0) +
                                                                     4;
    for (int i = 0; i < jobs; i++) p->saving_jobs += tw_jobs_spec(plant->jobs, i)->checkpoint_bytes > 0.0;
    int flows = racks + 2 * plant->replica_count + 2 * p->saving_jobs;
    int parts = plant->part_first[plant->replica_count];
    int ways = (racks + 2 * parts) * crossings + 2 * p->saving_jobs * (racks + 1) * crossings;
    tw_transit_layout(&p->transit, &(TwTransitSpec){p->write + 1, capacity, flows, ways}, layout);
    p->state = tw_layout_add(layout, 1, sizeof(State));
    p->sent = tw_layout_add(layout, (size_t)plant->replica_count + 1, sizeof(TwReplicaSent));
    p->tier = tw_layout_add(layout, 2 * (size_t)plant->replica_count + 2, sizeof(int64_t));
    p->far_out = tw_layout_add(layout, (size_t)racks + 1, sizeof(double));
    p->far_in = tw_layout_add(layout, (size_t)racks + 1, sizeof(double));
    tw_crossing_compile(plant, p->map, &p->crossings, layout);
    return true;
}

void tw_transit_destroy(TwPlant *plant)
{
    if (plant->transit && !plant->wiring) tw_fabric_map_destroy(plant->transit->map);
}

void tw_transit_begin(const TwPlant *plant, void *block) { tw_transit_start(&plant->transit->transit, block); }

void tw_transit_work(const TwPlant *plant, TwArena *arena, TwTransitWork *work)
{
    const Plan *p = plant->transit;
    int jobs = plant->jobs ? plant->jobs->job_count : 0;
    *work = (TwTransitWork){.link = TW_TAKE(arena, plant->replica_count + 1, TwReplicaLink),
                            .job_slow = TW_TAKE(arena, jobs + 1, double),
                            .ended = TW_TAKE(arena, p->transit.spec.flow_max + 1, TwTransitFlow)};
    for (int i = 0; i < jobs; i++) work->job_slow[i] = 1.0;
    for (int i = 0; i <= plant->replica_count; i++) work->link[i].congestion = 1.0;
    work->need = TW_TAKE(arena, p->transit.spec.link_count + 1, double);
    work->touched = TW_TAKE(arena, p->transit.spec.link_count + 1, int);
    if (plant->wiring) work->drawn = tw_wiring_work(plant, arena);
    if (p->map) {
        work->up = TW_TAKE(arena, plant->wiring ? 1 : plant->fabric.graph->link_count, double);
        work->lost = TW_TAKE(arena, tw_fabric_lost_most(plant) + 1, TwLoss);
    }
    tw_transit_scratch(&p->transit, arena, &work->scratch);
}

static State *state_of(const TwPlant *plant, void *block) { return tw_at(block, plant->transit->state); }

// Of the GPUs of a replica those in one of its racks.
static double part_share(const TwPlant *plant, int replica, int part)
{
    return (double)plant->part_gpus[part] / (double)plant->replica_gpus[replica];
}

// --- ways -----------------------------------------------------------------------------------------------------------

typedef struct Asked {
    const TwPlant *plant;
    const TwTransitWork *work;
} Asked;

// Between storage and a rack; -1 where a link of it is down.
static int storage_way(const Asked *asked, int rack, bool in, double part, int *link, double *use)
{
    const Plan *p = asked->plant->transit;
    if (p->storage_in >= 0) {
        link[0] = (in ? p->storage_in : p->storage_out) + rack;
        use[0] = part;
        return 1;
    }
    if (!p->map) return 0;
    int n = asked->work->drawn ? tw_wiring_storage(asked->plant, asked->work->drawn, rack, in, link, use)
            : in               ? tw_map_way(p->map, -1, rack, link, use)
                               : tw_map_way(p->map, rack, -1, link, use);
    for (int c = 0; c < n; c++) use[c] *= part;
    return n;
}

static int way(const void *context, const void *block, const TwTransitFlow *flow, int *link, double *use, int room)
{
    const Asked *asked = context;
    const TwPlant *plant = asked->plant;
    const Plan *p = plant->transit;
    (void)room;    // the plan counted them
    bool in = flow->kind != TW_HAUL_SAVE;
    int n = 0, more = 0;
    link[n] = in ? p->read : p->write;
    use[n++] = 1.0;
    if (flow->kind == TW_HAUL_RACK) {
        more = storage_way(asked, flow->target, in, 1.0, link + n, use + n);
        return more < 0 ? -1 : n + more;
    }
    if (flow->kind == TW_HAUL_REPLICA || flow->kind == TW_HAUL_LENT) {
        int replica = flow->target;
        for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1] && more >= 0; k++, n += more)
            more = storage_way(asked, plant->part_rack[k], in, part_share(plant, replica, k), link + n, use + n);
        return more < 0 ? -1 : n;
    }
    // a job's racks each carry their part
    double gpus = 0.0;
    for (int r = 0; r < plant->rack_count; r++) gpus += tw_jobs_held(plant->jobs, block, flow->target, r);
    for (int r = 0; r < plant->rack_count && gpus > 0.0 && more >= 0; r++) {
        double held = tw_jobs_held(plant->jobs, block, flow->target, r);
        if (!(held > 0.0)) continue;
        more = storage_way(asked, r, in, held / gpus, link + n, use + n);
        n += more;
    }
    return more < 0 ? -1 : n;
}

// --- transfers ------------------------------------------------------------------------------------------------------

bool tw_transit_load(const TwPlant *plant, void *block, TwHaul haul, int target)
{
    const Plan *p = plant->transit;
    double scale = plant->rack_scale, bytes, bound;
    int rack = target;
    if (haul == TW_HAUL_RACK) {
        const TwRackPlan *home = &plant->racks[target];
        bytes = home->weight_bytes * scale;
        bound = home->replica_bytes > 0.0 ? bytes / (home->replica_bytes / plant->restart.load_bytes_s) : 1e18;
    } else {
        rack = plant->replica_rack[target];
        bytes = plant->replica_weight_bytes[target] * scale;
        bound = plant->restart.load_bytes_s * plant->replica_gpus[target] * scale;
    }
    double node = (double)tw_network_scaleup(plant->network)->node_gpus;
    double gpus = (double)(haul == TW_HAUL_RACK ? plant->racks[rack].gpus : plant->replica_gpus[target]);
    if (plant->storage.client_bytes_s > 0.0)
        bound = fmin(bound, plant->storage.client_bytes_s * fmax(gpus / (node > 0.0 ? node : 8.0), 1.0) * scale);
    return tw_transit_add(&p->transit, block, (int)haul, target, bytes, fmax(bound, 1.0));
}

void tw_transit_stop(const TwPlant *plant, void *block, TwHaul haul, int target)
{
    tw_transit_cut(&plant->transit->transit, block, (int)haul, target);
}

// Checkpoints that jobs began to write or to read since the last window, and those of jobs that left.
static void follow_jobs(const TwPlant *plant, void *block)
{
    const Plan *p = plant->transit;
    for (int i = 0; p->saving_jobs > 0 && i < plant->jobs->job_count; i++) {
        const TwJobSpec *spec = tw_jobs_spec(plant->jobs, i);
        if (!(spec->checkpoint_bytes > 0.0)) continue;
        for (int k = 0; k < 2; k++) {
            TwHaul haul = k == 0 ? TW_HAUL_SAVE : TW_HAUL_RESTORE;
            TwJobStore store = tw_jobs_storing(plant->jobs, block, i, k == 1);
            bool under_way = tw_transit_left(&p->transit, block, (int)haul, i) > 0.0;
            if (store == TW_STORE_NONE && under_way) tw_transit_cut(&p->transit, block, (int)haul, i);
            if (store != TW_STORE_ASKED) continue;
            double node = (double)tw_network_scaleup(plant->network)->node_gpus;
            double hosts = fmax(tw_jobs_job(plant->jobs, block, i)->gpus / (node > 0.0 ? node : 8.0), 1.0);
            double bound = plant->storage.client_bytes_s > 0.0 ? plant->storage.client_bytes_s * hosts : 1e18;
            double bytes = spec->checkpoint_bytes * plant->rack_scale;
            if (tw_transit_add(&p->transit, block, (int)haul, i, bytes, bound * plant->rack_scale))
                tw_jobs_store_begun(plant->jobs, block, i, k == 1);
        }
    }
}

// --- a window -------------------------------------------------------------------------------------------------------

static double packet_wait_s(const Plan *p, const void *block, const TwPlant *plant, int link)
{
    double mean = tw_transit_load_fraction(&p->transit, block, link);
    double port = tw_network_fabric(plant->network)->port_bytes_s;
    return port > 0.0 ? tw_queue_md1(fmin(mean, 0.99)) * packet_bytes / port : 0.0;
}

// What one more transfer of a rack finds: of its cards, as a share of what they carry when whole and idle, and in B/s
// above its leaves.
typedef struct Found {
    double cards, above_bytes_s, wait_s;
    double own_bytes_s;    // through the cables of the rack where they are drawn
} Found;

static Found find(const TwPlant *plant, const void *block, const TwTransitWork *work, int rack, bool in)
{
    const Plan *p = plant->transit;
    const TwFabricMap *m = p->map;
    Found found = {1.0, INFINITY, 0.0, INFINITY};
    if (!m) return found;
    int cards = in ? tw_map_in(m, rack) : tw_map_out(m, rack);
    // the cards of a replica or a job are its own: of the short transfers only its collectives are in its way there
    double own = tw_f64_const(block, p->transit.fore)[cards] - tw_f64_const(block, p->transit.steps)[cards];
    double whole = m->capacity_bytes_s[cards] * card_share(plant, rack);
    found.cards = whole > 0.0 ? tw_transit_room(&p->transit, block, &work->scratch, cards, own) / whole : 1.0;
    found.wait_s = packet_wait_s(p, block, plant, cards);
    double far = tw_f64_const(block, in ? p->far_in : p->far_out)[rack];
    if (work->drawn) {
        const TwWiringShare *share;
        for (int k = 0, n = tw_wiring_far(work->drawn, rack, in, &share); k < n; k++) {
            double mine = far * share[k].use * (share[k].own ? 1.0 : 0.5);
            double room = tw_transit_room(&p->transit, block, &work->scratch, share[k].link, mine);
            found.above_bytes_s = fmin(found.above_bytes_s, room / share[k].use);
            if (share[k].own) found.own_bytes_s = fmin(found.own_bytes_s, room / share[k].use);
            found.wait_s += packet_wait_s(p, block, plant, share[k].link) * share[k].use;
        }
        if (tw_wiring_far(work->drawn, rack, in, &share) == 0) found.above_bytes_s = 0.0;
        return found;
    }
    for (int k = m->share_start[rack]; k < m->share_start[rack + 1]; k++) {
        int group = m->share_group[k], link = in ? tw_map_down(m, group) : tw_map_up(m, group);
        double room = tw_transit_room(&p->transit, block, &work->scratch, link, far * m->share[k]);
        if (m->pod_count > 0) {
            int pod = m->group_pod[group], top = in ? tw_map_pod_down(m, pod) : tw_map_pod_up(m, pod);
            room = fmin(room, tw_transit_room(&p->transit, block, &work->scratch, top, far * m->share[k]));
        }
        found.above_bytes_s = fmin(found.above_bytes_s, room / m->share[k] / plant->rack_scale);
        found.wait_s += packet_wait_s(p, block, plant, link) * m->share[k];
    }
    return found;
}

// The same of a replica in several racks: its cache lies over all its GPUs alike, and goes as fast as the slowest part.
static Found find_parts(const TwPlant *plant, const void *block, const TwTransitWork *work, int replica, bool in)
{
    Found slowest = {1.0, INFINITY, 0.0, INFINITY};
    for (int k = plant->part_first[replica]; k < plant->part_first[replica + 1]; k++) {
        Found part = find(plant, block, work, plant->part_rack[k], in);
        slowest.cards = fmin(slowest.cards, part.cards);
        slowest.above_bytes_s = fmin(slowest.above_bytes_s, part.above_bytes_s / part_share(plant, replica, k));
        slowest.own_bytes_s = fmin(slowest.own_bytes_s, part.own_bytes_s / part_share(plant, replica, k));
        slowest.wait_s = fmax(slowest.wait_s, part.wait_s);
    }
    return slowest;
}

static void set_links(const TwPlant *plant, const void *block, TwTransitWork *work)
{
    const Plan *p = plant->transit;
    int last = -1;
    Found out = {1.0, INFINITY, 0.0, INFINITY}, in = out;
    for (int i = 0; i < plant->replica_count; i++) {
        int rack = plant->replica_rack[i], parts = plant->part_first[i + 1] - plant->part_first[i];
        if (rack != last || parts > 1) {
            out = find(plant, block, work, rack, false);
            in = find(plant, block, work, rack, true);
            last = parts > 1 ? -1 : rack;
        }
        if (parts > 1) {
            out = find_parts(plant, block, work, i, false);
            in = find_parts(plant, block, work, i, true);
        }
        TwReplicaLink *link = &work->link[i];
        double idle = p->out_bytes_s[i];
        link->out_bytes_s[TW_REACH_DOMAIN] = link->in_bytes_s[TW_REACH_DOMAIN] = p->domain_bytes_s[i];
        link->out_bytes_s[TW_REACH_LEAF] = fmin(idle * out.cards, out.own_bytes_s);
        link->in_bytes_s[TW_REACH_LEAF] = fmin(idle * in.cards, in.own_bytes_s);
        link->out_bytes_s[TW_REACH_FABRIC] = fmin(idle * out.cards, out.above_bytes_s);
        link->in_bytes_s[TW_REACH_FABRIC] = fmin(idle * in.cards, in.above_bytes_s);
        link->latency_s[TW_REACH_DOMAIN] = p->domain_latency_s[i];
        link->latency_s[TW_REACH_LEAF] = link->latency_s[TW_REACH_FABRIC] = p->latency_s[i] + out.wait_s + in.wait_s;
        // a remote tier comes through the storage ports, or the cards
        link->tier_bytes_s[0] = link->tier_bytes_s[1] = INFINITY;
        if (!(p->tier_bytes[i] > 0.0)) continue;
        for (int k = 0; k < 2; k++) {
            double room = tw_transit_room(&p->transit, block, &work->scratch, k == 0 ? p->read : p->write, 0.0);
            if (p->storage_in >= 0)
                room = fmin(room, tw_transit_room(&p->transit, block, &work->scratch,
                                                  (k == 0 ? p->storage_in : p->storage_out) + rack, 0.0));
            else
                room = fmin(room, k == 0 ? link->in_bytes_s[TW_REACH_FABRIC] : link->out_bytes_s[TW_REACH_FABRIC]);
            link->tier_bytes_s[k] = room;
        }
    }
}

static TwCrossed crossed(const TwPlant *plant, const TwTransitWork *work)
{
    const Plan *p = plant->transit;
    return (TwCrossed){plant, &p->transit, &work->scratch, p->map, work->drawn, work->need, work->touched};
}

static double rails_of(const TwPlant *plant)
{
    double node = (double)tw_network_scaleup(plant->network)->node_gpus;
    return plant->wiring ? (node > 0.0 ? node : 8.0) : plant->fabric.graph->rails;
}

// Collectives of a job go at the pace of its slowest rack; above the leaves one host of each group talks beyond it.
// What is exchanged with experts goes from every card to all the others.
static void set_jobs(const TwPlant *plant, const void *block, TwTransitWork *work)
{
    const Plan *p = plant->transit;
    for (int i = 0; plant->jobs && i < plant->jobs->job_count; i++) {
        const TwJobSpec *spec = tw_jobs_spec(plant->jobs, i);
        work->job_slow[i] = 1.0;
        if (!(spec->card_bytes > 0.0) || !p->map) continue;
        double least = 1.0, exchange = 1.0, rails = rails_of(plant);
        double gpus = tw_jobs_job(plant->jobs, block, i)->gpus;
        for (int r = 0; r < plant->rack_count; r++) {
            double held = tw_jobs_held(plant->jobs, block, i, r);
            if (held == 0.0) continue;
            Found out = find(plant, block, work, r, false), in = find(plant, block, work, r, true);
            double above_bytes_s = fmin(out.above_bytes_s, in.above_bytes_s), cards = fmin(out.cards, in.cards);
            cards = fmin(cards, fmin(out.own_bytes_s, in.own_bytes_s) / (held * p->card_bytes_s));
            double away = gpus > 0.0 ? 1.0 - held / gpus : 0.0;
            least = fmin(least, fmin(cards, above_bytes_s / (rails * p->card_bytes_s)));
            exchange = fmin(exchange, cards);
            if (away > 0.0) exchange = fmin(exchange, above_bytes_s / (held * away * p->card_bytes_s));
        }
        double shared = spec->exchange_bytes / spec->card_bytes;
        double slow = (1.0 - shared) / fmax(least, 1e-6) + shared / fmax(exchange, 1e-6);
        work->job_slow[i] = fmin(fmax(slow, 1.0), 1e6);
    }
}

void tw_transit_sync(const TwPlant *plant, void *block, TwTransitWork *work)
{
    const Plan *p = plant->transit;
    State *s = state_of(plant, block);
    int64_t changes = tw_fabric_changes(plant, block);
    if (work->drawn) {
        int count = tw_fabric_lost(plant, block, work->lost);
        if (tw_wiring_lose(plant, work->drawn, work->lost, count) || changes != s->changes) {
            tw_wiring_capacity(plant, work->drawn, tw_transit_capacity(&p->transit, block));
            slow_cards(plant, p, tw_transit_capacity(&p->transit, block));
        }
        s->changes = changes;
    } else if (p->map && changes != s->changes) {
        s->changes = changes;
        int count = tw_fabric_lost(plant, block, work->lost);
        tw_fabric_map_lose(p->map, plant->fabric.graph, work->lost, count, work->up,
                           tw_transit_capacity(&p->transit, block));
        slow_cards(plant, p, tw_transit_capacity(&p->transit, block));
    }
    follow_jobs(plant, block);
    tw_transit_solve(&p->transit, block, &work->scratch, &(TwTransitWay){&(Asked){plant, work}, way});
    if (p->serves) set_links(plant, block, work);
    const TwCrossed at = crossed(plant, work);
    tw_crossing_set(&p->crossings, &at, block, work->link);
    set_jobs(plant, block, work);
}

const TwReplicaLink *tw_transit_links(const TwPlant *plant, const TwTransitWork *work)
{
    const Plan *p = plant->transit;
    return p->serves || p->crossings.count > 0 ? work->link : NULL;
}

int64_t tw_transit_next_ns(const TwPlant *plant, const void *block, int64_t now_ns)
{
    double horizon_s = tw_transit_horizon_s(&plant->transit->transit, block);
    if (!(horizon_s < 9e8)) return INT64_MAX;
    int64_t ns = (int64_t)ceil(horizon_s * 1e9);
    return now_ns + (ns > 0 ? ns : 1);
}

// What a rack's short transfers put on the links, B/s: near its leaves, and beyond them.
static void put(const TwPlant *plant, void *block, const TwTransitWork *work, int rack, bool in, double near,
                double far)
{
    const Plan *p = plant->transit;
    const TwFabricMap *m = p->map;
    if (!m || near + far <= 0.0) return;
    double *fore = tw_transit_fore(&p->transit, block);
    fore[in ? tw_map_in(m, rack) : tw_map_out(m, rack)] += near + far;
    tw_f64(block, in ? p->far_in : p->far_out)[rack] += far;
    if (work->drawn) {
        const TwWiringShare *share;
        for (int k = 0, n = tw_wiring_far(work->drawn, rack, in, &share); k < n; k++)
            fore[share[k].link] += (share[k].own ? near + far : 0.5 * far) * share[k].use;
        return;
    }
    for (int k = m->share_start[rack]; k < m->share_start[rack + 1]; k++) {
        int group = m->share_group[k];
        fore[in ? tw_map_down(m, group) : tw_map_up(m, group)] += far * m->share[k];
        if (m->pod_count == 0) continue;
        // of what leaves a group, so much leaves its pod where it may go anywhere
        double out = far * m->share[k] * (1.0 - 1.0 / m->pod_count);
        int pod = m->group_pod[group];
        fore[in ? tw_map_pod_down(m, pod) : tw_map_pod_up(m, pod)] += out;
    }
}

static void measure_replicas(const TwPlant *plant, void *block, const TwTransitWork *work, double span_s)
{
    const Plan *p = plant->transit;
    TwReplicaSent *then = tw_at(block, p->sent);
    int64_t *tier = tw_i64(block, p->tier);
    double many = plant->rack_scale / span_s;
    double *fore = tw_transit_fore(&p->transit, block);
    for (int i = 0; i < plant->replica_count; i++) {
        int rack = plant->replica_rack[i];
        const TwReplicaSent *now = tw_workload_sent(plant->workload, block, i);
        for (int in = 0; in < 2; in++) {
            const double *a = in ? now->in : now->out, *b = in ? then[i].in : then[i].out;
            for (int k = plant->part_first[i]; k < plant->part_first[i + 1]; k++) {
                double share = part_share(plant, i, k) * many;
                put(plant, block, work, plant->part_rack[k], in, (a[TW_REACH_LEAF] - b[TW_REACH_LEAF]) * share,
                    (a[TW_REACH_FABRIC] - b[TW_REACH_FABRIC]) * share);
            }
        }
        then[i] = *now;
        if (p->tier_bytes[i] > 0.0) {
            int64_t blocks[2];
            tw_workload_tier_blocks(plant->workload, block, i, &blocks[0], &blocks[1]);
            for (int k = 0; k < 2; k++) {
                // a replica that changed its work begins with an empty tier
                double bytes_s = fmax((double)(blocks[k] - tier[2 * i + k]), 0.0) * p->tier_bytes[i] * many;
                tier[2 * i + k] = blocks[k];
                fore[k == 0 ? p->read : p->write] += bytes_s;
                if (p->storage_in >= 0)
                    fore[(k == 0 ? p->storage_in : p->storage_out) + rack] += bytes_s;
                else
                    put(plant, block, work, rack, k == 0, 0.0, bytes_s);
            }
        }
    }
}

static void measure_jobs(const TwPlant *plant, void *block, const TwTransitWork *work, double span_s)
{
    const Plan *p = plant->transit;
    for (int i = 0; plant->jobs && i < plant->jobs->job_count; i++) {
        const TwJobSpec *spec = tw_jobs_spec(plant->jobs, i);
        const TwJob *job = tw_jobs_job(plant->jobs, block, i);
        if (!(spec->card_bytes > 0.0)) continue;
        double steps = tw_jobs_steps_run(plant->jobs, block, i), bytes_s = steps * spec->card_bytes / span_s;
        int racks = 0;
        for (int r = 0; r < plant->rack_count; r++) racks += tw_jobs_held(plant->jobs, block, i, r) > 0;
        for (int r = 0; r < plant->rack_count && job->gpus > 0; r++) {
            double cards = tw_jobs_held(plant->jobs, block, i, r), rails = p->map ? rails_of(plant) : 1.0;
            double all = cards * bytes_s * plant->rack_scale;
            double ring = 1.0 - spec->exchange_bytes / spec->card_bytes;
            double far = racks > 1 ? fmin(rails * ring * bytes_s, ring * all) +
                                         (1.0 - ring) * all * (1.0 - cards / fmax(job->gpus, 1.0))
                                   : 0.0;
            put(plant, block, work, r, false, all - far, far);
            put(plant, block, work, r, true, all - far, far);
        }
    }
}

void tw_transit_pass(const TwPlant *plant, void *block, TwTransitWork *work, int64_t from_ns, int64_t until_ns)
{
    const Plan *p = plant->transit;
    State *s = state_of(plant, block);
    double window_s = 1e-9 * (double)(until_ns - from_ns);
    work->ended_count = tw_transit_advance(&p->transit, block, window_s, work->ended, p->transit.spec.flow_max);
    for (int i = 0; i < work->ended_count; i++) {
        int kind = work->ended[i].kind;
        if (kind == TW_HAUL_SAVE || kind == TW_HAUL_RESTORE)
            tw_jobs_store_ended(plant->jobs, block, work->ended[i].target, kind == TW_HAUL_RESTORE);
    }
    tw_crossing_meter(&p->crossings, block, work->link, window_s);
    // short transfers are measured from one exchange tick to the next
    double span_s = 1e-9 * (double)(until_ns - s->tick_ns);
    bool jobs = plant->jobs != NULL;
    if (span_s < plant->exchange_s * (1.0 - 1e-9) || !(p->serves || jobs || p->crossings.count > 0)) return;
    s->tick_ns = until_ns;
    memset(tw_transit_fore(&p->transit, block), 0, (size_t)p->transit.spec.link_count * sizeof(double));
    memset(tw_f64(block, p->far_out), 0, (size_t)plant->rack_count * sizeof(double));
    memset(tw_f64(block, p->far_in), 0, (size_t)plant->rack_count * sizeof(double));
    if (p->serves) measure_replicas(plant, block, work, span_s);
    const TwCrossed at = crossed(plant, work);
    tw_crossing_measure(&p->crossings, &at, block, span_s, until_ns);
    if (jobs) measure_jobs(plant, block, work, span_s);
}

// --- reports --------------------------------------------------------------------------------------------------------

const TwCrossings *tw_transit_crossings(const TwPlant *plant) { return &plant->transit->crossings; }

const TwTransit *tw_transit_of(const TwPlant *plant) { return &plant->transit->transit; }

int tw_transit_fullest(const TwPlant *plant, const void *block, TwTransitLink *rows, int most)
{
    const Plan *p = plant->transit;
    int count = 0;
    for (int l = 0; l <= p->write; l++) {
        TwTransitLink row = {.capacity_bytes_s = p->transit.spec.capacity_bytes_s[l]};
        tw_transit_used(&p->transit, block, l, &row.mean, &row.most);
        if (!(row.most > 0.0)) continue;
        if (plant->wiring && l >= 2 * plant->rack_count && l < p->map->link_count)
            tw_drawn_link_name(plant->wiring, l - 2 * plant->rack_count, row.name, sizeof row.name);
        else if (p->map && l < p->map->link_count)
            tw_map_link_name(p->map, l, row.name, sizeof row.name);
        else if (l == p->read || l == p->write)
            snprintf(row.name, sizeof row.name, l == p->read ? "storage reads" : "storage writes");
        else
            snprintf(row.name, sizeof row.name, l < p->storage_out ? "storage into rack %d" : "storage out of rack %d",
                     (l - p->storage_in) % plant->rack_count);
        int at = count < most ? count++ : most;
        for (; at > 0 && rows[at - 1].most < row.most; at--)
            if (at < most) rows[at] = rows[at - 1];
        if (at < most) rows[at] = row;
    }
    return count;
}

void tw_transit_load_now(const TwPlant *plant, const void *block, double *sent_bytes_s, double *fullest)
{
    const Plan *p = plant->transit;
    *sent_bytes_s = *fullest = 0.0;
    for (int l = 0; l <= p->write; l++) {
        double whole = p->transit.spec.capacity_bytes_s[l], used = tw_transit_now(&p->transit, block, l);
        if (isfinite(whole) && whole > 0.0) *fullest = fmax(*fullest, used / whole);
        if (p->map && l < plant->rack_count) *sent_bytes_s += used;
    }
}

// --- link by link ---------------------------------------------------------------------------------------------------

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

TwTransitView *tw_transit_view_create(const TwPlant *plant)
{
    const Plan *p = plant->transit;
    const TwDrawn *drawn = plant->wiring;
    const TwGraph *g = drawn ? NULL : plant->fabric.graph;
    if (!p || !p->map || (!g && !drawn)) return NULL;
    TwTransitView *v = zeroed(1, sizeof *v);
    int links = drawn ? drawn->link_count : g->link_count;
    *v = (TwTransitView){.plant = plant,
                         .graph = g,
                         .link_count = links,
                         .capacity_bytes_s = drawn ? drawn->capacity_bytes_s : g->capacity_bytes_s,
                         .up = zeroed(links, sizeof *v->up),
                         .now_bytes_s = zeroed(links, sizeof(double)),
                         .mean_bytes_s = zeroed(links, sizeof(double)),
                         .most_bytes_s = zeroed(links, sizeof(double)),
                         .of = zeroed(links, sizeof *v->of),
                         .lost = zeroed(tw_fabric_lost_most(plant), sizeof *v->lost),
                         .whole = zeroed(p->map->link_count, sizeof(double))};
    for (int l = 0; drawn && l < links; l++) v->of[l] = 2 * plant->rack_count + l;
    if (g) tw_fabric_map_links(p->map, g, v->of);
    return v;
}

void tw_transit_view_destroy(TwTransitView *v)
{
    if (!v) return;
    free(v->up);
    free(v->now_bytes_s);
    free(v->mean_bytes_s);
    free(v->most_bytes_s);
    free(v->of);
    free(v->lost);
    free(v->whole);
    free(v);
}

void tw_transit_view_read(TwTransitView *v, const void *block)
{
    const Plan *p = v->plant->transit;
    int lost = tw_fabric_lost(v->plant, block, v->lost);
    if (v->graph)
        tw_fabric_map_lose(p->map, v->graph, v->lost, lost, v->up, v->whole);
    else
        tw_drawn_up(v->plant->wiring, v->lost, lost, v->up);
    for (int l = 0; l < v->link_count && !v->graph; l++) v->whole[v->of[l]] = v->capacity_bytes_s[l] * v->up[l];
    for (int l = 0; l < v->link_count; l++) {
        int of = v->of[l];
        v->now_bytes_s[l] = v->mean_bytes_s[l] = v->most_bytes_s[l] = 0.0;
        if (of < 0) continue;
        double mean, most, live = v->whole[of] > 0.0 ? v->up[l] * v->capacity_bytes_s[l] / v->whole[of] : 0.0;
        tw_transit_used(&p->transit, block, of, &mean, &most);
        v->now_bytes_s[l] = live * tw_transit_now(&p->transit, block, of);
        v->mean_bytes_s[l] = mean * v->capacity_bytes_s[l];
        v->most_bytes_s[l] = most * v->capacity_bytes_s[l];
    }
}
