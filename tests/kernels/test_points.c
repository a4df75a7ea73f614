#include "kernels/host/assemble.h"
#include "kernels/host/nvml.h"
#include "kernels/host/operand.h"
#include "kernels/host/rows.h"
#include "tests/check.h"
#include "tests/kernels/scratch.h"

static TwCalPoint gemm(int64_t m, int64_t n, int64_t k)
{
    return tw_cal_point("gemm", "cublaslt", "bf16", (const int64_t[TW_CAL_PARAMETERS]){m, n, k}, TW_CAL_BURST);
}

#define POINT(op, impl, type, ...)                                                                                     \
    tw_cal_point(op, impl, type, (const int64_t[TW_CAL_PARAMETERS]){__VA_ARGS__}, TW_CAL_BURST)

// published values of FNV-1a and splitmix64; the ids of two points, which no later version may change
static void ids_are_what_they_were(void)
{
    CHECK(tw_cal_hash("") == UINT64_C(0xcbf29ce484222325));
    CHECK(tw_cal_hash("a") == UINT64_C(0xaf63dc4c8601ec8c));
    CHECK(tw_cal_hash("foobar") == UINT64_C(0x85944171f73967e8));
    CHECK(tw_cal_mix(0) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(tw_cal_mix(1234567) == UINT64_C(6457827717110365317));

    TwCalPoint point = gemm(16, 4096, 4096);
    CHECK(tw_cal_id(&point) == tw_cal_hash("gemm|cublaslt|bf16|bf16|bf16|16|4096|4096|0|0|0|0|0|burst"));
    point = POINT("copy", "hand", "byte", 65536);
    point.regime = TW_CAL_SUSTAINED;
    CHECK(tw_cal_id(&point) == tw_cal_hash("copy|hand|byte||byte|65536|0|0|0|0|0|0|0|sustained"));
    point = gemm(1, 6144, 4096);
    CHECK(tw_cal_id(&point) == UINT64_C(0xd5a9b96e5c1225c5));
    // formats of the same numbers differ by their scales
    point = POINT("gemm", "cublaslt", "fp8_row", 16, 4096, 4096);
    CHECK(tw_cal_id(&point) == tw_cal_hash("gemm|cublaslt|e4m3|e4m3|bf16|16|4096|4096|0|0|0|0|0|burst|row"));
}

// K-27: 15 % +- 1.3 points of 7300 ids
static void roles_are_fifteen_percent_of_the_ids(void)
{
    int count = 0, held = 0;
    for (int64_t m = 1; m <= 73; m++)
        for (int64_t n = 1; n <= 10; n++)
            for (int64_t k = 1; k <= 10; k++) {
                TwCalPoint point = gemm(16 * m, 512 * n, 1024 * k);
                count++;
                held += tw_cal_role(&point) == TW_CAL_HOLDOUT;
            }
    CHECK(count == 7300);
    CHECK_WITHIN(100.0 * held / count, 15.0, 1.3);
}

static void sites_and_odd_batches_are_kept_apart(void)
{
    // 20 batch sizes of a kept site: none is for training, about 15 % are held out by hash all the same
    int train = 0, site = 0, odd = 0;
    for (int64_t m = 1; m <= 20; m++) {
        TwCalPoint kept = gemm(m, 14336, 4096), other = gemm((1 << m % 12) * 2 + 1, 4096, 4096);
        train += tw_cal_role(&kept) == TW_CAL_TRAIN || tw_cal_role(&other) == TW_CAL_TRAIN;
        site += tw_cal_role(&kept) == TW_CAL_SITE;
        odd += tw_cal_role(&other) == TW_CAL_ODD_M;
    }
    CHECK(train == 0 && site >= 10 && odd >= 10);
    TwCalPoint norm = POINT("residual_rmsnorm", "hand", "bf16", 65, 14336);    // sites are weight shapes only
    CHECK(tw_cal_role(&norm) == TW_CAL_TRAIN || tw_cal_role(&norm) == TW_CAL_HOLDOUT);
}

// K-01, K-02, and the glue: every input and output once
static void costs_are_those_of_the_step_model(void)
{
    TwCalPoint point = gemm(16, 4096, 4096);
    CHECK(tw_cal_cost(&point).flop == 536870912.0 && tw_cal_cost(&point).bytes == 33816576.0);
    point = gemm(1, 128256, 4096);
    CHECK(tw_cal_cost(&point).flop == 1050673152.0 && tw_cal_cost(&point).bytes == 1050937856.0);
    point = POINT("residual_rmsnorm", "hand", "bf16", 100, 64);
    CHECK(tw_cal_cost(&point).bytes == 2.0 * (4 * 6400 + 64));
    point = POINT("silu_mul", "hand", "bf16", 100, 64);
    CHECK(tw_cal_cost(&point).bytes == 2.0 * 3 * 6400);
    point = POINT("copy", "hand", "byte", 1000);
    CHECK(tw_cal_cost(&point).bytes == 2000.0 && tw_cal_cost(&point).flop == 0.0);
    // K-03, K-04
    point = POINT("gemm", "cublaslt", "fp8_tensor", 512, 57344, 8192);
    CHECK(tw_cal_cost(&point).flop == 481036337152.0 && tw_cal_cost(&point).bytes == 532676608.0);
    point = POINT("decode", "cudnn", "bf16", 64, 4096, 32, 8, 128, 16, 0);
    CHECK(tw_cal_cost(&point).flop == 4294967296.0 && tw_cal_cost(&point).bytes == 1074790400.0);
    // latent prefill by both ways of counting
    point = POINT("prefill", "cudnn", "bf16", 2, 1024, 0, 128, 128, 192, 128);
    TwOpCost latent = tw_op_mla_prefill(2, 1024, 128);
    CHECK(tw_cal_cost(&point).flop == latent.flop && tw_cal_cost(&point).bytes == latent.bytes);
}

// K-25: a decode step reads at least its weights and its cache
static void a_step_costs_what_its_parts_cost(void)
{
    static const struct {
        int64_t batch, context;
        double floor_s;
    } known[] = {{1, 1024, 3.155e-3}, {64, 4096, 10.285e-3}, {256, 1024, 10.285e-3}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        TwStepCase step = {.batch = known[i].batch, .context = known[i].context};
        TwStepOp op[TW_STEP_OPS];
        int count = tw_step_ops(&tw_step_llama8b, &step, op);
        double read = 0.0;    // products' weights and the cache
        for (int k = 0; k < count; k++) {
            const int64_t *p = op[k].point.p;
            if (op[k].point.kind->op == TW_CAL_GEMM) read += 2.0 * (double)(p[1] * p[2] * op[k].launches);
            if (op[k].point.kind->op == TW_CAL_DECODE)
                read += 4.0 * (double)(p[0] * p[1] * p[3] * p[4] * op[k].launches);
        }
        CHECK_NEAR(read / 4.8e12, known[i].floor_s, 1e-3);
        CHECK(tw_step_cost(&tw_step_llama8b, &step).bytes > read);
    }
    // predictions add the rows that are there and count those that are not
    TwStepCase step = {.batch = 1, .context = 1024};
    TwStepOp op[TW_STEP_OPS];
    int count = tw_step_ops(&tw_step_llama8b, &step, op);
    TwCalRow row[TW_STEP_OPS];
    double want_s = 0.0;
    for (int k = 0; k < count; k++) {
        row[k] = tw_cal_row(&op[k].point);
        row[k].t_med_us = 3.0 + (double)(row[k].id % 16);    // both norms are one point
        want_s += 1e-6 * row[k].t_med_us * (double)op[k].launches;
        snprintf(row[k].status, sizeof row[k].status, "ok");
    }
    TwCalRows rows = {row, count, 0, 0};
    TwStepPrediction p = tw_step_predict(&tw_step_llama8b, &step, &rows);
    CHECK_NEAR(p.t_s, want_s, 1e-12);
    CHECK(p.missing == 0 && isnan(p.energy_j));
    CHECK(p.launches == 1 + 32 * 9 + 3);
    snprintf(row[0].status, sizeof row[0].status, "noisy");    // the embedding
    CHECK(tw_step_predict(&tw_step_llama8b, &step, &rows).missing == 1);
}

// cold operands fill the cache three times over, or as many sets as a graph can hold
static void operand_sets_keep_weights_cold(void)
{
    TwCalPoint point = gemm(16, 4096, 4096);    // 33.6 MB of weights
    CHECK(tw_cal_sets(&point, 60e6, 140e9, 512) == 6);
    CHECK(tw_cal_sets(&point, 60e6, 140e9, 4) == 4);
    point = gemm(16, 16384, 16384);
    CHECK(tw_cal_sets(&point, 60e6, 140e9, 512) == 2);
    point = POINT("silu_mul", "hand", "bf16", 1, 64);
    CHECK(tw_cal_sets(&point, 60e6, 140e9, 512) == 1);                          // activations only
    point = POINT("decode", "cudnn", "bf16", 256, 32768, 32, 8, 128, 16, 0);    // 34 GB a set
    CHECK(tw_cal_sets(&point, 60e6, 50e9, 512) == 1);                           // no room for two
}

static TwCalRow full_row(void)
{
    TwCalPoint point = gemm(2048, 6144, 4096);
    point.regime = TW_CAL_SUSTAINED;
    TwCalRow row = tw_cal_row(&point);
    row.n_batches = 250;
    row.n_rep = 144;
    row.t_med_us = 135.625;
    row.t_mad_us = 0.25;
    row.t_p10_us = 135.5;
    row.t_p90_us = 136.75;
    row.ws_bytes = 33554432.0;
    row.sm_mhz = 1755.0;
    row.temp_degc = 61.0;
    row.e_uj = 93125.5;
    row.sets = 4;
    snprintf(row.algo, sizeof row.algo, "66.20.35.1");
    snprintf(row.status, sizeof row.status, "ok");
    snprintf(row.slice, sizeof row.slice, "first");
    return row;
}

static char *file_text(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");
    size_t used = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[used] = '\0';
    if (file) fclose(file);
    return text;
}

static void rows_come_back_as_they_were_written(void)
{
    Scratch scratch = scratch_open("points.csv", "");
    FILE *file = fopen(scratch.path, "w");
    TwCalRow row = full_row();
    CHECK(tw_cal_rows_title(file) && tw_cal_row_write(file, &row));
    fclose(file);

    // the column order of the kernels page, section 7
    char *text = file_text(scratch.path);
    CHECK_HOLDS(text, "point_id,family,op,impl,dtype_a,dtype_b,dtype_out,scale_mode,p0,p1,p2,p3,p4,p5,p6,p7,regime,"
                      "n_batches,n_rep,t_med_us,t_mad_us,t_p10_us,t_p90_us,flop,bytes,algo,kernel,ws_bytes,sm_mhz,"
                      "mem_mhz,temp_degc,throttle,e_uj,e_sigma_uj,p_w,win_s,sets,role,status,slice\n");
    CHECK_HOLDS(text, ",gemm,gemm,cublaslt,bf16,bf16,bf16,,2048,6144,4096,0,0,0,0,0,sustained,250,144,135.625,0.25,"
                      "135.5,136.75,103079215104,92274688,66.20.35.1,,33554432,1755,,61,,93125.5,,,,4,");

    TwCalRows rows;
    TwCalErrors errors = {0};
    bool io;
    CHECK(tw_cal_rows_read(&rows, scratch.path, &errors, &io) && rows.count == 1 && rows.broken == 0);
    if (rows.count == 1) {
        const TwCalRow *got = &rows.row[0];
        CHECK(tw_cal_id(&got->point) == tw_cal_id(&row.point));
        CHECK(got->n_batches == 250 && got->n_rep == 144 && got->sets == 4);
        CHECK(got->t_med_us == row.t_med_us && got->t_mad_us == row.t_mad_us && got->e_uj == row.e_uj);
        CHECK(got->flop == row.flop && got->bytes == row.bytes);
        CHECK(isnan(got->mem_mhz) && isnan(got->p_w) && isnan(got->throttle));    // never measured, never zero
        CHECK_TEXT(got->algo, "66.20.35.1");
        CHECK(tw_cal_rows_done(&rows, &row.point));
        TwCalPoint other = gemm(2048, 6144, 4096);    // the burst of the same shape is another point
        CHECK(!tw_cal_rows_done(&rows, &other));
    }
    tw_cal_rows_destroy(&rows);
    scratch_close(&scratch);
}

// a run that was killed while it wrote: the last line is broken, everything before it counts
static void a_broken_last_line_is_left_out(void)
{
    Scratch scratch = scratch_open("points.csv", "");
    FILE *file = fopen(scratch.path, "w");
    TwCalRow row = full_row(), noisy = full_row();
    noisy.point.p[0] = 4096;
    noisy.id = tw_cal_id(&noisy.point);
    snprintf(noisy.status, sizeof noisy.status, "noisy");
    tw_cal_rows_title(file);
    tw_cal_row_write(file, &row);
    tw_cal_row_write(file, &noisy);
    long whole = ftell(file);
    fputs("0123456789abcdef,gemm,gemm,cubl", file);
    fclose(file);

    TwCalRows rows;
    TwCalErrors errors = {0};
    bool io;
    CHECK(tw_cal_rows_read(&rows, scratch.path, &errors, &io));
    CHECK(rows.count == 2 && rows.broken == 1 && rows.whole_bytes == whole);
    CHECK(tw_cal_rows_done(&rows, &row.point) && !tw_cal_rows_done(&rows, &noisy.point));    // noisy is measured again
    tw_cal_rows_destroy(&rows);
    scratch_close(&scratch);
}

// K-28, as far as this file can know: times, columns, ids, roles
static void wrong_rows_are_named(void)
{
    Scratch scratch = scratch_open("points.csv", "");
    FILE *file = fopen(scratch.path, "w");
    TwCalRow row = full_row(), negative = full_row();
    negative.point.p[0] = 32;
    negative.t_med_us = -1.0;
    tw_cal_rows_title(file);
    tw_cal_row_write(file, &row);
    tw_cal_row_write(file, &row);
    tw_cal_row_write(file, &negative);
    fputs("1,2,3\n", file);
    fputs("0123456789abcdef,gemm,gemm,cublaslt,bf16,bf16,bf16,,1,1,1,0,0,0,0,0,burst,5,1,x,1,1,1,2,6,,,,,,,,,,,,2,"
          "sentinel,ok,first\n",
          file);
    fclose(file);
    TwCalRows rows;
    TwCalErrors errors = {0};
    bool io;
    CHECK(!tw_cal_rows_read(&rows, scratch.path, &errors, &io) && !io);
    CHECK_HOLDS(errors.text, "points.csv:3: error: point_id");
    CHECK_HOLDS(errors.text, "points.csv:4: error: t_med_us = -1, expected more than 0");
    CHECK_HOLDS(errors.text, "points.csv:5: error: 3 fields, expected 40");
    CHECK_HOLDS(errors.text, "points.csv:6: error: point_id = 0123456789abcdef, expected ");
    CHECK_HOLDS(errors.text, "points.csv:6: error: role = sentinel, expected ");
    CHECK_HOLDS(errors.text, "points.csv:6: error: t_med_us = x, expected a number");
    scratch_close(&scratch);

    scratch = scratch_open("points.csv", "point_id,op,t_med_us\n1,gemm,3\n");
    errors = (TwCalErrors){0};
    CHECK(!tw_cal_rows_read(&rows, scratch.path, &errors, &io) && errors.count == 1);
    CHECK_HOLDS(errors.text, "points.csv:1: error: other columns");
    scratch_close(&scratch);
}

// without a driver every reading is missing, not zero; with one it is read and sane
static void a_missing_driver_answers_nothing(void)
{
    TwNvmlReading reading = tw_nvml_read(NULL);
    CHECK(isnan(reading.power_w) && isnan(reading.energy_j) && isnan(reading.sm_mhz) && isnan(reading.temp_degc));
    CHECK(isnan(tw_nvml_limits(NULL).power_limit_w));
    CHECK_TEXT(tw_nvml_limits(NULL).driver, "");
    tw_nvml_close(NULL);
    TwNvml *nvml = tw_nvml_open("ffff:ff:ff.f");    // no such device anywhere
    CHECK(!nvml);
}

int main(void)
{
    ids_are_what_they_were();
    roles_are_fifteen_percent_of_the_ids();
    sites_and_odd_batches_are_kept_apart();
    costs_are_those_of_the_step_model();
    a_step_costs_what_its_parts_cost();
    operand_sets_keep_weights_cold();
    rows_come_back_as_they_were_written();
    a_broken_last_line_is_left_out();
    wrong_rows_are_named();
    a_missing_driver_answers_nothing();
    return check_failures != 0;
}
