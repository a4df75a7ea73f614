// Calendar of simulated time zero: which second of the year and of the week it is.
#pragma once

#include <stdbool.h>

typedef struct TwCalendar {
    double second_of_year;    // from 1 January 00:00
    double second_of_week;    // from Monday 00:00
} TwCalendar;

// Reads "YYYY-MM-DD HH:MM:SS" (proleptic Gregorian, 1600 to 9999). False: not such a text.
bool tw_calendar_read(const char *text, TwCalendar *calendar);

// "2026-07-01 14:30:00": a second of the year in that of another such text.
void tw_calendar_text(const char *year_of, double second_of_year, char text[32]);
