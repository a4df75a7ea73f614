// The elements of a running factory, and that a result file shows the same ones with the same values.
#include "tests/viz/recorded.h"
#include "tests/viz/scratch.h"
#include "twin/live.h"
#include "viz/viz.h"

#include <time.h>

// one window an interval, so that a mean is the value
static const char *const sets[] = {"run.for_s=600", "run.exchange_s=60", "run.component_s=60", "run.series_s=60",
                                   "workload.arrival.rate_s=100"};

static int element(const TwScene *s, const char *id)
{
    int e = tw_scene_element_of(s, tw_scene_find(s, id));
    CHECK(e >= 0);
    return e;
}

// Runs ten minutes with the loss of a PDU at five, writes the result.
static void run(Factory *f, TwSceneMaker *maker, const char *path)
{
    TwError error = {0};
    TwRecord *record = NULL;
    const TwRecordHead head = {"test", "tokenworks", "tokenworks-run-1", f->plant->start};
    CHECK(tw_record_create(&record, path, true, &head, &f->plant->record, &error));
    int pdu2 = 0;
    while (strcmp(f->plant->element_names[pdu2], "pdu2") != 0) pdu2++;
    CHECK(tw_state_inject(f->state, TW_EVENT_LOSE, 300.0, pdu2, 0.0));
    for (double t = 60.0; t <= 600.0; t += 60.0) {
        CHECK(tw_state_advance(f->state, t, record, NULL, &error));
        tw_scene_maker_sample(maker, f->state);
    }
    tw_scene_maker_lose_all(maker, f->state);
    record_scene(record, tw_scene_maker_scene(maker, f->state));
}

static void same_values(const TwScene *live, const TwScene *shown)
{
    CHECK(shown->element_count == live->element_count && shown->class_count == live->class_count);
    for (int e = 0; e < live->element_count && e < shown->element_count; e++) {
        CHECK_TEXT(shown->elements[e].id, live->elements[e].id);
        CHECK(shown->elements[e].parent == live->elements[e].parent);
        CHECK(tw_scene_state(shown, e) == tw_scene_state(live, e));
        const TwSceneElement *a = &live->elements[e], *b = &shown->elements[e];
        CHECK(a->rack_count == b->rack_count);
        for (int k = 0; k < a->rack_count && k < b->rack_count; k++)
            CHECK(live->element_racks[a->rack + k] == shown->element_racks[b->rack + k]);
        const TwSceneClass *c = &live->classes[live->elements[e].of];
        for (int k = c->field; k < c->field + c->field_count; k++) {
            double a = tw_scene_value_at(live, e, k), b = tw_scene_value_at(shown, e, k);
            if (isnan(a) || isnan(b))
                CHECK(isnan(a) && isnan(b));
            else
                CHECK(fabs(a - b) <= 0x1p-11 * fabs(a) + 1e-30);    // recorded with 12 bits
            double x = tw_scene_limit_at(live, e, k), y = tw_scene_limit_at(shown, e, k);
            CHECK(x == y || (isnan(x) && isnan(y)) || fabs(x - y) < 1e-5 * fabs(x));
        }
    }
}

static const TwSceneKpi *kpi_of(const TwScene *s, const char *name)
{
    for (int k = 0; k < s->kpi_count; k++)
        if (strcmp(s->kpis[k].name, name) == 0) return &s->kpis[k];
    abort();
}

// Key figures of a replay: at the end those of the report, before it what they were then; the history of all of them,
// TTFT, cost and what limited the run too, is the same live and recorded.
static void key_figures_have_a_course(const TwScene *live, TwReplay *replay, double early_s)
{
    static const char *const series[] = {"ttft_p99_s", "usd_per_million_output_tokens", "binding"};
    const TwScene *s = tw_replay_scene(replay, live->time_s);
    for (int k = 0; k < live->kpi_count; k++) {
        double a = live->kpis[k].value, b = s->kpis[k].value;
        CHECK((isnan(a) && isnan(b)) || fabs(a - b) <= 1e-12 * fabs(a));
        CHECK(strcmp(live->kpis[k].text, s->kpis[k].text) == 0);
    }
    for (size_t n = 0; n < sizeof series / sizeof *series; n++)
        for (int i = 0; i < live->series_count; i++) {
            const TwSceneSeries *a = &live->series[i], *b = &s->series[i];
            if (strcmp(a->name, series[n]) != 0) continue;
            CHECK(a->count > 5 && a->count == b->count);
            for (int p = 0; p < a->count && p < b->count; p++) {
                CHECK(fabs(a->time_s[p] - b->time_s[p]) < 1e-6);
                CHECK((isnan(a->mean[p]) && isnan(b->mean[p])) ||
                      fabsf(a->mean[p] - b->mean[p]) <= 0x1p-11f * fabsf(a->mean[p]));
            }
        }
    double last = kpi_of(live, "tokens.output_per_s")->value,
           cost = kpi_of(live, "tokens.usd_per_million_output_tokens")->value;
    s = tw_replay_scene(replay, early_s);
    CHECK(kpi_of(s, "tokens.output_per_s")->value < 0.99 * last);    // it had only begun
    CHECK(kpi_of(s, "tokens.usd_per_million_output_tokens")->value > 1.01 * cost);
    CHECK(kpi_of(s, "limits.binding")->text[0] != '\0');
    CHECK(fabs(kpi_of(tw_replay_scene(replay, live->time_s), "tokens.output_per_s")->value / last - 1.0) < 1e-12);
}

// The window's engine is told what is selected, and its next picture holds the N-1 of that, paused too.
static void a_live_run_tells_n_minus_1(const TwPlant *plant)
{
    TwLive *live;
    TwError error = {0};
    CHECK(tw_live_create(&live, plant, &(TwLiveOptions){.speed = 1.0, .paused = true}, &error));
    int wanted = tw_scene_find(tw_live_shot(live)->scene, "element/pdu2");
    for (int round = 0; round < 2; round++) {
        tw_live_select(live, round ? -1 : wanted);
        const TwScene *s = tw_live_shot(live)->scene;
        for (int i = 0; i < 4000 && s->loss_count != !round; i++) {
            nanosleep(&(struct timespec){0, 5000000}, NULL);
            s = tw_live_shot(live)->scene;
        }
        CHECK(s->loss_count == !round);
        if (round == 0 && s->loss_count == 1) {
            CHECK(tw_scene_thing_of(s, s->losses[0].lost) == wanted);
            CHECK(s->losses[0].dropped_w > 1e3);
        }
    }
    tw_live_destroy(live);
}

// What a run sends, switch by switch: its fullest link is that of the fabric's own series, live and recorded; what is
// known of the test traffic stays beside it.
static void switches_tell_what_the_run_sends(void)
{
    static const char *const spans[] = {"run.for_s=120", "run.component_s=10"};
    char path[320];
    TwError error = {0};
    Factory f = factory("facilities/split_hall.cfg", spans, 2);
    TwSceneMaker *maker = tw_scene_maker_create(f.plant, 64);
    const TwScene *live = recorded_until(&f, maker, 120.0, scratch_path(path, "switches.h5"));
    TwReplay *replay = NULL;
    CHECK(tw_replay_open(&replay, path, &error));
    const TwScene *shown = tw_replay_scene(replay, 120.0);
    int class = tw_scene_class(live, "switch"), fabric = live->classes[tw_scene_class(live, "fabric")].first;
    double fullest = 0.0;
    for (int k = 0; k < live->classes[class].count; k++) {
        int e = live->classes[class].first + k;
        static const char *const fields[] = {"sent_fraction",      "sent_hot_fraction", "sent_mean_fraction",
                                             "sent_most_fraction", "used_fraction",     "live_fraction"};
        for (size_t n = 0; n < sizeof fields / sizeof *fields; n++) {
            double a = tw_scene_value(live, e, fields[n]), b = tw_scene_value(shown, e, fields[n]);
            CHECK(a >= 0.0 && fabs(a - b) <= 0x1p-11 * a);
        }
        fullest = fmax(fullest, tw_scene_value(live, e, "sent_hot_fraction"));
        CHECK(tw_scene_value(live, e, "sent_most_fraction") >= tw_scene_value(live, e, "sent_mean_fraction"));
    }
    CHECK(fullest > 0.1);
    CHECK_NEAR(fullest, tw_scene_value(live, fabric, "fullest_fraction"), 1e-6);
    tw_replay_close(replay);
    tw_scene_maker_destroy(maker);
    factory_end(f);
}

// Generation below a board stands at that board's voltage, not at none.
static void generation_has_the_voltage_of_its_bus(void)
{
    static const char *const spans[] = {"run.for_s=20", "workload.arrival.rate_s=100"};
    Factory f = factory("facilities/hall_4to3.cfg", spans, 2);
    TwSceneMaker *maker = tw_scene_maker_create(f.plant, 64);
    advance(f.state, 20.0);
    const TwScene *s = tw_scene_maker_scene(maker, f.state);
    double bus_v = tw_scene_value(s, element(s, "element/board"), "volts_v");
    CHECK(bus_v > 19000.0 && bus_v < 20001.0);
    CHECK(tw_scene_value(s, element(s, "element/turbine"), "volts_v") == bus_v);
    CHECK(!(tw_scene_value(s, element(s, "element/diesel"), "volts_v") > 0.0));    // nobody has called it
    tw_scene_maker_destroy(maker);
    factory_end(f);
}

int main(void)
{
    scratch_begin();
    generation_has_the_voltage_of_its_bus();
    switches_tell_what_the_run_sends();
    char path[320];
    Factory f = factory("facilities/dps_8rack.cfg", sets, 5);
    TwSceneMaker *maker = tw_scene_maker_create(f.plant, 64);
    run(&f, maker, scratch_path(path, "elements.h5"));

    // tree, racks and states of the live factory
    const TwScene *live = tw_scene_maker_scene(maker, f.state);
    int pdu1 = element(live, "element/pdu1"), pdu2 = element(live, "element/pdu2"),
        house = element(live, "element/house");
    int cdu = element(live, "cdu/cdu1"), plant = element(live, "plant/plant"), pool = element(live, "pool/serving");
    CHECK(tw_scene_state(live, pdu2) == TW_IS_OPEN && tw_scene_state(live, pdu1) == TW_IS_NORMAL);
    CHECK(live->elements[pdu1].parent == element(live, "element/switchboard") && live->elements[pdu1].rack_count == 2);
    CHECK(live->elements[element(live, "load/cdu1.pumps")].parent == house);
    CHECK(live->elements[pool].rack_count == 8);    // each once
    CHECK(live->elements[cdu].parent == plant && live->elements[cdu].rack_count == 8);
    CHECK(live->racks[2].on[TW_OF_POWER] == pdu2 && live->racks[2].on[TW_OF_COOLING] == cdu);
    CHECK(live->racks[2].on[TW_OF_SERVING] == pool && live->racks[2].on[TW_OF_NETWORK] >= 0);
    CHECK(tw_scene_value(live, pdu2, "element_w") < 1.0);
    CHECK(tw_scene_value(live, pool, "live_replicas") < tw_scene_limit(live, pool, "live_replicas"));
    // what flows is what the heat needs: Q = m cp (return - supply), within the storage of two minutes
    double rise = tw_scene_value(live, cdu, "return_degc") - tw_scene_value(live, cdu, "supply_degc");
    double heat_kw = tw_scene_value(live, cdu, "heat_w"), flow = tw_scene_value(live, cdu, "flow_kg_s");
    CHECK(rise > 0.0 && fabs(heat_kw / (flow * rise) - 3.9) < 0.5);    // kJ/kg/K of water with glycol
    double water = tw_scene_value(live, cdu, "plant_return_degc") - tw_scene_value(live, plant, "supply_degc");
    CHECK_NEAR(heat_kw, tw_scene_value(live, cdu, "plant_flow_kg_s") * water * 4.18, 0.02);

    // N-1: of all, as the run ended; of one, when it is selected
    CHECK(live->loss_count == f.plant->element_count && live->loss_time_s == 600.0);
    double dropped_w = 0.0, board_w = tw_scene_value(live, pdu1, "element_w") * 1e3;
    for (int i = 0; i < live->loss_count; i++)
        if (live->losses[i].lost == pdu1) dropped_w = live->losses[i].dropped_w;
    CHECK_NEAR(dropped_w, board_w, 1e-3 * board_w);

    TwReplay *replay = NULL;
    TwError error = {0};
    CHECK(tw_replay_open(&replay, path, &error));
    same_values(live, tw_replay_scene(replay, 600.0));
    CHECK(tw_replay_scene(replay, 600.0)->loss_count == live->loss_count);
    key_figures_have_a_course(live, replay, 60.0);
    const TwScene *before = tw_replay_scene(replay, 290.0);
    CHECK(tw_scene_state(before, pdu2) == TW_IS_NORMAL && tw_scene_value(before, pdu2, "element_w") > 10.0);
    tw_replay_close(replay);

    tw_scene_maker_select(maker, tw_scene_find(live, "element/pdu3"));
    live = tw_scene_maker_scene(maker, f.state);
    CHECK(live->loss_count == 1 && live->losses[0].lost == element(live, "element/pdu3"));
    tw_scene_maker_select(maker, -1);
    CHECK(tw_scene_maker_scene(maker, f.state)->loss_count == 0);
    tw_scene_maker_destroy(maker);
    a_live_run_tells_n_minus_1(f.plant);
    factory_end(f);
    scratch_end();
    return check_failures != 0;
}
