// Voltages of the tree as it stands: the radial AC power flow over the elements that are energised (radial.h).
//
// Elements with an impedance (vk_fraction, or length and ohm/km) are branches; their copper loss comes from the
// current, and a of their law stays as the loss at no load. What other elements lose is a load at their input. Racks
// and loads are constant power at power_factor; a ups draws at unity and passes no reactive power. Sources stand at 1
// pu.
#pragma once

#include "models/power/power.h"

typedef struct TwVolts {
    double *v_pu, *amps, *p_w, *q_var, *loss_w, *drop_v_pu;    // [element] at its output; p, q into it; 0 where dead
    double *base_v;                                            // [element] NaN where no voltage is given
    int turns;                                                 // of the sweep; 0: no solution
    int lowest;                                                // element of lowest voltage
    double loss_sum_w;
    int room;    // elements that the arrays hold; kept from call to call, with the voltages as a start
    struct TwVoltsWork *work;
} TwVolts;

// Of the flows last settled; *volts is zeroed before the first call. False: no solution: voltage collapse.
bool tw_power_volts(const TwPower *power, void *block, double power_factor, TwVolts *volts);
void tw_volts_free(TwVolts *volts);
