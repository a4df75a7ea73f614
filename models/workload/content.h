// What a prompt is made of, without its tokens: enough to know which prompts share how much of their beginning.
//
// A prompt is a list of segments, each a piece of a stream: `length` tokens of stream `stream` from its token `start`
// on. Two prompts share exactly the leading tokens whose (stream, position) agree. The output goes on in a stream of
// its own choice, usually that of the session at the end of the prompt, so that the next turn is one segment however
// long. A prompt of a trace may instead be a list of ids, one for each so many tokens (TwContentList): the same as a
// segment (id, 0, tokens) each. Streams are any numbers but 0; whoever makes requests sees to it that different
// contents get different streams (tw_content_stream mixes well).
//
// For a cache the contents are cut into runs, the longest pieces in which the stream stays and the position rises by
// one. The hash of the first t tokens is
//     mix(base of the run of token t - 1, t - begin of the run),  base = mix(hash of all before the run, stream, start)
// which two prompts share exactly where those t tokens agree (but for collisions of 64 bits), costs the same for any t,
// and so is at each end of a block the block's chained hash.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TW_SEGMENTS = 8 };

typedef struct TwSegment {
    uint64_t stream;
    int32_t start, length;    // tokens; length >= 1
} TwSegment;

typedef struct TwContent {
    uint64_t output_stream;    // 0: a stream that nothing else uses
    int32_t output_start;      // position of the first output token in it
    int32_t count;             // segments, whose lengths add up to the input; or ids. 0: shares nothing with anybody
    int64_t list;              // 0: segments; otherwise 1 + place of its first id in the source's list
    TwSegment segment[TW_SEGMENTS];
} TwContent;

// The ids of a trace: immutable, part of a plant.
typedef struct TwContentList {
    const uint64_t *id;
    int32_t tokens;    // of each; the last of a prompt may be cut short
} TwContentList;

static inline uint64_t tw_content_mix(uint64_t a, uint64_t b)
{
    uint64_t z = (a ^ (b + 0x9e3779b97f4a7c15u)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 31) * 0x94d049bb133111ebu;
    return z ^ z >> 29;
}

// A stream from two numbers, such as a class's hash and a session: never 0.
static inline uint64_t tw_content_stream(uint64_t a, uint64_t b)
{
    uint64_t stream = tw_content_mix(tw_content_mix(0x7477u, a), b);
    return stream ? stream : 1;
}

// A run of the contents of a request: tokens [begin, end).
typedef struct TwRun {
    uint64_t base;
    int32_t begin, end;
} TwRun;

static inline uint64_t tw_run_hash(uint64_t base, int32_t tokens) { return tw_content_mix(base, (uint64_t)tokens); }

// Goes over the runs of a prompt and, after it, of its output, `input + output` tokens together.
typedef struct TwRuns {
    const TwContent *content;
    const TwContentList *list;    // needed where content->list is not 0
    uint64_t own;                 // stream of what has none, other than 0
    int32_t input, total;
    const TwRun *made;    // all of them, made before; NULL: they are made here
    int32_t made_count;
    // where it is
    uint64_t hash;    // of all tokens before `at`
    int32_t at, piece;
    TwRun run;    // the last that was made here
} TwRuns;

static inline TwRuns tw_runs(const TwContent *content, const TwContentList *list, uint64_t own, int32_t input,
                             int32_t output)
{
    return (TwRuns){.content = content, .list = list, .own = own, .input = input, .total = input + output};
}

// Piece number `piece` of a request, cut to what is left of it: its segments or ids, then its output.
static inline TwSegment tw_runs_piece(const TwRuns *r, int32_t piece, int32_t at)
{
    const TwContent *c = r->content;
    TwSegment s = {0, 0, 0};
    if (at < r->input) {
        if (piece >= c->count) {
            s = (TwSegment){r->own, at, r->input - at};
        } else if (c->list) {
            s = (TwSegment){tw_content_stream(1, r->list->id[c->list - 1 + piece]), 0, r->list->tokens};
        } else {
            s = c->segment[piece];
        }
        if (s.length > r->input - at) s.length = r->input - at;
    } else if (at < r->total) {
        bool own = c->output_stream == 0;
        s = (TwSegment){own ? r->own : c->output_stream, own ? at : c->output_start, r->total - at};
    }
    return s;
}

// Makes the next run; false: no more.
static inline bool tw_runs_make(TwRuns *r)
{
    if (r->at >= r->total) return false;
    TwSegment first = tw_runs_piece(r, r->piece, r->at);
    TwRun *run = &r->run;
    *run = (TwRun){tw_content_mix(tw_content_mix(r->hash, first.stream), (uint64_t)first.start), r->at, r->at};
    // segments that go on where the last ended are one run
    TwSegment next = first;
    do {
        run->end += next.length;
        r->piece++;
        int32_t ends = next.start + next.length;
        next = tw_runs_piece(r, r->piece, run->end);
        if (next.start != ends) break;
    } while (next.length > 0 && next.stream == first.stream);
    r->at = run->end;
    r->hash = tw_run_hash(run->base, run->end - run->begin);
    return true;
}

// The next run; NULL: no more.
static inline const TwRun *tw_runs_step(TwRuns *r)
{
    if (r->made) return r->piece < r->made_count ? &r->made[r->piece++] : NULL;
    return tw_runs_make(r) ? &r->run : NULL;
}

static inline bool tw_runs_next(TwRuns *r, TwRun *run)
{
    const TwRun *next = tw_runs_step(r);
    if (next) *run = *next;
    return next;
}

// All runs at once where the contents are segments: at most TW_SEGMENTS + 2, returns how many.
static inline int tw_runs_of_segments(const TwContent *c, uint64_t own, int32_t input, int32_t output, TwRun *run)
{
    uint64_t hash = 0, stream = 0;
    int32_t at = 0, goes_on = 0, total = input + output;
    int count = 0;
    for (int k = 0; at < total; k++) {
        uint64_t of = own;
        int32_t start = at, length = (at < input ? input : total) - at;
        if (at >= input) {
            if (c->output_stream) of = c->output_stream, start = c->output_start;
        } else if (k < c->count) {
            of = c->segment[k].stream;
            start = c->segment[k].start;
            if (c->segment[k].length < length) length = c->segment[k].length;
        }
        if (count > 0 && of == stream && start == goes_on) {
            run[count - 1].end += length;
        } else {
            if (count > 0) hash = tw_run_hash(run[count - 1].base, run[count - 1].end - run[count - 1].begin);
            run[count++] = (TwRun){tw_content_mix(tw_content_mix(hash, of), (uint64_t)start), at, at + length};
        }
        stream = of;
        goes_on = start + length;
        at += length;
    }
    return count;
}
