// tokenworks-calibrate: measures inference kernels on an NVIDIA GPU and writes a calibration table.
//
// Needs CUDA and nothing else: the machine with the GPU may have neither libconfig nor HDF5.
#include "kernels/assembled.h"
#include "kernels/host/operand.h"
#include "kernels/plan.h"
#include "kernels/probe.h"
#include "kernels/selftest.h"
#include "kernels/session.h"
#include "kernels/watch.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
    "Usage: tokenworks-calibrate --slice B|C|D --out DIR [OPTION]...\n"
    "       tokenworks-calibrate --grid FILE.csv --out DIR [OPTION]...\n"
    "       tokenworks-calibrate --slice A | --probe | --selftest[=OP,OP...]\n"
    "       tokenworks-calibrate --predict POINTS.csv... [--slice D | --grid FILE.csv]\n"
    "Measure inference kernels on an NVIDIA GPU: time and energy of each point of a grid.\n"
    "\n"
    "  -s, --slice LETTER     A probe and selftest, B latencies, C energy and power, D whole steps\n"
    "  -g, --grid FILE.csv    other points: op,impl,dtype,p0..p7,regime,tier; repeatable\n"
    "  -o, --out DIR          where points.csv, samples.csv and chip.cfg are written\n"
    "  -r, --resume FILE.csv  leave out the points that are ok in this file; DIR/points.csv itself is continued\n"
    "  -b, --budget SECONDS   start no point that would end later; exit 1 when some are left\n"
    "      --plans DIR        where cuDNN plans are, and where those not there yet are made; default OUT/plans\n"
    "      --make-plans DEVICE.json  make the grid's cuDNN plans for this record into --plans DIR; needs no GPU\n"
    "      --seed N           order and operands, default 1\n"
    "      --list             print the points with id, role and cost; needs no GPU\n"
    "      --dry-run          print what would be measured, how long and in how much memory; needs no GPU\n"
    "      --predict FILE     times and energies of the grid's steps from the rows of FILE (repeatable: slice B, "
    "slice\n"
    "                         C); needs no GPU\n"
    "      --probe            versions, libraries' offers and meters as one JSON object\n"
    "      --selftest[=OP,OP...]  check every kernel against its CPU reference, or those of some operations\n"
    "  -q, --quiet            no progress\n"
    "  -h, --help             this text\n"
    "  -V, --version          version and CUDA architectures\n"
    "\n"
    "Exit status: 0 done; 1 budget used or an accuracy check failed; 2 usage; 3 bad grid or resume file;\n"
    "4 the device failed or drifted; 5 input/output; 77 no GPU.\n"
    "\n"
    "Examples:\n"
    "  tokenworks-calibrate --slice B --out results/h200 --budget 500\n"
    "  tokenworks-calibrate --slice B --dry-run\n";

enum { SEED = 256, LIST, DRY_RUN, SELFTEST, PROBE, PLANS, MAKE_PLANS, PREDICT, GRIDS = 8 };
static const struct option options[] = {
    {"slice", required_argument, NULL, 's'},
    {"grid", required_argument, NULL, 'g'},
    {"out", required_argument, NULL, 'o'},
    {"resume", required_argument, NULL, 'r'},
    {"budget", required_argument, NULL, 'b'},
    {"plans", required_argument, NULL, PLANS},
    {"make-plans", required_argument, NULL, MAKE_PLANS},
    {"seed", required_argument, NULL, SEED},
    {"list", no_argument, NULL, LIST},
    {"dry-run", no_argument, NULL, DRY_RUN},
    {"predict", required_argument, NULL, PREDICT},
    {"probe", no_argument, NULL, PROBE},
    {"selftest", optional_argument, NULL, SELFTEST},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

typedef enum Job { MEASURE, JUST_LIST, PLAN, PREDICT_STEPS, MAKE, LOOK, CHECK_KERNELS, LOOK_AND_CHECK } Job;

// What was asked for.
typedef struct Asked {
    Job job;
    TwSession session;
    const char *grid[GRIDS], *rows[GRIDS], *only, *plans, *device_json;
    int grids, tables;
    char slice;    // 0: none
} Asked;

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

static void plan(const TwCalGrid *grid, const TwCalRows *before, bool made)
{
    // the cache decides how many operand sets there are; an H200 has 60 MB of it, and 150 GB of memory
    const double l2_bytes = 60e6, memory_bytes = 0.85 * 150e9;
    int count[TW_CAL_OPS] = {0}, roles[TW_CAL_ROLES] = {0}, done = 0, too_large = 0, plans = 0;
    double seconds[TW_CAL_OPS] = {0}, total = 0.0, most = 0.0;
    const char *name[TW_CAL_OPS] = {NULL};
    for (int i = 0; i < tw_cal_kind_count; i++) name[tw_cal_kinds[i].op] = tw_cal_kinds[i].name;
    for (int i = 0; i < grid->count; i++) {
        const TwCalPoint *point = &grid->point[i];
        if (tw_cal_rows_done(before, point)) {
            done++;
            continue;
        }
        TwCalBytes bytes = tw_cal_bytes(point);
        TwCalOp op = point->kind->op;
        double needed = bytes.hot + bytes.cold * tw_cal_sets(point, l2_bytes, memory_bytes, 512);
        count[op]++;
        roles[tw_cal_role(point)]++;
        seconds[op] += tw_session_expected_s(point);
        total += tw_session_expected_s(point);
        plans += !made && tw_dnn_recipe(point);
        most = fmax(most, needed);
        too_large += needed > memory_bytes;
    }
    printf("operation          points  seconds\n");
    for (int i = 0; i < TW_CAL_OPS; i++)
        if (count[i]) printf("%-17s  %6d  %7.1f\n", name[i], count[i], seconds[i]);
    printf("roles             ");
    for (int i = 0; i < TW_CAL_ROLES; i++)
        printf(" %s %d%s", tw_cal_roles[i], roles[i], i + 1 < TW_CAL_ROLES ? "," : "\n");
    printf("largest point      %.2f GB of device memory%s\n", 1e-9 * most,
           too_large ? "; more than an H200 has: such points end as no_memory" : "");
    printf("%d points to measure, %d done, about %.1f minutes (from the timing rules and the least times of an H200,\n"
           "without start-up and sentinels)\n",
           grid->count - done, done, total / 60.0);
    if (plans)
        printf(
            "%d plans of cuDNN before them, about a second of processor time each, on all cores: %.1f minutes on 16\n",
            plans, plans / 16.0 / 60.0);
}

static int read_failed(const TwCalErrors *errors, bool io)
{
    fprintf(stderr, "%s%d error%s; nothing was measured\n", errors->text, errors->count, errors->count == 1 ? "" : "s");
    return io ? TW_EXIT_IO : TW_EXIT_INPUT;
}

static int look(const TwDevice *device, const char *out)
{
    char path[4096];
    FILE *stream = stdout;
    if (out) {
        if (mkdir(out, 0777) != 0 && errno != EEXIST) stream = NULL;
        snprintf(path, sizeof path, "%s/probe.json", out);
        stream = stream ? fopen(path, "w") : NULL;
        if (!stream) {
            fprintf(stderr, "tokenworks-calibrate: %s: %s\n", out, strerror(errno));
            return TW_EXIT_IO;
        }
    }
    bool good = tw_probe(device, stream);
    if (out && fclose(stream) != 0) return TW_EXIT_IO;
    return good ? TW_EXIT_DONE : TW_EXIT_NUMERIC;
}

static int check(const TwDevice *device, const char *only, TwSelftest *test)
{
    if (!tw_selftest(device, only, test)) return TW_EXIT_LOST;
    if (!test->run) {
        fprintf(stderr, "tokenworks-calibrate: --selftest=%s: no case of it; expected operations of --list, or step\n",
                only);
        return TW_EXIT_USAGE;
    }
    printf("%d of %d cases within their bars\n", test->run - test->above, test->run);
    if (test->above) fprintf(stderr, "tokenworks-calibrate: %d cases are not accurate enough\n", test->above);
    return test->above ? TW_EXIT_CHECK : TW_EXIT_DONE;
}

// Every plan that is not there yet, on all cores; the count of those that cannot be made.
static int make_missing(const TwCalGrid *grid, const TwCalRows *before, const char *json, const char *folder,
                        int *plans)
{
    int made = 0, failed = 0;
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : made, failed)
    for (int i = 0; i < grid->count; i++) {
        char path[4096], text[300] = "", name[160];
        if (!tw_dnn_recipe(&grid->point[i]) || tw_cal_rows_done(before, &grid->point[i])) continue;
        snprintf(path, sizeof path, "%s/%016llx.json", folder, (unsigned long long)grid->id[i]);
        if (access(path, R_OK) == 0) continue;
        tw_watch_beat();
        if (tw_plan_write(&grid->point[i], json, path, text, (int)sizeof text)) {
            made++;
            continue;
        }
        failed++;
        tw_cal_describe(&grid->point[i], name, (int)sizeof name);
        fprintf(stderr, "tokenworks-calibrate: %s: %s\n", name, text);
    }
    *plans = made;
    return failed;
}

// The plans of a session, before anything is measured, on all cores: one at a time beside the points they would take
// most of the session. Those that cannot be made are tried again, and named, when their point comes.
static void plans_first(const Asked *asked, TwDevice *device, const TwCalGrid *grid, const TwCalRows *before,
                        char folder[4096])
{
    static char json[8192], points[4096];
    const char *out = asked->session.out;
    snprintf(points, sizeof points, "%.4000s/points.csv", out);
    if (!asked->session.resume && access(points, F_OK) == 0) return;
    if ((mkdir(out, 0777) != 0 && errno != EEXIST) || !tw_device_json(device, json, (int)sizeof json) || !json[0])
        return;
    if (asked->plans)
        snprintf(folder, 4096, "%.4000s", asked->plans);
    else
        snprintf(folder, 4096, "%.4000s/plans", out);
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) return;
    int made;
    make_missing(grid, before, json, folder, &made);
    if (made && !asked->session.quiet) fprintf(stderr, "tokenworks-calibrate: %d plans made in %s\n", made, folder);
    device->plans = folder;
}

// What a process that opens the device is to do.
typedef struct Order {
    const Asked *asked;
    TwCalGrid *grid;
    const TwCalRows *before;
    TwWatch *watch;
} Order;

static int on_device(void *order)
{
    const Order *own = order;
    const Asked *asked = own->asked;
    TwSelftest *test = &own->watch->selftest;
    TwDevice device;
    char text[400];
    if (!tw_device_open(&device, text, (int)sizeof text)) {
        fprintf(stderr, "tokenworks-calibrate: %s\n", text);
        return TW_EXIT_NO_GPU;
    }
    device.plans = asked->plans;
    int status = TW_EXIT_DONE;
    if (asked->job == LOOK || (asked->job == LOOK_AND_CHECK && !test->next)) status = look(&device, asked->session.out);
    if (status == TW_EXIT_DONE && (asked->job == CHECK_KERNELS || asked->job == LOOK_AND_CHECK))
        status = check(&device, asked->only, test);
    if (asked->job == MEASURE) {
        static char folder[4096];
        plans_first(asked, &device, own->grid, own->before, folder);
        status = tw_session_run(&asked->session, &device, own->grid, own->before);
    }
    if (status != TW_EXIT_LOST) tw_device_close(&device);
    return status;
}

// The point at which a process was lost, as a row of its own: nobody measures it again.
static bool note_lost(const Asked *asked, const TwCalGrid *grid, uint64_t id, const TwCalRows *rows, const char *points)
{
    if (truncate(points, (off_t)rows->whole_bytes) != 0) return false;
    FILE *file = fopen(points, "a");
    bool written = file != NULL;
    for (int i = 0; i < grid->count && written; i++) {
        if (grid->id[i] != id) continue;
        TwCalRow row = tw_cal_row(&grid->point[i]);
        snprintf(row.status, sizeof row.status, "lost");
        snprintf(row.slice, sizeof row.slice, "%s", asked->session.slice);
        written = tw_cal_row_write(file, &row);
    }
    return file && fclose(file) == 0 && written;
}

// In processes of their own, as many as it takes: what loses the device is left out by the next one.
static int with_device(Asked *asked, TwCalGrid *grid, TwCalRows *before)
{
    enum { MOST_LOST = 40, MOST_OPENINGS = 2 };
    static char points[4096];
    Order order = {asked, grid, before, tw_watch_create()};
    int openings = 0;    // that came to no point
    for (int lost = 0; lost < MOST_LOST && openings < MOST_OPENINGS; lost++) {
        int begun = order.watch->selftest.next;
        int status = tw_watch_run(order.watch, on_device, &order);
        if (status != TW_EXIT_LOST) return status;
        uint64_t id = order.watch->point;
        openings += !id && order.watch->selftest.next == begun;
        if (asked->job != MEASURE) continue;
        snprintf(points, sizeof points, "%.4000s/points.csv", asked->session.out);
        if (access(points, F_OK) != 0) continue;
        TwCalErrors errors = {0};
        bool io;
        tw_cal_rows_destroy(before);
        if (!tw_cal_rows_read(before, points, &errors, &io) || (id && !note_lost(asked, grid, id, before, points))) {
            fprintf(stderr, "tokenworks-calibrate: %s cannot be gone on with\n%s", points, errors.text);
            return TW_EXIT_IO;
        }
        tw_cal_rows_destroy(before);
        if (!tw_cal_rows_read(before, points, &errors, &io)) return TW_EXIT_IO;
        asked->session.resume = points;
    }
    fprintf(stderr, "tokenworks-calibrate: the device was lost too often\n");
    return TW_EXIT_NUMERIC;
}

static int predict(const TwCalGrid *grid, const TwCalRows *rows)
{
    printf("point_id,batch,context,skew,chunks,q,prefix,dtype,t_s,energy_j,t_capped_s,launches,missing\n");
    int missing = 0, steps = 0;
    for (int i = 0; i < grid->count; i++) {
        const TwCalPoint *point = &grid->point[i];
        if (point->kind->op != TW_CAL_STEP) continue;
        TwStepCase step = tw_step_of(point);
        TwStepPrediction p = tw_step_predict(&tw_step_llama8b, &step, rows);
        char energy[32] = "", capped[32] = "";
        if (isfinite(p.energy_j)) snprintf(energy, sizeof energy, "%.6g", p.energy_j);
        if (isfinite(p.capped_s)) snprintf(capped, sizeof capped, "%.6g", p.capped_s);
        printf("%016llx,%lld,%lld,%lld,%lld,%lld,%lld,%s,%.6g,%s,%s,%.0f,%d\n", (unsigned long long)tw_cal_id(point),
               (long long)step.batch, (long long)step.context, (long long)step.skew, (long long)step.chunks,
               (long long)step.q, (long long)step.prefix, point->kind->type_name, p.t_s, energy, capped, p.launches,
               p.missing);
        missing += p.missing;
        steps++;
    }
    if (missing)
        fprintf(stderr,
                "tokenworks-calibrate: %d points of %d steps have no row that is ok; their times are left out\n",
                missing, steps);
    return missing ? TW_EXIT_CHECK : TW_EXIT_DONE;
}

static char *whole_file(const char *path)
{
    enum { MOST = 65536 };
    FILE *file = fopen(path, "r");
    char *text = calloc(1, MOST);
    if (!text) abort();
    size_t used = file ? fread(text, 1, MOST - 1, file) : 0;
    if (file) fclose(file);
    if (used) return text;
    free(text);
    return NULL;
}

static int make_plans(const Asked *asked, const TwCalGrid *grid)
{
    const TwCalRows none = {0};
    char *json = whole_file(asked->device_json);
    if (!json || (mkdir(asked->plans, 0777) != 0 && errno != EEXIST)) {
        fprintf(stderr, "tokenworks-calibrate: %s: %s\n", json ? asked->plans : asked->device_json, strerror(errno));
        free(json);
        return TW_EXIT_IO;
    }
    int made, failed = make_missing(grid, &none, json, asked->plans, &made);
    free(json);
    printf("%d plans made, %d not\n", made, failed);
    return failed ? TW_EXIT_CHECK : TW_EXIT_DONE;
}

// "kernels/grids/NAME" below this folder, the build's source or the installation
static bool grid_path(const char *name, char *path, size_t size)
{
    static const char *const below[] = {"", "/../../../", "/../share/tokenworks/"};
    char self[4096] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *folder = length > 0 ? dirname(self) : ".";
    for (int i = 0; i < 3; i++) {
        snprintf(path, size, "%s%skernels/grids/%s", i ? folder : "", below[i], name);
        if (access(path, R_OK) == 0) return true;
    }
    return false;
}

// the single kernels that the steps of a file are made of, before everything else
static bool add_parts(TwCalGrid *grid, const char *path, TwCalErrors *errors, bool *io)
{
    TwCalGrid steps = {0};
    if (!tw_cal_grid_read(&steps, path, errors, io)) return false;
    for (int i = 0; i < steps.count; i++) {
        if (steps.point[i].kind->op != TW_CAL_STEP) continue;
        TwStepOp op[TW_STEP_OPS];
        TwStepCase step = tw_step_of(&steps.point[i]);
        int count = tw_step_ops(&tw_step_llama8b, &step, op);
        for (int k = 0; k < count; k++) tw_cal_grid_add(grid, &op[k].point, 1);
    }
    tw_cal_grid_destroy(&steps);
    return true;
}

static bool read_grids(const Asked *asked, TwCalGrid *grid, TwCalErrors *errors, bool *io)
{
    static const char *const files[] = {NULL, "latency.csv", "energy.csv", "step.csv"};
    char path[4200];
    *io = false;
    if (asked->slice) {
        if (!grid_path(files[asked->slice - 'A'], path, sizeof path)) {
            *io = true;
            return tw_cal_fail(errors, files[asked->slice - 'A'], 0, "not found in kernels/grids; name it with --grid");
        }
        if (!tw_cal_grid_read(grid, path, errors, io)) return false;
        if (asked->slice == 'B' && grid_path("step.csv", path, sizeof path) && !add_parts(grid, path, errors, io))
            return false;
    }
    for (int i = 0; i < asked->grids; i++)
        if (!tw_cal_grid_read(grid, asked->grid[i], errors, io)) return false;
    return true;
}

static int work(Asked *asked)
{
    TwCalGrid grid = {0};
    TwCalRows before = {0};
    TwCalErrors errors = {0};
    bool io;
    if (!read_grids(asked, &grid, &errors, &io)) return read_failed(&errors, io);
    bool predicts = asked->job == PREDICT_STEPS, read = true;
    if (!predicts && asked->session.resume) read = tw_cal_rows_read(&before, asked->session.resume, &errors, &io);
    for (int i = 0; predicts && i < asked->tables && read; i++) {
        TwCalRows more;
        read = tw_cal_rows_read(&more, asked->rows[i], &errors, &io);
        if (read) tw_cal_rows_append(&before, &more);
    }
    int status;
    if (!read)
        status = read_failed(&errors, io);
    else if (asked->job == JUST_LIST)
        list(&grid), status = TW_EXIT_DONE;
    else if (asked->job == PLAN)
        plan(&grid, &before, asked->plans != NULL), status = TW_EXIT_DONE;
    else if (asked->job == PREDICT_STEPS)
        status = predict(&grid, &before);
    else if (asked->job == MAKE)
        status = make_plans(asked, &grid);
    else
        status = with_device(asked, &grid, &before);
    tw_cal_rows_destroy(&before);
    tw_cal_grid_destroy(&grid);
    return status;
}

// -1: go on; else the exit status
static int take(Asked *asked, int option)
{
    int64_t seed;
    switch (option) {
    case 's':
        if (strlen(optarg) != 1 || optarg[0] < 'A' || optarg[0] > 'D')
            return misuse("--slice %s: expected A, B, C or D", optarg);
        asked->slice = optarg[0];
        asked->session.slice = optarg;
        return -1;
    case 'g':
        if (asked->grids == GRIDS) return misuse("--grid %s: too many grids", optarg);
        asked->grid[asked->grids++] = optarg;
        asked->session.grid = optarg;
        return -1;
    case 'o':
        asked->session.out = optarg;
        return -1;
    case 'r':
        asked->session.resume = optarg;
        return -1;
    case 'b':
        if (!tw_cal_number(optarg, &asked->session.budget_s) || !isfinite(asked->session.budget_s) ||
            asked->session.budget_s <= 0.0)
            return misuse("--budget %s: expected seconds above 0", optarg);
        return -1;
    case SEED:
        if (!tw_cal_whole_number(optarg, &seed) || seed < 0)
            return misuse("--seed %s: expected a whole number from 0", optarg);
        asked->session.seed = (uint64_t)seed;
        return -1;
    case PLANS:
        asked->plans = optarg;
        return -1;
    case MAKE_PLANS:
        asked->device_json = optarg, asked->job = MAKE;
        return -1;
    case PREDICT:
        if (asked->tables == GRIDS) return misuse("--predict %s: too many files", optarg);
        asked->rows[asked->tables++] = optarg, asked->job = PREDICT_STEPS;
        return -1;
    case LIST:
        asked->job = JUST_LIST;
        return -1;
    case DRY_RUN:
        asked->job = PLAN;
        return -1;
    case PROBE:
        asked->job = LOOK;
        return -1;
    case SELFTEST:
        asked->only = optarg, asked->job = CHECK_KERNELS;
        return -1;
    case 'q':
        asked->session.quiet = true;
        return -1;
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

int main(int argc, char **argv)
{
    Asked asked = {.session = {.seed = 1, .slice = "grid", .grid = "of the slice", .begun_s = tw_now_s()}};
    int option;
    while ((option = getopt_long(argc, argv, "s:g:o:r:b:qhV", options, NULL)) != -1) {
        int status = take(&asked, option);
        if (status >= 0) return status;
    }
    if (optind < argc) return misuse("%s: not an option", argv[optind]);
    if (asked.slice == 'A' && asked.job == MEASURE) asked.job = LOOK_AND_CHECK;
    if (asked.job == LOOK || asked.job == CHECK_KERNELS || asked.job == LOOK_AND_CHECK)
        return with_device(&asked, NULL, NULL);
    if (asked.slice == 'A') return misuse("%s measures no points: expected B, C or D", "--slice A");
    if (asked.job == PREDICT_STEPS && !asked.slice && !asked.grids) asked.slice = 'D';
    if (!asked.slice && !asked.grids) return misuse("%s is missing", "--slice LETTER or --grid FILE.csv");
    if (asked.job == MEASURE && !asked.session.out) return misuse("%s is missing", "--out DIR");
    if (asked.job == MAKE && !asked.plans) return misuse("%s is missing", "--plans DIR");
    int status = work(&asked);
    if (fflush(stdout) != 0 && status == TW_EXIT_DONE) status = TW_EXIT_IO;
    return status;
}
