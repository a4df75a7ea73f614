// The front end: its closed form against the recursion, its rate, what it adds, bursts, and a facility's setting.
#include "models/workload/engine.h"
#include "tests/workload/serving.h"

// One iteration after the other.
static TwWide one_by_one(TwWide free, TwWide from, TwSeries span, int64_t m, TwWide each, int64_t *behind)
{
    *behind = 0;
    for (int64_t k = 0; k < m; k++) {
        from += span.next + span.grow * k;
        *behind += from <= free;
        free = (free > from ? free : from) + each;
    }
    return free;
}

static void closed_form_is_the_recursion(void)
{
    uint64_t seed = 5;
    for (int round = 0; round < 20000; round++) {
        TwSeries span = {1 + (TwWide)(draw_unit(&seed) * 1e12), (TwWide)(draw_unit(&seed) * 1e10)};
        if (round % 3 == 0) span.grow = 0;
        int64_t m = draw_int(&seed, 1, 60), behind;
        TwWide each = 1 + (TwWide)(draw_unit(&seed) * 2e12), from = (TwWide)(draw_unit(&seed) * 1e13);
        TwWide free = from + (TwWide)((draw_unit(&seed) - 0.3) * 2e13);
        TwWide want = one_by_one(free, from, span, m, each, &behind);
        CHECK(tw_front_after(free, from, span, m, each) == want);
        // after an iteration of the same that ended at `from`
        free = (free > from ? free : from) + each;
        (void)one_by_one(free, from, span, m, each, &behind);
        CHECK(tw_front_behind(free, from, span, m, each) == behind);
    }
}

enum { MOST = 400 };
static TwFinished ended[MOST];
static int ends;

static void note(void *context, const TwFinished *f)
{
    (void)context;
    ended[ends++] = *f;
}

// An engine that takes all in, behind a front end.
static TwEngineSpec behind(const TwStepSource *source, TwFrontEnd front)
{
    TwEngineSpec spec = wide_spec(source);
    spec.front_end = front;
    spec.max_tokens = 1 << 20;
    spec.max_sequences = spec.queue_max = MOST;
    return spec;
}

// `count` requests at once of `input` and `output` tokens; iterations of 1 ms whatever is in them.
static void run(TwFrontEnd front, int count, int input, int output)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = behind(&source, front);
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    const TwEngineLog log = {.finished = note};
    ends = 0;
    for (int k = 0; k < count; k++) {
        TwRequest q = ASK(0, input, output, (uint32_t)k);
        CHECK(tw_engine_offer(&engine, r, &q, &log));
    }
    tw_engine_run(&engine, r, INT64_MAX, &log);
    CHECK(ends == count && tw_engine_consistent(&engine, r));
    double work = count * (front.request_s + input * front.prompt_token_s + output * front.output_s);
    CHECK_NEAR((double)r->counts.fronted / TW_UNITS_PER_NS * 1e-9, work, 1e-9 * work);
    free(r);
}

// Alone: its own work, the prompt, and an output's time behind every token; gaps are the device's.
static void alone_it_adds_its_own_time(void)
{
    run((TwFrontEnd){2e-3, 1e-6, 5e-5, false}, 1, 1000, 101);
    CHECK_NEAR((double)ended[0].first_ns, 2e6 + 1e6 + 1e6 + 5e4, 2.0);
    CHECK_NEAR((double)(ended[0].last_ns - ended[0].first_ns), 100e6, 2.0);
}

// Many: the device makes 100 tokens a millisecond, and one process passes on 20.
static void its_rate_is_the_limit(void)
{
    run((TwFrontEnd){0.0, 0.0, 5e-5, false}, 100, 10, 400);
    CHECK_NEAR((double)ended[99].last_ns, 100.0 * 400.0 * 5e4 + 1e6, 10.0);
    // with 10 in flight it keeps up: 400 iterations, and the outputs of the last
    run((TwFrontEnd){0.0, 0.0, 5e-5, false}, 10, 10, 400);
    CHECK_NEAR((double)ended[9].last_ns, 400e6 + 10.0 * 5e4, 10.0);
}

// A burst goes in one by one, and what is made meanwhile is passed on after it.
static void a_burst_goes_in_one_by_one(void)
{
    run((TwFrontEnd){1e-3, 0.0, 1e-6, false}, 200, 10, 1);
    for (int k = 0; k < ends; k++) CHECK(ended[k].first_ns > 200000000 && ended[k].first_ns < 203000000);
}

// Together: nobody of a burst is started before all are taken in; one by one the device has long been at work then.
static void a_burst_goes_in_together(void)
{
    double end[2];
    for (int together = 0; together < 2; together++) {
        run((TwFrontEnd){1e-3, 0.0, 1e-6, together}, 200, 10, 150);
        end[together] = (double)ended[ends - 1].last_ns;
        for (int k = 0; k < ends; k++) CHECK(!together || ended[k].first_ns >= 200000000 + 1000000);
    }
    // the last is known after 200 ms either way and makes 150 tokens in as many ms; together all do
    CHECK_NEAR(end[0], 350e6, 2e6);
    CHECK_NEAR(end[1], 350e6, 2e6);
    // alone it is the same
    for (int together = 0; together < 2; together++) {
        run((TwFrontEnd){2e-3, 1e-6, 5e-5, together}, 1, 1000, 101);
        CHECK_NEAR((double)ended[0].first_ns, 2e6 + 1e6 + 1e6 + 5e4, 2.0);
    }
}

// Requests of two instants, the second while the first are still taken in: each group as its last is known.
static void instants_are_apart(void)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = behind(&source, (TwFrontEnd){1e-3, 0.0, 1e-9, true});
    TwEngine engine;
    TwReplica *r = new_replica(&engine, &spec);
    const TwEngineLog log = {.finished = note};
    ends = 0;
    for (int k = 0; k < 60; k++) {
        int64_t at = k < 40 ? 0 : 10000000;
        TwRequest q = ASK(at, 10, 5, (uint32_t)k);
        tw_engine_run(&engine, r, at, &log);
        CHECK(tw_engine_offer(&engine, r, &q, &log) && tw_engine_consistent(&engine, r));
    }
    tw_engine_run(&engine, r, INT64_MAX, &log);
    CHECK(ends == 60);
    for (int k = 0; k < ends; k++) {
        double known = ended[k].request.id < 40 ? 40e6 : 60e6;
        CHECK_NEAR((double)ended[k].first_ns, known + 1e6, 1e5);
    }
    free(r);
}

// What clients have at any time is what has left: outputs at the rate of the process, requests whose last output is
// out.
static void clients_have_what_has_left(void)
{
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    TwEngineSpec spec = behind(&source, (TwFrontEnd){1e-3, 1e-6, 5e-5, false});
    spec.speculate.draft = 0;
    enum { COUNT = 300, LOOKS = 40 };
    int64_t tokens[LOOKS], completed[LOOKS];
    for (int way = 0; way < 2; way++) {
        TwEngine engine;
        TwReplica *r = new_replica(&engine, &spec);
        const TwEngineLog log = {.finished = note};
        ends = 0;
        int given = 0;
        int64_t all = 0;
        bool was_in = false;
        for (int look = 0; look < LOOKS; look++) {
            int64_t until = (look + 1) * INT64_C(100000000);
            for (; given < COUNT && given * INT64_C(3000000) < until; given++) {
                TwRequest q = ASK(given * INT64_C(3000000), 100, 50 + given % 7 * 100, (uint32_t)given);
                // the other way looks more often
                for (int k = 0; way == 1 && k < 3; k++)
                    tw_engine_run(&engine, r, q.arrival_ns - 2000000 + k * 500000, &log);
                tw_engine_run(&engine, r, q.arrival_ns, &log);
                CHECK(tw_engine_offer(&engine, r, &q, &log));
                all += q.output_tokens;
            }
            tw_engine_run(&engine, r, until, &log);
            const TwFrontLoad front = tw_engine_front(&engine, r, until);
            int64_t has = r->counts.output_done - front.tokens, done = r->counts.completed - front.ended.completed;
            if (way == 1) CHECK(has == tokens[look] && done == completed[look]);
            tokens[look] = has, completed[look] = done;
            CHECK(tw_engine_consistent(&engine, r));
            // once all are in, 20 a millisecond; before, less
            if (look > 0 && front.tokens > 0) CHECK(has > tokens[look - 1] && has <= tokens[look - 1] + 2001);
            if (look > 0 && r->front_first == UINT32_MAX && was_in) CHECK(has >= tokens[look - 1] + 1999);
            was_in = r->front_first == UINT32_MAX;
        }
        CHECK(tokens[LOOKS - 1] < all && r->counts.completed == COUNT);
        tw_engine_run(&engine, r, INT64_MAX, &log);
        int64_t rest = (int64_t)(r->front_free / tw_time_of(1)) + 1;
        CHECK(tw_engine_front(&engine, r, rest).tokens == 0 && r->counts.output_done == all);
        free(r);
        for (int look = 0; look < LOOKS; look++) {
            int64_t out = 0;
            int64_t theirs = 0;
            for (int k = 0; k < ends; k++) {
                if (ended[k].last_ns > (look + 1) * INT64_C(100000000)) continue;
                out++;
                theirs += ended[k].request.output_tokens;
            }
            CHECK(llabs(out - completed[look]) <= 3 && theirs <= tokens[look]);
        }
    }
    printf("after 4 s clients have %lld tokens and %lld requests\n", (long long)tokens[LOOKS - 1],
           (long long)completed[LOOKS - 1]);
}

int main(void)
{
    clients_have_what_has_left();
    closed_form_is_the_recursion();
    alone_it_adds_its_own_time();
    its_rate_is_the_limit();
    a_burst_goes_in_one_by_one();
    a_burst_goes_in_together();
    instants_are_apart();
    return check_failures != 0;
}
