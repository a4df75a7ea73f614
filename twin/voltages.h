// Voltages inside a run: the AC power flow of the tree (models/power/volts.h) every `every_s`, and after every
// switching.
//
// What it finds goes back into the books: lines and transformers lose by their current until the next solution, closed
// rings share as it says. Every solution begins from 1 pu, so that a fork finds the same. Where there is none, the
// sample is flagged and told, losses go back to their laws, and the run goes on.
#pragma once

#include "models/power/volts.h"
#include "twin/plant.h"

extern const TwKind tw_voltages_kind;    // group `voltages`

typedef struct TwVoltagesRow {
    double every_s, power_factor;
    bool losses;
} TwVoltagesRow;

// What a run reports of them; lies in the block.
typedef struct TwVoltageSums {
    int64_t solved, unsolved, lowest_ns, next_ns, changes;
    double lowest_pu, loss_j, span_s;    // of all solutions; energy lost in series impedances and the time it is over
    double loss_w;                       // of the last solution
    int32_t lowest, entry;               // element; of the story, while there is no solution
    int32_t reversed, worst_turns;
} TwVoltageSums;

bool tw_voltages_wanted(const TwPlant *plant);
void tw_voltages_compile(TwPlant *plant, TwErrors *errors);
void tw_voltages_layout(TwPlant *plant, TwLayout *layout);
void tw_voltages_start(const TwPlant *plant, void *block);
// After a window that ended at now_ns. volts: memory of the running factory.
void tw_voltages_window(const TwPlant *plant, void *block, TwVolts *volts, int64_t now_ns, double window_s);
const double *tw_voltages_pu(const TwPlant *plant, const void *block);    // [element] of the last solution; NaN: none
const TwVoltageSums *tw_voltages_sums(const TwPlant *plant, const void *block);
