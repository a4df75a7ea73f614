// What a picture shows: one instant and the history of a run, as plain arrays. The live twin and a result file both
// fill it; viz/ draws it and knows nothing else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct TwSceneRack {
    char name[64], hall[32], part[64], cdu[64], feed[64];
    double x_m, y_m, width_m, depth_m;
} TwSceneRack;

typedef struct TwSceneQuantity {
    char name[64];     // setting, dataset and axis: "rack_w"
    char unit[16];     // as shown: "kW", "degC"
    char label[64];    // "Rack power"
    double scale;      // shown = value * scale
    double limit;      // shown as the end of the scale; NaN: none
} TwSceneQuantity;

typedef struct TwSceneKpi {
    char name[64];                             // JSON path
    char label[48], unit[24], boundary[16];    // boundary: "utility", "IT", ""
    double value;                              // NaN: unknown
    double target;                             // NaN: none
    char text[64];                             // shown instead of value where not empty (binding limit)
} TwSceneKpi;

typedef struct TwSceneSeries {
    char name[64], unit[16], label[64];
    double scale, limit;    // shown = value * scale; limit as shown, NaN: none
    int count;
    const double *time_s;
    const float *mean, *min, *max;
} TwSceneSeries;

typedef struct TwSceneEvent {
    double time_s;
    int severity;    // 0 info, 1 caution, 2 alarm
    char text[96];
} TwSceneEvent;

// A ribbon of the Sankey from one named node to another, in W (tokens/s for the last hop).
typedef struct TwSceneFlow {
    char from[48], to[48];
    double value_w;
    int column;     // of its left end
    bool tokens;    // right end is labelled in tokens/s, not watts
} TwSceneFlow;

typedef struct TwScene {
    char facility[64], title[128], version[16];
    char start[32];                // "2026-07-01 00:00:00" at time zero
    double time_s, span_s;         // this instant, end of the run
    double speed, speed_wanted;    // against real time; 0 when not live
    bool live, paused;
    char banner[128];    // "partial result", or empty
    int rack_count, quantity_count, kpi_count, series_count, event_count, flow_count;
    const TwSceneRack *racks;
    const TwSceneQuantity *quantities;
    const float *values;    // [quantity][rack]
    const TwSceneKpi *kpis;
    const TwSceneSeries *series;
    const TwSceneEvent *events;
    const TwSceneFlow *flows;
    double residual_w;        // of the flows: electricity in less out
    uint64_t version_data;    // changes when anything above does
} TwScene;
