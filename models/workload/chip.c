#include "models/workload/chip.h"

#include <assert.h>
#include <string.h>

#define ROW(field) offsetof(TwAcceleratorRow, field)

static const TwField accelerator_fields[] = {
    {"title", "", TW_TEXT, 0, 0, NULL, ROW(title), "what it is, one line", NULL},
    {"calibration", "", TW_TEXT, 0, 0, NULL, ROW(calibration),
     "its kernel tables: a folder below calibration/, or a path to a folder or an HDF5 file", NULL},
    {"scaleup", "", TW_TEXT, 0, 0, "nvlink4_8", ROW(scaleup), "scale-up domain of parts/scaleup, where no rack says",
     NULL},
    {"fabric", "", TW_TEXT, 0, 0, "superpod_h100", ROW(fabric), "fabric of parts/fabric, where no facility says", NULL},
    {"bf16_flops", "FLOP/s", TW_REAL, 0, 1e18, NULL, ROW(bf16_flops), "dense bf16 peak, 0 not supported", NULL},
    {"fp8_flops", "FLOP/s", TW_REAL, 0, 1e18, "0", ROW(fp8_flops), "dense fp8 peak, 0 not supported", NULL},
    {"fp4_flops", "FLOP/s", TW_REAL, 0, 1e18, "0", ROW(fp4_flops), "dense fp4 peak, 0 not supported", NULL},
    {"memory_bytes", "B", TW_REAL, 1e9, 1e13, NULL, ROW(memory_bytes), "device memory", NULL},
    {"bandwidth_bytes_s", "B/s", TW_REAL, 1e9, 1e15, NULL, ROW(bandwidth_bytes_s), "peak memory bandwidth", NULL},
    {"l2_bytes_s", "B/s", TW_REAL, 1e9, 1e15, "unknown", ROW(l2_bytes_s),
     "what L2 passes to the processors at full clock, in proportion below; unknown: reads need no clock", NULL},
    {"link_bytes_s", "B/s", TW_REAL, 0, 1e14, NULL, ROW(link_bytes_s), "scale-up bandwidth of a GPU, one direction",
     NULL},
    {"domain_gpus", "1", TW_INTEGER, 1, 4096, NULL, ROW(domain_gpus), "GPUs in one scale-up domain", NULL},
    {"sm_count", "1", TW_REAL, 1, 1e4, NULL, ROW(sm_count), "streaming multiprocessors; for the reader", NULL},
    {"clock_max_hz", "Hz", TW_REAL, 1e8, 1e11, NULL, ROW(clock_max_hz), "maximum clock; for the reader", NULL},
    {"limit_w", "W", TW_REAL, 1, 1e5, NULL, ROW(limit_w), "board power limit, binds always", NULL},
    {"limit_min_w", "W", TW_REAL, 1, 1e5, NULL, ROW(limit_min_w), "lowest limit that --power-cap may set", NULL},
    {"limit_max_w", "W", TW_REAL, 1, 1e5, NULL, ROW(limit_max_w), "highest limit that --power-cap may set", NULL},
    {"idle_w", "W", TW_REAL, 0, 1e5, NULL, ROW(idle_w), "deep idle, no process", NULL},
    {"resident_w", "W", TW_REAL, 0, 1e5, NULL, ROW(resident_w), "model in memory, nothing running", NULL},
    {"live_w", "W", TW_REAL, 0, 1e5, NULL, ROW(live_w), "clocks up, no work", NULL},
    {"busy_w", "W", TW_REAL, 0, 1e5, NULL, ROW(busy_w), "more while any kernel runs, at full clock", NULL},
    {"experts_w", "W", TW_REAL, 0, 1e5, "unknown", ROW(experts_w),
     "more than busy_w while experts' kernels run and do not wait for memory; unknown: 0", NULL},
    {"bf16_j_per_flop", "J", TW_REAL, 0, 1e-9, NULL, ROW(bf16_j_per_flop), "energy of a bf16 FLOP at full clock", NULL},
    {"fp8_j_per_flop", "J", TW_REAL, 0, 1e-9, "0", ROW(fp8_j_per_flop), "energy of an fp8 FLOP at full clock", NULL},
    {"fp4_j_per_flop", "J", TW_REAL, 0, 1e-9, "0", ROW(fp4_j_per_flop), "energy of an fp4 FLOP at full clock", NULL},
    {"j_per_byte", "J", TW_REAL, 0, 1e-8, NULL, ROW(j_per_byte), "energy of a byte from or to memory", NULL},
    {"memory_j_per_byte", "J", TW_REAL, 0, 1e-8, "unknown", ROW(memory_j_per_byte),
     "of j_per_byte, in the memory itself: the rest falls with the clock as that of a FLOP; unknown: all", NULL},
    {"clock_exponent", "1", TW_REAL, 1, 4, NULL, ROW(clock_exponent), "g: dynamic power falls as clock^g", NULL},
    {"flop_floor_fraction", "1", TW_REAL, 0, 1, "0", ROW(flop_floor_fraction),
     "clock over the highest below which the energy of a FLOP falls no further", NULL},
    {"clock_min_fraction", "1", TW_REAL, 0.01, 1, NULL, ROW(clock_min_fraction), "lowest clock over the highest", NULL},
    {"operating_degc", "degC", TW_REAL, 0, 150, NULL, ROW(operating_degc),
     "highest operating temperature; for the reader", NULL},
    {"slowdown_degc", "degC", TW_REAL, 0, 150, NULL, ROW(slowdown_degc), "clock falls from here", NULL},
    {"shutdown_degc", "degC", TW_REAL, 0, 150, NULL, ROW(shutdown_degc), "switches itself off", NULL},
    {"own_usd_h", "USD/h", TW_REAL, 0, 1e4, NULL, ROW(own_usd_h), "cost of ownership; for the reader", NULL},
    {"rent_usd_h", "USD/h", TW_REAL, 0, 1e4, NULL, ROW(rent_usd_h), "rent on a three-year contract; for the reader",
     NULL},
    {"node_w", "W", TW_REAL, 0, 1e4, "250", ROW(node_w), "host, NICs and fans of its node, a GPU's share, serving",
     NULL},
    {"supply_efficiency", "1", TW_REAL, 0.5, 1, "0.95", ROW(supply_efficiency), "plug of the node to its boards", NULL},
    {"provisioned_w", "W", TW_REAL, 0, 1e5, NULL, ROW(provisioned_w), "all-in planning figure; for the reader", NULL},
};

const TwKind tw_accelerator_kind = {
    "accelerator", "accelerator", accelerator_fields, TW_COUNT(accelerator_fields), NULL, 0,
};

TwKernelEngine tw_dense_engine(TwKernelEngine experts)
{
    return experts == TW_ENGINE_VLLM || experts == TW_ENGINE_TRITON || experts == TW_ENGINE_DEEPGEMM ? TW_ENGINE_VLLM
                                                                                                     : TW_ENGINE_TRTLLM;
}

const char *const tw_kernel_engines[] = {"trtllm", "vllm", "triton", "cutedsl", "deepgemm", NULL};

const char *const tw_sampler_names[] = {"argmax", "sort", "rejection", NULL};

const char *const tw_all_to_all_names[] = {"auto", "gather", "deepep", NULL};
const char *const tw_graphs_names[] = {"full", "full_pieces", "pieces", "none", NULL};
const char *const tw_collectives_names[] = {"auto", "nccl", "trtllm", "vllm", "sglang", NULL};
const char *const tw_mixed_kernels[] = {"auto", "triton", "marlin", NULL};
const char *const tw_prompt_kernels[] = {"auto", "flash", "triton", NULL};

int tw_word_place(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0) return i;
    return -1;
}

const char *const tw_number_names[] = {"bf16", "fp8", "fp8_block", "fp4", "mxfp4", "w4a16", "w8a16", NULL};
const char *const tw_cache_names[] = {"bf16", "fp8", NULL};
const char *const tw_attention_names[] = {"auto", "bf16", "fp8", "fp8_block", "fp4", NULL};

const char *tw_number_name(TwNumber number)
{
    assert(number >= 0 && number < TW_NUMBERS);
    return tw_number_names[number];
}

bool tw_number_find(const char *name, TwNumber *number)
{
    int at = tw_word_place(name, tw_number_names);
    if (at >= 0) *number = (TwNumber)at;
    return at >= 0;
}

double tw_number_bytes(TwNumber number)
{
    static const double bytes[TW_NUMBERS] = {2.0, 1.0, 1.0, 0.5625, 0.53125, 0.515625, 1.0};
    assert(number >= 0 && number < TW_NUMBERS);
    return bytes[number];
}

bool tw_number_weight_only(TwNumber number) { return number == TW_W4A16 || number == TW_W8A16; }

bool tw_number_mixed(TwNumber number) { return number == TW_MXFP4 || tw_number_weight_only(number); }

TwNumber tw_number_computes(const TwAcceleratorRow *chip, TwNumber number)
{
    if (tw_number_weight_only(number)) return TW_BF16;
    if (number == TW_MXFP4) return chip->fp4_flops > 0.0 ? TW_FP8 : TW_BF16;
    return number;
}

bool tw_before_hopper(const TwAcceleratorRow *chip) { return !(chip->fp8_flops > 0.0); }

bool tw_since_blackwell(const TwAcceleratorRow *chip) { return chip->fp4_flops > 0.0; }

TwMixedKernel tw_mixed_kernel(const TwAcceleratorRow *chip, TwMixedKernel asked)
{
    if (tw_number_computes(chip, TW_MXFP4) != TW_BF16) return TW_MIXED_AUTO;
    if (asked != TW_MIXED_AUTO) return asked;
    return tw_before_hopper(chip) ? TW_MIXED_MARLIN : TW_MIXED_TRITON;
}

double tw_chip_peak(const TwAcceleratorRow *chip, TwNumber number)
{
    number = tw_number_computes(chip, number);
    if (number == TW_BF16) return chip->bf16_flops;
    return number == TW_FP4 ? chip->fp4_flops : chip->fp8_flops;
}

double tw_chip_flop_j(const TwAcceleratorRow *chip, TwNumber number)
{
    number = tw_number_computes(chip, number);
    if (number == TW_BF16) return chip->bf16_j_per_flop;
    return number == TW_FP4 ? chip->fp4_j_per_flop : chip->fp8_j_per_flop;
}
