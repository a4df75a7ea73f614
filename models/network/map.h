// A fabric as a running factory sees it: the cards of a rack are one link each way, the live cables above a group of
// hosts that share their leaves one, those above a pod one.
//
// Racks spread what they send over their cards, and sprayed or adaptive fabrics over their paths, so that members of
// such a link are loaded alike and max-min over the sums is the same as over the cables (network page, 2.4). A dead
// card, leaf, spine or plane takes its share out of the sums. Racks that lie on several groups have a share in each.
#pragma once

#include "models/network/loss.h"

typedef struct TwFabricMap {
    int rack_count, group_count, pod_count, link_count;
    const double *capacity_bytes_s;    // [link] whole, at line rate times what the fabric carries of it
    const int *share_start;            // [rack + 1] rows below
    const int *share_group;            // groups that the rack is on
    const double *share;               // of its cards
    const int *group_pod;
    const struct TwArena *arena;
} TwFabricMap;

// rack_cards[rack]: endpoints of each, in order.
bool tw_fabric_map_create(TwFabricMap **map, const TwGraph *graph, const int64_t *rack_cards, int rack_count);
void tw_fabric_map_destroy(TwFabricMap *map);

// capacity[link_count] with these lost; up: memory for the links of the graph.
void tw_fabric_map_lose(const TwFabricMap *map, const TwGraph *graph, const TwLoss *losses, int count, double *up,
                        double *capacity);

// The link of the map that a link of the graph is in, map_link[graph->link_count]; -1: of a card that no rack has.
void tw_fabric_map_links(const TwFabricMap *map, const TwGraph *graph, int *map_link);

// First link of each: out of and into rack r, above group g upwards and downwards, the same of pods.
static inline int tw_map_out(const TwFabricMap *m, int rack) { return (void)m, rack; }
static inline int tw_map_in(const TwFabricMap *m, int rack) { return m->rack_count + rack; }
static inline int tw_map_up(const TwFabricMap *m, int group) { return 2 * m->rack_count + group; }
static inline int tw_map_down(const TwFabricMap *m, int group) { return 2 * m->rack_count + m->group_count + group; }
static inline int tw_map_pod_up(const TwFabricMap *m, int pod) { return 2 * (m->rack_count + m->group_count) + pod; }
static inline int tw_map_pod_down(const TwFabricMap *m, int pod) { return tw_map_pod_up(m, 0) + m->pod_count + pod; }

// Way from one rack to another; -1 for either: from or to what hangs on the top of the fabric. room: at least
// tw_map_crossings.
int tw_map_way(const TwFabricMap *map, int from, int to, int *link, double *use);
int tw_map_crossings(const TwFabricMap *map);
// Share of the cards of two racks that lie under the same leaves.
double tw_map_near(const TwFabricMap *map, int a, int b);
void tw_map_link_name(const TwFabricMap *map, int link, char *text, int size);
