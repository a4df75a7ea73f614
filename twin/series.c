// What a run records: one table a component kind, and the values of a window in the tables' order.
#include "twin/series.h"

#include "models/thermal/look.h"
#include "twin/headline.h"
#include "twin/looks.h"
#include "twin/scene_fabric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const TwSeriesInfo facility_series[] = {
    {"utility_w", "W", "power from the utility feeds"},
    {"it_w", "W", "racks at their AC inputs and the fabric"},
    {"gpu_w", "W", "accelerators"},
    {"host_w", "W", "everything else at the racks' busbars"},
    {"fabric_w", "W", "scale-out switches and optics"},
    {"cooling_w", "W", "pumps, fans and chillers"},
    {"loss_w", "W", "losses of the electrical tree"},
    {"storage_w", "W", "into stores"},
    {"demand_w", "W", "what the racks want at full clock"},
    {"granted_w", "W", "what the limits grant the racks"},
    {"output_tokens_per_s", "1/s", "output tokens"},
    {"input_tokens_per_s", "1/s", "input tokens computed"},
    {"requests_per_s", "1/s", "requests completed"},
    {"running", "1", "requests in a batch"},
    {"waiting", "1", "requests that wait"},
    {"kv_fraction", "1", "share of KV blocks held"},
    {"chip_max_degc", "degC", "hottest chip"},
    {"plant_supply_degc", "degC", "facility water supply"},
    {"plant_return_degc", "degC", "facility water return"},
    {"room_degc", "degC", "room air"},
    {"ambient_degc", "degC", "outdoor dry bulb"},
    {"wet_bulb_degc", "degC", "outdoor wet bulb"},
    {"water_kg_s", "kg/s", "water consumed"},
    {"export_w", "W", "heat delivered to a district network"},
};
static const TwSeriesInfo rack_series[] = {
    {"rack_w", "W", "rack at its AC input"},
    {"gpu_w", "W", "its accelerators"},
    {"grant_w", "W", "what the limits grant it"},
    {"clock_fraction", "1", "clock that temperature grants"},
    {"chip_degc", "degC", "hottest chip"},
    {"supply_degc", "degC", "coolant or air in"},
    {"return_degc", "degC", "coolant or air out"},
    {"tokens_per_s", "1/s", "output tokens"},
    {"kv_fraction", "1", "share of KV blocks held"},
    {"flow_kg_s", "kg/s", "coolant"},
    {"flow_m3_s", "m3/s", "coolant by volume"},
    {"leak", "1", "1 while it loses coolant"},
    {"isolated", "1", "1 while a leak keeps coolant and power off"},
};
static const TwSeriesInfo cdu_series[] = {
    {"supply_degc", "degC", "coolant to the racks"},
    {"return_degc", "degC", "coolant from the racks"},
    {"heat_w", "W", "heat passed to the facility loop"},
    {"valve_fraction", "1", "control valve"},
    {"pump_w", "W", "its pumps"},
    {"flow_kg_s", "kg/s", "coolant to the racks"},
    {"plant_flow_kg_s", "kg/s", "facility water through it"},
    {"head_pa", "Pa", "head of its pumps"},
    {"pump_fraction", "1", "speed of its pumps"},
    {"set_degc", "degC", "set point of the supply"},
    {"plant_return_degc", "degC", "facility water that leaves it: supply and heat over flow"},
    {"state", "1", "0 normal, 6 impaired, 7 isolated, 8 without supply, 9 failed; the maximum is the worst"},
    {"header_pa", "Pa", "pressure across the row of racks"},
    {"approach_k", "K", "supply above the facility water's"},
    {"flow_m3_s", "m3/s", "coolant to the racks by volume"},
    {"leak", "1", "1 while its loop loses coolant"},
    {"suction_pa", "Pa", "absolute pressure at the inlet of its pumps"},
    {"discharge_pa", "Pa", "the same behind them"},
    {"npsh_m", "m", "net positive suction head at its pumps"},
};
static const TwSeriesInfo element_series[] = {
    {"element_w", "W", "power at its input"},
    {"loss_w", "W", "its loss"},
    {"loading_fraction", "1", "power over the limit in force"},
    {"limit_w", "W", "limit in force at its input"},
    {"volts_v", "V", "voltage of its output, line to line"},
    {"stored_fraction", "1", "of the capacity of a store"},
    {"store_w", "W", "out of the cells of a store; negative: into them"},
    {"second_fraction", "1",
     "of its power from its second source: 1 where a switch stands there, a part in a closed ring"},
    {"state", "1",
     "0 live, 1 standby, 2 charging, 3 moving, 4 on store, 5 bypassed, 7 out, 8 dead, 9 tripped; the maximum is the "
     "worst"},
    {"back_fraction", "1", "1 where power runs towards its own source, as it may in a ring"},
};
static const TwSeriesInfo plant_series[] = {
    {"supply_degc", "degC", "facility water supply"},
    {"return_degc", "degC", "facility water return"},
    {"tank_degc", "degC", "buffer tank"},
    {"leaving_degc", "degC", "water leaving the heat rejection"},
    {"set_degc", "degC", "its set point"},
    {"flow_kg_s", "kg/s", "facility water"},
    {"head_pa", "Pa", "head of the primary pumps"},
    {"pump_fraction", "1", "primary pumps"},
    {"fan_fraction", "1", "fan speed of the heat rejection"},
    {"units", "1", "units that run"},
    {"reject_w", "W", "heat to the environment"},
    {"pump_w", "W", "primary pumps"},
    {"fan_w", "W", "fans of the heat rejection"},
    {"chiller_w", "W", "chiller and heat pump"},
    {"water_kg_s", "kg/s", "water consumed"},
    {"ambient_degc", "degC", "outdoor dry bulb"},
    {"wet_bulb_degc", "degC", "outdoor wet bulb"},
    {"state", "1", "0 normal, 6 impaired, 8 without supply; the maximum is the worst"},
    {"mode", "1", "0 free cooling, 1 the chiller takes the rest, 2 the chiller alone"},
};
static const TwSeriesInfo room_series[] = {
    {"room_degc", "degC", "room air"},
    {"set_degc", "degC", "its set point"},
    {"reject_w", "W", "heat taken out of the room"},
    {"fan_fraction", "1", "fan speed of the air handlers"},
    {"fan_w", "W", "their fans"},
    {"chiller_w", "W", "chiller of the room"},
    {"ambient_degc", "degC", "outdoor dry bulb"},
    {"state", "1", "0 normal, 8 without supply; the maximum is the worst"},
};
static const TwSeriesInfo tray_series[] = {
    {"chip_degc", "degC", "its chips"},
    {"plate_degc", "degC", "its cold plates"},
    {"outlet_degc", "degC", "coolant that leaves it"},
    {"flow_fraction", "1", "coolant over an equal share of the rack's design flow"},
    {"clock_fraction", "1", "clock that temperature grants it"},
};
static const TwSeriesInfo load_series[] = {
    {"load_w", "W", "electrical load"},
};
static const TwSeriesInfo row_series[] = {
    {"rack_w", "W", "racks of the row at their AC inputs"},
    {"network_w", "W", "switches that stand in the row with their optics: all of it heat to the room"},
    {"room_w", "W", "heat to the room air: its switches, and of its racks what coolant and doors do not take"},
};
static const TwSeriesInfo fabric_series[] = {
    {"power_w", "W", "switches and optics, storage and in-band networks with them"},
    {"throughput_fraction", "1", "of the whole fabric's, under the test traffic"},
    {"slowest_fraction", "1", "share that the slowest host has of what it has in the whole fabric"},
    {"handover_bytes_s", "B/s", "KV caches handed over between replicas"},
    {"sent_bytes_s", "B/s", "what the run sends out of the cards of all racks"},
    {"fullest_fraction", "1", "how full the fullest link is by it"},
};
static const TwSeriesInfo pool_series[] = {
    {"waiting", "1", "requests that wait"},
    {"running", "1", "requests in a batch"},
    {"kv_fraction", "1", "share of KV blocks held"},
    {"output_tokens_per_s", "1/s", "output tokens"},
    {"input_tokens_per_s", "1/s", "input tokens computed"},
    {"requests_per_s", "1/s", "requests completed"},
    {"transfer_bytes_s", "B/s", "KV handed over between replicas"},
    {"live_replicas", "1", "replicas that serve"},
    {"state", "1", "0 normal, 6 some replicas are out, 8 all are; the maximum is the worst"},
};
static const TwSeriesInfo service_series[] = {
    {"arrived", "1", "requests arrived since the start"},
    {"completed", "1", "completed since the start"},
    {"dropped", "1", "rejected or lost since the start"},
    {"good_fraction", "1", "of the completed since warm-up: within the service levels"},
    {"ttft_p50_s", "s", "time to first token since warm-up, half of the requests"},
    {"ttft_p90_s", "s", "time to first token since warm-up, 90 %"},
    {"ttft_p99_s", "s", "time to first token since warm-up, 99 %"},
    {"tpot_p50_s", "s", "time per output token since warm-up, half of the requests"},
    {"tpot_p90_s", "s", "time per output token since warm-up, 90 %"},
    {"tpot_p99_s", "s", "time per output token since warm-up, 99 %"},
    {"e2e_p50_s", "s", "end to end since warm-up, half of the requests"},
    {"e2e_p90_s", "s", "end to end since warm-up, 90 %"},
    {"e2e_p99_s", "s", "end to end since warm-up, 99 %"},
};

// Smallest of 60, 300, 900, 3600 s that keeps the component series of a run below about 1 GB.
static double component_interval(const TwPlant *plant)
{
    static const double choices[] = {60.0, 300.0, 900.0};
    double entries = (double)TW_COUNT(rack_series) * plant->rack_count +
                     (double)TW_COUNT(cdu_series) * plant->cdu_count +
                     (double)TW_COUNT(tray_series) * tw_thermal_trays(plant->thermal) +
                     (double)TW_COUNT(element_series) * plant->element_count + plant->load_count;
    for (size_t k = 0; k < sizeof choices / sizeof *choices; k++)
        if (plant->run.for_s / choices[k] * entries * 12.0 < 1e9) return choices[k];
    return 3600.0;
}

void tw_plant_record(TwPlant *plant, TwLayout *layout)
{
    double series_s = plant->run.series_s, component_s = plant->run.component_s;
    if (series_s <= 0.0) series_s = fmax(plant->run.for_s <= 86400.0 ? 5.0 : 60.0, plant->exchange_s);
    if (component_s <= 0.0) component_s = fmax(component_interval(plant), plant->exchange_s);

    TwGroupInfo *groups = TW_TAKE(plant->arena, TW_GROUPS, TwGroupInfo);
    const char **racks = TW_TAKE(plant->arena, plant->rack_count, const char *);
    double *x = TW_TAKE(plant->arena, plant->rack_count, double), *y = TW_TAKE(plant->arena, plant->rack_count, double);
    for (int i = 0; i < plant->rack_count; i++) {
        racks[i] = plant->racks[i].name;
        x[i] = plant->racks[i].x_m;
        y[i] = plant->racks[i].y_m;
    }
    groups[TW_GROUP_FACILITY] =
        (TwGroupInfo){"", NULL, 1, NULL, NULL, series_s, facility_series, TW_COUNT(facility_series)};
    groups[TW_GROUP_RACK] =
        (TwGroupInfo){"rack", racks, plant->rack_count, x, y, component_s, rack_series, TW_COUNT(rack_series)};
    const char **services = TW_TAKE(plant->arena, tw_looks_service_count(plant), const char *);
    const char **pools = TW_TAKE(plant->arena, plant->pool_count, const char *);
    int service_count = 0;
    for (int i = 0; i < plant->pool_count; i++) {
        const TwPoolPlan *pool = &plant->pools[i];
        pools[i] = pool->name;
        for (int k = 0; k < (pool->service_count > 1 ? pool->service_count : 1); k++) {
            char name[2 * TW_NAME + 2];
            snprintf(name, sizeof name, "%s%s%s", pool->name, pool->service_count > 1 ? "." : "",
                     pool->service_count > 1 ? pool->service_names[k] : "");
            services[service_count++] = tw_arena_text(plant->arena, name);
        }
    }
    const char **switches = NULL;
    int switch_count = 0;
    if ((plant->fabric.graph || plant->wiring) && plant->network && plant->network->host_links <= TW_SWITCH_ENDPOINTS) {
        TwSceneSwitch *list;
        switch_count = tw_switches(plant, plant->wiring ? NULL : plant->fabric.graph, &list);
        switches = TW_TAKE(plant->arena, switch_count, const char *);
        for (int i = 0; i < switch_count; i++) switches[i] = tw_arena_text(plant->arena, list[i].name);
        free(list);
    }
    int tray_count = tw_thermal_trays(plant->thermal);
    const char **trays = TW_TAKE(plant->arena, tray_count, const char *);
    for (int k = 0; k < tray_count; k++) {
        char name[TW_NAME + 16];
        TwThermalTray at = tw_thermal_tray(plant->thermal, k);
        snprintf(name, sizeof name, "%s.%d", plant->racks[at.rack].name, at.tray + 1);
        trays[k] = tw_arena_text(plant->arena, name);
    }
    static const char *const plant_name[] = {"plant"}, *const room_name[] = {"room"}, *const fabric_name[] = {"fabric"},
                             *const headline_name[] = {"headline"};
    const TwGroupInfo more[] = {
        {"cdu", plant->cdu_names, plant->cdu_count, NULL, NULL, component_s, cdu_series, TW_COUNT(cdu_series)},
        {"element", plant->element_names, plant->element_count, NULL, NULL, component_s, element_series,
         TW_COUNT(element_series)},
        {"plant", plant_name, plant->cdu_count > 0, NULL, NULL, component_s, plant_series, TW_COUNT(plant_series)},
        {"room", room_name, 1, NULL, NULL, component_s, room_series, TW_COUNT(room_series)},
        {"load", plant->load_names, plant->load_count, NULL, NULL, component_s, load_series, TW_COUNT(load_series)},
        {"row", plant->rows.names, plant->rows.row_count, NULL, NULL, component_s, row_series, TW_COUNT(row_series)},
        {"fabric", fabric_name, 1, NULL, NULL, component_s, fabric_series, TW_COUNT(fabric_series)},
        {"pool", pools, plant->pool_count, NULL, NULL, component_s, pool_series, TW_COUNT(pool_series)},
        {"service", services, service_count, NULL, NULL, component_s, service_series, TW_COUNT(service_series)},
        {"switch", switches, switch_count, NULL, NULL, component_s, tw_sent_series, TW_SENT_FIELDS},
        {"tray", trays, tray_count, NULL, NULL, component_s, tray_series, TW_COUNT(tray_series)},
        {"headline", headline_name, 1, NULL, NULL, component_s, tw_headline_series, TW_HEADLINE_COUNT},
    };
    // what a facility has none of has no group
    int count = TW_GROUP_RACK + 1;
    plant->service_group = plant->headline_group = plant->switch_group = -1;
    for (int k = 0; k < TW_COUNT(more); k++) {
        if (more[k].count == 0) continue;
        if (more[k].series == service_series) plant->service_group = count;
        if (more[k].series == tw_sent_series) plant->switch_group = count;
        if (more[k].series == tw_headline_series) plant->headline_group = count;
        groups[count++] = more[k];
    }
    plant->record = (TwRecordPlan){groups, count, TW_TAKE(plant->arena, TW_GROUPS, TwSlot)};
    tw_record_layout(&plant->record, layout);
}

void tw_series_fill(const TwPlant *plant, const void *block, TwScratch *s)
{
    const TwWindow *w = &s->window;
    const double facility[] = {w->utility_w,
                               w->it_w,
                               w->gpu_w_sum,
                               w->host_w_sum,
                               w->fabric_w,
                               w->cooling_w,
                               w->loss_w,
                               w->storage_w,
                               w->demand_sum_w,
                               w->granted_w,
                               w->output_tokens_per_s,
                               w->input_tokens_per_s,
                               w->requests_per_s,
                               (double)w->running,
                               (double)w->waiting,
                               w->kv_fraction_mean,
                               w->chip_max_degc,
                               w->plant_supply_degc,
                               w->plant_return_degc,
                               w->room_degc,
                               w->ambient_degc,
                               w->wet_bulb_degc,
                               w->water_kg_s,
                               w->export_w};
    _Static_assert(sizeof facility / sizeof *facility == TW_COUNT(facility_series), "one value a series");
    memcpy(s->series[TW_GROUP_FACILITY], facility, sizeof facility);

    const double *rack[] = {w->rack_w,         w->gpu_w,       w->grant_w,      w->clock_fraction, w->chip_degc,
                            w->supply_degc,    w->return_degc, w->tokens_per_s, w->kv_fraction,    w->rack_flow_kg_s,
                            w->rack_flow_m3_s, w->rack_leak,   w->rack_isolated};
    for (int k = 0; k < TW_COUNT(rack_series); k++)
        memcpy(s->series[TW_GROUP_RACK] + (size_t)k * (size_t)plant->rack_count, rack[k],
               (size_t)plant->rack_count * sizeof(double));
    for (int g = TW_GROUP_RACK + 1; g < plant->record.group_count; g++) {
        const TwSeriesInfo *of = plant->record.groups[g].series;
        if (of == element_series) tw_looks_elements(plant, block, s, s->series[g]);
        if (of == cdu_series) tw_looks_cdus(plant, block, w, s->series[g]);
        if (of == tray_series) tw_looks_trays(plant, block, s->series[g]);
        if (of == plant_series) tw_looks_plant(plant, block, w, s->series[g]);
        if (of == room_series) tw_looks_room(plant, block, w, s->series[g]);
        if (of == load_series) memcpy(s->series[g], w->load_w, (size_t)plant->load_count * sizeof(double));
        if (of == row_series) {
            size_t rows = (size_t)plant->rows.row_count;
            memcpy(s->series[g], w->row_rack_w, rows * sizeof(double));
            memcpy(s->series[g] + rows, w->row_network_w, rows * sizeof(double));
            memcpy(s->series[g] + 2 * rows, w->row_room_w, rows * sizeof(double));
        }
        if (of == fabric_series) tw_looks_fabric(plant, block, s, s->series[g]);
        if (of == pool_series) tw_looks_pools(plant, block, s, s->series[g]);
    }
}
