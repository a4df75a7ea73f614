// A fabric as drawn in a facility file, link by link: racks and switches by name, cables between any two of them.
//
// A link is all cables of an entry, each direction of its own. Racks end flows and pass none on. A flow takes the
// shortest ways in hops that live, at every node in equal parts over the cables that lead on (equal cost multipath of
// many flows), or one of them by its hash. A rack sends no more than its cards do.
#pragma once

#include "models/network/loss.h"

typedef struct TwDrawnEntry {
    int a, b;
    double cables, bytes_s;    // bytes_s: of one cable, one direction
} TwDrawnEntry;

typedef struct TwDrawnSpec {
    int rack_count, switch_count, entry_count;
    const char *const *names;      // racks, then switches
    const double *rack_bytes_s;    // of the cards of each
    const TwDrawnEntry *entries;
    int top;    // node that storage hangs on
} TwDrawnSpec;

typedef struct TwDrawn {
    TwDrawnSpec spec;
    int node_count, link_count;        // link 2 i: entry i from a to b, 2 i + 1: back
    int leaf_count, spine_count;       // switches with a rack on them, and others
    const int *leaves, *spines;        // their nodes
    const double *capacity_bytes_s;    // [link] whole
    const int *out_start, *out;        // links that leave a node
    double host_cables, switch_cables;
    double bisection_bytes_s;    // most that flows from the first half of the racks to the others
    int64_t crossings;           // links of all flows of tw_drawn_remains in the whole fabric
    struct TwArena *arena;
} TwDrawn;

// False: a rack or storage cannot be reached. Links and names are the caller's to check.
bool tw_drawn_create(TwDrawn **drawn, const TwDrawnSpec *spec, TwError *error);
void tw_drawn_destroy(TwDrawn *drawn);

// Nodes at the ends of a link: racks first, then switches.
int tw_drawn_from(const TwDrawn *drawn, int link);
int tw_drawn_to(const TwDrawn *drawn, int link);
void tw_drawn_link_name(const TwDrawn *drawn, int link, char *text, int size);

// How many of a kind may be lost: leaf, spine, link (cables one by one, in the order of the entries), optic (two ends
// of each), plane (the whole fabric).
int tw_drawn_choices(const TwDrawn *drawn, TwLossKind kind);
// up[link]: share that is in service.
void tw_drawn_up(const TwDrawn *drawn, const TwLoss *losses, int count, double *up);

// Hops from every node to each rack and, last, to the top: dist[(rack_count + 1) * node_count], -1: there is no way.
void tw_drawn_distances(const TwDrawn *drawn, const double *up, short *dist, int *queue);
// Links of a flow between two racks (-1: the top) and the share of its rate on each; -1: no way. hash 0: split.
// part[node_count], queue[node_count]: memory, part all zero before and after.
typedef struct TwDrawnWay {
    const double *up;
    const short *dist;
    double *part;
    int *queue;
} TwDrawnWay;
int tw_drawn_way(const TwDrawn *drawn, const TwDrawnWay *way, int from, int to, uint64_t hash, int *link, double *use);

// As tw_network_remains: every rack sends to two others, half and a third of all away. used[link]: B/s, or NULL.
// work: tw_drawn_remains_bytes(drawn), 64-byte aligned, in which sprayed flows are solved unless they cross four times
// as many links as in the whole fabric; NULL: memory of its own.
size_t tw_drawn_remains_bytes(const TwDrawn *drawn);
bool tw_drawn_remains(const TwDrawn *drawn, const TwLoss *losses, int count, TwPathRule routing, TwRemains *remains,
                      double *used, void *work, TwError *error);
