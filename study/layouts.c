#include "study/layouts.h"
#include "study/rate_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 20 };
static const double CLOSE = 1.04, LEAST = 0.02, SPLIT_SPAN_S = 120.0;    // LEAST: requests/s a GPU, where search begins

void tw_engine_of(const TwDeploy *deploy, TwEngineSpec *engine)
{
    engine->sglang.prefill_tokens *= deploy->step->attention_ranks;
    engine->sglang.chunk_tokens *= deploy->step->attention_ranks;
    engine->speculate.draft_fraction = 1.0 / (double)deploy->model.layers;
    if (engine->policy == TW_SARATHI || engine->policy == TW_PREFILL_FIRST)
        engine->watermark_blocks = deploy->step->kv_blocks_16 / 100;
}

static const double shares[] = {0.0, 0.5, 0.9, 0.99};    // of TwLayoutsInput.quantile

// ---- a rate ---------------------------------------------------------------------------------------------------------

typedef struct Measured {
    double output_s, per_user, ttft_s, tpot_s, watts;
    double within;    // share of the requests within both limits; NaN: not counted, the quantiles say it
    bool saturated;
} Measured;

typedef struct Trial {
    const TwLayoutsInput *input;
    const TwDeploy *deploy;
    TwServeSpec serve;
    TwEngineSpec engine;
    int replicas, prefills;    // prefills 0: one replica stands for all
} Trial;

static bool alone(const Trial *t, double rate_s, Measured *m, TwError *error)
{
    TwServeSpec serve = t->serve;
    TwServeResult r;
    double answer_s = serve.output_mean * t->input->tpot_slo_s;
    serve.kind = TW_LOAD_OPEN, serve.replicas = 1.0, serve.rate_s = rate_s, serve.engine = &t->engine;
    serve.requests = (int64_t)fmax(rate_s * fmax(4.0 * answer_s, 60.0), 400.0), serve.settled = true;
    if (!tw_serve(t->deploy, &serve, &r, error)) return false;
    int q = t->input->quantile;
    // a queue that grows shows in the first token; the count of so few arrivals scatters
    *m = (Measured){.output_s = rate_s * serve.output_mean,
                    .per_user = 1.0 / r.tpot_s[0],
                    .ttft_s = r.ttft_s[q],
                    .tpot_s = r.tpot_s[q],
                    .watts = r.gpu_w * t->deploy->gpus,
                    .within = NAN,
                    .saturated = r.requests_s < 0.7 * rate_s};
    return true;
}

static bool split(const Trial *t, double rate_s, Measured *m, TwError *error)
{
    const TwLayoutsInput *in = t->input;
    TwServeSpec serve = t->serve;
    TwEngineSpec engine = t->engine;
    if (in->whole_answer) engine.policy = TW_TRTLLM;
    serve.kind = TW_LOAD_OPEN, serve.replicas = t->replicas, serve.rate_s = rate_s, serve.engine = &engine;
    double answer_s = serve.output_mean * in->tpot_slo_s;
    const TwFleetSpec fleet = {
        .serve = &serve,
        .router = "least_loaded",
        .replicas = t->replicas,
        .prefills = t->prefills,
        .warmup_s = fmax(0.4 * SPLIT_SPAN_S, 2.0 * answer_s),
        .span_s = fmax(SPLIT_SPAN_S, 5.0 * answer_s),
        .ttft_slo_s = in->ttft_slo_s,
        .tpot_slo_s = in->tpot_slo_s,
        .interval_s = 60.0,
        .itl_share = 0.99,
        .kv_token_bytes =
            tw_model_kv_elements(&t->deploy->model, 1) * (strcmp(in->deploy.kv_precision, "fp8") == 0 ? 1.0 : 2.0),
        .threads = 1,
    };
    TwFleetResult *r = calloc(1, sizeof *r);
    if (!r) abort();
    bool good = tw_fleet_run(t->deploy, &fleet, r, error);
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

static bool measure(const Trial *t, double rate_s, Measured *m, TwError *error)
{
    return t->prefills > 0 ? split(t, rate_s, m, error) : alone(t, rate_s, m, error);
}

// The highest rate within the limits, doubled from `from` and halved in between. *rate_s 0: there is none, *best is
// that of the least. first: whether the first token breaks next.
static bool most(const Trial *t, double from, double close, double *rate_s, Measured *best, bool *first, TwError *error)
{
    const TwLayoutsInput *in = t->input;
    double low = 0.0, high = INFINITY, rate = from;
    for (int k = 0; k < TRIES; k++) {
        Measured m;
        if (!measure(t, rate, &m, error)) return false;
        double a = m.ttft_s / in->ttft_slo_s, b = m.tpot_s / in->tpot_slo_s;
        // quantiles of a fleet are those of buckets 4 % wide: it counts the requests
        bool holds = !m.saturated && (isnan(m.within) ? a <= 1.0 && b <= 1.0 : m.within >= shares[in->quantile]);
        if (holds)
            low = rate;
        else
            high = rate, *first = a > b || m.saturated;
        if (holds || low == 0.0) *best = m;
        if (high <= close * low || high < 0.1 * from) break;
        rate = tw_next_rate(low, high);
    }
    *rate_s = low;
    return true;
}

// ---- layouts --------------------------------------------------------------------------------------------------------

static int list(const TwLayoutsInput *in, bool experts, TwLayoutRow *rows)
{
    int count = 0;
    for (int gpus = 1; gpus <= in->gpus; gpus = 2 * gpus <= in->gpus || gpus == in->gpus ? 2 * gpus : in->gpus)
        for (int tensor = 1; tensor <= gpus; tensor *= 2) {
            int ranks = gpus / tensor;
            if (ranks * tensor != gpus || (!experts && ranks > 1)) continue;
            for (int over = 0; over < (experts && ranks == 1 && gpus > 1 ? 2 : 1) && count < TW_LAYOUTS_MOST; over++)
                rows[count++] = (TwLayoutRow){.layout = {tensor, ranks, 1, experts && over == 0 ? gpus : 1},
                                              .replicas = in->gpus / gpus};
        }
    return count;
}

static int gpus_of(const TwLayoutRow *row) { return row->layout.tensor * row->layout.ranks; }

static void refuse(TwLayoutRow *row, const TwError *error)
{
    snprintf(row->refused, sizeof row->refused, "%.150s", error->text);
}

static void fill(TwLayoutRow *row, double rate_s, double replicas, const Measured *m, bool first)
{
    double gpus = (double)gpus_of(row) * (row->replicas + row->prefills);
    row->rate_s = rate_s * replicas;
    row->output_s = rate_s > 0.0 ? m->output_s * replicas : 0.0;
    row->per_gpu = row->output_s / gpus;
    row->per_user = m->per_user, row->ttft_s = m->ttft_s, row->tpot_s = m->tpot_s;
    row->joules = m->watts / m->output_s;
    row->first_breaks = first;
}

static bool open_layout(const TwLayoutsInput *in, const TwLayoutRow *row, TwDeploy *deploy, Trial *trial,
                        TwError *error)
{
    TwDeploySpec spec = in->deploy;
    spec.layout = row->layout;
    *trial = (Trial){.input = in, .deploy = deploy, .serve = in->serve, .engine = *in->engine};
    if (!tw_deploy_create(deploy, &spec, error)) return false;
    tw_engine_of(deploy, &trial->engine);
    return true;
}

static void try_alone(const TwLayoutsInput *in, TwLayoutRow *row)
{
    TwDeploy deploy;
    Trial trial;
    TwError error = {0};
    Measured m = {0};
    double rate;
    bool first = false;
    if (!open_layout(in, row, &deploy, &trial, &error)) {
        refuse(row, &error);
        return;
    }
    row->kv_tokens = (double)deploy.step->kv_blocks_16 * 16.0;
    if (most(&trial, LEAST * deploy.gpus, CLOSE, &rate, &m, &first, &error))
        fill(row, rate, row->replicas, &m, first);
    else
        refuse(row, &error);
    tw_deploy_destroy(&deploy);
}

// The same GPUs with some replicas for prompts alone.
static void try_split(const TwLayoutsInput *in, const TwLayoutRow *of, TwLayoutRow *row)
{
    TwDeploy deploy;
    Trial trial;
    TwError error = {0};
    Measured m = {0};
    int all = of->replicas;
    double rate, prompts = 0.0, decodes = 0.0, from = of->rate_s / all;
    bool first = false, good = open_layout(in, of, &deploy, &trial, &error);
    *row = *of;
    if (good) {
        trial.prefills = 1, trial.replicas = all - 1;
        good = most(&trial, from, 1.15, &prompts, &m, &first, &error);
        trial.prefills = all - 1, trial.replicas = 1;
        good = good && (all == 2 || most(&trial, from, 1.15, &decodes, &m, &first, &error));
        if (all == 2) decodes = prompts;
        double share = prompts + decodes > 0.0 ? decodes / (prompts + decodes) : 0.5;
        row->prefills = (int)fmin(fmax(round(share * all), 1.0), all - 1.0), row->replicas = all - row->prefills;
        trial.prefills = row->prefills, trial.replicas = row->replicas;
        good = good && most(&trial, 0.5 * of->rate_s, CLOSE, &rate, &m, &first, &error);
        if (good) fill(row, rate, 1.0, &m, first);
        tw_deploy_destroy(&deploy);
    }
    if (!good) refuse(row, &error);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

static int better(const void *a, const void *b)
{
    const TwLayoutRow *x = a, *y = b;
    if (!x->refused[0] != !y->refused[0]) return x->refused[0] ? 1 : -1;
    if (x->output_s != y->output_s) return x->output_s > y->output_s ? -1 : 1;
    int order = gpus_of(x) - gpus_of(y);
    return order                                  ? order
           : x->layout.tensor != y->layout.tensor ? x->layout.tensor - y->layout.tensor
                                                  : x->layout.experts - y->layout.experts;
}

int tw_layouts(const TwLayoutsInput *in, TwLayoutRow *rows, TwError *error)
{
    // names, before many layouts say the same of them
    TwModelRow model;
    TwConfig *config;
    if (!tw_load_part(&tw_model_kind, in->deploy.model, &model, &config, error)) return -1;
    bool experts = model.experts > 0;
    tw_config_destroy(config);
    TwAcceleratorRow chip;
    if (!tw_load_part(&tw_accelerator_kind, in->deploy.chip, &chip, &config, error)) return -1;
    tw_config_destroy(config);
    int count = list(in, experts, rows);
#pragma omp parallel for schedule(dynamic, 1)
    for (int k = 0; k < count; k++) try_alone(in, &rows[k]);
    qsort(rows, (size_t)count, sizeof *rows, better);
    int tried[TW_LAYOUTS_MOST], more = 0;
    for (int k = 0; k < count && more < in->split && count + more < TW_LAYOUTS_MOST; k++)
        if (rows[k].output_s > 0.0 && rows[k].replicas > 1) tried[more++] = k;
#pragma omp parallel for schedule(dynamic, 1)
    for (int k = 0; k < more; k++) try_split(in, &rows[tried[k]], &rows[count + k]);
    count += more;
    qsort(rows, (size_t)count, sizeof *rows, better);
    return count;
}
