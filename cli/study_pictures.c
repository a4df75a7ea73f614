#include "cli/study_pictures.h"

#include "cli/commands.h"
#include "cli/study_plots.h"

#include <string.h>

#if TW_HAS_VIEW
#include "study/answers.h"
#include "viz/viz.h"

enum { WIDTH = 1200, HEIGHT = 720, MOST_GOALS = 4 };

int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options)
{
    const char *kinds[TW_STUDY_PLOTS], *output = options ? options->output : NULL;
    int count = tw_study_plot_kinds(kinds), kind = 0, status = TW_DONE, drawn = 0;
    bool sized = options && options->width > 0;
    int width = sized ? options->width : WIDTH, height = sized ? options->height : HEIGHT;
    TwTheme theme = options && options->dark ? TW_DARK : TW_LIGHT;
    bool every = strcmp(which, "all") == 0;
    while (kind < count && strcmp(kinds[kind], which) != 0) kind++;
    if (!every && kind == count) {
        fprintf(stderr,
                "tokenworks: unknown picture \"%s\" of a study; known: response, heat, effects, pareto, search, all\n",
                which);
        return TW_USAGE;
    }
    if (output && !tw_study_output(study, output, NULL, NULL)) {
        fprintf(stderr, "tokenworks: no result is named %s\n", output);
        return TW_USAGE;
    }
    const char *dot = strrchr(out, '.');
    int stem = dot && !strchr(dot, '/') ? (int)(dot - out) : (int)strlen(out);
    // beside a result the pictures are PNG; a name of its own says which
    const char *suffix = dot && strcmp(dot, ".h5") != 0 && !strchr(dot, '/') ? dot : ".png";
    for (int k = 0; k < count && status == TW_DONE; k++) {
        if (!every && k != kind) continue;
        // every goal has a response of its own
        bool each = every && !output && strcmp(kinds[k], "response") == 0, least;
        for (int g = 0; g < (each ? MOST_GOALS : 1) && status == TW_DONE; g++) {
            const char *shown = g ? tw_study_goal(study, g, &least) : output;
            if (g && !shown) break;
            char path[700], number[16] = "";
            TwError error = {0};
            if (g) snprintf(number, sizeof number, "_%d", g + 1);
            if (every)
                snprintf(path, sizeof path, "%.*s_%s%s%s", stem, out, kinds[k], number, suffix);
            else
                snprintf(path, sizeof path, "%s", out);
            TwStudyPlot *made = tw_study_plot_create(study, kinds[k], shown);
            if (!made) continue;
            const TwPlot *plot = tw_study_plot(made);
            // few bars in a large picture would be far apart
            int tall = plot->kind == TW_PLOT_BARS && !sized ? 140 + 64 * plot->bar_count : height;
            if (!tw_plot_save(plot, width, tall < height ? tall : height, theme, path, &error))
                status = tw_cli_fail(&error);
            else
                fprintf(stderr, "%s%s", drawn++ ? ", " : "pictures: ", path);
            tw_study_plot_destroy(made);
        }
    }
    if (drawn) fprintf(stderr, "\n");
    if (!drawn && !every && status == TW_DONE) {
        fprintf(stderr, "tokenworks: this study has no picture \"%s\"\n", which);
        status = TW_USAGE;
    }
    return status;
}

#else

int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options)
{
    (void)study, (void)out, (void)options;
    if (strcmp(which, "all") == 0) return TW_DONE;
    fprintf(stderr, "tokenworks: this program was built without pictures (SDL2, cairo, pango)\n");
    return TW_USAGE;
}

#endif
