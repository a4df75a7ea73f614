// The main view that was chosen: what it draws, what lies under the pointer, when it must be drawn again.
#include "viz/view.h"

#include <math.h>
#include <stdlib.h>

static void add(TwHits *hits, TwHit hit)
{
    if (hits->count == hits->room) {
        hits->room = hits->room ? 2 * hits->room : 256;
        hits->at = realloc(hits->at, (size_t)hits->room * sizeof *hits->at);
        if (!hits->at) abort();
    }
    hits->at[hits->count++] = hit;
}

void tw_hits_add(TwHits *hits, TwBox box, int thing) { add(hits, (TwHit){.box = box, .thing = thing}); }

void tw_hits_add_line(TwHits *hits, TwPoint a, TwPoint b, int thing)
{
    TwBox box = {fmin(a.x, b.x), fmin(a.y, b.y), fabs(b.x - a.x), fabs(b.y - a.y)};
    add(hits, (TwHit){.box = box, .thing = thing, .line = true, .from = a, .to = b});
}

static double away(const TwHit *hit, double x, double y)
{
    double dx = hit->to.x - hit->from.x, dy = hit->to.y - hit->from.y, length = dx * dx + dy * dy;
    double at = length > 0.0 ? ((x - hit->from.x) * dx + (y - hit->from.y) * dy) / length : 0.0;
    at = fmin(fmax(at, 0.0), 1.0);
    return hypot(x - hit->from.x - at * dx, y - hit->from.y - at * dy);
}

// the last box drawn there, or line near it; -1: nothing
static int hits_at(const TwHits *hits, double x, double y)
{
    double nearest = 6.0;
    int line = -1;
    for (int i = hits->count - 1; i >= 0; i--) {
        const TwHit *hit = &hits->at[i];
        TwBox b = hit->box;
        if (hit->line) {
            double far = away(hit, x, y);
            if (far < nearest) nearest = far, line = hit->thing;
        } else if (tw_box_has(b, x, y)) {
            return line >= 0 ? line : hit->thing;    // a line over the box was drawn later
        }
    }
    return line;
}

void tw_main_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box)
{
    view->hits.count = 0;
    switch (view->main) {
    case TW_MAIN_ONELINE:
        tw_oneline_draw(d, s, view, box);
        break;
    case TW_MAIN_COOLING:
        tw_cooling_draw(d, s, view, box);
        break;
    case TW_MAIN_NETWORK:
        tw_network_draw(d, s, view, box);
        break;
    case TW_MAIN_WORK:
        tw_work_draw(d, s, view, box);
        break;
    case TW_MAIN_SANKEY:
        tw_sankey_draw(d, s, view, box);
        break;
    default:
        tw_floor_draw(d, s, view, box);
        break;
    }
}

int tw_main_hit(const TwView *view, const TwScene *s, double x, double y)
{
    // on the floor plan what stands beside the racks, then the racks
    int thing = hits_at(&view->hits, x, y);
    if (thing < 0 && view->main == TW_MAIN_FLOOR) thing = tw_floor_hit(&view->plan, x, y);
    return thing < tw_scene_thing_count(s) ? thing : -1;
}
