// Sparse latent attention of a step, as DeepSeek-V3.2 and GLM-5 have it (DSA).
//
// In place of attention to every cached token, per layer: an indexer scores all of them in fp8, the best index_tokens
// are chosen, absorbed latent attention reads these alone, of decodes and of prompts. The indexer is whole on every GPU
// of a tensor-parallel group. Layers without an indexer of their own take the choice of the layer before. Prompts of no
// more tokens than can be chosen attend to all of them by the dense kernels under TensorRT-LLM and SGLang, which do
// not score them then. Equations, sources, range: docs/sparse.md.
#pragma once

#include "models/workload/step_compose.h"

// Decodes of one context, all layers.
void tw_sparse_decode(const TwCompose *compose, double sequences, double context, TwEmit *emit, void *to);
// As tw_compose_prefill, where prompts are not short.
void tw_sparse_prefill(const TwCompose *compose, double chunks, double chunk, double history, TwEmit *emit, void *to);
// Whether prompts of so many tokens in all attend to each of them by the dense kernels.
bool tw_sparse_short(const TwCompose *compose, double length);

// Parts of a prefill that the tables of a step hold. Of all layers: scores and choice over whole prompts; attention of
// so many new tokens to what is chosen.
typedef struct TwSparseCost {
    double t_s, flop_j, byte_j;
} TwSparseCost;
TwSparseCost tw_sparse_scored(const TwCompose *compose, double prompts, double length);
TwSparseCost tw_sparse_attended(const TwCompose *compose, double tokens);
