#include "tests/check.h"
#include "tests/viz/synthetic.h"
#include "viz/view.h"

static const TwSankeyNode *named(const TwSankey *k, const char *name)
{
    for (int i = 0; i < k->node_count; i++)
        if (strcmp(k->nodes[i].name, name) == 0) return &k->nodes[i];
    return NULL;
}

// VW15: what comes into a node leaves it, as drawn, and a pixel is the same power everywhere
static void widths_are_to_scale_and_balance(void)
{
    Synthetic *m = synthetic_create(8, 10, 0.1);
    TwSankey k;
    tw_sankey_layout(&k, &m->scene, (TwBox){20.0, 60.0, 1800.0, 900.0});
    CHECK(k.ribbon_count == m->scene.flow_count);
    CHECK(k.px_per_w > 0.0);
    for (int n = 0; n < k.node_count; n++) {
        double in = 0.0, out = 0.0;
        for (int i = 0; i < k.ribbon_count; i++) {
            if (k.ribbons[i].to == n) in += k.ribbons[i].h;
            if (k.ribbons[i].from == n) out += k.ribbons[i].h;
        }
        if (in > 0.0 && out > 0.0) CHECK_NEAR(in, out, 1e-9);
        CHECK_NEAR(fmax(in, out), k.nodes[n].h, 1e-9);
        CHECK(k.nodes[n].y >= 60.0 && k.nodes[n].y + k.nodes[n].h <= 960.0);
    }
    for (int i = 0; i < k.ribbon_count; i++)
        if (!m->scene.flows[i].tokens) CHECK_NEAR(k.ribbons[i].h / k.px_per_w, m->scene.flows[i].value_w, 1e-9);
    synthetic_destroy(m);
}

// tokens/s are no watts: that ribbon carries the power that is left in its node
static void tokens_take_the_power_that_makes_them(void)
{
    Synthetic *m = synthetic_create(8, 10, 0.1);
    TwSankey k;
    tw_sankey_layout(&k, &m->scene, (TwBox){0.0, 0.0, 1000.0, 600.0});
    CHECK_NEAR(named(&k, "Output tokens")->in_w, 431e3, 1e-12);
    CHECK(named(&k, "Decode")->useful && named(&k, "Grid")->useful);
    CHECK(!named(&k, "Cooling")->useful && !named(&k, "Idle")->useful);
    CHECK(named(&k, "Grid")->column == 0 && named(&k, "Output tokens")->column == 5);
    synthetic_destroy(m);
}

static void empty_and_broken_flows_do_not_divide_by_zero(void)
{
    Synthetic *m = synthetic_create(1, 10, 0.1);
    TwSankey k;
    for (int i = 0; i < SYNTHETIC_FLOWS; i++) m->flows[i].value_w = i % 3 == 0 ? NAN : i % 3 == 1 ? 0.0 : -1.0;
    tw_sankey_layout(&k, &m->scene, (TwBox){0.0, 0.0, 100.0, 20.0});
    for (int i = 0; i < k.ribbon_count; i++) CHECK(isfinite(k.ribbons[i].h) && k.ribbons[i].h >= 0.0);
    m->scene.flow_count = 0;
    tw_sankey_layout(&k, &m->scene, (TwBox){0.0, 0.0, 100.0, 20.0});
    CHECK(k.node_count == 0);
    synthetic_destroy(m);
}

int main(void)
{
    widths_are_to_scale_and_balance();
    tokens_take_the_power_that_makes_them();
    empty_and_broken_flows_do_not_divide_by_zero();
    return check_failures != 0;
}
