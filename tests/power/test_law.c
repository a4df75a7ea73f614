// Loss laws, their inverse and fit, and power shelves: published points and closed forms (P7, P8, P10-P13, K10).
#include "models/power/power.h"
#include "tests/check.h"

// P7, P8: standard transformer types at unity power factor.
static void transformers_lose_what_their_type_says(void)
{
    double rated = 630e3, a = 1650.0 / rated, c = 7598.0 / rated;
    CHECK_NEAR(tw_loss_w(rated, a, 0.0, c, 0.25 * rated), 2124.875, 1e-9);
    CHECK_NEAR(tw_loss_w(rated, a, 0.0, c, 0.75 * rated), 5923.875, 1e-9);
    CHECK_NEAR(tw_loss_w(rated, a, 0.0, c, rated), 9248.0, 1e-9);
    CHECK_NEAR(rated / (rated + tw_loss_w(rated, a, 0.0, c, rated)), 0.98553, 1e-5);
    CHECK_NEAR(sqrt(a / c), 0.46601, 1e-5);

    rated = 63e6;
    CHECK_NEAR(tw_loss_w(rated, 22e3 / rated, 0.0, 201.6e3 / rated, 0.5 * rated), 72.4e3, 1e-12);
    CHECK_NEAR(tw_loss_w(rated, 22e3 / rated, 0.0, 201.6e3 / rated, rated), 223.6e3, 1e-12);
}

// P10, P11: an efficiency at one load is a loss there.
static void efficiencies_are_losses(void)
{
    double x[] = {0.2, 0.35, 1.0}, dry[] = {0.985, 0.9914, 0.98}, a, b, c;
    CHECK(tw_loss_fit(x, dry, &a, &b, &c));
    CHECK_NEAR(tw_loss_w(500e3, a, b, c, 175e3), 1518.1, 1e-4);

    double load[] = {0.2, 0.5, 1.0}, ruby[] = {0.95, 0.965, 0.92};
    CHECK(tw_loss_fit(load, ruby, &a, &b, &c));
    CHECK_NEAR(tw_loss_w(5500.0, a, b, c, 2750.0), 99.741, 1e-5);
    for (int i = 0; i < 3; i++) {
        double out = load[i] * 5500.0;
        CHECK_NEAR(out / (out + tw_loss_w(5500.0, a, b, c, out)), ruby[i], 1e-12);
    }
    double same[] = {0.5, 0.5, 1.0};
    CHECK(!tw_loss_fit(same, ruby, &a, &b, &c));
}

// P12: the UPS law that ships as illustrative.
static void three_points_give_the_ups_law(void)
{
    double x[] = {0.25, 0.5, 1.0}, eta[] = {0.94, 0.96, 0.96}, a, b, c;
    CHECK(tw_loss_fit(x, eta, &a, &b, &c));
    CHECK_WITHIN(a, 0.0147754, 5e-8);
    CHECK_WITHIN(b, -0.0026596, 5e-8);
    CHECK_WITHIN(c, 0.0295508, 5e-8);
    CHECK_WITHIN(0.75 / (0.75 + tw_loss_w(1.0, a, b, c, 0.75)), 0.962275, 5e-7);
    CHECK_WITHIN(sqrt(a / c), 0.70711, 5e-6);
}

// P13, and the inverse of every law over its whole range.
static void inverse_undoes_the_law(void)
{
    double out = tw_loss_out_w(2e6, 0.005, 0.01, 0.015, 1.5e6);
    CHECK_NEAR(out, 1459431.144, 1e-9);
    CHECK_NEAR(tw_loss_w(2e6, 0.005, 0.01, 0.015, out), 40568.856, 1e-7);
    CHECK_NEAR(out + tw_loss_w(2e6, 0.005, 0.01, 0.015, out), 1.5e6, 1e-14);

    static const double laws[][3] = {{0, 0, 0}, {0.01, 0, 0}, {0.005, 0.02, 0}, {0.0147754, -0.0026596, 0.0295508}};
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++)
        for (double w = 0.0; w < 3e6; w += 61e3) {
            const double *l = laws[k];
            double in = w + tw_loss_w(1e6, l[0], l[1], l[2], w);
            CHECK_WITHIN(tw_loss_out_w(1e6, l[0], l[1], l[2], in), w, 1e-12 * 3e6);
        }
    // less than the no-load loss gives nothing; no limit stays none
    CHECK(tw_loss_out_w(1e6, 0.01, 0.0, 0.02, 5e3) == 0.0);
    CHECK(isinf(tw_loss_out_w(1e6, 0.01, 0.0, 0.02, INFINITY)));
}

// Shelves share equally, so n of them at P lose n times what one loses at P / n.
static void shelves_share_equally(void)
{
    const TwShelfRow orv3 = {.rated_w = 33e3, .loss_a = 0.0050042, .loss_c = 0.0312652};
    CHECK_NEAR(16.5e3 / tw_shelf_ac_w(&orv3, 1, 16.5e3), 0.975, 1e-6);
    CHECK_NEAR(33e3 / tw_shelf_ac_w(&orv3, 1, 33e3), 0.965, 1e-6);
    for (int n = 1; n <= 8; n++)
        for (double dc = 0.0; dc <= 150e3; dc += 9.7e3) {
            double ac = tw_shelf_ac_w(&orv3, n, dc);
            CHECK_NEAR(ac, n * tw_shelf_ac_w(&orv3, 1, dc / n), 1e-14);
            CHECK_WITHIN(tw_shelf_dc_w(&orv3, n, ac), dc, 1e-12 * 150e3);
        }
    CHECK(tw_shelf_ac_w(&orv3, 0, 1234.5) == 1234.5);

    // K10: four shelves out of eight carry 132 kW and no more
    CHECK(tw_shelf_holds(&orv3, 4, 132e3));
    CHECK(!tw_shelf_holds(&orv3, 4, 133e3));
}

int main(void)
{
    transformers_lose_what_their_type_says();
    efficiencies_are_losses();
    three_points_give_the_ups_law();
    inverse_undoes_the_law();
    shelves_share_equally();
    return check_failures != 0;
}
