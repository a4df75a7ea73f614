// Requests generated per second on one core, through tw_traffic_pop, for each arrival process; and trace reading.
#include "models/workload/trace.h"
#include "models/workload/traffic.h"

#include <stdlib.h>
#include <time.h>

// seconds of processor time: what one core gives, whoever shares it
static double core_s(void) { return (double)clock() / CLOCKS_PER_SEC; }

static bool generate(const char *name, const char *kind, double rate_s, double shape, bool prefix)
{
    TwTraffic *traffic;
    TwLayout layout = {0};
    TwError error = {0};
    const TwTrafficSpec spec = {
        .name = "bench",
        .seed = 1,
        .cells = 1,
        .arrival = kind,
        .rate_s = rate_s,
        .shape = shape,
        .profile = "azure24_conv",
        .lengths = "azure23_conv",
        .context_tokens = 131072,
        .prefix = {
            .kind = prefix ? "templates" : "none", .count = 2000, .zipf_s = 1.1, .table = "mooncake_template_tokens"}};
    if (!tw_traffic_create(&traffic, &spec, &layout, &error)) {
        tw_error_print(&error, stderr);
        return false;
    }
    void *block = tw_block_create(&layout);
    tw_traffic_start(traffic, block);

    const int64_t count = 4000000;
    int64_t tokens = 0;
    double begun_s = core_s();
    for (int64_t i = 0; i < count; i++) {
        TwRequest request;
        tw_traffic_pop(traffic, block, 0, &request);
        tokens += request.input_tokens;
    }
    double wall_s = core_s() - begun_s;
    printf("traffic_%s_requests %.4g 1/s\n", name, (double)count / wall_s);
    tw_block_destroy(block);
    tw_traffic_destroy(traffic);
    return tokens > 0;
}

// a Mooncake-like file of ten million rows, written to and read from a temporary file
static bool read_trace(void)
{
    char path[] = "bench_traffic_XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) return false;
    const int rows = 10000000;
    for (int r = 0; r < rows; r++)
        fprintf(file, "{\"timestamp\": %d, \"input_length\": %d, \"output_length\": %d}\n", 3 * r, 1 + r % 5000,
                1 + r % 400);
    double bytes = (double)ftell(file);
    fclose(file);

    TwTrace *trace;
    TwError error = {0};
    const TwTraceOptions options = {0};
    double begun_s = core_s();
    bool ok = tw_trace_read(&trace, path, &options, &error) && trace->rows == rows;
    double wall_s = core_s() - begun_s;
    if (ok) printf("trace_read %.4g B/s\n", bytes / wall_s);
    if (ok) tw_trace_destroy(trace);
    remove(path);
    return ok;
}

int main(void)
{
    bool ok = generate("poisson", "poisson", 1000.0, 0.0, false) && generate("gamma", "gamma", 1000.0, 0.25, false) &&
              generate("weibull", "weibull", 1000.0, 0.6, false) && generate("cox", "cox", 1000.0, 0.0, false) &&
              generate("onoff", "onoff", 1000.0, 0.0, false) &&
              generate("poisson_prefix", "poisson", 1000.0, 0.0, true) && read_trace();
    return ok ? 0 : 1;
}
