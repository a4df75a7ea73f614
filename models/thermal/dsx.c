#include "models/thermal/dsx.h"

#include "sim/csv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct TwDsx {
    int count, room;
    TwDsxPoint *points;
    int *next, first[4096];    // points by the hash of their name: -1 ends
};

// objects and points that have a meaning here, with their units; "": states without a unit
static const struct {
    const char *object, *point, *unit;
} known[] = {
    {"Rack", "RackLiquidSupplyTemperature", "C"},
    {"Rack", "RackLiquidReturnTemperature", "C"},
    {"Rack", "RackLiquidFlow", "LPM"},
    {"Rack", "RackLiquidDifferentialPressure", "kPa"},
    {"Rack", "RackLiquidDifferentialPressureSp", "kPa"},
    {"Rack", "RackControlValvePosition", "%"},
    {"Rack", "RackPower", "kW"},
    {"Rack", "RackLeakDetect", ""},
    {"Rack", "RackLeakSensorFault", ""},
    {"Rack", "RackLeakDetectTray", ""},
    {"Rack", "RackLiquidIsolationStatus", ""},
    {"Rack", "RackElectricalIsolationStatus", ""},
    {"Rack", "RackLiquidIsolationRequest", ""},
    {"Rack", "RackElectricalIsolationRequest", ""},
    {"*", "LiquidTemperature", "C"},
    {"*", "LiquidTemperatureSpRequest", "C"},
    {"*", "LiquidFlow", "LPM"},
    {"*", "LiquidPressure", "kPa"},
    {"*", "LiquidDifferentialPressure", "kPa"},
    {"*", "PumpSpeed", "%"},
    {"*", "ValvePosition", "%"},
    {"*", "FanSpeed", "%"},
    {"*", "Status", ""},
    {"*", "Available", ""},
    {"*", "LeakDetect", ""},
    {"*", "AirTemperature", "C"},
    {"*", "AirRelativeHumidity", "%"},
    {"*", "AirDifferentialPressure", "Pa"},
    {"*", "AirFlow", ""},
    {"*", "Sound", "dB"},
    {"PowerMeter", "ActivePower", "kW"},
    {"PowerMeter", "ApparentPower", "kVA"},
    {"PowerMeter", "ReactivePower", "kVAR"},
    {"PowerMeter", "Current", "A"},
    {"PowerMeter", "PhaseCurrent", "A"},
    {"PowerMeter", "CurrentLimit", "A"},
    {"PowerMeter", "Frequency", "Hz"},
    {"PowerMeter", "Voltage", "V"},
    {"PowerMeter", "Energy", "kWh"},
    {"PowerMeter", "PowerFactor", ""},
};

static bool is_known(const char *object, const char *point)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].point, point) == 0 && (known[i].object[0] == '*' || strcmp(known[i].object, object) == 0))
            return true;
    return false;
}

// the text behind "name": in a payload; NULL: none
static const char *member(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\"", name);
    const char *at = strstr(json, key);
    if (!at) return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':') at++;
    return at;
}

// a string, or the strings of a list with a blank behind each
static void words(const char *json, const char *name, char *text, size_t size)
{
    const char *at = member(json, name);
    size_t used = 0;
    text[0] = '\0';
    if (!at) return;
    bool list = *at == '[';
    for (const char *c = at; *c && *c != '}' && !(list && *c == ']'); c++) {
        if (*c != '"') continue;
        const char *end = strchr(c + 1, '"');
        if (!end) return;
        int room = (int)(size - used), n = (int)(end - c - 1);
        if (n + 2 > room) return;
        used += (size_t)snprintf(text + used, size - used, list ? "%.*s " : "%.*s", n, c + 1);
        if (!list) return;
        c = end;
    }
}

static unsigned hash(const char *text)
{
    unsigned h = 2166136261u;
    for (; *text; text++) h = (h ^ (unsigned char)*text) * 16777619u;
    return h % 4096u;
}

// the point of a topic, made where it is new; rest: OBJECT/POINT/TAG
static TwDsxPoint *point_of(TwDsx *x, const char *rest, TwError *error)
{
    const char *slash = strchr(rest, '/'), *second = slash ? strchr(slash + 1, '/') : NULL;
    if (!second || slash - rest > 31 || second - slash > 47) {
        tw_fail(error, TW_BAD_INPUT, "topic \"...%.60s\", expected OBJECT/POINT/TAG", rest);
        return NULL;
    }
    unsigned h = hash(rest);
    for (int i = x->first[h]; i >= 0; i = x->next[i]) {
        const TwDsxPoint *p = &x->points[i];
        size_t a = strlen(p->object), b = strlen(p->point);
        if (strncmp(rest, p->object, a) == 0 && rest[a] == '/' && strncmp(rest + a + 1, p->point, b) == 0 &&
            rest[a + 1 + b] == '/' && strcmp(rest + a + b + 2, p->tag) == 0)
            return &x->points[i];
    }
    if (x->count == x->room) {
        x->room = x->room ? 2 * x->room : 256;
        x->points = realloc(x->points, (size_t)x->room * sizeof *x->points);
        x->next = realloc(x->next, (size_t)x->room * sizeof *x->next);
        if (!x->points || !x->next) abort();
    }
    TwDsxPoint *p = &x->points[x->count];
    *p = (TwDsxPoint){.tag = strdup(second + 1), .serves = strdup(""), .least = INFINITY, .most = -INFINITY};
    if (!p->tag || !p->serves) abort();
    snprintf(p->object, sizeof p->object, "%.*s", (int)(slash - rest), rest);
    snprintf(p->point, sizeof p->point, "%.*s", (int)(second - slash - 1), slash + 1);
    snprintf(p->id, sizeof p->id, "%.95s", second + 1);
    p->known = is_known(p->object, p->point);
    x->next[x->count] = x->first[h];
    x->first[h] = x->count++;
    return p;
}

static bool take(TwDsx *x, const TwCsv *csv, int row, int topic, int payload, const char *path, TwError *error)
{
    const char *name = tw_csv_text(csv, row, topic), *json = tw_csv_text(csv, row, payload), *rest;
    bool value = (rest = strstr(name, "/Value/")) != NULL, data = !value && (rest = strstr(name, "/Metadata/")) != NULL;
    TwError inner = {0};
    TwDsxPoint *p = rest ? point_of(x, rest + (value ? 7 : 10), &inner) : NULL;
    if (!p || (!value && !data))
        return tw_fail_at(error, path, tw_csv_line(csv, row), 0, "%s",
                          inner.text[0] ? inner.text : "topic without /Value/ or /Metadata/");
    if (data) {
        char serves[4096], id[96];
        words(json, "servesId", serves, sizeof serves);
        // equipment has an objectId, racks a location, valves and switches what they belong to
        static const char *const names[] = {"objectId", "rackLocationId", "associateId"};
        for (int i = 0; i < 3; i++) {
            words(json, names[i], id, sizeof id);
            if (id[0]) break;
        }
        words(json, "engUnit", p->unit, sizeof p->unit);
        words(json, "processArea", p->area, sizeof p->area);
        const char *set = member(json, "isSetpoint");
        p->set_point = set && strncmp(set, "true", 4) == 0;
        if (id[0]) snprintf(p->id, sizeof p->id, "%s", id);
        free(p->serves);
        p->serves = strdup(serves);
        if (!p->serves) abort();
        return true;
    }
    const char *at = member(json, "value"), *quality = member(json, "quality");
    char *end;
    double number = at ? strtod(at, &end) : NAN;
    if (!at || end == at || !isfinite(number))
        return tw_fail_at(error, path, tw_csv_line(csv, row), 0, "payload \"%.40s\", expected {\"value\":NUMBER,...}",
                          json);
    if (quality && *quality != '1') return true;
    p->count++;
    p->mean += (number - p->mean) / p->count;
    p->least = fmin(p->least, number);
    p->most = fmax(p->most, number);
    return true;
}

bool tw_dsx_read(TwDsx **dsx, const char *path, TwError *error)
{
    *dsx = NULL;
    TwCsv *csv;
    if (!tw_csv_read(&csv, path, error)) return false;
    int topic = tw_csv_column(csv, "topic"), payload = tw_csv_column(csv, "payload");
    bool good = (topic >= 0 && payload >= 0) || tw_fail_at(error, path, 1, 0, "expected columns offset,topic,payload");
    TwDsx *x = calloc(1, sizeof *x);
    if (!x) abort();
    for (int i = 0; i < 4096; i++) x->first[i] = -1;
    for (int r = 0; good && r < tw_csv_rows(csv); r++) good = take(x, csv, r, topic, payload, path, error);
    tw_csv_destroy(csv);
    if (good)
        *dsx = x;
    else
        tw_dsx_destroy(x);
    return good;
}

void tw_dsx_destroy(TwDsx *x)
{
    if (!x) return;
    for (int i = 0; i < x->count; i++) {
        free(x->points[i].tag);
        free(x->points[i].serves);
    }
    free(x->points);
    free(x->next);
    free(x);
}

int tw_dsx_points(const TwDsx *x) { return x->count; }
const TwDsxPoint *tw_dsx_point(const TwDsx *x, int i) { return &x->points[i]; }

static bool serves(const TwDsxPoint *p, const char *id)
{
    size_t n = strlen(id);
    for (const char *at = p->serves; (at = strstr(at, id)) != NULL; at += n)
        if ((at == p->serves || at[-1] == ' ') && at[n] == ' ') return true;
    return false;
}

static bool is_meter(const TwDsxPoint *p)
{
    return p->count > 0 && strcmp(p->object, "PowerMeter") == 0 && strcmp(p->point, "ActivePower") == 0;
}

static bool is_rack(const TwDsxPoint *p)
{
    return p->count > 0 && strcmp(p->object, "Rack") == 0 && strcmp(p->point, "RackPower") == 0;
}

double tw_dsx_racks_kw(const TwDsx *x)
{
    double sum = NAN;
    for (int i = 0; i < x->count; i++)
        if (is_rack(&x->points[i])) sum = (isnan(sum) ? 0.0 : sum) + x->points[i].mean;
    return sum;
}

double tw_dsx_busways_kw(const TwDsx *x)
{
    double sum = NAN;
    for (int i = 0; i < x->count; i++) {
        if (!is_meter(&x->points[i])) continue;
        bool fed = false;
        for (int k = 0; k < x->count && !fed; k++)
            fed = k != i && is_meter(&x->points[k]) && serves(&x->points[k], x->points[i].id);
        if (!fed) sum = (isnan(sum) ? 0.0 : sum) + x->points[i].mean;
    }
    return sum;
}

double tw_dsx_feeds_kw(const TwDsx *x, const TwDsxPoint *rack, int *count)
{
    double sum = 0.0;
    *count = 0;
    for (int i = 0; i < x->count; i++) {
        if (!is_meter(&x->points[i]) || !serves(&x->points[i], rack->id)) continue;
        sum += x->points[i].mean;
        ++*count;
    }
    return sum;
}

bool tw_validate_dsx(TwValidation *v, const char *path, TwError *error)
{
    TwDsx *x;
    if (!tw_dsx_read(&x, path, error)) return false;
    static const char source[] = "DSX Exchange recording";
    int unknown = 0;
    for (int i = 0; i < x->count; i++) unknown += !x->points[i].known;
    double racks = tw_dsx_racks_kw(x), busways = tw_dsx_busways_kw(x);
    if (isfinite(racks) && isfinite(busways))
        tw_validation_row(v, "X3", "racks against busways", "kW", racks, busways, TW_RELATIVE, 5e-5, source);
    for (int i = 0; i < x->count; i++) {
        int feeds;
        if (!is_rack(&x->points[i])) continue;
        double sum = tw_dsx_feeds_kw(x, &x->points[i], &feeds);
        if (feeds == 0) continue;
        char what[160];
        snprintf(what, sizeof what, "feeds of %s against its meter", x->points[i].id);
        tw_validation_row(v, "X4", what, "kW", sum, x->points[i].mean, TW_RELATIVE, 1e-4, source);
    }
    tw_validation_row(v, "X5", "points without a name of ours", "1", unknown, 0.0, TW_ABSOLUTE, 0.0, source);
    tw_dsx_destroy(x);
    return true;
}
