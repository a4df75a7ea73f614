#include "models/workload/engine_parts.h"

#include <math.h>
#include <string.h>

const char *const tw_policy_names[] = {"vllm_v1", "trtllm",  "trtllm_max_utilization", "static_batch",
                                       "sglang",  "sarathi", "prefill_first",          NULL};

const char *const tw_rank_router_names[] = {
    "auto", "even", "round_robin", "least_loaded", "least_tokens", "central", "vllm_dp", "kv_aware", NULL};

static int number_of(const char *name, const char *const names[])
{
    int k = 0;
    while (names[k] && strcmp(name, names[k]) != 0) k++;
    return names[k] ? k : -1;
}

bool tw_policy(const char *name, TwPolicy *policy)
{
    int k = number_of(name, tw_policy_names);
    if (k >= 0) *policy = (TwPolicy)k;
    return k >= 0;
}

bool tw_rank_router(const char *name, TwPolicy policy, int ranks, TwEngineSpec *spec)
{
    int k = number_of(name, tw_rank_router_names);
    if (k < 0) return false;
    TwRankRouter router = (TwRankRouter)k;
    bool tensorrt = policy == TW_TRTLLM || policy == TW_TRTLLM_MAX_UTILIZATION;
    if (router == TW_RANK_AUTO)
        router = policy == TW_SGLANG ? TW_RANK_ROUND_ROBIN : tensorrt ? TW_RANK_CENTRAL : TW_RANK_VLLM_DP;
    spec->rank_router = router;
    spec->ranks = router == TW_RANK_EVEN ? 1 : ranks;
    return true;
}

// --- build --------------------------------------------------------------------------------------------------------

static bool in_range(TwError *error, const char *name, int64_t value, int64_t min, int64_t max)
{
    if (value >= min && value <= max) return true;
    return tw_fail(error, TW_BAD_INPUT, "%s = %lld, expected %lld to %lld", name, (long long)value, (long long)min,
                   (long long)max);
}

static bool check(const TwEngineSpec *spec, TwError *error)
{
    int b = spec->block_tokens;
    if (!in_range(error, "max_tokens", spec->max_tokens, 1, 1 << 24)) return false;
    if (!in_range(error, "max_sequences", spec->max_sequences, 1, 65535)) return false;
    if (!in_range(error, "block_tokens", b, 1, 256)) return false;
    if (b & (b - 1)) return tw_fail(error, TW_BAD_INPUT, "block_tokens = %d, expected a power of two", b);
    if (!in_range(error, "kv_blocks", spec->kv_blocks, 1, (int64_t)1 << 40)) return false;
    if (!in_range(error, "queue_max", spec->queue_max, 1, (1 << 24) - 65537)) return false;
    if (!in_range(error, "priorities", spec->priorities, 1, TW_PRIORITIES)) return false;
    if (!in_range(error, "tenants", spec->tenants, 1, TW_TENANTS)) return false;
    if (!in_range(error, "services", spec->services, 0, TW_SERVICES)) return false;
    if (!in_range(error, "tiers", spec->tier_count, 0, TW_TIERS)) return false;
    if (!in_range(error, "ranks with lists of their own", spec->ranks, 1, TW_RANKS_MOST)) return false;
    if (!(spec->encode_s >= 0.0 && spec->encode_s <= 1e3 && spec->encode_j >= 0.0 && spec->encode_j <= 1e6))
        return tw_fail(error, TW_BAD_INPUT, "encode_s_per_image = %g, encode_j_per_image = %g, expected 0 to 1000, 1e6",
                       spec->encode_s, spec->encode_j);
    const TwFrontEnd *front = &spec->front_end;
    bool any = front->request_s > 0.0 || front->prompt_token_s > 0.0 || front->output_s > 0.0;
    if (!(front->request_s >= 0.0 && front->request_s <= 10.0 && front->prompt_token_s >= 0.0 &&
          front->prompt_token_s <= 0.1 && front->output_s >= 0.0 && front->output_s <= 1.0) ||
        (any && front->output_s < 1e-9))
        return tw_fail(error, TW_BAD_INPUT,
                       "front end of %g s a request, %g s a prompt token, %g s an output, expected 0 to 10, 0.1, 1, "
                       "and an output to take some time",
                       front->request_s, front->prompt_token_s, front->output_s);
    if (!in_range(error, "draft_tokens", spec->speculate.draft, 0, TW_DRAFT_MOST)) return false;
    for (int k = 0; k < spec->speculate.draft; k++)
        if (!(spec->speculate.acceptance[k] >= 0.0 && spec->speculate.acceptance[k] <= 1.0))
            return tw_fail(error, TW_BAD_INPUT, "acceptance = %g, expected 0 to 1", spec->speculate.acceptance[k]);
    if (spec->whole_prompts && spec->long_prefill > 0)
        return tw_fail(error, TW_BAD_INPUT, "long_prefill_tokens = %d cuts prompts, but whole_prompts is true",
                       spec->long_prefill);
    if (!in_range(error, "watermark_blocks", spec->watermark_blocks, 0, spec->kv_blocks - 1)) return false;
    if (!(spec->ttft_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "ttft_slo_s = %g, expected > 0", spec->ttft_slo_s);
    if (!(spec->tpot_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "tpot_slo_s = %g, expected > 0", spec->tpot_slo_s);
    if (spec->policy == TW_SGLANG) {
        if (!in_range(error, "prefill_tokens", spec->sglang.prefill_tokens, 1, TW_SGLANG_TOKENS)) return false;
        if (!in_range(error, "chunk_tokens", spec->sglang.chunk_tokens, 1, TW_SGLANG_TOKENS)) return false;
        if (!(spec->sglang.conservativeness > 0.0 && spec->sglang.conservativeness <= 1.4))
            return tw_fail(error, TW_BAD_INPUT, "conservativeness = %g, expected more than 0, at most 1.4",
                           spec->sglang.conservativeness);
    }
    if (!in_range(error, "rank_wait_iterations", spec->rank_wait, 0, 1 << 20)) return false;
    if (!in_range(error, "rank_gather_iterations", spec->rank_gather, 0, 1 << 20)) return false;
    bool waits = spec->rank_wait > 0 || spec->rank_gather > 0;
    if (waits && (spec->policy == TW_SGLANG || spec->policy == TW_SARATHI || spec->policy == TW_PREFILL_FIRST))
        return tw_fail(error, TW_BAD_INPUT,
                       "rank_wait_iterations = %d, rank_gather_iterations = %d: policy %s does not wait for other "
                       "ranks",
                       spec->rank_wait, spec->rank_gather, tw_policy_names[spec->policy]);
    if (spec->outrank && spec->policy != TW_VLLM_V1 && spec->policy != TW_TRTLLM_MAX_UTILIZATION)
        return tw_fail(error, TW_BAD_INPUT, "preempt_lower = true: policy %s does not, expected %s or %s",
                       tw_policy_names[spec->policy], tw_policy_names[TW_VLLM_V1],
                       tw_policy_names[TW_TRTLLM_MAX_UTILIZATION]);
    if (spec->outrank && spec->priorities == 1)
        return tw_fail(error, TW_BAD_INPUT, "preempt_lower = true with priorities = 1, expected 2 or more levels");
    bool drafts = spec->speculate.draft > 0;
    if (drafts && (spec->policy == TW_SGLANG || spec->policy == TW_SARATHI || spec->policy == TW_PREFILL_FIRST))
        return tw_fail(error, TW_BAD_INPUT, "draft_tokens = %d: policy %s does not speculate", spec->speculate.draft,
                       tw_policy_names[spec->policy]);
    return true;
}

static size_t reserve(TwEngine *e, size_t count, size_t size)
{
    size_t at = e->parts_bytes;
    e->parts_bytes += (count * size + 63) / 64 * 64;
    return at;
}

static size_t slab_bytes(const TwEngine *e, int array) { return e->row_bytes[array] * TW_SLAB_ROWS; }

// Tokens that a step makes of each sequence: one, and as many drafts as are accepted one after the other.
static double tokens_a_step(const TwSpeculate *s)
{
    double sum = 1.0, all = 1.0;
    for (int k = 0; k < s->draft; k++) sum += all *= s->acceptance[k];
    return sum;
}

// Time to compute a token of a long prompt, for whether it is worth loading what is cached below.
static double token_time(const TwEngineSpec *spec)
{
    int64_t n = spec->max_tokens < 2048 ? spec->max_tokens : 2048;
    const TwBatch batch = {
        .tokens = (int32_t)n, .chunks = 1, .chunk_tokens = (int32_t)n, .chunk_square = n * n, .logits = 1};
    TwStep step;
    spec->step->step(spec->step->context, TW_LEVELS - 1, &batch, &step);
    return step.time_ns.base / (double)n;
}

static int bits_for(int64_t count)
{
    int bits = 4;
    while ((int64_t)1 << bits < 2 * count) bits++;
    return bits;
}

static void build_cache(TwEngine *e)
{
    const TwEngineSpec *spec = &e->spec;
    // as many runs as sequences in flight may need, and as many again as the blocks may hold: of 32 blocks on average,
    // or as long as the ids of a trace
    int64_t run_blocks = spec->list ? spec->list->tokens / spec->block_tokens : 32;
    int64_t nodes = 2 * (int64_t)spec->max_sequences + spec->kv_blocks / (run_blocks > 0 ? run_blocks : 1);
    nodes = spec->prefix_nodes > 0 ? spec->prefix_nodes : least(nodes, least(spec->kv_blocks, 1 << 20));
    if (nodes < 16) nodes = 16;
    e->prefix.nodes = (int)nodes;
    e->prefix.bits = bits_for(nodes);
    e->node = reserve(e, (size_t)nodes, sizeof(TwPrefixNode));
    e->table = reserve(e, (size_t)1 << e->prefix.bits, sizeof(uint64_t));
    for (int t = 0; t < spec->tier_count; t++) {
        // what is a replica's its ranks divide, space and rates alike
        const TwTierSpec *tier = &spec->tiers[t];
        int parts = tier->shared ? 1 : e->ranks;
        int64_t blocks = tier->blocks > parts ? tier->blocks / parts : 1, rows = least(blocks, 4 * nodes);
        rows = rows < 16 ? 16 : rows;
        TwTierPlan *plan = &e->tiers[t];
        *plan = (TwTierPlan){.blocks = blocks,
                             .read_ns = llround(tier->read_block_s * parts * 1e9 * 1024.0),
                             .write_ns = llround(tier->write_block_s * parts * 1e9 * 1024.0),
                             .latency_ns = llround(tier->latency_s * 1e9),
                             .backlog_ns = llround(tier->backlog_s * 1e9),
                             .shared = tier->shared,
                             .rows = (int)rows,
                             .bits = bits_for(rows)};
        plan->row_at = reserve(e, (size_t)rows, sizeof(TwTierRow));
        plan->table_at = reserve(e, (size_t)1 << plan->bits, sizeof(int32_t));
    }
}

// Of what a group has, a rank's part.
static void divide(TwEngineSpec *spec)
{
    int n = spec->ranks;
    spec->max_tokens = (spec->max_tokens + n - 1) / n;
    spec->max_sequences = (spec->max_sequences + n - 1) / n;
    spec->kv_blocks = spec->kv_blocks > n ? spec->kv_blocks / n : 1;
    spec->watermark_blocks /= n;
    spec->prefix_nodes = (spec->prefix_nodes + n - 1) / n;
    spec->sglang.prefill_tokens = (spec->sglang.prefill_tokens + n - 1) / n;
    spec->sglang.chunk_tokens = (spec->sglang.chunk_tokens + n - 1) / n;
    spec->swap_blocks /= n;
    spec->swap_block_s *= n;
}

bool tw_engine_build(TwEngine *engine, const TwEngineSpec *given, TwError *error)
{
    TwEngineSpec spec = *given;
    if (spec.priorities == 0) spec.priorities = 1;
    if (spec.tenants == 0) spec.tenants = 1;
    if (spec.ranks == 0) spec.ranks = 1;
    if (!check(&spec, error)) return false;
    assert(spec.ranks == 1 || spec.step->choose_ranks);
    divide(&spec);

    *engine = (TwEngine){.spec = spec, .ranks = spec.ranks};
    engine->rows_max = spec.queue_max + spec.max_sequences * spec.ranks;
    // who was handed on keeps its row until its KV has left
    if (spec.keep) engine->rows_max += spec.max_sequences * spec.ranks;
    engine->queues = spec.priorities * spec.tenants;
    engine->services = spec.services > 0 ? spec.services : 1;
    engine->service[0] = tw_service_limit(spec.ttft_slo_s, spec.tpot_slo_s, INFINITY);
    tw_service_gaps(&engine->service[0], spec.itl_slo_s, spec.itl_share);
    for (int k = 0; k < spec.services; k++) engine->service[k] = spec.service[k];
    for (int k = 0; k < engine->services; k++) engine->gaps_kept |= engine->service[k].itl > 0;
    engine->restarts = engine->all_at_once = engine->by_arrival =
        spec.policy == TW_SARATHI || spec.policy == TW_PREFILL_FIRST;
    engine->reserves = spec.policy == TW_TRTLLM || spec.policy == TW_STATIC_BATCH;
    engine->pauses = spec.policy == TW_SGLANG || spec.policy == TW_PREFILL_FIRST;
    engine->keeps = spec.prefix_cache || spec.keep;
    engine->keeps_content = spec.keep || (spec.prefix_cache && spec.list);
    engine->idle_rate = (int64_t)tw_wide(spec.step->idle_w, TW_UNITS_PER_NJ);
    engine->encode_time = tw_wide(spec.encode_s * 1e9, TW_UNITS_PER_NS);
    engine->encode_energy = tw_wide(spec.encode_j * 1e9, TW_UNITS_PER_NJ);
    engine->keep_ns = llround(spec.keep_s * 1e9);
    engine->prefix.timed = spec.keep_s > 0.0;
    engine->patience_ns = llround(spec.patience_s * 1e9);
    engine->swap_ns = llround(spec.swap_block_s * 1e9);
    engine->fronts = spec.front_end.output_s > 0.0;
    engine->front_request = tw_wide(spec.front_end.request_s * 1e9, TW_UNITS_PER_NS);
    engine->front_prompt = tw_wide(spec.front_end.prompt_token_s * 1e9, TW_UNITS_PER_NS);
    engine->front_output = tw_wide(spec.front_end.output_s * 1e9, TW_UNITS_PER_NS);
    engine->draft_slower = 1.0;
    if (spec.speculate.draft > 0) {
        engine->draft_mean = (int64_t)tw_wide(tokens_a_step(&spec.speculate), 4294967296.0);
        engine->draft_slower = 1.0 + spec.speculate.draft * spec.speculate.draft_fraction;
        engine->drawn = spec.speculate.drawn;
        double all = 1.0;
        for (int k = 0; k < spec.speculate.draft; k++) {
            all *= spec.speculate.acceptance[k];
            engine->chain[k] = all < 1.0 ? (uint64_t)(all * 0x1p64) : UINT64_MAX;
        }
    }
    for (int k = 0; k < TW_TENANTS; k++)
        engine->weight[k] = (uint64_t)llround(65536.0 / (spec.tenant_weight[k] > 0.0 ? spec.tenant_weight[k] : 1.0));
    if (spec.tier_count > 0) engine->token_ns = token_time(&spec);
    engine->prefix.shift = 0;
    while (1 << engine->prefix.shift < spec.block_tokens) engine->prefix.shift++;

    size_t sequences = (size_t)spec.max_sequences;
    // the queues and the first chunks share the cache lines of the residues
    size_t b = (size_t)spec.block_tokens;
    engine->residues = 0;
    engine->queue = (b * sizeof(uint16_t) + 15) / 16 * 16;
    engine->chunks = engine->queue + (size_t)engine->queues * sizeof(TwQueue);
    (void)reserve(engine, engine->chunks + sequences * sizeof(uint32_t), 1);
    engine->heap = reserve(engine, sequences, sizeof(uint64_t));
    if (engine->pauses) engine->fresh = reserve(engine, sequences, sizeof(uint32_t));
    if (spec.prefix_cache) build_cache(engine);
    engine->list_bytes = engine->parts_bytes;
    engine->parts_bytes += (size_t)(spec.ranks - 1) * (sizeof(TwReplica) + engine->list_bytes);
    engine->slabs = (engine->rows_max + TW_SLAB_ROWS - 1) / TW_SLAB_ROWS;
    engine->row_bytes[TW_ROWS] = sizeof(TwRow);
    engine->row_bytes[TW_LINKS] = sizeof(TwLink);
    engine->row_bytes[TW_GAPS] = engine->gaps_kept ? sizeof(TwGapCount) : 0;
    engine->row_bytes[TW_COLDS] = engine->keeps ? sizeof(TwCold) : 0;
    engine->row_bytes[TW_CONTENTS] = engine->keeps_content ? sizeof(TwContent) : 0;
    engine->bytes = sizeof(TwReplica) + engine->parts_bytes;
    for (int k = 0; k < TW_ROW_ARRAYS; k++) engine->bytes += slab_bytes(engine, k) * (size_t)engine->slabs;
    return true;
}

static void clear_list(const TwEngine *e, TwReplica *r)
{
    TwQueue *queues = queues_of(e, r);
    for (int q = 0; q < e->queues; q++) queues[q] = (TwQueue){TW_NO_ROW, TW_NO_ROW, queues[q].served};
    r->unused = r->oldest = r->youngest = r->loading_first = r->front_first = r->front_last = TW_NO_ROW;
    r->fronting = 0;
    r->front_free = r->out = 0;
    r->fresh_row = 0;
    r->running = r->decodes = r->chunk_count = r->chunk_tokens = r->loading = r->handed = 0;
    r->wait_count = 0;
    r->wait_input = r->prompt_blocks = r->reserved = r->swapped = 0;
    r->context = 0;
    r->gap_from = -1;
    r->fresh_count = 0;
    memset(r->gaps_of, 0, sizeof r->gaps_of);
    r->left = r->stop = 0;
    r->next_ns = r->ready_ns = r->give_up_ns = r->front_ns = INT64_MAX;
    r->busy = r->paused = false;
    r->flags = 0;
    r->hold = TW_HOLD_NONE;
    r->held_wait = r->held_gather = 0;
    if (e->drawn) r->iteration = TW_DRAWN_CLOCK;
    r->ratio = 0.7 * e->spec.sglang.conservativeness;
    r->ratio_steps = 0;
    memset(residues_of(e, r), 0, (size_t)e->spec.block_tokens * sizeof(uint16_t));
    r->kv = (TwKvPool){.blocks = e->spec.kv_blocks, .free = e->spec.kv_blocks, .shift = e->prefix.shift};
    if (!e->spec.prefix_cache) return;
    const TwPrefix prefix = tw_engine_prefix(e, r, NULL);
    tw_prefix_clear(&prefix);
}

// Nothing runs, nothing waits; counts and clock stay.
static void clear(const TwEngine *e, TwReplica *r)
{
    for (int k = 0; k < e->ranks; k++) clear_list(e, rank_of(e, r, k));
}

static void set_time(const TwEngine *e, TwReplica *r, TwWide time)
{
    for (int k = 0; k < e->ranks; k++) rank_of(e, r, k)->time = time;
}

// The heads of the other ranks lie among the arrays, each before its own; the rows are those of the group.
static void place_ranks(const TwEngine *e, TwReplica *r)
{
    for (int k = 1; k < e->ranks; k++) {
        TwReplica *rank = rank_of(e, r, k);
        int64_t at = (int64_t)((unsigned char *)rank - (unsigned char *)r);
        rank->group = -at;
        rank->rank = k;
        rank->place = (TwEnginePlace){.parts = sizeof *rank, .stride = r->place.stride};
        for (int array = 0; array < TW_ROW_ARRAYS; array++) rank->place.rows[array] = r->place.rows[array] - at;
    }
}

// What lies below outlasts a loss of power.
static void clear_tiers(const TwEngine *e, TwReplica *r)
{
    for (int k = 0; k < e->ranks; k++)
        for (int t = 0; t < e->spec.tier_count; t++) {
            const TwTier tier = tier_of(e, rank_of(e, r, k), t);
            tw_tier_clear(&tier);
        }
}

void tw_engine_start(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    TwEnginePlace place = {.parts = sizeof *r, .stride = TW_SLAB_ROWS};
    int64_t at = place.parts + (int64_t)e->parts_bytes;
    for (int k = 0; k < TW_ROW_ARRAYS; k++) {
        place.rows[k] = at;
        at += (int64_t)slab_bytes(e, k) * e->slabs;
    }
    tw_engine_start_apart(e, r, &place, now_ns);
}

void tw_engine_start_apart(const TwEngine *e, TwReplica *r, const TwEnginePlace *place, int64_t now_ns)
{
    memset(r, 0, sizeof *r);
    r->place = *place;
    memset(part(r, 0), 0, e->parts_bytes);
    place_ranks(e, r);
    clear(e, r);
    clear_tiers(e, r);
    set_time(e, r, tw_time_of(now_ns));
    r->cap_w = INFINITY;
    r->clock_level = TW_LEVELS - 1;
    r->congestion = 1.0;
}

void tw_engine_restart(const TwEngine *e, TwReplica *r)
{
    r->crossing = 0;
    memset(part(r, 0), 0, e->parts_bytes);
    place_ranks(e, r);
    clear(e, r);
    clear_tiers(e, r);
    set_time(e, r, r->time);
}

void tw_engine_fetch_arrays(const TwEngine *e, const TwReplica *r)
{
    const uint64_t *heap = part_const(r, e->heap);
    __builtin_prefetch(part_const(r, e->residues), 1);
    for (int at = 0; at < r->decodes && at < 64; at += 8) __builtin_prefetch(heap + at, 1);
    uint32_t row = tw_seq_next(e, r);
    if (row == TW_NO_ROW) return;
    __builtin_prefetch((const TwLink *)row_array_const(r, TW_LINKS) + row, 1);
    __builtin_prefetch((const TwRow *)row_array_const(r, TW_ROWS) + row, 1);
}

void tw_engine_fetch_rows(const TwEngine *e, const TwReplica *r)
{
    // who finishes next was last touched when it began
    const TwRow *rows = row_array_const(r, TW_ROWS);
    if (r->decodes > 0) {
        uint32_t row = finish_row(*(const uint64_t *)part_const(r, e->heap));
        __builtin_prefetch(rows + row, 1);
        __builtin_prefetch((const TwLink *)row_array_const(r, TW_LINKS) + row, 1);
        if (e->keeps) __builtin_prefetch((const TwCold *)row_array_const(r, TW_COLDS) + row, 1);
    }
    if (r->chunk_count > 0) __builtin_prefetch(rows + *(const uint32_t *)part_const(r, e->chunks), 1);
}

void tw_engine_fetch_nodes(const TwEngine *e, const TwReplica *r, bool begins, uint64_t base[TW_FETCHED])
{
    const TwPrefixNode *nodes = part_const(r, e->node);
    const uint64_t *table = part_const(r, e->table);
    const TwRow *rows = row_array_const(r, TW_ROWS);
    const TwCold *colds = row_array_const(r, TW_COLDS);
    const TwQueue *queue = part_const(r, e->queue);
    memset(base, 0, TW_FETCHED * sizeof *base);
    if (r->prefix.oldest >= 0) {
        // touched when it came to be the oldest, and the next was fetched then
        const TwPrefixNode *oldest = nodes + r->prefix.oldest;
        base[0] = oldest->base;
        tw_prefix_fetch_key(&e->prefix, table, oldest->key);
        if (oldest->newer >= 0) base[1] = nodes[oldest->newer].base;
    }
    if (r->prefix.unused >= 0) __builtin_prefetch(nodes + r->prefix.unused, 1);
    if (begins && queue->first != TW_NO_ROW) {
        const TwCold *cold = colds + queue->first;
        for (int k = 0; k < cold->run_count && k < 2; k++) {
            int32_t node = tw_prefix_guess(&e->prefix, table, &cold->run[k]);
            if (node >= 0) __builtin_prefetch(nodes + node, 1);
        }
    }
    if (r->chunk_count > 0) {
        const TwCold *cold = colds + *(const uint32_t *)part_const(r, e->chunks);
        if (cold->run_count > 0) base[2] = cold->run[cold->run_count - 1].base;
    }
    if (r->decodes == 0) return;
    if (r->prefix.newest >= 0) __builtin_prefetch(nodes + r->prefix.newest, 1);
    uint32_t row = finish_row(*(const uint64_t *)part_const(r, e->heap));
    if (rows[row].leaf >= 0) __builtin_prefetch(nodes + rows[row].leaf, 1);
    if (colds[row].run_count > 0) base[3] = colds[row].run[colds[row].run_count - 1].base;
}

// --- time -----------------------------------------------------------------------------------------------------------

// Of m gaps, those longer than a class allows.
static uint32_t gaps_over(TwWide itl, const TwSeries *span, int64_t m)
{
    if (itl == 0) return 0;
    if (span->next > itl) return (uint32_t)m;
    TwWide apart = itl - span->next;
    if (span->grow <= 0 || apart >= span->grow * (m - 1)) return 0;
    return (uint32_t)(m - 1 - (int64_t)(apart / span->grow));
}

static void count_gaps(const TwEngine *e, TwReplica *r, const TwSeries *span, int64_t m)
{
    r->gaps_made += (uint32_t)m;
    for (int k = 0; k < e->services; k++) r->gaps_over[k] += gaps_over(e->service[k].itl, span, m);
}

static inline void add_gaps(const TwEngine *e, TwReplica *r, const TwSeries *span, int64_t m, TwWide took,
                            TwLatency *latency)
{
    for (int k = 0; k < e->services; k++)
        if (r->gaps_of[k] > 0) tw_latency_gaps(latency + k, span, m, took, r->gaps_of[k]);
    if (e->gaps_kept) count_gaps(e, r, span, m);
}

// The first iteration of decodes that had paused: each gap reaches back to the last token.
static void end_pause(const TwEngine *e, TwReplica *r, TwWide now, TwLatency *latency)
{
    TwWide from = r->gap_from;
    int count = r->fresh_count;
    r->gap_from = -1;
    r->fresh_count = 0;
    if (!latency) return;
    const uint32_t *fresh = fresh_of(e, r);
    for (int j = 0; j < count; j++) {
        const TwRow *row = rows_of(e, r) + fresh[j];
        if (row->arrival_ns < e->spec.measure_from_ns) continue;
        TwWide gap = now - tw_time_of(row->give_up_ns);
        tw_latency_gaps(latency + row->service, &(TwSeries){gap, 0}, 1, gap, 1);
        r->gaps_of[row->service]--;
    }
    add_gaps(e, r, &(TwSeries){now - from, 0}, 1, now - from, latency);
    for (int j = 0; j < count; j++) {
        const TwRow *row = rows_of(e, r) + fresh[j];
        r->gaps_of[row->service] += row->arrival_ns >= e->spec.measure_from_ns;
        if (!e->gaps_kept) continue;
        // its own gap instead of that of those who paused
        TwWide itl = e->service[row->service].itl;
        TwGapCount *mine = gap_counts_of(r) + fresh[j];
        mine->over += gaps_over(itl, &(TwSeries){now - tw_time_of(row->give_up_ns), 0}, 1);
        mine->over -= gaps_over(itl, &(TwSeries){now - from, 0}, 1);
    }
}

// The gaps between tokens of the m iterations that begin now, and take `took`.
static inline void gaps(const TwEngine *e, TwReplica *r, int64_t m, TwWide took, TwLatency *latency)
{
    if (r->gap_from < 0) {
        if (latency) add_gaps(e, r, &r->span, m, took, latency);
        return;
    }
    TwSeries rest = {r->span.next + r->span.grow, r->span.grow};
    took -= r->span.next;
    end_pause(e, r, r->time + r->span.next, latency);
    if (latency && m > 1) add_gaps(e, r, &rest, m - 1, took, latency);
}

static void add_gap(const TwEngine *e, TwReplica *r, TwWide gap, TwLatency *latency)
{
    if (latency) add_gaps(e, r, &(TwSeries){gap, 0}, 1, gap, latency);
}

// Iterations of a group whose outputs go through its front end.
typedef struct Passing {
    TwWide from, free;    // when they begin; when the front end has done what came before
    TwSeries span;
    int64_t count;
    TwWide each, out;    // work of one; when the outputs of the last have left
} Passing;

// The gaps of a list as its clients see them.
static void front_gaps(const TwEngine *e, TwReplica *r, const Passing *p, TwLatency *latency)
{
    TwWide left = p->count > 1 ? tw_front_after(p->free, p->from, p->span, 1, p->each) : p->out;
    if (r->gap_from >= 0)
        end_pause(e, r, left, latency);
    else
        add_gap(e, r, left - r->out, latency);
    if (p->count == 1 || !latency) return;
    // those between the first and the last: the first of them behind those before, one after a rest, the others as made
    TwSeries rest = {p->span.next + p->span.grow, p->span.grow};
    TwWide second = p->from + p->span.next;
    int64_t between = p->count - 2, behind = tw_front_behind(left, second, rest, between, p->each);
    if (behind > 0) add_gaps(e, r, &(TwSeries){p->each, 0}, behind, p->each * behind, latency);
    TwWide before = left + p->each * behind;
    if (behind < between) {
        left = second + tw_series_sum(rest, behind + 1) + p->each;
        add_gap(e, r, left - before, latency);
        before = left;
        TwSeries made = {rest.next + rest.grow * (behind + 1), rest.grow};
        int64_t count = between - behind - 1;
        if (count > 0) {
            TwWide took = tw_series_sum(made, count);
            add_gaps(e, r, &made, count, took, latency);
            before += took;
        }
    }
    add_gap(e, r, p->out - before, latency);
}

// What m iterations from `from` on have made goes through the front end; the first tokens of prompts with the last.
static void pass_on(const TwEngine *e, TwReplica *g, TwWide from, TwSeries span, int64_t m, const TwEngineLog *log)
{
    int64_t decodes = 0, first = 0;
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *r = rank_of(e, g, k);
        const TwRow *rows = rows_of(e, r);
        const uint32_t *chunks = chunks_of(e, r);
        decodes += r->paused ? 0 : r->decodes;
        for (int j = 0; j < r->chunk_count; j++) first += rows[chunks[j]].base == row_goal(rows + chunks[j]);
    }
    if (decodes + first == 0) return;
    Passing p = {.from = from, .free = g->front_free, .span = span, .count = m, .each = decodes * e->front_output};
    TwWide last = p.each + first * e->front_output, free = p.free, end = from + tw_series_sum(span, m);
    if (m > 1 && decodes > 0) free = tw_front_after(free, from, span, m - 1, p.each);
    p.out = (free > end ? free : end) + last;
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *r = rank_of(e, g, k);
        if (r->decodes > 0 && !r->paused) front_gaps(e, r, &p, log ? log->latency : NULL);
        r->out = p.out;
    }
    g->front_free = p.out;
    g->counts.fronted += p.each * (m - 1) + last;
}

// One step of decodes whose acceptance is drawn: each moves on by its own number. Returns the tokens of all.
static int64_t commit_drawn(const TwEngine *e, TwReplica *r)
{
    uint64_t *heap = heap_of(e, r);
    uint16_t *residues = residues_of(e, r);
    TwRow *rows = rows_of(e, r);
    int64_t all = 0;
    for (int k = 0; k < r->decodes; k++) {
        uint32_t row = finish_row(heap[k]);
        TwRow *at = rows + row;
        int64_t made = row_ahead(e, r, at);
        residues[tw_kv_residue(&r->kv, at->base, 0)]--;
        at->base += made;
        residues[tw_kv_residue(&r->kv, at->base, 0)]++;
        heap[k] = finish_key(row_finish(at), row);
        all += made;
    }
    for (int k = (r->decodes - 2) / 4; k >= 0; k--) heap_sink(heap, r->decodes, k, heap[k]);
    return all;
}

// The sequences of a list go on by m iterations, which take `took`.
static inline void commit_list(const TwEngine *e, TwReplica *r, int64_t m, TwWide took, const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    if (r->decodes > 0 && !r->paused && !e->fronts) gaps(e, r, m, took, log ? log->latency : NULL);
    r->time += took;
    if (e->drawn && r->decodes > 0 && !r->paused) {
        assert(m == 1);
        int64_t all = commit_drawn(e, r);
        r->step += r->decodes;
        r->context += all;
        n->drawn += all;
        n->output_done += all;
        n->output_pending -= all;
    } else if (!r->paused && !e->drawn) {
        int64_t made = tokens_ahead(e, r, m);
        if (m > 1) {
            int64_t first = tokens_ahead(e, r, 1);
            r->kv.free -= tw_kv_need(&r->kv, residues_of(e, r), r->iteration + first, made - first);
        }
        r->iteration += made;
        r->step += m;
        r->context += made * r->decodes;
        r->ratio_steps += m;
        n->output_done += made * r->decodes;
        n->output_pending -= made * r->decodes;
    }
    for (int j = 0; j < r->chunk_count; j++) {
        TwRow *row = rows_of(e, r) + chunks_of(e, r)[j];
        if (row->chunk == 0) continue;
        int64_t to = row->base + m * row->chunk;
        tw_sched_progress(r, row->input, row->seen, row->base, to);
        if (m > 1 && !e->all_at_once)
            r->kv.free -= tw_kv_cover(&r->kv, to) - tw_kv_cover(&r->kv, row->base + row->chunk);
        row->base = to;
    }
}

// Goes m iterations into the plan, m <= stop: to their end, nothing scheduled after it yet.
static void commit(const TwEngine *e, TwReplica *r, int64_t m, const TwEngineLog *log)
{
    if (m == 0) return;
    TwEngineCounts *n = &r->counts;
    TwWide took = tw_series_sum(r->span, m), used = tw_series_sum(r->energy, m), from = r->time;
    int64_t prompts = r->chunk_tokens, decodes = r->paused ? 0 : r->decodes;
    for (int k = 1; k < e->ranks; k++) {
        TwReplica *rank = rank_of(e, r, k);
        prompts += rank->chunk_tokens;
        decodes += rank->paused ? 0 : rank->decodes;
        rank->span = r->span;
    }
    for (int k = e->ranks - 1; k >= 0; k--) commit_list(e, rank_of(e, r, k), m, took, log);
    if (e->fronts) pass_on(e, r, from, r->span, m, log);
    r->meter += used;
    // a step's energy is shared by the tokens that it computes
    if (prompts > 0) n->prompt += tw_times(used, (prompts << 16) / (prompts + decodes));
    r->span.next += tw_times(r->span.grow, m);
    r->energy.next += tw_times(r->energy.grow, m);
    if (e->ranks > 1) {
        n->waited += tw_series_sum(r->waited, m);
        r->waited.next += tw_times(r->waited.grow, m);
        r->held_wait += r->hold == TW_HOLD_WAIT ? (int32_t)m : 0;
        r->held_gather += r->hold == TW_HOLD_GATHER ? (int32_t)m : 0;
    }
    r->left -= (int32_t)m;
    r->stop -= (int32_t)m;

    n->iterations += m;
    if (r->crossing > 0) n->crossed += m * r->crossing;
    n->busy += took;
    if (r->flags) {
        if (r->flags & TW_PLAN_CAPPED) n->capped += took;
        if (r->flags & TW_PLAN_THROTTLED) n->throttled += took;
        if (r->flags & TW_PLAN_OVER_CAP) n->over_cap += took;
        if (r->flags & TW_PLAN_FULL) n->full += took;
    }
}

// Ends the plan at the first boundary at or after now_ns.
static void shorten(TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return;
    r->stop = (int32_t)tw_series_reach(r->span, tw_time_of(now_ns) - r->time, r->stop);
    r->next_ns = tw_ns_of(r->time + tw_series_sum(r->span, r->stop));
}

static TwWide rest_energy(const TwEngine *e, const TwReplica *r, TwWide until)
{
    TwWide span = until - r->time, rate = e->idle_rate;
    return rate * (span >> 32) + ((rate * (span & 0xffffffff)) >> 32);
}

// Rests until now_ns, when there is something to do: a boundary is there, at which all that comes now is seen.
static void wake(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (now > r->time) {
        TwWide used = rest_energy(e, r, now);
        r->meter += used;
        r->counts.rest += used;
        set_time(e, r, now);
    }
    r->busy = true;
    r->next_ns = tw_ns_of(r->time);
}

void tw_engine_boundaries(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    while (r->next_ns < until_ns) {
        if (!r->busy) wake(e, r, r->next_ns);
        commit(e, r, r->stop, log);
        tw_sched_boundary(e, r, log);
    }
}

// The plan's last is at or after it.
int64_t tw_engine_passed(const TwReplica *r, int64_t now_ns)
{
    if (r->stop <= 1) return 0;
    return tw_series_reach(r->span, tw_time_of(now_ns) - r->time, r->stop) - 1;
}

void tw_engine_run(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    tw_engine_boundaries(e, r, until_ns, log);
    int64_t m = tw_engine_passed(r, until_ns);
    if (m == 0) return;
    commit(e, r, m, log);
    for (int k = 0; k < e->ranks; k++) tw_sched_resume(e, rank_of(e, r, k));
}

TwWide tw_engine_energy(const TwEngine *e, const TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (r->off || now <= r->time) return r->meter;
    if (!r->busy) return r->meter + rest_energy(e, r, now);
    if (r->left == 0) return r->meter;    // about to begin, at this very time
    int64_t m = tw_engine_passed(r, now_ns);
    TwWide energy = r->energy.next + r->energy.grow * m, span = r->span.next + r->span.grow * m;
    TwWide elapsed = now - r->time - tw_series_sum(r->span, m);
    return r->meter + tw_series_sum(r->energy, m) + tw_part(energy, elapsed < span ? elapsed : span, span);
}

int64_t tw_engine_crossed(const TwReplica *r, int64_t now_ns)
{
    TwWide now = tw_time_of(now_ns);
    if (r->crossing == 0 || r->off || !r->busy || r->left == 0 || now <= r->time) return r->counts.crossed;
    int64_t m = tw_engine_passed(r, now_ns);
    TwWide span = r->span.next + r->span.grow * m, elapsed = now - r->time - tw_series_sum(r->span, m);
    return r->counts.crossed + m * r->crossing + (int64_t)tw_part(r->crossing, elapsed < span ? elapsed : span, span);
}

// --- arrivals -------------------------------------------------------------------------------------------------------

// Whether it could ever be served here.
static bool fits_at_all(const TwEngine *e, const TwReplica *r, const TwRequest *request)
{
    int64_t tokens = (int64_t)request->input_tokens + request->output_tokens - 1;
    if (tw_kv_cover(&r->kv, tokens_at_most(e, request->input_tokens, request->output_tokens)) >
        r->kv.blocks - (e->restarts ? e->spec.watermark_blocks : 0))
        return false;
    if (e->spec.policy == TW_PREFILL_FIRST) return tokens <= e->spec.max_tokens;    // restarted, all of it is prompt
    if (!e->spec.whole_prompts) return true;
    return (e->reserves ? request->input_tokens : tokens) <= e->spec.max_tokens;
}

// Room in the queue of a group, made at the cost of somebody of lower priority if need be.
static bool has_room(const TwEngine *e, TwReplica *g, const TwRequest *request, int64_t now_ns, const TwEngineLog *log)
{
    if (tw_seq_next(e, g) == TW_NO_ROW) return false;
    if (tw_engine_load(e, g).waiting < e->spec.queue_max) return true;
    if (e->queues == 1) return false;
    const TwRow *rows = rows_of(e, g);
    uint32_t lowest = TW_NO_ROW;
    TwReplica *r = g;
    for (int k = 0; k < e->ranks; k++) {
        uint32_t mine = tw_seq_lowest(e, rank_of(e, g, k), request->priority);
        if (mine == TW_NO_ROW || (lowest != TW_NO_ROW && rows[mine].priority >= rows[lowest].priority)) continue;
        lowest = mine;
        r = rank_of(e, g, k);
    }
    if (lowest == TW_NO_ROW) return false;
    const TwRow *row = rows + lowest;
    TwEngineCounts *n = &g->counts;
    tw_seq_unwait(e, r, lowest);
    if (row->swapped) r->swapped -= tw_kv_cover(&r->kv, row->base);
    n->shed++;
    tw_seq_drop(e, r, lowest, row->seen, TW_ENDED_REJECTED, now_ns, log);
    return true;
}

// A new request for a list enters the front end of its group, behind the outputs that were made before it came.
static void enter_front(const TwEngine *e, TwReplica *g, TwReplica *r, uint32_t at, int64_t now_ns,
                        const TwEngineLog *log)
{
    int64_t m = tw_engine_passed(g, now_ns);
    if (m > 0) {
        commit(e, g, m, log);
        for (int k = 0; k < e->ranks; k++) tw_sched_resume(e, rank_of(e, g, k));
    }
    TwRow *row = rows_of(e, r) + at;
    TwWide now = tw_time_of(now_ns), work = e->front_request + e->front_prompt * row->input;
    g->front_free = (g->front_free > now ? g->front_free : now) + work;
    g->counts.fronted += work;
    row->base = tw_ns_of(g->front_free + 4294967295);    // known at the end of that ns
    r->wait_input += row->input;
    TwLink *links = links_of(e, r);
    links[at] = (TwLink){r->front_last, TW_NO_ROW};
    if (r->front_first == TW_NO_ROW)
        r->front_first = at;
    else
        links[r->front_last].after = at;
    r->front_last = at;
    // who was shed for it may have been the last that waited
    if (g->busy && g->flags & TW_PLAN_FULL) {
        bool waits = false;
        for (int k = 0; k < e->ranks; k++) waits |= rank_of(e, g, k)->wait_count > 0;
        if (!waits) shorten(g, now_ns);
    }
    if (r->fronting++ > 0) return;    // who is before it is looked at first
    r->front_ns = row->base;
    if (g->busy)
        shorten(g, row->base);
    else if (row->base < g->next_ns)
        g->next_ns = row->base;
}

bool tw_engine_offer_as(const TwEngine *e, TwReplica *g, const TwRequest *request, const TwComing *coming,
                        const TwEngineLog *log)
{
    TwEngineCounts *n = &g->counts;
    assert(request->input_tokens >= 1 && request->output_tokens >= 1 && g->next_ns >= coming->now_ns);
    TwReplica *r = e->ranks > 1 ? tw_ranks_choose(e, g, request, coming->now_ns) : g;
    int32_t produced = produced_of(request->input_tokens, coming->seen);
    int64_t input = coming->seen < request->input_tokens ? request->input_tokens - coming->seen : 0;
    int64_t output = request->output_tokens - produced;
    if (coming->moved) {
        n->moved--;
        n->moved_input -= input;
        n->moved_output -= output;
    } else {
        n->arrived++;
        n->input_arrived += input;
        n->output_arrived += output;
    }
    // time until it would be looked at, from what waits and how fast this replica has been so far
    bool late = e->spec.wait_max_s > 0.0 && g->pace_s * e->ranks * (double)r->wait_input > e->spec.wait_max_s;
    if (g->off || late || !fits_at_all(e, r, request) || !has_room(e, g, request, coming->now_ns, log)) {
        n->rejected++;
        n->input_dropped += input;
        n->output_dropped += output;
        return false;
    }
    n->input_pending += input;
    n->output_pending += output;

    bool first = r->wait_count == 0;
    uint32_t at = tw_seq_new(e, r);
    TwRow *row = rows_of(e, r) + at;
    row->arrival_ns = request->arrival_ns;
    row->first_ns = coming->first_ns;
    row->base = coming->kept;
    int64_t patience_ns = request->patience_ns > 0 ? request->patience_ns : e->patience_ns;
    row->give_up_ns = patience_ns > 0 ? request->arrival_ns + patience_ns : INT64_MAX;
    if (row->first_ns != 0) row->give_up_ns = coming->last_ns;
    row->input = request->input_tokens;
    row->output = request->output_tokens;
    row->seen = coming->seen;
    row->id = request->id;
    row->leaf = -1;
    row->shared = row->chunk = 0;
    row->service = (uint8_t)(request->service < e->services ? request->service : e->services - 1);
    int priority = request->priority < e->spec.priorities ? request->priority : e->spec.priorities - 1;
    row->priority = (unsigned)priority & 15u;
    row->hand_over = coming->hand_over && request->output_tokens > produced + 1;
    row->swapped = false;
    row->images = request->images;
    row->encoded = coming->kept > 0;    // their tokens are in what is kept
    row->tenant = (uint8_t)(request->tenant < e->spec.tenants ? request->tenant : e->spec.tenants - 1);
    if (e->gaps_kept) gap_counts_of(r)[at] = (TwGapCount){0, 0};
    if (e->keeps) {
        TwCold *cold = cold_of(e, r) + at;
        if (e->keeps_content) {
            size_t used = (size_t)(request->content.list ? 0 : request->content.count) * sizeof(TwSegment);
            memcpy(content_of(e, r) + at, &request->content, offsetof(TwContent, segment) + used);
        }
        cold->session = request->session;
        cold->turn = request->turn;
        cold->hit = cold->preempted = 0;
        cold->scheduled_ns = -1;
        cold->rank = (int16_t)r->rank;
        tw_seq_keep_runs(e, r, at, request, coming);
    }
    if (row->first_ns == 0) r->prompt_blocks += tw_kv_cover(&r->kv, row->input);
    if (e->fronts && !coming->moved && coming->seen == 0) {
        enter_front(e, g, r, at, coming->now_ns, log);
        return true;
    }
    if (row->first_ns == 0 && row->give_up_ns < r->give_up_ns) r->give_up_ns = row->give_up_ns;
    tw_seq_wait(e, r, at, false);
    if (!g->busy) {
        // a boundary now, processed once time has passed it: whatever else arrives at this time is seen there too
        wake(e, g, coming->now_ns);
    } else if (first || e->queues > 1 || e->spec.rank_router == TW_RANK_CENTRAL || e->spec.sglang.longest_prefix ||
               row->give_up_ns != INT64_MAX) {
        // who finds others waiting changes nothing: they did not fit, or are seen at a boundary already planned
        shorten(g, coming->now_ns);
    }
    return true;
}

bool tw_engine_offer(const TwEngine *e, TwReplica *r, const TwRequest *request, const TwEngineLog *log)
{
    return tw_engine_offer_as(e, r, request, &(TwComing){.now_ns = request->arrival_ns}, log);
}

// --- limits ---------------------------------------------------------------------------------------------------------

static void lose_list(const TwEngine *e, TwReplica *r, int64_t now_ns, const TwEngineLog *log)
{
    const TwLink *links = links_of(e, r);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after)
        if (rows_of(e, r)[row].first_ns != 0) rows_of(e, r)[row].give_up_ns = tw_seq_last_token(e, r, row);
    r->time = tw_time_of(now_ns);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after) {
        const TwRow *at = rows_of(e, r) + row;
        bool prompt = false;
        for (int j = 0; j < r->chunk_count; j++) prompt |= chunks_of(e, r)[j] == row;
        tw_seq_lose(e, r, row, prompt ? at->base : at->base + r->iteration, log);
    }
    for (uint32_t row = r->loading_first; row != TW_NO_ROW; row = links[row].after)
        tw_seq_lose(e, r, row, rows_of(e, r)[row].seen, log);
    for (uint32_t row = r->front_first; row != TW_NO_ROW; row = links[row].after) {
        rows_of(e, r)[row].base = 0;
        tw_seq_lose(e, r, row, 0, log);
    }
    for (int q = 0; q < e->queues; q++)
        for (uint32_t row = queues_of(e, r)[q].first; row != TW_NO_ROW; row = links[row].after)
            tw_seq_lose(e, r, row, rows_of(e, r)[row].seen, log);
    if (log && log->watch && e->spec.prefix_cache) {
        const TwPrefix prefix = tw_engine_prefix(e, r, log->watch);
        tw_prefix_forget(&prefix);
    }
}

// Everything in flight is gone; what was not yet computed or produced of it is dropped, or tried again elsewhere.
static void lose(const TwEngine *e, TwReplica *r, int64_t now_ns, const TwEngineLog *log)
{
    TwEngineCounts *n = &r->counts;
    TwWide energy = tw_engine_energy(e, r, now_ns);
    n->crossed = tw_engine_crossed(r, now_ns);
    if (r->busy && r->left > 0 && tw_time_of(now_ns) > r->time) n->busy += tw_time_of(now_ns) - r->time;
    if (!r->busy && !r->off) n->rest += energy - r->meter;
    r->meter = energy;
    n->fronted -= tw_front_ahead(r, now_ns);
    for (int k = 0; k < e->ranks; k++) lose_list(e, rank_of(e, r, k), now_ns, log);
    clear(e, r);
}

static int level_below(const TwStepSource *source, double clock_fraction)
{
    int level = TW_LEVELS - 1;
    while (level > 0 && source->level_clock[level] > clock_fraction + 1e-9) level--;
    return level;
}

void tw_engine_limit(const TwEngine *e, TwReplica *r, int64_t now_ns, double cap_w, double clock_fraction,
                     bool energised, const TwEngineLog *log)
{
    bool off = !energised || !(cap_w > 0.0);
    if (off != r->off) {
        tw_engine_run(e, r, now_ns, log);
        if (off) lose(e, r, now_ns, log);
        r->off = off;
        if (!off) set_time(e, r, tw_time_of(now_ns));
    }
    if (off) return;
    int level = level_below(e->spec.step, clock_fraction);
    if (cap_w == r->cap_w && level == r->clock_level) return;
    r->cap_w = cap_w;
    r->clock_level = level;
    r->limits_changed = true;
    if (r->busy) shorten(r, now_ns);
}

void tw_engine_congestion(const TwEngine *e, TwReplica *r, int64_t now_ns, double congestion)
{
    if (!e->spec.step->crosses || congestion == r->congestion) return;
    r->congestion = congestion;
    r->limits_changed = true;
    if (r->busy) shorten(r, now_ns);
}

void tw_engine_network(const TwEngine *e, TwReplica *r, const double tier_bytes_s[2])
{
    for (int t = 0; t < e->spec.tier_count; t++) {
        const TwTierSpec *tier = &e->spec.tiers[t];
        if (!(tier->network_bytes > 0.0)) continue;
        double read = fmax(tier->network_bytes / tier->read_block_s / fmax(tier_bytes_s[0], 1.0), 1.0);
        double write = fmax(tier->network_bytes / tier->write_block_s / fmax(tier_bytes_s[1], 1.0), 1.0);
        for (int k = 0; k < e->ranks; k++) {
            TwTierHead *head = &rank_of(e, r, k)->tier[t];
            head->read_slow = read, head->write_slow = write;
        }
    }
}

void tw_engine_share(const TwEngine *e, TwReplica *r, TwReplica *store)
{
    for (int k = 0; k < e->ranks; k++) {
        TwReplica *rank = rank_of(e, r, k);
        rank->store = (unsigned char *)store - (unsigned char *)rank;
    }
}

int32_t tw_engine_cached(const TwEngine *e, TwReplica *r, TwRuns runs, int32_t most)
{
    int32_t blocks = 0;
    for (int k = 0; k < e->ranks; k++) {
        TwPrefix prefix = tw_engine_prefix(e, rank_of(e, r, k), NULL);
        TwRuns from_here = runs;
        int32_t mine = tw_prefix_find(&prefix, &from_here, -1, 0, most).blocks;
        blocks = mine > blocks ? mine : blocks;
    }
    return blocks;
}

TwEngineLoad tw_engine_ranks_load(const TwEngine *e, const TwReplica *r)
{
    TwEngineLoad sum = {0};
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *rank = rank_const(e, r, k);
        sum.running += rank->running, sum.loading += rank->loading;
        sum.waiting += tw_replica_waiting(rank), sum.handed += rank->handed;
        sum.wait_input += rank->wait_input, sum.context += rank->context;
        sum.prompt_blocks += rank->prompt_blocks;
        sum.blocks += rank->kv.blocks, sum.free += rank->kv.free;
        sum.decode_steps += rank->step, sum.decode_tokens += rank->iteration;
    }
    return sum;
}

void tw_engine_look(const TwEngine *e, const TwReplica *r, int64_t m, TwEngineView *view)
{
    int64_t made = r->paused || e->drawn ? 0 : tokens_ahead(e, r, m);
    *view = (TwEngineView){.iteration = r->iteration + made,
                           .context = r->context + made * r->decodes,
                           .output_done = made * r->decodes,
                           .blocks_held = r->kv.blocks - r->kv.free,
                           .running = r->running,
                           .waiting = tw_replica_waiting(r)};
    if (m == 0) return;
    // the blocks of the iteration that begins then are taken; where acceptance is drawn no decodes run in a jump
    if (!r->paused && !e->drawn) {
        int64_t first = tokens_ahead(e, r, 1), ahead = tokens_ahead(e, r, m + 1);
        view->blocks_held += tw_kv_need(&r->kv, part_const(r, e->residues), r->iteration + first, ahead - first);
    }
    if (e->all_at_once) return;
    for (int j = 0; j < r->chunk_count; j++) {
        const TwRow *row = (const TwRow *)row_array_const(r, TW_ROWS) + ((const uint32_t *)part_const(r, e->chunks))[j];
        view->blocks_held +=
            tw_kv_cover(&r->kv, row->base + (m + 1) * row->chunk) - tw_kv_cover(&r->kv, row->base + row->chunk);
    }
}

void tw_engine_view(const TwEngine *e, const TwReplica *r, int64_t now_ns, TwEngineView *view)
{
    int64_t m = r->busy ? tw_engine_passed(r, now_ns) : 0;
    tw_engine_look(e, r, m, view);
    view->output_done += r->counts.output_done;
    for (int k = 1; k < e->ranks; k++) {
        TwEngineView rank;
        tw_engine_look(e, rank_const(e, r, k), m, &rank);
        view->context += rank.context;
        view->output_done += rank.output_done;
        view->blocks_held += rank.blocks_held;
        view->running += rank.running, view->waiting += rank.waiting;
    }
}

// What the sequences of a group add up to.
typedef struct Counted {
    int64_t input, output, present;
} Counted;

static bool list_consistent(const TwEngine *e, const TwReplica *r, Counted *sum)
{
    const TwRow *rows = row_array_const(r, TW_ROWS);
    const TwLink *links = row_array_const(r, TW_LINKS);
    const uint64_t *heap = part_const(r, e->heap);
    const uint32_t *chunks = part_const(r, e->chunks);
    const uint16_t *residues = part_const(r, e->residues);
    const TwQueue *queues = part_const(r, e->queue);
    int64_t held = 0, context = 0, input = 0, output = 0;
    int running = 0, decodes = 0, waiting = 0, loading = 0;
    int32_t gaps_of[TW_SERVICES] = {0};
    uint32_t before = TW_NO_ROW;
    bool ok = true;

    for (uint32_t at = r->oldest; at != TW_NO_ROW; before = at, at = links[at].after) {
        const TwRow *row = rows + at;
        int chunk = 0;
        while (chunk < r->chunk_count && chunks[chunk] != at) chunk++;
        ok &= links[at].before == before;
        running++;
        int64_t blocks;
        if (chunk < r->chunk_count) {
            int64_t seen = row->base > row->seen ? row->base : row->seen;
            blocks = chunk_blocks(e, r, row, row->base + row->chunk);
            input += seen < row->input ? row->input - seen : 0;
            output += row->output - produced_of(row->input, row->seen);
        } else {
            int64_t computed = row->base + r->iteration;
            int k = 0;
            while (k < r->decodes && heap[k] != finish_key(row_finish(row), at)) k++;
            ok &= k < r->decodes && computed >= row->input && computed < (int64_t)row->input + row->output - 1;
            blocks = tw_kv_cover(&r->kv, computed + (r->paused ? 0 : row_ahead(e, r, row)));
            context += computed;
            gaps_of[row->service] += row->arrival_ns >= e->spec.measure_from_ns;
            output += row->output - (computed - row->input + 1);
            decodes++;
        }
        held += blocks - row->shared;
    }
    for (uint32_t at = r->loading_first; at != TW_NO_ROW; at = links[at].after) {
        const TwRow *row = rows + at;
        int32_t x = row->chunk > row->seen ? row->chunk : row->seen;
        held += chunk_blocks(e, r, row, row->chunk) - row->shared;
        input += x < row->input ? row->input - x : 0;
        output += row->output - produced_of(row->input, row->seen);
        loading++;
    }
    int fronting = 0;
    for (uint32_t at = r->front_first; at != TW_NO_ROW; at = links[at].after) {
        input += rows[at].input;
        output += rows[at].output;
        fronting++;
    }
    for (int q = 0; q < e->queues; q++) {
        for (uint32_t at = queues[q].first; at != TW_NO_ROW; at = links[at].after) {
            const TwRow *row = rows + at;
            input += row->seen < row->input ? row->input - row->seen : 0;
            output += row->output - produced_of(row->input, row->seen);
            waiting++;
        }
    }
    int64_t residue_sum = 0;
    for (int k = 0; k < e->spec.block_tokens; k++) residue_sum += residues[k];
    if (e->spec.prefix_cache) {
        TwReplica *mine = (TwReplica *)(uintptr_t)r;
        const TwPrefix prefix = tw_engine_prefix(e, mine, NULL);
        ok &= tw_prefix_consistent(&prefix) != 0;
        held += tw_prefix_held(&prefix);
        for (int t = 0; t < e->spec.tier_count; t++) {
            const TwTier tier = tier_of(e, mine, t);
            ok &= tw_tier_consistent(&tier) != 0;
        }
    }
    ok &= before == r->youngest && running == r->running && decodes == r->decodes && decodes == r->kv.decodes;
    ok &= waiting == r->wait_count && loading == r->loading && fronting == r->fronting;
    for (int k = 0; k < e->services; k++) ok &= gaps_of[k] == r->gaps_of[k];
    ok &= residue_sum == decodes && context == r->context && r->kv.free >= 0;
    // what was handed on and has not left is not looked up here
    ok &= r->handed > 0 || held == r->kv.blocks - r->kv.free;
    sum->input += input, sum->output += output;
    sum->present += running + waiting + loading + fronting;
    return ok;
}

bool tw_engine_consistent(const TwEngine *e, const TwReplica *r)
{
    Counted sum = {0};
    bool ok = true;
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *rank = rank_const(e, r, k);
        ok &= list_consistent(e, rank, &sum);
        ok &= rank->time == r->time && (rank->counts.arrived == 0 || k == 0);
    }
    const TwEngineCounts *n = &r->counts;
    ok &= sum.input == n->input_pending && sum.output == n->output_pending;
    ok &= n->arrived == n->completed + n->rejected + n->lost + n->cancelled + n->moved + sum.present;
    ok &= n->input_arrived == n->input_done + n->input_pending + n->input_dropped + n->moved_input;
    ok &= n->output_arrived == n->output_done + n->output_pending + n->output_dropped + n->moved_output;
    return ok;
}
