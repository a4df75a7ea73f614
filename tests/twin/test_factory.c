// The composed factory: its books, its determinism, its limits.
#include "sim/sources.h"
#include "sim/version.h"
#include "tests/twin/twin.h"

static const char *const brief[] = {"run.for_s=240.0", "run.exchange_s=2.0"};
enum { BRIEF = 2 };

static TwLedger books(const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    TwWorkloadTotals totals;
    tw_workload_totals(plant->workload, tw_state_block(state), -1, &totals);
    return tw_ledger_close(tw_state_meters(state), tw_thermal_stored_j(plant->thermal, tw_state_block(state)), &totals);
}

// Electricity, heat, requests and tokens close at every instant looked at, in all three halls.
static void books_close(void)
{
    static const char *const names[] = {"facilities/dps_8rack.cfg", "facilities/hopper_hall.cfg"};
    for (int i = 0; i < 2; i++) {
        Factory f = factory(names[i], brief, BRIEF);
        for (double t = 1.0; t <= 240.0; t += 23.9) {
            advance(f.state, t);
            TwLedger ledger = books(f.state);
            CHECK(ledger.ok);
            CHECK_WITHIN(ledger.electricity_residual, 0.0, 1e-12);
            CHECK_WITHIN(ledger.heat_residual, 0.0, 1e-10);
            CHECK(ledger.requests_residual == 0 && ledger.output_tokens_residual == 0);
        }
        TwReport *report = tw_report_create(f.state, -1.0);
        CHECK(tw_report_value(report, "tokens.output_per_s") > 100.0);
        CHECK(tw_report_value(report, "power.pue") > 1.0 && tw_report_value(report, "power.pue") < 2.0);
        tw_report_destroy(report);
        factory_end(f);
    }
}

// A loss law whose heat is left out of the books is found.
static void broken_books_are_found(void)
{
    const char *const sets[] = {"run.for_s=60.0", "run.audit_fault_fraction=0.001"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 2);
    advance(f.state, 60.0);
    CHECK(!books(f.state).ok);
    factory_end(f);
}

// The same bytes for one, two and eight threads, in one go or in pieces: of even ranks, and rank by rank.
static void threads_and_pieces_change_nothing(const char *router, double until_s)
{
    uint64_t sums[4];
    const char *sets[BRIEF + 1];
    char set[80];
    snprintf(set, sizeof set, "workload.engine.rank_router=\"%s\"", router);
    for (int i = 0; i < BRIEF; i++) sets[i] = brief[i];
    sets[BRIEF] = set;
    for (int k = 0; k < 4; k++) {
        omp_set_num_threads(k == 0 ? 1 : k == 3 ? 8 : 2);
        Factory f = factory("facilities/dps_8rack.cfg", sets, BRIEF + 1);
        if (k == 2)
            for (double t = 7.3; t < until_s; t += 7.3) advance(f.state, t);    // pieces that end inside windows
        advance(f.state, until_s);
        CHECK(books(f.state).ok);
        sums[k] = tw_state_checksum(f.state);
        factory_end(f);
    }
    CHECK(sums[0] == sums[1]);
    CHECK(sums[0] == sums[2]);
    CHECK(sums[0] == sums[3]);
}

// A fork goes on exactly as the original; a restored snapshot too; a changed fork does not.
static void forks_and_snapshots_are_exact(void)
{
    Factory f = factory("facilities/dps_8rack.cfg", brief, BRIEF);
    advance(f.state, 100.0);
    TwState *fork = tw_state_fork(f.state), *other = tw_state_fork(f.state);
    size_t count;
    void *saved = tw_state_save(f.state, &count);
    CHECK(tw_state_checksum(fork) == tw_state_checksum(f.state));

    Factory g = factory("facilities/dps_8rack.cfg", brief, BRIEF);
    TwError error = {0};
    CHECK(tw_state_restore(g.state, saved, count, &error));
    CHECK(tw_state_inject(other, TW_EVENT_TARGET, 100.0, 0, 5e5));
    CHECK(!tw_state_inject(other, TW_EVENT_TARGET, 99.0, 0, 5e5));    // the past
    advance(f.state, 240.0);
    advance(fork, 240.0);
    advance(g.state, 240.0);
    advance(other, 240.0);
    CHECK(tw_state_checksum(fork) == tw_state_checksum(f.state));
    CHECK(tw_state_checksum(g.state) == tw_state_checksum(f.state));
    CHECK(tw_state_checksum(other) != tw_state_checksum(f.state));
    CHECK(tw_state_meters(other)->rack_j < tw_state_meters(f.state)->rack_j);
    CHECK(books(other).ok);

    // bytes of another facility are refused, and change nothing
    const char *const sets[] = {"run.for_s=240.0", "run.exchange_s=2.0", "run.seed=2"};
    Factory h = factory("facilities/dps_8rack.cfg", sets, 3);
    uint64_t before = tw_state_checksum(h.state);
    CHECK(!tw_state_restore(h.state, saved, count, &error));
    CHECK(!tw_state_restore(h.state, saved, count / 2, &error));
    uint64_t untouched = tw_state_checksum(g.state);
    ((unsigned char *)saved)[count / 2] ^= 1;
    CHECK(!tw_state_restore(g.state, saved, count, &error));
    CHECK_HOLDS(error.text, "damaged");
    // and so are those of other models: the seal names version and sources
    static const char build[] = TW_VERSION " " TW_SOURCES;
    ((unsigned char *)saved)[count / 2] ^= 1;
    size_t at = 0;
    while (at < 100 && memcmp((char *)saved + at, build, sizeof build) != 0) at++;
    CHECK(at < 100);
    ((char *)saved)[at + sizeof build - 2] ^= 1;
    CHECK(!tw_state_restore(g.state, saved, count, &error));
    CHECK_HOLDS(error.text, "build");
    CHECK_HOLDS(error.text, TW_SOURCES);
    CHECK(tw_state_checksum(g.state) == untouched);
    CHECK(tw_state_checksum(h.state) == before);
    free(saved);
    tw_state_destroy(fork);
    tw_state_destroy(other);
    factory_end(f);
    factory_end(g);
    factory_end(h);
}

// K24: eight racks that want their peak share 750 kW in equal parts; no element above its limit.
static void grants_are_max_min(void)
{
    Factory f = factory("facilities/dps_8rack.cfg", brief, BRIEF);
    advance(f.state, 2.0);
    for (int i = 0; i < f.plant->rack_count; i++) CHECK_NEAR(tw_state_window(f.state)->grant_w[i], 93750.0, 1e-9);
    advance(f.state, 240.0);
    CHECK(tw_state_meters(f.state)->breach_peak_fraction <= 1.0 + 1e-9);
    factory_end(f);
}

// A load target takes effect along its ramp and is then met; power returns after it.
static void load_target_is_met(void)
{
    // ranks that do not wait for each other draw what they are granted
    const char *const sets[] = {"run.for_s=400.0",
                                "run.exchange_s=2.0",
                                "events.0.at_s=100.0",
                                "events.0.until_s=300.0",
                                "workload.arrival.rate_s=3000.0",
                                "workload.engine.rank_router=\"even\""};
    Factory f = factory("facilities/dps_8rack.cfg", sets, 6);
    advance(f.state, 400.0);
    const TwMeters *m = tw_state_meters(f.state);
    CHECK_NEAR(m->target_s, 200.0, 1e-9);
    // 150 kW at 2 kW/s: 75 s of ramp, less what the clock levels below the grant leave unused
    CHECK(m->target_compliant_s > 112.5 && m->target_compliant_s < 150.0);
    CHECK(m->breach_peak_fraction <= 1.0 + 1e-9);
    CHECK(books(f.state).ok);
    factory_end(f);
}

// Losing the feed stops the racks: their requests are lost, counted, and the books still close.
static void lost_feed_is_accounted(void)
{
    const char *const sets[] = {"run.for_s=200.0",    "run.exchange_s=2.0",  "events.0.kind=lose",
                                "events.0.feed=pdu1", "events.0.at_s=101.5", "events.0.until_s=150.0"};
    Factory f = factory("facilities/dps_8rack.cfg", sets, 6);
    advance(f.state, 100.0);
    CHECK(tw_state_meters(f.state)->rack_off_s == 0.0);
    advance(f.state, 200.0);
    TwWorkloadTotals totals;
    tw_workload_totals(f.plant->workload, tw_state_block(f.state), -1, &totals);
    CHECK(totals.lost > 0);
    CHECK_NEAR(tw_state_meters(f.state)->rack_off_s, 2 * 48.5, 0.05);
    CHECK(tw_state_window(f.state)->rack_w[0] > 1e4);    // back
    CHECK(books(f.state).ok);
    factory_end(f);
}

// A store that runs empty inside a window, while the racks draw otherwise than in the window before: what they drew
// after that is named, small, and the books close.
static void empty_store_is_accounted(void)
{
    const char *const sets[] = {"run.for_s=60.0", "run.exchange_s=2.0", "power.transformer.kind=ups",
                                "power.transformer.autonomy_s=10.0", "run.seed=3"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 5);
    advance(f.state, 8.0);
    CHECK(tw_state_inject(f.state, TW_EVENT_LOSE, 9.0, 0, NAN));
    advance(f.state, 60.0);
    const TwMeters *m = tw_state_meters(f.state);
    CHECK(m->rack_off_s > 0.0);
    CHECK(m->holdup_j > 0.0 && m->holdup_j < 3e-3 * m->utility_j);
    CHECK(books(f.state).ok);
    factory_end(f);
}

// A share of time does not depend on how often power is allocated.
static void capped_time_is_counted_between_grants(void)
{
    double share[2];
    for (int k = 0; k < 2; k++) {
        const char *const sets[] = {"run.for_s=240.0", "run.exchange_s=2.0", "power.utility.limit_kw=500.0",
                                    k ? "capping.interval_s=30.0" : "capping.interval_s=2.0"};
        Factory f = factory("facilities/dps_8rack.cfg", sets, 4);
        advance(f.state, 240.0);
        const TwMeters *m = tw_state_meters(f.state);
        share[k] = m->capped_racks_s / m->rack_s;
        factory_end(f);
    }
    CHECK(share[0] > 0.5);
    CHECK_NEAR(share[1], share[0], 0.15);    // the first grant, at time zero, counts nothing for 30 s
}

// Nobody has asked for anything at time zero: the first grants count neither as demand nor as a cap.
static void grants_before_demand_count_nothing(void)
{
    const char *const sets[] = {"run.for_s=30.0", "run.exchange_s=2.0", "workload.arrival.rate_s=1e-9"};
    Factory f = factory("facilities/dps_8rack.cfg", sets, 3);
    advance(f.state, 30.0);
    const TwMeters *m = tw_state_meters(f.state);
    CHECK(m->capped_racks_s == 0.0);
    CHECK(m->demand_peak_w > 0.0 && m->demand_peak_w < 0.5 * m->rack_s / 30.0 * f.plant->racks[0].peak_w);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(strcmp(tw_report_text(report, "limits.binding"), "demand") == 0);
    tw_report_destroy(report);
    factory_end(f);
}

// Halving the exchange interval moves the headlines less than half a per cent.
static void exchange_interval_is_fine_enough(void)
{
    double tokens[2], power[2];
    for (int k = 0; k < 2; k++) {
        const char *const sets[] = {"run.for_s=600.0", k ? "run.exchange_s=5.0" : "run.exchange_s=10.0"};
        Factory f = factory("facilities/dps_8rack.cfg", sets, 2);
        advance(f.state, 600.0);
        TwReport *report = tw_report_create(f.state, -1.0);
        tokens[k] = tw_report_value(report, "tokens.output_per_s");
        power[k] = tw_report_value(report, "power.utility_mw.mean");
        tw_report_destroy(report);
        factory_end(f);
    }
    CHECK_NEAR(tokens[0], tokens[1], 0.005);
    CHECK_NEAR(power[0], power[1], 0.005);
}

// The smallest pools run and report: one sequence, few tokens an iteration, equal requests.
static void small_pools_run(void)
{
    const char *const sets[] = {"run.for_s=30.0",
                                "workload.max_sequences=1",
                                "workload.max_tokens=8",
                                "workload.lengths=constant",
                                "workload.input_tokens=100.0",
                                "workload.output_tokens=20.0",
                                "workload.arrival.rate_s=5.0",
                                "workload.arrival.kind=poisson"};
    Factory f = factory("facilities/hopper_hall.cfg", sets, 8);
    advance(f.state, 30.0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK(tw_report_value(report, "requests.completed") > 50.0);
    CHECK_NEAR(tw_report_value(report, "evidence.published") + tw_report_value(report, "evidence.assumed") +
                   tw_report_value(report, "evidence.measured") + tw_report_value(report, "evidence.transferred"),
               1.0, 1e-9);
    tw_report_destroy(report);
    factory_end(f);
}

// Each router has about as many replicas of a rack as the next; where prompts are computed apart each has
// whole racks, with replicas of either kind side by side. So a lost rack is lost to all, or to one with both of its
// halves.
static void racks_are_shared_by_routers(void)
{
    static const struct {
        const char *name, *set;
        bool apart;
    } halls[] = {{"facilities/dps_8rack.cfg", "workload.routers=4", false},
                 {"facilities/dps_8rack.cfg", "workload.routers=5", false},
                 {"facilities/hopper_hall.cfg", "run.for_s=1.0", false},
                 {"facilities/split_hall.cfg", "workload.pools.chat.routers=2", true}};
    for (size_t h = 0; h < sizeof halls / sizeof *halls; h++) {
        Factory f = factory(halls[h].name, &halls[h].set, 1);
        const TwPlant *plant = f.plant;
        const TwPoolPlan *pool = &plant->pools[0];
        CHECK(pool->cells > 1 && (pool->prefill_replicas > 0) == halls[h].apart);
        int *of = calloc((size_t)(plant->rack_count * pool->cells), sizeof *of), of_cell = 0;
        for (int c = 0, i = 0; c < pool->cells; c++, of_cell = i)
            // the dealing: of each kind so many of all, in order
            for (int kind = 1; kind >= 0; kind--) {
                int64_t n = kind ? pool->prefill_replicas : pool->replicas - pool->prefill_replicas;
                for (int64_t k = c * n / pool->cells; k < (c + 1) * n / pool->cells; k++, i++) {
                    CHECK(!pool->replica_prefill || pool->replica_prefill[i] == (kind == 1));
                    of[pool->replica_rack[i] * pool->cells + c]++;
                }
            }
        CHECK(of_cell == pool->replicas);
        for (int r = 0; r < plant->rack_count; r++) {
            int least = INT32_MAX, most = 0, routers = 0;
            for (int c = 0; c < pool->cells; c++) {
                int n = of[r * pool->cells + c];
                least = n < least ? n : least, most = n > most ? n : most, routers += n > 0;
            }
            CHECK(most == 0 || (halls[h].apart ? routers == 1 : most - least <= 2));
        }
        free(of);
        factory_end(f);
    }
}

int main(void)
{
    small_pools_run();
    racks_are_shared_by_routers();
    books_close();
    broken_books_are_found();
    threads_and_pieces_change_nothing("even", 240.0);
    threads_and_pieces_change_nothing("central", 120.0);
    forks_and_snapshots_are_exact();
    grants_are_max_min();
    load_target_is_met();
    lost_feed_is_accounted();
    empty_store_is_accounted();
    capped_time_is_counted_between_grants();
    grants_before_demand_count_nothing();
    exchange_interval_is_fine_enough();
    return check_failures != 0;
}
