#include "viz/fabric.h"

#include "viz/view.h"

#include <math.h>

enum { DRAWN = 96 };    // boxes of a tier; more are shown by the mean of neighbours

typedef struct Row {
    TwBox box[DRAWN];
    double share[DRAWN];
    int count, of[DRAWN];    // the first switch that a box stands for
} Row;

static void make_row(const TwFabricTier *tier, TwBox room, double y, double h, Row *row)
{
    row->count = tier->count < DRAWN ? tier->count : DRAWN;
    double step = room.w / row->count, gap = fmin(4.0, 0.2 * step);
    for (int i = 0; i < row->count; i++) {
        int from = (int)((int64_t)i * tier->count / row->count),
            until = (int)((int64_t)(i + 1) * tier->count / row->count);
        double sum = 0.0;
        int live = 0;
        for (int k = from; k < until; k++)
            if (!isnan(tier->share[k])) sum += tier->share[k], live++;
        // a box that hides a lost switch among others still shows it
        row->share[i] = live == until - from ? sum / live : NAN;
        row->of[i] = from;
        row->box[i] = (TwBox){room.x + i * step + 0.5 * gap, y, step - gap, h};
    }
}

static TwColour of_share(const TwStyle *style, double share)
{
    return isnan(share) ? style->status[TW_LOST] : tw_map_colour(TW_CIVIDIS, share);
}

static void join(TwDraw *d, const TwFabricPicture *p, int tier, const Row *low, const Row *high)
{
    const TwStyle *style = tw_draw_style(d);
    bool pods = p->groups[tier] == p->groups[tier + 1] && p->groups[tier] > 1;
    int width = pods ? (p->tiers[tier].count + p->groups[tier] - 1) / p->groups[tier] : 0;
    int above = pods ? (p->tiers[tier + 1].count + p->groups[tier] - 1) / p->groups[tier] : 0;
    int most = tier == 0 ? 1 : 12;    // lines from a box: a fan, not a carpet
    for (int i = 0; i < low->count; i++)
        for (int k = 0; k < high->count; k++) {
            if (pods && low->of[i] / width != high->of[k] / above) continue;
            if (tier == 0 && (int64_t)i * high->count / low->count != k) continue;
            if (tier > 0 && high->count > most && (k + i) % (high->count / most) != 0) continue;
            bool lost = isnan(low->share[i]) || isnan(high->share[k]);
            double share = lost ? 0.0 : fmin(low->share[i], high->share[k]);
            TwPoint line[2] = {{low->box[i].x + 0.5 * low->box[i].w, low->box[i].y},
                               {high->box[k].x + 0.5 * high->box[k].w, high->box[k].y + high->box[k].h}};
            TwColour colour = tw_faded(lost ? style->status[TW_LOST] : of_share(style, share), lost ? 0.25 : 0.35);
            tw_draw_line(d, line, 2, (TwStroke){colour, 0.8, lost ? 3.0 : 0.0});
        }
}

// Cables as they are; between two of one tier a bow below them.
static void join_cables(TwDraw *d, const TwFabricPicture *p, const Row *rows)
{
    const TwStyle *style = tw_draw_style(d);
    for (int i = 0; i < p->cable_count; i++) {
        const TwFabricCable *c = &p->cables[i];
        TwBox box[2];
        for (int k = 0; k < 2; k++) {
            const Row *row = &rows[c->tier[k]];
            box[k] = row->box[(int64_t)c->at[k] * row->count / p->tiers[c->tier[k]].count];
        }
        int low = c->tier[0] <= c->tier[1] ? 0 : 1;
        bool level = c->tier[0] == c->tier[1];
        TwPoint a = {box[low].x + 0.5 * box[low].w, box[low].y + (level ? box[low].h : 0.0)};
        TwPoint b = {box[1 - low].x + 0.5 * box[1 - low].w, box[1 - low].y + box[1 - low].h};
        TwPoint line[3] = {a, {0.5 * (a.x + b.x), a.y + 30.0}, b};
        if (!level) line[1] = b;
        bool lost = isnan(c->share);
        TwColour colour = tw_faded(of_share(style, lost ? NAN : fmin(c->share, 1.0)), 0.8);
        tw_draw_line(d, line, level ? 3 : 2, (TwStroke){colour, 1.4, lost ? 3.0 : 0.0});
    }
}

static void paint(void *context, TwDraw *d, double width, double height)
{
    const TwFabricPicture *p = context;
    const TwStyle *style = tw_draw_style(d);
    tw_draw_text_cut(d, (TwPoint){24.0, 36.0}, TW_LEFT, TW_BIG, style->text, width - 48.0, p->title);
    tw_draw_text_cut(d, (TwPoint){24.0, 58.0}, TW_LEFT, TW_BODY, style->second, width - 48.0, p->subtitle);
    double foot = 24.0 + 18.0 * ((p->line_count + 1) / 2);
    TwBox room = {24.0, 84.0, width - 48.0, height - 84.0 - foot - 44.0};
    Row rows[TW_FABRIC_TIERS];
    double h = 26.0, step = p->tier_count > 1 ? (room.h - h) / (p->tier_count - 1) : 0.0;
    for (int t = 0; t < p->tier_count; t++) make_row(&p->tiers[t], room, room.y + room.h - h - t * step, h, &rows[t]);
    if (p->cables) join_cables(d, p, rows);
    for (int t = 0; t + 1 < p->tier_count && !p->cables; t++) join(d, p, t, &rows[t], &rows[t + 1]);
    for (int t = 0; t < p->tier_count; t++) {
        for (int i = 0; i < rows[t].count; i++) {
            tw_draw_rect(d, rows[t].box[i], of_share(style, rows[t].share[i]));
            if (isnan(rows[t].share[i])) tw_draw_hatch(d, rows[t].box[i], style->text);
        }
        tw_draw_text(d, (TwPoint){room.x, rows[t].box[0].y - 6.0}, TW_LEFT, TW_BODY_BOLD, style->text,
                     p->tiers[t].name);
    }
    // the scale
    double y = room.y + room.h + 16.0, x = room.x;
    x += tw_draw_text(d, (TwPoint){x, y + 11.0}, TW_LEFT, TW_SMALL, style->second, "links: empty") + 8.0;
    for (int i = 0; i < 60; i++) tw_draw_rect(d, (TwBox){x + 2.0 * i, y, 2.0, 12.0}, of_share(style, i / 59.0));
    x += 128.0;
    x += tw_draw_text(d, (TwPoint){x, y + 11.0}, TW_LEFT, TW_SMALL, style->second, "full") + 24.0;
    tw_draw_rect(d, (TwBox){x, y, 18.0, 12.0}, style->status[TW_LOST]);
    tw_draw_hatch(d, (TwBox){x, y, 18.0, 12.0}, style->text);
    tw_draw_text(d, (TwPoint){x + 26.0, y + 11.0}, TW_LEFT, TW_SMALL, style->second, "out of service");
    for (int i = 0; i < p->line_count; i++) {
        TwPoint at = {24.0 + (i % 2) * 0.5 * width, height - foot + 18.0 * (i / 2) + 10.0};
        tw_draw_text_cut(d, at, TW_LEFT, TW_BODY, style->text, 0.5 * width - 40.0, p->lines[i]);
    }
}

bool tw_fabric_save(const TwFabricPicture *picture, int width, int height, TwTheme theme, const char *path,
                    TwError *error)
{
    return tw_picture_paint(paint, (void *)picture, width, height, theme, path, error);
}
