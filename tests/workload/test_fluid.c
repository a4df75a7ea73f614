// Requests as a flow against the same requests one by one: tokens, energy, how many are in the system, latencies and
// goodput; with clocks and caps, more than can be served, and racks that lose their supply. Balances hold in whole
// numbers throughout.
#include "tests/workload/flow_hall.h"

// Both ways from 60 to 360 s: the flow's tokens, energy and requests in the system, relative.
static void compare(const char *what, Load load, double clock, double cap_w, double within)
{
    enum { LATENCIES = 4 };
    static const char *const names[LATENCIES] = {"TTFT", "TPOT", "E2E", "ITL"};
    static const int which[LATENCIES] = {TW_TTFT, TW_TPOT, TW_E2E, TW_ITL};
    static TwSketch sketch[2][LATENCIES];
    double tokens[2], joules[2], system[2], turned[2], good[2], bytes[2], wire_s[2];
    for (int way = 0; way < 2; way++) {
        static Hall h;
        TwWorkloadTotals a, b;
        load.fluid = way == 1;
        open_hall(&h, &load);
        for (int k = 0; k < RACKS; k++) h.clock[k] = clock, h.cap_w[k] = cap_w;
        go_to(&h, 60.0, &a);
        system[way] = 0.0;
        for (int k = 0; k < 10; k++) {
            go_to(&h, 90.0 + 30.0 * k, &b);
            system[way] += 0.1 * (double)(b.running + b.waiting);
        }
        tokens[way] = (double)(b.output_tokens_done - a.output_tokens_done);
        joules[way] = b.device_j - a.device_j;
        bytes[way] = (double)(b.transfer_bytes - a.transfer_bytes);
        wire_s[way] = b.transfer_s / fmax((double)b.transfers, 1.0);
        turned[way] = (double)(b.rejected + b.cancelled - a.rejected - a.cancelled);
        good[way] = (double)b.good / (double)b.measured_completed;
        for (int k = 0; k < LATENCIES; k++) tw_workload_sketch(h.workload, h.block, 0, which[k], &sketch[way][k]);
        close_hall(&h);
    }
    printf("%-28s tokens %+.2f %%, energy %+.2f %%, in the system %.0f for %.0f, turned away %.0f for %.0f\n", what,
           100.0 * (tokens[1] / tokens[0] - 1.0), 100.0 * (joules[1] / joules[0] - 1.0), system[1], system[0],
           turned[1], turned[0]);
    CHECK_WITHIN(tokens[1], tokens[0], within * tokens[0]);
    CHECK_WITHIN(joules[1], joules[0], within * joules[0]);
    CHECK_WITHIN(system[1], system[0], 5.0 * within * system[0] + 6.0);
    CHECK_WITHIN(turned[1], turned[0], 10.0 * within * turned[0] + 300.0);
    if (bytes[0] > 0.0) printf("    on the wire %.4f s for %.4f\n", wire_s[1], wire_s[0]);
    CHECK_WITHIN(bytes[1], bytes[0], within * bytes[0]);
    // beside prompts that are computed where they decode: latencies of the wire, and gaps of two kinds of steps
    bool mixed = load.prompts_wait > 0;
    CHECK_WITHIN(wire_s[1], wire_s[0], 0.10 * wire_s[0] + (mixed ? 5e-4 : 0.0));
    printf("    within limits %.3f for %.3f", good[1], good[0]);
    CHECK_WITHIN(good[1], good[0], 0.03);
    for (int k = 0; k < LATENCIES; k++) {
        printf("; %s", names[k]);
        for (int q = 0; q < 2; q++) {
            double at = q ? 0.99 : 0.5, flow = tw_sketch_quantile(&sketch[1][k], at);
            double exact = tw_sketch_quantile(&sketch[0][k], at);
            printf(" p%g %+.1f %%", 100.0 * at, 100.0 * (flow / exact - 1.0));
            // one in a hundred first tokens of one run is chance: five seeds -2 to +17 %
            CHECK_WITHIN(flow, exact, (mixed && k == 3 ? 0.25 : !q ? 0.10 : k == 0 ? 0.20 : 0.15) * exact);
        }
    }
    printf("\n");
}

// Half the racks go dark for a minute: what they had is lost, or served by the others.
static void supply_lost(bool retry, bool all, int prompts)
{
    static Hall h;
    TwWorkloadTotals a, b;
    open_hall(&h, &(Load){.rate_s = 50.0, .retry = retry, .fluid = true, .prompts = prompts});
    go_to(&h, 100.0, &a);
    CHECK(a.lost == 0 && a.rejected == 0 && a.running > 25);
    for (int k = 0; k < RACKS; k++) h.on[k] = !all && k % 2 == 0;
    go_to(&h, 160.0, &b);
    CHECK(h.joules[1] == 0.0 && h.tokens[1] == 0.0 && h.demand_w[1] == 0.0);
    if (all) {
        CHECK(b.running + b.waiting == 0 && b.lost == a.running + a.waiting);
        CHECK(llabs(b.rejected - 3000) < 150);    // who comes meanwhile
    } else {
        CHECK(retry ? b.lost == 0 && b.retried > 10 : b.lost > 10 && b.retried == 0);
        CHECK(b.rejected == 0 && b.output_tokens_done > a.output_tokens_done);
    }
    for (int k = 0; k < RACKS; k++) h.on[k] = true;
    go_to(&h, 220.0, &a);
    CHECK(a.completed > b.completed && h.joules[1] > 0.0);
    CHECK(prompts == 0 || (a.transfers > b.transfers && a.prefill_busy_s > b.prefill_busy_s));
    close_hall(&h);
}

int main(void)
{
    compare("little", (Load){.rate_s = 20.0}, 1.0, INFINITY, 0.04);
    compare("half of what is served", (Load){.rate_s = 60.0}, 1.0, INFINITY, 0.02);
    compare("limits that bind", (Load){.rate_s = 90.0, .ttft_slo_s = 0.028, .tpot_slo_s = 0.009}, 1.0, INFINITY, 0.02);
    compare("drafts drawn", (Load){.rate_s = 60.0, .draft = 2}, 1.0, INFINITY, 0.03);
    compare("lengths that hardly scatter", (Load){.rate_s = 60.0, .lengths = "uniform"}, 1.0, INFINITY, 0.02);
    compare("more than is served", (Load){.rate_s = 160.0}, 1.0, INFINITY, 0.02);
    compare("people who give up", (Load){.rate_s = 160.0, .patience_s = 2.0}, 1.0, INFINITY, 0.03);
    compare("two thirds of the clock", (Load){.rate_s = 60.0}, 0.66, INFINITY, 0.03);
    compare("capped to 700 W a rack", (Load){.rate_s = 60.0}, 1.0, 700.0, 0.03);
    compare("capped, and too much", (Load){.rate_s = 160.0}, 1.0, 550.0, 0.03);
    const Load apart = {.rate_s = 45.0, .prompts = 2, .local_tokens = 400, .link_bytes_s = 6e9};
    compare("longer prompts apart, slowly", apart, 1.0, INFINITY, 0.03);
    Load full = {.rate_s = 45.0, .prompts = 1, .prompts_wait = 2};
    compare("prompts elsewhere, seldom", full, 1.0, INFINITY, 0.03);
    full.rate_s = 70.0;
    compare("often", full, 1.0, INFINITY, 0.03);
    compare("often, at two thirds", full, 0.66, INFINITY, 0.03);
    supply_lost(false, false, 0);
    supply_lost(true, false, 0);
    supply_lost(false, true, 0);
    supply_lost(true, false, 2);
    return check_failures != 0;
}
