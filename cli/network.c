// tokenworks network: the fabric of a facility by itself: counts, bisection, power, cost, times of transfers by size,
// and what remains when a leaf, a spine or a rail is lost.
#include "cli/commands.h"
#include "models/network/drawn.h"
#include "sim/config.h"
#include "sim/json.h"
#if TW_HAS_VIEW
#include "viz/fabric.h"
#endif

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LOSSES = 16, SIZES = 6, CASES = 6 };

static const double sizes[SIZES] = {1048576.0, 16777216.0, 268435456.0, 1073741824.0, 4294967296.0, 17179869184.0};
static const char *const size_names[SIZES] = {"1 MiB", "16 MiB", "256 MiB", "1 GiB", "4 GiB", "16 GiB"};
static const double cache_bytes = 4831838208.0;    // 32,768 tokens of 36 layers, 8 KV heads of 128 in bf16 (4.5 GiB)

// A case: what is lost, and what remains.
typedef struct Case {
    char name[96];
    TwLoss losses[LOSSES];
    int count;
    TwRemains remains;
    double relative, transfer_s, exchange_s;    // throughput against the whole fabric; latencies of the slowest host
} Case;

typedef struct Page {
    const TwPlant *plant;
    const TwNetwork *network;
    TwGraph *graph;
    const TwDrawn *drawn;    // in place of the graph
    int domain, host;        // GPUs of a domain and of a host
    TwPathRule routing;
    Case cases[CASES];
    int case_count;
    double *used;    // of the last case with losses that were asked for, else of the whole fabric
} Page;

static bool read_loss(const char *text, TwLoss *loss)
{
    const char *equals = strchr(text, '=');
    for (int k = 0; equals && k < TW_LOSS_KINDS; k++) {
        if (strlen(tw_loss_words[k]) != (size_t)(equals - text) ||
            strncmp(tw_loss_words[k], text, strlen(tw_loss_words[k])) != 0)
            continue;
        char *end;
        long first = strtol(equals + 1, &end, 10), second = 0;
        bool plane = *end == ':';    // PLANE:INDEX
        if (end == equals + 1) return false;
        if (plane) second = strtol(end + 1, &end, 10);
        first = first > INT_MAX ? INT_MAX : first < -1 ? -1 : first;
        second = second > INT_MAX ? INT_MAX : second < -1 ? -1 : second;
        *loss = (TwLoss){(TwLossKind)k, plane ? (int)first : 0, (int)(plane ? second : first)};
        return *end == '\0';
    }
    return false;
}

static int choices(const Page *page, TwLossKind kind)
{
    return page->drawn ? tw_drawn_choices(page->drawn, kind) : tw_loss_choices(page->graph, kind);
}

static void link_name(const Page *page, int link, char *text, int size)
{
    if (page->drawn)
        tw_drawn_link_name(page->drawn, link, text, size);
    else
        tw_graph_link_name(page->graph, link, text, size);
}

static bool solve(Page *page, Case *at, bool keep, TwError *error)
{
    double *used = keep ? page->used : NULL;
    bool good =
        page->drawn
            ? tw_drawn_remains(page->drawn, at->losses, at->count, page->routing, &at->remains, used, NULL, error)
            : tw_network_remains(page->graph, at->losses, at->count, page->routing, &at->remains, used, error);
    if (!good) return false;
    const TwRemains *whole = &page->cases[0].remains;
    at->relative = at->remains.sent_bytes_s / whole->sent_bytes_s;
    // a host's cards get the share that the slowest host is left with, relative to the whole fabric
    double share = fmin(at->remains.slowest_host / whole->slowest_host, 1.0);
    at->transfer_s = share > 0.0 ? tw_network_transfer(page->network, page->host, cache_bytes, share).time_s : INFINITY;
    TwMoeAsk ask = {.ranks = 4 * page->domain,
                    .ranks_per_domain = page->domain,
                    .bytes = 128.0 * tw_moe_token_bytes(7168, 8, 1.0, 128),
                    .nic_share = share};
    at->exchange_s = share > 0.0 ? tw_network_moe(page->network, &ask).time_s : INFINITY;
    return true;
}

static bool all_cases(Page *page, const TwOptions *options, TwError *error)
{
    Case *c = page->cases;
    page->case_count = 1;
    snprintf(c[0].name, sizeof c[0].name, "whole");
    if (!solve(page, &c[0], true, error)) return false;
    static const struct {
        const char *name;
        TwLossKind kind;
    } single[] = {{"a leaf lost", TW_LOSE_LEAF},
                  {"a spine lost", TW_LOSE_SPINE},
                  {"a rail lost", TW_LOSE_RAIL},
                  {"a link lost", TW_LOSE_LINK}};
    for (int k = 0; k < TW_COUNT(single); k++) {
        if (choices(page, single[k].kind) < 2) continue;
        Case *at = &c[page->case_count];
        snprintf(at->name, sizeof at->name, "%s", single[k].name);
        at->losses[at->count++] = (TwLoss){single[k].kind, 0, 0};
        if (!solve(page, at, false, error)) return false;
        page->case_count++;
    }
    if (options->lose_count == 0) return true;
    Case *at = &c[page->case_count++];
    snprintf(at->name, sizeof at->name, "as asked");
    for (int i = 0; i < options->lose_count && i < LOSSES; i++) {
        if (read_loss(options->lose[i], &at->losses[at->count++])) continue;
        char word[32];
        snprintf(word, sizeof word, "%.*s", (int)strcspn(options->lose[i], "="), options->lose[i]);
        const char *near = tw_nearest(word, tw_loss_words, TW_LOSS_KINDS);
        bool other = near && strcmp(near, word) != 0;
        return tw_fail(
            error, TW_USAGE,
            "--lose=%s, expected leaf, spine, core, rail, plane, link or optic = a number, or PLANE:NUMBER%s%s%s",
            options->lose[i], other ? "; did you mean " : "", other ? near : "", other ? "?" : "");
    }
    return solve(page, at, true, error);
}

static TwCollectiveCost asked(const Page *page, TwCollective what, int domains, double bytes)
{
    return tw_network_time(page->network, &(TwCollectiveAsk){.what = what,
                                                             .ranks = page->domain * domains,
                                                             .ranks_per_domain = page->domain,
                                                             .bytes = bytes});
}

// Groups that times are shown for: a domain, two, and all of them (at most 64).
static int groups_of(const Page *page, int *domains)
{
    int all = (int)(page->plant->gpu_count / page->domain), n = 0;
    domains[n++] = 1;
    if (all >= 2) domains[n++] = 2;
    if (all > 2) domains[n++] = all < 64 ? all : 64;
    return n;
}

static void print_counts(const TwNetwork *n, const char *name)
{
    printf("%s\n", name);
    printf("  switches      %lld in %d tier%s: %lld leaf, %lld spine, %lld core\n", (long long)n->switches, n->tiers,
           n->tiers > 1 ? "s" : "", (long long)n->leaf, (long long)n->spine, (long long)n->core);
    printf("  cables        %lld: %lld to cards, %lld leaf to spine, %lld spine to core; %lld optics\n",
           (long long)n->links, (long long)n->host_links, (long long)n->leaf_links, (long long)n->spine_links,
           (long long)n->optics);
    printf("  bisection     %.4g TB/s\n", n->bisection_bytes_s * 1e-12);
    printf("  power         %.1f kW: switches %.1f, their optics %.1f; network cards in the racks %.1f; %.1f W an "
           "endpoint\n",
           1e-3 * (n->switch_w + n->optics_w), 1e-3 * n->switch_w, 1e-3 * n->optics_w, 1e-3 * n->nic_w, n->endpoint_w);
    double usd = n->switch_usd + n->optics_usd + n->cards_usd + n->cables_usd;
    if (isfinite(usd))
        printf(
            "  cost          %.4g million USD: switches %.4g, optics %.4g, cards %.4g, cables %.4g (assumed prices)\n",
            1e-6 * usd, 1e-6 * n->switch_usd, 1e-6 * n->optics_usd, 1e-6 * n->cards_usd, 1e-6 * n->cables_usd);
    else
        printf("  cost          not known: a price of the part is unknown\n");
}

static void print_times(const Page *page)
{
    static const struct {
        TwCollective what;
        const char *name;
    } kinds[] = {{TW_ALL_REDUCE, "all-reduce"}, {TW_ALL_GATHER, "all-gather"}, {TW_ALL_TO_ALL, "all-to-all"}};
    int domains[3], n = groups_of(page, domains);
    printf("\ntimes on an idle network   GPUs");
    for (int s = 0; s < SIZES; s++) printf("%13s", size_names[s]);
    printf("   by (16 GiB)\n");
    for (int k = 0; k < TW_COUNT(kinds); k++)
        for (int g = 0; g < n; g++) {
            printf("  %-22s %7d", kinds[k].name, page->domain * domains[g]);
            TwCollectiveCost cost = {0};
            for (int s = 0; s < SIZES; s++) {
                cost = asked(page, kinds[k].what, domains[g], sizes[s]);
                printf("%10.1f us", 1e6 * cost.time_s);
            }
            printf("   %s%s\n", cost.algorithm, cost.extrapolated ? ", extrapolated" : "");
        }
}

static void print_losses(const Page *page)
{
    printf("\nwhat remains: every card sends to two hosts far away, %s\n",
           page->routing == TW_ADAPTIVE ? "adaptive paths"
           : page->routing == TW_ECMP   ? "hashed paths (ECMP)"
                                        : "sprayed packets");
    printf("  %-14s %10s %9s %9s %10s %8s %9s %9s %12s %12s\n", "", "TB/s", "of whole", "slowest", "bisection",
           "stalled", "rerouted", "leaf full", "KV 4.5 GiB", "MoE dispatch");
    for (int i = 0; i < page->case_count; i++) {
        const Case *c = &page->cases[i];
        const TwRemains *r = &c->remains;
        printf("  %-14s %10.4g %8.2f%% %8.1f%% %10.4g %8d %9d %8.1f%% %9.2f ms %9.1f us\n", c->name,
               r->sent_bytes_s * 1e-12, 100.0 * c->relative,
               100.0 * r->slowest_host / page->cases[0].remains.slowest_host, r->bisection_bytes_s * 1e-12, r->stalled,
               r->rerouted, 100.0 * r->utilisation[TW_LINK_LEAF], 1e3 * c->transfer_s, 1e6 * c->exchange_s);
    }
    const Case *last = &page->cases[page->case_count - 1],
               *shown = last->count > 0 && strcmp(last->name, "as asked") == 0 ? last : &page->cases[0];
    char name[96];
    int kind = TW_LINK_LEAF;    // of equally hot ones a leaf's
    for (int k = TW_LINK_HOST; k <= TW_LINK_CORE; k++)
        if (shown->remains.hottest[k] > shown->remains.hottest[kind] + 1e-9) kind = k;
    link_name(page, shown->remains.hot_link[kind], name, sizeof name);
    printf("  hottest link (%s): %s, %.1f %% full; mean wait at its tier %.2f packets\n", shown->name, name,
           100.0 * shown->remains.hottest[kind], shown->remains.wait_packets);
    double worst = 0.0;
    for (int i = 0; i < page->case_count; i++) worst = fmax(worst, page->cases[i].remains.ledger);
    for (int l = 0; page->drawn && l < page->drawn->link_count && l < 400; l++) {
        double whole = page->drawn->capacity_bytes_s[l];
        link_name(page, l, name, sizeof name);
        printf("  %-40s %9.4g GB/s  %5.1f %%\n", name, 1e-9 * whole, 100.0 * page->used[l] / whole);
    }
    printf("  ledger        bytes sent and received differ by %.1e of them at most%s\n", worst,
           worst < 1e-9 ? "" : "  NOT CLOSED");
}

static void print_json(const Page *page)
{
    const TwNetwork *n = page->network;
    printf("{\n  \"schema\": \"tokenworks-network 1\",\n  \"facility\": ");
    tw_json_text(stdout, page->plant->facility);
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"endpoints", (double)page->plant->gpu_count},
                   {"tiers", n->tiers},
                   {"leaf", (double)n->leaf},
                   {"spine", (double)n->spine},
                   {"core", (double)n->core},
                   {"switches", (double)n->switches},
                   {"cables", (double)n->links},
                   {"optics", (double)n->optics},
                   {"bisection_bytes_s", n->bisection_bytes_s},
                   {"switch_w", n->switch_w},
                   {"optics_w", n->optics_w},
                   {"nic_w", n->nic_w},
                   {"endpoint_w", n->endpoint_w},
                   {"usd", n->switch_usd + n->optics_usd + n->cards_usd + n->cables_usd}};
    for (int i = 0; i < TW_COUNT(numbers); i++) {
        printf(",\n  \"%s\": ", numbers[i].name);
        tw_json_number(stdout, numbers[i].value);
    }
    static const char *const sides[] = {"storage_network", "inband_network"};
    for (int k = 0; k < 2; k++) {
        const TwNetwork *side = page->plant->side_networks[k];
        if (side)
            printf(",\n  \"%s\": {\"switches\": %lld, \"cables\": %lld, \"optics\": %lld, \"switch_w\": %.9g, "
                   "\"optics_w\": %.9g, \"bisection_bytes_s\": %.9g}",
                   sides[k], (long long)side->switches, (long long)side->links, (long long)side->optics, side->switch_w,
                   side->optics_w, side->bisection_bytes_s);
    }
    for (int l = 0; page->drawn && l < page->drawn->link_count; l++) {
        char name[160];
        link_name(page, l, name, sizeof name);
        printf(l ? ",\n    {\"link\": " : ",\n  \"links\": [\n    {\"link\": ");
        tw_json_text(stdout, name);
        printf(", \"capacity_bytes_s\": %.12g, \"used_bytes_s\": %.12g}%s", page->drawn->capacity_bytes_s[l],
               page->used[l], l + 1 == page->drawn->link_count ? "\n  ]" : "");
    }
    int domains[3], groups = groups_of(page, domains);
    static const char *const names[] = {"all_reduce", "all_gather", "reduce_scatter", "all_to_all"};
    printf(",\n  \"collectives\": [");
    bool first = true;
    for (int what = TW_ALL_REDUCE; what <= TW_ALL_TO_ALL; what++)
        for (int g = 0; g < groups; g++)
            for (int s = 0; s < SIZES; s++) {
                TwCollectiveCost c = asked(page, (TwCollective)what, domains[g], sizes[s]);
                printf("%s\n    {\"operation\": \"%s\", \"ranks\": %d, \"bytes\": %.0f, \"time_s\": %.9g, "
                       "\"bus_bytes_s\": %.9g, \"algorithm\": \"%s\", \"measured\": %s, \"extrapolated\": %s}",
                       first ? "" : ",", names[what], page->domain * domains[g], sizes[s], c.time_s, c.bus_bytes_s,
                       c.algorithm, c.measured ? "true" : "false", c.extrapolated ? "true" : "false");
                first = false;
            }
    printf("\n  ],\n  \"losses\": [");
    double worst = 0.0;
    for (int i = 0; i < page->case_count; i++) {
        const Case *c = &page->cases[i];
        const TwRemains *r = &c->remains;
        worst = fmax(worst, r->ledger);
        printf("%s\n    {\"case\": \"%s\", \"sent_bytes_s\": %.12g, \"received_bytes_s\": %.12g, "
               "\"throughput_fraction\": %.9g, \"slowest_host_fraction\": %.9g, \"bisection_bytes_s\": %.9g, "
               "\"flows\": %d, \"stalled\": %d, \"rerouted\": %d, \"leaf_utilisation\": %.9g, ",
               i ? "," : "", c->name, r->sent_bytes_s, r->received_bytes_s, c->relative,
               r->slowest_host / page->cases[0].remains.slowest_host, r->bisection_bytes_s, r->flows, r->stalled,
               r->rerouted, r->utilisation[TW_LINK_LEAF]);
        printf("\"kv_transfer_s\": ");
        tw_json_number(stdout, c->transfer_s);
        printf(", \"moe_dispatch_s\": ");
        tw_json_number(stdout, c->exchange_s);
        printf("}");
    }
    printf("\n  ],\n  \"ledger\": {\"bytes_residual\": %.6g, \"ok\": %s}\n}\n", worst, worst < 1e-9 ? "true" : "false");
}

#if TW_HAS_VIEW
// Shares of the links below each switch of a tier; NaN where the switch is lost.
static double *shares(const Page *page, int tier, int *count)
{
    const TwGraph *g = page->graph;
    const Case *last = &page->cases[page->case_count - 1];
    bool asked_for = strcmp(last->name, "as asked") == 0;
    int n = tier == 0   ? g->endpoints / g->host_cards
            : tier == 1 ? g->leaves
            : tier == 2 ? g->pods * g->spines
                        : g->spines * g->cores;
    double *share = calloc((size_t)n, sizeof *share);
    int *link = calloc((size_t)g->plane_links, sizeof *link);
    if (!share || !link) abort();
    for (int i = 0; i < n; i++) {
        int at = 0;
        if (tier == 0)
            for (int r = 0; r < g->host_cards; r++) link[at++] = g->host_up + i * g->host_cards + r;
        if (tier == 1) at = tw_graph_leaf_links(g, 0, i, link, g->plane_links);
        if (tier == 2) at = tw_graph_spine_links(g, 0, i / g->spines, i % g->spines, link, g->plane_links);
        if (tier == 3) at = tw_graph_core_links(g, 0, i / g->cores, i % g->cores, link, g->plane_links);
        double used = 0.0, whole = 0.0;
        for (int k = 0; k < at; k++) used += page->used[link[k]], whole += g->capacity_bytes_s[link[k]];
        share[i] = whole > 0.0 ? used / whole : 0.0;
    }
    for (int k = 0; asked_for && k < last->count; k++) {
        const TwLoss *l = &last->losses[k];
        if (l->plane == 0 && (int)l->kind == tier - 1 && l->kind <= TW_LOSE_CORE) share[l->index] = NAN;
        for (int leaf = l->index; l->kind == TW_LOSE_RAIL && tier == 1 && leaf < n; leaf += g->rails) share[leaf] = NAN;
    }
    free(link);
    *count = n;
    return share;
}

// Tiers of a drawn fabric: racks, switches on them, and what is further away in hops; cables as they are.
static void tier_of_nodes(const TwDrawn *d, int *tier, int *at, int *counts)
{
    int *hops = calloc((size_t)d->node_count + 1, sizeof *hops);
    if (!hops) abort();
    for (int n = 0; n < d->node_count; n++) hops[n] = n < d->spec.rack_count ? 0 : TW_FABRIC_TIERS - 1;
    for (int turn = 0; turn < TW_FABRIC_TIERS; turn++)
        for (int l = 0; l < d->link_count; l++) {
            int from = tw_drawn_from(d, l), to = tw_drawn_to(d, l);
            if (hops[from] + 1 < hops[to]) hops[to] = hops[from] + 1;
        }
    for (int n = 0; n < d->node_count; n++) {
        tier[n] = hops[n];
        at[n] = counts[hops[n]]++;
    }
    free(hops);
}

static bool save(const TwFabricPicture *p, const TwOptions *o, TwError *error)
{
    return tw_fabric_save(p, o->width ? o->width : 1920, o->height ? o->height : 1080, o->dark ? TW_DARK : TW_LIGHT,
                          o->screenshot, error);
}

static bool draw_drawn(const Page *page, const TwOptions *options, TwError *error)
{
    const TwDrawn *d = page->drawn;
    const Case *c = &page->cases[page->case_count - 1];
    if (strcmp(c->name, "as asked") != 0) c = &page->cases[0];
    static const char *const words[] = {"racks", "switches on racks", "switches", "switches further away"};
    char names[TW_FABRIC_TIERS][64], title[128], subtitle[160], lines[2][160];
    int counts[TW_FABRIC_TIERS] = {0}, tiers = 1;
    size_t nodes = (size_t)d->node_count + 1;
    int *tier = calloc(nodes, sizeof *tier), *at = calloc(nodes, sizeof *at);
    double *up = calloc((size_t)d->link_count + 1, sizeof *up), *used = calloc(nodes, sizeof *used),
           *whole = calloc(nodes, sizeof *whole), *share = calloc(nodes, sizeof *share);
    TwFabricCable *cables = calloc((size_t)d->link_count + 1, sizeof *cables);
    if (!tier || !at || !up || !used || !whole || !share || !cables) abort();
    tier_of_nodes(d, tier, at, counts);
    tw_drawn_up(d, c->losses, c->count, up);
    for (int l = 0; l < d->link_count; l++) {
        int from = tw_drawn_from(d, l), to = tw_drawn_to(d, l);
        used[from] += page->used[l], used[to] += page->used[l];
        whole[from] += d->capacity_bytes_s[l] * up[l], whole[to] += d->capacity_bytes_s[l] * up[l];
        double full = fmax(page->used[l], page->used[l ^ 1]) / d->capacity_bytes_s[l];
        cables[l / 2] = (TwFabricCable){{tier[from], tier[to]}, {at[from], at[to]}, up[l] > 0.0 ? full : NAN};
    }
    snprintf(title, sizeof title, "%s: the scale-out fabric as drawn", page->plant->facility);
    snprintf(subtitle, sizeof subtitle, "%lld switches, %lld cables, %lld optics", (long long)page->network->switches,
             (long long)page->network->links, (long long)page->network->optics);
    snprintf(lines[0], sizeof lines[0], "carries %.4g TB/s, %.2f %% of the whole fabric",
             c->remains.sent_bytes_s * 1e-12, 100.0 * c->relative);
    snprintf(lines[1], sizeof lines[1], "from half of the racks to the others %.4g TB/s",
             c->remains.bisection_bytes_s * 1e-12);
    TwFabricPicture p = {.title = title,
                         .subtitle = subtitle,
                         .line_count = 2,
                         .lines = {lines[0], lines[1]},
                         .cables = cables,
                         .cable_count = d->link_count / 2};
    int first[TW_FABRIC_TIERS] = {0}, sum = 0, shown[TW_FABRIC_TIERS] = {0};
    for (int t = 0; t < TW_FABRIC_TIERS; t++) first[t] = sum, sum += counts[t];
    for (int n = 0; n < d->node_count; n++) share[first[tier[n]] + at[n]] = whole[n] > 0.0 ? used[n] / whole[n] : NAN;
    for (int t = 0; t < TW_FABRIC_TIERS; t++) {
        if (counts[t] == 0) continue;
        shown[t] = p.tier_count;
        snprintf(names[p.tier_count], sizeof names[0], "%d %s", counts[t], words[t]);
        p.groups[p.tier_count] = 1;
        p.tiers[p.tier_count] = (TwFabricTier){names[p.tier_count], counts[t], share + first[t]};
        tiers = ++p.tier_count;
    }
    for (int i = 0; i < d->link_count / 2; i++)
        for (int k = 0; k < 2; k++) cables[i].tier[k] = shown[cables[i].tier[k]];
    (void)tiers;
    bool good = save(&p, options, error);
    free(tier), free(at), free(up), free(used), free(whole), free(share), free(cables);
    return good;
}

static bool draw(const Page *page, const TwOptions *options, TwError *error)
{
    if (page->drawn) return draw_drawn(page, options, error);
    const TwGraph *g = page->graph;
    const TwNetwork *n = page->network;
    static const char *const words[] = {"hosts", "leaves", "spines", "cores"};
    char names[TW_FABRIC_TIERS][64], title[128], subtitle[160], lines[4][160];
    TwFabricPicture p = {.title = title, .subtitle = subtitle, .tier_count = g->tiers + 1, .line_count = 4};
    snprintf(title, sizeof title, "%s: the scale-out fabric", page->plant->facility);
    snprintf(subtitle, sizeof subtitle, "%lld switches, %lld cables, %lld optics; %d rails, %d plane%s",
             (long long)n->switches, (long long)n->links, (long long)n->optics, g->rails, g->planes,
             g->planes > 1 ? "s (the first is drawn)" : "");
    for (int t = 0; t <= g->tiers; t++) {
        p.tiers[t].share = shares(page, t, &p.tiers[t].count);
        p.groups[t] = t < 3 ? g->pods : 1;
        snprintf(names[t], sizeof names[t], "%d %s", p.tiers[t].count, words[t]);
        p.tiers[t].name = names[t];
    }
    const Case *c = &page->cases[page->case_count - 1];
    if (strcmp(c->name, "as asked") != 0) c = &page->cases[0];
    snprintf(lines[0], sizeof lines[0], "carries %.4g TB/s, %.2f %% of the whole fabric",
             c->remains.sent_bytes_s * 1e-12, 100.0 * c->relative);
    snprintf(lines[1], sizeof lines[1], "bisection %.4g TB/s", c->remains.bisection_bytes_s * 1e-12);
    snprintf(lines[2], sizeof lines[2], "power %.1f kW, %.0f W an endpoint", 1e-3 * (n->switch_w + n->optics_w),
             n->endpoint_w);
    snprintf(lines[3], sizeof lines[3], "leaf links %.1f %% full on average",
             100.0 * c->remains.utilisation[TW_LINK_LEAF]);
    for (int i = 0; i < 4; i++) p.lines[i] = lines[i];
    bool good = save(&p, options, error);
    for (int t = 0; t <= g->tiers; t++) free((double *)p.tiers[t].share);
    return good;
}
#else
static bool draw(const Page *page, const TwOptions *options, TwError *error)
{
    (void)page;
    (void)options;
    return tw_fail(error, TW_USAGE, "this build has no pictures: it was made without cairo and pango");
}
#endif

int tw_command_network(const TwOptions *options)
{
    char path[512];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    TwPlant *plant = tw_cli_plant(options, path, &status);
    if (!plant) return status;
    TwError error = {0};
    TwErrors *errors = tw_errors_create();
    Page *page = calloc(1, sizeof *page);
    if (!page) abort();
    const TwScaleupRow *up = tw_network_scaleup(plant->network);
    *page = (Page){.plant = plant, .network = plant->network, .domain = (int)up->domain_gpus};
    page->host = (int)(up->node_gpus > 0 ? up->node_gpus : 8);
    if (page->domain > plant->gpu_count) page->domain = (int)plant->gpu_count;
    page->routing = options->routing && strcmp(options->routing, "ecmp") == 0       ? TW_ECMP
                    : options->routing && strcmp(options->routing, "adaptive") == 0 ? TW_ADAPTIVE
                                                                                    : TW_SPRAY;
    page->drawn = plant->wiring;
    bool good = page->drawn || tw_graph_create(&page->graph, plant->network, errors);
    if (!good) tw_errors_print(errors, TW_ERRORS_SHOWN, stderr);
    tw_errors_destroy(errors);
    status = good ? TW_DONE : TW_BAD_INPUT;
    if (good) {
        size_t links = (size_t)(page->drawn ? page->drawn->link_count : page->graph->link_count);
        page->used = calloc(links + 1, sizeof *page->used);
        if (!page->used) abort();
        good = all_cases(page, options, &error);
        if (good && options->screenshot) good = draw(page, options, &error);
        if (!good) status = tw_cli_fail(&error);
    }
    if (good && options->json) {
        print_json(page);
    } else if (good) {
        print_counts(plant->network, plant->title[0] ? plant->title : plant->facility);
        for (int k = 0; k < 2; k++)
            if (plant->side_networks[k])
                print_counts(plant->side_networks[k], k ? "in-band network" : "storage network");
        print_times(page);
        print_losses(page);
    }
    for (int i = 0; good && i < page->case_count; i++)
        if (page->cases[i].remains.ledger > 1e-9) status = TW_CHECK_FAILED;
    free(page->used);
    tw_graph_destroy(page->graph);
    free(page);
    tw_plant_destroy(plant);
    return status;
}
