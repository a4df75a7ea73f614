#include "twin/scene_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 20, HEAD_VERSION = 1 };

// ---- writing ----

static void put_text(FILE *stream, const char *text)
{
    putc('\t', stream);
    for (; *text; text++) putc((unsigned char)*text < ' ' ? ' ' : *text, stream);
}

static void put_number(FILE *stream, double value) { fprintf(stream, "\t%.17g", value); }

static void put_head(FILE *stream, const char *kind, const char *text)
{
    fputs(kind, stream);
    put_text(stream, text);
    putc('\n', stream);
}

// quantity and series share one line
static void put_axis(FILE *stream, const char *kind, const char *name, const char *unit, double scale, double limit,
                     const char *label)
{
    fputs(kind, stream);
    put_text(stream, name);
    put_text(stream, unit);
    put_number(stream, scale);
    put_number(stream, limit);
    put_text(stream, label);
    putc('\n', stream);
}

static void put_rack(FILE *stream, const TwSceneRack *rack)
{
    fputs("rack", stream);
    put_text(stream, rack->name);
    put_number(stream, rack->x_m);
    put_number(stream, rack->y_m);
    put_number(stream, rack->width_m);
    put_number(stream, rack->depth_m);
    put_text(stream, rack->hall);
    put_text(stream, rack->part);
    put_text(stream, rack->cdu);
    put_text(stream, rack->feed);
    for (int k = 0; k < TW_SUBJECTS; k++) fprintf(stream, "\t%d", rack->on[k] + 1);
    putc('\n', stream);
}

// racks as ranges: "0-7,16-23"
static void put_racks(FILE *stream, const int *racks, int count)
{
    putc('\t', stream);
    for (int i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && racks[end] == racks[end - 1] + 1;) end++;
        fprintf(stream, "%s%d-%d", i ? "," : "", racks[i], racks[end - 1]);
    }
}

static void put_elements(FILE *stream, const TwScene *s)
{
    for (int c = 0; c < s->class_count; c++) {
        const TwSceneClass *class = &s->classes[c];
        fputs("class", stream);
        put_text(stream, class->name);
        put_text(stream, class->setting);
        fprintf(stream, "\t%d\n", (int)class->subject);
        for (int f = class->field; f < class->field + class->field_count; f++)
            put_axis(stream, "field", s->fields[f].name, s->fields[f].unit, s->fields[f].scale, NAN,
                     s->fields[f].label);
        for (int e = class->first; e < class->first + class->count; e++) {
            const TwSceneElement *at = &s->elements[e];
            fputs("element", stream);
            put_text(stream, at->id);
            put_text(stream, at->name);
            put_text(stream, at->kind);
            put_text(stream, at->title);
            put_text(stream, at->place);
            // a closed second source: half a number on
            fprintf(stream, "\t%d\t%d\t%.1f", at->level, at->parent + 1, at->second + 1 + (at->closed ? 0.5 : 0.0));
            put_racks(stream, s->element_racks + at->rack, at->rack_count);
            putc('\n', stream);
        }
        for (int i = 0; i < class->count * class->field_count; i++)
            if (!isnan(s->element_limits[class->value + i]))
                fprintf(stream, "limit\t%d\t%.9g\n", i, (double)s->element_limits[class->value + i]);
    }
    // steps: each value that is not as in the step before
    for (int k = 0; k < s->step_count; k++) {
        const TwSceneClass *c = &s->classes[s->step_class];
        int count = c->count * c->field_count;
        const float *now = s->step_values + (size_t)k * (size_t)count;
        fprintf(stream, "step\t%d\t%.17g\n", s->step_class, s->step_time_s[k]);
        for (int i = 0; i < count; i++)
            if (k == 0 || memcmp(&now[i], &now[i - count], sizeof *now) != 0)
                fprintf(stream, "value\t%d\t%.9g\n", i, (double)now[i]);
    }
    if (!isnan(s->loss_time_s)) fprintf(stream, "losses\t%.17g\n", s->loss_time_s);
    for (int i = 0; i < s->loss_count; i++) {
        const TwSceneLoss *loss = &s->losses[i];
        fprintf(stream, "loss\t%d\t%.9g\n", loss->lost, loss->dropped_w);
        for (int k = loss->first; k < loss->first + loss->count; k++) {
            const TwSceneOverload *o = &s->overloads[k];
            fprintf(stream, "overload\t%d\t%.9g\t%.9g\t%.9g\n", o->element, (double)o->before, (double)o->after,
                    (double)o->after_w);
        }
    }
}

static void put_settings(FILE *stream, const TwScene *s)
{
    for (int g = 0; g < s->group_count; g++) {
        const TwSceneGroup *group = &s->groups[g];
        fputs("group", stream);
        put_text(stream, group->path);
        put_text(stream, group->part);
        fprintf(stream, "\t%d\n", group->end);
        for (int i = group->first; i < group->first + group->count; i++) {
            const TwSceneSetting *at = &s->settings[i];
            fputs("setting", stream);
            put_text(stream, at->name);
            put_text(stream, at->unit);
            put_text(stream, at->value);
            put_text(stream, at->mark);
            put_text(stream, at->source);
            put_text(stream, at->place);
            putc('\n', stream);
        }
    }
    for (int i = 0; s->group_of && i < tw_scene_thing_count(s); i++)
        if (s->group_of[i] >= 0) fprintf(stream, "built\t%d\t%d\n", i, s->group_of[i]);
}

static void put_kpi(FILE *stream, const TwSceneKpi *kpi)
{
    fputs("kpi", stream);
    put_text(stream, kpi->name);
    put_text(stream, kpi->unit);
    put_text(stream, kpi->boundary);
    put_number(stream, kpi->value);
    put_number(stream, kpi->target);
    put_text(stream, kpi->label);
    put_text(stream, kpi->text);
    putc('\n', stream);
}

bool tw_scene_write_text(const TwScene *scene, FILE *stream)
{
    fprintf(stream, "tokenworks-scene\t%d\n", HEAD_VERSION);
    put_head(stream, "facility", scene->facility);
    put_head(stream, "title", scene->title);
    put_head(stream, "version", scene->version);
    put_head(stream, "start", scene->start);
    put_head(stream, "banner", scene->banner);
    fprintf(stream, "span\t%.17g\nresidual\t%.17g\n", scene->span_s, scene->residual_w);
    fprintf(stream, "stands\t%.17g\n", scene->stands_for);
    for (int i = 0; i < scene->rack_count; i++) put_rack(stream, &scene->racks[i]);
    for (int i = 0; i < scene->quantity_count; i++) {
        const TwSceneQuantity *q = &scene->quantities[i];
        put_axis(stream, "quantity", q->name, q->unit, q->scale, q->limit, q->label);
    }
    for (int i = 0; i < scene->series_count; i++) {
        const TwSceneSeries *s = &scene->series[i];
        put_axis(stream, "series", s->name, s->unit, s->scale, s->limit, s->label);
    }
    for (int i = 0; i < scene->kpi_count; i++) put_kpi(stream, &scene->kpis[i]);
    for (int i = 0; i < scene->event_count; i++) {
        fprintf(stream, "event\t%.17g\t%d", scene->events[i].time_s, scene->events[i].severity);
        put_text(stream, scene->events[i].text);
        putc('\n', stream);
    }
    for (int i = 0; i < scene->flow_count; i++) {
        const TwSceneFlow *f = &scene->flows[i];
        fprintf(stream, "flow\t%d\t%d\t%.17g", f->column, f->tokens ? 1 : 0, f->value_w);
        put_text(stream, f->from);
        put_text(stream, f->to);
        putc('\n', stream);
    }
    put_elements(stream, scene);
    put_settings(stream, scene);
    return ferror(stream) == 0;
}

bool tw_scene_write_now(const TwScene *s, FILE *stream)
{
    fprintf(stream, "now\t%.17g\n", s->time_s);
    for (int k = 0; k < s->series_count; k++)
        for (int i = 0; i < s->series[k].count; i++)
            fprintf(stream, "point\t%d\t%.17g\t%.9g\t%.9g\t%.9g\n", k, s->series[k].time_s[i],
                    (double)s->series[k].mean[i], (double)s->series[k].min[i], (double)s->series[k].max[i]);
    for (int i = 0; i < s->rack_count * s->quantity_count; i++)
        fprintf(stream, "rack_now\t%d\t%.9g\n", i, (double)s->values[i]);
    for (int i = 0; i < s->value_count; i++)
        if (!isnan(s->element_values[i])) fprintf(stream, "element_now\t%d\t%.9g\n", i, (double)s->element_values[i]);
    return ferror(stream) == 0;
}

// ---- reading ----

// The scene first, so that the pointer handed out is the one to free.
typedef struct Owned {
    TwScene scene;
    TwSceneRack *racks;
    TwSceneQuantity *quantities;
    TwSceneKpi *kpis;
    TwSceneSeries *series;
    TwSceneEvent *events;
    TwSceneFlow *flows;
    TwSceneElement *elements;
    TwSceneClass *classes;
    TwSceneField *fields;
    TwSceneLoss *losses;
    TwSceneOverload *overloads;
    int *element_racks;
    struct {
        int class, index;
        float value;
    } * limits;
    int limit_count;
    double *step_time_s;
    float *step_values;
    TwSceneSetting *settings;
    TwSceneGroup *groups;
    struct {
        int thing, group;
    } * built;
    int built_count, *group_of;
    struct {
        int series;
        double time_s;
        float value[3];
    } * points;
    struct {
        int index;
        float value;
        bool element;
    } * nows;
    int point_count, now_count;
    double now_s, *point_time;
    float *point_values;
    float *values, *element_values, *element_limits;
} Owned;

typedef struct Line {
    char *field[MOST_FIELDS];
    int count, number;
    bool bad;
} Line;

// room for one more entry; doubles at powers of two
static void *grow(void *array, int count, size_t size)
{
    if (count > 0 && (count & (count - 1)) != 0) return array;
    size_t room = count > 0 ? 2 * (size_t)count : 1;
    void *bigger = realloc(array, room * size);
    if (!bigger) abort();
    return memset((char *)bigger + (size_t)count * size, 0, (room - (size_t)count) * size), bigger;
}

static void take(Line *line, int i, char *to, size_t size)
{
    const char *text = i < line->count ? line->field[i] : "";
    size_t length = strnlen(text, size - 1);
    memcpy(to, text, length);
    to[length] = '\0';
}

static double number(Line *line, int i)
{
    char *end = NULL;
    double value = i < line->count ? strtod(line->field[i], &end) : 0.0;
    if (!end || end == line->field[i] || *end) line->bad = true;
    return value;
}

static int whole(Line *line, int i)
{
    double value = number(line, i);
    if (!(value >= 0.0 && value <= 1e6)) {
        line->bad = true;
        return 0;
    }
    return (int)value;
}

static void read_rack(Owned *o, Line *line)
{
    o->racks = grow(o->racks, o->scene.rack_count, sizeof *o->racks);
    TwSceneRack *r = &o->racks[o->scene.rack_count++];
    take(line, 1, r->name, sizeof r->name);
    r->x_m = number(line, 2), r->y_m = number(line, 3);
    r->width_m = number(line, 4), r->depth_m = number(line, 5);
    take(line, 6, r->hall, sizeof r->hall);
    take(line, 7, r->part, sizeof r->part);
    take(line, 8, r->cdu, sizeof r->cdu);
    take(line, 9, r->feed, sizeof r->feed);
    for (int k = 0; k < TW_SUBJECTS; k++) r->on[k] = line->count > 10 + k ? whole(line, 10 + k) - 1 : -1;
}

static void read_quantity(Owned *o, Line *line)
{
    o->quantities = grow(o->quantities, o->scene.quantity_count, sizeof *o->quantities);
    TwSceneQuantity *q = &o->quantities[o->scene.quantity_count++];
    take(line, 1, q->name, sizeof q->name);
    take(line, 2, q->unit, sizeof q->unit);
    q->scale = number(line, 3), q->limit = number(line, 4);
    take(line, 5, q->label, sizeof q->label);
}

static void read_series(Owned *o, Line *line)
{
    o->series = grow(o->series, o->scene.series_count, sizeof *o->series);
    TwSceneSeries *s = &o->series[o->scene.series_count++];
    take(line, 1, s->name, sizeof s->name);
    take(line, 2, s->unit, sizeof s->unit);
    s->scale = number(line, 3), s->limit = number(line, 4);
    take(line, 5, s->label, sizeof s->label);
}

static void read_kpi(Owned *o, Line *line)
{
    o->kpis = grow(o->kpis, o->scene.kpi_count, sizeof *o->kpis);
    TwSceneKpi *k = &o->kpis[o->scene.kpi_count++];
    take(line, 1, k->name, sizeof k->name);
    take(line, 2, k->unit, sizeof k->unit);
    take(line, 3, k->boundary, sizeof k->boundary);
    k->value = number(line, 4), k->target = number(line, 5);
    take(line, 6, k->label, sizeof k->label);
    take(line, 7, k->text, sizeof k->text);
}

static void read_event(Owned *o, Line *line)
{
    o->events = grow(o->events, o->scene.event_count, sizeof *o->events);
    TwSceneEvent *e = &o->events[o->scene.event_count++];
    e->time_s = number(line, 1), e->severity = whole(line, 2);
    take(line, 3, e->text, sizeof e->text);
}

static void read_flow(Owned *o, Line *line)
{
    o->flows = grow(o->flows, o->scene.flow_count, sizeof *o->flows);
    TwSceneFlow *f = &o->flows[o->scene.flow_count++];
    f->column = whole(line, 1), f->tokens = whole(line, 2) != 0, f->value_w = number(line, 3);
    take(line, 4, f->from, sizeof f->from);
    take(line, 5, f->to, sizeof f->to);
}

static void read_class(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    o->classes = grow(o->classes, s->class_count, sizeof *o->classes);
    TwSceneClass *c = &o->classes[s->class_count++];
    take(line, 1, c->name, sizeof c->name);
    take(line, 2, c->setting, sizeof c->setting);
    int subject = whole(line, 3);
    if (subject >= TW_SUBJECTS) line->bad = true;
    c->subject = (TwSceneSubject)subject;
    c->first = s->element_count, c->field = s->field_count;
}

static void read_field(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    if (s->class_count == 0) line->bad = true;
    if (line->bad) return;
    o->classes[s->class_count - 1].field_count++;
    o->fields = grow(o->fields, s->field_count, sizeof *o->fields);
    TwSceneField *f = &o->fields[s->field_count++];
    take(line, 1, f->name, sizeof f->name);
    take(line, 2, f->unit, sizeof f->unit);
    f->scale = number(line, 3);
    take(line, 5, f->label, sizeof f->label);
}

static void read_racks(Owned *o, Line *line, int i, TwSceneElement *e)
{
    TwScene *s = &o->scene;
    e->rack = s->element_rack_count;
    for (char *at = i < line->count ? line->field[i] : "", *end; *at; at = *end ? end + 1 : end) {
        long low = strtol(at, &end, 10), high = *end == '-' ? strtol(end + 1, &end, 10) : -1;
        if (low < 0 || high < low || high >= s->rack_count || (*end && *end != ',')) line->bad = true;
        if (line->bad) return;
        for (long rack = low; rack <= high; rack++) {
            o->element_racks = grow(o->element_racks, s->element_rack_count, sizeof *o->element_racks);
            o->element_racks[s->element_rack_count++] = (int)rack;
            e->rack_count++;
        }
    }
}

static void read_element(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    if (s->class_count == 0) line->bad = true;
    if (line->bad) return;
    o->classes[s->class_count - 1].count++;
    o->elements = grow(o->elements, s->element_count, sizeof *o->elements);
    TwSceneElement *e = &o->elements[s->element_count++];
    take(line, 1, e->id, sizeof e->id);
    take(line, 2, e->name, sizeof e->name);
    take(line, 3, e->kind, sizeof e->kind);
    take(line, 4, e->title, sizeof e->title);
    take(line, 5, e->place, sizeof e->place);
    e->of = s->class_count - 1;
    e->level = whole(line, 6), e->parent = whole(line, 7) - 1;
    e->second = whole(line, 8) - 1;
    e->closed = number(line, 8) - (e->second + 1) > 0.25;
    read_racks(o, line, 9, e);
}

static void read_limit(Owned *o, Line *line)
{
    if (o->scene.class_count == 0) line->bad = true;
    if (line->bad) return;
    o->limits = grow(o->limits, o->limit_count, sizeof *o->limits);
    o->limits[o->limit_count].class = o->scene.class_count - 1;
    o->limits[o->limit_count].index = whole(line, 1);
    o->limits[o->limit_count++].value = (float)number(line, 2);
}

// a step begins as the one before
static void read_step(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    int class = whole(line, 1);
    if (class >= s->class_count || (s->step_count > 0 && class != s->step_class)) line->bad = true;
    if (line->bad) return;
    const TwSceneClass *c = &o->classes[class];
    size_t count = (size_t)(c->count * c->field_count), at = (size_t)s->step_count;
    o->step_time_s = grow(o->step_time_s, s->step_count, sizeof *o->step_time_s);
    o->step_values = realloc(o->step_values, ((at + 1) * count + 1) * sizeof *o->step_values);
    if (!o->step_values) abort();
    for (size_t i = 0; i < count; i++)
        o->step_values[at * count + i] = at > 0 ? o->step_values[(at - 1) * count + i] : NAN;
    o->step_time_s[at] = number(line, 2);
    s->step_class = class, s->step_count++;
}

static void read_step_value(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    const TwSceneClass *c = s->step_count > 0 ? &o->classes[s->step_class] : NULL;
    int i = whole(line, 1);
    if (!c || i >= c->count * c->field_count) line->bad = true;
    if (line->bad) return;
    o->step_values[(size_t)(s->step_count - 1) * (size_t)(c->count * c->field_count) + (size_t)i] =
        (float)number(line, 2);
}

static void read_loss(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    o->losses = grow(o->losses, s->loss_count, sizeof *o->losses);
    o->losses[s->loss_count++] = (TwSceneLoss){whole(line, 1), number(line, 2), s->overload_count, 0};
}

static void read_overload(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    if (s->loss_count == 0) line->bad = true;
    if (line->bad) return;
    o->losses[s->loss_count - 1].count++;
    o->overloads = grow(o->overloads, s->overload_count, sizeof *o->overloads);
    o->overloads[s->overload_count++] =
        (TwSceneOverload){whole(line, 1), (float)number(line, 2), (float)number(line, 3), (float)number(line, 4)};
}

static void read_setting(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    if (strcmp(line->field[0], "group") == 0) {
        o->groups = grow(o->groups, s->group_count, sizeof *o->groups);
        TwSceneGroup *g = &o->groups[s->group_count++];
        take(line, 1, g->path, sizeof g->path);
        take(line, 2, g->part, sizeof g->part);
        g->end = whole(line, 3), g->first = s->setting_count;
    } else if (strcmp(line->field[0], "built") == 0) {
        o->built = grow(o->built, o->built_count, sizeof *o->built);
        o->built[o->built_count].thing = whole(line, 1);
        o->built[o->built_count++].group = whole(line, 2);
    } else if (s->group_count > 0) {
        o->settings = grow(o->settings, s->setting_count, sizeof *o->settings);
        TwSceneSetting *to = &o->settings[s->setting_count++];
        take(line, 1, to->name, sizeof to->name);
        take(line, 2, to->unit, sizeof to->unit);
        take(line, 3, to->value, sizeof to->value);
        take(line, 4, to->mark, sizeof to->mark);
        take(line, 5, to->source, sizeof to->source);
        take(line, 6, to->place, sizeof to->place);
        o->groups[s->group_count - 1].count++;
    }
}

// of a run that goes on
static void read_now(Owned *o, Line *line)
{
    if (strcmp(line->field[0], "now") == 0)
        o->now_s = number(line, 1);
    else if (strcmp(line->field[0], "point") == 0) {
        o->points = grow(o->points, o->point_count, sizeof *o->points);
        o->points[o->point_count].series = whole(line, 1);
        o->points[o->point_count].time_s = number(line, 2);
        for (int k = 0; k < 3; k++) o->points[o->point_count].value[k] = (float)number(line, 3 + k);
        o->point_count++;
    } else {
        o->nows = grow(o->nows, o->now_count, sizeof *o->nows);
        o->nows[o->now_count].index = whole(line, 1);
        o->nows[o->now_count].value = (float)number(line, 2);
        o->nows[o->now_count++].element = line->field[0][0] == 'e';
    }
}

static void read_line(Owned *o, Line *line)
{
    TwScene *s = &o->scene;
    const char *kind = line->field[0];
    if (strcmp(kind, "rack") == 0)
        read_rack(o, line);
    else if (strcmp(kind, "quantity") == 0)
        read_quantity(o, line);
    else if (strcmp(kind, "series") == 0)
        read_series(o, line);
    else if (strcmp(kind, "kpi") == 0)
        read_kpi(o, line);
    else if (strcmp(kind, "event") == 0)
        read_event(o, line);
    else if (strcmp(kind, "flow") == 0)
        read_flow(o, line);
    else if (strcmp(kind, "class") == 0)
        read_class(o, line);
    else if (strcmp(kind, "field") == 0)
        read_field(o, line);
    else if (strcmp(kind, "element") == 0)
        read_element(o, line);
    else if (strcmp(kind, "limit") == 0)
        read_limit(o, line);
    else if (strcmp(kind, "step") == 0)
        read_step(o, line);
    else if (strcmp(kind, "value") == 0)
        read_step_value(o, line);
    else if (strcmp(kind, "loss") == 0)
        read_loss(o, line);
    else if (strcmp(kind, "overload") == 0)
        read_overload(o, line);
    else if (strcmp(kind, "group") == 0 || strcmp(kind, "setting") == 0 || strcmp(kind, "built") == 0)
        read_setting(o, line);
    else if (strcmp(kind, "now") == 0 || strcmp(kind, "point") == 0 || strcmp(kind, "rack_now") == 0 ||
             strcmp(kind, "element_now") == 0)
        read_now(o, line);
    else if (strcmp(kind, "losses") == 0)
        s->loss_time_s = number(line, 1);
    else if (strcmp(kind, "facility") == 0)
        take(line, 1, s->facility, sizeof s->facility);
    else if (strcmp(kind, "title") == 0)
        take(line, 1, s->title, sizeof s->title);
    else if (strcmp(kind, "version") == 0)
        take(line, 1, s->version, sizeof s->version);
    else if (strcmp(kind, "start") == 0)
        take(line, 1, s->start, sizeof s->start);
    else if (strcmp(kind, "banner") == 0)
        take(line, 1, s->banner, sizeof s->banner);
    else if (strcmp(kind, "span") == 0)
        s->span_s = number(line, 1);
    else if (strcmp(kind, "stands") == 0)
        s->stands_for = number(line, 1);
    else if (strcmp(kind, "residual") == 0)
        s->residual_w = number(line, 1);
}

// Values without data yet; limits where they were given. False: an index points nowhere.
static bool finish_elements(Owned *o)
{
    TwScene *s = &o->scene;
    for (int c = 0; c < s->class_count; c++) {
        o->classes[c].value = s->value_count;
        s->value_count += o->classes[c].count * o->classes[c].field_count;
    }
    size_t count = (size_t)s->value_count;
    o->element_values = malloc((count + 1) * sizeof *o->element_values);
    o->element_limits = malloc((count + 1) * sizeof *o->element_limits);
    if (!o->element_values || !o->element_limits) abort();
    for (size_t i = 0; i < count; i++) o->element_values[i] = o->element_limits[i] = NAN;
    bool good = true;
    for (int i = 0; i < o->limit_count; i++) {
        const TwSceneClass *c = &o->classes[o->limits[i].class];
        good = good && o->limits[i].index < c->count * c->field_count;
        if (good) o->element_limits[c->value + o->limits[i].index] = o->limits[i].value;
    }
    for (int e = 0; e < s->element_count; e++)
        good = good && o->elements[e].parent < s->element_count && o->elements[e].second < s->element_count;
    for (int i = 0; i < s->rack_count; i++)
        for (int k = 0; k < TW_SUBJECTS; k++) good = good && o->racks[i].on[k] < s->element_count;
    for (int i = 0; i < s->loss_count; i++) good = good && o->losses[i].lost < s->element_count;
    for (int i = 0; i < s->overload_count; i++) good = good && o->overloads[i].element < s->element_count;
    s->elements = o->elements, s->classes = o->classes, s->fields = o->fields;
    s->element_values = o->element_values, s->element_limits = o->element_limits;
    s->step_time_s = o->step_time_s, s->step_values = o->step_values;
    s->element_racks = o->element_racks, s->losses = o->losses, s->overloads = o->overloads;
    return good;
}

// false: a link points nowhere
static bool finish_settings(Owned *o)
{
    TwScene *s = &o->scene;
    int things = tw_scene_thing_count(s);
    bool good = true;
    for (int g = 0; g < s->group_count; g++) good = good && o->groups[g].end > g && o->groups[g].end <= s->group_count;
    s->settings = o->settings, s->groups = o->groups;
    if (o->built_count == 0) return good;
    o->group_of = malloc((size_t)(things + 1) * sizeof *o->group_of);
    if (!o->group_of) abort();
    for (int i = 0; i < things; i++) o->group_of[i] = -1;
    for (int i = 0; i < o->built_count; i++) {
        bool known = o->built[i].thing < things && o->built[i].group < s->group_count;
        if (known) o->group_of[o->built[i].thing] = o->built[i].group;
        good = good && known;
    }
    s->group_of = o->group_of;
    return good;
}

// false: a point or value of nothing
static bool finish_now(Owned *o)
{
    TwScene *s = &o->scene;
    if (isnan(o->now_s)) return true;
    size_t n = (size_t)o->point_count;
    o->point_time = malloc((n + 1) * sizeof *o->point_time);
    o->point_values = malloc((3 * n + 1) * sizeof *o->point_values);
    if (!o->point_time || !o->point_values) abort();
    bool good = true;
    for (int i = 0; i < o->point_count; i++) {
        int k = o->points[i].series;
        good = good && k < s->series_count && (i == 0 || k >= o->points[i - 1].series);
        if (!good) return false;
        TwSceneSeries *series = &o->series[k];
        if (series->count++ == 0) {
            series->time_s = o->point_time + i;
            series->mean = o->point_values + i, series->min = series->mean + n, series->max = series->min + n;
        }
        o->point_time[i] = o->points[i].time_s;
        for (size_t v = 0; v < 3; v++) o->point_values[v * n + (size_t)i] = o->points[i].value[v];
    }
    for (int i = 0; i < o->now_count; i++) {
        int most = o->nows[i].element ? s->value_count : s->rack_count * s->quantity_count;
        good = good && o->nows[i].index < most;
        if (good) (o->nows[i].element ? o->element_values : o->values)[o->nows[i].index] = o->nows[i].value;
    }
    s->time_s = o->now_s;
    return good;
}

static void finish(Owned *o)
{
    TwScene *s = &o->scene;
    size_t count = (size_t)s->quantity_count * (size_t)s->rack_count;
    o->values = malloc((count + 1) * sizeof *o->values);
    if (!o->values) abort();
    for (size_t i = 0; i < count; i++) o->values[i] = NAN;
    s->racks = o->racks, s->quantities = o->quantities, s->values = o->values;
    s->kpis = o->kpis, s->series = o->series, s->events = o->events, s->flows = o->flows;
    s->time_s = s->span_s;
    s->version_data = 1;
}

bool tw_scene_read_text(TwScene **scene, const char *text, TwError *error)
{
    *scene = NULL;
    Owned *o = calloc(1, sizeof *o);
    char *copy = strdup(text);
    if (!o || !copy) abort();
    o->scene.loss_time_s = o->now_s = NAN;

    bool ok = true;
    int number_of_line = 0;
    for (char *next = copy; ok && *next;) {
        char *start = next;
        next += strcspn(start, "\n");
        if (*next) *next++ = '\0';
        Line line = {.number = ++number_of_line};
        for (char *field = start; field && line.count < MOST_FIELDS;) {
            line.field[line.count++] = field;
            field = strchr(field, '\t');
            if (field) *field++ = '\0';
        }
        if (number_of_line == 1) {
            if (strcmp(line.field[0], "tokenworks-scene") != 0)
                ok = tw_fail(error, TW_IO, "scene: line 1 is \"%.32s\", expected tokenworks-scene", line.field[0]);
            else if (whole(&line, 1) > HEAD_VERSION)
                ok = tw_fail(error, TW_IO, "scene: written by a newer version (%s), this one reads up to %d",
                             line.field[1], HEAD_VERSION);
        } else {
            read_line(o, &line);
        }
        if (ok && line.bad)
            ok = tw_fail(error, TW_IO, "scene: line %d (%.32s): a number is missing or malformed", line.number,
                         line.field[0]);
    }
    free(copy);
    if (ok && number_of_line == 0) ok = tw_fail(error, TW_IO, "scene: empty text");
    finish(o);
    if (!finish_settings(o) && ok) ok = tw_fail(error, TW_IO, "scene: a group of settings points nowhere");
    if (!finish_elements(o) && ok) ok = tw_fail(error, TW_IO, "scene: an element, a limit or a link points nowhere");
    if (ok && !finish_now(o)) ok = tw_fail(error, TW_IO, "scene: a point or a value of nothing");
    if (!ok) {
        tw_scene_destroy(&o->scene);
        return false;
    }
    *scene = &o->scene;
    return true;
}

void tw_scene_destroy(TwScene *scene)
{
    if (!scene) return;
    Owned *o = (Owned *)scene;
    free(o->racks);
    free(o->quantities);
    free(o->kpis);
    free(o->series);
    free(o->events);
    free(o->flows);
    free(o->elements);
    free(o->classes);
    free(o->fields);
    free(o->losses);
    free(o->overloads);
    free(o->element_racks);
    free(o->limits);
    free(o->step_time_s);
    free(o->step_values);
    free(o->element_values);
    free(o->element_limits);
    free(o->settings);
    free(o->groups);
    free(o->built);
    free(o->points);
    free(o->nows);
    free(o->point_time);
    free(o->point_values);
    free(o->group_of);
    free(o->values);
    free(o);
}
