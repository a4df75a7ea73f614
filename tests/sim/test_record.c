// Results written and read back: exact values, peaks, equal bytes, resuming, errors.
#include "sim/hdf.h"
#include "sim/random.h"
#include "sim/record.h"
#include "tests/check.h"

#include <hdf5_hl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static TwError error;
static char folder[256] = "record_XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[4][400];
    static int next;
    char *to = path[next++ % 4];
    snprintf(to, sizeof *path, "%s/%s", folder, name);
    return to;
}

static char *slurp(const char *path, size_t *count)
{
    FILE *file = fopen(path, "rb");
    *count = 0;
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *count = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*count + 1);
    CHECK(fread(bytes, 1, *count, file) == *count);
    fclose(file);
    return bytes;
}

static bool same_bytes(const char *a, const char *b)
{
    size_t count_a, count_b;
    char *x = slurp(a, &count_a), *y = slurp(b, &count_b);
    bool same = x && y && count_a == count_b && memcmp(x, y, count_a) == 0;
    free(x), free(y);
    return same;
}

// ---- a small factory: two root series each 5 s, three racks each 60 s -----------------------------------------------

enum { RACKS = 3 };

static const TwSeriesInfo root_series[] = {{"utility_w", "W", "power drawn"}, {"supply_degc", "degC", "supply water"}};
static const TwSeriesInfo rack_series[] = {{"rack_w", "W", "power of the rack"}};
static const char *const rack_names[] = {"a1", "a2", "b\xc3\xa4r"};
static const double rack_x[] = {0.5, 1.5, 2.5}, rack_y[] = {0.25, 0.25, 4.0};

static const TwGroupInfo groups[] = {
    {"", NULL, 1, NULL, NULL, 5.0, root_series, 2},
    {"rack", rack_names, RACKS, rack_x, rack_y, 60.0, rack_series, 1},
};

static const TwRecordHead head = {"a small factory", "tokenworks 0.1.0", "tokenworks-run 1", "2026-07-01 00:00:00"};

typedef struct Run {
    TwSlot slots[2];
    TwRecordPlan plan;
    TwLayout layout;
    void *block;
    TwRecord *record;
} Run;

static void run_begin(Run *run, const char *path)
{
    *run = (Run){.plan = {groups, 2, NULL}};
    run->plan.slots = run->slots;
    tw_record_layout(&run->plan, &run->layout);
    run->block = tw_block_create(&run->layout);
    CHECK(tw_record_create(&run->record, path, true, &head, &run->plan, &error));
}

static double utility_w(int second) { return 1e6 + 1e5 * sin(0.01 * second) + (second == 777 ? 5e6 : 0.0); }

static double rack_w(int second, int rack) { return 1e5 / 3.0 * (rack + 1) + 100.0 * cos(0.1 * second + rack); }

// One exchange window a second.
static void run_seconds(Run *run, int from, int until)
{
    for (int s = from; s < until; s++) {
        double facility[2] = {utility_w(s), -0.1 * s}, racks[RACKS];
        for (int i = 0; i < RACKS; i++) racks[i] = rack_w(s, i);
        CHECK(tw_record_window(run->record, 0, run->block, s, s + 1, facility, &error));
        CHECK(tw_record_window(run->record, 1, run->block, s, s + 1, racks, &error));
    }
}

static void run_end(Run *run, const char *status, char *written)
{
    static const double late[] = {0.5, 2.0};
    static const int64_t time_ns[] = {1000000000, 9007199254740993};    // the second is no double
    static const char *const cause[] = {"pump", "g\xc3\xa4rtner"};
    const TwColumn columns[] = {{"time_ns", "ns", "time", NULL, time_ns, NULL},
                                {"late_s", "s", "lateness", late, NULL, NULL},
                                {"cause", "", "what broke", NULL, NULL, cause}};
    CHECK(tw_record_scalar(run->record, "kpi", "power_pue", "1", "power usage effectiveness", 1.1 / 3.0, &error));
    CHECK(tw_record_table(run->record, "event", columns, 3, 2, &error));
    CHECK(tw_record_text(run->record, "config", "site = { name = \"h\xc3\xb6lle\"; };\n", &error));
    CHECK(tw_record_attribute(run->record, "facility", "small.cfg", &error));
    CHECK(tw_record_bytes(run->record, "state", run->block, run->layout.bytes, &error));
    CHECK(tw_record_finish(run->record, status, written, &error));
    tw_block_destroy(run->block);
}

enum { LONG = 3 * 3600 + 33 };    // more than one chunk of root rows, and a short last row

static void what_is_written_reads_back(void)
{
    Run run;
    char written[512];
    run_begin(&run, in_folder("run.h5"));
    run_seconds(&run, 0, LONG);
    CHECK(access(in_folder("run.h5"), F_OK) != 0);    // not under its name until whole
    run_end(&run, "complete", written);
    CHECK_TEXT(written, in_folder("run.h5"));

    TwResult *result;
    CHECK(tw_result_open(&result, written, &error));
    char names[8][64], units[8][32], labels[8][128], racks[8][64];
    CHECK(tw_result_series(result, "", names, units, labels, 8) == 2);
    CHECK_TEXT(names[0], "utility_w");
    CHECK_TEXT(names[1], "supply_degc");
    CHECK_TEXT(units[1], "degC");
    CHECK_TEXT(labels[0], "power drawn");
    CHECK(tw_result_series(result, "rack", names, NULL, NULL, 8) == 1);
    CHECK(tw_result_series(result, "nowhere", names, units, labels, 8) == 0);
    CHECK(tw_result_entries(result, "rack", racks, 8) == RACKS && tw_result_entries(result, "", racks + 4, 1) == 1);
    CHECK_TEXT(racks[0], "a1");
    CHECK_TEXT(racks[2], "b\xc3\xa4r");

    // intervals: 5 s and 60 s, and a short one at the end
    int rows = tw_result_rows(result, ""), coarse = tw_result_rows(result, "rack");
    CHECK(rows == (LONG + 4) / 5 && coarse == (LONG + 59) / 60);
    double *time_s = malloc((size_t)rows * sizeof(double)), *bounds = malloc(2 * (size_t)rows * sizeof(double));
    CHECK(tw_result_time(result, "", time_s, &error) && tw_result_bounds(result, "", bounds, &error));
    for (int r = 0; r < rows; r++) {
        CHECK(time_s[r] == (r < rows - 1 ? 5.0 * (r + 1) : LONG));
        CHECK(bounds[2 * r] == 5.0 * r && bounds[2 * r + 1] == time_s[r]);
    }

    // mean of the interval, and the spike of one second in the maximum of its row alone
    double *mean = malloc((size_t)rows * sizeof(double)), *high = malloc((size_t)rows * sizeof(double));
    CHECK(tw_result_values(result, "", "utility_w", 0, rows, mean, &error));
    CHECK(tw_result_values(result, "", "utility_w_max", 0, rows, high, &error));
    for (int r = 0; r < rows - 1; r++) {
        double sum = 0.0, most = -INFINITY;
        for (int s = 5 * r; s < 5 * r + 5; s++) sum += utility_w(s), most = fmax(most, utility_w(s));
        CHECK_NEAR(mean[r], sum / 5.0, 1e-7);
        CHECK(high[r] >= most && high[r] <= most * (1.0 + 1.3e-7));
        CHECK((high[r] > 2e6) == (r == 777 / 5));
    }

    double three[2 * RACKS], x[RACKS], y[RACKS], pue = 0.0;
    CHECK(tw_result_values(result, "rack", "rack_w_min", 7, 2, three, &error));
    for (int i = 0; i < RACKS; i++) {
        double least = INFINITY;
        for (int s = 8 * 60; s < 9 * 60; s++) least = fmin(least, rack_w(s, i));
        CHECK(three[RACKS + i] <= least && three[RACKS + i] >= least * (1.0 - 0x1p-12));
    }
    CHECK(!tw_result_values(result, "rack", "rack_w_min", coarse - 1, 2, three, &error));
    CHECK(!tw_result_values(result, "rack", "nothing", 0, 1, three, &error) && error.status == TW_IO);
    CHECK(tw_result_positions(result, "rack", x, y) && memcmp(x, rack_x, sizeof x) == 0 && y[2] == 4.0);
    CHECK(!tw_result_positions(result, "", x, y));
    CHECK(tw_result_scalar(result, "kpi/power_pue", &pue) && pue == 1.1 / 3.0);
    CHECK(!tw_result_scalar(result, "kpi/nothing", &pue) && !tw_result_scalar(result, "no/thing", &pue));

    size_t count;
    char *config = tw_result_text(result, "config", &error), *schema = tw_result_text(result, "@schema", &error);
    char *status = tw_result_text(result, "@status", &error),
         *unit = tw_result_text(result, "rack/rack_w@units", &error);
    CHECK_TEXT(config, "site = { name = \"h\xc3\xb6lle\"; };\n");
    CHECK_TEXT(schema, "tokenworks-run 1");
    CHECK_TEXT(status, "complete");
    CHECK_TEXT(unit, "W");
    CHECK(!tw_result_text(result, "report", &error));
    double *late = tw_result_numbers(result, "event/late_s", &count, &error);
    CHECK(count == 2 && late[1] == 2.0);
    char **causes = tw_result_texts(result, "event/cause", &count, &error);
    CHECK(count == 2);
    CHECK_TEXT(causes[1], "g\xc3\xa4rtner");
    void *state = tw_result_bytes(result, "state", &count, &error);
    CHECK(state && count == run.layout.bytes);
    free(config), free(schema), free(status), free(unit), free(late), free(causes), free(state);
    free(time_s), free(bounds), free(mean), free(high);
    tw_result_close(result);
}

// The same calls a second later give the same file (RS3).
static void equal_runs_are_equal_bytes(void)
{
    for (int k = 0; k < 2; k++) {
        Run run;
        run_begin(&run, in_folder(k ? "again.h5" : "once.h5"));
        run_seconds(&run, 0, 4000);
        run_end(&run, "complete", NULL);
        if (k == 0) sleep(1);
    }
    CHECK(same_bytes(in_folder("once.h5"), in_folder("again.h5")));
}

static void *one_run(void *path)
{
    Run run;
    run_begin(&run, path);
    run_seconds(&run, 0, 4000);
    run_end(&run, "complete", NULL);
    return NULL;
}

// Scenarios of a study write at the same time; HDF5 sees them one by one.
static void threads_write_equal_files(void)
{
    pthread_t thread[4];
    static char path[4][300];
    for (int i = 0; i < 4; i++) {
        snprintf(path[i], sizeof *path, "%s/thread%d.h5", folder, i);
        CHECK(pthread_create(&thread[i], NULL, one_run, path[i]) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], NULL);
        CHECK(same_bytes(in_folder("once.h5"), path[i]));
    }
}

// An event cuts a window just before the end of the interval: still one row.
static void windows_may_be_cut_anywhere(void)
{
    static const TwSeriesInfo series[] = {{"heat_w", "W", "heat"}};
    const TwGroupInfo group = {"", NULL, 1, NULL, NULL, 3600.0, series, 1};
    TwSlot slot;
    TwRecordPlan plan = {&group, 1, &slot};
    TwLayout layout = {0};
    tw_record_layout(&plan, &layout);
    void *block = tw_block_create(&layout);
    TwRecord *record;
    TwResult *result;
    static const double cut_s[] = {0.0, 1e-6, 1800.0, 3600.0 - 1e-6, 3600.0, 3600.0 + 1e-8, 7200.0 - 2e-9, 7200.0};
    CHECK(tw_record_create(&record, in_folder("cuts.h5"), true, &head, &plan, &error));
    for (int w = 0; w < 7; w++) {
        double value = w == 3 ? 9.0 : 1.0;
        CHECK(tw_record_window(record, 0, block, cut_s[w], cut_s[w + 1], &value, &error));
    }
    CHECK(tw_record_finish(record, "complete", NULL, &error));
    tw_block_destroy(block);

    double time_s[2], high[2];
    CHECK(tw_result_open(&result, in_folder("cuts.h5"), &error));
    CHECK(tw_result_rows(result, "") == 2);
    CHECK(tw_result_time(result, "", time_s, &error) && time_s[0] == 3600.0 && time_s[1] == 7200.0);
    CHECK(tw_result_values(result, "", "heat_w_max", 0, 2, high, &error) && high[0] == 9.0 && high[1] == 1.0);
    tw_result_close(result);
}

// A kind without entries takes no room; a value that is no number is missing, not an extreme.
static void gaps_are_missing_values(void)
{
    static const TwSeriesInfo series[] = {{"flow_kg_s", "kg/s", "flow"}, {"head_pa", "Pa", "head"}};
    const TwGroupInfo two[] = {{"cdu", NULL, 0, NULL, NULL, 10.0, series, 2},
                               {"", NULL, 1, NULL, NULL, 10.0, series, 2}};
    TwSlot slots[2];
    TwRecordPlan plan = {two, 2, slots};
    TwLayout layout = {0};
    tw_record_layout(&plan, &layout);
    void *block = tw_block_create(&layout);
    TwRecord *record;
    TwResult *result;
    const double window[2][2] = {{NAN, NAN}, {3.0, NAN}};
    CHECK(tw_record_size_bytes(&plan, 1000.0) > 100.0 * 24.0);
    CHECK(tw_record_create(&record, in_folder("gaps.h5"), true, &head, &plan, &error));
    for (int w = 0; w < 2; w++)
        for (int g = 0; g < 2; g++)
            CHECK(tw_record_window(record, g, block, 5.0 * w, 5.0 * w + 5.0, window[w], &error));
    CHECK(tw_record_finish(record, "complete", NULL, &error));
    tw_block_destroy(block);

    double mean, low, head_pa;
    CHECK(tw_result_open(&result, in_folder("gaps.h5"), &error));
    CHECK(tw_result_rows(result, "") == 1 && tw_result_rows(result, "cdu") == 0);
    CHECK(tw_result_values(result, "", "flow_kg_s", 0, 1, &mean, &error) && isnan(mean));
    CHECK(tw_result_values(result, "", "flow_kg_s_min", 0, 1, &low, &error) && low == 3.0);
    CHECK(tw_result_values(result, "", "head_pa_max", 0, 1, &head_pa, &error) && isnan(head_pa));
    tw_result_close(result);
}

// Cut anywhere, kept as interrupted with its state, resumed: as if nothing had happened. Twice, too.
static void resumed_runs_are_equal_bytes(void)
{
    static const int cuts[] = {1, 59, 60, 1800, 1803, 3599, 7207};
    Run straight;
    run_begin(&straight, in_folder("straight.h5"));
    run_seconds(&straight, 0, LONG);
    run_end(&straight, "complete", NULL);
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        Run first, second;
        char partial[512];
        run_begin(&first, in_folder("cut.h5"));
        run_seconds(&first, 0, cuts[k]);
        run_end(&first, "interrupted", partial);
        CHECK_TEXT(partial, in_folder("cut.partial.h5"));
        CHECK(access(in_folder("cut.h5"), F_OK) != 0 || k > 0);

        size_t count;
        TwResult *result;
        CHECK(tw_result_open(&result, partial, &error));
        void *state = tw_result_bytes(result, "state", &count, &error);
        tw_result_close(result);
        run_begin(&second, in_folder("cut.h5"));
        CHECK(count == second.layout.bytes);
        memcpy(second.block, state, count);
        free(state);
        CHECK(tw_record_resume(second.record, partial, cuts[k], &error));
        run_seconds(&second, cuts[k], LONG);
        run_end(&second, "complete", NULL);
        CHECK(same_bytes(in_folder("straight.h5"), in_folder("cut.h5")));
    }

    // a file that ends before the state began is refused
    Run late;
    run_begin(&late, in_folder("late.h5"));
    CHECK(!tw_record_resume(late.record, in_folder("cut.partial.h5"), 9000.0, &error));
    CHECK_HOLDS(error.text, "the state is at 9000 s");
    tw_record_abandon(late.record);
    tw_block_destroy(late.block);
    CHECK(access(in_folder("late.h5"), F_OK) != 0);
}

// RS9, RS10: 12 bits of mantissa, never inward; and what has been rounded once stays.
static void rounding_never_hides_a_peak(void)
{
    enum { N = 20000 };
    static const TwSeriesInfo series[] = {{"heat_w", "W", "heat"}};
    static char name[N][16];
    static const char *names[N];
    static double value[N], low[N], mean[N], high[N];
    TwStream stream = tw_stream(3, "rounding");
    for (int i = 0; i < N; i++) {
        uint32_t w[4];
        tw_random4(stream, (uint64_t)i, 0, TW_PURPOSE_INPUT, w);
        value[i] = (w[0] & 1 ? 1.0 : -1.0) * pow(10.0, 24.0 * tw_uniform(w[1]) - 12.0);
        if (i % 10 == 0) value[i] = (double)(w[2] % 4096) - 2048.0;    // fits: must stay
        snprintf(name[i], sizeof *name, "n%d", i);
        names[i] = name[i];
    }
    TwGroupInfo group = {"node", names, N, NULL, NULL, 10.0, series, 1};
    TwSlot slot;
    TwRecordPlan plan = {&group, 1, &slot};
    TwLayout layout = {0};
    tw_record_layout(&plan, &layout);
    void *block = tw_block_create(&layout);
    TwRecord *record;
    TwResult *result;
    CHECK(tw_record_create(&record, in_folder("round.h5"), true, &head, &plan, &error));
    CHECK(tw_record_window(record, 0, block, 0.0, 3.0, value, &error));
    CHECK(tw_record_window(record, 0, block, 3.0, 10.0, value, &error));
    CHECK(tw_record_finish(record, "complete", NULL, &error));
    tw_block_destroy(block);

    CHECK(tw_result_open(&result, in_folder("round.h5"), &error));
    CHECK(tw_result_entries(result, "node", NULL, 0) == N);
    CHECK(tw_result_values(result, "node", "heat_w", 0, 1, mean, &error));
    CHECK(tw_result_values(result, "node", "heat_w_min", 0, 1, low, &error));
    CHECK(tw_result_values(result, "node", "heat_w_max", 0, 1, high, &error));
    tw_result_close(result);
    for (int i = 0; i < N; i++) {
        double size = fabs(value[i]);
        CHECK(low[i] <= value[i] && value[i] - low[i] <= 0x1p-12 * size);
        CHECK(high[i] >= value[i] && high[i] - value[i] <= 0x1p-12 * size);
        CHECK(fabs(mean[i] - value[i]) <= 0x1p-13 * size * (1.0 + 1e-3));
        if (i % 10 == 0) CHECK(low[i] == value[i] && mean[i] == value[i] && high[i] == value[i]);
    }
}

static void intervals_end_where_they_should(void)
{
    TwGroupInfo group = {.interval_s = 0.1};
    TwRecordPlan plan = {&group, 1, NULL};
    CHECK_NEAR(tw_record_next_s(&plan, 0, 0.0), 0.1, 1e-15);
    CHECK_NEAR(tw_record_next_s(&plan, 0, 0.3), 0.4, 1e-15);    // 0.3 / 0.1 < 3 in doubles
    CHECK_NEAR(tw_record_next_s(&plan, 0, 0.39), 0.4, 1e-15);
    group.interval_s = 1.0 / 3.0;    // cut to whole nanoseconds, it still ends once
    CHECK_NEAR(tw_record_next_s(&plan, 0, 0.333333333), 2.0 / 3.0, 1e-15);
    CHECK_NEAR(tw_record_next_s(&plan, 0, 0.333333334), 2.0 / 3.0, 1e-15);
    group.interval_s = 3600.0;    // an event a microsecond before the end, late in the year
    CHECK(tw_record_next_s(&plan, 0, 8000 * 3600.0 - 1e-6) == 8000 * 3600.0);
    group.interval_s = 60.0;
    for (int64_t k = 1; k < 600000; k += 997)
        CHECK(tw_record_next_s(&plan, 0, 60.0 * (double)k) == 60.0 * (double)(k + 1));
}

// RS11, and the arrays of a study.
static void large_texts_and_arrays(void)
{
    enum { LENGTH = 1 << 20, POINTS = 40, REPLICATES = 300 };
    char *text = malloc(LENGTH + 1);
    for (int i = 0; i < LENGTH; i++) text[i] = (char)('a' + i % 26);
    text[LENGTH] = '\0';
    static double point[POINTS], value[POINTS * REPLICATES];
    static signed char status[POINTS];
    const char *site[POINTS], *dimensions[] = {"site", "replicate"};
    static char names[POINTS][24];
    for (int i = 0; i < POINTS; i++) {
        snprintf(names[i], sizeof *names, "site-%d", i);
        site[i] = names[i];
        point[i] = 20.0 + i;
        status[i] = (signed char)(i % 3);
        for (int r = 0; r < REPLICATES; r++) value[i * REPLICATES + r] = r == 7 ? NAN : i + 0.001 * r;
    }
    TwRecord *record;
    TwResult *result;
    const char *path = in_folder("study.h5");
    TwRecordHead study = {"a study", "tokenworks 0.1.0", "tokenworks-study 1", NULL};
    CHECK(tw_record_create(&record, path, false, &study, NULL, &error));
    CHECK(tw_record_text(record, "config", text, &error));
    CHECK(tw_record_axis(record, "site", NULL, "site", POINTS, NULL, site, &error));
    CHECK(tw_record_axis(record, "supply_degc", "degC", "supply water", POINTS, point, NULL, &error));
    CHECK(tw_record_axis(record, "replicate", NULL, NULL, REPLICATES, NULL, NULL, &error));
    CHECK(tw_record_attribute_of(record, "supply_degc", "setting", "cooling.supply_degc", &error));
    CHECK(tw_record_array(record, "power_pue", "1", "PUE", dimensions, 2, value, &error));
    CHECK(tw_record_array(record, "series/utility_w", "W", "power", dimensions, 2, value, &error));
    CHECK(tw_record_flags(record, "status", "outcome", dimensions, 1, status, "not_run done failed", &error));
    CHECK(tw_record_texts(record, "error", "message", dimensions, 1, site, &error));
    CHECK(tw_record_finish(record, "complete", NULL, &error));

    CHECK(tw_result_open(&result, path, &error));
    char *back = tw_result_text(result, "config", &error),
         *setting = tw_result_text(result, "supply_degc@setting", &error);
    CHECK_TEXT(back, text);
    CHECK_TEXT(setting, "cooling.supply_degc");
    size_t count;
    double *array = tw_result_numbers(result, "power_pue", &count, &error);
    CHECK(count == POINTS * REPLICATES && array[3 * REPLICATES + 2] == 3.002 && isnan(array[7]));
    char **sites = tw_result_texts(result, "site", &count, &error),
         **errors = tw_result_texts(result, "error", &count, &error);
    CHECK(count == POINTS);
    CHECK_TEXT(sites[39], "site-39");
    CHECK_TEXT(errors[10], "site-10");
    free(back), free(setting), free(array), free(sites), free(errors), free(text);
    tw_result_close(result);

    // an existing file is kept unless told otherwise
    CHECK(!tw_record_create(&record, path, false, &study, NULL, &error) && error.status == TW_IO);
    CHECK_HOLDS(error.text, "exists already");
    CHECK(!tw_record_create(&record, in_folder("no/such/folder.h5"), false, &study, NULL, &error));
    CHECK_HOLDS(error.text, "No such file");
}

static void put(const char *path, const char *bytes, size_t count)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, count, file) == count);
    fclose(file);
}

static void foreign_files_are_named(void)
{
    TwResult *result;
    size_t count;
    CHECK(!tw_result_open(&result, in_folder("nothing.h5"), &error) && error.status == TW_IO);
    put(in_folder("text.h5"), "utility_w\n1\n", 12);
    CHECK(!tw_result_open(&result, in_folder("text.h5"), &error) && error.status == TW_IO);
    CHECK_HOLDS(error.text, "not an HDF5 file");
    put(in_folder("empty.h5"), "", 0);
    CHECK(!tw_result_open(&result, in_folder("empty.h5"), &error));

    // every truncation is an error or a readable file, never a crash
    char *bytes = slurp(in_folder("once.h5"), &count);
    for (size_t cut = 1; cut < 12; cut++) {
        put(in_folder("short.h5"), bytes, count * cut / 12);
        CHECK(!tw_result_open(&result, in_folder("short.h5"), &error) && error.status == TW_IO);
    }
    free(bytes);

    static const char *const schema[] = {"tokenworks-run 2", "another program", NULL};
    for (int k = 0; k < 3; k++) {
        TwRecord *record;
        TwRecordHead other = {"x", "y", schema[k], NULL};
        CHECK(tw_record_create(&record, in_folder("other.h5"), true, &other, NULL, &error));
        CHECK(tw_record_finish(record, "complete", NULL, &error));
        CHECK(!tw_result_open(&result, in_folder("other.h5"), &error) && error.status == TW_IO);
        CHECK_HOLDS(error.text, k == 0 ? "newer than this program" : "not a tokenworks result");
    }
}

// RS5 without a small disk: the system refuses bytes beyond a limit. The error is told and no final name appears.
// Another program may have put a variable beside ours that is wider or narrower than its group: callers have no room.
static void foreign_shapes_are_refused(void)
{
    Run run;
    TwError error = {0};
    char written[300];
    run_begin(&run, in_folder("shapes.h5"));
    run_seconds(&run, 0, 600);
    run_end(&run, "complete", written);
    hid_t file = H5Fopen(written, H5F_ACC_RDWR, H5P_DEFAULT);
    static const double values[10 * (RACKS + 1)];
    const hsize_t wide[2] = {10, RACKS + 1}, narrow[2] = {10, 1};
    CHECK(H5LTmake_dataset_double(file, "rack/wide", 2, wide, values) >= 0);
    CHECK(H5LTmake_dataset_double(file, "rack/narrow", 2, narrow, values) >= 0);
    CHECK(H5LTmake_dataset_double(file, "wide", 2, wide, values) >= 0);
    H5Fclose(file);

    TwResult *result;
    CHECK(tw_result_open(&result, written, &error));
    double three[RACKS];
    CHECK(tw_result_values(result, "rack", "rack_w", 0, 1, three, &error));
    CHECK(!tw_result_values(result, "rack", "wide", 0, 1, three, &error));
    CHECK_HOLDS(error.text, "rack/wide: not as wide as its group");
    CHECK(!tw_result_values(result, "rack", "narrow", 0, 1, three, &error));
    CHECK(!tw_result_values(result, "", "wide", 0, 1, three, &error));
    tw_result_close(result);
}

static void a_full_disk_leaves_nothing_whole(void)
{
    struct rlimit kept, small;
    getrlimit(RLIMIT_FSIZE, &kept);
    signal(SIGXFSZ, SIG_IGN);
    for (rlim_t bytes = 1000; bytes < 60000; bytes += 9000) {
        small = kept;
        small.rlim_cur = bytes;
        setrlimit(RLIMIT_FSIZE, &small);
        TwSlot slots[2];
        TwRecordPlan plan = {groups, 2, slots};
        TwLayout layout = {0};
        tw_record_layout(&plan, &layout);
        void *block = tw_block_create(&layout);
        TwRecord *record = NULL;
        error = (TwError){0};
        bool good = tw_record_create(&record, in_folder("full.h5"), true, &head, &plan, &error);
        TwStream stream = tw_stream(1, "noise");
        for (uint64_t s = 0; good && s < 100000; s++) {
            double noise[2] = {tw_random(stream, s, 0, TW_PURPOSE_GAP), tw_random(stream, s, 1, TW_PURPOSE_GAP)};
            good = tw_record_window(record, 0, block, 5.0 * (double)s, 5.0 * (double)s + 5.0, noise, &error);
        }
        if (good)
            good = tw_record_finish(record, "complete", NULL, &error);
        else if (record)
            tw_record_abandon(record);
        setrlimit(RLIMIT_FSIZE, &kept);
        CHECK(!good && error.status == TW_IO && strlen(error.text) > 20);
        CHECK(access(in_folder("full.h5"), F_OK) != 0);
        tw_block_destroy(block);
    }
    // and the library is sane afterwards
    equal_runs_are_equal_bytes();
}

// In a process of its own: what HDF5 cannot write it never frees.
static void a_full_disk(void)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        a_full_disk_leaves_nothing_whole();
        _exit(check_failures != 0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

// Killed without warning: what is left opens, and every chunk that was whole before is there, each row right.
static void killed_runs_leave_readable_files(void)
{
    enum { CHUNKS = 4, ROWS = 360 * CHUNKS };
    for (int round = 0; round < 3; round++) {
        int told[2];
        CHECK(pipe(told) == 0);
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            Run run;
            run_begin(&run, in_folder("killed.h5"));
            for (int s = 0;; s += 1800) {    // a chunk of root rows
                run_seconds(&run, s, s + 1800);
                if (write(told[1], "", 1) != 1) _exit(1);
            }
        }
        char byte;
        for (int k = 0; k < CHUNKS; k++) CHECK(read(told[0], &byte, 1) == 1);
        usleep(700 * (useconds_t)round);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        close(told[0]), close(told[1]);

        char left[300];
        snprintf(left, sizeof left, "%s/killed.h5.tmp-%ld", folder, (long)child);
        CHECK(access(in_folder("killed.h5"), F_OK) != 0);
        TwResult *result;
        CHECK(tw_result_open(&result, left, &error));
        if (!result) continue;
        char *status = tw_result_text(result, "@status", &error);
        CHECK_TEXT(status, "running");
        CHECK(tw_result_rows(result, "") >= ROWS);
        static double low[ROWS];
        CHECK(tw_result_values(result, "", "supply_degc_min", 0, ROWS, low, &error));
        for (int r = 0; r < ROWS; r++) CHECK_NEAR(low[r], -0.1 * (5 * r + 4), 1e-6);
        free(status);
        tw_result_close(result);
        unlink(left);
    }
}

// Files for the readers of docs/results.md: test_record_xarray.sh opens them with other people's programs.
static void samples(void)
{
    enum { SITES = 2, POINTS = 5, REPLICATES = 4, NAMES = 8000 };
    Run run;
    run_begin(&run, in_folder("run.h5"));
    run_seconds(&run, 0, LONG);
    run_end(&run, "complete", NULL);

    static const char *const site[] = {"oslo", "dallas"}, *dimensions[] = {"site", "supply_degc", "replicate"};
    static double point[POINTS], value[SITES * POINTS * REPLICATES];
    static signed char status[SITES * POINTS * REPLICATES];
    for (int i = 0; i < POINTS; i++) point[i] = 25.0 + 5.0 * i;
    for (int i = 0; i < SITES * POINTS * REPLICATES; i++) value[i] = 1.1 + 0.001 * i, status[i] = 1;
    TwRecord *record;
    const TwRecordHead study = {"supply temperature", "tokenworks 0.1.0", "tokenworks-study 1", NULL};
    CHECK(tw_record_create(&record, in_folder("study.h5"), true, &study, NULL, &error));
    CHECK(tw_record_axis(record, "site", NULL, "site", SITES, NULL, site, &error));
    CHECK(tw_record_axis(record, "supply_degc", "degC", "supply water", POINTS, point, NULL, &error));
    CHECK(tw_record_attribute_of(record, "supply_degc", "setting", "cooling.supply_degc", &error));
    CHECK(tw_record_axis(record, "replicate", NULL, NULL, REPLICATES, NULL, NULL, &error));
    CHECK(tw_record_array(record, "power_pue", "1", "power usage effectiveness", dimensions, 3, value, &error));
    CHECK(tw_record_flags(record, "status", "outcome", dimensions, 3, status, "not_run done failed", &error));
    CHECK(tw_record_text(record, "study", "axes = ( );\n", &error));
    CHECK(tw_record_finish(record, "complete", NULL, &error));

    static char name[NAMES][16], *names[NAMES];
    static double watts[NAMES], x[NAMES], y[NAMES];
    static const TwSeriesInfo series[] = {{"rack_w", "W", "power"}};
    for (int i = 0; i < NAMES; i++) {
        snprintf(name[i], sizeof *name, "rack%d", i);
        names[i] = name[i], watts[i] = i, x[i] = i % 100, y[i] = i / 100;
    }
    TwGroupInfo many = {"rack", (const char *const *)names, NAMES, x, y, 60.0, series, 1};
    TwSlot slot;
    TwRecordPlan plan = {&many, 1, &slot};
    TwLayout layout = {0};
    tw_record_layout(&plan, &layout);
    void *block = tw_block_create(&layout);
    CHECK(tw_record_create(&record, in_folder("names.h5"), true, &head, &plan, &error));
    for (int m = 0; m < 3; m++) CHECK(tw_record_window(record, 0, block, 60.0 * m, 60.0 * (m + 1), watts, &error));
    char *text = malloc((1 << 20) + 1);
    memset(text, 'k', 1 << 20);
    text[1 << 20] = '\0';
    CHECK(tw_record_text(record, "config", text, &error));
    CHECK(tw_record_finish(record, "complete", NULL, &error));
    free(text);
    tw_block_destroy(block);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        snprintf(folder, sizeof folder, "%s", argv[1]);
        samples();
        return check_failures != 0;
    }
    CHECK(mkdtemp(folder) != NULL);
    what_is_written_reads_back();
    equal_runs_are_equal_bytes();
    threads_write_equal_files();
    windows_may_be_cut_anywhere();
    gaps_are_missing_values();
    resumed_runs_are_equal_bytes();
    rounding_never_hides_a_peak();
    intervals_end_where_they_should();
    large_texts_and_arrays();
    foreign_files_are_named();
    foreign_shapes_are_refused();
    killed_runs_leave_readable_files();
    a_full_disk();
    char command[300];
    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0);
    return check_failures != 0;
}
