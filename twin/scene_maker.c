#include "twin/scene_maker.h"

#include "twin/dispatch.h"

#include "sim/version.h"
#include "twin/couple.h"
#include "twin/headline.h"
#include "twin/report.h"
#include "twin/scene_flows.h"
#include "twin/scene_parts.h"
#include "twin/scene_settings.h"
#include "twin/series.h"
#include "twin/story.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { KPIS = 8 };

// Which facility series a picture shows, with the scale of its axis.
typedef struct Shown {
    const char *name, *unit, *label;
    double scale;
} Shown;

static const Shown shown_series[] = {
    {"utility_w", "kW", "Utility power", 1e-3},
    {"output_tokens_per_s", "tokens/s", "Output tokens", 1.0},
    {"granted_w", "kW", "Granted to racks", 1e-3},
    {"chip_max_degc", "degC", "Hottest chip", 1.0},
    {"demand_w", "kW", "Racks want", 1e-3},
    {"it_w", "kW", "IT power", 1e-3},
    {"cooling_w", "kW", "Cooling power", 1e-3},
    {"ambient_degc", "degC", "Outdoor air", 1.0},
    {"plant_supply_degc", "degC", "Facility water supply", 1.0},
    {"running", "requests", "Running requests", 1.0},
    {"waiting", "requests", "Waiting requests", 1.0},
    {"kv_fraction", "%", "KV memory held", 100.0},
};
// Key figures over the run that are no series of the facility: as recorded in the group "headline".
static const struct {
    int which;
    Shown shown;
} shown_headlines[] = {
    {TW_HEADLINE_TTFT, {"ttft_p99_s", "s", "TTFT p99 since warm-up", 1.0}},
    {TW_HEADLINE_COST, {"usd_per_million_output_tokens", "USD", "Cost of a million tokens", 1.0}},
    {TW_HEADLINE_BINDING, {"binding", "code", "Limited by", 1.0}},
};
static const Shown shown_quantities[] = {
    {"rack_w", "kW", "Rack power", 1e-3},
    {"grant_w", "kW", "Granted power", 1e-3},
    {"gpu_w", "kW", "GPU power", 1e-3},
    {"chip_degc", "degC", "Hottest chip", 1.0},
    {"supply_degc", "degC", "Coolant in", 1.0},
    {"return_degc", "degC", "Coolant out", 1.0},
    {"tokens_per_s", "tokens/s", "Output tokens", 1.0},
    {"kv_fraction", "%", "KV memory held", 100.0},
    {"clock_fraction", "%", "Clock granted by heat", 100.0},
};
enum {
    SERIES = sizeof shown_series / sizeof *shown_series,
    HEADLINES = sizeof shown_headlines / sizeof *shown_headlines,
    QUANTITIES = sizeof shown_quantities / sizeof *shown_quantities
};

struct TwSceneMaker {
    const TwPlant *plant;
    TwScene scene;
    TwSceneParts *parts;
    TwSceneSettings *settings;
    int selected;    // element, -1: none
    bool all_lost;
    TwSceneRack *racks;
    TwSceneQuantity quantities[QUANTITIES];
    float *values;
    TwSceneKpi kpis[KPIS];
    TwSceneSeries series[SERIES + HEADLINES];
    int from[SERIES];    // index of each shown series among the recorded ones
    double *time_s;
    float *mean[SERIES], *low[SERIES], *high[SERIES];
    int points, points_max, merge, merged;       // merge: windows a point; merged: of the running point
    double *head_time_s, head_s, head_next_s;    // of the headlines: one value an interval of head_s
    float *head[HEADLINES];
    int head_points;
    bool mega, generates;    // facility power is shown in MW
    TwSceneEvent *events;
    int event_room;
    TwSceneFlow flows[TW_SCENE_FLOWS];
};

static void copy(char *to, size_t size, const char *from) { snprintf(to, size, "%s", from ? from : ""); }

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) abort();
    return memory;
}

static void name_series(TwSceneSeries *series, const Shown *s)
{
    copy(series->name, sizeof series->name, s->name);
    copy(series->unit, sizeof series->unit, s->unit);
    copy(series->label, sizeof series->label, s->label);
    series->scale = s->scale;
    series->limit = NAN;
}

static void create_racks(TwSceneMaker *m)
{
    size_t racks = (size_t)m->plant->rack_count;
    m->racks = zeroed(racks, sizeof *m->racks);
    m->values = zeroed(racks * QUANTITIES, sizeof *m->values);
    for (size_t i = 0; i < racks; i++) {
        const TwRackPlan *rack = &m->plant->racks[i];
        TwSceneRack *r = &m->racks[i];
        copy(r->name, sizeof r->name, rack->name);
        copy(r->hall, sizeof r->hall, rack->hall);
        copy(r->part, sizeof r->part, rack->part);
        copy(r->cdu, sizeof r->cdu, rack->cdu_name);
        copy(r->feed, sizeof r->feed, rack->feed_name);
        r->x_m = rack->x_m;
        r->y_m = rack->y_m;
        r->width_m = 0.6;
        r->depth_m = 1.2;
    }
    const TwRackPlan *first = &m->plant->racks[0];
    for (int k = 0; k < QUANTITIES; k++) {
        const Shown *s = &shown_quantities[k];
        copy(m->quantities[k].name, sizeof m->quantities[k].name, s->name);
        copy(m->quantities[k].unit, sizeof m->quantities[k].unit, s->unit);
        copy(m->quantities[k].label, sizeof m->quantities[k].label, s->label);
        m->quantities[k].scale = s->scale;
        m->quantities[k].limit = strcmp(s->name, "rack_w") == 0      ? first->peak_w * 1e-3
                                 : strcmp(s->name, "chip_degc") == 0 ? first->slowdown_degc
                                                                     : NAN;
    }
}

static void create_series(TwSceneMaker *m)
{
    const TwGroupInfo *facility = &m->plant->record.groups[TW_GROUP_FACILITY];
    size_t points = (size_t)m->points_max;
    m->time_s = zeroed(points, sizeof *m->time_s);
    for (int k = 0; k < SERIES; k++) {
        static const Shown room = {"room_degc", "degC", "Room air", 1.0};
        const Shown *s = &shown_series[k];
        if (m->plant->cdu_count == 0 && strcmp(s->name, "plant_supply_degc") == 0) s = &room;    // no facility water
        m->from[k] = -1;
        for (int i = 0; i < facility->series_count; i++)
            if (strcmp(facility->series[i].name, s->name) == 0) m->from[k] = i;
        assert(m->from[k] >= 0);
        m->mean[k] = zeroed(points, sizeof(float));
        m->low[k] = zeroed(points, sizeof(float));
        m->high[k] = zeroed(points, sizeof(float));
        m->series[k] = (TwSceneSeries){.time_s = m->time_s, .mean = m->mean[k], .min = m->low[k], .max = m->high[k]};
        name_series(&m->series[k], s);
    }
}

static void create_headlines(TwSceneMaker *m)
{
    size_t points = (size_t)m->points_max;
    m->head_time_s = zeroed(points, sizeof *m->head_time_s);
    m->head_s = m->head_next_s = m->plant->record.groups[m->plant->headline_group].interval_s;
    for (int k = 0; k < HEADLINES; k++) {
        const float *value = m->head[k] = zeroed(points, sizeof(float));
        m->series[SERIES + k] = (TwSceneSeries){.time_s = m->head_time_s, .mean = value, .min = value, .max = value};
        name_series(&m->series[SERIES + k], &shown_headlines[k].shown);
    }
}

// The feed's limit is the line that utility power may not cross; several have none in common. Generation on the site
// comes in beside the grid.
static void set_power_scale(TwSceneMaker *m)
{
    const TwPlant *plant = m->plant;
    double feeds_w = 0.0, made_w = 0.0;
    int feeds = 0;
    for (int i = 0; i < plant->element_count; i++) {
        const TwElementRow *element = &plant->elements[i];
        if (strcmp(element->kind, "feed") == 0)    // a generator that stands by is none
            feeds_w += element->limit_w, feeds++;
        else if (tw_dispatch_local(element))
            made_w += element->rated_w;
    }
    m->mega = isfinite(feeds_w) && feeds_w > 5e6;
    for (int k = 0; k < SERIES && m->mega; k++)
        if (strcmp(m->series[k].unit, "kW") == 0) {
            copy(m->series[k].unit, sizeof m->series[k].unit, "MW");
            m->series[k].scale = 1e-6;
        }
    m->generates = made_w > 0.0;
    // a sum is not held against the limit of one of them
    if (feeds > 1) snprintf(m->series[0].label, sizeof m->series[0].label, "Power, %d feeds", feeds);
    if (m->generates) copy(m->series[0].label, sizeof m->series[0].label, "Site power");
    if (isfinite(feeds_w) && feeds == 1) m->series[0].limit = (feeds_w + made_w) * m->series[0].scale;
}

static void fill_scene(TwSceneMaker *m)
{
    const TwPlant *plant = m->plant;
    TwScene *scene = &m->scene;
    copy(scene->facility, sizeof scene->facility, plant->facility);
    copy(scene->title, sizeof scene->title, plant->title);
    if (plant->rack_scale > 1.0) {    // said where the racks are counted
        size_t n = strlen(scene->title);
        snprintf(scene->title + n, sizeof scene->title - n, "%sa rack stands for %.4g", n ? "; " : "",
                 plant->rack_scale);
    }
    copy(scene->version, sizeof scene->version, TW_VERSION);
    copy(scene->start, sizeof scene->start, plant->start);
    scene->stands_for = plant->rack_scale;
    scene->span_s = plant->run.for_s;
    scene->rack_count = plant->rack_count;
    scene->quantity_count = QUANTITIES;
    scene->kpi_count = KPIS;
    scene->series_count = SERIES + HEADLINES;
    scene->racks = m->racks;
    scene->quantities = m->quantities;
    scene->values = m->values;
    scene->kpis = m->kpis;
    scene->series = m->series;
    scene->events = m->events;
    scene->flows = m->flows;
}

TwSceneMaker *tw_scene_maker_create(const TwPlant *plant, int points_max)
{
    TwSceneMaker *m = zeroed(1, sizeof *m);
    m->plant = plant;
    m->selected = -1;
    m->points_max = points_max & ~1;
    m->merge = 1;
    m->event_room = 16;
    m->events = zeroed((size_t)m->event_room, sizeof *m->events);
    create_racks(m);
    create_series(m);
    create_headlines(m);
    set_power_scale(m);
    fill_scene(m);
    m->parts = tw_scene_parts_create(plant, &m->scene, m->racks);
    m->settings = tw_scene_settings_create(plant, &m->scene);
    return m;
}

void tw_scene_maker_destroy(TwSceneMaker *m)
{
    if (!m) return;
    for (int k = 0; k < SERIES; k++) {
        free(m->mean[k]);
        free(m->low[k]);
        free(m->high[k]);
    }
    for (int k = 0; k < HEADLINES; k++) free(m->head[k]);
    free(m->head_time_s);
    tw_scene_parts_destroy(m->parts);
    tw_scene_settings_destroy(m->settings);
    free(m->racks);
    free(m->values);
    free(m->time_s);
    free(m->events);
    free(m);
}

TwSceneMaker *tw_scene_maker_copy(const TwSceneMaker *from)
{
    TwSceneMaker *m = tw_scene_maker_create(from->plant, from->points_max);
    size_t points = (size_t)from->points;
    m->points = from->points;
    m->merge = from->merge;
    m->merged = from->merged;
    m->scene.version_data = from->scene.version_data;
    memcpy(m->time_s, from->time_s, points * sizeof *m->time_s);
    for (int k = 0; k < SERIES; k++) {
        memcpy(m->mean[k], from->mean[k], points * sizeof(float));
        memcpy(m->low[k], from->low[k], points * sizeof(float));
        memcpy(m->high[k], from->high[k], points * sizeof(float));
    }
    size_t heads = (size_t)from->head_points;
    m->head_points = from->head_points;
    m->head_s = from->head_s, m->head_next_s = from->head_next_s;
    memcpy(m->head_time_s, from->head_time_s, heads * sizeof *m->head_time_s);
    for (int k = 0; k < HEADLINES; k++) memcpy(m->head[k], from->head[k], heads * sizeof(float));
    return m;
}

void tw_scene_maker_cut(TwSceneMaker *m, double time_s)
{
    int before = m->points;
    while (m->points > 0 && m->time_s[m->points - 1] > time_s) m->points--;
    if (m->points < before) m->merged = 0;
    while (m->head_points > 0 && m->head_time_s[m->head_points - 1] > time_s) m->head_points--;
    m->head_next_s = (floor(time_s / m->head_s + 1e-9) + 1.0) * m->head_s;
}

// The headlines where their interval ends, as a result keeps them; a long run keeps every second of them.
static void sample_headlines(TwSceneMaker *m, const TwState *state, double until_s)
{
    if (until_s < fmin(m->head_next_s, m->plant->run.for_s) - 1e-9) return;
    double values[TW_HEADLINE_COUNT];
    tw_headline_values(state, values);
    if (m->head_points == m->points_max) {
        m->head_points /= 2;
        for (int i = 0; i < m->head_points; i++) {
            m->head_time_s[i] = m->head_time_s[2 * i + 1];
            for (int k = 0; k < HEADLINES; k++) m->head[k][i] = m->head[k][2 * i + 1];
        }
        m->head_s *= 2.0;
    }
    m->head_time_s[m->head_points] = until_s;
    for (int k = 0; k < HEADLINES; k++) m->head[k][m->head_points] = (float)values[shown_headlines[k].which];
    m->head_points++;
    m->head_next_s = (floor(until_s / m->head_s + 1e-9) + 1.0) * m->head_s;
}

// Two neighbours become one, so that a long run fits; minimum and maximum survive.
static void thin(TwSceneMaker *m)
{
    int half = m->points / 2;
    for (int i = 0; i < half; i++) {
        m->time_s[i] = m->time_s[2 * i + 1];
        for (int k = 0; k < SERIES; k++) {
            m->mean[k][i] = 0.5f * (m->mean[k][2 * i] + m->mean[k][2 * i + 1]);
            m->low[k][i] = fminf(m->low[k][2 * i], m->low[k][2 * i + 1]);
            m->high[k][i] = fmaxf(m->high[k][2 * i], m->high[k][2 * i + 1]);
        }
    }
    m->points = half;
    m->merge *= 2;
}

void tw_scene_maker_sample(TwSceneMaker *m, const TwState *state)
{
    const double *values = tw_state_series(state);
    double until_s = tw_state_window(state)->until_s;
    if (m->merged == 0) {
        if (m->points == m->points_max) thin(m);
        int p = m->points++;
        for (int k = 0; k < SERIES; k++) m->mean[k][p] = m->low[k][p] = m->high[k][p] = (float)values[m->from[k]];
        m->time_s[p] = until_s;
    } else {
        int p = m->points - 1;
        float weight = 1.0f / (float)(m->merged + 1);
        for (int k = 0; k < SERIES; k++) {
            float v = (float)values[m->from[k]];
            m->mean[k][p] += (v - m->mean[k][p]) * weight;
            m->low[k][p] = fminf(m->low[k][p], v);
            m->high[k][p] = fmaxf(m->high[k][p], v);
        }
        m->time_s[p] = until_s;
    }
    m->merged = (m->merged + 1) % m->merge;
    sample_headlines(m, state, until_s);
    m->scene.version_data++;
}

static void kpi(TwSceneKpi *out, const TwReport *report, const char *path, const char *label, const char *unit,
                const char *boundary, double scale, double target)
{
    copy(out->name, sizeof out->name, path);
    copy(out->label, sizeof out->label, label);
    copy(out->unit, sizeof out->unit, unit);
    copy(out->boundary, sizeof out->boundary, boundary);
    copy(out->text, sizeof out->text, tw_report_text(report, path));
    out->value = tw_report_value(report, path) * scale;
    out->target = target;
}

// Several feeds have no limit in common: the one that came nearest to its own is named.
static const char *feeds_text(const TwPlant *plant, const TwState *state, char text[64])
{
    const double *peak = tw_f64_const(tw_state_block(state), plant->slot.loading_peak);
    int fullest = -1;
    for (int i = 0; i < plant->element_count; i++)
        if (strcmp(plant->elements[i].kind, "feed") == 0 && isfinite(plant->elements[i].limit_w) &&
            plant->elements[i].limit_w > 0.0 && (fullest < 0 || peak[i] > peak[fullest]))
            fullest = i;
    if (fullest < 0) return "utility, mean";
    snprintf(text, 64, "mean; peak %.0f %% of %.24s", 100.0 * peak[fullest], plant->element_names[fullest]);
    return text;
}

static void fill_values(TwSceneMaker *m, const TwState *state)
{
    const TwWindow *w = tw_state_window(state);
    const double *from[QUANTITIES] = {w->rack_w,      w->grant_w,      w->gpu_w,       w->chip_degc,     w->supply_degc,
                                      w->return_degc, w->tokens_per_s, w->kv_fraction, w->clock_fraction};
    for (int k = 0; k < QUANTITIES; k++)
        for (int i = 0; i < m->plant->rack_count; i++)
            m->values[(size_t)k * (size_t)m->plant->rack_count + (size_t)i] = (float)from[k][i];
}

const TwScene *tw_scene_maker_scene(TwSceneMaker *m, const TwState *state)
{
    const TwPlant *plant = m->plant;
    TwScene *scene = &m->scene;
    TwReport *report = tw_report_create(state, -1.0);
    scene->time_s = tw_state_time_s(state);
    double slo_s = plant->pools[0].ttft_slo_s;
    double feeds_w = m->series[0].limit;
    bool serves = plant->pool_count > 0;
    kpi(&m->kpis[0], report, serves ? "tokens.output_per_s_per_mw_utility" : "jobs.tokens_per_s_per_mw_utility",
        serves ? "Tokens/s per MW" : "Trained/s per MW", "tokens/s/MW", "utility, mean", 1.0, NAN);
    kpi(&m->kpis[1], report, serves ? "tokens.output_per_s" : "jobs.tokens",
        serves ? "Output tokens" : "Tokens trained", serves ? "tokens/s" : "", serves ? "IT, mean" : "less lost steps",
        1.0, NAN);
    if (serves)
        kpi(&m->kpis[2], report, "latency.ttft_s.p99", "TTFT p99", "s", "IT", 1.0, slo_s);
    else
        kpi(&m->kpis[2], report, "jobs.goodput", "Goodput of jobs", "%", "GPU time held", 100.0, NAN);
    kpi(&m->kpis[3], report, "power.pue", "PUE", "", "utility/IT, mean", 1.0, NAN);
    kpi(&m->kpis[4], report, "cooling.chip_degc.max", "Hottest chip", "degC", "hall", 1.0,
        plant->rack_count ? plant->racks[0].slowdown_degc : NAN);
    char feeds[64];
    const char *boundary = isfinite(feeds_w) ? "utility, mean" : feeds_text(plant, state, feeds);
    if (m->generates) {
        double scale = m->mega ? 1.0 : 1e3;
        snprintf(feeds, sizeof feeds, "grid %.4g + own %.4g", tw_report_value(report, "power.grid_mw.mean") * scale,
                 tw_report_value(report, "power.generation_mw.mean") * scale);
        boundary = feeds;
    }
    char power[48];
    snprintf(power, sizeof power, "%.47s", m->series[0].label);
    kpi(&m->kpis[5], report, "power.utility_mw.mean", power, m->mega ? "MW" : "kW", boundary, m->mega ? 1.0 : 1e3,
        feeds_w);
    kpi(&m->kpis[6], report, "limits.binding", "Limited by", "", "", 1.0, NAN);
    kpi(&m->kpis[7], report, serves ? "tokens.usd_per_million_output_tokens" : "jobs.usd_per_million_tokens", "Cost",
        "USD/M tokens", "utility, all-in", 1.0, NAN);
    scene->flow_count = tw_scene_flows(state, report, m->flows, &scene->residual_w);
    fill_values(m, state);
    tw_scene_parts_fill(m->parts, state);
    if (!m->all_lost) tw_scene_parts_lose(m->parts, state, m->selected, false);
    for (int k = 0; k < SERIES; k++) m->series[k].count = m->points;
    for (int k = 0; k < HEADLINES; k++) m->series[SERIES + k].count = m->head_points;
    scene->event_count = 0;
    int told = tw_story_count(plant, tw_state_block(state));
    if (told + 1 > m->event_room) {
        m->event_room = 2 * told + 1;
        m->events = realloc(m->events, (size_t)m->event_room * sizeof *m->events);
        if (!m->events) abort();
        scene->events = m->events;
    }
    for (int i = 0; i < told; i++) {
        const TwEntry *entry = tw_story_entry(plant, tw_state_block(state), i);
        TwSceneEvent *event = &m->events[scene->event_count++];
        event->time_s = (double)entry->time_ns * 1e-9;
        event->severity = tw_story_severity(entry);
        tw_story_text(plant, entry, event->text, sizeof event->text);
    }
    int64_t more = tw_story_overflow(plant, tw_state_block(state));
    if (more > 0) {
        TwSceneEvent *event = &m->events[scene->event_count++];
        *event = (TwSceneEvent){.time_s = event[-1].time_s, .severity = 1};
        snprintf(event->text, sizeof event->text, "the story is full: %lld later happenings are not told",
                 (long long)more);
    }
    scene->version_data++;
    tw_report_destroy(report);
    return scene;
}

void tw_scene_maker_select(TwSceneMaker *m, int thing)
{
    m->selected = tw_scene_element_of(&m->scene, thing);
    m->all_lost = false;
}

void tw_scene_maker_lose_all(TwSceneMaker *m, const TwState *state)
{
    tw_scene_parts_lose(m->parts, state, -1, true);
    m->all_lost = true;
}
