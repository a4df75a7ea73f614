// Plain engines: one queue, a policy that mixes prompts and decodes, nothing that few ask for
// (tw_engine_plain).
//
// engine_plain.c compiles what happens at their boundaries once more, as one unit in which `rare` is known to be false:
// the same source and the same bytes, with fewer instructions. engine_ranked.c does so for those of attention ranks.
#pragma once

#include <stdbool.h>

#ifdef TW_PLAIN_UNIT
#define TW_LOCAL static inline
enum { TW_PLAIN = 1 };
#else
#define TW_LOCAL
enum { TW_PLAIN = 0 };
#endif

#ifdef TW_RANKED_UNIT
#define TW_RANKS_LOCAL static inline
enum { TW_RANKED = 1 };
#else
#define TW_RANKS_LOCAL
enum { TW_RANKED = 0 };
#endif

// Something that no plain engine has.
static inline bool rare(bool has) { return !TW_PLAIN && has; }

// Whether there is more than one list.
static inline bool several(int ranks) { return TW_RANKED || (!TW_PLAIN && ranks > 1); }
