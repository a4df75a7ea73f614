// Collectives of replicas beyond an NVLink domain share the fabric: steps take what it leaves them, bytes balance.
#include "tests/twin/twin.h"
#include "twin/crossing.h"
#include "twin/deploy.h"
#include "twin/transit.h"

#include <math.h>
#include <string.h>

#define COUNT(list) (int)(sizeof(list) / sizeof *(list))

// Two stages in two nodes: a step sends the rows of its micro-batch once, and at half of the cards' rate for so much
// longer. 32 rows a micro-batch of 16384 values over eight ranks are 128 KiB a card.
static void a_step_by_hand(void)
{
    const TwDeploySpec spec = {.chip = "h200_sxm",
                               .model = "llama-3.1-405b",
                               .precision = "fp8",
                               .kv_precision = "fp8",
                               .layout = {8, 1, 2, 1},
                               .max_tokens = 8192,
                               .max_sequences = 64,
                               .memory_fraction = 0.9};
    TwDeploy deploy;
    TwError error = {0};
    CHECK(tw_deploy_create(&deploy, &spec, &error));
    const TwStepSource *source = &deploy.step->source;
    const TwFabricRow *fabric = tw_network_fabric(deploy.network);
    double nic = fabric->port_bytes_s * fabric->efficiency * (double)fabric->planes, bytes = 131072.0;
    TwBatch batch = {.tokens = 64, .decodes = 64, .decode_context = 64 * 2000, .logits = 64};
    double time_ns[3];
    static const double congestion[] = {1.0, 2.0, 6.0};
    for (int k = 0; k < 3; k++) {
        TwStep step;
        TwStepChoice choice;
        const TwStepLimits limits = {TW_LEVELS - 1, TW_LEVELS - 1, INFINITY, congestion[k]};
        source->choose(source->context, &limits, &batch, &step, &choice);
        CHECK_NEAR(choice.crossing_bytes, 2.0 * 8.0 * bytes, 1e-12);
        time_ns[k] = step.time_ns.base + step.time_ns.per_context * (double)batch.decode_context;
    }
    CHECK_NEAR(time_ns[1] - time_ns[0], 1e9 * bytes / nic, 1e-6);
    CHECK_NEAR(time_ns[2] - time_ns[0], 5e9 * bytes / nic, 1e-6);
    tw_deploy_destroy(&deploy);
}

typedef struct Seen {
    double share, least, sent, output_per_s, loaded;
    uint64_t sum;
} Seen;

static Seen seen(const char *const *sets, int count, double until_s)
{
    Factory f = factory("facilities/wide_hall.cfg", sets, count);
    advance(f.state, until_s);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    Seen s = {.share = tw_report_value(report, "network.collectives.share.mean"),
              .least = tw_report_value(report, "network.collectives.share.min"),
              .sent = tw_report_value(report, "network.collectives.sent_bytes"),
              .output_per_s = tw_report_value(report, "tokens.output_per_s"),
              .loaded = tw_report_value(report, "network.links.0.mean"),
              .sum = tw_state_checksum(f.state)};
    CHECK(s.sent > 0.0);
    CHECK_NEAR(tw_report_value(report, "network.collectives.received_bytes"), s.sent, 1e-12);
    CHECK_WITHIN(tw_report_value(report, "ledger.bytes_residual"), 0.0, 1e-12);
    tw_report_destroy(report);
    factory_end(f);
    return s;
}

// Of each rack's 32 cards 4/7 of the traffic goes to the other side, up 16 cables: an engine alone has 16 / (32 4/7) of
// its rate. On slow cards, where steps are nothing but transmission, two have half of that each, and half the tokens;
// on those of the file each has what the other's mean rate leaves.
static void two_share_an_uplink(void)
{
    const double need = 32.0 * 4.0 / 7.0, cables = 16.0;
#define HALL                                                                                                           \
    "run.for_s=600.0", "workload.pools.0.arrival.rate_s=40.0", "workload.pools.1.arrival.rate_s=40.0",                 \
        "workload.jobs.0.collectives=false", "workload.jobs.0.checkpoint_bytes=0.0"
#define SLOW "fabric.port_bytes_s=2e8"
    static const char *const one[] = {HALL, SLOW, "workload.pools.1.arrival.rate_s=1e-6"};
    static const char *const two[] = {HALL, SLOW};
    static const char *const file[] = {HALL};
    Seen a = seen(one, COUNT(one), 600.0), b = seen(two, COUNT(two), 600.0), c = seen(file, COUNT(file), 300.0);
    // the mean with that of the idle one, to which every cable is taken
    CHECK_WITHIN(a.share, 0.75 * cables / need, 1e-3);
    CHECK_NEAR(b.least, 0.5 * cables / need, 1e-9);
    CHECK_WITHIN(b.share, 0.5 * cables / need, 0.01 * b.share);
    CHECK_WITHIN(b.sent, a.sent, 0.03 * a.sent);
    double mean = c.loaded * cables / 2.0;    // of each, in cables
    CHECK_WITHIN(c.share, (cables - mean) / need, 0.01);
    CHECK(c.share < 0.9 * cables / need);
}

static void threads_change_nothing(void)
{
    static const char *const sets[] = {"run.for_s=600.0"};
    uint64_t sums[3];
    for (int k = 0; k < 3; k++) {
        omp_set_num_threads(k == 0 ? 1 : k == 1 ? 2 : 8);
        sums[k] = seen(sets, COUNT(sets), 120.0).sum;
        CHECK(sums[k] == sums[0]);
    }
}

int main(void)
{
    a_step_by_hand();
    two_share_an_uplink();
    threads_change_nothing();
    return check_failures != 0;
}
