// Inside the configuration reader: what its files share. Nobody else includes this.
//
// A file goes through source (splice includes, scan, parse) -> layer (one file's settings, checked against the kind)
// -> node (layers merged, parts laid beneath). Everything lies in one pool that the TwConfig owns.
#pragma once

#include "sim/config.h"

#include <libconfig.h>
#include <stdarg.h>

// Memory freed all at once.
typedef struct TwPoolBlock TwPoolBlock;
typedef struct TwPool {
    TwPoolBlock *blocks;
} TwPool;
void *tw_pool_take(TwPool *pool, size_t count, size_t size);    // zeroed, 16-byte aligned
char *tw_pool_copy(TwPool *pool, const char *text, size_t length);
char *tw_pool_print(TwPool *pool, const char *format, ...) TW_PRINTF(2, 3);
void tw_pool_free(TwPool *pool);
size_t tw_pool_bytes(const TwPool *pool);

// A growing text.
typedef struct TwLine {
    char *text;
    size_t length, room;
} TwLine;
void tw_line_add(TwLine *line, const char *text, size_t length);
void tw_line_print(TwLine *line, const char *format, ...) TW_PRINTF(2, 3);
void tw_line_free(TwLine *line);

// A file, and where it was named: an @include, a part, a base.
typedef struct TwOrigin {
    const char *file;
    const struct TwOrigin *from;    // NULL: the file of the command line
    int from_line;
    bool command_line;    // "--set path=value": has no lines
} TwOrigin;

typedef struct TwPlace {
    const TwOrigin *origin;
    int line, column;
} TwPlace;

void tw_place_error(TwErrors *errors, TwPlace place, const char *format, ...) TW_PRINTF(3, 4);
void tw_place_report(TwErrors *errors, bool warning, TwPlace place, const char *text);

// --- source: one file with its includes, as text, positions and libconfig's tree

// A setting or an element of a list as it is written, in document order; offsets into the flat text.
typedef struct TwItem {
    int name, name_length;    // length 0: an element of a list
    int value, value_length;
    bool bad;    // reported already; libconfig sees a stand-in
} TwItem;

typedef struct TwSource {
    const TwOrigin *origin;
    char *text;    // flat: @include lines replaced by what they name
    size_t size;
    int line_count;
    int *line_start;    // offset of each flat line
    const TwOrigin **line_origin;
    int *line_number;    // in that file
    TwItem *items;
    int item_count, item_room;
    config_t tree;    // hook of each setting: its TwItem
    bool parsed;
    TwErrors *errors;
    TwPool *pool;
} TwSource;

// False: the text could not be made sense of and errors were added. True may still leave items that are bad.
bool tw_source_file(TwSource *source, TwPool *pool, const TwOrigin *origin, TwPlace named, TwErrors *errors);
bool tw_source_text(TwSource *source, TwPool *pool, const TwOrigin *origin, const char *text, TwErrors *errors);
void tw_source_free(TwSource *source);    // the tree; the rest is the pool's
TwPlace tw_source_place(const TwSource *source, int offset);

// The steps of tw_source_*.
bool tw_splice(TwSource *source, TwPlace named);
bool tw_scan(TwSource *source);

// --- units

// How a spelling becomes the field: literal times ten to `ten`, then times `factor`, then times the fluid's density.
typedef struct TwUnit {
    int ten;
    double factor;
    bool density;
} TwUnit;

// The field that a written name means in another unit; -1: none.
int tw_unit_field(const TwKind *kind, const char *name, TwUnit *unit);
// Says which units a stem takes when the suffix is of another quantity ("flow is kg_s, lpm or gpm; kw is power").
bool tw_unit_wrong(const TwKind *kind, const char *name, char *text, size_t size);
// Every spelling accepted for a field, its own name first: "flow_kg_s, flow_lpm, flow_gpm".
void tw_unit_spellings(const TwField *field, char *text, size_t size);
// The same field named with the unit of `like`; false: it has none of that quantity.
bool tw_unit_respell(const TwField *field, const char *like, char *text, size_t size);
// Length of a name without its unit: 5 of "limit_kw".
size_t tw_unit_stem(const char *name);
// Density of a named fluid [kg/m3] for volume flows; NaN: not known.
double tw_unit_density(const char *fluid);

// --- values

typedef union TwAny {
    double real;
    int64_t integer;
    bool boolean;
    const char *text;
    TwReals reals;
    TwTexts texts;
} TwAny;

// One value of one field with all that is known about it. Shared by every node that has it.
typedef struct TwSetting {
    const TwField *field;
    TwAny value;
    double min, max;    // range stated beside it, NaN: none
    TwMark mark;
    const char *source;          // key, or NULL
    const char *spelling;        // name as written, NULL: from the table
    const char *literal;         // value as written
    TwPlace place;               // of the value
    bool given, bad, density;    // density: still a volume flow, to be multiplied when the fluid is known
} TwSetting;

typedef struct TwLayerChild TwLayerChild;

// What one file says about one group.
typedef struct TwLayer {
    const TwKind *kind;
    TwPlace place;
    const TwSetting **values;    // [field_count], NULL: not given here
    TwLayerChild *children;      // [child_count]
    const char *part;
    TwPlace part_place;
    bool part_bad;       // a part is named, but what is written there is no name
    const char *name;    // of a list entry
    TwPlace name_place;
    int64_t count;    // of a list entry
    bool counted;
    bool bad;    // something in it or below it is wrong
} TwLayer;

struct TwLayerChild {
    bool given;
    TwLayer *group;
    TwLayer **entries;
    int count;
    TwPlace place;
};

// A kind as the reader keeps it: its defaults, and what every name written so far turned out to mean.
typedef struct TwKnown {
    const TwKind *kind;
    const TwSetting *defaults;    // [field_count]
    struct TwMeaning *meanings;
    int meaning_count, meaning_room;
} TwKnown;

// A file read once however many groups name it.
typedef struct TwFile {
    const TwKind *kind;
    const char *path;
    const char *name;    // of a part or base; NULL for the file itself
    TwLayer *layer;      // NULL: could not be read
    const char *base;
    TwPlace base_place;
    struct TwFile *base_file;    // once base_done
    bool base_done;
    bool resolved;    // says of itself that it is a resolved file
} TwFile;

// One --set.
typedef struct TwSet {
    const char *path, *value;
    const TwOrigin *origin;
    bool adds;               // "events+={...}": an entry behind those of a list
    bool used, shapes;       // shapes: what it says decides which groups and fields there are, or how others are read
    const TwField *field;    // what it was last converted for
    TwUnit unit;
    const TwSetting *setting;
} TwSet;

struct TwConfig {
    TwPool pool;
    TwLibrary *library;
    const char *parts;
    TwErrors *errors;     // of the reading; NULL afterwards
    TwSource *sources;    // trees to free
    TwKnown **known;
    int known_count, known_room;
    TwFile **files;
    int file_count, file_room;
    const char **source_keys, **source_texts;
    int source_count;
    bool sources_read;
    const TwKind *root_kind;
    TwSet *sets;
    int set_count;
    bool resolved;     // parts are names only
    bool shapeless;    // errors leave open which groups and entries there are, or what stands in them
    TwNode *root;
};

typedef struct TwEntries {
    int count;
    TwNode **nodes;
} TwEntries;

struct TwNode {
    const TwKind *kind;
    TwConfig *config;
    const char *name;    // of the group or entry
    const char *path;
    const char *part;
    TwPlace place;
    const TwSetting **values;    // [field_count]; shared by equal copies of an entry
    TwNode **groups;             // [child_count]
    TwEntries *lists;            // [child_count]
    const char *written_name;    // of a counted entry: its name in the file
    int written;                 // which written entry this is a copy of
    int copies;                  // made of it; 0: not counted
    bool split;                  // some copy has settings of its own
    bool unsound;                // something in it or below it is wrong, and stand-ins are there
};

// config_known.c: the table as a dictionary
typedef enum TwMeans { TW_MEANS_NOTHING, TW_MEANS_FIELD, TW_MEANS_CHILD } TwMeans;
typedef struct TwMeaning {
    const char *name;
    TwMeans means;
    int index;
    TwUnit unit;
} TwMeaning;
TwKnown *tw_known(TwConfig *config, const TwKind *kind);
const TwMeaning *tw_known_name(TwConfig *config, TwKnown *known, const char *name);

// config_value.c: a written value as a setting of a field. `part`: a bare number is an error.
typedef struct TwReading {
    TwConfig *config;
    const TwSource *source;
    bool part;
    TwLine path;    // of the group being read, for messages
} TwReading;
TwSetting *tw_value_read(TwReading *reading, const config_setting_t *written, const TwField *field, TwUnit unit);
bool tw_value_mark(TwReading *reading, const config_setting_t *written, TwMark *mark);
bool tw_value_source(TwReading *reading, const config_setting_t *written, const char **key);
bool tw_value_default(TwConfig *config, const TwField *field, TwSetting *setting);
bool tw_value_in_range(const TwField *field, double value);
// A value that the field may have, for one that is missing or wrong. NULL: there is none to be had.
const TwSetting *tw_value_stand_in(TwConfig *config, const TwField *field);
// A number or word as a --set gives it, without quotes, marks or a range beside it. False: it is none, or not allowed;
// the reader says why. A text is the caller's.
bool tw_value_plain(const TwField *field, TwUnit unit, const char *text, TwAny *value);
void tw_value_expected(const TwField *field, char *text, size_t size);    // "expected 1 to 1e+09 W/K"
const char *tw_mark_word(TwMark mark);

// config_layer.c: files to layers
TwFile *tw_file_read(TwConfig *config, const TwKind *kind, const char *path, const char *name, bool part,
                     TwPlace named);
TwLayer *tw_layer_empty(TwConfig *config, const TwKind *kind, TwPlace place);
TwLayer *tw_layer_text(TwConfig *config, const TwKind *kind, const TwOrigin *origin, const char *text);    // or NULL
TwFile *tw_file_part(TwConfig *config, const TwKind *kind, const char *name, TwPlace named);
void tw_sources_read(TwConfig *config);

// config_library.c: what is there already. False: it is not, or has errors, which its reader tells.
bool tw_library_sources(TwLibrary *library, TwConfig *config);
bool tw_library_file(TwLibrary *library, const TwConfig *config, const char *path, bool part, TwFile *file);
const TwSetting *tw_library_defaults(TwLibrary *library, const TwKind *kind);

// config_set.c: the command line
void tw_sets_take(TwConfig *config, const char *const *texts, int count);
// The value of a set as a setting of a field; converted once however many groups it reaches.
const TwSetting *tw_set_value(TwConfig *config, TwSet *set, const TwField *field, TwUnit unit, const char *spelling);
const char *tw_set_part(TwConfig *config, TwSet *set);
bool tw_set_count(TwConfig *config, TwSet *set, int64_t *count);
TwLayer *tw_sets_adding(TwConfig *config, const TwKind *kind, TwLayer *const *layers, int count);    // NULL: none adds
void tw_sets_unused(TwConfig *config);    // an error for every set that reached nothing

// config_merge.c: layers to nodes
TwNode *tw_merge(TwConfig *config, const TwKind *kind, TwLayer *const *layers, int layer_count);

// config_path.c
typedef void TwFound(void *context, const TwNode *node, int field);
// Calls found for every setting that the path names; false: *problem says what is wrong.
bool tw_path_find(const TwConfig *config, const char *path, TwFound *found, void *context, char *problem, size_t size);

// config_nearest.c
bool tw_nearest_in_kind(const TwKind *kind, const char *name, char *text, size_t size);
bool tw_nearest_anywhere(const TwConfig *config, const char *name, char *text, size_t size);    // "did you mean a.b?"
bool tw_nearest_file(const char *parent, const char *folder, const char *name, char found[TW_NAME]);
void tw_list_files(const char *parent, const char *folder, char *text, size_t size);    // "chicago, golden, ..."

// config_write.c: shortest digits that read back
void tw_write_real(TwLine *line, double value);
void tw_write_text(TwLine *line, const char *text);
void tw_key_values(TwLine *line, const TwNode *node);    // names and values of a group, for a digest
