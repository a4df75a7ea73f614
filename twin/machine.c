#include "twin/machine.h"

#include "models/operations/money.h"
#include "sim/arena.h"
#include "sim/data.h"
#include "sim/json.h"
#include "sim/random.h"
#include "sim/version.h"
#include "twin/calendar.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef struct HeadRow {
    const char *title;
} HeadRow;

typedef struct MachineRow {
    int64_t groups, racks_per_group, chassis_per_rack, nodes_per_chassis, switches, rectifiers;
    TwReals missing;
    double switch_w, group_w, liquid_fraction, best_w;
    bool staged;
} MachineRow;

typedef struct DeviceRow {
    double number, idle_w, most_w;
    const char *follows;
} DeviceRow;

typedef struct WorkRow {
    const char *kind;
    int64_t nodes, jobs, node_max;
    double cu, gu, arrival_mean_s, wall_min_s, wall_max_s;
} WorkRow;

typedef struct RunRow {
    double for_s, step_s;
    int64_t seed;
    const char *start;
} RunRow;

typedef struct AccountRow {
    double energy_usd_kwh, carbon_g_kwh;
} AccountRow;

#define REAL(row, member, unit, least, most, standard, text)                                                           \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, offsetof(row, member), text, NULL                               \
    }
#define WHOLE(row, member, least, most, standard, text)                                                                \
    {                                                                                                                  \
#member, "1", TW_INTEGER, least, most, standard, offsetof(row, member), text, NULL                             \
    }

static const TwField head_fields[] = {
    {"title", "", TW_TEXT, 0, 0, "", offsetof(HeadRow, title), "one line", NULL},
};

static const TwField converter_fields[] = {
    REAL(TwConverter, constant_w, "W", 0, 1e6, "0", "lost whatever the load"),
    REAL(TwConverter, efficiency, "1", 1e-3, 1, NULL, "P_in = (P_out + constant_w) / efficiency"),
};
static const TwKind converter_kind = {"converter", NULL, converter_fields, TW_COUNT(converter_fields), NULL, 0};

static const char *const follow_words[] = {"nothing", "cpu", "gpu", NULL};
static const TwField device_fields[] = {
    REAL(DeviceRow, number, "1", 0, 1e4, "1", "of them in a node"),
    REAL(DeviceRow, idle_w, "W", 0, 1e5, NULL, "one, idle"),
    REAL(DeviceRow, most_w, "W", 0, 1e5, NULL, "one, busy"),
    {"follows", "", TW_TEXT, 0, 0, "nothing", offsetof(DeviceRow, follows), "whose utilisation it follows",
     follow_words},
};
static const TwKind device_kind = {"device", NULL, device_fields, TW_COUNT(device_fields), NULL, 0};

static const TwField machine_fields[] = {
    WHOLE(MachineRow, groups, 1, 100000, NULL, "cooling groups, one cooling unit each"),
    WHOLE(MachineRow, racks_per_group, 1, 1000, NULL, "racks of a group"),
    WHOLE(MachineRow, chassis_per_rack, 1, 1000, NULL, "chassis of a rack"),
    WHOLE(MachineRow, nodes_per_chassis, 1, 1000, NULL, "nodes of a chassis"),
    {"missing", "1", TW_REALS, 0, 1e8, "[]", offsetof(MachineRow, missing),
     "numbers from 0 of racks that are not there", NULL},
    WHOLE(MachineRow, switches, 0, 1000, "0", "switches of a chassis, fed at the rectifier output"),
    REAL(MachineRow, switch_w, "W", 0, 1e6, "0", "one switch"),
    WHOLE(MachineRow, rectifiers, 1, 1000, "1", "rectifiers of a chassis, which share its load equally"),
    {"staged", "", TW_BOOLEAN, 0, 0, "false", offsetof(MachineRow, staged),
     "as many rectifiers are on as keep each at best_w or below", NULL},
    REAL(MachineRow, best_w, "W", 1, 1e7, "unknown", "best load of a rectifier, for staging"),
    REAL(MachineRow, group_w, "W", 0, 1e8, "0", "cooling unit of a group"),
    REAL(MachineRow, liquid_fraction, "1", 0, 1, "0", "of the power into the racks, to liquid"),
};
static const TwChild machine_children[] = {
    {"devices", TW_LIST, &device_kind, "what a node is made of"},
    {"converter", TW_ONE, &converter_kind, "of each node"},
    {"rectifier", TW_ONE, &converter_kind, "of a chassis"},
};
static const TwKind machine_kind = {
    "machine", NULL, machine_fields, TW_COUNT(machine_fields), machine_children, TW_COUNT(machine_children)};

static const char *const work_words[] = {"constant", "jobs", NULL};
static const TwField work_fields[] = {
    {"kind", "", TW_TEXT, 0, 0, "constant", offsetof(WorkRow, kind), "constant: nodes at cu, gu; jobs: a random stream",
     work_words},
    WHOLE(WorkRow, nodes, 0, 1e8, "0", "busy nodes, the lowest ones; the rest is idle"),
    REAL(WorkRow, cu, "1", 0, 1e4, "0", "CPUs busy in each of them"),
    REAL(WorkRow, gu, "1", 0, 1e4, "0", "GPUs busy in each of them"),
    WHOLE(WorkRow, jobs, 0, 1e7, "1000", "jobs of the stream"),
    WHOLE(WorkRow, node_max, 1, 1e8, "3000", "largest job; sizes are uniform from 1"),
    REAL(WorkRow, arrival_mean_s, "s", 1e-3, 1e7, "100", "mean time between arrivals, exponential"),
    REAL(WorkRow, wall_min_s, "s", 1, 1e8, "60", "shortest job"),
    REAL(WorkRow, wall_max_s, "s", 1, 1e8, "43200", "longest job; run times are uniform"),
};
static const TwKind work_kind = {"workload", NULL, work_fields, TW_COUNT(work_fields), NULL, 0};

static const TwField run_fields[] = {
    REAL(RunRow, for_s, "s", 1e-3, 1e9, "86400", "simulated span"),
    REAL(RunRow, step_s, "s", 1e-3, 1e6, "15", "recording interval"),
    WHOLE(RunRow, seed, 0, 9e15, "1", "of every random stream"),
    {"start", "", TW_TEXT, 0, 0, "2026-01-01 00:00:00", offsetof(RunRow, start), "time zero", NULL},
};
static const TwKind run_kind = {"run", NULL, run_fields, TW_COUNT(run_fields), NULL, 0};

static const TwField account_fields[] = {
    REAL(AccountRow, energy_usd_kwh, "USD/kWh", 0, 10, "0.08", "price of electricity"),
    REAL(AccountRow, carbon_g_kwh, "g/kWh", 0, 2000, "297.7", "carbon intensity of the grid"),
};
static const TwKind account_kind = {"account", NULL, account_fields, TW_COUNT(account_fields), NULL, 0};

static const TwChild root_children[] = {
    {"machine", TW_ONE, &machine_kind, "the machine"},
    {"workload", TW_ONE, &work_kind, "what runs on it"},
    {"run", TW_ONE, &run_kind, "span, recording, seed"},
    {"account", TW_ONE, &account_kind, "price and carbon"},
};
static const TwKind root_kind = {"machine file",        NULL,          head_fields,
                                 TW_COUNT(head_fields), root_children, TW_COUNT(root_children)};

enum { GROUP_FACILITY, GROUP_CDU, GROUPS };

struct TwMachinePlan {
    TwArena *arena;
    TwConfig *config;
    char name[TW_NAME];
    HeadRow head;
    WorkRow work;
    RunRow run;
    AccountRow account;
    TwMachineSpec spec;
    double gpus, cpus;    // of a node
    TwRecordPlan record;
    TwGroupInfo groups[GROUPS];
    TwSlot slots[GROUPS];
    TwLayout layout;
};

bool tw_machine_file(const char *path) { return tw_config_has_group(path, "machine"); }
const TwConfig *tw_machine_plan_config(const TwMachinePlan *plan) { return plan->config; }
const char *tw_machine_plan_name(const TwMachinePlan *plan) { return plan->name; }
TwMachineSpec tw_machine_plan_spec(const TwMachinePlan *plan) { return plan->spec; }
const char *tw_machine_plan_start(const TwMachinePlan *plan) { return plan->run.start; }

static void compile_devices(TwMachinePlan *plan, const TwNode *node, TwErrors *errors)
{
    int n = tw_node_entries(node, "devices");
    if (n == 0) tw_node_error(node, NULL, errors, "no devices: a node needs at least one");
    if (n > TW_DEVICES) tw_node_error(node, NULL, errors, "%d devices, expected at most %d", n, TW_DEVICES);
    for (int i = 0; i < n && i < TW_DEVICES; i++) {
        char name[TW_NAME];
        DeviceRow row;
        const TwNode *entry = tw_node_entry(node, "devices", i, name);
        tw_node_row(entry, &row);
        TwFollows follows = strcmp(row.follows, "cpu") == 0   ? TW_FOLLOWS_CPU
                            : strcmp(row.follows, "gpu") == 0 ? TW_FOLLOWS_GPU
                                                              : TW_CONSTANT;
        plan->spec.devices[plan->spec.device_count++] = (TwDevice){row.number, row.idle_w, row.most_w, follows};
        if (follows == TW_FOLLOWS_CPU) plan->cpus = fmax(plan->cpus, row.number);
        if (follows == TW_FOLLOWS_GPU) plan->gpus = fmax(plan->gpus, row.number);
        if (follows == TW_CONSTANT && row.idle_w != row.most_w)
            tw_node_warn(entry, "most_w", errors, "%s follows nothing: it draws idle_w = %g W always", name,
                         row.idle_w);
    }
}

static void compile_machine(TwMachinePlan *plan, const TwNode *node, TwErrors *errors)
{
    MachineRow row;
    TwMachineSpec *s = &plan->spec;
    tw_node_row(node, &row);
    int places = (int)(row.groups * row.racks_per_group);
    int *missing = TW_TAKE(plan->arena, row.missing.count + 1, int);
    for (int i = 0; i < row.missing.count; i++) {
        double at = row.missing.values[i];
        missing[i] = (int)at;
        if (at != floor(at) || at >= places)
            tw_node_error(node, "missing", errors, "rack %g, expected whole numbers from 0 to %d", at, places - 1);
    }
    *s = (TwMachineSpec){.group_count = (int)row.groups,
                         .racks_per_group = (int)row.racks_per_group,
                         .chassis_per_rack = (int)row.chassis_per_rack,
                         .nodes_per_chassis = (int)row.nodes_per_chassis,
                         .missing_racks = missing,
                         .missing_count = row.missing.count,
                         .rectifiers = (int)row.rectifiers,
                         .staged = row.staged,
                         .best_w = row.best_w,
                         .switches = (int)row.switches,
                         .switch_w = row.switch_w,
                         .group_w = row.group_w,
                         .liquid_fraction = row.liquid_fraction};
    if (row.staged && !(row.best_w > 0.0))
        tw_node_error(node, "staged", errors, "staging needs best_w, the best load of a rectifier");
    double nodes = (double)places * (double)row.chassis_per_rack * (double)row.nodes_per_chassis;
    if (nodes > 1e8) tw_node_error(node, NULL, errors, "%.3g nodes, expected at most 1e8", nodes);
    tw_node_row(tw_node_group(node, "converter"), &s->node);
    tw_node_row(tw_node_group(node, "rectifier"), &s->rectifier);
    compile_devices(plan, node, errors);
}

static void compile_work(TwMachinePlan *plan, const TwNode *node, TwErrors *errors)
{
    tw_node_row(node, &plan->work);
    const WorkRow *w = &plan->work;
    const TwMachineSpec *s = &plan->spec;
    int racks = s->group_count * s->racks_per_group - s->missing_count;
    int64_t nodes = (int64_t)racks * s->chassis_per_rack * s->nodes_per_chassis;
    if (w->nodes > nodes)
        tw_node_error(node, "nodes", errors, "nodes = %lld, but the machine has %lld", (long long)w->nodes,
                      (long long)nodes);
    if (w->cu > plan->cpus) tw_node_error(node, "cu", errors, "cu = %g, but a node has %g CPUs", w->cu, plan->cpus);
    if (w->gu > plan->gpus) tw_node_error(node, "gu", errors, "gu = %g, but a node has %g GPUs", w->gu, plan->gpus);
    if (w->wall_min_s > w->wall_max_s)
        tw_node_error(node, "wall_min_s", errors, "wall_min_s = %g is above wall_max_s = %g", w->wall_min_s,
                      w->wall_max_s);
    if (strcmp(w->kind, "jobs") == 0 && w->node_max > nodes)
        tw_node_error(node, "node_max", errors, "node_max = %lld, but the machine has %lld nodes",
                      (long long)w->node_max, (long long)nodes);
}

static const TwSeriesInfo facility_series[] = {
    {"total_w", "W", "all power of the machine"}, {"node_w", "W", "nodes, at their own terminals"},
    {"loss_w", "W", "converters and rectifiers"}, {"liquid_w", "W", "heat to liquid"},
    {"busy_nodes", "1", "nodes with a job"},
};
static const TwSeriesInfo group_series[] = {
    {"power_w", "W", "racks and cooling unit of the group"},
};

bool tw_machine_plan_create(TwMachinePlan **made, const char *path, const char *const *sets, int set_count,
                            TwErrors *errors)
{
    *made = NULL;
    TwArena *arena = tw_arena_create();
    TwMachinePlan *plan = TW_TAKE(arena, 1, TwMachinePlan);
    plan->arena = arena;
    char parts[512];
    bool found = tw_data_find("facilities/parts", parts, sizeof parts);
    const TwConfigInput input = {&root_kind, path, found ? parts : NULL, sets, set_count};
    if (!tw_config_read(&plan->config, &input, errors)) {
        tw_machine_plan_destroy(plan);
        return false;
    }
    const char *slash = strrchr(path, '/');
    snprintf(plan->name, sizeof plan->name, "%.63s", slash ? slash + 1 : path);
    char *dot = strrchr(plan->name, '.');
    if (dot) *dot = '\0';
    const TwNode *root = tw_config_root(plan->config);
    tw_node_row(root, &plan->head);
    compile_machine(plan, tw_node_group(root, "machine"), errors);
    tw_node_row(tw_node_group(root, "run"), &plan->run);
    tw_node_row(tw_node_group(root, "account"), &plan->account);
    if (!tw_errors_count(errors)) compile_work(plan, tw_node_group(root, "workload"), errors);
    TwCalendar calendar;
    if (!tw_calendar_read(plan->run.start, &calendar))
        tw_node_error(tw_node_group(root, "run"), "start", errors, "start = \"%s\", expected \"YYYY-MM-DD HH:MM:SS\"",
                      plan->run.start);
    if (tw_errors_count(errors)) {
        tw_machine_plan_destroy(plan);
        return false;
    }
    int groups = plan->spec.group_count;
    const char **labels = TW_TAKE(arena, groups, const char *);
    for (int g = 0; g < groups; g++) {
        char label[24];
        snprintf(label, sizeof label, "cdu%d", g + 1);
        labels[g] = tw_arena_text(arena, label);
    }
    plan->groups[GROUP_FACILITY] =
        (TwGroupInfo){"", NULL, 1, NULL, NULL, plan->run.step_s, facility_series, TW_COUNT(facility_series)};
    plan->groups[GROUP_CDU] =
        (TwGroupInfo){"cdu", labels, groups, NULL, NULL, plan->run.step_s, group_series, TW_COUNT(group_series)};
    plan->record = (TwRecordPlan){plan->groups, GROUPS, plan->slots};
    tw_record_layout(&plan->record, &plan->layout);
    *made = plan;
    return true;
}

void tw_machine_plan_destroy(TwMachinePlan *plan)
{
    if (!plan) return;
    if (plan->config) tw_config_destroy(plan->config);
    TwArena *arena = plan->arena;
    tw_arena_destroy(arena);
}

const TwRecordPlan *tw_machine_plan_record(TwMachinePlan *plan) { return &plan->record; }

typedef struct Job {
    double arrival_s, end_s, wall_s, cu, gu;
    int nodes;
} Job;

typedef struct Run {
    TwMachinePlan *plan;
    TwMachine *machine;
    TwMachineRun *out;
    Job *jobs;
    int job_count, arrived, next_start;    // jobs wait in order of arrival
    int *running, running_count;
    TwRecord *record;
    void *block;
    double *rack_w, *group_w;
    TwMachinePower now;
    double last_step_w;
} Run;

// The stream of jobs is a pure function of the seed.
static void draw_jobs(Run *r)
{
    const WorkRow *w = &r->plan->work;
    r->job_count = (int)w->jobs;
    r->jobs = calloc((size_t)r->job_count + 1, sizeof *r->jobs);
    if (!r->jobs) abort();
    TwStream stream = tw_stream((uint64_t)r->plan->run.seed, "jobs");
    double time_s = 0.0;
    for (int i = 0; i < r->job_count; i++) {
        uint32_t a[4], b[4];
        tw_random4(stream, (uint64_t)i, 0, TW_PURPOSE_ARRIVAL, a);
        tw_random4(stream, (uint64_t)i, 1, TW_PURPOSE_ARRIVAL, b);
        time_s -= w->arrival_mean_s * log(tw_uniform(a[0]));
        r->jobs[i] = (Job){.arrival_s = time_s,
                           .wall_s = w->wall_min_s + (w->wall_max_s - w->wall_min_s) * tw_uniform(a[1]),
                           .nodes = 1 + (int)floor((double)w->node_max * tw_uniform(a[2])),
                           .cu = r->plan->cpus * tw_uniform(a[3]),
                           .gu = r->plan->gpus * tw_uniform(b[0])};
    }
}

static void settle(Run *r)
{
    r->now = tw_machine_power(r->machine, r->rack_w, r->group_w);
    const TwMachinePower *p = &r->now;
    double uses = p->node_w + p->node_loss_w + p->switch_w + p->rectifier_loss_w + p->group_w;
    r->out->residual = fmax(r->out->residual, fabs(p->total_w - uses) / p->total_w);
    r->out->peak_w = fmax(r->out->peak_w, p->total_w);
    r->out->least_w = fmin(r->out->least_w, p->total_w);
    r->out->events++;
}

// Adds the powers of now over [from_s, until_s) to the sums, and to the recording cut at its intervals.
static bool book(Run *r, double from_s, double until_s, TwError *error)
{
    TwMachinePower *sum = &r->out->mean;
    const TwMachinePower *p = &r->now;
    double span_s = until_s - from_s;
    sum->node_w += p->node_w * span_s;
    sum->node_loss_w += p->node_loss_w * span_s;
    sum->switch_w += p->switch_w * span_s;
    sum->rectifier_loss_w += p->rectifier_loss_w * span_s;
    sum->rack_w += p->rack_w * span_s;
    sum->group_w += p->group_w * span_s;
    sum->total_w += p->total_w * span_s;
    sum->liquid_w += p->liquid_w * span_s;
    r->out->node_h += p->busy_nodes * span_s / 3600.0;
    for (int i = 0; i < tw_machine_racks(r->machine); i++) r->out->rack_w[i] += r->rack_w[i] * span_s;
    for (int i = 0; i < tw_machine_groups(r->machine); i++) r->out->group_w[i] += r->group_w[i] * span_s;

    double facility[] = {p->total_w, p->node_w, p->node_loss_w + p->rectifier_loss_w, p->liquid_w, p->busy_nodes};
    for (double at = from_s; at < until_s;) {
        double cut = fmin(tw_record_next_s(&r->plan->record, GROUP_FACILITY, at), until_s);
        if (r->record && (!tw_record_window(r->record, GROUP_FACILITY, r->block, at, cut, facility, error) ||
                          !tw_record_window(r->record, GROUP_CDU, r->block, at, cut, r->group_w, error)))
            return false;
        if (r->last_step_w > 0.0)
            r->out->ramp_w_s = fmax(r->out->ramp_w_s, fabs(p->total_w - r->last_step_w) / r->plan->run.step_s);
        r->last_step_w = p->total_w;
        if (!r->record) break;    // nothing changes until until_s
        at = cut;
    }
    return true;
}

// Ends, then starts in order of arrival, of this instant. True: something changed.
static bool step_jobs(Run *r, double time_s)
{
    bool changed = false;
    for (int k = 0; k < r->running_count; k++) {
        Job *job = &r->jobs[r->running[k]];
        if (job->end_s > time_s) continue;
        tw_machine_give_back(r->machine, r->running[k], job->nodes);
        r->running[k--] = r->running[--r->running_count];
        r->out->ended++;
        changed = true;
    }
    while (r->arrived < r->job_count && r->jobs[r->arrived].arrival_s <= time_s) r->arrived++;
    for (; r->next_start < r->arrived; r->next_start++) {
        Job *job = &r->jobs[r->next_start];
        if (!tw_machine_take(r->machine, r->next_start, job->nodes, job->cu, job->gu)) break;
        job->end_s = time_s + job->wall_s;
        r->running[r->running_count++] = r->next_start;
        r->out->started++;
        changed = true;
    }
    return changed;
}

static double next_event_s(const Run *r, double end_s)
{
    double next = end_s;
    if (r->arrived < r->job_count) next = fmin(next, r->jobs[r->arrived].arrival_s);
    for (int k = 0; k < r->running_count; k++) next = fmin(next, r->jobs[r->running[k]].end_s);
    return next;
}

static void mean_of(TwMachineRun *out, const TwMachine *machine, double span_s)
{
    double *sums[] = {&out->mean.node_w, &out->mean.node_loss_w, &out->mean.switch_w, &out->mean.rectifier_loss_w,
                      &out->mean.rack_w, &out->mean.group_w,     &out->mean.total_w,  &out->mean.liquid_w};
    for (size_t k = 0; k < sizeof sums / sizeof *sums; k++) *sums[k] /= span_s;
    for (int i = 0; i < tw_machine_racks(machine); i++) out->rack_w[i] /= span_s;
    for (int i = 0; i < tw_machine_groups(machine); i++) out->group_w[i] /= span_s;
}

bool tw_machine_run(TwMachinePlan *plan, TwRecord *record, TwMachineRun *out, TwError *error)
{
    *out = (TwMachineRun){.least_w = INFINITY, .span_s = plan->run.for_s};
    Run r = {.plan = plan, .machine = tw_machine_create(&plan->spec), .out = out, .record = record};
    size_t racks = (size_t)tw_machine_racks(r.machine), groups = (size_t)tw_machine_groups(r.machine);
    out->rack_w = calloc(racks + 1, sizeof(double));
    out->group_w = calloc(groups + 1, sizeof(double));
    r.rack_w = calloc(racks + 1, sizeof(double));
    r.group_w = calloc(groups + 1, sizeof(double));
    r.block = tw_block_create(&plan->layout);
    if (strcmp(plan->work.kind, "jobs") == 0)
        draw_jobs(&r);
    else
        tw_machine_take(r.machine, 0, (int)plan->work.nodes, plan->work.cu, plan->work.gu);
    r.running = calloc((size_t)r.job_count + 1, sizeof *r.running);
    if (!out->rack_w || !out->group_w || !r.rack_w || !r.group_w || !r.block || !r.running) abort();

    bool good = true;
    double time_s = 0.0;
    step_jobs(&r, time_s);
    settle(&r);
    while (good && time_s < plan->run.for_s) {
        double next_s = next_event_s(&r, plan->run.for_s);
        good = book(&r, time_s, next_s, error);
        time_s = next_s;
        if (time_s < plan->run.for_s && step_jobs(&r, time_s)) settle(&r);
    }
    out->last = r.now;
    out->waiting = r.arrived - r.next_start;
    mean_of(out, r.machine, plan->run.for_s);
    out->mean.busy_nodes = (int)lround(out->node_h * 3600.0 / plan->run.for_s);
    // the recorder's block must outlive tw_record_finish: it owns the last, open interval
    if (good && record) good = tw_record_attribute(record, "facility", plan->name, error);
    tw_machine_destroy(r.machine);
    free(r.rack_w);
    free(r.group_w);
    free(r.running);
    free(r.jobs);
    out->block = r.block;
    return good;
}

void tw_machine_run_free(TwMachineRun *run)
{
    free(run->rack_w);
    free(run->group_w);
    tw_block_destroy(run->block);
    *run = (TwMachineRun){0};
}

// The first member of an object.
static void member(FILE *f, const char *name, double value)
{
    fprintf(f, "\"%s\": ", name);
    tw_json_number(f, value);
}

static void list(FILE *f, const char *name, const double *values, int count)
{
    fprintf(f, "\"%s\": [", name);
    for (int i = 0; i < count; i++) {
        if (i) fputs(", ", f);
        tw_json_number(f, values[i]);
    }
    fputc(']', f);
}

static int racks_of(const TwMachineSpec *s) { return s->group_count * s->racks_per_group - s->missing_count; }

void tw_machine_json(const TwMachinePlan *plan, const TwMachineRun *run, double wall_s, FILE *f)
{
    const TwMachinePower *p = &run->mean;
    double mwh = p->total_w * run->span_s / 3.6e9;
    fprintf(f, "{\"schema\": \"tokenworks-machine 1\", \"facility\": ");
    tw_json_text(f, plan->name);
    fprintf(f, ", \"version\": \"%s\", \"seed\": %lld, \"fidelity\": \"power only\"", TW_VERSION,
            (long long)plan->run.seed);
    tw_json_member(f, "simulated_s", run->span_s);
    if (wall_s >= 0.0) tw_json_member(f, "wall_s", wall_s);
    fprintf(f, ",\n \"workload\": {\"kind\": \"%s\"", plan->work.kind);
    if (strcmp(plan->work.kind, "jobs") == 0) {
        tw_json_member(f, "started", run->started);
        tw_json_member(f, "ended", run->ended);
        tw_json_member(f, "waiting", run->waiting);
    } else {
        tw_json_member(f, "nodes", (double)plan->work.nodes);
        tw_json_member(f, "cu", plan->work.cu);
        tw_json_member(f, "gu", plan->work.gu);
    }
    tw_json_member(f, "busy_node_hours", run->node_h);
    fprintf(f, "},\n \"power\": {");
    member(f, "it_w", p->node_w);
    tw_json_member(f, "node_loss_w", p->node_loss_w);
    tw_json_member(f, "switch_w", p->switch_w);
    tw_json_member(f, "rectifier_loss_w", p->rectifier_loss_w);
    tw_json_member(f, "racks_w", p->rack_w);
    tw_json_member(f, "cdu_w", p->group_w);
    tw_json_member(f, "total_w", p->total_w);
    tw_json_member(f, "peak_w", run->peak_w);
    tw_json_member(f, "least_w", run->least_w);
    tw_json_member(f, "liquid_heat_w", p->liquid_w);
    tw_json_member(f, "it_and_switches_per_rack_power", (p->node_w + p->switch_w) / p->rack_w);
    tw_json_member(f, "max_ramp_mw_per_s", run->ramp_w_s * 1e-6);
    fprintf(f, ",\n  \"utility_mw\": {");
    member(f, "mean", p->total_w * 1e-6);
    tw_json_member(f, "peak", run->peak_w * 1e-6);
    fprintf(f, "}, \"it_mw\": {");
    member(f, "mean", p->node_w * 1e-6);
    fprintf(f, "},\n  ");
    list(f, "rack_w", run->rack_w, racks_of(&plan->spec));
    fprintf(f, ",\n  ");
    list(f, "cdu_group_w", run->group_w, plan->spec.group_count);
    fprintf(f, "},\n \"energy_mwh\": ");
    tw_json_number(f, mwh);
    fprintf(f, ", \"cost\": {");
    member(f, "energy_usd", mwh * 1e3 * plan->account.energy_usd_kwh);
    fprintf(f, "}, \"carbon\": {");
    member(f, "total_kg", tw_carbon_kg(p->total_w * run->span_s, plan->account.carbon_g_kwh));
    fprintf(f, "},\n \"ledger\": {");
    member(f, "electricity_residual", run->residual);
    fprintf(f, ", \"ok\": %s}}\n", run->residual <= 1e-9 ? "true" : "false");
}

void tw_machine_print(const TwMachinePlan *plan, const TwMachineRun *run, FILE *f)
{
    const TwMachinePower *p = &run->mean;
    bool jobs = strcmp(plan->work.kind, "jobs") == 0;
    fprintf(f, "%s\n%s: %d racks in %d cooling groups, power only, %.6g s\n", plan->head.title, plan->name,
            racks_of(&plan->spec), plan->spec.group_count, run->span_s);
    if (jobs)
        fprintf(f, "jobs: %d started, %d ended, %d waiting at the end; %.0f node-hours\n", run->started, run->ended,
                run->waiting, run->node_h);
    else
        fprintf(f, "workload: %lld nodes with %g CPUs and %g GPUs busy, the rest idle\n", (long long)plan->work.nodes,
                plan->work.cu, plan->work.gu);
    const struct {
        const char *name;
        double w;
    } rows[] = {{"nodes (IT)", p->node_w}, {"node converters, loss", p->node_loss_w},
                {"switches", p->switch_w}, {"rectifiers, loss", p->rectifier_loss_w},
                {"racks", p->rack_w},      {"cooling units", p->group_w},
                {"total", p->total_w},     {"heat to liquid", p->liquid_w}};
    fprintf(f, "\n  %-24s %18s\n", jobs ? "mean of the run" : "", "W");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) fprintf(f, "  %-24s %18.3f\n", rows[i].name, rows[i].w);
    if (jobs)
        fprintf(f, "  %-24s %18.3f\n  %-24s %18.3f\n", "peak of the total", run->peak_w, "least of the total",
                run->least_w);
    double mwh = p->total_w * run->span_s / 3.6e9;
    fprintf(f, "\n  %.3f MWh, %.0f USD, %.1f t CO2\n  nodes and switches over racks %.6f\n", mwh,
            mwh * 1e3 * plan->account.energy_usd_kwh, mwh * plan->account.carbon_g_kwh * 1e-3,
            (p->node_w + p->switch_w) / p->rack_w);
    fprintf(f, "  electricity %s: residual %.1e\n", run->residual <= 1e-9 ? "closes" : "DOES NOT CLOSE", run->residual);
}
