#include "twin/front_ends.h"

#include <stddef.h>
#include <string.h>

const char *const tw_front_end_names[] = {"none", "vllm", "vllm_0_8", "sglang", NULL};

static const TwFrontEnd known[] = {
    {0.0, 0.0, 0.0},
    {4.8e-3, 1.5e-6, 23e-6},
    {4.8e-3, 1.5e-6, 40e-6},
    {1e-3, 1.5e-6, 26e-6},
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
