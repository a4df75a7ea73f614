// tokenworks: one program, one file a command.
#include "cli/commands.h"
#include "sim/config.h"
#include "sim/version.h"

#include <fcntl.h>
#include <hdf5.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    TwCommand command;
    int (*run)(const TwOptions *options);
    const char *text;
} commands[] = {
    {"run", TW_RUN, tw_command_run, "simulate a facility, report, write an HDF5 file"},
    {"check", TW_CHECK, tw_command_check, "validate and describe a facility without running it"},
    {"study", TW_STUDY, tw_command_study, "a grid of scenarios over any settings, in parallel, one HDF5"},
    {"view", TW_VIEW, tw_command_view, "the interactive window, or --screenshot"},
    {"report", TW_REPORT, tw_command_report, "tables, JSON and pictures of a finished run or study"},
    {"trace", TW_TRACE, tw_command_trace, "describe a request trace"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void overview(FILE *stream)
{
    fprintf(stream,
            "tokenworks: how many tokens per second does a megawatt make, and what stops it from making more\n\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(stream, "  tokenworks %-8s %s\n", commands[i].name, commands[i].text);
    fprintf(stream,
            "\nExample: tokenworks run facilities/dps_8rack.cfg --for 2h      More: tokenworks COMMAND --help\n");
}

static void version(void)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    printf("tokenworks %s (%s build)\nHDF5 %u.%u.%u, view %s\nLicence: Apache-2.0\n", TW_VERSION, TW_BUILD_TYPE, major,
           minor, release, TW_HAS_VIEW ? "yes" : "no");
}

// The OpenMP runtime reads its wait policy before main: threads that spin between short windows cost many times their
// work where the cores are shared. So the program starts itself once more with the policy set.
static void wait_passively(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") || setenv("OMP_WAIT_POLICY", "passive", 0) != 0) return;
    execv("/proc/self/exe", argv);
}

// A closed standard stream would lend its number to the next file that opens: a report would run into the result.
static void keep_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) abort();
}

// What could not be printed was not said.
static int printed(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    fprintf(stderr, "tokenworks: standard output cannot be written\n");
    return status == TW_DONE ? TW_IO : status;
}

int main(int argc, char **argv)
{
    keep_standard_streams();
    wait_passively(argv);
    signal(SIGPIPE, SIG_DFL);    // a closed pipe on standard output ends quietly
    // character type only: numbers keep their point
    setlocale(LC_CTYPE, "");
    if (argc < 2) {
        overview(stderr);
        return TW_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        overview(stdout);
        return TW_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        version();
        return TW_DONE;
    }
    if (strcmp(argv[1], "--completion") == 0) {
        tw_options_completion(stdout);
        return TW_DONE;
    }
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
        if (strcmp(argv[1], commands[i].name) != 0) continue;
        static TwOptions options;    // some kilobytes, once a process
        bool help;
        if (!tw_options_read(&options, commands[i].command, argv[1], argc - 1, argv + 1, &help)) return TW_USAGE;
        return printed(help ? TW_DONE : commands[i].run(&options));
    }
    const char *near = tw_nearest(argv[1], names, COMMANDS);
    fprintf(stderr, "tokenworks: unknown command %s%s%s\n", argv[1], near ? "; did you mean " : "; see --help",
            near ? near : "");
    return TW_USAGE;
}
