#include "kernels/ref/bf16.h"
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

static void gemm_agrees_with_three_plain_loops(void)
{
    static const struct {
        int m, n, k;
    } shapes[] = {{1, 1, 1}, {1, 7, 513}, {5, 3, 1025}, {17, 9, 65}, {33, 31, 127}, {2, 64, 512}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        int m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
        fill(a, m * k, 10 + s);
        fill(b, n * k, 20 + s);
        for (int i = 0; i < m * n; i++) y[i] = NAN;
        tw_ref_gemm(m, n, k, a, b, y);
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                double want = 0.0, size = 0.0;
                for (int l = k - 1; l >= 0; l--) {
                    double part = (double)tw_bf16_value(a[i * k + l]) * (double)tw_bf16_value(b[j * k + l]);
                    want += part;
                    size += fabs(part);
                }
                CHECK(fabs(y[i * n + j] - want) <= 1e-14 * size);
            }
    }

    // W = the unit matrix: the product is x, to the bit
    const int m = 6, k = 40;
    fill(a, m * k, 5);
    memset(b, 0, (size_t)(k * k) * sizeof *b);
    for (int i = 0; i < k; i++) b[i * k + i] = tw_bf16(1.0f);
    tw_ref_gemm(m, k, k, a, b, y);
    for (int i = 0; i < m * k; i++) CHECK(y[i] == (double)tw_bf16_value(a[i]));
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

int main(void)
{
    every_bf16_survives_the_way_to_float_and_back();
    bf16_rounds_to_nearest_ties_to_even();
    bf16_is_the_nearest_number();
    normed_rows_have_the_norm_of_their_closed_form();
    silu_keeps_its_identities();
    gemm_agrees_with_three_plain_loops();
    the_error_is_relative_and_sees_what_was_not_written();
    return check_failures != 0;
}
