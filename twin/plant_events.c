// Events that a facility file scripts, resolved and in order of time.
#include "twin/plant_parts.h"
#include "twin/reference.h"

#include <math.h>
#include <string.h>

static void add_event(TwPlant *plant, TwEventKind kind, double at_s, int target, double value, const char *text)
{
    plant->events[plant->event_count++] = (TwEventPlan){kind, llround(at_s * 1e9), target, value, text};
}

void tw_compile_events(TwPlant *plant, TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config);
    int n = tw_node_entries(root, "events");
    plant->events = TW_TAKE(plant->arena, 2 * n + 1, TwEventPlan);
    for (int i = 0; i < n; i++) {
        char name[TW_NAME], text[160];
        const TwNode *node = tw_node_entry(root, "events", i, name);
        TwEventRow row;
        tw_node_row(node, &row);
        bool cdu = strcmp(row.kind, "set_supply") == 0 || strcmp(row.kind, "pump_fail") == 0;
        int target = cdu ? tw_find_entry(plant->cdu_names, plant->cdu_count, row.element, 0, 1)
                         : tw_find_entry(plant->element_names, plant->element_count, row.element, 0, 1);
        if (target < 0) {
            tw_reference_error(node, "feed", errors, row.element, cdu ? "CDU" : "power element",
                               cdu ? plant->cdu_names : plant->element_names,
                               cdu ? plant->cdu_count : plant->element_count);
            continue;
        }
        if (row.until_s <= row.at_s) {
            tw_node_error(node, "until_s", errors, "until_s = %g is not after at_s = %g", row.until_s, row.at_s);
            continue;
        }
        TwEventKind kind = TW_EVENT_SUPPLY, end = TW_EVENT_SUPPLY;
        double value = row.supply_degc;
        if (strcmp(row.kind, "load_target") == 0) {
            kind = TW_EVENT_TARGET, end = TW_EVENT_TARGET_END, value = row.limit_w;
            if (!isfinite(value)) tw_node_error(node, "limit_w", errors, "a load target needs limit_w");
            snprintf(text, sizeof text, "load target %.4g kW on %s (%s)", value / 1e3, row.element,
                     row.best_effort ? "best effort" : "firm");
        } else if (strcmp(row.kind, "lose") == 0) {
            kind = TW_EVENT_LOSE, end = TW_EVENT_RESTORE;
            snprintf(text, sizeof text, "%s lost", row.element);
        } else if (strcmp(row.kind, "pump_fail") == 0) {
            kind = TW_EVENT_PUMP, end = TW_EVENT_PUMP_END;
            snprintf(text, sizeof text, "pump of %s failed", row.element);
        } else {
            if (!isfinite(value)) tw_node_error(node, "supply_degc", errors, "set_supply needs supply_degc");
            snprintf(text, sizeof text, "supply of %s set to %.4g degC", row.element, value);
        }
        add_event(plant, kind, row.at_s, target, value, tw_arena_text(plant->arena, text));
        if (isfinite(row.until_s) && kind != TW_EVENT_SUPPLY) {
            snprintf(text, sizeof text, "%s: end", plant->events[plant->event_count - 1].text);
            add_event(plant, end, row.until_s, target, NAN, tw_arena_text(plant->arena, text));
        }
    }
    // in order of time, as the queue will give them; equal times keep file order (insertion sort: few)
    for (int i = 1; i < plant->event_count; i++)
        for (int k = i; k > 0 && plant->events[k].at_ns < plant->events[k - 1].at_ns; k--) {
            TwEventPlan swap = plant->events[k];
            plant->events[k] = plant->events[k - 1];
            plant->events[k - 1] = swap;
        }
}
