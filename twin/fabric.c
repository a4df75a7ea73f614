#include "twin/fabric.h"

#include "models/network/drawn.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double cache_bytes = 4831838208.0;

typedef struct State {
    int64_t changes;    // of what is out
    int64_t since_ns;
    int32_t step, random_count;
    bool dark;            // some switches are without supply
    TwFabricStep live;    // what remains beside them
    double integral_s, least, slowest, transfer_s, residual;
} State;

static const char *const words[] = {"lose_leaf",  "lose_spine", "lose_core", "lose_rail",
                                    "lose_plane", "lose_link",  "lose_optic"};

bool tw_fabric_word(const char *word)
{
    for (int k = 0; k < TW_COUNT(words); k++)
        if (strcmp(word, words[k]) == 0) return true;
    return false;
}

const char *tw_fabric_name(const TwPlant *plant, int loss) { return plant->fabric.names[loss]; }

int tw_fabric_choices(const TwPlant *plant, int kind)
{
    if (plant->wiring) return tw_drawn_choices(plant->wiring, (TwLossKind)kind);
    return plant->fabric.graph ? tw_loss_choices(plant->fabric.graph, (TwLossKind)kind) : 0;
}

int tw_fabric_planes(const TwPlant *plant) { return plant->wiring ? 1 : plant->fabric.graph->planes; }

static bool make_graph(TwPlant *plant, TwErrors *errors)
{
    return plant->wiring || plant->fabric.graph || tw_graph_create(&plant->fabric.graph, plant->network, errors);
}

bool tw_fabric_event(TwPlant *plant, const TwNode *node, const char *word, int64_t plane, int64_t index, int *loss,
                     TwErrors *errors)
{
    TwFabricPlan *f = &plant->fabric;
    if (!plant->network || !make_graph(plant, errors)) return false;
    int kind = 0;
    while (strcmp(words[kind], word) != 0) kind++;
    int choices = tw_fabric_choices(plant, kind), planes = tw_fabric_planes(plant);
    if (choices == 0) {
        tw_node_error(node, "kind", errors, "the fabric has no %s", word + strlen("lose_"));
        return false;
    }
    if (index < 0 || index >= choices || plane < 0 || plane >= planes) {
        tw_node_error(node, "index", errors, "%s: index = %lld of plane %lld, expected 0 to %d of plane 0 to %d", word,
                      (long long)index, (long long)plane, choices - 1, planes - 1);
        return false;
    }
    if (!f->losses) {
        int most = tw_node_entries(tw_config_root(plant->config), "events");
        f->losses = TW_TAKE(plant->arena, most + 1, TwLoss);
        f->names = TW_TAKE(plant->arena, most + 1, const char *);
    }
    *loss = f->loss_count;
    char name[64];
    int used = snprintf(name, sizeof name, "%s %lld", word + strlen("lose_"), (long long)index);
    if (planes > 1 && kind != TW_LOSE_RAIL && kind != TW_LOSE_PLANE)
        snprintf(name + used, sizeof name - (size_t)used, " of plane %lld", (long long)plane);
    f->names[f->loss_count] = tw_arena_text(plant->arena, name);
    f->losses[f->loss_count++] = (TwLoss){(TwLossKind)kind, (int)plane, (int)index};
    return true;
}

// Switches that a loss takes out.
static double switches_of(const TwGraph *g, const TwNetwork *net, const TwLoss *loss)
{
    if (loss->kind == TW_LOSE_RAIL) return (double)(g->leaves / g->rails) * g->planes;
    if (loss->kind >= TW_LOSE_LINK) return 0.0;
    return loss->kind == TW_LOSE_PLANE ? (double)net->switches / g->planes : 1.0;
}

// Whether the switches of loss i are among those of another one, counted there.
static bool inside_other(const TwGraph *g, const TwLoss *active, int count, int i)
{
    const TwLoss *a = &active[i];
    for (int k = 0; k < count; k++) {
        const TwLoss *b = &active[k];
        if (k < i && a->kind == b->kind && a->index == b->index && (a->plane == b->plane || a->kind >= TW_LOSE_RAIL))
            return true;
        if (a->kind < TW_LOSE_RAIL && b->kind == TW_LOSE_PLANE && b->index == a->plane) return true;
        if (a->kind == TW_LOSE_LEAF && b->kind == TW_LOSE_RAIL && a->index % g->rails == b->index) return true;
    }
    return false;
}

// The same of a fabric that is drawn.
static bool remaining_drawn(const TwPlant *plant, const TwLoss *active, int count, TwFabricStep *step, void *work,
                            TwError *error)
{
    const TwFabricStep *first = plant->fabric.steps;
    if (!tw_drawn_remains(plant->wiring, active, count, TW_SPRAY, &step->remains, NULL, work, error)) return false;
    step->throughput = step->remains.sent_bytes_s / first->remains.sent_bytes_s;
    step->slowest = fmin(step->remains.slowest_host / first->remains.slowest_host, 1.0);
    int cards = (int)tw_network_scaleup(plant->network)->node_gpus;
    step->transfer_s =
        step->slowest > 0.0
            ? tw_network_transfer(plant->network, cards > 0 ? cards : 8, cache_bytes, step->slowest).time_s
            : INFINITY;
    double lost = 0.0, all = (double)plant->network->switches;
    for (int i = 0; i < count; i++) {
        bool seen = active[i].kind != TW_LOSE_LEAF && active[i].kind != TW_LOSE_SPINE;
        for (int k = 0; k < i; k++)
            seen = seen || (active[k].kind == active[i].kind && active[k].index == active[i].index);
        lost = active[i].kind == TW_LOSE_PLANE ? all : lost + !seen;
    }
    step->power_w =
        (plant->network->switch_w + plant->network->optics_w) * (all > 0.0 ? fmax(1.0 - lost / all, 0.0) : 1.0);
    return true;
}

// What remains without these; work: of the solution, NULL: its own.
static bool remaining(const TwPlant *plant, const TwLoss *active, int count, TwFabricStep *step, void *work,
                      TwError *error)
{
    if (plant->wiring) return remaining_drawn(plant, active, count, step, work, error);
    const TwFabricStep *first = plant->fabric.steps;
    const TwGraph *g = plant->fabric.graph;
    bool good = work ? tw_network_remains_in(g, active, count, TW_SPRAY, &step->remains, NULL, work, error)
                     : tw_network_remains(g, active, count, TW_SPRAY, &step->remains, NULL, error);
    if (!good) return false;
    step->throughput = step->remains.sent_bytes_s / first->remains.sent_bytes_s;
    step->slowest = fmin(step->remains.slowest_host / first->remains.slowest_host, 1.0);
    step->transfer_s = step->slowest > 0.0
                           ? tw_network_transfer(plant->network, g->host_cards, cache_bytes, step->slowest).time_s
                           : INFINITY;
    double lost = 0.0, whole_w = plant->network->switch_w + plant->network->optics_w;
    int planes = 0;
    for (int i = 0; i < count; i++)
        if (!inside_other(g, active, count, i)) {
            lost += switches_of(g, plant->network, &active[i]);
            planes += active[i].kind == TW_LOSE_PLANE;
        }
    // leaves of a rail in planes that are lost are counted with the plane
    for (int i = 0; i < count; i++)
        if (active[i].kind == TW_LOSE_RAIL && !inside_other(g, active, count, i))
            lost -= (double)(g->leaves / g->rails) * planes;
    step->power_w = whole_w * fmax(1.0 - lost / (double)plant->network->switches, 0.0);
    return true;
}

static bool make_step(TwPlant *plant, const TwLoss *active, int count, TwFabricStep *step, TwErrors *errors)
{
    TwError error = {0};
    if (!remaining(plant, active, count, step, NULL, &error)) {
        tw_errors_take(errors, &error);
        return false;
    }
    return true;
}

int tw_fabric_parts(TwPlant *plant, int kind, TwErrors *errors)
{
    TwFabricPlan *f = &plant->fabric;
    if (!plant->network || !make_graph(plant, errors)) return 0;
    if (!f->steps) {
        f->steps = TW_TAKE(plant->arena, 1, TwFabricStep);
        f->step_count = 1;
        if (!make_step(plant, NULL, 0, &f->steps[0], errors)) return 0;
    }
    return f->may_fail[kind] = tw_fabric_choices(plant, kind) * tw_fabric_planes(plant);
}

static TwLoss loss_of(const TwPlant *plant, int kind, int part)
{
    int choices = tw_fabric_choices(plant, kind);
    return (TwLoss){(TwLossKind)kind, part / choices, part % choices};
}

void tw_fabric_part(const TwPlant *plant, int kind, int part, char *text, size_t size)
{
    TwLoss loss = loss_of(plant, kind, part);
    int used = snprintf(text, size, "%s %d", words[kind] + strlen("lose_"), loss.index);
    if (tw_fabric_planes(plant) > 1) snprintf(text + used, size - (size_t)used, " of plane %d", loss.plane);
}

bool tw_fabric_compile(TwPlant *plant, TwErrors *errors)
{
    TwFabricPlan *f = &plant->fabric;
    if (f->loss_count == 0) return true;
    int steps = 1;
    for (int i = 0; i < plant->event_count; i++)
        steps += plant->events[i].kind == TW_EVENT_FABRIC || plant->events[i].kind == TW_EVENT_FABRIC_END;
    f->steps = TW_TAKE(plant->arena, steps, TwFabricStep);
    TwLoss *active = TW_TAKE(plant->arena, f->loss_count, TwLoss);
    bool *lost = TW_TAKE(plant->arena, f->loss_count, bool);
    // the whole fabric is the first step, and what the others are compared with
    f->step_count = 1;
    if (!make_step(plant, active, 0, &f->steps[0], errors)) return false;
    for (int i = 0; i < plant->event_count; i++) {
        const TwEventPlan *e = &plant->events[i];
        if (e->kind != TW_EVENT_FABRIC && e->kind != TW_EVENT_FABRIC_END) continue;
        lost[e->target] = e->kind == TW_EVENT_FABRIC;
        int count = 0;
        for (int k = 0; k < f->loss_count; k++)
            if (lost[k]) active[count++] = f->losses[k];
        if (!make_step(plant, active, count, &f->steps[f->step_count], errors)) return false;
        f->step_count++;
    }
    return true;
}

void tw_fabric_layout(TwPlant *plant, TwLayout *layout)
{
    TwFabricPlan *f = &plant->fabric;
    f->state = tw_layout_add(layout, 1, sizeof(State));
    f->dark = tw_layout_add(layout, (size_t)plant->rows.group_count + 1, 1);
    // every part that may be out at once: all that fail or are maintained by themselves, and what is scripted
    f->random_most = f->loss_count;
    for (int k = 0; k < TW_COUNT(f->may_fail); k++) f->random_most += f->may_fail[k];
    bool some = (f->graph || plant->wiring) && f->step_count > 0;
    f->random = tw_layout_add(layout, some ? (size_t)f->random_most : 0, sizeof(TwLoss));
    f->active = tw_layout_add(layout, some ? (size_t)tw_fabric_lost_most(plant) + 1 : 0, sizeof(TwLoss));
    size_t work = some && f->graph ? tw_network_remains_bytes(f->graph) : 0;
    if (some && plant->wiring) work = tw_drawn_remains_bytes(plant->wiring);
    f->work = tw_layout_add(layout, work, 1);
}

static TwLoss *random_of(const TwPlant *plant, void *block) { return tw_at(block, plant->fabric.random); }
static const TwLoss *random_const(const TwPlant *plant, const void *block)
{
    return tw_at_const(block, plant->fabric.random);
}

static State *state_of(const TwPlant *plant, void *block) { return tw_at(block, plant->fabric.state); }

void tw_fabric_start(const TwPlant *plant, void *block)
{
    const TwFabricStep *whole = plant->fabric.steps;
    *state_of(plant, block) = (State){.least = 1.0, .slowest = 1.0};
    if (!whole) return;
    state_of(plant, block)->transfer_s = whole->transfer_s;
    state_of(plant, block)->residual = whole->remains.ledger;
}

const TwFabricStep *tw_fabric_now(const TwPlant *plant, const void *block)
{
    const State *s = tw_at_const(block, plant->fabric.state);
    if (plant->fabric.step_count == 0) return NULL;
    return s->random_count > 0 || s->dark ? &s->live : &plant->fabric.steps[s->step];
}

int tw_fabric_step(const TwPlant *plant, const void *block)
{
    return ((const State *)tw_at_const(block, plant->fabric.state))->step;
}

// Ends and begins a span in which nothing changes.
static void leave(const TwPlant *plant, void *block, int64_t now_ns)
{
    State *s = state_of(plant, block);
    s->integral_s += tw_fabric_now(plant, block)->throughput * 1e-9 * (double)(now_ns - s->since_ns);
    s->since_ns = now_ns;
}

static void solve_live(const TwPlant *plant, void *block, const TwLoss *more, TwFabricStep *step);

static void enter(const TwPlant *plant, void *block)
{
    State *s = state_of(plant, block);
    s->changes++;
    if (s->random_count > 0 || s->dark) solve_live(plant, block, NULL, &s->live);
    const TwFabricStep *after = tw_fabric_now(plant, block);
    s->least = fmin(s->least, after->throughput);
    s->slowest = fmin(s->slowest, after->slowest);
    s->transfer_s = fmax(s->transfer_s, after->transfer_s);
    s->residual = fmax(s->residual, after->remains.ledger);
}

void tw_fabric_happen(const TwPlant *plant, void *block, int64_t now_ns)
{
    State *s = state_of(plant, block);
    leave(plant, block, now_ns);
    if (s->step + 1 < plant->fabric.step_count) s->step++;
    enter(plant, block);
}

double tw_fabric_power_w(const TwPlant *plant, const void *block)
{
    const TwFabricStep *now = tw_fabric_now(plant, block);
    double power_w = now ? now->power_w : plant->network->switch_w + plant->network->optics_w;
    for (int k = 0; k < 2; k++)
        if (plant->side_networks[k]) power_w += plant->side_networks[k]->switch_w + plant->side_networks[k]->optics_w;
    return power_w;
}

void tw_fabric_sums(const TwPlant *plant, const void *block, int64_t now_ns, double *mean, double *least,
                    double *slowest, double *transfer_s, double *residual)
{
    const State *s = tw_at_const(block, plant->fabric.state);
    const TwFabricStep *now = tw_fabric_now(plant, block);
    double open_s = 1e-9 * (double)(now_ns - s->since_ns), all_s = 1e-9 * (double)now_ns;
    *mean = now && all_s > 0.0 ? (s->integral_s + now->throughput * open_s) / all_s : 1.0;
    *least = s->least;
    *slowest = s->slowest;
    *transfer_s = s->transfer_s;
    *residual = s->residual;
}

// Scripted losses in force.
static int scripted(const TwPlant *plant, int step, TwLoss *active)
{
    const TwFabricPlan *f = &plant->fabric;
    int count = 0;
    for (int k = 0; k < f->loss_count; k++) {
        bool lost = false;
        for (int i = 0, done = 0; i < plant->event_count && done < step; i++) {
            const TwEventPlan *e = &plant->events[i];
            if (e->kind != TW_EVENT_FABRIC && e->kind != TW_EVENT_FABRIC_END) continue;
            done++;
            if (e->target == k) lost = e->kind == TW_EVENT_FABRIC;
        }
        if (lost) active[count++] = f->losses[k];
    }
    return count;
}

// Switches without supply: leaves by group, or what hangs on fabric.from.
static int without_supply(const TwPlant *plant, const void *block, TwLoss *lost)
{
    const TwRowsPlan *rows = &plant->rows;
    const TwGraph *g = plant->fabric.graph;
    const uint8_t *dark = tw_at_const(block, plant->fabric.dark);
    int count = 0;
    if (plant->wiring) {
        if (dark[rows->group_count] && rows->load_count == 0) lost[count++] = (TwLoss){TW_LOSE_PLANE, 0, 0};
        bool all = count > 0;
        for (int i = 0; !all && i < plant->wiring->leaf_count; i++)
            if (dark[i]) lost[count++] = (TwLoss){TW_LOSE_LEAF, 0, i};
        for (int i = 0; dark[rows->group_count] && rows->load_count > 0 && i < plant->wiring->spine_count; i++)
            lost[count++] = (TwLoss){TW_LOSE_SPINE, 0, i};
        return count;
    }
    if (dark[rows->group_count] && rows->load_count == 0) {
        for (int p = 0; p < g->planes; p++) lost[count++] = (TwLoss){TW_LOSE_PLANE, 0, p};
        return count;
    }
    for (int p = 0; p < g->planes; p++) {
        for (int leaf = 0; leaf < g->leaves; leaf++)
            if (dark[leaf / rows->rails]) lost[count++] = (TwLoss){TW_LOSE_LEAF, p, leaf};
        for (int i = 0; dark[rows->group_count] && i < g->pods * g->spines; i++)
            lost[count++] = (TwLoss){TW_LOSE_SPINE, p, i};
    }
    return count;
}

static int all_lost(const TwPlant *plant, const void *block, const State *s, TwLoss *lost)
{
    int count = scripted(plant, s->step, lost);
    for (int i = 0; i < s->random_count; i++) lost[count++] = random_const(plant, block)[i];
    return s->dark ? count + without_supply(plant, block, lost + count) : count;
}

// Without what is out now, and one more.
static void solve_live(const TwPlant *plant, void *block, const TwLoss *more, TwFabricStep *step)
{
    TwLoss *active = tw_at(block, plant->fabric.active);
    int count = all_lost(plant, block, tw_at_const(block, plant->fabric.state), active);
    if (more) active[count++] = *more;
    TwError error;
    // parts are those of the graph: it cannot fail
    bool good = remaining(plant, active, count, step, tw_at(block, plant->fabric.work), &error);
    assert(good);
    (void)good;
}

int64_t tw_fabric_changes(const TwPlant *plant, const void *block)
{
    return ((const State *)tw_at_const(block, plant->fabric.state))->changes;
}

int tw_fabric_lost_most(const TwPlant *plant)
{
    const TwNetwork *net = plant->network;
    return plant->fabric.loss_count + plant->fabric.random_most + (int)(net->leaf + net->spine) +
           (int)plant->rows.planes;
}

int tw_fabric_lost(const TwPlant *plant, const void *block, TwLoss *lost)
{
    return all_lost(plant, block, tw_at_const(block, plant->fabric.state), lost);
}

void tw_fabric_supply(const TwPlant *plant, void *block, const double *load_on, int64_t now_ns)
{
    const TwRowsPlan *rows = &plant->rows;
    uint8_t *dark = tw_at(block, plant->fabric.dark);
    if (!plant->fabric.graph && !plant->wiring) return;
    bool any = false, changed = false;
    for (int i = 0; i <= rows->group_count; i++)
        changed |= dark[i] != (load_on[i < rows->group_count ? rows->group_load[i] : 0] <= 0.0);
    if (!changed) return;
    bool known = plant->fabric.step_count > 0;    // what remains is told
    if (known) leave(plant, block, now_ns);
    for (int i = 0; i <= rows->group_count; i++) {
        dark[i] = load_on[i < rows->group_count ? rows->group_load[i] : 0] <= 0.0;
        any |= dark[i];
    }
    State *s = state_of(plant, block);
    s->dark = any;
    if (known)
        enter(plant, block);
    else
        s->changes++;
}

static void change(const TwPlant *plant, void *block, TwLoss loss, bool out, int64_t now_ns)
{
    State *s = state_of(plant, block);
    leave(plant, block, now_ns);
    TwLoss *random = random_of(plant, block);
    int at = 0;
    while (at < s->random_count && memcmp(&random[at], &loss, sizeof loss) != 0) at++;
    // there is room for every part that may be out
    assert(!out || at < plant->fabric.random_most);
    if (out && at == s->random_count) random[s->random_count++] = loss;
    if (!out && at < s->random_count) random[at] = random[--s->random_count];
    enter(plant, block);
}

double tw_fabric_without(const TwPlant *plant, void *block, int kind, int part)
{
    const TwLoss loss = loss_of(plant, kind, part);
    TwFabricStep step;
    solve_live(plant, block, &loss, &step);
    return step.slowest;
}

bool tw_fabric_is_out(const TwPlant *plant, const void *block, int kind, int part)
{
    const State *s = tw_at_const(block, plant->fabric.state);
    TwLoss loss = loss_of(plant, kind, part);
    bool out = false;
    for (int i = 0; i < s->random_count; i++)
        out = out || memcmp(&random_const(plant, block)[i], &loss, sizeof loss) == 0;
    return out;
}

const TwFabricStep *tw_fabric_change(const TwPlant *plant, void *block, int kind, int part, bool out, int64_t now_ns)
{
    change(plant, block, loss_of(plant, kind, part), out, now_ns);
    return tw_fabric_now(plant, block);
}

void tw_fabric_script(const TwPlant *plant, void *block, int loss, bool out, int64_t now_ns)
{
    change(plant, block, plant->fabric.losses[loss], out, now_ns);
}
