// The report as a page of text: the answer first, then what limits it, the figures, the balance sheet, the evidence.
#include "sim/digits.h"
#include "twin/card.h"
#include "twin/limits.h"
#include "twin/pool_accuracy.h"
#include "twin/report.h"
#include "twin/waves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 32 };

// Four significant digits, thousands set apart; "-" for unknown.
static const char *number(double value, char text[WIDTH])
{
    if (!isfinite(value)) {
        snprintf(text, WIDTH, "-");
        return text;
    }
    double size = fabs(value);
    if (size != 0.0 && size < 1e-3)
        snprintf(text, WIDTH, "%.3g", value);
    else if (size < 1000.0)
        snprintf(text, WIDTH, size < 10.0 ? "%.3f" : size < 100.0 ? "%.2f" : "%.1f", value);
    else
        tw_grouped(text, WIDTH, value, ",", 4);
    return text;
}

// A count: no digits behind the point.
static const char *count(double value, char text[WIDTH])
{
    if (!(fabs(value) < 1000.0)) return number(value, text);
    snprintf(text, WIDTH, "%.0f", value + 0.0);
    return text;
}

static void line(FILE *f, const TwReport *r, const char *name, const char *path, double scale, const char *unit,
                 const char *note)
{
    char text[WIDTH];
    fprintf(f, "  %-26s %14s ", name, number(tw_report_value(r, path) * scale, text));
    fprintf(f, *note ? "%-11s  %s\n" : "%s%s\n", unit, note);
}

static void quantiles(FILE *f, const TwReport *r, const char *name, const char *path, double scale, const char *unit)
{
    static const char *const points[] = {"p50", "p90", "p99"};
    char text[WIDTH], full[80];
    fprintf(f, "  %-26s", name);
    for (int i = 0; i < 3; i++) {
        snprintf(full, sizeof full, "latency.%s.%s", path, points[i]);
        fprintf(f, " %s %-10s", points[i], number(tw_report_value(r, full) * scale, text));
    }
    fprintf(f, "%s\n", unit);
}

static void head(FILE *f, const TwReport *r, const TwPlant *plant)
{
    fprintf(f, "%s\n", plant->title[0] ? plant->title : plant->facility);
    const char *simulated = plant->run.rack_scale > 1 ? "every request of one rack in"
                            : plant->fluid            ? "requests as a flow"
                            : plant->pool_count == 0  ? "jobs, no requests"
                            : plant->exact            ? "some cells simulated"
                                                      : "every request simulated";
    char text[WIDTH], lasted[32];
    fprintf(f, "%s: %lld racks, %lld GPUs; %s from %s; seed %lld; %s", plant->facility,
            plant->rack_count * (long long)plant->run.rack_scale, (long long)plant->gpu_count,
            tw_span_text(lasted, tw_report_value(r, "simulated_s")), plant->start, (long long)plant->run.seed,
            simulated);
    if (plant->run.rack_scale > 1) fprintf(f, " %lld", (long long)plant->run.rack_scale);
    fputc('\n', f);
    if (plant->fluid) {
        fprintf(
            f,
            "fluid: latencies and goodput are approximations; against windows done exactly: tokens %+.2f %%, energy "
            "%+.2f %%",
            100.0 * tw_report_value(r, "fidelity_error.output_tokens"),
            100.0 * tw_report_value(r, "fidelity_error.joules"));
        static const char *const names[][2] = {
            {"ttft_p50", ",\n  TTFT p50"}, {"ttft_p99", ", p99"}, {"tpot_p50", ", TPOT p50"}, {"tpot_p99", ", p99"}};
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            char path[64];
            snprintf(path, sizeof path, "fidelity_error.%s", names[k][0]);
            double off = tw_report_value(r, path);
            if (isfinite(off)) fprintf(f, "%s %+.1f %%", names[k][1], 100.0 * off);
        }
        fputc('\n', f);
        double close = tw_report_value(r, "latency.close_share");
        if (close > 0.01)
            fprintf(f,
                    "  %.0f %% of the requests were served close to saturation or beyond (above 92 %%): their queue is "
                    "chance, and TTFT\n  its mean over many runs; that of one run may be twice or half of it\n",
                    100.0 * close);
    }
    if (plant->exact && !plant->fluid) {
        fprintf(f, "sampled: ");
        for (int i = 0; i < plant->pool_count; i++) {
            int simulated, cells = tw_workload_cells(plant->workload, i, &simulated);
            fprintf(f, "%s%d of %d router cells of %s", i ? ", " : "", simulated, cells, plant->pools[i].name);
        }
        fprintf(
            f,
            "; against windows done exactly: tokens %+.2f %%, energy %+.2f %%, TTFT p99 %+.1f %%, TPOT p99 %+.1f %%\n",
            100.0 * tw_report_value(r, "fidelity_error.output_tokens"),
            100.0 * tw_report_value(r, "fidelity_error.joules"), 100.0 * tw_report_value(r, "fidelity_error.ttft_p99"),
            100.0 * tw_report_value(r, "fidelity_error.tpot_p99"));
        for (int i = 0; i < plant->pool_count; i++) {
            double value[4];
            static const char *const what[] = {"correction_output_tokens", "interval_output_tokens",
                                               "correction_joules", "interval_joules"};
            for (int k = 0; k < 4; k++) {
                char path[TW_NAME + 64];
                snprintf(path, sizeof path, "sampling.%s.%s", plant->pools[i].name, what[k]);
                value[k] = 100.0 * tw_report_value(r, path);
            }
            fprintf(f,
                    "  all cells of %s, 95 %%, over what is told here: tokens %+.2f +- %.2f %%, energy %+.2f +- %.2f "
                    "%%\n",
                    plant->pools[i].name, value[0], value[1], value[2], value[3]);
        }
    }
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *p = &plant->pools[i];
        fprintf(f, "%s: %s %s on %d replicas of %d GPUs", p->name, p->model, p->precision, p->replicas, p->gpus);
        if (p->prefill_replicas > 0)
            fprintf(f, ", %d of them of %d GPUs for prompts alone", p->prefill_replicas, p->prefill_gpus);
        if (p->attention_ranks > 1) fprintf(f, " (%d attention ranks)", p->attention_ranks);
        bool classes = p->service_count > 1 || (p->service_count == 1 && strcmp(p->service_names[0], p->name) != 0);
        for (int k = 0; k < p->service_count && classes; k++)
            fprintf(f, "%s %s", k ? "," : ", classes", p->service_names[k]);
        if (classes)
            fputc('\n', f);
        else
            fprintf(f, ", %s\n", p->trace ? p->trace : p->lengths);
    }
    if (plant->pool_count == 0)
        fprintf(f, "\n  %s trained tokens/s per MW of utility power\n\n",
                number(tw_report_value(r, "jobs.tokens_per_s_per_mw_utility"), text));
    else
        fprintf(f, "\n  %s output tokens/s per MW of utility power\n\n",
                number(tw_report_value(r, "tokens.output_per_s_per_mw_utility"), text));
}

static void limits(FILE *f, const TwReport *r, const TwPlant *plant)
{
    const char *binding = tw_report_text(r, "limits.binding");
    double share = 100.0 * tw_report_value(r, "limits.binding_share");
    fprintf(f, "what limits it\n");
    if (strcmp(binding, "demand") == 0 && plant->pool_count == 0)
        fprintf(f, "  demand: jobs were granted what they wanted in %.1f %% of the time\n", share);
    else if (strcmp(binding, "demand") == 0)
        fprintf(
            f,
            "  demand: every request was served at full clock in %.1f %% of the time; more traffic would mean more\n"
            "  tokens\n",
            share);
    else if (strcmp(binding, "serving capacity") == 0)
        fprintf(f, "  serving capacity: requests waited for a batch or for KV memory in %.1f %% of replica time\n",
                share);
    else if (strcmp(binding, TW_RACK_CAPS) == 0)
        fprintf(f, "  %s, by policies or power shelves: granted less than they wanted in %.1f %% of the time\n",
                binding, share);
    else if (strcmp(binding, "chip temperature") == 0)
        fprintf(f, "  chip temperature: racks ran below full clock in %.1f %% of the time\n", share);
    else {
        fprintf(f, "  %s: its racks were granted less than they wanted in %.1f %% of the time\n", binding, share);
        double ratio = tw_report_value(r, "limits.nameplate_over_limit");
        double others = tw_report_value(r, "limits.others_over_limit");
        if (isfinite(ratio)) fprintf(f, "  racks below it are rated at %.1f %% of its limit", 100.0 * ratio);
        if (isfinite(ratio) && others > 0.0) fprintf(f, "; cooling and switches take %.1f %%", 100.0 * others);
        if (isfinite(ratio)) fprintf(f, "\n");
    }
    fprintf(f, "  room left at the fullest moment:");
    int shown = 0;
    for (int i = 0; i < r->count; i++) {
        const char *path = r->kpis[i].path, *prefix = "limits.headroom.";
        if (strncmp(path, prefix, strlen(prefix)) != 0) continue;
        fprintf(f, "%s%s %s %.1f %%", shown ? "," : "", shown && shown % 4 == 0 ? "\n   " : "", path + strlen(prefix),
                100.0 * r->kpis[i].value);
        shown++;
    }
    if (tw_report_value(r, "serving.saturated") == 1.0)
        fprintf(f, "\n  SATURATED: %s; latencies depend on the length of the run",
                tw_report_text(r, "serving.saturated_reason"));
    double breach = tw_report_value(r, "limits.highest_loading");
    if (breach > 1.0 + 1e-9)
        fprintf(f, "\n  a limit in force was exceeded: %.2f %% of it at the highest", 100.0 * breach);
    double fault = tw_report_value(r, "limits.highest_loading_in_fault");
    if (fault > 1.0 + 1e-9) fprintf(f, "\n  after a fault %.2f %% of a limit in force at the highest", 100.0 * fault);
    double compliance = tw_report_value(r, "power.target_compliance");
    if (isfinite(compliance)) fprintf(f, "\n  load targets were met in %.1f %% of their time", 100.0 * compliance);
    fprintf(f, "\n\n");
}

// Cost of a million tokens and what it is made of.
static void money(FILE *f, const TwReport *r, const char *path)
{
    static const struct {
        const char *name, *path;
    } shares[] = {{"racks", "cost.share_usd.it"},          {"facility", "cost.share_usd.facility"},
                  {"opex", "cost.share_usd.opex"},         {"energy", "cost.share_usd.energy"},
                  {"demand", "cost.share_usd.demand"},     {"water", "cost.share_usd.water"},
                  {"contract", "cost.share_usd.contract"}, {"curtailment pay", "cost.share_usd.curtail_pay"}};
    char note[160] = "";
    double total = tw_report_value(r, "cost.total_usd");
    for (size_t i = 0; i < sizeof shares / sizeof *shares && total > 0.0; i++) {
        double share = tw_report_value(r, shares[i].path) / total;
        if (fabs(share) < 5e-4) continue;
        size_t n = strlen(note);
        snprintf(note + n, sizeof note - n, "%s%s %.1f %%", n ? ", " : "", shares[i].name, 100.0 * share);
    }
    line(f, r, "cost", path, 1.0, "USD/M", note);
    if (total > 0.0) fprintf(f, "  %-26s %s\n", "  written off", tw_report_text(r, "cost.written_off"));
}

static void trained(FILE *f, const TwReport *r)
{
    fprintf(f, "tokens trained on\n");
    line(f, r, "tokens", "jobs.tokens", 1.0, "", "less those of steps that were lost");
    line(f, r, "goodput", "jobs.goodput", 100.0, "%", "of the jobs' time, in steps that stayed");
    money(f, r, "jobs.usd_per_million_tokens");
}

// Why there are no latencies: nothing that arrived behind the warm-up has ended.
static void unmeasured(FILE *f, const TwReport *r, const TwPlant *plant)
{
    double span_s = tw_report_value(r, "simulated_s"), warmup_s = plant->run.warmup_s;
    if (isfinite(tw_report_value(r, "latency.e2e_s.p50")) || !(tw_report_value(r, "requests.arrived") > 0.0)) return;
    if (warmup_s >= span_s)
        fprintf(
            f,
            "  no latencies, no goodput: the warm-up (run.warmup_min = %.4g) takes the whole run, and its tokens are "
            "those of\n  a factory that begins empty; a longer --for, or --set run.warmup_min=%.2g\n",
            warmup_s / 60.0, span_s / 300.0);
    else
        fprintf(
            f,
            "  no latencies, no goodput: no request that arrived behind the warm-up of %.4g min ended in the %.4g min "
            "of the run\n",
            warmup_s / 60.0, span_s / 60.0);
}

static void served(FILE *f, const TwReport *r, const TwPlant *plant)
{
    fprintf(f, "tokens and requests\n");
    line(f, r, "output", "tokens.output_per_s", 1.0, "tokens/s", "");
    line(f, r, "input", "tokens.input_per_s", 1.0, "tokens/s", "");
    if (tw_report_value(r, "serving.prefix_hit_share") > 0.0)
        line(f, r, "  found in caches", "serving.prefix_hit_share", 100.0, "%",
             "of prompt tokens looked up on the GPUs");
    line(f, r, "output per IT MW", "tokens.output_per_s_per_mw_it", 1.0, "tokens/s/MW", "racks at AC, fabric");
    line(f, r, "energy", "tokens.joules_per_output_token_utility", 1.0, "J/token", "utility energy per output token");
    money(f, r, "tokens.usd_per_million_output_tokens");
    line(f, r, "goodput", "requests.goodput_per_s", 1.0, "1/s", "requests within the service levels");
    if (tw_report_value(r, "requests.cut") > 0.0)
        line(f, r, "cut to the context", "requests.cut", 1.0, "", "requests, since the warm-up began");
    if (tw_report_value(r, "requests.sessions_lost") > 0.0)
        line(f, r, "sessions lost", "requests.sessions_lost", 1.0, "",
             "begun where a cell had no room for more of them");
    if (tw_report_value(r, "requests.trace_rows_dropped") > 0.0)
        line(f, r, "trace rows dropped", "requests.trace_rows_dropped", 1.0, "", "no tokens, or unreadable");
    quantiles(f, r, "time to first token", "ttft_s", 1e3, "ms");
    quantiles(f, r, "time per output token", "tpot_s", 1e3, "ms");
    quantiles(f, r, "gap between tokens", "itl_s", 1e3, "ms");
    quantiles(f, r, "end to end", "e2e_s", 1.0, "s");
    unmeasured(f, r, plant);
}

static void figures(FILE *f, const TwReport *r, const TwPlant *plant)
{
    if (plant->pool_count > 0)
        served(f, r, plant);
    else
        trained(f, r);
    fprintf(f, "\npower and cooling\n");
    char feeds[48] = "";
    int count = 0;
    for (int i = 0; i < plant->element_count; i++) count += strcmp(plant->elements[i].kind, "feed") == 0;
    if (count > 1) snprintf(feeds, sizeof feeds, "%d feeds together", count);
    line(f, r, "utility, mean", "power.utility_mw.mean", 1e3, "kW", feeds);
    line(f, r, "utility, peak", "power.utility_mw.peak", 1e3, "kW", "highest window");
    if (tw_report_value(r, "power.generation_mw.mean") > 0.0) {
        line(f, r, "  from the grid, mean", "power.grid_mw.mean", 1e3, "kW", "the feeds");
        line(f, r, "  from the grid, peak", "power.grid_mw.peak", 1e3, "kW", "highest window");
        line(f, r, "  generated, mean", "power.generation_mw.mean", 1e3, "kW", "on the site: part of utility");
    }
    line(f, r, "racks wanted, peak", "power.demand_mw.peak", 1e3, "kW",
         "at full clock, each replica in the heaviest step of its window");
    line(f, r, "least granted to a rack", "power.granted_rack_kw.min", 1.0, "kW", "");
    line(f, r, "PUE", "power.pue", 1.0, "", "utility, less what stores kept, over racks at AC and fabric");
    line(f, r, "WUE", "cooling.wue_l_per_kwh", 1.0, "L/kWh", "");
    line(f, r, "CUE", "carbon.cue_kg_per_kwh", 1.0, "kg/kWh", "");
    line(f, r, "hottest chip", "cooling.chip_degc.max", 1.0, "degC", "");
    line(f, r, "supply, highest", "cooling.supply_degc.max", 1.0, "degC", "");
    line(f, r, "throttled", "cooling.throttled_rack_hours", 1.0, "rack h", "below full clock by temperature");
    if (plant->pool_count > 0)
        line(f, r, "GPUs busy", "service.gpu_utilisation", 100.0, "%",
             "of installed GPU time, in an iteration of serving");
    if (tw_report_value(r, "jobs.gpu_share") > 0.0)
        line(f, r, "GPUs of jobs", "jobs.gpu_share", 100.0, "%", "of installed GPU time, held by jobs");
}

static void sheet(FILE *f, const TwReport *r)
{
    static const struct {
        const char *name, *path;
    } used[] = {
        {"accelerators", "power.gpu_mw.mean"},
        {"hosts in the racks", "power.host_mw.mean"},
        {"rack power shelves", "power.losses_mw.shelves"},
        {"fabric", "power.fabric_mw.mean"},
        {"cooling", "cooling.power_mw.mean"},
        {"electrical tree", "power.losses_mw.tree"},
        {"into stores", "power.storage_mw.mean"},    // the rest where there is any
        {"drawn from no element", "power.holdup_kwh"},
    };
    enum { ALWAYS = 6, HOLDUP = 7 };
    double hours = tw_report_value(r, "simulated_s") / 3600.0, total = tw_report_value(r, "power.utility_mw.mean");
    char text[WIDTH];
    fprintf(f, "\nbalance sheet                      kWh          share of electricity in\n");
    fprintf(f, "  %-26s %14s   100.0 %%\n", "electricity in", number(total * hours * 1e3, text));
    for (int i = 0; i < TW_COUNT(used); i++) {
        double kwh = tw_report_value(r, used[i].path) * (i == HOLDUP ? -1.0 : hours * 1e3);
        if (i >= ALWAYS && !(fabs(kwh) > 1e-9 * total * hours * 1e3)) continue;
        fprintf(f, "    %-24s %14s   %5.1f %%\n", kwh < 0.0 && i < HOLDUP ? "out of stores" : used[i].name,
                number(kwh, text), 100.0 * kwh / (total * hours * 1e3));
    }
    fprintf(f, "  residuals: electricity %.1e, heat %.1e (relative); requests %.0f, tokens %.0f: %s\n",
            tw_report_value(r, "ledger.electricity_residual"), tw_report_value(r, "ledger.heat_residual"),
            tw_report_value(r, "ledger.requests_residual"), tw_report_value(r, "ledger.tokens_residual"),
            tw_report_ok(r) ? "the books close" : "THE BOOKS DO NOT CLOSE");
    static const char *const ends[] = {"completed", "running", "waiting", "rejected", "lost"};
    fprintf(f, "  requests: %s arrived", count(tw_report_value(r, "requests.arrived"), text));
    for (int i = 0; i < TW_COUNT(ends); i++) {
        char path[64];
        snprintf(path, sizeof path, "requests.%s", ends[i]);
        fprintf(f, " %c %s %s", i ? '+' : '=', count(tw_report_value(r, path), text), ends[i]);
    }
    fputc('\n', f);
}

// What crossed the network, where anything did.
static void print_network(const TwReport *r, FILE *f)
{
    static const char *const names[] = {
        "kv", "weights_rack", "weights_replica", "weights_returned", "checkpoint_save", "checkpoint_restore"};
    static const char *const titles[] = {"KV between replicas", "weights of racks",  "weights, mended replicas",
                                         "weights, given back", "checkpoints saved", "checkpoints read"};
    bool begun = false;
    char path[80], text[WIDTH], lost[WIDTH];
    for (int k = 0; k < TW_COUNT(names); k++) {
        snprintf(path, sizeof path, "network.transfers.%s.delivered_bytes", names[k]);
        double there = tw_report_value(r, path);
        if (!(there > 0.0)) continue;
        if (!begun) fprintf(f, "\nnetwork                            GB there        GB lost\n");
        begun = true;
        snprintf(path, sizeof path, "network.transfers.%s.lost_bytes", names[k]);
        fprintf(f, "  %-26s %14s %14s\n", titles[k], number(1e-9 * there, text),
                number(1e-9 * tw_report_value(r, path), lost));
    }
    double least = tw_report_value(r, "network.throughput_fraction.min");
    if (least < 1.0) {
        if (!begun) fprintf(f, "\nnetwork\n");
        fprintf(f, "  of the fabric's throughput %.1f %% at least, %.1f %% on average; its slowest host %.1f %%\n",
                100.0 * least, 100.0 * tw_report_value(r, "network.throughput_fraction.mean"),
                100.0 * tw_report_value(r, "network.slowest_host_fraction.min"));
    }
    if (!begun) return;
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "network.links.%d.name", i);
        const char *name = tw_report_text(r, path);
        if (!*name) break;
        snprintf(path, sizeof path, "network.links.%d.most", i);
        double most = 100.0 * tw_report_value(r, path);
        snprintf(path, sizeof path, "network.links.%d.mean", i);
        fprintf(f, "  %-26s %6.1f %% of it used at most, %.1f %% on average\n", name, most,
                100.0 * tw_report_value(r, path));
    }
}

// Jobs beside serving, where there are any.
static void print_jobs(const TwReport *r, FILE *f)
{
    char text[32];
    double count = tw_report_value(r, "jobs.submitted");
    if (!isfinite(count)) return;
    fprintf(f, "\njobs\n  %.0f in all: %.0f done, %.0f running, %.0f waiting; %.0f failures, %.0f preemptions\n", count,
            tw_report_value(r, "jobs.done"), tw_report_value(r, "jobs.running"), tw_report_value(r, "jobs.queued"),
            tw_report_value(r, "jobs.failures"), tw_report_value(r, "jobs.preemptions"));
    if (tw_report_value(r, "jobs.gpus_held") > 0.0)
        fprintf(f, "  %.1f GPUs held on average, %.1f %% of their time in steps that stayed, %s tokens trained on\n",
                tw_report_value(r, "jobs.gpus_held"), 100.0 * tw_report_value(r, "jobs.goodput"),
                number(tw_report_value(r, "jobs.tokens"), text));
    double kwh = tw_report_value(r, "jobs.energy_j") / 3.6e6;
    if (kwh > 0.0)
        fprintf(f, "  %s kWh drawn by their GPUs: tokens per MW, energy and cost of a token above carry them too\n",
                number(kwh, text));
    if (tw_report_value(r, "jobs.gpus_lent") > 0.0)
        fprintf(f, "  %.1f GPUs lent by serving on average\n", tw_report_value(r, "jobs.gpus_lent"));
}

enum { TOLD = 60, CAUSES = 12 };

// How many causes stand above a happening.
static int depth_of(const TwReport *r, int i)
{
    int depth = 0;
    for (; r->events[i].cause >= 0; i = r->events[i].cause) depth++;
    return depth < 8 ? depth : 8;
}

static void story(FILE *f, const TwReport *r)
{
    if (r->event_count == 0) return;
    char text[WIDTH];
    fprintf(f, "\nwhat happened (time from the start; what follows from a cause is indented below it)\n");
    for (int i = 0; i < r->event_count && i < TOLD; i++) {
        const TwReportEvent *e = &r->events[i];
        int64_t ms = e->time_ns / 1000000;
        fprintf(f, "  %3d:%02d:%02d.%03d  %*s%s", (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
                (int)(ms % 1000), 2 * depth_of(r, i), "", e->text);
        if (e->rack_s > 0.0) fprintf(f, ": %s tokens lost", count(e->tokens_lost, text));
        if (e->requests > 0) fprintf(f, ", %lld requests lost", (long long)e->requests);
        fputc('\n', f);
    }
    if (r->event_count > TOLD)
        fprintf(f, "  and %d more (--json, or the group event of the file)\n", r->event_count - TOLD);
    if (r->event_overflow > 0)
        fprintf(f, "  the story is full: %lld later happenings are not told\n", (long long)r->event_overflow);

    // the causes that cost most
    bool *shown = calloc((size_t)r->event_count + 1, sizeof *shown);
    if (!shown) abort();
    bool headed = false;
    for (int k = 0; k < CAUSES; k++) {
        int worst = -1;
        TwReportCause most = {0}, cause;
        for (int i = 0; i < r->event_count; i++) {
            if (shown[i] || !tw_report_cause(r, i, &cause) || !(cause.rack_s > 0.0)) continue;
            if (worst >= 0 && cause.lost <= most.lost) continue;
            worst = i;
            most = cause;
        }
        if (worst < 0) break;
        shown[worst] = true;
        if (!headed)
            fprintf(f, "  tokens lost by cause\n  %14s %14s %14s %14s %11s  cause\n", "net", "not made", "made up",
                    "requests lost", "rack-hours");
        headed = true;
        fprintf(f, "  %14s", count(most.lost, text));
        fprintf(f, " %14s", count(most.not_made, text));
        fprintf(f, " %14s", count(most.made_up, text));
        fprintf(f, " %14lld", (long long)most.requests);
        fprintf(f, " %11s  %s\n", number(most.rack_s / 3600.0, text), r->events[worst].text);
    }
    free(shown);
    bool exactly = false;
    for (int i = 0; i < r->event_count; i++) {
        if (isnan(r->events[i].exact_lost)) continue;
        if (!exactly) fprintf(f, "  exactly, each against the run without it and what came later (output tokens)\n");
        exactly = true;
        fprintf(f, "  %14s", count(r->events[i].exact_lost, text));
        fprintf(f, "  %s\n", r->events[i].text);
    }
    double others = tw_report_value(r, "undisturbed.tokens_lost_to_others");
    if (isfinite(others)) fprintf(f, "  %14s  everything else\n", count(others, text));
    double exact = tw_report_value(r, "undisturbed.tokens_lost");
    if (isfinite(exact)) {
        double requests = tw_report_value(r, "undisturbed.requests_lost");
        fprintf(f, "  against the same span with nothing happening: %s output tokens %s,", count(fabs(exact), text),
                exact < 0.0 ? "more" : "less");
        fprintf(f, " %s requests %s\n", count(fabs(requests), text), requests < 0.0 ? "more" : "less");
    }
}

// What a site's part says of its numbers, without what a facility has in their place.
static void site_note(FILE *f, const TwPlant *plant, const TwNode *site)
{
    static const char *const carbon[] = {"carbon_g_kwh", "carbon_hours_g_kwh", "carbon_file"};
    bool own_carbon = false, first = true;
    for (int i = 0; i < TW_COUNT(carbon); i++) own_carbon |= tw_node_mark(site, carbon[i]) == TW_USER;
    for (const char *at = plant->site.note; *at;) {
        int length = (int)strcspn(at, ";");
        char phrase[256];
        snprintf(phrase, sizeof phrase, "%.*s", length, at);
        bool of_carbon = strstr(phrase, "carbon"), of_air = strstr(phrase, "climate") || strstr(phrase, "dew point");
        if (!(of_carbon && own_carbon) && !(of_air && !plant->weather->generated)) {
            fprintf(f, "%s%s", first ? "  site: " : "; ", phrase);
            first = false;
        }
        at += length;
        at += strspn(at, "; ");
    }
    if (!first) fputc('\n', f);
}

static void known(FILE *f, const TwReport *r, const TwPlant *plant)
{
    fprintf(f, "\nhow well it is known\n");
    fprintf(f, "  kernel time: %.0f %% measured here, %.0f %% published, %.0f %% transferred, %.0f %% assumed\n",
            100.0 * tw_report_value(r, "evidence.measured"), 100.0 * tw_report_value(r, "evidence.published"),
            100.0 * tw_report_value(r, "evidence.transferred"), 100.0 * tw_report_value(r, "evidence.assumed"));
    fprintf(f, "  settings: %.0f measured, %.0f vendor, %.0f derived, %.0f assumed, %.0f the user's\n",
            tw_report_value(r, "evidence.settings_measured"), tw_report_value(r, "evidence.settings_vendor"),
            tw_report_value(r, "evidence.settings_derived"), tw_report_value(r, "evidence.settings_assumed"),
            tw_report_value(r, "evidence.settings_user"));
    tw_pools_accuracy_print(plant, tw_report_value(r, "tokens.output_per_s_per_mw_utility"), f);
    const char *illustrative = tw_report_text(r, "evidence.illustrative");
    if (illustrative[0]) fprintf(f, "  power: %s\n", illustrative);
    const TwNode *site = tw_node_group(tw_config_root(plant->config), "site");
    if (tw_node_group(site, "design_day")) fprintf(f, "  weather: every day is the design day of the site\n");
    if (tw_node_group(site, "heat_wave")) fprintf(f, "  weather: with the heat wave of the site\n");
    if (plant->site.weather[0] && !tw_node_group(site, "design_day"))
        fprintf(f, "  weather: a year from %s (%s)\n", plant->site.weather, plant->weather->name);
    if (plant->weather->generated)
        fprintf(f, "  weather: generated from the climate of %s (docs/thermal.md says how well)\n",
                plant->weather->name);
    site_note(f, plant, site);
}

// Windows below a second, one line each way.
static void waves(FILE *f, const TwReport *r, const TwPlant *plant)
{
    for (int i = 0; i < plant->wave_count; i++) {
        char path[128];
        double value[10];
        static const char *const names[] = {
            "load_swing_1s_mw",  "pcc_swing_1s_mw",    "pcc_ramp_1s_mw_per_s", "pcc_line_mw",   "pcc_line_hz",
            "pcc_band_fraction", "smoothing_extra_mj", "longest_dead_s",       "dropped_racks", "pcc_mean_mw"};
        for (int k = 0; k < 10; k++) {
            snprintf(path, sizeof path, "waveforms.%.30s.%s", plant->waves[i].name, names[k]);
            value[k] = tw_report_value(r, path);
        }
        if (isnan(value[9])) continue;
        fprintf(f, "\nwaveform %s, %.4g s from %.6g s on, steps of %.4g ms\n", plant->waves[i].name,
                plant->waves[i].row.for_s, plant->waves[i].row.at_s, plant->waves[i].row.step_s * 1e3);
        fprintf(f, "  swing within 1 s: racks %.4g MW, grid connection %.4g MW of %.4g MW; ramp over 1 s %.4g MW/s\n",
                value[0], value[1], value[9], value[2]);
        fprintf(f, "  strongest line %.4g MW at %.4g Hz; %.3g %% of AC energy in the band; smoothing burnt %.4g MJ\n",
                value[3], value[4], 100.0 * value[5], value[6]);
        if (value[7] > 0.0)
            fprintf(f, "  longest dead time of a rack %.4g ms; %.0f racks did not ride through\n", 1e3 * value[7],
                    value[8]);
    }
}

void tw_report_print(const TwReport *report, const TwPlant *plant, FILE *stream)
{
    head(stream, report, plant);
    limits(stream, report, plant);
    figures(stream, report, plant);
    tw_card_print(report, plant, stream);
    waves(stream, report, plant);
    story(stream, report);
    sheet(stream, report);
    print_network(report, stream);
    print_jobs(report, stream);
    known(stream, report, plant);
}
