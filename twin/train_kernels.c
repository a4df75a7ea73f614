#include "twin/train_kernels.h"

#include "twin/deploy.h"

#include <stddef.h>
#include <string.h>

enum { PARTS = 48, TOKENS_MOST = 131072 };
static const double attention_passes = 3.5;    // a forward of two products, a backward of five
static const double optimiser_bytes =
    30.0;    // a parameter: master weight and two moments in and out, gradient, weight

// How often a part of a forward pass runs in a training step.
static double passes(const char *name, bool frozen)
{
    static const char *const not_there[] = {"gather logits", "sampler", "rope and cache append", "host"};
    static const char *const twice[] = {"all-reduce", "next stage",    "dispatch",
                                        "combine",    "gather tokens", "scatter sums"};
    for (size_t i = 0; i < sizeof not_there / sizeof *not_there; i++)
        if (strcmp(name, not_there[i]) == 0) return i == 2 ? 2.0 : 0.0;    // rope goes both ways, nothing is cached
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++)
        if (strcmp(name, twice[i]) == 0) return 2.0;
    if (strcmp(name, "prefill attention") == 0) return attention_passes;
    return frozen ? 2.0 : 3.0;
}

static int at_least_one(int x) { return x > 1 ? x : 1; }

bool tw_train_kernels(TwTrainStep *step, TwTrainKernels *parts, const char *chip, const char *model,
                      const char *precision, const TwTrainModel *trained, const TwTrainLayout *layout, TwError *error)
{
    int tp = at_least_one(layout->tp), pp = at_least_one(layout->pp), cp = at_least_one(layout->cp);
    // the three-parameter model checks the layout and counts; its compute time is then replaced
    TwTrainLayout whole = *layout;
    whole.tp = tp, whole.pp = pp, whole.cp = cp, whole.vp = at_least_one(layout->vp);
    const TwTrainKey none = {.peak_flops = 1e15, .eta0 = 1.0, .tp = tp, .pp = pp, .cp = cp, .vp = whole.vp};
    if (!tw_train_step(step, trained, &none, &whole, 1.0, error)) return false;

    double micro = (double)at_least_one(layout->micro_batch), tokens = micro * layout->sequence_tokens / cp;
    if (tokens > TOKENS_MOST)
        return tw_fail(error, TW_BAD_INPUT, "a micro-batch of %g tokens a GPU, expected at most %d", tokens,
                       TOKENS_MOST);
    const TwDeploySpec spec = {.chip = chip,
                               .model = model,
                               .precision = precision,
                               .kv_precision = "bf16",
                               .layout = {tp, 1, pp, 1},
                               .max_tokens = (int)tokens,
                               .max_sequences = 1,
                               .memory_fraction = 1.0,
                               .training = true};
    TwDeploy deploy;
    if (!tw_deploy_create(&deploy, &spec, error)) return false;

    // a part of the batch for each stage: what tw_step_parts times is one of them
    double chunk = layout->sequence_tokens / cp, history = 0.5 * (layout->sequence_tokens - chunk);
    double chunks = micro * pp;
    const TwBatch batch = {.tokens = (int32_t)(tokens * pp),
                           .chunks = (int32_t)chunks,
                           .chunk_tokens = (int32_t)(tokens * pp),
                           .chunk_square = (int64_t)(chunks * chunk * chunk),
                           .chunk_history = (int64_t)(chunks * chunk * history),
                           .logits = (int32_t)(tokens * pp)};
    TwStepPart part[PARTS];
    int count = tw_step_parts(deploy.step, &batch, part, PARTS);
    *parts = (TwTrainKernels){0};
    for (int i = 0; i < count; i++) {
        double times = passes(part[i].name, layout->frozen), s = times * part[i].time_s;
        parts->micro_s += s;
        *(times == attention_passes ? &parts->attention_s
          : part[i].flop > 0.0      ? &parts->product_s
                                    : &parts->rest_s) += s;
    }
    step->compute_s = step->micro_batches * parts->micro_s / pp;
    step->fixed_s =
        layout->frozen ? 0.0 : optimiser_bytes * trained->all_parameters / layout->gpus / deploy.chip.bandwidth_bytes_s;
    step->replica_s = 0.0;
    step->step_s = step->compute_s * (1.0 + step->bubble_fraction) + step->fixed_s;
    step->tokens_per_s_per_gpu = layout->global_batch * layout->sequence_tokens / step->step_s / layout->gpus;
    tw_deploy_destroy(&deploy);
    return true;
}
