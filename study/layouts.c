#include "study/layouts.h"
#include "models/workload/planner.h"
#include "study/layout_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double CLOSE = 1.04, LEAST = 0.02;              // LEAST: requests/s a GPU, where a search begins
static const double OF_PROMPTS = 0.90, OF_DECODES = 0.92;    // of the static rule

void tw_engine_of(const TwDeploy *deploy, TwEngineSpec *engine)
{
    engine->sglang.prefill_tokens *= deploy->step->attention_ranks;
    engine->sglang.chunk_tokens *= deploy->step->attention_ranks;
    TwSpeculate *drafts = &engine->speculate;
    if (drafts->draft > 0 && drafts->draft_fraction == 0.0)
        drafts->draft_fraction = tw_step_draft_fraction(deploy->step, (int)deploy->model.layers, drafts->draft);
    if (engine->policy == TW_SARATHI || engine->policy == TW_PREFILL_FIRST)
        engine->watermark_blocks = deploy->step->kv_blocks_16 / 100;
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

int tw_layout_gpus(const TwParallel *layout) { return layout->tensor * layout->ranks; }

int tw_layout_row_gpus(const TwLayoutRow *row)
{
    return row->replicas * tw_layout_gpus(&row->layout) + row->prefills * tw_layout_gpus(&row->front);
}

static void refuse(TwLayoutRow *row, const TwError *error)
{
    snprintf(row->refused, sizeof row->refused, "%.250s", error->text);
}

// rate_s, m: of so many alike, of which m is one.
static void fill(TwLayoutRow *row, double rate_s, double alike, const TwTrialResult *m, bool first)
{
    row->rate_s = rate_s * alike;
    row->output_s = rate_s > 0.0 ? m->output_s * alike : 0.0;
    row->per_gpu = row->output_s / tw_layout_row_gpus(row);
    row->per_user = m->per_user, row->ttft_s = m->ttft_s, row->tpot_s = m->tpot_s;
    row->joules = m->watts / m->output_s;
    row->first_breaks = first;
}

static bool open_layout(const TwLayoutsInput *in, const TwParallel *layout, TwDeploy *deploy, TwError *error)
{
    TwDeploySpec spec = in->deploy;
    spec.layout = *layout;
    return tw_deploy_create(deploy, &spec, error);
}

static TwTrial trial_of(const TwLayoutsInput *in, const TwDeploy *deploy)
{
    TwTrial trial = {.input = in, .deploy = deploy, .engine = *in->engine};
    tw_engine_of(deploy, &trial.engine);
    return trial;
}

// r_p and r_d of one replica.
static bool find_rates(const TwLayoutsInput *in, const TwTrial *trial, TwLayoutRow *row, TwError *error)
{
    const TwServeSpec *s = &in->serve;
    const TwStepModel *step = trial->deploy->step;
    TwServeSpec serve = *s;
    serve.engine = &trial->engine;
    TwEngineSpec spec = tw_serve_engine(trial->deploy, &serve);
    int64_t sequences = (int64_t)s->max_sequences * step->attention_ranks;
    spec.step = &step->source, spec.block_tokens = 16, spec.kv_blocks = step->kv_blocks_16, spec.queue_max = 64;
    spec.max_tokens = s->max_tokens * (trial->deploy->gpus / step->tensor_parallel);
    spec.max_sequences = (int)(spec.ranks > 1 || sequences < TW_LIST_MOST ? sequences : TW_LIST_MOST);
    spec.ttft_slo_s = in->ttft_slo_s, spec.tpot_slo_s = in->tpot_slo_s;
    TwEngine *engine = calloc(1, sizeof *engine);
    if (!engine) abort();
    bool good = tw_engine_build(engine, &spec, error);
    if (good) {
        row->prompts_s = tw_planner_prompts_s(engine, s->input_mean, in->ttft_slo_s);
        row->decodes_s = tw_planner_decodes_s(engine, s->input_mean, s->output_mean, in->tpot_slo_s);
    }
    free(engine);
    return good;
}

// ---- so many GPUs for a rate ----------------------------------------------------------------------------------------

// Replicas of both kinds at the rate, one more of the kind that breaks until the limits hold, then one less as long as
// they do. False: an error; row->beyond: not with the GPUs there are.
static bool fewest(TwTrial *t, TwLayoutRow *row, TwError *error)
{
    const TwLayoutsInput *in = t->input;
    bool held = false, first = false;
    TwTrialResult m, best = {0};
    TwLayoutRow now = *row;
    for (int kind = now.prefills > 0 ? 2 : 1; kind > 0;) {
        t->replicas = now.replicas, t->prefills = now.prefills;
        row->beyond = !held && tw_layout_row_gpus(&now) > in->gpus;
        if (row->beyond) break;
        if (!tw_trial(t, in->rate_s, &m, error)) return false;
        if (tw_trial_holds(t, &m)) {
            held = true, best = m;
            row->replicas = now.replicas, row->prefills = now.prefills;
        } else if (!held) {
            // both where neither is near its limit: a queue
            now.prefills += now.prefills > 0 && m.first;
            now.replicas += !(now.prefills > 0 && m.first);
            continue;
        } else {
            first = m.first;
            kind--;
        }
        // fewer for prompts first, then of the others
        now.replicas = row->replicas - (kind == 1), now.prefills = row->prefills - (kind == 2);
        if (kind == 2 && now.prefills == 0) now.prefills = row->prefills, now.replicas--, kind = 1;
        if (now.replicas == 0) break;
    }
    if (held) fill(row, in->rate_s, 1.0, &best, first);
    return true;
}

// ---- each layout ----------------------------------------------------------------------------------------------------

static void try_alone(const TwLayoutsInput *in, TwLayoutRow *row)
{
    TwDeploy deploy;
    TwError error = {0};
    TwTrialResult m = {0};
    double rate = 0.0;
    bool first = false;
    if (!open_layout(in, &row->layout, &deploy, &error)) {
        refuse(row, &error);
        return;
    }
    TwTrial trial = trial_of(in, &deploy);
    row->kv_tokens = (double)deploy.step->kv_blocks_16 * 16.0;
    bool good = find_rates(in, &trial, row, &error) &&
                tw_trial_most(&trial, LEAST * deploy.gpus, CLOSE, &rate, &m, &first, &error);
    if (good && in->rate_s > 0.0 && rate > 0.0) {
        double needed = ceil(in->rate_s / rate);
        // behind a router fewer may do than each by itself, but not half as many
        row->beyond = 0.5 * needed * deploy.gpus > in->gpus;
        if (!row->beyond) {
            row->replicas = (int)fmin(needed, in->gpus / deploy.gpus);
            trial.fleet = true;
            good = fewest(&trial, row, &error);
        }
        if (row->beyond) row->needs = (int)fmin(needed * deploy.gpus, 1e9);
    } else if (good) {
        fill(row, rate, row->replicas, &m, first);
    }
    if (!good) refuse(row, &error);
    tw_deploy_destroy(&deploy);
}

// ---- prompts apart --------------------------------------------------------------------------------------------------

// Replicas of both kinds by the rule. False: the pair carries nothing, or not the rate.
static bool pair_of(const TwLayoutsInput *in, const TwLayoutRow *front, const TwLayoutRow *row, TwLayoutRow *pair)
{
    int of_front = tw_layout_gpus(&front->layout), of_row = tw_layout_gpus(&row->layout);
    double prompts = OF_PROMPTS * front->prompts_s, decodes = OF_DECODES * row->decodes_s;
    *pair = (TwLayoutRow){.layout = row->layout, .front = front->layout, .kv_tokens = row->kv_tokens};
    if (front->refused[0] || row->refused[0] || !(prompts > 0.0) || !(decodes > 0.0)) return false;
    pair->prompts_s = front->prompts_s, pair->decodes_s = row->decodes_s;
    if (in->rate_s > 0.0) {
        double n = ceil(in->rate_s / prompts), of = ceil(in->rate_s / decodes);
        if (n * of_front + of * of_row > in->gpus) return false;
        pair->prefills = (int)n, pair->replicas = (int)of;
    }
    for (int n = 1; in->rate_s == 0.0 && n * of_front < in->gpus; n++) {
        int of = (in->gpus - n * of_front) / of_row;
        double rule = fmin(n * prompts, of * decodes);
        if (rule <= pair->rule_s) continue;
        pair->rule_s = rule, pair->prefills = n, pair->replicas = of;
    }
    if (pair->prefills == 0) return false;
    pair->rule_s = fmin(pair->prefills * prompts, pair->replicas * decodes);
    return true;
}

// The most at the replicas of the pair, then with one more of the kind that breaks first as long as it is more.
static bool climb(TwTrial *t, TwLayoutRow *row, TwError *error)
{
    TwLayoutRow now = *row;
    int of_front = tw_layout_gpus(&row->front), of_row = tw_layout_gpus(&row->layout);
    double from = row->rule_s;
    for (int moved = 0; now.prefills > 0 && now.replicas > 0; moved++) {
        TwTrialResult m = {0};
        double rate;
        bool first = false;
        t->replicas = now.replicas, t->prefills = now.prefills;
        if (!tw_trial_most(t, from, CLOSE, &rate, &m, &first, error)) return false;
        if (moved > 0 && rate <= row->rate_s) return true;
        fill(&now, rate, 1.0, &m, first);
        double prompts = OF_PROMPTS * row->prompts_s, decodes = OF_DECODES * row->decodes_s;
        now.rule_s = fmin(now.prefills * prompts, now.replicas * decodes);
        *row = now;
        if (rate == 0.0) return true;
        from = rate;
        if (first)
            now.prefills++, now.replicas = (t->input->gpus - now.prefills * of_front) / of_row;
        else
            now.replicas++, now.prefills = (t->input->gpus - now.replicas * of_row) / of_front;
    }
    return true;
}

static void try_pair(const TwLayoutsInput *in, TwLayoutRow *row)
{
    TwDeploy deploy, front;
    TwError error = {0};
    bool both = open_layout(in, &row->layout, &deploy, &error), good = both;
    if (good && !open_layout(in, &row->front, &front, &error)) {
        tw_deploy_destroy(&deploy);
        both = good = false;
    }
    if (good) {
        TwTrial trial = trial_of(in, &deploy);
        trial.fleet = true, trial.front = &front;
        good = in->rate_s > 0.0 ? fewest(&trial, row, &error) : climb(&trial, row, &error);
    }
    if (both) {
        tw_deploy_destroy(&deploy);
        tw_deploy_destroy(&front);
    }
    if (!good) refuse(row, &error);
}

// ---- all of them ----------------------------------------------------------------------------------------------------

// Of the pairs by the rule: most requests, or the fewest GPUs for them; then the fewest replicas.
static int better_pair(const void *a, const void *b)
{
    const TwLayoutRow *x = a, *y = b;
    int order = tw_layout_row_gpus(x) - tw_layout_row_gpus(y);
    if (order != 0 && x->rate_s > 0.0) return order;
    if (x->rule_s != y->rule_s) return x->rule_s > y->rule_s ? -1 : 1;
    return x->prefills + x->replicas - y->prefills - y->replicas;
}

static int better(const void *a, const void *b)
{
    const TwLayoutRow *x = a, *y = b;
    if (!x->refused[0] != !y->refused[0]) return x->refused[0] ? 1 : -1;
    if (x->output_s != y->output_s) return x->output_s > y->output_s ? -1 : 1;
    int order = tw_layout_row_gpus(x) - tw_layout_row_gpus(y);
    if (order != 0) return order;
    if (x->output_s > 0.0 && x->joules != y->joules) return x->joules < y->joules ? -1 : 1;
    order = x->layout.tensor - y->layout.tensor;
    return order != 0 ? order : x->layout.experts - y->layout.experts;
}

// The best pairs behind the rows; how many.
static int list_pairs(const TwLayoutsInput *in, TwLayoutRow *rows, int count)
{
    TwLayoutRow *pairs = calloc((size_t)count * (size_t)count + 1, sizeof *pairs);
    int more = 0, room = TW_LAYOUTS_MOST - count;
    if (!pairs) abort();
    for (int p = 0; in->split > 0 && p < count; p++)
        for (int d = 0; d < count; d++) {
            if (!pair_of(in, &rows[p], &rows[d], &pairs[more])) continue;
            pairs[more++].rate_s = in->rate_s;
        }
    qsort(pairs, (size_t)more, sizeof *pairs, better_pair);
    int kept = more < in->split ? more : in->split;
    if (kept > room) kept = room;
    for (int k = 0; k < kept; k++) rows[count + k] = pairs[k], rows[count + k].rate_s = 0.0;
    free(pairs);
    return kept;
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
    int more = list_pairs(in, rows, count);
#pragma omp parallel for schedule(dynamic, 1)
    for (int k = 0; k < more; k++) try_pair(in, &rows[count + k]);
    count += more;
    qsort(rows, (size_t)count, sizeof *rows, better);
    return count;
}
