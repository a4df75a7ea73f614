// What is out of the ordinary at the instant shown, worst first: behind the tabs, the title, the side panel and key 0.
// Each subject is judged as its view draws it; what is alike is one line, named by its worst.
#include "viz/diagram.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum Reason { OVER, OFF, STATE, LOAD, LEAK, WARM, LATE, DROPPED } Reason;

// A line while it is gathered: the worst so far.
typedef struct Line {
    Reason reason;
    int class, which;    // of elements; -1: racks. State, quantity or field that tells them apart
    int severity, thing, count;
    double excess, value, bound;
} Line;

enum { LINES = 64 };
typedef struct Lines {
    Line at[LINES];
    int count;
} Lines;

// excess: how far beyond, to find the worst of those that are alike
static void add(Lines *lines, Line line)
{
    for (int i = 0; i < lines->count; i++) {
        Line *at = &lines->at[i];
        if (at->reason != line.reason || at->class != line.class || at->which != line.which ||
            at->severity != line.severity)
            continue;
        int count = at->count + 1;
        if (line.excess > at->excess) *at = line;
        at->count = count;
        return;
    }
    line.count = 1;
    if (lines->count < LINES) lines->at[lines->count++] = line;
}

// One field of a class as the scene holds it, without its scale; NULL: it has none.
static const float *column(const TwScene *s, int class, const char *name, const float *table)
{
    int field = tw_scene_field(s, class, name);
    const TwSceneClass *c = &s->classes[class];
    return field < 0 || !table ? NULL : table + c->value + (size_t)(field - c->field) * (size_t)c->count;
}

static void find_states(const TwScene *s, int class, Lines *lines)
{
    const float *state = column(s, class, "state", s->element_values);
    for (int i = 0; state && i < s->classes[class].count; i++) {
        if (!(state[i] >= (float)TW_IS_DISCHARGING)) continue;
        int thing = tw_scene_thing_of(s, s->classes[class].first + i), which = (int)(state[i] + 0.5f);
        add(lines, (Line){STATE, class, which, which >= TW_IS_OPEN ? 2 : 1, thing, 0, 0.0, NAN, NAN});
    }
}

static void find_loads(const TwScene *s, int class, Lines *lines)
{
    const float *load = column(s, class, "loading_fraction", s->element_values);
    for (int i = 0; load && i < s->classes[class].count; i++) {
        int e = s->classes[class].first + i;
        double share = (double)load[i];
        if (!(share > 0.9) || tw_diagram_generates(s, e)) continue;
        bool over = share > 1.0 + 1e-6;
        add(lines, (Line){LOAD, class, over, over ? 2 : 1, tw_scene_thing_of(s, e), 0, share, 100.0 * share,
                          tw_scene_value(s, e, "limit_w")});
    }
}

// What is held at a set point: class, field, in words.
static const char *const held[][3] = {
    {"cdu", "supply_degc", "coolant"}, {"plant", "leaving_degc", "water leaves at"}, {"room", "room_degc", "air"}};
static int held_of(const TwScene *s, int class)
{
    int k = (int)(sizeof held / sizeof *held) - 1;
    while (k >= 0 && strcmp(s->classes[class].name, held[k][0]) != 0) k--;
    return k;
}

// a temperature more than 1 K above its set point
static void find_warm(const TwScene *s, int class, Lines *lines)
{
    int k = held_of(s, class);
    if (k < 0) return;
    const char *field = held[k][1];
    const float *degc = column(s, class, field, s->element_values);
    const float *set = column(s, class, "set_degc", s->element_values);
    for (int i = 0; degc && set && i < s->classes[class].count; i++) {
        double miss = (double)(degc[i] - set[i]);
        if (!(miss > 1.0)) continue;
        add(lines, (Line){WARM, class, 0, 1, tw_scene_thing_of(s, s->classes[class].first + i), 0, miss,
                          (double)degc[i], (double)set[i]});
    }
}

static void find_leaks(const TwScene *s, int class, Lines *lines)
{
    const float *leak = column(s, class, "leak", s->element_values);
    for (int i = 0; leak && i < s->classes[class].count; i++)
        if (leak[i] > 0.0f)
            add(lines, (Line){LEAK, class, 0, 2, tw_scene_thing_of(s, s->classes[class].first + i), 0, 0.0, NAN, NAN});
}

static void find_late(const TwScene *s, int class, Lines *lines)
{
    static const char *const fields[] = {"ttft_p99_s", "tpot_p99_s", "e2e_p99_s"};
    const float *dropped = column(s, class, "dropped", s->element_values);
    for (int i = 0; i < s->classes[class].count; i++) {
        int e = s->classes[class].first + i, thing = tw_scene_thing_of(s, e);
        for (int k = 0; k < 3; k++) {
            int field = tw_scene_field(s, class, fields[k]);
            double value = field < 0 ? NAN : tw_scene_value_at(s, e, field), level = tw_scene_limit_at(s, e, field);
            if (value > level) add(lines, (Line){LATE, class, field, 2, thing, 0, value / level, value, level});
        }
        if (dropped && dropped[i] > 0.0f)
            add(lines, (Line){DROPPED, class, 0, 1, thing, 0, (double)dropped[i], (double)dropped[i], NAN});
    }
}

static void find_racks(const TwScene *s, Lines *lines)
{
    for (int i = 0; i < s->rack_count; i++)
        if (tw_rack_off(s, i)) add(lines, (Line){OFF, -1, 0, 2, i, 0, 0.0, NAN, NAN});
    for (int q = 0; q < s->quantity_count; q++) {
        double limit = s->quantities[q].limit;
        if (!isfinite(limit)) continue;
        for (int i = 0; i < s->rack_count; i++) {
            double value = tw_rack_value(s, q, i);
            if (value > limit) add(lines, (Line){OVER, -1, q, 2, i, 0, value, value, limit});
        }
    }
}

static TwMainView view_of(const TwScene *s, const Line *line)
{
    static const TwMainView views[TW_SUBJECTS] = {TW_MAIN_ONELINE, TW_MAIN_COOLING, TW_MAIN_NETWORK, TW_MAIN_WORK};
    return line->class < 0 ? TW_MAIN_FLOOR : views[s->classes[line->class].subject];
}

static const char *plural(const TwScene *s, int class)
{
    static const char *const words[][2] = {{"cdu", "CDUs"},   {"switch", "switches"}, {"link", "links"},
                                           {"pool", "pools"}, {"service", "classes"}, {"plant", "plants"},
                                           {"room", "rooms"}, {"load", "loads"}};
    for (size_t i = 0; class >= 0 && i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], s->classes[class].name) == 0) return words[i][1];
    return class < 0 ? "racks" : "elements";
}

// a pool has no supply of its own: what is out are its replicas
static const char *state_word(const TwScene *s, const Line *line)
{
    if (strcmp(s->classes[line->class].name, "pool") == 0) {
        if (line->which == TW_IS_DEAD) return "no replica serves";
        if (line->which == TW_IS_IMPAIRED) return "not all replicas serve";
    }
    return tw_scene_state_word((TwSceneState)line->which);
}

static void say(const TwScene *s, const Line *line, TwAbnormal *to)
{
    char a[48], b[48], what[120];
    const char *name = tw_scene_name(s, line->thing);
    const TwSceneField *field = line->reason == LATE ? &s->fields[line->which] : NULL;
    const TwSceneQuantity *q = line->reason == OVER ? &s->quantities[line->which] : NULL;
    switch (line->reason) {
    case OVER:
        snprintf(what, sizeof what, "%.40s %s, limit %s", q->label[0] ? q->label : q->name,
                 tw_diagram_unit(a, line->value, q->unit), tw_diagram_unit(b, line->bound, q->unit));
        break;
    case OFF:
        snprintf(what, sizeof what, "off, no power drawn");
        break;
    case STATE:
        snprintf(what, sizeof what, "%s", state_word(s, line));
        break;
    case LOAD:
        snprintf(what, sizeof what, "%.0f %% of %s", line->value,
                 isfinite(line->bound) ? tw_power_text(a, line->bound * 1e3) : "its limit");
        break;
    case LEAK:
        snprintf(what, sizeof what, "loses coolant");
        break;
    case WARM:
        snprintf(what, sizeof what, "%s %s, set point %s", held[held_of(s, line->class)][2],
                 tw_diagram_unit(a, line->value, "degC"), tw_diagram_unit(b, line->bound, "degC"));
        break;
    case LATE:
        snprintf(what, sizeof what, "%.20s %s, level %s", field->label, tw_diagram_unit(a, line->value, field->unit),
                 tw_diagram_unit(b, line->bound, field->unit));
        break;
    case DROPPED:
        snprintf(what, sizeof what, "%s requests rejected or lost", tw_number_text(a, line->value));
        break;
    }
    *to = (TwAbnormal){view_of(s, line), line->severity, line->thing, line->count, "", ""};
    if (line->count == 1)
        snprintf(to->name, sizeof to->name, "%s", name);
    else
        snprintf(to->name, sizeof to->name, "%d %s", line->count, plural(s, line->class));
    bool alike = line->count == 1 || line->reason == OFF || line->reason == STATE || line->reason == LEAK;
    snprintf(to->what, sizeof to->what, "%s%.40s%s%s", alike ? "" : "worst ", alike ? "" : name, alike ? "" : ": ",
             what);
}

// Alarms first, then by view; what is alike keeps its order from one frame to the next.
static int by_weight(const void *left, const void *right)
{
    const Line *a = left, *b = right;
    if (a->severity != b->severity) return b->severity - a->severity;
    if (a->class != b->class) return a->class - b->class;
    if (a->reason != b->reason) return (int)a->reason - (int)b->reason;
    return b->which - a->which;
}

void tw_abnormal_find(const TwScene *s, TwAbnormals *list)
{
    Lines lines = {.count = 0};
    *list = (TwAbnormals){0};
    find_racks(s, &lines);
    for (int c = 0; c < s->class_count; c++) {
        find_states(s, c, &lines);
        find_loads(s, c, &lines);
        find_leaks(s, c, &lines);
        find_warm(s, c, &lines);
        find_late(s, c, &lines);
    }
    qsort(lines.at, (size_t)lines.count, sizeof *lines.at, by_weight);
    for (int i = 0; i < lines.count; i++) {
        const Line *line = &lines.at[i];
        TwMainView view = view_of(s, line);
        if (line->severity >= 2)
            list->alarms++, list->alarms_of[view]++;
        else
            list->cautions++, list->cautions_of[view]++;
        if (list->count < TW_MOST_ABNORMAL) say(s, line, &list->at[list->count++]);
    }
}

// ---- in the side panel ----

enum { PITCH = 38, HEAD = 36 };

static int fit(const TwAbnormals *list, TwBox box)
{
    int room = (int)fmax(1.0, floor((box.h * 0.45 - HEAD) / PITCH));
    return list->count < room ? list->count : room;
}

static TwBox row_of(TwBox box, int i) { return (TwBox){box.x + 12.0, box.y + HEAD + i * PITCH, box.w - 24.0, PITCH}; }

double tw_abnormal_draw(TwDraw *d, const TwAbnormals *list, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    if (list->count == 0) return 0.0;
    tw_draw_text_cut(d, (TwPoint){box.x + 18.0, box.y + 23.0}, TW_LEFT, TW_HEADING, style->text, box.w - 36.0,
                     "Abnormal now");
    int shown = fit(list, box);
    for (int i = 0; i < shown; i++) {
        const TwAbnormal *at = &list->at[i];
        TwBox b = row_of(box, i);
        TwColour colour = style->status[at->severity >= 2 ? TW_ALARM : TW_CAUTION];
        tw_draw_rect(d, (TwBox){b.x + 6.0, b.y + 5.0, 3.0, b.h - 10.0}, colour);
        char name[112];
        snprintf(name, sizeof name, "%s%s", at->severity >= 2 ? "\xe2\x96\xb2 " : "", at->name);
        tw_draw_text_cut(d, (TwPoint){b.x + 16.0, b.y + 16.0}, TW_LEFT, TW_BODY_BOLD, style->text, b.w - 20.0, name);
        tw_draw_text_cut(d, (TwPoint){b.x + 16.0, b.y + 31.0}, TW_LEFT, TW_SMALL, style->second, b.w - 20.0, at->what);
    }
    double end = HEAD + shown * PITCH;
    if (shown < list->alarms + list->cautions) {
        char more[64];
        snprintf(more, sizeof more, "and %d more: key 0", list->alarms + list->cautions - shown);
        tw_draw_text(d, (TwPoint){box.x + 18.0, box.y + end + 12.0}, TW_LEFT, TW_SMALL, style->second, more);
        end += 16.0;
    }
    tw_draw_rect(d, (TwBox){box.x + 18.0, box.y + end + 6.0, box.w - 36.0, 1.0}, style->grid);
    return end + 8.0;
}

int tw_abnormal_hit(const TwAbnormals *list, TwBox box, double x, double y)
{
    for (int i = 0; i < fit(list, box); i++)
        if (tw_box_has(row_of(box, i), x, y)) return i;
    return -1;
}
