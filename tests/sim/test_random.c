#include "sim/random.h"
#include "tests/check.h"

// Known answers of Random123's kat_vectors, philox4x32-10: counter, key, words.
static void draws_are_philox(void)
{
    static const struct {
        uint64_t index;
        uint32_t entity, purpose, key[2], want[4];
    } known[] = {
        {0, 0, 0, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {0xffffffffffffffff,
         0xffffffff,
         0xffffffff,
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x85a308d3243f6a88,
         0x13198a2e,
         0x03707344,
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        uint32_t words[4];
        TwStream stream = {{known[k].key[0], known[k].key[1]}};
        tw_random4(stream, known[k].index, known[k].entity, (TwPurpose)known[k].purpose, words);
        for (int i = 0; i < 4; i++) CHECK(words[i] == known[k].want[i]);
    }
}

static void streams_differ_by_each_of_their_keys(void)
{
    TwStream a = tw_stream(1, "rack1"), b = tw_stream(1, "rack2"), c = tw_stream(2, "rack1");
    double draw = tw_random(a, 5, 7, TW_PURPOSE_ARRIVAL);
    CHECK(draw == tw_random(tw_stream(1, "rack1"), 5, 7, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(b, 5, 7, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(c, 5, 7, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(a, 6, 7, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(a, 5 + (1ull << 32), 7, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(a, 5, 8, TW_PURPOSE_ARRIVAL));
    CHECK(draw != tw_random(a, 5, 7, TW_PURPOSE_GAP));
    CHECK(tw_hash64("") != tw_hash64("a") && tw_hash64("ab") != tw_hash64("ba"));
}

// Moments of 1e6 draws within four standard errors; neighbouring streams do not correlate.
static void draws_are_uniform_and_independent(void)
{
    TwStream a = tw_stream(42, "pool.a"), b = tw_stream(42, "pool.b");
    enum { N = 1000000 };
    double sum = 0.0, square = 0.0, cross = 0.0;
    for (uint64_t i = 0; i < N; i++) {
        double u = tw_random(a, i, 0, TW_PURPOSE_INPUT) - 0.5, v = tw_random(b, i, 0, TW_PURPOSE_INPUT) - 0.5;
        CHECK(u > -0.5 && u < 0.5);
        sum += u, square += u * u, cross += u * v;
    }
    CHECK_WITHIN(sum / N, 0.0, 4.0 * sqrt(1.0 / 12.0 / N));
    CHECK_WITHIN(square / N, 1.0 / 12.0, 4.0 * sqrt(1.0 / 180.0 / N));
    CHECK_WITHIN(cross / N, 0.0, 4.0 / 12.0 / sqrt((double)N));
    CHECK(tw_uniform(0) > 0.0 && tw_uniform(0xffffffff) < 1.0);
}

static void quantiles_invert_the_normal_distribution(void)
{
    // published values of the paper, and deeper tails from the inverse of erfc at 50 digits
    CHECK_NEAR(tw_normal_quantile(0.25), -0.6744897501960817, 1e-15);
    CHECK_NEAR(tw_normal_quantile(0.001), -3.090232306167814, 1e-15);
    CHECK_NEAR(tw_normal_quantile(1e-20), -9.262340089798408, 1e-15);
    CHECK_NEAR(tw_normal_quantile(0.975), 1.959963984540054, 1e-15);
    CHECK(tw_normal_quantile(0.5) == 0.0);

    // the other way round: Phi(z) by erfc; its condition number is about z^2
    for (double u = 1e-12; u < 0.5; u *= 1.31) {
        double z = tw_normal_quantile(u);
        CHECK_NEAR(0.5 * erfc(-z * sqrt(0.5)), u, 1e-15 * (4.0 + z * z));
        CHECK_NEAR(tw_normal_quantile(1.0 - u), -z, 1e-4);
    }
}

int main(void)
{
    draws_are_philox();
    streams_differ_by_each_of_their_keys();
    draws_are_uniform_and_independent();
    quantiles_invert_the_normal_distribution();
    return check_failures != 0;
}
