#include "twin/engines.h"
#include "sim/config.h"

#include <stdlib.h>
#include <string.h>

// Host time that no kernel table holds: of a step, and of every sequence in it for scheduling, inputs and outputs in
// one Python process (vLLM: 5 to 6 ms at 256 sequences, its issue 10634). TensorRT-LLM hides it behind the device: its
// PyTorch flow 45.1 ms a step of 1,536 sequences where the host is the bottleneck (pull request 10273), its C++ before.
// vLLM's first engine left the device idle for 4 ms at every decode (its issue 6854, July 2024), sequences included.
const double tw_host_step_s = 0.3e-3, tw_python_sequence_s = 20e-6, tw_compiled_sequence_s = 15e-6,
             tw_trtllm_sequence_s = 29e-6;
static const double first_vllm_s = 4e-3;
// Before messages went by NCCL (its pull request 2221, January 2024) each step went to the workers of a tensor-parallel
// group through Ray, serialised: 512 requests of 1,031 tokens in and 317 out took Llama-70B over eight A100 59 s
// longer, in batches of 256, steps of decodes alone counted.
static const double ray_sequence_s = (512.0 / 2.48 - 512.0 / 3.48) / (512.0 * 317.0);
// Llama 4 under vLLM: the second kind of attention is prepared in a millisecond (its issue 21761).
static const double chunked_step_s = 1e-3;

static const double mib = 1048576.0;
enum { LAST_PATCH = 999 };    // of a release whose patch is not said
const char *const tw_serving_names[] = {"vllm", "sglang", "trtllm", "ideal", NULL};

bool tw_release_find(const char *text, TwRelease *release, TwError *error)
{
    char name[32];
    size_t length = strcspn(text, ":");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    int place = tw_word_place(name, tw_serving_names), part[3] = {0}, used = 0;
    if (place < 0) {
        const char *near = tw_nearest(name, tw_serving_names, 4);
        return tw_fail(error, TW_BAD_INPUT, "expected vllm, sglang, trtllm or ideal, or one with a release%s%s%s",
                       near ? "; did you mean " : ", as vllm:0.11", near ? near : "", near ? "?" : "");
    }
    *release = (TwRelease){(TwServingEngine)place, 0};
    if (!text[length]) return true;
    const char *number = text + length + 1;
    if (*number == 'v') number++;
    int count = sscanf(number, "%3d.%3d%n.%3d%n", &part[0], &part[1], &used, &part[2], &used);
    if (place == TW_SERVING_IDEAL) return tw_fail(error, TW_BAD_INPUT, "expected ideal alone: it has no releases");
    if (count < 2 || number[used] || strspn(number, "0123456789.") != strlen(number) ||
        part[0] + part[1] + part[2] == 0)
        return tw_fail(error, TW_BAD_INPUT, "expected %s, or a release behind it, as %s:0.11 or %s:0.11.1", name, name,
                       name);
    release->number = tw_release_number(part[0], part[1], count == 3 ? part[2] : -1);
    return true;
}

int tw_release_number(int major, int minor, int patch)
{
    return 1000000 * major + 1000 * minor + (patch < 0 ? LAST_PATCH : patch);
}

const char *tw_release_name(const TwRelease *release, char text[32])
{
    int n = release->number, patch = n % 1000;
    int used = snprintf(text, 32, "%s", tw_serving_names[release->engine]);
    if (n > 0) used += snprintf(text + used, 32 - (size_t)used, " %d.%d", n / 1000000, n / 1000 % 1000);
    if (n > 0 && patch != LAST_PATCH) snprintf(text + used, 32 - (size_t)used, ".%d", patch);
    return text;
}

// As far as rules below tell releases apart: announcements of the releases (github.com/vllm-project/vllm/releases,
// github.com/sgl-project/sglang/releases).
static const struct {
    TwServingEngine engine;
    int year, month;    // the last of which it was the newest
    int major, minor, patch;
} newest[] = {{TW_SERVING_VLLM, 2025, 1, 0, 7, 0},    {TW_SERVING_VLLM, 2025, 2, 0, 7, 3},
              {TW_SERVING_VLLM, 2025, 4, 0, 8, 5},    {TW_SERVING_VLLM, 2025, 6, 0, 9, 1},
              {TW_SERVING_VLLM, 2025, 7, 0, 10, 0},   {TW_SERVING_VLLM, 2025, 9, 0, 10, 2},
              {TW_SERVING_VLLM, 2025, 10, 0, 11, 0},  {TW_SERVING_VLLM, 2025, 11, 0, 11, 2},
              {TW_SERVING_VLLM, 2025, 12, 0, 13, 0},  {TW_SERVING_VLLM, 2026, 1, 0, 15, 0},
              {TW_SERVING_VLLM, 2026, 2, 0, 16, 0},   {TW_SERVING_VLLM, 2026, 3, 0, 18, 0},
              {TW_SERVING_VLLM, 2026, 4, 0, 20, 0},   {TW_SERVING_VLLM, 2026, 5, 0, 21, 0},
              {TW_SERVING_SGLANG, 2025, 2, 0, 4, 3},  {TW_SERVING_SGLANG, 2025, 3, 0, 4, 4},
              {TW_SERVING_SGLANG, 2025, 4, 0, 4, 6},  {TW_SERVING_SGLANG, 2025, 9, 0, 5, 2},
              {TW_SERVING_SGLANG, 2025, 11, 0, 5, 5}, {TW_SERVING_SGLANG, 2025, 12, 0, 5, 6},
              {TW_SERVING_SGLANG, 2026, 1, 0, 5, 8},  {TW_SERVING_SGLANG, 2026, 3, 0, 5, 9},
              {TW_SERVING_SGLANG, 2026, 6, 0, 5, 14}};

int tw_release_of_month(TwServingEngine engine, int year, int month)
{
    if (year < 2025) return 0;
    for (size_t i = 0; i < TW_COUNT(newest); i++)
        if (newest[i].engine == engine && 12 * year + month <= 12 * newest[i].year + newest[i].month)
            return tw_release_number(newest[i].major, newest[i].minor, newest[i].patch);
    return 0;
}

TwServed tw_served(const TwAcceleratorRow *chip, const TwModelRow *model, const char *precision,
                   const TwParallel *layout)
{
    bool before = tw_before_hopper(chip);
    TwServed served = {.before_hopper = before,
                       .hopper = !before && !tw_since_blackwell(chip),
                       .precision = precision,
                       .tensor = layout->tensor,
                       .ranks = layout->ranks,
                       .stages = layout->stages};
    tw_served_model(model, &served);
    return served;
}

void tw_served_model(const TwModelRow *model, TwServed *served)
{
    served->chunked = model->window_chunks;
    served->latent = tw_model_is_mla(model);
    served->sums_normed = served->latent || model->attention_sinks;
    served->mixture = model->experts > 0;
    served->hidden = (double)model->hidden;
    served->experts = (int)model->experts, served->gate_groups = (int)model->gate_groups;
}

static bool before(const TwRelease *r, int minor, int patch)
{
    return r->number > 0 && r->number < 1000 * minor + patch;
}

// Sums over ranks, the residual and the norm behind them in one kernel, of so many bytes at most: over two, four and
// eight ranks; of more, and between nodes, no source says so.
static void fuse_sums(TwEngineDefaults *d, double two, double four, double eight)
{
    d->fused_bytes[0] = two, d->fused_bytes[1] = four, d->fused_bytes[2] = eight;
}

// Each rank is a process of its own, and sums wait for the slowest.
double tw_python_launch_s(const TwServed *s) { return s->tensor > 1 || s->ranks > 1 ? tw_launch_ranks_s : tw_launch_s; }

// Engine V0, and before CUDA graphs (pull request 1926 of December 2023), kernels of its own that sum (2192) and
// messages by NCCL.
static void set_first_vllm(const TwRelease *r, const TwServed *s, TwEngineDefaults *d)
{
    bool first = before(r, 3, 0);
    d->profile = TW_PROFILE_VLLM_2024;
    d->host_step_s = first_vllm_s;
    d->host_sequence_s = first && s->tensor > 1 ? ray_sequence_s : 0.0;
    d->max_tokens = 8192, d->max_sequences = 256;
    d->graphs = first ? TW_GRAPHS_NONE : TW_GRAPHS_FULL;
    d->launch_s = tw_launch_s;
    d->graph_most = first ? 0 : 256;
    d->collectives = first ? TW_COLLECTIVES_NCCL : TW_COLLECTIVES_VLLM;
}

static bool fp4(const TwServed *s) { return strcmp(s->precision, "fp4") == 0; }

// Attention writes bf16 but where told otherwise (fuse_attn_quant, off), and the append is a kernel of its own. fp8: an
// operator that its compiler does not see through until pull request 19830 of July 2025, since then fused. nvfp4: its
// sums that norm quantise (21069); behind other norms a kernel of its own still (51925), behind SiLU until 34718.
static unsigned vllm_apart(const TwRelease *r, const TwServed *s)
{
    unsigned apart = TW_APART_ATTENTION | TW_APART_APPEND;
    if (before(r, 10, 0)) apart |= TW_APART_NORM | TW_APART_SILU;
    if (fp4(s)) apart |= TW_APART_NORM | (before(r, 17, 0) ? TW_APART_SILU : 0u);
    return apart;
}

static void set_vllm(const TwRelease *r, const TwServed *s, TwEngineDefaults *d)
{
    // since 0.21, with graphs counted (vllm/config/cache.py)
    d->memory_fraction = before(r, 21, 0) ? 0.90 : 0.92;
    d->kernels = d->dense = TW_ENGINE_VLLM;
    d->policy = TW_VLLM_V1;
    d->front_end = "vllm";
    d->first_token = TW_FIRST_DECODE;
    d->deepep_beyond = true;    // what its guide sets for several nodes
    d->apart = vllm_apart(r, s);
    if (before(r, 8, 0)) {
        set_first_vllm(r, s, d);
        return;
    }
    bool to_0_11_0 = before(r, 11, 1);
    d->profile = to_0_11_0          ? TW_PROFILE_VLLM_0_11_0
                 : before(r, 17, 0) ? TW_PROFILE_VLLM_0_16
                 : before(r, 21, 0) ? TW_PROFILE_VLLM_0_20
                                    : TW_PROFILE_VLLM;
    d->host_step_s = tw_host_step_s + (s->chunked ? chunked_step_s : 0.0), d->host_sequence_s = tw_python_sequence_s;
    // by default since 0.14 (its release notes; pull request 27614), not with stages
    d->async_scheduling = d->ahead = !before(r, 14, 0) && s->stages < 2;
    d->max_sequences = s->before_hopper ? 256 : 1024;
    d->max_tokens = s->before_hopper ? 2048 : 8192;
    d->unified_sinks = true;
    d->collectives = TW_COLLECTIVES_VLLM;
    // since 0.16 from Hopper on (enable_allreduce_rms_fusion of vllm/config/vllm.py, fi_allreduce_fusion_max_size_mb)
    if (!before(r, 16, 0) && !s->before_hopper && s->ranks < 2 && s->stages < 2)
        fuse_sums(d, 64.0 * mib, (s->hopper ? 2.0 : 32.0) * mib, mib);
    // pieces until 0.11, whole ones of decodes beside them since (pull request 25444), but with chunked attention,
    // which takes none (26034), and latent attention on Triton's kernel, all that A100 has, which took none until 0.22
    // (42885); of 512 tokens at most (_set_cudagraph_sizes)
    bool partly = s->chunked || (s->latent && s->before_hopper && before(r, 22, 0));
    d->graphs = before(r, 11, 0) || partly ? TW_GRAPHS_PIECES : TW_GRAPHS_FULL_PIECES;
    d->graph_most = 512;
    d->launch_s = tw_python_launch_s(s), d->piece_launch_s = tw_launch_s;
    // experts on Triton's kernels everywhere until 0.20 (issue 41306), but block-scaled fp8 since 0.11.1: DeepGEMM's at
    // any number of tokens (pull request 26197), over eight ranks of tensor parallelism not since 0.12 (29346); scales
    // a channel, as Meta's release of Llama 4 has them, by CUTLASS's grouped products (16537); mxfp4 on Hopper by
    // Marlin's kernel to 0.11.0, by Triton's since (issues 23278, 33155); on Blackwell all but bf16 by the generator's
    // since 0.15 (32414, issue 33543)
    bool generated = !before(r, 15, 0) && !s->hopper && !s->before_hopper && strcmp(s->precision, "bf16") != 0;
    if (before(r, 20, 0) && !generated) d->kernels = TW_ENGINE_TRITON;
    bool grouped = !before(r, 11, 1) && before(r, 20, 0) && !generated && (s->tensor != 8 || before(r, 12, 0));
    if (grouped && strcmp(s->precision, "fp8_block") == 0) d->kernels = TW_ENGINE_DEEPGEMM;
    if (s->chunked && strcmp(s->precision, "fp8") == 0) d->kernels = TW_ENGINE_TRTLLM;
    if (to_0_11_0 && s->hopper && strcmp(s->precision, "mxfp4") == 0) d->mixed = TW_MIXED_MARLIN;
}

// Experts behind a sigmoid gate with a bias are chosen by PyTorch's top-k, groups first and then experts, with what is
// compiled around it (biased_grouped_topk_impl), until one kernel does: DeepSeek's since 0.4.6 (36 us before, 8 after
// by its pull request 5371), Kimi's 384 in one group since 0.5.6 (13287), MiniMax's 256 since 0.5.7 (14047, eight
// kernels before), others in one group since 0.5.15 (29771).
static double sglang_gate_s(const TwRelease *r, const TwServed *s)
{
    bool many = false;
    if (s->gate_groups > 1) many = before(r, 4, 6);
    if (s->gate_groups == 1) many = before(r, 5, s->experts == 384 ? 6 : s->experts == 256 ? 7 : 15);
    return many ? 36e-6 : 0.0;
}

// Its experts run on kernels of vLLM's descent; no table of its own. It makes the next batch beside the device since
// 0.4 (lmsys.org/blog/2024-12-04-sglang-v0-4), but its published rates hold the time of a host that is added
// (docs/validation-history.md, "Tried and not adopted"). Chunks of 8,192 tokens; with 16,384 a rank beyond a node, as
// lmsys.org/blog/2025-05-05-large-scale-ep sets it. On Blackwell it takes the generator's experts for 8 and 4 bits
// alone, and Triton's else, until 0.5.7 at least (server_args.py, moe_runner_backend).
static void set_sglang(const TwRelease *r, const TwServed *s, TwEngineDefaults *d)
{
    d->static_memory = true;
    d->kernels = d->dense = TW_ENGINE_VLLM;
    bool blackwell = !s->before_hopper && !s->hopper;
    if (before(r, 5, 8) && blackwell && strcmp(s->precision, "bf16") == 0) d->kernels = TW_ENGINE_TRITON;
    d->gate_s = sglang_gate_s(r, s);
    d->host_step_s = tw_host_step_s, d->host_sequence_s = tw_python_sequence_s;
    // which batch a request is in is as that loop has it (event_loop_overlap of its scheduler.py)
    d->ahead = !before(r, 4, 0) && s->stages < 2;
    d->max_tokens = s->ranks > 8 ? 16384 : 8192;
    d->max_sequences = 2048;
    d->launch_s = before(r, 4, 0) ? tw_launch_s : tw_python_launch_s(s);
    // prompts in pieces since 0.5.10 (its pull request 16331), not with attention ranks or stages nor of models that
    // also see, as Llama 4; up to a chunk, with latent attention 2,048 tokens (server_args.py)
    if (!before(r, 5, 10) && s->ranks < 2 && s->stages < 2 && !s->chunked) {
        d->graphs = TW_GRAPHS_FULL_PIECES;
        d->piece_launch_s = tw_launch_s;
        d->piece_most = s->latent ? 2048 : d->max_tokens;
    }
    d->collectives = TW_COLLECTIVES_SGLANG;
    // in one kernel with residual and norm: DeepSeek and gpt-oss on Blackwell, since 0.5.8 mixtures from Hopper on
    // (server_args.py, enable_flashinfer_allreduce_fusion), of 2,048 tokens at most (communicator.py)
    bool fuses = before(r, 5, 8) ? blackwell && s->sums_normed && !before(r, 5, 3) : !s->before_hopper && s->mixture;
    double most = fuses && s->ranks < 2 ? 2.0 * 2048.0 * s->hidden : 0.0;
    fuse_sums(d, most, most, most);
    d->deepep_beyond = true;
    // a kernel before every product (its issue 31504 of July 2026)
    d->apart = TW_APART_NORM | TW_APART_SUM | TW_APART_SILU | TW_APART_ATTENTION;
    d->policy = TW_SGLANG;
    d->prefill_tokens = 16384, d->chunk_tokens = d->max_tokens;
    d->front_end = "sglang";
    d->first_token = TW_FIRST_RELAYED;
    d->reserve = TW_RESERVE_GENERATION_FIRST, d->reserved_tokens = 512;
    d->kv_chunks = true;    // send_kv_chunk of disaggregation/prefill.py
}

// TensorRT's compiler fuses what is fp8, its plugins nvfp4 behind norms and attention (norm_quant_fusion,
// fuse_fp4_quant), but not behind SiLU. The PyTorch flow quantises in sums that norm and in attention, behind other
// norms in a kernel of its own (12674 fuses under its compiler, which is off; TRTLLM_DISABLE_NVFP4_LAYERNORM_FUSION,
// on), behind SiLU in fp8 since 6540 of August 2025, in nvfp4 not (15298, closed).
static unsigned trtllm_apart(const TwRelease *r, const TwServed *s)
{
    bool compiled = before(r, 20, 0);
    unsigned apart = compiled ? 0u : TW_APART_NORM;
    if (fp4(s) || (!compiled && before(r, 1001, 0))) apart |= TW_APART_SILU;
    return apart;
}

static void set_trtllm(const TwRelease *r, const TwServed *s, TwEngineDefaults *d)
{
    bool compiled = before(r, 20, 0);
    // a share of what weights and activations leave free
    d->memory_fraction = 1.0, d->kv_share = 0.90;
    d->profile = TW_PROFILE_TRTLLM;
    d->one_pool = true;
    // XQA, which reads the cache of grouped heads once, came with 0.8 (docs/source/blogs/XQA-kernel.md)
    d->plain_decode = before(r, 8, 0);
    d->kernels = d->dense = TW_ENGINE_TRTLLM;
    d->host_step_s = tw_host_step_s, d->host_sequence_s = compiled ? tw_compiled_sequence_s : tw_trtllm_sequence_s;
    // its C++ flow prepares a step beside the one before since 0.20, as an option (pull request 3625 of April 2025); an
    // earlier one, two batches in turns, was off by default and gone in 2024. It replays no graphs unless told to
    // (cuda_graph_mode, off by default)
    d->async_scheduling = !compiled;
    d->ahead = !compiled && s->stages < 2;    // _executor_loop_overlap of py_executor.py
    d->graphs = compiled ? TW_GRAPHS_NONE : TW_GRAPHS_FULL;
    d->launch_s = compiled ? tw_launch_compiled_s : tw_python_launch_s(s);
    d->max_tokens = 8192, d->max_sequences = 2048;
    d->collectives = TW_COLLECTIVES_TRTLLM;
    // its models of the PyTorch flow sum, add and norm in one kernel (RESIDUAL_RMS_NORM of modeling_llama.py and its
    // like), within a buffer; those of the C++ flow when told to (reduce_fusion of plugin.py, off)
    if (!compiled && s->ranks < 2) fuse_sums(d, 16e6, 8e6, 8e6);
    // one thread schedules, launches and handles what came of the step before: 580 us of the device at every step of 64
    // sequences (issue 13957, May 2026); what it does goes over the sequences, and beyond 64 nothing is published
    if (!compiled) d->idle_sequence_s = 580e-6 / 64.0, d->idle_most_s = 580e-6;
    // it gathers the tokens of all attention ranks and scatters the sums (fused_moe_cutlass.py) until its pull request
    // 8950 of November 2025, and on Hopper after it too (AIConfigurator's pull request 551)
    d->apart = trtllm_apart(r, s);
    d->gathers = s->hopper || (r->number > 0 && r->number < 1002000);
    d->policy = TW_TRTLLM;
    d->front_end = "none";
    d->first_token = TW_FIRST_RELAYED;
}

static void set_ideal(TwEngineDefaults *d)
{
    d->memory_fraction = 0.90;
    d->kernels = d->dense = TW_ENGINE_TRTLLM;
    d->async_scheduling = true;
    d->max_tokens = 8192, d->max_sequences = 2048;
    d->policy = TW_VLLM_V1;
    d->front_end = "none";
    d->first_token = TW_FIRST_PREFILL;
    d->reserve = TW_RESERVE_NONE;
}

TwEngineDefaults tw_engine_defaults(const TwRelease *release, const TwServed *served)
{
    TwEngineDefaults d = {.reserve = TW_RESERVE_CONTEXT_FIRST};
    switch (release->engine) {
    case TW_SERVING_VLLM:
        set_vllm(release, served, &d);
        break;
    case TW_SERVING_SGLANG:
        set_sglang(release, served, &d);
        break;
    case TW_SERVING_TRTLLM:
        set_trtllm(release, served, &d);
        break;
    case TW_SERVING_IDEAL:
        set_ideal(&d);
        break;
    }
    return d;
}

void tw_engine_deploy(const TwEngineDefaults *d, TwDeploySpec *spec)
{
    spec->memory_fraction = d->memory_fraction;
    spec->kv_share = d->kv_share;
    spec->static_memory = d->static_memory, spec->one_pool = d->one_pool;
    spec->plain_decode = d->plain_decode;
    spec->gate_s = d->gate_s;
    spec->profile = d->profile;
    spec->host_step_s = d->host_step_s, spec->host_sequence_s = d->host_sequence_s;
    spec->async_scheduling = d->async_scheduling;
    spec->max_tokens = d->max_tokens, spec->max_sequences = d->max_sequences;
    spec->engine = d->kernels, spec->dense = d->dense;
    spec->mixed = d->mixed;
    spec->unified_sinks = d->unified_sinks;
    spec->graphs = d->graphs, spec->graph_most = d->graph_most, spec->piece_most = d->piece_most;
    spec->launch_s = d->launch_s, spec->piece_launch_s = d->piece_launch_s;
    spec->collectives = d->collectives;
    memcpy(spec->fused_bytes, d->fused_bytes, sizeof d->fused_bytes);
    spec->apart = d->apart;
    spec->idle_sequence_s = d->idle_sequence_s, spec->idle_most_s = d->idle_most_s;
    spec->deepep_beyond = d->deepep_beyond, spec->gathers = d->gathers;
}
