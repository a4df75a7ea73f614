#include "kernels/host/grid.h"
#include "tests/check.h"
#include "tests/kernels/scratch.h"

#define TITLE "op,impl,dtype,p0,p1,p2,p3,p4,p5,p6,p7,regime,tier\n"

static TwCalErrors read_text(const char *text, TwCalGrid *grid)
{
    *grid = (TwCalGrid){0};
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
    TwCalErrors errors = read_text("# a comment\n\n" TITLE "gemm,cublaslt,bf16, 16 ,4096,14336,,,,,,burst,1\r\n"
                                   "copy,hand,byte,100,,,,,,,,sustained,1\n",
                                   &grid);
    CHECK(errors.count == 0 && grid.count == 2);
    if (grid.count == 2) {
        CHECK(grid.point[0].kind->op == TW_CAL_GEMM && grid.point[0].kind->impl == TW_CAL_LIBRARY);
        CHECK(grid.point[0].p[0] == 16 && grid.point[0].p[1] == 4096 && grid.point[0].p[2] == 14336);
        CHECK(grid.point[1].kind->op == TW_CAL_COPY && grid.point[1].kind->impl == TW_CAL_HAND &&
              grid.point[1].p[0] == 100);
        CHECK(grid.point[0].regime == TW_CAL_BURST && grid.point[1].regime == TW_CAL_SUSTAINED);
        char name[100];
        tw_cal_describe(&grid.point[0], name, (int)sizeof name);
        CHECK_TEXT(name, "gemm cublaslt bf16 m=16 n=4096 k=14336 burst");
    }
    tw_cal_grid_destroy(&grid);
}

// K-28, for grids: every mistake is named with its line, its value and what was expected, and nothing is read
static void every_mistake_is_named(void)
{
    TwCalGrid grid;
    TwCalErrors errors = read_text(TITLE "gem,cublaslt,bf16,1,1,1,,,,,,burst,1\n"
                                         "gemm,hand,bf16,1,1,1,,,,,,burst,1\n"
                                         "gemm,cublaslt,fp8,1,1,1,,,,,,burst,1\n"
                                         "gemm,cublaslt,bf16,0,1,1,,,,,,burst,1\n"
                                         "gemm,cublaslt,bf16,1,1.5,1,,,,,,burst,1\n"
                                         "gemm,cublaslt,bf16,1,1,,,,,,,burst,1\n"
                                         "silu_mul,hand,bf16,1,1,1,,,,,,burst,1\n"
                                         "gemm,cublaslt,bf16,1,1,1,,,,,,forever,1\n"
                                         "gemm,cublaslt,bf16,1,1,1,,,,,,1\n"
                                         "copy,hand,byte,99999999999999999999,,,,,,,,burst,1\n"
                                         "copy,runtime,byte,64,,,,,,,,burst,1\n"
                                         "copy,runtime,byte,64,,,,,,,,burst,1\n",
                                   &grid);
    static const char *const said[] = {
        "grid.csv:2: error: op = gem, expected gemm, prefill, decode, mla_decode, moe_gemm, residual_rmsnorm, silu_mul",
        "grid.csv:3: error: impl = hand, expected cublaslt\n",
        "grid.csv:4: error: dtype = fp8, expected bf16, fp8_tensor, fp8_row, fp8_block, mxfp8, nvfp4\n",
        "grid.csv:5: error: p0 (m) = 0, expected a whole number from 1 to 16777216\n",
        "grid.csv:6: error: p1 (n) = 1.5, expected a whole number from 1",
        "grid.csv:7: error: p2 (k) = , expected a whole number from 1",
        "grid.csv:8: error: p2 = 1, expected nothing: silu_mul has 2 parameters\n",
        "grid.csv:9: error: regime = forever, expected burst, sustained, duty20",
        "grid.csv:10: error: 12 fields, expected 13",
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
    TwCalErrors errors =
        read_text("op,impl,dtype,m,n,k,p3,p4,p5,p6,p7,regime,tier\ngemm,cublaslt,bf16,0,0,0,,,,,,burst,1\n", &grid);
    CHECK(errors.count == 1);
    CHECK_HOLDS(errors.text, ":1: error: column 4 is m, expected p0");
    errors = read_text("op,impl,dtype,p0,p1,p2,p3,p4,p5,p6,p7\n", &grid);
    CHECK_HOLDS(errors.text, ":1: error: column 12 is missing, expected regime");
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
    for (int i = 0; i < 1000; i++) strcat(text, "nothing,x,y,1,2,3,,,,,,burst,1\n");
    TwCalGrid grid;
    TwCalErrors errors = read_text(text, &grid);
    CHECK(errors.count == 1000 && strlen(errors.text) < sizeof errors.text && strlen(errors.text) > 3800);
}

// a cell may be a list: the row is all combinations, and what is there already is left out
static void lists_stand_for_all_combinations(void)
{
    TwCalGrid grid;
    TwCalErrors errors = read_text(TITLE "gemm,cublaslt,bf16;fp8_row,1;2;3,512;1024,4096,,,,,,burst,2\n"
                                         "gemm,cublaslt,bf16,3;4,512,4096,,,,,,burst,1\n",
                                   &grid);
    CHECK(errors.count == 0 && grid.count == 13);    // one of the second row was there
    tw_cal_grid_shuffle(&grid, 1);
    if (grid.count == 13) {
        CHECK(grid.tier[0] == 1 && grid.tier[1] == 2 && grid.point[0].p[0] == 4);
        int fp8 = 0;
        for (int i = 0; i < grid.count; i++) {
            fp8 += grid.point[i].kind->type == TW_CAL_FP8_ROW;
            CHECK(grid.id[i] == tw_cal_id(&grid.point[i]));
        }
        CHECK(fp8 == 6);
    }
    tw_cal_grid_destroy(&grid);
    errors = read_text(TITLE "decode,cudnn,bf16,1,1024,6,4,128,16,0,,burst,1\n"
                             "gemm,cublaslt,bf16,1;0,512,4096,,,,,,burst,1\n"
                             "gemm,cublaslt,bf16,1,512,4096,,,,,,burst,12\n"
                             "step,assembled,bf16,0,100,0,1,0,0,,,burst,1\n",
                       &grid);
    CHECK(errors.count == 4);
    CHECK_HOLDS(errors.text, "grid.csv:2: error: heads = 6, expected a multiple of kv_heads = 4");
    CHECK_HOLDS(errors.text, "grid.csv:3: error: p0 (m) = 0, expected");
    CHECK_HOLDS(errors.text, "grid.csv:4: error: tier = 12, expected 1 to 9");
    CHECK_HOLDS(errors.text, "grid.csv:5: error: a step of nothing");
}

static void a_shuffle_keeps_every_point_and_repeats(void)
{
    enum { COUNT = 500 };
    TwCalGrid a = {0}, b = {0}, c = {0};
    for (int64_t i = 0; i < COUNT; i++) {
        TwCalPoint point =
            tw_cal_point("gemm", "cublaslt", "bf16", (const int64_t[TW_CAL_PARAMETERS]){i + 1, 8, 8}, TW_CAL_BURST);
        CHECK(tw_cal_grid_add(&a, &point, 1) && tw_cal_grid_add(&b, &point, 1) && tw_cal_grid_add(&c, &point, 1));
        CHECK(!tw_cal_grid_add(&a, &point, 1));
    }
    tw_cal_grid_shuffle(&a, 1);
    tw_cal_grid_shuffle(&b, 1);
    tw_cal_grid_shuffle(&c, 2);
    int seen[COUNT] = {0}, stayed = 0, same = 0;
    for (int i = 0; i < COUNT; i++) {
        int64_t first = a.point[i].p[0] - 1;
        CHECK(first == b.point[i].p[0] - 1);
        seen[first]++;
        stayed += first == i;
        same += first == c.point[i].p[0] - 1;
    }
    for (int i = 0; i < COUNT; i++) CHECK(seen[i] == 1);
    CHECK(stayed < 10 && same < 10);    // 1 is expected of each
    tw_cal_grid_destroy(&a);
    tw_cal_grid_destroy(&b);
    tw_cal_grid_destroy(&c);
}

int main(void)
{
    points_come_as_they_stand();
    every_mistake_is_named();
    a_file_that_is_no_grid_says_so_once();
    errors_beyond_the_buffer_are_counted();
    lists_stand_for_all_combinations();
    a_shuffle_keeps_every_point_and_repeats();
    return check_failures != 0;
}
