#include "models/workload/jobs.h"
#include "tests/check.h"

enum { RACKS = 4 };
static const int32_t domain[RACKS] = {8, 8, 8, 8};
static const double limit_w[RACKS] = {700, 700, 700, 700}, idle_w[RACKS] = {80, 80, 80, 80};

// A hall of four racks of 32 GPUs, a window of 10 s at a time.
typedef struct Hall {
    TwJobs *jobs;
    void *block;
    int32_t free_gpus[RACKS], held[RACKS];
    double clock[RACKS], gpu_w[RACKS], demand_w[RACKS], now_s;
    bool powered[RACKS];
} Hall;

static Hall hall_with(const TwJobSpec *specs, int count, bool backfill, bool in_order)
{
    Hall h = {.free_gpus = {32, 32, 32, 32}, .clock = {1, 1, 1, 1}, .powered = {true, true, true, true}};
    const TwJobsSpec spec = {.job_count = count,
                             .rack_count = RACKS,
                             .jobs = specs,
                             .domain_gpus = domain,
                             .gpu_limit_w = limit_w,
                             .gpu_idle_w = idle_w,
                             .backfill = backfill,
                             .in_order = in_order,
                             .seed = 1};
    TwLayout layout = {0};
    CHECK(tw_jobs_create(&h.jobs, &spec, &layout));
    h.block = tw_block_create(&layout);
    tw_jobs_start(h.jobs, h.block);
    return h;
}

static Hall open_hall(const TwJobSpec *specs, int count, bool backfill)
{
    return hall_with(specs, count, backfill, false);
}

static void close_hall(Hall *h)
{
    tw_block_destroy(h->block);
    tw_jobs_destroy(h->jobs);
}

static void go(Hall *h, double until_s)
{
    while (h->now_s < until_s) {
        const TwJobsIn in = {.free_gpus = h->free_gpus, .clock_fraction = h->clock, .powered = h->powered};
        TwJobsOut out = {h->gpu_w, h->demand_w, h->held};
        tw_jobs_advance(h->jobs, h->block, &in, h->now_s, h->now_s + 10.0, &out);
        h->now_s += 10.0;
        // nobody holds what is not there
        for (int r = 0; r < RACKS; r++) {
            int32_t held = 0;
            for (int i = 0; i < h->jobs->job_count; i++) held += tw_jobs_held(h->jobs, h->block, i, r);
            CHECK(held <= h->free_gpus[r]);
        }
    }
}

static const TwJob *job(const Hall *h, int i) { return tw_jobs_job(h->jobs, h->block, i); }

static TwJobSpec plain(const char *name, int gpus, double steps, double submit_s)
{
    return (TwJobSpec){.name = name,
                       .gpus = gpus,
                       .steps = steps,
                       .step_s = 1.0,
                       .clock_share = 1.0,
                       .tokens_per_step = 1000.0,
                       .submit_s = submit_s,
                       .busy_fraction = 0.85,
                       .feed_pool = -1,
                       .preemptible = true};
}

// Two racks of slow GPUs and two of quick ones: each job goes at the slowest of its own, and quick GPUs wait at rest.
static void unlike_racks_set_their_own_pace(void)
{
    static const TwJobPace pace[2] = {{2.0, 1.0, 0.0, 0.0}, {0.5, 1.0, 0.0, 0.0}};
    static const int kind[RACKS] = {0, 0, 1, 1};
    TwJobSpec specs[2] = {plain("slow", 64, 100.0, 0.0), plain("quick", 64, 100.0, 0.0)};
    specs[0].pace = specs[1].pace = pace;
    for (int way = 0; way < 2; way++) {
        // second way: one job over all four racks
        if (way == 1) specs[0].gpus = 128;
        Hall h = {.free_gpus = {32, 32, 32, 32}, .clock = {1, 1, 1, 1}, .powered = {true, true, true, true}};
        const TwJobsSpec spec = {.job_count = way == 0 ? 2 : 1,
                                 .rack_count = RACKS,
                                 .jobs = specs,
                                 .domain_gpus = domain,
                                 .gpu_limit_w = limit_w,
                                 .gpu_idle_w = idle_w,
                                 .rack_kind = kind,
                                 .kind_count = 2,
                                 .seed = 1};
        TwLayout layout = {0};
        CHECK(tw_jobs_create(&h.jobs, &spec, &layout));
        h.block = tw_block_create(&layout);
        tw_jobs_start(h.jobs, h.block);
        go(&h, 20.0);
        if (way == 0) {
            double steps[2] = {job(&h, 0)->steps, job(&h, 1)->steps};
            // whichever rack each got
            CHECK_NEAR(fmin(steps[0], steps[1]), 10.0, 1e-9);
            CHECK_NEAR(fmax(steps[0], steps[1]), 40.0, 1e-9);
            CHECK_NEAR(h.gpu_w[0], h.gpu_w[3], 1e-9);
        } else {
            CHECK_NEAR(job(&h, 0)->steps, 10.0, 1e-9);
            CHECK_NEAR(h.gpu_w[0], 32.0 * (80.0 + 0.85 * 620.0), 1e-6);
            CHECK_NEAR(h.gpu_w[2], 32.0 * (80.0 + 0.85 * 620.0 * 0.25), 1e-6);
            // quick GPUs at a quarter of their clock are as slow
            h.clock[2] = h.clock[3] = 0.25;
            go(&h, 40.0);
            CHECK_NEAR(job(&h, 0)->steps, 20.0, 1e-9);
            h.clock[2] = 0.125;
            go(&h, 60.0);
            CHECK_NEAR(job(&h, 0)->steps, 25.0, 1e-9);
        }
        close_hall(&h);
    }
}

// A job that no other meets ends after its steps; its power is that of its GPUs above idle.
static void a_job_runs_its_steps(void)
{
    TwJobSpec spec = plain("one", 16, 500, 0.0);
    Hall h = open_hall(&spec, 1, true);
    go(&h, 400.0);
    CHECK_NEAR(job(&h, 0)->steps, 400.0, 1e-12);
    double sum = 0.0;
    for (int r = 0; r < RACKS; r++) sum += h.gpu_w[r];
    CHECK_NEAR(sum, 16 * (80 + 0.85 * 620), 1e-12);
    go(&h, 510.0);
    CHECK(job(&h, 0)->phase == TW_JOB_DONE);
    CHECK_NEAR(job(&h, 0)->ended_s, 500.0, 1e-12);
    close_hall(&h);
}

// The slowest rack sets the pace; half of a step that follows the clock makes the step half as long again.
static void the_slowest_rank_sets_the_pace(void)
{
    TwJobSpec spec = plain("wide", 128, 1e6, 0.0);
    spec.clock_share = 0.5;
    Hall h = open_hall(&spec, 1, true);
    h.clock[2] = 0.5;
    go(&h, 300.0);
    CHECK_NEAR(job(&h, 0)->steps, 200.0, 1e-12);
    close_hall(&h);
}

// Whole domains in one rack where they fit; a job below a domain does not open another rack.
static void placement_keeps_domains_together(void)
{
    TwJobSpec specs[] = {plain("a", 32, 1e6, 0.0), plain("b", 4, 1e6, 10.0), plain("c", 4, 1e6, 20.0)};
    Hall h = open_hall(specs, 3, true);
    go(&h, 60.0);
    int racks[3] = {0}, where[3] = {0};
    for (int i = 0; i < 3; i++)
        for (int r = 0; r < RACKS; r++)
            if (tw_jobs_held(h.jobs, h.block, i, r) > 0) racks[i]++, where[i] = r;
    CHECK(racks[0] == 1 && racks[1] == 1 && racks[2] == 1);
    CHECK(where[1] == where[2] && where[1] != where[0]);
    close_hall(&h);
}

// EASY: a later job goes first only where the first that waits is not delayed.
static void backfill_delays_nobody(void)
{
    TwJobSpec specs[] = {plain("long", 96, 1000, 0.0), plain("head", 128, 100, 10.0), plain("short", 32, 500, 20.0),
                         plain("slow", 32, 5000, 20.0)};
    double started[2];
    for (int easy = 0; easy < 2; easy++) {
        Hall h = open_hall(specs, 4, easy);
        go(&h, 200.0);
        CHECK((job(&h, 2)->phase == TW_JOB_RUNNING) == (easy == 1));
        CHECK(job(&h, 3)->phase == TW_JOB_QUEUED);
        go(&h, 1200.0);
        started[easy] = job(&h, 1)->started_s;
        close_hall(&h);
    }
    CHECK_NEAR(started[0], 1000.0, 0.011);
    CHECK(started[1] <= started[0]);
}

// Of two that wait, the higher one starts first, or the one that came first.
static void order_is_by_priority_or_by_submission(void)
{
    TwJobSpec specs[] = {plain("now", 128, 100, 0.0), plain("early", 128, 100, 10.0), plain("late", 128, 100, 20.0)};
    specs[0].preemptible = false;
    specs[2].priority = 5;
    for (int in_order = 0; in_order < 2; in_order++) {
        Hall h = hall_with(specs, 3, true, in_order);
        go(&h, 150.0);
        CHECK(job(&h, in_order ? 1 : 2)->gpus == 128 && job(&h, in_order ? 2 : 1)->phase == TW_JOB_QUEUED);
        close_hall(&h);
    }
}

// A higher job takes the place of a preemptible one, which keeps its whole steps and comes back.
static void higher_jobs_preempt(void)
{
    TwJobSpec specs[] = {plain("low", 128, 2000, 0.0), plain("high", 128, 100, 500.0)};
    specs[1].priority = 5;
    Hall h = open_hall(specs, 2, true);
    go(&h, 550.0);
    CHECK(job(&h, 0)->phase == TW_JOB_QUEUED && job(&h, 1)->phase == TW_JOB_RUNNING);
    CHECK_NEAR(job(&h, 0)->steps, 500.0, 1e-12);
    go(&h, 2200.0);
    CHECK(job(&h, 0)->phase == TW_JOB_DONE && job(&h, 0)->preemptions == 1);
    close_hall(&h);

    specs[0].preemptible = false;
    h = open_hall(specs, 2, true);
    go(&h, 550.0);
    CHECK(job(&h, 1)->phase == TW_JOB_QUEUED);
    close_hall(&h);
}

// GPUs that serving wants back are left after a checkpoint; an elastic job goes on with fewer.
static void borrowed_gpus_go_back(void)
{
    TwJobSpec spec = plain("night", 128, 1e6, 0.0);
    spec.gpus_min = 32;
    Hall h = open_hall(&spec, 1, true);
    go(&h, 100.0);
    CHECK(job(&h, 0)->gpus == 128);
    h.free_gpus[3] = h.free_gpus[2] = 0;
    go(&h, 110.0);
    CHECK(job(&h, 0)->gpus == 64 && job(&h, 0)->preemptions == 1 && job(&h, 0)->steps >= 100.0);
    h.free_gpus[0] = h.free_gpus[1] = 0;
    go(&h, 200.0);
    CHECK(job(&h, 0)->gpus == 0 && job(&h, 0)->phase == TW_JOB_QUEUED);
    close_hall(&h);
}

// GPUs that are wanted back leave after a checkpoint; a rack that goes dark takes all steps since the last one.
static void dark_racks_take_what_is_not_saved(void)
{
    for (int dark = 0; dark < 2; dark++) {
        TwJobSpec spec = plain("train", 64, 1000.0, 0.0);
        spec.checkpoint_s = 50.0;
        Hall h = open_hall(&spec, 1, true);
        go(&h, 80.0);
        CHECK_NEAR(job(&h, 0)->steps, 80.0, 1e-9);
        CHECK_NEAR(job(&h, 0)->saved_steps, 50.0, 1e-9);
        int lost = tw_jobs_held(h.jobs, h.block, 0, 0) > 0 ? 0 : 2;
        h.free_gpus[lost] = 0;
        h.powered[lost] = !dark;
        go(&h, 90.0);
        // it goes on elsewhere at once, for it has no restart
        CHECK(job(&h, 0)->gpus == 64 && job(&h, 0)->failures == dark && job(&h, 0)->preemptions == 1 - dark);
        CHECK_NEAR(job(&h, 0)->lost_steps, dark ? 30.0 : 0.0, 1e-9);
        CHECK_NEAR(job(&h, 0)->steps, dark ? 60.0 : 90.0, 1e-9);
        if (dark) CHECK_NEAR(job(&h, 0)->failed_s, 80.0, 1e-9);
        close_hall(&h);
    }
}

// An elastic job that began smaller takes what nobody waits for, in steps of two, and ends sooner.
static void elastic_jobs_grow(void)
{
    TwJobSpec specs[2] = {plain("first", 96, 200.0, 0.0), plain("elastic", 128, 2000.0, 1.0)};
    specs[1].gpus_min = 32;
    specs[1].restart_s = 20.0;
    Hall h = open_hall(specs, 2, true);
    go(&h, 100.0);
    CHECK(job(&h, 1)->gpus == 32 && job(&h, 1)->growths == 0);
    go(&h, 260.0);
    CHECK(job(&h, 0)->phase == TW_JOB_DONE);
    CHECK(job(&h, 1)->gpus == 128 && job(&h, 1)->growths == 2);
    double before = job(&h, 1)->steps;
    go(&h, 360.0);
    CHECK_NEAR(job(&h, 1)->steps - before, 100.0, 21.0);    // at full size one a second
    close_hall(&h);

    // near its end a restart costs more than it gains
    specs[1].steps = 60.0;
    h = open_hall(specs, 2, true);
    go(&h, 230.0);
    CHECK(job(&h, 1)->gpus == 32 && job(&h, 1)->growths == 0);
    close_hall(&h);
}

// Checkpoints and failures: over many failures the share of time in steps that stayed is the exact exponential form's.
static void failures_cost_what_the_closed_form_says(void)
{
    TwJobSpec spec = plain("train", 128, 1e9, 0.0);
    double mtbf_s = 4000.0;
    spec.gpu_mtbf_h = mtbf_s * 128 / 3600.0;
    spec.exposed_s = 30.0;
    spec.restart_s = 100.0;
    spec.checkpoint_s = tw_young_interval_s(30.0, mtbf_s);
    Hall h = open_hall(&spec, 1, true);
    go(&h, 4e6);
    TwJobsTotals totals;
    tw_jobs_totals(h.jobs, h.block, &totals);
    CHECK(totals.failures > 800);
    double want = tw_checkpoint_efficiency(spec.checkpoint_s, 30.0, 100.0, mtbf_s);
    CHECK_WITHIN(totals.useful_gpu_s / totals.gpu_s, want, 0.015);
    close_hall(&h);
}

// A dip at the end of each step; what is missing and where the plateau lies do not depend on how it is sampled.
// Rollouts that somebody else serves: the step waits for its sequences and takes as long as their tokens; a batch in
// advance hides the shorter of the two. 100 sequences of 10 tokens train in 30 s and are generated in 50 s.
static void training_waits_for_rollouts(void)
{
    for (int ahead = 0; ahead < 2; ahead++) {
        TwJobSpec spec = plain("rl", 16, 8, 0.0);
        spec.step_s = 30.0, spec.rollout_sequences = 100, spec.batches_ahead = ahead;
        Hall h = open_hall(&spec, 1, true);
        TwRolled rolled = {0};
        int64_t begun = 0;
        double free_s = 0.0, ends_s = 0.0, busy_j = 0.0, idle_j = 0.0;
        while (job(&h, 0)->phase != TW_JOB_DONE && h.now_s < 2000.0) {
            // one batch after another, each 50 s after it is asked for and the one before is through
            if (begun > rolled.ended / 100 && h.now_s + 10.0 >= ends_s)
                rolled = (TwRolled){100 * begun, 1000.0 * (double)begun, ends_s}, free_s = ends_s;
            const TwJobsIn in = {.free_gpus = h.free_gpus, .clock_fraction = h.clock, .rolled = &rolled};
            TwJobsOut out = {h.gpu_w, h.demand_w, h.held};
            tw_jobs_advance(h.jobs, h.block, &in, h.now_s, h.now_s + 10.0, &out);
            h.now_s += 10.0;
            for (int r = 0; r < RACKS; r++)
                (job(&h, 0)->phase == TW_JOB_ROLLOUT ? &idle_j : &busy_j)[0] += 10.0 * h.gpu_w[r];
            if (begun == rolled.ended / 100 && job(&h, 0)->asked_batches > begun)
                begun++, ends_s = fmax(free_s, h.now_s) + 50.0;
        }
        const TwJob *done = job(&h, 0);
        CHECK(done->trained_batches == 8 && done->steps == 8.0);
        CHECK_NEAR(tw_jobs_tokens(h.jobs, h.block, 0), 8000.0, 1e-12);
        CHECK_NEAR(done->energy_j, busy_j + idle_j, 1e-12);
        // on policy 80 s a step and what the window of 10 s adds to the asking; a batch ahead 50 s
        CHECK_WITHIN(done->ended_s, ahead ? 8 * 50.0 + 30.0 : 8 * 80.0, ahead ? 90.0 : 85.0);
        CHECK_WITHIN(done->rollout_s + 8 * 30.0, done->ended_s, 1e-9);
        close_hall(&h);
    }
}

static void the_waveform_has_its_parts(void)
{
    TwWaveform w;
    CHECK(tw_waveform_load(&w, "gpt3_64x8h100", NULL));
    CHECK_NEAR(tw_waveform_cycle_s(&w), 142.08, 1e-12);
    CHECK_NEAR(tw_waveform_w(&w, 5.0), w.plateau_w, 1e-12);
    CHECK_NEAR(tw_waveform_w(&w, w.step_s), w.dip_w, 1e-12);
    CHECK_NEAR(tw_waveform_w(&w, 12 * w.step_s + 6.0), w.eval_w, 1e-12);
    double sum = 0.0;
    for (int i = 0; i < 100000; i++) sum += w.plateau_w - tw_waveform_w(&w, 5.0 + (i + 0.5) * w.step_s / 100000);
    CHECK_NEAR(sum * w.step_s / 100000, tw_waveform_missing_j(&w), 1e-6);
    TwWaveform half = tw_waveform_scaled(&w, 0.5 * w.step_s, 0.5 * w.plateau_w, 0.5 * w.idle_w);
    CHECK_NEAR(tw_waveform_missing_j(&half), 0.25 * tw_waveform_missing_j(&w), 1e-12);
    TwError error = {0};
    CHECK(!tw_waveform_load(&w, "gpt3_64x8h10", &error));
}

int main(void)
{
    unlike_racks_set_their_own_pace();
    a_job_runs_its_steps();
    the_slowest_rank_sets_the_pace();
    placement_keeps_domains_together();
    backfill_delays_nobody();
    order_is_by_priority_or_by_submission();
    higher_jobs_preempt();
    borrowed_gpus_go_back();
    dark_racks_take_what_is_not_saved();
    elastic_jobs_grow();
    failures_cost_what_the_closed_form_says();
    training_waits_for_rollouts();
    the_waveform_has_its_parts();
    return check_failures != 0;
}
