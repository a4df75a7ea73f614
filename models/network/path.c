#include "models/network/path.h"

#include <math.h>

double tw_path_s(int count, const double *latency_s, const double *rate_bytes_s, double bytes, bool store)
{
    double time = 0.0, slowest = INFINITY;
    for (int i = 0; i < count; i++) {
        time += latency_s[i] + (store ? bytes / rate_bytes_s[i] : 0.0);
        slowest = fmin(slowest, rate_bytes_s[i]);
    }
    return store || count == 0 ? time : time + bytes / slowest;
}

double tw_lv08_s(double bytes, double latency_s, double rate_bytes_s)
{
    return 13.01 * latency_s + bytes / (0.97 * rate_bytes_s / 1.05);
}
