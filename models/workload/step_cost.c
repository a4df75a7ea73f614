// One step of the tables: where its batch lies, what it costs there at each clock level, which level a cap leaves.
#include "models/workload/step_cell.h"
#include "models/workload/step_level.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

// The corners of a cell that a plane needs: both at the lower end, K at its upper, H at its upper.
enum { CORNER, CONTEXT_END, HISTORY_END, CORNERS };

// Where the rows of a batch lie, and the two ends of its cell in context and in history; fields of what the batch does
// not have are not set.
typedef struct Rows {
    const TwCell *dense, *experts, *logits, *decode;       // lower node; the upper one lies one stride on
    const TwCell *dense_half, *experts_half, *exchange;    // of two batches in turns, at the same nodes; NULL: one
    double dense_up, experts_up, logits_up, decode_up;     // weight of the upper node
    double dense_share, experts_share, logits_share, decode_share, prefill_share;    // mean over the busiest way
    bool has_logits, has_decode, has_prefill;
    ptrdiff_t decode_stride;
    const TwCell *drafted;    // states of drafts, NULL: none
    double drafts;
    double context[2], history[2];                                   // ends of the cell, K and H
    double prefill_ns[2], prefill_flop_nj[2], prefill_byte_nj[2];    // at full clock, at the ends of the history
    double scan_ns, scan_flop_nj, scan_byte_nj;    // of the chunks' tokens, at full clock: layers with a state
    const TwCell *few;                             // few rows on a long history: as so many decodes; NULL: as a prefill
    const TwCell *few_update;    // what that row holds for layers with a state, which scan all rows; NULL: none
    ptrdiff_t few_stride;
    double few_up, few_times,
        few_within;    // weight of the upper node, beyond the table, first end between the lengths
    double host_ns;
    TwLaunch launch;
    int dense_node, experts_node, logits_node;
    double shown;                         // of the exchange, beside kernels
    double congestion_ns, exchange_ns;    // what congested network cards add: in all, to the exchange of the experts
} Rows;

// A batch and what is known of its cost so far: [level][corner] of one GPU, whatever the board limit. Levels are asked
// for more than once, by the board limit and by the search for a cap, so each is computed at the first time.
typedef struct Placed {
    const TwStepTables *tables;
    Rows rows;
    double per_context, per_history;      // one over the widths of the cell in K and H
    double context_part, history_part;    // where K and H lie in it
    uint32_t known;                       // a bit a level
    TwCell at[TW_LEVELS][CORNERS];
} Placed;

// A batch as the busiest of the ways has it: sequences are dealt evenly, whole.
typedef struct Dealt {
    int tokens, decodes, chunk_tokens, logits, group;    // group: tokens of all ranks of a stage
    double chunk_share;                                  // tokens of the chunks there over all of them
    double token_mean, decode_mean, logit_mean, group_mean, chunk_mean;    // mean of the ways over the busiest
} Dealt;

static inline int per_way(int n, int ways) { return (n + ways - 1) / ways; }

// A batch of decodes filled up to the size of the next graph, in doublings, 384 between.
static void fill_up(const TwStepTables *t, Dealt *d)
{
    int n = 1;
    while (n < d->tokens) n *= 2;
    if (d->tokens > 256 && d->tokens <= 384) n = 384;
    if (n > t->tokens.most) n = t->tokens.most;
    if (n <= d->tokens) return;
    d->group = n * (t->ways / t->stages);
    d->tokens = d->logits = n;
    d->token_mean = d->group_mean = d->logit_mean = 1.0;
}

// Over all ways, or over the stages of one rank. Written where it stays: copied, its halves would wait for each other
// in the store buffer.
static inline void deal_over(const TwStepTables *t, const TwBatch *b, int n_ways, Dealt *d)
{
    d->chunk_tokens = b->chunk_tokens;
    d->chunk_share = d->chunk_mean = 1.0;
    if (n_ways == 1) {
        d->tokens = d->group = b->tokens < 1 ? 1 : b->tokens;
        d->decodes = b->decodes;
        d->logits = b->logits;
        d->token_mean = d->decode_mean = d->logit_mean = d->group_mean = 1.0;
        return;
    }
    double ways = n_ways;
    d->decodes = per_way(b->decodes, n_ways);
    d->logits = per_way(b->logits, n_ways);
    if (b->chunks > 0 && b->chunk_tokens > 0) {
        // Prompts lie whole with a rank, which takes no more than its own budget. Stages that run full share them:
        // while one is busy with a prompt the others have prompts of their own micro-batches. A lone prompt passes them
        // one by one.
        int stages = b->decodes > 0 ? t->stages : 1;
        double most = (double)b->chunk_tokens * per_way(b->chunks, n_ways / stages) / ((double)b->chunks * stages);
        most = smaller(most, t->way_tokens);
        most = larger(most, per_way(b->chunk_tokens, n_ways));
        d->chunk_tokens = (int)most + ((int)most < most);
        d->chunk_share = d->chunk_tokens / (double)b->chunk_tokens;
        d->chunk_mean = 1.0 / (ways * d->chunk_share);
    } else {
        d->chunk_tokens = 0;
        d->chunk_mean = 0.0;
    }
    d->tokens = d->decodes + d->chunk_tokens;
    if (d->tokens < 1) d->tokens = 1;
    d->group = per_way(b->tokens < 1 ? 1 : b->tokens, t->stages);
    d->token_mean = smaller(b->tokens / (ways * d->tokens), 1.0);
    d->group_mean = smaller(b->tokens / ((double)t->stages * d->group), 1.0);
    d->decode_mean = d->decodes > 0 ? b->decodes / (ways * d->decodes) : 1.0;
    d->logit_mean = d->logits > 0 ? b->logits / (ways * d->logits) : 1.0;
}

static inline void deal(const TwStepTables *t, const TwBatch *b, Dealt *d)
{
    deal_over(t, b, t->ways, d);
    if (t->graph_doubling && b->chunks == 0 && tw_launch_of(t, d->tokens, false).graph) fill_up(t, d);
}

// What all ranks of a group have in common: the tokens of all meet in the experts; while none has a prompt, all run the
// graph of the largest.
typedef struct Group {
    int tokens, most;
    bool prompts, graph;
} Group;

static Group meet(const TwStepTables *t, int ranks, const TwBatch *batch)
{
    Group g = {.most = 1};
    for (int k = 0; k < ranks; k++) {
        g.tokens += batch[k].tokens;
        g.prompts |= batch[k].chunks > 0;
        int n = per_way(batch[k].tokens, t->stages);
        g.most = n > g.most ? n : g.most;
    }
    g.graph = !g.prompts && tw_launch_of(t, g.most, false).graph;
    return g;
}

static inline void deal_rank(const TwStepTables *t, const TwBatch *b, const Group *g, Dealt *d)
{
    deal_over(t, b, t->stages, d);
    d->group = per_way(g->tokens < 1 ? 1 : g->tokens, t->stages);
    d->group_mean = smaller(g->tokens / ((double)t->stages * d->group), 1.0);
    if (!g->graph) return;
    if (d->tokens < g->most) {
        d->tokens = g->most;
        d->token_mean = 1.0;
    }
    if (t->graph_doubling) fill_up(t, d);
}

// ---- where a batch lies --------------------------------------------------------------------------------------------

static void place_dense(const TwStepTables *t, bool graph, const Dealt *d, Rows *rows)
{
    int n = d->tokens, i;
    double up = beyond(&t->tokens, n, &i);
    // a batch of decodes alone runs as a captured graph of the next size up
    bool padded = graph && n <= 512 && n <= t->tokens.most;
    rows->dense_up = padded ? (double)(up > 0.0) : up;
    int variant = !padded && n > 16 && n % 16 != 0;
    rows->dense = t->dense[variant] + (ptrdiff_t)i * TW_LEVELS;
    rows->dense_share = d->token_mean;
    rows->dense_node = i;
    rows->experts = rows->exchange = NULL;
    if (!t->experts) return;
    rows->experts_up = beyond(&t->group, d->group, &i);
    rows->experts = t->experts + (ptrdiff_t)i * TW_LEVELS;
    rows->experts_share = d->group_mean;
    rows->experts_node = i;
    if (!t->exchange) return;
    rows->dense_half = t->dense_half[variant] + (rows->dense - t->dense[variant]);
    rows->experts_half = t->experts_half + (rows->experts - t->experts);
    rows->exchange = t->exchange + (rows->experts - t->experts);
    rows->shown = tw_compose_shown(&t->compose, d->group);
}

static void place_sequences(const TwStepTables *t, const TwBatch *b, const Dealt *d, Rows *rows, int64_t *context_end)
{
    rows->has_logits = b->logits > 0;
    if (rows->has_logits) {
        int i;
        rows->logits_up = beyond(&t->sequences, d->logits, &i);
        rows->logits = t->logits + (ptrdiff_t)i * TW_LEVELS;
        rows->logits_share = d->logit_mean;
        rows->logits_node = i;
    }
    rows->has_decode = b->decodes > 0;
    *context_end = INT64_MAX;
    if (!rows->has_decode) return;

    assert(d->decodes <= t->sequences.most);
    int i = t->sequences.low[d->decodes], low = t->sequences.at[i];
    int64_t n = b->decodes;
    int c = tw_length_low(&t->lengths, b->decode_context / n);
    rows->decode_up = (double)(d->decodes - low) * t->sequences.per_gap[i];
    rows->decode_share = d->decode_mean;
    rows->decode_stride = (ptrdiff_t)t->lengths.count * TW_LEVELS;
    rows->decode = t->decode + i * rows->decode_stride + (ptrdiff_t)c * TW_LEVELS;
    rows->drafted = t->drafted && b->drafts > 0 ? t->drafted + (ptrdiff_t)i * TW_LEVELS : NULL;
    rows->drafts = b->drafts;
    rows->context[0] = (double)(n * t->lengths.at[c]);
    rows->context[1] = (double)(n * t->lengths.at[c + 1]);
    if (c + 2 < t->lengths.count) *context_end = n * t->lengths.at[c + 1];
}

// Largest power of two that is not above x, as its exponent, and x over it; x > 0 and not tiny.
static inline int octave_of(double x, double *over)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int exponent = (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | (uint64_t)1023 << 52;
    memcpy(over, &bits, sizeof bits);
    return exponent;
}

// Cost of a pair at a node, for `rows` query rows in all: times the rows it is linear in them between powers of two.
static TwPairCost pair_at(const TwStepTables *t, const TwPairCost *pair, int node, double rows, double per_row)
{
    double over;
    int k = octave_of(rows * t->lengths.per_node[node], &over) - TW_ROWS_LOW;
    double up = over - 1.0;
    if (k < 0) k = 0, up = 0.0;
    if (k > TW_ROWS - 2) k = TW_ROWS - 2, up = 1.0;
    const TwPairCost *low = &pair[node * TW_ROWS + k], *high = low + 1;
    double scale = t->lengths.node[node] * per_row;
    return (TwPairCost){scale * lerp(low->time_ns, high->time_ns, up), scale * lerp(low->flop_nj, high->flop_nj, up),
                        scale * lerp(low->byte_nj, high->byte_nj, up)};
}

// Prefill attention of the busiest way at one end of the history's cell; `pair` is the cost of a pair there, times the
// length; `near` the same at the span of windowed layers.
static void prefill_end(const TwStepTables *t, const TwBatch *b, double share, const TwPairCost *pair,
                        const TwPairCost *near, double per_length, double per_row, Rows *rows, int end)
{
    double history = rows->history[end], all = history + 0.5 * (double)b->chunk_square;
    double layers = t->full_layers, windowed = 0.0, expanded = history * (b->chunks * per_row) * share;
    double scale = all * share * per_length;
    if (t->windowed_layers > 0.0) {
        windowed = 0.5 * b->chunk_tokens * share;
        bool whole = t->span_node < 0 || scale * pair->time_ns <= windowed * near->time_ns;
        layers += whole ? t->windowed_layers : 0.0;
        windowed *= whole ? 0.0 : t->windowed_layers;
    }
    scale *= layers;
    rows->prefill_ns[end] = scale * pair->time_ns + windowed * near->time_ns + expanded * t->expand.time_ns;
    rows->prefill_flop_nj[end] = scale * pair->flop_nj + windowed * near->flop_nj + expanded * t->expand.flop_nj;
    rows->prefill_byte_nj[end] = scale * pair->byte_nj + windowed * near->byte_nj + expanded * t->expand.byte_nj;
}

// The same of sparse attention: scores by pairs, in all layers, and attention to what is chosen by tokens.
static void sparse_end(const TwStepTables *t, const TwBatch *b, double share, const TwPairCost *pair, double per_length,
                       Rows *rows, int end)
{
    double scale = (rows->history[end] + 0.5 * (double)b->chunk_square) * share * per_length;
    double tokens = b->chunk_tokens * share;
    rows->prefill_ns[end] = scale * pair->time_ns + larger(tokens * t->attended.time_ns, t->attended_least.time_ns);
    rows->prefill_flop_nj[end] = scale * pair->flop_nj + tokens * t->attended.flop_nj;
    rows->prefill_byte_nj[end] = scale * pair->byte_nj + tokens * t->attended.byte_nj;
}

// The chunks' rows at one level, run by the decode kernel, at both ends of the history: every row a sequence of its
// own.
static void few_at(const Rows *r, int level, TwCell end[2])
{
    for (int c = 0; c < 2; c++) {
        const TwCell *low = r->few + (ptrdiff_t)c * TW_LEVELS + level;
        end[c] = between(low, low + r->few_stride, r->few_up);
        if (r->few_update) {
            low = r->few_update + level;
            TwCell held = between(low, low + TW_LEVELS, r->few_up);
            end[c].time_ns -= held.time_ns, end[c].energy_nj -= held.energy_nj;
        }
        end[c].time_ns *= r->few_times, end[c].energy_nj *= r->few_times;
    }
    end[0] = between(&end[0], &end[1], r->few_within);
}

// The end of a long prompt: a prefill kernel would leave the device empty and, under MLA, expand the whole history
// again for a few rows. Engines then read the cache as decodes do; whichever is faster in the whole cell is taken.
static void place_few(const TwStepTables *t, int tokens, int cell, double within, Rows *rows)
{
    int most = t->sequences.most, n = tokens < most ? tokens : most;
    int i = t->sequences.low[n], low = t->sequences.at[i];
    rows->few_stride = (ptrdiff_t)t->lengths.count * TW_LEVELS;
    rows->few = t->decode + i * rows->few_stride + (ptrdiff_t)cell * TW_LEVELS;
    rows->few_update = t->update ? t->update + (ptrdiff_t)i * TW_LEVELS : NULL;
    rows->few_up = (double)(n - low) * t->sequences.per_gap[i];
    rows->few_times = (double)tokens / n;
    rows->few_within = within;
    TwCell end[2];
    few_at(rows, TW_LEVELS - 1, end);
    if (end[0].time_ns >= rows->prefill_ns[0] || end[1].time_ns >= rows->prefill_ns[1]) rows->few = NULL;
}

// Layers with a state: the same on any history. The longest prompt is taken for the mean length, by token.
static void place_scan(const TwStepTables *t, double tokens, double length, Rows *rows)
{
    rows->scan_ns = 0.0;
    if (!(t->linear_layers > 0.0)) return;
    rows->scan_ns = 1e9 * t->linear_layers * tw_linear_scan_s(&t->scan, tokens, smaller(length, tokens));
    rows->scan_flop_nj = tokens * t->scan_token.flop_nj;
    rows->scan_byte_nj = tokens * t->scan_token.byte_nj;
}

static void place_prefill(const TwStepTables *t, const TwBatch *b, const Dealt *d, Rows *rows, int64_t *history_end)
{
    rows->prefill_share = d->chunk_mean;
    rows->has_prefill = b->chunks > 0 && b->chunk_tokens > 0;
    *history_end = INT64_MAX;
    if (!rows->has_prefill) return;

    // mean length of the sequences, by token: (H + C2) / tokens
    int64_t tokens = b->chunk_tokens, square = b->chunk_square;
    int cell = tw_length_low(&t->lengths, (b->chunk_history + square) / tokens);
    int64_t first = t->lengths.at[cell] * tokens - square, last = t->lengths.at[cell + 1] * tokens - square;
    if (first < 0) first = 0;
    rows->history[0] = (double)first, rows->history[1] = (double)last;
    double from = t->lengths.node[cell], per_row = 1.0 / (double)tokens;
    double length = (double)(first + square) * per_row, within = (length - from) * t->lengths.per_gap[cell];
    double here = (double)d->chunk_tokens, per_here = 1.0 / here;
    bool sparse = t->scored && !tw_sparse_short(&t->compose, from);
    const TwPairCost *table = sparse ? t->scored : t->pair;
    TwPairCost low = pair_at(t, table, cell, here, per_here), high = pair_at(t, table, cell + 1, here, per_here);
    low.time_ns = lerp(low.time_ns, high.time_ns, within);
    low.flop_nj = lerp(low.flop_nj, high.flop_nj, within);
    low.byte_nj = lerp(low.byte_nj, high.byte_nj, within);
    TwPairCost near = {0};
    if (t->span_node >= 0) near = pair_at(t, t->pair, t->span_node, here, per_here);
    double per_length[2] = {1.0 / length, t->lengths.per_node[cell + 1]};
    const TwPairCost *pair[2] = {&low, &high};
    for (int end = 0; end < 2; end++) {
        if (sparse)
            sparse_end(t, b, d->chunk_share, pair[end], per_length[end], rows, end);
        else
            prefill_end(t, b, d->chunk_share, pair[end], &near, per_length[end], per_row, rows, end);
    }
    rows->few = NULL;    // sparse attention takes prompts through kernels of their own, however few their rows
    if (!sparse) place_few(t, d->chunk_tokens, cell, within, rows);
    place_scan(t, here, (double)square * per_row, rows);
    if (cell + 2 < t->lengths.count) *history_end = last;
}

static void place_congestion(const TwStepTables *t, Rows *r, double congestion)
{
    const TwCongestionTables *net = t->congestion;
    r->congestion_ns = r->exchange_ns = 0.0;
    if (!net || congestion <= 1.0) return;
    if (r->experts)
        r->exchange_ns = tw_step_congestion_ns(net, TW_CONGESTION_EXPERTS, r->experts_node, r->experts_up, congestion);
    r->congestion_ns =
        r->exchange_ns + tw_step_congestion_ns(net, TW_CONGESTION_DENSE, r->dense_node, r->dense_up, congestion);
    if (r->has_logits)
        r->congestion_ns += tw_step_congestion_ns(net, TW_CONGESTION_LOGITS, r->logits_node, r->logits_up, congestion);
}

// Bytes of one part out of all cards of the replica.
static double out_bytes(const TwCongestionTables *c, int part, int node, double up, double share)
{
    const double *at = c->out_bytes[part] + node;
    return share * lerp(at[0], up > 0.0 ? at[1] : at[0], up);
}

// What a step sends through the cards of the replica: sums and sends of these rows, the exchange of all.
static double sums_bytes(const TwCongestionTables *c, const Rows *r)
{
    double bytes = out_bytes(c, TW_CONGESTION_DENSE, r->dense_node, r->dense_up, r->dense_share);
    if (r->has_logits) bytes += out_bytes(c, TW_CONGESTION_LOGITS, r->logits_node, r->logits_up, r->logits_share);
    return bytes;
}

static double exchange_bytes(const TwCongestionTables *c, const Rows *r)
{
    if (!r->experts) return 0.0;
    return out_bytes(c, TW_CONGESTION_EXPERTS, r->experts_node, r->experts_up, r->experts_share);
}

// Also says where the planes of the step end. dealt: over so many ways; launch: how the host starts it; congestion: of
// its network cards.
static void place_dealt(Placed *p, const TwStepTables *t, const TwBatch *b, const Dealt *dealt, int ways,
                        TwLaunch launch, double congestion, TwStep *step)
{
    Rows *r = &p->rows;
    p->tables = t;
    p->known = 0;
    place_dense(t, launch.graph, dealt, r);
    r->launch = launch;
    place_sequences(t, b, dealt, r, &step->context_end);
    place_prefill(t, b, dealt, r, &step->history_end);
    place_congestion(t, r, congestion);
    double sequences = (double)per_way(b->decodes + b->chunks, ways);
    r->host_ns = t->host_step_ns + t->host_sequence_ns * sequences;
    r->launch.gap_ns += tw_idle_ns(t, sequences);
    p->context_part = p->history_part = 0.0;
    if (r->has_decode) {
        p->per_context = 1.0 / (r->context[1] - r->context[0]);
        p->context_part = ((double)b->decode_context - r->context[0]) * p->per_context;
    }
    if (r->has_prefill) {
        p->per_history = 1.0 / (r->history[1] - r->history[0]);
        p->history_part = ((double)b->chunk_history - r->history[0]) * p->per_history;
    }
}

static void place(Placed *p, const TwStepTables *t, const TwBatch *b, double congestion, TwStep *step)
{
    Dealt dealt;
    deal(t, b, &dealt);
    place_dealt(p, t, b, &dealt, t->ways, tw_launch_of(t, dealt.tokens, b->chunks > 0), congestion, step);
}

// ---- what it costs -------------------------------------------------------------------------------------------------

// What a batch costs on the device at a corner, as one batch and as two in turns.
typedef struct Device {
    TwCell one, kernels, exchange;
    double shown;
    bool two;
} Device;

static inline Device plus(Device d, TwCell more)
{
    d.one = sum(d.one, more);
    d.kernels = sum(d.kernels, more);
    return d;
}

// While the tokens of one batch are on their way the other's kernels run, slower than alone.
// Where that is slower, as it is for few tokens, the batch stays one.
static inline TwCell in_turns(const Device *d)
{
    if (!d->two) return d->one;
    double ns = larger(d->exchange.time_ns, d->kernels.time_ns + d->shown * d->exchange.time_ns);
    if (ns >= d->one.time_ns) return d->one;
    return (TwCell){ns, d->kernels.energy_nj + d->exchange.energy_nj};
}

// Time and energy at the corners of the cell, at one level, whatever the board limit.
static const TwCell *corners_at(Placed *p, int level)
{
    const TwStepTables *t = p->tables;
    const Rows *r = &p->rows;
    TwCell *at = p->at[level];
    if (p->known >> level & 1) return at;
    p->known |= 1u << level;

    const TwCell *low = r->dense + level;
    Device device = {.one = shared(between(low, low + TW_LEVELS, r->dense_up), r->dense_share)};
    device.one.time_ns += r->congestion_ns;
    if (r->experts) {
        low = r->experts + level;
        device.one = sum(device.one, shared(between(low, low + TW_LEVELS, r->experts_up), r->experts_share));
    }
    if (r->exchange) {
        device.two = true;
        device.shown = r->shown;
        low = r->dense_half + level;
        device.kernels = shared(between(low, low + TW_LEVELS, r->dense_up), r->dense_share);
        low = r->experts_half + level;
        device.kernels = sum(device.kernels, shared(between(low, low + TW_LEVELS, r->experts_up), r->experts_share));
        low = r->exchange + level;
        device.exchange = shared(between(low, low + TW_LEVELS, r->experts_up), r->experts_share);
        // sums over ranks and logits are of the kernels' side: only the experts' tokens travel beside them
        device.exchange.time_ns += r->exchange_ns;
        device.kernels.time_ns += r->congestion_ns - r->exchange_ns;
    }
    if (r->has_logits) {
        low = r->logits + level;
        device = plus(device, shared(between(low, low + TW_LEVELS, r->logits_up), r->logits_share));
    }
    if (r->has_decode && r->drafted) {
        low = r->drafted + level;
        TwCell each = between(low, low + TW_LEVELS, r->decode_up);
        each.time_ns *= r->drafts, each.energy_nj *= r->drafts;
        device = plus(device, shared(each, r->decode_share));
    }
    Device far = device;
    if (r->has_decode) {
        low = r->decode + level;
        device = plus(device, shared(between(low, low + r->decode_stride, r->decode_up), r->decode_share));
        low += TW_LEVELS;
        far = plus(far, shared(between(low, low + r->decode_stride, r->decode_up), r->decode_share));
    }
    if (!r->has_prefill) {
        at[CORNER] = whole(t, r->host_ns, &r->launch, level, in_turns(&device));
        at[CONTEXT_END] = whole(t, r->host_ns, &r->launch, level, in_turns(&far));
        return at;
    }
    TwCell prefill[2];
    if (r->few) {
        few_at(r, level, prefill);
    } else {
        for (int end = 0; end < 2; end++)
            prefill[end] =
                (TwCell){r->prefill_ns[end] / t->clock[level], r->prefill_flop_nj[end] * t->clock_flop[level] +
                                                                   r->prefill_byte_nj[end] * t->clock_byte[level]};
    }
    if (r->scan_ns > 0.0) {
        TwCell scan = {r->scan_ns / t->clock[level],
                       r->scan_flop_nj * t->clock_flop[level] + r->scan_byte_nj * t->clock_byte[level]};
        for (int end = 0; end < 2; end++) prefill[end] = sum(prefill[end], scan);
    }
    for (int end = 0; end < 2; end++) prefill[end].energy_nj *= r->prefill_share;
    Device first = plus(device, prefill[0]), last = plus(device, prefill[1]);
    far = plus(far, prefill[0]);
    at[CORNER] = whole(t, r->host_ns, &r->launch, level, in_turns(&first));
    at[CONTEXT_END] = whole(t, r->host_ns, &r->launch, level, in_turns(&far));
    at[HISTORY_END] = whole(t, r->host_ns, &r->launch, level, in_turns(&last));
    return at;
}

// At one corner whose power at a level is beyond the board limit: the highest clock at which the mean power is allowed.
static TwCell corner_within(Placed *p, int level, int corner)
{
    double limit_w = p->tables->limit_w;
    TwCell above = corners_at(p, level)[corner];
    double over = above.energy_nj - limit_w * above.time_ns;
    while (over > 0.0 && level > 0) {
        TwCell below = corners_at(p, --level)[corner];
        double under = below.energy_nj - limit_w * below.time_ns;
        if (under <= 0.0) return between(&below, &above, under / (under - over));
        above = below;
        over = under;
    }
    return above;
}

// Time and energy at a corner within the board limit.
static inline TwCell allowed(Placed *p, const TwCell *at, int level, int corner)
{
    bool within = at[corner].energy_nj - p->tables->limit_w * at[corner].time_ns <= 0.0;
    return within ? at[corner] : corner_within(p, level, corner);
}

static Plane plane_at(Placed *p, int level)
{
    const TwCell *at = corners_at(p, level);
    Plane plane = {allowed(p, at, level, CORNER), {0.0, 0.0}, {0.0, 0.0}};
    if (p->rows.has_decode) plane.context = rise(plane.base, allowed(p, at, level, CONTEXT_END));
    if (p->rows.has_prefill) plane.history = rise(plane.base, allowed(p, at, level, HISTORY_END));
    return plane;
}

// Of so many GPUs, as an engine wants it: affine in K and H from zero on.
static void set_step(const Placed *p, const Plane *plane, double gpus, TwStep *step)
{
    const Rows *r = &p->rows;
    step->time_ns = (TwAffine){plane->base.time_ns, 0.0, 0.0};
    step->energy_nj = (TwAffine){plane->base.energy_nj, 0.0, 0.0};
    if (r->has_decode) {
        step->time_ns.per_context = plane->context.time_ns * p->per_context;
        step->energy_nj.per_context = plane->context.energy_nj * p->per_context;
        step->time_ns.base -= step->time_ns.per_context * r->context[0];
        step->energy_nj.base -= step->energy_nj.per_context * r->context[0];
    }
    if (r->has_prefill) {
        step->time_ns.per_history = plane->history.time_ns * p->per_history;
        step->energy_nj.per_history = plane->history.energy_nj * p->per_history;
        step->time_ns.base -= step->time_ns.per_history * r->history[0];
        step->energy_nj.base -= step->energy_nj.per_history * r->history[0];
    }
    step->energy_nj.base *= gpus, step->energy_nj.per_context *= gpus, step->energy_nj.per_history *= gpus;
}

void tw_step_cost(const void *context, int level, const TwBatch *batch, TwStep *step)
{
    assert(level >= 0 && level < TW_LEVELS);
    Placed placed;
    place(&placed, context, batch, 1.0, step);
    Plane plane = plane_at(&placed, level);
    set_step(&placed, &plane, placed.tables->gpus, step);
}

// ---- which level a cap leaves --------------------------------------------------------------------------------------

// W of the whole replica where the batch lies in its cell: nJ / ns.
static double plane_power(const Placed *p, const Plane *a)
{
    double ns = a->base.time_ns + p->context_part * a->context.time_ns + p->history_part * a->history.time_ns;
    double nj = a->base.energy_nj + p->context_part * a->context.energy_nj + p->history_part * a->history.energy_nj;
    return p->tables->gpus * nj / ns;
}

// A search among the levels of a batch.
typedef struct Levels {
    Placed *placed;
    TwTried tried;
    Plane plane[2];
} Levels;

static double power_at(void *context, int level)
{
    Levels *l = context;
    Plane *plane = &l->plane[tw_tried_next(&l->tried)];
    *plane = plane_at(l->placed, level);
    return tw_tried(&l->tried, plane_power(l->placed, plane));
}

void tw_step_choose(const void *context, const TwStepLimits *limits, const TwBatch *batch, TwStep *step,
                    TwStepChoice *choice)
{
    Placed placed;
    place(&placed, context, batch, limits->congestion, step);
    Plane plane = plane_at(&placed, TW_LEVELS - 1);
    choice->full_w = choice->drawn_w = plane_power(&placed, &plane);
    choice->level = limits->level;
    if (limits->level < TW_LEVELS - 1) {
        plane = plane_at(&placed, limits->level);
        choice->drawn_w = plane_power(&placed, &plane);
    }
    choice->capped = choice->drawn_w > limits->cap_w;
    if (choice->capped) {
        Levels l;
        l.placed = &placed;
        l.tried = (TwTried){0};
        int room;
        choice->level = tw_tried_search(&l.tried, power_at, &l, limits->level, limits->guess, limits->cap_w,
                                        &choice->drawn_w, &room);
        plane = l.plane[room];
    }
    set_step(&placed, &plane, placed.tables->gpus, step);
    const TwCongestionTables *net = placed.tables->congestion;
    choice->crossing_bytes = net ? sums_bytes(net, &placed.rows) + exchange_bytes(net, &placed.rows) : 0.0;
}

// ---- ranks in lockstep ---------------------------------------------------------------------------------------------

// The ranks of a group where their batches lie, and their planes at one level.
typedef struct Ranks {
    const TwStepTables *tables;
    int count;
    TwTried tried;
    Placed placed[TW_RANKS_MOST];
    Plane plane[2][TW_RANKS_MOST];
} Ranks;

static inline TwCell here(const Plane *a, double context_part, double history_part)
{
    return (TwCell){a->base.time_ns + context_part * a->context.time_ns + history_part * a->history.time_ns,
                    a->base.energy_nj + context_part * a->context.energy_nj + history_part * a->history.energy_nj};
}

static void place_ranks(Ranks *r, const TwBatch *batch, double congestion, TwStep *step)
{
    const TwStepTables *t = r->tables;
    Group group = meet(t, r->count, batch);
    TwLaunch launch = tw_launch_of(t, group.most, group.prompts);
    for (int k = 0; k < r->count; k++) {
        Dealt dealt;
        deal_rank(t, &batch[k], &group, &dealt);
        place_dealt(&r->placed[k], t, &batch[k], &dealt, t->stages, launch, congestion, &step[k]);
    }
}

// W of the group: who is done waits in the exchange, at what flows with time.
static double ranks_power(void *context, int level)
{
    Ranks *r = context;
    double slowest = 0.0, nj = 0.0, steady_w = r->tables->steady_w[level];
    Plane *plane = r->plane[tw_tried_next(&r->tried)];
    for (int k = 0; k < r->count; k++) {
        plane[k] = plane_at(&r->placed[k], level);
        const TwCell mine = here(&plane[k], r->placed[k].context_part, r->placed[k].history_part);
        slowest = larger(slowest, mine.time_ns);
        nj += mine.energy_nj - steady_w * mine.time_ns;
    }
    return tw_tried(&r->tried, r->tables->gpus / r->count * (nj / slowest + r->count * steady_w));
}

// Ranks that all decode, eight side by side. False: they are not of that simple kind.
static bool choose_decodes(const void *context, const TwStepLimits *limits, int ranks, const TwBatch *batch,
                           TwStep *step, double *wait_w, TwStepChoice *choice)
{
    TwLaneSteps lanes[TW_RANKS_MOST / TW_LANES];
    int places = (ranks + TW_LANES - 1) / TW_LANES * TW_LANES, drafts = batch[0].drafts;
    for (int k = 0; k < places; k++) {
        TwLaneSteps *l = &lanes[k / TW_LANES];
        bool decodes = k >= ranks || (batch[k].tokens == batch[k].decodes * (1 + drafts) && batch[k].drafts == drafts);
        if (!decodes || batch[k < ranks ? k : 0].chunks > 0) return false;
        l->decodes[k % TW_LANES] = k < ranks ? batch[k].decodes : 0;
        l->context[k % TW_LANES] = k < ranks ? batch[k].decode_context : 0;
    }
    if (!tw_lanes_choose(context, limits, ranks, drafts, lanes, wait_w, choice)) return false;
    for (int k = 0; k < ranks; k++) {
        const TwLaneSteps *l = &lanes[k / TW_LANES];
        int j = k % TW_LANES;
        step[k].time_ns = (TwAffine){l->ns[j], l->context_ns[j], 0.0};
        step[k].energy_nj = (TwAffine){l->nj[j], l->context_nj[j], 0.0};
        step[k].context_end = l->context_end[j];
        step[k].history_end = INT64_MAX;
    }
    return true;
}

void tw_step_choose_ranks(const void *context, const TwStepLimits *limits, int ranks, const TwBatch *batch,
                          TwStep *step, double *wait_w, TwStepChoice *choice)
{
    const TwStepTables *t = context;
    assert(ranks <= TW_RANKS_MOST);
    if (choose_decodes(context, limits, ranks, batch, step, wait_w, choice)) return;
    Ranks r;
    r.tables = t;
    r.count = ranks;
    r.tried = (TwTried){.cap_w = -1.0};
    place_ranks(&r, batch, limits->congestion, step);
    choice->full_w = choice->drawn_w = ranks_power(&r, TW_LEVELS - 1);
    choice->level = limits->level;
    if (limits->level < TW_LEVELS - 1) choice->drawn_w = ranks_power(&r, limits->level);
    choice->capped = choice->drawn_w > limits->cap_w;
    int stands = r.tried.last;
    if (choice->capped)
        choice->level = tw_tried_search(&r.tried, ranks_power, &r, limits->level, limits->guess, limits->cap_w,
                                        &choice->drawn_w, &stands);
    double gpus = t->gpus / ranks, steady_w = t->steady_w[choice->level];
    for (int k = 0; k < ranks; k++) {
        Plane own = r.plane[stands][k];
        own.base.energy_nj -= steady_w * own.base.time_ns;
        own.context.energy_nj -= steady_w * own.context.time_ns;
        own.history.energy_nj -= steady_w * own.history.time_ns;
        set_step(&r.placed[k], &own, gpus, &step[k]);
    }
    *wait_w = t->gpus * steady_w;
    choice->crossing_bytes = t->congestion ? exchange_bytes(t->congestion, &r.placed[0].rows) : 0.0;
    for (int k = 0; t->congestion && k < ranks; k++)
        choice->crossing_bytes += sums_bytes(t->congestion, &r.placed[k].rows) / ranks;
}
