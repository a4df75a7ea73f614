#include "twin/card.h"

#include "twin/accounts.h"

#include <string.h>

// The figures in the order of the card; boundary: what is divided by what.
static const struct {
    const char *name, *unit, *label, *boundary;
} figures[] = {
    {"kwh_per_token", "kWh", "energy of a token", "all electricity into the site / output tokens"},
    {"pue", "1", "PUE", "electricity into the site less what stores kept / (racks at AC + fabric)"},
    {"wue_l_per_kwh", "L/kWh", "WUE", "water evaporated and blown down / IT energy"},
    {"cue_kg_per_kwh", "kg/kWh", "CUE", "(hourly grid carbon x bought + generation's x made) / IT energy"},
    {"energy_mwh", "MWh", "energy", "all electricity into the site over the span, grid and generation"},
    {"cost_usd", "USD", "cost", "capital and all energy, water and upkeep over the life of the racks"},
};
enum { FIGURES = sizeof figures / sizeof *figures };

static bool card_of(const TwPlant *plant, TwCardRow *row)
{
    const TwNode *root = tw_config_root(plant->config);
    for (int i = 0; i < tw_node_entries(root, "published"); i++) {
        char name[TW_NAME];
        tw_node_row(tw_node_entry(root, "published", i, name), row);
        if (!row->rack[0] || strcmp(row->rack, plant->racks[0].part) == 0) return true;
    }
    return false;
}

bool tw_card_add(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    TwCardRow row;
    if (!card_of(plant, &row)) return false;
    double span_s = tw_state_time_s(state), life = plant->tariff.years * 8760.0 * 3600.0 / span_s;
    double capex = tw_report_value(report, "cost.capex_usd"), running = 0.0;
    static const char *const parts[] = {"opex", "energy", "demand", "water", "contract", "curtail_pay"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char path[80];
        snprintf(path, sizeof path, "cost.share_usd.%s", parts[i]);
        running += tw_report_value(report, path);
    }
    const double computed[FIGURES] = {
        tw_report_value(report, "tokens.joules_per_output_token_utility") / 3.6e6,
        tw_report_value(report, "power.pue"),
        tw_report_value(report, "cooling.wue_l_per_kwh"),
        tw_report_value(report, "carbon.cue_kg_per_kwh"),
        tw_report_value(report, "power.utility_mw.mean") * span_s / 3600.0,
        capex + running * life,
    };
    const double published[FIGURES] = {row.kwh_per_token,  row.pue,        row.wue_l_per_kwh,
                                       row.cue_kg_per_kwh, row.energy_mwh, row.cost_usd};
    tw_report_add_text(report, "card.rack", "racks of the card", plant->racks[0].part);
    tw_report_add_text(report, "card.source", "who published it", row.source);
    for (int i = 0; i < FIGURES; i++) {
        char path[80];
        snprintf(path, sizeof path, "card.%s.computed", figures[i].name);
        tw_report_add(report, path, figures[i].unit, figures[i].boundary, computed[i]);
        snprintf(path, sizeof path, "card.%s.published", figures[i].name);
        tw_report_add(report, path, figures[i].unit, "published constant", published[i]);
        snprintf(path, sizeof path, "card.%s.ratio", figures[i].name);
        tw_report_add(report, path, "1", "computed over published", computed[i] / published[i]);
    }
    return true;
}

static void number(double value, char text[32]) { snprintf(text, 32, "%.4g", value); }

typedef struct Part {
    const char *name, *path;
} Part;

static void parts_more(FILE *f, const TwReport *r, const Part *parts, int count, double scale)
{
    for (int i = 0; i < count; i++)
        fprintf(f, "%s %s %.4g", i ? "," : "", parts[i].name, tw_report_value(r, parts[i].path) * scale);
}

static void parts_line(FILE *f, const TwReport *r, const char *title, const Part *parts, int count, double scale)
{
    fprintf(f, "\n  %s", title);
    parts_more(f, r, parts, count, scale);
}

void tw_card_print(const TwReport *r, const TwPlant *plant, FILE *f)
{
    if (!tw_report_text(r, "card.rack")[0]) return;
    double hours = tw_report_value(r, "simulated_s") / 3600.0;
    fprintf(f, "\nKPI card of %s with %s, %.4g h from %s\n", plant->facility, tw_report_text(r, "card.rack"), hours,
            plant->start);
    fprintf(f, "  %-18s %12s %12s %9s  %s", "", "computed", "published", "ratio", "boundary of the computed figure");
    for (int i = 0; i < FIGURES; i++) {
        char path[80], ours[32], theirs[32], label[64];
        snprintf(path, sizeof path, "card.%s.computed", figures[i].name);
        number(tw_report_value(r, path), ours);
        snprintf(path, sizeof path, "card.%s.published", figures[i].name);
        number(tw_report_value(r, path), theirs);
        snprintf(path, sizeof path, "card.%s.ratio", figures[i].name);
        snprintf(label, sizeof label, "%s%s%s", figures[i].label, figures[i].unit[0] == '1' ? "" : ", ",
                 figures[i].unit[0] == '1' ? "" : figures[i].unit);
        fprintf(f, "\n  %-18s %12s %12s %9.3g  %s", label, ours, theirs, tw_report_value(r, path), figures[i].boundary);
    }
    static const Part energy[] = {
        {"accelerators", "power.gpu_mw.mean"},   {"hosts", "power.host_mw.mean"},
        {"shelves", "power.losses_mw.shelves"},  {"fabric", "power.fabric_mw.mean"},
        {"cooling", "cooling.power_mw.mean"},    {"electrical losses", "power.losses_mw.tree"},
        {"into stores", "power.storage_mw.mean"}};
    static const Part sources[] = {{"grid", "power.grid_mw.mean"},
                                   {"generation on the site", "power.generation_mw.mean"}};
    static const Part carbon[] = {{"grid", "carbon.grid_kg"}, {"generation on the site", "carbon.generation_kg"}};
    static const Part running[] = {{"upkeep", "cost.share_usd.opex"},
                                   {"energy", "cost.share_usd.energy"},
                                   {"demand", "cost.share_usd.demand"},
                                   {"water", "cost.share_usd.water"}};
    static const Part capital[] = {{"racks", "cost.capex_it_usd"}, {"site", "cost.capex_facility_usd"}};
    double it_mw = tw_report_value(r, "power.it_mw.mean");
    double life = plant->tariff.years * 8760.0 / hours;
    parts_line(f, r, "energy by source, MWh:", sources, TW_COUNT(sources), hours);
    parts_line(f, r, "energy by stage, MWh:", energy, TW_COUNT(energy), hours);
    fprintf(f, "\n  PUE: IT 1 + cooling %.3g + electrical losses %.3g",
            tw_report_value(r, "cooling.power_mw.mean") / it_mw, tw_report_value(r, "power.losses_mw.tree") / it_mw);
    fprintf(f, "\n  WUE: %.4g m3 of water over %.4g MWh of IT",
            tw_report_value(r, "cooling.wue_l_per_kwh") * it_mw * hours, it_mw * hours);
    parts_line(f, r, "CUE, t of CO2:", carbon, TW_COUNT(carbon), 1e-3);
    parts_line(f, r, "cost, bn USD:", capital, TW_COUNT(capital), 1e-9);
    fprintf(f, ", over %.4g years:", plant->tariff.years);
    parts_more(f, r, running, TW_COUNT(running), 1e-9 * life);
    fprintf(f, "\n  published by %s: no solver, period or boundary is stated\n", tw_report_text(r, "card.source"));
}
