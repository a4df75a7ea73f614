// Front ends of the engines by name, as they are started by default: one process, each token an event of the stream.
//
// vllm    one API server (vLLM 0.8 to 0.11): HTTP, chat template, tokeniser, detokeniser and stream in one event loop.
//         An output: 10,000 ShareGPT requests (221 tokens in, 198 out) through one of them took 130.7 s at two A100
//         with a model of 1B, while 120 a second came (vllm-project/vllm pull request 17546): 13.1 ms a request, less
//         the two below, over 198. A prompt token: 2.6 to 4 MB/s of English text a thread (huggingface/tokenizers 0.23,
//         pull requests 2298 and 2322), 4.4 bytes a token. A request: assumed.
// sglang  an output: the detokeniser, a process of its own that all outputs of eight replicas passed, with eight
//         processes for HTTP: 5.12 M tokens in 133 s (sgl-project/sglang pull request 9970). The others as above.
#pragma once

#include "models/workload/front_end.h"

#include <stdbool.h>

extern const char *const tw_front_end_names[];    // NULL-ended; "none" first
bool tw_front_end_named(const char *name, TwFrontEnd *front);
