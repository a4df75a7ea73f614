// Pumps of which only the design point is known, after Buildings' preconfigured movers (LBL, since 2023):
//
//     head over design head (1.14, 1, 0.42) at flow over design flow (0, 1, 2), a monotone cubic, straight to zero head
//     hydraulic efficiency 0.7 at half of the largest flow, elsewhere by the Euler number (Fu and others;
//     EnergyPlus 9.6, equations 16.209 on); laid down at tenths of the largest flow and interpolated
//     motor efficiency 0.7 at best, at part load by its rated power (DOE 2014); rated 1.2 times the shaft power of
//     half the largest flow at half the largest head
//     speed: flow by n, head by n^2, shaft power by n^3
//
// Left out: density of the fluid against that of the design, slip, losses of the drive beyond the motor's curve.
#pragma once

enum { TW_MOVER_HEADS = 4, TW_MOVER_POWERS = 11, TW_MOVER_LOADS = 9 };

typedef struct TwMover {
    double flow_m3_s, head_pa;                                                                       // design
    double head_at[TW_MOVER_HEADS], head[TW_MOVER_HEADS], head_slope[TW_MOVER_HEADS];                // over design
    double shaft_at[TW_MOVER_POWERS], shaft[TW_MOVER_POWERS], shaft_slope[TW_MOVER_POWERS];          // over V dp
    double motor_at[TW_MOVER_LOADS], motor[TW_MOVER_LOADS], motor_slope[TW_MOVER_LOADS], rated_w;    // efficiency
} TwMover;

TwMover tw_mover_design(double flow_m3_s, double head_pa);

// Head over design head at full speed; flow over design flow.
double tw_mover_head(const TwMover *mover, double flow);

// Flow over design flow at full speed on a square resistance: head = resistance * flow^2, both over design. At speed n
// the flow is n times this.
double tw_mover_flow(const TwMover *mover, double resistance);

// Electric power at a flow over design flow and a speed.
double tw_mover_power_w(const TwMover *mover, double flow, double speed_fraction);
