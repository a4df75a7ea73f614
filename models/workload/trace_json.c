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
        if (depth == 0 && (*p == ',' || *p == '}')) return p;
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
