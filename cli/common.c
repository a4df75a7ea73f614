// What several commands share: finding the facility, compiling it, saying what is wrong.
#include "cli/commands.h"
#include "sim/config.h"
#include "sim/data.h"
#include "sim/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int tw_cli_fail(const TwError *error)
{
    tw_error_print(error, stderr);
    return error->status ? (int)error->status : TW_BAD_INPUT;
}

volatile int tw_cli_stop;

static void on_signal(int number)
{
    tw_cli_stop = number;
    signal(number, SIG_DFL);
}

void tw_cli_catch_signals(void)
{
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    // a terminal or a connection that goes away, unless nohup has it ignored
    if (signal(SIGHUP, on_signal) == SIG_IGN) signal(SIGHUP, SIG_IGN);
}

int tw_cli_span(const TwOptions *options, double *span_s, const char *sets[TW_SETS])
{
    int count = 0;
    for (int k = 0; k < options->set_count; k++)
        if (strncmp(options->sets[k], "run.for_s=", 10) == 0)
            *span_s = strtod(options->sets[k] + 10, NULL);
        else
            sets[count++] = options->sets[k];
    return count;
}

bool tw_cli_number(const char *text, const char *name, const char *expected, double least, double most, double *value)
{
    if (!text) return true;
    char *end;
    *value = strtod(text, &end);
    if (end != text && !*end && *value >= least && *value <= most) return true;
    fprintf(stderr, "tokenworks: --%s %s: expected %s\n", name, text, expected);
    return false;
}

void tw_cli_page(const TwOptions *options, const char *text)
{
    if (!tw_color(options, stdout)) {
        fputs(text, stdout);
        return;
    }
    for (const char *line = text, *end; *line; line = end) {
        end = strchr(line, '\n');
        end = end ? end + 1 : line + strlen(line);
        char copy[512];
        snprintf(copy, sizeof copy, "%.*s", (int)(end - line), line);
        const char *on = strstr(copy, "DO NOT CLOSE")              ? "\033[1;31m"
                         : strstr(copy, "per MW of utility power") ? "\033[1m"
                                                                   : "";
        printf("%s%.*s%s", on, (int)(end - line), line, on[0] ? "\033[0m" : "");
    }
}

bool tw_cli_is_hdf5(const char *path)
{
    unsigned char magic[8] = {0};
    FILE *f = fopen(path, "rb");
    if (!f) return false;
    size_t n = fread(magic, 1, sizeof magic, f);
    fclose(f);
    return n == 8 && memcmp(magic, "\211HDF\r\n\032\n", 8) == 0;
}

bool tw_cli_is_study(const char *path)
{
    TwError error = {0};
    TwResult *result;
    if (!tw_result_open(&result, path, &error)) return false;
    char *schema = tw_result_text(result, "@schema", &error);
    bool study = schema && strncmp(schema, "tokenworks-study", 16) == 0;
    free(schema);
    tw_result_close(result);
    return study;
}

// The shipped facility or study whose name is nearest, for a file that does not exist.
static void suggest(const TwOptions *options)
{
    static const char *const folders[] = {"facilities/studies", "facilities"};
    const char *path = options->files[0], *slash = strrchr(path, '/');
    char stem[128], folder[512], near[TW_NAME];
    snprintf(stem, sizeof stem, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(stem, '.');
    if (dot) *dot = '\0';
    for (int k = options->command != TW_STUDY; k < TW_COUNT(folders); k++) {
        if (!tw_data_find(folders[k], folder, sizeof folder) || !tw_config_near(folder, stem, near)) continue;
        fprintf(stderr, "the nearest shipped %s is %s/%s.cfg\n", k ? "facility" : "study", folder, near);
        return;
    }
    // a bare word, as of an operation: say what could stand here
    if (!strchr(path, '/') && !dot && tw_data_find(folders[1], folder, sizeof folder))
        fprintf(stderr, "expected a %s: a path, or the name of one in %s%s\n",
                options->command == TW_STUDY ? "facility or study" : "facility file", folder,
                options->command == TW_STUDY ? " or its folder studies" : "");
}

bool tw_cli_shipped(const char *name, char *path, size_t size)
{
    char file[512];
    snprintf(file, sizeof file, "facilities/%.480s.cfg", name);
    return !strchr(name, '/') && tw_data_find(file, path, size);
}

bool tw_cli_file(const char *path, const char *expected, int *status)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        fprintf(stderr, "tokenworks: %s is a folder, expected %s\n", path, expected);
    } else if (access(path, R_OK) != 0) {
        fprintf(stderr, "tokenworks: %s: %s, expected %s\n", path, strerror(errno), expected);
        char stem[TW_NAME], folder[512], near[TW_NAME];
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *end = strrchr(name, '.');
        snprintf(stem, sizeof stem, "%.*s", end ? (int)(end - name) : 0, name);
        snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
        if (end && strcmp(end, ".cfg") == 0 && tw_config_near(folder, stem, near))
            fprintf(stderr, "the nearest there is %s.cfg\n", near);
    } else {
        return true;
    }
    *status = TW_IO;
    return false;
}

const char *tw_cli_facility(const TwOptions *options, char *path, size_t size, int *status)
{
    *status = TW_USAGE;
    if (options->file_count != 1) {
        fprintf(stderr, "tokenworks: expected one file, got %d; see --help\n", options->file_count);
        return NULL;
    }
    snprintf(path, size, "%s", options->files[0]);
    struct stat info;
    if (stat(path, &info) != 0) {
        int why = errno;
        // a bare name means a shipped facility
        if (tw_cli_shipped(options->files[0], path, size)) return path;
        char name[512];
        bool bare = !strchr(options->files[0], '/');
        snprintf(name, sizeof name, "facilities/studies/%.470s.cfg", options->files[0]);
        if (bare && options->command == TW_STUDY && tw_data_find(name, path, size)) return path;
        if (!*path)
            fprintf(stderr, "tokenworks: an empty name, expected a file\n");
        else
            fprintf(stderr, "tokenworks: %s: %s\n", options->files[0], strerror(why));
        suggest(options);
        *status = TW_IO;
        return NULL;
    }
    if (!tw_cli_file(path, "a facility file", status)) return NULL;
    if (tw_cli_is_hdf5(path) && options->command != TW_VIEW && options->command != TW_REPORT) {
        fprintf(stderr, "tokenworks: %s is a result file; try tokenworks report %s\n", path, path);
        *status = TW_BAD_INPUT;
        return NULL;
    }
    return path;
}

TwPlant *tw_cli_plant(const TwOptions *options, const char *path, int *status)
{
    double begun_s = tw_wall_s();
    TwErrors *errors = tw_errors_create();
    TwPlant *plant = NULL;
    const TwPlantInput input = {path, options->sets, options->set_count, options->threads};
    bool good = tw_plant_create(&plant, &input, errors);
    bool strict = good && options->strict && tw_warnings_count(errors) > 0;
    if (!good || tw_warnings_count(errors))
        tw_errors_print(errors, good && !options->verbose ? 4 : TW_ERRORS_SHOWN, stderr);
    *status = good && !strict ? TW_DONE : TW_BAD_INPUT;
    if (good && options->verbose) {
        char key[33];
        tw_config_key(plant->config, key);
        fprintf(stderr, "%s: key %s, compiled in %.3f s, %.3g MB of state\n", path, key, tw_wall_s() - begun_s,
                (double)plant->state_bytes / 1e6);
    }
    // what was asked for on the command line and comes after the end would be silent
    for (int k = 0; good && k < options->set_count; k++) {
        const char *at = strncmp(options->sets[k], "events+=", 8) == 0 ? strstr(options->sets[k], " at_s = ") : NULL;
        double at_s = at ? strtod(at + 8, NULL) : 0.0;
        if (at_s >= plant->run.for_s)
            fprintf(stderr, "tokenworks: the event at %.9g s does not happen: the run ends at %.9g s\n", at_s,
                    plant->run.for_s);
    }
    if (strict) {
        fprintf(stderr, "tokenworks: warnings are errors with --strict\n");
        tw_plant_destroy(plant);
        plant = NULL;
    }
    tw_errors_destroy(errors);
    return plant;
}
