// Counts, bisection and power of a fabric from its part: closed forms of a fat tree.
#include "models/network/inner.h"

#include <math.h>
#include <string.h>

#define BAD(...) tw_errors_add(errors, "", 0, 0, __VA_ARGS__)

static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Ports of a leaf towards endpoints for an oversubscription; false: they are not whole.
static bool split_leaf(const TwFabricRow *row, int64_t *down, TwErrors *errors)
{
    double o = row->oversubscription, exact = (double)row->radix * o / (1.0 + o);
    *down = llround(exact);
    if (fabs(exact - (double)*down) <= 1e-6 * exact) return true;

    int64_t low = (int64_t)floor(exact), high = low + 1;
    if (high >= row->radix)
        BAD("fabric.oversubscription = %g leaves %g uplinks of %lld ports; nearest whole: %g", o,
            (double)row->radix - exact, (long long)row->radix, (double)low / (double)(row->radix - low));
    else
        BAD("fabric.oversubscription = %g leaves %g uplinks of %lld ports; nearest whole: %g, %g", o,
            (double)row->radix - exact, (long long)row->radix, (double)low / (double)(row->radix - low),
            (double)high / (double)(row->radix - high));
    return false;
}

// Fewest spines that take every uplink of the leaves and get the same number of links from each.
static int64_t spines(int64_t leaves, int64_t uplinks, int64_t radix)
{
    int64_t count = ceil_div(leaves * uplinks, radix);
    while (uplinks % count != 0) count++;
    return count;
}

static bool count_fabric(TwNetwork *net, const TwNetworkSpec *spec, TwErrors *errors)
{
    const TwFabricRow *row = &spec->fabric;
    int64_t endpoints = spec->endpoints, radix = row->radix, down;
    if (endpoints <= 0) return true;
    if (radix % 2 != 0) {
        BAD("fabric.radix = %lld, expected an even number", (long long)radix);
        return false;
    }
    if (!split_leaf(row, &down, errors)) return false;
    int64_t up = radix - down;

    net->leaf = ceil_div(endpoints, down);
    net->leaf_down = down;
    net->leaf_up = up;
    net->host_links = endpoints;
    if (endpoints <= radix) {
        net->tiers = 1;
        net->leaf = 1;
    } else if (net->leaf <= radix) {
        net->tiers = 2;
        net->spine = spines(net->leaf, up, radix);
        net->leaf_links = net->leaf * up;
    } else {
        // pods of radix / 2 leaves; a middle switch has half its ports up, a core all of them down
        net->tiers = 3;
        if (net->leaf > radix * radix / 2) {
            BAD("fabric: %lld endpoints, but three tiers of radix %lld hold %lld", (long long)endpoints,
                (long long)radix, (long long)(down * radix * radix / 2));
            return false;
        }
        net->spine = ceil_div(net->leaf * up, radix / 2);
        net->core = ceil_div(net->spine, 2);
        net->leaf_links = net->leaf * up;
        net->spine_links = net->spine * (radix / 2);
    }
    // rail-optimised: as many leaves as a host has cards for every `down` hosts; else endpoints fill leaf after leaf
    int64_t node = spec->scaleup.node_gpus > 0 ? spec->scaleup.node_gpus : 8;
    bool optimised = net->tiers > 1 && endpoints % node == 0 && ceil_div(endpoints / node, down) * node == net->leaf;
    net->rails = optimised ? node : 1;
    net->host_cards = endpoints % node == 0 ? node : 1;

    net->leaf *= row->planes;
    net->spine *= row->planes;
    net->core *= row->planes;
    net->host_links *= row->planes;
    net->leaf_links *= row->planes;
    net->spine_links *= row->planes;
    net->links = net->host_links + net->leaf_links + net->spine_links;
    net->switches = net->leaf + net->spine + net->core;
    return true;
}

static void count_drawn(TwNetwork *net, const TwNetworkSpec *spec)
{
    const TwDrawnCounts *d = &spec->drawn;
    net->leaf = d->leaf;
    net->spine = d->spine;
    net->tiers = d->spine > 0 ? 2 : 1;
    net->rails = net->host_cards = 1;
    net->leaf_down = d->leaf > 0 ? ceil_div(spec->endpoints, d->leaf) : spec->endpoints;
    net->leaf_up = d->leaf > 0 ? d->leaf_links / d->leaf : 0;
    net->host_links = d->host_links;
    net->leaf_links = d->leaf_links;
    net->links = d->host_links + d->leaf_links;
    net->switches = d->leaf + d->spine;
}

// Every port of a switch is populated; the second optic of a host link belongs to the network card.
static void add_power(TwNetwork *net, const TwNetworkSpec *spec)
{
    const TwFabricRow *row = &spec->fabric;
    double switches = (double)net->switches;
    double cards = (double)(spec->endpoints * row->planes);
    const bool drawn = spec->drawn.host_links > 0;    // ports that have a cable
    int64_t ports = drawn ? net->host_links + 2 * net->leaf_links : net->switches * row->radix;
    int64_t at_switch = row->optics_per_link > 0 ? ports : 0;
    int64_t at_card = row->optics_per_link < 2 ? 0 : drawn ? net->host_links : spec->endpoints * row->planes;

    net->optics = at_switch + at_card;
    net->switch_w = switches * row->switch_w + (double)ports * row->port_w;
    net->optics_w = (double)at_switch * row->optic_w;
    net->nic_w = cards * row->nic_w + (double)at_card * row->optic_w;
    net->endpoint_w = (net->switch_w + net->optics_w) / (double)spec->endpoints;

    net->switch_usd = switches * row->switch_usd;
    net->optics_usd = (double)net->optics * row->optic_usd;
    net->cards_usd = cards * row->nic_usd;
    net->cables_usd = (double)net->links * row->cable_usd;

    // a cut into halves: each endpoint of one talks to one of the other
    double through = net->tiers == 1 ? 1.0 : row->oversubscription;
    net->bisection_bytes_s = drawn ? spec->drawn.bisection_bytes_s : 0.5 * cards * row->port_bytes_s / through;
}

static void check_numbers(const TwNetworkSpec *spec, TwErrors *errors)
{
    const TwScaleupRow *up = &spec->scaleup;
    if (up->domain_gpus > 1 && !(up->link_bytes_s > 0.0))
        BAD("scaleup.link_bytes_s = %g, expected more than 0 B/s", up->link_bytes_s);
    if (spec->endpoints <= 0) return;
    const TwFabricRow *row = &spec->fabric;
    const struct {
        const char *name;
        double value;
        bool zero;
    } numbers[] = {{"port_bytes_s", row->port_bytes_s, false},
                   {"efficiency", row->efficiency, false},
                   {"switch_w", row->switch_w, true},
                   {"optic_w", row->optic_w, true},
                   {"nic_w", row->nic_w, true},
                   {"hop_s", row->hop_s, true},
                   {"base_s", row->base_s, true}};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
        if (isnan(numbers[k].value))
            BAD("fabric.%s is unknown: the facility must set it", numbers[k].name);
        else if (numbers[k].value < 0.0 || (numbers[k].value == 0.0 && !numbers[k].zero))
            BAD("fabric.%s = %g, expected more than 0", numbers[k].name, numbers[k].value);
    }
    if (row->radix < 2 || row->planes < 1 || !(row->oversubscription >= 1.0))
        BAD("fabric: radix %lld, planes %lld, oversubscription %g: expected at least 2, 1, 1", (long long)row->radix,
            (long long)row->planes, row->oversubscription);
}

// Rows that no file filled have zeroes where a share of bandwidth must be.
static double or_default(double value, double standard) { return value > 0.0 ? value : standard; }

bool tw_network_create(TwNetwork **network, const TwNetworkSpec *spec, TwErrors *errors)
{
    *network = NULL;
    int before = tw_errors_count(errors);
    check_numbers(spec, errors);
    if (tw_errors_count(errors) > before) return false;

    TwArena *arena = tw_arena_create();
    TwNetwork *net = TW_TAKE(arena, 1, TwNetwork);
    TwNetworkPlant *plant = TW_TAKE(arena, 1, TwNetworkPlant);
    plant->arena = arena;
    plant->scaleup = spec->scaleup;
    plant->fabric = spec->fabric;
    plant->fabric_exists = spec->endpoints > 0;
    plant->simple_only = spec->fabric.protocols && strcmp(spec->fabric.protocols, "simple") == 0;
    plant->scaleup.low_latency_fraction = or_default(spec->scaleup.low_latency_fraction, 0.5);
    plant->scaleup.exchange_efficiency = or_default(spec->scaleup.exchange_efficiency, 0.8);
    plant->fabric.send_efficiency = or_default(spec->fabric.send_efficiency, 0.73);
    plant->fabric.dispatch_efficiency = or_default(spec->fabric.dispatch_efficiency, 0.93);
    plant->fabric.combine_efficiency = or_default(spec->fabric.combine_efficiency, 0.83);
    net->inner = plant;
    bool good = true;
    if (spec->drawn.host_links > 0)
        count_drawn(net, spec);
    else
        good = count_fabric(net, spec, errors);
    if (good && plant->fabric_exists) add_power(net, spec);
    if (good && spec->comm_csv) good = tw_comm_read(plant, spec->comm_csv, errors);
    if (!good) {
        tw_arena_destroy(arena);
        return false;
    }
    *network = net;
    return true;
}

const TwScaleupRow *tw_network_scaleup(const TwNetwork *network) { return &network->inner->scaleup; }

const TwFabricRow *tw_network_fabric(const TwNetwork *network) { return &network->inner->fabric; }

void tw_network_destroy(TwNetwork *network)
{
    if (network) tw_arena_destroy(network->inner->arena);
}
