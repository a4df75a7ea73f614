// Unit spellings: power_kw for power_w, flow_lpm for flow_kg_s.
//
// Every suffix is a multiple of the SI unit of one quantity: a power of ten, which goes into the literal before it is
// parsed so that 16.1 kW and 16100 W have the same bits, and a factor for what no power of ten expresses. A name that
// is a field as it stands is never converted.

#include "sim/config_inner.h"

#include <math.h>
#include <string.h>
#include <strings.h>

typedef enum Quantity {
    POWER,
    RAMP,
    ENERGY,
    PRESSURE,
    TIME,
    MEMORY,
    RATIO,
    TEMPERATURE,
    DIFFERENCE,
    FLOW,
    DATA_RATE,
    COMPUTE,
    MONEY,
    CONDUCTANCE,
    HEAT_CAPACITY,
    CURRENT,
    VOLTAGE,
    MASS,
    FREQUENCY,
    QUANTITIES,
} Quantity;

// What a message calls a quantity, and the unit that the table gives its fields.
static const struct {
    const char *name, *unit;
} quantities[QUANTITIES] = {
    [POWER] = {"power", "W"},
    [RAMP] = {"power ramp", "W/s"},
    [ENERGY] = {"energy", "J"},
    [PRESSURE] = {"pressure", "Pa"},
    [TIME] = {"time", "s"},
    [MEMORY] = {"memory", "B"},
    [RATIO] = {"ratio", "1"},
    [TEMPERATURE] = {"temperature", "degC"},
    [DIFFERENCE] = {"temperature difference", "K"},
    [FLOW] = {"mass flow", "kg/s"},
    [DATA_RATE] = {"data rate", "B/s"},
    [COMPUTE] = {"compute", "FLOP/s"},
    [MONEY] = {"money", "USD"},
    [CONDUCTANCE] = {"conductance", "W/K"},
    [HEAT_CAPACITY] = {"heat capacity", "J/K"},
    [CURRENT] = {"current", "A"},
    [VOLTAGE] = {"voltage", "V"},
    [MASS] = {"mass", "kg"},
    [FREQUENCY] = {"frequency", "Hz"},
};

typedef struct Suffix {
    const char *text;
    Quantity quantity;
    int ten;
    double factor;
    bool density;
} Suffix;

// The first of a quantity is its SI unit. gallon: US, 3.785411784 L; psi: 6894.757293168361 Pa.
static const Suffix suffixes[] = {
    {"w", POWER, 0, 1.0, false},
    {"kw", POWER, 3, 1.0, false},
    {"mw", POWER, 6, 1.0, false},
    {"gw", POWER, 9, 1.0, false},
    {"w_s", RAMP, 0, 1.0, false},
    {"kw_s", RAMP, 3, 1.0, false},
    {"mw_s", RAMP, 6, 1.0, false},
    {"j", ENERGY, 0, 1.0, false},
    {"kj", ENERGY, 3, 1.0, false},
    {"kwh", ENERGY, 0, 3.6e6, false},
    {"mwh", ENERGY, 3, 3.6e6, false},
    {"pa", PRESSURE, 0, 1.0, false},
    {"kpa", PRESSURE, 3, 1.0, false},
    {"psi", PRESSURE, 0, 6894.757293168361, false},
    {"s", TIME, 0, 1.0, false},
    {"us", TIME, -6, 1.0, false},
    {"ms", TIME, -3, 1.0, false},
    {"min", TIME, 0, 60.0, false},
    {"h", TIME, 0, 3600.0, false},
    {"d", TIME, 0, 86400.0, false},
    {"bytes", MEMORY, 0, 1.0, false},
    {"mb", MEMORY, 6, 1.0, false},
    {"gb", MEMORY, 9, 1.0, false},
    {"tb", MEMORY, 12, 1.0, false},
    {"fraction", RATIO, 0, 1.0, false},
    {"percent", RATIO, -2, 1.0, false},
    {"degc", TEMPERATURE, 0, 1.0, false},
    {"c", TEMPERATURE, 0, 1.0, false},
    {"k", DIFFERENCE, 0, 1.0, false},
    {"kg_s", FLOW, 0, 1.0, false},
    {"lpm", FLOW, 0, 1.0 / 60000.0, true},
    {"gpm", FLOW, 0, 3.785411784 / 60000.0, true},
    {"bytes_s", DATA_RATE, 0, 1.0, false},
    {"gb_s", DATA_RATE, 9, 1.0, false},
    {"tb_s", DATA_RATE, 12, 1.0, false},
    {"gbit_s", DATA_RATE, 9, 0.125, false},
    {"flops", COMPUTE, 0, 1.0, false},
    {"gflops", COMPUTE, 9, 1.0, false},
    {"tflops", COMPUTE, 12, 1.0, false},
    {"pflops", COMPUTE, 15, 1.0, false},
    {"usd", MONEY, 0, 1.0, false},
    {"kusd", MONEY, 3, 1.0, false},
    {"musd", MONEY, 6, 1.0, false},
    {"w_k", CONDUCTANCE, 0, 1.0, false},
    {"kw_k", CONDUCTANCE, 3, 1.0, false},
    {"j_k", HEAT_CAPACITY, 0, 1.0, false},
    {"kj_k", HEAT_CAPACITY, 3, 1.0, false},
    {"a", CURRENT, 0, 1.0, false},
    {"ka", CURRENT, 3, 1.0, false},
    {"v", VOLTAGE, 0, 1.0, false},
    {"kv", VOLTAGE, 3, 1.0, false},
    {"kg", MASS, 0, 1.0, false},
    {"hz", FREQUENCY, 0, 1.0, false},
    {"khz", FREQUENCY, 3, 1.0, false},
    {"mhz", FREQUENCY, 6, 1.0, false},
    {"ghz", FREQUENCY, 9, 1.0, false},
};

// A name taken apart: "storage_kj_per_gpu" is stem "storage", suffix "kj", tail "_per_gpu".
typedef struct Parts {
    size_t stem;
    const Suffix *suffix;    // the longest that fits; NULL: none
    const char *tail;
} Parts;

static Parts take_apart(const char *name)
{
    const char *tail = strstr(name, "_per_");
    size_t length = tail ? (size_t)(tail - name) : strlen(name);
    Parts parts = {length, NULL, name + length};
    size_t longest = 0;
    for (int i = 0; i < TW_COUNT(suffixes); i++) {
        size_t n = strlen(suffixes[i].text);
        // a name that is nothing but its unit has no stem: "usd"
        bool whole = n == length;
        if (n <= longest || n > length || memcmp(name + length - n, suffixes[i].text, n) != 0) continue;
        if (!whole && name[length - n - 1] != '_') continue;
        longest = n;
        parts.stem = whole ? 0 : length - n - 1;
        parts.suffix = &suffixes[i];
    }
    return parts;
}

static bool same_stem(const char *a, Parts left, const char *b, Parts right)
{
    return left.stem == right.stem && memcmp(a, b, left.stem) == 0 && strcmp(left.tail, right.tail) == 0;
}

static bool starts(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

// A field's name taken apart, its suffix only where it is the unit: rate_s counts per second, loss_a is a coefficient.
static Parts field_parts(const TwField *field)
{
    Parts parts = take_apart(field->name);
    if (!parts.suffix) return parts;
    bool number = field->type == TW_REAL || field->type == TW_INTEGER || field->type == TW_REALS;
    const char *unit = quantities[parts.suffix->quantity].unit;
    bool first = parts.suffix->ten == 0 && parts.suffix->factor == 1.0 && strcmp(parts.suffix->text, "c") != 0;
    // bytes go by several names; "J/GPU" belongs to a name with a tail
    bool same = first ? strcmp(field->unit, unit) == 0 || (*parts.tail && starts(field->unit, unit))
                      : strcasecmp(field->unit, parts.suffix->text) == 0;
    if (parts.suffix->quantity == MEMORY || parts.suffix->quantity == DATA_RATE) same |= starts(field->unit, "byte");
    if (!number || !same) parts.suffix = NULL;
    return parts;
}

int tw_unit_field(const TwKind *kind, const char *name, TwUnit *unit)
{
    Parts given = take_apart(name);
    if (!given.suffix) return -1;
    for (int i = 0; i < kind->field_count; i++) {
        const char *field = kind->fields[i].name;
        Parts known = field_parts(&kind->fields[i]);
        if (!known.suffix || known.suffix->quantity != given.suffix->quantity) continue;
        if (!same_stem(name, given, field, known)) continue;
        unit->ten = given.suffix->ten - known.suffix->ten;
        unit->factor = given.suffix->factor / known.suffix->factor;
        unit->density = given.suffix->density && !known.suffix->density;
        return i;
    }
    return -1;
}

// "kg_s, lpm or gpm"
static void list_suffixes(Quantity quantity, char *text, size_t size)
{
    const char *names[16];
    int count = 0;
    for (int i = 0; i < TW_COUNT(suffixes); i++)
        if (suffixes[i].quantity == quantity && count < 16) names[count++] = suffixes[i].text;
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < count && used < size; i++) {
        const char *between = i == 0 ? "" : i == count - 1 ? " or " : ", ";
        used += (size_t)snprintf(text + used, size - used, "%s%s", between, names[i]);
    }
}

bool tw_unit_wrong(const TwKind *kind, const char *name, char *text, size_t size)
{
    Parts given = take_apart(name);
    if (!given.suffix) return false;
    for (int i = 0; i < kind->field_count; i++) {
        const char *field = kind->fields[i].name;
        Parts known = field_parts(&kind->fields[i]);
        if (!known.suffix || !same_stem(name, given, field, known)) continue;
        char units[128];
        list_suffixes(known.suffix->quantity, units, sizeof units);
        snprintf(text, size, "%.*s is %s; %s is %s", (int)known.stem, field, units, given.suffix->text,
                 quantities[given.suffix->quantity].name);
        return true;
    }
    return false;
}

void tw_unit_spellings(const TwField *field, char *text, size_t size)
{
    const char *canonical = field->name;
    Parts known = field_parts(field);
    size_t used = (size_t)snprintf(text, size, "%s", canonical);
    for (int i = 0; known.suffix && i < TW_COUNT(suffixes) && used < size; i++) {
        if (suffixes[i].quantity != known.suffix->quantity || &suffixes[i] == known.suffix) continue;
        used += (size_t)snprintf(text + used, size - used, ", %.*s%s%s%s", (int)known.stem, canonical,
                                 known.stem ? "_" : "", suffixes[i].text, known.tail);
    }
}

bool tw_unit_respell(const TwField *field, const char *like, char *text, size_t size)
{
    const char *canonical = field->name;
    Parts known = field_parts(field), given = take_apart(like);
    if (!known.suffix || !given.suffix || known.suffix->quantity != given.suffix->quantity) return false;
    snprintf(text, size, "%.*s%s%s%s", (int)known.stem, canonical, known.stem ? "_" : "", given.suffix->text,
             known.tail);
    return true;
}

size_t tw_unit_stem(const char *name)
{
    Parts parts = take_apart(name);
    return parts.suffix ? parts.stem : strlen(name);
}

double tw_unit_density(const char *fluid)
{
    // at 32 degC, the design supply temperature of the racks
    static const struct {
        const char *name;
        double kg_m3;
    } fluids[] = {{"pg25", 1014.7}, {"pg20", 1010.7}, {"pg30", 1018.7}, {"pg35", 1022.5},
                  {"pg40", 1026.0}, {"pg50", 1031.6}, {"water", 995.0}};
    for (int i = 0; i < TW_COUNT(fluids); i++)
        if (strcmp(fluids[i].name, fluid) == 0) return fluids[i].kg_m3;
    return NAN;
}
