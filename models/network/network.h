// Scale-up domains and the scale-out fabric: counts, bisection, power, and how long a collective takes.
//
// Level: flows and cost models, not packets (network page). A scale-up domain is a star of GPUs through NVSwitch; the
// scale-out fabric a rail-optimised fat tree of one, two or three tiers.
#pragma once

#include "sim/config.h"

extern const TwKind tw_fabric_kind;     // parts/fabric
extern const TwKind tw_scaleup_kind;    // parts/scaleup: NVLink domain

typedef struct TwScaleupRow {
    int64_t domain_gpus;
    double link_bytes_s;                // per GPU, one direction
    double ring_efficiency, nvls_efficiency;
    double base_s, hop_s, nvls_s;       // latencies
    bool in_network;                    // reduction in the switch (NVLS)
} TwScaleupRow;

typedef struct TwFabricRow {
    const char *kind;                   // "fat_tree"
    int64_t radix;                      // ports of a switch
    double port_bytes_s;                // one direction
    int64_t planes;
    double oversubscription;            // at the leaf: endpoints : uplinks
    double switch_w;                    // base power of a switch chassis without ports
    double port_w, optic_w, nic_w;
    int64_t optics_per_link;            // 2 pluggable; co-packaged parts set optic_w of a port
    double hop_s, base_s;
    double efficiency;                  // of line rate for large transfers
} TwFabricRow;

typedef struct TwNetworkSpec {
    TwScaleupRow scaleup;
    TwFabricRow fabric;
    int64_t endpoints;                  // GPUs with a scale-out NIC
    const char *comm_csv;               // measured collectives of this chip (calibration/<chip>/comm.csv), or NULL
} TwNetworkSpec;

typedef struct TwNetwork {
    int tiers;
    int64_t leaf, spine, core, switches, links, optics;
    double bisection_bytes_s;
    double switch_w, optics_w, nic_w;   // whole fabric, idle to full is constant here
    double endpoint_w;                  // switches and optics per endpoint
    const struct TwNetworkPlant *inner;
} TwNetwork;

typedef enum TwCollective { TW_ALL_REDUCE, TW_ALL_GATHER, TW_REDUCE_SCATTER, TW_ALL_TO_ALL, TW_SEND } TwCollective;

// How a duration was found.
typedef struct TwCollectiveCost {
    double time_s, bus_bytes_s;
    const char *algorithm;              // "ring", "tree", "nvls", "measured", "hierarchical"
    bool measured, extrapolated;
} TwCollectiveCost;

bool tw_network_create(TwNetwork **network, const TwNetworkSpec *spec, TwErrors *errors);
void tw_network_destroy(TwNetwork *network);

// ranks GPUs, ranks_per_node of them in one domain; bytes as nccl-tests counts them. An idle network.
TwCollectiveCost tw_network_collective(const TwNetwork *network, TwCollective what, int ranks, int ranks_per_domain,
                                       double bytes);
