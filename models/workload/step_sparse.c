#include "models/workload/step_sparse.h"

#include <math.h>

static double layers_of(const TwCompose *c, int64_t layers) { return (double)layers * c->stage_excess; }

bool tw_sparse_short(const TwCompose *c, double length)
{
    bool dense = c->sglang || tw_dense_engine(c->attention) == TW_ENGINE_TRTLLM;
    return dense && length <= (double)c->model->index_tokens;
}

// Scores of `rows` queries over `seen` tokens each, of caches with `cached` in all.
static TwKernelShape scores(const TwCompose *c, double rows, double seen, double cached, bool prompts)
{
    const TwModelRow *m = c->model;
    return (TwKernelShape){.op = TW_KERNEL_INDEX,
                           .m = rows,
                           .seq = seen,
                           .n = cached,
                           .heads = (double)m->index_heads,
                           .dim = (double)m->index_dim,
                           .prompts = prompts};
}

static TwKernelShape choice(const TwCompose *c, double rows, double seen)
{
    return (TwKernelShape){.op = TW_KERNEL_CHOOSE, .m = rows, .seq = seen, .k = (double)c->model->index_tokens};
}

static TwKernelShape attention(const TwCompose *c, double rows, double chosen, bool prompts)
{
    const TwModelRow *m = c->model;
    return (TwKernelShape){.op = TW_KERNEL_SPARSE,
                           .engine = c->attention,
                           .number = c->cache,
                           .m = rows,
                           .seq = chosen,
                           .k = (double)m->index_tokens,
                           .heads = (double)m->heads / c->tp,
                           .read = tw_model_latent_bytes(m, c->cache == TW_FP8),
                           .prompts = prompts,
                           .sglang = c->sglang};
}

void tw_sparse_decode(const TwCompose *c, double sequences, double context, TwEmit *emit, void *to)
{
    const TwModelRow *m = c->model;
    double layers = layers_of(c, tw_model_attention_layers(m)), indexers = layers_of(c, tw_model_indexers(m));
    double most = (double)m->index_tokens;
    TwKernelShape shape = scores(c, sequences, context, sequences * context, false);
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    emit(to, "index scores", indexers, &cost);
    if (context > most) {    // otherwise there is nothing to choose
        shape = choice(c, sequences, context);
        cost = tw_kernel_query(c->kernels, &shape);
        emit(to, "index choice", indexers, &cost);
    }
    double rest_s = tw_kernel_index_rest_s(c->kernels, c->attention, sequences, context > most);
    if (rest_s > 0.0 && !c->sglang) {
        shape = (TwKernelShape){.op = TW_KERNEL_GLUE};
        cost = tw_kernel_query(c->kernels, &shape);
        double more_s = fmax(rest_s - cost.t_s, 0.0);
        cost.t0_s += more_s, cost.t_s += more_s;
        cost.evidence = TW_PUBLISHED;
        emit(to, "index small kernels", indexers, &cost);
    }
    shape = attention(c, sequences, fmin(context, most), false);
    cost = tw_kernel_query(c->kernels, &shape);
    emit(to, "sparse decode attention", layers, &cost);
}

// Those of whole prompts: rows see half of the length on average.
static TwKernelShape prompt_scores(const TwCompose *c, double prompts, double length)
{
    return scores(c, prompts * length, 0.5 * length, prompts * length, true);
}

static bool chooses(const TwCompose *c, double length) { return length > (double)c->model->index_tokens; }

void tw_sparse_prefill(const TwCompose *c, double chunks, double chunk, double history, TwEmit *emit, void *to)
{
    const TwModelRow *m = c->model;
    double seq = chunk + history, tokens = chunks * chunk, indexers = layers_of(c, tw_model_indexers(m));
    // as tw_compose_prefill: prompts of the whole length with as many rows, by their pairs
    double prompts = tokens / seq, share = (history + 0.5 * chunk) / (0.5 * seq);
    TwKernelShape shape = prompt_scores(c, prompts, seq);
    tw_emit_times(emit, to, "prefill index scores", tw_kernel_query(c->kernels, &shape), indexers * share);
    if (chooses(c, seq)) {
        shape = choice(c, tokens, 0.5 * seq);
        tw_emit_times(emit, to, "prefill index choice", tw_kernel_query(c->kernels, &shape), indexers * share);
    }
    // kernels of prompts pass all places, taken or not
    shape = attention(c, tokens, (double)m->index_tokens, true);
    TwKernelCost cost = tw_kernel_query(c->kernels, &shape);
    emit(to, "sparse prefill attention", layers_of(c, tw_model_attention_layers(m)), &cost);
}

static void add(const TwCompose *c, const TwKernelShape *shape, double times, TwSparseCost *sum)
{
    TwKernelCost cost = tw_kernel_query(c->kernels, shape);
    sum->t_s += times * cost.t_s, sum->flop_j += times * cost.flop_j, sum->byte_j += times * cost.byte_j;
}

TwSparseCost tw_sparse_scored(const TwCompose *c, double prompts, double length)
{
    TwSparseCost sum = {0.0, 0.0, 0.0};
    double indexers = layers_of(c, tw_model_indexers(c->model));
    TwKernelShape shape = prompt_scores(c, prompts, length);
    add(c, &shape, indexers, &sum);
    shape = choice(c, prompts * length, 0.5 * length);
    if (chooses(c, length)) add(c, &shape, indexers, &sum);
    return sum;
}

TwSparseCost tw_sparse_attended(const TwCompose *c, double tokens)
{
    TwSparseCost sum = {0.0, 0.0, 0.0};
    TwKernelShape shape = attention(c, tokens, (double)c->model->index_tokens, true);
    add(c, &shape, layers_of(c, tw_model_attention_layers(c->model)), &sum);
    return sum;
}
