// Voltages of the tree as it stands: the radial AC power flow over the elements that are energised (radial.h).
//
// Elements with an impedance (vk_fraction, or length and ohm/km) are branches; their copper loss comes from the
// current, and a of their law stays as the loss at no load. What other elements lose is a load at their input. Racks
// and loads are constant power at power_factor; a ups draws at unity and passes no reactive power. Sources stand at 1
// pu. Closed rings, and trees that the sweep does not settle, go to Newton-Raphson; the shares that a ring's sources
// then have are those by which the sweep of losses splits its power until the next solution (0 to 1: power that only
// passes through shows in the solution alone).
#pragma once

#include "models/power/power.h"

typedef struct TwVolts {
    double *v_pu, *amps, *p_w, *q_var, *loss_w, *drop_v_pu;    // [element] at its output; p, q into it; 0 where dead
    double *share;                                             // [element] of closed rings: part of the first source
    double *base_v;                                            // [element] NaN where no voltage is given
    int turns;                                                 // of the sweep or Newton; 0: no solution
    int lowest;                                                // element of lowest voltage
    int reversed;                                              // sources of closed rings into which power flows back
    bool fresh;                                                // in: start from 1 pu, whatever the last answer was
    double loss_sum_w;
    int room;    // elements that the arrays hold; kept from call to call, with the voltages as a start
    struct TwVoltsWork *work;
} TwVolts;

// Of the flows last settled; *volts is zeroed before the first call. False: no solution: voltage collapse.
bool tw_power_volts(const TwPower *power, void *block, double power_factor, TwVolts *volts);
void tw_volts_free(TwVolts *volts);
void tw_power_volts_prepare(const TwPower *power, TwVolts *volts);    // arrays beforehand

// Rings share as this solution has it, and lines and transformers lose what their current did in this solution, over
// the square of their output, until the next; not solved: back to their laws.
void tw_power_take_volts(const TwPower *power, void *block, const TwVolts *volts, bool solved, bool losses);
void tw_power_settle_again(const TwPower *power, void *block);        // flows of this instant under these losses
int64_t tw_power_changes(const TwPower *power, const void *block);    // how often what is energised became another
