// The words of the story: one line for each happening.
#include "models/operations/grid.h"
#include "models/thermal/faults.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/flex.h"
#include "twin/story.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// What an entry's target is, and how it reads: %s name, %c its count of followers.
typedef enum Of { OF_NOTHING, OF_ELEMENT, OF_CDU, OF_LOAD, OF_RACK, OF_CLASS, OF_ACT, OF_LOSS, OF_WORK } Of;
static const struct {
    const char *word;
    Of of;
    int severity;
} kinds[TW_HAPPENINGS] = {
    [TW_HAPPENED_TARGET] = {"target", OF_ELEMENT, 1},
    [TW_HAPPENED_TARGET_END] = {"target_end", OF_ELEMENT, 0},
    [TW_HAPPENED_REACHED] = {"target_reached", OF_ELEMENT, 0},
    [TW_HAPPENED_BREACH] = {"breach", OF_ELEMENT, 2},
    [TW_HAPPENED_BREACH_END] = {"breach_resolved", OF_ELEMENT, 0},
    [TW_HAPPENED_LOST] = {"lost", OF_ELEMENT, 2},
    [TW_HAPPENED_RESTORED] = {"restored", OF_ELEMENT, 0},
    [TW_HAPPENED_SUPPLY] = {"set_supply", OF_CDU, 0},
    [TW_HAPPENED_PUMP] = {"pump_failed", OF_CDU, 2},
    [TW_HAPPENED_PUMP_END] = {"pump_restored", OF_CDU, 0},
    [TW_HAPPENED_TRIPPED] = {"tripped", OF_ELEMENT, 2},
    [TW_HAPPENED_DEAD] = {"de-energised", OF_ELEMENT, 2},
    [TW_HAPPENED_LIVE] = {"energised", OF_ELEMENT, 0},
    [TW_HAPPENED_ON_STORE] = {"on_store", OF_ELEMENT, 1},
    [TW_HAPPENED_OFF_STORE] = {"off_store", OF_ELEMENT, 0},
    [TW_HAPPENED_EMPTY] = {"store_empty", OF_ELEMENT, 2},
    [TW_HAPPENED_RACKS_DEAD] = {"racks_dead", OF_RACK, 2},
    [TW_HAPPENED_RACKS_LIVE] = {"racks_energised", OF_RACK, 1},
    [TW_HAPPENED_RACKS_SERVE] = {"racks_serve", OF_RACK, 0},
    [TW_HAPPENED_COOLING_DEAD] = {"cooling_dead", OF_LOAD, 2},
    [TW_HAPPENED_COOLING_LIVE] = {"cooling_energised", OF_LOAD, 0},
    [TW_HAPPENED_THROTTLE] = {"throttle", OF_RACK, 2},
    [TW_HAPPENED_THROTTLE_END] = {"throttle_end", OF_RACK, 0},
    [TW_HAPPENED_CAPPED] = {"capped", OF_ELEMENT, 1},
    [TW_HAPPENED_CAPPED_END] = {"capped_end", OF_ELEMENT, 0},
    [TW_HAPPENED_SHED] = {"shed_hints", OF_ELEMENT, 1},
    [TW_HAPPENED_ESCALATED] = {"breach_escalated", OF_ELEMENT, 2},
    [TW_HAPPENED_REVERTED] = {"enforcement_reverted", OF_ELEMENT, 0},
    [TW_HAPPENED_OVERLOAD] = {"overload", OF_ELEMENT, 2},
    [TW_HAPPENED_OVERLOAD_END] = {"overload_end", OF_ELEMENT, 0},
    [TW_HAPPENED_FAILED] = {"failed", OF_CLASS, 2},
    [TW_HAPPENED_REPAIR] = {"repair", OF_CLASS, 1},
    [TW_HAPPENED_REPAIRED] = {"repaired", OF_CLASS, 0},
    [TW_HAPPENED_SWAPPED] = {"swapped", OF_CLASS, 0},
    [TW_HAPPENED_MAINTAIN] = {"maintenance", OF_ELEMENT, 1},
    [TW_HAPPENED_REFUSED] = {"maintenance_refused", OF_ELEMENT, 1},
    [TW_HAPPENED_WORK] = {"work", OF_WORK, 1},
    [TW_HAPPENED_WORK_END] = {"work_end", OF_WORK, 0},
    [TW_HAPPENED_WORK_REFUSED] = {"work_refused", OF_WORK, 1},
    [TW_HAPPENED_DIP] = {"dip", OF_ELEMENT, 1},
    [TW_HAPPENED_DIP_END] = {"dip_end", OF_ELEMENT, 0},
    [TW_HAPPENED_RESET] = {"reset", OF_ELEMENT, 0},
    [TW_HAPPENED_LATCHED] = {"latched", OF_ELEMENT, 2},
    [TW_HAPPENED_CURTAIL] = {"curtailed", OF_ELEMENT, 1},
    [TW_HAPPENED_CURTAIL_END] = {"curtailed_end", OF_ELEMENT, 0},
    [TW_HAPPENED_BYPASSED] = {"bypassed", OF_ELEMENT, 2},
    [TW_HAPPENED_TRANSFER] = {"transfer", OF_ELEMENT, 1},
    [TW_HAPPENED_TRANSFERRED] = {"transferred", OF_ELEMENT, 1},
    [TW_HAPPENED_CALLED] = {"generator_called", OF_ELEMENT, 1},
    [TW_HAPPENED_SUPPLIES] = {"supplies_short", OF_RACK, 1},
    [TW_HAPPENED_NO_SOLUTION] = {"no_solution", OF_ELEMENT, 2},
    [TW_HAPPENED_SOLUTION] = {"solution", OF_ELEMENT, 0},
    [TW_HAPPENED_FABRIC] = {"fabric_lost", OF_LOSS, 2},
    [TW_HAPPENED_FABRIC_END] = {"fabric_back", OF_LOSS, 0},
    [TW_HAPPENED_READY] = {"generator_ready", OF_ELEMENT, 0},
    [TW_HAPPENED_STOPPED] = {"generator_stopped", OF_ELEMENT, 1},
    [TW_HAPPENED_COOLING] = {"cooling", OF_ACT, 2},
    [TW_HAPPENED_COOLING_END] = {"cooling_end", OF_ACT, 0},
    [TW_HAPPENED_HOT] = {"chips_hot", OF_RACK, 2},
    [TW_HAPPENED_COOL] = {"chips_cool", OF_RACK, 0},
    [TW_HAPPENED_SHUTDOWN] = {"shutdown", OF_RACK, 2},
    [TW_HAPPENED_SHUTDOWN_END] = {"shutdown_end", OF_RACK, 0},
    [TW_HAPPENED_ISOLATED] = {"isolated", OF_RACK, 2},
    [TW_HAPPENED_ISOLATED_END] = {"isolated_end", OF_RACK, 0},
    [TW_HAPPENED_DEW] = {"dew_point", OF_CDU, 1},
    [TW_HAPPENED_DEW_END] = {"dew_point_end", OF_CDU, 0},
    [TW_HAPPENED_VALVE_FULL] = {"valve_full", OF_CDU, 1},
    [TW_HAPPENED_VALVE_FULL_END] = {"valve_full_end", OF_CDU, 0},
    [TW_HAPPENED_FANS_FULL] = {"fans_full", OF_NOTHING, 1},
    [TW_HAPPENED_FANS_FULL_END] = {"fans_full_end", OF_NOTHING, 0},
    [TW_HAPPENED_BASIN_EMPTY] = {"basin_empty", OF_NOTHING, 2},
    [TW_HAPPENED_LOW_PRESSURE] = {"low_pressure", OF_CDU, 2},
    [TW_HAPPENED_TURNED] = {"turned", OF_ELEMENT, 1},
    [TW_HAPPENED_RETURN] = {"return", OF_ELEMENT, 1},
    [TW_HAPPENED_HELD] = {"held", OF_ELEMENT, 1},
    [TW_HAPPENED_HELD_END] = {"held_end", OF_ELEMENT, 0},
    [TW_HAPPENED_ALONE] = {"generation_stopped", OF_ELEMENT, 2},
    [TW_HAPPENED_BLOCK] = {"generator_block", OF_ELEMENT, 0},
    [TW_HAPPENED_TRAFFIC] = {"traffic", OF_NOTHING, 1},
    [TW_HAPPENED_TRAFFIC_END] = {"traffic_end", OF_NOTHING, 0},
};

const char *tw_story_word(TwHappening kind) { return kinds[kind].word; }
int tw_story_severity(const TwEntry *entry) { return kinds[entry->kind].severity; }

const char *tw_story_target(const TwPlant *plant, const TwEntry *e)
{
    switch (kinds[e->kind].of) {
    case OF_ELEMENT:
        return plant->element_names[e->target];
    case OF_CDU:
        return plant->cdu_names[e->target];
    case OF_LOAD:
        return plant->load_names[e->target];
    case OF_RACK:
        return plant->racks[e->target].name;
    case OF_CLASS:
        return plant->failures.classes[e->target].name;
    case OF_ACT:
        return tw_thermal_act_on((TwThermalAct)e->count) == TW_AT_CDU    ? plant->cdu_names[e->target]
               : tw_thermal_act_on((TwThermalAct)e->count) == TW_AT_RACK ? plant->racks[e->target].name
                                                                         : "the cooling plant";
    case OF_WORK:
        return plant->failures.maintenance[e->target].name;
    case OF_LOSS:
        return e->target >= 0 ? tw_fabric_name(plant, e->target) : "the fabric";
    case OF_NOTHING:
        break;
    }
    return "";
}

static const char *racks_word(int count) { return count == 1 ? "rack" : "racks"; }

static void others(int count, char *text, size_t size)
{
    text[0] = '\0';
    if (count > 1) snprintf(text, size, " and %d more", count - 1);
}

// Four digits, all of them where it takes more: 457,000 kW is not 4.57e+05. Printed with nine.
static double whole(double value)
{
    if (!isfinite(value) || value == 0.0) return value;
    double step = pow(10.0, fmin(floor(log10(fabs(value))) - 3.0, 0.0));
    return step < 1.0 ? round(value / step) * step : round(value);
}

void tw_story_text(const TwPlant *plant, const TwEntry *e, char *text, size_t size)
{
    // in racks as they stand there, not as they are simulated
    int all = e->count * (int)plant->run.rack_scale;
    const char *name = tw_story_target(plant, e), *racks = racks_word(all);
    double kw = whole(e->value * 1e-3), kwh = whole(e->value / 3.6e6), after_s = whole(e->value);
    char more[32], part[TW_NAME + 48] = "";
    if (kinds[e->kind].of == OF_CLASS) tw_failures_part(plant, e->target, e->count, part, sizeof part);
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_COOLING:
    case TW_HAPPENED_COOLING_END:
        tw_thermal_act_text((TwThermalAct)e->count, name, e->value, text, size);
        break;
    case TW_HAPPENED_HOT:
        snprintf(text, size, "chips of %s pass their slowdown at %.4g degC, %d %s at once", name, e->value, all, racks);
        break;
    case TW_HAPPENED_COOL:
        snprintf(text, size, "chips of %s, the last of %d %s, back below it; the hottest reached %.1f degC", name, all,
                 racks, e->value);
        break;
    case TW_HAPPENED_SHUTDOWN:
        others(all, more, sizeof more);
        snprintf(text, size, "%s%s shut down: chips reached %.1f degC", name, more, e->value);
        break;
    case TW_HAPPENED_SHUTDOWN_END:
        others(all, more, sizeof more);
        snprintf(text, size, "%s%s cool, with power again after %.4g s", name, more, e->value);
        break;
    case TW_HAPPENED_ISOLATED:
        snprintf(text, size, "the leak isolates %s: coolant and power are off", name);
        break;
    case TW_HAPPENED_ISOLATED_END:
        snprintf(text, size, "%s is tight: coolant and power are back", name);
        break;
    case TW_HAPPENED_TARGET:
        snprintf(text, size, "load target %.9g kW on %s", kw, name);
        break;
    case TW_HAPPENED_TARGET_END:
        snprintf(text, size, "load target on %s ends", name);
        break;
    case TW_HAPPENED_REACHED:
        snprintf(text, size, "limit of %s at its target after %.9g s", name, after_s);
        break;
    case TW_HAPPENED_BREACH:
        snprintf(text, size, "%s %.4g %% over its target: %s", name, 100.0 * (e->value - 1.0),
                 tw_breach_word((TwBreach)e->count));
        break;
    case TW_HAPPENED_BREACH_END:
        snprintf(text, size, "%s within its target, after %.9g s", name, after_s);
        break;
    case TW_HAPPENED_LOST:
        // what a protection relay and its breaker do is there in the same instant
        snprintf(text, size,
                 plant->power->parent[e->target] < 0 ? "%s lost: no voltage, its breaker opens"
                                                     : "%s lost: its protection opens it",
                 name);
        break;
    case TW_HAPPENED_RESTORED:
        snprintf(text, size, "%s back in service", name);
        break;
    case TW_HAPPENED_SUPPLY:
        snprintf(text, size, "supply of %s set to %.4g degC", name, e->value);
        break;
    case TW_HAPPENED_PUMP:
        snprintf(text, size, "pump of %s failed", name);
        break;
    case TW_HAPPENED_PUMP_END:
        snprintf(text, size, "pump of %s runs again", name);
        break;
    case TW_HAPPENED_TRIPPED:
        snprintf(text, size, "%s tripped at %.4g %% of its limit", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_BYPASSED:
        snprintf(text, size, "%s on its bypass at %.4g %% of its rating: no battery behind it", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_TRANSFER:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s open for a transfer of %.4g s", name, more, e->value);
        break;
    case TW_HAPPENED_TRANSFERRED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s carried by %s source", name, more, e->value > 0.0 ? "the second" : "the first");
        break;
    case TW_HAPPENED_CALLED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s called, ready in %.4g s", name, more, e->value);
        break;
    case TW_HAPPENED_TURNED:
        others(e->count, more, sizeof more);
        snprintf(text, size,
                 e->value > 0.0 ? "the ring is fed from its other side: %s%s carry power back to what lies behind"
                                : "%s%s carry power their usual way again",
                 name, more);
        break;
    case TW_HAPPENED_RETURN:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s go%s back to the first source: open for %.4g s", name, more,
                 e->count > 1 ? "" : "es", e->value);
        break;
    case TW_HAPPENED_HELD:
        snprintf(text, size, "%d %s held to %.9g kW: what %s can carry", all, racks, kw, name);
        break;
    case TW_HAPPENED_HELD_END:
        snprintf(text, size, "no rack held by %s any more, after %.9g s", name, after_s);
        break;
    case TW_HAPPENED_ALONE:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s stop%s: a dead bus above, and no island of %s own", name, more,
                 e->count > 1 ? "" : "s", e->count > 1 ? "their" : "its");
        break;
    case TW_HAPPENED_BLOCK:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s accepts %.4g %% of its rating", name, more, 100.0 * e->value);
        break;
    case TW_HAPPENED_READY:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s at speed", name, more);
        break;
    case TW_HAPPENED_STOPPED:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s stopped%s", name, more, e->value > 0.0 ? ": out of fuel" : "");
        break;
    case TW_HAPPENED_DEAD:
    case TW_HAPPENED_LIVE: {
        const char *word = e->kind == TW_HAPPENED_DEAD ? "de-energised" : "energised";
        int under = e->count - (int)e->value;
        others((int)e->value, more, sizeof more);
        if (under > 0)
            snprintf(text, size, "%s%s %s, with %d element%s below", name, more, word, under, under == 1 ? "" : "s");
        else
            snprintf(text, size, "%s%s %s", name, more, word);
        break;
    }
    case TW_HAPPENED_ON_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more carry their load from stores (%.9g kWh)", name, e->count - 1, kwh);
        else
            snprintf(text, size, "%s carries its load from its store (%.9g kWh)", name, kwh);
        break;
    case TW_HAPPENED_OFF_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more are supplied again, %.9g kWh left", name, e->count - 1, kwh);
        else
            snprintf(text, size, "%s is supplied again, %.9g kWh left", name, kwh);
        break;
    case TW_HAPPENED_EMPTY:
        snprintf(text, size, "store of %s is empty", name);
        break;
    case TW_HAPPENED_RACKS_DEAD:
        snprintf(text, size, "%d %s without power (%s%s), %.9g kW of load gone", all, racks, name,
                 e->count > 1 ? " ..." : "", kw);
        break;
    case TW_HAPPENED_RACKS_LIVE:
        snprintf(text, size, "%d %s energised (%s%s); replicas serve in %.4g s", all, racks, name,
                 e->count > 1 ? " ..." : "", e->value);
        break;
    case TW_HAPPENED_RACKS_SERVE:
        snprintf(text, size, "%d %s serve again", all, racks);
        break;
    case TW_HAPPENED_COOLING_DEAD:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s without power", name, more);
        break;
    case TW_HAPPENED_COOLING_LIVE:
        others(e->count, more, sizeof more);
        snprintf(text, size, "%s%s run again", name, more);
        break;
    case TW_HAPPENED_THROTTLE:
        snprintf(text, size, "%d %s (%s%s) slow down by temperature", all, racks, name, e->count > 1 ? " ..." : "");
        break;
    case TW_HAPPENED_THROTTLE_END:
        snprintf(text, size, "no rack slowed by temperature any more, after %.9g s", after_s);
        break;
    case TW_HAPPENED_CAPPED:
        snprintf(text, size, "racks under %s capped to %.9g kW", name, kw);
        break;
    case TW_HAPPENED_CAPPED_END:
        snprintf(text, size, "racks under %s free again", name);
        break;
    case TW_HAPPENED_SHED:
        snprintf(text, size, "shed hint %s for %d racks under %s, the least %.9g kW",
                 e->count < 0 ? "suspend" : "power_cap", abs(e->count) * (int)plant->run.rack_scale, name, kw);
        break;
    case TW_HAPPENED_ESCALATED:
        if (e->watts > 0.0)
            snprintf(text, size, "breach of %s escalates: %s, %.0f racks", name, tw_flex_action((TwFlexAction)e->count),
                     e->watts * plant->rack_scale);
        else
            snprintf(text, size, "breach of %s escalates: %s", name, tw_flex_action((TwFlexAction)e->count));
        break;
    case TW_HAPPENED_REVERTED:
        snprintf(text, size, "what was enforced on %s is taken back", name);
        break;
    case TW_HAPPENED_OVERLOAD:
        snprintf(text, size, "%s at %.4g %% of its limit", name, 100.0 * e->value);
        break;
    case TW_HAPPENED_OVERLOAD_END:
        snprintf(text, size, "%s within its limit again; it was above for %.9g s", name, after_s);
        break;
    case TW_HAPPENED_FAILED:
        snprintf(text, size, "%s failed (%s)", part, name);
        break;
    case TW_HAPPENED_REPAIR:
        snprintf(text, size, "repair of %s begins, %.4g h", part, e->value / 3600.0);
        break;
    case TW_HAPPENED_REPAIRED:
        snprintf(text, size, "%s repaired", part);
        break;
    case TW_HAPPENED_SWAPPED:
        snprintf(text, size, "a spare stands in for %s", part);
        break;
    case TW_HAPPENED_MAINTAIN:
        if (e->value > 0.0 && e->count >= 0)
            snprintf(text, size, "%s out for maintenance; the loss of %s would now stop %.0f racks", name,
                     plant->element_names[e->count], e->value * plant->rack_scale);
        else
            snprintf(text, size, "%s out for maintenance", name);
        break;
    case TW_HAPPENED_REFUSED:
        snprintf(text, size, "maintenance of %s put off: %.0f racks would lose supply", name,
                 e->value * plant->rack_scale);
        break;
    case TW_HAPPENED_WORK:
        if (e->count > 0)
            snprintf(text, size, "%s out for maintenance, with %.0f racks", name, e->count * plant->rack_scale);
        else
            snprintf(text, size, "%s out for maintenance", name);
        break;
    case TW_HAPPENED_WORK_END:
        snprintf(text, size, "%s back from maintenance", name);
        break;
    case TW_HAPPENED_WORK_REFUSED:
        if (plant->failures.maintenance[e->target].on == TW_WORK_CDU)
            snprintf(text, size, "maintenance of %s put off: %.0f racks would lose cooling", name,
                     e->count * plant->rack_scale);
        else
            snprintf(text, size, "maintenance of %s put off: hosts would lose their network", name);
        break;
    case TW_HAPPENED_DIP:
        snprintf(text, size, "voltage at %s dips to %.4g %%: %d %s, %.9g kW leave the grid", name, 100.0 * e->value,
                 e->count, e->count == 1 ? "store transfers" : "stores transfer", whole(1e-3 * e->watts));
        break;
    case TW_HAPPENED_DIP_END:
        snprintf(text, size, "voltage at %s is back", name);
        break;
    case TW_HAPPENED_RESET:
        snprintf(text, size, "%s reset by hand", name);
        break;
    case TW_HAPPENED_LATCHED:
        snprintf(text, size, "%s stays on its store: too many dips", name);
        break;
    case TW_HAPPENED_FABRIC:
    case TW_HAPPENED_FABRIC_END: {
        if (e->count < 0) {
            snprintf(text, size, "the fabric carries %.4g %%, its slowest host %.4g %%", 100.0 * e->value,
                     100.0 * e->watts);
            break;
        }
        const TwFabricStep *step = &plant->fabric.steps[e->count];
        snprintf(text, size, "%s %s: the fabric carries %.4g %%, its slowest host %.4g %%; 4.5 GiB of KV take %.3g ms",
                 name, e->kind == TW_HAPPENED_FABRIC ? "lost" : "back", 100.0 * step->throughput, 100.0 * step->slowest,
                 1e3 * step->transfer_s);
        break;
    }
    case TW_HAPPENED_SUPPLIES:
        snprintf(text, size, "%s held to %.9g kW by its %d live power supplies", name, kw, e->count);
        break;
    case TW_HAPPENED_NO_SOLUTION:
        snprintf(text, size, "no AC solution: voltage collapse or infeasible, lowest at %s", name);
        break;
    case TW_HAPPENED_SOLUTION:
        snprintf(text, size, "AC solution again, lowest %.4g pu", e->value);
        break;
    case TW_HAPPENED_CURTAIL:
        snprintf(text, size, "%s curtailed: electricity at %.4g USD/MWh", name, 1e3 * e->value);
        break;
    case TW_HAPPENED_CURTAIL_END:
        snprintf(text, size, "curtailment of %s ends", name);
        break;
    case TW_HAPPENED_DEW:
        others(e->count, more, sizeof more);
        snprintf(text, size, "coolant of %s%s at %.2f degC: within its margin of the room's dew point", name, more,
                 e->value);
        break;
    case TW_HAPPENED_DEW_END:
        others(e->count, more, sizeof more);
        snprintf(text, size, "coolant of %s%s above the dew point by its margin again", name, more);
        break;
    case TW_HAPPENED_VALVE_FULL:
        others(e->count, more, sizeof more);
        snprintf(text, size, "valve of %s%s fully open, coolant at %.2f degC no longer held", name, more, e->value);
        break;
    case TW_HAPPENED_VALVE_FULL_END:
        others(e->count, more, sizeof more);
        snprintf(text, size, "valve of %s%s holds the coolant again", name, more);
        break;
    case TW_HAPPENED_FANS_FULL:
        snprintf(text, size, "heat rejection at its limit: fans at full speed, water leaves at %.2f degC", e->value);
        break;
    case TW_HAPPENED_FANS_FULL_END:
        snprintf(text, size, "heat rejection holds its water again");
        break;
    case TW_HAPPENED_BASIN_EMPTY:
        snprintf(text, size, "basins are empty: towers and pads run dry");
        break;
    case TW_HAPPENED_LOW_PRESSURE:
        snprintf(text, size, "pressure at the pumps of %s falls below %.4g kPa", name, e->value * 1e-3);
        break;
    case TW_HAPPENED_TRAFFIC:
        snprintf(text, size, "requests come %.4g times as often", e->value);
        break;
    case TW_HAPPENED_TRAFFIC_END:
        snprintf(text, size, "requests come as often as before");
        break;
    case TW_HAPPENINGS:
        break;
    }
}
