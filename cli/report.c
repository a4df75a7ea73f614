// tokenworks report: what a finished run or study says, as text, JSON, CSV or pictures.
#include "cli/commands.h"
#include "cli/study_pictures.h"
#include "cli/view.h"
#include "sim/csv.h"
#include "sim/file.h"
#include "sim/record.h"
#include "study/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(const char *text)
{
    fprintf(stderr, "tokenworks: %s\n", text);
    return TW_USAGE;
}

// The facility series as CSV: time, then mean, minimum and maximum of each.
static int export_csv(TwResult *result, const char *out)
{
    enum { MOST = 128 };
    static char names[MOST][64], units[MOST][32], labels[MOST][128];
    TwError error = {0};
    int count = tw_result_series(result, "", names, units, labels, MOST), rows = tw_result_rows(result, "");
    if (count > MOST) count = MOST;
    TwFile file;
    if (!tw_file_create(&file, out, &error)) return tw_cli_fail(&error);
    FILE *f = file.stream;
    double *time_s = malloc((size_t)(rows + 1) * sizeof *time_s);
    double *values = malloc((size_t)(rows + 1) * (size_t)(count + 1) * 3 * sizeof *values);
    if (!time_s || !values) abort();
    bool good = tw_result_time(result, "", time_s, &error);
    static const char *const kinds[] = {"", "_min", "_max"};
    for (int k = 0; k < 3 * count && good; k++) {
        char name[80];
        snprintf(name, sizeof name, "%s%s", names[k / 3], kinds[k % 3]);
        good = tw_result_values(result, "", name, 0, rows, values + (size_t)k * (size_t)rows, &error);
    }
    char *key = tw_result_text(result, "@key", NULL), *source = tw_result_text(result, "@source", NULL);
    fprintf(f, "# %s, key %s\ntime_s", source ? source : "", key ? key : "");
    for (int k = 0; k < 3 * count; k++) fprintf(f, ",%s%s", names[k / 3], kinds[k % 3]);
    for (int row = 0; row < rows && good; row++) {
        fprintf(f, "\n%.17g", time_s[row]);
        for (int k = 0; k < 3 * count; k++) fprintf(f, ",%.9g", values[(size_t)k * (size_t)rows + (size_t)row]);
    }
    fputc('\n', f);
    good = tw_file_finish(&file, good, &error);
    free(key);
    free(source);
    free(time_s);
    free(values);
    return good ? TW_DONE : tw_cli_fail(&error);
}

#if TW_HAS_VIEW
static int plot(const TwOptions *options)
{
    TwPictureOptions picture = {.view = options->plot,
                                .width = options->width ? options->width : 1920,
                                .height = options->height ? options->height : 1080,
                                .theme = options->dark ? TW_DARK : TW_LIGHT};
    TwError error = {0};
    TwReplay *replay;
    if (!tw_replay_open(&replay, options->files[0], &error)) return tw_cli_fail(&error);
    bool good = tw_cli_save_views(tw_replay_scene(replay, isfinite(options->at_s) ? options->at_s : INFINITY), &picture,
                                  options->out, stdout, &error);
    tw_replay_close(replay);
    return good ? TW_DONE : tw_cli_fail(&error);
}
#else
static int plot(const TwOptions *options)
{
    (void)options;
    fprintf(stderr, "tokenworks: this program was built without pictures (SDL2, cairo, pango)\n");
    return TW_USAGE;
}
#endif

// Every point and replicate of a study as a row.
static int study_csv(const TwStudy *study, const char *out)
{
    TwError error = {0};
    TwFile file;
    if (!tw_file_create(&file, out, &error)) return tw_cli_fail(&error);
    tw_study_csv(study, file.stream, tw_csv_put);
    return tw_file_finish(&file, true, &error) ? TW_DONE : tw_cli_fail(&error);
}

static int study_report(const TwOptions *options)
{
    TwError error = {0};
    TwStudy *study;
    if (options->export_format && strcmp(options->export_format, "csv") != 0) return usage("--export: expected csv");
    if ((options->plot || options->export_format) && !options->out)
        return usage(options->plot ? "--plot needs --out FILE.png, .svg or .pdf" : "--export needs --out FILE.csv");
    if (!tw_study_load(&study, options->files[0], &error)) return tw_cli_fail(&error);
    int status = TW_DONE;
    if (options->plot)
        status = tw_study_pictures(study, options->plot, options->out, options);
    else if (options->export_format)
        status = study_csv(study, options->out);
    else if (options->json)
        tw_study_json(study, stdout);
    else
        tw_study_print(study, stdout);
    tw_study_destroy(study);
    return status;
}

int tw_command_report(const TwOptions *options)
{
    static const char *const of_plots[] = {"at", "size", "theme", "output", NULL}, *const of_files[] = {"out", NULL},
                             *const of_text[] = {"json", NULL};
    bool file = options->plot || options->export_format;
    if (options->file_count != 1) return usage("expected one result file; see --help");
    if (options->plot && options->export_format) return usage("one of --plot and --export");
    if (!options->plot && tw_options_idle(options, "a report that draws nothing", of_plots)) return TW_USAGE;
    if (!file && tw_options_idle(options, "a report on standard output", of_files)) return TW_USAGE;
    if (file && tw_options_idle(options, "a picture or an export", of_text)) return TW_USAGE;
    if (tw_cli_is_study(options->files[0])) return study_report(options);
    if (options->plot) return options->out ? plot(options) : usage("--plot needs --out FILE.png, .svg or .pdf");
    TwError error = {0};
    TwResult *result;
    const char *name = options->files[0];
    if (tw_file_has_suffix(name, ".cfg") && access(name, R_OK) == 0 && !tw_cli_is_hdf5(name)) {
        fprintf(stderr, "tokenworks: %s is a facility file; `tokenworks run %s` makes a result of it\n", name, name);
        return TW_IO;
    }
    if (!tw_result_open(&result, name, &error)) return tw_cli_fail(&error);
    int status = TW_DONE;
    if (options->export_format) {
        bool dsx = strcmp(options->export_format, "dsx") == 0;
        if (!dsx && strcmp(options->export_format, "csv") != 0)
            status = usage("--export: expected csv or dsx");
        else if (!options->out)
            status = usage("--export needs --out FILE.csv");
        else
            status = dsx ? tw_cli_export_dsx(result, options->out) : export_csv(result, options->out);
    } else {
        char *state = tw_result_text(result, "@status", &error);
        if (state && strcmp(state, "complete") != 0)
            fprintf(stderr, "%s: a partial result (%s)\n", options->files[0], state);
        free(state);
        char *text = tw_result_text(result, options->json ? "report" : "report_text", &error);
        if (text && options->json)
            fputs(text, stdout);
        else if (text)
            tw_cli_page(options, text);
        else
            status = tw_cli_fail(&error);
        free(text);
    }
    tw_result_close(result);
    return status;
}
