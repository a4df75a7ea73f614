// A machine of nodes behind conversion stages: chassis, racks and cooling groups of a supercomputer, power only.
//
//     P_node    = sum over devices: count (idle + (most - idle) busy share)
//     P_s       = (P_node + k_n) / eta_n                       converter of each node
//     P_chassis = sum of P_s + switches                        fed at the rectifier output
//     P_in      = n ((P_chassis / n + k_r) / eta_r)            n rectifiers share a chassis equally
//     total     = sum of P_in + cooling unit of each group
// The form (P_out + k) / eta and the numbers of Frontier are those of ExaDigiT RAPS (references specification, section
// 2). Loss laws apply to each physical converter, never to sums. Left out: voltage, limits, the tree above the racks.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef enum TwFollows { TW_CONSTANT, TW_FOLLOWS_CPU, TW_FOLLOWS_GPU } TwFollows;

typedef struct TwDevice {
    double count, idle_w, most_w;    // one of them
    TwFollows follows;
} TwDevice;

// P_in = (P_out + constant_w) / efficiency of one converter.
typedef struct TwConverter {
    double constant_w, efficiency;
} TwConverter;

enum { TW_DEVICES = 16 };

typedef struct TwMachineSpec {
    int group_count, racks_per_group, chassis_per_rack, nodes_per_chassis;
    const int *missing_racks;    // numbers from 0 of racks that are not there
    int missing_count;
    TwDevice devices[TW_DEVICES];
    int device_count;
    TwConverter node, rectifier;
    int rectifiers;    // of a chassis
    bool staged;       // only as many are on as keep each at best_w or below
    double best_w;
    int switches;    // of a chassis
    double switch_w, group_w;
    double liquid_fraction;    // of what enters the racks
} TwMachineSpec;

typedef struct TwMachine TwMachine;

// Watts of this instant.
typedef struct TwMachinePower {
    double node_w, node_loss_w, switch_w, rectifier_loss_w, rack_w, group_w, total_w;
    double liquid_w;
    int busy_nodes;
} TwMachinePower;

// All nodes idle, for a spec that has been checked.
TwMachine *tw_machine_create(const TwMachineSpec *spec);
void tw_machine_destroy(TwMachine *machine);
// How many there are, without those of missing racks.
int tw_machine_nodes(const TwMachine *machine);
int tw_machine_racks(const TwMachine *machine);
int tw_machine_groups(const TwMachine *machine);

// Gives `nodes` idle nodes, lowest first, to a load; false: that many are not idle. The load's number is the caller's,
// from 0; cu and gu: CPUs and GPUs of a node that work, numbers of devices and no shares.
bool tw_machine_take(TwMachine *machine, int load, int nodes, double cu, double gu);
// The load's nodes, of which it has `nodes`, are idle again.
void tw_machine_give_back(TwMachine *machine, int load, int nodes);

// Settles what changed since and reports; group_w and rack_w may be NULL.
TwMachinePower tw_machine_power(TwMachine *machine, double *rack_w, double *group_w);
