#include "models/workload/step_tables.h"

#include <assert.h>
#include <limits.h>
#include <math.h>

// Captured batch sizes of serving engines: 1, 2, 4, then multiples of 8 to 512; beyond, multiples of 64.
static int next_captured(int n)
{
    if (n < 4) return n < 1 ? 1 : 2 * n;
    return n < 8 ? 8 : n < 512 ? n + 8 : n + 64;
}

// Batches of sequences: as captured to 64, then 16 steps to a doubling at most.
static int next_batch(int n)
{
    if (n < 64) return next_captured(n);
    return n < 128 ? n + 16 : n < 256 ? n + 32 : n + 64;
}

static TwAxis axis_make(TwArena *arena, int most, int (*next)(int))
{
    TwAxis axis = {.count = 1};
    if (most < 2) most = 2;
    for (int n = 1; n < most; n = next(n)) axis.count++;
    axis.at = TW_TAKE(arena, axis.count, int);
    for (int i = 0, n = 1; i < axis.count; i++, n = next(n)) axis.at[i] = n;
    axis.per_gap = TW_TAKE(arena, axis.count, double);
    for (int i = 0; i + 1 < axis.count; i++) axis.per_gap[i] = 1.0 / (axis.at[i + 1] - axis.at[i]);
    axis.most = axis.at[axis.count - 1];
    axis.low = TW_TAKE(arena, axis.most + 1, int16_t);
    for (int n = 0, i = 0; n <= axis.most; n++) {
        while (i + 2 < axis.count && axis.at[i + 1] <= n) i++;
        axis.low[n] = (int16_t)i;
    }
    return axis;
}

enum { LENGTH_OCTAVES = 22, LENGTH_MOST = 64 };    // 1 to 2^22 tokens

static TwLengthAxis lengths_make(TwArena *arena, int64_t window)
{
    TwLengthAxis lengths = {.count = 0};
    lengths.at = TW_TAKE(arena, LENGTH_MOST, int64_t);
    for (int octave = 0; octave <= LENGTH_OCTAVES; octave++) {
        int64_t nodes[3] = {(int64_t)1 << octave, 0, 0};
        int count = 1;
        if (octave > 0 && octave < LENGTH_OCTAVES) nodes[count++] = (int64_t)llround(exp2(octave + 0.5));
        // a kink of attention is a node
        int64_t w = window;
        if (w > nodes[0] && w < 2 * nodes[0] && w != nodes[1] && octave < LENGTH_OCTAVES) {
            if (count == 2 && w < nodes[1]) {
                nodes[2] = nodes[1];
                nodes[1] = w;
                count = 3;
            } else {
                nodes[count++] = w;
            }
        }
        lengths.octave[octave] = lengths.count;
        for (int i = 0; i < count; i++) lengths.at[lengths.count++] = nodes[i];
    }
    assert(lengths.count <= LENGTH_MOST);
    lengths.node = TW_TAKE(arena, lengths.count, double);
    lengths.per_node = TW_TAKE(arena, lengths.count, double);
    lengths.per_gap = TW_TAKE(arena, lengths.count, double);
    for (int i = 0; i < lengths.count; i++) {
        lengths.node[i] = (double)lengths.at[i];
        lengths.per_node[i] = 1.0 / lengths.node[i];
        if (i > 0) lengths.per_gap[i - 1] = 1.0 / (lengths.node[i] - lengths.node[i - 1]);
    }
    // the last cell has no end: its slope goes on
    for (int octave = LENGTH_OCTAVES; octave < 64; octave++) lengths.octave[octave] = lengths.count - 2;
    return lengths;
}

// Tokens of all ranks of a stage: as captured to 512, then eight steps to a doubling.
static int next_group(int n)
{
    int octave = 512;
    while (2 * octave <= n) octave *= 2;
    return n < 512 ? next_captured(n) : n + octave / 8;
}

typedef enum Which { ALL, KERNELS, EXCHANGE } Which;

typedef struct Sum {
    const TwStepTables *tables;
    TwCell *row;
    double times;    // that all is done; 0 counts as 1
    Which which;
} Sum;

static void add_kernel(void *context, const char *name, double times, const TwKernelCost *cost)
{
    const Sum *sum = context;
    (void)name;
    if (sum->which != ALL && (sum->which == EXCHANGE) != (cost->op == TW_KERNEL_COLLECTIVE)) return;
    if (sum->times > 0.0) times *= sum->times;
    for (int l = 0; l < TW_LEVELS; l++) {
        sum->row[l].time_ns += 1e9 * times * tw_kernel_time_s(cost, sum->tables->clock[l]);
        sum->row[l].energy_nj +=
            1e9 * times * (cost->flop_j * sum->tables->clock_flop[l] + cost->byte_j * sum->tables->clock_byte[l]);
    }
}

// More tokens, sequences or context never take less time.
static void keep_rising(TwCell *row, const TwCell *before)
{
    for (int l = 0; l < TW_LEVELS; l++) row[l].time_ns = fmax(row[l].time_ns, before[l].time_ns);
}

static void build_dense(TwStepTables *t)
{
    for (int variant = 0; variant < 2; variant++) {
        t->dense[variant] = TW_TAKE(t->arena, t->tokens.count * TW_LEVELS, TwCell);
        for (int i = 0; i < t->tokens.count; i++) {
            Sum sum = {.tables = t, .row = t->dense[variant] + (ptrdiff_t)i * TW_LEVELS};
            int n = t->tokens.at[i];
            tw_compose_dense(&t->compose, n, variant || (n > 16 && n % 16), add_kernel, &sum);
            if (!t->experts) tw_compose_experts(&t->compose, n, add_kernel, &sum);
            if (i) keep_rising(sum.row, sum.row - TW_LEVELS);
            if (variant) keep_rising(sum.row, t->dense[0] + (ptrdiff_t)i * TW_LEVELS);
        }
    }
}

static void build_experts(TwStepTables *t, int most)
{
    if (t->ways == t->stages || t->model.moe_layers < 1) return;
    t->group = axis_make(t->arena, most, next_group);
    t->experts = TW_TAKE(t->arena, t->group.count * TW_LEVELS, TwCell);
    for (int i = 0; i < t->group.count; i++) {
        Sum sum = {.tables = t, .row = t->experts + (ptrdiff_t)i * TW_LEVELS};
        tw_compose_experts(&t->compose, t->group.at[i], add_kernel, &sum);
        if (i) keep_rising(sum.row, sum.row - TW_LEVELS);
    }
}

// The same work as two halves one after the other, which is no faster than at once, and the exchange of their tokens by
// itself.
static void build_halves(TwStepTables *t)
{
    if (!t->two_batch || !t->experts) return;
    for (int variant = 0; variant < 2; variant++) {
        t->dense_half[variant] = TW_TAKE(t->arena, t->tokens.count * TW_LEVELS, TwCell);
        for (int i = 0; i < t->tokens.count; i++) {
            Sum sum = {.tables = t, .row = t->dense_half[variant] + (ptrdiff_t)i * TW_LEVELS, .times = 2.0};
            double n = 0.5 * t->tokens.at[i];
            tw_compose_dense(&t->compose, n, variant || !tw_kernel_aligned(n), add_kernel, &sum);
            if (i) keep_rising(sum.row, sum.row - TW_LEVELS);
            keep_rising(sum.row, t->dense[variant] + (ptrdiff_t)i * TW_LEVELS);
            if (variant) keep_rising(sum.row, t->dense_half[0] + (ptrdiff_t)i * TW_LEVELS);
        }
    }
    t->experts_half = TW_TAKE(t->arena, t->group.count * TW_LEVELS, TwCell);
    t->exchange = TW_TAKE(t->arena, t->group.count * TW_LEVELS, TwCell);
    for (int i = 0; i < t->group.count; i++) {
        Sum kernels = {.tables = t, .row = t->experts_half + (ptrdiff_t)i * TW_LEVELS, .times = 2.0, .which = KERNELS};
        Sum moved = {.tables = t, .row = t->exchange + (ptrdiff_t)i * TW_LEVELS, .times = 2.0, .which = EXCHANGE};
        TwCell once[TW_LEVELS] = {0};
        Sum whole = {.tables = t, .row = once, .which = KERNELS};
        tw_compose_experts(&t->compose, t->group.at[i], add_kernel, &whole);
        tw_compose_experts(&t->compose, 0.5 * t->group.at[i], add_kernel, &kernels);
        keep_rising(kernels.row, once);
        tw_compose_experts(&t->compose, 0.5 * t->group.at[i], add_kernel, &moved);
        if (i) keep_rising(kernels.row, kernels.row - TW_LEVELS);
        if (i) keep_rising(moved.row, moved.row - TW_LEVELS);
    }
}

static void build_sequences(TwStepTables *t)
{
    int lengths = t->lengths.count;
    t->logits = TW_TAKE(t->arena, t->sequences.count * TW_LEVELS, TwCell);
    t->decode = TW_TAKE(t->arena, t->sequences.count * lengths * TW_LEVELS, TwCell);
    for (int i = 0; i < t->sequences.count; i++) {
        double n = t->sequences.at[i];
        Sum sum = {.tables = t, .row = t->logits + (ptrdiff_t)i * TW_LEVELS};
        tw_compose_logits(&t->compose, n, add_kernel, &sum);
        if (i) keep_rising(sum.row, sum.row - TW_LEVELS);
        for (int j = 0; j < lengths; j++) {
            sum.row = t->decode + ((ptrdiff_t)i * lengths + j) * TW_LEVELS;
            tw_compose_decode(&t->compose, n, (double)t->lengths.at[j], add_kernel, &sum);
            if (j) keep_rising(sum.row, sum.row - TW_LEVELS);
            if (i) keep_rising(sum.row, sum.row - (ptrdiff_t)lengths * TW_LEVELS);
        }
    }
}

// What the rows of decodes hold for layers with a state.
static void build_update(TwStepTables *t)
{
    const TwModelRow *m = &t->model;
    t->update = t->drafted = NULL;
    t->linear_layers = (double)m->linear_layers * t->compose.stage_excess;
    if (m->linear_layers < 1) return;
    t->update = TW_TAKE(t->arena, t->sequences.count * TW_LEVELS, TwCell);
    t->drafted = TW_TAKE(t->arena, t->sequences.count * TW_LEVELS, TwCell);
    for (int i = 0; i < t->sequences.count; i++) {
        Sum sum = {.tables = t, .row = t->update + (ptrdiff_t)i * TW_LEVELS};
        tw_compose_update(&t->compose, t->sequences.at[i], 0.0, add_kernel, &sum);
        // linear in them
        Sum more = {.tables = t, .row = t->drafted + (ptrdiff_t)i * TW_LEVELS};
        tw_compose_update(&t->compose, t->sequences.at[i], 1.0, add_kernel, &more);
        for (int l = 0; l < TW_LEVELS; l++) {
            more.row[l].time_ns -= sum.row[l].time_ns;
            more.row[l].energy_nj -= sum.row[l].energy_nj;
        }
    }
    t->scan = tw_linear_scan(&t->chip, m, t->compose.scan, t->compose.tp);
}

static void take_expand(void *context, const char *name, double times, const TwKernelCost *cost)
{
    (void)name;
    double scale = 1e9 * times;
    *(TwPairCost *)context = (TwPairCost){scale * cost->t_s, scale * cost->flop_j, scale * cost->byte_j};
}

// The same rows on a longer history never take less time: time over length rises at fixed rows.
static void keep_pairs_rising(const TwStepTables *t, TwPairCost *pair)
{
    for (int j = 1; j < t->lengths.count; j++)
        for (int k = 0; k + 1 < TW_ROWS; k++) {
            const TwPairCost *before = &pair[(j - 1) * TW_ROWS + k];
            double ratio = (double)t->lengths.at[j] / (double)t->lengths.at[j - 1];
            double least = before->time_ns + (ratio - 1.0) * (before[1].time_ns - before->time_ns);
            TwPairCost *here = &pair[j * TW_ROWS + k];
            here->time_ns = fmax(here->time_ns, least / ratio);
        }
}

static TwPairCost times(TwSparseCost cost, double scale)
{
    return (TwPairCost){cost.t_s * scale, cost.flop_j * scale, cost.byte_j * scale};
}

static void build_sparse(TwStepTables *t)
{
    if (!tw_model_is_sparse(&t->model)) return;
    t->scored = TW_TAKE(t->arena, t->lengths.count * TW_ROWS, TwPairCost);
    for (int j = 0; j < t->lengths.count; j++)
        for (int k = 0; k < TW_ROWS; k++) {
            double length = (double)t->lengths.at[j], prompts = exp2(k + TW_ROWS_LOW), rows = prompts * length;
            t->scored[j * TW_ROWS + k] =
                times(tw_sparse_scored(&t->compose, prompts, length), 1e9 * rows / (0.5 * rows * length));
        }
    keep_pairs_rising(t, t->scored);
    const double many = 8192.0;
    t->attended = times(tw_sparse_attended(&t->compose, many), 1e9 / many);
    t->attended_least = times(tw_sparse_attended(&t->compose, 1.0), 1e9);
}

static void build_prefill(TwStepTables *t)
{
    t->pair = TW_TAKE(t->arena, t->lengths.count * TW_ROWS, TwPairCost);
    for (int j = 0; j < t->lengths.count; j++)
        for (int k = 0; k < TW_ROWS; k++) {
            double length = (double)t->lengths.at[j], prompts = exp2(k + TW_ROWS_LOW), rows = prompts * length;
            TwKernelCost cost = tw_compose_attention(&t->compose, prompts, length);
            double scale = 1e9 * rows / (0.5 * rows * length);
            t->pair[j * TW_ROWS + k] = (TwPairCost){cost.t_s * scale, cost.flop_j * scale, cost.byte_j * scale};
        }
    const double many = 8192.0;
    tw_compose_expand(&t->compose, many, take_expand, &t->expand);
    t->expand.time_ns /= many, t->expand.flop_nj /= many, t->expand.byte_nj /= many;
    if (t->linear_layers > 0.0) {
        tw_compose_scan(&t->compose, many, many, take_expand, &t->scan_token);
        t->scan_token.flop_nj /= many, t->scan_token.byte_nj /= many;
    }
    keep_pairs_rising(t, t->pair);
    build_sparse(t);
}

static void build_launches(TwStepTables *t, const TwStepSpec *spec)
{
    double launch_s = spec->launch_s;
    if (launch_s == 0.0 && spec->graphs != TW_GRAPHS_FULL) launch_s = tw_launch_s;
    double n = launch_s > 0.0 ? tw_launches(&t->compose) : 0.0;
    t->graphs = spec->graphs;
    t->eager = (TwLaunch){false, 1e9 * n * launch_s, 1e9 * n * tw_launch_gap_s};
    double piece_s = spec->piece_launch_s > 0.0 ? spec->piece_launch_s : launch_s;
    t->pieces = (TwLaunch){true, 1e9 * tw_piece_launches(&t->compose) * piece_s,
                           1e9 * (double)tw_model_mixers(&t->model) * t->compose.stage_excess * tw_piece_gap_s};
    t->graph_most = spec->graph_most > 0 ? spec->graph_most : INT_MAX;
    t->piece_most = spec->piece_most > 0 ? spec->piece_most : spec->graph_most > 0 ? spec->graph_most : TW_PIECE_TOKENS;
}

void tw_step_tables_build(TwStepTables *t, const TwStepSpec *spec)
{
    int max_tokens = spec->max_tokens, max_sequences = spec->max_sequences;
    const TwModelRow *m = &t->model;
    t->windowed_layers = m->window_tokens > 0 ? (double)(tw_model_attention_layers(m) - m->full_layers) : 0.0;
    t->full_layers = ((double)tw_model_attention_layers(m) - t->windowed_layers) * t->compose.stage_excess;
    t->windowed_layers *= t->compose.stage_excess;
    t->span_node = -1;
    int most = max_tokens > max_sequences ? max_tokens : max_sequences;
    t->tokens = axis_make(t->arena, most, next_captured);
    t->sequences = axis_make(t->arena, max_sequences, next_batch);
    // kinks of windowed attention, and of lengths beyond what can be chosen
    t->lengths = lengths_make(t->arena, tw_model_is_sparse(m) ? m->index_tokens + 1 : m->window_tokens);
    build_experts(t, most * (t->ways / t->stages));
    build_dense(t);
    build_halves(t);
    build_sequences(t);
    build_update(t);
    build_prefill(t);
    build_launches(t, spec);
    double span = tw_compose_span(m);
    if (t->windowed_layers > 0.0 && span < t->lengths.node[t->lengths.count - 1])
        t->span_node = tw_length_low(&t->lengths, (int64_t)span);
}
