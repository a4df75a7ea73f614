// AC power flow of one electrical case, balanced: which voltages and flows satisfy every load.
//
// Everything in per unit on base_va. Branch: series r + jx, total charging jb half at either end, and an ideal ratio
// t = ratio * exp(j shift) at its `from` end. Loads are ZIP: P = P0 (p + i V + z V^2), Q likewise.
//     S_i = V_i conj(sum_j Y_ij V_j) = generation_i - load_i(V_i) at every bus
// Two engines: backward-forward sweep (radial.h) for one source and loads in a tree, Newton-Raphson in polar form with
// KLU for meshes, several sources and voltage control (power specification 5.2, 5.3). Left out: harmonics, unbalance
// (feeder.h has three phases), remote voltage control, automatic tap changers.
#pragma once

#include "sim/error.h"

typedef enum TwBusKind { TW_BUS_PQ = 1, TW_BUS_PV = 2, TW_BUS_SLACK = 3, TW_BUS_OUT = 4 } TwBusKind;

typedef struct TwFlowBus {
    int id;    // as in the file
    TwBusKind kind;
    double p, q;        // load at 1 pu
    double g, b;        // shunt admittance
    double v, angle;    // start, and the set point of a slack bus; radians
    double base_v;      // line to line, V; 0: unknown
    int line;           // in the file
} TwFlowBus;

typedef struct TwFlowBranch {
    int id, from, to;    // id as in the file; ends as indices of buses
    double r, x, b;
    double ratio, shift;    // at the from end; 1 and 0 for a line
    double rating;          // apparent power, pu; 0: none
    bool closed;
    int line;    // in the file
} TwFlowBranch;

typedef struct TwFlowGen {
    int bus;
    double p, q, v;    // set points
    double q_min, q_max;
    bool on;
    int line;
} TwFlowGen;

enum { TW_FLOW_NOTES = 6 };

typedef struct TwFlowCase {
    char name[64], file[512];
    double base_va;
    double share_i, share_z;    // of every load: constant current, constant impedance; the rest is constant power
    int bus_count, branch_count, gen_count;
    TwFlowBus *buses;
    TwFlowBranch *branches;
    TwFlowGen *gens;
    double *expected_v;                // [bus] magnitudes that the file itself expects, NaN where none; NULL
    char notes[TW_FLOW_NOTES][160];    // what the reader left out or took as given
    int note_count;
} TwFlowCase;

// How a CSV case is read: what the file cannot say.
typedef struct TwFlowFile {
    double base_v, base_va, slack_v;    // V, VA, pu
    const char *closed;                 // which of the columns closed_*: "base"; "all": every branch
    int slack;                          // bus, 0: the one that nothing supplies
} TwFlowFile;

// CSV of branches (header as docs/power.md) or a MATPOWER case (.m). False: *error holds file and line.
bool tw_flow_read(TwFlowCase **flow, const char *path, const TwFlowFile *how, TwError *error);
bool tw_flow_read_csv(TwFlowCase **flow, const char *path, const TwFlowFile *how, TwError *error);
bool tw_flow_read_matpower(TwFlowCase **flow, const char *path, TwError *error);
TwFlowCase *tw_flow_case_create(int buses, int branches, int gens);
void tw_flow_case_destroy(TwFlowCase *flow);
void tw_flow_case_note(TwFlowCase *flow, const char *format, ...) TW_PRINTF(2, 3);
// Values, set points and sources; buses without a generator in service stop holding voltage.
bool tw_flow_check(TwFlowCase *flow, TwError *error);
#define TW_FLOW_LENGTH(array) (sizeof(array) / sizeof *(array))

typedef enum TwFlowMethod { TW_FLOW_AUTO, TW_FLOW_SWEEP, TW_FLOW_NEWTON } TwFlowMethod;

typedef struct TwFlowResult {
    TwFlowMethod method;    // that gave the answer
    bool converged;
    int iterations;
    double mismatch;                          // largest |S_spec - S_calc| of the answer, pu
    double *v, *angle;                        // [bus]; 0 and 0 where dead
    double *p_gen, *q_gen;                    // [bus] injected by sources
    double *p_load, *q_load;                  // [bus] at the solved voltage
    double *p_from, *q_from, *p_to, *q_to;    // [branch] into the branch at either end
    bool *dead;                               // [bus] no source reaches it
    bool *q_limited;                          // [gen]
    double loss_p, loss_q;                    // of series impedances, I^2 (r + jx)
    double charging_q;                        // given by line charging
    double shunt_p, shunt_q;
    int lowest;          // bus of lowest voltage of those alive
    char reason[160];    // why there is no solution
    int q_beyond;        // generators outside their reactive limits, where those were not enforced
} TwFlowResult;

typedef struct TwFlowOptions {
    TwFlowMethod method;
    double tolerance;    // 0: 1e-10 pu of voltage for the sweep, 1e-9 pu of power for Newton
    bool q_limits;       // generators keep their reactive limits: a PV bus that meets one becomes PQ
} TwFlowOptions;

// False: no solution; the result then says why and where, and holds no voltages to be used.
bool tw_flow_solve(const TwFlowCase *flow, const TwFlowOptions *options, TwFlowResult *result);
void tw_flow_result_destroy(TwFlowResult *result);
bool tw_flow_is_radial(const TwFlowCase *flow);    // one source, no voltage control, no loop
