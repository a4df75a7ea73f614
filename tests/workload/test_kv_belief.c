// What a router believes of caches against the list of all that was published or sent.
#include "models/workload/content.h"
#include "models/workload/kv_belief.h"
#include "tests/workload/serving.h"

#include <stdlib.h>

enum { RUNS = 40, REPLICAS = 9, BITS = 9, EVENT_BITS = 10, STEPS = 6000, LONGEST = 30 };

static TwKvBeliefs make(int bits, int event_bits, int64_t keep_ns)
{
    TwKvBeliefs b = {.bits = bits, .event_bits = event_bits, .keep_ns = keep_ns, .head = calloc(1, sizeof *b.head)};
    b.belief = calloc((size_t)1 << bits, sizeof *b.belief);
    b.place = calloc((size_t)1 << bits, sizeof *b.place);
    b.event = calloc((size_t)64 << event_bits, sizeof *b.event);
    tw_kv_beliefs_clear(&b);
    return b;
}

static void let_go(const TwKvBeliefs *b) { free(b->head), free(b->belief), free(b->place), free(b->event); }

static uint64_t run_of(int run) { return tw_content_mix((uint64_t)run, 5); }

// The ends of a run, 0 where nothing is believed.
static void ends_of(const TwKvBeliefs *b, int run, int64_t now_ns, int32_t end[REPLICAS])
{
    int32_t until[64];
    uint64_t found = tw_kv_beliefs_find(b, run_of(run), ((uint64_t)1 << REPLICAS) - 1, now_ns, until);
    for (int k = 0; k < REPLICAS; k++) end[k] = found >> k & 1 ? until[k] : 0;
}

typedef struct Told {
    int64_t at_ns;
    int32_t until;
} Told;

// At any time each end is the last that was known by then; who leaves has none.
static void told_late(void)
{
    static Told told[RUNS][REPLICAS][STEPS];
    static int count[RUNS][REPLICAS];
    TwKvBeliefs b = make(BITS, EVENT_BITS, 0);
    uint64_t seed = 3;
    int64_t now = 0;
    for (int step = 0; step < STEPS; step++) {
        int run = draw_int(&seed, 0, RUNS - 1), k = draw_int(&seed, 0, REPLICAS - 1);
        now += draw_int(&seed, 0, 5);
        int32_t until = draw_int(&seed, 0, 3) == 0 ? 0 : draw_int(&seed, 1, LONGEST);
        tw_kv_beliefs_publish(&b, k, run_of(run), until, now + 300);
        told[run][k][count[run][k]++] = (Told){now + 300, until};
        if (draw_int(&seed, 0, 400) == 0) {
            tw_kv_beliefs_leave(&b, k);
            for (int r = 0; r < RUNS; r++) count[r][k] = 0;
        }
        if (step % 3) continue;
        run = draw_int(&seed, 0, RUNS - 1);
        int32_t end[REPLICAS];
        tw_kv_beliefs_learn(&b, REPLICAS, now);
        ends_of(&b, run, now, end);
        for (k = 0; k < REPLICAS; k++) {
            int32_t want = 0;
            for (int j = 0; j < count[run][k] && told[run][k][j].at_ns <= now; j++) want = told[run][k][j].until;
            CHECK(end[k] == want);
        }
    }
    CHECK(b.head->published == STEPS && b.head->early == 0);
    let_go(&b);
}

// More events than there is room for on their way: the first are known early, and counted.
static void crowded(void)
{
    TwKvBeliefs b = make(BITS, 3, 0);
    int32_t end[REPLICAS];
    for (int k = 0; k < 10; k++) tw_kv_beliefs_publish(&b, 2, run_of(1), k + 1, 1000);
    ends_of(&b, 1, 0, end);
    CHECK(b.head->early == 2 && end[2] == 2);
    tw_kv_beliefs_learn(&b, REPLICAS, 1000);
    ends_of(&b, 1, 1000, end);
    CHECK(end[2] == 10 && b.head->count[2] == 0);
    let_go(&b);
}

// Each block against its own time: the same where a run is used ever longer, as sessions do; never less, and as a rule
// the same, where prompts use any part of it.
static void assumed(bool grows)
{
    static int64_t ends_ns[RUNS][REPLICAS][LONGEST + 1];
    memset(ends_ns, 0, sizeof ends_ns);
    TwKvBeliefs b = make(BITS, 0, 500);
    uint64_t seed = 11;
    int64_t now = 1;
    int same = 0, asked = 0, length[RUNS] = {0};
    for (int step = 0; step < STEPS; step++) {
        int run = draw_int(&seed, 0, RUNS - 1), k = draw_int(&seed, 0, REPLICAS - 1);
        now += draw_int(&seed, 0, 3);
        length[run] = length[run] % LONGEST + 1;
        int32_t until = grows ? length[run] : draw_int(&seed, 1, LONGEST);
        if (grows && length[run] == 1)
            for (k = 0; k < REPLICAS; k++)
                tw_kv_beliefs_leave(&b, k), memset(ends_ns[run][k], 0, sizeof ends_ns[run][k]);
        k = draw_int(&seed, 0, REPLICAS - 1);
        if (grows && length[run] == 1)    // all have left
            for (int r = 0; r < RUNS; r++)
                for (int j = 0; j < REPLICAS; j++) memset(ends_ns[r][j], 0, sizeof ends_ns[r][j]);
        tw_kv_beliefs_assume(&b, k, run_of(run), until, now);
        for (int j = 1; j <= until; j++) ends_ns[run][k][j] = now + 500;
        run = draw_int(&seed, 0, RUNS - 1);
        int32_t end[REPLICAS];
        ends_of(&b, run, now, end);
        for (k = 0; k < REPLICAS; k++) {
            int32_t want = 0;
            while (want < LONGEST && ends_ns[run][k][want + 1] > now) want++;
            CHECK(end[k] >= want && (!grows || end[k] == want));
            same += end[k] == want, asked += want > 0 || end[k] > 0;
            asked += want == 0 && end[k] == 0;
        }
    }
    CHECK(same > 0.97 * asked);
    let_go(&b);
}

// With room for eight the eight that were touched last are believed.
static void full(void)
{
    TwKvBeliefs b = make(3, 0, 1000000);
    for (int run = 0; run < 20; run++) tw_kv_beliefs_assume(&b, run % REPLICAS, run_of(run), 7, run + 1);
    tw_kv_beliefs_assume(&b, 12 % REPLICAS, run_of(12), 9, 21);
    tw_kv_beliefs_assume(&b, 0, run_of(30), 7, 22);
    for (int run = 0; run < 20; run++) {
        int32_t end[REPLICAS];
        ends_of(&b, run, 22, end);
        CHECK(end[run % REPLICAS] == (run == 12 ? 9 : run > 13 ? 7 : 0));
    }
    let_go(&b);
}

int main(void)
{
    told_late();
    crowded();
    assumed(true);
    assumed(false);
    full();
    return check_failures != 0;
}
