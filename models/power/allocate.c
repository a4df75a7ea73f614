// Cap allocation: max-min grants under every limit of the tree.
//
// Limits hold at inputs and losses are convex, so that the output of an element is a convex function of the grants
// below it. It is replaced by its tangent, the linear problem is solved by progressive filling (sim/share.h), and the
// tangent is taken again at the answer: Newton's method, exact at once where there are no losses.
#include "models/power/inner.h"
#include "sim/share.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { TURNS = 12 };
static const double tight = 1e-10;    // relative overload at which the tangent is good enough
static const double most_w = 1e15;    // stands for "no bound"

typedef struct Fill {
    const TwPowerPlant *p;
    void *block;
    const unsigned char *mode;
    const int32_t *source, *source2, *via;    // via: NULL without rings
    const double *share;
    const double *load_w, *law_w, *cord_w, *supply_w, *cap_w;
    // [element]
    double *out_w, *in_w, *slope, *level, *limit_w;
    int *link_of;    // number among the active links, -1: cannot bind
    // [rack]
    double *grant, *up, *leaf;    // granted before, largest increment, sum handed to the sweep
    int *flow_rack;
    double *rate, *bound, *penalty;
    // [link], [crossing]
    double *capacity;
    int *start, *link;
    double *use;
    void *scratch;
    int flows, links;
} Fill;

static size_t rounded(size_t bytes) { return (bytes + 63) / 64 * 64; }

static void *cut(unsigned char **at, size_t count, size_t size)
{
    void *here = *at;
    *at += rounded(count * size);
    return here;
}

size_t tw_power_work_bytes(int elements, int racks, int crossings)
{
    size_t n = (size_t)elements, r = (size_t)racks, x = (size_t)crossings;
    return 6 * rounded(n * sizeof(double)) + rounded(n * sizeof(int)) + 6 * rounded(r * sizeof(double)) +
           rounded(r * sizeof(int)) + rounded((r + 1) * sizeof(int)) + rounded(x * sizeof(int)) +
           rounded(x * sizeof(double)) + rounded((size_t)tw_share_scratch(racks, elements, crossings));
}

// The element that a bus is supplied through, -1: none.
static int way(const Fill *f, int bus) { return f->via ? f->via[bus] : bus; }

static Fill carve(const TwPowerPlant *p, void *block, const double *load_w)
{
    size_t n = (size_t)p->count, r = (size_t)p->rack_count, x = (size_t)p->crossings;
    unsigned char *at = tw_at(block, p->work);
    Fill f = {.p = p,
              .block = block,
              .mode = tw_at(block, p->mode),
              .source = tw_at(block, p->source),
              .source2 = tw_at(block, p->source2),
              .via = p->closing_count > 0 ? tw_at(block, p->via) : NULL,
              .share = tw_f64(block, p->share),
              .load_w = load_w,
              .law_w = tw_law_w(p, block),
              .cord_w = tw_f64(block, p->cord_w),
              .supply_w = tw_f64(block, p->supply_w)};
    double **element[] = {&f.out_w, &f.in_w, &f.slope, &f.level, &f.capacity, &f.limit_w};
    for (size_t k = 0; k < 6; k++) *element[k] = cut(&at, n, sizeof(double));
    f.link_of = cut(&at, n, sizeof(int));
    double **rack[] = {&f.grant, &f.up, &f.leaf, &f.rate, &f.bound, &f.penalty};
    for (size_t k = 0; k < 6; k++) *rack[k] = cut(&at, r, sizeof(double));
    f.flow_rack = cut(&at, r, sizeof(int));
    f.start = cut(&at, r + 1, sizeof(int));
    f.link = cut(&at, x, sizeof(int));
    f.use = cut(&at, x, sizeof(double));
    f.scratch = at;
    const double *limit_w = tw_f64(block, p->limit_w), *own_w = tw_f64(block, p->grant_limit_w);
    for (int bus = 0; bus < p->count; bus++) {
        int e = way(&f, bus);
        f.limit_w[bus] = e < 0 ? INFINITY : isnan(own_w[e]) ? limit_w[e] : own_w[e];
    }
    assert(at <= (unsigned char *)tw_at(block, p->work) + p->work_bytes);
    return f;
}

// The way up from a rack, cord by cord: e is the element reached, gain what a watt at the rack makes of its output.
// Where closed rings split it, the other ways wait.
enum { WAYS = 32 };
typedef struct Climb {
    int rack, cord, e, ways;
    double gain;
    int way[WAYS];
    double way_gain[WAYS];
} Climb;

static void next_cord(const Fill *f, Climb *c)
{
    const TwPowerPlant *p = f->p;
    while (c->cord < p->rack_start[c->rack + 1] && f->cord_w[c->cord] <= 0.0) c->cord++;
    bool some = c->cord < p->rack_start[c->rack + 1];
    c->e = some ? p->cord[c->cord] : -1;
    c->gain = some ? f->cord_w[c->cord] : 0.0;
}

static Climb climb(const Fill *f, int rack)
{
    Climb c;
    c.rack = rack;
    c.cord = f->p->rack_start[rack];
    c.ways = 0;
    next_cord(f, &c);
    return c;
}

// Nothing above carries more when this one's load grows: a root, or a store that gives the rest.
static bool on_top(const Fill *f, int e)
{
    return f->source[e] < 0 || f->mode[e] == TW_ON_STORE ||
           (f->p->full_j[e] > 0.0 && f->supply_w[e] < f->in_w[e] * (1.0 - 1e-12));
}

static void step_up(const Fill *f, Climb *c)
{
    if (!on_top(f, c->e)) {
        double gain = c->gain * f->slope[c->e], part = f->source2[c->e] >= 0 ? f->share[c->e] : 1.0;
        if (part > 0.0 && part < 1.0 && c->ways < WAYS) {
            c->way[c->ways] = f->source2[c->e];
            c->way_gain[c->ways++] = (1.0 - part) * gain;
        }
        c->gain = part > 0.0 ? part * gain : gain;
        c->e = part > 0.0 ? f->source[c->e] : f->source2[c->e];
        return;
    }
    if (c->ways > 0) {
        c->e = c->way[--c->ways];
        c->gain = c->way_gain[c->ways];
        return;
    }
    c->cord++;
    next_cord(f, c);
}

static double over(const Fill *f, int e) { return f->in_w[e] / fmax(f->limit_w[e], 1e-9) - 1.0; }

// Sweeps the leaves; the largest relative overload that the increments of this fill can mend.
static double overload(Fill *f)
{
    tw_power_sweep(f->p, f->block, f->leaf, f->load_w, f->out_w, f->in_w);
    double worst = 0.0;
    for (int e = 0; e < f->p->count; e++)
        if (f->in_w[e] > f->limit_w[e] && f->level[e] == 0.0) worst = fmax(worst, over(f, e));
    return worst;
}

// Marks in `level` what is too much before this fill: loads that cannot be capped.
static void mark_hopeless(Fill *f)
{
    memset(f->level, 0, (size_t)f->p->count * sizeof *f->level);
    memcpy(f->leaf, f->grant, (size_t)f->p->rack_count * sizeof *f->leaf);
    if (overload(f) <= tight) return;
    for (int e = 0; e < f->p->count; e++) f->level[e] = over(f, e) > tight ? 1.0 : 0.0;
}

static double overload_at(Fill *f)
{
    memcpy(f->leaf, f->grant, (size_t)f->p->rack_count * sizeof *f->leaf);
    for (int i = 0; i < f->flows; i++) f->leaf[f->flow_rack[i]] += f->rate[i];
    return overload(f);
}

// A crossing of the flow that begins at `from`; two cords may meet in one link.
static int cross(Fill *f, int from, int x, int link, double gain)
{
    for (int k = from; k < x; k++) {
        if (f->link[k] != link) continue;
        f->use[k] += gain;
        return x;
    }
    f->link[x] = link;
    f->use[x] = gain;
    return x + 1;
}

// Crossings of the active links with the derivative of their output by each grant, and what the tangent leaves.
static void linearise(Fill *f)
{
    const TwPowerPlant *p = f->p;
    for (int e = 0; e < p->count; e++) {
        int w = way(f, e);
        f->slope[e] = w < 0 ? 1.0 : tw_element_slope(p, f->law_w, w, fmax(f->out_w[e], 0.0));
        int link = f->link_of[e];
        if (link >= 0) f->capacity[link] = tw_element_out(p, f->law_w, w, f->limit_w[e]) - f->out_w[e];
    }
    int x = 0;
    for (int i = 0; i < f->flows; i++) {
        f->start[i] = x;
        for (Climb c = climb(f, f->flow_rack[i]); c.e >= 0; step_up(f, &c)) {
            int link = f->link_of[c.e];
            if (link < 0) continue;
            x = cross(f, f->start[i], x, link, c.gain);
            f->capacity[link] += c.gain * f->rate[i];
        }
    }
    f->start[f->flows] = x;
    for (int l = 0; l < f->links; l++) f->capacity[l] = fmax(f->capacity[l], 0.0);
}

// Whatever the tangent left above a limit is taken from the increments below it.
static void shrink(Fill *f)
{
    for (int turn = 0; turn < TURNS && overload_at(f) > tight; turn++)
        for (int i = 0; i < f->flows; i++) {
            double keep = 1.0;
            for (Climb c = climb(f, f->flow_rack[i]); c.e >= 0; step_up(f, &c))
                if (over(f, c.e) > 0.0) keep = fmin(keep, fmax(1.0 - 4.0 * over(f, c.e), 0.0));
            f->rate[i] *= keep;
        }
}

// Raises the grants of the racks with up > 0, max-min with the given penalties, and leaves level and link_of as they
// were at the answer. True: a limit stopped at least one.
static bool fill(Fill *f)
{
    const TwPowerPlant *p = f->p;
    mark_hopeless(f);
    bool hopeless = false;
    for (int e = 0; e < p->count && !hopeless; e++) hopeless = f->level[e] != 0.0;
    for (int r = 0; r < p->rack_count; r++) f->leaf[r] = f->grant[r] + f->up[r];
    double worst = overload(f);
    f->flows = f->links = 0;
    if (worst <= tight && !hopeless) {
        memcpy(f->grant, f->leaf, (size_t)p->rack_count * sizeof *f->grant);
        return false;
    }

    // only what is overloaded when everybody has all that he may want can ever bind
    for (int e = 0; e < p->count; e++) f->link_of[e] = f->in_w[e] > f->limit_w[e] ? f->links++ : -1;
    for (int r = 0; r < p->rack_count; r++) {
        if (f->up[r] <= 0.0) continue;
        bool crosses = false;
        for (Climb c = climb(f, r); c.e >= 0 && !crosses; step_up(f, &c)) crosses = f->link_of[c.e] >= 0;
        if (!crosses) {
            f->grant[r] += f->up[r];
            continue;
        }
        f->penalty[f->flows] = f->penalty[r];    // flows <= r: what is overwritten has been read
        f->bound[f->flows] = f->rate[f->flows] = f->up[r];
        f->flow_rack[f->flows++] = r;
    }
    if (hopeless) worst = INFINITY;
    for (int turn = 0; turn < TURNS && worst > tight; turn++) {
        linearise(f);
        TwShare share = {f->flows, f->links, f->start, f->link, f->use, f->penalty, f->bound, f->capacity};
        if (f->flows > 0) tw_share_solve(&share, f->scratch, f->rate);
        for (int i = 0; i < f->flows; i++) f->rate[i] = fmax(fmin(f->rate[i], f->bound[i]), 0.0);
        worst = overload_at(f);
    }
    if (worst > tight) shrink(f);
    for (int i = 0; i < f->flows; i++) f->grant[f->flow_rack[i]] += f->rate[i];
    return true;
}

// The bottleneck of each flow that fell short: the nearest full element in which no other flow rose further.
static void find_binding(Fill *f, const double *want, int *binding)
{
    const TwPowerPlant *p = f->p;
    for (int e = 0; e < p->count; e++) f->level[e] = 0.0;
    for (int i = 0; i < f->flows; i++)
        for (Climb c = climb(f, f->flow_rack[i]); c.e >= 0; step_up(f, &c))
            f->level[c.e] = fmax(f->level[c.e], f->rate[i]);
    for (int i = 0; i < f->flows; i++) {
        int r = f->flow_rack[i], full = -1;
        if (f->grant[r] >= want[r] * (1.0 - 1e-9)) continue;
        for (Climb c = climb(f, r); c.e >= 0; step_up(f, &c)) {
            if (f->link_of[c.e] < 0 || f->in_w[c.e] < f->limit_w[c.e] * (1.0 - 1e-7)) continue;
            if (full < 0) full = c.e;
            if (f->rate[i] < f->level[c.e] * (1.0 - 1e-6)) continue;
            full = c.e;
            break;
        }
        binding[r] = full < 0 ? -1 : p->spec[way(f, full)];
    }
}

static bool live(const Fill *f, int rack) { return climb(f, rack).e >= 0; }

static double clip(double value, double least, double most) { return fmin(fmax(value, least), most); }

// Floors, class by class; where they do not fit, in proportion.
static void grant_floors(Fill *f, const double *floor_w, const double *want)
{
    const TwPowerPlant *p = f->p;
    for (int class = 0; class < p->class_count; class ++) {
        for (int r = 0; r < p->rack_count; r++) {
            bool mine = p->rack_class[r] == class && live(f, r);
            f->up[r] = mine ? fmax(fmin(floor_w[r], want[r]), 0.0) : 0.0;
            f->penalty[r] = f->up[r] > 0.0 ? 1.0 / f->up[r] : 1.0;
        }
        fill(f);
    }
}

// Up to `want`, class by class. binding may be NULL.
static void grant_up_to(Fill *f, const double *want, int *binding)
{
    const TwPowerPlant *p = f->p;
    for (int class = 0; class < p->class_count; class ++) {
        for (int r = 0; r < p->rack_count; r++) {
            bool mine = p->rack_class[r] == class && live(f, r);
            f->up[r] = mine ? fmax(want[r] - f->grant[r], 0.0) : 0.0;
            f->penalty[r] = 1.0;
        }
        if (fill(f) && binding) find_binding(f, want, binding);
    }
}

int tw_power_allocate(const TwPower *power, void *block, const double *demand_w, const double *floor_w,
                      const double *most_rack_w, const double *load_w, double *grant_w, int *binding)
{
    const TwPowerPlant *p = power->inner;
    Fill f = carve(p, block, load_w);
    tw_power_modes(p, block);

    // grant_w holds what each wants until the end
    double *want = grant_w;
    for (int r = 0; r < p->rack_count; r++) {
        binding[r] = -1;
        want[r] = clip(demand_w[r], floor_w[r], fmin(most_rack_w[r], most_w));
        if (live(&f, r)) continue;
        // dead: the highest dead element above it stopped it
        int e = p->rack_at[r];
        while (p->parent[e] >= 0 && f.mode[p->parent[e]] == TW_DEAD) e = p->parent[e];
        binding[r] = p->spec[e];
        want[r] = 0.0;
    }
    grant_floors(&f, floor_w, want);
    grant_up_to(&f, want, binding);

    int capped = 0;
    for (int r = 0; r < p->rack_count; r++) {
        capped += f.grant[r] < want[r] * (1.0 - 1e-9);
        want[r] = !live(&f, r) ? 0.0 : fmax(fmin(most_rack_w[r], most_w), f.grant[r]);
    }
    grant_up_to(&f, want, NULL);
    memcpy(grant_w, f.grant, (size_t)p->rack_count * sizeof *grant_w);
    memset(tw_at(block, p->work), 0, p->work_bytes);
    return capped;
}
