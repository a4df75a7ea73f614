// Pictures of a TwScene: an interactive window, and headless PNG, SVG and PDF. One drawing layer serves both.
#pragma once

#include "sim/error.h"
#include "twin/scene.h"

typedef enum TwTheme { TW_LIGHT, TW_DARK } TwTheme;

typedef struct TwPictureOptions {
    const char *view;        // "overview" (window as a whole), "floor", ...: of tw_picture_views
    const char *quantity;    // of the floor plan; NULL: the first
    int width, height;       // pixels; points in SVG and PDF
    TwTheme theme;
    const char *select;    // rack or element that is marked and inspected; NULL: none
} TwPictureOptions;

// Format by suffix: .png .svg .pdf. Written beside, then renamed.
bool tw_picture_save(const TwScene *scene, const TwPictureOptions *options, const char *path, TwError *error);
enum { TW_PICTURE_VIEWS = 16 };
int tw_picture_views(const char *names[TW_PICTURE_VIEWS]);
bool tw_picture_view_known(const char *name, TwError *error);    // else TW_USAGE with the known ones

// The engine behind a window: called from the engine's own thread by the caller's functions.
typedef struct TwWindowSource {
    void *context;
    // A scene that stays valid until the next call (newest snapshot); NULL: none yet.
    const TwScene *(*scene)(void *context);
    void (*pause)(void *context, bool paused);
    void (*speed)(void *context, double factor);    // simulated seconds a wall second; INFINITY: as fast as it goes
    void (*step)(void *context);
    void (*seek)(void *context, double time_s);    // replay; ignored where !can_seek
    bool can_seek;
} TwWindowSource;

// Runs the window until it is closed. Fails with TW_IO and "no display; use --screenshot" where there is none.
bool tw_window_run(const TwWindowSource *source, const char *title, TwTheme theme, TwError *error);

// A scene read from a result file, at a time; kept until closed.
typedef struct TwReplay TwReplay;
bool tw_replay_open(TwReplay **replay, const char *path, TwError *error);
bool tw_replay_refresh(TwReplay **replay);    // opens it anew where its file is another one now; whether it did
void tw_replay_close(TwReplay *replay);
const TwScene *tw_replay_scene(TwReplay *replay, double time_s);
