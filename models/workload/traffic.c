// The requests of a source, cell by cell: drawn, replayed, or called by a crowd.
#include "models/workload/trace_inner.h"
#include "models/workload/traffic_inner.h"

#include <assert.h>
#include <string.h>

typedef TwTrafficCell Cell;

// requests of a cell

bool tw_traffic_cut(int64_t context_tokens, int32_t *input, int32_t *output)
{
    if (context_tokens == 0 || (int64_t)*input + *output <= context_tokens) return false;
    if (*input > context_tokens - 1) *input = (int32_t)(context_tokens - 1);
    *output = (int32_t)(context_tokens - *input);
    return true;
}

static int32_t whole_tokens(double x)
{
    double tokens = floor(x + 0.5);
    return tokens < 1.0 ? 1 : tokens > 1e9 ? 1000000000 : (int32_t)tokens;
}

static void fill_lengths(const TwTraffic *traffic, const TwLengths *lengths, TwPurpose purpose, double scale,
                         uint32_t cell, uint64_t first, int count, int32_t *tokens)
{
    uint32_t words[4];
    for (int i = 0; i < count; i++) {
        uint64_t index = first + (uint64_t)i;
        if (i == 0 || (index & 3) == 0) tw_random4(traffic->arrivals.stream, index >> 2, cell, purpose, words);
        tokens[i] = whole_tokens(scale * tw_lengths_quantile(lengths, tw_uniform(words[index & 3])));
    }
}

static double normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

// Lengths of one request from their own draws, with a copula, clients and images where the class has them.
static void draw_lengths(const TwTraffic *traffic, uint64_t prompt, uint64_t index, uint32_t cell, int client,
                         int32_t *input, int32_t *output, uint8_t *with)
{
    TwStream stream = traffic->arrivals.stream;
    uint32_t in[4], out[4];
    tw_random4(stream, prompt >> 2, cell, TW_PURPOSE_INPUT, in);
    tw_random4(stream, index >> 2, cell, TW_PURPOSE_OUTPUT, out);
    double u = tw_uniform(in[prompt & 3]), v = tw_uniform(out[index & 3]);
    if (client >= 0 && traffic->client_rho > 0.0) {
        // a client has its own place in both tables
        uint32_t own[4];
        tw_random4(stream, (uint64_t)client, 0, TW_PURPOSE_CLIENT, own);
        double r = traffic->client_rho, keep = sqrt(r), rest = sqrt(1.0 - r);
        u = normal_cdf(keep * tw_normal_quantile(tw_uniform(own[0])) + rest * tw_normal_quantile(u));
        v = normal_cdf(keep * tw_normal_quantile(tw_uniform(own[1])) + rest * tw_normal_quantile(v));
    }
    if (traffic->rho != 0.0) {
        double z = tw_normal_quantile(u), rho = traffic->rho;
        v = normal_cdf(rho * z + sqrt(1.0 - rho * rho) * tw_normal_quantile(v));
    }
    double tokens = traffic->input_scale * tw_lengths_quantile(&traffic->input, u);
    if (traffic->images.any) {
        uint32_t words[4];
        tw_random4(stream, prompt, cell, TW_PURPOSE_THINKING, words);
        double images = floor(tw_lengths_quantile(&traffic->images.count, tw_uniform(words[0])) + 0.5);
        *with = (uint8_t)fmin(images, UINT8_MAX);
        tokens += *with * tw_lengths_quantile(&traffic->images.tokens, tw_uniform(words[1]));
    }
    *input = whole_tokens(tokens);
    *output = whole_tokens(traffic->length_scale * tw_lengths_quantile(&traffic->output, v));
}

static void fill_generated(const TwTraffic *traffic, Cell *at, uint32_t cell)
{
    int64_t slab, first;
    at->before = at->cursor;
    at->filled = tw_arrivals_fill(&traffic->arrivals, &at->cursor, cell, BUFFER, at->arrival_ns, &slab, &first);
    if (at->filled == 0) return;

    // keyed by the place of the request in its slab
    uint64_t index = at->first = (uint64_t)slab << 31 | (uint64_t)first;
    if (traffic->rho != 0.0 || traffic->images.any) {
        for (int i = 0; i < at->filled; i++)
            draw_lengths(traffic, index + (uint64_t)i, index + (uint64_t)i, cell, -1, &at->input_tokens[i],
                         &at->output_tokens[i], &at->images[i]);
    } else {
        fill_lengths(traffic, &traffic->input, TW_PURPOSE_INPUT, traffic->input_scale, cell, index, at->filled,
                     at->input_tokens);
        fill_lengths(traffic, &traffic->output, TW_PURPOSE_OUTPUT, traffic->length_scale, cell, index, at->filled,
                     at->output_tokens);
    }
    if (traffic->prefix.kind == TW_PREFIX_NONE) return;
    uint32_t words[4];
    for (int i = 0; i < at->filled; i++) {
        uint64_t number = index + (uint64_t)i;
        if (i == 0 || (number & 3) == 0)
            tw_random4(traffic->arrivals.stream, number >> 2, cell, TW_PURPOSE_PREFIX, words);
        at->prefix[i] = words[number & 3];
    }
}

static void fill_replayed(const TwTraffic *traffic, Cell *at)
{
    const TwTrace *trace = traffic->trace;
    at->filled = 0;
    while (at->filled < BUFFER) {
        int64_t lap = at->next_row / trace->rows, row = at->next_row % trace->rows;
        if (lap > 0 && traffic->lap_ns == INT64_MAX) return;
        if (lap > 0 && lap >= (INT64_MAX - traffic->row_ns[row]) / traffic->lap_ns) return;
        double output = traffic->length_scale * trace->output_tokens[row];
        int64_t ns = traffic->row_ns[row] + (lap > 0 ? lap * traffic->lap_ns : 0);
        if (at->factor > 0.0) ns = at->at_ns + llround((double)(ns - at->from_ns) / at->factor);
        at->arrival_ns[at->filled] = ns;
        at->input_tokens[at->filled] = trace->input_tokens[row];
        at->output_tokens[at->filled] = whole_tokens(output);
        at->images[at->filled] = trace->images ? (uint8_t)fmin(trace->images[row], UINT8_MAX) : 0;
        at->filled++;
        at->next_row += traffic->cells;
    }
}

static void refill(const TwTraffic *traffic, Cell *at, int cell)
{
    if (traffic->trace)
        fill_replayed(traffic, at);
    else
        fill_generated(traffic, at, (uint32_t)cell);
    at->next = 0;
    at->cut = 0;
    for (int i = 0; i < at->filled; i++)
        if (tw_traffic_cut(traffic->context_tokens, &at->input_tokens[i], &at->output_tokens[i]))
            at->cut |= UINT64_C(1) << i;
}

static Cell *cell_of(const TwTraffic *traffic, void *block, int cell)
{
    assert(cell >= 0 && cell < traffic->cells);
    return (Cell *)tw_at(block, traffic->cell) + cell;
}

static const Cell *cell_of_const(const TwTraffic *traffic, const void *block, int cell)
{
    assert(cell >= 0 && cell < traffic->cells);
    return (const Cell *)tw_at_const(block, traffic->cell) + cell;
}

bool tw_traffic_images(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (tw_traffic_images(traffic->parts[i])) return true;
    return traffic->images.any || (traffic->trace && traffic->trace->images);
}

void tw_traffic_start(const TwTraffic *traffic, void *block) { tw_traffic_seek(traffic, block, 0); }

void tw_traffic_seek(const TwTraffic *traffic, void *block, int64_t time_ns)
{
    assert(time_ns >= 0);
    for (int i = 0; i < traffic->part_count; i++) tw_traffic_seek(traffic->parts[i], block, time_ns);
    for (int c = 0; c < traffic->cells; c++) {
        Cell *at = cell_of(traffic, block, c);
        memset(at, 0, sizeof *at);
        if (traffic->parts) continue;
        if (traffic->crowd) {
            tw_crowd_seek(traffic->crowd, block, c, time_ns);
            continue;
        }
        at->next_row = c;
        if (!traffic->trace) tw_arrivals_start(&traffic->arrivals, &at->cursor, (uint32_t)c, time_ns / TW_SLAB_NS);
        refill(traffic, at, c);
        TwRequest skipped;
        while (tw_traffic_peek(traffic, block, c) < time_ns) tw_traffic_pop(traffic, block, c, &skipped);
        at->truncated = 0;
        if (!traffic->trace) at->popped = 0;
    }
}

bool tw_traffic_scales(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (!tw_traffic_scales(traffic->parts[i])) return false;
    return traffic->parts || !traffic->crowd;
}

void tw_traffic_scale(const TwTraffic *traffic, void *block, double factor, int64_t time_ns)
{
    for (int i = 0; i < traffic->part_count; i++) tw_traffic_scale(traffic->parts[i], block, factor, time_ns);
    for (int c = 0; c < traffic->cells && !traffic->parts && !traffic->crowd; c++) {
        Cell *at = cell_of(traffic, block, c);
        if (traffic->trace) {
            double was = at->factor > 0.0 ? at->factor : 1.0;
            at->from_ns = at->factor > 0.0 ? at->from_ns + llround((double)(time_ns - at->at_ns) * was) : time_ns;
            at->at_ns = time_ns;
            at->factor = factor;
            at->next_row -= (int64_t)(at->filled - at->next) * traffic->cells;
        } else {
            // back to the last request that came; those that were drawn ahead are drawn again
            int64_t ns[BUFFER], slab, first;
            at->cursor = at->before;
            if (at->next > 0)
                (void)tw_arrivals_fill(&traffic->arrivals, &at->cursor, (uint32_t)c, at->next, ns, &slab, &first);
            tw_arrivals_scale(&traffic->arrivals, &at->cursor, factor, time_ns);
        }
        refill(traffic, at, c);
    }
}

// The class whose request is the next of a cell; the first named where times are equal.
static int first_part(const TwTraffic *traffic, const void *block, int cell, int64_t *at_ns)
{
    int first = 0;
    *at_ns = INT64_MAX;
    for (int i = 0; i < traffic->part_count; i++) {
        int64_t ns = tw_traffic_peek(traffic->parts[i], block, cell);
        if (ns < *at_ns) *at_ns = ns, first = i;
    }
    return first;
}

int64_t tw_traffic_peek(const TwTraffic *traffic, const void *block, int cell)
{
    if (traffic->parts) {
        int64_t at_ns;
        (void)first_part(traffic, block, cell, &at_ns);
        return at_ns;
    }
    const Cell *at = cell_of_const(traffic, block, cell);
    if (traffic->crowd && at->sample == 0) return tw_crowd_peek(traffic->crowd, block, cell);
    return at->next < at->filled ? at->arrival_ns[at->next] : INT64_MAX;
}

// What a replayed row shares: its ids; a later lap has ids of its own.
static void replayed_content(const TwTraffic *traffic, int64_t row, TwContent *content)
{
    const TwTrace *trace = traffic->trace;
    int64_t lap = traffic->loop_shares ? 0 : row / trace->rows;
    tw_trace_replayed(trace, row % trace->rows, lap, content);
}

// Samples share the prompt and nothing after it.
static void share_prompt(const TwTraffic *traffic, uint64_t prompt, int cell, TwRequest *request)
{
    if (request->content.count == 0)
        request->content.segment[request->content.count++] =
            (TwSegment){tw_content_stream(traffic->key, tw_content_mix(prompt, (uint64_t)cell) | 1ull << 62), 0,
                        request->input_tokens};
    request->content.output_stream = 0;
}

static void pop_crowd(const TwTraffic *traffic, void *block, int cell, bool answered, TwRequest *request,
                      TwTrafficCall *said)
{
    const TwCrowd *crowd = traffic->crowd;
    TwCrowdCall call;
    tw_crowd_pop(crowd, block, cell, answered, &call);
    *request = (TwRequest){.arrival_ns = call.at_ns, .session = call.slot + 1, .turn = call.turn};
    if (crowd->kind == TW_CROWD_SESSIONS) {
        request->input_tokens = call.call.input;
        request->output_tokens = call.call.output;
        request->content = call.call.content;
        if (said)
            *said = (TwTrafficCall){.in_session = true,
                                    .session = call.session << 12 | (uint64_t)(cell & 4095),
                                    .branch = call.branch,
                                    .turn = call.turn,
                                    .shared = call.call.shared,
                                    .message_end = call.message_end,
                                    .service_s = tw_session_service_s(crowd->sessions, &call.call)};
        return;
    }
    if (crowd->kind == TW_CROWD_REPLAY) {
        const TwTrace *trace = traffic->trace;
        int64_t row = (int64_t)call.index % trace->rows;
        const TwTraceCall *written = &trace->call[row];
        request->input_tokens = trace->input_tokens[row];
        request->output_tokens = whole_tokens(traffic->length_scale * trace->output_tokens[row]);
        replayed_content(traffic, (int64_t)call.index, &request->content);
        if (said)
            *said = (TwTrafficCall){.in_session = true,
                                    .session = (uint64_t)(uint32_t)written->session,
                                    .branch = written->agent,
                                    .turn = written->turn,
                                    .shared = written->hit_tokens,
                                    .message_end = written->stop == 'E'};
        return;
    }
    int client = crowd->kind == TW_CROWD_CLIENTS ? call.client : -1;
    // a client's requests are drawn from a range of their own
    uint64_t index = crowd->kind == TW_CROWD_CLIENTS ? call.index * TW_CLIENTS + (uint64_t)call.client : call.index;
    uint64_t prompt = crowd->kind == TW_CROWD_USERS ? call.prompt : index;
    draw_lengths(traffic, prompt, index, (uint32_t)cell, client, &request->input_tokens, &request->output_tokens,
                 &request->images);
    uint32_t words[4];
    tw_random4(traffic->arrivals.stream, prompt, (uint32_t)cell, TW_PURPOSE_PREFIX, words);
    tw_prefix_fill(&traffic->prefix, tw_uniform(words[0]), tw_content_mix(prompt, (uint64_t)cell), request);
    if (crowd->samples > 1) share_prompt(traffic, prompt, cell, request);
    if (call.unanswered) {
        int32_t input = request->input_tokens, output = request->output_tokens;
        (void)tw_traffic_cut(traffic->context_tokens, &input, &output);
        tw_crowd_answer(crowd, block, cell, &call, tw_nominal_service_s(input, output));
    }
    if (crowd->kind == TW_CROWD_CLIENTS) request->session = 0, request->turn = 0;
    request->tenant = (uint8_t)(client >= 0 ? client : 0);
}

// What a trace shares it shares with itself.
static void contents_of_part(const TwTraffic *traffic, int part, TwContent *content)
{
    if (!traffic->parts[part]->trace) return;
    if (content->list > 0) {
        content->list += traffic->list_base[part];
        return;
    }
    for (int k = 0; k < content->count; k++)
        content->segment[k].stream = tw_content_mix(content->segment[k].stream, (uint64_t)part);
}

static void pop_any(const TwTraffic *traffic, void *block, int cell, bool answered, TwRequest *request,
                    TwTrafficCall *said)
{
    Cell *at = cell_of(traffic, block, cell);
    // ids interleave the cells, so that in a replay they are row numbers
    uint64_t id = (uint64_t)at->popped * (uint64_t)traffic->cells + (uint64_t)cell;
    at->popped++;
    if (traffic->parts) {
        int64_t at_ns;
        int part = first_part(traffic, block, cell, &at_ns);
        pop_any(traffic->parts[part], block, cell, answered, request, said);
        contents_of_part(traffic, part, &request->content);
        // the number of a session tells whose it is
        if (request->session > 0) request->session = (request->session - 1) * PARTS + part + 1;
        request->id = (uint32_t)id;
        return;
    }
    if (traffic->crowd) {
        pop_crowd(traffic, block, cell, answered, request, said);
        at->truncated += tw_traffic_cut(traffic->context_tokens, &request->input_tokens, &request->output_tokens);
    } else {
        assert(at->next < at->filled);
        int i = at->next;
        *request = (TwRequest){.arrival_ns = at->arrival_ns[i],
                               .input_tokens = at->input_tokens[i],
                               .output_tokens = at->output_tokens[i],
                               .images = at->images[i]};
        uint64_t number = at->first + (uint64_t)i;
        if (traffic->trace)
            replayed_content(traffic, at->next_row - (int64_t)(at->filled - i) * traffic->cells, &request->content);
        else if (traffic->prefix.kind != TW_PREFIX_NONE)
            tw_prefix_fill(&traffic->prefix, tw_uniform(at->prefix[i]), tw_content_mix(number, (uint64_t)cell),
                           request);
        if (at->sample > 0) {
            // another answer to the same prompt
            uint32_t words[4];
            tw_random4(traffic->arrivals.stream, number << 8 | (uint64_t)at->sample, (uint32_t)cell, TW_PURPOSE_GROWTH,
                       words);
            double tokens = traffic->length_scale * tw_lengths_quantile(&traffic->output, tw_uniform(words[0]));
            request->output_tokens = whole_tokens(tokens);
            at->truncated += tw_traffic_cut(traffic->context_tokens, &request->input_tokens, &request->output_tokens);
        } else {
            at->truncated += (int64_t)(at->cut >> i & 1);
        }
        if (traffic->samples > 1) share_prompt(traffic, number, cell, request);
        if (++at->sample >= traffic->samples) {
            at->sample = 0;
            if (++at->next == at->filled) refill(traffic, at, cell);
        }
    }
    request->id = (uint32_t)id;
    request->priority = (uint8_t)traffic->priority;
    request->service = (uint8_t)traffic->service;
}

void tw_traffic_pop(const TwTraffic *traffic, void *block, int cell, TwRequest *request)
{
    pop_any(traffic, block, cell, true, request, NULL);
}

void tw_traffic_pop_nominal(const TwTraffic *traffic, void *block, int cell, TwRequest *request)
{
    pop_any(traffic, block, cell, false, request, NULL);
}

void tw_traffic_pop_call(const TwTraffic *traffic, void *block, int cell, TwRequest *request, TwTrafficCall *call)
{
    *call = (TwTrafficCall){0};
    pop_any(traffic, block, cell, false, request, call);
}

bool tw_traffic_closed(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (tw_traffic_closed(traffic->parts[i])) return true;
    return traffic->crowd && traffic->crowd->closed && traffic->crowd->kind != TW_CROWD_PERIODIC;
}

void tw_traffic_finished(const TwTraffic *traffic, void *block, int cell, const TwFinished *finished)
{
    if (traffic->parts) {
        if (finished->request.session == 0) return;
        TwFinished of_part = *finished;
        of_part.request.session = (finished->request.session - 1) / PARTS + 1;
        tw_traffic_finished(traffic->parts[(finished->request.session - 1) % PARTS], block, cell, &of_part);
        return;
    }
    if (!traffic->crowd || finished->request.session == 0) return;
    if (traffic->deadline_ns > 0 && finished->outcome == TW_ENDED_DONE) {
        Cell *at = cell_of(traffic, block, cell);
        at->ended++;
        at->late += finished->last_ns > traffic->deadline_ns;
    }
    if (traffic->crowd->rollout) {
        // one that was lost is not rolled out again: the batch goes on without it
        Cell *at = cell_of(traffic, block, cell);
        const TwRequest *r = &finished->request;
        at->ended++;
        if (finished->outcome == TW_ENDED_DONE) at->ended_tokens += r->input_tokens + r->output_tokens;
        if (finished->last_ns > at->last_ns) at->last_ns = finished->last_ns;
    }
    tw_crowd_finished(traffic->crowd, block, cell, finished->request.session - 1, finished->request.turn,
                      finished->last_ns, finished->outcome == TW_ENDED_DONE);
}

bool tw_traffic_rollout(const TwTraffic *traffic) { return traffic->crowd && traffic->crowd->rollout; }

void tw_traffic_release(const TwTraffic *traffic, void *block, int64_t requests, int64_t at_ns)
{
    for (int c = 0; c < traffic->cells; c++) {
        int64_t mine = requests / traffic->cells + (c < requests % traffic->cells);
        if (mine > 0) tw_crowd_release(traffic->crowd, block, c, mine, at_ns);
    }
}

void tw_traffic_rolled(const TwTraffic *traffic, const void *block, TwTrafficRolled *rolled)
{
    *rolled = (TwTrafficRolled){0};
    for (int c = 0; c < traffic->cells; c++) {
        const Cell *at = cell_of_const(traffic, block, c);
        rolled->ended += at->ended;
        rolled->tokens += at->ended_tokens;
        if (at->last_ns > rolled->last_ns) rolled->last_ns = at->last_ns;
    }
}

int64_t tw_traffic_late(const TwTraffic *traffic, const void *block, int64_t time_ns)
{
    int64_t late = 0;
    for (int i = 0; i < traffic->part_count; i++) late += tw_traffic_late(traffic->parts[i], block, time_ns);
    if (traffic->deadline_ns == 0) return late;
    for (int c = 0; c < traffic->cells; c++) {
        const Cell *at = cell_of_const(traffic, block, c);
        late += at->late;
        if (time_ns > traffic->deadline_ns && traffic->crowd->requests > 0)
            late += traffic->crowd->requests - at->ended;
    }
    return late;
}

int64_t tw_traffic_lost(const TwTraffic *traffic, const void *block)
{
    int64_t sum = traffic->crowd ? tw_crowd_lost(traffic->crowd, block) : 0;
    for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_lost(traffic->parts[i], block);
    return sum;
}

// what a source is as a whole

double tw_traffic_rate_s(const TwTraffic *traffic, double time_s)
{
    if (traffic->parts) {
        double sum = 0.0;
        for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_rate_s(traffic->parts[i], time_s);
        return sum;
    }
    if (!traffic->trace)
        return traffic->rate_s * tw_profile_rate(&traffic->arrivals.profile, traffic->arrivals.start_s + time_s);
    bool over = traffic->lap_ns == INT64_MAX && time_s * 1e9 > (double)traffic->row_ns[traffic->trace->rows - 1];
    return over ? 0.0 : traffic->rate_s;
}

int tw_traffic_service(const TwTraffic *traffic) { return traffic->service; }

bool tw_traffic_steady(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (!tw_traffic_steady(traffic->parts[i])) return false;
    const TwCrowd *crowd = traffic->crowd;
    return !traffic->trace && !(crowd && (crowd->kind == TW_CROWD_USERS || crowd->kind == TW_CROWD_REPLAY));
}

double tw_traffic_expected(const TwTraffic *traffic, void *block, int64_t from_ns, int64_t until_ns)
{
    assert(!traffic->parts);
    if (traffic->crowd)
        return tw_traffic_rate_s(traffic, 0.5e-9 * (double)(from_ns + until_ns)) * 1e-9 * (double)(until_ns - from_ns);
    // all cells have the same rate at the same time
    Cell *first = cell_of(traffic, block, 0);
    if (first->flow_ns != from_ns || from_ns == 0) {
        tw_arrivals_start(&traffic->arrivals, &first->flow, 0, from_ns / TW_SLAB_NS);
        (void)tw_arrivals_expected(&traffic->arrivals, &first->flow, from_ns);
    }
    double requests = tw_arrivals_expected(&traffic->arrivals, &first->flow, until_ns) * traffic->cells;
    first->flow_ns = until_ns;
    if (first->cursor.factor > 0.0) requests *= first->cursor.factor;
    return traffic->samples > 1 ? requests * traffic->samples : requests;
}

bool tw_traffic_generated(const TwTraffic *traffic)
{
    for (int i = 0; i < traffic->part_count; i++)
        if (!tw_traffic_generated(traffic->parts[i])) return false;
    return !traffic->trace && !traffic->crowd;
}

int64_t tw_traffic_came(const TwTraffic *traffic, const void *block, int cell)
{
    return cell_of_const(traffic, block, cell)->popped;
}

double tw_traffic_mean_rate_s(const TwTraffic *traffic) { return traffic->rate_s; }

int64_t tw_traffic_truncated(const TwTraffic *traffic, const void *block)
{
    int64_t sum = 0;
    for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_truncated(traffic->parts[i], block);
    for (int c = 0; c < traffic->cells; c++) sum += cell_of_const(traffic, block, c)->truncated;
    return sum;
}

int64_t tw_traffic_rows(const TwTraffic *traffic)
{
    return traffic->parts ? tw_traffic_rows(traffic->parts[0]) : traffic->trace ? traffic->trace->rows : -1;
}

int64_t tw_traffic_dropped(const TwTraffic *traffic)
{
    const TwTrace *trace = traffic->trace;
    int64_t sum = trace ? trace->dropped_no_input + trace->dropped_no_output + trace->dropped_bad : 0;
    for (int i = 0; i < traffic->part_count; i++) sum += tw_traffic_dropped(traffic->parts[i]);
    return sum;
}

bool tw_traffic_mean_tokens(const TwTraffic *traffic, double *input, double *output)
{
    if (traffic->parts) {
        double rate = 0.0, in = 0.0, out = 0.0;
        for (int i = 0; i < traffic->part_count; i++) {
            double x, y, r = traffic->parts[i]->rate_s;
            if (!tw_traffic_mean_tokens(traffic->parts[i], &x, &y)) return false;
            rate += r, in += r * x, out += r * y;
        }
        *input = in / rate;
        *output = out / rate;
        return true;
    }
    if (traffic->crowd && traffic->crowd->kind == TW_CROWD_SESSIONS) {
        *input = traffic->session_input;
        *output = traffic->session_output;
        return true;
    }
    double most = traffic->context_tokens > 0 ? (double)(traffic->context_tokens - 1) : INFINITY;
    if (!traffic->trace) {
        *input = traffic->input_scale * tw_lengths_mean(&traffic->input, most / traffic->input_scale) +
                 tw_prefix_added_tokens(&traffic->prefix);
        if (traffic->images.any)
            *input +=
                tw_lengths_mean(&traffic->images.count, INFINITY) * tw_lengths_mean(&traffic->images.tokens, INFINITY);
        *output = traffic->length_scale * tw_lengths_mean(&traffic->output, most / traffic->length_scale);
        return true;
    }
    const TwTrace *trace = traffic->trace;
    double in = 0.0, out = 0.0;
    for (int64_t r = 0; r < trace->rows; r++) {
        in += fmin(most, trace->input_tokens[r]);
        out += fmin(most, traffic->length_scale * trace->output_tokens[r]);
    }
    *input = in / (double)trace->rows;
    *output = out / (double)trace->rows;
    return true;
}
