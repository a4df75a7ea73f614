// Pictures of a finished study: which there are, and drawing them.
#pragma once

#include "cli/options.h"
#include "study/study.h"

// Draws one picture ("response", "heat", "effects", "pareto", "search") to a file, or "all" that fit the study beside
// the result: RESULT_effects.png and so on. options may be NULL. Returns the exit status; what is wrong is said on
// stderr.
int tw_study_pictures(const TwStudy *study, const char *which, const char *out, const TwOptions *options);
