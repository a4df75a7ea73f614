// What a written name means in a kind: looked up once for every spelling, then remembered.

#include "sim/config_inner.h"

#include <string.h>

static TwMeaning meaning_of(const TwKind *kind, const char *name)
{
    TwMeaning meaning = {.name = name, .unit = {0, 1.0, false}};
    for (int i = 0; i < kind->field_count; i++)
        if (strcmp(kind->fields[i].name, name) == 0) {
            meaning.means = TW_MEANS_FIELD;
            meaning.index = i;
            return meaning;
        }
    for (int i = 0; i < kind->child_count; i++)
        if (strcmp(kind->children[i].name, name) == 0) {
            meaning.means = TW_MEANS_CHILD;
            meaning.index = i;
            return meaning;
        }
    int field = tw_unit_field(kind, name, &meaning.unit);
    if (field >= 0) {
        meaning.means = TW_MEANS_FIELD;
        meaning.index = field;
    }
    return meaning;
}

static uint32_t hash_of(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

static TwMeaning *slot(TwKnown *known, const char *name)
{
    uint32_t mask = (uint32_t)known->meaning_room - 1;
    uint32_t at = hash_of(name) & mask;
    while (known->meanings[at].name && strcmp(known->meanings[at].name, name) != 0) at = (at + 1) & mask;
    return &known->meanings[at];
}

// a table with room for as many again; the old one stays in the pool
static void grow(TwConfig *config, TwKnown *known)
{
    TwKnown old = *known;
    known->meaning_room = old.meaning_room ? 2 * old.meaning_room : 64;
    known->meanings = tw_pool_take(&config->pool, (size_t)known->meaning_room, sizeof *known->meanings);
    for (int i = 0; i < old.meaning_room; i++)
        if (old.meanings[i].name) *slot(known, old.meanings[i].name) = old.meanings[i];
}

const TwMeaning *tw_known_name(TwConfig *config, TwKnown *known, const char *name)
{
    if (2 * known->meaning_count >= known->meaning_room) grow(config, known);
    TwMeaning *found = slot(known, name);
    if (!found->name) {
        *found = meaning_of(known->kind, tw_pool_copy(&config->pool, name, strlen(name)));
        known->meaning_count++;
    }
    return found;
}

TwKnown *tw_known(TwConfig *config, const TwKind *kind)
{
    for (int i = 0; i < config->known_count; i++)
        if (config->known[i]->kind == kind) return config->known[i];

    if (config->known_count == config->known_room) {
        TwKnown **old = config->known;
        config->known_room = config->known_room ? 2 * config->known_room : 32;
        config->known = tw_pool_take(&config->pool, (size_t)config->known_room, sizeof *config->known);
        if (old) memcpy(config->known, old, (size_t)config->known_count * sizeof *old);
    }
    TwKnown *known = tw_pool_take(&config->pool, 1, sizeof *known);
    config->known[config->known_count++] = known;
    known->kind = kind;
    if (config->library) {
        known->defaults = tw_library_defaults(config->library, kind);
        return known;
    }
    TwSetting *defaults = tw_pool_take(&config->pool, (size_t)kind->field_count, sizeof *defaults);
    for (int i = 0; i < kind->field_count; i++) {
        const TwField *field = &kind->fields[i];
        defaults[i].field = field;
        if (field->standard) tw_value_default(config, field, &defaults[i]);
    }
    known->defaults = defaults;
    return known;
}
