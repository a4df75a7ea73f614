// Sessions: chats and agents whose calls build on each other. What a session says is its own; only times react.
//
//   chat    after turn n another follows with probability (a + n - 1) / (a + b + n - 1); its input is the last input
//   and
//           output and new tokens of the user; a gap of reading and typing lies between
//   agent   a class by the first context; n calls in m messages; the context grows with every call, is compacted at a
//           share of the window, and loses its cached part now and then; gaps are tools' or a person's; some sessions
//           start sub-agents with contexts of their own
// Fits: Mooncake conversations (chat), Claude Code sessions (agent): docs/traffic.md,
// parts/traffic/generator_params.csv. Every draw is keyed by (seed, class; session, turn), so a session does not depend
// on when it runs or beside what.
#pragma once

#include "models/workload/content.h"
#include "models/workload/lengths.h"
#include "sim/random.h"

#include <stdbool.h>

typedef enum TwSessionKind { TW_CHAT, TW_AGENT } TwSessionKind;

typedef struct TwSessionPlant {
    TwSessionKind kind;
    TwStream stream;
    uint64_t key;              // of the class, for content streams
    int64_t context_tokens;    // 0: no limit beyond an agent's window
    double length_scale;       // of outputs
    // chat
    double continue_a, continue_b, no_new, template_share;
    int32_t global_tokens;
    int template_count;
    TwLengths first, output, user, templates, turn_gap;
    // agent, by class a b c
    double class_share[3], long_window[3];
    double window_tokens, long_window_tokens, compaction_fraction;
    double growth_rho, growth_shift, calls_corr, messages_corr;
    int early_calls;
    int32_t fixed_tokens;
    double break_tool, break_human, break_all;
    double sub_share, sub_mean, sub_alone;
    int sub_max;
    TwLengths first_of[3], calls_of[3], messages, growth_first, growth_early, growth, compacted, out_tool, out_end;
    TwLengths tool_gap, human_gap, sub_first, sub_calls;
    bool long_agents;    // the heavy preset: lognormal contexts to 990,000 tokens, hundreds of turns
    double own_mu, own_sd, turns_mu, turns_sd, tool_gap_mean_s;
    int32_t turn_input, turn_output;
    // seconds that a call takes where nothing serves it
    double service_fixed_s, service_s_per_output, service_s_per_input;
} TwSessionPlant;

// A session at its present call; plain numbers for a state block.
typedef struct TwSession {
    uint64_t id;    // below 2^52: slab and number in it
    uint32_t cell;
    int32_t branch;        // 0, or number of the sub-agent
    int32_t turn;          // of the present call, from 0
    int32_t calls;         // agent: in all
    int32_t messages;      // agent: message ends still to come, the last call's included
    int32_t input;         // of the present call
    int32_t shared;        // leading tokens it shares with the call before
    int32_t generation;    // streams opened so far
    int32_t fixed;         // tokens of the fixed part at its beginning; chat: of the template
    int32_t window;
    int32_t template;    // chat: 1 + its template; 0: none
    int16_t size_class;
    bool message_end;    // the present call ends a message: a chat's always
    bool subagents;      // to be started after the present call
    double z;            // how fast it grows
} TwSession;

typedef struct TwCall {
    int32_t input, output, shared;
    TwContent content;
} TwCall;

// Loads tables and parameters of a preset: "mooncake_conv" (chat), "claude_code", "llmd_agentic" (agent).
bool tw_session_plant(TwSessionPlant *plant, TwSessionKind kind, const char *preset, TwStream stream, uint64_t key,
                      TwError *error);

void tw_session_begin(const TwSessionPlant *plant, TwSession *session, uint64_t id, uint32_t cell);
// Sub-agent number 1.. of a session.
void tw_session_branch(const TwSessionPlant *plant, TwSession *session, const TwSession *parent, int number);
int tw_session_subagents(const TwSessionPlant *plant, const TwSession *session);    // how many start after this call
bool tw_session_subagents_alone(const TwSessionPlant *plant, const TwSession *session);

void tw_session_call(const TwSessionPlant *plant, const TwSession *session, TwCall *call);
// On to the next call. False: the session is over. gap_s: from the end of the present call to the next.
bool tw_session_next(const TwSessionPlant *plant, TwSession *session, double *gap_s);
double tw_session_service_s(const TwSessionPlant *plant, const TwCall *call);
// What a call takes where no engine answers it: seen by the 692 sessions of the agent trace (fitted).
double tw_nominal_service_s(double input_tokens, double output_tokens);

// P(another turn after turn n = 1, 2, ...) and the mean number of turns of chats.
double tw_chat_continue(const TwSessionPlant *plant, int turn);
double tw_chat_turns(const TwSessionPlant *plant);

// Share of the output that is thinking: a mixture of two beta distributions; u, v in (0, 1).
double tw_thinking_share(double u, double v);
double tw_thinking_mean(void);
