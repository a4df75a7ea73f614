// One file under many settings: read whole for the first, then only the values that differ are put in.
//
// What a reading merges depends on the paths of its settings, and on the values of a few of them: parts, counts, fluids
// and volume flows. Readings that agree in these have the same groups, entries and rows, and differ in values that are
// looked up through one setting each. So a form keeps a whole reading and writes numbers and words into those settings;
// what is no plain number or word is read whole again, and told in the words of the reader where it is wrong.

#include "sim/config_inner.h"

#include <sha2.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FORMS = 8, LANES = 4 };
static const size_t MOST_BYTES = (size_t)64 << 20;

// Groups built alike share a row of values: its digest is made once for all of them.
typedef struct Row {
    const TwSetting *const *values;
    uint8_t digest[SHA256_DIGEST_LENGTH];
    bool varies, linked, stale;
} Row;

// A row holds what a set says.
typedef struct Link {
    int set, row;
} Link;

typedef struct Touched {
    const TwNode *node;
    int row;
    uint64_t part[LANES];
} Touched;

typedef struct Value {
    TwSetting *setting;    // that all its groups point to; NULL: what it says decides what is there
    TwUnit unit;
    char *text, *word;    // "path=value" as it stands now; the value of a text
} Value;

typedef struct Form {
    TwConfig *config;
    Value *values;
    int count;
    Row *rows;    // hash table by the values
    int row_count, row_room;
    Link *links;
    int link_count, link_room;
    Touched *touched;
    int touched_count, touched_room;
    uint64_t sum[LANES];
    long long used;
} Form;

struct TwVariants {
    TwConfigInput input;
    TwLibrary *library;
    Form *forms[MOST_FORMS];
    int form_count;
    long long clock;
    TwLine line;
};

static void *grown(void *list, int count, int *room, size_t size)
{
    if (count < *room) return list;
    *room = *room ? 2 * *room : 32;
    list = realloc(list, (size_t)*room * size);
    if (!list) abort();
    return list;
}

// ---- the key --------------------------------------------------------------------------------------------------------

// Each group gives a digest of its path and values; the key is that of their sum, so that one group can be exchanged.
static void row_digest(TwLine *line, const TwNode *node, uint8_t digest[SHA256_DIGEST_LENGTH])
{
    SHA2_CTX context;
    line->length = 0;
    tw_key_values(line, node);
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)line->text, line->length);
    SHA256Final(digest, &context);
}

static void part_of(const TwNode *node, const uint8_t digest[SHA256_DIGEST_LENGTH], uint64_t part[LANES])
{
    SHA2_CTX context;
    uint8_t both[SHA256_DIGEST_LENGTH];
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)node->path, strlen(node->path) + 1);
    SHA256Update(&context, digest, SHA256_DIGEST_LENGTH);
    SHA256Final(both, &context);
    _Static_assert(sizeof both == LANES * sizeof(uint64_t), "a digest is four lanes");
    memcpy(part, both, sizeof both);
}

static void key_text(const uint64_t sum[LANES], char key[33])
{
    SHA2_CTX context;
    char all[SHA256_DIGEST_STRING_LENGTH];
    SHA256Init(&context);
    SHA256Update(&context, (const uint8_t *)sum, LANES * sizeof *sum);
    memcpy(key, SHA256End(&context, all), 32);
    key[32] = '\0';
}

// The set of a form that gives this value; -1: a file or the table.
static int set_of(const Form *form, const TwSetting *setting)
{
    if (!setting->place.origin || !setting->place.origin->command_line) return -1;
    for (int i = 0; i < form->count; i++)
        if (form->values[i].setting == setting) return i;
    return -1;
}

static Row *slot(Row *rows, int room, const TwSetting *const *values)
{
    size_t at = ((size_t)(uintptr_t)values >> 4) * 0x9e3779b97f4a7c15u >> 20 & (size_t)(room - 1);
    while (rows[at].values && rows[at].values != values) at = (at + 1) & (size_t)(room - 1);
    return &rows[at];
}

static void grow_rows(Form *form)
{
    int room = form->row_room ? 2 * form->row_room : 256;
    Row *rows = calloc((size_t)room, sizeof *rows);
    if (!rows) abort();
    for (int i = 0; i < form->row_room; i++)
        if (form->rows[i].values) *slot(rows, room, form->rows[i].values) = form->rows[i];
    free(form->rows);
    form->rows = rows;
    form->row_room = room;
}

static Row *row_of(Form *form, const TwNode *node, TwLine *line)
{
    if (2 * form->row_count >= form->row_room) grow_rows(form);
    Row *row = slot(form->rows, form->row_room, node->values);
    if (row->values) return row;
    row->values = node->values;
    row_digest(line, node, row->digest);
    form->row_count++;
    for (int i = 0; i < node->kind->field_count && !row->varies; i++) row->varies = set_of(form, node->values[i]) >= 0;
    return row;
}

static void walk(Form *form, const TwNode *node, TwLine *line)
{
    uint64_t part[LANES];
    static const uint8_t none[SHA256_DIGEST_LENGTH];
    Row *row = node->kind->field_count ? row_of(form, node, line) : NULL;
    part_of(node, row ? row->digest : none, part);
    for (int i = 0; i < LANES; i++) form->sum[i] += part[i];
    if (row && row->varies) {
        form->touched = grown(form->touched, form->touched_count, &form->touched_room, sizeof *form->touched);
        Touched *touched = &form->touched[form->touched_count++];
        *touched = (Touched){.node = node};
        memcpy(touched->part, part, sizeof part);
    }
    for (int c = 0; c < node->kind->child_count; c++) {
        if (node->groups[c]) walk(form, node->groups[c], line);
        for (int i = 0; i < node->lists[c].count; i++) walk(form, node->lists[c].nodes[i], line);
    }
}

// The rows stay where they are from here on.
static void link_rows(Form *form)
{
    for (int t = 0; t < form->touched_count; t++) {
        Touched *touched = &form->touched[t];
        const TwNode *node = touched->node;
        touched->row = (int)(slot(form->rows, form->row_room, node->values) - form->rows);
        Row *row = &form->rows[touched->row];
        for (int i = 0; i < node->kind->field_count && !row->linked; i++) {
            int set = set_of(form, node->values[i]);
            if (set < 0) continue;
            form->links = grown(form->links, form->link_count, &form->link_room, sizeof *form->links);
            form->links[form->link_count++] = (Link){set, touched->row};
        }
        row->linked = true;
    }
}

void tw_config_sum_key(const TwConfig *config, char key[33])
{
    Form form = {.count = 0};
    TwLine line = {0};
    walk(&form, config->root, &line);
    tw_line_free(&line);
    free(form.rows);
    key_text(form.sum, key);
}

// ---- forms ----------------------------------------------------------------------------------------------------------

static void form_destroy(Form *form)
{
    if (!form) return;
    tw_config_destroy(form->config);
    for (int i = 0; i < form->count; i++) {
        free(form->values[i].text);
        free(form->values[i].word);
    }
    free(form->values);
    free(form->rows);
    free(form->links);
    free(form->touched);
    free(form);
}

static char *copied(const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

// A reading of its own, with all that later ones need to know about it.
static Form *form_create(TwVariants *variants, const char *const *sets, int count, TwErrors *errors)
{
    TwConfigInput input = variants->input;
    input.sets = sets;
    input.set_count = count;
    TwConfig *config;
    if (!tw_config_read_with(&config, &input, variants->library, errors)) return NULL;
    Form *form = calloc(1, sizeof *form);
    if (!form || !(form->values = calloc((size_t)count + 1, sizeof *form->values))) abort();
    form->config = config;
    form->count = count;
    for (int i = 0; i < count; i++) {
        const TwSet *set = &config->sets[i];
        Value *value = &form->values[i];
        value->text = copied(sets[i]);
        if (set->shapes || !set->setting) continue;
        value->setting = (TwSetting *)set->setting;
        value->unit = set->unit;
    }
    walk(form, config->root, &variants->line);
    link_rows(form);
    return form;
}

// Length of the path and its sign, where two texts begin with the same one; 0: they do not.
static size_t same_path(const char *a, const char *b)
{
    const char *sign = strchr(a, '=');
    size_t length = sign ? (size_t)(sign - a) + 1 : 0;
    return length && strncmp(a, b, length) == 0 ? length : 0;
}

// Puts in what a set says now. False: it is nothing plain.
static bool put(Form *form, int set, const char *text)
{
    Value *value = &form->values[set];
    size_t path = same_path(value->text, text);
    char *copy = copied(text), *word = NULL;
    TwSetting now = *value->setting;
    if (now.field->type == TW_TEXT) {
        word = copied(text + path);
        now.value.text = word;
    }
    if (!tw_value_plain(now.field, value->unit, text + path, &now.value)) {
        free(copy);
        free(word);
        return false;
    }
    *value->setting = now;
    free(value->text);
    free(value->word);
    value->text = copy;
    value->word = word;
    for (int i = 0; i < form->link_count; i++)
        if (form->links[i].set == set) form->rows[form->links[i].row].stale = true;
    return true;
}

static void key_again(TwVariants *variants, Form *form)
{
    for (int t = 0; t < form->touched_count; t++) {
        Touched *touched = &form->touched[t];
        Row *row = &form->rows[touched->row];
        if (!row->stale) continue;
        uint64_t part[LANES];
        // the first of those that share the row makes its digest
        if (row->linked) row_digest(&variants->line, touched->node, row->digest);
        row->linked = false;
        part_of(touched->node, row->digest, part);
        for (int i = 0; i < LANES; i++) form->sum[i] += part[i] - touched->part[i];
        memcpy(touched->part, part, sizeof part);
    }
    for (int i = 0; i < form->link_count; i++) {
        Row *row = &form->rows[form->links[i].row];
        row->stale = false;
        row->linked = true;
    }
}

// Whether a form differs from these settings in plain values only.
static bool suits(const Form *form, const char *const *sets, int count)
{
    if (form->count != count) return false;
    for (int i = 0; i < count; i++) {
        const Value *value = &form->values[i];
        if (value->setting ? !same_path(value->text, sets[i]) : strcmp(value->text, sets[i]) != 0) return false;
    }
    return true;
}

static void drop(TwVariants *variants, int index)
{
    form_destroy(variants->forms[index]);
    variants->forms[index] = variants->forms[--variants->form_count];
}

// Room for one more: those that were not used for longest go.
static void make_room(TwVariants *variants)
{
    for (;;) {
        size_t bytes = 0;
        int oldest = -1;
        for (int i = 0; i < variants->form_count; i++) {
            bytes += tw_pool_bytes(&variants->forms[i]->config->pool);
            if (oldest < 0 || variants->forms[i]->used < variants->forms[oldest]->used) oldest = i;
        }
        if (oldest < 0 || (variants->form_count < MOST_FORMS && bytes < MOST_BYTES)) return;
        drop(variants, oldest);
    }
}

TwVariants *tw_variants_create(const TwConfigInput *input, TwLibrary *library)
{
    TwVariants *variants = calloc(1, sizeof *variants);
    if (!variants) abort();
    variants->input = (TwConfigInput){.root = input->root, .path = copied(input->path)};
    if (input->parts) variants->input.parts = copied(input->parts);
    variants->library = library;
    return variants;
}

void tw_variants_destroy(TwVariants *variants)
{
    if (!variants) return;
    while (variants->form_count) drop(variants, 0);
    tw_line_free(&variants->line);
    free((char *)variants->input.path);
    free((char *)variants->input.parts);
    free(variants);
}

const TwConfig *tw_variants_read(TwVariants *variants, const char *const *sets, int count, char key[33],
                                 TwErrors *errors)
{
    Form *form = NULL;
    for (int i = 0; i < variants->form_count && !form; i++) {
        if (!suits(variants->forms[i], sets, count)) continue;
        form = variants->forms[i];
        bool plain = true;
        for (int k = 0; k < count && plain; k++)
            if (strcmp(form->values[k].text, sets[k]) != 0) plain = put(form, k, sets[k]);
        if (plain) continue;
        form = NULL;
        drop(variants, i);
        break;
    }
    if (form)
        key_again(variants, form);
    else {
        make_room(variants);
        form = form_create(variants, sets, count, errors);
        if (!form) return NULL;
        variants->forms[variants->form_count++] = form;
    }
    form->used = ++variants->clock;
    key_text(form->sum, key);
    return form->config;
}
