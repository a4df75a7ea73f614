#include "models/workload/trace_inner.h"

#include "models/workload/traffic.h"
#include "tests/check.h"

#include <stdint.h>
#include <unistd.h>
#include <zlib.h>

// A file of some text for one test; returns its path.
static const char *write_file(const char *text, size_t length)
{
    static char path[64];
    snprintf(path, sizeof path, "test_trace_%d.tmp", (int)getpid());
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text, 1, length, file) != length || fclose(file) != 0) abort();
    return path;
}

static TwTrace *read_text(const char *text, TwTraceOptions options, TwError *error)
{
    TwTrace *trace;
    const char *path = write_file(text, strlen(text));
    bool ok = tw_trace_read(&trace, path, &options, error);
    remove(path);
    CHECK(ok == (trace != NULL));
    return trace;
}

static void expect_error(const char *text, int line, int column, const char *part)
{
    TwError error = {0};
    TwTrace *trace = read_text(text, (TwTraceOptions){0}, &error);
    CHECK(trace == NULL);
    CHECK(error.line == line && error.column == column);
    if (error.line != line || error.column != column) tw_error_print(&error, stderr);
    CHECK_HOLDS(error.text, part);
    tw_trace_destroy(trace);
}

static const char *reference(const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/traces/inference/%s", check_data(), name);
    return path;
}

// Text to nanoseconds, exactly: nine digits fit, a leap day, the year's turn, a T and a zone.
static void times_are_exact(void)
{
    TwTrace *trace = read_text("TIMESTAMP,ContextTokens,GeneratedTokens\n"
                               "2024-02-28 23:59:59.999999999,10,1\n"
                               "2024-02-29T00:00:00Z,10,1\n"
                               "2024-02-29 00:00:00.5+00:00,10,1\n",
                               (TwTraceOptions){0}, NULL);
    CHECK(trace->rows == 3 && trace->format == TW_TRACE_AZURE);
    CHECK(trace->first_ns == INT64_C(1709164799999999999));    // date -u -d 2024-02-28T23:59:59 +%s gives 1709164799
    CHECK(trace->arrival_ns[1] == 1 && trace->arrival_ns[2] == 500000001);
    char utc[40];
    tw_trace_utc(trace->first_ns, utc);
    CHECK_TEXT(utc, "2024-02-28 23:59:59.999999999");
    tw_trace_utc(trace->first_ns + 1, utc);
    CHECK_TEXT(utc, "2024-02-29 00:00:00.000000");
    tw_trace_destroy(trace);
}

// T4: columns are found by name; a response of 0 is a failed request.
static void burstgpt_with_six_and_eight_columns(void)
{
    const char *six = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                      "5,ChatGPT,472,18,490,Conversation log\n"
                      "45,ChatGPT,1087,0,1087,Conversation log\n"
                      "118.5,GPT-4,417,276,693,\"API, log\"\n";
    const char *eight = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                        "5,7,1.25,ChatGPT,472,18,490,Conversation log\n"
                        "45,,,ChatGPT,1087,0,1087,Conversation log\n"
                        "118.5,9,3,GPT-4,417,276,693,\"API, log\"\n";
    TwTrace *a = read_text(six, (TwTraceOptions){0}, NULL), *b = read_text(eight, (TwTraceOptions){0}, NULL);
    CHECK(a->format == TW_TRACE_BURSTGPT && b->format == TW_TRACE_BURSTGPT);
    CHECK(a->rows == 2 && b->rows == 2 && a->dropped_no_output == 1 && b->dropped_no_output == 1);
    for (int r = 0; r < 2; r++) {
        CHECK(a->arrival_ns[r] == b->arrival_ns[r] && a->input_tokens[r] == b->input_tokens[r]);
        CHECK(a->output_tokens[r] == b->output_tokens[r]);
    }
    CHECK(a->first_ns == INT64_C(5000000000) && a->arrival_ns[1] == INT64_C(113500000000));
    CHECK(a->input_tokens[1] == 417 && a->output_tokens[1] == 276);
    tw_trace_destroy(a);
    tw_trace_destroy(b);
}

static void mooncake_keys_in_any_order_with_others(void)
{
    TwTrace *trace = read_text(
        "{\"model\": \"a \\\"b\\\" {\", \"output_length\": 3, \"hash_ids\": [4, 5], \"extra\": [1, {\"x\": 2}], "
        "\"input_length\": 513, \"timestamp\": 27.5}\n"
        "{\"timestamp\":3027,\"input_length\":1024,\"output_length\":4,\"hash_ids\":[4,6]}",
        (TwTraceOptions){.keep_blocks = true}, NULL);
    CHECK(trace && trace->rows == 2 && trace->format == TW_TRACE_MOONCAKE);
    CHECK(trace->first_ns == 27500000 && trace->arrival_ns[1] == INT64_C(2999500000));
    CHECK(trace->block_start[0] == 0 && trace->block_start[1] == 2 && trace->block_start[2] == 4);
    CHECK(trace->block_id[0] == 4 && trace->block_id[1] == 5 && trace->block_id[3] == 6);
    tw_trace_destroy(trace);
}

// Windows line ends, a byte order mark and blank lines at the end change nothing; nor does gzip.
static void harmless_differences_are_accepted(void)
{
    const char *plain = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
                        "2023-11-16 18:15:50.9951690,396,109\n";
    const char *odd = "\xEF\xBB\xBFTIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n"
                      "2023-11-16 18:15:50.9951690,396,109\r\n\r\n\r\n";
    TwTrace *a = read_text(plain, (TwTraceOptions){0}, NULL), *b = read_text(odd, (TwTraceOptions){0}, NULL);
    CHECK(a && b && a->rows == 2 && b->rows == 2);
    CHECK(a->first_ns == b->first_ns && a->arrival_ns[1] == b->arrival_ns[1]);
    CHECK(b->arrival_ns[1] == INT64_C(4314579000) && b->output_tokens[1] == 109);

    const char *path = "test_trace_plain.gz";
    gzFile file = gzopen(path, "wb");
    CHECK(gzputs(file, plain) > 0 && gzclose(file) == Z_OK);
    TwTrace *c;
    TwError error = {0};
    CHECK(tw_trace_read(&c, path, &(TwTraceOptions){0}, &error));
    CHECK(c->rows == 2 && c->arrival_ns[1] == a->arrival_ns[1]);
    remove(path);
    tw_trace_destroy(a);
    tw_trace_destroy(b);
    tw_trace_destroy(c);
}

// rows late by up to a minute are put in order, equal times stay as they were
static void late_rows_are_sorted(void)
{
    TwTrace *trace =
        read_text("{\"timestamp\": 60000, \"input_length\": 600, \"output_length\": 1, \"hash_ids\": [1, 2]}\n"
                  "{\"timestamp\": 0, \"input_length\": 20, \"output_length\": 2, \"hash_ids\": [3]}\n"
                  "{\"timestamp\": 60000, \"input_length\": 30, \"output_length\": 3, \"hash_ids\": [4]}\n",
                  (TwTraceOptions){.keep_blocks = true}, NULL);
    CHECK(trace && trace->reordered == 1 && trace->first_ns == 0);
    CHECK(trace->output_tokens[0] == 2 && trace->output_tokens[1] == 1 && trace->output_tokens[2] == 3);
    CHECK(trace->block_start[1] == 1 && trace->block_start[2] == 3 && trace->block_id[0] == 3 &&
          trace->block_id[2] == 2);
    tw_trace_destroy(trace);
    expect_error("{\"timestamp\": 60001, \"input_length\": 10, \"output_length\": 1}\n"
                 "{\"timestamp\": 0, \"input_length\": 20, \"output_length\": 2}\n",
                 2, 0, "60.001 s before that of an earlier row, expected at most 60 s");
}

// Section 10: every bad row is named by line and column with what was found and expected.
static void bad_rows_are_named(void)
{
    const char *head = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    const struct {
        const char *row;
        int column;
        const char *part;
    } bad[] = {
        {"2023-11-16 18:15:46,12", 0, "2 fields, expected GeneratedTokens in field 3"},
        {"2023-11-16 18:15:46,,5", 21, "ContextTokens = \"\", expected a whole number"},
        {"2023-11-16 18:15:46,12,-5", 24, "GeneratedTokens = \"-5\""},
        {"2023-11-16 18:15:46,1.5,5", 21, "ContextTokens = \"1.5\""},
        {"2023-11-16 18:15:46,9999999999,5", 21, "0 to 1e+09"},
        {"2023-02-29 18:15:46,12,5", 1, "TIMESTAMP = \"2023-02-29 18:15:46\""},
        {"2023-11-16 24:15:46,12,5", 1, "TIMESTAMP"},
        {"2023-11-16 18:15:46.1234567891,12,5", 1, "TIMESTAMP"},
        {"yesterday,12,5", 1, "expected a time such as"},
        {"2023-11-16 18:15:46x,12,5", 1, "TIMESTAMP"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char text[512];
        snprintf(text, sizeof text, "%s2023-11-16 18:15:46,1,1\n%s\n", head, bad[k].row);
        expect_error(text, 3, bad[k].column, bad[k].part);
    }
    expect_error("{\"timestamp\": 1, \"input_length\": 5}\n", 1, 0, "no output_length in the row");
    expect_error("{\"timestamp\": -1, \"input_length\": 5, \"output_length\": 1}\n", 1, 15, "timestamp = \"-1\"");
    expect_error("{\"timestamp\": 1, \"input_length\": \"5\", \"output_length\": 1}\n", 1, 34, "input_length");
    expect_error("{\"timestamp\": 1, \"input_length\": 5, \"output_length\": 1\n", 1, 54, "output_length");
    expect_error("{\"timestamp\": 1, \"input_length\": 1000, \"output_length\": 1, \"hash_ids\": [1, x]}\n", 1, 76,
                 "hash_ids");
    expect_error("{\"timestamp\": 1, \"input_length\": 1000, \"output_length\": 1, \"hash_ids\": [1, 2, 3, 4]}\n", 1, 0,
                 "4 hash_ids for an input of 1000, expected 2 of 512 tokens; blocks of 256 would fit");
    expect_error("time,tokens\n1,2\n", 1, 0, "not a known trace");
    expect_error("", 1, 0, "empty");
    expect_error("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,0,1\n", 2, 0, "no rows with tokens");
    expect_error("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,3,1\n\n2023-11-16 18:15:46,3,1\n", 3, 0,
                 "blank line between rows");
}

static void rows_without_tokens_and_bad_rows_are_counted(void)
{
    const char *text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,0,1\n2023-11-16 18:15:47,5,0\n"
                       "broken\n2023-11-16 18:15:48,7,2\n";
    TwTrace *trace = read_text(text, (TwTraceOptions){.skip_bad_rows = 1}, NULL);
    CHECK(trace && trace->rows == 1 && trace->input_tokens[0] == 7);
    CHECK(trace->dropped_no_input == 1 && trace->dropped_no_output == 1 && trace->dropped_bad == 1);
    tw_trace_destroy(trace);
}

static void broken_files_are_named(void)
{
    TwTrace *trace;
    TwError error = {0};
    CHECK(!tw_trace_read(&trace, "no_such_trace.csv", &(TwTraceOptions){0}, &error));
    CHECK(error.status == TW_IO);
    CHECK_HOLDS(error.file, "no_such_trace.csv");

    // a gzip file without its second half
    static char half[1 << 16];
    const char *path = "test_trace_half.gz";
    gzFile file = gzopen(path, "wb");
    gzputs(file, "TIMESTAMP,ContextTokens,GeneratedTokens\n");
    for (int r = 0; r < 2000; r++)
        gzprintf(file, "2023-11-16 18:15:46.%09d,%d,%d\n", r * 7919, r * 31 % 997 + 1, r % 37 + 1);
    CHECK(gzclose(file) == Z_OK);
    FILE *whole = fopen(path, "rb");
    size_t bytes = fread(half, 1, sizeof half, whole);
    fclose(whole);
    remove(path);
    const char *cut = write_file(half, bytes / 2);
    CHECK(!tw_trace_read(&trace, cut, &(TwTraceOptions){0}, &error));
    CHECK_HOLDS(error.text, "broken gzip data near byte");
    remove(cut);
}

typedef struct Replay {
    TwTraffic *traffic;
    TwLayout layout;
    void *block;
} Replay;

static Replay open_replay(TwTrafficSpec spec)
{
    Replay replay = {0};
    TwError error = {0};
    spec.name = "replay";
    spec.arrival = "replay";
    if (!tw_traffic_create(&replay.traffic, &spec, &replay.layout, &error)) {
        tw_error_print(&error, stderr);
        exit(1);
    }
    replay.block = tw_block_create(&replay.layout);
    tw_traffic_start(replay.traffic, replay.block);
    return replay;
}

static void close_replay(Replay *replay)
{
    tw_block_destroy(replay->block);
    tw_traffic_destroy(replay->traffic);
}

// A lap begins one mean interval after the last row; a time scale of 2 halves all times; cells take rows in turn.
static void replay_loops_scales_and_deals(void)
{
    const char *text = "Timestamp,Request tokens,Response tokens\n10,1,11\n12,2,12\n16,3,13\n";
    const char *path = write_file(text, strlen(text));
    Replay plain = open_replay((TwTrafficSpec){.trace = path, .cells = 1});
    Replay looped = open_replay((TwTrafficSpec){.trace = path, .cells = 2, .time_scale = 2.0, .loop = true});
    remove(path);

    TwRequest request;
    const int64_t want_s[] = {0, 2, 6};
    for (int r = 0; r < 3; r++) {
        tw_traffic_pop(plain.traffic, plain.block, 0, &request);
        CHECK(request.arrival_ns == want_s[r] * 1000000000 && request.input_tokens == r + 1);
        CHECK(request.output_tokens == r + 11 && request.id == (uint32_t)r);
    }
    CHECK(tw_traffic_peek(plain.traffic, plain.block, 0) == INT64_MAX);
    CHECK(tw_traffic_rows(plain.traffic) == 3 && tw_traffic_rate_s(plain.traffic, 7.0) == 0.0);

    // scaled: 0, 1, 3 s; span 3 s and mean interval 1.5 s make a lap of 4.5 s
    const double lap[] = {0.0, 1.0, 3.0};
    for (int g = 0; g < 600; g++) {
        tw_traffic_pop(looped.traffic, looped.block, g % 2, &request);
        CHECK(request.arrival_ns == (int64_t)(1e9 * (4.5 * (g / 3) + lap[g % 3])));
        CHECK(request.input_tokens == g % 3 + 1 && request.id == (uint32_t)g);
    }
    CHECK_NEAR(tw_traffic_rate_s(looped.traffic, 1e6), 3.0 / 4.5, 1e-12);
    double input, output;
    CHECK(tw_traffic_mean_tokens(looped.traffic, &input, &output) && input == 2.0 && output == 12.0);
    close_replay(&plain);
    close_replay(&looped);
}

// T1: exact, for one cell and for seven.
static void azure_conversations_replay_exactly(void)
{
    for (int cells = 1; cells <= 7; cells += 6) {
        Replay replay = open_replay((TwTrafficSpec){.trace = reference("azure_llm_2023_conv.csv.gz"), .cells = cells});
        int64_t requests = 0, input = 0, output = 0, last_ns = 0;
        for (int c = 0; c < cells; c++)
            while (tw_traffic_peek(replay.traffic, replay.block, c) < INT64_MAX) {
                TwRequest request;
                tw_traffic_pop(replay.traffic, replay.block, c, &request);
                requests++;
                input += request.input_tokens;
                output += request.output_tokens;
                if (request.arrival_ns > last_ns) last_ns = request.arrival_ns;
            }
        CHECK(requests == 19366 && tw_traffic_rows(replay.traffic) == 19366);
        CHECK(input == 22361870 && output == 4088665);
        CHECK(last_ns == INT64_C(3501721937000));
        close_replay(&replay);
    }
    TwTrace *trace;
    CHECK(tw_trace_read(&trace, reference("azure_llm_2023_conv.csv.gz"), &(TwTraceOptions){0}, NULL));
    char utc[40];
    tw_trace_utc(trace->first_ns, utc);
    CHECK_TEXT(utc, "2023-11-16 18:15:46.680590");
    tw_trace_destroy(trace);
}

static const char *describe(const char *path, bool json)
{
    static char text[8192];
    FILE *stream = tmpfile();
    TwError error = {0};
    if (!tw_trace_describe(path, json, stream, &error)) tw_error_print(&error, stderr);
    rewind(stream);
    size_t bytes = fread(text, 1, sizeof text - 1, stream);
    text[bytes] = '\0';
    fclose(stream);
    return text;
}

static double member(const char *json, const char *group, const char *name)
{
    const char *at = strstr(json, group);
    at = at ? strstr(at, name) : NULL;
    at = at ? strchr(at + strlen(name), ':') : NULL;
    CHECK(at != NULL);
    return at ? strtod(at + 1, NULL) : NAN;
}

// T2
static void mooncake_counts_are_exact(void)
{
    const char *json = describe(reference("mooncake_fast25_conversation.jsonl.gz"), true);
    CHECK(member(json, "requests", "requests") == 12031.0);
    CHECK(member(json, "input_tokens", "sum") == 144793823.0);
    CHECK(member(json, "output_tokens", "sum") == 4122048.0);
    CHECK(member(json, "prefix", "\"blocks\"") == 288500.0);
    CHECK(member(json, "prefix", "unique_blocks") == 182790.0);
    CHECK_WITHIN(member(json, "prefix", "token_hit_fraction"), 0.373624, 1e-6);
    CHECK_WITHIN(member(json, "prefix", "block_hit_fraction"), 0.366412, 1e-6);
    CHECK_HOLDS(json, "\"set\": \"mooncake_conv\"");
}

// T5
static void describe_finds_the_known_figures(void)
{
    const char *json = describe(reference("azure_llm_2023_code.csv.gz"), true);
    CHECK_NEAR(member(json, "iat_cv", "iat_cv"), 13.151, 1e-3);
    CHECK_NEAR(member(json, "\"idc\"", "\"1_s\""), 13.19, 1e-3);
    CHECK_NEAR(member(json, "\"idc\"", "\"10_s\""), 71.6, 1e-3);
    CHECK_NEAR(member(json, "\"idc\"", "\"60_s\""), 164.0, 1e-3);
    CHECK_NEAR(member(json, "peak_over_mean", "\"1_s\""), 26.1, 1e-3);
    CHECK_NEAR(member(json, "empty_seconds_fraction", "empty_seconds_fraction"), 0.7339, 1e-3);
    CHECK_HOLDS(json, "\"set\": \"azure23_code\"");

    const char *text = describe(reference("azure_llm_2023_conv.csv.gz"), false);
    const char *const lines[] = {
        "azure_llm_2023_conv.csv.gz  Azure CSV  19366 rows, 0 dropped  58.4 min from 2023-11-16 18:15:46.680590 UTC\n",
        "requests   5.530 /s   peak/mean 2.89 (1 s) 1.52 (60 s) 1.32 (300 s)   empty seconds 1.1 %\n",
        "bursts     IAT CV 1.094   IDC 1.39 (1 s) 3.86 (10 s) 16.1 (60 s) 56.1 (300 s)\n",
        "  input        181      207     1020     2735     4142    1154.7     22361870\n",
        "  output        41       54      129      424      601     211.1      4088665   in:out 5.47   ",
        "   rank correlation 0.07\n",
        "prefix     no block ids\n",
        "like       azure23_conv (largest KS 0.07)\n"};
    for (size_t k = 0; k < sizeof lines / sizeof *lines; k++) CHECK_HOLDS(text, lines[k]);
}

// A trace so short that no window is whole says so instead of dividing by zero.
static void a_single_row_is_described(void)
{
    const char *text = "Timestamp,Request tokens,Response tokens\n10,100,11\n";
    const char *path = write_file(text, strlen(text));
    const char *json = describe(path, true);
    remove(path);
    CHECK_HOLDS(json, "\"requests\": 1");
    CHECK_HOLDS(json, "\"rate_s\": null");
    CHECK_HOLDS(json, "\"rank_correlation\": null");
}

// Arrays that outgrow the heap go on in a file: what was there stays, small and large.
static void large_arrays_keep_what_they_hold(void)
{
    int64_t *array = NULL;
    const int64_t sizes[] = {1000, 40000000, 90000000, 90000001};
    for (int k = 0; k < 4; k++) {
        array = tw_trace_grow(array, sizes[k], sizeof *array);
        for (int j = 0; j < k; j++) CHECK(array[sizes[j] - 1] == sizes[j]);
        array[sizes[k] - 1] = sizes[k];
    }
    tw_trace_free(array);
    tw_trace_free(NULL);
}

int main(void)
{
    large_arrays_keep_what_they_hold();
    times_are_exact();
    burstgpt_with_six_and_eight_columns();
    mooncake_keys_in_any_order_with_others();
    harmless_differences_are_accepted();
    late_rows_are_sorted();
    bad_rows_are_named();
    rows_without_tokens_and_bad_rows_are_counted();
    broken_files_are_named();
    replay_loops_scales_and_deals();
    a_single_row_is_described();
    if (check_data()) {
        azure_conversations_replay_exactly();
        mooncake_counts_are_exact();
        describe_finds_the_known_figures();
    } else {
        printf("reference data not found: T1, T2 and T5 left out\n");
    }
    return check_failures != 0;
}
