#include "kernels/probe.h"

#include "kernels/plan.h"

#include <cublasLt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void number(FILE *stream, const char *name, double value, const char *end)
{
    if (isfinite(value))
        fprintf(stream, "\"%s\": %.9g%s", name, value, end);
    else
        fprintf(stream, "\"%s\": null%s", name, end);
}

static void quoted(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c < 0x20)
            fprintf(stream, "\\u%04x", c);
        else
            fputc(c, stream);
    }
    fputc('"', stream);
}

static void products(FILE *stream)
{
    static const char *const types[] = {"bf16", "fp8_tensor", "fp8_row", "fp8_block", "mxfp8", "nvfp4"};
    static const int64_t shapes[][TW_CAL_PARAMETERS] = {{16, 4096, 4096}, {129, 4096, 4096}, {2048, 6144, 4096}};
    fprintf(stream, "  \"cublaslt_algorithms\": {");
    for (int t = 0; t < 6; t++) {
        fprintf(stream, "%s\n    \"%s\": [", t ? "," : "", types[t]);
        for (int s = 0; s < 3; s++) {
            TwCalPoint point = tw_cal_point("gemm", "cublaslt", types[t], shapes[s], TW_CAL_BURST);
            fprintf(stream, "%s{\"m\": %lld, \"n\": %lld, \"k\": %lld, \"algorithms\": %d}", s ? ", " : "",
                    (long long)shapes[s][0], (long long)shapes[s][1], (long long)shapes[s][2],
                    tw_lt_gemm_algorithms(&point));
        }
        fprintf(stream, "]");
    }
    fprintf(stream, "\n  },\n");
}

static void graphs(FILE *stream, const TwDevice *device)
{
    static const struct {
        const char *op;
        int64_t p[TW_CAL_PARAMETERS];
    } wanted[] = {
        {"prefill", {1, 2048, 0, 32, 8, 128, 128}},    {"prefill", {1, 2048, 0, 128, 128, 192, 128}},
        {"prefill", {1, 1024, 8192, 32, 8, 128, 128}}, {"decode", {64, 4096, 32, 8, 128, 16, 0}},
        {"decode", {1, 131072, 32, 8, 128, 64, 0}},    {"mla_decode", {64, 4096, 128, 64}},
        {"moe_gemm", {1024, 4096, 7168, 32, 0}},
    };
    fprintf(stream, "  \"cudnn_plans\": [");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        TwCalPoint point = tw_cal_point(wanted[i].op, "cudnn", "bf16", wanted[i].p, TW_CAL_BURST);
        TwDnn dnn;
        TwDnnPlan plan = {0};
        char text[300] = "", name[160];
        double start = tw_now_s();
        bool made = tw_dnn_begin(&dnn, device->dnn, NULL, text, (int)sizeof text);
        if (made) {
            tw_dnn_build(&dnn, &point);
            made = tw_dnn_plan(&plan, &dnn, tw_dnn_recipe(&point), text, (int)sizeof text);
            tw_dnn_end(&dnn);
        }
        tw_cal_describe(&point, name, (int)sizeof name);
        fprintf(stream, "%s\n    {\"point\": \"%s\", \"engines\": %d, \"engine\": \"%s\", \"workspace_bytes\": %lld, ",
                i ? "," : "", name, plan.engines, plan.engine, (long long)plan.workspace_bytes);
        number(stream, "seconds", tw_now_s() - start, ", ");
        fprintf(stream, "\"error\": ");
        quoted(stream, text);
        fprintf(stream, "}");
        if (made) tw_dnn_plan_destroy(&plan);
    }
    fprintf(stream, "\n  ],\n");
}

// how often and by how much the energy counter steps: two seconds of looking
static void counter(FILE *stream, const TwDevice *device)
{
    enum { STEPS = 64 };
    double step_s[STEPS], step_j[STEPS], last_j = NAN, last_s = 0.0, start = tw_now_s();
    int steps = 0, looks = 0;
    while (tw_now_s() - start < 2.0 && steps < STEPS) {
        TwNvmlReading reading = tw_nvml_read(device->nvml);
        double now = tw_now_s();
        looks++;
        if (isfinite(last_j) && reading.energy_j != last_j) {
            step_s[steps] = now - last_s;
            step_j[steps++] = reading.energy_j - last_j;
            last_s = now;
        }
        if (!isfinite(last_j)) last_s = now;
        last_j = reading.energy_j;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    fprintf(stream, "  \"energy_counter\": {\"looks\": %d, \"steps\": [", looks);
    for (int i = 0; i < steps; i++) fprintf(stream, "%s[%.4f, %.4f]", i ? ", " : "", step_s[i], step_j[i]);
    fprintf(stream, "]},\n");
}

static void meters(FILE *stream, const TwDevice *device)
{
    TwNvmlReading r = tw_nvml_read(device->nvml);
    TwNvmlLimits limits = tw_nvml_limits(device->nvml);
    fprintf(stream, "  \"nvml\": {\"there\": %s, \"driver\": ", device->nvml ? "true" : "false");
    quoted(stream, limits.driver);
    fprintf(stream, ", ");
    number(stream, "power_limit_w", limits.power_limit_w, ", ");
    number(stream, "power_default_w", limits.power_default_w, ", ");
    number(stream, "sm_max_mhz", limits.sm_max_mhz, ", ");
    number(stream, "mem_max_mhz", limits.mem_max_mhz, ", ");
    number(stream, "power_w", r.power_w, ", ");
    number(stream, "instant_w", r.instant_w, ", ");
    number(stream, "energy_j", r.energy_j, ", ");
    number(stream, "sm_mhz", r.sm_mhz, ", ");
    number(stream, "mem_mhz", r.mem_mhz, ", ");
    number(stream, "temp_degc", r.temp_degc, ", ");
    number(stream, "throttle", r.throttle, "},\n");
}

// whether performance counters may be read by this user: the driver's own parameter
static void profiling(FILE *stream)
{
    char line[200];
    FILE *file = fopen("/proc/driver/nvidia/params", "r");
    fprintf(stream, "  \"profiling_admin_only\": ");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "RmProfilingAdminOnly:", 21) == 0) {
            fprintf(stream, "%d,\n", atoi(line + 21));
            fclose(file);
            return;
        }
    if (file) fclose(file);
    fprintf(stream, "null,\n");
}

bool tw_probe(const TwDevice *device, FILE *stream)
{
    static char json[8192];
    fprintf(stream, "{\n  \"schema\": \"tokenworks-probe 1\",\n  \"device\": ");
    quoted(stream, device->name);
    fprintf(stream, ",\n  \"compute_capability\": %d,\n  \"sm_count\": %d,\n", 10 * device->major + device->minor,
            device->sm_count);
    fprintf(stream, "  \"l2_bytes\": %.0f,\n  \"memory_bytes\": %.0f,\n", device->l2_bytes, device->memory_bytes);
    fprintf(stream, "  \"driver_cuda\": %d,\n  \"cuda_runtime\": %d,\n  \"cublaslt\": %zu,\n  \"cudnn\": %zu,\n",
            device->driver_cuda, device->runtime, cublasLtGetVersion(), cudnnGetVersion());
    meters(stream, device);
    counter(stream, device);
    profiling(stream);
    products(stream);
    graphs(stream, device);
    bool recorded = tw_device_json(device, json, (int)sizeof json);
    fprintf(stream, "  \"cudnn_device\": %s\n}\n", recorded && json[0] ? json : "null");
    return cudaDeviceSynchronize() == cudaSuccess && !ferror(stream);
}
