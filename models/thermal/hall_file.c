// The field table of a hall file: defaults are LBL's LiquidCooled example (Buildings library @1c1094d6).
#include "models/thermal/hall.h"

#include <math.h>
#include <string.h>

#define AT(member) offsetof(TwHallRow, member)
#define R(member, unit, least, most, standard, text)                                                                   \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, AT(member), text, NULL                                          \
    }
#define WORD(member, standard, words, text)                                                                            \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, AT(member), text, words                                                  \
    }

static const char *const fluids[] = {"water", "pg20", "pg25", "pg30", "pg40", "pg50", NULL};
static const char *const integrators[] = {"rosenbrock", "cvode", NULL};

static const TwField fields[] = {
    WORD(title, "", NULL, "what it is, one line"),
    WORD(fluid_rack, "pg25", fluids, "of the rack loop"),
    WORD(fluid_plant, "water", fluids, "of the plant loop"),
    WORD(fluid_tower, "pg40", fluids, "of the tower loop"),
    R(load_w, "W", 1e3, 1e9, "1e6", "design heat of the racks"),
    R(load_fraction, "1", 0, 1.5, "0.6", "heat over design heat"),
    R(load2_fraction, "1", 0, 1.5, "0.6", "the second level of an alternating load"),
    R(load_period_s, "s", 0, 1e7, "0", "both levels take turns in this period; 0: the first holds"),
    R(rack_supply_degc, "degC", 5, 60, "45", "set point of the coolant"),
    R(rise_k, "K", 0.5, 40, "5", "each loop warms by this at design"),
    R(approach_k, "K", 0.5, 20, "3", "of each exchanger"),
    R(dry_bulb_degc, "degC", -20, 50, "36", "of the dry cooler's design point"),
    R(economizer_fraction, "1", 0.05, 0.99999, "0.6", "share of design heat that the economizer is sized for"),
    R(rack_drop_pa, "Pa", 0, 1e6, "50e3", "cold plates at design flow"),
    R(rack_exponent, "1", 1, 2, "1.85", "their drop grows as flow to this"),
    R(rack_valve_pa, "Pa", 0, 1e6, "20e3", "the open rack valve"),
    R(rack_s, "s", 0.1, 1e3, "2", "time constant of the racks' outlet at design flow"),
    R(exchanger_pa, "Pa", 0, 1e6, "80e3", "each exchanger at design flow"),
    R(filter_pa, "Pa", 0, 1e6, "65e3", "the CDU's clean filter"),
    R(filter_exponent, "1", 1, 2, "1.76", "its drop grows as flow to this"),
    R(valve_pa, "Pa", 1, 1e6, "80e3", "the open CDU valve"),
    R(pump_efficiency_fraction, "1", 0.05, 1, "0.7", "CDU pump, wire to water"),
    R(valve_rangeability, "1", 2, 500, "50", "of the CDU valve"),
    R(valve_stroke_s, "s", 0.1, 1e3, "120", "of the CDU valve"),
    R(pump_rise_s, "s", 0.1, 1e3, "30", "pumps to full speed"),
    R(rack_stroke_s, "s", 0.1, 1e3, "30", "of the rack valve"),
    R(tower_rise_s, "s", 0.1, 1e3, "5", "tower pump to full speed"),
    R(valve_kp, "1", 0, 1e3, "1", "gain of the supply control"),
    R(valve_ti_s, "s", 1, 1e4, "120", "its integral time"),
    R(valve_range_k, "K", 0.1, 100, "10", "error that counts as one"),
    R(pump_kp, "1", 0, 1e3, "1", "gain of the head control"),
    R(pump_ti_s, "s", 1, 1e4, "120", "its integral time"),
    R(rack_kp, "1", 0, 1e3, "1", "gain of the rack's outlet control, 1/K"),
    R(rack_ti_s, "s", 1, 1e4, "60", "its integral time"),
    R(rack_valve_min, "1", 0, 1, "0.05", "lowest opening"),
    R(economizer_ti_s, "s", 1, 1e4, "60", "integral time of the economizer pumps' control, gain 1"),
    R(tower_ti_s, "s", 1, 1e4, "120", "integral time of fan and tower pump, gain 1/K"),
    R(tower_offset_k, "K", 0, 20, "1", "leaving set point below design"),
    R(plant_offset_k, "K", 0, 20, "1", "economizer set point below the plant supply"),
    R(speed_min, "1", 0.01, 1, "0.1", "lowest pump speed"),
    R(chiller_cop, "1", 1, 20, "5", "at design"),
    R(chiller_lift_k, "K", 1, 60, "10", "least lift"),
    R(chiller_band_k, "K", 0.1, 20, "1", "on this far above the economizer's set point, off at it"),
    R(chiller_s, "s", 0.5, 600, "1", "residence in evaporator and in condenser at design flow"),
    R(chiller_capacity_fraction, "1", 0.1, 10, "1.5", "most heat of the chiller over its design heat"),
    R(pump_heat_fraction, "1", 0, 1, "1", "share of the CDU pump's power that its fluid takes"),
    R(fan_plant_gain, "1/K", 0, 10, "0",
      "fans run at least at this times the water past the economizer above its set point; LBL's wiring: 0"),
    R(fan_off_fraction, "1", 0.01, 1, "0.3", "below this speed the fans stand"),
    R(free_convection_fraction, "1", 0, 1, "0.125", "share of conductance then"),
    R(fan_heat_fraction, "1", 0, 1, "0.05", "fan power at full speed over design heat"),
    R(fan_min, "1", 0.01, 1, "0.1", "lowest fan speed"),
    R(film_ratio, "1", 0.01, 100, "0.5", "dry cooler: air film over water film"),
    R(air_exponent, "1", 0, 1, "0.8", "air film grows as fan speed to this"),
    R(water_exponent, "1", 0, 1, "0.85", "water film grows as flow to this"),
    R(pipe_length_m, "m", 0.1, 1e4, "20", "of each of six pipes"),
    R(pipe_velocity_m_s, "m/s", 0.1, 10, "5", "at design flow: gives the diameter"),
    R(pipe_roughness_m, "m", 0, 1e-2, "15e-6", "of the wall"),
    R(pipe_factor, "1", 1, 20, "2", "drop over that of a straight pipe"),
    {"cells", "1", TW_INTEGER, 0, 12, "0", AT(cells), "volumes in series of a pipe; 0: no volume, no wall", NULL},
    R(wall_m, "m", 0, 0.1, "0.0035", "thickness of the pipe wall"),
    R(wall_kg_m3, "kg/m3", 1, 2e4, "800", "its density"),
    R(wall_j_kg_k, "J/kg/K", 1, 1e4, "500", "its heat capacity"),
    R(rack_start_degc, "degC", 0, 90, "45", "rack loop at time zero"),
    R(plant_start_degc, "degC", 0, 90, "20", "plant loop at time zero"),
    R(tower_start_degc, "degC", -20, 90, "44", "tower loop at time zero"),
    R(ambient_degc, "degC", -60, 60, "unknown", "outdoor air; unknown: from the weather file"),
    WORD(weather, "", NULL, "EnergyPlus file"),
    WORD(integrator, "rosenbrock", integrators, "of all loops"),
    R(for_s, "s", 1, 1e9, "3600", "simulated span"),
    R(step_s, "s", 0.01, 3600, "5", "largest step of rosenbrock"),
    R(window_s, "s", 0.01, 86400, "60", "chiller switched and solver restarted at this interval"),
    R(sample_s, "s", 0.01, 1e7, "60", "between samples"),
    R(tolerance, "1", 1e-12, 1e-2, "1e-7", "relative, of cvode"),
    {"keep", "1", TW_INTEGER, 1, 1000, "1", AT(keep), "steps that one Jacobian of rosenbrock serves", NULL},
};

const TwKind tw_hall_kind = {"hall", NULL, fields, TW_COUNT(fields), NULL, 0};

bool tw_hall_read(TwHallRow *row, TwConfig **config, const char *path, const char *const *sets, int set_count,
                  TwErrors *errors)
{
    const TwConfigInput input = {&tw_hall_kind, path, NULL, sets, set_count};
    if (!tw_config_read(config, &input, errors)) return false;
    const TwNode *root = tw_config_root(*config);
    tw_node_row(root, row);
    if (isnan(row->ambient_degc) && !row->weather[0])
        tw_node_error(root, "ambient_degc", errors, "a hall needs ambient_degc or a weather file");
    if (row->rack_supply_degc - 2.0 * row->approach_k <= row->dry_bulb_degc)
        tw_node_error(root, "dry_bulb_degc", errors,
                      "dry_bulb_degc = %g leaves the dry cooler nothing: its water is to leave at %g degC",
                      row->dry_bulb_degc, row->rack_supply_degc - 2.0 * row->approach_k);
    if (row->for_s < row->window_s)
        tw_node_error(root, "for_s", errors, "for_s = %g is shorter than window_s = %g", row->for_s, row->window_s);
    if (row->window_s < row->step_s && tw_node_given(root, "step_s") && tw_node_given(root, "window_s"))
        tw_node_warn(root, "step_s", errors, "step_s = %g is cut to the window of %g s", row->step_s, row->window_s);
    if (tw_errors_count(errors) == 0) return true;
    tw_config_destroy(*config);
    *config = NULL;
    return false;
}
