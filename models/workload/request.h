// One request, as a generator or a trace gives it and an engine serves it.
#pragma once

#include "models/workload/content.h"

typedef struct TwRequest {
    int64_t arrival_ns;                     // at the router
    int32_t input_tokens, output_tokens;    // >= 1 each
    uint32_t id;                            // of its source, in order of arrival
    uint8_t service;                        // its class of service: limits on latency
    uint8_t priority;                       // higher is served first
    uint8_t tenant;
    uint8_t images;           // to be encoded before its prompt; their tokens are in the input
    int32_t session, turn;    // 1 + its session, 0: none; turn of it, from 0
    int64_t patience_ns;      // gives up where no token has come for so long after its arrival; 0: never
    TwContent content;
} TwRequest;

typedef enum TwOutcome { TW_ENDED_DONE, TW_ENDED_REJECTED, TW_ENDED_LOST, TW_ENDED_CANCELLED } TwOutcome;

// How a request ended: for a closed loop, for `--requests`, for tests.
typedef struct TwFinished {
    TwRequest request;            // without its content
    int64_t first_ns, last_ns;    // first token (0: none came), the end
    TwOutcome outcome;
    bool gaps_good;    // done, and its gaps are within the limit of its class, where there is one
    // known where the engine keeps them (contents, closed loops): first scheduled, tokens found cached then
    int32_t hit_tokens, preemptions;
    int64_t scheduled_ns;
    int32_t replica;    // of its pool, where it ended; -1: the router turned it away
} TwFinished;

// Where prompts are computed apart: who makes the first token, and when clients have it.
typedef enum TwFirstToken {
    TW_FIRST_PREFILL,    // who computed the prompt, at once
    TW_FIRST_RELAYED,    // the same, but it goes with the KV, and clients have it when that has arrived
    TW_FIRST_DECODE,     // who decodes, out of the prompt's last token, which it computes again
} TwFirstToken;
extern const char *const tw_first_token_names[];    // NULL-ended, in this order

// When blocks for the KV of a prompt computed apart are taken where it is decoded.
typedef enum TwReserve {
    TW_RESERVE_NONE,                // when it has come
    TW_RESERVE_CONTEXT_FIRST,       // once it is computed and before it leaves, which it holds its own blocks for
    TW_RESERVE_GENERATION_FIRST,    // before it is computed
} TwReserve;

extern const char *const tw_reserve_names[];    // NULL-ended, in this order
