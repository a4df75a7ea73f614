// What remains of a fabric: nothing is lost while all is whole, losses cost what they must, and bytes are conserved.
#include "models/network/loss.h"
#include "models/network/validate.h"
#include "tests/check.h"

static TwNetwork *network;

static TwGraph *built(int radix, int planes, int endpoints)
{
    TwErrors *errors = tw_errors_create();
    TwNetworkSpec spec = {.scaleup = {.domain_gpus = 8, .link_bytes_s = 450e9, .ring_efficiency = 1, .node_gpus = 4},
                          .fabric = {.kind = "fat_tree",
                                     .radix = radix, .optics_per_link = 2,
                                     .port_bytes_s = 50e9,
                                     .planes = planes,
                                     .oversubscription = 1.0,
                                     .efficiency = 1.0},
                          .endpoints = endpoints};
    TwGraph *graph = NULL;
    CHECK(tw_network_create(&network, &spec, errors) && tw_graph_create(&graph, network, errors));
    tw_errors_destroy(errors);
    return graph;
}

static TwRemains after(const TwGraph *g, TwLossKind kind, int index, TwPathRule routing)
{
    TwRemains r;
    TwError error;
    TwLoss loss = {kind, 0, index};
    CHECK(tw_network_remains(g, &loss, index >= 0, routing, &r, NULL, &error));
    CHECK(r.ledger < 1e-12);
    return r;
}

// Three tiers of radix 16: 1,024 endpoints in 128 leaves of four rails, 16 pods... and what each loss takes.
static void losses_cost_what_they_must(void)
{
    TwGraph *g = built(16, 1, 1024);
    CHECK(g->tiers == 3 && g->rails == 4 && g->leaves == 128 && g->spines == 8);
    TwRemains whole = after(g, TW_LOSE_LEAF, -1, TW_SPRAY);
    CHECK_NEAR(whole.mean_host, 1.0, 1e-9);
    CHECK_NEAR(whole.bisection_bytes_s, network->bisection_bytes_s, 1e-9);
    CHECK(whole.stalled == 0 && whole.rerouted == 0);

    TwRemains leaf = after(g, TW_LOSE_LEAF, 5, TW_SPRAY);    // eight hosts keep three of four cards
    CHECK_NEAR(leaf.slowest_host, 0.75, 1e-9);
    CHECK(leaf.rerouted == 32 && leaf.stalled == 0);
    TwRemains spine = after(g, TW_LOSE_SPINE, 0, TW_SPRAY);    // its pod keeps seven of eight uplinks
    CHECK_NEAR(spine.slowest_host, 0.875, 1e-9);
    TwRemains rail = after(g, TW_LOSE_RAIL, 2, TW_SPRAY);
    CHECK_NEAR(rail.sent_bytes_s, 0.75 * whole.sent_bytes_s, 1e-9);

    TwRemains card = after(g, TW_LOSE_LINK, 3, TW_SPRAY);    // the cable of one card: its host sends with three of four
    CHECK_NEAR(card.slowest_host, 0.75, 1e-9);
    CHECK(card.rerouted > 0 && card.stalled == 0);
    TwRemains uplink = after(g, TW_LOSE_LINK, 1024, TW_SPRAY);    // one of eight uplinks of a leaf: a rail of its hosts
    CHECK_NEAR(uplink.slowest_host, 1.0 - 0.125 / 4.0, 1e-9);
    CHECK(tw_loss_choices(g, TW_LOSE_LINK) == network->links &&
          tw_loss_choices(g, TW_LOSE_OPTIC) == 2 * network->links);
    TwRemains optic = after(g, TW_LOSE_OPTIC, 2049, TW_SPRAY);    // the far end of the same cable
    CHECK(optic.sent_bytes_s == uplink.sent_bytes_s);
    TwLoss both[2] = {{TW_LOSE_LINK, 0, 1024}, {TW_LOSE_OPTIC, 0, 2048}};
    TwRemains once;
    TwError fault;
    CHECK(tw_network_remains(g, both, 2, TW_SPRAY, &once, NULL, &fault) && once.sent_bytes_s == uplink.sent_bytes_s);

    // hashed paths collide; they still carry most of it and lose none of it
    TwRemains hashed = after(g, TW_LOSE_LEAF, -1, TW_ECMP), adaptive = after(g, TW_LOSE_LEAF, -1, TW_ADAPTIVE);
    CHECK(hashed.sent_bytes_s < adaptive.sent_bytes_s && adaptive.sent_bytes_s <= whole.sent_bytes_s * (1.0 + 1e-9));
    CHECK(hashed.sent_bytes_s > 0.4 * whole.sent_bytes_s);

    TwRemains r;
    TwError error;
    TwLoss none = {TW_LOSE_LEAF, 0, 128};
    CHECK(!tw_network_remains(g, &none, 1, TW_SPRAY, &r, NULL, &error));
    CHECK_HOLDS(error.text, "leaf 128");
    tw_graph_destroy(g);
    tw_network_destroy(network);
}

// A lost plane halves what two carry; all rails lost leave nothing, and say so.
static void planes_and_ends(void)
{
    TwGraph *g = built(32, 2, 256);
    TwRemains whole = after(g, TW_LOSE_PLANE, -1, TW_SPRAY), half = after(g, TW_LOSE_PLANE, 1, TW_SPRAY);
    CHECK_NEAR(half.sent_bytes_s, 0.5 * whole.sent_bytes_s, 1e-9);
    CHECK(half.stalled == 0 && half.rerouted == 0);
    TwLoss all[2] = {{TW_LOSE_PLANE, 0, 0}, {TW_LOSE_PLANE, 0, 1}};
    TwRemains r;
    TwError error;
    CHECK(tw_network_remains(g, all, 2, TW_SPRAY, &r, NULL, &error));
    CHECK(r.sent_bytes_s == 0.0 && r.stalled == r.flows && r.flows > 0);
    tw_graph_destroy(g);
    tw_network_destroy(network);
}

int main(void)
{
    losses_cost_what_they_must();
    planes_and_ends();

    // the visible cases of the page, without the table of measurements (test_measured has it)
    unsetenv("TOKENWORKS_REFERENCE_DATA");
    TwValidation *v = tw_validation_create("network");
    TwError error;
    CHECK(tw_validate_network(v, NULL, &error));
    CHECK(tw_validation_rows(v) > 80 && tw_validation_failures(v) == 0);
    if (check_failures) tw_validation_print(v, stderr);
    tw_validation_destroy(v);
    return check_failures != 0;
}
