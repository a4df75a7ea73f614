// Power: time of a sweep per element, of a settled window, and of an allocation among 10,000 racks over six levels.
#include "bench/bench.h"
#include "models/power/inner.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RACKS = 10000, LEVELS = 6 };
static const int width[LEVELS] = {1, 4, 16, 64, 256, 1250};    // elements of a level

int main(int argc, char **argv)
{
    json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int count = 0;
    for (int level = 0; level < LEVELS; level++) count += width[level];
    TwElementRow *rows = calloc((size_t)count, sizeof *rows);
    const char **names = calloc((size_t)count, sizeof *names);
    char(*text)[16] = calloc((size_t)count, sizeof *text);
    TwPowerRack *racks = calloc(RACKS, sizeof *racks);
    double *demand = calloc(4 * RACKS, sizeof *demand), *floor_w = demand + RACKS, *most = floor_w + RACKS;
    double *grant = most + RACKS, *element_w = calloc(2 * (size_t)count, sizeof *element_w);
    int *binding = calloc(RACKS, sizeof *binding);
    bool *on = calloc(RACKS, sizeof *on);
    if (!rows || !names || !text || !racks || !demand || !element_w || !binding || !on) return 5;

    // limits tighten towards the top, so that several levels bind at once
    int at = 0, above = 0;
    double rack_peak = 142e3;
    for (int level = 0; level < LEVELS; level++) {
        for (int i = 0; i < width[level]; i++) {
            int e = at + i;
            snprintf(text[e], sizeof text[e], "e%d", e);
            names[e] = text[e];
            double below = rack_peak * RACKS / width[level];
            int parent = level == 0 ? 0 : above + (int)((long)i * width[level - 1] / width[level]);
            rows[e] = (TwElementRow){.kind = level == 0   ? "feed"
                                             : level == 2 ? "ups"
                                                          : "pdu",
                                     .from = level == 0 ? "" : text[parent],
                                     .limit_w = below * (0.8 + 0.05 * level + 0.02 * (i % 5)),
                                     .rated_w = below,
                                     .loss_a = level == 0 ? 0.0 : 0.003,
                                     .loss_c = level == 0 ? 0.0 : 0.01,
                                     .autonomy_s = level == 2 ? 300.0 : 0.0,
                                     .charge_fraction = 1.0,
                                     .ramp_w_s = NAN,
                                     .charge_w = NAN};
        }
        above = at;
        at += width[level];
    }
    for (int r = 0; r < RACKS; r++) {
        int leaf = count - width[LEVELS - 1] + (int)((long)r * width[LEVELS - 1] / RACKS);
        racks[r] = (TwPowerRack){.name = "rack", .element = leaf, .peak_w = rack_peak};
        demand[r] = rack_peak * (0.6 + 0.4 * ((r * 7919) % 1000) / 1000.0);
        floor_w[r] = 20e3;
        most[r] = rack_peak;
    }
    TwErrors *errors = tw_errors_create();
    TwLayout layout = {0};
    TwPowerSpec spec = {count, RACKS, 0, names, rows, racks, NULL};
    TwPower *power;
    double begin = now_s();
    if (!tw_power_create(&power, &spec, &layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        return 3;
    }
    print("power_create", 1e3 * (now_s() - begin), "ms");
    void *block = tw_block_create(&layout);
    tw_power_start(power, block);
    print("power_elements", count, "1");
    print("power_racks", RACKS, "1");
    print("power_state", 1e-3 * (double)layout.bytes, "kB");

    enum { TURNS = 200 };
    const TwPowerPlant *p = power->inner;
    begin = now_s();
    for (int i = 0; i < TURNS; i++)
        tw_power_sweep(p, block, demand, NULL, tw_f64(block, p->out_w), tw_f64(block, p->in_w));
    double sweep_s = (now_s() - begin) / TURNS;
    print("power_sweep", 1e6 * sweep_s, "us");
    print("power_sweep_per_element", 1e9 * sweep_s / (count + RACKS), "ns");

    TwPowerOut out = {element_w, element_w + count, on, on, 0, 0, 0, 0, 0, 0};
    begin = now_s();
    for (int i = 0; i < TURNS; i++) tw_power_settle(power, block, 1.0, demand, NULL, &out);
    print("power_settle", 1e6 * (now_s() - begin) / TURNS, "us");

    int capped = 0;
    begin = now_s();
    for (int i = 0; i < 20; i++) capped = tw_power_allocate(power, block, demand, floor_w, most, NULL, grant, binding);
    print("power_allocate_10000", 1e3 * (now_s() - begin) / 20, "ms");
    print("power_allocate_capped", capped, "1");

    // nobody is stopped: the common case
    for (int r = 0; r < RACKS; r++) most[r] = demand[r] = 0.5 * rack_peak;
    begin = now_s();
    for (int i = 0; i < 20; i++) capped = tw_power_allocate(power, block, demand, floor_w, most, NULL, grant, binding);
    print("power_allocate_10000_free", 1e3 * (now_s() - begin) / 20, "ms");
    if (json) printf("\n}\n");

    tw_block_destroy(block);
    tw_power_destroy(power);
    tw_errors_destroy(errors);
    free(rows);
    free(names);
    free(text);
    free(racks);
    free(demand);
    free(element_w);
    free(binding);
    free(on);
    return 0;
}
