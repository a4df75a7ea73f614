#include "models/workload/content.h"
#include "models/workload/trace_inner.h"
#include "sim/file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// ids of blocks

// The prompt of a call of a session trace: what it keeps of the first stream, then the stream it is in.
void tw_trace_content(const TwTrace *trace, int64_t row, int64_t lap, TwContent *content)
{
    const TwTraceCall *call = &trace->call[row];
    *content = (TwContent){0};
    int32_t input = trace->input_tokens[row], kept = call->generation > 0 ? call->kept : 0;
    if (kept > input) kept = input;
    uint64_t who = (uint64_t)(uint32_t)call->session << 32 | (uint32_t)call->agent;
    if (lap > 0) who = tw_content_mix(who, (uint64_t)lap);
    if (kept > 0) content->segment[content->count++] = (TwSegment){tw_content_stream(who, 0), 0, kept};
    if (input > kept)
        content->segment[content->count++] =
            (TwSegment){tw_content_stream(who, (uint64_t)call->generation), kept, input - kept};
}

void tw_trace_replayed(const TwTrace *trace, int64_t row, int64_t lap, TwContent *content)
{
    *content = (TwContent){0};
    if (!trace->block_start) {
        if (trace->call) tw_trace_content(trace, row, lap, content);
        return;
    }
    if (lap > 0) return;
    content->count = (int32_t)(trace->block_start[row + 1] - trace->block_start[row]);
    content->list = 1 + trace->block_start[row];
}

bool tw_trace_shares(const TwTrace *trace) { return trace->block_start || trace->call; }

int64_t tw_content_blocks(const TwContent *content, int32_t input, int block_tokens, uint64_t own, uint64_t *id)
{
    TwRuns runs = tw_runs(content, NULL, own, input, 0);
    TwRun run;
    int64_t count = 0;
    int32_t end = block_tokens < input ? block_tokens : input;
    while (tw_runs_next(&runs, &run)) {
        while (end <= run.end && end > run.begin) {
            id[count++] = tw_run_hash(run.base, end - run.begin);
            if (end == input) return count;
            end = end + block_tokens < input ? end + block_tokens : input;
        }
    }
    return count;
}

bool tw_trace_expand(TwTrace *trace, int block_tokens)
{
    if (trace->block_start) return true;
    if (!trace->call) return false;
    int64_t blocks = 0;
    trace->block_start = tw_trace_grow(NULL, trace->rows + 1, sizeof *trace->block_start);
    for (int64_t r = 0; r < trace->rows; r++) {
        trace->block_start[r] = blocks;
        blocks += (trace->input_tokens[r] + block_tokens - 1) / block_tokens;
    }
    trace->block_start[trace->rows] = blocks;
    trace->block_tokens = block_tokens;
    trace->block_id = tw_trace_grow(NULL, blocks + 1, sizeof *trace->block_id);
    for (int64_t r = 0; r < trace->rows; r++) {
        TwContent content;
        tw_trace_content(trace, r, 0, &content);
        (void)tw_content_blocks(&content, trace->input_tokens[r], block_tokens, 1,
                                trace->block_id + trace->block_start[r]);
    }
    return true;
}

// writing

// Ids by the order in which they first came: small numbers that compress well.
typedef struct Numbers {
    uint64_t *key;    // id + 1; 0: empty
    int64_t *number;
    uint64_t mask;
    int64_t count;
} Numbers;

static int64_t number_of(Numbers *n, uint64_t id)
{
    uint64_t key = id + 1 ? id + 1 : 1, at = (key * 0x9e3779b97f4a7c15u) >> 20;
    while (n->key[at & n->mask] != 0 && n->key[at & n->mask] != key) at++;
    at &= n->mask;
    if (n->key[at] == 0) {
        n->key[at] = key;
        n->number[at] = n->count++;
    }
    return n->number[at];
}

typedef struct Out {
    gzFile gzip;
    FILE *file;
    bool failed;
} Out;

__attribute__((format(printf, 2, 3))) static void say(Out *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (length < 0 || (size_t)length >= sizeof text) abort();
    if (out->gzip ? gzwrite(out->gzip, text, (unsigned)length) != length
                  : fwrite(text, 1, (size_t)length, out->file) != (size_t)length)
        out->failed = true;
}

static void write_mooncake(const TwTrace *trace, Out *out)
{
    Numbers n = {0};
    if (trace->block_start) {
        uint64_t size = 64;
        while (size < 2 * (uint64_t)trace->block_start[trace->rows]) size *= 2;
        n = (Numbers){calloc(size, sizeof *n.key), calloc(size, sizeof *n.number), size - 1, 0};
        if (!n.key || !n.number) abort();
    }
    for (int64_t r = 0; r < trace->rows; r++) {
        int64_t ns = trace->arrival_ns[r];
        say(out, "{\"timestamp\": %lld", (long long)(ns / 1000000));
        if (ns % 1000000) say(out, ".%06d", (int)(ns % 1000000));
        say(out, ", \"input_length\": %d, \"output_length\": %d", trace->input_tokens[r], trace->output_tokens[r]);
        if (trace->block_start) {
            say(out, ", \"hash_ids\": [");
            for (int64_t b = trace->block_start[r]; b < trace->block_start[r + 1]; b++)
                say(out, b > trace->block_start[r] ? ", %lld" : "%lld", (long long)number_of(&n, trace->block_id[b]));
            say(out, "]");
        }
        say(out, "}\n");
    }
    free(n.key);
    free(n.number);
}

static void write_azure(const TwTrace *trace, Out *out)
{
    say(out, trace->images ? "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
                           : "TIMESTAMP,ContextTokens,GeneratedTokens\n");
    // a trace without a date begins with 2026
    int64_t first = trace->format == TW_TRACE_AZURE ? trace->first_ns : INT64_C(1767225600000000000);
    for (int64_t r = 0; r < trace->rows; r++) {
        char utc[40];
        tw_trace_utc(first + trace->arrival_ns[r], utc);
        say(out, "%s,", utc);
        if (trace->images) say(out, "%d,", trace->images[r]);
        say(out, "%d,%d\n", trace->input_tokens[r], trace->output_tokens[r]);
    }
}

static void write_burstgpt(const TwTrace *trace, Out *out)
{
    say(out, "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n");
    for (int64_t r = 0; r < trace->rows; r++)
        say(out, "%.9f,unknown,%d,%d,%d,API log\n", 1e-9 * (double)trace->arrival_ns[r], trace->input_tokens[r],
            trace->output_tokens[r], trace->input_tokens[r] + trace->output_tokens[r]);
}

// Calls of one session and agent stand together, in order.
static int by_call(const void *a, const void *b)
{
    const TwTraceCall *const *x = a, *const *y = b;
    if ((*x)->session != (*y)->session) return (*x)->session < (*y)->session ? -1 : 1;
    if ((*x)->agent != (*y)->agent) return (*x)->agent < (*y)->agent ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

static void write_sessions(const TwTrace *trace, Out *out)
{
    say(out, "session,agent,turn,t_s,model,stop,in_tokens,hit_tokens,out_tokens,think_s,api_s,ttft_s\n");
    const TwTraceCall **order = tw_trace_grow(NULL, trace->rows, sizeof *order);
    for (int64_t r = 0; r < trace->rows; r++) order[r] = &trace->call[r];
    qsort(order, (size_t)trace->rows, sizeof *order, by_call);
    for (int64_t k = 0; k < trace->rows; k++) {
        int64_t r = order[k] - trace->call;
        const TwTraceCall *c = order[k];
        say(out, "%d,%d,%d,%.3f,,%c,%d,%d,%d,%.3f,,\n", c->session, c->agent, c->turn,
            1e-9 * (double)trace->arrival_ns[r], c->stop, trace->input_tokens[r], c->hit_tokens,
            trace->output_tokens[r], (double)c->think_s);
    }
    tw_trace_free(order);
}

bool tw_trace_write(const TwTrace *trace, const char *path, TwTraceFormat format, char *lost, size_t size,
                    TwError *error)
{
    bool sessions = trace->call != NULL, blocks = trace->block_start != NULL;
    snprintf(lost, size, "%s%s%s", trace->images && format != TW_TRACE_AZURE ? "numbers of images; " : "",
             format != TW_TRACE_SESSIONS && sessions ? "sessions, gaps and stops; " : "",
             format != TW_TRACE_MOONCAKE && blocks && !(format == TW_TRACE_SESSIONS && sessions) ? "shared blocks; "
                                                                                                 : "");
    if (format == TW_TRACE_SESSIONS && !sessions)
        return tw_fail(error, TW_BAD_INPUT, "%s: a session trace needs sessions, which the input does not have", path);

    size_t length = strlen(path);
    bool named = strcmp(path, "-") != 0;
    TwFile file;
    if (named && !tw_file_create(&file, path, error)) return false;
    Out out = {.file = named ? file.stream : stdout};
    if (length > 3 && strcmp(path + length - 3, ".gz") == 0) {
        out.gzip = gzdopen(dup(fileno(file.stream)), "wb6");
        if (!out.gzip) abort();
    }
    switch (format) {
    case TW_TRACE_MOONCAKE:
        write_mooncake(trace, &out);
        break;
    case TW_TRACE_AZURE:
        write_azure(trace, &out);
        break;
    case TW_TRACE_BURSTGPT:
        write_burstgpt(trace, &out);
        break;
    case TW_TRACE_SESSIONS:
        write_sessions(trace, &out);
        break;
    }
    if (out.gzip && gzclose(out.gzip) != Z_OK) out.failed = true;
    if (!named && fflush(stdout) != 0) out.failed = true;
    bool good = !out.failed || (named && !out.gzip);    // of a plain file the stream knows, and why
    if (!good) tw_fail(error, TW_IO, "%s: cannot be written", path);
    return named ? tw_file_finish(&file, good, error) : good;
}
