// No input crashes the reader: it gives a configuration or at least one error.
#include "tests/sim/test_config_case.h"

// xorshift: the same texts on every machine
static uint64_t seed = 88172645463325252ull;
static unsigned drawn(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed >> 33) % below;
}

static int read_bytes(const char *name, const char *bytes, size_t size)
{
    FILE *stream = fopen(in_folder(name), "wb");
    if (!stream) abort();
    fwrite(bytes, 1, size, stream);
    fclose(stream);
    Read read = read_file("facilities/a.cfg");
    CHECK((read.config != NULL) == (read.errors == 0));
    CHECK(!strstr(said, "disagree"));    // scanner and libconfig see the same settings
    int good = read.config != NULL;
    if (read.config) {
        // what was accepted can be written and keyed
        char key[33];
        tw_config_key(read.config, key);
        free(tw_config_resolved(read.config));
    }
    tw_config_destroy(read.config);
    return good;
}

static const char facility[] =
    "// a comment\ntitle = \"hall \\\"x\\\"\"; for_h = 2.0;\n@include \"inner.cfg\"\n"
    "power = (\n  { name = \"utility\"; kind = \"feed\"; limit_kw = (750.0, 700, 800.0, \"vendor\", \"S28\"); },\n"
    "  { name = \"pdu\"; count = 4; from = \"utility\"; limit_kw = 450.0; outdoor = true; },\n"
    "  { tags = [\"a\", \"b\"]; curve = (1, 2.0); positions = 0x10; rate_s = 1e-3; }\n);\n"
    "/* more */ racks = (\n  { name = \"a\"; count = 2; part = \"nvl72\"; from = \"pdu1\"; },\n"
    "  { name = \"b\"; part = \"nvl72\"; gpu = \"gb200\"; peak_kw = 132; cooling: { flow_lpm = 3L; }; }\n);\n";

static const char part[] =
    "kind = \"gpu\"; base = \"gb300\";\nlimit_w = (1400.0, 200.0, 1400.0, \"vendor\", \"S28\");\n"
    "memory_gb = (288, \"assumed\", \"TW\"); watts = [1.0, 2.0]; mark = \"vendor\";\n";

static size_t mutate(char *text, size_t size, size_t room)
{
    static const char *const pieces[] = {"{",
                                         "}",
                                         "(",
                                         ")",
                                         "[",
                                         "]",
                                         ";",
                                         ",",
                                         "=",
                                         ":",
                                         "\"",
                                         "'",
                                         "/*",
                                         "*/",
                                         "//",
                                         "#",
                                         "\n",
                                         "\\",
                                         "@include \"a.cfg\"\n",
                                         "%",
                                         "1e999",
                                         "99999999999",
                                         "-0x1",
                                         ".",
                                         "\t",
                                         "\xff",
                                         "yes",
                                         "3 MW",
                                         "count = 3;",
                                         "@include \"inner.cfg\"\n",
                                         "base = \"a\";",
                                         "resolved = true;",
                                         "_",
                                         "L",
                                         "1,5"};
    for (unsigned changes = 1 + drawn(4); changes > 0; changes--) {
        size_t at = size ? drawn((unsigned)size) : 0;
        switch (drawn(5)) {
        case 0:    // another byte
            if (size) text[at] = (char)drawn(256);
            break;
        case 1: {    // a piece taken out
            size_t n = 1 + drawn(12);
            if (at + n > size) n = size - at;
            memmove(text + at, text + at + n, size - at - n);
            size -= n;
            break;
        }
        case 2: {    // a piece of the same text put in again
            size_t n = 1 + drawn(40), from = size ? drawn((unsigned)size) : 0;
            if (from + n > size) n = size - from;
            if (size + n >= room) break;
            char copy[64];
            memcpy(copy, text + from, n);
            memmove(text + at + n, text + at, size - at);
            memcpy(text + at, copy, n);
            size += n;
            break;
        }
        default: {    // something of the grammar
            const char *piece = pieces[drawn(TW_COUNT(pieces))];
            size_t n = strlen(piece);
            if (size + n >= room) break;
            memmove(text + at + n, text + at, size - at);
            memcpy(text + at, piece, n);
            size += n;
        }
        }
    }
    return size;
}

static void mutated_texts_are_survived(void)
{
    put("facilities/inner.cfg", "cooling: { supply_degc = 30; };\n");
    int good = 0;
    static char text[8192];
    for (int k = 0; k < 4000; k++) {
        memcpy(text, facility, sizeof facility);
        size_t size = mutate(text, strlen(facility), sizeof text);
        good += read_bytes("facilities/a.cfg", text, size);
    }
    CHECK(good > 100 && good < 3900);    // some harmless, most not
    put("facilities/a.cfg", "racks = ( { name = \"a\"; part = \"nvl72\"; gpu = \"mine\"; } );\n");
    for (int k = 0; k < 1500; k++) {
        memcpy(text, part, sizeof part);
        size_t size = mutate(text, strlen(part), sizeof text);
        read_bytes("facilities/parts/gpu/mine.cfg", text, size);
    }
}

// every beginning of a good text
static void cut_texts_are_survived(void)
{
    for (size_t n = 0; n <= strlen(facility); n++) read_bytes("facilities/a.cfg", facility, n);
}

static void noise_is_survived(void)
{
    static char noise[4096];
    for (int k = 0; k < 200; k++) {
        size_t size = drawn(sizeof noise);
        for (size_t i = 0; i < size; i++) noise[i] = (char)(k % 2 ? drawn(256) : 32 + drawn(95));
        read_bytes("facilities/a.cfg", noise, size);
    }
    CHECK(!read_bytes("facilities/a.cfg", "a\0b = 1;", 8));
    CHECK_HOLDS(said, "not a text file");
    CHECK(read_bytes("facilities/a.cfg", "", 0));
}

static void extremes_are_survived(void)
{
    size_t size = 1 << 20;
    char *text = malloc(size + 64);
    if (!text) abort();

    memset(text, 'a', size);
    CHECK(!read_bytes("facilities/a.cfg", text, size));    // a name of 1 MB
    memset(text, '1', size);
    memcpy(text, "for_s = ", 8);
    CHECK(!read_bytes("facilities/a.cfg", text, size));    // a number of 1 MB
    memset(text, 'x', size);
    memcpy(text, "title = \"", 9);
    text[size - 1] = '"';
    CHECK(read_bytes("facilities/a.cfg", text, size));    // a title of 1 MB is only long

    static const char *const opening[] = {"a: {", "a = (", "(", "[", "{"};
    for (int k = 0; k < TW_COUNT(opening); k++) {
        size_t n = 0;
        for (int i = 0; i < 1000; i++) n += (size_t)snprintf(text + n, 8, "%s", opening[k]);
        CHECK(!read_bytes("facilities/a.cfg", text, n));
    }
    free(text);
}

static void odd_sets_are_survived(void)
{
    put("facilities/a.cfg", "power = ( { name = \"u\"; count = 2; } );\n");
    static const char *const paths[] = {"power",
                                        "power.",
                                        ".",
                                        "power..limit_w",
                                        "power.u",
                                        "power.u.",
                                        "power.u3.limit_w",
                                        "power.[0].limit_w",
                                        "power.[].limit_w",
                                        "power.[99999999999].limit_w",
                                        "power.u.curve",
                                        "title",
                                        "racks.a.part",
                                        "cooling.flow_lpm",
                                        "power.count",
                                        "power.u.name",
                                        "power.u.tags",
                                        "a b",
                                        "power.u.limit_w.x",
                                        "resolved"};
    static const char *const values[] = {"1",       "\"",
                                         "[",       "(",
                                         "{",       "}",
                                         "a;b",     "1;2",
                                         "[1,]",    "\\",
                                         "\n",      "'",
                                         "unknown", "none",
                                         "[a, \"b", "()",
                                         "1 MW",    "99999999999999999999",
                                         "/*",      "@include \"a.cfg\""};
    for (int p = 0; p < TW_COUNT(paths); p++)
        for (int v = 0; v < TW_COUNT(values); v++) {
            char set[256];
            snprintf(set, sizeof set, "%s=%s", paths[p], values[v]);
            Read read = read_set("facilities/a.cfg", set);
            CHECK((read.config != NULL) == (read.errors == 0));
            tw_config_destroy(read.config);
        }
}

int main(void)
{
    make_folder();
    put_parts();
    mutated_texts_are_survived();
    cut_texts_are_survived();
    noise_is_survived();
    extremes_are_survived();
    odd_sets_are_survived();
    free(said);
    remove_folder();
    return check_failures != 0;
}
