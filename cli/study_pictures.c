#include "cli/study_pictures.h"

int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options)
{
    (void)study, (void)which, (void)out, (void)options;
    return TW_DONE;
}
