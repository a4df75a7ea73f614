#include "kernels/host/nvml.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// every call answers 0 for success; a device is an opaque handle
typedef int Start(void);
typedef int Find(const char *, void **);
typedef int Ask(void *, unsigned *);
typedef int AskKind(void *, unsigned, unsigned *);
typedef int AskWide(void *, unsigned long long *);
typedef int Version(char *, unsigned);

// one of the driver's fields, as its header lays it out
typedef struct Field {
    unsigned id, scope;
    long long timestamp_us, latency_us;
    int type, status;    // type 1: unsigned int
    union {
        unsigned whole;
        unsigned long long wide;
        double real;
    } value;
} Field;
typedef int AskFields(void *, int, Field *);
enum { POWER_INSTANT = 186, SCOPE_GPU = 0, TYPE_UINT = 1, TYPE_ULONG = 2, TYPE_ULONG_LONG = 3 };

enum { CLOCK_SM = 1, CLOCK_MEM = 2, SENSOR_GPU = 0 };

struct TwNvml {
    void *library, *device;
    Start *stop;
    Ask *power_mw, *limit_mw, *default_mw;
    AskKind *clock_mhz, *max_clock_mhz, *temperature;
    AskWide *energy_mj, *reasons;
    Version *driver;
    AskFields *fields;
};

// dlsym answers an object pointer, a function pointer is wanted
static void load(void *library, const char *name, void *function)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, sizeof symbol);
}

TwNvml *tw_nvml_open(const char *pci)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) return NULL;
    Start *start;
    Find *find;
    load(library, "nvmlInit_v2", &start);
    load(library, "nvmlDeviceGetHandleByPciBusId_v2", &find);
    TwNvml *nvml = calloc(1, sizeof *nvml);
    if (!nvml) abort();
    nvml->library = library;
    load(library, "nvmlShutdown", &nvml->stop);
    load(library, "nvmlDeviceGetPowerUsage", &nvml->power_mw);
    load(library, "nvmlDeviceGetEnforcedPowerLimit", &nvml->limit_mw);
    load(library, "nvmlDeviceGetPowerManagementDefaultLimit", &nvml->default_mw);
    load(library, "nvmlDeviceGetClockInfo", &nvml->clock_mhz);
    load(library, "nvmlDeviceGetMaxClockInfo", &nvml->max_clock_mhz);
    load(library, "nvmlDeviceGetTemperature", &nvml->temperature);
    load(library, "nvmlDeviceGetTotalEnergyConsumption", &nvml->energy_mj);
    load(library, "nvmlDeviceGetCurrentClocksEventReasons", &nvml->reasons);
    if (!nvml->reasons) load(library, "nvmlDeviceGetCurrentClocksThrottleReasons", &nvml->reasons);    // before R535
    load(library, "nvmlSystemGetDriverVersion", &nvml->driver);
    load(library, "nvmlDeviceGetFieldValues", &nvml->fields);

    if (start && start() == 0) {
        if (find && find(pci, &nvml->device) == 0) return nvml;
        if (nvml->stop) nvml->stop();
    }
    dlclose(library);
    free(nvml);
    return NULL;
}

void tw_nvml_close(TwNvml *nvml)
{
    if (!nvml) return;
    if (nvml->stop) nvml->stop();
    dlclose(nvml->library);
    free(nvml);
}

static double ask(const TwNvml *nvml, Ask *call, double unit)
{
    unsigned value;
    return call && call(nvml->device, &value) == 0 ? unit * value : NAN;
}

static double ask_kind(const TwNvml *nvml, AskKind *call, unsigned kind)
{
    unsigned value;
    return call && call(nvml->device, kind, &value) == 0 ? (double)value : NAN;
}

static double ask_wide(const TwNvml *nvml, AskWide *call, double unit)
{
    unsigned long long value;
    return call && call(nvml->device, &value) == 0 ? unit * (double)value : NAN;
}

// instantaneous power: on Hopper the plain reading is a mean over a second
static double instant_w(const TwNvml *nvml)
{
    Field field = {.id = POWER_INSTANT, .scope = SCOPE_GPU};
    if (!nvml->fields || nvml->fields(nvml->device, 1, &field) != 0 || field.status != 0) return NAN;
    if (field.type == TYPE_UINT) return 1e-3 * field.value.whole;
    return field.type == TYPE_ULONG || field.type == TYPE_ULONG_LONG ? 1e-3 * (double)field.value.wide : NAN;
}

TwNvmlReading tw_nvml_clocks(const TwNvml *nvml)
{
    TwNvmlReading reading = {NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (!nvml) return reading;
    reading.sm_mhz = ask_kind(nvml, nvml->clock_mhz, CLOCK_SM);
    reading.mem_mhz = ask_kind(nvml, nvml->clock_mhz, CLOCK_MEM);
    reading.temp_degc = ask_kind(nvml, nvml->temperature, SENSOR_GPU);
    reading.throttle = ask_wide(nvml, nvml->reasons, 1.0);
    return reading;
}

TwNvmlReading tw_nvml_read(const TwNvml *nvml)
{
    TwNvmlReading reading = tw_nvml_clocks(nvml);
    if (!nvml) return reading;
    reading.power_w = ask(nvml, nvml->power_mw, 1e-3);
    reading.instant_w = instant_w(nvml);
    reading.energy_j = ask_wide(nvml, nvml->energy_mj, 1e-3);
    return reading;
}

TwNvmlLimits tw_nvml_limits(const TwNvml *nvml)
{
    TwNvmlLimits limits = {NAN, NAN, NAN, NAN, ""};
    if (!nvml) return limits;
    limits.power_limit_w = ask(nvml, nvml->limit_mw, 1e-3);
    limits.power_default_w = ask(nvml, nvml->default_mw, 1e-3);
    limits.sm_max_mhz = ask_kind(nvml, nvml->max_clock_mhz, CLOCK_SM);
    limits.mem_max_mhz = ask_kind(nvml, nvml->max_clock_mhz, CLOCK_MEM);
    if (!nvml->driver || nvml->driver(limits.driver, sizeof limits.driver) != 0) limits.driver[0] = '\0';
    return limits;
}
