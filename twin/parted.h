// Replicas without a facility, of which some compute prompts for the others: who they are, where they lie, and how KV
// goes from these to those (models/workload/workload.h, TwHandOver). The fabric is idle but for the KV.
//
// Replicas fill NVLink domains in their order, those of unlike chips domains of their own; one that needs several has
// them alone. Within a domain KV goes over the links of all GPUs of a replica, else over their cards; where both ends
// differ, at the slower one.
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
    double bytes_s;         // of one transfer alone: where all share a domain inside it, else beyond
    double latency_s;
    bool inside;
} TwPartedLinks;

bool tw_parted_links(const TwParted *apart, TwArena *arena, TwPartedLinks *links, TwError *error);

// The engine of those who compute prompts, beside that of the others; and how KV is handed over. engine: of the others,
// which loses its lower tiers to it.
TwHandOver tw_parted_hand_over(const TwParted *apart, const TwServeSpec *serve, const TwPartedLinks *links,
                               double token_bytes, TwEngineSpec *engine, TwEngineSpec *front);
