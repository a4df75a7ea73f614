#include "twin/parted.h"

#include <math.h>
#include <string.h>

enum { HOLD_S = 480 };    // of KV that waits: VLLM_NIXL_ABORT_REQUEST_TIMEOUT

// What the GPUs of a replica send: inside an NVLink domain, through their cards.
typedef struct Rates {
    double inside_bytes_s, inside_s, cards_bytes_s, cards_s;
} Rates;

static bool rates_of(const TwDeploy *deploy, Rates *rates, TwError *error)
{
    TwFabricRow fabric;
    TwConfig *config = NULL;
    const TwScaleupRow *up = tw_network_scaleup(deploy->network);
    bool good = tw_load_part(&tw_fabric_kind, deploy->chip.fabric, &fabric, &config, error);
    if (good)
        *rates =
            (Rates){deploy->gpus * up->link_bytes_s * up->exchange_efficiency, up->base_s + up->hop_s,
                    fabric.send_efficiency * fabric.port_bytes_s * (double)fabric.planes * deploy->gpus, fabric.send_s};
    if (config) tw_config_destroy(config);
    return good;
}

static const TwDeploy *deploy_of(const TwParted *apart, int replica)
{
    return apart->is_prefill[replica] ? apart->prefill : apart->decode;
}

// Each in the next domain with room for it, from `next` on. Returns the one behind the last.
static int place(const TwParted *apart, bool prefill, bool both, int next, int *domain)
{
    const TwDeploy *deploy = prefill ? apart->prefill : apart->decode;
    int64_t size = deploy->chip.domain_gpus, used = 0;
    for (int i = 0; i < apart->count; i++) {
        if (!both && apart->is_prefill[i] != prefill) continue;
        int gpus = deploy_of(apart, i)->gpus;
        if (used > 0 && used + gpus > size) next++, used = 0;
        domain[i] = next;
        used += gpus;
        if (used >= size) next++, used = 0;
    }
    return next + (used > 0);
}

void tw_parted_shares(const TwKvPlaces *prefill, const TwKvPlaces *decode, TwHandOver *hand_over)
{
    int has = prefill->tensor < prefill->heads ? prefill->tensor : prefill->heads;
    int wants = decode->tensor < decode->heads ? decode->tensor : decode->heads;
    int senders = has > decode->tensor ? has : decode->tensor;
    if (senders > prefill->tensor) senders = prefill->tensor;
    hand_over->copies = (double)decode->tensor / wants;
    hand_over->share_out = (double)(senders * prefill->stages) / prefill->gpus;
    hand_over->share_in = (double)(decode->tensor * decode->stages) / decode->gpus;
}

static TwKvPlaces places_of(const TwDeploy *deploy)
{
    int tensor = deploy->step->tensor_parallel, stage = tensor * deploy->step->attention_ranks;
    int heads = tw_model_is_mla(&deploy->model) ? 1 : (int)deploy->model.kv_heads;
    return (TwKvPlaces){heads, tensor, deploy->gpus / stage, deploy->gpus};
}

static void share(const TwParted *apart, TwHandOver *hand_over)
{
    TwKvPlaces prefill = places_of(apart->prefill), decode = places_of(apart->decode);
    tw_parted_shares(&prefill, &decode, hand_over);
}

bool tw_parted_links(const TwParted *apart, TwArena *arena, TwPartedLinks *links, TwError *error)
{
    Rates rates[2];
    if (!rates_of(apart->decode, &rates[0], error) || !rates_of(apart->prefill, &rates[1], error)) return false;
    *links = (TwPartedLinks){.domain = TW_TAKE(arena, apart->count + 1, int),
                             .group = TW_TAKE(arena, apart->count + 1, int),
                             .link = TW_TAKE(arena, apart->count + 1, TwReplicaLink)};
    bool alike = strcmp(apart->decode->chip.title, apart->prefill->chip.title) == 0;
    int domains = place(apart, false, alike, 0, links->domain);
    if (!alike) domains = place(apart, true, false, domains, links->domain);
    links->inside = domains == 1;
    // one that needs several shares none
    for (int i = 0; i < apart->count; i++)
        if (deploy_of(apart, i)->gpus > deploy_of(apart, i)->chip.domain_gpus) links->domain[i] = -1 - i;
    double cards_s = fmax(rates[0].cards_s, rates[1].cards_s), inside_s = fmax(rates[0].inside_s, rates[1].inside_s);
    for (int i = 0; i < apart->count; i++) {
        const Rates *own = &rates[apart->is_prefill[i]];
        TwReplicaLink *link = &links->link[i];
        *link = (TwReplicaLink){.tier_bytes_s = {INFINITY, INFINITY}, .congestion = 1.0};
        for (int reach = 0; reach < TW_REACHES; reach++) {
            bool in = reach == TW_REACH_DOMAIN;
            link->out_bytes_s[reach] = link->in_bytes_s[reach] = in ? own->inside_bytes_s : own->cards_bytes_s;
            link->latency_s[reach] = in ? inside_s : cards_s;
        }
    }
    TwHandOver one = {0};
    share(apart, &one);
    bool in = links->inside;
    links->bytes_s = tw_hand_over_alone(&one, in ? rates[1].inside_bytes_s : rates[1].cards_bytes_s,
                                        in ? rates[0].inside_bytes_s : rates[0].cards_bytes_s) /
                     one.copies;
    links->latency_s = links->inside ? inside_s : cards_s;
    return true;
}

TwHandOver tw_parted_hand_over(const TwParted *apart, const TwServeSpec *serve, const TwPartedLinks *links,
                               double token_bytes, TwEngineSpec *engine, TwEngineSpec *front)
{
    const TwStepModel *step = apart->prefill->step;
    TwEngineSpec ranked = tw_serve_engine(apart->prefill, serve);
    *front = (TwEngineSpec){.step = &step->source,
                            .max_tokens = serve->max_tokens * (apart->prefill->gpus / step->tensor_parallel),
                            .max_sequences = 64,
                            .kv_blocks = serve->kv_blocks > 0 ? serve->kv_blocks : step->kv_blocks_16,
                            .ranks = ranked.ranks,
                            .front_end = engine->front_end,
                            .rank_router = ranked.rank_router,
                            .prefix_cache = engine->prefix_cache,
                            .tier_count = engine->tier_count,    // of who computes prompts (twin/plant_pools.c)
                            .tiers = engine->tiers};
    engine->tier_count = 0;
    engine->reserved_tokens = serve->reserved_tokens;
    TwHandOver made = {.engine = front,
                       .replica_prefill = apart->is_prefill,
                       .bytes_per_token = token_bytes,
                       .bytes_s = links->bytes_s,
                       .latency_s = links->latency_s,
                       .domain = links->domain,
                       .group = links->group,
                       .layers = (int)apart->decode->model.layers,
                       .chunks = serve->kv_chunks,
                       .first_token = serve->first_token,
                       .reserve = serve->reserve,
                       .hold_s = HOLD_S};
    share(apart, &made);
    return made;
}
