#include "kernels/host/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool tw_cal_fail(TwCalErrors *errors, const char *file, int line, const char *format, ...)
{
    char one[512];
    int used = line > 0 ? snprintf(one, sizeof one, "%s:%d: error: ", file, line)
                        : snprintf(one, sizeof one, "%s: error: ", file);
    if (used < 0 || (size_t)used >= sizeof one) used = 0;
    va_list list;
    va_start(list, format);
    vsnprintf(one + used, sizeof one - (size_t)used, format, list);
    va_end(list);

    errors->count++;
    size_t length = strlen(errors->text);
    if (length + strlen(one) + 2 < sizeof errors->text)
        snprintf(errors->text + length, sizeof errors->text - length, "%s\n", one);
    return false;
}

int tw_cal_split(char *line, char **field, int most)
{
    int count = 0;
    for (char *at = line; at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = '\0';
        while (isspace((unsigned char)*at)) at++;
        char *end = at + strlen(at);
        while (end > at && isspace((unsigned char)end[-1])) *--end = '\0';
        if (count < most) field[count] = at;
        count++;
        at = comma ? comma + 1 : NULL;
    }
    return count;
}

bool tw_cal_whole_number(const char *text, int64_t *value)
{
    char *end;
    errno = 0;
    long long got = strtoll(text, &end, 10);
    if (end == text || *end || errno) return false;
    *value = got;
    return true;
}

bool tw_cal_number(const char *text, double *value)
{
    if (!*text) {
        *value = NAN;
        return true;
    }
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end;
}
