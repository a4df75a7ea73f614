// Jobs on the GPUs that serving leaves: training, post-training, fine-tuning, evaluation, data processing.
//
// A synchronous job ends its step when its slowest rank does: the lowest clock of its racks sets the pace of the first
// term of training.h, and of unlike GPUs the slowest at their clocks; the others wait for them. Evaluations, exposed
// checkpoints and failures take their share of the time; a failure goes back to the last checkpoint and costs a
// restart. The scheduler starts jobs by priority, then in order of submission; a later job may start early if it does
// not delay the first that waits (EASY backfill); whole NVLink domains first, then the fewest racks. Elastic jobs start
// smaller and grow once nobody waits, preemptible ones give way after a checkpoint at the end of their step. Left out:
// time to load data.
#pragma once

#include "models/workload/training.h"
#include "models/workload/waveform.h"
#include "sim/block.h"

typedef enum TwJobPhase {
    TW_JOB_LATER,    // not submitted yet
    TW_JOB_QUEUED,
    TW_JOB_LOADING,    // weights, or a checkpoint after a failure
    TW_JOB_RUNNING,
    TW_JOB_ROLLOUT,    // its GPUs wait for sequences that a pool generates
    TW_JOB_DONE,
    TW_JOB_PHASES
} TwJobPhase;

// A step on the GPUs of one kind of rack: as in TwJobSpec.
typedef struct TwJobPace {
    double step_s, clock_share, comm_s, hidden_s;
} TwJobPace;

typedef struct TwJobSpec {
    const char *name;
    const char *basis;     // where its step comes from, in words; NULL: it has none
    int gpus, gpus_min;    // gpus_min < gpus: elastic, by halves
    int priority;
    bool preemptible;
    bool of_mix;    // drawn: shares its name with the others of its mix
    double submit_s;
    // work: steps of so long at full clock on all its GPUs, and what of a step stretches with the clock
    double steps, step_s, clock_share;    // clock_share: of step_s, in 0 to 1
    double tokens_per_step;
    double eval_every_steps, eval_s;
    double checkpoint_s, exposed_s, restart_s;    // interval (0: none), seconds it stops the job, reload
    double gpu_mtbf_h;                            // of one GPU; 0 or infinite: no failures of its own
    double load_s;
    double busy_fraction;    // power above idle while it computes, of the limit above idle
    TwWaveform waveform;     // of a node, for its shape; step_s 0: flat
    // the network: bytes that a step moves through the card of a GPU, their time on an idle network, and the compute
    // that they may hide behind; bytes of a checkpoint that go to storage (0: it is written as it is taken)
    double card_bytes, exchange_bytes, comm_s, hidden_s, checkpoint_bytes;    // exchange: of card_bytes, with experts
    const TwJobPace *pace;    // [kind of rack] in place of step_s, clock_share, comm_s, hidden_s; NULL: all alike
    // reinforcement learning with rollouts served elsewhere: a step trains on so many sequences once they have ended,
    // and step_s is for tokens_per_step of them; so many batches may be ahead of the training (0: the job rolls out
    // itself)
    int64_t rollout_sequences;
    int batches_ahead;
    int feed_pool;    // data flywheel: pool whose tokens it trains on, or -1
    double logged_fraction, kept_fraction;
} TwJobSpec;

typedef struct TwJobsSpec {
    int job_count, rack_count;
    const TwJobSpec *jobs;
    const int32_t *domain_gpus;                // [rack] GPUs of an NVLink domain
    const double *gpu_limit_w, *gpu_idle_w;    // [rack]
    const int *rack_kind;                      // [rack] of GPUs, for the pace; NULL: all alike
    int kind_count;
    bool backfill, in_order;    // in_order: all jobs as of one priority
    uint64_t seed;
} TwJobsSpec;

// One job in the state block.
typedef struct TwJob {
    int32_t phase, gpus, failures, preemptions, growths, unused;
    double steps, saved_steps, total_steps;    // done; at the last checkpoint; to do
    double left_s;                             // of loading
    double next_failure_gpu_s, run_gpu_s;      // GPU-seconds until the next failure; so far
    double started_s, ended_s, waited_s, queued_s;
    double failed_s;    // last time that it went back to its checkpoint
    double energy_j, lost_steps, logged_tokens;
    double pace_s;                    // a step at full clock on all its GPUs, of the kind that it had last
    double asked_steps, run_steps;    // at the checkpoint that is being written; steps since tw_jobs_steps_run
    int32_t saving, restoring;        // TwJobStore
    // rollouts served elsewhere: batches asked for and trained on, GPU time spent waiting, tokens of the batch in
    // training and of all trained on
    int64_t asked_batches, trained_batches;
    double rollout_s, batch_tokens, used_tokens;
    bool batch_begun;
} TwJob;

// A checkpoint on its way to storage, or from it: the job asks, whoever has the network begins and ends it. Until a
// save is through a failure goes back to the one before, and the next one waits, and the job with it.
typedef enum TwJobStore { TW_STORE_NONE, TW_STORE_ASKED, TW_STORE_UNDER_WAY } TwJobStore;

typedef struct TwJobs {
    int job_count, rack_count;
    size_t state_bytes;
    const struct TwJobsPlant *inner;
} TwJobs;

// Sequences of a job that have been generated since the start, their tokens, and when the last ended.
typedef struct TwRolled {
    int64_t ended;
    double tokens, last_s;
} TwRolled;

typedef struct TwJobsIn {
    const int32_t *free_gpus;        // [rack] that jobs may use now: not serving, not failed
    const double *clock_fraction;    // [rack]
    const bool *powered;             // [rack] without power a job loses what it has not saved; NULL: all have it
    const double *share;             // [rack] of the power asked for that is granted; NULL: all
    const double *slow;              // [job] its collectives take so many times as long as on an idle network; NULL: 1
    const double *pool_tokens;       // done so far by each pool, for flywheels; NULL: none
    const TwRolled *rolled;          // [job] NULL: no job has rollouts served
} TwJobsIn;

typedef struct TwJobsOut {
    double *gpu_w, *demand_w;    // [rack] mean power of the window of GPUs held by jobs; what they want at full clock
    int32_t *held_gpus;          // [rack]
} TwJobsOut;

typedef struct TwJobsTotals {
    int64_t done, running, queued, failures, preemptions, growths;
    double gpu_s, useful_gpu_s, lost_gpu_s, tokens, energy_j;
} TwJobsTotals;

bool tw_jobs_create(TwJobs **jobs, const TwJobsSpec *spec, TwLayout *layout);
void tw_jobs_destroy(TwJobs *jobs);
void tw_jobs_start(const TwJobs *jobs, void *block);
// Ends, starts and progress over [from_s, until_s).
void tw_jobs_advance(const TwJobs *jobs, void *block, const TwJobsIn *in, double from_s, double until_s,
                     TwJobsOut *out);
// GPUs of a rack must come back by the next window: jobs there are preempted (checkpointed) at once.
const TwJob *tw_jobs_job(const TwJobs *jobs, const void *block, int i);
const TwJobSpec *tw_jobs_spec(const TwJobs *jobs, int i);
TwJobStore tw_jobs_storing(const TwJobs *jobs, const void *block, int job, bool restore);
void tw_jobs_store_begun(const TwJobs *jobs, void *block, int job, bool restore);
void tw_jobs_store_ended(const TwJobs *jobs, void *block, int job, bool restore);
double tw_jobs_steps_run(const TwJobs *jobs, void *block, int job);       // since it was asked last
double tw_jobs_tokens(const TwJobs *jobs, const void *block, int job);    // trained on
int32_t tw_jobs_held(const TwJobs *jobs, const void *block, int job, int rack);
void tw_jobs_totals(const TwJobs *jobs, const void *block, TwJobsTotals *totals);

// A population of jobs as a cluster had them (facilities/parts/traffic/job_mix.csv): job `index` of the mix.
typedef struct TwJobMix {
    double p1, gamma, run_mu, run_slope, run_sd, run_cap_s, cancel_c, cancel_d, fail, arrivals_per_s;
    double arrivals_cv;    // of the intervals; 0: 1, Poisson
    int max_log2;
} TwJobMix;

typedef struct TwMixJob {
    int gpus;
    double run_s, drawn_s;    // what it ran, and would have
    bool cancelled, failed;
} TwMixJob;

bool tw_job_mix_load(TwJobMix *mix, const char *name, TwError *error);
// Interval before job `index`, s; mean 1/rate_s: exponential, or gamma of the mix's CV.
double tw_job_mix_interval_s(const TwJobMix *mix, TwStream stream, uint64_t index, double rate_s);
TwMixJob tw_job_mix_draw(const TwJobMix *mix, TwStream stream, uint64_t index);

// Serving nodes by load: how many are kept at `time_s` so that the load until lead_s later is carried, between
// keep_fraction and all; load: relative to the mean, at equal steps of step_s over a day; capacity: load that all
// nodes carry.
double tw_capacity_fraction(const double *load, int count, double step_s, double time_s, double lead_s, double capacity,
                            double keep_fraction);
