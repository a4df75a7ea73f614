// A fat tree link by link: who is joined to what, and the way of a flow through it.
//
// Endpoint e is card e % host_cards of host e / host_cards; in a rail-optimised fabric, where they are as many as
// rails, card r of a group of hosts is on the group's leaf r. Every link has two directions, each an entry of its own;
// parallel cables between two switches are one entry. One to three tiers; a three-tier fabric has pods of radix / 2
// leaves, and spine j of every pod meets core group j. Planes are equal copies side by side. Tables are read-only once
// built; what is out of service is in the fractions that the caller passes.
#pragma once

#include "models/network/network.h"

typedef struct TwGraph {
    int endpoints, rails, tiers, planes;
    int host_cards;                  // that follow each other; whole hosts have as many
    int leaves, leaf_down;           // of a plane
    int pods, pod_leaves, spines;    // pods; leaves of a full one; spines of each (of the plane, two tiers)
    int cores;                       // that each spine meets
    int optics_per_link;             // 2: at both ends; 1: at switches only; 0: copper
    int host_up, host_down, leaf_up, leaf_down_link, core_up, core_down;    // first link of each kind in a plane
    int plane_links, link_count;
    const double *capacity_bytes_s;    // [link_count]
} TwGraph;

typedef enum TwPathRule {
    TW_ECMP,        // one path by hash
    TW_SPRAY,       // all paths equally
    TW_ADAPTIVE,    // the live path whose links carry least
} TwPathRule;

typedef enum TwLinkKind { TW_LINK_HOST, TW_LINK_LEAF, TW_LINK_CORE } TwLinkKind;

// False: no fabric, or more than 16 million links to endpoints.
bool tw_graph_create(TwGraph **graph, const TwNetwork *network, TwErrors *errors);
void tw_graph_destroy(TwGraph *graph);

int tw_graph_leaf(const TwGraph *graph, int endpoint);    // in its plane
TwLinkKind tw_graph_link_kind(const TwGraph *graph, int link);
// "leaf 3 -> spine 1", "plane 1: card 5 -> leaf 2".
void tw_graph_link_name(const TwGraph *graph, int link, char *text, int size);

// Links of a switch, both directions, into link[] (room for room entries); the count. Spine: of pod, in two tiers pod
// 0.
int tw_graph_leaf_links(const TwGraph *graph, int plane, int leaf, int *link, int room);
int tw_graph_spine_links(const TwGraph *graph, int plane, int pod, int spine, int *link, int room);
int tw_graph_core_links(const TwGraph *graph, int plane, int spine, int core, int *link, int room);

// What a flow's way is chosen by. up[link] in [0, 1]: live share, or NULL; load[link]: what it carries, for
// TW_ADAPTIVE.
typedef struct TwRouteAsk {
    int from, to;    // endpoints
    TwPathRule routing;
    uint64_t hash;    // of source, destination, job, stream and seed
    const double *up, *load;
} TwRouteAsk;

// Crossings of a flow: link[] and, for spraying and planes, the share use[] of its rate on each; the count. 0: no way
// is left (stalled). room: what both arrays hold; tw_graph_crossings is enough.
int tw_graph_route(const TwGraph *graph, const TwRouteAsk *ask, int *link, double *use, int room);
int tw_graph_crossings(const TwGraph *graph, TwPathRule routing);

// splitmix64 over the words: what a switch's hash of a flow's header stands for.
uint64_t tw_route_hash(uint64_t seed, int from, int to, int job, int stream);
