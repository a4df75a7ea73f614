#include "twin/failures.h"

#include "models/operations/reliability.h"
#include "models/thermal/faults.h"
#include "twin/ask.h"
#include "twin/fabric.h"
#include "twin/reach.h"
#include "twin/reference.h"
#include "twin/story.h"
#include "twin/supplies.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { TICKETS = 1024 };
enum { NO_TICKET, WAITS, IN_REPAIR, SWAPPING, WORKSHOP };
enum { DRAW_GAP, DRAW_REPAIR };

// A failed part until it is whole again.
typedef struct Ticket {
    int32_t phase, class, part, entry, repair_entry;
    int64_t failed_ns;
    uint64_t order;
} Ticket;

typedef struct Head {
    uint64_t order;
    int64_t overflow;
} Head;

static const double HOUR_NS = 3600e9;

// --- compile ---------------------------------------------------------------------------------------------------------

static bool matches(const TwPlant *plant, int element, const char *name)
{
    const char *own = plant->element_names[element];
    return strcmp(own, name) == 0 || strcmp(plant->elements[element].kind, name) == 0 || tw_is_copy(own, name);
}

static bool matches_cdu(const TwPlant *plant, int cdu, const char *name)
{
    const char *own = plant->cdu_names[cdu];
    return strcmp(own, name) == 0 || tw_is_copy(own, name);
}

// Supplies or shelves of all racks, one rack after the other.
static void find_supplies(TwPlant *plant, TwFailureClass *c)
{
    if (!plant->power) return;    // not there where errors alone are looked for
    int *first = TW_TAKE(plant->arena, plant->rack_count + 1, int);
    for (int i = 0; i < plant->rack_count; i++) {
        int all = tw_supplies_of(plant, i), each = tw_power_shelf_supplies(plant->power, i);
        first[i + 1] = first[i] + (c->victims == TW_VICTIM_SHELF ? all / each : all);
    }
    c->first = first;
    c->count = first[plant->rack_count];
}

// The rack of a supply or shelf.
int tw_failures_rack(const TwPlant *plant, const TwFailureClass *c, int part)
{
    int rack = 0;
    while (rack + 1 < plant->rack_count && c->first[rack + 1] <= part) rack++;
    return rack;
}

// What a class of the cooling plant does.
static bool find_act(const TwNode *node, const TwFailureRow *row, TwFailureClass *c, TwErrors *errors)
{
    const char *acts[TW_ACTS];
    int n = 0;
    for (int k = 0; k < TW_ACTS; k += 2) {
        if (k == TW_ACT_HEAT_WAVE) continue;
        acts[n++] = tw_thermal_act_word((TwThermalAct)k);
        if (strcmp(row->act, acts[n - 1]) == 0) c->act = k;
    }
    if (c->act < 0) {
        tw_reference_error(node, "act", errors, row->act, "act", acts, n);
        return false;
    }
    bool needs = c->act == TW_ACT_CLOG || c->act == TW_ACT_FOUL || c->act == TW_ACT_LEAK ||
                 c->act == TW_ACT_RACK_LEAK || c->act == TW_ACT_ROW_LEAK;
    if (needs && !isfinite(row->value)) {
        tw_node_error(node, "value", errors, "a %s needs value", row->act);
        return false;
    }
    TwError error;
    if (!tw_event_takes(tw_event_word(row->act), row->value, &error)) {
        tw_node_error(node, "value", errors, "%s", error.text);
        return false;
    }
    c->value = row->value;
    return true;
}

// The parts of a class: everything of its kind, or what it names by entry, group or kind.
static void find_parts(TwPlant *plant, const TwNode *node, const TwFailureRow *row, TwFailureClass *c, TwErrors *errors)
{
    bool elements = c->victims == TW_VICTIM_ELEMENT;
    if (c->victims == TW_VICTIM_SUPPLY || c->victims == TW_VICTIM_SHELF) {
        find_supplies(plant, c);
        return;
    }
    if (c->victims == TW_VICTIM_FABRIC) {
        c->count = tw_fabric_parts(plant, c->act, errors);
        if (c->count == 0) tw_node_error(node, "of", errors, "the fabric has no %s", row->of);
        return;
    }
    bool plant_act = c->victims == TW_VICTIM_COOLING && tw_thermal_act_on((TwThermalAct)c->act) == TW_AT_PLANT;
    if (plant_act) {
        c->count = !plant->thermal                 ? 1    // as above
                   : c->act == TW_ACT_UNIT_OUT     ? tw_thermal_units(plant->thermal)
                   : c->act == TW_ACT_AIR_UNIT_OUT ? tw_thermal_air_units(plant->thermal)
                                                   : 1;
        return;
    }
    if (!elements && c->victims != TW_VICTIM_PUMP && c->victims != TW_VICTIM_COOLING) {
        c->count = c->victims == TW_VICTIM_RACK ? plant->rack_count : (int)plant->serving_gpus;
        return;
    }
    int all = elements ? plant->element_count : plant->cdu_count;
    int *parts = TW_TAKE(plant->arena, all + 1, int);
    for (int k = 0; k < row->names.count; k++) {
        bool found = false;
        for (int i = 0; i < all; i++)
            found = found ||
                    (elements ? matches(plant, i, row->names.values[k]) : matches_cdu(plant, i, row->names.values[k]));
        if (!found)
            tw_reference_error(node, "names", errors, row->names.values[k], elements ? "power element" : "CDU",
                               elements ? plant->element_names : plant->cdu_names, all);
    }
    for (int i = 0; i < all; i++) {
        bool mine = row->names.count == 0;
        for (int k = 0; k < row->names.count; k++)
            mine = mine ||
                   (elements ? matches(plant, i, row->names.values[k]) : matches_cdu(plant, i, row->names.values[k]));
        if (mine) parts[c->count++] = i;
    }
    c->parts = parts;
}

static int find_crew(const TwFailurePlan *plan, const char *name)
{
    for (int i = 0; i < plan->crew_count; i++)
        if (strcmp(plan->crews[i].name, name) == 0) return i;
    return -1;
}

static void compile_class(TwPlant *plant, const TwNode *node, const char *name, TwFailureClass *c, TwErrors *errors)
{
    static const char *const words[] = {"gpu", "rack", "element", "pump", "supply", "shelf", "cooling"};
    static const char *const switches[] = {"leaf", "spine", "core"}, *const cables[] = {"link", "optic"};
    TwFailureRow row;
    tw_node_row(node, &row);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->act = -1;
    for (int k = 0; k < TW_COUNT(words); k++)
        if (strcmp(row.of, words[k]) == 0) c->victims = (TwVictims)k;
    for (int k = 0; k < TW_COUNT(switches); k++) {
        if (strcmp(row.of, switches[k]) != 0) continue;
        c->victims = TW_VICTIM_FABRIC;
        c->act = TW_LOSE_LEAF + k;
    }
    for (int k = 0; k < TW_COUNT(cables); k++) {
        if (strcmp(row.of, cables[k]) != 0) continue;
        c->victims = TW_VICTIM_FABRIC;
        c->act = TW_LOSE_LINK + k;
    }
    if (c->victims == TW_VICTIM_COOLING && !find_act(node, &row, c, errors)) return;
    if (isnan(row.mttr_h)) {
        tw_node_error(node, "mttr_h", errors, "unknown: repair times are rarely published; the facility must set it");
        return;
    }
    int given = isfinite(row.mtbf_h) + isfinite(row.per_million_h) + isfinite(row.availability);
    if (given != 1) {
        tw_node_error(node, NULL, errors, "needs one of mtbf_h, per_million_h and availability; %d are given", given);
        return;
    }
    c->mtbf_h = isfinite(row.mtbf_h)          ? row.mtbf_h
                : isfinite(row.per_million_h) ? 1e6 / row.per_million_h
                                              : row.availability / (1.0 - row.availability) * row.mttr_h;
    c->mttr_h = row.mttr_h;
    c->shape = row.shape;
    c->deviation = row.deviation;
    c->swap_h = row.swap_h;
    c->lead_h = row.lead_h;
    c->spares = (int)row.spares;
    c->crew = -1;
    if (row.crew[0]) {
        const char *names[64];
        int n = plant->failures.crew_count < 64 ? plant->failures.crew_count : 64;
        for (int i = 0; i < n; i++) names[i] = plant->failures.crews[i].name;
        c->crew = find_crew(&plant->failures, row.crew);
        if (c->crew < 0) tw_reference_error(node, "crew", errors, row.crew, "crew", names, n);
    }
    find_parts(plant, node, &row, c, errors);
    char stream[TW_NAME + 16];
    snprintf(stream, sizeof stream, "failure.%s", c->name);
    c->stream = tw_stream((uint64_t)plant->run.seed, stream);
}

// Parts of one row: one after the other, at_once of them together.
static void add_work(TwPlant *plant, const TwMaintenanceRow *row, TwWork on, int loss, int part, const char *name,
                     int *turn)
{
    double begin_s = row->at_s + row->for_s * ((*turn)++ / (int)row->at_once);
    TwFailurePlan *plan = &plant->failures;
    plan->maintenance[plan->maintenance_count++] = (TwMaintenance){.on = on,
                                                                   .loss = loss,
                                                                   .element = part,
                                                                   .name = name,
                                                                   .at_ns = llround(begin_s * 1e9),
                                                                   .for_ns = llround(row->for_s * 1e9),
                                                                   .every_ns = llround(row->every_s * 1e9),
                                                                   .force = row->force};
}

static bool is_work_of(const TwMaintenanceRow *row, const char *const *words, int count, int *kind)
{
    for (*kind = 0; *kind < count; ++*kind)
        if (strcmp(row->of, words[*kind]) == 0) return true;
    return false;
}

// Kinds of the fabric in the order of TwLossKind; false: it is no part of the fabric.
static bool fabric_kind(const TwMaintenanceRow *row, int *kind)
{
    static const char *const words[] = {"leaf", "spine", "core"};
    if (is_work_of(row, words, TW_COUNT(words), kind)) return true;
    *kind = TW_LOSE_LINK;
    return strcmp(row->of, "link") == 0;
}

static void work_on_fabric(TwPlant *plant, const TwNode *node, const TwMaintenanceRow *row, int kind, int *turn,
                           TwErrors *errors)
{
    int parts = tw_fabric_parts(plant, kind, errors);
    if (parts == 0) {
        tw_node_error(node, "of", errors, "the fabric has no %s", row->of);
        return;
    }
    int planes = tw_fabric_planes(plant), choices = parts / planes;
    if (row->index >= choices || row->plane >= planes) {
        tw_node_error(node, row->index >= choices ? "index" : "plane", errors,
                      "%s: index = %lld of plane %lld, expected 0 to %d of plane 0 to %d", row->of,
                      (long long)row->index, (long long)row->plane, choices - 1, planes - 1);
        return;
    }
    for (int i = 0; i < choices; i++) {
        if (row->index >= 0 && row->index != i) continue;
        char name[TW_NAME];
        int part = (int)row->plane * choices + i;
        tw_fabric_part(plant, kind, part, name, sizeof name);
        add_work(plant, row, TW_WORK_FABRIC, kind, part, tw_arena_text(plant->arena, name), turn);
    }
}

static void work_on_named(TwPlant *plant, const TwNode *node, const TwMaintenanceRow *row, int *turn, TwErrors *errors)
{
    bool rack = strcmp(row->of, "rack") == 0, cdu = strcmp(row->of, "cdu") == 0;
    const char *const *names = rack ? plant->rack_names : cdu ? plant->cdu_names : plant->element_names;
    int count = rack ? plant->rack_count : cdu ? plant->cdu_count : plant->element_count;
    for (int i = 0; i < count; i++) {
        bool mine = rack || cdu ? strcmp(names[i], row->element) == 0 || tw_is_copy(names[i], row->element)
                                : matches(plant, i, row->element);
        if (mine)
            add_work(plant, row, rack ? TW_WORK_RACK : cdu ? TW_WORK_CDU : TW_WORK_ELEMENT, -1, i, names[i], turn);
    }
    if (*turn == 0)
        tw_reference_error(node, "element", errors, row->element,
                           rack  ? "rack"
                           : cdu ? "CDU"
                                 : "power element",
                           names, count);
}

// Most that one row takes out.
static int work_room(const TwPlant *plant, const TwMaintenanceRow *row)
{
    int kind;
    if (fabric_kind(row, &kind)) return tw_fabric_choices(plant, kind);
    return plant->element_count + plant->rack_count + plant->cdu_count;
}

static void compile_maintenance(TwPlant *plant, const TwNode *operations, TwErrors *errors)
{
    TwFailurePlan *plan = &plant->failures;
    int n = tw_node_entries(operations, "maintenance"), room = 0;
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        TwMaintenanceRow row;
        int kind;
        tw_node_row(tw_node_entry(operations, "maintenance", i, name), &row);
        if (fabric_kind(&row, &kind)) (void)tw_fabric_parts(plant, kind, errors);
        room += work_room(plant, &row);
    }
    plan->maintenance = TW_TAKE(plant->arena, room + 1, TwMaintenance);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(operations, "maintenance", i, name);
        TwMaintenanceRow row;
        tw_node_row(node, &row);
        int turn = 0, kind;
        if (fabric_kind(&row, &kind))
            work_on_fabric(plant, node, &row, kind, &turn, errors);
        else
            work_on_named(plant, node, &row, &turn, errors);
        int rounds = (turn + (int)row.at_once - 1) / (int)row.at_once;
        if (row.every_s > 0.0 && row.every_s < row.for_s * rounds)
            tw_node_error(node, "every_s", errors, "every_s = %g is shorter than the %g s that one round takes",
                          row.every_s, row.for_s * rounds);
    }
    if (plan->maintenance_count > TW_FAILURE_EVENTS / 2)
        tw_node_error(operations, "maintenance", errors, "%d parts to take out, expected at most %d",
                      plan->maintenance_count, TW_FAILURE_EVENTS / 2);
}

bool tw_failures_compile(TwPlant *plant, TwErrors *errors)
{
    int before = tw_errors_count(errors);
    const TwNode *operations = tw_node_group(tw_config_root(plant->config), "operations");
    TwFailurePlan *plan = &plant->failures;
    plan->crew_count = tw_node_entries(operations, "crews");
    plan->crews = TW_TAKE(plant->arena, plan->crew_count + 1, TwCrew);
    for (int i = 0; i < plan->crew_count; i++) {
        TwCrewRow row;
        tw_node_row(tw_node_entry(operations, "crews", i, plan->crews[i].name), &row);
        plan->crews[i].count = (int)row.size;
    }
    plan->class_count = tw_node_entries(operations, "failures");
    plan->classes = TW_TAKE(plant->arena, plan->class_count + 1, TwFailureClass);
    for (int i = 0; i < plan->class_count; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(operations, "failures", i, name);
        compile_class(plant, node, name, &plan->classes[i], errors);
    }
    compile_maintenance(plant, operations, errors);
    return tw_errors_count(errors) == before;
}

void tw_failures_layout(TwPlant *plant, TwLayout *layout)
{
    TwFailurePlan *p = &plant->failures;
    size_t racks = (size_t)plant->rack_count;
    p->head = tw_layout_add(layout, 1, sizeof(Head));
    p->tickets = tw_layout_add(layout, TICKETS, sizeof(Ticket));
    p->draws = tw_layout_add(layout, (size_t)p->class_count, sizeof(uint64_t));
    p->crew_free = tw_layout_add(layout, (size_t)p->crew_count, sizeof(int32_t));
    p->working = tw_layout_add(layout, (size_t)p->maintenance_count, sizeof(int32_t));
    p->work_carried = tw_layout_add(layout, (size_t)p->maintenance_count, sizeof(bool));
    p->spare_free = tw_layout_add(layout, (size_t)p->class_count, sizeof(int32_t));
    int reach = p->maintenance_count > 0 ? plant->element_count : 0;
    TwPowerRing *ring = TW_TAKE(plant->arena, reach + 1, TwPowerRing);
    for (int e = 0; e < reach; e++) ring[e] = tw_power_ring(plant->power, e);
    p->ring = ring;
    p->reach_out = tw_layout_add(layout, (size_t)reach, sizeof(int32_t));
    p->reach_alive = tw_layout_add(layout, (size_t)reach, sizeof(bool));
    p->replica_down = tw_layout_add(layout, (size_t)plant->replica_count, 1);
    p->down_gpus = tw_layout_add(layout, racks, sizeof(int32_t));
    p->rack_down = tw_layout_add(layout, racks, 1);
    for (int i = 0; i < p->class_count; i++)
        if (p->classes[i].shape != 1.0)
            p->classes[i].timer_ns = tw_layout_add(layout, (size_t)p->classes[i].count, sizeof(int64_t));
}

// --- draws -----------------------------------------------------------------------------------------------------------

// Four words of the next draw of a class; entity: its gaps or its repairs.
static void draw(const TwPlant *plant, void *block, int class, uint32_t entity, double u[4])
{
    uint64_t *draws = tw_at(block, plant->failures.draws);
    uint32_t words[4];
    tw_random4(plant->failures.classes[class].stream, draws[class]++, entity, TW_PURPOSE_FAILURE, words);
    for (int k = 0; k < 4; k++) u[k] = tw_uniform(words[k]);
}

// On tenths of a second: every event ends a window, and one of nanoseconds would hold a whole iteration's energy.
static int64_t after(int64_t now_ns, double hours)
{
    const int64_t grain_ns = 100000000;
    double ns = hours * HOUR_NS;
    if (!(ns < 9e18 - (double)now_ns)) return INT64_MAX;
    return (now_ns + llround(fmax(ns, 1.0)) + grain_ns - 1) / grain_ns * grain_ns;
}

// When the class fails next, and puts it in the queue.
static void schedule(const TwPlant *plant, void *block, int class, int64_t now_ns)
{
    const TwFailureClass *c = &plant->failures.classes[class];
    if (c->count == 0) return;
    int64_t at_ns = INT64_MAX;
    if (c->shape == 1.0) {
        double u[4];
        draw(plant, block, class, DRAW_GAP, u);
        at_ns = after(now_ns, tw_draw_exponential(u[0], tw_fleet_stop(c->mtbf_h, c->count)));
    } else {
        const int64_t *timer_ns = tw_i64(block, c->timer_ns);
        for (int i = 0; i < c->count; i++) at_ns = timer_ns[i] < at_ns ? timer_ns[i] : at_ns;
    }
    if (at_ns == INT64_MAX) return;
    tw_events_push(&plant->queue, block, (TwEvent){.time_ns = at_ns, .kind = TW_EVENT_FAIL, .index = class});
}

void tw_failures_start(const TwPlant *plant, void *block)
{
    const TwFailurePlan *p = &plant->failures;
    for (int i = 0; i < p->crew_count; i++) ((int32_t *)tw_at(block, p->crew_free))[i] = p->crews[i].count;
    for (int i = 0; i < p->class_count; i++) {
        const TwFailureClass *c = &p->classes[i];
        ((int32_t *)tw_at(block, p->spare_free))[i] = c->spares;
        for (int k = 0; k < c->count && c->shape != 1.0; k++) {
            double u[4];
            draw(plant, block, i, DRAW_GAP, u);
            tw_i64(block, c->timer_ns)[k] = after(0, tw_draw_weibull(u[0], c->mtbf_h, c->shape));
        }
        schedule(plant, block, i, 0);
    }
    for (int i = 0; i < p->maintenance_count; i++)
        tw_events_push(&plant->queue, block,
                       (TwEvent){.time_ns = p->maintenance[i].at_ns, .kind = TW_EVENT_MAINTAIN, .index = i});
}

// --- parts ----------------------------------------------------------------------------------------------------------

// The rack of a GPU of a replica, which may lie in several.
static int rack_of_gpu(const TwPlant *plant, int replica, int gpu)
{
    int at = plant->part_first[replica], left = gpu - plant->replica_gpu[replica];
    while (at + 1 < plant->part_first[replica + 1] && left >= plant->part_gpus[at]) left -= plant->part_gpus[at++];
    return plant->part_rack[at];
}

void tw_failures_part(const TwPlant *plant, int class, int part, char *text, size_t size)
{
    const TwFailureClass *c = &plant->failures.classes[class];
    int replica;
    switch (c->victims) {
    case TW_VICTIM_GPU:
        replica = tw_plant_replica_of(plant, part);
        snprintf(text, size, "GPU %d of a replica in %s", part - plant->replica_gpu[replica] + 1,
                 plant->racks[rack_of_gpu(plant, replica, part)].name);
        break;
    case TW_VICTIM_RACK:
        snprintf(text, size, "rack %s", plant->racks[part].name);
        break;
    case TW_VICTIM_ELEMENT:
        snprintf(text, size, "%s", plant->element_names[part]);
        break;
    case TW_VICTIM_PUMP:
        snprintf(text, size, "pump of %s", plant->cdu_names[part]);
        break;
    case TW_VICTIM_SUPPLY:
    case TW_VICTIM_SHELF: {
        int rack = tw_failures_rack(plant, c, part);
        snprintf(text, size, "%s %d of rack %s", c->victims == TW_VICTIM_SHELF ? "shelf" : "power supply",
                 part - c->first[rack] + 1, plant->racks[rack].name);
        break;
    }
    case TW_VICTIM_COOLING: {
        bool cdu = tw_thermal_act_on((TwThermalAct)c->act) == TW_AT_CDU;
        snprintf(text, size, "%s %s", cdu ? plant->cdu_names[part] : "cooling plant",
                 tw_thermal_act_word((TwThermalAct)c->act));
        break;
    }
    case TW_VICTIM_FABRIC:
        tw_fabric_part(plant, c->act, part, text, size);
        break;
    }
}

static Ticket *tickets(const TwPlant *plant, void *block) { return tw_at(block, plant->failures.tickets); }

// Parts of a class that are out now.
static int open_parts(const TwPlant *plant, void *block, int class)
{
    const Ticket *t = tickets(plant, block);
    int count = 0;
    for (int i = 0; i < TICKETS; i++)
        count += t[i].class == class && (t[i].phase == WAITS || t[i].phase == IN_REPAIR || t[i].phase == SWAPPING);
    return count;
}

static void set_part(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int class, int part, bool whole,
                     int entry)
{
    const TwFailureClass *c = &plant->failures.classes[class];
    switch (c->victims) {
    case TW_VICTIM_GPU:
        hooks->replica(hooks->context, tw_plant_replica_of(plant, part), whole, entry);
        break;
    case TW_VICTIM_RACK:
        hooks->rack(hooks->context, part, whole, entry);
        break;
    case TW_VICTIM_ELEMENT:
        hooks->element(hooks->context, part, whole, entry);
        break;
    case TW_VICTIM_PUMP:
        hooks->pump(hooks->context, part, !whole, entry);
        break;
    case TW_VICTIM_SUPPLY:
    case TW_VICTIM_SHELF: {
        int rack = tw_failures_rack(plant, c, part);
        int count = c->victims == TW_VICTIM_SHELF ? tw_power_shelf_supplies(plant->power, rack) : 1;
        // a supply that lies in a shelf that is out is out once
        hooks->supply(hooks->context, rack, whole ? count : -count, entry);
        break;
    }
    case TW_VICTIM_COOLING: {
        int out = open_parts(plant, block, class);
        // units go and come one by one; what the plant has once is out while any of its failures is open
        bool units = c->act == TW_ACT_UNIT_OUT || c->act == TW_ACT_AIR_UNIT_OUT;
        bool plant_act = tw_thermal_act_on((TwThermalAct)c->act) == TW_AT_PLANT;
        hooks->cooling(hooks->context, c->act, plant_act ? 0 : part, units ? 1.0 : c->value,
                       plant_act && !units ? out > 0 : !whole, entry);
        break;
    }
    case TW_VICTIM_FABRIC:
        hooks->fabric(hooks->context, c->act, part, !whole, entry);
        break;
    }
}

// --- what happens ----------------------------------------------------------------------------------------------------

static void push(const TwPlant *plant, void *block, int64_t at_ns, TwEventKind kind, int index)
{
    if (at_ns == INT64_MAX) return;
    tw_events_push(&plant->queue, block, (TwEvent){.time_ns = at_ns, .kind = (int32_t)kind, .index = index});
}

// Repairs that wait, in order of failure: each takes a crew and a spare when both are there.
static void begin_repairs(const TwPlant *plant, void *block, int64_t now_ns)
{
    int32_t *crew_free = tw_at(block, plant->failures.crew_free), *spares = tw_at(block, plant->failures.spare_free);
    Ticket *t = tickets(plant, block);
    bool passed[TICKETS] = {false};
    for (;;) {
        int next = -1;
        for (int i = 0; i < TICKETS; i++)
            if (t[i].phase == WAITS && !passed[i] && (next < 0 || t[i].order < t[next].order)) next = i;
        if (next < 0) return;
        passed[next] = true;
        const TwFailureClass *c = &plant->failures.classes[t[next].class];
        if (c->crew >= 0 && crew_free[c->crew] <= 0) continue;
        if (c->spares >= 0 && spares[t[next].class] <= 0) continue;
        if (c->crew >= 0) crew_free[c->crew]--;
        // without a lead time the stock is filled up at once
        if (c->spares >= 0 && c->lead_h > 0.0) {
            spares[t[next].class]--;
            push(plant, block, after(now_ns, c->lead_h), TW_EVENT_RESTOCK, t[next].class);
        }
        double u[4];
        draw(plant, block, t[next].class, DRAW_REPAIR, u);
        double hours = tw_draw_lognormal(u[0], c->mttr_h, c->deviation);
        t[next].phase = IN_REPAIR;
        t[next].repair_entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_REPAIR, t[next].entry, t[next].class,
                                            t[next].part, hours * 3600.0);
        push(plant, block, after(now_ns, hours), TW_EVENT_REPAIRED, next);
    }
}

static void fail_part(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int class, int part,
                      int64_t now_ns)
{
    const TwFailureClass *c = &plant->failures.classes[class];
    Ticket *t = tickets(plant, block);
    Head *head = tw_at(block, plant->failures.head);
    int unused = -1;
    for (int i = 0; i < TICKETS; i++) {
        bool open = t[i].phase == WAITS || t[i].phase == IN_REPAIR || t[i].phase == SWAPPING;
        if (open && t[i].class == class && t[i].part == part) return;    // what is broken cannot break
        if (t[i].phase == NO_TICKET && unused < 0) unused = i;
    }
    if (unused < 0) {
        head->overflow++;
        return;
    }
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_FAILED, -1, class, part, 0.0);
    t[unused] = (Ticket){.phase = WAITS,
                         .class = class,
                         .part = part,
                         .entry = entry,
                         .repair_entry = -1,
                         .failed_ns = now_ns,
                         .order = head->order++};
    set_part(plant, block, hooks, class, part, false, entry);
    int32_t *spares = tw_at(block, plant->failures.spare_free);
    if (c->swap_h > 0.0 && (c->spares < 0 || spares[class] > 0)) {
        if (c->spares >= 0) spares[class]--;
        t[unused].phase = SWAPPING;
        push(plant, block, after(now_ns, c->swap_h), TW_EVENT_SWAPPED, unused);
    } else {
        begin_repairs(plant, block, now_ns);
    }
}

static void fail_class(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int class, int64_t now_ns)
{
    const TwFailureClass *c = &plant->failures.classes[class];
    int part = -1;
    if (c->shape == 1.0) {
        double u[4];
        draw(plant, block, class, DRAW_GAP, u);
        part = (int)(u[0] * c->count);
    } else {
        int64_t *timer_ns = tw_i64(block, c->timer_ns);
        for (int i = 0; i < c->count && part < 0; i++)
            if (timer_ns[i] <= now_ns) part = i;
        if (part >= 0) {
            // as good as new after its repair, which is short beside its life
            double u[4];
            draw(plant, block, class, DRAW_GAP, u);
            timer_ns[part] = after(now_ns, tw_draw_weibull(u[0], c->mtbf_h, c->shape) + c->mttr_h);
        }
    }
    if (part >= 0) fail_part(plant, block, hooks, class, c->parts ? c->parts[part] : part, now_ns);
    schedule(plant, block, class, now_ns);
}

// Racks without supply, and with it but without coolant (dry), were an element out besides those that are, once every
// switch has acted; what stores carry is not counted as carried. -1: none besides.
static int racks_lost(const TwPlant *plant, void *block, int besides, int and_this, int *dry)
{
    const TwFailurePlan *p = &plant->failures;
    int32_t *out = tw_at(block, p->reach_out);
    bool *alive = tw_at(block, p->reach_alive);
    for (int e = 0; e < plant->element_count; e++)
        out[e] = e == besides || e == and_this || tw_power_look(plant->power, block, e).stand == TW_STANDS_OUT;
    tw_reach(plant, p->ring, out, alive);
    bool plant_runs = tw_reach_plant(plant, alive);
    int dark = 0;
    *dry = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        int cdu = plant->racks[i].cdu;
        bool on = tw_reach_rack(plant, alive, i);
        dark += !on;
        *dry += on && (!plant_runs || (cdu >= 0 && !tw_reach_cdu(plant, alive, NULL, cdu)));
    }
    return dark;
}

// An element that is out already is left alone.
static bool in_service(const TwPlant *plant, const void *block, int element)
{
    return ((const uint8_t *)tw_at_const(block, plant->slot.out))[element] == 0;
}

// Whether the other CDUs of its manifold go on cooling the racks of one, as they stand.
static bool spared(const TwPlant *plant, void *block, int cdu)
{
    const TwFailurePlan *p = &plant->failures;
    const TwThermal *thermal = plant->thermal;
    int dry, stopped = 0;
    racks_lost(plant, block, -1, -1, &dry);    // which elements live
    const bool *alive = tw_at(block, p->reach_alive);
    for (int c = 0; c < thermal->cdu_count; c++)
        if (thermal->cdu_loop[c] == thermal->cdu_loop[cdu])
            stopped += c == cdu || tw_thermal_pump_failed(thermal, block, c) || !alive[plant->load_element[c + 1]];
    return stopped <= thermal->cdu_spare[cdu];
}

// Racks, CDUs and parts of the fabric. With force the racks of a CDU that no other stands in for are shut down before
// it stops.
static void set_work(const TwPlant *plant, const TwFailureHooks *hooks, const TwMaintenance *job, bool whole,
                     bool racks, int entry)
{
    switch (job->on) {
    case TW_WORK_RACK:
        hooks->rack(hooks->context, job->element, whole, entry);
        break;
    case TW_WORK_CDU:
        if (whole) hooks->pump(hooks->context, job->element, false, entry);
        for (int i = 0; i < plant->rack_count && racks; i++)
            if (plant->racks[i].cdu == job->element) hooks->rack(hooks->context, i, whole, entry);
        if (!whole) hooks->pump(hooks->context, job->element, true, entry);
        break;
    case TW_WORK_FABRIC:
        hooks->fabric(hooks->context, job->loss, job->element, !whole, entry);
        break;
    case TW_WORK_ELEMENT:
        break;
    }
}

static void begin_work(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int index, int64_t now_ns)
{
    const TwMaintenance *job = &plant->failures.maintenance[index];
    const uint8_t *down = tw_at_const(block, plant->failures.rack_down);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    int racks = 0;
    bool refused = false, carried = job->on == TW_WORK_CDU && spared(plant, block, job->element);
    switch (job->on) {
    case TW_WORK_RACK:
        if (down[job->element]) return;    // out already
        racks = 1;
        break;
    case TW_WORK_CDU:
        for (int i = 0; i < plant->rack_count && !carried; i++) racks += plant->racks[i].cdu == job->element && on[i];
        refused = racks > 0;
        break;
    case TW_WORK_FABRIC:
        if (tw_fabric_is_out(plant, block, job->loss, job->element)) return;
        refused = !job->force && !(tw_fabric_without(plant, block, job->loss, job->element) > 0.0);
        break;
    case TW_WORK_ELEMENT:
        return;
    }
    if (refused && !job->force) {
        tw_story_add(plant, block, now_ns, TW_HAPPENED_WORK_REFUSED, -1, index, racks, NAN);
        return;
    }
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_WORK, -1, index, job->on == TW_WORK_CDU ? racks : 0,
                             (double)job->for_ns * 1e-9);
    ((int32_t *)tw_at(block, plant->failures.working))[index] = entry;
    ((bool *)tw_at(block, plant->failures.work_carried))[index] = carried;
    set_work(plant, hooks, job, false, !carried, entry);
    push(plant, block, now_ns + job->for_ns, TW_EVENT_MAINTAIN_END, index);
}

static void end_work(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int index, int64_t now_ns)
{
    int cause = ((const int32_t *)tw_at_const(block, plant->failures.working))[index];
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_WORK_END, cause, index, 0, 0.0);
    bool carried = ((const bool *)tw_at_const(block, plant->failures.work_carried))[index];
    set_work(plant, hooks, &plant->failures.maintenance[index], true, !carried, entry);
}

static void maintain(const TwPlant *plant, void *block, const TwFailureHooks *hooks, int index, int64_t now_ns)
{
    const TwMaintenance *job = &plant->failures.maintenance[index];
    if (job->every_ns > 0) push(plant, block, now_ns + job->every_ns, TW_EVENT_MAINTAIN, index);
    if (job->on != TW_WORK_ELEMENT) {
        begin_work(plant, block, hooks, index, now_ns);
        return;
    }
    if (!in_service(plant, block, job->element)) return;
    int dry, dry_before, before = racks_lost(plant, block, -1, -1, &dry_before);
    int without = racks_lost(plant, block, job->element, -1, &dry) - before, worst = 0, at = -1;
    dry -= dry_before;
    if ((without > 0 || dry > 0) && !job->force) {
        tw_story_add(plant, block, now_ns, TW_HAPPENED_REFUSED, -1, job->element, without > 0,
                     without > 0 ? without : dry);
        return;
    }
    // the next loss of what remains, among its like
    for (int e = 0; e < plant->element_count && without == 0; e++) {
        if (e == job->element || !in_service(plant, block, e)) continue;
        if (strcmp(plant->elements[e].kind, plant->elements[job->element].kind) != 0) continue;
        int lost = racks_lost(plant, block, job->element, e, &dry) - before;
        if (lost > worst) worst = lost, at = e;
    }
    int entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_MAINTAIN, -1, job->element, at, worst);
    tw_story_note(plant, block, entry);
    hooks->element(hooks->context, job->element, false, entry);
    push(plant, block, now_ns + job->for_ns, TW_EVENT_MAINTAIN_END, index);
}

void tw_failures_happen(const TwPlant *plant, void *block, const TwFailureHooks *hooks, const TwEvent *event,
                        int64_t now_ns)
{
    int32_t *crew_free = tw_at(block, plant->failures.crew_free), *spares = tw_at(block, plant->failures.spare_free);
    Ticket *t = tickets(plant, block) + (event->index < TICKETS ? event->index : 0);
    int entry;
    switch ((TwEventKind)event->kind) {
    case TW_EVENT_FAIL:
        fail_class(plant, block, hooks, event->index, now_ns);
        break;
    case TW_EVENT_SWAPPED: {
        const TwFailureClass *c = &plant->failures.classes[t->class];
        entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_SWAPPED, t->entry, t->class, t->part, 0.0);
        t->phase = WORKSHOP;
        set_part(plant, block, hooks, t->class, t->part, true, entry);
        double u[4];
        draw(plant, block, t->class, DRAW_REPAIR, u);
        push(plant, block, after(now_ns, tw_draw_lognormal(u[0], c->mttr_h, c->deviation)), TW_EVENT_REPAIRED,
             event->index);
        break;
    }
    case TW_EVENT_REPAIRED: {
        const TwFailureClass *c = &plant->failures.classes[t->class];
        bool workshop = t->phase == WORKSHOP;
        int class = t->class, part = t->part, cause = t->repair_entry;
        *t = (Ticket){0};
        if (workshop) {
            if (c->spares >= 0) spares[class]++;
        } else {
            if (c->crew >= 0) crew_free[c->crew]++;
            entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_REPAIRED, cause, class, part, 0.0);
            set_part(plant, block, hooks, class, part, true, entry);
        }
        begin_repairs(plant, block, now_ns);
        break;
    }
    case TW_EVENT_RESTOCK:
        spares[event->index]++;
        begin_repairs(plant, block, now_ns);
        break;
    case TW_EVENT_MAINTAIN:
        maintain(plant, block, hooks, event->index, now_ns);
        break;
    case TW_EVENT_MAINTAIN_END: {
        if (plant->failures.maintenance[event->index].on != TW_WORK_ELEMENT) {
            end_work(plant, block, hooks, event->index, now_ns);
            break;
        }
        int element = plant->failures.maintenance[event->index].element;
        int cause = tw_story_open(plant, block, TW_HAPPENED_MAINTAIN, element);
        entry = tw_story_add(plant, block, now_ns, TW_HAPPENED_RESTORED, cause, element, 1, 0.0);
        tw_story_note(plant, block, entry);
        hooks->element(hooks->context, element, true, entry);
        break;
    }
    default:
        assert(false);
    }
}
