// Plots of a finished study: "response", "heat", "effects", "pareto", "search", as far as they fit its design. Points
// carry the index of their point of the study, so that charts can be linked.
#pragma once

#include "study/study.h"

enum { TW_STUDY_PLOTS = 5 };

#if TW_HAS_VIEW
#include "viz/plot.h"

typedef struct TwStudyPlot TwStudyPlot;

int tw_study_plot_kinds(const char *names[TW_STUDY_PLOTS]);

// output: the result shown, NULL for the first goal. NULL: the study has no such plot.
TwStudyPlot *tw_study_plot_create(const TwStudy *study, const char *kind, const char *output);
const TwPlot *tw_study_plot(const TwStudyPlot *plot);
void tw_study_plot_destroy(TwStudyPlot *plot);
#endif
