// Resolving: parts, bases, lists, paths, the command line, the resolved text and its key.
#include "tests/sim/test_config_case.h"

static const char hall[] = "title = \"hall\"; for_h = 2.0;\n"
                           "power = (\n"
                           "  { name = \"utility\"; kind = \"feed\"; limit_kw = (750.0, \"vendor\", \"S28\"); },\n"
                           "  { name = \"pdu\"; count = 4; from = \"utility\"; limit_kw = 450.0; }\n"
                           ");\n"
                           "racks = (\n"
                           "  { name = \"a\"; count = 2; part = \"nvl72\"; from = \"pdu1\"; },\n"
                           "  { name = \"b\"; part = \"nvl72\"; from = \"pdu2\"; gpu = \"gb200\"; peak_kw = 132; }\n"
                           ");\n";

static Rack rack_at(const TwConfig *config, int i)
{
    Rack row = {0};
    tw_node_row(tw_node_entry(tw_config_root(config), "racks", i, NULL), &row);
    return row;
}

static Gpu gpu_at(const TwConfig *config, int i)
{
    Gpu row = {0};
    tw_node_row(tw_node_group(tw_node_entry(tw_config_root(config), "racks", i, NULL), "gpu"), &row);
    return row;
}

static Element element_at(const TwConfig *config, int i)
{
    Element row = {0};
    tw_node_row(tw_node_entry(tw_config_root(config), "power", i, NULL), &row);
    return row;
}

static void rows_hold_parts_and_overrides(void)
{
    Read read = read_text(hall);
    CHECK(read.config && read.errors == 0);
    if (!read.config) return;
    const TwNode *root = tw_config_root(read.config);
    Facility facility;
    tw_node_row(root, &facility);
    CHECK_TEXT(facility.title, "hall");
    CHECK(facility.for_s == 7200.0);
    CHECK(tw_node_group(root, "cooling") == NULL);
    CHECK(tw_node_entries(root, "power") == 5 && tw_node_entries(root, "racks") == 3);

    char name[TW_NAME];
    const TwNode *rack = tw_node_entry(root, "racks", 1, name);
    CHECK_TEXT(name, "a2");
    CHECK_TEXT(tw_node_path(rack), "racks.a2");
    CHECK_TEXT(tw_node_part(rack), "nvl72");
    const TwNode *cooling_node = tw_node_group(rack, "cooling");
    CHECK_TEXT(tw_node_path(cooling_node), "racks.a2.cooling");
    tw_node_entry(root, "racks", 2, name);
    CHECK_TEXT(name, "b");    // no count, no number
    tw_node_entry(root, "power", 4, name);
    CHECK_TEXT(name, "pdu4");

    Rack a = rack_at(read.config, 0), b = rack_at(read.config, 2);
    CHECK(a.peak_w == 142000.0 && b.peak_w == 132000.0 && a.gpu_count == 72);
    CHECK(gpu_at(read.config, 0).limit_w == 1400.0);
    CHECK(gpu_at(read.config, 2).limit_w == 1200.0);        // the shorthand changes the part
    CHECK(gpu_at(read.config, 2).memory_bytes == 288e9);    // from the base of that part
    Cooling cooling;
    tw_node_row(cooling_node, &cooling);
    CHECK(isnan(cooling.head_pa));
    CHECK(isinf(element_at(read.config, 0).limit_w) == 0);

    CHECK(tw_node_mark(rack, "peak_w") == TW_VENDOR && tw_node_given(rack, "peak_w"));
    CHECK(tw_node_mark(tw_node_entry(root, "racks", 2, NULL), "peak_w") == TW_USER);
    CHECK(tw_node_mark(cooling_node, "supply_degc") == TW_DEFAULT && !tw_node_given(cooling_node, "supply_degc"));
    CHECK(tw_node_mark(cooling_node, "flow_kg_s") == TW_DERIVED);
    tw_config_destroy(read.config);
}

// PG7: 200 L/min of PG25 at 32 degC is 3.382 kg/s; water differs by its density, wherever the fluid is named
static void volume_flow_takes_the_fluid(void)
{
    put("facilities/a.cfg", hall);
    Read read = read_file("facilities/a.cfg");
    Cooling pg25 = {0}, water = {0};
    if (read.config)
        tw_node_row(tw_node_group(tw_node_entry(tw_config_root(read.config), "racks", 0, NULL), "cooling"), &pg25);
    CHECK_NEAR(pg25.flow_kg_s, 3.382, 5e-4);
    tw_config_destroy(read.config);
    read = read_set("facilities/a.cfg", "racks.cooling.fluid=water");
    CHECK(read.config);
    if (read.config)
        tw_node_row(tw_node_group(tw_node_entry(tw_config_root(read.config), "racks", 0, NULL), "cooling"), &water);
    CHECK_NEAR(water.flow_kg_s / pg25.flow_kg_s, 995.0 / 1014.7, 1e-12);
    tw_config_destroy(read.config);
    read = read_set("facilities/a.cfg", "racks.cooling.fluid=mercury");
    CHECK(!read.config);
    CHECK_HOLDS(said, "the density of mercury is not known: write flow_kg_s in kg/s");
}

// every form of a path reaches what program.md 3 says
static void paths_reach_entries(void)
{
    put("facilities/a.cfg", hall);
    static const struct {
        const char *set;
        double want[5];
    } cases[] = {
        {"power.utility.limit_mw=0.6", {600e3, 450e3, 450e3, 450e3, 450e3}},
        {"power.pdu.limit_kw=400", {750e3, 400e3, 400e3, 400e3, 400e3}},
        {"power.pdu2.limit_kw = 300", {750e3, 450e3, 300e3, 450e3, 450e3}},
        {"power.limit_kw=1", {1e3, 1e3, 1e3, 1e3, 1e3}},
        {"power.1.limit_kw=2", {750e3, 2e3, 450e3, 450e3, 450e3}},
        {"power.[4].limit_w=3000.0", {750e3, 450e3, 450e3, 450e3, 3e3}},
    };
    for (int k = 0; k < TW_COUNT(cases); k++) {
        Read read = read_set("facilities/a.cfg", cases[k].set);
        if (!read.config) fprintf(stderr, "%s\n%s", cases[k].set, said);
        CHECK(read.config);
        for (int i = 0; read.config && i < 5; i++) CHECK(element_at(read.config, i).limit_w == cases[k].want[i]);
        tw_config_destroy(read.config);
    }

    // the last of several wins, also where a narrower one came before
    static const char *const both[] = {"power.pdu2.limit_kw=300", "power.pdu.limit_kw=200", "power.pdu.count=2"};
    Read read = read_sets("facilities/a.cfg", both, 3);
    CHECK(read.config);
    if (read.config) {
        CHECK(tw_node_entries(tw_config_root(read.config), "power") == 3);
        CHECK(element_at(read.config, 2).limit_w == 200e3);
    }
    tw_config_destroy(read.config);

    // part, shorthand, text without quotes, arrays, an optional group that the file does not have
    static const char *const many[] = {"racks.a.gpu=gb200",           "racks.b.from=pdu4",      "power.0.tags=[x, y z]",
                                       "power.utility.curve=[1,2.5]", "power.outdoor=true",     "cooling.supply_c=28",
                                       "power.utility.limit_w=none",  "racks.1.part=\"nvl72\"", "title=a = b"};
    read = read_sets("facilities/a.cfg", many, TW_COUNT(many));
    if (!read.config) fprintf(stderr, "%s", said);
    CHECK(read.config);
    if (read.config) {
        const TwNode *root = tw_config_root(read.config);
        CHECK(gpu_at(read.config, 0).limit_w == 1200.0 && gpu_at(read.config, 1).limit_w == 1200.0);
        CHECK_TEXT(rack_at(read.config, 2).from, "pdu4");
        Element utility = element_at(read.config, 0);
        CHECK(utility.tags.count == 2);
        CHECK_TEXT(utility.tags.values[1], "y z");
        CHECK(utility.curve.count == 2 && utility.curve.values[1] == 2.5);
        CHECK(utility.outdoor && element_at(read.config, 3).outdoor);
        CHECK(isinf(utility.limit_w));
        Cooling cooling;
        tw_node_row(tw_node_group(root, "cooling"), &cooling);
        CHECK(cooling.supply_degc == 28.0);
        Facility facility;
        tw_node_row(root, &facility);
        CHECK_TEXT(facility.title, "a = b");
    }
    tw_config_destroy(read.config);
}

// "power+={...}" puts an entry behind those of the file, a base's too; other sets reach it.
static void the_command_line_adds_entries(void)
{
    put("facilities/a.cfg", hall);
    put("facilities/above.cfg", "base = \"a\"; title = \"above\";");
    static const char *const sets[] = {"power+={ name = \"spare\"; count = 2; from = \"utility\"; limit_kw = 100.0; }",
                                       "power.spare2.limit_kw=90", "power += {limit_kw=7;}"};
    Read read = read_sets("facilities/above.cfg", sets, 3);
    if (!read.config) fprintf(stderr, "%s", said);
    CHECK(read.config);
    if (read.config) {
        CHECK(tw_node_entries(tw_config_root(read.config), "power") == 8);
        CHECK(element_at(read.config, 4).limit_w == 450e3 && element_at(read.config, 5).limit_w == 100e3);
        CHECK(element_at(read.config, 6).limit_w == 90e3 && element_at(read.config, 7).limit_w == 7e3);
        CHECK(tw_node_entries(tw_config_root(read.config), "racks") == 3);
        CHECK_TEXT(rack_at(read.config, 0).from, "pdu1");
    }
    tw_config_destroy(read.config);
}

static void command_line_errors_say_where(void)
{
    put("facilities/a.cfg", hall);
    static const struct {
        const char *set, *part;
    } cases[] = {
        {"power.utilty.limit_kw=1", "no entry is named utilty; did you mean utility?"},
        {"power.utility.limit_kv=1", "limit is w, kw, mw or gw; kv is voltage"},
        {"power.utility.limt_kw=1", "unknown setting; did you mean power.utility.limit_kw?"},
        {"power.9.limit_kw=1", "the list has 5 entries, counted from 0"},
        {"power=3", "power is a list: write power.NAME.SETTING=VALUE"},
        {"cooling=3", "cooling is a group"},
        {"colling.supply_c=3", "did you mean cooling?"},
        {"power.utility.limit_kw=abc", "text is written in quotes"},
        {"power.utility.positions=3.7", "expected a whole number"},
        {"power.utility.share_percent=120", "expected 0 to 1 (share_fraction = 1.2)"},
        {"power.utility.kind=feeed", "expected feed, board or pdu"},
        {"racks.part=nvl27", "unknown rack part; did you mean nvl72?"},
        {"title", "write --set PATH=VALUE"},
        {"power+=3", "power+ adds an entry: write power+={ ... }"},
        {"pwer+={limit_kw=3;}", "did you mean power?"},
        {"power+={limt_kw=3;}", "did you mean limit_kw?"},
        {"title+={limit_kw=3;}", "title"},
        {"power+={limit_kw=3;", "power+"},
        {"for_s=1; title=\"x\"", "one --set gives one value"},
    };
    for (int k = 0; k < TW_COUNT(cases); k++) {
        Read read = read_set("facilities/a.cfg", cases[k].set);
        CHECK(!read.config && read.errors >= 1);
        CHECK_HOLDS(said, cases[k].part);
        CHECK_HOLDS(said, "--set ");
    }
    // made of another option, which is what its errors name
    Read read = read_set("facilities/a.cfg", "power+={limt_kw=3;} # --limit \"3 kW\"");
    CHECK(!read.config && read.errors == 1);
    CHECK_HOLDS(said, "--limit \"3 kW\": error: ");
    CHECK(strstr(said, "--set") == NULL && strstr(said, "# ") == NULL);
    read = read_set("facilities/a.cfg", "a} # --b=3");
    CHECK(!read.config && read.errors >= 1);
    CHECK_HOLDS(said, "--set a} # --b=3");
}

// default < part < base < file < --set
static void precedence_is_as_stated(void)
{
    put("facilities/below.cfg", "title = \"below\"; for_s = 10;\n"
                                "racks = ( { name = \"a\"; part = \"nvl72\"; peak_kw = 100; } );\n"
                                "cooling: { supply_degc = 20.0; head_kpa = 50; };\n");
    put("facilities/a.cfg", "base = \"below\"; title = \"above\"; cooling: { head_kpa = 60; };\n");
    Read read = read_set("facilities/a.cfg", "cooling.liquid_percent=94");
    CHECK(read.config);
    if (!read.config) {
        fprintf(stderr, "%s", said);
        return;
    }
    Facility facility;
    tw_node_row(tw_config_root(read.config), &facility);
    CHECK_TEXT(facility.title, "above");
    CHECK(facility.for_s == 10.0);
    CHECK(rack_at(read.config, 0).peak_w == 100e3 && rack_at(read.config, 0).gpu_count == 72);
    Cooling cooling;
    tw_node_row(tw_node_group(tw_config_root(read.config), "cooling"), &cooling);
    CHECK(cooling.supply_degc == 20.0 && cooling.head_pa == 60e3 && cooling.liquid_fraction == 0.94);
    CHECK(cooling.flow_kg_s == 1.0);    // the table
    tw_config_destroy(read.config);

    // shipped facilities can be a base from anywhere
    put("elsewhere/mine.cfg", "base = \"below\"; for_s = 11;\n");
    read = read_file("elsewhere/mine.cfg");
    CHECK(read.config);
    tw_config_destroy(read.config);

    put("facilities/a.cfg", "base = \"belov\";\n");
    read = read_file("facilities/a.cfg");
    CHECK_HOLDS(said, "a.cfg:1:8: error: base = \"belov\"");
    CHECK_HOLDS(said, "did you mean below?");
}

static void cycles_end(void)
{
    put("facilities/a.cfg", "base = \"b\";\n");
    put("facilities/b.cfg", "base = \"a\";\n");
    Read read = read_file("facilities/a.cfg");
    CHECK(read.errors == 1);
    CHECK_HOLDS(said, "b.cfg:1:8: error: base = \"a\": a cycle");

    put("facilities/parts/gpu/x.cfg", "base = \"y\"; limit_w = (1.0, \"vendor\", \"S28\");\n");
    put("facilities/parts/gpu/y.cfg", "base = \"z\";\n");
    put("facilities/parts/gpu/z.cfg", "base = \"y\";\n");
    read = read_text("racks = ( { name = \"a\"; count = 3; part = \"nvl72\"; gpu = \"x\"; } );\n");
    CHECK(read.errors == 1);    // told once, whoever uses it
    CHECK_HOLDS(said, "gpu/z.cfg:1:8: error: base = \"y\": a cycle");
    CHECK_HOLDS(said, "included from");
}

// PG10: the resolved text reads back to the same text and key, with marks and sources
static void resolved_text_reads_back(void)
{
    put("facilities/a.cfg", hall);
    static const char *const sets[] = {NULL,
                                       "racks.a2.gpu.limit_kw=1.1",
                                       "power.utility.limit_w=none",
                                       "power.pdu.curve=[0.1,0.30000000000000004]",
                                       "title=q\"\\u\tx",
                                       "power.pdu.count=0",
                                       "racks.cooling.head_psi=40"};
    char first_key[33] = "";
    for (int k = 0; k < TW_COUNT(sets); k++) {
        Read read = read_sets("facilities/a.cfg", &sets[k], sets[k] != NULL);
        CHECK(read.config);
        if (!read.config) {
            fprintf(stderr, "%s", said);
            continue;
        }
        char *text = tw_config_resolved(read.config), key[33], again_key[33] = "";
        tw_config_key(read.config, key);
        CHECK(strlen(key) == 32);
        if (!*first_key)
            memcpy(first_key, key, sizeof key);
        else
            CHECK(strcmp(first_key, key) != 0);
        put("facilities/resolved.cfg", text);
        // the parts are not asked again
        put("facilities/parts/gpu/gb300.cfg", "limit_w = (77.0, \"vendor\", \"S28\");\n");
        Read again = read_file("facilities/resolved.cfg");
        CHECK(again.config);
        if (again.config) {
            char *second = tw_config_resolved(again.config);
            // where a value came from is a comment
            if (k == 0) CHECK_TEXT(second, text);
            tw_config_key(again.config, again_key);
            CHECK_TEXT(again_key, key);
            const TwNode *rack = tw_node_entry(tw_config_root(again.config), "racks", 0, NULL);
            CHECK(tw_node_mark(rack, "peak_w") == TW_VENDOR);
            CHECK(!tw_node_given(tw_node_group(rack, "gpu"), "compute_flops"));
            free(second);
        } else {
            fprintf(stderr, "%s\n%s", text, said);
        }
        tw_config_destroy(again.config);
        tw_config_destroy(read.config);
        free(text);
        put_parts();
    }
}

// comments, order, unit spelling, includes and file names do not change the key; a value does
static void key_is_of_values_only(void)
{
    char keys[3][33];
    put("facilities/a.cfg", "for_min = 2; power = ( { name = \"u\"; limit_kw = 16.1; share_percent = 57.0; } );");
    put("facilities/inner.cfg", "{ name = \"u\"; share_fraction = 0.57; limit_w = 16100L; }\n");
    put("facilities/b.cfg", "/* other */ power = (\n@include \"inner.cfg\"\n); # order\nfor_s = 120.0;\n");
    put("facilities/c.cfg", "for_s = 120.0; power = ( { name = \"u\"; share_fraction = 0.57; limit_w = 16100.5; } );");
    static const char *const names[] = {"facilities/a.cfg", "facilities/b.cfg", "facilities/c.cfg"};
    for (int i = 0; i < 3; i++) {
        Read read = read_file(names[i]);
        CHECK(read.config);
        if (!read.config) {
            fprintf(stderr, "%s", said);
            return;
        }
        tw_config_key(read.config, keys[i]);
        tw_config_destroy(read.config);
    }
    CHECK_TEXT(keys[0], keys[1]);
    CHECK(strcmp(keys[0], keys[2]) != 0);
}

static uint32_t drawn;
static int draw(int below)
{
    drawn = drawn * 1664525u + 1013904223u;
    return (int)((uint64_t)(drawn >> 8) * (uint64_t)below >> 24);
}

// One file under many settings: however they follow each other, values and key are those of a reading of their own.
static void variants_are_readings(void)
{
    static const char *const choices[][6] = {
        {"racks.peak_kw=120", "racks.peak_kw=131.5", "racks.peak_kw=1e2", "racks.peak_w=125000", "racks.peak_kw=0"},
        {"racks.a2.gpu.limit_kw=1.1", "racks.a2.gpu.limit_kw=0.9", "racks.a1.gpu.limit_kw=0.9",
         "racks.gpu.limit_w=1000"},
        {"power.pdu.limit_w=none", "power.pdu.limit_kw=440", "power.pdu.limit_kw=450.0", "power.pdu2.limit_kw=440"},
        {"power.pdu.count=4", "power.pdu.count=2", "power.pdu.count=3"},
        {"title=hall", "title=other hall", "title=a \"b\"", "title= x"},
        {"power.pdu.kind=board", "power.pdu.kind=pdu", "power.pdu.outdoor=true", "power.pdu.outdoor=false"},
        {"power.utility.positions=3", "power.utility.positions=7", "power.utility.curve=[1.0, 3.0]"},
        {"racks.b.gpu=gb200", "racks.b.gpu=gb300", "racks.b.gpu.limit_w=900"},
        {"power+={limit_kw=3.0;}", "power+={limit_kw=4.0;}"},
        {"racks.cooling.fluid=pg25", "racks.cooling.fluid=water", "racks.cooling.flow_lpm=60",
         "racks.cooling.flow_kg_s=2"},
    };
    put("facilities/a.cfg", hall);
    char parts[512], path[512];
    snprintf(path, sizeof path, "%s", in_folder("facilities/a.cfg"));
    snprintf(parts, sizeof parts, "%s", in_folder("facilities/parts"));
    TwLibrary *library = tw_library_create();
    const TwConfigInput base = {&facility_kind, path, parts, NULL, 0};
    TwVariants *variants = tw_variants_create(&base, library);
    char before[33] = "";
    int changed = 0;
    for (int round = 0; round < 600; round++) {
        const char *sets[TW_COUNT(choices)];
        int count = 0;
        for (int k = 0; k < TW_COUNT(choices); k++) {
            int n = 0;
            while (n < 6 && choices[k][n]) n++;
            // half of the time one setting differs from the round before
            static int chosen[TW_COUNT(choices)];
            if (round == 0 || draw(8) == 0) chosen[k] = draw(n + 1);
            if (chosen[k] < n) sets[count++] = choices[k][chosen[k]];
        }
        TwConfigInput own = base;
        own.sets = sets;
        own.set_count = count;
        TwErrors *errors = tw_errors_create();
        TwConfig *read;
        char key[33] = "", varied[33] = "";
        bool good = tw_config_read(&read, &own, errors);
        int wanted_errors = tw_errors_count(errors);
        const TwConfig *config = tw_variants_read(variants, sets, count, varied, errors);
        CHECK(good == (config != NULL));
        CHECK(tw_errors_count(errors) == 2 * wanted_errors);
        if (good && config) {
            tw_config_sum_key(read, key);
            CHECK_TEXT(varied, key);
            char *want = tw_config_resolved(read), *got = tw_config_resolved(config);
            CHECK_TEXT(got, want);
            changed += strcmp(key, before) != 0;
            memcpy(before, key, sizeof before);
            free(want);
            free(got);
        }
        tw_config_destroy(read);
        tw_errors_destroy(errors);
    }
    CHECK(changed > 200);
    tw_variants_destroy(variants);
    tw_library_destroy(library);
}

typedef struct Seen {
    int count, vendor, unknown;
    double stated_min;
    char source[16];
} Seen;

static void see(void *context, const char *path, double value, double min, double max, TwMark mark, const char *source)
{
    Seen *seen = context;
    seen->count++;
    seen->vendor += mark == TW_VENDOR;
    seen->unknown += isnan(value);
    if (strcmp(path, "racks.a1.peak_w") == 0) {
        seen->stated_min = min;
        CHECK(max == 150e3);
        snprintf(seen->source, sizeof seen->source, "%s", source);
    }
}

static void visit_meets_every_number(void)
{
    Read read = read_text(hall);
    CHECK(read.config);
    if (!read.config) return;
    Seen seen = {0};
    tw_config_visit(read.config, see, &seen);
    // for_s; 5 elements with 7 numbers and a curve of 2; 3 racks with 2, their devices with 4, their cooling with 4
    CHECK(seen.count == 1 + 5 * 9 + 3 * 10);
    CHECK(seen.vendor == 1 + (2 + 2) + (2 + 2) + (1 + 2));    // peak_kw = 132 is the user's
    CHECK(seen.unknown == 3 * 3);                             // compute, liquid fraction, head
    CHECK(seen.stated_min == 120e3);
    CHECK_TEXT(seen.source, "S28");
    tw_config_destroy(read.config);
}

static void explain_says_what_is_in_force(void)
{
    put("facilities/a.cfg", hall);
    Read read = read_set("facilities/a.cfg", "power.pdu3.limit_kw=9");
    CHECK(read.config);
    if (!read.config) return;
    char *text;
    size_t size;
    TwError error;
    FILE *stream = open_memstream(&text, &size);
    CHECK(tw_config_explain(read.config, "racks.a.peak_kw", stream, &error));
    CHECK(tw_config_explain(read.config, "power.pdu3.limit_w", stream, &error));
    CHECK(!tw_config_explain(read.config, "racks.a.peek_w", stream, &error));
    CHECK_HOLDS(error.text, "did you mean peak_w?");
    CHECK(!tw_config_explain(read.config, "racks.7.peak_w", stream, &error));
    CHECK(!tw_config_explain(read.config, "racks.peak_w.more", stream, &error));
    // of a list: what its entries may hold
    CHECK(tw_config_explain(read.config, "racks", stream, &error));
    fclose(stream);
    CHECK_HOLDS(text, "\npeak_w                     W  ");
    CHECK_HOLDS(text, "range      0 to 1e+06 W");
    CHECK_HOLDS(text, "spellings  peak_w, peak_kw, peak_mw, peak_gw");
    CHECK_HOLDS(text, "racks.a2.peak_w = 142000.0");
    CHECK_HOLDS(text, "nvl72.cfg:4:11");
    CHECK_HOLDS(text, "mark       vendor");
    CHECK_HOLDS(text, "source     S28: a register");
    CHECK_HOLDS(text, "from       the command line: --set power.pdu3.limit_kw=9");
    free(text);
    tw_config_destroy(read.config);
}

// a check across settings is told at the setting
static void node_errors_have_places(void)
{
    Read read = read_text(hall);
    CHECK(read.config);
    if (!read.config) return;
    TwErrors *errors = tw_errors_create();
    const TwNode *root = tw_config_root(read.config);
    tw_node_error(tw_node_entry(root, "racks", 2, NULL), "from", errors, "no element is named %s", "pdu9");
    tw_node_warn(tw_node_entry(root, "power", 0, NULL), NULL, errors, "feeds nothing");
    CHECK(tw_errors_count(errors) == 1 && tw_warnings_count(errors) == 1);
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, 50, stream);
    fclose(stream);
    CHECK_HOLDS(text, "a.cfg:8:40: error: racks.b.from = \"pdu2\": no element is named pdu9");
    CHECK_HOLDS(text, "a.cfg:3:3: warning: power.utility: feeds nothing");
    free(text);
    tw_errors_destroy(errors);
    tw_config_destroy(read.config);
}

// A model names the group and the setting; the file knows where they stand.
static void model_errors_find_their_places(void)
{
    Read read = read_text(hall);
    CHECK(read.config);
    if (!read.config) return;
    TwErrors *errors = tw_errors_create();
    tw_errors_add(errors, "", 0, 0, "racks.b: peak_w = 132000, expected less than power.pdu2 has");
    tw_errors_add(errors, "", 0, 0, "power.pdu3: serves nothing");
    tw_errors_follow(errors);
    tw_warnings_add(errors, "", 0, 0, "elsewhere: limit_w = 3");
    tw_errors_add(errors, "x.cfg", 5, 7, "power.utility: limit_w");
    tw_config_place(read.config, errors);
    tw_node_say(tw_node_entry(tw_config_root(read.config), "racks", 2, NULL), errors, "gpus: limit_w is low");
    CHECK(tw_errors_count(errors) == 5 && tw_warnings_count(errors) == 1);
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, 50, stream);
    fclose(stream);
    CHECK_HOLDS(text, "a.cfg:8:73: error: racks.b: peak_w = 132000, expected less");
    CHECK_HOLDS(text, "a.cfg:4:3: error: power.pdu3: serves nothing");
    CHECK_HOLDS(text, "\nwarning: elsewhere: limit_w = 3");
    CHECK_HOLDS(text, "x.cfg:5:7: error: power.utility: limit_w");
    CHECK_HOLDS(text, "gb200.cfg:");    // the setting is that of the group below, in its part
    CHECK_HOLDS(text, "4 errors; nothing was run");
    free(text);
    tw_errors_destroy(errors);
    tw_config_destroy(read.config);
}

// a hundred copies of one entry do not push out what else is wrong
static void copies_are_told_once(void)
{
    TwErrors *errors = tw_errors_create();
    for (int i = 1; i <= 100; i++) {
        tw_errors_add(errors, "none.cfg", 3, 5, "cdus.cdu%d: needs from", i);
        tw_errors_add(errors, "none.cfg", 3, 5, "cdus.cdu%d: no part", i);
    }
    tw_errors_add(errors, "none.cfg", 4, 5, "cdus.cdu1: needs from");
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, 3, stream);
    fclose(stream);
    CHECK_HOLDS(text, "none.cfg:3:5: error: cdus.cdu1: needs from\n    and 99 more like it, of other copies\n");
    CHECK_HOLDS(text, "none.cfg:3:5: error: cdus.cdu1: no part\n    and 99 more like it, of other copies\n");
    CHECK_HOLDS(text, "none.cfg:4:5: error: cdus.cdu1: needs from\n201 errors; nothing was run\n");
    free(text);
    tw_errors_destroy(errors);
}

// A file with errors is looked at all the same for those that only its users know, but not in groups that are not
// sound, and not where it is open what there is.
static void errors_do_not_hide_others(void)
{
    put("facilities/a.cfg",
        "power = ( { name = \"u\"; limt_kw = 3; from = \"x\"; rate_s = -1; }, { name = \"v\"; from = \"w\"; } );\n");
    TwErrors *errors = tw_errors_create();
    char path[512];
    snprintf(path, sizeof path, "%s", in_folder("facilities/a.cfg"));
    const TwConfigInput input = {.root = &facility_kind, .path = path};
    TwConfig *config;
    CHECK(!tw_config_read_on(&config, &input, NULL, errors) && tw_errors_count(errors) == 2);
    CHECK(config);
    if (!config) return;
    const TwNode *root = tw_config_root(config), *u = tw_node_entry(root, "power", 0, NULL),
                 *v = tw_node_entry(root, "power", 1, NULL);
    Element row;
    tw_node_row(u, &row);
    CHECK(row.rate_s >= 0.0 && row.rate_s <= 1e6);    // a stand-in
    CHECK(!tw_node_sound(u) && tw_node_sound(v) && !tw_node_sound(root));
    tw_node_error(u, "from", errors, "does not go with limit_w");    // held back: what was meant is not known
    tw_node_value_error(u, "from", errors, "no element is named x");
    tw_node_value_error(u, "rate_s", errors, "no such rate");    // said already
    tw_node_error(v, "from", errors, "no element is named w");
    CHECK(tw_errors_count(errors) == 6);
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    tw_errors_print(errors, 50, stream);
    fclose(stream);
    CHECK_HOLDS(text, "4 errors; nothing was run");
    CHECK_HOLDS(text, "power.u.from = \"x\": no element is named x");
    CHECK_HOLDS(text, "power.v.from = \"w\": no element is named w");
    CHECK(!strstr(text, "does not go") && !strstr(text, "no such rate"));
    free(text);
    tw_errors_destroy(errors);
    tw_config_destroy(config);

    put("facilities/a.cfg", "power = ( { nme = \"u\"; } );\n");
    errors = tw_errors_create();
    CHECK(!tw_config_read_on(&config, &input, NULL, errors) && !config && tw_errors_count(errors) == 1);
    tw_errors_destroy(errors);
}

int main(void)
{
    make_folder();
    put_parts();
    rows_hold_parts_and_overrides();
    volume_flow_takes_the_fluid();
    paths_reach_entries();
    the_command_line_adds_entries();
    command_line_errors_say_where();
    precedence_is_as_stated();
    cycles_end();
    resolved_text_reads_back();
    key_is_of_values_only();
    variants_are_readings();
    visit_meets_every_number();
    explain_says_what_is_in_force();
    node_errors_have_places();
    model_errors_find_their_places();
    copies_are_told_once();
    errors_do_not_hide_others();
    free(said);
    remove_folder();
    return check_failures != 0;
}
