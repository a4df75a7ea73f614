#include "twin/report_parts.h"

#include "sim/version.h"
#include "twin/card.h"
#include "twin/crossing.h"
#include "twin/ledger.h"
#include "twin/transit.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

TwKpi *tw_report_add(TwReport *report, const char *path, const char *unit, const char *label, double value)
{
    if (report->count == report->capacity) {
        report->capacity = report->capacity ? 2 * report->capacity : 128;
        report->kpis = realloc(report->kpis, (size_t)report->capacity * sizeof *report->kpis);
        if (!report->kpis) abort();
    }
    TwKpi *kpi = &report->kpis[report->count++];
    *kpi = (TwKpi){.value = value};
    snprintf(kpi->unit, sizeof kpi->unit, "%s", unit);
    snprintf(kpi->label, sizeof kpi->label, "%s", label);
    snprintf(kpi->path, sizeof kpi->path, "%.79s", path);
    return kpi;
}

void tw_report_add_text(TwReport *report, const char *path, const char *label, const char *text)
{
    snprintf(tw_report_add(report, path, "", label, NAN)->text, sizeof report->kpis->text, "%.127s", text);
}

void tw_report_add_rows(TwReport *report, const TwKpiRow *rows, size_t count, const char *prefix, ...)
{
    char head[TW_NAME + 64], path[sizeof head + 64];
    va_list list;
    va_start(list, prefix);
    vsnprintf(head, sizeof head, prefix, list);
    va_end(list);
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s.%s", head, rows[i].name);
        tw_report_add(report, path, rows[i].unit, rows[i].label, rows[i].value);
    }
}

// Counts of all racks, where a simulated one stands for several.
void tw_report_totals(const TwPlant *plant, const void *block, TwWorkloadTotals *t)
{
    tw_workload_totals(plant->workload, block, -1, t);
    int64_t *counts[] = {&t->arrived,
                         &t->completed,
                         &t->running,
                         &t->waiting,
                         &t->rejected,
                         &t->lost,
                         &t->input_tokens_arrived,
                         &t->output_tokens_arrived,
                         &t->input_tokens_done,
                         &t->output_tokens_done,
                         &t->input_tokens_pending,
                         &t->output_tokens_pending,
                         &t->input_tokens_dropped,
                         &t->output_tokens_dropped,
                         &t->tokens_recomputed,
                         &t->preemptions,
                         &t->good,
                         &t->measured_completed};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) *counts[i] *= plant->run.rack_scale;
}

// Evidence of the step costs, weighted by the time that each pool spends in prefill and in decode.
static TwEvidenceShare evidence(const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    TwEvidenceShare sum = {0};
    double weights = 0.0;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *pool = &plant->pools[i];
        TwWorkloadTotals totals;
        tw_workload_totals(plant->workload, tw_state_block(state), i, &totals);
        // seconds a token in each phase, at batches that the pool can run
        int tokens = pool->max_tokens < 2048 ? pool->max_tokens : 2048;
        int sequences = pool->max_sequences < 64 ? pool->max_sequences : 64;
        const TwBatch prefill = {.tokens = tokens,
                                 .chunks = 1,
                                 .chunk_tokens = tokens,
                                 .chunk_square = (int64_t)tokens * tokens,
                                 .logits = 1};
        const TwBatch decode = {
            .tokens = sequences, .decodes = sequences, .decode_context = sequences * 2048LL, .logits = sequences};
        TwStep a, b;
        pool->step->source.step(pool->step->source.context, TW_LEVELS - 1, &prefill, &a);
        pool->step->source.step(pool->step->source.context, TW_LEVELS - 1, &decode, &b);
        double prefill_s = a.time_ns.base * 1e-9 / tokens * (double)totals.input_tokens_done;
        double decode_s = (b.time_ns.base + b.time_ns.per_context * (double)decode.decode_context) * 1e-9 / sequences *
                          (double)totals.output_tokens_done;
        if (prefill_s + decode_s <= 0.0) prefill_s = decode_s = 0.5;
        const TwEvidenceShare *p = &pool->step->prefill_evidence, *d = &pool->step->decode_evidence;
        sum.measured += prefill_s * p->measured + decode_s * d->measured;
        sum.published += prefill_s * p->published + decode_s * d->published;
        sum.transferred += prefill_s * p->transferred + decode_s * d->transferred;
        sum.assumed += prefill_s * p->assumed + decode_s * d->assumed;
        weights += prefill_s + decode_s;
    }
    if (weights > 0.0) {
        sum.measured /= weights;
        sum.published /= weights;
        sum.transferred /= weights;
        sum.assumed /= weights;
    }
    return sum;
}

static void count_marks(void *context, const char *path, double value, double min, double max, TwMark mark,
                        const char *source)
{
    (void)path, (void)value, (void)min, (void)max, (void)source;
    int64_t *counts = context;
    counts[mark]++;
}

static void add_head(TwReport *report, const TwState *state, double wall_s)
{
    const TwPlant *plant = tw_state_plant(state);
    tw_report_add_text(report, "schema", "", "tokenworks-report 1");
    tw_report_add_text(report, "facility", "facility", plant->facility);
    tw_report_add_text(report, "version", "version", TW_VERSION);
    tw_report_add(report, "seed", "", "seed", (double)plant->run.seed);
    char fidelity[64] = "exact";
    if (plant->run.rack_scale > 1)
        snprintf(fidelity, sizeof fidelity, "exact, one rack for %lld", (long long)plant->run.rack_scale);
    if (plant->exact) snprintf(fidelity, sizeof fidelity, plant->fluid ? "fluid" : "sampled");
    tw_report_add_text(report, "fidelity", "fidelity of serving", fidelity);
    tw_report_add(report, "simulated_s", "s", "simulated span", tw_state_time_s(state));
    if (wall_s >= 0.0) tw_report_add(report, "wall_s", "s", "wall clock", wall_s);
}

// Elements whose part says of itself that its loss law is no product's.
static void add_illustrative(TwReport *report, const TwPlant *plant)
{
    int count = 0, first = -1;
    for (int i = 0; i < plant->element_count; i++) {
        const char *title = plant->elements[i].title;
        if (!title || !strstr(title, "ILLUSTRATIVE")) continue;
        if (first < 0) first = i;
        count++;
    }
    if (count == 0) return;
    char text[256], more[32] = "";
    if (count > 1) snprintf(more, sizeof more, " and %d more", count - 1);
    snprintf(text, sizeof text, "%.60s%s: %.120s", plant->element_names[first], more, plant->elements[first].title);
    tw_report_add_text(report, "evidence.illustrative", "power elements whose loss law is a shape, not a product's",
                       text);
}

static void add_books(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwPlant *plant = tw_state_plant(state);
    double stored_j = tw_thermal_stored_j(plant->thermal, tw_state_block(state));
    TwLedger ledger = tw_ledger_close(tw_state_meters(state), stored_j, t);
    tw_report_add(report, "ledger.electricity_residual", "1", "electricity in less out, relative",
                  ledger.electricity_residual);
    tw_report_add(report, "ledger.heat_residual", "1", "heat in less out and stored, relative", ledger.heat_residual);
    tw_report_add(report, "ledger.requests_residual", "", "requests in less out", (double)ledger.requests_residual);
    tw_report_add(report, "ledger.tokens_residual", "", "tokens in less out",
                  (double)(llabs(ledger.input_tokens_residual) + llabs(ledger.output_tokens_residual)));
    double bytes = tw_transit_residual(tw_transit_of(plant), tw_state_block(state));
    bytes += t->transfer_bytes > 0 ? fabs((double)ledger.transfer_bytes_residual) / (double)t->transfer_bytes : 0.0;
    bytes += tw_crossing_residual(tw_transit_crossings(plant), tw_state_block(state));
    tw_report_add(report, "ledger.bytes_residual", "1", "bytes asked for less delivered, under way and lost, relative",
                  bytes);
    tw_report_add(report, "ledger.ok", "", "the books close", ledger.ok && bytes <= 1e-9)->truth = true;
    TwEvidenceShare share = evidence(state);
    tw_report_add(report, "evidence.measured", "1", "of step time, measured by this project", share.measured);
    tw_report_add(report, "evidence.published", "1", "of step time, published measurements", share.published);
    tw_report_add(report, "evidence.transferred", "1", "of step time, carried over from another chip",
                  share.transferred);
    tw_report_add(report, "evidence.assumed", "1", "of step time, assumed", share.assumed);
    int64_t counts[6] = {0};
    tw_config_visit(plant->config, count_marks, counts);
    tw_report_add(report, "evidence.settings_measured", "", "settings by mark", (double)counts[TW_MEASURED_MARK]);
    tw_report_add(report, "evidence.settings_vendor", "", "settings by mark", (double)counts[TW_VENDOR]);
    tw_report_add(report, "evidence.settings_derived", "", "settings by mark", (double)counts[TW_DERIVED]);
    tw_report_add(report, "evidence.settings_assumed", "", "settings by mark",
                  (double)(counts[TW_ASSUMED_MARK] + counts[TW_DEFAULT]));
    tw_report_add(report, "evidence.settings_user", "", "settings by mark", (double)counts[TW_USER]);
    add_illustrative(report, plant);
    tw_report_accuracy(report, plant);
    tw_report_add(report, "evidence.weather_generated", "", "weather from the climate generator",
                  plant->weather->generated)
        ->truth = true;
}

TwReport *tw_report_create(const TwState *state, double wall_s)
{
    TwReport *report = calloc(1, sizeof *report);
    if (!report) abort();
    const TwPlant *plant = tw_state_plant(state);
    TwWorkloadTotals totals;
    tw_report_totals(plant, tw_state_block(state), &totals);
    add_head(report, state, wall_s);
    tw_report_tokens(report, state, &totals);
    tw_report_money(report, state, &totals);
    tw_report_serving(report, state, &totals);
    tw_report_power(report, state);
    tw_report_carbon(report, state);
    tw_report_limits(report, state, &totals);
    tw_card_add(report, state);
    tw_report_waves(report, state);
    tw_report_events(report, state);
    tw_report_network(report, state, &totals);
    tw_report_jobs(report, state);
    add_books(report, state, &totals);
    return report;
}

void tw_report_destroy(TwReport *report)
{
    if (report) free(report->kpis);
    if (report) free(report->events);
    if (report) free(report->states);
    free(report);
}

static const TwKpi *find(const TwReport *report, const char *path)
{
    for (int i = 0; i < report->count; i++)
        if (strcmp(report->kpis[i].path, path) == 0) return &report->kpis[i];
    return NULL;
}

double tw_report_value(const TwReport *report, const char *path)
{
    const TwKpi *kpi = find(report, path);
    return kpi ? kpi->value : NAN;
}

const char *tw_report_text(const TwReport *report, const char *path)
{
    const TwKpi *kpi = find(report, path);
    return kpi ? kpi->text : "";
}

bool tw_report_ok(const TwReport *report) { return tw_report_value(report, "ledger.ok") == 1.0; }

bool tw_report_record(const TwReport *report, TwRecord *record, TwError *error)
{
    for (int i = 0; i < report->count; i++) {
        const TwKpi *kpi = &report->kpis[i];
        if (kpi->text[0]) continue;
        char name[80];
        size_t n = 0;
        for (const char *p = kpi->path; *p; p++) name[n++] = *p == '.' ? '_' : *p;
        name[n] = '\0';
        if (!tw_record_scalar(record, "kpi", name, kpi->unit[0] ? kpi->unit : "1", kpi->label, kpi->value, error))
            return false;
    }
    return true;
}
