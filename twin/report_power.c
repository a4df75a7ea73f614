// Watts, voltages, load targets, waveforms and cooling in a report.
#include "twin/report_parts.h"

#include "models/thermal/look.h"
#include "twin/flex.h"
#include "twin/story.h"
#include "twin/voltages.h"
#include "twin/waves.h"

#include <math.h>

static void add_voltages(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    if (!tw_voltages_wanted(plant)) return;
    const TwVoltageSums *v = tw_voltages_sums(plant, tw_state_block(state));
    tw_report_add(report, "voltages.lowest_pu", "1", "lowest voltage of any element at any solution", v->lowest_pu);
    tw_report_add_text(report, "voltages.lowest_at", "where", v->lowest >= 0 ? plant->element_names[v->lowest] : "");
    tw_report_add(report, "voltages.lowest_s", "s", "and when", v->lowest >= 0 ? (double)v->lowest_ns * 1e-9 : NAN);
    tw_report_add(report, "voltages.series_loss_kw.mean", "kW", "lost in lines and windings by the current",
                  tw_over(v->loss_j, v->span_s) * 1e-3);
    tw_report_add(report, "voltages.solved", "", "AC power flows solved", (double)v->solved);
    tw_report_add(report, "voltages.unsolved", "", "without a solution", (double)v->unsolved);
    tw_report_add(report, "voltages.turns.max", "", "turns of the solver at most", v->worst_turns);
    tw_report_add(report, "voltages.reversed_sources", "",
                  "sources of closed rings that power flowed back into, at most", v->reversed);
}

// Metered feeds: their bounds, breaches of load targets, and what racks were asked to shed.
static void add_flex(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    for (int e = 0; e < plant->element_count; e++) {
        if (!tw_flex_metered(plant, e)) continue;
        TwFlexSums f = tw_flex_sums(plant, tw_state_block(state), e);
        const TwKpiRow rows[] = {{"power_minimum_w", "W", "racks below at idle", f.least_w},
                                 {"power_maximum_w", "W", "its own limit", f.most_w},
                                 {"breaches", "", "breaches of a load target", f.breaches},
                                 {"breach_s", "s", "time in breach, those that ended", f.breach_s},
                                 {"escalations", "", "actions enforced", f.escalations},
                                 {"highest_over_target", "1", "measured load over the target at worst",
                                  f.highest_over > 0.0 ? f.highest_over : NAN}};
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "flex.%.40s", plant->element_names[e]);
        for (int i = 0; i < plant->rack_count; i++) {
            char path[160];
            double watts;
            const char *hint = tw_flex_hint(plant, tw_state_block(state), e, i, &watts);
            if (!hint) continue;
            snprintf(path, sizeof path, "flex.%.28s.hints.%.28s.action", plant->element_names[e], plant->racks[i].name);
            tw_report_add_text(report, path, "shed hint of the last target", hint);
            snprintf(path, sizeof path, "flex.%.28s.hints.%.28s.granted_w", plant->element_names[e],
                     plant->racks[i].name);
            tw_report_add(report, path, "W", "what the rack was granted under it", watts);
        }
    }
}

// Seconds from what caused the first entry of a kind to that entry; NaN: there is none.
static double after_s(const TwState *state, TwHappening kind)
{
    const TwPlant *plant = tw_state_plant(state);
    const void *block = tw_state_block(state);
    for (int i = 0; i < tw_story_count(plant, block); i++) {
        const TwEntry *entry = tw_story_entry(plant, block, i);
        if (entry->kind != (int32_t)kind) continue;
        int root = tw_story_root(plant, block, i);
        int64_t begun = root >= 0 && root != i ? tw_story_entry(plant, block, root)->time_ns : 0;
        return (double)(entry->time_ns - begun) * 1e-9;
    }
    return NAN;
}

static void add_cooling(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    double time_s = tw_state_time_s(state), it_j = m->rack_j + m->fabric_j;
    tw_report_add(report, "cooling.power_mw.mean", "MW", "pumps, fans, chillers", tw_over(m->cooling_j, time_s) * 1e-6);
    tw_report_add(report, "cooling.wue_l_per_kwh", "L/kWh", "water per IT energy", tw_over(m->water_kg, it_j / 3.6e6));
    tw_report_add(report, "cooling.ere", "1", "utility energy less heat delivered to others, over IT energy",
                  tw_over(m->utility_j - m->export_j, it_j));
    tw_report_add(report, "cooling.tue", "1", "utility energy over energy at the racks' busbars",
                  tw_over(m->utility_j, m->rack_j - m->shelf_j));
    if (plant->cdu_count > 0) {
        tw_report_add(report, "cooling.export_mwh", "MWh", "heat delivered to a district network", m->export_j / 3.6e9);
        tw_report_add(report, "cooling.approach_k.mean", "K", "coolant above facility water, mean over CDUs",
                      tw_over(m->approach_sum, time_s * plant->cdu_count));
        tw_report_add(report, "cooling.approach_k.max", "K", "the same, largest", m->approach_max_k);
        tw_report_add(report, "cooling.worst_flow_fraction", "1",
                      "coolant over design of the open rack that had least while pumps ran; none: they never did",
                      m->worst_flow_rack >= 0.0 ? m->worst_flow_fraction : NAN);
    }
    static const struct {
        const char *path, *text;
    } modes[TW_PLANT_MODES] = {
        {"cooling.mode_h.free", "facility water cooled by outdoors alone"},
        {"cooling.mode_h.mixed", "by outdoors and, for the rest, the chiller"},
        {"cooling.mode_h.mechanical", "by the chiller alone, outdoors being warmer than the water"}};
    for (int k = 0; k < TW_PLANT_MODES && plant->cdu_count > 0; k++)
        tw_report_add(report, modes[k].path, "h", modes[k].text, m->mode_s[k] / 3600.0);
    if (plant->cdu_count > 0) {
        tw_report_add(report, "cooling.mode_changes", "1", "times that the mode changed", m->mode_changes);
        tw_report_add(report, "cooling.unit_changes", "1", "times that a unit of the heat rejection joined or left",
                      m->unit_changes);
    }
    if (plant->cdu_count > 0)
        tw_report_add(report, "cooling.freezing_h", "h", "facility water within 2 K of freezing", m->icy_s / 3600.0);
    if (plant->cdu_count > 0)
        tw_report_add(report, "cooling.york_clamped_h", "h",
                      "a bound of York's tower polynomial held its water, wet bulb or range",
                      m->york_clamped_s / 3600.0);
    if (plant->cdu_count > 0)
        tw_report_add(report, "cooling.npsh_margin_m", "m",
                      "least suction head of a CDU's pumps over what they need; none: they never ran",
                      isfinite(m->npsh_margin_m) ? m->npsh_margin_m : NAN);
    tw_report_add(report, "cooling.supply_degc.min", "degC", "coolant to the racks", m->supply_min_degc);
    tw_report_add(report, "cooling.supply_degc.mean", "degC", "coolant to the racks", tw_over(m->supply_sum, time_s));
    tw_report_add(report, "cooling.supply_degc.max", "degC", "coolant to the racks", m->supply_max_degc);
    tw_report_add(report, "cooling.chip_degc.mean", "degC", "hottest chip of a rack, mean over racks",
                  tw_over(m->chip_sum, time_s));
    tw_report_add(report, "cooling.chip_degc.max", "degC", "hottest chip", m->chip_max_degc);
    if (tw_thermal_trays(plant->thermal) > 0)
        tw_report_add(report, "cooling.tray_spread_k", "K",
                      "most that the hottest tray of a rack was above its coldest", m->tray_spread_k);
    tw_report_add(report, "cooling.throttled_rack_hours", "h", "rack-hours below full clock",
                  m->throttled_rack_s * plant->rack_scale / 3600.0);
    tw_report_add(report, "cooling.throttled_racks", "1", "most racks at once below full clock",
                  m->throttled_racks * plant->rack_scale);
    tw_report_add(report, "cooling.slowdown_after_s", "s",
                  "from its cause to the first chip at its slowdown; none: no chip was",
                  after_s(state, TW_HAPPENED_HOT));
    tw_report_add(report, "cooling.throttle_after_s", "s",
                  "from its cause to the first rack below full clock; none: no rack was",
                  after_s(state, TW_HAPPENED_THROTTLE));
    tw_report_add(report, "cooling.ambient_degc.mean", "degC", "outdoor dry bulb", tw_over(m->ambient_sum, time_s));
}

void tw_report_power(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    const TwMeters *m = tw_state_meters(state);
    double time_s = tw_state_time_s(state), it_j = m->rack_j + m->fabric_j;
    double made_j = tw_power_meter(plant->power, tw_state_block(state)).generation_j;
    tw_report_add(report, "power.utility_mw.mean", "MW",
                  "utility power: all that comes into the site, own generation with it",
                  tw_over(m->utility_j, time_s) * 1e-6);
    tw_report_add(report, "power.utility_mw.peak", "MW", "utility power, highest window", m->utility_peak_w * 1e-6);
    tw_report_add(report, "power.grid_mw.mean", "MW", "of it from the grid",
                  tw_over(m->utility_j - made_j, time_s) * 1e-6);
    tw_report_add(report, "power.grid_mw.peak", "MW", "from the grid, highest window", m->grid_peak_w * 1e-6);
    tw_report_add(report, "power.generation_mw.mean", "MW", "of it generated on the site",
                  tw_over(made_j, time_s) * 1e-6);
    tw_report_add(report, "power.storage_mw.mean", "MW", "into stores; negative: out of them",
                  tw_over(m->storage_j, time_s) * 1e-6);
    tw_report_add(report, "power.it_mw.mean", "MW", "racks and fabric", tw_over(it_j, time_s) * 1e-6);
    tw_report_add(report, "power.it_mw.peak", "MW", "racks and fabric, highest window", m->it_peak_w * 1e-6);
    tw_report_add(report, "power.demand_mw.peak", "MW", "what the racks wanted at once", m->demand_peak_w * 1e-6);
    tw_report_add(report, "power.granted_rack_kw.min", "kW", "least that a rack was granted", m->granted_min_w * 1e-3);
    // what lies in stores is not used yet, what they gave was: over a span that ends as it began it is no matter
    tw_report_add(report, "power.pue", "1",
                  "utility energy less what stores kept, over IT energy (racks at AC, fabric)",
                  tw_over(m->utility_j - m->storage_j, it_j));
    double gpus_j = m->rack_j - m->host_j - m->shelf_j;
    if (fabs(gpus_j) < 1e-12 * m->rack_j) gpus_j = 0.0;    // what sums leave of nothing
    tw_report_add(report, "power.losses_mw.tree", "MW", "electrical tree",
                  tw_over(m->room_loss_j + m->outdoor_loss_j, time_s) * 1e-6);
    tw_report_add(report, "power.losses_mw.shelves", "MW", "rack power shelves (inside IT)",
                  tw_over(m->shelf_j, time_s) * 1e-6);
    tw_report_add(report, "power.gpu_mw.mean", "MW", "accelerators, at the temperatures of their chips",
                  tw_over(gpus_j, time_s) * 1e-6);
    tw_report_add(report, "power.host_mw.mean", "MW", "everything else at the busbars",
                  tw_over(m->host_j, time_s) * 1e-6);
    tw_report_add(report, "power.fabric_mw.mean", "MW", "scale-out switches and optics",
                  tw_over(m->fabric_j, time_s) * 1e-6);
    tw_report_add(report, "power.max_ramp_mw_per_s", "MW/s", "steepest change between windows", m->ramp_max_w_s * 1e-6);
    tw_report_add(report, "power.holdup_kwh", "kWh",
                  "drawn within the window in which a store ran empty, from no element", m->holdup_j / 3.6e6);
    tw_report_add(report, "power.target_compliance", "1", "share of time under a load target spent within it",
                  tw_over(m->target_compliant_s, m->target_s));
    add_voltages(report, state);
    add_flex(report, state);
    tw_report_add(report, "power.target_cut_mwh", "MWh", "by how much load targets held limits below the elements' own",
                  m->target_cut_j / 3.6e9);
    add_cooling(report, state);
}

void tw_report_waves(TwReport *report, const TwState *state)
{
    const TwPlant *plant = tw_state_plant(state);
    for (int i = 0; i < plant->wave_count; i++) {
        const TwWavePlan *wave = &plant->waves[i];
        const TwWaveResult *r = tw_at_const(tw_state_block(state), wave->result);
        if (!r->done) continue;
        const TwKpiRow rows[] = {
            {"load_swing_1s_mw", "MW", "racks as they work: peak to peak within 1 s", r->load.swing_1s_w * 1e-6},
            {"pcc_swing_1s_mw", "MW", "grid connection: peak to peak within 1 s", r->pcc.swing_1s_w * 1e-6},
            {"pcc_swing_60s_mw", "MW", "grid connection: peak to peak within 1 min", r->pcc.swing_60s_w * 1e-6},
            {"pcc_mean_mw", "MW", "grid connection: mean", r->pcc.mean_w * 1e-6},
            {"pcc_peak_mw", "MW", "grid connection: peak", r->pcc.peak_w * 1e-6},
            {"pcc_ramp_1s_mw_per_s", "MW/s", "largest ramp over 1 s", r->pcc.ramp_1s_w_s * 1e-6},
            {"pcc_ramp_10s_mw_per_s", "MW/s", "largest ramp over 10 s", r->pcc.ramp_10s_w_s * 1e-6},
            {"pcc_ramp_60s_mw_per_s", "MW/s", "largest ramp over 1 min", r->pcc.ramp_60s_w_s * 1e-6},
            {"pcc_line_hz", "Hz", "strongest line at the connection", r->pcc.line_hz},
            {"pcc_line_mw", "MW", "its amplitude", r->pcc.line_w * 1e-6},
            {"pcc_band_fraction", "1", "AC energy within the band", r->pcc.band_fraction},
            {"load_line_mw", "MW", "amplitude of the strongest line of the racks", r->load.line_w * 1e-6},
            {"smoothing_extra_mj", "MJ", "burnt by GPU smoothing", r->extra_j * 1e-6},
            {"smoothing_deferred_mj", "MJ", "work held back by GPU smoothing", r->deferred_j * 1e-6},
            {"flatten_mj", "MJ", "storage that would flatten the job", r->swing_j * 1e-6},
            {"stores_gave_mj", "MJ", "given by stores of the tree", r->stored_j * 1e-6},
            {"longest_dead_s", "s", "longest dead time of a rack", r->longest_dead_s},
            {"dropped_racks", "", "racks that did not ride through", r->dropped_racks},
            {"residual", "1", "energy balance of the window", r->residual},
        };
        tw_report_add_rows(report, rows, sizeof rows / sizeof *rows, "waveforms.%.30s", wave->name);
    }
}
