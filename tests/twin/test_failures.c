// What breaks, waits for a crew and a spare, and is mended; voltage dips.
#include "tests/twin/twin.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/story.h"
#include "twin/supplies.h"

#include <unistd.h>

static int count_of(const TwState *state, TwHappening kind)
{
    const TwPlant *plant = tw_state_plant(state);
    int n = 0;
    for (int i = 0; i < tw_story_count(plant, tw_state_block(state)); i++)
        n += tw_story_entry(plant, tw_state_block(state), i)->kind == (int)kind;
    return n;
}

static const TwEntry *entry_of(const TwState *state, TwHappening kind, int which)
{
    const TwPlant *plant = tw_state_plant(state);
    for (int i = 0; i < tw_story_count(plant, tw_state_block(state)); i++) {
        const TwEntry *e = tw_story_entry(plant, tw_state_block(state), i);
        if (e->kind == (int)kind && which-- == 0) return e;
    }
    return NULL;
}

static Factory hall_with(const char *text, const char *const *sets, int count)
{
    return facility_with("facilities/hopper_hall.cfg", text, sets, count);
}

// Two racks fail while there is one crew: the second waits for it; a rack is off until mended and loaded.
static void crews_are_waited_for(void)
{
    const char *const sets[] = {"run.for_s=21600.0", "run.exchange_s=10.0", "workload.arrival.rate_s=1.0"};
    Factory f =
        hall_with("operations: { crews = ( { name = \"hall\"; } ); failures = ( { name = \"rack\"; of = \"rack\"; "
                  "mtbf_h = 2.0; mttr_h = 2.0; crew = \"hall\"; } ); };",
                  sets, 3);
    advance(f.state, 21600.0);
    int failed = count_of(f.state, TW_HAPPENED_FAILED), repaired = count_of(f.state, TW_HAPPENED_REPAIRED);
    CHECK(failed >= 4 && repaired >= 1 && repaired <= 3);    // one crew mends one rack in two hours
    for (int i = 1; i < count_of(f.state, TW_HAPPENED_REPAIR); i++)
        CHECK(entry_of(f.state, TW_HAPPENED_REPAIR, i)->time_ns -
                  entry_of(f.state, TW_HAPPENED_REPAIR, i - 1)->time_ns >=
              7200000000000LL);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    CHECK(tw_report_value(report, "service.availability") < 0.9);
    tw_report_destroy(report);

    // the same to the bit in a second run that goes in pieces
    Factory g =
        hall_with("operations: { crews = ( { name = \"hall\"; } ); failures = ( { name = \"rack\"; of = \"rack\"; "
                  "mtbf_h = 2.0; mttr_h = 2.0; crew = \"hall\"; } ); };",
                  sets, 3);
    for (double t = 1777.0; t < 21600.0; t += 1777.0) advance(g.state, t);
    advance(g.state, 21600.0);
    CHECK(tw_state_checksum(f.state) == tw_state_checksum(g.state));
    factory_end(f);
    factory_end(g);
}

// A GPU takes its replica along, and nothing else; a warm spare brings it back.
static void gpus_take_their_replica(void)
{
    const char *const sets[] = {"run.for_s=7200.0", "run.exchange_s=10.0", "workload.arrival.rate_s=20.0"};
    Factory f = hall_with("operations: { failures = ( { name = \"gpu\"; of = \"gpu\"; mtbf_h = 500.0; mttr_h = 24.0; "
                          "swap_h = 0.25; spares = 8; } ); };",
                          sets, 3);
    advance(f.state, 7200.0);
    CHECK(count_of(f.state, TW_HAPPENED_FAILED) > 0 && count_of(f.state, TW_HAPPENED_SWAPPED) > 0);
    CHECK(tw_state_meters(f.state)->rack_off_s == 0.0);
    const TwEntry *failed = entry_of(f.state, TW_HAPPENED_FAILED, 0);
    double down_s = failed->rack_s / (4.0 / (double)f.plant->racks[0].serving_gpus);    // replicas of four GPUs
    double load_s = f.plant->replica_weight_bytes[0] / 4.0 / f.plant->restart.load_bytes_s + f.plant->restart.warmup_s;
    CHECK_WITHIN(down_s, 900.0 + load_s, 11.0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

// Six dips in 82 s: the store leaves at the third inside a minute, at 35 s, and stays away until it is reset.
static void dips_latch_a_store(void)
{
    const char *const sets[] = {"run.for_s=400.0", "run.exchange_s=2.0", "power.transformer.kind=ups",
                                "power.transformer.autonomy_s=600.0", "operations.ride_through.return_s=5.0"};
    char text[1200] = "events = (";
    static const double at_s[] = {0, 20, 35, 50, 65, 82};
    for (int i = 0; i < 6; i++)
        sprintf(text + strlen(text),
                "{ at_s = %.1f; kind = \"dip\"; element = \"utility\"; voltage_fraction = 0.75; for_s = 0.3; }, ",
                60.0 + at_s[i]);
    strcat(text, "{ at_s = 200.0; kind = \"reset\"; element = \"transformer\"; } );");
    Factory f = hall_with(text, sets, 5);
    advance(f.state, 399.0);
    CHECK(count_of(f.state, TW_HAPPENED_DIP) == 6);
    CHECK(count_of(f.state, TW_HAPPENED_LATCHED) == 1);
    CHECK(entry_of(f.state, TW_HAPPENED_LATCHED, 0)->time_ns == 95000000000LL);
    CHECK(count_of(f.state, TW_HAPPENED_RACKS_DEAD) == 0);
    CHECK(entry_of(f.state, TW_HAPPENED_DIP, 0)->watts > 5e4);
    CHECK(entry_of(f.state, TW_HAPPENED_DIP, 3)->watts < 1.0);
    CHECK(count_of(f.state, TW_HAPPENED_OFF_STORE) == 3);    // after the first, the second and the reset
    CHECK(entry_of(f.state, TW_HAPPENED_OFF_STORE, 2)->time_ns == 200000000000LL);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

// Maintenance that would darken racks is put off.
static void maintenance_asks_first(void)
{
    const char *const sets[] = {"run.for_s=60.0", "run.exchange_s=2.0"};
    Factory f =
        hall_with("operations: { maintenance = ( { name = \"m\"; element = \"pdu1\"; at_s = 10.0; for_s = 20.0; }, "
                  "{ name = \"n\"; element = \"pdu2\"; at_s = 10.0; for_s = 20.0; force = true; } ); };",
                  sets, 2);
    advance(f.state, 60.0);
    CHECK(count_of(f.state, TW_HAPPENED_REFUSED) == 1);
    CHECK(count_of(f.state, TW_HAPPENED_MAINTAIN) == 1);
    CHECK(entry_of(f.state, TW_HAPPENED_REFUSED, 0)->value == 4.0);
    CHECK_NEAR(tw_state_meters(f.state)->rack_off_s, 4 * 20.0, 1e-9);
    factory_end(f);
}

// What a second cord or source carries is no loss; what a store carries is one, and so is coolant.
static void maintenance_sees_second_sources(void)
{
    static const struct {
        const char *element;
        int racks, supply;    // put off for so many; 0: done
    } works[] = {{"ups_a", 0, 0}, {"pdu_a1", 0, 0}, {"utility_a", 0, 0}, {"house", 16, 0}};
    for (size_t k = 0; k < sizeof works / sizeof *works; k++) {
        char work[160];
        snprintf(work, sizeof work,
                 "operations.maintenance+={ name = \"m\"; element = \"%s\"; at_s = 2.0; for_s = 4.0; }",
                 works[k].element);
        const char *const sets[] = {"run.for_s=8.0", "run.exchange_s=2.0", "workload.arrival.rate_s=1.0", work};
        Factory f = factory("facilities/hall_2n.cfg", sets, 4);
        advance(f.state, 8.0);
        CHECK(count_of(f.state, TW_HAPPENED_REFUSED) == (works[k].racks > 0));
        CHECK(count_of(f.state, TW_HAPPENED_MAINTAIN) == (works[k].racks == 0));
        if (works[k].racks) {
            CHECK(entry_of(f.state, TW_HAPPENED_REFUSED, 0)->value == works[k].racks);
            CHECK(entry_of(f.state, TW_HAPPENED_REFUSED, 0)->count == works[k].supply);
        } else if (k < 2) {
            // the loss of the other side would now stop what hangs on both
            CHECK(entry_of(f.state, TW_HAPPENED_MAINTAIN, 0)->value == (k == 0 ? 16.0 : 4.0));
        }
        CHECK(tw_state_meters(f.state)->rack_off_s == 0.0);
        factory_end(f);
    }
    static const char *const sets[] = {"run.for_s=8.0", "workload.arrival.rate_s=1.0"};
    Factory f =
        facility_with("facilities/block_gb300.cfg",
                      "operations: { maintenance = ( { name = \"m\"; element = \"utility\"; at_s = 2.0; for_s = "
                      "4.0; } ); };",
                      sets, 2);
    advance(f.state, 8.0);
    CHECK(count_of(f.state, TW_HAPPENED_REFUSED) == 1);    // its UPS would end
    CHECK(count_of(f.state, TW_HAPPENED_MAINTAIN) == 0);
    factory_end(f);
}

// Supplies and whole shelves fail: racks are held to what the rest carries, dark without any.
static void supplies_carry_what_they_can(void)
{
    const char *const sets[] = {"run.for_s=5400.0", "run.exchange_s=10.0", "workload.arrival.rate_s=400.0"};
    Factory f =
        facility_with("facilities/feed_1mw.cfg",
                      "operations: { failures = ( { name = \"psu\"; of = \"supply\"; mtbf_h = 6.0; mttr_h = 1.0; },"
                      "{ name = \"shelf\"; of = \"shelf\"; mtbf_h = 4.0; mttr_h = 2.0; } ); };",
                      sets, 3);
    CHECK(f.plant->failures.classes[0].count == 7 * 8 * 6 && f.plant->failures.classes[1].count == 7 * 8);
    int short_of = 0;
    for (double t = 600.0; t <= 5400.0; t += 600.0) {
        advance(f.state, t);
        const void *block = tw_state_block(f.state);
        for (int i = 0; i < f.plant->rack_count; i++) {
            int live = ((const int32_t *)tw_at_const(block, f.plant->slot.supplies))[i];
            double most_w = tw_supplies_most_w(f.plant, block, i);
            CHECK(live <= 48);
            CHECK(tw_state_window(f.state)->rack_w[i] <= most_w * (1.0 + 1e-6));
            short_of += most_w < f.plant->racks[i].peak_w;
            if (live <= 0 || live == 48) continue;
            // the law at the rating of what lives
            double dc_w = 0.5 * live * 5500.0;
            CHECK_NEAR(dc_w / tw_supplies_ac_w(f.plant, block, i, dc_w), 0.975, 1e-6);
        }
    }
    CHECK(short_of > 0 && count_of(f.state, TW_HAPPENED_SUPPLIES) > 0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);
}

// Leaves of the fabric and parts of the cooling plant: out, felt, mended.
static void switches_and_cooling_fail(void)
{
    const char *const sets[] = {"run.for_s=14400.0", "run.exchange_s=10.0", "workload.arrival.rate_s=5.0"};
    Factory f =
        facility_with("facilities/feed_1mw.cfg",
                      "operations: { failures = ( { name = \"leaf\"; of = \"leaf\"; mtbf_h = 12.0; mttr_h = 0.2; },"
                      "{ name = \"unit\"; of = \"cooling\"; act = \"unit_out\"; mtbf_h = 2.0; mttr_h = 0.5; },"
                      "{ name = \"pump\"; of = \"cooling\"; act = \"pump_trip\"; mtbf_h = 1.0; mttr_h = 0.3; } ); };",
                      sets, 3);
    advance(f.state, 14400.0);
    int out = count_of(f.state, TW_HAPPENED_FABRIC), back = count_of(f.state, TW_HAPPENED_FABRIC_END);
    CHECK(out > 0 && out - back >= 0 && back > 0);
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    double mean = tw_report_value(report, "network.throughput_fraction.mean");
    CHECK(mean < 1.0 && mean > tw_report_value(report, "network.throughput_fraction.min"));
    CHECK(tw_report_value(report, "network.bytes_residual") < 1e-9);
    tw_report_destroy(report);
    bool classes[3] = {false, false, false};
    for (int i = 0, n = count_of(f.state, TW_HAPPENED_REPAIRED); i < n; i++)
        classes[entry_of(f.state, TW_HAPPENED_REPAIRED, i)->target] = true;
    CHECK(classes[0] && classes[1] && classes[2]);
    // a fork mends the same parts
    factory_end(f);
}

// Racks, CDUs, switches and cables are taken out as planned too; what cools running racks only with force, after they
// are down.
static void maintenance_of_all_parts(void)
{
    const char *const sets[] = {"run.for_s=300.0", "run.exchange_s=2.0"};
    Factory f =
        facility_with("facilities/dps_8rack.cfg",
                      "operations: { maintenance = ( { name = \"r\"; of = \"rack\"; element = \"a1\"; at_s = "
                      "10.0; for_s = 20.0; }, { name = \"c\"; of = \"cdu\"; element = \"cdu1\"; at_s = 40.0; for_s "
                      "= 20.0; }, { name = \"d\"; of = \"cdu\"; element = \"cdu1\"; at_s = 100.0; for_s = 20.0; "
                      "force = true; } ); };",
                      sets, 2);
    advance(f.state, 300.0);
    CHECK(count_of(f.state, TW_HAPPENED_WORK) == 2 && count_of(f.state, TW_HAPPENED_WORK_END) == 2);
    CHECK(count_of(f.state, TW_HAPPENED_WORK_REFUSED) == 1);
    int cooled = 0;
    for (int i = 0; i < f.plant->rack_count; i++) cooled += f.plant->racks[i].cdu == 0;
    CHECK(cooled > 0 && entry_of(f.state, TW_HAPPENED_WORK_REFUSED, 0)->count == cooled);
    CHECK_NEAR(tw_state_meters(f.state)->rack_off_s, (1 + cooled) * 20.0, 1e-9);
    CHECK(count_of(f.state, TW_HAPPENED_SHUTDOWN) == 0);    // they are down before the coolant stands
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report));
    tw_report_destroy(report);
    factory_end(f);

    // of three CDUs on a manifold two carry the racks: one is taken out without them, a second at the same time is not
    const char *const quiet[] = {"run.for_s=100.0", "run.exchange_s=2.0"};
    f = facility_with(
        "facilities/reference/spare_cdu.cfg",
        "operations: { maintenance = ( { name = \"c\"; of = \"cdu\"; element = \"cdu2\"; at_s = 10.0; for_s "
        "= 40.0; }, { name = \"d\"; of = \"cdu\"; element = \"cdu1\"; at_s = 30.0; for_s = 20.0; } ); };",
        quiet, 2);
    advance(f.state, 100.0);
    CHECK(count_of(f.state, TW_HAPPENED_WORK) == 1 && count_of(f.state, TW_HAPPENED_WORK_END) == 1);
    CHECK(count_of(f.state, TW_HAPPENED_WORK_REFUSED) == 1);
    CHECK(entry_of(f.state, TW_HAPPENED_WORK, 0)->count == 0);
    CHECK(tw_state_meters(f.state)->rack_off_s == 0.0 && count_of(f.state, TW_HAPPENED_SHUTDOWN) == 0);
    factory_end(f);

    f = hall_with(
        "operations: { maintenance = ( { name = \"l\"; of = \"leaf\"; index = 1; at_s = 10.0; for_s = 20.0; }, "
        "{ name = \"k\"; of = \"link\"; index = 0; at_s = 50.0; for_s = 20.0; } ); };",
        sets, 2);
    advance(f.state, 20.0);
    CHECK(tw_fabric_now(f.plant, tw_state_block(f.state))->throughput < 1.0);
    advance(f.state, 60.0);
    double cable = tw_fabric_now(f.plant, tw_state_block(f.state))->throughput;
    CHECK(cable < 1.0 && cable > 0.9);
    advance(f.state, 300.0);
    CHECK(tw_fabric_now(f.plant, tw_state_block(f.state))->throughput == 1.0);
    CHECK(count_of(f.state, TW_HAPPENED_WORK) == 2 && count_of(f.state, TW_HAPPENED_WORK_END) == 2);
    factory_end(f);
}

// Cables and optics one by one: hundreds of parts, one crew, each repair brings its own back.
static void links_and_optics_fail(void)
{
    const char *const sets[] = {"run.for_s=7200.0", "run.exchange_s=10.0", "workload.arrival.rate_s=1.0"};
    Factory f =
        hall_with("operations: { crews = ( { name = \"net\"; } ); failures = ( { name = \"cables\"; of = \"link\"; "
                  "mtbf_h = 200.0; mttr_h = 0.1; crew = \"net\"; }, { name = \"optics\"; of = \"optic\"; mtbf_h = "
                  "200.0; mttr_h = 0.1; crew = \"net\"; spares = 400; } ); };",
                  sets, 3);
    const TwFailureClass *classes = f.plant->failures.classes;
    CHECK(classes[0].count == f.plant->network->links && classes[1].count == 2 * classes[0].count);
    advance(f.state, 7200.0);
    CHECK(count_of(f.state, TW_HAPPENED_FABRIC) > 1 && count_of(f.state, TW_HAPPENED_REPAIRED) > 0);
    CHECK(count_of(f.state, TW_HAPPENED_FABRIC_END) == count_of(f.state, TW_HAPPENED_REPAIRED));
    TwReport *report = tw_report_create(f.state, -1.0);
    CHECK(tw_report_ok(report) && tw_report_value(report, "network.throughput_fraction.mean") < 1.0);
    tw_report_destroy(report);
    factory_end(f);
}

int main(void)
{
    crews_are_waited_for();
    gpus_take_their_replica();
    dips_latch_a_store();
    maintenance_asks_first();
    maintenance_sees_second_sources();
    supplies_carry_what_they_can();
    switches_and_cooling_fail();
    maintenance_of_all_parts();
    links_and_optics_fail();
    return check_failures != 0;
}
