#include "kernels/session.h"

#include "kernels/host/operand.h"
#include "kernels/watch.h"

#include <cublasLt.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SENTINELS = 2, SENTINEL_EVERY = 100, PATH = 4096 };
static TwCalPoint sentinel_point(int i)
{
    static const int64_t p[SENTINELS][TW_CAL_PARAMETERS] = {{8192, 8192, 8192}, {INT64_C(4) << 30}};
    return i ? tw_cal_point("copy", "runtime", "byte", p[1], TW_CAL_BURST)
             : tw_cal_point("gemm", "cublaslt", "bf16", p[0], TW_CAL_BURST);
}
static const double drift_most = 0.03, progress_s = 2.0, header_s = 10.0;

// set by the handler only: the point under way is finished, then the run ends
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    caught = number;
    signal(number, SIG_DFL);    // a second one ends at once
}

double tw_session_expected_s(const TwCalPoint *point)
{
    const double fill_bytes_s = 1e12, trials_s = 5e-3, plan_s = 1.0, replay_s = 200e-6, timed_s = 15e-3;
    const TwCalRegimeRow *regime = &tw_cal_regimes[point->regime];
    TwOpCost cost = tw_cal_cost(point);
    double launch_s = 2e-6 + 1.3 * tw_cal_bound_s(point), batch_s = fmax(replay_s, launch_s);
    TwCalBytes bytes = tw_cal_bytes(point);
    double prepare_s = 5e-3 + (bytes.hot + bytes.cold * tw_cal_sets(point, 60e6, 140e9, 512)) / fill_bytes_s;
    bool cudnn = strcmp(point->kind->impl_name, "cudnn") == 0;
    if (point->kind->op == TW_CAL_GEMM) prepare_s += trials_s + 32.0 * launch_s;
    if (point->kind->op == TW_CAL_STEP) prepare_s += 1.0 + 2.0 * plan_s;
    if (cudnn) prepare_s += trials_s;    // plans are made before all points
    if (point->regime == TW_CAL_RAMP) prepare_s += tw_ramp_rest_s;
    if (regime->window_s > 0.0) return prepare_s + regime->settle_s + regime->window_s + 0.1;
    double work_s = fmax(timed_s, 5.0 * batch_s), rests_s = 0.0;
    if (cost.flop / 990e12 > cost.bytes / 4.8e12) rests_s = batch_s > 10e-3 ? 1.0 : fmin(0.2, 4.0 * work_s);
    return prepare_s + 4.0 * batch_s + work_s + rests_s;
}

typedef struct Sentinel {
    int count;
    double first_us, least_us, most_us, last_us;
} Sentinel;

typedef struct Work {
    const TwSession *session;
    const TwDevice *device;
    FILE *points, *samples;
    char points_path[PATH], cfg_path[PATH], samples_path[PATH], started[32];
    double start_s, told_s, headed_s;
    int total, done, not_ok, skipped;
    double expected_s, expected_done_s;
    Sentinel sentinel[SENTINELS];
} Work;

static double drift(const Work *work)
{
    double most = 0.0;
    for (int i = 0; i < SENTINELS; i++) {
        const Sentinel *s = &work->sentinel[i];
        if (s->count > 1) most = fmax(most, fmax(s->most_us / s->first_us - 1.0, 1.0 - s->least_us / s->first_us));
    }
    return most;
}

static void utc(char *text, size_t size)
{
    time_t now = time(NULL);
    struct tm parts;
    gmtime_r(&now, &parts);
    strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

// libconfig's floats need a point or an exponent
static void real(FILE *file, const char *name, double value)
{
    char text[40];
    if (!isfinite(value)) return;
    snprintf(text, sizeof text, "%.12g", value);
    fprintf(file, "    %s = %s%s;\n", name, text, strpbrk(text, ".e") ? "" : ".0");
}

static void quoted(FILE *file, const char *name, const char *text)
{
    fprintf(file, "    %s = \"", name);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else
            fputc(*text, file);
    fprintf(file, "\";\n");
}

// the header beside the rows: what was measured, on what, when. Written whole, then renamed.
static bool write_cfg(const Work *work, const char *status)
{
    char path[PATH + 8], ended[32];
    snprintf(path, sizeof path, "%s.tmp", work->cfg_path);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    utc(ended, sizeof ended);
    const TwDevice *device = work->device;
    TwNvmlLimits limits = tw_nvml_limits(device->nvml);
    fprintf(file, "// written by tokenworks-calibrate; the rows are in points.csv\nschema = 1;\nchip = {\n");
    quoted(file, "name", device->name);
    quoted(file, "pci", device->pci);
    fprintf(file, "    compute_capability = %d;\n    sm_count = %d;\n", 10 * device->major + device->minor,
            device->sm_count);
    real(file, "memory_bytes", device->memory_bytes);
    real(file, "l2_bytes", device->l2_bytes);
    real(file, "memory_clock_mhz", device->memory_mhz);
    real(file, "memory_bus_bits", device->bus_bits);
    real(file, "sm_clock_max_mhz", limits.sm_max_mhz);
    real(file, "memory_clock_max_mhz", limits.mem_max_mhz);
    real(file, "power_limit_w", limits.power_limit_w);
    real(file, "power_default_w", limits.power_default_w);
    fprintf(file, "};\nsoftware = {\n");
    quoted(file, "program", TW_CALIBRATE_VERSION);
    quoted(file, "driver", limits.driver);
    fprintf(file,
            "    driver_cuda = %d;\n    cuda_runtime = %d;\n    cublaslt = %zu;\n    cudnn = %zu;\n    nvml = "
            "%s;\n};\nrun = {\n",
            device->driver_cuda, device->runtime, cublasLtGetVersion(), cudnnGetVersion(),
            device->nvml ? "true" : "false");
    quoted(file, "provenance", "measured");
    quoted(file, "status", status);
    quoted(file, "grid", work->session->grid);
    quoted(file, "slice", work->session->slice);
    quoted(file, "start_utc", work->started);
    quoted(file, "end_utc", ended);
    fprintf(file, "    seed = %lluL;\n    points = %d;\n    measured = %d;\n    not_ok = %d;\n    skipped = %d;\n};\n",
            (unsigned long long)work->session->seed, work->total, work->done, work->not_ok, work->skipped);
    fprintf(file, "sentinels = (\n");
    for (int i = 0; i < SENTINELS; i++) {
        const Sentinel *s = &work->sentinel[i];
        char name[160];
        TwCalPoint point = sentinel_point(i);
        tw_cal_describe(&point, name, (int)sizeof name);
        fprintf(file, "  {\n");
        quoted(file, "point", name);
        fprintf(file, "    count = %d;\n", s->count);
        if (s->count) {
            real(file, "first_us", s->first_us);
            real(file, "least_us", s->least_us);
            real(file, "most_us", s->most_us);
            real(file, "last_us", s->last_us);
        }
        fprintf(file, "  }%s\n", i + 1 < SENTINELS ? "," : "");
    }
    fprintf(file, ");\n");
    bool written = !ferror(file);
    return (fclose(file) == 0) && written && rename(path, work->cfg_path) == 0;
}

// the meters' readings in sustained windows, appended to what an earlier run left
static bool open_samples(Work *work)
{
    snprintf(work->samples_path, sizeof work->samples_path, "%s/samples.csv", work->session->out);
    work->samples = fopen(work->samples_path, "a");
    if (work->samples && ftell(work->samples) == 0)
        fputs("point_id,t_s,power_w,instant_w,energy_j,sm_mhz,mem_mhz,temp_degc\n", work->samples);
    if (work->samples) return true;
    fprintf(stderr, "tokenworks-calibrate: %s: %s\n", work->samples_path, strerror(errno));
    fclose(work->points);
    return false;
}

// the file of rows: new with its title, or the resumed one cut back to its last whole row
static bool open_points(Work *work, const TwCalRows *before)
{
    const TwSession *session = work->session;
    if (mkdir(session->out, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "tokenworks-calibrate: %s: %s\n", session->out, strerror(errno));
        return false;
    }
    snprintf(work->points_path, sizeof work->points_path, "%s/points.csv", session->out);
    snprintf(work->cfg_path, sizeof work->cfg_path, "%s/chip.cfg", session->out);
    struct stat out, resumed;
    bool there = stat(work->points_path, &out) == 0;
    if (there && session->resume && stat(session->resume, &resumed) == 0 && out.st_dev == resumed.st_dev &&
        out.st_ino == resumed.st_ino) {
        if (truncate(work->points_path, (off_t)before->whole_bytes) == 0) work->points = fopen(work->points_path, "a");
    } else if (there) {
        fprintf(stderr, "tokenworks-calibrate: %s is there already; go on with --resume %s, or name another --out\n",
                work->points_path, work->points_path);
        return false;
    } else {
        work->points = fopen(work->points_path, "w");
        if (work->points && !tw_cal_rows_title(work->points)) {
            fclose(work->points);
            work->points = NULL;
        }
    }
    if (!work->points) fprintf(stderr, "tokenworks-calibrate: %s: %s\n", work->points_path, strerror(errno));
    return work->points && open_samples(work);
}

static bool measure_sentinels(Work *work, char *text, int size)
{
    for (int i = 0; i < SENTINELS; i++) {
        TwCalRow row;
        TwCalPoint point = sentinel_point(i);
        tw_watch_beat();
        if (!tw_measure(&row, work->device, &point, work->session->seed, NULL, text, size)) return false;
        if (!isfinite(row.t_med_us)) continue;    // a small device has no room for it
        Sentinel *s = &work->sentinel[i];
        if (!s->count++) s->first_us = s->least_us = s->most_us = row.t_med_us;
        s->least_us = fmin(s->least_us, row.t_med_us);
        s->most_us = fmax(s->most_us, row.t_med_us);
        s->last_us = row.t_med_us;
    }
    return true;
}

static void tell(Work *work, const TwCalRow *row, bool last)
{
    double now = tw_now_s(), elapsed = now - work->start_s;
    if (now - work->headed_s > header_s) {
        work->headed_s = now;
        write_cfg(work, "under way");
    }
    if (work->session->quiet || (!last && now - work->told_s < progress_s)) return;
    work->told_s = now;
    char name[160];
    tw_cal_describe(&row->point, name, (int)sizeof name);
    double left = work->expected_s - work->expected_done_s;
    double pace = work->expected_done_s > 0.0 ? elapsed / work->expected_done_s : 1.0;
    TwNvmlReading reading = tw_nvml_read(work->device->nvml);
    char meters[80] = "";
    if (work->device->nvml)
        snprintf(meters, sizeof meters, "  %.0f MHz  %.0f W  %.0f degC", row->sm_mhz, reading.power_w,
                 reading.temp_degc);
    fprintf(stderr, "%d/%d  %.0f s, %.0f s to go  %s%s  drift %.1f %%\n", work->done, work->total - work->skipped,
            elapsed, left * pace, name, meters, 100.0 * drift(work));
}

static int finish(Work *work, int status, const char *word)
{
    bool closed = fclose(work->points) == 0;
    closed = fclose(work->samples) == 0 && closed;
    if (!write_cfg(work, word) || !closed) {
        fprintf(stderr, "tokenworks-calibrate: %s: %s\n", work->cfg_path, strerror(errno));
        return TW_EXIT_IO;
    }
    printf("%d of %d points measured, %d of them not ok, %d were there; %s\n", work->done, work->total, work->not_ok,
           work->skipped, work->points_path);
    return status;
}

// -1: all points were visited
static int visit(Work *work, const TwCalGrid *grid, const TwCalRows *before, char *text, int size)
{
    for (int i = 0; i < grid->count; i++) {
        const TwCalPoint *point = &grid->point[i];
        if (tw_cal_rows_done(before, point)) continue;
        if (caught) return TW_EXIT_CHECK;
        double expected = tw_session_expected_s(point), budget = work->session->budget_s;
        if (budget > 0.0 && tw_now_s() - work->session->begun_s + expected > budget) {
            fprintf(stderr, "tokenworks-calibrate: the budget of %g s is used; go on with --resume %s\n", budget,
                    work->points_path);
            return TW_EXIT_CHECK;
        }
        if (work->done && work->done % SENTINEL_EVERY == 0 && !measure_sentinels(work, text, size)) return TW_EXIT_LOST;

        TwCalRow row;
        tw_watch_measuring(tw_cal_id(point));
        if (!tw_measure(&row, work->device, point, work->session->seed + tw_cal_id(point), work->samples, text, size))
            return TW_EXIT_LOST;
        snprintf(row.slice, sizeof row.slice, "%s", work->session->slice);
        if (!tw_cal_row_write(work->points, &row)) {
            snprintf(text, (size_t)size, "%.200s: %s", work->points_path, strerror(errno));
            return TW_EXIT_IO;
        }
        tw_watch_measuring(0);
        fflush(work->samples);
        work->done++;
        work->expected_done_s += expected;
        if (strcmp(row.status, "ok") != 0) {
            char name[160];
            tw_cal_describe(point, name, (int)sizeof name);
            work->not_ok++;
            fprintf(stderr, "tokenworks-calibrate: %s: %s %s\n", name, row.status, text);
        }
        tell(work, &row, work->done == work->total - work->skipped);
    }
    return -1;
}

int tw_session_run(const TwSession *session, const TwDevice *device, TwCalGrid *grid, const TwCalRows *before)
{
    Work work = {.session = session, .device = device, .total = grid->count, .start_s = tw_now_s()};
    char text[300] = "";
    utc(work.started, sizeof work.started);
    tw_cal_grid_shuffle(grid, session->seed);
    for (int i = 0; i < grid->count; i++) {
        bool done = tw_cal_rows_done(before, &grid->point[i]);
        work.skipped += done;
        if (!done) work.expected_s += tw_session_expected_s(&grid->point[i]);
    }
    if (!open_points(&work, before)) return TW_EXIT_IO;
    if (work.skipped == work.total) return finish(&work, TW_EXIT_DONE, "complete");
    write_cfg(&work, "under way");    // a run that is ended from outside leaves its header all the same

    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    int status = measure_sentinels(&work, text, (int)sizeof text) ? visit(&work, grid, before, text, (int)sizeof text)
                                                                  : TW_EXIT_LOST;
    if (status == -1) {
        status = measure_sentinels(&work, text, (int)sizeof text) ? TW_EXIT_DONE : TW_EXIT_LOST;
        if (status == TW_EXIT_DONE && drift(&work) > drift_most) {
            fprintf(stderr, "tokenworks-calibrate: the sentinels moved by %.1f %%, at most %.0f %% is good\n",
                    100.0 * drift(&work), 100.0 * drift_most);
            return finish(&work, TW_EXIT_NUMERIC, "drifted");
        }
    } else if (status == TW_EXIT_LOST || status == TW_EXIT_IO) {
        fprintf(stderr, "tokenworks-calibrate: %s\n", text);
    }
    status = finish(&work, status, status == TW_EXIT_DONE ? "complete" : "partial");
    fflush(stdout);
    if (caught) raise(caught);    // the handler is gone: the shell sees the signal
    return status;
}
