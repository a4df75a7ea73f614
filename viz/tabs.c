// The main views by name above the one that is shown, each with how much of what it shows is abnormal.
#include "viz/view.h"

#include <math.h>
#include <stdio.h>

static const char *const names[TW_MAIN_VIEWS] = {
    [TW_MAIN_FLOOR] = "Floor plan", [TW_MAIN_ONELINE] = "One-line", [TW_MAIN_COOLING] = "Cooling",
    [TW_MAIN_NETWORK] = "Network",  [TW_MAIN_WORK] = "Workload",    [TW_MAIN_SANKEY] = "Sankey",
    [TW_MAIN_STUDY] = "Study"};

// How a tab is written: the narrower, the less.
typedef struct Style {
    TwFont font;
    double pad;
    bool digit;
} Style;

// Triangles with how many alarms and cautions a view shows, each in its colour; nothing where there are none. Returns
// the width, 0 without any.
static double badges(TwDraw *d, const TwAbnormals *list, int view, const TwPoint *at)
{
    const TwStyle *style = tw_draw_style(d);
    double w = 0.0;
    for (int alarm = 1; alarm >= 0; alarm--) {
        int count = alarm ? list->alarms_of[view] : list->cautions_of[view];
        char text[32];
        if (count == 0) continue;
        snprintf(text, sizeof text, "\xe2\x96\xb2%d", count);
        w += w > 0.0 ? 4.0 : 6.0;
        if (at)
            tw_draw_text(d, (TwPoint){at->x + w, at->y}, TW_LEFT, TW_SMALL,
                         style->status[alarm ? TW_ALARM : TW_CAUTION], text);
        w += tw_text_width(d, TW_SMALL, text);
    }
    return w;
}

static double width_of(TwDraw *d, const TwAbnormals *list, int view, Style style)
{
    double w = 2.0 * style.pad + tw_text_width(d, style.font, names[view]) + badges(d, list, view, NULL);
    return style.digit ? w + tw_text_width(d, TW_SMALL, "0") + 6.0 : w;
}

double tw_tabs_draw(TwDraw *d, const TwView *view, const TwAbnormals *list, TwBox box, TwBox tabs[TW_MAIN_VIEWS])
{
    static const Style styles[] = {{TW_BODY, 12.0, true}, {TW_BODY, 8.0, false}, {TW_SMALL, 5.0, false}};
    const TwStyle *style = tw_draw_style(d);
    tw_draw_rect(d, box, style->panel);
    tw_draw_rect(d, (TwBox){box.x, box.y + box.h - 1.0, box.w, 1.0}, style->grid);
    int last = view->has_study ? TW_MAIN_STUDY : TW_MAIN_SANKEY, which = 0;
    for (; which < 2; which++) {
        double all = 8.0;
        for (int v = TW_MAIN_FLOOR; v <= last; v++) all += width_of(d, list, v, styles[which]);
        if (all <= box.w) break;
    }
    double x = box.x + 4.0;
    for (int v = 0; v < TW_MAIN_VIEWS; v++) tabs[v] = (TwBox){0};
    for (int v = TW_MAIN_FLOOR; v <= last; v++) {
        Style how = styles[which];
        double w = width_of(d, list, v, how), at = x + how.pad, y = box.y + floor(box.h / 2.0) + 4.0;
        bool shown = v == (int)view->main || (v == TW_MAIN_FLOOR && view->main == 0);
        char text[32];
        tabs[v] = (TwBox){x, box.y, w, box.h};
        if (shown) tw_draw_rect(d, (TwBox){x, box.y + box.h - 3.0, w, 3.0}, style->accent);
        if (how.digit) {
            snprintf(text, sizeof text, "%d", v);
            at += tw_draw_text(d, (TwPoint){at, y}, TW_LEFT, TW_SMALL, style->second, text) + 6.0;
        }
        at += tw_draw_text(d, (TwPoint){at, y}, TW_LEFT, how.font, shown ? style->text : style->second, names[v]);
        badges(d, list, v, &(TwPoint){at, y});
        x += w;
    }
    return x;
}
