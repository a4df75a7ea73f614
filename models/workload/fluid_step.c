// One replica of a flow over a step (fluid.h).
#include "models/workload/fluid_inner.h"
#include "sim/random.h"

#include <math.h>

enum { LAST = TW_FLUID_POINTS - 1 };

// ---- the backlog
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

// Of those who were handed over, so many of all here go.
static void leave_handed(TwFlow *f, double requests, double all)
{
    double kept = all > 0.0 ? fmax(1.0 - requests / all, 0.0) : 0.0;
    f->came_handed *= kept;
    f->first_wait_s *= kept;
    f->carry_s *= kept;
}

// Those beyond `most` in the backlog go.
static void turn_away(TwFlow *f, double most, bool first, double now_s, double *counted)
{
    if (f->backlog <= most) return;
    double input, output, many = f->backlog - most;
    leave_handed(f, many, tw_fluid_in_system(f));
    (void)leave_backlog(f, many, first, now_s, &input, &output);
    *counted += many;
    f->input.dropped += input;
    f->output.dropped += output;
}

// Returns how many were turned away.
static double keep_limits(const TwFluidStep *s, TwFlow *f)
{
    const TwEngineSpec *spec = s->spec;
    const double *full = s->row->at[LAST];
    double before = f->rejected + f->cancelled;
    turn_away(f, fmax(spec->queue_max - full[TW_FLUID_WAITING], 0.0), false, s->now_s, &f->rejected);
    if (spec->wait_max_s > 0.0) turn_away(f, spec->wait_max_s * full[TW_FLUID_ENDS], false, s->now_s, &f->rejected);
    // they came evenly since twice their mean age
    double age_s = f->backlog > 0.0 ? 2.0 * (s->now_s - f->came_s / f->backlog) : 0.0;
    double stay_s = fmax(spec->patience_s - full[TW_FLUID_TTFT_S], 0.0);
    if (spec->patience_s > 0.0 && age_s > stay_s)
        turn_away(f, f->backlog * stay_s / age_s, true, s->now_s, &f->cancelled);
    return f->rejected + f->cancelled - before;
}

// ---- chance close to saturation
// ---------------------------------------------------------------------------------------

// Between the last load measured and saturation a queue of chance stands: with x of the way gone, b = S x / (1 - x),
// as of a reflected Brownian motion with the variance of arrivals and work. From the backlog, how far.
static double way_gone(const TwFluidStep *s, double backlog)
{
    return backlog > 0.0 ? backlog / (backlog + s->scatter) : 0.0;
}

static bool is_close(const TwFluidStep *s, const TwFlow *f)
{
    return tw_fluid_in_work(f) > s->row->at[LAST - 1][TW_FLUID_IN_FLIGHT];
}

// The variance of the backlog: it grows with that of arrivals and work up to that of an exponential distribution; where
// a limit turns `many` away, that of the distance to the limit.
static void scatter(const TwFluidStep *s, TwFlow *f, double many)
{
    double grows = s->noise * s->row->at[LAST][TW_FLUID_ENDS] * s->seconds, square = f->backlog * f->backlog;
    f->variance = square > 0.0 ? (f->variance + grows) / (1.0 + grows / square) : 0.0;
    f->limited = many > 0.0;
    if (f->limited) f->variance = fmin(f->variance, 0.25 * (grows / many) * (grows / many));
}

double tw_fluid_wait(const TwFlow *f, double u)
{
    if (!(f->wait_s > 0.0) || !(f->backlog > 0.0) || !(f->variance > 0.0)) return f->wait_s;
    // below a limit: exponential down from it
    double share = sqrt(f->variance) / f->backlog;
    if (f->limited) return f->wait_s * fmax(1.0 + share * log(fmax(u, 1e-12)), 0.0);
    // gamma of that mean and variance (Wilson and Hilferty 1931)
    double ninth = share * share / 9.0;
    double root = 1.0 - ninth + tw_normal_quantile(fmin(fmax(u, 1e-9), 1.0 - 1e-9)) * sqrt(ninth);
    return f->wait_s * fmax(root * root * root, 0.0);
}

// ---- work
// --------------------------------------------------------------------------------------------------------------

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

// What the step drew and did, from where it began to where it is now.
static void account(const TwFluidStep *s, TwReplica *r, TwFlow *f, double value[TW_FLUID_VALUES])
{
    f->place = tw_fluid_point(s->row, tw_fluid_in_work(f), f->value);
    for (int v = 0; v < TW_FLUID_VALUES; v++) {
        value[v] = 0.5 * (value[v] + f->value[v]) * s->seconds;
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

// How many of the backlog are taken in where `after` stay in work: what is left and those in work then agree.
static double take_in(const TwFluidStep *s, const TwFlow *f, double after)
{
    const double *full = s->row->at[LAST], *last = s->row->at[LAST - 1];
    double all = after + f->backlog - last[TW_FLUID_IN_FLIGHT];
    if (all <= 0.0) return f->backlog;
    double more = full[TW_FLUID_IN_FLIGHT] - last[TW_FLUID_IN_FLIGHT], half = 0.5 * (all - s->scatter - more);
    double left = half + sqrt(half * half + all * s->scatter);
    return fmin(fmax(f->backlog - left, 0.0), f->backlog);
}

void tw_fluid_step(const TwFluidStep *s, TwReplica *r, TwFlow *f)
{
    const TwFluidTable *t = s->table;
    double value[TW_FLUID_VALUES], n = tw_fluid_in_work(f), one = fmax(n, 1e-6);
    (void)tw_fluid_point(s->row, one, value);
    double tokens = s->seconds * value[TW_FLUID_ENDS] * t->output_mean / one;    // that each in work makes

    // taken in as long as there is room
    double after[2] = {f->phase[0], f->phase[1]}, input, output;
    (void)pass_both(t, after, 0.0, tokens);
    double taken = take_in(s, f, after[0] + after[1]);
    f->waited_s += leave_backlog(f, taken, true, s->now_s, &input, &output);
    f->system_output += output;
    double pending = f->phase[0] * (t->phase[0] + (t->series ? t->phase[1] : 0.0)) + f->phase[1] * t->phase[1];
    pending += taken * t->output_mean;
    double ended = pass_both(t, f->phase, taken, tokens);
    double made = pending > 0.0 ? f->system_output * fmin(tokens * (n + 0.5 * taken) / pending, 1.0) : 0.0;
    f->system_output -= made;
    f->wait_s = n + taken > 0.0 ? f->waited_s / (n + taken) : 0.0;
    f->waited_s -= fmin(ended, n + taken) * f->wait_s;
    f->completed += ended;
    f->close += is_close(s, f) ? ended : 0.0;
    f->input.done += input;
    f->output.done += made;
    leave_handed(f, ended, tw_fluid_in_system(f) + ended);
    scatter(s, f, keep_limits(s, f));
    account(s, r, f, value);
}

// ---- prompts computed apart
// ------------------------------------------------------------------------------------------

// Requests in work of so many here; what they end a second.
static double prompts_in_work(const TwFluidStep *s, const TwFlow *f, double here, double *ends)
{
    const double *full = s->row->at[LAST], *last = s->row->at[LAST - 1];
    double measured = last[TW_FLUID_IN_FLIGHT], work = here, value[TW_FLUID_VALUES];
    if (here > measured) {
        // here = measured + more x + S x / (1 - x)
        double more = full[TW_FLUID_IN_FLIGHT] - measured, all = here - measured,
               half = 0.5 * (all - s->scatter - more);
        double left = half + sqrt(half * half + all * s->scatter);
        work = measured + more * way_gone(s, left);
    }
    // KV that has not left takes room
    double room = fmax(s->room - f->moving, 0.0);
    if (work > room) work = room;
    (void)tw_fluid_point(s->row, work, value);
    *ends = value[TW_FLUID_ENDS];
    return work;
}

void tw_fluid_step_prompts(const TwFluidStep *s, TwReplica *r, TwFlow *f)
{
    double value[TW_FLUID_VALUES], n = f->phase[0], before = tw_fluid_in_system(f), ends, input, output;
    (void)tw_fluid_point(s->row, n, value);
    // those here at the end: here + ends(here) seconds = before
    double low = 0.0, high = before;
    for (int k = 0; k < 40; k++) {
        double here = 0.5 * (low + high);
        (void)prompts_in_work(s, f, here, &ends);
        if (here + ends * s->seconds > before)
            high = here;
        else
            low = here;
    }
    double here = 0.5 * (low + high), ended = before - here, work = prompts_in_work(s, f, here, &ends);
    double taken = fmin(fmax(work - n + ended, 0.0), f->backlog);
    f->waited_s += leave_backlog(f, taken, true, s->now_s, &input, &output);
    ended = fmin(ended, n + taken);
    double first = s->first_tokens ? fmin(taken, output) : 0.0, share = n + taken > 0.0 ? ended / (n + taken) : 0.0;
    f->system_output += first;
    f->system_handed += output - first;
    f->phase[0] = n + taken - ended;
    f->wait_s = n + taken > 0.0 ? f->waited_s / (n + taken) : 0.0;
    f->waited_s -= ended * f->wait_s;
    f->input.done += input;
    f->output.done += share * f->system_output;
    f->moving += ended;
    f->moving_wait_s += ended * f->wait_s;
    f->moving_output += share * f->system_handed;
    f->handed += ended;
    f->close += is_close(s, f) ? ended : 0.0;
    f->handed_output += share * f->system_handed;
    f->system_output -= share * f->system_output;
    f->system_handed -= share * f->system_handed;
    scatter(s, f, keep_limits(s, f));
    account(s, r, f, value);
}
