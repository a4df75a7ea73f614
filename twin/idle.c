#include "twin/idle.h"

#include "models/thermal/plant.h"
#include "twin/dispatch.h"

#include <math.h>
#include <string.h>

static bool is(const char *word, const char *kind) { return strcmp(word, kind) == 0; }

// --- electrical tree -------------------------------------------------------------------------------------------------

enum { UPS = 1, BESS = 2, STORE = UPS | BESS, CALLED = 4, LOCAL = 8 };

static void tell_element(const TwNode *node, const TwElementRow *row, TwErrors *errors)
{
    static const TwUse uses[] = {
        {"autonomy_s", UPS},          {"capacity_j", BESS},
        {"charge_fraction", STORE},   {"reserve_fraction", STORE},
        {"charge_w", STORE},          {"discharge_w", BESS},
        {"shave_w", STORE},           {"hold_fraction", STORE},
        {"grid_ramp_w_s", STORE},     {"mode", UPS},
        {"eco_loss_fraction", UPS},   {"walk_in_s", UPS},
        {"start_s", CALLED},          {"cool_s", CALLED},
        {"blocks", CALLED},           {"block_s", CALLED},
        {"tank_j", CALLED},           {"fuel_fraction", CALLED},
        {"forms_grid", LOCAL},        {"min_load_fraction", LOCAL},
        {"import_w", LOCAL},          {"run_above_usd_kwh", LOCAL},
        {"run_below_usd_kwh", LOCAL},
    };
    bool local = tw_dispatch_local(row);
    unsigned by = is(row->kind, "ups") ? UPS : is(row->kind, "bess") ? BESS : local ? LOCAL : 0;
    if (is(row->kind, "generator") && !local) by = CALLED;
    char what[80];
    snprintf(what, sizeof what, "for a %s%s", row->kind, local ? " below an element" : "");
    tw_node_idle(node, uses, TW_COUNT(uses), by, what, errors);

    static const TwUse of_law[] = {{"loss_a", 1}, {"loss_b", 1}, {"loss_c", 1}};
    tw_node_idle(node, of_law, TW_COUNT(of_law), !local, what, errors);
    static const TwUse of_switch[] = {{"transfer_s", 1}, {"inhibit_s", 1}};
    tw_node_idle(node, of_switch, TW_COUNT(of_switch), row->second[0] != 0, "without second", errors);
    static const TwUse of_curve[] = {{"trip_tms", 1},     {"pickup_w", 1}, {"trip_instant", 1}, {"trip_tau_s", 1},
                                     {"trip_reset_s", 1}, {"trip_m", 1},   {"trip_s", 1}};
    tw_node_idle(node, of_curve, TW_COUNT(of_curve), row->trip && !is(row->trip, "none"), "without trip", errors);
}

// --- heat rejection --------------------------------------------------------------------------------------------------

enum { DRY = 1, PADS = 2, TOWER = 4, YORK = 8, SEA = 16, CONDUCTANCE = 32 };

static void tell_plant(const TwNode *node, const TwPlantRow *row, TwErrors *errors)
{
    static const struct {
        const char *kind;
        unsigned by;
    } kinds[] = {{"dry_cooler", DRY},  {"adiabatic_cooler", PADS}, {"cooling_tower", TOWER},
                 {"york_tower", YORK}, {"sea_water", SEA},         {"conductance", CONDUCTANCE}};
    static const TwUse uses[] = {
        {"air_exponent", DRY | PADS},
        {"film_ratio", DRY | PADS},
        {"air_rise_k", DRY | PADS},
        {"air_degc", DRY | PADS},
        {"wet_bulb_degc", TOWER | YORK},
        {"air_flow_kg_s", TOWER | YORK},
        {"exchanger_ua_w_k", SEA | CONDUCTANCE},
        {"concentration_cycles", PADS | TOWER | YORK},
        {"drift_fraction", TOWER | YORK},
        {"pad_eta_fraction", PADS},
        {"wet_above_degc", PADS},
        {"basin_kg", PADS | TOWER | YORK},
        {"sea_mean_degc", SEA},
        {"sea_amplitude_k", SEA},
        {"sea_warmest_day", SEA},
    };
    unsigned by = 0;
    for (int k = 0; k < TW_COUNT(kinds); k++)
        if (is(row->kind, kinds[k].kind)) by = kinds[k].by;
    char what[80];
    snprintf(what, sizeof what, "for kind = \"%s\"", row->kind);
    tw_node_idle(node, uses, TW_COUNT(uses), by, what, errors);

    static const TwUse chiller[] = {{"chiller_eta_fraction", 1}, {"chiller_lift_k", 1},    {"chiller_cop_max", 1},
                                    {"chiller_condenser_k", 1},  {"chiller_restart_s", 1}, {"mode_s", 1}};
    tw_node_idle(node, chiller, TW_COUNT(chiller), row->chiller_w > 0.0, "without chiller_w", errors);
    static const TwUse export[] = {{"export_least_fraction", 1}, {"export_mild_degc", 1},   {"export_cold_degc", 1},
                                   {"export_supply_degc", 1},    {"export_return_degc", 1}, {"export_ua_w_k", 1},
                                   {"export_margin_k", 1},       {"export_eta_fraction", 1}};
    tw_node_idle(node, export, TW_COUNT(export), row->export_w > 0.0, "without export_w", errors);
    static const TwUse separator[] = {{"separator_flow_fraction", 1}};
    tw_node_idle(node, separator, 1, row->separator_ua_w_k > 0.0, "without separator_ua_w_k", errors);
    static const TwUse reset[] = {{"reset_s", 1}, {"reset_chip_k", 1}};
    tw_node_idle(node, reset, TW_COUNT(reset), row->reset_k > 0.0, "without reset_k", errors);
    static const TwUse mains[] = {{"main_diameter_m", 1}};
    tw_node_idle(node, mains, 1, row->main_length_m > 0.0, "without main_length_m", errors);
}

// --- tariff, capping -------------------------------------------------------------------------------------------------

static void tell_tariff(const TwNode *node, const TwTariffRow *row, TwErrors *errors)
{
    static const TwUse curtail[] = {{"curtail_below_usd_kwh", 1}, {"curtail_fraction", 1}, {"curtail_hold_s", 1}};
    tw_node_idle(node, curtail, TW_COUNT(curtail), isfinite(row->curtail_above_usd_kwh),
                 "without curtail_above_usd_kwh", errors);
    static const TwUse demand[] = {{"demand_period_s", 1}};
    tw_node_idle(node, demand, 1, row->demand_usd_kw > 0.0, "without demand_usd_kw", errors);
    static const TwUse contract[] = {{"minimum_take_fraction", 1}, {"excess_usd_kw", 1}};
    tw_node_idle(node, contract, TW_COUNT(contract), isfinite(row->contract_w), "without contract_w", errors);
    if (isfinite(row->contract_w) && !(row->minimum_take_fraction > 0.0) && !(row->excess_usd_kw > 0.0)) {
        static const TwUse alone[] = {{"contract_w", 1}};
        tw_node_idle(node, alone, 1, 0, "without minimum_take_fraction or excess_usd_kw", errors);
    }
}

static void tell_capping(const TwNode *node, const char *rule, TwErrors *errors)
{
    static const TwUse bands[] = {
        {"cap_fraction", 1}, {"target_fraction", 1}, {"uncap_fraction", 1},      {"meter_s", 1},
        {"delay_s", 1},      {"actuation_s", 1},     {"meter_error_fraction", 1}};
    char what[80];
    snprintf(what, sizeof what, "for rule = \"%s\", expected bands", rule);
    tw_node_idle(node, bands, TW_COUNT(bands), is(rule, "bands"), what, errors);
}

void tw_idle_settings(const TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *cooling = tw_node_group(root, "cooling");
    for (int i = 0; i < plant->element_count; i++) {
        char name[TW_NAME];
        tell_element(tw_node_entry(root, "power", i, name), &plant->elements[i], errors);
    }
    const TwNode *heat = cooling ? tw_node_group(cooling, "plant") : NULL;
    if (heat) {
        TwPlantRow row;
        tw_node_row(heat, &row);
        tell_plant(heat, &row, errors);
    }
    tell_tariff(tw_node_group(root, "tariff"), &plant->tariff, errors);
    tell_capping(tw_node_group(root, "capping"), plant->capping.rule, errors);
}
