#include "twin/front_ends.h"

#include <stddef.h>
#include <string.h>

const char *const tw_front_end_names[] = {"none", "vllm", "vllm_0_11_0", "vllm_0_8", "sglang", NULL};

const double tw_template_llama_s = 7.4e-3, tw_template_qwen3_s = 8.4e-3, tw_template_qwen3_2507_s = 4.4e-3,
             tw_template_deepseek_r1_s = 6.7e-3;

static const TwFrontEnd known[] = {
    {0.0, 0.0, 0.0, false},
    {0.5e-3, 1.5e-6, 27e-6, true},
    {0.5e-3 + 7.4e-3, 1.5e-6, 27e-6, true},    // Llama's template
    {0.5e-3, 1.5e-6, 62e-6, true},
    {1e-3, 1.5e-6, 26e-6, false},
};

bool tw_front_end_named(const char *name, TwFrontEnd *front)
{
    for (int k = 0; tw_front_end_names[k]; k++) {
        if (strcmp(name, tw_front_end_names[k]) != 0) continue;
        *front = known[k];
        return true;
    }
    return false;
}
