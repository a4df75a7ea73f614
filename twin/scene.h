// What a picture shows: one instant and the history of a run, as plain arrays. The live twin and a result file both
// fill it; viz/ draws it and knows nothing else.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum TwSceneSubject { TW_OF_POWER, TW_OF_COOLING, TW_OF_NETWORK, TW_OF_SERVING, TW_SUBJECTS } TwSceneSubject;

typedef struct TwSceneRack {
    char name[64], hall[64], part[64], cdu[64], feed[64];
    double x_m, y_m, width_m, depth_m;
    int on[TW_SUBJECTS];    // the element of each subject that it hangs on: feed, CDU, leaf, pool; -1: none
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
    char label[48], unit[24], boundary[64];    // boundary: "utility", "IT", ""
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

// ---- elements: what the views draw beside the racks, and what can be selected ----
//
// A thing of a scene is one number: racks are 0 .. rack_count - 1, element e is rack_count + e. Selection, hits and
// lookups all speak of things.

// From good to bad, so that the largest of an interval is its worst.
typedef enum TwSceneState {
    TW_IS_NORMAL,
    TW_IS_STANDBY,    // generator at rest, unit not called
    TW_IS_CHARGING,
    TW_IS_STARTING,       // generator starts, switch between its sources
    TW_IS_DISCHARGING,    // a store carries what hangs below
    TW_IS_BYPASSED,
    TW_IS_IMPAIRED,    // part of it failed: a pump out, a valve stuck, units standing
    TW_IS_OPEN,        // out of service
    TW_IS_DEAD,        // in service, without supply
    TW_IS_TRIPPED,     // opened by its protection
    TW_STATES
} TwSceneState;

// One kind of value that all elements of a class have.
typedef struct TwSceneField {
    char name[48];     // series of the result's group; word of a query: "loading_fraction"
    char unit[16];     // as shown
    char label[48];    // "Power in"
    double scale;      // shown = value * scale
    bool recorded;     // replay: the file holds it
} TwSceneField;

// Elements of one kind with the same fields; in a result file the group that holds their series.
typedef struct TwSceneClass {
    char name[32];       // "element", "cdu", "plant", "room", "switch", "pool", "service"
    char setting[48];    // that would record it; for what is greyed
    TwSceneSubject subject;
    int first, count;          // elements
    int field, field_count;    // fields
    int value;                 // of field f and entry i: element_values[value + f * count + i]
} TwSceneClass;

typedef struct TwSceneElement {
    char id[96];    // "element/pdu_a1": the same in every run of a facility
    char name[64], kind[24], title[128];
    char place[64];          // hall, or empty
    int of;                  // class
    int level;               // 0: where power, cold, requests come from
    int parent, second;      // elements that supply it; -1: none
    bool closed;             // both at once: a ring
    int rack, rack_count;    // racks that hang on it: element_racks[rack ..]
} TwSceneElement;

// ---- settings: what a thing was built from, as the inspector shows it ----

typedef struct TwSceneSetting {
    char name[48], unit[16], value[96];
    char mark[12];       // "measured", "vendor", "derived", "assumed", "user", "default"
    char source[400];    // what the number rests on
    char place[112];     // "parts/racks/gb300.cfg:22", or empty
} TwSceneSetting;

// A group of the facility file; groups below it follow it.
typedef struct TwSceneGroup {
    char path[96], part[64];
    int first, count;    // settings of its own
    int end;             // first group that is no longer below it
} TwSceneGroup;

// N-1: what a loss would do at an instant. Elements whose load over limit rises above 1, or stays there.
typedef struct TwSceneOverload {
    int element;
    float before, after;    // load over the limit in force
    float after_w;
} TwSceneOverload;
typedef struct TwSceneLoss {
    int lost;            // element
    double dropped_w;    // racks and loads without supply afterwards
    int first, count;    // overloads
} TwSceneLoss;

typedef struct TwScene {
    char facility[64], title[128], version[16];
    char start[32];                // "2026-07-01 00:00:00" at time zero
    double stands_for;             // racks that each one drawn stands for; the values of elements are sums
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

    // elements; only element_values and losses change while a run goes on
    int element_count, class_count, field_count, value_count, loss_count, overload_count;
    const TwSceneElement *elements;
    const TwSceneClass *classes;
    const TwSceneField *fields;
    const float *element_values;    // [value_count], NaN: not known; field "state" is a TwSceneState
    const float *element_limits;    // [value_count], NaN: none
    const int *element_racks;
    // values of one class that change at known times instead of being recorded: [step][value of the class]
    int step_count, step_class;
    const double *step_time_s;
    const float *step_values;
    int element_rack_count;
    const TwSceneLoss *losses;    // of the selected element, or of all at the end of a run
    const TwSceneOverload *overloads;
    double loss_time_s;    // the instant that they hold for; NaN: none computed

    // of the facility file; never change
    int setting_count, group_count;
    const TwSceneSetting *settings;
    const TwSceneGroup *groups;
    const int *group_of;      // [thing], -1: none; NULL: the file holds no settings
    double residual_w;        // of the flows: electricity in less out
    uint64_t version_data;    // changes when anything above does
} TwScene;

// Elements by thing, class, name (scene.c).
int tw_scene_element_of(const TwScene *s, int thing);    // -1: a rack, or nothing
int tw_scene_thing_of(const TwScene *s, int element);    // -1 for -1
int tw_scene_thing_count(const TwScene *s);
const char *tw_scene_name(const TwScene *s, int thing);               // "" for nothing
int tw_scene_find(const TwScene *s, const char *id);                  // thing with this id or rack name, -1: none
int tw_scene_class(const TwScene *s, const char *name);               // -1: none
int tw_scene_field(const TwScene *s, int class, const char *name);    // -1: none
const float *tw_scene_step(const TwScene *s, double time_s);          // values of the step class at a time; NULL: none
// As shown (scaled), NaN where unknown; the limit in the same unit.
double tw_scene_value(const TwScene *s, int element, const char *name);
double tw_scene_limit(const TwScene *s, int element, const char *name);
double tw_scene_value_at(const TwScene *s, int element, int field);    // field: index into fields
double tw_scene_limit_at(const TwScene *s, int element, int field);
TwSceneState tw_scene_state(const TwScene *s, int element);
// What limits a run, from the number that is recorded (twin/limits.h): "demand", an element's name; "": unknown.
const char *tw_scene_binding(const TwScene *s, double code);
const char *tw_scene_state_word(TwSceneState state);    // "on battery"
// Load over limit, NaN: no limit or unknown.
double tw_scene_loading(const TwScene *s, int element);
// The same for all things at once, marks[thing] (tw_scene_thing_count of them).
void tw_scene_marks(const TwScene *s, int selected, unsigned char *marks);
// Whether a thing is the selected one or hangs above or below it: what every view marks. 2: itself, 1: linked, 0: no.
int tw_scene_linked(const TwScene *s, int selected, int thing);
