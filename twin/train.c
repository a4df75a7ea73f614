#include "twin/train.h"

#include "models/workload/step_tables.h"
#include "twin/deploy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TOKENS_MOST = 1 << 20 };

// a parameter: master weight and two moments in and out, gradient, weight
static const double optimiser_moved = 30.0, optimiser_kept = 12.0;
// of the memory, that an allocator can fill
static const double usable = 0.95;
static const double sent_bytes = 2.0;    // of a weight that replicas gather, of an activation that a stage sends

static bool same(const char *a, const char *b) { return strcmp(a, b) == 0; }
static int at_least_one(int x) { return x > 1 ? x : 1; }

// ---- who has what ---------------------------------------------------------------------------------------------------

typedef struct Placed {
    int tp, pp, cp, vp, ep, gpus, domain;
    int spread;               // GPUs over which the experts of a layer lie
    double replicas;          // of the layers; times cp, ranks that share their gradients
    double m;                 // micro-batches
    double dense, experts;    // parameters of a GPU, mean over the stages
    double ends;              // of the fullest: the embedding
    double layers;            // of the fullest stage
} Placed;

// What can be said of the experts' parallelism before anything is made of it.
static bool check_experts(const TwTrainSetup *setup, TwError *error)
{
    int tp = at_least_one(setup->layout.tp), ep = at_least_one(setup->layout.ep);
    TwModelRow model;
    if (ep > 1 && tw_model_numbers(setup->model, &model)) {
        if (model.moe_layers < 1)
            return tw_fail(error, TW_BAD_INPUT, "ep = %d, but %s has no experts", ep, setup->model);
        if (model.experts % ep != 0)
            return tw_fail(error, TW_BAD_INPUT, "ep = %d, expected a divisor of the %lld experts", ep,
                           (long long)model.experts);
    }
    bool whole = ep >= tp ? ep % tp == 0 : tp % ep == 0;
    return whole || tw_fail(error, TW_BAD_INPUT, "ep = %d, expected a multiple or a divisor of tp = %d", ep, tp);
}

static bool place_experts(Placed *p, TwError *error)
{
    int stage = p->gpus / p->pp;
    p->spread = p->ep > p->tp ? p->ep : p->tp;
    if (stage % p->spread != 0)
        return tw_fail(error, TW_BAD_INPUT, "ep = %d, expected a divisor of the %d GPUs of a pipeline stage", p->ep,
                       stage);
    return true;
}

static bool place(Placed *p, const TwTrainLayout *l, const TwModelRow *m, int domain, TwError *error)
{
    *p = (Placed){.tp = at_least_one(l->tp),
                  .pp = at_least_one(l->pp),
                  .cp = at_least_one(l->cp),
                  .vp = at_least_one(l->vp),
                  .ep = at_least_one(l->ep),
                  .gpus = l->gpus,
                  .domain = domain};
    if (p->vp > 1 && p->pp < 2)
        return tw_fail(error, TW_BAD_INPUT, "vp = %d, but pp = 1: turns are of stages, expected pp of 2 or more",
                       p->vp);
    // the embedding and the head may have the place of a layer
    if (m->layers + 2 < (int64_t)p->pp * p->vp)
        return tw_fail(error, TW_BAD_INPUT, "pp = %d in vp = %d turns are %d parts, expected at most the %lld layers",
                       p->pp, p->vp, p->pp * p->vp, (long long)m->layers);
    if (!place_experts(p, error)) return false;
    p->replicas = (double)(l->gpus / (p->tp * p->pp * p->cp));
    p->m = l->global_batch / p->replicas / at_least_one(l->micro_batch);
    TwWeights w = tw_model_weights(m);
    p->dense = (w.attention + w.dense + w.shared + w.router + w.latent) / (p->tp * p->pp);
    p->experts = w.experts / ((double)p->spread * p->pp);
    p->ends = (p->pp > 1 ? w.embedding : w.embedding + w.head) / p->tp;
    p->layers = ceil((double)m->layers / p->pp);
    return true;
}

// ---- memory ---------------------------------------------------------------------------------------------------------

// Layers of which the first stage keeps activations at once: with v turns (v p + p - 1) of its v m parts.
static double layers_kept(const Placed *p, double layers)
{
    double parts = (double)p->pp * p->vp, most = fmin((double)(p->vp * p->pp + p->pp - 1), p->m * p->vp);
    return p->pp > 1 ? layers * most / parts : layers;
}

static void fill_memory(TwTrainMemory *memory, const Placed *p, const TwTrainSetup *setup, const TwCompose *c,
                        TwRecompute recompute)
{
    const TwModelRow *m = c->model;
    const TwTrainLayout *l = &setup->layout;
    bool narrow = c->linear != TW_BF16;
    double full = p->layers * p->pp / (double)m->layers;    // the fullest stage over the mean
    double dense = p->dense * full, experts = p->experts * full;
    double ranks = p->replicas * p->cp, groups = (double)p->gpus / p->pp / p->spread;
    double tokens = (double)at_least_one(l->micro_batch) * l->sequence_tokens / p->cp;
    // of products in 8 bits by rows and by columns alone (the optimiser has the master), in 4 bits also in bf16
    double kept_bytes = narrow ? 2.0 * tw_number_bytes(c->linear) + (c->linear == TW_FP4 ? 2.0 : 0.0) : 2.0;
    double trained = l->frozen ? 0.0 : 1.0;
    double gradients = trained * setup->gradient_bytes;
    *memory = (TwTrainMemory){.engine = tw_engine_bytes(p->gpus), .had = c->chip->memory_bytes};
    double weights = kept_bytes * (dense + experts) + 2.0 * p->ends;
    double sums = gradients * (dense + experts + p->ends);
    if (setup->sharded) {
        // a shard, and two layers as they are computed
        double two = fmin(2.0 / p->layers, 1.0);
        weights = 2.0 * ((dense + p->ends) / ranks + experts / groups) + two * kept_bytes * (dense + experts);
        sums = gradients * ((dense + p->ends) / ranks + experts / groups + two * (dense + experts));
    }
    memory->weights = weights, memory->gradients = sums;
    memory->optimiser = trained * optimiser_kept * ((dense + p->ends) / ranks + experts / groups);
    double rows = tw_train_kept_bytes(m, p->tp, narrow, recompute);
    memory->activations = rows * tokens * layers_kept(p, (double)m->layers);
    if (recompute == TW_RECOMPUTE_FULL)
        memory->activations += tw_train_kept_bytes(m, p->tp, narrow, TW_RECOMPUTE_NONE) * tokens;
    // logits in bf16 and once in fp32
    if (p->pp == 1) memory->activations += 6.0 * tokens * (double)m->vocabulary / p->tp;
    memory->sum = memory->weights + memory->gradients + memory->optimiser + memory->activations + memory->engine;
}

// ---- time -----------------------------------------------------------------------------------------------------------

// The slowest stage where layers are whole and the last stage, which has the head, has fewer of them.
static double slowest_s(const Placed *p, double layers, double layers_s, double ends_s)
{
    double layer_s = layers_s / layers, best = INFINITY;
    if (p->pp == 1) return layers_s + ends_s;
    for (double last = 0.0; last <= ceil(layers / p->pp); last += 1.0) {
        double others = ceil((layers - last) / (p->pp - 1)) * layer_s;
        best = fmin(best, fmax(others, last * layer_s + ends_s));
    }
    return best;
}

static double collective_s(const TwDeploy *d, TwCollective what, double ranks, double inside, double bytes)
{
    if (ranks < 2.0 || bytes <= 0.0) return 0.0;
    inside = fmax(fmin(inside, ranks), 1.0);
    return tw_network_collective(d->network, what, (int)ranks, (int)inside, bytes).time_s;
}

// Of weights and gradients: the layers' among replicas, the experts' among groups that hold all of them.
static double shared_s(const TwDeploy *d, const Placed *p, TwCollective what, double bytes)
{
    double stage = (double)p->gpus / p->pp, near = fmin((double)p->domain, stage);
    return collective_s(d, what, p->replicas * p->cp, floor(near / p->tp), bytes * (p->dense + p->ends)) +
           collective_s(d, what, stage / p->spread, floor(near / p->spread), bytes * p->experts);
}

// Gathers and sums of a step, and what of them no pass hides.
static void exchange(TwTrained *r, const TwDeploy *d, const Placed *p, const TwTrainSetup *setup)
{
    if (setup->layout.frozen && !setup->sharded) return;
    double forward = r->micro.layers_forward_s / p->pp, backward = r->micro.layers_backward_s / p->pp;
    double gather = shared_s(d, p, TW_ALL_GATHER, sent_bytes);
    double sum = setup->layout.frozen ? 0.0 : shared_s(d, p, TW_REDUCE_SCATTER, setup->gradient_bytes);
    double alone = 1.0 / p->layers, times = 1.0, back = sum;
    if (setup->sharded) times = p->m, back = gather + sum;
    r->exchange_all_s = times * (gather + back);
    r->exchange_s = times * (fmax(alone * gather, gather - forward) + fmax(alone * back, back - backward));
}

static void send(TwTrained *r, const TwDeploy *d, const Placed *p, const TwTrainLayout *l)
{
    if (p->pp < 2) return;
    const TwModelRow *m = &d->model;
    double bytes = sent_bytes * at_least_one(l->micro_batch) * l->sequence_tokens / p->cp * (double)m->hidden / p->tp;
    bool near = p->gpus <= p->domain;
    double once = tw_network_collective(d->network, TW_SEND, 2, near ? 2 : 1, bytes).time_s;
    // turns leave time to send beside another micro-batch; the pipeline fills and empties through sends alone
    r->sends_s = 2.0 * once * (p->pp - 1 + (p->vp > 1 ? 0.0 : p->m));
}

// FLOP of a token as published utilisations count them: causal attention half, windows what they see.
static double model_flop(const TwModelRow *m, double sequence, bool frozen, double *active)
{
    TwWeights w = tw_model_weights(m);
    *active = w.attention + w.dense + w.shared + w.router + w.latent + (w.head > 0.0 ? w.head : w.embedding);
    if (m->experts > 0) *active += w.experts * (double)m->top_k / (double)m->experts;
    double wide = (double)m->heads *
                  (tw_model_is_mla(m) ? 0.5 * (double)(m->nope_dim + m->rope_dim + m->v_dim) : (double)m->head_dim);
    double attentions = (double)tw_model_attention_layers(m);
    double full = m->window_tokens > 0 ? (double)m->full_layers : attentions, window = (double)m->window_tokens;
    double seen = full * 0.5 * sequence;
    if (attentions > full)
        seen += (attentions - full) * (window < sequence ? window * (1.0 - 0.5 * window / sequence) : 0.5 * sequence);
    return (frozen ? 4.0 : 6.0) * *active + 12.0 * wide * seen;
}

static bool time_step(TwTrained *r, const TwTrainSetup *setup, const TwDeploy *d, const Placed *p, TwError *error)
{
    const TwTrainLayout *l = &setup->layout;
    const TwStepTables *t = d->step->inner;
    int rank = p->tp * p->cp;
    const TwScaleupRow *up = tw_network_scaleup(d->network);
    double ring = rank <= p->domain
                      ? up->link_bytes_s * up->ring_efficiency
                      : tw_network_fabric(d->network)->port_bytes_s * tw_network_fabric(d->network)->efficiency;
    // gathered and scattered as NCCL does, in bf16
    double moved = sent_bytes * at_least_one(l->micro_batch) * l->sequence_tokens / p->cp * (double)d->model.hidden;
    double inside = fmin((double)p->domain, p->tp);
    double sum_s =
        collective_s(d, TW_ALL_GATHER, p->tp, inside, moved) + collective_s(d, TW_REDUCE_SCATTER, p->tp, inside, moved);
    const TwTrainBatch batch = {.sequences = at_least_one(l->micro_batch),
                                .sequence_tokens = l->sequence_tokens,
                                .context_parallel = p->cp,
                                .frozen = l->frozen,
                                .overlap_sums = setup->overlap_sums,
                                .overlap_experts = setup->overlap_experts,
                                .recompute = r->recompute,
                                .sum_s = sum_s,
                                .gradient_bytes = setup->gradient_bytes,
                                .context_bytes_s = ring,
                                .micro_scaled = same(setup->precision, "mxfp8")};
    if (!tw_train_micro(&r->micro, d->step, &batch, error)) return false;
    const TwTrainMicro *micro = &r->micro;
    double layers_s = micro->layers_forward_s + micro->layers_backward_s;
    double ends_s = micro->ends_forward_s + micro->ends_backward_s;
    r->stage_s = slowest_s(p, (double)d->model.layers, layers_s, ends_s);
    r->compute_s = p->m * r->stage_s;
    r->bubble_s = (p->pp - 1.0) / p->vp * r->stage_s;
    send(r, d, p, l);
    exchange(r, d, p, setup);
    double ranks = p->replicas * p->cp, groups = (double)p->gpus / p->pp / p->spread;
    double own = (p->dense + p->ends) / ranks + p->experts / groups;
    if (!l->frozen) r->optimiser_s = tw_train_moved_s(d->step, optimiser_moved * own);
    r->step_s = r->compute_s + r->bubble_s + r->sends_s + r->exchange_s + r->optimiser_s;

    double tokens = l->global_batch * l->sequence_tokens;
    r->tokens_per_s_per_gpu = tokens / r->step_s / p->gpus;
    r->flop_per_token = model_flop(&d->model, l->sequence_tokens, l->frozen, &r->active_parameters);
    r->flops_per_gpu = r->flop_per_token * r->tokens_per_s_per_gpu;
    r->mfu = r->flops_per_gpu / tw_chip_peak(&d->chip, t->compose.expert);
    // a stage's share of the kernels; else the GPU waits
    double busy_s = p->m * (layers_s + ends_s) / p->pp;
    double energy = p->m * micro->energy_j / p->pp + tw_chip_power(&d->chip).live_w * fmax(r->step_s - busy_s, 0.0);
    r->gpu_w = energy / r->step_s;
    r->joules_per_token = energy * p->gpus / tokens;
    return true;
}

// ---- a step ---------------------------------------------------------------------------------------------------------

// GPUs, batch and micro-batches divide as those of the three-parameter model do.
static bool check_layout(const TwTrainLayout *layout, TwError *error)
{
    TwTrainLayout whole = *layout;
    whole.tp = at_least_one(layout->tp), whole.pp = at_least_one(layout->pp), whole.cp = at_least_one(layout->cp);
    whole.vp = at_least_one(layout->vp);
    const TwTrainModel model = {.parameters = 1.0};
    const TwTrainKey key = {.peak_flops = 1.0, .eta0 = 1.0};
    TwTrainStep step;
    return tw_train_step(&step, &model, &key, &whole, 1.0, error);
}

bool tw_train(TwTrained *r, const TwTrainSetup *setup, TwError *error)
{
    *r = (TwTrained){0};
    const TwTrainLayout *l = &setup->layout;
    if (!check_layout(l, error) || !check_experts(setup, error)) return false;
    int tp = at_least_one(l->tp), cp = at_least_one(l->cp), ep = at_least_one(l->ep);
    double tokens = (double)at_least_one(l->micro_batch) * l->sequence_tokens / cp;
    if (tokens > TOKENS_MOST)
        return tw_fail(error, TW_BAD_INPUT, "a micro-batch of %g tokens a GPU, expected at most %d", tokens,
                       TOKENS_MOST);
    TwDeploySpec spec = {.chip = setup->chip,
                         .model = setup->model,
                         .calibration = setup->calibration,
                         .precision = same(setup->precision, "mxfp8") ? "fp8" : setup->precision,
                         .kv_precision = "bf16",
                         .layout = {tp, ep > tp ? ep / tp : 1, 1, ep},
                         .max_tokens = (int)tokens,
                         .max_sequences = 1,
                         .memory_fraction = 1.0,
                         .moe_imbalance = 1.0,
                         .all_to_all = ep > tp ? TW_A2A_DEEPEP : TW_A2A_AUTO,
                         .limit_w = setup->limit_w,
                         .network_gpus = l->gpus,
                         .training = true};
    TwDeploy d;
    if (!tw_deploy_create(&d, &spec, error)) return false;
    Placed p;
    bool good = place(&p, l, &d.model, (int)d.chip.domain_gpus, error);
    if (good) {
        const TwCompose *c = &((const TwStepTables *)d.step->inner)->compose;
        snprintf(r->chip, sizeof r->chip, "%s", d.chip.title);
        snprintf(r->model, sizeof r->model, "%s", d.model.title);
        r->replicas = p.replicas, r->micro_batches = p.m, r->limit_w = d.chip.limit_w;
        r->parameters = tw_model_parameters(&d.model);
        int asked = setup->recompute;
        for (int how = asked < 0 ? 0 : asked; how < TW_RECOMPUTES && !r->fits; how++) {
            r->recompute = (TwRecompute)how;
            fill_memory(&r->memory, &p, setup, c, r->recompute);
            r->fits = r->memory.sum <= usable * r->memory.had;
            if (asked >= 0) break;
        }
        good = time_step(r, setup, &d, &p, error);
    }
    tw_deploy_destroy(&d);
    return good;
}
