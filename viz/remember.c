// What the window keeps from one session to the next: $XDG_CONFIG_HOME/tokenworks/view, one setting a line.
#include "viz/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool place(char *path, size_t size, bool make)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char folder[400];
    if (config && config[0] == '/')
        snprintf(folder, sizeof folder, "%s", config);
    else if (home && home[0] == '/')
        snprintf(folder, sizeof folder, "%s/.config", home);
    else
        return false;
    if (make) mkdir(folder, 0700);
    size_t n = strlen(folder);
    snprintf(folder + n, sizeof folder - n, "/tokenworks");
    if (make) mkdir(folder, 0700);
    return (size_t)snprintf(path, size, "%s/view", folder) < size;
}

void tw_remember_load(TwView *view, double *text_scale)
{
    char path[512], line[128], name[32];
    double value;
    FILE *f = place(path, sizeof path, false) ? fopen(path, "r") : NULL;
    if (!f) return;
    // a file of a later version may hold more, a damaged one less
    while (fgets(line, sizeof line, f)) {
        if (sscanf(line, "%31s %lf", name, &value) != 2 || !isfinite(value) || value < 0.0 || value > 1e4) continue;
        if (strcmp(name, "inspector_px") == 0) view->side_w = value;
        if (strcmp(name, "charts_px") == 0) view->charts_h = value;
        if (strcmp(name, "text_scale") == 0 && value >= 0.6 && value <= 3.0) *text_scale = value;
    }
    fclose(f);
}

void tw_remember_save(const TwView *view, double text_scale)
{
    char path[512];
    FILE *f = place(path, sizeof path, true) ? fopen(path, "w") : NULL;
    if (!f) return;    // nothing to tell: the window works without
    fprintf(f, "inspector_px %.0f\ncharts_px %.0f\ntext_scale %.3f\n", view->side_w, view->charts_h, text_scale);
    fclose(f);
}
