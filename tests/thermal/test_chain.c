// Exchangers in series, export that follows the weather, rear doors whose conductance follows their flows; who cools
// the water, units that join and leave, and set points that follow valves and the dew point.
#include "models/thermal/component.h"
#include "models/thermal/net1.h"
#include "models/thermal/network.h"
#include "tests/check.h"

static void start(Net1 *n, double rack_w)
{
    TwError error = {0};
    if (!net1_build(n)) exit(1);
    for (int i = 0; i < n->spec.rack_count; i++) n->rack_w[i] = rack_w;
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
}

// heat in = heat out + stored over some windows of either integrator
static void closes(Net1 *n, double from_s)
{
    TwError error = {0};
    for (int w = 0; w < 12; w++) {
        double stored = tw_thermal_stored_j(n->thermal, n->block), at = from_s + 10.0 * w;
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, at, at + 10.0, &n->out, &error));
        stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
        CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-11);
    }
}

// cooler behind a separator in closed form: resistances in series, at any flow of the loop between them
static void exchangers_in_series(void)
{
    for (int k = 0; k < 4; k++) {
        Net1 *n = net1_rows(1);
        n->spec.cvode = k == 3;
        n->plant.separator_ua_w_k = 4e5;
        n->plant.separator_flow_fraction = k == 0 ? 1.0 : k == 1 ? 0.6 : 2.0;
        start(n, 100e3);
        const TwThermalPlant *plant = n->thermal->inner;
        const TwPlantInput *p = tw_at_const(n->block, plant->settled);
        const double *z = tw_f64_const(n->block, plant->state) + plant->state_count - PLANT_STATES;
        double rate[PLANT_STATES], fan = tw_plant_fan_speed(plant, z, p), mc = p->rate_w_k * z[PRIMARY];
        TwPlantRates q;
        tw_plant_rate(plant, z, p, 0, rate, &q);
        double own = plant->design_w_k * n->plant.separator_flow_fraction, gap = 1.0 / mc - 1.0 / own;
        double decay = exp(-4e5 * gap), e = fabs(gap) > 1e-12 ? (1.0 - decay) / (1.0 / mc - decay / own) : 0.0;
        if (e == 0.0) e = 4e5 / (1.0 + 4e5 / mc);
        double cooler = own * -expm1(-1.6e5 * (0.15 + 0.85 * fan) / own);
        double want = (z[HEADER_RETURN] - 20.0) / (1.0 / e + 1.0 / cooler - 1.0 / own);
        CHECK_NEAR(q.reject_w, want, 1e-9);
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 130e3;
        closes(n, 0.0);
        net1_destroy(n);
    }
}

static void export_follows_the_weather(void)
{
    Net1 *n = net1_rows(1);
    n->plant.export_w = 2e5;
    n->plant.export_least_fraction = 0.25;
    n->plant.export_mild_degc = 17.0;
    n->plant.export_cold_degc = -10.0;
    n->plant.export_supply_degc = 40.0;
    n->plant.export_return_degc = 30.0;
    n->plant.export_ua_w_k = 5e5;
    n->plant.export_margin_k = 3.0;
    n->plant.export_eta_fraction = 0.5;
    start(n, 100e3);
    const TwThermalPlant *plant = n->thermal->inner;
    TwPlantInput p = *(const TwPlantInput *)tw_at_const(n->block, plant->settled);
    const double *z = tw_f64_const(n->block, plant->state) + plant->state_count - PLANT_STATES;
    static const struct {
        double dry_bulb_degc, share;
    } known[] = {{20.0, 0.25}, {17.0, 0.25}, {3.5, 0.625}, {-10.0, 1.0}, {-30.0, 1.0}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        double rate[PLANT_STATES];
        TwPlantRates q;
        p.ambient.dry_bulb_degc[0] = known[i].dry_bulb_degc;
        p.cold_on = 1.0;
        tw_plant_rate(plant, z, &p, 0, rate, &q);
        CHECK_NEAR(q.export_w, known[i].share * 2e5, 1e-9);
    }
    closes(n, 0.0);
    net1_destroy(n);
}

// the run's door is the component's, at the rack's power and the pumps' flow; a standing pump leaves the rack's air
// warm
static void rear_doors_follow_their_flows(void)
{
    const TwComponent *door = tw_component_named("rear_door");
    for (int k = 0; k < 2; k++) {
        Net1 *n = net1_rows(1);
        n->spec.cvode = k == 1;
        n->lumps.door_air_w_k = 1500.0;
        n->lumps.door_water_w_k = 3500.0;
        n->lumps.door_film_ratio = 4.0;
        n->lumps.door_air_min_fraction = 0.4;
        start(n, 132e3);
        TwError error = {0};
        CHECK_NEAR(((TwRackInput *)tw_at(n->block, n->thermal->inner->rack_input))->sink_w_k[0], 1130.0, 1e-6);
        for (int step = 0; step < 3; step++) {
            double air = step == 0 ? 0.8 : step == 1 ? 0.5 : 0.4;
            for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = step == 2 ? 10e3 : 132e3 * air;
            CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, 10.0 * step, 10.0 * step + 10.0, &n->out, &error));
            double in[TW_COMPONENT_IN], out[TW_COMPONENT_OUT];
            tw_component_start(door, in);
            char text[64];
            const double values[] = {1130.0 * 20.0, 1500.0, 3500.0, 4.0, air};
            static const char *const names[] = {"heat_w", "air_w_k", "water_w_k", "film_ratio", "air_fraction"};
            for (int i = 0; i < 5; i++) {
                snprintf(text, sizeof text, "%s=%.17g", names[i], values[i]);
                CHECK(tw_component_set(door, in, text, &error));
            }
            door->run(in, out);
            CHECK_NEAR(((TwRackInput *)tw_at(n->block, n->thermal->inner->rack_input))->sink_w_k[0], out[3], 1e-6);
        }
        for (int i = 0; i < n->thermal->load_count; i++) n->load_on[i] = i == 1 ? 0.0 : 1.0;    // primary pumps
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 100e3;
        double before = ((TwRackInput *)tw_at(n->block, n->thermal->inner->rack_input))->sink_w_k[0];
        closes(n, 30.0);
        CHECK(((TwRackInput *)tw_at(n->block, n->thermal->inner->rack_input))->sink_w_k[0] < 0.1 * before);
        net1_destroy(n);
    }
}

static const double *plant_state(const Net1 *n)
{
    const TwThermalPlant *plant = n->thermal->inner;
    return tw_f64_const(n->block, plant->state) + plant->state_count - PLANT_STATES;
}

static const double *modes(const Net1 *n) { return tw_f64_const(n->block, n->thermal->inner->plant_modes); }

static void advance(Net1 *n, double from_s, double until_s)
{
    TwError error = {0};
    for (double at = from_s; at < until_s; at += 20.0) {
        double stored = tw_thermal_stored_j(n->thermal, n->block);
        CHECK(tw_thermal_advance(n->thermal, n->block, &n->in, at, at + 20.0, &n->out, &error));
        stored = tw_thermal_stored_j(n->thermal, n->block) - stored;
        CHECK_NEAR(n->out.heat_in_j, n->out.heat_out_j + stored, 1e-11);
    }
}

static void outdoors(Net1 *n, double dry_bulb_degc)
{
    for (int h = 0; h < TW_HOURS; h++) n->weather.dry_bulb_degc[h] = dry_bulb_degc;
}

// by what free cooling with fans full would leave, in closed form: E = 1 - exp(-UA/C)
static void modes_follow_the_weather(void)
{
    Net1 *n = net1_rows(1);
    n->plant.chiller_w = 2e6, n->plant.chiller_eta_fraction = 0.5, n->plant.chiller_cop_max = 15.0;
    n->plant.chiller_lift_k = 10.0, n->plant.chiller_condenser_k = 10.0;
    n->plant.mode_s = 60.0;
    start(n, 100e3);
    const TwThermalPlant *plant = n->thermal->inner;
    TwPlantInput p = *(const TwPlantInput *)tw_at_const(n->block, plant->settled);
    const double *z = plant_state(n), missed_k = 1.0;
    double enters = z[HEADER_RETURN], e = -expm1(-1.6e5 / (p.rate_w_k * z[PRIMARY]));
    static const TwPlantMode want[TW_PLANT_MODES][5] = {
        // outdoors: set point reached by 0.1 K, missed by 0.9, by 1.1, takes 0.5 K, warmer than the water
        {TW_COOLS_FREE, TW_COOLS_FREE, TW_COOLS_MIXED, TW_COOLS_MIXED, TW_COOLS_MECHANICAL},
        {TW_COOLS_FREE, TW_COOLS_MIXED, TW_COOLS_MIXED, TW_COOLS_MIXED, TW_COOLS_MECHANICAL},
        {TW_COOLS_FREE, TW_COOLS_MIXED, TW_COOLS_MIXED, TW_COOLS_MECHANICAL, TW_COOLS_MECHANICAL}};
    const double leaves[5] = {p.set_degc - 0.1, p.set_degc + 0.9, p.set_degc + 1.1, enters - 0.5, enters + 0.1};
    for (int now = 0; now < TW_PLANT_MODES; now++)
        for (int i = 0; i < 5; i++) {
            p.ambient.dry_bulb_degc[1] = enters - (enters - leaves[i]) / e;
            CHECK(tw_plant_mode(plant, z, &p, (TwPlantMode)now, missed_k) == want[now][i]);
        }

    // a run through all of them: 48 degC is warmer than the water that returns, which the heat rejection would warm
    advance(n, 0.0, 600.0);
    CHECK(n->out.mode == TW_COOLS_FREE && n->out.cold_j == 0.0);
    outdoors(n, 33.0);
    advance(n, 600.0, 2400.0);
    CHECK(n->out.mode == TW_COOLS_MIXED && n->out.cold_j > 0.0);
    outdoors(n, 60.0);
    advance(n, 2400.0, 4000.0);
    CHECK(n->out.mode == TW_COOLS_MECHANICAL);
    CHECK_WITHIN(plant_state(n)[COOLER], 30.0, 0.01);
    n->load_on[n->thermal->load_count - 1] = 0.0;    // the chiller's supply
    advance(n, 4000.0, 4020.0);
    CHECK(n->out.cold_j == 0.0);
    net1_destroy(n);
}

// What fans and chiller draw at this speed of the fans, by the rates of the plant.
static double drawn_w(const Net1 *n, TwPlantInput p, double fan, double *reject_w)
{
    double rate[PLANT_STATES];
    TwPlantRates q;
    p.mixed_fan = fan, p.mechanical = true, p.bypass = false, p.memo = NULL;
    tw_plant_rate(n->thermal->inner, plant_state(n), &p, 1, rate, &q);
    *reject_w = q.reject_w;
    return q.fan_w + q.cold_w;
}

// Beside the chiller fans run where both draw least, of every speed in steps of a thousandth; the chiller short of what
// is left, they run full. Settled, as weather turns, and by CVODE; heat closes.
static void fans_and_chiller_draw_least(void)
{
    for (int k = 0; k < 5; k++) {
        Net1 *n = net1_rows(1);
        n->spec.cvode = k == 3;
        n->plant.chiller_w = k == 4 ? 1e5 : 2e6, n->plant.chiller_eta_fraction = 0.5, n->plant.chiller_cop_max = 15.0;
        n->plant.chiller_lift_k = 10.0, n->plant.chiller_condenser_k = 10.0, n->plant.mode_s = 60.0;
        n->plant.fan_w = k == 1 ? 5e3 : 4e4;
        n->plant.mixed_fans = k == 2 ? "full" : "least_power";
        outdoors(n, 36.0);
        start(n, 110e3);
        if (k == 3) outdoors(n, 38.0);
        advance(n, 0.0, 1200.0);
        const TwThermalPlant *plant = n->thermal->inner;
        TwPlantInput p = *(const TwPlantInput *)tw_at_const(n->block, plant->settled);
        p.mixed_fan = tw_plant_input(plant, n->block, &n->in).mixed_fan;
        p.ambient.dry_bulb_degc[0] = p.ambient.dry_bulb_degc[1] = k == 3 ? 38.0 : 36.0;
        CHECK(n->out.mode == TW_COOLS_MIXED);
        double least_w = INFINITY, at = 0.0, heat, most;
        for (int i = 100; i <= 1000; i++) {
            double w = drawn_w(n, p, 1e-3 * i, &heat);
            if (w < least_w) least_w = w, at = 1e-3 * i;
        }
        if (k == 2 || k == 4) {
            CHECK(p.mixed_fan == 1.0);
        } else {
            CHECK_WITHIN(p.mixed_fan, at, 0.01);
            CHECK(drawn_w(n, p, p.mixed_fan, &heat) < least_w * 1.001);
            CHECK(k == 1 ? at > 0.6 : (at > 0.15 && at < 0.6));
            // the water is as cold as at full speed
            drawn_w(n, p, 1.0, &most);
            CHECK_NEAR(heat, most, 1e-9);
        }
        closes(n, 1200.0);
        net1_destroy(n);
    }
}

// A unit fewer only where those left can hold the set point: no unit that left is called back.
static void units_do_not_hunt(void)
{
    for (int k = 0; k < 2; k++) {
        Net1 *n = net1_rows(1);
        n->plant.unit_count = 4, n->plant.staged = true, n->plant.stage_s = 300.0;
        start(n, 50e3 + 40e3 * k);
        const double *mode = modes(n);
        double least = mode[P_RUNNING], changes = 0.0, before = least;
        CHECK(least == 4.0);
        for (int i = 0; i < 60; i++) {
            advance(n, 100.0 * i, 100.0 * i + 100.0);
            changes += mode[P_RUNNING] != before;
            before = mode[P_RUNNING], least = fmin(least, before);
        }
        CHECK(before == least && changes == 4.0 - least);
        CHECK_WITHIN(plant_state(n)[COOLER], 30.0, 0.2);
        net1_destroy(n);
    }
}

// units that rest join before a chiller does: four can carry what one cannot
static void units_join_before_the_chiller(void)
{
    Net1 *n = net1_rows(1);
    n->plant.unit_count = 4, n->plant.staged = true, n->plant.stage_s = 300.0;
    n->plant.chiller_w = 2e6, n->plant.chiller_eta_fraction = 0.5, n->plant.chiller_cop_max = 15.0;
    n->plant.chiller_lift_k = 10.0, n->plant.chiller_condenser_k = 10.0, n->plant.mode_s = 60.0;
    start(n, 50e3);
    advance(n, 0.0, 1500.0);
    CHECK(modes(n)[P_RUNNING] == 1.0);
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 130e3;
    for (int i = 0; i < 25; i++) {
        advance(n, 1500.0 + 100.0 * i, 1600.0 + 100.0 * i);
        CHECK(n->out.mode == TW_COOLS_FREE);
    }
    CHECK(modes(n)[P_RUNNING] > 1.0);
    CHECK_WITHIN(plant_state(n)[COOLER], 30.0, 0.3);
    net1_destroy(n);
}

// trim and respond: a quarter kelvin each reset_s while no valve passes 0.8; none where a chip lacks room
static void set_points_creep_up(void)
{
    Net1 *n = net1_rows(1);
    n->plant.reset_k = 4.0, n->plant.reset_s = 100.0, n->plant.reset_chip_k = 5.0;
    start(n, 95e3);
    const double *mode = modes(n);
    advance(n, 0.0, 1000.0);
    CHECK_WITHIN(mode[P_RESET], 2.5, 1e-12);
    advance(n, 1000.0, 6000.0);
    double valve = tw_cdu_exchange_now(n->thermal->inner, n->block, 0).opening, reset = mode[P_RESET];
    CHECK(valve < 0.9 && (valve > 0.75 || reset == 4.0));
    CHECK_WITHIN(plant_state(n)[COOLER], 30.0 + reset, 0.1);
    // more heat than its valve carries at that: down again, a kelvin at a time
    for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 130e3;
    advance(n, 6000.0, 7000.0);
    CHECK(mode[P_RESET] < reset);
    net1_destroy(n);

    n = net1_rows(1);
    n->plant.reset_k = 4.0, n->plant.reset_s = 100.0, n->plant.reset_chip_k = 60.0;
    start(n, 60e3);
    advance(n, 0.0, 1000.0);
    CHECK(modes(n)[P_RESET] == 0.0);
    net1_destroy(n);
}

// coolant is held above the room's dew point by its margin and a little, settled and as weather turns
static void coolant_is_held_above_the_dew_point(void)
{
    Net1 *n = net1_rows(1);
    n->cdus[0].dew_hold = 1, n->cdus[0].dew_margin_k = 2.0;
    n->room.dew_point_max_degc = 60.0;
    start(n, 100e3);
    advance(n, 0.0, 20.0);
    CHECK_WITHIN(n->out.cdu_supply_degc[0], 35.0, 0.01);
    for (int h = 0; h < TW_HOURS; h++) n->weather.dew_point_degc[h] = 36.0;
    advance(n, 20.0, 2000.0);
    CHECK_WITHIN(n->out.cdu_supply_degc[0], 38.25, 0.01);
    TwError error = {0};
    CHECK(tw_thermal_start(n->thermal, n->block, &n->in, &error));
    advance(n, 0.0, 20.0);
    CHECK_WITHIN(n->out.cdu_supply_degc[0], 38.25, 0.01);
    net1_destroy(n);
}

// -40 degC: what goes through the units is cooled by the free convection of fans at rest, and mixed to the set point
static void water_goes_past_its_units_in_frost(void)
{
    for (int k = 0; k < 3; k++) {
        Net1 *n = net1_rows(1);
        n->spec.cvode = k == 2;
        n->plant.kind = "dry_cooler", n->plant.unit_count = 0, n->plant.bypass_valve = k > 0;
        n->plant.capacity_w = 2.931e6, n->plant.inlet_degc = 46.11, n->plant.outlet_degc = 40.55;
        n->plant.air_degc = 35.0, n->plant.air_rise_k = 5.56, n->plant.fan_w = 117680.0;
        n->plant.fan_min_fraction = 0.1, n->plant.free_convection_fraction = 0.125;
        n->plant.air_exponent = 0.8, n->plant.water_exponent = 0.85, n->plant.film_ratio = 0.5;
        outdoors(n, -40.0);
        start(n, 60e3);
        advance(n, 0.0, 100.0);
        const TwThermalPlant *plant = n->thermal->inner;
        const TwPlantInput *p = tw_at_const(n->block, plant->settled);
        const double *z = plant_state(n);
        double mc = p->rate_w_k * z[PRIMARY], through = tw_plant_through(plant, z, p);
        if (k == 0) {
            CHECK(through == 1.0 && z[COOLER] < 0.0 && n->out.icy);
        } else {
            CHECK_WITHIN(z[COOLER], 30.0, 1e-3);
            CHECK(through > 0.01 && through < 0.9 && !n->out.icy);
            double fan = tw_plant_fan_speed(plant, z, p);
            CHECK(fan == 0.1);
            double units = tw_dry_cooler_heat(&plant->dry_cooler, through * mc, fan, 1.0, z[HEADER_RETURN], -40.0);
            CHECK_NEAR(units, mc * (z[HEADER_RETURN] - 30.0), 1e-3);
        }
        for (int i = 0; i < NET1_RACKS; i++) n->rack_w[i] = 130e3;
        advance(n, 100.0, 400.0);
        net1_destroy(n);
    }
}

int main(void)
{
    water_goes_past_its_units_in_frost();
    modes_follow_the_weather();
    fans_and_chiller_draw_least();
    units_do_not_hunt();
    units_join_before_the_chiller();
    set_points_creep_up();
    coolant_is_held_above_the_dew_point();
    exchangers_in_series();
    export_follows_the_weather();
    rear_doors_follow_their_flows();
    return check_failures != 0;
}
