// tokenworks-calibrate: measures inference kernels on an NVIDIA GPU and writes a calibration table.
//
// Needs CUDA and nothing else: the machine with the GPU may have neither libconfig nor HDF5.
#include "kernels/selftest.h"
#include "kernels/session.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: tokenworks-calibrate --grid FILE.csv --out DIR [OPTION]...\n"
    "       tokenworks-calibrate --selftest\n"
    "Measure inference kernels on an NVIDIA GPU: time and energy of each point of a grid.\n"
    "\n"
    "  -g, --grid FILE.csv    the points: op,impl,dtype,p0,p1,p2,regime\n"
    "  -o, --out DIR          where points.csv and chip.cfg are written\n"
    "  -r, --resume FILE.csv  leave out the points that are ok in this file; DIR/points.csv itself is continued\n"
    "  -b, --budget SECONDS   start no point that would end later; exit 1 when some are left\n"
    "      --seed N           order and operands, default 1\n"
    "      --list             print the points with id, role and cost; needs no GPU\n"
    "      --dry-run          print what would be measured, how long and in how much memory; needs no GPU\n"
    "      --selftest         check every kernel against its CPU reference\n"
    "  -q, --quiet            no progress\n"
    "  -h, --help             this text\n"
    "  -V, --version          version and CUDA architectures\n"
    "\n"
    "Exit status: 0 done; 1 budget used or an accuracy check failed; 2 usage; 3 bad grid or resume file;\n"
    "4 the device failed or drifted; 5 input/output; 77 no GPU.\n"
    "\n"
    "Examples:\n"
    "  tokenworks-calibrate --grid kernels/grids/first.csv --out results/h200 --budget 300\n"
    "  tokenworks-calibrate --grid kernels/grids/first.csv --dry-run\n";

enum { SEED = 256, LIST, DRY_RUN, SELFTEST };
static const struct option options[] = {
    {"grid", required_argument, NULL, 'g'},   {"out", required_argument, NULL, 'o'},
    {"resume", required_argument, NULL, 'r'}, {"budget", required_argument, NULL, 'b'},
    {"seed", required_argument, NULL, SEED},  {"list", no_argument, NULL, LIST},
    {"dry-run", no_argument, NULL, DRY_RUN},  {"selftest", no_argument, NULL, SELFTEST},
    {"quiet", no_argument, NULL, 'q'},        {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},      {0},
};

typedef enum Job { MEASURE, JUST_LIST, PLAN, CHECK_KERNELS } Job;

static int misuse(const char *format, const char *word)
{
    fprintf(stderr, "tokenworks-calibrate: ");
    fprintf(stderr, format, word);
    fprintf(stderr, "; try --help\n");
    return TW_EXIT_USAGE;
}

static void list(const TwCalGrid *grid)
{
    printf("point_id          role     flop          bytes         point\n");
    for (int i = 0; i < grid->count; i++) {
        const TwCalPoint *point = &grid->point[i];
        TwOpCost cost = tw_cal_cost(point);
        char name[160];
        tw_cal_describe(point, name, (int)sizeof name);
        printf("%016llx  %-7s  %-12.6g  %-12.6g  %s\n", (unsigned long long)tw_cal_id(point),
               tw_cal_roles[tw_cal_role(point)], cost.flop, cost.bytes, name);
    }
    printf("%d points\n", grid->count);
}

static void plan(const TwCalGrid *grid, const TwCalRows *before)
{
    // the cache decides how many operand sets there are; 60 MB is an H200's
    const double l2_bytes = 60e6;
    int count[TW_CAL_OPS] = {0}, roles[TW_CAL_ROLES] = {0}, done = 0;
    double seconds[TW_CAL_OPS] = {0}, total = 0.0, most = 0.0;
    for (int i = 0; i < grid->count; i++) {
        const TwCalPoint *point = &grid->point[i];
        if (tw_cal_rows_done(before, point)) {
            done++;
            continue;
        }
        TwCalBytes bytes = tw_cal_bytes(point);
        count[point->op]++;
        roles[tw_cal_role(point)]++;
        seconds[point->op] += tw_session_expected_s(point);
        total += tw_session_expected_s(point);
        most = fmax(most, bytes.hot + bytes.cold * tw_cal_sets(point, l2_bytes, 512));
    }
    printf("operation          points  seconds\n");
    for (int i = 0; i < TW_CAL_OPS; i++) printf("%-17s  %6d  %7.1f\n", tw_cal_kinds[i].name, count[i], seconds[i]);
    printf("roles             ");
    for (int i = 0; i < TW_CAL_ROLES; i++)
        printf(" %s %d%s", tw_cal_roles[i], roles[i], i + 1 < TW_CAL_ROLES ? "," : "\n");
    printf("largest point      %.2f GB of device memory\n", 1e-9 * most);
    printf(
        "%d points to measure, %d done, about %.1f minutes (from the timing rules, without start-up and sentinels)\n",
        grid->count - done, done, total / 60.0);
}

static int read_failed(const TwCalErrors *errors, bool io)
{
    fprintf(stderr, "%s%d error%s; nothing was measured\n", errors->text, errors->count, errors->count == 1 ? "" : "s");
    return io ? TW_EXIT_IO : TW_EXIT_INPUT;
}

static int on_device(Job job, const TwSession *session, TwCalGrid *grid, const TwCalRows *before)
{
    TwDevice device;
    char text[400];
    if (!tw_device_open(&device, text, (int)sizeof text)) {
        fprintf(stderr, "tokenworks-calibrate: %s\n", text);
        return TW_EXIT_NO_GPU;
    }
    int status;
    if (job == CHECK_KERNELS) {
        int above = tw_selftest(&device);
        status = above < 0 ? TW_EXIT_NUMERIC : above > 0 ? TW_EXIT_CHECK : TW_EXIT_DONE;
        if (above > 0) fprintf(stderr, "tokenworks-calibrate: %d kernels are not accurate enough\n", above);
    } else {
        status = tw_session_run(session, &device, grid, before);
    }
    tw_device_close(&device);
    return status;
}

int main(int argc, char **argv)
{
    TwSession session = {.seed = 1};
    Job job = MEASURE;
    int option;
    while ((option = getopt_long(argc, argv, "g:o:r:b:qhV", options, NULL)) != -1) {
        int64_t seed;
        switch (option) {
        case 'g':
            session.grid_path = optarg;
            break;
        case 'o':
            session.out = optarg;
            break;
        case 'r':
            session.resume = optarg;
            break;
        case 'b':
            if (!tw_cal_number(optarg, &session.budget_s) || !isfinite(session.budget_s) || session.budget_s <= 0.0)
                return misuse("--budget %s: expected seconds above 0", optarg);
            break;
        case SEED:
            if (!tw_cal_whole_number(optarg, &seed) || seed < 0)
                return misuse("--seed %s: expected a whole number from 0", optarg);
            session.seed = (uint64_t)seed;
            break;
        case LIST:
            job = JUST_LIST;
            break;
        case DRY_RUN:
            job = PLAN;
            break;
        case SELFTEST:
            job = CHECK_KERNELS;
            break;
        case 'q':
            session.quiet = true;
            break;
        case 'h':
            return fputs(usage, stdout) < 0 ? TW_EXIT_IO : TW_EXIT_DONE;
        case 'V':
            printf("tokenworks-calibrate %s, CUDA %s\n", TW_CALIBRATE_VERSION, TW_CALIBRATE_CUDA);
            return TW_EXIT_DONE;
        default:
            fprintf(stderr, "try tokenworks-calibrate --help\n");
            return TW_EXIT_USAGE;
        }
    }
    if (optind < argc) return misuse("%s: not an option", argv[optind]);
    if (job == CHECK_KERNELS) return on_device(job, &session, NULL, NULL);
    if (!session.grid_path) return misuse("%s is missing", "--grid FILE.csv");
    if (job == MEASURE && !session.out) return misuse("%s is missing", "--out DIR");

    TwCalGrid grid;
    TwCalRows before = {0};
    TwCalErrors errors = {0};
    bool io;
    if (!tw_cal_grid_read(&grid, session.grid_path, &errors, &io)) return read_failed(&errors, io);
    int status = TW_EXIT_DONE;
    if (session.resume && !tw_cal_rows_read(&before, session.resume, &errors, &io))
        status = read_failed(&errors, io);
    else if (job == JUST_LIST)
        list(&grid);
    else if (job == PLAN)
        plan(&grid, &before);
    else
        status = on_device(job, &session, &grid, &before);
    tw_cal_rows_destroy(&before);
    tw_cal_grid_destroy(&grid);
    if (fflush(stdout) != 0 && status == TW_EXIT_DONE) status = TW_EXIT_IO;
    return status;
}
