// Pumps, valves, control, coolers, towers, chiller, cold plate and leakage against closed forms and published points.
#include "models/thermal/controller.h"
#include "models/thermal/cooling_tower.h"
#include "models/thermal/dry_cooler.h"
#include "models/thermal/fluids.h"
#include "models/thermal/net1.h"
#include "models/thermal/pump.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/thermal/valve.h"
#include "tests/check.h"

// T19, T20
static void pumps(void)
{
    TwPump pump = {300e3, 2e8};
    CHECK_NEAR(tw_pump_point(&pump, 2, 1.0, 4e8).flow_m3_s, 25.820e-3, 1e-5);
    CHECK_NEAR(tw_pump_point(&pump, 1, 1.0, 4e8).flow_m3_s, 22.3607e-3, 1e-5);
    static const double at[3][4] = {
        {1.0, 22.361e-3, 200e3, 4472.1}, {0.8, 17.889e-3, 128e3, 2289.7}, {0.5, 11.180e-3, 50e3, 559.0}};
    for (int k = 0; k < 3; k++) {
        TwPumpPoint p = tw_pump_point(&pump, 1, at[k][0], 4e8);
        CHECK_NEAR(p.flow_m3_s, at[k][1], 5e-5);
        CHECK_NEAR(p.head_pa, at[k][2], 1e-5);
        CHECK_NEAR(p.hydraulic_w, at[k][3], 1e-4);
    }
    CHECK(tw_pump_point(&pump, 0, 1.0, 4e8).flow_m3_s == 0.0);
}

// T24
static void valves(void)
{
    static const double at[4][2] = {{1.0, 1.0}, {0.75, 0.49779}, {0.5, 0.19803}, {0.25, 0.07511}};
    for (int k = 0; k < 4; k++) CHECK_NEAR(tw_valve_flow(at[k][0], 50.0, 0.5), at[k][1], 1e-4);
}

// T35: with Ti equal to the plant's time constant and K Kp = 2 the loop is first order with tau/2
static void control(void)
{
    double kp = 2.0, ti = 20.0, taw = 20.0, x = 0.0, integral = 0.0, slope, most = 0.0, at10 = 0.0;
    const double h = 1e-4, set = 0.1;    // small: the output stays inside its limits
    for (int i = 0; i < 1000000; i++) {
        double e = set - x, u = kp * e + integral + 0.5, y = tw_saturate(u, 0.0, &slope);
        integral += h * (kp / ti * e - (u - y) / taw);
        x += h * ((y - 0.5) - x) / 20.0;
        most = fmax(most, x);
        if (i == 99999) at10 = x;
    }
    CHECK_NEAR(at10 / set, 0.632, 0.01);
    CHECK(most <= set * (1.0 + 1e-6));

    // limits: exact inside and outside, continuous slope in the corners
    CHECK(tw_saturate(0.5, 0.05, &slope) == 0.5 && slope == 1.0);
    CHECK(tw_saturate(2.0, 0.05, &slope) == 1.0 && slope == 0.0);
    CHECK(tw_saturate(-2.0, 0.05, &slope) == 0.05 && slope == 0.0);
    for (double u = -0.2; u < 1.2; u += 0.001) {
        double unused;
        double d = (tw_saturate(u + 1e-6, 0.05, &unused) - tw_saturate(u - 1e-6, 0.05, &unused)) / 2e-6;
        tw_saturate(u, 0.05, &slope);
        CHECK_WITHIN(slope, d, 1e-4);
    }
}

// T30
static void dry_cooler(void)
{
    TwDryCooler c = tw_dry_cooler_design(2.931e6, 46.11, 40.55, 35.0, 5.56);
    CHECK_NEAR(c.ua_w_k, 607.5e3, 2e-3);
    CHECK_NEAR(tw_dry_cooler_heat(&c, c.water_w_k, 1.0, 1.0, 46.11, 35.0), 2.931e6, 1e-6);

    // the same heat at 25 degC air: leaving temperature at full and at half fan
    double eps1 = tw_dry_cooler_heat(&c, c.water_w_k, 1.0, 1.0, 26.0, 25.0) / c.water_w_k;
    double eps2 = tw_dry_cooler_heat(&c, c.water_w_k, 0.5, 1.0, 26.0, 25.0) / c.water_w_k;
    CHECK_WITHIN(25.0 + 5.56 / eps1 - 5.56, 30.55, 0.05);
    CHECK_WITHIN(25.0 + 5.56 / eps2 - 5.56, 36.04, 0.05);
    CHECK_NEAR(117.68e3 * 0.125, 14.71e3, 1e-4);
    CHECK(tw_dry_cooler_design(2.931e6, 46.11, 30.0, 35.0, 5.56).ua_w_k == 0.0);    // colder than its air
}

// T27, T33 and the tower against its own design point and its limits
static void tower(void)
{
    CHECK_NEAR(tw_merkel_integral(35.0, 29.44, 25.56, 1.2, 101325.0), 1.1907, 1e-3);
    CHECK_NEAR(3.6e6 / tw_vaporisation_j_kg(25.0), 1.474, 1e-3);
    CHECK_NEAR(3.6e6 / tw_vaporisation_j_kg(40.0), 1.496, 1e-3);
    CHECK_NEAR(tw_blow_down(1.4745, 4.0), 0.4915, 1e-3);

    TwCoolingTower t = tw_cooling_tower_design(1.459e6, 35.01, 29.45, 25.56, 62.82);
    CHECK(t.ua_w_k > 0.0);
    // the corrections are 1.0039 at design flow, so the design point returns within a few per mille
    CHECK_NEAR(tw_cooling_tower_heat(&t, t.water_w_k, 1.0, 1.0, 35.01, 25.56, 101325.0), 1.459e6, 5e-3);
    CHECK(tw_cooling_tower_heat(&t, t.water_w_k, 0.0, 1.0, 35.01, 25.56, 101325.0) == 0.0);

    // evaporation cannot carry away more than the heat, nor much less in warm air: 0.5 to 1 of heat / h_fg
    double heat = tw_cooling_tower_heat(&t, t.water_w_k, 0.8, 1.0, 35.0, 24.0, 101325.0);
    double water = tw_cooling_tower_evaporation_kg_s(&t, 0.8, 1.0, heat, 32.0, 24.0, 101325.0);
    double share = water * tw_vaporisation_j_kg(30.0) / heat;
    CHECK(share > 0.5 && share < 1.25);
    double cold = tw_cooling_tower_evaporation_kg_s(&t, 0.8, 1.0, heat, 0.0, -2.0, 101325.0);
    CHECK(cold < water);    // cold air takes more of it dry
}

// T29: Carnot share from one catalogue point, and the economizer's two ends
static void chiller(void)
{
    TwRoomRow r = net1_room();
    r.chiller_eta_fraction = 6.1 * (35.0 - 6.67) / (6.67 + 273.15);
    CHECK_NEAR(r.chiller_eta_fraction, 0.6176, 1e-3);
    r.coil_degc = 20.0;
    r.evaporator_k = 0.0;
    r.condenser_k = 0.0;
    CHECK_NEAR(tw_room_chiller_cop(&r, 40.0), 9.052, 1e-3);
    CHECK(tw_room_chiller_cop(&r, 0.0) == r.chiller_cop_max);
    CHECK(tw_room_free_fraction(&r, 15.0) == 1.0 && tw_room_free_fraction(&r, 21.0) == 0.0);
    CHECK_NEAR(tw_room_free_fraction(&r, 18.0), 0.5, 1e-12);
}

// T11: OCP's 1 kW cold plate, R_in = 0.008392/V + 0.016166 with mean-coolant and case resistance apart
static void ocp_plate(void)
{
    TwFluidState f = tw_fluid_at(TW_PG25, 45.0);
    double rate = f.density_kg_m3 * f.heat_j_kg_k * 1e-3 / 60.0;
    double outlet = 40.0 + 1000.0 / rate, case_degc = 40.0 + 1000.0 / (2.0 * rate) + 1000.0 * 0.0170;
    CHECK_WITHIN(outlet, 55.0, 0.3);
    CHECK_WITHIN(case_degc, 64.5, 0.3);
}

// T13, T14: RR-1 steady without leakage, by the column's equations in closed form
static void rr1_steady(void)
{
    TwLumpsRow row = net1_lumps();
    static const double at[4][3] = {
        {1.0, 45.72, 68.05}, {0.75, 49.29, 71.91}, {0.5, 56.44, 79.61}, {0.25, 77.88, 102.73}};
    double rate = 161.0 / 60e3 * 1013.2 * 3945.5;
    for (int k = 0; k < 4; k++) {
        double s = at[k][0], outlet = 35.0 + 115e3 / (rate * s);
        double mean = 35.0 + tw_coolant_lam(s) * (outlet - 35.0);
        double plate = mean + 115e3 / tw_plate_conductance(&row, s), chip = plate + 115e3 / row.chip_plate_w_k;
        CHECK_WITHIN(outlet, at[k][1], 0.05);
        CHECK_WITHIN(chip, at[k][2], 0.05);
    }
    CHECK(tw_coolant_lam(0.0) == 1.0 && tw_coolant_lam(0.25) == 0.5);
    CHECK(tw_plate_conductance(&row, 0.0) == 2000.0);
}

// T18: leakage feedback, its gain, and runaway
static void leakage(void)
{
    TwLumpsRow row = net1_lumps();
    row.leakage_fraction = 120.0 / 1120.0;
    double t = tw_leakage_balance(&row, 1120.0, 0.0275, 40.0);
    CHECK_NEAR(t, 72.767, 1e-4);
    CHECK_NEAR((t - 40.0) / 0.0275, 1191.53, 1e-4);
    CHECK_NEAR(tw_leakage_gain(&row, 1120.0, 0.0275, t), 0.1386, 1e-3);
    CHECK_NEAR(tw_leakage_gain(&row, 1120.0, 0.0275, 147.86), 1.0, 1e-3);
    CHECK(isfinite(tw_leakage_balance(&row, 1120.0, 0.0275, 82.3)));
    CHECK(isnan(tw_leakage_balance(&row, 1120.0, 0.0275, 82.4)));
}

int main(void)
{
    pumps();
    valves();
    control();
    dry_cooler();
    tower();
    chiller();
    ocp_plate();
    rr1_steady();
    leakage();
    return check_failures != 0;
}
