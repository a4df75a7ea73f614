#include "models/workload/kernel_points.h"
#include "tests/check.h"
#include "tests/parts.h"

#include <stdio.h>
#include <unistd.h>

static const char title[] = "point_id,family,op,impl,dtype_a,dtype_b,dtype_out,scale_mode,p0,p1,p2,p3,p4,p5,p6,p7,"
                            "regime,t_med_us,bytes,status\n";

static char folder[64] = "/tmp/tokenworks-XXXXXX", path[96];
static TwAcceleratorRow chip;

static void write_points(const char *rows)
{
    FILE *file = fopen(path, "w");
    if (!file || fputs(title, file) < 0 || fputs(rows, file) < 0 || fclose(file) != 0) abort();
}

static char text[1 << 16];
static size_t used;

static void gemm(const char *dtype, const char *scale, double m, double n, double k, double t_us)
{
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "x,gemm,gemm,cublaslt,%s,%s,bf16,%s,%.0f,%.0f,%.0f,0,0,0,0,0,burst,%.12g,1,ok\n", dtype,
                             dtype, scale, m, n, k, t_us);
}

static double bound_us(double m, double n, double k)
{
    return 1e6 * tw_op_bound_s(tw_op_gemm(m, n, k, 2.0), chip.bf16_flops, chip.bandwidth_bytes_s);
}

// a power law of the three sizes: ln u is linear in their logarithms, so that interpolation is exact
static double law_us(double m, double n, double k)
{
    return bound_us(m, n, k) / (0.05 * pow(m, 0.1) * pow(n, 0.12) * pow(k, 0.08));
}

static TwKernelModel *model_of(const char *rows)
{
    TwKernelModel *model = NULL;
    TwError error = {0};
    write_points(rows);
    bool good = tw_kernel_model_create(&model, &chip, folder, &error);
    if (!good) fprintf(stderr, "%s\n", error.text);
    CHECK(good);
    return model;
}

static TwKernelShape product(double m, double n, double k)
{
    return (TwKernelShape){.op = TW_KERNEL_GEMM, .m = m, .n = n, .k = k};
}

// K-06, K-09, K-10: what was measured is answered as it was, between the points by the law of logarithms, beyond them
// not
static void products_follow_their_points(void)
{
    used = 0;
    static const double m[] = {1, 16, 256, 4096}, w[] = {512, 2048, 8192};
    for (int i = 0; i < 4; i++)
        for (int n = 0; n < 3; n++)
            for (int k = 0; k < 3; k++) gemm("bf16", "", m[i], w[n], w[k], law_us(m[i], w[n], w[k]));
    gemm("bf16", "", 1, 6144, 4096, 11.0);    // a known site, other than the law
    gemm("bf16", "", 64, 6144, 4096, 44.0);
    gemm("bf16", "", 33, 2048, 2048, 30.0);    // an odd m: a point, not a node
    TwKernelModel *model = model_of(text);
    if (!model) return;
    TwKernelShape s = product(256, 2048, 8192);
    TwKernelCost c = tw_kernel_query(model, &s);
    CHECK_NEAR(1e6 * c.t_s, law_us(256, 2048, 8192), 1e-11);
    CHECK(c.evidence == TW_MEASURED && c.sigma_ln == 0.02 && !c.outside);
    s = product(64, 1024, 4096);
    c = tw_kernel_query(model, &s);
    CHECK_NEAR(1e6 * c.t_s, law_us(64, 1024, 4096), 1e-9);
    CHECK(c.evidence == TW_MEASURED && c.sigma_ln == 0.04);
    s = product(64, 2048, 2048);    // along m of a site
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, law_us(64, 2048, 2048), 1e-9);
    s = product(33, 2048, 2048);
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 30.0, 1e-12);
    s = product(8, 6144, 4096);    // half way between 1 and 64 in the logarithm: the geometric mean of utilisations
    double u = sqrt(bound_us(1, 6144, 4096) / 11.0 * bound_us(64, 6144, 4096) / 44.0);
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, bound_us(8, 6144, 4096) / u, 1e-9);
    s = product(64, 16384, 16384);    // beyond the grid: not from here
    CHECK(tw_kernel_query(model, &s).evidence != TW_MEASURED);
    s = product(64, 1024, 4096);
    s.number = TW_FP8;
    CHECK(tw_kernel_query(model, &s).evidence != TW_MEASURED);
    tw_kernel_model_destroy(model);
}

// K-07, K-08
static void attention_follows_its_points(void)
{
    TwKernelModel *model =
        model_of("x,decode,decode,cudnn,bf16,bf16,bf16,,16,1024,32,8,128,16,0,0,burst,20,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,16,4096,32,8,128,16,0,0,burst,44,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,64,1024,32,8,128,16,0,0,burst,50,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,64,4096,32,8,128,16,0,0,burst,170,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,64,9999,32,8,128,16,0,0,burst,400,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,32,2048,32,8,128,16,50,0,burst,7,1,ok\n"
                 "x,decode,decode,cudnn,bf16,bf16,bf16,,32,2048,32,8,128,16,0,0,burst,7,1,noisy\n"
                 "x,prefill,prefill,cudnn,bf16,bf16,bf16,,1,2048,0,32,8,128,128,0,burst,100,1,ok\n"
                 "x,prefill,prefill,cudnn,bf16,bf16,bf16,,1,8192,0,32,8,128,128,0,burst,1600,1,ok\n"
                 "x,prefill,prefill,cudnn,bf16,bf16,bf16,,4,2048,0,32,8,128,128,0,burst,360,1,ok\n"
                 "x,prefill,prefill,cudnn,bf16,bf16,bf16,,4,8192,0,32,8,128,128,0,burst,5800,1,ok\n");
    if (!model) return;
    TwKernelShape s = {.op = TW_KERNEL_DECODE, .batch = 32, .seq = 2048, .heads = 32, .kv_heads = 8, .dim = 128};
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 146.0 / 3.0, 1e-12);
    s.batch = 48, s.seq = 3072;
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 296.0 / 3.0, 1e-12);
    CHECK(tw_kernel_query(model, &s).evidence == TW_MEASURED);
    s.heads = 64;
    CHECK(tw_kernel_query(model, &s).evidence != TW_MEASURED);
    s = (TwKernelShape){.op = TW_KERNEL_PREFILL, .batch = 1, .seq = 4096, .heads = 32, .kv_heads = 8, .dim = 128};
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 400.0, 1e-12);
    s.batch = 2, s.seq = 2048;    // half way between one and four prompts, by rates of 100 and 90 us
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 2.0 * sqrt(100.0 * 90.0), 1e-12);
    s.batch = 16;
    CHECK(tw_kernel_query(model, &s).evidence != TW_MEASURED);
    tw_kernel_model_destroy(model);
}

static void small_kernels_follow_their_bytes(void)
{
    TwKernelModel *model =
        model_of("x,glue,silu_mul,hand,bf16,bf16,bf16,,1,1,0,0,0,0,0,0,burst,2.5,65536,ok\n"
                 "x,glue,residual_rmsnorm,hand,bf16,bf16,bf16,,1,1,0,0,0,0,0,0,burst,2.4,1048576,ok\n"
                 "x,glue,embed,hand,bf16,bf16,bf16,,1,1,1,0,0,0,0,0,burst,10,16777216,ok\n");
    if (!model) return;
    TwKernelShape s = {.op = TW_KERNEL_GLUE, .read = 4194304.0, .written = 0.0};
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, sqrt(2.5 * 10.0), 1e-9);    // never falling: 2.4 counts as 2.5
    s.read = 65536.0 * 4.0;
    CHECK_NEAR(1e6 * tw_kernel_query(model, &s).t_s, 2.5, 1e-9);
    s.read = 1e9;
    CHECK(tw_kernel_query(model, &s).evidence == TW_ASSUMED);
    tw_kernel_model_destroy(model);
}

// K-28: every wrong row is named
static void wrong_points_are_named(void)
{
    static const struct {
        const char *rows, *said;
        int line;
    } known[] = {
        {"x,gemm,gemm,cublaslt,bf16,bf16,bf16,,64,4096,4096,0,0,0,0,0,burst,-1,1,ok\n",
         "t_med_us = -1, expected more than 0", 2},
        {"x,gemm,gemm,cublaslt,bf16,bf16,bf16,,64,4096,4096,0,0,0,0,0,burst,5,1,ok\n", "expected at most 1.1", 2},
        {"x,gemm,gemm,cublaslt,bf16,bf16,bf16,,64,4096,4096,0,0,0,0,0,burst,12,1,ok\n"
         "x,gemm,gemm,cublaslt,bf16,bf16,bf16,,64,4096,4096,0,0,0,0,0,burst,13,1,ok\n",
         "the point of line 2 again", 3},
        {"x,gemm,gemm,cublaslt,bf16,bf16,bf16,,64,4096,what,0,0,0,0,0,burst,12,1,ok\n", "what", 2},
        {"x,gemm,gemm,cublaslt,e2m1,e2m1,bf16,ue4m3_16,64,4096,4096,0,0,0,0,0,burst,12,1,ok\n", "does not know", 2},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        TwKernelModel *model = NULL;
        TwError error = {0};
        write_points(known[i].rows);
        CHECK(!tw_kernel_model_create(&model, &chip, folder, &error) && !model);
        CHECK_HOLDS(error.text, known[i].said);
        CHECK(error.line == known[i].line);
    }
    FILE *file = fopen(path, "w");
    if (!file || fputs("op,impl\ngemm,x\n", file) < 0 || fclose(file) != 0) abort();
    TwKernelModel *model = NULL;
    TwError error = {0};
    CHECK(!tw_kernel_model_create(&model, &chip, folder, &error));
    CHECK_HOLDS(error.text, "no column dtype_a");
}

int main(void)
{
    TwConfig *config;
    static const char bounds[] = "name,value\nbf16_flops,989e12\nfp8_flops,1978e12\nbandwidth_bytes_s,4.8e12\n";
    char beside[96];
    if (!mkdtemp(folder) || !read_part(&tw_accelerator_kind, "h200_sxm", &chip, &config)) return 1;
    snprintf(path, sizeof path, "%.60s/points.csv", folder);
    snprintf(beside, sizeof beside, "%.60s/bounds.csv", folder);
    FILE *file = fopen(beside, "w");
    if (!file || fputs(bounds, file) < 0 || fclose(file) != 0) abort();
    products_follow_their_points();
    attention_follows_its_points();
    small_kernels_follow_their_bytes();
    wrong_points_are_named();
    unlink(path);
    unlink(beside);
    rmdir(folder);
    tw_config_destroy(config);
    return check_failures != 0;
}
