// Money and carbon of a site: annuities, tariffs with hours and demand charges, contracts.
//
// Bill = sum(energy x price(t)) + sum over billing periods of the highest window mean x demand rate + what is paid for
// energy not taken + penalties - pay for curtailment. Annuity: capital recovery factor r (1 + r)^n / ((1 + r)^n - 1).
#pragma once

#include <stdbool.h>
#include <stdint.h>

double tw_carbon_kg(double energy_j, double g_kwh);                   // intensity in grams a kWh
double tw_usd_per_million(double usd, double tokens);                 // NaN: no tokens
double tw_lease_usd(double gpus, double usd_gpu_h, double span_s);    // rent of so many GPUs, busy or not

double tw_recovery(double interest, double years);    // share of the capital a year; interest 0: 1 / years

// Hours of a week with their price: from_h <= hour < until_h, days as bits (1 Monday ... 64 Sunday).
typedef struct TwPriceHours {
    double from_h, until_h;
    int days;
    double usd_kwh;
} TwPriceHours;

// Price of the hour at a time of the week; base where no row holds it.
double tw_price_at(const TwPriceHours *rows, int count, double base_usd_kwh, double second_of_week);
// First hour and day (0 Monday) that two rows both claim; false: none do.
bool tw_price_overlap(const TwPriceHours *rows, int count, int *day, double *hour, int *first, int *second);

// Demand: means over windows of window_s; the highest of each billing period is charged.
typedef struct TwDemand {
    double window_j;           // of the running window
    int64_t window, period;    // their numbers
    double peak_w;             // of the running period
    double charged_w;          // sum of the peaks of periods that ended
    double highest_w;          // of all
} TwDemand;
// Energy drawn evenly over a span: each window gets its part of it.
void tw_demand_add(TwDemand *demand, double energy_j, double from_s, double until_s, double window_s, double period_s);
// Sum of peaks with the running period counted in, and the highest of all, W, now_s from the start.
double tw_demand_sum_w(const TwDemand *demand, double window_s, double now_s);
double tw_demand_highest_w(const TwDemand *demand, double window_s, double now_s);
