// T42, the random load of the thermal page: 128 racks of which each takes a new level every 10 s, with unlike flows,
// followed by both integrators over the same inputs.
#pragma once

#include "models/thermal/net1.h"
#include "sim/random.h"

#include <math.h>

enum { NET1_LOAD_CDUS = 16, NET1_LOAD_WINDOWS = 60 };

// How far the fast integrator ends from cvode.
typedef struct Net1Apart {
    double chip_k, loops_k;    // the largest difference of any chip, of any loop
    double heat;               // of the energy taken in
    double books;              // heat in - out - stored over heat in, the worst window of both
} Net1Apart;

// 8 + 124 l kW, of which the liquid share; n_set^2 = 0.55 + 0.45 mean level of the CDU
static inline void net1_levels(Net1 *n, int window)
{
    TwStream s = tw_stream(5, "levels");
    for (int c = 0; c < NET1_LOAD_CDUS; c++) {
        double sum = 0.0;
        for (int k = 0; k < NET1_RACKS; k++) {
            int i = c * NET1_RACKS + k;
            double l = 0.45 + 0.55 * tw_random(s, (uint64_t)window, (uint32_t)i, TW_PURPOSE_DESIGN);
            n->rack_w[i] = 132e3 * l;
            sum += l / NET1_RACKS;
        }
        tw_thermal_set_pump_speed(n->thermal, n->block, c, sqrt(0.55 + 0.45 * sum));
    }
}

// step_s: the longest step of the fast one, 0: its own
static inline Net1 *net1_loaded(bool cvode, double step_s)
{
    Net1 *n = net1_rows(NET1_LOAD_CDUS);
    TwStream s = tw_stream(5, "flows");
    n->spec.cvode = cvode;
    if (step_s > 0.0) n->spec.step_max_s = step_s;
    for (int i = 0; i < n->spec.rack_count; i++)
        n->racks[i].flow_kg_s *= 0.97 + 0.06 * tw_random(s, (uint64_t)i, 0, TW_PURPOSE_DESIGN);
    if (!net1_build(n)) abort();
    net1_levels(n, 0);
    return n;
}

static inline bool net1_random_load(double step_s, Net1Apart *apart, TwError *error)
{
    Net1 *both[2] = {net1_loaded(false, step_s), net1_loaded(true, step_s)}, *fast = both[0], *exact = both[1];
    double in[2] = {0.0, 0.0};
    bool good = true;
    *apart = (Net1Apart){0};
    for (int k = 0; good && k < 2; k++) good = tw_thermal_start(both[k]->thermal, both[k]->block, &both[k]->in, error);
    for (int w = 0; good && w < NET1_LOAD_WINDOWS; w++) {
        for (int k = 0; good && k < 2; k++) {
            Net1 *n = both[k];
            net1_levels(n, w);
            double stored = tw_thermal_stored_j(n->thermal, n->block);
            good = tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * w, 10.0 * (w + 1), &n->out, error);
            stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
            apart->books = fmax(apart->books, fabs(n->out.heat_in_j - n->out.heat_out_j - stored) / n->out.heat_in_j);
            in[k] += n->out.heat_in_j;
        }
        for (int i = 0; i < fast->spec.rack_count; i++)
            apart->chip_k = fmax(apart->chip_k, fabs(fast->chip_degc[i] - exact->chip_degc[i]));
        for (int c = 0; c < NET1_LOAD_CDUS; c++)
            apart->loops_k = fmax(apart->loops_k, fabs(fast->cdu_supply_degc[c] - exact->cdu_supply_degc[c]));
        apart->loops_k = fmax(apart->loops_k, fabs(fast->out.plant_supply_degc - exact->out.plant_supply_degc));
    }
    apart->heat = fabs(in[0] / in[1] - 1.0);
    net1_destroy(fast);
    net1_destroy(exact);
    return good;
}
