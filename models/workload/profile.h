// Rate profiles: how the request rate goes through the day or the week, as hourly means of mean 1.
//
// Hour 0 begins at 00:00, of Monday where there are 168. `step` holds each hourly mean. `linear` is continuous, not
// negative, and keeps every hourly mean x_i: with edges e_i = min((x_(i-1) + x_i) / 2, 2 min(x_(i-1), x_i)) it runs
// from e_i to m_i = 2 x_i - (e_i + e_(i+1)) / 2 in the middle of hour i and on to e_(i+1). Left out: holidays, trends.
#pragma once

#include "sim/error.h"

enum { TW_PROFILE_HOURS = 168, TW_PROFILE_PIECES = 2 * TW_PROFILE_HOURS };    // pieces are half hours

typedef struct TwProfile {
    int hours, pieces;
    double period_s;
    double from[TW_PROFILE_PIECES], to[TW_PROFILE_PIECES];    // relative rate at both ends of a half hour
    double integral_s[TW_PROFILE_PIECES + 1];                 // of the rate from hour 0
} TwProfile;

// From 24 or 168 hourly means, none negative, not all zero; name is for the message.
bool tw_profile_make(TwProfile *profile, const char *name, const double *hourly, int hours, bool linear,
                     TwError *error);
// The shipped profile of that name (NULL or "": flat); the message gives the nearest one.
bool tw_profile_load(TwProfile *profile, const char *name, TwError *error);

double tw_profile_rate(const TwProfile *profile, double time_s);                        // periodic; at a step: after it
double tw_profile_integral(const TwProfile *profile, double from_s, double until_s);    // from_s <= until_s
