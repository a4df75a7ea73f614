#include "models/workload/class.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

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
    {"itl_slo_s", "s", TW_REAL, 1e-6, 1e6, "unknown", AT(itl_slo_s), "limit on gaps between tokens", NULL},
    {"itl_slo_share", "1", TW_REAL, 0, 1, "unknown", AT(itl_slo_share), "of a request's gaps, so many within it", NULL},
    {"e2e_slo_s", "s", TW_REAL, 1e-6, 1e6, "unknown", AT(e2e_slo_s), "limit on the whole request", NULL},
    {"timeout_s", "s", TW_REAL, 0, 1e9, "unknown", AT(timeout_s),
     "its clients go so long after they came, whatever they have; 0: they stay", NULL},
    {"leave_s", "s", TW_REAL, 0, 1e9, "unknown", AT(leave_s),
     "they go after a time drawn for each, exponential of this mean; 0: they stay", NULL},
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

// --- settings that do nothing ----------------------------------------------------------------------------------------

// What a source is made as, which says what of its settings is looked at.
enum {
    PLAIN = 1,    // one after another: poisson, gamma, weibull, cox, onoff
    CLIENTS = 2,
    CLOSED = 4,
    PERIODIC = 8,
    CHAT = 16,
    AGENT = 32,
    BATCH = 64,
    ROLLOUT = 128,
    REPLAY = 256,
    SESSIONS = CHAT | AGENT,
    USERS = CLOSED | PERIODIC | BATCH | ROLLOUT,
    RATED = PLAIN | CLIENTS | SESSIONS,
    DRAWN = PLAIN | CLIENTS | USERS,    // lengths drawn for each request
};

static unsigned form_of(const TwClassRow *row, const TwArrivalRow *arrival)
{
    static const struct {
        const char *kind, *arrival;
        unsigned form;
    } forms[] = {{"chat", NULL, CHAT},       {"agent", NULL, AGENT},   {"batch", NULL, BATCH},
                 {"rollout", NULL, ROLLOUT}, {NULL, "closed", CLOSED}, {NULL, "periodic", PERIODIC},
                 {NULL, "clients", CLIENTS}};
    if (*arrival->file) return REPLAY;
    for (int i = 0; i < TW_COUNT(forms); i++)
        if ((!forms[i].kind || strcmp(forms[i].kind, row->kind) == 0) &&
            (!forms[i].arrival || strcmp(forms[i].arrival, arrival->kind) == 0))
            return forms[i].form;
    return PLAIN;
}

static bool among(const char *word, const char *const *words)
{
    while (*words && strcmp(word, *words) != 0) words++;
    return *words != NULL;
}

// What a stream of this form is called in a warning.
static void form_text(unsigned form, const char *kind, const char *arrivals, char *text, size_t size)
{
    if (form == REPLAY)
        snprintf(text, size, "for a replayed trace");
    else if (form & (SESSIONS | BATCH | ROLLOUT))
        snprintf(text, size, "for kind = \"%s\"", kind);
    else
        snprintf(text, size, "for %s arrivals", arrivals);
}

static void idle_sizes(const TwNode *node, const char *lengths, TwErrors *errors)
{
    static const char *const fixed[] = {"constant", "uniform", NULL};
    const TwUse sizes[] = {{"input_tokens", 0}, {"output_tokens", 0}};
    if (!among(lengths, fixed)) tw_node_idle(node, sizes, TW_COUNT(sizes), PLAIN, "for these lengths", errors);
}

static void idle_arrival(const TwNode *times, const TwArrivalRow *arrival, unsigned form, const char *text,
                         TwErrors *errors)
{
    static const TwUse of_arrival[] = {
        {"kind", PLAIN | CLIENTS | CLOSED | PERIODIC | SESSIONS | REPLAY},
        {"rate_s", RATED},
        {"profile", RATED},
        {"time_zone_h", RATED},
        {"time_scale", REPLAY},
        {"loop", REPLAY},
        {"skip_bad_rows", REPLAY},
        {"thin_fraction", REPLAY},
        {"window_s", REPLAY},
        {"spread_s", REPLAY},
        {"reorder_s", REPLAY},
        {"block_tokens", REPLAY},
        {"loop_shares_prefix", REPLAY},
        {"keep_zero", REPLAY},
        {"model", REPLAY},
        {"service", CLIENTS},
        {"clients", CLIENTS},
        {"big_clients", CLIENTS},
        {"zipf_s", CLIENTS},
        {"users", USERS},
        {"think_s", USERS & ~PERIODIC},
        {"period_s", PERIODIC},
        {"jitter_s", PERIODIC},
    };
    static const char *const shaped[] = {"gamma", "weibull", NULL}, *const bursty[] = {"cox", "onoff", NULL};
    tw_node_idle(times, of_arrival, TW_COUNT(of_arrival), form, text, errors);
    if (form == REPLAY && strcmp(arrival->kind, "replay") != 0 && tw_node_given(times, "kind"))
        tw_node_warn(times, "kind", errors, "does nothing beside a file, which is replayed");
    const TwUse shape[] = {{"shape", 0}}, bursts[] = {{"bursts", 0}};
    if (!(form & (PLAIN | SESSIONS)) || !among(arrival->kind, shaped))
        tw_node_idle(times, shape, 1, PLAIN, text, errors);
    if (!(form & (PLAIN | SESSIONS)) || !among(arrival->kind, bursty))
        tw_node_idle(times, bursts, 1, PLAIN, text, errors);
}

void tw_stream_idle(const TwNode *node, const char *lengths, const TwNode *times, const TwArrivalRow *arrival,
                    TwErrors *errors)
{
    const TwClassRow row = {.kind = ""};
    unsigned form = form_of(&row, arrival);
    char text[80];
    form_text(form, "", arrival->kind, text, sizeof text);
    idle_sizes(node, lengths, errors);
    if (times) idle_arrival(times, arrival, form, text, errors);
}

void tw_class_idle(const TwNode *node, const TwClassRow *row, const TwArrivalRow *arrival, TwErrors *errors)
{
    static const TwUse of_class[] = {
        {"lengths", DRAWN | CHAT},
        {"outputs", DRAWN | CHAT},
        {"sessions", AGENT},
        {"images", DRAWN},
        {"rate_s", RATED},
        {"sessions_per_h", SESSIONS},
        {"input_scale", DRAWN},
        {"users", USERS},
        {"samples", PLAIN | CLOSED | BATCH | ROLLOUT},
        {"requests", USERS},
        {"sessions_max", SESSIONS},
        {"begins_s", USERS},
        {"deadline_s", USERS},
        {"span_s", SESSIONS},
        {"rho_in_out", DRAWN},
        {"wait_for_answers", SESSIONS | CLOSED | BATCH | ROLLOUT | REPLAY},
    };
    unsigned form = form_of(row, arrival);
    char text[80];
    form_text(form, row->kind, arrival->kind, text, sizeof text);
    tw_node_idle(node, of_class, TW_COUNT(of_class), form, text, errors);
    idle_sizes(node, row->lengths, errors);

    const TwNode *prompts = tw_node_group(node, "prefix");
    idle_arrival(tw_node_group(node, "arrival"), arrival, form, text, errors);

    // forms of a prefix, by its own kind
    enum { GLOBAL = 1, TEMPLATES = 2, GROUPS = 4, TARGET = 8 };
    static const TwUse of_prefix[] = {{"count", TEMPLATES | GROUPS | TARGET},
                                      {"zipf_s", TEMPLATES},
                                      {"share", TARGET},
                                      {"tokens", GLOBAL | TEMPLATES | GROUPS},
                                      {"table", TEMPLATES}};
    TwPrefixRow prefix;
    tw_node_row(prompts, &prefix);
    static const char *const kinds[] = {"global", "templates", "groups", "target"};
    unsigned shares = 0;
    for (int i = 0; i < TW_COUNT(kinds); i++)
        if (strcmp(prefix.kind, kinds[i]) == 0) shares = 1u << i;
    const TwUse whole[] = {{"kind", 0}};
    if (form & (AGENT | REPLAY) || (form == CHAT && shares > GLOBAL)) {
        if (shares) tw_node_idle(prompts, whole, 1, PLAIN, text, errors);
    } else {
        snprintf(text, sizeof text, "for kind = \"%s\"", prefix.kind);
        tw_node_idle(prompts, of_prefix, TW_COUNT(of_prefix), shares, text, errors);
    }
}
