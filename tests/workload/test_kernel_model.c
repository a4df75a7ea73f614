#include "models/workload/kernel_grid.h"
#include "tests/workload/kernel_chip.h"

#include <zlib.h>

// A grid from numbers; axes of one node where count is 0.
static TwGrid grid_of(TwArena *arena, int n0, const double *x0, int n1, const double *x1, TwGridScale scale,
                      TwGridScale rule, const double *value)
{
    static const double none[1] = {0.0};
    const int count[3] = {n0, n1 ? n1 : 1, 1};
    const TwGridScale scales[3] = {scale, scale, TW_GRID_RAW};
    const double *const axis[3] = {x0, n1 ? x1 : none, none};
    TwGrid grid;
    TwError error = {.text = ""};
    CHECK(tw_grid_make(&grid, arena, count, scales, rule, axis, value, &error));
    CHECK_TEXT(error.text, "");
    return grid;
}

static void interpolation_rules(void)
{
    TwArena *arena = tw_arena_create();
    double outside[3];
    // K-06: halfway in ln u is the geometric mean
    TwGrid u = grid_of(arena, 2, (double[]){1024, 4096}, 0, NULL, TW_GRID_LOG2, TW_GRID_LN, (double[]){0.2, 0.8});
    CHECK_NEAR(tw_grid_at(&u, 2048, 0, 0, NULL), 0.4, 1e-12);
    // K-10: a node answers its own value, to the bit
    CHECK(tw_grid_at(&u, 1024, 0, 0, outside) == 0.2 && outside[0] == 0.0);
    CHECK(tw_grid_at(&u, 4096, 0, 0, outside) == 0.8 && outside[0] == 0.0);
    // K-09: beyond the end the edge holds and says so
    CHECK(tw_grid_at(&u, 16384, 0, 0, outside) == 0.8 && outside[0] == 2.0);
    CHECK(tw_grid_at(&u, 512, 0, 0, outside) == 0.2 && outside[0] == -1.0);

    // K-07: raw bilinear
    TwGrid t = grid_of(arena, 2, (double[]){16, 64}, 2, (double[]){1024, 4096}, TW_GRID_RAW, TW_GRID_RAW,
                       (double[]){20, 44, 50, 170});
    CHECK_NEAR(tw_grid_at(&t, 32, 2048, 0, NULL), 146.0 / 3.0, 1e-12);
    CHECK_NEAR(tw_grid_at(&t, 48, 3072, 0, NULL), 296.0 / 3.0, 1e-12);

    // K-08: linear in the root of t along the length
    TwGrid p = grid_of(arena, 2, (double[]){2048, 8192}, 0, NULL, TW_GRID_RAW, TW_GRID_SQRT, (double[]){100, 1600});
    CHECK_NEAR(tw_grid_at(&p, 4096, 0, 0, NULL), 400.0, 1e-12);
    tw_arena_destroy(arena);
}

static void bad_tables_are_named(void)
{
    static const struct {
        const char *text, *want;
        int line;
    } bad[] = {
        {"m,n,k2,k4\n1,1,5,6\n1,2,7,8\n2,1,5,6\n2,2,-7,8\n", "k2 = -7", 5},
        {"m,n,k2,k4\n1,1,5,6\n1,2,7,8\n1,1,5,6\n", "twice", 4},
        {"m,k2,k4\n1,5,6\n", "no column n", 1},
        {"m,n,k2,k4\n1,1,5,6\n1,2,7,8\n2,1,5,6\n", "3 rows where the grid", 0},
        {"m,n,k2,k4\n2,1,5,6\n2,2,7,8\n1,1,5,6\n1,2,5,6\n", "does not rise", 0},
        {"m,n,k2\n1,1,5\n", "fewer than two columns kNUMBER", 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char path[] = "kernel_gridXXXXXX";
        int file = mkstemp(path);
        CHECK(file >= 0);
        FILE *stream = fdopen(file, "w");
        fputs(bad[i].text, stream);
        fclose(stream);
        TwArena *arena = tw_arena_create();
        TwGrid grid;
        bool found;
        TwError error = {.text = ""};
        TwGridFile spec = {path, NULL,         "",         {"m", "n"}, {TW_GRID_LOG2, TW_GRID_LOG2},
                           "k",  TW_GRID_LOG2, TW_GRID_LN, NULL};
        CHECK(!tw_grid_read(&grid, &found, arena, &spec, &error));
        CHECK_HOLDS(error.text, bad[i].want);
        CHECK(error.line == bad[i].line);
        CHECK_TEXT(error.file, path);
        tw_arena_destroy(arena);
        remove(path);
    }
}

// A kernel of one term: dynamic_w at full clock over time t, compute bound.
static TwKernelCost compute_bound(double t_s, double dynamic_w)
{
    return (TwKernelCost){.t_s = t_s, .compute_s = t_s, .flop_j = dynamic_w * t_s};
}

static void cap_closed_forms(void)
{
    // K-11, K-12, K-13: ((cap - static) / dynamic)^(1/g)
    static const struct {
        double fixed, dynamic, cap, g, want;
    } known[] = {{130, 900, 700, 2.5, 0.83302}, {150, 850, 1000, 2.5, 1.0}, {200, 1300, 1000, 2.2, 0.80197}};
    for (size_t i = 0; i < 3; i++) {
        bool over;
        TwPower power = {known[i].fixed, 0.0, known[i].g, 0.17, 0.0, 0.0};
        TwKernelCost cost = compute_bound(1e-3, known[i].dynamic);
        double x = tw_sequence_clock(&cost, 1, &power, known[i].cap, &over);
        CHECK_NEAR(x, known[i].want, 1e-4);
        CHECK(!over);
        CHECK_NEAR(tw_kernel_time_s(&cost, x), 1e-3 / x, 1e-12);
        if (x < 1.0) CHECK_NEAR(tw_sequence_w(&cost, 1, &power, x), known[i].cap, 1e-9);
    }
}

static void cap_of_a_gemm(void)
{
    TwPower power = {130.0, 60.0, 2.5, 0.17, 0.0, 0.0};
    TwOpCost op = tw_op_gemm(4096, 4096, 4096, 2.0);
    TwKernelCost cost = {.t0_s = 2e-6, .compute_s = op.flop / 774e12, .memory_s = op.bytes / 4.3e12};
    cost.flop_j = 0.95e-12 * op.flop, cost.byte_j = 60e-12 * op.bytes;
    // K-14
    static const double want[3][3] = {{700, 0.8602, 208.42}, {500, 0.7188, 249.05}, {300, 0.5176, 345.04}};
    bool over;
    for (int i = 0; i < 3; i++) {
        double x = tw_sequence_clock(&cost, 1, &power, want[i][0], &over);
        CHECK_NEAR(x, want[i][1], 1e-3);
        CHECK_NEAR(1e6 * tw_kernel_time_s(&cost, x), want[i][2], 1e-3);
        CHECK_NEAR(tw_sequence_w(&cost, 1, &power, x), want[i][0], 1e-9);
    }
    // K-15, K-16: memory bound, so the clock changes power but not time
    op = tw_op_gemm(8, 8192, 8192, 2.0);
    cost = (TwKernelCost){.t0_s = 2e-6, .compute_s = op.flop / 774e12, .memory_s = op.bytes / 3.98e12};
    cost.flop_j = 0.95e-12 * op.flop, cost.byte_j = 60e-12 * op.bytes;
    CHECK(tw_sequence_clock(&cost, 1, &power, 700.0, &over) == 1.0 && !over);
    CHECK_NEAR(tw_sequence_w(&cost, 1, &power, 1.0), 443.96, 1e-3);
    CHECK_NEAR(1e6 * tw_kernel_time_s(&cost, 1.0), 35.79, 1e-3);
    CHECK(tw_sequence_clock(&cost, 1, &power, 300.0, &over) == 0.17 && over);
    CHECK_NEAR(tw_sequence_w(&cost, 1, &power, 0.17), 358.2, 1e-3);
    CHECK(tw_kernel_time_s(&cost, 0.17) == tw_kernel_time_s(&cost, 1.0));
}

// Below the clock at which L2 passes the bytes as quickly as the memory gives them a read slows down with it.
static void reads_slow_with_the_clock(void)
{
    const TwKernelCost read = {.t0_s = 2e-6, .compute_s = 1e-4, .memory_s = 1e-3, .l2_s = 4e-4, .byte_j = 0.5};
    for (double x = 0.4; x <= 1.0; x += 0.05) CHECK(tw_kernel_time_s(&read, x) == tw_kernel_time_s(&read, 1.0));
    CHECK_NEAR(tw_kernel_time_s(&read, 0.2), 2e-6 + 2e-3, 1e-15);

    // the same bytes in more time, and in less than L2 needs for them
    TwKernelCost slow = read, quick = read;
    tw_kernel_stretch(&slow, 2.0);
    CHECK(slow.l2_s == read.l2_s);
    CHECK_NEAR(tw_kernel_time_s(&slow, 0.1), 4e-6 + 4e-3, 1e-15);
    tw_kernel_stretch(&quick, 0.25);
    CHECK(quick.l2_s == quick.memory_s);

    // a quarter of a byte's energy in the memory, the rest on the die; nothing changes at full clock
    const TwPower whole = {100.0, 40.0, 2.5, 0.17, 0.0, 0.0}, split = {100.0, 40.0, 2.5, 0.17, 0.75, 0.0};
    CHECK(tw_kernel_energy_j(&read, &split, 1.0) == tw_kernel_energy_j(&read, &whole, 1.0));
    CHECK_NEAR(tw_kernel_energy_j(&read, &split, 0.25),
               (100.0 + 40.0 / 32.0) * (2e-6 + 1.6e-3) + 0.5 * (0.25 + 0.75 / 8.0), 1e-15);
    // 500 W of bytes at full clock, of which 125 stay
    bool over;
    double x = tw_sequence_clock(&read, 1, &split, 300.0, &over);
    CHECK(!over && x > 0.17);
    CHECK_NEAR(tw_sequence_w(&read, 1, &split, x), 300.0, 1e-9);
}

// Below the floor a FLOP takes what it takes there, and a byte as before. With the powers of an H100, 370 W of FLOP at
// full clock and a tenth that knows no clock, limits slow a step as they do pre-training of Llama 3 8B (arXiv
// 2603.16164, table 4), which without a floor would still run at 0.50 at 200 W.
static void a_flop_takes_no_less_below_the_floor(void)
{
    const TwPower plain = {115.0, 140.0, 2.5, 0.17, 0.775, 0.0}, floor = {115.0, 140.0, 2.5, 0.17, 0.775, 0.8};
    CHECK(tw_power_flop(&floor, 0.9) == tw_power_flop(&plain, 0.9));
    CHECK_NEAR(tw_power_flop(&floor, 0.3), pow(0.8, 1.5), 1e-15);
    CHECK(tw_power_flop(&floor, 0.3) == tw_power_flop(&floor, 0.8));
    CHECK(tw_power_byte(&floor, 0.3) == tw_power_byte(&plain, 0.3));

    static const struct {
        double limit_w, published;
    } table[] = {{600, 0.97}, {500, 0.92}, {400, 0.82}, {300, 0.59}, {200, 0.32}};
    const TwKernelCost training = {.t0_s = 0.1, .compute_s = 0.9, .flop_j = 370.0};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        bool over;
        double x = tw_sequence_clock(&training, 1, &floor, table[i].limit_w, &over);
        CHECK_NEAR(1.0 / tw_kernel_time_s(&training, x), table[i].published, 0.07);
        CHECK(!over);
    }
    bool over;
    double x = tw_sequence_clock(&training, 1, &plain, 200.0, &over);
    CHECK_NEAR(1.0 / tw_kernel_time_s(&training, x), 0.50, 0.02);
}

// K-17, K-18
static void errors_and_evidence_of_a_sequence(void)
{
    TwKernelCost c[2] = {{.op = TW_KERNEL_GEMM, .t_s = 6e-3, .sigma_ln = 0.05, .evidence = TW_MEASURED},
                         {.op = TW_KERNEL_DECODE, .t_s = 4e-3, .sigma_ln = 0.20, .evidence = TW_TRANSFERRED}};
    TwSequenceCost sum = tw_sequence_cost(c, 2);
    CHECK_NEAR(sum.sigma_ln, 0.08544, 1e-4);
    CHECK_NEAR(sum.share[TW_MEASURED], 0.6, 1e-15);
    CHECK_NEAR(sum.share[TW_TRANSFERRED], 0.4, 1e-15);
    c[1].op = TW_KERNEL_GEMM;
    CHECK_NEAR(tw_sequence_cost(c, 2).sigma_ln, 0.11, 1e-12);
}

// K-19 to K-22: what the committed grids answer
static void published_grids(void)
{
    Chip h200 = chip_open("h200_sxm"), b200 = chip_open("b200_sxm"), gb300 = chip_open("gb300");
    CHECK_NEAR(us(&h200, gemm_shape(TW_BF16, 1, 512, 512)), 3.343, 0.01);
    CHECK_NEAR(us(&h200, gemm_shape(TW_BF16, 64, 4096, 4096)), 11.98, 0.01);
    CHECK_NEAR(us(&h200, gemm_shape(TW_BF16, 2048, 6144, 4096)), 135.6, 0.01);

    TwKernelShape decode = {.op = TW_KERNEL_DECODE,
                            .engine = TW_ENGINE_VLLM,
                            .number = TW_BF16,
                            .batch = 64,
                            .seq = 4096,
                            .heads = 32,
                            .kv_heads = 8,
                            .dim = 128};
    CHECK_NEAR(us(&h200, decode), 259.0, 0.01);
    decode.number = TW_FP8, decode.seq = 8192, decode.heads = 64;
    CHECK_NEAR(us(&gb300, decode), 151.0, 0.01);

    TwKernelShape prefill = {.op = TW_KERNEL_PREFILL,
                             .engine = TW_ENGINE_VLLM,
                             .number = TW_BF16,
                             .batch = 1,
                             .seq = 8192,
                             .heads = 32,
                             .kv_heads = 8,
                             .dim = 128};
    CHECK_NEAR(us(&b200, prefill), 515.5, 0.01);

    TwKernelShape moe = {.op = TW_KERNEL_MOE,
                         .number = TW_FP4,
                         .m = 1024,
                         .hidden = 7168,
                         .inter = 2048,
                         .experts = 256,
                         .top_k = 8,
                         .tp = 1,
                         .ep = 8};
    CHECK_NEAR(us(&gb300, moe), 210.0, 0.02);
    chip_close(&h200), chip_close(&b200), chip_close(&gb300);
}

// The evidence mark says where a time came from, and never better than it is.
static void evidence_marks(void)
{
    Chip h200 = chip_open("h200_sxm");
    TwKernelShape shape = gemm_shape(TW_BF16, 64, 4096, 4096);
    TwKernelCost own = tw_kernel_query(h200.model, &shape);
    CHECK(own.evidence == TW_PUBLISHED && !own.outside);
    // K-09: held at the edge of m, with twice the error
    TwKernelShape far = gemm_shape(TW_BF16, 131072, 4096, 4096), edge = gemm_shape(TW_BF16, 32768, 4096, 4096);
    TwKernelCost beyond = tw_kernel_query(h200.model, &far), last = tw_kernel_query(h200.model, &edge);
    CHECK(beyond.outside && !last.outside);
    CHECK_NEAR(beyond.sigma_ln, 2.0 * last.sigma_ln, 1e-12);
    CHECK_NEAR(beyond.flop / beyond.t_s, last.flop / last.t_s, 1e-3);

    // half the bandwidth of the same tables: memory-bound time doubles beyond t0, and is marked carried over
    TwAcceleratorRow half = h200.row;
    half.bandwidth_bytes_s *= 0.5;
    TwKernelModel *model;
    char path[512];
    TwError error;
    CHECK(tw_data_find("calibration/h200_sxm", path, sizeof path));
    CHECK(tw_kernel_model_create(&model, &half, path, &error));
    TwKernelShape decode = {
        .op = TW_KERNEL_DECODE, .number = TW_BF16, .batch = 64, .seq = 4096, .heads = 32, .kv_heads = 8, .dim = 128};
    TwKernelCost full = tw_kernel_query(h200.model, &decode), slow = tw_kernel_query(model, &decode);
    CHECK(full.evidence == TW_PUBLISHED && slow.evidence == TW_TRANSFERRED);
    CHECK_NEAR(slow.t_s - slow.t0_s, 2.0 * (full.t_s - full.t0_s), 1e-12);
    tw_kernel_model_destroy(model);

    // no tables: roofline over 0.7
    CHECK(tw_kernel_model_create(&model, &h200.row, NULL, &error));
    TwKernelCost roof = tw_kernel_query(model, &shape);
    CHECK(roof.evidence == TW_ASSUMED);
    CHECK_NEAR(roof.t_s - roof.t0_s, tw_op_bound_s(tw_op_gemm(64, 4096, 4096, 2), 989e12, 4.8e12) / 0.7, 1e-12);
    tw_kernel_model_destroy(model);

    CHECK(!tw_kernel_model_create(&model, &h200.row, "no/such/folder", &error) && !model);
    CHECK_HOLDS(error.file, "no/such/folder/bounds.csv");
    chip_close(&h200);
}

// Less cap, no more work and no more power, on every chip and kernel; at full clock as if neither L2 nor the memory's
// own share of a byte were known. Boards of Hopper hold the lowest limit that their driver takes.
static void lower_caps_give_less_of_both(void)
{
    static const char *const chips[] = {"a100_sxm_80", "h100_sxm", "h200_sxm", "b200_sxm", "gb200", "gb300"};
    const TwKernelShape shapes[] = {
        {.op = TW_KERNEL_GEMM, .number = TW_BF16, .m = 16.0, .n = 8192.0, .k = 8192.0},
        {.op = TW_KERNEL_GEMM, .number = TW_BF16, .m = 8192.0, .n = 4096.0, .k = 4096.0},
        {.op = TW_KERNEL_DECODE, .number = TW_BF16, .batch = 64, .seq = 8192, .heads = 32, .kv_heads = 8, .dim = 128},
        {.op = TW_KERNEL_GLUE, .read = 1e8, .written = 1e8},
    };
    enum { SHAPES = sizeof shapes / sizeof *shapes };
    for (size_t c = 0; c < sizeof chips / sizeof *chips; c++) {
        Chip chip = chip_open(chips[c]);
        CHECK(chip.row.l2_bytes_s > chip.row.bandwidth_bytes_s);
        CHECK(chip.row.memory_j_per_byte < chip.row.j_per_byte);

        TwPower power = tw_chip_power(&chip.row), without = power;
        without.die_share = 0.0;
        TwKernelCost cost[SHAPES];
        for (int i = 0; i < SHAPES; i++) {
            cost[i] = tw_kernel_query(chip.model, &shapes[i]);
            CHECK(cost[i].l2_s > 0.0 && cost[i].l2_s <= fmax(cost[i].compute_s, cost[i].memory_s));
            TwKernelCost plain = cost[i];
            plain.l2_s = 0.0;
            CHECK(tw_kernel_time_s(&cost[i], 1.0) == tw_kernel_time_s(&plain, 1.0));
            CHECK(tw_kernel_energy_j(&cost[i], &power, 1.0) == tw_kernel_energy_j(&plain, &without, 1.0));
        }
        for (int first = 0; first <= SHAPES; first++) {
            // each alone, and all together
            const TwKernelCost *of = first < SHAPES ? &cost[first] : cost;
            int count = first < SHAPES ? 1 : SHAPES;
            double before_s = 0.0, before_w = INFINITY;
            for (double cap_w = chip.row.limit_w; cap_w > 50.0; cap_w -= 10.0) {
                bool over;
                double x = tw_sequence_clock(of, count, &power, cap_w, &over), time_s = 0.0;
                double w = tw_sequence_w(of, count, &power, x);
                for (int i = 0; i < count; i++) time_s += tw_kernel_time_s(&of[i], x);
                CHECK(time_s >= before_s && w <= before_w * (1.0 + 1e-12));
                CHECK(over || w <= cap_w * (1.0 + 1e-12));
                CHECK(!over || chips[c][0] != 'h' || cap_w < chip.row.limit_min_w);
                before_s = time_s, before_w = w;
            }
        }
        chip_close(&chip);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sustained over burst time of bf16 GEMMs that stand at 0.95 of the board limit or more: the median is within 5 % of
// two public campaigns (serving page, 9.3).
static void limit_slows_large_gemms(void)
{
    static const struct {
        const char *chip;
        double ratio;
    } known[] = {{"h200_sxm", 1.153}, {"b200_sxm", 1.129}, {"gb200", 1.108}};
    static const double sites[] = {2048, 4096, 6144, 8192, 12288, 16384};
    for (size_t i = 0; i < 3; i++) {
        double ratio[7 * 6 * 6];
        size_t count = 0;
        Chip chip = chip_open(known[i].chip);
        TwPower power = tw_chip_power(&chip.row);
        for (double m = 256; m <= 16384; m *= 2)
            for (int n = 0; n < 6; n++)
                for (int k = 0; k < 6; k++) {
                    bool over;
                    TwKernelShape shape = gemm_shape(TW_BF16, m, sites[n], sites[k]);
                    TwKernelCost cost = tw_kernel_query(chip.model, &shape);
                    double x = tw_sequence_clock(&cost, 1, &power, chip.row.limit_w, &over);
                    if (cost.t_s < 100e-6 || tw_sequence_w(&cost, 1, &power, x) < 0.95 * chip.row.limit_w) continue;
                    ratio[count++] = tw_kernel_time_s(&cost, x) / cost.t_s;
                }
        CHECK(count > 50);
        qsort(ratio, count, sizeof *ratio, by_size);
        CHECK_NEAR(ratio[count / 2], known[i].ratio, 0.05);
        chip_close(&chip);
    }
}

// K-24: sums over four sites against the rows of the public table, where the reference data lies beside the checkout.
static void sums_agree_with_public_rows(void)
{
    static const int site[4][2] = {{7168, 5120}, {5120, 8192}, {51200, 5120}, {5120, 10240}};
    static const int tokens[5] = {16, 64, 256, 2048, 8192};
    char path[512], line[256];
    if (!check_data()) return;
    snprintf(path, sizeof path, "%s/silicon/h200_sxm_gemm.csv.gz", check_data());
    gzFile file = gzopen(path, "rb");
    CHECK(file != NULL);
    if (!file) return;
    double want[5] = {0.0}, got[5] = {0.0};
    int rows = 0;
    while (gzgets(file, line, sizeof line)) {
        int n, k, m;
        double t;
        if (sscanf(line, "trtllm-1.3.0rc20,bf16,%d,%d,%d,%lf", &n, &k, &m, &t) != 4) continue;
        for (int s = 0; s < 4; s++)
            for (int i = 0; i < 5; i++)
                if (n == site[s][0] && k == site[s][1] && m == tokens[i]) want[i] += t, rows++;
    }
    gzclose(file);
    CHECK(rows == 20);
    Chip h200 = chip_open("h200_sxm");
    for (int i = 0; i < 5; i++) {
        for (int s = 0; s < 4; s++) got[i] += us(&h200, gemm_shape(TW_BF16, tokens[i], site[s][0], site[s][1]));
        CHECK_NEAR(got[i], want[i], 0.07);
    }
    chip_close(&h200);
}

// Prompts under vLLM's unified Triton kernel: 59 TFLOP/s on an H100, as many FLOP a cycle of a processor on an A100.
static void unified_prompts(void)
{
    Chip h100 = chip_open("h100_sxm"), a100 = chip_open("a100_sxm_80");
    TwKernelShape prefill = {.op = TW_KERNEL_PREFILL, .number = TW_BF16, .batch = 1, .seq = 10000};
    prefill.heads = 32, prefill.kv_heads = 8, prefill.dim = 128;
    double hopper_flash = us(&h100, prefill), ampere_flash = us(&a100, prefill);
    prefill.prompt = TW_PROMPT_FLASH;
    CHECK(us(&h100, prefill) == hopper_flash);
    prefill.prompt = TW_PROMPT_TRITON;
    TwKernelCost hopper = tw_kernel_query(h100.model, &prefill), ampere = tw_kernel_query(a100.model, &prefill);
    CHECK_NEAR(hopper.flop / (hopper.t_s - hopper.t0_s) / 59.3e12, 1.0, 0.01);
    CHECK_NEAR(ampere.flop / (ampere.t_s - ampere.t0_s) / (59.3e12 * 108.0 / 132.0 * 1.41 / 1.83), 1.0, 0.02);
    CHECK(1e6 * hopper.t_s > 5.0 * hopper_flash && 1e6 * ampere.t_s > 2.0 * ampere_flash);
    CHECK(hopper.evidence == TW_TRANSFERRED && ampere.evidence == TW_TRANSFERRED);
    // a cache of 8 bits gains nothing
    prefill.number = TW_FP8;
    CHECK_NEAR(tw_kernel_query(h100.model, &prefill).t_s, hopper.t_s, 1e-12);
    chip_close(&h100), chip_close(&a100);
}

static TwKernelCost product_of(const Chip *chip, TwNumber number, double m, double n, double k)
{
    TwKernelShape shape = {.op = TW_KERNEL_GEMM, .engine = TW_ENGINE_VLLM, .number = number, .m = m, .n = n, .k = k};
    return tw_kernel_query(chip->model, &shape);
}

// Weights alone narrow: few tokens take what a bf16 product of as many bytes takes, many what Marlin's 141 TFLOP/s on
// an A100 make of it (pull request 2497 of vLLM); Machete on an H100 within 30 % of what pull request 3561 of
// FastDeploy measured; experts pay for filled blocks; energy is that of bf16 FLOP and of fewer bytes.
static void weights_alone(void)
{
    Chip a100 = chip_open("a100_sxm_80"), h100 = chip_open("h100_sxm"), b200 = chip_open("b200_sxm");
    TwKernelCost few = product_of(&a100, TW_W4A16, 1.0, 8192.0, 8192.0);
    TwKernelCost same = product_of(&a100, TW_BF16, 1.0, 8192.0 * 0.515625 / 2.0, 8192.0);
    CHECK_NEAR(few.t_s / same.t_s, 1.0, 0.01);
    CHECK_NEAR(few.bytes, 8192.0 * 8192.0 * 0.515625 + 2.0 * 2.0 * 8192.0, 1.0);
    CHECK(few.evidence == TW_TRANSFERRED);
    TwKernelCost many = product_of(&a100, TW_W4A16, 4000.0, 8192.0, 8192.0);
    CHECK_NEAR(many.flop / (many.t_s - many.t0_s) / 141e12, 1.0, 0.01);
    CHECK_NEAR(many.flop_j, product_of(&a100, TW_BF16, 4000.0, 8192.0, 8192.0).flop_j, 1e-9 * many.flop_j);
    // slower than bf16 there: 0.61 to 0.74 of it in the same place
    double ratio = product_of(&a100, TW_BF16, 4000.0, 8192.0, 8192.0).t_s / many.t_s;
    CHECK(ratio > 0.55 && ratio < 0.80);
    CHECK(product_of(&a100, TW_W8A16, 1.0, 8192.0, 8192.0).t_s > 1.6 * few.t_s);

    static const double machete[][4] = {{512, 1536, 7168, 27.1},   {1024, 1536, 7168, 46.2}, {2048, 1536, 7168, 73.4},
                                        {4096, 1536, 7168, 136.1}, {512, 5120, 2048, 25.0},  {1024, 5120, 2048, 38.4},
                                        {2048, 5120, 2048, 66.9},  {4096, 5120, 2048, 116.8}};
    for (size_t i = 0; i < sizeof machete / sizeof *machete; i++) {
        const double *x = machete[i];
        CHECK_NEAR(1e6 * product_of(&h100, TW_W4A16, x[0], x[1], x[2]).t_s / x[3], 1.0, 0.30);
    }
    // nothing of its own on Blackwell: FLOP as Hopper's processors make them
    TwKernelCost later = product_of(&b200, TW_W8A16, 16384.0, 8192.0, 8192.0);
    CHECK_NEAR(later.flop / (later.t_s - later.t0_s) / 2250e12, 0.1285, 0.001);

    TwKernelShape moe = {.op = TW_KERNEL_MOE, .number = TW_W8A16, .hidden = 4096, .inter = 1536, .experts = 128};
    moe.top_k = 8, moe.tp = 4, moe.ep = 1, moe.m = 2048;
    TwKernelCost filled = tw_kernel_query(a100.model, &moe);
    CHECK_NEAR(filled.flop, 2.0 * 3.0 * 4096.0 * 384.0 * (8.0 * 2048.0 + 128.0 * 32.0), 1.0);
    // one row: a block of 8 for each of the experts reached
    moe.m = 1;
    double reached = tw_op_active_experts(128.0, 8.0, 1.0, 1.0);
    CHECK_NEAR(tw_kernel_query(a100.model, &moe).flop,
               2.0 * 3.0 * 4096.0 * 384.0 * 8.0 * fmax(reached, 1.0 + 0.5 * reached), 1e6);
    chip_close(&h100), chip_close(&a100), chip_close(&b200);
}

static void energy_is_above_idle(void)
{
    Chip h200 = chip_open("h200_sxm");
    TwPower power = tw_chip_power(&h200.row);
    for (double m = 1; m <= 32768; m *= 2)
        for (double x = 0.17; x <= 1.0; x += 0.083) {
            TwKernelShape shape = gemm_shape(TW_BF16, m, 4096, 4096);
            TwKernelCost cost = tw_kernel_query(h200.model, &shape);
            CHECK(tw_kernel_energy_j(&cost, &power, x) >= h200.row.idle_w * tw_kernel_time_s(&cost, x));
        }
    chip_close(&h200);
}

static double drawn_w(const Chip *chip, const TwKernelShape *shape)
{
    TwKernelCost cost = tw_kernel_query(chip->model, shape);
    TwPower power = tw_chip_power(&chip->row);
    return tw_kernel_energy_j(&cost, &power, 1.0) / cost.t_s;
}

// Boards over a second of one kernel with random weights, below their limits (1,000 and 1,200 W), as NVIDIA's tables of
// power have them: products that stream weights, experts on Triton's kernel.
static void boards_draw_as_published(void)
{
    static const struct {
        const char *chip;
        TwNumber number;
        double m, n, k, w;
    } products[] = {{"gb200", TW_BF16, 1, 51200, 51200, 956}, {"gb200", TW_BF16, 4, 51200, 65536, 980},
                    {"gb200", TW_BF16, 7, 51200, 65536, 991}, {"gb200", TW_FP8, 2, 51200, 65536, 945},
                    {"gb200", TW_FP8, 10, 51200, 51200, 979}, {"gb200", TW_FP8, 13, 51200, 51200, 1003}};
    static const struct {
        const char *chip;
        double hidden, inter, experts, m, w;
    } experts[] = {{"b200_sxm", 7168, 2048, 256, 256, 957},  {"b200_sxm", 7168, 2048, 256, 1024, 946},
                   {"b200_sxm", 7168, 2048, 256, 4096, 899}, {"b200_sxm", 6144, 2560, 160, 256, 910},
                   {"b200_sxm", 6144, 2560, 160, 1024, 964}, {"b200_sxm", 6144, 2560, 160, 4096, 908},
                   {"b200_sxm", 4096, 1536, 128, 256, 896},  {"b200_sxm", 4096, 1536, 128, 1024, 875},
                   {"gb200", 6144, 2560, 160, 256, 980},     {"gb200", 6144, 2560, 160, 1024, 955},
                   {"gb200", 6144, 2560, 160, 4096, 907}};
    for (size_t i = 0; i < sizeof products / sizeof *products; i++) {
        Chip chip = chip_open(products[i].chip);
        TwKernelShape shape = gemm_shape(products[i].number, products[i].m, products[i].n, products[i].k);
        CHECK_NEAR(drawn_w(&chip, &shape) / products[i].w, 1.0, 0.06);
        chip_close(&chip);
    }
    double sum = 0.0;
    for (size_t i = 0; i < sizeof experts / sizeof *experts; i++) {
        Chip chip = chip_open(experts[i].chip);
        TwKernelShape moe = {.op = TW_KERNEL_MOE, .engine = TW_ENGINE_TRITON, .number = TW_FP8_BLOCK};
        moe.hidden = experts[i].hidden, moe.inter = experts[i].inter, moe.experts = experts[i].experts, moe.top_k = 8;
        moe.tp = moe.ep = 1, moe.m = experts[i].m;
        double ratio = drawn_w(&chip, &moe) / experts[i].w;
        CHECK_NEAR(ratio, 1.0, 0.15);
        sum += ratio;
        chip_close(&chip);
    }
    CHECK_NEAR(sum / (double)(sizeof experts / sizeof *experts), 1.0, 0.05);
}

// TensorRT-LLM's decode of a cache of 8 bits on Hopper keeps the rate of one of 16, vLLM's FlashAttention does not; on
// Blackwell both run TensorRT-LLM's kernels. Nobody reads more quickly than the memory does, beyond the tables either.
static void attention_by_engine(void)
{
    static const char *const chips[] = {"h100_sxm", "h200_sxm", "b200_sxm", "b300_sxm", "gb200", "gb300"};
    for (size_t c = 0; c < sizeof chips / sizeof *chips; c++) {
        Chip chip = chip_open(chips[c]);
        TwKernelShape decode = {.op = TW_KERNEL_DECODE,
                                .number = TW_FP8,
                                .batch = 128,
                                .seq = 2048,
                                .heads = 64,
                                .kv_heads = 8,
                                .dim = 128};
        double trtllm = us(&chip, decode);
        decode.engine = TW_ENGINE_VLLM;
        double ratio = us(&chip, decode) / trtllm;
        CHECK(c < 2 ? ratio > 1.15 && ratio < 1.7 : ratio > 0.9 && ratio < 1.1);
        CHECK(tw_kernel_attention_ropes(chip.model, TW_ENGINE_TRTLLM, TW_FP8));
        CHECK(!tw_kernel_attention_ropes(chip.model, TW_ENGINE_VLLM, TW_FP8));
        const TwKernelEngine engines[] = {TW_ENGINE_TRTLLM, TW_ENGINE_VLLM};
        for (int e = 0; e < 2; e++)
            for (int number = TW_BF16; number <= TW_FP8; number++)
                for (double batch = 1.0; batch <= 8192.0; batch *= 2.0)
                    for (double context = 128.0; context <= 131072.0; context *= 2.0)
                        for (double group = 1.0; group <= 16.0; group *= 2.0) {
                            decode = (TwKernelShape){.op = TW_KERNEL_DECODE,
                                                     .engine = engines[e],
                                                     .number = (TwNumber)number,
                                                     .batch = batch,
                                                     .seq = context,
                                                     .heads = 8.0 * group,
                                                     .kv_heads = 8.0,
                                                     .dim = 128.0};
                            TwKernelCost cost = tw_kernel_query(chip.model, &decode);
                            CHECK(cost.bytes / cost.t_s < 1.02 * chip.row.bandwidth_bytes_s);
                        }
        chip_close(&chip);
    }
}

// The tables' decode attention replays one cache, which L2 holds where it is small. In a step it comes from memory:
// never less than the table's time, that from twice L2 on and with little of it, and between them as rows do that L2
// cannot hold. FlashInfer's own times on a B200 jump as the table's do (its pull request 1415: 8 heads 64 wide, 67 and
// 134 MB, 15.4 and 30.6 us).
static void caches_come_from_memory(void)
{
    static const struct {
        const char *name;
        double l2_bytes, most;    // cold over warm
    } chips[] = {{"h100_sxm", 52428800.0, 1.5},  {"h200_sxm", 52428800.0, 1.4}, {"b200_sxm", 132644864.0, 1.7},
                 {"b300_sxm", 132644864.0, 1.7}, {"gb200", 132644864.0, 1.7},   {"gb300", 132644864.0, 1.7}};
    for (size_t c = 0; c < sizeof chips / sizeof *chips; c++) {
        Chip chip = chip_open(chips[c].name);
        for (int e = 0; e < 2; e++) {
            double before = 0.0, most = 1.0;
            for (double batch = 1.0; batch <= 2048.0; batch *= sqrt(2.0)) {
                TwKernelShape decode = {.op = TW_KERNEL_DECODE,
                                        .engine = e ? TW_ENGINE_VLLM : TW_ENGINE_TRTLLM,
                                        .number = TW_BF16,
                                        .batch = batch,
                                        .seq = 2048,
                                        .heads = 8,
                                        .kv_heads = 1,
                                        .dim = 128};
                double bytes = batch * 2048.0 * 512.0, warm = us(&chip, decode);
                decode.cold = true;
                double cold = us(&chip, decode);
                CHECK(cold >= warm && cold >= before * 0.98);
                if (bytes < chips[c].l2_bytes / 32.0 || bytes > 2.0 * chips[c].l2_bytes) CHECK(cold == warm);
                if (bytes > chips[c].l2_bytes) CHECK(cold < 1.1 * warm);
                if (bytes > chips[c].l2_bytes / 32.0 && bytes < chips[c].l2_bytes)
                    CHECK((bytes - chips[c].l2_bytes / 32.0) / (1e-6 * cold) < 0.9 * chip.row.bandwidth_bytes_s);
                before = cold, most = fmax(most, cold / warm);
            }
            // on Hopper only some kernels stream quickly enough for it to show
            CHECK(most < chips[c].most && (c < 2 || most > 1.3));
        }
        // latent attention, too
        TwKernelShape latent = {
            .op = TW_KERNEL_MLA_DECODE, .number = TW_BF16, .batch = 1, .seq = 2048, .heads = 16, .dim = 128};
        for (; latent.batch <= 512.0; latent.batch *= 2.0) {
            latent.cold = false;
            double warm = us(&chip, latent);
            latent.cold = true;
            CHECK(us(&chip, latent) >= warm && us(&chip, latent) < 1.5 * warm);
        }
        chip_close(&chip);
    }
}

// TensorRT-LLM's kernel of one query head a block, on heads that share keys and values: as many heads with their own.
// NVIDIA publishes Llama-2-70B on one H200, 128 tokens in and 2,048 out, at 1,227 tokens/s with it and 2,941 with XQA
// (docs/source/blogs/XQA-kernel.md): 475 us more a sequence and step, whatever the batch, of 80 layers.
static void shared_heads_apart(void)
{
    Chip h200 = chip_open("h200_sxm");
    double published = 1e6 / 1227.0 - 1e6 / 2941.0;
    for (double batch = 64.0; batch <= 256.0; batch *= 2.0) {
        TwKernelShape decode = {.op = TW_KERNEL_DECODE,
                                .number = TW_FP8,
                                .batch = batch,
                                .seq = 128.0 + 1024.0,
                                .heads = 64,
                                .kv_heads = 8,
                                .dim = 128};
        double shared = us(&h200, decode);
        decode.kv_heads = 64;
        CHECK_NEAR(80.0 * (us(&h200, decode) - shared) / batch, published, 0.10);
    }
    chip_close(&h200);
}

// Quantisation in the rows of per-tensor fp8: a scale found on the way takes two passes, a known one a pass; SGLang's
// engine runs its own. vLLM's products are slower without it, most between 16 and 64 tokens.
static void quantisation_apart(void)
{
    Chip h200 = chip_open("h200_sxm");
    double pass = 1e6 * 5.0 * 2048.0 * 16384.0 / 4.8e12;    // read twice, written once, at the memory's rate, us
    double found = 1e6 * tw_kernel_quantise_s(h200.model, TW_ENGINE_TRTLLM, TW_FP8, 2048.0 * 16384.0);
    CHECK(found > 1.5 * pass && found < 3.5 * pass);
    double known = 1e6 * tw_kernel_quantise_s(h200.model, TW_ENGINE_VLLM, TW_FP8, 2048.0 * 16384.0);
    CHECK(known > 3.0 / 5.0 * pass && known < pass);
    CHECK(tw_kernel_quantise_s(h200.model, TW_ENGINE_VLLM, TW_FP8_BLOCK, 1e6) == 0.0);
    CHECK(tw_kernel_quantise_s(h200.model, TW_ENGINE_TRTLLM, TW_BF16, 1e6) == 0.0);
    double last = 0.0;
    for (double elements = 1.0; elements < 1e10; elements *= 1.5) {
        double t = tw_kernel_quantise_s(h200.model, TW_ENGINE_TRTLLM, TW_FP8, elements);
        CHECK(t >= last);
        last = t;
    }
    for (double m = 16.0; m <= 128.0; m *= 2.0) {
        TwKernelShape product = gemm_shape(TW_FP8, m, 10240.0, 8192.0);
        double trtllm =
            us(&h200, product) - 1e6 * tw_kernel_quantise_s(h200.model, TW_ENGINE_TRTLLM, TW_FP8, m * 8192.0);
        product.engine = TW_ENGINE_VLLM;
        double vllm = us(&h200, product) - 1e6 * tw_kernel_quantise_s(h200.model, TW_ENGINE_VLLM, TW_FP8, m * 8192.0);
        CHECK(vllm > (m == 32.0 ? 1.2 : 1.05) * trtllm && vllm < 1.5 * trtllm);
    }
    chip_close(&h200);
}

// To nvfp4: FlashInfer's kernel takes 57.2 and 83.5 us for 10,000 and 15,000 rows of 8,192 on a B200 (its pull request
// 2233), as the rows hold. By itself it is no quicker than what it moves, and starts as any kernel does.
static void quantisation_to_nvfp4(void)
{
    static const struct {
        double elements, us;
    } known[] = {{10000.0 * 8192.0, 57.2}, {15000.0 * 8192.0, 83.5}};
    Chip b200 = chip_open("b200_sxm");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        CHECK_NEAR(1e6 * tw_kernel_quantise_s(b200.model, TW_ENGINE_TRTLLM, TW_FP4, known[i].elements), known[i].us,
                   0.12);
    // vLLM's products of 6,144 columns over 4,096 on a B200 take so much longer with quantisation (its pull request
    // 20646, TFLOP/s of either)
    static const struct {
        double rows, with, without;
    } timed[] = {{16, 59.959389, 71.160187},       {64, 235.645587, 281.971021},     {128, 454.178740, 549.526976},
                 {256, 879.792065, 1102.033286},   {1024, 2221.422141, 2894.987191}, {2048, 2613.101820, 3411.463557},
                 {4096, 2947.881593, 3645.594842}, {8192, 3025.497089, 3778.760919}};
    for (size_t i = 0; i < sizeof timed / sizeof *timed; i++) {
        double us = timed[i].rows * 2.0 * 6144.0 * 4096.0 * 1e-6 * (1.0 / timed[i].with - 1.0 / timed[i].without);
        CHECK_NEAR(1e6 * tw_kernel_quantise_pass_s(b200.model, TW_FP4, timed[i].rows * 4096.0), us, 0.30);
    }
    double last = 0.0;
    for (double elements = 1.0; elements < 1e10; elements *= 1.5) {
        double held = tw_kernel_quantise_s(b200.model, TW_ENGINE_TRTLLM, TW_FP4, elements);
        double pass = tw_kernel_quantise_pass_s(b200.model, TW_FP4, elements);
        CHECK(held >= last && pass >= 2.5e-6 + elements * 2.5625 / b200.row.bandwidth_bytes_s);
        CHECK(pass < held || elements > 1e9);
        last = held;
    }
    CHECK_NEAR(tw_kernel_quantise_pass_s(b200.model, TW_FP4, 1.0), 2.5e-6, 1e-3);
    chip_close(&b200);
}

int main(void)
{
    interpolation_rules();
    bad_tables_are_named();
    cap_closed_forms();
    cap_of_a_gemm();
    reads_slow_with_the_clock();
    a_flop_takes_no_less_below_the_floor();
    errors_and_evidence_of_a_sequence();
    published_grids();
    evidence_marks();
    lower_caps_give_less_of_both();
    attention_by_engine();
    caches_come_from_memory();
    shared_heads_apart();
    quantisation_apart();
    quantisation_to_nvfp4();
    limit_slows_large_gemms();
    sums_agree_with_public_rows();
    unified_prompts();
    weights_alone();
    energy_is_above_idle();
    boards_draw_as_published();
    return check_failures != 0;
}
