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
    free(m);
}
