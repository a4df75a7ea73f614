// A small builder over the cuDNN backend C API: tensors and operations become a graph, the graph a plan.
//
// Errors are kept: after the first one every call does nothing, and tw_dnn_plan says what went wrong and where. A graph
// can be planned without a device from the JSON record of one (kernels page, section 3), which is how the tests hold
// the recipes; such a plan cannot run.
#pragma once

#include <cudnn.h>
#include <stdbool.h>
#include <stdint.h>

enum { TW_DNN_TENSORS = 64, TW_DNN_OPERATIONS = 32, TW_DNN_DIMS = 4 };

// A tensor that is passed by value.
typedef struct TwDnnScalar {
    bool given;
    union {
        float real;
        int32_t whole;
    } value;
} TwDnnScalar;

typedef struct TwDnn {
    cudnnHandle_t handle;
    cudnnBackendDescriptor_t device;    // NULL: the handle's own
    cudnnBackendDescriptor_t tensor[TW_DNN_TENSORS];
    cudnnBackendDescriptor_t part[2 * TW_DNN_OPERATIONS];    // descriptors of pointwise, matmul, reduction
    cudnnBackendDescriptor_t operation[TW_DNN_OPERATIONS];
    int tensors, parts, operations;
    int64_t uid[TW_DNN_TENSORS];    // of tensor i; 0: virtual
    TwDnnScalar scalar[TW_DNN_TENSORS];
    char error[200];
} TwDnn;

// device_json NULL: plan for the device of the handle. False: *text says why.
bool tw_dnn_begin(TwDnn *dnn, cudnnHandle_t handle, const char *device_json, char *text, int size);
void tw_dnn_end(TwDnn *dnn);

// The index of a tensor. dim[3] 0 where there are three dimensions only.
int tw_dnn_tensor(TwDnn *dnn, cudnnDataType_t type, const int64_t dim[4], const int64_t stride[4]);    // in memory
int tw_dnn_virtual(TwDnn *dnn, cudnnDataType_t type, const int64_t dim[4]);
int tw_dnn_number(TwDnn *dnn, float value);
int tw_dnn_whole(TwDnn *dnn, int32_t value);

// Operations; tensors by index, the result last. An index below 0 is not there.
void tw_dnn_matmul(TwDnn *dnn, int a, int b, int c);
void tw_dnn_unary(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int y);
void tw_dnn_binary(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int b, int y);
void tw_dnn_compare(TwDnn *dnn, cudnnPointwiseMode_t mode, int x, int b, int y);
void tw_dnn_index(TwDnn *dnn, int64_t axis, int x, int y);    // row or column numbers, int32
void tw_dnn_select(TwDnn *dnn, int if_true, int if_false, int mask, int y);
void tw_dnn_reduce(TwDnn *dnn, cudnnReduceTensorOp_t operator_, int x, int y);
// Any other operation: attributes are tensors, in pairs (attribute, tensor), ended by attribute 0 with tensor -1.
typedef struct TwDnnPort {
    cudnnBackendAttributeName_t attribute;
    int tensor;
} TwDnnPort;
cudnnBackendDescriptor_t tw_dnn_operation(TwDnn *dnn, cudnnBackendDescriptorType_t type, const TwDnnPort *port,
                                          int ports, const char *name);
void tw_dnn_finish(TwDnn *dnn, cudnnBackendDescriptor_t operation, const char *name);

// The plan of a graph and what an execution needs.
typedef struct TwDnnPlan {
    cudnnBackendDescriptor_t plan;
    int64_t workspace_bytes;
    int engines;    // how many the heuristic offered
    int64_t uid[TW_DNN_TENSORS];
    void *pointer[TW_DNN_TENSORS];
    TwDnnScalar scalar[TW_DNN_TENSORS];
    int pointers;
    char engine[32];
} TwDnnPlan;

// The first engine of the heuristic that finishes. name: of the recipe, for *text.
bool tw_dnn_plan(TwDnnPlan *plan, TwDnn *dnn, const char *name, char *text, int size);
void tw_dnn_plan_destroy(TwDnnPlan *plan);

// Runs on the stream of the handle. memory[i] belongs to the i-th tensor in memory, in the order of their making.
bool tw_dnn_execute(TwDnnPlan *plan, cudnnHandle_t handle, void *const *memory, void *workspace);

// Bytes of the plan's JSON; and the plan again, for the device that *dnn was begun for: plans can be made beforehand.
int64_t tw_dnn_plan_json(const TwDnnPlan *plan, char *json, int64_t size);
// Which tensors a reloaded plan takes: those of the graph it was made of, built again.
void tw_dnn_plan_tensors(TwDnnPlan *plan, const TwDnn *dnn);
bool tw_dnn_plan_reload(TwDnnPlan *plan, TwDnn *dnn, const char *json, int64_t size);
