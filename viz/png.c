#include "viz/png.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void big_endian(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (unsigned char)(value >> (24 - 8 * i));
}

static bool chunk(FILE *stream, const char kind[4], const unsigned char *bytes, size_t count)
{
    unsigned char head[8], tail[4];
    big_endian(head, (uint32_t)count);
    memcpy(head + 4, kind, 4);
    uLong crc = crc32(crc32(0, NULL, 0), head + 4, 4);
    if (count) crc = crc32(crc, bytes, (uInt)count);
    big_endian(tail, (uint32_t)crc);
    return fwrite(head, 1, 8, stream) == 8 && fwrite(bytes, 1, count, stream) == count &&
           fwrite(tail, 1, 4, stream) == 4;
}

bool tw_png_write(FILE *stream, const unsigned char *pixels, int stride, int width, int height)
{
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char head[13] = {0};
    big_endian(head, (uint32_t)width);
    big_endian(head + 4, (uint32_t)height);
    head[8] = 8, head[9] = 2;    // 8 bits, red green blue

    size_t row = 1 + 3 * (size_t)width, raw_size = row * (size_t)height;
    uLongf packed_size = compressBound((uLong)raw_size);
    unsigned char *raw = malloc(raw_size + 1), *packed = malloc(packed_size);
    bool ok = raw && packed;
    for (int y = 0; ok && y < height; y++) {
        unsigned char *out = raw + row * (size_t)y;
        const unsigned char *in = pixels + (size_t)y * (size_t)stride;
        *out++ = 0;    // as it is: flat grounds and repeated letters pack best so
        for (int x = 0; x < width; x++) {
            uint32_t word;
            memcpy(&word, in + 4 * (size_t)x, 4);
            for (int c = 0; c < 3; c++) *out++ = (unsigned char)(word >> (16 - 8 * c));
        }
    }
    ok = ok && compress2(packed, &packed_size, raw, (uLong)raw_size, 6) == Z_OK;
    ok = ok && fwrite(signature, 1, 8, stream) == 8 && chunk(stream, "IHDR", head, sizeof head) &&
         chunk(stream, "IDAT", packed, packed_size) && chunk(stream, "IEND", head, 0);
    free(raw);
    free(packed);
    return ok;
}
