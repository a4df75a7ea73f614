// Inside a router cell: what its thread works on, and what its router (cell.c) and the moves of KV between its replicas
// (cell_moves.c) ask of each other.
#pragma once

#include "models/workload/workload_inner.h"

// What one thread works on: a cell, with the copies its router reads of each replica's state.
typedef struct Work {
    const Plant *plant;
    const Pool *pool;
    const TwEngine *engine;    // of all replicas; NULL where some compute prompts for the others
    const Cell *cell;
    const Cell *racks;      // the cell whose racks it has (redraw.c)
    TwReplica *replicas;    // of the cell
    CellState *state;
    void *block;
    TwEngineLog log;
    TwPrefixWatch watch;
    TwKvIndex index;
    TwKvBeliefs beliefs;
    bool deaf;           // nothing that happens to the replica that is worked on is published any more
    bool all_busy;       // route: none but busy ones was there
    bool any;            // route: busy ones too
    int replica;         // that is worked on
    int placed;          // that got the last request
    int64_t *next_ns;    // [replica of the cell]
    int32_t *load, *seen_load;
    bool *off;
    const uint8_t *closed;    // [replica of the cell] takes no new requests, or NULL
    TwRouterSignal *signal, *seen_signal;
    double *cost;         // of kv_aware, before the prompt
    int64_t due_ns;       // the time for which `due` was found; -1: none
    uint64_t due;         // [replica of the cell] as bits: have a boundary before then
    int64_t period_ns;    // of the loads that the router sees; 0: they are fresh
    int64_t event_period_ns, event_delay_ns;
} Work;

static inline const TwEngine *engine_at(const Work *w, int k)
{
    return w->engine ? w->engine : engine_of(w->plant, w->block, w->pool, w->cell->replica_begin + k);
}
static inline TwReplica *replica_at(const Work *w, int k) { return w->replicas + k; }

// The runs of a request, cut once for router and replica.
typedef struct Cut {
    TwRun run[TW_RUNS_KEPT];
    int count;       // 0: not cut, since they are a list of ids or nobody asks
    bool fetched;    // asked for in the cache of the replica that is chosen
} Cut;

// --- cell.c ---------------------------------------------------------------------------------------------------------

// A replica's state as routers read it; what is due before now_ns is done first.
void tw_cell_publish(const Work *w, int k, const TwReplica *r);
void tw_cell_refresh(Work *w, int k, int64_t now_ns);
// The replica that gets a request, or -1; its runs are cut. Busy ones count where there are no others.
int tw_cell_route(Work *w, const TwRequest *request, int64_t now_ns, bool prefill, Cut *cut);
// The request is offered to a replica (-1: none was there). False: rejected, told and counted.
bool tw_cell_offer(Work *w, int k, const TwRequest *request, const TwComing *coming);
// Routed, offered, held back or refused.
void tw_cell_place(Work *w, const TwRequest *request, TwComing *coming);
// Leading blocks of a request that a replica holds; what a router takes to be cached there from now on.
int32_t tw_cell_blocks(const Work *w, int k, const TwRequest *request, TwRuns runs);
void tw_cell_assume(const Work *w, int k, const TwRequest *request, const Cut *cut, int64_t now_ns);

// --- cell_again.c ---------------------------------------------------------------------------------------------------

// Who was refused by replica k of the cell, which counted it, and comes again: counted as on its way from now on.
// False: it does not.
bool tw_again_later(Work *w, int k, const TwRequest *request, const TwComing *coming);
int64_t tw_again_next(const Work *w);    // the earliest of them; INT64_MAX: none
void tw_again_come(Work *w);             // it is there

// --- cell_moves.c ---------------------------------------------------------------------------------------------------

// False: no room, counted.
bool tw_moves_add(Work *w, const Move *move);
// The earliest of the moves has come to its end.
void tw_moves_arrive(Work *w);
// Those that found nobody who decodes ask again.
void tw_moves_ask_again(Work *w, int64_t now_ns);
// A replica has lost power: the KV of prompts computed there is gone before it left.
void tw_moves_forget(Work *w, int k, int64_t now_ns);
// The network of the window. What is on the wire goes on at its new rates.
void tw_moves_links(Work *w, const TwReplicaLink *link, int64_t from_ns);
// Of an engine's log: a prompt is computed; a row has its blocks; it awaits its KV no more; power is gone.
void tw_moves_handed(void *context, uint32_t row, const TwRow *at, const TwCold *cold, const TwContent *content,
                     int64_t now_ns);
void tw_moves_reserved(void *context, uint32_t row, int32_t there, int64_t now_ns);
void tw_moves_forsaken(void *context, uint32_t row, int64_t now_ns);
bool tw_moves_lost(void *context, const TwRow *row, const TwCold *cold, const TwContent *content, int64_t now_ns);
