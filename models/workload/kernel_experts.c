// Kernels of experts: the fit of the tables with what is known of models and engines beside it, and those that are in
// no table of the kind, each by what is published of it (docs/calibration.md).
#include "models/workload/kernel_inner.h"
#include "sim/csv.h"

#include <string.h>

static const int site_tokens[SITE_NODES] = {1, 4, 16, 64, 256, 1024, 4096, 16384};

// ---- reading -------------------------------------------------------------------------------------------------------

// moe_sites.csv; without it the fit stands for all engines and models.
static bool read_sites(TwKernelModel *model, const char *folder, TwError *error)
{
    static const char *const names[] = {"hidden", "inter", "experts", "top_k", "tp", "ep"};
    char path[512], name[16];
    TwCsv *csv;
    snprintf(path, sizeof path, "%s/moe_sites.csv", folder);
    if (!tw_csv_present(path)) return true;
    if (!tw_csv_read(&csv, path, error)) return false;

    bool ok = true;
    int engine = tw_csv_column(csv, "engine"), type = tw_csv_column(csv, "dtype"),
        routing = tw_csv_column(csv, "routing");
    int column[6 + SITE_NODES];
    for (int i = 0; i < 6 + SITE_NODES; i++) {
        snprintf(name, sizeof name, "t%d", i < 6 ? 0 : site_tokens[i - 6]);
        column[i] = tw_csv_column(csv, i < 6 ? names[i] : name);
        if (ok && column[i] < 0) ok = tw_fail_at(error, path, 1, 0, "no column %s", i < 6 ? names[i] : name);
    }
    if (ok && (engine < 0 || type < 0 || routing < 0))
        ok = tw_fail_at(error, path, 1, 0, "columns engine, dtype and routing expected");
    model->site = TW_TAKE(model->arena, tw_csv_rows(csv) + 1, TwExpertSite);
    for (int r = 0; ok && r < tw_csv_rows(csv); r++) {
        TwExpertSite *site = &model->site[model->sites++];
        double *part[6] = {&site->hidden, &site->inter, &site->experts, &site->top_k, &site->tp, &site->ep};
        int n = 0;
        while (n < TW_NUMBERS && strcmp(tw_csv_text(csv, r, type), table_type((TwNumber)n)) != 0) n++;
        site->number = (TwNumber)n;
        if (n == TW_NUMBERS)
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "unknown dtype %s", tw_csv_text(csv, r, type));
        int whose = tw_word_place(tw_csv_text(csv, r, engine), tw_kernel_engines);
        site->engine = (TwKernelEngine)whose;
        if (ok && whose < 0)
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "unknown engine %s", tw_csv_text(csv, r, engine));
        const char *how = ok ? tw_csv_text(csv, r, routing) : "";
        site->balanced = strcmp(how, "balanced") == 0;
        if (ok && !site->balanced && strcmp(how, "skewed") != 0)
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "routing = %s, expected balanced or skewed", how);
        for (int i = 0; ok && i < 6; i++) ok = tw_csv_number(csv, r, column[i], part[i], error);
        for (int i = 0; ok && i < SITE_NODES; i++) {
            double ratio;
            ok = tw_csv_number(csv, r, column[6 + i], &ratio, error);
            if (ok && !(ratio > 0.0))
                ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "a ratio of %g, expected more than 0", ratio);
            if (ok) site->ln_ratio[i] = log(ratio);
        }
    }
    tw_csv_destroy(csv);
    return ok;
}

// Launch of experts in bf16, whatever is read.
static double mixed_t0_s(const TwKernelModel *model)
{
    const TwKernelTable *table = &model->moe[TW_BF16];
    return table->have ? fmax(1e-6 * table->grid.offset, launch_s) : launch_s;
}

static bool read_mixed(TwKernelModel *model, const char *folder, TwError *error)
{
    char path[512];
    snprintf(path, sizeof path, "%s/moe_mixed.csv", folder);
    return tw_mixed_times_read(&model->mixed, model->arena, path, model->bound_flops[TW_BF16], model->bound_bandwidth,
                               mixed_t0_s(model), error);
}

bool tw_kernel_read_experts(TwKernelModel *model, const char *folder, TwError *error)
{
    return read_sites(model, folder, error) && read_mixed(model, folder, error);
}

// ---- one kernel ----------------------------------------------------------------------------------------------------

// The row of a site, or of the nearest way to cut the same model over two doublings, or of all models; NULL: none.
static const TwExpertSite *site_of(const TwKernelModel *model, const TwKernelShape *s, bool balanced)
{
    const TwExpertSite *best = NULL;
    double nearest = 2.5;
    for (int i = 0; i < model->sites; i++) {
        const TwExpertSite *site = &model->site[i];
        if (site->engine != s->engine || site->number != s->number || site->balanced != balanced) continue;
        if (site->hidden == 0.0 && !best) best = site;
        if (site->hidden != s->hidden || site->inter != s->inter || site->experts != s->experts ||
            site->top_k != s->top_k)
            continue;
        double away = fabs(log2(site->tp / s->tp)) + fabs(log2(site->ep / s->ep));
        if (away < nearest) nearest = away, best = site;
    }
    return best;
}

// The logarithm of the ratio is linear in that of tokens.
static double site_ratio(const TwExpertSite *site, double tokens)
{
    return exp(along(site->ln_ratio, SITE_NODES, 0.5 * log2(tokens)));
}

// Time of experts under power law 1.2 over that under balanced routing.
static double skew(const TwKernelModel *model, double tokens_per_expert, double ep)
{
    // medians at 16 or more tokens an expert for ep 1, 2, 4 ... 64; below one token an expert it is near 1
    static const double ratio[2][7] = {{1.05, 1.13, 1.22, 1.32, 1.38, 1.41, 1.43},
                                       {1.09, 1.19, 1.31, 1.50, 1.64, 1.78, 2.00}};
    double full = along(ratio[model->hopper], 7, log2(ep));
    double ramp = fmin(fmax(log2(tokens_per_expert) / 4.0, 0.0), 1.0);
    return 1.0 + ramp * (full - 1.0);
}

static double whole(double x, double tile) { return tile * ceil(x / tile); }

void tw_kernel_padded(TwMixedKernel kernel, double tp, double *hidden, double *inter)
{
    static const double tile[TW_MIXED_KERNELS] = {1.0, 64.0, 128.0};
    if (kernel == TW_MIXED_AUTO) return;
    *hidden = whole(*hidden, 256.0);
    *inter = tp * whole(*inter / tp, tile[kernel]);
}

// A table of experts, over tokens an expert, bytes of a GPU's weights and of an expert; at no more than `most` tokens.
static TwKernelCost experts_by_table(const TwKernelModel *model, const TwKernelShape *s, const TwKernelTable *table,
                                     bool carried, TwOpCost op, double most)
{
    double expert = 3.0 * s->hidden * s->inter / s->tp * tw_number_bytes(s->number);
    return by_utilisation(model, s, table, carried, op, s->number, log2(fmin(s->m, most) * s->top_k / s->experts),
                          log2(s->experts / s->ep * expert), log2(expert), s->m);
}

// Rows of an expert that Marlin's kernel takes at a time, by those that all tokens' choices would give each of a GPU's
// experts (fused_marlin_moe.py).
static double marlin_block(double rows)
{
    static const double block[] = {8.0, 16.0, 32.0, 48.0, 64.0};
    int i = 0;
    while (i < 4 && rows / block[i] >= 0.9) i++;
    return block[i];
}

// Narrow experts multiplied in bf16 (docs/calibration.md): Triton's kernel of mxfp4 by its published times or
// its share of the roofline, Marlin's by the table of bf16 experts for what it reads and by its own published rate for
// what it computes.
static TwKernelCost query_mixed(const TwKernelModel *model, TwKernelShape s)
{
    bool mxfp4 = s.number == TW_MXFP4, timed = false;
    TwMixedKernel kernel = mxfp4 ? tw_mixed_kernel(&model->chip, s.mixed) : TW_MIXED_MARLIN;
    double ratio = kernel == TW_MIXED_TRITON ? tw_mixed_times_ratio(&model->mixed, &s, &timed) : 0.0;
    if (mxfp4) tw_kernel_padded(kernel, s.tp, &s.hidden, &s.inter);
    double e = tw_number_bytes(s.number);
    TwOpCost op = tw_op_moe_mixed(s.m, s.hidden, s.inter, s.experts, s.top_k, s.tp, s.ep, e, 2.0);
    const TwKernelTable *table = &model->moe[TW_BF16];
    TwKernelBounds bounds = bounds_of(model, s.number);
    double t0 = mixed_t0_s(model);
    if (kernel == TW_MIXED_TRITON || !table->have) {
        bool here = timed && !bounds_of(model, TW_BF16).transferred;
        TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = here ? TW_PUBLISHED : TW_TRANSFERRED};
        cost.t_s = t0 + tw_op_bound_s(op, bounds.flops, bounds.bandwidth) / TW_TRITON_SHARE;
        cost = finish(model, &s, cost, bounds, t0, s.m);
        if (ratio > 0.0) tw_kernel_stretch(&cost, ratio);
        return cost;
    }
    // the table for what is read; FLOP by its own rate, rows of an expert filled up to a block
    TwKernelCost cost = experts_by_table(model, &s, table, true, (TwOpCost){0.0, op.bytes}, INFINITY);
    double rows = s.m * s.top_k / s.ep, active = tw_op_active_experts(s.experts, s.top_k, s.m, s.ep);
    double block = marlin_block(s.m * s.top_k * s.ep / s.experts);
    double filled = fmax(active * block, rows + 0.5 * active * block);
    cost.flop = op.flop * filled / rows;
    cost.t_s = fmax(cost.t_s, t0 + cost.flop / (marlin_u(model) * bounds.flops));
    return finish(model, &s, cost, bounds, t0, s.m);
}

// Time of Triton's kernel of experts over vLLM's rows of the tables, which on Blackwell are of TensorRT-LLM's
// generator, vLLM's choice there since 0.20, where the tables time no Triton (B300, GB300): published times of a few
// tokens on a B200 over the rows of the same shapes (docs/calibration.md).
static double triton_times(const TwKernelModel *model, TwNumber number, double tokens)
{
    static const double bf16[] = {1.65, 1.37, 1.24};    // at 1, 2, 4 tokens and more
    if (model->hopper || (number != TW_BF16 && number != TW_FP8_BLOCK)) return 1.0;
    return number == TW_BF16 ? along(bf16, 3, log2(tokens)) : 1.5;
}

// Tokens that go with the busiest GPU's rows.
static double busiest_tokens(const TwKernelModel *model, const TwKernelShape *s)
{
    return s->balanced ? s->m : s->m * skew(model, s->m * s->top_k / s->experts, s->ep);
}

// Experts of the busiest GPU, which has more rows, but weights as all have; *rows of tokens that go with it.
static TwOpCost busiest_experts(const TwKernelModel *model, const TwKernelShape *s, double *rows)
{
    double e = tw_number_bytes(s->number);
    *rows = busiest_tokens(model, s);
    return tw_op_moe_mixed(*rows, s->hidden, s->inter, s->experts, s->top_k, s->tp, s->ep, e, e);
}

// DeepGEMM publishes ten grouped GEMMs of DeepSeek-V3 in fp8 on H800, rows of an expert together or with room for each
// (its README): 0.46 to 0.66 of the roofline, 0.57 on average, from 256 rows an expert to 8,192.
static const double grouped_u = 0.57;

// Grouped GEMMs over the rows that an all-to-all brings. Other types and chips: the same.
static TwKernelCost query_brought(const TwKernelModel *model, const TwKernelShape *s)
{
    double m;
    TwOpCost op = busiest_experts(model, s, &m);
    TwOpCost silu = tw_op_silu(m * s->top_k / s->ep, s->inter / s->tp, tw_number_bytes(s->number));
    TwKernelBounds bounds = {tw_chip_peak(&model->chip, s->number), model->chip.bandwidth_bytes_s, true};
    bool published = model->hopper && (s->number == TW_FP8 || s->number == TW_FP8_BLOCK);
    TwKernelCost cost = {
        .flop = op.flop, .bytes = op.bytes + silu.bytes, .evidence = published ? TW_PUBLISHED : TW_TRANSFERRED};
    double t0 = 2.0 * launch_s + glue_s;
    cost.t_s = t0 + tw_op_bound_s(op, bounds.flops, bounds.bandwidth) / grouped_u +
               silu.bytes / (glue_utilisation * bounds.bandwidth);
    return finish(model, s, cost, bounds, t0, s->m);
}

// nvfp4 experts of CuTe DSL: flashinfer publishes DeepSeek-V3's over eight GPUs on a B300, near balance, routing and
// activations' types inside (its pull request 5301): 71.1, 80.5, 111, 144, 148, 156, 158, 163, 175 and 215 us at 8, 16,
// 32 ... 4,096 tokens. Launch and small kernels, weights at a share of bandwidth, products at a share of peak.
static TwKernelCost query_cutedsl(const TwKernelModel *model, const TwKernelShape *s)
{
    const double t0 = 40e-6, memory_u = 0.87, compute_u = 0.33, b300_flops = 14e15;
    double m;
    TwOpCost op = busiest_experts(model, s, &m);
    TwKernelBounds bounds = {tw_chip_peak(&model->chip, s->number), model->chip.bandwidth_bytes_s, true};
    bool published = fabs(bounds.flops / b300_flops - 1.0) <= 0.05;
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = published ? TW_PUBLISHED : TW_TRANSFERRED};
    cost.t_s = t0 + op.bytes / (memory_u * bounds.bandwidth) + op.flop / (compute_u * bounds.flops);
    return finish(model, s, cost, bounds, t0, s->m);
}

// Block-scaled fp8 experts of vLLM 0.11.1, its class DeepGemmExperts: rows of an expert filled up to 128, in a buffer
// with room for all pairs of token and expert, those of other GPUs' experts too, and 127 rows an expert more. Tiles of
// no expert's rows are read and written all the same; Hopper's kernel alone does not multiply them, taken to last as
// long. The share of bandwidth from times published with vLLM's pull request 13932 (docs/calibration.md).
static TwKernelCost query_deepgemm(const TwKernelModel *model, const TwKernelShape *s)
{
    const double tile = 128.0, memory_u = 0.72;
    double e = tw_number_bytes(s->number), inter = s->inter / s->tp, expert = 3.0 * s->hidden * inter;
    double m = busiest_tokens(model, s);
    TwKernelBounds bounds = {tw_chip_peak(&model->chip, s->number), model->chip.bandwidth_bytes_s, true};
    double rows = m * s->top_k / s->ep, active = tw_op_active_experts(s->experts, s->top_k, s->m, s->ep);
    double filled = fmax(active * tile, rows + 0.5 * active * tile);
    double all = fmax(s->m * s->top_k + s->experts / s->ep * (tile - 1.0), filled);
    // of a row: both products' inputs and outputs
    double row_bytes = (e + 2.0) * s->hidden + (4.0 + e) * inter;
    TwOpCost own = {2.0 * expert * filled, active * expert * e + filled * row_bytes};
    TwOpCost rest = {2.0 * expert * (all - filled), (all - filled) * row_bytes};
    // tokens quantised and dealt, the activation over the buffer in two passes, outputs gathered
    double passes = (m * (2.0 + e + 2.0) + rows * (2.0 * e + 2.0)) * s->hidden + all * inter * (4.0 + 2.0 + 2.0 + e);
    double flops = grouped_u * bounds.flops, bandwidth = memory_u * bounds.bandwidth;
    double t0 = 2.0 * launch_s + 6.0 * glue_s;
    TwKernelCost cost = {.flop = own.flop + (model->hopper ? 0.0 : rest.flop),
                         .bytes = own.bytes + rest.bytes + passes,
                         .evidence = model->hopper ? TW_PUBLISHED : TW_TRANSFERRED};
    cost.t_s = t0 + tw_op_bound_s(own, flops, bandwidth) + tw_op_bound_s(rest, flops, bandwidth) +
               passes / (glue_utilisation * bounds.bandwidth);
    return finish(model, s, cost, bounds, t0, s->m);
}

static TwKernelCost query_experts(const TwKernelModel *model, const TwKernelShape *s)
{
    bool carried, triton = s->engine == TW_ENGINE_TRITON;
    TwKernelShape of = *s;
    if (s->engine == TW_ENGINE_DEEPGEMM && s->number == TW_FP8_BLOCK) return query_deepgemm(model, s);
    if (s->engine == TW_ENGINE_DEEPGEMM) triton = true;
    // rows of Triton's own on Blackwell; on Hopper vLLM's are Triton's
    TwKernelShape timed = *s;
    timed.engine = TW_ENGINE_TRITON;
    const TwExpertSite *own = triton ? site_of(model, &timed, false) : NULL;
    if (triton) of.engine = own ? TW_ENGINE_TRITON : TW_ENGINE_VLLM;
    if (s->engine == TW_ENGINE_CUTEDSL) {
        if (s->number == TW_FP4) return query_cutedsl(model, s);
        of.engine = TW_ENGINE_TRTLLM;
    }
    // Triton's kernel takes both scalings of fp8, and as long; per tensor it is in no table (docs/calibration.md)
    if (of.engine == TW_ENGINE_VLLM && s->number == TW_FP8 && (triton || model->hopper)) of.number = TW_FP8_BLOCK;
    s = &of;
    if (s->brought && !tw_number_mixed(s->number)) return query_brought(model, s);
    double e = tw_number_bytes(s->number), activation = e;
    if (s->number != TW_BF16 && tw_number_computes(&model->chip, s->number) == TW_BF16) return query_mixed(model, *s);
    if (s->number == TW_MXFP4) activation = 1.0;
    TwOpCost op = tw_op_moe_mixed(s->m, s->hidden, s->inter, s->experts, s->top_k, s->tp, s->ep, e, activation);
    const TwKernelTable *table = table_of(model->moe, s->number, &carried);
    if (!table) return roofline(model, s, op, s->m);
    const TwExpertSite *even = s->balanced && !carried ? site_of(model, s, true) : NULL;
    const TwExpertSite *site = even || carried ? even : site_of(model, s, false);
    // beyond the tokens that were timed their rate holds, whatever other models' shapes do there
    double most = site ? (double)site_tokens[SITE_NODES - 1] : (double)INFINITY;
    TwKernelCost cost = experts_by_table(model, s, table, carried, op, most);
    double ratio = site ? site_ratio(site, s->m) : 1.0;
    if (s->balanced && !even) ratio /= skew(model, s->m * s->top_k / s->experts, s->ep);
    if (triton && !own) ratio *= triton_times(model, s->number, s->m);
    tw_kernel_stretch(&cost, ratio);
    return cost;
}

// With what they draw beyond other kernels while they neither start nor wait for memory, whatever their FLOP; it falls
// with the clock as a FLOP's energy.
TwKernelCost tw_kernel_experts(const TwKernelModel *model, const TwKernelShape *s)
{
    TwKernelCost cost = query_experts(model, s);
    if (isnan(model->chip.experts_w)) return cost;
    cost.more_w = model->chip.experts_w;
    cost.flop_j += cost.more_w * fmax(cost.t_s - cost.t0_s - cost.bytes / model->chip.bandwidth_bytes_s, 0.0);
    return cost;
}
