// The running network of a facility: weights, checkpoints and storage reads as transfers in time, and what they leave
// to KV caches, remote cache tiers, collectives of jobs and of replicas that reach beyond an NVLink domain.
//
// Links are those of models/network/map.h (cards of a rack each way, what is above its leaves and pods), the storage
// ports of a rack each way where there is a storage network, and what storage reads and writes in all. Rates hold from
// one sync point to the next: the start of a window, which ends where a transfer does. What the short transfers ask for
// is measured from one exchange tick to the next. A loss in the fabric takes its part of the links at once.
#pragma once

#include "models/network/transit.h"
#include "twin/plant.h"

typedef enum TwHaul {
    TW_HAUL_RACK,       // weights of a rack that has its supply back; target: rack
    TW_HAUL_REPLICA,    // of a replica that was mended
    TW_HAUL_LENT,       // of one that a job gives back
    TW_HAUL_SAVE,       // checkpoint of a job, out
    TW_HAUL_RESTORE,    // and back in
    TW_HAULS
} TwHaul;

const char *tw_haul_name(int haul);

bool tw_transit_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors);
void tw_transit_destroy(TwPlant *plant);
void tw_transit_begin(const TwPlant *plant, void *block);

// Scratch of a running factory.
typedef struct TwTransitWork {
    TwTransitScratch scratch;
    TwReplicaLink *link;    // [replica]
    double *job_slow;       // [job] time of its collectives over that on an idle network
    TwTransitFlow *ended;
    double *up;    // [link of the graph]
    struct TwLoss *lost;
    struct TwDrawnWork *drawn;    // of a fabric that is drawn (twin/wiring.h)
    int ended_count;
    double *need;    // [link + 1] of twin/crossing.h
    int *touched;
} TwTransitWork;
void tw_transit_work(const TwPlant *plant, TwArena *arena, TwTransitWork *work);

// Rates from now on.
void tw_transit_sync(const TwPlant *plant, void *block, TwTransitWork *work);
// Links of the replicas in the window, or NULL where none needs to know.
const TwReplicaLink *tw_transit_links(const TwPlant *plant, const TwTransitWork *work);
int64_t tw_transit_next_ns(const TwPlant *plant, const void *block, int64_t now_ns);    // end of the first transfer
// After a window: what has come, and what the window asked of the links. work->ended: those that are through.
void tw_transit_pass(const TwPlant *plant, void *block, TwTransitWork *work, int64_t from_ns, int64_t until_ns);

// Weights of a rack, or of a replica, on their way from storage; false: too many are under way.
bool tw_transit_load(const TwPlant *plant, void *block, TwHaul haul, int target);
void tw_transit_stop(const TwPlant *plant, void *block, TwHaul haul, int target);

const TwTransit *tw_transit_of(const TwPlant *plant);
const struct TwCrossings *tw_transit_crossings(const TwPlant *plant);    // twin/crossing.h
// Links by how full they were: the fullest first. Returns rows written.
typedef struct TwTransitLink {
    char name[48];
    double capacity_bytes_s, mean, most;
} TwTransitLink;
// What the run sends now: out of the cards of all racks, B/s, and how full the fullest link is.
void tw_transit_load_now(const TwPlant *plant, const void *block, double *sent_bytes_s, double *fullest);
int tw_transit_fullest(const TwPlant *plant, const void *block, TwTransitLink *rows, int most);

// How full every cable of the scale-out fabric is with what the run itself sends, for a view: read only, from any state
// of the plant. Links are those of models/network/graph.h, `graph`, each direction of its own; its functions name them
// and list those of a switch (tw_graph_link_name, tw_graph_leaf_links, ...). The cards of a rack, the live cables above
// its leaves and those above its pod are loaded alike, in proportion to what they carry (models/network/map.h); what is
// out of service carries nothing.
typedef struct TwTransitView {
    const TwPlant *plant;
    const struct TwGraph *graph;    // NULL: a drawn fabric, links of plant->wiring
    int link_count;
    const double *capacity_bytes_s;    // [link] when whole
    double *up;                        // [link] in service now: 1, 0, or the cables that are left of a bundle
    double *now_bytes_s;               // [link] long transfers and, as of the last exchange tick, the short ones
    double *mean_bytes_s;              // [link] since the start of the run
    double *most_bytes_s;              // [link] in its fullest window
    int *of;                           // [link] link of the running network; -1: none
    struct TwLoss *lost;
    double *whole;    // [link of the running network] what lives of it
} TwTransitView;
// NULL: the facility has no fabric, or one beyond what a graph holds.
TwTransitView *tw_transit_view_create(const TwPlant *plant);
void tw_transit_view_destroy(TwTransitView *view);
// Fills up, now, mean and most from a state's block.
void tw_transit_view_read(TwTransitView *view, const void *block);
