// A point of a calibration: which operation, how large, by which implementation; its name for all time and its role.
//
// The id is the 64-bit FNV-1a hash (Fowler, Noll, Vo) of "op|impl|dtype_a|dtype_b|dtype_out|p0|..|p7|regime". The role
// comes from the id before anything is measured: where splitmix64 (Steele, Lea, Flood 2014) of the id falls into the
// lowest 15 % of its range the point is held out; whole weight shapes and odd batch sizes are held out besides
// (kernels page, section 11). FLOP and bytes are those of models/workload/op.h.
#pragma once

#include "models/workload/op.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum TwCalOp { TW_CAL_GEMM, TW_CAL_NORM, TW_CAL_SILU, TW_CAL_COPY, TW_CAL_OPS } TwCalOp;

// LIBRARY: cuBLASLt or the runtime's own copy. HAND: a kernel of this folder.
typedef enum TwCalImpl { TW_CAL_LIBRARY, TW_CAL_HAND, TW_CAL_IMPLS } TwCalImpl;

// BURST: at most about 50 ms of work after 200 ms of rest: full clocks. SUSTAINED: 5 s of work, the cap in force.
typedef enum TwCalRegime { TW_CAL_BURST, TW_CAL_SUSTAINED, TW_CAL_REGIMES } TwCalRegime;

// SITE: a weight shape kept for validation; ODD_M: m = 2^j + 1
typedef enum TwCalRole { TW_CAL_TRAIN, TW_CAL_HOLDOUT, TW_CAL_SITE, TW_CAL_ODD_M, TW_CAL_ROLES } TwCalRole;

enum { TW_CAL_PARAMETERS = 8 };

typedef struct TwCalPoint {
    TwCalOp op;
    TwCalImpl impl;
    TwCalRegime regime;
    int64_t p[TW_CAL_PARAMETERS];    // named in tw_cal_kinds; unused ones are 0
} TwCalPoint;

// One operation: its words and the range of its parameters.
typedef struct TwCalKind {
    const char *name, *family, *dtype_a, *dtype_b, *dtype_out;
    const char *impl[TW_CAL_IMPLS];    // NULL: not there
    int parameters;
    const char *parameter[TW_CAL_PARAMETERS];
    int64_t most[TW_CAL_PARAMETERS];    // least is 1
} TwCalKind;
extern const TwCalKind tw_cal_kinds[TW_CAL_OPS];
extern const char *const tw_cal_regimes[TW_CAL_REGIMES];
extern const char *const tw_cal_roles[TW_CAL_ROLES];

uint64_t tw_cal_hash(const char *text);
uint64_t tw_cal_mix(uint64_t id);    // splitmix64
uint64_t tw_cal_id(const TwCalPoint *point);
TwCalRole tw_cal_role(const TwCalPoint *point);

TwOpCost tw_cal_cost(const TwCalPoint *point);

// Device memory of one set of operands, and the part of it that serving engines find cold, which is rotated.
typedef struct TwCalBytes {
    double hot, cold;
} TwCalBytes;
TwCalBytes tw_cal_bytes(const TwCalPoint *point);

// How many sets of the cold part keep it cold in a cache of l2_bytes: max(2, ceil(3 L2 / cold)), at most `most`.
int tw_cal_sets(const TwCalPoint *point, double l2_bytes, int most);

// "gemm cublaslt m=16 n=4096 k=4096 burst"
void tw_cal_describe(const TwCalPoint *point, char *text, int size);
