#include "study/site.h"
#include "study/rate_search.h"

#include "models/thermal/plant.h"
#include "models/thermal/room.h"
#include "twin/accounts.h"
#include "twin/calendar.h"
#include "twin/report.h"
#include "twin/state.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SETS = 1024, TRIES = 24 };
enum { HOT_DAYS = 3 };
static const double WARMUP = 0.4, CLOSE = 1.03;               // share of a trial; of a rate, where the search ends
static const double SLOWED = 0.97;                            // of the clock: heat limits
static const double YEAR_STEP_S = 10.0, LEAST_RATE = 1e-3;    // requests/s a GPU, where the search gives up

typedef struct Sizing {
    const TwSiteInput *input;
    TwShelf *shelf;
    TwErrors *errors;
    TwPlant *base;     // the facility as it is
    bool one_list;     // its racks are one entry, whose count may be set
    double feeds_w;    // sum of the limits of its feeds
    char trial_start[32];
} Sizing;

// ---- a site of so many racks ----------------------------------------------------------------------------------------

typedef struct Sets {
    char **text;
    int count;
} Sets;

static void add(Sets *sets, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(Sets *sets, const char *format, ...)
{
    char text[256];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (sets->count == MOST_SETS) return;
    sets->text[sets->count] = strdup(text);
    if (!sets->text[sets->count++]) abort();
}

// A number with a point, as libconfig wants one.
static void add_real(Sets *sets, const char *path, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    add(sets, "%s=%s%s", path, text, strpbrk(text, ".e") ? "" : ".0");
}

// What of an element grows with the racks below it.
static const struct {
    const char *name;
    size_t at;
} grows[] = {
    {"rated_w", offsetof(TwElementRow, rated_w)},         {"charge_w", offsetof(TwElementRow, charge_w)},
    {"discharge_w", offsetof(TwElementRow, discharge_w)}, {"shave_w", offsetof(TwElementRow, shave_w)},
    {"capacity_j", offsetof(TwElementRow, capacity_j)},   {"pickup_w", offsetof(TwElementRow, pickup_w)},
    {"ramp_w_s", offsetof(TwElementRow, ramp_w_s)},       {"grid_ramp_w_s", offsetof(TwElementRow, grid_ramp_w_s)},
    {"import_w", offsetof(TwElementRow, import_w)},
};

static void grow_tree(const Sizing *s, double times, Sets *sets)
{
    const TwPlant *base = s->base;
    char path[160];
    for (int i = 0; i < base->element_count; i++) {
        const TwElementRow *e = &base->elements[i];
        bool feed = base->power->parent[i] < 0;
        snprintf(path, sizeof path, "power.%s.limit_w", base->element_names[i]);
        if (isfinite(e->limit_w))
            add_real(sets, path, feed ? s->input->limit_w * e->limit_w / s->feeds_w : times * e->limit_w);
        for (size_t k = 0; k < sizeof grows / sizeof *grows; k++) {
            double value = *(const double *)((const char *)e + grows[k].at);
            snprintf(path, sizeof path, "power.%s.%s", base->element_names[i], grows[k].name);
            if (isfinite(value) && value > 0.0 && !(feed && grows[k].at == offsetof(TwElementRow, rated_w)))
                add_real(sets, path, times * value);
        }
    }
}

// Of the plant what is stated for all its units, and units that are counted.
static void grow_cooling(const Sizing *s, double times, Sets *sets)
{
    const TwNode *cooling = tw_node_group(tw_config_root(s->base->config), "cooling"),
                 *plant = tw_node_group(cooling, "plant"), *room = tw_node_group(cooling, "room");
    TwPlantRow heat = {0};
    TwRoomRow air = {0};
    if (plant) tw_node_row(plant, &heat);
    if (room) tw_node_row(room, &air);
    const struct {
        const char *path;
        double value;
    } whole[] = {{"cooling.plant.chiller_w", heat.chiller_w},
                 {"cooling.plant.export_w", heat.export_w},
                 {"cooling.plant.export_ua_w_k", heat.export_w > 0.0 ? heat.export_ua_w_k : 0.0},
                 {"cooling.plant.exchanger_ua_w_k", heat.exchanger_ua_w_k},
                 {"cooling.plant.separator_ua_w_k", heat.separator_ua_w_k},
                 {"cooling.room.envelope_w_k", air.envelope_w_k}};
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        if (whole[k].value > 0.0) add_real(sets, whole[k].path, times * whole[k].value);
    if (heat.unit_count > 0) add(sets, "cooling.plant.unit_count=%.0f", ceil(times * (double)heat.unit_count));
    if (air.unit_count > 0) add(sets, "cooling.room.unit_count=%.0f", ceil(times * (double)air.unit_count));
}

// So many racks as repetitions of the facility's; where its racks are of one kind, of three quarters of them or more (a
// CDU then has fewer), below one repetition any number. The most that is no more than `racks`; 0: there is none.
static int64_t whole(const Sizing *s, double racks, int64_t *simulated)
{
    int64_t block = s->base->rack_count, n = (int64_t)floor(racks + 1e-9), best = 0;
    if (s->one_list && n < block) {
        *simulated = n;
        return n > 0 ? n : 0;
    }
    for (int64_t r = block; r > 0 && (r == block || (s->one_list && 4 * r >= 3 * block)); r--)
        if (n / r * r > best) best = n / r * r, *simulated = r;
    return best;
}

// NULL: errors says why. rate_s NaN: as the facility has it.
static TwPlant *compile(const Sizing *s, int64_t racks, double rate_s)
{
    Sets sets = {calloc(MOST_SETS, sizeof *sets.text), 0};
    if (!sets.text) abort();
    for (int i = 0; i < s->input->set_count; i++) add(&sets, "%s", s->input->sets[i]);
    int64_t simulated = 1;
    whole(s, (double)racks, &simulated);
    if (simulated != s->base->rack_count) add(&sets, "racks.count=%lld", (long long)simulated);
    add(&sets, "run.rack_scale=%lld", (long long)(racks / simulated));
    double times = (double)racks / (s->base->rack_count * s->base->rack_scale);
    grow_tree(s, times, &sets);
    grow_cooling(s, times, &sets);
    if (isnan(rate_s)) {
        // a year of steady racks
        add_real(&sets, "run.step_max_s", YEAR_STEP_S);
    } else {
        add_real(&sets, "workload.arrival.rate_s", rate_s);
        add(&sets, "run.start=%s", s->trial_start);
        add_real(&sets, "run.for_s", s->input->trial_s);
        add_real(&sets, "run.warmup_s", WARMUP * s->input->trial_s);
    }
    const TwPlantInput in = {s->input->path, (const char *const *)sets.text, sets.count, 1};
    TwPlant *plant = NULL;
    TwErrors *errors = tw_errors_create();
    if (!tw_plant_create_from(&plant, &in, s->shelf, errors)) {
        TwError first;
        tw_errors_first(errors, &first);
        tw_errors_take(s->errors, &first);
        plant = NULL;
    }
    tw_errors_destroy(errors);
    for (int i = 0; i < sets.count; i++) free(sets.text[i]);
    free(sets.text);
    return plant;
}

static bool stopped(const Sizing *s) { return s->input->stop && *s->input->stop; }

static void tell(const Sizing *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const Sizing *s, const char *format, ...)
{
    if (!s->input->tell) return;
    char text[160];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    s->input->tell(s->input->context, text);
}

// ---- how many fit ---------------------------------------------------------------------------------------------------

// So many racks at these watts each (NaN: at their rated power), the whole year or its hottest days.
static bool year_of(const Sizing *s, int64_t racks, double rack_w, bool whole, TwYear *year)
{
    TwPlant *plant = compile(s, racks, NAN);
    if (!plant) return false;
    double *watts = calloc((size_t)plant->rack_count + 1, sizeof *watts);
    if (!watts) abort();
    for (int i = 0; i < plant->rack_count; i++)
        watts[i] = isfinite(rack_w) ? fmin(rack_w, plant->racks[i].peak_w) : plant->racks[i].peak_w;
    TwError error = {0};
    bool days[TW_YEAR_DAYS];
    if (!whole) tw_year_hot_days(plant, HOT_DAYS, days);
    for (int d = 0; d < TW_YEAR_DAYS && whole; d++) days[d] = d % s->input->every == 0;
    bool good = tw_year(plant, watts, days, whole, s->input->stop, year, &error);
    if (!good) tw_errors_take(s->errors, &error);
    free(watts);
    tw_plant_destroy(plant);
    return good;
}

// The most racks whose feeds stay within their limits on the hottest days; 0: not even the fewest. A site is nearly in
// proportion to its racks, so the count is taken from the last one tried, until the next higher one has been seen to
// be too many.
static bool most_racks(const Sizing *s, double rack_w, double guess, int64_t *racks, TwYear *year)
{
    int64_t holds = 0, breaks = INT64_MAX, any, least = s->one_list ? 1 : s->base->rack_count,
            n = whole(s, fmax(guess, (double)least), &any);
    TwYear tried;
    for (int k = 0; k < TRIES && !stopped(s); k++) {
        if (!year_of(s, n, rack_w, false, &tried)) return false;
        tell(s, "%lld racks: feeds at most %.2f %% full", (long long)n, 100.0 * tried.feed_loading);
        if (tried.feed_loading <= 1.0)
            holds = n, *year = tried;
        else
            breaks = n;
        n = whole(s, fmin((double)n / tried.feed_loading, (double)(breaks - 1)), &any);
        // the next one up
        for (int64_t more = holds + 1; n <= holds && more < breaks; more++) n = whole(s, (double)more, &any);
        if (n <= holds || n >= breaks || n < least) break;
    }
    *racks = holds;
    return true;
}

// ---- what they serve ------------------------------------------------------------------------------------------------

// Mean power of a rack without what its temperature adds, and what it makes, from the end of warm-up.
static bool run_point(const Sizing *s, int64_t racks, double rate_s, TwSitePoint *point)
{
    *point = (TwSitePoint){.rate_s = rate_s};
    TwPlant *plant = compile(s, racks, rate_s);
    if (!plant) return false;
    TwState *state = NULL;
    TwError error = {0};
    bool good = tw_state_create(&state, plant, &error);
    if (good) {
        tw_state_disturbed_by(state, 0);
        good = tw_state_advance(state, plant->run.warmup_s, NULL, s->input->stop, &error);
    }
    if (good) {
        TwMeters then = *tw_state_meters(state);
        TwWorkloadTotals before, after;
        tw_workload_totals(plant->workload, tw_state_block(state), -1, &before);
        double then_s = tw_state_time_s(state);
        good = tw_state_advance(state, plant->run.for_s, NULL, s->input->stop, &error);
        const TwMeters *now = tw_state_meters(state);
        double span_s = tw_state_time_s(state) - then_s, all = (double)plant->rack_count * plant->rack_scale;
        tw_workload_totals(plant->workload, tw_state_block(state), -1, &after);
        point->output_s = (double)(after.output_tokens_done - before.output_tokens_done) * plant->rack_scale / span_s;
        point->rack_w = ((now->rack_j - now->extra_j) - (then.rack_j - then.extra_j)) / span_s / all;
        point->utility_w = (now->utility_j - then.utility_j) / span_s;
        point->chip_degc = now->chip_max_degc;
    }
    if (good && !stopped(s)) {
        static const char *const marks[4] = {"evidence.measured", "evidence.published", "evidence.transferred",
                                             "evidence.assumed"};
        TwReport *report = tw_report_create(state, -1.0);
        point->good_share = tw_report_value(report, "requests.good_share");
        point->ttft_s = tw_report_value(report, "latency.ttft_s.p99");
        point->tpot_s = tw_report_value(report, "latency.tpot_s.p99");
        point->saturated = tw_report_value(report, "serving.saturated") > 0.0;
        snprintf(point->binding, sizeof point->binding, "%s", tw_report_text(report, "limits.binding"));
        for (int k = 0; k < 4; k++) point->evidence[k] = tw_report_value(report, marks[k]);
        static const char *const errors[3] = {"joules.error_p50", "joules.error_low", "joules.error_high"};
        char path[80];
        for (int k = 0; k < 3; k++) {
            snprintf(path, sizeof path, "accuracy.%.40s.%s", plant->pools[0].name, errors[k]);
            point->joules_error[k] = tw_report_value(report, path);
        }
        snprintf(path, sizeof path, "accuracy.%.40s.rows_of_chip", plant->pools[0].name);
        point->rows_of_chip = tw_report_value(report, path);
        point->holds = point->good_share >= s->input->good && !point->saturated;
        tw_report_destroy(report);
    }
    if (!good) tw_errors_take(s->errors, &error);
    tw_state_destroy(state);
    tw_plant_destroy(plant);
    return good;
}

// The highest rate that the racks serve within the levels; rate_s 0: there is none.
static bool most_requests(const Sizing *s, int64_t racks, TwSitePoint *holds, TwSitePoint *over)
{
    double gpus = (double)s->base->gpu_count / s->base->rack_count * (double)racks / s->base->rack_scale;
    double low = 0.0, high = INFINITY, rate = 0.1 * gpus;
    *holds = *over = (TwSitePoint){0};
    for (int k = 0; k < TRIES && !stopped(s); k++) {
        TwSitePoint point;
        if (!run_point(s, racks, rate, &point)) return false;
        tell(s, "%.4g requests/s a rack: %.1f %% within the service levels", rate / (double)racks,
             100.0 * point.good_share);
        if (point.holds)
            low = rate, *holds = point;
        else
            high = rate, *over = point;
        if (high <= low * CLOSE || high < LEAST_RATE * gpus) break;
        rate = tw_next_rate(low, high);
    }
    return true;
}

// ---- the whole ------------------------------------------------------------------------------------------------------

static bool read_base(Sizing *s)
{
    const TwSiteInput *in = s->input;
    const TwPlantInput plant_in = {in->path, in->sets, in->set_count, 1};
    if (!tw_plant_create_from(&s->base, &plant_in, s->shelf, s->errors)) return false;
    TwPlant *base = s->base;
    const TwNode *workload = tw_node_group(tw_config_root(base->config), "workload");
    for (int i = 0; i < base->element_count; i++) {
        if (base->power->parent[i] >= 0) continue;
        if (!isfinite(base->elements[i].limit_w)) {
            tw_errors_add(s->errors, in->path, 0, 0, "power.%s.limit_w: a site needs a limit of every feed",
                          base->element_names[i]);
            return false;
        }
        s->feeds_w += base->elements[i].limit_w;
    }
    if (tw_node_entries(workload, "pools") > 0 || tw_node_entries(workload, "classes") > 0 || base->pool_count != 1 ||
        !isfinite(base->pools[0].rate_s)) {
        tw_errors_add(
            s->errors, in->path, 0, 0,
            "workload.arrival.rate_s: a site needs one pool with a rate of its own, which it searches; of classes and "
            "several pools a study with a threshold finds the most (docs/sites.md, Agents)");
        return false;
    }
    // a run still filling looks saturated
    double least_s = 2.0 * base->pools[0].output_mean * base->pools[0].tpot_slo_s / WARMUP;
    if (in->trial_s < least_s) {
        tw_errors_add(
            s->errors, in->path, 0, 0,
            "a trial of %g s is too short: warm-up, two fifths of it, takes twice an answer of %.0f tokens at "
            "its limit, so that %.0f s are needed (--for)",
            in->trial_s, base->pools[0].output_mean, ceil(least_s));
        return false;
    }
    s->one_list = base->rack_count > 0;
    for (int i = 1; i < base->rack_count; i++)
        s->one_list = s->one_list && strcmp(base->racks[i].part, base->racks[0].part) == 0;
    return true;
}

static bool size_site(Sizing *s, TwSite *site)
{
    const TwSiteInput *in = s->input;
    const TwRackPlan *rack = &s->base->racks[0];
    double share = in->limit_w / (1.3 * rack->peak_w);
    if (!most_racks(s, NAN, share, &site->racks_rated, &site->rated)) return false;
    if (site->racks_rated == 0) {
        tw_errors_add(s->errors, in->path, 0, 0, "not one rack of %.1f kW fits %.4g MW", 1e-3 * rack->peak_w,
                      1e-6 * in->limit_w);
        return false;
    }
    // where heat slows racks the most power is drawn before the worst of it
    bool hot = site->rated.clock_worst < SLOWED;
    if (hot) site->rated.worst_s = site->rated.slow_s;
    site->rated.worst_air = tw_weather_at(s->base->weather, site->rated.worst_s);
    tw_calendar_text(s->base->start, site->rated.worst_s, s->trial_start);
    snprintf(site->start, sizeof site->start, "%s", s->trial_start);
    TwSitePoint most;
    if (!most_requests(s, site->racks_rated, &most, &site->over)) return false;
    if (most.rate_s == 0.0) {
        tw_errors_add(s->errors, in->path, 0, 0,
                      "at %.3g requests/s %.1f %% of them keep the service levels, %.1f %% are asked for: see "
                      "workload.ttft_slo_s, workload.tpot_slo_s, --within",
                      site->over.rate_s, 100.0 * site->over.good_share, 100.0 * in->good);
        return false;
    }
    site->rate_rack_s = most.rate_s / (double)site->racks_rated;
    TwYear year;
    double guess = (double)site->racks_rated * rack->peak_w / fmax(most.rack_w, 0.3 * rack->peak_w);
    if (!most_racks(s, most.rack_w, guess, &site->racks_load, &year)) return false;
    site->racks = in->by_rating ? site->racks_rated : site->racks_load;
    // at the limit the peaks of seconds are cut: fewer racks where that costs the service levels
    for (int k = 0; k < TRIES && !stopped(s); k++) {
        if (!run_point(s, site->racks, site->rate_rack_s * (double)site->racks, &site->full)) return false;
        tell(s, "%lld racks: %.1f %% within the service levels", (long long)site->racks, 100.0 * site->full.good_share);
        if (site->full.holds || site->racks <= site->racks_rated) break;
        int64_t any;
        site->racks = whole(s, 0.99 * (double)site->racks, &any);
        if (site->racks < site->racks_rated) site->racks = site->racks_rated;
    }
    TwSitePoint mean = site->full;
    if (in->load < 1.0 && !run_point(s, site->racks, in->load * site->full.rate_s, &mean)) return false;
    site->output_s = mean.output_s;
    tell(s, "a year of %lld racks", (long long)site->racks);
    return year_of(s, site->racks, mean.rack_w, true, &site->year);
}

bool tw_site(const TwSiteInput *input, TwSite *site, TwErrors *errors)
{
    *site = (TwSite){.own_usd_h = NAN};
    Sizing s = {.input = input, .shelf = tw_shelf_create(), .errors = errors};
    bool good = read_base(&s);
    if (good) {
        const TwPlant *base = s.base;
        snprintf(site->name, sizeof site->name, "%s", base->facility);
        snprintf(site->title, sizeof site->title, "%s", base->title[0] ? base->title : base->facility);
        snprintf(site->rack, sizeof site->rack, "%s", base->racks[0].part ? base->racks[0].part : "");
        site->limit_w = input->limit_w;
        site->ttft_slo_s = base->pools[0].ttft_slo_s, site->tpot_slo_s = base->pools[0].tpot_slo_s;
        snprintf(site->place, sizeof site->place, "%s", base->weather->name);
        snprintf(site->model, sizeof site->model, "%s %s", base->pools[0].model, base->pools[0].precision);
        snprintf(site->lengths, sizeof site->lengths, "%s",
                 base->pools[0].trace ? base->pools[0].trace : base->pools[0].lengths);
        site->rack_peak_w = base->racks[0].peak_w;
        tw_accounts_rule(&base->tariff, site->written_off);
        TwAcceleratorRow gpu;
        const TwNode *node = tw_node_entry(tw_config_root(base->config), "racks", 0, NULL);
        tw_node_row(tw_node_group(node, "gpu"), &gpu);
        site->own_usd_h = gpu.own_usd_h;
        good = size_site(&s, site);
    }
    if (good && !stopped(&s)) {
        TwPlant *plant = compile(&s, site->racks, site->full.rate_s);
        good = plant != NULL;
        if (good) {
            site->gpus = plant->gpu_count;
            site->facility = tw_config_resolved(plant->config);
        }
        tw_plant_destroy(plant);
    }
    tw_plant_destroy(s.base);
    tw_shelf_destroy(s.shelf);
    return good && !stopped(&s);
}

void tw_site_free(TwSite *site)
{
    free(site->facility);
    site->facility = NULL;
}
