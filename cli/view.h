// What the files of `tokenworks view` share: a run, live or from its file, and a study with its scenarios.
#pragma once

#include "cli/commands.h"

#if TW_HAS_VIEW
#include "viz/viz.h"

// One picture, or of several views ("floor,kpis", "all") one each: NAME_floor.png for NAME.png; names to `told`.
bool tw_cli_save_views(const TwScene *scene, const TwPictureOptions *picture, const char *path, FILE *told,
                       TwError *error);

// Runs a plant in the window, or to the asked time for a picture.
int tw_cli_view_plant(const TwPlant *plant, const TwOptions *options, const TwPictureOptions *picture,
                      TwTheme window_theme);

// A study's file: the matrix with its charts, or with --scenario one of its runs.
int tw_cli_view_study(const TwOptions *options, const TwPictureOptions *picture, TwTheme window_theme);
// The window of options->study until it is closed; true: it waits behind this one.
bool tw_cli_show_study(const TwOptions *options, TwTheme theme);
// The window on a plant that runs in its own thread.
int tw_cli_view_live(const TwPlant *plant, const TwOptions *options, TwTheme window_theme);
#endif
