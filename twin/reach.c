#include "twin/reach.h"

// What a fixed point works on.
typedef struct Net {
    const TwPlant *plant;
    const TwPowerRing *ring;
    const int *out;
    bool *alive;
} Net;

static bool wake(Net n, int bus)
{
    if (bus < 0 || n.alive[bus]) return false;
    if (!n.ring[bus].member || (n.out[bus] != 0 && !n.ring[bus].line)) return false;
    return n.alive[bus] = true;
}

// What an element that is in service passes on: from its sources, and in a closed ring towards them.
static bool pass_on(Net n, int e)
{
    int up = n.plant->power->parent[e], second = n.ring[e].second;
    if (n.ring[e].bridge) return (n.alive[up] && wake(n, second)) || (n.alive[second] && wake(n, up));
    // generation that forms a grid lives by itself and carries what it feeds into
    if (n.plant->elements[e].forms_grid) {
        bool changed = !n.alive[e];
        n.alive[e] = true;
        if (up >= 0 && !n.alive[up] && n.out[up] == 0) changed = n.alive[up] = true;
        return changed;
    }
    bool changed = false;
    if (!n.alive[e] && ((up >= 0 && n.alive[up]) || (second >= 0 && n.alive[second]))) changed = n.alive[e] = true;
    if (!n.alive[e]) return changed;
    if (n.ring[e].board) {
        changed = wake(n, up) || changed;
        changed = wake(n, second) || changed;
    } else if (n.ring[e].back) {
        changed = wake(n, up) || changed;
    }
    return changed;
}

// A fixed point, because second sources may lie anywhere.
void tw_reach(const TwPlant *plant, const TwPowerRing *ring, const int *out, bool *alive)
{
    Net n = {plant, ring, out, alive};
    for (int e = 0; e < plant->element_count; e++) alive[e] = !plant->elements[e].from[0] && out[e] == 0;
    for (bool changed = true; changed;) {
        changed = false;
        for (int e = 0; e < plant->element_count; e++)
            if (out[e] == 0 && plant->elements[e].from[0]) changed = pass_on(n, e) || changed;
    }
}

bool tw_reach_rack(const TwPlant *plant, const bool *alive, int rack)
{
    const TwRackPlan *r = &plant->racks[rack];
    bool on = alive[r->element];
    for (int k = 0; k < r->cord_count; k++) on = on || alive[r->cords[k]];
    return on;
}

bool tw_reach_plant(const TwPlant *plant, const bool *alive)
{
    const TwThermal *thermal = plant->thermal;
    bool runs = true;
    for (int i = 1; i <= thermal->load_count; i++)
        if (thermal->load_cdu[i - 1] < 0) runs = runs && alive[plant->load_element[i]];
    return runs;
}

bool tw_reach_cdu(const TwPlant *plant, const bool *alive, const int *pump_out, int cdu)
{
    const TwThermal *thermal = plant->thermal;
    int lost = 0;
    for (int c = 0; c < thermal->cdu_count; c++)
        if (thermal->cdu_loop[c] == thermal->cdu_loop[cdu])
            lost += (pump_out && pump_out[c] != 0) || !alive[plant->load_element[c + 1]];
    return lost <= thermal->cdu_spare[cdu];
}
