// How fast replicas are simulated: `bench_serving [--json] [seconds [name]]`; a name measures that line alone.
//
// Lengths like the Azure 2023 conversation trace (log-normal stand-ins, means 1155 in and 211 out), a step cost like
// Llama-3.1-8B on one H200 (weights 16 GB and 131 kB a token of context at 4 TB/s, 0.4 PFLOP/s of prefill), Poisson
// arrivals at 70 % of what one replica sustains. Lines named h200 take the step model of that model and chip from the
// calibration tables instead. Rates are per second of processor time.
#include "models/workload/engine.h"
#include "models/workload/workload.h"
#include "sim/random.h"
#include "tests/workload/step_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// What each level of the clock comes to is worked out beforehand, so that the source takes next to no time.
typedef struct Affine {
    double clock[TW_LEVELS], token_ns[TW_LEVELS];
} Affine;
static Affine affine_cost;

static void affine_step(const void *context, int level, const TwBatch *b, TwStep *step)
{
    const Affine *cost = context;
    double memory_ns = 4.0e6 + 5000.0 * b->decodes, compute_ns = cost->token_ns[level] * b->tokens;
    double longer_ns = memory_ns > compute_ns ? memory_ns : compute_ns;
    step->time_ns = (TwAffine){longer_ns + 1e6 + 0.0006 * (double)b->chunk_square, 33.0, 0.0012};
    step->energy_nj = (TwAffine){step->time_ns.base * 450.0 * cost->clock[level], 33.0 * 500.0, 0.0012 * 650.0};
    step->context_end = step->history_end = INT64_MAX;
}

static TwStepSource affine_source(void)
{
    TwStepSource source = {.context = &affine_cost, .step = affine_step, .idle_w = 115.0};
    for (int level = 0; level < TW_LEVELS; level++) {
        double clock = 0.4 + 0.6 * level / (TW_LEVELS - 1);
        source.level_clock[level] = affine_cost.clock[level] = clock;
        affine_cost.token_ns[level] = 40.0 * 1000.0 / clock;
    }
    return source;
}

// Requests are drawn beforehand, a ring a cell, so that the engine alone is timed.
enum { TABLE = 1 << 16 };
typedef struct Draw {
    float gap;    // of mean 1
    int32_t input, output;
    uint32_t session;
} Draw;
static Draw table[TABLE];

typedef struct Source {
    TwSlot cursor;
    double gap_ns;
    bool talks;
} Source;
enum { TALKS = 256 };
typedef struct Talk {
    uint64_t stream;
    int32_t length;
} Talk;
typedef struct Cursor {
    int64_t next_ns;
    uint32_t count, offset;
    Talk talk[TALKS];
} Cursor;

static int64_t peek(const void *context, const void *block, int cell)
{
    return ((const Cursor *)tw_at_const(block, ((const Source *)context)->cursor))[cell].next_ns;
}

static void pop(const void *context, void *block, int cell, TwRequest *request)
{
    const Source *s = context;
    Cursor *c = (Cursor *)tw_at(block, s->cursor) + cell;
    const Draw *d = &table[(c->count + c->offset) % TABLE];
    request->arrival_ns = c->next_ns;
    request->input_tokens = d->input;
    request->output_tokens = d->output;
    request->id = c->count++;
    request->service = request->priority = 0;
    request->tenant = 0;
    request->session = request->turn = 0;
    request->patience_ns = 0;
    request->content.count = 0;
    c->next_ns += (int64_t)(d->gap * s->gap_ns) + 1;
    if (!s->talks) return;
    // what all prompts begin with, then a conversation: a new one, or a turn of one that is not over
    Talk *talk = &c->talk[d->session % TALKS];
    if (d->input < talk->length + 150 || (d->session >> 8 & 3) == 0)
        *talk = (Talk){tw_content_stream((uint64_t)cell + 2, request->id), 0};
    int32_t fixed = d->input < 129 ? d->input - 1 : 128;
    request->content.list = 0;
    request->content.output_stream = talk->stream;
    request->content.output_start = d->input - fixed;
    request->content.count = fixed > 0 ? 2 : 1;
    request->content.segment[0] = (TwSegment){1, 0, fixed};
    request->content.segment[fixed > 0] = (TwSegment){talk->stream, 0, d->input - fixed};
    talk->length = d->input + d->output;
}

static int length(double u, double median, double sigma, int most)
{
    double x = median * exp(sigma * tw_normal_quantile(u));
    return x < 1.0 ? 1 : x > most ? most : (int)x;
}

static void fill_table(void)
{
    TwStream stream = tw_stream(1, "bench");
    for (uint64_t k = 0; k < TABLE; k++) {
        table[k].gap = (float)-log(tw_random(stream, k, 0, TW_PURPOSE_ARRIVAL));
        table[k].input = length(tw_random(stream, k, 0, TW_PURPOSE_INPUT), 800.0, 0.86, 14000);
        table[k].session = (uint32_t)(tw_random(stream, k, 0, TW_PURPOSE_SESSION) * 4294967296.0);
        table[k].output = length(tw_random(stream, k, 0, TW_PURPOSE_OUTPUT), 150.0, 0.83, 2000);
    }
}

static void line(bool json, const char *name, double value, const char *unit)
{
    if (json)
        printf("%s\"%s\": %.6g", strcmp(name, "first") == 0 ? "" : ", ", name, value);
    else
        printf("%-40s %.6g %s\n", name, value, unit);
}

// One core's time, whatever else the machine does.
static double cpu_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static const char *only;    // the one line that is wanted; NULL: all

static void measure(bool json, const char *name, const TwStepSource *source, int replicas, int cells, int max_tokens,
                    const char *router, double rate_s, double cap_w, bool talks, double seconds)
{
    static const char *const kinds[] = {"requests", "batch_changes", "iterations"};
    if (only && strcmp(only, name) != 0) return;
    TwLayout layout = {0};
    Source traffic = {tw_layout_add(&layout, (size_t)cells, sizeof(Cursor)), 1e9 / (rate_s * replicas / cells), talks};
    const TwEngineSpec further = {.prefix_cache = talks};
    const TwRequestSource requests = {.context = &traffic, .peek = peek, .pop = pop};
    int *rack = calloc((size_t)replicas, sizeof *rack), *cell = calloc((size_t)replicas, sizeof *cell);
    if (!rack || !cell) exit(5);
    for (int i = 0; i < replicas; i++) cell[i] = i / (replicas / cells);
    const TwPoolSpec pool = {.name = "bench",
                             .step = source,
                             .replica_count = replicas,
                             .replica_rack = rack,
                             .replica_cell = cell,
                             .cell_count = cells,
                             .max_tokens = max_tokens,
                             .max_sequences = 256,
                             .block_tokens = 16,
                             .kv_blocks = 50000,
                             .queue_max = 512,
                             .router = router,
                             .ttft_slo_s = 1.0,
                             .tpot_slo_s = 0.05,
                             .seed = 1,
                             .source = &requests,
                             .engine = &further};
    const TwWorkloadSpec spec = {1, 1, &pool, 0, 1};
    TwErrors *errors = tw_errors_create();
    TwWorkload *workload;
    if (!tw_workload_create(&workload, &spec, &layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(3);
    }
    void *block = tw_block_create(&layout);
    tw_workload_start(workload, block);
    for (int k = 0; k < cells; k++)
        ((Cursor *)tw_at(block, traffic.cursor))[k] = (Cursor){.offset = (uint32_t)k * 7919u};

    double clock = 1.0, cap = cap_w * replicas, joules, demand, tokens, kv;
    bool on = true;
    const TwWorkloadIn in = {&clock, &cap, &on, NULL, NULL, NULL};
    const TwWorkloadOut out = {&joules, &demand, &tokens, &kv};
    TwWorkloadOut window = out;
    int64_t now = 0, second = 1000000000;
    TwWorkloadTotals before, after;
    int64_t warm = (replicas > 1000 ? 10 : 60) * second;
    for (; now < warm; now += second) tw_workload_advance(workload, block, &in, now, now + second, &window);
    tw_workload_totals(workload, block, -1, &before);
    double begun = cpu_s(), spent;
    int64_t from = now;
    do {
        for (int k = 0; k < 10; k++, now += second)
            tw_workload_advance(workload, block, &in, now, now + second, &window);
        spent = cpu_s() - begun;
    } while (spent < seconds);
    tw_workload_totals(workload, block, -1, &after);

    char text[80];
    const double amount[] = {(double)(after.completed - before.completed),
                             (double)(after.batch_changes - before.batch_changes),
                             (double)(after.iterations - before.iterations)};
    for (int k = 0; k < 3; k++) {
        snprintf(text, sizeof text, "%s_%s_per_s", name, kinds[k]);
        line(json, text, amount[k] / spent, "1/s");
    }
    snprintf(text, sizeof text, "%s_ns_per_batch_change", name);
    line(json, text, spent * 1e9 / amount[1], "ns");
    snprintf(text, sizeof text, "%s_replica_seconds_per_s", name);
    line(json, text, (double)(now - from) * 1e-9 * replicas / spent, "1");
    snprintf(text, sizeof text, "%s_busy_share", name);
    line(json, text, (after.busy_s - before.busy_s) / ((double)(now - from) * 1e-9) / replicas, "1");
    snprintf(text, sizeof text, "%s_running_mean", name);
    line(json, text, (double)after.running / replicas, "1");
    if (talks) {
        snprintf(text, sizeof text, "%s_prompt_tokens_found", name);
        line(json, text,
             (double)(after.prompt_tokens_hit - before.prompt_tokens_hit) /
                 (double)(after.prompt_tokens_looked_up - before.prompt_tokens_looked_up),
             "1");
    }
    snprintf(text, sizeof text, "%s_bytes_per_replica", name);
    line(json, text, (double)workload->state_bytes / replicas, "B");
    snprintf(text, sizeof text, "%s_bytes_per_slot", name);
    line(json, text, (double)workload->state_bytes / replicas / (2 * 256 + 512), "B");
    if (after.rejected > 0)
        fprintf(stderr, "%s: %lld of %lld requests were rejected\n", name, (long long)after.rejected,
                (long long)after.arrived);
    tw_block_destroy(block);
    tw_workload_destroy(workload);
    tw_errors_destroy(errors);
    free(rack);
    free(cell);
}

int main(int argc, char **argv)
{
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    double seconds = argc > 1 + json ? atof(argv[1 + json]) : 2.0;
    if (argc > 2 + json) only = argv[2 + json];
    fill_table();
    double input = 0.0, output = 0.0;
    for (int k = 0; k < TABLE; k++) input += table[k].input, output += table[k].output;
    if (json) printf("{");
    line(json, json ? "first" : "input_mean", input / TABLE, "tokens");
    line(json, "output_mean", output / TABLE, "tokens");
    const TwStepSource affine = affine_source();
    measure(json, "one", &affine, 1, 1, 8192, "round_robin", 12.0, INFINITY, false, seconds);
    measure(json, "one_prefix", &affine, 1, 1, 8192, "round_robin", 12.0, INFINITY, true, seconds);
    measure(json, "kv_aware_64", &affine, 64, 1, 8192, "kv_aware", 12.0, INFINITY, true, seconds);
    measure(json, "one_2048", &affine, 1, 1, 2048, "round_robin", 12.0, INFINITY, false, seconds);
    measure(json, "one_capped", &affine, 1, 1, 8192, "round_robin", 9.0, 420.0, false, seconds);
    measure(json, "least_loaded_64", &affine, 64, 1, 8192, "least_loaded", 12.0, INFINITY, false, seconds);
    measure(json, "power_of_two_64", &affine, 64, 1, 8192, "power_of_two", 12.0, INFINITY, false, seconds);
    measure(json, "round_robin_64", &affine, 64, 1, 8192, "round_robin", 12.0, INFINITY, false, seconds);
    measure(json, "hall_10816", &affine, 10816, 169, 8192, "least_loaded", 12.0, INFINITY, false, seconds);

    Fixture f;
    if (!fixture_open(&f, "h200_sxm", "llama-3.1-8b", "bf16", 1)) return 1;
    TwStepModel *h200 = fixture_model(&f);
    if (!h200) return 1;
    measure(json, "h200_one", &h200->source, 1, 1, 8192, "round_robin", 12.0, INFINITY, false, seconds);
    measure(json, "h200_one_capped", &h200->source, 1, 1, 8192, "round_robin", 9.0, 550.0, false, seconds);
    measure(json, "h200_least_loaded_64", &h200->source, 64, 1, 8192, "least_loaded", 12.0, INFINITY, false, seconds);
    measure(json, "h200_round_robin_64", &h200->source, 64, 1, 8192, "round_robin", 12.0, INFINITY, false, seconds);
    tw_step_destroy(h200);
    fixture_close(&f);
    if (json) printf("}\n");
    return 0;
}
