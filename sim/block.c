#include "sim/block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, PAGE = 2 << 20 };

TwSlot tw_layout_add(TwLayout *layout, size_t count, size_t size)
{
    assert(size == 0 || count <= (SIZE_MAX - layout->bytes - ALIGN) / size);
    TwSlot slot = layout->bytes;    // a multiple of ALIGN, because every reservation ends on one
    layout->bytes = (slot + count * size + ALIGN - 1) / ALIGN * ALIGN;
    return slot;
}

void *tw_block_create(const TwLayout *layout)
{
    size_t bytes = (layout->bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0) bytes = ALIGN;
    // state of some size is walked at random: large pages where the system has them spare most look-ups of addresses.
    // The system hands it out zeroed, and what is never touched takes no memory
    size_t align = bytes >= 2 * (size_t)PAGE ? PAGE : ALIGN;
    bytes = (bytes + align - 1) / align * align;
    unsigned char *whole = calloc(1, bytes + align);
    if (!whole) return NULL;
    unsigned char *block = whole + align - (uintptr_t)whole % align;
    memcpy(block - sizeof whole, &whole, sizeof whole);    // malloc aligns to 16 bytes: there is always room before it
#ifdef MADV_HUGEPAGE
    if (align == PAGE) (void)madvise(block, bytes, MADV_HUGEPAGE);
#endif
    return block;
}

void tw_block_destroy(void *block)
{
    unsigned char *whole;
    if (!block) return;
    memcpy(&whole, (const unsigned char *)block - sizeof whole, sizeof whole);
    free(whole);
}

uint64_t tw_block_checksum(const void *block, size_t bytes)
{
    const unsigned char *at = block;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        memcpy(&word, at + i, bytes - i < 8 ? bytes - i : 8);
        hash = (hash ^ word) * 0x100000001b3u;
        // a product moves bits up only; folding lets the high bits of a word reach the low bits of the hash
        hash ^= hash >> 32;
    }
    return hash;
}
