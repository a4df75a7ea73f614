#include "models/workload/linear.h"
#include "models/workload/model_shape.h"

#include <math.h>
#include <string.h>

const char *const tw_linear_kinds[] = {"delta", "mamba2", "kda", NULL};
const char *const tw_state_types[] = {"auto", "bf16", "fp32", NULL};
const char *const tw_scan_kernels[] = {"auto", "fla", "flashinfer", NULL};

static const double mamba_chunk = 128.0;

// ---- shapes --------------------------------------------------------------------------------------------------------

TwLinearKind tw_linear_kind(const TwModelRow *m)
{
    for (int i = 0; m->linear_kind && tw_linear_kinds[i]; i++)
        if (strcmp(m->linear_kind, tw_linear_kinds[i]) == 0) return (TwLinearKind)i;
    return TW_LINEAR_DELTA;
}

static double key_width(const TwModelRow *m) { return (double)(m->linear_key_heads * m->linear_key_dim); }
static double value_width(const TwModelRow *m) { return (double)(m->linear_value_heads * m->linear_value_dim); }
static double state_elements(const TwModelRow *m)
{
    return (double)(m->linear_value_heads * m->linear_key_dim * m->linear_value_dim);
}

double tw_linear_output_weights(const TwModelRow *m) { return value_width(m) * (double)m->hidden; }

double tw_linear_weights(const TwModelRow *m)
{
    if (m->linear_layers < 1) return 0.0;
    double mixed = 2.0 * key_width(m) + value_width(m), heads = (double)m->linear_value_heads;
    double hidden = (double)m->hidden, rank = (double)m->linear_gate_rank, gates = 0.0;
    switch (tw_linear_kind(m)) {
    // gate of the output; decay and correction of each head
    case TW_LINEAR_DELTA:
        gates = hidden * (value_width(m) + 2.0 * heads);
        break;
    // gate of the output, step of each head; biases of the convolution
    case TW_LINEAR_MAMBA2:
        gates = hidden * (value_width(m) + heads) + mixed;
        break;
    // correction of each head, decay of each channel, gate of the output
    case TW_LINEAR_KDA:
        gates = hidden * (heads + rank) + rank * key_width(m);
        gates += m->linear_full_gate ? hidden * value_width(m) : rank * (hidden + value_width(m));
        break;
    }
    return hidden * mixed + gates + mixed * (double)m->conv_tokens + tw_linear_output_weights(m);
}

double tw_linear_mixed_width(const TwModelRow *m, double tp)
{
    double groups = fmax((double)m->linear_key_heads / tp, 1.0);
    return 2.0 * groups * (double)m->linear_key_dim + value_width(m) / tp;
}

double tw_linear_element_bytes(const TwModelRow *m, TwStateType type)
{
    if (type == TW_STATE_AUTO) return m->state_type && strcmp(m->state_type, "fp32") == 0 ? 4.0 : 2.0;
    return type == TW_STATE_FP32 ? 4.0 : 2.0;
}

static double layer_bytes(const TwModelRow *m, TwStateType type, double tp)
{
    double conv = 2.0 * tw_linear_mixed_width(m, tp) * (double)(m->conv_tokens - 1);
    return state_elements(m) / tp * tw_linear_element_bytes(m, type) + conv;
}

double tw_linear_state_bytes(const TwModelRow *m, TwStateType type, int tensor_parallel)
{
    return m->linear_layers < 1 ? 0.0 : (double)m->linear_layers * layer_bytes(m, type, tensor_parallel);
}

double tw_linear_paged_tokens(const TwModelRow *m, TwStateType type, double cache_bytes, int tensor_parallel)
{
    double attentions = (double)tw_model_attention_layers(m);
    if (m->linear_layers < 1) return 0.0;
    double token = tw_model_kv_elements(m, tensor_parallel) * cache_bytes / attentions;
    double page = 16.0 * ceil(layer_bytes(m, type, tensor_parallel) / (16.0 * token));
    return page * ceil((double)m->linear_layers / attentions);
}

int32_t tw_linear_kept_tokens(const TwModelRow *m, TwStateType type, double cache_bytes, int tensor_parallel,
                              int32_t *times)
{
    double attentions = (double)tw_model_attention_layers(m);
    *times = 0;
    if (m->linear_layers < 1 || tw_linear_kind(m) != TW_LINEAR_MAMBA2) return 0;
    double token = tw_model_kv_elements(m, tensor_parallel) * cache_bytes / attentions;
    *times = (int32_t)ceil((double)m->linear_layers / attentions);
    return (int32_t)fmin(mamba_chunk * ceil(layer_bytes(m, type, tensor_parallel) / (mamba_chunk * token)), 1 << 24);
}

// ---- kernels -------------------------------------------------------------------------------------------------------

// Of published kernels on Hopper and on Blackwell (docs/calibration.md); other chips by their bandwidth and peak.
typedef struct Known {
    double bf16_share, fp32_share;              // of the bandwidth, by the update of states of that type
    double bf16_update_s, fp32_update_s;        // of an update beyond
    double value_s, key_s, chunk_s, start_s;    // Triton's scan: a token and head of each, a chunk of a prompt
    double flash_value_s, flash_chunk_s, flash_start_s;    // FlashInfer's, FlashKDA's
    bool timed_scan;                                       // on this generation
} Known;
static const Known known_kinds[][2] = {
    [TW_LINEAR_DELTA] = {{0.54, 0.85, 7.0e-6, 4.4e-6, 1.01e-9, 4.81e-9, 1.2e-6, 38e-6, 0.39e-9, 3.07e-6, 12e-6, true},
                         {0.46, 0.79, 4.0e-6, 4.4e-6, 1.64e-9, 0.20e-9, 1.5e-6, 38e-6, 0.315e-9, 2.47e-6, 20e-6, true}},
    // chunks are scanned at once and their states passed on in a kernel of its own: none waits for another
    [TW_LINEAR_MAMBA2] = {{0.80, 0.85, 2.2e-6, 4.4e-6, 1.18e-9, 0.0, 0.0, 30e-6, 0.0, 0.0, 0.0, true},
                          {0.54, 0.79, 2.2e-6, 4.4e-6, 1.18e-9, 0.0, 0.0, 30e-6, 0.0, 0.0, 0.0, false}},
    [TW_LINEAR_KDA] = {{0.54, 0.85, 7.0e-6, 4.4e-6, 4.55e-9, 0.0, 1.2e-6, 50e-6, 1.07e-9, 4.5e-6, 25e-6, true},
                       {0.46, 0.79, 4.0e-6, 4.4e-6, 3.35e-9, 0.0, 1.9e-6, 55e-6, 0.665e-9, 3.75e-6, 25e-6, true}},
};
static const double conv_bytes_s[] = {2.3e12, 2.65e12};
static const double hopper_flops = 989.5e12, blackwell_flops = 2250e12;
static const double conv_start_s = 2.0e-6;

static const Known *known_of(const TwAcceleratorRow *chip, const TwModelRow *m)
{
    return &known_kinds[tw_linear_kind(m)][tw_since_blackwell(chip)];
}

// Chips of the generations that the times were published of, within what binning of boards changes.
static bool was_timed(const TwAcceleratorRow *chip)
{
    double flops = tw_since_blackwell(chip) ? blackwell_flops : hopper_flops;
    return fabs(chip->bf16_flops / flops - 1.0) < 0.15;
}

// Processors of another generation by their peak.
static double slower(const TwAcceleratorRow *chip)
{
    return was_timed(chip) ? 1.0 : (tw_since_blackwell(chip) ? blackwell_flops : hopper_flops) / chip->bf16_flops;
}

TwLinearCost tw_linear_update(const TwAcceleratorRow *chip, const TwModelRow *m, TwStateType type, double tp,
                              double sequences, double drafts)
{
    const Known *known = known_of(chip, m);
    double elements = sequences * state_elements(m) / tp, e = tw_linear_element_bytes(m, type);
    // decay, what is retrieved, the correction, the answer: two FLOP each; Mamba-2 retrieves nothing
    double flop = tw_linear_kind(m) == TW_LINEAR_MAMBA2 ? 6.0 : 8.0;
    TwOpCost op = {flop * (1.0 + drafts) * elements, (2.0 + drafts) * sequences * layer_bytes(m, type, tp)};
    double share = e > 2.0 ? known->fp32_share : known->bf16_share;
    double work_s = (2.0 + drafts) * elements * e / (share * chip->bandwidth_bytes_s);
    double start_s = e > 2.0 ? known->fp32_update_s : known->bf16_update_s;
    return (TwLinearCost){op, start_s, work_s, was_timed(chip)};
}

TwLinearCost tw_linear_conv(const TwAcceleratorRow *chip, const TwModelRow *m, double tp, double tokens)
{
    double elements = tokens * tw_linear_mixed_width(m, tp);
    TwOpCost op = {2.0 * elements * (double)m->conv_tokens, 4.0 * elements};
    return (TwLinearCost){op, conv_start_s, op.bytes * slower(chip) / conv_bytes_s[tw_since_blackwell(chip)],
                          was_timed(chip)};
}

TwLinearScan tw_linear_scan(const TwAcceleratorRow *chip, const TwModelRow *m, TwScanKernel kernel, double tp)
{
    const Known *known = known_of(chip, m);
    bool mamba = tw_linear_kind(m) == TW_LINEAR_MAMBA2, flash = kernel == TW_SCAN_FLASHINFER && !mamba;
    double heads = (double)m->linear_value_heads / tp, keys = fmax((double)m->linear_key_heads / tp, 1.0);
    double dk = (double)m->linear_key_dim, dv = (double)m->linear_value_dim;
    const double c = TW_SCAN_CHUNK;
    TwLinearScan scan = {.adds = !flash, .published = was_timed(chip) && known->timed_scan};
    scan.start_s = flash ? known->flash_start_s : known->start_s;
    scan.token_s = flash ? heads * known->flash_value_s : heads * known->value_s + keys * known->key_s;
    // times are of heads of 128 x 128
    scan.token_s *= slower(chip) * dk * dv / (128.0 * 128.0);
    scan.chunk_s = slower(chip) * (flash ? known->flash_chunk_s : known->chunk_s);
    // of a chunk: keys by keys, the inverse applied to keys and values, the state read, corrected and answered from,
    // queries by keys and by values
    scan.token_flop = heads * (6.0 * dk * dv + c * (6.0 * dk + 4.0 * dv));
    // Mamba-2: queries by keys once a group, by values; the state written and answered from (chunks of 128 and 256)
    if (mamba) scan.token_flop = keys * 2.0 * mamba_chunk * dk + heads * (2.0 * mamba_chunk * dv + 4.0 * dk * dv);
    scan.token_bytes = 2.0 * (2.0 * tw_linear_mixed_width(m, tp) + heads * dv);
    scan.launches = mamba ? 5 : flash ? 4 : 8;
    return scan;
}

double tw_linear_scan_s(const TwLinearScan *scan, double tokens, double length)
{
    double work_s = tokens * scan->token_s, wait_s = length / TW_SCAN_CHUNK * scan->chunk_s;
    return scan->start_s + (scan->adds ? work_s + wait_s : fmax(work_s, wait_s));
}
