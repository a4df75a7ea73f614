#include "kernels/measure.h"

#include "kernels/host/stats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WARMUPS = 3, MIN_BATCHES = 5, MAX_BATCHES = 1024, MAX_SETS = 512, MAX_NODES = 4096 };
static const double replay_s = 200e-6, timed_s = 15e-3, burst_s = 50e-3, rest_s = 0.2;
static const double settle_s = 2.0, window_s = 5.0, chunk_s = 20e-3;
static const double noisy_fraction = 0.02;

double tw_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double attribute(int device, enum cudaDeviceAttr which)
{
    int value = 0;
    return cudaDeviceGetAttribute(&value, which, device) == cudaSuccess ? (double)value : NAN;
}

bool tw_device_open(TwDevice *device, char *text, int size)
{
    *device = (TwDevice){0};
    int count = 0;
    cudaError_t status = cudaGetDeviceCount(&count);
    if (status || count == 0) {
        int driver = 0;
        cudaDriverGetVersion(&driver);
        const char *why = status ? cudaGetErrorString(status) : "the driver shows none";
        snprintf(text, (size_t)size, "no NVIDIA GPU: %s", driver ? why : "there is no driver");
        return false;
    }
    struct cudaDeviceProp property;
    status = cudaGetDeviceProperties(&property, 0);
    if (!status) status = cudaSetDevice(0);
    if (!status) status = cudaStreamCreateWithFlags(&device->stream, cudaStreamNonBlocking);
    if (status) {
        snprintf(text, (size_t)size, "no usable NVIDIA GPU: %s", cudaGetErrorString(status));
        return false;
    }
    device->major = property.major;
    device->minor = property.minor;
    device->sm_count = property.multiProcessorCount;
    device->l2_bytes = (double)property.l2CacheSize;
    device->memory_bytes = (double)property.totalGlobalMem;
    device->memory_mhz = 1e-3 * attribute(0, cudaDevAttrMemoryClockRate);
    device->bus_bits = attribute(0, cudaDevAttrGlobalMemoryBusWidth);
    snprintf(device->name, sizeof device->name, "%s", property.name);
    if (device->major < 9) {
        snprintf(text, (size_t)size, "no usable NVIDIA GPU: %s is sm_%d%d, the kernels need sm_90 or later",
                 device->name, device->major, device->minor);
        tw_device_close(device);
        return false;
    }
    cudaRuntimeGetVersion(&device->runtime);
    cudaDriverGetVersion(&device->driver_cuda);
    if (cudaDeviceGetPCIBusId(device->pci, (int)sizeof device->pci, 0) == cudaSuccess)
        device->nvml = tw_nvml_open(device->pci);
    return true;
}

void tw_device_close(TwDevice *device)
{
    tw_nvml_close(device->nvml);
    if (device->stream) cudaStreamDestroy(device->stream);
    *device = (TwDevice){0};
}

int tw_device_sets(const TwDevice *device, const TwCalPoint *point)
{
    return tw_cal_sets(point, device->l2_bytes, MAX_SETS);
}

// One measurement under way.
typedef struct Run {
    const TwDevice *device;
    const TwOperation *operation;
    cudaGraphExec_t graph;
    int nodes;          // launches of a replay
    double launch_s;    // first estimate
    cudaEvent_t event[MAX_BATCHES + 1];
    int events;
    double batch_us[MAX_BATCHES];    // per launch
} Run;

static bool failed(char *text, int size, const char *what)
{
    snprintf(text, (size_t)size, "%s: %s", what, cudaGetErrorString(cudaGetLastError()));
    return false;
}

static bool make_events(Run *run, int count)
{
    for (; run->events < count; run->events++)
        if (cudaEventCreate(&run->event[run->events]) != cudaSuccess) return false;
    return true;
}

// seconds between two recorded events
static double between_s(cudaEvent_t start, cudaEvent_t stop)
{
    float ms = NAN;
    cudaEventElapsedTime(&ms, start, stop);
    return 1e-3 * (double)ms;
}

static bool estimate(Run *run, char *text, int size)
{
    cudaStream_t stream = run->device->stream;
    int launches = run->operation->sets < 20 ? run->operation->sets : 20;
    if (!make_events(run, 2)) return failed(text, size, "events");
    for (int i = 0; i < WARMUPS; i++)
        if (!tw_operation_enqueue(run->operation, i, stream)) return failed(text, size, "first launch");
    cudaEventRecord(run->event[0], stream);
    for (int i = 0; i < launches; i++) tw_operation_enqueue(run->operation, i, stream);
    cudaEventRecord(run->event[1], stream);
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "first launches");
    run->launch_s = fmax(between_s(run->event[0], run->event[1]) / launches, 0.5e-6);
    return true;
}

static bool capture(Run *run, char *text, int size)
{
    // whole rounds of the sets, so that every replay begins with the coldest
    int sets = run->operation->sets;
    double rounds = ceil(replay_s / (run->launch_s * sets));
    if (rounds * sets > MAX_NODES) rounds = floor((double)MAX_NODES / sets);
    run->nodes = (int)rounds * sets;

    cudaStream_t stream = run->device->stream;
    cudaGraph_t graph = NULL;
    bool queued = true;
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
        return failed(text, size, "graph capture");
    for (int i = 0; i < run->nodes && queued; i++) queued = tw_operation_enqueue(run->operation, i, stream);
    cudaError_t status = cudaStreamEndCapture(stream, &graph);
    if (!status && queued) status = cudaGraphInstantiate(&run->graph, graph, 0);
    if (graph) cudaGraphDestroy(graph);
    if (status || !queued) return failed(text, size, "graph capture");
    return true;
}

static void note_clocks(TwCalRow *row, TwNvmlReading reading)
{
    row->sm_mhz = reading.sm_mhz;
    row->mem_mhz = reading.mem_mhz;
    row->temp_degc = reading.temp_degc;
    row->throttle = reading.throttle;
}

static void note_times(TwCalRow *row, Run *run, int batches, int launches)
{
    TwCalStats stats = tw_cal_stats(run->batch_us, batches);
    row->n_batches = batches;
    row->n_rep = launches;
    row->t_med_us = stats.median;
    row->t_mad_us = stats.mad;
    row->t_p10_us = stats.p10;
    row->t_p90_us = stats.p90;
}

static bool burst(Run *run, TwCalRow *row, char *text, int size)
{
    double batch_s = run->launch_s * run->nodes;
    int batches = (int)fmin(ceil(timed_s / batch_s), floor(burst_s / batch_s));
    if (batches < MIN_BATCHES) batches = MIN_BATCHES;
    if (batches > MAX_BATCHES) batches = MAX_BATCHES;
    if (!make_events(run, batches + 1)) return failed(text, size, "events");

    cudaStream_t stream = run->device->stream;
    for (int i = 0; i < WARMUPS; i++)
        if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return failed(text, size, "warm-up");
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "warm-up");
    nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * rest_s)}, NULL);

    // all batches are queued before the first one ends: the device never waits for the host
    cudaGraphLaunch(run->graph, stream);
    cudaEventRecord(run->event[0], stream);
    for (int i = 0; i < batches; i++) {
        if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return failed(text, size, "replay");
        cudaEventRecord(run->event[i + 1], stream);
    }
    note_clocks(row, tw_nvml_read(run->device->nvml));    // while it works
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "replay");
    for (int i = 0; i < batches; i++) run->batch_us[i] = 1e6 * between_s(run->event[i], run->event[i + 1]) / run->nodes;
    note_times(row, run, batches, run->nodes);
    row->win_s = 1e-6 * row->t_med_us * run->nodes * batches;
    return true;
}

// Steps of the energy counter within the window, and the power readings for devices that have no counter.
typedef struct Meter {
    double last_j, first_s, first_j, step_s, step_j;    // first and latest step seen
    double readings, power_w, power2;
} Meter;

static void look(Meter *meter, const TwNvml *nvml)
{
    TwNvmlReading reading = tw_nvml_read(nvml);
    double now = tw_now_s();
    if (isfinite(reading.power_w)) {
        meter->readings += 1.0;
        meter->power_w += reading.power_w;
        meter->power2 += reading.power_w * reading.power_w;
    }
    if (!isfinite(reading.energy_j)) return;
    if (isfinite(meter->last_j) && reading.energy_j != meter->last_j) {
        if (!isfinite(meter->first_s)) meter->first_s = now, meter->first_j = reading.energy_j;
        meter->step_s = now;
        meter->step_j = reading.energy_j;
    }
    meter->last_j = reading.energy_j;
}

static void note_energy(TwCalRow *row, const Meter *meter, double poll_s)
{
    double window = meter->step_s - meter->first_s, launch_s = 1e-6 * row->t_med_us;
    if (window > 0.5 * window_s) {
        // both ends are known to one look at the counter
        row->p_w = (meter->step_j - meter->first_j) / window;
        row->win_s = window;
        row->e_uj = 1e6 * row->p_w * launch_s;
        row->e_sigma_uj = row->e_uj * sqrt(2.0) * poll_s / window;
    } else if (meter->readings > 1.0) {
        row->p_w = meter->power_w / meter->readings;
        row->win_s = window_s;
        row->e_uj = 1e6 * row->p_w * launch_s;
        row->e_sigma_uj = 1e6 * launch_s * sqrt(fmax(0.0, meter->power2 / meter->readings - row->p_w * row->p_w));
    } else {
        snprintf(row->status, sizeof row->status, "no_energy");
    }
}

static bool sustained(Run *run, TwCalRow *row, char *text, int size)
{
    enum { RING = 3 };
    if (!make_events(run, RING)) return failed(text, size, "events");
    cudaStream_t stream = run->device->stream;
    int replays = (int)ceil(chunk_s / (run->launch_s * run->nodes));
    Meter meter = {.last_j = NAN, .first_s = NAN, .step_s = NAN};
    double start = tw_now_s();
    int batches = 0;

    // two chunks are always queued: one works while the host looks at the meters
    for (int chunk = 0;; chunk++) {
        for (int i = 0; i < replays; i++)
            if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return failed(text, size, "replay");
        cudaEventRecord(run->event[chunk % RING], stream);
        if (chunk < 2) continue;
        cudaEvent_t before = run->event[(chunk - 2) % RING], after = run->event[(chunk - 1) % RING];
        if (cudaEventSynchronize(after) != cudaSuccess) return failed(text, size, "replay");
        double elapsed = tw_now_s() - start;
        if (elapsed < settle_s) continue;
        if (batches < MAX_BATCHES) run->batch_us[batches++] = 1e6 * between_s(before, after) / (run->nodes * replays);
        look(&meter, run->device->nvml);
        if (elapsed >= settle_s + window_s && batches >= MIN_BATCHES) break;
    }
    note_clocks(row, tw_nvml_read(run->device->nvml));
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "replay");
    note_times(row, run, batches, run->nodes * replays);
    note_energy(row, &meter, 1e-6 * row->t_med_us * run->nodes * replays);
    return true;
}

static bool timed(Run *run, TwCalRow *row, char *text, int size)
{
    if (!estimate(run, text, size) || !capture(run, text, size)) return false;
    for (int attempt = 0; attempt < 2; attempt++) {
        snprintf(row->status, sizeof row->status, "ok");
        bool done = row->point.regime == TW_CAL_BURST ? burst(run, row, text, size) : sustained(run, row, text, size);
        if (!done) return false;
        if (row->t_mad_us <= noisy_fraction * row->t_med_us) return true;
    }
    snprintf(row->status, sizeof row->status, "noisy");
    snprintf(text, (size_t)size, "MAD %.3g us of %.4g us", row->t_mad_us, row->t_med_us);
    return true;
}

bool tw_measure(TwCalRow *row, const TwDevice *device, const TwCalPoint *point, uint64_t seed, char *text, int size)
{
    *row = tw_cal_row(point);
    row->sets = tw_device_sets(device, point);
    text[0] = '\0';
    TwOperation operation;
    TwPrepared prepared = tw_operation_create(&operation, point, (int)row->sets, seed, device->stream, text, size);
    if (prepared == TW_DEVICE_ERROR) return false;
    if (prepared != TW_PREPARED) {
        snprintf(row->status, sizeof row->status, "%s", prepared == TW_NO_MEMORY ? "no_memory" : "no_algo");
        return true;
    }
    snprintf(row->algo, sizeof row->algo, "%s", operation.gemm.text);
    snprintf(row->kernel, sizeof row->kernel, "%s", tw_operation_kernel(point));
    if (point->op == TW_CAL_GEMM) row->ws_bytes = (double)operation.gemm.workspace_bytes;

    Run run = {.device = device, .operation = &operation};
    bool done = timed(&run, row, text, size);
    for (int i = 0; i < run.events; i++) cudaEventDestroy(run.event[i]);
    if (run.graph) cudaGraphExecDestroy(run.graph);
    tw_operation_destroy(&operation);
    return done;
}
