// The scanner beside libconfig: where every setting stands, and what to write instead of what cannot be read.
//
// It follows libconfig's grammar, records each setting and element in document order, and repairs the text it hands
// on: what is wrong is reported, the value marked bad and replaced by a stand-in of the same length, so that
// libconfig parses the rest and every other error of the file is found too.

#include "sim/config_inner.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 64, MANY_NAMES = 2000 };

typedef struct Scan {
    TwSource *source;
    char *text;
    int at;
    int depth;
    bool fatal;    // nothing after this place can be understood
} Scan;

TW_PRINTF(3, 4)
static void report(Scan *scan, int offset, const char *format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    tw_place_report(scan->source->errors, false, tw_source_place(scan->source, offset), text);
}

#define STOP(scan, offset, ...) (report(scan, offset, __VA_ARGS__), (scan)->fatal = true)

static char peek(const Scan *scan) { return scan->text[scan->at]; }
static bool is_space(char c) { return c && strchr(" \t\n\r\f\v", c); }
static bool is_name_start(char c) { return isalpha((unsigned char)c) || c == '*'; }
static bool is_name(char c) { return isalnum((unsigned char)c) || c == '*' || c == '_' || c == '-'; }

// over white space and comments
static void skip(Scan *scan)
{
    for (;;) {
        char c = peek(scan), next = c ? scan->text[scan->at + 1] : '\0';
        if (is_space(c)) {
            scan->at++;
        } else if (c == '#' || (c == '/' && next == '/')) {
            while (peek(scan) && peek(scan) != '\n') scan->at++;
        } else if (c == '/' && next == '*') {
            const char *end = strstr(scan->text + scan->at + 2, "*/");
            if (!end) {
                STOP(scan, scan->at, "this comment is never closed: write */ at its end");
                scan->at = (int)scan->source->size;
                return;
            }
            scan->at = (int)(end + 2 - scan->text);
        } else {
            return;
        }
    }
}

static void fill(Scan *scan, int from, int to, char with)
{
    for (int i = from; i < to; i++)
        if (scan->text[i] != '\n') scan->text[i] = with;
}

// a value that libconfig can read, in place of text[from .. to-1]
static void stand_in(Scan *scan, int from, int to)
{
    fill(scan, from, to, ' ');
    scan->text[from] = '0';
}

static int add_item(Scan *scan, int name, int name_length)
{
    TwSource *source = scan->source;
    if (source->item_count == source->item_room) {
        source->item_room = source->item_room ? 2 * source->item_room : 256;
        source->items = realloc(source->items, (size_t)source->item_room * sizeof *source->items);
        if (!source->items) abort();
    }
    source->items[source->item_count] = (TwItem){.name = name, .name_length = name_length};
    return source->item_count++;
}

static TwItem *item_at(Scan *scan, int item) { return &scan->source->items[item]; }

// --- words: numbers, booleans, and everything that is neither

typedef enum Word { WORD_BAD, WORD_INTEGER, WORD_LONG, WORD_REAL, WORD_BOOLEAN } Word;

static size_t digits(const char *text)
{
    size_t n = 0;
    while (isdigit((unsigned char)text[n])) n++;
    return n;
}

// length of the number that text begins with, as libconfig reads numbers; 0: none
static size_t number_length(const char *text, Word *word)
{
    size_t n = 0, hex = 0;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        for (n = 2; isxdigit((unsigned char)text[n]); n++) hex++;
        if (!hex) return 0;
        *word = WORD_INTEGER;
    } else {
        if (text[n] == '-' || text[n] == '+') n++;
        size_t whole = digits(text + n), part = 0;
        n += whole;
        *word = WORD_INTEGER;
        if (text[n] == '.') {
            part = digits(text + n + 1);
            n += 1 + part;
            *word = WORD_REAL;
        }
        if (!whole && !part) return 0;
        if (text[n] == 'e' || text[n] == 'E') {
            size_t sign = text[n + 1] == '-' || text[n + 1] == '+';
            size_t exponent = digits(text + n + 1 + sign);
            if (exponent) {
                n += 1 + sign + exponent;
                *word = WORD_REAL;
            }
        }
    }
    if (*word == WORD_INTEGER && text[n] == 'L') {
        n += text[n + 1] == 'L' ? 2 : 1;
        *word = WORD_LONG;
    }
    return n;
}

static Word word_kind(const char *text, int length)
{
    Word word = WORD_BAD;
    if (number_length(text, &word) == (size_t)length) return word;
    if ((length == 4 && strncasecmp(text, "true", 4) == 0) || (length == 5 && strncasecmp(text, "false", 5) == 0))
        return WORD_BOOLEAN;
    return WORD_BAD;
}

static bool one_of(const char *text, int length, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == (size_t)length && strncasecmp(text, *words, (size_t)length) == 0) return true;
    return false;
}

// "limit_kw" with "MW" is "limit_mw": what a unit written behind a number should have been
static void say_unit(Scan *scan, int offset, const TwItem *item, const char *number, int number_size, const char *unit,
                     int unit_size)
{
    char lower[32] = "";
    for (int i = 0; i < unit_size && i < 31; i++) lower[i] = (char)tolower((unsigned char)unit[i]);
    const char *name = scan->text + item->name;
    int stem = item->name_length;
    if (!stem) {
        report(scan, offset, "%.*s %.*s: write the number alone; its unit is in the name of the setting", number_size,
               number, unit_size, unit);
        return;
    }
    // a name that ends in a unit already keeps its stem only
    char whole[96];
    snprintf(whole, sizeof whole, "%.*s", stem, name);
    size_t bare = tw_unit_stem(whole);
    if (bare) whole[bare] = '\0';
    if (strcmp(lower, "%") == 0) snprintf(lower, sizeof lower, "percent");
    report(scan, offset, "%.*s %.*s: the unit belongs in the name: write %s_%s = %.*s;", number_size, number, unit_size,
           unit, whole, lower, number_size, number);
}

static void say_word(Scan *scan, int offset, const TwItem *item, int length)
{
    static const char *const truths[] = {"yes", "on", "y", "t", NULL};
    static const char *const untruths[] = {"no", "off", "n", "f", NULL};
    static const char *const unknowns[] = {"nan", "+nan", "-nan", "null", "nil", "na", "unknown", NULL};
    static const char *const unbounded[] = {"inf", "+inf", "infinity", "+infinity", "none", NULL};
    const char *word = scan->text + offset;
    Word kind = WORD_BAD;
    size_t number = number_length(word, &kind);
    int rest = length - (int)number;
    const char *after = word + number;

    if (one_of(word, length, truths))
        report(scan, offset, "%.*s: write true", length, word);
    else if (one_of(word, length, untruths))
        report(scan, offset, "%.*s: write false", length, word);
    else if (one_of(word, length, unknowns))
        report(scan, offset, "%.*s: an unknown number is written \"unknown\", in quotes", length, word);
    else if (one_of(word, length, unbounded))
        report(scan, offset, "%.*s: no bound is written \"none\", in quotes", length, word);
    else if ((word[0] == '-' || word[0] == '+') && word[1] == '0' && tolower((unsigned char)word[2]) == 'x')
        report(scan, offset, "%.*s: hexadecimal numbers have no sign: write %c%lld", length, word, word[0],
               strtoll(word + 1, NULL, 16));
    else if (number && *after == '_' && isdigit((unsigned char)after[1])) {
        char plain[64];
        int n = 0;
        for (int i = 0; i < length && n < 63; i++)
            if (word[i] != '_') plain[n++] = word[i];
        plain[n] = '\0';
        report(scan, offset, "%.*s: numbers have no separators: write %s", length, word, plain);
    } else if (number && rest > 0 && (isalpha((unsigned char)*after) || *after == '%'))
        say_unit(scan, offset, item, word, (int)number, after, rest);
    else if (isalpha((unsigned char)word[0]) || word[0] == '_')
        report(scan, offset, "%.*s: text is written in quotes: \"%.*s\"", length, word, length, word);
    else
        report(scan, offset, "%.*s: not a value; expected a number, true, false or \"text\"", length, word);
}

static int word_length(const Scan *scan)
{
    int n = 0;
    for (const char *c = scan->text + scan->at; c[n]; n++) {
        if (is_space(c[n]) || strchr(";,()[]{}\"#=", c[n])) break;
        if (c[n] == ':' || (c[n] == '/' && (c[n + 1] == '/' || c[n + 1] == '*'))) break;
    }
    return n;
}

// What follows a number on its line: "60 MW" has a unit there, "a = 1 b = 2" only lacks a semicolon.
static void unit_behind(Scan *scan, int item, int from, int length)
{
    int at = scan->at;
    while (scan->text[at] == ' ' || scan->text[at] == '\t') at++;
    char c = scan->text[at];
    if (!isalpha((unsigned char)c) && c != '%') return;
    int end = at;
    while (is_name(scan->text[end]) || scan->text[end] == '%' ||
           (scan->text[end] == '/' && isalpha((unsigned char)scan->text[end + 1])))
        end++;
    int next = end;
    while (scan->text[next] == ' ' || scan->text[next] == '\t') next++;
    if (scan->text[next] == '=' || scan->text[next] == ':') return;
    say_unit(scan, from, item_at(scan, item), scan->text + from, length, scan->text + at, end - at);
    item_at(scan, item)->bad = true;
    fill(scan, at, end, ' ');
}

static Word scan_word(Scan *scan, int item)
{
    int from = scan->at, length = word_length(scan);
    if (length == 0) {
        // a character that begins nothing: take the rest of the line out
        while (peek(scan) && !strchr("\n;", peek(scan))) scan->at++;
        report(scan, from, "unexpected %c; expected a number, true, false or \"text\"", scan->text[from]);
        stand_in(scan, from, scan->at > from ? scan->at : from + 1);
        item_at(scan, item)->bad = true;
        return WORD_BAD;
    }
    Word word = word_kind(scan->text + from, length);
    scan->at += length;
    if (word == WORD_BAD) {
        say_word(scan, from, item_at(scan, item), length);
        stand_in(scan, from, scan->at);
        item_at(scan, item)->bad = true;
    } else if (word != WORD_BOOLEAN) {
        unit_behind(scan, item, from, length);
    }
    return word;
}

// --- strings

// One string; adjacent strings are one value.
static void scan_string(Scan *scan, int item)
{
    for (;;) {
        int from = scan->at++;
        while (peek(scan) && peek(scan) != '"' && peek(scan) != '\n')
            scan->at += peek(scan) == '\\' && scan->text[scan->at + 1] && scan->text[scan->at + 1] != '\n' ? 2 : 1;
        if (peek(scan) != '"') {
            report(scan, from, "this text is not closed on its line: write \" at its end");
            stand_in(scan, from, scan->at);
            item_at(scan, item)->bad = true;
            return;
        }
        int end = ++scan->at;
        skip(scan);
        if (peek(scan) != '"' || item_at(scan, item)->bad) {
            scan->at = end;
            return;
        }
    }
}

static void scan_single_quotes(Scan *scan, int item)
{
    int from = scan->at++;
    while (peek(scan) && peek(scan) != '\'' && peek(scan) != '\n') scan->at++;
    if (peek(scan) == '\'') scan->at++;
    int length = scan->at - from - 2 > 0 ? scan->at - from - 2 : 0;
    report(scan, from, "text is written in double quotes: \"%.*s\"", length > 60 ? 60 : length, scan->text + from + 1);
    stand_in(scan, from, scan->at);
    item_at(scan, item)->bad = true;
}

// --- structure

static void scan_settings(Scan *scan, char close, int opened);
static Word scan_value(Scan *scan, int item);

static bool deeper(Scan *scan)
{
    if (++scan->depth <= DEEPEST) return true;
    STOP(scan, scan->at, "groups and lists are nested deeper than %d", DEEPEST);
    return false;
}

static void scan_elements(Scan *scan, int item)
{
    int opened = scan->at++;
    bool array = scan->text[opened] == '[', mixed = false;
    char close = array ? ']' : ')';
    Word first = WORD_BAD;
    bool have_first = false;
    if (!deeper(scan)) return;

    skip(scan);
    while (!scan->fatal && peek(scan) != close) {
        if (!peek(scan)) {
            STOP(scan, opened, "this %c is never closed", scan->text[opened]);
            return;
        }
        if (peek(scan) == ',') {
            report(scan, scan->at, "a value is missing before this comma");
            scan->text[scan->at++] = ' ';
            item_at(scan, item)->bad = true;
            skip(scan);
            continue;
        }
        if (strchr(")]};", peek(scan))) {
            STOP(scan, scan->at, "expected %c to close the %c of line %d", close, scan->text[opened],
                 tw_source_place(scan->source, opened).line);
            return;
        }

        int from = scan->at, element = add_item(scan, 0, 0);
        char begin = peek(scan);
        Word word = scan_value(scan, element);
        if (scan->fatal) return;
        if (item_at(scan, element)->bad) item_at(scan, item)->bad = true;
        if (array && strchr("{([", begin)) {
            report(scan, from, "[ ] holds numbers or texts only: write ( ) around groups and lists");
            mixed = true;
        }
        if (!have_first) first = word, have_first = true;
        if (array && word != first && !item_at(scan, item)->bad && !mixed) {
            report(scan, from, "[ ] holds one type: write 1.0 beside 2.0, or ( ) around numbers of both kinds");
            mixed = true;
        }

        skip(scan);
        if (peek(scan) == ',') {
            int comma = scan->at++;
            skip(scan);
            if (peek(scan) == close) {
                report(scan, comma, "no comma after the last element: remove it");
                scan->text[comma] = ' ';
            }
        } else if (peek(scan) && !strchr(")]};", peek(scan))) {
            report(scan, scan->at, "a comma is missing before this element");
            if (!is_space(scan->text[scan->at - 1])) {
                scan->fatal = true;
                return;
            }
            scan->text[scan->at - 1] = ',';
        }
    }
    if (scan->fatal) return;
    // libconfig refuses a mixed array as a whole; as a list it can be read on
    if (mixed) {
        scan->text[opened] = '(';
        scan->text[scan->at] = ')';
        item_at(scan, item)->bad = true;
    }
    scan->at++;
    scan->depth--;
}

static void scan_nothing(Scan *scan, int item)
{
    const TwItem *it = item_at(scan, item);
    report(scan, scan->at, "%.*s has no value", it->name_length, scan->text + it->name);
    item_at(scan, item)->bad = true;
    if (scan->at > 0 && (scan->text[scan->at - 1] == ' ' || scan->text[scan->at - 1] == '\t'))
        scan->text[scan->at - 1] = '0';
    else if (peek(scan) == ';' || peek(scan) == ',')
        scan->text[scan->at++] = '0';
    else
        scan->fatal = true;
}

static Word scan_value(Scan *scan, int item)
{
    skip(scan);
    if (scan->fatal) return WORD_BAD;
    int from = scan->at;
    Word word = WORD_BAD;
    item_at(scan, item)->value = from;
    switch (peek(scan)) {
    case '{':
        scan->at++;
        if (deeper(scan)) scan_settings(scan, '}', from);
        scan->depth--;
        break;
    case '[':
    case '(':
        scan_elements(scan, item);
        break;
    case '"':
        scan_string(scan, item);
        break;
    case '\'':
        scan_single_quotes(scan, item);
        break;
    case ';':
    case ',':
    case ')':
    case ']':
    case '}':
    case '\0':
        scan_nothing(scan, item);
        break;
    default:
        word = scan_word(scan, item);
    }
    item_at(scan, item)->value_length = scan->at - from;
    return word;
}

// the separator behind a setting; "1,5" is no separator
static void scan_end(Scan *scan, int item)
{
    int before = scan->at;
    skip(scan);
    if (peek(scan) == ';') {
        scan->at++;
    } else if (peek(scan) == ',') {
        int comma = scan->at++;
        if (isdigit((unsigned char)peek(scan)) && comma == before) {
            const TwItem *it = item_at(scan, item);
            int from = it->value, end = scan->at;
            while (isalnum((unsigned char)scan->text[end]) || scan->text[end] == '.' || scan->text[end] == ',') end++;
            report(scan, from, "%.*s: the decimal sign is a point: write %.*s.%.*s", end - from, scan->text + from,
                   comma - from, scan->text + from, end - comma - 1, scan->text + comma + 1);
            item_at(scan, item)->bad = true;
            fill(scan, comma, end, ' ');
            scan->at = end;
            scan_end(scan, item);
        }
    }
}

// Reads "name =" and leaves scan at the value; -1: no name here, and that was reported.
static int scan_name(Scan *scan)
{
    int from = scan->at;
    bool bad = false;
    if (!is_name_start(peek(scan))) {
        if (isdigit((unsigned char)peek(scan)) || peek(scan) == '_') {
            report(scan, from, "names begin with a letter a-z");
            bad = true;
            scan->text[from] = 'x';
        } else {
            report(scan, from, "unexpected %c; expected the name of a setting", peek(scan));
            while (peek(scan) && !strchr("\n;}", peek(scan))) scan->text[scan->at++] = ' ';
            if (peek(scan) == ';') scan->text[scan->at++] = ' ';
            return -1;
        }
    }
    bool dotted = false;
    while (is_name(peek(scan)) || (peek(scan) == '.' && is_name(scan->text[scan->at + 1]))) {
        dotted |= peek(scan) == '.';
        scan->at++;
    }
    int length = scan->at - from;
    if (dotted) {
        const char *name = scan->text + from, *dot = memchr(name, '.', (size_t)length);
        int head = (int)(dot - name);
        report(scan, from, "%.*s: names have no dots: write %.*s: { %.*s = ...; };", length, name, head, name,
               length - head - 1, dot + 1);
        for (int i = from; i < scan->at; i++)
            if (scan->text[i] == '.') scan->text[i] = '_';
        bad = true;
    }
    int item = add_item(scan, from, length);
    item_at(scan, item)->bad = bad;

    skip(scan);
    if (peek(scan) == '=' || peek(scan) == ':') {
        scan->at++;
        return item;
    }
    if (!scan->fatal) {
        // "name {" and "name 3" only lack the sign
        const char *name = scan->text + from;
        if (peek(scan) && scan->at > from + length && !strchr(";,)]}", peek(scan))) {
            report(scan, scan->at, "expected = or : between %.*s and its value", length, name);
            scan->text[from + length] = '=';
            item_at(scan, item)->bad = true;
            return item;
        }
        STOP(scan, from, "%.*s: expected %.*s = value;", length, name, length, name);
    }
    return -1;
}

typedef struct Named {
    const char *name;
    int length, item, last, end;    // last item inside it; end of its text
} Named;

static int by_name(const void *left, const void *right)
{
    const Named *a = left, *b = right;
    int shorter = a->length < b->length ? a->length : b->length;
    int order = memcmp(a->name, b->name, (size_t)shorter);
    if (order) return order;
    if (a->length != b->length) return a->length - b->length;
    return a->item - b->item;
}

static int by_item_down(const void *left, const void *right)
{
    return ((const Named *)right)->item - ((const Named *)left)->item;
}

// A name given twice in one group: reported at the second, which is taken out of the text and of the items.
static void take_doubles_out(Scan *scan, Named *named, int count)
{
    qsort(named, (size_t)count, sizeof *named, by_name);
    int doubles = 0;
    for (int i = 1, first = 0; i < count; i++) {
        if (named[i].length != named[first].length ||
            memcmp(named[i].name, named[first].name, (size_t)named[i].length) != 0) {
            first = i;
            continue;
        }
        TwPlace place = tw_source_place(scan->source, item_at(scan, named[first].item)->name);
        char first_at[600] = "";    // a --set has no lines
        if (!place.origin->command_line)
            snprintf(first_at, sizeof first_at, "; first at %s:%d", place.origin->file, place.line);
        report(scan, item_at(scan, named[i].item)->name, "%.*s is given twice%s", named[i].length, named[i].name,
               first_at);
        named[doubles++] = named[i];
        if (doubles - 1 == first) first = i;
    }
    // from the back, so that the places of the others stay true
    qsort(named, (size_t)doubles, sizeof *named, by_item_down);
    TwSource *source = scan->source;
    for (int i = 0; i < doubles; i++) {
        fill(scan, item_at(scan, named[i].item)->name, named[i].end, ' ');
        int after = source->item_count - named[i].last;
        memmove(source->items + named[i].item, source->items + named[i].last, (size_t)after * sizeof *source->items);
        source->item_count -= named[i].last - named[i].item;
    }
}

static void scan_settings(Scan *scan, char close, int opened)
{
    Named *named = NULL;
    int count = 0, room = 0;
    for (;;) {
        skip(scan);
        char c = peek(scan);
        if (scan->fatal) break;
        if (!c) {
            if (close) STOP(scan, opened, "this { is never closed");
            break;
        }
        if (close && c == close) {
            scan->at++;
            break;
        }
        if (c == ';') {
            scan->text[scan->at++] = ' ';
            continue;
        }
        if (c == '@') {
            report(scan, scan->at, "@include \"file.cfg\" stands alone on a line");
            while (peek(scan) && peek(scan) != '\n') scan->text[scan->at++] = ' ';
            continue;
        }
        if (strchr(")]}", c)) {
            STOP(scan, scan->at, "this %c closes nothing", c);
            break;
        }
        int item = scan_name(scan);
        if (item < 0) continue;
        scan_value(scan, item);
        if (scan->fatal) break;
        scan_end(scan, item);

        if (count == room) {
            room = room ? 2 * room : 16;
            named = realloc(named, (size_t)room * sizeof *named);
            if (!named) abort();
        }
        const TwItem *it = item_at(scan, item);
        named[count++] = (Named){scan->text + it->name, it->name_length, item, scan->source->item_count, scan->at};
        if (count == MANY_NAMES + 1)
            tw_place_report(scan->source->errors, true, tw_source_place(scan->source, it->name),
                            "more than 2000 names in one group read slowly: a list of groups, or count, is quicker");
    }
    if (!scan->fatal && count > 1) take_doubles_out(scan, named, count);
    free(named);
}

bool tw_scan(TwSource *source)
{
    Scan scan = {.source = source, .text = source->text};
    scan_settings(&scan, '\0', 0);
    return !scan.fatal;
}
