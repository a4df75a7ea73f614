#include "models/thermal/weather.h"
#include "models/thermal/air.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// "1.5" with nothing behind but blanks; independent of the locale's decimal sign because digits are read here
static bool read_number(const char *text, double *value)
{
    double sign = 1.0, whole = 0.0, scale = 1.0;
    while (*text == ' ') text++;
    if (*text == '-' || *text == '+') sign = *text++ == '-' ? -1.0 : 1.0;
    int digits = 0;
    for (; *text >= '0' && *text <= '9'; text++, digits++) whole = 10.0 * whole + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
            whole = 10.0 * whole + (*text - '0');
            scale *= 10.0;
        }
    if (*text == 'e' || *text == 'E') {
        char *end;
        long exponent = strtol(text + 1, &end, 10);
        if (end == text + 1) return false;
        scale *= pow(10.0, -(double)exponent);
        text = end;
    }
    while (*text == ' ' || *text == '\r' || *text == '\n') text++;
    *value = sign * whole / scale;
    return digits > 0 && *text == '\0';
}

// field `index` (from 0) of a comma-separated line, copied; NULL: too few
static const char *field(const char *line, int index, char *copy, size_t size)
{
    for (; index > 0; index--) {
        line = strchr(line, ',');
        if (!line) return NULL;
        line++;
    }
    size_t n = strcspn(line, ",\r\n");
    if (n >= size) n = size - 1;
    memcpy(copy, line, n);
    copy[n] = '\0';
    return copy;
}

typedef struct Column {
    int index;
    const char *name;
    double missing, missing_too, least, most;    // codes of what is missing: the format's, another in use
} Column;

enum { DRY, DEW, HUMIDITY, PRESSURE };
static const Column columns[4] = {
    {6, "dry bulb", 99.9, 999.0, -70.0, 70.0},
    {7, "dew point", 99.9, 999.0, -90.0, 70.0},
    {8, "relative humidity", 999.0, 999.0, 0.0, 110.0},
    {9, "pressure", 999999.0, 999999.0, 60000.0, 110000.0},
};

static bool read_record(const char *line, int number, const char *path, double value[4], bool gap[4], TwError *error)
{
    char text[64];
    for (int i = 0; i < 4; i++) {
        const Column *c = &columns[i];
        if (!field(line, c->index, text, sizeof text))
            return tw_fail_at(error, path, number, 0, "record ends before column %d (%s)", c->index + 1, c->name);
        // blank, or one of the codes: missing, as EnergyPlus takes it
        gap[i] = text[strspn(text, " ")] == '\0';
        value[i] = 0.0;
        if (gap[i]) continue;
        if (!read_number(text, &value[i]))
            return tw_fail_at(error, path, number, 0, "column %d (%s): '%s' is no number", c->index + 1, c->name, text);
        gap[i] = fabs(value[i] - c->missing) < 1e-9 || fabs(value[i] - c->missing_too) < 1e-9;
        if (!gap[i] && (value[i] < c->least || value[i] > c->most))
            return tw_fail_at(error, path, number, 0, "column %d (%s) = %g, expected %g to %g", c->index + 1, c->name,
                              value[i], c->least, c->most);
    }
    if (!gap[0] && !gap[1] && value[1] > value[0] + 0.5)
        return tw_fail_at(error, path, number, 0, "dew point %g is above dry bulb %g", value[1], value[0]);
    return true;
}

enum { GAP_MOST = 6 };    // hours

// Gaps of up to six hours are filled in a straight line, around the turn of the year too; longer ones with what holds
// otherwise. NAN: nothing does.
static bool fill_gaps(double *x, const bool *gap, double otherwise, const char *name, const char *path, TwError *error)
{
    int first = 0;
    while (first < TW_HOURS && gap[first]) first++;
    if (first == TW_HOURS && isnan(otherwise))
        return tw_fail_at(error, path, 0, 0, "%s is missing in every record", name);
    for (int i = 0; first == TW_HOURS && i < TW_HOURS; i++) x[i] = otherwise;
    for (int i = 1; first < TW_HOURS && i < TW_HOURS; i++) {
        int h = (first + i) % TW_HOURS, length = 0;
        if (!gap[h]) continue;
        while (gap[(h + length) % TW_HOURS]) length++;
        bool line = length <= GAP_MOST;
        if (!line && isnan(otherwise))
            return tw_fail_at(error, path, h + 9, 0, "%s is missing for %d hours, at most %d can be filled", name,
                              length, GAP_MOST);
        double before = x[(h + TW_HOURS - 1) % TW_HOURS], after = x[(h + length) % TW_HOURS];
        for (int k = 0; k < length; k++)
            x[(h + k) % TW_HOURS] = line ? before + (after - before) * (k + 1) / (length + 1) : otherwise;
        i += length - 1;
    }
    return true;
}

typedef struct Raw {
    double value[4][TW_HOURS];
    bool gap[4][TW_HOURS];
} Raw;

// What other columns of the record say of a gap: dew point and relative humidity of one another.
static void fill_from_others(Raw *raw)
{
    for (int i = 0; i < TW_HOURS; i++) {
        bool *no_dew = &raw->gap[DEW][i], *no_humidity = &raw->gap[HUMIDITY][i];
        if (raw->gap[DRY][i] || *no_dew == *no_humidity) continue;
        double saturated_pa = tw_air_saturation_pa(raw->value[DRY][i]), pressure_pa = 101325.0;    // of no account here
        if (*no_humidity)
            raw->value[HUMIDITY][i] = 100.0 * fmin(tw_air_saturation_pa(raw->value[DEW][i]) / saturated_pa, 1.0);
        else
            raw->value[DEW][i] = tw_air_dew_point_degc(
                tw_air_humidity(fmin(0.01 * raw->value[HUMIDITY][i], 1.0) * saturated_pa, pressure_pa), pressure_pa);
        *no_dew = *no_humidity = false;
    }
}

static bool read_lines(TwWeather *weather, FILE *file, const char *path, Raw *raw, TwError *error)
{
    char line[4096], text[64];
    int number = 0, hour = 0, leap = 0;
    while (fgets(line, sizeof line, file)) {
        number++;
        // comments may be longer than what is of interest here
        for (int c = strchr(line, '\n') ? '\n' : 0; c != '\n' && c != EOF;) c = fgetc(file);
        if (number == 1) {
            if (strncmp(line, "LOCATION,", 9) != 0)
                return tw_fail_at(error, path, 1, 0, "no LOCATION header: not an EnergyPlus weather file");
            if (!field(line, 1, weather->name, sizeof weather->name) || !field(line, 9, text, sizeof text) ||
                !read_number(text, &weather->elevation_m))
                return tw_fail_at(error, path, 1, 0, "LOCATION has no elevation in column 10");
        }
        double records;
        if (number <= 8 && strncmp(line, "DATA PERIODS,", 13) == 0 && field(line, 2, text, sizeof text) &&
            read_number(text, &records) && records != 1.0)
            return tw_fail_at(error, path, number, 0, "%g records an hour, expected 1", records);
        if (number <= 8 || line[strspn(line, " \r\n")] == '\0') continue;
        // year, month, day, hour
        double month, day;
        if (field(line, 1, text, sizeof text) && read_number(text, &month) && field(line, 2, text, sizeof text) &&
            read_number(text, &day)) {
            if (hour == 0 && (month != 1.0 || day != 1.0))
                return tw_fail_at(error, path, number, 0, "begins on day %g of month %g, expected 1 January", day,
                                  month);
            if (month == 2.0 && day == 29.0 && leap == 0) leap = number;
        }
        if (hour == TW_HOURS && leap > 0)
            return tw_fail_at(error, path, leap, 0, "29 February: more than 8760 records, expected a year without it");
        if (hour == TW_HOURS) return tw_fail_at(error, path, number, 0, "more than 8760 records");
        double value[4];
        bool gap[4];
        if (!read_record(line, number, path, value, gap, error)) return false;
        // the record of hour 1 to 24 is the value at h:00: hour 24 closes the day
        for (int i = 0; i < 4; i++) raw->value[i][hour] = value[i], raw->gap[i][hour] = gap[i];
        hour++;
    }
    if (hour != TW_HOURS) return tw_fail_at(error, path, number, 0, "%d records, expected 8760", hour);
    return true;
}

bool tw_weather_read(TwWeather *weather, const char *path, TwError *error)
{
    memset(weather, 0, sizeof *weather);
    FILE *file = fopen(path, "r");
    if (!file) {
        tw_fail_at(error, path, 0, 0, "cannot be opened: %s", strerror(errno));
        if (error) error->status = TW_IO;
        return false;
    }
    Raw *raw = calloc(1, sizeof *raw);
    bool ok = raw ? read_lines(weather, file, path, raw, error) : tw_fail(error, TW_IO, "out of memory");
    fclose(file);
    if (ok) {
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < TW_HOURS; i++) weather->filled += raw->gap[k][i];
        fill_from_others(raw);
    }
    for (int i = 0; i < 4 && ok; i++) {
        double otherwise = i == PRESSURE ? tw_air_standard_pressure_pa(weather->elevation_m) : NAN;
        ok = fill_gaps(raw->value[i], raw->gap[i], otherwise, columns[i].name, path, error);
    }
    for (int i = 0; i < TW_HOURS && ok; i++) {
        // record i stands for i + 1 o'clock
        int h = (i + 1) % TW_HOURS;
        double t = raw->value[DRY][i], p = raw->value[PRESSURE][i];
        double humidity = tw_air_humidity_relative(t, fmin(raw->value[2][i], 100.0) / 100.0, p);
        weather->dry_bulb_degc[h] = t;
        weather->cut += raw->value[1][i] > t;
        weather->dew_point_degc[h] = fmin(raw->value[1][i], t);
        weather->pressure_pa[h] = p;
        weather->wet_bulb_degc[h] = tw_air_wet_bulb_degc(t, humidity, p);
    }
    free(raw);
    return ok;
}

TwAir tw_weather_at(const TwWeather *weather, double second_of_year)
{
    double hours = fmod(second_of_year / 3600.0, (double)TW_HOURS);
    if (hours < 0.0) hours += TW_HOURS;
    int a = (int)hours % TW_HOURS, b = (a + 1) % TW_HOURS;
    double u = hours - floor(hours);
#define BETWEEN(x) (weather->x[a] + u * (weather->x[b] - weather->x[a]))
    return (TwAir){BETWEEN(dry_bulb_degc), BETWEEN(wet_bulb_degc), BETWEEN(dew_point_degc), BETWEEN(pressure_pa)};
#undef BETWEEN
}
