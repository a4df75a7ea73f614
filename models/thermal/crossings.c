// Chips that pass their slowdown and shutdown within a step, and throttles that turn on and off there.
#include "models/thermal/network.h"

#include <math.h>
#include <string.h>

void tw_keep_chips(const TwThermalPlant *plant, void *block, int g)
{
    const TwGroup *group = &plant->groups[g];
    const double *chip = tw_f64_const(block, plant->state) + group->first + CHIP * LANES;
    TwLane *before = (TwLane *)tw_at(block, plant->chip_before) + group->place;
    for (int k = 0; k < group->racks; k++, chip += RACK_STATES * LANES) memcpy(before[k], chip, sizeof(TwLane));
}

bool tw_chips_pass(const TwThermalPlant *plant, const void *block, int g)
{
    const TwGroup *group = &plant->groups[g];
    const double *chip = tw_f64_const(block, plant->state) + group->first + CHIP * LANES;
    const TwLane *before = (const TwLane *)tw_at_const(block, plant->chip_before) + group->place;
    int passed = 0;
    for (int k = 0; k < group->racks; k++, chip += RACK_STATES * LANES) {
        const TwRackLanes *p = &group->rack[k];
        for (int l = 0; l < LANES; l++)
            passed |= ((before[k][l] < p->slowdown_degc[l]) != (chip[l] < p->slowdown_degc[l])) |
                      ((before[k][l] < p->trip_degc[l]) != (chip[l] < p->trip_degc[l]));
    }
    return passed != 0;
}

void tw_note_crossing(TwThermalOut *out, double time_s, int rack, TwThermalLimit limit)
{
    if (out->crossings && out->crossing_count < out->crossing_most)
        out->crossings[out->crossing_count++] = (TwThermalCrossing){time_s, rack, limit};
}

// where a straight line from a to b passes zero, in [0, 1]; 2: it does not
static double passage(double a, double b) { return (a < 0.0) != (b < 0.0) ? a / (a - b) : 2.0; }

double tw_first_turn(const TwThermalPlant *plant, const void *block)
{
    const double *state = tw_f64_const(block, plant->state);
    const TwLane *before = tw_at_const(block, plant->chip_before);
    const TwRackInput *racks = tw_at_const(block, plant->rack_input);
    double first = 2.0;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        for (int k = 0; k < group->racks; k++) {
            size_t place = group->place + (size_t)k;
            const TwRackLanes *p = &group->rack[k];
            const double *now = state + group->first + ((size_t)k * RACK_STATES + CHIP) * LANES;
            for (int l = 0; l < LANES; l++) {
                if (p->hysteresis[l] == 0.0) continue;
                bool slowed = racks[place].slowed[l] > 0.0;
                double limit = slowed ? p->release_degc[l] : p->slowdown_degc[l];
                bool passes = slowed ? now[l] < limit : now[l] >= limit;
                if (passes) first = fmin(first, fmin(passage(before[place][l] - limit, now[l] - limit), 1.0));
            }
        }
    }
    return first;
}

// Passages of a rack in a step, by the hottest of its trays at either end.
static void note_rack(const TwThermalPlant *plant, const TwLane *before, const double *state, int rack, double from_s,
                      double h, TwThermalOut *out)
{
    int at = plant->rack_place[rack], l = at % LANES, trays = (int)lround(1.0 / plant->rack_branch_size[rack]);
    const TwRackLanes *p = plant->groups[0].rack + at / LANES;
    double was = -INFINITY, is = -INFINITY, up = 2.0, down = -1.0, trips = 2.0;
    double limit = p->slowdown_degc[l], trip = p->trip_degc[l];
    // places of a loop follow one another in the state as in the arrays of places
    const double *now = state + tw_chip_at(plant, at);
    for (int k = 0; k < trays; k++, now += RACK_STATES * LANES) {
        double a = before[at / LANES + k][l], b = *now, share = passage(a - limit, b - limit);
        was = was > a ? was : a;
        is = is > b ? is : b;
        if (share <= 1.0 && b >= limit) up = fmin(up, share);
        if (share <= 1.0 && b < limit) down = fmax(down, share);
        share = passage(a - trip, b - trip);
        if (share <= 1.0 && b >= trip) trips = fmin(trips, share);
    }
    if (was < limit && is >= limit) tw_note_crossing(out, from_s + h * up, rack, TW_LIMIT_SLOWDOWN);
    if (was >= limit && is < limit) tw_note_crossing(out, from_s + h * down, rack, TW_LIMIT_RECOVERED);
    if (was < trip && trips <= 1.0) tw_note_crossing(out, from_s + h * trips, rack, TW_LIMIT_SHUTDOWN);
}

void tw_find_crossings(const TwThermalPlant *plant, void *block, double from_s, double until_s, TwThermalOut *out)
{
    if (!out->crossings && !plant->hysteresis) return;
    const double *state = tw_f64_const(block, plant->state);
    const TwLane *before = tw_at_const(block, plant->chip_before);
    TwRackInput *racks = tw_at(block, plant->rack_input);
    const double *passed = tw_f64_const(block, plant->chips_passed);
    double h = until_s - from_s;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        if (!plant->hysteresis && passed[g] == 0.0) continue;
        for (int k = 0; k < group->racks; k++) {
            size_t place = group->place + (size_t)k;
            const TwRackLanes *p = &group->rack[k];
            const double *now = state + group->first + ((size_t)k * RACK_STATES + CHIP) * LANES;
            for (int l = 0; l < LANES; l++) {
                int rack = plant->place_rack[place * LANES + (size_t)l];
                if (rack < 0) continue;
                double limit = p->slowdown_degc[l];
                if (plant->rack_branch_size[rack] == 1.0 || plant->rack_place[rack] == (int)place * LANES + l)
                    note_rack(plant, before, state, rack, from_s, h, out);
                double *slowed = &racks[place].slowed[l];
                if (p->hysteresis[l] > 0.0 && now[l] >= limit - 1e-6) *slowed = 1.0;
                if (p->hysteresis[l] > 0.0 && now[l] < p->release_degc[l] + 1e-6) *slowed = 0.0;
            }
        }
    }
}

bool tw_chips_near(const TwThermalPlant *plant, const void *block)
{
    if (!plant->fault_windows) return false;
    const double *state = tw_f64_const(block, plant->state);
    for (int g = 0; g < plant->group_count; g++)
        for (int k = 0; k < plant->groups[g].racks; k++)
            for (int l = 0; l < LANES; l++)
                if (state[plant->groups[g].first + ((size_t)k * RACK_STATES + CHIP) * LANES + (size_t)l] >
                    plant->groups[g].rack[k].slowdown_degc[l] - 3.0)
                    return true;
    return false;
}
