// A point of a calibration: which operation, how large, by which implementation; its name for all time and its role.
//
// The id is the 64-bit FNV-1a hash (Fowler, Noll, Vo) of "op|impl|dtype_a|dtype_b|dtype_out|p0|..|p7|regime", with
// "|scale_mode" behind it where there is one. The role comes from the id before anything is measured: where splitmix64
// (Steele, Lea, Flood 2014) of the id falls into the lowest 15 % of its range the point is held out; whole weight
// shapes, attention shapes and odd batch sizes are held out besides (kernels page, section 11). FLOP and bytes are
// those of models/workload/op.h.
#pragma once

#include "models/workload/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum TwCalOp {
    TW_CAL_GEMM,
    TW_CAL_PREFILL,
    TW_CAL_DECODE,
    TW_CAL_MLA_DECODE,
    TW_CAL_MOE,
    TW_CAL_NORM,
    TW_CAL_SILU,
    TW_CAL_ROPE,
    TW_CAL_EMBED,
    TW_CAL_ROUTER,
    TW_CAL_PERMUTE,
    TW_CAL_UNPERMUTE,
    TW_CAL_SAMPLE,
    TW_CAL_GATHER,
    TW_CAL_COPY,
    TW_CAL_CACHED_COPY,
    TW_CAL_LAUNCH,
    TW_CAL_SPIN,
    TW_CAL_IDLE,
    TW_CAL_STEP,    // a whole step, kernels/host/assemble.h
    TW_CAL_OPS
} TwCalOp;

// LIBRARY: cuBLASLt, cuDNN or the runtime. HAND: a kernel of this folder.
typedef enum TwCalImpl { TW_CAL_LIBRARY, TW_CAL_HAND } TwCalImpl;

// What an operation computes with. FP8: e4m3 of the output or of the cache; the others are the formats of a product.
typedef enum TwCalType {
    TW_CAL_BF16,
    TW_CAL_FP8,
    TW_CAL_FP8_TENSOR,
    TW_CAL_FP8_ROW,
    TW_CAL_FP8_BLOCK,
    TW_CAL_MXFP8,
    TW_CAL_NVFP4,
    TW_CAL_BYTE
} TwCalType;

// What the operands are while power is measured: how many bits toggle decides what a product draws.
typedef enum TwCalData { TW_CAL_NORMAL, TW_CAL_ZEROS, TW_CAL_ONES, TW_CAL_SIGNS, TW_CAL_INTEGERS } TwCalData;

typedef enum TwCalRegime {
    TW_CAL_BURST,        // at most about 50 ms of work, after rest where it is bound by arithmetic: full clocks
    TW_CAL_SUSTAINED,    // 2 s to settle, 5 s measured: the cap in force
    TW_CAL_DUTY20,       // the same, working 20 % of each 50 ms
    TW_CAL_DUTY40,
    TW_CAL_DUTY60,
    TW_CAL_DUTY80,
    TW_CAL_WITH_ZEROS,    // sustained, on other data
    TW_CAL_WITH_ONES,
    TW_CAL_WITH_SIGNS,
    TW_CAL_WITH_INTEGERS,
    TW_CAL_BURST_ZEROS,    // burst on zeros: the cheapest probe of the cap
    TW_CAL_RAMP,           // 20 s from cold at constant load: how power follows temperature
    TW_CAL_SMS25,          // sustained, on a quarter of the processors; products only
    TW_CAL_SMS50,
    TW_CAL_SMS75,
    TW_CAL_REGIMES
} TwCalRegime;

// settle_s 0: nothing is thrown away; window_s 0: a burst
typedef struct TwCalRegimeRow {
    const char *name;
    double duty, settle_s, window_s;
    TwCalData data;
    double processors;    // share of them that a product is planned for
} TwCalRegimeRow;
extern const TwCalRegimeRow tw_cal_regimes[TW_CAL_REGIMES];

// SITE: a weight or attention shape kept for validation; ODD_M: m = 2^j + 1
typedef enum TwCalRole { TW_CAL_TRAIN, TW_CAL_HOLDOUT, TW_CAL_SITE, TW_CAL_ODD_M, TW_CAL_ROLES } TwCalRole;
extern const char *const tw_cal_roles[TW_CAL_ROLES];

enum { TW_CAL_PARAMETERS = 8 };

// One way to run one operation: its words and the range of its parameters. Unused parameters are 0.
typedef struct TwCalKind {
    TwCalOp op;
    TwCalImpl impl;
    TwCalType type;
    const char *name, *impl_name, *type_name;    // as grids spell them
    const char *family, *dtype_a, *dtype_b, *dtype_out, *scale_mode;
    const char *parameter[TW_CAL_PARAMETERS];    // NULL ends them
    int64_t least[TW_CAL_PARAMETERS], most[TW_CAL_PARAMETERS];
} TwCalKind;
extern const TwCalKind tw_cal_kinds[];
extern const int tw_cal_kind_count;

typedef struct TwCalPoint {
    const TwCalKind *kind;
    TwCalRegime regime;
    int64_t p[TW_CAL_PARAMETERS];
} TwCalPoint;

// The kind of these words, or NULL. type NULL: the first one of op and impl.
const TwCalKind *tw_cal_kind(const char *op, const char *impl, const char *type);
// For points that a program names: the kind must exist. p: as many as the kind has, read up to the first 0 behind them.
TwCalPoint tw_cal_point(const char *op, const char *impl, const char *type, const int64_t p[TW_CAL_PARAMETERS],
                        TwCalRegime regime);
int tw_cal_parameters(const TwCalKind *kind);

uint64_t tw_cal_hash(const char *text);
uint64_t tw_cal_mix(uint64_t id);    // splitmix64
uint64_t tw_cal_id(const TwCalPoint *point);
TwCalRole tw_cal_role(const TwCalPoint *point);

TwOpCost tw_cal_cost(const TwCalPoint *point);
double tw_cal_element_bytes(TwCalType type);    // 2, 1, 0.5625 of nvfp4 with its scales
// Least time on an H200's peaks: for plans made without a device.
double tw_cal_bound_s(const TwCalPoint *point);

// "gemm cublaslt bf16 m=16 n=4096 k=4096 burst"
void tw_cal_describe(const TwCalPoint *point, char *text, int size);
