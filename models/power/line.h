// A transformer and a cable by themselves: losses, magnetising power, current, voltage drop.
//
//     transformer: P_loss = P_iron V^2 + vkr S_n x^2,  Q_0 = V^2 sqrt(max(0, (i0 S_n)^2 - P_iron^2))
//     cable:       I = S / (sqrt3 V),  loss 3 I^2 R,  drop (R P + X Q) / V^2;  direct current: I = P / V, loss I^2 R
// Catalogue load losses are at 75 degC and stay there.
#pragma once

#include <stdbool.h>

typedef struct TwTransformer {
    double rated_va, vk_fraction, vkr_fraction, iron_w, i0_fraction;
} TwTransformer;

// At voltage v_pu and apparent power va >= 0 through it.
double tw_transformer_loss_w(const TwTransformer *transformer, double v_pu, double va);
// *clamped: the catalogue's no-load current is below its iron loss, and 0 stands for the root that there is not.
double tw_transformer_var(const TwTransformer *transformer, double v_pu, bool *clamped);

typedef struct TwCable {
    double voltage_v, length_km, r_ohm_km, x_ohm_km;
} TwCable;
typedef struct TwCableFlow {
    double amps, loss_w, drop_fraction;
} TwCableFlow;
TwCableFlow tw_cable_flow(const TwCable *cable, double w, double power_factor);    // three-phase; in (0, 1], lagging
TwCableFlow tw_dc_flow(const TwCable *cable, double w);    // r_ohm_km: of both conductors together
