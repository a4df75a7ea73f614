// A finished study as the view draws it: axes in words, the results worth looking at, plots of the chosen one.
#pragma once

#include "study/study.h"

#if TW_HAS_VIEW
#include "viz/study_view.h"

typedef struct TwStudyMaker TwStudyMaker;

// output: the result shown first, NULL for the first goal. NULL: no result is named so.
TwStudyMaker *tw_study_maker_create(const TwStudy *study, const char *output);
int tw_study_maker_first(const TwStudyMaker *maker);    // index of that output
void tw_study_maker_destroy(TwStudyMaker *maker);
const TwStudyScene *tw_study_maker_scene(TwStudyMaker *maker, int output);    // valid until the next call
#endif
