#include "models/workload/kernel_inner.h"
#include "sim/csv.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static const int dim_lengths[DIM_NODES] = {64, 256, 1024, 4096, 16384};

const char *tw_evidence_name(TwEvidence evidence)
{
    static const char *const names[TW_EVIDENCES] = {"measured", "published", "transferred", "assumed"};
    assert(evidence >= 0 && evidence < TW_EVIDENCES);
    return names[evidence];
}

// ---- reading -------------------------------------------------------------------------------------------------------

static bool read_bounds(TwKernelModel *model, const char *folder, TwError *error)
{
    char path[512];
    TwCsv *csv;
    snprintf(path, sizeof path, "%s/bounds.csv", folder);
    if (!tw_csv_read(&csv, path, error)) return false;

    static const char *const names[BOUNDS] = {"bf16_flops", "fp8_flops", "fp4_flops", "bandwidth_bytes_s", "l2_bytes"};
    double value[BOUNDS] = {0.0};
    bool ok = true;
    int name = tw_csv_column(csv, "name"), column = tw_csv_column(csv, "value");
    if (name < 0 || column < 0) ok = tw_fail_at(error, path, 1, 0, "columns name and value expected");
    for (int r = 0; ok && r < tw_csv_rows(csv); r++) {
        int i = 0;
        while (i < BOUNDS && strcmp(tw_csv_text(csv, r, name), names[i]) != 0) i++;
        if (i == BOUNDS)
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "unknown bound %s", tw_csv_text(csv, r, name));
        else
            ok = tw_csv_number(csv, r, column, &value[i], error);
    }
    tw_csv_destroy(csv);
    if (ok && !(value[0] > 0.0 && value[3] > 0.0))
        ok = tw_fail_at(error, path, 0, 0, "bf16_flops and bandwidth_bytes_s must be more than 0");
    model->bound_flops[TW_BF16] = value[0];
    model->bound_flops[TW_FP8] = model->bound_flops[TW_FP8_BLOCK] = value[1];
    model->bound_flops[TW_FP4] = value[2];
    // fp8 units where there are fp4 ones
    model->bound_flops[TW_MXFP4] = value[2] > 0.0 ? value[1] : value[0];
    model->bound_flops[TW_W4A16] = model->bound_flops[TW_W8A16] = value[0];
    model->bound_bandwidth = value[3];
    model->l2_bytes = value[4];
    return ok;
}

static bool read_unaligned(TwKernelModel *model, const char *folder, TwError *error)
{
    static const char *const columns[UNALIGNED_NODES] = {"m32", "m128", "m512", "m2048"};
    char path[512];
    TwCsv *csv;
    for (int i = 0; i < TW_NUMBERS; i++)
        for (int j = 0; j < UNALIGNED_NODES; j++) model->unaligned[i][j] = 1.0;
    snprintf(path, sizeof path, "%s/unaligned.csv", folder);
    if (!tw_csv_present(path)) return true;
    if (!tw_csv_read(&csv, path, error)) return false;

    bool ok = true;
    int type = tw_csv_column(csv, "dtype");
    if (type < 0) ok = tw_fail_at(error, path, 1, 0, "no column dtype");
    for (int j = 0; ok && j < UNALIGNED_NODES; j++) {
        int column = tw_csv_column(csv, columns[j]);
        if (column < 0) ok = tw_fail_at(error, path, 1, 0, "no column %s", columns[j]);
        for (int r = 0; ok && r < tw_csv_rows(csv); r++)
            for (int i = 0; ok && i < TW_NUMBERS; i++)
                if (strcmp(tw_csv_text(csv, r, type), table_type((TwNumber)i)) == 0)
                    ok = tw_csv_number(csv, r, column, &model->unaligned[i][j], error);
    }
    tw_csv_destroy(csv);
    return ok;
}

// One file of a folder into the tables of every number type; a missing file leaves them empty.
static bool read_tables(TwKernelModel *model, const char *folder, const char *name, TwGridFile file,
                        TwKernelTable *tables, int count, TwError *error)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.csv", folder, name);
    if (!tw_csv_present(path)) return true;
    file.path = path;
    for (int i = 0; i < count; i++) {
        file.type = table_type((TwNumber)i);
        if (!tw_grid_read(&tables[i].grid, &tables[i].have, model->arena, &file, error)) return false;
    }
    return true;
}

// prefill_dims.csv; without it the width counts as FLOP.
static bool read_dims(TwKernelModel *model, const char *folder, TwError *error)
{
    char path[512], name[16];
    TwCsv *csv;
    snprintf(path, sizeof path, "%s/prefill_dims.csv", folder);
    if (!tw_csv_present(path)) return true;
    if (!tw_csv_read(&csv, path, error)) return false;

    bool ok = true;
    int type = tw_csv_column(csv, "dtype"), width = tw_csv_column(csv, "dim"), column[DIM_NODES];
    if (type < 0 || width < 0) ok = tw_fail_at(error, path, 1, 0, "columns dtype and dim expected");
    for (int i = 0; ok && i < DIM_NODES; i++) {
        snprintf(name, sizeof name, "s%d", dim_lengths[i]);
        if ((column[i] = tw_csv_column(csv, name)) < 0) ok = tw_fail_at(error, path, 1, 0, "no column %s", name);
    }
    for (int r = 0; ok && r < tw_csv_rows(csv); r++) {
        TwHeadDim *dim = &model->dim[model->dims];
        if (model->dims == DIMS_MOST) {
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "more than %d rows", DIMS_MOST);
            break;
        }
        if (!tw_number_find(tw_csv_text(csv, r, type), &dim->number))
            ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "unknown dtype %s", tw_csv_text(csv, r, type));
        ok = ok && tw_csv_number(csv, r, width, &dim->dim, error);
        for (int i = 0; ok && i < DIM_NODES; i++) {
            ok = tw_csv_number(csv, r, column[i], &dim->ratio[i], error);
            if (ok && !(dim->ratio[i] > 0.0))
                ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "a ratio of %g, expected more than 0",
                                dim->ratio[i]);
        }
        model->dims++;
    }
    tw_csv_destroy(csv);
    return ok;
}

// quantise.csv, one column a type; without it what the smallest product holds stands for all.
static bool read_quantise(TwKernelModel *model, const char *folder, TwError *error)
{
    static const struct {
        const char *name;
        TwNumber number;
    } columns[] = {{"us", TW_FP8}, {"nvfp4_us", TW_FP4}};
    char path[512];
    TwCsv *csv;
    snprintf(path, sizeof path, "%s/quantise.csv", folder);
    if (!tw_csv_present(path)) return true;
    if (!tw_csv_read(&csv, path, error)) return false;

    bool ok = true;
    int elements = tw_csv_column(csv, "log2_elements");
    if (elements < 0 || tw_csv_column(csv, columns[0].name) < 0)
        ok = tw_fail_at(error, path, 1, 0, "columns log2_elements and us expected");
    for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
        TwQuantise *q = &model->quantise[columns[k].number];
        int us = tw_csv_column(csv, columns[k].name);
        for (int r = 0; us >= 0 && ok && r < tw_csv_rows(csv); r++) {
            double at, t;
            ok = tw_csv_number(csv, r, elements, &at, error) && tw_csv_number(csv, r, us, &t, error);
            if (!ok) break;
            if (!(t > 0.0) || (r > 0 && !(at > q->log2_elements[r - 1])))
                ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "times above 0 and rising log2_elements expected");
            else if (r == QUANTISE_NODES)
                ok = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "more than %d rows", QUANTISE_NODES);
            if (!ok) break;
            q->log2_elements[r] = at, q->ln_s[r] = log(1e-6 * t);
            q->count = r + 1;
        }
    }
    tw_csv_destroy(csv);
    return ok;
}

static bool read_folder(TwKernelModel *model, const char *folder, TwError *error)
{
    const TwGridScale raw = TW_GRID_RAW, lg = TW_GRID_LOG2, ln = TW_GRID_LN;
    const TwGridFile gemm = {NULL, "dtype", NULL, {"m", "n"}, {lg, lg}, "k", lg, ln, NULL};
    // log2 columns are given as logarithms already
    const TwGridFile decode = {NULL, "kv_dtype", NULL, {"log2_kv_bytes", "log2_context"}, {raw, raw}, "g",
                               lg,   ln,         NULL};
    const TwGridFile prefill = {NULL, "dtype", NULL, {"seq", "batch_heads"}, {lg, lg}, "g", lg, ln, NULL};
    const TwGridFile mla = {NULL, "kv_dtype", NULL, {"log2_batch_context", "heads"}, {raw, lg}, "c", lg, ln, NULL};
    const TwGridFile mla_prefill = {NULL, NULL, NULL, {"seq", NULL}, {lg, raw}, "bh", lg, ln, NULL};
    const TwGridFile moe = {
        NULL, "dtype", NULL, {"log2_tokens_per_expert", "log2_local_weight_bytes"}, {raw, raw}, "e", raw, ln, "t0_us"};
    return read_bounds(model, folder, error) && read_unaligned(model, folder, error) &&
           read_tables(model, folder, "gemm", gemm, model->gemm[TRTLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "gemm_vllm", gemm, model->gemm[VLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "decode", decode, model->decode[VLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "decode_trtllm", decode, model->decode[TRTLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "prefill", prefill, model->prefill[VLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "prefill_trtllm", prefill, model->prefill[TRTLLM], TW_NUMBERS, error) &&
           read_tables(model, folder, "mla_decode", mla, model->mla_decode, TW_NUMBERS, error) &&
           read_tables(model, folder, "mla_prefill", mla_prefill, &model->mla_prefill, 1, error) &&
           read_tables(model, folder, "moe", moe, model->moe, TW_NUMBERS, error) &&
           tw_kernel_read_experts(model, folder, error) && read_dims(model, folder, error) &&
           read_quantise(model, folder, error);
}

// Points measured here, beside the published tables; they win where they answer.
static bool read_points(TwKernelModel *model, const char *folder, TwError *error)
{
    char path[512];
    snprintf(path, sizeof path, "%s/points.csv", folder);
    return !tw_csv_present(path) ||
           tw_kernel_points_read(&model->points, model->arena, path, &model->chip, NULL, error);
}

static void set_quantise(TwKernelModel *model)
{
    TwKernelShape smallest = {.op = TW_KERNEL_GEMM, .number = TW_BF16, .m = 1.0, .n = 512.0, .k = 512.0};
    if (!model->gemm[TRTLLM][TW_BF16].have || !(tw_chip_peak(&model->chip, TW_BF16) > 0.0)) return;
    double bare = tw_kernel_query(model, &smallest).t_s;
    for (int i = TW_FP8; i < TW_NUMBERS; i++) {
        smallest.number = (TwNumber)i;
        if (!model->gemm[TRTLLM][i].have || !(tw_chip_peak(&model->chip, smallest.number) > 0.0)) continue;
        if (tw_kernel_points_have_gemm(model->points, smallest.number)) continue;    // measured without it
        model->quantise_s[i] = fmax(tw_kernel_query(model, &smallest).t_s - bare, 0.0);
    }
}

bool tw_kernel_model_create(TwKernelModel **model, const TwAcceleratorRow *chip, const char *folder, TwError *error)
{
    TwArena *arena = tw_arena_create();
    TwKernelModel *made = TW_TAKE(arena, 1, TwKernelModel);
    made->arena = arena;
    made->chip = *chip;
    for (int i = 0; i < TW_NUMBERS; i++)
        for (int j = 0; j < UNALIGNED_NODES; j++) made->unaligned[i][j] = 1.0;
    *model = NULL;
    if (folder && folder[0] && (!read_folder(made, folder, error) || !read_points(made, folder, error))) {
        tw_arena_destroy(arena);
        return false;
    }
    // tables without fp4 are of the Hopper generation or earlier
    made->hopper = !(made->bound_flops[TW_FP4] > 0.0);
    set_quantise(made);
    *model = made;
    return true;
}

void tw_kernel_model_destroy(TwKernelModel *model)
{
    if (model) tw_arena_destroy(model->arena);
}

// ---- one kernel ----------------------------------------------------------------------------------------------------

// What reading a cache takes at least that L2 does not hold: as long as the rows take with little of it, or with one
// sequence and head, and the rest at the rate of rows that L2 could not hold (docs/calibration.md). a: log2 of the
// cache in units of a table, of which these are bytes.
static double cold_s(const TwKernelModel *model, const TwKernelTable *table, double bytes, double least, double a,
                     double b, double c)
{
    double outside[3], little = fmax(model->l2_bytes * little_of_l2, least), held = fmin(bytes, model->l2_bytes);
    if (!(little > 0.0) || !(held > little) || !(model->bound_bandwidth > 0.0)) return 0.0;
    double start_s = 1e-6 * tw_grid_at(&table->grid, a - log2(bytes / little), b, c, outside);
    return start_s + (held - little) / (cold_utilisation * model->bound_bandwidth);
}

// A table of times, us, over the bytes of a cache, of which one sequence and head has `least`. Beyond the largest work
// the rate of the edge holds; other peaks scale what is beyond t0.
static TwKernelCost by_time(const TwKernelModel *model, const TwKernelShape *shape, const TwKernelTable *table,
                            bool carried, TwOpCost op, double bytes, double least, double a, double b, double c)
{
    double outside[3];
    TwKernelBounds bounds = bounds_of(model, shape->number);
    double t = 1e-6 * tw_grid_at(&table->grid, a, b, c, outside);
    if (outside[0] > 0.0) t *= exp2(outside[0]);
    if (shape->cold) t = fmax(t, cold_s(model, table, bytes, least, a, b, c));
    if (bounds.transferred && model->bound_bandwidth > 0.0) {
        double t0 = fmin(launch_s, t), flops = model->bound_flops[shape->number];
        bool compute = flops > 0.0 && op.flop / flops > op.bytes / model->bound_bandwidth;
        t = t0 + (t - t0) * (compute ? flops / bounds.flops : model->bound_bandwidth / bounds.bandwidth);
    }
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .t_s = t, .outside = any_outside(outside)};
    cost.evidence = carried || bounds.transferred ? TW_TRANSFERRED : TW_PUBLISHED;
    return finish(model, shape, cost, bounds, launch_s, 1.0);
}

static int engine_of(const TwKernelShape *s) { return tw_dense_engine(s->engine) == TW_ENGINE_VLLM ? VLLM : TRTLLM; }

// Weights alone are narrow (docs/calibration.md): read as a bf16 product of as many bytes reads its own,
// widened and multiplied in bf16, beside the reads by Marlin, after them by Machete, Hopper's.
static TwKernelCost query_weight_only(const TwKernelModel *model, const TwKernelShape *s)
{
    const double machete_u = 0.70;
    double e = tw_number_bytes(s->number);
    TwOpCost op = {2.0 * s->m * s->n * s->k, s->n * s->k * e + 2.0 * s->m * (s->n + s->k)};
    TwOpCost read = {0.0, s->n * s->k * e};
    const TwKernelTable *table =
        &model->gemm[engine_of(s) == VLLM && model->gemm[VLLM][TW_BF16].have ? VLLM : TRTLLM][TW_BF16];
    TwKernelBounds bounds = bounds_of(model, s->number);
    TwKernelCost cost = table->have
                            ? by_utilisation(model, s, table, true, read, s->number, s->m, 0.5 * e * s->n, s->k, s->m)
                            : roofline(model, s, read, s->m);
    bool machete = !tw_before_hopper(&model->chip) && !tw_since_blackwell(&model->chip);
    double u = machete ? machete_u : marlin_u(model), compute_s = op.flop / (u * bounds.flops);
    cost.t_s = machete ? cost.t_s + compute_s : fmax(cost.t_s, cost.t0_s + compute_s);
    cost.flop = op.flop, cost.bytes = op.bytes;
    return finish(model, s, cost, bounds, cost.t0_s, s->m);
}

static TwKernelCost query_gemm(const TwKernelModel *model, const TwKernelShape *s)
{
    bool carried;
    if (tw_number_weight_only(s->number)) return query_weight_only(model, s);
    TwOpCost op = tw_op_gemm(s->m, s->n, s->k, tw_number_bytes(s->number));
    bool vllm = engine_of(s) == VLLM && model->gemm[VLLM][s->number].have;
    const TwKernelTable *table = table_of(model->gemm[vllm ? VLLM : TRTLLM], s->number, &carried);
    if (!table) return roofline(model, s, op, s->m);
    return by_utilisation(model, s, table, carried, op, s->number, s->m, s->n, s->k, s->m);
}

// TensorRT-LLM's own kernel where its times are known, else vLLM's.
static const TwKernelTable *attention_table(const TwKernelTable tables[ENGINES][TW_NUMBERS], const TwKernelShape *s,
                                            bool *carried)
{
    bool own = engine_of(s) == TRTLLM && tables[TRTLLM][s->number].have;
    return table_of(tables[own ? TRTLLM : VLLM], s->number, carried);
}

bool tw_kernel_attention_ropes(const TwKernelModel *model, TwKernelEngine engine, TwNumber cache)
{
    const TwKernelShape shape = {.engine = engine, .number = cache};
    return !model->points && engine_of(&shape) == TRTLLM && model->decode[TRTLLM][cache].have;
}

static TwKernelCost query_decode(const TwKernelModel *model, const TwKernelShape *s)
{
    bool carried;
    double e = tw_number_bytes(s->number);
    TwOpCost op = tw_op_decode(s->batch, s->seq, s->heads, s->kv_heads, s->dim, e);
    const TwKernelTable *table = attention_table(model->decode, s, &carried);
    if (!table) return roofline(model, s, op, 1.0);
    // the tables are of heads 128 wide
    carried |= s->dim != 128.0;
    double cache = 2.0 * s->batch * s->seq * s->kv_heads * s->dim * e;
    double least = fmin(cache / (s->batch * s->kv_heads), cache);
    return by_time(model, s, table, carried, op, cache, least, log2(cache), log2(s->seq), s->heads / s->kv_heads);
}

// What heads of this width take over what their FLOP would at the rate of heads 128 wide.
static double dim_excess(const TwKernelModel *model, const TwKernelShape *s)
{
    for (int i = 0; i < model->dims; i++) {
        const TwHeadDim *dim = &model->dim[i];
        if (dim->number != s->number || dim->dim != s->dim) continue;
        return along(dim->ratio, DIM_NODES, 0.5 * log2(s->seq) - 3.0) * 128.0 / s->dim;
    }
    return 1.0;
}

// vLLM's unified Triton kernel with 16 query rows a program (docs/calibration.md): too few for wgmma.
static TwKernelCost unified_prefill(const TwKernelModel *model, const TwKernelShape *s, TwOpCost op)
{
    // as many FLOP a cycle of a processor before wgmma, whose peak is half as many
    double u = tw_before_hopper(&model->chip) ? 0.120 : 0.060;
    TwKernelShape wide = *s;
    wide.number = TW_BF16;    // a cache of 8 bits is widened on the way
    TwKernelBounds bounds = bounds_of(model, wide.number);
    TwKernelCost cost = {.flop = op.flop, .bytes = op.bytes, .evidence = TW_TRANSFERRED};
    cost.t_s = launch_s + op.flop / (u * bounds.flops);
    return finish(model, &wide, cost, bounds, launch_s, s->seq);
}

static TwKernelCost query_prefill(const TwKernelModel *model, const TwKernelShape *s)
{
    bool carried;
    TwOpCost op = tw_op_prefill(s->batch, s->seq, s->heads, s->kv_heads, s->dim, tw_number_bytes(s->number));
    const TwKernelTable *table = attention_table(model->prefill, s, &carried);
    if (!table) return roofline(model, s, op, s->seq);
    carried |= s->dim != 128.0;
    // the bound of these tables is compute alone
    TwOpCost compute = {op.flop, 0.0};
    TwKernelCost cost = by_utilisation(model, s, table, carried, compute, s->number, s->seq, s->batch * s->heads,
                                       s->heads / s->kv_heads, s->seq);
    cost.bytes = op.bytes;
    cost.byte_j = op.bytes * model->chip.j_per_byte;
    double excess = s->dim != 128.0 ? dim_excess(model, s) : 1.0;
    tw_kernel_stretch(&cost, excess);
    if (s->prompt != TW_PROMPT_TRITON) return cost;
    // published of a long prompt: on short ones no faster than the tables' kernel
    TwKernelCost unified = unified_prefill(model, s, op);
    return unified.t_s > cost.t_s ? unified : cost;
}

static TwKernelCost query_mla_decode(const TwKernelModel *model, const TwKernelShape *s)
{
    bool carried;
    TwOpCost op = tw_op_mla_decode(s->batch, s->seq, s->heads, tw_number_bytes(s->number));
    const TwKernelTable *table = table_of(model->mla_decode, s->number, &carried);
    if (!table) return roofline(model, s, op, 1.0);
    double token = tw_op_mla_decode(1.0, 1.0, 0.0, tw_number_bytes(s->number)).bytes, tokens = s->batch * s->seq;
    return by_time(model, s, table, carried, op, token * tokens, token * fmin(s->seq, tokens), log2(tokens), s->heads,
                   s->seq);
}

static TwKernelCost query_mla_prefill(const TwKernelModel *model, const TwKernelShape *s)
{
    TwOpCost op = tw_op_mla_prefill(s->batch, s->seq, s->heads);
    TwKernelShape bf16 = *s;
    bf16.number = TW_BF16;
    if (!model->mla_prefill.have) return roofline(model, &bf16, op, s->seq);
    TwOpCost compute = {op.flop, 0.0};
    TwKernelCost cost = by_utilisation(model, &bf16, &model->mla_prefill, false, compute, TW_BF16, s->seq, 1.0,
                                       s->batch * s->heads, s->seq);
    cost.bytes = op.bytes;
    cost.byte_j = op.bytes * model->chip.j_per_byte;
    return cost;
}

static TwKernelCost query_glue(const TwKernelModel *model, const TwKernelShape *s)
{
    TwOpCost op = tw_op_glue(s->read, s->written);
    TwKernelBounds bounds = {INFINITY, model->chip.bandwidth_bytes_s, false};
    TwKernelCost cost = {.bytes = op.bytes, .evidence = TW_ASSUMED};
    cost.t_s = glue_s + op.bytes / (glue_utilisation * bounds.bandwidth);
    return finish(model, s, cost, bounds, glue_s, 1.0);
}

static TwKernelCost query_collective(const TwKernelModel *model, const TwKernelShape *s)
{
    TwKernelBounds bounds = {INFINITY, model->chip.bandwidth_bytes_s, false};
    TwKernelCost cost = {.bytes = s->read + s->written, .t_s = s->seconds, .evidence = TW_PUBLISHED};
    return finish(model, s, cost, bounds, launch_s, 1.0);
}

// Sorting and rejection are timed by cycles of the processors, not by bytes: published times of two generations agree a
// cycle better than a byte (docs/calibration.md). They are bound by no peak: with the clock they slow down.
static TwKernelCost query_sample(const TwKernelModel *model, const TwKernelShape *s)
{
    static const struct {
        double start_s, cycles, bytes;    // a logit
    } of[TW_SAMPLERS] = {[TW_SAMPLE_SORT] = {0.1e-3, 26.0, 180.0}, [TW_SAMPLE_REJECTION] = {0.06e-3, 1.4, 16.0}};
    // where the chip does not say
    static const double processors = 148.0, clock_hz = 1.95e9;
    if (s->sampler == TW_SAMPLE_ARGMAX) {
        TwKernelShape pass = {.op = TW_KERNEL_GLUE, .read = tw_op_sample(s->m, s->n, 4.0).bytes};
        return query_glue(model, &pass);
    }
    const TwAcceleratorRow *chip = &model->chip;
    double rate = (chip->sm_count > 0.0 ? chip->sm_count : processors) *
                  (chip->clock_max_hz > 0.0 ? chip->clock_max_hz : clock_hz);
    double logits = s->m * s->n, work_s = logits * of[s->sampler].cycles / rate;
    TwKernelCost cost = {.bytes = logits * of[s->sampler].bytes,
                         .t_s = of[s->sampler].start_s + work_s,
                         .evidence = chip->sm_count > 0.0 ? TW_PUBLISHED : TW_TRANSFERRED};
    TwKernelBounds bounds = {INFINITY, chip->bandwidth_bytes_s, false};
    cost = finish(model, s, cost, bounds, of[s->sampler].start_s, 1.0);
    cost.compute_s = work_s;
    cost.memory_s = fmin(cost.bytes / chip->bandwidth_bytes_s, work_s);
    return cost;
}

static TwOpCost count_of(const TwKernelShape *s)
{
    double e = tw_number_bytes(s->number);
    switch (s->op) {
    case TW_KERNEL_GEMM:
        return tw_op_gemm(s->m, s->n, s->k, e);
    case TW_KERNEL_DECODE:
        return tw_op_decode(s->batch, s->seq, s->heads, s->kv_heads, s->dim, e);
    case TW_KERNEL_PREFILL:
        return tw_op_prefill(s->batch, s->seq, s->heads, s->kv_heads, s->dim, e);
    case TW_KERNEL_MLA_DECODE:
        return tw_op_mla_decode(s->batch, s->seq, s->heads, e);
    default:
        return tw_op_glue(s->read, s->written);
    }
}

// What the measured points say; false where they have no answer.
static bool query_points(const TwKernelModel *model, const TwKernelShape *shape, TwKernelCost *cost)
{
    const double known_site = 0.02;
    bool exact, product = shape->op == TW_KERNEL_GEMM;
    double t = model->points ? tw_kernel_points_s(model->points, shape, &exact) : NAN;
    if (!isfinite(t)) return false;
    TwOpCost op = count_of(shape);
    TwKernelBounds bounds = {tw_chip_peak(&model->chip, product ? shape->number : TW_BF16),
                             model->chip.bandwidth_bytes_s, false};
    *cost = finish(model, shape, (TwKernelCost){.flop = op.flop, .bytes = op.bytes, .t_s = t, .evidence = TW_MEASURED},
                   bounds, launch_s, product ? shape->m : 1.0);
    if (exact) cost->sigma_ln = known_site;
    return true;
}

TwKernelCost tw_kernel_query(const TwKernelModel *model, const TwKernelShape *shape)
{
    TwKernelCost measured;
    if (query_points(model, shape, &measured)) return measured;
    switch (shape->op) {
    case TW_KERNEL_GEMM:
        return query_gemm(model, shape);
    case TW_KERNEL_DECODE:
        return query_decode(model, shape);
    case TW_KERNEL_PREFILL:
        return query_prefill(model, shape);
    case TW_KERNEL_MLA_DECODE:
        return query_mla_decode(model, shape);
    case TW_KERNEL_MLA_PREFILL:
        return query_mla_prefill(model, shape);
    case TW_KERNEL_MOE:
        return tw_kernel_experts(model, shape);
    case TW_KERNEL_GLUE:
        return query_glue(model, shape);
    case TW_KERNEL_COLLECTIVE:
        return query_collective(model, shape);
    case TW_KERNEL_SAMPLE:
        return query_sample(model, shape);
    case TW_KERNEL_INDEX:
        return tw_kernel_index(model, shape);
    case TW_KERNEL_CHOOSE:
        return tw_kernel_choose(model, shape);
    case TW_KERNEL_SPARSE:
        return tw_kernel_sparse(model, shape);
    case TW_KERNEL_OPS:
        break;
    }
    assert(false && "unknown operation");
    return (TwKernelCost){0};
}

void tw_kernel_stretch(TwKernelCost *cost, double times)
{
    cost->flop_j = fmax(cost->flop_j + cost->more_w * (cost->t_s - cost->t0_s) * (times - 1.0), 0.0);
    cost->t_s *= times;
    cost->t0_s *= times;
    cost->compute_s *= times;
    cost->memory_s *= times;
    // the bytes are the same
    cost->l2_s = fmin(cost->l2_s, fmax(cost->compute_s, cost->memory_s));
}

bool tw_kernel_aligned(double m) { return m <= 16.0 || fmod(m, 16.0) == 0.0; }

double tw_kernel_unaligned(const TwKernelModel *model, TwNumber number, double m)
{
    const double *factor = model->unaligned[number];
    if (m <= 16.0) return 1.0;
    // nodes at m = 32, 128, 512, 2048: every second power of two from the fifth
    return along(factor, UNALIGNED_NODES, (log2(m) - 5.0) / 2.0);
}

double tw_kernel_quantise_s(const TwKernelModel *model, TwKernelEngine engine, TwNumber number, double elements)
{
    const TwQuantise *q = &model->quantise[number];
    double any = model->quantise_s[number];
    if (any <= 0.0) return 0.0;
    if (tw_dense_engine(engine) == TW_ENGINE_VLLM && model->gemm[VLLM][number].have)
        // its rows have a known scale: one pass
        return number == TW_FP8 ? tw_kernel_quantise_pass_s(model, number, elements) : 0.0;
    if (q->count < 2) return any;
    double at = fmax(log2(elements), q->log2_elements[0]);
    int i = 0;
    while (i + 2 < q->count && at >= q->log2_elements[i + 1]) i++;
    double slope = (q->ln_s[i + 1] - q->ln_s[i]) / (q->log2_elements[i + 1] - q->log2_elements[i]);
    return exp(q->ln_s[i] + slope * (at - q->log2_elements[i]));
}

double tw_kernel_quantise_pass_s(const TwKernelModel *model, TwNumber number, double elements)
{
    const TwKernelShape pass = {
        .op = TW_KERNEL_GLUE, .read = 2.0 * elements, .written = tw_number_bytes(number) * elements};
    double moved_s = query_glue(model, &pass).t_s;
    // nvfp4 is bound by arithmetic, not by what it moves
    if (number != TW_FP4 || model->quantise[number].count < 2) return moved_s;
    double more_s = tw_kernel_quantise_s(model, TW_ENGINE_TRTLLM, number, elements) -
                    tw_kernel_quantise_s(model, TW_ENGINE_TRTLLM, number, 1.0);
    return fmax(moved_s, glue_s + more_s);
}
