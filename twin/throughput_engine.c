// How the engine of a row of a throughput table is set: by its release, by what submissions, guides and scripts of its
// source say, by its benchmark.
#include "twin/engines.h"
#include "twin/front_ends.h"
#include "twin/throughput_inner.h"
#include "twin/throughput_names.h"

#include <strings.h>

// ---- which engine ---------------------------------------------------------------------------------------------------

// The first number with a point in a name, as 0.11.1 of "vLLM 0.11.1" or 5.1 of "MLPerf v5.1 submission by ..."; 0:
// none. That of ">1.0" names no release.
static int first_release(const char *text)
{
    for (const char *c = text; *c; c++) {
        int major, minor, patch = -1;
        if (*c < '0' || *c > '9') continue;
        if (sscanf(c, "%3d.%3d.%3d", &major, &minor, &patch) >= 2)
            return c > text && c[-1] == '>' ? 0 : tw_release_number(major, minor, patch);
        while (c[1] >= '0' && c[1] <= '9') c++;
    }
    return 0;
}

// Of "vLLM (Jul 2025)", the newest of that month; 0: no month is named.
static int dated_release(const char *text, TwServingEngine engine)
{
    static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                         "jul", "aug", "sep", "oct", "nov", "dec"};
    const char *open = strchr(text, '(');
    char name[4];
    int year;
    if (!open || sscanf(open, "(%3[A-Za-z]%*[a-z ]%4d)", name, &year) != 2) return 0;
    for (int month = 0; month < 12; month++)
        if (strcasecmp(name, months[month]) == 0) return tw_release_of_month(engine, year, month + 1);
    return 0;
}

// MLPerf's round stands in the name of the engine or of the source.
static int named_release(const TwThroughputRow *row)
{
    int number = first_release(row->engine);
    return number == 0 && begins(row->source, "MLPERF") ? first_release(row->source) : number;
}

static bool before(const TwThroughputRow *row, int major, int minor)
{
    int number = named_release(row);
    return number > 0 && number < tw_release_number(major, minor, 0);
}

// MLPerf's round as "MLPERF-v5.1"; else the source.
static const char *round_of(const TwThroughputRow *row, char text[24])
{
    int number = named_release(row);
    if ((!begins(row->engine, "MLPerf") && !begins(row->source, "MLPERF")) || number == 0) return row->source;
    snprintf(text, 24, "MLPERF-v%d.%d", number / 1000000 % 1000, number / 1000 % 1000);
    return text;
}

TwRowEngine tw_throughput_engine(TwThroughputRow *row)
{
    const char *family = tw_throughput_family(row->engine);
    if (strcmp(family, "mlperf") == 0) return MLPERF;
    if (strcmp(family, "trtllm") == 0) return TRTLLM;
    if (strcmp(family, "sglang") == 0) return SGLANG;
    if (!family[0]) assume(row, "engine as vLLM");
    bool first = family[0] && (holds(row->engine, "2024") || holds(row->engine, "2023"));
    return first ? VLLM_2024 : VLLM;
}

bool tw_throughput_early(const TwThroughputRow *row)
{
    static const char *const dates[] = {"2023", "2024", "Jan 2025", "Feb 2025", "Mar 2025"};
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        if (holds(row->engine, dates[i])) return true;
    const char *family = tw_throughput_family(row->engine);
    if (strcmp(family, "mlperf") == 0) return before(row, 5, 0);
    // the first of or after March 2025: vLLM 0.8, SGLang 0.4.5, TensorRT-LLM 0.18
    int number = named_release(row);
    if (strcmp(family, "sglang") == 0) return number > 0 && number < tw_release_number(0, 4, 5);
    return strcmp(family, "vllm") == 0 ? before(row, 0, 8) : before(row, 0, 18);
}

// ---- submissions of MLPerf ------------------------------------------------------------------------------------------

static const TwSubmission submissions[] = {
    {"deepseek", "MLPERF-v5.1", "", "B200", "mlperf_offline", 512, 4608, 0.90, 500, 10, 0, 0, 26328},
    {"deepseek", "MLPERF-v5.1", "", "B200", "mlperf_server", 512, 3456, 0.90, 9, 3, 0, 0, 0},
    {"deepseek", "MLPERF-v5.1", "", "GB300", "mlperf_offline", 1536, 6656, 0.95, 6, 2, 0, 0, 44000},
    {"deepseek", "MLPERF-v5.1", "", "GB300", "mlperf_server", 1536, 6656, 0.95, 6, 2, 0, 0, 0},
    {"deepseek", "MLPERF-v6.0", "", "B200", "mlperf_offline", 512, 4608, 0.90, 500, 10, 0, 0, 105312},
    {"deepseek", "MLPERF-v6.0", "", "B200", "mlperf_server", 640, 4608, 0.95, 9, 3, 0, 0, 0},
    {"deepseek", "MLPERF-v6.0", "", "GB200", "mlperf_offline", 512, 4608, 0.90, 50, 10, 0, 0, 105312},
    {"deepseek", "MLPERF-v6.0", "", "GB200", "mlperf_server", 512, 3456, 0.90, 9, 3, 0, 0, 0},
    {"deepseek", "MLPERF-v6.0", "", "B300", "mlperf_offline", 1024, 6144, 0.95, 500, 10, 0, 0, 105312},
    {"deepseek", "MLPERF-v6.0", "", "B300", "mlperf_server", 640, 4608, 0.95, 9, 3, 0, 0, 0},
    {"deepseek", "MLPERF-v6.0", "", "GB300", "mlperf_offline", 1024, 6144, 0.95, 500, 10, 0, 0, 105312},
    {"deepseek", "MLPERF-v6.0", "", "GB300", "mlperf_server", 640, 4608, 0.95, 9, 3, 0, 0, 0},
    {"gpt-oss", "MLPERF-v6.0", "", "B200", "mlperf_offline", 512, 6144, 0.95, 0, 0, 0, 0, 12792},
    {"gpt-oss", "MLPERF-v6.0", "", "B300", "mlperf_offline", 896, 13914, 0.98, 0, 0, 0, 0, 0},
    {"gpt-oss", "MLPERF-v6.0", "", "GB300", "mlperf_offline", 896, 13914, 0.95, 0, 0, 0, 0, 0},
    {"gpt-oss", "MLPERF-v6.0", "", "", "mlperf_offline", 512, 13914, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.0", "", "H100-SXM", "mlperf_offline", 896, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H100-SXM", "mlperf_offline", 896, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H100-NVL", "mlperf_offline", 1300, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H100-NVL", "mlperf_server", 640, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H200-SXM", "mlperf_offline", 806, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H200-CTS", "mlperf_offline", 784, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "H200-CTS", "mlperf_server", 1024, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "GH200-144", "mlperf_offline", 806, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v4.1", "", "GH200-144", "mlperf_server", 806, 0, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "B200", "mlperf_offline", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "B200", "mlperf_server", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "B200", "mlperf_interactive", 768, 768, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "GB200", "mlperf_offline", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "GB200", "mlperf_server", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "H200", "mlperf_offline", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "H200", "mlperf_server", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "H200-SXM", "mlperf_interactive", 512, 256, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v5.1", "", "H200-NVL", "mlperf_interactive", 256, 256, 0.90, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "GB200", "mlperf_offline", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "GB200", "mlperf_server", 2048, 3584, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "B300", "mlperf_offline", 3072, 4608, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "B300", "mlperf_server", 3072, 4608, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "B300", "mlperf_interactive", 3072, 4608, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "GB300", "mlperf_offline", 3072, 4608, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "GB300", "mlperf_server", 3072, 4608, 0.95, 0, 0, 0, 0, 0},
    {"llama-2-70b", "MLPERF-v6.0", "", "H200-NVL", "mlperf_offline", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "B200", "mlperf_server", 256, 2048, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "B200", "mlperf_interactive", 256, 1536, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "GB200", "mlperf_offline", 2048, 1536, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "GB200", "mlperf_server", 256, 2048, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "GB200", "mlperf_interactive", 2048, 1024, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "GB300", "mlperf_offline", 2048, 1536, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "GB300", "mlperf_server", 2048, 1536, 0.95, 0, 0, 0, 0, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "H200", "mlperf_offline", 512, 1536, 0.95, 0, 0, 4, 2, 0},
    {"llama-3.1-405b", "MLPERF-v5.1", "", "H200", "mlperf_server", 64, 2560, 0.90, 0, 0, 8, 1, 0},
    {"llama-3.1-405b", "MLPERF-v6.0", "", "B300", "mlperf_offline", 2048, 1536, 0.95, 0, 0, 2, 1, 0},
    {"llama-3.1-405b", "MLPERF-v6.0", "", "B300", "mlperf_server", 256, 2048, 0.95, 0, 0, 4, 1, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "", "B200", "mlperf_offline", 6000, 12000, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "", "B200", "mlperf_interactive", 6000, 12000, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "HPE", "H200", "mlperf_offline", 2048, 12000, 0.99, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "HPE", "H200", "mlperf_server", 2048, 12000, 0.99, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "HPE", "H200", "mlperf_interactive", 2048, 12000, 0.99, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "", "H200", "mlperf_offline", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "", "H200", "mlperf_server", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v6.0", "", "B300", "mlperf_offline", 6000, 12000, 0.90, 0, 0, 0, 0, 0},
    {"llama-3.1-8b", "MLPERF-v5.1", "Quanta", "H200-SXM", "mlperf_interactive", 2048, 1536, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v4.1", "", "H100-SXM", "mlperf_offline", 896, 8192, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v4.1", "", "H100-SXM", "mlperf_server", 896, 16384, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v4.1", "", "H200-SXM", "mlperf_offline", 3072, 16384, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v4.1", "", "GH200-144", "mlperf_offline", 806, 16384, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v4.1", "", "GH200-144", "mlperf_server", 1024, 16384, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v5.1", "", "H200-SXM", "mlperf_offline", 3072, 9216, 0.90, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v5.1", "", "B200", "mlperf_offline", 6144, 14336, 0.95, 0, 0, 0, 0, 0},
    {"mixtral", "MLPERF-v6.0", "", "B200", "mlperf_offline", 6144, 14336, 0.95, 0, 0, 0, 0, 0},
};

const TwSubmission *tw_throughput_submission(const TwThroughputRow *row)
{
    char text[24];
    const char *round = round_of(row, text);
    for (size_t i = 0; i < sizeof submissions / sizeof *submissions; i++) {
        const TwSubmission *s = &submissions[i];
        if (begins(row->model, s->model) && begins(round, s->source) && begins(row->gpu, s->chip) &&
            strcmp(row->mode, s->mode) == 0 && holds(row->engine, s->by))
            return s;
    }
    return NULL;
}

// ---- settings -------------------------------------------------------------------------------------------------------

// Bytes that trtllm-bench takes a checkpoint's weights for: elements of its files, where two of 4 bits and the scales
// (one for 16 of nvfp4, for 32 of mxfp4) are elements of a byte, by half a byte under nvfp4 and, as for all types that
// it does not know, by two under mxfp4.
static double bench_weight_bytes(const TwModelRow *model, const char *type, const char *output)
{
    TwWeights w = tw_model_weights(model);
    double all = tw_model_parameters(model);
    double linear = w.experts + w.dense + w.shared;
    if (strcmp(tw_model_fp4_type(model, false), "fp4") == 0) linear += w.attention - w.output;
    if (strcmp(output, "fp4") == 0) linear += w.output;
    if (strcmp(type, "fp4") == 0) return 0.5 * (all - linear + linear * (1.0 / 2.0 + 1.0 / 16.0));
    if (strcmp(type, "mxfp4") == 0) return 2.0 * (all - w.experts + w.experts * (1.0 / 2.0 + 1.0 / 32.0));
    return all * (strcmp(type, "bf16") == 0 ? 2.0 : 1.0);
}

// Largest batch and token budget that trtllm-bench sets (tensorrt_llm/bench/build/tuning.py): from the memory that it
// takes to be left for the cache, in its own reckoning, and the lengths. Prompts are whole unless it is told to cut
// them, and the budget then holds the longest and a token of every sequence (get_settings; pull requests 5625, 6582).
static void bench_settings(TwThroughputRow *row, double isl, double osl, bool whole)
{
    TwDeploySpec *d = &row->deploy;
    TwAcceleratorRow chip;
    TwModelRow model;
    TwConfig *chip_config = NULL, *model_config = NULL;
    TwError error;
    if (tw_load_part(&tw_accelerator_kind, d->chip, &chip, &chip_config, &error) &&
        tw_load_part(&tw_model_kind, d->model, &model, &model_config, &error)) {
        double cache = strcmp(d->kv_precision, "fp8") == 0 ? 1.0 : 2.0;
        const char *output = d->output_precision ? d->output_precision : tw_model_fp4_type(&model, true);
        int stages = d->layout.stages, size = d->layout.tensor * d->layout.ranks;
        // of latent attention it counts all heads
        double heads = (double)(model.kv_rank > 0 ? model.heads : model.kv_heads);
        double wide = model.kv_rank > 0 ? (double)model.hidden / (double)model.heads : (double)model.head_dim;
        double token = 2.0 * (double)model.layers * fmax(heads, size) * wide * cache;
        double room = chip.memory_bytes * size * stages - bench_weight_bytes(&model, d->precision, output);
        double many = fmin(0.95 * room / (token * (isl + osl)), 4096.0) / stages;
        double step = many < 256.0 ? 32.0 : many < 1024.0 ? 128.0 : 256.0;
        d->max_sequences = (int)fmax(64.0, step * ceil(many / step));
        double tokens = fmin(many * (1.0 + isl / osl), 32768.0);
        step = tokens < 4096.0 ? 256.0 : tokens < 8192.0 ? 512.0 : 1024.0;
        d->max_tokens = (int)fmax(fmax(2048.0, step * ceil(tokens / step)), d->max_sequences);
        if (whole) d->max_tokens = (int)fmax(d->max_tokens, isl + d->max_sequences);
    }
    if (chip_config) tw_config_destroy(chip_config);
    if (model_config) tw_config_destroy(model_config);
}

// vLLM's report on GB200 (its blog, 3 February 2026): of prompts every second product of the experts comes from the
// host's memory, over NVLink-C2C, ahead of its layer; ranks gather by NCCL; batches from 16,384 tokens on, where its
// kernels stop getting quicker, to 65,536.
static void set_vllm_report(TwThroughputRow *row)
{
    TwDeploySpec *d = &row->deploy;
    if (strcmp(row->mode, "prefill_only") != 0 || d->layout.ranks != 2) return;
    d->host_experts = 0.5, d->host_bytes_s = 450e9;
    d->all_to_all = TW_A2A_GATHER;
    d->max_tokens = 32768;
    assume(row, "32,768 tokens a rank");
}

// TensorRT-LLM's C++ flow before a step was prepared beside the one before; MLPerf's rounds before 5.1 ran on it.
static bool before_overlap(const TwThroughputRow *row, TwRowEngine engine)
{
    if (engine == MLPERF) return before(row, 5, 1);
    return holds(row->engine, "(2024)") || holds(row->engine, "(2023)") || before(row, 0, 20);
}

// SGLang's scheduler with its server's own settings.
static const TwEngineSpec *sglang_engine(TwThroughputRow *row, const TwEngineDefaults *defaults)
{
    int ranks = row->deploy.layout.ranks;
    row->engine_spec = (TwEngineSpec){.policy = defaults->policy,
                                      .sglang = {.prefill_tokens = defaults->prefill_tokens * ranks,
                                                 .chunk_tokens = defaults->chunk_tokens * ranks,
                                                 .conservativeness = 1.0}};
    // AIConfigurator: a prompt and 1,500 tokens, decodes beside them (its generator's rules for sglang)
    if (begins(row->source, "AIC")) {
        row->engine_spec.sglang.prefill_tokens = (int)(row->serve.input_mean + 1500.0);
        row->engine_spec.sglang.mixed = true;
    }
    return &row->engine_spec;
}

// vLLM 0.11.0 parses a model's template at every request through its chat endpoint (twin/front_ends.h): GPUStack's
// client goes there, with Qwen3's own templates (235B: of July 2025) and DeepSeek-R1's; gpt-oss has none.
static double template_s(const TwThroughputRow *row)
{
    bool chat = begins(row->source, "GPUSTACK") && !begins(row->model, "gpt-oss");
    if (!chat || !holds(row->engine, "vLLM 0.11.0")) return 0.0;
    if (begins(row->model, "qwen3-235b")) return tw_template_qwen3_2507_s;
    if (begins(row->model, "qwen3")) return tw_template_qwen3_s;
    return begins(row->model, "deepseek") ? tw_template_deepseek_r1_s : tw_template_llama_s;
}

// Benchmarks of a server send and read over HTTP: what its front end takes is inside. trtllm-bench, MLPerf's harness
// and static batches call the engine itself; of trtllm-serve nothing is published.
static void set_front_end(TwThroughputRow *row, TwRowEngine engine)
{
    bool served = holds(row->mode, "closed_loop") || strcmp(row->mode, "burst") == 0 || holds(row->mode, "open_loop");
    if (!served || (engine != VLLM && engine != SGLANG)) return;
    if (engine == VLLM) row->engine_spec = (TwEngineSpec){.policy = TW_VLLM_V1};
    (void)tw_front_end_named(engine == VLLM ? "vllm" : "sglang", &row->engine_spec.front_end);
    if (engine == VLLM) row->engine_spec.front_end.request_s += template_s(row);
    row->engine_spec.prefix_cache = row->serve.distinct > 0;
    row->serve.engine = &row->engine_spec;
}

// Since 5.0 the configurations name the scheduler's policy, everywhere max_util; before, it is what the harness takes
// by default (trtllm_batch_sched_policy of harness_llm/main_llm.cc).
static void set_submission(TwThroughputRow *row)
{
    const TwSubmission *s = tw_throughput_submission(row);
    if (!s) return;
    row->deploy.max_sequences = s->sequences;
    if (s->tokens > 0) row->deploy.max_tokens = s->tokens;
    row->serve.kv_share = s->kv_share;
    if (s->samples > 0) row->serve.kind = TW_LOAD_OFFLINE, row->serve.requests = s->samples;
    if (s->wait > 0) row->engine_spec = (TwEngineSpec){.rank_wait = s->wait, .rank_gather = s->gather};
    row->serve.admission = TW_ADMIT_PROMPT;
    row->engine_spec.policy = TW_TRTLLM_MAX_UTILIZATION;
    row->serve.engine = &row->engine_spec;
}

// Mixtral of submissions since 5.0 on Hopper: types chosen layer by layer for 8.75 bits a weight (effective_bits), so
// 0.75 of the 8 bits between fp8 and bf16.
static void set_mixed_types(TwThroughputRow *row)
{
    if (!before(row, 5, 0) && begins(row->model, "mixtral") && row->gpu[0] == 'H' &&
        strcmp(row->deploy.precision, "fp8") == 0)
        row->deploy.bf16_share = 0.75 / 8.0;
}

// TensorRT-LLM gathers the tokens of all attention ranks and scatters the sums (fused_moe_cutlass.py) but where experts
// lie over more ranks than a token chooses and NVLink reaches beyond a node, until its pull request 8950 of November
// 2025, and on Hopper after it too (AIConfigurator's pull request 551). The guide's rows of GB200 are taken for
// earlier, those of B200 for later.
static bool gathers(const TwThroughputRow *row, TwRowEngine engine)
{
    if (row->deploy.layout.ranks < 2 || row->deploy.layout.experts < 2) return false;
    bool early = row->gpu[0] == 'H' || holds(row->engine, "(2025)");
    early = early || (engine == MLPERF ? before(row, 6, 0) : before(row, 1, 2));
    bool guide = strcmp(row->source, "TRTLLM-DEVGUIDE") == 0 && begins(row->gpu, "GB200");
    return early || (guide && !begins(row->model, "llama-4"));
}

// Attention's output projection of DeepSeek in fp4: NVIDIA's -v2 releases, which TensorRT-LLM's guide names, as do the
// pages of MLPerf's submissions since 6.0; vLLM's report on GB200 multiplies it in fp4 too. Experts of submissions
// since 6.0: CuTe DSL's.
static void set_checkpoint(TwThroughputRow *row, TwRowEngine engine)
{
    bool later = engine == MLPERF && !before(row, 6, 0);
    if (!begins(row->model, "deepseek") || strcmp(row->deploy.precision, "fp4") != 0) return;
    if (later || strcmp(row->source, "TRTLLM-DEVGUIDE") == 0 || strcmp(row->source, "VLLM-BLOG") == 0)
        row->deploy.output_precision = "fp4";
    if (later) row->deploy.engine = TW_ENGINE_CUTEDSL;
}

// TensorRT-LLM with attention ranks: prompts wait until every rank has one. In MLPerf's offline scenario with the
// iterations that NVIDIA's harness of its submissions sets unless told otherwise (adp_balancing_timeout_iters,
// adp_balancing_batching_wait_iters), which would be half a minute: where first tokens are due within seconds, and in
// NVIDIA's guide for DeepSeek, as that guide sets them.
static void set_rank_waits(TwThroughputRow *row, TwRowEngine engine)
{
    bool guide = strcmp(row->source, "TRTLLM-DEVGUIDE") == 0 && begins(row->model, "deepseek");
    bool offline = strcmp(row->mode, "mlperf_offline") == 0;
    if (engine != MLPERF && !guide) return;
    row->engine_spec = engine == MLPERF && offline ? (TwEngineSpec){.rank_wait = 500, .rank_gather = 10}
                                                   : (TwEngineSpec){.rank_wait = 60};
    row->serve.engine = &row->engine_spec;
}

// What InferenceX's scripts set, benchmarks/*.sh of SemiAnalysis' repository: asynchronous scheduling and fp8 caches in
// vLLM (gpt-oss on Hopper: bf16), budgets of TensorRT-LLM, chunks and memory of SGLang.
static void set_inferencex(TwThroughputRow *row, TwRowEngine engine)
{
    TwDeploySpec *d = &row->deploy;
    bool oss = begins(row->model, "gpt-oss"), hopper = row->gpu[0] == 'H';
    if ((engine == VLLM || engine == TRTLLM) && !(oss && hopper)) d->kv_precision = "fp8";
    if (engine == VLLM) d->async_scheduling = d->layout.stages < 2;
    if (engine == TRTLLM) {
        d->max_tokens = oss ? 20000 : 16384;
        // 70b_*_trt_slurm.sh, for 1,024 in and out below eight GPUs; enable_balance of gptoss_*_trt_slurm.sh with the
        // waits that TensorRT-LLM takes by itself (llm_args.py)
        bool short_both = row->serve.input_mean <= 1024.0 && row->serve.output_mean <= 1024.0;
        if (begins(row->model, "llama") && short_both && d->layout.tensor < 8 && d->layout.ranks == 1)
            row->engine_spec.batch_wait = 20, row->engine_spec.batch_tokens = (int)(0.9 * d->max_tokens);
        if (d->layout.ranks > 1) row->engine_spec.rank_wait = 50, row->engine_spec.rank_gather = 10;
    }
    if (engine == SGLANG) {
        d->memory_fraction = 0.82;
        d->max_tokens = row->engine_spec.sglang.prefill_tokens = row->engine_spec.sglang.chunk_tokens = 32768;
    }
}

// The largest batch, where a source sets it row by row: InferenceX to what is in flight, 512 on B200; ML.ENERGY to what
// it varies (its client's max-num-seqs). vLLM measures its memory with as many rows of logits.
static void set_batch(TwThroughputRow *row)
{
    bool varied = begins(row->source, "MLENERGY"), inferencex = strcmp(row->source, "INFERENCEX") == 0;
    if (!(varied || inferencex) || !(row->concurrency >= 1.0)) return;
    double each = ceil(row->concurrency / fmax(row->serve.replicas, 1.0));
    if (inferencex && row->gpu[0] != 'H') each = fmax(each, 512.0);
    row->deploy.max_sequences = (int)fmin(each, 8192.0);
}

// trtllm-serve takes prompts in no chunks (enable_chunked_prefill of llm_args.py, off), which was so in every release
// of the PyTorch flow. Not known of NIM; trtllm-bench has settings of its own (bench_settings).
// AIConfigurator starts it with room for a prompt, 1,500 tokens and the batch, "assuming no chunked prefill" (its
// generator's rules for trtllm).
static void set_whole_prompts(TwThroughputRow *row)
{
    TwDeploySpec *d = &row->deploy;
    double prompt = row->serve.input_mean;
    bool bench = strcmp(row->mode, "offline_max") == 0 || begins(row->source, "TRTLLM-DSR1");
    if (bench || begins(row->source, "NIM")) return;
    if (begins(row->source, "AIC") && row->concurrency >= 1.0)
        d->max_tokens = (int)(row->concurrency + prompt + 1500.0);
    if (prompt > d->max_tokens) return;    // who sends longer ones had to have them cut
    row->engine_spec.whole_prompts = true;
    row->serve.engine = &row->engine_spec;
}

// What GPUStack's pages recommend beside layout and type (docs/performance-lab of its repository): its other rows run
// the engines as they are.
static void set_gpustack(TwThroughputRow *row, const TwRowCells *c)
{
    TwDeploySpec *d = &row->deploy;
    if (!holds(text_of(c, "notes"), "recommended command") || !begins(row->engine, "vLLM")) return;
    d->async_scheduling = begins(row->model, "gpt-oss") && d->layout.stages < 2;
    if (strcmp(row->model, "gpt-oss-120b") == 0 && begins(row->gpu, "A100")) d->max_tokens = 4096;
    if (begins(row->model, "qwen3-235b") && begins(row->gpu, "H100")) d->max_tokens = 16384;
}

// What scripts of sources set in vLLM. InferenceX: Marlin's kernel for mxfp4 experts on Hopper
// (VLLM_MXFP4_USE_MARLIN) since rows have the number of their release (December 2025), graphs of up to 2,048 tokens for
// gpt-oss; on B200 sums by TensorRT-LLM's kernels through FlashInfer (fuse_allreduce_rms), and FULL_DECODE_ONLY for
// Llama. ML.ENERGY: VLLM_USE_FLASHINFER_MOE_FP8 for DeepSeek on B200;
// its client asks for top-p 0.95, which vLLM sorted for until 2026.
static void set_vllm_scripts(TwThroughputRow *row, bool numbered)
{
    TwDeploySpec *d = &row->deploy;
    bool hopper = row->gpu[0] == 'H', oss = begins(row->model, "gpt-oss");
    bool energy = begins(row->source, "MLENERGY");
    if (energy && d->engine == TW_ENGINE_DEEPGEMM && begins(row->model, "deepseek") && begins(row->gpu, "B200"))
        d->engine = TW_ENGINE_TRITON;
    if (energy) d->sampler = TW_SAMPLE_SORT;
    if (strcmp(row->source, "INFERENCEX") != 0) return;
    if (hopper && strcmp(d->precision, "mxfp4") == 0) d->mixed = numbered ? TW_MIXED_MARLIN : TW_MIXED_AUTO;
    if (oss) d->graph_most = 2048;
    if (hopper) return;
    // VLLM_FLASHINFER_ALLREDUCE_FUSION_THRESHOLDS_MB of the scripts
    d->collectives = TW_COLLECTIVES_TRTLLM;
    d->fused_bytes[0] = d->fused_bytes[1] = 32.0 * 1048576.0, d->fused_bytes[2] = 8.0 * 1048576.0;
    if (!oss) d->graphs = TW_GRAPHS_FULL;
    // enable_attn_fusion, and quant_fp8 and rms_norm as operators of its own, which its compiler does not fuse
    d->apart = TW_APART_NORM | TW_APART_SILU | TW_APART_APPEND;
}

// TensorRT-LLM's PyTorch flow before 0.20, as an option beside the compiled one: kernel by kernel from Python, as
// graphs were off by default until 1.0 (its pull request 5480, "Enable cuda graph by default", July 2025).
static void set_first_pytorch(TwThroughputRow *row, const TwServed *served)
{
    if (!before(row, 0, 20) || !holds(row->engine, "(PyTorch)")) return;
    row->deploy.launch_s = tw_python_launch_s(served);
    row->deploy.host_sequence_s = tw_trtllm_sequence_s;
}

// The release that a row names, as rules know it (twin/engines.h).
static TwRelease release_of(const TwThroughputRow *row, TwRowEngine engine)
{
    int number = named_release(row);
    switch (engine) {
    case TRTLLM:
        if (number == 0 && before_overlap(row, engine)) number = tw_release_number(0, 19, -1);
        return (TwRelease){TW_SERVING_TRTLLM, number};
    case MLPERF:
        return (TwRelease){TW_SERVING_TRTLLM, before_overlap(row, engine) ? tw_release_number(0, 19, -1) : 0};
    case SGLANG:
        return (TwRelease){TW_SERVING_SGLANG, number ? number : dated_release(row->engine, TW_SERVING_SGLANG)};
    case VLLM_2024:
        return (TwRelease){TW_SERVING_VLLM, tw_release_number(0, holds(row->engine, "2023") ? 2 : 5, -1)};
    case VLLM:
        break;
    }
    // of another engine, taken for vLLM's newest, the number says nothing
    bool named = tw_throughput_family(row->engine)[0] != '\0';
    // InferenceX's rows without one are of October to December 2025: 0.10.2 for Llama-3.1-70B, which it left before the
    // next release, and 0.10.2 or 0.11.0 with graphs in pieces for gpt-oss (its pull requests 11, 149, 159)
    if (named && number == 0 && begins(row->source, "INFERENCE")) number = tw_release_number(0, 10, 2);
    if (number == 0) number = dated_release(row->engine, TW_SERVING_VLLM);
    return (TwRelease){TW_SERVING_VLLM, named ? number : 0};
}

static void serve_model(const char *name, TwServed *served)
{
    TwModelRow model;
    TwConfig *config = NULL;
    TwError error;
    if (tw_load_part(&tw_model_kind, name, &model, &config, &error)) tw_served_model(&model, served);
    if (config) tw_config_destroy(config);
}

void tw_throughput_set_engine(TwThroughputRow *row, const TwRowCells *c, TwRowEngine engine)
{
    TwDeploySpec *d = &row->deploy;
    TwServeSpec *s = &row->serve;
    set_checkpoint(row, engine);
    const TwRelease release = release_of(row, engine);
    TwServed served = {.before_hopper = begins(row->gpu, "A100"),
                       .hopper = begins(row->gpu, "H"),
                       .precision = d->precision,
                       .tensor = d->layout.tensor,
                       .ranks = d->layout.ranks,
                       .stages = d->layout.stages};
    serve_model(row->model, &served);
    const TwEngineDefaults defaults = tw_engine_defaults(&release, &served);
    TwKernelEngine submitted = d->engine;    // of a checkpoint
    tw_engine_deploy(&defaults, d);
    if (submitted != TW_ENGINE_TRTLLM) d->engine = submitted;
    // which rows gather, and vLLM's exchange beyond a node, are told by their sources
    d->gathers = false;
    if (engine != SGLANG) d->deepep_beyond = false;
    d->kv_share = 0.0;    // of the case
    switch (engine) {
    case TRTLLM:
    case MLPERF:
        s->kv_share = engine == MLPERF ? 0.95 : defaults.kv_share;
        s->admission = TW_ADMIT_WHOLE;
        if (engine == MLPERF) d->host_sequence_s = tw_compiled_sequence_s;
        set_rank_waits(row, engine);
        if (engine == MLPERF) set_submission(row), set_mixed_types(row);
        if (engine == TRTLLM) set_first_pytorch(row, &served);
        // norm_quant_fusion of the submissions, TRTLLM_DISABLE_NVFP4_LAYERNORM_FUSION = 0 since 6.0
        if (engine == MLPERF) d->apart &= ~(unsigned)TW_APART_NORM;
        break;
    case VLLM:
        // of rows without a number the middle one; those of 2026 are later than 0.14
        if (release.number == 0) {
            d->profile = TW_PROFILE_VLLM_0_16, d->memory_fraction = 0.90;
            d->async_scheduling = holds(row->engine, "2026") && d->layout.stages < 2;
        }
        set_vllm_scripts(row, named_release(row) > 0);
        if (strcmp(row->source, "VLLM-BLOG") == 0) set_vllm_report(row);
        set_batch(row);
        break;
    case VLLM_2024:
        break;
    case SGLANG:
        s->engine = sglang_engine(row, &defaults);
        break;
    }
    if ((engine == TRTLLM || engine == MLPERF) && gathers(row, engine)) d->all_to_all = TW_A2A_GATHER;
    if (engine == TRTLLM && strcmp(row->mode, "offline_max") == 0) {
        bool whole = !before_overlap(row, engine);
        bench_settings(row, s->input_mean, s->output_mean, whole);
        // graphs as the guides list them since 0.20, and their commands do not cut prompts (guaranteed_no_evict)
        d->graph_doubling = whole;
        if (whole) row->engine_spec.whole_prompts = true, row->engine_spec.policy = TW_TRTLLM;
    }
    set_front_end(row, engine);
    if (strcmp(row->source, "INFERENCEX") == 0) set_inferencex(row, engine);
    if (begins(row->source, "GPUSTACK")) set_gpustack(row, c);
    // what a source says of the host's scheduling holds but for stages, with which no engine makes batches ahead
    row->engine_spec.ahead = (engine == VLLM ? d->async_scheduling : defaults.ahead) && d->layout.stages < 2;
    if (row->engine_spec.ahead) row->serve.engine = &row->engine_spec;
    if (engine == TRTLLM && !before_overlap(row, engine)) set_whole_prompts(row);
    // LLM-Inference-Bench's TensorRT-LLM script: every sequence of a batch the same words
    if (begins(row->source, "ANL") && engine == TRTLLM) d->routing.alike = row->moe;
    // one batch at a time: engines are set to what it needs
    if (strcmp(row->mode, "static_batch") == 0 && d->memory_fraction < 0.95) d->memory_fraction = 0.95;
    if (strcmp(row->mode, "static_batch") == 0 && row->serve.requests > d->max_sequences)
        d->max_sequences = (int)row->serve.requests;
    s->max_tokens = d->max_tokens, s->max_sequences = d->max_sequences;
    s->first_token = defaults.first_token;
    s->reserve = defaults.reserve, s->reserved_tokens = defaults.reserved_tokens;
    s->kv_chunks = defaults.kv_chunks;
    if (!row->decodes) return;
    // one prompt over and over, found in the cache: what is left of it is its last block
    if (!s->engine) row->engine_spec.policy = defaults.policy;
    row->engine_spec.prefix_cache = true;
    s->engine = &row->engine_spec;
}

// Tokens a step of DeepSeek-R1 with its head for multi-token prediction drafting 1 to 5, on reasoning of 2,000 tokens
// behind 1,000 (TensorRT-LLM's blog on its latency on B200): 1.92, 2.58, 2.82, 2.99, 3.01.
static const double mtp_tokens[] = {1.0, 1.92, 2.58, 2.82, 2.99, 3.01};
enum { MTP_MOST = sizeof mtp_tokens / sizeof *mtp_tokens - 1 };

// One acceptance for all drafts, that makes so many tokens a step.
static double even_acceptance(int drafts, double tokens)
{
    double least = 0.0, most = 1.0;
    for (int k = 0; k < 50; k++) {
        double share = 0.5 * (least + most), made = 1.0, each = 1.0;
        for (int d = 0; d < drafts; d++) each *= share, made += each;
        if (made < tokens)
            least = share;
        else
            most = share;
    }
    return 0.5 * (least + most);
}

bool tw_throughput_set_drafts(TwThroughputRow *row, const char *given, double tokens)
{
    int drafts = tw_throughput_mtp(given);
    bool told = tokens >= 1.0;
    if (tw_throughput_undrafted(given)) return true;
    if (drafts < 1 || (!told && (drafts > MTP_MOST || !begins(row->model, "deepseek"))))
        return cannot(row, "speculative decoding (%s): its acceptance is not published", given);
    if (drafts > TW_DRAFT_MOST || (told && tokens > drafts + 1))
        return cannot(row, "step_tokens %g: %d drafts make 1 to %d a step", tokens, drafts, drafts + 1);
    TwSpeculate *s = &row->engine_spec.speculate;
    s->draft = drafts;
    for (int k = 0; k < drafts; k++) {
        double before = k > 0 ? mtp_tokens[k] - mtp_tokens[k - 1] : 1.0;
        s->acceptance[k] = told ? even_acceptance(drafts, tokens) : (mtp_tokens[k + 1] - mtp_tokens[k]) / before;
    }
    row->serve.engine = &row->engine_spec;
    // which policy makes up batches of decodes alone does not matter, and SGLang's is not modelled with drafts
    if (row->decodes || row->serve.prefills > 0) row->engine_spec.policy = TW_VLLM_V1;
    if (!told) assume(row, "%g tokens a step", mtp_tokens[drafts]);
    return true;
}
