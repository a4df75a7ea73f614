// A written value as a setting of a field: type, exact unit, range, mark and source.

#include "sim/config_inner.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const mark_words[] = {"user", "measured", "vendor", "derived", "assumed", "default"};

const char *tw_mark_word(TwMark mark) { return mark_words[mark]; }

// a table may keep a default outside its range, as a word for "chosen by the model": it can be written too
static bool is_standard(const TwField *field, double value)
{
    if (!field->standard) return false;
    char *end = NULL;
    double standard = strtod(field->standard, &end);
    return end != field->standard && *end == '\0' && standard == value;
}

static bool may_be_unbounded(const TwField *field)
{
    const char *standard = field->standard ? field->standard : "";
    return isinf(field->max) || strcmp(standard, "none") == 0 || strcmp(standard, "\"none\"") == 0 ||
           strcmp(standard, "inf") == 0;
}

bool tw_value_in_range(const TwField *field, double value)
{
    if (isnan(value) || (value >= field->min && value <= field->max)) return true;
    return is_standard(field, value) || (isinf(value) && value > 0.0 && may_be_unbounded(field));
}

static const char *type_text(TwType type)
{
    switch (type) {
    case TW_REAL:
        return "a number";
    case TW_INTEGER:
        return "a whole number";
    case TW_BOOLEAN:
        return "true or false";
    case TW_TEXT:
        return "\"text\"";
    case TW_REALS:
        return "numbers [1.0, 2.0]";
    case TW_TEXTS:
        return "texts [\"a\", \"b\"]";
    }
    return "";
}

void tw_value_expected(const TwField *field, char *text, size_t size)
{
    bool number = field->type == TW_REAL || field->type == TW_INTEGER || field->type == TW_REALS;
    const char *unit = strcmp(field->unit, "1") == 0 ? "" : field->unit;
    const char *space = *unit ? " " : "";
    // whole numbers print whole
    int digits = field->type == TW_INTEGER ? 15 : 6;
    if (!number)
        snprintf(text, size, "expected %s", type_text(field->type));
    else if (isinf(field->min) && isinf(field->max))
        snprintf(text, size, "expected %s%s%s", type_text(field->type), space, unit);
    else if (isinf(field->max))
        snprintf(text, size, "expected at least %.*g%s%s", digits, field->min, space, unit);
    else if (isinf(field->min))
        snprintf(text, size, "expected at most %.*g%s%s", digits, field->max, space, unit);
    else
        snprintf(text, size, "expected %.*g to %.*g%s%s", digits, field->min, digits, field->max, space, unit);
}

// --- messages: "cooling.cdus.cdu1.flow_kw = 1.9: ..."

static const TwItem *item_of(const config_setting_t *written) { return config_setting_get_hook(written); }

// the text of a value, cut where it is long
static const char *literal_of(TwReading *reading, const config_setting_t *written)
{
    const TwItem *item = item_of(written);
    const char *text = reading->source->text + item->value;
    int length = item->value_length;
    if (length > 60) return tw_pool_print(&reading->config->pool, "%.*s...", 57, text);
    return tw_pool_copy(&reading->config->pool, text, (size_t)length);
}

TW_PRINTF(4, 5)
static void complain(TwReading *reading, const config_setting_t *setting, const config_setting_t *at,
                     const char *format, ...)
{
    char text[1024];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    const char *path = reading->path.length ? reading->path.text : "";
    tw_place_error(reading->config->errors, tw_source_place(reading->source, item_of(at)->value), "%s%s%s = %s: %s",
                   path, *path ? "." : "", config_setting_name(setting), literal_of(reading, at), text);
}

// --- numbers

// What is being read: the setting for messages, the field, the conversion.
typedef struct Wanted {
    TwReading *reading;
    const config_setting_t *setting;
    const TwField *field;
    TwUnit unit;
} Wanted;

static bool is_number_type(int type)
{
    return type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64 || type == CONFIG_TYPE_FLOAT;
}

// literal x 10^ten, the power of ten added to the exponent before it is parsed
static double parsed_real(const char *literal, int ten)
{
    char text[512];
    const char *mark = strpbrk(literal, "eE");
    long exponent = mark ? strtol(mark + 1, NULL, 10) : 0;
    int mantissa = mark ? (int)(mark - literal) : (int)strlen(literal);
    // a longer mantissa has digits that no double can hold, but its zeros count
    if (ten == 0 || mantissa > 480) return strtod(literal, NULL) * (ten == 0 ? 1.0 : pow(10.0, ten));
    if (exponent > 100000) exponent = 100000;
    if (exponent < -100000) exponent = -100000;
    snprintf(text, sizeof text, "%.*se%ld", mantissa, literal, exponent + ten);
    return strtod(text, NULL);
}

// "3e9": the fewest digits that give the value, in the form people write
static void as_power(char *text, size_t size, double value)
{
    for (int digits = 0; digits <= 16; digits++) {
        snprintf(text, size, "%.*e", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    char *e = strchr(text, 'e');
    if (!e || e[1] != '+') return;
    const char *exponent = e + 2 + (e[2] == '0');
    memmove(e + 1, exponent, strlen(exponent) + 1);
}

// A whole literal; libconfig wraps what does not fit without a word.
static bool whole(Wanted *wanted, const config_setting_t *at, const char *literal, int64_t *value)
{
    size_t length = strlen(literal);
    bool is_long = length && literal[length - 1] == 'L';
    bool hexadecimal = length > 1 && (literal[1] == 'x' || literal[1] == 'X');
    errno = 0;
    long long parsed = strtoll(literal, NULL, hexadecimal ? 16 : 10);
    bool real = wanted->field->type != TW_INTEGER;
    if (errno == ERANGE) {
        complain(wanted->reading, wanted->setting, at, "does not fit 64 bits%s", real ? ": write it as 1e20" : "");
        return false;
    }
    *value = parsed;
    if (is_long || (parsed >= INT32_MIN && parsed <= INT32_MAX)) return true;
    char power[40];
    as_power(power, sizeof power, (double)parsed);
    if (real)
        complain(wanted->reading, wanted->setting, at, "does not fit 32 bits: write %s or %lldL", power, parsed);
    else
        complain(wanted->reading, wanted->setting, at, "does not fit 32 bits: write %lldL", parsed);
    return false;
}

static bool in_range(Wanted *wanted, const config_setting_t *at, double value)
{
    const TwField *field = wanted->field;
    if (tw_value_in_range(field, value)) return true;
    char expected[160];
    tw_value_expected(field, expected, sizeof expected);
    if (wanted->unit.ten != 0 || wanted->unit.factor != 1.0)
        complain(wanted->reading, wanted->setting, at, "%s (%s = %.6g)", expected, field->name, value);
    else
        complain(wanted->reading, wanted->setting, at, "%s", expected);
    return false;
}

static bool word_of(const config_setting_t *written, const char *word)
{
    return config_setting_type(written) == CONFIG_TYPE_STRING && strcmp(config_setting_get_string(written), word) == 0;
}

// Reads a number in the field's unit, without range check.
static bool number(Wanted *wanted, const config_setting_t *at, double *value, int64_t *integer)
{
    TwReading *reading = wanted->reading;
    const TwField *field = wanted->field;
    bool real = field->type != TW_INTEGER;
    if (item_of(at)->bad) return false;

    if (real && word_of(at, "unknown")) {
        *value = NAN;
        return true;
    }
    if (real && may_be_unbounded(field) && (word_of(at, "none") || word_of(at, "inf"))) {
        *value = INFINITY;
        return true;
    }
    int type = config_setting_type(at);
    if (!is_number_type(type)) {
        const char *more = field->text, *stop = ":";
        if (word_of(at, "none")) more = "it cannot be unbounded", stop = ";";
        if (word_of(at, "unknown")) more = "it cannot be unknown", stop = ";";
        complain(reading, wanted->setting, at, "expected %s%s %s", type_text(real ? TW_REAL : TW_INTEGER), stop, more);
        return false;
    }

    const TwItem *item = item_of(at);
    char *literal =
        tw_pool_copy(&reading->config->pool, reading->source->text + item->value, (size_t)item->value_length);
    if (type != CONFIG_TYPE_FLOAT) {
        int64_t parsed = 0;
        if (!whole(wanted, at, literal, &parsed)) return false;
        *integer = parsed;
        char plain[32];
        snprintf(plain, sizeof plain, "%lld", (long long)parsed);
        *value = parsed_real(plain, wanted->unit.ten) * wanted->unit.factor;
    } else {
        *value = parsed_real(literal, wanted->unit.ten) * wanted->unit.factor;
        if (isinf(*value)) {
            complain(reading, wanted->setting, at, "is not finite: the largest number is 1.8e308");
            return false;
        }
    }
    if (real) return true;
    if (wanted->unit.ten == 0 && wanted->unit.factor == 1.0) {
        if (type != CONFIG_TYPE_FLOAT) return true;
        complain(reading, wanted->setting, at, "expected a whole number%s",
                 *value == nearbyint(*value) ? ", without a point" : "");
        return false;
    }
    // a whole number in another unit: 1.5 of a thousand is whole
    if (*value != nearbyint(*value) || fabs(*value) > 9e15) {
        complain(reading, wanted->setting, at, "expected a whole number (%s = %.9g)", field->name, *value);
        return false;
    }
    *integer = (int64_t)*value;
    return true;
}

// --- marks and sources

static bool mark_of(Wanted *wanted, const config_setting_t *at, TwMark *mark)
{
    const char *word = config_setting_type(at) == CONFIG_TYPE_STRING ? config_setting_get_string(at) : NULL;
    for (int i = 0; word && i < TW_COUNT(mark_words); i++)
        if (strcmp(mark_words[i], word) == 0) {
            // a part says how it knows
            if (wanted->reading->part && (i == TW_USER || i == TW_DEFAULT)) break;
            *mark = (TwMark)i;
            return true;
        }
    complain(wanted->reading, wanted->setting, at, "unknown mark; expected measured, vendor, derived or assumed");
    return false;
}

static bool source_of(Wanted *wanted, const config_setting_t *at, const char **key)
{
    TwConfig *config = wanted->reading->config;
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        complain(wanted->reading, wanted->setting, at, "the source is a text: a key of sources.cfg");
        return false;
    }
    const char *text = config_setting_get_string(at);
    *key = tw_pool_copy(&config->pool, text, strlen(text));
    if (!config->sources_read) return true;
    for (int i = 0; i < config->source_count; i++)
        if (strcmp(config->source_keys[i], text) == 0) return true;
    const char *near = tw_nearest(text, config->source_keys, config->source_count);
    if (near)
        complain(wanted->reading, wanted->setting, at,
                 "unknown source; did you mean %s? Sources are listed in "
                 "facilities/parts/sources.cfg",
                 near);
    else
        complain(wanted->reading, wanted->setting, at, "unknown source; add it to facilities/parts/sources.cfg");
    return false;
}

bool tw_value_mark(TwReading *reading, const config_setting_t *written, TwMark *mark)
{
    Wanted wanted = {.reading = reading, .setting = written};
    return !item_of(written)->bad && mark_of(&wanted, written, mark);
}

bool tw_value_source(TwReading *reading, const config_setting_t *written, const char **key)
{
    Wanted wanted = {.reading = reading, .setting = written};
    return !item_of(written)->bad && source_of(&wanted, written, key);
}

// --- each type

static bool read_scalar(Wanted *wanted, const config_setting_t *at, TwSetting *setting);

static bool read_number(Wanted *wanted, const config_setting_t *at, TwSetting *setting)
{
    double value = NAN;
    int64_t integer = 0;
    if (!number(wanted, at, &value, &integer)) return false;
    // a volume flow is checked when its fluid is known
    if (!wanted->unit.density && !in_range(wanted, at, value)) return false;
    if (wanted->field->type == TW_INTEGER)
        setting->value.integer = integer;
    else
        setting->value.real = value;
    setting->density = wanted->unit.density && isfinite(value);
    return true;
}

static bool read_text(Wanted *wanted, const config_setting_t *at, TwSetting *setting)
{
    const TwField *field = wanted->field;
    if (config_setting_type(at) != CONFIG_TYPE_STRING) {
        complain(wanted->reading, wanted->setting, at, "expected \"text\"");
        return false;
    }
    const char *text = config_setting_get_string(at);
    setting->value.text = tw_pool_copy(&wanted->reading->config->pool, text, strlen(text));
    if (!field->words) return true;

    int count = 0;
    for (; field->words[count]; count++)
        if (strcmp(field->words[count], text) == 0) return true;
    if (field->standard && strcmp(field->standard, text) == 0) return true;
    char list[512] = "";
    size_t used = 0;
    for (int i = 0; i < count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                 i == 0           ? ""
                                 : i == count - 1 ? " or "
                                                  : ", ",
                                 field->words[i]);
    complain(wanted->reading, wanted->setting, at, "expected %s", list);
    return false;
}

static bool read_array(Wanted *wanted, const config_setting_t *at, TwSetting *setting)
{
    int type = config_setting_type(at);
    bool texts = wanted->field->type == TW_TEXTS;
    TwPool *pool = &wanted->reading->config->pool;
    // one value alone is a list of one
    bool alone = type == CONFIG_TYPE_STRING ? texts || word_of(at, "unknown") : is_number_type(type) && !texts;
    if (!alone && type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
        complain(wanted->reading, wanted->setting, at, "expected %s", type_text(wanted->field->type));
        return false;
    }
    int count = alone ? 1 : config_setting_length(at);
    double *reals = tw_pool_take(pool, (size_t)count, sizeof *reals);
    const char **words = tw_pool_take(pool, (size_t)count, sizeof *words);
    for (int i = 0; i < count; i++) {
        const config_setting_t *element = alone ? at : config_setting_get_elem(at, (unsigned)i);
        int64_t integer = 0;
        if (!texts) {
            if (!number(wanted, element, &reals[i], &integer) || !in_range(wanted, element, reals[i])) return false;
        } else if (config_setting_type(element) == CONFIG_TYPE_STRING) {
            const char *text = config_setting_get_string(element);
            words[i] = tw_pool_copy(pool, text, strlen(text));
        } else {
            complain(wanted->reading, wanted->setting, element, "expected \"text\"");
            return false;
        }
    }
    if (texts)
        setting->value.texts = (TwTexts){count, words};
    else
        setting->value.reals = (TwReals){count, reals};
    return true;
}

static bool read_scalar(Wanted *wanted, const config_setting_t *at, TwSetting *setting)
{
    switch (wanted->field->type) {
    case TW_REAL:
    case TW_INTEGER:
        return read_number(wanted, at, setting);
    case TW_TEXT:
        return read_text(wanted, at, setting);
    case TW_REALS:
    case TW_TEXTS:
        return read_array(wanted, at, setting);
    case TW_BOOLEAN:
        break;
    }
    if (config_setting_type(at) != CONFIG_TYPE_BOOL) {
        complain(wanted->reading, wanted->setting, at, "expected true or false");
        return false;
    }
    setting->value.boolean = config_setting_get_bool(at) != 0;
    return true;
}

// the stated range, in the field's unit
static bool read_stated(Wanted *wanted, const config_setting_t *tuple, TwSetting *setting)
{
    int64_t low = 0, high = 0;
    TwField free_range = *wanted->field;
    free_range.min = -INFINITY;
    free_range.max = INFINITY;
    Wanted bound = *wanted;
    bound.field = &free_range;
    const config_setting_t *from = config_setting_get_elem(tuple, 1), *to = config_setting_get_elem(tuple, 2);
    if (!number(&bound, from, &setting->min, &low) || !number(&bound, to, &setting->max, &high)) return false;
    if (setting->min > setting->max) {
        complain(wanted->reading, wanted->setting, from, "the range is upside down: its end is %.9g", setting->max);
        return false;
    }
    double value = wanted->field->type == TW_INTEGER ? (double)setting->value.integer : setting->value.real;
    if (value < setting->min || value > setting->max) {
        complain(wanted->reading, wanted->setting, config_setting_get_elem(tuple, 0),
                 "lies outside the range stated beside it");
        return false;
    }
    return true;
}

// (value, "mark"), (value, "mark", "source"), (value, min, max, "mark", "source"); a facility may leave the source out
static bool read_tuple(Wanted *wanted, const config_setting_t *tuple, TwSetting *setting)
{
    TwReading *reading = wanted->reading;
    int length = config_setting_length(tuple);
    TwType type = wanted->field->type;
    bool ranged = (type == TW_REAL || type == TW_INTEGER) && length >= 4;
    int mark = ranged ? 3 : 1, source = mark + 1;
    bool sourced = length == source + 1;
    if (length != source && !sourced) {
        complain(reading, wanted->setting, tuple,
                 "expected (value, \"mark\", \"source\") or (value, min, max, \"mark\", \"source\")");
        return false;
    }
    if (reading->part && !sourced) {
        complain(reading, wanted->setting, tuple, "a part number is (value, \"mark\", \"source\")");
        return false;
    }
    // all three are looked at, so that all their errors are told
    bool good = read_scalar(wanted, config_setting_get_elem(tuple, 0), setting);
    good &= mark_of(wanted, config_setting_get_elem(tuple, (unsigned)mark), &setting->mark);
    if (sourced) good &= source_of(wanted, config_setting_get_elem(tuple, (unsigned)source), &setting->source);
    if (good && ranged) good = read_stated(wanted, tuple, setting);
    return good;
}

// a list is a tuple where one value is expected; where an array is, only ([...], "default") is one
static bool is_tuple(const TwField *field, const config_setting_t *written)
{
    if (config_setting_type(written) != CONFIG_TYPE_LIST) return false;
    if (field->type != TW_REALS && field->type != TW_TEXTS) return true;
    if (config_setting_length(written) < 2) return false;
    int first = config_setting_type(config_setting_get_elem(written, 0));
    return first == CONFIG_TYPE_ARRAY || first == CONFIG_TYPE_LIST;
}

TwSetting *tw_value_read(TwReading *reading, const config_setting_t *written, const TwField *field, TwUnit unit)
{
    TwConfig *config = reading->config;
    TwSetting *setting = tw_pool_take(&config->pool, 1, sizeof *setting);
    const char *name = config_setting_name(written);
    *setting = (TwSetting){
        .field = field,
        .min = NAN,
        .max = NAN,
        .mark = reading->part ? TW_ASSUMED_MARK : TW_USER,
        .spelling = tw_pool_copy(&config->pool, name, strlen(name)),
        .place = tw_source_place(reading->source, item_of(written)->value),
        .literal = literal_of(reading, written),
        .given = true,
    };
    if (item_of(written)->bad) {
        setting->bad = true;
        return setting;
    }
    Wanted wanted = {reading, written, field, unit};
    bool number = field->type == TW_REAL || field->type == TW_INTEGER;
    if (is_tuple(field, written)) {
        setting->bad = !read_tuple(&wanted, written, setting);
        if (setting->mark == TW_DEFAULT) setting->given = false;
    } else {
        setting->bad = !read_scalar(&wanted, written, setting);
        if (!setting->bad && reading->part && number && is_number_type(config_setting_type(written))) {
            complain(reading, written, written, "a part number is (value, \"mark\", \"source\")");
            setting->bad = true;
        }
    }
    return setting;
}

static bool plain_word(const TwField *field, const char *text)
{
    size_t length = strlen(text);
    if (!length || isspace((unsigned char)text[0]) || isspace((unsigned char)text[length - 1])) return false;
    if (strpbrk(text, "\"\\\n")) return false;
    if (!field->words || (field->standard && strcmp(field->standard, text) == 0)) return true;
    for (int i = 0; field->words[i]; i++)
        if (strcmp(field->words[i], text) == 0) return true;
    return false;
}

bool tw_value_plain(const TwField *field, TwUnit unit, const char *text, TwAny *value)
{
    if (field->type == TW_TEXT) return plain_word(field, text);
    if (field->type == TW_BOOLEAN) {
        value->boolean = strcmp(text, "true") == 0;
        return value->boolean || strcmp(text, "false") == 0;
    }
    if (unit.density || (field->type != TW_REAL && field->type != TW_INTEGER)) return false;
    // digits, and a point or an exponent where it is no whole number
    size_t n = text[0] == '-', digits = strspn(text + n, "0123456789");
    bool real = false;
    if (!digits || digits > 18) return false;
    n += digits;
    if (text[n] == '.') {
        real = true;
        n += 1 + strspn(text + n + 1, "0123456789");
    }
    if (text[n] == 'e') {
        size_t sign = text[n + 1] == '-' || text[n + 1] == '+', power = strspn(text + n + 1 + sign, "0123456789");
        if (!power) return false;
        real = true;
        n += 1 + sign + power;
    }
    bool wide = !real && text[n] == 'L' && !text[n + 1];
    if ((text[n] && !wide) || n > 60) return false;

    if (real) {
        double parsed = parsed_real(text, unit.ten) * unit.factor;
        if (field->type != TW_REAL || isinf(parsed) || !tw_value_in_range(field, parsed)) return false;
        value->real = parsed;
        return true;
    }
    int64_t whole = strtoll(text, NULL, 10);
    if (!wide && (whole < INT32_MIN || whole > INT32_MAX)) return false;
    if (field->type == TW_INTEGER) {
        if (unit.ten != 0 || unit.factor != 1.0 || !tw_value_in_range(field, (double)whole)) return false;
        value->integer = whole;
        return true;
    }
    char literal[32];
    snprintf(literal, sizeof literal, "%lld", (long long)whole);
    double parsed = parsed_real(literal, unit.ten) * unit.factor;
    if (!tw_value_in_range(field, parsed)) return false;
    value->real = parsed;
    return true;
}

// The default, or the least of its range above or at nothing; a text is the first of its words.
const TwSetting *tw_value_stand_in(TwConfig *config, const TwField *field)
{
    TwSetting *setting = tw_pool_take(&config->pool, 1, sizeof *setting);
    if (field->standard) return tw_value_default(config, field, setting) ? setting : NULL;
    double least = fmin(fmax(field->min, 0.0), field->max);
    *setting = (TwSetting){.field = field, .min = NAN, .max = NAN, .mark = TW_DEFAULT};
    switch (field->type) {
    case TW_REAL:
        setting->value.real = least;
        return setting;
    case TW_INTEGER:
        setting->value.integer = (int64_t)ceil(least);
        return setting;
    case TW_BOOLEAN:
        return setting;
    case TW_TEXT:
        setting->value.text = field->words ? field->words[0] : "";
        return setting;
    case TW_TEXTS:
        setting->value.texts = (TwTexts){0, tw_pool_take(&config->pool, 1, sizeof(char *))};
        return setting;
    case TW_REALS:
        break;
    }
    return NULL;    // a curve of its own
}

// --- defaults of the table

// Reads a default as a file would write it, quotes around words left out. False: the table is wrong.
bool tw_value_default(TwConfig *config, const TwField *field, TwSetting *setting)
{
    const char *text = field->standard;
    *setting = (TwSetting){.field = field, .min = NAN, .max = NAN, .mark = TW_DEFAULT, .literal = text};
    size_t length = strlen(text);
    char *end = NULL;
    switch (field->type) {
    case TW_REAL:
        if (strcmp(text, "unknown") == 0 || strcmp(text, "\"unknown\"") == 0) {
            setting->value.real = NAN;
        } else if (strcmp(text, "none") == 0 || strcmp(text, "\"none\"") == 0 || strcmp(text, "inf") == 0) {
            setting->value.real = INFINITY;
        } else {
            setting->value.real = strtod(text, &end);
            assert(end != text && *end == '\0');
        }
        return true;
    case TW_INTEGER:
        setting->value.integer = strtoll(text, &end, 0);
        assert(end != text && (*end == '\0' || *end == 'L'));
        return true;
    case TW_BOOLEAN:
        setting->value.boolean = strcmp(text, "true") == 0;
        return true;
    case TW_TEXT:
        if (length >= 2 && text[0] == '"' && text[length - 1] == '"')
            setting->value.text = tw_pool_copy(&config->pool, text + 1, length - 2);
        else
            setting->value.text = text;
        return true;
    case TW_REALS:
    case TW_TEXTS:
        break;
    }

    // arrays: "[1.0, 2.0]", "[a, b]", "" or "[]" for none
    int room = 1;
    for (const char *c = text; *c; c++) room += *c == ',';
    double *reals = tw_pool_take(&config->pool, (size_t)room, sizeof *reals);
    const char **words = tw_pool_take(&config->pool, (size_t)room, sizeof *words);
    int count = 0;
    for (const char *c = text; *c;) {
        c += strspn(c, " [](),\"");
        size_t word = strcspn(c, " [](),\"");
        if (!word) continue;
        words[count] = tw_pool_copy(&config->pool, c, word);
        reals[count] = field->type == TW_REALS ? strtod(words[count], NULL) : 0.0;
        count++;
        c += word;
    }
    if (field->type == TW_REALS)
        setting->value.reals = (TwReals){count, reals};
    else
        setting->value.texts = (TwTexts){count, words};
    return true;
}
