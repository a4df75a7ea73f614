#include "kernels/dnn_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// a failure is kept with the call that made it
static bool good(TwDnn *dnn, cudnnStatus_t status, const char *what)
{
    if (status == CUDNN_STATUS_SUCCESS) return true;
    if (!dnn->error[0]) {
        char last[120] = "";
        cudnnGetLastErrorString(last, sizeof last);
        snprintf(dnn->error, sizeof dnn->error, "%s: %s%s%s", what, cudnnGetErrorString(status), last[0] ? ": " : "",
                 last);
    }
    return false;
}

static bool set(TwDnn *dnn, cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t count, const void *value, const char *what)
{
    return d && !dnn->error[0] && good(dnn, cudnnBackendSetAttribute(d, name, type, count, value), what);
}

static bool create(TwDnn *dnn, cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *d, const char *what)
{
    *d = NULL;
    return !dnn->error[0] && good(dnn, cudnnBackendCreateDescriptor(type, d), what);
}

bool tw_dnn_begin(TwDnn *dnn, cudnnHandle_t handle, const char *device_json, char *text, int size)
{
    memset(dnn, 0, sizeof *dnn);
    dnn->handle = handle;
    if (device_json) {
        create(dnn, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &dnn->device, "device properties");
        set(dnn, dnn->device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)strlen(device_json),
            device_json, "device properties");
        if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(dnn->device), "device properties");
    }
    if (!dnn->error[0]) return true;
    snprintf(text, (size_t)size, "%s", dnn->error);
    tw_dnn_end(dnn);
    return false;
}

void tw_dnn_end(TwDnn *dnn)
{
    for (int i = 0; i < dnn->operations; i++)
        if (dnn->operation[i]) cudnnBackendDestroyDescriptor(dnn->operation[i]);
    for (int i = 0; i < dnn->parts; i++)
        if (dnn->part[i]) cudnnBackendDestroyDescriptor(dnn->part[i]);
    for (int i = 0; i < dnn->tensors; i++)
        if (dnn->tensor[i]) cudnnBackendDestroyDescriptor(dnn->tensor[i]);
    if (dnn->device) cudnnBackendDestroyDescriptor(dnn->device);
    memset(dnn, 0, sizeof *dnn);
}

typedef enum Place { IN_MEMORY, VIRTUAL, BY_VALUE } Place;

static int add(TwDnn *dnn, cudnnDataType_t type, const int64_t dim[4], const int64_t stride[4], Place place)
{
    const char *what = "a tensor";
    if (dnn->tensors == TW_DNN_TENSORS) {
        snprintf(dnn->error, sizeof dnn->error, "more than %d tensors", TW_DNN_TENSORS);
        return -1;
    }
    int i = dnn->tensors;
    int64_t uid = i + 1, alignment = 16, dims = 0;
    while (dims < TW_DNN_DIMS && dim[dims]) dims++;
    bool is_virtual = place == VIRTUAL, by_value = place == BY_VALUE;
    cudnnBackendDescriptor_t t;
    create(dnn, CUDNN_BACKEND_TENSOR_DESCRIPTOR, &t, what);
    dnn->tensor[dnn->tensors++] = t;
    dnn->uid[i] = is_virtual ? 0 : uid;
    set(dnn, t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid, what);
    set(dnn, t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, what);
    set(dnn, t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, what);
    set(dnn, t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, dims, dim, what);
    set(dnn, t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, dims, stride, what);
    set(dnn, t, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual, what);
    if (by_value) set(dnn, t, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &by_value, what);
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(t), what);
    return i;
}

int tw_dnn_tensor(TwDnn *dnn, cudnnDataType_t type, const int64_t dim[4], const int64_t stride[4])
{
    return add(dnn, type, dim, stride, IN_MEMORY);
}

int tw_dnn_virtual(TwDnn *dnn, cudnnDataType_t type, const int64_t dim[4])
{
    const int64_t stride[4] = {dim[1] * dim[2] * dim[3], dim[2] * dim[3], dim[3], 1};
    return add(dnn, type, dim, stride, VIRTUAL);
}

static const int64_t ones[4] = {1, 1, 1, 1};

int tw_dnn_number(TwDnn *dnn, float value)
{
    int i = add(dnn, CUDNN_DATA_FLOAT, ones, ones, BY_VALUE);
    if (i >= 0) dnn->scalar[i] = (TwDnnScalar){.given = true, .value.real = value};
    return i;
}

int tw_dnn_whole(TwDnn *dnn, int32_t value)
{
    int i = add(dnn, CUDNN_DATA_INT32, ones, ones, BY_VALUE);
    if (i >= 0) dnn->scalar[i] = (TwDnnScalar){.given = true, .value.whole = value};
    return i;
}

static void keep_part(TwDnn *dnn, cudnnBackendDescriptor_t part)
{
    if (part) dnn->part[dnn->parts++] = part;
}

cudnnBackendDescriptor_t tw_dnn_operation(TwDnn *dnn, cudnnBackendDescriptorType_t type, const TwDnnPort *port,
                                          int ports, const char *name)
{
    cudnnBackendDescriptor_t operation;
    if (dnn->operations == TW_DNN_OPERATIONS)
        snprintf(dnn->error, sizeof dnn->error, "more than %d operations", TW_DNN_OPERATIONS);
    if (!create(dnn, type, &operation, name)) return NULL;
    dnn->operation[dnn->operations++] = operation;
    for (int i = 0; i < ports; i++)
        if (port[i].tensor >= 0)
            set(dnn, operation, port[i].attribute, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &dnn->tensor[port[i].tensor],
                name);
    return operation;
}

void tw_dnn_finish(TwDnn *dnn, cudnnBackendDescriptor_t operation, const char *name)
{
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(operation), name);
}

static const cudnnDataType_t single = CUDNN_DATA_FLOAT;

void tw_dnn_matmul(TwDnn *dnn, int a, int b, int c)
{
    const char *name = "matmul";
    cudnnBackendDescriptor_t part;
    create(dnn, CUDNN_BACKEND_MATMUL_DESCRIPTOR, &part, name);
    keep_part(dnn, part);
    set(dnn, part, CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &single, name);
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(part), name);
    const TwDnnPort port[] = {{CUDNN_ATTR_OPERATION_MATMUL_ADESC, a},
                              {CUDNN_ATTR_OPERATION_MATMUL_BDESC, b},
                              {CUDNN_ATTR_OPERATION_MATMUL_CDESC, c}};
    cudnnBackendDescriptor_t operation =
        tw_dnn_operation(dnn, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, port, 3, name);
    set(dnn, operation, CUDNN_ATTR_OPERATION_MATMUL_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part, name);
    tw_dnn_finish(dnn, operation, name);
}

typedef struct Pointwise {
    cudnnPointwiseMode_t mode;
    cudnnDataType_t precision;
    int64_t axis;    // -1: none
    int x, b, mask, y;
} Pointwise;

static void pointwise(TwDnn *dnn, Pointwise p)
{
    char name[32];
    snprintf(name, sizeof name, "pointwise %d", (int)p.mode);
    cudnnBackendDescriptor_t part;
    create(dnn, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, &part, name);
    keep_part(dnn, part);
    set(dnn, part, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &p.mode, name);
    set(dnn, part, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &p.precision, name);
    if (p.axis >= 0) set(dnn, part, CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, 1, &p.axis, name);
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(part), name);
    const TwDnnPort port[] = {{CUDNN_ATTR_OPERATION_POINTWISE_XDESC, p.x},
                              {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, p.b},
                              {CUDNN_ATTR_OPERATION_POINTWISE_TDESC, p.mask},
                              {CUDNN_ATTR_OPERATION_POINTWISE_YDESC, p.y}};
    cudnnBackendDescriptor_t operation =
        tw_dnn_operation(dnn, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, port, 4, name);
    set(dnn, operation, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part, name);
    tw_dnn_finish(dnn, operation, name);
}

void tw_dnn_unary(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int y)
{
    pointwise(dnn, (Pointwise){mode, CUDNN_DATA_FLOAT, -1, x, -1, -1, y});
}

void tw_dnn_binary(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int b, int y)
{
    pointwise(dnn, (Pointwise){mode, CUDNN_DATA_FLOAT, -1, x, b, -1, y});
}

void tw_dnn_compare(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int b, int y)
{
    pointwise(dnn, (Pointwise){mode, CUDNN_DATA_BOOLEAN, -1, x, b, -1, y});
}

void tw_dnn_index(TwDnn *dnn, int64_t axis, int x, int y)
{
    pointwise(dnn, (Pointwise){CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_INT32, axis, x, -1, -1, y});
}

void tw_dnn_select(TwDnn *dnn, int if_true, int if_false, int mask, int y)
{
    pointwise(dnn, (Pointwise){CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, -1, if_true, if_false, mask, y});
}

void tw_dnn_reduce(TwDnn *dnn, cudnnReduceTensorOp_t operator_, int x, int y)
{
    const char *name = "reduction";
    cudnnBackendDescriptor_t part;
    create(dnn, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, &part, name);
    keep_part(dnn, part);
    set(dnn, part, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &operator_, name);
    set(dnn, part, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &single, name);
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(part), name);
    const TwDnnPort port[] = {{CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x}, {CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y}};
    cudnnBackendDescriptor_t operation =
        tw_dnn_operation(dnn, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, port, 2, name);
    set(dnn, operation, CUDNN_ATTR_OPERATION_REDUCTION_DESC, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part, name);
    tw_dnn_finish(dnn, operation, name);
}

// what a plan is for: the device of a record, or that of the handle
static cudnnStatus_t set_device(cudnnBackendDescriptor_t plan, TwDnn *dnn)
{
    if (dnn->device)
        return cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                                        &dnn->device);
    return cudnnBackendSetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &dnn->handle);
}

// the plan of one engine configuration; false leaves nothing behind
static bool finish_plan(TwDnnPlan *plan, TwDnn *dnn, cudnnBackendDescriptor_t config)
{
    cudnnBackendDescriptor_t made = NULL;
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &made);
    if (!status) status = set_device(made, dnn);
    if (!status)
        status = cudnnBackendSetAttribute(made, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                          1, &config);
    if (!status) status = cudnnBackendFinalize(made);
    int64_t count;
    if (!status)
        status = cudnnBackendGetAttribute(made, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                                          &plan->workspace_bytes);
    if (!status) {
        plan->plan = made;
        return true;
    }
    char last[160] = "";
    cudnnGetLastErrorString(last, sizeof last);
    snprintf(dnn->error, sizeof dnn->error, "%s: %.150s", cudnnGetErrorString(status), last);
    if (made) cudnnBackendDestroyDescriptor(made);
    return false;
}

static void name_engine(TwDnnPlan *plan, cudnnBackendDescriptor_t config)
{
    cudnnBackendDescriptor_t engine = NULL;
    int64_t count = 0, index = -1;
    if (!cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) &&
        !cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                                  &engine))
        cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count, &index);
    snprintf(plan->engine, sizeof plan->engine, "eng%lld", (long long)index);
    if (engine) cudnnBackendDestroyDescriptor(engine);
}

static bool heuristic(TwDnnPlan *plan, TwDnn *dnn, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode)
{
    enum { MOST = 8 };
    const char *name = "heuristic";
    cudnnBackendDescriptor_t heur, config[MOST] = {NULL};
    int64_t count = 0;
    create(dnn, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heur, name);
    set(dnn, heur, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &graph, name);
    set(dnn, heur, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode, name);
    if (dnn->device)
        set(dnn, heur, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &dnn->device, name);
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(heur), name);
    for (int i = 0; i < MOST && !dnn->error[0]; i++) create(dnn, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config[i], name);
    if (!dnn->error[0])
        good(dnn,
             cudnnBackendGetAttribute(heur, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, MOST, &count,
                                      config),
             name);
    plan->engines = (int)(count < MOST ? count : MOST);
    for (int i = 0; i < plan->engines && !plan->plan; i++)
        if (finish_plan(plan, dnn, config[i])) name_engine(plan, config[i]);
    for (int i = 0; i < MOST; i++)
        if (config[i]) cudnnBackendDestroyDescriptor(config[i]);
    if (heur) cudnnBackendDestroyDescriptor(heur);
    return plan->plan != NULL;
}

bool tw_dnn_plan(TwDnnPlan *plan, TwDnn *dnn, const char *name, char *text, int size)
{
    memset(plan, 0, sizeof *plan);
    cudnnBackendDescriptor_t graph = NULL;
    create(dnn, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, &graph, "graph");
    set(dnn, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, dnn->operations, dnn->operation,
        "graph");
    if (!dnn->device) set(dnn, graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &dnn->handle, "graph");
    if (!dnn->error[0]) good(dnn, cudnnBackendFinalize(graph), "graph");
    bool found = !dnn->error[0] && heuristic(plan, dnn, graph, CUDNN_HEUR_MODE_A);
    if (!found && graph) {
        char first[200];
        memcpy(first, dnn->error, sizeof first);
        dnn->error[0] = '\0';
        found = heuristic(plan, dnn, graph, CUDNN_HEUR_MODE_FALLBACK);
        if (!found && first[0]) memcpy(dnn->error, first, sizeof first);
    }
    if (graph) cudnnBackendDestroyDescriptor(graph);
    if (!found) {
        snprintf(text, (size_t)size, "%s: %d engines; %s", name, plan->engines,
                 dnn->error[0] ? dnn->error : "none finishes");
        tw_dnn_plan_destroy(plan);
        return false;
    }
    tw_dnn_plan_tensors(plan, dnn);
    return true;
}

void tw_dnn_plan_tensors(TwDnnPlan *plan, const TwDnn *dnn)
{
    plan->pointers = 0;
    for (int i = 0; i < dnn->tensors; i++) {
        if (!dnn->uid[i]) continue;
        plan->uid[plan->pointers] = dnn->uid[i];
        plan->scalar[plan->pointers++] = dnn->scalar[i];
    }
}

void tw_dnn_plan_destroy(TwDnnPlan *plan)
{
    if (plan->plan) cudnnBackendDestroyDescriptor(plan->plan);
    int engines = plan->engines;
    memset(plan, 0, sizeof *plan);
    plan->engines = engines;
}

bool tw_dnn_execute(TwDnnPlan *plan, cudnnHandle_t handle, void *const *memory, void *workspace)
{
    int next = 0;
    for (int i = 0; i < plan->pointers; i++)
        plan->pointer[i] = plan->scalar[i].given ? (void *)&plan->scalar[i].value : memory[next++];
    cudnnBackendDescriptor_t pack = NULL;
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &pack);
    if (!status)
        status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, plan->pointers,
                                          plan->uid);
    if (!status)
        status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
                                          plan->pointers, plan->pointer);
    if (!status)
        status = cudnnBackendSetAttribute(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    if (!status) status = cudnnBackendFinalize(pack);
    if (!status) status = cudnnBackendExecute(handle, plan->plan, pack);
    if (pack) cudnnBackendDestroyDescriptor(pack);
    return !status;
}

int64_t tw_dnn_plan_json(const TwDnnPlan *plan, char *json, int64_t size)
{
    int64_t count = 0;
    if (cudnnBackendGetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, size,
                                 &count, json))
        return 0;
    return count;
}

bool tw_dnn_plan_reload(TwDnnPlan *plan, TwDnn *dnn, const char *json, int64_t size)
{
    memset(plan, 0, sizeof *plan);
    cudnnStatus_t status = cudnnBackendCreateDescriptor(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan->plan);
    if (!status) status = set_device(plan->plan, dnn);
    if (!status)
        status = cudnnBackendSetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                          size, json);
    if (!status) status = cudnnBackendFinalize(plan->plan);
    int64_t count;
    if (!status)
        status = cudnnBackendGetAttribute(plan->plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1,
                                          &count, &plan->workspace_bytes);
    if (status) tw_dnn_plan_destroy(plan);
    return !status;
}
