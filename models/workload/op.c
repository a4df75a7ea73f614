#include "models/workload/op.h"

#include <math.h>

TwOpCost tw_op_gemm(double m, double n, double k, double e)
{
    return (TwOpCost){2.0 * m * n * k, (n * k + m * k) * e + 2.0 * m * n};
}

TwOpCost tw_op_prefill(double batch, double seq, double heads, double kv_heads, double dim, double e)
{
    return tw_op_chunk(batch, seq, 0.0, heads, kv_heads, dim, e);
}

TwOpCost tw_op_chunk(double batch, double chunk, double history, double heads, double kv_heads, double dim, double e)
{
    return tw_op_attention(batch, chunk, history, heads, kv_heads, dim, dim, e);
}

TwOpCost tw_op_attention(double batch, double q, double prefix, double heads, double kv_heads, double d_qk, double d_v,
                         double e)
{
    double flop = 2.0 * batch * heads * (d_qk + d_v) * q * (prefix + q / 2.0);
    double cache = batch * (prefix + q) * kv_heads * (d_qk + d_v) * e;
    return (TwOpCost){flop, cache + 2.0 * batch * q * heads * (d_qk + d_v)};
}

TwOpCost tw_op_decode(double batch, double context, double heads, double kv_heads, double dim, double e)
{
    double cache = 2.0 * batch * context * kv_heads * dim * e;
    return (TwOpCost){4.0 * batch * context * heads * dim, cache + 4.0 * batch * heads * dim};
}

TwOpCost tw_op_mla_decode(double batch, double context, double heads, double e)
{
    double widths = 576.0 + 512.0;
    return (TwOpCost){2.0 * batch * context * heads * widths,
                      576.0 * batch * context * e + 2.0 * batch * heads * widths};
}

TwOpCost tw_op_mla_prefill(double batch, double seq, double heads)
{
    double widths = 192.0 + 192.0 + 128.0 + 128.0;
    return (TwOpCost){320.0 * batch * seq * seq * heads, 2.0 * batch * seq * heads * widths};
}

TwOpCost tw_op_index(double rows, double seen, double cached, double heads, double dim)
{
    return (TwOpCost){2.0 * rows * seen * heads * dim,
                      cached * (dim + 4.0) + rows * heads * (dim + 4.0) + 4.0 * rows * seen};
}

TwOpCost tw_op_choose(double rows, double seen, double chosen)
{
    return tw_op_glue(4.0 * rows * seen, 4.0 * rows * chosen);
}

TwOpCost tw_op_sparse(double rows, double chosen, double heads, double token_bytes)
{
    double widths = 576.0 + 512.0;
    return (TwOpCost){2.0 * rows * chosen * heads * widths,
                      rows * chosen * (token_bytes + 4.0) + 2.0 * rows * heads * widths};
}

double tw_op_active_experts(double experts, double top_k, double tokens, double ep)
{
    return top_k >= experts ? experts / ep : -(experts / ep) * expm1(-tokens * top_k / experts);
}

TwOpCost tw_op_moe(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                   double e)
{
    return tw_op_moe_mixed(tokens, hidden, inter, experts, top_k, tp, ep, e, e);
}

TwOpCost tw_op_moe_mixed(double tokens, double hidden, double inter, double experts, double top_k, double tp, double ep,
                         double weight, double activation)
{
    double expert = 3.0 * hidden * inter / tp;    // weights of one expert on this GPU
    double rows = tokens * top_k / ep;
    double active = tw_op_active_experts(experts, top_k, tokens, ep);
    return (TwOpCost){2.0 * expert * rows, active * expert * weight + rows * hidden * (activation + 2.0)};
}

TwOpCost tw_op_grouped(double rows, double n, double k, double experts, double e)
{
    return (TwOpCost){2.0 * rows * n * k, fmin(experts, rows) * n * k * e + rows * (n + k) * 2.0};
}

TwOpCost tw_op_glue(double read, double written) { return (TwOpCost){0.0, read + written}; }

TwOpCost tw_op_norm(double rows, double hidden, double out)
{
    return tw_op_glue((2.0 * rows + 1.0) * hidden * 2.0, rows * hidden * (2.0 + out));
}

TwOpCost tw_op_silu(double rows, double width, double out)
{
    return tw_op_glue(4.0 * rows * width, rows * width * out);
}

TwOpCost tw_op_rope(double tokens, double query_width, double key_width, double value_width, double cache_e)
{
    double cached = key_width + value_width;
    return tw_op_glue(2.0 * tokens * (query_width + cached), tokens * (2.0 * query_width + cache_e * cached));
}

TwOpCost tw_op_embed(double tokens, double hidden)
{
    return tw_op_glue(tokens * (2.0 * hidden + 4.0), 2.0 * tokens * hidden);
}

TwOpCost tw_op_router(double tokens, double experts, double top_k, double e)
{
    return tw_op_glue(e * tokens * experts, 8.0 * tokens * top_k);
}

TwOpCost tw_op_permute(double tokens, double hidden, double top_k)
{
    return tw_op_glue(2.0 * tokens * hidden + 4.0 * tokens * top_k, tokens * top_k * (2.0 * hidden + 4.0));
}

TwOpCost tw_op_unpermute(double tokens, double hidden, double top_k)
{
    return tw_op_glue(tokens * top_k * (2.0 * hidden + 8.0), 2.0 * tokens * hidden);
}

TwOpCost tw_op_sample(double rows, double vocabulary, double e)
{
    return tw_op_glue(e * rows * vocabulary, 4.0 * rows);
}

TwOpCost tw_op_copy(double bytes) { return tw_op_glue(bytes, bytes); }

TwOpCost tw_op_collective(double bytes, double factor) { return tw_op_glue(factor * bytes, factor * bytes); }

double tw_op_bound_s(TwOpCost cost, double peak_flops, double bandwidth_bytes_s)
{
    return fmax(cost.flop / peak_flops, cost.bytes / bandwidth_bytes_s);
}
