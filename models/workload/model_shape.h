// Layer shapes of a transformer language model, as its published configuration states them.
//
// One file a model, facilities/parts/model/NAME.cfg. MLPs are gated (three matrices) or plain (two); attention is
// multi-head, grouped-query or latent (MLA: one cached vector of kv_rank + rope_dim a token and layer, shared by all
// heads); layers without it keep a state of fixed size a sequence (linear.h). A layer is attention or a state with an
// MLP behind it (pair), one of the three alone (single: Nemotron-H), or attention and a state side by side with an MLP
// behind them (parallel: Falcon-H1). Routed experts may work on a narrower vector (expert_hidden: latent experts of
// Nemotron 3). Sparse latent attention (DeepSeek-V3.2's DSA): an
// indexer of index_heads heads scores every cached token, and a query attends to the index_tokens best; it caches
// index_dim fp8 values and a scale of 4 bytes a token and layer. Left out: biases, norms' weights, routers' biases (all
// below 0.1 % of the bytes), multi-token-prediction heads.
#pragma once

#include "sim/config.h"

typedef struct TwModelRow {
    const char *title;
    const char *attention;                     // "mha" "gqa" "mla"
    const char *native;                        // number type of the released weights
    const char *fp4_attention, *fp4_output;    // of the released fp4 weights: projections of attention, its output's
    int64_t layers, hidden;
    int64_t heads, kv_heads, head_dim;    // head_dim of MLA: nope + rope
    int64_t dense_layers, dense_inter;    // layers with a dense MLP and its inner width
    int64_t moe_layers, experts, top_k, expert_inter;
    const char *layer_form;    // "pair" "single" "parallel"
    bool plain_mlp;            // MLPs and experts without a gate: two matrices
    int64_t expert_hidden;     // width that routed experts work on, projected to and from; 0: hidden
    int64_t shared_experts, shared_inter;
    int64_t vocabulary;
    bool tied;                                             // the output head shares the embedding
    int64_t q_rank, kv_rank, nope_dim, rope_dim, v_dim;    // of MLA; 0 otherwise
    int64_t index_heads, index_dim, index_tokens;          // of sparse attention; 0 otherwise
    int64_t index_layers;                                  // that choose tokens for themselves; 0: all
    int64_t window_tokens;                                 // of windowed layers; 0: none
    bool window_chunks;                                    // windows are fixed chunks: a token sees its own alone
    bool attention_sinks;                                  // a learned weight a head in the softmax
    bool query_key_norms;                                  // queries and keys are normed
    bool norms_span_heads;                                 // these over all heads together, not each by itself
    int64_t gate_groups;                                   // of experts behind a sigmoid gate with a bias; 0: another
    int64_t full_layers;                                   // layers with full attention
    bool attention_gate;                                   // what attention gives is gated: queries twice as wide
    bool shared_gate;                                      // what the shared expert gives is
    const char *linear_kind;                               // of layers with a state: "delta" "mamba2" "kda"
    int64_t linear_layers;                                 // layers with one
    int64_t linear_gate_rank;                              // of KDA's decays, and of its output's gates
    bool linear_full_gate;                                 // these gates of the output are of full rank
    int64_t linear_key_heads, linear_value_heads, linear_key_dim, linear_value_dim;
    int64_t conv_tokens;                     // that their convolution over queries, keys and values sees
    const char *state_type;                  // of their state as engines keep it: "bf16" "fp32"
    int64_t positions;                       // longest context
    double parameters, active_parameters;    // as counted from the shapes by the reference table: a check
} TwModelRow;

extern const TwKind tw_model_kind;

bool tw_model_is_mla(const TwModelRow *model);
bool tw_model_is_sparse(const TwModelRow *model);
int64_t tw_model_indexers(const TwModelRow *model);    // layers with one
// Type of attention's projections in the released fp4 weights, or of its output's: as the part says, or by default.
const char *tw_model_fp4_type(const TwModelRow *model, bool output);

// Weights by use, whole model.
typedef struct TwWeights {
    double attention, dense, experts, shared, router;    // all layers; attention with its indexer
    double indexer;                                      // of attention, in the type of its projections
    double index_weights;                                // of attention, weights of the index heads, in bf16
    double latent;                                       // to and from the width of the routed experts
    double output;                                       // of attention, its output projection
    double embedding, head;                              // head 0 where tied
} TwWeights;
TwWeights tw_model_weights(const TwModelRow *model);
double tw_model_parameters(const TwModelRow *model);    // sum of the above

// Layers with attention, full or windowed.
int64_t tw_model_attention_layers(const TwModelRow *model);
// Layers that are an MLP or have one; sums over ranks behind attention and states; norms before these.
int64_t tw_model_mlps(const TwModelRow *model);
int64_t tw_model_mixers(const TwModelRow *model);
int64_t tw_model_mixer_norms(const TwModelRow *model);
bool tw_model_is_single(const TwModelRow *model);
bool tw_model_is_parallel(const TwModelRow *model);
int64_t tw_model_expert_hidden(const TwModelRow *model);

// Cached elements of one token over all of them (windowed layers counted as full) on one of tp GPUs: KV heads are
// divided, at least one each; the latent vector of MLA is not divided.
double tw_model_kv_elements(const TwModelRow *model, int tensor_parallel);

// Bytes of them in a cache of 8 or of 16 bits, with what the indexer caches. Sparse attention's 8-bit cache has a
// token's 512 + 64 values in 656 bytes: fp8, a scale of 4 bytes for 128 of them, positions in bf16 (FlashMLA).
double tw_model_kv_bytes(const TwModelRow *model, int tensor_parallel, bool eight_bits);
// Of these: what attention reads of a token in a layer, what an indexer does.
double tw_model_latent_bytes(const TwModelRow *model, bool eight_bits);
double tw_model_index_bytes(const TwModelRow *model);
