// Every shipped part of this model reads through its field table, and a network compiles and settles on them.
#include "models/thermal/cdu.h"
#include "models/thermal/plant.h"
#include "models/thermal/rack.h"
#include "models/thermal/room.h"
#include "models/thermal/thermal.h"
#include "sim/data.h"
#include "tests/check.h"

static TwWeather weather;

static const TwChild children[] = {
    {"lumps", TW_ONE, &tw_lumps_kind, "lumps"}, {"air_lumps", TW_ONE, &tw_lumps_kind, "lumps of air-cooled racks"},
    {"cdu", TW_ONE, &tw_cdu_kind, "CDU"},       {"plant", TW_ONE, &tw_plant_kind, "plant"},
    {"room", TW_ONE, &tw_room_kind, "room"},
};
static const TwKind root = {"test", NULL, NULL, 0, children, TW_COUNT(children)};

// one CDU with eight racks of 132 kW, four air-cooled racks beside them; supply is held and nothing throttles
static void parts_work(const char *cdu, const char *plant, const char *room)
{
    char path[] = "test_thermal_parts.cfg", parts[1024];
    FILE *f = fopen(path, "w");
    if (!f) exit(1);
    fprintf(f, "lumps = \"rr1\";\nair_lumps = \"hopper_air\";\ncdu = \"%s\";\nplant = \"%s\";\nroom = \"%s\";\n", cdu,
            plant, room);
    fclose(f);
    CHECK(tw_data_find("facilities/parts", parts, sizeof parts));
    TwErrors *errors = tw_errors_create();
    TwConfig *config = NULL;
    TwConfigInput input = {&root, path, parts, NULL, 0};
    if (!tw_config_read(&config, &input, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    remove(path);
    TwLumpsRow lumps_rows[2];
    TwCduRow cdu_row;
    TwPlantRow plant_row;
    TwRoomRow room_row;
    const TwNode *top = tw_config_root(config);
    tw_node_row(tw_node_group(top, "lumps"), &lumps_rows[0]);
    tw_node_row(tw_node_group(top, "air_lumps"), &lumps_rows[1]);
    tw_node_row(tw_node_group(top, "cdu"), &cdu_row);
    tw_node_row(tw_node_group(top, "plant"), &plant_row);
    tw_node_row(tw_node_group(top, "room"), &room_row);

    enum { RACKS = 12 };
    TwThermalRack racks[RACKS];
    double rack_w[RACKS], chip[RACKS], clock[RACKS], supply[1];
    for (int i = 0; i < RACKS; i++) {
        racks[i] = (TwThermalRack){"rack", 0, 0, 132e3, 0.94, 1.5 * 0.94 * 132.0 / 60.0 * 1.0147, 88.0, 0.0};
        rack_w[i] = 120e3;
        if (i < 8) continue;
        racks[i] = (TwThermalRack){"air", 1, -1, 40.8e3, 0.0, 0.0, 89.0, 0.0};
        rack_w[i] = 40.8e3;
    }
    const char *names[1] = {"cdu1"};
    TwThermalSpec spec = {.rack_count = RACKS,
                          .cdu_count = 1,
                          .lumps_count = 2,
                          .racks = racks,
                          .cdu_names = names,
                          .cdus = &cdu_row,
                          .lumps = lumps_rows,
                          .plant = &plant_row,
                          .room = &room_row,
                          .weather = &weather,
                          .step_max_s = 5.0};
    TwLayout layout = {0};
    TwThermal *thermal = NULL;
    TwError error = {0};
    if (!tw_thermal_create(&thermal, &spec, &layout, errors)) {
        tw_errors_print(errors, 20, stderr);
        exit(1);
    }
    void *block = tw_block_create(&layout);
    TwThermalIn in = {.rack_w = rack_w, .room_w = 5e3};
    TwThermalOut out = {.chip_degc = chip, .clock_fraction = clock, .cdu_supply_degc = supply};
    CHECK(tw_thermal_start(thermal, block, &in, &error));
    CHECK(tw_thermal_advance(thermal, block, &in, 0.0, 10.0, &out, &error));
    CHECK_WITHIN(supply[0], cdu_row.supply_degc, 0.1);
    // a fan at its lowest speed may hold the room colder than asked, never warmer
    CHECK(out.room_degc < room_row.supply_degc + 0.1 && out.room_degc > room_row.supply_degc - 2.0);
    CHECK(chip[0] > 50.0 && chip[0] < 80.0 && clock[0] > 0.99);
    CHECK(chip[8] > 50.0 && chip[8] < 80.0 && clock[8] > 0.99);
    CHECK_TEXT(thermal->load_names[0], "cdu1.pumps");
    tw_block_destroy(block);
    tw_thermal_destroy(thermal);
    tw_config_destroy(config);
    tw_errors_destroy(errors);
}

int main(void)
{
    TwError error;
    CHECK(tw_weather_climate(&weather, "oslo", 1, &error));
    parts_work("deschutes_2mw", "bac_2931kw", "fan_wall_100kw");
    parts_work("vertiv_xdu1350", "tower_1459kw", "fan_wall_100kw");
    parts_work("lbl_2mw", "bac_2931kw", "crah_250kw");
    return check_failures != 0;
}
