// A small factory of kinds and a folder of files to read with them: what the tests of the reader share.
#pragma once

#include "sim/config.h"
#include "tests/check.h"

#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Cooling {
    const char *fluid;
    double flow_kg_s, supply_degc, liquid_fraction, head_pa;
} Cooling;

#define ROW(member) offsetof(Cooling, member)
static const TwField cooling_fields[] = {
    {"fluid", "", TW_TEXT, 0.0, 0.0, "pg25", ROW(fluid), "what flows", NULL},
    {"flow_kg_s", "kg/s", TW_REAL, 0.0, 1e4, "1", ROW(flow_kg_s), "design flow", NULL},
    {"supply_degc", "degC", TW_REAL, 0.0, 90.0, "32", ROW(supply_degc), "supply temperature", NULL},
    {"liquid_fraction", "1", TW_REAL, 0.0, 1.0, "unknown", ROW(liquid_fraction), "of the heat", NULL},
    {"head_pa", "Pa", TW_REAL, 0.0, 1e7, "unknown", ROW(head_pa), "pressure drop at design flow", NULL},
};
#undef ROW
static const TwKind cooling_kind = {"cooling", NULL, cooling_fields, TW_COUNT(cooling_fields), NULL, 0};

typedef struct Gpu {
    double limit_w, memory_bytes, compute_flops, storage_j_per_gpu;
    TwReals watts;
} Gpu;

#define ROW(member) offsetof(Gpu, member)
static const TwField gpu_fields[] = {
    {"limit_w", "W", TW_REAL, 0.0, 1e5, NULL, ROW(limit_w), "power limit", NULL},
    {"memory_bytes", "B", TW_REAL, 0.0, 1e15, "unknown", ROW(memory_bytes), "memory", NULL},
    {"compute_flops", "FLOP/s", TW_REAL, 0.0, 1e18, "unknown", ROW(compute_flops), "dense compute", NULL},
    {"storage_j_per_gpu", "J/GPU", TW_REAL, 0.0, 1e6, "0", ROW(storage_j_per_gpu), "storage", NULL},
    {"watts", "W", TW_REALS, 0.0, 1e5, "[]", ROW(watts), "a curve", NULL},
};
#undef ROW
static const TwKind gpu_kind = {"gpu", "gpu", gpu_fields, TW_COUNT(gpu_fields), NULL, 0};

typedef struct Rack {
    const char *from;
    double peak_w;
    int64_t gpu_count;
} Rack;

#define ROW(member) offsetof(Rack, member)
static const TwField rack_fields[] = {
    {"from", "", TW_TEXT, 0.0, 0.0, "", ROW(from), "what feeds it", NULL},
    {"peak_w", "W", TW_REAL, 0.0, 1e6, NULL, ROW(peak_w), "peak power", NULL},
    {"gpu_count", "1", TW_INTEGER, 0.0, 1000.0, NULL, ROW(gpu_count), "devices", NULL},
};
#undef ROW
static const TwChild rack_children[] = {
    {"gpu", TW_ONE, &gpu_kind, "the device"},
    {"cooling", TW_OPTIONAL, &cooling_kind, "the liquid side"},
};
static const TwKind rack_kind = {
    "rack", "rack", rack_fields, TW_COUNT(rack_fields), rack_children, TW_COUNT(rack_children)};

typedef struct Element {
    const char *kind, *from;
    double limit_w, power_w, share_fraction, rate_s, delay_s;
    int64_t positions, lanes;
    bool outdoor;
    TwTexts tags;
    TwReals curve;
} Element;

static const char *const element_words[] = {"feed", "board", "pdu", NULL};
#define ROW(member) offsetof(Element, member)
static const TwField element_fields[] = {
    {"kind", "", TW_TEXT, 0.0, 0.0, "pdu", ROW(kind), "what it is", element_words},
    {"from", "", TW_TEXT, 0.0, 0.0, "", ROW(from), "what feeds it", NULL},
    {"limit_w", "W", TW_REAL, 0.0, INFINITY, "none", ROW(limit_w), "limit at its input", NULL},
    {"power_w", "W", TW_REAL, -INFINITY, INFINITY, "0", ROW(power_w), "power", NULL},
    {"share_fraction", "1", TW_REAL, 0.0, 1.0, "0.5", ROW(share_fraction), "a share", NULL},
    {"rate_s", "1/s", TW_REAL, 0.0, 1e6, "1", ROW(rate_s), "events per second", NULL},
    {"delay_s", "s", TW_REAL, 0.0, 1e9, "0", ROW(delay_s), "a delay", NULL},
    {"positions", "1", TW_INTEGER, 0.0, 1000.0, "1", ROW(positions), "places for racks", NULL},
    {"lanes", "1", TW_INTEGER, 1.0, 8.0, "0", ROW(lanes), "lanes; 0: chosen", NULL},
    {"outdoor", "", TW_BOOLEAN, 0.0, 0.0, "false", ROW(outdoor), "stands outside", NULL},
    {"tags", "", TW_TEXTS, 0.0, 0.0, "[a, b]", ROW(tags), "words", NULL},
    {"curve", "1", TW_REALS, 0.0, 1e6, "[1.0, 2.0]", ROW(curve), "numbers", NULL},
};
#undef ROW
static const TwKind element_kind = {"element", NULL, element_fields, TW_COUNT(element_fields), NULL, 0};

typedef struct Facility {
    const char *title;
    double for_s;
} Facility;

#define ROW(member) offsetof(Facility, member)
static const TwField facility_fields[] = {
    {"title", "", TW_TEXT, 0.0, 0.0, "", ROW(title), "one line", NULL},
    {"for_s", "s", TW_REAL, 0.0, 1e9, "60", ROW(for_s), "simulated span", NULL},
};
#undef ROW
static const TwChild facility_children[] = {
    {"power", TW_LIST, &element_kind, "the electrical tree"},
    {"racks", TW_LIST, &rack_kind, "the racks"},
    {"cooling", TW_OPTIONAL, &cooling_kind, "cooling of the hall"},
};
static const TwKind facility_kind = {
    "facility", NULL, facility_fields, TW_COUNT(facility_fields), facility_children, TW_COUNT(facility_children)};

// --- a folder of files

static char folder[256];

static inline void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tokenworks-config-XXXXXX", parent && *parent ? parent : P_tmpdir);
    if (!mkdtemp(folder)) {
        perror(folder);
        exit(1);
    }
}

static inline const char *in_folder(const char *name)
{
    static char paths[4][512];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

// writes a file, and the folders that its name has
static inline void put(const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder(name));
    for (char *c = path + strlen(folder) + 1; *c; c++)
        if (*c == '/') {
            *c = '\0';
            mkdir(path, 0777);
            *c = '/';
        }
    FILE *stream = fopen(path, "wb");
    if (!stream) {
        perror(path);
        exit(1);
    }
    fputs(text, stream);
    fclose(stream);
}

static inline void remove_folder(void)
{
    char command[320];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0) fprintf(stderr, "%s is left\n", folder);
}

// the usual parts and sources
static inline void put_parts(void)
{
    put("facilities/parts/sources.cfg", "S28 = \"a register\"; S39 = \"a paper\"; TW = \"a default\";\n");
    put("facilities/parts/gpu/gb300.cfg", "// a device\nkind = \"gpu\"; title = \"GB300\";\n"
                                          "limit_w = (1400.0, 200.0, 1400.0, \"vendor\", \"S28\");\n"
                                          "memory_gb = (288, \"vendor\", \"S28\");\n");
    put("facilities/parts/gpu/gb200.cfg", "base = \"gb300\";\nlimit_w = (1200.0, \"vendor\", \"S28\");\n");
    put("facilities/parts/rack/nvl72.cfg", "kind = \"rack\";\ngpu = \"gb300\";\n"
                                           "gpu_count = (72, \"vendor\", \"S28\");\n"
                                           "peak_kw = (142.0, 120.0, 150.0, \"vendor\", \"S28\");\n"
                                           "cooling: { fluid = \"pg25\";\n"
                                           "  flow_lpm = (200.0, 160.0, 267.0, \"derived\", \"S39\");\n"
                                           "  head_pa = \"unknown\"; };\n");
}

// What reading said, as it is printed.
static char *said;

typedef struct Read {
    TwConfig *config;
    int errors, warnings;
} Read;

static inline Read read_sets(const char *name, const char *const *sets, int set_count)
{
    free(said);
    said = NULL;
    char path[512], parts[512];
    snprintf(path, sizeof path, "%s", in_folder(name));
    snprintf(parts, sizeof parts, "%s", in_folder("facilities/parts"));
    TwConfigInput input = {&facility_kind, path, parts, sets, set_count};
    TwErrors *errors = tw_errors_create();
    Read read = {0};
    bool good = tw_config_read(&read.config, &input, errors);
    read.errors = tw_errors_count(errors);
    read.warnings = tw_warnings_count(errors);
    size_t size;
    FILE *stream = open_memstream(&said, &size);
    tw_errors_print(errors, 50, stream);
    fclose(stream);
    tw_errors_destroy(errors);
    CHECK(good == (read.config != NULL));
    CHECK(good == (read.errors == 0));
    return read;
}

static inline Read read_file(const char *name) { return read_sets(name, NULL, 0); }

static inline Read read_text(const char *text)
{
    put("facilities/a.cfg", text);
    return read_file("facilities/a.cfg");
}

// one --set over a file that is there already
static inline Read read_set(const char *name, const char *set) { return read_sets(name, &set, 1); }

// text must be refused with exactly one error whose message holds `part`
static inline void refuses_(const char *file, int line, const char *text, const char *part)
{
    Read read = read_text(text);
    if (read.errors != 1 || !strstr(said, part)) {
        check_failures++;
        fprintf(stderr, "%s:%d: %s\nexpected one error with \"%s\", got %d:\n%s\n", file, line, text, part, read.errors,
                said);
    }
    tw_config_destroy(read.config);
}
#define REFUSES(text, part) refuses_(__FILE__, __LINE__, (text), (part))

static inline void accepts_(const char *file, int line, const char *text)
{
    Read read = read_text(text);
    if (read.errors) {
        check_failures++;
        fprintf(stderr, "%s:%d: %s\nexpected no error, got:\n%s\n", file, line, text, said);
    }
    tw_config_destroy(read.config);
}
#define ACCEPTS(text) accepts_(__FILE__, __LINE__, (text))

// the first element of the list `power` of a text; its config stays open in *config
static inline Element element_of(const char *text, TwConfig **config)
{
    Element row = {0};
    Read read = read_text(text);
    *config = read.config;
    CHECK(read.config);
    if (!read.config) {
        fprintf(stderr, "%s", said);
        return row;
    }
    const TwNode *root = tw_config_root(read.config);
    if (tw_node_entries(root, "power") > 0) tw_node_row(tw_node_entry(root, "power", 0, NULL), &row);
    return row;
}
