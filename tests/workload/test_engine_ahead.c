// Batches made an iteration ahead, and prompts that wait for a larger batch: first tokens to the nanosecond.
#include "models/workload/engine_parts.h"
#include "tests/workload/serving.h"

typedef struct Times {
    int64_t first_ns[8], last_ns[8];
} Times;

static void note(void *context, const TwFinished *f)
{
    Times *t = context;
    t->first_ns[f->request.id] = f->first_ns;
    t->last_ns[f->request.id] = f->last_ns;
}

// Requests in order, alone with steps of 1 ms whatever they do; jumped and stepped.
static Times run(TwEngineSpec spec, const TwRequest *asked, int count)
{
    static const TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TestStep mine = step;
    TwStepSource source = test_source(&mine);
    Times times[2] = {0};
    for (int way = 0; way < 2; way++) {
        TwEngine engine;
        spec.step = &source;
        spec.stride = way;
        TwReplica *r = new_replica(&engine, &spec);
        const TwEngineLog log = {.context = &times[way], .finished = note};
        for (int k = 0; k < count; k++) {
            tw_engine_boundaries(&engine, r, asked[k].arrival_ns, &log);
            CHECK(tw_engine_offer(&engine, r, &asked[k], &log));
            CHECK(tw_engine_consistent(&engine, r));
        }
        tw_engine_boundaries(&engine, r, INT64_MAX, &log);
        CHECK(tw_engine_consistent(&engine, r) && r->counts.completed == count);
        free(r);
    }
    CHECK(memcmp(&times[0], &times[1], sizeof *times) == 0);
    return times[0];
}

static const int64_t ms = 1000000;

static void who_comes_meanwhile_is_in_the_one_after_the_next(void)
{
    TwEngineSpec spec = wide_spec(NULL);
    // beside one that makes a token each ms: in the middle of an iteration, at a boundary, a ns later
    const TwRequest asked[] = {ASK(0, 16, 100, 0), ASK(9 * ms + ms / 2, 16, 2, 1), ASK(20 * ms, 16, 2, 2),
                               ASK(30 * ms + 1, 16, 2, 3)};
    Times at_once = run(spec, asked, 4);
    CHECK(at_once.first_ns[1] == 11 * ms && at_once.first_ns[2] == 21 * ms && at_once.first_ns[3] == 32 * ms);
    spec.ahead = true;
    Times ahead = run(spec, asked, 4);
    for (int k = 1; k < 4; k++) CHECK(ahead.first_ns[k] == at_once.first_ns[k] + ms);
    // whoever finds nobody begins at once, and is done as soon
    CHECK(ahead.first_ns[0] == ms && ahead.last_ns[0] == 100 * ms && ahead.last_ns[0] == at_once.last_ns[0]);
}

// In the last iteration of all others nothing is ahead: the engine would rest, and begins with who came.
static void nobody_waits_for_a_batch_that_is_not_there(void)
{
    TwEngineSpec spec = wide_spec(NULL);
    const TwRequest asked[] = {ASK(0, 16, 10, 0), ASK(9 * ms + ms / 2, 16, 2, 1), ASK(50 * ms, 16, 1, 2)};
    Times at_once = run(spec, asked, 3);
    spec.ahead = true;
    Times ahead = run(spec, asked, 3);
    CHECK(ahead.first_ns[1] == 11 * ms && ahead.first_ns[2] == 51 * ms);
    CHECK(memcmp(&ahead, &at_once, sizeof ahead) == 0);
}

// A client that asks again as soon as it is answered waits the rest of one iteration at once, one more ahead: with a
// front end of F its next first token comes F + 1, F + 2 iterations after, rounded up to a boundary.
static void a_front_end_comes_before(void)
{
    TwEngineSpec spec = wide_spec(NULL);
    spec.front_end = (TwFrontEnd){.request_s = 0.4e-3, .output_s = 1e-9};
    const TwRequest asked[] = {ASK(0, 16, 100, 0), ASK(10 * ms + ms / 5, 16, 2, 1),
                               ASK(20 * ms + 9 * ms / 10, 16, 2, 2)};
    Times at_once = run(spec, asked, 3);
    spec.ahead = true;
    Times ahead = run(spec, asked, 3);
    // the first begins at 0.4 ms; known at 10.6 and 21.3, outputs of two or three leave in as many ns
    CHECK(at_once.first_ns[1] / 1000 == 12400 && ahead.first_ns[1] / 1000 == 13400);
    CHECK(at_once.first_ns[2] / 1000 == 22400 && ahead.first_ns[2] / 1000 == 23400);
}

static void prompts_wait_for_a_larger_batch(void)
{
    TwEngineSpec spec = wide_spec(NULL);
    spec.batch_wait = 20, spec.batch_tokens = 1000;
    const TwRequest one[] = {ASK(0, 100, 200, 0), ASK(9 * ms + ms / 2, 100, 2, 1)};
    Times t = run(spec, one, 2);
    CHECK(t.first_ns[0] == ms);         // beside no decodes nothing waits
    CHECK(t.first_ns[1] == 31 * ms);    // 20 iterations from the boundary at 10 ms on
    // three are 1,000 tokens with the decode: the last of them lets all go
    const TwRequest three[] = {ASK(0, 100, 200, 0), ASK(9 * ms + ms / 2, 333, 2, 1), ASK(14 * ms, 333, 2, 2),
                               ASK(19 * ms + 1, 333, 2, 3), ASK(25 * ms + 1, 100, 2, 4)};
    t = run(spec, three, 5);
    for (int k = 1; k < 4; k++) CHECK(t.first_ns[k] == 21 * ms);
    CHECK(t.first_ns[4] == 47 * ms);    // and the count begins again
    // budget bounds what would be in the next iteration: of three prompts one and a part of the second, 511 of 512
    spec.max_tokens = 512, spec.batch_tokens = 512;
    t = run(spec, three, 5);
    CHECK(t.first_ns[1] == 15 * ms);

    TwEngine engine;
    TwError error;
    TestStep step = {1e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0};
    TwStepSource source = test_source(&step);
    spec.step = &source;
    spec.policy = TW_SGLANG;
    spec.sglang = (TwSglang){512, 512, false, false, 1.0};
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "batch_wait_iterations = 20: expected one list of sequences and policy vllm_v1");
    spec.policy = TW_VLLM_V1;
    spec.batch_tokens = 0;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "batch_wait_tokens = 0");
    // more than the budget would never be reached
    spec.batch_tokens = spec.max_tokens + 1;
    CHECK(!tw_engine_build(&engine, &spec, &error));
    CHECK_HOLDS(error.text, "batch_wait_tokens = 513, expected 1 to 512");
}

int main(void)
{
    who_comes_meanwhile_is_in_the_one_after_the_next();
    nobody_waits_for_a_batch_that_is_not_there();
    a_front_end_comes_before();
    prompts_wait_for_a_larger_batch();
    return check_failures != 0;
}
