// Pictures of a TwScene: an interactive window, and headless PNG, SVG and PDF. One drawing layer serves both.
#pragma once

#include "sim/error.h"
#include "twin/ask.h"
#include "twin/scene.h"

typedef enum TwTheme { TW_LIGHT, TW_DARK } TwTheme;

typedef struct TwPictureOptions {
    const char *view;        // "overview" (window as a whole), "floor", ...: of tw_picture_views
    const char *quantity;    // of the floor plan, or a load of the network; NULL: the first
    int width, height;       // pixels; points in SVG and PDF
    TwTheme theme;
    const char *select;    // rack or element that is marked and inspected; NULL: none
    double scale;          // pixels a point; 0: 1
} TwPictureOptions;

// Format by suffix: .png .svg .pdf. Written beside, then renamed.
bool tw_picture_save(const TwScene *scene, const TwPictureOptions *options, const char *path, TwError *error);
enum { TW_PICTURE_VIEWS = 16 };
int tw_picture_views(const char *names[TW_PICTURE_VIEWS]);
bool tw_picture_view_known(const char *name, TwError *error);    // else TW_USAGE with the known ones

// What comes beside a scene: the other future of a fork, and what became of the last order.
typedef struct TwWindowNews {
    const TwScene *reference;    // NULL: none; valid as long as the scene
    double fork_s;
    int note_number;    // rises with every note
    bool note_bad;
    const char *note;
} TwWindowNews;

// What a window shows and acts on. Functions that are NULL are not offered; all return at once.
typedef struct TwWindowSource {
    void *context;
    // A scene that stays valid until the next call (newest snapshot); NULL: none yet.
    const TwScene *(*scene)(void *context);
    void (*news)(void *context, TwWindowNews *news);    // of the scene that was given last
    // wake may be called from any thread when there is a new scene; without it the window asks 60 times a second
    void (*listen)(void *context, void (*wake)(void *wake_context), void *wake_context);
    void (*pause)(void *context, bool paused);
    void (*speed)(void *context, double factor);    // simulated seconds a wall second; INFINITY: as fast as it goes
    void (*step)(void *context, int direction, bool to_event);    // of a live run; direction 1 or -1
    void (*seek)(void *context, double time_s);                   // ignored where !can_seek
    bool can_seek;
    void (*act)(void *context, const TwAsk *ask);    // a live run only, from here on
    void (*set)(void *context, const char *set);
    void (*fork)(void *context, bool forked);
    void (*save)(void *context, const char *path);
    void (*select)(void *context, int thing);    // scenes from now on hold what a loss of it would do; -1: nothing
    // Shows the study that the run came from until that is closed; true: it waits behind this window, which closes.
    bool (*study)(void *context);
} TwWindowSource;

// Pixels a point of the display, where it does not tell them itself (X11); before a window is opened. 0: as it tells.
void tw_window_scale(double scale);

// Runs the window until it is closed. Fails with TW_IO and "no display; use --screenshot" where there is none.
bool tw_window_run(const TwWindowSource *source, const char *title, TwTheme theme, TwError *error);

// A scene read from a result file, at a time; kept until closed.
typedef struct TwReplay TwReplay;
bool tw_replay_open(TwReplay **replay, const char *path, TwError *error);
bool tw_replay_refresh(TwReplay **replay);    // opens it anew where its file is another one now; whether it did
void tw_replay_close(TwReplay *replay);
const TwScene *tw_replay_scene(TwReplay *replay, double time_s);
