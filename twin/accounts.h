// Money and carbon of a run: what is bought when, at which price, from which grid; and when it pays to draw less.
//
// Electricity comes from the feeds; what generators, turbines and the sun give on the site is not bought, it has a cost
// and carbon of its own (nothing is sold back). Price: a series, or the hours of the week, or one number. Carbon: a
// series, or the hours of the day, or one number; beside it what the contract says (market) and what one more kWh
// causes (marginal).
#pragma once

#include "twin/plant.h"

// Lies in the block.
typedef struct TwAccounts {
    double bought_j, solar_j, generated_j;
    double fuel_usd;    // of energy_usd: what generation on the site cost
    double energy_usd, carbon_g, market_g, marginal_g;
    double curtailed_j;    // not bought under load targets and curtailments, against the quarter of an hour before
    double baseline_w;     // mean bought of about the last quarter of an hour without a target
    double baseline_s;
    double price_sum, carbon_sum;    // over time, for the means of the span
    TwDemand demand;
    double curtail_since_s;    // of the state it is in
    int32_t curtailed, curtailments;
} TwAccounts;

bool tw_accounts_compile(TwPlant *plant, const char *facility_path, TwErrors *errors);
void tw_accounts_layout(TwPlant *plant, TwLayout *layout);
const TwAccounts *tw_accounts(const TwPlant *plant, const void *block);

double tw_accounts_price(const TwPlant *plant, double time_s);          // USD/kWh
double tw_accounts_solar_share(const TwPlant *plant, double time_s);    // of rated power that the sun gives

// Mean powers of a window: bought, from the sun, from generators and turbines.
typedef struct TwSupply {
    double bought_w, solar_w, generated_w;
} TwSupply;

// Books a window; under_target: some feed has a load target in force.
void tw_accounts_book(const TwPlant *plant, void *block, TwSupply supply, bool under_target, double from_s,
                      double until_s);

// Whether the price asks for a change at now_s: 1 curtail, -1 end, 0 neither.
int tw_accounts_signal(const TwPlant *plant, void *block, double now_s);

// What the span cost, and what it would cost a year.
typedef struct TwBill {
    double energy_usd, demand_usd, shortfall_usd, excess_usd, curtail_pay_usd, water_usd;
    double it_usd, facility_usd, opex_usd;       // annuities and running cost of the span
    double power_usd, cooling_usd, shell_usd;    // of facility_usd
    double capex_it_usd, capex_facility_usd;
    double embodied_kg;
    double total_usd;
} TwBill;
TwBill tw_accounts_bill(const TwPlant *plant, const void *block, double water_kg, double span_s);

// How capital is written off, in one line: "racks in 5 years, power in 25, ...".
void tw_accounts_rule(const TwTariffRow *tariff, char text[256]);
