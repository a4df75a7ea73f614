// The coolant loop of a CDU, or of several alike ones side by side on a manifold, as a network: pumps side by side,
// exchanger and filter of each CDU, mains along the row, a branch a rack.
//
//     head at design flow H = exchanger + filter + mains to the last rack and back + branch of the last rack
//     branches nearer to the CDU resist more (balancing valves), so that each rack has its design flow
//     pumps n^2 s H - (s - 1) H (V/(k V_each))^2, filter V^1.76 (1 + clog), all else V^2; solved by hydraulics.h
//
// Solved again only where a pump, a valve or the filter changes; between, all flows follow the pumps' speed. A rack's
// branch has a control valve with authority `rack_valve_authority`; opening 0 isolates the rack.
// More than 28 racks share that many places of the mains: branches of a place are joined exactly.
// Left out: elevation, and how the filter's exponent bends the law at other speeds.
#pragma once

#include "models/thermal/cdu.h"
#include "sim/error.h"

typedef struct TwLoopFlow {
    double flow;           // of the loop over design
    double pump;           // hydraulic power of the pumps over design
    double boost;          // speed of the pumps above that of the design, to hold the pressure across the row
    double changed;        // 1: flows are not those of the design
    double head_pa;        // of the pumps
    double header_pa;      // across the row at its first rack: what a differential-pressure sensor reads
    double worst;          // least flow of an open rack over its design
    double worst_index;    // that rack's place in the row; -1: none is open
} TwLoopFlow;

// One CDU of a loop: what of it does not work, and what it then carries.
typedef struct TwLoopUnit {
    int pumps_out;
    double clog;
    bool shut;            // off its manifold
    double flow, pump;    // found: flow over its design; share of the loop's pump power
} TwLoopUnit;

enum { TW_LOOP_UNITS = 16 };

// share[0 .. count-1]: flow of each rack over its design at full speed. design_m3_s and opening: [count].
bool tw_loop_solve(const TwCduRow *row, int units, TwLoopUnit *unit, int count, const double *design_m3_s,
                   const double *opening, TwLoopFlow *flow, double *share, TwError *error);
