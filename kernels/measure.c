#include "kernels/measure.h"

#include "kernels/assembled.h"
#include "kernels/host/stats.h"
#include "kernels/operation.h"
#include "kernels/watch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WARMUPS = 3, MIN_BATCHES = 5, MAX_BATCHES = 1024, MAX_SETS = 512, MAX_NODES = 4096 };
static const double replay_s = 200e-6, timed_s = 15e-3, burst_s = 50e-3, rest_s = 0.2;
static const double chunk_s = 20e-3, period_s = 50e-3;
static const double noisy_fraction = 0.02;
const double tw_ramp_rest_s = 20.0;

// Sets of one point on this device; 512 at most, which is what a graph can hold.
static int device_sets(const TwDevice *device, const TwCalPoint *point)
{
    return tw_cal_sets(point, device->l2_bytes, 0.85 * device->memory_bytes, MAX_SETS);
}

// One measurement under way.
typedef struct Run {
    const TwDevice *device;
    TwCalPoint point;
    TwOperation *operation;    // of a single kernel
    TwAssembled *assembled;    // of a step
    int sets;
    FILE *samples;    // readings of a sustained window, or NULL
    cudaGraphExec_t graph;
    int nodes;          // launches of a replay
    double launch_s;    // first estimate
    cudaEvent_t event[MAX_BATCHES + 1];
    int events;
    double batch_us[MAX_BATCHES];    // per launch
} Run;

static bool failed(char *text, int size, const char *what)
{
    cudaError_t error = cudaGetLastError();
    snprintf(text, (size_t)size, "%s: %s", what, error ? cudaGetErrorString(error) : "the library refused");
    return false;
}

static bool enqueue(Run *run, int64_t i)
{
    return run->assembled ? tw_assembled_enqueue(run->assembled) : tw_operation_enqueue(run->operation, i);
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
    int launches = run->sets < 20 ? run->sets : 20;
    if (!make_events(run, 2)) return failed(text, size, "events");
    for (int i = 0; i < WARMUPS; i++)
        if (!enqueue(run, i)) return failed(text, size, "first launch");
    cudaEventRecord(run->event[0], stream);
    for (int i = 0; i < launches; i++) enqueue(run, i);
    cudaEventRecord(run->event[1], stream);
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "first launches");
    run->launch_s = fmax(between_s(run->event[0], run->event[1]) / launches, 0.5e-6);
    return true;
}

static bool capture(Run *run, char *text, int size)
{
    // whole rounds of the sets, so that every replay begins with the coldest
    int sets = run->sets;
    double rounds = ceil(replay_s / (run->launch_s * sets));
    if (rounds * sets > MAX_NODES) rounds = floor((double)MAX_NODES / sets);
    run->nodes = (int)rounds * sets;

    cudaStream_t stream = run->device->stream;
    cudaGraph_t graph = NULL;
    bool queued = true;
    if (cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) != cudaSuccess)
        return failed(text, size, "graph capture");
    for (int i = 0; i < run->nodes && queued; i++) queued = enqueue(run, i);
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

// Work that arithmetic limits draws the most: the chip rests four times as long as it will work, so that the mean power
// of burst and rest stays far below the cap. What memory limits needs no rest.
static void rest(const Run *run, double work_s)
{
    TwOpCost cost = tw_cal_cost(&run->point);
    if (cost.flop / 990e12 < cost.bytes / 4.8e12) return;
    double pause_s = fmin(rest_s, 4.0 * work_s);
    nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * pause_s)}, NULL);
}

// All batches are queued before the first one ends: the device never waits for the host.
static bool in_a_row(Run *run, TwCalRow *row, int batches)
{
    cudaStream_t stream = run->device->stream;
    rest(run, batches * run->launch_s * run->nodes);
    cudaGraphLaunch(run->graph, stream);
    cudaEventRecord(run->event[0], stream);
    for (int i = 0; i < batches; i++) {
        if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return false;
        cudaEventRecord(run->event[i + 1], stream);
    }
    note_clocks(row, tw_nvml_clocks(run->device->nvml));    // while it works
    if (cudaStreamSynchronize(stream) != cudaSuccess) return false;
    for (int i = 0; i < batches; i++) run->batch_us[i] = 1e6 * between_s(run->event[i], run->event[i + 1]) / run->nodes;
    return true;
}

// Each batch behind a rest of its own: in a row they would last until the cap is in force.
static bool one_by_one(Run *run, TwCalRow *row, int batches)
{
    cudaStream_t stream = run->device->stream;
    for (int i = 0; i < batches; i++) {
        rest(run, run->launch_s * run->nodes);
        cudaEventRecord(run->event[0], stream);
        if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return false;
        cudaEventRecord(run->event[1], stream);
        if (i == 0) note_clocks(row, tw_nvml_clocks(run->device->nvml));
        if (cudaStreamSynchronize(stream) != cudaSuccess) return false;
        run->batch_us[i] = 1e6 * between_s(run->event[0], run->event[1]) / run->nodes;
    }
    return true;
}

static bool burst(Run *run, TwCalRow *row, char *text, int size)
{
    double batch_s = run->launch_s * run->nodes;
    int batches = (int)fmin(ceil(timed_s / batch_s), floor(burst_s / batch_s));
    bool rests = batch_s > burst_s / MIN_BATCHES;
    if (batches < MIN_BATCHES) batches = MIN_BATCHES;
    if (batches > MAX_BATCHES) batches = MAX_BATCHES;
    if (!make_events(run, batches + 1)) return failed(text, size, "events");

    cudaStream_t stream = run->device->stream;
    for (int i = 0; i < (rests ? 1 : WARMUPS); i++)
        if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return failed(text, size, "warm-up");
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "warm-up");
    if (!(rests ? one_by_one(run, row, batches) : in_a_row(run, row, batches))) return failed(text, size, "replay");
    note_times(row, run, batches, run->nodes);
    row->win_s = 1e-6 * row->t_med_us * run->nodes * batches;
    return true;
}

// Steps of the energy counter within the window, and the power readings for devices that have no counter.
typedef struct Meter {
    double last_j, first_s, first_j, step_s, step_j;    // first and latest step seen
    double readings, power_w, power2;
} Meter;

// With a duty cycle a moment is not the mean, whatever its phase: there the driver's own mean over a second counts.
static void look(Meter *meter, const Run *run, double since_s)
{
    TwNvmlReading reading = tw_nvml_read(run->device->nvml);
    tw_watch_beat();
    bool steady = tw_cal_regimes[run->point.regime].duty >= 1.0 && isfinite(reading.instant_w);
    double now = tw_now_s(), power_w = steady ? reading.instant_w : reading.power_w;
    if (isfinite(power_w)) {
        meter->readings += 1.0;
        meter->power_w += power_w;
        meter->power2 += power_w * power_w;
    }
    if (run->samples)
        fprintf(run->samples, "%016llx,%.3f,%.3f,%.3f,%.3f,%.0f,%.0f,%.0f\n",
                (unsigned long long)tw_cal_id(&run->point), since_s, reading.power_w, reading.instant_w,
                reading.energy_j, reading.sm_mhz, reading.mem_mhz, reading.temp_degc);
    if (!isfinite(reading.energy_j)) return;
    if (isfinite(meter->last_j) && reading.energy_j != meter->last_j) {
        if (!isfinite(meter->first_s)) meter->first_s = now, meter->first_j = reading.energy_j;
        meter->step_s = now;
        meter->step_j = reading.energy_j;
    }
    meter->last_j = reading.energy_j;
}

// launch_s: of the window that a launch takes, pauses of a duty cycle included
static void note_energy(TwCalRow *row, const Meter *meter, double poll_s, double launch_s)
{
    double window = meter->step_s - meter->first_s, wanted_s = tw_cal_regimes[row->point.regime].window_s;
    if (window > 0.5 * wanted_s) {
        // both ends are known to one look at the counter
        row->p_w = (meter->step_j - meter->first_j) / window;
        row->win_s = window;
        row->e_uj = 1e6 * row->p_w * launch_s;
        row->e_sigma_uj = row->e_uj * sqrt(2.0) * poll_s / window;
    } else if (meter->readings > 1.0) {
        row->p_w = meter->power_w / meter->readings;
        row->win_s = wanted_s;
        row->e_uj = 1e6 * row->p_w * launch_s;
        row->e_sigma_uj = 1e6 * launch_s * sqrt(fmax(0.0, meter->power2 / meter->readings - row->p_w * row->p_w));
    } else {
        snprintf(row->status, sizeof row->status, "no_energy");
        return;
    }
    // the counter against the integral of the readings: more than 3 % apart is no measurement
    double mean_w = meter->readings > 1.0 ? meter->power_w / meter->readings : row->p_w;
    if (fabs(mean_w / row->p_w - 1.0) > 0.03) snprintf(row->status, sizeof row->status, "meters");
}

static void pause_until(double then_s)
{
    double left_s = then_s - tw_now_s();
    if (left_s > 0.0) nanosleep(&(struct timespec){.tv_nsec = (long)(1e9 * fmin(left_s, 0.9))}, NULL);
}

static bool sustained(Run *run, TwCalRow *row, char *text, int size)
{
    enum { RING = 3 };
    const TwCalRegimeRow *regime = &tw_cal_regimes[row->point.regime];
    if (!make_events(run, 2 * RING)) return failed(text, size, "events");
    cudaStream_t stream = run->device->stream;
    bool idle = row->point.kind->op == TW_CAL_IDLE;
    double chunk = regime->duty < 1.0 ? period_s * regime->duty : chunk_s;
    // counts vary by up to 3 %, so that no multiple of a period falls on the meter's steps
    int replays =
        (int)ceil(chunk * (1.0 + 0.03 * (double)(tw_cal_id(&row->point) % 8) / 8.0) / (run->launch_s * run->nodes));
    Meter meter = {.last_j = NAN, .first_s = NAN, .step_s = NAN};
    double start = tw_now_s(), launches = 0.0, from_s = NAN, until_s = NAN;
    int batches = 0;

    // two chunks are always queued: one works while the host looks at the meters; with a duty cycle one at a time
    int ahead = regime->duty < 1.0 || idle ? 0 : 2;
    for (int chunk_index = 0;; chunk_index++) {
        int slot = chunk_index % RING;
        cudaEventRecord(run->event[2 * slot], stream);
        for (int i = 0; i < replays && !idle; i++)
            if (cudaGraphLaunch(run->graph, stream) != cudaSuccess) return failed(text, size, "replay");
        cudaEventRecord(run->event[2 * slot + 1], stream);
        if (chunk_index < ahead) continue;
        int done = (chunk_index - ahead) % RING;
        if (cudaEventSynchronize(run->event[2 * done + 1]) != cudaSuccess) return failed(text, size, "replay");
        if (!ahead) pause_until(start + (chunk_index + 1) * period_s);
        double elapsed = tw_now_s() - start;
        if (elapsed < regime->settle_s) continue;
        if (!isfinite(from_s)) from_s = elapsed;
        until_s = elapsed;
        launches += (double)run->nodes * replays;
        if (batches < MAX_BATCHES && !idle)
            run->batch_us[batches++] =
                1e6 * between_s(run->event[2 * done], run->event[2 * done + 1]) / (run->nodes * replays);
        look(&meter, run, elapsed);
        if (elapsed >= regime->settle_s + regime->window_s && (idle || batches >= MIN_BATCHES)) break;
    }
    note_clocks(row, tw_nvml_read(run->device->nvml));
    if (cudaStreamSynchronize(stream) != cudaSuccess) return failed(text, size, "replay");
    if (idle) run->batch_us[batches++] = 1e3 * (double)row->point.p[0];
    note_times(row, run, batches, idle ? 1 : run->nodes * replays);
    double window_launch_s = 1e-6 * row->t_med_us;
    if (!ahead && !idle && launches > 0.0) window_launch_s = (until_s - from_s + period_s) / launches;
    note_energy(row, &meter, ahead ? 1e-6 * row->t_med_us * run->nodes * replays : period_s, window_launch_s);
    return true;
}

// A ramp begins cold: until the chip has not cooled by a degree within four seconds, twenty at most.
static void cool(const Run *run)
{
    double coldest = tw_nvml_clocks(run->device->nvml).temp_degc, since = tw_now_s(), start = since;
    while (isfinite(coldest) && tw_now_s() - since < 4.0 && tw_now_s() - start < tw_ramp_rest_s) {
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
        double now = tw_nvml_clocks(run->device->nvml).temp_degc;
        tw_watch_beat();
        if (now < coldest) coldest = now, since = tw_now_s();
    }
}

static bool timed(Run *run, TwCalRow *row, char *text, int size)
{
    bool idle = row->point.kind->op == TW_CAL_IDLE, brief = tw_cal_regimes[row->point.regime].window_s == 0.0;
    run->nodes = 1;
    run->launch_s = 1.0;
    if (row->point.regime == TW_CAL_RAMP) cool(run);
    if (!idle && (!estimate(run, text, size) || !capture(run, text, size))) return false;
    for (int attempt = 0; attempt < (brief ? 2 : 1); attempt++) {
        snprintf(row->status, sizeof row->status, "ok");
        if (!(brief ? burst(run, row, text, size) : sustained(run, row, text, size))) return false;
        if (!brief) return true;    // under the cap clocks wander, and that is what is measured
        if (row->t_mad_us <= noisy_fraction * row->t_med_us) return true;
    }
    snprintf(row->status, sizeof row->status, "noisy");
    snprintf(text, (size_t)size, "MAD %.3g us of %.4g us", row->t_mad_us, row->t_med_us);
    return true;
}

bool tw_measure(TwCalRow *row, const TwDevice *device, const TwCalPoint *point, uint64_t seed, FILE *samples,
                char *text, int size)
{
    *row = tw_cal_row(point);
    row->sets = device_sets(device, point);
    text[0] = '\0';
    TwOperation operation = {0};
    Run run = {.device = device, .point = *point, .samples = samples, .sets = 1};
    TwPrepared prepared;
    if (point->kind->op == TW_CAL_STEP) {
        TwStepCase step = tw_step_of(point);
        prepared = tw_assembled_create(&run.assembled, &tw_step_llama8b, &step, seed, device, text, size);
    } else {
        prepared = tw_operation_create(&operation, point, (int)row->sets, seed, device, text, size);
        run.operation = &operation;
        run.sets = (int)row->sets;
    }
    if (prepared != TW_PREPARED) {
        static const char *const words[] = {
            [TW_NO_MEMORY] = "no_memory", [TW_NO_ALGORITHM] = "no_algo", [TW_DEVICE_ERROR] = "refused"};
        snprintf(row->status, sizeof row->status, "%s", words[prepared]);
        return !tw_device_lost();
    }
    snprintf(row->algo, sizeof row->algo, "%s", operation.plan.algo);
    snprintf(row->kernel, sizeof row->kernel, "%s", tw_plan_kernel(point));
    if (operation.plan.algo[0]) row->ws_bytes = operation.plan.ws_bytes;

    bool done = timed(&run, row, text, size);
    for (int i = 0; i < run.events; i++) cudaEventDestroy(run.event[i]);
    if (run.graph) cudaGraphExecDestroy(run.graph);
    if (run.assembled)
        tw_assembled_destroy(run.assembled);
    else
        tw_operation_destroy(&operation);
    // what a library refuses when it runs, or within a graph, is this point's affair
    if (!done) snprintf(row->status, sizeof row->status, "refused");
    return done || !tw_device_lost();
}
