// Unit spellings: exact bits for powers of ten, stated factors for the rest, and no conversion where none is meant.
#include "tests/sim/test_config_case.h"

typedef double Pick(const Element *element);
static double limit(const Element *element) { return element->limit_w; }
static double power(const Element *element) { return element->power_w; }
static double share(const Element *element) { return element->share_fraction; }
static double rate(const Element *element) { return element->rate_s; }
static double delay(const Element *element) { return element->delay_s; }
static double second(const Element *element) { return element->curve.values[1]; }

static double read_one(const char *setting, Pick *pick)
{
    char text[256];
    snprintf(text, sizeof text, "power = ( { %s; } );", setting);
    TwConfig *config;
    Element row = element_of(text, &config);
    double value = config ? pick(&row) : NAN;
    tw_config_destroy(config);
    return value;
}

// PG5, PG6: the same quantity in another unit of ten is the same bits
static void powers_of_ten_are_exact(void)
{
    CHECK(read_one("power_kw = 16.1", power) == 16100.0);
    CHECK(read_one("power_w = 16100.0", power) == 16100.0);
    CHECK(read_one("power_mw = 0.0161", power) == 16100.0);
    CHECK(16.1 * 1000.0 != 16100.0);    // what multiplying would give
    CHECK(read_one("share_percent = 57.0", share) == 0.57);
    CHECK(read_one("share_percent = 57", share) == 0.57);
    CHECK(read_one("power_kw = 1.61e1", power) == 16100.0);
    CHECK(read_one("power_kw = -1.61E+01", power) == -16100.0);
    CHECK(read_one("power_gw = .0000161", power) == 16100.0);
    CHECK(read_one("power_kw = 5000000000L", power) == 5e12);
    CHECK(read_one("power_kw = 0x10", power) == 16000.0);
    CHECK(read_one("delay_ms = 0.1", delay) == 1e-4);
    CHECK(read_one("delay_us = 3", delay) == 3e-6);
    CHECK(read_one("power_kw = (16.1, \"vendor\", \"S28\")", power) == 16100.0);

    // by any literal of six digits, against the decimal text itself
    for (int k = 1; k < 200000; k += 977) {
        char kilo[64], plain[64];
        snprintf(kilo, sizeof kilo, "power_kw = %d.%03d", k / 1000, k % 1000);
        snprintf(plain, sizeof plain, "power_w = %d.0", k);
        CHECK(read_one(kilo, power) == read_one(plain, power));
    }
}

static void other_factors_are_as_stated(void)
{
    CHECK(read_one("delay_min = 1.5", delay) == 90.0);
    CHECK(read_one("delay_h = 2.0", delay) == 7200.0);
    CHECK(read_one("delay_d = 1", delay) == 86400.0);

    TwConfig *config = read_text("cooling: { head_psi = 40.0; flow_lpm = 200.0; supply_c = 30; };").config;
    CHECK(config);
    Cooling row = {0};
    if (config) tw_node_row(tw_node_group(tw_config_root(config), "cooling"), &row);
    CHECK_NEAR(row.head_pa, 275790.29172673443, 1e-15);    // PG6
    CHECK_NEAR(row.flow_kg_s, 200.0 * 1014.7 / 60000.0, 1e-14);
    CHECK(row.supply_degc == 30.0);
    tw_config_destroy(config);
    config = read_text("cooling: { flow_gpm = 10.0; fluid = \"water\"; head_kpa = 0.1; };").config;
    CHECK(config);
    if (config) tw_node_row(tw_node_group(tw_config_root(config), "cooling"), &row);
    CHECK_NEAR(row.flow_kg_s, 10.0 * 3.785411784 * 995.0 / 60000.0, 1e-14);
    CHECK(row.head_pa == 100.0);
    tw_config_destroy(config);
}

static void tails_and_sizes_convert(void)
{
    TwConfig *config = read_text("racks = ( { name = \"a\"; peak_mw = 0.1; gpu_count = 1; gpu = { limit_kw = 1.4;\n"
                                 "  memory_gb = 288; compute_pflops = 2.5; storage_kj_per_gpu = 0.065;\n"
                                 "  watts_kw = (0.1, 2); }; } );")
                           .config;
    CHECK(!config);    // watts has no unit in its name
    CHECK_HOLDS(said, "watts_kw: unknown setting");
    config = read_text("racks = ( { name = \"a\"; peak_mw = 0.1; gpu_count = 1; gpu = { limit_kw = 1.4;\n"
                       "  memory_gb = 288; compute_pflops = 2.5; storage_kj_per_gpu = 0.065; }; } );")
                 .config;
    CHECK(config);
    if (!config) {
        fprintf(stderr, "%s", said);
        return;
    }
    const TwNode *rack = tw_node_entry(tw_config_root(config), "racks", 0, NULL);
    Gpu gpu;
    tw_node_row(tw_node_group(rack, "gpu"), &gpu);
    CHECK(gpu.limit_w == 1400.0 && gpu.memory_bytes == 288e9 && gpu.compute_flops == 2.5e15);
    CHECK(gpu.storage_j_per_gpu == 65.0);
    tw_config_destroy(config);
}

// rate_s counts per second: a rate_min would be sixty times less, not more, so it is no spelling of it
static void what_only_looks_like_a_unit_is_left(void)
{
    CHECK(read_one("rate_s = 400.0", rate) == 400.0);
    REFUSES("power = ( { rate_min = 400.0; } );", "rate_min: unknown setting");
    REFUSES("power = ( { rate_ms = 400.0; } );", "rate_ms: unknown setting; did you mean rate_s?");
}

static void special_values_read(void)
{
    CHECK(isinf(read_one("positions = 1", limit)));    // "none" of the table
    CHECK(isinf(read_one("limit_w = \"none\"", limit)));
    CHECK(isinf(read_one("limit_kw = \"none\"", limit)));
    CHECK(isnan(read_one("limit_kw = \"unknown\"", limit)));
    CHECK(isnan(read_one("share_percent = \"unknown\"", share)));
    CHECK(isnan(read_one("curve = (1.0, \"unknown\")", second)));
    CHECK(read_one("positions = 1", second) == 2.0);    // the table's array
}

// PG12, and the reasons behind it
static void nearest_names_are_near(void)
{
    static const char *const known[] = {"supply_degc", "power_limit_kw", "from", "limit_w"};
    CHECK_TEXT(tw_nearest("suply_degc", known, 4), "supply_degc");
    CHECK_TEXT(tw_nearest("supply_degC", known, 4), "supply_degc");
    CHECK_TEXT(tw_nearest("power_limt_kw", known, 4), "power_limit_kw");
    CHECK(tw_nearest("zzz", known, 4) == NULL);
    CHECK_TEXT(tw_nearest("form", known, 4), "from");    // one transposition
    CHECK(tw_nearest("fo", known, 4) == NULL);
    CHECK(tw_nearest("", known, 4) == NULL);
    CHECK(tw_nearest("x", known, 0) == NULL);
    // ties go to the first
    static const char *const tied[] = {"abcd", "abce"};
    CHECK_TEXT(tw_nearest("abcf", tied, 2), "abcd");
    char *endless = malloc(5000);
    if (!endless) abort();
    memset(endless, 'a', 4999);
    endless[4999] = '\0';
    CHECK(tw_nearest(endless, known, 4) == NULL);
    free(endless);
}

int main(void)
{
    make_folder();
    put_parts();
    powers_of_ten_are_exact();
    other_factors_are_as_stated();
    tails_and_sizes_convert();
    what_only_looks_like_a_unit_is_left();
    special_values_read();
    nearest_names_are_near();
    free(said);
    remove_folder();
    return check_failures != 0;
}
