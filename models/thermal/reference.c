// The reference integrator: CVODE (BDF, Newton, sparse Jacobian) over the same right-hand side as the fast path, with
// facility loop and room in the same system. Unknowns: the network's states, then meters: chip heat by place and lane,
// exchanger and pump heat by CDU lane, and those of loop and room.
//
// Meters take no part in the error test. The Jacobian's meter rows use the derivatives of the states' rows, so that
// each Newton step keeps heat in = heat out + stored. It leaves out how valves change the facility flow.
// The solver is shared by all states of a plant: with `cvode`, advance one state at a time.
#include "models/thermal/network.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct Entry {
    int row, column, order;
} Entry;

struct TwReference {
    const TwThermalPlant *plant;
    TwOde *ode;
    int count, meters, exchangers, pumps, plant_meters;    // count of unknowns; first unknown of each kind of meter
    double *y, *tolerance, *slope, *watch;
    TwGroupMeter *group_meter;
    TwLane *chip_w;

    // the window being integrated
    const TwRackInput *racks;
    const TwCduInput *cdus;
    const TwUnitInput *units;
    const TwPlantInput *in;
    double from_s, until_s, basin_kg;    // basin_kg: at from_s
    bool wet;
    double *side;    // [watch]

    // thresholds beside those of chips follow as roots 3 racks + watch; thresholds of each rack: roots 3 i (slowdown),
    // 3 i + 1 (its end, with hysteresis), 3 i + 2 (shutdown)
    size_t *chip;    // [rack] unknown
    int *direction;

    // pattern: entry k of the fixed order of emission goes to values[place[k]]
    int entries, nonzeros;
    int *place, *column_start, *row;
    Entry *list;    // only while the pattern is built
    double *values;
    int next;
};

enum { PLANT_METERS = sizeof(TwPlantRates) / sizeof(double) };

static TwPlantInput input_at(const TwReference *r, double time_s)
{
    TwPlantInput in = *r->in;
    double u = (time_s - r->from_s) / (r->until_s - r->from_s);
    TwAmbient *a = &in.ambient;
    a->dry_bulb_degc[0] += u * (a->dry_bulb_degc[1] - a->dry_bulb_degc[0]);
    a->wet_bulb_degc[0] += u * (a->wet_bulb_degc[1] - a->wet_bulb_degc[0]);
    in.wet = r->wet;
    return in;
}

static void evaluate(TwReference *r, double time_s, const double *y, double *rate, TwPlantInput *in)
{
    const TwThermalPlant *plant = r->plant;
    const double *z = y + plant->state_count - PLANT_STATES;
    *in = input_at(r, time_s);
    in->heat_w = in->rate_w_k = 0.0;
    for (int g = 0; g < plant->group_count; g++) {
        const TwGroup *group = &plant->groups[g];
        TwGroupMeter *m = &r->group_meter[g];
        tw_group_rate(group, y + group->first, r->racks + group->place, &r->cdus[g], r->units + group->unit,
                      z[HEADER_SUPPLY], z[ROOM], z[PRIMARY], rate + group->first, r->chip_w + group->place, m);
        for (int l = 0; l < LANES; l++) {
            in->heat_w += m->exchanger_j[l] + m->door_j[l];
            in->room_w += m->room_j[l];
            in->rate_w_k += m->primary_w_k[l];
        }
    }
}

static void rate(void *context, double time_s, const double *y, double *dy_dt)
{
    TwReference *r = context;
    const TwThermalPlant *plant = r->plant;
    const size_t plant_first = plant->state_count - PLANT_STATES;
    TwPlantInput in;
    TwPlantRates q;
    evaluate(r, time_s, y, dy_dt, &in);
    tw_plant_rate(plant, y + plant_first, &in, 0, dy_dt + plant_first, &q);
    memcpy(dy_dt + r->meters, r->chip_w, (size_t)plant->place_count * sizeof(TwLane));
    for (int g = 0; g < plant->group_count; g++) {
        memcpy(dy_dt + r->exchangers + g * LANES, r->group_meter[g].exchanger_j, sizeof(TwLane));
        memcpy(dy_dt + r->pumps + g * LANES, r->group_meter[g].pump_j, sizeof(TwLane));
    }
    memcpy(dy_dt + r->plant_meters, &q, sizeof q);
}

static void emit(TwReference *r, size_t row, size_t column, double value)
{
    int k = r->next++;
    if (r->list)
        r->list[k] = (Entry){(int)row, (int)column, k};
    else if (r->values)
        r->values[r->place[k]] += value;
}

// one CDU lane with its racks
static void emit_lane(TwReference *r, const double *y, int g, int l)
{
    const TwThermalPlant *plant = r->plant;
    const TwGroup *group = &plant->groups[g];
    const TwCduLanes *p = group->cdu;
    const TwCduInput *in = &r->cdus[g];
    size_t plant_first = plant->state_count - PLANT_STATES;
    size_t cdu = group->first + (size_t)group->racks * RACK_STATES * LANES + (size_t)l;
    size_t supply = cdu, ret = cdu + LANES, valve = cdu + 2 * LANES, flow = cdu + 3 * LANES;
    size_t inlet = group->air ? plant_first + ROOM : supply;
    double per_header = plant->header_j_k > 0.0 ? 1.0 / plant->header_j_k : 0.0, per_room = 1.0 / plant->room_j_k;
    double speed = y[flow], tin = y[inlet], sum_ct = 0.0;

    for (int k = 0; k < group->racks; k++) {
        const TwRackLanes *q = &group->rack[k];
        const TwRackInput *w = &r->racks[group->place + (size_t)k];
        double share = w->share[l], n = speed * share, lam = 1.0 / fmax(1.0 - 2.0 * fmax(n, 0.0), 0.5);
        size_t base = group->first + (size_t)k * RACK_STATES * LANES + (size_t)l;
#define AT(s) (base + (size_t)(s)*LANES)
        double chip = y[AT(CHIP)], plate = y[AT(PLATE)], coolant = y[AT(COOLANT)], manifold = y[AT(MANIFOLD)];
        double leak = exp(fmin(fmax((chip - q->leakage_degc[l]) * q->per_leakage_k[l], -LEAKAGE_BOUND), LEAKAGE_BOUND));
        double hot = exp(fmin(fmax((chip - q->slowdown_degc[l]) * q->per_width_k[l], -50.0), 50.0));
        double full = w->chip_w[l] * (q->steady_fraction[l] + q->leakage_fraction[l] * leak);
        double by_chip = w->chip_w[l] * y[AT(CLOCK)] * q->leakage_fraction[l] * leak * q->per_leakage_k[l];
        double thin = 1.0 / (q->film_fraction[l] + (1.0 - q->film_fraction[l]) * n);
        double film = q->film_w_k[l] * n * thin, film_n = q->film_w_k[l] * q->film_fraction[l] * thin * thin * share;
        if (film <= q->film_min_w_k[l]) film = q->film_min_w_k[l], film_n = 0.0;
        double gcp = q->chip_plate_w_k[l], gpa = q->plate_air_w_k[l], gar = w->sink_w_k[l], c = q->rate_w_k[l] * share;
        double m = c * speed, outlet = tin + (coolant - tin) * lam, door = q->door[l];
        sum_ct += c * manifold;

        emit(r, AT(CHIP), AT(CHIP), (by_chip - gcp) * q->per_chip[l]);
        emit(r, AT(CHIP), AT(PLATE), gcp * q->per_chip[l]);
        emit(r, AT(CHIP), AT(CLOCK), full * q->per_chip[l]);
        emit(r, AT(PLATE), AT(CHIP), gcp * q->per_plate[l]);
        emit(r, AT(PLATE), AT(PLATE), -(gcp + film + gpa) * q->per_plate[l]);
        emit(r, AT(PLATE), AT(COOLANT), film * q->per_plate[l]);
        emit(r, AT(PLATE), AT(AIR), gpa * q->per_plate[l]);
        emit(r, AT(PLATE), flow, -film_n * (plate - coolant) * q->per_plate[l]);
        emit(r, AT(COOLANT), AT(COOLANT), -(m * lam + film) * q->per_coolant[l]);
        emit(r, AT(COOLANT), AT(PLATE), film * q->per_coolant[l]);
        emit(r, AT(COOLANT), inlet, m * lam * q->per_coolant[l]);
        emit(r, AT(COOLANT), flow, (c * (tin - coolant) * lam + film_n * (plate - coolant)) * q->per_coolant[l]);
        emit(r, AT(MANIFOLD), AT(MANIFOLD), -m * q->per_manifold[l]);
        emit(r, AT(MANIFOLD), AT(COOLANT), m * lam * q->per_manifold[l]);
        emit(r, AT(MANIFOLD), inlet, m * (1.0 - lam) * q->per_manifold[l]);
        emit(r, AT(MANIFOLD), flow, c * (outlet - manifold) * q->per_manifold[l]);
        emit(r, AT(AIR), AT(PLATE), gpa * q->per_air[l]);
        emit(r, AT(AIR), AT(AIR), -(gpa + gar) * q->per_air[l]);
        emit(r, AT(AIR), plant_first + HEADER_SUPPLY, door * gar * q->per_air[l]);
        emit(r, AT(AIR), plant_first + ROOM, (1.0 - door) * gar * q->per_air[l]);
        emit(r, AT(CLOCK), AT(CHIP),
             -(1.0 - q->hysteresis[l]) * (1.0 - q->clock_min[l]) * hot / ((1.0 + hot) * (1.0 + hot)) *
                 q->per_width_k[l] * q->per_throttle_s[l]);
        emit(r, AT(CLOCK), AT(CLOCK), -q->per_throttle_s[l]);

        // what the rack gives to others
        size_t meter = (size_t)r->meters + (group->place + (size_t)k) * LANES + (size_t)l;
        emit(r, meter, AT(CHIP), by_chip);
        emit(r, meter, AT(CLOCK), full);
        emit(r, plant_first + HEADER_RETURN, AT(AIR), door * gar * per_header);
        emit(r, plant_first + HEADER_RETURN, plant_first + HEADER_SUPPLY, -door * gar * per_header);
        emit(r, plant_first + ROOM, AT(AIR), (1.0 - door) * gar * per_room);
        emit(r, plant_first + ROOM, plant_first + ROOM, -(1.0 - door) * gar * per_room);
        if (group->air) {
            emit(r, plant_first + ROOM, AT(MANIFOLD), m * per_room);
            emit(r, plant_first + ROOM, plant_first + ROOM, -m * per_room);
            emit(r, plant_first + ROOM, flow, c * (manifold - tin) * per_room);
        } else {
            emit(r, ret, AT(MANIFOLD), m * p->per_return[l]);
        }
#undef AT
    }
    emit(r, flow, flow, -in->on[l] * speed * p->per_pump_s[l] - (1.0 - in->on[l]) * p->per_coast_s[l]);
    if (group->air) return;

    TwExchange x =
        tw_loop_exchange(group, in, r->units + group->unit, l, y[supply], y[valve], speed, y[plant_first + PRIMARY]);
    double across = y[ret] - y[plant_first + HEADER_SUPPLY], counts = p->mask[l], kp = in->kp[l];
    double cap = in->rate_w_k[l], mc = cap * speed, e = x.e_w_k, e1 = x.by_control * across, e2 = x.by_flow * across;
    double pump_n = 3.0 * in->on[l] * in->pump[l] * p->pump_w[l] * speed * speed, drop = 1.0 - x.signal_slope;
    emit(r, supply, supply, -(mc + e1 * kp) * p->per_supply[l]);
    emit(r, supply, ret, (mc - e) * p->per_supply[l]);
    emit(r, supply, valve, -e1 * p->per_supply[l]);
    emit(r, supply, flow, (cap * (y[ret] - y[supply]) - e2 + pump_n) * p->per_supply[l]);
    emit(r, supply, plant_first + HEADER_SUPPLY, e * p->per_supply[l]);
    emit(r, ret, ret, -mc * p->per_return[l]);
    emit(r, ret, flow, (sum_ct - cap * y[ret]) * p->per_return[l]);
    emit(r, valve, supply, kp * (p->per_ti[l] - drop * p->per_taw[l]));
    emit(r, valve, valve, -drop * p->per_taw[l]);

    // heat across the exchanger: its meter and the return header
    size_t rows[2] = {(size_t)r->exchangers + (size_t)(g * LANES + l), plant_first + HEADER_RETURN};
    double scale[2] = {counts, counts * per_header};
    for (int i = 0; i < 2; i++) {
        emit(r, rows[i], supply, scale[i] * e1 * kp);
        emit(r, rows[i], valve, scale[i] * e1);
        emit(r, rows[i], ret, scale[i] * e);
        emit(r, rows[i], flow, scale[i] * e2);
        emit(r, rows[i], plant_first + HEADER_SUPPLY, -scale[i] * e);
    }
    emit(r, (size_t)r->pumps + (size_t)(g * LANES + l), flow, counts * pump_n);
}

// loop and room by central differences, heat out by closure as in the fast path
static void emit_plant(TwReference *r, const double *z, const TwPlantInput *in)
{
    const TwThermalPlant *plant = r->plant;
    size_t first = plant->state_count - PLANT_STATES;
    for (int c = 0; c < PLANT_STATES; c++) {
        double step = c == FAN || c == ROOM_FAN || c == PRIMARY ? 1e-5 : 1e-3;
        double y[PLANT_STATES], up[PLANT_STATES], down[PLANT_STATES], qu[PLANT_METERS], qd[PLANT_METERS];
        double column[PLANT_STATES], row[PLANT_METERS], loop = 0.0;
        TwPlantRates a, b;
        memcpy(y, z, sizeof y);
        y[c] = z[c] + step;
        tw_plant_rate(plant, y, in, 0, up, &a);
        y[c] = z[c] - step;
        tw_plant_rate(plant, y, in, 0, down, &b);
        memcpy(qu, &a, sizeof qu);
        memcpy(qd, &b, sizeof qd);
        for (int i = 0; i < PLANT_STATES; i++) column[i] = (up[i] - down[i]) / (2.0 * step);
        for (int m = 0; m < PLANT_METERS; m++) row[m] = (qu[m] - qd[m]) / (2.0 * step);
        for (int i = 0; i <= COOLER; i++) loop += tw_plant_capacity(plant, i) * column[i];
        tw_plant_close(row, loop, plant->room_j_k * column[ROOM]);
        for (int i = 0; i < PLANT_STATES; i++) emit(r, first + (size_t)i, first + (size_t)c, column[i]);
        for (int m = 0; m < PLANT_METERS; m++) emit(r, (size_t)(r->plant_meters + m), first + (size_t)c, row[m]);
    }
}

static void emit_all(TwReference *r, const double *y, const TwPlantInput *in)
{
    r->next = 0;
    for (int g = 0; g < r->plant->group_count; g++)
        for (int l = 0; l < LANES; l++) emit_lane(r, y, g, l);
    emit_plant(r, y + r->plant->state_count - PLANT_STATES, in);

    // a diagonal everywhere, also where nothing moves
    for (int i = 0; i < r->count; i++) emit(r, (size_t)i, (size_t)i, 0.0);
}

static void jacobian(void *context, double time_s, const double *y, double *values)
{
    TwReference *r = context;
    TwPlantInput in;
    memset(values, 0, (size_t)r->nonzeros * sizeof *values);
    evaluate(r, time_s, y, r->y + r->count, &in);    // scratch behind the unknowns
    r->values = values;
    emit_all(r, y, &in);
    r->values = NULL;
}

static int by_place(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    if (x->row != y->row) return x->row < y->row ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static bool build_pattern(TwReference *r, TwArena *arena)
{
    // a harmless state to walk the entries with
    TwPlantInput in = {.primary = 1.0, .ambient = {{20.0, 20.0}, {15.0, 15.0}, 101325.0, 15.0, {10.0, 10.0}}};
    TwRackInput *racks = TW_TAKE(arena, r->plant->place_count + 1, TwRackInput);
    TwCduInput *cdus = TW_TAKE(arena, r->plant->group_count + 1, TwCduInput);
    for (int g = 0; g < r->plant->group_count; g++)
        for (int l = 0; l < LANES; l++) cdus[g].rate_w_k[l] = 1.0;
    TwUnitInput *units = TW_TAKE(arena, r->plant->unit_count + 1, TwUnitInput);
    r->units = units;
    r->racks = racks;
    r->cdus = cdus;
    for (int i = 0; i < r->count; i++) r->y[i] = 1.0;
    emit_all(r, r->y, &in);
    r->entries = r->next;
    r->list = calloc((size_t)r->entries, sizeof *r->list);
    if (!r->list) return false;
    emit_all(r, r->y, &in);
    Entry *list = r->list;
    r->list = NULL;
    qsort(list, (size_t)r->entries, sizeof *list, by_place);

    r->place = TW_TAKE(arena, r->entries + 1, int);
    r->row = TW_TAKE(arena, r->entries + 1, int);
    r->column_start = TW_TAKE(arena, r->count + 1, int);
    int n = -1;
    for (int k = 0; k < r->entries; k++) {
        bool again = k > 0 && list[k].row == list[k - 1].row && list[k].column == list[k - 1].column;
        if (!again) {
            r->row[++n] = list[k].row;
            r->column_start[list[k].column + 1]++;
        }
        r->place[list[k].order] = n;
    }
    r->nonzeros = n + 1;
    for (int c = 0; c < r->count; c++) r->column_start[c + 1] += r->column_start[c];
    free(list);
    return true;
}

static const TwRackLanes *lanes_of(const TwThermalPlant *plant, int branch, int *lane)
{
    *lane = plant->branch_place[branch] % LANES;
    return plant->groups[0].rack + plant->branch_place[branch] / LANES;
}

// kg left in the basins
static double basin_left(const TwReference *r, const double *y)
{
    return r->basin_kg - y[(size_t)r->plant_meters + offsetof(TwPlantRates, water_kg_s) / sizeof(double)];
}

// above zero while a threshold is passed; on its way back it must fall by the release as well
static void watches(const TwReference *r, double time_s, const double *y, double *value)
{
    const TwThermalPlant *plant = r->plant;
    tw_watch_values(plant, y, r->cdus, r->in, (time_s - r->from_s) / (r->until_s - r->from_s), basin_left(r, y), value);
    for (int k = 0; k < tw_watch_count(plant); k++)
        if (r->side[k] > 0.0) value[k] += tw_watch_release(plant, k);
}

static void roots(void *context, double time_s, const double *y, double *values)
{
    const TwReference *r = context;
    for (int i = 0, l; i < r->plant->branch_count; i++) {
        const TwRackLanes *p = lanes_of(r->plant, i, &l);
        double chip = y[r->chip[i]];
        values[3 * i] = chip - p->slowdown_degc[l];
        values[3 * i + 1] = chip - p->release_degc[l];
        values[3 * i + 2] = chip - p->trip_degc[l];
    }
    watches(r, time_s, y, values + 3 * r->plant->branch_count);
}

bool tw_reference_create(TwThermalPlant *plant, TwError *error)
{
    TwArena *arena = plant->arena;
    TwReference *r = TW_TAKE(arena, 1, TwReference);
    r->plant = plant;
    r->meters = (int)plant->state_count;
    r->exchangers = r->meters + plant->place_count * LANES;
    r->pumps = r->exchangers + plant->group_count * LANES;
    r->plant_meters = r->pumps + plant->group_count * LANES;
    r->count = r->plant_meters + PLANT_METERS;
    r->y = TW_TAKE(arena, 2 * r->count, double);
    r->tolerance = TW_TAKE(arena, r->count, double);
    r->slope = TW_TAKE(arena, r->count, double);
    r->group_meter = TW_TAKE(arena, plant->group_count + 1, TwGroupMeter);
    r->chip_w = TW_TAKE(arena, plant->place_count + 1, TwLane);
    for (int i = 0; i < r->count; i++) r->tolerance[i] = i >= r->meters ? 1e30 : plant->cvode ? 1e-7 : 1e-6;
    if (!build_pattern(r, arena)) return tw_fail(error, TW_IO, "out of memory");
    int branches = plant->branch_count;
    r->chip = TW_TAKE(arena, branches + 1, size_t);
    r->direction = TW_TAKE(arena, 3 * branches + tw_watch_count(plant) + 1, int);
    r->watch = TW_TAKE(arena, tw_watch_count(plant) + 1, double);
    for (int i = 0; i < branches; i++) {
        int place = plant->branch_place[i] / LANES, g = 0;
        while (g + 1 < plant->group_count && (size_t)place >= plant->groups[g + 1].place) g++;
        size_t k = (size_t)place - plant->groups[g].place;
        r->chip[i] =
            plant->groups[g].first + (k * RACK_STATES + CHIP) * LANES + (size_t)(plant->branch_place[i] % LANES);
        r->direction[3 * i] = 0, r->direction[3 * i + 1] = -1, r->direction[3 * i + 2] = 1;
    }
    TwOdeProblem problem = {.count = r->count,
                            .context = r,
                            .rate = rate,
                            .nonzeros = r->nonzeros,
                            .column_start = r->column_start,
                            .row = r->row,
                            .jacobian = jacobian,
                            .relative_tolerance = plant->cvode ? 1e-9 : 1e-6,
                            .absolute_tolerance = r->tolerance,
                            .root_count = 3 * branches + tw_watch_count(plant),
                            .roots = roots,
                            .root_direction = r->direction,
                            .step_max_s = plant->cvode ? 60.0 : 5.0};
    if (!tw_ode_create(&r->ode, &problem, error)) return false;
    plant->reference = r;
    return true;
}

void tw_reference_destroy(TwReference *reference)
{
    if (reference) tw_ode_destroy(reference->ode);
}

// hottest chip of the other trays of a rack
static double hottest_beside(const TwReference *r, int branch)
{
    const TwThermalPlant *plant = r->plant;
    int rack = plant->branch_rack[branch], first = branch;
    double most = -INFINITY;
    while (first > 0 && plant->branch_rack[first - 1] == rack) first--;
    for (int i = first; i < plant->branch_count && plant->branch_rack[i] == rack; i++)
        if (i != branch) most = fmax(most, r->y[r->chip[i]]);
    return most;
}

// what the thresholds that fired at time_s mean: notes them, and turns throttles with hysteresis
static void cross(TwReference *r, TwRackInput *racks, double time_s, TwThermalOut *out)
{
    const TwThermalPlant *plant = r->plant;
    for (int i = 0, l; i < plant->branch_count; i++) {
        const TwRackLanes *p = lanes_of(plant, i, &l);
        TwRackInput *in = &racks[plant->branch_place[i] / LANES];
        bool slow = tw_ode_fired(r->ode, 3 * i), release = tw_ode_fired(r->ode, 3 * i + 1);
        int rack = plant->branch_rack[i];
        // of a rack's trays the first one up and the last one down count
        if (tw_ode_fired(r->ode, 3 * i + 2) && hottest_beside(r, i) < p->trip_degc[l])
            tw_note_crossing(out, time_s, rack, TW_LIMIT_SHUTDOWN);
        // the slope at the root says which way it was passed
        bool up = slow && r->slope[r->chip[i]] > 0.0;
        if (slow && hottest_beside(r, i) < p->slowdown_degc[l])
            tw_note_crossing(out, time_s, rack, up ? TW_LIMIT_SLOWDOWN : TW_LIMIT_RECOVERED);
        if (p->hysteresis[l] > 0.0 && up) in->slowed[l] = 1.0;
        if (p->hysteresis[l] > 0.0 && release) in->slowed[l] = 0.0;
    }
    int watch_count = tw_watch_count(plant), first = 3 * plant->branch_count;
    if (watch_count == 0) return;
    // a little later along the slope: which way it was passed
    double *later = r->y + r->count, *value = r->watch;
    const double little_s = 1e-3;
    for (int i = 0; i < r->count; i++) later[i] = r->y[i] + little_s * r->slope[i];
    watches(r, time_s + little_s, later, value);
    for (int k = 0; k < watch_count; k++)
        if (tw_ode_fired(r->ode, first + k) && (value[k] > 0.0) != (r->side[k] > 0.0))
            tw_watch_turn(plant, r->side, k, time_s, out);
    r->wet = r->wet && !(r->in->water_lost && basin_left(r, later) <= 0.0);
}

bool tw_reference_advance(const TwThermalPlant *plant, void *block, const TwPlantInput *in, double from_s,
                          double until_s, TwPlantRates *meter, TwThermalOut *out, TwError *error)
{
    TwReference *r = plant->reference;
    double *state = tw_f64(block, plant->state);
    r->racks = tw_at_const(block, plant->rack_input);
    r->cdus = tw_at_const(block, plant->cdu_input);
    r->units = tw_at_const(block, plant->unit_input);
    r->in = in;
    r->wet = in->wet;
    r->side = tw_f64(block, plant->watch_side);
    r->basin_kg = tw_f64_const(block, plant->plant_modes)[P_BASIN];
    r->from_s = from_s;
    r->until_s = until_s;
    memset(r->y, 0, (size_t)r->count * sizeof *r->y);
    memcpy(r->y, state, plant->state_count * sizeof *state);

    double reached = from_s;
    for (int passes = 0; reached < until_s; passes++) {
        int root = -1;
        double begin = reached;
        if (!tw_ode_advance(r->ode, begin, until_s, r->y, &reached, &root, error)) return false;
        if (root < 0) break;
        rate(r, reached, r->y, r->slope);
        cross(r, tw_at(block, plant->rack_input), reached, out);
        if (passes > 64 * (plant->branch_count + tw_watch_count(plant) + 1))
            return tw_fail(error, TW_NUMERICAL, "chips pass their thresholds without end at %.3f s", reached);
    }
    memcpy(state, r->y, plant->state_count * sizeof *state);
    memcpy(tw_at(block, plant->chip_j), r->y + r->meters, (size_t)plant->place_count * sizeof(TwLane));
    TwGroupMeter *window = tw_at(block, plant->meter);
    for (int g = 0; g < plant->group_count; g++) {
        memcpy(window[g].exchanger_j, r->y + r->exchangers + g * LANES, sizeof(TwLane));
        memcpy(window[g].pump_j, r->y + r->pumps + g * LANES, sizeof(TwLane));
    }
    memcpy(meter, r->y + r->plant_meters, sizeof *meter);
    return true;
}
