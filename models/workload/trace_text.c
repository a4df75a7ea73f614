#include "models/workload/trace_inner.h"

#include <assert.h>
#include <string.h>

bool tw_trace_fail(const TwTraceReader *reader, int column, const char *what, const char *found, size_t length,
                   const char *expected)
{
    int shown = length > 60 ? 60 : (int)length;
    return tw_fail_at(reader->error, reader->path, reader->line, column, "%s = \"%.*s\", expected %s", what, shown,
                      found, expected);
}

const char *tw_trace_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t') p++;
    return p;
}

static bool digit(char c) { return c >= '0' && c <= '9'; }

// A decimal to an integer count of 10^-places exactly; finer digits must be absent. NULL: not such a number.
const char *tw_trace_decimal(const char *p, int places, int64_t *value)
{
    int64_t v = 0;
    bool negative = *p == '-';
    if (negative) p++;
    if (!digit(*p)) return NULL;
    for (; digit(*p); p++) {
        if (v > (INT64_MAX - 9) / 10) return NULL;
        v = 10 * v + (*p - '0');
    }
    int left = places;
    if (*p == '.') {
        for (p++; digit(*p); p++) {
            if (left == 0) {
                if (*p != '0') return NULL;
                continue;
            }
            if (v > (INT64_MAX - 9) / 10) return NULL;
            v = 10 * v + (*p - '0');
            left--;
        }
    }
    for (; left > 0; left--) {
        if (v > INT64_MAX / 10) return NULL;
        v *= 10;
    }
    *value = negative ? -v : v;
    return p;
}

// days since 1970-01-01 of the Gregorian calendar
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool fixed_digits(const char **p, int count, char after, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (!digit(**p)) return false;
        *value = 10 * *value + (**p - '0');
    }
    if (!after) return true;
    if (**p != after) return false;
    (*p)++;
    return true;
}

// "2023-11-16 18:15:46.6805900": blank or T between, Z or +00:00 may follow
const char *tw_trace_parse_utc(const char *p, int64_t *ns)
{
    int year, month, day, hour, minute;
    if (!fixed_digits(&p, 4, '-', &year) || !fixed_digits(&p, 2, '-', &month) || !fixed_digits(&p, 2, '\0', &day))
        return NULL;
    if (*p != ' ' && *p != 'T') return NULL;
    p++;
    if (!fixed_digits(&p, 2, ':', &hour) || !fixed_digits(&p, 2, ':', &minute)) return NULL;
    if (!digit(p[0]) || !digit(p[1])) return NULL;
    int64_t second_ns;
    p = tw_trace_decimal(p, 9, &second_ns);
    if (!p || second_ns >= INT64_C(60000000000)) return NULL;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || hour > 23 || minute > 59 || day < 1) return NULL;
    if (day > month_days[month - 1] + (month == 2 && leap)) return NULL;
    if (*p == 'Z')
        p++;
    else if (strncmp(p, "+00:00", 6) == 0)
        p += 6;
    int64_t minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute;
    *ns = minutes * INT64_C(60000000000) + second_ns;
    return p;
}

void tw_trace_utc(int64_t ns, char *text)
{
    int64_t day = ns / INT64_C(86400000000000), rest = ns % INT64_C(86400000000000);
    assert(ns >= 0);
    int year = 1970, month = 1;
    while (days_from_civil(year + 1, 1, 1) <= day) year++;
    while (month < 12 && days_from_civil(year, month + 1, 1) <= day) month++;
    int of_month = (int)(day - days_from_civil(year, month, 1)) + 1;
    int second = (int)(rest / 1000000000), fraction = (int)(rest % 1000000000);
    bool fine = fraction % 1000 != 0;
    snprintf(text, 40, "%04d-%02d-%02d %02d:%02d:%02d.%0*d", year % 10000, month % 100, of_month % 100,
             second / 3600 % 100, second / 60 % 60, second % 60, fine ? 9 : 6, fine ? fraction : fraction / 1000);
}
