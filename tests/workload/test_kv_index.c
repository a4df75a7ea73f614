// The index of a KV-aware router against a plain table of ends.
#include "models/workload/kv_index.h"
#include "tests/workload/serving.h"

#include <stdlib.h>

enum { RUNS = 300, REPLICAS = 64, BITS = 9 };

static int32_t end_of[RUNS][REPLICAS];

// Ends that differ, as a rule, or are mostly the same.
static void set_any(const TwKvIndex *index, uint64_t *seed, int run, int few)
{
    int k = draw_int(seed, 0, few);
    int32_t end = draw_int(seed, 0, 2) == 0 ? 0 : draw_int(seed, 1, 3) == 1 ? draw_int(seed, 1, 40) : 25;
    end_of[run][k] = end;
    tw_kv_index_set(index, tw_content_mix((uint64_t)run, 5), k, end);
}

// Who has any of it; the end of all but some; and the end of one that is alone with another.
static int known_others(const TwKvIndex *index, int run)
{
    const TwKvEntry *e = tw_kv_index_find(index, tw_content_mix((uint64_t)run, 5));
    uint64_t replicas = 0;
    for (int k = 0; k < REPLICAS; k++)
        if (end_of[run][k] > 0) replicas |= (uint64_t)1 << k;
    CHECK((e != NULL) == (replicas != 0));
    if (!e) return 0;
    CHECK(e->replicas == replicas && (e->others & ~replicas) == 0);
    for (int k = 0; k < REPLICAS; k++)
        if ((replicas & ~e->others) >> k & 1) CHECK(end_of[run][k] == e->until);
    if (e->other == 0) return 0;
    CHECK((e->others & (e->others - 1)) == 0 && end_of[run][__builtin_ctzll(e->others)] == e->other);
    return 1;
}

static void index_knows_the_ends(void)
{
    int64_t used = 0;
    TwKvIndex index = {BITS, &used, calloc((size_t)1 << BITS, sizeof(TwKvEntry))};
    if (!index.entry) exit(1);
    uint64_t seed = 71;
    int known = 0, others = 0, there = 0;
    for (int step = 0; step < 400000; step++) {
        int run = draw_int(&seed, 0, RUNS - 1);
        set_any(&index, &seed, run, step % 100000 < 50000 ? 3 : REPLICAS - 1);
        known += known_others(&index, run);
        const TwKvEntry *e = tw_kv_index_find(&index, tw_content_mix((uint64_t)run, 5));
        others += e && e->others != 0;
    }
    for (int run = 0; run < RUNS; run++) {
        (void)known_others(&index, run);
        for (int k = 0; k < REPLICAS; k++)
            if (end_of[run][k] > 0) {
                there++;
                break;
            }
    }
    CHECK(used == there && there > 0);
    printf("%d of %d with others know the end of the one\n", known, others);
    CHECK(known > 5000);
    free(index.entry);
}

// What finds no room is not known, and nothing else is lost.
static void full_index_forgets_nothing(void)
{
    int64_t used = 0;
    TwKvEntry entry[16] = {{0}};
    TwKvIndex index = {4, &used, entry};
    for (uint64_t run = 1; run <= 40; run++) tw_kv_index_set(&index, tw_content_mix(run, 9), 1, 7);
    int found = 0;
    for (uint64_t run = 1; run <= 40; run++) found += tw_kv_index_find(&index, tw_content_mix(run, 9)) != NULL;
    CHECK(found == 14 && used == 14);
    for (uint64_t run = 1; run <= 40; run++) tw_kv_index_set(&index, tw_content_mix(run, 9), 1, 0);
    CHECK(used == 0);
}

int main(void)
{
    index_knows_the_ends();
    full_index_forgets_nothing();
    return check_failures != 0;
}
