// A year of weather over a facility whose racks draw the same all the time: its cooling and its electrical tree go
// through every hour of it, without requests.
//
// Windows of a quarter of an hour: heat of racks, fabric and losses to the thermal model, pumps and fans from it to the
// tree, energy, price and carbon to the accounts, as `run` couples them (twin/couple.h). The watts given are those at
// the reference temperature of the chips; what leakage adds and throttling takes comes on top, up to a rack's rating,
// within which board limits and capping hold it in a run. The year begins with run.start, and may hold only some of its
// days, each behind a gap after some hours that settle the plant. Left out: requests, capping, events, leaves that hang
// on the feeds of their racks (all switches hang on the fabric's element).
#pragma once

#include "twin/accounts.h"

typedef struct TwYear {
    double utility_j, rack_j, fabric_j, cooling_j, loss_j, water_kg;
    double worst_w, worst_s;       // utility: highest mean of a window, and when, s of the year
    TwAir worst_air;               // then
    double feed_loading;           // of the fullest feed then, over its limit
    double chip_degc;              // hottest
    double throttled_fraction;     // of rack time, below 99.9 % of the clock
    double clock_fraction;         // mean over racks and time
    double clock_worst, slow_s;    // mean over racks in the slowest window, and when
    TwBill bill;
    double carbon_g;    // by location
} TwYear;

enum { TW_YEAR_DAYS = 365 };

// rack_w [rack]: of one rack, at its AC input. as_year: sums of the days wanted stand for the whole year, else for
// themselves and without a bill. False: numerical failure, or stop has become other than 0.
bool tw_year(const TwPlant *plant, const double *rack_w, const bool days[TW_YEAR_DAYS], bool as_year,
             const volatile int *stop, TwYear *year, TwError *error);

// The days of the most highest dry bulbs and of as many highest wet bulbs, counted from run.start.
void tw_year_hot_days(const TwPlant *plant, int most, bool days[TW_YEAR_DAYS]);
