#!/bin/sh
# Writes the source of a driver that does nothing: stub_driver.sh TOOLKIT_STUB.so OUTPUT.c
#
# The toolkit's own stub answers every call with an error. This one has the same functions, answers success, and gives
# handles where plans of cuDNN ask for them: enough to finish plans without a device.
set -eu
own='cuGetProcAddress cuGetProcAddress_v2 cuDriverGetVersion cuDeviceGetCount cuDeviceGetAttribute cuLibraryLoadData
cuLibraryGetKernel cuKernelGetFunction cuLibraryGetModule cuModuleLoadData cuModuleLoadDataEx cuModuleGetFunction
cuOccupancyMaxActiveBlocksPerMultiprocessor cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags cuGetErrorString
cuGetErrorName cuGetExportTable'
{
    printf '#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdint.h>\n'
    nm -D --defined-only "$1" | awk '$2 == "T" || $2 == "W" { sub(/@.*/, "", $3); print $3 }' | grep '^cu' | sort -u |
        awk -v own="$own" 'BEGIN { n = split(own, list); for (i = 1; i <= n; i++) not[list[i]] = 1 }
                           !($1 in not) { print "int " $1 "(void) { return 0; }" }'
    cat << 'END'
enum { NOT_FOUND = 500 };
static int thing;
int cuGetExportTable(const void **table, const void *id) { (void)table; (void)id; return NOT_FOUND; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
// 75, 76: compute capability; 16: processors
int cuDeviceGetAttribute(int *value, int attribute, int device)
{
    (void)device;
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : attribute == 16 ? 132 : 1024;
    return 0;
}
int cuLibraryLoadData(void **handle) { *handle = &thing; return 0; }
int cuLibraryGetKernel(void **handle) { *handle = &thing; return 0; }
int cuKernelGetFunction(void **handle) { *handle = &thing; return 0; }
int cuLibraryGetModule(void **handle) { *handle = &thing; return 0; }
int cuModuleLoadData(void **handle) { *handle = &thing; return 0; }
int cuModuleLoadDataEx(void **handle) { *handle = &thing; return 0; }
int cuModuleGetFunction(void **handle) { *handle = &thing; return 0; }
int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *count) { *count = 1; return 0; }
int cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *count) { *count = 1; return 0; }
int cuGetErrorString(int error, const char **text) { (void)error; *text = "stub"; return 0; }
int cuGetErrorName(int error, const char **text) { (void)error; *text = "stub"; return 0; }
int cuGetProcAddress(const char *name, void **function)
{
    *function = dlsym(RTLD_DEFAULT, name);
    return *function ? 0 : NOT_FOUND;
}
int cuGetProcAddress_v2(const char *name, void **function, int version, uint64_t flags, int *found)
{
    (void)version;
    (void)flags;
    *function = dlsym(RTLD_DEFAULT, name);
    if (found) *found = *function ? 0 : 1;
    return *function ? 0 : NOT_FOUND;
}
END
} > "$2"
