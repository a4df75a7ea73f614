#include "kernels/ref/formats.h"
#include "kernels/ref/ref.h"
#include "tests/check.h"

#include <float.h>
#include <stdbool.h>

enum { MOST = 1 << 16 };
static uint16_t a[MOST], b[MOST], w[MOST];
static double y[MOST], sum[MOST], other[MOST];

// a small generator of its own: normal-looking bf16 numbers in [-2, 2]
static void fill(uint16_t *out, int count, uint64_t seed)
{
    for (int i = 0; i < count; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        out[i] = tw_bf16((float)ldexp((double)(seed >> 40), -22) - 2.0f);
    }
}

static void every_bf16_survives_the_way_to_float_and_back(void)
{
    int changed = 0;
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        float x = tw_bf16_value((uint16_t)bits);
        if (isnan(x) ? !isnan(tw_bf16_value(tw_bf16(x))) : tw_bf16(x) != bits) changed++;
    }
    CHECK(changed == 0);
}

static void bf16_rounds_to_nearest_ties_to_even(void)
{
    static const struct {
        float x, want;
    } known[] = {
        {1.0f, 1.0f},
        {1.0f + 0x1p-8f, 1.0f},                  // half way, the even one is below
        {1.0f + 3 * 0x1p-8f, 1.0f + 0x1p-6f},    // half way, the even one is above
        {1.0f + 0x1.01p-8f, 1.0f + 0x1p-7f},     // just above half way
        {-1.0f - 0x1p-8f, -1.0f},
        {3.14159274f, 3.140625f},
        {0x1p-133f, 0x1p-133f},        // the least subnormal number
        {0x1p-134f, 0.0f},             // half of it: zero is even
        {0x1.fep127f, 0x1.fep127f},    // the largest
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        CHECK(tw_bf16_value(tw_bf16(known[k].x)) == known[k].want);
    CHECK(isinf(tw_bf16_value(tw_bf16(FLT_MAX))));
    CHECK(isinf(tw_bf16_value(tw_bf16(-INFINITY))) && tw_bf16_value(tw_bf16(-INFINITY)) < 0.0f);
    CHECK(signbit(tw_bf16_value(tw_bf16(-0.0f))));

    // a NaN whose payload lies in the bits that are cut
    uint32_t payload = 0x7f800001u;
    float nan_;
    memcpy(&nan_, &payload, sizeof nan_);
    CHECK(isnan(tw_bf16_value(tw_bf16(nan_))));
}

// no bf16 number lies nearer: the neighbours below and above are tried
static void bf16_is_the_nearest_number(void)
{
    uint64_t seed = 1;
    int farther = 0;
    for (int i = 0; i < 100000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        float x = (float)ldexp((double)(seed >> 40) - 0x1p23, (int)(seed % 60) - 50);
        uint16_t bits = tw_bf16(x);
        double gap = fabs((double)tw_bf16_value(bits) - (double)x);
        if (fabs((double)tw_bf16_value((uint16_t)(bits + 1)) - (double)x) < gap) farther++;
        if ((bits & 0x7fff) && fabs((double)tw_bf16_value((uint16_t)(bits - 1)) - (double)x) < gap) farther++;
    }
    CHECK(farther == 0);
}

static void normed_rows_have_the_norm_of_their_closed_form(void)
{
    const int rows = 5, hidden = 777;
    const double epsilon = 1e-5;
    fill(a, rows * hidden, 1);
    fill(b, rows * hidden, 2);
    for (int i = 0; i < hidden; i++) w[i] = tw_bf16(1.0f);
    tw_ref_residual_rmsnorm(rows, hidden, epsilon, a, b, w, sum, y);
    for (int row = 0; row < rows; row++) {
        double squares = 0.0, normed = 0.0;
        for (int i = row * hidden; i < (row + 1) * hidden; i++) {
            CHECK(sum[i] == (double)tw_bf16_value(a[i]) + (double)tw_bf16_value(b[i]));
            squares += sum[i] * sum[i] / hidden;
            normed += y[i] * y[i] / hidden;
        }
        CHECK_NEAR(normed, squares / (squares + epsilon), 1e-12);    // 1 but for epsilon
    }

    // without epsilon the length of the input does not matter: both operands doubled, which bf16 does exactly
    tw_ref_residual_rmsnorm(rows, hidden, 0.0, a, b, w, sum, y);
    for (int i = 0; i < rows * hidden; i++) {
        a[i] = tw_bf16(2.0f * tw_bf16_value(a[i]));
        b[i] = tw_bf16(2.0f * tw_bf16_value(b[i]));
    }
    tw_ref_residual_rmsnorm(rows, hidden, 0.0, a, b, w, sum, other);
    for (int i = 0; i < rows * hidden; i++) CHECK_NEAR(other[i], y[i], 1e-13);

    // the weight scales its own column
    for (int i = 0; i < hidden; i++) w[i] = tw_bf16((float)(i % 7) - 3.0f);
    tw_ref_residual_rmsnorm(rows, hidden, 0.0, a, b, w, sum, y);
    for (int i = 0; i < rows * hidden; i++) CHECK_NEAR(y[i], other[i] * (i % hidden % 7 - 3), 1e-13);
}

static void silu_keeps_its_identities(void)
{
    for (double z = -30.0; z <= 30.0; z += 0.37) {
        CHECK_WITHIN(tw_ref_silu(z) - tw_ref_silu(-z), z, 1e-13);    // z s(z) + z s(-z) = z
        CHECK_WITHIN(tw_ref_silu(z), 0.5 * z * (1.0 + tanh(0.5 * z)), 1e-13);
    }
    CHECK(tw_ref_silu(0.0) == 0.0);
    CHECK_WITHIN(tw_ref_silu(-1.2784645427610738), -0.27846454276107380, 1e-15);    // the minimum: silu = z + 1
    CHECK(tw_ref_silu(1000.0) == 1000.0 && tw_ref_silu(-1000.0) == 0.0);

    const int rows = 3, width = 129;
    fill(a, rows * 2 * width, 3);
    tw_ref_silu_mul(rows, width, a, y);
    for (int row = 0; row < rows; row++)
        for (int i = 0; i < width; i++) {
            double gate = (double)tw_bf16_value(a[row * 2 * width + i]);
            double up = (double)tw_bf16_value(a[row * 2 * width + width + i]);
            CHECK_WITHIN(y[row * width + i] * (1.0 + exp(-gate)), gate * up, 1e-14);
        }
}

static float wide_a[MOST], wide_b[MOST], wide_c[MOST];

static void widen(int count, const uint16_t *from, float *to)
{
    for (int i = 0; i < count; i++) to[i] = tw_bf16_value(from[i]);
}

static void gemm_agrees_with_three_plain_loops(void)
{
    static const struct {
        int m, n, k;
    } shapes[] = {{1, 1, 1}, {1, 7, 513}, {5, 3, 1025}, {17, 9, 65}, {33, 31, 127}, {2, 64, 512}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
        fill(a, m * k, 10 + s);
        fill(b, n * k, 20 + s);
        widen(m * k, a, wide_a);
        widen(n * k, b, wide_b);
        for (int i = 0; i < m * n; i++) y[i] = NAN;
        tw_ref_gemm(m, n, k, wide_a, wide_b, y);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double want = 0.0, size = 0.0;
                for (int l = k - 1; l >= 0; l--) {
                    double part = (double)wide_a[i * k + l] * (double)wide_b[j * k + l];
                    want += part;
                    size += fabs(part);
                }
                CHECK(fabs(y[i * n + j] - want) <= 1e-14 * size);
            }
    }

    // W = the unit matrix: the product is x, to the bit
    const int m = 6, k = 40;
    fill(a, m * k, 5);
    widen(m * k, a, wide_a);
    memset(wide_b, 0, sizeof wide_b);
    for (int i = 0; i < k; i++) wide_b[i * k + i] = 1.0f;
    tw_ref_gemm(m, k, k, wide_a, wide_b, y);
    for (int i = 0; i < m * k; i++) CHECK(y[i] == (double)wide_a[i]);
}

static void the_error_is_relative_and_sees_what_was_not_written(void)
{
    for (int i = 0; i < 100; i++) {
        y[i] = 1.0;
        a[i] = tw_bf16(1.0f);
    }
    CHECK(tw_ref_error(100, a, y) == 0.0);
    a[3] = tw_bf16(2.0f);
    CHECK_NEAR(tw_ref_error(100, a, y), 0.1, 1e-15);    // one of a hundred off by its own size
    a[3] = 0xffff;
    CHECK(isnan(tw_ref_error(100, a, y)));

    // rounding alone, of uniform numbers: a third of half a unit squared; the bars of the self-test lie above it
    fill(a, MOST, 9);
    for (int i = 0; i < MOST; i++) {
        y[i] = (double)tw_bf16_value(a[i]) * 1.2345;
        b[i] = tw_bf16((float)y[i]);
    }
    double error = tw_ref_error(MOST, b, y);
    CHECK(error > 0.5e-3 && error < 3e-3);
}

// every code of e4m3 and e2m1 comes back; between two of them the nearer one is taken, half way the even one
static void narrow_formats_round_to_nearest(void)
{
    for (int code = 0; code < 256; code++) {
        float x = tw_e4m3_value((uint8_t)code);
        if (isnan(x))
            CHECK((code & 0x7f) == 0x7f);
        else
            CHECK(tw_e4m3(x) == code);
    }
    for (int code = 0; code < 0x7e; code++) {
        float low = tw_e4m3_value((uint8_t)code), high = tw_e4m3_value((uint8_t)(code + 1)),
              middle = 0.5f * (low + high);
        CHECK(high > low);
        CHECK(tw_e4m3(0.9f * middle + 0.1f * low) == code && tw_e4m3(0.9f * middle + 0.1f * high) == code + 1);
        CHECK(tw_e4m3(middle) == (code % 2 ? code + 1 : code));
        CHECK(tw_e4m3(-middle) == ((code % 2 ? code + 1 : code) | 0x80));
    }
    CHECK(tw_e4m3_value(0x7e) == 448.0f && tw_e4m3(1e9f) == 0x7e && tw_e4m3(-INFINITY) == 0xfe);
    CHECK(tw_e4m3_value(0x01) == 0x1p-9f && tw_e4m3_value(0x08) == 0x1p-6f);
    for (int code = 0; code < 16; code++) CHECK(tw_e2m1(tw_e2m1_value((uint8_t)code)) == code);
    CHECK(tw_e2m1(0.25f) == 0 && tw_e2m1(0.75f) == 2 && tw_e2m1(2.5f) == 4 && tw_e2m1(5.0f) == 6 && tw_e2m1(9.0f) == 7);
    CHECK(tw_ue8m0_value(127) == 1.0f && tw_ue8m0_value(120) == 0x1p-7f && isnan(tw_ue8m0_value(255)));
}

// every scale has a place of its own in the tiles
static void scale_places_are_a_permutation(void)
{
    enum { ROWS = 200, COLUMNS = 7 };
    static unsigned char seen[2 * 2 * 512];
    CHECK(tw_scale_bytes(ROWS, COLUMNS) == (int64_t)sizeof seen);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t c = 0; c < COLUMNS; c++) {
            int64_t at = tw_scale_place(r, c, COLUMNS);
            CHECK(at >= 0 && at < (int64_t)sizeof seen && !seen[at]++);
        }
    CHECK(tw_scale_place(0, 0, 8) == 0 && tw_scale_place(1, 0, 8) == 16 && tw_scale_place(32, 0, 8) == 4);
    CHECK(tw_scale_place(0, 3, 8) == 3 && tw_scale_place(0, 4, 8) == 512 && tw_scale_place(128, 0, 8) == 1024);
}

static void attention_keeps_its_identities(void)
{
    enum { KEYS = 37, D = 16 };
    fill(a, 3 * D, 40);
    fill(b, KEYS * D, 41);
    fill(w, KEYS * D, 42);
    widen(3 * D, a, wide_a);
    widen(KEYS * D, b, wide_b);
    widen(KEYS * D, w, wide_c);
    // values of one: weights sum to one whatever the scores
    for (int i = 0; i < KEYS * D; i++) wide_c[i] = 1.0f;
    tw_ref_attention(3, KEYS, KEYS - 2, D, D, 0.25, wide_a, wide_b, wide_c, y);
    for (int i = 0; i < 3 * D; i++) CHECK_NEAR(y[i], 1.0, 1e-13);
    // a query of zero sees the mean of its keys' values, and only of those it may see
    widen(KEYS * D, w, wide_c);
    memset(wide_a, 0, sizeof wide_a);
    tw_ref_attention(3, KEYS, 5, D, D, 0.25, wide_a, wide_b, wide_c, y);
    for (int r = 0; r < 3; r++)
        for (int i = 0; i < D; i++) {
            double mean = 0.0;
            for (int j = 0; j < 5 + r; j++) mean += (double)wide_c[j * D + i] / (5 + r);
            CHECK_WITHIN(y[r * D + i], mean, 1e-13);
        }
    // the last of several rows is decode on all keys
    widen(3 * D, a, wide_a);
    tw_ref_attention(3, KEYS, KEYS - 2, D, D, 0.25, wide_a, wide_b, wide_c, y);
    tw_ref_attention(1, KEYS, KEYS, D, D, 0.25, wide_a + 2 * D, wide_b, wide_c, other);
    for (int i = 0; i < D; i++) CHECK_NEAR(other[i], y[2 * D + i], 1e-13);
}

// rotation keeps lengths, and the product of two rotated vectors depends on the distance of their positions only
static void rotation_keeps_norms_and_relative_angles(void)
{
    enum { D = 32 };
    TwCalPoint point =
        tw_cal_point("rope_append", "hand", "bf16", (const int64_t[TW_CAL_PARAMETERS]){1, 1, 1, D, 16}, TW_CAL_BURST);
    static float turns[TW_ROPE_POSITIONS * D];
    tw_operand_host(&point, TW_ROPE_TURNS, 1, turns);
    fill(a, 2 * D, 50);
    double first = 0.0;
    for (int shift = 0; shift < 900; shift += 100) {
        double q[D], k[D], before = 0.0, after = 0.0, product = 0.0;
        for (int i = 0; i < D; i++) {
            q[i] = (double)tw_bf16_value(a[i]), k[i] = (double)tw_bf16_value(a[D + i]);
            before += q[i] * q[i];
        }
        tw_ref_rope(D, turns + (7 + shift) * D, q);
        tw_ref_rope(D, turns + (2 + shift) * D, k);
        for (int i = 0; i < D; i++) after += q[i] * q[i], product += q[i] * k[i];
        CHECK_NEAR(after, before, 1e-6);    // the table is in single precision
        if (!shift) first = product;
        CHECK_WITHIN(product, first, 1e-4);
    }
}

static void routing_sorts_and_returns(void)
{
    enum { TOKENS = 200, EXPERTS = 24, TOPK = 4, COUNT = TOKENS * TOPK };
    static int32_t id[COUNT], row[COUNT], first[EXPERTS];
    double weight[TOPK];
    for (int t = 0; t < TOKENS; t++) {
        fill(a, EXPERTS, (uint64_t)(60 + t));
        a[3] = a[7];    // a tie: the lower index first
        tw_ref_router(EXPERTS, TOPK, a, id + t * TOPK, weight);
        double sum = 0.0;
        for (int i = 0; i < TOPK; i++) {
            sum += weight[i];
            if (i) CHECK(weight[i] <= weight[i - 1]);
            for (int e = 0; e < EXPERTS; e++) {
                bool chosen = false;
                for (int j = 0; j < TOPK; j++) chosen = chosen || id[t * TOPK + j] == e;
                if (!chosen) CHECK(tw_bf16_value(a[e]) <= tw_bf16_value(a[id[t * TOPK + TOPK - 1]]));
            }
        }
        CHECK_NEAR(sum, 1.0, 1e-14);
    }
    tw_ref_permute(COUNT, EXPERTS, id, row, first);
    static unsigned char taken[COUNT];
    for (int i = 0; i < COUNT; i++) {
        CHECK(row[i] >= 0 && row[i] < COUNT && !taken[row[i]]++);
        int next = id[i] + 1 < EXPERTS ? first[id[i] + 1] : COUNT;
        CHECK(row[i] >= first[id[i]] && row[i] < next);
    }
}

// a million draws follow the softmax: chi-squared over the tokens (kernels page, section 13), and sets are what they
// say
static void sampling_draws_from_the_softmax(void)
{
    enum { VOCAB = 20, DRAWS = 1000000 };
    double weight[VOCAB], sum = 0.0, chi2 = 0.0;
    static int64_t drawn[VOCAB];
    fill(a, VOCAB, 70);
    tw_ref_sample_weights(VOCAB, 0, 0, a, weight);
    for (int i = 0; i < VOCAB; i++) sum += weight[i];
    for (int64_t r = 0; r < DRAWS; r++) {
        int best = 0;
        double most = -INFINITY;
        for (int i = 0; i < VOCAB; i++) {
            double x = (double)tw_bf16_value(a[i]) + tw_ref_gumbel(tw_ref_sample_seed, r, i);
            if (x > most) most = x, best = i;
        }
        drawn[best]++;
    }
    for (int i = 0; i < VOCAB; i++) {
        double want = DRAWS * weight[i] / sum;
        chi2 += ((double)drawn[i] - want) * ((double)drawn[i] - want) / want;
    }
    CHECK(chi2 < 43.8);    // 0.999 of 19 degrees

    tw_ref_sample_weights(VOCAB, 5, 0, a, weight);
    int stay = 0;
    for (int i = 0; i < VOCAB; i++) stay += weight[i] > 0.0;
    CHECK(stay >= 5);
    tw_ref_sample_weights(VOCAB, 0, 60, a, weight);
    double kept = 0.0, least = INFINITY;
    for (int i = 0; i < VOCAB; i++) {
        kept += weight[i];
        if (weight[i] > 0.0) least = fmin(least, weight[i]);
    }
    CHECK(kept >= 0.6 * sum && kept - least < 0.6 * sum + least);    // no token too many but for ties
}

// The check of every operation can fail: right outputs pass, one changed number does not.
static void checks_see_a_wrong_number(void)
{
    static const struct {
        const char *op, *impl, *type;
        int64_t p[TW_CAL_PARAMETERS];
        int output;
    } cases[] = {
        {"embed", "hand", "bf16", {5, 24, 10}, TW_EMBED_Y},
        {"permute", "hand", "bf16", {6, 16, 8, 2}, TW_PERMUTE_Y},
        {"kv_gather", "hand", "byte", {256, 64}, TW_GATHER_TO},
        {"copy", "hand", "byte", {333}, TW_COPY_TO},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        TwCalPoint point = tw_cal_point(cases[c].op, cases[c].impl, cases[c].type, cases[c].p, TW_CAL_BURST);
        TwOperand operand[TW_OPERANDS];
        void *o[TW_OPERANDS] = {NULL};
        tw_operands(&point, operand);
        for (int i = 0; i < TW_OPERANDS; i++) {
            if (!operand[i].name) continue;
            o[i] = calloc(1, operand[i].bytes + 8);
            if (!o[i]) abort();
            if (operand[i].fill == TW_FILL_HOST) tw_operand_host(&point, i, 9, o[i]);
            if (operand[i].fill == TW_FILL_BF16) fill(o[i], (int)operand[i].bytes / 2, 80 + (uint64_t)i);
        }
        const int64_t *p = point.p;
        uint16_t *x = o[0], *out = o[cases[c].output];
        if (c == 0)
            for (int64_t t = 0; t < p[0]; t++)
                memcpy(out + t * p[1], x + ((int32_t *)o[TW_EMBED_ID])[t] * p[1], (size_t)p[1] * 2);
        if (c == 1) {
            tw_ref_permute(p[0] * p[3], p[2], o[TW_PERMUTE_ID], o[TW_PERMUTE_ROW], o[TW_PERMUTE_FIRST]);
            for (int64_t i = 0; i < p[0] * p[3]; i++)
                memcpy(out + ((int32_t *)o[TW_PERMUTE_ROW])[i] * p[1], x + i / p[3] * p[1], (size_t)p[1] * 2);
        }
        if (c == 2)
            for (int64_t i = 0; i < p[0] / p[1]; i++)
                memcpy((char *)out + i * p[1], (char *)x + ((int32_t *)o[TW_GATHER_BLOCK])[i] * p[1], (size_t)p[1]);
        if (c == 3) memcpy(out, x, (size_t)p[0]);
        CHECK(tw_ref_check(&point, o) <= tw_ref_bar(&point));
        out[3] ^= 1;
        CHECK(!(tw_ref_check(&point, o) <= tw_ref_bar(&point)));
        for (int i = 0; i < TW_OPERANDS; i++) free(o[i]);
    }
}

// paged decode is the same attention on contiguous keys; a scaled product the product of the scaled operands
static void paged_equals_contiguous_and_scales_apply(void)
{
    TwCalPoint point = tw_cal_point("decode", "hand", "bf16",
                                    (const int64_t[TW_CAL_PARAMETERS]){3, 50, 4, 2, 64, 16, 40}, TW_CAL_BURST);
    TwOperand operand[TW_OPERANDS];
    void *o[TW_OPERANDS] = {NULL};
    tw_operands(&point, operand);
    for (int i = 0; i < TW_OPERANDS; i++) {
        if (!operand[i].name) continue;
        o[i] = calloc(1, operand[i].bytes);
        if (!o[i]) abort();
        if (operand[i].fill == TW_FILL_HOST) tw_operand_host(&point, i, 9, o[i]);
        if (operand[i].fill == TW_FILL_BF16) fill(o[i], (int)operand[i].bytes / 2, 90 + (uint64_t)i);
    }
    int64_t pages = tw_decode_pages(&point);
    CHECK(tw_decode_length(&point, 0) == 30 && tw_decode_length(&point, 1) == 50 && tw_decode_length(&point, 2) == 70);
    for (int64_t b = 0; b < 3; b++)
        for (int64_t h = 0; h < 4; h++) {
            int64_t length = tw_decode_length(&point, b);
            for (int64_t t = 0; t < length; t++) {
                int64_t page = ((int32_t *)o[TW_DECODE_PAGES])[b * pages + t / 16];
                for (int64_t i = 0; i < 64; i++) {
                    int64_t at = ((page * 2 + h / 2) * 16 + t % 16) * 64 + i;
                    wide_b[t * 64 + i] = tw_bf16_value(((uint16_t *)o[TW_DECODE_K])[at]);
                    wide_c[t * 64 + i] = tw_bf16_value(((uint16_t *)o[TW_DECODE_V])[at]);
                }
            }
            widen(64, (uint16_t *)o[TW_DECODE_Q] + (b * 4 + h) * 64, wide_a);
            tw_ref_attention(1, length, length, 64, 64, 0.125, wide_a, wide_b, wide_c, y);
            for (int i = 0; i < 64; i++) ((uint16_t *)o[TW_DECODE_O])[(b * 4 + h) * 64 + i] = tw_bf16((float)y[i]);
        }
    CHECK(tw_ref_check(&point, o) < 3e-3);
    ((uint16_t *)o[TW_DECODE_O])[70] ^= 0x4000;
    CHECK(!(tw_ref_check(&point, o) < 5e-3));
    for (int i = 0; i < TW_OPERANDS; i++) free(o[i]);

    // one scale of 2 for everything doubles, 1 leaves alone
    static const char *const types[] = {"fp8_tensor", "fp8_row", "fp8_block", "mxfp8", "nvfp4"};
    for (int t = 0; t < 5; t++) {
        const int64_t p[TW_CAL_PARAMETERS] = {5, 9, 256};
        point = tw_cal_point("gemm", "cublaslt", types[t], p, TW_CAL_BURST);
        tw_operands(&point, operand);
        uint8_t *data = malloc(operand[TW_GEMM_X].bytes);
        void *scale = malloc(operand[TW_GEMM_X_SCALE].bytes);
        if (!data || !scale) abort();
        for (size_t i = 0; i < operand[TW_GEMM_X].bytes; i++) data[i] = (uint8_t)(i * 37 % 120);
        for (int twice = 0; twice < 2; twice++) {
            for (size_t i = 0; i < operand[TW_GEMM_X_SCALE].bytes / 4; i++) ((float *)scale)[i] = twice ? 2.0f : 1.0f;
            if (t == 3) memset(scale, twice ? 128 : 127, operand[TW_GEMM_X_SCALE].bytes);
            if (t == 4) memset(scale, twice ? 0x40 : 0x38, operand[TW_GEMM_X_SCALE].bytes);
            tw_ref_operand(&point, false, data, scale, twice ? wide_b : wide_a);
        }
        for (int i = 0; i < 5 * 256; i++) CHECK(wide_b[i] == 2.0f * wide_a[i]);
        free(data);
        free(scale);
    }
}

int main(void)
{
    narrow_formats_round_to_nearest();
    scale_places_are_a_permutation();
    attention_keeps_its_identities();
    rotation_keeps_norms_and_relative_angles();
    routing_sorts_and_returns();
    sampling_draws_from_the_softmax();
    checks_see_a_wrong_number();
    paged_equals_contiguous_and_scales_apply();
    every_bf16_survives_the_way_to_float_and_back();
    bf16_rounds_to_nearest_ties_to_even();
    bf16_is_the_nearest_number();
    normed_rows_have_the_norm_of_their_closed_form();
    silu_keeps_its_identities();
    gemm_agrees_with_three_plain_loops();
    the_error_is_relative_and_sees_what_was_not_written();
    return check_failures != 0;
}
