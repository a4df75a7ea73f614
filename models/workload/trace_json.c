#include "models/workload/content.h"
#include "models/workload/trace_inner.h"

#include <string.h>

static const char *skip_string(const char *p)    // from the opening quote to after the closing one
{
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
}

static const char *skip_value(const char *p)
{
    int depth = 0;
    for (; *p; p++) {
        if (*p == '"') {
            p = skip_string(p) - 1;
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']')) return p;
        if (*p == '[' || *p == '{') depth++;
        if (*p == ']' || *p == '}') depth--;
    }
    return p;
}

static bool json_blocks(TwTraceReader *reader, const char *line, const char **p)
{
    if (**p != '[') return tw_trace_fail(reader, (int)(*p - line) + 1, "hash_ids", *p, strlen(*p), "a list of numbers");
    const char *at = tw_trace_blanks(*p + 1);
    while (*at != ']') {
        int64_t id;
        const char *after = tw_trace_decimal(at, 0, &id);
        if (!after || id < 0)
            return tw_trace_fail(reader, (int)(at - line) + 1, "hash_ids", at, strlen(at), "whole numbers");
        if (reader->blocks == reader->block_room) {
            reader->block_room = reader->block_room ? 2 * reader->block_room : 65536;
            reader->trace->block_id = tw_trace_grow(reader->trace->block_id, reader->block_room, sizeof(uint64_t));
        }
        reader->trace->block_id[reader->blocks++] = (uint64_t)id;
        at = tw_trace_blanks(after);
        if (*at == ',')
            at = tw_trace_blanks(at + 1);
        else if (*at != ']')
            return tw_trace_fail(reader, (int)(at - line) + 1, "hash_ids", at, strlen(at), "',' or ']'");
    }
    *p = at + 1;
    return true;
}

static bool json_number(const TwTraceReader *reader, const char *line, const char **p, const char *name, int places,
                        int64_t *value)
{
    const char *after = tw_trace_decimal(*p, places, value);
    const char *then = after ? tw_trace_blanks(after) : NULL;
    if (!then || (*then != ',' && *then != '}') || *value < 0)
        return tw_trace_fail(reader, (int)(*p - line) + 1, name, *p, (size_t)(skip_value(*p) - *p),
                             places ? "milliseconds, 0 or more" : "a whole number, 0 or more");
    if (places == 0 && *value > 1000000000)
        return tw_trace_fail(reader, (int)(*p - line) + 1, name, *p, (size_t)(after - *p), "at most 1e+09");
    *p = then;
    return true;
}

static bool json_row(TwTraceReader *reader, const char *line, TwTraceRow *row, bool *has_blocks)
{
    enum { TIME = 1, INPUT = 2, OUTPUT = 4 };
    unsigned seen = 0;
    const char *p = tw_trace_blanks(line);
    if (*p != '{') return tw_trace_fail(reader, 1, "row", line, strlen(line), "a JSON object");
    p = tw_trace_blanks(p + 1);
    while (*p == '"') {
        const char *key = p;
        p = skip_string(p);
        size_t length = (size_t)(p - key);
        p = tw_trace_blanks(p);
        if (*p != ':') return tw_trace_fail(reader, (int)(p - line) + 1, "row", p, strlen(p), "':' after a key");
        p = tw_trace_blanks(p + 1);
        bool ok = true;
        if (strncmp(key, "\"timestamp\"", length) == 0 && length == 11) {
            ok = json_number(reader, line, &p, "timestamp", 6, &row->time_ns);    // ms to ns
            seen |= TIME;
        } else if (strncmp(key, "\"input_length\"", length) == 0 && length == 14) {
            ok = json_number(reader, line, &p, "input_length", 0, &row->input);
            seen |= INPUT;
        } else if (strncmp(key, "\"output_length\"", length) == 0 && length == 15) {
            ok = json_number(reader, line, &p, "output_length", 0, &row->output);
            seen |= OUTPUT;
        } else if (strncmp(key, "\"hash_ids\"", length) == 0 && length == 10) {
            ok = json_blocks(reader, line, &p);
            *has_blocks = true;
        } else {
            p = skip_value(p);
        }
        if (!ok) return false;
        p = tw_trace_blanks(p);
        if (*p != ',') break;
        p = tw_trace_blanks(p + 1);
    }
    if (*p != '}') return tw_trace_fail(reader, (int)(p - line) + 1, "row", p, strlen(p), "'}' or another key");
    p = tw_trace_blanks(p + 1);
    if (*p) return tw_trace_fail(reader, (int)(p - line) + 1, "row", p, strlen(p), "one object a line");
    if (seen == (TIME | INPUT | OUTPUT)) return true;
    const char *missing = !(seen & TIME) ? "timestamp" : !(seen & INPUT) ? "input_length" : "output_length";
    return tw_fail_at(reader->error, reader->path, reader->line, 0, "no %s in the row", missing);
}

// the number of ids must fit the input; the message guesses what block they were made with
static bool check_blocks(const TwTraceReader *reader, const TwTraceRow *row, int64_t count)
{
    int64_t tokens = reader->options.block_tokens, want = (row->input + tokens - 1) / tokens;
    if (count == want) return true;
    int64_t likely = 0;
    for (int64_t b = 1; b <= 4096 && likely == 0; b *= 2)
        if ((row->input + b - 1) / b == count) likely = b;
    if (likely)
        return tw_fail_at(reader->error, reader->path, reader->line, 0,
                          "%lld hash_ids for an input of %lld, expected %lld of %lld tokens; blocks of %lld would fit",
                          (long long)count, (long long)row->input, (long long)want, (long long)tokens,
                          (long long)likely);
    return tw_fail_at(reader->error, reader->path, reader->line, 0,
                      "%lld hash_ids for an input of %lld, expected %lld of %lld tokens", (long long)count,
                      (long long)row->input, (long long)want, (long long)tokens);
}

bool tw_trace_json_row(TwTraceReader *reader, const char *line, TwTraceRow *row, bool *any_blocks)
{
    int64_t from = reader->blocks;
    bool has_blocks = false;
    if (!json_row(reader, line, row, &has_blocks)) return false;
    if (has_blocks && !check_blocks(reader, row, reader->blocks - from)) return false;
    *any_blocks |= has_blocks;
    return true;
}

// ---- sessions -------------------------------------------------------------------------------------------------------

enum { SESSION_BLOCK = 64, DEEPEST = 8, SUB_AGENTS = 4096 };

typedef struct Agents {
    TwTraceReader *reader;
    TwTraceAdd *add;
    bool *any_blocks;
    int32_t session, count;
    int64_t begins_ns;    // of the session
} Agents;

// The value of a key of the object at `object`; NULL: it has none.
static const char *member(const char *object, const char *key)
{
    size_t length = strlen(key);
    const char *p = tw_trace_blanks(object);
    if (*p != '{') return NULL;
    p = tw_trace_blanks(p + 1);
    while (*p == '"') {
        const char *name = p + 1, *end = skip_string(p) - 1;
        bool mine = (size_t)(end - name) == length && memcmp(name, key, length) == 0;
        p = tw_trace_blanks(end + 1);
        if (*p != ':') return NULL;
        p = tw_trace_blanks(p + 1);
        if (mine) return p;
        p = tw_trace_blanks(skip_value(p));
        if (*p != ',') return NULL;
        p = tw_trace_blanks(p + 1);
    }
    return NULL;
}

bool tw_trace_is_session(const char *line)
{
    const char *list = member(line, "requests");
    return list && *list == '[';
}

// A number of a call; standard where it is absent, an error where standard is below 0.
static bool number_in(const Agents *a, const char *line, const char *call, const char *key, int places,
                      int64_t standard, int64_t *value)
{
    const char *p = member(call, key);
    *value = standard;
    if (!p || strncmp(p, "null", 4) == 0) {
        if (standard >= 0) return true;
        return tw_trace_fail(a->reader, (int)(call - line) + 1, key, call, 0, "in every call");
    }
    const char *after = tw_trace_decimal(p, places, value);
    if (!after || *value < 0 || (places == 0 && *value > 1000000000))
        return tw_trace_fail(a->reader, (int)(p - line) + 1, key, p, (size_t)(skip_value(p) - p),
                             places ? "seconds, 0 or more" : "a whole number from 0 to 1e+09");
    return true;
}

// How far the blocks of a call are those of the call before: whole blocks of it.
static int64_t shared_tokens(const TwTraceReader *reader, int64_t before, int64_t end_before, int64_t from, int64_t end)
{
    const uint64_t *id = reader->trace->block_id;
    int64_t n = 0;
    while (before + n < end_before && from + n < end && id[before + n] == id[from + n]) n++;
    return n * SESSION_BLOCK;
}

static bool read_agent(Agents *a, const char *line, const char *list, int32_t agent, int depth)
{
    TwTraceReader *reader = a->reader;
    const char *p = tw_trace_blanks(list + 1);
    int64_t before = 0, end_before = 0;
    int32_t turn = 0;
    while (*p == '{') {
        const char *inner = member(p, "requests");
        if (inner && *inner == '[') {
            if (depth == DEEPEST || a->count == SUB_AGENTS)
                return tw_trace_fail(reader, (int)(p - line) + 1, "requests", p, 1, "fewer sub-agents");
            if (!read_agent(a, line, inner, ++a->count, depth + 1)) return false;
        } else {
            TwTraceRow row = {0};
            int64_t think_ns, from = reader->blocks;
            if (!number_in(a, line, p, "t", 9, -1, &row.time_ns) || !number_in(a, line, p, "in", 0, -1, &row.input) ||
                !number_in(a, line, p, "out", 0, -1, &row.output) ||
                !number_in(a, line, p, "think_time", 9, 0, &think_ns))
                return false;
            row.time_ns += a->begins_ns;
            const char *ids = member(p, "hash_ids"), *stop = member(p, "stop");
            row.call = (TwTraceCall){.session = a->session,
                                     .agent = agent,
                                     .turn = ++turn,
                                     .think_s = (float)(1e-9 * (double)think_ns),
                                     .stop = '-'};
            // "tool_use" and its like, or the end of a message
            if (stop && *stop == '"') row.call.stop = stop[1] == 't' || stop[1] == 'T' ? 'T' : 'E';
            if (ids && *ids == '[') {
                if (!json_blocks(reader, line, &ids)) return false;
                *a->any_blocks = true;
                // ids are those of a session
                for (int64_t b = from; b < reader->blocks; b++)
                    reader->trace->block_id[b] =
                        tw_content_stream((uint64_t)(uint32_t)a->session, reader->trace->block_id[b]) >> 1;
                int64_t count = reader->blocks - from, want = (row.input + SESSION_BLOCK - 1) / SESSION_BLOCK;
                if (count != want)
                    return tw_fail_at(reader->error, reader->path, reader->line, (int)(p - line) + 1,
                                      "%lld hash_ids for an input of %lld, expected %lld of %d tokens",
                                      (long long)count, (long long)row.input, (long long)want, SESSION_BLOCK);
                int64_t hit = shared_tokens(reader, before, end_before, from, reader->blocks);
                row.call.hit_tokens = (int32_t)(hit < row.input ? hit : row.input);
                before = from, end_before = reader->blocks;
            }
            if (!a->add(reader, &row, from)) return false;
        }
        p = tw_trace_blanks(skip_value(p));
        if (*p != ',') break;
        p = tw_trace_blanks(p + 1);
    }
    if (*p == ']') return true;
    return tw_trace_fail(reader, (int)(p - line) + 1, "requests", p, strlen(p) < 20 ? strlen(p) : 20,
                         "']' or another call");
}

bool tw_trace_session(TwTraceReader *reader, const char *line, bool *any_blocks, TwTraceAdd *add)
{
    Agents a = {.reader = reader, .add = add, .any_blocks = any_blocks, .session = reader->sessions++};
    if (!number_in(&a, line, line, "start", 9, 0, &a.begins_ns)) return false;
    const char *list = member(line, "requests");
    if (!list || *list != '[')
        return tw_fail_at(reader->error, reader->path, reader->line, 0, "no list of requests in the session");
    return read_agent(&a, line, list, 0, 0);
}
