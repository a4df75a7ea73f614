// Losses of the scale-out fabric that a facility's events script (lose_leaf, lose_spine, lose_core, lose_rail,
// lose_plane, lose_link, lose_optic), and what remains after each: computed when the plant is compiled, looked up while
// it runs. Switches that fail by themselves or have no supply come on top.
#pragma once

#include "models/network/loss.h"
#include "twin/plant.h"

// The fabric between two events.
typedef struct TwFabricStep {
    TwRemains remains;
    double throughput;    // of the whole fabric's
    double slowest;       // host, share of what it has in the whole fabric
    double transfer_s;    // KV cache of 4.5 GiB between the slowest hosts, as tokenworks network has it
    double power_w;       // switches in service with their optics
} TwFabricStep;

// Reads an event; false: errors were added. Called while events are compiled.
bool tw_fabric_event(TwPlant *plant, const TwNode *node, const char *word, int64_t plane, int64_t index, int *loss,
                     TwErrors *errors);
bool tw_fabric_word(const char *word);
const char *tw_fabric_name(const TwPlant *plant, int loss);    // "leaf3"
// After the events are in order: what remains after each.
bool tw_fabric_compile(TwPlant *plant, TwErrors *errors);
void tw_fabric_layout(TwPlant *plant, TwLayout *layout);
void tw_fabric_start(const TwPlant *plant, void *block);

// Parts of a kind (TwLossKind: leaf, spine, core, link, optic) that may fail by themselves; makes ready for it. 0:
// there are none.
int tw_fabric_parts(TwPlant *plant, int kind, TwErrors *errors);
void tw_fabric_part(const TwPlant *plant, int kind, int part, char *text, size_t size);    // "leaf 3"
int tw_fabric_choices(const TwPlant *plant, int kind);    // of a plane; tw_fabric_parts came before
int tw_fabric_planes(const TwPlant *plant);
// One of them goes out or comes back; what remains.
const TwFabricStep *tw_fabric_change(const TwPlant *plant, void *block, int kind, int part, bool out, int64_t now_ns);

// Share of its line rate that the slowest host keeps if this part went out too; whether it is out by itself now.
double tw_fabric_without(const TwPlant *plant, void *block, int kind, int part);
bool tw_fabric_is_out(const TwPlant *plant, const void *block, int kind, int part);

// How often what is out has changed; what is out now, into lost[tw_fabric_lost_most]; how many.
int64_t tw_fabric_changes(const TwPlant *plant, const void *block);
int tw_fabric_lost_most(const TwPlant *plant);
int tw_fabric_lost(const TwPlant *plant, const void *block, TwLoss *lost);

// A scripted loss by itself, whatever the file has before it.
void tw_fabric_script(const TwPlant *plant, void *block, int loss, bool out, int64_t now_ns);

// What feeds the switches from now on, load_on[load of the power model]: leaves without supply carry nothing, as if
// they were lost; without that of fabric.from nothing does, or with leaves_from = "racks" nothing above the leaves.
void tw_fabric_supply(const TwPlant *plant, void *block, const double *load_on, int64_t now_ns);

// A loss begins or ends now.
void tw_fabric_happen(const TwPlant *plant, void *block, int64_t now_ns);
const TwFabricStep *tw_fabric_now(const TwPlant *plant, const void *block);    // NULL: nothing is scripted
int tw_fabric_step(const TwPlant *plant, const void *block);    // how many scripted events of it have been
// Switches and optics in service, storage and in-band networks with them.
double tw_fabric_power_w(const TwPlant *plant, const void *block);
// Mean over the run and least of the throughput; the slowest host and longest transfer at any time.
void tw_fabric_sums(const TwPlant *plant, const void *block, int64_t now_ns, double *mean, double *least,
                    double *slowest, double *transfer_s, double *residual);
