#include "models/workload/sessions.h"

#include "models/workload/params.h"

#include <string.h>

// entities of the purposes of a session, beside its cell
enum { CELL_BITS = 12, SUB_BITS = 4 };

// building

static bool load_chat(TwSessionPlant *p, const TwParams *params, const char *preset, TwError *error)
{
    char group[64];
    snprintf(group, sizeof group, "chat.%s", preset);
    double global, value;
    if (!tw_param(params, group, "continue_a", &p->continue_a, error) ||
        !tw_param(params, group, "continue_b", &p->continue_b, error) ||
        !tw_param(params, group, "p_no_new_tokens", &p->no_new, error) ||
        !tw_param(params, group, "p_template", &p->template_share, error) ||
        !tw_param(params, group, "global_prefix_tokens", &global, error) ||
        !tw_param(params, "agent.claude_code", "service_fixed_s", &value, error))
        return false;
    p->global_tokens = (int32_t)global;
    p->template_count = 32;
    return tw_lengths_load(&p->first, "mooncake_first_in", error) &&
           tw_lengths_load(&p->output, "mooncake_conv_out", error) &&
           tw_lengths_load(&p->user, "mooncake_user_tokens", error) &&
           tw_lengths_load(&p->templates, "mooncake_template_tokens", error) &&
           tw_lengths_load(&p->turn_gap, "mooncake_turn_gap_s", error);
}

static bool load_agent(TwSessionPlant *p, const TwParams *params, TwError *error)
{
    static const char *const group = "agent.claude_code";
    double fixed, early, sub_max;
    const struct {
        const char *name;
        double *into;
    } values[] = {{"p_class_a", &p->class_share[0]},
                  {"p_class_b", &p->class_share[1]},
                  {"p_class_c", &p->class_share[2]},
                  {"window_tokens", &p->window_tokens},
                  {"long_window_tokens", &p->long_window_tokens},
                  {"p_long_window_a", &p->long_window[0]},
                  {"p_long_window_b", &p->long_window[1]},
                  {"p_long_window_c", &p->long_window[2]},
                  {"compaction_fraction", &p->compaction_fraction},
                  {"growth_session_rho", &p->growth_rho},
                  {"growth_shift", &p->growth_shift},
                  {"calls_growth_corr", &p->calls_corr},
                  {"calls_messages_corr", &p->messages_corr},
                  {"early_calls", &early},
                  {"fixed_prefix_tokens", &fixed},
                  {"p_break_after_tool", &p->break_tool},
                  {"p_break_after_human", &p->break_human},
                  {"p_kept_zero_at_break", &p->break_all},
                  {"p_subagents", &p->sub_share},
                  {"subagents_mean", &p->sub_mean},
                  {"subagents_max", &sub_max},
                  {"p_subagent_alone", &p->sub_alone}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (!tw_param(params, group, values[i].name, values[i].into, error)) return false;
    p->early_calls = (int)early;
    p->fixed_tokens = (int32_t)fixed;
    p->sub_max = (int)sub_max;

    const struct {
        const char *name;
        TwLengths *into;
    } tables[] = {{"agent_first_a", &p->first_of[0]},
                  {"agent_first_b", &p->first_of[1]},
                  {"agent_first_c", &p->first_of[2]},
                  {"agent_calls_a", &p->calls_of[0]},
                  {"agent_calls_b", &p->calls_of[1]},
                  {"agent_calls_c", &p->calls_of[2]},
                  {"agent_messages", &p->messages},
                  {"agent_growth_first", &p->growth_first},
                  {"agent_growth_early", &p->growth_early},
                  {"agent_growth", &p->growth},
                  {"agent_after_compaction", &p->compacted},
                  {"agent_out_tool", &p->out_tool},
                  {"agent_out_end", &p->out_end},
                  {"agent_tool_gap_s", &p->tool_gap},
                  {"agent_human_gap_s", &p->human_gap},
                  {"agent_sub_first", &p->sub_first},
                  {"agent_sub_calls", &p->sub_calls}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (!tw_lengths_load(tables[i].into, tables[i].name, error)) return false;
    return true;
}

// mu and sigma of a lognormal of that mean and deviation
static void lognormal(double mean, double deviation, double *mu, double *sd)
{
    double s2 = log1p(deviation * deviation / (mean * mean));
    *sd = sqrt(s2);
    *mu = log(mean) - 0.5 * s2;
}

// llm-d-benchmark 8bc9f1d, agentic profile: 3,000 shared, 160,000 own with deviation 234,000 in 10,000 to 990,000
static void make_long(TwSessionPlant *p)
{
    p->long_agents = true;
    p->fixed_tokens = 3000;
    lognormal(160e3, 234e3, &p->own_mu, &p->own_sd);
    // its turns: mean 540 in 1 to 3,000; the deviation is assumed equal to the mean
    lognormal(540.0, 540.0, &p->turns_mu, &p->turns_sd);
    p->turn_input = 1500;
    p->turn_output = 425;
    p->tool_gap_mean_s = 15.0;
    p->break_tool = p->break_human = 0.0;
    p->sub_share = 0.0;
    p->window_tokens = p->long_window_tokens = 1e6;
    p->compaction_fraction = 1.0;
}

bool tw_session_plant(TwSessionPlant *p, TwSessionKind kind, const char *preset, TwStream stream, uint64_t key,
                      TwError *error)
{
    *p = (TwSessionPlant){.kind = kind, .stream = stream, .key = key, .length_scale = 1.0};
    bool heavy = kind == TW_AGENT && strcmp(preset, "llmd_agentic") == 0;
    if (kind == TW_AGENT && !heavy && strcmp(preset, "claude_code") != 0)
        return tw_fail(error, TW_BAD_INPUT, "agents \"%s\" are not known, expected claude_code or llmd_agentic",
                       preset);
    TwParams *params;
    if (!tw_params_read(&params, error)) return false;
    bool ok = kind == TW_CHAT ? load_chat(p, params, preset, error) : load_agent(p, params, error);
    double per_1k;
    ok = ok && tw_param(params, "agent.claude_code", "service_fixed_s", &p->service_fixed_s, error) &&
         tw_param(params, "agent.claude_code", "service_s_per_output_token", &p->service_s_per_output, error) &&
         tw_param(params, "agent.claude_code", "service_s_per_1k_input", &per_1k, error);
    tw_params_destroy(params);
    if (!ok) return false;
    p->service_s_per_input = 1e-3 * per_1k;
    if (heavy) make_long(p);
    return true;
}

// draws

static double normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

static void words_of(const TwSessionPlant *p, const TwSession *s, int32_t turn, TwPurpose purpose, uint32_t words[4])
{
    // sub-agents draw from streams of their own
    TwStream stream = {{p->stream.key[0] ^ (uint32_t)s->branch * 0x9e3779b9u, p->stream.key[1]}};
    tw_random4(stream, s->id << CELL_BITS | (uint64_t)(turn & 4095), s->cell, purpose, words);
}

static int32_t tokens_of(double x)
{
    double tokens = floor(x + 0.5);
    return tokens < 1.0 ? 1 : tokens > 1e9 ? 1000000000 : (int32_t)tokens;
}

static int32_t length_at(const TwLengths *lengths, double u) { return tokens_of(tw_lengths_quantile(lengths, u)); }

static double clamp_u(double u) { return u < 1e-12 ? 1e-12 : u > 1.0 - 1e-12 ? 1.0 - 1e-12 : u; }

static uint64_t stream_of(const TwSessionPlant *p, const TwSession *s, int32_t generation)
{
    uint64_t who = tw_content_mix(s->id ^ (uint64_t)s->cell << 52, (uint64_t)s->branch << 32 | (uint64_t)generation);
    return tw_content_stream(p->key, who | 1ull << 63);
}

static uint64_t shared_stream(const TwSessionPlant *p, int number)
{
    return tw_content_stream(p->key, (uint64_t)number);
}

// sessions

static void begin_chat(const TwSessionPlant *p, TwSession *s)
{
    uint32_t words[4];
    words_of(p, s, 0, TW_PURPOSE_SESSION, words);
    s->input = length_at(&p->first, tw_uniform(words[0]));
    if (tw_uniform(words[1]) < p->template_share) {
        s->template = 1 + (int32_t)(tw_uniform(words[2]) * p->template_count);
        s->fixed = length_at(&p->templates, (s->template - 0.5) / p->template_count);
    }
}

static void plan_messages(const TwSessionPlant *p, TwSession *s, double z_calls, double e)
{
    double rho = p->messages_corr, z = rho * z_calls + sqrt(1.0 - rho * rho) * e;
    int32_t messages = length_at(&p->messages, clamp_u(normal_cdf(z)));
    s->messages = messages < s->calls ? messages : s->calls;
}

// Whether the present call ends a message: of the calls left, the last and messages - 1 others do (selection sampling).
static void draw_end(const TwSessionPlant *p, TwSession *s)
{
    int32_t left = s->calls - s->turn;
    s->message_end = left <= 1;
    if (left > 1 && s->messages > 1) {
        uint32_t words[4];
        words_of(p, s, s->turn, TW_PURPOSE_SESSION, words);
        s->message_end = tw_uniform(words[3]) * (left - 1) < s->messages - 1;
    }
    if (s->message_end) s->messages--;
}

static void begin_agent(const TwSessionPlant *p, TwSession *s)
{
    uint32_t words[4], more[4];
    words_of(p, s, 0, TW_PURPOSE_CLIENT, words);
    words_of(p, s, 0, TW_PURPOSE_GROWTH, more);
    double u = tw_uniform(words[0]);
    int c = u < p->class_share[0] ? 0 : u < p->class_share[0] + p->class_share[1] ? 1 : 2;
    s->size_class = (int16_t)c;
    s->z = tw_normal_quantile(tw_uniform(words[1]));
    if (p->long_agents) {
        double own = exp(p->own_mu + p->own_sd * tw_normal_quantile(tw_uniform(words[2])));
        double turns = exp(p->turns_mu + p->turns_sd * s->z);
        s->input = p->fixed_tokens + tokens_of(fmin(fmax(own, 10e3), 990e3));
        s->calls = tokens_of(fmin(turns, 3000.0));
        s->messages = 1;
        s->window = 1000000;
    } else {
        s->window = (int32_t)(tw_uniform(words[2]) < p->long_window[c] ? p->long_window_tokens : p->window_tokens);
        s->input = length_at(&p->first_of[c], tw_uniform(words[3]));
        double rho = p->calls_corr;
        double z_calls = rho * s->z + sqrt(1.0 - rho * rho) * tw_normal_quantile(tw_uniform(more[2]));
        s->calls = length_at(&p->calls_of[c], clamp_u(normal_cdf(z_calls)));
        if (s->calls > 4000) s->calls = 4000;
        plan_messages(p, s, z_calls, tw_normal_quantile(tw_uniform(more[3])));
    }
    s->fixed = p->fixed_tokens;
    draw_end(p, s);
}

// The call after which a session starts its sub-agents: a place drawn among its calls.
static void draw_subagents(const TwSessionPlant *p, TwSession *s)
{
    s->subagents = false;
    if (p->kind != TW_AGENT || s->branch > 0 || p->sub_share <= 0.0) return;
    uint32_t words[4];
    words_of(p, s, 0, TW_PURPOSE_THINKING, words);
    if (tw_uniform(words[0]) >= p->sub_share) return;
    s->subagents = s->turn == (int32_t)(tw_uniform(words[1]) * s->calls);
}

void tw_session_begin(const TwSessionPlant *p, TwSession *s, uint64_t id, uint32_t cell)
{
    *s = (TwSession){.id = id, .cell = cell, .message_end = p->kind == TW_CHAT};
    if (p->kind == TW_CHAT)
        begin_chat(p, s);
    else
        begin_agent(p, s);
    if (p->context_tokens > 0 && s->input >= p->context_tokens) s->input = (int32_t)(p->context_tokens - 1);
    draw_subagents(p, s);
}

int tw_session_subagents(const TwSessionPlant *p, const TwSession *s)
{
    uint32_t words[4];
    words_of(p, s, 0, TW_PURPOSE_THINKING, words);
    // geometric, cut at the most seen
    double stay = 1.0 - 1.0 / p->sub_mean;
    int count = 1 + (int)(log(tw_uniform(words[2])) / log(stay));
    return count < p->sub_max ? count : p->sub_max;
}

bool tw_session_subagents_alone(const TwSessionPlant *p, const TwSession *s)
{
    uint32_t words[4];
    words_of(p, s, 0, TW_PURPOSE_THINKING, words);
    return tw_uniform(words[3]) < p->sub_alone;
}

void tw_session_branch(const TwSessionPlant *p, TwSession *s, const TwSession *parent, int number)
{
    *s = (TwSession){.id = parent->id, .cell = parent->cell, .branch = number, .window = parent->window};
    uint32_t words[4];
    words_of(p, s, 0, TW_PURPOSE_CLIENT, words);
    s->z = tw_normal_quantile(tw_uniform(words[0]));
    s->input = length_at(&p->sub_first, tw_uniform(words[1]));
    s->calls = length_at(&p->sub_calls, tw_uniform(words[2]));
    s->messages = 1;
    s->fixed = p->fixed_tokens;
    draw_end(p, s);
}

static int32_t output_of(const TwSessionPlant *p, const TwSession *s)
{
    uint32_t words[4];
    if (p->long_agents) return p->turn_output;
    words_of(p, s, s->turn, TW_PURPOSE_OUTPUT, words);
    const TwLengths *table = p->kind == TW_CHAT ? &p->output : s->message_end ? &p->out_end : &p->out_tool;
    return tokens_of(p->length_scale * tw_lengths_quantile(table, tw_uniform(words[0])));
}

static void add_segment(TwContent *content, uint64_t stream, int32_t start, int32_t *left, int32_t most)
{
    int32_t length = most < *left ? most : *left;
    if (length <= 0) return;
    content->segment[content->count++] = (TwSegment){stream, start, length};
    *left -= length;
}

void tw_session_call(const TwSessionPlant *p, const TwSession *s, TwCall *call)
{
    *call = (TwCall){.input = s->input, .output = output_of(p, s), .shared = s->shared};
    if (p->context_tokens > 0 && (int64_t)call->input + call->output > p->context_tokens)
        call->output = (int32_t)(p->context_tokens - call->input);
    int32_t left = s->input;
    TwContent *c = &call->content;
    if (p->kind == TW_CHAT) {
        add_segment(c, shared_stream(p, 0), 0, &left, p->global_tokens);
        if (s->template) add_segment(c, shared_stream(p, s->template), 0, &left, s->fixed);
    } else {
        add_segment(c, shared_stream(p, 0), 0, &left, s->fixed);
    }
    // the session's own stream counts from the beginning of the prompt
    uint64_t own = stream_of(p, s, s->generation);
    add_segment(c, own, s->input - left, &left, left);
    c->output_stream = own;
    c->output_start = s->input;
}

double tw_session_service_s(const TwSessionPlant *p, const TwCall *call)
{
    return p->service_fixed_s + p->service_s_per_output * call->output + p->service_s_per_input * call->input;
}

double tw_nominal_service_s(double input_tokens, double output_tokens)
{
    return 1.26 + 14.8e-3 * output_tokens + 16e-6 * input_tokens;
}

static bool next_chat(const TwSessionPlant *p, TwSession *s, double *gap_s)
{
    uint32_t words[4];
    words_of(p, s, s->turn, TW_PURPOSE_GAP, words);
    if (tw_uniform(words[0]) >= tw_chat_continue(p, s->turn + 1)) return false;
    int32_t new = tw_uniform(words[1]) < p->no_new ? 0 : length_at(&p->user, tw_uniform(words[2]));
    int64_t input = (int64_t)s->input + output_of(p, s) + new;
    if (input > 1000000000 || (p->context_tokens > 0 && input >= p->context_tokens)) return false;
    *gap_s = tw_lengths_quantile(&p->turn_gap, tw_uniform(words[3]));
    s->shared = s->input;
    s->input = (int32_t)input;
    s->turn++;
    return true;
}

static int32_t growth_of(const TwSessionPlant *p, const TwSession *s, double e)
{
    if (p->long_agents) return p->turn_input + p->turn_output;
    const TwLengths *table = &p->growth;
    bool early = s->size_class == 0;
    if (early && s->turn == 0 && s->branch == 0)
        table = &p->growth_first;
    else if (early && s->turn + 1 <= p->early_calls)
        table = &p->growth_early;
    double z = sqrt(p->growth_rho) * s->z + sqrt(1.0 - p->growth_rho) * e + p->growth_shift;
    return length_at(table, clamp_u(normal_cdf(z)));
}

static bool next_agent(const TwSessionPlant *p, TwSession *s, double *gap_s)
{
    if (s->turn + 1 >= s->calls) return false;
    uint32_t words[4], more[4];
    words_of(p, s, s->turn, TW_PURPOSE_GAP, words);
    words_of(p, s, s->turn, TW_PURPOSE_PREFIX, more);
    bool human = s->message_end;
    *gap_s = p->long_agents ? -p->tool_gap_mean_s * log(tw_uniform(words[0]))
                            : tw_lengths_quantile(human ? &p->human_gap : &p->tool_gap, tw_uniform(words[0]));

    double input = (double)s->input + growth_of(p, s, tw_normal_quantile(tw_uniform(words[1])));
    double most = p->compaction_fraction * s->window;
    if (p->context_tokens > 0) most = fmin(most, (double)(p->context_tokens - 1));
    int32_t before = s->input, kept = s->fixed < before ? s->fixed : before;
    if (input > most) {
        if (p->long_agents) return false;
        // compacted: a summary in a new stream behind the fixed part
        double summary = tw_lengths_quantile(&p->compacted, tw_uniform(more[0]));
        input = fmin(most, summary);
        s->generation++;
        s->fixed = p->fixed_tokens;
        s->shared = kept;
    } else if (tw_uniform(more[1]) < (human ? p->break_human : p->break_tool)) {
        s->generation++;
        s->fixed = tw_uniform(more[2]) < p->break_all ? 0 : p->fixed_tokens;
        s->shared = s->fixed < kept ? s->fixed : kept;
    } else {
        s->shared = before;
    }
    s->input = tokens_of(input);
    if (s->shared > s->input) s->shared = s->input;
    s->turn++;
    draw_end(p, s);
    return true;
}

bool tw_session_next(const TwSessionPlant *p, TwSession *s, double *gap_s)
{
    bool on = p->kind == TW_CHAT ? next_chat(p, s, gap_s) : next_agent(p, s, gap_s);
    if (on) draw_subagents(p, s);
    return on;
}

double tw_chat_continue(const TwSessionPlant *p, int turn)
{
    return (p->continue_a + turn - 1.0) / (p->continue_a + p->continue_b + turn - 1.0);
}

double tw_chat_turns(const TwSessionPlant *p) { return (p->continue_a + p->continue_b - 1.0) / (p->continue_b - 1.0); }

// thinking

// of deepseek-r1 in ServeGen: 0.216 Beta(16.62, 26.94) + 0.784 Beta(4.41, 1.17)
static const double think_w = 0.216, think_a[2] = {16.62, 4.41}, think_b[2] = {26.94, 1.17};

double tw_thinking_mean(void)
{
    double mean = 0.0;
    for (int k = 0; k < 2; k++) mean += (k == 0 ? think_w : 1.0 - think_w) * think_a[k] / (think_a[k] + think_b[k]);
    return mean;
}

// regularised incomplete beta function by its continued fraction (Lentz)
static double beta_cdf(double a, double b, double x)
{
    if (x <= 0.0) return 0.0;
    if (x >= 1.0) return 1.0;
    bool flip = x > (a + 1.0) / (a + b + 2.0);
    if (flip) {
        double t = a;
        a = b, b = t, x = 1.0 - x;
    }
    double front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    d = 1.0 / d;
    double f = d;
    for (int m = 1; m < 200; m++) {
        double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / (1.0 + even * d), c = 1.0 + even / c, f *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / (1.0 + odd * d), c = 1.0 + odd / c;
        f *= d * c;
        if (fabs(d * c - 1.0) < 1e-14) break;
    }
    return flip ? 1.0 - front * f : front * f;
}

double tw_thinking_share(double u, double v)
{
    int k = u < think_w ? 0 : 1;
    double low = 0.0, high = 1.0;
    for (int i = 0; i < 50; i++) {
        double x = 0.5 * (low + high);
        if (beta_cdf(think_a[k], think_b[k], x) < v)
            low = x;
        else
            high = x;
    }
    return 0.5 * (low + high);
}
