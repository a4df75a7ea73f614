// Options as other programs call them: vllm bench, sglang.bench_serving, trtllm-bench, genai-perf and aiperf, engines.
#pragma once

// What an option of such a name is called here, without dashes; NULL: nothing is known of it.
const char *tw_option_elsewhere(const char *name);
