// Capping controllers: when a decision is in force, the band that holds, and travel against reaction.
#include "models/power/bands.h"
#include "tests/check.h"

static const TwBandRule rule = {0.99, 0.95, 0.9, 3.0, 2.0, 2.5};

static int64_t ns(double seconds) { return (int64_t)(seconds * 1e9 + 0.5); }

// An overload begins just after the sample at 3 s and ends before the one at 12 s.
static void a_decision_takes_its_time(void)
{
    TwBand band = {0};
    static const double reading[] = {0.8, 1.2, 0.97, 0.85};    // at 3, 6, 9, 12 s
    double held_from = -1.0, held_until = -1.0;
    int k = 0;
    for (int64_t now = 0; now <= ns(20.0); now += ns(0.1)) {
        while (k < 4 && tw_band_due(&rule, &band, now)) tw_band_sample(&rule, &band, reading[k++]);
        bool holds = tw_band_holds(&rule, &band, now);
        if (holds && held_from < 0.0) held_from = (double)now * 1e-9;
        if (holds) held_until = (double)now * 1e-9;
    }
    // samples at 6 s and 12 s decide; 4.5 s later it is so
    CHECK_NEAR(held_from, 10.5, 1e-9);
    CHECK_NEAR(held_until, 16.4, 1e-9);
    CHECK(held_from - 3.0 <= tw_band_reaction_s(&rule));
    CHECK(tw_band_next_ns(&rule, ns(6.0)) == ns(7.5));    // the decision of 3 s
    CHECK(tw_band_next_ns(&rule, ns(7.5)) == ns(9.0));
    CHECK(tw_band_next_ns(&rule, 0) == ns(1.5));
}

static void between_the_bands_it_holds(void)
{
    static const double reading[] = {0.95, 1.0, 0.95, 0.91, 0.89, 0.95, 0.985};
    static const bool holds[] = {false, true, true, true, false, false, false};
    TwBand band = {0};
    for (int k = 0; k < 7; k++) {
        tw_band_sample(&rule, &band, reading[k]);
        CHECK((band.history & 1) == holds[k]);
    }
}

static void travel_against_reaction(void)
{
    TwTripCurve ei = {.kind = TW_TRIP_EI, .tms = 1.0, .instant = 8.0};
    // t = 80 / (M^2 - 1): 64 s at 1.5, of which 7.5 s pass
    CHECK_NEAR(tw_band_travel(&rule, &ei, 1.5), 7.5 / 64.0, 1e-12);
    CHECK(tw_band_travel(&rule, &ei, 3.4) < 1.0 && tw_band_travel(&rule, &ei, 3.45) >= 1.0);
    CHECK(tw_band_travel(&rule, &ei, 8.0) >= 1.0);
    CHECK(tw_band_travel(&rule, &ei, 0.9) == 0.0);
}

int main(void)
{
    a_decision_takes_its_time();
    between_the_bands_it_holds();
    travel_against_reaction();
    return check_failures != 0;
}
