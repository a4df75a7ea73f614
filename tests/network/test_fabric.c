// Counts, bisection and power of fabrics: published reference units and closed forms (N9, N20, K32).
#include "models/network/network.h"
#include "tests/check.h"

static TwFabricRow fat_tree(int64_t radix, double port_bytes_s)
{
    return (TwFabricRow){.kind = "fat_tree",
                         .radix = radix,
                         .port_bytes_s = port_bytes_s,
                         .planes = 1,
                         .oversubscription = 1.0,
                         .switch_w = 3400.0,
                         .optic_w = 25.0,
                         .nic_w = 35.0,
                         .optics_per_link = 2,
                         .hop_s = 1e-6,
                         .efficiency = 1.0};
}

static TwNetwork *built(TwFabricRow row, int64_t endpoints)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8, .link_bytes_s = 450e9, .ring_efficiency = 0.8},
                          .fabric = row,
                          .endpoints = endpoints};
    TwNetwork *network;
    if (!tw_network_create(&network, &spec, errors)) {
        tw_errors_print(errors, 9, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    return network;
}

static bool fails(TwFabricRow row, int64_t endpoints, const char *part)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.fabric = row, .endpoints = endpoints};
    TwNetwork *network;
    bool failed = !tw_network_create(&network, &spec, errors);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, 9, stream);
    fclose(stream);
    if (failed) CHECK_HOLDS(text, part);
    free(text);
    tw_errors_destroy(errors);
    tw_network_destroy(network);
    return failed;
}

// Reference units of NVIDIA's SuperPOD guides: leaf, spine, core switches.
static void reference_units_have_their_switches(void)
{
    static const struct {
        int radix, planes;
        int64_t gpus, leaf, spine, core;
    } units[] = {
        {64, 1, 31 * 8, 8, 4, 0},       {64, 1, 63 * 8, 16, 8, 0},        {64, 1, 127 * 8, 32, 16, 0},
        {64, 1, 512 * 8, 128, 128, 64}, {64, 1, 1024 * 8, 256, 256, 128}, {64, 1, 2048 * 8, 512, 512, 256},
        {128, 2, 64 * 8, 16, 8, 0},     {128, 2, 256 * 8, 64, 32, 0},     {128, 2, 1024 * 8, 256, 128, 0},
        {144, 1, 72 * 8, 8, 4, 0},      {144, 1, 576 * 8, 64, 36, 0},     {144, 1, 1296 * 8, 144, 72, 0},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        TwFabricRow row = fat_tree(units[i].radix, 50e9);
        row.planes = units[i].planes;
        TwNetwork *network = built(row, units[i].gpus);
        CHECK(network->leaf == units[i].leaf && network->spine == units[i].spine && network->core == units[i].core);
        tw_network_destroy(network);
    }
}

// N20: what two and three tiers of radix 64 hold, and 1,440 switches of radix 144 for 41,472 endpoints.
static void tiers_hold_what_the_formula_says(void)
{
    TwNetwork *two = built(fat_tree(64, 50e9), 2048), *more = built(fat_tree(64, 50e9), 2049);
    TwNetwork *three = built(fat_tree(64, 50e9), 65536), *large = built(fat_tree(144, 100e9), 41472);
    CHECK(two->tiers == 2 && more->tiers == 3 && three->tiers == 3);
    CHECK(fails(fat_tree(64, 50e9), 65537, "three tiers of radix 64 hold 65536"));
    CHECK(large->switches == 1440);
    TwNetwork *one = built(fat_tree(64, 50e9), 64);
    CHECK(one->tiers == 1 && one->switches == 1);
    tw_network_destroy(two);
    tw_network_destroy(more);
    tw_network_destroy(three);
    tw_network_destroy(large);
    tw_network_destroy(one);
}

// K32: watts of switches with their optics per endpoint, pluggable (7.0 kW a switch) and co-packaged (3.95 kW). The
// published 146, 152, 146, 243 and 82, 86, 82, 137 are rounded.
static void power_per_endpoint_is_as_published(void)
{
    static const struct {
        int64_t endpoints, switches;
        double pluggable_w, packaged_w;
    } rows[] = {{576, 12, 146, 82}, {4608, 100, 152, 86}, {10368, 216, 146, 82}, {41472, 1440, 243, 137}};
    TwFabricRow packaged = fat_tree(144, 100e9);
    packaged.optic_w = 550.0 / 144.0;
    packaged.optics_per_link = 1;
    for (size_t i = 0; i < 4; i++) {
        TwNetwork *a = built(fat_tree(144, 100e9), rows[i].endpoints), *b = built(packaged, rows[i].endpoints);
        CHECK(a->switches == rows[i].switches);
        CHECK_WITHIN(a->endpoint_w, rows[i].pluggable_w, 0.5);
        CHECK_WITHIN(b->endpoint_w, rows[i].packaged_w, 0.5);
        // pluggable: the network card has the other optic of its link
        CHECK_NEAR(a->nic_w, (double)rows[i].endpoints * 60.0, 1e-12);
        CHECK(a->optics == 144 * rows[i].switches + rows[i].endpoints && b->optics == 144 * rows[i].switches);
        tw_network_destroy(a);
        tw_network_destroy(b);
    }
}

// N9: 16 hosts of 400G on a leaf with 8 uplinks: 200G each when all leave.
static void oversubscription_halves_what_leaves(void)
{
    TwFabricRow row = fat_tree(24, 50e9);
    row.oversubscription = 2.0;
    TwNetwork *network = built(row, 16 * 12);
    CHECK(network->leaf == 12 && network->spine == 4);
    CHECK_NEAR(network->bisection_bytes_s / (0.5 * 16 * 12), 25e9, 1e-15);
    tw_network_destroy(network);
    CHECK(fails(fat_tree(63, 50e9), 100, "even number"));
    row.oversubscription = 3.5;
    CHECK(fails(row, 100, "nearest whole"));
    row = fat_tree(64, 50e9);
    row.switch_w = NAN;
    CHECK(fails(row, 100, "switch_w is unknown"));
    row = fat_tree(64, -1.0);
    CHECK(fails(row, 100, "port_bytes_s"));
}

int main(void)
{
    reference_units_have_their_switches();
    tiers_hold_what_the_formula_says();
    power_per_endpoint_is_as_published();
    oversubscription_halves_what_leaves();
    return check_failures != 0;
}
