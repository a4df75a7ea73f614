// tokenworks trace: what a request trace is.
#include "cli/commands.h"

#include <string.h>

int tw_command_trace(const TwOptions *options)
{
    if (options->file_count != 2 || strcmp(options->files[0], "describe") != 0) {
        fprintf(stderr, "tokenworks: expected: trace describe FILE; see --help\n");
        return TW_USAGE;
    }
    TwError error = {0};
    return tw_trace_describe(options->files[1], options->json, stdout, &error) ? TW_DONE : tw_cli_fail(&error);
}
