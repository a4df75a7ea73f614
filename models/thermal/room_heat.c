// What each rack gives to the room air in a window. The steps meter it by coolant loop: among the racks of a loop it is
// shared as they give it at the window's end. The reference integrator meters the room's balance alone, shared in the
// same way among all racks.
#include "models/thermal/network.h"

#include <math.h>

// W now of a rack at place k of its group, lane l.
static double to_room_w(const TwGroup *group, const TwRackInput *in, const double *y, const double *z, int k, int l)
{
    const TwRackLanes *p = &group->rack[k];
    const double *s = y + (size_t)k * RACK_STATES * LANES + l;
    const double *yc = y + (size_t)group->racks * RACK_STATES * LANES + l;
    double door = p->door[l], sink = z[ROOM] + door * (z[HEADER_SUPPLY] - z[ROOM]);
    double heat_w = (1.0 - door) * in[k].sink_w_k[l] * (s[AIR * LANES] - sink);
    if (group->air) heat_w += p->rate_w_k[l] * fmax(yc[FLOW * LANES], 0.0) * (s[MANIFOLD * LANES] - z[ROOM]);
    return heat_w;
}

typedef struct Sum {
    double heat_j, size_j;
    int count;
} Sum;

static void count(Sum *sum, double heat_j)
{
    sum->heat_j += heat_j;
    sum->size_j += fabs(heat_j);
    sum->count++;
}

// Of what is missing to the total, the part of one that gives heat_j.
static double part(const Sum *sum, double total_j, double heat_j)
{
    double share = sum->size_j > 0.0 ? fabs(heat_j) / sum->size_j : 1.0 / sum->count;
    return (total_j - sum->heat_j) * share;
}

typedef struct Share {
    const TwThermalPlant *plant;
    const void *block;
    double length_s;
    bool exact;
    double *heat_j;    // [rack]
} Share;

static void share_group(void *what, int g)
{
    const Share *s = what;
    const TwThermalPlant *plant = s->plant;
    const TwGroup *group = &plant->groups[g];
    const double *state = tw_f64_const(s->block, plant->state), *z = tw_plant_state_const(plant, s->block);
    const TwRackInput *inputs = (const TwRackInput *)tw_at_const(s->block, plant->rack_input) + group->place;
    const TwGroupMeter *window = (const TwGroupMeter *)tw_at_const(s->block, plant->meter) + g;
    const int *rack = plant->place_rack + group->place * LANES;
    double *heat_j = s->heat_j;
    for (int l = 0; l < LANES; l++) {
        Sum lane = {0};
        for (int k = 0; k < group->racks; k++) {
            int i = rack[k * LANES + l];
            if (i < 0) continue;
            bool first = plant->rack_place[i] / LANES == (int)group->place + k;
            heat_j[i] =
                (first ? 0.0 : heat_j[i]) + to_room_w(group, inputs, state + group->first, z, k, l) * s->length_s;
            // a rack's trays follow one another: it is whole with the last
            if (k + 1 == group->racks || rack[(k + 1) * LANES + l] != i) count(&lane, heat_j[i]);
        }
        for (int k = 0; k < group->racks && !s->exact; k++) {
            int i = rack[k * LANES + l];
            bool first = i >= 0 && plant->rack_place[i] / LANES == (int)group->place + k;
            if (first) heat_j[i] += part(&lane, window->room_j[l], heat_j[i]);
        }
    }
}

void tw_room_heat(const TwThermalPlant *plant, TwTeam *team, const void *block, const TwThermalIn *in, double length_s,
                  bool exact, double before_degc, const TwPlantRates *meter, TwThermalOut *out)
{
    const double *z = tw_plant_state_const(plant, block);
    out->room_j = plant->room_j_k * (z[ROOM] - before_degc) + meter->room_reject_w - meter->room_fan_w;
    double *heat_j = out->rack_room_j;
    if (!heat_j) return;
    Share share = {plant, block, length_s, exact, heat_j};
    tw_team_each(team, plant->group_count, share_group, &share);
    if (!exact) return;
    Sum all = {0};
    for (int i = 0; i < plant->out.rack_count; i++) count(&all, heat_j[i]);
    double total_j = out->room_j - in->room_w * length_s;
    for (int i = 0; i < plant->out.rack_count; i++) heat_j[i] += part(&all, total_j, heat_j[i]);
}
