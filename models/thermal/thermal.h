// Heat from the chips to the weather: racks, CDUs, a facility loop with its heat rejection, and the room air.
//
// Network L1 of the thermal page (docs/thermal.md): six temperatures a rack and a throttle state, four a CDU, the
// facility loop, one room. A rack gives `liquid_fraction` of its heat to cold plates and the rest to room air; an
// air-cooled rack has cdu -1 and its chips sit on heat sinks in the room air. Heat is metered inside the integrator,
// so heat in = heat out + heat stored holds to rounding.
#pragma once

#include "models/thermal/weather.h"
#include "sim/block.h"
#include "sim/config.h"

// Field tables of the parts that this model owns; the rows are in the headers of their subjects.
extern const TwKind tw_lumps_kind;    // heat capacities and conductances of a rack, parts/lumps
extern const TwKind tw_cdu_kind;      // parts/cdu
extern const TwKind tw_plant_kind;    // heat rejection and facility loop, parts/plant
extern const TwKind tw_room_kind;     // air handlers, parts/room

// rated_pressure_pa of plant or room: 0, or air that one can build in; else an error at the setting, with its likely
// cause.
void tw_rated_pressure_check(const TwNode *node, double rated_pa, TwErrors *errors);

typedef struct TwLumpsRow TwLumpsRow;    // rack.h
typedef struct TwCduRow TwCduRow;        // cdu.h
typedef struct TwPlantRow TwPlantRow;    // plant.h
typedef struct TwRoomRow TwRoomRow;      // room.h

typedef struct TwThermalRack {
    const char *name;
    int lumps;                 // index into TwThermalSpec.lumps
    int cdu;                   // index into cdus; -1: cooled by room air
    double peak_w;             // rated power at the AC inlet; lumps are scaled by it
    double liquid_fraction;    // 0 to 1
    double flow_kg_s;          // design coolant flow; 0 for an air-cooled rack
    double slowdown_degc;      // of its chips
    double shutdown_degc;      // there they switch off; 0: 7 K above the slowdown
} TwThermalRack;

typedef struct TwThermalSpec {
    int rack_count, cdu_count, lumps_count;
    const TwThermalRack *racks;
    const char *const *cdu_names;
    const TwCduRow *cdus;
    const TwLumpsRow *lumps;
    const TwPlantRow *plant;
    const TwRoomRow *room;
    double room_w;               // heat of else than racks in the rooms, at most: their units are sized for it
    const TwWeather *weather;    // read while stepping: it must outlive the thermal model
    double start_s;              // second of the year at simulated time zero
    bool cvode;                  // reference integrator; otherwise the two-stage Rosenbrock
    bool fault_windows;          // the latter, but CVODE at rtol 1e-6 while something happens to the cooling
    double step_max_s;           // default 5
} TwThermalSpec;

typedef struct TwThermal {
    int rack_count, cdu_count;
    int load_count;    // electrical loads: pump of each CDU, then plant pumps, plant fans, room fans, ...
    const char *const *load_names;    // "cdu1.pumps", "plant.pumps", "plant.fans", "room.fans"
    const int *load_cdu;              // CDU index of a load; -1: plant; -2: room
    const int *cdu_loop;              // [cdu] the loop it stands on: those of one manifold have the same
    const int *cdu_spare;    // [cdu] how many of its loop may be lost while the rest are rated for the racks' peak heat
    const double *rack_flow_kg_s;                    // [rack] design
    const double *cdu_flow_kg_s;                     // [cdu] of its racks, design
    const double *rack_flow_m3_s, *cdu_flow_m3_s;    // the same by volume
    size_t state_bytes;
    const struct TwThermalPlant *inner;
} TwThermal;

// What a window brings. Arrays are read only during the call.
typedef struct TwThermalIn {
    const double *rack_w;     // [rack] mean power at the AC inlet, at the reference chip temperature
    double room_w;            // electrical losses that end in the room air
    const double *load_on;    // [load] supply: 1 normal, 0 dead; NULL: all normal
    bool slowed;              // rack_w is drawn at the clocks that the state has; false: what full clock would draw
} TwThermalIn;

// A threshold that was passed inside the window.
typedef enum TwThermalLimit {
    TW_LIMIT_SLOWDOWN,     // of a rack's chips: passed upwards
    TW_LIMIT_RECOVERED,    // and downwards
    TW_LIMIT_SHUTDOWN,
    TW_LIMIT_DEW,    // of a CDU: coolant within its margin of the room's dew point
    TW_LIMIT_DEW_END,
    TW_LIMIT_VALVE_FULL,    // its facility-side valve is asked for more than it has
    TW_LIMIT_VALVE_FULL_END,
    TW_LIMIT_FANS_FULL,    // the same of the plant's fans
    TW_LIMIT_FANS_FULL_END,
    TW_LIMIT_BASIN_EMPTY,    // towers and pads run dry
    TW_LIMIT_PRESSURE,       // of a CDU: suction below its least pressure
    TW_LIMIT_MODE,           // who cools the facility water changes; in place of a rack: TwPlantMode
    TW_LIMIT_UNITS           // a unit of the heat rejection joins or leaves; in place of a rack: how many run now
} TwThermalLimit;
// By outdoor air alone; the chiller takes what that leaves; the chiller alone, for outdoors is warmer than the water.
typedef enum TwPlantMode { TW_COOLS_FREE, TW_COOLS_MIXED, TW_COOLS_MECHANICAL, TW_PLANT_MODES } TwPlantMode;
typedef struct TwThermalCrossing {
    double time_s;    // within the window
    int rack;         // or CDU; -1: the plant; or what the threshold says
    TwThermalLimit limit;
} TwThermalCrossing;

// What a window gave. Arrays are the caller's; a NULL array is not wanted.
typedef struct TwThermalOut {
    double *load_w;                             // [load] electrical demand, window mean
    double *rack_extra_j;                       // [rack] heat metered minus rack_w * window: leakage less throttle
    double *rack_room_j;                        // [rack] heat given to the room air
    double *clock_fraction;                     // [rack] granted to the chips at the end of the window
    double *rack_flow_fraction;                 // [rack] coolant over design
    double *cdu_flow_fraction, *cdu_head_pa;    // [cdu] loop flow over design; pressure across the row
    double *cdu_suction_pa, *cdu_discharge_pa, *cdu_npsh_m;    // [cdu] absolute; head above vapour at the pumps' inlet
    double *tray_spread_k;    // [rack] chips of its hottest tray over those of its coldest; 0: it is one lump
    double *chip_degc, *supply_degc, *return_degc;    // [rack] hottest die, coolant (or air) in and out, at the end
    double *cdu_supply_degc, *cdu_return_degc, *cdu_heat_w, *cdu_valve_fraction;    // [cdu] at the end; heat is a mean
    double plant_supply_degc, plant_return_degc, room_degc, ambient_degc, wet_bulb_degc;
    double heat_in_j;           // racks with extra, room_w, and loads
    double heat_out_j;          // to the environment, loads outdoors included
    double room_j;              // what racks and room_w gave the room air, by its own balance
    double water_kg;            // evaporated and blown down
    double load_j;              // electricity of all loads, exactly as booked to heat_in_j
    double export_j, cold_j;    // heat delivered to a district network; electricity of chiller and heat pump
    double units_running;       // of the heat rejection
    // least flow of an open rack over its design where pumps run at their speed, and that rack; -1: there is none
    double worst_flow_fraction;
    int worst_rack;
    // least net positive suction head over what the pumps need, of those that run, and that CDU; -1: there is none
    double npsh_margin_m;
    int npsh_cdu;
    TwPlantMode mode;                // who cooled the facility water
    bool icy;                        // facility water within 2 K of freezing at the end
    bool clamped;                    // a bound of York's tower polynomial held an input at the end
    TwThermalCrossing *crossings;    // room for crossing_most of them, or NULL; in order of time within a step
    int crossing_most, crossing_count;
} TwThermalOut;

// Compiles the plant and reserves its state. errors gets every contradiction found; false when there is any.
bool tw_thermal_create(TwThermal **thermal, const TwThermalSpec *spec, TwLayout *layout, TwErrors *errors);
void tw_thermal_destroy(TwThermal *thermal);

// Steady state at these powers and the weather of time zero; block is the whole state block of the layout.
bool tw_thermal_start(const TwThermal *thermal, void *block, const TwThermalIn *in, TwError *error);

// For steady states apart from a run: all faults away and set points back; then settled in this air, whatever is out. A
// plant that cannot carry its heat is left where temperatures leave all bounds; `steady` (NULL: not asked) says
// whether it came to rest with all chips below where they switch off. Stand: what a second there gives.
void tw_thermal_restore(const TwThermal *thermal, void *block);
bool tw_thermal_settle(const TwThermal *thermal, void *block, const TwThermalIn *in, const TwAir *air, bool *steady,
                       TwError *error);
// From where the block stands with what is out now, in this air: seconds until chips of a rack are slowed, and until
// some switch off; NaN: not within a day. Left where the last of the two came.
enum { TW_SLOWED_PERCENT = 99 };    // below that clock a rack counts as slowed
bool tw_thermal_heats(const TwThermal *thermal, void *block, const TwThermalIn *in, const TwAir *air, double *slow_s,
                      double *off_s, TwError *error);
void tw_thermal_stand(const TwThermal *thermal, void *block, const TwThermalIn *in, TwThermalOut *out);

// One window [from_s, until_s) of simulated time. False: numerical failure, the block holds the last good state.
bool tw_thermal_advance(const TwThermal *thermal, void *block, const TwThermalIn *in, double from_s, double until_s,
                        TwThermalOut *out, TwError *error);

// Heat held in all capacities above 0 degC, J.
double tw_thermal_stored_j(const TwThermal *thermal, const void *block);

// Operator events: a set point, a failed pump. False: no such CDU. Of a manifold all CDUs get the set point and speed.
bool tw_thermal_set_supply(const TwThermal *thermal, void *block, int cdu, double supply_degc);
bool tw_thermal_fail_pump(const TwThermal *thermal, void *block, int cdu, bool failed);
bool tw_thermal_pump_failed(const TwThermal *thermal, const void *block, int cdu);
// Whether a leak has isolated a rack: it has no coolant and must have no power.
bool tw_thermal_rack_isolated(const TwThermal *thermal, const void *block, int rack);
// Whether its own coolant, or the row's main at it, is being lost; of a CDU: its loop.
bool tw_thermal_rack_leaks(const TwThermal *thermal, const void *block, int rack);
bool tw_thermal_cdu_leaks(const TwThermal *thermal, const void *block, int cdu);
bool tw_thermal_set_pump_speed(const TwThermal *thermal, void *block, int cdu, double speed_fraction);
