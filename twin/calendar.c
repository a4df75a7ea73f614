#include "twin/calendar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

bool tw_calendar_read(const char *text, TwCalendar *calendar)
{
    static const int lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second, used = 0;
    if (strlen(text) != strlen("YYYY-MM-DD HH:MM:SS")) return false;
    if (sscanf(text, "%4d-%2d-%2d %2d:%2d:%2d%n", &year, &month, &day, &hour, &minute, &second, &used) != 6 ||
        text[used])
        return false;
    if (year < 1600 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        second < 0 || second > 59)
        return false;
    if (day > lengths[month - 1] + (month == 2 && leap(year))) return false;

    int day_of_year = day - 1;
    for (int m = 1; m < month; m++) day_of_year += lengths[m - 1] + (m == 2 && leap(year));
    // days since 1600-01-01, a Saturday
    int past = year - 1600;
    int days = past * 365 + (past + 3) / 4 - (past + 99) / 100 + (past + 399) / 400 + day_of_year;
    int weekday = (days + 5) % 7;    // 0 Monday
    double of_day = hour * 3600.0 + minute * 60.0 + second;
    calendar->second_of_year = day_of_year * 86400.0 + of_day;
    calendar->second_of_week = weekday * 86400.0 + of_day;
    return true;
}

void tw_calendar_text(const char *year_of, double second_of_year, char text[32])
{
    int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}, year = 1;
    sscanf(year_of, "%4d", &year);
    days[1] += leap(year);
    int day = (int)(second_of_year / 86400.0), month = 0, second = (int)fmod(second_of_year, 86400.0);
    while (month < 11 && day >= days[month]) day -= days[month++];
    snprintf(text, 32, "%.4s-%02u-%02u %02u:%02u:%02u", year_of, (unsigned)(month + 1) % 100, (unsigned)(day + 1) % 100,
             (unsigned)(second / 3600) % 100, (unsigned)(second / 60) % 60, (unsigned)second % 60);
}
