// Numbers as text: whole ones as people read them, any to the last bit.
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Digits in groups of three with a mark between, where there are `least` of them or more. Cut where text has no room.
static inline char *tw_grouped(char *text, size_t size, double value, const char *mark, int least)
{
    char digits[40];
    int length = snprintf(digits, sizeof digits, "%.0f", fabs(value));
    if (length >= (int)sizeof digits) length = (int)sizeof digits - 1;
    size_t out = 0, wide = strlen(mark);
    if (value < 0.0) text[out++] = '-';
    for (int i = 0; i < length && out + wide + 1 < size; i++) {
        if (i > 0 && (length - i) % 3 == 0 && length >= least) {
            memcpy(text + out, mark, wide);
            out += wide;
        }
        text[out++] = digits[i];
    }
    text[out] = '\0';
    return text;
}

// "24 h", "5 min", "30 s".
static inline const char *tw_span_text(char text[32], double seconds)
{
    double unit_s = seconds >= 3600.0 ? 3600.0 : seconds >= 60.0 ? 60.0 : 1.0;
    snprintf(text, 32, "%.6g %s", seconds / unit_s, unit_s > 60.0 ? "h" : unit_s > 1.0 ? "min" : "s");
    return text;
}

// The fewest digits that read back to the same bits: 15 are the shortest text wherever they are enough.
static inline char *tw_shortest(char text[32], double value)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return text;
}
