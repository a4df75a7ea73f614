#include "models/workload/lengths.h"

#include "models/workload/traffic.h"
#include "sim/random.h"
#include "tests/check.h"

static TwLengths load(const char *name)
{
    TwLengths lengths;
    TwError error = {0};
    CHECK(tw_lengths_load(&lengths, name, &error));
    if (error.text[0]) fprintf(stderr, "%s\n", error.text);
    return lengths;
}

// T6
static void means_of_the_shipped_tables(void)
{
    static const struct {
        const char *name;
        double mean;
    } known[] = {{"azure23_conv_in", 1137.655}, {"deepseek_r1_out", 1540.888}, {"agent_in", 120020.402}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        TwLengths lengths = load(known[k].name);
        CHECK_NEAR(tw_lengths_mean(&lengths, INFINITY), known[k].mean, 1e-6);
    }
}

// T7
static void quantiles_between_knots(void)
{
    TwLengths conv = load("azure23_conv_in"), agent = load("agent_in");
    CHECK_NEAR(tw_lengths_quantile(&conv, 0.37), 594.922, 1e-6);
    CHECK_NEAR(tw_lengths_quantile(&conv, 0.925), 3341.707, 1e-6);
    CHECK_NEAR(tw_lengths_quantile(&agent, 0.37), 83064.01, 1e-6);
    CHECK_NEAR(tw_lengths_quantile(&agent, 0.925), 254998.26, 1e-6);
}

// The guide is a short cut: it must give what a search from the first knot gives, at knots and beside them too.
static void guide_agrees_with_a_search(void)
{
    TwLengths lengths = load("deepseek_r1_out");
    for (int k = 0; k <= 20000; k++) {
        double u = k / 20000.0;
        int i = 0;
        while (i < TW_LENGTH_KNOTS - 2 && u >= tw_length_probability[i + 1]) i++;
        double want = exp(lengths.ln_value[i] + (u - tw_length_probability[i]) * lengths.slope[i]);
        CHECK(tw_lengths_quantile(&lengths, u) == want);
    }
}

// The mean of min(X, most) is also the integral of the quantile function, here by the midpoint rule.
static void cut_mean_agrees_with_quadrature(void)
{
    TwLengths conv = load("azure23_conv_in"), uniform;
    tw_lengths_uniform(&uniform, 0.8 * 1024.0, 1024.0);
    const TwLengths *both[] = {&conv, &uniform};
    const double most[] = {50.0, 900.0, 1000.0, 4096.0, 1e9};
    const int n = 200000;
    for (int t = 0; t < 2; t++)
        for (int m = 0; m < 5; m++) {
            double sum = 0.0;
            for (int k = 0; k < n; k++) sum += fmin(most[m], tw_lengths_quantile(both[t], (k + 0.5) / n));
            CHECK_NEAR(tw_lengths_mean(both[t], most[m]), sum / n, 1e-6);
        }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double ks_distance(const TwLengths *lengths, const double *x, int n)
{
    double ks = 0.0;
    for (int i = 0; i < n; i++) {
        // at a step of the table F(x-) and F(x) differ: only what lies outside both counts
        double above = tw_lengths_cdf(lengths, x[i] * (1.0 + 1e-12));
        double below = tw_lengths_cdf(lengths, x[i] * (1.0 - 1e-12));
        ks = fmax(ks, fmax(below - (i + 1.0) / n, (double)i / n - above));
    }
    return ks;
}

// T8: draws follow their own table, by Kolmogorov-Smirnov on 1e5 of them. Quantiles within 2 % (p99: 3 %) take 1e6,
// because at 1e5 the noise of a p95 or p99 on a steep part of a table is itself 1.5 %.
static void draws_follow_the_table(void)
{
    static const char *const names[] = {"azure23_conv_in", "azure23_code_out", "deepseek_r1_in", "agent_out",
                                        "mooncake_conv_in"};
    enum { N = 1000000, KS = 100000 };
    double *x = malloc(N * sizeof *x);
    for (size_t t = 0; t < sizeof names / sizeof *names; t++) {
        TwLengths lengths = load(names[t]);
        TwStream stream = tw_stream(7, names[t]);
        for (int i = 0; i < N; i++)
            x[i] = tw_lengths_quantile(&lengths, tw_random(stream, (uint64_t)i, 0, TW_PURPOSE_INPUT));
        qsort(x, KS, sizeof *x, rising);
        CHECK(ks_distance(&lengths, x, KS) < 0.0055);
        qsort(x, N, sizeof *x, rising);
        const double p[] = {0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
        for (int k = 0; k < 7; k++)
            CHECK_NEAR(x[(int)(p[k] * N)], tw_lengths_quantile(&lengths, p[k]), p[k] > 0.98 ? 0.03 : 0.02);
    }
    free(x);
}

static void cdf_undoes_quantile(void)
{
    TwLengths lengths = load("agent_in");
    for (int k = 1; k < 1000; k++) {
        double u = k / 1000.0;
        CHECK_WITHIN(tw_lengths_cdf(&lengths, tw_lengths_quantile(&lengths, u)), u, 1e-9);
    }
    CHECK(tw_lengths_cdf(&lengths, 1.0) == 0.0);
    CHECK(tw_lengths_cdf(&lengths, 1e9) == 1.0);
}

static void every_named_set_loads(void)
{
    const char *const *names;
    int count = tw_traffic_length_sets(&names);
    CHECK(count >= 8);
    for (int i = 0; i < count; i++) {
        TwLengths input, output;
        TwError error = {0};
        CHECK(tw_lengths_load_set(&input, &output, names[i], &error));
        CHECK(tw_lengths_mean(&input, INFINITY) > 1.0);
    }
}

static void bad_tables_are_named(void)
{
    TwLengths input, output;
    TwError error = {0};
    CHECK(!tw_lengths_load_set(&input, &output, "azure23_cnov", &error));
    CHECK_HOLDS(error.text, "azure23_cnov");
    CHECK_HOLDS(error.text, "did you mean \"azure23_conv\"");
    CHECK(!tw_lengths_load(&input, "azure23_conv_inn", &error));
    CHECK_HOLDS(error.text, "azure23_conv_in\"");
    CHECK(!tw_lengths_load_set(&input, &output, "azure24_conv", &error));    // its outputs were not published
    CHECK_HOLDS(error.text, "azure24_conv_out");

    double values[TW_LENGTH_KNOTS];
    for (int i = 0; i < TW_LENGTH_KNOTS; i++) values[i] = 1.0 + i;
    CHECK(tw_lengths_make(&input, "mine", values, &error));
    values[3] = 1.5;
    CHECK(!tw_lengths_make(&input, "mine", values, &error));
    CHECK_HOLDS(error.text, "mine: value 1.5 at probability 0.05, expected 3 or more");
    values[0] = 0.0;
    CHECK(!tw_lengths_make(&input, "mine", values, &error));
    CHECK_HOLDS(error.text, "above 0");
}

int main(void)
{
    means_of_the_shipped_tables();
    quantiles_between_knots();
    guide_agrees_with_a_search();
    cut_mean_agrees_with_quadrature();
    draws_follow_the_table();
    cdf_undoes_quantile();
    every_named_set_loads();
    bad_tables_are_named();
    return check_failures != 0;
}
