// Scenes made up for tests and benchmarks of the view: 1, 8, 600 or 8,000 racks, a day of series, a Sankey from 1 MW.
// Nothing here is computed by the engine; numbers only have the shape of real ones. Same arguments, same scene.
#pragma once

#include "twin/scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYNTHETIC_QUANTITIES = 4, SYNTHETIC_SERIES = 6, SYNTHETIC_KPIS = 8, SYNTHETIC_EVENTS = 8, SYNTHETIC_FLOWS = 12 };

typedef struct Synthetic {
    TwScene scene;
    TwSceneRack *racks;
    float *values;
    TwSceneQuantity quantities[SYNTHETIC_QUANTITIES];
    TwSceneKpi kpis[SYNTHETIC_KPIS];
    TwSceneSeries series[SYNTHETIC_SERIES];
    TwSceneEvent events[SYNTHETIC_EVENTS];
    TwSceneFlow flows[SYNTHETIC_FLOWS];
    double *time_s;
    float *points;    // [series][mean, min, max][row]
    TwSceneElement *elements;
    TwSceneClass classes[8];
    TwSceneField fields[80];
    float *element_values, *element_limits;
    int *element_racks;
} Synthetic;

// uniform in [0, 1), a function of its key alone
static inline double synthetic_noise(uint64_t key)
{
    key += 0x9e3779b97f4a7c15u;
    key = (key ^ key >> 30) * 0xbf58476d1ce4e5b9u;
    key = (key ^ key >> 27) * 0x94d049bb133111ebu;
    return (double)((key ^ key >> 31) >> 11) / 9007199254740992.0;
}

static inline void synthetic_series(Synthetic *m, int rows, double span_s, double noise)
{
    static const struct {
        const char *name, *unit, *label;
        double base, swing, limit;
    } about[SYNTHETIC_SERIES] = {
        {"utility_mw", "MW", "Utility power", 0.92, 0.16, 1.2},
        {"tokens_per_s", "tokens/s", "Output tokens", 61000.0, 22000.0, NAN},
        {"chip_degc", "degC", "Hottest chip", 71.0, 9.0, 85.0},
        {"ttft_s", "s", "Time to first token, p99", 0.9, 0.5, 2.0},
        {"supply_degc", "degC", "Coolant supply", 32.0, 1.6, 40.0},
        {"queue_count", "requests", "Requests waiting", 240.0, 220.0, NAN},
    };
    m->time_s = malloc(((size_t)rows + 1) * sizeof *m->time_s);
    m->points = malloc(((size_t)rows * 3 * SYNTHETIC_SERIES + 1) * sizeof *m->points);
    for (int i = 0; i < rows; i++) m->time_s[i] = span_s * (i + 1) / rows;
    for (int k = 0; k < SYNTHETIC_SERIES; k++) {
        TwSceneSeries *s = &m->series[k];
        *s = (TwSceneSeries){.scale = 1.0, .limit = about[k].limit, .count = rows};
        snprintf(s->name, sizeof s->name, "%s", about[k].name);
        snprintf(s->unit, sizeof s->unit, "%s", about[k].unit);
        snprintf(s->label, sizeof s->label, "%s", about[k].label);
        float *mean = m->points + (size_t)k * 3 * (size_t)rows, *min = mean + rows, *max = min + rows;
        for (int i = 0; i < rows; i++) {
            double day = sin(2.0 * M_PI * (m->time_s[i] / 86400.0 - 0.35) + 0.4 * k);
            double at =
                about[k].base + about[k].swing * (0.8 * day + noise * (synthetic_noise((uint64_t)(i * 8 + k)) - 0.5));
            double wide = about[k].swing * noise * 0.4 * synthetic_noise((uint64_t)(i * 8 + k + 1000000));
            mean[i] = (float)at, min[i] = (float)fmax(0.0, at - wide), max[i] = (float)(at + wide);
        }
        s->time_s = m->time_s, s->mean = mean, s->min = min, s->max = max;
    }
}

// rows of up to 25 racks in pairs with a hot aisle between, up to six rows a hall
static inline void synthetic_racks(Synthetic *m, int count)
{
    m->racks = calloc((size_t)count + 1, sizeof *m->racks);
    int per_row = count <= 20 ? (count > 0 ? count : 1) : count <= 1000 ? 25 : 50;
    int rows = count <= 1000 ? 6 : 10, per_hall = per_row * rows;
    int halls = (count + per_hall - 1) / per_hall, across = halls <= 1   ? 1
                                                            : halls <= 4 ? 2
                                                                         : (int)ceil(sqrt(halls * 0.9));
    for (int i = 0; i < count; i++) {
        TwSceneRack *r = &m->racks[i];
        for (int k = 0; k < TW_SUBJECTS; k++) r->on[k] = -1;
        int hall = i / per_hall, row = i % per_hall / per_row, slot = i % per_row;
        r->width_m = 0.6, r->depth_m = 1.2;
        r->x_m = (hall % across) * (per_row * 0.6 + 3.0) + slot * 0.6;
        r->y_m = (hall / across) * (rows * 2.1 + 4.0) + row * 1.2 + (row + 1) / 2 * 1.2 + row / 2 * 0.9;
        if (count <= 20)
            snprintf(r->name, sizeof r->name, "rack%d", i + 1);
        else
            snprintf(r->name, sizeof r->name, "h%dr%ds%02d", hall + 1, row + 1, slot + 1);
        snprintf(r->hall, sizeof r->hall, "hall%d", hall + 1);
        snprintf(r->part, sizeof r->part, "rack_72");
        snprintf(r->cdu, sizeof r->cdu, "cdu%d", i / 8 + 1);
        snprintf(r->feed, sizeof r->feed, "pdu%d", i / 20 + 1);
    }
}

static inline void synthetic_values(Synthetic *m, uint64_t seed)
{
    int count = m->scene.rack_count;
    for (int i = 0; i < count; i++) {
        double n = synthetic_noise(seed * 1000003u + (uint64_t)i), load = 0.55 + 0.35 * n + 0.1 * sin(i * 0.13);
        m->values[i] = (float)(132e3 * load);
        m->values[count + i] = (float)(38.0 + 14.0 * load);
        m->values[2 * count + i] = (float)(52.0 + 34.5 * load * (0.9 + 0.1 * n));
        m->values[3 * count + i] = (float)(7800.0 * load);
    }
}

// ---- elements: feed, transformers, UPS, PDUs; CDUs, plant and room; switches; two pools ----

typedef struct SyntheticField {
    const char *name, *unit;
    double scale, base, limit;    // NaN: no limit
} SyntheticField;

static const SyntheticField synthetic_element[] = {
    {"element_w", "kW", 1e-3, 0.0, NAN}, {"loss_w", "kW", 1e-3, 900.0, NAN}, {"loading_fraction", "%", 100.0, 0.6, 1.0},
    {"limit_w", "kW", 1e-3, 2e6, NAN},   {"volts_v", "V", 1.0, 400.0, NAN},  {"stored_fraction", "%", 100.0, NAN, NAN},
    {"store_w", "kW", 1e-3, NAN, NAN},   {"state", "", 1.0, 0.0, NAN},
};
static const SyntheticField synthetic_load[] = {{"load_w", "kW", 1e-3, 24500.0, NAN}};
static const SyntheticField synthetic_cdu[] = {
    {"supply_degc", "degC", 1.0, 32.0, NAN},
    {"return_degc", "degC", 1.0, 41.0, NAN},
    {"heat_w", "kW", 1e-3, 585e3, NAN},
    {"valve_fraction", "%", 100.0, 0.7, NAN},
    {"pump_w", "kW", 1e-3, 24500.0, NAN},
    {"flow_kg_s", "kg/s", 1.0, 27.1, NAN},
    {"plant_flow_kg_s", "kg/s", 1.0, 14.0, NAN},
    {"head_pa", "kPa", 1e-3, 552e3, NAN},
    {"pump_fraction", "%", 100.0, 1.0, NAN},
    {"set_degc", "degC", 1.0, 32.0, NAN},
    {"plant_return_degc", "degC", 1.0, 37.0, NAN},
    {"state", "", 1.0, 0.0, NAN},
};
static const SyntheticField synthetic_plant[] = {
    {"supply_degc", "degC", 1.0, 27.0, NAN},   {"return_degc", "degC", 1.0, 37.1, NAN},
    {"tank_degc", "degC", 1.0, 27.0, NAN},     {"leaving_degc", "degC", 1.0, 27.0, NAN},
    {"set_degc", "degC", 1.0, 27.0, NAN},      {"flow_kg_s", "kg/s", 1.0, 14.0, NAN},
    {"head_pa", "kPa", 1e-3, 86e3, NAN},       {"pump_fraction", "%", 100.0, 1.0, NAN},
    {"fan_fraction", "%", 100.0, 0.4, NAN},    {"units", "", 1.0, 3.0, NAN},
    {"reject_w", "kW", 1e-3, 587e3, NAN},      {"pump_w", "kW", 1e-3, 1860.0, NAN},
    {"fan_w", "kW", 1e-3, 726.0, NAN},         {"chiller_w", "kW", 1e-3, 0.0, NAN},
    {"water_kg_s", "kg/s", 1.0, 0.2, NAN},     {"ambient_degc", "degC", 1.0, 23.3, NAN},
    {"wet_bulb_degc", "degC", 1.0, 17.0, NAN}, {"state", "", 1.0, 0.0, NAN},
};
static const SyntheticField synthetic_room[] = {
    {"room_degc", "degC", 1.0, 27.4, NAN},    {"set_degc", "degC", 1.0, 27.0, NAN},
    {"reject_w", "kW", 1e-3, 127e3, NAN},     {"fan_fraction", "%", 100.0, 0.8, NAN},
    {"fan_w", "kW", 1e-3, 3e3, NAN},          {"chiller_w", "kW", 1e-3, 13.7e3, NAN},
    {"ambient_degc", "degC", 1.0, 23.3, NAN}, {"state", "", 1.0, 0.0, NAN},
};
static const SyntheticField synthetic_switch[] = {
    {"used_fraction", "%", 100.0, 0.7, 1.0},
    {"hot_fraction", "%", 100.0, 0.9, 1.0},
    {"live_fraction", "%", 100.0, 1.0, NAN},
    {"state", "", 1.0, 0.0, NAN},
};
static const SyntheticField synthetic_pool[] = {
    {"waiting", "requests", 1.0, 38.0, NAN},
    {"running", "requests", 1.0, 5904.0, 36864.0},
    {"kv_fraction", "%", 100.0, 0.42, 1.0},
    {"output_tokens_per_s", "tokens/s", 1.0, 61104.0, NAN},
    {"input_tokens_per_s", "tokens/s", 1.0, 52000.0, NAN},
    {"requests_per_s", "requests/s", 1.0, 41.0, NAN},
    {"transfer_bytes_s", "GB/s", 1e-9, 3e9, NAN},
    {"live_replicas", "", 1.0, 70.0, 72.0},
    {"state", "", 1.0, 6.0, NAN},
};
static const SyntheticField synthetic_service[] = {
    {"arrived", "requests", 1.0, 15300.0, NAN}, {"completed", "requests", 1.0, 15200.0, NAN},
    {"dropped", "requests", 1.0, 3.0, NAN},     {"good_fraction", "%", 100.0, 0.956, NAN},
    {"ttft_p50_s", "s", 1.0, 0.06, 2.0},        {"ttft_p90_s", "s", 1.0, 0.27, 2.0},
    {"ttft_p99_s", "s", 1.0, 0.68, 2.0},        {"tpot_p50_s", "ms", 1e3, 0.045, 0.05},
    {"tpot_p90_s", "ms", 1e3, 0.048, 0.05},     {"tpot_p99_s", "ms", 1e3, 0.054, 0.05},
    {"e2e_p50_s", "s", 1.0, 33.0, NAN},         {"e2e_p90_s", "s", 1.0, 123.0, NAN},
    {"e2e_p99_s", "s", 1.0, 426.0, NAN},
};

static inline void synthetic_class(Synthetic *m, const char *name, TwSceneSubject subject, int count,
                                   const SyntheticField *fields, int field_count)
{
    TwScene *s = &m->scene;
    TwSceneClass *c = &m->classes[s->class_count++];
    *c = (TwSceneClass){.subject = subject,
                        .first = s->element_count,
                        .count = count,
                        .field = s->field_count,
                        .field_count = field_count,
                        .value = s->value_count};
    snprintf(c->name, sizeof c->name, "%s", name);
    snprintf(c->setting, sizeof c->setting, "run.component_s");
    for (int f = 0; f < field_count; f++) {
        TwSceneField *to = &m->fields[s->field_count++];
        snprintf(to->name, sizeof to->name, "%s", fields[f].name);
        snprintf(to->unit, sizeof to->unit, "%s", fields[f].unit);
        snprintf(to->label, sizeof to->label, "%s", fields[f].name);
        to->scale = fields[f].scale, to->recorded = true;
        for (int i = 0; i < count; i++) {
            double noise = fields[f].name[0] == 's' && fields[f].name[1] == 't'
                               ? 1.0
                               : 0.95 + 0.1 * synthetic_noise((uint64_t)(i * 131 + f));
            m->element_values[s->value_count + f * count + i] = (float)(fields[f].base * noise);
            m->element_limits[s->value_count + f * count + i] = (float)fields[f].limit;
        }
    }
    s->value_count += count * field_count;
    for (int i = 0; i < count; i++) {
        TwSceneElement *e = &m->elements[s->element_count + i];
        e->of = s->class_count - 1, e->parent = e->second = -1;
        snprintf(e->kind, sizeof e->kind, "%s", name);
    }
    s->element_count += count;
}

static inline TwSceneElement *synthetic_name(Synthetic *m, int element, const char *kind, const char *name, int number)
{
    TwSceneElement *e = &m->elements[element];
    if (number > 0)
        snprintf(e->name, sizeof e->name, "%s%d", name, number);
    else
        snprintf(e->name, sizeof e->name, "%s", name);
    snprintf(e->kind, sizeof e->kind, "%s", kind);
    snprintf(e->id, sizeof e->id, "%s/%s", m->classes[e->of].name, e->name);
    return e;
}

// racks from..until hang on an element
static inline void synthetic_link(Synthetic *m, int element, int from, int until)
{
    TwScene *s = &m->scene;
    if (until > s->rack_count) until = s->rack_count;
    m->elements[element].rack = s->element_rack_count;
    for (int i = from; i < until; i++) m->element_racks[s->element_rack_count++] = i;
    m->elements[element].rack_count = until > from ? until - from : 0;
}

static inline int synthetic_over(int count, int each) { return (count + each - 1) / each; }

static inline void synthetic_elements(Synthetic *m, int racks)
{
    TwScene *s = &m->scene;
    int pdus = synthetic_over(racks, 20), ups = synthetic_over(pdus, 5), mains = synthetic_over(ups, 4);
    int cdus = synthetic_over(racks, 8), leaves = synthetic_over(racks, 4), spines = synthetic_over(leaves, 2);
    int tree = 1 + mains + ups + pdus + 1, total = tree + 4 + cdus + 2 + leaves + spines + 2 + 4;
    m->elements = calloc((size_t)total + 1, sizeof *m->elements);
    m->element_values = calloc((size_t)total * 20 + 1, sizeof *m->element_values);
    m->element_limits = calloc((size_t)total * 20 + 1, sizeof *m->element_limits);
    m->element_racks = calloc((size_t)racks * 12 + 64, sizeof *m->element_racks);
    enum { ELEMENT_FIELDS = sizeof synthetic_element / sizeof *synthetic_element };
    synthetic_class(m, "element", TW_OF_POWER, tree, synthetic_element, ELEMENT_FIELDS);
    synthetic_class(m, "load", TW_OF_POWER, 4, synthetic_load, 1);
    synthetic_class(m, "cdu", TW_OF_COOLING, cdus, synthetic_cdu, sizeof synthetic_cdu / sizeof *synthetic_cdu);
    synthetic_class(m, "plant", TW_OF_COOLING, 1, synthetic_plant, sizeof synthetic_plant / sizeof *synthetic_plant);
    synthetic_class(m, "room", TW_OF_COOLING, 1, synthetic_room, sizeof synthetic_room / sizeof *synthetic_room);
    synthetic_class(m, "switch", TW_OF_NETWORK, spines + leaves, synthetic_switch, 4);
    synthetic_class(m, "pool", TW_OF_SERVING, 2, synthetic_pool, sizeof synthetic_pool / sizeof *synthetic_pool);
    synthetic_class(m, "service", TW_OF_SERVING, 4, synthetic_service,
                    sizeof synthetic_service / sizeof *synthetic_service);

    synthetic_name(m, 0, "feed", "utility", 0);
    synthetic_link(m, 0, 0, racks);
    for (int i = 0; i < mains; i++) {
        TwSceneElement *e = synthetic_name(m, 1 + i, "transformer", "main", i + 1);
        e->parent = 0, e->level = 1;
        synthetic_link(m, 1 + i, i * 400, (i + 1) * 400);
    }
    for (int i = 0; i < ups; i++) {
        int at = 1 + mains + i;
        TwSceneElement *e = synthetic_name(m, at, "ups", "ups", i + 1);
        e->parent = 1 + i / 4, e->level = 2;
        m->element_values[5 * tree + at] = 0.97f;    // charge
        synthetic_link(m, at, i * 100, (i + 1) * 100);
    }
    for (int i = 0; i < pdus; i++) {
        int at = 1 + mains + ups + i;
        TwSceneElement *e = synthetic_name(m, at, "pdu", "pdu", i + 1);
        e->parent = 1 + mains + i / 5, e->level = 3;
        synthetic_link(m, at, i * 20, (i + 1) * 20);
        for (int r = i * 20; r < (i + 1) * 20 && r < racks; r++) m->racks[r].on[TW_OF_POWER] = at;
    }
    TwSceneElement *house = synthetic_name(m, tree - 1, "board", "house", 0);
    house->parent = 0, house->level = 1;
    for (int e = 0; e < tree; e++) m->element_values[e] = (float)(m->elements[e].rack_count * 75e3 + 1e4);
    static const char *const loads[] = {"fabric", "cdu.pumps", "plant.fans", "room.fans"};
    for (int i = 0; i < 4; i++) {
        TwSceneElement *e = synthetic_name(m, tree + i, "load", loads[i], 0);
        e->parent = tree - 1, e->level = 2;
    }
    int cdu = m->classes[2].first, plant = m->classes[3].first, room = m->classes[4].first, at = m->classes[5].first;
    for (int i = 0; i < cdus; i++) {
        TwSceneElement *e = synthetic_name(m, cdu + i, "cdu", "cdu", i + 1);
        e->parent = plant, e->level = 1;
        snprintf(e->place, sizeof e->place, "%s", m->racks[i * 8].hall);
        synthetic_link(m, cdu + i, i * 8, (i + 1) * 8);
        for (int r = i * 8; r < (i + 1) * 8 && r < racks; r++) m->racks[r].on[TW_OF_COOLING] = cdu + i;
    }
    synthetic_name(m, plant, "dry_cooler", "plant", 0);
    synthetic_name(m, room, "room", "room", 0);
    for (int i = 0; i < spines; i++) synthetic_name(m, at + i, "spine", "spine ", i + 1);
    for (int i = 0; i < leaves; i++) {
        synthetic_name(m, at + spines + i, "leaf", "leaf ", i + 1)->parent = at;
        synthetic_link(m, at + spines + i, i * 4, (i + 1) * 4);
        for (int r = i * 4; r < (i + 1) * 4 && r < racks; r++) m->racks[r].on[TW_OF_NETWORK] = at + spines + i;
    }
    int pool = m->classes[6].first, service = m->classes[7].first;
    static const char *const services[] = {"chat.fast", "chat.batch", "agents.fast", "agents.batch"};
    for (int i = 0; i < 2; i++) {
        snprintf(synthetic_name(m, pool + i, "pool", i ? "agents" : "chat", 0)->title, 64,
                 "a model, 72 replicas of 8 GPUs");
        synthetic_link(m, pool + i, i * racks / 2, (i + 1) * racks / 2);
        for (int r = i * racks / 2; r < (i + 1) * racks / 2; r++) m->racks[r].on[TW_OF_SERVING] = pool + i;
    }
    for (int i = 0; i < 4; i++) {
        TwSceneElement *e = synthetic_name(m, service + i, "service", services[i], 0);
        e->parent = pool + i / 2, e->level = 1;
    }
    s->elements = m->elements, s->classes = m->classes, s->fields = m->fields;
    s->element_values = m->element_values, s->element_limits = m->element_limits, s->element_racks = m->element_racks;
    s->loss_time_s = NAN;
    s->stands_for = 1.0;
}

static inline float *synthetic_value(Synthetic *m, int element, const char *name)
{
    const TwSceneClass *c = &m->classes[m->elements[element].of];
    int f = tw_scene_field(&m->scene, m->elements[element].of, name) - c->field;
    return &m->element_values[c->value + f * c->count + element - c->first];
}

static inline void synthetic_tables(Synthetic *m)
{
    static const TwSceneQuantity quantities[SYNTHETIC_QUANTITIES] = {
        {"rack_w", "kW", "Rack power", 1e-3, 132.0},
        {"outlet_degc", "degC", "Coolant outlet", 1.0, 60.0},
        {"chip_degc", "degC", "Hottest chip", 1.0, 85.0},
        {"tokens_per_s", "tokens/s", "Output tokens", 1.0, NAN},
    };
    static const TwSceneKpi kpis[SYNTHETIC_KPIS] = {
        {"tokens.output_per_s_per_mw_utility", "Tokens per megawatt", "tokens/s/MW", "utility", 66412.0, 70000.0, ""},
        {"tokens.output_per_s", "Output tokens", "tokens/s", "IT", 61104.0, NAN, ""},
        {"latency.ttft_s.p99", "Time to first token p99", "s", "IT", 1.24, 2.0, ""},
        {"power.pue", "PUE", "", "utility", 1.164, 1.2, ""},
        {"cooling.chip_degc.max", "Hottest chip", "degC", "IT", 83.2, 85.0, ""},
        {"power.utility_mw", "Utility power", "MW", "utility", 0.92, 1.2, ""},
        {"limits.binding", "Binding limit", "", "IT", NAN, NAN, "KV memory"},
        {"cost.usd_per_million_output_tokens", "Cost per M tokens", "USD", "utility", NAN, NAN, ""},
    };
    static const TwSceneEvent events[SYNTHETIC_EVENTS] = {
        {5400, 0, "Setpoint of cdu1 changed to 32 degC"},
        {20000, 1, "Chiller 2 at full load"},
        {28900, 2, "Pump a of cdu3 lost"},
        {29100, 1, "Racks of cdu3 throttled"},
        {29400, 0, "Standby pump of cdu3 running"},
        {43000, 0, "Maintenance window of pdu2"},
        {61000, 1, "Utility asks for 0.9 MW"},
        {72500, 0, "Request ended"},
    };
    static const TwSceneFlow flows[SYNTHETIC_FLOWS] = {
        {"Grid", "Transformers", 1000e3, 0, false},
        {"Transformers", "Transformer loss", 11.4e3, 1, false},
        {"Transformers", "UPS", 861.6e3, 1, false},
        {"Transformers", "Cooling", 127e3, 1, false},
        {"UPS", "UPS loss", 25.8e3, 2, false},
        {"UPS", "Racks", 835.8e3, 2, false},
        {"Racks", "Shelves and fans", 48.8e3, 3, false},
        {"Racks", "Prefill", 212e3, 3, false},
        {"Racks", "Decode", 431e3, 3, false},
        {"Racks", "Idle", 144e3, 3, false},
        {"Prefill", "Input tokens", 402000, 4, true},
        {"Decode", "Output tokens", 61104, 4, true},
    };
    memcpy(m->quantities, quantities, sizeof quantities);
    memcpy(m->kpis, kpis, sizeof kpis);
    memcpy(m->events, events, sizeof events);
    memcpy(m->flows, flows, sizeof flows);
}

static inline Synthetic *synthetic_create(int racks, int rows, double noise)
{
    Synthetic *m = calloc(1, sizeof *m);
    TwScene *s = &m->scene;
    synthetic_tables(m);
    synthetic_racks(m, racks);
    synthetic_series(m, rows, 86400.0, noise);
    s->rack_count = racks;
    m->values = malloc(((size_t)racks * SYNTHETIC_QUANTITIES + 1) * sizeof *m->values);
    synthetic_values(m, 1);
    snprintf(s->facility, sizeof s->facility, "%s", racks <= 20 ? "pilot-1mw" : "campus-hydra");
    snprintf(s->title, sizeof s->title, "Synthetic day with the loss of a coolant pump");
    snprintf(s->version, sizeof s->version, "0.1.0");
    snprintf(s->start, sizeof s->start, "2026-07-01 00:00:00");
    s->time_s = 50400.0, s->span_s = 86400.0;
    s->quantity_count = SYNTHETIC_QUANTITIES, s->kpi_count = SYNTHETIC_KPIS, s->series_count = SYNTHETIC_SERIES;
    s->event_count = SYNTHETIC_EVENTS, s->flow_count = SYNTHETIC_FLOWS;
    s->racks = m->racks, s->quantities = m->quantities, s->values = m->values, s->kpis = m->kpis;
    s->series = m->series, s->events = m->events, s->flows = m->flows;
    synthetic_elements(m, racks);
    s->residual_w = 3.1e-5;
    s->version_data = 1;
    return m;
}

static inline void synthetic_destroy(Synthetic *m)
{
    free(m->racks);
    free(m->values);
    free(m->time_s);
    free(m->points);
    free(m->elements);
    free(m->element_values);
    free(m->element_limits);
    free(m->element_racks);
    free(m);
}
