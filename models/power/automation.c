// What acts by itself: transfers, generators, protection, modules, bypass, walk-in and ramps.
#include "models/power/inner.h"

#include <math.h>

static const double due_s = 1e-12;    // a timer this short is over

static double rated_in_w(const TwPowerPlant *p, int e)
{
    return p->rated_w[e] + tw_loss_w(p->rated_w[e], p->a[e], p->b[e], p->c[e], p->rated_w[e]);
}

void tw_power_note(const TwPowerPlant *p, void *block, TwPowerWhat what, int e, double value)
{
    TwPowerLog *log = tw_at(block, p->events);
    const TwTopology *topology = tw_at(block, p->topology);
    log->events[log->count % TW_POWER_LOG] = (TwPowerEvent){topology->clock_ns, (int32_t)what, p->spec[e], value};
    log->count++;
}

int tw_power_events(const TwPower *power, const void *block, int64_t *from, TwPowerEvent *events, int most)
{
    const TwPowerLog *log = tw_at_const(block, power->inner->events);
    if (*from < log->count - TW_POWER_LOG) *from = log->count - TW_POWER_LOG;
    int n = 0;
    for (; *from < log->count && n < most; ++*from) events[n++] = log->events[*from % TW_POWER_LOG];
    return n;
}

// --- limits that move -----------------------------------------------------------------------------------------------

static double accepted(const TwPowerPlant *p, int g, double running_s)
{
    if (p->block_s[g] <= 0.0) return 1.0;
    double step = floor(running_s / p->block_s[g] + 1e-9);
    int k = step < p->block_count[g] - 1 ? (int)step : p->block_count[g] - 1;
    return p->accept[TW_CURVE_POINTS * g + k];
}

// Towards its aim at the ramp, over span_s.
static double ramp_step(const TwPowerPlant *p, int e, double grid_w, double aim_w, double span_s)
{
    double most = p->grid_ramp[e] * span_s, gap = aim_w - grid_w;
    return fabs(gap) <= most ? gap : copysign(most, gap);
}

void tw_power_caps(const TwPowerPlant *p, void *block, double span_s)
{
    double *cap_w = tw_f64(block, p->cap_w), *walk = tw_f64(block, p->walk), *limit_w = tw_f64(block, p->limit_w);
    const double *grid_w = tw_f64(block, p->grid_w), *aim_w = tw_f64(block, p->aim_w);
    const double *target_w = tw_f64(block, p->target_w), *running_s = tw_f64(block, p->running_s);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        cap_w[e] = p->shave_w[e];
        if (walk[e] < 1.0) {
            double mid = fmin(walk[e] + 0.5 * span_s / p->walk_in_s[e], 1.0);
            cap_w[e] = fmin(cap_w[e], mid * rated_in_w(p, e));
        }
        if (isfinite(p->grid_ramp[e]) && isfinite(grid_w[e]))
            cap_w[e] = grid_w[e] + 0.5 * ramp_step(p, e, grid_w[e], aim_w[e], span_s);
    }
    if (!p->mixed) return;
    for (int k = 0; k < p->generator_count; k++) {
        int g = p->generators[k];
        limit_w[g] = fmin(target_w[g], accepted(p, g, running_s[g]) * p->rated_w[g]);
    }
    const unsigned char *mode = tw_u8(block, p->mode);
    const int32_t *source = tw_at(block, p->source);
    const double *available_w = tw_f64(block, p->available_w);
    for (int k = 0; k < p->local_count; k++) {
        int host = p->parent[p->local[k]];
        bool island = mode[host] == TW_SUPPLIED && source[host] < 0 && !p->feed[host];
        limit_w[host] = island ? fmin(target_w[host], available_w[host]) : target_w[host];
    }
}

// Where ramped supplies want to go, and where they stand when nothing can hold them back.
void tw_power_ramp_start(const TwPowerPlant *p, void *block)
{
    double *grid_w = tw_f64(block, p->grid_w), *aim_w = tw_f64(block, p->aim_w), *cap_w = tw_f64(block, p->cap_w);
    const double *in_w = tw_f64(block, p->in_w), *energy_j = tw_f64(block, p->energy_j);
    const unsigned char *mode = tw_u8(block, p->mode);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (!isfinite(p->grid_ramp[e])) continue;
        if (mode[e] != TW_SUPPLIED) {
            grid_w[e] = aim_w[e] = 0.0;
            continue;
        }
        bool full = energy_j[e] >= p->full_j[e], empty = energy_j[e] <= p->least_j[e];
        // back to the charge it is held at, in proportion within a tenth of the cells
        double astray = 10.0 * (p->hold_j[e] - energy_j[e]) / p->full_j[e];
        double wish_w = in_w[e] + p->charge_w[e] * fmin(fmax(astray, -1.0), 1.0);
        aim_w[e] = fmin(fmax(wish_w, 0.0), fmax(p->shave_w[e], empty ? in_w[e] : 0.0));
        if (!isfinite(grid_w[e])) grid_w[e] = fmin(in_w[e], p->shave_w[e]);
        // cells that are full take nothing, empty ones give nothing: the supply follows the load
        if ((full && grid_w[e] > in_w[e]) || (empty && grid_w[e] < in_w[e])) grid_w[e] = in_w[e];
        if (in_w[e] - grid_w[e] > p->discharge_w[e]) grid_w[e] = in_w[e] - p->discharge_w[e];
        cap_w[e] = grid_w[e];
    }
}

bool tw_power_moving(const TwPowerPlant *p, const void *block)
{
    const double *walk = tw_f64_const(block, p->walk), *grid_w = tw_f64_const(block, p->grid_w);
    const double *aim_w = tw_f64_const(block, p->aim_w);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (walk[e] < 1.0 || (isfinite(p->grid_ramp[e]) && grid_w[e] != aim_w[e])) return true;
    }
    return false;
}

// --- modules of a ups -----------------------------------------------------------------------------------------------

// The number of modules with the least loss that carries the load with the spare ones.
static int best_modules(const TwPowerPlant *p, int e, double out_w, int live)
{
    double need = ceil(out_w / p->module_w[e] - 1e-12) + p->module_spare[e];
    int least = need < 1.0 ? 1 : need < live ? (int)need : live, best = least;
    double loss = INFINITY;
    for (int n = least; n <= live; n++) {
        double now = tw_loss_w(n * p->module_w[e], p->a[e], p->b[e], p->c[e], out_w);
        if (now >= loss) continue;
        loss = now;
        best = n;
    }
    return best;
}

bool tw_power_laws(const TwPowerPlant *p, void *block)
{
    const double *out_w = tw_f64(block, p->out_w);
    double *law_w = tw_f64(block, p->law_w), *hold_s = tw_f64(block, p->hold_left_s);
    const unsigned char *mode = tw_u8(block, p->mode), *phase = tw_u8(block, p->phase);
    int32_t *on = tw_at(block, p->on_modules), *live = tw_at(block, p->live_modules);
    bool changed = false;
    for (int k = 0; k < p->modular_count; k++) {
        int e = p->modular[k];
        if (mode[e] == TW_DEAD || live[e] == 0 || phase[e] == TW_BYPASSED) continue;
        int want = best_modules(p, e, out_w[e], live[e]);
        if (want > on[e] || on[e] > live[e] || (want < on[e] && hold_s[e] <= due_s)) {
            on[e] = want;
            hold_s[e] = p->hold_s[e];
            tw_power_note(p, block, TW_POWER_MODULES, e, want);
        }
        double law = p->eco[e] && mode[e] == TW_SUPPLIED ? -1.0 : on[e] * p->module_w[e];
        changed |= law_w[e] != law;
        law_w[e] = law;
    }
    return changed;
}

// --- transfers and generators ---------------------------------------------------------------------------------------

static int first_root(const TwPowerPlant *p, int e)
{
    while (p->parent[e] >= 0) e = p->parent[e];
    return e;
}

static bool at_other(const unsigned char *place, const unsigned char *phase, int s)
{
    return place[s] == TW_AT_SECOND || (place[s] == TW_BETWEEN && phase[s] == TW_AT_SECOND);
}

// Whether a switch leans on this generator or would, if it ran.
static bool called(const TwPowerPlant *p, void *block, int g)
{
    const unsigned char *mode = tw_u8(block, p->mode), *service = tw_u8(block, p->service);
    const unsigned char *place = tw_u8(block, p->place), *phase = tw_u8(block, p->phase);
    for (int k = 0; k < p->switch_count; k++) {
        int s = p->switches[k];
        if (!service[s] || first_root(p, p->second[s]) != g) continue;
        if (mode[p->parent[s]] == TW_DEAD || at_other(place, phase, s)) return true;
    }
    return false;
}

static bool act_generators(const TwPowerPlant *p, void *block)
{
    unsigned char *phase = tw_u8(block, p->phase), *service = tw_u8(block, p->service);
    double *timer_s = tw_f64(block, p->timer_s), *running_s = tw_f64(block, p->running_s);
    double *fuel_j = tw_f64(block, p->fuel_j);
    bool changed = false;
    for (int k = 0; k < p->generator_count; k++) {
        int g = p->generators[k];
        if (!service[g]) continue;
        bool wanted = called(p, block, g);
        unsigned char before = phase[g];
        if (fuel_j[g] >= p->tank_j[g] * (1.0 - 1e-12)) {
            if (before != TW_OFF) tw_power_note(p, block, TW_POWER_STOPPED, g, 1.0);
            phase[g] = TW_OFF;
            timer_s[g] = INFINITY;
        } else if (before == TW_OFF && wanted) {
            phase[g] = TW_STARTING;
            timer_s[g] = p->start_s[g];
            tw_power_note(p, block, TW_POWER_CALLED, g, p->start_s[g]);
        } else if (before == TW_RUNNING && !wanted) {
            phase[g] = TW_COOLING;
            timer_s[g] = p->cool_s[g];
        } else if (before == TW_COOLING && wanted) {
            phase[g] = TW_RUNNING;
            timer_s[g] = INFINITY;
        }
        if (phase[g] == TW_STARTING && timer_s[g] <= due_s) {
            phase[g] = TW_RUNNING;
            timer_s[g] = INFINITY;
            running_s[g] = 0.0;
            tw_power_note(p, block, TW_POWER_READY, g, 0.0);
        } else if (phase[g] == TW_COOLING && timer_s[g] <= due_s) {
            phase[g] = TW_OFF;
            timer_s[g] = INFINITY;
            tw_power_note(p, block, TW_POWER_STOPPED, g, 0.0);
        }
        changed |= phase[g] != before;
    }
    return changed;
}

static void leave(const TwPowerPlant *p, void *block, int s, unsigned char aim, TwPowerWhat what)
{
    tw_u8(block, p->place)[s] = TW_BETWEEN;
    tw_u8(block, p->phase)[s] = aim;
    tw_f64(block, p->timer_s)[s] = p->transfer_s[s];
    tw_power_note(p, block, what, s, p->transfer_s[s]);
}

static bool act_switches(const TwPowerPlant *p, void *block)
{
    const unsigned char *mode = tw_u8(block, p->mode), *service = tw_u8(block, p->service);
    unsigned char *place = tw_u8(block, p->place), *phase = tw_u8(block, p->phase);
    double *timer_s = tw_f64(block, p->timer_s);
    bool changed = false;
    for (int k = 0; k < p->switch_count; k++) {
        int s = p->switches[k];
        if (!service[s]) {    // it drops what it waited for, and ends what it began
            if (place[s] == TW_BETWEEN) place[s] = phase[s];
            timer_s[s] = INFINITY;
            continue;
        }
        bool first = mode[p->parent[s]] != TW_DEAD, other = mode[p->second[s]] != TW_DEAD;
        unsigned char before = place[s];
        if (before == TW_AT_FIRST && !first && other) {
            if (!isfinite(timer_s[s])) timer_s[s] = p->inhibit_s[s];
            if (timer_s[s] <= due_s) leave(p, block, s, TW_AT_SECOND, TW_POWER_TRANSFER);
        } else if (before == TW_AT_FIRST) {
            timer_s[s] = INFINITY;
        } else if (before == TW_AT_SECOND && !other && first) {
            leave(p, block, s, TW_AT_FIRST, TW_POWER_TRANSFER);
        } else if (before == TW_AT_SECOND && first) {
            if (!isfinite(timer_s[s])) timer_s[s] = p->retransfer_s[s];
            if (timer_s[s] <= due_s) leave(p, block, s, TW_AT_FIRST, TW_POWER_RETURN);
        } else if (before == TW_AT_SECOND) {
            timer_s[s] = INFINITY;
        }
        if (place[s] == TW_BETWEEN && timer_s[s] <= due_s) {
            place[s] = phase[s];
            timer_s[s] = INFINITY;
            tw_power_note(p, block, TW_POWER_TRANSFERRED, s, place[s]);
        }
        changed |= place[s] != before;
    }
    return changed;
}

// --- protection -----------------------------------------------------------------------------------------------------

static bool is_ups(const TwPowerPlant *p, int e) { return p->ups[e]; }

// Load over what the curve counts from.
static double over_pickup(const TwPowerPlant *p, const void *block, int e)
{
    const double *out_w = tw_f64_const(block, p->out_w), *in_w = tw_f64_const(block, p->in_w);
    const int32_t *live = tw_at_const(block, p->live_modules);
    double pickup = p->modules[e] > 0 ? live[e] * p->module_w[e] : p->pickup_w[e];
    bool back;
    double load = is_ups(p, e) ? out_w[e] : p->closing_count > 0 ? tw_power_entering_w(p, block, e, &back) : in_w[e];
    return pickup > 0.0 ? load / pickup : load > 0.0 ? INFINITY : 0.0;
}

static bool act_protection(const TwPowerPlant *p, void *block)
{
    unsigned char *service = tw_u8(block, p->service), *phase = tw_u8(block, p->phase);
    const unsigned char *mode = tw_u8(block, p->mode);
    double *travel = tw_f64(block, p->travel), *timer_s = tw_f64(block, p->timer_s), *law_w = tw_f64(block, p->law_w);
    bool changed = false;
    for (int k = 0; k < p->curve_count; k++) {
        int e = p->curves[k];
        if (mode[e] == TW_DEAD || !service[e]) continue;
        double m = over_pickup(p, block, e);
        bool bypassed = is_ups(p, e) && phase[e] == TW_BYPASSED;
        if (bypassed) {
            // back to its modules when they can carry the load again
            if (m > 1.0)
                timer_s[e] = INFINITY;
            else if (!isfinite(timer_s[e]))
                timer_s[e] = p->retransfer_s[e];
            if (timer_s[e] > due_s) continue;
            phase[e] = TW_NORMAL;
            timer_s[e] = INFINITY;
            law_w[e] = p->eco[e] ? -1.0 : p->rated_w[e];
            changed = true;
            continue;
        }
        if (travel[e] < 1.0 - 1e-12 && m < p->curve[e].instant) continue;
        travel[e] = 0.0;
        changed = true;
        if (is_ups(p, e) && mode[e] == TW_SUPPLIED) {
            phase[e] = TW_BYPASSED;
            law_w[e] = -1.0;
            tw_power_note(p, block, TW_POWER_BYPASSED, e, m);
        } else {
            service[e] = 0;
            tw_power_note(p, block, TW_POWER_TRIPPED, e, m);
        }
    }
    return changed;
}

// Stores that were left alone or joined their supply again.
static void note_stores(const TwPowerPlant *p, void *block)
{
    unsigned char *was = tw_u8(block, p->was);
    const unsigned char *mode = tw_u8(block, p->mode);
    double *walk = tw_f64(block, p->walk);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (mode[e] == was[e]) continue;
        if (mode[e] == TW_ON_STORE) tw_power_note(p, block, TW_POWER_ON_STORE, e, 0.0);
        if (was[e] == TW_ON_STORE && mode[e] == TW_SUPPLIED) {
            tw_power_note(p, block, TW_POWER_OFF_STORE, e, 0.0);
            if (p->walk_in_s[e] > 0.0) walk[e] = 0.0;
        }
        was[e] = mode[e];
    }
}

bool tw_power_act(const TwPowerPlant *p, void *block)
{
    note_stores(p, block);
    bool changed = act_generators(p, block);
    changed |= act_switches(p, block);
    changed |= act_protection(p, block);
    if (changed) ((TwTopology *)tw_at(block, p->topology))->valid = 0;
    return changed;
}

// --- time -----------------------------------------------------------------------------------------------------------

// Until something changes who is supplied, or what a source accepts.
double tw_power_change_s(const TwPowerPlant *p, const void *block)
{
    const double *timer_s = tw_f64_const(block, p->timer_s), *running_s = tw_f64_const(block, p->running_s);
    const double *travel = tw_f64_const(block, p->travel), *in_w = tw_f64_const(block, p->in_w);
    const double *fuel_j = tw_f64_const(block, p->fuel_j);
    const unsigned char *phase = tw_at_const(block, p->phase), *mode = tw_at_const(block, p->mode);
    double first = INFINITY;
    for (int k = 0; k < p->switch_count; k++) first = fmin(first, timer_s[p->switches[k]]);
    for (int k = 0; k < p->generator_count; k++) {
        int g = p->generators[k];
        first = fmin(first, timer_s[g]);
        if (phase[g] != TW_RUNNING && phase[g] != TW_COOLING) continue;
        double last = (p->block_count[g] - 1) * p->block_s[g];
        if (p->block_s[g] > 0.0 && running_s[g] < last * (1.0 - 1e-9))
            first = fmin(first, (floor(running_s[g] / p->block_s[g] + 1e-9) + 1.0) * p->block_s[g] - running_s[g]);
        if (in_w[g] > 0.0 && isfinite(p->tank_j[g]))
            first = fmin(first, (p->tank_j[g] - fuel_j[g]) * p->fuel_share[g] / in_w[g]);
    }
    for (int k = 0; k < p->curve_count; k++) {
        int e = p->curves[k];
        if (mode[e] == TW_DEAD) continue;
        if (is_ups(p, e) && phase[e] == TW_BYPASSED)
            first = fmin(first, timer_s[e]);
        else
            first = fmin(first, tw_curve_left_s(&p->curve[e], travel[e], over_pickup(p, block, e)));
    }
    return fmax(first, 0.0);
}

double tw_power_act_s(const TwPowerPlant *p, const void *block)
{
    double first = tw_power_change_s(p, block);
    const double *walk = tw_f64_const(block, p->walk), *grid_w = tw_f64_const(block, p->grid_w);
    const double *aim_w = tw_f64_const(block, p->aim_w), *hold_s = tw_f64_const(block, p->hold_left_s);
    const double *in_w = tw_f64_const(block, p->in_w);
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (walk[e] < 1.0) {
            double need = in_w[e] / rated_in_w(p, e) - walk[e];
            if (need > 1e-9) first = fmin(first, need * p->walk_in_s[e]);
            first = fmin(first, (1.0 - walk[e]) * p->walk_in_s[e]);
        }
        if (isfinite(p->grid_ramp[e]) && isfinite(grid_w[e]) && grid_w[e] != aim_w[e]) {
            first = fmin(first, fabs(aim_w[e] - grid_w[e]) / p->grid_ramp[e]);
            // where the supply meets the load the cells turn from giving to taking
            double gap = (in_w[e] - grid_w[e]) * (aim_w[e] > grid_w[e] ? 1.0 : -1.0);
            if (gap > 1e-9 * fmax(in_w[e], 1.0)) first = fmin(first, gap / p->grid_ramp[e]);
        }
    }
    for (int k = 0; k < p->modular_count; k++) {
        double left = hold_s[p->modular[k]];
        if (left > due_s) first = fmin(first, left);
    }
    return first;
}

void tw_power_pass(const TwPowerPlant *p, void *block, double span_s)
{
    double *timer_s = tw_f64(block, p->timer_s), *running_s = tw_f64(block, p->running_s);
    double *travel = tw_f64(block, p->travel), *walk = tw_f64(block, p->walk), *grid_w = tw_f64(block, p->grid_w);
    double *hold_s = tw_f64(block, p->hold_left_s), *fuel_j = tw_f64(block, p->fuel_j);
    const double *aim_w = tw_f64(block, p->aim_w), *in_w = tw_f64(block, p->in_w);
    const unsigned char *phase = tw_u8(block, p->phase), *mode = tw_u8(block, p->mode);
    for (int k = 0; k < p->switch_count; k++) timer_s[p->switches[k]] -= span_s;
    for (int k = 0; k < p->generator_count; k++) {
        int g = p->generators[k];
        timer_s[g] -= span_s;
        if (phase[g] != TW_RUNNING && phase[g] != TW_COOLING) continue;
        double was = accepted(p, g, running_s[g]);
        running_s[g] += span_s;
        fuel_j[g] += in_w[g] * span_s / p->fuel_share[g];
        double now = accepted(p, g, running_s[g]);
        if (now != was) tw_power_note(p, block, TW_POWER_BLOCK, g, now);
    }
    for (int k = 0; k < p->curve_count; k++) {
        int e = p->curves[k];
        if (is_ups(p, e)) timer_s[e] -= span_s;
        if (mode[e] == TW_DEAD || (is_ups(p, e) && phase[e] == TW_BYPASSED))
            travel[e] = tw_curve_travel(&p->curve[e], travel[e], 0.0, span_s);
        else
            travel[e] = tw_curve_travel(&p->curve[e], travel[e], over_pickup(p, block, e), span_s);
    }
    for (int k = 0; k < p->store_count; k++) {
        int e = p->store[k];
        if (walk[e] < 1.0) {
            walk[e] += span_s / p->walk_in_s[e];
            if (walk[e] > 1.0 - 1e-12) walk[e] = 1.0;
        }
        if (isfinite(p->grid_ramp[e]) && isfinite(grid_w[e])) {
            grid_w[e] += ramp_step(p, e, grid_w[e], aim_w[e], span_s);
            if (fabs(grid_w[e] - aim_w[e]) <= 1e-12 * fmax(fabs(aim_w[e]), 1.0)) grid_w[e] = aim_w[e];
        }
    }
    for (int k = 0; k < p->modular_count; k++) {
        int e = p->modular[k];
        hold_s[e] = fmax(hold_s[e] - span_s, 0.0);
    }
    // whole nanoseconds, and what is left of one
    TwTopology *topology = tw_at(block, p->topology);
    double ns = span_s * 1e9 + topology->rest_s;
    topology->clock_ns += (int64_t)floor(ns);
    topology->rest_s = ns - floor(ns);
}
