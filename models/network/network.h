// Scale-up domains and the scale-out fabric: counts, bisection, power, and how long a collective takes.
//
// Level: cost models, not packets (docs/network.md). A scale-up domain is a star of GPUs through NVSwitch; the
// scale-out fabric a rail-optimised fat tree of one, two or three tiers.
//
// A collective takes the fastest of the algorithms that its ranks may use, each latency + bytes / bandwidth as NCCL
// models it; inside one domain a measured table of the chip, where there is one, takes the place of the law.
//
// Left out: contention between collectives, ECMP collisions, failures of links, storage. Power does not follow traffic.
#pragma once

#include "sim/config.h"

extern const TwKind tw_fabric_kind;     // parts/fabric
extern const TwKind tw_scaleup_kind;    // parts/scaleup: NVLink domain

typedef struct TwScaleupRow {
    int64_t domain_gpus;
    double link_bytes_s;    // per GPU, one direction
    double ring_efficiency, nvls_efficiency;
    double base_s, hop_s, nvls_s;    // latencies
    bool in_network;                 // reduction in the switch (NVLS)
    double simple_hop_s;             // ring hop of the large-message protocol; hop_s is that of the small
    double fill_s, fill_bytes;       // NVLS: delay that builds up as a message fills the channels, s S/(S + bytes)
    const char *title;
} TwScaleupRow;

typedef struct TwFabricRow {
    const char *kind;       // "fat_tree"
    const char *from;       // power element that feeds its switches; for the twin
    int64_t radix;          // ports of a switch
    double port_bytes_s;    // one direction
    int64_t planes;
    double oversubscription;    // at the leaf: endpoints : uplinks
    double switch_w;            // base power of a switch chassis without ports
    double port_w, optic_w, nic_w;
    int64_t optics_per_link;    // 2: pluggable at both ends; 1: at the switch only, co-packaged
    double hop_s, base_s;
    double efficiency;      // of line rate for large transfers
    double simple_hop_s;    // of the large-message protocol
    const char *title;
} TwFabricRow;

typedef struct TwNetworkSpec {
    TwScaleupRow scaleup;
    TwFabricRow fabric;
    int64_t endpoints;       // GPUs with a scale-out NIC
    const char *comm_csv;    // measured collectives of this chip (calibration/<chip>/comm.csv), or NULL
} TwNetworkSpec;

typedef struct TwNetwork {
    int tiers;
    int64_t leaf, spine, core, switches, links, optics;
    double bisection_bytes_s;
    double switch_w, optics_w;    // whole fabric, every port populated; optics of the switches
    double nic_w;                 // all NICs with their own optics (part of the racks' draw)
    double endpoint_w;            // switches and their optics per endpoint
    const struct TwNetworkPlant *inner;
} TwNetwork;

typedef enum TwCollective { TW_ALL_REDUCE, TW_ALL_GATHER, TW_REDUCE_SCATTER, TW_ALL_TO_ALL, TW_SEND } TwCollective;

// How a duration was found.
typedef struct TwCollectiveCost {
    double time_s, bus_bytes_s;
    const char *algorithm;    // "ring", "tree", "nvls", "measured", "hierarchical"
    bool measured, extrapolated;
} TwCollectiveCost;

bool tw_network_create(TwNetwork **network, const TwNetworkSpec *spec, TwErrors *errors);
void tw_network_destroy(TwNetwork *network);

// ranks GPUs, ranks_per_node of them in one domain; bytes as nccl-tests counts them. An idle network.
// what TW_SEND: ranks is ignored, ranks_per_domain >= 2 sends inside a domain. Outside a domain the fabric must exist
// (endpoints > 0); a group larger than the fabric is the caller's error.
TwCollectiveCost tw_network_collective(const TwNetwork *network, TwCollective what, int ranks, int ranks_per_domain,
                                       double bytes);

// Bus bandwidth = factor bytes / time, as nccl-tests counts it.
double tw_collective_factor(TwCollective what, int ranks);
// Bytes that a rank moves in a hierarchical all-reduce over `nodes` of ranks / nodes each: inside, and through its NIC.
void tw_hierarchical_bytes(int ranks, int nodes, double bytes, double *inside, double *nic);
