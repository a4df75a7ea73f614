// What the files of a workload share: the plan of pools and router cells, and where their state lies.
#pragma once

#include "models/workload/engine.h"
#include "models/workload/fluid.h"
#include "models/workload/kv_belief.h"
#include "models/workload/kv_index.h"
#include "models/workload/router.h"
#include "models/workload/workload.h"
#include "sim/arena.h"

// Windows hand out energy in whole units of 2^-20 J of a meter that keeps the rest: their sums are exact.
enum { BOOK_SHIFT = 62 - 20 };
#define BOOK_J (1.0 / 1048576.0)

typedef struct Pool {
    TwEngine engine, prefill;    // prefill: of the replicas that compute prompts for the others
    bool apart;                  // there are such
    bool re_role;                // a replica may become one of the other kind
    bool ordered;                // boundaries of a cell go in order of time
    bool signals, indexed;       // the router wants to know more than the load; what is cached where
    bool told, assumed;          // instead of the latter: what was published, what was sent where
    bool limits;                 // replicas may be busy
    TwRouterPolicy policy;
    TwRouterSpec router;
    TwHandOver hand_over;
    int64_t hold_ns;      // most that KV waits for blocks
    int64_t detect_ns;    // until a lost request is tried again; < 0: it is not
    TwComeAgain again;
    const TwTraffic *traffic;
    TwRequestSource source;
    TwStream stream;
    int replica_begin, replica_end, cell_begin, cell_end;
    int services, tenants;
    int moves_max, held_max, again_max;    // of a cell
    int index_bits, belief_bits, event_bits;
    int64_t redraw_ns;            // cells that stand for others are drawn anew so often; 0: never
    bool expects;                 // some stand for others, and what is expected to come to each is known
    TwFluidTable *fluid;          // NULL: request by request
    TwFluidApart *fluid_apart;    // NULL: prompts are computed where they are decoded
} Pool;

// What comes to a fluid pool in a window: requests, mean tokens.
typedef struct TwFlowIn {
    double requests, input, output;
    double of_class[TW_SERVICES];    // since the start
} TwFlowIn;

// Tokens of a flow, prompts or outputs.
typedef struct TwFlowTokens {
    double arrived, done, dropped;
} TwFlowTokens;

// A replica of a fluid pool (fluid.h).
typedef struct TwFlow {
    double backlog, phase[2];                               // requests now: waiting for room, in work
    double held[2];                                         // tokens that those in work hold
    double backlog_input, backlog_output, system_output;    // their tokens to come
    double arrived, completed, rejected, cancelled, lost;
    double close;    // of those that ended here, at loads above those measured below saturation
    TwFlowTokens input, output;
    double value[TW_FLUID_VALUES], sum[TW_FLUID_VALUES];    // now; times time, since the start
    bool gives_up;                                          // that limit is a time after which nobody waits on
    bool limited;                                           // the backlog is as long as a limit lets it be
    bool falls;                                             // loses its supply in this window
    double came_s, waited_s,
        wait_s;    // arrival times of the backlog, waits of those in work, summed; wait of who ends
    TwFluidPlace place;
    // where prompts are computed apart: handed over and received since the start, as counted too; on the wire
    double handed, handed_output, received, received_output;
    int64_t counted, counted_output, counted_in, counted_in_output;
    int64_t told;    // ends with their latencies
    double moving, moving_output, moving_wait_s;
    double system_handed;       // of those in work: tokens that others make
    double variance, stands;    // of the backlog where one stands; how often one does
    double asked_bytes, delivered_bytes, lost_bytes, delivered, wire_s;    // of its transfers
    double most;                                  // those in work at most, where others go elsewhere
    double came_handed, first_wait_s, carry_s;    // of those here: handed over; their waits before, times on the wire
} TwFlow;

// A router cell: its replicas are neighbours. `of_pool` is its number in its pool, which keys its traffic.
typedef struct Cell {
    int pool, of_pool, replica_begin, replica_count;
    int stands_for;    // cells that it stands for, itself too; 0: not simulated, another stands for it
    size_t moves_at, held_at, again_at, index_at, latency_at, belief_at,
        event_at;    // numbers of the first in their arrays
} Cell;

// A request on its way between replicas: its KV after a prompt was computed elsewhere, or itself after a loss.
typedef struct Move {
    int64_t at_ns;    // of its last byte while it is on the wire, then of its arrival
    uint64_t order;
    int64_t begun_ns, since_ns;    // on the wire: since it was handed over; since `left` was counted
    int64_t bytes;
    double left, rate;    // bytes still to come, B/s
    bool wire, open;      // open: while rates are shared out
    bool relays;          // its first token comes with it
    // its request is a row of `to`: that waits for blocks there; that has them. Or it is gone, and `row` is to be freed
    bool held, reserved, frees;
    // its prompt is still to be computed: as `row`, where there is one; its blocks are to be freed
    bool ahead, drops;
    int32_t there;    // tokens of it cached at `to`
    uint8_t reach;
    TwRequest request;
    TwComing coming;
    int32_t from, to;        // replicas of the cell; from -1: nothing to free; to -1: any
    uint32_t row, to_row;    // of `from`, of `to`
} Move;

// Who waits at the router (central).
typedef struct Held {
    TwRequest request;
    TwComing coming;
} Held;

// A client who comes again: a heap by time and order.
typedef struct Again {
    int64_t at_ns;
    uint64_t order;
    TwRequest request;
    int32_t tries;    // refused so often
} Again;

// The changing half of a cell.
typedef struct CellState {
    TwRouter router;
    int64_t next_ns;     // of the moves
    int64_t until_ns;    // end of the last window
    uint64_t order;
    int32_t moves, held, held_first;    // held: at the router
    int32_t stranded;                   // of the moves those that found nobody who decodes
    int64_t index_used;
    int64_t transfers, transfer_bytes, delivered_bytes, lost_bytes, retried, overflow;
    int64_t refused;        // turned away since all were busy
    int32_t again_count;    // of the heap
    uint64_t again_order;
    int64_t again, again_taken, again_overflow;
    int64_t reserved, expired;    // KV that got its blocks, that was held too long for them
    TwWide transfer_ns, held_ns;
    int32_t away;      // of cells that stand for others: so many on is the one whose racks it has
    int64_t period;    // of drawing, from 1 on; 0: none yet
} CellState;

// What of a replica lies in a rack.
typedef struct Part {
    int rack;
    double share;    // of its GPUs
} Part;

struct TwWorkloadPlant {
    TwArena *arena;
    int pool_count, cell_count, rack_count, threads;
    Pool *pools;
    Cell *cells;
    int *part_first;           // [replica + 1]
    Part *parts_of;            // [part]
    int *rack_replicas;        // [rack] that lie in it, or a part of them
    bool *prefill_built;       // [replica] computes prompts for the others, until it gets another role
    size_t *parts_at;          // [replica] in `parts`
    TwEnginePlace *rows_at;    // [replica] in `rows`
    int *like;                 // [cell] the simulated one that it is like; itself where it is simulated
    int *mirror;               // [replica] the simulated one whose state is its own; itself where its cell is simulated
    int64_t measure_from_ns;
    TwSlot replicas, parts, rows;        // [replica] heads, and the arrays of each, in cell order
    TwSlot cell_states, latencies;       // [cell], [cell and class]
    TwSlot moves, held, again, index;    // see Cell
    TwSlot belief_heads, beliefs, belief_places, events;
    TwSlot services, tenants;              // [cell] counts of each class, of each tenant
    TwSlot next_ns, load, off, signals;    // [replica] copies for the router
    TwSlot roles;                          // [replica] true: computes prompts for the others
    double *slow;                          // [replica] times slower as built
    TwSlot rack_slow;                      // [rack] and by its rack now
    TwSlot costs;                          // [replica] of kv_aware, before the prompt
    TwSlot seen_load, seen_signals;        // as the router saw them last
    TwSlot link, sent;                     // [replica] TwReplicaLink in force, TwReplicaSent
    TwSlot joules, tokens;                 // [replica] of the window
    TwSlot flows, flows_in;                // [replica] TwFlow, [pool] TwFlowIn, where a pool is fluid
    TwSlot expected;                       // [pool] requests that a cell is expected to have got, where cells are drawn
    bool fluid;                            // one is
};
typedef struct TwWorkloadPlant Plant;

static inline TwReplica *replica_of(const Plant *p, void *block, int i)
{
    return (TwReplica *)tw_at(block, p->replicas) + i;
}

static inline const TwReplica *replica_const(const Plant *p, const void *block, int i)
{
    return (const TwReplica *)tw_at_const(block, p->replicas) + i;
}

static inline bool prefills(const Plant *p, const void *block, int i)
{
    return ((const bool *)tw_at_const(block, p->roles))[i];
}

static inline const TwEngine *engine_of(const Plant *p, const void *block, const Pool *pool, int i)
{
    return prefills(p, block, i) ? &pool->prefill : &pool->engine;
}

// Sequences that an engine runs at once.
static inline int places_of(const TwEngine *e) { return e->spec.max_sequences * e->ranks; }

// What a replica, or the one that stands for it, has to do.
static inline TwEngineLoad load_of(const Plant *p, const void *block, const Pool *pool, int i)
{
    int of = p->mirror[i];
    const TwReplica *r = replica_const(p, block, of);
    // a flow has no ranks
    static const TwEngine whole = {.ranks = 1};
    return tw_engine_load(pool->fluid ? &whole : engine_of(p, block, pool, of), r);
}

// wire.c: moves on the wire share the links of their replicas, max-min.
// Counts what has come up to now_ns and sets the rates and ends of all that are on the wire; the earliest of the moves.
int64_t tw_wire_share(const TwHandOver *h, Move *moves, int count, const TwReplicaLink *link, int replicas,
                      int64_t now_ns);
// Rate that one more between two replicas would get now.
double tw_wire_fair(const TwHandOver *h, const Move *moves, int count, const TwReplicaLink *link, int from, int to,
                    TwReach reach);

// What the router of a cell believes, where it does not know.
TwKvBeliefs tw_cell_beliefs(const Plant *plant, void *block, int cell);

// redraw.c: before a window, at each end of a period of drawing.
void tw_cells_redraw(const Plant *plant, void *block, const TwWorkloadIn *in, int64_t from_ns);

// One cell from from_ns to until_ns.
void tw_cell_advance(const Plant *plant, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns,
                     int64_t until_ns);

// What the racks of a replica leave it: it goes no faster than its slowest part, and not without any.
typedef struct Limits {
    double cap_w, clock_fraction;
    bool on;
} Limits;
Limits tw_replica_limits(const Plant *plant, const TwWorkloadIn *in, int replica);

// fluid.c: the same of a fluid pool.
void tw_fluid_arrivals(const Plant *plant, void *block, int pool, int64_t from_ns, int64_t until_ns);
void tw_fluid_start(const Plant *plant, void *block, int replica);
void tw_fluid_advance(const Plant *plant, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns,
                      int64_t until_ns);
