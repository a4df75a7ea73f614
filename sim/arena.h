// Memory of a plant: allocated while it is compiled, freed all at once. Never used while stepping.
#pragma once

#include <stddef.h>

typedef struct TwArena TwArena;

TwArena *tw_arena_create(void);
void tw_arena_destroy(TwArena *arena);

// Zeroed, 64-byte aligned; count * size must not overflow. Aborts when memory is exhausted.
void *tw_arena_take(TwArena *arena, size_t count, size_t size);
char *tw_arena_text(TwArena *arena, const char *text);    // a copy
size_t tw_arena_bytes(const TwArena *arena);

#define TW_TAKE(arena, count, type) ((type *)tw_arena_take((arena), (size_t)(count), sizeof(type)))
