// A site of so many megawatts filled with the racks of a facility: how many fit, what they make, what a year of it
// takes and costs.
//
// The facility is a pattern: its racks are repeated (run.rack_scale; of one kind, fewer than it has may stand), and
// feeds, ratings and limits of its electrical tree grow with them; feeds share the site's megawatts as they share their
// limits. Four things are asked in turn:
//   1. how many racks stay within the feeds in every quarter of an hour of the hottest and most humid days of the
//      site's year with all racks at their rated power (twin/year.h);
//   2. how many requests a rack serves within the service levels, at that quarter of an hour, request by request:
//      the rate is doubled until it is too much, then halved in between;
//   3. how many racks stay within the feeds where each draws what that rate asks for;
//   4. what the chosen count makes in that quarter of an hour, coupled, and what its year takes.
// Left out: redundancy beyond that of the facility, racks of several kinds side by side, growth by steps, failures.
#pragma once

#include "twin/year.h"

typedef struct TwSiteInput {
    const char *path;
    const char *const *sets;    // "path=value"
    int set_count;
    double limit_w;    // of all feeds
    bool by_rating;    // racks for their rated power; else for the power that their load asks for
    double load;       // mean load of the year over the most that keeps the service levels, (0, 1]
    double trial_s;    // span of a run that tries a rate
    int every;         // one day in so many of the year, the rest as they are; 1: all
    double good;       // share of requests within the service levels that is asked for
    const volatile int *stop;
    void (*tell)(void *context, const char *what);    // what is being done; NULL: nobody asks
    void *context;
} TwSiteInput;

// A coupled run at one rate: means from the end of its warm-up.
typedef struct TwSitePoint {
    double rate_s, output_s, good_share, ttft_s, tpot_s, utility_w, rack_w, chip_degc;
    bool saturated, holds;
    char binding[64];      // what limits it
    double evidence[4];    // of step time: measured here, published, carried over, assumed
    // joules a token against published rows: median, and from where to where four in five are; rates of the chip
    double joules_error[3], rows_of_chip;
} TwSitePoint;

typedef struct TwSite {
    char name[TW_NAME], title[160], rack[TW_NAME], start[32];    // start: that of the worst quarter of an hour
    int64_t racks_rated, racks_load, racks;                      // chosen
    int64_t gpus;
    double rack_peak_w;
    double rate_rack_s;        // requests a second that a rack serves within the levels
    TwSitePoint full, over;    // the chosen site at its most; the lowest rate that was too much
    TwYear rated, year;        // racks at their rated power on its hottest days; all of it at the mean load
    double output_s;           // mean of the year
    double limit_w, ttft_slo_s, tpot_slo_s;
    char place[64], model[TW_NAME + 16], lengths[TW_NAME];    // weather; model and precision; requests
    char written_off[256];    // lives, interest and upkeep of its capital
    double own_usd_h;         // published cost of ownership of a GPU an hour; NaN: unknown
    char *facility;      // the chosen site as a facility file; free with tw_site_free
} TwSite;

// False: errors holds why.
bool tw_site(const TwSiteInput *input, TwSite *site, TwErrors *errors);
void tw_site_free(TwSite *site);
