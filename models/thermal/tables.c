// Field tables of the parts that the thermal model owns: one table serves reader, range checks and manual.
#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/thermal/thermal.h"

#define AT(type, member) offsetof(type, member)
#define REAL(type, member, unit, least, most, standard, text)                                                          \
    {                                                                                                                  \
#member, unit, TW_REAL, least, most, standard, AT(type, member), text, NULL                                    \
    }
#define WHOLE(type, member, least, most, standard, text)                                                               \
    {                                                                                                                  \
#member, "1", TW_INTEGER, least, most, standard, AT(type, member), text, NULL                                  \
    }
#define WORD(type, member, standard, words, text)                                                                      \
    {                                                                                                                  \
#member, "", TW_TEXT, 0, 0, standard, AT(type, member), text, words                                            \
    }

static const char *const fluids[] = {"pg25", "pg20", "pg30", "pg35", "pg40", "pg50", "water", NULL};
static const char *const air_sinks[] = {"room", "rear_door", NULL};
static const char *const throttles[] = {"smooth", "hysteresis", NULL};
static const char *const valves[] = {"equal_percentage", "linear", NULL};
static const char *const rejections[] = {
    "dry_cooler", "adiabatic_cooler", "cooling_tower", "york_tower", "sea_water", "conductance", NULL};

#define R(member, unit, least, most, standard, text) REAL(TwLumpsRow, member, unit, least, most, standard, text)
static const TwField lumps_fields[] = {
    WORD(TwLumpsRow, title, "", NULL, "what it is, one line"),
    R(reference_w, "W", 1e2, 1e7, NULL, "rack power at which the row holds; a rack scales it by its peak power"),
    R(chip_j_k, "J/K", 1, 1e7, NULL, "heat capacity of all packages"),
    R(plate_j_k, "J/K", 1, 1e7, NULL, "heat capacity of all cold plates or heat sinks"),
    R(coolant_j_k, "J/K", 1, 1e7, NULL, "heat capacity of the coolant in the plates"),
    R(manifold_j_k, "J/K", 1, 1e7, NULL, "heat capacity of manifolds and their coolant"),
    R(air_j_k, "J/K", 1, 1e8, NULL, "heat capacity of steel and air in the rack"),
    R(chip_plate_w_k, "W/K", 1, 1e6, NULL, "conductance die to plate, interface included"),
    R(plate_coolant_w_k, "W/K", 1, 1e6, NULL, "conductance plate to mean coolant at design flow"),
    R(plate_coolant_min_w_k, "W/K", 0, 1e6, NULL, "the same without flow"),
    R(film_fraction, "1", 0, 1, "0.62", "share of that resistance that grows as 1/flow"),
    R(plate_air_w_k, "W/K", 0, 1e6, "0.0", "conductance plate to rack air"),
    R(air_room_w_k, "W/K", 0, 1e6, NULL, "conductance rack air to room air or rear door"),
    WORD(TwLumpsRow, air_to, "room", air_sinks, "where rack air gives its heat"),
    R(door_air_w_k, "W/K", 0, 1e7, "0.0",
      "rear door: heat-capacity rate of its air at peak power; 0: air_room_w_k whatever flows"),
    R(door_water_w_k, "W/K", 1, 1e7, "3500.0", "the same of its water at design flow of the facility loop"),
    R(door_film_ratio, "1", 0.01, 100, "4.0", "water film over air film at design"),
    R(door_air_min_fraction, "1", 0.01, 1, "0.4",
      "least air over that at peak power; between, it follows the rack's power"),
    R(leakage_fraction, "1", 0, 0.9, "0.12", "share of chip power that is leakage at leakage_degc"),
    R(leakage_degc, "degC", 0, 120, "55.0", "chip temperature at which rack power is stated"),
    R(leakage_scale_k, "K", 5, 500, "38.0", "leakage grows e-fold over this"),
    R(throttle_min_fraction, "1", 0, 1, "0.4", "lowest clock the chips fall to"),
    R(throttle_width_k, "K", 0.1, 20, "1.5", "width of the slowdown around its temperature"),
    R(throttle_s, "s", 0.1, 100, "3.0", "how fast clocks follow"),
    WORD(TwLumpsRow, throttle, "smooth", throttles, "a smooth fall around the slowdown, or on and off with hysteresis"),
    R(throttle_release_k, "K", 0.1, 50, "5.0", "with hysteresis: full clock again this far below the slowdown"),
    WHOLE(TwLumpsRow, tray_count, 0, 64, "0", "trays side by side, each with its own chip; 0 and 1: one lump a rack"),
    R(tray_header_fraction, "1", 0, 0.95, "0.0",
      "share of the rack's pressure drop that its manifold takes at alike flows; 0: they are alike"),
    {"tray_weights", "1", TW_REALS, 0, 1e6, "[]", AT(TwLumpsRow, tray_weights),
     "heat of each tray over the others, from the inlet on; empty: alike", NULL},
    R(fan_chip_fraction, "1", 0, 1, "0.6", "air-cooled rack: share of power that passes heat sinks"),
    R(fan_sink_w_k, "W/K", 1, 1e6, "4140.0", "air-cooled rack: heat sinks to air at full fan"),
    R(fan_rise_k, "K", 1, 60, "15.0", "air-cooled rack: air warms by this at peak power and full fan"),
    R(fan_min_fraction, "1", 0.05, 1, "0.4", "air-cooled rack: lowest fan speed"),
    R(fan_air_j_k, "J/K", 1, 1e6, "3000.0", "air-cooled rack: capacity of heat-sink fins and passing air"),
};
#undef R

#define R(member, unit, least, most, standard, text) REAL(TwCduRow, member, unit, least, most, standard, text)
static const TwField cdu_fields[] = {
    WORD(TwCduRow, title, "", NULL, "what it is, one line"),
    WORD(TwCduRow, from, "", NULL, "power element that feeds the pumps"),
    WORD(TwCduRow, manifold, "", NULL, "name shared by alike CDUs side by side on one loop; empty: a loop of its own"),
    WORD(TwCduRow, fluid, "pg25", fluids, "coolant of the racks"),
    R(fluid_cp_j_kg_k, "J/kg/K", 0, 1e4, "0.0", "heat capacity of another coolant; 0: of the named fluid"),
    R(capacity_w, "W", 1e3, 1e8, NULL, "heat at design flows and approach"),
    R(approach_k, "K", 0.5, 20, NULL, "supply above facility water at capacity"),
    R(plant_inlet_degc, "degC", 5, 60, "26.8", "facility water of the design point; for the reader"),
    R(rack_flow_kg_s, "kg/s", 0.01, 1e4, NULL, "coolant at capacity"),
    R(plant_flow_kg_s, "kg/s", 0.01, 1e4, NULL, "facility water with the valve open"),
    R(exchanger_ua_w_k, "W/K", 0, 1e9, "0.0", "conductance at design flows; 0: from capacity and approach"),
    R(film_exponent, "1", 0, 1, "0.8", "film conductance grows as flow to this power"),
    R(film_ratio, "1", 0.05, 20, "1.0", "film conductance facility side over rack side at design"),
    R(fouling_k_w, "K/W", 0, 1, "0.0", "added resistance"),
    R(supply_degc, "degC", 5, 60, "32.0", "set point of the coolant supply"),
    R(pump_head_pa, "Pa", 0, 5e6, NULL, "head of the loop at design flow"),
    R(pump_efficiency_fraction, "1", 0.05, 1, "0.6", "wire to water"),
    R(pump_speed_fraction, "1", 0.1, 1.5, "1.0", "speed held, 1 gives the racks their design flow"),
    R(pump_speed_max_fraction, "1", 0.1, 2, "1.0",
      "pumps left speed up to this to hold the pressure across the row; not above: they do not"),
    R(pump_s, "s", 0.5, 600, "10.0", "time constant of the head control"),
    R(coast_s, "s", 0.1, 600, "5.0", "flow falls e-fold over this without power"),
    WORD(TwCduRow, valve, "equal_percentage", valves, "characteristic of the facility-side valve"),
    R(valve_rangeability, "1", 2, 500, "50.0", "flow open over flow nearly closed, equal percentage"),
    R(valve_authority, "1", 0.05, 1, "0.5", "share of pressure drop over the open valve"),
    R(valve_min_fraction, "1", 0, 1, "0.05", "lowest opening"),
    R(supply_j_k, "J/K", 1e3, 1e9, NULL, "heat capacity of the supply half of the loop"),
    R(return_j_k, "J/K", 1e3, 1e9, NULL, "heat capacity of the return half"),
    WHOLE(TwCduRow, pump_count, 1, 16, "2", "pumps side by side that run together"),
    R(pump_shutoff_fraction, "1", 1.01, 5, "1.3", "head at no flow over head at design flow"),
    R(filter_fraction, "1", 0, 1, "0.15", "share of the head that the clean filter takes"),
    R(exchanger_fraction, "1", 0, 1, "0.15", "share of the head that the exchanger takes"),
    R(header_fraction, "1", 0, 0.8, "0.1", "share that the mains along the row take, to the last rack and back"),
    R(rack_valve_authority, "1", 0, 1, "0.5", "share of a rack's branch that its valve takes when open"),
    R(suction_pa, "Pa", 1e4, 1e7, "250000", "absolute pressure at the inlet of the pumps"),
    R(suction_min_pa, "Pa", 0, 1e7, "150000", "below this the loop's pressure is told as low"),
    R(pressure_max_pa, "Pa", 1e4, 1e8, "1.0e6", "absolute, that the loop is built for"),
    R(vessel_m3, "m3", 0, 100, "0", "expansion vessel; 0: 56 L for 2 MW"),
    R(vessel_gas_fraction, "1", 0.01, 1, "0.5", "share of it that is gas with the loop full"),
    R(npsh_required_m, "m", 0, 100, "3", "suction head that the pumps need at design speed"),
    R(dew_margin_k, "K", 0, 20, "2", "coolant is told as too cold this far above the room's dew point"),
    WHOLE(TwCduRow, dew_hold, 0, 1, "0", "1: the set point of the supply rises with that, so that coolant stays above"),
    R(leak_detect_s, "s", 0, 1e6, "30", "a leak is found after this, and the CDU isolated"),
    R(leak_most_kg, "kg", 0, 1e6, "50", "or after this much is lost"),
    R(kp, "1/K", 0, 10, "0.08", "gain of the supply control"),
    R(ti_s, "s", 1, 1e4, "60.0", "its integral time"),
    R(taw_s, "s", 1, 1e4, "20.0", "its anti-windup time"),
};
#undef R

static const char *const mixed_fans[] = {"least_power", "full", NULL};
#define R(member, unit, least, most, standard, text) REAL(TwPlantRow, member, unit, least, most, standard, text)
static const TwField plant_fields[] = {
    WORD(TwPlantRow, title, "", NULL, "what it is, one line"),
    WORD(TwPlantRow, from, "", NULL, "power element that feeds pumps and fans"),
    WORD(TwPlantRow, kind, NULL, rejections, "how heat leaves"),
    WORD(TwPlantRow, fluid, "water", fluids, "fluid of the facility loop"),
    R(fluid_cp_j_kg_k, "J/kg/K", 0, 1e4, "0.0", "heat capacity of another fluid; 0: of the named fluid"),
    WHOLE(TwPlantRow, unit_count, 0, 100000, "0", "identical units; 0: as many as the racks' peak heat asks for"),
    R(capacity_w, "W", 1e3, 1e9, NULL, "heat of a unit at its design point"),
    R(flow_kg_s, "kg/s", 0.01, 1e5, NULL, "water of a unit at its design point"),
    R(air_degc, "degC", -40, 60, "35.0", "dry bulb of the design point"),
    R(wet_bulb_degc, "degC", -40, 40, "25.56", "wet bulb of the design point"),
    R(inlet_degc, "degC", 5, 90, NULL, "water entering at the design point"),
    R(outlet_degc, "degC", 5, 90, NULL, "water leaving at the design point"),
    R(fan_w, "W", 0, 1e8, NULL, "fans of a unit at full speed"),
    R(rated_pressure_pa, "Pa", 0, 120000, "101325",
      "air pressure that fans and capacity are stated for, from 45000 (6,300 m); 0: the site's"),
    R(fan_min_fraction, "1", 0, 1, "0.1", "lowest fan speed"),
    R(free_convection_fraction, "1", 0, 1, "0.125", "share of conductance left without fans"),
    WHOLE(
        TwPlantRow, bypass_valve, 0, 1, "1",
        "1: water goes past the units where fans at their least would cool it below its set point; not of conductance"),
    R(air_exponent, "1", 0, 1, "0.8", "air film grows as fan speed to this power"),
    R(water_exponent, "1", 0, 1, "0.85", "water film grows as flow to this power"),
    R(film_ratio, "1", 0.01, 100, "0.5", "air film over water film at design"),
    R(air_rise_k, "K", 0.1, 60, "8.0", "dry cooler: air warms by this at the design point"),
    R(air_flow_kg_s, "kg/s", 0, 1e5, "0.0", "cooling tower: dry air of a unit at full fan; 0: one per kg of water"),
    R(exchanger_ua_w_k, "W/K", 0, 1e10, "0.0", "kind conductance: all units at full fan"),
    R(margin_k, "K", 0, 30, "5.0", "leaving water is held this far below the lowest CDU set point"),
    R(supply_min_degc, "degC", 2, 60, "10.0", "but never below this"),
    R(reset_k, "K", 0, 30, "0.0",
      "the set point rises by up to this while every CDU's valve and every chip have room; 0: it stays"),
    R(reset_s, "s", 10, 86400, "300.0", "a step of that, a quarter kelvin up or one down, once in this"),
    R(reset_chip_k, "K", 0, 60, "5.0", "it falls where a chip is this near its slowdown"),
    R(pump_head_pa, "Pa", 0, 5e6, "200000.0", "head of the primary pumps at design flow"),
    R(pump_efficiency_fraction, "1", 0.05, 1, "0.65", "wire to water"),
    R(pump_static_fraction, "1", 0, 1, "0.3", "share of head that the pumps hold at no flow"),
    R(pump_s, "s", 0.5, 600, "5.0", "flow falls e-fold over this without power"),
    WHOLE(TwPlantRow, pump_count, 1, 64, "3", "primary pumps side by side"),
    R(pump_shutoff_fraction, "1", 1.01, 5, "1.3", "their head at no flow over head at design flow"),
    R(header_s, "s", 1, 1e4, "60.0", "residence of supply and of return header at design flow"),
    R(tank_s, "s", 1, 1e5, "180.0", "residence of the tank"),
    R(cooler_s, "s", 1, 1e4, "30.0", "residence of the coolers"),
    R(tank_w_k, "W/K", 0, 1e7, "0.0", "tank to ambient"),
    R(main_length_m, "m", 0, 1e5, "0.0",
      "length of the main to the CDUs and of the one back; 0: water is there at once"),
    R(main_diameter_m, "m", 0.01, 5, "0.3", "of the mains"),
    R(separator_ua_w_k, "W/K", 0, 1e10, "0.0",
      "exchanger between facility loop and a loop of the heat rejection, all units; 0: one loop"),
    R(separator_flow_fraction, "1", 0.05, 20, "1.0", "heat-capacity rate of that loop over the facility's at design"),
    R(kp, "1/K", 0, 10, "0.1", "gain of the fan control"),
    R(ti_s, "s", 1, 1e4, "100.0", "its integral time"),
    R(taw_s, "s", 1, 1e4, "20.0", "its anti-windup time"),
    R(concentration_cycles, "1", 1.1, 50, "4.0", "cooling tower: concentration of the basin over make-up water"),
    R(drift_fraction, "1", 0, 0.01, "1e-05", "cooling tower: drops lost, share of circulation"),
    R(pad_eta_fraction, "1", 0, 1, "0.8", "adiabatic cooler: approach of the pads to wet bulb"),
    R(wet_above_degc, "degC", 5, 60, "25", "adiabatic cooler: pads are wet above this dry bulb"),
    R(basin_kg, "kg", 0, 1e9, "5000", "water a unit holds when make-up fails"),
    R(sea_mean_degc, "degC", -2, 40, "8", "sea water: mean of the year"),
    R(sea_amplitude_k, "K", 0, 20, "6", "sea water: swing about it"),
    R(sea_warmest_day, "1", 1, 365, "225", "sea water: day of the year"),
    R(chiller_w, "W", 0, 1e10, "0", "chiller after free cooling: heat of the plant's; 0: none"),
    R(chiller_eta_fraction, "1", 0.05, 1, "0.53", "share of the Carnot coefficient"),
    R(chiller_lift_k, "K", 1, 60, "10", "least lift"),
    R(chiller_cop_max, "1", 1, 50, "15", "ceiling of the coefficient of performance"),
    R(chiller_condenser_k, "K", 0, 40, "22", "both approaches and the condenser fans, as lift above dry bulb"),
    R(chiller_restart_s, "s", 0, 3600, "180", "after a trip"),
    WORD(TwPlantRow, mixed_fans, "least_power", mixed_fans,
         "beside the chiller: least_power: the speed at which fans and chiller draw least; full: at full speed"),
    R(mode_s, "s", 0, 86400, "900", "least time between starts and stops of the chiller"),
    R(stage_s, "s", 1, 86400, "300", "staging waits this long"),
    {"staged", "", TW_BOOLEAN, 0, 1, "false", AT(TwPlantRow, staged), "units run as load asks; else all run", NULL},
    WHOLE(TwPlantRow, spare_count, 0, 1000, "0", "units beyond what the racks' peak heat asks for"),
    R(export_w, "W", 0, 1e10, "0", "heat that a district network takes at most; 0: none"),
    R(export_least_fraction, "1", 0, 1, "1.0", "of it that is taken on the warmest day; 1: always the same"),
    R(export_mild_degc, "degC", -20, 40, "17", "from this dry bulb on the network takes its least"),
    R(export_cold_degc, "degC", -50, 30, "-10", "and up to this one its most; between, along a line"),
    R(export_supply_degc, "degC", 20, 130, "75", "temperature it needs"),
    R(export_return_degc, "degC", 5, 90, "45", "of the network's water that comes back"),
    R(export_ua_w_k, "W/K", 1, 1e10, "500e3", "conductance of its exchanger"),
    R(export_margin_k, "K", 0, 30, "3", "above the supply: then no heat pump is needed"),
    R(export_eta_fraction, "1", 0.05, 1, "0.5", "heat pump: share of the Carnot coefficient"),
};
#undef R

#define R(member, unit, least, most, standard, text) REAL(TwRoomRow, member, unit, least, most, standard, text)
static const TwField room_fields[] = {
    WORD(TwRoomRow, title, "", NULL, "what it is, one line"),
    WORD(TwRoomRow, from, "", NULL, "power element that feeds fans and chiller"),
    WHOLE(TwRoomRow, unit_count, 0, 100000, "0",
          "identical units; 0: a fifth more than the peak heat of racks and switches asks for"),
    R(capacity_w, "W", 1e3, 1e8, NULL, "coil heat of a unit at full fan and set point"),
    R(supply_degc, "degC", 10, 45, NULL, "set point of the air that racks breathe in"),
    R(coil_degc, "degC", 2, 40, NULL, "chilled water at the coil"),
    R(dew_point_max_degc, "degC", -20, 35, "15", "room air is dried to this dew point where outdoor air is more humid"),
    R(fan_w, "W", 0, 1e7, NULL, "fans of a unit at full speed"),
    R(rated_pressure_pa, "Pa", 0, 120000, "101325",
      "air pressure that fans and capacity are stated for, from 45000 (6,300 m); 0: the site's"),
    R(fan_min_fraction, "1", 0, 1, "0.2", "lowest fan speed"),
    R(fan_exponent, "1", 0, 1, "0.8", "coil conductance grows as fan speed to this power"),
    R(air_j_k, "J/K", 1e3, 1e9, NULL, "heat capacity of air, steel and floor that goes with a unit"),
    R(envelope_w_k, "W/K", 0, 1e7, "0.0", "building to ambient"),
    R(economizer_approach_k, "K", 0, 30, "5.0", "free cooling ends this far below the chilled water"),
    R(chilled_range_k, "K", 1, 30, "6.0", "chilled water warms by this"),
    R(chiller_eta_fraction, "1", 0.05, 1, "0.53", "share of the Carnot coefficient"),
    R(chiller_cop_max, "1", 1, 50, "15.0", "ceiling of the coefficient of performance"),
    R(chiller_lift_k, "K", 1, 60, "10.0", "least lift"),
    R(condenser_k, "K", 0, 40, "20.0", "condensing above ambient, with the condenser fans as lift"),
    R(evaporator_k, "K", 0, 20, "2.0", "evaporating below chilled water"),
    R(kp, "1/K", 0, 10, "0.1", "gain of the fan control"),
    R(ti_s, "s", 1, 1e4, "200.0", "its integral time"),
    R(taw_s, "s", 1, 1e4, "60.0", "its anti-windup time"),
};
#undef R

const TwKind tw_lumps_kind = {"lumps", "lumps", lumps_fields, TW_COUNT(lumps_fields), NULL, 0};
const TwKind tw_cdu_kind = {"cdu", "cdu", cdu_fields, TW_COUNT(cdu_fields), NULL, 0};
const TwKind tw_plant_kind = {"plant", "plant", plant_fields, TW_COUNT(plant_fields), NULL, 0};
const TwKind tw_room_kind = {"room", "room", room_fields, TW_COUNT(room_fields), NULL, 0};

// from 45,000 Pa: the standard air of 6,300 m, above the highest site; fields have one range, which begins at 0
void tw_rated_pressure_check(const TwNode *node, double rated_pa, TwErrors *errors)
{
    const double least_pa = 45000.0;
    if (rated_pa == 0.0 || rated_pa >= least_pa) return;
    char cause[64] = "";
    const struct {
        double factor;
        const char *unit;
    } units[] = {{1e3, "kPa"}, {1e2, "hPa or mbar"}, {101325.0, "atm"}, {6894.757293168361, "psi"}};
    for (int k = 0; k < TW_COUNT(units) && !cause[0]; k++)
        if (rated_pa * units[k].factor >= least_pa && rated_pa * units[k].factor <= 120000.0)
            snprintf(cause, sizeof cause, "; is it in %s?", units[k].unit);
    tw_node_error(node, "rated_pressure_pa", errors,
                  "rated_pressure_pa = %g, expected 0 (rated for the site) or %g to 120000 Pa%s", rated_pa, least_pa,
                  cause);
}
