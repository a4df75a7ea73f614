// Router cells: the central queue against Erlang, KV-aware routing against the caches themselves, prompts computed
// apart, what is tried again after a loss; the same bytes for any number of threads.
#include "models/workload/workload_inner.h"
#include "tests/workload/serving.h"

enum { REPLICAS = 12, CELLS = 3 };

// Sessions that come back: each turn holds all before it. Keyed by cell, so that threads cannot matter.
typedef struct Cursor {
    int64_t next_ns, count;
    uint64_t seed;
    int32_t length[40];    // of each session so far
} Cursor;
typedef struct Source {
    TwSlot cursor;
    double gap_ns;
    int64_t most;
    int longest;
} Source;

static int64_t peek(const void *context, const void *block, int cell)
{
    const Source *s = context;
    const Cursor *c = (const Cursor *)tw_at_const(block, s->cursor) + cell;
    return c->count < s->most ? c->next_ns : INT64_MAX;
}

static void pop(const void *context, void *block, int cell, TwRequest *q)
{
    const Source *s = context;
    Cursor *c = (Cursor *)tw_at(block, s->cursor) + cell;
    int k = draw_int(&c->seed, 0, 39);
    if (c->length[k] > s->longest) c->length[k] = 0;
    if (c->length[k] == 0) c->length[k] = 200 + draw_int(&c->seed, 1, 100);
    c->length[k] += draw_int(&c->seed, 1, 60);
    uint64_t stream = tw_content_stream((uint64_t)cell << 32 | (uint64_t)k, 7);
    *q = (TwRequest){.arrival_ns = c->next_ns,
                     .input_tokens = c->length[k],
                     .output_tokens = draw_int(&c->seed, 1, 60),
                     .id = (uint32_t)c->count,
                     .service = (uint8_t)(k % 2),
                     .tenant = (uint8_t)(k % 3)};
    q->content = (TwContent){.count = 2, .output_stream = stream, .output_start = q->input_tokens};
    q->content.segment[0] = (TwSegment){5, 0, 200};
    q->content.segment[1] = (TwSegment){stream, 200, q->input_tokens - 200};
    c->length[k] += q->output_tokens;
    c->count++;
    c->next_ns += (int64_t)(-log(draw_unit(&c->seed)) * s->gap_ns);
}

typedef struct Factory {
    TestStep step;
    TwStepSource source;
    Source traffic;
    TwRequestSource requests;
    int rack[REPLICAS], cell[REPLICAS];
    bool prefill[REPLICAS];
    TwEngineSpec engine, apart;
    TwServiceLimit limits[2];
    TwPoolSpec pool;
    TwLayout layout;
    TwWorkload *workload;
    void *block;
    const TwReplicaLink *link;
} Factory;

static void open_factory(Factory *f, const char *router, int threads)
{
    f->step = (TestStep){5e6, 2e4, 12.5, 1.0, 0.2, 100.0, 650.0, 4096, 100000};
    f->source = test_source(&f->step);
    f->traffic.cursor = tw_layout_add(&f->layout, CELLS, sizeof(Cursor));
    if (!f->requests.peek) f->requests = (TwRequestSource){.context = &f->traffic, .peek = peek, .pop = pop};
    for (int i = 0; i < REPLICAS; i++) {
        f->rack[i] = i % 2;
        f->cell[i] = i / (REPLICAS / CELLS);
    }
    f->limits[0] = tw_service_limit(0.2, 0.02, INFINITY);
    f->limits[1] = tw_service_limit(1.0, 0.05, 5.0);
    f->engine.services = 2;
    f->engine.service = f->limits;
    f->engine.tenants = 3;
    f->pool.name = "cells";
    f->pool.step = &f->source;
    f->pool.replica_count = REPLICAS;
    f->pool.replica_rack = f->rack;
    f->pool.replica_cell = f->cell;
    f->pool.cell_count = CELLS;
    f->pool.max_tokens = 512;
    f->pool.max_sequences = 16;
    f->pool.block_tokens = 16;
    f->pool.kv_blocks = 600;
    f->pool.queue_max = 400;
    f->pool.router = router;
    f->pool.ttft_slo_s = f->pool.tpot_slo_s = 1.0;
    if (f->pool.seed == 0) f->pool.seed = 4;
    f->pool.source = &f->requests;
    f->pool.engine = &f->engine;
    TwErrors *errors = tw_errors_create();
    const TwWorkloadSpec spec = {2, 1, &f->pool, 0, threads};
    if (!tw_workload_create(&f->workload, &spec, &f->layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
    f->block = tw_block_create(&f->layout);
    tw_workload_start(f->workload, f->block);
    for (int k = 0; k < CELLS; k++) ((Cursor *)tw_at(f->block, f->traffic.cursor))[k] = (Cursor){.seed = (uint64_t)k};
}

static void run_factory(Factory *f, int64_t from_ns, int64_t until_ns, bool second_rack)
{
    double clock[2] = {1.0, 1.0}, cap[2] = {INFINITY, INFINITY}, joules[2], demand[2], tokens[2], kv[2];
    bool on[2] = {true, second_rack};
    const TwWorkloadIn in = {clock, cap, on, NULL, NULL, f->link};
    TwWorkloadOut out = {joules, demand, tokens, kv};
    tw_workload_advance(f->workload, f->block, &in, from_ns, until_ns, &out);
}

static TwWorkloadTotals check_factory(const Factory *f)
{
    TwWorkloadTotals t;
    tw_workload_totals(f->workload, f->block, -1, &t);
    CHECK(t.arrived == t.completed + t.running + t.waiting + t.rejected + t.lost);
    CHECK(t.input_tokens_arrived == t.input_tokens_done + t.input_tokens_pending + t.input_tokens_dropped);
    CHECK(t.output_tokens_arrived == t.output_tokens_done + t.output_tokens_pending + t.output_tokens_dropped);
    int64_t completed = 0, arrived = 0, by_tenant = 0;
    for (int s = 0; s < 2; s++) {
        TwServiceCounts counts;
        tw_workload_service(f->workload, f->block, 0, s, &counts);
        completed += counts.completed;
        arrived += counts.arrived;
    }
    for (int s = 0; s < 3; s++) {
        TwServiceCounts counts;
        tw_workload_tenant(f->workload, f->block, 0, s, &counts);
        by_tenant += counts.completed;
    }
    CHECK(completed == t.completed && by_tenant == t.completed && arrived == t.arrived);
    const Plant *p = f->workload->inner;
    for (int i = 0; i < REPLICAS; i++)
        CHECK(tw_engine_consistent(engine_of(p, f->block, p->pools, i), replica_const(p, f->block, i)));
    return t;
}

static void close_factory(Factory *f)
{
    tw_block_destroy(f->block);
    tw_workload_destroy(f->workload);
}

// The index says of every cached run what the caches themselves say.
static void index_is_what_is_cached(const Factory *f)
{
    const Plant *p = f->workload->inner;
    int entries = 0;
    for (int cell = 0; cell < CELLS; cell++) {
        const Cell *c = &p->cells[cell];
        const Pool *pool = &p->pools[c->pool];
        const TwKvEntry *entry = (const TwKvEntry *)tw_at_const(f->block, p->index) + c->index_at;
        const TwKvIndex index = {pool->index_bits, NULL, (TwKvEntry *)(uintptr_t)entry};
        for (int k = 0; k < c->replica_count; k++) {
            TwReplica *r = replica_of(p, f->block, c->replica_begin + k);
            const TwPrefix prefix = tw_engine_prefix(&pool->engine, r, NULL);
            for (int at = 0; at < 1 << pool->engine.prefix.bits; at++) {
                if (!prefix.table[at]) continue;
                const TwPrefixNode *n = prefix.node + ((int32_t)(uint32_t)prefix.table[at] - 1);
                const TwKvEntry *e = tw_kv_index_find(&index, n->base);
                CHECK(e && (e->replicas >> k & 1) && ((e->others >> k & 1) || e->until >= n->depth + n->length));
                CHECK(!(e->others >> k & 1) || e->other == 0 || e->other >= n->depth + n->length);
                entries++;
            }
        }
    }
    CHECK(entries > 100);
}

static void kv_aware_finds_more(void)
{
    int64_t hit[3];
    static const char *const routers[] = {"round_robin", "kv_aware", "affinity"};
    for (int k = 0; k < 3; k++) {
        Factory f = {.traffic = {.gap_ns = 6e6, .most = 4000, .longest = 1500}, .engine = {.prefix_cache = true}};
        open_factory(&f, routers[k], 1);
        for (int64_t s = 0; s < 60; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, true);
        if (k > 0) index_is_what_is_cached(&f);
        TwWorkloadTotals t = check_factory(&f);
        CHECK(t.completed + t.rejected == 3 * 4000);
        hit[k] = t.prompt_tokens_hit * 100 / t.prompt_tokens_looked_up;
        close_factory(&f);
    }
    printf("tokens found: in turn %lld %%, KV-aware %lld %%, by session %lld %%\n", (long long)hit[0],
           (long long)hit[1], (long long)hit[2]);
    CHECK(hit[1] > hit[0] + 10 && hit[2] > hit[0] + 10);
}

// Runs that several replicas of a cell have, of those cached at all.
static double shared_runs(double factor, double gap_ns)
{
    Factory f = {.traffic = {.gap_ns = gap_ns, .most = 1500, .longest = 1200},
                 .engine = {.prefix_cache = true},
                 .pool = {.routing = {.factor = factor}}};
    open_factory(&f, "affinity", 1);
    for (int64_t s = 0; s < 200; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, true);
    TwWorkloadTotals t = check_factory(&f);
    CHECK(t.completed > 3000);
    const Plant *p = f.workload->inner;
    int runs = 0, several = 0;
    for (int cell = 0; cell < CELLS; cell++) {
        const Pool *pool = &p->pools[p->cells[cell].pool];
        const TwKvEntry *entry = (const TwKvEntry *)tw_at_const(f.block, p->index) + p->cells[cell].index_at;
        for (int64_t at = 0; at < (int64_t)1 << pool->index_bits; at++) {
            runs += entry[at].base != 0;
            several += (entry[at].replicas & (entry[at].replicas - 1)) != 0;
        }
    }
    close_factory(&f);
    CHECK(runs > 30);
    return (double)several / runs;
}

// A session keeps its replica while that is not loaded beyond the factor: of every cell only what all prompts begin
// with is at several. With no patience at all sessions spread.
static void sessions_keep_their_replica(void)
{
    double kept = shared_runs(1e9, 30e6), spread = shared_runs(1e-9, 6e6);
    CHECK(kept < 2.0 / 30.0);
    CHECK(spread > 0.3);
    printf("runs at several replicas: %.3f of sessions that stay, %.3f without patience\n", kept, spread);
}

// Conversations that go from replica to replica: a store of each, and one of all of the same size: tokens found
// on the device and below it.
static TwWorkloadTotals with_store(bool shared, int64_t blocks, int threads, int64_t window_ns, uint64_t *checksum)
{
    TwTierSpec store = {.blocks = blocks,
                        .read_block_s = 1e-6,
                        .write_block_s = 1e-6,
                        .latency_s = 1e-5,
                        .backlog_s = 1.0,
                        .shared = shared};
    Factory f = {.traffic = {.gap_ns = 6e6, .most = 4000, .longest = 1500}, .engine = {.prefix_cache = true}};
    f.engine.tier_count = blocks > 0;
    f.engine.tiers = &store;
    open_factory(&f, "round_robin", threads);
    for (int64_t at = 0; at < 30000000000; at += window_ns) run_factory(&f, at, at + window_ns, true);
    TwWorkloadTotals t = check_factory(&f);
    CHECK(t.completed + t.rejected == 3 * 4000);
    *checksum = tw_block_checksum(f.block, f.layout.bytes);
    close_factory(&f);
    return t;
}

// The router that counts what lies in a replica's own store finds more there than one that does not.
static void stores_have_credit(void)
{
    int64_t found[2];
    for (int k = 0; k < 2; k++) {
        TwTierSpec store = {
            .blocks = 2000, .read_block_s = 1e-6, .write_block_s = 1e-6, .latency_s = 1e-5, .backlog_s = 1.0};
        Factory f = {.traffic = {.gap_ns = 6e6, .most = 4000, .longest = 1500},
                     .engine = {.prefix_cache = true, .tier_count = 1, .tiers = &store},
                     .pool = {.routing = {.tier_credit = 0.75 * k}}};
        open_factory(&f, "kv_aware", 1);
        for (int64_t s = 0; s < 60; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, true);
        TwWorkloadTotals t = check_factory(&f);
        CHECK(t.completed + t.rejected == 3 * 4000);
        found[k] = 1000 * (t.prompt_tokens_hit + t.tier_tokens[0]) / t.prompt_tokens_looked_up;
        close_factory(&f);
    }
    printf("tokens found KV-aware, stores without credit and at 0.75: %.1f %%, %.1f %%\n", 0.1 * (double)found[0],
           0.1 * (double)found[1]);
    CHECK(found[1] > found[0] + 10);
}

static void a_store_of_all_finds_more(void)
{
    uint64_t sum, two, same;
    TwWorkloadTotals none = with_store(false, 0, 1, 500000000, &sum), own = with_store(false, 1000, 1, 500000000, &sum),
                     all = with_store(true, 4000, 1, 500000000, &sum),
                     often = with_store(true, 4000, 1, 125000000, &two);
    (void)with_store(true, 4000, 2, 500000000, &same);
    const TwWorkloadTotals *of[] = {&none, &own, &all};
    int found[3];
    for (int k = 0; k < 3; k++)
        found[k] = (int)(100 * (of[k]->prompt_tokens_hit + of[k]->tier_tokens[0]) / of[k]->prompt_tokens_looked_up);
    printf("tokens found in turn: %d %%, with a store each %d %%, with one store %d %%\n", found[0], found[1],
           found[2]);
    CHECK(found[1] > found[0] + 3 && found[2] > found[1] + 5);
    // whatever the threads and the windows
    CHECK(sum == same);
    CHECK(all.tier_tokens[0] == often.tier_tokens[0] && all.prompt_tokens_hit == often.prompt_tokens_hit);
    CHECK(all.output_tokens_done == often.output_tokens_done && all.device_j == often.device_j);
}

// Prompts on four replicas of twelve, decodes on the others; a loss of power in between.
static void apart_and_again(int threads, uint64_t *checksum)
{
    Factory f = {.traffic = {.gap_ns = 8e6, .most = 3000, .longest = 1500}, .engine = {.prefix_cache = true}};
    for (int i = 0; i < REPLICAS; i++) f.prefill[i] = i % 4 == 0;
    f.apart = (TwEngineSpec){
        .step = &f.source, .max_tokens = 2048, .max_sequences = 16, .kv_blocks = 600, .prefix_cache = true};
    f.pool.hand_over = (TwHandOver){.engine = &f.apart,
                                    .replica_prefill = f.prefill,
                                    .bytes_per_token = 131072,
                                    .bytes_s = 50e9,
                                    .latency_s = 1e-5,
                                    .local_tokens = 20};
    f.pool.retry = true;
    f.pool.detect_s = 0.1;
    open_factory(&f, "least_loaded", threads);
    for (int64_t s = 0; s < 80; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, s != 20 && s != 21);
    TwWorkloadTotals t = check_factory(&f);
    CHECK(t.completed + t.rejected + t.lost == 9000 && t.transfers > 4000 && t.retried > 0 && t.lost == 0);
    CHECK(t.moving == 0);
    // the ledger of bytes, with what was lost when the power went
    CHECK(t.transfer_bytes == t.delivered_bytes + t.moving_bytes + t.lost_bytes && t.moving_bytes == 0);
    *checksum = tw_block_checksum(f.block, f.layout.bytes);
    if (threads == 1)
        printf("%lld transfers of %.1f MB and %.3f ms, %lld tried again, %lld rejected\n", (long long)t.transfers,
               (double)t.transfer_bytes / (double)t.transfers * 1e-6, t.transfer_s / (double)t.transfers * 1e3,
               (long long)t.retried, (long long)t.rejected);
    close_factory(&f);
}

// C14: 4,096 tokens of 131,072 bytes at 50 GB/s and 10 us, alone: 10.747418 ms between first and second token.
static int64_t jobs_left;
static int64_t one_peek(const void *context, const void *block, int cell)
{
    (void)context, (void)block;
    return cell == 0 && jobs_left > 0 ? 0 : INT64_MAX;
}
static void one_pop(const void *context, void *block, int cell, TwRequest *q)
{
    (void)context, (void)block, (void)cell;
    jobs_left--;
    *q = ASK(0, 4096, 3, 0);
}

// `prompts` of them at once; links of `link`, or 50 GB/s for each replica. Mean seconds of a transfer.
static double transfers(int prompts, const TwReplicaLink *link, const int *domain, const int *group)
{
    Factory f = {.traffic = {.most = 0}, .link = link};
    for (int i = 0; i < REPLICAS; i++) f.prefill[i] = i % 4 == 0;
    f.apart = (TwEngineSpec){.step = &f.source, .max_tokens = 16384, .max_sequences = 16, .kv_blocks = 1200};
    f.pool.hand_over = (TwHandOver){.engine = &f.apart,
                                    .replica_prefill = f.prefill,
                                    .bytes_per_token = 131072,
                                    .bytes_s = 50e9,
                                    .latency_s = 1e-5,
                                    .domain = domain,
                                    .group = group};
    jobs_left = prompts;
    f.requests = (TwRequestSource){.peek = one_peek, .pop = one_pop};
    open_factory(&f, "round_robin", 1);
    for (int64_t s = 0; s < 60; s++) run_factory(&f, s * 1000000000, (s + 1) * 1000000000, true);
    TwWorkloadTotals t = check_factory(&f);
    CHECK(t.completed == prompts && t.transfers == prompts && t.output_tokens_done == 3 * prompts);
    CHECK(t.transfer_bytes == t.delivered_bytes && t.transfer_bytes == (int64_t)prompts * 4096 * 131072);
    double mean_s = t.transfer_s / prompts;
    close_factory(&f);
    return mean_s;
}

// Two that leave one replica at once have half its link each; what the network leaves to it stretches both; a way
// inside the domain, under the same leaves and beyond has its own rate and latency.
static void transfers_by_hand(void)
{
    CHECK_NEAR(transfers(1, NULL, NULL, NULL), 0.010747418, 1e-6);
    CHECK_NEAR(transfers(2, NULL, NULL, NULL), 2.0 * 0.010737418 + 1e-5, 1e-6);
    CHECK_NEAR(transfers(3, NULL, NULL, NULL), 3.0 * 0.010737418 + 1e-5, 1e-6);

    TwReplicaLink link[REPLICAS];
    for (int i = 0; i < REPLICAS; i++)
        link[i] =
            (TwReplicaLink){{100e9, 25e9, 10e9}, {100e9, 25e9, 20e9}, {1e-6, 1e-5, 2e-5}, {INFINITY, INFINITY}, 1.0};
    int same[REPLICAS] = {0}, apart[REPLICAS];
    for (int i = 0; i < REPLICAS; i++) apart[i] = i;
    const double bytes = 4096.0 * 131072.0;
    CHECK_NEAR(transfers(1, link, same, same), bytes / 100e9 + 1e-6, 1e-6);
    CHECK_NEAR(transfers(1, link, apart, same), bytes / 25e9 + 1e-5, 1e-6);
    CHECK_NEAR(transfers(1, link, apart, apart), bytes / 10e9 + 2e-5, 1e-6);
    // 25 GB/s of cards carry two of 10 GB/s beyond the leaves, but not three
    CHECK_NEAR(transfers(2, link, apart, apart), bytes / 10e9 + 2e-5, 1e-6);
    CHECK_NEAR(transfers(3, link, apart, apart), bytes * 3.0 / 25e9 + 2e-5, 1e-6);
    // no way: they stand until there is one
    Move stuck[2] = {{.at_ns = INT64_MAX, .from = 0, .to = 1, .left = 10.0, .reach = TW_REACH_LEAF, .wire = true},
                     {.at_ns = INT64_MAX, .from = 0, .to = 2, .left = 20.0, .reach = TW_REACH_LEAF, .wire = true}};
    const TwHandOver plain = {0};
    TwReplicaLink dead[3];
    memset(dead, 0, sizeof dead);
    CHECK(tw_wire_share(&plain, stuck, 2, dead, 3, 0) == INT64_MAX);
    for (int i = 0; i < 3; i++) dead[i].out_bytes_s[1] = dead[i].in_bytes_s[1] = 10.0;
    CHECK(tw_wire_share(&plain, stuck, 2, dead, 3, 5000000000) == 7000000000);
    stuck[0].wire = false;
    CHECK(tw_wire_share(&plain, stuck, 2, dead, 3, 7000000000) <= 8000000001 && stuck[1].left == 10.0);

    // of eight attention ranks' links a transfer has one: up to eight go at its rate, sixteen share all
    const TwHandOver ranks = {.share_out = 0.125, .share_in = 0.25};
    static Move many[16];
    for (int n = 1; n <= 16; n++) {
        for (int i = 0; i < n; i++)
            many[i] = (Move){
                .at_ns = INT64_MAX, .from = 0, .to = (int8_t)(1 + i % 2), .left = 20.0, .reach = 1, .wire = true};
        (void)tw_wire_share(&ranks, many, n, dead, 3, 0);
        for (int i = 0; i < n; i++) CHECK_NEAR(many[i].rate, n <= 8 ? 1.25 : 10.0 / n, 1e-9);
    }
}

// Who makes the first token of a prompt computed apart: alone, its time to first token is that of the prompt, the same
// and the transfer, or these and a step of the prompt's last token at the other. The last comes as before by the first
// two, and what is computed twice is told.
static TwFinished only;
static void one_finished(const void *context, void *block, int cell, const TwFinished *f)
{
    (void)context, (void)block, (void)cell;
    only = *f;
}

static void first_tokens(void)
{
    int64_t first[3], last[3], again[3];
    for (int k = 0; k < 3; k++) {
        Factory f = {.traffic = {.most = 0}};
        for (int i = 0; i < REPLICAS; i++) f.prefill[i] = i % 4 == 0;
        f.apart = (TwEngineSpec){.step = &f.source, .max_tokens = 16384, .max_sequences = 16, .kv_blocks = 1200};
        f.pool.hand_over = (TwHandOver){.engine = &f.apart,
                                        .replica_prefill = f.prefill,
                                        .bytes_per_token = 131072,
                                        .bytes_s = 50e9,
                                        .latency_s = 1e-5,
                                        .first_token = (TwFirstToken)k};
        jobs_left = 1;
        f.requests = (TwRequestSource){.peek = one_peek, .pop = one_pop, .finished = one_finished};
        open_factory(&f, "round_robin", 1);
        for (int64_t s = 0; s < 5; s++) run_factory(&f, s * 1000000000, (s + 1) * 1000000000, true);
        TwWorkloadTotals t = check_factory(&f);
        CHECK(t.completed == 1 && t.output_tokens_done == 3 && t.input_tokens_done == 4096 && t.transfers == 1);
        first[k] = only.first_ns, last[k] = only.last_ns, again[k] = t.tokens_recomputed;
        close_factory(&f);
    }
    CHECK_NEAR(1e-9 * (double)(first[1] - first[0]), 4096.0 * 131072.0 / 50e9 + 1e-5, 1e-6);
    // one token after 4,095
    CHECK_NEAR(1e-9 * (double)(first[2] - first[1]), 1e-9 * (5e6 + 2e4 + 12.5 * 4095.0), 1e-6);
    CHECK(last[1] == last[0] && last[2] > last[1]);
    CHECK(again[0] == 0 && again[1] == 0 && again[2] == 1);
    printf("first token %.6f, %.6f, %.6f s\n", 1e-9 * (double)first[0], 1e-9 * (double)first[1],
           1e-9 * (double)first[2]);
}

// C6: M/M/4 with one queue: Erlang C(4, 3) = 0.509434, mean wait 0.101887 s.
typedef struct Jobs {
    uint64_t seed;
    int64_t next_ns, left;
    double rate_s;
} Jobs;
static Jobs jobs;

static int64_t jobs_peek(const void *context, const void *block, int cell)
{
    (void)context, (void)block, (void)cell;
    return jobs.left > 0 ? jobs.next_ns : INT64_MAX;
}

static void jobs_pop(const void *context, void *block, int cell, TwRequest *q)
{
    (void)context, (void)block, (void)cell;
    int output = 1 + (int)(log(draw_unit(&jobs.seed)) / log(1.0 - 1.0 / 200.0));
    *q = ASK(jobs.next_ns, 1, output, 0);
    q->id = (uint32_t)jobs.left;
    jobs.left--;
    jobs.next_ns += (int64_t)(-log(draw_unit(&jobs.seed)) / jobs.rate_s * 1e9);
}

// So many replicas behind a router: what queues of `most`, or a limit on who waits, turn away, and the wait of the
// others.
static void servers_come_again(int replicas, const char *router, TwRouterSpec routing, TwComeAgain again, double rate_s,
                               int most, int requests, double *wait_s, double *lost)
{
    TestStep step = {.a0_ns = 1e6, .watts_idle = 100.0, .watts_full = 500.0};
    TwStepSource source = test_source(&step);
    static int rack[4], cell[4];
    const TwRequestSource from = {.peek = jobs_peek, .pop = jobs_pop};
    const TwPoolSpec pool = {.name = "servers",
                             .step = &source,
                             .replica_count = replicas,
                             .replica_rack = rack,
                             .replica_cell = cell,
                             .cell_count = 1,
                             .max_tokens = 1,
                             .max_sequences = 1,
                             .block_tokens = 16,
                             .kv_blocks = 1000,
                             .queue_max = most,
                             .router = router,
                             .routing = routing,
                             .again = again,
                             .ttft_slo_s = 1.0,
                             .tpot_slo_s = 1.0,
                             .seed = 9,
                             .source = &from};
    const TwWorkloadSpec spec = {1, 1, &pool, 0, 1};
    TwLayout layout = {0};
    TwWorkload *workload;
    TwErrors *errors = tw_errors_create();
    CHECK(tw_workload_create(&workload, &spec, &layout, errors));
    void *block = tw_block_create(&layout);
    tw_workload_start(workload, block);
    jobs = (Jobs){26, 0, requests, rate_s};
    double clock = 1.0, cap = INFINITY, joules, demand, tokens, kv;
    bool on = true;
    const TwWorkloadIn in = {&clock, &cap, &on, NULL, NULL, NULL};
    TwWorkloadOut out = {&joules, &demand, &tokens, &kv};
    tw_workload_advance(workload, block, &in, 0, 1000000000000000, &out);
    TwSketch e2e;
    TwWorkloadTotals t;
    tw_workload_sketch(workload, block, 0, TW_E2E, &e2e);
    tw_workload_totals(workload, block, -1, &t);
    CHECK((int64_t)e2e.count == t.completed && t.completed + t.rejected == requests);
    CHECK(t.refused == (routing.busy_waiting > 0 ? t.rejected : 0));
    *wait_s = tw_sketch_mean(&e2e) - (double)t.output_tokens_done * 1e-3 / (double)t.completed;
    *lost = (double)t.rejected / requests;
    tw_block_destroy(block);
    tw_workload_destroy(workload);
    tw_errors_destroy(errors);
}

static void servers_for_all(int replicas, const char *router, TwRouterSpec routing, double rate_s, int most,
                            int requests, double *wait_s, double *lost)
{
    servers_come_again(replicas, router, routing, (TwComeAgain){0}, rate_s, most, requests, wait_s, lost);
}

static void one_queue_for_four(double rate_s, int most, int requests, double *wait_s, double *lost)
{
    servers_for_all(4, "central", (TwRouterSpec){0}, rate_s, most, requests, wait_s, lost);
}

// M/M/1/K: a replica is busy when more than six wait, so seven wait and one is served.
static void busy_replicas_turn_away(void)
{
    double wait_s, lost, p = 1.0, sum = 1.0, waiting = 0.0;
    servers_for_all(1, "round_robin", (TwRouterSpec){.busy_waiting = 6}, 5.5, 1000, 200000, &wait_s, &lost);
    for (int n = 1; n <= 8; n++) {
        sum += p *= 5.5 * 0.2;
        waiting += (n - 1) * p;
    }
    waiting /= sum * 5.5 * (1.0 - p / sum);
    printf("M/M/1/8: %.4f turned away, %.4f s waited, closed form %.4f, %.4f\n", lost, wait_s, p / sum, waiting);
    CHECK_NEAR(lost, p / sum, 0.03);
    CHECK_NEAR(wait_s, waiting, 0.02);
    // three replicas, of which the router takes any that is not busy: nobody is turned away while one is not
    double three;
    servers_for_all(3, "random", (TwRouterSpec){.busy_waiting = 6}, 3 * 5.5, 1000, 30000, &wait_s, &three);
    CHECK(three > 1.0 / 11.0 && three < 0.9 * lost);
    // M/M/1 where who comes waits at the router instead, and M/M/1/11 where only three do
    servers_for_all(1, "round_robin", (TwRouterSpec){.busy_waiting = 2, .busy_queue = 1000}, 4.0, 1000, 200000, &wait_s,
                    &lost);
    printf("M/M/1 at the router: %.4f s waited, closed form %.4f\n", wait_s, 0.8 * 0.2 / 0.2);
    CHECK(lost == 0.0);
    CHECK_NEAR(wait_s, 0.8 * 0.2 / 0.2, 0.03);
    servers_for_all(1, "round_robin", (TwRouterSpec){.busy_waiting = 6, .busy_queue = 3}, 5.5, 1000, 200000, &wait_s,
                    &lost);
    p = sum = 1.0;
    for (int n = 1; n <= 11; n++) sum += p *= 5.5 * 0.2;
    CHECK_NEAR(lost, p / sum, 0.04);
}

// M/M/1/3 whose refused come again, long after the queue has forgotten them: attempts are as good as Poisson, at the
// rate of who comes times 1 + B + ... + B^n, and B^(n + 1) are lost for good.
static void clients_come_again(void)
{
    for (int times = 0; times <= 3; times++) {
        double wait_s, lost, refused = 0.0;
        for (int k = 0; k < 200; k++) {
            double attempts = 4.5, p = 1.0, sum = 1.0;
            for (int n = 1; n <= times; n++) attempts += 4.5 * pow(refused, n);
            for (int n = 1; n <= 3; n++) sum += p *= attempts * 0.2;
            refused = p / sum;
        }
        servers_come_again(1, "round_robin", (TwRouterSpec){.busy_waiting = 1}, (TwComeAgain){times, 200.0, 200.0}, 4.5,
                           1000, 200000, &wait_s, &lost);
        double expected = pow(refused, times + 1);
        printf("M/M/1/3, %d times again: %.4f lost, closed form %.4f\n", times, lost, expected);
        CHECK_NEAR(lost, expected, 0.01 + 0.015 * times);
    }
}

// Tokens found by a KV-aware router, with what it is told or assumes of the caches, and a checksum of how it all went.
static double found_by(TwRouterSpec routing, TwWorkloadTotals *t)
{
    Factory f = {.traffic = {.gap_ns = 6e6, .most = 3000, .longest = 1500},
                 .engine = {.prefix_cache = true},
                 .pool = {.routing = routing}};
    open_factory(&f, "kv_aware", 1);
    for (int64_t s = 0; s < 60; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, true);
    *t = check_factory(&f);
    CHECK(t->completed + t->rejected == 3 * 3000);
    close_factory(&f);
    return (double)t->prompt_tokens_hit / (double)t->prompt_tokens_looked_up;
}

// Told at once but for a nanosecond, a router chooses as one that knows; later is worse, by periods as by delays; what
// is assumed lies between, and nothing of it where it holds for no time.
static void routers_that_do_not_know(void)
{
    static const TwRouterSpec how[] = {{0},
                                       {.event_delay_s = 1e-9},
                                       {.event_delay_s = 0.5},
                                       {.event_period_s = 1.0},
                                       {.event_delay_s = 60.0},
                                       {.assume_s = 120.0},
                                       {.assume_s = 1e-9}};
    enum { COUNT = sizeof how / sizeof *how };
    TwWorkloadTotals t[COUNT];
    double found[COUNT];
    printf("tokens found: known, told after 1 ns, 0.5 s, each second, after 60 s, assumed, not assumed:");
    for (int k = 0; k < COUNT; k++) {
        found[k] = found_by(how[k], &t[k]);
        printf(" %.3f", found[k]);
    }
    printf("\n");
    CHECK(t[0].kv_events == 0 && t[1].kv_events > 1000 && t[2].kv_events_early == 0);
    t[1].kv_events = 0;
    CHECK(memcmp(&t[0], &t[1], sizeof t[0]) == 0);
    CHECK(found[0] > found[2] && found[2] > found[4] && found[0] > found[3] && found[3] > found[4]);
    CHECK(found[5] > found[4] && found[5] < found[0]);
    // who knows nothing chooses as who knows nothing yet
    t[4].kv_events = t[4].kv_events_early = 0;
    CHECK(memcmp(&t[4], &t[6], sizeof t[4]) == 0);
}

// A straggler takes so many times as long for the same answers, at what it draws at rest in the time that it loses; how
// many there are is the chance that none of a replica's GPUs is one.
static void stragglers(void)
{
    double end_s[2], joules[2];
    for (int k = 0; k < 2; k++) {
        Factory f = {.traffic = {.most = 0}, .pool = {.slow_share = k, .slow_times = 1.7, .gpus = 4}};
        jobs_left = 1;
        f.requests = (TwRequestSource){.peek = one_peek, .pop = one_pop, .finished = one_finished};
        open_factory(&f, "round_robin", 1);
        for (int64_t s = 0; s < 5; s++) run_factory(&f, s * 1000000000, (s + 1) * 1000000000, true);
        TwWorkloadTotals t = check_factory(&f);
        end_s[k] = 1e-9 * (double)only.last_ns, joules[k] = t.device_j;
        CHECK(t.completed == 1 && tw_workload_slow(f.workload, f.block, 3) == (k ? 1.7 : 1.0));
        close_factory(&f);
    }
    CHECK_NEAR(end_s[1], 1.7 * end_s[0], 1e-8);
    // twelve replicas rest at 100 W but for the steps of one
    CHECK_NEAR(joules[1], joules[0], 1e-9);
    Factory f = {.traffic = {.most = 0}, .pool = {.slow_share = 0.1, .slow_times = 1.5, .gpus = 8}};
    int slow = 0, all = 0;
    for (int seed = 1; seed <= 20; seed++) {
        f.engine = (TwEngineSpec){0};
        f.layout = (TwLayout){0};
        f.pool.seed = (uint64_t)seed;
        open_factory(&f, "round_robin", 1);
        for (int i = 0; i < REPLICAS; i++) slow += tw_workload_slow(f.workload, f.block, i) > 1.0, all++;
        tw_workload_slow_rack(f.workload, f.block, f.rack[5], 2.0);
        double times = tw_workload_slow(f.workload, f.block, 5);
        CHECK(times == 2.0 || times == 3.0);
        close_factory(&f);
    }
    // 0.5695; three deviations of 240 draws
    CHECK(fabs((double)slow / all - (1.0 - pow(0.9, 8.0))) < 3.0 * 0.032);
}

static void queues_at_the_router(void)
{
    double wait_s, lost;
    one_queue_for_four(15.0, 1000, 600000, &wait_s, &lost);
    printf("M/M/4: mean wait %.4f s, closed form 0.1019\n", wait_s);
    CHECK_NEAR(wait_s, 0.101887, 0.02);
    CHECK(lost == 0.0);
    // M/M/4/4 + 6 at 1.1 of what they serve: p_n of the chain, who is turned away, Little's law of who waits
    one_queue_for_four(22.0, 6, 300000, &wait_s, &lost);
    double p = 1.0, sum = 1.0, waiting = 0.0;
    for (int n = 1; n <= 10; n++) {
        sum += p *= 22.0 * 0.2 / (n < 4 ? n : 4);
        if (n > 4) waiting += (n - 4) * p;
    }
    printf("M/M/4/10: %.4f lost, %.4f s waited, closed form %.4f, %.4f\n", lost, wait_s, p / sum,
           waiting / sum / (22.0 * (1.0 - p / sum)));
    CHECK_NEAR(lost, p / sum, 0.03);
    CHECK_NEAR(wait_s, waiting / sum / (22.0 * (1.0 - p / sum)), 0.02);
}

// Where prompts are computed apart those of a kind share what comes, whoever the others are: in turn, at random, the
// better of two, by session.
static void kinds_share_alike(void)
{
    static const char *const routers[] = {"round_robin", "random", "power_of_two", "affinity"};
    for (int k = 0; k < 4; k++) {
        Factory f = {.traffic = {.gap_ns = 2e7, .most = 2000, .longest = 400}};
        for (int i = 0; i < REPLICAS; i++) f.prefill[i] = i % 4 < 2;
        f.apart = (TwEngineSpec){.step = &f.source, .max_tokens = 2048, .max_sequences = 16, .kv_blocks = 600};
        f.pool.hand_over = (TwHandOver){.engine = &f.apart,
                                        .replica_prefill = f.prefill,
                                        .bytes_per_token = 131072,
                                        .bytes_s = 50e9,
                                        .latency_s = 1e-5};
        open_factory(&f, routers[k], 1);
        for (int64_t s = 0; s < 120; s++) run_factory(&f, s * 500000000, (s + 1) * 500000000, true);
        TwWorkloadTotals t = check_factory(&f);
        CHECK(t.completed == 3 * 2000 && t.transfers > 5000);
        // sessions are few, and some much longer than others
        double within = strcmp(routers[k], "affinity") == 0 ? 0.25 : 0.06;
        for (int i = 0; i < REPLICAS; i += 2) {
            const TwEngineCounts *one = &replica_const(f.workload->inner, f.block, i)->counts,
                                 *other = &replica_const(f.workload->inner, f.block, i + 1)->counts;
            double mine = (double)(f.prefill[i] ? one->arrived : one->completed),
                   its = (double)(f.prefill[i] ? other->arrived : other->completed);
            CHECK_WITHIN(mine / (mine + its), 0.5, within);
        }
        close_factory(&f);
    }
}

int main(void)
{
    kinds_share_alike();
    uint64_t sum[2];
    queues_at_the_router();
    busy_replicas_turn_away();
    clients_come_again();
    routers_that_do_not_know();
    stragglers();
    kv_aware_finds_more();
    stores_have_credit();
    a_store_of_all_finds_more();
    sessions_keep_their_replica();
    apart_and_again(1, &sum[0]);
    apart_and_again(2, &sum[1]);
    CHECK(sum[0] == sum[1]);
    transfers_by_hand();
    first_tokens();
    return check_failures != 0;
}
