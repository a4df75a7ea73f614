#include "tests/check.h"
#include "twin/calendar.h"

static void known_days(void)
{
    TwCalendar c;
    CHECK(tw_calendar_read("2026-07-01 00:00:00", &c));    // a Wednesday
    CHECK(c.second_of_year == 181 * 86400.0);
    CHECK(c.second_of_week == 2 * 86400.0);
    CHECK(tw_calendar_read("2000-02-29 12:30:15", &c));    // a Tuesday in a leap century
    CHECK(c.second_of_year == 59 * 86400.0 + 45015.0);
    CHECK(c.second_of_week == 86400.0 + 45015.0);
    CHECK(tw_calendar_read("1600-01-01 00:00:00", &c));    // a Saturday
    CHECK(c.second_of_week == 5 * 86400.0);
}

static void other_texts_are_refused(void)
{
    static const char *const bad[] = {"  2026-07-01 00:00:00",
                                      "",
                                      "2026-13-01 00:00:00",
                                      "2026-02-29 00:00:00",
                                      "2026-07-01",
                                      "1900-02-29 00:00:00",
                                      "2026-07-01 24:00:00",
                                      "2026-07-01 00:00:00Z",
                                      "tomorrow"};
    TwCalendar c;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) CHECK(!tw_calendar_read(bad[i], &c));
}

// a time of the year, written in any year's calendar, reads back as the same time
static void texts_read_back(void)
{
    static const char *const years[] = {"2026-07-01 00:00:00", "2028-01-01 00:00:00", "1900-06-01 00:00:00"};
    for (size_t y = 0; y < sizeof years / sizeof *years; y++)
        for (int hour = 0; hour < 8760; hour += 5) {
            char text[32];
            TwCalendar c;
            tw_calendar_text(years[y], hour * 3600.0, text);
            CHECK(tw_calendar_read(text, &c) && c.second_of_year == hour * 3600.0);
        }
}

int main(void)
{
    known_days();
    texts_read_back();
    other_texts_are_refused();
    return check_failures != 0;
}
