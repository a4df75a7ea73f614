#include "models/workload/traffic.h"

#include "models/workload/arrivals.h"
#include "models/workload/sessions.h"
#include "tests/check.h"

// A source with its state, for tests.
typedef struct Source {
    TwTraffic *traffic;
    TwLayout layout;
    void *block;
} Source;

static Source open_source(TwTrafficSpec spec)
{
    Source source = {0};
    TwError error = {0};
    if (!spec.lengths) spec.lengths = "azure23_conv";
    if (!spec.name) spec.name = "chat";
    if (!spec.cells) spec.cells = 1;
    if (!tw_traffic_create(&source.traffic, &spec, &source.layout, &error)) {
        tw_error_print(&error, stderr);
        exit(1);
    }
    source.block = tw_block_create(&source.layout);
    tw_traffic_start(source.traffic, source.block);
    return source;
}

static void close_source(Source *source)
{
    tw_block_destroy(source->block);
    tw_traffic_destroy(source->traffic);
}

static TwRequest pop(const Source *source, int cell)
{
    TwRequest request;
    int64_t at_ns = tw_traffic_peek(source->traffic, source->block, cell);
    tw_traffic_pop(source->traffic, source->block, cell, &request);
    CHECK(request.arrival_ns == at_ns);
    return request;
}

// arrival times of one cell before until_s, in seconds; returns how many
static int times_until(const Source *source, int cell, double until_s, double *times, int most)
{
    int count = 0;
    while ((double)tw_traffic_peek(source->traffic, source->block, cell) * 1e-9 < until_s) {
        TwRequest request = pop(source, cell);
        if (count < most) times[count] = 1e-9 * (double)request.arrival_ns;
        count++;
    }
    CHECK(count <= most);
    return count;
}

static double cv_of_intervals(const double *times, int count)
{
    double mean = (times[count - 1] - times[0]) / (count - 1), square = 0.0;
    for (int i = 1; i < count; i++) square += pow(times[i] - times[i - 1] - mean, 2.0);
    return sqrt(square / (count - 1)) / mean;
}

// population variance over mean of counts in windows from from_s; also the share of empty windows
static double dispersion(const double *times, int count, double from_s, double until_s, double window_s, double *empty)
{
    int windows = (int)floor((until_s - from_s) / window_s), none = 0;
    double *counts = calloc((size_t)windows, sizeof *counts);
    for (int i = 0; i < count; i++) {
        int w = (int)floor((times[i] - from_s) / window_s);
        if (w >= 0 && w < windows) counts[w] += 1.0;
    }
    double mean = 0.0, square = 0.0;
    for (int w = 0; w < windows; w++) mean += counts[w] / windows;
    for (int w = 0; w < windows; w++) {
        square += (counts[w] - mean) * (counts[w] - mean) / windows;
        none += counts[w] == 0.0;
    }
    free(counts);
    if (empty) *empty = (double)none / windows;
    return square / mean;
}

static double *many(int count)
{
    double *times = calloc((size_t)count, sizeof *times);
    if (!times) abort();
    return times;
}

// Poisson: the rate, exponential intervals (CV 1) and independent windows (IDC 1).
static void poisson_is_memoryless(void)
{
    Source source = open_source((TwTrafficSpec){.arrival = "poisson", .rate_s = 50.0, .seed = 3});
    double *times = many(800000), until_s = 4.0 * 3600.0;
    int count = times_until(&source, 0, until_s, times, 800000);
    CHECK_NEAR(count, 50.0 * until_s, 4.5 / sqrt(50.0 * until_s));
    CHECK_NEAR(cv_of_intervals(times, count), 1.0, 0.01);
    CHECK_NEAR(dispersion(times, count, 0.0, until_s, 1.0, NULL), 1.0, 0.06);
    for (int i = 1; i < count; i++) CHECK(times[i] >= times[i - 1]);
    free(times);
    close_source(&source);
}

// T11: gamma of shape k has CV 1/sqrt(k), and IDC -> CV^2 in long windows. Weibull's CV is known too.
static void renewal_intervals_have_their_variation(void)
{
    double *times = many(1000000);
    double until_s = 24.0 * 3600.0;
    Source source = open_source((TwTrafficSpec){.arrival = "gamma", .shape = 0.25, .rate_s = 10.0, .seed = 5});
    int count = times_until(&source, 0, until_s, times, 1000000);
    CHECK_NEAR(count, 10.0 * until_s, 4.5 * 2.0 / sqrt(10.0 * until_s));
    CHECK_NEAR(cv_of_intervals(times, count), 2.0, 0.02);
    CHECK_NEAR(dispersion(times, count, 0.0, until_s, 60.0, NULL), 4.0, 0.10);
    close_source(&source);

    double shape = 0.6, m1 = tgamma(1.0 + 1.0 / shape), m2 = tgamma(1.0 + 2.0 / shape);
    source = open_source((TwTrafficSpec){.arrival = "weibull", .shape = shape, .rate_s = 10.0, .seed = 6});
    count = times_until(&source, 0, until_s, times, 1000000);
    double cv = sqrt(m2 / (m1 * m1) - 1.0);
    CHECK_NEAR(count, 10.0 * until_s, 4.5 * cv / sqrt(10.0 * until_s));
    CHECK_NEAR(cv_of_intervals(times, count), cv, 0.02);
    close_source(&source);
    free(times);
}

// Slabs begin in equilibrium: the first minute after a border is as busy as any. Without the length-biased first
// interval a gamma stream of k = 0.4 would begin up to 0.75 requests too high.
static void slabs_begin_in_equilibrium(void)
{
    static const char *const kinds[] = {"gamma", "weibull"};
    for (int k = 0; k < 2; k++) {
        Source source = open_source((TwTrafficSpec){.arrival = kinds[k], .shape = 0.4, .rate_s = 0.2, .seed = 8});
        const int slabs = 4000;
        int early = 0, all = 0;
        while (tw_traffic_peek(source.traffic, source.block, 0) < slabs * TW_SLAB_NS) {
            TwRequest request = pop(&source, 0);
            early += request.arrival_ns % TW_SLAB_NS < INT64_C(10000000000);
            all++;
        }
        // 2 requests expected in 10 s; their variance is below 4 times Poisson's
        CHECK_WITHIN((double)early / slabs, 2.0, 4.5 * sqrt(4.0 * 2.0 / slabs));
        CHECK_NEAR((double)all / slabs, 720.0, 0.01);
        close_source(&source);
    }
}

// T10: each hour of a week within 4.5 sqrt(n) of what the profile says.
static void hours_of_a_week_follow_the_profile(void)
{
    static const char *const names[] = {"azure24_conv", "azure24_code", "market_hours"};
    for (int k = 0; k < 3; k++) {
        TwProfile profile;
        CHECK(tw_profile_load(&profile, names[k], NULL));
        double rate_s = 1e6 / 604800.0, start_s = 5.25 * 3600.0;
        Source source = open_source((TwTrafficSpec){
            .arrival = "poisson", .rate_s = rate_s, .seed = 11, .profile = names[k], .start_s = start_s});
        for (int hour = 0; hour < 168; hour++) {
            int64_t until_ns = (hour + 1) * TW_SLAB_NS;
            int count = 0;
            while (tw_traffic_peek(source.traffic, source.block, 0) < until_ns) {
                pop(&source, 0);
                count++;
            }
            double from_s = start_s + 3600.0 * hour;
            double want = rate_s * tw_profile_integral(&profile, from_s, from_s + 3600.0);
            CHECK_WITHIN(count, want, 4.5 * sqrt(want));
            CHECK_NEAR(tw_traffic_rate_s(source.traffic, 3600.0 * hour), rate_s * tw_profile_rate(&profile, from_s),
                       1e-12);
        }
        close_source(&source);
    }
}

// The time change is exact: operational time of the arrivals of a steep profile is a unit Poisson process, so the
// intervals, mapped forward by the integral that the profile gives, have mean 1 and CV 1.
static void time_change_undoes_the_profile(void)
{
    TwProfile profile;
    CHECK(tw_profile_load(&profile, "azure24_code", NULL));
    Source source = open_source(
        (TwTrafficSpec){.arrival = "gamma", .shape = 4.0, .rate_s = 2.0, .seed = 12, .profile = "azure24_code"});
    double *times = many(400000);
    int count = times_until(&source, 0, 7.0 * 3600.0, times, 400000);
    for (int i = 0; i < count; i++) times[i] = 2.0 * tw_profile_integral(&profile, 0.0, times[i]);
    CHECK_NEAR(times[count - 1], count, 4.5 * 0.5 / sqrt(count));
    CHECK_NEAR(cv_of_intervals(times, count), 0.5, 0.02);
    free(times);
    close_source(&source);
}

// T12: the on/off model of the code trace, 20 seeds of 57 min. Real: IDC 13.2, 71.6, 164, empty seconds 0.734.
static void onoff_makes_the_bursts_of_the_code_trace(void)
{
    double *times = many(200000), idc[3] = {0.0}, requests = 0.0, empty = 0.0, until_s = 57.0 * 60.0;
    const int seeds = 20;
    for (int s = 0; s < seeds; s++) {
        Source source = open_source(
            (TwTrafficSpec){.arrival = "onoff", .rate_s = 2.567, .seed = 100 + (uint64_t)s, .name = "code"});
        int count = times_until(&source, 0, until_s, times, 200000);
        const double window_s[] = {1.0, 10.0, 60.0};
        for (int w = 0; w < 3; w++) {
            double none;
            idc[w] += dispersion(times, count, 0.0, until_s, window_s[w], &none) / seeds;
            if (w == 0) empty += none / seeds;
        }
        requests += count / until_s / seeds;
        close_source(&source);
    }
    printf("onoff: rate %.3f /s, IDC %.2f %.1f %.1f, empty %.3f\n", requests, idc[0], idc[1], idc[2], empty);
    CHECK_NEAR(idc[0], 13.2, 0.30);
    CHECK_NEAR(idc[1], 71.6, 0.30);
    CHECK_NEAR(idc[2], 164.0, 0.30);
    CHECK_WITHIN(empty, 0.69, 0.04);
    free(times);
}

// The rate of T12 within 5 %, over enough hours for the noise of such bursts (0.6 % at 1,000 h) to be small beside it.
static void onoff_keeps_the_rate_asked_for(void)
{
    Source source = open_source((TwTrafficSpec){.arrival = "onoff", .rate_s = 2.567, .seed = 17, .name = "code"});
    int64_t count = 0;
    for (; tw_traffic_peek(source.traffic, source.block, 0) < 1000 * TW_SLAB_NS; count++) pop(&source, 0);
    CHECK_NEAR((double)count / 3.6e6, 2.567, 0.03);
    close_source(&source);
}

// T13: the two-component Cox process of the conversation trace, 20 seeds. Real: CV 1.094, IDC 1.39, 3.86, 16.1.
static void cox_makes_the_bursts_of_the_conversation_trace(void)
{
    double *times = many(200000), idc[3] = {0.0}, cv = 0.0, requests = 0.0, until_s = 3501.7;
    const int seeds = 20;
    for (int s = 0; s < seeds; s++) {
        Source source = open_source((TwTrafficSpec){.arrival = "cox", .rate_s = 5.53, .seed = 200 + (uint64_t)s});
        int count = times_until(&source, 0, until_s, times, 200000);
        const double window_s[] = {1.0, 10.0, 60.0};
        for (int w = 0; w < 3; w++) idc[w] += dispersion(times, count, 0.0, until_s, window_s[w], NULL) / seeds;
        cv += cv_of_intervals(times, count) / seeds;
        requests += count / until_s / seeds;
        close_source(&source);
    }
    printf("cox: rate %.3f /s, CV %.3f, IDC %.2f %.2f %.1f\n", requests, cv, idc[0], idc[1], idc[2]);
    CHECK(cv > 1.05 && cv < 1.11);
    CHECK_WITHIN(idc[2], 14.0, 4.0);
    CHECK_NEAR(requests, 5.53, 0.05);
    free(times);
}

static double normal_cdf(double z) { return 0.5 * erfc(-z / sqrt(2.0)); }

// A slab of the on/off process begins in equilibrium: ON with its share of time, and what is left of the period has
// mean E[X^2] / (2 E[X]), for the lognormal ON and the capped lognormal OFF lengths.
static void onoff_slabs_begin_in_equilibrium(void)
{
    TwArrivals arrivals = {.rate_s = 1.0, .stream = tw_stream(1, "equilibrium")};
    CHECK(tw_profile_load(&arrivals.profile, "flat", NULL));
    CHECK(tw_bursts_load(&arrivals.bursts, TW_ONOFF, "azure23_code", NULL));
    const TwBursts *b = &arrivals.bursts;
    double on = exp(b->on_mu + 0.5 * b->on_sd * b->on_sd), on2 = exp(2.0 * b->on_mu + 2.0 * b->on_sd * b->on_sd);
    double s = b->off_sd, cap = b->off_cap_s, edge = (log(cap) - b->off_mu) / s;
    double off = exp(b->off_mu + 0.5 * s * s) * normal_cdf(edge - s) + cap * normal_cdf(-edge);
    double off2 = exp(2.0 * b->off_mu + 2.0 * s * s) * normal_cdf(edge - 2.0 * s) + cap * cap * normal_cdf(-edge);

    const int slabs = 200000;
    int begun_on = 0;
    double on_left = 0.0, off_left = 0.0;
    for (int64_t k = 0; k < slabs; k++) {
        TwArrivalCursor cursor;
        tw_arrivals_start(&arrivals, &cursor, 0, k);
        begun_on += cursor.amplitude > 0.0;
        if (cursor.amplitude > 0.0)
            on_left += cursor.switch_s;
        else
            off_left += cursor.switch_s;
    }
    CHECK_NEAR((double)begun_on / slabs, on / (on + off), 0.02);
    CHECK_NEAR(on_left / begun_on, on2 / (2.0 * on), 0.05);
    CHECK_NEAR(off_left / (slabs - begun_on), off2 / (2.0 * off), 0.02);
}

// Section 2: the modulator of a slab starts 20 tau before it, so it joins that of the slab before to 2e-9.
static void cox_slabs_join(void)
{
    TwArrivals arrivals = {.rate_s = 20.0, .stream = tw_stream(1, "join")};
    CHECK(tw_profile_load(&arrivals.profile, "flat", NULL));
    CHECK(tw_bursts_load(&arrivals.bursts, TW_COX, "azure23_conv", NULL));
    TwArrivalCursor cursor, before = {0};
    tw_arrivals_start(&arrivals, &cursor, 0, 0);
    for (int64_t border = 1; border <= 3; border++) {
        while (cursor.slab < border) {
            int64_t at_ns[2], slab, first;
            before = cursor;
            CHECK(tw_arrivals_fill(&arrivals, &cursor, 0, 2, at_ns, &slab, &first) > 0);
        }
        // the slow component: the grid point left of the border is known to both
        int64_t behind = cursor.grid[1] - before.grid[1];
        CHECK(behind == 0 || behind == 1);
        CHECK_WITHIN(behind ? before.right[1] : before.left[1], cursor.left[1], 1e-8);
    }
}

// Bursts are those of the class: cells swing together, so the pooled stream is as bursty as one cell with all of it.
static void cells_swing_together(void)
{
    enum { CELLS = 8, MOST = 400000 };
    double *times = many(MOST), until_s = 3600.0;
    Source source = open_source((TwTrafficSpec){.arrival = "onoff", .rate_s = 20.0, .seed = 9, .cells = CELLS});
    double per_cell[CELLS], mean = 0.0;
    int count = 0;
    for (int c = 0; c < CELLS; c++) {
        int found = times_until(&source, c, until_s, times + count, MOST - count);
        per_cell[c] = found;
        mean += per_cell[c] / CELLS;
        count += found;
    }
    CHECK(dispersion(times, count, 0.0, until_s, 10.0, NULL) > 100.0);
    for (int c = 0; c < CELLS; c++) CHECK_WITHIN(per_cell[c], mean, 4.5 * sqrt(mean));
    free(times);
    close_source(&source);
}

static bool same_request(const TwRequest *a, const TwRequest *b)
{
    return a->arrival_ns == b->arrival_ns && a->input_tokens == b->input_tokens && a->output_tokens == b->output_tokens;
}

// T19: the window from hour 1 alone is the same as cut from a run from zero; so is any other start.
static void a_window_alone_is_the_window_cut(void)
{
    static const char *const kinds[] = {"poisson", "gamma", "weibull", "cox", "onoff"};
    const int64_t starts[] = {TW_SLAB_NS, TW_SLAB_NS + 1234567890123, 3 * TW_SLAB_NS - 5};
    for (int k = 0; k < 5; k++)
        for (int s = 0; s < 3; s++) {
            TwTrafficSpec spec = {
                .arrival = kinds[k], .rate_s = 3.0, .shape = 0.5, .seed = 21, .cells = 2, .profile = "deepseek_day"};
            Source whole = open_source(spec), alone = open_source(spec);
            tw_traffic_seek(alone.traffic, alone.block, starts[s]);
            for (int c = 0; c < 2; c++) {
                while (tw_traffic_peek(whole.traffic, whole.block, c) < starts[s]) pop(&whole, c);
                for (int i = 0; i < 3000; i++) {
                    TwRequest a = pop(&whole, c), b = pop(&alone, c);
                    CHECK(same_request(&a, &b));
                }
            }
            close_source(&whole);
            close_source(&alone);
        }
}

// runs every cell for two hours on some threads and gives the checksum of the block
static uint64_t checksum_after(TwTrafficSpec spec, int threads, uint64_t *requests)
{
    Source source = open_source(spec);
    uint64_t sum = 0;
    (void)threads;    // where there is no OpenMP
#pragma omp parallel for num_threads(threads) schedule(dynamic) reduction(+ : sum)
    for (int c = 0; c < spec.cells; c++) {
        TwRequest request;
        while (tw_traffic_peek(source.traffic, source.block, c) < 2 * TW_SLAB_NS) {
            tw_traffic_pop(source.traffic, source.block, c, &request);
            sum += (uint64_t)request.arrival_ns * 31 + (uint64_t)request.input_tokens * 7 +
                   (uint64_t)request.output_tokens + request.id;
        }
    }
    *requests = sum;
    uint64_t checksum = tw_block_checksum(source.block, source.layout.bytes);
    close_source(&source);
    return checksum;
}

// T19: the same bytes for 1, 2 and 16 threads; another name or seed gives another stream.
static void threads_do_not_change_a_byte(void)
{
    static const char *const kinds[] = {"poisson", "gamma", "cox", "onoff"};
    for (int k = 0; k < 4; k++) {
        TwTrafficSpec spec = {.arrival = kinds[k], .rate_s = 40.0, .shape = 0.5, .seed = 31, .cells = 16};
        uint64_t one, two, sixteen, other, seeded;
        uint64_t block = checksum_after(spec, 1, &one);
        CHECK(checksum_after(spec, 2, &two) == block && two == one);
        CHECK(checksum_after(spec, 16, &sixteen) == block && sixteen == one);
        spec.name = "other";
        CHECK(checksum_after(spec, 1, &other) != block && other != one);
        spec.name = "chat";
        spec.seed = 32;
        CHECK(checksum_after(spec, 1, &seeded) != block && seeded != one);
    }
}

// A copied block goes on as the original does: a fork.
static void a_copied_block_goes_on_the_same(void)
{
    Source source = open_source((TwTrafficSpec){.arrival = "onoff", .rate_s = 30.0, .seed = 41});
    for (int i = 0; i < 1000; i++) pop(&source, 0);
    Source fork = source;
    fork.block = tw_block_create(&source.layout);
    memcpy(fork.block, source.block, source.layout.bytes);
    for (int i = 0; i < 5000; i++) {
        TwRequest a = pop(&source, 0), b = pop(&fork, 0);
        CHECK(same_request(&a, &b) && a.id == b.id);
    }
    CHECK(tw_block_checksum(source.block, source.layout.bytes) == tw_block_checksum(fork.block, fork.layout.bytes));
    tw_block_destroy(fork.block);
    close_source(&source);
}

// Independence (traffic page, opening): input and output of a request are drawn from different streams.
static void lengths_have_their_means_and_do_not_correlate(void)
{
    Source source = open_source((TwTrafficSpec){.arrival = "poisson", .rate_s = 100.0, .seed = 51});
    const int n = 200000;
    double in = 0.0, out = 0.0, in2 = 0.0, out2 = 0.0, both = 0.0;
    for (int i = 0; i < n; i++) {
        TwRequest request = pop(&source, 0);
        double x = request.input_tokens, y = request.output_tokens;
        CHECK(x >= 1.0 && y >= 1.0 && request.id == (uint32_t)i);
        in += x / n, out += y / n, in2 += x * x / n, out2 += y * y / n, both += x * y / n;
    }
    double want_in, want_out, sd_in = sqrt(in2 - in * in), sd_out = sqrt(out2 - out * out);
    CHECK(tw_traffic_mean_tokens(source.traffic, &want_in, &want_out));
    CHECK_WITHIN(in, want_in, 4.5 * sd_in / sqrt(n));
    CHECK_WITHIN(out, want_out, 4.5 * sd_out / sqrt(n));
    CHECK_WITHIN((both - in * out) / (sd_in * sd_out), 0.0, 4.5 / sqrt(n));
    close_source(&source);
}

static void context_cuts_and_counts(void)
{
    TwTrafficSpec spec = {.arrival = "poisson", .rate_s = 100.0, .seed = 61};
    Source plain = open_source(spec);
    spec.context_tokens = 1200;
    spec.length_scale = 1.0;
    Source cut = open_source(spec);
    int64_t want = 0;
    for (int i = 0; i < 20000; i++) {
        TwRequest a = pop(&plain, 0), b = pop(&cut, 0);
        bool over = a.input_tokens + a.output_tokens > 1200;
        want += over;
        CHECK(b.input_tokens + b.output_tokens <= 1200 && b.output_tokens >= 1);
        CHECK(over || same_request(&a, &b));
        CHECK(b.input_tokens == (a.input_tokens < 1199 ? a.input_tokens : 1199));
    }
    CHECK(want > 1000 && tw_traffic_truncated(cut.traffic, cut.block) == want);
    CHECK(tw_traffic_truncated(plain.traffic, plain.block) == 0);
    close_source(&plain);
    close_source(&cut);
}

static void scale_and_simple_lengths(void)
{
    Source constant = open_source((TwTrafficSpec){.arrival = "poisson",
                                                  .rate_s = 1.0,
                                                  .lengths = "constant",
                                                  .input_tokens = 1024.0,
                                                  .output_tokens = 256.0,
                                                  .length_scale = 2.0});
    Source uniform = open_source((TwTrafficSpec){
        .arrival = "poisson", .rate_s = 1.0, .lengths = "uniform", .input_tokens = 8192.0, .output_tokens = 1024.0});
    double sum = 0.0;
    const int n = 20000;
    for (int i = 0; i < n; i++) {
        TwRequest a = pop(&constant, 0), b = pop(&uniform, 0);
        CHECK(a.input_tokens == 1024 && a.output_tokens == 512);
        CHECK(b.input_tokens >= 6553 && b.input_tokens <= 8192 && b.output_tokens >= 819 && b.output_tokens <= 1024);
        sum += b.input_tokens;
    }
    CHECK_NEAR(sum / n, 0.9 * 8192.0, 0.003);
    close_source(&constant);
    close_source(&uniform);
}

static void expect_error(TwTrafficSpec spec, const char *text)
{
    TwTraffic *traffic;
    TwLayout layout = {0};
    TwError error = {0};
    if (!spec.lengths) spec.lengths = "azure23_conv";
    spec.name = "chat";
    spec.cells = 1;
    CHECK(!tw_traffic_create(&traffic, &spec, &layout, &error));
    CHECK(traffic == NULL && error.status != TW_DONE);
    CHECK_HOLDS(error.text, text);
}

static void bad_settings_are_named(void)
{
    expect_error((TwTrafficSpec){.arrival = "poison", .rate_s = 1.0}, "did you mean \"poisson\"");
    expect_error((TwTrafficSpec){.arrival = "bursty", .rate_s = 1.0}, "expected poisson, gamma");
    expect_error((TwTrafficSpec){.arrival = "closed", .rate_s = 1.0}, "users = 0, expected 1 or more");
    expect_error((TwTrafficSpec){.arrival = "periodic", .users = 2, .period_s = 1.0, .jitter_s = 0.6},
                 "jitter_s = 0.6");
    expect_error((TwTrafficSpec){.arrival = "clients", .rate_s = 1.0, .client_service = "servegen_lage"},
                 "servegen_large");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .kind = "agnet"}, "did you mean \"agent\"");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .prefix = {.kind = "template"}}, "templates");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .prefix = {.kind = "global"}},
                 "prefix tokens = 0");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .rho_in_out = 1.5}, "rho_in_out = 1.5");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .kind = "agent", .sessions = "claude"},
                 "llmd_agentic");
    expect_error((TwTrafficSpec){.arrival = "poisson"}, "rate_s = 0, expected above 0");
    expect_error((TwTrafficSpec){.arrival = "gamma", .rate_s = 1.0}, "shape = 0, expected above 0");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1e7}, "requests an hour and cell");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .lengths = "mooncake_cov"}, "mooncake_conv");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .profile = "azure24_cov"}, "azure24_conv");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .context_tokens = 1}, "context_tokens = 1");
    expect_error((TwTrafficSpec){.arrival = "poisson", .rate_s = 1.0, .lengths = "constant"}, "input_tokens = 0");
    expect_error((TwTrafficSpec){.arrival = "cox", .rate_s = 1.0, .bursts = "azure23_code"}, "azure23_conv");
    expect_error((TwTrafficSpec){.arrival = "replay"}, "replay without a file");
}

// Where nobody answers, the next call of a user comes after the nominal time of this one's tokens.
static void users_take_the_nominal_time(void)
{
    TwTrafficSpec spec = {.arrival = "closed", .users = 1, .lengths = "constant", .apart = true};
    spec.input_tokens = 1000.0, spec.output_tokens = 100.0;
    Source source = open_source(spec);
    int64_t before_ns = pop(&source, 0).arrival_ns;
    CHECK(llabs(pop(&source, 0).arrival_ns - before_ns - INT64_C(2756000000)) <= 1);
    close_source(&source);
}

// The table of workload.arrival lets through exactly the kinds that create knows.
static void every_kind_word_can_be_created(void)
{
    const TwField *kind = &tw_arrival_kind.fields[0];
    CHECK_TEXT(kind->name, "kind");
    for (int k = 0; kind->words[k]; k++) {
        if (strcmp(kind->words[k], "replay") == 0) continue;
        TwArrivalRow row = {.kind = kind->words[k],
                            .rate_s = 2.0,
                            .shape = 1.0,
                            .profile = "flat",
                            .bursts = "",
                            .file = "",
                            .users = 10,
                            .period_s = 5.0,
                            .time_scale = 1.0};
        TwTrafficSpec spec = {.seed = 1};
        tw_arrival_spec(&row, &spec);
        Source source = open_source(spec);
        // users who wait: ten over the nominal time of a mean request
        double input, output, rate = 2.0;
        CHECK(tw_traffic_mean_tokens(source.traffic, &input, &output));
        if (strcmp(kind->words[k], "closed") == 0) rate = 10.0 / tw_nominal_service_s(input, output);
        CHECK(tw_traffic_rate_s(source.traffic, 0.0) == rate && tw_traffic_rows(source.traffic) == -1);
        pop(&source, 0);
        close_source(&source);
    }
}

static TwConfig *read_group(const char *text, TwErrors *errors)
{
    const char *path = "test_traffic_arrival.cfg";
    FILE *file = fopen(path, "w");
    CHECK(file && fputs(text, file) >= 0 && fclose(file) == 0);
    TwConfig *config = NULL;
    const TwConfigInput input = {.root = &tw_arrival_kind, .path = path};
    CHECK(tw_config_read(&config, &input, errors) == (tw_errors_count(errors) == 0));
    remove(path);
    return config;
}

// What a file says arrives in the spec, what it leaves out has the defaults of the table, and nonsense is refused.
static void the_arrival_group_is_read(void)
{
    TwErrors *errors = tw_errors_create();
    TwConfig *config = read_group("kind = \"gamma\"; rate_s = 12.5; shape = 0.25; profile = \"office_hours\"; "
                                  "time_zone_h = -8.0;\n",
                                  errors);
    CHECK(tw_errors_count(errors) == 0 && config);
    if (config) {
        TwArrivalRow row;
        TwTrafficSpec spec = {.seed = 9};
        tw_node_row(tw_config_root(config), &row);
        tw_arrival_spec(&row, &spec);
        CHECK_TEXT(spec.arrival, "gamma");
        CHECK_TEXT(spec.profile, "office_hours");
        CHECK(spec.rate_s == 12.5 && spec.shape == 0.25 && spec.time_zone_h == -8.0 && spec.seed == 9);
        CHECK(spec.time_scale == 1.0 && !spec.loop && spec.trace == NULL && spec.skip_bad_rows == 0);
        Source source = open_source(spec);
        TwProfile profile;
        CHECK(tw_profile_load(&profile, "office_hours", NULL));
        // 18:30 by the site is 10:30 by the users' clock
        CHECK_NEAR(tw_traffic_rate_s(source.traffic, 18.5 * 3600.0), 12.5 * tw_profile_rate(&profile, 10.5 * 3600.0),
                   1e-12);
        close_source(&source);
        tw_config_destroy(config);
    }
    config = read_group("kind = \"gama\"; rate_s = -1.0; time_scale = 0.0;\n", errors);
    CHECK(!config && tw_errors_count(errors) == 3);
    tw_errors_destroy(errors);
}

// A factor on the rate from an instant on: as many requests as it says, those before it as they were, and a factor of
// one (or one that ends where it begins) leaves every arrival where it was.
static void a_factor_scales_from_its_instant_on(void)
{
    enum { MOST = 40000 };
    static const char *const kinds[] = {"poisson", "gamma", "onoff"};
    static double plain[MOST], scaled[MOST];
    for (int k = 0; k < 3; k++) {
        TwTrafficSpec spec = {.arrival = kinds[k], .rate_s = 20.0, .shape = 2.0, .profile = "azure24_conv"};
        if (k < 2) spec.profile = NULL;
        Source one = open_source(spec), two = open_source(spec), three = open_source(spec);
        int count = times_until(&one, 0, 1500.0, plain, MOST);
        int before = times_until(&two, 0, 500.25, scaled, MOST);
        tw_traffic_scale(two.traffic, two.block, 1.0, 500250000000);
        int all = before + times_until(&two, 0, 1500.0, scaled + before, MOST - before);
        CHECK(all == count);
        for (int i = 0; i < count && all == count; i++) CHECK_WITHIN(scaled[i], plain[i], i < before ? 0.0 : 1e-7);

        before = times_until(&three, 0, 500.0, scaled, MOST);
        for (int i = 0; i < before; i++) CHECK(scaled[i] == plain[i]);
        int usual = 0;
        for (int i = 0; i < count; i++) usual += plain[i] >= 500.0 && plain[i] < 1000.0;
        tw_traffic_scale(three.traffic, three.block, 3.0, 500000000000);
        int more = times_until(&three, 0, 1000.0, scaled, MOST);
        for (int i = 0; i < more; i++) CHECK(scaled[i] >= 500.0);
        tw_traffic_scale(three.traffic, three.block, 1.0, 1000000000000);
        int after = times_until(&three, 0, 1500.0, scaled, MOST);
        // the same operational time: beside its own noise the count is three times the usual one
        if (k < 2) CHECK_WITHIN(more, 3 * 10000, 4.0 * sqrt(30000.0));
        CHECK_WITHIN(more, 3 * usual, 4.0 * sqrt(12.0 * usual));
        CHECK_WITHIN(after, count - usual - before, 4.0 * sqrt(2.0 * (count - usual - before) + 1.0));
        close_source(&one), close_source(&two), close_source(&three);
    }
}

int main(void)
{
    a_factor_scales_from_its_instant_on();
    the_arrival_group_is_read();
    poisson_is_memoryless();
    renewal_intervals_have_their_variation();
    slabs_begin_in_equilibrium();
    hours_of_a_week_follow_the_profile();
    time_change_undoes_the_profile();
    onoff_makes_the_bursts_of_the_code_trace();
    onoff_keeps_the_rate_asked_for();
    cox_makes_the_bursts_of_the_conversation_trace();
    onoff_slabs_begin_in_equilibrium();
    cox_slabs_join();
    cells_swing_together();
    a_window_alone_is_the_window_cut();
    threads_do_not_change_a_byte();
    a_copied_block_goes_on_the_same();
    lengths_have_their_means_and_do_not_correlate();
    context_cuts_and_counts();
    scale_and_simple_lengths();
    bad_settings_are_named();
    every_kind_word_can_be_created();
    users_take_the_nominal_time();
    return check_failures != 0;
}
