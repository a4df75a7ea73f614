#include "models/workload/step.h"
#include "models/workload/step_tables.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double mib = 1048576.0;

// ---- one step ------------------------------------------------------------------------------------------------------

// Where the rows of a batch lie, and the two ends of its cell in context and in history.
typedef struct Rows {
    const TwCell *dense, *logits, *decode;    // lower node; the upper one lies one stride on
    double dense_up, logits_up, decode_up;    // weight of the upper node
    bool has_logits, has_decode, has_prefill;
    ptrdiff_t decode_stride;
    double context[2], history[2];                                   // ends of the cell, K and H
    double prefill_ns[2], prefill_flop_nj[2], prefill_byte_nj[2];    // at full clock, at the ends of the history
    const TwCell *few;                     // few rows on a long history: as so many decodes; NULL: as a prefill
    ptrdiff_t few_stride;
    double few_up, few_times, few_within;  // weight of the upper node, beyond the table, first end between the lengths
    double host_ns;
} Rows;

static double lerp(double a, double b, double w) { return a + w * (b - a); }

static void place_dense(const TwStepTables *t, const TwBatch *b, Rows *rows)
{
    int n = b->tokens < 1 ? 1 : b->tokens;
    assert(n <= t->tokens.most);
    int i = t->tokens.low[n], low = t->tokens.at[i], high = t->tokens.at[i + 1];
    // a batch of decodes alone runs as a captured graph of the next size up
    bool padded = b->chunks == 0 && n <= 512;
    rows->dense_up = padded ? (double)(n > low) : (double)(n - low) / (double)(high - low);
    int variant = !padded && n > 16 && n % 16 != 0;
    rows->dense = t->dense[variant] + (ptrdiff_t)i * TW_LEVELS;
}

static void place_sequences(const TwStepTables *t, const TwBatch *b, Rows *rows, int64_t *context_end)
{
    rows->has_logits = b->logits > 0;
    if (rows->has_logits) {
        // more than the table holds can only be the chunks of a prefill: the slope goes on
        int s = b->logits < t->sequences.most ? b->logits : t->sequences.most;
        int i = t->sequences.low[s], low = t->sequences.at[i];
        rows->logits = t->logits + (ptrdiff_t)i * TW_LEVELS;
        rows->logits_up = (double)(b->logits - low) / (double)(t->sequences.at[i + 1] - low);
    }
    rows->has_decode = b->decodes > 0;
    *context_end = INT64_MAX;
    if (!rows->has_decode) return;

    assert(b->decodes <= t->sequences.most);
    int i = t->sequences.low[b->decodes], low = t->sequences.at[i];
    int64_t n = b->decodes;
    int c = tw_length_low(&t->lengths, b->decode_context / n);
    rows->decode_up = (double)(b->decodes - low) / (double)(t->sequences.at[i + 1] - low);
    rows->decode_stride = (ptrdiff_t)t->lengths.count * TW_LEVELS;
    rows->decode = t->decode + i * rows->decode_stride + (ptrdiff_t)c * TW_LEVELS;
    rows->context[0] = (double)(n * t->lengths.at[c]);
    rows->context[1] = (double)(n * t->lengths.at[c + 1]);
    if (c + 2 < t->lengths.count) *context_end = n * t->lengths.at[c + 1];
}

// Cost of a pair times the length at a node, for `rows` query rows in all: linear in the rows between powers of two.
static TwPairCost pair_at(const TwStepTables *t, int node, double rows)
{
    int exponent;
    double length = (double)t->lengths.at[node], mantissa = frexp(rows / length, &exponent);
    int k = exponent - 1 - TW_ROWS_LOW;
    double up = 2.0 * mantissa - 1.0;
    if (k < 0) k = 0, up = 0.0;
    if (k > TW_ROWS - 2) k = TW_ROWS - 2, up = 1.0;
    const TwPairCost *low = &t->pair[node * TW_ROWS + k], *high = low + 1;
    double scale = length / rows;
    return (TwPairCost){scale * lerp(low->time_ns, high->time_ns, up), scale * lerp(low->flop_nj, high->flop_nj, up),
                        scale * lerp(low->byte_nj, high->byte_nj, up)};
}

// Prefill attention at one end of the history's cell, whose nodes cost low and high.
static void prefill_end(const TwStepTables *t, const TwBatch *b, const TwPairCost *low, const TwPairCost *high,
                        double within, double length, double history, Rows *rows, int end)
{
    double tokens = b->chunk_tokens, all = history + 0.5 * (double)b->chunk_square;
    double pairs = t->full_layers * all, expanded = history * ((double)b->chunks / tokens);
    if (t->windowed_layers > 0.0) pairs += t->windowed_layers * fmin(all, t->window * tokens);
    double scale = pairs / length;
    rows->prefill_ns[end] = scale * lerp(low->time_ns, high->time_ns, within) + expanded * t->expand.time_ns;
    rows->prefill_flop_nj[end] = scale * lerp(low->flop_nj, high->flop_nj, within) + expanded * t->expand.flop_nj;
    rows->prefill_byte_nj[end] = scale * lerp(low->byte_nj, high->byte_nj, within) + expanded * t->expand.byte_nj;
    rows->history[end] = history;
}

// Time of the chunks' rows at one level, run by the decode kernel: every row a sequence of its own.
static TwCell few_at(const Rows *r, int level, int end)
{
    TwCell sum[2];
    for (int c = 0; c < 2; c++) {
        const TwCell *low = r->few + (ptrdiff_t)c * TW_LEVELS + level, *high = low + r->few_stride;
        sum[c].time_ns = r->few_times * lerp(low->time_ns, high->time_ns, r->few_up);
        sum[c].energy_nj = r->few_times * lerp(low->energy_nj, high->energy_nj, r->few_up);
    }
    if (end) return sum[1];
    return (TwCell){lerp(sum[0].time_ns, sum[1].time_ns, r->few_within),
                    lerp(sum[0].energy_nj, sum[1].energy_nj, r->few_within)};
}

// The end of a long prompt: a prefill kernel would leave the device empty and, under MLA, expand the whole history
// again for a few rows. Engines then read the cache as decodes do; whichever is faster in the whole cell is taken.
static void place_few(const TwStepTables *t, const TwBatch *b, int cell, double within, Rows *rows)
{
    int most = t->sequences.most, n = b->chunk_tokens < most ? b->chunk_tokens : most;
    int i = t->sequences.low[n], low = t->sequences.at[i];
    rows->few_stride = (ptrdiff_t)t->lengths.count * TW_LEVELS;
    rows->few = t->decode + i * rows->few_stride + (ptrdiff_t)cell * TW_LEVELS;
    rows->few_up = (double)(n - low) / (double)(t->sequences.at[i + 1] - low);
    rows->few_times = (double)b->chunk_tokens / n;
    rows->few_within = within;
    for (int end = 0; end < 2 && rows->few; end++)
        if (few_at(rows, TW_LEVELS - 1, end).time_ns >= rows->prefill_ns[end]) rows->few = NULL;
}

static void place_prefill(const TwStepTables *t, const TwBatch *b, Rows *rows, int64_t *history_end)
{
    rows->has_prefill = b->chunks > 0 && b->chunk_tokens > 0;
    *history_end = INT64_MAX;
    if (!rows->has_prefill) return;

    // mean length of the sequences, by token: (H + C2) / tokens
    int64_t tokens = b->chunk_tokens, square = b->chunk_square;
    int cell = tw_length_low(&t->lengths, (b->chunk_history + square) / tokens);
    int64_t first = t->lengths.at[cell] * tokens - square, last = t->lengths.at[cell + 1] * tokens - square;
    if (first < 0) first = 0;
    TwPairCost low = pair_at(t, cell, (double)tokens), high = pair_at(t, cell + 1, (double)tokens);
    double from = (double)t->lengths.at[cell], to = (double)t->lengths.at[cell + 1];
    double length = (double)(first + square) / (double)tokens;
    prefill_end(t, b, &low, &high, (length - from) / (to - from), length, (double)first, rows, 0);
    prefill_end(t, b, &low, &high, 1.0, to, (double)last, rows, 1);
    place_few(t, b, cell, (length - from) / (to - from), rows);
    if (cell + 2 < t->lengths.count) *history_end = last;
}

typedef struct Point {
    double time_ns, energy_nj;    // of one GPU
} Point;

// Time and energy at one corner of the cell, at one level, whatever the board limit.
static Point point_at(const TwStepTables *t, const Rows *r, int level, int context, int history)
{
    const TwCell *low = r->dense + level, *high = low + TW_LEVELS;
    double device = lerp(low->time_ns, high->time_ns, r->dense_up);
    double dynamic = lerp(low->energy_nj, high->energy_nj, r->dense_up);
    if (r->has_logits) {
        low = r->logits + level, high = low + TW_LEVELS;
        device += lerp(low->time_ns, high->time_ns, r->logits_up);
        dynamic += lerp(low->energy_nj, high->energy_nj, r->logits_up);
    }
    if (r->has_decode) {
        low = r->decode + (ptrdiff_t)context * TW_LEVELS + level, high = low + r->decode_stride;
        device += lerp(low->time_ns, high->time_ns, r->decode_up);
        dynamic += lerp(low->energy_nj, high->energy_nj, r->decode_up);
    }
    if (r->has_prefill && r->few) {
        TwCell few = few_at(r, level, history);
        device += few.time_ns;
        dynamic += few.energy_nj;
    } else if (r->has_prefill) {
        device += r->prefill_ns[history] / t->clock[level];
        dynamic += r->prefill_flop_nj[history] * t->clock_dynamic[level] + r->prefill_byte_nj[history];
    }
    Point point;
    point.time_ns = t->async ? fmax(device, r->host_ns) : device + r->host_ns;
    point.energy_nj = dynamic + t->steady_w[level] * device + t->live_w * (point.time_ns - device);
    return point;
}

// The same within the board limit: the highest clock at which the mean power of the step is allowed.
static Point point_within(const TwStepTables *t, const Rows *r, int level, int context, int history)
{
    Point above = point_at(t, r, level, context, history);
    double over = above.energy_nj - t->limit_w * above.time_ns;
    while (over > 0.0 && level > 0) {
        Point below = point_at(t, r, --level, context, history);
        double under = below.energy_nj - t->limit_w * below.time_ns;
        if (under <= 0.0) {
            double w = under / (under - over);
            return (Point){lerp(below.time_ns, above.time_ns, w), lerp(below.energy_nj, above.energy_nj, w)};
        }
        above = below;
        over = under;
    }
    return above;
}

static TwAffine plane(double base, double per_context, double per_history, const Rows *r, double replicas)
{
    TwAffine affine = {base, per_context, per_history};
    affine.base -= per_context * r->context[0] + per_history * r->history[0];
    affine.base *= replicas, affine.per_context *= replicas, affine.per_history *= replicas;
    return affine;
}

static void step_at(const void *context, int level, const TwBatch *batch, TwStep *step)
{
    const TwStepTables *t = context;
    assert(level >= 0 && level < TW_LEVELS);
    Rows rows = {.context = {0.0, 1.0}, .history = {0.0, 1.0}};
    place_dense(t, batch, &rows);
    place_sequences(t, batch, &rows, &step->context_end);
    place_prefill(t, batch, &rows, &step->history_end);
    rows.host_ns = t->host_step_ns + t->host_sequence_ns * (double)(batch->decodes + batch->chunks);

    Point corner = point_within(t, &rows, level, 0, 0);
    double time_k = 0.0, time_h = 0.0, energy_k = 0.0, energy_h = 0.0;
    if (rows.has_decode) {
        Point end = point_within(t, &rows, level, 1, 0);
        double width = rows.context[1] - rows.context[0];
        time_k = fmax(end.time_ns - corner.time_ns, 0.0) / width;
        energy_k = (end.energy_nj - corner.energy_nj) / width;
    }
    if (rows.has_prefill) {
        Point end = point_within(t, &rows, level, 0, 1);
        double width = rows.history[1] - rows.history[0];
        time_h = fmax(end.time_ns - corner.time_ns, 0.0) / width;
        energy_h = (end.energy_nj - corner.energy_nj) / width;
    }
    step->time_ns = plane(corner.time_ns, time_k, time_h, &rows, 1.0);
    step->energy_nj = plane(corner.energy_nj, energy_k, energy_h, &rows, t->tp);
}

// ---- memory --------------------------------------------------------------------------------------------------------

double tw_activation_bytes(const TwModelRow *model, int max_tokens, int tensor_parallel)
{
    double c = tensor_parallel >= 4 ? 5.0 : tensor_parallel >= 2 ? 6.0 : 10.0;
    return fmax(70.0 * mib, 2.0 * max_tokens * (double)(model->heads * model->head_dim) * c);
}

double tw_engine_bytes(int tensor_parallel)
{
    return 3584.0 * mib + (tensor_parallel >= 4 ? 392.0 * mib : tensor_parallel >= 2 ? 342.0 * mib : 0.0);
}

int64_t tw_kv_blocks(double memory_bytes, double fraction, double weight_bytes, double activation_bytes,
                     double other_bytes, double kv_bytes_per_token, int block_tokens)
{
    double kv = memory_bytes * fraction - weight_bytes - activation_bytes - other_bytes;
    return (int64_t)floor(kv / (kv_bytes_per_token * block_tokens));
}

// ---- create --------------------------------------------------------------------------------------------------------

static bool divides(int64_t whole, int tp) { return whole % tp == 0; }

static bool check_shapes(const TwStepSpec *spec, TwError *error)
{
    const TwModelRow *m = spec->model;
    int tp = spec->tensor_parallel;
    if (tp < 1 || tp > 1024) return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d, expected 1 to 1024", tp);
    if (spec->max_tokens < 1 || spec->max_tokens > 131072)
        return tw_fail(error, TW_BAD_INPUT, "max_tokens = %d, expected 1 to 131072", spec->max_tokens);
    if (spec->max_sequences < 1 || spec->max_sequences > 8192)
        return tw_fail(error, TW_BAD_INPUT, "max_sequences = %d, expected 1 to 8192", spec->max_sequences);
    if (!divides(m->heads, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide %lld heads", tp, (long long)m->heads);
    bool latent = tw_model_is_mla(m);
    if (!latent && !divides(m->kv_heads, tp) && tp % m->kv_heads != 0)
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d and %lld KV heads: neither divides the other", tp,
                       (long long)m->kv_heads);
    if (!divides(m->dense_inter, tp) || !divides(m->expert_inter, tp))
        return tw_fail(error, TW_BAD_INPUT, "tensor_parallel = %d does not divide the inner width %lld", tp,
                       (long long)(divides(m->dense_inter, tp) ? m->expert_inter : m->dense_inter));
    if (spec->comm_count < 0 || !(spec->memory_fraction > 0.0 && spec->memory_fraction <= 1.0))
        return tw_fail(error, TW_BAD_INPUT, "memory_fraction = %g, expected more than 0, at most 1",
                       spec->memory_fraction);
    return true;
}

// Every number that the step needs of the chip must be known.
static bool check_chip(const TwAcceleratorRow *chip, const TwCompose *c, TwError *error)
{
    const TwNumber used[] = {TW_BF16, c->linear, c->projection, c->expert, c->cache, c->prefill};
    static const char *const peaks[TW_NUMBERS] = {"bf16_flops", "fp8_flops", "fp8_flops", "fp4_flops"};
    static const char *const energies[TW_NUMBERS] = {"bf16_j_per_flop", "fp8_j_per_flop", "fp8_j_per_flop",
                                                     "fp4_j_per_flop"};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        double peak = tw_chip_peak(chip, used[i]);
        if (isnan(peak)) return tw_fail(error, TW_BAD_INPUT, "%s of the accelerator is unknown", peaks[used[i]]);
        if (!(peak > 0.0))
            return tw_fail(error, TW_BAD_INPUT, "the accelerator does not support %s (its %s is 0)",
                           tw_number_name(used[i]), peaks[used[i]]);
        if (!(tw_chip_flop_j(chip, used[i]) > 0.0))
            return tw_fail(error, TW_BAD_INPUT, "%s of the accelerator is unknown", energies[used[i]]);
    }
    const struct {
        const char *name;
        double value;
    } needed[] = {
        {"bandwidth_bytes_s", chip->bandwidth_bytes_s},
        {"memory_bytes", chip->memory_bytes},
        {"limit_w", chip->limit_w},
        {"live_w", chip->live_w},
        {"busy_w", chip->busy_w},
        {"j_per_byte", chip->j_per_byte},
        {"clock_exponent", chip->clock_exponent},
        {"clock_min_fraction", chip->clock_min_fraction},
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (isnan(needed[i].value))
            return tw_fail(error, TW_BAD_INPUT, "%s of the accelerator is unknown", needed[i].name);
    return true;
}

static void set_power(TwStepTables *t)
{
    TwPower power = tw_chip_power(&t->chip);
    for (int l = 0; l < TW_LEVELS; l++) {
        double x = power.clock_min + (1.0 - power.clock_min) * l / (TW_LEVELS - 1);
        t->clock[l] = l == TW_LEVELS - 1 ? 1.0 : x;
        t->clock_dynamic[l] = pow(t->clock[l], power.exponent - 1.0);
        t->steady_w[l] = power.live_w + power.busy_w * pow(t->clock[l], power.exponent);
    }
    t->live_w = power.live_w;
    t->limit_w = t->chip.limit_w;
}

static void copy_comm(TwStepTables *t, const TwStepSpec *spec)
{
    int n = spec->comm_count;
    double *bytes = TW_TAKE(t->arena, n + 1, double), *seconds = TW_TAKE(t->arena, n + 1, double);
    for (int i = 0; i < n; i++) {
        bytes[i] = spec->comm_bytes[i];
        seconds[i] = spec->comm_s[i];
    }
    t->compose.comm_count = n;
    t->compose.comm_bytes = bytes;
    t->compose.comm_s = seconds;
    t->compose.comm_measured = spec->comm_measured;
}

static TwEvidenceShare evidence_of(const TwStepModel *model, const TwBatch *batch)
{
    TwStepPart parts[48];
    TwEvidenceShare share = {0.0, 0.0, 0.0, 0.0};
    double *const by[TW_EVIDENCES] = {&share.measured, &share.published, &share.transferred, &share.assumed};
    double total = 0.0;
    int count = tw_step_parts(model, batch, parts, 48);
    for (int i = 0; i < count; i++)
        for (int e = 0; e < TW_EVIDENCES; e++)
            if (strcmp(parts[i].evidence, tw_evidence_name((TwEvidence)e)) == 0) {
                *by[e] += parts[i].time_s;
                total += parts[i].time_s;
            }
    for (int e = 0; e < TW_EVIDENCES; e++) *by[e] /= total;
    return share;
}

static void set_evidence(TwStepModel *model, const TwStepSpec *spec)
{
    int n = spec->max_sequences < 64 ? spec->max_sequences : 64;
    int chunk = spec->max_tokens < 2048 ? spec->max_tokens : 2048;
    TwBatch decode = {.tokens = n, .decodes = n, .decode_context = (int64_t)n * 2048, .logits = n};
    TwBatch prefill = {.tokens = chunk, .chunks = 1, .chunk_tokens = chunk, .logits = 1};
    prefill.chunk_square = (int64_t)chunk * chunk;
    model->decode_evidence = evidence_of(model, &decode);
    model->prefill_evidence = evidence_of(model, &prefill);
}

static bool set_memory(TwStepModel *model, const TwStepTables *t, const TwStepSpec *spec, TwError *error)
{
    int tp = spec->tensor_parallel;
    double activation = tw_activation_bytes(spec->model, spec->max_tokens, tp), other = tw_engine_bytes(tp);
    model->weight_bytes = tw_compose_weight_bytes(&t->compose);
    model->kv_bytes_per_token = tw_model_kv_elements(spec->model, tp) * tw_number_bytes(t->compose.cache);
    model->kv_blocks_16 = tw_kv_blocks(t->chip.memory_bytes, spec->memory_fraction, model->weight_bytes, activation,
                                       other, model->kv_bytes_per_token, 16);
    if (model->kv_blocks_16 < 1)
        return tw_fail(error, TW_BAD_INPUT,
                       "the weights do not fit: %.4g GB of weights, %.4g GB of activations and engine a GPU, %.4g GB "
                       "had (%g of %.4g GB); raise tensor_parallel or choose a smaller precision",
                       model->weight_bytes * 1e-9, (activation + other) * 1e-9,
                       t->chip.memory_bytes * spec->memory_fraction * 1e-9, spec->memory_fraction,
                       t->chip.memory_bytes * 1e-9);
    return true;
}

bool tw_step_create(TwStepModel **model, const TwStepSpec *spec, TwError *error)
{
    *model = NULL;
    if (!check_shapes(spec, error)) return false;
    TwArena *arena = tw_arena_create();
    TwStepTables *t = TW_TAKE(arena, 1, TwStepTables);
    TwStepModel *made = TW_TAKE(arena, 1, TwStepModel);
    t->arena = arena;
    t->model = *spec->model;
    t->chip = *spec->chip;
    // the rows' other texts may end with their configuration
    t->model.attention = tw_arena_text(arena, spec->model->attention);
    t->tp = spec->tensor_parallel;
    t->host_step_ns = 1e9 * spec->host_step_s;
    t->host_sequence_ns = 1e9 * spec->host_sequence_s;
    t->async = spec->async_scheduling;
    t->compose = (TwCompose){.model = &t->model, .tp = t->tp, .link_bytes_s = spec->chip->link_bytes_s};
    t->compose.moe_imbalance = spec->moe_imbalance > 0.0 ? spec->moe_imbalance : 1.0;
    made->inner = t;

    bool ok = tw_compose_numbers(&t->compose, spec->precision, spec->kv_precision, error) &&
              check_chip(spec->chip, &t->compose, error) && set_memory(made, t, spec, error) &&
              tw_kernel_model_create(&t->kernels, &t->chip, spec->calibration, error);
    if (!ok) {
        tw_arena_destroy(arena);
        return false;
    }
    t->compose.kernels = t->kernels;
    copy_comm(t, spec);
    set_power(t);
    tw_step_tables_build(t, spec->max_tokens, spec->max_sequences);

    made->source = (TwStepSource){.context = t, .step = step_at};
    memcpy(made->source.level_clock, t->clock, sizeof t->clock);
    double resident = isnan(t->chip.resident_w) ? t->chip.live_w : t->chip.resident_w;
    made->source.idle_w = resident * t->tp;
    set_evidence(made, spec);
    *model = made;
    return true;
}

void tw_step_destroy(TwStepModel *model)
{
    if (!model) return;
    const TwStepTables *t = model->inner;
    tw_kernel_model_destroy(t->kernels);
    tw_arena_destroy(t->arena);
}
