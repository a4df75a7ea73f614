// The main view that was chosen: what it draws, what lies under the pointer, when it must be drawn again.
#include "viz/view.h"

#include <stdlib.h>

void tw_hits_clear(TwHits *hits) { hits->count = 0; }

void tw_hits_add(TwHits *hits, TwBox box, int thing)
{
    if (hits->count == hits->room) {
        hits->room = hits->room ? 2 * hits->room : 256;
        hits->at = realloc(hits->at, (size_t)hits->room * sizeof *hits->at);
        if (!hits->at) abort();
    }
    hits->at[hits->count++] = (TwHit){box, thing};
}

int tw_hits_at(const TwHits *hits, double x, double y)
{
    for (int i = hits->count - 1; i >= 0; i--) {
        TwBox b = hits->at[i].box;
        if (x >= b.x && x < b.x + b.w && y >= b.y && y < b.y + b.h) return hits->at[i].thing;
    }
    return -1;
}

void tw_main_draw(TwDraw *d, const TwScene *s, TwView *view, TwBox box)
{
    tw_hits_clear(&view->hits);
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
    int thing = tw_hits_at(&view->hits, x, y);
    if (thing < 0 && view->main == TW_MAIN_FLOOR) thing = tw_floor_hit(&view->plan, x, y);
    return thing < tw_scene_thing_count(s) ? thing : -1;
}
