#include "models/thermal/air.h"
#include "tests/check.h"

// T03
static void saturation_pressure(void)
{
    static const double known[][2] = {{-20, 103.24}, {5, 872.6}, {25, 3169.7}, {50, 12351.3}, {100, 101418}};
    for (size_t k = 0; k < 5; k++) CHECK_NEAR(tw_air_saturation_pa(known[k][0]), known[k][1], 3e-4);
}

// T04: dry bulb, relative humidity, pressure, wet bulb
static void wet_bulb(void)
{
    static const double known[][4] = {{35, 0.4, 101325, 23.934},
                                      {30, 0.8, 101325, 27.091},
                                      {20, 0.5, 101325, 13.783},
                                      {-5, 0.8, 101325, -5.884},
                                      {35, 0.4, 83000, 23.351}};
    for (size_t k = 0; k < 5; k++) {
        double humidity = tw_air_humidity_relative(known[k][0], known[k][1], known[k][2]);
        CHECK_WITHIN(tw_air_wet_bulb_degc(known[k][0], humidity, known[k][2]), known[k][3], 0.01);
    }
}

// T05
static void chart(void)
{
    double w = tw_air_humidity_wet_bulb(40.0, 20.0, 101325.0);
    CHECK_WITHIN(w, 0.0065, 0.0001);
    CHECK_WITHIN(tw_air_relative_fraction(40.0, w, 101325.0), 0.14, 0.01);
    CHECK_WITHIN(tw_air_enthalpy_j_kg(40.0, w), 56.7e3, 100.0);
    CHECK_NEAR(tw_air_volume_m3_kg(40.0, w, 101325.0), 0.896, 0.01);
}

// T06
static void standard_pressure(void)
{
    CHECK_WITHIN(tw_air_standard_pressure_pa(500.0), 95461.0, 1.0);
    CHECK_WITHIN(tw_air_standard_pressure_pa(1000.0), 89875.0, 1.0);
}

// the inverse functions undo their forward ones, across the freezing point
static void inverses(void)
{
    for (double t = -30.0; t <= 45.0; t += 2.5)
        for (double r = 0.1; r <= 1.0; r += 0.15) {
            double w = tw_air_humidity_relative(t, r, 95000.0);
            double bulb = tw_air_wet_bulb_degc(t, w, 95000.0), dew = tw_air_dew_point_degc(w, 95000.0);
            CHECK_WITHIN(tw_air_humidity_wet_bulb(t, bulb, 95000.0), w, 1e-9);
            CHECK_NEAR(tw_air_humidity_saturated(dew, 95000.0), w, 1e-6);
            CHECK(dew <= bulb + 0.5 && bulb <= t + 1e-9);
            double h = tw_air_enthalpy_j_kg(t, tw_air_humidity_saturated(t, 95000.0));
            CHECK_WITHIN(tw_air_saturated_degc(h, 95000.0), t, 1e-6);
        }
}

int main(void)
{
    saturation_pressure();
    wet_bulb();
    chart();
    standard_pressure();
    inverses();
    return check_failures != 0;
}
