// PNG of an image surface: truecolour, unfiltered rows, zlib level 6; small files of flat
// pictures, written several times faster than by cairo.
#pragma once

#include "sim/error.h"

#include <stdint.h>

// pixels: 0x..RRGGBB words, stride in bytes. False when the stream refuses or memory is short.
bool tw_png_write(FILE *stream, const unsigned char *pixels, int stride, int width, int height);
