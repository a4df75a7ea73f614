#include "twin/serve_log.h"

#include "sim/file.h"

#include <inttypes.h>

static void put_time(FILE *f, int64_t ns, bool there)
{
    if (there)
        fprintf(f, "%" PRId64 ".%09" PRId64 ",", ns / 1000000000, ns % 1000000000);
    else
        fputc(',', f);
}

bool tw_serve_log(const char *path, const TwFinished *ends, int64_t count, TwError *error)
{
    static const char *const outcomes[] = {"done", "rejected", "lost", "cancelled"};
    TwFile file;
    if (!tw_file_create(&file, path, error)) return false;
    FILE *f = file.stream;
    fputs("request,arrival_s,scheduled_s,first_token_s,end_s,input_tokens,output_tokens,cached_tokens,preemptions,"
          "outcome,replica\n",
          f);
    for (int64_t i = 0; i < count; i++) {
        const TwFinished *e = &ends[i];
        fprintf(f, "%" PRIu32 ",", e->request.id);
        put_time(f, e->request.arrival_ns, true);
        bool served = e->outcome != TW_ENDED_REJECTED;
        put_time(f, e->scheduled_ns, served && e->scheduled_ns >= 0);
        put_time(f, e->first_ns, e->first_ns > 0);
        put_time(f, e->last_ns, true);
        fprintf(f, "%" PRId32 ",%" PRId32 ",%" PRId32 ",%" PRId32 ",%s,", e->request.input_tokens,
                e->request.output_tokens, e->hit_tokens, e->preemptions, outcomes[e->outcome]);
        if (e->replica >= 0) fprintf(f, "%" PRId32, e->replica);
        fputc('\n', f);
    }
    return tw_file_finish(&file, true, error);
}
