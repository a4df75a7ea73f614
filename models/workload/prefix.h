// What the prompts of single requests share: nothing, a system prompt, templates by popularity, groups, or a given
// share of a client's stream. A prompt is the shared piece and then tokens that nobody else has.
//
//   global     the first `tokens` of every prompt are the same
//   templates  one of `count`, of Zipf popularity rank^-s, its length from a table (or `tokens`)
//   groups     one of `count` at random, `tokens` long, in front of the drawn input (llm-d's shared-prefix load)
//   target     `share` of the input repeats the stream of one of `count` clients
#pragma once

#include "models/workload/lengths.h"
#include "models/workload/request.h"
#include "sim/error.h"

typedef enum TwPrefixKind {
    TW_PREFIX_NONE,
    TW_PREFIX_GLOBAL,
    TW_PREFIX_TEMPLATES,
    TW_PREFIX_GROUPS,
    TW_PREFIX_TARGET
} TwPrefixKind;

enum { TW_PREFIX_GUIDE = 1024, TW_PREFIX_MOST = 100000 };

typedef struct TwPrefixSpec {
    const char *kind;    // NULL or "none" "global" "templates" "groups" "target"
    int64_t count;
    double zipf_s, share;
    double tokens;
    const char *table;    // length table of the templates; NULL or "": tokens
} TwPrefixSpec;

typedef struct TwPrefixModel {
    TwPrefixKind kind;
    uint64_t key;    // of the class
    int count;
    double share;
    int32_t tokens;
    int32_t *length;       // [count] of templates, or NULL
    double *cumulative;    // [count] of popularity, or NULL
    int32_t guide[TW_PREFIX_GUIDE + 1];
} TwPrefixModel;

bool tw_prefix_make(TwPrefixModel *prefix, const char *name, const TwPrefixSpec *spec, uint64_t key, TwError *error);
void tw_prefix_free(TwPrefixModel *prefix);
double tw_prefix_added_tokens(const TwPrefixModel *prefix);    // in front of the drawn input

// Fills the content of a request with u in (0, 1) and a number that no other request of the class has; groups make its
// input longer.
void tw_prefix_fill(const TwPrefixModel *prefix, double u, uint64_t number, TwRequest *request);
