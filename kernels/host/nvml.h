// What the driver says of power, clocks and temperature: NVML, loaded when the program runs, and only read.
//
// Nothing is ever set. Where the library, the device or a single call is missing the answer is NaN. Declared here by
// hand from NVIDIA's NVML reference: the toolkit's header need not be there.
#pragma once

#include <stdbool.h>

typedef struct TwNvml TwNvml;

typedef struct TwNvmlReading {
    double sm_mhz, mem_mhz, temp_degc;
    double power_w, instant_w;    // a mean over up to a second; now
    double energy_j;              // counter since the driver was loaded; steps about every 100 ms on Hopper
    double throttle;              // reasons, a bit set
} TwNvmlReading;

typedef struct TwNvmlLimits {
    double power_limit_w, power_default_w, sm_max_mhz, mem_max_mhz;
    char driver[80];    // empty where unknown
} TwNvmlLimits;

// pci: "0000:1b:00.0". NULL where there is no NVML or no such device: all functions below take NULL.
TwNvml *tw_nvml_open(const char *pci);
void tw_nvml_close(TwNvml *nvml);
TwNvmlReading tw_nvml_read(const TwNvml *nvml);
TwNvmlReading tw_nvml_clocks(const TwNvml *nvml);    // no power, no energy: those take the longest to ask for
TwNvmlLimits tw_nvml_limits(const TwNvml *nvml);
