// Front ends of the engines by name, as they are started by default: one process, each token an event of the stream.
//
// vllm      one API server: HTTP, chat template, tokeniser, detokeniser and stream in one event loop. An output: 5,120
//           requests of 1,024 tokens in and out, 1,024 in flight, gpt-oss-20b on a B200 host under vLLM 0.11 with its
//           scheduler overlapped, 33.3 a second: 30.0 ms each, less the two below, over 1,024. With a tenth of the
//           events (--stream-interval 10) the same run was 57 % faster: the device was not what held it back, and at
//           most 16 us are left of an output (vllm-project/vllm pull request 27869, November 2025). A request: the mean
//           time to first token of 1,000 ShareGPT requests sent at once is 3.4, 6.2 and 9.6 s in pull requests 23696
//           (B200 host), 23369 and 18566 (H100 hosts, the last through the chat endpoint); 2.5, 4.8 and 8.5 ms of a
//           request reproduce them: the middle one.
// vllm_0_8  the same of vLLM 0.8 on an A100 host: 10,000 ShareGPT requests (221 in, 198 out) through one API server to
//           two engines of a 1B model, 120 offered a second, took 130.7 s (pull request 17546, May 2025).
// sglang    its detokeniser, one process behind eight for HTTP and eight replicas of a 0.5B model: 5.12 M tokens in
//           133 s (sgl-project/sglang pull request 9970, September 2025).
//
// A prompt token of all: 2.6 to 4 MB/s of English text a thread (huggingface/tokenizers 0.23, pull requests 2298 and
// 2322), 4.4 bytes a token. A request of sglang: assumed.
#pragma once

#include "models/workload/front_end.h"
#include "sim/error.h"

#include <stdbool.h>

extern const char *const tw_front_end_names[];    // NULL-ended; "none" first
bool tw_front_end_named(const char *name, TwFrontEnd *front);
