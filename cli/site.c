// tokenworks site: how many racks of each kind fit so many megawatts, what they make, what a year of it takes and
// costs.
#include "study/site.h"
#include "cli/commands.h"
#include "sim/digits.h"
#include "sim/file.h"
#include "sim/json.h"
#include "sim/progress.h"

#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8, LABEL = 40, COLUMN = 16 };
static const char *const blocks[] = {"block_h200", "block_gb200", "block_gb300", "block_rubin"};
static const double YEAR_S = 8760.0 * 3600.0;

// ---- what is asked --------------------------------------------------------------------------------------------------

static bool read_options(const TwOptions *o, TwSiteInput *in, int *status)
{
    double mw = NAN, every = 3.0;
    *in = (TwSiteInput){
        .sets = o->sets, .by_rating = true, .load = 1.0, .good = 0.95, .trial_s = 1440.0, .stop = &tw_cli_stop};
    *status = TW_USAGE;
    if (!o->mw) {
        fprintf(stderr, "tokenworks: --mw is needed: the megawatts of the site; see --help\n");
        return false;
    }
    if (!tw_cli_number(o->mw, "mw", "megawatts from 0.05 to 20000", 0.05, 20000.0, &mw) ||
        !tw_cli_number(o->load, "load", "a share above 0 and at most 1", 1e-3, 1.0, &in->load) ||
        !tw_cli_number(o->every, "every", "a number of days from 1 to 30", 1.0, 30.0, &every) ||
        !tw_cli_number(o->within, "within", "a share from 0.5 to 1", 0.5, 1.0, &in->good))
        return false;
    in->limit_w = 1e6 * mw, in->every = (int)every;
    if (in->every != every) {
        fprintf(stderr, "tokenworks: --every %s: expected a number of whole days\n", o->every);
        return false;
    }
    if (o->by && strcmp(o->by, "rating") != 0 && strcmp(o->by, "load") != 0) {
        fprintf(stderr, "tokenworks: --by %s: expected rating or load\n", o->by);
        return false;
    }
    if (o->by) in->by_rating = strcmp(o->by, "rating") == 0;
    // --for is the span of a trial, not of the facility's own run
    static const char *sets[TW_SETS];
    in->set_count = tw_cli_span(o, &in->trial_s, sets);
    in->sets = sets;
    if (in->trial_s < 60.0) {
        fprintf(stderr, "tokenworks: --for: a trial needs a minute or more\n");
        return false;
    }
    if (o->file_count > MOST) {
        fprintf(stderr, "tokenworks: %d facilities, at most %d go side by side\n", o->file_count, MOST);
        return false;
    }
    *status = TW_DONE;
    return true;
}

// ---- text -----------------------------------------------------------------------------------------------------------

typedef struct Page {
    const TwSite *sites;
    int count;
    const TwSiteInput *in;
} Page;

static double over(double a, double b) { return b > 0.0 ? a / b : NAN; }

// Four digits that count, thousands apart; "-" for unknown.
static void number_text(double value, char text[40])
{
    double size = fabs(value);
    if (!isfinite(value)) {
        snprintf(text, 40, "-");
    } else if (size < 1000.0) {
        snprintf(text, 40, size == 0.0 ? "0" : size < 0.001 ? "%.2g" : size < 10.0 ? "%.3f" : "%.1f", value);
    } else {
        tw_grouped(text, 40, value, ",", 4);
    }
}

typedef double Figure(const TwSite *site);

static void row(const Page *p, const char *label, Figure *figure)
{
    printf("  %-*s", LABEL, label);
    for (int i = 0; i < p->count; i++) {
        char text[40];
        number_text(figure(&p->sites[i]), text);
        printf("%*s", COLUMN, text);
    }
    printf("\n");
}

static void whole_row(const Page *p, const char *label, Figure *figure)
{
    printf("  %-*s", LABEL, label);
    for (int i = 0; i < p->count; i++) {
        char text[40], *point;
        double value = figure(&p->sites[i]);
        number_text(value, text);
        if (fabs(value) < 1000.0 && (point = strchr(text, '.'))) *point = '\0';
        printf("%*s", COLUMN, text);
    }
    printf("\n");
}

typedef const char *Word(const TwSite *site);

static void words(const Page *p, const char *label, Word *word)
{
    printf("  %-*s", LABEL, label);
    for (int i = 0; i < p->count; i++) printf("%*.*s", COLUMN, COLUMN - 1, word(&p->sites[i]));
    printf("\n");
}

static double million_of(const TwSite *s) { return s->output_s * YEAR_S * 1e-6; }
static double it_j(const TwSite *s) { return s->year.rack_j + s->year.fabric_j; }

static double racks_rated(const TwSite *s) { return (double)s->racks_rated; }
static double racks_load(const TwSite *s) { return (double)s->racks_load; }
static double racks(const TwSite *s) { return (double)s->racks; }
static double gpus(const TwSite *s) { return (double)s->gpus; }
static double rack_kw(const TwSite *s) { return 1e-3 * s->rack_peak_w; }
static double rack_load_kw(const TwSite *s) { return 1e-3 * s->full.rack_w; }
static double rack_rate(const TwSite *s) { return s->rate_rack_s; }
static double site_rate(const TwSite *s) { return s->full.rate_s; }
static double tokens(const TwSite *s) { return s->full.output_s; }
static double tokens_gpu(const TwSite *s) { return over(s->full.output_s, (double)s->gpus); }
static double tokens_feed(const TwSite *s) { return over(s->full.output_s, 1e-6 * s->limit_w); }
static double tokens_mw(const TwSite *s) { return over(s->full.output_s, 1e-6 * s->full.utility_w); }
static double ttft(const TwSite *s) { return s->full.ttft_s; }
static double tpot(const TwSite *s) { return 1e3 * s->full.tpot_s; }
static double worst_mw(const TwSite *s) { return 1e-6 * s->year.worst_w; }
static double worst_air(const TwSite *s) { return s->rated.worst_air.dry_bulb_degc; }
static double rated_mw(const TwSite *s) { return 1e-6 * s->rated.worst_w; }
static double rated_chip(const TwSite *s) { return s->rated.chip_degc; }
static double rated_clock(const TwSite *s) { return 100.0 * s->rated.clock_worst; }
static double chip(const TwSite *s) { return s->year.chip_degc; }
static double slowed(const TwSite *s) { return 100.0 * s->year.throttled_fraction; }
static double pue(const TwSite *s) { return over(s->year.utility_j, it_j(s)); }
static double wue(const TwSite *s) { return over(s->year.water_kg, it_j(s) / 3.6e6); }
static double gwh(const TwSite *s) { return s->year.utility_j / 3.6e12; }
static double water_m3(const TwSite *s) { return 1e-3 * s->year.water_kg; }
static double carbon_t(const TwSite *s) { return 1e-6 * s->year.carbon_g; }
static double usd_year(const TwSite *s) { return 1e-6 * s->year.bill.total_usd; }
static double usd_million(const TwSite *s) { return over(s->year.bill.total_usd, million_of(s)); }
static double usd_racks(const TwSite *s) { return over(s->year.bill.it_usd, million_of(s)); }
static double usd_building(const TwSite *s) { return over(s->year.bill.facility_usd, million_of(s)); }
static double usd_upkeep(const TwSite *s) { return over(s->year.bill.opex_usd, million_of(s)); }
static double usd_energy(const TwSite *s)
{
    const TwBill *b = &s->year.bill;
    return over(b->energy_usd + b->demand_usd + b->shortfall_usd + b->excess_usd + b->water_usd, million_of(s));
}
static double usd_own(const TwSite *s) { return over(s->own_usd_h * (double)s->gpus * 8760.0, million_of(s)); }
static double grams(const TwSite *s) { return over(s->year.carbon_g, million_of(s)); }
static double litres(const TwSite *s) { return over(s->year.water_kg, million_of(s)); }
static double known(const TwSite *s) { return 100.0 * (s->full.evidence[0] + s->full.evidence[1]); }

static double chip_rows(const TwSite *s) { return s->full.rows_of_chip; }
static double error_median(const TwSite *s) { return 100.0 * s->full.joules_error[0]; }
static double error_low(const TwSite *s) { return 100.0 * s->full.joules_error[1]; }
static double error_high(const TwSite *s) { return 100.0 * s->full.joules_error[2]; }

static const char *name_of(const TwSite *s) { return s->name; }
static const char *model_of(const TwSite *s) { return s->model; }
static const char *when_of(const TwSite *s) { return s->start + 5; }    // without its year

// What a little more load would break.
static const char *rack_limit(const TwSite *s)
{
    const TwSitePoint *o = &s->over;
    if (o->rate_s == 0.0) return "-";
    double token = o->tpot_s / s->tpot_slo_s, first = o->ttft_s / s->ttft_slo_s;
    if (o->saturated && token < 1.0 && first < 1.0) return "requests queue";
    return token > first ? "time per token" : "first token";
}

// How capital is written off; once where all columns have one rule.
static void print_rules(const Page *p)
{
    for (int i = 0; i < p->count; i++) {
        const char *rule = p->sites[i].written_off;
        bool same = true;
        for (int k = 1; k < p->count; k++) same = same && strcmp(p->sites[k].written_off, p->sites[0].written_off) == 0;
        if (same && i > 0) return;
        printf("written off%s%s: %s\n", same ? "" : ", ", same ? "" : p->sites[i].name, rule);
    }
}

static void print_text(const TwOptions *o, const Page *p)
{
    const TwSite *first = &p->sites[0];
    printf("%.6g MW at %s: requests of %s, %g s to the first token and %g ms a token for %.4g %% of them\n",
           1e-6 * p->in->limit_w, first->place, first->lengths, first->ttft_slo_s, 1e3 * first->tpot_slo_s,
           100.0 * p->in->good);
    printf("as many racks as fit by their %s; the year at ", p->in->by_rating ? "rated power" : "power under load");
    if (p->in->load < 1.0)
        printf("%.3g %% of the most load", 100.0 * p->in->load);
    else
        printf("the most load all the time (--load)");
    if (p->in->every > 1) printf(", one day in %d of it", p->in->every);
    printf("\n\n");
    words(p, "", name_of);
    words(p, "model", model_of);
    printf("\nhow many fit\n");
    row(p, "a rack, rated, kW", rack_kw);
    row(p, "a rack under this load, kW", rack_load_kw);
    whole_row(p, "racks whose rated power fits", racks_rated);
    whole_row(p, "racks whose power under load fits", racks_load);
    whole_row(p, p->in->by_rating ? "taken: the first" : "taken: the second", racks);
    whole_row(p, "GPUs", gpus);
    printf("\nwhat they make at most, in the worst quarter of an hour of the year\n");
    row(p, "requests/s of a rack", rack_rate);
    words(p, "  more would break", rack_limit);
    whole_row(p, "requests/s", site_rate);
    whole_row(p, "output tokens/s", tokens);
    row(p, "  a GPU", tokens_gpu);
    whole_row(p, "  a MW of the site", tokens_feed);
    whole_row(p, "  a MW drawn", tokens_mw);
    row(p, "first token, p99, s", ttft);
    row(p, "a later token, p99, ms", tpot);
    printf("\nthe year\n");
    words(p, "worst quarter of an hour, racks rated", when_of);
    row(p, "  air then, degC", worst_air);
    row(p, "  MW drawn by the racks that fit", rated_mw);
    row(p, "  hottest chip, degC", rated_chip);
    row(p, "  clock that heat leaves, %", rated_clock);
    row(p, "at the load of the year: most drawn, MW", worst_mw);
    row(p, "  hottest chip, degC", chip);
    row(p, "  rack time slowed by heat, %", slowed);
    row(p, "PUE", pue);
    row(p, "WUE, L/kWh", wue);
    row(p, "energy, GWh", gwh);
    whole_row(p, "water, m3", water_m3);
    whole_row(p, "carbon of the grid, t", carbon_t);
    printf("\na million output tokens\n");
    row(p, "USD, all of the year", usd_million);
    row(p, "  racks", usd_racks);
    row(p, "  building, power and cooling", usd_building);
    row(p, "  upkeep", usd_upkeep);
    row(p, "  electricity and water", usd_energy);
    row(p, "USD at a published cost of ownership", usd_own);
    row(p, "grams of CO2", grams);
    row(p, "litres of water", litres);
    row(p, "the year, million USD", usd_year);
    print_rules(p);
    printf("\n");
    row(p, "of step time measured or published, %", known);
    whole_row(p, "published rates of chip and kind of model", chip_rows);
    row(p, "joules a token against published ones, %", error_median);
    row(p, "  four in five from, %", error_low);
    row(p, "  to, %", error_high);
    if (!o->quiet)
        printf("\nwhat each row means and rests on: docs/sites.md; a site as a facility file: --out FOLDER\n");
}

// ---- JSON -----------------------------------------------------------------------------------------------------------

static void json_year(const char *name, const TwYear *y, double it_joules)
{
    printf(",\n    \"%s\": {\"utility_mwh\": ", name);
    tw_json_number(stdout, y->utility_j / 3.6e9);
    tw_json_member(stdout, "racks_mwh", y->rack_j / 3.6e9);
    tw_json_member(stdout, "fabric_mwh", y->fabric_j / 3.6e9);
    tw_json_member(stdout, "cooling_mwh", y->cooling_j / 3.6e9);
    tw_json_member(stdout, "losses_mwh", y->loss_j / 3.6e9);
    tw_json_member(stdout, "pue", over(y->utility_j, it_joules));
    tw_json_member(stdout, "wue_l_per_kwh", over(y->water_kg, it_joules / 3.6e6));
    tw_json_member(stdout, "water_m3", 1e-3 * y->water_kg);
    tw_json_member(stdout, "carbon_t", 1e-6 * y->carbon_g);
    tw_json_member(stdout, "worst_mw", 1e-6 * y->worst_w);
    tw_json_member(stdout, "worst_second_of_year", y->worst_s);
    tw_json_member(stdout, "worst_air_degc", y->worst_air.dry_bulb_degc);
    tw_json_member(stdout, "worst_wet_bulb_degc", y->worst_air.wet_bulb_degc);
    tw_json_member(stdout, "feed_loading", y->feed_loading);
    tw_json_member(stdout, "chip_max_degc", y->chip_degc);
    tw_json_member(stdout, "throttled_share", y->throttled_fraction);
    tw_json_member(stdout, "clock_fraction", y->clock_fraction);
    printf("}");
}

static void json_point(const char *name, const TwSitePoint *q)
{
    printf(",\n    \"%s\": {\"requests_per_s\": ", name);
    tw_json_number(stdout, q->rate_s > 0.0 ? q->rate_s : NAN);
    tw_json_member(stdout, "output_per_s", q->output_s);
    tw_json_member(stdout, "good_share", q->good_share);
    tw_json_member(stdout, "ttft_p99_s", q->ttft_s);
    tw_json_member(stdout, "tpot_p99_s", q->tpot_s);
    tw_json_member(stdout, "utility_mw", 1e-6 * q->utility_w);
    tw_json_member(stdout, "rack_kw", 1e-3 * q->rack_w);
    tw_json_member(stdout, "chip_max_degc", q->chip_degc);
    printf(", \"saturated\": %s, \"binding\": ", q->saturated ? "true" : "false");
    tw_json_text(stdout, q->binding);
    printf("}");
}

static void json_site(const TwSite *s)
{
    printf("   {\"name\": ");
    tw_json_text(stdout, s->name);
    printf(", \"title\": ");
    tw_json_text(stdout, s->title);
    printf(", \"rack\": ");
    tw_json_text(stdout, s->rack);
    printf(", \"site\": ");
    tw_json_text(stdout, s->place);
    printf(", \"model\": ");
    tw_json_text(stdout, s->model);
    tw_json_member(stdout, "rack_peak_kw", 1e-3 * s->rack_peak_w);
    tw_json_member(stdout, "racks_by_rating", racks_rated(s));
    tw_json_member(stdout, "racks_by_load", racks_load(s));
    tw_json_member(stdout, "racks", racks(s));
    tw_json_member(stdout, "gpus", gpus(s));
    tw_json_member(stdout, "requests_per_s_per_rack", s->rate_rack_s);
    printf(",\n    \"more_would_break\": ");
    tw_json_text(stdout, rack_limit(s));
    printf(", \"worst_quarter\": ");
    tw_json_text(stdout, s->start);
    json_point("full_load", &s->full);
    json_point("too_much", &s->over);
    printf(",\n    \"rated\": {\"worst_mw\": ");
    tw_json_number(stdout, 1e-6 * s->rated.worst_w);
    tw_json_member(stdout, "worst_air_degc", s->rated.worst_air.dry_bulb_degc);
    tw_json_member(stdout, "worst_wet_bulb_degc", s->rated.worst_air.wet_bulb_degc);
    tw_json_member(stdout, "feed_loading", s->rated.feed_loading);
    tw_json_member(stdout, "chip_max_degc", s->rated.chip_degc);
    tw_json_member(stdout, "clock_worst", s->rated.clock_worst);
    printf("}");
    json_year("year", &s->year, it_j(s));
    printf(",\n    \"output_tokens_per_year\": ");
    tw_json_number(stdout, 1e6 * million_of(s));
    tw_json_member(stdout, "output_per_s_per_mw_site", tokens_feed(s));
    tw_json_member(stdout, "output_per_s_per_mw_drawn", tokens_mw(s));
    tw_json_member(stdout, "usd_per_year", s->year.bill.total_usd);
    printf(", \"written_off\": ");
    tw_json_text(stdout, s->written_off);
    printf(",\n    \"usd_per_million\": {\"total\": ");
    tw_json_number(stdout, usd_million(s));
    tw_json_member(stdout, "racks", usd_racks(s));
    tw_json_member(stdout, "building", usd_building(s));
    tw_json_member(stdout, "upkeep", usd_upkeep(s));
    tw_json_member(stdout, "electricity_and_water", usd_energy(s));
    tw_json_member(stdout, "ownership", usd_own(s));
    printf("}, \"evidence\": {\"measured\": ");
    tw_json_number(stdout, s->full.evidence[0]);
    tw_json_member(stdout, "published", s->full.evidence[1]);
    tw_json_member(stdout, "transferred", s->full.evidence[2]);
    tw_json_member(stdout, "assumed", s->full.evidence[3]);
    printf("}, \"accuracy\": {\"rows_of_chip\": ");
    tw_json_number(stdout, s->full.rows_of_chip);
    tw_json_member(stdout, "joules_error_p50", s->full.joules_error[0]);
    tw_json_member(stdout, "joules_error_low", s->full.joules_error[1]);
    tw_json_member(stdout, "joules_error_high", s->full.joules_error[2]);
    printf("}}");
}

static void print_json(const Page *p)
{
    printf("{\"schema\": \"tokenworks-site 1\", \"limit_mw\": ");
    tw_json_number(stdout, 1e-6 * p->in->limit_w);
    tw_json_member(stdout, "load", p->in->load);
    tw_json_member(stdout, "good_share", p->in->good);
    tw_json_member(stdout, "every_days", p->in->every);
    printf(", \"by\": \"%s\",\n \"sites\": [\n", p->in->by_rating ? "rating" : "load");
    for (int i = 0; i < p->count; i++) {
        json_site(&p->sites[i]);
        printf(i + 1 < p->count ? ",\n" : "\n");
    }
    printf(" ]}\n");
}

// ---- the command ----------------------------------------------------------------------------------------------------

static bool write_site(const TwSite *s, const TwSiteInput *in, const char *folder, TwError *error)
{
    char path[700];
    snprintf(path, sizeof path, "%.500s/%.63s_%.6gmw.cfg", folder, s->name, 1e-6 * in->limit_w);
    TwFile file;
    if (!tw_file_create(&file, path, error)) return false;
    fprintf(file.stream,
            "// %lld racks of %s for %.6g MW, at the load that they serve within their levels in the "
            "worst quarter of an hour of the year.\n",
            (long long)s->racks, s->name, 1e-6 * in->limit_w);
    fputs(s->facility, file.stream);
    if (!tw_file_finish(&file, true, error)) return false;
    fprintf(stderr, "%s\n", path);
    return true;
}

typedef struct Told {
    const char *name;
    double *said_s;
    bool each;
} Told;

// A line for each step where --verbose asks, else one in ten seconds.
static void told(void *context, const char *what)
{
    const Told *t = context;
#pragma omp critical(tw_site_told)
    if (t->each || tw_wall_s() - *t->said_s > 10.0) {
        fprintf(stderr, "%s: %s\n", t->name, what);
        *t->said_s = tw_wall_s();
    }
}

// What is wrong with a --set is wrong in every column.
static bool told_before(TwErrors *const *errors, const bool *good, int i)
{
    TwError mine, other;
    if (tw_errors_count(errors[i]) == 0) return false;
    tw_errors_first(errors[i], &mine);
    for (int k = 0; k < i; k++) {
        if (good[k] || tw_errors_count(errors[k]) != tw_errors_count(errors[i])) continue;
        tw_errors_first(errors[k], &other);
        if (strcmp(mine.file, other.file) == 0 && strcmp(mine.text, other.text) == 0) return true;
    }
    return false;
}

int tw_command_site(const TwOptions *o)
{
    TwSiteInput in;
    int status, count = o->file_count > 0 ? o->file_count : (int)TW_COUNT(blocks);
    if (!read_options(o, &in, &status)) return status;
    char paths[MOST][512];
    for (int i = 0; i < count; i++) {
        char *name = o->file_count > 0 ? o->files[i] : (char *)blocks[i];
        TwOptions one = *o;
        one.files = &name, one.file_count = 1;
        if (!tw_cli_facility(&one, paths[i], sizeof paths[i], &status)) return status;
    }
    tw_cli_catch_signals();
    if (o->threads) omp_set_num_threads(o->threads);
    omp_set_max_active_levels(1);
    TwSite sites[MOST] = {0};
    TwErrors *errors[MOST];
    bool good[MOST];
    double said_s = tw_wall_s();
#pragma omp parallel for schedule(dynamic, 1)
    for (int i = 0; i < count; i++) {
        const char *slash = strrchr(paths[i], '/');
        Told who = {slash ? slash + 1 : paths[i], &said_s, o->verbose};
        TwSiteInput mine = in;
        mine.path = paths[i];
        if (!o->quiet) mine.tell = told, mine.context = &who;
        errors[i] = tw_errors_create();
        good[i] = tw_site(&mine, &sites[i], errors[i]);
    }
    int shown = 0;
    TwSite list[MOST];
    status = TW_DONE;
    for (int i = 0; i < count; i++) {
        if (good[i]) list[shown++] = sites[i];
        if (!good[i]) status = TW_BAD_INPUT;
        if (!good[i] && !tw_cli_stop && !told_before(errors, good, i))
            tw_errors_print(errors[i], TW_ERRORS_SHOWN, stderr);
    }
    const Page page = {list, shown, &in};
    if (shown > 0 && !tw_cli_stop && o->json) print_json(&page);
    if (shown > 0 && !tw_cli_stop && !o->json) print_text(o, &page);
    TwError error = {0};
    for (int i = 0; i < shown && o->out && !tw_cli_stop && status == TW_DONE; i++)
        if (!write_site(&list[i], &in, o->out, &error)) status = tw_cli_fail(&error);
    for (int i = 0; i < count; i++) tw_errors_destroy(errors[i]), tw_site_free(&sites[i]);
    if (tw_cli_stop) raise(tw_cli_stop);
    return status;
}
