// Solving a case: what is alive, which engine, and the flows that the voltages make.
#include "models/power/flow_inner.h"
#include "models/power/radial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEPS = 500, LIMIT_TURNS = 30 };
static const double sweep_tolerance = 1e-10, newton_tolerance = 1e-9;

typedef struct Solve {
    const TwFlowCase *flow;
    TwFlowResult *result;
    unsigned char *kind;
    int *order, *parent, *branch;    // breadth first from the sources: position -> bus, parent position, branch above
    int *place;                      // bus -> position
    int alive, slacks, held, loops;
    double *p_sched, *q_sched;
    double *series_re, *series_im;    // [branch] current in the series impedance, from -> to
    bool have_series;
} Solve;

static void *zeroed(int count, size_t size)
{
    void *memory = calloc((size_t)count + 1, size);
    if (!memory) abort();
    return memory;
}

// Breadth-first from the sources over closed branches.
static void search(Solve *s)
{
    const TwFlowCase *flow = s->flow;
    int n = flow->bus_count, m = flow->branch_count;
    int *start = zeroed(n + 1, sizeof *start), *next = zeroed(2 * m, sizeof *next), *filled = zeroed(n, sizeof *filled);
    for (int k = 0; k < m; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        if (!b->closed || s->kind[b->from] == TW_BUS_OUT || s->kind[b->to] == TW_BUS_OUT) continue;
        start[b->from + 1]++;
        start[b->to + 1]++;
    }
    for (int i = 0; i < n; i++) start[i + 1] += start[i];
    for (int k = 0; k < m; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        if (!b->closed || s->kind[b->from] == TW_BUS_OUT || s->kind[b->to] == TW_BUS_OUT) continue;
        next[start[b->from] + filled[b->from]++] = k;
        next[start[b->to] + filled[b->to]++] = k;
    }
    for (int i = 0; i < n; i++) s->place[i] = -1;
    int done = 0;
    s->slacks = s->held = 0;
    // slack buses first; an island that has none is led by its first bus that holds a voltage
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < n; i++) {
            if (s->kind[i] != (round ? TW_BUS_PV : TW_BUS_SLACK) || s->place[i] >= 0) continue;
            s->kind[i] = TW_BUS_SLACK;
            s->slacks++;
            int from = done;
            s->order[done] = i;
            s->parent[done] = s->branch[done] = -1;
            s->place[i] = done++;
            for (int at = from; at < done; at++) {
                int bus = s->order[at];
                for (int e = start[bus]; e < start[bus + 1]; e++) {
                    const TwFlowBranch *b = &flow->branches[next[e]];
                    int other = b->from == bus ? b->to : b->from;
                    if (s->place[other] >= 0) continue;
                    s->order[done] = other;
                    s->parent[done] = at;
                    s->branch[done] = next[e];
                    s->place[other] = done++;
                }
            }
        }
    s->alive = done;
    int live_branches = 0;
    for (int k = 0; k < m; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        live_branches += b->closed && s->kind[b->from] != TW_BUS_OUT && s->kind[b->to] != TW_BUS_OUT &&
                         s->place[b->from] >= 0 && s->place[b->to] >= 0;
    }
    // several sources in one island close a loop through the earth: the count of edges in the forest stays right
    s->loops = live_branches - (done - s->slacks);
    for (int i = 0; i < n; i++) s->held += s->place[i] >= 0 && s->kind[i] == TW_BUS_PV;
    for (int i = 0; i < n; i++) s->result->dead[i] = s->place[i] < 0;
    free(start);
    free(next);
    free(filled);
}

static bool radial(const Solve *s)
{
    if (s->slacks != 1 || s->held > 0 || s->loops > 0) return false;
    // generation is constant power: beside loads that are not, the sweep's one law does not hold both
    bool zip = s->flow->share_i != 0.0 || s->flow->share_z != 0.0;
    for (int i = 1; zip && i < s->alive; i++)
        if (s->p_sched[s->order[i]] != 0.0 || s->q_sched[s->order[i]] != 0.0) return false;
    return true;
}

static void sweep(Solve *s, double tolerance)
{
    const TwFlowCase *flow = s->flow;
    TwFlowResult *result = s->result;
    int n = s->alive;
    double *f[16];
    for (int k = 0; k < 16; k++) f[k] = zeroed(n, sizeof(double));
    bool *own = zeroed(n, sizeof *own), charged = false, turned = false, shunted = false;
    double *r = f[0], *x = f[1], *p = f[2], *q = f[3], *b = f[4], *g = f[5], *y = f[6], *t_re = f[7], *t_im = f[8];
    TwRadialState state = {f[9], f[10], f[11], f[12], f[13], f[14]};
    for (int i = 0; i < n; i++) {
        const TwFlowBus *bus = &flow->buses[s->order[i]];
        p[i] = bus->p - s->p_sched[s->order[i]];
        q[i] = bus->q - s->q_sched[s->order[i]];
        g[i] = bus->g;
        y[i] = bus->b;
        shunted |= bus->g != 0.0 || bus->b != 0.0;
        if (i == 0) {
            // what a source serves at its own bus does not pass any branch
            p[i] = q[i] = g[i] = y[i] = 0.0;
            state.v_re[0] = bus->v * cos(bus->angle);
            state.v_im[0] = bus->v * sin(bus->angle);
            t_re[0] = 1.0;
            continue;
        }
        const TwFlowBranch *above = &flow->branches[s->branch[i]];
        r[i] = above->r;
        x[i] = above->x;
        b[i] = above->b;
        t_re[i] = above->ratio * cos(above->shift);
        t_im[i] = above->ratio * sin(above->shift);
        own[i] = above->from == s->order[i];
        charged |= above->b != 0.0;
        turned |= above->ratio != 1.0 || above->shift != 0.0;
    }
    TwRadial tree = {.count = n,
                     .parent = s->parent,
                     .r = r,
                     .x = x,
                     .p = p,
                     .q = q,
                     .share_i = flow->share_i,
                     .share_z = flow->share_z};
    if (charged) tree.b = b;
    if (shunted) tree.g_shunt = g, tree.b_shunt = y;
    if (turned) tree.t_re = t_re, tree.t_im = t_im, tree.ratio_own = own;
    tw_radial_start(&tree, &state);
    result->iterations = tw_radial_solve(&tree, &state, tolerance, SWEEPS);
    result->converged = result->iterations > 0;
    result->method = TW_FLOW_SWEEP;
    bool full = charged || turned;
    for (int i = 0; i < n; i++) {
        int bus = s->order[i];
        result->v[bus] = hypot(state.v_re[i], state.v_im[i]);
        result->angle[bus] = atan2(state.v_im[i], state.v_re[i]);
        if (i == 0) continue;
        // the sweep's series current runs away from the source, ours from `from` to `to`
        double sign = own[i] ? -1.0 : 1.0;
        s->series_re[s->branch[i]] = sign * (full ? state.s_re[i] : state.i_re[i]);
        s->series_im[s->branch[i]] = sign * (full ? state.s_im[i] : state.i_im[i]);
    }
    s->have_series = true;
    if (!result->converged)
        snprintf(result->reason, sizeof result->reason,
                 "the sweep did not settle in %d turns: voltage collapse, or a case without a solution", SWEEPS);
    for (int k = 0; k < 16; k++) free(f[k]);
    free(own);
}

// Starts from the case, or from one voltage everywhere.
static void start_voltages(const Solve *s, bool flat)
{
    const TwFlowCase *flow = s->flow;
    for (int i = 0; i < flow->bus_count; i++) {
        bool held = s->kind[i] == TW_BUS_SLACK || s->kind[i] == TW_BUS_PV;
        s->result->v[i] = flat && !held ? 1.0 : flow->buses[i].v;
        s->result->angle[i] = flow->buses[i].angle;
        if (flat && s->kind[i] != TW_BUS_SLACK) s->result->angle[i] = flow->buses[s->order[0]].angle;
    }
}

static void limits_of(const TwFlowCase *flow, int bus, double *least, double *most)
{
    *least = *most = 0.0;
    for (int g = 0; g < flow->gen_count; g++) {
        const TwFlowGen *gen = &flow->gens[g];
        if (!gen->on || gen->bus != bus) continue;
        *least += gen->q_min;
        *most += gen->q_max;
    }
}

// Reactive power that the network asks of a bus, from the solved voltages.
static double asked_q(const Solve *s, const TwAdmittance *y, int i)
{
    const double *v = s->result->v, *angle = s->result->angle;
    double q = -v[i] * v[i] * y->b_own[i];
    for (int k = y->start[i]; k < y->start[i + 1]; k++) {
        double d = angle[i] - angle[y->column[k]];
        q += v[i] * v[y->column[k]] * (y->g[k] * sin(d) - y->b[k] * cos(d));
    }
    return q + s->flow->buses[i].q * tw_flow_zip(s->flow, v[i]);
}

// Buses at a reactive limit stop holding their voltage, and hold it again when it recrosses the set point.
static bool apply_limits(Solve *s, const TwAdmittance *y, signed char *at_limit)
{
    const TwFlowCase *flow = s->flow;
    bool changed = false;
    for (int i = 0; i < flow->bus_count; i++) {
        if (s->result->dead[i]) continue;
        double least, most, set = flow->buses[i].v;
        limits_of(flow, i, &least, &most);
        if (s->kind[i] == TW_BUS_PV) {
            double q = asked_q(s, y, i);
            if (q <= most + 1e-9 && q >= least - 1e-9) continue;
            at_limit[i] = q > most ? 1 : -1;
            s->q_sched[i] = q > most ? most : least;
            s->kind[i] = TW_BUS_PQ;
            changed = true;
        } else if (at_limit[i]) {
            double v = s->result->v[i];
            if (!(at_limit[i] > 0 ? v > set + 1e-9 : v < set - 1e-9)) continue;
            at_limit[i] = 0;
            s->kind[i] = TW_BUS_PV;
            s->result->v[i] = set;
            changed = true;
        }
    }
    return changed;
}

static void newton(Solve *s, double tolerance, bool limited)
{
    const TwFlowCase *flow = s->flow;
    TwFlowResult *result = s->result;
    TwAdmittance y;
    tw_admittance_create(&y, flow, result->dead);
    signed char *at_limit = zeroed(flow->bus_count, 1);
    TwNewton in = {.flow = flow,
                   .y = &y,
                   .dead = result->dead,
                   .kind = s->kind,
                   .p_gen = s->p_sched,
                   .q_gen = s->q_sched,
                   .v = result->v,
                   .angle = result->angle,
                   .tolerance = tolerance,
                   .reason = result->reason,
                   .reason_size = sizeof result->reason};
    int total = 0;
    for (int start = 0; start < 2 && !result->converged; start++) {
        start_voltages(s, start == 1);
        result->converged = tw_newton_solve(&in);
        total += in.iterations;
    }
    for (int turn = 0; limited && result->converged && apply_limits(s, &y, at_limit); turn++) {
        result->converged = turn < LIMIT_TURNS && tw_newton_solve(&in);
        total += in.iterations;
        if (turn == LIMIT_TURNS)
            snprintf(result->reason, sizeof result->reason, "reactive limits change places without end");
    }
    for (int g = 0; g < flow->gen_count; g++) result->q_limited[g] = flow->gens[g].on && at_limit[flow->gens[g].bus];
    for (int i = 0; !limited && result->converged && i < flow->bus_count; i++) {
        double least, most, q;
        if (result->dead[i] || s->kind[i] != TW_BUS_PV) continue;
        limits_of(flow, i, &least, &most);
        q = asked_q(s, &y, i);
        result->q_beyond += q > most + 1e-6 || q < least - 1e-6;
    }
    result->iterations = total;
    result->mismatch = in.mismatch;
    result->method = TW_FLOW_NEWTON;
    s->have_series = false;
    free(at_limit);
    tw_admittance_destroy(&y);
}

static void branch_flows(Solve *s)
{
    const TwFlowCase *flow = s->flow;
    TwFlowResult *result = s->result;
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        if (!b->closed || result->dead[b->from] || result->dead[b->to]) continue;
        double v = result->v[b->from] / b->ratio, angle = result->angle[b->from] - b->shift;
        double f_re = v * cos(angle), f_im = v * sin(angle), half = 0.5 * b->b;
        double t_re = result->v[b->to] * cos(result->angle[b->to]), t_im = result->v[b->to] * sin(result->angle[b->to]);
        double s_re, s_im;
        if (s->have_series) {
            s_re = s->series_re[k], s_im = s->series_im[k];
        } else {
            double square = b->r * b->r + b->x * b->x, d_re = f_re - t_re, d_im = f_im - t_im;
            s_re = (d_re * b->r + d_im * b->x) / square;
            s_im = (d_im * b->r - d_re * b->x) / square;
        }
        double vf = f_re * f_re + f_im * f_im, vt = t_re * t_re + t_im * t_im, current = s_re * s_re + s_im * s_im;
        result->p_from[k] = f_re * s_re + f_im * s_im;
        result->q_from[k] = f_im * s_re - f_re * s_im - half * vf;
        result->p_to[k] = -(t_re * s_re + t_im * s_im);
        result->q_to[k] = -(t_im * s_re - t_re * s_im) - half * vt;
        result->loss_p += b->r * current;
        result->loss_q += b->x * current;
        result->charging_q += half * (vf + vt);
    }
}

// Loads at the solved voltages; what sources inject is what is left to balance each bus.
static void bus_powers(Solve *s)
{
    const TwFlowCase *flow = s->flow;
    TwFlowResult *result = s->result;
    double *p = zeroed(flow->bus_count, sizeof *p), *q = zeroed(flow->bus_count, sizeof *q);
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        p[b->from] += result->p_from[k];
        q[b->from] += result->q_from[k];
        p[b->to] += result->p_to[k];
        q[b->to] += result->q_to[k];
    }
    double worst = 0.0;
    for (int i = 0; i < flow->bus_count; i++) {
        if (result->dead[i]) continue;
        const TwFlowBus *bus = &flow->buses[i];
        double v = result->v[i], zip = tw_flow_zip(flow, v);
        result->p_load[i] = bus->p * zip;
        result->q_load[i] = bus->q * zip;
        result->shunt_p += bus->g * v * v;
        result->shunt_q -= bus->b * v * v;
        double p_need = p[i] + result->p_load[i] + bus->g * v * v, q_need = q[i] + result->q_load[i] - bus->b * v * v;
        bool slack = s->kind[i] == TW_BUS_SLACK, held = slack || s->kind[i] == TW_BUS_PV;
        result->p_gen[i] = slack ? p_need : s->p_sched[i];
        result->q_gen[i] = held ? q_need : s->q_sched[i];
        if (!slack) worst = fmax(worst, fabs(p_need - s->p_sched[i]));
        if (!held) worst = fmax(worst, fabs(q_need - s->q_sched[i]));
    }
    result->mismatch = worst;
    free(p);
    free(q);
}

static void create_result(const TwFlowCase *flow, TwFlowResult *r)
{
    *r = (TwFlowResult){.lowest = -1};
    double **buses[] = {&r->v, &r->angle, &r->p_gen, &r->q_gen, &r->p_load, &r->q_load};
    for (size_t k = 0; k < TW_FLOW_LENGTH(buses); k++) *buses[k] = zeroed(flow->bus_count, sizeof(double));
    double **branches[] = {&r->p_from, &r->q_from, &r->p_to, &r->q_to};
    for (size_t k = 0; k < TW_FLOW_LENGTH(branches); k++) *branches[k] = zeroed(flow->branch_count, sizeof(double));
    r->dead = zeroed(flow->bus_count, sizeof(bool));
    r->q_limited = zeroed(flow->gen_count, sizeof(bool));
}

void tw_flow_result_destroy(TwFlowResult *r)
{
    double *all[] = {r->v, r->angle, r->p_gen, r->q_gen, r->p_load, r->q_load, r->p_from, r->q_from, r->p_to, r->q_to};
    for (size_t k = 0; k < TW_FLOW_LENGTH(all); k++) free(all[k]);
    free(r->dead);
    free(r->q_limited);
}

static Solve begin(const TwFlowCase *flow, TwFlowResult *result)
{
    int n = flow->bus_count;
    Solve s = {.flow = flow, .result = result};
    s.kind = zeroed(n, 1);
    int **ints[] = {&s.order, &s.parent, &s.branch, &s.place};
    for (size_t k = 0; k < TW_FLOW_LENGTH(ints); k++) *ints[k] = zeroed(n, sizeof(int));
    s.p_sched = zeroed(n, sizeof(double));
    s.q_sched = zeroed(n, sizeof(double));
    s.series_re = zeroed(flow->branch_count, sizeof(double));
    s.series_im = zeroed(flow->branch_count, sizeof(double));
    for (int i = 0; i < n; i++) s.kind[i] = (unsigned char)flow->buses[i].kind;
    for (int g = 0; g < flow->gen_count; g++) {
        const TwFlowGen *gen = &flow->gens[g];
        if (!gen->on) continue;
        s.p_sched[gen->bus] += gen->p;
        s.q_sched[gen->bus] += gen->q;
    }
    search(&s);
    return s;
}

static void end(Solve *s)
{
    free(s->kind);
    free(s->order);
    free(s->parent);
    free(s->branch);
    free(s->place);
    free(s->p_sched);
    free(s->q_sched);
    free(s->series_re);
    free(s->series_im);
}

bool tw_flow_is_radial(const TwFlowCase *flow)
{
    TwFlowResult result;
    create_result(flow, &result);
    Solve s = begin(flow, &result);
    bool answer = radial(&s);
    end(&s);
    tw_flow_result_destroy(&result);
    return answer;
}

static bool solve(const TwFlowCase *flow, const TwFlowOptions *options, TwFlowResult *result)
{
    create_result(flow, result);
    Solve s = begin(flow, result);
    bool tree = radial(&s);
    double tolerance = options->tolerance > 0.0 ? options->tolerance : 0.0;
    if (options->method == TW_FLOW_SWEEP && !tree)
        snprintf(
            result->reason, sizeof result->reason,
            "the sweep needs a tree with one source: here are %d sources, %d buses that hold a voltage and %d loops",
            s.slacks, s.held, s.loops);
    else if (options->method != TW_FLOW_NEWTON && tree)
        sweep(&s, tolerance > 0.0 ? tolerance : sweep_tolerance);
    if (!result->converged && options->method != TW_FLOW_SWEEP)
        newton(&s, tolerance > 0.0 ? tolerance : newton_tolerance, options->q_limits);

    for (int i = 0; i < flow->bus_count; i++)
        if (result->dead[i]) result->v[i] = result->angle[i] = 0.0;
    for (int i = 0; i < flow->bus_count; i++)
        if (!result->dead[i] && (result->lowest < 0 || result->v[i] < result->v[result->lowest])) result->lowest = i;
    if (result->converged) {
        result->reason[0] = '\0';
        branch_flows(&s);
        bus_powers(&s);
    }
    end(&s);
    return result->converged;
}

bool tw_flow_solve(const TwFlowCase *flow, const TwFlowOptions *options, TwFlowResult *result)
{
    if (!tw_flow_has_joins(flow)) return solve(flow, options, result);
    TwFlowMerged merged;
    TwFlowResult small;
    tw_flow_merge(flow, &merged);
    bool good = solve(merged.flow, options, &small);
    create_result(flow, result);
    result->method = small.method;
    result->converged = small.converged;
    result->iterations = small.iterations;
    result->mismatch = small.mismatch;
    result->q_beyond = small.q_beyond;
    snprintf(result->reason, sizeof result->reason, "%s", small.reason);
    tw_flow_unmerge(flow, &merged, &small, result);
    for (int i = 0; i < flow->bus_count; i++)
        if (!result->dead[i] && (result->lowest < 0 || result->v[i] < result->v[result->lowest])) result->lowest = i;
    tw_flow_result_destroy(&small);
    tw_flow_merged_free(&merged);
    return good;
}
