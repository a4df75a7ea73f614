// Time of a training step: compute with its pipeline bubble, a fixed part, and a part that grows with the replicas.
//
//     t = F GBS s / (G P eta0 f) (1 + (p - 1) / (v m)) + t0 + t1 DP,   DP = G / (tp pp cp),   m = GBS / (DP mbs)
// F = 6 N + 6 L h s FLOP a token (causal attention counted half; N parameters a token passes, L layers of width h, s
// tokens a sequence), 4 N + 6 L h s where the weights are frozen (LoRA). P: dense peak, f: clock of the slowest rank.
// eta0, t0, t1 are keys fitted to published runs and shared over their sizes (facilities/parts/traffic/train_keys.csv,
// scripts/fit_training.py). Left out: which parallel layout is best, memory limits, expert imbalance.
// Checkpoints: Young's interval and the exact efficiency of a job that fails at random.
// Post-training by reinforcement learning: rollout, log-probabilities and training, weight refit.
#pragma once

#include "sim/error.h"

#include <stdbool.h>

enum { TW_TRAIN_NAME = 48 };

// A model as a training step sees it.
typedef struct TwTrainModel {
    char name[TW_TRAIN_NAME];
    double parameters;    // that a token passes
    double layers;        // with full attention
    double width;         // heads times head size
    double all_parameters;
    double moe_layers, top_k, hidden;    // of the exchange with experts; 0: none, or not known
    bool dense;
} TwTrainModel;

// eta0, t0 and t1 with the layout they were fitted for; layout numbers of 0: not published, taken as no bubble.
typedef struct TwTrainKey {
    double peak_flops, eta0, t0_s, t1_s;
    int tp, pp, cp, vp;
    int rows;            // behind eta0
    bool transferred;    // no key of its own: from the effects of its chip, model, period and task
    double worst;        // largest relative error of its rows
    char text[160];      // what it is, for a table
} TwTrainKey;

typedef struct TwTrainLayout {
    int gpus, tp, pp, cp, vp, ep, micro_batch;
    double global_batch;    // sequences a step
    double sequence_tokens;
    bool frozen;    // LoRA
} TwTrainLayout;

// The parts of a step.
typedef struct TwTrainStep {
    double compute_s, bubble_fraction, fixed_s, replica_s, step_s;    // compute without the bubble; of compute
    double replicas, micro_batches;
    double flop, tokens_per_s_per_gpu;
} TwTrainStep;

double tw_train_flop_per_token(const TwTrainModel *model, double sequence_tokens, bool frozen);

// The shipped model of that name or alias (aliases are those of published tables).
bool tw_train_model(TwTrainModel *model, const char *name, TwError *error);

// The shipped key. source: "mlperf" or "megatron"; task "pretrain", "sft", "lora"; precision "fp8" "mxfp8" "nvfp4"
// "bf16" (any for mlperf); period: "v5.0", "2025", "2026a", "2026b". Falls back on the effects; false: the chip is not
// known there.
bool tw_train_key(TwTrainKey *key, const char *source, const TwTrainModel *model, const char *task, const char *chip,
                  const char *precision, const char *period, TwError *error);
// A key of a facility file: "h100_fp8_405b", "gb200_fp8_405b_2025", or <source>/<chip>/<precision>/<period>.
bool tw_train_key_named(TwTrainKey *key, const char *name, const TwTrainModel *model, const char *task, TwError *error);
// The same on the GPU of a part (parts/accelerator): its own key of that source, period and precision, or by the
// effects of its chip; where nobody published one, that of the name at the peak of its chip. The layout stays that of
// the name. part NULL: as named. False: no such name, or nothing is known of the chip.
bool tw_train_key_on(TwTrainKey *key, const char *name, const char *part, const TwTrainModel *model, const char *task,
                     TwError *error);

// False: GPUs are no multiple of tp pp cp, or the batch is none of DP; the message gives the nearest numbers.
bool tw_train_step(TwTrainStep *step, const TwTrainModel *model, const TwTrainKey *key, const TwTrainLayout *layout,
                   double clock_fraction, TwError *error);

// Checkpoints: exposed seconds C, restart R, mean time between failures M of the whole job.
double tw_young_interval_s(double exposed_s, double mtbf_s);
// First order in 1/M, where checkpoints, the half of an interval that is lost and the restart are short beside it.
double tw_checkpoint_efficiency_young(double interval_s, double exposed_s, double restart_s, double mtbf_s);
double tw_checkpoint_efficiency(double interval_s, double exposed_s, double restart_s, double mtbf_s);    // exact
// Bytes of a checkpoint: 13 a parameter (18 at 10^12), between the sizes of MLPerf Storage v2.0.
double tw_checkpoint_bytes(double all_parameters);

// One step of reinforcement learning. Sequences end with the longest, `off_policy_steps` lets training run behind.
typedef struct TwRlStep {
    double rollout_s, training_s, refit_s, step_s;
} TwRlStep;

typedef struct TwRlLayout {
    int gpus, off_policy_steps;
    int rollout_tp;    // GPUs of a rollout replica
    double sequences, mean_tokens, longest_tokens;
    double bf16_flops;    // of a GPU
} TwRlLayout;

void tw_rl_step(TwRlStep *step, const TwTrainModel *model, const TwRlLayout *layout);
