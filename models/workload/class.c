#include "models/workload/class.h"

#include <math.h>
#include <stddef.h>

#define AT(field) offsetof(TwClassRow, field)
static const char *const kind_words[] = {"one_shot", "chat", "agent", "batch", "rollout", NULL};
static const char *const then_words[] = {"offload", "drop", NULL};
static const char *const agent_words[] = {"claude_code", "llmd_agentic", NULL};
static const TwField class_fields[] = {
    {"pool", "", TW_TEXT, 0, 0, "", AT(pool), "the pool that serves it; empty: the first", NULL},
    {"kind", "", TW_TEXT, 0, 0, "one_shot", AT(kind),
     "single requests, chats, agents, a batch of so many, or what a job of kind rl asks for", kind_words},
    {"lengths", "", TW_TEXT, 0, 0, "", AT(lengths), "length tables <lengths>_in, _out; or constant, uniform", NULL},
    {"outputs", "", TW_TEXT, 0, 0, "", AT(outputs), "length table of the outputs instead of <lengths>_out", NULL},
    {"sessions", "", TW_TEXT, 0, 0, "claude_code", AT(sessions), "agents: whose sessions", agent_words},
    {"images", "", TW_TEXT, 0, 0, "", AT(images), "tables <images>_count, _tokens_per_image, added to the input", NULL},
    {"note", "", TW_TEXT, 0, 0, "", AT(note), "what it stands for", NULL},
    {"rate_s", "1/s", TW_REAL, 0.0, 1e9, "unknown", AT(rate_s), "mean requests per second; instead of arrival.rate_s",
     NULL},
    {"sessions_per_h", "1/h", TW_REAL, 0.0, 1e9, "0", AT(sessions_per_h),
     "chat, agent: sessions begun; wins over rate_s", NULL},
    {"input_tokens", "1", TW_REAL, 0, 16777216, "0", AT(input_tokens), "of lengths constant and uniform", NULL},
    {"output_tokens", "1", TW_REAL, 0, 16777216, "0", AT(output_tokens), "of lengths constant and uniform", NULL},
    {"length_scale", "1", TW_REAL, 1e-6, 1e3, "1", AT(length_scale), "outputs are multiplied by it: thinking longer",
     NULL},
    {"input_scale", "1", TW_REAL, 1e-6, 1e3, "1", AT(input_scale), "inputs are multiplied by it", NULL},
    {"context_tokens", "1", TW_INTEGER, 0, 16777216, "0", AT(context_tokens),
     "input and output are cut to it; 0: that of the pool", NULL},
    {"samples", "1", TW_INTEGER, 1, 1024, "1", AT(samples), "answers to each prompt", NULL},
    {"priority", "1", TW_INTEGER, 0, 255, "1", AT(priority), "higher is served first", NULL},
    {"users", "1", TW_INTEGER, 0, 1e7, "0", AT(users), "batch, rollout: requests in flight at once", NULL},
    {"requests", "1", TW_INTEGER, 0, 1e12, "0", AT(requests), "batch: in all; 0: no end", NULL},
    {"sessions_max", "1", TW_INTEGER, 0, 4e6, "0", AT(sessions_max),
     "sessions that live at once in a router cell; 0: by their rate and duration", NULL},
    {"begins_s", "s", TW_REAL, 0, 1e9, "0", AT(begins_s), "batch: when it may start", NULL},
    {"deadline_s", "s", TW_REAL, 0, 1e9, "0", AT(deadline_s), "batch: to be done so long after begins_s; 0: none",
     NULL},
    {"span_s", "s", TW_REAL, 0, 1e7, "0", AT(span_s),
     "longest life of a session, and warm-up of the class; 0: 7,200 chat, 86,400 agent", NULL},
    {"rho_in_out", "1", TW_REAL, -1, 1, "0", AT(rho_in_out), "rank correlation of input and output", NULL},
    {"ttft_slo_s", "s", TW_REAL, 1e-6, 1e6, "unknown", AT(ttft_slo_s), "limit on time to first token", NULL},
    {"tpot_slo_s", "s", TW_REAL, 1e-6, 1e6, "unknown", AT(tpot_slo_s), "limit on time per output token", NULL},
    {"e2e_slo_s", "s", TW_REAL, 1e-6, 1e6, "unknown", AT(e2e_slo_s), "limit on the whole request", NULL},
    {"kv_keep_s", "s", TW_REAL, 0, 1e9, "0", AT(kv_keep_s),
     "its KV stays on the device so long after an answer; of all classes of a pool; 0: until its place is needed",
     NULL},
    {"kv_then", "", TW_TEXT, 0, 0, "offload", AT(kv_then), "after that: to the lower tiers, or gone", then_words},
    {"wait_for_answers", "", TW_BOOLEAN, 0, 1, "true", AT(wait_for_answers),
     "the next call of a session follows the answer; false: at the nominal service time", NULL},
};
static const TwChild class_children[] = {
    {"arrival", TW_ONE, &tw_arrival_kind, "when its requests or sessions come"},
    {"prefix", TW_ONE, &tw_prefix_kind, "what its prompts share"},
};
const TwKind tw_class_kind = {
    "class", "traffic", class_fields, TW_COUNT(class_fields), class_children, TW_COUNT(class_children)};

void tw_class_spec(const TwNode *node, TwClassRow *row, TwArrivalRow *arrival, TwTrafficSpec *spec)
{
    tw_node_row(node, row);
    tw_node_row(tw_node_group(node, "arrival"), arrival);
    tw_arrival_spec(arrival, spec);
    TwPrefixRow prefix;
    tw_node_row(tw_node_group(node, "prefix"), &prefix);
    tw_prefix_spec(&prefix, spec);

    if (isfinite(row->rate_s)) spec->rate_s = row->rate_s;
    spec->kind = row->kind;
    spec->sessions = row->sessions;
    spec->sessions_per_h = row->sessions_per_h;
    bool chat = row->kind[0] == 'c';
    spec->lengths = *row->lengths ? row->lengths : chat ? "" : "azure23_conv";
    spec->outputs = row->outputs;
    spec->images = row->images;
    spec->input_tokens = row->input_tokens;
    spec->output_tokens = row->output_tokens;
    spec->length_scale = row->length_scale;
    spec->input_scale = row->input_scale;
    if (row->context_tokens > 0) spec->context_tokens = row->context_tokens;
    spec->samples = (int)row->samples;
    spec->priority = (int)row->priority;
    if (row->users > 0) spec->users = (int)row->users;
    spec->requests = row->requests;
    spec->sessions_max = (int)row->sessions_max;
    spec->begins_s = row->begins_s;
    spec->deadline_s = row->deadline_s;
    spec->span_s = row->span_s;
    spec->rho_in_out = row->rho_in_out;
    spec->apart = !row->wait_for_answers;
}
