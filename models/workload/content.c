#include "models/workload/content.h"

// Piece number `piece` of a request, cut to what is left of it: its segments or ids, then its output.
static TwSegment piece_of(const TwRuns *r, int32_t piece, int32_t at)
{
    const TwContent *c = r->content;
    TwSegment s = {0, 0, 0};
    if (at < r->input) {
        if (piece >= c->count) {
            s = (TwSegment){r->own, at, r->input - at};
        } else if (c->list) {
            s = (TwSegment){tw_content_stream(1, r->list->id[c->list - 1 + piece]), 0, r->list->tokens};
        } else {
            s = c->segment[piece];
        }
        if (s.length > r->input - at) s.length = r->input - at;
    } else if (at < r->total) {
        bool own = c->output_stream == 0;
        s = (TwSegment){own ? r->own : c->output_stream, own ? at : c->output_start, r->total - at};
    }
    return s;
}

bool tw_runs_next(TwRuns *r, TwRun *run)
{
    if (r->at >= r->total) return false;
    TwSegment first = piece_of(r, r->piece, r->at);
    *run = (TwRun){tw_content_mix(tw_content_mix(r->hash, first.stream), (uint64_t)first.start), r->at, r->at};
    // segments that go on where the last ended are one run
    TwSegment next = first;
    do {
        run->end += next.length;
        r->piece++;
        int32_t ends = next.start + next.length;
        next = piece_of(r, r->piece, run->end);
        if (next.start != ends) break;
    } while (next.length > 0 && next.stream == first.stream);
    r->at = run->end;
    r->hash = tw_run_hash(run->base, run->end - run->begin);
    return true;
}
