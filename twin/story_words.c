// The words of the story: one line for each happening.
#include "models/operations/grid.h"
#include "models/thermal/faults.h"
#include "twin/fabric.h"
#include "twin/failures.h"
#include "twin/flex.h"
#include "twin/story.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum Of { OF_NOTHING, OF_ELEMENT, OF_CDU, OF_LOAD, OF_RACK, OF_CLASS, OF_ACT, OF_LOSS, OF_WORK, OF_JOB } Of;

// Of each happening: its word, what its target is, how bad it is, and how it reads. In the text {name} is the target,
// {more} the others of its count, {racks} its racks; the rest are numbers, see number_of. NULL: special_text says it.
static const struct {
    const char *word;
    Of of;
    int severity;
    const char *text;
} kinds[TW_HAPPENINGS] = {
    [TW_HAPPENED_TARGET] = {"target", OF_ELEMENT, 1, "load target {kw} kW on {name}"},
    [TW_HAPPENED_TARGET_END] = {"target_end", OF_ELEMENT, 0, "load target on {name} ends"},
    [TW_HAPPENED_REACHED] = {"target_reached", OF_ELEMENT, 0, "limit of {name} at its target after {whole} s"},
    [TW_HAPPENED_BREACH] = {"breach", OF_ELEMENT, 2, NULL},
    [TW_HAPPENED_BREACH_END] = {"breach_resolved", OF_ELEMENT, 0, "{name} within its target, after {whole} s"},
    [TW_HAPPENED_LOST] = {"lost", OF_ELEMENT, 2, NULL},
    [TW_HAPPENED_RESTORED] = {"restored", OF_ELEMENT, 0, "{name} back in service"},
    [TW_HAPPENED_SUPPLY] = {"set_supply", OF_CDU, 0, "supply of {name} set to {x} degC"},
    [TW_HAPPENED_PUMP] = {"pump_failed", OF_CDU, 2, "pump of {name} failed"},
    [TW_HAPPENED_PUMP_END] = {"pump_restored", OF_CDU, 0, "pump of {name} runs again"},
    [TW_HAPPENED_TRIPPED] = {"tripped", OF_ELEMENT, 2, "{name} tripped at {percent} % of its limit"},
    [TW_HAPPENED_DEAD] = {"de-energised", OF_ELEMENT, 2, NULL},
    [TW_HAPPENED_LIVE] = {"energised", OF_ELEMENT, 0, NULL},
    [TW_HAPPENED_ON_STORE] = {"on_store", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_OFF_STORE] = {"off_store", OF_ELEMENT, 0, NULL},
    [TW_HAPPENED_EMPTY] = {"store_empty", OF_ELEMENT, 2, "store of {name} is empty"},
    [TW_HAPPENED_RACKS_DEAD] = {"racks_dead", OF_RACK, 2, "{racks} without power ({name}{dots}), {kw} kW of load gone"},
    [TW_HAPPENED_RACKS_LIVE] = {"racks_energised", OF_RACK, 1,
                                "{racks} energised ({name}{dots}); replicas serve in {x} s"},
    [TW_HAPPENED_RACKS_SERVE] = {"racks_serve", OF_RACK, 0, "{racks} serve again"},
    [TW_HAPPENED_COOLING_DEAD] = {"cooling_dead", OF_LOAD, 2, "{name}{more} without power"},
    [TW_HAPPENED_COOLING_LIVE] = {"cooling_energised", OF_LOAD, 0, "{name}{more} run again"},
    [TW_HAPPENED_THROTTLE] = {"throttle", OF_RACK, 2, "{racks} ({name}{dots}) slow down by temperature"},
    [TW_HAPPENED_THROTTLE_END] = {"throttle_end", OF_RACK, 0,
                                  "no rack slowed by temperature any more, after {whole} s"},
    [TW_HAPPENED_CAPPED] = {"capped", OF_ELEMENT, 1, "racks under {name} capped to {kw} kW"},
    [TW_HAPPENED_CAPPED_END] = {"capped_end", OF_ELEMENT, 0, "racks under {name} free again"},
    [TW_HAPPENED_SHED] = {"shed_hints", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_ESCALATED] = {"breach_escalated", OF_ELEMENT, 2, NULL},
    [TW_HAPPENED_REVERTED] = {"enforcement_reverted", OF_ELEMENT, 0, "what was enforced on {name} is taken back"},
    [TW_HAPPENED_OVERLOAD] = {"overload", OF_ELEMENT, 2, "{name} at {percent} % of its limit"},
    [TW_HAPPENED_OVERLOAD_END] = {"overload_end", OF_ELEMENT, 0,
                                  "{name} within its limit again; it was above for {whole} s"},
    [TW_HAPPENED_FAILED] = {"failed", OF_CLASS, 2, "{part} failed ({name})"},
    [TW_HAPPENED_REPAIR] = {"repair", OF_CLASS, 1, "repair of {part} begins, {hours} h"},
    [TW_HAPPENED_REPAIRED] = {"repaired", OF_CLASS, 0, "{part} repaired"},
    [TW_HAPPENED_SWAPPED] = {"swapped", OF_CLASS, 0, "a spare stands in for {part}"},
    [TW_HAPPENED_MAINTAIN] = {"maintenance", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_REFUSED] = {"maintenance_refused", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_WORK] = {"work", OF_WORK, 1, NULL},
    [TW_HAPPENED_WORK_END] = {"work_end", OF_WORK, 0, "{name} back from maintenance"},
    [TW_HAPPENED_WORK_REFUSED] = {"work_refused", OF_WORK, 1, NULL},
    [TW_HAPPENED_DIP] = {"dip", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_DIP_END] = {"dip_end", OF_ELEMENT, 0, "voltage at {name} is back"},
    [TW_HAPPENED_RESET] = {"reset", OF_ELEMENT, 0, "{name} reset by hand"},
    [TW_HAPPENED_LATCHED] = {"latched", OF_ELEMENT, 2, "{name} stays on its store: too many dips"},
    [TW_HAPPENED_CURTAIL] = {"curtailed", OF_ELEMENT, 1, "{name} curtailed: electricity at {usd_per_mwh} USD/MWh"},
    [TW_HAPPENED_CURTAIL_END] = {"curtailed_end", OF_ELEMENT, 0, "curtailment of {name} ends"},
    [TW_HAPPENED_BYPASSED] = {"bypassed", OF_ELEMENT, 2,
                              "{name} on its bypass at {percent} % of its rating: no battery behind it"},
    [TW_HAPPENED_TRANSFER] = {"transfer", OF_ELEMENT, 1, "{name}{more} open for a transfer of {x} s"},
    [TW_HAPPENED_TRANSFERRED] = {"transferred", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_CALLED] = {"generator_called", OF_ELEMENT, 1, "{name}{more} called, ready in {x} s"},
    [TW_HAPPENED_SUPPLIES] = {"supplies_short", OF_RACK, 1,
                              "{name} held to {kw} kW by its {count} live power supplies"},
    [TW_HAPPENED_NO_SOLUTION] = {"no_solution", OF_ELEMENT, 2,
                                 "no AC solution: voltage collapse or infeasible, lowest at {name}"},
    [TW_HAPPENED_SOLUTION] = {"solution", OF_ELEMENT, 0, "AC solution again, lowest {x} pu"},
    [TW_HAPPENED_FABRIC] = {"fabric_lost", OF_LOSS, 2, NULL},
    [TW_HAPPENED_FABRIC_END] = {"fabric_back", OF_LOSS, 0, NULL},
    [TW_HAPPENED_READY] = {"generator_ready", OF_ELEMENT, 0, "{name}{more} at speed"},
    [TW_HAPPENED_STOPPED] = {"generator_stopped", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_COOLING] = {"cooling", OF_ACT, 2, NULL},
    [TW_HAPPENED_COOLING_END] = {"cooling_end", OF_ACT, 0, NULL},
    [TW_HAPPENED_HOT] = {"chips_hot", OF_RACK, 2, "chips of {name} pass their slowdown at {x} degC, {racks} at once"},
    [TW_HAPPENED_COOL] = {"chips_cool", OF_RACK, 0,
                          "chips of {name}, the last of {racks}, back below it; the hottest reached {x.1} degC"},
    [TW_HAPPENED_SHUTDOWN] = {"shutdown", OF_RACK, 2, "{name}{more} shut down: chips reached {x.1} degC"},
    [TW_HAPPENED_SHUTDOWN_END] = {"shutdown_end", OF_RACK, 0, "{name}{more} cool, with power again after {x} s"},
    [TW_HAPPENED_ISOLATED] = {"isolated", OF_RACK, 2, "the leak isolates {name}: coolant and power are off"},
    [TW_HAPPENED_ISOLATED_END] = {"isolated_end", OF_RACK, 0, "{name} is tight: coolant and power are back"},
    [TW_HAPPENED_DEW] = {"dew_point", OF_CDU, 1,
                         "coolant of {name}{more} at {x.2} degC: within its margin of the room's dew point"},
    [TW_HAPPENED_DEW_END] = {"dew_point_end", OF_CDU, 0,
                             "coolant of {name}{more} above the dew point by its margin again"},
    [TW_HAPPENED_VALVE_FULL] = {"valve_full", OF_CDU, 1,
                                "valve of {name}{more} fully open, coolant at {x.2} degC no longer held"},
    [TW_HAPPENED_VALVE_FULL_END] = {"valve_full_end", OF_CDU, 0, "valve of {name}{more} holds the coolant again"},
    [TW_HAPPENED_FANS_FULL] = {"fans_full", OF_NOTHING, 1,
                               "heat rejection at its limit: fans at full speed, water leaves at {x.2} degC"},
    [TW_HAPPENED_FANS_FULL_END] = {"fans_full_end", OF_NOTHING, 0, "heat rejection holds its water again"},
    [TW_HAPPENED_BASIN_EMPTY] = {"basin_empty", OF_NOTHING, 2, "basins are empty: towers and pads run dry"},
    [TW_HAPPENED_LOW_PRESSURE] = {"low_pressure", OF_CDU, 2, "pressure at the pumps of {name} falls below {kpa} kPa"},
    [TW_HAPPENED_MODE] = {"cooling_mode", OF_NOTHING, 0, NULL},
    [TW_HAPPENED_UNITS] = {"cooling_units", OF_NOTHING, 0,
                           "{count} units of the heat rejection run, water at {x.2} degC"},
    [TW_HAPPENED_TURNED] = {"turned", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_RETURN] = {"return", OF_ELEMENT, 1, NULL},
    [TW_HAPPENED_HELD] = {"held", OF_ELEMENT, 1, "{racks} held to {kw} kW: what {name} can carry"},
    [TW_HAPPENED_HELD_END] = {"held_end", OF_ELEMENT, 0, "no rack held by {name} any more, after {whole} s"},
    [TW_HAPPENED_ALONE] = {"generation_stopped", OF_ELEMENT, 2, NULL},
    [TW_HAPPENED_BLOCK] = {"generator_block", OF_ELEMENT, 0, "{name}{more} accepts {percent} % of its rating"},
    [TW_HAPPENED_TRAFFIC] = {"traffic", OF_NOTHING, 1, "requests come {x} times as often"},
    [TW_HAPPENED_SLOW] = {"slow", OF_RACK, 1, "{name} takes {x} times as long as it should"},
    [TW_HAPPENED_SLOW_END] = {"slow_end", OF_RACK, 0, "{name} as fast as before"},
    [TW_HAPPENED_TRAFFIC_END] = {"traffic_end", OF_NOTHING, 0, "requests come as often as before"},
    [TW_HAPPENED_JOB_BEGUN] = {"job_begun", OF_JOB, 0, "job {name} loads on {count} GPUs"},
    [TW_HAPPENED_JOB_RUNS] = {"job_runs", OF_JOB, 0, "job {name} computes on {count} GPUs"},
    [TW_HAPPENED_JOB_GROWN] = {"job_grown", OF_JOB, 0, "job {name} grows to {count} GPUs"},
    [TW_HAPPENED_JOB_FAILED] = {"job_failed", OF_JOB, 2, "job {name} fails: back to its checkpoint, {x.1} steps lost"},
    [TW_HAPPENED_JOB_YIELDS] = {"job_yields", OF_JOB, 1, "job {name} gives way after a checkpoint"},
    [TW_HAPPENED_JOB_DONE] = {"job_done", OF_JOB, 0, "job {name} is done after {hours} h"},
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
    case OF_JOB:
        return tw_jobs_spec(plant->jobs, e->target)->name;
    case OF_NOTHING:
        break;
    }
    return "";
}

// " and 3 more".
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

// A happening as it is told: count in racks as they stand there, not as they are simulated, where it counts racks.
typedef struct Told {
    const TwPlant *plant;
    const TwEntry *e;
    const char *name;
    int racks;
    char more[32];
} Told;

static Told told(const TwPlant *plant, const TwEntry *e)
{
    Told t = {plant, e, tw_story_target(plant, e), e->count * (int)plant->run.rack_scale, ""};
    others(kinds[e->kind].of == OF_RACK ? t.racks : e->count, t.more, sizeof t.more);
    return t;
}

// A number of a text by its key. False: it is no number.
static bool number_of(const TwEntry *e, const char *key, char *text, size_t size)
{
    const struct {
        const char *key, *format;
        double value;
    } numbers[] = {
        {"{x}", "%.4g", e->value},
        {"{x.1}", "%.1f", e->value},
        {"{x.2}", "%.2f", e->value},
        {"{whole}", "%.9g", whole(e->value)},
        {"{kw}", "%.9g", whole(e->value * 1e-3)},
        {"{percent}", "%.4g", 100.0 * e->value},
        {"{kpa}", "%.4g", e->value * 1e-3},
        {"{hours}", "%.4g", e->value / 3600.0},
        {"{usd_per_mwh}", "%.4g", 1e3 * e->value},
        {"{count}", "%.0f", e->count},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(key, numbers[i].key) == 0) {
            snprintf(text, size, numbers[i].format, numbers[i].value);
            return true;
        }
    return false;
}

static void word_of(const Told *t, const char *key, char *text, size_t size)
{
    const TwEntry *e = t->e;
    if (number_of(e, key, text, size)) return;
    if (strcmp(key, "{name}") == 0)
        snprintf(text, size, "%s", t->name);
    else if (strcmp(key, "{more}") == 0)
        snprintf(text, size, "%s", t->more);
    else if (strcmp(key, "{dots}") == 0)
        snprintf(text, size, "%s", e->count > 1 ? " ..." : "");
    else if (strcmp(key, "{racks}") == 0)
        snprintf(text, size, "%d %s", t->racks, t->racks == 1 ? "rack" : "racks");
    else if (strcmp(key, "{part}") == 0)
        tw_failures_part(t->plant, e->target, e->count, text, size);
    else
        assert(false && "a key of the table");
}

// The row's text, each {key} replaced by what it stands for.
static void fill_in(const Told *t, const char *from, char *text, size_t size)
{
    size_t used = 0;
    while (*from && used + 1 < size) {
        if (*from != '{') {
            text[used++] = *from++;
            continue;
        }
        char key[16];
        size_t length = strcspn(from, "}") + 1;
        snprintf(key, sizeof key, "%.*s", (int)length, from);
        from += length;
        word_of(t, key, text + used, size - used);
        used += strlen(text + used);
    }
    text[used] = '\0';
}

// What is said in another way by how many it is, or where it is. False: said elsewhere.
static bool supply_text(const Told *t, char *text, size_t size)
{
    const TwPlant *plant = t->plant;
    const TwEntry *e = t->e;
    const char *name = t->name, *more = t->more;
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_BREACH:
        snprintf(text, size, "%s %.4g %% over its target: %s", name, 100.0 * (e->value - 1.0),
                 tw_breach_word((TwBreach)e->count));
        break;
    case TW_HAPPENED_LOST:
        // what a protection relay and its breaker do is there in the same instant
        snprintf(text, size,
                 plant->power->parent[e->target] < 0 ? "%s lost: no voltage, its breaker opens"
                                                     : "%s lost: its protection opens it",
                 name);
        break;
    case TW_HAPPENED_TRANSFERRED:
        snprintf(text, size, "%s%s carried by %s source", name, more, e->value > 0.0 ? "the second" : "the first");
        break;
    case TW_HAPPENED_TURNED:
        snprintf(text, size,
                 e->value > 0.0 ? "the ring is fed from its other side: %s%s carry power back to what lies behind"
                                : "%s%s carry power their usual way again",
                 name, more);
        break;
    case TW_HAPPENED_RETURN:
        snprintf(text, size, "%s%s go%s back to the first source: open for %.4g s", name, more,
                 e->count > 1 ? "" : "es", e->value);
        break;
    case TW_HAPPENED_ALONE:
        snprintf(text, size, "%s%s stop%s: a dead bus above, and no island of %s own", name, more,
                 e->count > 1 ? "" : "s", e->count > 1 ? "their" : "its");
        break;
    case TW_HAPPENED_STOPPED:
        snprintf(text, size, "%s%s stopped%s", name, more, e->value > 0.0 ? ": out of fuel" : "");
        break;
    case TW_HAPPENED_DEAD:
    case TW_HAPPENED_LIVE: {
        const char *word = e->kind == TW_HAPPENED_DEAD ? "de-energised" : "energised";
        int under = e->count - (int)e->value;
        char sources[32];
        others((int)e->value, sources, sizeof sources);
        if (under > 0)
            snprintf(text, size, "%s%s %s, with %d element%s below", name, sources, word, under, under == 1 ? "" : "s");
        else
            snprintf(text, size, "%s%s %s", name, sources, word);
        break;
    }
    case TW_HAPPENED_ON_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more carry their load from stores (%.9g kWh)", name, e->count - 1,
                     whole(e->value / 3.6e6));
        else
            snprintf(text, size, "%s carries its load from its store (%.9g kWh)", name, whole(e->value / 3.6e6));
        break;
    case TW_HAPPENED_OFF_STORE:
        if (e->count > 1)
            snprintf(text, size, "%s and %d more are supplied again, %.9g kWh left", name, e->count - 1,
                     whole(e->value / 3.6e6));
        else
            snprintf(text, size, "%s is supplied again, %.9g kWh left", name, whole(e->value / 3.6e6));
        break;
    case TW_HAPPENED_DIP:
        snprintf(text, size, "voltage at %s dips to %.4g %%: %d %s, %.9g kW leave the grid", name, 100.0 * e->value,
                 e->count, e->count == 1 ? "store transfers" : "stores transfer", whole(1e-3 * e->watts));
        break;
    default:
        return false;
    }
    return true;
}

// The same of hints, work on the site, cooling and the fabric.
static void work_text(const Told *t, char *text, size_t size)
{
    const TwPlant *plant = t->plant;
    const TwEntry *e = t->e;
    const char *name = t->name;
    switch ((TwHappening)e->kind) {
    case TW_HAPPENED_COOLING:
    case TW_HAPPENED_COOLING_END:
        tw_thermal_act_text((TwThermalAct)e->count, name, e->value, text, size);
        break;
    case TW_HAPPENED_MODE: {
        static const char *const by[TW_PLANT_MODES] = {"outdoors alone", "outdoors and, for the rest, the chiller",
                                                       "the chiller alone, for outdoors is warmer"};
        snprintf(text, size, "facility water at %.2f degC is cooled by %s", e->value, by[e->count]);
        break;
    }
    case TW_HAPPENED_SHED:
        snprintf(text, size, "shed hint %s for %d racks under %s, the least %.9g kW",
                 e->count < 0 ? "suspend" : "power_cap", abs(e->count) * (int)plant->run.rack_scale, name,
                 whole(e->value * 1e-3));
        break;
    case TW_HAPPENED_ESCALATED:
        if (e->watts > 0.0)
            snprintf(text, size, "breach of %s escalates: %s, %.0f racks", name, tw_flex_action((TwFlexAction)e->count),
                     e->watts * plant->rack_scale);
        else
            snprintf(text, size, "breach of %s escalates: %s", name, tw_flex_action((TwFlexAction)e->count));
        break;
    case TW_HAPPENED_MAINTAIN:
        if (e->value > 0.0 && e->count >= 0)
            snprintf(text, size, "%s out for maintenance; the loss of %s would now stop %.0f racks", name,
                     plant->element_names[e->count], e->value * plant->rack_scale);
        else
            snprintf(text, size, "%s out for maintenance", name);
        break;
    case TW_HAPPENED_REFUSED:
        snprintf(text, size, "maintenance of %s put off: %.0f racks would lose %s", name, e->value * plant->rack_scale,
                 e->count ? "supply" : "coolant");
        break;
    case TW_HAPPENED_WORK:
        if (e->count > 0)
            snprintf(text, size, "%s out for maintenance, with %.0f racks", name, e->count * plant->rack_scale);
        else
            snprintf(text, size, "%s out for maintenance", name);
        break;
    case TW_HAPPENED_WORK_REFUSED:
        if (plant->failures.maintenance[e->target].on == TW_WORK_CDU)
            snprintf(text, size, "maintenance of %s put off: %.0f racks would lose cooling", name,
                     e->count * plant->rack_scale);
        else
            snprintf(text, size, "maintenance of %s put off: hosts would lose their network", name);
        break;
    case TW_HAPPENED_FABRIC:
    case TW_HAPPENED_FABRIC_END: {
        if (e->count < 0) {
            snprintf(text, size, "the fabric carries %.4g %%, its slowest host %.4g %%", 100.0 * e->value,
                     100.0 * e->watts);
            break;
        }
        const TwFabricStep *step = &plant->fabric.steps[e->count];
        int length = snprintf(text, size, "%s %s: the fabric carries %.4g %%, ", name,
                              e->kind == TW_HAPPENED_FABRIC ? "lost" : "back", 100.0 * step->throughput);
        if (length < 0 || (size_t)length >= size) break;
        if (isfinite(step->transfer_s))
            snprintf(text + length, size - (size_t)length, "its slowest host %.4g %%; 4.5 GiB of KV take %.3g ms",
                     100.0 * step->slowest, 1e3 * step->transfer_s);
        else
            snprintf(text + length, size - (size_t)length, "some card is cut off");
        break;
    }
    default:
        assert(false && "every happening has a text");
    }
}

void tw_story_text(const TwPlant *plant, const TwEntry *e, char *text, size_t size)
{
    const Told t = told(plant, e);
    if (kinds[e->kind].text)
        fill_in(&t, kinds[e->kind].text, text, size);
    else if (!supply_text(&t, text, size))
        work_text(&t, text, size);
}
