// One request, as a generator or a trace gives it and an engine serves it.
#pragma once

#include <stdint.h>

typedef struct TwRequest {
    int64_t arrival_ns;                 // at the router
    int32_t input_tokens, output_tokens;    // >= 1 each
    uint32_t id;                        // of its source, in order of arrival
    uint32_t reserved;
} TwRequest;
