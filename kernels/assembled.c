#include "kernels/assembled.h"

#include "kernels/device.h"
#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WEIGHTS = 9, MOST_ALLOCATIONS = 4096 };
// of a layer
enum { NORM_1, QKV, QKV_SCALE, OUT, NORM_2, GATE_UP, GATE_UP_SCALE, DOWN, DOWN_SCALE };

struct TwAssembled {
    TwStepModel model;
    TwStepCase step;
    const TwDevice *device;
    TwStepOp op[TW_STEP_OPS];
    TwPlan plan[TW_STEP_OPS];
    int ops;
    void **weight;    // [layers][WEIGHTS]
    void **k, **v;    // paged caches, one a layer
    void **prompt_k, **prompt_v;
    void *embedding, *head, *final_norm, *id, *position, *slot, *turns, *pages, *length_kv, *length_q;
    void *stream[2], *branch, *normed, *normed_scale, *qkv, *q, *attention, *gate_up, *active, *active_scale, *logits;
    void *token;
    void *owned[MOST_ALLOCATIONS];
    int owns;
    bool short_of_memory;
};

// device memory, filled; NULL where there is none left
static void *take(TwAssembled *a, double bytes, TwFill fill, float scale, float offset, uint64_t seed)
{
    void *memory = NULL;
    if (a->short_of_memory || a->owns == MOST_ALLOCATIONS ||
        cudaMalloc(&memory, (size_t)fmax(ceil(bytes), 256.0)) != cudaSuccess) {
        a->short_of_memory = true;
        cudaGetLastError();
        return NULL;
    }
    a->owned[a->owns++] = memory;
    if (tw_cuda_fill(fill, (size_t)bytes, scale, offset, TW_CAL_NORMAL, seed, memory, a->device->stream))
        a->short_of_memory = true;
    return memory;
}

static void *take_list(TwAssembled *a, const int32_t *list, int64_t count)
{
    void *memory = take(a, 4.0 * (double)count, TW_FILL_SCRATCH, 0.0f, 0.0f, 0);
    if (memory && cudaMemcpy(memory, list, (size_t)count * 4, cudaMemcpyHostToDevice)) a->short_of_memory = true;
    return memory;
}

static const TwStepOp *find(const TwAssembled *a, int which)
{
    for (int i = 0; i < a->ops; i++)
        if (a->op[i].which == which) return &a->op[i];
    return NULL;
}

static int64_t decode_blocks(const TwAssembled *a)
{
    const TwStepOp *decode = find(a, TW_STEP_DECODE);
    return decode ? a->step.batch * tw_decode_pages(&decode->point) : 0;
}

// a weight of a product; products in fp8 have a scale a row of it
static void product(TwAssembled *a, void **data, void **scale, bool fp8, double n, double k, uint64_t seed)
{
    float small = (float)(1.0 / sqrt(k));
    *data = take(a, n * k * (fp8 ? 1.0 : 2.0), fp8 ? TW_FILL_E4M3 : TW_FILL_BF16, fp8 ? 1.0f : small, 0.0f, seed);
    *scale = fp8 ? take(a, 4.0 * n, TW_FILL_F32, 0.0f, small, seed) : NULL;
}

static void make_weights(TwAssembled *a, uint64_t seed)
{
    const TwStepModel *m = &a->model;
    double hidden = (double)m->hidden, wide = (double)((m->heads + 2 * m->kv_heads) * m->head_dim);
    double attention = (double)(m->heads * m->head_dim), ffn = (double)m->ffn;
    int64_t pages = decode_blocks(a) + (a->step.chunks * a->step.q + m->page - 1) / m->page;
    double cache = (double)(pages * m->page * m->kv_heads * m->head_dim) * 2.0;
    double prompt = (double)(a->step.chunks * (a->step.q + a->step.prefix) * m->kv_heads * m->head_dim) * 2.0;
    bool fp8 = a->step.fp8;
    for (int64_t l = 0; l < m->layers && !a->short_of_memory; l++) {
        void **w = a->weight + l * WEIGHTS, *none;
        uint64_t own = tw_cal_mix(seed + (uint64_t)l);
        w[NORM_1] = take(a, 2.0 * hidden, TW_FILL_BF16, 0.1f, 1.0f, own + 1);
        w[NORM_2] = take(a, 2.0 * hidden, TW_FILL_BF16, 0.1f, 1.0f, own + 2);
        product(a, &w[QKV], &w[QKV_SCALE], fp8, wide, hidden, own + 3);
        product(a, &w[OUT], &none, false, hidden, attention, own + 4);
        product(a, &w[GATE_UP], &w[GATE_UP_SCALE], fp8, 2.0 * ffn, hidden, own + 5);
        product(a, &w[DOWN], &w[DOWN_SCALE], fp8, hidden, ffn, own + 6);
        a->k[l] = take(a, cache, TW_FILL_BF16, 1.0f, 0.0f, own + 7);
        a->v[l] = take(a, cache, TW_FILL_BF16, 1.0f, 0.0f, own + 8);
        if (a->step.chunks) {
            a->prompt_k[l] = take(a, prompt, TW_FILL_BF16, 1.0f, 0.0f, own + 9);
            a->prompt_v[l] = take(a, prompt, TW_FILL_BF16, 1.0f, 0.0f, own + 10);
        }
    }
    void *none;
    a->embedding = take(a, 2.0 * (double)m->vocab * hidden, TW_FILL_BF16, 1.0f, 0.0f, seed + 11);
    product(a, &a->head, &none, false, (double)m->vocab, hidden, seed + 12);
    a->final_norm = take(a, 2.0 * hidden, TW_FILL_BF16, 0.1f, 1.0f, seed + 13);
}

static void *whole_numbers(int64_t count)
{
    int32_t *list = calloc((size_t)(count ? count : 1), sizeof *list);
    if (!list) abort();
    return list;
}

// which token is where: decoding sequences append behind their context, prompts into pages of their own
static void make_tables(TwAssembled *a, uint64_t seed)
{
    const TwStepModel *m = &a->model;
    const TwStepOp *decode = find(a, TW_STEP_DECODE), *rope = find(a, TW_STEP_ROPE), *embed = find(a, TW_STEP_EMBED);
    int64_t n = tw_step_tokens(&a->step), blocks = decode_blocks(a),
            pages = decode ? tw_decode_pages(&decode->point) : 0;
    int32_t *position = whole_numbers(n), *slot = whole_numbers(n), *id = whole_numbers(n),
            *table = whole_numbers(blocks);
    int32_t *length = whole_numbers(a->step.batch), *one = whole_numbers(a->step.batch);
    float *turns = malloc((size_t)(TW_ROPE_POSITIONS * m->head_dim) * sizeof *turns);
    if (!turns) abort();
    tw_operand_host(&embed->point, TW_EMBED_ID, seed, id);
    tw_operand_host(&rope->point, TW_ROPE_TURNS, seed, turns);
    if (decode) {
        tw_operand_host(&decode->point, TW_DECODE_PAGES, seed, table);
        tw_operand_host(&decode->point, TW_DECODE_LENGTH_KV, seed, length);
    }
    for (int64_t t = 0; t < n; t++) {
        bool decoding = t < a->step.batch;
        int64_t at = decoding ? length[t] - 1 : t - a->step.batch;
        position[t] = (int32_t)(at % TW_ROPE_POSITIONS);
        int64_t page = decoding ? table[t * pages + at / m->page] : blocks + at / m->page;
        slot[t] = (int32_t)(page * m->page + at % m->page);
    }
    for (int64_t b = 0; b < a->step.batch; b++) one[b] = 1;
    a->id = take_list(a, id, n);
    a->position = take_list(a, position, n);
    a->slot = take_list(a, slot, n);
    a->pages = take_list(a, table, blocks);
    a->length_kv = take_list(a, length, a->step.batch);
    a->length_q = take_list(a, one, a->step.batch);
    a->turns = take_list(a, (const int32_t *)(const void *)turns, TW_ROPE_POSITIONS * m->head_dim);
    free(position);
    free(slot);
    free(id);
    free(table);
    free(length);
    free(one);
    free(turns);
}

static void make_activations(TwAssembled *a)
{
    const TwStepModel *m = &a->model;
    double n = (double)tw_step_tokens(&a->step), s = (double)tw_step_logits(&a->step), hidden = (double)m->hidden;
    double attention = (double)(m->heads * m->head_dim), wide = (double)((m->heads + 2 * m->kv_heads) * m->head_dim);
    const struct {
        void **where;
        double bytes;
    } list[] = {
        {&a->stream[0], 2.0 * n * hidden},
        {&a->stream[1], 2.0 * n * hidden},
        {&a->branch, 2.0 * n * hidden},
        {&a->normed, 2.0 * n * hidden},
        {&a->normed_scale, 4.0 * n},
        {&a->qkv, 2.0 * n * wide},
        {&a->q, 2.0 * n * attention},
        {&a->attention, 2.0 * n * attention},
        {&a->gate_up, 4.0 * n * (double)m->ffn},
        {&a->active, 2.0 * n * (double)m->ffn},
        {&a->active_scale, 4.0 * n},
        {&a->logits, 2.0 * s * (double)m->vocab},
        {&a->token, 4.0 * s},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        *list[i].where = take(a, list[i].bytes, TW_FILL_SCRATCH, 0.0f, 0.0f, 0);
}

static void *rows_from(void *base, int64_t row, int64_t width)
{
    return base ? (unsigned char *)base + (size_t)(row * width) * 2 : NULL;
}

// The operands of one launch. half: which of the two norms, and so which half of the residual stream is read.
static void bind(const TwAssembled *a, int which, int64_t layer, int64_t half, void *o[TW_OPERANDS])
{
    void *const *w = a->weight + layer * WEIGHTS;
    bool fp8 = a->step.fp8;
    int64_t width = a->model.heads * a->model.head_dim;
    memset(o, 0, TW_OPERANDS * sizeof *o);
    switch (which) {
    case TW_STEP_EMBED:
        o[TW_EMBED_TABLE] = a->embedding, o[TW_EMBED_ID] = a->id, o[TW_EMBED_Y] = a->stream[0];
        break;
    case TW_STEP_NORM:
    case TW_STEP_FINAL_NORM:
        o[TW_NORM_X] = a->branch, o[TW_NORM_RESIDUAL] = a->stream[half], o[TW_NORM_SUM] = a->stream[1 - half];
        o[TW_NORM_WEIGHT] = which == TW_STEP_FINAL_NORM ? a->final_norm : w[half ? NORM_2 : NORM_1];
        o[TW_NORM_Y] = a->normed;
        o[TW_NORM_SCALE] = fp8 && which == TW_STEP_NORM ? a->normed_scale : NULL;
        break;
    case TW_STEP_QKV:
        o[TW_GEMM_X] = a->normed, o[TW_GEMM_X_SCALE] = a->normed_scale, o[TW_GEMM_Y] = a->qkv;
        o[TW_GEMM_W] = w[QKV], o[TW_GEMM_W_SCALE] = w[QKV_SCALE];
        break;
    case TW_STEP_ROPE:
        o[TW_ROPE_QKV] = a->qkv, o[TW_ROPE_TURNS] = a->turns, o[TW_ROPE_POSITION] = a->position;
        o[TW_ROPE_SLOT] = a->slot, o[TW_ROPE_Q] = a->q, o[TW_ROPE_K] = a->k[layer], o[TW_ROPE_V] = a->v[layer];
        break;
    case TW_STEP_PREFILL:
        o[TW_PREFILL_Q] = rows_from(a->q, a->step.batch, width);
        o[TW_PREFILL_O] = rows_from(a->attention, a->step.batch, width);
        o[TW_PREFILL_K] = a->prompt_k[layer], o[TW_PREFILL_V] = a->prompt_v[layer];
        break;
    case TW_STEP_DECODE:
        o[TW_DECODE_Q] = a->q, o[TW_DECODE_K] = a->k[layer], o[TW_DECODE_V] = a->v[layer],
        o[TW_DECODE_O] = a->attention;
        o[TW_DECODE_PAGES] = a->pages, o[TW_DECODE_LENGTH_KV] = a->length_kv, o[TW_DECODE_LENGTH_Q] = a->length_q;
        break;
    case TW_STEP_OUT:
        o[TW_GEMM_X] = a->attention, o[TW_GEMM_W] = w[OUT], o[TW_GEMM_Y] = a->branch;
        break;
    case TW_STEP_GATE_UP:
        o[TW_GEMM_X] = a->normed, o[TW_GEMM_X_SCALE] = a->normed_scale, o[TW_GEMM_Y] = a->gate_up;
        o[TW_GEMM_W] = w[GATE_UP], o[TW_GEMM_W_SCALE] = w[GATE_UP_SCALE];
        break;
    case TW_STEP_SILU:
        o[TW_SILU_X] = a->gate_up, o[TW_SILU_Y] = a->active, o[TW_SILU_SCALE] = fp8 ? a->active_scale : NULL;
        break;
    case TW_STEP_DOWN:
        o[TW_GEMM_X] = a->active, o[TW_GEMM_X_SCALE] = a->active_scale, o[TW_GEMM_Y] = a->branch;
        o[TW_GEMM_W] = w[DOWN], o[TW_GEMM_W_SCALE] = w[DOWN_SCALE];
        break;
    case TW_STEP_HEAD:
        o[TW_GEMM_X] = a->normed, o[TW_GEMM_W] = a->head, o[TW_GEMM_Y] = a->logits;
        break;
    default:
        o[TW_SAMPLE_LOGIT] = a->logits, o[TW_SAMPLE_ID] = a->token;
        break;
    }
}

static bool launch(TwAssembled *a, int which, int64_t layer, int64_t half)
{
    for (int i = 0; i < a->ops; i++) {
        if (a->op[i].which != which) continue;
        void *o[TW_OPERANDS];
        bind(a, which, layer, half, o);
        return tw_plan_launch(&a->plan[i], o);
    }
    return true;    // a step without it
}

bool tw_assembled_enqueue(TwAssembled *a)
{
    static const int attention[] = {TW_STEP_QKV, TW_STEP_ROPE, TW_STEP_PREFILL, TW_STEP_DECODE, TW_STEP_OUT};
    static const int feed_forward[] = {TW_STEP_GATE_UP, TW_STEP_SILU, TW_STEP_DOWN};
    // the first norm adds what the last step left in the branch unless it is cleared: a step starts from the embedding
    size_t bytes = (size_t)(tw_step_tokens(&a->step) * a->model.hidden) * 2;
    bool good =
        cudaMemsetAsync(a->branch, 0, bytes, a->device->stream) == cudaSuccess && launch(a, TW_STEP_EMBED, 0, 0);
    for (int64_t l = 0; l < a->model.layers && good; l++) {
        good = launch(a, TW_STEP_NORM, l, 0);
        for (size_t i = 0; i < sizeof attention / sizeof *attention && good; i++) good = launch(a, attention[i], l, 0);
        good = good && launch(a, TW_STEP_NORM, l, 1);
        for (size_t i = 0; i < sizeof feed_forward / sizeof *feed_forward && good; i++)
            good = launch(a, feed_forward[i], l, 0);
    }
    return good && launch(a, TW_STEP_FINAL_NORM, 0, 0) && launch(a, TW_STEP_HEAD, 0, 0) &&
           launch(a, TW_STEP_SAMPLE, 0, 0);
}

TwPrepared tw_assembled_create(TwAssembled **assembled, const TwStepModel *model, const TwStepCase *step, uint64_t seed,
                               const TwDevice *device, char *text, int size)
{
    TwAssembled *a = calloc(1, sizeof *a);
    size_t layers = (size_t)model->layers;
    if (!a) abort();
    *assembled = a;
    a->model = *model;
    a->step = *step;
    a->device = device;
    a->ops = tw_step_ops(model, step, a->op);
    a->weight = calloc(layers * WEIGHTS, sizeof(void *));
    a->k = calloc(4 * layers, sizeof(void *));
    if (!a->weight || !a->k) abort();
    a->v = a->k + layers, a->prompt_k = a->v + layers, a->prompt_v = a->prompt_k + layers;
    make_weights(a, seed);
    make_tables(a, seed);
    make_activations(a);
    if (a->short_of_memory || cudaStreamSynchronize(device->stream) != cudaSuccess) {
        snprintf(text, (size_t)size, "no memory for the step");
        tw_assembled_destroy(a);
        *assembled = NULL;
        return TW_NO_MEMORY;
    }
    for (int i = 0; i < a->ops; i++) {
        void *o[TW_OPERANDS];
        bind(a, a->op[i].which, 0, 0, o);
        TwPrepared prepared = tw_plan_create(&a->plan[i], &a->op[i].point, device, o, text, size);
        if (prepared == TW_PREPARED) continue;
        tw_assembled_destroy(a);
        *assembled = NULL;
        return prepared;
    }
    return TW_PREPARED;
}

void tw_assembled_destroy(TwAssembled *a)
{
    if (!a) return;
    for (int i = 0; i < a->ops; i++) tw_plan_destroy(&a->plan[i]);
    for (int i = 0; i < a->owns; i++) cudaFree(a->owned[i]);
    free(a->weight);
    free(a->k);
    free(a);
}

// ---- the check: the same step on the CPU in double precision, activations rounded to bf16 where the kernels store
// them

static float *fetch(const void *device, int64_t count)
{
    uint16_t *half = malloc((size_t)count * 2);
    float *wide = malloc((size_t)count * sizeof *wide);
    if (!half || !wide) abort();
    if (cudaMemcpy(half, device, (size_t)count * 2, cudaMemcpyDeviceToHost) != cudaSuccess)
        memset(half, 0xff, (size_t)count * 2);
    for (int64_t i = 0; i < count; i++) wide[i] = tw_bf16_value(half[i]);
    free(half);
    return wide;
}

static void round_all(int64_t count, const double *from, float *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = tw_bf16_value(tw_bf16((float)from[i]));
}

typedef struct Host {
    float *stream, *branch, *normed, *wide, *q, *attention, *gate_up, *active;
    double *result;
} Host;

static void host_product(const Host *h, const void *weight, int64_t rows, int64_t n, int64_t k, const float *x,
                         float *y)
{
    float *w = fetch(weight, n * k);
    tw_ref_gemm(rows, n, k, x, w, h->result);
    round_all(rows * n, h->result, y);
    free(w);
}

static void host_norm(const Host *h, const void *weight, int64_t rows, int64_t hidden)
{
    float *w = fetch(weight, hidden);
    for (int64_t r = 0; r < rows; r++) {
        double squares = 0.0;
        for (int64_t i = 0; i < hidden; i++) {
            double s = (double)h->stream[r * hidden + i] + (double)h->branch[r * hidden + i];
            h->result[i] = s;
            squares += s * s;
        }
        double scale = 1.0 / sqrt(squares / (double)hidden + tw_ref_epsilon);
        for (int64_t i = 0; i < hidden; i++) {
            h->normed[r * hidden + i] = tw_bf16_value(tw_bf16((float)(h->result[i] * scale * (double)w[i])));
            h->stream[r * hidden + i] = tw_bf16_value(tw_bf16((float)h->result[i]));
        }
    }
    free(w);
}

// attention of every head on the caches as the device's own append left them
static void host_attention(const TwAssembled *a, const Host *h, int64_t layer)
{
    const TwStepModel *m = &a->model;
    const TwStepOp *decode = find(a, TW_STEP_DECODE);
    int64_t pages = tw_decode_pages(&decode->point), tokens = decode_blocks(a) * m->page, d = m->head_dim;
    int32_t *table = whole_numbers(decode_blocks(a));
    float *k = fetch(a->k[layer], tokens * m->kv_heads * d), *v = fetch(a->v[layer], tokens * m->kv_heads * d);
    float *own_k = malloc((size_t)(pages * m->page * d) * sizeof *own_k);
    float *own_v = malloc((size_t)(pages * m->page * d) * sizeof *own_v);
    if (!own_k || !own_v || cudaMemcpy(table, a->pages, (size_t)decode_blocks(a) * 4, cudaMemcpyDeviceToHost)) abort();
    for (int64_t b = 0; b < a->step.batch; b++)
        for (int64_t head = 0; head < m->heads; head++) {
            int64_t length = tw_decode_length(&decode->point, b), kv = head / (m->heads / m->kv_heads);
            for (int64_t t = 0; t < length; t++) {
                int64_t at = (((int64_t)table[b * pages + t / m->page] * m->kv_heads + kv) * m->page + t % m->page) * d;
                memcpy(own_k + t * d, k + at, (size_t)d * sizeof *k);
                memcpy(own_v + t * d, v + at, (size_t)d * sizeof *v);
            }
            tw_ref_attention(1, length, length, d, d, 1.0 / sqrt((double)d), h->q + (b * m->heads + head) * d, own_k,
                             own_v, h->result);
            round_all(d, h->result, h->attention + (b * m->heads + head) * d);
        }
    free(table);
    free(k);
    free(v);
    free(own_k);
    free(own_v);
}

static void host_rope(const TwAssembled *a, const Host *h, const float *turns)
{
    const TwStepModel *m = &a->model;
    int64_t d = m->head_dim, wide = m->heads + 2 * m->kv_heads;
    const TwStepOp *decode = find(a, TW_STEP_DECODE);
    for (int64_t t = 0; t < a->step.batch; t++)
        for (int64_t head = 0; head < m->heads; head++) {
            int64_t position = (tw_decode_length(&decode->point, t) - 1) % TW_ROPE_POSITIONS;
            for (int64_t i = 0; i < d; i++) h->result[i] = (double)h->wide[(t * wide + head) * d + i];
            tw_ref_rope(d, turns + position * d, h->result);
            round_all(d, h->result, h->q + (t * m->heads + head) * d);
        }
}

static double host_step(const TwAssembled *a, const Host *h)
{
    const TwStepModel *m = &a->model;
    int64_t n = tw_step_tokens(&a->step), width = m->heads * m->head_dim;
    int32_t *id = whole_numbers(n);
    float *table = fetch(a->embedding, m->vocab * m->hidden);
    float *turns = malloc((size_t)(TW_ROPE_POSITIONS * m->head_dim) * sizeof *turns);
    if (!turns || cudaMemcpy(id, a->id, (size_t)n * 4, cudaMemcpyDeviceToHost)) abort();
    tw_operand_host(&find(a, TW_STEP_ROPE)->point, TW_ROPE_TURNS, 0, turns);
    for (int64_t t = 0; t < n; t++)
        memcpy(h->stream + t * m->hidden, table + id[t] * m->hidden, (size_t)m->hidden * sizeof *table);
    memset(h->branch, 0, (size_t)(n * m->hidden) * sizeof *h->branch);
    for (int64_t l = 0; l < m->layers; l++) {
        void *const *w = a->weight + l * WEIGHTS;
        host_norm(h, w[NORM_1], n, m->hidden);
        host_product(h, w[QKV], n, (m->heads + 2 * m->kv_heads) * m->head_dim, m->hidden, h->normed, h->wide);
        host_rope(a, h, turns);
        host_attention(a, h, l);
        host_product(h, w[OUT], n, m->hidden, width, h->attention, h->branch);
        host_norm(h, w[NORM_2], n, m->hidden);
        host_product(h, w[GATE_UP], n, 2 * m->ffn, m->hidden, h->normed, h->gate_up);
        for (int64_t t = 0; t < n; t++)
            for (int64_t i = 0; i < m->ffn; i++)
                h->result[t * m->ffn + i] = tw_ref_silu((double)h->gate_up[t * 2 * m->ffn + i]) *
                                            (double)h->gate_up[t * 2 * m->ffn + m->ffn + i];
        round_all(n * m->ffn, h->result, h->active);
        host_product(h, w[DOWN], n, m->hidden, m->ffn, h->active, h->branch);
    }
    host_norm(h, a->final_norm, n, m->hidden);
    float *head = fetch(a->head, m->vocab * m->hidden);
    tw_ref_gemm(n, m->vocab, m->hidden, h->normed, head, h->result);
    uint16_t *got = malloc((size_t)(n * m->vocab) * 2);
    if (!got) abort();
    double error = HUGE_VAL;
    if (cudaMemcpy(got, a->logits, (size_t)(n * m->vocab) * 2, cudaMemcpyDeviceToHost) == cudaSuccess)
        error = tw_ref_error((size_t)(n * m->vocab), got, h->result);
    free(got);
    free(head);
    free(table);
    free(turns);
    free(id);
    return error;
}

double tw_assembled_check(const TwDevice *device, char *text, int size)
{
    static const TwStepModel small = {"two layers", 2, 512, 8, 2, 64, 1024, 1024, 16};
    const TwStepCase step = {.batch = 5, .context = 100, .skew = 50};
    TwAssembled *a;
    if (tw_assembled_create(&a, &small, &step, 3, device, text, size) != TW_PREPARED) return HUGE_VAL;
    double error = HUGE_VAL;
    if (tw_assembled_enqueue(a) && cudaStreamSynchronize(device->stream) == cudaSuccess) {
        size_t n = 5, most = n * 2 * (size_t)small.ffn;
        float *room = calloc(8 * most, sizeof *room);
        double *result = calloc(most, sizeof *result);
        if (!room || !result) abort();
        const Host host = {room,
                           room + most,
                           room + 2 * most,
                           room + 3 * most,
                           room + 4 * most,
                           room + 5 * most,
                           room + 6 * most,
                           room + 7 * most,
                           result};
        error = host_step(a, &host);
        free(room);
        free(result);
    } else {
        snprintf(text, (size_t)size, "the step did not run");
    }
    tw_assembled_destroy(a);
    return error;
}
