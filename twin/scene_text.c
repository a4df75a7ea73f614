#include "twin/scene_text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 12, HEAD_VERSION = 1 };

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
    putc('\n', stream);
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
    float *values;
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
    else if (strcmp(kind, "residual") == 0)
        s->residual_w = number(line, 1);
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
    free(o->values);
    free(o);
}
