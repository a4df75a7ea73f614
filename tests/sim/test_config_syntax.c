// What is wrong in a file is said at its place, with what to write instead; all of it at once.
#include "tests/sim/test_config_case.h"

// PG1
static void whole_numbers_do_not_wrap(void)
{
    REFUSES("power = ( { limit_w = 3000000000; } );", "a.cfg:1:23: error: power.0.limit_w = 3000000000: does not fit "
                                                      "32 bits: write 3e9 or 3000000000L");
    ACCEPTS("power = ( { limit_w = 3e9; } );");
    ACCEPTS("power = ( { limit_w = 3000000000L; } );");
    REFUSES("power = ( { limit_w = 99999999999999999999; } );", "does not fit 64 bits");
    REFUSES("power = ( { limit_w = 99999999999999999999L; } );", "does not fit 64 bits");
    REFUSES("power = ( { limit_w = 0xFFFFFFFF; } );", "write 4.294967295e9 or 4294967295L");
    ACCEPTS("power = ( { limit_w = 0x7fffffff; } );");
    TwConfig *config;
    CHECK(element_of("power = ( { limit_w = 010; } );", &config).limit_w == 10.0);
    tw_config_destroy(config);
}

// PG2
static void three_errors_with_columns(void)
{
    Read read = read_text("power = ( { name = \"a\"; positions = 3.7; },\n"
                          "  { name = \"b\"; positions = -1; },\n"
                          "  { name = \"c\"; limit_kw = 1E400; } );\n");
    CHECK(read.errors == 3);
    CHECK_HOLDS(said, "a.cfg:1:37: error: power.a.positions = 3.7: expected a whole number");
    CHECK_HOLDS(said, "a.cfg:2:29: error: power.b.positions = -1: expected 0 to 1000");
    CHECK_HOLDS(said, "a.cfg:3:28: error: power.c.limit_kw = 1E400: is not finite");
    CHECK_HOLDS(said, "3 errors; nothing was run");
}

// PG3
static void includes_are_relative_and_traced(void)
{
    put("facilities/more/inner.cfg", "for_s = 5;\n  titel = \"x\";\n");
    put("facilities/more/outer.cfg", "\n@include \"inner.cfg\"\n");
    Read read = read_text("// first\n  @include \"more/outer.cfg\"\n");
    CHECK(read.errors == 1);
    CHECK_HOLDS(said, "more/inner.cfg:2:3: error: titel: unknown setting; did you mean title?\n"
                      "    2 |   titel = \"x\";\n"
                      "      |   ^~~~~\n"
                      "    included from ");
    CHECK_HOLDS(said, "more/outer.cfg:2\n    included from ");
    CHECK_HOLDS(said, "a.cfg:2\n");

    REFUSES("\n @include \"gone.cfg\"\n", "a.cfg:2:11: error: ");
    CHECK_HOLDS(said, "gone.cfg: No such file or directory");
    REFUSES("@include \"more\"\n", "is a folder");
    REFUSES("@include \"a.cfg\"\n", "includes itself");
    REFUSES("@include more.cfg\n", "write @include \"file.cfg\"");
    REFUSES("@include \"more/inner.cfg\";\n", "nothing may follow");
    REFUSES("for_s = 1; @include \"more/inner.cfg\"\n", "stands alone on a line");
    ACCEPTS("/*\n@include \"gone.cfg\"\n*/ title = \"@include\"; // @include \"gone.cfg\"\n");
    for (int i = 0; i < 20; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "facilities/deep%d.cfg", i);
        snprintf(text, sizeof text, "@include \"deep%d.cfg\"\n", i + 1);
        put(name, text);
    }
    REFUSES("@include \"deep0.cfg\"\n", "nested deeper than 16");
}

// PG4
static void column_is_that_of_the_second_group(void)
{
    REFUSES("power = ( { positions = 1; }, { positions = 2000; } );", "a.cfg:1:45: error: power.1.positions = 2000");
}

// PG8: seven errors of seven kinds in three files, in the order of the files
static void all_errors_at_once(void)
{
    put("facilities/parts/rack/bad.cfg", "gpu = \"gb300\";\n"
                                         "gpu_count = (72, \"vendor\", \"S99\");\n"
                                         "peak_kw = 142.0;\n");
    put("facilities/inner.cfg", "{ name = \"x\"; limit_kw = 60 MW; },\n{ name = \"x\"; flow_kw = 1; }\n");
    Read read = read_text("titel = \"x\";\n"
                          "power = (\n@include \"inner.cfg\"\n);\n"
                          "racks = ( { name = \"a\"; part = \"bad\"; from = 3; } );\n");
    CHECK(read.errors == 7);
    static const char *const order[] = {
        "a.cfg:1:1: error: titel",
        "a.cfg:5:46: error: racks.a.from = 3: expected \"text\"",
        "inner.cfg:1:26: error: 60 MW: the unit belongs in the name: write limit_mw = 60;",
        "inner.cfg:2:10: error: power.x: two entries have this name",
        "inner.cfg:2:15: error: power.x.flow_kw: unknown setting",
        "bad.cfg:2:28: error: gpu_count = \"S99\": unknown source",
        "bad.cfg:3:11: error: peak_kw = 142.0: a part number is (value, \"mark\", \"source\")",
    };
    for (int i = 0; i < TW_COUNT(order); i++) CHECK_HOLDS(said, order[i]);
    CHECK_HOLDS(said, "7 errors; nothing was run");
    // a file's errors stay together, in the order of its lines
    for (int i = 1; i < TW_COUNT(order); i++) CHECK(strstr(said, order[i - 1]) < strstr(said, order[i]));
}

// PG9: every spelling that libconfig answers with "syntax error"
static void messages_name_what_to_write(void)
{
    REFUSES("power = ( { positions = 1; }, );", "no comma after the last element: remove it");
    REFUSES("power = ( { curve = [1.0, 2.0, ]; } );", "no comma after the last element");
    REFUSES("power = ( { limit_kw = 60 MW; } );", "write limit_mw = 60;");
    REFUSES("power = ( { limit_kw = 60MW; } );", "write limit_mw = 60;");
    REFUSES("power = ( { share_fraction = 5%; } );", "write share_percent = 5;");
    REFUSES("power = ( { outdoor = yes; } );", "a.cfg:1:23: error: yes: write true");
    REFUSES("power = ( { outdoor = off; } );", "off: write false");
    REFUSES("power = ( { limit_w = nan; } );", "written \"unknown\", in quotes");
    REFUSES("power = ( { limit_w = inf; } );", "written \"none\", in quotes");
    REFUSES("power = ( { limit_w = 1_000; } );", "write 1000");
    REFUSES("power = ( { limit_w = -0x10; } );", "write -16");
    REFUSES("power = ( { limit_w = 1,5; } );", "the decimal sign is a point: write 1.5");
    REFUSES("title = 'a';", "double quotes: \"a\"");
    REFUSES("title = hall;", "text is written in quotes: \"hall\"");
    REFUSES("a.b = 1;", "names have no dots: write a: { b = ...; };");
    ACCEPTS("\xef\xbb\xbf"
            "for_s = 1;\n");
    REFUSES("\xef\xbb\xbf"
            "titel = \"x\";\n",
            "a.cfg:1:1: error");
    REFUSES("title = \"open;\nfor_s = 1;\n", "not closed on its line");
    REFUSES("for_s = 1; /* open\ntitle = 3;", "a.cfg:1:12: error: this comment is never closed");
    REFUSES("for_s = ;", "for_s has no value");
    REFUSES("for_s=;", "for_s has no value");
    REFUSES("for_s", "expected for_s = value;");
    REFUSES("for_s 3;", "expected = or :");
    REFUSES("power = ( { positions = 1; } { positions = 2; } );", "a comma is missing");
    REFUSES("power = ( { positions = 1; ", "this { is never closed");
    REFUSES("power = ( { positions = 1; }; ", "expected )");
    REFUSES("for_s = 1; }", "this } closes nothing");
    REFUSES("1st = 3;", "names begin with a letter");
    REFUSES("for_s = $3;", "a value; expected a number");
    REFUSES("for_s = 1; for_s = 2;", "a.cfg:1:12: error: for_s is given twice");
    REFUSES("power = ( { curve = [1, 2.0]; } );", "[ ] holds one type");
    ACCEPTS("power = ( { curve = (1, 2.0); } );");
    ACCEPTS("for_s = 1\ntitle = \"no\" \"semicolons\"\n");
    ACCEPTS("for_s = 1;; title = \"x\";");
    ACCEPTS("");
}

static void names_and_types_are_checked(void)
{
    REFUSES("power = ( { lanes = 9; } );", "expected 1 to 8");
    ACCEPTS("power = ( { lanes = 0; } );");    // the default lies outside the range: "chosen"
    REFUSES("power = ( { limit_w = true; } );", "expected a number");
    REFUSES("power = ( { positions = \"unknown\"; } );", "it cannot be unknown");
    REFUSES("power = ( { positions = 3.0; } );", "expected a whole number, without a point");
    REFUSES("power = ( { outdoor = 1; } );", "expected true or false");
    REFUSES("power = ( { kind = \"fed\"; } );", "expected feed, board or pdu");
    REFUSES("power = ( { tags = [1, 2]; } );", "expected \"text\"");
    REFUSES("power = ( { share_fraction = \"none\"; } );", "it cannot be unbounded");
    REFUSES("power = 3;", "expected a list of groups");
    REFUSES("power = ( 3 );", "power.0: expected a group");
    REFUSES("cooling = 3;", "expected a group { ... }");
    REFUSES("cooling: { supply_degc = 20; supply_c = 21; };", "a.cfg:1:30: error: cooling.supply_c: two spellings");
    REFUSES("cooling: { limit_kw = 20; };", "cooling.limit_kw: unknown setting here; did you mean power.limit_kw?");
    REFUSES("power = ( { name = \"kind\"; } );", "is the name of a setting of element");
    REFUSES("power = ( { name = \"a\"; }, { name = \"a\"; } );", "two entries have this name");
    REFUSES("power = ( { name = \"a\"; count = 2; }, { name = \"a2\"; } );", "two entries have this name");
    REFUSES("power = ( { name = \"a b\"; } );", "is no name");
    REFUSES("racks = ( { name = \"a\"; gpu = { limit_w = 1; }; gpu_count = 1; } );", "racks.a.peak_w is missing");
    REFUSES("racks = ( { name = \"a\"; gpu_count = 1; peak_w = 1; } );", "racks.a.gpu is missing: the device");
    REFUSES("racks = ( { name = \"a\"; part = \"nvl27\"; } );", "unknown rack part; did you mean nvl72?");
    REFUSES("racks = ( { name = \"a\"; part = \"../x\"; } );", "is no name");
    REFUSES("racks = ( { name = \"a\"; part = \"nvl72\"; cooling = { flow_kw = 1.9; }; } );",
            "a.cfg:1:63: error: racks.a.cooling.flow_kw = 1.9: flow is kg_s, lpm or gpm; kw is power");
}

static void part_numbers_carry_mark_and_source(void)
{
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"limit_w = 1.0;", "limit_w = 1.0: a part number is (value, \"mark\", \"source\")"},
        {"limit_w = (1.0, \"vendor\");", "a part number is (value, \"mark\", \"source\")"},
        {"limit_w = (1.0, \"guess\", \"S28\");", "unknown mark; expected measured, vendor, derived or assumed"},
        {"limit_w = (1.0, \"user\", \"S28\");", "unknown mark"},
        {"limit_w = (1.0, \"vendor\", \"S82\");", "unknown source"},
        {"limit_w = (1.0, 3.0, 2.0, \"vendor\", \"S28\");", "the range is upside down"},
        {"limit_w = (4.0, 2.0, 3.0, \"vendor\", \"S28\");", "outside the range stated beside it"},
        {"limit_w = (1e9, \"vendor\", \"S28\");", "expected 0 to 100000 W"},
        {"limit_w = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0);", "expected (value, \"mark\", \"source\")"},
        {"kind = \"rack\"; limit_w = (1.0, \"vendor\", \"S28\");", "expected \"gpu\""},
    };
    for (int k = 0; k < TW_COUNT(cases); k++) {
        put("facilities/parts/gpu/test.cfg", cases[k].text);
        REFUSES("racks = ( { name = \"a\"; count = 5; part = \"nvl72\"; gpu = \"test\"; } );", cases[k].part);
    }
    // catalogue K35: three errors of one part
    put("facilities/parts/rack/k35.cfg", "gpu = \"gb300\"; gpu_count = (72, \"vendor\", \"S28\");\n"
                                         "peak_kw = (142.0, \"vendor\", \"S28\");\n"
                                         "peak_w = (142000.0, \"vendor\", \"S28\");\npeek_kw = 1.0;\n"
                                         "cooling: { supply_degc = 32.0; };\n");
    Read read = read_text("racks = ( { name = \"a\"; part = \"k35\"; } );");
    CHECK(read.errors == 3);
    CHECK_HOLDS(said, "k35.cfg:3:1: error: peak_w: two spellings of one setting; peak_kw is given at");
    CHECK_HOLDS(said, "k35.cfg:4:1: error: peek_kw: unknown setting; did you mean peak_kw?");
    CHECK_HOLDS(said, "k35.cfg:5:26: error: cooling.supply_degc = 32.0: a part number is");
    // a curve has one mark for its arrays, words and unknowns need none
    put("facilities/parts/gpu/test.cfg", "limit_w = \"unknown\"; watts = [1.0, 2.0]; mark = \"measured\"; "
                                         "source = \"S28\";");
    read = read_text("racks = ( { name = \"a\"; part = \"nvl72\"; gpu = \"test\"; } );");
    CHECK(read.config);
    if (read.config) {
        const TwNode *gpu = tw_node_group(tw_node_entry(tw_config_root(read.config), "racks", 0, NULL), "gpu");
        CHECK(tw_node_mark(gpu, "watts") == TW_MEASURED_MARK);
        Gpu row;
        tw_node_row(gpu, &row);
        CHECK(isnan(row.limit_w) && row.watts.count == 2);
    }
    tw_config_destroy(read.config);
}

static void other_files_are_refused(void)
{
    REFUSES("\211HDF\r\n\032\n", "this is a result file (HDF5); try tokenworks report");
    REFUSES("title = \"\001\";", "not a text file");
    put("facilities/hall.cfg", "");
    Read read = read_file("facilities/hal.cfg");
    CHECK(read.errors == 1);
    CHECK_HOLDS(said, "there is no such file; did you mean hall.cfg?");
    read = read_file("facilities");
    CHECK(read.errors == 1);
    CHECK_HOLDS(said, "is a folder");
}

int main(void)
{
    make_folder();
    put_parts();
    whole_numbers_do_not_wrap();
    three_errors_with_columns();
    includes_are_relative_and_traced();
    column_is_that_of_the_second_group();
    all_errors_at_once();
    messages_name_what_to_write();
    names_and_types_are_checked();
    part_numbers_carry_mark_and_source();
    other_files_are_refused();
    free(said);
    remove_folder();
    return check_failures != 0;
}
