// tokenworks: one program, one file a command.
#include "cli/commands.h"
#include "sim/config.h"
#include "sim/sources.h"
#include "sim/version.h"

#include <fcntl.h>
#include <hdf5.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

const TwCommandRow tw_commands[] = {
    {"run", TW_RUN, tw_command_run, "run FACILITY.cfg", "simulate a facility, report, write an HDF5 file",
     "  tokenworks run facilities/dps_8rack.cfg --for 2h\n"
     "  tokenworks run facilities/dps_8rack.cfg --set cooling.plant.part=tower_1459kw --json\n"},
    {"check", TW_CHECK, tw_command_check, "check FACILITY.cfg", "validate and describe a facility without running it",
     "  tokenworks check facilities/gb300_100mw.cfg\n"
     "  tokenworks check facilities/dps_8rack.cfg --explain power.utility.limit_w\n"},
    {"study", TW_STUDY, tw_command_study, "study STUDY.cfg",
     "scenarios over any settings: designs, searches, sensitivity",
     "  tokenworks study facilities/studies/supply_temperature.cfg\n"
     "  tokenworks study facilities/dps_8rack.cfg --for 10min --axis power.utility.limit_kw=600,750,1200\n"},
    {"site", TW_SITE, tw_command_site, "site --mw X [FACILITY.cfg]...",
     "for so many megawatts: racks that fit (H200, GB200, GB300, Rubin), what limits them, cost of a million tokens",
     "  tokenworks site --mw 50 --set site=virginia\n"
     "  tokenworks site block_gb300 --mw 50 --by load --load 0.6 --set site.weather=madrid.epw --out .\n"},
    {"drill", TW_DRILL, tw_command_drill, "drill FACILITY.cfg",
     "each part lost in turn in the hottest hour of the year: what it does, single points of failure",
     "  tokenworks drill hall_2n\n"
     "  tokenworks drill facilities/dps_8rack.cfg --for 10min --set site.weather=madrid.epw --json\n"},
    {"view", TW_VIEW, tw_command_view, "view FACILITY.cfg or RESULT.h5", "the interactive window, or --screenshot",
     "  tokenworks view facilities/dps_8rack.cfg\n"
     "  tokenworks view dps_8rack.h5 --screenshot factory.png --at 12h --theme dark\n"},
    {"report", TW_REPORT, tw_command_report, "report RESULT.h5", "tables, JSON and pictures of a finished run or study",
     "  tokenworks report dps_8rack.h5\n"
     "  tokenworks report dps_8rack.h5 --plot sankey --out sankey.svg\n"},
    {"trace", TW_TRACE, tw_command_trace, "trace describe|generate|convert FILE",
     "describe, generate and convert request traces",
     "  tokenworks trace describe azure_llm_2023_conv.csv.gz --out conv.svg\n"
     "  tokenworks trace describe facilities/agentic.cfg --class coding --for 2h --json\n"
     "  tokenworks trace generate facilities/agentic.cfg --class coding --for 24h --out coding.jsonl.gz\n"
     "  tokenworks trace convert sessions.csv.gz calls.jsonl\n"},
    {"network", TW_NETWORK, tw_command_network, "network FACILITY.cfg",
     "the fabric alone: counts, power, cost, times, losses, a picture",
     "  tokenworks network facilities/gb300_100mw.cfg\n"
     "  tokenworks network facilities/gb300_100mw.cfg --lose leaf=0 --lose spine=5 --screenshot fabric.png\n"},
    {"powerflow", TW_POWERFLOW, tw_command_powerflow, "powerflow FILE",
     "voltages, flows and losses of an electrical case (CSV, MATPOWER) or a facility",
     "  tokenworks powerflow case33bw.csv --closed reconf\n"
     "  tokenworks powerflow case14.m --json\n"
     "  tokenworks powerflow facilities/hall_4to3.cfg --contingency\n"},
    {"thermal", TW_THERMAL, tw_command_thermal, "thermal [COMPONENT [QUANTITY=VALUE ...] | FACILITY.cfg]",
     "one component of the cooling model alone, or a facility's cooling with any one unit out",
     "  tokenworks thermal\n"
     "  tokenworks thermal facilities/reference/spare_cdu.cfg\n"
     "  tokenworks thermal york wet_bulb_degc=20 range_k=2:12:11\n"},
    {"step", TW_STEP, tw_command_step, "step --chip NAME --model NAME --decode NxC or --prefill NxT",
     "one step of a transformer: time, energy, power, by operator",
     "  tokenworks step --chip h200_sxm --model llama-3.1-8b --tp 1 --decode 64x4096\n"
     "  tokenworks step --chip h200_sxm --model llama-3.1-70b --tp 4 --precision fp8 --prefill 2x8192 --power-cap "
     "500\n"},
    {"serve", TW_SERVE, tw_command_serve, "serve --chip NAME --model NAME [--concurrency N or --rate R]",
     "serving without a facility: throughput, latency, watts; the frontier (--sweep), layouts (--gpus)",
     "  tokenworks serve --chip h200_sxm --model llama-3.1-70b --precision fp8 --tp 2 --concurrency 64\n"
     "  tokenworks serve --chip gb300 --model deepseek-v3 --precision fp4 --dp 8 --ep 8 --sweep --screenshot f.svg\n"},
    {"train", TW_TRAIN, tw_command_train, "train --chip NAME --model NAME --gpus N",
     "a training step without a facility: time, memory, MFU, watts; layouts (--layouts)",
     "  tokenworks train --chip gb200 --model llama-3.1-70b --precision mxfp8 --gpus 64 --tp 2 --pp 4 --vp 5 --batch "
     "256\n"
     "  tokenworks train --chip h100 --model llama-3.1-405b --precision fp8 --gpus 1024 --batch 1536 --layouts\n"},
    {"availability", TW_AVAILABILITY, tw_command_availability, "availability FACILITY.cfg",
     "years of failures and repairs: how much of the time it is powered, cooled and whole",
     "  tokenworks availability hall_2n --years 10 --replicates 2000\n"
     "  tokenworks availability hall_2n --set operations.failures.ups.mttr_h=24 --json\n"},
    {"calibration", TW_CALIBRATION, tw_command_calibration, "calibration --chip NAME, FOLDER or FILE.h5 [--out X]",
     "a chip's kernel tables and points: what there is, as one HDF5 file, or back as a folder of CSV files",
     "  tokenworks calibration --chip h200 --out h200.h5\n"
     "  tokenworks calibration my_gpu --out my_gpu.h5\n"
     "  tokenworks calibration h200.h5 --out h200_tables\n"},
    {"validate", TW_VALIDATE, tw_command_validate, "validate [SUBJECT [FILE...]]",
     "reference cases: predicted beside published",
     "  tokenworks validate\n"
     "  tokenworks validate network --json\n"
     "  tokenworks validate collectives measured.csv\n"
     "  tokenworks validate throughput blind.csv my.csv --errors my_errors.csv\n"},
    {0},
};

static void overview(FILE *stream)
{
    fprintf(stream, "tokenworks: how many tokens a second a megawatt makes, and what limits it\n\n");
    for (const TwCommandRow *c = tw_commands; c->name; c++) {
        fprintf(stream, "  tokenworks %-12s ", c->name);
        tw_print_wrapped(stream, 26, c->text);
    }
    fprintf(stream, "\nExample: tokenworks run facilities/dps_8rack.cfg --for 2h\nMore: tokenworks COMMAND --help\n");
}

static void version(void)
{
    unsigned major, minor, release;
    H5get_libversion(&major, &minor, &release);
    printf("tokenworks %s (%s build, sources %s)\nHDF5 %u.%u.%u, view %s\nLicence: Apache-2.0\n", TW_VERSION,
           TW_BUILD_TYPE, TW_SOURCES, major, minor, release, TW_HAS_VIEW ? "yes" : "no");
}

// The OpenMP runtime reads its wait policy before main: threads that spin between short windows cost many times their
// work where the cores are shared. Threads that sleep at once cost half of what two of them gain. So the program starts
// itself once more with some ten microseconds of spinning, then sleep. That loads a hundred libraries again, twice the
// time of a small command: those that work on one thread, or share out whole cases once, go on as they are.
static void wait_passively(const TwCommandRow *command, const TwOptions *options, char **argv)
{
    enum { WINDOWS = TW_RUN | TW_STUDY | TW_SITE | TW_DRILL | TW_VIEW | TW_VALIDATE };
    if (!(command->command & WINDOWS) && !options->serving[TW_ON_REPLICAS]) return;
    if (getenv("OMP_WAIT_POLICY") || setenv("OMP_WAIT_POLICY", "passive", 0) != 0) return;
    setenv("GOMP_SPINCOUNT", "2000", 0);
    execv("/proc/self/exe", argv);
}

// A closed standard stream would lend its number to the next file that opens: a report would run into the result.
static void keep_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd) abort();
}

// Names of files are kept in fields of a few hundred bytes, with folders and endings of ours behind them: a longer one
// would be cut, and another file read or written. The working folder may lie as deep as it likes.
static bool names_fit(const TwOptions *options)
{
    enum { MOST = 400 };
    const char *const given[] = {options->out, options->screenshot, options->restore};
    for (int i = 0; i < options->file_count + TW_COUNT(given); i++) {
        const char *name = i < options->file_count ? options->files[i] : given[i - options->file_count];
        if (!name || strlen(name) <= MOST) continue;
        fprintf(stderr, "tokenworks: %.60s...: a name of %zu bytes, expected at most %d: name it from its folder\n",
                name, strlen(name), MOST);
        return false;
    }
    return true;
}

// A picture of no known kind is refused before the work that it would show.
static bool picture_known(const TwOptions *options)
{
    static const char *const kinds[] = {".png", ".svg", ".pdf"};
    const char *path = options->screenshot, *dot = path ? strrchr(path, '.') : NULL;
    bool known = !path;
    for (int i = 0; i < TW_COUNT(kinds) && dot; i++) known |= strcasecmp(dot, kinds[i]) == 0;
    if (!known) fprintf(stderr, "tokenworks: %s: unknown kind of picture; known: .png, .svg, .pdf\n", path);
    return known;
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
    signal(SIGXFSZ, SIG_IGN);    // a file that may not grow is a full disk: told, with exit status 5
    keep_standard_streams();
    signal(SIGPIPE, SIG_DFL);    // a closed pipe on standard output ends quietly
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
    const char *names[32];
    int count = 0;
    for (const TwCommandRow *c = tw_commands; c->name; c++) {
        names[count++] = c->name;
        if (strcmp(argv[1], c->name) != 0) continue;
        static TwOptions options;    // some kilobytes, once a process
        bool help;
        if (!tw_options_read(&options, c, argc - 1, argv + 1, &help)) return TW_USAGE;
        if (!help && !names_fit(&options)) return TW_IO;
        if (help) return printed(TW_DONE);
        if (!picture_known(&options)) return TW_USAGE;
        wait_passively(c, &options, argv);
        return printed(c->run(&options));
    }
    const char *near = tw_nearest(argv[1], names, count);
    fprintf(stderr, "tokenworks: unknown command %s%s%s\n", argv[1], near ? "; did you mean " : "; see --help",
            near ? near : "");
    return TW_USAGE;
}
