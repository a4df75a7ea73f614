// What a fabric still carries when parts of it are lost: every card of every host sends to the same card of two hosts
// far away, as fast as max-min sharing lets it, over the link graph.
//
// Cards whose leaf is lost in every plane hand their flows to the next card of their host that lives (through NVLink);
// planes that are left carry what the lost ones did. Routing sees losses at once; the seconds of re-convergence are the
// operator's timers.
#pragma once

#include "models/network/graph.h"

typedef enum TwLossKind {
    TW_LOSE_LEAF,
    TW_LOSE_SPINE,
    TW_LOSE_CORE,
    TW_LOSE_RAIL,
    TW_LOSE_PLANE,
    TW_LOSE_LINK,     // one cable, both directions
    TW_LOSE_OPTIC,    // the transceiver at one of its ends: its cable carries nothing
    TW_LOSS_KINDS
} TwLossKind;
extern const char *const tw_loss_words[TW_LOSS_KINDS];    // "leaf"

// index: leaf of the plane; spine pod * spines + j; core j * cores + c; rail; plane (plane unused); cable, counted over
// those to the cards, from leaf to spine, from spine to core, parallel ones one by one; optic: the ends of the cables
// in the same order, without cards where optics are at the switch only.
typedef struct TwLoss {
    TwLossKind kind;
    int plane, index;
} TwLoss;

// How many of a kind a plane (planes: the fabric) has.
int tw_loss_choices(const TwGraph *graph, TwLossKind kind);

typedef struct TwRemains {
    int flows, stalled, rerouted;             // stalled: no way left; rerouted: through another card of the host
    double sent_bytes_s, received_bytes_s;    // of all cards: equal, or the ledger is open
    double leaf_up_bytes_s, leaf_down_bytes_s, core_up_bytes_s, core_down_bytes_s;
    double ledger;                     // largest relative gap between what leaves and what arrives at any switch tier
    double slowest_host, mean_host;    // share of line rate that hosts send at
    double slowest_flow_bytes_s;
    double bisection_bytes_s;             // of what lives: sum over the leaves of the smaller of both sides, halved
    double utilisation[3], hottest[3];    // mean and largest by kind of link
    int hot_link[3];
    double wait_packets;    // queueing on the mean leaf link, in packets: M/D/1 at its utilisation
} TwRemains;

// up[link_count]: 1 where a link is in service with these lost, else 0. They must be there.
void tw_network_up(const TwGraph *graph, const TwLoss *losses, int count, double *up);

// used[link_count]: B/s on each link, or NULL. False: a loss names what is not there.
bool tw_network_remains(const TwGraph *graph, const TwLoss *losses, int count, TwPathRule routing, TwRemains *remains,
                        double *used, TwError *error);

// The same in memory of the caller: tw_network_remains_bytes(graph), 64-byte aligned.
size_t tw_network_remains_bytes(const TwGraph *graph);
bool tw_network_remains_in(const TwGraph *graph, const TwLoss *losses, int count, TwPathRule routing,
                           TwRemains *remains, double *used, void *work, TwError *error);

// Mean wait of an arrival at utilisation rho < 1, in service times: M/D/1 rho / (2 (1 - rho)); M/M/1 rho / (1 - rho).
double tw_queue_md1(double rho);
double tw_queue_mm1(double rho);
