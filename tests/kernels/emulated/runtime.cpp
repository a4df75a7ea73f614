#include "device.h"
#include "language.h"

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <dlfcn.h>
#include <map>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include <vector>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulated {

// ---- threads of a block

dim3 thread_at, block_at, block_size, grid_size;

void wrong(const char *what)
{
    fprintf(stderr, "emulated kernel: %s: block %u %u %u, thread %u\n", what, block_at.x, block_at.y, block_at.z,
            thread_at.x);
    abort();
}

namespace {
enum State { READY, AT_BARRIER, AT_EXCHANGE, DONE };
enum { WARP = 32, MOST_THREADS = 1024, STACK = 256 << 10 };

struct Fiber {
    jmp_buf here;
    char *stack;
    State state;
    bool begun;
    unsigned mask;
    Exchange what;
    int lane_mask;
    uint64_t value;
};
Fiber fiber[MOST_THREADS];
jmp_buf scheduler;
int running;
int alive, waiting;
std::vector<int> ready;
const std::function<void()> *body;
#ifdef __SANITIZE_ADDRESS__
void *scheduler_fake;
const void *scheduler_bottom;
size_t scheduler_size;
#endif

// Leaves for where `there` was set. To the sanitizer this is a call like any other: before its own _longjmp it forgets
// what it knows of the whole stack that is left, at half of all time, and here that stack lives on.
void jump(jmp_buf there)
{
#ifdef __SANITIZE_ADDRESS__
    static void *const libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    static const auto leave = (void (*)(jmp_buf, int))dlsym(libc, "_longjmp");
    leave(there, 1);
#else
    _longjmp(there, 1);
#endif
}

void to_scheduler()
{
    Fiber *own = &fiber[running];
    if (_setjmp(own->here)) {
#ifdef __SANITIZE_ADDRESS__
        __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
        return;
    }
#ifdef __SANITIZE_ADDRESS__
    void *fake;
    __sanitizer_start_switch_fiber(&fake, scheduler_bottom, scheduler_size);
#endif
    jump(scheduler);
}

void fiber_main()
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_bottom, &scheduler_size);
#endif
    for (;;) {
        (*body)();
        fiber[running].state = DONE;
        alive--;
        to_scheduler();
    }
}

void begin(Fiber *own)
{
    own->begun = true;
    static ucontext_t start;    // nothing of this frame is taken back
    getcontext(&start);
    start.uc_stack.ss_sp = own->stack;
    start.uc_stack.ss_size = STACK;
    start.uc_link = nullptr;
    makecontext(&start, fiber_main, 0);
    setcontext(&start);
}

void run(int i)
{
    Fiber *next = &fiber[i];
    running = i;
    thread_at = dim3((unsigned)i, 0, 0);
    if (_setjmp(scheduler) == 0) {
#ifdef __SANITIZE_ADDRESS__
        __sanitizer_start_switch_fiber(&scheduler_fake, next->stack, STACK);
#endif
        if (next->begun)
            jump(next->here);
        else
            begin(next);
    }
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
}

uint64_t random_state = 1;
void arrange(std::vector<int> &list)
{
    static const char *order = getenv("TOKENWORKS_EMULATED_ORDER");
    if (order && strcmp(order, "reverse") == 0) std::reverse(list.begin(), list.end());
    if (!order || strcmp(order, "shuffled") != 0) return;
    for (size_t i = list.size(); i > 1; i--) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        std::swap(list[i - 1], list[(random_state >> 33) % i]);
    }
}

#ifndef __SANITIZE_ADDRESS__
extern "C" char __start_emulated_shared[] __attribute__((weak)), __stop_emulated_shared[] __attribute__((weak));
#endif

void run_block(int threads)
{
#ifndef __SANITIZE_ADDRESS__
    if (__start_emulated_shared)
        memset(__start_emulated_shared, 0xff, (size_t)(__stop_emulated_shared - __start_emulated_shared));
#endif
    alive = threads, waiting = 0;
    ready.resize((size_t)threads);
    for (int i = 0; i < threads; i++) {
        if (!fiber[i].stack)
            fiber[i].stack = (char *)mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        fiber[i].state = READY;
        ready[(size_t)i] = i;
    }
    arrange(ready);
    while (alive) {
        for (size_t at = 0; at < ready.size(); at++) {
            int i = ready[at];
            run(i);
        }
        ready.clear();
        if (!alive) break;
        if (waiting != alive) wrong("some threads wait at a barrier, others for lanes that never come");
        for (int i = 0; i < threads; i++)
            if (fiber[i].state == AT_BARRIER) {
                fiber[i].state = READY;
                ready.push_back(i);
            }
        waiting = 0;
        arrange(ready);
    }
}
}    // namespace

void barrier()
{
    static const bool none = getenv("TOKENWORKS_EMULATED_NO_BARRIERS") != nullptr;
    if (none) return;
    fiber[running].state = AT_BARRIER;
    waiting++;
    to_scheduler();
}

uint64_t exchange(Exchange what, unsigned mask, uint64_t value, int lane_mask)
{
    Fiber *own = &fiber[running];
    int first = running / WARP * WARP, lane = running % WARP;
    if (!(mask >> lane & 1u)) wrong("a lane that its own mask leaves out");
    own->state = AT_EXCHANGE, own->what = what, own->mask = mask, own->value = value, own->lane_mask = lane_mask;
    bool all = true;
    for (int l = 0; l < WARP; l++) {
        if (!(mask >> l & 1u)) continue;
        if (first + l >= (int)block_size.x) wrong("a mask of more lanes than the warp has");
        const Fiber *other = &fiber[first + l];
        if (other->state == DONE) wrong("a mask names a lane that has ended");
        if (other->state != AT_EXCHANGE) {
            all = false;
            continue;
        }
        if (other->what != what || other->mask != mask || other->lane_mask != lane_mask)
            wrong("lanes of one mask at different operations");
    }
    if (all) {
        uint64_t given[WARP] = {0}, ballot = 0;
        for (int l = 0; l < WARP; l++)
            if (mask >> l & 1u) given[l] = fiber[first + l].value, ballot |= (uint64_t)(given[l] != 0) << l;
        for (int l = 0; l < WARP; l++) {
            if (!(mask >> l & 1u)) continue;
            int from = l ^ lane_mask;
            if (what == SHUFFLE && !(from < WARP && mask >> from & 1u)) wrong("a shuffle from a lane outside the mask");
            fiber[first + l].value = what == BALLOT ? ballot : given[from];
            fiber[first + l].state = READY;
            if (first + l != running) ready.push_back(first + l);
        }
    } else {
        to_scheduler();
    }
    return own->value;
}

uint64_t clock() { return (uint64_t)(1.98e9 * now_s()); }

void launch(dim3 grid, dim3 block, std::function<void()> thread, cudaStream_t)
{
    if (block.x < 1 || block.x > MOST_THREADS || block.y != 1 || block.z != 1 || grid.x < 1 || grid.y < 1 ||
        grid.z < 1 || grid.y > 65535 || grid.z > 65535)
        wrong("a launch that the device refuses");
    enqueue([=] {
        block_size = block, grid_size = grid;
        body = &thread;
        for (unsigned z = 0; z < grid.z; z++)
            for (unsigned y = 0; y < grid.y; y++)
                for (unsigned x = 0; x < grid.x; x++) {
                    block_at = dim3(x, y, z);
                    run_block((int)block.x);
                }
    });
}

// ---- the clock

namespace {
struct Shared {
    double host_s;
    bool hangs;
};
Shared *shared;
const double launch_s = 3e-6, call_s = 1e-6;
double device_free_s;
bool device_used;

void begin()
{
    if (shared) return;
    // processes made by fork go on with one clock
    shared = (Shared *)mmap(nullptr, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared->host_s = 1000.0;
}
double real_now_s()
{
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// what the board drew, in pieces that do not overlap; between them it idles
struct Piece {
    double from_s, to_s, joules;
};
std::deque<Piece> pieces;
double done_j;    // of pieces that were dropped
double dropped_s = 1000.0;
const double idle_w = 115.0;
Cost expected;
bool expects, is_lost, capture_broken;
}    // namespace

bool timed()
{
    static const char *mode = getenv("TOKENWORKS_EMULATED");
    static bool is = mode && strcmp(mode, "time") == 0;
    begin();
    return is;
}
double now_s() { return timed() ? shared->host_s : real_now_s(); }
void pass(double seconds)
{
    if (timed()) shared->host_s += seconds;
}
void expect(Cost cost) { expected = cost, expects = true; }
void lose_device() { is_lost = true; }
void break_capture() { capture_broken = true; }
bool lost() { return is_lost; }
void hang()
{
    begin();
    shared->hangs = true;
    for (;;) pause();
}

double energy_j(double at_s)
{
    while (pieces.size() > 1 && pieces.front().to_s < at_s - 2.0) {
        const Piece &p = pieces.front();
        done_j += p.joules + idle_w * (p.from_s - dropped_s);
        dropped_s = p.to_s;
        pieces.pop_front();
    }
    double sum = done_j, until = dropped_s;
    for (const Piece &p : pieces) {
        if (p.from_s >= at_s) break;
        sum += idle_w * (p.from_s - until);
        double share = p.to_s <= at_s ? 1.0 : (at_s - p.from_s) / (p.to_s - p.from_s);
        sum += share * p.joules;
        until = p.to_s <= at_s ? p.to_s : at_s;
    }
    return sum + idle_w * (at_s > until ? at_s - until : 0.0);
}
double power_w(double at_s)
{
    for (const Piece &p : pieces)
        if (p.from_s <= at_s && at_s < p.to_s) return p.joules / (p.to_s - p.from_s);
    return idle_w;
}
}    // namespace emulated

using namespace emulated;

// ---- the runtime

struct CUstream_st {
    cudaGraph_t capture;
};
struct Node {
    std::function<void()> work;
    Cost cost;
};
struct CUgraph_st {
    std::vector<Node> node;
};
struct CUgraphExec_st {
    std::vector<Node> node;
};
struct CUevent_st {
    double at_s;
};

namespace {
cudaStream_t the_stream;
cudaError_t last_error;
size_t memory_used;
std::map<void *, size_t> allocated;
const size_t memory_most = (size_t)150754820096;    // 143,771 MiB

cudaError_t said(cudaError_t error)
{
    if (is_lost) error = cudaErrorIllegalAddress;
    if (error) last_error = error;
    return error;
}

// the board's governor: work above the limit takes longer once the mean power of half a second is there
double mean_w = idle_w, mean_at_s;
const double limit_w = 700.0, awake_w = 175.0, lag_s = 0.2;

void occupy(Cost cost)
{
    double from = std::max(device_free_s, now_s());
    double idle = from - mean_at_s;
    mean_w += (idle_w - mean_w) * (1.0 - exp(-std::max(0.0, idle) / lag_s));
    if (cost.joules / cost.seconds > limit_w && mean_w > 0.97 * limit_w) {
        // the same work in a longer time, in which the chip is awake
        double work_j = cost.joules - awake_w * cost.seconds;
        cost.seconds = work_j / (limit_w - awake_w), cost.joules = limit_w * cost.seconds;
    }
    static unsigned count;
    cost.seconds *= 1.0 + 2e-3 * ((double)((++count * 2654435761u) >> 16 & 0xff) / 255.0 - 0.5);
    double power = cost.joules / cost.seconds;
    mean_w += (power - mean_w) * (1.0 - exp(-cost.seconds / lag_s));
    mean_at_s = device_free_s = from + cost.seconds;
    if (!pieces.empty() && from - pieces.back().to_s < 1e-9 && from - pieces.back().from_s < 1e-3)
        pieces.back().to_s = device_free_s, pieces.back().joules += cost.joules;
    else
        pieces.push_back({from, device_free_s, cost.joules});
}

void perform(const Node &node)
{
    if (timed())
        occupy(node.cost);
    else
        node.work();
}

Cost moved(size_t bytes)
{
    double seconds = 2e-6 + (double)bytes / 2e12;
    return {seconds, seconds * 400.0};
}
}    // namespace

bool emulated::capturing() { return the_stream && the_stream->capture; }

cudaError_t emulated::enqueue(std::function<void()> work)
{
    if (is_lost) return said(cudaErrorIllegalAddress);
    Cost cost = expects ? expected : Cost{1e-6, 1e-6 * 200.0};
    expects = false;
    Node node{std::move(work), cost};
    if (capturing()) {
        the_stream->capture->node.push_back(std::move(node));
        pass(call_s);
        return cudaSuccess;
    }
    pass(launch_s);
    perform(node);
    return cudaSuccess;
}

extern "C" {

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = 1;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *property, int)
{
    memset(property, 0, sizeof *property);
    strcpy(property->name, "NVIDIA H200 (emulated)");
    property->totalGlobalMem = memory_most;
    const char *chip = getenv("TOKENWORKS_EMULATED_CHIP");
    property->major = chip ? atoi(chip) / 10 : 9, property->minor = chip ? atoi(chip) % 10 : 0;
    property->multiProcessorCount = 132;
    property->l2CacheSize = 60 << 20;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int)
{
    *value = which == cudaDevAttrMemoryClockRate ? 3201000 : 6144;
    return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char *text, int size, int)
{
    snprintf(text, (size_t)size, "0000:1b:00.0");
    return cudaSuccess;
}
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaDriverGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version)
{
    *version = 13000;
    return cudaSuccess;
}
cudaError_t cudaGetLastError(void)
{
    cudaError_t error = is_lost ? cudaErrorIllegalAddress : last_error;
    last_error = cudaSuccess;
    return error;
}
const char *cudaGetErrorString(cudaError_t error)
{
    switch (error) {
    case cudaSuccess:
        return "no error";
    case cudaErrorMemoryAllocation:
        return "out of memory";
    case cudaErrorIllegalAddress:
        return "an illegal memory access was encountered";
    case cudaErrorStreamCaptureInvalidated:
        return "operation failed due to a previous error during capture";
    default:
        return "invalid argument";
    }
}
static void wait_until(double at_s)
{
    if (timed() && at_s > now_s()) pass(at_s - now_s());
}
cudaError_t cudaDeviceSynchronize(void)
{
    wait_until(device_free_s);
    return said(cudaSuccess);
}

cudaError_t cudaMalloc(void **memory, size_t bytes)
{
    pass(1e-4 + 2e-14 * (double)bytes);
    if (is_lost) return said(cudaErrorIllegalAddress);
    if (capturing()) return said(cudaErrorStreamCaptureInvalidated);
    if (memory_used + bytes > memory_most) return said(cudaErrorMemoryAllocation);
    if (timed()) {
        size_t room = (bytes + 4095) / 4096 * 4096;
        *memory = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (*memory == MAP_FAILED) return said(cudaErrorMemoryAllocation);
    } else {
        if (posix_memalign(memory, 256, bytes)) return said(cudaErrorMemoryAllocation);
        memset(*memory, 0xff, bytes);    // what nobody wrote is not a number
    }
    allocated[*memory] = bytes;
    memory_used += bytes;
    return cudaSuccess;
}
cudaError_t cudaFree(void *memory)
{
    if (!memory) return cudaSuccess;
    wait_until(device_free_s);
    pass(1e-4);
    auto found = allocated.find(memory);
    if (found == allocated.end()) wrong("memory freed that was not allocated");
    memory_used -= found->second;
    if (timed())
        munmap(memory, (found->second + 4095) / 4096 * 4096);
    else
        free(memory);
    allocated.erase(found);
    return said(cudaSuccess);
}
cudaError_t cudaMallocHost(void **memory, size_t bytes)
{
    pass(1e-3 + 1e-10 * (double)bytes);
    if (is_lost) return said(cudaErrorIllegalAddress);
    return posix_memalign(memory, 256, bytes) ? said(cudaErrorMemoryAllocation) : cudaSuccess;
}
cudaError_t cudaFreeHost(void *memory)
{
    free(memory);
    return said(cudaSuccess);
}
static bool on_device(const void *at)
{
    auto after = allocated.upper_bound(const_cast<void *>(at));
    if (after == allocated.begin()) return false;
    --after;
    return (const char *)at < (const char *)after->first + after->second;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t)
{
    if (!on_device(to)) return said(cudaErrorInvalidValue);
    expect(moved(bytes));
    return enqueue([=] { memset(to, value, bytes); });
}
cudaError_t cudaMemset(void *to, int value, size_t bytes) { return cudaMemsetAsync(to, value, bytes, nullptr); }
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t)
{
    bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
    bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    if (kind != cudaMemcpyDefault && (to_device != on_device(to) || from_device != on_device(from)))
        return said(cudaErrorInvalidValue);
    if (!expects) expect(moved(bytes));
    return enqueue([=] { memcpy(to, from, bytes); });
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind)
{
    cudaError_t status = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
    return status ? status : cudaDeviceSynchronize();
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
    begin();
    shared->hangs = false;
    pass(0.3);    // the context
    device_used = true;
    *stream = the_stream = new CUstream_st{nullptr};
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    delete stream;
    the_stream = nullptr;
    return said(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaDeviceSynchronize(); }
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode)
{
    if (is_lost) return said(cudaErrorIllegalAddress);
    stream->capture = new CUgraph_st;
    capture_broken = false;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->capture;
    stream->capture = nullptr;
    if (!capture_broken) return said(cudaSuccess);
    delete *graph;
    *graph = nullptr;
    return said(cudaErrorStreamCaptureInvalidated);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    pass(2e-6 * (double)graph->node.size());
    *exec = new CUgraphExec_st{graph->node};
    return said(cudaSuccess);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t)
{
    if (is_lost) return said(cudaErrorIllegalAddress);
    pass(8e-6 + 2e-8 * (double)exec->node.size());
    if (timed()) {
        Cost sum = {2e-6, 2e-6 * 200.0};
        for (const Node &node : exec->node) sum.seconds += node.cost.seconds, sum.joules += node.cost.joules;
        occupy(sum);
        return cudaSuccess;
    }
    for (const Node &node : exec->node) perform(node);
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return said(cudaSuccess);
}
cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    if (is_lost) return said(cudaErrorIllegalAddress);
    *event = new CUevent_st{-1.0};
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    delete event;
    return said(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t)
{
    if (is_lost) return said(cudaErrorIllegalAddress);
    pass(call_s);
    event->at_s = timed() ? std::max(device_free_s, now_s()) : now_s();
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    wait_until(event->at_s);
    return said(cudaSuccess);
}
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t stop)
{
    if (start->at_s < 0.0 || stop->at_s < 0.0) return said(cudaErrorInvalidValue);
    *ms = (float)(1e3 * (stop->at_s - start->at_s));
    return said(cudaSuccess);
}

// the clock of the program itself
int clock_gettime(clockid_t which, struct timespec *now)
{
    if (which != CLOCK_MONOTONIC || !timed()) return (int)syscall(SYS_clock_gettime, which, now);
    double s = now_s();
    now->tv_sec = (time_t)s;
    now->tv_nsec = (long)(1e9 * (s - (double)now->tv_sec));
    pass(1e-7);
    return 0;
}
int nanosleep(const struct timespec *wanted, struct timespec *)
{
    // who has no device waits in real time, and for one that hangs a hundred times faster
    if (!timed() || !device_used) syscall(SYS_nanosleep, wanted, nullptr);
    if (device_used || (timed() && shared->hangs))
        pass((device_used ? 1.0 : 100.0) * ((double)wanted->tv_sec + 1e-9 * (double)wanted->tv_nsec));
    return 0;
}
}
