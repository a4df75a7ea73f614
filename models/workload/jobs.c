#include "models/workload/jobs.h"

#include "models/workload/arrivals.h"
#include "sim/arena.h"
#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct TwJobsPlant {
    TwArena *arena;
    TwJobSpec *jobs;
    const int32_t *domain;
    const double *limit_w, *idle_w;
    const int *kind;    // [rack]; NULL: all alike
    int kinds;
    double *mean_of_plateau;    // [job] of a cycle of its waveform
    int *order;                 // [job] by priority, then submission
    bool backfill;
    TwStream stream;
    TwSlot job, held, room, was;    // [job], [job][rack], [rack] scratch, twice
};
typedef struct TwJobsPlant Plant;

bool tw_jobs_create(TwJobs **out, const TwJobsSpec *spec, TwLayout *layout)
{
    TwArena *arena = tw_arena_create();
    TwJobs *jobs = TW_TAKE(arena, 1, TwJobs);
    Plant *p = TW_TAKE(arena, 1, Plant);
    int n = spec->job_count, racks = spec->rack_count;
    p->arena = arena;
    p->backfill = spec->backfill;
    p->stream = tw_stream(spec->seed, "jobs");
    p->jobs = TW_TAKE(arena, n + 1, TwJobSpec);
    p->mean_of_plateau = TW_TAKE(arena, n + 1, double);
    p->order = TW_TAKE(arena, n + 1, int);
    int32_t *domain = TW_TAKE(arena, racks + 1, int32_t);
    double *limit = TW_TAKE(arena, racks + 1, double), *idle = TW_TAKE(arena, racks + 1, double);
    memcpy(domain, spec->domain_gpus, (size_t)racks * sizeof *domain);
    memcpy(limit, spec->gpu_limit_w, (size_t)racks * sizeof *limit);
    memcpy(idle, spec->gpu_idle_w, (size_t)racks * sizeof *idle);
    p->domain = domain, p->limit_w = limit, p->idle_w = idle;
    if (spec->rack_kind) {
        int *kind = TW_TAKE(arena, racks + 1, int);
        memcpy(kind, spec->rack_kind, (size_t)racks * sizeof *kind);
        p->kind = kind, p->kinds = spec->kind_count;
    }
    for (int i = 0; i < n; i++) {
        p->jobs[i] = spec->jobs[i];
        if (spec->in_order) p->jobs[i].priority = 0;
        if (p->kind && p->jobs[i].pace) {
            TwJobPace *pace = TW_TAKE(arena, p->kinds, TwJobPace);
            memcpy(pace, p->jobs[i].pace, (size_t)p->kinds * sizeof *pace);
            p->jobs[i].pace = pace;
        } else {
            p->jobs[i].pace = NULL;
        }
        const TwWaveform *w = &p->jobs[i].waveform;
        p->mean_of_plateau[i] =
            w->step_s > 0.0 ? (tw_waveform_mean_w(w) - w->idle_w) / (w->plateau_w - w->idle_w) : 1.0;
        // by insertion: few jobs, and equal ones keep their order
        int k = i;
        for (; k > 0; k--) {
            const TwJobSpec *other = &p->jobs[p->order[k - 1]];
            bool later = other->priority < p->jobs[i].priority ||
                         (other->priority == p->jobs[i].priority && other->submit_s > p->jobs[i].submit_s);
            if (!later) break;
            p->order[k] = p->order[k - 1];
        }
        p->order[k] = i;
    }
    size_t before = layout->bytes;
    p->job = tw_layout_add(layout, (size_t)n + 1, sizeof(TwJob));
    p->held = tw_layout_add(layout, (size_t)n * (size_t)racks + 1, sizeof(int32_t));
    p->room = tw_layout_add(layout, (size_t)racks + 1, sizeof(int32_t));
    p->was = tw_layout_add(layout, (size_t)racks + 1, sizeof(int32_t));
    *jobs = (TwJobs){n, racks, layout->bytes - before, p};
    *out = jobs;
    return true;
}

void tw_jobs_destroy(TwJobs *jobs)
{
    if (jobs) tw_arena_destroy(jobs->inner->arena);
}

static TwJob *job_at(const TwJobs *jobs, void *block, int i) { return (TwJob *)tw_at(block, jobs->inner->job) + i; }

static int32_t *held_at(const TwJobs *jobs, void *block, int i)
{
    return (int32_t *)tw_at(block, jobs->inner->held) + (size_t)i * (size_t)jobs->rack_count;
}

const TwJob *tw_jobs_job(const TwJobs *jobs, const void *block, int i)
{
    return (const TwJob *)tw_at_const(block, jobs->inner->job) + i;
}
const TwJobSpec *tw_jobs_spec(const TwJobs *jobs, int i) { return &jobs->inner->jobs[i]; }

int32_t tw_jobs_held(const TwJobs *jobs, const void *block, int job, int rack)
{
    return (
        (const int32_t *)tw_at_const(block, jobs->inner->held))[(size_t)job * (size_t)jobs->rack_count + (size_t)rack];
}

static int32_t *store_of(TwJob *job, bool restore) { return restore ? &job->restoring : &job->saving; }

TwJobStore tw_jobs_storing(const TwJobs *jobs, const void *block, int i, bool restore)
{
    const TwJob *job = tw_jobs_job(jobs, block, i);
    return (TwJobStore)(restore ? job->restoring : job->saving);
}

void tw_jobs_store_begun(const TwJobs *jobs, void *block, int i, bool restore)
{
    *store_of(job_at(jobs, block, i), restore) = TW_STORE_UNDER_WAY;
}

void tw_jobs_store_ended(const TwJobs *jobs, void *block, int i, bool restore)
{
    TwJob *job = job_at(jobs, block, i);
    if (!restore && job->saving == TW_STORE_UNDER_WAY) job->saved_steps = fmax(job->saved_steps, job->asked_steps);
    *store_of(job, restore) = TW_STORE_NONE;
}

double tw_jobs_steps_run(const TwJobs *jobs, void *block, int i)
{
    TwJob *job = job_at(jobs, block, i);
    double steps = job->run_steps;
    job->run_steps = 0.0;
    return steps;
}

// GPU-seconds of the whole job until it next fails, exponential.
static double draw_failure(const Plant *p, int i, int failures)
{
    double hours = p->jobs[i].gpu_mtbf_h;
    if (!(hours > 0.0) || !isfinite(hours)) return INFINITY;
    double u = tw_random(p->stream, (uint64_t)failures, (uint32_t)i, TW_PURPOSE_FAILURE);
    return -hours * 3600.0 * log(u);
}

void tw_jobs_start(const TwJobs *jobs, void *block)
{
    const Plant *p = jobs->inner;
    for (int i = 0; i < jobs->job_count; i++) {
        *job_at(jobs, block, i) = (TwJob){.total_steps = p->jobs[i].steps,
                                          .next_failure_gpu_s = draw_failure(p, i, 0),
                                          .started_s = NAN,
                                          .ended_s = NAN};
        memset(held_at(jobs, block, i), 0, (size_t)jobs->rack_count * sizeof(int32_t));
    }
}

// placement

// GPUs for a job into `held`, of what `room` leaves: whole domains of the fewest racks; a job below a domain goes to
// the fullest domain that holds it. False: they do not fit.
static bool place(const TwJobs *jobs, const int32_t *room, int gpus, int32_t *held)
{
    const Plant *p = jobs->inner;
    int racks = jobs->rack_count, left = gpus;
    memset(held, 0, (size_t)racks * sizeof *held);
    int64_t all = 0;
    for (int r = 0; r < racks; r++) all += room[r];
    if (all < gpus) return false;

    int best = -1;
    for (int r = 0; r < racks; r++)
        if (gpus < p->domain[r] && room[r] >= gpus && (best < 0 || room[r] < room[best])) best = r;
    if (best >= 0) {
        held[best] = gpus;
        return true;
    }
    // whole domains, racks with the most of them first
    while (left > 0) {
        int most = -1, most_gpus = 0;
        for (int r = 0; r < racks; r++) {
            int whole = room[r] / p->domain[r] * p->domain[r];
            if (held[r] == 0 && whole > most_gpus) most = r, most_gpus = whole;
        }
        if (most < 0) break;
        held[most] = left < most_gpus ? left : most_gpus;
        left -= held[most];
    }
    // what is left over goes where there is room
    for (int r = 0; r < racks && left > 0; r++) {
        int more = room[r] - held[r] < left ? room[r] - held[r] : left;
        held[r] += more;
        left -= more;
    }
    return left == 0;
}

static void take(const TwJobs *jobs, int32_t *room, const int32_t *held, int sign)
{
    for (int r = 0; r < jobs->rack_count; r++) room[r] -= sign * held[r];
}

// A step on the GPUs of a rack.
static TwJobPace pace_at(const Plant *p, int i, int rack)
{
    const TwJobSpec *spec = &p->jobs[i];
    if (spec->pace) return spec->pace[p->kind[rack]];
    return (TwJobPace){spec->step_s, spec->clock_share, spec->comm_s, spec->hidden_s};
}

// A step at full clock: on the slowest of the racks it has, or of all kinds where it has none yet.
static double full_step_s(const TwJobs *jobs, void *block, int i)
{
    const Plant *p = jobs->inner;
    const TwJobSpec *spec = &p->jobs[i];
    if (!spec->pace) return spec->step_s;
    double slowest = 0.0, any = 0.0;
    const int32_t *held = held_at(jobs, block, i);
    for (int r = 0; r < jobs->rack_count; r++)
        if (held[r] > 0) slowest = fmax(slowest, pace_at(p, i, r).step_s);
    for (int k = 0; k < p->kinds; k++) any = fmax(any, spec->pace[k].step_s);
    return slowest > 0.0 ? slowest : any;
}

// Seconds that a job still needs where nothing goes wrong.
static double rest_s(const TwJobs *jobs, void *block, int i, int gpus)
{
    const TwJobSpec *spec = &jobs->inner->jobs[i];
    const TwJob *job = job_at(jobs, block, i);
    double cycle_s = full_step_s(jobs, block, i) * spec->gpus / gpus;
    if (spec->eval_every_steps > 0.0) cycle_s += spec->eval_s / spec->eval_every_steps;
    if (job->trained_batches > 0) cycle_s += job->rollout_s / (double)job->trained_batches;
    return job->left_s + fmax(0.0, job->total_steps - job->steps) * cycle_s;
}

static void start_job(const TwJobs *jobs, void *block, int i, int gpus, double now_s)
{
    TwJob *job = job_at(jobs, block, i);
    const TwJobSpec *spec = &jobs->inner->jobs[i];
    job->phase = TW_JOB_LOADING;
    job->gpus = gpus;
    bool again = isfinite(job->started_s);
    job->left_s = again ? spec->restart_s : spec->load_s;
    job->saving = TW_STORE_NONE;
    job->restoring = spec->checkpoint_bytes > 0.0 && job->saved_steps > 0.0 ? TW_STORE_ASKED : TW_STORE_NONE;
    if (!again) job->started_s = now_s;
    job->waited_s += now_s - job->queued_s;
}

// A running job leaves its GPUs. saved: after a checkpoint; otherwise back to the last one.
static void stop_job(const TwJobs *jobs, void *block, int i, int32_t *room, bool saved, double now_s)
{
    TwJob *job = job_at(jobs, block, i);
    int32_t *held = held_at(jobs, block, i);
    take(jobs, room, held, -1);
    memset(held, 0, (size_t)jobs->rack_count * sizeof *held);
    if (saved) {
        job->saved_steps = floor(job->steps);
        job->preemptions++;
    } else {
        job->failures++;
        job->failed_s = now_s;
    }
    job->lost_steps += job->steps - job->saved_steps;
    job->steps = job->saved_steps;
    job->saving = job->restoring = TW_STORE_NONE;
    job->asked_steps = job->saved_steps;
    job->phase = TW_JOB_QUEUED;
    job->gpus = 0;
    job->queued_s = now_s;
}

static bool try_start(const TwJobs *jobs, void *block, int i, int32_t *room, double now_s)
{
    const TwJobSpec *spec = &jobs->inner->jobs[i];
    int32_t *held = held_at(jobs, block, i);
    int least = spec->gpus_min > 0 && spec->gpus_min < spec->gpus ? spec->gpus_min : spec->gpus;
    for (int gpus = spec->gpus; gpus >= least; gpus /= 2) {
        if (place(jobs, room, gpus, held)) {
            take(jobs, room, held, 1);
            start_job(jobs, block, i, gpus, now_s);
            return true;
        }
        if (gpus / 2 < least) break;
    }
    memset(held, 0, (size_t)jobs->rack_count * sizeof *held);
    return false;
}

// Lower jobs give way, the lowest first, until it fits; none does if it would not.
static bool preempt_for(const TwJobs *jobs, void *block, int i, int32_t *room, double now_s)
{
    const Plant *p = jobs->inner;
    const TwJobSpec *spec = &p->jobs[i];
    int64_t all = 0;
    for (int r = 0; r < jobs->rack_count; r++) all += room[r];
    for (int k = jobs->job_count - 1; k >= 0; k--) {
        const TwJob *other = job_at(jobs, block, p->order[k]);
        const TwJobSpec *lower = &p->jobs[p->order[k]];
        if (other->gpus > 0 && lower->preemptible && lower->priority < spec->priority) all += other->gpus;
    }
    int least = spec->gpus_min > 0 ? spec->gpus_min : spec->gpus;
    if (all < least) return false;
    for (int k = jobs->job_count - 1; k >= 0; k--) {
        int o = p->order[k];
        const TwJobSpec *lower = &p->jobs[o];
        if (job_at(jobs, block, o)->gpus == 0 || !lower->preemptible || lower->priority >= spec->priority) continue;
        stop_job(jobs, block, o, room, true, now_s);
        if (try_start(jobs, block, i, room, now_s)) return true;
    }
    return try_start(jobs, block, i, room, now_s);
}

// When the first that waits can start at the latest: running jobs end in order of their rest; *spare: GPUs then left.
static double reservation(const TwJobs *jobs, void *block, int i, const int32_t *room, double now_s, int64_t *spare)
{
    const Plant *p = jobs->inner;
    int64_t free_gpus = 0, need = p->jobs[i].gpus;
    for (int r = 0; r < jobs->rack_count; r++) free_gpus += room[r];
    double at_s = now_s;
    while (free_gpus < need) {
        // the next to end after at_s; jobs that end together come together
        double next_s = INFINITY;
        for (int k = 0; k < jobs->job_count; k++) {
            const TwJob *job = job_at(jobs, block, k);
            if (job->gpus == 0) continue;
            double end_s = now_s + rest_s(jobs, block, k, job->gpus);
            if (end_s > at_s && end_s < next_s) next_s = end_s;
        }
        if (!isfinite(next_s)) break;
        for (int k = 0; k < jobs->job_count; k++) {
            const TwJob *job = job_at(jobs, block, k);
            if (job->gpus > 0 && now_s + rest_s(jobs, block, k, job->gpus) == next_s) free_gpus += job->gpus;
        }
        at_s = next_s;
    }
    *spare = free_gpus - need;
    return free_gpus >= need ? at_s : INFINITY;
}

static void schedule(const TwJobs *jobs, void *block, int32_t *room, double now_s)
{
    const Plant *p = jobs->inner;
    bool blocked = false;
    double shadow_s = INFINITY;
    int64_t spare = 0;
    for (int k = 0; k < jobs->job_count; k++) {
        int i = p->order[k];
        TwJob *job = job_at(jobs, block, i);
        if (job->phase != TW_JOB_QUEUED) continue;
        if (!blocked) {
            if (try_start(jobs, block, i, room, now_s) || preempt_for(jobs, block, i, room, now_s)) continue;
            blocked = true;
            if (!p->backfill) return;
            shadow_s = reservation(jobs, block, i, room, now_s, &spare);
            continue;
        }
        // a later job may go first if it ends in time, or takes what the first will not need
        const TwJobSpec *spec = &p->jobs[i];
        bool in_time = now_s + spec->load_s + rest_s(jobs, block, i, spec->gpus) <= shadow_s;
        if (!in_time && spec->gpus > spare) continue;
        if (try_start(jobs, block, i, room, now_s) && !in_time) spare -= job->gpus;
    }
}

// Elastic jobs that began smaller take what nobody waits for, doubling after a checkpoint at the end of their step
// where that pays for the restart.
static void grow_jobs(const TwJobs *jobs, void *block, int32_t *room)
{
    const Plant *p = jobs->inner;
    int32_t *more = (int32_t *)tw_at(block, p->was);
    for (int k = 0; k < jobs->job_count; k++)
        if (job_at(jobs, block, k)->phase == TW_JOB_QUEUED) return;
    for (int k = 0; k < jobs->job_count; k++) {
        int i = p->order[k];
        TwJob *job = job_at(jobs, block, i);
        const TwJobSpec *spec = &p->jobs[i];
        int32_t *held = held_at(jobs, block, i);
        while ((job->phase == TW_JOB_RUNNING || job->phase == TW_JOB_ROLLOUT) && 2 * job->gpus <= spec->gpus) {
            double gain_s = rest_s(jobs, block, i, job->gpus) - rest_s(jobs, block, i, 2 * job->gpus);
            if (gain_s <= 2.0 * (spec->restart_s + spec->exposed_s) || !place(jobs, room, job->gpus, more)) break;
            take(jobs, room, more, 1);
            for (int r = 0; r < jobs->rack_count; r++) held[r] += more[r];
            job->gpus *= 2;
            job->growths++;
            job->lost_steps += job->steps - floor(job->steps);
            job->steps = job->saved_steps = floor(job->steps);
            job->phase = TW_JOB_LOADING;
            job->left_s = spec->restart_s + spec->exposed_s;
        }
    }
}

// rollouts that a pool serves

// Whether a batch waits to be trained on; *at_s: since when. Batches in flight beside each other end as their sequences
// do, whichever they were asked for.
static bool batch_ready(const TwJobSpec *spec, TwJob *job, const TwRolled *rolled, double *at_s)
{
    if (job->batch_begun) return true;
    int64_t ready = rolled->ended / spec->rollout_sequences - job->trained_batches;
    if (ready <= 0) return false;
    job->batch_begun = true;
    job->batch_tokens = (rolled->tokens - job->used_tokens) / (double)ready;
    *at_s = rolled->last_s;
    return true;
}

static void ask_batches(const TwJobSpec *spec, TwJob *job)
{
    int64_t steps_left = (int64_t)ceil(job->total_steps - job->steps - 1e-9);
    int64_t wanted = steps_left < 1 + spec->batches_ahead ? steps_left : 1 + spec->batches_ahead;
    if (job->trained_batches + wanted > job->asked_batches) job->asked_batches = job->trained_batches + wanted;
}

static void end_batch(TwJob *job)
{
    job->trained_batches++;
    job->used_tokens += job->batch_tokens;
    job->batch_begun = false;
}

static double trained_tokens(const TwJobSpec *spec, const TwJob *job)
{
    return spec->rollout_sequences > 0 ? job->used_tokens : job->steps * spec->tokens_per_step;
}

double tw_jobs_tokens(const TwJobs *jobs, const void *block, int i)
{
    return trained_tokens(tw_jobs_spec(jobs, i), tw_jobs_job(jobs, block, i));
}

// progress

// Clock of a rack's GPUs, with what its power leaves of it.
static double clock_at(const TwJobsIn *in, int rack)
{
    return fmin(fmax(in->clock_fraction[rack] * (in->share ? in->share[rack] : 1.0), 0.05), 1.0);
}

// A step on a rack's GPUs, with collectives that no longer hide behind compute.
static double step_at(const Plant *p, int i, int rack, double gpus, double clock, double slow)
{
    const TwJobPace pace = pace_at(p, i, rack);
    double step_s =
        pace.step_s * ((double)p->jobs[i].gpus / gpus) * (pace.clock_share / clock + 1.0 - pace.clock_share);
    if (slow > 1.0) step_s += fmax(pace.comm_s * slow - pace.hidden_s, 0.0) - fmax(pace.comm_s - pace.hidden_s, 0.0);
    return step_s;
}

// The slowest of its racks: a step ends when all have.
static double slowest_step(const TwJobs *jobs, void *block, int i, const TwJobsIn *in)
{
    const Plant *p = jobs->inner;
    const int32_t *held = held_at(jobs, block, i);
    double gpus = job_at(jobs, block, i)->gpus, slow = in->slow ? in->slow[i] : 1.0, step_s = 0.0;
    for (int r = 0; r < jobs->rack_count; r++)
        if (held[r] > 0) step_s = fmax(step_s, step_at(p, i, r, gpus, clock_at(in, r), slow));
    return step_s;
}

// Runs one job over the window; returns the share of it in which it computed.
static double run_job(const TwJobs *jobs, void *block, int i, const TwJobsIn *in, int32_t *room, double from_s,
                      double until_s)
{
    const Plant *p = jobs->inner;
    const TwJobSpec *spec = &p->jobs[i];
    TwJob *job = job_at(jobs, block, i);
    double step_s = slowest_step(jobs, block, i, in), now_s = from_s, busy_s = 0.0;
    // a step with its share of evaluations and exposed checkpoints
    double cycle_s = step_s;
    if (spec->eval_every_steps > 0.0) cycle_s += spec->eval_s / spec->eval_every_steps;
    double exposed = spec->checkpoint_s > 0.0 ? spec->exposed_s / (spec->checkpoint_s + spec->exposed_s) : 0.0;
    cycle_s /= 1.0 - exposed;
    const double whole_s = cycle_s;

    while (now_s < until_s && job->gpus > 0) {
        double span_s = until_s - now_s;
        if (job->phase == TW_JOB_LOADING) {
            double load_s = fmin(job->left_s, span_s);
            job->left_s -= load_s;
            job->run_gpu_s += load_s * job->gpus;
            now_s += load_s;
            if (job->left_s > 0.0) break;
            if (job->restoring != TW_STORE_NONE) {
                job->run_gpu_s += (until_s - now_s) * job->gpus;    // its checkpoint is still on the way
                break;
            }
            job->phase = TW_JOB_RUNNING;
            continue;
        }
        double batch_s = INFINITY;
        if (spec->rollout_sequences > 0) {
            // a step at a time, as long as its tokens take
            ask_batches(spec, job);
            double ready_s = now_s;
            bool ready = batch_ready(spec, job, &in->rolled[i], &ready_s);
            double begins_s = ready ? fmin(fmax(now_s, ready_s), until_s) : until_s;
            job->rollout_s += begins_s - now_s;
            job->run_gpu_s += (begins_s - now_s) * job->gpus;
            job->phase = ready ? TW_JOB_RUNNING : TW_JOB_ROLLOUT;
            now_s = begins_s;
            span_s = until_s - now_s;
            if (span_s <= 0.0) break;
            cycle_s = whole_s * fmax(job->batch_tokens, 1.0) / spec->tokens_per_step;
            batch_s = (floor(job->steps + 1e-9) + 1.0 - job->steps) * cycle_s;
        }
        double done_s = (job->total_steps - job->steps) * cycle_s, fail_s = job->next_failure_gpu_s / job->gpus;
        double go_s = fmin(fmin(span_s, batch_s), fmin(done_s, fail_s));
        double between = spec->checkpoint_s > 0.0 ? fmax(1.0, floor(spec->checkpoint_s / step_s)) : INFINITY;
        if (job->saving != TW_STORE_NONE) {
            // the next checkpoint is due and the last is still being written
            double room_s = fmax(job->asked_steps + between - job->steps, 0.0) * cycle_s;
            if (room_s <= 1e-9 * cycle_s) {
                job->run_gpu_s += span_s * job->gpus;
                break;
            }
            go_s = fmin(go_s, room_s);
        }
        job->steps += go_s / cycle_s;
        job->run_steps += go_s / cycle_s;
        job->next_failure_gpu_s -= go_s * job->gpus;
        job->run_gpu_s += go_s * job->gpus;
        busy_s += go_s;
        now_s += go_s;
        double whole = round(job->steps);
        if (spec->rollout_sequences > 0 && go_s > 0.0 && fabs(job->steps - whole) < 1e-9) {
            end_batch(job);
            job->steps = whole;
            ask_batches(spec, job);
        }
        // checkpoints lie at whole intervals of its steps
        if (spec->checkpoint_s > 0.0) {
            double last = floor(job->steps / between + 1e-9) * between;
            if (spec->checkpoint_bytes > 0.0) {
                if (last > fmax(job->saved_steps, job->asked_steps) && job->saving == TW_STORE_NONE) {
                    job->asked_steps = last;
                    job->saving = TW_STORE_ASKED;
                }
            } else if (last > job->saved_steps) {
                job->saved_steps = last;
            }
        }
        if (go_s == done_s || job->steps >= job->total_steps) {
            job->steps = job->total_steps;
            job->phase = TW_JOB_DONE;
            job->saving = TW_STORE_NONE;
            job->ended_s = now_s;
            take(jobs, room, held_at(jobs, block, i), -1);
            memset(held_at(jobs, block, i), 0, (size_t)jobs->rack_count * sizeof(int32_t));
            job->gpus = 0;
        } else if (go_s == fail_s) {
            // a synchronous job dies with any of its ranks: back to the checkpoint, on the same GPUs
            job->failures++;
            job->failed_s = now_s;
            job->lost_steps += job->steps - job->saved_steps;
            job->steps = job->saved_steps;
            job->next_failure_gpu_s = draw_failure(p, i, job->failures);
            job->phase = TW_JOB_LOADING;
            job->left_s = spec->restart_s;
            job->saving = TW_STORE_NONE;
            job->asked_steps = job->saved_steps;
            job->restoring = spec->checkpoint_bytes > 0.0 && job->saved_steps > 0.0 ? TW_STORE_ASKED : TW_STORE_NONE;
        }
    }
    return busy_s / (until_s - from_s);
}

static void submit(const TwJobs *jobs, void *block, const TwJobsIn *in, double now_s)
{
    for (int i = 0; i < jobs->job_count; i++) {
        TwJob *job = job_at(jobs, block, i);
        const TwJobSpec *spec = &jobs->inner->jobs[i];
        if (job->phase != TW_JOB_LATER || spec->submit_s > now_s) continue;
        job->phase = TW_JOB_QUEUED;
        job->queued_s = now_s;
        if (spec->feed_pool >= 0 && in->pool_tokens) {
            // the flywheel: trained on what was logged and kept, no more and no less
            job->logged_tokens = in->pool_tokens[spec->feed_pool] * spec->logged_fraction;
            job->total_steps = job->logged_tokens * spec->kept_fraction / spec->tokens_per_step;
        }
    }
}

void tw_jobs_advance(const TwJobs *jobs, void *block, const TwJobsIn *in, double from_s, double until_s, TwJobsOut *out)
{
    const Plant *p = jobs->inner;
    int32_t *room = tw_at(block, p->room);
    for (int r = 0; r < jobs->rack_count; r++) {
        room[r] = in->free_gpus[r];
        out->gpu_w[r] = out->demand_w[r] = 0.0;
        out->held_gpus[r] = 0;
    }
    for (int i = 0; i < jobs->job_count; i++) take(jobs, room, held_at(jobs, block, i), 1);

    // racks that failed or are wanted back: those there leave, the lowest first; what is wanted back was announced
    for (int k = jobs->job_count - 1; k >= 0; k--) {
        int i = p->order[k];
        const int32_t *held = held_at(jobs, block, i);
        bool over = false, dead = false;
        for (int r = 0; r < jobs->rack_count; r++) {
            over |= held[r] > 0 && room[r] < 0;
            dead |= held[r] > 0 && in->powered && !in->powered[r];
        }
        if (over) stop_job(jobs, block, i, room, p->jobs[i].preemptible && !dead, from_s);
    }
    submit(jobs, block, in, from_s);
    schedule(jobs, block, room, from_s);
    grow_jobs(jobs, block, room);

    int32_t *was = (int32_t *)tw_at(block, p->was);
    for (int i = 0; i < jobs->job_count; i++) {
        TwJob *job = job_at(jobs, block, i);
        if (job->gpus == 0) continue;
        // who held what in the window, also where the job ends in it
        const TwJobSpec *spec = &p->jobs[i];
        const int32_t *held = held_at(jobs, block, i);
        memcpy(was, held, (size_t)jobs->rack_count * sizeof *was);
        job->pace_s = full_step_s(jobs, block, i);
        double step_s = slowest_step(jobs, block, i, in), slow = in->slow ? in->slow[i] : 1.0, gpus = job->gpus;
        double lowest = 1.0;
        for (int r = 0; r < jobs->rack_count; r++)
            if (was[r] > 0) lowest = fmin(lowest, clock_at(in, r));
        double busy = run_job(jobs, block, i, in, room, from_s, until_s);
        for (int r = 0; r < jobs->rack_count; r++) {
            if (was[r] == 0) continue;
            // power above idle falls with the clock: all wait for the slowest rank, quicker GPUs at rest
            double clock = lowest;
            if (spec->pace && step_s > 0.0) {
                clock = clock_at(in, r);
                clock *= step_at(p, i, r, gpus, clock, slow) / step_s;
            }
            double above_w = spec->busy_fraction * (p->limit_w[r] - p->idle_w[r]) * p->mean_of_plateau[i];
            double power_w = was[r] * (p->idle_w[r] + above_w * clock * busy);
            out->held_gpus[r] += was[r];
            out->demand_w[r] += was[r] * (p->idle_w[r] + above_w);
            out->gpu_w[r] += power_w;
            job->energy_j += power_w * (until_s - from_s);
        }
    }
}

void tw_jobs_totals(const TwJobs *jobs, const void *block, TwJobsTotals *t)
{
    *t = (TwJobsTotals){0};
    for (int i = 0; i < jobs->job_count; i++) {
        const TwJob *job = tw_jobs_job(jobs, block, i);
        const TwJobSpec *spec = &jobs->inner->jobs[i];
        t->done += job->phase == TW_JOB_DONE;
        t->running += job->gpus > 0;
        t->queued += job->phase == TW_JOB_QUEUED;
        t->failures += job->failures;
        t->preemptions += job->preemptions;
        t->growths += job->growths;
        t->gpu_s += job->run_gpu_s;
        t->useful_gpu_s += job->steps * job->pace_s * spec->gpus;
        t->lost_gpu_s += job->lost_steps * job->pace_s * spec->gpus;
        t->tokens += trained_tokens(spec, job);
        t->energy_j += job->energy_j;
    }
}

// mixes

bool tw_job_mix_load(TwJobMix *mix, const char *name, TwError *error)
{
    char path[4096];
    TwCsv *csv;
    if (!tw_data_find("facilities/parts/traffic/job_mix.csv", path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the job mixes, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;
    const char *known[16];
    int row = -1, count = 0;
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        if (count < TW_COUNT(known)) known[count++] = tw_csv_text(csv, r, 0);
        if (strcmp(tw_csv_text(csv, r, 0), name) == 0) row = r;
    }
    if (row >= 0) {
        double max_log2 = 0.0;
        const struct {
            const char *column;
            double *into;
        } values[] = {{"gpus_p1", &mix->p1},
                      {"gpus_gamma", &mix->gamma},
                      {"gpus_max_log2", &max_log2},
                      {"run_lnmu_s", &mix->run_mu},
                      {"run_slope_log2gpus", &mix->run_slope},
                      {"run_lnsd", &mix->run_sd},
                      {"run_cap_s", &mix->run_cap_s},
                      {"cancel_c", &mix->cancel_c},
                      {"cancel_d", &mix->cancel_d},
                      {"p_fail_of_rest", &mix->fail},
                      {"arrivals_per_s", &mix->arrivals_per_s},
                      {"arrivals_cv", &mix->arrivals_cv}};
        for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
            int c = tw_csv_column(csv, values[i].column);
            *values[i].into = c >= 0 ? strtod(tw_csv_text(csv, row, c), NULL) : 0.0;
        }
        mix->max_log2 = (int)max_log2;
    } else {
        const char *near = tw_nearest(name, known, count);
        tw_fail(error, TW_BAD_INPUT, "no job mix \"%s\", did you mean \"%s\"?", name, near ? near : known[0]);
    }
    tw_csv_destroy(csv);
    return row >= 0;
}

double tw_job_mix_interval_s(const TwJobMix *mix, TwStream stream, uint64_t index, double rate_s)
{
    double cv = mix->arrivals_cv;
    if (cv == 0.0 || cv == 1.0) return -log(tw_random(stream, index, 2, TW_PURPOSE_JOB)) / rate_s;
    double k = 1.0 / (cv * cv);
    return tw_gamma_variate(stream, index, 3, TW_PURPOSE_JOB, k) / (k * rate_s);
}

TwMixJob tw_job_mix_draw(const TwJobMix *mix, TwStream stream, uint64_t index)
{
    uint32_t words[4], more[4];
    tw_random4(stream, index, 0, TW_PURPOSE_JOB, words);
    tw_random4(stream, index, 1, TW_PURPOSE_JOB, more);
    int k = 0;
    if (tw_uniform(words[0]) >= mix->p1) {
        // 2^k with weight 2^(-gamma k), k from 1
        double sum = 0.0, u = tw_uniform(words[1]), below = 0.0;
        for (int j = 1; j <= mix->max_log2; j++) sum += exp2(-mix->gamma * j);
        for (k = 1; k < mix->max_log2; k++) {
            below += exp2(-mix->gamma * k) / sum;
            if (u < below) break;
        }
    }
    TwMixJob job = {.gpus = 1 << k};
    double z = tw_normal_quantile(tw_uniform(words[2]));
    job.drawn_s = fmin(mix->run_cap_s, exp(mix->run_mu + mix->run_slope * k + mix->run_sd * z));
    double gpu_h = job.gpus * job.drawn_s / 3600.0;
    job.cancelled = tw_uniform(words[3]) < fmin(1.0, mix->cancel_c * pow(gpu_h, mix->cancel_d));
    job.failed = !job.cancelled && tw_uniform(more[0]) < mix->fail;
    // what was seen of a failed job is a uniform part of what it would have run
    job.run_s = job.drawn_s;
    if (job.failed) job.drawn_s = job.run_s / tw_uniform(more[1]);
    return job;
}

// hand-over

double tw_capacity_fraction(const double *load, int count, double step_s, double time_s, double lead_s, double capacity,
                            double keep_fraction)
{
    // the most that comes until nodes handed out now could be back
    double most = 0.0;
    int first = (int)floor(time_s / step_s), last = (int)floor((time_s + lead_s) / step_s);
    for (int i = first; i <= last; i++) most = fmax(most, load[((i % count) + count) % count]);
    return fmin(1.0, fmax(keep_fraction, most / capacity));
}
