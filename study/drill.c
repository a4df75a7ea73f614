#include "study/drill.h"

#include "models/thermal/faults.h"
#include "models/thermal/plant.h"
#include "twin/calendar.h"
#include "twin/event_words.h"
#include "twin/reference.h"
#include "twin/state.h"
#include "twin/story.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096, SETS = 512 };
static const double LEAD_S = 300.0, STEP_S = 5.0;

// What is tried, with the racks that it may reach.
typedef struct Trial {
    const char *word;
    int target, alike;
    double value;
} Trial;

typedef struct Drill {
    const TwDrillInput *input;
    TwShelf *shelf;
    TwErrors *errors;
    TwPlant *plant;
    double lead_s;
    Trial *trials;
    int count;
} Drill;

// ---- when -----------------------------------------------------------------------------------------------------------

static TwPlant *compile(Drill *d, const char *start, double for_s)
{
    const TwDrillInput *in = d->input;
    const char *sets[SETS];
    char text[3][64];
    int count = 0;
    while (count < in->set_count && count < SETS - 4) sets[count] = in->sets[count], count++;
    snprintf(text[0], sizeof text[0], "run.start=%.40s", start ? start : "");
    snprintf(text[1], sizeof text[1], "run.for_s=%.3f", for_s);
    snprintf(text[2], sizeof text[2], "run.warmup_s=%.3f", d->lead_s);
    if (start) sets[count++] = text[0];
    if (for_s > 0.0) sets[count++] = text[1], sets[count++] = text[2];
    const TwPlantInput plant_in = {in->path, sets, count, 1};
    TwPlant *plant = NULL;
    return tw_plant_create_from(&plant, &plant_in, d->shelf, d->errors) ? plant : NULL;
}

static bool cooled_wet(const TwPlant *plant)
{
    const TwNode *node = tw_node_group(tw_node_group(tw_config_root(plant->config), "cooling"), "plant");
    TwPlantRow row = {0};
    if (node) tw_node_row(node, &row);
    return row.kind && (strstr(row.kind, "tower") || strcmp(row.kind, "adiabatic_cooler") == 0);
}

static int hottest_hour(const TwPlant *plant)
{
    const double *of = cooled_wet(plant) ? plant->weather->wet_bulb_degc : plant->weather->dry_bulb_degc;
    int best = 0;
    for (int h = 1; h < TW_HOURS; h++)
        if (of[h] > of[best]) best = h;
    return best;
}

// ---- what is lost ---------------------------------------------------------------------------------------------------

static void add(Drill *d, const char *word, int target, int alike, double value)
{
    if (d->count < MOST) d->trials[d->count++] = (Trial){word, target, alike, value};
}

static bool same_stem(const char *a, const char *b)
{
    size_t n = tw_stem_length(a);
    return n == tw_stem_length(b) && a[n] && b[n] && strncmp(a, b, n) == 0;
}

static bool same_number(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static int second_of(const TwPlant *plant, int element)
{
    const char *second = plant->elements[element].second;
    for (int e = 0; *second && e < plant->element_count; e++)
        if (strcmp(plant->element_names[e], second) == 0) return e;
    return -1;
}

// Racks, pumps and fans that hang on an element, and switches that have it as their second source.
static void hangs_on(const TwPlant *plant, int element, int *racks, int *loads, int *switches)
{
    *racks = *loads = *switches = 0;
    for (int r = 0; r < plant->rack_count; r++) {
        const TwRackPlan *rack = &plant->racks[r];
        bool on = rack->element == element;
        for (int k = 0; k < rack->cord_count; k++) on = on || rack->cords[k] == element;
        *racks += on;
    }
    for (int i = 0; i < plant->load_count; i++) *loads += plant->load_element[i] == element;
    for (int e = 0; e < plant->element_count; e++) *switches += second_of(plant, e) == element;
}

static int next_child(const TwPlant *plant, int of, int after)
{
    for (int e = after + 1; e < plant->element_count; e++)
        if (plant->power->parent[e] == of) return e;
    return -1;
}

// The same is carried: a transformer with a generator behind it is not like its neighbour without.
static bool alike_below(const TwPlant *plant, int i, int j)
{
    const TwElementRow *a = &plant->elements[i], *b = &plant->elements[j];
    int of_a[3], of_b[3];
    if (strcmp(a->kind, b->kind) != 0 || !same_number(a->limit_w, b->limit_w) || !same_number(a->rated_w, b->rated_w))
        return false;
    hangs_on(plant, i, &of_a[0], &of_a[1], &of_a[2]);
    hangs_on(plant, j, &of_b[0], &of_b[1], &of_b[2]);
    if (memcmp(of_a, of_b, sizeof of_a) != 0 || (second_of(plant, i) < 0) != (second_of(plant, j) < 0)) return false;
    int x = next_child(plant, i, -1), y = next_child(plant, j, -1);
    for (; x >= 0 && y >= 0; x = next_child(plant, i, x), y = next_child(plant, j, y))
        if (!alike_below(plant, x, y)) return false;
    return x < 0 && y < 0;
}

// ups1 and ups2, below one board or below boards that are alike.
static bool alike_above(const TwPlant *plant, int i, int j)
{
    if (i == j) return true;
    if (i < 0 || j < 0 || !same_stem(plant->element_names[i], plant->element_names[j]) ||
        strcmp(plant->elements[i].kind, plant->elements[j].kind) != 0)
        return false;
    int a = plant->power->parent[i], b = plant->power->parent[j];
    return (a < 0 && b < 0) || alike_above(plant, a, b);
}

static bool alike_elements(const TwPlant *plant, int i, int j)
{
    return alike_above(plant, i, j) && alike_below(plant, i, j);
}

static void add_elements(Drill *d)
{
    const TwPlant *plant = d->plant;
    for (int i = 0; i < plant->element_count; i++) {
        int first = i, alike = 1;
        for (int j = plant->element_count - 1; j >= 0 && !d->input->each; j--)
            if (j != i && alike_elements(plant, i, j)) first = j < first ? j : first, alike++;
        if (first == i) add(d, "lose", i, alike, NAN);
    }
}

static void add_cooling(Drill *d)
{
    const TwPlant *plant = d->plant;
    const TwNode *cooling = tw_node_group(tw_config_root(plant->config), "cooling");
    const TwNode *node = tw_node_group(cooling, "plant");
    TwPlantRow heat = {0};
    if (node) tw_node_row(node, &heat);
    for (int c = 0; c < plant->cdu_count; c++) {
        int first = c, alike = 1;
        for (int j = plant->cdu_count - 1; j >= 0 && !d->input->each; j--)
            if (j != c && same_stem(plant->cdu_names[c], plant->cdu_names[j])) first = j < first ? j : first, alike++;
        if (first != c) continue;
        add(d, "pump_trip", c, alike, NAN);
        add(d, "pump_fail", c, alike, NAN);
        add(d, "leak", c, alike, 0.05);
    }
    if (plant->cdu_count > 0) {
        add(d, "unit_out", 0, tw_thermal_units(plant->thermal), 1.0);
        add(d, "plant_pump_trip", 0, (int)heat.pump_count > 1 ? (int)heat.pump_count : 1, 1.0);
        if (heat.chiller_w > 0.0) add(d, "chiller_trip", 0, 1, NAN);
        if (cooled_wet(plant)) add(d, "water_loss", 0, 1, NAN);
    }
    add(d, "air_unit_out", 0, tw_thermal_air_units(plant->thermal), 1.0);
}

// ---- one fork -------------------------------------------------------------------------------------------------------

typedef struct Seen {
    TwWorkloadTotals totals;
    double dark, hot, held, chip_degc, over;
} Seen;

static void look(const TwState *state, Seen *seen)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwWindow *w = tw_state_window(state);
    int dark = 0, held = 0;
    for (int i = 0; i < plant->rack_count; i++) {
        dark += w->rack_w[i] <= 0.0;
        held += w->rack_w[i] > 0.0 && w->demand_w[i] > 1.001 * w->grant_w[i];
    }
    seen->dark = fmax(seen->dark, dark), seen->held = fmax(seen->held, held);
    seen->chip_degc = fmax(seen->chip_degc, w->chip_max_degc);
}

static bool go_on(Drill *d, TwState *state, double until_s, Seen *seen, TwError *error)
{
    *seen = (Seen){.chip_degc = -INFINITY};
    for (double t = tw_state_time_s(state); t < until_s - 1e-6; t = tw_state_time_s(state)) {
        if (!tw_state_advance(state, fmin(t + STEP_S, until_s), NULL, d->input->stop, error)) return false;
        if (d->input->stop && *d->input->stop) return tw_fail(error, TW_NUMERICAL, "stopped");
        look(state, seen);
    }
    const TwMeters *m = tw_state_meters(state);
    seen->hot = m->throttled_racks;
    seen->over = fmax(m->breach_peak_fraction, m->breach_fault_fraction);
    tw_workload_totals(d->plant->workload, tw_state_block(state), -1, &seen->totals);
    return true;
}

// What the log says of it: when racks went dark or were slowed, what followed first.
static void read_story(const Drill *d, const TwState *state, int before, TwDrillRow *row)
{
    const void *block = tw_state_block(state);
    int told = 0, room = (int)(sizeof row->then / sizeof *row->then);
    for (int i = before; i < tw_story_count(d->plant, block); i++) {
        const TwEntry *e = tw_story_entry(d->plant, block, i);
        double after_s = (double)e->time_ns * 1e-9 - d->lead_s;
        bool dark =
            e->kind == TW_HAPPENED_RACKS_DEAD || e->kind == TW_HAPPENED_SHUTDOWN || e->kind == TW_HAPPENED_ISOLATED;
        bool hot = e->kind == TW_HAPPENED_THROTTLE || e->kind == TW_HAPPENED_HOT;
        if (dark && isnan(row->dark_after_s)) row->dark_after_s = after_s;
        if (hot && isnan(row->hot_after_s)) row->hot_after_s = after_s;
        if (i == before)
            tw_story_text(d->plant, e, row->text, sizeof row->text);
        else if (told < room && tw_story_severity(e) > 0) {
            char text[128];
            tw_story_text(d->plant, e, text, sizeof text);
            snprintf(row->then[told++], sizeof row->then[0], "%.4g s: %s", after_s, text);
        }
    }
}

static bool try_one(Drill *d, const TwState *base, const Trial *trial, const Seen *calm, TwDrillRow *row,
                    TwError *error)
{
    const TwEventWord *word = tw_event_word(trial->word);
    const char *const *names;
    int count, before = tw_story_count(d->plant, tw_state_block(base));
    const char *what = tw_event_targets(d->plant, word->on, &names, &count);
    *row = (TwDrillRow){.alike = trial->alike, .dark_after_s = NAN, .hot_after_s = NAN};
    snprintf(row->what, sizeof row->what, "%s", trial->word);
    if (what) snprintf(row->target, sizeof row->target, "%s", names[trial->target]);
    TwState *state = tw_state_fork(base);
    if (!state) abort();
    tw_state_disturbed_by(state, 1);
    Seen seen;
    bool good = tw_state_inject(state, (TwEventKind)word->kind, tw_state_time_s(state), trial->target, trial->value) ||
                tw_fail(error, TW_NUMERICAL, "%s finds no room in the queue of events", trial->word);
    good = good && go_on(d, state, d->lead_s + d->input->span_s, &seen, error);
    if (good) {
        double scale = d->plant->rack_scale;
        row->tokens_lost = scale * (double)(calm->totals.output_tokens_done - seen.totals.output_tokens_done);
        row->requests_lost =
            scale * (double)(seen.totals.lost + seen.totals.rejected - calm->totals.lost - calm->totals.rejected);
        row->good_lost = scale * (double)(calm->totals.good - seen.totals.good);
        row->dark_racks = scale * seen.dark, row->hot_racks = scale * seen.hot;
        row->held_racks = scale * fmax(seen.held - calm->held, 0.0);
        row->chip_degc = seen.chip_degc;
        row->over_limit = seen.over > calm->over ? seen.over : 0.0;
        read_story(d, state, before, row);
    }
    tw_state_destroy(state);
    return good;
}

// ---- all of them ----------------------------------------------------------------------------------------------------

static int dearest(const void *a, const void *b)
{
    const TwDrillRow *x = a, *y = b;
    if (x->tokens_lost != y->tokens_lost) return x->tokens_lost > y->tokens_lost ? -1 : 1;
    int order = strcmp(x->what, y->what);
    return order ? order : strcmp(x->target, y->target);
}

static void tell(const Drill *d, const char *what)
{
    if (d->input->tell) d->input->tell(d->input->context, what);
}

static bool try_all(Drill *d, const TwState *base, TwDrill *drill)
{
    TwError error = {0};
    TwState *calm_state = tw_state_fork(base);
    if (!calm_state) abort();
    Seen calm;
    TwWorkloadTotals then;
    tw_workload_totals(d->plant->workload, tw_state_block(base), -1, &then);
    bool good = go_on(d, calm_state, d->lead_s + d->input->span_s, &calm, &error);
    tw_state_destroy(calm_state);
    if (good) {
        double scale = d->plant->rack_scale;
        drill->tokens = scale * (double)(calm.totals.output_tokens_done - then.output_tokens_done);
        drill->requests = scale * (double)(calm.totals.arrived - then.arrived);
        drill->good = scale * (double)(calm.totals.good - then.good);
        drill->ended = scale * (double)(calm.totals.measured_completed - then.measured_completed);
        drill->chip_degc = calm.chip_degc;
    }
    drill->rows = calloc((size_t)d->count + 1, sizeof *drill->rows);
    if (!drill->rows) abort();
    drill->count = d->count;
#pragma omp parallel for schedule(dynamic, 1)
    for (int k = 0; k < d->count; k++) {
        TwError mine = {0};
        bool go;
#pragma omp atomic read
        go = good;
        if (!go) continue;
        bool done = try_one(d, base, &d->trials[k], &calm, &drill->rows[k], &mine);
#pragma omp critical(tw_drill_done)
        {
            if (!done && good) error = mine, good = false;
            if (done) tell(d, drill->rows[k].text);
        }
    }
    if (!good)
        tw_errors_take(d->errors, &error);
    else
        qsort(drill->rows, (size_t)drill->count, sizeof *drill->rows, dearest);
    return good;
}

static bool prepare(Drill *d, TwDrill *drill)
{
    TwPlant *file = compile(d, NULL, 0.0);
    if (!file) return false;
    if (!file->workload || file->fluid || file->pool_count == 0) {
        tw_errors_add(d->errors, d->input->path, 0, 0,
                      "a drill counts requests one by one: it needs a pool, and "
                      "run.fidelity exact");
        tw_plant_destroy(file);
        return false;
    }
    d->lead_s = fmax(file->run.warmup_s, LEAD_S);
    char start[32];
    double at_s = fmod(file->start_of_year_s + d->lead_s, 8760.0 * 3600.0);
    if (d->input->hottest) at_s = fmax(hottest_hour(file) * 3600.0 - 0.5 * d->input->span_s, d->lead_s);
    tw_calendar_text(file->start, at_s, drill->start);
    tw_calendar_text(file->start, at_s - d->lead_s, start);
    drill->air = tw_weather_at(file->weather, at_s);
    snprintf(drill->place, sizeof drill->place, "%s", file->weather->name);
    bool hottest = d->input->hottest;
    tw_plant_destroy(file);
    d->plant = compile(d, hottest ? start : NULL, d->lead_s + d->input->span_s + 60.0);
    return d->plant != NULL;
}

bool tw_drill(const TwDrillInput *input, TwDrill *drill, TwErrors *errors)
{
    *drill = (TwDrill){.span_s = input->span_s};
    Drill d = {.input = input, .shelf = tw_shelf_create(), .errors = errors};
    d.trials = calloc(MOST, sizeof *d.trials);
    if (!d.trials) abort();
    bool good = prepare(&d, drill);
    TwState *base = NULL;
    if (good) {
        snprintf(drill->facility, sizeof drill->facility, "%s", d.plant->facility);
        drill->racks = d.plant->rack_count * d.plant->rack_scale, drill->scale = d.plant->rack_scale;
        add_elements(&d);
        add_cooling(&d);
        TwError error = {0};
        good = tw_state_create(&base, d.plant, &error);
        if (good) {
            tw_state_disturbed_by(base, 0);
            good = tw_state_advance(base, d.lead_s, NULL, input->stop, &error);
        }
        if (!good) tw_errors_take(errors, &error);
        good = good && try_all(&d, base, drill);
    }
    tw_state_destroy(base);
    tw_plant_destroy(d.plant);
    tw_shelf_destroy(d.shelf);
    free(d.trials);
    return good;
}

bool tw_drill_carried(const TwDrillRow *row)
{
    return row->dark_racks == 0.0 && row->hot_racks == 0.0 && row->over_limit <= 1.0 && row->requests_lost <= 0.0 &&
           row->held_racks == 0.0;
}

void tw_drill_free(TwDrill *drill)
{
    free(drill->rows);
    drill->rows = NULL;
}
