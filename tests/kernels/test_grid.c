#include "kernels/host/grid.h"
#include "tests/check.h"
#include "tests/kernels/scratch.h"

#define TITLE "op,impl,dtype,p0,p1,p2,regime\n"

static TwCalErrors read_text(const char *text, TwCalGrid *grid)
{
    Scratch scratch = scratch_open("grid.csv", text);
    TwCalErrors errors = {0};
    bool io;
    bool read = tw_cal_grid_read(grid, scratch.path, &errors, &io);
    CHECK(read == (errors.count == 0) && !io);
    scratch_close(&scratch);
    return errors;
}

static void points_come_as_they_stand(void)
{
    TwCalGrid grid;
    TwCalErrors errors = read_text("# a comment\n\n" TITLE "gemm,cublaslt,bf16, 16 ,4096,14336,burst\r\n"
                                   "copy,hand,byte,100,,,sustained\n",
                                   &grid);
    CHECK(errors.count == 0 && grid.count == 2);
    if (grid.count == 2) {
        CHECK(grid.point[0].op == TW_CAL_GEMM && grid.point[0].impl == TW_CAL_LIBRARY);
        CHECK(grid.point[0].p[0] == 16 && grid.point[0].p[1] == 4096 && grid.point[0].p[2] == 14336);
        CHECK(grid.point[1].op == TW_CAL_COPY && grid.point[1].impl == TW_CAL_HAND && grid.point[1].p[0] == 100);
        CHECK(grid.point[0].regime == TW_CAL_BURST && grid.point[1].regime == TW_CAL_SUSTAINED);
        char name[100];
        tw_cal_describe(&grid.point[0], name, (int)sizeof name);
        CHECK_TEXT(name, "gemm cublaslt m=16 n=4096 k=14336 burst");
    }
    tw_cal_grid_destroy(&grid);
}

// K-28, for grids: every mistake is named with its line, its value and what was expected, and nothing is read
static void every_mistake_is_named(void)
{
    TwCalGrid grid;
    TwCalErrors errors = read_text(TITLE "gem,cublaslt,bf16,1,1,1,burst\n"
                                         "gemm,hand,bf16,1,1,1,burst\n"
                                         "gemm,cublaslt,fp8,1,1,1,burst\n"
                                         "gemm,cublaslt,bf16,0,1,1,burst\n"
                                         "gemm,cublaslt,bf16,1,1.5,1,burst\n"
                                         "gemm,cublaslt,bf16,1,1,,burst\n"
                                         "silu_mul,hand,bf16,1,1,1,burst\n"
                                         "gemm,cublaslt,bf16,1,1,1,forever\n"
                                         "gemm,cublaslt,bf16,1,1,1\n"
                                         "copy,hand,byte,99999999999999999999,,,burst\n"
                                         "copy,runtime,byte,64,,,burst\n"
                                         "copy,runtime,byte,64,,,burst\n",
                                   &grid);
    static const char *const said[] = {
        "grid.csv:2: error: op = gem, expected gemm, residual_rmsnorm, silu_mul, copy\n",
        "grid.csv:3: error: impl = hand, expected cublaslt\n",
        "grid.csv:4: error: dtype = fp8, expected bf16\n",
        "grid.csv:5: error: p0 (m) = 0, expected a whole number from 1 to 16777216\n",
        "grid.csv:6: error: p1 (n) = 1.5, expected a whole number from 1",
        "grid.csv:7: error: p2 (k) = , expected a whole number from 1",
        "grid.csv:8: error: p2 = 1, expected nothing: silu_mul has 2 parameters\n",
        "grid.csv:9: error: regime = forever, expected burst or sustained\n",
        "grid.csv:10: error: 6 fields, expected 7",
        "grid.csv:11: error: p0 (bytes) = 99999999999999999999, expected",
        "grid.csv:13: error: this point is there already\n",
    };
    CHECK(errors.count == (int)(sizeof said / sizeof *said));
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) CHECK_HOLDS(errors.text, said[i]);
    CHECK(grid.count == 0 && !grid.point);
}

static void a_file_that_is_no_grid_says_so_once(void)
{
    TwCalGrid grid;
    TwCalErrors errors = read_text("op,impl,dtype,m,n,k,regime\ngemm,cublaslt,bf16,0,0,0,burst\n", &grid);
    CHECK(errors.count == 1);
    CHECK_HOLDS(errors.text, ":1: error: column 4 is m, expected p0");
    errors = read_text("op,impl,dtype,p0,p1,p2\n", &grid);
    CHECK_HOLDS(errors.text, ":1: error: column 7 is missing, expected regime");
    errors = read_text("", &grid);
    CHECK_HOLDS(errors.text, "error: no points");
    errors = read_text(TITLE, &grid);
    CHECK_HOLDS(errors.text, "error: no points");

    bool io = false;
    errors = (TwCalErrors){0};
    CHECK(!tw_cal_grid_read(&grid, "/no/such/grid.csv", &errors, &io) && io);
    CHECK_TEXT(errors.text, "/no/such/grid.csv: error: No such file or directory\n");
    errors = (TwCalErrors){0};
    CHECK(!tw_cal_grid_read(&grid, "/", &errors, &io) && io && errors.count > 0);    // a folder
}

// many errors fill the buffer and no more
static void errors_beyond_the_buffer_are_counted(void)
{
    static char text[60000] = TITLE;
    for (int i = 0; i < 1000; i++) strcat(text, "nothing,x,y,1,2,3,burst\n");
    TwCalGrid grid;
    TwCalErrors errors = read_text(text, &grid);
    CHECK(errors.count == 1000 && strlen(errors.text) < sizeof errors.text && strlen(errors.text) > 3800);
}

static void a_shuffle_keeps_every_point_and_repeats(void)
{
    enum { COUNT = 500 };
    static TwCalPoint first[COUNT], second[COUNT], third[COUNT];
    for (int i = 0; i < COUNT; i++) first[i] = second[i] = third[i] = (TwCalPoint){.p = {i}};
    TwCalGrid a = {first, COUNT}, b = {second, COUNT}, c = {third, COUNT};
    tw_cal_grid_shuffle(&a, 1);
    tw_cal_grid_shuffle(&b, 1);
    tw_cal_grid_shuffle(&c, 2);
    int seen[COUNT] = {0}, stayed = 0, same = 0;
    for (int i = 0; i < COUNT; i++) {
        CHECK(first[i].p[0] == second[i].p[0]);
        seen[first[i].p[0]]++;
        stayed += first[i].p[0] == i;
        same += first[i].p[0] == third[i].p[0];
    }
    for (int i = 0; i < COUNT; i++) CHECK(seen[i] == 1);
    CHECK(stayed < 10 && same < 10);    // 1 is expected of each
}

int main(void)
{
    points_come_as_they_stand();
    every_mistake_is_named();
    a_file_that_is_no_grid_says_so_once();
    errors_beyond_the_buffer_are_counted();
    a_shuffle_keeps_every_point_and_repeats();
    return check_failures != 0;
}
