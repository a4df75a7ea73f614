#include "models/workload/crowd.h"
#include "models/workload/sessions.h"
#include "models/workload/validate.h"
#include "tests/check.h"

static TwSessionPlant plant;

// `tokenworks validate traffic`: tables, profiles, chats and agents against their published statistics.
static void reference_cases_hold(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("traffic");
    CHECK(tw_validate_traffic(v, NULL, &error));
    CHECK(tw_validation_rows(v) >= 40);
    CHECK(tw_validation_failures(v) == 0);
    if (tw_validation_failures(v)) tw_validation_print(v, stdout);
    tw_validation_destroy(v);
}

static int64_t length_of(const TwContent *content)
{
    int64_t sum = 0;
    for (int i = 0; i < content->count; i++) sum += content->segment[i].length;
    return sum;
}

// Leading tokens that two prompts share, by their runs.
static int32_t common(const TwCall *a, const TwCall *b)
{
    int32_t at = 0;
    TwRuns x = tw_runs(&a->content, NULL, 1, a->input, 0), y = tw_runs(&b->content, NULL, 2, b->input, 0);
    TwRun p, q;
    while (tw_runs_next(&x, &p) && tw_runs_next(&y, &q) && p.base == q.base) {
        at = p.end < q.end ? p.end : q.end;
        if (p.end != q.end) break;
    }
    return at;
}

// What a session says it shares with its last call is what their contents share; the answer of the last call is part.
static void shared_tokens_are_in_the_contents(TwSessionKind kind, const char *preset)
{
    CHECK(tw_session_plant(&plant, kind, preset, tw_stream(7, "sessions"), 99, NULL));
    int64_t turns = 0, broken = 0;
    for (uint64_t id = 0; id < 300; id++) {
        TwSession session;
        TwCall last = {0}, call;
        double gap_s;
        tw_session_begin(&plant, &session, id, 0);
        do {
            tw_session_call(&plant, &session, &call);
            CHECK(length_of(&call.content) == call.input);
            CHECK(call.input >= 1 && call.output >= 1);
            if (session.turn > 0) {
                int32_t shares = common(&last, &call);
                CHECK(shares >= call.shared);
                broken += call.shared < last.input;
                turns++;
            }
            last = call;
        } while (tw_session_next(&plant, &session, &gap_s) && gap_s >= 0.0);
    }
    CHECK(turns > 100);
    CHECK(kind == TW_CHAT ? broken == 0 : true);
}

static void a_session_is_the_same_whenever_it_runs(void)
{
    CHECK(tw_session_plant(&plant, TW_AGENT, "claude_code", tw_stream(7, "sessions"), 99, NULL));
    TwSession a, b;
    TwCall x, y;
    double gap_a, gap_b;
    tw_session_begin(&plant, &a, 5, 3);
    tw_session_begin(&plant, &b, 6, 3);
    for (int i = 0; i < 3; i++) (void)tw_session_next(&plant, &b, &gap_b);
    tw_session_begin(&plant, &b, 5, 3);
    do {
        tw_session_call(&plant, &a, &x);
        tw_session_call(&plant, &b, &y);
        CHECK(x.input == y.input && x.output == y.output && x.content.output_stream == y.content.output_stream);
    } while (tw_session_next(&plant, &a, &gap_a) & tw_session_next(&plant, &b, &gap_b));
    CHECK(a.turn == b.turn && a.turn + 1 == a.calls);
    CHECK(a.messages == 0);
}

// Gaps after tools are short, after people long: shares within a time as measured.
static void gaps_have_their_quantiles(void)
{
    CHECK(tw_session_plant(&plant, TW_AGENT, "claude_code", tw_stream(7, "gaps"), 99, NULL));
    static const double within_s[] = {30, 60, 300, 600, 1800};
    static const double tool[] = {.82, .88, .97, .98, .996}, human[] = {.21, .28, .59, .71, .87};
    double tools = 0.0, humans = 0.0, tool_in[5] = {0}, human_in[5] = {0};
    for (uint64_t id = 0; id < 1500; id++) {
        TwSession s;
        double gap_s;
        tw_session_begin(&plant, &s, id, 0);
        for (;;) {
            bool ends = s.message_end;
            if (!tw_session_next(&plant, &s, &gap_s)) break;
            *(ends ? &humans : &tools) += 1.0;
            for (int k = 0; k < 5; k++) (ends ? human_in : tool_in)[k] += gap_s <= within_s[k];
        }
    }
    for (int k = 0; k < 5; k++) {
        CHECK_WITHIN(tool_in[k] / tools, tool[k], 0.02);
        CHECK_WITHIN(human_in[k] / humans, human[k], 0.03);
    }
}

static void heavy_agents_stay_in_their_ranges(void)
{
    CHECK(tw_session_plant(&plant, TW_AGENT, "llmd_agentic", tw_stream(7, "heavy"), 99, NULL));
    double first = 0.0;
    for (uint64_t id = 0; id < 4000; id++) {
        TwSession s;
        tw_session_begin(&plant, &s, id, 0);
        CHECK(s.input >= 13000 && s.input <= 993000 && s.calls >= 1 && s.calls <= 3000);
        first += s.input;
    }
    CHECK_NEAR(first / 4000, 157e3, 0.1);
    TwError error = {0};
    CHECK(!tw_session_plant(&plant, TW_AGENT, "claude", tw_stream(1, "x"), 1, &error));
    CHECK_HOLDS(error.text, "llmd_agentic");
}

// Eight slots for sessions that come every second, and nobody is answered: once all wait, nothing is due, and who comes
// is lost when somebody ends, not before. It used to look for the next session to the end of time.
static void a_crowd_that_waits_for_answers(void)
{
    TwArrivals arrivals = {.rate_s = 1.0, .stream = tw_stream(7, "waits")};
    const double flat[24] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    CHECK(tw_profile_make(&arrivals.profile, "flat", flat, 24, false, NULL));
    CHECK(tw_session_plant(&plant, TW_CHAT, "mooncake_conv", tw_stream(7, "sessions"), 99, NULL));
    TwCrowd crowd = {.kind = TW_CROWD_SESSIONS,
                     .stream = tw_stream(7, "waits"),
                     .cells = 1,
                     .slots = 8,
                     .closed = true,
                     .sessions = &plant,
                     .arrivals = arrivals,
                     .span_s = 7200.0};
    TwLayout layout = {0};
    tw_crowd_layout(&crowd, &layout);
    void *block = tw_block_create(&layout);
    tw_crowd_seek(&crowd, block, 0, 0);
    TwCrowdCall call[8], more;
    int called = 0;
    for (; called < 8 && tw_crowd_peek(&crowd, block, 0) < INT64_MAX; called++)
        tw_crowd_pop(&crowd, block, 0, true, &call[called]);
    CHECK(called == 8 && tw_crowd_peek(&crowd, block, 0) == INT64_MAX);
    int64_t lost = tw_crowd_lost(&crowd, block), last_ns = call[7].at_ns;
    // a minute later one is turned away, which ends its session: some sixty were lost, the next to come has its slot
    tw_crowd_finished(&crowd, block, 0, call[0].slot, call[0].turn, last_ns + 60000000000ll, false);
    int64_t since = tw_crowd_lost(&crowd, block) - lost;
    CHECK(since > 30 && since < 90);
    int64_t next_ns = tw_crowd_peek(&crowd, block, 0);
    CHECK(next_ns > last_ns + 60000000000ll && next_ns < last_ns + 80000000000ll);
    tw_crowd_pop(&crowd, block, 0, true, &more);
    CHECK(more.at_ns == next_ns && more.turn == 0 && tw_crowd_peek(&crowd, block, 0) == INT64_MAX);
    tw_block_destroy(block);
}

int main(void)
{
    reference_cases_hold();
    shared_tokens_are_in_the_contents(TW_CHAT, "mooncake_conv");
    shared_tokens_are_in_the_contents(TW_AGENT, "claude_code");
    a_session_is_the_same_whenever_it_runs();
    gaps_have_their_quantiles();
    heavy_agents_stay_in_their_ranges();
    a_crowd_that_waits_for_answers();
    return check_failures != 0;
}
