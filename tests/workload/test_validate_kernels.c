// The cases of `tokenworks validate kernels`: none is missed. With the reference data, the published tables too.
#include "models/workload/silicon.h"
#include "models/workload/validate.h"
#include "tests/check.h"
#include "tests/kernels/scratch.h"

static void no_case_is_missed(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("kernels");
    CHECK(tw_validate_kernels(v, NULL, &error));
    CHECK(tw_validation_rows(v) > 35 && tw_validation_failures(v) == 0);
    if (tw_validation_failures(v)) tw_validation_print(v, stderr);
    // with the tables at hand: strata of six chips and thirty transfers
    if (getenv("TOKENWORKS_REFERENCE_DATA")) CHECK(tw_validation_rows(v) > 150);
    tw_validation_destroy(v);
}

// a table of one's own: rows that are no part of the fit are judged by the same bars, and wrong files are named
static void a_file_is_judged_by_its_name(void)
{
    TwError error = {0};
    Scratch scratch = scratch_open("h200_sxm_gemm.csv", "engine,dtype,n,k,m,t_us,flag\n"
                                                        "trtllm-x,bf16,4096,4096,64,12.0,\n"
                                                        "trtllm-x,bf16,4096,4096,64,999,s\n"
                                                        "other,bf16,4096,4096,64,12.0,\n");
    TwSilicon silicon;
    CHECK(tw_silicon_read_file(&silicon, scratch.path, TW_SILICON_GEMM, &error));
    CHECK(silicon.count == 1 && silicon.left_out == 2);
    if (silicon.count == 1) CHECK(silicon.row[0].shape.m == 64.0 && silicon.row[0].t_s == 12e-6);
    tw_silicon_destroy(&silicon);
    CHECK(!tw_silicon_read_file(&silicon, scratch.path, TW_SILICON_MOE, &error));
    CHECK_HOLDS(error.text, "expected the columns engine,kernel");
    TwValidation *v = tw_validation_create("kernels");
    CHECK(tw_validate_kernels(v, scratch.path, &error) && tw_validation_failures(v) == 0);
    tw_validation_destroy(v);
    scratch_close(&scratch);

    scratch = scratch_open("h200_sxm_gemm.csv", "engine,dtype,n,k,m,t_us,flag\ntrtllm-x,bf16,4096,4096,64,-1,\n");
    v = tw_validation_create("kernels");
    CHECK(!tw_validate_kernels(v, scratch.path, &error) && error.line == 2);
    CHECK_HOLDS(error.text, "t_us = -1, expected above 0");
    tw_validation_destroy(v);
    scratch_close(&scratch);
    v = tw_validation_create("kernels");
    CHECK(!tw_validate_kernels(v, "/no/such/folder", &error));
    tw_validation_destroy(v);
}

int main(void)
{
    no_case_is_missed();
    a_file_is_judged_by_its_name();
    return check_failures != 0;
}
