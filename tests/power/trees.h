// Small trees for the tests of the power model: elements by name, racks and loads, created with their state.
#pragma once

#include "models/power/power.h"
#include "tests/check.h"

enum { TREE_MOST = 64 };

typedef struct Tree {
    const char *names[TREE_MOST];
    TwElementRow elements[TREE_MOST];
    TwPowerRack racks[TREE_MOST];
    TwPowerLoad loads[TREE_MOST];
    int element_count, rack_count, load_count;

    TwPower *power;
    TwLayout layout;
    void *block;
    double element_w[TREE_MOST], loss_w[TREE_MOST];
    bool rack_on[TREE_MOST], load_on[TREE_MOST];
    TwPowerOut out;
} Tree;

static inline int tree_element(Tree *tree, const char *name, const char *kind, const char *from, double limit_w)
{
    int i = tree->element_count++;
    tree->names[i] = name;
    tree->elements[i] = (TwElementRow){.kind = kind,
                                       .from = from,
                                       .limit_w = limit_w,
                                       .rated_w = NAN,
                                       .charge_fraction = 1.0,
                                       .ramp_w_s = NAN,
                                       .charge_w = NAN};
    return i;
}

static inline int tree_rack(Tree *tree, int element)
{
    int r = tree->rack_count++;
    tree->racks[r] = (TwPowerRack){.name = "rack", .element = element, .peak_w = 142e3};
    return r;
}

static inline bool tree_create(Tree *tree, TwErrors *errors)
{
    TwPowerSpec spec = {tree->element_count, tree->rack_count, tree->load_count, tree->names,
                        tree->elements,      tree->racks,      tree->loads};
    if (!tw_power_create(&tree->power, &spec, &tree->layout, errors)) return false;
    tree->block = tw_block_create(&tree->layout);
    tree->out = (TwPowerOut){tree->element_w, tree->loss_w, tree->rack_on, tree->load_on, 0, 0, 0, 0, 0, 0};
    tw_power_start(tree->power, tree->block);
    return true;
}

static inline void tree_build(Tree *tree)
{
    TwErrors *errors = tw_errors_create();
    if (!tree_create(tree, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    tw_errors_destroy(errors);
}

static inline void tree_destroy(Tree *tree)
{
    tw_block_destroy(tree->block);
    tw_power_destroy(tree->power);
}

// Everything that the feeds and stores gave is a load, a loss, or in a store again.
static inline void tree_settle(Tree *tree, double window_s, const double *rack_w, const double *load_w)
{
    tw_power_settle(tree->power, tree->block, window_s, rack_w, load_w, &tree->out);
    double used = tree->out.room_loss_w + tree->out.outdoor_loss_w + tree->out.storage_w - tree->out.unserved_w;
    for (int r = 0; r < tree->rack_count; r++) used += rack_w[r];
    for (int l = 0; l < tree->load_count; l++) used += load_w[l];
    CHECK_WITHIN(used, tree->out.utility_w, 1e-12 * fmax(fabs(tree->out.utility_w), fabs(tree->out.storage_w)));
    double losses = 0.0;
    for (int i = 0; i < tree->element_count; i++) losses += tree->loss_w[i];
    CHECK_NEAR(losses, tree->out.room_loss_w + tree->out.outdoor_loss_w, 1e-12);
}

// NVIDIA's public DPS topology: eight racks under a 750 kW utility; 4 PDUs with two racks each.
static inline void tree_dps(Tree *tree)
{
    static const char *const pdus[] = {"pdu1", "pdu2", "pdu3", "pdu4"};
    tree_element(tree, "utility", "feed", "", 750e3);
    tree_element(tree, "switchboard", "board", "utility", 1600e3);
    for (int i = 0; i < 4; i++) tree_element(tree, pdus[i], "pdu", "switchboard", 450e3);
    for (int r = 0; r < 8; r++) tree_rack(tree, 2 + r / 2);
}
