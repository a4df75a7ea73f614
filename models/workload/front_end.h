// The front end of an engine: a process beside it that takes requests in (HTTP, chat template, tokeniser) and passes
// outputs on (detokeniser, stream of events), one after the other, in the order in which they come to it.
//
// It works while the device does and takes nothing from it, but it is one process. With F the time at which it has done
// all that it was given,
//     F <- max(F, t) + A   when a request arrives at t; at F the engine knows of it
//     F <- max(F, t) + s   when an iteration ends at t that made outputs: they leave together at F
// with A = request + prompt token x P and s = output x those that got one. The iterations of a jump end at t_1, t_2,
// ..., with gaps that never shrink, so that t_k - k s is convex in k, is greatest at either end, and after m of them
//     F = max(F_0 + m s, t_1 + m s, t_m + s)
// in integers: one jump, any division of it and single steps agree in every bit. Clients see times of F: a first token,
// a gap, an end.
//
// A loop that turns to the next request wherever one waits (for the tokeniser's thread, say) has taken in none of a
// burst before it has nearly done with all. With `together` the requests that come to a list at one instant are known
// to the engine when the last of them is; others one after the other as before.
// Left out: threads that tokenise beside the loop, and the order within an iteration's outputs.
#pragma once

#include "models/workload/advance.h"

#include <stdbool.h>

// Seconds of the process. All 0: there is none, and what the engine makes is seen at once.
typedef struct TwFrontEnd {
    double request_s;         // of a request, whatever it holds
    double prompt_token_s;    // of each of its prompt tokens
    double output_s;          // of an output of a sequence: of a token, or of what a speculative step keeps
    bool together;            // requests of one instant are passed on when the last of them is taken in
} TwFrontEnd;

// F after m iterations from `from` on, each of which gives `each` to do; m >= 1.
static inline TwWide tw_front_after(TwWide free, TwWide from, TwSeries span, int64_t m, TwWide each)
{
    TwWide first = from + span.next, last = from + tw_series_sum(span, m), work = each * m;
    TwWide after = free + work;
    if (first + work > after) after = first + work;
    return last + each > after ? last + each : after;
}

// Of the m iterations that follow one whose outputs leave at `free`, how many end before those before them have left:
// they are the first ones. `from` is when the first of these begins.
int64_t tw_front_behind(TwWide free, TwWide from, TwSeries span, int64_t m, TwWide each);

// Requests that the engine has done and whose last outputs are still before it: by when these leave, which never falls.
// The last TW_TAIL parts are kept; where there are more neighbours are joined, and those that have left by the time of
// a new one are forgotten. Which parts there are depends on the requests alone, not on when somebody looks.
enum { TW_TAIL = 64 };
typedef struct TwFrontEnded {
    int64_t completed, measured, good;
} TwFrontEnded;
typedef struct TwFrontTail {
    int32_t count;
    int64_t from_ns[TW_TAIL], until_ns[TW_TAIL];
    TwFrontEnded part[TW_TAIL];
} TwFrontTail;

// One that the engine has done at now_ns leaves at out_ns.
void tw_front_end_add(TwFrontTail *tail, int64_t now_ns, int64_t out_ns, bool measured, bool good);
// Those that leave after now_ns; within a part evenly.
TwFrontEnded tw_front_end_after(const TwFrontTail *tail, int64_t now_ns);
