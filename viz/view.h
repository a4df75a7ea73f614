// The views: each is a function of a const scene, what the viewer chose, and a box, that calls draw.h.
#pragma once

#include "viz/draw.h"

#include <string.h>

// Draws what paint draws to a file, its format by suffix; written beside, then renamed (picture.c).
typedef void TwPaint(void *context, TwDraw *d, double width, double height);
bool tw_picture_paint(TwPaint *paint, void *context, int width, int height, TwTheme theme, const char *path,
                      TwError *error);
// The same with so many pixels a point: paint is given the size in points.
bool tw_picture_paint_at(TwPaint *paint, void *context, int width, int height, double scale, TwTheme theme,
                         const char *path, TwError *error);

// ---- numbers, units, times (axis.c) ----

// Three or four significant digits, thin space at thousands, from six digits on with a prefix; NaN is an en dash.
const char *tw_number_text(char text[32], double value);
// Decimals as many as a step between ticks needs.
const char *tw_tick_text(char text[32], double value, double step);
// The same on an axis that ends at `most`, whose prefix all its ticks have.
const char *tw_tick_text_of(char text[32], double value, double step, double most);
// "250 kPa", "977 k tokens/s": a prefix belongs to the unit where that takes one, else to the number.
const char *tw_with_unit(char text[64], double value, const char *unit);
// Power of any size in W, kW, MW or GW: "12.3 MW".
const char *tw_power_text(char text[32], double watts);
// "degC" is shown with its sign.
const char *tw_unit_text(const char *unit);
// Instant of a run: "2026-07-01 06:00:00", or "+6:00:00" where the start is not a date.
const char *tw_instant_text(char text[48], const char *start, double time_s);
// A step of 1, 2 or 5 times a power of ten that gives at most `most` intervals over [low, high].
double tw_tick_step(double low, double high, int most);
double tw_time_step(double span_s, int most);    // seconds; steps of clocks
const char *tw_time_tick_text(char text[32], const char *start, double time_s, double step_s);

// A span that can be drawn: never empty, never without bound. high = limit where that is finite.
typedef struct TwSpan {
    double low, high;
} TwSpan;
TwSpan tw_span(double low, double high, double limit);

// ---- what the viewer chose ----

enum { TW_MOST_QUANTITIES = 64, TW_MOST_HALLS = 64, TW_MOST_LOADS = 5 };

// Where the racks lie on the screen.
typedef struct TwFloorPlan {
    uint64_t key;
    int count, room, hall_count;
    TwBox box, *cells;
    int16_t *colours;
    TwBox halls[TW_MOST_HALLS];
    char hall_names[TW_MOST_HALLS][64];
    double cell_w, cell_h;    // smallest of all cells
    bool parted;              // halls are set beside each other, not as they lie
} TwFloorPlan;

// Key and number of each main view.
typedef enum TwMainView {
    TW_MAIN_FLOOR = 1,
    TW_MAIN_ONELINE,
    TW_MAIN_COOLING,
    TW_MAIN_NETWORK,
    TW_MAIN_WORK,
    TW_MAIN_SANKEY,
    TW_MAIN_STUDY,
    TW_MAIN_VIEWS
} TwMainView;

// What a diagram drew where, in the order of drawing: for clicks and for tests. A box that stands for several things
// holds the one shown in it.
typedef struct TwHit {
    TwBox box;
    int thing;    // of the scene: a rack or an element
    bool line;    // in the box, between these: hit near it, the nearest of several
    TwPoint from, to;
} TwHit;
typedef struct TwHits {
    TwHit *at;
    int count, room;
} TwHits;
void tw_hits_add(TwHits *hits, TwBox box, int thing);
void tw_hits_add_line(TwHits *hits, TwPoint from, TwPoint to, int thing);

typedef struct TwView {
    int quantity;                // coloured on the floor plan
    int selected, hover;         // thing of the scene: a rack or an element; -1: none
    const TwScene *reference;    // the future that differences are shown against; NULL: none
    double fork_s;               // where it parted; meaningless without one
    bool side_by_side;           // both futures beside each other instead of their difference
    double zoom, at_x, at_y;     // of the main view: 0 or 1 is all of it; what lies in its middle, of its width, height
    TwBox shown;                 // the main view's box while what it draws is larger; w == 0: it is not
    double side_w, charts_h;     // chosen by the splitters; 0: by the size of the window
    const unsigned char *found;    // [thing] what the map query holds for; NULL: no query
    bool can_act;                  // events may be asked for
    bool has_study;                // that key 7 shows
    TwHits hits;                   // of the main view as last drawn; the floor plan has its plan
    double inspector_y;            // how far the inspector is scrolled
    TwSpan time;                   // that timeline and charts show; low == high: the whole run
    TwSpan area;                   // dragged over them; low == high: none
    bool locked;                   // scales stay as they are
    bool hide_panels, help;
    TwMainView main;
    TwSpan scales[TW_MOST_QUANTITIES];         // grow with the data, never shrink; low == high: not yet set
    TwSpan differences[TW_MOST_QUANTITIES];    // the same of differences: symmetric
    TwSpan changes[TW_MAIN_VIEWS];             // and of what each diagram colours
    int load;                                  // of the network's links, from 1 on; 0: what says most
    TwSpan loads[TW_MOST_LOADS];               // their scales
    TwFloorPlan plan;
} TwView;
void tw_view_reset(TwView *view);
void tw_view_release(TwView *view);
void tw_view_scale(TwView *view, const TwScene *scene);    // of the chosen quantity, from the values of now

// shown value of a rack, NaN where there is none
double tw_rack_value(const TwScene *scene, int quantity, int rack);
// it draws nothing at all, once time has passed: shut down or without supply (one at rest still draws)
bool tw_rack_off(const TwScene *scene, int rack);

// ---- what is abnormal (abnormal.c) ----

enum { TW_MOST_ABNORMAL = 32 };

// Things that are alike, as one line.
typedef struct TwAbnormal {
    TwMainView view;             // that shows it
    int severity;                // 1 caution, 2 alarm
    int thing, count;            // the worst of so many
    char name[80], what[176];    // "3 CDUs", "worst cdu2: Coolant to racks 36.7 °C, set point 32.0 °C"
} TwAbnormal;
typedef struct TwAbnormals {
    TwAbnormal at[TW_MOST_ABNORMAL];    // worst first
    int count, alarms, cautions;        // of lines
    int alarms_of[TW_MAIN_VIEWS], cautions_of[TW_MAIN_VIEWS];
} TwAbnormals;
void tw_abnormal_find(const TwScene *s, TwAbnormals *list);
double tw_abnormal_draw(TwDraw *d, const TwAbnormals *list, TwBox box);    // at the top of a box; height that it took
int tw_abnormal_hit(const TwAbnormals *list, TwBox box, double x, double y);    // line, -1: none

// ---- views ----

// list: how much is abnormal, counted beside the clock. Returns where that was drawn; w == 0: nothing is.
TwBox tw_title_draw(TwDraw *d, const TwScene *s, const TwAbnormals *list, TwBox box);
// The main views by name, each with what is abnormal in it. tabs[view]: where each was drawn. Returns where they end.
double tw_tabs_draw(TwDraw *d, const TwView *view, const TwAbnormals *list, TwBox box, TwBox tabs[TW_MAIN_VIEWS]);
// reference: NULL, or the other future, whose course is drawn grey and dashed.
void tw_kpi_strip_draw(TwDraw *d, const TwScene *s, const TwScene *reference, TwBox box);
int tw_kpi_fit(const TwScene *s, TwBox box);    // figures that the strip has room for
void tw_kpis_draw(TwDraw *d, const TwScene *s, TwBox box);
// Any main view. A larger box than the window's is a zoom: the caller clips, and more detail finds room.
void tw_main_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
int tw_main_hit(const TwView *view, const TwScene *s, double x, double y);    // thing of the view last drawn; -1: none
void tw_floor_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
void tw_cooling_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
// Loads of the links that can be shown, by the field of a switch; NULL after the last. Which is shown.
const char *tw_network_load(int load);
int tw_network_load_shown(const TwScene *s, const TwView *view);
void tw_network_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
void tw_work_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
void tw_oneline_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);
void tw_floor_arrange(TwFloorPlan *plan, const TwScene *s, TwBox box);
int tw_floor_hit(const TwFloorPlan *plan, double x, double y);    // rack, -1: none
void tw_inspector_draw(TwDraw *d, const TwScene *s, const TwView *view, const TwAbnormals *list, TwBox box);
double tw_inspector_height(const TwScene *s, const TwView *view, TwBox box);           // of all that it has to say
void tw_inspector_page(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);    // all of it, in columns
// The inspector without the row of buttons for events, where there is one; the buttons (compare.c).
TwBox tw_inspector_body(const TwView *view, TwBox box);
void tw_buttons_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);
// Both values and the difference under each figure of the strip; where the futures parted, on the timeline.
void tw_kpi_compare_draw(TwDraw *d, const TwScene *s, const TwScene *reference, TwBox box);
void tw_fork_title_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);
void tw_fork_mark_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);

// A series of numbers that stand for words: for no axis.
static inline bool tw_series_is_code(const TwSceneSeries *series) { return strcmp(series->unit, "code") == 0; }

// Lowest and highest of [t0, t1) in each column, as shown; NaN where there is nothing. A row holds from the row before.
void tw_series_columns(const TwSceneSeries *series, double t0, double t1, int columns, float *low, float *high);
void tw_chart_draw(TwDraw *d, const TwScene *s, int series, TwBox box, bool time_axis, TwBox *plot);
// The same with the series of another future, grey and dashed; NULL: none.
void tw_chart_compare(TwDraw *d, const TwScene *s, const TwScene *reference, const TwView *view, int series, TwBox box,
                      bool time_axis, TwBox *plot);
void tw_charts_draw(TwDraw *d, const TwScene *s, const TwScene *reference, const TwView *view,
                    TwBox box);    // the first series side by side
void tw_timeline_bar_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);     // marks, clock, cursor
double tw_timeline_bar_time(const TwScene *s, const TwView *view, TwBox box, double x);    // under the pointer
TwBox tw_timeline_bar_track(TwBox box);                           // the time axis inside the bar
void tw_timeline_draw(TwDraw *d, const TwScene *s, TwBox box);    // every series stacked

// A stretch of the run (area.c).
TwSpan tw_time_shown(const TwScene *s, const TwView *view);
void tw_time_zoom(const TwScene *s, TwView *view, double at_s, double factor);    // above 1: closer
typedef struct TwArea {
    double mean, min, max, integral;    // as shown; the integral in its unit times seconds; NaN: nothing recorded
    double covered_s;
} TwArea;
TwArea tw_series_area(const TwSceneSeries *series, double t0, double t1);
const char *tw_integral_text(const TwSceneSeries *series, double integral, char text[64]);
void tw_area_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box);    // in place of the inspector

// The Sankey before it is drawn: nodes in columns, one width a watt everywhere.
typedef struct TwSankeyNode {
    const char *name;
    int column;
    double in_w, out_w;    // 0 where nothing comes or goes
    double x, y, h;
    bool useful;    // tokens come out downstream
} TwSankeyNode;
typedef struct TwSankeyRibbon {
    int from, to;
    double width_w;    // of a token ribbon: the power that makes the tokens
    double y0, y1, h;
} TwSankeyRibbon;
enum { TW_MOST_NODES = 64, TW_MOST_RIBBONS = 128 };
typedef struct TwSankey {
    TwSankeyNode nodes[TW_MOST_NODES];
    TwSankeyRibbon ribbons[TW_MOST_RIBBONS];    // ribbon i is flow i
    int node_count, ribbon_count, columns;
    double px_per_w, bar_w;
} TwSankey;
void tw_sankey_layout(TwSankey *sankey, const TwScene *s, TwBox box);
void tw_sankey_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box);

// ---- the whole window (panel.c) ----

typedef enum TwPanel {
    TW_PANEL_TITLE,
    TW_PANEL_KPI,
    TW_PANEL_TABS,
    TW_PANEL_MAIN,
    TW_PANEL_INSPECTOR,
    TW_PANEL_CHARTS,
    TW_PANEL_TIMELINE,
    TW_PANELS
} TwPanel;

typedef struct TwLayoutBoxes {
    TwBox panel[TW_PANELS];
} TwLayoutBoxes;    // w == 0: hidden
TwLayoutBoxes tw_panel_layout(double width, double height, bool hide_panels);

// Draws what changed since the last call on the same surface; marks changed panels.
typedef struct TwPanels {
    uint64_t key[TW_PANELS];
    long redrawn[TW_PANELS];    // counters, for tests
    bool changed[TW_PANELS];
    TwLayoutBoxes boxes;
    TwView other;    // of the reference, side by side
    TwAbnormals abnormal;
    TwBox tabs[TW_MAIN_VIEWS];
    double tabs_end;
    TwBox counts;    // in the title
} TwPanels;
void tw_panels_release(TwPanels *panels);
void tw_panels_forget(TwPanels *panels);    // the surface is new
bool tw_panels_draw(TwPanels *panels, TwDraw *d, const TwScene *s, TwView *view, double width, double height);
