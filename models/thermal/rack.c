#include "models/thermal/rack.h"

#include <math.h>

double tw_plate_conductance(const TwLumpsRow *row, double s)
{
    double a = row->film_fraction;
    return fmax(row->plate_coolant_w_k * s / (a + (1.0 - a) * s), row->plate_coolant_min_w_k);
}

double tw_coolant_lam(double s) { return s >= 0.25 ? 0.5 : 1.0 - 2.0 * fmax(s, 0.0); }

double tw_leakage_gain(const TwLumpsRow *row, double chip_w, double resistance_k_w, double chip_degc)
{
    return resistance_k_w * chip_w * row->leakage_fraction / row->leakage_scale_k *
           exp((chip_degc - row->leakage_degc) / row->leakage_scale_k);
}

double tw_leakage_balance(const TwLumpsRow *row, double chip_w, double resistance_k_w, double coolant_degc)
{
    // Newton from below climbs monotonically to the lower root of a convex function, if there is one
    double t = coolant_degc;
    for (int i = 0; i < 100; i++) {
        double e = exp((t - row->leakage_degc) / row->leakage_scale_k);
        double f = coolant_degc + resistance_k_w * chip_w * (1.0 - row->leakage_fraction * (1.0 - e)) - t;
        double slope = tw_leakage_gain(row, chip_w, resistance_k_w, t) - 1.0;
        if (slope >= 0.0) return NAN;
        double step = -f / slope;
        t += step;
        if (fabs(step) < 1e-12 * (1.0 + fabs(t))) return t;
    }
    return t;
}

void tw_tray_flows(int count, double header_fraction, double *flow)
{
    // Drops are squares of flows: branches, and pieces of manifold that carry what lies beyond them, there and back.
    // From the far end on, for any flow there, each branch before it has its drop and that of the piece between.
    double equal = 0.0, beyond = 0.0;
    for (int k = 0; k < count; k++) equal += (double)k * k / ((double)count * count);
    double branch = (1.0 - header_fraction) * count * count;
    double piece = count > 1 && header_fraction > 0.0 ? header_fraction / equal / branch : 0.0;
    for (int k = count - 1; k >= 0; k--) {
        flow[k] = k == count - 1 ? 1.0 : sqrt(flow[k + 1] * flow[k + 1] + piece * beyond * beyond);
        beyond += flow[k];
    }
    for (int k = 0; k < count; k++) flow[k] /= beyond;
}
