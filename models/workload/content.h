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
    // where it is
    uint64_t hash;    // of all tokens before `at`
    int32_t at, piece;
} TwRuns;

static inline TwRuns tw_runs(const TwContent *content, const TwContentList *list, uint64_t own, int32_t input,
                             int32_t output)
{
    return (TwRuns){.content = content, .list = list, .own = own, .input = input, .total = input + output};
}

// The next run; false: no more.
bool tw_runs_next(TwRuns *runs, TwRun *run);
