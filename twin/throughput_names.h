// Chips, models and number types of throughput tables, as others spell them. Spelling is case-blind, '_' and ' ' are
// '-'.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Lower case, '_' and ' ' as '-'.
void tw_throughput_plain(const char *given, char *text, size_t size);

// The name that the reference table has for a chip ("H100-SXM" for H100, h100_sxm, "NVIDIA H100 80GB HBM3") and its
// part in *part; NULL: none is known.
const char *tw_throughput_gpu(const char *given, const char **part);

// The model part that is meant: the organisation, "-Instruct" and the like left out, releases of one architecture under
// the first ("deepseek-ai/DeepSeek-R1-0528": deepseek-v3, "Llama-3.3-70B-Instruct": llama-3.1-70b).
void tw_throughput_model(const char *given, char *part, size_t size);

// bf16, fp8, fp8_block, nvfp4, fp4, mxfp4, w4a16 (int4 of AWQ and GPTQ) or w8a16; NULL: a type of which nothing is
// known.
const char *tw_throughput_type(const char *given);

// A word that says that nothing is drafted, or that does not say: "", "none ...", "no", "off", "unknown", "possible
// ...".
bool tw_throughput_undrafted(const char *given);
// Tokens drafted by multi-token prediction: mtp3, MTP-2. 0: another word, or no number.
int tw_throughput_mtp(const char *given);

// "mlperf", "trtllm", "sglang" or "vllm", whose engine a name is of ("TensorRT-LLM 0.17 (TRT engine)": trtllm); "":
// another's.
const char *tw_throughput_family(const char *given);

// What a column of a table is called here, as others name it ("precision": weight_dtype); NULL: nothing is known of it.
const char *tw_throughput_column(const char *given);

// offline_max for offline, server_open_loop for open_loop and the like, into text, which is returned.
const char *tw_throughput_mode(const char *given, char *text, size_t size);
