#include "models/workload/op.h"
#include "tests/check.h"

// K-01, K-02, K-03
static void gemm_counts(void)
{
    TwOpCost c = tw_op_gemm(16, 4096, 4096, 2.0);
    CHECK(c.flop == 536870912.0 && c.bytes == 33816576.0);
    CHECK_NEAR(tw_op_bound_s(c, 989e12, 4.8e12), 7.045e-6, 1e-4);    // bytes bind
    c = tw_op_gemm(1, 128256, 4096, 2.0);
    CHECK(c.flop == 1050673152.0 && c.bytes == 1050937856.0);
    c = tw_op_gemm(512, 57344, 8192, 1.0);
    CHECK(c.flop == 481036337152.0 && c.bytes == 532676608.0);
}

// K-04
static void decode_counts(void)
{
    TwOpCost c = tw_op_decode(64, 4096, 32, 8, 128, 2.0);
    CHECK(c.flop == 4294967296.0 && c.bytes == 1074790400.0);
}

// K-05
static void active_experts(void)
{
    CHECK_NEAR(tw_op_active_experts(128, 8, 16, 1), 80.911, 1e-5);
    CHECK_NEAR(tw_op_active_experts(256, 8, 256, 8), 31.989, 1e-5);
    // one token reaches k experts at most, endless tokens all of them
    CHECK(tw_op_active_experts(256, 8, 1, 1) < 8.0);
    CHECK(tw_op_active_experts(8, 8, 1, 1) == 8.0);
    CHECK_NEAR(tw_op_active_experts(256, 8, 1e9, 1), 256.0, 1e-12);
}

// A prompt in chunks is the prompt: FLOP add up to the whole.
static void chunks_add_up_to_the_prompt(void)
{
    double whole = tw_op_prefill(3, 4096, 32, 8, 128, 2.0).flop, sum = 0.0;
    for (int done = 0; done < 4096; done += 512) sum += tw_op_chunk(3, 512, done, 32, 8, 128, 2.0).flop;
    CHECK(sum == whole);
    CHECK(whole == 2.0 * 3 * 4096.0 * 4096.0 * 32 * 128);
}

// Splitting by tensor parallelism splits the expert work and keeps its rows.
static void moe_splits(void)
{
    TwOpCost one = tw_op_moe(1024, 7168, 2048, 256, 8, 1, 1, 1.0),
             four = tw_op_moe(1024, 7168, 2048, 256, 8, 4, 1, 1.0);
    CHECK_NEAR(one.flop, 2.0 * 3 * 7168 * 2048.0 * 1024 * 8, 1e-15);
    CHECK_NEAR(four.flop * 4, one.flop, 1e-15);
    double rows = 1024.0 * 8 * 7168 * 3.0;
    CHECK_NEAR((four.bytes - rows) * 4, one.bytes - rows, 1e-12);
}

static void latent_attention(void)
{
    TwOpCost c = tw_op_mla_decode(2, 100, 16, 1.0);
    CHECK(c.flop == 2.0 * 2 * 100 * 16 * 1088 && c.bytes == 576.0 * 200 + 2.0 * 2 * 16 * 1088);
    CHECK(tw_op_mla_prefill(1, 1024, 128).flop == 320.0 * 1024 * 1024 * 128);
}

// Small kernels read and write every element once; what a narrower cache or output saves is what it is narrower by.
static void small_kernels_count_every_element_once(void)
{
    CHECK(tw_op_norm(100, 64, 2.0).bytes == 2.0 * (4 * 6400 + 64) &&
          tw_op_norm(100, 64, 1.0).bytes == 7.0 * 6400 + 128);
    CHECK(tw_op_silu(10, 32, 2.0).bytes == 6.0 * 320);
    double wide = tw_op_rope(7, 4096, 1024, 1024, 2.0).bytes;
    CHECK(wide == 4.0 * 7 * 6144 && wide - tw_op_rope(7, 4096, 1024, 1024, 1.0).bytes == 7.0 * 2048);
    CHECK(tw_op_embed(3, 16).bytes == 3.0 * 68 && tw_op_router(5, 256, 8, 2.0).bytes == 5.0 * (512 + 64));
    // rows that are sorted and brought back: indices and weights beside them
    CHECK(tw_op_permute(6, 100, 2).bytes == 6.0 * 200 + 6.0 * 8 + 12.0 * 204);
    CHECK(tw_op_unpermute(6, 100, 2).bytes == 12.0 * 208 + 6.0 * 200);
    CHECK(tw_op_sample(2, 1000, 4.0).bytes == 2.0 * 4004 && tw_op_copy(10).bytes == 20.0);
    CHECK(tw_op_collective(100, 1.5).bytes == 300.0);
    // grouped products of many rows are one product of each expert
    TwOpCost all = tw_op_grouped(4096, 64, 128, 8, 2.0), one = tw_op_gemm(512, 64, 128, 2.0);
    CHECK(all.flop == 8 * one.flop && all.bytes == 8 * one.bytes);
    CHECK(tw_op_grouped(3, 64, 128, 8, 2.0).bytes == 3 * tw_op_gemm(1, 64, 128, 2.0).bytes);
}

int main(void)
{
    small_kernels_count_every_element_once();
    gemm_counts();
    decode_counts();
    active_experts();
    chunks_add_up_to_the_prompt();
    moe_splits();
    latent_attention();
    return check_failures != 0;
}
