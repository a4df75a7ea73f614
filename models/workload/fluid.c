// Replicas as a flow: what stands in fluid.h, window by window, in the counters that exact replicas keep.
#include "models/workload/fluid.h"
#include "models/workload/workload_inner.h"

#include <math.h>
#include <string.h>

// A cell in its window.
typedef struct Work {
    const Plant *plant;
    const Pool *pool;
    const Cell *cell;
    void *block;
    TwReplica *replica;    // those of the cell
    TwFlow *flow;
    const uint8_t *closed;        // or NULL
    const TwReplicaLink *link;    // or NULL
    double now_s;                 // end of the step
} Work;

static bool takes(const Work *w, int k) { return !w->replica[k].off && !(w->closed && w->closed[k]); }

static double in_system(const TwFlow *f) { return f->backlog + f->phase[0] + f->phase[1]; }

// ---- whole numbers
// -----------------------------------------------------------------------------------------------------

static int64_t at_most(double value, int64_t most)
{
    int64_t whole = (int64_t)value;
    return whole < most ? whole : most;
}

// Counters of a replica from its flow, so that every balance holds in whole numbers.
static void count(TwReplica *r, const TwFlow *f)
{
    TwEngineCounts *n = &r->counts;
    int64_t left = n->arrived = (int64_t)f->arrived;
    left -= n->moved;
    left -= n->rejected = at_most(f->rejected, left);
    left -= n->cancelled = at_most(f->cancelled, left);
    left -= n->lost = at_most(f->lost, left);
    left -= n->completed = at_most(f->completed, left);
    r->wait_count = (int32_t)at_most(f->backlog + f->value[TW_FLUID_WAITING] + 0.5, left);
    r->running = (int32_t)(left - r->wait_count);

    left = (n->input_arrived = (int64_t)f->input.arrived) - n->moved_input;
    left -= n->input_dropped = at_most(f->input.dropped, left);
    left -= n->input_done = at_most(f->input.done, left);
    n->input_pending = left;
    left = (n->output_arrived = (int64_t)f->output.arrived) - n->moved_output;
    left -= n->output_dropped = at_most(f->output.dropped, left);
    left -= n->output_done = at_most(f->output.done, left);
    n->output_pending = left;

    n->iterations = (int64_t)f->sum[TW_FLUID_ITERATIONS];
    n->changes = (int64_t)f->sum[TW_FLUID_CHANGES];
    n->hit_tokens = (int64_t)f->sum[TW_FLUID_HIT_TOKENS];
    n->looked_up_tokens = (int64_t)f->sum[TW_FLUID_LOOKED_UP];
    n->recomputed = (int64_t)f->sum[TW_FLUID_RECOMPUTED];
    n->preemptions = (int64_t)f->sum[TW_FLUID_PREEMPTIONS];
    r->step = (int64_t)f->sum[TW_FLUID_STEPS];
    r->iteration = (int64_t)f->sum[TW_FLUID_STEP_TOKENS];
    n->crossed = (int64_t)f->sum[TW_FLUID_CROSSED];
    r->kv.blocks = r->kv.free = 1 << 20;
    r->kv.free -= (int64_t)(fmin(fmax(f->value[TW_FLUID_KV], 0.0), 1.0) * (1 << 20));
}

// ---- one replica
// -------------------------------------------------------------------------------------------------------

// Takes so many requests out of the backlog with their tokens, those that came first or last; adds what they waited.
static double leave_backlog(TwFlow *f, double requests, bool first, double now_s, double *input, double *output)
{
    double share = f->backlog > 0.0 ? fmin(requests / f->backlog, 1.0) : 0.0, n = f->backlog * share;
    *input = f->backlog_input * share;
    *output = f->backlog_output * share;
    f->backlog_input -= *input;
    f->backlog_output -= *output;
    // they came evenly from 2 half ago on
    double half = f->backlog > 0.0 ? fmax(now_s - f->came_s / f->backlog, 0.0) : 0.0;
    double waited = n * half * (first ? 2.0 - share : share);
    f->came_s = share < 1.0 ? f->came_s - (n * now_s - waited) : 0.0;
    f->backlog = share < 1.0 ? f->backlog - requests : 0.0;
    return waited;
}

// Those beyond `most` in the backlog go.
static void turn_away(TwFlow *f, double most, bool first, double now_s, double *counted)
{
    if (f->backlog <= most) return;
    double input, output, many = f->backlog - most;
    (void)leave_backlog(f, many, first, now_s, &input, &output);
    *counted += many;
    f->input.dropped += input;
    f->output.dropped += output;
}

static double total(const double phase[2]) { return phase[0] + phase[1]; }

// One phase over a step of `x` mean stays in it: what is there now and what comes evenly. Returns who leaves.
static double pass(double *there, double comes, double x)
{
    double kept = exp(-x), before = *there;
    *there = before * kept + comes * (x > 1e-9 ? (1.0 - kept) / x : 1.0);
    return fmax(before + comes - *there, 0.0);
}

// Both phases over a step in which each makes so many tokens. Returns the requests that end.
static double pass_both(const TwFluidTable *t, double phase[2], double taken, double tokens)
{
    double first = pass(&phase[0], taken * t->enters, tokens / t->phase[0]);
    double second = pass(&phase[1], t->series ? first : taken * (1.0 - t->enters), tokens / t->phase[1]);
    return t->series ? second : first + second;
}

static void step(const Pool *pool, TwReplica *r, TwFlow *f, const TwFluidRow *row, double seconds, double now_s)
{
    const TwFluidTable *t = pool->fluid;
    const double *full = row->at[TW_FLUID_POINTS - 1];
    double value[TW_FLUID_VALUES], ends_s = full[TW_FLUID_ENDS], n = total(f->phase), one = fmax(n, 1e-6);
    (void)tw_fluid_point(row, one, value);
    double tokens = seconds * value[TW_FLUID_ENDS] * t->output_mean / one;    // that each in work makes

    // taken in as long as there is room
    double after[2] = {f->phase[0], f->phase[1]}, input, output;
    (void)pass_both(t, after, 0.0, tokens);
    double taken = fmin(f->backlog, fmax(full[TW_FLUID_IN_FLIGHT] - total(after), 0.0));
    f->waited_s += leave_backlog(f, taken, true, now_s, &input, &output);
    f->system_output += output;
    double pending = f->phase[0] * (t->phase[0] + (t->series ? t->phase[1] : 0.0)) + f->phase[1] * t->phase[1];
    pending += taken * t->output_mean;
    double ended = pass_both(t, f->phase, taken, tokens);
    double made = pending > 0.0 ? f->system_output * fmin(tokens * (n + 0.5 * taken) / pending, 1.0) : 0.0;
    f->system_output -= made;
    f->wait_s = n + taken > 0.0 ? f->waited_s / (n + taken) : 0.0;
    f->waited_s -= fmin(ended, n + taken) * f->wait_s;
    f->completed += ended;
    f->input.done += input;
    f->output.done += made;

    const TwEngineSpec *spec = &pool->engine.spec;
    turn_away(f, spec->queue_max, false, now_s, &f->rejected);
    if (spec->wait_max_s > 0.0) turn_away(f, spec->wait_max_s * ends_s, false, now_s, &f->rejected);
    // they came evenly since twice their mean age
    double age_s = f->backlog > 0.0 ? 2.0 * (now_s - f->came_s / f->backlog) : 0.0;
    double stay_s = fmax(spec->patience_s - full[TW_FLUID_TTFT_S], 0.0);
    if (spec->patience_s > 0.0 && age_s > stay_s) turn_away(f, f->backlog * stay_s / age_s, true, now_s, &f->cancelled);

    f->place = tw_fluid_point(row, total(f->phase), f->value);
    for (int v = 0; v < TW_FLUID_VALUES; v++) {
        value[v] = 0.5 * (value[v] + f->value[v]) * seconds;
        f->sum[v] += value[v];
    }
    TwEngineCounts *counts = &r->counts;
    r->meter += tw_wide(value[TW_FLUID_WATTS] * 1e9, TW_UNITS_PER_NJ);
    counts->rest += tw_wide(value[TW_FLUID_REST_W] * 1e9, TW_UNITS_PER_NJ);
    counts->prompt += tw_wide(value[TW_FLUID_PROMPT_W] * 1e9, TW_UNITS_PER_NJ) << 16;
    counts->busy += tw_wide(value[TW_FLUID_BUSY] * 1e9, TW_UNITS_PER_NS);
    counts->full += tw_wide(value[TW_FLUID_FULL] * 1e9, TW_UNITS_PER_NS);
    counts->capped += tw_wide(value[TW_FLUID_CAPPED] * 1e9, TW_UNITS_PER_NS);
    counts->throttled += tw_wide(value[TW_FLUID_THROTTLED] * 1e9, TW_UNITS_PER_NS);
    counts->over_cap += tw_wide(value[TW_FLUID_OVER_CAP] * 1e9, TW_UNITS_PER_NS);
    r->peak_w = fmax(r->peak_w, f->value[TW_FLUID_DEMAND_W]);
}

// ---- the router
// --------------------------------------------------------------------------------------------------------

static void arrive(TwFlow *f, double requests, double input, double output, double now_s)
{
    f->arrived += requests;
    f->backlog += requests;
    f->came_s += requests * now_s;
    f->input.arrived += requests * input;
    f->backlog_input += requests * input;
    f->output.arrived += requests * output;
    f->backlog_output += requests * output;
}

// Requests of a step go to the replicas: evenly, or to those with the fewest until they are level.
static void deal(Work *w, double requests, double input, double output)
{
    int count = w->cell->replica_count, left[64], many = 0;
    bool even = w->pool->policy == TW_ROUND_ROBIN || w->pool->policy == TW_ROUTE_RANDOM;
    for (int k = 0; k < count; k++)
        if (takes(w, k)) left[many++] = k;
    if (many == 0) {    // as the exact router: the first of the cell counts the rejection
        TwFlow *f = &w->flow[0];
        f->arrived += requests;
        f->rejected += requests;
        f->input.arrived += requests * input, f->input.dropped += requests * input;
        f->output.arrived += requests * output, f->output.dropped += requests * output;
        return;
    }
    double level = INFINITY;
    for (bool above = !even; above;) {
        double sum = requests;
        for (int j = 0; j < many; j++) sum += in_system(&w->flow[left[j]]);
        level = sum / many;
        above = false;
        int kept = 0;
        for (int j = 0; j < many; j++) {
            bool high = in_system(&w->flow[left[j]]) >= level && many > 1;
            above |= high;
            if (!high) left[kept++] = left[j];
        }
        if (kept == 0) break;    // all level already
        many = kept;
    }
    double sum = 0.0, part[64];
    for (int j = 0; j < many; j++) sum += part[j] = even ? 1.0 : fmax(level - in_system(&w->flow[left[j]]), 0.0);
    for (int j = 0; j < many; j++)
        arrive(&w->flow[left[j]], requests * (sum > 0.0 ? part[j] / sum : 1.0 / many), input, output, w->now_s);
}

// ---- ends of a window
// --------------------------------------------------------------------------------------------------

// All of a replica that lost power goes to the others of its cell, or is lost.
static void lose(Work *w, int k)
{
    TwReplica *r = &w->replica[k];
    TwFlow *f = &w->flow[k];
    TwEngineCounts *n = &r->counts;
    int64_t requests = r->running + r->wait_count, input = n->input_pending, output = n->output_pending;
    int to = -1;
    for (int j = 0; w->pool->detect_ns >= 0 && j < w->cell->replica_count; j++)
        if (j != k && takes(w, j) && (to < 0 || in_system(&w->flow[j]) < in_system(&w->flow[to]))) to = j;
    f->phase[0] = f->phase[1] = f->backlog = f->backlog_input = f->backlog_output = f->system_output = 0.0;
    f->came_s = f->waited_s = f->wait_s = 0.0;
    f->completed = (double)n->completed;
    f->input.done = (double)n->input_done;
    f->output.done = (double)n->output_done;
    if (to < 0) {
        f->lost = (double)(n->lost + requests) + 0.5;
        f->input.dropped = (double)(n->input_dropped + input) + 0.5;
        f->output.dropped = (double)(n->output_dropped + output) + 0.5;
    } else {
        // prompts that were computed are computed again; they count as done
        n->moved += requests, n->moved_input += input, n->moved_output += output;
        TwEngineCounts *there = &w->replica[to].counts;
        there->moved -= requests, there->moved_input -= input, there->moved_output -= output;
        TwFlow *other = &w->flow[to];
        other->backlog += (double)requests;
        other->came_s += (double)requests * w->now_s;
        other->backlog_input += (double)input;
        other->backlog_output += (double)output;
        ((CellState *)tw_at(w->block, w->plant->cell_states))[w->cell - w->plant->cells].retried += requests;
        count(&w->replica[to], other);
    }
    memset(f->value, 0, sizeof f->value);
    count(r, f);
}

static void begin(Work *w, const TwWorkloadIn *in)
{
    const Plant *p = w->plant;
    const TwStepSource *source = w->pool->engine.spec.step;
    for (int pass = 0; pass < 2; pass++) {    // first who serves, then what those who do not had
        for (int k = 0; k < w->cell->replica_count; k++) {
            int i = w->cell->replica_begin + k;
            TwReplica *r = &w->replica[k];
            Limits limits = tw_replica_limits(p, in, i);
            bool off = !limits.on || (in->down && in->down[i]) || !(limits.cap_w > 0.0), was = r->off;
            if (pass == 0) {
                if (off && !was) w->flow[k].falls = true;
                r->off = off;
                r->cap_w = limits.cap_w;
                r->clock_level = tw_step_level(source, limits.clock_fraction);
                r->peak_w = 0.0;
            } else if (w->flow[k].falls) {
                w->flow[k].falls = false;
                lose(w, k);
            }
        }
    }
}

// A part of a sequence that fills the unit square evenly (Roberts 2018): frac(start + index / root).
static double even(uint32_t start, int64_t index, uint64_t step)
{
    return (double)((((uint64_t)start << 32) + (uint64_t)index * step) >> 11) * 0x1p-53;
}

// So many requests of a replica have ended: at most MOST_TOLD latencies, each of as many as it stands for.
enum { MOST_TOLD = 16 };
static void tell(Work *w, int k, int64_t ended, const double value[TW_FLUID_VALUES])
{
    const Plant *p = w->plant;
    const TwFlow *f = &w->flow[k];
    TwEngineCounts *n = &w->replica[k].counts;
    int cell = (int)(w->cell - p->cells);
    TwLatency *latency = (TwLatency *)tw_at(w->block, p->latencies) + w->cell->latency_at;
    bool several = w->pool->services > 1 || w->pool->tenants > 1;
    TwServiceCounts *classes =
        several ? (TwServiceCounts *)tw_at(w->block, p->services) + (ptrdiff_t)cell * TW_SERVICES : NULL;
    double per_step =
        value[TW_FLUID_STEPS] > 0.0 ? fmax(value[TW_FLUID_STEP_TOKENS] / value[TW_FLUID_STEPS], 1.0) : 1.0;
    uint32_t start = (uint32_t)(w->cell->replica_begin + k) * 2654435769u;
    int64_t told = ended < MOST_TOLD ? ended : MOST_TOLD, index = n->completed - ended;
    for (int64_t j = 0; j < told; j++) {
        int64_t many = ended / told + (j < ended % told);
        double u = even(start, index + j, 0xC13FA9A902A6328Fu),
               v = even(start ^ 0x5bd1e995u, index + j, 0x91E10DA5C79E7B1Du);
        const TwFluidEnd e =
            tw_fluid_end(w->pool->fluid, f->place, value[TW_FLUID_TTFT_S], value[TW_FLUID_TPOT_S], f->wait_s, u, v);
        if (e.like.output == 0) continue;    // a pool that ended none when it was measured
        double all_s = e.ttft_s + e.tpot_s * (e.like.output - 1);
        const TwServiceLimit *limit = &w->pool->engine.service[e.like.service];
        bool measured = w->now_s - all_s >= 1e-9 * (double)p->measure_from_ns;
        bool good = e.like.gaps_good &&
                    tw_service_good(limit, llround(e.ttft_s * 1e9), llround(e.tpot_s * 1e12), llround(all_s * 1e9));
        if (classes) {
            TwServiceCounts *c = &classes[e.like.service];
            c->completed += many;
            c->output_tokens += many * e.like.output;
            c->measured += measured ? many : 0;
            c->good += measured && good ? many : 0;
            c->good_tokens += measured && good ? many * e.like.output : 0;
        }
        if (!measured) continue;
        n->measured += many;
        n->good += good ? many : 0;
        TwLatency *l = &latency[e.like.service];
        tw_latency_many(l, TW_TTFT, e.ttft_s, many);
        tw_latency_many(l, TW_E2E, all_s, many);
        if (several) tw_latency_many(l, TW_NORMALISED, all_s / e.like.output, many);
        if (e.like.output == 1) {
            l->single += many;
            continue;
        }
        tw_latency_many(l, TW_TPOT, e.tpot_s, many);
        double gaps = (double)many * (e.like.output - 1) / per_step;
        for (int g = 0; g < 4; g++) tw_latency_many(l, TW_ITL, e.gap_s[g], (int64_t)(gaps * e.gap_share[g] + u));
    }
}

static void end(Work *w)
{
    const Plant *p = w->plant;
    for (int k = 0; k < w->cell->replica_count; k++) {
        int i = w->cell->replica_begin + k;
        TwReplica *r = &w->replica[k];
        TwFlow *f = &w->flow[k];
        double value[TW_FLUID_VALUES];
        memcpy(value, f->value, sizeof value);
        // the last of a flow that has no end: less than half a request is done
        if (!r->off && in_system(f) < 0.5 && w->closed && w->closed[k]) {
            f->completed += in_system(f);
            f->input.done += f->backlog_input;
            f->output.done += f->backlog_output + f->system_output;
            f->backlog = f->phase[0] = f->phase[1] = f->backlog_input = f->backlog_output = f->system_output = 0.0;
            f->came_s = f->waited_s = f->wait_s = 0.0;
            memset(f->value, 0, sizeof f->value);
        }
        int64_t before = r->counts.completed;
        count(r, f);
        if (r->counts.completed > before) tell(w, k, r->counts.completed - before, value);
        r->busy = !r->off;
        int64_t energy = (int64_t)(r->meter >> BOOK_SHIFT);
        tw_f64(w->block, p->joules)[i] = (double)(energy - r->booked_energy) * BOOK_J;
        tw_f64(w->block, p->tokens)[i] = (double)(r->counts.output_done - r->booked_tokens);
        r->booked_energy = energy;
        r->booked_tokens = r->counts.output_done;
    }
}

// What comes to all cells of a pool in a window.
void tw_fluid_arrivals(const Plant *p, void *block, int pool, int64_t from_ns, int64_t until_ns)
{
    const TwTraffic *traffic = p->pools[pool].traffic;
    const TwFluidTable *t = p->pools[pool].fluid;
    TwFlowIn *to = (TwFlowIn *)tw_at(block, p->flows_in) + pool, sum = {0};
    memcpy(sum.of_class, to->of_class, sizeof sum.of_class);
    for (int i = 0; i < tw_traffic_parts(traffic); i++) {
        const TwTraffic *part = tw_traffic_part(traffic, i);
        double requests = tw_traffic_expected(part, block, from_ns, until_ns);
        sum.of_class[tw_traffic_service(part)] += requests;
        sum.requests += requests, sum.input += requests * t->input[i], sum.output += requests * t->output[i];
    }
    if (sum.requests > 0.0) sum.input /= sum.requests, sum.output /= sum.requests;
    *to = sum;
    if (p->pools[pool].services < 2) return;
    // dealt to the cells in whole numbers
    int first = p->pools[pool].cell_begin, cells = p->pools[pool].cell_end - first;
    for (int c = 0; c < cells; c++) {
        TwServiceCounts *counts = (TwServiceCounts *)tw_at(block, p->services) + (ptrdiff_t)(first + c) * TW_SERVICES;
        for (int s = 0; s < p->pools[pool].services; s++) counts[s].arrived = ((int64_t)sum.of_class[s] + c) / cells;
    }
}

void tw_fluid_start(const Plant *p, void *block, int replica)
{
    TwReplica *r = replica_of(p, block, replica);
    memset(r, 0, sizeof *r);
    r->kv.blocks = r->kv.free = 1 << 20;
    r->clock_level = TW_LEVELS - 1;
    ((TwFlow *)tw_at(block, p->flows))[replica] = (TwFlow){.falls = false};
}

void tw_fluid_advance(const Plant *p, void *block, int cell, const TwWorkloadIn *in, int64_t from_ns, int64_t until_ns)
{
    const Cell *c = &p->cells[cell];
    const Pool *pool = &p->pools[c->pool];
    Work w = {.plant = p,
              .pool = pool,
              .cell = c,
              .block = block,
              .replica = replica_of(p, block, c->replica_begin),
              .flow = (TwFlow *)tw_at(block, p->flows) + c->replica_begin,
              .closed = in->closed ? in->closed + c->replica_begin : NULL,
              .link = in->link ? in->link + c->replica_begin : NULL,
              .now_s = 1e-9 * (double)from_ns};
    begin(&w, in);
    double window_s = (double)(until_ns - from_ns) * 1e-9;
    int steps = (int)fmin(ceil(window_s / pool->fluid->step_s), 10000.0), cells = pool->cell_end - pool->cell_begin;
    TwFluidRow row;
    int level = -1;
    double cap_w = 0.0, slow = 0.0, h = steps > 0 ? window_s / steps : 0.0;
    const TwFlowIn *flow = (const TwFlowIn *)tw_at(block, p->flows_in) + c->pool;
    for (int s = 0; s < steps; s++) {
        w.now_s = 1e-9 * (double)from_ns + (s + 1) * h;
        deal(&w, flow->requests / cells / steps, flow->input, flow->output);
        for (int k = 0; k < c->replica_count; k++) {
            TwReplica *r = &w.replica[k];
            if (r->off) continue;
            double congestion = w.link ? w.link[k].congestion : 1.0;
            // neighbours have the same as a rule
            if (r->clock_level != level || r->cap_w != cap_w || congestion != slow)
                tw_fluid_row(pool->fluid, level = r->clock_level, cap_w = r->cap_w, slow = congestion, &row);
            step(pool, r, &w.flow[k], &row, h, w.now_s);
            if (level < TW_LEVELS - 1 || cap_w < INFINITY) {
                double free[TW_FLUID_VALUES];
                (void)tw_fluid_point(&pool->fluid->row[0], total(w.flow[k].phase), free);
                r->peak_w = fmax(r->peak_w, free[TW_FLUID_DEMAND_W]);
            }
        }
    }
    end(&w);
}
