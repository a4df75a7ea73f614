// One step broken down by operator, from the kernels themselves rather than from the tables of step.c.
#include "models/workload/step.h"
#include "models/workload/step_tables.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARTS_MOST = 48 };

typedef struct Breakdown {
    TwStepPart part[PARTS_MOST];
    TwKernelCost cost[PARTS_MOST];    // summed over launches
    int count;
} Breakdown;

static void add_part(void *context, const char *name, double times, const TwKernelCost *cost)
{
    Breakdown *b = context;
    int i = 0;
    const char *evidence = tw_evidence_name(cost->evidence);
    while (i < b->count && (strcmp(b->part[i].name, name) != 0 || strcmp(b->part[i].evidence, evidence) != 0 ||
                            (b->cost[i].compute_s > b->cost[i].memory_s) != (cost->compute_s > cost->memory_s)))
        i++;
    if (i == PARTS_MOST) return;
    if (i == b->count) {
        b->count++;
        b->cost[i] = (TwKernelCost){.op = cost->op, .evidence = cost->evidence};
        b->part[i] = (TwStepPart){.evidence = evidence};
        snprintf(b->part[i].name, sizeof b->part[i].name, "%s", name);
    }
    TwKernelCost *sum = &b->cost[i];
    sum->t_s += times * cost->t_s, sum->t0_s += times * cost->t0_s;
    sum->compute_s += times * cost->compute_s, sum->memory_s += times * cost->memory_s;
    sum->l2_s += times * cost->l2_s;
    sum->flop += times * cost->flop, sum->bytes += times * cost->bytes;
    sum->flop_j += times * cost->flop_j, sum->byte_j += times * cost->byte_j;
}

// Twice as often.
static void add_twice(void *context, const char *name, double times, const TwKernelCost *cost)
{
    add_part(context, name, 2.0 * times, cost);
}

// What the states of drafts take beside those of the tokens that decodes begin from.
static void add_drafted(const TwCompose *c, double sequences, double drafts, Breakdown *b)
{
    Breakdown with = {.count = 0}, without = {.count = 0};
    tw_compose_update(c, sequences, drafts, add_part, &with);
    tw_compose_update(c, sequences, 0.0, add_part, &without);
    if (with.count < 1) return;
    const TwKernelCost *all = &with.cost[0], *one = &without.cost[0];
    TwKernelCost more = *all;
    more.t_s -= one->t_s, more.t0_s -= one->t0_s;
    more.compute_s -= one->compute_s, more.memory_s -= one->memory_s, more.l2_s -= one->l2_s;
    more.flop -= one->flop, more.bytes -= one->bytes;
    more.flop_j -= one->flop_j, more.byte_j -= one->byte_j;
    add_part(b, "linear update of drafts", 1.0, &more);
}

// What is done for n tokens of the busiest way and `group` of all: all at once, or in two halves.
static void add_tokens(const TwCompose *c, double n, double group, bool halves, Breakdown *b)
{
    TwEmit *emit = halves ? add_twice : add_part;
    n *= halves ? 0.5 : 1.0, group *= halves ? 0.5 : 1.0;
    tw_compose_dense(c, n, n > 16.0 && fmod(n, 16.0) != 0.0, emit, b);
    tw_compose_experts(c, group, emit, b);
}

static double device_s(const Breakdown *b, double clock, bool moved)
{
    double s = 0.0;
    for (int i = 0; i < b->count; i++)
        if (!moved || b->cost[i].op == TW_KERNEL_COLLECTIVE) s += tw_kernel_time_s(&b->cost[i], clock);
    return s;
}

// Two halves of a batch in turns, as step_cost.c has them: twice the kernels of a half, with all that is not halved,
// and the whole at once.
typedef struct Turns {
    Breakdown at_once, whole, halves, all;
    double shown;    // of the exchange, beside kernels
} Turns;

static Turns turns_of(const TwCompose *c, double n, double group, const Breakdown *at_once)
{
    Turns turns = {.at_once = *at_once, .shown = tw_compose_shown(c, group)};
    add_tokens(c, n, group, true, &turns.halves);
    add_tokens(c, n, group, false, &turns.whole);
    Breakdown *all = &turns.all;
    *all = turns.halves;
    for (int i = 0; i < at_once->count && all->count < PARTS_MOST; i++) {
        int k = 0;
        while (k < turns.whole.count && strcmp(turns.whole.part[k].name, at_once->part[i].name) != 0) k++;
        if (k < turns.whole.count) continue;
        all->part[all->count] = at_once->part[i];
        all->cost[all->count++] = at_once->cost[i];
    }
    return turns;
}

// What of all runs behind the other half; 0 or less: at once is faster.
static double turns_hidden_s(const Turns *turns, double clock)
{
    double once = device_s(&turns->at_once, clock, false), whole = device_s(&turns->whole, clock, false);
    double moved = device_s(&turns->halves, clock, true);
    double kernels =
        fmax(device_s(&turns->halves, clock, false) - moved, whole - device_s(&turns->whole, clock, true)) + once -
        whole;
    double in_turns = fmax(moved, kernels + turns->shown * moved);
    return in_turns < once ? device_s(&turns->all, clock, false) - in_turns : 0.0;
}

typedef struct TurnsPower {
    const Turns *turns;
    const TwPower *power;
} TurnsPower;

// In turns there is less time for as much work.
static double turns_w(const void *context, double clock)
{
    const TurnsPower *t = context;
    const Breakdown *all = &t->turns->all;
    double hidden = turns_hidden_s(t->turns, clock), energy = -hidden * tw_power_steady_w(t->power, clock);
    for (int k = 0; k < all->count; k++) energy += tw_kernel_energy_j(&all->cost[k], t->power, clock);
    return energy / (device_s(all, clock, false) - hidden);
}

int tw_step_parts(const TwStepModel *model, const TwBatch *batch, TwStepPart *parts, int most)
{
    const TwStepTables *t = model->inner;
    const TwCompose *c = &t->compose;
    Breakdown b = {.count = 0};

    // as step_cost.c places a batch: dealt over the ways, decodes alone padded to the next captured size
    int ways = t->ways, decodes = (batch->decodes + ways - 1) / ways, chunks = (batch->chunks + ways - 1) / ways;
    double share = batch->chunks > 0 ? (double)chunks / batch->chunks : 0.0;
    int n = ways == 1 ? batch->tokens : decodes + (int)ceil(batch->chunk_tokens * share);
    n = n < 1 ? 1 : n > t->tokens.most ? t->tokens.most : n;
    int low = t->tokens.low[n];
    const TwLaunch launch = tw_launch_of(t, n, batch->chunks > 0);
    bool padded = launch.graph && n <= 512;
    if (padded && n > t->tokens.at[low]) n = t->tokens.at[low + 1];
    double group = t->experts ? (double)batch->tokens / t->stages : n;
    add_tokens(c, n, group, false, &b);
    if (batch->logits > 0) tw_compose_logits(c, (batch->logits + ways - 1) / ways, add_part, &b);
    if (decodes > 0) tw_compose_decode(c, decodes, (double)batch->decode_context / batch->decodes, add_part, &b);
    if (decodes > 0 && batch->drafts > 0) add_drafted(c, decodes, batch->drafts, &b);
    if (batch->chunks > 0 && batch->chunk_tokens > 0) {
        double tokens = batch->chunk_tokens;
        tw_compose_prefill(c, chunks, (double)batch->chunk_square / tokens, (double)batch->chunk_history / tokens,
                           add_part, &b);
        // as many tokens as the busiest way has; no prompt is longer than they are
        double here = chunks * (tokens / batch->chunks);
        tw_compose_scan(c, here, fmin((double)batch->chunk_square / tokens, here), add_part, &b);
    }

    bool over;
    TwPower power = tw_chip_power(&t->chip);
    double clock = tw_sequence_clock(b.cost, b.count, &power, t->chip.limit_w, &over), hidden = 0.0;
    if (t->exchange) {
        Turns turns = turns_of(c, n, group, &b);
        if (turns_hidden_s(&turns, clock) > 0.0) {
            b = turns.all;
            clock = tw_power_clock(&power, clock, t->chip.limit_w, turns_w, &(TurnsPower){&turns, &power}, &over);
            hidden = turns_hidden_s(&turns, clock);
        }
    }
    double device = -hidden;
    for (int i = 0; i < b.count; i++) {
        b.part[i].time_s = tw_kernel_time_s(&b.cost[i], clock);
        b.part[i].energy_j = tw_kernel_energy_j(&b.cost[i], &power, clock) * t->gpus;
        b.part[i].flop = b.cost[i].flop * t->gpus;
        b.part[i].bytes = b.cost[i].bytes * t->gpus;
        device += b.part[i].time_s;
    }
    int sequences = (batch->decodes + batch->chunks + ways - 1) / ways;
    double host = 1e-9 * (t->host_step_ns + t->host_sequence_ns * sequences);
    // what is drawn at any time, each part has for all of its own
    if (hidden != 0.0 && b.count < PARTS_MOST)
        b.part[b.count++] = (TwStepPart){.name = "behind the other half",
                                         .evidence = tw_evidence_name(TW_ASSUMED),
                                         .time_s = -hidden,
                                         .energy_j = -hidden * tw_power_steady_w(&power, clock) * t->gpus};
    // as whole() of step_cell.h has it: kernels and what is between them, or the host that starts them
    double launch_s = 1e-9 * launch.host_ns, gap_s = 1e-9 * launch.gap_ns,
           idle_s = 1e-9 * tw_idle_ns(t, (double)sequences);
    double read_s = fmax(1e-9 * t->host_read_ns - (device + gap_s + idle_s), 0.0),
           run_s = fmax(device + gap_s + idle_s + read_s, launch_s);
    if (t->async) host = fmax(host + launch_s - run_s, 0.0);
    const struct {
        const char *name;
        TwEvidence evidence;
        double time_s;
    } waits[] = {{"between launches", TW_PUBLISHED, gap_s},
                 {"between steps", TW_ASSUMED, idle_s},
                 {"weights from the host", TW_ASSUMED, read_s},
                 {"launches by the host", TW_PUBLISHED, fmax(launch_s - (device + gap_s + idle_s + read_s), 0.0)},
                 {"host", TW_ASSUMED, host}};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        if (!(waits[i].time_s > 0.0) || b.count == PARTS_MOST) continue;
        TwStepPart *part = &b.part[b.count++];
        *part = (TwStepPart){.evidence = tw_evidence_name(waits[i].evidence), .time_s = waits[i].time_s};
        snprintf(part->name, sizeof part->name, "%s", waits[i].name);
        part->energy_j = waits[i].time_s * power.live_w * t->gpus;
    }
    int count = b.count < most ? b.count : most;
    if (count > 0) memcpy(parts, b.part, (size_t)count * sizeof *parts);
    return count;
}

double tw_step_draft_fraction(const TwStepModel *model, int layers, int drafts)
{
    static const char *const once[] = {"embedding", "head", "gather logits", "sampler"};
    TwStepPart parts[PARTS_MOST];
    int32_t n = 16 * model->inner->ways;
    const TwBatch draft = {.tokens = n, .decodes = n, .decode_context = (int64_t)n * 2048, .logits = n};
    TwBatch verify = draft;
    verify.tokens = verify.logits = n * (1 + drafts), verify.drafts = drafts;
    double of_layers = 0.0, of_draft = 0.0;
    for (int k = tw_step_parts(model, &draft, parts, PARTS_MOST) - 1; k >= 0; k--) {
        bool is_once = false;
        for (size_t i = 0; i < sizeof once / sizeof *once; i++) is_once |= strcmp(parts[k].name, once[i]) == 0;
        if (is_once)
            of_draft += parts[k].time_s;
        else if (strcmp(parts[k].name, "host") != 0)
            of_layers += parts[k].time_s;
    }
    TwStep step;
    model->source.step(model->source.context, TW_LEVELS - 1, &verify, &step);
    double step_s = 1e-9 * (step.time_ns.base + step.time_ns.per_context * (double)verify.decode_context);
    // a head is attention or a state with an MLP behind it, where layers are one of these alone two of them
    double of_head = tw_model_is_single(&model->inner->model) ? 2.0 : 1.0;
    return (of_head * of_layers / layers + of_draft) / step_s;
}
