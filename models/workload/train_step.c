#include "models/workload/train_step.h"

#include "models/workload/step_tables.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const tw_recompute_names[] = {"none", "selective", "full", NULL};

static const char *const attention_file = "facilities/parts/traffic/train_attention.csv";

// Products of mxfp8 over those of fp8 with one scale, on B300, and those of gradients over forward's, 1.00 to 1.08 for
// any type on B300 and H200: the profiling guide of TransformerEngine (its pull request 2863).
static const double micro_scaled = 1.05;

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }

// ---- attention on the way back --------------------------------------------------------------------------------------

static bool lists(const char *chips, const char *name)
{
    const char *at = strstr(chips, name);
    size_t length = strlen(name);
    return at && (at == chips || at[-1] == '|') && (at[length] == '|' || !at[length]);
}

bool tw_train_attention(double *backward, const TwAcceleratorRow *chip, bool latent, bool window, double tokens,
                        TwError *error)
{
    TwCsv *csv;
    char path[4096];
    if (!tw_data_find(attention_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the backward passes of attention, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;
    int chips = tw_csv_column(csv, "chips"), form = tw_csv_column(csv, "form"), at = tw_csv_column(csv, "tokens");
    int there = tw_csv_column(csv, "forward_ms"), back = tw_csv_column(csv, "backward_ms");
    bool good = chips >= 0 && form >= 0 && at >= 0 && there >= 0 && back >= 0;
    if (!good) tw_fail_at(error, path, 1, 0, "columns chips, form, tokens, forward_ms and backward_ms expected");
    // by the tables that the chip has; others have its generation's
    const char *wanted = latent ? "latent" : window ? "window" : "full", *name = NULL;
    for (int r = 0; good && !name && r < tw_csv_rows(csv); r++)
        if (chip->calibration && *chip->calibration && lists(tw_csv_text(csv, r, chips), chip->calibration))
            name = chip->calibration;
    if (!name) name = tw_since_blackwell(chip) ? "gb300" : "h200_sxm";
    // between lengths by their logarithm; held beyond
    double x0 = 0.0, y0 = 0.0, x = log(fmax(tokens, 1.0)), ratio = 0.0;
    for (int r = 0; good && r < tw_csv_rows(csv); r++) {
        double length, forward_ms, backward_ms;
        if (!lists(tw_csv_text(csv, r, chips), name) || !same(tw_csv_text(csv, r, form), wanted)) continue;
        good = tw_csv_number(csv, r, at, &length, error) && tw_csv_number(csv, r, there, &forward_ms, error) &&
               tw_csv_number(csv, r, back, &backward_ms, error);
        if (good && !(length > 0.0 && forward_ms > 0.0 && backward_ms > 0.0))
            good = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "tokens and times above 0 expected");
        if (!good) break;
        double x1 = log(length), y1 = backward_ms / forward_ms;
        if (ratio == 0.0 || x >= x1)
            ratio = y1;
        else if (x > x0)
            ratio = y0 + (y1 - y0) * (x - x0) / (x1 - x0);
        if (x < x1) x = -INFINITY;    // found
        x0 = x1, y0 = y1;
    }
    tw_csv_destroy(csv);
    if (good && ratio == 0.0) good = tw_fail_at(error, path, 1, 0, "no rows of %s for %s", wanted, name);
    *backward = ratio;
    return good;
}

// ---- what is kept ---------------------------------------------------------------------------------------------------

// Widths of what enters and leaves the products of the layers, summed over all of them; a token.
typedef struct Widths {
    double in, out;
} Widths;

static void add(Widths *w, double layers, double in, double out) { w->in += layers * in, w->out += layers * out; }

static Widths product_widths(const TwModelRow *m)
{
    Widths w = {0};
    double hidden = (double)m->hidden, attentions = (double)tw_model_attention_layers(m), heads = (double)m->heads;
    if (tw_model_is_mla(m)) {
        double rank = (double)m->q_rank, kv = (double)m->kv_rank, up = heads * (double)(m->nope_dim + m->rope_dim);
        double values = heads * (double)m->v_dim;
        add(&w, attentions, hidden, (rank > 0.0 ? rank : up) + kv + (double)m->rope_dim);
        if (rank > 0.0) add(&w, attentions, rank, up);
        add(&w, attentions, kv, heads * (double)(m->nope_dim + m->v_dim));
        add(&w, attentions, values, hidden);
    } else {
        double query = heads * (double)m->head_dim, keys = (double)(m->kv_heads * m->head_dim);
        add(&w, attentions, hidden, query * (m->attention_gate ? 2.0 : 1.0) + 2.0 * keys);
        add(&w, attentions, query, hidden);
    }
    double states = (double)m->linear_layers, value = (double)(m->linear_value_heads * m->linear_value_dim);
    add(&w, states, hidden, tw_linear_mixed_width(m, 1.0) + value);
    add(&w, states, value, hidden);
    double wide = m->plain_mlp ? 1.0 : 2.0, shared = (double)(m->shared_experts * m->shared_inter);
    add(&w, (double)m->dense_layers, hidden + (double)m->dense_inter, wide * (double)m->dense_inter + hidden);
    double mixtures = (double)m->moe_layers, top = (double)m->top_k, inner = (double)m->expert_inter;
    double narrow = (double)tw_model_expert_hidden(m);
    add(&w, mixtures * top, narrow + inner, wide * inner + narrow);
    if (shared > 0.0) add(&w, mixtures, hidden + shared, wide * shared + hidden);
    if (m->expert_hidden > 0) add(&w, mixtures, hidden + narrow, narrow + hidden);
    return w;
}

double tw_train_kept_bytes(const TwModelRow *m, int tensor_parallel, bool eight_bits, TwRecompute recompute)
{
    // products keep what enters them in their type; attention what leaves products (its queries, keys and values) and
    // activations what leaves the products before them, in bf16; norms and the residual their input
    const double wide = 2.0, narrow = eight_bits ? 1.0 : wide;
    double layers = (double)m->layers, hidden = (double)m->hidden, tp = tensor_parallel;
    if (recompute == TW_RECOMPUTE_FULL) return wide * hidden / tp;
    Widths w = product_widths(m);
    double norms = (double)(tw_model_mixer_norms(m) + m->dense_layers + m->moe_layers);
    // outputs of a layer's last products are the residual, which the norm behind keeps
    double residuals = (double)(tw_model_mixers(m) + tw_model_mlps(m)) * hidden;
    double inner = (double)m->dense_layers * (double)m->dense_inter +
                   (double)m->moe_layers *
                       ((double)(m->shared_experts * m->shared_inter) + (double)m->top_k * (double)m->expert_inter);
    double kept = narrow * w.in + wide * fmax(w.out - residuals, 0.0) + wide * norms * hidden;
    // outputs of norms and activations are made again, of latent attention also keys and values of all heads
    if (recompute == TW_RECOMPUTE_SELECTIVE) {
        kept -= narrow * (norms * hidden + inner);
        if (tw_model_is_mla(m))
            kept -= wide * (double)tw_model_attention_layers(m) * (double)m->heads * (double)(m->nope_dim + m->v_dim);
    }
    return fmax(kept, wide * hidden * layers) / layers / tp;
}

// ---- kernels --------------------------------------------------------------------------------------------------------

typedef struct Kernel {
    const char *name;    // of the step's own texts
    TwKernelCost forward, backward;
    bool end;    // embedding, head, loss: once, not a layer's
} Kernel;

typedef struct Pass {
    const TwCompose *compose;
    const TwTrainBatch *batch;
    double tokens;                 // of a tensor-parallel group
    double attention, windowed;    // backward over forward
    int count;
    Kernel kernel[TW_TRAIN_PARTS];
} Pass;

static void more(TwKernelCost *sum, double times, const TwKernelCost *cost)
{
    if (times <= 0.0) return;
    sum->op = cost->op;
    sum->evidence = sum->t_s > 0.0 && sum->evidence > cost->evidence ? sum->evidence : cost->evidence;
    sum->t_s += times * cost->t_s, sum->t0_s += times * cost->t0_s;
    sum->compute_s += times * cost->compute_s, sum->memory_s += times * cost->memory_s;
    sum->l2_s += times * cost->l2_s;
    sum->flop += times * cost->flop, sum->bytes += times * cost->bytes;
    sum->flop_j += times * cost->flop_j, sum->byte_j += times * cost->byte_j;
}

static Kernel *kernel_of(Pass *pass, const char *name)
{
    int i = 0;
    while (i < pass->count && !same(pass->kernel[i].name, name)) i++;
    assert(i < TW_TRAIN_PARTS);
    if (i == pass->count) pass->kernel[pass->count++] = (Kernel){.name = name};
    return &pass->kernel[i];
}

static bool among(const char *name, const char *const *names)
{
    while (*names && !same(*names, name)) names++;
    return *names != NULL;
}

static const char *const sums[] = {"all-reduce", "sums of norms", NULL};
static const char *const exchanges[] = {"dispatch", "combine", "gather tokens", "scatter sums", NULL};
static const char *const ends[] = {"embedding", "head", "loss", NULL};
// made again where recompute is selective
static const char *const light[] = {"norm", "silu", "activation", "kv up", "linear norm", NULL};
// of serving alone: training appends to no cache and chooses no tokens
static const char *const never[] = {"gather logits", "sampler", "cache append", "next stage", NULL};

// Backward over forward of kernels that move bytes: what they read and write of gradients and of what was kept.
static double backward_bytes(const char *name)
{
    static const struct {
        const char *name;
        double ratio;
    } of[] = {{"norm", 1.0},                               // gradient, input, residual's gradient in; one out
              {"silu", 5.0 / 3.0}, {"activation", 1.5},    // gate, up and a gradient in, two out
              {"embedding", 2.0},  {"linear scan", 2.5}, {"linear conv", 2.0}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (same(name, of[i].name)) return of[i].ratio;
    return 1.0;
}

// The product of the gradients of the weights, as long as forward's or as adding to what micro-batches before it left
// takes.
static void add_weights(const Pass *pass, Kernel *kernel, double times, const TwKernelCost *cost)
{
    const TwCompose *c = pass->compose;
    const TwModelRow *m = c->model;
    double parameters = cost->flop / (2.0 * pass->tokens);
    if (cost->op == TW_KERNEL_MOE)
        parameters = tw_model_weights(m).experts / (double)m->moe_layers / (c->tp * c->ranks);
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = 2.0 * pass->batch->gradient_bytes * parameters};
    TwKernelCost adding = tw_kernel_query(c->kernels, &shape), longer = *cost;
    if (adding.t_s > cost->t_s) tw_kernel_stretch(&longer, adding.t_s / cost->t_s);
    more(&kernel->backward, times, &longer);
}

static void emitted(void *context, const char *name, double times, const TwKernelCost *cost)
{
    Pass *pass = context;
    const TwTrainBatch *batch = pass->batch;
    if (among(name, never) || times <= 0.0) return;
    TwKernelCost slower = *cost;
    if (batch->micro_scaled && (cost->op == TW_KERNEL_GEMM || cost->op == TW_KERNEL_MOE)) {
        tw_kernel_stretch(&slower, micro_scaled);
        cost = &slower;
    }
    Kernel *kernel = kernel_of(pass, name);
    kernel->end = among(name, ends);
    // a rank has its share of the tokens between products: sums are gathers before and scatters behind
    if (same(name, "all-reduce") && batch->sum_s > 0.0) {
        TwKernelShape shape = {.op = TW_KERNEL_COLLECTIVE, .read = cost->bytes, .seconds = batch->sum_s};
        slower = tw_kernel_query(pass->compose->kernels, &shape);
        slower.evidence = cost->evidence;
        cost = &slower;
    }
    if (same(name, "norm") || same(name, "embedding")) times /= pass->compose->tp;
    more(&kernel->forward, times, cost);
    switch (cost->op) {
    case TW_KERNEL_GEMM:
    case TW_KERNEL_MOE:
        more(&kernel->backward, times, cost);
        if (!batch->frozen) add_weights(pass, kernel, times, cost);
        break;
    case TW_KERNEL_PREFILL:
    case TW_KERNEL_MLA_PREFILL:
    case TW_KERNEL_SPARSE:
    case TW_KERNEL_INDEX: {
        // five products for two, longer by as much as is measured
        TwKernelCost back = *cost;
        tw_kernel_stretch(&back, strncmp(name, "windowed", 8) == 0 ? pass->windowed : pass->attention);
        back.flop *= 2.5, back.flop_j *= 2.5, back.bytes *= 2.0, back.byte_j *= 2.0;
        more(&kernel->backward, times, &back);
        break;
    }
    case TW_KERNEL_COLLECTIVE:
        more(&kernel->backward, times, cost);
        break;
    case TW_KERNEL_CHOOSE:
        break;    // no gradient
    default:
        more(&kernel->backward, times * backward_bytes(name), cost);
    }
    bool again = batch->recompute == TW_RECOMPUTE_FULL
                     ? !kernel->end
                     : batch->recompute == TW_RECOMPUTE_SELECTIVE && among(name, light);
    if (again) more(&kernel->backward, times, cost);
}

// A kernel that moves bytes alone.
static void moved(Pass *pass, const char *name, double forward_bytes, double backward_bytes)
{
    Kernel *kernel = kernel_of(pass, name);
    kernel->end = among(name, ends);
    for (int back = 0; back < 2; back++) {
        TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = back ? backward_bytes : forward_bytes};
        TwKernelCost cost = tw_kernel_query(pass->compose->kernels, &shape);
        if (shape.read > 0.0) more(back ? &kernel->backward : &kernel->forward, 1.0, &cost);
    }
}

// Activations and their gradients to the type of the products, as rows and as columns.
static void casts(Pass *pass, double tokens)
{
    const TwCompose *c = pass->compose;
    if (c->expert == TW_BF16 && c->linear == TW_BF16) return;
    bool looks = !pass->batch->micro_scaled;    // at all of them for their largest, before
    double bytes = (looks ? 4.0 : 2.0) + 2.0 * tw_number_bytes(c->linear);
    Widths w = product_widths(c->model);
    double rows = tokens / c->tp;
    // those by blocks cast their input themselves
    double in = c->linear == TW_FP8_BLOCK ? 0.0 : rows * w.in * bytes, out = rows * w.out * bytes;
    moved(pass, "casts", in, out + (pass->batch->recompute == TW_RECOMPUTE_FULL ? in : 0.0));
}

// Keys and values of the other context-parallel ranks, and their gradients, in a ring beside attention.
static void rotated(Pass *pass, double tokens, double bytes_s)
{
    const TwModelRow *m = pass->compose->model;
    double ranks = pass->batch->context_parallel;
    if (ranks < 2.0) return;
    double heads = fmax((double)m->kv_heads / pass->compose->tp, 1.0), wide = 2.0 * (double)m->head_dim;
    if (tw_model_is_mla(m)) heads = (double)m->heads / pass->compose->tp, wide = (double)(m->head_dim + m->v_dim);
    double bytes = 2.0 * (ranks - 1.0) * tokens * heads * wide * (double)tw_model_attention_layers(m);
    TwKernelShape shape = {.op = TW_KERNEL_COLLECTIVE, .read = bytes, .seconds = bytes / bytes_s};
    TwKernelCost cost = tw_kernel_query(pass->compose->kernels, &shape);
    cost.evidence = TW_ASSUMED;
    Kernel *kernel = kernel_of(pass, "context ring");
    more(&kernel->forward, 1.0, &cost);
    more(&kernel->backward, 2.0, &cost);
}

static double seconds(const Pass *pass, bool (*which)(const Kernel *), bool back)
{
    double s = 0.0;
    for (int i = 0; i < pass->count; i++)
        if (which(&pass->kernel[i])) s += back ? pass->kernel[i].backward.t_s : pass->kernel[i].forward.t_s;
    return s;
}

static bool is_sum(const Kernel *k) { return among(k->name, sums); }
static bool is_exchange(const Kernel *k) { return among(k->name, exchanges); }
static bool is_ring(const Kernel *k) { return same(k->name, "context ring"); }
static bool is_product(const Kernel *k) { return k->forward.op == TW_KERNEL_GEMM && !k->end; }
static bool is_attention(const Kernel *k)
{
    return k->forward.op == TW_KERNEL_PREFILL || k->forward.op == TW_KERNEL_MLA_PREFILL;
}
static bool is_computed(const Kernel *k) { return k->forward.op != TW_KERNEL_COLLECTIVE && !k->end; }

// What shows of transfers beside kernels: a share that nothing can run beside (forward, backward), and what is longer
// than they are.
static void hide(Pass *pass, bool (*which)(const Kernel *), bool (*beside)(const Kernel *), const double least[2])
{
    for (int back = 0; back < 2; back++) {
        double all = seconds(pass, which, back), other = seconds(pass, beside, back);
        if (!(all > 0.0)) continue;
        double shown = fmin(fmax(least[back] * all, all - other), all) / all;
        for (int i = 0; i < pass->count; i++) {
            Kernel *k = &pass->kernel[i];
            if (!which(k)) continue;
            TwKernelCost *cost = back ? &k->backward : &k->forward;
            tw_kernel_stretch(cost, fmax(shown, 1e-9));
        }
    }
}

// Sums beside products as TransformerEngine runs them (initialize_ub): gathers in as many pieces as ranks, of which the
// first is there; scatters behind a product in four pieces, of which the last shows; on the way back in one, beside the
// next product. Kernels that copy take 16 processors of the products that they run beside: forward those whose output
// is scattered, backward those whose input was gathered.
static const char *const gathered[] = {"qkv", "q up", "kv up", "linear in", "mlp up", "shared expert up", NULL};
static const char *const scattered[] = {"attention output", "linear output", "mlp down", "shared expert down", NULL};

static void overlap_sums(Pass *pass, const TwAcceleratorRow *chip)
{
    double ranks = pass->compose->tp, copying = 16.0;
    if (ranks < 2.0) return;
    hide(pass, is_sum, is_product, (double[]){0.5 * (1.0 / ranks + 0.25), 0.5 / ranks});
    double slower = chip->sm_count > copying ? chip->sm_count / (chip->sm_count - copying) : 1.0;
    for (int i = 0; i < pass->count; i++) {
        Kernel *k = &pass->kernel[i];
        if (among(k->name, scattered)) tw_kernel_stretch(&k->forward, slower);
        if (among(k->name, gathered)) tw_kernel_stretch(&k->backward, slower);
    }
}

// Names of serving's kernels that are others in training.
static const char *shown_name(const char *name)
{
    static const char *const names[][2] = {{"prefill attention", "attention"},
                                           {"windowed prefill attention", "windowed attention"},
                                           {"rope and cache append", "rope"},
                                           {"all-reduce", "gathers and scatters"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(name, names[i][0])) return names[i][1];
    return name;
}

static void sum_up(TwTrainMicro *micro, const Pass *pass, const TwAcceleratorRow *chip)
{
    TwKernelCost cost[2 * TW_TRAIN_PARTS];
    TwPower power = tw_chip_power(chip);
    for (int i = 0; i < pass->count; i++) {
        cost[2 * i] = pass->kernel[i].forward, cost[2 * i + 1] = pass->kernel[i].backward;
    }
    bool over;
    double clock = tw_sequence_clock(cost, 2 * pass->count, &power, chip->limit_w, &over);
    micro->clock_fraction = clock;
    for (int i = 0; i < pass->count; i++) {
        const Kernel *k = &pass->kernel[i];
        TwTrainPart *part = &micro->part[micro->count++];
        *part = (TwTrainPart){.forward_s = tw_kernel_time_s(&k->forward, clock),
                              .backward_s = tw_kernel_time_s(&k->backward, clock),
                              .energy_j = tw_kernel_energy_j(&k->forward, &power, clock) +
                                          tw_kernel_energy_j(&k->backward, &power, clock),
                              .flop = k->forward.flop + k->backward.flop,
                              .evidence = tw_evidence_name(k->forward.evidence)};
        snprintf(part->name, sizeof part->name, "%s", shown_name(k->name));
        *(k->end ? &micro->ends_forward_s : &micro->layers_forward_s) += part->forward_s;
        *(k->end ? &micro->ends_backward_s : &micro->layers_backward_s) += part->backward_s;
        micro->energy_j += part->energy_j;
    }
}

double tw_train_moved_s(const TwStepModel *model, double bytes)
{
    TwKernelShape shape = {.op = TW_KERNEL_GLUE, .read = bytes};
    return tw_kernel_query(((const TwStepTables *)model->inner)->kernels, &shape).t_s;
}

bool tw_train_micro(TwTrainMicro *micro, const TwStepModel *model, const TwTrainBatch *batch, TwError *error)
{
    const TwStepTables *t = model->inner;
    const TwCompose *c = &t->compose;
    const TwModelRow *m = c->model;
    double ranks = batch->context_parallel > 1 ? batch->context_parallel : 1.0;
    double chunk = batch->sequence_tokens / ranks, tokens = batch->sequences * chunk;
    *micro = (TwTrainMicro){0};
    Pass pass = {.compose = c, .batch = batch, .tokens = tokens};
    bool latent = tw_model_is_mla(m);
    if (!tw_train_attention(&pass.attention, &t->chip, latent, false, batch->sequence_tokens, error) ||
        !tw_train_attention(&pass.windowed, &t->chip, latent, true, batch->sequence_tokens, error))
        return false;
    tw_compose_dense(c, tokens, fmod(tokens, 16.0) != 0.0, emitted, &pass);
    tw_compose_experts(c, tokens * c->ranks, emitted, &pass);
    tw_compose_prefill(c, batch->sequences, chunk, 0.5 * (batch->sequence_tokens - chunk), emitted, &pass);
    tw_compose_scan(c, tokens, chunk, emitted, &pass);
    tw_compose_logits(c, tokens, emitted, &pass);
    // the loss: logits are read twice and their gradient takes their place
    double logits = tokens * (double)m->vocabulary / c->tp;
    moved(&pass, "loss", 4.0 * logits, 4.0 * logits);
    casts(&pass, tokens);
    rotated(&pass, tokens, batch->context_bytes_s);
    double before = seconds(&pass, is_sum, false) + seconds(&pass, is_sum, true) + seconds(&pass, is_exchange, false) +
                    seconds(&pass, is_exchange, true) + seconds(&pass, is_ring, false) + seconds(&pass, is_ring, true);
    const double none[2] = {0.0, 0.0};
    if (batch->overlap_sums) overlap_sums(&pass, &t->chip);
    if (batch->overlap_experts) hide(&pass, is_exchange, is_computed, none);
    hide(&pass, is_ring, is_attention, none);
    micro->hidden_s = before - seconds(&pass, is_sum, false) - seconds(&pass, is_sum, true) -
                      seconds(&pass, is_exchange, false) - seconds(&pass, is_exchange, true) -
                      seconds(&pass, is_ring, false) - seconds(&pass, is_ring, true);
    sum_up(micro, &pass, &t->chip);
    return true;
}
