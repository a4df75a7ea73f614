// Facility loop and room: eight states, their rates, and one ROS2 step with dense LU.
//
// J by central differences. What leaves is metered by the columns of J: the rate of heat out changes by the change of
// heat in less the capacity-weighted column sum, so that heat closes to rounding whatever the differences are worth.
#include "models/thermal/adiabatic.h"
#include "models/thermal/chiller.h"
#include "models/thermal/controller.h"
#include "models/thermal/network.h"
#include "models/thermal/plate_hx.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { N = PLANT_STATES };

static const double gamma_ros2 = 0.29289321881345254;    // 1 - 1/sqrt(2)

double tw_plant_capacity(const TwThermalPlant *plant, int state)
{
    switch (state) {
    case HEADER_SUPPLY:
    case HEADER_RETURN:
        return plant->header_j_k;
    case TANK:
        return plant->tank_j_k;
    case COOLER:
        return plant->cooler_j_k;
    case ROOM:
        return plant->room_j_k;
    default:
        return 0.0;
    }
}

// what the PI asks for: fan speed from its least on, below that a valve, over this much of the signal
static const double valve_span = 0.2;

static double signal(const TwThermalPlant *plant, double u)
{
    double slope, least = plant->plant.fan_min_fraction;
    return tw_saturate(u, plant->mixes ? least - valve_span : least, &slope);
}

static double signal_now(const TwThermalPlant *plant, const double *z, const TwPlantInput *in)
{
    return in->mechanical ? in->mixed_fan : signal(plant, plant->plant.kp * (z[COOLER] - in->set_degc) + z[FAN]);
}

double tw_plant_fan_speed(const TwThermalPlant *plant, const double *z, const TwPlantInput *in)
{
    if (in->bypass) return 0.0;
    return in->fans_on * fmax(signal_now(plant, z, in), plant->plant.fan_min_fraction);
}

double tw_plant_through(const TwThermalPlant *plant, const double *z, const TwPlantInput *in)
{
    if (in->bypass) return 0.0;
    double closes = (plant->plant.fan_min_fraction - signal_now(plant, z, in)) / valve_span;
    return plant->mixes ? 1.0 - fmin(fmax(closes, 0.0), 1.0) : 1.0;
}

// density of the air over that of the ratings: fans move volume, what it weighs goes with its pressure
static double density(double pressure_pa, double rated_pa) { return rated_pa > 0.0 ? pressure_pa / rated_pa : 1.0; }

double tw_room_density(const TwThermalPlant *plant, double pressure_pa)
{
    return density(pressure_pa, plant->room.rated_pressure_pa);
}

// heat that the running units take; *water_kg_s: what they use, NULL where nobody asks
static double cooler_heat(const TwThermalPlant *plant, const TwPlantInput *in, double rate_w_k, double fan,
                          double inlet_degc, int stage, double *water_kg_s)
{
    const TwAmbient *air = &in->ambient;
    const TwPlantRow *row = &plant->plant;
    double share = in->running, water_w_k = rate_w_k / fmax(share, 1e-9), dry = air->dry_bulb_degc[stage], heat;
    double thin = density(air->pressure_pa, row->rated_pressure_pa);
    int unasked, *clamped = in->memo ? &in->memo->clamped : &unasked;
    if (water_kg_s) *water_kg_s = 0.0;
    if (share <= 0.0 || rate_w_k <= 0.0) return 0.0;
    switch (plant->kind) {
    case DRY_COOLER:
        return share * tw_dry_cooler_heat(&plant->dry_cooler, water_w_k, fan, thin, inlet_degc, dry);
    case ADIABATIC_COOLER:
        if (in->wet && dry > row->wet_above_degc) {
            TwPadAir pad = tw_adiabatic_air(row->pad_eta_fraction, dry, air->wet_bulb_degc[stage], air->pressure_pa);
            double air_kg_s = thin * fmax(fan, plant->dry_cooler.free_fraction) * plant->dry_cooler.air_w_k / 1006.0;
            if (water_kg_s)
                *water_kg_s = share * air_kg_s * pad.water_kg_kg * (1.0 + 1.0 / (row->concentration_cycles - 1.0));
            dry = pad.degc;
        }
        return share * tw_dry_cooler_heat(&plant->dry_cooler, water_w_k, fan, thin, inlet_degc, dry);
    case COOLING_TOWER:
    case YORK_TOWER:
        // without water a tower is a poor dry cooler: a tenth of its conductance
        if (!in->wet) return 0.1 * share * fmin(plant->tower.ua_w_k, water_w_k) * fan * (inlet_degc - dry);
        heat = plant->kind == YORK_TOWER
                   ? tw_york_heat(&plant->york, water_w_k, fan, thin, inlet_degc, air->wet_bulb_degc[stage], clamped)
                   : tw_cooling_tower_heat(&plant->tower, water_w_k, fan, thin, inlet_degc, air->wet_bulb_degc[stage],
                                           air->pressure_pa);
        if (water_kg_s) {
            double gone = tw_cooling_tower_evaporation_kg_s(&plant->tower, fan, thin, heat, dry,
                                                            air->wet_bulb_degc[stage], air->pressure_pa);
            *water_kg_s = share * (gone + tw_blow_down(gone, row->concentration_cycles)) +
                          row->drift_fraction * rate_w_k / plant->plant_cp;
        }
        return share * heat;
    case SEA_WATER:
        return share * tw_plate_hx_conductance(row->exchanger_ua_w_k, water_w_k, fan * plant->design_w_k) *
               (inlet_degc - air->sea_degc);
    default:
        break;
    }
    double free = row->free_convection_fraction, ua = row->exchanger_ua_w_k * (free + (1.0 - free) * fan);
    return -share * water_w_k * expm1(-ua / water_w_k) * (inlet_degc - dry);
}

// What is missing between exchanger and units where those see this inlet: it falls with the inlet.
static double between(const TwThermalPlant *plant, const TwPlantInput *in, const double e_own[2], double fan,
                      double inlet_degc, double at_degc, int stage, double *heat_w)
{
    *heat_w = cooler_heat(plant, in, e_own[1], fan, at_degc, stage, NULL);
    return e_own[0] * (inlet_degc - at_degc + *heat_w / e_own[1]) - *heat_w;
}

// The same through the exchanger before it, where there is one: the inlet of the units at which both agree. By secants,
// for the law is nearly a line; by halving where they lose their way.
static double separated_heat(const TwThermalPlant *plant, const TwPlantInput *in, double mc, double fan,
                             double inlet_degc, int stage, double *water_kg_s)
{
    const TwPlantRow *p = &plant->plant;
    if (!(p->separator_ua_w_k > 0.0) || mc <= 0.0)
        return cooler_heat(plant, in, mc, fan, inlet_degc, stage, water_kg_s);
    double own = plant->design_w_k * p->separator_flow_fraction, heat;
    const double e_own[2] = {tw_plate_hx_conductance(p->separator_ua_w_k, mc, own), own};
    double a = inlet_degc, b = inlet_degc - 1.0;
    double fa = between(plant, in, e_own, fan, inlet_degc, a, stage, &heat);
    for (int i = 0; i < 12; i++) {
        double fb = between(plant, in, e_own, fan, inlet_degc, b, stage, &heat);
        if (fabs(fb) <= 1e-12 * (fabs(heat) + own)) return cooler_heat(plant, in, own, fan, b, stage, water_kg_s);
        double next = b - fb * (b - a) / (fb - fa);
        if (!(fabs(next - inlet_degc) < 80.0)) break;
        a = b, fa = fb, b = next;
    }
    double low = inlet_degc - 80.0, high = inlet_degc + 80.0, at = inlet_degc;
    for (int i = 0; i < 60; i++) {
        at = 0.5 * (low + high);
        *(between(plant, in, e_own, fan, inlet_degc, at, stage, &heat) > 0.0 ? &low : &high) = at;
    }
    return cooler_heat(plant, in, own, fan, at, stage, water_kg_s);
}

static TwHeatExport export_now(const TwThermalPlant *plant, const TwPlantInput *in, double dry_bulb_degc)
{
    const TwPlantRow *p = &plant->plant;
    TwHeatExport site = plant->export;
    double cold = (p->export_mild_degc - dry_bulb_degc) / fmax(p->export_mild_degc - p->export_cold_degc, 1e-9);
    double share = p->export_least_fraction + (1.0 - p->export_least_fraction) * fmin(fmax(cold, 0.0), 1.0);
    site.demand_w *= share;
    site.network_w_k *= share;
    site.least_degc = in->set_degc;
    return site;
}

// what the chain takes out of water: export, then free cooling, then the chiller
static double chain(const TwThermalPlant *plant, const TwPlantInput *in, double mc, double through, double fan,
                    double inlet_degc, int stage, TwPlantRates *rates)
{
    const TwPlantRow *p = &plant->plant;
    double taken = 0.0, water = 0.0, power = 0.0, delivered = 0.0;
    if (mc <= 0.0) return 0.0;
    if (p->export_w > 0.0 && in->cold_on > 0.0) {
        TwHeatExport site = export_now(plant, in, in->ambient.dry_bulb_degc[stage]);
        TwExported e = tw_heat_export(&site, mc, inlet_degc);
        taken = e.plant_w, power = e.power_w, delivered = e.delivered_w;
    }
    // what goes past the units mixes with what comes from them
    if (through > 0.0) taken += separated_heat(plant, in, through * mc, fan, inlet_degc - taken / mc, stage, &water);
    if (in->mechanical) {
        double wants = fmax(mc * (inlet_degc - taken / mc - in->set_degc), 0.0);
        double cold = fmin(wants, p->chiller_w) * in->cold_on;
        power += cold / tw_carnot_cop(p->chiller_eta_fraction, in->set_degc,
                                      in->ambient.dry_bulb_degc[stage] + p->chiller_condenser_k, p->chiller_lift_k,
                                      p->chiller_cop_max);
        taken += cold;
    }
    rates->cold_w = power, rates->export_w = delivered, rates->water_kg_s = water;
    return taken;
}

// the same, kept where the last point is asked for again
static double chain_once(const TwThermalPlant *plant, const TwPlantInput *in, double mc, double through, double fan,
                         double inlet_degc, int stage, TwPlantRates *rates)
{
    TwChainMemo *m = in->memo;
    if (!m) return chain(plant, in, mc, through, fan, inlet_degc, stage, rates);
    if (!m->holds || m->rate_w_k != mc || m->through != through || m->fan != fan || m->inlet_degc != inlet_degc ||
        m->stage != stage) {
        *m = (TwChainMemo){
            .rate_w_k = mc, .through = through, .fan = fan, .inlet_degc = inlet_degc, .stage = stage, .holds = true};
        m->taken_w = chain(plant, in, mc, through, fan, inlet_degc, stage, rates);
        m->cold_w = rates->cold_w, m->export_w = rates->export_w, m->water_kg_s = rates->water_kg_s;
    }
    rates->cold_w = m->cold_w, rates->export_w = m->export_w, rates->water_kg_s = m->water_kg_s;
    return m->taken_w;
}

double tw_plant_free_degc(const TwThermalPlant *plant, const double *z, const TwPlantInput *in, double *enters_degc)
{
    double mc = in->rate_w_k * fmax(z[PRIMARY], 0.0), water;
    *enters_degc = z[HEADER_RETURN];
    if (mc <= 0.0) return z[COOLER];
    if (plant->plant.export_w > 0.0 && in->cold_on > 0.0) {
        TwHeatExport site = export_now(plant, in, in->ambient.dry_bulb_degc[1]);
        *enters_degc -= tw_heat_export(&site, mc, z[HEADER_RETURN]).plant_w / mc;
    }
    return *enters_degc - separated_heat(plant, in, mc, in->fans_on, *enters_degc, 1, &water) / mc;
}

// What fans and chiller draw at this speed; heat that the chiller has no room for counts as electricity, so that fans
// help it out first.
static double mixed_cost_w(const TwThermalPlant *plant, const double *z, const TwPlantInput *in, double fan)
{
    double mc = in->rate_w_k * fmax(z[PRIMARY], 0.0), warm = in->mains ? in->main_degc[1] : z[HEADER_RETURN];
    double thin = density(in->ambient.pressure_pa, plant->plant.rated_pressure_pa);
    TwPlantRates rates = {0};
    double taken = chain(plant, in, mc, 1.0, in->fans_on * fan, warm, 1, &rates);
    double left_w = fmax(mc * (warm - in->set_degc) - taken, 0.0);
    return thin * plant->fan_w * in->running * fan * fan * fan + rates.cold_w + left_w;
}

// By golden section: fans' power bends up with speed, and what they take from the chiller bends down.
double tw_plant_mixed_fan(const TwThermalPlant *plant, const double *z, const TwPlantInput *given)
{
    const double cut = 0.6180339887498949;
    double a = plant->plant.fan_min_fraction, b = 1.0;
    if (!plant->least_power || given->rate_w_k * z[PRIMARY] <= 0.0 || given->fans_on < 1.0) return 1.0;
    TwPlantInput in = *given;
    in.memo = NULL;
    in.mechanical = true, in.bypass = false;
    double low = b - cut * (b - a), high = a + cut * (b - a);
    double at_low = mixed_cost_w(plant, z, &in, low), at_high = mixed_cost_w(plant, z, &in, high);
    while (b - a > 1e-4) {
        if (at_low <= at_high) {
            b = high, high = low, at_high = at_low;
            at_low = mixed_cost_w(plant, z, &in, low = b - cut * (b - a));
        } else {
            a = low, low = high, at_low = at_high;
            at_high = mixed_cost_w(plant, z, &in, high = a + cut * (b - a));
        }
    }
    double best = 0.5 * (a + b);
    // full speed where that is as good: nothing to save while the chiller falls short
    return mixed_cost_w(plant, z, &in, 1.0) <= mixed_cost_w(plant, z, &in, best) ? 1.0 : best;
}

TwPlantMode tw_plant_mode(const TwThermalPlant *plant, const double *z, const TwPlantInput *in, TwPlantMode now,
                          double missed_k)
{
    double enters_degc, free_degc = tw_plant_free_degc(plant, z, in, &enters_degc), takes_k = enters_degc - free_degc;
    if (free_degc <= in->set_degc + (now == TW_COOLS_FREE ? missed_k : 0.0)) return TW_COOLS_FREE;
    // past the heat rejection where it would warm the water, back where it takes a kelvin
    if (takes_k < 0.0) return TW_COOLS_MECHANICAL;
    return now == TW_COOLS_MECHANICAL && takes_k < 1.0 ? TW_COOLS_MECHANICAL : TW_COOLS_MIXED;
}

double tw_plant_reject_w(const TwThermalPlant *plant, const TwPlantInput *in)
{
    const TwPlantRow *row = &plant->plant;
    double water, rate = plant->units * row->capacity_w / (row->inlet_degc - row->outlet_degc);
    return fmax(separated_heat(plant, in, rate, 1.0, row->inlet_degc, 1, &water), 0.0);
}

bool tw_plant_clamped(const TwThermalPlant *plant, const double *z, const TwPlantInput *given)
{
    TwChainMemo memo = {.holds = false};
    TwPlantInput in = *given;
    TwPlantRates rates;
    double rate[N];
    in.memo = &memo;
    if (plant->kind == YORK_TOWER) tw_plant_rate(plant, z, &in, 1, rate, &rates);
    return memo.clamped != 0;
}

void tw_plant_rate(const TwThermalPlant *plant, const double *z, const TwPlantInput *in, int stage, double *rate,
                   TwPlantRates *rates)
{
    const TwPlantRow *p = &plant->plant;
    const TwRoomRow *r = &plant->room;
    const TwAmbient *air = &in->ambient;
    double slope, outside = air->dry_bulb_degc[stage];
    memset(rate, 0, N * sizeof *rate);
    *rates = (TwPlantRates){0};

    if (plant->design_w_k > 0.0) {
        double mc = in->rate_w_k * fmax(z[PRIMARY], 0.0), share = mc / plant->design_w_k;
        double y = tw_plant_fan_speed(plant, z, in);
        double arrives = in->mains ? in->main_degc[0] : z[TANK], warm = in->mains ? in->main_degc[1] : z[HEADER_RETURN];
        double cooler = chain_once(plant, in, mc, tw_plant_through(plant, z, in), y, warm, stage, rates);
        double tank = p->tank_w_k * (z[TANK] - outside);
        double head = p->pump_static_fraction + (1.0 - p->pump_static_fraction) * share * share;
        rates->pump_w = in->pumps_on * plant->pump_w * head * share;
        rates->fan_w = density(air->pressure_pa, p->rated_pressure_pa) * plant->fan_w * in->running * y * y * y;
        rates->reject_w = cooler + tank;
        if (in->mains) {
            rates->main_in_w[0] = mc * z[TANK], rates->main_in_w[1] = mc * z[HEADER_RETURN];
            rates->main_out_w[0] = mc * arrives, rates->main_out_w[1] = mc * warm;
            rates->main_kg_s = mc / plant->plant_cp;
        }
        rate[HEADER_SUPPLY] = mc * (arrives - z[HEADER_SUPPLY]) / plant->header_j_k;
        rate[HEADER_RETURN] =
            (mc * (z[HEADER_SUPPLY] - z[HEADER_RETURN]) + in->heat_w + rates->pump_w) / plant->header_j_k;
        rate[TANK] = (mc * (z[COOLER] - z[TANK]) - tank) / plant->tank_j_k;
        rate[COOLER] = (mc * (warm - z[COOLER]) - cooler) / plant->cooler_j_k;
        double e = z[COOLER] - in->set_degc, u = p->kp * e + z[FAN];
        rate[FAN] = p->kp / p->ti_s * e - (u - signal(plant, u)) / p->taw_s;
        double n = z[PRIMARY];
        rate[PRIMARY] = (in->pumps_on * (in->primary - n) - (1.0 - in->pumps_on) * n) / p->pump_s;
    }

    double e = z[ROOM] - in->room_set_degc, u = r->kp * e + z[ROOM_FAN];
    double y = tw_saturate(u, r->fan_min_fraction, &slope), blown = in->room_fans_on * y;
    double free = tw_room_free_fraction(r, outside), cold = free + (1.0 - free) * in->chiller_on;
    double thin = density(air->pressure_pa, r->rated_pressure_pa);
    double coil =
        cold * in->air_running * plant->coil_w_k * pow(thin * blown, r->fan_exponent) * (z[ROOM] - r->coil_degc);
    double envelope = r->envelope_w_k * (z[ROOM] - outside);
    rates->room_fan_w = thin * plant->room_fan_w * in->air_running * blown * blown * blown;
    rates->room_reject_w = coil + envelope;
    rates->chiller_w = in->chiller_on * (1.0 - free) * fmax(coil, 0.0) / tw_room_chiller_cop(r, outside);
    rate[ROOM] = (in->room_w + rates->room_fan_w - coil - envelope) / plant->room_j_k;
    rate[ROOM_FAN] = r->kp / r->ti_s * e - (u - y) / r->taw_s;
}

// LU with row pivoting, in place
static bool factor(double a[N][N], int pivot[N])
{
    for (int k = 0; k < N; k++) {
        int best = k;
        for (int i = k + 1; i < N; i++)
            if (fabs(a[i][k]) > fabs(a[best][k])) best = i;
        pivot[k] = best;
        if (!(fabs(a[best][k]) > 0.0)) return false;
        if (best != k)
            for (int j = 0; j < N; j++) {
                double swap = a[k][j];
                a[k][j] = a[best][j];
                a[best][j] = swap;
            }
        for (int i = k + 1; i < N; i++) {
            a[i][k] /= a[k][k];
            for (int j = k + 1; j < N; j++) a[i][j] -= a[i][k] * a[k][j];
        }
    }
    return true;
}

static void solve(double a[N][N], const int pivot[N], double *b)
{
    for (int k = 0; k < N; k++) {
        double swap = b[k];
        b[k] = b[pivot[k]];
        b[pivot[k]] = swap;
    }
    for (int i = 1; i < N; i++)
        for (int j = 0; j < i; j++) b[i] -= a[i][j] * b[j];
    for (int i = N - 1; i >= 0; i--) {
        for (int j = i + 1; j < N; j++) b[i] -= a[i][j] * b[j];
        b[i] /= a[i][i];
    }
}

enum { METERS = sizeof(TwPlantRates) / sizeof(double) };
enum { M_REJECT, M_PUMP, M_FAN, M_ROOM_REJECT, M_ROOM_FAN };
enum { M_MAIN_IN = offsetof(TwPlantRates, main_in_w) / sizeof(double), M_MAIN_OUT = M_MAIN_IN + 2 };

void tw_plant_close(double *column, double loop, double room)
{
    double mains = column[M_MAIN_OUT] + column[M_MAIN_OUT + 1] - column[M_MAIN_IN] - column[M_MAIN_IN + 1];
    column[M_REJECT] = column[M_PUMP] - loop + mains;
    column[M_ROOM_REJECT] = column[M_ROOM_FAN] - room;
}

static void list(const TwPlantRates *r, double q[METERS]) { memcpy(q, r, sizeof *r); }

bool tw_plant_step(const TwThermalPlant *plant, double *z, const TwPlantInput *given, double h, TwPlantRates *meter)
{
    TwChainMemo memo = {.holds = false};
    TwPlantInput with = *given;
    const TwPlantInput *in = &with;
    with.memo = &memo;
    const double g = gamma_ros2 * h;
    double f[N], up[N], down[N], y[N], j[N][N], q0[METERS], q1[METERS], row[METERS][N], a[N][N];
    TwPlantRates r0, ru, rd;
    tw_plant_rate(plant, z, in, 0, f, &r0);
    list(&r0, q0);

    for (int c = 0; c < N; c++) {
        double step = c == FAN || c == ROOM_FAN || c == PRIMARY ? 1e-5 : 1e-3;
        memcpy(y, z, sizeof y);
        y[c] = z[c] + step;
        tw_plant_rate(plant, y, in, 0, up, &ru);
        y[c] = z[c] - step;
        tw_plant_rate(plant, y, in, 0, down, &rd);
        double qu[METERS], qd[METERS];
        list(&ru, qu);
        list(&rd, qd);
        for (int i = 0; i < N; i++) j[i][c] = (up[i] - down[i]) / (2.0 * step);
        for (int m = 0; m < METERS; m++) row[m][c] = (qu[m] - qd[m]) / (2.0 * step);

        // heat out by closure: loop and room each
        double loop = 0.0, column[METERS];
        for (int i = 0; i <= COOLER; i++) loop += tw_plant_capacity(plant, i) * j[i][c];
        for (int m = 0; m < METERS; m++) column[m] = row[m][c];
        tw_plant_close(column, loop, plant->room_j_k * j[ROOM][c]);
        for (int m = 0; m < METERS; m++) row[m][c] = column[m];
    }
    int pivot[N];
    for (int i = 0; i < N; i++)
        for (int c = 0; c < N; c++) a[i][c] = (i == c ? 1.0 : 0.0) - g * j[i][c];
    if (!factor(a, pivot)) return false;

    double k1[N], k2[N], e1[METERS];
    memcpy(k1, f, sizeof k1);
    solve(a, pivot, k1);
    for (int m = 0; m < METERS; m++) {
        e1[m] = q0[m];
        for (int c = 0; c < N; c++) e1[m] += g * row[m][c] * k1[c];
    }
    for (int i = 0; i < N; i++) y[i] = z[i] + h * k1[i];
    tw_plant_rate(plant, y, in, 1, k2, &ru);
    list(&ru, q1);
    for (int i = 0; i < N; i++) k2[i] -= 2.0 * k1[i];
    solve(a, pivot, k2);

    double total[METERS];
    list(meter, total);
    for (int m = 0; m < METERS; m++) {
        double e2 = q1[m] - 2.0 * e1[m];
        for (int c = 0; c < N; c++) e2 += g * row[m][c] * k2[c];
        total[m] += h * (1.5 * e1[m] + 0.5 * e2);
    }
    memcpy(meter, total, sizeof *meter);
    for (int i = 0; i < N; i++) {
        z[i] += h * (1.5 * k1[i] + 0.5 * k2[i]);
        if (!isfinite(z[i])) return false;
    }
    return true;
}
