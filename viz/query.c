// Map query: comparisons of the quantities and names of things, joined by and, or, not and brackets.
//
//     query      = either { "or" either }        either = one { "and" one }        one = "not" one | "(" query ")" |
//     test test       = WORD ( ">" | "<" | ">=" | "<=" | "==" | "=" | "!=" | "~" ) VALUE [ "in" PLACE ]    | "in" PLACE
//
// WORD is a quantity of racks (return_degc; outlet_degc is the same), a field of elements (loading_fraction), or hall,
// name, part, kind, cdu, feed, state. Numbers are in the unit of the word's end (rack_kw: kW). A thing without the
// quantity is not found. "~" looks for a part of the text; hall == 2 also means hall2.
#include "sim/file.h"
#include "viz/prompt.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct Query {
    const TwScene *scene;
    const char *at;
    int thing;
    char *problem;
    size_t size;
    bool bad;
    char words[8][48];    // quantities that the query names
    int word_count;
} Query;

static bool query(Query *q);

static void complain(Query *q, const char *format, const char *what)
{
    if (!q->bad) snprintf(q->problem, q->size, format, what);
    q->bad = true;
}

static void skip(Query *q)
{
    while (isspace((unsigned char)*q->at)) q->at++;
}

// the next word, without taking it
static void peek(Query *q, char word[64])
{
    skip(q);
    size_t n = 0;
    if (*q->at == '"') {
        while (q->at[1 + n] && q->at[1 + n] != '"' && n < 62) n++;
        memcpy(word, q->at + 1, n);
        word[n] = '\0';
        return;
    }
    while (q->at[n] && !isspace((unsigned char)q->at[n]) && !strchr("()<>=!~", q->at[n]) && n < 63) n++;
    memcpy(word, q->at, n);
    word[n] = '\0';
}

static void take(Query *q, const char *word)
{
    skip(q);
    bool quoted = *q->at == '"';
    q->at += strlen(word) + (quoted ? 1 : 0);
    if (quoted && *q->at == '"') q->at++;
}

static bool taken(Query *q, const char *want)
{
    char word[64];
    peek(q, word);
    if (strcasecmp(word, want) != 0) return false;
    take(q, word);
    return true;
}

// rack_kw and rack_mw are rack_w in other units
static double unit_scale(const char *word, char stem[64])
{
    snprintf(stem, 64, "%s", word);
    size_t n = strlen(stem);
    if (n > 3 && strcmp(stem + n - 3, "_kw") == 0) return strcpy(stem + n - 2, "w"), 1e-3;
    if (n > 3 && strcmp(stem + n - 3, "_mw") == 0) return strcpy(stem + n - 2, "w"), 1e-6;
    return 1.0;
}

static bool number_of(const TwScene *s, int thing, const char *word, double *value)
{
    char stem[64];
    double scale = unit_scale(strcmp(word, "outlet_degc") == 0 ? "return_degc" : word, stem);
    int element = tw_scene_element_of(s, thing);
    *value = NAN;
    if (element < 0) {
        for (int k = 0; k < s->quantity_count; k++)
            if (strcmp(s->quantities[k].name, stem) == 0 || strcmp(s->quantities[k].name, word) == 0) {
                double per = strcmp(s->quantities[k].name, word) == 0 ? 1.0 : scale;
                *value = (double)s->values[(size_t)k * (size_t)s->rack_count + (size_t)thing] * per;
                return true;
            }
        return false;
    }
    const TwSceneElement *e = &s->elements[element];
    if (strcmp(word, "level") == 0) return *value = e->level, true;
    const TwSceneClass *c = &s->classes[e->of];
    for (int f = 0; f < c->field_count; f++) {
        if (strcmp(s->fields[c->field + f].name, stem) != 0) continue;
        *value = (double)s->element_values[c->value + f * c->count + element - c->first] * scale;
        return true;
    }
    if (strcmp(word, "loading_fraction") == 0) return *value = tw_scene_loading(s, element), !isnan(*value);
    return false;
}

static const char *text_of(const TwScene *s, int thing, const char *word)
{
    int element = tw_scene_element_of(s, thing);
    if (strcmp(word, "name") == 0) return tw_scene_name(s, thing);
    if (element < 0) {
        const TwSceneRack *r = &s->racks[thing];
        return strcmp(word, "hall") == 0   ? r->hall
               : strcmp(word, "part") == 0 ? r->part
               : strcmp(word, "cdu") == 0  ? r->cdu
               : strcmp(word, "feed") == 0 ? r->feed
               : strcmp(word, "kind") == 0 ? "rack"
                                           : NULL;
    }
    const TwSceneElement *e = &s->elements[element];
    return strcmp(word, "hall") == 0    ? e->place
           : strcmp(word, "kind") == 0  ? e->kind
           : strcmp(word, "state") == 0 ? tw_scene_state_word(tw_scene_state(s, element))
                                        : NULL;
}

static const char *const text_words[] = {"name", "hall", "part", "cdu", "feed", "kind", "state"};

static bool is_text(const char *word)
{
    for (size_t i = 0; i < sizeof text_words / sizeof *text_words; i++)
        if (strcmp(text_words[i], word) == 0) return true;
    return false;
}

static bool known(const TwScene *s, const char *word)
{
    char stem[64];
    (void)unit_scale(strcmp(word, "outlet_degc") == 0 ? "return_degc" : word, stem);
    if (is_text(word) || strcmp(word, "level") == 0 || strcmp(word, "loading_fraction") == 0) return true;
    for (int k = 0; k < s->quantity_count; k++)
        if (strcmp(s->quantities[k].name, stem) == 0 || strcmp(s->quantities[k].name, word) == 0) return true;
    for (int f = 0; f < s->field_count; f++)
        if (strcmp(s->fields[f].name, stem) == 0) return true;
    return false;
}

// "2" is also hall2: the number that the name ends in
static bool same_name(const char *name, const char *want)
{
    if (strcasecmp(name, want) == 0) return true;
    if (!*want || strspn(want, "0123456789") != strlen(want)) return false;
    size_t n = strlen(name), digits = 0;
    while (digits < n && isdigit((unsigned char)name[n - digits - 1])) digits++;
    return digits > 0 && atoi(name + n - digits) == atoi(want);
}

static bool holds(const char *text, const char *part)
{
    size_t n = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, n) == 0) return true;
    return n == 0;
}

static bool in_place(Query *q)
{
    char place[64];
    peek(q, place);
    take(q, place);
    if (!place[0]) complain(q, "expected the name of a hall after in%s", "");
    const char *hall = text_of(q->scene, q->thing, "hall");
    return hall && same_name(hall, place);
}

static bool test(Query *q)
{
    char word[64], sign[3] = "", value[64];
    if (taken(q, "in")) return in_place(q);
    peek(q, word);
    take(q, word);
    if (!word[0]) {
        complain(q, "expected a quantity before \"%.20s\"", q->at);
        return false;
    }
    // the words are the same for every thing: looked for once
    if (q->thing == 0 && !known(q->scene, word)) {
        complain(q, "nothing here has \"%s\"", word);
        return false;
    }
    skip(q);
    static const char *const signs[] = {">=", "<=", "==", "!=", ">", "<", "=", "~"};
    for (size_t i = 0; !sign[0] && i < sizeof signs / sizeof *signs; i++)
        if (strncmp(q->at, signs[i], strlen(signs[i])) == 0) snprintf(sign, sizeof sign, "%s", signs[i]);
    if (!sign[0]) {
        complain(q, "expected > < >= <= == != or ~ after %s", word);
        return false;
    }
    q->at += strlen(sign);
    peek(q, value);
    take(q, value);
    if (!value[0]) {
        complain(q, "expected a value after %s", sign);
        return false;
    }
    bool yes = false;
    if (is_text(word)) {
        const char *text = text_of(q->scene, q->thing, word);
        if (sign[0] == '~')
            yes = text && holds(text, value);
        else if (sign[0] == '=')
            yes = text && same_name(text, value);
        else if (sign[0] == '!')
            yes = text && !same_name(text, value);
        else
            complain(q, "%s is a text: == != or ~", word);
    } else {
        char *end;
        double want = strtod(value, &end), have;
        if (*end || sign[0] == '~') complain(q, "\"%s\": expected a number", value);
        bool has = number_of(q->scene, q->thing, word, &have) && !isnan(have);
        if (has)
            yes = strcmp(sign, ">") == 0    ? have > want
                  : strcmp(sign, "<") == 0  ? have < want
                  : strcmp(sign, ">=") == 0 ? have >= want
                  : strcmp(sign, "<=") == 0 ? have <= want
                  : sign[0] == '!'          ? have != want
                                            : have == want;
        bool listed = false;
        for (int i = 0; i < q->word_count; i++) listed = listed || strcmp(q->words[i], word) == 0;
        if (!listed && q->word_count < 8) snprintf(q->words[q->word_count++], 48, "%.47s", word);
    }
    if (taken(q, "in")) yes = in_place(q) && yes;
    return yes;
}

static bool one(Query *q)
{
    if (taken(q, "not")) return !one(q);
    skip(q);
    if (*q->at != '(') return test(q);
    q->at++;
    bool yes = query(q);
    skip(q);
    if (*q->at == ')')
        q->at++;
    else
        complain(q, "a bracket is not closed%s", "");
    return yes;
}

static bool either(Query *q)
{
    bool yes = one(q);
    while (!q->bad && taken(q, "and")) yes = one(q) && yes;
    return yes;
}

static bool query(Query *q)
{
    bool yes = either(q);
    while (!q->bad && taken(q, "or")) yes = either(q) || yes;
    return yes;
}

int tw_query(const TwScene *s, const char *text, unsigned char *found, char *problem, size_t size)
{
    int count = 0, things = tw_scene_thing_count(s);
    problem[0] = '\0';
    for (int i = 0; i < things; i++) {
        Query q = {.scene = s, .at = text, .thing = i, .problem = problem, .size = size};
        found[i] = query(&q);
        skip(&q);
        if (!q.bad && *q.at) complain(&q, "what is \"%.30s\"?", q.at);
        if (q.bad) {
            memset(found, 0, (size_t)things);
            return -1;
        }
        count += found[i];
    }
    return count;
}

bool tw_query_save(const TwScene *s, const char *text, const unsigned char *found, const char *path, TwError *error)
{
    TwFile file;
    if (!tw_file_create(&file, path, error)) return false;
    FILE *f = file.stream;
    char problem[160] = "";
    Query q = {.scene = s, .at = text, .problem = problem, .size = sizeof problem};
    (void)query(&q);
    fprintf(f, "time_s,kind,name,hall");
    for (int w = 0; w < q.word_count; w++) fprintf(f, ",%s", q.words[w]);
    fputc('\n', f);
    for (int i = 0; i < tw_scene_thing_count(s); i++) {
        if (!found[i]) continue;
        fprintf(f, "%.10g,%s,%s,%s", s->time_s, text_of(s, i, "kind"), tw_scene_name(s, i), text_of(s, i, "hall"));
        for (int w = 0; w < q.word_count; w++) {
            double value;
            if (number_of(s, i, q.words[w], &value) && isfinite(value))
                fprintf(f, ",%.9g", value);
            else
                fputc(',', f);
        }
        fputc('\n', f);
    }
    return tw_file_finish(&file, true, error);
}
