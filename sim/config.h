// Facility files: libconfig text, resolved and checked against field tables.
//
// A kind is a table: its fields with unit, range and meaning, and the groups and lists below it. The one table serves
// the reader, the range checks, `check --explain`, the resolved file and the HDF5 attributes. Reading merges, lowest
// first: default of the table, part, base, facility file, command line; converts unit spellings exactly; and collects
// every error of every file. What it returns has no unknown names left and every number inside its range.
#pragma once

#include "sim/error.h"

#include <stdint.h>

enum { TW_NAME = 64 };    // longest name of a setting or entry, with its end

typedef enum TwType {
    TW_REAL,       // double; "unknown" reads as NaN
    TW_INTEGER,    // int64_t
    TW_BOOLEAN,    // bool
    TW_TEXT,       // const char *, alive as long as the TwConfig
    TW_REALS,      // TwReals
    TW_TEXTS,      // TwTexts
} TwType;

typedef struct TwReals {
    int count;
    const double *values;
} TwReals;

typedef struct TwTexts {
    int count;
    const char *const *values;
} TwTexts;

// How well a number is known. A default of a field table counts as assumed.
typedef enum TwMark { TW_USER, TW_MEASURED_MARK, TW_VENDOR, TW_DERIVED, TW_ASSUMED_MARK, TW_DEFAULT } TwMark;

typedef struct TwField {
    const char *name;    // canonical: SI with degC, the unit in the suffix
    const char *unit;    // "W", "K", "kg/s", "1", "" for words
    TwType type;
    double min, max;             // inclusive range of a number or of each number of an array
    const char *standard;        // value where nothing gives one, as a file would write it; NULL: required
    size_t offset;               // of the C field in the row
    const char *text;            // meaning, one line
    const char *const *words;    // NULL-ended: the words a TW_TEXT may be; NULL: any
} TwField;

typedef struct TwKind TwKind;

typedef enum TwShape {
    TW_ONE,         // a group that must be there
    TW_OPTIONAL,    // a group that may be absent
    TW_LIST,        // a list of groups ( { name = "a"; count = 2; ... }, ... ), possibly empty
    TW_LIST_OWN,    // the same, whose entries have settings of its group to themselves: where a file gives the list,
                    // what files beneath say of those in the group is not taken
} TwShape;

// A group or list below a kind. Where the kind has parts, `gpu = "gb300"` is short for `gpu = { part = "gb300"; }`.
typedef struct TwChild {
    const char *name;
    TwShape shape;
    const TwKind *kind;
    const char *text;
} TwChild;

struct TwKind {
    const char *name;      // "cdu"
    const char *folder;    // facilities/parts/<folder>/ holds parts of this kind; NULL: it has none
    const TwField *fields;
    int field_count;
    const TwChild *children;
    int child_count;
};

#define TW_COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef struct TwConfig TwConfig;    // a resolved file
typedef struct TwNode TwNode;        // a group in it

typedef struct TwConfigInput {
    const TwKind *root;    // what the file is
    const char *path;      // the file
    const char *parts;     // folder of the parts, or NULL
    // "path=value" from the command line, in order; "list+={ ... } # --OPTION ..." is told as that option
    const char *const *sets;
    int set_count;
} TwConfigInput;

// Reads and resolves. False: *config is NULL and errors holds at least one; warnings may be added either way.
bool tw_config_read(TwConfig **config, const TwConfigInput *input, TwErrors *errors);

// Files that many readings have in common: each is read and checked once. Safe from any thread; it must outlive what
// was read with it. NULL: every file is read anew.
typedef struct TwLibrary TwLibrary;
TwLibrary *tw_library_create(void);
void tw_library_destroy(TwLibrary *library);
bool tw_config_read_with(TwConfig **config, const TwConfigInput *input, TwLibrary *library, TwErrors *errors);
// As tw_config_read_with, to find further errors in a file that has some: where it returns false *config may be there
// all the same. What is wrong or missing in it has a stand-in within its range, and errors and warnings at groups that
// are not sound are held back. Nothing else may be done with it.
bool tw_config_read_on(TwConfig **config, const TwConfigInput *input, TwLibrary *library, TwErrors *errors);

void tw_config_destroy(TwConfig *config);
const TwNode *tw_config_root(const TwConfig *config);

// Whether the file can be parsed and has a group of this name at its root: what kind of file it is.
bool tw_config_has_group(const char *path, const char *name);

// A group below; NULL where an optional one is absent.
const TwNode *tw_node_group(const TwNode *node, const char *child);

// Entries of a list with `count` counted out: entry i of n, and its name ("pdu2" where count repeats "pdu").
int tw_node_entries(const TwNode *node, const char *child);
const TwNode *tw_node_entry(const TwNode *node, const char *child, int i, char name[TW_NAME]);
const char *tw_node_counted(const TwNode *entry);    // the name that count repeats; NULL: it stands by itself

// Copies every field of the group's kind into a row by the table's offsets.
void tw_node_row(const TwNode *node, void *row);

bool tw_node_given(const TwNode *node, const char *field);    // by a file or the command line, not by the table
TwMark tw_node_mark(const TwNode *node, const char *field);
const char *tw_node_part(const TwNode *node);    // name of its part, or NULL
const char *tw_node_path(const TwNode *node);    // "cooling.cdus.cdu1"

// Adds an error or a warning at a setting of a group, or at a group or list below it (field NULL: at the group): for
// checks across settings.
void tw_node_error(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...) TW_PRINTF(4, 5);
void tw_node_warn(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...) TW_PRINTF(4, 5);
// The same of what a setting says by itself, whatever else is wrong with its group: told if the setting is sound.
void tw_node_value_error(const TwNode *node, const char *field, TwErrors *errors, const char *format, ...)
    TW_PRINTF(4, 5);
// A setting, and which kinds of what it belongs to use it, as bits.
typedef struct TwUse {
    const char *field;
    unsigned by;
} TwUse;
// Warns of those that the user gave and none of `is` uses: "does nothing WHAT".
void tw_node_idle(const TwNode *node, const TwUse *uses, int count, unsigned is, const char *what, TwErrors *errors);
// Adds an error at each setting, group and list of a node that the user gave, but for those kept, and counts them.
int tw_node_strays(const TwNode *node, const char *const *kept, int count, const char *why, TwErrors *errors);
// What a model says of a group, at the setting that its text names first, here or in a group below; else at the group.
void tw_node_say(const TwNode *node, TwErrors *errors, const char *text);
// Errors and warnings without a place that begin with the path of a group ("power.ups1: limit_w = 0, ...") get theirs.
void tw_config_place(const TwConfig *config, TwErrors *errors);
bool tw_node_sound(const TwNode *node);    // nothing is wrong in it or below it

// The whole file after resolution, as text that reads back to the same values (shortest digits). Caller frees.
char *tw_config_resolved(const TwConfig *config);

// Type, unit, range, default, value in force with file:line:column, mark and source. False: no such setting.
bool tw_config_explain(const TwConfig *config, const char *path, FILE *stream, TwError *error);

// The numbers that a path names, in the unit of the path's last word ("limit_kw": kW).
typedef struct TwNamedNumber {
    int count;                     // settings that it names
    bool alike;                    // all hold the same value and stated range
    bool number, whole, listed;    // no text; an integer; an array of numbers (value is NaN)
    double value, min, max;        // of the first; its stated range, NaN: none
    double least, most;            // range of the field
    TwMark mark;
    const char *text;    // of a text
    const char *unit;    // of the field, where the path ends in its own name; NULL: another spelling of it
} TwNamedNumber;
// False: *problem says what is wrong with the path.
bool tw_config_number(const TwConfig *config, const char *path, TwNamedNumber *number, char *problem, size_t size);

// 128 bits of SHA-256 over every resolved setting in table order, as hexadecimal: of all, or of a group and those
// below.
void tw_config_key(const TwConfig *config, char key[33]);
void tw_node_key(const TwNode *node, char key[33]);

// The file of a reading under many settings, one after another: where they differ in plain values only, those are put
// in and nothing is merged again. Its sets are not looked at. For one thread; the library must outlive it.
typedef struct TwVariants TwVariants;
TwVariants *tw_variants_create(const TwConfigInput *input, TwLibrary *library);
void tw_variants_destroy(TwVariants *variants);
// The file under these settings, until the next call, and its key: 128 bits of SHA-256 of a sum over its groups. NULL:
// errors holds at least one.
const TwConfig *tw_variants_read(TwVariants *variants, const char *const *sets, int count, char key[33],
                                 TwErrors *errors);
void tw_config_sum_key(const TwConfig *config, char key[33]);    // the same key, of a reading of its own

// Visits every number: its path, value, range (NaN where none), mark and source.
typedef void TwVisit(void *context, const char *path, double value, double min, double max, TwMark mark,
                     const char *source);
void tw_config_visit(const TwConfig *config, TwVisit *visit, void *context);

// Every setting in force, group by group in the order of the tables; groups nest. alike: the path of an earlier entry
// with the same settings (a copy made by `count`): they are not told again.
typedef struct TwSettingGroup {
    const char *path, *name, *part, *alike;    // part, alike: NULL where there is none
} TwSettingGroup;
typedef struct TwSettingText {
    const char *name, *unit, *about, *value, *mark;
    const char *source, *source_text;    // key and what it stands for, ""
    const char *file;                    // or the --set; "": from the table
    int line;                            // 0: none
} TwSettingText;
typedef struct TwSettingsVisitor {
    void *context;
    void (*group)(void *context, const TwSettingGroup *group);
    void (*setting)(void *context, const TwSettingText *setting);
    void (*end)(void *context);    // of the group
} TwSettingsVisitor;
void tw_config_settings(const TwConfig *config, const TwSettingsVisitor *visitor);

// The nearest to a name among the files NAME.cfg of a folder.
bool tw_config_near(const char *folder, const char *name, char near[TW_NAME]);

// The nearest of the known names (edit distance with transpositions, at most a third of the length); NULL: none.
const char *tw_nearest(const char *name, const char *const *known, int count);
// The second word of the pair that this one is the first of; NULL: of none.
const char *tw_other_word(const char *name, const char *const (*pairs)[2], int count);
