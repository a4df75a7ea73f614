// Memory of a configuration: a pool freed all at once, and a growing text.

#include "sim/config_inner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct TwPoolBlock {
    TwPoolBlock *next;
    size_t used, room;
    _Alignas(16) unsigned char bytes[];
};

enum { BLOCK = 256 * 1024 };

void *tw_pool_take(TwPool *pool, size_t count, size_t size)
{
    assert(size == 0 || count <= SIZE_MAX / 2 / size);
    size_t bytes = (count * size + 15) & ~(size_t)15;
    TwPoolBlock *block = pool->blocks;
    if (!block || block->room - block->used < bytes) {
        size_t room = bytes > BLOCK ? bytes : BLOCK;
        block = calloc(1, sizeof *block + room);
        if (!block) abort();
        block->room = room;
        block->next = pool->blocks;
        pool->blocks = block;
    }
    void *taken = block->bytes + block->used;
    block->used += bytes;
    return taken;
}

char *tw_pool_copy(TwPool *pool, const char *text, size_t length)
{
    char *copy = tw_pool_take(pool, length + 1, 1);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *tw_pool_print(TwPool *pool, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, values);
    char *text = tw_pool_take(pool, (size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    va_end(values);
    return text;
}

void tw_pool_free(TwPool *pool)
{
    for (TwPoolBlock *block = pool->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    pool->blocks = NULL;
}

size_t tw_pool_bytes(const TwPool *pool)
{
    size_t bytes = 0;
    for (const TwPoolBlock *block = pool->blocks; block; block = block->next) bytes += block->room;
    return bytes;
}

static void reserve(TwLine *line, size_t more)
{
    if (line->room - line->length > more) return;
    size_t room = line->room ? line->room : 128;
    while (room - line->length <= more) room *= 2;
    line->text = realloc(line->text, room);
    if (!line->text) abort();
    line->room = room;
}

void tw_line_add(TwLine *line, const char *text, size_t length)
{
    reserve(line, length);
    if (length) memcpy(line->text + line->length, text, length);
    line->length += length;
    line->text[line->length] = '\0';
}

void tw_line_print(TwLine *line, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    int length = vsnprintf(NULL, 0, format, values);
    reserve(line, (size_t)length);
    vsnprintf(line->text + line->length, (size_t)length + 1, format, again);
    line->length += (size_t)length;
    va_end(again);
    va_end(values);
}

void tw_line_free(TwLine *line)
{
    free(line->text);
    *line = (TwLine){0};
}
