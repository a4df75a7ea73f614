// What a replica is asked to be: names of its settings, their ranges, and the engine built from them with the places
// of all its arrays.
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

static bool mixes(TwPolicy policy)
{
    return policy == TW_VLLM_V1 || policy == TW_TRTLLM || policy == TW_TRTLLM_MAX_UTILIZATION;
}

// Policies that take prompts and decodes in turns: they neither wait for other ranks nor speculate.
static bool takes_turns(TwPolicy policy)
{
    return policy == TW_SGLANG || policy == TW_SARATHI || policy == TW_PREFILL_FIRST;
}

static bool check_sizes(const TwEngineSpec *spec, TwError *error)
{
    int b = spec->block_tokens;
    if (!in_range(error, "max_tokens", spec->max_tokens, 1, 1 << 24)) return false;
    if (!in_range(error, "ranks with lists of their own", spec->ranks, 1, TW_RANKS_MOST)) return false;
    if (!in_range(error, "max_sequences", spec->max_sequences, 1, (int64_t)TW_LIST_MOST * spec->ranks)) return false;
    if (!in_range(error, "block_tokens", b, 1, 256)) return false;
    if (b & (b - 1)) return tw_fail(error, TW_BAD_INPUT, "block_tokens = %d, expected a power of two", b);
    if (!in_range(error, "kv_blocks", spec->kv_blocks, 1, (int64_t)1 << 40)) return false;
    if (!in_range(error, "watermark_blocks", spec->watermark_blocks, 0, spec->kv_blocks - 1)) return false;
    if (!in_range(error, "queue_max", spec->queue_max, 1, TW_ROWS_MOST - 65537)) return false;
    if (!in_range(error, "priorities", spec->priorities, 1, TW_PRIORITIES)) return false;
    if (!in_range(error, "tenants", spec->tenants, 1, TW_TENANTS)) return false;
    if (!in_range(error, "services", spec->services, 0, TW_SERVICES)) return false;
    return in_range(error, "tiers", spec->tier_count, 0, TW_TIERS);
}

static bool check_times(const TwEngineSpec *spec, TwError *error)
{
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
    if (!(spec->ttft_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "ttft_slo_s = %g, expected more than 0 s", spec->ttft_slo_s);
    if (!(spec->tpot_slo_s > 0.0))
        return tw_fail(error, TW_BAD_INPUT, "tpot_slo_s = %g, expected more than 0 s", spec->tpot_slo_s);
    return true;
}

static bool check_drafts(const TwEngineSpec *spec, TwError *error)
{
    if (!in_range(error, "draft_tokens", spec->speculate.draft, 0, TW_DRAFT_MOST)) return false;
    for (int k = 0; k < spec->speculate.draft; k++)
        if (!(spec->speculate.acceptance[k] >= 0.0 && spec->speculate.acceptance[k] <= 1.0))
            return tw_fail(error, TW_BAD_INPUT, "acceptance = %g, expected 0 to 1", spec->speculate.acceptance[k]);
    if (spec->speculate.draft > 0 && takes_turns(spec->policy))
        return tw_fail(error, TW_BAD_INPUT, "draft_tokens = %d: policy %s does not speculate", spec->speculate.draft,
                       tw_policy_names[spec->policy]);
    return true;
}

// Waits of iterations: for prompts of other ranks, for a larger batch.
static bool check_waits(const TwEngineSpec *spec, TwError *error)
{
    if (!in_range(error, "rank_wait_iterations", spec->rank_wait, 0, 1 << 20)) return false;
    if (!in_range(error, "rank_gather_iterations", spec->rank_gather, 0, 1 << 20)) return false;
    if ((spec->rank_wait > 0 || spec->rank_gather > 0) && takes_turns(spec->policy))
        return tw_fail(error, TW_BAD_INPUT,
                       "rank_wait_iterations = %d, rank_gather_iterations = %d: policy %s does not wait for other "
                       "ranks",
                       spec->rank_wait, spec->rank_gather, tw_policy_names[spec->policy]);
    if (!in_range(error, "batch_wait_iterations", spec->batch_wait, 0, 1 << 20)) return false;
    // no iteration ever has more than the budget
    if (spec->batch_wait > 0 && !in_range(error, "batch_wait_tokens", spec->batch_tokens, 1, spec->max_tokens))
        return false;
    if (spec->batch_wait > 0 && (spec->ranks > 1 || !mixes(spec->policy)))
        return tw_fail(error, TW_BAD_INPUT,
                       "batch_wait_iterations = %d: expected one list of sequences and policy %s, %s or %s",
                       spec->batch_wait, tw_policy_names[TW_VLLM_V1], tw_policy_names[TW_TRTLLM],
                       tw_policy_names[TW_TRTLLM_MAX_UTILIZATION]);
    return true;
}

static bool check_policy(const TwEngineSpec *spec, TwError *error)
{
    if (spec->prefix_cache && !tw_step_may_cache(spec->step))
        return tw_fail(
            error, TW_BAD_INPUT,
            "a prefix cache, but layers of the model keep a state a sequence, which no block holds: expected "
            "prefix_cache = \"off\" and prompts that share nothing");
    bool alone = spec->tier_count == 0 && spec->speculate.draft == 0;
    if (tw_keeps_states(spec) && !alone)
        return tw_fail(
            error, TW_BAD_INPUT,
            "a prefix cache that keeps states, beside %d lower tiers and draft_tokens = %d: expected none of "
            "either, or prefix_cache = \"off\"",
            spec->tier_count, spec->speculate.draft);
    if (tw_keeps_states(spec) && spec->step->state_page_tokens % spec->block_tokens != 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "block_tokens = %d: states are kept behind pages of %d tokens, expected a divisor of that",
                       spec->block_tokens, spec->step->state_page_tokens);
    if (spec->whole_prompts && spec->long_prefill > 0)
        return tw_fail(error, TW_BAD_INPUT, "long_prefill_tokens = %d cuts prompts, but whole_prompts is true",
                       spec->long_prefill);
    if (spec->policy == TW_SGLANG) {
        if (!in_range(error, "prefill_tokens", spec->sglang.prefill_tokens, 1, TW_SGLANG_TOKENS)) return false;
        if (!in_range(error, "chunk_tokens", spec->sglang.chunk_tokens, 1, TW_SGLANG_TOKENS)) return false;
        if (!(spec->sglang.conservativeness > 0.0 && spec->sglang.conservativeness <= 1.4))
            return tw_fail(error, TW_BAD_INPUT, "conservativeness = %g, expected more than 0, at most 1.4",
                           spec->sglang.conservativeness);
    }
    if (spec->outrank && spec->policy != TW_VLLM_V1 && spec->policy != TW_TRTLLM_MAX_UTILIZATION)
        return tw_fail(error, TW_BAD_INPUT, "preempt_lower = true: policy %s does not, expected %s or %s",
                       tw_policy_names[spec->policy], tw_policy_names[TW_VLLM_V1],
                       tw_policy_names[TW_TRTLLM_MAX_UTILIZATION]);
    if (spec->outrank && spec->priorities == 1)
        return tw_fail(error, TW_BAD_INPUT, "preempt_lower = true with priorities = 1, expected 2 or more levels");
    return true;
}

static bool check(const TwEngineSpec *spec, TwError *error)
{
    return check_sizes(spec, error) && check_times(spec, error) && check_drafts(spec, error) &&
           check_waits(spec, error) && check_policy(spec, error);
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
    bool one_queue = e->queues == 1, cut = !s->whole_prompts && s->long_prefill == 0;
    bool here = s->tier_count == 0 && s->swap_blocks == 0 && !e->prefix.timed;
    bool steps = s->speculate.draft == 0 && e->encode_time == 0 && s->stride == 0;
    return mixes(s->policy) && one_queue && cut && here && steps && !e->fronts && !e->gaps_kept && !e->leaves &&
           !(s->wait_max_s > 0.0) && !s->awaits && s->batch_wait == 0 && s->step->state_tokens == 0 &&
           !tw_keeps_states(s);
}

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

// What a request has to keep to, by class of service; what is kept of sequences for that.
static void set_services(TwEngine *engine)
{
    const TwEngineSpec *spec = &engine->spec;
    engine->services = spec->services > 0 ? spec->services : 1;
    engine->service[0] = tw_service_limit(spec->ttft_slo_s, spec->tpot_slo_s, INFINITY);
    tw_service_gaps(&engine->service[0], spec->itl_slo_s, spec->itl_share);
    tw_service_leave(&engine->service[0], spec->timeout_s, spec->leave_s);
    for (int k = 0; k < spec->services; k++) engine->service[k] = spec->service[k];
    for (int k = 0; k < engine->services; k++) {
        engine->gaps_kept |= engine->service[k].itl > 0;
        engine->leaves |= engine->service[k].timeout_ns > 0 || engine->service[k].leave_ns > 0;
    }
}

static void set_drafts(TwEngine *engine)
{
    const TwSpeculate *speculate = &engine->spec.speculate;
    engine->draft_slower = 1.0;
    if (speculate->draft == 0) return;
    engine->draft_mean = (int64_t)tw_wide(tokens_a_step(speculate), 4294967296.0);
    engine->draft_slower = 1.0 + speculate->draft * speculate->draft_fraction;
    engine->drawn = speculate->drawn;
    double all = 1.0;
    for (int k = 0; k < speculate->draft; k++) {
        all *= speculate->acceptance[k];
        engine->chain[k] = all < 1.0 ? (uint64_t)(all * 0x1p64) : UINT64_MAX;
    }
}

// The settings as the scheduler wants them: what its policy does, and times and energies in its own units.
static void set_rules(TwEngine *engine)
{
    const TwEngineSpec *spec = &engine->spec;
    engine->queues = spec->priorities * spec->tenants;
    engine->restarts = engine->all_at_once = engine->by_arrival =
        spec->policy == TW_SARATHI || spec->policy == TW_PREFILL_FIRST;
    engine->reserves = spec->policy == TW_TRTLLM || spec->policy == TW_STATIC_BATCH;
    engine->pauses = spec->policy == TW_SGLANG || spec->policy == TW_PREFILL_FIRST;
    engine->keeps = spec->prefix_cache || spec->keep;
    engine->keeps_content = spec->keep || (spec->prefix_cache && spec->list);
    engine->idle_rate = (int64_t)tw_wide(spec->step->idle_w, TW_UNITS_PER_NJ);
    engine->encode_time = tw_wide(spec->encode_s * 1e9, TW_UNITS_PER_NS);
    engine->encode_energy = tw_wide(spec->encode_j * 1e9, TW_UNITS_PER_NJ);
    engine->keep_ns = llround(spec->keep_s * 1e9);
    engine->prefix.timed = spec->prefix_cache && spec->keep_s > 0.0;
    while (1 << engine->prefix.shift < spec->block_tokens) engine->prefix.shift++;
    engine->patience_ns = llround(spec->patience_s * 1e9);
    engine->swap_ns = llround(spec->swap_block_s * 1e9);
    engine->fronts = spec->front_end.output_s > 0.0 || spec->ahead;
    engine->front_request = tw_wide(spec->front_end.request_s * 1e9, TW_UNITS_PER_NS);
    engine->front_prompt = tw_wide(spec->front_end.prompt_token_s * 1e9, TW_UNITS_PER_NS);
    engine->front_output = tw_wide(spec->front_end.output_s * 1e9, TW_UNITS_PER_NS);
    for (int k = 0; k < TW_TENANTS; k++)
        engine->weight[k] = (uint64_t)llround(65536.0 / (spec->tenant_weight[k] > 0.0 ? spec->tenant_weight[k] : 1.0));
    if (spec->tier_count > 0) engine->token_ns = token_time(spec);
}

// Where each array of a list lies, then the lists of the other ranks, then the rows of all.
static void place_arrays(TwEngine *engine)
{
    const TwEngineSpec *spec = &engine->spec;
    size_t sequences = (size_t)spec->max_sequences;
    // the queues and the first chunks share the cache lines of the residues
    size_t b = (size_t)spec->block_tokens;
    engine->residues = 0;
    engine->queue = (b * sizeof(uint16_t) + 15) / 16 * 16;
    engine->chunks = engine->queue + (size_t)engine->queues * sizeof(TwQueue);
    (void)reserve(engine, engine->chunks + sequences * sizeof(uint32_t), 1);
    // so that the four below each lie on one cache line
    engine->heap = reserve(engine, sequences + 3, sizeof(uint64_t)) + 3 * sizeof(uint64_t);
    if (engine->pauses) engine->fresh = reserve(engine, sequences, sizeof(uint32_t));
    if (spec->prefix_cache) build_cache(engine);
    if (engine->fronts) engine->tail = reserve(engine, 1, sizeof(TwFrontTail));
    engine->list_bytes = engine->parts_bytes;
    engine->parts_bytes += (size_t)(spec->ranks - 1) * (sizeof(TwReplica) + engine->list_bytes);
    if (engine->booked)
        engine->book = reserve(engine, 1, sizeof(TwRankBook) + (size_t)spec->ranks * sizeof(TwRankEntry));
    engine->slabs = (engine->rows_max + TW_SLAB_ROWS - 1) / TW_SLAB_ROWS;
    engine->row_bytes[TW_ROWS] = sizeof(TwRow);
    engine->row_bytes[TW_LINKS] = sizeof(TwLink);
    engine->row_bytes[TW_GAPS] = engine->gaps_kept ? sizeof(TwGapCount) : 0;
    engine->row_bytes[TW_COLDS] = engine->keeps ? sizeof(TwCold) : 0;
    engine->row_bytes[TW_CONTENTS] = engine->keeps_content ? sizeof(TwContent) : 0;
    engine->bytes = sizeof(TwReplica) + engine->parts_bytes;
    for (int k = 0; k < TW_ROW_ARRAYS; k++) engine->bytes += slab_bytes(engine, k) * (size_t)engine->slabs;
}

int32_t tw_engine_state_sequences(const TwEngineSpec *s)
{
    int32_t most = s->step->state_sequences, draft = s->speculate.draft;
    if (most < 1 || draft < 1) return most;
    return most / (2 + draft) > 1 ? most / (2 + draft) : 1;
}

int64_t tw_engine_state_blocks(const TwEngineSpec *s)
{
    int64_t tokens = (int64_t)s->step->state_tokens * (1 + s->speculate.draft);
    // of pages with their states, the last of a sequence is half empty on average
    if (tw_keeps_states(s)) tokens = s->step->state_page_tokens / 2;
    return (tokens + s->block_tokens - 1) / s->block_tokens;
}

int64_t tw_engine_token_blocks(const TwEngineSpec *s, int64_t blocks)
{
    return tw_keeps_states(s) ? blocks / (1 + s->step->state_page_times) : blocks;
}

// Memory of the device and of the host holds states beside the blocks of tokens.
static void leave_states(TwEngineSpec *s)
{
    if (!tw_keeps_states(s)) return;
    s->kv_blocks = tw_engine_token_blocks(s, s->kv_blocks);
    s->watermark_blocks = tw_engine_token_blocks(s, s->watermark_blocks);
    s->swap_blocks = tw_engine_token_blocks(s, s->swap_blocks);
    s->swap_block_s *= 1.0 + s->step->state_page_times;
}

// Of a rank, beside the blocks given for all.
static bool check_states(const TwEngineSpec *s, int64_t given, TwError *error)
{
    int64_t states = tw_engine_state_blocks(s), least = states * s->ranks;
    if (states <= s->kv_blocks) return true;
    if (tw_keeps_states(s)) least *= 1 + s->step->state_page_times;
    if (s->speculate.draft > 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "draft_tokens = %d: states of a sequence and its drafts take %lld blocks of a rank, expected at "
                       "least %lld kv_blocks, not %lld",
                       s->speculate.draft, (long long)states, (long long)least, (long long)given);
    return tw_fail(error, TW_BAD_INPUT, "kv_blocks = %lld: states of a sequence take their part, expected %lld or more",
                   (long long)given, (long long)least);
}

bool tw_engine_build(TwEngine *engine, const TwEngineSpec *given, TwError *error)
{
    TwEngineSpec spec = *given;
    if (spec.priorities == 0) spec.priorities = 1;
    if (spec.tenants == 0) spec.tenants = 1;
    if (spec.ranks == 0) spec.ranks = 1;
    if (!check(&spec, error)) return false;
    assert(spec.ranks == 1 || spec.step->choose_ranks);
    leave_states(&spec);
    divide(&spec);
    if (!check_states(&spec, given->kv_blocks, error)) return false;
    if (spec.watermark_blocks >= spec.kv_blocks) spec.watermark_blocks = spec.kv_blocks - 1;
    const int most = tw_engine_state_sequences(&spec);
    if (most > 0 && spec.max_sequences > most) spec.max_sequences = most;

    *engine = (TwEngine){.spec = spec, .ranks = spec.ranks};
    engine->rows_max = spec.queue_max + spec.max_sequences * spec.ranks;
    // who was handed on keeps its row until its KV has left
    if (spec.keep) engine->rows_max += spec.max_sequences * spec.ranks;
    if (engine->rows_max > TW_ROWS_MOST)
        return tw_fail(error, TW_BAD_INPUT,
                       "queue_max = %d beside max_sequences = %d of %d ranks: %d requests at a replica, expected at "
                       "most %d",
                       spec.queue_max, spec.max_sequences, spec.ranks, engine->rows_max, TW_ROWS_MOST);
    set_services(engine);
    set_drafts(engine);
    set_rules(engine);
    engine->simple =
        !engine->pauses && !engine->restarts && engine->draft_mean == 0 && !engine->prefix.timed && !spec.outrank;
    engine->plain = is_plain(engine);
    engine->booked = engine->plain && spec.ranks > 1 && !engine->keeps;
    place_arrays(engine);
    return true;
}
