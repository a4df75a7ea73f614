#include "sim/json.h"

#include <math.h>

void tw_json_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            fprintf(stream, "\\%c", c);
        else if (c < 0x20)
            fprintf(stream, "\\u%04x", c);
        else
            fputc(c, stream);
    }
    fputc('"', stream);
}

void tw_json_number(FILE *stream, double value)
{
    if (!isfinite(value))
        fputs("null", stream);
    else if (value == floor(value) && fabs(value) < 9e15)
        fprintf(stream, "%.0f", value + 0.0);    // + 0.0: no minus zero
    else
        fprintf(stream, "%.17g", value);
}

void tw_json_member(FILE *stream, const char *name, double value)
{
    fprintf(stream, ", \"%s\": ", name);
    tw_json_number(stream, value);
}
