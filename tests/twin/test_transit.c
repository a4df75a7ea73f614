// The network of a running factory: contention changes times as closed forms say, losses slow it, bytes balance.
#include "models/network/graph.h"
#include "models/workload/jobs.h"
#include "tests/twin/twin.h"
#include "twin/transit.h"

#include <math.h>
#include <string.h>

enum { MOST = 12 };
typedef struct Sets {
    const char *list[MOST];
    int count;
} Sets;

static double run_for(Sets sets, double until_s, const char *path)
{
    Factory f = factory("facilities/split_hall.cfg", sets.list, sets.count);
    advance(f.state, until_s);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK_WITHIN(tw_report_value(report, "ledger.bytes_residual"), 0.0, 1e-12);
    double value = tw_report_value(report, path);
    tw_report_destroy(report);
    factory_end(f);
    return value;
}

// One prompt at a time: its KV has the cards of a replica of eight to itself, at send_efficiency, plus the latency. A
// checkpoint on the same cards leaves it half of them; a rail that is out three quarters of eight cards, 7 of 8.
static void contention_by_hand(void)
{
    const double bytes = 6000.0 * 2.0 * 80.0 * 8.0 * 128.0 * 2.0, cards = 8.0 * 50e9 * 0.8, latency_s = 380e-6;
#define QUIET                                                                                                          \
    "workload.pools.0.lengths=constant", "workload.pools.0.arrival.rate_s=0.2",                                        \
        "workload.pools.0.prefill.layerwise=false", "run.warmup_s=0.0"
    Sets alone = {{QUIET, "workload.jobs.0.checkpoint_bytes=0.0", "run.for_s=600.0"}, 6};
    double one_s = run_for(alone, 600.0, "serving.kv_transfer_s");
    CHECK_WITHIN(one_s, latency_s + bytes / cards, 0.02 * one_s);    // a few meet another

    Sets rail = {{QUIET, "workload.jobs.0.checkpoint_bytes=0.0", "run.for_s=600.0", "run.scenario=rail",
                  "events.0.at_s=0.0", "events.0.for_s=600.0"},
                 9};
    double less_s = run_for(rail, 600.0, "serving.kv_transfer_s");
    CHECK_WITHIN((less_s - latency_s) / (one_s - latency_s), 8.0 / 7.0, 0.01);
}

static double job_bytes(double cards, TwTrainModel model)
{
    return cards * 4.0 * model.all_parameters / 8.0 * 7.0 / 8.0;
}

// A step whose collectives do not fit behind its backward pass: bytes by hand, and 8/7 of their time without a rail.
static void steps_by_hand(void)
{
#define STEPS                                                                                                          \
    "run.for_s=1200.0", "run.warmup_s=0.0", "workload.pools.0.arrival.rate_s=0.2", "workload.jobs.0.load_s=0.0",       \
        "workload.jobs.0.global_batch=8", "workload.jobs.0.exposed_s=0.0", "workload.jobs.0.gpu_mtbf_h=0.0",           \
        "workload.jobs.0.checkpoint_bytes=0.0", "events.0.at_s=0.0", "events.0.for_s=1200.0"
    Sets whole = {{STEPS}, 10}, rail = {{STEPS, "run.scenario=rail"}, 11};
    Factory f = factory("facilities/split_hall.cfg", whole.list, whole.count);
    const TwJobSpec *job = tw_jobs_spec(f.plant->jobs, 0);
    // eight replicas of tensor parallel eight, each in a node of its own: all of their gradients and weights in bf16
    TwTrainModel model;
    TwError error;
    CHECK(tw_train_model(&model, "llama-3.1-70b", &error));
    CHECK_NEAR(job->card_bytes, 4.0 * model.all_parameters / 8.0 * 7.0 / 8.0, 1e-12);
    CHECK_NEAR(job->comm_s, job->card_bytes / (50e9 * 0.94), 1e-12);
    double step_s = job->step_s, comm_s = job->comm_s, hidden_s = job->hidden_s;
    CHECK(comm_s > hidden_s);
    factory_end(f);
    double steps = run_for(whole, 1200.0, "jobs.list.train.steps");
    CHECK_NEAR(steps, 1200.0 / step_s, 1e-8);
    // in the first window it has no racks yet whose links could be looked at
    double slow_s = step_s + comm_s / 7.0;
    CHECK_NEAR(run_for(rail, 1200.0, "jobs.list.train.steps"), 1.0 / step_s + 1199.0 / slow_s, 1e-8);
    // what they put on the cards of a rack
    CHECK_NEAR(run_for(whole, 1200.0, "network.links.0.mean"), steps * job_bytes(32.0, model) / 1200.0 / (32.0 * 47e9),
               0.01);
}

// Weights: racks that come back load through their cards no faster than storage reads, together.
static void weights_share_storage(void)
{
#define OUTAGE                                                                                                         \
    "run.scenario=outage", "events.1.at_s=60.0", "events.1.for_s=60.0", "run.for_s=900.0", "run.warmup_s=0.0",         \
        "workload.pools.0.arrival.rate_s=1.0", "workload.jobs.0.checkpoint_bytes=0.0"
    Sets slow = {{OUTAGE, "storage.read_bytes_s=4e9"}, 8};
    Factory f = factory("facilities/split_hall.cfg", slow.list, slow.count);
    double bytes = 0.0, back_s = NAN;
    advance(f.state, 130.0);
    int down = 0;
    for (int r = 0; r < f.plant->rack_count; r++) {
        const bool *serving = tw_at_const(tw_state_block(f.state), f.plant->slot.serving);
        if (serving[r]) continue;
        down++;
        bytes += f.plant->racks[r].weight_bytes;
    }
    CHECK(down >= 3 && bytes > 1e12 / 8.0);
    for (double t = 131.0; t <= 900.0 && isnan(back_s); t += 1.0) {
        advance(f.state, t);
        const bool *serving = tw_at_const(tw_state_block(f.state), f.plant->slot.serving);
        bool all = true;
        for (int r = 0; r < f.plant->rack_count; r++) all = all && serving[r];
        if (all) back_s = t;
    }
    // back at 120 s, boots, reads all of it at 4 GB/s, warms up
    CHECK_WITHIN(back_s, 120.0 + f.plant->restart.boot_s + bytes / 4e9 + f.plant->restart.warmup_s, 2.5);
    TwTransitCount n = tw_transit_count(tw_transit_of(f.plant), tw_state_block(f.state), TW_HAUL_RACK);
    CHECK_NEAR(n.delivered, bytes, 1e-12);
    CHECK(n.ended == down && n.cut == 0);
    factory_end(f);

    // cut off again while they load: what was still to come is lost
    Sets again = {{OUTAGE, "storage.read_bytes_s=1e9"}, 8};
    f = factory("facilities/split_hall.cfg", again.list, again.count);
    advance(f.state, 350.0);
    CHECK(tw_transit_under_way(tw_transit_of(f.plant), tw_state_block(f.state)) == down);
    int pdu = 0;
    while (strcmp(f.plant->element_names[pdu], "pdu1") != 0) pdu++;
    CHECK(tw_state_inject(f.state, TW_EVENT_LOSE, 360.0, pdu, NAN));
    advance(f.state, 380.0);
    n = tw_transit_count(tw_transit_of(f.plant), tw_state_block(f.state), TW_HAUL_RACK);
    CHECK(n.cut == down && n.lost > 0.0);
    CHECK_NEAR(n.asked, n.delivered + n.lost, 1e-12);
    factory_end(f);
}

// A job's checkpoint of B bytes over a storage that writes W takes B / W; until then a failure goes back further, and
// where it takes longer than the interval the job waits for it.
static void checkpoints_take_time(void)
{
#define SAVES                                                                                                          \
    "run.for_s=1200.0", "run.warmup_s=0.0", "workload.pools.0.arrival.rate_s=0.5", "workload.jobs.0.load_s=0.0",       \
        "workload.jobs.0.checkpoint_every_s=100.0", "workload.jobs.0.exposed_s=0.0", "workload.jobs.0.gpu_mtbf_h=0.0", \
        "workload.jobs.0.checkpoint_bytes=1e12"
    Sets fast = {{SAVES, "storage.write_bytes_s=1e11"}, 9}, slow = {{SAVES, "storage.write_bytes_s=4e9"}, 9};
    double steps = run_for(fast, 1200.0, "jobs.list.train.steps");
    CHECK(run_for(fast, 1200.0, "network.transfers.checkpoint_save.ended") >= 10.0);
    // 250 s to write one, 100 s between them: a step in 2.5
    double waits = run_for(slow, 1200.0, "jobs.list.train.steps");
    CHECK_WITHIN(waits / steps, (100.0 + 100.0 + 1000.0 / 2.5) / 1200.0, 0.1);
}

// Halving the exchange interval moves little; threads and forks move nothing.
static void sync_points(void)
{
    Sets fine = {{"run.for_s=300.0", "run.exchange_s=0.5", "run.warmup_s=0.0", "workload.pools.0.arrival.rate_s=30.0"},
                 4};
    Sets plain = {{"run.for_s=300.0", "run.exchange_s=1.0", "run.warmup_s=0.0", "workload.pools.0.arrival.rate_s=30.0"},
                  4};
    double a = run_for(fine, 300.0, "latency.ttft_s.mean"), b = run_for(plain, 300.0, "latency.ttft_s.mean");
    CHECK_WITHIN(a, b, 1e-3 * b);
    a = run_for(fine, 300.0, "serving.kv_transfer_s"), b = run_for(plain, 300.0, "serving.kv_transfer_s");
    CHECK_WITHIN(a, b, 0.01 * b);

    uint64_t sums[3];
    for (int k = 0; k < 3; k++) {
        omp_set_num_threads(k == 0 ? 1 : k == 1 ? 2 : 8);
        Factory f = factory("facilities/split_hall.cfg", plain.list, plain.count);
        advance(f.state, 100.0);
        TwState *fork = k == 2 ? tw_state_fork(f.state) : NULL;
        advance(f.state, 300.0);
        sums[k] = tw_state_checksum(f.state);
        if (fork) {
            advance(fork, 300.0);
            CHECK(tw_state_checksum(fork) == sums[k]);
            tw_state_destroy(fork);
        }
        factory_end(f);
    }
    CHECK(sums[0] == sums[1] && sums[0] == sums[2]);
}

// Link by link: all cards together send what the run sends, what leaves the leaves downwards is what came up to them
// from the spines, a rail that is out carries nothing and the others the more.
static void links_by_the_run(void)
{
    Sets sets = {{"run.scenario=rail", "events.0.at_s=300.0", "run.for_s=600.0"}, 3};
    Factory f = factory("facilities/split_hall.cfg", sets.list, sets.count);
    TwTransitView *view = tw_transit_view_create(f.plant);
    CHECK(view);
    const TwGraph *g = view->graph;
    for (int turn = 0; turn < 2; turn++) {
        advance(f.state, turn ? 500.0 : 250.0);
        tw_transit_view_read(view, tw_state_block(f.state));
        double sent, fullest, cards = 0.0, up = 0.0, below = 0.0, dead = 0.0, most = 0.0;
        tw_transit_load_now(f.plant, tw_state_block(f.state), &sent, &fullest);
        for (int e = 0; e < g->endpoints; e++) {
            cards += view->now_bytes_s[g->host_up + e];
            if (e % g->rails == 1) dead += view->now_bytes_s[g->host_up + e];
        }
        for (int i = 0; i < g->leaves * g->spines; i++) {
            up += view->now_bytes_s[g->leaf_up + i];
            below += view->now_bytes_s[g->leaf_down_link + i];
        }
        for (int l = 0; l < g->link_count; l++) {
            CHECK(view->now_bytes_s[l] <= view->capacity_bytes_s[l] * view->up[l] * (1.0 + 1e-9));
            CHECK(view->mean_bytes_s[l] <= view->most_bytes_s[l] * (1.0 + 1e-9));
            most = fmax(most, view->now_bytes_s[l] / view->capacity_bytes_s[l]);
        }
        CHECK(sent > 0.0);
        CHECK_NEAR(cards, sent, 1e-9);
        CHECK(up <= cards && up >= 0.0 && below >= 0.0);
        CHECK(turn ? dead == 0.0 : dead > 0.0);
        CHECK(most <= fullest * 8.0 / 7.0 * (1.0 + 1e-9));
    }
    char name[64];
    tw_graph_link_name(g, g->host_up, name, sizeof name);
    CHECK(strcmp(name, "card 0 -> leaf 0") == 0);
    tw_transit_view_destroy(view);
    factory_end(f);
}

// Tokens to experts in other nodes: bytes by hand, and a rail less slows them by 8/7 as it does the gradients.
static void experts_by_hand(void)
{
    Sets sets = {{"run.for_s=600.0", "run.warmup_s=0.0", "workload.pools.0.arrival.rate_s=0.2",
                  "workload.jobs.0.model=deepseek-v3", "workload.jobs.0.tp=1", "workload.jobs.0.ep=32",
                  "workload.jobs.0.load_s=0.0", "workload.jobs.0.gpu_mtbf_h=0.0",
                  "workload.jobs.0.checkpoint_bytes=0.0"},
                 9},
         inside = sets;
    Factory f = factory("facilities/split_hall.cfg", sets.list, sets.count);
    const TwJobSpec *job = tw_jobs_spec(f.plant->jobs, 0);
    double tokens = 128.0 * 8192.0 / 64.0, hand = 8.0 * 58.0 * tokens * 8.0 * 7168.0 * (1.0 - 8.0 / 32.0);
    CHECK_NEAR(job->exchange_bytes, hand, 1e-12);
    // gradients: of what all share among eight nodes, of the experts of a rank between two groups of 32, or eight of 8
    TwTrainModel model;
    TwError error;
    CHECK(tw_train_model(&model, "deepseek-v3", &error));
    double dense = 4.0 * model.parameters / 8.0 * 7.0 / 8.0, experts = 4.0 * (model.all_parameters - model.parameters);
    CHECK_NEAR(job->card_bytes, hand + dense + experts / 32.0 / 2.0, 1e-12);
    factory_end(f);
    inside.list[5] = "workload.jobs.0.ep=8";
    f = factory("facilities/split_hall.cfg", inside.list, inside.count);
    job = tw_jobs_spec(f.plant->jobs, 0);
    CHECK(job->exchange_bytes == 0.0);
    CHECK_NEAR(job->card_bytes, dense + experts / 8.0 * 7.0 / 8.0, 1e-12);
    factory_end(f);
}

int main(void)
{
    experts_by_hand();
    links_by_the_run();
    contention_by_hand();
    steps_by_hand();
    weights_share_storage();
    checkpoints_take_time();
    sync_points();
    return check_failures != 0;
}
