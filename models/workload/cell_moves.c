// KV between the replicas of a cell: moves and their ends, the wire, blocks before the KV, hand-overs and losses.
#include "models/workload/cell_inner.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// --- moves ----------------------------------------------------------------------------------------------------------

static Move *moves_of(const Work *w) { return (Move *)tw_at(w->block, w->plant->moves) + w->cell->moves_at; }

bool tw_moves_add(Work *w, const Move *move)
{
    CellState *s = w->state;
    if (s->moves >= w->pool->moves_max) {
        s->overflow++;
        return false;
    }
    Move *made = &moves_of(w)[s->moves++];
    *made = *move;
    made->order = s->order++;
    if (made->at_ns < s->next_ns) s->next_ns = made->at_ns;
    return true;
}

// The earliest; the first of those at one time.
static Move *move_due(const Work *w)
{
    Move *moves = moves_of(w);
    int best = 0;
    for (int k = 1; k < w->state->moves; k++)
        if (moves[k].at_ns < moves[best].at_ns ||
            (moves[k].at_ns == moves[best].at_ns && moves[k].order < moves[best].order))
            best = k;
    return &moves[best];
}

static Move move_take(Work *w)
{
    CellState *s = w->state;
    Move *moves = moves_of(w), *due = move_due(w), taken = *due;
    *due = moves[--s->moves];
    s->next_ns = INT64_MAX;
    for (int k = 0; k < s->moves; k++)
        if (moves[k].at_ns < s->next_ns) s->next_ns = moves[k].at_ns;
    return taken;
}

static TwRequest request_of(const TwRow *row, const TwCold *cold, const TwContent *content)
{
    TwRequest request = tw_row_request(row);
    if (row->first_ns == 0 && row->give_up_ns != INT64_MAX) request.patience_ns = row->give_up_ns - row->arrival_ns;
    if (cold && content) {
        request.session = cold->session;
        request.turn = cold->turn;
        request.content = *content;
    }
    return request;
}

// --- the wire -------------------------------------------------------------------------------------------------------

static const TwReplicaLink *links_now(const Work *w)
{
    return (const TwReplicaLink *)tw_at_const(w->block, w->plant->link) + w->cell->replica_begin;
}

// Something on the wire, or the wire, is not what it was.
static void share_wire(Work *w, int64_t now_ns)
{
    w->state->next_ns =
        tw_wire_share(&w->pool->hand_over, moves_of(w), w->state->moves, links_now(w), w->cell->replica_count, now_ns);
}

static TwReach reach_of(const Work *w, int from, int to)
{
    const TwHandOver *h = &w->pool->hand_over;
    int first = w->racks->replica_begin - w->pool->replica_begin;
    if (to < 0 || !h->domain) return TW_REACH_LEAF;
    if (h->domain[first + from] == h->domain[first + to]) return TW_REACH_DOMAIN;
    return h->group[first + from] == h->group[first + to] ? TW_REACH_LEAF : TW_REACH_FABRIC;
}

// The bytes of a move set out at now_ns, but for so many tokens that are there already.
static void set_out(Work *w, Move *move, int32_t there, int64_t now_ns)
{
    const TwReach reach = reach_of(w, move->from, move->to);
    move->left = tw_hand_over_bytes(&w->pool->hand_over, (double)(move->request.input_tokens - there),
                                    w->pool->prefill.spec.step->state_sent_tokens);
    move->bytes = llround(move->left);
    move->reach = (uint8_t)reach;
    move->wire = true;
    move->begun_ns = move->since_ns = now_ns;
    TwReplicaSent *sent = (TwReplicaSent *)tw_at(w->block, w->plant->sent) + w->cell->replica_begin;
    sent[move->from].out[reach] += (double)move->bytes;
    if (move->to >= 0) sent[move->to].in[reach] += (double)move->bytes;
    w->state->transfer_bytes += move->bytes;
}

// --- blocks before the KV -------------------------------------------------------------------------------------------

// Asks a replica that decodes for blocks: the request waits there, its KV where it was made. Nobody decodes: it waits
// for somebody who does.
static void ask(Work *w, Move *move, int64_t now_ns)
{
    const int at = w->replica;
    const TwRouter before = w->state->router;
    Cut cut;
    move->to = tw_cell_route(w, &move->request, now_ns, false, &cut);
    if (move->to >= 0) {
        TwComing coming = move->coming;
        coming.now_ns = now_ns;
        coming.awaits = true;
        tw_cell_assume(w, move->to, &move->request, &cut, now_ns);
        if (tw_cell_offer(w, move->to, &move->request, &coming)) {
            move->to_row = replica_at(w, move->to)->offered;
        } else {
            move->held = false;
            move->frees = true;
            move->to = -1;
            move->at_ns = now_ns;
        }
    } else {
        w->state->stranded++;
        w->state->router = before;    // as if it had not been asked: how often it is depends on windows
    }
    w->replica = at;
}

// Those that found nobody who decodes ask again.
void tw_moves_ask_again(Work *w, int64_t now_ns)
{
    if (w->state->stranded == 0) return;
    w->state->stranded = 0;
    for (int m = 0; m < w->state->moves; m++) {
        Move *move = &moves_of(w)[m];
        if (move->held && move->to < 0) ask(w, move, now_ns);
    }
    share_wire(w, now_ns);
}

static Move *move_to(const Work *w, int to, uint32_t row)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++)
        if ((moves[m].held || moves[m].reserved) && moves[m].to == to && moves[m].to_row == row) return &moves[m];
    assert(!"a row that awaits its KV has a move");
    return NULL;
}

// There are blocks for a prompt: it is computed.
static void compute(Work *w, Move *move, int64_t now_ns)
{
    const int at = w->replica;
    Cut cut;
    move->at_ns = now_ns;    // unless it is
    move->drops = true;
    const int p = tw_cell_route(w, &move->request, now_ns, true, &cut);
    if (p >= 0) {
        TwComing coming = move->coming;
        coming.now_ns = now_ns;
        coming.hand_over = coming.tied = coming.moved = true;
        tw_engine_lend(engine_at(w, move->to), replica_at(w, move->to), move->to_row);
        tw_cell_assume(w, p, &move->request, &cut, now_ns);
        if (tw_cell_offer(w, p, &move->request, &coming)) {
            move->from = p;
            move->row = replica_at(w, p)->offered;
            move->at_ns = INT64_MAX;
            move->drops = false;
        }
    }
    w->replica = at;
    share_wire(w, now_ns);
}

// The move of a prompt that is computed for blocks elsewhere; NULL: there are none.
static Move *move_from(const Work *w, int from, uint32_t row)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++)
        if (moves[m].ahead && moves[m].from == from && moves[m].row == row) return &moves[m];
    return NULL;
}

// The replica that is worked on has blocks for the KV of a row: it sets out.
void tw_moves_reserved(void *context, uint32_t row, int32_t there, int64_t now_ns)
{
    Work *w = context;
    Move *move = move_to(w, w->replica, row);
    assert(move->held);
    w->state->reserved++;
    w->state->held_ns += now_ns - move->begun_ns;
    move->held = false;
    move->reserved = true;
    move->there = there << w->pool->engine.prefix.shift;
    if (move->ahead) {
        compute(w, move, now_ns);
        return;
    }
    move->at_ns = INT64_MAX;
    move->rate = 0.0;
    set_out(w, move, move->there, now_ns);
    share_wire(w, now_ns);
}

// What is on the wire of a move is lost.
static void cut_off(Work *w, Move *move)
{
    if (move->wire) w->state->lost_bytes += move->bytes;
    move->wire = move->held = move->reserved = false;
}

// A row that awaits its KV is no more at the replica that is worked on: where the KV is its blocks are free.
void tw_moves_forsaken(void *context, uint32_t row, int64_t now_ns)
{
    Work *w = context;
    Move *move = move_from(w, w->replica, row);
    if (move) {
        // its prompt will not be computed: the blocks that it has are free
        move->from = -1;
        move->drops = true;
        move->at_ns = now_ns;
        if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
        return;
    }
    move = move_to(w, w->replica, row);
    const bool shares = move->wire;
    cut_off(w, move);
    move->to = -1;
    if (move->ahead && move->from >= 0) return;    // its prompt goes on, and asks somebody else
    move->frees = true;
    move->at_ns = now_ns;
    if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
    if (shares) share_wire(w, now_ns);
}

// Whether the request of a move is counted where its prompt is computed.
static bool move_lent(const Work *w, const Move *move)
{
    const TwReplica *r = replica_at(w, move->to);
    return ((const TwRow *)((const unsigned char *)r + r->place.rows[TW_ROWS]))[move->to_row].tied;
}

// The KV of a move does not come to the replica whose blocks it waits for, or has.
static void withdraw(Work *w, const Move *move, bool lost, int64_t now_ns)
{
    const int at = w->replica;
    w->replica = move->to;
    tw_engine_withdraw(engine_at(w, move->to), replica_at(w, move->to), move->to_row, lost, now_ns, &w->log);
    tw_cell_publish(w, move->to, replica_at(w, move->to));
    w->replica = at;
}

// --- hand-overs and losses ------------------------------------------------------------------------------------------

// Layers go as they are done: all but the last may have gone during the last chunk, of chunk tokens. Or chunks do: all
// but the last may have.
static void leave_early(Work *w, Move *move, int32_t chunk)
{
    const TwHandOver *h = &w->pool->hand_over;
    if (h->layers < 2) return;
    const TwReplica *r = replica_at(w, move->from);
    double chunk_s = (double)(r->span.next - r->span.grow) / TW_UNITS_PER_NS * 1e-9;
    double fair =
        tw_wire_fair(h, moves_of(w), w->state->moves, links_now(w), move->from, move->to, (TwReach)move->reach);
    if (h->chunks)
        move->left -=
            fmin(fmax(move->left - tw_hand_over_bytes(h, chunk, w->pool->prefill.spec.step->state_sent_tokens), 0.0),
                 fair * chunk_s);
    else
        move->left -= fmin(move->left, fair * chunk_s) * (1.0 - 1.0 / h->layers);
}

// A prompt is computed: its KV goes to a decode replica over the links of both.
void tw_moves_handed(void *context, uint32_t row, const TwRow *at, const TwCold *cold, const TwContent *content,
                     int64_t now_ns)
{
    Work *w = context;
    const Pool *pool = w->pool;
    const TwHandOver *h = &pool->hand_over;
    int from = w->replica;
    int64_t seen_ns = at->first_ns > now_ns ? at->first_ns : now_ns;    // the front end passes it on later
    Move move = {
        .at_ns = INT64_MAX,
        .begun_ns = now_ns,
        .since_ns = now_ns,
        .request = request_of(at, cold, content),
        .coming = {.first_ns = at->first_ns, .last_ns = seen_ns, .seen = at->seen, .kept = at->seen, .moved = true},
        .from = from,
        .row = row};
    if (h->first_token == TW_FIRST_RELAYED && at->seen == at->input) {
        // nobody has it yet, and who waits for it may give up once it is clear that it does not come
        move.relays = true;
        move.coming.first_ns = 0;
        if (at->give_up_ns != INT64_MAX) move.request.patience_ns = at->give_up_ns - at->arrival_ns;
    }
    if (h->reserve != TW_RESERVE_NONE) {
        Move *made = move_from(w, from, row);
        if (made) {
            made->ahead = false;
            made->request = move.request;
            made->coming = move.coming;
            made->relays = move.relays;
        }
        if (made && made->to >= 0) {
            const int64_t patience_ns = move.request.patience_ns;
            tw_engine_returned(engine_at(w, made->to), replica_at(w, made->to), made->to_row, &move.coming,
                               patience_ns > 0 ? move.request.arrival_ns + patience_ns : INT64_MAX);
            tw_cell_publish(w, made->to, replica_at(w, made->to));
            made->rate = 0.0;
            set_out(w, made, made->there, now_ns);
            made->wire = false;    // not beside itself
            leave_early(w, made, at->chunk);
            made->wire = true;
            share_wire(w, now_ns);
            return;
        }
        move.held = true;
        if (pool->hold_ns < INT64_MAX - now_ns) move.at_ns = now_ns + pool->hold_ns;
        if (made) {
            // who was to decode it is gone: computed again, since KV that waits could be in the way of prompts that
            // others have blocks for
            made->at_ns = now_ns;
            made->coming.kept = 0;
            if (now_ns < w->state->next_ns) w->state->next_ns = now_ns;
            return;
        }
        ask(w, &move, now_ns);
        bool room = tw_moves_add(w, &move);
        assert(room);
        (void)room;
        return;
    }
    Cut cut;
    move.to = tw_cell_route(w, &move.request, now_ns, false, &cut);
    tw_cell_assume(w, move.to, &move.request, &cut, now_ns);
    w->replica = from;
    int32_t there = 0;
    if (move.to >= 0 && pool->engine.spec.prefix_cache && content->count > 0)
        there = tw_cell_blocks(w, move.to, &move.request,
                               tw_runs(&move.request.content, pool->engine.spec.list, 1, at->input, 0))
                << pool->engine.prefix.shift;
    set_out(w, &move, there, now_ns);
    leave_early(w, &move, at->chunk);
    bool room = tw_moves_add(w, &move);
    assert(room);    // one for each row that prompts are computed in
    (void)room;
    share_wire(w, now_ns);
}

// Power is gone: it is tried again where there is some.
bool tw_moves_lost(void *context, const TwRow *row, const TwCold *cold, const TwContent *content, int64_t now_ns)
{
    Work *w = context;
    if (w->pool->detect_ns < 0) return false;
    const Move move = {
        .at_ns = now_ns + w->pool->detect_ns,
        .request = request_of(row, cold, content),
        .coming = {.first_ns = row->first_ns <= now_ns ? row->first_ns : 0,    // else the front end had it still
                   .last_ns = row->give_up_ns,
                   .seen = row->seen,
                   .moved = true},
        .from = -1,
        .to = -1};
    // transfers keep their room
    if (w->state->moves >= w->pool->moves_max - w->pool->hand_over.rows_max) {
        w->state->overflow++;
        return false;
    }
    w->state->retried++;
    return tw_moves_add(w, &move);
}

// The earliest of the moves has come to its end.
void tw_moves_arrive(Work *w)
{
    Move *due = move_due(w);
    if (due->wire) {
        // the last byte has left: the others share what it leaves, and it arrives after the latency of its way
        int64_t now_ns = due->at_ns;
        due->wire = false;
        due->at_ns += llround(links_now(w)[due->from].latency_s[due->reach] * 1e9);
        w->state->delivered_bytes += due->bytes;
        w->state->transfers++;
        w->state->transfer_ns += due->at_ns - due->begun_ns;
        share_wire(w, now_ns);
        return;
    }
    Move move = move_take(w);
    move.coming.now_ns = move.at_ns;
    w->state->stranded -= move.held && move.to < 0;
    if (move.drops) {
        if (move.to < 0) return;
        // where nobody computes prompts for others, who has the blocks does
        const bool again = !move_lent(w, &move);
        withdraw(w, &move, false, move.at_ns);
        if (!again) return;
        move.to = -1;
        move.reserved = false;
    }
    if (move.held && move.to >= 0) {
        // it has been held too long: lost, or computed again
        w->state->expired++;
        const bool again = w->pool->detect_ns >= 0;
        withdraw(w, &move, !again, move.at_ns);
        move.frees = !again;
    }
    if (move.from >= 0) {
        tw_cell_refresh(w, move.from, move.at_ns);
        TwReplica *r = replica_at(w, move.from);
        tw_engine_handed(engine_at(w, move.from), r, move.row, move.at_ns);
        tw_cell_publish(w, move.from, r);
    }
    if (move.frees) return;
    if (move.reserved) {
        TwReplica *r = replica_at(w, move.to);
        const int64_t last_ns = move.coming.last_ns > move.at_ns ? move.coming.last_ns : move.at_ns;
        tw_cell_refresh(w, move.to, move.at_ns);
        tw_engine_arrived(engine_at(w, move.to), r, move.to_row, move.relays ? last_ns : 0, move.at_ns);
        tw_cell_publish(w, move.to, r);
        return;
    }
    bool there = move.to >= 0 && !w->off[move.to] && !move.held;
    if (there && move.coming.kept > 0) {
        if (move.relays && move.coming.last_ns < move.at_ns) move.coming.last_ns = move.at_ns;
        if (move.relays) move.coming.first_ns = move.coming.last_ns;
        tw_cell_refresh(w, move.to, move.at_ns);
        tw_cell_offer(w, move.to, &move.request, &move.coming);
        return;
    }
    // its KV went nowhere, or never left: computed again
    move.coming.kept = 0;
    tw_cell_place(w, &move.request, &move.coming);
}

// The KV of prompts computed on a replica that has lost power is gone before it left.
void tw_moves_forget(Work *w, int k, int64_t now_ns)
{
    Move *moves = moves_of(w);
    for (int m = 0; m < w->state->moves; m++) {
        if (moves[m].from != k) continue;
        if (moves[m].ahead) continue;    // forsaken when it loses what it has
        if (moves[m].held || moves[m].reserved) {
            if (moves[m].to >= 0)
                withdraw(w, &moves[m], false, now_ns);
            else
                w->state->stranded--;
            cut_off(w, &moves[m]);
            moves[m].at_ns = now_ns;
            moves[m].to = -1;
        }
        if (moves[m].wire) {
            w->state->lost_bytes += moves[m].bytes;
            moves[m].wire = false;
            moves[m].at_ns = now_ns;
        }
        moves[m].from = -1;
        moves[m].coming.kept = 0;
    }
    share_wire(w, now_ns);
}

// The network of the window. What is on the wire goes on at its new rates.
void tw_moves_links(Work *w, const TwReplicaLink *link, int64_t from_ns)
{
    size_t bytes = (size_t)w->cell->replica_count * sizeof *link;
    TwReplicaLink *mine = (TwReplicaLink *)tw_at(w->block, w->plant->link) + w->cell->replica_begin;
    if (!link || memcmp(mine, link + w->racks->replica_begin, bytes) == 0) return;
    memcpy(mine, link + w->racks->replica_begin, bytes);
    if (w->state->moves > 0) share_wire(w, from_ns);
}
