// Power of a synchronous training job as it goes through steps, evaluations and stops, node by node.
//
// All ranks compute together and wait together, so the whole job draws its plateau and dips at the end of every step:
// it falls, holds, and rises with the next one. Every so many steps an evaluation runs at a lower level, its first
// second lower still. Depth and missing energy of a dip are those of 64 nodes of 8 H100 that train GPT-3 175B
// (mlcommons/training_results_v4.0, smc-ac-power, Apache-2.0); meters there average over 2 s, so the depth is a lower
// bound. Other jobs keep the share of a step's energy that is missing and the depth, with their own step and plateau.
#pragma once

#include "sim/error.h"
#include "sim/random.h"

typedef struct TwWaveform {
    double step_s;
    int steps_per_block;    // before an evaluation; 0: none
    double eval_s;
    // per node
    double plateau_w, dip_w, eval_w, eval_first_w, idle_w;
    double fall_s, hold_s, rise_s, eval_edge_s, eval_first_s;
    // of the meters and nodes
    double node_spread_fraction, noise_w, meter_s;
} TwWaveform;

// The shipped parameters of that name: "gpt3_64x8h100".
bool tw_waveform_load(TwWaveform *waveform, const char *name, TwError *error);

// For a job of another step time and plateau: depth kept, edges shortened where the step is short, missing share kept.
TwWaveform tw_waveform_scaled(const TwWaveform *of, double step_s, double plateau_w, double idle_w);

double tw_waveform_cycle_s(const TwWaveform *w);             // of a block with its evaluation
double tw_waveform_w(const TwWaveform *w, double time_s);    // mean of a node, from the beginning of a block
double tw_waveform_mean_w(const TwWaveform *w);              // over a cycle
double tw_waveform_missing_j(const TwWaveform *w);           // of a dip

// What n nodes look like to meters: statistics of the summed power and of the nodes.
typedef struct TwWaveformStats {
    double mean_w, p50_w, p99_w, sd_w, energy_j;
    double pair_correlation;      // mean over pairs of nodes
    double line_s, line_share;    // period of the strongest line between 4 and 60 s, its share of the variance
    double dip_depth_fraction;    // of the step, from the plateau
} TwWaveformStats;

// One reading every meter_s, of the moment, as the fit assumes; synchronous: all meters read together, otherwise each
// at a phase of its own.
bool tw_waveform_measure(const TwWaveform *w, int nodes, int samples, bool synchronous, TwStream stream,
                         TwWaveformStats *stats);
