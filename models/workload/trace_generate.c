#include "models/workload/trace_generate.h"

#include "models/workload/trace_inner.h"

#include <stdlib.h>
#include <string.h>

// The rows so far.
typedef struct Rows {
    TwTrace *trace;
    int64_t room, block_room, blocks;
    uint64_t *session;    // [row] number of its session
    double *service_s;
} Rows;

static void add(Rows *rows, const TwRequest *request, const TwTrafficCall *call, int block_tokens)
{
    TwTrace *t = rows->trace;
    if (t->rows == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 4096;
        t->arrival_ns = tw_trace_grow(t->arrival_ns, rows->room, sizeof *t->arrival_ns);
        t->input_tokens = tw_trace_grow(t->input_tokens, rows->room, sizeof *t->input_tokens);
        t->output_tokens = tw_trace_grow(t->output_tokens, rows->room, sizeof *t->output_tokens);
        t->call = tw_trace_grow(t->call, rows->room, sizeof *t->call);
        rows->session = tw_trace_grow(rows->session, rows->room, sizeof *rows->session);
        rows->service_s = tw_trace_grow(rows->service_s, rows->room, sizeof *rows->service_s);
        if (block_tokens) t->block_start = tw_trace_grow(t->block_start, rows->room + 1, sizeof *t->block_start);
    }
    int64_t r = t->rows++;
    t->arrival_ns[r] = request->arrival_ns;
    t->input_tokens[r] = request->input_tokens;
    t->output_tokens[r] = request->output_tokens;
    rows->session[r] = call->session;
    rows->service_s[r] = call->service_s;
    t->call[r] = (TwTraceCall){.agent = call->branch,
                               .turn = call->turn + 1,
                               .hit_tokens = call->shared,
                               .stop = !call->in_session   ? '-'
                                       : call->message_end ? 'E'
                                                           : 'T'};
    if (!block_tokens) return;
    int64_t most = (request->input_tokens + block_tokens - 1) / block_tokens;
    if (rows->blocks + most > rows->block_room) {
        rows->block_room = 2 * rows->block_room + most + 65536;
        t->block_id = tw_trace_grow(t->block_id, rows->block_room, sizeof *t->block_id);
    }
    t->block_start[r] = rows->blocks;
    // what shares nothing has a stream of its own
    uint64_t own = tw_content_stream(0x6f776e, (uint64_t)r);
    rows->blocks +=
        tw_content_blocks(&request->content, request->input_tokens, block_tokens, own, t->block_id + rows->blocks);
    t->block_start[r + 1] = rows->blocks;
}

// Sessions numbered as they come, and the time between an answer and the next call.
typedef struct Key {
    uint64_t session;
    int64_t row;
    int32_t agent;
} Key;

static int by_session(const void *a, const void *b)
{
    const Key *x = a, *y = b;
    if (x->session != y->session) return x->session < y->session ? -1 : 1;
    if (x->agent != y->agent) return x->agent < y->agent ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_row(const void *a, const void *b)
{
    const Key *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

static void number_sessions(Rows *rows)
{
    TwTrace *t = rows->trace;
    Key *keys = tw_trace_grow(NULL, t->rows, sizeof *keys), *firsts = tw_trace_grow(NULL, t->rows, sizeof *firsts);
    for (int64_t r = 0; r < t->rows; r++) keys[r] = (Key){rows->session[r], r, t->call[r].agent};
    qsort(keys, (size_t)t->rows, sizeof *keys, by_session);
    int64_t sessions = 0;
    for (int64_t k = 0; k < t->rows; k++) {
        const Key *key = &keys[k];
        bool next = k > 0 && keys[k - 1].session == key->session && keys[k - 1].agent == key->agent;
        if (next) {
            int64_t before = keys[k - 1].row;
            double gap_s = 1e-9 * (double)(t->arrival_ns[key->row] - t->arrival_ns[before]) - rows->service_s[before];
            t->call[key->row].think_s = (float)(gap_s > 0.0 ? gap_s : 0.0);
        }
        if (k == 0 || keys[k - 1].session != key->session)
            firsts[sessions++] = (Key){key->session, key->row, (int32_t)k};
        else if (key->row < firsts[sessions - 1].row)
            firsts[sessions - 1].row = key->row;
    }
    qsort(firsts, (size_t)sessions, sizeof *firsts, by_row);
    for (int64_t s = 0; s < sessions; s++)
        for (int64_t k = firsts[s].agent; k < t->rows && keys[k].session == firsts[s].session; k++)
            t->call[keys[k].row].session = (int32_t)s;
    t->sessions = sessions;
    tw_trace_free(keys);
    tw_trace_free(firsts);
}

bool tw_trace_generate(TwTrace **out, const TwTraffic *traffic, void *block, int cells, int64_t from_ns,
                       int64_t until_ns, int block_tokens, TwError *error)
{
    *out = NULL;
    Rows rows = {.trace = calloc(1, sizeof *rows.trace)};
    if (!rows.trace) abort();
    rows.trace->format = TW_TRACE_MOONCAKE;
    rows.trace->block_tokens = block_tokens;
    tw_traffic_seek(traffic, block, from_ns);
    bool sessions = false;
    for (;;) {
        int first = 0;
        int64_t at = INT64_MAX;
        for (int c = 0; c < cells; c++) {
            int64_t ns = tw_traffic_peek(traffic, block, c);
            if (ns < at) at = ns, first = c;
        }
        if (at >= until_ns) break;
        TwRequest request;
        TwTrafficCall call;
        tw_traffic_pop_call(traffic, block, first, &request, &call);
        sessions |= call.in_session;
        add(&rows, &request, &call, block_tokens);
    }
    TwTrace *t = rows.trace;
    bool any = t->rows > 0;
    if (any && sessions) {
        number_sessions(&rows);
        t->format = TW_TRACE_SESSIONS;
    } else {
        tw_trace_free(t->call);
        t->call = NULL;
    }
    tw_trace_free(rows.session);
    tw_trace_free(rows.service_s);
    if (!any) {
        tw_trace_destroy(t);
        return tw_fail(error, TW_BAD_INPUT, "%s: no requests in that time; --for=24h looks further",
                       tw_traffic_name(traffic));
    }
    // times from the beginning of the window on
    for (int64_t r = 0; r < t->rows; r++) t->arrival_ns[r] -= from_ns;
    *out = t;
    return true;
}
