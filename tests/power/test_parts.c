// Shipped electrical parts read without an error, build, and obey the laws that their sources state.
#include "models/power/power.h"
#include "tests/parts.h"

static double efficiency(const TwShelfRow *row, double x)
{
    return x * row->rated_w / tw_shelf_ac_w(row, 1, x * row->rated_w);
}

static void shelves_have_their_efficiency(void)
{
    TwShelfRow row;
    TwConfig *config;
    CHECK(read_part(&tw_shelf_kind, "orv3_33kw", &row, &config));
    CHECK(row.rated_w == 33e3);
    CHECK_WITHIN(efficiency(&row, 0.5), 0.975, 1e-6);
    CHECK_WITHIN(efficiency(&row, 1.0), 0.965, 1e-6);
    tw_config_destroy(config);
    CHECK(read_part(&tw_shelf_kind, "vr_110kw", &row, &config));
    CHECK(row.rated_w == 110e3);
    tw_config_destroy(config);
    CHECK(read_part(&tw_shelf_kind, "node_psu_20kw", &row, &config));
    CHECK_WITHIN(efficiency(&row, 0.2), 0.94, 1e-5);
    CHECK_WITHIN(efficiency(&row, 0.5), 0.96, 1e-5);
    CHECK(efficiency(&row, 1.0) > 0.91);
    tw_config_destroy(config);
    CHECK(read_part(&tw_shelf_kind, "stage_800v", &row, &config));
    CHECK_WITHIN(efficiency(&row, sqrt(row.loss_a / row.loss_c)), 0.985, 1e-6);
    CHECK_WITHIN(efficiency(&row, 1.0), 0.981, 1e-6);
    tw_config_destroy(config);
}

static void elements_are_what_their_file_says(void)
{
    TwElementRow row;
    TwConfig *config;
    CHECK(read_part(&tw_element_kind, "transformer_20kv_630kva", &row, &config));
    CHECK_TEXT(row.kind, "transformer");
    CHECK(row.outdoor && isnan(row.limit_w));
    CHECK_NEAR(tw_loss_w(row.rated_w, row.loss_a, row.loss_b, row.loss_c, 0.75 * row.rated_w), 5923.875, 1e-6);    // P7
    tw_config_destroy(config);
    CHECK(read_part(&tw_element_kind, "transformer_110kv_63mva", &row, &config));
    CHECK_NEAR(tw_loss_w(row.rated_w, row.loss_a, row.loss_b, row.loss_c, row.rated_w), 223.6e3, 1e-6);    // P8
    tw_config_destroy(config);
    CHECK(read_part(&tw_element_kind, "pdu_500kva", &row, &config));
    CHECK_NEAR(tw_loss_w(row.rated_w, row.loss_a, row.loss_b, row.loss_c, 175e3), 1518.1, 1e-4);    // P10
    tw_config_destroy(config);
    CHECK(read_part(&tw_element_kind, "ups_generic", &row, &config));
    CHECK_TEXT(row.kind, "ups");
    CHECK_HOLDS(row.title, "ILLUSTRATIVE");
    CHECK(row.autonomy_s == 300.0 && row.loss_b < 0.0);
    tw_config_destroy(config);

    static const char *const rest[] = {"transformer_10kv_630kva",
                                       "transformer_20kv_400kva",
                                       "transformer_110kv_25mva",
                                       "transformer_110kv_40mva",
                                       "switchboard",
                                       "rectifier_800v",
                                       "bess_reopt"};
    for (int i = 0; i < TW_COUNT(rest); i++) {
        CHECK(read_part(&tw_element_kind, rest[i], &row, &config));
        tw_config_destroy(config);
    }
}

int main(void)
{
    shelves_have_their_efficiency();
    elements_are_what_their_file_says();
    return check_failures != 0;
}
