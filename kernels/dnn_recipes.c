#include "kernels/dnn_recipes.h"

#include <math.h>
#include <string.h>

static const cudnnDataType_t bf16 = CUDNN_DATA_BFLOAT16, f32 = CUDNN_DATA_FLOAT, i32 = CUDNN_DATA_INT32;

#define SHAPE(...) ((const int64_t[4]){__VA_ARGS__})

// scores S [b, h, q, keys] -> weights, with the stats that the engines want: max, log of the sum
static int softmax(TwDnn *dnn, int s, const int64_t shape[4], bool without_stats)
{
    const int64_t *rows = SHAPE(shape[0], shape[1], shape[2], 1);
    int most = tw_dnn_virtual(dnn, f32, rows), shifted = tw_dnn_virtual(dnn, f32, shape);
    int weight = tw_dnn_virtual(dnn, f32, shape), sum = tw_dnn_virtual(dnn, f32, rows);
    tw_dnn_reduce(dnn, CUDNN_REDUCE_TENSOR_MAX, s, most);
    tw_dnn_binary(dnn, CUDNN_POINTWISE_SUB, s, most, shifted);
    tw_dnn_unary(dnn, CUDNN_POINTWISE_EXP, shifted, weight);
    tw_dnn_reduce(dnn, CUDNN_REDUCE_TENSOR_ADD, weight, sum);
    if (!without_stats) {
        int logarithm = tw_dnn_virtual(dnn, f32, rows), stats = tw_dnn_virtual(dnn, f32, rows);
        tw_dnn_unary(dnn, CUDNN_POINTWISE_LOG, sum, logarithm);
        tw_dnn_binary(dnn, CUDNN_POINTWISE_ADD, most, logarithm, stats);
    }
    int p = tw_dnn_virtual(dnn, bf16, shape);
    tw_dnn_binary(dnn, CUDNN_POINTWISE_DIV, weight, sum, p);
    return p;
}

void tw_dnn_build_prefill(TwDnn *dnn, const TwCalPoint *point, bool causal, bool without_stats)
{
    const int64_t *p = point->p;
    int64_t b = p[0], rows = p[1], keys = p[1] + p[2], h = p[3], kv = p[4], d = p[5], dv = p[6];
    int q = tw_dnn_tensor(dnn, bf16, SHAPE(b, h, rows, d), SHAPE(rows * h * d, d, h * d, 1));
    int k = tw_dnn_tensor(dnn, bf16, SHAPE(b, kv, d, keys), SHAPE(keys * kv * d, d, 1, kv * d));
    int v = tw_dnn_tensor(dnn, bf16, SHAPE(b, kv, keys, dv), SHAPE(keys * kv * dv, dv, kv * dv, 1));
    int o = tw_dnn_tensor(dnn, bf16, SHAPE(b, h, rows, dv), SHAPE(rows * h * dv, dv, h * dv, 1));
    const int64_t *shape = SHAPE(b, h, rows, keys);
    int product = tw_dnn_virtual(dnn, f32, shape), s = tw_dnn_virtual(dnn, f32, shape);
    tw_dnn_matmul(dnn, q, k, product);
    tw_dnn_binary(dnn, CUDNN_POINTWISE_MUL, product, tw_dnn_number(dnn, (float)(1.0 / sqrt((double)d))), s);
    if (causal) {
        int row = tw_dnn_virtual(dnn, i32, shape), column = tw_dnn_virtual(dnn, i32, shape);
        int mask = tw_dnn_virtual(dnn, CUDNN_DATA_BOOLEAN, shape), masked = tw_dnn_virtual(dnn, f32, shape);
        tw_dnn_index(dnn, 2, s, row);
        if (p[2] > 0) {
            // the last row sees all keys: row + keys - rows
            int moved = tw_dnn_virtual(dnn, i32, shape), placed = tw_dnn_virtual(dnn, i32, shape);
            tw_dnn_binary(dnn, CUDNN_POINTWISE_ADD, row, tw_dnn_whole(dnn, (int32_t)keys), moved);
            tw_dnn_binary(dnn, CUDNN_POINTWISE_SUB, moved, tw_dnn_whole(dnn, (int32_t)rows), placed);
            row = placed;
        }
        tw_dnn_index(dnn, 3, s, column);
        tw_dnn_compare(dnn, CUDNN_POINTWISE_CMP_GE, row, column, mask);
        tw_dnn_select(dnn, s, tw_dnn_number(dnn, -INFINITY), mask, masked);
        s = masked;
    }
    tw_dnn_matmul(dnn, softmax(dnn, s, shape, without_stats), v, o);
}

// what paged decode reads
typedef struct Paged {
    int64_t b, h, kv, d, dv, page, blocks, pages;
    int q, k, v, pages_of, length_kv, length_q, o;
} Paged;

static Paged paged(TwDnn *dnn, const TwCalPoint *point)
{
    const int64_t *p = point->p;
    bool latent = point->kind->op == TW_CAL_MLA_DECODE;
    Paged r = {.b = p[0], .h = p[2], .kv = latent ? 1 : p[3], .d = latent ? 576 : p[4], .page = latent ? p[3] : p[5]};
    r.dv = latent ? 512 : r.d;
    r.pages = tw_decode_pages(point);
    r.blocks = r.b * r.pages;
    r.q = tw_dnn_tensor(dnn, bf16, SHAPE(r.b, r.h, 1, r.d), SHAPE(r.h * r.d, r.d, r.h * r.d, 1));
    r.k =
        tw_dnn_tensor(dnn, bf16, SHAPE(r.blocks, r.kv, r.page, r.d), SHAPE(r.kv * r.page * r.d, r.page * r.d, r.d, 1));
    r.v = tw_dnn_tensor(dnn, bf16, SHAPE(r.blocks, r.kv, r.page, r.dv),
                        SHAPE(r.kv * r.page * r.dv, r.page * r.dv, r.dv, 1));
    r.pages_of = tw_dnn_tensor(dnn, i32, SHAPE(r.b, 1, r.pages, 1), SHAPE(r.pages, r.pages, 1, 1));
    r.length_kv = tw_dnn_tensor(dnn, i32, SHAPE(r.b, 1, 1, 1), SHAPE(1, 1, 1, 1));
    r.length_q = tw_dnn_tensor(dnn, i32, SHAPE(r.b, 1, 1, 1), SHAPE(1, 1, 1, 1));
    r.o = tw_dnn_tensor(dnn, bf16, SHAPE(r.b, r.h, 1, r.dv), SHAPE(r.h * r.dv, r.dv, r.h * r.dv, 1));
    return r;
}

static float decode_scale(const TwCalPoint *point)
{
    // latent attention scales by the width before absorption: 128 + 64
    return (float)(1.0 / sqrt(point->kind->op == TW_CAL_MLA_DECODE ? 192.0 : (double)point->p[4]));
}

static void build_decode(TwDnn *dnn, const TwCalPoint *point)
{
    const char *name = "scaled dot product attention";
    Paged r = paged(dnn, point);
    const TwDnnPort port[] = {
        {CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC, r.q},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC, r.k},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC, r.v},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC, r.o},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC, tw_dnn_number(dnn, decode_scale(point))},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_KDESC, r.pages_of},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_VDESC, r.pages_of},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_QDESC, r.length_q},
        {CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_KVDESC, r.length_kv},
    };
    tw_dnn_finish(
        dnn, tw_dnn_operation(dnn, CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR, port, sizeof port / sizeof *port, name),
        name);
}

static void build_moe(TwDnn *dnn, const TwCalPoint *point)
{
    const char *name = "grouped matmul";
    int64_t rows = point->p[0], n = point->p[1], k = point->p[2], experts = point->p[3];
    int x = tw_dnn_tensor(dnn, bf16, SHAPE(1, rows, k, 0), SHAPE(rows * k, k, 1, 0));
    int w = tw_dnn_tensor(dnn, bf16, SHAPE(experts, k, n, 0), SHAPE(k * n, 1, k, 0));
    int first = tw_dnn_tensor(dnn, i32, SHAPE(experts, 1, 1, 0), SHAPE(1, 1, 1, 0));
    int y = tw_dnn_tensor(dnn, bf16, SHAPE(1, rows, n, 0), SHAPE(rows * n, n, 1, 0));
    const TwDnnPort port[] = {{CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_TOKEN_DESC, x},
                              {CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_WEIGHT_DESC, w},
                              {CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_FIRST_TOKEN_OFFSET_DESC, first},
                              {CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_OUTPUT_DESC, y}};
    cudnnBackendDescriptor_t operation =
        tw_dnn_operation(dnn, CUDNN_BACKEND_OPERATION_MOE_GROUPED_MATMUL_DESCRIPTOR, port, 4, name);
    const cudnnMoeGroupedMatmulMode_t mode = CUDNN_MOE_GROUPED_MATMUL_MODE_NONE;
    if (operation && !dnn->error[0]) {
        cudnnBackendSetAttribute(operation, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_MODE,
                                 CUDNN_TYPE_MOE_GROUPED_MATMUL_MODE, 1, &mode);
        cudnnBackendSetAttribute(operation, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1,
                                 &f32);
    }
    tw_dnn_finish(dnn, operation, name);
}

const char *tw_dnn_recipe(const TwCalPoint *point)
{
    if (strcmp(point->kind->impl_name, "cudnn") != 0) return NULL;
    switch (point->kind->op) {
    case TW_CAL_PREFILL:
        return point->p[2] ? "chunk" : "prefill causal";
    case TW_CAL_DECODE:
        return "decode";
    case TW_CAL_MLA_DECODE:
        return "mla decode";
    default:
        return "moe";
    }
}

void tw_dnn_build(TwDnn *dnn, const TwCalPoint *point)
{
    switch (point->kind->op) {
    case TW_CAL_PREFILL:
        tw_dnn_build_prefill(dnn, point, true, false);
        break;
    case TW_CAL_DECODE:
    case TW_CAL_MLA_DECODE:
        build_decode(dnn, point);
        break;
    default:
        build_moe(dnn, point);
        break;
    }
}

int tw_dnn_memory(const TwCalPoint *point, int operand[TW_OPERANDS])
{
    // the order of the operands is the order in which the recipes make their tensors
    int count = point->kind->op == TW_CAL_PREFILL || point->kind->op == TW_CAL_MOE ? 4 : 7;
    for (int i = 0; i < count; i++) operand[i] = i;
    return count;
}
