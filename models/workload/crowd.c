#include "models/workload/crowd.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER = 32, CLIENT_BUFFER = 8 };

// One who asks. next_ns is INT64_MAX while a call is being answered.
typedef struct Slot {
    int64_t next_ns, begun_ns;
    int32_t place;        // in the heap; -1: not there
    int32_t parent;       // 1 + slot that waits for it; 0: none
    int32_t children;     // that it waits for
    int32_t turn;         // of users and sources: calls so far
    int32_t free_next;    // in the list of unused slots
    bool used, waits;     // waits for its children alone
    int64_t number;       // of users: of the call among those of its cell
    TwSession session;
} Slot;

// Times of the next calls of a client.
typedef struct Client {
    TwArrivalCursor cursor;
    int64_t at_ns[CLIENT_BUFFER], slab, first;
    int32_t next, filled;
    int64_t calls;
} Client;

typedef struct Cell {
    TwArrivalCursor cursor;
    int64_t begins_ns[BUFFER], slab, first;    // session starts
    int32_t next, filled;
    int32_t heap_count, free_head;
    int64_t lost, live, made;
    int64_t released;    // calls that a rollout may make in all
} Cell;

static Cell *cell_of(const TwCrowd *c, void *block, int cell) { return (Cell *)tw_at(block, c->cell) + cell; }

static Slot *slots_of(const TwCrowd *c, void *block, int cell)
{
    return (Slot *)tw_at(block, c->slot) + (size_t)cell * (size_t)c->slots;
}

static Client *clients_of(const TwCrowd *c, void *block, int cell)
{
    return (Client *)tw_at(block, c->slot) + (size_t)cell * (size_t)c->slots;
}

static int32_t *heap_of(const TwCrowd *c, void *block, int cell)
{
    return (int32_t *)tw_at(block, c->heap) + (size_t)cell * (size_t)c->slots;
}

void tw_crowd_layout(TwCrowd *c, TwLayout *layout)
{
    size_t slots = (size_t)c->cells * (size_t)c->slots;
    c->cell = tw_layout_add(layout, (size_t)c->cells, sizeof(Cell));
    c->slot = tw_layout_add(layout, slots, c->kind == TW_CROWD_CLIENTS ? sizeof(Client) : sizeof(Slot));
    c->heap = tw_layout_add(layout, slots, sizeof(int32_t));
}

void tw_crowd_free(TwCrowd *c)
{
    free(c->sessions);
    free(c->client_arrivals);
    free(c->chains);
    free(c->chain_rows);
    free(c->cell_chains);
}

// A row of a session trace with what it is sorted by.
typedef struct Link {
    int32_t session, agent, turn, cell;
    int64_t row;
} Link;

static int by_chain(const void *a, const void *b)
{
    const Link *x = a, *y = b;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    if (x->agent != y->agent) return x->agent < y->agent ? -1 : 1;
    if (x->turn != y->turn) return x->turn < y->turn ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

void tw_crowd_replay(TwCrowd *c, const TwTrace *trace, double time_scale, int64_t lap_ns)
{
    size_t rows = (size_t)trace->rows;
    Link *links = calloc(rows, sizeof *links);
    c->chain_rows = calloc(rows, sizeof *c->chain_rows);
    c->chains = calloc(rows, sizeof *c->chains);
    c->cell_chains = calloc((size_t)c->cells + 1, sizeof *c->cell_chains);
    if (!links || !c->chain_rows || !c->chains || !c->cell_chains) abort();
    for (size_t r = 0; r < rows; r++) {
        const TwTraceCall *call = &trace->call[r];
        links[r] = (Link){call->session, call->agent, call->turn, call->session % c->cells, (int64_t)r};
    }
    qsort(links, rows, sizeof *links, by_chain);
    int chains = 0;
    for (size_t k = 0; k < rows; k++) {
        const Link *at = &links[k], *last = k ? &links[k - 1] : NULL;
        c->chain_rows[k] = at->row;
        if (!last || at->session != last->session || at->agent != last->agent) {
            int64_t begins_ns = (int64_t)((double)trace->arrival_ns[at->row] / time_scale);
            c->chains[chains++] = (TwChain){(int64_t)k, begins_ns, 0, at->cell};
            c->cell_chains[at->cell + 1]++;
        }
        c->chains[chains - 1].count++;
    }
    free(links);
    c->slots = 1;
    for (int i = 0; i < c->cells; i++) {
        if (c->cell_chains[i + 1] > c->slots) c->slots = c->cell_chains[i + 1];
        c->cell_chains[i + 1] += c->cell_chains[i];
    }
    c->trace = trace;
    c->time_scale = time_scale;
    c->lap_ns = lap_ns;
}

// the heap: earliest first, then the lower slot

typedef struct Heap {
    const TwCrowd *crowd;
    Cell *cell;
    Slot *slot;
    Client *client;
    int32_t *at;
} Heap;

static Heap heap_at(const TwCrowd *c, void *block, int cell)
{
    return (Heap){c, cell_of(c, block, cell), slots_of(c, block, cell), clients_of(c, block, cell),
                  heap_of(c, block, cell)};
}

static int64_t time_of(const Heap *h, int32_t i)
{
    if (h->crowd->kind != TW_CROWD_CLIENTS) return h->slot[i].next_ns;
    const Client *client = &h->client[i];
    return client->next < client->filled ? client->at_ns[client->next] : INT64_MAX;
}

static bool before(const Heap *h, int32_t a, int32_t b)
{
    int64_t x = time_of(h, a), y = time_of(h, b);
    return x != y ? x < y : a < b;
}

static void put(const Heap *h, int32_t place, int32_t slot)
{
    h->at[place] = slot;
    if (h->crowd->kind != TW_CROWD_CLIENTS) h->slot[slot].place = place;
}

static void rise(const Heap *h, int32_t place)
{
    int32_t slot = h->at[place];
    while (place > 0 && before(h, slot, h->at[(place - 1) / 2])) {
        put(h, place, h->at[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(h, place, slot);
}

static void sink(const Heap *h, int32_t place)
{
    int32_t slot = h->at[place], count = h->cell->heap_count;
    for (;;) {
        int32_t child = 2 * place + 1;
        if (child >= count) break;
        if (child + 1 < count && before(h, h->at[child + 1], h->at[child])) child++;
        if (!before(h, h->at[child], slot)) break;
        put(h, place, h->at[child]);
        place = child;
    }
    put(h, place, slot);
}

static void push(const Heap *h, int32_t slot)
{
    int32_t place = h->cell->heap_count++;
    put(h, place, slot);
    rise(h, place);
}

static int32_t take_first(const Heap *h)
{
    int32_t first = h->at[0];
    int32_t last = h->at[--h->cell->heap_count];
    if (h->crowd->kind != TW_CROWD_CLIENTS) h->slot[first].place = -1;
    if (h->cell->heap_count > 0) {
        put(h, 0, last);
        sink(h, 0);
    }
    return first;
}

// slots

static int32_t take_slot(const Heap *h)
{
    int32_t i = h->cell->free_head;
    if (i < 0) return -1;
    Slot *s = &h->slot[i];
    h->cell->free_head = s->free_next;
    h->cell->live++;
    *s = (Slot){.used = true, .place = -1, .next_ns = INT64_MAX};
    return i;
}

static void give_slot(const Heap *h, int32_t i)
{
    h->slot[i].used = false;
    h->slot[i].free_next = h->cell->free_head;
    h->cell->free_head = i;
    h->cell->live--;
}

static void schedule(const Heap *h, int32_t i, int64_t at_ns)
{
    h->slot[i].next_ns = at_ns;
    push(h, i);
}

static int64_t later(int64_t at_ns, double seconds)
{
    double ns = fmin(seconds * 1e9, 4e18);
    return at_ns > INT64_MAX - (int64_t)ns - 1 ? INT64_MAX - 1 : at_ns + (int64_t)ns;
}

// sessions

static void refill_starts(const TwCrowd *c, Cell *cell, int number)
{
    cell->filled = tw_arrivals_fill(&c->arrivals, &cell->cursor, (uint32_t)number, BUFFER, cell->begins_ns, &cell->slab,
                                    &cell->first);
    cell->next = 0;
}

// Sessions that begin no later than the earliest call come into slots, so that the heap's first is the next call.
static void admit(const TwCrowd *c, const Heap *h, int number)
{
    Cell *cell = h->cell;
    while (cell->filled > 0) {
        int64_t begins = cell->begins_ns[cell->next];
        // all slots wait for answers: who comes meanwhile is lost once somebody has one
        if (cell->heap_count == 0 && cell->free_head < 0) return;
        if (cell->heap_count > 0 && time_of(h, h->at[0]) < begins) return;
        int32_t i = take_slot(h);
        if (i < 0) {
            cell->lost++;
        } else {
            // slabs before time zero have numbers too
            uint64_t id = (uint64_t)(cell->slab + (1 << 19)) << 31 | (uint64_t)(cell->first + cell->next);
            tw_session_begin(c->sessions, &h->slot[i].session, id, (uint32_t)number);
            h->slot[i].begun_ns = begins;
            schedule(h, i, begins);
        }
        if (++cell->next == cell->filled) refill_starts(c, cell, number);
    }
}

// Who came before, while there was no slot.
static void lose_until(const TwCrowd *c, Cell *cell, int number, int64_t at_ns)
{
    while (cell->filled > 0 && cell->free_head < 0 && cell->begins_ns[cell->next] <= at_ns) {
        cell->lost++;
        if (++cell->next == cell->filled) refill_starts(c, cell, number);
    }
}

// A slot's call ended: on to the next, or the end of the session. Sub-agents begin, and a parent may wait for them.
static void go_on(const TwCrowd *c, const Heap *h, int32_t i, int64_t at_ns, bool done)
{
    Slot *s = &h->slot[i];
    bool branches = done && s->session.subagents;
    if (branches) {
        s->waits = tw_session_subagents_alone(c->sessions, &s->session);
        int count = tw_session_subagents(c->sessions, &s->session);
        for (int k = 1; k <= count; k++) {
            int32_t sub = take_slot(h);
            if (sub < 0) {
                h->cell->lost++;
                continue;
            }
            tw_session_branch(c->sessions, &h->slot[sub].session, &s->session, k);
            h->slot[sub].begun_ns = s->begun_ns;
            h->slot[sub].parent = s->waits ? i + 1 : 0;
            s->children += s->waits;
            // one after another: each begins a moment after the one before
            schedule(h, sub, later(at_ns, 0.2 * k));
        }
    }
    double gap_s = 0.0;
    bool on = done && tw_session_next(c->sessions, &s->session, &gap_s);
    int64_t next_ns = later(at_ns, gap_s);
    if (on && (double)(next_ns - s->begun_ns) <= c->span_s * 1e9) {
        if (s->waits && s->children > 0) {
            s->next_ns = next_ns;    // the last of its children schedules it
            return;
        }
        schedule(h, i, next_ns);
        return;
    }
    int32_t parent = s->parent - 1;
    if (s->children > 0) {
        // ends before its children, who then wait for nobody
        for (int32_t k = 0; k < c->slots; k++)
            if (h->slot[k].used && h->slot[k].parent == i + 1) h->slot[k].parent = 0;
    }
    give_slot(h, i);
    if (parent < 0) return;
    Slot *p = &h->slot[parent];
    if (--p->children > 0) return;
    p->waits = false;
    schedule(h, parent, p->next_ns > at_ns ? p->next_ns : at_ns);
}

// users and sources

static double share_of(const TwCrowd *c, int cell, int32_t slot, int32_t turn, TwPurpose purpose)
{
    return tw_random(c->stream, (uint64_t)slot << 32 | (uint32_t)turn, (uint32_t)cell, purpose);
}

static int64_t periodic_ns(const TwCrowd *c, int cell, int32_t slot, int32_t turn)
{
    double phase = share_of(c, cell, slot, 0, TW_PURPOSE_CLIENT) * c->period_s;
    double jitter = (share_of(c, cell, slot, turn, TW_PURPOSE_GAP) - 0.5) * 2.0 * c->jitter_s;
    return (int64_t)(fmax(0.0, phase + c->period_s * turn + jitter) * 1e9);
}

static double think_s(const TwCrowd *c, int cell, int32_t slot, int32_t turn)
{
    return c->think_s > 0.0 ? -c->think_s * log(share_of(c, cell, slot, turn, TW_PURPOSE_GAP)) : 0.0;
}

// Whether the users of a cell have made all the calls there are, for now.
static bool all_made(const TwCrowd *c, const Cell *cell)
{
    if (c->rollout && cell->made >= cell->released) return true;
    return c->requests > 0 && cell->made >= c->requests;
}

static void begin_users(const TwCrowd *c, const Heap *h, int cell, int64_t time_ns)
{
    for (int32_t i = 0; i < c->slots; i++) {
        Slot *s = &h->slot[i];
        if (all_made(c, h->cell)) return;
        *s = (Slot){.used = true, .place = -1, .number = h->cell->made};
        h->cell->live++;
        int64_t at = c->kind == TW_CROWD_PERIODIC ? periodic_ns(c, cell, i, 0)
                                                  : later((int64_t)(c->start_s * 1e9), think_s(c, cell, i, -1));
        while (c->kind == TW_CROWD_PERIODIC && at < time_ns) at = periodic_ns(c, cell, i, ++s->turn);
        h->cell->made++;
        schedule(h, i, at > time_ns ? at : time_ns);
    }
}

static void go_on_user(const TwCrowd *c, const Heap *h, int cell, int32_t i, int64_t at_ns)
{
    Slot *s = &h->slot[i];
    s->turn++;
    if (all_made(c, h->cell)) {
        s->used = false;
        h->cell->live--;
        return;
    }
    s->number = h->cell->made++;
    int64_t next =
        c->kind == TW_CROWD_PERIODIC ? periodic_ns(c, cell, i, s->turn) : later(at_ns, think_s(c, cell, i, s->turn));
    schedule(h, i, next);
}

void tw_crowd_release(const TwCrowd *c, void *block, int number, int64_t calls, int64_t at_ns)
{
    assert(c->rollout);
    Heap heap = heap_at(c, block, number), *h = &heap;
    h->cell->released += calls;
    for (int32_t i = 0; i < c->slots && !all_made(c, h->cell); i++) {
        Slot *s = &h->slot[i];
        if (s->used) continue;
        s->used = true;
        s->number = h->cell->made++;
        h->cell->live++;
        schedule(h, i, at_ns);
    }
}

// recorded agents

static const TwChain *chain_of(const TwCrowd *c, int cell, int32_t slot)
{
    return &c->chains[c->cell_chains[cell] + slot];
}

// Row of call `turn` of a chain, counted through the laps; *lap: which.
static int64_t row_of(const TwCrowd *c, const TwChain *chain, int32_t turn, int64_t *lap)
{
    *lap = turn / chain->count;
    return c->chain_rows[chain->first + turn % chain->count];
}

// Where nobody answers: as long as a call of these agents took (traffic page; as for generated agents).
static double recorded_service_s(const TwTrace *trace, int64_t row)
{
    return tw_nominal_service_s((double)trace->input_tokens[row], (double)trace->output_tokens[row]);
}

static void begin_chains(const TwCrowd *c, const Heap *h, int cell)
{
    for (int32_t i = 0; i < c->cell_chains[cell + 1] - c->cell_chains[cell]; i++) {
        h->slot[i] = (Slot){.used = true, .place = -1};
        h->cell->live++;
        schedule(h, i, chain_of(c, cell, i)->begins_ns);
    }
}

static void go_on_chain(const TwCrowd *c, const Heap *h, int cell, int32_t i, int64_t at_ns, bool done)
{
    Slot *s = &h->slot[i];
    const TwChain *chain = chain_of(c, cell, i);
    int64_t lap;
    // one that was refused or lost gives up for this lap
    s->turn = done ? s->turn + 1 : (s->turn / chain->count + 1) * chain->count;
    int64_t row = row_of(c, chain, s->turn, &lap);
    if (s->turn % chain->count > 0) {
        schedule(h, i, later(at_ns, (double)c->trace->call[row].think_s / c->time_scale));
    } else if (c->lap_ns < INT64_MAX && lap < (INT64_MAX - chain->begins_ns) / c->lap_ns) {
        int64_t begins_ns = chain->begins_ns + lap * c->lap_ns;
        schedule(h, i, begins_ns > at_ns ? begins_ns : at_ns);
    } else {
        s->used = false;
        h->cell->live--;
    }
}

// clients

static void refill_client(const TwCrowd *c, Client *client, int cell, int number)
{
    // every client has a stream of its own; so has every cell
    client->filled = tw_arrivals_fill(&c->client_arrivals[number], &client->cursor, (uint32_t)cell, CLIENT_BUFFER,
                                      client->at_ns, &client->slab, &client->first);
    client->next = 0;
}

static void begin_clients(const TwCrowd *c, const Heap *h, int cell, int64_t time_ns)
{
    for (int32_t i = 0; i < c->slots; i++) {
        Client *client = &h->client[i];
        *client = (Client){0};
        tw_arrivals_start(&c->client_arrivals[i], &client->cursor, (uint32_t)cell, time_ns / TW_SLAB_NS);
        refill_client(c, client, cell, i);
        if (client->filled > 0) push(h, i);
    }
}

// all

void tw_crowd_seek(const TwCrowd *c, void *block, int number, int64_t time_ns)
{
    Heap heap = heap_at(c, block, number), *h = &heap;
    memset(h->cell, 0, sizeof *h->cell);
    if (c->kind == TW_CROWD_CLIENTS) {
        begin_clients(c, h, number, time_ns);
    } else {
        for (int32_t i = 0; i < c->slots; i++)
            h->slot[i] = (Slot){.free_next = i + 1 < c->slots ? i + 1 : -1, .place = -1};
        h->cell->free_head = 0;
        if (c->kind == TW_CROWD_REPLAY) {
            begin_chains(c, h, number);
        } else if (c->kind != TW_CROWD_SESSIONS) {
            begin_users(c, h, number, time_ns);
        } else {
            int64_t back = time_ns - (int64_t)(c->span_s * 1e9);
            int64_t slab = back >= 0 ? back / TW_SLAB_NS : -((TW_SLAB_NS - 1 - back) / TW_SLAB_NS);
            tw_arrivals_start(&c->arrivals, &h->cell->cursor, (uint32_t)number, slab);
            refill_starts(c, h->cell, number);
            admit(c, h, number);
        }
    }
    TwCrowdCall skipped;
    while (tw_crowd_peek(c, block, number) < time_ns) tw_crowd_pop(c, block, number, false, &skipped);
    h->cell->lost = 0;
}

int64_t tw_crowd_peek(const TwCrowd *c, const void *block, int number)
{
    const Cell *cell = (const Cell *)tw_at_const(block, c->cell) + number;
    if (cell->heap_count == 0) return INT64_MAX;
    size_t base = (size_t)number * (size_t)c->slots;
    int32_t first = ((const int32_t *)tw_at_const(block, c->heap) + base)[0];
    if (c->kind != TW_CROWD_CLIENTS) return ((const Slot *)tw_at_const(block, c->slot) + base)[first].next_ns;
    const Client *client = (const Client *)tw_at_const(block, c->slot) + base + first;
    return client->at_ns[client->next];
}

static void pop_client(const TwCrowd *c, const Heap *h, int number, TwCrowdCall *call)
{
    int32_t i = h->at[0];
    Client *client = &h->client[i];
    uint64_t index = (uint64_t)(client->slab + 1) << 31 | (uint64_t)(client->first + client->next);
    *call = (TwCrowdCall){.at_ns = client->at_ns[client->next], .slot = i, .index = index, .client = i};
    call->turn = (int32_t)(client->calls++ & INT32_MAX);
    if (++client->next == client->filled) refill_client(c, client, number, i);
    if (client->filled > 0)
        sink(h, 0);
    else
        (void)take_first(h);
}

void tw_crowd_pop(const TwCrowd *c, void *block, int number, bool answered, TwCrowdCall *call)
{
    Heap heap = heap_at(c, block, number), *h = &heap;
    assert(h->cell->heap_count > 0);
    if (c->kind == TW_CROWD_CLIENTS) {
        pop_client(c, h, number, call);
        return;
    }
    int32_t i = take_first(h);
    Slot *s = &h->slot[i];
    *call = (TwCrowdCall){.at_ns = s->next_ns, .slot = i};
    bool waits = answered && c->closed;
    if (c->kind == TW_CROWD_SESSIONS) {
        tw_session_call(c->sessions, &s->session, &call->call);
        call->index = s->session.id << 12 | (uint64_t)s->session.turn;
        call->turn = s->session.turn;
        call->branch = s->session.branch;
        call->message_end = s->session.message_end;
        call->session = s->session.id;
        if (!waits) go_on(c, h, i, later(call->at_ns, tw_session_service_s(c->sessions, &call->call)), true);
        admit(c, h, number);
    } else if (c->kind == TW_CROWD_REPLAY) {
        int64_t lap, row = row_of(c, chain_of(c, number, i), s->turn, &lap);
        call->index = (uint64_t)(lap * c->trace->rows + row);
        call->turn = s->turn;
        if (!waits) go_on_chain(c, h, number, i, later(call->at_ns, recorded_service_s(c->trace, row)), true);
    } else {
        // samples of a prompt are told apart by their number among all calls, so it keys their draws
        bool numbered = c->rollout || c->samples > 1;
        call->index = numbered ? (uint64_t)s->number : (uint64_t)i << 32 | (uint32_t)s->turn;
        call->prompt = c->samples > 1 ? call->index / (uint64_t)c->samples : call->index;
        call->turn = s->turn;
        // without an answer a user goes on once its lengths are drawn: tw_crowd_answer
        if (c->kind == TW_CROWD_PERIODIC) go_on_user(c, h, number, i, call->at_ns);
        call->unanswered = !waits && c->kind == TW_CROWD_USERS;
    }
}

void tw_crowd_answer(const TwCrowd *c, void *block, int number, const TwCrowdCall *call, double service_s)
{
    assert(call->unanswered);
    Heap heap = heap_at(c, block, number);
    go_on_user(c, &heap, number, call->slot, later(call->at_ns, service_s));
}

void tw_crowd_finished(const TwCrowd *c, void *block, int number, int slot, int32_t turn, int64_t at_ns, bool done)
{
    if (!c->closed || c->kind == TW_CROWD_PERIODIC || c->kind == TW_CROWD_CLIENTS) return;
    Heap heap = heap_at(c, block, number), *h = &heap;
    Slot *s = &h->slot[slot];
    int32_t now = c->kind == TW_CROWD_SESSIONS ? s->session.turn : s->turn;
    if (!s->used || s->place >= 0 || now != turn) return;
    if (c->kind == TW_CROWD_SESSIONS) {
        lose_until(c, h->cell, number, at_ns);
        go_on(c, h, slot, at_ns, done);
        admit(c, h, number);
    } else if (c->kind == TW_CROWD_REPLAY) {
        go_on_chain(c, h, number, slot, at_ns, done);
    } else {
        // a rejected user asks again after a second
        go_on_user(c, h, number, slot, done ? at_ns : later(at_ns, 1.0));
    }
}

static int64_t sum_of(const TwCrowd *c, const void *block, size_t offset)
{
    int64_t sum = 0;
    for (int i = 0; i < c->cells; i++) {
        const Cell *cell = (const Cell *)tw_at_const(block, c->cell) + i;
        int64_t value;
        memcpy(&value, (const unsigned char *)cell + offset, sizeof value);
        sum += value;
    }
    return sum;
}

int64_t tw_crowd_lost(const TwCrowd *c, const void *block) { return sum_of(c, block, offsetof(Cell, lost)); }
