// A finished study as drawn: a matrix of scenarios, parallel axes, charts linked by selection, and what is known of
// one.
//
// The scene is filled by who reads the study (cli/study_scene.c); points are scenarios, or the mean over replicates.
#pragma once

#include "viz/plot.h"

enum { TW_STUDY_SCENE_PLOTS = 4 };

// How a point ended: the worst of its replicates. In the order of the file's flags.
typedef enum TwStudyEnd {
    TW_END_NOT_RUN,
    TW_END_DONE,
    TW_END_LIMIT,
    TW_END_REJECTED,
    TW_END_FAILED,
    TW_ENDS
} TwStudyEnd;

typedef struct TwStudyAxisScene {
    const char *name, *label;    // "supply_degc", with its unit
    int levels;                  // 0: numbers between low and high
    const char *const *words;    // [levels]
    double low, high;            // of the coordinates: 0 to levels - 1, or the numbers
} TwStudyAxisScene;

typedef struct TwStudyOutputScene {
    const char *name, *label, *unit;
    bool goal, least;                // least: less is better
    double min, max;                 // limits of the study; NaN: none
    const double *values, *halfs;    // [point]: mean over the replicates and half of its 95 % interval; NaN: none
} TwStudyOutputScene;

typedef struct TwStudyScene {
    const char *name, *facility, *design, *notes;
    int point_count, replicates, axis_count, output_count, plot_count;
    bool grid;                 // points in the order of the axes, the last one fastest
    bool can_open;             // a scenario can be run again
    const int *leading;        // axes by what they move, largest first
    const double *at;          // [point][axis]: level or number
    const signed char *end;    // [point]: TwStudyEnd
    const char *const *why;    // [point]: "" or why it was rejected or failed
    const TwStudyAxisScene *axes;
    const TwStudyOutputScene *outputs;
    const TwPlot *plots[TW_STUDY_SCENE_PLOTS];    // of the chosen output
} TwStudyScene;

typedef struct TwStudyView {
    int output, selected, hover;    // points; -1: none
    bool help, hide_inspector;
} TwStudyView;

typedef struct TwStudyBoxes {
    TwBox title, matrix, parallel, inspector, plots[TW_STUDY_SCENE_PLOTS];    // w == 0: hidden
    int plot_count;
} TwStudyBoxes;
TwStudyBoxes tw_study_layout(const TwStudyScene *s, const TwStudyView *view, double width, double height);

// What does not depend on the selection; then selection, inspector and help over it.
void tw_study_draw(TwDraw *d, const TwStudyScene *s, const TwStudyView *view, double width, double height);
void tw_study_mark(TwDraw *d, const TwStudyScene *s, const TwStudyView *view, double width, double height);
int tw_study_hit(TwDraw *d, const TwStudyScene *s, const TwStudyView *view, double width, double height, double x,
                 double y);    // point; -1: none

int tw_study_row(TwDraw *d, const TwStudyScene *s, const TwStudyView *view, double width,
                 double height);    // cells of a row of the matrix

bool tw_study_save(const TwStudyScene *s, const TwStudyView *view, int width, int height, double scale, TwTheme theme,
                   const char *path, TwError *error);    // scale: pixels a point

// The window on a study. scene: of an output, valid until the next call. chosen: the point whose run is to be opened,
// -1: closed. *view is where it starts and where it was left.
typedef struct TwStudySource {
    void *context;
    const TwStudyScene *(*scene)(void *context, int output);
} TwStudySource;
bool tw_study_window(const TwStudySource *source, TwStudyView *view, TwTheme theme, int *chosen, TwError *error);
