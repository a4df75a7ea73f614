#include "twin/jobs.h"

#include "twin/story.h"
#include "twin/train.h"
#include "twin/transit.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

enum { MIX_MOST = 4096, JOBS_MOST = 8192 };

typedef struct JobRow {
    const char *kind, *model, *step, *precision, *power, *mix, *feed_pool, *rollout_class;
    int64_t gpus, gpus_min, global_batch, sequence_tokens, tp, pp, cp, vp, ep, micro_batch, priority, rollout_tp,
        off_policy_steps, sequences, gpus_max;
    double start_s, tokens, run_s, eval_every_steps, eval_s, checkpoint_every_s, exposed_s, restart_s, gpu_mtbf_h,
        load_s;
    double busy_fraction, mean_tokens, longest_tokens, rate_scale, logged_fraction, kept_fraction;
    double checkpoint_bytes;
    bool preemptible, collectives;
} JobRow;

typedef struct LendRow {
    const char *from;
    double keep_fraction, reclaim_lead_s, full_at;
} LendRow;

typedef struct SchedulerRow {
    const char *order, *backfill, *place;
} SchedulerRow;

#define AT(field) offsetof(JobRow, field)
static const char *const kind_words[] = {"pretraining", "sft", "lora", "rl", "evaluation", "data", "mix", NULL};
static const char *const precision_words[] = {"bf16", "fp8", "mxfp8", "fp8_block", "fp4", NULL};
static const TwField job_fields[] = {
    {"kind", "", TW_TEXT, 0, 0, "pretraining", AT(kind),
     "pretraining, sft, lora: steps; rl: rollouts and steps; evaluation, data: so long; mix: a cluster's population",
     kind_words},
    {"model", "", TW_TEXT, 0, 0, "llama-3.1-405b", AT(model), "a model of train_models.csv", NULL},
    {"step", "", TW_TEXT, 0, 0, "h100_fp8_405b", AT(step),
     "step-time key; kernels: from the tables of each rack's chip, for tp, pp, cp and vp as given", NULL},
    {"precision", "", TW_TEXT, 0, 0, "fp8", AT(precision), "step kernels: of the matrix products", precision_words},
    {"power", "", TW_TEXT, 0, 0, "gpt3_64x8h100", AT(power), "waveform; empty: flat", NULL},
    {"mix", "", TW_TEXT, 0, 0, "seren", AT(mix), "mix: seren, kalos, philly, helios or image_generation", NULL},
    {"feed_pool", "", TW_TEXT, 0, 0, "", AT(feed_pool), "flywheel: trains on what this pool answered until its start",
     NULL},
    {"rollout_class", "", TW_TEXT, 0, 0, "", AT(rollout_class),
     "rl: the class of kind rollout whose pool generates the sequences; empty: the job's own GPUs do, by the fit",
     NULL},
    {"gpus", "1", TW_INTEGER, 1, 1e7, "8", AT(gpus), "GPUs", NULL},
    {"gpus_min", "1", TW_INTEGER, 0, 1e7, "0", AT(gpus_min), "elastic: starts on as few, by halves; 0: on all", NULL},
    {"gpus_max", "1", TW_INTEGER, 1, 1e7, "512", AT(gpus_max), "mix: larger jobs are left out", NULL},
    {"global_batch", "1", TW_INTEGER, 1, 1e9, "1152", AT(global_batch), "sequences a step", NULL},
    {"sequence_tokens", "1", TW_INTEGER, 1, 1e8, "8192", AT(sequence_tokens), "of a sequence", NULL},
    {"micro_batch", "1", TW_INTEGER, 1, 1e6, "1", AT(micro_batch), "sequences of a micro-batch", NULL},
    {"tp", "1", TW_INTEGER, 0, 4096, "0", AT(tp), "tensor parallel; 0: as the key", NULL},
    {"pp", "1", TW_INTEGER, 0, 4096, "0", AT(pp), "pipeline parallel; 0: as the key", NULL},
    {"cp", "1", TW_INTEGER, 0, 4096, "0", AT(cp), "context parallel; 0: as the key", NULL},
    {"vp", "1", TW_INTEGER, 0, 4096, "0", AT(vp), "virtual pipeline stages; 0: as the key", NULL},
    {"ep", "1", TW_INTEGER, 0, 65536, "0", AT(ep), "expert parallel ranks; 0: experts stay inside an NVLink domain",
     NULL},
    {"priority", "1", TW_INTEGER, 0, 1000, "1", AT(priority), "higher starts first", NULL},
    {"preemptible", "", TW_BOOLEAN, 0, 1, "true", AT(preemptible), "gives way after a checkpoint", NULL},
    {"start_s", "s", TW_REAL, 0, 1e9, "0", AT(start_s), "submitted", NULL},
    {"tokens", "1", TW_REAL, 0, 1e18, "1e12", AT(tokens), "to train on", NULL},
    {"run_s", "s", TW_REAL, 0, 1e9, "3600", AT(run_s), "evaluation, data: how long it runs", NULL},
    {"eval_every_steps", "1", TW_REAL, 0, 1e9, "0", AT(eval_every_steps), "steps between evaluations; 0: none", NULL},
    {"eval_s", "s", TW_REAL, 0, 1e6, "0", AT(eval_s), "of an evaluation", NULL},
    {"checkpoint_every_s", "s", TW_REAL, 0, 1e7, "0", AT(checkpoint_every_s), "0: Young's interval", NULL},
    {"exposed_s", "s", TW_REAL, 0, 1e5, "30", AT(exposed_s), "a checkpoint stops the job for so long", NULL},
    {"checkpoint_bytes", "B", TW_REAL, -1, 1e16, "-1", AT(checkpoint_bytes),
     "that go to storage; 0: none of the network's business; -1: 13 a parameter, none for lora", NULL},
    {"collectives", "", TW_BOOLEAN, 0, 1, "true", AT(collectives), "gradients and activations cross the network", NULL},
    {"restart_s", "s", TW_REAL, 0, 1e6, "600", AT(restart_s), "from a failure to the next step", NULL},
    {"gpu_mtbf_h", "h", TW_REAL, 0, 1e12, "50677", AT(gpu_mtbf_h), "GPU-hours to a failure; 0: none", NULL},
    {"load_s", "s", TW_REAL, 0, 1e6, "120", AT(load_s), "from its start to the first step", NULL},
    {"busy_fraction", "1", TW_REAL, 0, 1, "0.85", AT(busy_fraction),
     "power of a GPU that computes, of its limit above idle", NULL},
    {"sequences", "1", TW_INTEGER, 1, 1e9, "512", AT(sequences), "rl: of a step, prompts times samples", NULL},
    {"mean_tokens", "1", TW_REAL, 1, 1e8, "3000", AT(mean_tokens), "rl: of a sequence", NULL},
    {"longest_tokens", "1", TW_REAL, 1, 1e8, "8192", AT(longest_tokens), "rl: a rollout ends with its longest", NULL},
    {"rollout_tp", "1", TW_INTEGER, 1, 1024, "8", AT(rollout_tp), "rl: GPUs of a rollout replica", NULL},
    {"off_policy_steps", "1", TW_INTEGER, 0, 1024, "0", AT(off_policy_steps), "rl: training runs so far behind", NULL},
    {"rate_scale", "1", TW_REAL, 0, 1e6, "1", AT(rate_scale), "mix: of its rate of submission", NULL},
    {"logged_fraction", "1", TW_REAL, 0, 1, "0.1", AT(logged_fraction), "flywheel: of the answers that are logged",
     NULL},
    {"kept_fraction", "1", TW_REAL, 0, 1, "0.3", AT(kept_fraction), "flywheel: of the log that is kept", NULL},
};
const TwKind tw_job_kind = {"job", "job", job_fields, TW_COUNT(job_fields), NULL, 0};
#undef AT

static const TwField lend_fields[] = {
    {"from", "", TW_TEXT, 0, 0, NULL, offsetof(LendRow, from), "pool that lends", NULL},
    {"keep_fraction", "1", TW_REAL, 0, 1, "0.25", offsetof(LendRow, keep_fraction), "of its replicas never lent", NULL},
    {"reclaim_lead_s", "s", TW_REAL, 0, 86400, "1200", offsetof(LendRow, reclaim_lead_s),
     "the rate is looked at so far ahead", NULL},
    {"full_at", "1", TW_REAL, 0.01, 1, "0.84", offsetof(LendRow, full_at),
     "all replicas are needed at so much of the highest expected rate", NULL},
};
static const TwKind lend_kind = {"lend", NULL, lend_fields, TW_COUNT(lend_fields), NULL, 0};
static const char *const order_words[] = {"priority_fcfs", "fcfs", NULL};
static const char *const backfill_words[] = {"easy", "none", NULL};
static const char *const place_words[] = {"nvlink_domain", NULL};
static const TwField scheduler_fields[] = {
    {"order", "", TW_TEXT, 0, 0, "priority_fcfs", offsetof(SchedulerRow, order),
     "who starts first: by priority, then submission; fcfs: as if all had one", order_words},
    {"backfill", "", TW_TEXT, 0, 0, "easy", offsetof(SchedulerRow, backfill),
     "easy: a later job may start where it does not delay the first that waits", backfill_words},
    {"place", "", TW_TEXT, 0, 0, "nvlink_domain", offsetof(SchedulerRow, place),
     "whole NVLink domains in the fewest racks, which the times of collectives are for", place_words},
};
static const TwChild scheduler_children[] = {{"lend", TW_LIST, &lend_kind, "nodes handed over when load is low"}};
const TwKind tw_scheduler_kind = {
    "scheduler", NULL, scheduler_fields, TW_COUNT(scheduler_fields), scheduler_children, TW_COUNT(scheduler_children)};

// compiling

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

static TwTrainLayout layout_of(const JobRow *row)
{
    return (TwTrainLayout){.gpus = (int)row->gpus,
                           .tp = (int)row->tp,
                           .pp = (int)row->pp,
                           .cp = (int)row->cp,
                           .vp = (int)row->vp,
                           .ep = (int)row->ep,
                           .micro_batch = (int)row->micro_batch,
                           .global_batch = (double)row->global_batch,
                           .sequence_tokens = (double)row->sequence_tokens,
                           .frozen = is(row->kind, "lora")};
}

// What a step puts on the network between NVLink domains: gradients out and weights back in bf16, reduced among the
// replicas of a domain first, rings between the domains; activations and their gradients between pipeline stages.
// tokens to the experts of other domains and back, forward and backward, in bf16. Tensor parallel groups stay inside a
// domain. They may hide behind the backward pass, two thirds of the compute. False: the experts make no groups.
static bool set_traffic(const TwNetwork *network, const JobRow *row, const TwNode *node, const TwTrainModel *model,
                        const TwTrainKey *key, const TwTrainLayout *layout, const TwTrainStep *step, TwJobSpec *spec,
                        TwErrors *errors)
{
    const TwFabricRow *fabric = tw_network_fabric(network);
    double rate = fabric->port_bytes_s * fabric->efficiency * (double)fabric->planes;
    double domain = (double)tw_network_scaleup(network)->domain_gpus, gpus = (double)row->gpus;
    double tp = fmax((double)(layout->tp > 0 ? layout->tp : key->tp), 1.0);
    double pp = fmax((double)(layout->pp > 0 ? layout->pp : key->pp), 1.0), ep = (double)row->ep;
    if (ep > 1.0 && (!(model->moe_layers > 0.0) || fmod(gpus / pp, ep) != 0.0)) {
        if (model->moe_layers > 0.0)
            tw_node_error(node, "ep", errors, "ep = %.0f, expected a divisor of the %g GPUs of a pipeline stage", ep,
                          gpus / pp);
        else
            tw_node_error(node, "ep", errors, "ep = %.0f, but of %s no layers with experts are known", ep, model->name);
        return false;
    }
    if (!(rate > 0.0) || gpus <= domain || !row->collectives) return true;
    double inside = fmax(fmin(step->replicas, floor(domain / tp)), 1.0), domains = step->replicas / inside;
    // parameters of experts are spread over the ranks of their group, and reduced among the groups; adapters are small
    double group = ep > 1.0 ? ep : fmin(domain, gpus / pp), groups = fmax(gpus / pp / group, 1.0);
    double experts = model->dense ? 0.0 : fmax(model->all_parameters - model->parameters, 0.0);
    double trained = layout->frozen ? 0.0 : (model->all_parameters - experts) / (tp * pp);
    double bytes = domains > 1.0 ? 2.0 * 2.0 * trained * (domains - 1.0) / domains / inside : 0.0;
    if (!layout->frozen) bytes += 2.0 * 2.0 * experts / (pp * group) * (groups - 1.0) / groups;
    if (pp > 1.0 && tp * inside * pp > domain)
        bytes +=
            2.0 * 2.0 * step->micro_batches * (double)layout->micro_batch * layout->sequence_tokens * model->width / tp;
    // tokens of a GPU of a stage, to the experts that are not in its domain
    if (ep > domain) {
        double tokens = layout->global_batch * layout->sequence_tokens / (gpus / pp);
        spec->exchange_bytes =
            4.0 * 2.0 * model->moe_layers / pp * tokens * model->top_k * model->hidden * (1.0 - domain / ep);
        bytes += spec->exchange_bytes;
    }
    spec->card_bytes = bytes;
    spec->comm_s = bytes / rate;
    spec->hidden_s = 2.0 / 3.0 * step->compute_s;
    return true;
}

// The part of a rack's GPUs, or NULL.
static const char *chip_of(const TwPlant *plant, int rack)
{
    const TwNode *node = tw_node_entry(tw_config_root(plant->config), "racks", rack, (char[TW_NAME]){0});
    return tw_node_part(tw_node_group(node, "gpu"));
}

// The same from the tables of kernels; what of the gradients' way does not hide comes from the network.
static bool kernel_step(const TwPlant *plant, int rack, const JobRow *row, const TwNode *node,
                        const TwTrainModel *model, TwJobSpec *spec, TwErrors *errors)
{
    const char *chip = chip_of(plant, rack);
    if (is(row->kind, "rl") || !chip) {
        tw_node_error(node, "step", errors,
                      chip ? "step = \"kernels\" is for pretraining, sft and lora"
                           : "step = \"kernels\" needs racks whose gpu is a shipped accelerator");
        return false;
    }
    const TwTrainLayout layout = layout_of(row);
    const TwTrainSetup setup = {.chip = chip,
                                .model = model->name,
                                .precision = row->precision,
                                .layout = layout,
                                .recompute = -1,
                                .gradient_bytes = 2.0};
    TwTrained trained;
    TwError why = {0};
    if (!tw_train(&trained, &setup, &why)) {
        tw_node_error(node, "step", errors, "%s", why.text);
        return false;
    }
    if (!trained.fits)
        tw_node_warn(node, "step", errors, "a GPU would need %.0f GB of its %.0f, even with all layers computed again",
                     1e-9 * trained.memory.sum, 1e-9 * trained.memory.had);
    // gradients and weights cross the network of the facility
    double own_s = trained.step_s - trained.exchange_s;
    const TwTrainStep step = {
        .replicas = trained.replicas, .micro_batches = trained.micro_batches, .compute_s = trained.compute_s};
    if (!set_traffic(plant->racks[rack].network, row, node, model, &(TwTrainKey){0}, &layout, &step, spec, errors))
        return false;
    spec->basis = "tables of kernels";
    spec->step_s = own_s + fmax(spec->comm_s - spec->hidden_s, 0.0);
    spec->clock_share = (trained.compute_s + trained.bubble_s) / spec->step_s;
    spec->tokens_per_step = layout.global_batch * layout.sequence_tokens;
    return true;
}

// Step on the GPUs of a rack, its share that follows the clock, and tokens of it. False: an error at the job.
static bool time_step(const TwPlant *plant, int rack, const JobRow *row, const TwNode *node, TwJobSpec *spec,
                      TwErrors *errors)
{
    TwTrainModel model;
    TwTrainKey key;
    TwTrainStep step;
    TwError why = {0};
    const char *task = is(row->kind, "lora") ? "lora" : is(row->kind, "sft") ? "sft" : "pretrain";
    if (!tw_train_model(&model, row->model, &why)) {
        tw_node_error(node, "model", errors, "%s", why.text);
        return false;
    }
    if (is(row->step, "kernels")) return kernel_step(plant, rack, row, node, &model, spec, errors);
    if (!tw_train_key_named(&key, row->step, &model, task, &why)) {
        tw_node_error(node, "step", errors, "%s", why.text);
        return false;
    }
    if (!tw_train_key_on(&key, row->step, chip_of(plant, rack), &model, task, &why)) {
        tw_node_warn(node, "step", errors, "rack \"%s\": %s: timed as named", plant->racks[rack].name, why.text);
        (void)tw_train_key_named(&key, row->step, &model, task, &why);
    }
    spec->basis = tw_arena_text(plant->arena, is(row->kind, "rl") ? "fitted to NeMo-RL" : key.text);
    if (is(row->kind, "rl")) {
        const TwRlLayout layout = {(int)row->gpus,         (int)row->off_policy_steps, (int)row->rollout_tp,
                                   (double)row->sequences, row->mean_tokens,           row->longest_tokens,
                                   0.5 * key.peak_flops};
        TwRlStep rl;
        tw_rl_step(&rl, &model, &layout);
        spec->step_s = rl.step_s;
        spec->tokens_per_step = (double)row->sequences * row->mean_tokens;
        if (*row->rollout_class) {
            // training and refit on all its GPUs; a refit beside rollouts that run on is half hidden, then wholly
            TwRlLayout own = layout;
            own.off_policy_steps = 0;
            tw_rl_step(&rl, &model, &own);
            double shown = row->off_policy_steps == 0 ? 1.0 : row->off_policy_steps == 1 ? 0.5 : 0.0;
            spec->step_s = rl.training_s + shown * rl.refit_s;
            spec->rollout_sequences = row->sequences;
            spec->batches_ahead = (int)row->off_policy_steps;
        }
        spec->clock_share = fmin(1.0, rl.training_s / spec->step_s);
        return true;
    }
    const TwTrainLayout layout = layout_of(row);
    if (!tw_train_step(&step, &model, &key, &layout, 1.0, &why)) {
        tw_node_error(node, "gpus", errors, "%s", why.text);
        return false;
    }
    if (!set_traffic(plant->racks[rack].network, row, node, &model, &key, &layout, &step, spec, errors)) return false;
    spec->step_s = step.step_s;
    spec->clock_share = step.compute_s * (1.0 + step.bubble_fraction) / step.step_s;
    spec->tokens_per_step = layout.global_batch * layout.sequence_tokens;
    return true;
}

// On each kind of GPUs that the facility has; the job's own numbers are those of the first rack's.
static bool time_paces(TwPlant *plant, const JobRow *row, const TwNode *node, TwJobSpec *spec, TwErrors *errors)
{
    if (!time_step(plant, 0, row, node, spec, errors)) return false;
    if (plant->rack_kinds < 2) return true;
    TwJobPace *pace = TW_TAKE(plant->arena, plant->rack_kinds, TwJobPace);
    for (int k = 0; k < plant->rack_kinds; k++) {
        int rack = 0;
        while (plant->rack_kind[rack] != k) rack++;
        TwJobSpec on = *spec;
        on.card_bytes = on.exchange_bytes = on.comm_s = on.hidden_s = 0.0;
        if (!time_step(plant, rack, row, node, &on, errors)) return false;
        pace[k] = (TwJobPace){on.step_s, on.clock_share, on.comm_s, on.hidden_s};
    }
    spec->pace = pace;
    return true;
}

// Racks whose GPUs, domains and cards are alike are of one kind; in order of the first of each.
static void find_kinds(TwPlant *plant)
{
    plant->rack_kind = TW_TAKE(plant->arena, plant->rack_count + 1, int);
    plant->rack_kinds = 0;
    for (int r = 0; r < plant->rack_count; r++) {
        const char *chip = chip_of(plant, r);
        int like = 0;
        for (; like < r; like++) {
            const char *other = chip_of(plant, like);
            if (plant->racks[like].network == plant->racks[r].network &&
                (chip == other || (chip && other && is(chip, other))))
                break;
        }
        plant->rack_kind[r] = like < r ? plant->rack_kind[like] : plant->rack_kinds++;
    }
}

static bool compile_job(TwPlant *plant, const JobRow *row, const TwNode *node, const char *name, TwJobSpec *spec,
                        TwErrors *errors)
{
    *spec = (TwJobSpec){.name = tw_arena_text(plant->arena, name),
                        .gpus = (int)row->gpus,
                        .gpus_min = (int)row->gpus_min,
                        .priority = (int)row->priority,
                        .preemptible = row->preemptible,
                        .submit_s = row->start_s,
                        .eval_every_steps = row->eval_every_steps,
                        .eval_s = row->eval_s,
                        .exposed_s = row->exposed_s,
                        .restart_s = row->restart_s,
                        .gpu_mtbf_h = row->gpu_mtbf_h,
                        .load_s = row->load_s,
                        .busy_fraction = row->busy_fraction,
                        .feed_pool = -1,
                        .logged_fraction = row->logged_fraction,
                        .kept_fraction = row->kept_fraction};
    if (is(row->kind, "evaluation") || is(row->kind, "data")) {
        spec->step_s = 1.0;
        spec->clock_share = is(row->kind, "data") ? 0.0 : 1.0;
        spec->steps = row->run_s;
    } else {
        if (!time_paces(plant, row, node, spec, errors)) return false;
        spec->steps = row->tokens / spec->tokens_per_step;
        if (spec->rollout_sequences > 0) spec->steps = ceil(spec->steps);
    }
    double mtbf_s = row->gpu_mtbf_h > 0.0 ? row->gpu_mtbf_h * 3600.0 / (double)row->gpus : INFINITY;
    spec->checkpoint_s = row->checkpoint_every_s > 0.0              ? row->checkpoint_every_s
                         : isfinite(mtbf_s) && row->exposed_s > 0.0 ? tw_young_interval_s(row->exposed_s, mtbf_s)
                                                                    : 0.0;
    TwTrainModel trained;
    TwError unknown = {0};
    bool trains = spec->tokens_per_step > 0.0 && tw_train_model(&trained, row->model, &unknown);
    if (row->checkpoint_bytes > 0.0)
        spec->checkpoint_bytes = row->checkpoint_bytes;
    else if (trains && row->checkpoint_bytes < 0.0 && !is(row->kind, "lora"))
        spec->checkpoint_bytes = tw_checkpoint_bytes(trained.all_parameters);
    int64_t installed = 0;
    for (int r = 0; r < plant->rack_count; r++) installed += plant->racks[r].gpus;
    if (row->gpus > installed) {
        tw_node_error(node, "gpus", errors, "gpus = %lld, but the facility has %lld", (long long)row->gpus,
                      (long long)installed);
        return false;
    }
    if (*row->feed_pool) {
        const char *known[64];
        int count = 0;
        for (int p = 0; p < plant->pool_count; p++) {
            if (count < 64) known[count++] = plant->pools[p].name;
            if (is(plant->pools[p].name, row->feed_pool)) spec->feed_pool = p;
        }
        if (spec->feed_pool < 0) {
            const char *near = tw_nearest(row->feed_pool, known, count);
            tw_node_error(node, "feed_pool", errors, "feed_pool = \"%s\", expected a pool%s%s%s", row->feed_pool,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
            return false;
        }
    }
    if (!*row->power) return true;
    TwWaveform shape;
    TwError why = {0};
    if (!tw_waveform_load(&shape, row->power, &why)) {
        tw_node_error(node, "power", errors, "%s", why.text);
        return false;
    }
    bool steps = spec->tokens_per_step > 0.0;
    if (steps) {
        spec->waveform = tw_waveform_scaled(&shape, spec->step_s, shape.plateau_w, shape.idle_w);
        spec->waveform.steps_per_block = (int)row->eval_every_steps;
        spec->waveform.eval_s = row->eval_s;
    }
    return true;
}

// A cluster's population: its jobs that arrive within the run, as jobs of their own.
static bool compile_mix(TwPlant *plant, const JobRow *row, const TwNode *node, const char *name, TwJobSpec *jobs,
                        int *count, TwErrors *errors)
{
    TwJobMix mix;
    TwError why = {0};
    if (!tw_job_mix_load(&mix, row->mix, &why)) {
        tw_node_error(node, "mix", errors, "%s", why.text);
        return false;
    }
    double rate = (mix.arrivals_per_s > 0.0 ? mix.arrivals_per_s : 0.01) * row->rate_scale, at_s = row->start_s;
    TwStream stream = tw_stream((uint64_t)plant->run.seed, name);
    int made = 0;
    for (uint64_t i = 0; rate > 0.0; i++) {
        at_s += tw_job_mix_interval_s(&mix, stream, i, rate);
        if (at_s >= plant->run.for_s) return true;
        TwMixJob job = tw_job_mix_draw(&mix, stream, i);
        if (job.gpus > row->gpus_max) continue;
        if (made == MIX_MOST || *count == JOBS_MOST) {
            tw_node_error(node, "rate_scale", errors, "more than %d jobs arrive within the run; lower rate_scale",
                          MIX_MOST);
            return false;
        }
        jobs[(*count)++] = (TwJobSpec){.name = tw_arena_text(plant->arena, name),
                                       .of_mix = true,
                                       .gpus = job.gpus,
                                       .priority = (int)row->priority,
                                       .preemptible = row->preemptible,
                                       .submit_s = at_s,
                                       .steps = job.run_s,
                                       .step_s = 1.0,
                                       .clock_share = 1.0,
                                       .restart_s = 60.0,
                                       .load_s = 0.0,
                                       .busy_fraction = row->busy_fraction,
                                       .feed_pool = -1};
        made++;
    }
    return true;
}

static bool compile_lend(TwPlant *plant, const TwNode *scheduler, TwErrors *errors)
{
    int n = tw_node_entries(scheduler, "lend");
    plant->lend_count = n;
    plant->lends = TW_TAKE(plant->arena, n + 1, TwLendPlan);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(scheduler, "lend", i, name);
        LendRow row;
        tw_node_row(node, &row);
        int pool = -1;
        const char *known[64];
        int count = 0;
        for (int p = 0; p < plant->pool_count; p++) {
            if (count < 64) known[count++] = plant->pools[p].name;
            if (is(plant->pools[p].name, row.from)) pool = p;
        }
        if (pool < 0) {
            const char *near = tw_nearest(row.from, known, count);
            tw_node_error(node, "from", errors, "from = \"%s\", expected a pool%s%s%s", row.from,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
            return false;
        }
        double peak = 0.0;
        for (int h = 0; h < 7 * 48; h++) peak = fmax(peak, tw_traffic_rate_s(plant->pools[pool].traffic, 1800.0 * h));
        plant->lends[i] = (TwLendPlan){pool, row.keep_fraction, row.reclaim_lead_s, row.full_at * peak};
    }
    return true;
}

// The class whose requests are the rollouts of a job; NULL: an error at the job.
static const TwTraffic *find_rollouts(const TwPlant *plant, const char *class, const TwNode *node, TwErrors *errors)
{
    const char *known[64];
    int count = 0;
    for (int p = 0; p < plant->pool_count; p++) {
        for (int k = 0; k < tw_traffic_parts(plant->pools[p].traffic); k++) {
            const TwTraffic *part = tw_traffic_part(plant->pools[p].traffic, k);
            if (!tw_traffic_rollout(part)) continue;
            if (is(tw_traffic_name(part), class)) return part;
            if (count < 64) known[count++] = tw_traffic_name(part);
        }
    }
    const char *near = tw_nearest(class, known, count);
    tw_node_error(node, "rollout_class", errors, "rollout_class = \"%s\", expected a class of kind rollout%s%s%s",
                  class, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

// Every class of kind rollout belongs to one job.
static bool check_rollouts(const TwPlant *plant, const TwNode *workload, int jobs, TwErrors *errors)
{
    for (int p = 0; p < plant->pool_count; p++) {
        for (int k = 0; k < tw_traffic_parts(plant->pools[p].traffic); k++) {
            const TwTraffic *part = tw_traffic_part(plant->pools[p].traffic, k);
            int mine = 0;
            for (int i = 0; i < jobs; i++) mine += plant->rollouts[i] == part;
            if (!tw_traffic_rollout(part) || mine == 1) continue;
            tw_node_error(workload, NULL, errors,
                          "class \"%s\" is a rollout that %s, expected one job with it as rollout_class",
                          tw_traffic_name(part), mine == 0 ? "no job asks for" : "several jobs ask for");
            return false;
        }
    }
    return true;
}

// What the story has said of a job.
typedef struct JobTold {
    int32_t gpus, failures, preemptions, growths;
    double lost_steps;
    bool runs, done;
} JobTold;

// GPUs that jobs could have at best: what no replica lies on, and what pools lend when nobody asks them.
static int64_t gpus_for_jobs(const TwPlant *plant)
{
    int64_t gpus = 0;
    for (int r = 0; r < plant->rack_count; r++) gpus += plant->racks[r].gpus - plant->racks[r].serving_gpus;
    for (int l = 0; l < plant->lend_count; l++) {
        const TwPoolPlan *pool = &plant->pools[plant->lends[l].pool];
        int kept = (int)ceil(plant->lends[l].keep_fraction * pool->replicas - 1e-9);
        gpus += (int64_t)(pool->replicas - kept) * pool->gpus;
    }
    return gpus;
}

// A job that finds no room however little is asked of serving waits for ever: nothing in a run would say why.
static void warn_of_no_room(const TwPlant *plant, const JobRow *row, const TwNode *node, TwErrors *errors)
{
    int64_t room = gpus_for_jobs(plant), least = row->gpus;
    while (row->gpus_min > 0 && least / 2 >= row->gpus_min) least /= 2;
    if (least <= room) return;
    tw_node_warn(
        node, "gpus", errors,
        "never starts: it needs %lld GPUs at least and serving leaves %lld to jobs (racks, replicas of the pools; "
        "scheduler.lend)",
        (long long)least, (long long)room);
}

bool tw_jobs_compile(TwPlant *plant, TwLayout *layout, TwErrors *errors)
{
    const TwNode *workload = tw_node_group(tw_config_root(plant->config), "workload");
    const TwNode *scheduler = tw_node_group(workload, "scheduler");
    int listed = tw_node_entries(workload, "jobs"), count = 0;
    bool good = compile_lend(plant, scheduler, errors);
    if (listed == 0 && plant->lend_count == 0) return check_rollouts(plant, workload, 0, errors) && good;

    find_kinds(plant);
    TwJobSpec *jobs = TW_TAKE(plant->arena, JOBS_MOST, TwJobSpec);
    plant->rollouts = TW_TAKE(plant->arena, JOBS_MOST, const TwTraffic *);
    for (int i = 0; i < listed; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(workload, "jobs", i, name);
        JobRow row;
        tw_node_row(node, &row);
        if (is(row.kind, "mix"))
            good = compile_mix(plant, &row, node, name, jobs, &count, errors) && good;
        else if (count < JOBS_MOST) {
            good = compile_job(plant, &row, node, name, &jobs[count], errors) && good;
            if (good) warn_of_no_room(plant, &row, node, errors);
            if (*row.rollout_class) {
                if (!is(row.kind, "rl")) {
                    tw_node_error(node, "rollout_class", errors, "rollout_class of a job of kind \"%s\", expected rl",
                                  row.kind);
                    good = false;
                } else if (plant->rack_scale > 1.0) {
                    tw_node_error(node, "rollout_class", errors,
                                  "rollout_class with run.rack_scale above 1, expected 1");
                    good = false;
                } else {
                    plant->rollouts[count] = find_rollouts(plant, row.rollout_class, node, errors);
                    good = good && plant->rollouts[count];
                }
            }
            count++;
        }
    }
    if (!good || !check_rollouts(plant, workload, count, errors)) return false;
    SchedulerRow row;
    tw_node_row(scheduler, &row);
    int racks = plant->rack_count;
    int32_t *domain = TW_TAKE(plant->arena, racks + 1, int32_t);
    double *limit_w = TW_TAKE(plant->arena, racks + 1, double), *idle_w = TW_TAKE(plant->arena, racks + 1, double);
    const TwNode *root = tw_config_root(plant->config);
    for (int r = 0; r < racks; r++) {
        char name[TW_NAME];
        TwRackRow rack;
        tw_node_row(tw_node_entry(root, "racks", r, name), &rack);
        domain[r] = (int32_t)rack.domain_gpus;
        limit_w[r] = plant->racks[r].gpu_limit_w;
        idle_w[r] = plant->racks[r].gpu_idle_w;
    }
    const TwJobsSpec spec = {.job_count = count,
                             .rack_count = racks,
                             .jobs = jobs,
                             .domain_gpus = domain,
                             .gpu_limit_w = limit_w,
                             .gpu_idle_w = idle_w,
                             .rack_kind = plant->rack_kinds > 1 ? plant->rack_kind : NULL,
                             .kind_count = plant->rack_kinds,
                             .backfill = is(row.backfill, "easy"),
                             .in_order = is(row.order, "fcfs"),
                             .seed = (uint64_t)plant->run.seed};
    if (!tw_jobs_create(&plant->jobs, &spec, layout)) return false;
    size_t replicas = (size_t)plant->workload->replica_count + 1, n = (size_t)racks + 1;
    plant->job_slot.closed = tw_layout_add(layout, replicas, sizeof(uint8_t));
    plant->job_slot.ready_s = tw_layout_add(layout, replicas, sizeof(double));
    plant->job_slot.free_gpus = tw_layout_add(layout, n, sizeof(int32_t));
    plant->job_slot.held_gpus = tw_layout_add(layout, n, sizeof(int32_t));
    plant->job_slot.gpu_w = tw_layout_add(layout, n, sizeof(double));
    plant->job_slot.demand_w = tw_layout_add(layout, n, sizeof(double));
    plant->job_slot.rolled = tw_layout_add(layout, (size_t)count + 1, sizeof(TwRolled));
    plant->job_slot.released = tw_layout_add(layout, (size_t)count + 1, sizeof(int64_t));
    plant->job_slot.lent_gpu_s = tw_layout_add(layout, 4, sizeof(double));
    plant->job_slot.told = tw_layout_add(layout, (size_t)count + 1, sizeof(JobTold));
    return true;
}

void tw_jobs_begin(const TwPlant *plant, void *block)
{
    if (plant->jobs) tw_jobs_start(plant->jobs, block);
}

// running

const uint8_t *tw_jobs_closed(const TwPlant *plant, const void *block)
{
    return plant->jobs ? tw_at_const(block, plant->job_slot.closed) : NULL;
}

// Replicas of a pool that the load until the lead needs: those in front are kept.
static int kept_replicas(const TwPlant *plant, const TwLendPlan *lend, double time_s)
{
    double most = 0.0;
    for (int k = 0; k <= 8; k++)
        most = fmax(most, tw_traffic_rate_s(plant->pools[lend->pool].traffic, time_s + lend->lead_s * k / 8.0));
    double share = fmin(1.0, fmax(lend->keep_fraction, most / lend->full_rate_s));
    return (int)ceil(share * plant->pools[lend->pool].replicas - 1e-9);
}

static const double loading_s = 1e18;    // ready_s of a replica whose weights are on their way

void tw_jobs_returned(const TwPlant *plant, void *block, int replica, double ready_s)
{
    double *ready = tw_f64(block, plant->job_slot.ready_s) + replica;
    if (*ready == loading_s) *ready = ready_s;
}

void tw_jobs_hand_over(const TwPlant *plant, void *block, double time_s)
{
    if (!plant->jobs) return;
    uint8_t *closed = tw_at(block, plant->job_slot.closed);
    double *ready_s = tw_f64(block, plant->job_slot.ready_s);
    int32_t *free_gpus = tw_at(block, plant->job_slot.free_gpus);
    const bool *on = tw_at_const(block, plant->slot.rack_on);
    for (int r = 0; r < plant->rack_count; r++) {
        const TwRackPlan *rack = &plant->racks[r];
        free_gpus[r] = on[r] ? (int32_t)(rack->gpus - rack->serving_gpus) : 0;
    }
    for (int l = 0; l < plant->lend_count; l++) {
        const TwLendPlan *lend = &plant->lends[l];
        int first = 0;
        for (int p = 0; p < lend->pool; p++) first += plant->pools[p].replicas;
        int kept = kept_replicas(plant, lend, time_s), n = plant->pools[lend->pool].replicas;
        for (int k = 0; k < n; k++) {
            int i = first + k;
            bool wanted = k < kept;
            if (wanted && closed[i] == 2) {
                // back from a job: it loads its weights first
                closed[i] = 1;
                ready_s[i] = loading_s;
                tw_transit_stop(plant, block, TW_HAUL_LENT, i);
                (void)tw_transit_load(plant, block, TW_HAUL_LENT, i);
            } else if (wanted && closed[i] == 1 && ready_s[i] <= time_s) {
                closed[i] = 0;
            } else if (!wanted && closed[i] == 0) {
                closed[i] = 1;
                ready_s[i] = INFINITY;
            }
            // empty: its GPUs are lent
            if (!wanted && closed[i] == 1 && tw_workload_idle(plant->workload, block, i)) closed[i] = 2;
            for (int part = plant->part_first[i]; closed[i] == 2 && part < plant->part_first[i + 1]; part++) {
                int rack = plant->part_rack[part];
                if (on[rack]) free_gpus[rack] += plant->part_gpus[part];
            }
            // still serving what it had, or loading: kept until it is wanted again
            if (wanted && closed[i] == 1 && !isfinite(ready_s[i])) closed[i] = 0;
        }
    }
}

double tw_jobs_demand_w(const TwPlant *plant, const void *block, int rack)
{
    return plant->jobs ? tw_f64_const(block, plant->job_slot.demand_w)[rack] : 0.0;
}

void tw_jobs_run(const TwPlant *plant, void *block, const double *share, const double *slow, double from_s,
                 double until_s, double *above_w)
{
    for (int r = 0; r < plant->rack_count; r++) above_w[r] = 0.0;
    if (!plant->jobs) return;
    double pool_tokens[64] = {0.0};
    for (int p = 0; p < plant->pool_count && p < 64; p++) {
        TwWorkloadTotals totals;
        tw_workload_totals(plant->workload, block, p, &totals);
        pool_tokens[p] = (double)totals.output_tokens_done;
    }
    double *gpu_w = tw_f64(block, plant->job_slot.gpu_w), *demand_w = tw_f64(block, plant->job_slot.demand_w);
    int32_t *held = tw_at(block, plant->job_slot.held_gpus);
    TwRolled *rolled = tw_at(block, plant->job_slot.rolled);
    for (int i = 0; i < plant->jobs->job_count; i++) {
        if (!plant->rollouts[i]) continue;
        TwTrafficRolled of_class;
        tw_traffic_rolled(plant->rollouts[i], block, &of_class);
        rolled[i] = (TwRolled){of_class.ended, (double)of_class.tokens, 1e-9 * (double)of_class.last_ns};
    }
    const TwJobsIn in = {tw_at_const(block, plant->job_slot.free_gpus),
                         tw_f64_const(block, plant->slot.clock_fraction),
                         tw_at_const(block, plant->slot.rack_on),
                         share,
                         slow,
                         pool_tokens,
                         rolled};
    TwJobsOut out = {gpu_w, demand_w, held};
    tw_jobs_advance(plant->jobs, block, &in, from_s, until_s, &out);
    // sequences that jobs asked for come with the next window
    int64_t *released = tw_at(block, plant->job_slot.released);
    for (int i = 0; i < plant->jobs->job_count; i++) {
        int64_t asked = tw_jobs_job(plant->jobs, block, i)->asked_batches;
        if (!plant->rollouts[i] || asked == released[i]) continue;
        tw_traffic_release(plant->rollouts[i], block,
                           (asked - released[i]) * tw_jobs_spec(plant->jobs, i)->rollout_sequences,
                           (int64_t)ceil(until_s * 1e9) + 1000);
        released[i] = asked;
    }
    // the idle power of a GPU is counted where the rack is
    for (int r = 0; r < plant->rack_count; r++) {
        double idle_w = held[r] * plant->racks[r].gpu_idle_w;
        above_w[r] = fmax(0.0, gpu_w[r] - idle_w);
        demand_w[r] = fmax(0.0, demand_w[r] - idle_w);
    }
    double *lent = tw_f64(block, plant->job_slot.lent_gpu_s);
    const uint8_t *closed = tw_at_const(block, plant->job_slot.closed);
    for (int i = 0; i < plant->workload->replica_count; i++)
        if (closed[i] == 2) lent[0] += plant->replica_gpus[i] * (until_s - from_s);
}

void tw_jobs_tell(const TwPlant *plant, void *block, double from_s)
{
    if (!plant->jobs) return;
    JobTold *told = tw_at(block, plant->job_slot.told);
    int64_t from_ns = llround(from_s * 1e9);
    for (int i = 0; i < plant->jobs->job_count; i++) {
        const TwJob *job = tw_jobs_job(plant->jobs, block, i);
        JobTold *t = &told[i];
        if (tw_jobs_spec(plant->jobs, i)->of_mix) continue;    // too many of one name
        if (job->preemptions > t->preemptions)
            tw_story_add(plant, block, from_ns, TW_HAPPENED_JOB_YIELDS, -1, i, 0, 0.0);
        // its racks went dark, or one of its GPUs failed by itself
        if (job->failures > t->failures) {
            bool dark = job->failed_s == from_s;
            tw_story_add(plant, block, llround(job->failed_s * 1e9), TW_HAPPENED_JOB_FAILED,
                         dark ? tw_story_open(plant, block, TW_HAPPENED_RACKS_DEAD, -1) : -1, i, 0,
                         job->lost_steps - t->lost_steps);
        }
        bool stopped = job->preemptions > t->preemptions || job->failures > t->failures;
        if (job->gpus > 0 && job->growths > t->growths)
            tw_story_add(plant, block, from_ns, TW_HAPPENED_JOB_GROWN, -1, i, job->gpus, 0.0);
        else if (job->gpus > 0 && (t->gpus == 0 || (stopped && job->queued_s == from_s)))
            tw_story_add(plant, block, from_ns, TW_HAPPENED_JOB_BEGUN, -1, i, job->gpus, 0.0);
        bool runs = job->phase == TW_JOB_RUNNING || job->phase == TW_JOB_ROLLOUT;
        if (runs && (!t->runs || stopped || job->growths > t->growths))
            tw_story_add(plant, block, from_ns, TW_HAPPENED_JOB_RUNS, -1, i, job->gpus, 0.0);
        if (job->phase == TW_JOB_DONE && !t->done)
            tw_story_add(plant, block, llround(job->ended_s * 1e9), TW_HAPPENED_JOB_DONE, -1, i, 0,
                         job->ended_s - job->started_s);
        *t = (JobTold){job->gpus,       job->failures, job->preemptions,         job->growths,
                       job->lost_steps, runs,          job->phase == TW_JOB_DONE};
    }
}

static const char *const phase_names[] = {"not submitted", "queued", "loading", "running", "rollout", "done"};
const char *tw_jobs_phase(int phase) { return phase_names[phase]; }

double tw_jobs_lent_gpu_s(const TwPlant *plant, const void *block)
{
    return plant->jobs ? tw_f64_const(block, plant->job_slot.lent_gpu_s)[0] : 0.0;
}
