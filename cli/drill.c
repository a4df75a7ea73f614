// tokenworks drill: what the loss of each part of a facility does in the hottest hour of its year.
#include "study/drill.h"
#include "cli/commands.h"
#include "sim/json.h"
#include "sim/progress.h"

#include <math.h>
#include <omp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static double percent(double part, double whole) { return whole > 0.0 ? 100.0 * part / whole : 0.0; }

static void racks_text(double racks, double after_s, char text[32])
{
    if (racks == 0.0)
        snprintf(text, 32, "-");
    else if (isfinite(after_s))
        snprintf(text, 32, "%.0f in %.*f s", racks, after_s < 10.0 ? 1 : 0, after_s);
    else
        snprintf(text, 32, "%.0f", racks);
}

// "lose pdu1, 1 of 4"
static void name_text(const TwDrillRow *r, char text[128])
{
    int n = snprintf(text, 128, "%s%s%s", r->what, r->target[0] ? " " : "", r->target);
    if (r->alike > 1) snprintf(text + n, 128 - (size_t)n, ", 1 of %d", r->alike);
}

static void print_carried(const TwDrill *d)
{
    int column = 0;
    printf("\ncarried, no rack without power, slowed or granted less:");
    for (int k = 0; k < d->count; k++) {
        char name[128];
        if (!tw_drill_carried(&d->rows[k])) continue;
        name_text(&d->rows[k], name);
        if (column == 0 || column + (int)strlen(name) + 2 > 118)
            column = printf("\n  %s", name);
        else
            column += printf("; %s", name);
    }
    printf("\n");
}

static void print_row(const TwDrill *d, const TwDrillRow *r, bool followed)
{
    char name[128], dark[32], hot[32], held[32];
    name_text(r, name);
    racks_text(r->dark_racks, r->dark_after_s, dark);
    racks_text(r->hot_racks, r->hot_after_s, hot);
    racks_text(r->held_racks, NAN, held);
    printf("  %-34.34s%15s%15s%9s%9.1f%10.2f%11.0f%10.2f", name, dark, hot, held, r->chip_degc,
           percent(r->tokens_lost, d->tokens), r->requests_lost, percent(r->good_lost, d->good));
    if (r->over_limit > 1.005) printf("  limit passed by %.0f %%", 100.0 * (r->over_limit - 1.0));
    printf("\n");
    for (int k = 0; followed && k < 3 && r->then[k][0]; k++) printf("      %s\n", r->then[k]);
}

static void print_text(const TwOptions *o, const TwDrill *d)
{
    int carried = 0, dark = 0;
    for (int k = 0; k < d->count; k++)
        carried += tw_drill_carried(&d->rows[k]), dark += d->rows[k].dark_racks >= d->racks;
    printf(
        "%s: %.0f racks; lost at %s in air of %.1f degC, wet bulb %.1f (%s); each watched for %.4g min, not mended\n",
        d->facility, d->racks, d->start, d->air.dry_bulb_degc, d->air.wet_bulb_degc, d->place, d->span_s / 60.0);
    printf("nothing lost: %.4g M output tokens, %.0f requests, %.1f %% of those that end within their levels; chips at "
           "most %.1f degC\n\n",
           1e-6 * d->tokens, d->requests, percent(d->good, d->ended), d->chip_degc);
    printf("  %-34s%15s%15s%9s%9s%10s%11s%10s\n", "", "racks", "slowed", "granted", "hottest", "tokens", "requests",
           "in levels");
    printf("  %-34s%15s%15s%9s%9s%10s%11s%10s\n", "what is lost", "without power", "by heat", "less", "chip", "lost, %",
           "lost", "lost, %");
    for (int k = 0; k < d->count; k++)
        if (!tw_drill_carried(&d->rows[k])) print_row(d, &d->rows[k], !o->quiet);
    if (carried > 0) print_carried(d);
    printf("\n%d of %d losses are carried", carried, d->count);
    if (dark > 0) printf("; %d %s all racks: single points of failure", dark, dark == 1 ? "takes" : "take");
    printf("\n");
}

static void json_row(const TwDrillRow *r)
{
    printf("  {\"what\": ");
    tw_json_text(stdout, r->what);
    printf(", \"target\": ");
    tw_json_text(stdout, r->target);
    printf(", \"text\": ");
    tw_json_text(stdout, r->text);
    tw_json_member(stdout, "alike", r->alike);
    tw_json_member(stdout, "tokens_lost", r->tokens_lost);
    tw_json_member(stdout, "requests_lost", r->requests_lost);
    tw_json_member(stdout, "good_lost", r->good_lost);
    tw_json_member(stdout, "dark_racks", r->dark_racks);
    tw_json_member(stdout, "dark_after_s", r->dark_after_s);
    tw_json_member(stdout, "slowed_racks", r->hot_racks);
    tw_json_member(stdout, "slowed_after_s", r->hot_after_s);
    tw_json_member(stdout, "granted_less_racks", r->held_racks);
    tw_json_member(stdout, "chip_max_degc", r->chip_degc);
    tw_json_member(stdout, "over_limit", r->over_limit);
    printf(", \"carried\": %s, \"then\": [", tw_drill_carried(r) ? "true" : "false");
    for (int k = 0; k < 3 && r->then[k][0]; k++) {
        printf(k ? ", " : "");
        tw_json_text(stdout, r->then[k]);
    }
    printf("]}");
}

static void print_json(const TwDrill *d)
{
    printf("{\"schema\": \"tokenworks-drill 1\", \"facility\": ");
    tw_json_text(stdout, d->facility);
    printf(", \"at\": ");
    tw_json_text(stdout, d->start);
    tw_json_member(stdout, "span_s", d->span_s);
    tw_json_member(stdout, "racks", d->racks);
    tw_json_member(stdout, "dry_bulb_degc", d->air.dry_bulb_degc);
    tw_json_member(stdout, "wet_bulb_degc", d->air.wet_bulb_degc);
    tw_json_member(stdout, "tokens", d->tokens);
    tw_json_member(stdout, "requests", d->requests);
    tw_json_member(stdout, "requests_ended", d->ended);
    tw_json_member(stdout, "requests_good", d->good);
    tw_json_member(stdout, "chip_max_degc", d->chip_degc);
    printf(",\n \"losses\": [\n");
    for (int k = 0; k < d->count; k++) {
        json_row(&d->rows[k]);
        printf(k + 1 < d->count ? ",\n" : "\n");
    }
    printf(" ]}\n");
}

static void told(void *context, const char *what)
{
    double *said_s = context;
    if (tw_wall_s() - *said_s < 5.0) return;
    fprintf(stderr, "%s\n", what);
    *said_s = tw_wall_s();
}

int tw_command_drill(const TwOptions *o)
{
    char path[512];
    int status;
    if (!tw_cli_facility(o, path, sizeof path, &status)) return status;
    bool hottest = !o->when || strcmp(o->when, "hottest") == 0;
    if (!hottest && strcmp(o->when, "start") != 0) {
        fprintf(stderr, "tokenworks: --when %s: expected hottest or start\n", o->when);
        return TW_USAGE;
    }
    // --for is the span of a drill, not of the facility's own run
    const char *sets[TW_SETS];
    TwDrillInput in = {.path = path, .each = o->each, .hottest = hottest, .span_s = 1200.0, .stop = &tw_cli_stop};
    in.set_count = tw_cli_span(o, &in.span_s, sets);
    in.sets = sets;
    if (in.span_s < 10.0 || in.span_s > 86400.0) {
        fprintf(stderr, "tokenworks: --for: a drill lasts 10 s to 24 h\n");
        return TW_USAGE;
    }
    double said_s = tw_wall_s();
    if (!o->quiet) in.tell = told, in.context = &said_s;
    tw_cli_catch_signals();
    if (o->threads) omp_set_num_threads(o->threads);
    omp_set_max_active_levels(1);
    TwDrill drill;
    TwErrors *errors = tw_errors_create();
    bool good = tw_drill(&in, &drill, errors);
    if (good && o->json) print_json(&drill);
    if (good && !o->json) print_text(o, &drill);
    if (!good && !tw_cli_stop) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    tw_drill_free(&drill);
    if (tw_cli_stop) raise(tw_cli_stop);
    return good ? TW_DONE : TW_BAD_INPUT;
}
