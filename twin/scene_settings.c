#include "twin/scene_settings.h"

#include "models/network/drawn.h"
#include "sim/config.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 16 };

// A name that leads to a group: of an entry of a list, copies included.
typedef struct Name {
    char path[96];
    int group;
} Name;

struct TwSceneSettings {
    TwSceneSetting *settings;
    TwSceneGroup *groups;
    Name *names;
    int *group_of;
    int setting_count, group_count, name_count, setting_room, group_room, name_room;
    int open[DEEPEST], depth;
    bool copied[DEEPEST];    // the open group is a copy: nothing of it is kept
};

static void *grown(void *array, int count, int *room, size_t size)
{
    if (count < *room) return array;
    *room = *room ? 2 * *room : 256;
    array = realloc(array, (size_t)*room * size);
    if (!array) abort();
    return array;
}

// as much of a text as fits; the end of a path says more than its beginning
static void keep_end(char *to, size_t size, const char *from)
{
    size_t length = strlen(from);
    if (length >= size) from += length - size + 1, length = size - 1;
    memcpy(to, from, length + 1);
}

static int find_group(const TwSceneSettings *s, const char *path)
{
    for (int i = s->name_count - 1; i >= 0; i--)
        if (strcmp(s->names[i].path, path) == 0) return s->names[i].group;
    return -1;
}

static void take_group(void *context, const TwSettingGroup *group)
{
    TwSceneSettings *s = context;
    if (s->depth >= DEEPEST) abort();
    s->names = grown(s->names, s->name_count, &s->name_room, sizeof *s->names);
    Name *name = &s->names[s->name_count++];
    snprintf(name->path, sizeof name->path, "%s", group->path);
    s->copied[s->depth] = group->alike != NULL;
    if (group->alike) {
        // copies follow the first at once
        name->group = -1;
        for (int i = s->name_count - 2; i >= 0 && name->group < 0; i--)
            if (strcmp(s->names[i].path, group->alike) == 0) name->group = s->names[i].group;
        s->depth++;
        return;
    }
    s->groups = grown(s->groups, s->group_count, &s->group_room, sizeof *s->groups);
    TwSceneGroup *to = &s->groups[s->group_count];
    *to = (TwSceneGroup){.first = s->setting_count};
    snprintf(to->path, sizeof to->path, "%s", group->path);
    snprintf(to->part, sizeof to->part, "%s", group->part ? group->part : "");
    name->group = s->group_count;
    s->open[s->depth++] = s->group_count++;
}

static void take_setting(void *context, const TwSettingText *from)
{
    TwSceneSettings *s = context;
    s->settings = grown(s->settings, s->setting_count, &s->setting_room, sizeof *s->settings);
    TwSceneSetting *to = &s->settings[s->setting_count++];
    *to = (TwSceneSetting){0};
    snprintf(to->name, sizeof to->name, "%s", from->name);
    snprintf(to->unit, sizeof to->unit, "%s", from->unit);
    snprintf(to->value, sizeof to->value, "%s", from->value);
    snprintf(to->mark, sizeof to->mark, "%s", from->mark);
    snprintf(to->source, sizeof to->source, "%s%s%s", from->source, from->source_text[0] ? ": " : "",
             from->source_text);
    char place[700];
    if (from->line > 0)
        snprintf(place, sizeof place, "%s:%d", from->file, from->line);
    else
        snprintf(place, sizeof place, "%s", from->file);
    // from the folder of the facilities on
    const char *shown = strstr(place, "facilities/");
    keep_end(to->place, sizeof to->place, shown ? shown : place);
    s->groups[s->open[s->depth - 1]].count++;
}

static void end_group(void *context)
{
    TwSceneSettings *s = context;
    if (!s->copied[--s->depth]) s->groups[s->open[s->depth]].end = s->group_count;
}

// The group that a thing was built from: by its name in the list of its kind, else the section that holds it.
static int group_of_element(const TwSceneSettings *s, const TwPlant *plant, const TwScene *scene,
                            const TwSceneElement *e)
{
    if (strcmp(e->kind, "link") == 0 && plant->wiring) {    // the last of their class, one an entry
        const TwSceneClass *c = &scene->classes[e->of];
        int entries = plant->wiring->spec.entry_count,
            entry = (int)(e - scene->elements) - c->first - c->count + entries;
        char path[64];
        snprintf(path, sizeof path, "wiring.links.%d", plant->wiring_row[entry]);
        int group = find_group(s, path);
        return group >= 0 ? group : find_group(s, "wiring");
    }
    static const struct {
        const char *class, *list, *whole;
    } where[] = {{"element", "power.%s", "power"},           {"cdu", "cooling.cdus.%s", "cooling.cdus"},
                 {"plant", "cooling.plant", "cooling"},      {"room", "cooling.room", "cooling"},
                 {"switch", "wiring.switches.%s", "fabric"}, {"pool", "workload.pools.%s", "workload"},
                 {"service", "workload.pools", "workload"},  {"load", "power.%s", "power"}};
    const char *class = scene->classes[e->of].name;
    for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
        if (strcmp(where[i].class, class) != 0) continue;
        char path[192];
        int length = snprintf(path, sizeof path, "%.*s%s", (int)strcspn(where[i].list, "%"), where[i].list,
                              strchr(where[i].list, '%') ? e->name : "");
        int group = length < (int)sizeof path ? find_group(s, path) : -1;
        return group >= 0 ? group : find_group(s, where[i].whole);
    }
    return -1;
}

TwSceneSettings *tw_scene_settings_create(const TwPlant *plant, TwScene *scene)
{
    TwSceneSettings *s = calloc(1, sizeof *s);
    if (!s) abort();
    if (!plant->config) return s;
    const TwSettingsVisitor visitor = {s, take_group, take_setting, end_group};
    tw_config_settings(plant->config, &visitor);
    int things = scene->rack_count + scene->element_count;
    s->group_of = malloc((size_t)(things + 1) * sizeof *s->group_of);
    if (!s->group_of) abort();
    for (int i = 0; i < scene->rack_count; i++) {
        char path[192];
        snprintf(path, sizeof path, "racks.%s", scene->racks[i].name);
        s->group_of[i] = find_group(s, path);
    }
    for (int e = 0; e < scene->element_count; e++)
        s->group_of[scene->rack_count + e] = group_of_element(s, plant, scene, &scene->elements[e]);
    scene->settings = s->settings, scene->setting_count = s->setting_count;
    scene->groups = s->groups, scene->group_count = s->group_count;
    scene->group_of = s->group_of;
    return s;
}

void tw_scene_settings_destroy(TwSceneSettings *s)
{
    if (!s) return;
    free(s->settings);
    free(s->groups);
    free(s->names);
    free(s->group_of);
    free(s);
}
