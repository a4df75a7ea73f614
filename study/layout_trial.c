#include "study/layout_trial.h"
#include "study/rate_search.h"

#include <math.h>
#include <stdlib.h>

enum { TRIES = 20 };
static const double FLEET_SPAN_S = 120.0;

static const double shares[] = {0.0, 0.5, 0.9, 0.99};    // of TwLayoutsInput.quantile

static bool alone(const TwTrial *t, double rate_s, TwTrialResult *m, TwError *error)
{
    TwServeSpec serve = t->input->serve;
    TwServeResult r;
    double answer_s = serve.output_mean * t->input->tpot_slo_s;
    serve.kind = TW_LOAD_OPEN, serve.replicas = 1.0, serve.rate_s = rate_s, serve.engine = &t->engine;
    serve.requests = (int64_t)fmax(rate_s * fmax(4.0 * answer_s, 60.0), 400.0), serve.settled = true;
    if (!tw_serve(t->deploy, &serve, &r, error)) return false;
    int q = t->input->quantile;
    // a queue that grows shows in the first token; the count of so few arrivals scatters
    *m = (TwTrialResult){.output_s = rate_s * serve.output_mean,
                         .per_user = 1.0 / r.tpot_s[0],
                         .ttft_s = r.ttft_s[q],
                         .tpot_s = r.tpot_s[q],
                         .watts = r.gpu_w * t->deploy->gpus,
                         .within = NAN,
                         .saturated = r.requests_s < 0.7 * rate_s};
    return true;
}

static bool fleet(const TwTrial *t, double rate_s, TwTrialResult *m, TwError *error)
{
    const TwLayoutsInput *in = t->input;
    TwServeSpec serve = in->serve;
    TwEngineSpec engine = t->engine;
    if (in->whole_answer) engine.policy = TW_TRTLLM;
    serve.kind = TW_LOAD_OPEN, serve.replicas = t->replicas, serve.rate_s = rate_s, serve.engine = &engine;
    double answer_s = serve.output_mean * in->tpot_slo_s;
    const TwFleetSpec spec = {
        .serve = &serve,
        .prefill = t->front,
        .router = "least_loaded",
        .replicas = t->replicas,
        .prefills = t->prefills,
        .warmup_s = fmax(0.4 * FLEET_SPAN_S, 2.0 * answer_s),
        .span_s = fmax(FLEET_SPAN_S, 5.0 * answer_s),
        .ttft_slo_s = in->ttft_slo_s,
        .tpot_slo_s = in->tpot_slo_s,
        .interval_s = 60.0,
        .itl_share = 0.99,
        .kv_token_bytes = tw_serve_token_bytes(t->deploy, in->deploy.kv_precision),
        .threads = 1,
    };
    TwFleetResult *r = calloc(1, sizeof *r);
    if (!r) abort();
    bool good = tw_fleet_run(t->deploy, &spec, r, error);
    if (good) {
        double q = shares[in->quantile];
        const TwWorkloadTotals *all = &r->totals;
        m->ttft_s = tw_sketch_quantile(&r->latency[TW_TTFT], q),
        m->tpot_s = tw_sketch_quantile(&r->latency[TW_TPOT], q);
        m->per_user = 1.0 / tw_sketch_mean(&r->latency[TW_TPOT]);
        m->within = (double)all->good / (double)all->measured_completed;
        m->output_s = rate_s * serve.output_mean;
        m->watts = (r->device_j + r->rest_j) / (double)all->output_tokens_done * m->output_s;
        // nobody has begun, or who waits grows beyond a tenth of who came
        m->saturated = all->measured_completed == 0 || 10 * (all->waiting + all->rejected) > all->arrived;
    }
    free(r);
    return good;
}

bool tw_trial(const TwTrial *t, double rate_s, TwTrialResult *m, TwError *error)
{
    if (!(t->fleet ? fleet(t, rate_s, m, error) : alone(t, rate_s, m, error))) return false;
    m->first = m->ttft_s / t->input->ttft_slo_s > m->tpot_s / t->input->tpot_slo_s || m->saturated;
    return true;
}

// Quantiles of a fleet are those of buckets 2 % wide: it counts the requests.
bool tw_trial_holds(const TwTrial *t, const TwTrialResult *m)
{
    if (m->saturated) return false;
    return isnan(m->within) ? m->ttft_s <= t->input->ttft_slo_s && m->tpot_s <= t->input->tpot_slo_s
                            : m->within >= shares[t->input->quantile];
}

bool tw_trial_most(const TwTrial *t, double from, double close, double *rate_s, TwTrialResult *best, bool *first,
                   TwError *error)
{
    double low = 0.0, high = INFINITY, rate = from;
    for (int k = 0; k < TRIES; k++) {
        TwTrialResult m;
        if (!tw_trial(t, rate, &m, error)) return false;
        bool holds = tw_trial_holds(t, &m);
        if (holds)
            low = rate;
        else
            high = rate, *first = m.first;
        if (holds || low == 0.0) *best = m;
        if (high <= close * low || high < 0.1 * from) break;
        rate = tw_next_rate(low, high);
    }
    *rate_s = low;
    return true;
}
