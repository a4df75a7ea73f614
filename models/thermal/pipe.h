// Straight pipes: friction by Darcy with Swamee and Jain (1976), laminar below Re 2,000, joined by a straight line in
// the friction factor up to Re 4,000; and transport of heat as plug flow with the wall as one node.
//
//     dp = (f L/D + K) rho v^2/2,   f = 0.25/log10(e/(3.7 D) + 5.74/Re^0.9)^2,   f = 64/Re laminar
//     delay = L A rho/m
//
// A plug is a ring of parcels (mass, temperature): what enters pushes the oldest out; the wall exchanges heat with the
// parcel that leaves. Left out: mixing along the pipe, buoyancy, heat loss along the way.
#pragma once

typedef struct TwPipe {
    double length_m, diameter_m, roughness_m, minor;    // minor: sum of loss coefficients
} TwPipe;

double tw_pipe_friction(double reynolds, double relative_roughness);    // f of Darcy; roughness over diameter
// Along the flow, of its sign; viscosity is dynamic. A pipe at rest drops nothing.
double tw_pipe_drop_pa(const TwPipe *pipe, double flow_m3_s, double density_kg_m3, double viscosity_pa_s);
double tw_pipe_velocity_m_s(const TwPipe *pipe, double flow_m3_s);
double tw_pipe_reynolds(const TwPipe *pipe, double flow_m3_s, double density_kg_m3, double viscosity_pa_s);    // >= 0
double tw_pipe_delay_s(const TwPipe *pipe, double flow_kg_s, double density_kg_m3);    // INFINITY at rest

// Parcels from the outlet (0) to the inlet; all doubles, so that it may lie in a state block.
enum { TW_PLUG_PARCELS = 64 };
typedef struct TwPlug {
    double count;
    double mass_kg[TW_PLUG_PARCELS], degc[TW_PLUG_PARCELS];
} TwPlug;

// One parcel of all that the pipe holds.
void tw_plug_fill(TwPlug *plug, double mass_kg, double degc);

// Pushes mass_kg at inlet_degc in; the mean temperature of what came out. Mass and heat are conserved.
double tw_plug_push(TwPlug *plug, double mass_kg, double inlet_degc);

// Mean temperature of what would leave next, without pushing.
double tw_plug_outlet_degc(const TwPlug *plug, double mass_kg);
double tw_plug_heat_kg_k(const TwPlug *plug);    // sum of mass times temperature
