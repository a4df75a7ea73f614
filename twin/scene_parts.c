#include "twin/scene_parts.h"

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
    {"cdu", "supply_degc", "degC", "Coolant to racks", 1.0},
    {"cdu", "return_degc", "degC", "Coolant from racks", 1.0},
    {"cdu", "heat_w", "kW", "Heat passed", 1e-3},
    {"cdu", "valve_fraction", "%", "Valve open", 100.0},
    {"cdu", "pump_w", "kW", "Pumps", 1e-3},
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
    TwSceneClass classes[TW_GROUPS];
    int group[TW_GROUPS];    // [class] recorded group
    TwSceneField *fields;
    float *values, *limits;
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

static const Group groups[] = {
    {"element", TW_OF_POWER, describe_elements},
    {"cdu", TW_OF_COOLING, describe_cdus},
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
    const Group *of[TW_GROUPS] = {0};
    for (int g = 0; g < record->group_count; g++)
        for (size_t k = 0; k < sizeof groups / sizeof *groups; k++) {
            if (strcmp(groups[k].name, record->groups[g].name) != 0 || record->groups[g].count == 0) continue;
            of[s->class_count] = &groups[k];
            p->group[s->class_count++] = g;
            s->element_count += record->groups[g].count;
            s->field_count += record->groups[g].series_count;
            s->value_count += record->groups[g].count * record->groups[g].series_count;
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
    for (int c = 0; c < s->class_count; c++) of[c]->describe(p, c);
    s->element_racks = p->element_racks;
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
    free(p);
}

void tw_scene_parts_fill(TwSceneParts *p, const TwState *state)
{
    for (int c = 0; c < p->scene->class_count; c++) {
        const TwSceneClass *class = &p->classes[c];
        const double *from = tw_state_group(state, p->group[c]);
        for (int k = 0; k < class->count * class->field_count; k++) p->values[class->value + k] = (float)from[k];
    }
}
