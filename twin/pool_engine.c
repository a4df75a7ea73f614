#include "twin/pool_engine.h"
#include "twin/front_ends.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct EngineRow {
    const char *name, *policy, *prefix_cache, *accept, *rank_router, *front_end;
    double front_request_s, front_prompt_token_s, front_output_s;
    bool chunked, mixed_chunk, longest_prefix, retry, preempt_lower, schedule_ahead;
    int64_t rank_wait_iterations, rank_gather_iterations, batch_wait_iterations, batch_wait_tokens, long_prefill_tokens,
        prefix_runs, prefill_tokens, chunk_tokens, priorities, tenants, draft_tokens;
    TwReals tenant_weights, acceptance;
    double encode_s_per_image, encode_j_per_image;
    double watermark_fraction, wait_max_s, patience_s, timeout_s, leave_s, conservativeness, draft_fraction, swap_bytes,
        swap_bytes_s;
    int64_t client_retries;
    double client_retry_s, client_retry_max_s;
    double detect_s, prompt_weight, cache_credit, tier_credit, temperature, affinity_factor, signal_period_s;
    double kv_event_delay_s, kv_event_period_s, kv_ttl_s, busy_kv_fraction;
    bool kv_events;
    double slow_fraction, slow_times;
    int64_t busy_prompt_tokens, busy_waiting, busy_spared_priority, busy_queue_max;
} EngineRow;

typedef struct TierRow {
    double capacity_bytes, read_bytes_s, write_bytes_s, latency_s, backlog_s;
    bool remote, shared;
} TierRow;

#define FIELD(row, member, unit, type, least, most, standard, words, text)                                             \
    {                                                                                                                  \
#member, unit, type, least, most, standard, offsetof(row, member), text, words                                 \
    }

static const char *const accept_words[] = {"mean", "drawn", NULL};
static const char *const cache_words[] = {"auto", "on", "off", NULL};
static const TwField engine_fields[] = {
    FIELD(
        EngineRow, name, "", TW_TEXT, 0, 0, "", NULL,
        "vllm, sglang, trtllm or ideal, or a release as vllm:0.11: sets all that is not given as it does; empty: none"),
    FIELD(EngineRow, policy, "", TW_TEXT, 0, 0, "vllm_v1", tw_policy_names, "how iterations are made up"),
    FIELD(EngineRow, prefix_cache, "", TW_TEXT, 0, 0, "auto", cache_words,
          "find beginnings that are cached; auto: where requests share any"),
    FIELD(EngineRow, prefix_runs, "1", TW_INTEGER, 0, 1e7, "0", NULL, "runs of blocks it can tell apart; 0: by memory"),
    FIELD(EngineRow, chunked, "", TW_BOOLEAN, 0, 1, "true", NULL,
          "prompts may be cut; if not, the budget holds them whole"),
    FIELD(EngineRow, long_prefill_tokens, "1", TW_INTEGER, 0, 1 << 24, "0", NULL,
          "most tokens of one prompt in an iteration; 0: no bound"),
    FIELD(EngineRow, watermark_fraction, "1", TW_REAL, 0, 0.5, "0.01", NULL,
          "sarathi, prefill_first: blocks kept free on admission"),
    FIELD(EngineRow, prefill_tokens, "1", TW_INTEGER, 1, 1 << 24, "16384", NULL,
          "sglang: most of a batch of prompts; at most max_tokens"),
    FIELD(EngineRow, chunk_tokens, "1", TW_INTEGER, 1, 1 << 24, "8192", NULL, "sglang: most of one prompt in it"),
    FIELD(EngineRow, mixed_chunk, "", TW_BOOLEAN, 0, 1, "false", NULL, "sglang: decodes take part in it"),
    FIELD(EngineRow, longest_prefix, "", TW_BOOLEAN, 0, 1, "false", NULL, "sglang: longest cached prefix first"),
    FIELD(EngineRow, conservativeness, "1", TW_REAL, 0.01, 1.4, "1", NULL, "sglang: of memory kept for outputs"),
    FIELD(EngineRow, priorities, "1", TW_INTEGER, 1, TW_PRIORITIES, "1", NULL,
          "levels; higher goes first, and sheds lower where the queue is full"),
    FIELD(EngineRow, preempt_lower, "", TW_BOOLEAN, 0, 1, "false", NULL,
          "who waits preempts running ones of lower levels: vllm_v1, trtllm_max_utilization"),
    FIELD(EngineRow, tenants, "1", TW_INTEGER, 1, TW_TENANTS, "1", NULL, "queues of a level, served by tokens"),
    FIELD(EngineRow, tenant_weights, "1", TW_REALS, 1e-3, 1e3, "[]", NULL, "share of each tenant; missing ones 1"),
    FIELD(EngineRow, wait_max_s, "s", TW_REAL, 0, 1e6, "0", NULL, "reject who would wait longer; 0: nobody"),
    FIELD(EngineRow, patience_s, "s", TW_REAL, 0, 1e6, "0", NULL, "who has no token by then gives up; 0: nobody"),
    FIELD(EngineRow, timeout_s, "s", TW_REAL, 0, 1e9, "0", NULL,
          "clients go so long after they came, whatever they have; 0: they stay"),
    FIELD(EngineRow, leave_s, "s", TW_REAL, 0, 1e9, "0", NULL,
          "they go after a time drawn for each, exponential of this mean; 0: they stay"),
    FIELD(EngineRow, front_end, "", TW_TEXT, 0, 0, "none", tw_front_end_names,
          "one process beside the engine that requests and outputs pass"),
    FIELD(EngineRow, front_request_s, "s", TW_REAL, 0, 10, "0", NULL, "of it for a request; 0: as it is named"),
    FIELD(EngineRow, front_prompt_token_s, "s", TW_REAL, 0, 0.1, "0", NULL, "for a prompt token; 0: as it is named"),
    FIELD(EngineRow, front_output_s, "s", TW_REAL, 0, 1, "0", NULL, "for an output; 0: as it is named"),
    FIELD(EngineRow, encode_s_per_image, "s", TW_REAL, 0, 1e3, "0", NULL,
          "GPU time to encode an image, in the iteration that begins its prompt"),
    FIELD(EngineRow, encode_j_per_image, "J", TW_REAL, 0, 1e6, "0", NULL, "energy of all GPUs of a replica for it"),
    FIELD(EngineRow, swap_bytes, "B", TW_REAL, 0, 1e15, "0", NULL,
          "host memory of a replica for preempted sequences; 0: they are computed again"),
    FIELD(EngineRow, swap_bytes_s, "B/s", TW_REAL, 1e6, 1e13, "5e10", NULL, "to host memory and back"),
    FIELD(EngineRow, draft_tokens, "1", TW_INTEGER, 0, TW_DRAFT_MOST, "0", NULL, "drafted in a step; 0: none"),
    FIELD(EngineRow, acceptance, "1", TW_REALS, 0, 1, "[]", NULL,
          "of each draft, those before it accepted; the last holds for the rest"),
    FIELD(EngineRow, accept, "", TW_TEXT, 0, 0, "mean", accept_words,
          "mean: all decodes advance alike; drawn: each sequence by its own luck, step by step"),
    FIELD(EngineRow, draft_fraction, "1", TW_REAL, 0, 1, "0", NULL,
          "time of drafting a token over that of a step; 0: one layer and the head of the model"),
    FIELD(EngineRow, rank_router, "", TW_TEXT, 0, 0, "auto", tw_rank_router_names,
          "which attention rank gets a request; auto: as the policy's engine; even: one list dealt evenly, and faster"),
    FIELD(EngineRow, rank_wait_iterations, "1", TW_INTEGER, 0, 1 << 20, "0", NULL,
          "prompts wait so long until every rank has one, while all decode; 0: they do not"),
    FIELD(EngineRow, rank_gather_iterations, "1", TW_INTEGER, 0, 1 << 20, "0", NULL, "and then so long for more"),
    FIELD(EngineRow, batch_wait_iterations, "1", TW_INTEGER, 0, 1 << 20, "0", NULL,
          "prompts wait so long beside decodes for a batch of batch_wait_tokens; 0: they do not"),
    FIELD(EngineRow, batch_wait_tokens, "1", TW_INTEGER, 0, 1 << 24, "0", NULL, "tokens of an iteration, decodes too"),
    FIELD(EngineRow, schedule_ahead, "", TW_BOOLEAN, 0, 1, "false", NULL,
          "the batch of an iteration is made when the one before begins: who comes meanwhile is in the one after"),
    FIELD(EngineRow, retry, "", TW_BOOLEAN, 0, 1, "false", NULL,
          "requests of a replica that went down are tried again"),
    FIELD(EngineRow, detect_s, "s", TW_REAL, 0, 1e6, "1", NULL, "until they are"),
    FIELD(EngineRow, client_retries, "1", TW_INTEGER, 0, 100, "0", NULL,
          "times that a client who was refused comes again; OpenAI's does 2 times"),
    FIELD(EngineRow, client_retry_s, "s", TW_REAL, 1e-3, 1e6, "0.5", NULL,
          "wait before the first time, doubled each time, up to a quarter less by chance"),
    FIELD(EngineRow, client_retry_max_s, "s", TW_REAL, 1e-3, 1e6, "8", NULL, "and the most"),
    FIELD(EngineRow, prompt_weight, "1", TW_REAL, 1e-3, 1e3, "1", NULL, "router kv_aware: of prompt blocks"),
    FIELD(EngineRow, cache_credit, "1", TW_REAL, 1e-3, 1e3, "1", NULL, "router kv_aware: of cached blocks"),
    FIELD(EngineRow, tier_credit, "1", TW_REAL, 0, 1e3, "0.75", NULL,
          "router kv_aware: of blocks in lower tiers that would be brought back"),
    FIELD(EngineRow, temperature, "1", TW_REAL, 0, 1e3, "0", NULL, "router kv_aware: of its draw; 0: the least cost"),
    FIELD(EngineRow, affinity_factor, "1", TW_REAL, 1, 1e3, "1.25", NULL, "router affinity: most load over the mean"),
    FIELD(EngineRow, signal_period_s, "s", TW_REAL, 0, 1e3, "0", NULL, "the router sees loads this old; 0: fresh"),
    FIELD(EngineRow, slow_fraction, "1", TW_REAL, 0, 1, "0", NULL,
          "stragglers: share of the GPUs that make their replica slower, drawn by the seed"),
    FIELD(EngineRow, slow_times, "1", TW_REAL, 1, 100, "1.3", NULL, "how many times as long such a replica takes"),
    FIELD(EngineRow, kv_events, "", TW_BOOLEAN, 0, 1, "true", NULL,
          "replicas tell the router what they cache; if not, it assumes that they keep what they were sent"),
    FIELD(EngineRow, kv_event_delay_s, "s", TW_REAL, 0, 60, "0", NULL, "until it knows; 0: at once"),
    FIELD(EngineRow, kv_event_period_s, "s", TW_REAL, 0, 60, "0", NULL, "they tell at multiples of it; 0: at once"),
    FIELD(EngineRow, kv_ttl_s, "s", TW_REAL, 1e-3, 1e6, "120", NULL, "kv_events = false: how long it assumes that"),
    FIELD(EngineRow, busy_kv_fraction, "1", TW_REAL, 0, 1, "0", NULL,
          "a replica with more of its KV memory held gets nothing new; with all such, who comes is rejected; 0: no "
          "limit"),
    FIELD(EngineRow, busy_prompt_tokens, "1", TW_INTEGER, 0, 1e9, "0", NULL,
          "so does one with more prompt tokens to compute; 0: no limit"),
    FIELD(EngineRow, busy_waiting, "1", TW_INTEGER, 0, 1e6, "0", NULL,
          "and one with more requests waiting; 0: no limit"),
    FIELD(EngineRow, busy_spared_priority, "1", TW_INTEGER, 0, TW_PRIORITIES, "0", NULL,
          "of this priority and above nobody is rejected for that; 0: all are"),
    FIELD(EngineRow, busy_queue_max, "1", TW_INTEGER, 0, 1e6, "0", NULL,
          "so many wait at the router of a cell until a replica is not busy; 0: nobody, they are rejected"),
};
static const TwField tier_fields[] = {
    FIELD(TierRow, capacity_bytes, "B", TW_REAL, 1, 1e18, NULL, NULL, "for the KV of one replica; shared: of the pool"),
    FIELD(TierRow, read_bytes_s, "B/s", TW_REAL, 1e3, 1e15, NULL, NULL, "to the device"),
    FIELD(TierRow, write_bytes_s, "B/s", TW_REAL, 1e3, 1e15, NULL, NULL, "from the tier above"),
    FIELD(TierRow, latency_s, "s", TW_REAL, 0, 1e3, "1e-5", NULL, "of a read"),
    FIELD(TierRow, remote, "", TW_BOOLEAN, 0, 1, "false", NULL, "lies on the storage of the site, over the network"),
    FIELD(TierRow, shared, "", TW_BOOLEAN, 0, 1, "false", NULL,
          "one store of all replicas: capacity and rates are of all, each router cell has its part"),
    FIELD(TierRow, backlog_s, "s", TW_REAL, 0, 1e6, "1", NULL, "most that a write waits; beyond it is dropped"),
};
static const TwKind tier_kind = {"tier", NULL, tier_fields, TW_COUNT(tier_fields), NULL, 0};
static const TwChild engine_children[] = {
    {"tiers", TW_LIST, &tier_kind, "lower tiers of the prefix cache, from the nearest"},
};
const TwKind tw_engine_kind = {
    "engine", NULL, engine_fields, TW_COUNT(engine_fields), engine_children, TW_COUNT(engine_children)};

static const char *const precision_words[] = {"pool",  "bf16",  "fp8",   "fp8_block", "fp4",
                                              "mxfp4", "w4a16", "w8a16", NULL};
static const TwField prefill_fields[] = {
    FIELD(TwPrefillRow, racks, "", TW_TEXTS, 0, 0, "[]", NULL, "rack entries; empty: those of the pool"),
    FIELD(TwPrefillRow, replicas, "1", TW_INTEGER, 0, 1e7, "0", NULL, "that compute prompts alone; 0: none"),
    FIELD(TwPrefillRow, tensor_parallel, "1", TW_INTEGER, 0, 576, "0", NULL, "GPUs of one; 0: as the pool"),
    FIELD(TwPrefillRow, attention_ranks, "1", TW_INTEGER, 0, 1024, "0", NULL,
          "0: as the pool, 1 if tensor_parallel is given"),
    FIELD(TwPrefillRow, pipeline_parallel, "1", TW_INTEGER, 0, 128, "0", NULL, "the same"),
    FIELD(TwPrefillRow, expert_parallel, "1", TW_INTEGER, 0, 1024, "0", NULL, "the same"),
    FIELD(TwPrefillRow, precision, "", TW_TEXT, 0, 0, "pool", precision_words, "weights"),
    FIELD(TwPrefillRow, max_tokens, "1", TW_INTEGER, 1, 131072, "8192", NULL, "token budget of an iteration"),
    FIELD(TwPrefillRow, max_sequences, "1", TW_INTEGER, 1, 8192, "64", NULL, "largest batch"),
    FIELD(TwPrefillRow, kv_blocks, "1", TW_INTEGER, 0, 1e12, "0", NULL, "KV blocks of one; 0: what memory holds"),
    FIELD(TwPrefillRow, link_bytes_s, "B/s", TW_REAL, 0, 1e15, "0", NULL,
          "link of a replica, each way, on an idle network, which one transfer may have; 0: network cards of the GPUs "
          "on which its KV lies"),
    FIELD(TwPrefillRow, link_latency_s, "s", TW_REAL, 0, 10, "1e-5", NULL,
          "of a transfer, where link_bytes_s is given"),
    FIELD(TwPrefillRow, layerwise, "", TW_BOOLEAN, 0, 1, "true", NULL,
          "layers leave as they are done, but under reserve = context_first"),
    FIELD(TwPrefillRow, reserve, "", TW_TEXT, 0, 0, "context_first", tw_reserve_names,
          "when a prompt's blocks are taken where it is decoded: context_first, once it is computed, and its KV leaves "
          "then; generation_first, before it is computed; none, when its KV has come"),
    FIELD(TwPrefillRow, hold_s, "s", TW_REAL, 0, 1e6, "480", NULL,
          "most that KV waits for those blocks; then it is lost, or with retry computed again; 0: no bound"),
    FIELD(TwPrefillRow, reserved_decode_tokens, "1", TW_INTEGER, 0, 1 << 24, "0", NULL,
          "room for outputs that taking blocks leaves to each sequence that runs or has them"),
    FIELD(
        TwPrefillRow, first_token, "", TW_TEXT, 0, 0, "prefill", tw_first_token_names,
        "who makes it: prefill, at once; relayed, it comes with the KV; decode, out of the prompt's last token again"),
    FIELD(TwPrefillRow, local_tokens, "1", TW_INTEGER, 0, 1 << 24, "0", NULL,
          "a prompt with fewer tokens to compute is computed where it is decoded"),
    FIELD(TwPrefillRow, queue_max, "1", TW_INTEGER, 0, 65535, "0", NULL,
          "so is one that would find so many waiting; 0: no bound"),
};
const TwKind tw_prefill_kind = {"prefill", NULL, prefill_fields, TW_COUNT(prefill_fields), NULL, 0};

static bool set_tiers(const TwNode *node, TwArena *arena, double block_bytes, int cells, TwEngineSpec *engine,
                      TwErrors *errors)
{
    int count = tw_node_entries(node, "tiers");
    if (count > TW_TIERS) {
        tw_node_error(node, "tiers", errors, "%d tiers, expected at most %d", count, TW_TIERS);
        return false;
    }
    TwTierSpec *tiers = TW_TAKE(arena, count + 1, TwTierSpec);
    for (int t = 0; t < count; t++) {
        char name[64];
        TierRow row;
        const TwNode *tier = tw_node_entry(node, "tiers", t, name);
        tw_node_row(tier, &row);
        tiers[t] = (TwTierSpec){.blocks = (int64_t)(row.capacity_bytes / block_bytes),
                                .read_block_s = block_bytes / row.read_bytes_s,
                                .write_block_s = block_bytes / row.write_bytes_s,
                                .shared = row.shared,
                                .latency_s = row.latency_s,
                                .network_bytes = row.remote ? block_bytes : 0.0,
                                .backlog_s = row.backlog_s};
        tw_tier_deal(&tiers[t], cells);
        if (tiers[t].blocks < 1) {
            tw_node_error(tier, "capacity_bytes", errors, "%g B%s, expected room for a block of %g B",
                          row.capacity_bytes, row.shared && cells > 1 ? " shared by all router cells" : "",
                          block_bytes);
            return false;
        }
    }
    engine->tier_count = count;
    engine->tiers = tiers;
    return true;
}

// Tokens of all ranks, no more than the budget of an iteration.
static int of_ranks(int64_t tokens, int ranks, int budget)
{
    return (int)(tokens * ranks < budget ? tokens * ranks : budget);
}

void tw_pool_leaves(const TwNode *pool, double *timeout_s, double *leave_s)
{
    EngineRow row;
    tw_node_row(tw_node_group(pool, "engine"), &row);
    *timeout_s = row.timeout_s;
    *leave_s = row.leave_s;
}

bool tw_pool_release(const TwNode *pool, bool *named, TwRelease *release, TwErrors *errors)
{
    const TwNode *node = tw_node_group(pool, "engine");
    EngineRow row;
    TwError error;
    tw_node_row(node, &row);
    *named = row.name[0] != '\0';
    if (!*named || tw_release_find(row.name, release, &error)) return true;
    tw_node_value_error(node, "name", errors, "%s", error.text);
    return false;
}

// What the engine that is named sets, where no file does.
static void set_defaults(const TwNode *node, const TwEngineDefaults *d, EngineRow *row)
{
    if (!tw_node_given(node, "policy")) row->policy = tw_policy_names[d->policy];
    if (!tw_node_given(node, "front_end")) row->front_end = d->front_end;
    if (d->prefill_tokens > 0 && !tw_node_given(node, "prefill_tokens")) row->prefill_tokens = d->prefill_tokens;
    if (!tw_node_given(node, "schedule_ahead")) row->schedule_ahead = d->ahead;
    if (d->chunk_tokens > 0 && !tw_node_given(node, "chunk_tokens")) row->chunk_tokens = d->chunk_tokens;
}

bool tw_pool_engine(const TwNode *pool, TwArena *arena, bool shares, double block_bytes, int ranks, int64_t kv_blocks,
                    const TwEngineDefaults *defaults, TwEngineSpec *engine, TwPoolSpec *spec, TwErrors *errors)
{
    const TwNode *node = tw_node_group(pool, "engine");
    EngineRow row;
    tw_node_row(node, &row);
    if (defaults) set_defaults(node, defaults, &row);
    *engine = (TwEngineSpec){.whole_prompts = !row.chunked,
                             .long_prefill = (int)row.long_prefill_tokens,
                             .watermark_blocks = (int64_t)(row.watermark_fraction * (double)kv_blocks),
                             .prefix_nodes = (int)row.prefix_runs,
                             .rank_wait = (int)row.rank_wait_iterations,
                             .rank_gather = (int)row.rank_gather_iterations,
                             .batch_wait = (int)row.batch_wait_iterations,
                             .batch_tokens = (int)row.batch_wait_tokens,
                             .ahead = row.schedule_ahead,
                             .priorities = (int)row.priorities,
                             .outrank = row.preempt_lower,
                             .tenants = (int)row.tenants,
                             .encode_s = row.encode_s_per_image,
                             .encode_j = row.encode_j_per_image,
                             .wait_max_s = row.wait_max_s,
                             .patience_s = row.patience_s,
                             .swap_blocks = (int64_t)(row.swap_bytes / block_bytes),
                             .swap_block_s = block_bytes / row.swap_bytes_s};
    (void)tw_policy(row.policy, &engine->policy);
    engine->sglang = (TwSglang){of_ranks(row.prefill_tokens, ranks, spec->max_tokens),
                                of_ranks(row.chunk_tokens, ranks, spec->max_tokens), row.mixed_chunk,
                                row.longest_prefix, row.conservativeness};
    TwFrontEnd *front = &engine->front_end;
    (void)tw_front_end_named(row.front_end, front);
    if (row.front_request_s > 0.0) front->request_s = row.front_request_s;
    if (row.front_prompt_token_s > 0.0) front->prompt_token_s = row.front_prompt_token_s;
    if (row.front_output_s > 0.0) front->output_s = row.front_output_s;
    if (front->output_s == 0.0 && (front->request_s > 0.0 || front->prompt_token_s > 0.0)) {
        tw_node_error(node, "front_output_s", errors,
                      "front_output_s = 0 beside front_request_s or front_prompt_token_s, expected an output to take "
                      "some time");
        return false;
    }
    (void)tw_rank_router(row.rank_router, engine->policy, ranks, engine);
    if (engine->ranks > TW_RANKS_MOST) {
        tw_node_error(pool, "attention_ranks", errors,
                      "attention_ranks = %d with lists of their own, expected at most %d, or engine.rank_router = "
                      "\"even\"",
                      engine->ranks, TW_RANKS_MOST);
        return false;
    }
    if (engine->ranks == 1 && (engine->rank_wait > 0 || engine->rank_gather > 0))
        tw_node_warn(node, engine->rank_wait > 0 ? "rank_wait_iterations" : "rank_gather_iterations", errors,
                     "one list of sequences has no other attention rank to wait for");
    engine->prefix_cache = strcmp(row.prefix_cache, "on") == 0 || (shares && strcmp(row.prefix_cache, "auto") == 0);
    for (int k = 0; k < row.tenant_weights.count && k < TW_TENANTS; k++)
        engine->tenant_weight[k] = row.tenant_weights.values[k];
    engine->speculate.draft = (int)row.draft_tokens;
    engine->speculate.drawn = strcmp(row.accept, "drawn") == 0;
    engine->speculate.draft_fraction = row.draft_fraction;
    if (row.draft_tokens > 0 && row.acceptance.count == 0) {
        tw_node_error(node, "acceptance", errors, "draft_tokens = %lld without acceptance, expected 0 to 1 for each",
                      (long long)row.draft_tokens);
        return false;
    }
    for (int k = 0; k < engine->speculate.draft; k++)
        engine->speculate.acceptance[k] =
            row.acceptance.values[k < row.acceptance.count ? k : row.acceptance.count - 1];
    spec->routing = (TwRouterSpec){.prompt_weight = row.prompt_weight,
                                   .credit = row.cache_credit,
                                   .temperature = row.temperature,
                                   .factor = row.affinity_factor,
                                   .signal_period_s = row.signal_period_s,
                                   .tier_credit = row.tier_credit,
                                   .event_delay_s = row.kv_events ? row.kv_event_delay_s : 0.0,
                                   .event_period_s = row.kv_events ? row.kv_event_period_s : 0.0,
                                   .assume_s = row.kv_events ? 0.0 : row.kv_ttl_s,
                                   .busy_kv = row.busy_kv_fraction,
                                   .busy_tokens = (int)row.busy_prompt_tokens,
                                   .busy_waiting = (int)row.busy_waiting,
                                   .busy_spared = (int)row.busy_spared_priority,
                                   .busy_queue = (int)row.busy_queue_max};
    spec->slow_share = row.slow_fraction;
    spec->slow_times = row.slow_times;
    spec->retry = row.retry;
    spec->detect_s = row.detect_s;
    spec->again = (TwComeAgain){(int)row.client_retries, row.client_retry_s, row.client_retry_max_s};
    if (row.client_retries > 0 && row.client_retry_max_s < row.client_retry_s) {
        tw_node_error(node, "client_retry_max_s", errors, "client_retry_max_s = %g is below the %g that it begins with",
                      row.client_retry_max_s, row.client_retry_s);
        return false;
    }
    if (!set_tiers(node, arena, block_bytes, spec->cell_count, engine, errors)) return false;
    if (engine->tier_count > 0 && !engine->prefix_cache) {
        tw_node_error(node, "tiers", errors,
                      "lower tiers of a prefix cache that is off; prefix_cache = \"on\" turns it on");
        return false;
    }
    return true;
}
