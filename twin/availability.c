#include "twin/availability.h"

#include "models/operations/reliability.h"
#include "models/power/look.h"
#include "sim/json.h"
#include "sim/student.h"
#include "twin/failures.h"
#include "twin/reach.h"
#include "twin/reference.h"
#include "twin/supplies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const tw_layer_names[TW_LAYERS] = {"power", "cooling", "compute", "all"};

enum { MOST_OPEN = 4096 };

// A broken part. ready_h: when it is whole again, INFINITY while it waits; swapped: a spare stands in and it is in the
// shop.
typedef struct Broken {
    int class, part;
    double since_h, ready_h, stock_h;
    bool used, waits, swapped, warm;    // warm: a spare took over, which binds no crew
} Broken;

typedef struct Sim {
    const TwPlant *plant;
    uint32_t replication;
    uint64_t *draws;      // [class]
    double *next_h;       // [class]
    double **timer_h;     // [class] of a Weibull class
    int *crew, *spare;    // free
    Broken *broken;
    int high;                         // entries of broken in use
    int *out;                         // [element]
    bool *alive;                      // [element]
    int *pump_out;                    // [cdu]
    int *rack_out;                    // [rack]
    int *supply_out;                  // [rack]
    int *down;                        // [replica]
    int *down_by;                     // [replica] class that stopped it
    int *rack_down_gpus, *gpus_by;    // [rack], [rack][class] that stopped them
    int *dark_by, *dry_by;            // [rack] class that left it without power, coolant; class_count: planned work; -1
    double *lost;                     // [class], planned work: share of all that each costs now
    double crew_h;
    int64_t spares_used;
    TwPowerRing *ring;    // [element]
    bool inherent;        // failures and repair times alone: crews and spares are always there, nothing is planned
    double *job_h;        // [maintenance] begins or ends next; INFINITY: no more
    bool *works;          // [maintenance] out for it now
    double work_h, refused;
} Sim;

static void draw(Sim *s, int class, uint32_t purpose, double u[4])
{
    uint32_t w[4];
    tw_random4(s->plant->failures.classes[class].stream, s->draws[class]++, s->replication * 2 + purpose,
               TW_PURPOSE_DESIGN, w);
    for (int k = 0; k < 4; k++) u[k] = tw_uniform(w[k]);
}

static void schedule(Sim *s, int class, double now_h)
{
    const TwFailureClass *c = &s->plant->failures.classes[class];
    s->next_h[class] = INFINITY;
    if (c->count == 0) return;
    if (c->shape == 1.0) {
        double u[4];
        draw(s, class, 0, u);
        s->next_h[class] = now_h + tw_draw_exponential(u[0], c->mtbf_h / c->count);
        return;
    }
    for (int i = 0; i < c->count; i++) s->next_h[class] = fmin(s->next_h[class], s->timer_h[class][i]);
}

static void set_part(Sim *s, int class, int part, int step)
{
    const TwPlant *plant = s->plant;
    switch (plant->failures.classes[class].victims) {
    case TW_VICTIM_GPU: {
        int r = tw_plant_replica_of(plant, part), was = s->down[r];
        s->down[r] += step;
        int turns = (s->down[r] > 0) - (was > 0);
        if (turns > 0) s->down_by[r] = class;
        for (int k = plant->part_first[r]; k < plant->part_first[r + 1]; k++) {
            int rack = plant->part_rack[k];
            s->rack_down_gpus[rack] += plant->part_gpus[k] * turns;
            s->gpus_by[rack * plant->failures.class_count + s->down_by[r]] += plant->part_gpus[k] * turns;
        }
        break;
    }
    case TW_VICTIM_RACK:
        s->rack_out[part] += step;
        break;
    case TW_VICTIM_ELEMENT:
        s->out[part] += step;
        break;
    case TW_VICTIM_PUMP:
        s->pump_out[part] += step;
        break;
    case TW_VICTIM_SUPPLY:
    case TW_VICTIM_SHELF: {
        const TwFailureClass *c = &plant->failures.classes[class];
        int rack = tw_failures_rack(plant, c, part), all = tw_supplies_of(plant, rack), was = s->supply_out[rack];
        s->supply_out[rack] += step * (c->victims == TW_VICTIM_SHELF ? tw_power_shelf_supplies(plant->power, rack) : 1);
        // a rack without any supply is dark
        s->rack_out[rack] += (s->supply_out[rack] >= all) - (was >= all);
        break;
    }
    case TW_VICTIM_COOLING:
    case TW_VICTIM_FABRIC:
        break;    // they slow, they do not stop: a run shows by how much
    }
}

static void spread(Sim *s) { tw_reach(s->plant, s->ring, s->out, s->alive); }

// Racks that would be without supply or coolant.
static double racks_down(Sim *s)
{
    const TwPlant *plant = s->plant;
    double down = 0.0;
    spread(s);
    bool plant_runs = tw_reach_plant(plant, s->alive);
    for (int i = 0; i < plant->rack_count; i++) {
        int cdu = plant->racks[i].cdu;
        bool dry = cdu >= 0 && !tw_reach_cdu(plant, s->alive, s->pump_out, cdu);
        down += !tw_reach_rack(plant, s->alive, i) || !plant_runs || dry;
    }
    return down;
}

static void set_work(Sim *s, const TwMaintenance *job, int step)
{
    if (job->on == TW_WORK_ELEMENT) s->out[job->element] += step;
    if (job->on == TW_WORK_RACK) s->rack_out[job->element] += step;
    if (job->on == TW_WORK_CDU) s->pump_out[job->element] += step;
}

// Planned work begins or ends. As in a run it is put off to its next turn where racks would lose supply or coolant by
// it, unless it is forced; what is out already is left alone.
static void turn_work(Sim *s, int index, double now_h)
{
    const TwMaintenance *job = &s->plant->failures.maintenance[index];
    double for_h = (double)job->for_ns / 3.6e12, every_h = (double)job->every_ns / 3.6e12;
    if (s->works[index]) {
        set_work(s, job, -1);
        s->works[index] = false;
        s->job_h[index] = every_h > 0.0 ? now_h - for_h + every_h : INFINITY;
        return;
    }
    bool out = (job->on == TW_WORK_ELEMENT && s->out[job->element] > 0) ||
               (job->on == TW_WORK_RACK && s->rack_out[job->element] > 0) ||
               (job->on == TW_WORK_CDU && s->pump_out[job->element] > 0);
    double before = out ? 0.0 : racks_down(s);
    if (!out) set_work(s, job, 1);
    bool refused = !out && job->on != TW_WORK_RACK && !job->force && racks_down(s) > before;
    if (refused) set_work(s, job, -1);
    s->refused += refused;
    if (out || refused) {
        s->job_h[index] = every_h > 0.0 ? now_h + every_h : INFINITY;
        return;
    }
    s->works[index] = true;
    s->work_h += for_h;
    s->job_h[index] = now_h + for_h;
}

static void begin_repairs(Sim *s, double now_h, TwAvailability *sum)
{
    const TwFailurePlan *plan = &s->plant->failures;
    for (;;) {
        int next = -1;
        for (int i = 0; i < s->high; i++) {
            const Broken *b = &s->broken[i];
            if (!b->used || !b->waits) continue;
            const TwFailureClass *c = &plan->classes[b->class];
            bool short_of = (c->crew >= 0 && s->crew[c->crew] <= 0) || (c->spares >= 0 && s->spare[b->class] <= 0);
            if (short_of && !s->inherent) continue;
            if (next < 0 || b->since_h < s->broken[next].since_h) next = i;
        }
        if (next < 0) return;
        Broken *b = &s->broken[next];
        const TwFailureClass *c = &plan->classes[b->class];
        double u[4];
        draw(s, b->class, 1, u);
        double hours = tw_draw_lognormal(u[0], c->mttr_h, c->deviation);
        if (c->crew >= 0) s->crew[c->crew]--;
        if (c->spares >= 0) s->spare[b->class]--, s->spares_used++;
        b->waits = false;
        b->ready_h = now_h + hours;
        b->stock_h = c->spares >= 0 ? now_h + c->lead_h : INFINITY;
        s->crew_h += c->crew >= 0 ? hours : 0.0;
        if (sum) sum->classes[b->class].crew_wait_h += now_h - b->since_h;
    }
}

static void fail(Sim *s, int class, double now_h, TwAvailability *sum)
{
    const TwFailureClass *c = &s->plant->failures.classes[class];
    double u[4];
    int which = 0;
    if (c->shape == 1.0) {
        draw(s, class, 0, u);
        which = (int)(u[0] * c->count);
    } else {
        while (which + 1 < c->count && s->timer_h[class][which] > now_h) which++;
        draw(s, class, 0, u);
        s->timer_h[class][which] = now_h + c->mttr_h + tw_draw_weibull(u[0], c->mtbf_h, c->shape);
    }
    schedule(s, class, now_h);
    int part = c->parts ? c->parts[which] : which, unused = -1;
    for (int i = 0; i < s->high; i++) {
        const Broken *b = &s->broken[i];
        if (b->used && b->class == class && b->part == part && !b->swapped) return;
        if (!b->used && unused < 0) unused = i;
    }
    if (unused < 0 && s->high < MOST_OPEN) unused = s->high++;
    if (unused < 0) return;
    if (sum) sum->classes[class].failures_per_year += 1.0;
    s->broken[unused] = (Broken){.class = class,
                                 .part = part,
                                 .since_h = now_h,
                                 .ready_h = INFINITY,
                                 .stock_h = INFINITY,
                                 .used = true,
                                 .waits = true};
    set_part(s, class, part, 1);
    if (c->swap_h > 0.0 && (c->spares < 0 || s->spare[class] > 0 || s->inherent)) {
        if (c->spares >= 0) s->spare[class]--, s->spares_used++;
        draw(s, class, 1, u);
        s->broken[unused].waits = false;
        s->broken[unused].warm = true;
        s->broken[unused].ready_h = now_h + c->swap_h;
        s->broken[unused].stock_h = now_h + c->swap_h + tw_draw_lognormal(u[0], c->mttr_h, c->deviation);
    }
    begin_repairs(s, now_h, sum);
}

// Whom a rack's loss goes to: the class (or planned work) that made it so.
static void blame(int *by, bool well, int class)
{
    if (well) *by = -1;
    if (!well && *by < 0) *by = class;
}

// Shares of the racks that are powered, cooled, whole; and all of it. What is lost of it goes to s->lost[class], of
// what is lost from now on to `class`.
static void shares(Sim *s, int class, double share[TW_LAYERS])
{
    const TwPlant *plant = s->plant;
    int classes = plant->failures.class_count;
    double power = 0.0, cooling = 0.0, gpus = 0.0, all = 0.0, total = 0.0;
    bool plant_runs = tw_reach_plant(plant, s->alive);
    memset(s->lost, 0, ((size_t)classes + 1) * sizeof *s->lost);
    for (int i = 0; i < plant->rack_count; i++) {
        const TwRackPlan *rack = &plant->racks[i];
        bool on = tw_reach_rack(plant, s->alive, i) && s->rack_out[i] == 0;
        bool cool = plant_runs && (rack->cdu < 0 || tw_reach_cdu(plant, s->alive, s->pump_out, rack->cdu));
        double whole = (double)(rack->serving_gpus - s->rack_down_gpus[i]);
        blame(&s->dark_by[i], on, class);
        blame(&s->dry_by[i], cool, class);
        power += on;
        cooling += cool;
        gpus += whole;
        all += on && cool ? whole : 0.0;
        total += (double)rack->serving_gpus;
        if (!on || !cool) s->lost[on ? s->dry_by[i] : s->dark_by[i]] += (double)rack->serving_gpus;
        for (int c = 0; on && cool && s->rack_down_gpus[i] > 0 && c < classes; c++)
            s->lost[c] += s->gpus_by[i * classes + c];
    }
    share[TW_LAYER_POWER] = power / plant->rack_count;
    share[TW_LAYER_COOLING] = cooling / plant->rack_count;
    share[TW_LAYER_COMPUTE] = total > 0.0 ? gpus / total : 1.0;
    share[TW_LAYER_ALL] = total > 0.0 ? all / total : 1.0;
    for (int c = 0; c <= classes && total > 0.0; c++) s->lost[c] /= total;
}

static void replicate(Sim *s, double span_h, double up[TW_LAYERS], TwAvailability *sum)
{
    const TwPlant *plant = s->plant;
    const TwFailurePlan *plan = &plant->failures;
    memset(s->out, 0, (size_t)plant->element_count * sizeof *s->out);
    memset(s->pump_out, 0, (size_t)plant->cdu_count * sizeof *s->pump_out);
    memset(s->rack_out, 0, (size_t)plant->rack_count * sizeof *s->rack_out);
    memset(s->supply_out, 0, (size_t)plant->rack_count * sizeof *s->supply_out);
    memset(s->rack_down_gpus, 0, (size_t)plant->rack_count * sizeof *s->rack_down_gpus);
    memset(s->gpus_by, 0, (size_t)plant->rack_count * (size_t)plan->class_count * sizeof *s->gpus_by);
    memset(s->dark_by, -1, (size_t)plant->rack_count * sizeof *s->dark_by);
    memset(s->dry_by, -1, (size_t)plant->rack_count * sizeof *s->dry_by);
    memset(s->down, 0, (size_t)plant->replica_count * sizeof *s->down);
    s->high = 0;
    for (int i = 0; i < plan->maintenance_count; i++) {
        s->works[i] = false;
        s->job_h[i] = s->inherent ? INFINITY : (double)plan->maintenance[i].at_ns / 3.6e12;
    }
    for (int i = 0; i < plan->crew_count; i++) s->crew[i] = plan->crews[i].count;
    for (int i = 0; i < plan->class_count; i++) {
        const TwFailureClass *c = &plan->classes[i];
        s->draws[i] = 0;
        s->spare[i] = c->spares;
        for (int k = 0; k < c->count && c->shape != 1.0; k++) {
            double u[4];
            draw(s, i, 0, u);
            s->timer_h[i][k] = tw_draw_weibull(u[0], c->mtbf_h, c->shape);
        }
        schedule(s, i, 0.0);
    }
    double now_h = 0.0, share[TW_LAYERS];
    for (int k = 0; k < TW_LAYERS; k++) up[k] = 0.0;
    spread(s);
    shares(s, plan->class_count, share);
    while (now_h < span_h) {
        double next_h = span_h;
        int class = -1, ready = -1, stock = -1, job = -1;
        for (int i = 0; i < plan->class_count; i++)
            if (s->next_h[i] < next_h) next_h = s->next_h[i], class = i;
        for (int i = 0; i < s->high; i++) {
            if (!s->broken[i].used) continue;
            if (!s->broken[i].swapped && s->broken[i].ready_h < next_h)
                next_h = s->broken[i].ready_h, ready = i, class = stock = -1;
            if (s->broken[i].stock_h < next_h) next_h = s->broken[i].stock_h, stock = i, class = ready = -1;
        }
        for (int i = 0; i < plan->maintenance_count; i++)
            if (s->job_h[i] < next_h) next_h = s->job_h[i], job = i, class = ready = stock = -1;
        double step_h = next_h - now_h;
        for (int k = 0; k < TW_LAYERS; k++) up[k] += share[k] * step_h;
        double rack_h = step_h * plant->rack_count * plant->rack_scale;
        if (share[TW_LAYER_ALL] < 1.0 && sum) {
            for (int i = 0; i < plan->class_count; i++) sum->classes[i].rack_hours_per_year += s->lost[i] * rack_h;
            sum->planned_rack_hours_per_year += s->lost[plan->class_count] * rack_h;
        }
        now_h = next_h;
        if (now_h >= span_h) break;
        if (job >= 0) {
            turn_work(s, job, now_h);
        } else if (class >= 0) {
            fail(s, class, now_h, sum);
        } else if (ready >= 0) {
            Broken *b = &s->broken[ready];
            const TwFailureClass *c = &plan->classes[b->class];
            set_part(s, b->class, b->part, -1);
            if (!b->warm && c->crew >= 0) s->crew[c->crew]++;
            b->swapped = true;
            if (!isfinite(b->stock_h)) b->used = false;
            begin_repairs(s, now_h, sum);
        } else {
            Broken *b = &s->broken[stock];
            if (plan->classes[b->class].spares >= 0) s->spare[b->class]++;
            b->stock_h = INFINITY;
            if (b->swapped) b->used = false;
            begin_repairs(s, now_h, sum);
        }
        spread(s);
        // what a repair or the end of work leaves lost was so before
        shares(s, class >= 0 ? class : plan->class_count, share);
    }
    for (int k = 0; k < TW_LAYERS; k++) up[k] /= span_h;
}

static void layers(Sim *s, double years, int replications, TwAvailability *detail, TwLayerResult *layer)
{
    double sum[TW_LAYERS] = {0.0}, square[TW_LAYERS] = {0.0}, n = replications;
    for (int r = 0; r < replications; r++) {
        double up[TW_LAYERS];
        s->replication = (uint32_t)r + 1;
        replicate(s, years * 8760.0, up, detail);
        // of what is lost, so that five nines keep their digits
        for (int k = 0; k < TW_LAYERS; k++) {
            sum[k] += 1.0 - up[k];
            square[k] += (1.0 - up[k]) * (1.0 - up[k]);
        }
    }
    for (int k = 0; k < TW_LAYERS; k++) {
        double mean = sum[k] / n, scatter = n > 1.0 ? fmax(square[k] / n - mean * mean, 0.0) / (n - 1.0) : NAN;
        double half = n > 1.0 ? tw_student_95(replications - 1) * sqrt(scatter) : NAN;
        layer[k] = (TwLayerResult){1.0 - mean, fmax(1.0 - mean - half, 0.0), fmin(1.0 - mean + half, 1.0)};
        // nothing lost has no scatter, and says how seldom it happens rather than how long it lasts
        if (sum[k] == 0.0) layer[k].low = layer[k].high = NAN;
    }
}

bool tw_availability_run(TwAvailability *a, const TwPlant *plant, double years, int replications, TwError *error)
{
    const TwFailurePlan *plan = &plant->failures;
    *a = (TwAvailability){.years = years, .replications = replications};
    if (plan->class_count == 0)
        return tw_fail(error, TW_BAD_INPUT, "%s: operations.failures is empty: nothing breaks", plant->facility);
    TwArena *arena = tw_arena_create();
    Sim s = {.plant = plant,
             .draws = TW_TAKE(arena, plan->class_count, uint64_t),
             .next_h = TW_TAKE(arena, plan->class_count, double),
             .timer_h = TW_TAKE(arena, plan->class_count, double *),
             .crew = TW_TAKE(arena, plan->crew_count + 1, int),
             .spare = TW_TAKE(arena, plan->class_count, int),
             .broken = TW_TAKE(arena, MOST_OPEN, Broken),
             .out = TW_TAKE(arena, plant->element_count, int),
             .alive = TW_TAKE(arena, plant->element_count, bool),
             .pump_out = TW_TAKE(arena, plant->cdu_count + 1, int),
             .rack_out = TW_TAKE(arena, plant->rack_count, int),
             .supply_out = TW_TAKE(arena, plant->rack_count, int),
             .down = TW_TAKE(arena, plant->replica_count + 1, int),
             .down_by = TW_TAKE(arena, plant->replica_count + 1, int),
             .rack_down_gpus = TW_TAKE(arena, plant->rack_count, int),
             .gpus_by = TW_TAKE(arena, plant->rack_count * plan->class_count, int),
             .dark_by = TW_TAKE(arena, plant->rack_count, int),
             .dry_by = TW_TAKE(arena, plant->rack_count, int),
             .lost = TW_TAKE(arena, plan->class_count + 1, double),
             .ring = TW_TAKE(arena, plant->element_count, TwPowerRing),
             .job_h = TW_TAKE(arena, plan->maintenance_count + 1, double),
             .works = TW_TAKE(arena, plan->maintenance_count + 1, bool)};
    for (int i = 0; i < plant->element_count; i++) s.ring[i] = tw_power_ring(plant->power, i);
    for (int i = 0; i < plan->class_count; i++) s.timer_h[i] = TW_TAKE(arena, plan->classes[i].count + 1, double);
    a->classes = calloc((size_t)plan->class_count, sizeof *a->classes);
    if (!a->classes) abort();

    for (int turn = 0; turn < 2; turn++) {
        s.inherent = turn == 0;
        layers(&s, years, replications, s.inherent ? NULL : a, s.inherent ? a->inherent : a->layer);
        if (s.inherent) s.crew_h = 0.0, s.spares_used = 0;
    }
    double n = replications, all_years = n * years;
    a->planned_hours_per_year = s.work_h / all_years;
    a->planned_rack_hours_per_year /= all_years;
    a->put_off_per_year = s.refused / all_years;
    for (int i = 0; i < plan->class_count; i++) {
        TwClassResult *c = &a->classes[i];
        c->crew_wait_h = c->failures_per_year > 0.0 ? c->crew_wait_h / c->failures_per_year : 0.0;
        c->failures_per_year /= all_years;
        c->rack_hours_per_year /= all_years;
        c->analytic = tw_availability(plan->classes[i].mtbf_h, plan->classes[i].swap_h > 0.0 ? plan->classes[i].swap_h
                                                                                             : plan->classes[i].mttr_h);
    }
    a->crew_hours_per_year = s.crew_h / all_years;
    a->spares_used = s.spares_used;
    tw_arena_destroy(arena);
    return true;
}

void tw_availability_end(TwAvailability *a) { free(a->classes); }

static double nines(double availability) { return availability < 1.0 ? -log10(1.0 - availability) : INFINITY; }

void tw_availability_print(const TwAvailability *a, const TwPlant *plant, FILE *f)
{
    fprintf(f, "%s: %d times %g years of failures, repairs and planned work, nothing else; seed %lld\n\n",
            plant->facility, a->replications, a->years, (long long)plant->run.seed);
    fprintf(f, "  %-10s %14s  %-28s %8s %12s %14s\n", "layer", "operational", "95 % interval", "nines", "h a year",
            "inherent");
    bool untouched = false;
    for (int k = 0; k < TW_LAYERS; k++) {
        char interval[40], digits[16];
        bool none = isnan(a->layer[k].low) && a->layer[k].availability == 1.0;
        untouched = untouched || none;
        snprintf(interval, sizeof interval, "%.9f to %.9f", a->layer[k].low, a->layer[k].high);
        snprintf(digits, sizeof digits, "%.2f", nines(a->layer[k].availability));
        fprintf(f, "  %-10s %14.9f  %-26s %8s %12.4g %14.9f\n", tw_layer_names[k], a->layer[k].availability,
                none ? "nothing lost" : interval, none ? "-" : digits, (1.0 - a->layer[k].availability) * 8760.0,
                a->inherent[k].availability);
    }
    // three over the years without one bounds the rate of a Poisson process at 95 %
    if (untouched)
        fprintf(f,
                "\n  nothing lost in %.6g years: at 95 %% less often than once in %.4g years; how much, more "
                "--replicates would say\n",
                a->years * a->replications, a->years * a->replications / -log(0.05));
    fprintf(f,
            "\n  operational: failures, waits for crews and spares, planned maintenance; inherent: failures and repair "
            "times alone\n");
    if (plant->failures.maintenance_count > 0)
        fprintf(f, "  planned: %d parts, %.4g h a year, put off %.4g times a year, %.4g rack-hours a year\n",
                plant->failures.maintenance_count, a->planned_hours_per_year, a->put_off_per_year,
                a->planned_rack_hours_per_year);
    fprintf(f, "\n  %-16s %8s %14s %14s %12s %16s\n", "what breaks", "parts", "failures/a", "rack-hours/a", "wait h",
            "one part alone");
    for (int i = 0; i < plant->failures.class_count; i++)
        fprintf(f, "  %-16s %8d %14.4g %14.4g %12.4g %16.9f\n", plant->failures.classes[i].name,
                plant->failures.classes[i].count, a->classes[i].failures_per_year, a->classes[i].rack_hours_per_year,
                a->classes[i].crew_wait_h, a->classes[i].analytic);
    fprintf(f, "\n  crews work %.4g h a year; %.4g spares a year\n", a->crew_hours_per_year,
            (double)a->spares_used / (a->years * a->replications));
}

void tw_availability_json(const TwAvailability *a, const TwPlant *plant, FILE *f)
{
    fprintf(f, "{\n  \"schema\": \"tokenworks-availability 1\",\n  \"facility\": ");
    tw_json_text(f, plant->facility);
    fprintf(f, ",\n  \"seed\": %lld,\n  \"years\": %.17g,\n  \"replications\": %d,\n  \"layers\": {",
            (long long)plant->run.seed, a->years, a->replications);
    for (int k = 0; k < TW_LAYERS; k++) {
        fprintf(f, "%s\n    \"%s\": {\"availability\": %.17g", k ? "," : "", tw_layer_names[k],
                a->layer[k].availability);
        tw_json_member(f, "low", a->layer[k].low);
        tw_json_member(f, "high", a->layer[k].high);
        tw_json_member(f, "hours_per_year", (1.0 - a->layer[k].availability) * 8760.0);
        tw_json_member(f, "inherent", a->inherent[k].availability);
        tw_json_member(f, "inherent_low", a->inherent[k].low);
        tw_json_member(f, "inherent_high", a->inherent[k].high);
        fprintf(f, "}");
    }
    fprintf(f,
            "\n  },\n  \"planned\": {\"parts\": %d, \"hours_per_year\": %.17g, \"put_off_per_year\": %.17g, "
            "\"rack_hours_per_year\": %.17g},",
            plant->failures.maintenance_count, a->planned_hours_per_year, a->put_off_per_year,
            a->planned_rack_hours_per_year);
    fprintf(f, "\n  \"classes\": {");
    for (int i = 0; i < plant->failures.class_count; i++) {
        fprintf(f, "%s\n    ", i ? "," : "");
        tw_json_text(f, plant->failures.classes[i].name);
        fprintf(f,
                ": {\"parts\": %d, \"failures_per_year\": %.17g, \"rack_hours_per_year\": %.17g, \"wait_h\": %.17g, "
                "\"part_availability\": %.17g}",
                plant->failures.classes[i].count, a->classes[i].failures_per_year, a->classes[i].rack_hours_per_year,
                a->classes[i].crew_wait_h, a->classes[i].analytic);
    }
    fprintf(f, "\n  },\n  \"crew_hours_per_year\": %.17g,\n  \"spares_per_year\": %.17g\n}\n", a->crew_hours_per_year,
            (double)a->spares_used / (a->years * a->replications));
}
