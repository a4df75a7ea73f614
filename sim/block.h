// State blocks: everything that changes lives in one allocation of known size, as arrays at fixed offsets, so that
// a fork is memcpy, a checksum one pass, a snapshot one write. A slot is an offset; a block holds no pointers.
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef size_t TwSlot;

// Counts bytes while a plant is compiled; the model that adds a slot keeps it in its plant.
typedef struct TwLayout {
    size_t bytes;
} TwLayout;

// Reserves count elements of size bytes, aligned to 64 bytes; returns their offset.
TwSlot tw_layout_add(TwLayout *layout, size_t count, size_t size);

// A zeroed, 64-byte aligned block of layout->bytes; NULL when memory is short. Free with tw_block_destroy.
void *tw_block_create(const TwLayout *layout);
void tw_block_destroy(void *block);

// 64-bit hash of a block, for tests of determinism (FNV-1a over 8-byte words).
uint64_t tw_block_checksum(const void *block, size_t bytes);

static inline void *tw_at(void *block, TwSlot slot) { return (unsigned char *)block + slot; }
static inline const void *tw_at_const(const void *block, TwSlot slot) { return (const unsigned char *)block + slot; }
static inline unsigned char *tw_u8(void *block, TwSlot slot) { return (unsigned char *)tw_at(block, slot); }
static inline double *tw_f64(void *block, TwSlot slot) { return (double *)tw_at(block, slot); }
static inline const double *tw_f64_const(const void *block, TwSlot slot)
{
    return (const double *)tw_at_const(block, slot);
}
static inline int64_t *tw_i64(void *block, TwSlot slot) { return (int64_t *)tw_at(block, slot); }
static inline const int64_t *tw_i64_const(const void *block, TwSlot slot)
{
    return (const int64_t *)tw_at_const(block, slot);
}
