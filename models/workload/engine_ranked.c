// The boundaries of plain engines of attention ranks: one unit of the files below, without what such engines never have
// (plain.h).
#define TW_PLAIN_UNIT
#define TW_RANKED_UNIT

#include "models/workload/advance.c"
#include "models/workload/engine_run.c"
#include "models/workload/kv_pool.c"
#include "models/workload/prefix_cache.c"
#include "models/workload/ranks.c"
#include "models/workload/sched.c"
#include "models/workload/sched_vllm.c"
#include "models/workload/seq.c"
#include "models/workload/seq_cache.c"
#include "models/workload/seq_end.c"
#include "models/workload/seq_out.c"
#include "models/workload/service.c"

void tw_ranked_boundaries(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    tw_engine_boundaries(e, r, until_ns, log);
}

void tw_ranked_run(const TwEngine *e, TwReplica *r, int64_t until_ns, const TwEngineLog *log)
{
    tw_engine_run(e, r, until_ns, log);
}

bool tw_ranked_offer_as(const TwEngine *e, TwReplica *r, const TwRequest *request, const TwComing *coming,
                        const TwEngineLog *log)
{
    return tw_engine_offer_as(e, r, request, coming, log);
}
