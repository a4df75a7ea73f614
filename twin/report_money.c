// Tokens against power, what the span cost and what carbon it made, in a report.
#include "twin/report_parts.h"

#include "twin/accounts.h"

#include <math.h>

void tw_report_tokens(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    double time_s = tw_state_time_s(state), output = (double)t->output_tokens_done;
    double it_j = m->rack_j + m->fabric_j;
    tw_report_add(report, "tokens.output_per_s", "1/s", "output tokens", tw_over(output, time_s));
    tw_report_add(report, "tokens.input_per_s", "1/s", "input tokens", tw_over((double)t->input_tokens_done, time_s));
    tw_report_add(report, "tokens.output_per_s_per_mw_utility", "1/s/MW", "output tokens per MW of utility power",
                  tw_over(output, m->utility_j * 1e-6));
    tw_report_add(report, "tokens.output_per_s_per_mw_it", "1/s/MW", "output tokens per MW of IT power",
                  tw_over(output, it_j * 1e-6));
    tw_report_add(report, "tokens.output_per_s_per_gpu", "1/s", "output tokens per installed GPU",
                  tw_over(output, time_s * (double)plant->gpu_count));
    tw_report_add(report, "tokens.joules_per_output_token_utility", "J", "utility energy of an output token",
                  tw_over(m->utility_j, output));
}

// What the span cost, by share; and the same a year for each MW at three boundaries.
void tw_report_money(TwReport *report, const TwState *state, const TwWorkloadTotals *t)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    double span_s = tw_state_time_s(state), million = (double)t->output_tokens_done * 1e-6;
    const TwAccounts *a = tw_accounts(plant, tw_state_block(state));
    TwBill b = tw_accounts_bill(plant, tw_state_block(state), m->water_kg, span_s);
    tw_report_add(report, "tokens.usd_per_million_output_tokens", "USD", "cost of a million output tokens",
                  tw_usd_per_million(b.total_usd, (double)t->output_tokens_done));
    tw_report_add(report, "cost.energy_usd", "USD", "electricity of the span", b.energy_usd);
    tw_report_add(report, "cost.capex_usd", "USD", "invested", b.capex_it_usd + b.capex_facility_usd);
    tw_report_add(report, "cost.capex_it_usd", "USD", "of it racks with network and storage", b.capex_it_usd);
    tw_report_add(report, "cost.capex_facility_usd", "USD", "of it building, power and cooling", b.capex_facility_usd);
    tw_report_add(report, "cost.total_usd", "USD", "all of the span", b.total_usd);
    TwKpiRow shares[] = {
        {"it", "USD", "annuity of the racks", b.it_usd},
        {"facility", "USD", "annuity of building, power and cooling", b.facility_usd},
        {"opex", "USD", "staff, upkeep, insurance", b.opex_usd},
        {"energy", "USD", "electricity", b.energy_usd},
        {"demand", "USD", "demand charge", b.demand_usd},
        {"water", "USD", "water", b.water_usd},
        {"contract", "USD", "energy not taken and demand above the contract", b.shortfall_usd + b.excess_usd},
        {"curtail_pay", "USD", "pay for curtailment", -b.curtail_pay_usd}};
    enum { SHARES = sizeof shares / sizeof *shares };
    tw_report_add_rows(report, shares, SHARES, "cost.share_usd");
    for (int i = 0; i < SHARES; i++) shares[i].value = tw_over(shares[i].value, million);
    tw_report_add_rows(report, shares, SHARES, "cost.usd_per_million");
    TwKpiRow facility[] = {{"power", "USD", "annuity of switchgear, UPS, generators", b.power_usd},
                           {"cooling", "USD", "annuity of the cooling", b.cooling_usd},
                           {"shell", "USD", "annuity of shell and site", b.shell_usd}};
    tw_report_add_rows(report, facility, sizeof facility / sizeof *facility, "cost.facility_usd");
    char rule[256];
    tw_accounts_rule(&plant->tariff, rule);
    tw_report_add_text(report, "cost.written_off", "lives and interest of the annuities", rule);
    // capital a year for each MW that stands there
    double year_usd = b.total_usd * tw_over(8760.0 * 3600.0, span_s), it_w = tw_over(m->rack_j + m->fabric_j, span_s);
    double hall_w = it_w + tw_over(m->cooling_j, span_s);
    tw_report_add(report, "cost.usd_per_mw_year.utility", "USD", "a year for each MW at the utility",
                  tw_over(year_usd, tw_over(m->utility_j, span_s) * 1e-6));
    tw_report_add(report, "cost.usd_per_mw_year.hall", "USD", "a year for each MW of IT and cooling",
                  tw_over(year_usd, hall_w * 1e-6));
    tw_report_add(report, "cost.usd_per_mw_year.it", "USD", "a year for each MW of IT", tw_over(year_usd, it_w * 1e-6));
    tw_report_add(report, "cost.energy_usd_per_kwh", "USD/kWh", "mean price paid for electricity",
                  tw_over(b.energy_usd, m->utility_j / 3.6e6));
    tw_report_add(report, "cost.price_usd_per_kwh", "USD/kWh", "mean price over the span",
                  tw_over(a->price_sum, span_s));
    double peak_w = tw_demand_highest_w(&a->demand, plant->tariff.demand_window_s, span_s);
    tw_report_add(report, "cost.demand_mw", "MW", "highest mean of a demand window", peak_w * 1e-6);
    tw_report_add(report, "cost.curtailed_mwh", "MWh", "not drawn under targets, against the quarter of an hour before",
                  a->curtailed_j / 3.6e9);
    tw_report_add(report, "cost.curtailments", "", "times that the price asked for it", a->curtailments);
}

void tw_report_carbon(TwReport *report, const TwState *state)
{
    const TwMeters *m = tw_state_meters(state);
    const TwPlant *plant = tw_state_plant(state);
    const TwAccounts *a = tw_accounts(plant, tw_state_block(state));
    double span_s = tw_state_time_s(state), it_kwh = (m->rack_j + m->fabric_j) / 3.6e6;
    TwBill b = tw_accounts_bill(plant, tw_state_block(state), m->water_kg, span_s);
    tw_report_add(report, "carbon.cue_kg_per_kwh", "kg/kWh", "carbon of electricity per IT energy, by location",
                  tw_over(a->carbon_g * 1e-3, it_kwh));
    tw_report_add(report, "carbon.total_kg", "kg", "carbon of the span's electricity, by location", a->carbon_g * 1e-3);
    tw_report_add(report, "carbon.market_kg", "kg", "the same by contract", a->market_g * 1e-3);
    tw_report_add(report, "carbon.marginal_kg", "kg", "the same at the margin of the grid", a->marginal_g * 1e-3);
    tw_report_add(report, "carbon.embodied_kg", "kg", "of making the racks, their share of the span", b.embodied_kg);
    double made_kg =
        1e-3 * (a->solar_j * plant->site.solar_g_kwh + a->generated_j * plant->site.generation_g_kwh) / 3.6e6;
    tw_report_add(report, "carbon.grid_kg", "kg", "of it by what the grid gave", a->carbon_g * 1e-3 - made_kg);
    tw_report_add(report, "carbon.generation_kg", "kg", "of it by generation on the site", made_kg);
    tw_report_add(report, "carbon.intensity_g_per_kwh", "g/kWh", "mean of the grid over the span",
                  tw_over(a->carbon_sum, span_s));
    tw_report_add(report, "carbon.generation_share", "1", "of electricity from own turbines and generators",
                  tw_over(a->generated_j, m->utility_j));
    tw_report_add(report, "carbon.solar_share", "1", "of electricity from own solar power",
                  tw_over(a->solar_j, m->utility_j));
}
