#include "twin/deploy.h"
#include "sim/csv.h"
#include "sim/data.h"
#include "sim/file.h"
#include "twin/throughput_names.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COMM_POINTS = 23, NAMES_MOST = 256 };

// ---- parts ----------------------------------------------------------------------------------------------------------

static int by_text(const void *left, const void *right) { return strcmp(*(char *const *)left, *(char *const *)right); }

// Names of the shipped parts of a kind, sorted; returns their number.
static int shipped_names(const char *folder, const char *suffix, TwArena *arena, const char *const **names)
{
    char path[512];
    const char **found = TW_TAKE(arena, NAMES_MOST, const char *);
    int count = 0;
    *names = found;
    DIR *listing = tw_data_find(folder, path, sizeof path) ? opendir(path) : NULL;
    if (!listing) return 0;
    for (const struct dirent *entry; (entry = readdir(listing)) && count < NAMES_MOST;) {
        if (entry->d_name[0] == '.' || !tw_file_has_suffix(entry->d_name, suffix)) continue;
        char *name = tw_arena_text(arena, entry->d_name);
        name[strlen(name) - strlen(suffix)] = '\0';
        found[count++] = name;
    }
    closedir(listing);
    qsort(found, (size_t)count, sizeof *found, by_text);
    return count;
}

static bool unknown_part(const TwKind *kind, const char *name, TwError *error)
{
    TwArena *arena = tw_arena_create();
    const char *const *names;
    char folder[256];
    snprintf(folder, sizeof folder, "facilities/parts/%s", kind->folder);
    int count = shipped_names(folder, ".cfg", arena, &names);
    // as others write it, then as it may be misspelt
    const char *near = NULL, *part;
    char meant[96] = "", known[800] = "";
    if (kind == &tw_accelerator_kind && tw_throughput_gpu(name, &part)) snprintf(meant, sizeof meant, "%s", part);
    if (kind == &tw_model_kind) tw_throughput_model(name, meant, sizeof meant);
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], meant) == 0) near = names[i];
    if (!near) near = tw_nearest(meant[0] ? meant : name, names, count);
    for (int i = 0; i < count; i++) {
        bool room = strlen(known) + strlen(names[i]) + 8 < sizeof known;
        if (i) strcat(known, ", ");
        strcat(known, room ? names[i] : "...");
        if (!room) break;
    }
    tw_fail(error, TW_BAD_INPUT, "unknown %s \"%s\"%s%s%s; known: %s", kind->name, name,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "", known);
    tw_arena_destroy(arena);
    return false;
}

bool tw_calibration_is_path(const char *name) { return strchr(name, '/') || tw_file_has_suffix(name, ".h5"); }

bool tw_calibration_find(const char *name, char *path, size_t size)
{
    char below[300];
    if (tw_calibration_is_path(name)) {
        snprintf(path, size, "%s", name);
        return access(path, R_OK) == 0;
    }
    snprintf(below, sizeof below, "calibration/%s", name);
    return tw_data_find(below, path, size);
}

const char *tw_calibration_missing(const char *name, char text[400])
{
    int used = snprintf(text, 400, "no such folder or HDF5 file");
    if (tw_calibration_is_path(name)) return text;
    if (access(name, R_OK) == 0) {
        snprintf(text + used, 400 - (size_t)used, " below calibration/; the one here is \"./%s\"", name);
        return text;
    }
    TwArena *arena = tw_arena_create();
    const char *const *names;
    int count = shipped_names("calibration", "", arena, &names);
    const char *near = tw_nearest(name, names, count);
    if (near) snprintf(text + used, 400 - (size_t)used, "; did you mean \"%s\"?", near);
    tw_arena_destroy(arena);
    return text;
}

bool tw_load_part(const TwKind *kind, const char *name, void *row, TwConfig **config, TwError *error)
{
    char file[300], path[512], parts[512];
    *config = NULL;
    bool own = tw_file_has_suffix(name, ".cfg");
    snprintf(file, sizeof file, "facilities/parts/%s/%s.cfg", kind->folder, name);
    if (own)
        snprintf(path, sizeof path, "%s", name);
    else if (strchr(name, '/') || !tw_data_find(file, path, sizeof path))
        return unknown_part(kind, name, error);
    if (!tw_data_find("facilities/parts", parts, sizeof parts))
        return tw_fail(error, TW_IO, "the shipped parts are not found (%s)", parts);
    TwErrors *errors = tw_errors_create();
    TwConfigInput input = {.root = kind, .path = path, .parts = parts};
    bool good = tw_config_read(config, &input, errors);
    if (good)
        tw_node_row(tw_config_root(*config), row);
    else
        tw_errors_first(errors, error);
    tw_errors_destroy(errors);
    return good;
}

bool tw_model_numbers(const char *name, TwModelRow *model)
{
    TwConfig *config = NULL;
    TwError error;
    bool good = tw_load_part(&tw_model_kind, name, model, &config, &error);
    if (config) tw_config_destroy(config);
    return good;
}

// ---- transfers ------------------------------------------------------------------------------------------------------

// Where collectives are made, and how much less than alone the network cards have.
typedef struct Maker {
    TwArena *arena;
    const TwNetwork *network;
    double congestion;
    TwCollectives collectives;
} Maker;

static TwAlgorithm algorithm_of(const char *name)
{
    if (strcmp(name, "ring") == 0) return TW_BY_RING;
    if (strcmp(name, "tree") == 0) return TW_BY_TREE;
    return strcmp(name, "nvls tree") == 0 ? TW_BY_NVLS_TREE : TW_BY_AUTO;
}

static TwCollectiveCost cost_of(const Maker *make, TwCollective what, int ranks, int per_domain, double bytes)
{
    TwCollectiveAsk ask = {.what = what, .ranks = ranks, .ranks_per_domain = per_domain, .bytes = bytes};
    // an engine's own kernels sum; all else is NCCL's in the tables, too
    if (what == TW_ALL_REDUCE) {
        ask.law_only = make->collectives == TW_COLLECTIVES_NCCL;
        ask.library = make->collectives == TW_COLLECTIVES_AUTO ? NULL : tw_collectives_names[make->collectives];
    }
    return tw_network_time(make->network, &ask);
}

static TwCurve curve_of(const Maker *make, TwCollective what, int ranks, int per_domain, double scale)
{
    double *bytes = TW_TAKE(make->arena, COMM_POINTS, double), *seconds = TW_TAKE(make->arena, COMM_POINTS, double);
    double *card_bytes = TW_TAKE(make->arena, COMM_POINTS, double);
    TwCurve curve = {COMM_POINTS, bytes, seconds, true, card_bytes};
    for (int i = 0; i < COMM_POINTS; i++) {
        bytes[i] = ldexp(256.0, i);
        TwCollectiveCost cost = cost_of(make, what, ranks, per_domain, bytes[i] * scale);
        card_bytes[i] = cost.card_bytes;
        // the algorithm was chosen for an idle network
        if (make->congestion > 1.0 && cost.card_bytes > 0.0)
            cost = tw_network_time(make->network, &(TwCollectiveAsk){.what = what,
                                                                     .ranks = ranks,
                                                                     .ranks_per_domain = per_domain,
                                                                     .bytes = bytes[i] * scale,
                                                                     .algorithm = algorithm_of(cost.algorithm),
                                                                     .nic_share = 1.0 / make->congestion});
        seconds[i] = cost.time_s;
        if (i > 0 && seconds[i] < seconds[i - 1]) seconds[i] = seconds[i - 1];
        curve.measured = curve.measured && cost.measured && !cost.extrapolated;
    }
    return curve;
}

// One operation of an a2a.csv.
static bool exchange_curve(TwArena *arena, const char *path, const char *op, TwCurve *curve, TwError *error)
{
    TwCsv *csv;
    if (!tw_csv_read(&csv, path, error)) return false;
    int name = tw_csv_column(csv, "op"), at = tw_csv_column(csv, "bytes"), time = tw_csv_column(csv, "time_us");
    bool good = true;
    if (name < 0 || at < 0 || time < 0) good = tw_fail_at(error, path, 1, 0, "columns op, bytes and time_us expected");
    int rows = tw_csv_rows(csv), n = 0;
    double *bytes = TW_TAKE(arena, rows + 1, double), *seconds = TW_TAKE(arena, rows + 1, double);
    for (int r = 0; good && r < rows; r++) {
        if (strcmp(tw_csv_text(csv, r, name), op) != 0) continue;
        good = tw_csv_number(csv, r, at, &bytes[n], error) && tw_csv_number(csv, r, time, &seconds[n], error);
        if (good && !(bytes[n] > (n ? bytes[n - 1] : 0.0) && seconds[n] > 0.0))
            good = tw_fail_at(error, path, tw_csv_line(csv, r), 0, "bytes must rise and time_us be more than 0");
        seconds[n++] *= 1e-6;
    }
    tw_csv_destroy(csv);
    *curve = (TwCurve){n, bytes, seconds, true, NULL};
    return good;
}

// Beyond one domain what goes through the NICs takes at least as long as they need.
static TwCurve through_fabric(const Maker *make, const TwCurve *inside, int ranks, int domain)
{
    TwCurve curve = curve_of(make, TW_ALL_TO_ALL, ranks, domain, 1.0);
    double *seconds = TW_TAKE(make->arena, curve.count, double);
    for (int i = 0; i < curve.count; i++) {
        seconds[i] = curve.seconds[i];
        if (inside->count > 0 && inside->seconds[0] > seconds[i]) seconds[i] = inside->seconds[0];
    }
    curve.seconds = seconds;
    curve.measured = false;
    return curve;
}

bool tw_domains_of(const TwParallel *layout, int domain_gpus, TwDomains *spread, TwError *error)
{
    int stage = layout->tensor * layout->ranks, stages = layout->stages;
    if (stage <= domain_gpus) {
        int inside = domain_gpus / stage < stages ? domain_gpus / stage : stages;
        *spread = (TwDomains){(stages + inside - 1) / inside, inside * stage};
        return true;
    }
    bool whole = layout->tensor <= domain_gpus ? domain_gpus % layout->tensor == 0 : layout->tensor % domain_gpus == 0;
    *spread = (TwDomains){stages * (stage / domain_gpus), domain_gpus};
    if (whole && stage % domain_gpus == 0) return true;
    return tw_fail(error, TW_BAD_INPUT,
                   "tensor_parallel = %d x attention_ranks = %d are %d GPUs of a stage, expected no more than the %d "
                   "of an NVLink domain, or whole domains",
                   layout->tensor, layout->ranks, stage, domain_gpus);
}

// To the next stage: the mean over the stages that have one, of which some lie in another domain.
static TwCurve send_curve(const Maker *make, int stages, const TwDomains *spread, int stage)
{
    int sends = stages - 1, across = stage > spread->gpus ? sends : spread->domains - 1;
    if (spread->domains == 1) return curve_of(make, TW_SEND, 2, 2, 1.0);
    TwCurve far = curve_of(make, TW_SEND, 2, 1, 1.0);
    if (across == sends) return far;
    TwCurve near = curve_of(make, TW_SEND, 2, 2, 1.0);
    double *seconds = TW_TAKE(make->arena, far.count, double);
    double *card_bytes = TW_TAKE(make->arena, far.count, double);
    for (int i = 0; i < far.count; i++) {
        seconds[i] = (across * far.seconds[i] + (sends - across) * near.seconds[i]) / sends;
        card_bytes[i] = across * far.card_bytes[i] / sends;
    }
    return (TwCurve){far.count, far.bytes, seconds, near.measured && far.measured, card_bytes};
}

// The collectives of a layout on cards that are so congested.
static bool collectives(const Maker *make, const char *folder, int domain_gpus, const TwParallel *layout,
                        const TwDomains *spread, TwCongestion *c, TwError *error)
{
    int tp = layout->tensor, stage = tp * layout->ranks;
    *c = (TwCongestion){.congestion = make->congestion};
    if (tp > 1) c->reduce = curve_of(make, TW_ALL_REDUCE, tp, domain_gpus, 1.0);
    if (layout->stages > 1) c->send = send_curve(make, layout->stages, spread, stage);
    if (layout->ranks < 2) return true;

    c->gather = curve_of(make, TW_ALL_GATHER, stage, domain_gpus, 1.0);
    c->scatter = curve_of(make, TW_REDUCE_SCATTER, stage, domain_gpus, 1.0);
    char path[600];
    snprintf(path, sizeof path, "%s/a2a.csv", folder ? folder : "");
    if (folder && tw_csv_present(path)) {
        if (!exchange_curve(make->arena, path, "dispatch", &c->dispatch, error)) return false;
        if (!exchange_curve(make->arena, path, "combine", &c->combine, error)) return false;
    }
    if (layout->experts > domain_gpus) {
        c->dispatch = through_fabric(make, &c->dispatch, layout->experts, domain_gpus);
        c->combine = through_fabric(make, &c->combine, layout->experts, domain_gpus);
    } else if (c->dispatch.count == 0) {
        double whole = (double)layout->experts / (layout->experts - 1.0 > 0.0 ? layout->experts - 1.0 : 1.0);
        c->dispatch = c->combine = curve_of(make, TW_ALL_TO_ALL, stage, domain_gpus, whole);
    }
    return true;
}

bool tw_step_transfers(TwArena *arena, const TwNetwork *network, const char *folder, int domain_gpus,
                       const TwParallel *layout, TwStepSpec *spec, TwError *error)
{
    // between them times are linear in the congestion, as transmission is
    static const double congestion[] = {1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0, 32.0, 64.0};
    enum { CONGESTIONS = sizeof congestion / sizeof *congestion };
    int stage = layout->tensor * layout->ranks;
    spec->tensor_parallel = layout->tensor, spec->attention_ranks = layout->ranks;
    spec->pipeline_parallel = layout->stages, spec->expert_parallel = layout->experts;
    if (layout->experts > stage)
        return tw_fail(error, TW_BAD_INPUT, "expert_parallel = %d, expected a divisor of the %d GPUs of a stage",
                       layout->experts, stage);
    TwDomains spread;
    if (!tw_domains_of(layout, domain_gpus, &spread, error)) return false;
    spec->domains = stage > spread.gpus ? stage / spread.gpus : 1;
    TwCongestion *made = TW_TAKE(arena, CONGESTIONS, TwCongestion);
    int count = spread.domains > 1 ? CONGESTIONS : 1;
    for (int i = 0; i < count; i++)
        if (!collectives(&(Maker){arena, network, congestion[i], spec->collectives}, folder, domain_gpus, layout,
                         &spread, &made[i], error))
            return false;
    spec->comm_count = made->reduce.count, spec->comm_bytes = made->reduce.bytes, spec->comm_s = made->reduce.seconds;
    spec->comm_measured = made->reduce.measured;
    spec->send = made->send, spec->gather = made->gather, spec->scatter = made->scatter;
    spec->dispatch = made->dispatch, spec->combine = made->combine;
    if (count > 1) spec->congestion_count = count, spec->congestions = made;
    return true;
}

double tw_fused_bytes(const double bytes[4], int ranks)
{
    return bytes[ranks <= 2 ? 0 : ranks <= 4 ? 1 : ranks <= 8 ? 2 : 3];
}

// ---- a replica ------------------------------------------------------------------------------------------------------

static bool make_network(TwDeploy *deploy, const char *folder, int domains, int gpus, TwError *error)
{
    char path[600];
    TwNetworkSpec network = {.endpoints = 0};
    TwArena *arena = deploy->arena;
    snprintf(path, sizeof path, "%s/comm.csv", folder ? folder : "");
    if (folder && tw_csv_present(path)) network.comm_csv = tw_arena_text(arena, path);
    if (!tw_load_part(&tw_scaleup_kind, deploy->chip.scaleup, &network.scaleup, &deploy->scaleup_config, error))
        return false;
    int across = (gpus + (int)deploy->chip.domain_gpus - 1) / (int)deploy->chip.domain_gpus;
    if (domains < across) domains = across;
    if (domains > 1) {
        if (!tw_load_part(&tw_fabric_kind, deploy->chip.fabric, &network.fabric, &deploy->fabric_config, error))
            return false;
        network.fabric.from = NULL;
        network.endpoints = domains * deploy->chip.domain_gpus;
    }
    TwErrors *errors = tw_errors_create();
    bool good = tw_network_create(&deploy->network, &network, errors);
    if (!good) tw_errors_first(errors, error);
    tw_errors_destroy(errors);
    return good;
}

// SGLang's own fraction for weights and KV (server_args.py since 0.5.3): what it leaves is for the activations of a
// chunk, for graphs, for padding of attention ranks; 0.85 beyond a node, where operators set it.
double tw_sglang_fraction(double memory_bytes, const TwParallel *layout)
{
    const double wide = 0.85;
    if (layout->ranks > 8) return wide;
    int size = layout->tensor * layout->ranks;
    double mib = memory_bytes / 1048576.0;
    double chunk = mib < 61440.0 ? 4096.0 : mib < 163840.0 ? 8192.0 : 16384.0;
    double graphs = mib < 61440.0 ? (size < 4 ? 32.0 : 160.0) : mib < 163840.0 ? (size < 4 ? 256.0 : 512.0) : 512.0;
    double kept = 512.0 + 1.5 * chunk + 2.0 * graphs + 128.0 * size * layout->stages;
    if (layout->ranks > 1) kept += graphs * layout->ranks * (graphs > 300.0 ? 4.5 : 3.0);
    return 1.0 - fmax(kept, 10240.0) / mib;
}

// Tokens of its own chunk that a token sees, summed from the first to length.
static double chunk_pairs(double length, double chunk)
{
    double whole = floor(length / chunk), rest = length - whole * chunk;
    return 0.5 * (whole * chunk * chunk + rest * rest);
}

void tw_step_windows(TwStepSpec *step, double context_tokens, double output_tokens, int64_t longest_tokens,
                     bool one_pool)
{
    step->context_tokens = one_pool ? 0.0 : context_tokens;
    if (!step->model->window_chunks) return;
    double chunk = (double)step->model->window_tokens, half = 0.5 * output_tokens;
    double first = fmax(context_tokens - half, 0.0), last = context_tokens + half;
    if (half > 0.0 && last > chunk)
        step->window_seen = fmax((chunk_pairs(last, chunk) - chunk_pairs(first, chunk)) / (last - first), 1.0);
    // before Blackwell XQA knows no chunks and TensorRT-LLM's plain kernel stands in, but where no sequence leaves the
    // first (its pull request 6306)
    bool within = longest_tokens > 0 && (double)longest_tokens < chunk;
    step->plain_windows = one_pool && !within && !tw_since_blackwell(step->chip);
}

TwAllToAll tw_all_to_all_of(TwAllToAll asked, const TwParallel *layout, int domain_gpus, bool deepep_beyond,
                            bool gathers)
{
    if (asked != TW_A2A_AUTO || layout->ranks < 2 || layout->experts < 2) return asked;
    if (deepep_beyond && layout->tensor * layout->ranks > domain_gpus) return TW_A2A_DEEPEP;
    return gathers ? TW_A2A_GATHER : TW_A2A_AUTO;
}

// FlashAttention has sinks from version 3 on, which needs Hopper.
TwPromptKernel tw_prompt_with_sinks(TwPromptKernel asked, const TwModelRow *model, const TwAcceleratorRow *chip)
{
    return asked == TW_PROMPT_AUTO && model->attention_sinks && tw_before_hopper(chip) ? TW_PROMPT_TRITON : asked;
}

static bool make_step(TwDeploy *deploy, const TwDeploySpec *spec, TwError *error)
{
    char folder[512];
    const char *tables = spec->calibration ? spec->calibration : deploy->chip.calibration;
    bool found = tables[0] && tw_calibration_find(tables, folder, sizeof folder);
    // what is asked for by hand may lie here under a bare name
    if (spec->calibration && access(tables, R_OK) == 0) found = snprintf(folder, sizeof folder, "%s", tables) > 0;
    char why[400];
    if (!found && tables[0])
        return tw_fail(error, TW_IO, "calibration = \"%s\": %s", tables, tw_calibration_missing(tables, why));
    TwDomains spread;
    if (!tw_domains_of(&spec->layout, (int)deploy->chip.domain_gpus, &spread, error)) return false;
    if (!make_network(deploy, found ? folder : NULL, spread.domains, spec->network_gpus, error)) return false;
    deploy->all_to_all =
        tw_all_to_all_of(spec->all_to_all, &spec->layout, spread.gpus, spec->deepep_beyond, spec->gathers);
    TwStepSpec step = {.chip = &deploy->chip,
                       .model = &deploy->model,
                       .calibration = found ? folder : NULL,
                       .precision = spec->precision,
                       .kv_precision = spec->kv_precision,
                       .attention_precision = spec->attention_precision,
                       .output_precision = spec->output_precision,
                       .bf16_share = spec->bf16_share,
                       .max_tokens = spec->max_tokens,
                       .max_sequences = spec->max_sequences,
                       .host_step_s = spec->host_step_s,
                       .host_sequence_s = spec->host_sequence_s,
                       .async_scheduling = spec->async_scheduling,
                       .graph_doubling = spec->graph_doubling,
                       .graphs = spec->graphs,
                       .launch_s = spec->launch_s,
                       .piece_launch_s = spec->piece_launch_s,
                       .piece_most = spec->piece_most,
                       .graph_most = spec->graph_most,
                       .collectives = spec->collectives,
                       .fused_bytes = tw_fused_bytes(spec->fused_bytes, spec->layout.tensor),
                       .apart = spec->apart,
                       .idle_sequence_s = spec->idle_sequence_s,
                       .idle_most_s = spec->idle_most_s,
                       .two_batch = spec->two_batch,
                       .host_experts = spec->host_experts,
                       .host_bytes_s = spec->host_bytes_s,
                       .all_to_all = deploy->all_to_all,
                       .memory_fraction = spec->static_memory && spec->memory_fraction == 0.0
                                              ? tw_sglang_fraction(deploy->chip.memory_bytes, &spec->layout)
                                              : spec->memory_fraction,
                       .static_memory = spec->static_memory,
                       .profile = spec->profile,
                       .routing = spec->routing,
                       .moe_imbalance = spec->moe_imbalance,
                       .engine = spec->engine,
                       .dense = spec->dense,
                       .training = spec->training,
                       .sampler = spec->sampler,
                       .mixed = spec->mixed,
                       .prompt = spec->prompt,
                       .state = spec->state,
                       .scan = spec->scan,
                       .plain_decode = spec->plain_decode,
                       .gate_s = spec->gate_s};
    tw_step_windows(&step, spec->context_tokens, spec->output_tokens, spec->longest_tokens, spec->one_pool);
    if (spec->unified_sinks) step.prompt = tw_prompt_with_sinks(spec->prompt, &deploy->model, &deploy->chip);
    // libraries of training exchange at the rate of the links, which the tables' kernels for serving do not reach
    const char *exchanges = found && !spec->training ? folder : NULL;
    if (!tw_step_transfers(deploy->arena, deploy->network, exchanges, (int)deploy->chip.domain_gpus, &spec->layout,
                           &step, error) ||
        !tw_step_create(&deploy->step, &step, error))
        return false;
    if (spec->kv_share > 0.0)
        deploy->step->kv_blocks_16 = (int64_t)((double)deploy->step->kv_blocks_16 * spec->kv_share);
    return true;
}

bool tw_deploy_create(TwDeploy *deploy, const TwDeploySpec *spec, TwError *error)
{
    *deploy = (TwDeploy){.arena = tw_arena_create()};
    deploy->gpus = spec->layout.tensor * spec->layout.ranks * spec->layout.stages;
    bool good = tw_load_part(&tw_accelerator_kind, spec->chip, &deploy->chip, &deploy->chip_config, error) &&
                tw_load_part(&tw_model_kind, spec->model, &deploy->model, &deploy->model_config, error);
    if (good && spec->limit_w > 0.0) deploy->chip.limit_w = spec->limit_w;
    good = good && make_step(deploy, spec, error);
    if (!good) tw_deploy_destroy(deploy);
    return good;
}

void tw_deploy_destroy(TwDeploy *deploy)
{
    tw_step_destroy(deploy->step);
    if (deploy->network) tw_network_destroy(deploy->network);
    if (deploy->chip_config) tw_config_destroy(deploy->chip_config);
    if (deploy->model_config) tw_config_destroy(deploy->model_config);
    if (deploy->scaleup_config) tw_config_destroy(deploy->scaleup_config);
    if (deploy->fabric_config) tw_config_destroy(deploy->fabric_config);
    if (deploy->arena) tw_arena_destroy(deploy->arena);
    *deploy = (TwDeploy){0};
}
