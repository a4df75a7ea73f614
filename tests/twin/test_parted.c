// Prompts computed by some replicas for others, without a facility: what a first token waits for, where KV goes, and
// closed loops over both kinds.
#include "tests/check.h"
#include "twin/parted.h"

#include <math.h>
#include <string.h>

static void deploy_70b(TwDeploy *deploy)
{
    const TwDeploySpec spec = {.chip = "h200_sxm",
                               .model = "llama-3.1-70b",
                               .precision = "fp8",
                               .kv_precision = "fp8",
                               .layout = {4, 1, 1, 1},
                               .max_tokens = 8192,
                               .max_sequences = 256,
                               .memory_fraction = 0.9,
                               .moe_imbalance = 1.0,
                               .graphs = TW_GRAPHS_FULL};
    TwError error = {0};
    bool good = tw_deploy_create(deploy, &spec, &error);
    CHECK(good);
    if (!good) {
        printf("%s\n", error.text);
        exit(1);
    }
}

static TwServeSpec closed(const TwDeploy *deploy, double flight, double input, double output)
{
    TwServeSpec s = {.kind = TW_LOAD_CLOSED,
                     .replicas = 1.0,
                     .concurrency = flight,
                     .input_mean = input,
                     .output_mean = output,
                     .max_tokens = 8192,
                     .max_sequences = 256,
                     .whole = true,
                     .prefills = 1,
                     .decodes = 1,
                     .kv_token_bytes = tw_serve_token_bytes(deploy, "fp8"),
                     .first_token = TW_FIRST_RELAYED,
                     .reserve = TW_RESERVE_NONE,
                     .seed = 1};
    tw_lengths_uniform(&s.input, input, input);
    tw_lengths_uniform(&s.output, output, output);
    return s;
}

static TwServeResult run(const TwDeploy *deploy, const TwServeSpec *spec)
{
    TwServeResult r;
    TwError error = {0};
    bool good = tw_serve(deploy, spec, &r, &error);
    CHECK(good);
    if (!good) printf("%s\n", error.text);
    return r;
}

// One request alone: the token with the KV comes later than at once by what is left to send. Of layers the last, of
// chunks the last; a prompt within one chunk has sent nothing before.
static void a_token_with_the_kv_waits_for_what_is_left(const TwDeploy *deploy)
{
    static const struct {
        double input, left;    // tokens; of which have to go after the prompt, chunk by chunk
    } known[] = {{6000.0, 6000.0}, {20480.0, 4096.0}};
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        TwServeSpec s = closed(deploy, 1.0, known[k].input, 16.0);
        s.requests = 1;
        s.first_token = TW_FIRST_PREFILL;
        TwServeResult at_once = run(deploy, &s);
        s.first_token = TW_FIRST_RELAYED;
        TwServeResult layers = run(deploy, &s);
        s.kv_chunks = true;
        TwServeResult chunks = run(deploy, &s);
        const TwScaleupRow *up = tw_network_scaleup(deploy->network);
        double bytes_s = 4.0 * up->link_bytes_s * up->exchange_efficiency, latency_s = up->base_s + up->hop_s;
        CHECK(at_once.inside && layers.transfers == 1);
        CHECK_NEAR(at_once.transfer_bytes_s, bytes_s, 1e-12);
        // 80 layers of 8 heads of 128, keys and values in fp8
        CHECK(s.kv_token_bytes == 163840.0);
        CHECK_WITHIN(layers.ttft_s[0] - at_once.ttft_s[0],
                     latency_s + s.kv_token_bytes * known[k].input / 80.0 / bytes_s, 3e-9);
        CHECK_WITHIN(chunks.ttft_s[0] - at_once.ttft_s[0], latency_s + s.kv_token_bytes * known[k].left / bytes_s,
                     3e-9);
    }
}

// Worked by hand: who holds what, of the layouts that engines' documents go through.
static void shares_follow_who_holds_what(void)
{
    static const struct {
        TwKvPlaces prefill, decode;
        double copies, out, in;
    } known[] = {
        {{8, 4, 1, 4}, {8, 4, 1, 4}, 1.0, 1.0, 1.0},           // heads to heads
        {{8, 2, 1, 2}, {8, 8, 1, 8}, 1.0, 1.0, 1.0},           // each of two sends to four
        {{8, 8, 1, 8}, {8, 2, 1, 2}, 1.0, 1.0, 1.0},           // each of two reads from four
        {{4, 4, 1, 4}, {4, 8, 1, 8}, 2.0, 1.0, 1.0},           // every head twice
        {{4, 8, 1, 8}, {4, 4, 1, 4}, 1.0, 0.5, 1.0},           // half of those who have them send
        {{1, 8, 1, 8}, {1, 8, 1, 8}, 8.0, 1.0, 1.0},           // latent: rank to rank
        {{1, 1, 1, 8}, {1, 1, 1, 8}, 1.0, 0.125, 0.125},       // latent, eight attention ranks
        {{1, 8, 1, 8}, {1, 1, 1, 32}, 1.0, 0.125, 0.03125},    // one of eight sends
        {{1, 1, 1, 8}, {1, 4, 1, 4}, 4.0, 0.125, 1.0},         // one sends to four
        {{8, 4, 2, 8}, {8, 8, 1, 8}, 1.0, 1.0, 1.0},           // two stages send at once
        {{8, 2, 2, 16}, {8, 4, 1, 8}, 1.0, 0.25, 0.5},         // of four ranks one, of two one
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        TwHandOver h = {0};
        tw_parted_shares(&known[k].prefill, &known[k].decode, &h);
        CHECK(h.copies == known[k].copies && h.share_out == known[k].out && h.share_in == known[k].in);
    }
}

// DeepSeek's latent cache: under tensor parallelism every rank reads all of it over its own link, with attention ranks
// one does. Either way a transfer alone takes as long as one link takes for all; the wire has eight times the bytes.
static void a_latent_cache_goes_over_one_link_each(void)
{
    double alone_s[2], bytes[2];
    for (int k = 0; k < 2; k++) {
        TwDeploySpec spec = {.chip = "gb200",
                             .model = "deepseek-v3",
                             .precision = "fp4",
                             .kv_precision = "fp8",
                             .layout = {k ? 8 : 1, k ? 1 : 8, 1, 8},
                             .max_tokens = 8192,
                             .max_sequences = 256,
                             .memory_fraction = 0.9,
                             .moe_imbalance = 1.0,
                             .graphs = TW_GRAPHS_FULL};
        TwDeploy deploy;
        TwError error = {0};
        bool good = tw_deploy_create(&deploy, &spec, &error);
        CHECK(good);
        if (!good) {
            printf("%s\n", error.text);
            return;
        }
        TwServeSpec s = closed(&deploy, 1.0, 8000.0, 4.0);
        s.requests = 1;
        s.kv_chunks = true;
        TwServeResult with = run(&deploy, &s);
        s.first_token = TW_FIRST_PREFILL;
        TwServeResult at_once = run(&deploy, &s);
        const TwScaleupRow *up = tw_network_scaleup(deploy.network);
        double link_bytes_s = up->link_bytes_s * up->exchange_efficiency;
        CHECK_NEAR(with.transfer_bytes_s, link_bytes_s, 1e-12);
        alone_s[k] = with.ttft_s[0] - at_once.ttft_s[0];
        CHECK_WITHIN(alone_s[k], up->base_s + up->hop_s + s.kv_token_bytes * 8000.0 / link_bytes_s, 3e-9);
        TwHandOver h = {0};
        tw_parted_shares(&(TwKvPlaces){1, k ? 8 : 1, 1, 8}, &(TwKvPlaces){1, k ? 8 : 1, 1, 8}, &h);
        h.bytes_per_token = s.kv_token_bytes;
        bytes[k] = tw_hand_over_bytes(&h, 8000.0, 0.0);
        tw_deploy_destroy(&deploy);
    }
    CHECK_WITHIN(alone_s[0], alone_s[1], 3e-9);
    CHECK(bytes[1] == 8.0 * bytes[0]);
}

// Two replicas of four are one node of eight; a third lies in the next, and so do those of other chips.
static void domains_are_filled_in_order(const TwDeploy *deploy)
{
    TwArena *arena = tw_arena_create();
    const bool prompts[] = {true, false, false, false};
    TwDeploy other = *deploy;
    other.chip.title = "another";
    for (int k = 0; k < 2; k++) {
        const TwParted parted = {deploy, k ? &other : deploy, 4, prompts};
        TwPartedLinks links;
        TwError error;
        CHECK(tw_parted_links(&parted, arena, &links, &error));
        static const int want[2][4] = {{0, 0, 1, 1}, {2, 0, 0, 1}};
        CHECK(memcmp(links.domain, want[k], sizeof want[k]) == 0);
        CHECK(!links.inside && links.bytes_s < links.link[0].out_bytes_s[TW_REACH_DOMAIN]);
    }
    tw_arena_destroy(arena);
}

// In flight are rate times time in the system, in any such loop; no kind is busier than all the time, and the one that
// always works sets the pace: with prompts as the bound a second replica for them doubles the rate.
static void loops_keep_what_is_in_flight(const TwDeploy *deploy)
{
    double rate[2];
    for (int k = 0; k < 2; k++) {
        TwServeSpec s = closed(deploy, 24.0, 8000.0, 8.0);
        s.prefills = k + 1, s.decodes = 2;
        s.requests = 600;
        s.reserve = TW_RESERVE_CONTEXT_FIRST;
        TwServeResult r = run(deploy, &s);
        CHECK_WITHIN(r.requests_s * r.e2e_s[0], 24.0, 0.5);
        CHECK(r.prefill_busy > 0.97 && r.prefill_busy < 1.0 + 1e-9 && r.decode_busy < 0.7);
        CHECK(r.transfers == 600 && r.gpu_w > 100.0 && r.gpu_w < 700.0);
        rate[k] = r.requests_s;
    }
    CHECK_WITHIN(rate[1] / rate[0], 2.0, 0.02);
}

int main(void)
{
    TwDeploy deploy;
    deploy_70b(&deploy);
    a_token_with_the_kv_waits_for_what_is_left(&deploy);
    domains_are_filled_in_order(&deploy);
    shares_follow_who_holds_what();
    a_latent_cache_goes_over_one_link_each();
    loops_keep_what_is_in_flight(&deploy);
    tw_deploy_destroy(&deploy);
    return check_failures != 0;
}
