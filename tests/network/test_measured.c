// Shipped parts against published measurements (V1-V6 of the reference data): prints every comparison, asserts what the
// aims ask where they are met. Latencies of the parts were fitted to the sweeps of V1 and V2; bandwidths were not.
#include "models/network/network.h"
#include "sim/csv.h"
#include "tests/parts.h"

static TwNetwork *built(const char *scaleup, const char *fabric)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.endpoints = 4096};
    TwConfig *a, *b;
    TwNetwork *network = NULL;
    CHECK(read_part(&tw_scaleup_kind, scaleup, &spec.scaleup, &a));
    CHECK(read_part(&tw_fabric_kind, fabric, &spec.fabric, &b));
    if (!tw_network_create(&network, &spec, errors)) {
        tw_errors_print(errors, 9, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    tw_config_destroy(a);
    tw_config_destroy(b);
    return network;
}

// Every shipped part reads without error or warning and builds.
static void every_part_builds(void)
{
    static const char *const scaleups[] = {"nvlink4_8", "nvlink5_8", "nvlink5_72"};
    static const char *const fabrics[] = {"gb300_xdr", "gb300_xdr_cpo", "superpod_h100", "superpod_b300_spectrumx"};
    for (int i = 0; i < TW_COUNT(scaleups); i++)
        for (int j = 0; j < TW_COUNT(fabrics); j++) tw_network_destroy(built(scaleups[i], fabrics[j]));

    // K32 through the parts
    TwNetworkSpec spec = {.endpoints = 576};
    TwConfig *config;
    TwErrors *errors = tw_errors_create();
    for (int packaged = 0; packaged < 2; packaged++) {
        TwNetwork *network;
        CHECK(read_part(&tw_fabric_kind, packaged ? "gb300_xdr_cpo" : "gb300_xdr", &spec.fabric, &config));
        CHECK(tw_network_create(&network, &spec, errors));
        CHECK(network->switches == 12);
        CHECK_WITHIN(network->endpoint_w, packaged ? 82.3 : 145.8, 0.05);
        tw_network_destroy(network);
        tw_config_destroy(config);
    }
    tw_errors_destroy(errors);
}

typedef struct Sum {
    int count;
    double mean, worst;
} Sum;

// Errors over the rows of one platform, operation and range of bytes. ranks 0: all.
static Sum compare(const TwCsv *csv, const TwNetwork *network, const char *platform, const char *operation,
                   const char *setting, TwCollective what, double least, double most, bool print)
{
    Sum sum = {0, 0.0, 0.0};
    int at[] = {
        tw_csv_column(csv, "platform"), tw_csv_column(csv, "operation"), tw_csv_column(csv, "algorithm_or_setting"),
        tw_csv_column(csv, "ranks"),    tw_csv_column(csv, "nodes"),     tw_csv_column(csv, "message_bytes"),
        tw_csv_column(csv, "time_us")};
    for (int row = 0; row < tw_csv_rows(csv); row++) {
        if (strncmp(tw_csv_text(csv, row, at[0]), platform, strlen(platform)) != 0) continue;
        if (strcmp(tw_csv_text(csv, row, at[1]), operation) != 0) continue;
        if (!strstr(tw_csv_text(csv, row, at[2]), setting)) continue;
        int ranks = atoi(tw_csv_text(csv, row, at[3])), nodes = atoi(tw_csv_text(csv, row, at[4]));
        double bytes = atof(tw_csv_text(csv, row, at[5])), micro = atof(tw_csv_text(csv, row, at[6]));
        if (bytes < least || bytes > most || micro <= 0.0) continue;
        // an NVL72 counts its trays as nodes
        int per_domain = strstr(platform, "NVL72") || strncmp(platform, "GB200", 5) == 0 ? 72 : ranks / nodes;
        TwCollectiveCost cost = tw_network_collective(network, what, ranks, per_domain, bytes);
        double error = cost.time_s / (micro * 1e-6) - 1.0;
        sum.count++;
        sum.mean += fabs(error);
        sum.worst = fmax(sum.worst, fabs(error));
        if (print)
            printf("    %4d ranks %12.0f B  measured %10.2f us  model %10.2f us (%s)  %+6.1f %%\n", ranks, bytes, micro,
                   1e6 * cost.time_s, cost.algorithm, 100.0 * error);
    }
    if (sum.count > 0) sum.mean /= sum.count;
    printf("%-40.40s %-14s %3d points: mean %5.1f %%, worst %5.1f %%\n", platform, operation, sum.count, 100 * sum.mean,
           100 * sum.worst);
    return sum;
}

static const double kib = 1024.0, mib = 1048576.0, gib = 1073741824.0;

// V1: at most 10 % in the mean and 20 % at worst; a two-parameter fit gives 6-7 and 14-15 %.
// V2: 25 % of time below 1 MiB.
static void sweeps_of_eight(const TwCsv *csv)
{
    static const char *const platforms[] = {"8xH200 HGX", "8xH200 (Azure", "8xH100 (Azure"};
    TwNetwork *network = built("nvlink4_8", "superpod_h100");
    for (int i = 0; i < 3; i++) {
        Sum large = compare(csv, network, platforms[i], "all_reduce", "auto", TW_ALL_REDUCE, 2 * mib, 16 * gib, true);
        CHECK(large.count >= 10 && large.mean <= 0.10 && large.worst <= 0.20);
        Sum small = compare(csv, network, platforms[i], "all_reduce", "auto", TW_ALL_REDUCE, kib, mib, false);
        CHECK(small.count >= 5 && small.worst <= 0.25);
    }
    // V4: rings
    Sum gather = compare(csv, network, "8xH200 HGX", "all_gather", "ring", TW_ALL_GATHER, gib, 32 * gib, true);
    Sum scatter = compare(csv, network, "8xH200 HGX", "reduce_scatter", "ring", TW_REDUCE_SCATTER, gib, 32 * gib, true);
    CHECK(gather.count == 1 && gather.worst <= 0.03 && scatter.count == 1 && scatter.worst <= 0.03);
    // V5, H200
    Sum nodes =
        compare(csv, network, "4 nodes x 8xH200", "all_reduce", "ring (auto)", TW_ALL_REDUCE, gib, 32 * gib, true);
    CHECK(nodes.count == 1 && nodes.worst <= 0.10);
    compare(csv, network, "8 nodes x 8xH100", "all_reduce", "auto", TW_ALL_REDUCE, gib, 32 * gib, true);
    tw_network_destroy(network);

    network = built("nvlink5_8", "superpod_h100");
    Sum large = compare(csv, network, "8xB200 HGX", "all_reduce", "auto", TW_ALL_REDUCE, 2 * mib, 16 * gib, true);
    CHECK(large.mean <= 0.11 && large.worst <= 0.32);    // the two-parameter fit of the same sweep
    compare(csv, network, "8xB200 HGX", "all_reduce", "auto", TW_ALL_REDUCE, kib, mib, false);
    Sum four = compare(csv, network, "4 nodes x 8xB200", "all_reduce", "auto", TW_ALL_REDUCE, 4 * gib, 16 * gib, true);
    CHECK(four.count == 3 && four.worst <= 0.10);
    compare(csv, network, "4 nodes x 8xB200", "all_reduce", "auto", TW_ALL_REDUCE, 256 * kib, 2 * gib, true);
    tw_network_destroy(network);
}

// V3: bus bandwidth with in-switch reduction over that of the ring, by ranks.
static void nvls_gains_by_ranks(void)
{
    static const struct {
        const char *part;
        int ranks;
        double gain;
    } rows[] = {{"nvlink4_8", 5, 1.14}, {"nvlink4_8", 6, 1.19}, {"nvlink4_8", 7, 1.26}, {"nvlink4_8", 8, 1.29},
                {"nvlink5_8", 6, 1.15}, {"nvlink5_8", 7, 1.19}, {"nvlink5_8", 8, 1.23}};
    for (int i = 0; i < TW_COUNT(rows); i++) {
        TwNetwork *network = built(rows[i].part, "superpod_h100");
        double with = tw_network_collective(network, TW_ALL_REDUCE, rows[i].ranks, 8, 8 * gib).bus_bytes_s;
        // the ring alone: an all-gather of the same bytes has its bus bandwidth
        double ring = tw_network_collective(network, TW_ALL_GATHER, rows[i].ranks, 8, 8 * gib).bus_bytes_s;
        printf("%s, %d ranks: gain of in-switch reduction %.2f, measured %.2f\n", rows[i].part, rows[i].ranks,
               with / ring, rows[i].gain);
        CHECK_NEAR(with / ring, rows[i].gain, rows[i].ranks == 8 ? 0.05 : 0.08);
        tw_network_destroy(network);
    }
}

// V6: one, two and twenty racks. Twenty racks are out of reach of this model and shown, not asserted.
static void racks_of_72(const TwCsv *csv)
{
    TwNetwork *network = built("nvlink5_72", "superpod_h100");
    Sum one = compare(csv, network, "GB200 NVL72 1 rack", "all_reduce", "auto", TW_ALL_REDUCE, kib, 32 * gib, true);
    Sum two = compare(csv, network, "GB200 NVL72 2 racks", "all_reduce", "auto", TW_ALL_REDUCE, kib, 32 * gib, true);
    compare(csv, network, "GB200 NVL72 20 racks", "all_reduce", "auto", TW_ALL_REDUCE, kib, 32 * gib, true);
    CHECK(one.count == 5 && one.worst <= 0.15);
    CHECK(two.count == 6 && two.mean <= 0.15);
    tw_network_destroy(network);
}

int main(void)
{
    every_part_builds();
    nvls_gains_by_ranks();
    if (!check_data()) return check_failures != 0 ? 1 : CHECK_SKIP;

    char path[512];
    snprintf(path, sizeof path, "%s/network/collectives_measured.csv", check_data());
    TwCsv *csv;
    TwError error;
    if (!tw_csv_read(&csv, path, &error)) {
        tw_error_print(&error, stderr);
        return CHECK_SKIP;
    }
    sweeps_of_eight(csv);
    racks_of_72(csv);
    tw_csv_destroy(csv);
    return check_failures != 0;
}
