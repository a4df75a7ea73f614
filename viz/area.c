// A stretch of the run: which part of it the timeline and the charts show, and what every series was over an area that
// was dragged across them.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

TwSpan tw_time_shown(const TwScene *s, const TwView *view)
{
    double span_s = s->span_s > 0.0 && isfinite(s->span_s) ? s->span_s : 1.0;
    if (!view || !(view->time.high > view->time.low)) return (TwSpan){0.0, span_s};
    TwSpan shown = {fmax(view->time.low, 0.0), fmin(view->time.high, span_s)};
    return shown.high > shown.low ? shown : (TwSpan){0.0, span_s};
}

void tw_time_zoom(const TwScene *s, TwView *view, double at_s, double factor)
{
    TwSpan now = tw_time_shown(s, view), all = tw_time_shown(s, NULL);
    double length = (now.high - now.low) / factor, least = fmin(10.0, all.high);
    if (length >= all.high) {
        view->time = (TwSpan){0.0, 0.0};
        return;
    }
    length = fmax(length, least);
    // what lies under the pointer stays there
    double share = fmin(fmax((at_s - now.low) / (now.high - now.low), 0.0), 1.0);
    double low = fmin(fmax(at_s - share * length, 0.0), all.high - length);
    view->time = (TwSpan){low, low + length};
}

TwArea tw_series_area(const TwSceneSeries *y, double t0, double t1)
{
    TwArea a = {NAN, INFINITY, -INFINITY, 0.0, 0.0};
    for (int i = 0; i < y->count; i++) {
        double first = y->count > 1 ? 2.0 * y->time_s[0] - y->time_s[1] : 0.0;
        double from = i > 0 ? y->time_s[i - 1] : fmax(first, 0.0), until = y->time_s[i];
        double part = fmin(until, t1) - fmax(from, t0), mean = (double)y->mean[i] * y->scale;
        if (!(part > 0.0) || !isfinite(mean)) continue;
        double low = (double)(y->min ? y->min : y->mean)[i] * y->scale;
        double high = (double)(y->max ? y->max : y->mean)[i] * y->scale;
        a.integral += mean * part;
        a.covered_s += part;
        a.min = fmin(a.min, fmin(low, high));
        a.max = fmax(a.max, fmax(low, high));
    }
    if (a.covered_s > 0.0)
        a.mean = a.integral / a.covered_s;
    else
        a.min = a.max = a.integral = NAN;
    return a;
}

// The integral in a unit that a person reads: kWh of kW, tokens of tokens/s; of others, the unit times hours.
const char *tw_integral_text(const TwSceneSeries *y, double integral, char text[64])
{
    char number[32];
    size_t length = strlen(y->unit);
    if (length > 2 && strcmp(y->unit + length - 2, "/s") == 0)
        snprintf(text, 64, "%s %.*s", tw_number_text(number, integral), (int)(length - 2), y->unit);
    else if (strcmp(y->unit, "kW") == 0 || strcmp(y->unit, "MW") == 0 || strcmp(y->unit, "W") == 0)
        snprintf(text, 64, "%s %sh", tw_number_text(number, integral / 3600.0), y->unit);
    else
        snprintf(text, 64, "%s %s h", tw_number_text(number, integral / 3600.0), tw_unit_text(y->unit));
    return text;
}

static const char *length_text(double seconds, char text[32])
{
    long s = lround(seconds);
    if (s >= 3600)
        snprintf(text, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        snprintf(text, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(text, 32, "%.3g s", seconds);
    return text;
}

void tw_area_draw(TwDraw *d, const TwScene *s, const TwView *view, TwBox box)
{
    const TwStyle *style = tw_draw_style(d);
    char text[128], when[48], until[48], length[32];
    double x = box.x + 18.0, w = box.w - 36.0, y = box.y + 24.0;
    tw_draw_text_cut(d, (TwPoint){x, y}, TW_LEFT, TW_HEADING, style->text, w,
                     length_text(view->area.high - view->area.low, length));
    tw_instant_text(when, s->start, view->area.low);
    tw_instant_text(until, s->start, view->area.high);
    snprintf(text, sizeof text, "%s to %s", when,
             strlen(until) > 11 && strncmp(when, until, 11) == 0 ? until + 11 : until);
    tw_draw_text_cut(d, (TwPoint){x, y += 18.0}, TW_LEFT, TW_SMALL, style->second, w, text);
    static const char *const names[] = {"mean", "least", "most", "integral"};
    double column = w / 4.0;
    y += 22.0;
    for (int k = 0; k < 4; k++)
        tw_draw_text(d, (TwPoint){x + column * (k + 1), y}, TW_RIGHT, TW_SMALL, style->second, names[k]);
    y += 6.0;
    for (int i = 0; i < s->series_count; i++) {
        const TwSceneSeries *series = &s->series[i];
        if (tw_series_is_code(series)) continue;
        if (y + 40.0 > box.y + box.h) break;
        TwArea a = tw_series_area(series, view->area.low, view->area.high);
        tw_draw_rect(d, (TwBox){x, y, w, 1.0}, style->grid);
        bool plain = !series->unit[0] || strcmp(series->unit, "1") == 0;
        snprintf(text, sizeof text, plain ? "%s" : "%s [%s]", series->label, tw_unit_text(series->unit));
        tw_draw_text_cut(d, (TwPoint){x, y + 15.0}, TW_LEFT, TW_SMALL, style->second, w, text);
        if (!(a.covered_s > 0.0)) {
            tw_draw_text(d, (TwPoint){x + w, y + 15.0}, TW_RIGHT, TW_SMALL, style->second, "nothing recorded here");
        } else {
            const double values[3] = {a.mean, a.min, a.max};
            char number[64];
            for (int k = 0; k < 3; k++)
                tw_draw_text_cut(d, (TwPoint){x + column * (k + 1), y + 31.0}, TW_RIGHT, TW_BODY, style->text,
                                 column - 4.0, tw_number_text(number, values[k]));
            tw_draw_text_cut(d, (TwPoint){x + w, y + 31.0}, TW_RIGHT, TW_SMALL, style->text, column - 2.0,
                             tw_integral_text(series, a.integral, number));
        }
        y += 40.0;
    }
}
