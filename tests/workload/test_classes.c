// Classes of requests: sessions, users, sensors, clients, shared beginnings, several classes beside each other.
#include "models/workload/traffic.h"
#include "tests/check.h"

typedef struct Source {
    TwTraffic *traffic;
    TwLayout layout;
    void *block;
} Source;

static TwTrafficSpec with_defaults(TwTrafficSpec spec)
{
    if (!spec.lengths && !spec.kind) spec.lengths = "azure23_conv";
    if (!spec.name) spec.name = "class";
    if (!spec.cells) spec.cells = 1;
    if (!spec.arrival) spec.arrival = "poisson";
    return spec;
}

static Source open_at(TwTrafficSpec spec, int64_t time_ns)
{
    Source source = {0};
    TwError error = {0};
    spec = with_defaults(spec);
    if (!tw_traffic_create(&source.traffic, &spec, &source.layout, &error)) {
        tw_error_print(&error, stderr);
        exit(1);
    }
    source.block = tw_block_create(&source.layout);
    tw_traffic_seek(source.traffic, source.block, time_ns);
    return source;
}

static void close_source(Source *source)
{
    tw_block_destroy(source->block);
    tw_traffic_destroy(source->traffic);
}

// What a request is, without what depends on when the window began: its number and slot.
static uint64_t print_of(const TwRequest *r)
{
    uint64_t h = tw_content_mix((uint64_t)r->arrival_ns, (uint64_t)r->input_tokens << 32 | (uint32_t)r->output_tokens);
    h = tw_content_mix(h, (uint64_t)r->turn << 32 | (uint64_t)r->content.count);
    for (int i = 0; i < r->content.count; i++)
        h = tw_content_mix(h, r->content.segment[i].stream ^ (uint64_t)r->content.segment[i].length);
    return tw_content_mix(h, r->content.output_stream ^ (uint64_t)r->content.output_start);
}

static uint64_t stream_print(const Source *s, int cell, int64_t from_ns, int64_t until_ns, int64_t *count)
{
    uint64_t h = 0;
    int64_t at;
    *count = 0;
    while ((at = tw_traffic_peek(s->traffic, s->block, cell)) < until_ns) {
        TwRequest r;
        tw_traffic_pop_nominal(s->traffic, s->block, cell, &r);
        CHECK(r.arrival_ns == at);
        if (at < from_ns) continue;
        h = tw_content_mix(h, print_of(&r));
        ++*count;
    }
    return h;
}

static const TwTrafficSpec kinds[] = {
    {.name = "chats", .kind = "chat", .rate_s = 3.0, .seed = 3, .profile = "azure24_conv"},
    {.name = "agents", .kind = "agent", .sessions_per_h = 200.0, .seed = 3, .span_s = 20000.0},
    {.name = "heavy", .kind = "agent", .sessions = "llmd_agentic", .sessions_per_h = 60.0, .seed = 3, .span_s = 9000.0},
    {.name = "clients", .arrival = "clients", .rate_s = 20.0, .seed = 3, .big_clients = 2},
    {.name = "cameras",
     .arrival = "periodic",
     .users = 40,
     .period_s = 2.0,
     .jitter_s = 0.3,
     .lengths = "servegen_small"},
    {.name = "one",
     .rate_s = 10.0,
     .seed = 3,
     .prefix = {.kind = "templates", .count = 2000, .zipf_s = 1.1, .table = "mooncake_template_tokens"}},
    {.name = "samples", .rate_s = 2.0, .seed = 3, .samples = 4},
    {.name = "pictures", .rate_s = 5.0, .seed = 3, .images = "mm_image", .rho_in_out = 0.4},
};

// T19: the window alone has the same bytes as cut from a longer run, and other classes change nothing.
static void windows_and_neighbours_change_nothing(void)
{
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        int64_t hour = INT64_C(3600000000000), n, m, all;
        Source whole = open_at(kinds[k], 0), alone = open_at(kinds[k], hour);
        uint64_t cut = stream_print(&whole, 0, hour, 2 * hour, &n);
        uint64_t window = stream_print(&alone, 0, hour, 2 * hour, &m);
        if (cut != window || n != m) fprintf(stderr, "%s: %lld and %lld\n", kinds[k].name, (long long)n, (long long)m);
        CHECK(cut == window && n == m && n > 50);
        close_source(&whole);
        close_source(&alone);

        // merged with another class: its requests come out as before
        TwTraffic *parts[2], *mix;
        TwLayout layout = {0};
        TwTrafficSpec mine = with_defaults(kinds[k]),
                      other = with_defaults((TwTrafficSpec){.name = "x", .rate_s = 50.0});
        CHECK(tw_traffic_create(&parts[0], &other, &layout, NULL) &&
              tw_traffic_create(&parts[1], &mine, &layout, NULL));
        tw_traffic_merge(&mix, parts, 2, &layout);
        void *block = tw_block_create(&layout);
        tw_traffic_seek(mix, block, hour);
        uint64_t h = 0;
        int64_t last = 0;
        all = 0;
        while (tw_traffic_peek(mix, block, 0) < 2 * hour) {
            TwRequest r;
            tw_traffic_pop_nominal(mix, block, 0, &r);
            CHECK(r.arrival_ns >= last);
            last = r.arrival_ns;
            if (r.service != 1) continue;
            h = tw_content_mix(h, print_of(&r));
            all++;
        }
        CHECK(h == cut && all == n);
        tw_block_destroy(block);
        tw_traffic_destroy(mix);
    }
}

// Cells on 1, 2 and 16 threads give the same.
static void threads_do_not_change_a_class(void)
{
    uint64_t first[8] = {0};
    for (int threads = 1; threads <= 16; threads = threads == 1 ? 2 : threads * 8) {
        TwTrafficSpec spec = kinds[1];
        spec.cells = 8;
        spec.sessions_per_h = 1600.0;
        Source source = open_at(spec, 0);
#pragma omp parallel for num_threads(threads)
        for (int c = 0; c < 8; c++) {
            int64_t count;
            uint64_t h = stream_print(&source, c, 0, INT64_C(600000000000), &count);
            if (threads == 1)
                first[c] = h;
            else if (first[c] != h)
                first[c] = 0;
        }
        close_source(&source);
    }
    for (int c = 0; c < 8; c++) CHECK(first[c] != 0);
}

static void end(const Source *s, const TwRequest *r, double seconds)
{
    TwFinished finished = {.request = *r, .last_ns = r->arrival_ns + (int64_t)(seconds * 1e9)};
    tw_traffic_finished(s->traffic, s->block, 0, &finished);
}

// Users of a closed loop: never more than so many at once; the next question comes after the answer.
static void users_wait_for_answers(void)
{
    Source s = open_at((TwTrafficSpec){.arrival = "closed", .users = 7}, 0);
    CHECK(tw_traffic_closed(s.traffic));
    TwRequest waiting[7];
    for (int i = 0; i < 7; i++) {
        CHECK(tw_traffic_peek(s.traffic, s.block, 0) == 0);
        tw_traffic_pop(s.traffic, s.block, 0, &waiting[i]);
    }
    CHECK(tw_traffic_peek(s.traffic, s.block, 0) == INT64_MAX);
    end(&s, &waiting[3], 2.5);
    CHECK(tw_traffic_peek(s.traffic, s.block, 0) == 2500000000);
    TwRequest next;
    tw_traffic_pop(s.traffic, s.block, 0, &next);
    CHECK(next.session == waiting[3].session && next.turn == 1);
    close_source(&s);
}

// A batch of so many requests ends; each is asked once.
static void a_batch_ends(void)
{
    Source s = open_at(
        (TwTrafficSpec){.kind = "batch", .lengths = "servegen_large", .users = 16, .requests = 100, .begins_s = 60.0},
        0);
    int count = 0;
    while (tw_traffic_peek(s.traffic, s.block, 0) < INT64_MAX) {
        TwRequest r;
        CHECK(tw_traffic_peek(s.traffic, s.block, 0) >= INT64_C(60000000000));
        tw_traffic_pop(s.traffic, s.block, 0, &r);
        end(&s, &r, 1.0);
        count++;
    }
    CHECK(count == 100);
    close_source(&s);
}

// Slow answers delay a session's next call and change nothing of what it asks; a rejected call ends the session.
static void sessions_wait_for_answers(void)
{
    double answer_s[2] = {1.0, 300.0}, mean_turn[2];
    uint64_t said[2] = {0};
    for (int k = 0; k < 2; k++) {
        Source s = open_at((TwTrafficSpec){.kind = "agent", .sessions_per_h = 40.0, .span_s = 86400.0}, 0);
        double turns = 0.0;
        int n = 0;
        for (; n < 4000; n++) {
            TwRequest r;
            tw_traffic_pop(s.traffic, s.block, 0, &r);
            turns += r.turn;
            if (n == 0) said[k] = r.content.output_stream;
            end(&s, &r, answer_s[k]);
        }
        mean_turn[k] = turns / n;
        close_source(&s);
    }
    CHECK(said[0] == said[1]);
    CHECK(mean_turn[0] != mean_turn[1]);

    Source s = open_at((TwTrafficSpec){.kind = "chat", .rate_s = 0.001, .span_s = 60.0}, 0);
    TwRequest r;
    tw_traffic_pop(s.traffic, s.block, 0, &r);
    TwFinished lost = {.request = r, .last_ns = r.arrival_ns + 1, .outcome = TW_ENDED_REJECTED};
    tw_traffic_finished(s.traffic, s.block, 0, &lost);
    TwRequest next;
    tw_traffic_pop(s.traffic, s.block, 0, &next);
    CHECK(next.turn == 0 && next.content.output_stream != r.content.output_stream);
    close_source(&s);
}

// Leading tokens that any two prompts of a class share.
static void prefixes_share_what_they_say(void)
{
    Source s = open_at((TwTrafficSpec){.rate_s = 10.0,
                                       .lengths = "constant",
                                       .input_tokens = 1200,
                                       .output_tokens = 1000,
                                       .prefix = {.kind = "groups", .count = 150, .tokens = 6000}},
                       0);
    uint64_t seen[200] = {0};
    int groups = 0;
    for (int i = 0; i < 3000; i++) {
        TwRequest r;
        tw_traffic_pop(s.traffic, s.block, 0, &r);
        CHECK(r.input_tokens == 7200 && r.content.count == 2);
        CHECK(r.content.segment[0].length == 6000 && r.content.segment[1].length == 1200);
        int g = 0;
        while (g < groups && seen[g] != r.content.segment[0].stream) g++;
        if (g == groups) seen[groups++] = r.content.segment[0].stream;
    }
    CHECK(groups == 150);
    close_source(&s);

    s = open_at((TwTrafficSpec){.rate_s = 10.0, .prefix = {.kind = "target", .count = 16, .share = 0.563}}, 0);
    double shared = 0.0, input = 0.0;
    for (int i = 0; i < 20000; i++) {
        TwRequest r;
        tw_traffic_pop(s.traffic, s.block, 0, &r);
        shared += r.content.segment[0].length;
        input += r.input_tokens;
    }
    CHECK_WITHIN(shared / input, 0.563, 0.001);
    close_source(&s);
}

// Zipf: the first template is asked for with its share of sum i^-s.
static void templates_have_their_popularity(void)
{
    Source s = open_at((TwTrafficSpec){.rate_s = 10.0,
                                       .lengths = "constant",
                                       .input_tokens = 5000,
                                       .output_tokens = 10,
                                       .prefix = {.kind = "templates", .count = 50, .zipf_s = 1.1, .tokens = 1000}},
                       0);
    double sum = 0.0, first = 0.0;
    for (int i = 1; i <= 50; i++) sum += pow(i, -1.1);
    uint64_t most = 0;
    enum { N = 20000 };
    static uint64_t stream[N];
    for (int i = 0; i < N; i++) {
        TwRequest r;
        tw_traffic_pop(s.traffic, s.block, 0, &r);
        stream[i] = r.content.segment[0].stream;
    }
    // the most frequent of the first few
    int best = 0;
    for (int k = 0; k < 20; k++) {
        int n = 0;
        for (int i = 0; i < N; i++) n += stream[i] == stream[k];
        if (n > best) best = n, most = stream[k];
    }
    for (int i = 0; i < N; i++) first += stream[i] == most;
    CHECK_NEAR(first / N, 1.0 / sum, 0.05);
    close_source(&s);
}

// Samples: n answers to one prompt at one time, which share all of it.
static void samples_share_their_prompt(void)
{
    Source s = open_at((TwTrafficSpec){.rate_s = 2.0, .samples = 4, .lengths = "deepseek_r1"}, 0);
    for (int i = 0; i < 200; i++) {
        TwRequest r[4];
        bool differ = false;
        for (int k = 0; k < 4; k++) {
            tw_traffic_pop(s.traffic, s.block, 0, &r[k]);
            CHECK(r[k].arrival_ns == r[0].arrival_ns && r[k].input_tokens == r[0].input_tokens);
            CHECK(r[k].content.segment[0].stream == r[0].content.segment[0].stream);
            differ |= r[k].output_tokens != r[0].output_tokens;
        }
        CHECK(differ);
    }
    close_source(&s);
}

// A rank correlation that was asked for comes out (Spearman by normal scores is within a per cent of the ranks').
// A rollout calls what it is let, no more: 2 prompts of 8 samples to each of two cells, 4 in flight; the second batch
// has other prompts, and who was answered first changes no request.
static void a_rollout_waits_for_its_job(void)
{
    const TwTrafficSpec spec = {.kind = "rollout", .lengths = "deepseek_r1", .users = 8, .samples = 8, .cells = 2};
    uint64_t first_print = 0;
    for (int order = 0; order < 2; order++) {
        Source s = open_at(spec, 0);
        CHECK(tw_traffic_rollout(s.traffic) && tw_traffic_peek(s.traffic, s.block, 0) == INT64_MAX);
        TwTrafficRolled rolled;
        int64_t now = 5000000000, tokens = 0;
        uint64_t print = 0, prompts[4] = {0};
        for (int batch = 0; batch < 2; batch++) {
            tw_traffic_release(s.traffic, s.block, 32, now);
            int64_t count = 0;
            TwRequest flight[4];
            int flying = 0;
            for (;;) {
                while (flying < 4 && tw_traffic_peek(s.traffic, s.block, 0) < INT64_MAX) {
                    CHECK(tw_traffic_peek(s.traffic, s.block, 0) >= 5000000000);
                    tw_traffic_pop(s.traffic, s.block, 0, &flight[flying]);
                    const TwRequest *r = &flight[flying++];
                    CHECK(r->content.output_stream == 0 && r->content.count == 1);
                    uint64_t *prompt = &prompts[2 * batch + count++ / 8];
                    if (*prompt) CHECK(*prompt == r->content.segment[0].stream);
                    *prompt = r->content.segment[0].stream;
                    print += tw_content_mix((uint64_t)r->input_tokens << 32 | (uint32_t)r->output_tokens, *prompt);
                    tokens += r->input_tokens + r->output_tokens;
                }
                if (flying == 0) break;
                TwRequest done = flight[order ? 0 : flying - 1];
                if (order) flight[0] = flight[flying - 1];
                flying--;
                now += 1000000000;
                end(&s, &done, 1e-9 * (double)(now - done.arrival_ns));
            }
            CHECK(count == 16);
            tw_traffic_rolled(s.traffic, s.block, &rolled);
            CHECK(rolled.ended == 16 * (batch + 1) && rolled.tokens == tokens && rolled.last_ns == now);
        }
        for (int i = 0; i < 4; i++)
            for (int k = 0; k < i; k++) CHECK(prompts[i] != prompts[k]);
        if (order == 0) first_print = print;
        CHECK(print == first_print);
        close_source(&s);
    }
}

static void lengths_correlate_as_asked(void)
{
    Source s = open_at((TwTrafficSpec){.rate_s = 10.0, .rho_in_out = 0.5}, 0);
    enum { N = 4000 };
    static double in[N], out[N];
    for (int i = 0; i < N; i++) {
        TwRequest r;
        tw_traffic_pop(s.traffic, s.block, 0, &r);
        in[i] = r.input_tokens, out[i] = r.output_tokens;
    }
    double sxy = 0.0, sxx = 0.0, syy = 0.0;
    for (int i = 0; i < N; i += 4) {
        double x = 0.0, y = 0.0;
        for (int j = 0; j < N; j++) {
            x += (in[j] < in[i]) + 0.5 * (in[j] == in[i]) - 0.5;
            y += (out[j] < out[i]) + 0.5 * (out[j] == out[i]) - 0.5;
        }
        sxy += x * y, sxx += x * x, syy += y * y;
    }
    CHECK_WITHIN(sxy / sqrt(sxx * syy), 0.5, 0.06);
    close_source(&s);
}

int main(void)
{
    windows_and_neighbours_change_nothing();
    threads_do_not_change_a_class();
    users_wait_for_answers();
    a_batch_ends();
    sessions_wait_for_answers();
    prefixes_share_what_they_say();
    templates_have_their_popularity();
    samples_share_their_prompt();
    a_rollout_waits_for_its_job();
    lengths_correlate_as_asked();
    return check_failures != 0;
}
