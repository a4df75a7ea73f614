// What a run records: one table a component kind, and the values of a window in the tables' order.
#include "twin/series.h"

#include <math.h>
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
};
static const TwSeriesInfo rack_series[] = {
    {"rack_w", "W", "rack at its AC input"},         {"gpu_w", "W", "its accelerators"},
    {"grant_w", "W", "what the limits grant it"},    {"clock_fraction", "1", "clock that temperature grants"},
    {"chip_degc", "degC", "hottest chip"},           {"supply_degc", "degC", "coolant or air in"},
    {"return_degc", "degC", "coolant or air out"},   {"tokens_per_s", "1/s", "output tokens"},
    {"kv_fraction", "1", "share of KV blocks held"},
};
static const TwSeriesInfo cdu_series[] = {
    {"supply_degc", "degC", "coolant to the racks"},
    {"return_degc", "degC", "coolant from the racks"},
    {"heat_w", "W", "heat passed to the facility loop"},
    {"valve_fraction", "1", "control valve"},
    {"pump_w", "W", "its pumps"},
};
static const TwSeriesInfo element_series[] = {
    {"element_w", "W", "power at its input"},
    {"loss_w", "W", "its loss"},
    {"loading_fraction", "1", "power over the limit in force"},
};

// Smallest of 60, 300, 900, 3600 s that keeps the component series of a run below about 1 GB.
static double component_interval(const TwPlant *plant)
{
    static const double choices[] = {60.0, 300.0, 900.0};
    double entries = 9.0 * plant->rack_count + 5.0 * plant->cdu_count + 3.0 * plant->element_count;
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
    groups[TW_GROUP_ELEMENT] = (TwGroupInfo){"element",   plant->element_names, plant->element_count,    NULL, NULL,
                                             component_s, element_series,       TW_COUNT(element_series)};
    groups[TW_GROUP_CDU] = (TwGroupInfo){"cdu", plant->cdu_names, plant->cdu_count, NULL,
                                         NULL,  component_s,      cdu_series,       TW_COUNT(cdu_series)};
    // a hall without CDUs has no such group
    int count = TW_GROUPS;
    if (plant->cdu_count == 0) {
        groups[TW_GROUP_CDU] = groups[TW_GROUP_ELEMENT];
        count--;
    }
    plant->record = (TwRecordPlan){groups, count, TW_TAKE(plant->arena, TW_GROUPS, TwSlot)};
    tw_record_layout(&plant->record, layout);
}

void tw_series_fill(const TwPlant *plant, TwScratch *s)
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
                               w->water_kg_s};
    _Static_assert(sizeof facility / sizeof *facility == TW_COUNT(facility_series), "one value a series");
    memcpy(s->series[TW_GROUP_FACILITY], facility, sizeof facility);

    const double *rack[] = {w->rack_w,      w->gpu_w,       w->grant_w,      w->clock_fraction, w->chip_degc,
                            w->supply_degc, w->return_degc, w->tokens_per_s, w->kv_fraction};
    const double *cdu[] = {w->cdu_supply_degc, w->cdu_return_degc, w->cdu_heat_w, w->cdu_valve_fraction, w->cdu_pump_w};
    const double *element[] = {w->element_w, w->element_loss_w, w->loading_fraction};
    for (int g = 1; g < plant->record.group_count; g++) {
        const TwGroupInfo *group = &plant->record.groups[g];
        const double **from = group->series == rack_series ? rack : group->series == cdu_series ? cdu : element;
        for (int k = 0; k < group->series_count; k++)
            memcpy(s->series[g] + (size_t)k * (size_t)group->count, from[k], (size_t)group->count * sizeof(double));
    }
}
