// The operands of each operation: how large, how filled, and which of them serving engines find cold.
//
// Plain C, shared by the program that measures, the assembled step and the references: operand i of an operation is the
// same thing for all of them.
#pragma once

#include "kernels/host/point.h"

enum { TW_OPERANDS = 10 };

typedef enum TwFill {
    TW_FILL_OUT,       // written by the operation; starts as 0xff, NaN in every format
    TW_FILL_BF16,      // offset + scale times normal random numbers
    TW_FILL_E4M3,      // the same as e4m3
    TW_FILL_E2M1,      // the same as pairs of e2m1, scale 1
    TW_FILL_F32,       // offset + scale times a uniform number in [0, 1)
    TW_FILL_UE8M0,     // powers of two from 1/2 to 2
    TW_FILL_UE4M3,     // 1/2 to 2
    TW_FILL_HOST,      // tw_operand_host
    TW_FILL_SCRATCH    // workspace: neither filled nor looked at
} TwFill;

typedef struct TwOperand {
    const char *name;    // NULL: not there
    size_t bytes;
    TwFill fill;
    float scale, offset;
    bool cold;      // rotated between launches
    bool pinned;    // host memory that the device reaches
} TwOperand;

// operand[0 .. TW_OPERANDS-1] are written; the count of those that are there.
int tw_operands(const TwCalPoint *point, TwOperand operand[TW_OPERANDS]);

// The content of an operand with TW_FILL_HOST: tables, lengths, routes. A function of point, index and seed only.
void tw_operand_host(const TwCalPoint *point, int index, uint64_t seed, void *out);

// Device memory of the hot operands and of one set of the cold ones, each operand rounded up to 256 bytes.
typedef struct TwCalBytes {
    double hot, cold;
} TwCalBytes;
TwCalBytes tw_cal_bytes(const TwCalPoint *point);

// How many sets of the cold part keep it cold in a cache of l2_bytes: max(2, ceil(3 L2 / cold)), at most `most`, and no
// more than fit into memory_bytes.
int tw_cal_sets(const TwCalPoint *point, double l2_bytes, double memory_bytes, int most);

// Names of operand indices, by operation.
enum { TW_GEMM_X, TW_GEMM_W, TW_GEMM_Y, TW_GEMM_X_SCALE, TW_GEMM_W_SCALE };
enum { TW_PREFILL_Q, TW_PREFILL_K, TW_PREFILL_V, TW_PREFILL_O };
enum {
    TW_DECODE_Q,
    TW_DECODE_K,
    TW_DECODE_V,
    TW_DECODE_PAGES,
    TW_DECODE_LENGTH_KV,
    TW_DECODE_LENGTH_Q,
    TW_DECODE_O,
    TW_DECODE_PARTS
};
enum { TW_MOE_X, TW_MOE_W, TW_MOE_FIRST, TW_MOE_Y };
enum { TW_NORM_X, TW_NORM_RESIDUAL, TW_NORM_WEIGHT, TW_NORM_SUM, TW_NORM_Y, TW_NORM_SCALE };
enum { TW_SILU_X, TW_SILU_Y, TW_SILU_SCALE };
enum {
    TW_ROPE_QKV,
    TW_ROPE_TURNS,
    TW_ROPE_POSITION,
    TW_ROPE_SLOT,
    TW_ROPE_Q,
    TW_ROPE_K,
    TW_ROPE_V,
};
enum { TW_EMBED_TABLE, TW_EMBED_ID, TW_EMBED_Y };
enum { TW_ROUTER_LOGIT, TW_ROUTER_WEIGHT, TW_ROUTER_ID };
enum { TW_PERMUTE_X, TW_PERMUTE_ID, TW_PERMUTE_ROW, TW_PERMUTE_FIRST, TW_PERMUTE_Y };
enum { TW_UNPERMUTE_X, TW_UNPERMUTE_ROW, TW_UNPERMUTE_WEIGHT, TW_UNPERMUTE_Y };
enum { TW_SAMPLE_LOGIT, TW_SAMPLE_ID };
enum { TW_GATHER_FROM, TW_GATHER_BLOCK, TW_GATHER_TO };
enum { TW_COPY_FROM, TW_COPY_TO };

enum { TW_ROPE_POSITIONS = 1024 };    // rows of the table of turns: positions are taken modulo this

// Pages of one sequence of a decode point, and tokens of sequence i: context on average, spread evenly by skew percent.
int64_t tw_decode_pages(const TwCalPoint *point);
int64_t tw_decode_length(const TwCalPoint *point, int64_t sequence);
// Parts into which the hand-written decode cuts a sequence: enough blocks for 132 processors and more.
int64_t tw_decode_parts(const TwCalPoint *point);
