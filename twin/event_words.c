#include "twin/event_words.h"

#include "models/thermal/faults.h"
#include "twin/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COOLING(act)                                                                                                   \
    (TwEventKind)(TW_EVENT_COOLING + TW_ACT_##act), (TwEventKind)(TW_EVENT_COOLING + TW_ACT_##act##_END)
const TwEventWord tw_event_words[] = {
    {"load_target", TW_EVENT_TARGET, TW_EVENT_TARGET_END, TW_ON_ELEMENT, true, true, "limit_w", false,
     "ask for at most so much power", "W", NAN, 0.0, 0.0},
    {"lose", TW_EVENT_LOSE, TW_EVENT_RESTORE, TW_ON_ELEMENT, true, true, NULL, false, "lose it", "", NAN, 0.0, 0.0},
    {"restore", TW_EVENT_RESTORE, TW_EVENT_RESTORE, TW_ON_ELEMENT, false, true, NULL, false, "bring it back", "", NAN,
     0.0, 0.0},
    {"maintain", TW_EVENT_OUT, TW_EVENT_OUT_END, TW_ON_ELEMENT, true, true, NULL, false, "take it out as planned", "",
     NAN, 0.0, 0.0},
    {"dip", TW_EVENT_DIP, TW_EVENT_DIP_END, TW_ON_ELEMENT, true, false, "voltage_fraction", false, "voltage dip", "pu",
     0.5, 0.0, 1.0},
    {"reset", TW_EVENT_RESET, TW_EVENT_RESET, TW_ON_ELEMENT, false, true, NULL, false, "reset a store that latched", "",
     NAN, 0.0, 0.0},
    {"set_supply", TW_EVENT_SUPPLY, TW_EVENT_SUPPLY, TW_ON_CDU, false, true, "supply_degc", false,
     "set the supply temperature", "degC", 30.0, 0.0, 0.0},
    {"pump_fail", TW_EVENT_PUMP, TW_EVENT_PUMP_END, TW_ON_CDU, true, true, NULL, false, "stop all its pumps", "", NAN,
     0.0, 0.0},
    {"pump_trip", COOLING(PUMP_TRIP), TW_ON_CDU, true, true, NULL, false, "trip one pump", "", NAN, 0.0, 0.0},
    {"valve_stuck", COOLING(VALVE_STUCK), TW_ON_CDU, true, true, "value", true, "valve sticks at an opening", "1", 0.3,
     0.0, 1.0},
    {"clog", COOLING(CLOG), TW_ON_CDU, true, true, "value", false, "filter clogs: resistance added, times", "1", 1.0,
     0.0, 10000.0},
    {"foul", COOLING(FOUL), TW_ON_CDU, true, true, "value", false, "exchanger fouls", "K/W", 1e-6, 0.0, 1.0},
    {"leak", COOLING(LEAK), TW_ON_CDU, true, true, "value", false, "the loop leaks", "kg/s", 0.05, 0.0, 10000.0},
    {"unit_out", COOLING(UNIT_OUT), TW_ON_COOLING, true, true, "value", false, "units of heat rejection stand", "units",
     1.0, 0.0, 100000.0},
    {"water_loss", COOLING(WATER_LOSS), TW_ON_COOLING, true, true, NULL, false, "no make-up water", "", NAN, 0.0, 0.0},
    {"chiller_trip", COOLING(CHILLER_TRIP), TW_ON_COOLING, true, true, NULL, false, "trip the chiller", "", NAN, 0.0,
     0.0},
    {"heat_wave", COOLING(HEAT_WAVE), TW_ON_COOLING, true, true, "value", false, "heat wave: outdoor air warmer by",
     "K", 10.0, -60.0, 60.0},
    {"valve_drift", COOLING(VALVE_DRIFT), TW_ON_CDU, true, true, "value", false, "valve drifts, of its stroke an hour",
     "1/h", 0.5, -3600.0, 3600.0},
    {"sensor_bias", COOLING(SENSOR_BIAS), TW_ON_CDU, true, true, "value", false, "supply sensor reads too much", "K",
     3.0, -100.0, 100.0},
    {"sensor_frozen", COOLING(SENSOR_FROZEN), TW_ON_CDU, true, true, "value", true, "supply sensor freezes", "degC",
     NAN, -50.0, 200.0},
    {"rack_leak", COOLING(RACK_LEAK), TW_ON_RACK, true, true, "value", false, "the rack leaks", "kg/s", 0.05, 0.0,
     1000.0},
    {"rack_valve", COOLING(RACK_VALVE), TW_ON_RACK, true, true, "value", false,
     "its coolant valve stands at an opening", "1", 0.3, 0.0, 1.0},
    {"plant_pump_trip", COOLING(PLANT_PUMP_TRIP), TW_ON_COOLING, true, true, "value", true, "primary pumps trip",
     "pumps", 1.0, 0.0, 1000.0},
    {"traffic", TW_EVENT_TRAFFIC, TW_EVENT_TRAFFIC_END, TW_ON_TRAFFIC, true, true, "value", false,
     "requests come so many times as often", "times", 2.0, 0.01, 100.0},
    {"slow", TW_EVENT_SLOW, TW_EVENT_SLOW_END, TW_ON_RACK, true, true, "value", false,
     "what it computes takes so many times as long", "times", 1.3, 1.0, 100.0},
    {"row_leak", COOLING(ROW_LEAK), TW_ON_RACK, true, true, "value", false, "the row's main leaks at it", "kg/s", 0.5,
     0.0, 10000.0},
    {"row_shut", COOLING(ROW_SHUT), TW_ON_RACK, true, true, NULL, false, "the row's main is shut at it", "", NAN, 0.0,
     0.0},
    {"air_unit_out", COOLING(AIR_UNIT_OUT), TW_ON_COOLING, true, true, "value", true, "air handlers stand", "units",
     1.0, 0.0, 100000.0},
    {NULL, 0, 0, 0, false, false, NULL, false, NULL, NULL, 0.0, 0.0, 0.0},
};
#undef COOLING

const TwEventWord *tw_event_word(const char *word)
{
    for (const TwEventWord *w = tw_event_words; w->word; w++)
        if (strcmp(w->word, word) == 0) return w;
    return NULL;
}

bool tw_event_takes(const TwEventWord *word, double value, TwError *error)
{
    if (!isfinite(value) || !(word->most > word->least) || (value >= word->least && value <= word->most)) return true;
    return tw_fail(error, TW_BAD_INPUT, "%s: %s = %g, expected %g to %g%s%s", word->word, word->setting, value,
                   word->least, word->most, strcmp(word->unit, "1") == 0 ? "" : " ",
                   strcmp(word->unit, "1") == 0 ? "" : word->unit);
}

const char *tw_event_targets(const TwPlant *plant, TwEventOn on, const char *const **names, int *count)
{
    *names = on == TW_ON_CDU ? plant->cdu_names : on == TW_ON_RACK ? plant->rack_names : plant->element_names;
    *count = on == TW_ON_CDU ? plant->cdu_count : on == TW_ON_RACK ? plant->rack_count : plant->element_count;
    return on == TW_ON_CDU ? "CDU" : on == TW_ON_RACK ? "rack" : on == TW_ON_ELEMENT ? "power element" : NULL;
}

bool tw_events_contradict(const TwEventPlan *a, const TwEventPlan *b)
{
    if (a->at_ns != b->at_ns || a->target != b->target) return false;
    return (a->kind == TW_EVENT_LOSE && b->kind == TW_EVENT_RESTORE) ||
           (a->kind == TW_EVENT_RESTORE && b->kind == TW_EVENT_LOSE) ||
           (a->kind == TW_EVENT_TARGET && b->kind == TW_EVENT_TARGET && a->value != b->value);
}

static bool unknown_name(const char *what, const char *name, const char *const *names, int count, TwError *error)
{
    const char *near = tw_nearest(name, names, count);
    return tw_fail(error, TW_BAD_INPUT, "no %s is named \"%s\"%s%s%s", what, name, near ? "; did you mean \"" : "",
                   near ? near : "", near ? "\"?" : "");
}

bool tw_slow_takes(const TwPlant *plant, TwError *error)
{
    if (strcmp(plant->run.fidelity, "fluid") == 0)
        return tw_fail(error, TW_BAD_INPUT,
                       "slow: a flow takes all replicas for alike, expected run.fidelity exact or "
                       "sampled");
    return true;
}

bool tw_ask_resolve(const TwPlant *plant, const TwAsk *ask, TwEventPlan *begin, TwError *error)
{
    const TwEventWord *word = tw_event_word(ask->word);
    if (!word || !word->live)
        return tw_fail(error, TW_BAD_INPUT, "\"%s\" cannot happen while a run goes on", ask->word);
    int target = 0;
    const char *const *names;
    int count;
    const char *what = tw_event_targets(plant, word->on, &names, &count);
    if (what) {
        target = tw_find_entry(names, count, ask->target, 0, 1);
        if (target < 0) return unknown_name(what, ask->target, names, count, error);
    }
    if (word->on == TW_ON_COOLING && plant->cdu_count == 0 && word->kind != TW_EVENT_COOLING + TW_ACT_HEAT_WAVE)
        return tw_fail(error, TW_BAD_INPUT, "%s: this facility has no cooling plant with water", ask->word);
    if (word->setting && !word->optional && !isfinite(ask->value))
        return tw_fail(error, TW_BAD_INPUT, "%s needs a value in %s", ask->word, word->unit);
    for (int i = 0; word->on == TW_ON_TRAFFIC && i < plant->pool_count; i++)
        if (!tw_traffic_scales(plant->pools[i].traffic))
            return tw_fail(error, TW_BAD_INPUT, "traffic: pool \"%s\" is asked by those who wait for answers",
                           plant->pools[i].name);
    if (!tw_event_takes(word, ask->value, error)) return false;
    if (word->kind == TW_EVENT_SLOW && !tw_slow_takes(plant, error)) return false;
    static const struct {
        const char *setting;
        double least, most;
    } ranges[] = {{"limit_w", 1e-9, 1e12}, {"supply_degc", 5.0, 70.0}};
    for (size_t i = 0; word->setting && isfinite(ask->value) && i < sizeof ranges / sizeof *ranges; i++)
        if (strcmp(ranges[i].setting, word->setting) == 0 &&
            !(ask->value >= ranges[i].least && ask->value <= ranges[i].most))
            return tw_fail(error, TW_BAD_INPUT, "%s = %g, expected %g to %g %s", word->setting, ask->value,
                           ranges[i].least, ranges[i].most, word->unit);
    if (!(ask->for_s > 0.0)) return tw_fail(error, TW_BAD_INPUT, "for_s = %g, expected more than 0 s", ask->for_s);
    *begin = (TwEventPlan){.kind = (TwEventKind)word->kind, .target = target, .value = ask->value};
    return true;
}

// Settings that an event changes: the last word of a path and how many of its unit make one of the event.
static const struct {
    const char *list, *setting, *word;
    double scale;
} live_settings[] = {
    {"power", "limit_w", "load_target", 1.0},
    {"power", "limit_kw", "load_target", 1e3},
    {"power", "limit_mw", "load_target", 1e6},
    {"cooling.cdus", "supply_degc", "set_supply", 1.0},
};

bool tw_ask_setting(const TwPlant *plant, const char *set, TwAsk *ask, TwError *error)
{
    char path[160];
    const char *equals = strchr(set, '=');
    if (!equals || equals == set)
        return tw_fail(error, TW_BAD_INPUT, "\"%s\": expected PATH=VALUE, as power.pdu1.limit_kw=300", set);
    int length = (int)(equals - set);
    while (length > 0 && set[length - 1] == ' ') length--;
    snprintf(path, sizeof path, "%.*s", length, set);
    char *end;
    double value = strtod(equals + 1, &end);
    while (*end == ' ') end++;
    if (end == equals + 1 || *end)
        return tw_fail(error, TW_BAD_INPUT, "%s = \"%s\": expected a number", path, equals + 1);
    const char *last = strrchr(path, '.');
    for (size_t i = 0; last && i < sizeof live_settings / sizeof *live_settings; i++) {
        size_t list = strlen(live_settings[i].list);
        if (strcmp(last + 1, live_settings[i].setting) != 0 || strncmp(path, live_settings[i].list, list) != 0 ||
            path[list] != '.' || path + list + 1 >= last)
            continue;
        *ask = (TwAsk){.value = value * live_settings[i].scale, .for_s = INFINITY};
        snprintf(ask->word, sizeof ask->word, "%s", live_settings[i].word);
        snprintf(ask->target, sizeof ask->target, "%.*s", (int)(last - path - (ptrdiff_t)list - 1), path + list + 1);
        TwEventPlan begin;
        return tw_ask_resolve(plant, ask, &begin, error);
    }
    char problem[200];
    TwNamedNumber number;
    if (!tw_config_number(plant->config, path, &number, problem, sizeof problem))
        return tw_fail(error, TW_BAD_INPUT, "%s", problem);
    return tw_fail(error, TW_BAD_INPUT,
                   "%s is fixed once a run has begun; live: power.NAME.limit_w, cooling.cdus.NAME.supply_degc", path);
}
