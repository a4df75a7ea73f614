#include "models/workload/engine_parts.h"

#include <math.h>
#include <string.h>

const char *const tw_policy_names[] = {"vllm_v1", "trtllm",  "trtllm_max_utilization", "static_batch",
                                       "sglang",  "sarathi", "prefill_first",          NULL};

const char *const tw_first_token_names[] = {"prefill", "relayed", "decode", NULL};
const char *const tw_reserve_names[] = {"none", "context_first", "generation_first", NULL};
const char *const tw_rank_router_names[] = {"auto",    "even",    "round_robin", "least_loaded", "least_tokens",
                                            "central", "vllm_dp", "kv_aware",    "trtllm_adp",   NULL};

bool tw_policy(const char *name, TwPolicy *policy)
{
    int k = tw_word_place(name, tw_policy_names);
    if (k >= 0) *policy = (TwPolicy)k;
    return k >= 0;
}

bool tw_rank_router(const char *name, TwPolicy policy, int ranks, TwEngineSpec *spec)
{
    int k = tw_word_place(name, tw_rank_router_names);
    if (k < 0) return false;
    TwRankRouter router = (TwRankRouter)k;
    bool tensorrt = policy == TW_TRTLLM || policy == TW_TRTLLM_MAX_UTILIZATION;
    if (router == TW_RANK_AUTO)
        router = policy == TW_SGLANG ? TW_RANK_ROUND_ROBIN : tensorrt ? TW_RANK_TRTLLM_ADP : TW_RANK_VLLM_DP;
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
    if (!in_range(error, "ranks with lists of their own", spec->ranks, 1, TW_RANKS_MOST)) return false;
    if (!in_range(error, "max_sequences", spec->max_sequences, 1, (int64_t)TW_LIST_MOST * spec->ranks)) return false;
    if (!in_range(error, "block_tokens", b, 1, 256)) return false;
    if (b & (b - 1)) return tw_fail(error, TW_BAD_INPUT, "block_tokens = %d, expected a power of two", b);
    if (!in_range(error, "kv_blocks", spec->kv_blocks, 1, (int64_t)1 << 40)) return false;
    if (!in_range(error, "queue_max", spec->queue_max, 1, TW_ROWS_MOST - 65537)) return false;
    if (!in_range(error, "priorities", spec->priorities, 1, TW_PRIORITIES)) return false;
    if (!in_range(error, "tenants", spec->tenants, 1, TW_TENANTS)) return false;
    if (!in_range(error, "services", spec->services, 0, TW_SERVICES)) return false;
    if (!in_range(error, "tiers", spec->tier_count, 0, TW_TIERS)) return false;
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
    if (!(spec->patience_s >= 0.0 && spec->timeout_s >= 0.0 && spec->leave_s >= 0.0))
        return tw_fail(error, TW_BAD_INPUT, "patience_s = %g, timeout_s = %g, leave_s = %g, expected 0 or more",
                       spec->patience_s, spec->timeout_s, spec->leave_s);
    if (!in_range(error, "draft_tokens", spec->speculate.draft, 0, TW_DRAFT_MOST)) return false;
    for (int k = 0; k < spec->speculate.draft; k++)
        if (!(spec->speculate.acceptance[k] >= 0.0 && spec->speculate.acceptance[k] <= 1.0))
            return tw_fail(error, TW_BAD_INPUT, "acceptance = %g, expected 0 to 1", spec->speculate.acceptance[k]);
    if (spec->whole_prompts && spec->long_prefill > 0)
        return tw_fail(error, TW_BAD_INPUT, "long_prefill_tokens = %d cuts prompts, but whole_prompts is true",
                       spec->long_prefill);
    if (!in_range(error, "watermark_blocks", spec->watermark_blocks, 0, spec->kv_blocks - 1)) return false;
    if (!(spec->ttft_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "ttft_slo_s = %g, expected more than 0 s", spec->ttft_slo_s);
    if (!(spec->tpot_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "tpot_slo_s = %g, expected more than 0 s", spec->tpot_slo_s);
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
    if (!in_range(error, "batch_wait_iterations", spec->batch_wait, 0, 1 << 20)) return false;
    // no iteration ever has more than the budget
    if (spec->batch_wait > 0 && !in_range(error, "batch_wait_tokens", spec->batch_tokens, 1, spec->max_tokens))
        return false;
    bool mixes = spec->policy == TW_VLLM_V1 || spec->policy == TW_TRTLLM || spec->policy == TW_TRTLLM_MAX_UTILIZATION;
    if (spec->batch_wait > 0 && (spec->ranks > 1 || !mixes))
        return tw_fail(error, TW_BAD_INPUT,
                       "batch_wait_iterations = %d: expected one list of sequences and policy %s, %s or %s",
                       spec->batch_wait, tw_policy_names[TW_VLLM_V1], tw_policy_names[TW_TRTLLM],
                       tw_policy_names[TW_TRTLLM_MAX_UTILIZATION]);
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

// Whether it has nothing of what plain.h calls rare.
static bool is_plain(const TwEngine *e)
{
    const TwEngineSpec *s = &e->spec;
    bool mixes = s->policy == TW_VLLM_V1 || s->policy == TW_TRTLLM || s->policy == TW_TRTLLM_MAX_UTILIZATION;
    bool one_queue = e->queues == 1, cut = !s->whole_prompts && s->long_prefill == 0;
    bool here = s->tier_count == 0 && s->swap_blocks == 0 && !e->prefix.timed;
    bool steps = s->speculate.draft == 0 && e->encode_time == 0 && s->stride == 0;
    return mixes && one_queue && cut && here && steps && !e->fronts && !e->gaps_kept && !e->leaves &&
           !(s->wait_max_s > 0.0) && !s->awaits && s->batch_wait == 0;
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
    if (engine->rows_max > TW_ROWS_MOST)
        return tw_fail(error, TW_BAD_INPUT,
                       "queue_max = %d beside max_sequences = %d of %d ranks: %d requests at a replica, expected at "
                       "most %d",
                       spec.queue_max, spec.max_sequences, spec.ranks, engine->rows_max, TW_ROWS_MOST);
    engine->queues = spec.priorities * spec.tenants;
    engine->services = spec.services > 0 ? spec.services : 1;
    engine->service[0] = tw_service_limit(spec.ttft_slo_s, spec.tpot_slo_s, INFINITY);
    tw_service_gaps(&engine->service[0], spec.itl_slo_s, spec.itl_share);
    tw_service_leave(&engine->service[0], spec.timeout_s, spec.leave_s);
    for (int k = 0; k < spec.services; k++) engine->service[k] = spec.service[k];
    for (int k = 0; k < engine->services; k++) {
        engine->gaps_kept |= engine->service[k].itl > 0;
        engine->leaves |= engine->service[k].timeout_ns > 0 || engine->service[k].leave_ns > 0;
    }
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
    engine->prefix.timed = spec.prefix_cache && spec.keep_s > 0.0;
    engine->patience_ns = llround(spec.patience_s * 1e9);
    engine->swap_ns = llround(spec.swap_block_s * 1e9);
    engine->fronts = spec.front_end.output_s > 0.0 || spec.ahead;
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
    engine->simple =
        !engine->pauses && !engine->restarts && engine->draft_mean == 0 && !engine->prefix.timed && !spec.outrank;
    for (int k = 0; k < TW_TENANTS; k++)
        engine->weight[k] = (uint64_t)llround(65536.0 / (spec.tenant_weight[k] > 0.0 ? spec.tenant_weight[k] : 1.0));
    if (spec.tier_count > 0) engine->token_ns = token_time(&spec);
    engine->prefix.shift = 0;
    while (1 << engine->prefix.shift < spec.block_tokens) engine->prefix.shift++;

    engine->plain = is_plain(engine);
    engine->booked = engine->plain && spec.ranks > 1 && !engine->keeps;

    size_t sequences = (size_t)spec.max_sequences;
    // the queues and the first chunks share the cache lines of the residues
    size_t b = (size_t)spec.block_tokens;
    engine->residues = 0;
    engine->queue = (b * sizeof(uint16_t) + 15) / 16 * 16;
    engine->chunks = engine->queue + (size_t)engine->queues * sizeof(TwQueue);
    (void)reserve(engine, engine->chunks + sequences * sizeof(uint32_t), 1);
    // so that the four below each lie on one cache line
    engine->heap = reserve(engine, sequences + 3, sizeof(uint64_t)) + 3 * sizeof(uint64_t);
    if (engine->pauses) engine->fresh = reserve(engine, sequences, sizeof(uint32_t));
    if (spec.prefix_cache) build_cache(engine);
    if (engine->fronts) engine->tail = reserve(engine, 1, sizeof(TwFrontTail));
    engine->list_bytes = engine->parts_bytes;
    engine->parts_bytes += (size_t)(spec.ranks - 1) * (sizeof(TwReplica) + engine->list_bytes);
    if (engine->booked)
        engine->book = reserve(engine, 1, sizeof(TwRankBook) + (size_t)spec.ranks * sizeof(TwRankEntry));
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
    r->front_free = r->out = r->front_work = r->begun = 0;
    r->fresh_row = 0;
    r->running = r->decodes = r->chunk_count = r->chunk_tokens = r->loading = r->handed = r->lent = 0;
    r->wait_count = 0;
    r->wait_input = r->input_tokens = r->prompt_blocks = r->reserved = r->swapped = 0;
    r->context = r->held_blocks = r->held_context = 0;
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

static void clear_book(const TwEngine *e, TwReplica *g)
{
    TwRankBook *book = book_of(e, g);
    memset(book, 0, sizeof *book);
    for (int k = 0; k < e->ranks; k++)
        book->rank[k] =
            (TwRankEntry){.finish = INT64_MAX, .lasts = INT64_MAX, .taken = g->iteration + 1, .flags = TW_RANK_IDLE};
    book->flagged[__builtin_ctz(TW_RANK_IDLE)] = e->ranks;
}

// Nothing runs, nothing waits; counts and clock stay.
static void clear(const TwEngine *e, TwReplica *r)
{
    for (int k = 0; k < e->ranks; k++) clear_list(e, rank_of(e, r, k));
    if (e->booked) clear_book(e, r);
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
    r->congestion = r->slow = 1.0;
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
    tw_fetch(part_const(r, e->residues));
    for (int at = 0; at < r->decodes && at < 64; at += 8) tw_fetch(heap + at);
    uint32_t row = tw_seq_next(e, r);
    if (row == TW_NO_ROW) return;
    tw_fetch((const TwLink *)row_array_const(r, TW_LINKS) + row);
    tw_fetch((const TwRow *)row_array_const(r, TW_ROWS) + row);
}

void tw_ranks_fetch_heads(const TwEngine *e, const TwReplica *g)
{
    for (int k = 1; k < e->ranks; k++) {
        const unsigned char *list = (const unsigned char *)rank_const(e, g, k);
        for (size_t at = 0; at < offsetof(TwReplica, cap_w); at += 64) tw_fetch(list + at);
        tw_fetch(list + offsetof(TwReplica, gap_from));
    }
}

void tw_ranks_fetch_arrays(const TwEngine *e, const TwReplica *g)
{
    for (int k = 1; k < e->ranks; k++) {
        const TwReplica *list = rank_const(e, g, k);
        const uint64_t *heap = part_const(list, e->heap);
        tw_fetch(part_const(list, e->residues));
        for (int at = 0; at < list->decodes && at < 128; at += 8) tw_fetch(heap + at);
    }
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
    if (r->prefix.unused >= 0) tw_fetch(nodes + r->prefix.unused);
    if (begins && queue->first != TW_NO_ROW) {
        const TwCold *cold = colds + queue->first;
        for (int k = 0; k < cold->run_count && k < 2; k++) {
            int32_t node = tw_prefix_guess(&e->prefix, table, &cold->run[k]);
            if (node >= 0) tw_fetch(nodes + node);
        }
    }
    if (r->chunk_count > 0) {
        const TwCold *cold = colds + *(const uint32_t *)part_const(r, e->chunks);
        if (cold->run_count > 0) base[2] = cold->run[cold->run_count - 1].base;
    }
    if (r->decodes == 0) return;
    if (r->prefix.newest >= 0) tw_fetch(nodes + r->prefix.newest);
    uint32_t row = finish_row(*(const uint64_t *)part_const(r, e->heap));
    if (rows[row].leaf >= 0) tw_fetch(nodes + rows[row].leaf);
    if (colds[row].run_count > 0) base[3] = colds[row].run[colds[row].run_count - 1].base;
}

// --- limits ---------------------------------------------------------------------------------------------------------

static void lose_list(const TwEngine *e, TwReplica *r, int64_t now_ns, const TwEngineLog *log)
{
    const TwLink *links = links_of(e, r);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after)
        if (rows_of(e, r)[row].first_ns != 0)    // what the front end still had is gone with it
            rows_of(e, r)[row].give_up_ns = least(tw_seq_last_token(e, r, row), now_ns);
    r->time = tw_time_of(now_ns);
    for (uint32_t row = r->oldest; row != TW_NO_ROW; row = links[row].after) {
        const TwRow *at = rows_of(e, r) + row;
        bool prompt = false;
        for (int j = 0; j < r->chunk_count; j++) prompt |= chunks_of(e, r)[j] == row;
        tw_seq_lose(e, r, row, prompt ? at->base : at->base + r->iteration, log);
    }
    for (uint32_t row = r->loading_first; row != TW_NO_ROW;
         row = links[row].after)    // what was to come counts as done
        tw_seq_lose(e, r, row, rows_of(e, r)[row].chunk, log);
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

TwFrontLoad tw_engine_front(const TwEngine *e, const TwReplica *g, int64_t now_ns)
{
    TwFrontLoad load = {0};
    TwWide now = tw_time_of(now_ns), work = e->fronts ? tw_front_ahead(g, now_ns) : 0;
    if (work == 0) return load;
    // it is busy until it has done all: what it does not spend on taking in requests it spends on outputs
    for (int k = 0; k < e->ranks; k++) {
        const TwReplica *r = rank_const(e, g, k);
        const TwRow *rows = row_array_const(r, TW_ROWS);
        const TwLink *links = row_array_const(r, TW_LINKS);
        work -= r->front_work;
        for (uint32_t row = r->front_first; row != TW_NO_ROW; row = links[row].after) {
            TwWide takes = e->front_request + e->front_prompt * rows[row].input,
                   left = tw_time_of(rows[row].base) - now;
            if (left >= takes) break;    // not begun
            work += left > 0 ? takes - left : takes;
        }
    }
    TwWide rounded = tw_time_of(2);
    if (work < rounded) return load;
    int64_t events = (int64_t)((work + e->front_output - rounded) / e->front_output);
    double each = e->draft_mean > 0 ? (double)e->draft_mean * 0x1p-32 : 1.0;    // tokens of an output
    load.tokens = (int64_t)((double)events * each);
    if (load.tokens > g->counts.output_done) load.tokens = g->counts.output_done;
    load.ended = tw_front_end_after(part_const(g, e->tail), now_ns);
    return load;
}

// What the front end had not passed on is lost with it.
static void lose_front(const TwEngine *e, TwReplica *r, int64_t now_ns)
{
    if (!e->fronts) return;
    const TwFrontLoad front = tw_engine_front(e, r, now_ns);
    TwEngineCounts *n = &r->counts;
    n->output_done -= front.tokens;
    n->output_dropped += front.tokens;
    n->completed -= front.ended.completed;
    n->lost += front.ended.completed;
    n->measured -= front.ended.measured;
    n->good -= front.ended.good;
    tail_of(e, r)->count = 0;
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
    lose_front(e, r, now_ns);
    n->fronted -= tw_front_ahead(r, now_ns);
    for (int k = 0; k < e->ranks; k++) lose_list(e, rank_of(e, r, k), now_ns, log);
    clear(e, r);
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
    int level = tw_step_level(e->spec.step, clock_fraction);
    if (cap_w == r->cap_w && level == r->clock_level) return;
    r->cap_w = cap_w;
    r->clock_level = level;
    r->limits_changed = true;
    if (r->busy) tw_engine_shorten(r, now_ns);
}

// A factor of what iterations take.
static void set_factor(TwReplica *r, int64_t now_ns, double *factor, double value)
{
    if (value == *factor) return;
    *factor = value;
    r->limits_changed = true;
    if (r->busy) tw_engine_shorten(r, now_ns);
}

void tw_engine_congestion(const TwEngine *e, TwReplica *r, int64_t now_ns, double congestion)
{
    if (e->spec.step->crosses) set_factor(r, now_ns, &r->congestion, congestion);
}

void tw_engine_slow(TwReplica *r, int64_t now_ns, double slow) { set_factor(r, now_ns, &r->slow, slow); }

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
        sum.waiting += tw_replica_waiting(rank), sum.handed += rank->handed, sum.lent += rank->lent;
        sum.wait_input += rank->wait_input;
        sum.prompt_blocks += rank->prompt_blocks;
        sum.blocks += rank->kv.blocks, sum.free += rank->kv.free;
        // by the book the head may lie behind
        const TwRankEntry *at = e->booked ? &book_const(e, r)->rank[k] : NULL;
        const TwReplica *clock = at ? r : rank;
        sum.context += at ? at->base + at->decodes * r->iteration : rank->context;
        if (at && at->taken <= r->iteration)
            sum.free -= tw_kv_need(&rank->kv, part_const(rank, e->residues), at->taken, r->iteration + 1 - at->taken);
        sum.decode_steps += clock->step, sum.decode_tokens += clock->iteration;
    }
    sum.held_blocks = r->held_blocks, sum.held_context = r->held_context;
    return sum;
}

int32_t tw_engine_waiting(const TwEngine *e, const TwReplica *r)
{
    int32_t waiting = tw_replica_waiting(r);
    for (int k = 1; k < e->ranks; k++) waiting += tw_replica_waiting(rank_const(e, r, k));
    return waiting;
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
    int64_t held = 0, context = 0, input = 0, output = 0, prompts = 0;
    int running = 0, decodes = 0, waiting = 0, loading = 0, lent = 0;
    int32_t gaps_of[TW_SERVICES] = {0};
    uint32_t before = TW_NO_ROW;
    bool ok = true;

    for (uint32_t at = r->oldest; at != TW_NO_ROW; before = at, at = links[at].after) {
        const TwRow *row = rows + at;
        int chunk = 0;
        while (chunk < r->chunk_count && chunks[chunk] != at) chunk++;
        ok &= links[at].before == before;
        prompts += row->input;
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
        loading++;
        prompts += row->input;
        if (row->awaits && row->tied) {
            lent++;
            continue;
        }
        input += x < row->input ? row->input - x : 0;
        output += row->output - produced_of(row->input, row->seen);
    }
    int fronting = 0;
    for (uint32_t at = r->front_first; at != TW_NO_ROW; at = links[at].after) {
        input += rows[at].input;
        output += rows[at].output;
        prompts += rows[at].input;
        fronting++;
    }
    for (int q = 0; q < e->queues; q++) {
        for (uint32_t at = queues[q].first; at != TW_NO_ROW; at = links[at].after) {
            const TwRow *row = rows + at;
            input += row->seen < row->input ? row->input - row->seen : 0;
            output += row->output - produced_of(row->input, row->seen);
            prompts += row->input;
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
    ok &= waiting == r->wait_count && loading == r->loading && lent == r->lent && fronting == r->fronting &&
          prompts == r->input_tokens;
    for (int k = 0; k < e->services; k++) ok &= gaps_of[k] == r->gaps_of[k];
    ok &= residue_sum == decodes && context == r->context && r->kv.free >= 0;
    // what was handed on and has not left is not looked up here
    ok &= r->handed > 0 || held == r->kv.blocks - r->kv.free;
    sum->input += input, sum->output += output;
    sum->present += running + waiting + loading - lent + fronting;
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
