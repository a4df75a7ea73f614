// cuDNN of the emulated GPU: keeps what descriptors were given and interprets the graph, one operation after another,
// by the meanings that the backend's reference gives them. Strides, masks, head groups, pages and the order of pointers
// are thus held against kernels/ref; what an engine supports is not (tests/kernels/cuda asks the library itself).
#include "cudnn.h"
#include "device.h"
#include "language.h"

extern "C" {
#include "kernels/ref/formats.h"
}

#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace {
struct Value {
    int64_t count = 0;
    std::vector<unsigned char> bytes;
};
struct Content {
    cudnnBackendDescriptorType_t type;
    bool finished = false;
    std::map<int, Value> attribute;
    std::map<int, std::vector<std::shared_ptr<Content>>> link;    // descriptors inside
    std::string json;
    int64_t engine = 0;
};
typedef std::shared_ptr<Content> Held;

size_t size_of(cudnnBackendAttributeType_t type)
{
    switch (type) {
    case CUDNN_TYPE_INT64:
    case CUDNN_TYPE_VOID_PTR:
    case CUDNN_TYPE_HANDLE:
        return 8;
    case CUDNN_TYPE_BOOLEAN:
    case CUDNN_TYPE_CHAR:
        return 1;
    default:
        return 4;
    }
}
template <typename T> T get(const Held &c, int name, T otherwise = T{})
{
    auto found = c->attribute.find(name);
    if (found == c->attribute.end()) return otherwise;
    T value;
    memcpy(&value, found->second.bytes.data(), sizeof value);
    return value;
}
std::vector<int64_t> list(const Held &c, int name)
{
    const Value &v = c->attribute.at(name);
    std::vector<int64_t> out((size_t)v.count);
    memcpy(out.data(), v.bytes.data(), v.bytes.size());
    return out;
}
Held inside(const Held &c, int name)
{
    auto found = c->link.find(name);
    return found == c->link.end() ? nullptr : found->second[0];
}

// ---- a tensor as numbers, four dimensions

struct Tensor {
    int64_t dim[4] = {1, 1, 1, 1};
    std::vector<double> x;
    int64_t at(int64_t a, int64_t b, int64_t c, int64_t d) const
    {
        // a dimension of one stands for all
        int64_t i[4] = {a, b, c, d}, place = 0;
        for (int k = 0; k < 4; k++) place = place * dim[k] + (dim[k] == 1 ? 0 : i[k]);
        return place;
    }
};
struct Shape {
    int64_t dim[4] = {1, 1, 1, 1}, stride[4] = {0, 0, 0, 0};
    cudnnDataType_t type;
};
Shape shape_of(const Held &t)
{
    Shape s;
    std::vector<int64_t> dim = list(t, CUDNN_ATTR_TENSOR_DIMENSIONS), stride = list(t, CUDNN_ATTR_TENSOR_STRIDES);
    size_t skip = 4 - dim.size();
    for (size_t i = 0; i < dim.size(); i++) s.dim[skip + i] = dim[i], s.stride[skip + i] = stride[i];
    s.type = get<cudnnDataType_t>(t, CUDNN_ATTR_TENSOR_DATA_TYPE);
    return s;
}
double number(const void *from, int64_t at, cudnnDataType_t type)
{
    switch (type) {
    case CUDNN_DATA_BFLOAT16:
        return (double)tw_bf16_value(((const uint16_t *)from)[at]);
    case CUDNN_DATA_INT32:
        return (double)((const int32_t *)from)[at];
    default:
        return (double)((const float *)from)[at];
    }
}

struct Machine {
    std::map<int64_t, void *> pointer;
    std::map<int64_t, Tensor> made;

    Tensor load(const Held &t)
    {
        int64_t uid = get<int64_t>(t, CUDNN_ATTR_TENSOR_UNIQUE_ID);
        auto before = made.find(uid);
        if (before != made.end()) return before->second;
        if (get<bool>(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL)) emulated::wrong("a virtual tensor that no operation wrote");
        if (!pointer.count(uid)) emulated::wrong("a tensor without a pointer in the pack");
        Shape s = shape_of(t);
        Tensor out;
        for (int k = 0; k < 4; k++) out.dim[k] = s.dim[k];
        for (int64_t a = 0; a < s.dim[0]; a++)
            for (int64_t b = 0; b < s.dim[1]; b++)
                for (int64_t c = 0; c < s.dim[2]; c++)
                    for (int64_t d = 0; d < s.dim[3]; d++)
                        out.x.push_back(number(pointer[uid],
                                               a * s.stride[0] + b * s.stride[1] + c * s.stride[2] + d * s.stride[3],
                                               s.type));
        return out;
    }
    void store(const Held &t, Tensor value)
    {
        Shape s = shape_of(t);
        int64_t uid = get<int64_t>(t, CUDNN_ATTR_TENSOR_UNIQUE_ID);
        for (int k = 0; k < 4; k++)
            if (s.dim[k] != value.dim[k]) emulated::wrong("a result of another shape than its tensor");
        if (s.type == CUDNN_DATA_BFLOAT16)
            for (double &x : value.x) x = (double)tw_bf16_value(tw_bf16((float)x));
        if (!get<bool>(t, CUDNN_ATTR_TENSOR_IS_VIRTUAL)) {
            if (s.type != CUDNN_DATA_BFLOAT16) emulated::wrong("an output that is not bf16");
            uint16_t *to = (uint16_t *)pointer[uid];
            for (int64_t a = 0; a < s.dim[0]; a++)
                for (int64_t b = 0; b < s.dim[1]; b++)
                    for (int64_t c = 0; c < s.dim[2]; c++)
                        for (int64_t d = 0; d < s.dim[3]; d++)
                            to[a * s.stride[0] + b * s.stride[1] + c * s.stride[2] + d * s.stride[3]] =
                                tw_bf16((float)value.x[(size_t)value.at(a, b, c, d)]);
        }
        made[uid] = std::move(value);
    }

    void matmul(const Held &op)
    {
        Tensor a = load(inside(op, CUDNN_ATTR_OPERATION_MATMUL_ADESC)),
               b = load(inside(op, CUDNN_ATTR_OPERATION_MATMUL_BDESC)), c;
        if (a.dim[3] != b.dim[2] || a.dim[1] % b.dim[1]) emulated::wrong("a product of shapes that do not fit");
        c.dim[0] = a.dim[0], c.dim[1] = a.dim[1], c.dim[2] = a.dim[2], c.dim[3] = b.dim[3];
        c.x.resize((size_t)(c.dim[0] * c.dim[1] * c.dim[2] * c.dim[3]));
        int64_t group = a.dim[1] / b.dim[1];
        for (int64_t i = 0; i < c.dim[0]; i++)
            for (int64_t h = 0; h < c.dim[1]; h++)
                for (int64_t m = 0; m < c.dim[2]; m++)
                    for (int64_t k = 0; k < a.dim[3]; k++) {
                        double left = a.x[(size_t)a.at(i, h, m, k)];
                        if (left == 0.0) continue;
                        const double *line = &b.x[(size_t)b.at(i, h / group, k, 0)];
                        double *out = &c.x[(size_t)c.at(i, h, m, 0)];
                        for (int64_t n = 0; n < c.dim[3]; n++) out[n] += left * line[n];
                    }
        store(inside(op, CUDNN_ATTR_OPERATION_MATMUL_CDESC), std::move(c));
    }

    void pointwise(const Held &op)
    {
        Held part = inside(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
        auto mode = get<cudnnPointwiseMode_t>(part, CUDNN_ATTR_POINTWISE_MODE);
        int64_t axis = get<int64_t>(part, CUDNN_ATTR_POINTWISE_AXIS, -1);
        Held to = inside(op, CUDNN_ATTR_OPERATION_POINTWISE_YDESC),
             with = inside(op, CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
        Held choice = inside(op, CUDNN_ATTR_OPERATION_POINTWISE_TDESC);
        Tensor x = load(inside(op, CUDNN_ATTR_OPERATION_POINTWISE_XDESC)), b, t, y;
        if (with) b = load(with);
        if (choice) t = load(choice);
        Shape s = shape_of(to);
        for (int k = 0; k < 4; k++) y.dim[k] = s.dim[k];
        for (int64_t i = 0; i < s.dim[0]; i++)
            for (int64_t j = 0; j < s.dim[1]; j++)
                for (int64_t k = 0; k < s.dim[2]; k++)
                    for (int64_t l = 0; l < s.dim[3]; l++) {
                        const int64_t index[4] = {i, j, k, l};
                        double u = x.x[(size_t)x.at(i, j, k, l)], v = with ? b.x[(size_t)b.at(i, j, k, l)] : 0.0,
                               r = 0.0;
                        switch (mode) {
                        case CUDNN_POINTWISE_ADD:
                            r = u + v;
                            break;
                        case CUDNN_POINTWISE_SUB:
                            r = u - v;
                            break;
                        case CUDNN_POINTWISE_MUL:
                            r = u * v;
                            break;
                        case CUDNN_POINTWISE_DIV:
                            r = u / v;
                            break;
                        case CUDNN_POINTWISE_EXP:
                            r = exp(u);
                            break;
                        case CUDNN_POINTWISE_LOG:
                            r = log(u);
                            break;
                        case CUDNN_POINTWISE_CMP_GE:
                            r = u >= v;
                            break;
                        case CUDNN_POINTWISE_GEN_INDEX:
                            r = (double)index[axis];
                            break;
                        case CUDNN_POINTWISE_BINARY_SELECT:
                            r = t.x[(size_t)t.at(i, j, k, l)] != 0.0 ? u : v;
                            break;
                        }
                        y.x.push_back(r);
                    }
        store(to, std::move(y));
    }

    void reduce(const Held &op)
    {
        auto how =
            get<cudnnReduceTensorOp_t>(inside(op, CUDNN_ATTR_OPERATION_REDUCTION_DESC), CUDNN_ATTR_REDUCTION_OPERATOR);
        Held to = inside(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC);
        Tensor x = load(inside(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC)), y;
        Shape s = shape_of(to);
        for (int k = 0; k < 4; k++) y.dim[k] = s.dim[k];
        bool largest = how == CUDNN_REDUCE_TENSOR_MAX;
        y.x.assign((size_t)(s.dim[0] * s.dim[1] * s.dim[2] * s.dim[3]), largest ? -INFINITY : 0.0);
        for (int64_t i = 0; i < x.dim[0]; i++)
            for (int64_t j = 0; j < x.dim[1]; j++)
                for (int64_t k = 0; k < x.dim[2]; k++)
                    for (int64_t l = 0; l < x.dim[3]; l++) {
                        double &out = y.x[(size_t)y.at(i, j, k, l)], in = x.x[(size_t)x.at(i, j, k, l)];
                        out = largest ? std::max(out, in) : out + in;
                    }
        store(to, std::move(y));
    }

    // attention on pages: containers [block, head, place, d], tables [b, 1, pages, 1]
    void attention(const Held &op)
    {
        Tensor q = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_QDESC)),
               k = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_KDESC));
        Tensor v = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_VDESC)),
               scale = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_SCALEDESC));
        Tensor k_page = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_KDESC));
        Tensor v_page = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_PAGE_TABLE_VDESC));
        Tensor q_length = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_QDESC));
        Tensor kv_length = load(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_SEQ_LEN_KVDESC)), o;
        o.dim[0] = q.dim[0], o.dim[1] = q.dim[1], o.dim[2] = q.dim[2], o.dim[3] = v.dim[3];
        o.x.resize((size_t)(o.dim[0] * o.dim[1] * o.dim[2] * o.dim[3]));
        int64_t group = q.dim[1] / k.dim[1], page = k.dim[2];
        for (int64_t b = 0; b < q.dim[0]; b++)
            for (int64_t h = 0; h < q.dim[1]; h++)
                for (int64_t r = 0; r < (int64_t)q_length.x[(size_t)q_length.at(b, 0, 0, 0)]; r++) {
                    int64_t length = (int64_t)kv_length.x[(size_t)kv_length.at(b, 0, 0, 0)];
                    std::vector<double> score((size_t)length);
                    double most = -INFINITY, sum = 0.0;
                    for (int64_t t = 0; t < length; t++) {
                        int64_t block = (int64_t)k_page.x[(size_t)k_page.at(b, 0, t / page, 0)];
                        double s = 0.0;
                        const double *left = &q.x[(size_t)q.at(b, h, r, 0)];
                        const double *right = &k.x[(size_t)k.at(block, h / group, t % page, 0)];
                        for (int64_t i = 0; i < q.dim[3]; i++) s += left[i] * right[i];
                        score[(size_t)t] = s * scale.x[0];
                        most = std::max(most, score[(size_t)t]);
                    }
                    for (double &s : score) s = exp(s - most), sum += s;
                    for (int64_t t = 0; t < length; t++) {
                        int64_t block = (int64_t)v_page.x[(size_t)v_page.at(b, 0, t / page, 0)];
                        const double weight = score[(size_t)t] / sum,
                                     *from = &v.x[(size_t)v.at(block, h / group, t % page, 0)];
                        double *to = &o.x[(size_t)o.at(b, h, r, 0)];
                        for (int64_t i = 0; i < v.dim[3]; i++) to[i] += weight * from[i];
                    }
                }
        store(inside(op, CUDNN_ATTR_OPERATION_SDPA_FWD_ODESC), std::move(o));
    }

    void grouped(const Held &op)
    {
        Tensor x = load(inside(op, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_TOKEN_DESC));
        Tensor w = load(inside(op, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_WEIGHT_DESC));
        Tensor first = load(inside(op, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_FIRST_TOKEN_OFFSET_DESC)), y;
        y.dim[2] = x.dim[2], y.dim[3] = w.dim[3];
        int64_t experts = w.dim[1], rows = x.dim[2];
        y.x.resize((size_t)(rows * y.dim[3]));
        for (int64_t e = 0; e < experts; e++) {
            int64_t to = e + 1 < experts ? (int64_t)first.x[(size_t)(e + 1)] : rows;
            for (int64_t r = (int64_t)first.x[(size_t)e]; r < to; r++)
                for (int64_t k = 0; k < x.dim[3]; k++) {
                    double left = x.x[(size_t)x.at(0, 0, r, k)];
                    for (int64_t n = 0; n < y.dim[3]; n++)
                        y.x[(size_t)(r * y.dim[3] + n)] += left * w.x[(size_t)w.at(0, e, k, n)];
                }
        }
        store(inside(op, CUDNN_ATTR_OPERATION_MOE_GROUPED_MATMUL_OUTPUT_DESC), std::move(y));
    }

    void run(const Held &graph)
    {
        for (const Held &op : graph->link.at(CUDNN_ATTR_OPERATIONGRAPH_OPS)) switch (op->type) {
            case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
                matmul(op);
                break;
            case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
                pointwise(op);
                break;
            case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
                reduce(op);
                break;
            case CUDNN_BACKEND_OPERATION_SDPA_FWD_DESCRIPTOR:
                attention(op);
                break;
            case CUDNN_BACKEND_OPERATION_MOE_GROUPED_MATMUL_DESCRIPTOR:
                grouped(op);
                break;
            default:
                emulated::wrong("a graph of what is no operation");
            }
    }
};

// plans by the text that stands for them: a plan's JSON is its number here
std::mutex lock;
std::vector<Held> kept;
std::string last_error;

cudnnStatus_t refuse(cudnnStatus_t status, const char *why)
{
    std::lock_guard<std::mutex> guard(lock);
    last_error = why;
    return status;
}
}    // namespace

struct EmulatedDescriptor {
    Held content;
};
struct cudnnContext {
    cudaStream_t stream;
};

extern "C" {
size_t cudnnGetVersion(void) { return 91900; }
const char *cudnnGetErrorString(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED"
           : status                             ? "CUDNN_STATUS_BAD_PARAM"
                                                : "CUDNN_STATUS_SUCCESS";
}
void cudnnGetLastErrorString(char *text, size_t size)
{
    std::lock_guard<std::mutex> guard(lock);
    snprintf(text, size, "%s", last_error.c_str());
}
cudnnStatus_t cudnnCreate(cudnnHandle_t *handle)
{
    emulated::pass(0.2);
    *handle = new cudnnContext{};
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle)
{
    delete handle;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream)
{
    handle->stream = stream;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *descriptor)
{
    *descriptor = new EmulatedDescriptor{std::make_shared<Content>()};
    (*descriptor)->content->type = type;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    delete descriptor;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void *value)
{
    Held c = descriptor->content;
    if (c->finished) return refuse(CUDNN_STATUS_BAD_PARAM, "set after finalize");
    if (count < 1) return refuse(CUDNN_STATUS_BAD_PARAM, "an attribute of nothing");
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        const cudnnBackendDescriptor_t *given = (const cudnnBackendDescriptor_t *)value;
        std::vector<Held> all;
        for (int64_t i = 0; i < count; i++) {
            if (!given[i] || !given[i]->content->finished)
                return refuse(CUDNN_STATUS_BAD_PARAM, "a descriptor that is not finished");
            all.push_back(given[i]->content);
        }
        c->link[name] = all;
        return CUDNN_STATUS_SUCCESS;
    }
    if (name == CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION) {
        std::lock_guard<std::mutex> guard(lock);
        std::string text((const char *)value, (size_t)count);
        size_t number = 0;
        if (sscanf(text.c_str(), "{\"plan\": %zu}", &number) != 1 || number >= kept.size()) {
            last_error = "a plan of another version";
            return CUDNN_STATUS_NOT_SUPPORTED;
        }
        c->link[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] = {kept[number]};
        return CUDNN_STATUS_SUCCESS;
    }
    Value &v = c->attribute[name];
    v.count = count;
    v.bytes.assign((const unsigned char *)value, (const unsigned char *)value + (size_t)count * size_of(type));
    return CUDNN_STATUS_SUCCESS;
}
static bool has_log(const Held &graph)
{
    for (const Held &op : graph->link[CUDNN_ATTR_OPERATIONGRAPH_OPS]) {
        Held part = op->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR
                        ? inside(op, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR)
                        : nullptr;
        if (part && get<cudnnPointwiseMode_t>(part, CUDNN_ATTR_POINTWISE_MODE) == CUDNN_POINTWISE_LOG) return true;
    }
    return graph->link[CUDNN_ATTR_OPERATIONGRAPH_OPS].size() == 1;
}
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t, int64_t wanted, int64_t *count, void *value)
{
    Held c = descriptor->content;
    switch (name) {
    case CUDNN_ATTR_ENGINEHEUR_RESULTS: {
        // two engines: the first one of the heuristic does not finish
        Held graph = inside(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
        *count = has_log(graph) && wanted >= 2 ? 2 : 0;
        for (int64_t i = 0; i < *count; i++) {
            Held config = ((cudnnBackendDescriptor_t *)value)[i]->content;
            config->link[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] = {graph};
            config->engine = 10 + i;
            config->finished = true;
        }
        return CUDNN_STATUS_SUCCESS;
    }
    case CUDNN_ATTR_ENGINECFG_ENGINE:
        *count = 1;
        (*(cudnnBackendDescriptor_t *)value)->content->engine = c->engine;
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_ENGINE_GLOBAL_INDEX:
        *count = 1;
        *(int64_t *)value = c->engine;
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE:
        *count = 1;
        *(int64_t *)value = 1 << 16;
        return CUDNN_STATUS_SUCCESS;
    case CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION: {
        std::lock_guard<std::mutex> guard(lock);
        kept.push_back(inside(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH));
        *count = snprintf((char *)value, (size_t)wanted, "{\"plan\": %zu}", kept.size() - 1);
        return CUDNN_STATUS_SUCCESS;
    }
    case CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION:
        *count = snprintf((char *)value, (size_t)wanted, "{\"deviceVer\": 900}");
        return CUDNN_STATUS_SUCCESS;
    default:
        return refuse(CUDNN_STATUS_BAD_PARAM, "an attribute nobody asks for");
    }
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    Held c = descriptor->content;
    if (c->type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR) {
        Held config = inside(c, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
        if (config) {
            emulated::pass(0.5 / 16.0);    // on sixteen cores
            if (config->engine == 10) return refuse(CUDNN_STATUS_NOT_SUPPORTED, "the engine does not take this");
            c->link[CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH] = {inside(config, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH)};
        }
        if (!inside(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH))
            return refuse(CUDNN_STATUS_BAD_PARAM, "a plan of nothing");
        if (!c->attribute.count(CUDNN_ATTR_EXECUTION_PLAN_HANDLE) &&
            !c->link.count(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP))
            return refuse(CUDNN_STATUS_BAD_PARAM, "a plan for no device");
    }
    if (c->type == CUDNN_BACKEND_TENSOR_DESCRIPTOR) {
        std::vector<int64_t> dim = list(c, CUDNN_ATTR_TENSOR_DIMENSIONS), stride = list(c, CUDNN_ATTR_TENSOR_STRIDES);
        if (dim.size() != stride.size() || dim.size() < 3)
            return refuse(CUDNN_STATUS_BAD_PARAM, "dimensions and strides");
    }
    c->finished = true;
    return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack)
{
    if (!plan->content->finished || !pack->content->finished) return refuse(CUDNN_STATUS_BAD_PARAM, "not finished");
    Machine machine;
    std::vector<int64_t> uid = list(pack->content, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS),
                         at = list(pack->content, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    if (uid.size() != at.size()) return refuse(CUDNN_STATUS_BAD_PARAM, "ids and pointers");
    Held graph = inside(plan->content, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    for (size_t i = 0; i < uid.size(); i++) {
        machine.pointer[uid[i]] = (void *)(uintptr_t)at[i];
        if (!at[i]) return refuse(CUDNN_STATUS_BAD_PARAM, "no pointer");
    }
    cudaError_t done = emulated::enqueue([machine, graph]() mutable { machine.run(graph); });
    return done ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}
}
