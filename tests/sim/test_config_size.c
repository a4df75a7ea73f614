// PG11, K37: lists of racks of any size are read in about a second; accessors do not slow down with them.
#include "tests/sim/test_config_case.h"

#include <time.h>

// sanitizers and a busy machine multiply the time; the limit of the specification holds for a release build
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
static const double limit_s = 15.0;
#else
static const double limit_s = 1.0;
#endif

// time of this process, so that neighbours on the machine do not count
static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void write_racks(int count, const char *format)
{
    FILE *stream = fopen(in_folder("facilities/a.cfg"), "w");
    if (!stream) abort();
    fputs("racks = (\n", stream);
    for (int i = 0; i < count; i++) {
        fprintf(stream, format, i, i % 40);
        fputs(i + 1 < count ? ",\n" : "\n", stream);
    }
    fputs(");\n", stream);
    fclose(stream);
}

static void read_all(const char *what, int count)
{
    double start = now_s();
    Read read = read_file("facilities/a.cfg");
    double took = now_s() - start;
    CHECK(read.config);
    if (!read.config) {
        fprintf(stderr, "%s", said);
        return;
    }
    printf("%s: %.3f s\n", what, took);
    CHECK(took < limit_s);

    const TwNode *root = tw_config_root(read.config);
    CHECK(tw_node_entries(root, "racks") == count);
    start = now_s();
    double sum = 0.0;
    for (int i = 0; i < count; i++) {
        char name[TW_NAME];
        const TwNode *rack = tw_node_entry(root, "racks", i, name);
        Rack row;
        Gpu gpu;
        tw_node_row(rack, &row);
        tw_node_row(tw_node_group(rack, "gpu"), &gpu);
        sum += row.peak_w + gpu.limit_w + (tw_node_given(rack, "peak_w") ? 1.0 : 0.0);
    }
    CHECK(sum == count * (142000.0 + 1400.0 + 1.0));
    CHECK(now_s() - start < limit_s);
    tw_config_destroy(read.config);
}

int main(void)
{
    make_folder();
    put_parts();
    write_racks(10000, "  { name = \"r%d\"; part = \"nvl72\"; from = \"pdu%d\"; cooling = { flow_lpm = 210.0; }; }");
    read_all("10,000 racks", 10000);
    write_racks(100000, "  { name = \"r%d\"; part = \"nvl72\"; from = \"pdu%d\"; }");
    read_all("100,000 racks", 100000);
    put("facilities/a.cfg", "racks = ( { name = \"r\"; count = 100000; part = \"nvl72\"; } );\n");
    read_all("100,000 copies", 100000);

    // every rack wrong: all errors counted, fifty printed
    write_racks(10000, "  { name = \"r%d\"; part = \"nvl72\"; form = \"pdu%d\"; }");
    double start = now_s();
    Read read = read_file("facilities/a.cfg");
    CHECK(read.errors == 10000 && !read.config);
    CHECK_HOLDS(said, "50 of 10000 errors shown; nothing was run");
    CHECK(now_s() - start < limit_s);
    free(said);
    remove_folder();
    return check_failures != 0;
}
