// NVML of the emulated GPU, loaded by name as the driver's is: a counter that steps every 100 ms, a mean over a second,
// a reading of the moment.
#include <math.h>
#include <stdio.h>
#include <string.h>

double emulated_now_s(void);
double emulated_energy_j(double at_s);
double emulated_power_w(double at_s);
void emulated_pass(double seconds);

typedef struct Field {
    unsigned id, scope;
    long long timestamp_us, latency_us;
    int type, status;
    union {
        unsigned whole;
        double real;
    } value;
} Field;

static double look(void)
{
    emulated_pass(50e-6);
    return emulated_now_s();
}

int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetHandleByPciBusId_v2(const char *pci, void **device)
{
    *device = (void *)pci;
    return strcmp(pci, "0000:1b:00.0") != 0;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *mw)
{
    double now = look();
    (void)device;
    *mw = (unsigned)(1e3 * (emulated_energy_j(now) - emulated_energy_j(now - 1.0)));
    return 0;
}
int nvmlDeviceGetEnforcedPowerLimit(void *device, unsigned *mw)
{
    (void)device;
    *mw = 700000;
    return 0;
}
int nvmlDeviceGetPowerManagementDefaultLimit(void *device, unsigned *mw)
{
    return nvmlDeviceGetEnforcedPowerLimit(device, mw);
}
int nvmlDeviceGetClockInfo(void *device, unsigned kind, unsigned *mhz)
{
    look();
    (void)device;
    *mhz = kind == 1 ? 1980 : 3201;
    return 0;
}
int nvmlDeviceGetMaxClockInfo(void *device, unsigned kind, unsigned *mhz)
{
    return nvmlDeviceGetClockInfo(device, kind, mhz);
}
int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *degc)
{
    (void)device;
    (void)sensor;
    *degc = 45;
    return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    double now = look();
    (void)device;
    *mj = (unsigned long long)(1e3 * emulated_energy_j(floor(now / 0.1) * 0.1));
    return 0;
}
int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *reasons)
{
    (void)device;
    *reasons = 0;
    return 0;
}
int nvmlSystemGetDriverVersion(char *text, unsigned size)
{
    snprintf(text, size, "580.0 (emulated)");
    return 0;
}
int nvmlDeviceGetFieldValues(void *device, int count, Field *field)
{
    (void)device;
    for (int i = 0; i < count; i++) {
        field[i].status = 0;
        field[i].type = 1;
        field[i].value.whole = (unsigned)(1e3 * emulated_power_w(look()));
    }
    return 0;
}
