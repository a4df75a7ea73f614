// Attention and grouped products as cuDNN graphs (kernels page, section 3). Each function adds tensors and operations
// to *dnn; tensors in memory come in the order that kernels/host/operand.h gives the operands.
#pragma once

#include "kernels/dnn_graph.h"
#include "kernels/host/operand.h"

// Which recipe a point runs: "prefill causal", "chunk", "decode", "mla decode", "moe"; NULL: none.
const char *tw_dnn_recipe(const TwCalPoint *point);
void tw_dnn_build(TwDnn *dnn, const TwCalPoint *point);

// Operand indices of the tensors in memory, in order; the count.
int tw_dnn_memory(const TwCalPoint *point, int operand[TW_OPERANDS]);

// The prefill graph, as a part: without_stats leaves the log-sum-exp out, which cuDNN refuses (a test holds that).
void tw_dnn_build_prefill(TwDnn *dnn, const TwCalPoint *point, bool causal, bool without_stats);
