// One row of a throughput table as a case of the serving model: what the columns say, and what is assumed where they
// do not.
#include "sim/data.h"
#include "sim/file.h"
#include "twin/throughput_inner.h"
#include "twin/throughput_names.h"

// Cells that a case is made of: empty, or a number in its range.
static bool check_numbers(TwThroughputRow *row, const TwRowCells *c)
{
    static const struct {
        const char *name;
        double least, most;
        bool whole;
    } cells[] = {
        {"tokens_per_s", 0.0, 1e15, false}, {"n_gpus", 1.0, 1e6, false},
        {"tp", 0.0, 4096.0, true},          {"pp", 0.0, 4096.0, true},
        {"ep", 0.0, 4096.0, true},          {"dp", 0.0, 4096.0, true},
        {"isl", 1.0, 1e7, false},           {"osl", 1.0, 1e7, false},
        {"concurrency", 1e-3, 1e6, false},  {"req_rate_per_s", 1e-9, 1e9, false},
        {"requests", 1.0, 1e9, true},       {"prefill_gpus", 1.0, 1e6, true},
        {"step_tokens", 1.0, 16.0, false},  {"ttft_ms", 0.0, 1e12, false},
        {"tpot_ms", 0.0, 1e12, false},      {"power_w", 0.0, 1e12, false},
        {"gpu_tdp_w", 0.0, 1e5, false},     {"gpu_power_cap_w", 0.0, 1e5, false},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        const char *text = text_of(c, cells[i].name);
        if (!text[0]) continue;
        char *end;
        double value = strtod(text, &end);
        if (end != text && !*end && value >= cells[i].least && value <= cells[i].most &&
            !(cells[i].whole && value != floor(value)))
            continue;
        return cannot(row, "%s \"%.40s\": expected %s from %g to %g", cells[i].name, text,
                      cells[i].whole ? "a whole number" : "a number", cells[i].least, cells[i].most);
    }
    return true;
}

// ---- chip, model, types ---------------------------------------------------------------------------------------------

// A chip of one's own, by its file: told apart by its kind, which decides how engines run on it.
static bool set_own_chip(TwThroughputRow *row, TwArena *arena)
{
    TwAcceleratorRow chip;
    TwConfig *config = NULL;
    TwError error;
    char name[160];
    bool good = tw_load_part(&tw_accelerator_kind, row->gpu, &chip, &config, &error);
    if (good) {
        row->deploy.chip = row->gpu;
        snprintf(name, sizeof name, "%s: %s",
                 tw_before_hopper(&chip)     ? "A100"
                 : tw_since_blackwell(&chip) ? "Blackwell"
                                             : "Hopper",
                 row->gpu);
        row->gpu = tw_arena_text(arena, name);
    }
    if (config) tw_config_destroy(config);
    return good || cannot(row, "gpu \"%s\": %s", row->gpu, error.text);
}

static bool set_chip(TwThroughputRow *row, TwArena *arena)
{
    if (tw_file_has_suffix(row->gpu, ".cfg")) return set_own_chip(row, arena);
    const char *part = NULL, *name = tw_throughput_gpu(row->gpu, &part);
    if (name) {
        if (strcmp(name, row->gpu) != 0) assume(row, "%s for %s", name, row->gpu);
        row->gpu = name;
        row->deploy.chip = part;
        return true;
    }
    if (begins(row->gpu, "MI"))
        return cannot(row, "%s: no kernel table of a chip of this kind to carry over from", row->gpu);
    return cannot(row, "gpu \"%s\": no such part", row->gpu);
}

static bool set_cache(TwThroughputRow *row, const char *cache, TwRowEngine engine)
{
    char word[32];    // of "bf16 (auto)" the first
    snprintf(word, sizeof word, "%.*s", (int)strcspn(cache, " ("), cache);
    const char *type = tw_throughput_type(strcmp(word, "fp8_e5m2") == 0 ? "fp8" : word);
    if (type && begins(type, "fp8"))
        row->deploy.kv_precision = "fp8";
    else if (type && strcmp(type, "bf16") == 0)
        row->deploy.kv_precision = "bf16";
    else if (word[0] && strcmp(word, "auto") != 0)
        return cannot(row, "kv_dtype \"%s\" is not modelled", cache);
    else {
        bool oss = begins(row->model, "gpt-oss"), nvidia = engine == TRTLLM || engine == MLPERF;
        bool eight = nvidia && strcmp(row->deploy.precision, "bf16") != 0 && !(engine == TRTLLM && oss);
        // DeepSeek's own release names no type for its cache; NVIDIA's of 4 bits do
        if (engine == TRTLLM && begins(row->model, "deepseek") && strcmp(row->deploy.precision, "fp8") == 0)
            eight = false;
        row->deploy.kv_precision = eight ? "fp8" : "bf16";
        assume(row, "%s cache", row->deploy.kv_precision);
    }
    return true;
}

// vLLM and SGLang keep weights of a type that the chip does not multiply, and widen them (Marlin).
static const char *weight_only(TwThroughputRow *row, const char *weights, TwRowEngine engine)
{
    bool four = strcmp(weights, "nvfp4") == 0 || strcmp(weights, "fp4") == 0;
    bool able = four ? !begins(row->gpu, "A100") && !begins(row->gpu, "H") && !begins(row->gpu, "GH")
                     : !begins(weights, "fp8") || !begins(row->gpu, "A100");
    if (able || engine == TRTLLM || engine == MLPERF) return weights;
    const char *narrow = four ? "w4a16" : "w8a16";
    assume(row, "%s of %s, which the chip does not multiply", narrow, weights);
    return narrow;
}

static bool released_fp8(const char *model)
{
    return begins(model, "deepseek") || begins(model, "kimi") || begins(model, "minimax");
}

static bool set_types(TwThroughputRow *row, const TwRowCells *c, TwRowEngine engine)
{
    const char *given = text_of(c, "weight_dtype"), *weights = tw_throughput_type(given);
    bool oss = begins(row->model, "gpt-oss");
    if (!given[0]) {
        weights = oss ? "mxfp4" : released_fp8(row->model) ? "fp8" : "bf16";
        assume(row, "%s weights, as released", weights);
    }
    if (!weights) return cannot(row, "weight_dtype \"%s\" is not modelled", given);
    if (!oss) weights = weight_only(row, weights, engine);
    if (strcmp(weights, "bf16") == 0 || strcmp(weights, "fp8_block") == 0 || holds(weights, "a16"))
        row->deploy.precision = weights;
    else if (strcmp(weights, "fp8") == 0)
        // Qwen's own release scales by blocks; NVIDIA's guides measure its per-tensor release
        row->deploy.precision =
            (begins(row->model, "qwen3") || begins(row->model, "minimax")) && !begins(row->engine, "TensorRT-LLM")
                ? "fp8_block"
                : "fp8";
    else if (strcmp(weights, "mxfp4") == 0 || (oss && strcmp(weights, "fp4") == 0))
        row->deploy.precision = "mxfp4";
    else if (engine == MLPERF && begins(row->model, "mixtral")) {
        // types chosen layer by layer, 7.25 bits a weight (effective_bits of NVIDIA's configurations): most are fp8
        row->deploy.precision = "fp8";
        assume(row, "fp8: 7.25 bits a weight");
    } else
        row->deploy.precision = "fp4";
    // Moonshot's releases of 4 bits have them in the experts alone
    if (begins(row->model, "kimi") && strcmp(row->deploy.precision, "w4a16") == 0)
        row->deploy.attention_precision = "bf16";
    return set_cache(row, text_of(c, "kv_dtype"), engine);
}

// ---- layout ---------------------------------------------------------------------------------------------------------

static int whole_of(const TwRowCells *c, const char *name)
{
    double value = number_of(c, name);
    return isnan(value) ? 0 : (int)value;
}

// Fewest GPUs, a power of two, whose weights fill at most six tenths of their memory.
static int fewest(TwThroughputRow *row, int most)
{
    TwAcceleratorRow chip;
    TwModelRow model;
    TwConfig *chip_config = NULL, *model_config = NULL;
    TwError error;
    int tp = 1;
    if (tw_load_part(&tw_accelerator_kind, row->deploy.chip, &chip, &chip_config, &error) &&
        tw_load_part(&tw_model_kind, row->deploy.model, &model, &model_config, &error)) {
        TwNumber number = TW_BF16;
        (void)tw_number_find(row->deploy.precision, &number);
        while (tp < most && tw_model_parameters(&model) * tw_number_bytes(number) > 0.6 * tp * chip.memory_bytes)
            tp *= 2;
    }
    if (chip_config) tw_config_destroy(chip_config);
    if (model_config) tw_config_destroy(model_config);
    return tp;
}

// GPUStack's commands give SGLang --enable-dp-attention and leave --dp-size at 1, where it takes the former back
// (server_args.py of 0.5.3, _handle_data_parallelism; for DeepSeek-V3.2 alone it sets both itself).
static bool one_rank_left(const TwThroughputRow *row)
{
    return begins(row->source, "GPUSTACK") && begins(row->engine, "SGLang") && strcmp(row->model, "deepseek-v3") == 0;
}

// Time of DeepSeek's experts over balanced ones that makes the difference between SGLang's placement and experts drawn
// evenly: 50,302 and 59,337 tokens/s a node of prompts of 4,096 tokens over 32 H100
// (lmsys.org/blog/2025-05-05-large-scale-ep). TensorRT-LLM counts 1.12 for the tokens alone, over 36 GPUs.
static const double eplb_imbalance = 1.6;

static bool set_layout(TwThroughputRow *row, const TwRowCells *c)
{
    const char *note = text_of(c, "parallel_note");
    int tp = whole_of(c, "tp"), pp = whole_of(c, "pp"), ep = whole_of(c, "ep"), dp = whole_of(c, "dp");
    const TwSubmission *s = tw_throughput_submission(row);
    if (s && tp == 0 && ep == 0 && fmod(row->gpus, s->tensor * s->stages) == 0.0) tp = s->tensor, pp = s->stages;
    if (isnan(row->gpus)) row->gpus = fmax(tp, fmax(ep, dp)) * fmax(pp, 1.0);
    if (!(row->gpus >= 1.0)) return cannot(row, "neither n_gpus nor a layout is given");
    const char *instance = strstr(note, "instances x ");
    int each = 0;
    bool ranks = holds(note, "ttention DP") || holds(note, "ttention data") || holds(note, "DEP");
    TwParallel *l = &row->deploy.layout;
    *l = (TwParallel){1, 1, pp > 1 ? pp : 1, 1};
    if (ranks && one_rank_left(row)) {
        l->tensor = (int)row->gpus;
        ranks = false, tp = l->tensor, ep = 1;
        assume(row, "TP%d: --enable-dp-attention without --dp-size", tp);
    }
    if (ranks && row->moe) {
        int group = tp > 1 ? tp : dp > 1 ? dp : ep > 1 ? ep : (int)row->gpus;
        l->ranks = group;
        l->experts = ep > 0 ? ep : group;
        if (ep == 0 || (ep == 1 && holds(note, "column printed"))) l->experts = group;
    } else if (tp == 1 && ep > 1 && dp == ep) {
        l->ranks = l->experts = ep;
        assume(row, "%d attention ranks", ep);
    } else if (tp == 1 && ep > 1) {
        l->tensor = l->experts = ep;
    } else if (tp > 0) {
        l->tensor = tp;
        if (row->moe && ep > 1) l->experts = ep;
    } else if (ep > 1) {
        l->ranks = l->experts = ep;
        assume(row, "attention ranks over the %d expert-parallel GPUs", ep);
        // what both engines do with prompts of wide expert parallelism (lmsys.org/blog/2025-05-05-large-scale-ep;
        // DeepSeek's profile data)
        row->deploy.two_batch = ep > 8 && strcmp(row->mode, "prefill_only") == 0;
        // experts placed by load, 32 of them twice, and what SGLang publishes that they leave uneven
        if (holds(note, "EPLB")) {
            row->deploy.routing = (TwRouting){.redundant = 32};
            row->deploy.moe_imbalance = eplb_imbalance;
            assume(row, "experts %g of balanced", eplb_imbalance);
        }
    } else if (instance && row->moe && sscanf(instance, "instances x %d GPUs", &each) == 1 && each > 1) {
        l->ranks = l->experts = each;
        assume(row, "%d attention ranks an instance", each);
    } else if (row->moe && row->gpus > 1.0) {
        l->ranks = l->experts = fewest(row, (int)row->gpus);
        assume(row, "%d attention ranks: fewest GPUs with 40 %% of memory left", l->ranks);
    } else {
        l->tensor = fewest(row, (int)row->gpus);
        assume(row, "TP%d: fewest GPUs with 40 %% of memory left", l->tensor);
    }
    int gpus = l->tensor * l->ranks * l->stages;
    row->serve.replicas = row->gpus / gpus;
    if (row->serve.replicas > 1.0 && fmod(row->serve.replicas, 1.0) != 0.0)
        return cannot(row, "%g GPUs are no whole number of replicas of %d", row->gpus, gpus);
    return true;
}

// ---- load -----------------------------------------------------------------------------------------------------------

// Data sets whose lengths a row does not give: inputs uniform between two lengths, and shipped tables with the shape
// of the outputs and, where there is one, of inputs whose mean is given. Inputs of MLPerf's Llama and Mixtral sets:
// means of the token counts that openshift-psap/performance-dashboard @739352b publishes of them
// (mlperf-data/summaries), sampled; the others assumed.
static const struct {
    const char *name;
    double least, most, output_most;
    const char *output, *input;
} data_sets[] = {
    {"LM Arena", 300.0, 300.0, 4096.0, "chat_llama31_70b_out", NULL},
    {"GPQA", 250.0, 250.0, 32768.0, "reason_qwen3_235b_gpqa_out", NULL},
    {"Sourcegraph", 3000.0, 3000.0, 2048.0, "azure23_code_out", NULL},
    {"OpenOrca+GSM8K", 100.0, 740.0, 1024.0, "mlperf_llama2_70b_out", NULL},
    {"OpenOrca", 40.0, 416.0, 1024.0, "mlperf_llama2_70b_out", NULL},
    {"CNN-DailyMail", 330.0, 1650.0, 128.0, NULL, NULL},
    {"LongBench", 2000.0, 17400.0, 2000.0, "mlperf_llama31_405b_out", NULL},
    {"mlperf_deepseek_r1", 130.0, 1510.0, 20000.0, "reason_r1_mlperf_out", NULL},
    {"mlperf gpt-oss", 1150.0, 9010.0, 10240.0, "reason_gpt_oss_120b_gpqa_out", NULL},
    {"ShareGPT", 4.0, 1024.0, 2048.0, "sharegpt_out", "sharegpt_in"},
};

static bool scaled_table(TwLengths *lengths, const char *name, double mean, double most)
{
    TwError error;
    if (!tw_lengths_load(lengths, name, &error)) return false;
    // to this mean under the limit, twice corrected for what the limit cuts
    for (int i = 0; i < 3; i++) {
        double factor = log(mean / tw_lengths_mean(lengths, most));
        for (int k = 0; k < TW_LENGTH_KNOTS; k++) lengths->ln_value[k] += factor;
    }
    return true;
}

// "uniform 0.8-1.0 of nominal": between these shares of isl and osl, "... (means given)" where those are the means.
static bool uniform_lengths(const char *how, double *low, double *high)
{
    double least, most;
    if (sscanf(how, "uniform %lf-%lf", &least, &most) != 2 || !(least >= 0.0 && most >= least && most > 0.0))
        return false;
    double middle = holds(how, "means given") ? 0.5 * (least + most) : 1.0;
    *low = least / middle, *high = most / middle;
    return true;
}

static bool set_lengths(TwThroughputRow *row, const TwRowCells *c, double isl, double osl)
{
    const char *how = text_of(c, "len_dist");
    TwServeSpec *s = &row->serve;
    double least = NAN, longest = isl;
    bool drawn = false;                                       // inputs from a table of their own
    if (strcmp(row->mode, "prefill_only") == 0) osl = 1.0;    // the rest is written elsewhere
    if (isnan(osl)) return cannot(row, "no output length is published");
    // GPUStack's client stops at the end of the text: of 200 tokens gpt-oss wrote 135 and 105 (tokens its pages print)
    if (begins(row->source, "GPUSTACK") && begins(row->model, "gpt-oss") && osl == 200.0) {
        osl = strcmp(row->model, "gpt-oss-20b") == 0 ? 105.0 : 135.0;
        assume(row, "%g tokens of 200 written", osl);
    }
    if (begins(how, "dataset")) {
        for (size_t i = 0; i < sizeof data_sets / sizeof *data_sets; i++) {
            if (!holds(how, data_sets[i].name)) continue;
            if (isnan(isl)) {
                least = data_sets[i].least, longest = data_sets[i].most;
                isl = 0.5 * (least + longest);
                assume(row, "mean input %g", isl);
            } else if (data_sets[i].input && scaled_table(&s->input, data_sets[i].input, isl, data_sets[i].most)) {
                longest = data_sets[i].most;
                drawn = true;
            }
            if (data_sets[i].output && scaled_table(&s->output, data_sets[i].output, osl, data_sets[i].output_most))
                s->context_tokens = (int64_t)(data_sets[i].output_most + fmax(2.0 * isl, longest));
            break;
        }
        if (isnan(isl)) return cannot(row, "no mean input length is published for this data set");
    }
    double low = 1.0, high = 1.0;
    bool uniform = uniform_lengths(how, &low, &high);
    if (how[0] && s->context_tokens == 0 && isnan(least) && !begins(how, "fixed") && !uniform)
        assume(row, "all lengths at their means");
    if (isnan(isl)) return cannot(row, "no input length is published");
    if (!drawn)
        tw_lengths_uniform(&s->input, isnan(least) ? fmax(low * isl, 1.0) : least,
                           isnan(least) ? fmax(high * isl, 1.0) : longest);
    s->input_mean = isnan(least) ? 0.5 * (low + high) * isl : isl;
    s->output_mean = osl * (s->context_tokens ? 1.0 : 0.5 * (low + high));
    if (s->context_tokens == 0) {
        isl *= high, osl *= high;
        tw_lengths_uniform(&s->output, fmax(low / high * osl, 1.0), osl);
        s->context_tokens = (int64_t)ceil(fmax(isl, isnan(least) ? isl : longest) + osl) + 16;
    }
    row->deploy.context_tokens = s->input_mean + 0.5 * s->output_mean;
    row->deploy.output_tokens = s->output_mean;
    row->deploy.longest_tokens = s->context_tokens;
    return true;
}

// Requests of a run of trtllm-bench at maximum load, as its documentation lists them by lengths.
static int64_t bench_requests(double isl, double osl)
{
    if (isl <= 128.0 && osl <= 128.0) return 30000;
    if (isl >= 20000.0) return 1000;
    if (osl >= 20000.0) return 1000;
    if (osl >= 4096.0 || isl >= 5000.0 || (isl >= 1000.0 && osl >= 2000.0)) return 1500;
    return 3000;
}

// How often ML.ENERGY's runs send their prompts, all at once, by the sequences that the server takes (sweeps.yaml and
// benchmark.yaml of configs/vllm, ml-energy/benchmark @60f99ccf and before). The first line of a set that fits stands;
// runs with more sequences than a line names are as its last.
static const struct {
    const char *set, *model, *gpu;
    int prompts;    // different ones
    int upto[8], repeats[8];
} mlenergy_runs[] = {
    {"GPQA", "gpt-oss-20b", "B200", 198, {128, 256, 512, 1024, 2048, 4096}, {1, 2, 3, 6, 11, 21}},
    {"GPQA", "deepseek", "B200", 198, {128, 256, 512, 768, 1024}, {1, 2, 3, 4, 6}},
    {"GPQA", "qwen3-30b", "H100", 198, {192, 256}, {1, 2}},
    {"GPQA", "", "", 198, {128, 256, 512, 768, 1024, 2048, 3072, 4096}, {1, 2, 3, 5, 6, 12, 18, 24}},
    {"LM Arena", "llama-3.1-8b", "B200", 1024, {64, 256, 512, 1024, 2048, 4096}, {1, 2, 3, 4, 8, 16}},
    {"LM Arena", "llama-3.1-8b", "H100", 1024, {192, 512, 1024}, {1, 2, 3}},
    {"LM Arena", "llama-3.1-70b", "", 1024, {384, 1024, 2048, 3072}, {1, 2, 3, 4}},
    {"LM Arena", "qwen3-8b", "B200", 1024, {128, 512, 1536, 2048}, {1, 2, 4, 6}},
    {"LM Arena", "qwen3-14b", "B200", 1024, {256, 1024, 2048, 4096}, {1, 2, 3, 7}},
    {"LM Arena", "qwen3-30b", "", 1024, {192, 1024, 1536}, {1, 2, 3}},
    {"LM Arena", "qwen3-32b", "B200", 1024, {192, 512}, {1, 2}},
    {"LM Arena", "", "", 1024, {512, 1024, 2048, 3072, 4096}, {1, 2, 3, 4, 6}},
    {"Sourcegraph", "qwen3-coder-480b", "", 1024, {256, 512, 1024, 1536}, {1, 2, 4, 6}},
    {"Sourcegraph", "", "", 1024, {128, 256, 512, 768}, {1, 2, 3, 4}},
};

// ML.ENERGY's client (mlenergy/llm/benchmark.py, RequestTracker): all requests at once to a server that takes so many;
// from when as many have their first token until all but as many and one have ended. vLLM keeps prompts in its cache.
static bool set_mlenergy(TwThroughputRow *row, const TwRowCells *c)
{
    TwServeSpec *s = &row->serve;
    int most = (int)number_of(c, "concurrency");
    if (s->replicas != 1.0) return false;
    for (size_t i = 0; i < sizeof mlenergy_runs / sizeof *mlenergy_runs; i++) {
        if (!holds(text_of(c, "len_dist"), mlenergy_runs[i].set) || !begins(row->model, mlenergy_runs[i].model) ||
            !begins(row->gpu, mlenergy_runs[i].gpu))
            continue;
        int repeats = 1;
        for (int k = 0; k < 8 && mlenergy_runs[i].upto[k] > 0; k++) {
            repeats = mlenergy_runs[i].repeats[k];
            if (most <= mlenergy_runs[i].upto[k]) break;
        }
        s->distinct = mlenergy_runs[i].prompts;
        s->requests = s->distinct * repeats;
        if (s->requests < most + 2) return false;
        s->kind = TW_LOAD_OFFLINE;
        s->steady = most;
        row->concurrency = s->concurrency = most;
        return true;
    }
    return false;
}

// Prompts computed on so many of the GPUs, in replicas of the same layout.
static bool set_apart(TwThroughputRow *row, const TwRowCells *c)
{
    TwServeSpec *s = &row->serve;
    double gpus = number_of(c, "prefill_gpus"), requests = number_of(c, "requests");
    double prompts = gpus / (row->gpus / s->replicas);
    if (isnan(row->concurrency)) return cannot(row, "no concurrency is published");
    if (isnan(gpus)) return cannot(row, "prefill_gpus is not given");
    if (gpus >= row->gpus) return cannot(row, "prefill_gpus %g of %g GPUs: none decode", gpus, row->gpus);
    if (prompts != floor(prompts) || !(prompts < s->replicas) || s->replicas != floor(s->replicas))
        return cannot(row, "%g of %g GPUs are no whole number of replicas of %g", gpus, row->gpus,
                      row->gpus / s->replicas);
    s->kind = TW_LOAD_CLOSED;
    s->concurrency = row->concurrency;
    s->whole = !isnan(requests);
    if (s->whole) s->requests = (int64_t)requests;    // over all replicas
    s->prefills = (int)prompts, s->decodes = (int)(s->replicas - prompts);
    s->replicas = 1.0;    // all of them are simulated
    return true;
}

static bool set_load(TwThroughputRow *row, const TwRowCells *c, double isl, double osl)
{
    TwServeSpec *s = &row->serve;
    double concurrency = row->concurrency = number_of(c, "concurrency"), rate = number_of(c, "req_rate_per_s");
    // where a source tells how many ran in the window: fewer than its limit, where requests ran short
    const char *running = strstr(text_of(c, "notes"), "average running batch ");
    if (running && !isnan(concurrency))
        concurrency = row->concurrency = fmin(concurrency, strtod(running + strlen("average running batch "), NULL));
    const char *mode = row->mode;
    if (strcmp(mode, "offline_max") == 0) {
        s->kind = TW_LOAD_OFFLINE;
        s->requests = holds(text_of(c, "len_dist"), "500 requests") ? 500 : bench_requests(isl, osl);
        s->requests = (int64_t)ceil((double)s->requests / fmax(s->replicas, 1.0));
    } else if (strcmp(mode, "mlperf_offline") == 0 || strcmp(mode, "prefill_only") == 0) {
        s->kind = TW_LOAD_SATURATED;
    } else if (begins(mode, "closed_loop")) {
        if (isnan(concurrency)) return cannot(row, "no concurrency is published");
        if (begins(row->source, "MLENERGY") && set_mlenergy(row, c)) return true;
        s->kind = TW_LOAD_CLOSED;
        s->concurrency = concurrency;
        // InferenceX's client sends ten prompts for each in flight, all from the start, and takes means over all of
        // them
        double requests = number_of(c, "requests");
        if (isnan(requests) && strcmp(row->source, "INFERENCEX") == 0) requests = 10.0 * concurrency;
        s->whole = !isnan(requests);
        if (s->whole) s->requests = (int64_t)ceil(fmax(requests, concurrency) / fmax(s->replicas, 1.0));
        double each = concurrency / s->replicas;
        if (each != ceil(each)) assume(row, "in flight rounded up to whole requests a replica");
    } else if (strcmp(mode, "burst") == 0 || strcmp(mode, "static_batch") == 0) {
        if (isnan(concurrency) && holds(text_of(c, "notes"), "several hundred requests")) {
            // as the laboratory's pages print them: 100 prompts of 32,000 tokens, 500 of 2,000 and 4,000, 1,000 of 128
            concurrency = isl >= 16000.0 ? 100.0 : isl >= 1000.0 ? 500.0 : 1000.0;
            assume(row, "%g requests", concurrency);
        }
        if (isnan(concurrency)) return cannot(row, "no number of requests is published");
        s->kind = TW_LOAD_OFFLINE;
        s->requests = (int64_t)ceil(concurrency / fmax(s->replicas, 1.0));
    } else if (holds(mode, "server") || strcmp(mode, "mlperf_interactive") == 0) {
        if (isnan(rate)) return cannot(row, "no arrival rate is published");
        s->kind = TW_LOAD_OPEN;
        s->rate_s = rate;
        double requests = number_of(c, "requests");
        if (isnan(requests)) requests = holds(text_of(c, "len_dist"), "500 requests") ? 500.0 : 0.0;
        s->requests = (int64_t)ceil(requests / fmax(s->replicas, 1.0));
    } else if (strcmp(mode, "decode_only") == 0) {
        if (isnan(concurrency)) return cannot(row, "decode side alone: its batch is not published");
        s->kind = TW_LOAD_CLOSED;
        s->concurrency = concurrency;
        s->requests = (int64_t)(3.0 * ceil(concurrency / fmax(s->replicas, 1.0)));    // the middle third is measured
        row->decodes = true;
    } else if (strcmp(mode, "disagg_closed_loop") == 0) {
        return set_apart(row, c);
    } else {
        return cannot(row, "mode \"%s\" is not modelled: closed_loop, server_open_loop, offline_max ... are", mode);
    }
    return true;
}

// ---- a row ----------------------------------------------------------------------------------------------------------

static bool set_case(TwThroughputRow *row, TwArena *arena, const TwRowCells *c)
{
    const char *speculation = text_of(c, "spec_decode");
    if (!row->model[0]) return cannot(row, "no model is named");
    if (!check_numbers(row, c)) return false;
    if (!(row->published_s > 0.0)) return cannot(row, "no rate is published");
    if (holds(text_of(c, "kind"), "CLAIM") && row->quality == 'C') assume(row, "vendor claim");
    TwRowEngine engine = tw_throughput_engine(row);
    double isl = number_of(c, "isl"), osl = number_of(c, "osl");
    if (text_of(c, "prefill_gpus")[0] && strcmp(row->mode, "disagg_closed_loop") != 0)
        return cannot(row, "prefill_gpus of mode %s: expected disagg_closed_loop", row->mode);
    if (text_of(c, "step_tokens")[0] && tw_throughput_undrafted(speculation))
        return cannot(row, "step_tokens without drafts: expected spec_decode, as mtp3");
    if (!set_chip(row, arena) || !set_types(row, c, engine) || !set_layout(row, c)) return false;
    if (!set_lengths(row, c, isl, osl) || !set_load(row, c, isl, osl)) return false;
    tw_throughput_set_engine(row, c, engine);
    if (!tw_throughput_set_drafts(row, speculation, number_of(c, "step_tokens"))) return false;
    double rating = number_of(c, "gpu_tdp_w"), cap = number_of(c, "gpu_power_cap_w");
    if (rating > 0.0) row->deploy.limit_w = rating;
    // a limit that only the notes give
    const char *maxq = strstr(text_of(c, "notes"), "MaxQ: GPU power limited (");
    if (!(cap > 0.0) && maxq) cap = strtod(maxq + strlen("MaxQ: GPU power limited ("), NULL);
    if (cap > 0.0) row->deploy.limit_w = cap;
    return true;
}

static bool has_experts(const char *name)
{
    TwModelRow model;
    return tw_model_numbers(name, &model) && model.experts > 0;
}

// Mean, p50, p90, p99; where nothing is said the mean.
static int stat_of(const char *text)
{
    return holds(text, "99") ? 3 : holds(text, "90") ? 2 : holds(text, "edian") || holds(text, "50") ? 1 : 0;
}

static void read_row(TwThroughputRow *row, TwArena *arena, const TwRowCells *c)
{
    char model[96], word[40];
    row->line = tw_csv_line(c->csv, c->row);
    tw_throughput_model(text_of(c, "model_id"), model, sizeof model);
    row->model = tw_arena_text(arena, model);
    row->id = tw_arena_text(arena, text_of(c, "id"));
    row->source = tw_arena_text(arena, text_of(c, "source_id"));
    row->gpu = tw_arena_text(arena, text_of(c, "gpu"));
    row->mode = tw_arena_text(arena, tw_throughput_mode(text_of(c, "mode"), word, sizeof word));
    row->engine = tw_arena_text(arena, text_of(c, "engine"));
    row->group = tw_arena_text(arena, text_of(c, "split_group"));
    char tokens[32];
    tw_throughput_plain(text_of(c, "token_def"), tokens, sizeof tokens);
    row->tokens = begins(tokens, "total") ? "total" : begins(tokens, "input") ? "input" : "output";
    row->quality = text_of(c, "quality")[0];
    row->core = text_of(c, "core")[0] == '1';
    row->gpus = number_of(c, "n_gpus");
    row->published_s = number_of(c, "tokens_per_s");
    row->published_w = number_of(c, "power_w");
    row->published_ttft_s = 1e-3 * number_of(c, "ttft_ms");
    row->ttft_of = stat_of(text_of(c, "ttft_stat"));
    row->published_tpot_s = 1e-3 * number_of(c, "tpot_ms");
    const char *stat = text_of(c, "tpot_stat");
    row->tpot_of = stat_of(stat);
    row->gap = holds(stat, "ITL");
    // rates a user has, and means over what is no time between tokens
    if (holds(stat, "interactivity") || holds(stat, "incl.")) row->published_tpot_s = NAN;
    row->from_means = begins(text_of(c, "tput_basis"), "derived: concurrency");
    row->decode_rate = begins(text_of(c, "tput_basis"), "derived: decode only");
    const char *boundary = text_of(c, "power_boundary");
    row->wall = strcmp(boundary, "node_wall_ac") == 0;
    // Lenovo's B200 nodes idle at 2,358 W at the plug with water and 2,876, 2,882 and 2,888 with air (the power logs of
    // their submissions to MLPerf 5.1): so much less a GPU
    if (holds(text_of(c, "notes"), "water-cooled")) row->less_w = 0.95 * (2882.0 - 2358.0) / 8.0;
    if (strcmp(boundary, "gpu_sum") != 0 && !row->wall) row->published_w = NAN;
    row->predicted_s = row->predicted_w = row->predicted_ttft_s = row->predicted_tpot_s = NAN;
    row->deploy.model = row->model;
    row->moe = has_experts(row->model);
    row->serve.seed = 1;
    row->early = tw_throughput_early(row);
    (void)set_case(row, arena, c);
}

// All columns that are needed are there, and none is called as others call it: it would be passed over.
static bool columns_sound(const TwCsv *csv, const char *path, TwError *error)
{
    static const char *const needed[] = {"id", "model_id", "gpu", "n_gpus", "mode", "tokens_per_s", "token_def"};
    char missing[160] = "", renamed[400] = "";
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (tw_csv_column(csv, needed[i]) < 0)
            snprintf(missing + strlen(missing), sizeof missing - strlen(missing), "%s%s", missing[0] ? ", " : "",
                     needed[i]);
    for (int i = 0; i < tw_csv_columns(csv); i++) {
        const char *given = tw_csv_header(csv, i), *here = tw_throughput_column(given);
        if (here && tw_csv_column(csv, here) < 0)
            snprintf(renamed + strlen(renamed), sizeof renamed - strlen(renamed), "%s%s is %s", renamed[0] ? ", " : "",
                     given, here);
    }
    if (!missing[0] && !renamed[0]) return true;
    return tw_fail_at(error, path, 1, 0, "%s%s%s%s%s", missing[0] ? "no column " : "", missing,
                      missing[0] && renamed[0] ? "; " : "", renamed, renamed[0] ? " here" : "");
}

bool tw_throughput_read(TwThroughput *table, const char *path, TwError *error)
{
    char shipped[512];
    TwCsv *csv;
    *table = (TwThroughput){0};
    if (!path) {
        if (!tw_data_find("facilities/reference/throughput.csv", shipped, sizeof shipped))
            return tw_fail(error, TW_IO, "facilities/reference/throughput.csv is not found");
        path = shipped;
    }
    if (!tw_csv_read(&csv, path, error)) return false;
    if (!columns_sound(csv, path, error)) {
        tw_csv_destroy(csv);
        return false;
    }
    table->arena = tw_arena_create();
    table->count = tw_csv_rows(csv);
    table->rows = TW_TAKE(table->arena, table->count + 1, TwThroughputRow);
    for (int i = 0; i < table->count; i++) {
        TwRowCells columns = {csv, i};
        read_row(&table->rows[i], table->arena, &columns);
    }
    tw_csv_destroy(csv);
    return true;
}

void tw_throughput_free(TwThroughput *table)
{
    if (table->arena) tw_arena_destroy(table->arena);
    *table = (TwThroughput){0};
}
