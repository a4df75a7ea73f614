#include "kernels/plan.h"

#include "kernels/device.h"
#include "kernels/ref/ref.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *tw_plan_kernel(const TwCalPoint *point)
{
    static const char *const names[TW_CAL_OPS] = {
        [TW_CAL_DECODE] = "tw_decode",   [TW_CAL_NORM] = "tw_residual_rmsnorm",
        [TW_CAL_SILU] = "tw_silu_mul",   [TW_CAL_ROPE] = "tw_rope_append",
        [TW_CAL_EMBED] = "tw_embed",     [TW_CAL_ROUTER] = "tw_router",
        [TW_CAL_PERMUTE] = "tw_permute", [TW_CAL_UNPERMUTE] = "tw_unpermute",
        [TW_CAL_SAMPLE] = "tw_sample",   [TW_CAL_GATHER] = "tw_gather",
        [TW_CAL_COPY] = "tw_copy",       [TW_CAL_CACHED_COPY] = "tw_copy",
        [TW_CAL_LAUNCH] = "tw_nothing",  [TW_CAL_SPIN] = "tw_spin",
    };
    const char *name = names[point->kind->op];
    return point->kind->impl == TW_CAL_HAND && name ? name : "";
}

static char *file_text(const char *path, int64_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    char *text = NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (*size = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0) {
        text = malloc((size_t)*size);
        if (text && fread(text, 1, (size_t)*size, file) != (size_t)*size) {
            free(text);
            text = NULL;
        }
    }
    fclose(file);
    return text;
}

static void plan_path(const char *folder, const TwCalPoint *point, char *path, size_t size)
{
    snprintf(path, size, "%s/%016llx.json", folder, (unsigned long long)tw_cal_id(point));
}

// The plan made beforehand, if there is one that this version and device take. Its file: the engine's name, a line's
// end, the library's JSON.
static bool reload(TwPlan *plan, TwDnn *dnn)
{
    if (!plan->device->plans) return false;
    char path[4096];
    int64_t size = 0;
    plan_path(plan->device->plans, &plan->point, path, sizeof path);
    char *text = file_text(path, &size), *json = text ? memchr(text, '\n', (size_t)size) : NULL;
    if (json) json++;
    bool loaded = json && tw_dnn_plan_reload(&plan->dnn, dnn, json, size - (json - text));
    if (loaded) {
        snprintf(plan->dnn.engine, sizeof plan->dnn.engine, "%.*s", (int)(json - text - 1), text);
        tw_dnn_plan_tensors(&plan->dnn, dnn);
    }
    free(text);
    return loaded;
}

static TwPrepared plan_dnn(TwPlan *plan, char *text, int size)
{
    TwDnn dnn;
    if (!tw_dnn_begin(&dnn, plan->device->dnn, NULL, text, size)) return TW_DEVICE_ERROR;
    tw_dnn_build(&dnn, &plan->point);
    bool made = reload(plan, &dnn) || tw_dnn_plan(&plan->dnn, &dnn, tw_dnn_recipe(&plan->point), text, size);
    tw_dnn_end(&dnn);
    if (!made) return TW_NO_ALGORITHM;
    snprintf(plan->algo, sizeof plan->algo, "%s", plan->dnn.engine);
    plan->ws_bytes = (double)plan->dnn.workspace_bytes;
    if (plan->dnn.workspace_bytes > 0 &&
        cudaMalloc(&plan->workspace, (size_t)plan->dnn.workspace_bytes) != cudaSuccess) {
        snprintf(text, (size_t)size, "no memory for a workspace of %.1f MB", 1e-6 * plan->ws_bytes);
        cudaGetLastError();
        tw_plan_destroy(plan);
        return TW_NO_MEMORY;
    }
    return TW_PREPARED;
}

TwPrepared tw_plan_create(TwPlan *plan, const TwCalPoint *point, const TwDevice *device, void *const *operand,
                          char *text, int size)
{
    *plan = (TwPlan){.point = *point, .device = device};
    if (point->kind->op == TW_CAL_GEMM) {
        if (!tw_lt_gemm_create(&plan->gemm, point, device->sm_count, operand, device->stream, text, size))
            return TW_NO_ALGORITHM;
        snprintf(plan->algo, sizeof plan->algo, "%s", plan->gemm.text);
        plan->ws_bytes = (double)plan->gemm.workspace_bytes;
    } else if (tw_dnn_recipe(point)) {
        return plan_dnn(plan, text, size);
    }
    return TW_PREPARED;
}

void tw_plan_destroy(TwPlan *plan)
{
    if (plan->gemm.handle) tw_lt_gemm_destroy(&plan->gemm);
    tw_dnn_plan_destroy(&plan->dnn);
    if (plan->workspace) cudaFree(plan->workspace);
    *plan = (TwPlan){0};
}

static cudaError_t launch_copy(const TwCalPoint *point, void *const *o, cudaStream_t stream)
{
    const char *impl = point->kind->impl_name;
    if (point->kind->impl == TW_CAL_HAND)
        return tw_cuda_copy(point->p[0], point->kind->op == TW_CAL_CACHED_COPY, o[TW_COPY_FROM], o[TW_COPY_TO], stream);
    enum cudaMemcpyKind way = strcmp(impl, "from_host") == 0 ? cudaMemcpyHostToDevice
                              : strcmp(impl, "to_host") == 0 ? cudaMemcpyDeviceToHost
                                                             : cudaMemcpyDeviceToDevice;
    return cudaMemcpyAsync(o[TW_COPY_TO], o[TW_COPY_FROM], (size_t)point->p[0], way, stream);
}

static cudaError_t launch_hand(const TwPlan *plan, void *const *o)
{
    const TwCalPoint *point = &plan->point;
    const int64_t *p = point->p;
    cudaStream_t stream = plan->device->stream;
    bool narrow = point->kind->type == TW_CAL_FP8;
    switch (point->kind->op) {
    case TW_CAL_DECODE: {
        const TwDecode d = {(int)p[0],
                            (int)p[2],
                            (int)p[3],
                            (int)p[4],
                            (int)p[5],
                            (int)tw_decode_pages(point),
                            (int)tw_decode_parts(point),
                            narrow,
                            o[TW_DECODE_Q],
                            o[TW_DECODE_K],
                            o[TW_DECODE_V],
                            o[TW_DECODE_PAGES],
                            o[TW_DECODE_LENGTH_KV],
                            o[TW_DECODE_O],
                            o[TW_DECODE_PARTS]};
        return tw_cuda_decode(&d, stream);
    }
    case TW_CAL_NORM:
        return tw_cuda_residual_rmsnorm(p[0], p[1], (float)tw_ref_epsilon, o[TW_NORM_X], o[TW_NORM_RESIDUAL],
                                        o[TW_NORM_WEIGHT], o[TW_NORM_SUM], o[TW_NORM_Y], o[TW_NORM_SCALE], stream);
    case TW_CAL_SILU:
        return tw_cuda_silu_mul(p[0], p[1], o[TW_SILU_X], o[TW_SILU_Y], o[TW_SILU_SCALE], stream);
    case TW_CAL_ROPE: {
        const TwRope r = {p[0],         (int)p[1],      (int)p[2],        (int)p[3],           (int)p[4],
                          narrow,       o[TW_ROPE_QKV], o[TW_ROPE_TURNS], o[TW_ROPE_POSITION], o[TW_ROPE_SLOT],
                          o[TW_ROPE_Q], o[TW_ROPE_K],   o[TW_ROPE_V]};
        return tw_cuda_rope_append(&r, stream);
    }
    case TW_CAL_EMBED:
        return tw_cuda_embed(p[0], p[1], o[TW_EMBED_TABLE], o[TW_EMBED_ID], o[TW_EMBED_Y], stream);
    case TW_CAL_ROUTER:
        return tw_cuda_router(p[0], (int)p[1], (int)p[2], o[TW_ROUTER_LOGIT], o[TW_ROUTER_WEIGHT], o[TW_ROUTER_ID],
                              stream);
    case TW_CAL_PERMUTE:
        return tw_cuda_permute(p[0], p[1], (int)p[2], (int)p[3], o[TW_PERMUTE_X], o[TW_PERMUTE_ID], o[TW_PERMUTE_ROW],
                               o[TW_PERMUTE_FIRST], o[TW_PERMUTE_Y], stream);
    case TW_CAL_UNPERMUTE:
        return tw_cuda_unpermute(p[0], p[1], (int)p[3], o[TW_UNPERMUTE_X], o[TW_UNPERMUTE_ROW], o[TW_UNPERMUTE_WEIGHT],
                                 o[TW_UNPERMUTE_Y], stream);
    case TW_CAL_SAMPLE:
        return tw_cuda_sample(p[0], p[1], p[2], (int)p[3], tw_ref_sample_seed, o[TW_SAMPLE_LOGIT], o[TW_SAMPLE_ID],
                              stream);
    case TW_CAL_GATHER:
        return tw_cuda_gather(p[0] / p[1], p[1], o[TW_GATHER_FROM], o[TW_GATHER_BLOCK], o[TW_GATHER_TO], stream);
    case TW_CAL_LAUNCH:
        return tw_cuda_nothing(p[0], stream);
    case TW_CAL_SPIN:
        return tw_cuda_spin(p[0], plan->device->sm_count, stream);
    default:
        return launch_copy(point, o, stream);
    }
}

bool tw_plan_launch(TwPlan *plan, void *const *o)
{
    if (plan->point.kind->op == TW_CAL_GEMM) return tw_lt_gemm_enqueue(&plan->gemm, o, plan->device->stream);
    if (plan->point.kind->op == TW_CAL_IDLE) return true;
    if (!tw_dnn_recipe(&plan->point)) return launch_hand(plan, o) == cudaSuccess;
    int operand[TW_OPERANDS];
    void *memory[TW_OPERANDS];
    int count = tw_dnn_memory(&plan->point, operand);
    for (int i = 0; i < count; i++) memory[i] = o[operand[i]];
    return tw_dnn_execute(&plan->dnn, plan->device->dnn, memory, plan->workspace);
}

bool tw_plan_write(const TwCalPoint *point, const char *device_json, const char *path, char *text, int size)
{
    enum { MOST = 1 << 20 };
    TwDnn dnn;
    TwDnnPlan plan = {0};
    if (!tw_dnn_begin(&dnn, NULL, device_json, text, size)) return false;
    tw_dnn_build(&dnn, point);
    bool made = tw_dnn_plan(&plan, &dnn, tw_dnn_recipe(point), text, size);
    char *json = malloc(MOST);
    int64_t length = made && json ? tw_dnn_plan_json(&plan, json, MOST) : 0;
    bool written = false;
    char temporary[4096];
    snprintf(temporary, sizeof temporary, "%s.tmp", path);
    FILE *file = length > 0 && length < MOST ? fopen(temporary, "wb") : NULL;
    if (file) {
        written = fprintf(file, "%s\n", plan.engine) > 0 && fwrite(json, 1, (size_t)length, file) == (size_t)length;
        written = fclose(file) == 0 && written && rename(temporary, path) == 0;
        if (!written) snprintf(text, (size_t)size, "%s cannot be written", path);
    } else if (made) {
        snprintf(text, (size_t)size, "%s cannot be written", path);
    }
    free(json);
    if (made) tw_dnn_plan_destroy(&plan);
    tw_dnn_end(&dnn);
    return written;
}
