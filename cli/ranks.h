// MPI ranks that run one study: the first deals scenarios out one by one, and computes too.
#pragma once

#include "study/study.h"

// NULL: this program was built without MPI, or there is one rank only.
const TwDeal *tw_ranks_begin(void);
void tw_ranks_end(void);
