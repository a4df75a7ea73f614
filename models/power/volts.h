// Voltages of the tree as it stands: the radial AC power flow over the elements that are energised (radial.h).
//
// Elements with an impedance (vk_fraction, or length and ohm/km) are branches; their copper loss comes from the
// current, and a of their law stays as the loss at no load. What other elements lose is a load at their input. Racks
// and loads are constant power at power_factor; a ups draws at unity and passes no reactive power. Sources stand at 1
// pu. Loops are broken at the element that closes them, whose current closes them again (volts_loops.c). What a
// solution finds in them is what the sweep of losses takes until the next: the share of the first source of a board
// that two carry (0 to 1), what passes through beyond that, and what lines that close loops give. Newton-Raphson is
// the second engine, for a check and, where asked for, for what the sweep does not settle.
#pragma once

#include "models/power/power.h"

typedef struct TwVolts {
    double *v_pu, *amps, *p_w, *q_var, *loss_w, *drop_v_pu;    // [element] at its output; p, q into it; 0 where dead
    double *share, *through_w, *link_w;                        // [sorted element] of loops (inner.h)
    double *base_v;                                            // [element] NaN where no voltage is given
    int turns;                                                 // of the sweep or Newton; 0: no solution
    int lowest;                                                // element of lowest voltage
    int reversed;                                              // sources of closed rings into which power flows back
    bool fresh;                                                // in: start from 1 pu, whatever the last answer was
    bool may_newton, newton;    // in: where the sweep finds none, Newton-Raphson, which allocates; out: it was
    double loss_sum_w;
    int room;    // elements that the arrays hold; kept from call to call, with the voltages as a start
    struct TwVoltsWork *work;
} TwVolts;

// Of the flows last settled; *volts is zeroed before the first call. False: no solution: voltage collapse.
bool tw_power_volts(const TwPower *power, void *block, double power_factor, TwVolts *volts);
void tw_volts_free(TwVolts *volts);
// Largest distance of the last voltages from those of Newton-Raphson, pu; NaN: that finds none. Allocates.
double tw_power_volts_check(TwVolts *volts);
void tw_power_volts_prepare(const TwPower *power, TwVolts *volts);    // arrays beforehand

// Rings share as this solution has it, and lines and transformers lose what their current did in this solution, over
// the square of their output, until the next; not solved: back to their laws.
void tw_power_take_volts(const TwPower *power, void *block, const TwVolts *volts, bool solved, bool losses);
void tw_power_settle_again(const TwPower *power, void *block);        // flows of this instant under these losses
int64_t tw_power_changes(const TwPower *power, const void *block);    // how often what is energised became another
