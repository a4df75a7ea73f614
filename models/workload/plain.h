// Plain engines: one list and queue, a policy that mixes prompts and decodes, nothing that few ask for
// (tw_engine_plain).
//
// engine_plain.c compiles what happens at their boundaries once more, as one unit in which `rare` is known to be false:
// the same source and the same bytes, with fewer instructions.
#pragma once

#include <stdbool.h>

#ifdef TW_PLAIN_UNIT
#define TW_LOCAL static inline
enum { TW_PLAIN = 1 };
#else
#define TW_LOCAL
enum { TW_PLAIN = 0 };
#endif

// Something that no plain engine has.
static inline bool rare(bool has) { return !TW_PLAIN && has; }
