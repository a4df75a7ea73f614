// Requests generated per second on one core, through tw_traffic_pop, for each arrival process; and trace reading.
#include "models/workload/trace.h"
#include "models/workload/traffic.h"
#include "sim/progress.h"

#include <stdlib.h>

static bool generate(const char *kind, double rate_s, double shape)
{
    TwTraffic *traffic;
    TwLayout layout = {0};
    TwError error = {0};
    const TwTrafficSpec spec = {.name = "bench",
                                .seed = 1,
                                .cells = 1,
                                .arrival = kind,
                                .rate_s = rate_s,
                                .shape = shape,
                                .profile = "azure24_conv",
                                .lengths = "azure23_conv",
                                .context_tokens = 131072};
    if (!tw_traffic_create(&traffic, &spec, &layout, &error)) {
        tw_error_print(&error, stderr);
        return false;
    }
    void *block = tw_block_create(&layout);
    tw_traffic_start(traffic, block);

    const int64_t count = 4000000;
    int64_t tokens = 0;
    double begun_s = tw_wall_s();
    for (int64_t i = 0; i < count; i++) {
        TwRequest request;
        tw_traffic_pop(traffic, block, 0, &request);
        tokens += request.input_tokens;
    }
    double wall_s = tw_wall_s() - begun_s;
    printf("traffic_%s_requests %.4g 1/s\n", kind, (double)count / wall_s);
    tw_block_destroy(block);
    tw_traffic_destroy(traffic);
    return tokens > 0;
}

// a Mooncake-like file of a million rows, written to and read from a temporary file
static bool read_trace(void)
{
    char path[] = "bench_traffic_XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) return false;
    const int rows = 1000000;
    for (int r = 0; r < rows; r++)
        fprintf(file, "{\"timestamp\": %d, \"input_length\": %d, \"output_length\": %d}\n", 3 * r, 1 + r % 5000,
                1 + r % 400);
    double bytes = (double)ftell(file);
    fclose(file);

    TwTrace *trace;
    TwError error = {0};
    const TwTraceOptions options = {0};
    double begun_s = tw_wall_s();
    bool ok = tw_trace_read(&trace, path, &options, &error) && trace->rows == rows;
    double wall_s = tw_wall_s() - begun_s;
    if (ok) printf("trace_read %.4g B/s\n", bytes / wall_s);
    if (ok) tw_trace_destroy(trace);
    remove(path);
    return ok;
}

int main(void)
{
    bool ok = generate("poisson", 1000.0, 0.0) && generate("gamma", 1000.0, 0.25) && generate("weibull", 1000.0, 0.6) &&
              generate("cox", 1000.0, 0.0) && generate("onoff", 1000.0, 0.0) && read_trace();
    return ok ? 0 : 1;
}
