// The prefix cache against one entry a block, and the runs of contents against token by token.
#include "models/workload/prefix_cache.h"
#include "tests/workload/serving.h"

#include <stdlib.h>

enum { SHIFT = 2, STREAMS = 12, MOST_BLOCKS = 400, SEQUENCES = 24 };

// --- contents -------------------------------------------------------------------------------------------------------

typedef struct Token {
    uint64_t stream;
    int32_t at;
} Token;

typedef struct Prompt {
    TwContent content;
    int32_t input, output;
    uint64_t own;
} Prompt;

static Token token_of(const Prompt *p, int32_t t)
{
    const TwContent *c = &p->content;
    if (t >= p->input) {
        if (c->output_stream) return (Token){c->output_stream, c->output_start + t - p->input};
        return (Token){p->own, t};
    }
    int32_t at = t;
    for (int k = 0; k < c->count; k++) {
        if (at < c->segment[k].length) return (Token){c->segment[k].stream, c->segment[k].start + at};
        at -= c->segment[k].length;
    }
    return (Token){p->own, t};
}

static TwRuns runs_of(const Prompt *p) { return tw_runs(&p->content, NULL, p->own, p->input, p->output); }

// Few streams and few places, so that prompts share beginnings of all lengths.
static Prompt random_prompt(uint64_t *seed)
{
    Prompt p = {.own = 1000000 + draw(seed) % 1000000000};
    p.content.count = draw_int(seed, 0, 4);
    for (int k = 0; k < p.content.count; k++) {
        TwSegment *s = &p.content.segment[k];
        *s = (TwSegment){(uint64_t)draw_int(seed, 1, k == 0 ? 2 : STREAMS), 4 * draw_int(seed, 0, 1),
                         draw_int(seed, 1, draw_int(seed, 1, 2) == 1 ? 6 : 60)};
        if (k > 0 && draw_int(seed, 1, 3) == 1) {    // goes on where the last ended: one run
            s->stream = s[-1].stream;
            s->start = s[-1].start + s[-1].length;
        }
        p.input += s->length;
    }
    if (p.input == 0 || draw_int(seed, 1, 4) == 1) p.input += draw_int(seed, 1, 30);
    p.output = draw_int(seed, 1, 30);
    if (p.content.count > 0 && draw_int(seed, 1, 2) == 1) {
        const TwSegment *last = &p.content.segment[p.content.count - 1];
        p.content.output_stream = last->stream;
        p.content.output_start = last->start + last->length;
    }
    return p;
}

static int32_t common(const Prompt *a, const Prompt *b)
{
    int32_t t = 0, most = a->input + a->output < b->input + b->output ? a->input + a->output : b->input + b->output;
    while (t < most) {
        Token x = token_of(a, t), y = token_of(b, t);
        if (x.stream != y.stream || x.at != y.at) break;
        t++;
    }
    return t;
}

static uint64_t hash_of(const Prompt *p, int32_t tokens)
{
    TwRuns runs = runs_of(p);
    TwRun run;
    while (tw_runs_next(&runs, &run))
        if (tokens <= run.end) return tw_run_hash(run.base, tokens - run.begin);
    return 0;
}

// Prefixes have the same hash exactly where all their tokens agree.
static void hashes_know_the_prefix(void)
{
    uint64_t seed = 31;
    int shared = 0;
    for (int round = 0; round < 20000; round++) {
        Prompt a = random_prompt(&seed), b = random_prompt(&seed);
        int32_t same = common(&a, &b);
        int32_t most = a.input + a.output < b.input + b.output ? a.input + a.output : b.input + b.output;
        for (int32_t t = 1; t <= most; t++)
            if ((hash_of(&a, t) == hash_of(&b, t)) != (t <= same)) {
                CHECK(!"hashes agree where the tokens do");
                return;
            }
        shared += same > 4;
    }
    CHECK(shared > 1000);
}

static void ids_are_streams(void)
{
    const uint64_t id[] = {7, 8, 9, 7, 8, 5};
    const TwContentList list = {id, 16};
    const TwContent a = {.count = 3, .list = 1}, b = {.count = 3, .list = 4};
    TwRuns x = tw_runs(&a, &list, 1, 40, 5), y = tw_runs(&b, &list, 2, 40, 5);
    TwRun p, q;
    int at = 0;
    while (tw_runs_next(&x, &p)) {
        CHECK(tw_runs_next(&y, &q) && p.begin == q.begin && p.end == q.end);
        CHECK((p.base == q.base) == (at < 2));    // then 9 and 5, then outputs of their own
        at++;
    }
    CHECK(at == 4 && p.end == 45 && p.begin == 40);
}

// --- one entry a block ----------------------------------------------------------------------------------------------

typedef struct Block {
    uint64_t hash, parent;
    int refs;
    int64_t released, released_ns;    // order among the unheld; when
} Block;

typedef struct Plain {
    Block block[4 * MOST_BLOCKS];
    int count;
    int64_t clock, now_ns;
} Plain;

static Block *block_of(Plain *p, uint64_t hash)
{
    for (int k = 0; k < p->count; k++)
        if (p->block[k].hash == hash) return &p->block[k];
    return NULL;
}

static int plain_unheld(const Plain *p)
{
    int unheld = 0;
    for (int k = 0; k < p->count; k++) unheld += p->block[k].refs == 0;
    return unheld;
}

static void plain_evict(Plain *p, int blocks)
{
    for (; blocks > 0; blocks--) {
        int oldest = -1;
        for (int k = 0; k < p->count; k++)
            if (p->block[k].refs == 0 && (oldest < 0 || p->block[k].released < p->block[oldest].released)) oldest = k;
        if (oldest < 0) return;
        p->block[oldest] = p->block[--p->count];
    }
}

static int plain_expired(const Plain *p, int64_t until_ns)
{
    int expired = 0;
    for (int k = 0; k < p->count; k++) expired += p->block[k].refs == 0 && p->block[k].released_ns <= until_ns;
    return expired;
}

static int plain_find(Plain *p, const Prompt *prompt, int from, int most, int *unheld)
{
    int blocks = from;
    *unheld = 0;
    for (; blocks < most; blocks++) {
        const Block *b = block_of(p, hash_of(prompt, (blocks + 1) << SHIFT));
        if (!b) break;
        *unheld += b->refs == 0;
    }
    return blocks;
}

static void plain_hold(Plain *p, const Prompt *prompt, int from, int until)
{
    for (int k = from; k < until; k++) block_of(p, hash_of(prompt, (k + 1) << SHIFT))->refs++;
}

static void plain_insert(Plain *p, const Prompt *prompt, int from, int until)
{
    for (int k = from; k < until; k++) {
        CHECK(!block_of(p, hash_of(prompt, (k + 1) << SHIFT)) && p->count < 4 * MOST_BLOCKS);
        p->block[p->count++] = (Block){.hash = hash_of(prompt, (k + 1) << SHIFT), .refs = 1};
    }
}

static int plain_release(Plain *p, const Prompt *prompt, int until)
{
    int freed = 0;
    for (int k = until - 1; k >= 0; k--) {    // from the last to the first
        Block *b = block_of(p, hash_of(prompt, (k + 1) << SHIFT));
        if (--b->refs > 0) continue;
        b->released = ++p->clock;
        b->released_ns = p->now_ns;
        freed++;
    }
    return freed;
}

// --- both on the same random sequences ------------------------------------------------------------------------------

typedef struct Holder {
    Prompt prompt;
    int32_t leaf, blocks;
    bool live;
} Holder;

static Plain plain;

static void runs_equal_blocks(int nodes, int steps, bool roomy, bool timed)
{
    TwPrefixPlan plan = {.nodes = nodes, .bits = 4, .shift = SHIFT, .timed = timed};
    while (1 << plan.bits < 2 * nodes) plan.bits++;
    TwPrefixHead head;
    TwPrefix cache = {&plan, &head, calloc((size_t)nodes, sizeof(TwPrefixNode)),
                      calloc((size_t)1 << plan.bits, sizeof(uint64_t)), NULL};
    if (!cache.node || !cache.table) exit(1);
    tw_prefix_clear(&cache);
    memset(&plain, 0, sizeof plain);
    Holder holder[SEQUENCES] = {0};
    uint64_t seed = 33;
    int64_t hits = 0, evicted = 0, cut = 0, expired = 0;
    for (int step = 0; step < steps; step++) {
        Holder *h = &holder[draw_int(&seed, 0, SEQUENCES - 1)];
        if (timed && step % 3 == 0) {
            plain.now_ns += draw_int(&seed, 0, 5);
            int64_t until_ns = plain.now_ns - 12;
            int gone = plain_expired(&plain, until_ns);
            plain_evict(&plain, gone);
            int64_t before = head.unheld;
            tw_prefix_expire(&cache, until_ns);
            CHECK(before - head.unheld == gone);
            expired += gone;
        }
        if (!h->live) {
            h->prompt = random_prompt(&seed);
            int most = (h->prompt.input - 1) >> SHIFT, unheld = 0;
            TwRuns runs = runs_of(&h->prompt);
            TwPrefixHit hit = tw_prefix_find(&cache, &runs, -1, 0, most);
            if (roomy) {
                CHECK(hit.blocks == plain_find(&plain, &h->prompt, 0, most, &unheld) && hit.unheld == unheld);
                plain_hold(&plain, &h->prompt, 0, hit.blocks);
            }
            hits += hit.blocks;
            cut += hit.node >= 0 && hit.into < cache.node[hit.node].length;
            h->leaf = tw_prefix_hold(&cache, &hit);
            h->blocks = hit.blocks;
            h->live = true;
        } else {
            // its prompt, or all of it, is made findable; unless somebody's copy is there, which it then holds
            int full = draw_int(&seed, 1, 2) == 1 ? h->prompt.input >> SHIFT
                                                  : (h->prompt.input + h->prompt.output - 1) >> SHIFT;
            if (full > h->blocks) {
                TwRuns runs = runs_of(&h->prompt);
                TwPrefixHit hit = tw_prefix_find(&cache, &runs, h->leaf, h->blocks, full);
                if (hit.blocks > h->blocks) {
                    int unheld = 0;
                    if (roomy) {
                        CHECK(hit.blocks == plain_find(&plain, &h->prompt, h->blocks, full, &unheld));
                        CHECK(hit.unheld == unheld);
                        plain_hold(&plain, &h->prompt, h->blocks, hit.blocks);
                    }
                    int32_t deeper = tw_prefix_hold(&cache, &hit);
                    if (h->leaf >= 0) CHECK(tw_prefix_release(&cache, h->leaf, plain.now_ns) == 0);
                    h->leaf = deeper;
                    h->blocks = hit.blocks;
                }
                int before = h->blocks;
                runs = runs_of(&h->prompt);
                h->leaf = tw_prefix_insert(&cache, &runs, h->leaf, &h->blocks, full);
                if (roomy) {
                    CHECK(h->blocks == full);
                    plain_insert(&plain, &h->prompt, before, full);
                }
            }
            if (draw_int(&seed, 1, 2) == 1) {
                int freed = h->leaf >= 0 ? tw_prefix_release(&cache, h->leaf, plain.now_ns) : 0;
                if (roomy) CHECK(freed == plain_release(&plain, &h->prompt, h->blocks));
                h->live = false;
            }
        }
        int most = draw_int(&seed, 0, MOST_BLOCKS);
        if (roomy) CHECK(head.unheld == plain_unheld(&plain));
        if (head.unheld > most) {
            evicted += head.unheld - most;
            if (roomy) plain_evict(&plain, (int)head.unheld - most);
            tw_prefix_evict(&cache, head.unheld - most);
        }
        if (step % 50 == 0) CHECK(tw_prefix_consistent(&cache));
        if (check_failures) break;
    }
    for (int k = 0; k < SEQUENCES; k++)
        if (holder[k].live && holder[k].leaf >= 0) (void)tw_prefix_release(&cache, holder[k].leaf, plain.now_ns);
    CHECK(tw_prefix_held(&cache) == 0 && tw_prefix_consistent(&cache));
    tw_prefix_evict(&cache, INT64_MAX);
    CHECK(head.used == 0 && head.unheld == 0);
    printf("%d nodes: %lld blocks found, %lld forgotten, %lld cuts\n", nodes, (long long)hits, (long long)evicted,
           (long long)cut);
    CHECK(timed == (expired > 1000));
    CHECK(hits > 1000 && evicted > 1000 && cut > (roomy ? 100 : 10));
    free(cache.node);
    free(cache.table);
}

int main(void)
{
    hashes_know_the_prefix();
    ids_are_streams();
    runs_equal_blocks(4096, 30000, true, false);
    runs_equal_blocks(4096, 30000, true, true);
    runs_equal_blocks(36, 30000, false, false);    // too few nodes: it forgets more, and stays in order
    return check_failures != 0;
}
