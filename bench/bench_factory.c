// The composed factory at exact fidelity: wall clock of a simulated hour and day of gb300_100mw and of a day of
// dps_8rack, from a stretch of each in steady load. A run of an hour exchanges each second, one of a day each 10 s.
// `bench_factory [SECONDS]`: length of the stretch of gb300_100mw, default 60.
#include "sim/data.h"
#include "sim/progress.h"
#include "twin/state.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void measure(const char *name, double warm_s, double stretch_s, const char *what, double span_s, bool json)
{
    char path[512];
    TwError error = {0};
    TwErrors *errors = tw_errors_create();
    TwPlant *plant;
    TwState *state;
    // the exchange interval of the run that the figure stands for
    const char *const sets[] = {"run.for_s=1000000.0",
                                span_s > 6.0 * 3600.0 ? "run.exchange_s=10.0" : "run.exchange_s=1.0"};
    const TwPlantInput input = {path, sets, 2, 0};
    if (!tw_data_find(name, path, sizeof path) || !tw_plant_create(&plant, &input, errors)) {
        tw_errors_print(errors, 5, stderr);
        exit(TW_BAD_INPUT);
    }
    if (!tw_state_create(&state, plant, &error) || !tw_state_advance(state, warm_s, NULL, NULL, &error))
        exit(TW_NUMERICAL);
    TwWorkloadTotals before, after;
    tw_workload_totals(plant->workload, tw_state_block(state), -1, &before);
    double begun_s = tw_wall_s();
    if (!tw_state_advance(state, warm_s + stretch_s, NULL, NULL, &error)) exit(TW_NUMERICAL);
    double wall_s = tw_wall_s() - begun_s;
    tw_workload_totals(plant->workload, tw_state_block(state), -1, &after);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double requests = (double)(after.completed - before.completed);
    const char *format = json ? "{\"name\": \"%s_%s\", \"value\": %.6g, \"unit\": \"%s\"}\n" : "%s_%s %.6g %s\n";
    printf(format, plant->facility, what, wall_s / stretch_s * span_s, "s");
    printf(format, plant->facility, "requests_per_wall_s", requests / wall_s, "1/s");
    printf(format, plant->facility, "state", (double)plant->state_bytes / 1e6, "MB");
    printf(format, plant->facility, "peak_memory", (double)usage.ru_maxrss / 1e3, "MB");
    double in_flight = (double)(after.running + after.waiting);
    printf(format, plant->facility, "requests_in_flight", in_flight, "1");
    printf(format, plant->facility, "peak_memory_per_request_in_flight", 1024.0 * (double)usage.ru_maxrss / in_flight,
           "B");
    printf(format, plant->facility, "threads", (double)omp_get_max_threads(), "1");
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    tw_errors_destroy(errors);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    double stretch_s = argc > 1 && atof(argv[1]) > 0.0 ? atof(argv[1]) : 60.0;
    measure("facilities/dps_8rack.cfg", 600.0, 600.0, "wall_per_day", 86400.0, json);
    measure("facilities/gb300_100mw.cfg", 120.0, stretch_s, "wall_per_hour", 3600.0, json);
    measure("facilities/gb300_100mw.cfg", 120.0, stretch_s, "wall_per_day", 86400.0, json);
    return 0;
}
