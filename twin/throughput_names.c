#include "twin/throughput_names.h"
#include "sim/config.h"

#include <stdio.h>
#include <string.h>

void tw_throughput_plain(const char *given, char *text, size_t size)
{
    size_t n = 0;
    for (const char *c = given; *c && n + 1 < size; c++)
        text[n++] = *c == '_' || *c == ' ' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    text[n] = '\0';
}

static bool begins(const char *text, const char *part) { return strncmp(text, part, strlen(part)) == 0; }

static bool ends(const char *text, const char *part)
{
    size_t length = strlen(text), tail = strlen(part);
    return length >= tail && strcmp(text + length - tail, part) == 0;
}

const char *tw_throughput_gpu(const char *given, const char **part)
{
    // spelling, the table's own name, part; where a spelling leaves the form open: the usual one
    static const char *const known[][3] = {
        {"h100-sxm", "H100-SXM", "h100_sxm"},
        {"h100", "H100-SXM", "h100_sxm"},
        {"h100-sxm5", "H100-SXM", "h100_sxm"},
        {"h100-80gb-hbm3", "H100-SXM", "h100_sxm"},
        {"h100-nvl", "H100-NVL", "h100_nvl"},
        {"h100-pcie", "H100-PCIE", "h100_pcie"},
        {"h100-80gb-pcie", "H100-PCIE", "h100_pcie"},
        {"h200-sxm", "H200-SXM", "h200_sxm"},
        {"h200", "H200-SXM", "h200_sxm"},
        {"h200-sxm5", "H200-SXM", "h200_sxm"},
        {"h200-nvl", "H200-NVL", "h200_nvl"},
        {"h200-cts", "H200-CTS", "h200_sxm"},
        {"h800", "H800", "h800_sxm"},
        {"h800-sxm", "H800", "h800_sxm"},
        {"gh200", "GH200-96", "gh200_96"},
        {"gh200-96", "GH200-96", "gh200_96"},
        {"gh200-144", "GH200-144", "gh200_144"},
        {"a100", "A100-SXM-80", "a100_sxm_80"},
        {"a100-sxm", "A100-SXM-80", "a100_sxm_80"},
        {"a100-80gb", "A100-SXM-80", "a100_sxm_80"},
        {"a100-sxm-80", "A100-SXM-80", "a100_sxm_80"},
        {"a100-sxm4-80gb", "A100-SXM-80", "a100_sxm_80"},
        {"a100-40gb", "A100-SXM-40", "a100_sxm_40"},
        {"a100-sxm-40", "A100-SXM-40", "a100_sxm_40"},
        {"a100-sxm4-40gb", "A100-SXM-40", "a100_sxm_40"},
        {"b200", "B200-SXM", "b200_sxm"},
        {"b200-sxm", "B200-SXM", "b200_sxm"},
        {"b300", "B300-SXM", "b300_sxm"},
        {"b300-sxm", "B300-SXM", "b300_sxm"},
        {"gb200", "GB200", "gb200"},
        {"gb200-nvl72", "GB200", "gb200"},
        {"gb300", "GB300", "gb300"},
        {"gb300-nvl72", "GB300", "gb300"},
    };
    char text[64];
    tw_throughput_plain(given, text, sizeof text);
    const char *name = begins(text, "nvidia-") ? text + strlen("nvidia-") : text;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i][0]) == 0) {
            *part = known[i][2];
            return known[i][1];
        }
    return NULL;
}

void tw_throughput_model(const char *given, char *part, size_t size)
{
    // what releases add to the name of an architecture
    static const char *const tails[] = {"-instruct", "-chat", "-hf",  "-fp8",  "-fp4",   "-nvfp4",
                                        "-bf16",     "-v0.1", "-awq", "-gptq", "-w4a16", "-thinking",
                                        "-0905",     "-v0.3", "-it",  "-2501"};
    static const char *const same[][2] = {
        {"deepseek-r1", "deepseek-v3"},
        {"deepseek-v3-0324", "deepseek-v3"},
        {"deepseek-v3.1", "deepseek-v3"},
        {"llama-3.3-70b", "llama-3.1-70b"},
        {"glm-4.6", "glm-4.5"},
        {"glm-4.7", "glm-4.5"},
        {"minimax-m2.1", "minimax-m2"},
        {"qwq-32b", "qwen2.5-32b"},
        {"minimax-m2.5", "minimax-m2"},
        {"minimax-m2.7", "minimax-m2"},
        {"kimi-k2.5", "kimi-k2"},
        {"kimi-k2.6", "kimi-k2"},
        {"glm-4.5v", "glm-4.5-air"},
        {"deepseek-v3.2-exp", "deepseek-v3.2"},
        {"glm-5.1", "glm-5"},
        {"deepseek-v3.2-speciale", "deepseek-v3.2"},
        {"glm-5.3", "glm-5.2"},
        {"qwen3-coder-next", "qwen3-next-80b-a3b"},
    };
    const char *slash = strrchr(given, '/');
    char text[96];
    tw_throughput_plain(slash ? slash + 1 : given, text, sizeof text);
    char *name = begins(text, "meta-") ? text + strlen("meta-") : text;
    for (bool cut = true; cut;) {
        cut = false;
        for (size_t i = 0; i < sizeof tails / sizeof *tails; i++)
            if (ends(name, tails[i])) name[strlen(name) - strlen(tails[i])] = '\0', cut = true;
    }
    if (begins(name, "deepseek-r1-0")) name[strlen("deepseek-r1")] = '\0';
    const char *first = tw_other_word(name, same, TW_COUNT(same));
    snprintf(part, size, "%s", first ? first : name);
}

const char *tw_throughput_family(const char *given)
{
    static const char *const known[][2] = {
        {"tensorrt", "trtllm"}, {"trtllm", "trtllm"}, {"trt-llm", "trtllm"}, {"sglang", "sglang"}, {"vllm", "vllm"}};
    char text[64];
    tw_throughput_plain(given, text, sizeof text);
    if (begins(text, "mlperf")) return "mlperf";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(text, known[i][0])) return known[i][1];
    return "";
}

const char *tw_throughput_type(const char *given)
{
    static const char *const known[][2] = {
        {"bf16", "bf16"},       {"bfloat16", "bf16"},  {"fp16", "bf16"},       {"float16", "bf16"},
        {"half", "bf16"},       {"fp8", "fp8"},        {"fp8-e4m3", "fp8"},    {"e4m3", "fp8"},
        {"w8a8-fp8", "fp8"},    {"float8", "fp8"},     {"fp4", "fp4"},         {"fp8-block", "fp8_block"},
        {"nvfp4", "nvfp4"},     {"mxfp4", "mxfp4"},    {"int4", "w4a16"},      {"awq-int4", "w4a16"},
        {"gptq-int4", "w4a16"}, {"int4-awq", "w4a16"}, {"int4-gptq", "w4a16"}, {"awq", "w4a16"},
        {"gptq", "w4a16"},      {"w4a16", "w4a16"},    {"w8a16", "w8a16"},     {"fp8-w8a16", "w8a16"},
    };
    char text[32];
    tw_throughput_plain(given, text, sizeof text);
    return tw_other_word(text, known, TW_COUNT(known));
}

bool tw_throughput_undrafted(const char *given)
{
    static const char *const words[] = {"none", "no", "off", "unknown", "possible", "n/a", "false", "0"};
    char text[32];
    tw_throughput_plain(given, text, sizeof text);
    if (!text[0]) return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        // the word itself, or the word and an explanation
        if (strncmp(text, words[i], length) == 0 && (text[length] == '\0' || strchr("-(;,", text[length]))) return true;
    }
    return false;
}

int tw_throughput_mtp(const char *given)
{
    char text[32];
    tw_throughput_plain(given, text, sizeof text);
    if (strncmp(text, "mtp", 3) != 0) return 0;
    const char *number = text + (text[3] == '-' ? 4 : 3);
    return *number >= '1' && *number <= '9' && !number[1] ? *number - '0' : 0;
}

const char *tw_throughput_column(const char *given)
{
    static const char *const known[][2] = {
        {"model", "model_id"},
        {"model-name-or-path", "model_id"},
        {"chip", "gpu"},
        {"accelerator", "gpu"},
        {"hardware", "gpu"},
        {"gpus", "n_gpus"},
        {"num-gpus", "n_gpus"},
        {"gpu-count", "n_gpus"},
        {"precision", "weight_dtype"},
        {"dtype", "weight_dtype"},
        {"quantization", "weight_dtype"},
        {"kv-precision", "kv_dtype"},
        {"kv-cache-dtype", "kv_dtype"},
        {"framework", "engine"},
        {"backend", "engine"},
        {"software", "engine"},
        {"tensor-parallel", "tp"},
        {"tensor-parallel-size", "tp"},
        {"tp-size", "tp"},
        {"pipeline-parallel-size", "pp"},
        {"pp-size", "pp"},
        {"ep-size", "ep"},
        {"data-parallel-size", "dp"},
        {"dp-size", "dp"},
        {"input", "isl"},
        {"input-len", "isl"},
        {"input-tokens", "isl"},
        {"random-input-len", "isl"},
        {"output", "osl"},
        {"output-len", "osl"},
        {"random-output-len", "osl"},
        {"max-concurrency", "concurrency"},
        {"batch-size", "concurrency"},
        {"rate", "req_rate_per_s"},
        {"request-rate", "req_rate_per_s"},
        {"qps", "req_rate_per_s"},
        {"num-prompts", "requests"},
        {"num-requests", "requests"},
        {"request-count", "requests"},
        {"throughput", "tokens_per_s"},
        {"output-throughput", "tokens_per_s"},
        {"output-tokens-per-s", "tokens_per_s"},
        {"gpu-power-w", "power_w"},
        {"mean-ttft-ms", "ttft_ms"},
        {"mean-tpot-ms", "tpot_ms"},
        {"load", "mode"},
        {"scenario", "mode"},
    };
    char text[64];
    tw_throughput_plain(given, text, sizeof text);
    return tw_other_word(text, known, TW_COUNT(known));
}

const char *tw_throughput_mode(const char *given, char *text, size_t size)
{
    static const char *const same[][2] = {
        {"offline", "offline_max"},     {"open-loop", "server_open_loop"}, {"server", "server_open_loop"},
        {"closed-loop", "closed_loop"}, {"batch", "static_batch"},         {"prefill", "prefill_only"},
        {"decode", "decode_only"},      {"concurrency", "closed_loop"},    {"poisson", "server_open_loop"},
        {"rate", "server_open_loop"},   {"static", "static_batch"},
    };
    tw_throughput_plain(given, text, size);
    const char *meant = tw_other_word(text, same, TW_COUNT(same));
    if (meant) {
        snprintf(text, size, "%s", meant);
        return text;
    }
    for (char *c = text; *c; c++)
        if (*c == '-') *c = '_';
    return text;
}
