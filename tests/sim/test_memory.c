// State blocks and arenas: alignment, zeroes, forks and checksums.
#include "sim/arena.h"
#include "sim/block.h"
#include "tests/check.h"

static void slots_are_aligned_and_apart(void)
{
    TwLayout layout = {0};
    TwSlot a = tw_layout_add(&layout, 3, sizeof(double));
    TwSlot b = tw_layout_add(&layout, 1, 1);
    TwSlot c = tw_layout_add(&layout, 100, sizeof(double));
    CHECK(a % 64 == 0 && b % 64 == 0 && c % 64 == 0);
    CHECK(b >= a + 3 * sizeof(double) && c >= b + 1 && layout.bytes >= c + 100 * sizeof(double));
}

static void a_fork_is_a_copy(void)
{
    TwLayout layout = {0};
    TwSlot slot = tw_layout_add(&layout, 1000, sizeof(double));
    void *block = tw_block_create(&layout), *fork = tw_block_create(&layout);
    CHECK((uintptr_t)block % 64 == 0);
    for (int i = 0; i < 1000; i++) CHECK(tw_f64(block, slot)[i] == 0.0);
    for (int i = 0; i < 1000; i++) tw_f64(block, slot)[i] = sin(i);

    memcpy(fork, block, layout.bytes);
    uint64_t sum = tw_block_checksum(block, layout.bytes);
    CHECK(tw_block_checksum(fork, layout.bytes) == sum);

    // one bit anywhere shows, the last byte and the sign bit too
    for (size_t at = 0; at < layout.bytes; at += 997) {
        ((unsigned char *)fork)[at] ^= 0x80;
        CHECK(tw_block_checksum(fork, layout.bytes) != sum);
        ((unsigned char *)fork)[at] ^= 0x80;
    }
    ((unsigned char *)fork)[layout.bytes - 1] ^= 1;
    CHECK(tw_block_checksum(fork, layout.bytes) != sum);
    CHECK(tw_block_checksum(fork, 13) == tw_block_checksum(block, 13));
    tw_block_destroy(block);
    tw_block_destroy(fork);
}

static void arenas_give_zeroed_aligned_memory(void)
{
    TwArena *arena = tw_arena_create();
    char *kept = tw_arena_text(arena, "coolant");
    double *large = TW_TAKE(arena, 300000, double);
    for (int round = 0; round < 5000; round++) {
        unsigned char *at = tw_arena_take(arena, (size_t)(round % 300), 1);
        CHECK((uintptr_t)at % 64 == 0);
        for (int i = 0; i < round % 300; i++) {
            CHECK(at[i] == 0);
            at[i] = 0xff;
        }
    }
    for (int i = 0; i < 300000; i++) CHECK(large[i] == 0.0);
    CHECK_TEXT(kept, "coolant");
    CHECK(tw_arena_bytes(arena) >= 300000 * sizeof(double));
    tw_arena_destroy(arena);
}

int main(void)
{
    slots_are_aligned_and_apart();
    a_fork_is_a_copy();
    arenas_give_zeroed_aligned_memory();
    return check_failures != 0;
}
