#include "sim/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, CHUNK = 256 * 1024 };

typedef struct Chunk {
    struct Chunk *next;
    size_t used, size;    // of the bytes after this header, which fills one alignment unit
} Chunk;

struct TwArena {
    Chunk *first;
    size_t bytes;
};

static void exhausted(size_t bytes)
{
    fprintf(stderr, "tokenworks: memory exhausted (%zu bytes wanted)\n", bytes);
    abort();
}

TwArena *tw_arena_create(void)
{
    TwArena *arena = calloc(1, sizeof *arena);
    if (!arena) exhausted(sizeof *arena);
    return arena;
}

void tw_arena_destroy(TwArena *arena)
{
    if (!arena) return;
    for (Chunk *chunk = arena->first, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

static Chunk *chunk_add(TwArena *arena, size_t bytes)
{
    static_assert(sizeof(Chunk) <= ALIGN, "the header fits before the first aligned byte");
    size_t size = bytes > CHUNK ? bytes : CHUNK;
    Chunk *chunk = aligned_alloc(ALIGN, ALIGN + size);
    if (!chunk) exhausted(size);
    *chunk = (Chunk){.size = size};

    // a chunk made for one large array is full at once: keep the half-empty one in front
    if (arena->first && bytes >= CHUNK) {
        chunk->next = arena->first->next;
        arena->first->next = chunk;
    } else {
        chunk->next = arena->first;
        arena->first = chunk;
    }
    return chunk;
}

void *tw_arena_take(TwArena *arena, size_t count, size_t size)
{
    assert(size == 0 || count <= (SIZE_MAX - 2 * ALIGN) / size);
    size_t bytes = (count * size + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes == 0) bytes = ALIGN;

    Chunk *chunk = arena->first;
    if (!chunk || chunk->size - chunk->used < bytes) chunk = chunk_add(arena, bytes);
    unsigned char *at = (unsigned char *)chunk + ALIGN + chunk->used;
    chunk->used += bytes;
    arena->bytes += bytes;
    return memset(at, 0, bytes);
}

char *tw_arena_text(TwArena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(tw_arena_take(arena, size, 1), text, size);
}

size_t tw_arena_bytes(const TwArena *arena) { return arena->bytes; }
