#include "twin/scene_parts.h"

#include "twin/voltages.h"

#include "models/network/drawn.h"
#include "models/power/contingency.h"
#include "models/thermal/plant.h"
#include "sim/digits.h"
#include "twin/looks.h"
#include "twin/scene_fabric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How a recorded series is shown.
typedef struct Shown {
    const char *group, *name, *unit, *label;
    double scale;
} Shown;

static const Shown shown[] = {
    {"element", "element_w", "kW", "Power in", 1e-3},
    {"element", "loss_w", "kW", "Loss", 1e-3},
    {"element", "loading_fraction", "%", "Load over limit", 100.0},
    {"element", "limit_w", "kW", "Limit in force", 1e-3},
    {"element", "volts_v", "V", "Voltage out", 1.0},
    {"element", "stored_fraction", "%", "Charge of the store", 100.0},
    {"element", "store_w", "kW", "Out of the store", 1e-3},
    {"element", "second_fraction", "%", "From its second source", 100.0},
    {"element", "back_fraction", "%", "Towards its own source", 100.0},
    {"element", "state", "", "State", 1.0},
    {"load", "load_w", "kW", "Load", 1e-3},
    {"cdu", "supply_degc", "degC", "Coolant to racks", 1.0},
    {"cdu", "return_degc", "degC", "Coolant from racks", 1.0},
    {"cdu", "heat_w", "kW", "Heat passed", 1e-3},
    {"cdu", "valve_fraction", "%", "Valve open", 100.0},
    {"cdu", "pump_w", "kW", "Pumps", 1e-3},
    {"cdu", "flow_kg_s", "kg/s", "Coolant flow", 1.0},
    {"cdu", "plant_flow_kg_s", "kg/s", "Facility water flow", 1.0},
    {"cdu", "head_pa", "kPa", "Head of the pumps", 1e-3},
    {"cdu", "pump_fraction", "%", "Pump speed", 100.0},
    {"cdu", "set_degc", "degC", "Set point of the supply", 1.0},
    {"cdu", "plant_return_degc", "degC", "Facility water leaving", 1.0},
    {"cdu", "state", "", "State", 1.0},
    {"cdu", "header_pa", "kPa", "Pressure across the racks", 1e-3},
    {"cdu", "approach_k", "K", "Supply above facility water", 1.0},
    {"cdu", "flow_m3_s", "L/s", "Coolant flow by volume", 1e3},
    {"cdu", "leak", "", "Loses coolant (1: yes)", 1.0},
    {"plant", "supply_degc", "degC", "Facility water supply", 1.0},
    {"plant", "return_degc", "degC", "Facility water return", 1.0},
    {"plant", "tank_degc", "degC", "Buffer tank", 1.0},
    {"plant", "leaving_degc", "degC", "Water leaving heat rejection", 1.0},
    {"plant", "set_degc", "degC", "Its set point", 1.0},
    {"plant", "flow_kg_s", "kg/s", "Facility water flow", 1.0},
    {"plant", "head_pa", "kPa", "Head of the primary pumps", 1e-3},
    {"plant", "pump_fraction", "%", "Primary pump speed", 100.0},
    {"plant", "fan_fraction", "%", "Fan speed", 100.0},
    {"plant", "units", "", "Units running", 1.0},
    {"plant", "reject_w", "kW", "Heat to the environment", 1e-3},
    {"plant", "pump_w", "kW", "Primary pumps", 1e-3},
    {"plant", "fan_w", "kW", "Fans", 1e-3},
    {"plant", "chiller_w", "kW", "Chiller", 1e-3},
    {"plant", "water_kg_s", "kg/s", "Water consumed", 1.0},
    {"plant", "ambient_degc", "degC", "Outdoor air", 1.0},
    {"plant", "wet_bulb_degc", "degC", "Outdoor wet bulb", 1.0},
    {"plant", "state", "", "State", 1.0},
    {"room", "room_degc", "degC", "Room air", 1.0},
    {"room", "set_degc", "degC", "Its set point", 1.0},
    {"room", "reject_w", "kW", "Heat taken out", 1e-3},
    {"room", "fan_fraction", "%", "Fan speed", 100.0},
    {"room", "fan_w", "kW", "Fans", 1e-3},
    {"room", "chiller_w", "kW", "Chiller", 1e-3},
    {"room", "ambient_degc", "degC", "Outdoor air", 1.0},
    {"room", "state", "", "State", 1.0},
    {"fabric", "power_w", "kW", "Switches and optics", 1e-3},
    {"fabric", "throughput_fraction", "%", "Carries, of the whole fabric", 100.0},
    {"fabric", "slowest_fraction", "%", "Slowest host, of the whole fabric", 100.0},
    {"fabric", "handover_bytes_s", "GB/s", "KV handed over", 1e-9},
    {"fabric", "sent_bytes_s", "GB/s", "The run sends", 1e-9},
    {"fabric", "fullest_fraction", "%", "Fullest link of the run", 100.0},
    {"pool", "waiting", "requests", "Waiting", 1.0},
    {"pool", "running", "requests", "In a batch", 1.0},
    {"pool", "kv_fraction", "%", "KV memory held", 100.0},
    {"pool", "output_tokens_per_s", "tokens/s", "Output tokens", 1.0},
    {"pool", "input_tokens_per_s", "tokens/s", "Input tokens computed", 1.0},
    {"pool", "requests_per_s", "requests/s", "Requests completed", 1.0},
    {"pool", "transfer_bytes_s", "GB/s", "KV handed over", 1e-9},
    {"pool", "live_replicas", "", "Replicas that serve", 1.0},
    {"pool", "state", "", "State", 1.0},
    {"service", "arrived", "requests", "Arrived since the start", 1.0},
    {"service", "completed", "requests", "Completed since the start", 1.0},
    {"service", "dropped", "requests", "Rejected or lost", 1.0},
    {"service", "good_fraction", "%", "Within the service levels", 100.0},
    {"service", "ttft_p50_s", "s", "TTFT p50", 1.0},
    {"service", "ttft_p90_s", "s", "TTFT p90", 1.0},
    {"service", "ttft_p99_s", "s", "TTFT p99", 1.0},
    {"service", "tpot_p50_s", "ms", "TPOT p50", 1e3},
    {"service", "tpot_p90_s", "ms", "TPOT p90", 1e3},
    {"service", "tpot_p99_s", "ms", "TPOT p99", 1e3},
    {"service", "e2e_p50_s", "s", "End to end p50", 1.0},
    {"service", "e2e_p90_s", "s", "End to end p90", 1.0},
    {"service", "e2e_p99_s", "s", "End to end p99", 1.0},
};

// A recorded group as a class of elements.
typedef struct Group {
    const char *name;
    TwSceneSubject subject;
    void (*describe)(TwSceneParts *parts, int class);    // names, kinds, parents, limits, racks of its elements
} Group;

struct TwSceneParts {
    const TwPlant *plant;
    TwScene *scene;
    TwSceneRack *racks;
    TwSceneElement *elements;
    TwSceneFabric *fabric;    // NULL: its links are not known
    TwSwitchLoad *load;       // NULL: the run's network carries nothing
    double *sent;             // [field][switch]
    TwSceneClass classes[TW_GROUPS + 1];
    int group[TW_GROUPS + 1];    // [class] recorded group; -1: switches
    TwSceneField *fields;
    float *values, *limits;
    TwSceneLoss *losses;
    TwSceneOverload *overloads;
    int overload_room;
    double *services;    // values of its class
    int *element_racks;
    int rack_room;
};

static void copy(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from ? from : ""); }

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (!memory) abort();
    return memory;
}

static int first_of(const TwSceneParts *p, const char *class)
{
    int c = tw_scene_class(p->scene, class);
    return c >= 0 ? p->classes[c].first : -1;
}

static void limit(TwSceneParts *p, int class, int entry, const char *name, double value)
{
    const TwSceneClass *c = &p->classes[class];
    int field = tw_scene_field(p->scene, class, name);
    if (field < 0) return;
    p->limits[(size_t)c->value + (size_t)(field - c->field) * (size_t)c->count + (size_t)entry] = (float)value;
}

static void link_rack(TwSceneParts *p, int rack)
{
    TwScene *s = p->scene;
    if (s->element_rack_count == p->rack_room) {
        p->rack_room = p->rack_room ? 2 * p->rack_room : 1024;
        p->element_racks = realloc(p->element_racks, (size_t)p->rack_room * sizeof *p->element_racks);
        if (!p->element_racks) abort();
    }
    p->element_racks[s->element_rack_count++] = rack;
}

// ---- electrical ----

// racks by element: those that hang on it over first sources
static void link_tree(TwSceneParts *p, int first)
{
    const TwPlant *plant = p->plant;
    const int *parent = plant->power->parent;
    int n = plant->element_count;
    int *count = zeroed((size_t)n, sizeof *count), *seen = zeroed((size_t)n, sizeof *seen);
    for (int pass = 0; pass < 2; pass++) {
        for (int e = 0; e < n; e++) seen[e] = -1;
        for (int i = 0; i < plant->rack_count; i++) {
            const TwRackPlan *r = &plant->racks[i];
            for (int k = 0; k < (r->cord_count > 0 ? r->cord_count : 1); k++)
                for (int e = r->cord_count > 0 ? r->cords[k] : r->element; e >= 0 && seen[e] != i; e = parent[e]) {
                    seen[e] = i;
                    TwSceneElement *at = &p->elements[first + e];
                    if (pass == 0)
                        at->rack_count++;
                    else
                        p->element_racks[at->rack + count[e]++] = i;
                }
        }
        for (int e = 0; e < n && pass == 0; e++) {
            p->elements[first + e].rack = p->scene->element_rack_count;
            for (int k = 0; k < p->elements[first + e].rack_count; k++) link_rack(p, 0);
        }
    }
    free(count);
    free(seen);
}

static void describe_elements(TwSceneParts *p, int class)
{
    const TwPlant *plant = p->plant;
    int first = p->classes[class].first;
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *row = &plant->elements[i];
        TwSceneElement *e = &p->elements[first + i];
        copy(e->kind, sizeof e->kind, row->kind);
        copy(e->title, sizeof e->title, row->title);
        e->parent = plant->power->parent[i] >= 0 ? first + plant->power->parent[i] : -1;
        for (int k = 0; k < plant->element_count && row->second && row->second[0] && e->second < 0; k++)
            if (strcmp(plant->element_names[k], row->second) == 0) e->second = first + k;
        e->closed = row->closed && e->second >= 0;
        for (int up = plant->power->parent[i]; up >= 0; up = plant->power->parent[up]) e->level++;
        limit(p, class, i, "loading_fraction", 1.0);
    }
    link_tree(p, first);
    for (int i = 0; i < plant->rack_count; i++) p->racks[i].on[TW_OF_POWER] = first + plant->racks[i].element;
}

// ---- cooling ----

static void describe_cdus(TwSceneParts *p, int class)
{
    const TwPlant *plant = p->plant;
    int first = p->classes[class].first;
    for (int c = 0; c < plant->cdu_count; c++) {
        TwSceneElement *e = &p->elements[first + c];
        copy(e->kind, sizeof e->kind, "cdu");
        e->level = 1;
        e->parent = first_of(p, "plant");
        e->rack = p->scene->element_rack_count;
        for (int i = 0; i < plant->rack_count; i++)
            if (plant->racks[i].cdu == c) {
                link_rack(p, i);
                e->rack_count++;
                p->racks[i].on[TW_OF_COOLING] = first + c;
                if (!e->place[0]) copy(e->place, sizeof e->place, plant->racks[i].hall);
            }
    }
}

static void describe_plant(TwSceneParts *p, int class)
{
    TwSceneElement *e = &p->elements[p->classes[class].first];
    TwPlantRow row;
    tw_node_row(tw_node_group(tw_node_group(tw_config_root(p->plant->config), "cooling"), "plant"), &row);
    copy(e->kind, sizeof e->kind, row.kind);
    copy(e->title, sizeof e->title, row.title);
}

static void describe_room(TwSceneParts *p, int class)
{
    TwSceneElement *e = &p->elements[p->classes[class].first];
    copy(e->kind, sizeof e->kind, "room");
    e->level = 1;
}

// pumps, fans, chillers and the fabric as consumers on the one-line
static void describe_loads(TwSceneParts *p, int class)
{
    const TwPlant *plant = p->plant;
    int elements = first_of(p, "element"), cdus = first_of(p, "cdu");
    for (int i = 0; i < plant->load_count; i++) {
        TwSceneElement *e = &p->elements[p->classes[class].first + i];
        copy(e->kind, sizeof e->kind, "load");
        e->parent = elements + plant->load_element[i];
        e->level = p->elements[e->parent].level + 1;
        int cdu = i > 0 && i <= plant->thermal->load_count ? plant->thermal->load_cdu[i - 1] : -1;
        if (cdu >= 0) copy(e->place, sizeof e->place, p->elements[cdus + cdu].place);
    }
}

// ---- serving ----

static void describe_pools(TwSceneParts *p, int class)
{
    const TwPlant *plant = p->plant;
    int first = p->classes[class].first;
    bool *seen = zeroed((size_t)plant->rack_count, sizeof *seen);
    for (int k = 0; k < plant->pool_count; k++) {
        const TwPoolPlan *pool = &plant->pools[k];
        TwSceneElement *e = &p->elements[first + k];
        copy(e->kind, sizeof e->kind, "pool");
        int used = snprintf(e->title, sizeof e->title, "%s %s, %d replicas of %d GPUs", pool->model, pool->precision,
                            pool->replicas, pool->gpus);
        if (pool->prefill_replicas > 0 && used < (int)sizeof e->title)
            snprintf(e->title + used, sizeof e->title - (size_t)used, ", %d for prompts", pool->prefill_replicas);
        e->rack = p->scene->element_rack_count;
        memset(seen, 0, (size_t)plant->rack_count * sizeof *seen);
        for (int i = 0; i < pool->part_first[pool->replicas]; i++) {
            int rack = pool->part_rack[i];
            if (seen[rack]) continue;
            seen[rack] = true;
            link_rack(p, rack);
            e->rack_count++;
            if (p->racks[rack].on[TW_OF_SERVING] < 0) p->racks[rack].on[TW_OF_SERVING] = first + k;
        }
        limit(p, class, k, "live_replicas", pool->replicas);
        limit(p, class, k, "kv_fraction", 1.0);
        int ranks = pool->attention_ranks > 1 ? pool->attention_ranks : 1;    // each with sequences of its own
        limit(p, class, k, "running", (double)pool->max_sequences * ranks * pool->replicas);
    }
    free(seen);
}

static void describe_services(TwSceneParts *p, int class)
{
    const TwPlant *plant = p->plant;
    int pools = first_of(p, "pool"), at = 0;
    for (int k = 0; k < plant->pool_count; k++) {
        const TwPoolPlan *pool = &plant->pools[k];
        int count = pool->service_count > 1 ? pool->service_count : 1;
        for (int i = 0; i < count; i++, at++) {
            TwSceneElement *e = &p->elements[p->classes[class].first + at];
            const TwServiceLimit *level = &pool->services[i];
            double ttft_s = pool->ttft_slo_s, tpot_s = pool->tpot_slo_s, e2e_s = INFINITY;
            if (count > 1) {
                ttft_s = level->ttft_ns < INT64_MAX ? (double)level->ttft_ns * 1e-9 : INFINITY;
                tpot_s = level->tpot_ps < INT64_MAX ? (double)level->tpot_ps * 1e-12 : INFINITY;
                e2e_s = level->e2e_ns < INT64_MAX ? (double)level->e2e_ns * 1e-9 : INFINITY;
            }
            copy(e->kind, sizeof e->kind, "service");
            e->level = 1;
            e->parent = pools + k;
            e->rack = p->elements[pools + k].rack, e->rack_count = p->elements[pools + k].rack_count;
            static const char *const points[] = {"p50", "p90", "p99"};
            for (int q = 0; q < 3; q++) {
                char name[16];
                snprintf(name, sizeof name, "ttft_%s_s", points[q]);
                limit(p, class, at, name, isfinite(ttft_s) ? ttft_s : NAN);
                snprintf(name, sizeof name, "tpot_%s_s", points[q]);
                limit(p, class, at, name, isfinite(tpot_s) ? tpot_s : NAN);
                snprintf(name, sizeof name, "e2e_%s_s", points[q]);
                limit(p, class, at, name, isfinite(e2e_s) ? e2e_s : NAN);
            }
        }
    }
}

// with a thin space at thousands
static const char *grouped(char text[32], int64_t value)
{
    return tw_grouped(text, 32, (double)value, "\xe2\x80\x89", 5);
}

static void describe_fabric(TwSceneParts *p, int class)
{
    const TwNetwork *n = p->plant->network;
    TwSceneElement *e = &p->elements[p->classes[class].first];
    copy(e->kind, sizeof e->kind, "fabric");
    char number[32];
    int used = snprintf(e->title, sizeof e->title, "%s %s", grouped(number, n->leaf), n->leaf == 1 ? "leaf" : "leaves");
    if (n->spine > 0)
        used += snprintf(e->title + used, sizeof e->title - (size_t)used, ", %s spine%s", grouped(number, n->spine),
                         n->spine == 1 ? "" : "s");
    if (n->core > 0)
        used += snprintf(e->title + used, sizeof e->title - (size_t)used, ", %s core%s", grouped(number, n->core),
                         n->core == 1 ? "" : "s");
    bool peta = n->bisection_bytes_s >= 1e15;
    snprintf(e->title + used, sizeof e->title - (size_t)used, ", %s cables, bisection %.4g %s",
             grouped(number, n->links), n->bisection_bytes_s * (peta ? 1e-15 : 1e-12), peta ? "PB/s" : "TB/s");
}

// ---- switches: their test traffic is known for every step of the fabric, what the run sends is recorded ----

static const TwSceneField switch_fields[TW_SWITCH_FIELDS] = {
    {"used_fraction", "%", "Link load, test traffic", 100.0, true},
    {"hot_fraction", "%", "Hottest link, test traffic", 100.0, true},
    {"live_fraction", "%", "In service", 100.0, true},
    {"state", "", "State", 1.0, true},
    {"carries_bytes_s", "GB/s", "Links carry, each way", 1e-9, true},
    {"sent_fraction", "%", "Link load, the run now", 100.0, true},
    {"sent_hot_fraction", "%", "Its hottest link now", 100.0, true},
    {"sent_mean_fraction", "%", "Link load, mean of the run", 100.0, true},
    {"sent_most_fraction", "%", "Hottest link of the run", 100.0, true},
};

// A switch of a drawn fabric, or a link: it hangs on the end that is farther from the racks, and on the other.
static void describe_drawn(const TwSceneParts *p, const TwSceneClass *class, const TwSceneSwitch *from,
                           TwSceneElement *e, int fabric)
{
    const TwDrawn *d = p->plant->wiring;
    e->parent = fabric;
    if (from->tier >= 0) {
        copy(e->kind, sizeof e->kind, from->tier == 0 ? "leaf" : "spine");
        copy(e->title, sizeof e->title, d->spec.top == from->first ? "storage hangs on it" : "");
        return;
    }
    const TwDrawnEntry *entry = &d->spec.entries[from->first];
    copy(e->kind, sizeof e->kind, "link");
    char cables[32];
    snprintf(e->title, sizeof e->title, "%s cable%s, each carries %.4g GB/s each way",
             grouped(cables, (int64_t)entry->cables), entry->cables > 1.0 ? "s" : "", entry->bytes_s * 1e-9);
    for (int k = 0; k < class->count; k++) {
        const TwSceneSwitch *s = &p->fabric->switches[k];
        if (s->tier < 0 || (s->first != entry->a && s->first != entry->b)) continue;
        if (e->parent == fabric)
            e->parent = class->first + k;    // those farther from the racks come first
        else
            e->second = class->first + k;
    }
}

static void add_switches(TwSceneParts *p, const TwSceneFabric *f)
{
    bool drawn = p->plant->wiring != NULL;
    static const char *const kinds[] = {"leaf", "spine", "core"};
    TwScene *s = p->scene;
    int c = s->class_count - 1, fabric = first_of(p, "fabric"), above[4] = {fabric, fabric, fabric, fabric};
    TwSceneClass *class = &p->classes[c];
    copy(class->name, sizeof class->name, "switch");
    copy(class->setting, sizeof class->setting, "run.component_s");
    class->subject = TW_OF_NETWORK;
    memcpy(&p->fields[class->field], switch_fields, sizeof switch_fields);
    for (int k = 0; k < f->count; k++) {
        const TwSceneSwitch *from = &f->switches[k];
        TwSceneElement *e = &p->elements[class->first + k];
        copy(e->name, sizeof e->name, from->name);
        snprintf(e->id, sizeof e->id, "switch/%.80s", from->name);
        for (char *at = e->id; *at; at++)
            if (*at == ' ') *at = '_';
        e->of = c;
        e->level = 3 - from->tier;
        e->second = -1;
        if (drawn) {
            describe_drawn(p, class, from, e, fabric);
        } else {
            copy(e->kind, sizeof e->kind, kinds[from->tier]);
            e->parent = above[from->tier + 1];
        }
        if (from->count > 1) snprintf(e->title, sizeof e->title, "%d switches together", from->count);
        e->rack = s->element_rack_count;
        for (int i = f->rack_start[k]; i < f->rack_start[k + 1]; i++) {
            link_rack(p, f->racks[i]);
            e->rack_count++;
            if (p->racks[f->racks[i]].on[TW_OF_NETWORK] < 0) p->racks[f->racks[i]].on[TW_OF_NETWORK] = class->first + k;
        }
        limit(p, c, k, "used_fraction", 1.0);
        limit(p, c, k, "hot_fraction", 1.0);
        limit(p, c, k, "sent_most_fraction", 1.0);
    }
    s->step_class = c;
    s->step_count = f->step_count;
    s->step_time_s = f->step_time_s;
    s->step_values = f->values;
}

static const Group groups[] = {
    {"element", TW_OF_POWER, describe_elements},   {"load", TW_OF_POWER, describe_loads},
    {"cdu", TW_OF_COOLING, describe_cdus},         {"plant", TW_OF_COOLING, describe_plant},
    {"room", TW_OF_COOLING, describe_room},        {"pool", TW_OF_SERVING, describe_pools},
    {"service", TW_OF_SERVING, describe_services}, {"fabric", TW_OF_NETWORK, describe_fabric},
};

static void show_field(TwSceneField *field, const char *group, const TwSeriesInfo *info)
{
    copy(field->name, sizeof field->name, info->name);
    copy(field->unit, sizeof field->unit, info->unit);
    copy(field->label, sizeof field->label, info->long_name);
    field->scale = 1.0;
    field->recorded = true;
    for (size_t k = 0; k < sizeof shown / sizeof *shown; k++) {
        if (strcmp(shown[k].group, group) != 0 || strcmp(shown[k].name, info->name) != 0) continue;
        copy(field->unit, sizeof field->unit, shown[k].unit);
        copy(field->label, sizeof field->label, shown[k].label);
        field->scale = shown[k].scale;
    }
}

TwSceneParts *tw_scene_parts_create(const TwPlant *plant, TwScene *s, TwSceneRack *racks)
{
    TwSceneParts *p = zeroed(1, sizeof *p);
    *p = (TwSceneParts){.plant = plant, .scene = s, .racks = racks};
    const TwRecordPlan *record = &plant->record;
    const Group *of[TW_GROUPS + 1] = {0};
    for (int g = 0; g < record->group_count; g++)
        for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
            if (strcmp(groups[k].name, record->groups[g].name) != 0 || record->groups[g].count == 0) continue;
            of[s->class_count] = &groups[k];
            p->group[s->class_count++] = g;
            s->element_count += record->groups[g].count;
            s->field_count += record->groups[g].series_count;
            s->value_count += record->groups[g].count * record->groups[g].series_count;
        }
    p->fabric = tw_scene_fabric_create(plant);
    if (p->fabric) {
        p->group[s->class_count++] = -1;
        s->element_count += p->fabric->count;
        s->field_count += TW_SWITCH_FIELDS;
        s->value_count += p->fabric->count * TW_SWITCH_FIELDS;
    }
    p->elements = zeroed((size_t)s->element_count, sizeof *p->elements);
    p->fields = zeroed((size_t)s->field_count, sizeof *p->fields);
    p->values = zeroed((size_t)s->value_count, sizeof *p->values);
    p->limits = zeroed((size_t)s->value_count, sizeof *p->limits);
    for (int i = 0; i < s->value_count; i++) p->values[i] = p->limits[i] = NAN;
    s->elements = p->elements, s->classes = p->classes, s->fields = p->fields;
    s->element_values = p->values, s->element_limits = p->limits;
    s->loss_time_s = NAN;

    int element = 0, field = 0, value = 0;
    for (int c = 0; c < s->class_count; c++) {
        if (p->group[c] < 0) {
            p->classes[c] = (TwSceneClass){.first = element,
                                           .count = p->fabric->count,
                                           .field = field,
                                           .field_count = TW_SWITCH_FIELDS,
                                           .value = value};
            continue;
        }
        const TwGroupInfo *group = &record->groups[p->group[c]];
        TwSceneClass *class = &p->classes[c];
        *class = (TwSceneClass){.subject = of[c]->subject,
                                .first = element,
                                .count = group->count,
                                .field = field,
                                .field_count = group->series_count,
                                .value = value};
        copy(class->name, sizeof class->name, group->name);
        copy(class->setting, sizeof class->setting, "run.component_s");
        for (int k = 0; k < group->series_count; k++) show_field(&p->fields[field + k], group->name, &group->series[k]);
        for (int i = 0; i < group->count; i++) {
            TwSceneElement *e = &p->elements[element + i];
            copy(e->name, sizeof e->name, group->labels[i]);
            snprintf(e->id, sizeof e->id, "%s/%s", group->name, group->labels[i]);
            e->of = c;
            e->parent = e->second = -1;
        }
        element += group->count, field += group->series_count, value += group->count * group->series_count;
    }
    for (int i = 0; i < plant->rack_count; i++)
        for (int k = 0; k < TW_SUBJECTS; k++) racks[i].on[k] = -1;
    for (int c = 0; c < s->class_count; c++)
        if (of[c]) of[c]->describe(p, c);
    if (p->fabric) {
        add_switches(p, p->fabric);
        p->load = tw_switch_load_create(plant);
        p->sent = zeroed((size_t)p->fabric->count * TW_SENT_FIELDS, sizeof *p->sent);
    }
    s->element_racks = p->element_racks;
    int services = tw_scene_class(s, "service");
    if (services >= 0)
        p->services = zeroed((size_t)(p->classes[services].count * p->classes[services].field_count), sizeof(double));
    return p;
}

void tw_scene_parts_destroy(TwSceneParts *p)
{
    if (!p) return;
    free(p->elements);
    free(p->fields);
    free(p->values);
    free(p->limits);
    free(p->element_racks);
    tw_scene_fabric_destroy(p->fabric);
    tw_switch_load_destroy(p->load);
    free(p->sent);
    free(p->services);
    free(p->losses);
    free(p->overloads);
    free(p);
}

void tw_scene_parts_fill(TwSceneParts *p, const TwState *state)
{
    for (int c = 0; c < p->scene->class_count; c++) {
        const TwSceneClass *class = &p->classes[c];
        if (p->group[c] < 0) {
            memcpy(&p->values[class->value], tw_scene_step(p->scene, tw_state_time_s(state)),
                   (size_t)(class->count * TW_SWITCH_STEPS) * sizeof *p->values);
            tw_switch_load_fill(p->load, tw_state_block(state), class->count, p->sent);
            for (int k = 0; k < class->count * TW_SENT_FIELDS; k++)
                p->values[class->value + class->count * TW_SWITCH_STEPS + k] = (float)p->sent[k];
            continue;
        }
        const double *from = tw_state_group(state, p->group[c]);
        // not filled window by window
        if (p->group[c] == p->plant->service_group) {
            tw_looks_services(p->plant, tw_state_block(state), p->services);
            from = p->services;
        }
        for (int k = 0; k < class->count * class->field_count; k++) p->values[class->value + k] = (float)from[k];
    }
}

// ---- N-1 ----

static const double rest_s = 120.0;    // transfers, generators

static void add_overload(TwSceneParts *p, const TwSceneOverload *overload)
{
    if (p->scene->overload_count == p->overload_room) {
        p->overload_room = p->overload_room ? 2 * p->overload_room : 64;
        p->overloads = realloc(p->overloads, (size_t)p->overload_room * sizeof *p->overloads);
        if (!p->overloads) abort();
    }
    p->overloads[p->scene->overload_count++] = *overload;
}

void tw_scene_parts_lose(TwSceneParts *p, const TwState *state, int element, bool all)
{
    TwScene *s = p->scene;
    const TwPlant *plant = p->plant;
    int class = tw_scene_class(s, "element"), first = p->classes[class].first;
    int from = all ? 0 : element - first, until = all ? plant->element_count : from + 1;
    s->loss_count = s->overload_count = 0;
    s->loss_time_s = NAN;
    if (from < 0 || until > plant->element_count) return;
    const void *block = tw_state_block(state);
    p->losses = realloc(p->losses, (size_t)(until - from) * sizeof *p->losses);
    float *after = zeroed((size_t)plant->element_count, sizeof *after);
    float *before = zeroed((size_t)plant->element_count, sizeof *before);
    if (!p->losses) abort();
    TwContingencyCase *c =
        tw_contingency_begin(plant->power, block, plant->state_bytes, tw_f64_const(block, plant->slot.rack_w),
                             tw_f64_const(block, plant->slot.load_w), plant->voltages->power_factor, rest_s, before);
    for (int lost = from; lost < until; lost++) {
        TwSceneLoss *loss = &p->losses[s->loss_count++];
        *loss = (TwSceneLoss){first + lost, tw_contingency_lose(c, lost, after), s->overload_count, 0};
        for (int i = 0; i < plant->element_count; i++) {
            if (i == lost || !(after[i] > 1.0f + 1e-6f)) continue;
            double limit_w = tw_power_limit_w(plant->power, block, i);
            add_overload(p, &(TwSceneOverload){first + i, before[i], after[i], after[i] * (float)limit_w});
            loss->count++;
        }
    }
    tw_contingency_end(c);
    free(after);
    free(before);
    s->losses = p->losses, s->overloads = p->overloads;
    s->loss_time_s = tw_state_time_s(state);
}
