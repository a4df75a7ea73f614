// Reference cases of traffic: length tables, rate profiles, arrivals, chats, agents. Statistics of many seeds are
// compared with the traces that the parameters were fitted to (docs/traffic.md).
#include "models/workload/arrivals.h"
#include "models/workload/profile.h"
#include "models/workload/sessions.h"
#include "models/workload/traffic.h"
#include "models/workload/validate.h"

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

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

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
        qsort(drawn, DRAWS, sizeof *drawn, rising);
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
    qsort(values, (size_t)count, sizeof *values, rising);
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

bool tw_validate_traffic(TwValidation *v, const char *file, TwError *error)
{
    if (file) return tw_fail(error, TW_BAD_INPUT, "traffic takes no table; tables of training runs go to `training`");
    table_rows(v);
    draw_rows(v);
    return chat_rows(v, error) && agent_rows(v, error);
}
