// Replicas without a facility, of which some compute prompts for the others: who they are, where they lie, and how KV
// goes from these to those (models/workload/workload.h, TwHandOver). The fabric is idle but for the KV.
//
// Replicas fill NVLink domains in their order, those of unlike chips domains of their own; one that needs several has
// them alone. Within a domain KV goes over the links of the GPUs of a replica, else over their cards; where both ends
// differ, at the slower one.
//
// The KV of one request lies on the GPUs of one attention rank, of all stages. Heads are split over tensor parallel
// ranks; beyond their number, and of a latent cache, ranks hold the same. Each rank that decodes reads what it is to
// hold from a rank that has it (SGLang, disaggregation/common/conn.py, resolve_kv_replica_factor; vLLM, NIXL's
// TransferTopology.replicates_kv_cache): with g GPUs of a rank and stage and s different parts, s_p, g_p of who
// computes, s_d, g_d of who decodes,
//     copies = g_d / s_d, senders = min(g_p, max(s_p, g_d)), readers = g_d
// of each stage, and one transfer has the links of these. Left out: that transfers of one rank share its links, where
// others of the replica are idle.
#pragma once

#include "models/workload/workload.h"
#include "twin/serve.h"

typedef struct TwParted {
    const TwDeploy *decode, *prefill;    // of the replicas of either kind
    int count;
    const bool *is_prefill;    // [replica]
} TwParted;

typedef struct TwPartedLinks {
    int *domain, *group;    // [replica]
    TwReplicaLink *link;    // [replica]
    double bytes_s;         // of KV of one transfer alone: where all share a domain inside it, else beyond
    double latency_s;
    bool inside;
} TwPartedLinks;

// Attention of a replica: heads whose keys and values differ (1: latent), GPUs of a rank and stage, of all.
typedef struct TwKvPlaces {
    int heads, tensor, stages, gpus;
} TwKvPlaces;

// Fills in share_out, share_in and copies.
void tw_parted_shares(const TwKvPlaces *prefill, const TwKvPlaces *decode, TwHandOver *hand_over);

bool tw_parted_links(const TwParted *apart, TwArena *arena, TwPartedLinks *links, TwError *error);

// The engine of those who compute prompts, beside that of the others; and how KV is handed over. engine: of the others,
// which loses its lower tiers to it.
TwHandOver tw_parted_hand_over(const TwParted *apart, const TwServeSpec *serve, const TwPartedLinks *links,
                               double token_bytes, TwEngineSpec *engine, TwEngineSpec *front);
