// Lookups in a scene: things, elements, values by name.
#include "twin/scene.h"

#include "twin/limits.h"

#include <math.h>
#include <string.h>

int tw_scene_element_of(const TwScene *s, int thing)
{
    int element = thing - s->rack_count;
    return element >= 0 && element < s->element_count ? element : -1;
}

int tw_scene_thing_of(const TwScene *s, int element)
{
    return element >= 0 && element < s->element_count ? s->rack_count + element : -1;
}

int tw_scene_thing_count(const TwScene *s) { return s->rack_count + s->element_count; }

const char *tw_scene_name(const TwScene *s, int thing)
{
    if (thing >= 0 && thing < s->rack_count) return s->racks[thing].name;
    int element = tw_scene_element_of(s, thing);
    return element >= 0 ? s->elements[element].name : "";
}

int tw_scene_find(const TwScene *s, const char *id)
{
    for (int i = 0; i < s->rack_count; i++)
        if (strcmp(s->racks[i].name, id) == 0) return i;
    for (int e = 0; e < s->element_count; e++)
        if (strcmp(s->elements[e].id, id) == 0) return s->rack_count + e;
    return -1;
}

int tw_scene_class(const TwScene *s, const char *name)
{
    for (int c = 0; c < s->class_count; c++)
        if (strcmp(s->classes[c].name, name) == 0) return c;
    return -1;
}

int tw_scene_field(const TwScene *s, int class, const char *name)
{
    if (class < 0 || class >= s->class_count) return -1;
    const TwSceneClass *c = &s->classes[class];
    for (int f = c->field; f < c->field + c->field_count; f++)
        if (strcmp(s->fields[f].name, name) == 0) return f;
    return -1;
}

const char *tw_scene_binding(const TwScene *s, double code)
{
    static const char *const words[] = {"demand", "serving capacity", "chip temperature"};
    int which = code >= 0.0 && code < 1e6 ? (int)(code + 0.5) : -1, class = tw_scene_class(s, "element");
    if (which < 3) return which < 0 ? "" : words[which];
    bool known = class >= 0 && which - 3 < s->classes[class].count;
    if (class >= 0 && which - 3 == s->classes[class].count) return TW_RACK_CAPS;
    return known ? s->elements[s->classes[class].first + which - 3].name : "";
}

const float *tw_scene_step(const TwScene *s, double time_s)
{
    if (s->step_count == 0) return NULL;
    const TwSceneClass *c = &s->classes[s->step_class];
    int step = 0;
    while (step + 1 < s->step_count && s->step_time_s[step + 1] < time_s - 1e-9) step++;
    return s->step_values + (size_t)step * (size_t)(c->count * c->field_count);
}

// as held, not scaled
static float held(const TwScene *s, const float *table, int element, int field)
{
    if (!table || element < 0 || element >= s->element_count) return NAN;
    const TwSceneClass *c = &s->classes[s->elements[element].of];
    int f = field - c->field;
    if (f < 0 || f >= c->field_count) return NAN;
    return table[(size_t)c->value + (size_t)f * (size_t)c->count + (size_t)(element - c->first)];
}

double tw_scene_value_at(const TwScene *s, int element, int field)
{
    float v = held(s, s->element_values, element, field);
    return isnan(v) ? NAN : (double)v * s->fields[field].scale;
}

double tw_scene_limit_at(const TwScene *s, int element, int field)
{
    float v = held(s, s->element_limits, element, field);
    return isnan(v) ? NAN : (double)v * s->fields[field].scale;
}

static int named(const TwScene *s, int element, const char *name)
{
    return element >= 0 && element < s->element_count ? tw_scene_field(s, s->elements[element].of, name) : -1;
}

double tw_scene_value(const TwScene *s, int element, const char *name)
{
    return tw_scene_value_at(s, element, named(s, element, name));
}

double tw_scene_limit(const TwScene *s, int element, const char *name)
{
    return tw_scene_limit_at(s, element, named(s, element, name));
}

TwSceneState tw_scene_state(const TwScene *s, int element)
{
    float v = held(s, s->element_values, element, named(s, element, "state"));
    return v > 0.0f && v < (float)TW_STATES ? (TwSceneState)(int)(v + 0.5f) : TW_IS_NORMAL;
}

const char *tw_scene_state_word(TwSceneState state)
{
    static const char *const words[TW_STATES] = {"normal",   "standby",  "charging",       "starting", "on battery",
                                                 "bypassed", "impaired", "out of service", "dead",     "tripped"};
    return state >= 0 && state < TW_STATES ? words[state] : "";
}

double tw_scene_loading(const TwScene *s, int element) { return tw_scene_value(s, element, "loading_fraction"); }

// whether `top` supplies `element`, over either source
static bool above(const TwScene *s, int top, int element, int depth)
{
    if (element < 0 || depth > 64) return false;
    if (element == top) return true;
    return above(s, top, s->elements[element].parent, depth + 1) ||
           above(s, top, s->elements[element].second, depth + 1);
}

static bool holds_rack(const TwScene *s, int element, int rack)
{
    const TwSceneElement *e = &s->elements[element];
    for (int k = 0; k < e->rack_count; k++)
        if (s->element_racks[e->rack + k] == rack) return true;
    return false;
}

int tw_scene_linked(const TwScene *s, int selected, int thing)
{
    if (selected < 0 || thing < 0) return 0;
    if (selected == thing) return 2;
    int a = tw_scene_element_of(s, selected), b = tw_scene_element_of(s, thing);
    if (a < 0 && b < 0) return 0;    // two racks
    if (a < 0 || b < 0) {
        int element = a < 0 ? b : a, rack = a < 0 ? selected : thing;
        return rack < s->rack_count && holds_rack(s, element, rack);
    }
    if (s->elements[a].of != s->elements[b].of &&
        s->classes[s->elements[a].of].subject != s->classes[s->elements[b].of].subject)
        return 0;
    return above(s, a, b, 0) || above(s, b, a, 0);
}

// marks of everything above and below an element, over first sources
static void mark_tree(const TwScene *s, int element, unsigned char *marks)
{
    for (int up = s->elements[element].parent, depth = 0; up >= 0 && depth < 64; up = s->elements[up].parent, depth++)
        marks[s->rack_count + up] = 1;
    if (s->elements[element].second >= 0) marks[s->rack_count + s->elements[element].second] = 1;
    const TwSceneClass *c = &s->classes[s->elements[element].of];
    for (int e = 0; e < s->element_count; e++) {
        if (s->classes[s->elements[e].of].subject != c->subject) continue;
        int up = e;
        for (int depth = 0; up >= 0 && up != element && depth < 64; depth++) up = s->elements[up].parent;
        if (up == element) marks[s->rack_count + e] = 1;
    }
}

void tw_scene_marks(const TwScene *s, int selected, unsigned char *marks)
{
    memset(marks, 0, (size_t)tw_scene_thing_count(s));
    if (selected < 0 || selected >= tw_scene_thing_count(s)) return;
    int element = tw_scene_element_of(s, selected);
    if (element < 0) {
        for (int e = 0; e < s->element_count; e++)
            if (holds_rack(s, e, selected)) marks[s->rack_count + e] = 1;
    } else {
        const TwSceneElement *e = &s->elements[element];
        for (int k = 0; k < e->rack_count; k++) marks[s->element_racks[e->rack + k]] = 1;
        mark_tree(s, element, marks);
    }
    marks[selected] = 2;
}
