// How a sequence ends: done, cancelled, rejected, lost with power or gone elsewhere; who counts it and who is told.
#include "models/workload/engine_parts.h"

static bool gaps_good(const TwEngine *e, TwReplica *r, const TwRow *row)
{
    if (!rare(e->gaps_kept) || e->service[row->service].itl <= 0) return true;
    const TwGapCount *gaps = gap_counts_of(r) + (row - rows_of(e, r));
    return (double)gaps->over <= e->service[row->service].itl_over * (double)gaps->made;
}

static void tell(const TwEngine *e, TwReplica *r, const TwRow *row, TwOutcome outcome, int64_t now_ns,
                 const TwEngineLog *log)
{
    if (!log || !log->finished) return;
    // a front end that is behind may pass the first token of a prompt computed apart on after all others
    if (outcome == TW_ENDED_DONE && now_ns < row->first_ns) now_ns = row->first_ns;
    TwFinished done = {.request = tw_row_request(row),
                       .first_ns = row->first_ns <= now_ns ? row->first_ns : 0,    // else the front end had it still
                       .last_ns = now_ns,
                       .outcome = outcome,
                       .gaps_good = outcome == TW_ENDED_DONE && gaps_good(e, r, row)};
    if (e->keeps) {
        const TwCold *cold = cold_of(e, r) + (row - rows_of(e, r));
        done.request.session = cold->session;
        done.request.turn = cold->turn;
        done.scheduled_ns = cold->scheduled_ns;
        done.hit_tokens = cold->hit;
        done.preemptions = cold->preempted;
    }
    log->finished(log->context, &done);
}

static void measure(const TwEngine *e, TwReplica *r, const TwRow *row, const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    int64_t now = out_ns(e, r), ttft = row->first_ns - row->arrival_ns, tpot = 0;
    if (now < row->first_ns) now = row->first_ns;    // behind the front end that has its first token
    if (row->output > 1) tpot = (int64_t)((double)(now - row->first_ns) * 1000.0 / (double)(row->output - 1) + 0.5);
    bool good = tw_service_good(&e->service[row->service], ttft, tpot, now - row->arrival_ns) && gaps_good(e, r, row);
    bool counts = row->arrival_ns >= e->spec.measure_from_ns;
    if (rare(e->fronts)) {
        TwReplica *g = group_of(r);
        tw_front_end_add(tail_of(e, g), tw_ns_of(r->time), now, counts, good);
    }
    if (counts) {
        n->measured++;
        n->good += good;
    }
    if (!log) return;
    if (counts && log->latency) {
        TwLatency *latency = log->latency + row->service;
        tw_latency_end(latency, ttft, row->output > 1 ? tpot : -1, now - row->arrival_ns);
        tw_latency_add(latency, TW_NORMALISED,
                       (int64_t)((double)(now - row->arrival_ns) * 1000.0 / (double)row->output + 0.5));
    }
    TwServiceCounts *both[2] = {log->service ? log->service + row->service : NULL,
                                log->tenant ? log->tenant + row->tenant : NULL};
    for (int k = 0; k < 2; k++) {
        if (!both[k]) continue;
        both[k]->completed++;
        both[k]->output_tokens += row->output;
        if (!counts) continue;
        both[k]->measured++;
        if (!good) continue;
        both[k]->good++;
        both[k]->good_tokens += row->output;
    }
}

void tw_seq_end(const TwEngine *e, TwReplica *r, const TwRow *row, TwOutcome outcome, int64_t now_ns,
                const TwEngineLog *log)
{
    TwEngineCounts *n = counts_of(r);
    if (outcome == TW_ENDED_DONE) {
        n->completed++;
        measure(e, r, row, log);
    } else {
        n->cancelled += outcome == TW_ENDED_CANCELLED;
        n->lost += outcome == TW_ENDED_LOST;
        n->rejected += outcome == TW_ENDED_REJECTED;
        for (int k = 0; log && k < 2; k++) {
            TwServiceCounts *counts = k == 0 ? log->service : log->tenant;
            if (!counts) continue;
            counts += k == 0 ? row->service : row->tenant;
            counts->cancelled += outcome == TW_ENDED_CANCELLED;
            counts->lost += outcome == TW_ENDED_LOST;
            counts->rejected += outcome == TW_ENDED_REJECTED;
        }
    }
    tell(e, r, row, outcome, now_ns, log);
}

// What is not done of a sequence that has `computed` tokens is dropped.
static void drop(TwReplica *r, const TwRow *row, int64_t computed)
{
    TwEngineCounts *n = counts_of(r);
    int32_t x = row->seen > computed ? row->seen : (int32_t)computed;
    int64_t input = x < row->input ? row->input - x : 0, output = row->output - produced_of(row->input, x);
    n->input_pending -= input;
    n->input_dropped += input;
    n->output_pending -= output;
    n->output_dropped += output;
    if (row->first_ns == 0) r->prompt_blocks -= tw_kv_pages(&r->kv, row->input);
}

void tw_seq_drop(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, TwOutcome outcome, int64_t now_ns,
                 const TwEngineLog *log)
{
    const TwRow *at = rows_of(e, r) + row;
    if (rare(at->awaits || at->tied)) log->forsaken(log->context, row, now_ns);
    if (outcome == TW_ENDED_CANCELLED && at->first_ns != 0 && at->first_ns <= now_ns) {
        counts_of(r)->left++;
        counts_of(r)->left_tokens += produced_of(at->input, (int32_t)(at->seen > computed ? at->seen : computed));
    }
    drop(r, at, computed);
    tw_seq_end(e, r, at, outcome, now_ns, log);
    tw_seq_free(e, r, row);
}

// What is left of it is done elsewhere.
void tw_seq_move_on(const TwEngine *e, TwReplica *r, uint32_t row)
{
    const TwRow *at = rows_of(e, r) + row;
    TwEngineCounts *n = counts_of(r);
    int64_t input = at->seen < at->input ? at->input - at->seen : 0;
    int64_t output = at->output - produced_of(at->input, at->seen);
    n->moved++;
    n->moved_input += input;
    n->moved_output += output;
    n->input_pending -= input;
    n->output_pending -= output;
}

void tw_seq_lose(const TwEngine *e, TwReplica *r, uint32_t row, int64_t computed, const TwEngineLog *log)
{
    TwRow *at = rows_of(e, r) + row;
    if (rare(at->awaits || at->tied)) log->forsaken(log->context, row, tw_ns_of(r->time));
    if (rare(at->awaits && at->tied)) return;
    if (computed > at->seen) at->seen = (int32_t)computed;
    const TwContent *content = e->keeps_content ? content_of(e, r) + row : NULL;
    if (log && log->lost &&
        log->lost(log->context, at, e->keeps ? cold_of(e, r) + row : NULL, content, tw_ns_of(r->time))) {
        tw_seq_move_on(e, r, row);
        return;
    }
    drop(r, at, computed);
    tw_seq_end(e, r, at, TW_ENDED_LOST, tw_ns_of(r->time), log);
}
