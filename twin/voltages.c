#include "twin/voltages.h"

#include "twin/story.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define AT(member) offsetof(TwVoltagesRow, member)
static const TwField fields[] = {
    {"every_s", "s", TW_REAL, 0, 86400, "0", AT(every_s), "between two AC power flows of the tree; 0: none", NULL},
    {"power_factor", "1", TW_REAL, 0.5, 1, "0.984", AT(power_factor), "of racks and loads", NULL},
    {"losses", "", TW_BOOLEAN, 0, 0, "true", AT(losses),
     "lines and transformers lose by their current, not by their law", NULL},
};
const TwKind tw_voltages_kind = {"voltages", NULL, fields, TW_COUNT(fields), NULL, 0};

bool tw_voltages_wanted(const TwPlant *plant) { return plant->voltages->every_s > 0.0; }

static bool has_impedance(const TwElementRow *e)
{
    return e->vk_fraction > 0.0 || (e->length_m > 0.0 && (e->r_ohm_km > 0.0 || e->x_ohm_km > 0.0));
}

void tw_voltages_compile(TwPlant *plant, TwErrors *errors)
{
    const TwNode *node = tw_node_group(tw_config_root(plant->config), "voltages");
    plant->voltages = TW_TAKE(plant->arena, 1, TwVoltagesRow);
    tw_node_row(node, plant->voltages);
    bool some = false, ring = false;
    for (int i = 0; i < plant->element_count; i++) {
        some = some || has_impedance(&plant->elements[i]);
        ring = ring || plant->elements[i].closed;
    }
    if (tw_voltages_wanted(plant) && !some)
        tw_node_warn(node, "every_s", errors, "no element has an impedance: every voltage will be that of the source");
    if (ring && !tw_voltages_wanted(plant))
        tw_node_warn(
            node, "every_s", errors,
            "a ring is closed, but voltages.every_s is 0: a board's two sources share evenly and a closing line "
            "carries nothing, whatever the impedances");
}

void tw_voltages_layout(TwPlant *plant, TwLayout *layout)
{
    size_t n = tw_voltages_wanted(plant) ? (size_t)plant->element_count : 0;
    plant->slot.voltage = tw_layout_add(layout, 1, sizeof(TwVoltageSums));
    plant->slot.voltage_pu = tw_layout_add(layout, n, sizeof(double));
}

void tw_voltages_start(const TwPlant *plant, void *block)
{
    TwVoltageSums *sums = tw_at(block, plant->slot.voltage);
    *sums = (TwVoltageSums){.lowest_pu = NAN, .lowest = -1, .entry = -1};
    for (int i = 0; i < plant->element_count && tw_voltages_wanted(plant); i++)
        tw_f64(block, plant->slot.voltage_pu)[i] = NAN;
}

// The lowest live element of a solution.
static void note_lowest(TwVoltageSums *s, const TwVolts *volts, int64_t now_ns)
{
    if (volts->lowest < 0) return;
    double v = volts->v_pu[volts->lowest];
    if (s->lowest >= 0 && !(v < s->lowest_pu)) return;
    s->lowest = volts->lowest;
    s->lowest_pu = v;
    s->lowest_ns = now_ns;
}

void tw_voltages_window(const TwPlant *plant, void *block, TwVolts *volts, int64_t now_ns, double window_s)
{
    if (!tw_voltages_wanted(plant)) return;
    TwVoltageSums *s = tw_at(block, plant->slot.voltage);
    double *pu = tw_f64(block, plant->slot.voltage_pu);
    s->loss_j += s->loss_w * window_s;
    s->span_s += s->solved > 0 ? window_s : 0.0;
    int64_t changes = tw_power_changes(plant->power, block);
    if (now_ns < s->next_ns && changes == s->changes) return;
    int64_t every_ns = llround(plant->voltages->every_s * 1e9);
    s->next_ns = (now_ns / every_ns + 1) * every_ns;

    volts->fresh = true;
    bool solved = tw_power_volts(plant->power, block, plant->voltages->power_factor, volts);
    tw_power_take_volts(plant->power, block, volts, solved, plant->voltages->losses);
    // what this changed itself is no switching
    tw_power_settle_again(plant->power, block);
    s->changes = tw_power_changes(plant->power, block);
    s->solved += solved;
    s->unsolved += !solved;
    s->loss_w = solved ? volts->loss_sum_w : 0.0;
    s->worst_turns = solved && volts->turns > s->worst_turns ? volts->turns : s->worst_turns;
    s->reversed = volts->reversed > s->reversed ? volts->reversed : s->reversed;
    for (int i = 0; i < plant->element_count; i++) pu[i] = solved && volts->v_pu[i] > 0.0 ? volts->v_pu[i] : NAN;
    if (solved) note_lowest(s, volts, now_ns);
    if (!solved && s->entry < 0)
        s->entry =
            tw_story_add(plant, block, now_ns, TW_HAPPENED_NO_SOLUTION, -1, volts->lowest >= 0 ? volts->lowest : 0, 1,
                         volts->lowest >= 0 ? volts->v_pu[volts->lowest] : NAN);
    if (solved && s->entry >= 0) {
        tw_story_add(plant, block, now_ns, TW_HAPPENED_SOLUTION, s->entry,
                     tw_story_entry(plant, block, s->entry)->target, 1, s->lowest_pu);
        s->entry = -1;
    }
}

const double *tw_voltages_pu(const TwPlant *plant, const void *block)
{
    return tw_f64_const(block, plant->slot.voltage_pu);
}

const TwVoltageSums *tw_voltages_sums(const TwPlant *plant, const void *block)
{
    return tw_at_const(block, plant->slot.voltage);
}
