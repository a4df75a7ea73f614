#include "models/thermal/fluids.h"
#include "tests/check.h"

typedef struct Known {
    double degc, density, heat, viscosity, conductivity;
} Known;

static void table(TwFluid fluid, const Known *known, double tolerance, double viscosity, double conductivity)
{
    for (int k = 0; k < 3; k++) {
        TwFluidState s = tw_fluid_at(fluid, known[k].degc);
        CHECK_NEAR(s.density_kg_m3, known[k].density, tolerance);
        CHECK_NEAR(s.heat_j_kg_k, known[k].heat, tolerance);
        CHECK_NEAR(s.viscosity_pa_s, known[k].viscosity, viscosity);
        CHECK_NEAR(s.conductivity_w_m_k, known[k].conductivity, conductivity);
    }
}

int main(void)
{
    // T01, IAPWS-IF97; T02, Melinder 2010
    static const Known water[3] = {{20, 998.297, 4184.18, 1.00154e-3, 0.598128},
                                   {40, 992.311, 4178.06, 6.52756e-4, 0.628600},
                                   {60, 983.297, 4182.32, 4.66091e-4, 0.651121}};
    static const Known glycol[3] = {{20, 1020.19, 3908.3, 2.5407e-3, 0.4631},
                                    {40, 1010.62, 3957.6, 1.3942e-3, 0.4807},
                                    {60, 998.96, 4005.6, 9.0009e-4, 0.4978}};
    table(TW_WATER, water, 1e-4, 5e-4, 1e-3);
    table(TW_PG25, glycol, 2e-4, 2e-4, 2e-4);

    // T12: flow for a rise of 10 K at 40 degC, in L/min per kW
    TwFluidState w = tw_fluid_at(TW_WATER, 40.0), g = tw_fluid_at(TW_PG25, 40.0);
    CHECK_NEAR(1e3 / (w.density_kg_m3 * w.heat_j_kg_k * 10.0) * 60e3, 1.447, 2e-3);
    CHECK_NEAR(1e3 / (g.density_kg_m3 * g.heat_j_kg_k * 10.0) * 60e3, 1.500, 2e-3);
    CHECK(tw_fluid_named("pg25") == TW_PG25 && tw_fluid_named("water") == TW_WATER);
    return check_failures != 0;
}
