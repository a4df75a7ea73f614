// tokenworks validate: the reference cases of each subject, predicted beside published.
#include "models/thermal/validate.h"
#include "cli/commands.h"
#include "cli/throughput_picture.h"
#include "models/network/validate.h"
#include "models/workload/validate.h"
#include "sim/config.h"
#include "sim/data.h"
#include "sim/file.h"
#include "sim/validation.h"
#include "twin/accuracy_table.h"
#include "twin/validate_operations.h"
#include "twin/validate_power.h"
#include "twin/validate_throughput.h"
#include "twin/validate_train.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Adds the rows of its subject; file: a table of further cases given by the user, or NULL.
static const struct {
    const char *name;
    bool (*run)(TwValidation *validation, const char *file, TwError *error);
} subjects[] = {
    {"thermal", tw_validate_thermal},
    {"traffic", tw_validate_traffic},
    {"training", tw_validate_training},
    {"training_steps", tw_validate_training_steps},
    {"serving", tw_validate_serving},
    {"network", tw_validate_network},
    {"collectives", tw_validate_collectives},
    {"kernels", tw_validate_kernels},
    {"throughput", tw_validate_throughput},
    {"power", tw_validate_power},
    {"operations", tw_validate_operations},
    {NULL, NULL},
};

// Runs one subject and prints it. Returns the exit status.
static int run_one(const TwOptions *options, int subject, const char *file)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create(subjects[subject].name);
    bool drawn = options->screenshot && strcmp(subjects[subject].name, "throughput") == 0;
    bool good =
        drawn ? tw_cli_throughput(v, file, options->screenshot, &error) : subjects[subject].run(v, file, &error);
    if (good && options->json)
        tw_validation_json(v, stdout);
    else if (good)
        tw_validation_print(v, stdout);
    int status = !good ? tw_cli_fail(&error) : tw_validation_failures(v) ? TW_CHECK_FAILED : TW_DONE;
    tw_validation_destroy(v);
    return status;
}

// A bare name that is no file here is a shipped table. False: it cannot be read, which is said.
static bool find_table(const char **file, char shipped[512], int *status)
{
    char name[256];
    bool bare = !strchr(*file, '/') && access(*file, F_OK) != 0;
    if (bare && (size_t)snprintf(name, sizeof name, "facilities/reference/%s", *file) < sizeof name &&
        tw_data_find(name, shipped, 512))
        *file = shipped;
    return tw_cli_file(*file, "a table of cases", status);
}

// Each table counts once, and none is written over.
static bool tables_apart(const struct stat *read, int count, const char *name, const char *out)
{
    struct stat written;
    const struct stat *last = &read[count - 1];
    for (int i = 0; i < count - 1; i++)
        if (read[i].st_dev == last->st_dev && read[i].st_ino == last->st_ino) {
            fprintf(stderr, "tokenworks: %s is given twice: its rows would count twice\n", name);
            return false;
        }
    if (stat(out, &written) != 0 || written.st_dev != last->st_dev || written.st_ino != last->st_ino) return true;
    fprintf(stderr, "tokenworks: --errors %s is a table that is read: expected another file\n", out);
    return false;
}

// --errors: the table that predictions are shown with, of the rows of all files.
static int write_errors(const TwOptions *options)
{
    enum { MOST = 16 };
    TwErrorTable tables[MOST];
    struct stat at[MOST];
    int count = options->file_count - 1, read = 0, status = TW_DONE;
    if (count < 1 || count > MOST || options->screenshot || options->json ||
        strcmp(options->files[0], "throughput") != 0) {
        fprintf(stderr,
                "tokenworks: expected: validate throughput FILE... --errors OUT.csv, at most %d files; neither "
                "--json nor --screenshot\n",
                MOST);
        return TW_USAGE;
    }
    TwError error = {0};
    bool good = true;
    for (int i = 0; i < count && good; i++) {
        const char *file = options->files[i + 1], *slash = strrchr(file, '/');
        char shipped[512];
        tables[i].name = slash ? slash + 1 : file;
        if (!find_table(&file, shipped, &status)) break;
        if (stat(file, &at[i]) != 0 || !tables_apart(at, i + 1, options->files[i + 1], options->errors)) {
            status = TW_USAGE;
            break;
        }
        good = tw_throughput_read(&tables[i].rows, file, &error);
        read += good;
    }
    good = good && status == TW_DONE;
    for (int i = 0; i < read && good; i++) tw_throughput_run(&tables[i].rows);
    TwFile file;
    if (good && (good = tw_file_create(&file, options->errors, &error)))
        good = tw_file_finish(&file, tw_error_table_write(tables, read, file.stream, stdout, &error), &error);
    for (int i = 0; i < read; i++) tw_throughput_free(&tables[i].rows);
    return good ? TW_DONE : status != TW_DONE ? status : tw_cli_fail(&error);
}

int tw_command_validate(const TwOptions *options)
{
    if (options->errors) return write_errors(options);
    const char *names[16] = {0};
    int count = 0;
    while (subjects[count].name) names[count] = subjects[count].name, count++;
    if (options->file_count > 2) {
        fprintf(stderr, "tokenworks: expected: validate [SUBJECT [FILE]]; see --help\n");
        return TW_USAGE;
    }
    if (options->screenshot && (options->file_count < 1 || strcmp(options->files[0], "throughput") != 0)) {
        fprintf(stderr, "tokenworks: --screenshot goes with validate throughput\n");
        return TW_USAGE;
    }
    if (options->file_count > 0) {
        for (int i = 0; i < count; i++) {
            if (strcmp(names[i], options->files[0]) != 0) continue;
            const char *file = options->file_count > 1 ? options->files[1] : NULL;
            bool folders = subjects[i].run == tw_validate_kernels;    // says itself what it found
            char shipped[512];
            int status = TW_DONE;
            if (file && !folders && !find_table(&file, shipped, &status)) return status;
            status = run_one(options, i, file);
            if (options->json && status != TW_BAD_INPUT) fputc('\n', stdout);
            if (status == TW_CHECK_FAILED) fprintf(stderr, "tokenworks: a reference case was missed\n");
            return status;
        }
        const char *near = tw_nearest(options->files[0], names, count);
        fprintf(stderr, "tokenworks: unknown subject %s%s%s; expected", options->files[0],
                near ? "; did you mean " : "", near ? near : "");
        for (int i = 0; i < count; i++) fprintf(stderr, "%s %s", i ? "," : "", names[i]);
        fputc('\n', stderr);
        return TW_USAGE;
    }
    // all subjects: one object whose members are the subjects
    int worst = TW_DONE;
    if (options->json) printf("{");
    for (int i = 0; i < count; i++) {
        if (options->json) printf("%s\n\"%s\": ", i ? "," : "", names[i]);
        int status = run_one(options, i, NULL);
        if (!options->json) putchar('\n');
        if (status > worst) worst = status;
    }
    if (options->json) printf("\n}\n");
    if (worst == TW_CHECK_FAILED) fprintf(stderr, "tokenworks: a reference case was missed\n");
    return worst;
}
