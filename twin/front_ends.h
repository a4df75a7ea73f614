// Front ends of the engines by name, as they are started by default: one process, each token an event of the stream.
//
// vllm         one API server: HTTP, chat template, tokeniser, detokeniser and stream in one event loop. A request:
//              first tokens of 1,000 ShareGPT requests sent at once come evenly from nearly nothing on, as the
//              device computes them: twice the mean less the 99th percentile is 0.14 s (pull request 23696, a B200
//              host) and 0.55 s (23369, an H100 host). An output: 5,120 requests of 1,024 tokens in and out, 1,024
//              in flight, gpt-oss-20b on a B200 host under vLLM 0.11 with its scheduler overlapped, 33.3 a second:
//              30.0 ms each, less the two below, over 1,024. With a tenth of the events (--stream-interval 10) the
//              same run was 57 % faster: the device was not what held it back, and at most 17 us are left of an
//              output (vllm-project/vllm pull request 27869, November 2025).
// vllm_0_11_0  the same through its chat endpoint, which in this release alone parses the model's template at every
//              request to see what it asks for (entrypoints/chat_utils.py, resolve_chat_template_kwargs; not in 0.10.2,
//              once for all requests in 0.11.1). Timed here, Jinja 3.1 on one EPYC core, the least of 60: Llama 3.1's
//              template 7.4 ms, Qwen3's 8.4, its instruct models' of July 2025 4.4, DeepSeek-R1's 6.7. The same had
//              been so until June 2025 for another question: 6 to 8 s of 1,000 requests before any was started
//              (pull request 20065), and 2 x 9.6 - 12.7 = 6.6 s in 18566, Llama-3.1-8B.
// vllm_0_8     as vllm, of vLLM 0.8 on an A100 host: 10,000 ShareGPT requests (221 in, 198 out) through one API
//              server to two engines of a 1B model, 120 offered a second, took 130.7 s (pull request 17546, May
//              2025).
// sglang       its detokeniser, one process behind eight for HTTP and eight replicas of a 0.5B model: 5.12 M tokens in
//              133 s (sgl-project/sglang pull request 9970, September 2025).
//
// A prompt token of all: 2.6 to 4 MB/s of English text a thread (huggingface/tokenizers 0.23, pull requests 2298 and
// 2322), 4.4 bytes a token. A request of sglang: assumed. vLLM's loop waits for the tokeniser's thread between the
// template and the engine, so that of requests sent at once none is started before the templates of all are done.
#pragma once

#include "models/workload/front_end.h"
#include "sim/error.h"

#include <stdbool.h>

extern const char *const tw_front_end_names[];    // NULL-ended; "none" first
bool tw_front_end_named(const char *name, TwFrontEnd *front);

// Seconds that parsing a chat template takes.
extern const double tw_template_llama_s, tw_template_qwen3_s, tw_template_qwen3_2507_s, tw_template_deepseek_r1_s;
