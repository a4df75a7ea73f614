// Reference cases of traffic: length tables, rate profiles, arrivals, chats, agents. Statistics of many seeds are
// compared with the traces that the parameters were fitted to (docs/traffic.md).
#include "models/workload/arrivals.h"
#include "models/workload/profile.h"
#include "models/workload/sessions.h"
#include "models/workload/trace_generate.h"
#include "models/workload/traffic.h"
#include "models/workload/validate.h"
#include "sim/order.h"

#include <stdlib.h>
#include <string.h>

// tables and profiles

static void table_rows(TwValidation *v)
{
    static const struct {
        const char *name;
        double mean;
    } means[] = {{"azure23_conv_in", 1137.655}, {"deepseek_r1_out", 1540.888}, {"agent_in", 120020.402}};
    static const struct {
        const char *name;
        double u, value;
    } quantiles[] = {{"azure23_conv_in", 0.37, 594.922},
                     {"azure23_conv_in", 0.925, 3341.707},
                     {"agent_in", 0.37, 83064.01},
                     {"agent_in", 0.925, 254998.26}};
    TwLengths lengths;
    for (size_t i = 0; i < sizeof means / sizeof *means; i++)
        if (tw_lengths_load(&lengths, means[i].name, NULL))
            tw_validation_row(v, "T6", means[i].name, "tokens", tw_lengths_mean(&lengths, INFINITY), means[i].mean,
                              TW_RELATIVE, 1e-6, "sum dp (b - a) / ln(b / a)");
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        char what[128];
        snprintf(what, sizeof what, "%s at u = %g", quantiles[i].name, quantiles[i].u);
        if (tw_lengths_load(&lengths, quantiles[i].name, NULL))
            tw_validation_row(v, "T7", what, "tokens", tw_lengths_quantile(&lengths, quantiles[i].u),
                              quantiles[i].value, TW_RELATIVE, 1e-6, "ln linear between knots");
    }

    TwProfile profile;
    static const double at_h[] = {14.0, 14.5, 15.25}, rate[] = {1.570600, 1.726100, 1.584487};
    if (!tw_profile_load(&profile, "azure24_conv", NULL)) return;
    for (int i = 0; i < 3; i++) {
        char what[128];
        snprintf(what, sizeof what, "azure24_conv at hour %g", at_h[i]);
        tw_validation_row(v, "T9", what, "1", tw_profile_rate(&profile, 3600.0 * at_h[i]), rate[i], TW_ABSOLUTE, 1e-6,
                          "linear profile");
    }
    // every hourly mean is what was given
    double worst = 0.0;
    for (int h = 0; h < profile.hours; h++) {
        double mean = tw_profile_integral(&profile, 3600.0 * h, 3600.0 * (h + 1)) / 3600.0;
        double middle = profile.to[2 * h], given = 0.25 * (profile.from[2 * h] + 2.0 * middle + profile.to[2 * h + 1]);
        worst = fmax(worst, fabs(mean - given) / fmax(given, 1e-9));
    }
    tw_validation_row(v, "T9", "largest error of an hourly mean", "1", worst, 0.0, TW_ABSOLUTE, 1e-12, "definition");
}

// draws of every table against its own CDF

static void draw_rows(TwValidation *v)
{
    enum { DRAWS = 100000 };
    const char *const *sets;
    int count = tw_traffic_length_sets(&sets);
    double *drawn = malloc(DRAWS * sizeof *drawn);
    if (!drawn) abort();
    static const double p[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
    static const char *const named[] = {"azure23_conv_in", "deepseek_r1_out", "agent_in"};
    double worst_ks = 0.0;
    for (int s = 0; s < 2 * count; s++) {
        char name[96];
        snprintf(name, sizeof name, "%s_%s", sets[s / 2], s % 2 ? "out" : "in");
        TwLengths lengths;
        if (!tw_lengths_load(&lengths, name, NULL)) continue;
        TwStream stream = tw_stream(1, name);
        for (int i = 0; i < DRAWS; i++)
            drawn[i] = tw_lengths_quantile(&lengths, tw_random(stream, (uint64_t)i, 0, TW_PURPOSE_INPUT));
        tw_sort(drawn, DRAWS);
        for (int i = 0; i < DRAWS; i++) {
            // flat parts of a table are steps of the CDF: both sides are looked at
            double above = tw_lengths_cdf(&lengths, drawn[i] * (1.0 + 1e-9));
            double below = tw_lengths_cdf(&lengths, drawn[i] * (1.0 - 1e-9));
            worst_ks = fmax(worst_ks, fmax(below - (double)(i + 1) / DRAWS, (double)i / DRAWS - above));
        }
        for (size_t k = 0; k < sizeof named / sizeof *named; k++) {
            if (strcmp(named[k], name) != 0) continue;
            for (int q = 0; q < 7; q++) {
                char what[160];
                snprintf(what, sizeof what, "p%g of 100,000 draws of %s", 100.0 * p[q], name);
                tw_validation_row(v, "T8", what, "tokens", drawn[(int)(p[q] * DRAWS)],
                                  tw_lengths_quantile(&lengths, p[q]), TW_RELATIVE, q < 6 ? 0.02 : 0.03, "its table");
            }
        }
    }
    free(drawn);
    tw_validation_row(v, "T8", "largest KS distance of 100,000 draws, all sets", "1", worst_ks, 0.0055, TW_AT_MOST, 0.0,
                      "their own CDF");
}

// sessions

static double at_share(double *values, int64_t count, double p)
{
    tw_sort(values, (size_t)count);
    return values[(int64_t)(p * (double)(count - 1))];
}

static bool agent_rows(TwValidation *v, TwError *error)
{
    enum { SEEDS = 4, SESSIONS = 3000, MOST = 6000000 };
    TwSessionPlant *plant = malloc(sizeof *plant);
    double *inputs = malloc(MOST * sizeof *inputs), *calls = malloc(SEEDS * SESSIONS * sizeof *calls);
    double *last = malloc(SEEDS * SESSIONS * sizeof *last);
    if (!plant || !inputs || !calls || !last) abort();
    int64_t n = 0, compactions = 0;
    double in = 0.0, hit = 0.0, out = 0.0, first_in = 0.0, first_out = 0.0, messages = 0.0;
    bool ok = true;
    for (int seed = 0; ok && seed < SEEDS; seed++) {
        ok = tw_session_plant(plant, TW_AGENT, "claude_code", tw_stream((uint64_t)seed + 1, "agents"), 1, error);
        for (int i = 0; ok && i < SESSIONS; i++) {
            TwSession s;
            tw_session_begin(plant, &s, (uint64_t)i, 0);
            double gap;
            do {
                TwCall call;
                tw_session_call(plant, &s, &call);
                if (n < MOST) inputs[n++] = call.input;
                in += call.input, hit += call.shared, out += call.output;
                if (s.turn == 0) first_in += call.input, first_out += call.output;
                messages += s.message_end;
                last[seed * SESSIONS + i] = call.input;
                compactions += s.turn > 0 && s.shared < s.input && s.shared <= s.fixed && s.generation > 0 ? 1 : 0;
            } while (tw_session_next(plant, &s, &gap));
            calls[seed * SESSIONS + i] = s.turn + 1;
        }
    }
    double sessions = SEEDS * SESSIONS;
    if (ok) {
        static const char *const source = "Claude Code sessions, generated row of the traffic page";
        tw_validation_row(v, "T16", "agent calls of a session, mean", "1", (double)n / sessions, 66.6, TW_RELATIVE,
                          0.05, source);
        tw_validation_row(v, "T16", "calls p50", "1", at_share(calls, SEEDS * SESSIONS, 0.5), 44, TW_RELATIVE, 0.08,
                          source);
        tw_validation_row(v, "T16", "calls p90", "1", at_share(calls, SEEDS * SESSIONS, 0.9), 153, TW_RELATIVE, 0.08,
                          source);
        tw_validation_row(v, "T16", "messages of a session", "1", messages / sessions, 4.2, TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "input mean", "tokens", in / (double)n, 123e3, TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "input p10", "tokens", at_share(inputs, n, 0.1), 39e3, TW_RELATIVE, 0.12, source);
        tw_validation_row(v, "T16", "input p50", "tokens", at_share(inputs, n, 0.5), 100e3, TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "input p90", "tokens", at_share(inputs, n, 0.9), 226e3, TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "share of input seen before", "1", hit / in, 0.961, TW_ABSOLUTE, 0.004, source);
        tw_validation_row(v, "T16", "uncached input over output", "1", (in - hit) / out, 10.7, TW_RELATIVE, 0.08,
                          source);
        tw_validation_row(v, "T16", "the same without first calls", "1", (in - hit - first_in) / (out - first_out), 7.6,
                          TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "last context p50", "tokens", at_share(last, SEEDS * SESSIONS, 0.5), 117e3,
                          TW_RELATIVE, 0.08, source);
        tw_validation_row(v, "T16", "contexts cut back, of calls", "1", (double)compactions / (double)n, NAN, TW_SHOWN,
                          0.0, source);
    }
    free(plant), free(inputs), free(calls), free(last);
    return ok;
}

static bool chat_rows(TwValidation *v, TwError *error)
{
    TwSessionPlant *plant = malloc(sizeof *plant);
    if (!plant) abort();
    bool ok = tw_session_plant(plant, TW_CHAT, "mooncake_conv", tw_stream(1, "chats"), 1, error);
    static const double want[] = {0.25301, 0.38703, 0.48032};
    for (int n = 1; ok && n <= 3; n++) {
        char what[128];
        snprintf(what, sizeof what, "chat goes on after turn %d", n);
        tw_validation_row(v, "T14", what, "1", tw_chat_continue(plant, n), want[n - 1], TW_ABSOLUTE, 3e-5, "fit");
    }
    // a and b are given to four digits, which the values above need five of
    if (ok)
        tw_validation_row(v, "T14", "mean turns of a chat", "1", tw_chat_turns(plant), 1.478891, TW_RELATIVE, 1e-5,
                          "(a + b - 1) / (b - 1)");
    free(plant);

    // thinking
    double sum = 0.0;
    enum { DRAWS = 20000 };
    TwStream stream = tw_stream(1, "thinking");
    for (int i = 0; i < DRAWS; i++) {
        uint32_t words[4];
        tw_random4(stream, (uint64_t)i, 0, TW_PURPOSE_THINKING, words);
        sum += tw_thinking_share(tw_uniform(words[0]), tw_uniform(words[1]));
    }
    tw_validation_row(v, "T17", "thinking share of the output, mean", "1", tw_thinking_mean(), 0.702026, TW_RELATIVE,
                      1e-6, "deepseek-r1, ServeGen");
    tw_validation_row(v, "T17", "the same of 20,000 draws", "1", sum / DRAWS, 0.702026, TW_ABSOLUTE, 0.005,
                      "deepseek-r1, ServeGen");
    return ok;
}

// arrivals and whole chats, through the generator and the description of traces

typedef struct Mean {
    double iat_cv, idc[4], empty, rate, hit, input;
} Mean;

static bool mean_of_seeds(const TwTrafficSpec *of, int seeds, double span_s, int block_tokens, Mean *mean,
                          TwError *error)
{
    *mean = (Mean){0};
    for (int s = 0; s < seeds; s++) {
        TwTrafficSpec spec = *of;
        spec.seed = of->seed + (uint64_t)s;
        TwTraffic *traffic;
        TwLayout layout = {0};
        TwTrace *trace;
        if (!tw_traffic_create(&traffic, &spec, &layout, error)) return false;
        void *block = tw_block_create(&layout);
        bool ok = tw_trace_generate(&trace, traffic, block, 1, 0, (int64_t)(span_s * 1e9), block_tokens, error);
        tw_block_destroy(block);
        tw_traffic_destroy(traffic);
        if (!ok) return false;
        TwTraceSummary d;
        tw_trace_summary(trace, &d);
        mean->iat_cv += d.iat_cv / seeds;
        for (int w = 0; w < 4; w++) mean->idc[w] += d.idc[w] / seeds;
        mean->empty += d.empty_fraction / seeds;
        mean->rate += (double)d.rows / span_s / seeds;
        mean->hit += d.token_hit / seeds;
        mean->input += d.input_mean / seeds;
        tw_trace_destroy(trace);
    }
    return true;
}

static bool arrival_rows(TwValidation *v, TwError *error)
{
    Mean m;
    TwTrafficSpec spec = {
        .name = "code", .seed = 100, .cells = 1, .arrival = "onoff", .rate_s = 2.567, .lengths = "azure23_code"};
    if (!mean_of_seeds(&spec, 20, 3420.0, 0, &m, error)) return false;
    static const char *const code = "Azure code trace 2023";
    tw_validation_row(v, "T12", "on/off code: IDC at 1 s, 20 seeds of 57 min", "1", m.idc[0], 13.2, TW_RELATIVE, 0.3,
                      code);
    tw_validation_row(v, "T12", "IDC at 10 s", "1", m.idc[1], 71.6, TW_RELATIVE, 0.3, code);
    tw_validation_row(v, "T12", "IDC at 60 s", "1", m.idc[2], 164.0, TW_RELATIVE, 0.3, code);
    tw_validation_row(v, "T12", "rate", "1/s", m.rate, 2.567, TW_RELATIVE, 0.05, code);
    tw_validation_row(v, "T12", "empty seconds", "1", m.empty, 0.69, TW_ABSOLUTE, 0.04, code);

    spec = (TwTrafficSpec){
        .name = "chat", .seed = 200, .cells = 1, .arrival = "cox", .rate_s = 5.53, .lengths = "azure23_conv"};
    if (!mean_of_seeds(&spec, 20, 3501.7, 0, &m, error)) return false;
    tw_validation_row(v, "T13", "Cox conversations: IAT CV, 20 seeds", "1", m.iat_cv, 1.08, TW_ABSOLUTE, 0.03,
                      "Azure conversation trace 2023");
    tw_validation_row(v, "T13", "IDC at 60 s", "1", m.idc[2], 14.0, TW_ABSOLUTE, 4.0, "Azure conversation trace 2023");

    spec = (TwTrafficSpec){.name = "gamma",
                           .seed = 5,
                           .cells = 1,
                           .arrival = "gamma",
                           .shape = 0.25,
                           .rate_s = 20.0,
                           .lengths = "azure23_conv"};
    if (!mean_of_seeds(&spec, 4, 3600.0, 0, &m, error)) return false;
    tw_validation_row(v, "T11", "gamma of shape 0.25: IAT CV", "1", m.iat_cv, 2.0, TW_RELATIVE, 0.02, "1/sqrt(k)");
    tw_validation_row(v, "T11", "IDC at 10 s, towards 1/k", "1", m.idc[1], 4.0, TW_RELATIVE, 0.10, "renewal theory");

    // chats: an hour that begins with nobody, as the trace does
    spec = (TwTrafficSpec){.name = "chats", .seed = 1, .cells = 1, .kind = "chat", .rate_s = 3.4, .span_s = 7200.0};
    if (!mean_of_seeds(&spec, 8, 3600.0, 512, &m, error)) return false;
    tw_validation_row(v, "T15", "chats: share of tokens seen before, 8 seeds of 1 h", "1", m.hit, 0.362, TW_ABSOLUTE,
                      0.015, "Mooncake conversations: 0.374");
    tw_validation_row(v, "T15", "input mean", "tokens", m.input, 12035, TW_RELATIVE, 0.08, "Mooncake conversations");
    return true;
}

// T10: a week of two profiles, hour by hour
static bool week_rows(TwValidation *v, TwError *error)
{
    static const char *const names[] = {"azure24_conv", "azure24_code"};
    for (int k = 0; k < 2; k++) {
        TwProfile profile;
        TwTraffic *traffic;
        TwLayout layout = {0};
        const TwTrafficSpec spec = {.name = "week",
                                    .seed = 11,
                                    .cells = 1,
                                    .arrival = "poisson",
                                    .rate_s = 1e6 / 604800.0,
                                    .profile = names[k],
                                    .lengths = "azure23_conv"};
        if (!tw_profile_load(&profile, names[k], error) || !tw_traffic_create(&traffic, &spec, &layout, error))
            return false;
        void *block = tw_block_create(&layout);
        tw_traffic_start(traffic, block);
        double worst = 0.0;
        for (int hour = 0; hour < 168; hour++) {
            int64_t until_ns = (hour + 1) * INT64_C(3600000000000);
            double count = 0.0;
            TwRequest request;
            for (; tw_traffic_peek(traffic, block, 0) < until_ns; count += 1.0)
                tw_traffic_pop(traffic, block, 0, &request);
            double want = spec.rate_s * tw_profile_integral(&profile, 3600.0 * hour, 3600.0 * (hour + 1));
            worst = fmax(worst, fabs(count - want) / sqrt(want));
        }
        tw_block_destroy(block);
        tw_traffic_destroy(traffic);
        char what[96];
        snprintf(what, sizeof what, "%s: farthest hour of a week of 10^6, in sqrt(n)", names[k]);
        tw_validation_row(v, "T10", what, "1", worst, 4.5, TW_AT_MOST, 0.0, "expectation of the hour");
    }
    return true;
}

// T1 to T5: the public traces, where they lie beside the checkout
static bool trace_rows(TwValidation *v, TwError *error)
{
    const char *data = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!data) {
        tw_validation_skip(v, "T1", "public traces", "TOKENWORKS_REFERENCE_DATA does not name their folder");
        return true;
    }
    const TwTraceOptions options = {.keep_blocks = true};
    char path[1024];
    TwTrace *trace;
    TwTraceSummary d;
    snprintf(path, sizeof path, "%s/traces/inference/azure_llm_2023_conv.csv.gz", data);
    if (!tw_trace_read(&trace, path, &options, error)) return false;
    tw_trace_summary(trace, &d);
    tw_trace_destroy(trace);
    static const char *const azure = "Azure 2023", *mooncake = "Mooncake FAST'25", *agents = "Claude Code sessions";
    tw_validation_row(v, "T1", "azure23_conv: requests", "1", (double)d.rows, 19366, TW_ABSOLUTE, 0, azure);
    tw_validation_row(v, "T1", "input tokens", "tokens", (double)d.input_sum, 22361870, TW_ABSOLUTE, 0, azure);
    tw_validation_row(v, "T1", "output tokens", "tokens", (double)d.output_sum, 4088665, TW_ABSOLUTE, 0, azure);
    tw_validation_row(v, "T1", "span", "s", d.span_s, 3501.721937, TW_ABSOLUTE, 1e-9, azure);
    snprintf(path, sizeof path, "%s/traces/inference/azure_llm_2023_code.csv.gz", data);
    if (!tw_trace_read(&trace, path, &options, error)) return false;
    tw_trace_summary(trace, &d);
    tw_trace_destroy(trace);
    tw_validation_row(v, "T5", "azure23_code: IAT CV", "1", d.iat_cv, 13.151, TW_RELATIVE, 1e-3, azure);
    tw_validation_row(v, "T5", "IDC at 1 s", "1", d.idc[0], 13.19, TW_RELATIVE, 1e-3, azure);
    tw_validation_row(v, "T5", "IDC at 10 s", "1", d.idc[1], 71.6, TW_RELATIVE, 1e-3, azure);
    tw_validation_row(v, "T5", "IDC at 60 s", "1", d.idc[2], 164.0, TW_RELATIVE, 1e-3, azure);
    tw_validation_row(v, "T5", "peak over mean, 1 s", "1", d.peak_over_mean, 26.1, TW_RELATIVE, 2e-3, azure);
    tw_validation_row(v, "T5", "empty seconds", "1", d.empty_fraction, 0.7339, TW_RELATIVE, 1e-3, azure);
    snprintf(path, sizeof path, "%s/traces/inference/mooncake_fast25_conversation.jsonl.gz", data);
    if (!tw_trace_read(&trace, path, &options, error)) return false;
    tw_trace_summary(trace, &d);
    tw_trace_destroy(trace);
    tw_validation_row(v, "T2", "Mooncake conversations: rows", "1", (double)d.rows, 12031, TW_ABSOLUTE, 0, mooncake);
    tw_validation_row(v, "T2", "input tokens", "tokens", (double)d.input_sum, 144793823, TW_ABSOLUTE, 0, mooncake);
    tw_validation_row(v, "T2", "blocks", "1", (double)d.blocks, 288500, TW_ABSOLUTE, 0, mooncake);
    tw_validation_row(v, "T2", "unique blocks", "1", (double)d.unique_blocks, 182790, TW_ABSOLUTE, 0, mooncake);
    tw_validation_row(v, "T2", "token hit, unbounded", "1", d.token_hit, 0.373624, TW_ABSOLUTE, 1e-6, mooncake);
    tw_validation_row(v, "T2", "block hit, unbounded", "1", d.block_hit, 0.366412, TW_ABSOLUTE, 1e-6, mooncake);
    snprintf(path, sizeof path, "%s/traces/agentic/claude_code_sessions_compact.csv.gz", data);
    if (!tw_trace_read(&trace, path, &options, error)) return false;
    tw_trace_summary(trace, &d);
    tw_trace_destroy(trace);
    tw_validation_row(v, "T3", "agent sessions: calls", "1", (double)d.calls, 46218, TW_ABSOLUTE, 0, agents);
    tw_validation_row(v, "T3", "sessions", "1", (double)d.sessions, 692, TW_ABSOLUTE, 0, agents);
    tw_validation_row(v, "T3", "shared with the call before, of parents", "1", d.parent_hit, 0.962256, TW_ABSOLUTE,
                      1e-6, agents);
    tw_validation_row(v, "T3", "input over output, of parents", "1", d.parent_ratio, 271.897, TW_RELATIVE, 3e-6,
                      agents);
    return true;
}

bool tw_validate_traffic(TwValidation *v, const char *file, TwError *error)
{
    if (file) return tw_fail(error, TW_BAD_INPUT, "traffic takes no table; tables of training runs go to `training`");
    table_rows(v);
    draw_rows(v);
    return tw_validate_jobs(v, error) && week_rows(v, error) && arrival_rows(v, error) && chat_rows(v, error) &&
           agent_rows(v, error) && trace_rows(v, error);
}
