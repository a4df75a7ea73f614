// The compiled factory: read only once built, shared by all states and threads.
//
// Compiling reads the facility file, resolves parts and references, hands each model its specification, lays the state
// of all models out in one block, and checks everything that can be checked before anything runs.
#pragma once

#include "models/network/network.h"
#include "models/operations/money.h"
#include "models/power/power.h"
#include "models/thermal/thermal.h"
#include "models/workload/chip.h"
#include "models/workload/jobs.h"
#include "models/workload/workload.h"
#include "sim/arena.h"
#include "sim/event.h"
#include "sim/random.h"
#include "sim/record.h"
#include "twin/facility.h"
#include "twin/shelf.h"

// A rack as the coupling needs it.
typedef struct TwRackPlan {
    char name[TW_NAME];
    const char *part, *hall, *feed_name, *cdu_name;
    int element, cdu;                   // what it hangs on; -1: air
    int64_t gpus, serving_gpus;         // installed; in replicas
    int domain_gpus;                    // of an NVLink domain of it
    int *domain_used;                   // [domain] GPUs in replicas
    const TwNetwork *network;           // as its GPUs find it: their domain, their collectives, their cards
    double gpu_limit_w, gpu_idle_w;     // one GPU: board limit, without a model
    double host_idle_w, host_peak_w;    // at the busbar
    double peak_w;                      // at the AC input
    double max_q_w;                     // the same under the Max-Q profile; NaN: unknown
    double slowdown_degc;               // of its chips
    double x_m, y_m;
    int priority;
    const int *cords;    // elements; NULL: one cord
    int cord_count;
    double weight_bytes;     // of all its replicas
    double replica_bytes;    // of the heaviest replica, a GPU of it
} TwRackPlan;

typedef struct TwPoolPlan {
    char name[TW_NAME];
    const char *model, *precision, *lengths, *trace;
    const char *chip;        // part of the racks that it decodes on
    bool mixture;            // of experts
    const char *engine;      // that it names, with its release; NULL: none
    int64_t kv_blocks_16;    // of a replica, as the engine takes them
    int gpus, tensor_parallel, attention_ranks, expert_parallel, pipeline_parallel;    // gpus: of a replica
    int replicas, cells, max_tokens, max_sequences;
    const int *replica_rack;                          // [replica] of the pool: of its first part
    const int *part_first, *part_rack, *part_gpus;    // [replica + 1]; [part] racks that it lies in
    double ttft_slo_s, tpot_slo_s;
    double timeout_s, leave_s;                 // clients who do not stay, where their class does not say
    double rate_s, input_mean, output_mean;    // expected of the generator; NaN for a trace
    int prefill_replicas;                      // that compute prompts alone, counted in `replicas`
    int prefill_gpus;                          // of one of those
    const bool *replica_prefill;               // [replica] of the pool: which they are
    int service_count;                         // classes of service
    const char *service_names[TW_SERVICES];
    TwServiceLimit services[TW_SERVICES];
    double kv_keep_s;    // of its classes; 0: no bound
    bool kv_drops;
    bool shares;                               // requests have contents in common
    int *replica_group;                        // [replica] leaf group it is on, most of it
    double link_bytes_s, link_latency_s;       // of KV hand-over, as set; 0: the network cards
    double tier_block_bytes;                   // of a block of a remote cache tier; 0: there is none
    const TwStepModel *step, *prefill_step;    // of the shelf
    TwTraffic *traffic;
} TwPoolPlan;

// A pool that lends replicas to jobs (twin/jobs.h).
typedef struct TwLendPlan {
    int pool;
    double keep_fraction, lead_s;
    double full_rate_s;    // requests per second at which all replicas are needed
} TwLendPlan;

typedef enum TwEventKind {
    TW_EVENT_TARGET,
    TW_EVENT_TARGET_END,
    TW_EVENT_LOSE,
    TW_EVENT_RESTORE,
    TW_EVENT_SUPPLY,
    TW_EVENT_PUMP,
    TW_EVENT_PUMP_END,
    TW_EVENT_READY,      // replicas that loaded their weights serve again
    TW_EVENT_REPLICA,    // the same for one replica whose GPU was mended
    TW_EVENT_LOAD,       // engines have booted: racks begin to load their weights
    TW_EVENT_DIP,        // voltage dip; value: voltage left
    TW_EVENT_DIP_END,
    TW_EVENT_RETURN,    // a store takes its supply again
    TW_EVENT_RESET,     // of a store that latched
    TW_EVENT_OUT,       // planned: out of service
    TW_EVENT_OUT_END,
    TW_EVENT_FABRIC,    // a loss of the fabric begins; twin/fabric.h
    TW_EVENT_FABRIC_END,
    TW_EVENT_TRAFFIC,    // of all pools; value: times what it would be
    TW_EVENT_TRAFFIC_END,
    TW_EVENT_SLOW,    // a rack's replicas; value: times as long as they should take
    TW_EVENT_SLOW_END,
    TW_EVENT_FAIL,    // twin/failures.h from here
    TW_EVENT_SWAPPED,
    TW_EVENT_REPAIRED,
    TW_EVENT_RESTOCK,
    TW_EVENT_MAINTAIN,
    TW_EVENT_MAINTAIN_END,
    TW_EVENT_COOLING = 1000    // + TwThermalAct: what happens to the cooling plant
} TwEventKind;

typedef struct TwEventPlan {
    TwEventKind kind;
    int64_t at_ns;
    int target;        // element or CDU
    int64_t for_ns;    // of a dip
    double value;      // W, degC, pu
    bool firm;         // of a load target: no best effort
    int pair;          // entry of the file: what begins and what ends it share it
    bool more;         // another of an entry's `elements`: not the first
} TwEventPlan;

// What may break, who mends it, what is taken out as planned (twin/failures.h).
typedef enum TwVictims {
    TW_VICTIM_GPU,
    TW_VICTIM_RACK,
    TW_VICTIM_ELEMENT,
    TW_VICTIM_PUMP,
    TW_VICTIM_SUPPLY,     // one power supply of a rack
    TW_VICTIM_SHELF,      // all supplies of one of its shelves
    TW_VICTIM_COOLING,    // an act on a CDU or on the plant
    TW_VICTIM_FABRIC      // a leaf, spine, core, link or optic
} TwVictims;

typedef struct TwFailureClass {
    char name[TW_NAME];
    TwVictims victims;
    int count;           // parts that may fail
    const int *parts;    // [count] elements or CDUs; NULL: all of them in order
    const int *first;    // [rack + 1] of supplies or shelves
    int act;             // TwThermalAct, TwLossKind
    double value;        // of the act
    double mtbf_h, shape, mttr_h, deviation, swap_h, lead_h;
    int crew;      // -1: none needed
    int spares;    // -1: as many as asked for
    TwStream stream;
    TwSlot timer_ns;    // [count] of a Weibull class
} TwFailureClass;

typedef struct TwCrew {
    char name[TW_NAME];
    int count;
} TwCrew;

typedef enum TwWork { TW_WORK_ELEMENT, TW_WORK_RACK, TW_WORK_CDU, TW_WORK_FABRIC } TwWork;

typedef struct TwMaintenance {
    TwWork on;
    int loss;       // TwLossKind, of the fabric
    int element;    // or rack, CDU, part of the fabric
    const char *name;
    int64_t at_ns, for_ns, every_ns;    // every_ns 0: once
    bool force;
} TwMaintenance;

typedef struct TwFailurePlan {
    int class_count, crew_count, maintenance_count;
    TwFailureClass *classes;
    TwCrew *crews;
    TwMaintenance *maintenance;
    TwSlot head, tickets, draws, crew_free, spare_free;    // [1], [TICKETS], [class], [crew], [class]
    TwSlot working;                                        // [maintenance] what is out for it
    TwSlot work_carried;                                   // [maintenance] other CDUs stand in: no rack is shut down
    TwSlot reach_out, reach_alive;                         // [element] where work is planned: to see what it would stop
    const struct TwPowerRing *ring;                        // [element] the same
    TwSlot replica_down, down_gpus, rack_down;             // [replica], [rack], [rack]
} TwFailurePlan;

// Prices and carbon by time (twin/accounts.h).
// A series by time since the start of the run; the value of a row holds until the next.
typedef struct TwSeriesFile {
    int count;
    const double *time_s, *value;
} TwSeriesFile;

typedef struct TwAccountsPlan {
    int hour_count;
    TwPriceHours *hours;
    TwSeriesFile price, carbon;
    double carbon_hour_g_kwh[24];
    TwSlot state;
} TwAccountsPlan;

// Losses of the fabric that events script (twin/fabric.h).
struct TwGraph;
typedef struct TwFabricPlan {
    struct TwGraph *graph;    // NULL: no event needs it
    struct TwLoss *losses;
    const char **names;            // "leaf 3"
    struct TwFabricStep *steps;    // the whole fabric, then after each event of it in order
    int loss_count, step_count;
    int may_fail[8], random_most;    // parts of each kind that may go by themselves; losses at once, at most
    TwSlot state, dark;              // [group of leaves + 1] without supply; the last: what hangs on fabric.from
    TwSlot random, active, work;     // twin/fabric.c
} TwFabricPlan;

// Rows of racks and the leaves that stand in them (twin/rows.h).
typedef struct TwRowsPlan {
    int row_count, group_count, load_count;    // rows: the network row last; loads of leaves
    int planes, leaves, rails;                 // leaves: of a plane
    const char **names;                        // [row]
    const int *rack_row;                       // [rack]
    int *group_row, *group_load;               // [group of leaves] its electrical load, 0: the fabric's
    const char **load_names;
    int *load_element;    // [load of leaves]
    TwSlot changes, live, lost, rack_j, network_j, room_j;
} TwRowsPlan;

// Where the story lies in the block (twin/story.h).
typedef struct TwStorySlots {
    int room;                                  // of the log
    TwSlot head, entries, acts;                // acts: how many of the power model are told
    TwSlot breach, breach_seen_ns, reached;    // [element] of load targets
    TwSlot mode, mode_now, act, element, below, target, overload, overload_seen_ns;    // [element]
    TwSlot load_on, cdu;                                                               // [load], [cdu]
    TwSlot rack, rack_part, rack_fresh, ready_ns, boot_ns, rate, rate_s;               // [rack]
} TwStorySlots;

struct TwWavePlan;       // twin/waves.h
struct TwPolicyPlan;     // twin/policies.h
struct TwVoltagesRow;    // twin/voltages.h
struct TwTransitPlan;    // twin/transit.h

typedef struct TwPlant {
    struct TwWavePlan *waves;
    struct TwPolicyPlan *policies;
    struct TwVoltagesRow *voltages;
    struct TwTransitPlan *transit;
    int wave_count, policy_count;
    TwArena *arena;
    TwShelf *shelf;    // what it shares with other plants
    bool own_shelf;    // with none
    int held_count, held_room;
    TwShelved **held;
    TwConfig *config;
    char facility[TW_NAME];    // file name without folder and suffix
    const char *path;          // the file as it was given
    const char *title;
    TwSiteRow site;
    TwTariffRow tariff;
    TwCappingRow capping;
    TwRestartRow restart;
    TwStorageRow storage;
    TwRideRow ride;
    TwFailurePlan failures;
    TwFabricPlan fabric;
    TwRowsPlan rows;
    TwAccountsPlan accounts;
    double rack_scale;           // of run.rack_scale
    const double *meter_bias;    // [element] under capping in bands
    TwRunRow run;
    double exchange_s;
    char start[32];
    double start_of_year_s, start_of_week_s;    // calendar of time zero

    int rack_count, element_count, cdu_count, load_count, pool_count, event_count, event_pairs;
    const char **rack_names;    // [rack]
    TwRackPlan *racks;
    const char **element_names;
    TwElementRow *elements;
    const char **cdu_names;
    TwPoolPlan *pools;
    TwEventPlan *events;
    const char **load_names;    // power loads: fabric, those of the thermal model, leaves fed where racks are
    const int *load_element;    // [load] what it hangs on
    int64_t gpu_count, serving_gpus;
    int replica_count;
    const int *replica_rack, *replica_gpu;            // [replica] where it is; its first GPU, counted over all replicas
    const int *replica_gpus;                          // [replica]
    const int *part_first, *part_rack, *part_gpus;    // [replica + 1]; [part] racks that it lies in, GPUs in each
    const double *replica_load_s;                     // [replica] to load its weights over an idle network and warm up
    const double *replica_weight_bytes;               // [replica] of all its GPUs

    const TwWeather *weather;
    TwThermal *thermal;
    const double *cdu_suction_min_pa;    // [cdu]
    TwPower *power;
    struct TwDrawn *wiring;    // the fabric where it is drawn link by link, else NULL (twin/wiring.h)
    const int *wiring_row;     // [entry] of wiring.links that it comes from
    TwNetwork *network;        // the fabric, hosts and domains as those of the first rack
    int rack_network_count;
    TwNetwork **rack_networks;      // of racks whose domain, chip or cards are others
    TwNetwork *side_networks[2];    // storage, in-band; NULL: the facility lists none
    TwWorkload *workload;
    TwWorkload *exact;             // request by request in all router cells, where `workload` does not; NULL: the same
    bool fluid;                    // `workload` is a flow: no latencies
    size_t exact_bytes;            // of a block with the traffic and both
    TwJobs *jobs;                  // NULL: none
    int *rack_kind, rack_kinds;    // [rack] of GPUs, domain and cards, as jobs find them
    const TwTraffic **rollouts;    // [job] class that generates its sequences, or NULL
    int lend_count;
    TwLendPlan *lends;
    struct {
        TwSlot closed, ready_s;                          // [replica] 1 closed, 2 lent; when it serves again
        TwSlot free_gpus, held_gpus, gpu_w, demand_w;    // [rack]
        TwSlot lent_gpu_s;                               // [1]
        TwSlot rolled, released;                         // [job] TwRolled; batches of rollouts let go
        TwSlot told;                                     // [job] what the story has said of it
    } job_slot;

    int planner_count;
    struct TwPlanner **planners;    // [pool] NULL: all its replicas serve (twin/planners.h)
    struct {
        TwSlot down, closed, resting_gpus;    // [replica], [replica], [rack]
    } planner_slot;

    TwRecordPlan record;
    int service_group, headline_group, switch_group;    // booked at the ends of their intervals
    TwEventQueue queue;                                 // what is to come, scripted and injected
    size_t state_bytes;
    size_t power_bytes;                   // of a block that holds the power model's state
    size_t thermal_begin, thermal_end;    // what the thermal model has of the state
    struct {
        TwSlot meters, grant_w, want_w, extra_ratio, steady_j, steady_tokens, clock_fraction, rack_on, rack_w,
            device_demand_w, load_on, load_w;
        TwSlot binding_s, target_w, loading_peak, held_by;
        TwSlot serving;                      // [rack] energised and its replicas loaded
        TwSlot out;                          // [element] how many reasons keep it out of service
        TwSlot dips;                         // [element] TwDips of a store
        TwSlot latched;                      // [element]
        TwSlot offered_w, runs;              // [element] twin/dispatch.h
        TwSlot begun;                        // [event pair] it began
        TwSlot supplies;                     // [rack] live: twin/supplies.h
        TwSlot voltage, voltage_pu;          // [1], [element] twin/voltages.h
        TwSlot flex, flex_out, flex_dark;    // [element], [rack], [rack] twin/flex.h
        TwSlot flex_list, flex_hint, flex_hint_w,
            flex_told;                         // [rack]: those of one action; element of its hint + 1, W
        TwSlot heat_off, heat_off_s;           // [rack] twin/heat_watch.h
        TwSlot band, band_held, band_entry;    // [element] twin/capping.h
        TwSlot uptime;                         // twin/uptime.h
        TwSlot watched;                        // [pool] twin/saturation.h
        TwStorySlots story;
    } slot;    // the twin's own arrays
} TwPlant;

typedef struct TwPlantInput {
    const char *path;
    const char *const *sets;    // "path=value"
    int set_count;
    int threads;    // 0: all
} TwPlantInput;

bool tw_plant_create(TwPlant **plant, const TwPlantInput *input, TwErrors *errors);
// The same from a shelf of what other plants have too; NULL: none.
bool tw_plant_create_from(TwPlant **plant, const TwPlantInput *input, TwShelf *shelf, TwErrors *errors);
void tw_plant_destroy(TwPlant *plant);

// The replica of a GPU, counted over those of all replicas.
int tw_plant_replica_of(const TwPlant *plant, int gpu);

size_t tw_meters_bytes(void);    // twin/ledger.h

// The groups and series that a run records; the values come from tw_couple.
enum { TW_INJECTED = 256 };           // events that may be injected and still lie ahead
enum { TW_FAILURE_EVENTS = 4096 };    // failures, repairs, restarts and maintenance that lie ahead
// The first two are always there; what a facility has none of has no group.
enum { TW_GROUP_FACILITY, TW_GROUP_RACK, TW_GROUPS = 14 };
void tw_plant_record(TwPlant *plant, TwLayout *layout);    // twin/series.c
