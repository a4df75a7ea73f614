// Generation on the site that follows load or price, with its least load and ramp.
#include "tests/twin/twin.h"
#include "twin/story.h"

#include <string.h>

static int element(const Factory *f, const char *name)
{
    for (int i = 0; i < f->plant->element_count; i++)
        if (strcmp(f->plant->element_names[i], name) == 0) return i;
    return -1;
}

// What the board draws beyond its base of import is made on the site.
static void it_follows_the_load(void)
{
    const char *const sets[] = {"power.turbine.dispatch=load", "power.turbine.import_w=1.0e6",
                                "power.turbine.rated_mw=2.0", "workload.arrival.rate_s=300.0", "waveforms=()"};
    Factory f = factory("facilities/hall_4to3.cfg", sets, 4);
    int turbine = element(&f, "turbine"), board = element(&f, "board"), seen = 0;
    double before_w = NAN;
    for (double t = 10.0; t <= 120.0; t += 1.0) {
        advance(f.state, t);
        const TwWindow *w = tw_state_window(f.state);
        // from the board's draw of the second before
        if (isfinite(before_w)) {
            double want_w = fmin(fmax(before_w - 1e6, 0.0), 2e6);
            CHECK_NEAR(w->element_w[turbine], fmin(want_w, w->element_w[board]), 1e-9);
            seen += want_w > 0.0;
        }
        before_w = w->element_w[board];
    }
    CHECK(seen > 50);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

// Dear hours: it joins at its least load, climbs its ramp, and is not told as dead when it stands.
static void it_follows_the_price(void)
{
    const char *const sets[] = {"power.turbine.dispatch=price",
                                "power.turbine.run_above_usd_kwh=0.2",
                                "power.turbine.ramp_w_s=2000.0",
                                "power.turbine.min_load_fraction=0.4",
                                "workload.arrival.rate_s=100.0",
                                "tariff.energy_usd_kwh=0.3",
                                "run.for_s=600.0"};
    for (int dear = 0; dear < 2; dear++) {
        Factory f = factory("facilities/hall_4to3.cfg", sets, dear ? 7 : 5);
        int turbine = element(&f, "turbine");
        advance(f.state, 1.0);
        double w0 = tw_state_window(f.state)->element_w[turbine];
        advance(f.state, 31.0);
        double w30 = tw_state_window(f.state)->element_w[turbine];
        // nothing is known of the load before the first second; then 200 kW, and 2 kW a second more
        CHECK(w0 == 0.0);
        CHECK(dear ? w30 > 255e3 && w30 < 265e3 : w30 == 0.0);
        CHECK(tw_story_open(f.plant, tw_state_block(f.state), TW_HAPPENED_DEAD, turbine) < 0);
        factory_end(f);
    }
}

int main(void)
{
    it_follows_the_load();
    it_follows_the_price();
    return check_failures != 0;
}
