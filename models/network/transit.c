#include "models/network/transit.h"

#include "sim/arena.h"
#include "sim/share.h"

#include <assert.h>
#include <math.h>
#include <string.h>

typedef struct Head {
    int32_t count, unused;
    TwTransitCount kind[TW_TRANSIT_KINDS];
    double seconds;
} Head;

static const double nanosecond = 1e-9;

void tw_transit_layout(TwTransit *t, const TwTransitSpec *spec, TwLayout *layout)
{
    *t = (TwTransit){.spec = *spec};
    size_t links = (size_t)spec->link_count + 1;
    t->head = tw_layout_add(layout, 1, sizeof(Head));
    t->flow = tw_layout_add(layout, (size_t)spec->flow_max + 1, sizeof(TwTransitFlow));
    t->capacity = tw_layout_add(layout, links, sizeof(double));
    t->fore = tw_layout_add(layout, links, sizeof(double));
    t->steps = tw_layout_add(layout, links, sizeof(double));
    t->many = tw_layout_add(layout, links, sizeof(double));
    t->bulk = tw_layout_add(layout, links, sizeof(double));
    t->sum = tw_layout_add(layout, links, sizeof(double));
    t->peak = tw_layout_add(layout, links, sizeof(double));
}

void tw_transit_scratch(const TwTransit *t, TwArena *arena, TwTransitScratch *s)
{
    // beside the transfers, one flow for the short ones of each link
    int links = t->spec.link_count, flows = t->spec.flow_max + links + 1, ways = t->spec.way_max + links + 1;
    *s = (TwTransitScratch){
        .start = TW_TAKE(arena, flows + 1, int),
        .link = TW_TAKE(arena, ways, int),
        .first = TW_TAKE(arena, links + 1, int),
        .next = TW_TAKE(arena, ways, int),
        .held = TW_TAKE(arena, flows, int),
        .use = TW_TAKE(arena, ways, double),
        .bound = TW_TAKE(arena, flows, double),
        .rate = TW_TAKE(arena, flows, double),
        .penalty = TW_TAKE(arena, flows, double),
        .share = tw_arena_take(arena, tw_share_scratch(flows, links, ways), 1),
    };
    for (int l = 0; l <= links; l++) s->first[l] = -1;
}

static Head *head_of(const TwTransit *t, void *block) { return tw_at(block, t->head); }
static const Head *head_const(const TwTransit *t, const void *block) { return tw_at_const(block, t->head); }
static TwTransitFlow *flows_of(const TwTransit *t, void *block) { return tw_at(block, t->flow); }
static const TwTransitFlow *flows_const(const TwTransit *t, const void *block) { return tw_at_const(block, t->flow); }

double *tw_transit_capacity(const TwTransit *t, void *block) { return tw_f64(block, t->capacity); }
double *tw_transit_fore(const TwTransit *t, void *block) { return tw_f64(block, t->fore); }
double *tw_transit_steps(const TwTransit *t, void *block) { return tw_f64(block, t->steps); }
double *tw_transit_many(const TwTransit *t, void *block) { return tw_f64(block, t->many); }
int tw_transit_under_way(const TwTransit *t, const void *block) { return head_const(t, block)->count; }

void tw_transit_start(const TwTransit *t, void *block)
{
    memcpy(tw_transit_capacity(t, block), t->spec.capacity_bytes_s,
           (size_t)t->spec.link_count * sizeof *t->spec.capacity_bytes_s);
}

bool tw_transit_add(const TwTransit *t, void *block, int kind, int target, double bytes, double bound)
{
    Head *h = head_of(t, block);
    assert(kind >= 0 && kind < TW_TRANSIT_KINDS && bytes >= 0.0 && bound > 0.0 && isfinite(bound));
    if (h->count == t->spec.flow_max) return false;
    flows_of(t, block)[h->count++] =
        (TwTransitFlow){.asked = bytes, .left = bytes, .bound = bound, .kind = kind, .target = target};
    h->kind[kind].asked += bytes;
    h->kind[kind].started++;
    return true;
}

int tw_transit_cut(const TwTransit *t, void *block, int kind, int target)
{
    Head *h = head_of(t, block);
    TwTransitFlow *flow = flows_of(t, block);
    int kept = 0;
    for (int i = 0; i < h->count; i++) {
        if (flow[i].kind == kind && flow[i].target == target) {
            h->kind[kind].lost += flow[i].left;
            h->kind[kind].cut++;
        } else {
            flow[kept++] = flow[i];
        }
    }
    int cut = h->count - kept;
    h->count = kept;
    return cut;
}

static const TwTransitFlow *find(const TwTransit *t, const void *block, int kind, int target)
{
    const TwTransitFlow *flow = flows_const(t, block);
    for (int i = 0; i < head_const(t, block)->count; i++)
        if (flow[i].kind == kind && flow[i].target == target) return &flow[i];
    return NULL;
}

double tw_transit_left(const TwTransit *t, const void *block, int kind, int target)
{
    const TwTransitFlow *flow = find(t, block, kind, target);
    return flow ? flow->left : 0.0;
}

double tw_transit_rate(const TwTransit *t, const void *block, int kind, int target)
{
    const TwTransitFlow *flow = find(t, block, kind, target);
    return flow ? flow->rate : 0.0;
}

// Crossings of links that can bind, from `count` on; -1: one of them is down.
static int crossings(const double *capacity, int *link, double *use, int count)
{
    int kept = 0;
    for (int c = 0; c < count; c++) {
        if (capacity[link[c]] <= 0.0) return -1;
        if (!isfinite(capacity[link[c]]) || use[c] <= 0.0) continue;
        link[kept] = link[c];
        use[kept++] = use[c];
    }
    return kept;
}

// How many senders the short transfers of a link are, those of one's own left out.
static double senders(const TwTransit *t, const void *block, int link, double own, double groups)
{
    double fore = tw_f64_const(block, t->fore)[link], rest = fore - tw_f64_const(block, t->steps)[link];
    double many = fmax(tw_f64_const(block, t->many)[link] - groups, 0.0);
    bool mine = groups == 0.0 && own >= rest * (1.0 - 1e-9);
    if (rest > 1e-9 * fore && !mine) many += 1.0;
    return fmax(many, 1.0);
}

void tw_transit_solve(const TwTransit *t, void *block, TwTransitScratch *s, const TwTransitWay *way)
{
    Head *h = head_of(t, block);
    TwTransitFlow *flow = flows_of(t, block);
    const double *capacity = tw_f64_const(block, t->capacity), *fore = tw_f64_const(block, t->fore);
    int links = t->spec.link_count, count = 0, at = 0;
    // those that stand still are left out: their bound says so afterwards
    s->start[0] = 0;
    for (int i = 0; i < h->count; i++) {
        int n = way->way(way->context, block, &flow[i], s->link + at, s->use + at, t->spec.way_max - at);
        if (n > 0) n = crossings(capacity, s->link + at, s->use + at, n);
        flow[i].rate = n < 0 ? 0.0 : -1.0;
        if (n < 0) continue;
        at += n;
        s->penalty[count] = 1.0;
        s->bound[count++] = flow[i].bound;
        s->start[count] = at;
    }
    int transfers = count;
    for (int l = 0; l < links && transfers > 0; l++) {
        if (!(fore[l] > 0.0) || !(capacity[l] > 0.0) || !isfinite(capacity[l])) continue;
        s->link[at] = l;
        s->use[at++] = 1.0;
        s->penalty[count] = 1.0 / senders(t, block, l, 0.0, 0.0);
        s->bound[count++] = fore[l];
        s->start[count] = at;
    }
    const TwShare share = {count, links, s->start, s->link, s->use, s->penalty, s->bound, capacity};
    if (transfers > 0) tw_share_solve_held(&share, s->share, s->rate, s->held);
    for (int i = 0, k = 0; i < h->count; i++)
        if (flow[i].rate < 0.0) flow[i].rate = s->rate[k++];

    // who crosses a link
    double *bulk = tw_f64(block, t->bulk);
    for (int l = 0; l <= links; l++) s->first[l] = -1, bulk[l] = 0.0;
    for (int i = transfers - 1; i >= 0; i--) {
        for (int c = s->start[i]; c < s->start[i + 1]; c++) {
            s->next[c] = s->first[s->link[c]];
            s->first[s->link[c]] = c;
            // for tw_transit_room: what it takes of the link, below 0 where it would take more
            double part = s->use[c] * s->rate[i];
            s->use[c] = s->held[i] == s->link[c] ? -part : part;
            bulk[s->link[c]] += part;
        }
    }
}

double tw_transit_room(const TwTransit *t, const void *block, const TwTransitScratch *s, int link, double own)
{
    return tw_transit_room_of(t, block, s, link, own, 0.0);
}

double tw_transit_room_of(const TwTransit *t, const void *block, const TwTransitScratch *s, int link, double own,
                          double groups)
{
    double capacity = tw_f64_const(block, t->capacity)[link];
    if (!isfinite(capacity) || capacity <= 0.0) return capacity;
    double others = fmax(tw_f64_const(block, t->fore)[link] - own, 0.0), many = senders(t, block, link, own, groups);
    // the level x at which sum of min(part, x) and x are the capacity; it rises as those below it keep what they have
    double level = 0.0;
    for (;;) {
        bool less = others <= many * level;
        double kept = less ? others : 0.0, sharing = less ? 1.0 : 1.0 + many;
        for (int c = s->first[link]; c >= 0; c = s->next[c]) {
            if (s->use[c] >= 0.0 && s->use[c] <= level)
                kept += s->use[c];
            else
                sharing += 1.0;
        }
        double next = (capacity - kept) / sharing;
        if (next <= level * (1.0 + 1e-12)) return next;
        level = next;
    }
}

double tw_transit_horizon_s(const TwTransit *t, const void *block)
{
    const TwTransitFlow *flow = flows_const(t, block);
    double first_s = INFINITY;
    for (int i = 0; i < head_const(t, block)->count; i++)
        if (flow[i].rate > 0.0 || flow[i].left <= 0.0)
            first_s = fmin(first_s, flow[i].left > 0.0 ? flow[i].left / flow[i].rate : 0.0);
    return first_s;
}

// What the links carry, for their meters.
static void meter(const TwTransit *t, void *block, double window_s)
{
    const double *fore = tw_f64_const(block, t->fore), *bulk = tw_f64_const(block, t->bulk);
    double *sum = tw_f64(block, t->sum), *peak = tw_f64(block, t->peak);
    for (int l = 0; l < t->spec.link_count; l++) {
        if (!isfinite(t->spec.capacity_bytes_s[l]) || t->spec.capacity_bytes_s[l] <= 0.0) continue;
        double share = (fore[l] + bulk[l]) / t->spec.capacity_bytes_s[l];
        sum[l] += share * window_s;
        peak[l] = fmax(peak[l], share);
    }
}

int tw_transit_advance(const TwTransit *t, void *block, double window_s, TwTransitFlow *ended, int room)
{
    Head *h = head_of(t, block);
    TwTransitFlow *flow = flows_of(t, block);
    int kept = 0, count = 0;
    h->seconds += window_s;
    for (int i = 0; i < h->count; i++) {
        TwTransitFlow *f = &flow[i];
        // through within the nanosecond that the window was rounded up by
        double sent = f->rate * window_s;
        bool through = f->left <= 0.0 || (f->rate > 0.0 && f->left <= sent + f->rate * nanosecond);
        if (through && count == room) through = false, sent = 0.0;    // told of in the next window
        if (through) sent = f->left;
        f->left -= sent;
        h->kind[f->kind].delivered += sent;
        if (through) {
            h->kind[f->kind].ended++;
            ended[count++] = *f;
        } else {
            flow[kept++] = *f;
        }
    }
    h->count = kept;
    meter(t, block, window_s);
    return count;
}

TwTransitCount tw_transit_count(const TwTransit *t, const void *block, int kind)
{
    const Head *h = head_const(t, block);
    if (kind >= 0) return h->kind[kind];
    TwTransitCount sum = {0};
    for (int k = 0; k < TW_TRANSIT_KINDS; k++) {
        sum.asked += h->kind[k].asked;
        sum.delivered += h->kind[k].delivered;
        sum.lost += h->kind[k].lost;
        sum.started += h->kind[k].started;
        sum.ended += h->kind[k].ended;
        sum.cut += h->kind[k].cut;
    }
    return sum;
}

double tw_transit_residual(const TwTransit *t, const void *block)
{
    TwTransitCount sum = tw_transit_count(t, block, -1);
    double left = 0.0;
    for (int i = 0; i < head_const(t, block)->count; i++) left += flows_const(t, block)[i].left;
    return sum.asked > 0.0 ? fabs(sum.asked - sum.delivered - sum.lost - left) / sum.asked : 0.0;
}

double tw_transit_load_fraction(const TwTransit *t, const void *block, int link)
{
    double capacity = tw_f64_const(block, t->capacity)[link];
    double used = tw_f64_const(block, t->fore)[link] + tw_f64_const(block, t->bulk)[link];
    return capacity > 0.0 && isfinite(capacity) ? used / capacity : 0.0;
}

void tw_transit_used(const TwTransit *t, const void *block, int link, double *mean, double *most)
{
    const Head *h = head_const(t, block);
    *mean = h->seconds > 0.0 ? tw_f64_const(block, t->sum)[link] / h->seconds : 0.0;
    *most = tw_f64_const(block, t->peak)[link];
}

double tw_transit_now(const TwTransit *t, const void *block, int link)
{
    return tw_f64_const(block, t->fore)[link] + tw_f64_const(block, t->bulk)[link];
}
