#include "twin/train.h"

#include "twin/deploy.h"

#include <stdlib.h>
#include <string.h>

enum { WAYS = 12 };

// Values of one number of a layout.
typedef struct Values {
    int count, at[WAYS];
} Values;

static void add(Values *v, int x)
{
    if (v->count < WAYS) v->at[v->count++] = x;
}

// What is given, or powers of two up to `most`.
static Values powers(int given, int most)
{
    Values v = {0};
    if (given > 0) {
        add(&v, given);
        return v;
    }
    for (int x = 1; x <= most; x *= 2) add(&v, x);
    return v;
}

static Values stages(int given, int gpus, int layers)
{
    static const int usual[] = {1, 2, 3, 4, 6, 8, 12, 16, 24, 32};
    if (given > 0) return powers(given, given);
    Values v = {0};
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (gpus % usual[i] == 0 && usual[i] <= layers) add(&v, usual[i]);
    return v;
}

// As many turns as leave a stage a layer in each, up to eight.
static int turns(int given, int pp, int layers)
{
    if (pp < 2) return 1;
    if (given > 0) return given;
    int v = layers / pp;
    return v > 8 ? 8 : v > 1 ? v : 1;
}

static int compare(const void *a, const void *b)
{
    const TwTrainChoice *x = a, *y = b;
    if (x->tokens_per_s_per_gpu != y->tokens_per_s_per_gpu)
        return x->tokens_per_s_per_gpu < y->tokens_per_s_per_gpu ? 1 : -1;
    return memcmp(&x->layout, &y->layout, sizeof(int) * 7);
}

// Every combination; NULL: only how many there are.
static int combine(TwTrainChoice *out, const TwTrainSetup *setup, const TwModelRow *m, int domain)
{
    const TwTrainLayout *l = &setup->layout;
    int longest = l->sequence_tokens >= 32768.0 ? 16 : 2, experts = m->moe_layers > 0 ? (int)m->experts : 1, n = 0;
    const Values tp = powers(l->tp, domain < 16 ? domain : 16), pp = stages(l->pp, l->gpus, (int)m->layers);
    const Values cp = powers(l->cp, longest), ep = powers(l->ep, experts < 128 ? experts : 128);
    const Values micro = powers(l->micro_batch, 8);
    for (int a = 0; a < tp.count; a++)
        for (int b = 0; b < pp.count; b++)
            for (int c = 0; c < cp.count; c++)
                for (int d = 0; d < ep.count; d++)
                    for (int e = 0; e < micro.count; e++)
                        for (int sharded = setup->sharded ? 1 : 0; sharded < 2; sharded++) {
                            TwTrainLayout one = *l;
                            one.tp = tp.at[a], one.pp = pp.at[b], one.cp = cp.at[c], one.ep = ep.at[d];
                            one.micro_batch = micro.at[e];
                            one.vp = turns(l->vp, one.pp, (int)m->layers);
                            bool whole = l->gpus % (one.tp * one.pp * one.cp) == 0;
                            // weights are gathered for every micro-batch: of stages that would be many
                            if (!whole || (sharded && one.pp > 1 && l->pp < 2) || experts % one.ep != 0) continue;
                            if (out) out[n] = (TwTrainChoice){.layout = one, .sharded = sharded};
                            n++;
                        }
    return n;
}

int tw_train_layouts(TwTrainChoice *best, int most, const TwTrainSetup *setup, int *tried, TwError *error)
{
    TwAcceleratorRow chip;
    TwModelRow model;
    TwConfig *chip_config = NULL, *model_config = NULL;
    *tried = 0;
    if (!tw_load_part(&tw_accelerator_kind, setup->chip, &chip, &chip_config, error)) return -1;
    if (!tw_load_part(&tw_model_kind, setup->model, &model, &model_config, error)) {
        tw_config_destroy(chip_config);
        return -1;
    }
    int count = combine(NULL, setup, &model, (int)chip.domain_gpus);
    TwTrainChoice *all = calloc((size_t)count + 1, sizeof *all);
    if (!all) abort();
    (void)combine(all, setup, &model, (int)chip.domain_gpus);
    tw_config_destroy(chip_config);
    tw_config_destroy(model_config);
    int made = 0, fit = 0;
#pragma omp parallel for schedule(dynamic) reduction(+ : made)
    for (int i = 0; i < count; i++) {
        TwTrainSetup one = *setup;
        TwTrained r;
        TwError why = {0};
        one.layout = all[i].layout, one.sharded = all[i].sharded;
        bool good = tw_train(&r, &one, &why);
        made += good;
        if (!good || !r.fits) continue;
        all[i].recompute = r.recompute, all[i].memory = r.memory.sum, all[i].mfu = r.mfu;
        all[i].tokens_per_s_per_gpu = r.tokens_per_s_per_gpu;
        all[i].gpu_w = r.gpu_w, all[i].joules_per_token = r.joules_per_token;
    }
    for (int i = 0; i < count; i++)
        if (all[i].tokens_per_s_per_gpu > 0.0) all[fit++] = all[i];
    qsort(all, (size_t)fit, sizeof *all, compare);
    for (int i = 0; i < fit && i < most; i++) best[i] = all[i];
    free(all);
    *tried = made;
    if (made > 0) return fit;
    // why not: what is said of the layout as given
    TwTrained r;
    if (tw_train(&r, setup, error)) (void)tw_fail(error, TW_BAD_INPUT, "no layout over %d GPUs", setup->layout.gpus);
    return -1;
}
