// tokenworks powerflow: bus voltages, branch flows and losses of one electrical case.
#include "cli/commands.h"
#include "models/power/contingency.h"
#include "models/power/feeder.h"
#include "models/power/flow.h"
#include "models/power/look.h"
#include "models/power/volts.h"
#include "sim/config.h"
#include "sim/file.h"
#include "sim/json.h"
#include "sim/version.h"
#include "twin/outages.h"
#include "twin/reach.h"
#include "twin/state.h"
#include "twin/voltages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int usage(const char *option, const char *value, const char *expected)
{
    fprintf(stderr, "tokenworks: --%s %s: expected %s\n", option, value, expected);
    return TW_USAGE;
}

static bool number(const char *text, double least, double most, double *value)
{
    char *end;
    double got = strtod(text, &end);
    if (end == text || *end || !(got >= least && got <= most)) return false;
    *value = got;
    return true;
}

// power, current, impedance, or "0.4,0.3,0.3".
static bool load_model(const char *text, double *share_i, double *share_z)
{
    double p, i, z;
    char rest;
    *share_i = strcmp(text, "current") == 0 ? 1.0 : 0.0;
    *share_z = strcmp(text, "impedance") == 0 ? 1.0 : 0.0;
    if (*share_i + *share_z > 0.0 || strcmp(text, "power") == 0) return true;
    if (sscanf(text, "%lf,%lf,%lf%c", &p, &i, &z, &rest) != 3 || !(fabs(p + i + z - 1.0) < 1e-9) ||
        !(p >= 0.0 && i >= 0.0 && z >= 0.0))
        return false;
    *share_i = i;
    *share_z = z;
    return true;
}

// Opens or closes the branches of a list of their numbers.
static int switch_branches(TwFlowCase *flow, const char *option, const char *list, bool closed)
{
    char *end;
    for (const char *at = list; *at; at = *end ? end + 1 : end) {
        long id = strtol(at, &end, 10);
        if (end == at || (*end && *end != ',')) return usage(option, list, "numbers of branches, as 7,9,14");
        bool found = false;
        for (int k = 0; k < flow->branch_count; k++) {
            if (flow->branches[k].id != id) continue;
            flow->branches[k].closed = closed;
            found = true;
        }
        if (!found) {
            fprintf(stderr, "tokenworks: --%s: the case has no branch %ld\n", option, id);
            return TW_USAGE;
        }
    }
    return TW_DONE;
}

// What the options say about reading; TW_DONE or the exit status.
static int file_options(const TwOptions *o, TwFlowFile *how)
{
    double base_kv = 12.66, base_mva = 10.0, slack = 0.0;
    *how = (TwFlowFile){.closed = o->closed, .slack_v = 1.0};
    if (o->base_kv && !number(o->base_kv, 1e-3, 2e3, &base_kv)) return usage("base-kv", o->base_kv, "0.001 to 2000 kV");
    if (o->base_mva && !number(o->base_mva, 1e-6, 1e6, &base_mva))
        return usage("base-mva", o->base_mva, "1e-06 to 1e+06 MVA");
    if (o->slack_v && !number(o->slack_v, 0.1, 2.0, &how->slack_v))
        return usage("slack-v", o->slack_v, "0.1 to 2 of the nominal voltage");
    if (o->slack && (!number(o->slack, 1.0, 1e9, &slack) || slack != floor(slack)))
        return usage("slack", o->slack, "the number of a bus");
    how->base_v = base_kv * 1e3;
    how->base_va = base_mva * 1e6;
    how->slack = (int)slack;
    return TW_DONE;
}

// What the options change in the case.
static int case_options(const TwOptions *o, TwFlowCase *flow, TwFlowOptions *solve)
{
    static const char *const methods[] = {"auto", "sweep", "newton"};
    double scale = 1.0;
    *solve = (TwFlowOptions){.q_limits = o->q_limits};
    if (o->method) {
        int found = -1;
        for (int k = 0; k < 3; k++)
            if (strcmp(methods[k], o->method) == 0) found = k;
        if (found < 0) return usage("method", o->method, "auto, sweep or newton");
        solve->method = (TwFlowMethod)found;
    }
    if (o->tolerance && !number(o->tolerance, 1e-14, 1e-2, &solve->tolerance))
        return usage("tolerance", o->tolerance, "1e-14 to 0.01 per unit");
    if (o->scale && !number(o->scale, 0.0, 1e6, &scale)) return usage("scale", o->scale, "0 to 1e+06");
    if (o->load_model && !load_model(o->load_model, &flow->share_i, &flow->share_z))
        return usage("load-model", o->load_model, "power, current, impedance, or three shares from 0 that add to 1");
    for (int i = 0; i < flow->bus_count; i++) {
        flow->buses[i].p *= scale;
        flow->buses[i].q *= scale;
        if (o->slack_v && flow->buses[i].kind == TW_BUS_SLACK) number(o->slack_v, 0.1, 2.0, &flow->buses[i].v);
    }
    int status = o->open_list ? switch_branches(flow, "open", o->open_list, false) : TW_DONE;
    if (status == TW_DONE && o->close_list) status = switch_branches(flow, "close", o->close_list, true);
    bool changed = o->open_list || o->close_list || scale != 1.0 || o->load_model || o->slack_v;
    if (changed) {
        free(flow->expected_v);    // of the case as the file has it
        flow->expected_v = NULL;
    }
    return status;
}

static double degrees(double radians) { return radians * (180.0 / 3.14159265358979323846); }

// Sums over the case, in the base of its power.
typedef struct Totals {
    double p_gen, q_gen, p_load, q_load, residual;
    int dead, worst_loading;
    double loading;
    double expected_gap;
    int expected_at;
} Totals;

static Totals totals(const TwFlowCase *flow, const TwFlowResult *r)
{
    Totals t = {.worst_loading = -1, .expected_gap = -1.0};
    for (int i = 0; i < flow->bus_count; i++) {
        t.dead += r->dead[i];
        t.p_gen += r->p_gen[i];
        t.q_gen += r->q_gen[i];
        t.p_load += r->p_load[i];
        t.q_load += r->q_load[i];
        if (!flow->expected_v || !isfinite(flow->expected_v[i])) continue;
        double gap = fabs(r->v[i] - flow->expected_v[i]);
        if (gap > t.expected_gap) t.expected_gap = gap, t.expected_at = i;
    }
    for (int k = 0; k < flow->branch_count; k++) {
        if (flow->branches[k].rating <= 0.0) continue;
        double s = fmax(hypot(r->p_from[k], r->q_from[k]), hypot(r->p_to[k], r->q_to[k])) / flow->branches[k].rating;
        if (s > t.loading) t.loading = s, t.worst_loading = k;
    }
    t.residual = t.p_gen - t.p_load - r->loss_p - r->shunt_p;
    return t;
}

static const char *kind_name(const TwFlowCase *flow, const TwFlowResult *r, int i)
{
    if (r->dead[i]) return "dead";
    TwBusKind kind = flow->buses[i].kind;
    return kind == TW_BUS_SLACK ? "slack" : kind == TW_BUS_PV ? "pv" : "pq";
}

static double current_a(const TwFlowCase *flow, const TwFlowResult *r, int k)
{
    const TwFlowBranch *b = &flow->branches[k];
    double base_v = flow->buses[b->from].base_v, v = r->v[b->from];
    if (base_v <= 0.0 || v <= 0.0) return NAN;
    return hypot(r->p_from[k], r->q_from[k]) / v * flow->base_va / (sqrt(3.0) * base_v);
}

static void print_text(const TwFlowCase *flow, const TwFlowResult *r)
{
    Totals t = totals(flow, r);
    double kw = flow->base_va * 1e-3;
    printf("%s: %d buses, %d branches (%s, %d turns, largest mismatch %.1e kVA)\n", flow->name, flow->bus_count,
           flow->branch_count, r->method == TW_FLOW_SWEEP ? "backward-forward sweep" : "Newton-Raphson", r->iterations,
           r->mismatch * kw);
    for (int i = 0; i < flow->note_count; i++) printf("note: %s\n", flow->notes[i]);
    printf("\n  generation %14.4f kW %14.4f kvar\n  load       %14.4f kW %14.4f kvar\n", t.p_gen * kw, t.q_gen * kw,
           t.p_load * kw, t.q_load * kw);
    printf("  losses     %14.4f kW %14.4f kvar\n", r->loss_p * kw, r->loss_q * kw);
    if (r->charging_q != 0.0) printf("  charging   %14s    %14.4f kvar\n", "", -r->charging_q * kw);
    if (r->shunt_p != 0.0 || r->shunt_q != 0.0)
        printf("  shunts     %14.4f kW %14.4f kvar\n", r->shunt_p * kw, r->shunt_q * kw);
    printf("  residual   %14.2e kW\n", t.residual * kw);
    if (r->lowest >= 0) printf("  lowest voltage %.9f pu at bus %d\n", r->v[r->lowest], flow->buses[r->lowest].id);
    if (t.worst_loading >= 0)
        printf("  highest loading %.2f %% of branch %d\n", 100.0 * t.loading, flow->branches[t.worst_loading].id);
    if (t.dead) printf("  %d buses are dead: no source reaches them\n", t.dead);
    if (r->q_beyond)
        printf("  %d buses ask more reactive power than their generators' limits: see --q-limits\n", r->q_beyond);
    if (t.expected_gap >= 0.0)
        printf("  voltages that the file expects: largest difference %.1e pu at bus %d\n", t.expected_gap,
               flow->buses[t.expected_at].id);

    printf("\n    bus kind       v pu    angle deg        load kW      load kvar         gen kW       gen kvar\n");
    for (int i = 0; i < flow->bus_count; i++)
        printf("%7d %-5s %.8f %12.6f %14.4f %14.4f %14.4f %14.4f\n", flow->buses[i].id, kind_name(flow, r, i), r->v[i],
               degrees(r->angle[i]), r->p_load[i] * kw, r->q_load[i] * kw, r->p_gen[i] * kw, r->q_gen[i] * kw);
    printf("\n branch    from      to         from kW      from kvar          to kW        to kvar      loss kW   "
           "  current A\n");
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        printf("%7d %7d %7d ", b->id, flow->buses[b->from].id, flow->buses[b->to].id);
        if (!b->closed) {
            printf("           open\n");
            continue;
        }
        printf("%15.4f %14.4f %14.4f %14.4f %12.5f", r->p_from[k] * kw, r->q_from[k] * kw, r->p_to[k] * kw,
               r->q_to[k] * kw, (r->p_from[k] + r->p_to[k]) * kw);
        double a = current_a(flow, r, k);
        if (isfinite(a)) printf(" %12.3f", a);
        putchar('\n');
    }
}

static void print_json(const TwFlowCase *flow, const TwFlowResult *r, bool good)
{
    Totals t = totals(flow, r);
    double kw = flow->base_va * 1e-3;
    printf("{\"case\": ");
    tw_json_text(stdout, flow->name);
    printf(", \"version\": \"%s\", \"converged\": %s, \"method\": \"%s\"", TW_VERSION, good ? "true" : "false",
           r->method == TW_FLOW_SWEEP ? "sweep" : "newton");
    tw_json_member(stdout, "iterations", r->iterations);
    tw_json_member(stdout, "base_mva", flow->base_va * 1e-6);
    tw_json_member(stdout, "mismatch_kva", r->mismatch * kw);
    if (!good) {
        printf(",\n \"reason\": ");
        tw_json_text(stdout, r->reason);
        if (r->lowest >= 0) tw_json_member(stdout, "lowest_bus", flow->buses[r->lowest].id);
        printf("}\n");
        return;
    }
    printf(",\n \"totals\": {\"p_gen_kw\": ");
    tw_json_number(stdout, t.p_gen * kw);
    tw_json_member(stdout, "q_gen_kvar", t.q_gen * kw);
    tw_json_member(stdout, "p_load_kw", t.p_load * kw);
    tw_json_member(stdout, "q_load_kvar", t.q_load * kw);
    tw_json_member(stdout, "loss_kw", r->loss_p * kw);
    tw_json_member(stdout, "loss_kvar", r->loss_q * kw);
    tw_json_member(stdout, "charging_kvar", r->charging_q * kw);
    tw_json_member(stdout, "shunt_kw", r->shunt_p * kw);
    tw_json_member(stdout, "shunt_kvar", r->shunt_q * kw);
    tw_json_member(stdout, "residual_kw", t.residual * kw);
    tw_json_member(stdout, "vm_min_pu", r->lowest >= 0 ? r->v[r->lowest] : NAN);
    tw_json_member(stdout, "vm_min_bus", r->lowest >= 0 ? (double)flow->buses[r->lowest].id : NAN);
    tw_json_member(stdout, "dead_buses", t.dead);
    if (t.expected_gap >= 0.0) tw_json_member(stdout, "expected_gap_pu", t.expected_gap);
    printf("},\n \"notes\": [");
    for (int i = 0; i < flow->note_count; i++) {
        if (i) printf(", ");
        tw_json_text(stdout, flow->notes[i]);
    }
    printf("],\n \"buses\": [");
    for (int i = 0; i < flow->bus_count; i++) {
        printf("%s\n  {\"bus\": %d, \"kind\": \"%s\"", i ? "," : "", flow->buses[i].id, kind_name(flow, r, i));
        tw_json_member(stdout, "vm_pu", r->v[i]);
        tw_json_member(stdout, "va_deg", degrees(r->angle[i]));
        if (flow->buses[i].base_v > 0.0) tw_json_member(stdout, "v_kv", r->v[i] * flow->buses[i].base_v * 1e-3);
        tw_json_member(stdout, "p_load_kw", r->p_load[i] * kw);
        tw_json_member(stdout, "q_load_kvar", r->q_load[i] * kw);
        tw_json_member(stdout, "p_gen_kw", r->p_gen[i] * kw);
        tw_json_member(stdout, "q_gen_kvar", r->q_gen[i] * kw);
        printf("}");
    }
    printf("],\n \"branches\": [");
    for (int k = 0; k < flow->branch_count; k++) {
        const TwFlowBranch *b = &flow->branches[k];
        printf("%s\n  {\"branch\": %d, \"from_bus\": %d, \"to_bus\": %d, \"closed\": %s", k ? "," : "", b->id,
               flow->buses[b->from].id, flow->buses[b->to].id, b->closed ? "true" : "false");
        tw_json_member(stdout, "p_from_kw", r->p_from[k] * kw);
        tw_json_member(stdout, "q_from_kvar", r->q_from[k] * kw);
        tw_json_member(stdout, "p_to_kw", r->p_to[k] * kw);
        tw_json_member(stdout, "q_to_kvar", r->q_to[k] * kw);
        tw_json_member(stdout, "loss_kw", (r->p_from[k] + r->p_to[k]) * kw);
        tw_json_member(stdout, "loss_kvar", (r->q_from[k] + r->q_to[k]) * kw);
        if (b->closed && isfinite(current_a(flow, r, k))) tw_json_member(stdout, "current_a", current_a(flow, r, k));
        if (b->rating > 0.0)
            tw_json_member(stdout, "loading_fraction",
                           fmax(hypot(r->p_from[k], r->q_from[k]), hypot(r->p_to[k], r->q_to[k])) / b->rating);
        printf("}");
    }
    printf("]}\n");
}

// --- the tree of a facility

typedef struct Facility {
    const TwPlant *plant;
    const void *block;
    TwPowerOut out;
    TwVolts volts;
    TwContingency worst;    // of --contingency
    bool contingency, solved, rings;
    double scale, loads_w;    // of racks' rated power; cooling, switches and optics
    double *on_store_w;       // [element lost] racks and loads that then only a store carries, which ends
    double newton_gap_pu;     // of the two engines; NaN: not compared
    bool *back;               // [element] power runs towards its own source
} Facility;

// Where rings close: what each side of a board gives, and what passes over closing lines is in the table.
static void print_rings(const Facility *f)
{
    const TwPlant *plant = f->plant;
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *row = &plant->elements[i];
        double first_w, second_w;
        if (!row->closed || !tw_power_sources_w(plant->power, f->block, i, &first_w, &second_w)) continue;
        printf("  ring closes at %s: %.2f kW from %s, %.2f kW from %s\n", plant->element_names[i], first_w * 1e-3,
               row->from, second_w * 1e-3, row->second);
    }
}

static void print_tree(const Facility *f)
{
    const TwPlant *plant = f->plant;
    printf("%s: %d elements, %d racks at %.4g of their rated power; cooling in the site's hottest hours and switches "
           "%.1f kW\n",
           plant->facility, plant->element_count, plant->rack_count, f->scale, f->loads_w * 1e-3);
    printf("  from sources %.3f kW (%.3f kW on the site), losses %.3f kW, into stores %.3f kW\n",
           f->out.utility_w * 1e-3, f->out.generation_w * 1e-3, (f->out.room_loss_w + f->out.outdoor_loss_w) * 1e-3,
           f->out.storage_w * 1e-3);
    if (!f->solved)
        printf("  AC: no solution: voltage collapse\n");
    else if (f->volts.lowest >= 0)
        printf("  AC %s: %d turns, loss in impedances %.3f kW, lowest voltage %.6f pu at %s\n",
               f->volts.newton ? "Newton-Raphson" : "sweep", f->volts.turns, f->volts.loss_sum_w * 1e-3,
               f->volts.v_pu[f->volts.lowest], plant->element_names[f->volts.lowest]);
    if (isfinite(f->newton_gap_pu) && !f->volts.newton)
        printf("  Newton-Raphson finds the same voltages within %.1e pu\n", f->newton_gap_pu);
    if (f->solved) print_rings(f);
    printf("\n  element               kind                 kW     loss kW  of limit       v pu          A");
    printf(f->contingency ? "   N-1 worst   when lost         lasts\n" : "\n");
    for (int i = 0; i < plant->element_count; i++) {
        printf("  %-20s  %-12s %10.2f%c%11.4f", plant->element_names[i], plant->elements[i].kind,
               f->out.element_w[i] * 1e-3, f->back[i] ? '<' : ' ', f->out.loss_w[i] * 1e-3);
        double limit_w = plant->elements[i].limit_w;
        if (isfinite(limit_w))
            printf(" %7.1f %%", 100.0 * f->out.element_w[i] / limit_w);
        else
            printf("         -");
        if (f->solved && f->volts.v_pu[i] > 0.0)
            printf(" %10.6f", f->volts.v_pu[i]);
        else
            printf("          -");
        if (f->solved && isfinite(f->volts.amps[i]) && (f->volts.v_pu[i] > 0.0 || f->volts.amps[i] > 0.0))
            printf(" %10.1f", f->volts.amps[i]);
        else
            printf("          -");
        if (f->contingency && isfinite(f->worst.worst[i])) {
            int cause = f->worst.worst_cause[i];
            printf(" %9.1f %%   %-16s", 100.0 * f->worst.worst[i], cause >= 0 ? plant->element_names[cause] : "-");
            if (f->worst.worst[i] > 1.0 + 1e-9 && isfinite(f->worst.allowed_s[i]))
                printf("%8.1f s", f->worst.allowed_s[i]);
            if (f->worst.worst[i] > 1.0 + 1e-9 && !isfinite(f->worst.allowed_s[i])) printf("  no curve");
        }
        putchar('\n');
    }
    if (f->rings)
        printf("  < power runs towards the element's own source (from), or over a closing line from its second\n");
    if (!f->contingency) return;
    printf("\n  what loses supply for good\n");
    for (int i = 0; i < plant->element_count; i++)
        if (f->worst.dropped_w[i] > 0.0)
            printf("  without %-20s %12.1f kW\n", plant->element_names[i], f->worst.dropped_w[i] * 1e-3);
    bool headed = false;
    for (int i = 0; i < plant->element_count; i++) {
        if (!(f->on_store_w[i] > 0.0)) continue;
        if (!headed) printf("\n  what then only stores carry, and until the first of them is empty\n");
        headed = true;
        printf("  without %-20s %12.1f kW %9.4g min\n", plant->element_names[i], f->on_store_w[i] * 1e-3,
               f->worst.holds_s[i] / 60.0);
    }
}

static void print_tree_json(const Facility *f)
{
    const TwPlant *plant = f->plant;
    printf("{\"case\": ");
    tw_json_text(stdout, plant->facility);
    printf(", \"version\": \"%s\", \"converged\": %s, \"method\": \"%s\"", TW_VERSION, f->solved ? "true" : "false",
           f->volts.newton ? "newton" : "sweep");
    tw_json_member(stdout, "iterations", f->volts.turns);
    tw_json_member(stdout, "newton_gap_pu", f->newton_gap_pu);
    tw_json_member(stdout, "rack_fraction", f->scale);
    tw_json_member(stdout, "sources_w", f->out.utility_w);
    tw_json_member(stdout, "generation_w", f->out.generation_w);
    tw_json_member(stdout, "loss_w", f->out.room_loss_w + f->out.outdoor_loss_w);
    tw_json_member(stdout, "impedance_loss_w", f->volts.loss_sum_w);
    printf(",\n \"elements\": [");
    for (int i = 0; i < plant->element_count; i++) {
        printf("%s\n  {\"element\": ", i ? "," : "");
        tw_json_text(stdout, plant->element_names[i]);
        printf(", \"kind\": \"%s\"", plant->elements[i].kind);
        tw_json_member(stdout, "power_w", f->out.element_w[i]);
        printf(", \"reversed\": %s", f->back[i] ? "true" : "false");
        double first_w, second_w;
        if (plant->elements[i].closed && tw_power_sources_w(plant->power, f->block, i, &first_w, &second_w)) {
            tw_json_member(stdout, "first_w", first_w);
            tw_json_member(stdout, "second_w", second_w);
        }
        tw_json_member(stdout, "loss_w", f->out.loss_w[i]);
        tw_json_member(stdout, "limit_w", plant->elements[i].limit_w);
        tw_json_member(stdout, "loading_fraction", f->out.element_w[i] / plant->elements[i].limit_w);
        if (f->solved) {
            tw_json_member(stdout, "v_pu", f->volts.v_pu[i]);
            tw_json_member(stdout, "current_a", f->volts.amps[i]);
            tw_json_member(stdout, "q_var", f->volts.q_var[i]);
            tw_json_member(stdout, "impedance_loss_w", f->volts.loss_w[i]);
        }
        if (f->contingency) {
            int cause = f->worst.worst_cause[i];
            tw_json_member(stdout, "n_minus_1_fraction", f->worst.worst[i]);
            printf(", \"n_minus_1_cause\": ");
            tw_json_text(stdout, cause >= 0 ? plant->element_names[cause] : "");
            tw_json_member(stdout, "n_minus_1_allowed_s", f->worst.allowed_s[i]);
            tw_json_member(stdout, "dropped_w", f->worst.dropped_w[i]);
            bool store = f->on_store_w[i] > 0.0;
            tw_json_member(stdout, "on_store_w", f->on_store_w[i]);
            tw_json_member(stdout, "on_store_s", store ? f->worst.holds_s[i] : NAN);
        }
        printf("}");
    }
    printf("]}\n");
}

// What no source reaches once every switch has acted, though it has supply: a store's, until it is empty.
static void find_on_store(Facility *f, const double *rack_w, const double *load_w)
{
    const TwPlant *plant = f->plant;
    int n = plant->element_count;
    TwPowerRing *ring = calloc((size_t)n + 1, sizeof *ring);
    int *out = calloc((size_t)n + 1, sizeof *out);
    bool *alive = calloc((size_t)n + 1, sizeof *alive);
    if (!ring || !out || !alive) abort();
    for (int e = 0; e < n; e++) ring[e] = tw_power_ring(plant->power, e);
    for (int lost = 0; lost < n; lost++) {
        double unreached_w = 0.0;
        out[lost] = 1;
        tw_reach(plant, ring, out, alive);
        out[lost] = 0;
        for (int i = 0; i < plant->rack_count; i++)
            if (!tw_reach_rack(plant, alive, i)) unreached_w += rack_w[i];
        for (int k = 0; k < plant->load_count; k++)
            if (!alive[plant->load_element[k]]) unreached_w += load_w[k];
        double left_w = unreached_w - f->worst.dropped_w[lost];
        f->on_store_w[lost] = left_w > 1e-6 * unreached_w ? left_w : 0.0;
    }
    free(ring);
    free(out);
    free(alive);
}

static int powerflow_facility(const TwOptions *o)
{
    char path[512];
    int status;
    double power_factor = 0.984;    // measured on one row of racks (docs/power.md)
    Facility f = {.scale = 1.0, .contingency = o->contingency, .volts = {.may_newton = true}};
    if (o->scale && !number(o->scale, 0.0, 100.0, &f.scale)) return usage("scale", o->scale, "0 to 100");
    if (o->power_factor && !number(o->power_factor, 0.01, 1.0, &power_factor))
        return usage("power-factor", o->power_factor, "0.01 to 1");
    if (!tw_cli_facility(o, path, sizeof path, &status)) return status;
    TwPlant *plant = tw_cli_plant(o, path, &status);
    if (!plant) return status;
    TwError error = {0};
    TwState *state;
    if (!tw_state_create(&state, plant, &error)) {
        tw_plant_destroy(plant);
        return tw_cli_fail(&error);
    }
    f.plant = plant;
    int n = plant->element_count;
    double *rack_w = calloc((size_t)plant->rack_count + 2 * (size_t)n + 1, sizeof *rack_w);
    bool *on = calloc((size_t)plant->rack_count + (size_t)plant->load_count + 1, sizeof *on);
    unsigned char *block = aligned_alloc(64, (plant->state_bytes + 63) / 64 * 64);
    if (!rack_w || !on || !block) abort();
    memcpy(block, tw_state_block(state), plant->state_bytes);
    for (int i = 0; i < plant->rack_count; i++) rack_w[i] = f.scale * plant->racks[i].peak_w * plant->rack_scale;
    // cooling as it stands in the site's hottest hours, the fabric as it always draws
    double *load_w = tw_f64(block, plant->slot.load_w);
    if (!tw_cooling_loads(plant, rack_w, load_w, &error)) {
        free(rack_w);
        free(on);
        free(block);
        tw_state_destroy(state);
        tw_plant_destroy(plant);
        return tw_cli_fail(&error);
    }
    for (int k = 0; k < plant->load_count; k++) f.loads_w += load_w[k];
    f.out = (TwPowerOut){.element_w = rack_w + plant->rack_count,
                         .loss_w = rack_w + plant->rack_count + n,
                         .rack_on = on,
                         .load_on = on + plant->rack_count};
    tw_power_settle(plant->power, block, 0.0, rack_w, load_w, &f.out);
    f.solved = tw_power_volts(plant->power, block, power_factor, &f.volts);
    for (int i = 0; i < n; i++) f.rings = f.rings || plant->elements[i].closed;
    // a run that solves for voltages loses by currents; and rings share as they say
    bool losses = tw_voltages_wanted(plant) && plant->voltages->losses;
    if (f.rings || losses) {
        tw_power_take_volts(plant->power, block, &f.volts, f.solved, losses);
        tw_power_settle(plant->power, block, 0.0, rack_w, load_w, &f.out);
    }
    f.newton_gap_pu = f.solved ? tw_power_volts_check(&f.volts) : NAN;
    f.block = block;
    f.back = calloc((size_t)n + 1, sizeof *f.back);
    if (!f.back) abort();
    for (int i = 0; i < n; i++) f.back[i] = tw_power_look(plant->power, block, i).back;
    if (f.contingency)
        f.worst = tw_power_contingency(plant->power, block, plant->state_bytes, rack_w, load_w, power_factor, 120.0,
                                       o->threads);
    f.on_store_w = calloc((size_t)n + 1, sizeof *f.on_store_w);
    if (!f.on_store_w) abort();
    if (f.contingency) find_on_store(&f, rack_w, load_w);
    if (o->json)
        print_tree_json(&f);
    else
        print_tree(&f);
    if (!f.solved) fprintf(stderr, "tokenworks: %s: no solution: voltage collapse\n", plant->facility);
    status = f.solved ? TW_DONE : TW_NUMERICAL;
    if (f.contingency) tw_contingency_free(&f.worst);
    tw_volts_free(&f.volts);
    free(f.back);
    free(f.on_store_w);
    free(rack_w);
    free(on);
    free(block);
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    return status;
}

// --- a three-phase feeder

static int powerflow_feeder(const TwOptions *o)
{
    static const char *const phase[] = {"a", "b", "c"};
    TwErrors *errors = tw_errors_create();
    TwFeeder *feeder;
    bool good = tw_feeder_read(&feeder, o->files[0], errors);
    if (!good || tw_warnings_count(errors)) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    if (!good) return TW_BAD_INPUT;
    TwFeederFlow f;
    good = tw_feeder_solve(feeder, &f);
    if (o->json) {
        printf("{\"case\": ");
        tw_json_text(stdout, o->files[0]);
        printf(", \"version\": \"%s\", \"converged\": %s, \"method\": \"three-phase sweep\"", TW_VERSION,
               good ? "true" : "false");
        tw_json_member(stdout, "iterations", f.turns);
        if (good) {
            tw_json_member(stdout, "source_w", f.source_w);
            tw_json_member(stdout, "source_var", f.source_var);
            tw_json_member(stdout, "loss_w", f.loss_w);
            tw_json_member(stdout, "loss_var", f.loss_var);
            printf(",\n \"nodes\": [");
        }
        for (int k = 0; good && k < feeder->count; k++)
            for (int p = 0; p < 3; p++) {
                printf("%s\n  {\"node\": ", k + p ? "," : "");
                tw_json_text(stdout, feeder->nodes[k].name);
                printf(", \"phase\": \"%s\"", phase[p]);
                tw_json_member(stdout, "v_v", hypot(f.v[k][p][0], f.v[k][p][1]));
                tw_json_member(stdout, "va_deg", degrees(atan2(f.v[k][p][1], f.v[k][p][0])));
                tw_json_member(stdout, "current_a", hypot(f.i[k][p][0], f.i[k][p][1]));
                printf("}");
            }
        printf(good ? "]}\n" : "}\n");
    } else if (good) {
        printf("%s: %d nodes, three phases, %d sweeps\n  source %.4f kW %.4f kvar, losses %.4f kW %.4f kvar\n\n",
               o->files[0], feeder->count, f.turns, f.source_w * 1e-3, f.source_var * 1e-3, f.loss_w * 1e-3,
               f.loss_var * 1e-3);
        printf("  node              phase          V    angle deg            A\n");
        for (int k = 0; k < feeder->count; k++)
            for (int p = 0; p < 3; p++)
                printf("  %-16s  %s     %12.3f %12.4f %12.3f\n", feeder->nodes[k].name, phase[p],
                       hypot(f.v[k][p][0], f.v[k][p][1]), degrees(atan2(f.v[k][p][1], f.v[k][p][0])),
                       hypot(f.i[k][p][0], f.i[k][p][1]));
    }
    if (!good) fprintf(stderr, "tokenworks: %s: no solution: voltage collapse\n", o->files[0]);
    tw_feeder_flow_free(&f);
    tw_feeder_destroy(feeder);
    return good ? TW_DONE : TW_NUMERICAL;
}

// What only some kinds of file have a use for.
static bool idle(const TwOptions *o, const char *name, bool facility, bool feeder)
{
    static const char *const of_cases[] = {"closed",  "open",     "close",  "load-model", "slack",    "slack-v",
                                           "base-kv", "base-mva", "method", "tolerance",  "q-limits", NULL},
                             *const of_facilities[] = {"set", "contingency", "power-factor", NULL},
                             *const of_both[] = {"scale", NULL}, *const of_generators[] = {"q-limits", NULL},
                             *const of_csv[] = {"closed", "slack", "base-kv", "base-mva", NULL};
    bool csv = tw_file_has_suffix(name, ".csv");
    if (facility) return tw_options_idle(o, "a facility", of_cases);
    if (feeder)
        return tw_options_idle(o, "a feeder", of_cases) || tw_options_idle(o, "a feeder", of_facilities) ||
               tw_options_idle(o, "a feeder", of_both);
    if (csv && tw_options_idle(o, "a case of branches, which has no generators", of_generators)) return true;
    return tw_options_idle(o, "a case", of_facilities) || (!csv && tw_options_idle(o, "a MATPOWER case", of_csv));
}

int tw_command_powerflow(const TwOptions *o)
{
    if (o->file_count != 1) {
        fprintf(stderr, "tokenworks: expected one file, got %d; see --help\n", o->file_count);
        return TW_USAGE;
    }
    const char *name = o->files[0], *end = strrchr(name, '.');
    bool bare = !end || strchr(end, '/');    // the name of a facility, as elsewhere
    bool cfg = tw_file_has_suffix(name, ".cfg");
    int status;
    if (!bare && !cfg && !tw_cli_file(name, "a case of branches or a MATPOWER case", &status)) return status;
    bool feeder = cfg && tw_config_has_group(name, "feeder"), facility = bare || (cfg && !feeder);
    if (idle(o, name, facility, feeder)) return TW_USAGE;
    if (facility) return powerflow_facility(o);
    if (feeder) return powerflow_feeder(o);
    TwFlowFile how;
    TwFlowOptions solve;
    TwFlowCase *flow;
    TwError error = {0};
    status = file_options(o, &how);
    if (status != TW_DONE) return status;
    if (!tw_flow_read(&flow, o->files[0], &how, &error)) return tw_cli_fail(&error);
    status = case_options(o, flow, &solve);
    if (status == TW_DONE) {
        TwFlowResult result;
        bool good = tw_flow_solve(flow, &solve, &result);
        if (o->json)
            print_json(flow, &result, good);
        else if (good)
            print_text(flow, &result);
        if (!good) {
            fprintf(stderr, "tokenworks: %s: no solution: %s", flow->name, result.reason);
            if (result.lowest >= 0) fprintf(stderr, "; lowest voltage at bus %d", flow->buses[result.lowest].id);
            fputc('\n', stderr);
            status = TW_NUMERICAL;
        }
        tw_flow_result_destroy(&result);
    }
    tw_flow_case_destroy(flow);
    return status;
}
