#include "models/workload/model_shape.h"

#include "models/workload/linear.h"

#include <string.h>

#define ROW(field) offsetof(TwModelRow, field)

static const char *const attentions[] = {"mha", "gqa", "mla", NULL};
static const char *const state_types[] = {"bf16", "fp32", NULL};
static const char *const layer_forms[] = {"pair", "single", "parallel", NULL};
static const char *const checkpoint_types[] = {"auto", "bf16", "fp8", "fp8_block", "fp4", NULL};

static const TwField model_fields[] = {
    {"title", "", TW_TEXT, 0, 0, NULL, ROW(title), "models of these shapes", NULL},
    {"attention", "", TW_TEXT, 0, 0, NULL, ROW(attention), "kind of attention", attentions},
    {"native", "", TW_TEXT, 0, 0, NULL, ROW(native), "number type of the released weights; for the reader", NULL},
    {"fp4_attention", "", TW_TEXT, 0, 0, "auto", ROW(fp4_attention),
     "attention's projections in the released fp4 weights; auto: bf16 of MLA, else fp4", checkpoint_types},
    {"fp4_output", "", TW_TEXT, 0, 0, "auto", ROW(fp4_output), "attention's output projection in these weights",
     checkpoint_types},
    {"layers", "1", TW_INTEGER, 1, 1000, NULL, ROW(layers), "transformer layers", NULL},
    {"hidden", "1", TW_INTEGER, 64, 1 << 20, NULL, ROW(hidden), "hidden width", NULL},
    {"heads", "1", TW_INTEGER, 1, 4096, NULL, ROW(heads), "query heads", NULL},
    {"kv_heads", "1", TW_INTEGER, 1, 4096, NULL, ROW(kv_heads), "key and value heads", NULL},
    {"head_dim", "1", TW_INTEGER, 8, 4096, NULL, ROW(head_dim), "width of a head; MLA: nope_dim + rope_dim", NULL},
    {"layer_form", "", TW_TEXT, 0, 0, "pair", ROW(layer_form),
     "a layer: attention or a state, then an MLP; one of the three alone; attention beside a state, then an MLP",
     layer_forms},
    {"dense_layers", "1", TW_INTEGER, 0, 1000, "0", ROW(dense_layers), "layers with a dense MLP", NULL},
    {"plain_mlp", "", TW_BOOLEAN, 0, 0, "false", ROW(plain_mlp), "MLPs and experts have no gate: two matrices", NULL},
    {"dense_inter", "1", TW_INTEGER, 0, 1 << 22, "0", ROW(dense_inter), "inner width of the dense MLP", NULL},
    {"moe_layers", "1", TW_INTEGER, 0, 1000, "0", ROW(moe_layers), "layers with experts", NULL},
    {"experts", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(experts), "routed experts of a layer", NULL},
    {"top_k", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(top_k), "routed experts of a token", NULL},
    {"gate_groups", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(gate_groups),
     "groups of experts behind a sigmoid gate with a bias; 0: another gate", NULL},
    {"expert_inter", "1", TW_INTEGER, 0, 1 << 22, "0", ROW(expert_inter), "inner width of a routed expert", NULL},
    {"expert_hidden", "1", TW_INTEGER, 0, 1 << 20, "0", ROW(expert_hidden),
     "width that routed experts work on, projected to and from; 0: hidden", NULL},
    {"shared_experts", "1", TW_INTEGER, 0, 64, "0", ROW(shared_experts), "experts that every token uses", NULL},
    {"shared_inter", "1", TW_INTEGER, 0, 1 << 22, "0", ROW(shared_inter), "inner width of a shared expert", NULL},
    {"vocabulary", "1", TW_INTEGER, 256, 1 << 24, NULL, ROW(vocabulary), "rows of the embedding", NULL},
    {"tied", "", TW_BOOLEAN, 0, 0, "false", ROW(tied), "the output head shares the embedding", NULL},
    {"q_rank", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(q_rank), "MLA: rank of the query projection", NULL},
    {"kv_rank", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(kv_rank), "MLA: rank of the cached latent vector", NULL},
    {"nope_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(nope_dim), "MLA: query and key width without position", NULL},
    {"rope_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(rope_dim), "MLA: query and key width with position", NULL},
    {"v_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(v_dim), "MLA: width of a value head", NULL},
    {"index_heads", "1", TW_INTEGER, 0, 4096, "0", ROW(index_heads), "sparse attention: heads of the indexer", NULL},
    {"index_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(index_dim), "sparse attention: width of such a head", NULL},
    {"index_tokens", "1", TW_INTEGER, 0, 1 << 24, "0", ROW(index_tokens),
     "sparse attention: cached tokens that a query attends to; 0: all", NULL},
    {"index_layers", "1", TW_INTEGER, 0, 1000, "0", ROW(index_layers),
     "sparse attention: layers that choose them, others take the layer's before; 0: all layers", NULL},
    {"window_tokens", "1", TW_INTEGER, 0, 1 << 24, "0", ROW(window_tokens), "attention window of windowed layers",
     NULL},
    {"window_chunks", "", TW_BOOLEAN, 0, 0, "false", ROW(window_chunks),
     "windows are fixed chunks of the sequence: a token sees its own chunk alone", NULL},
    {"attention_sinks", "", TW_BOOLEAN, 0, 0, "false", ROW(attention_sinks),
     "softmax has a learned weight a head besides", NULL},
    {"query_key_norms", "", TW_BOOLEAN, 0, 0, "false", ROW(query_key_norms),
     "queries and keys are normed beside the rotation", NULL},
    {"norms_span_heads", "", TW_BOOLEAN, 0, 0, "false", ROW(norms_span_heads),
     "these norms are over all heads together: tensor parallelism sums for them", NULL},
    {"full_layers", "1", TW_INTEGER, 0, 1000, NULL, ROW(full_layers), "layers with full attention", NULL},
    {"attention_gate", "", TW_BOOLEAN, 0, 0, "false", ROW(attention_gate),
     "what attention gives is gated: its queries are projected twice as wide", NULL},
    {"shared_gate", "", TW_BOOLEAN, 0, 0, "false", ROW(shared_gate), "what the shared expert gives is gated", NULL},
    {"linear_kind", "", TW_TEXT, 0, 0, "delta", ROW(linear_kind),
     "kind of layers with a state: gated delta net, Mamba-2, Kimi's delta attention", tw_linear_kinds},
    {"linear_layers", "1", TW_INTEGER, 0, 1000, "0", ROW(linear_layers), "layers with a state", NULL},
    {"linear_gate_rank", "1", TW_INTEGER, 0, 1 << 16, "0", ROW(linear_gate_rank),
     "kda: rank of the products that give decays and the output's gates", NULL},
    {"linear_full_gate", "", TW_BOOLEAN, 0, 0, "false", ROW(linear_full_gate),
     "kda: the output's gates are of one product of full rank", NULL},
    {"linear_key_heads", "1", TW_INTEGER, 0, 4096, "0", ROW(linear_key_heads),
     "their query and key heads; groups of Mamba-2", NULL},
    {"linear_value_heads", "1", TW_INTEGER, 0, 4096, "0", ROW(linear_value_heads), "their value heads, a state each",
     NULL},
    {"linear_key_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(linear_key_dim),
     "width of such a query or key; state size of Mamba-2", NULL},
    {"linear_value_dim", "1", TW_INTEGER, 0, 4096, "0", ROW(linear_value_dim), "width of such a value", NULL},
    {"conv_tokens", "1", TW_INTEGER, 0, 64, "0", ROW(conv_tokens), "tokens that their convolution sees", NULL},
    {"state_type", "", TW_TEXT, 0, 0, "bf16", ROW(state_type), "number type of the state as engines keep it",
     state_types},
    {"positions", "1", TW_INTEGER, 1, 1 << 30, NULL, ROW(positions), "longest context", NULL},
    {"parameters", "1", TW_REAL, 1e6, 1e14, NULL, ROW(parameters), "weights, as published or counted", NULL},
    {"active_parameters", "1", TW_REAL, 1e6, 1e14, NULL, ROW(active_parameters),
     "weights that one token touches; for the reader", NULL},
};

const TwKind tw_model_kind = {"model", "model", model_fields, TW_COUNT(model_fields), NULL, 0};

bool tw_model_is_mla(const TwModelRow *model) { return strcmp(model->attention, "mla") == 0; }

bool tw_model_is_sparse(const TwModelRow *model) { return model->index_tokens > 0; }

int64_t tw_model_indexers(const TwModelRow *model)
{
    if (!tw_model_is_sparse(model)) return 0;
    return model->index_layers > 0 ? model->index_layers : tw_model_attention_layers(model);
}

const char *tw_model_fp4_type(const TwModelRow *model, bool output)
{
    const char *word = output ? model->fp4_output : model->fp4_attention;
    if (word && strcmp(word, "auto") != 0) return word;
    return tw_model_is_mla(model) ? "bf16" : "fp4";
}

static double output_weights(const TwModelRow *m)
{
    int64_t wide = tw_model_is_mla(m) ? m->v_dim : m->head_dim;
    return (double)(m->heads * wide) * (double)m->hidden;
}

static double attention_weights(const TwModelRow *m)
{
    double h = (double)m->hidden, heads = (double)m->heads;
    if (!tw_model_is_mla(m)) {
        double q = heads * (double)m->head_dim, kv = (double)(m->kv_heads * m->head_dim);
        return h * ((m->attention_gate ? 2.0 : 1.0) * q + 2.0 * kv) + output_weights(m);
    }
    double q_rank = (double)m->q_rank, kv_rank = (double)m->kv_rank, rope = (double)m->rope_dim;
    double qk = (double)(m->nope_dim + m->rope_dim);
    double q = q_rank > 0.0 ? h * q_rank + q_rank * heads * qk : h * heads * qk;
    double kv = h * (kv_rank + rope) + kv_rank * heads * (double)(m->nope_dim + m->v_dim);
    double gate = m->attention_gate ? h * heads * (double)m->v_dim : 0.0;
    return q + kv + gate + output_weights(m);
}

// Queries from the query latent, one key for all heads.
static double indexer_weights(const TwModelRow *m)
{
    return (double)m->index_dim * ((double)m->q_rank * (double)m->index_heads + (double)m->hidden);
}

TwWeights tw_model_weights(const TwModelRow *m)
{
    double h = (double)m->hidden;
    TwWeights w;
    double attentions = (double)tw_model_attention_layers(m), linear = (double)m->linear_layers;
    w.indexer = (double)tw_model_indexers(m) * indexer_weights(m);
    w.index_weights = (double)(tw_model_indexers(m) * m->index_heads) * h;
    w.attention = attentions * attention_weights(m) + linear * tw_linear_weights(m) + w.indexer + w.index_weights;
    w.output = attentions * output_weights(m) + linear * tw_linear_output_weights(m);
    double matrices = m->plain_mlp ? 2.0 : 3.0, wide = (double)tw_model_expert_hidden(m);
    w.dense = (double)m->dense_layers * matrices * h * (double)m->dense_inter;
    w.experts = (double)m->moe_layers * (double)m->experts * matrices * wide * (double)m->expert_inter;
    w.shared = (double)m->moe_layers * (double)m->shared_experts * matrices * h * (double)m->shared_inter;
    w.latent = m->expert_hidden > 0 ? (double)m->moe_layers * 2.0 * h * wide : 0.0;
    w.router = (double)m->moe_layers * (double)m->experts * h;
    w.embedding = (double)m->vocabulary * h;
    w.head = m->tied ? 0.0 : w.embedding;
    return w;
}

double tw_model_parameters(const TwModelRow *m)
{
    TwWeights w = tw_model_weights(m);
    return w.attention + w.dense + w.experts + w.shared + w.latent + w.router + w.embedding + w.head;
}

static bool has_form(const TwModelRow *m, const char *form)
{
    return m->layer_form && strcmp(m->layer_form, form) == 0;
}
bool tw_model_is_single(const TwModelRow *m) { return has_form(m, "single"); }
bool tw_model_is_parallel(const TwModelRow *m) { return has_form(m, "parallel"); }

int64_t tw_model_mlps(const TwModelRow *m) { return m->dense_layers + m->moe_layers; }

int64_t tw_model_attention_layers(const TwModelRow *m)
{
    if (tw_model_is_parallel(m)) return m->layers;
    return m->layers - m->linear_layers - (tw_model_is_single(m) ? tw_model_mlps(m) : 0);
}

int64_t tw_model_mixers(const TwModelRow *m) { return tw_model_attention_layers(m) + m->linear_layers; }

int64_t tw_model_mixer_norms(const TwModelRow *m) { return tw_model_is_parallel(m) ? m->layers : tw_model_mixers(m); }

int64_t tw_model_expert_hidden(const TwModelRow *m) { return m->expert_hidden > 0 ? m->expert_hidden : m->hidden; }

double tw_model_kv_elements(const TwModelRow *m, int tensor_parallel)
{
    double layers = (double)tw_model_attention_layers(m);
    if (tw_model_is_mla(m)) return layers * (double)(m->kv_rank + m->rope_dim);
    int64_t heads = m->kv_heads / tensor_parallel;
    if (heads < 1) heads = 1;
    return 2.0 * layers * (double)(heads * m->head_dim);
}

double tw_model_latent_bytes(const TwModelRow *m, bool eight_bits)
{
    double latent = (double)m->kv_rank, positions = (double)m->rope_dim;
    if (!eight_bits) return 2.0 * (latent + positions);
    return tw_model_is_sparse(m) ? latent * (1.0 + 4.0 / 128.0) + 2.0 * positions : latent + positions;
}

double tw_model_index_bytes(const TwModelRow *m) { return tw_model_is_sparse(m) ? (double)m->index_dim + 4.0 : 0.0; }

double tw_model_kv_bytes(const TwModelRow *m, int tensor_parallel, bool eight_bits)
{
    if (!tw_model_is_mla(m)) return tw_model_kv_elements(m, tensor_parallel) * (eight_bits ? 1.0 : 2.0);
    return (double)tw_model_attention_layers(m) * tw_model_latent_bytes(m, eight_bits) +
           (double)tw_model_indexers(m) * tw_model_index_bytes(m);
}
