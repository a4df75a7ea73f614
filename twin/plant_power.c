// The electrical part of a facility: its elements, what hangs on them, the loads beside the racks.
#include "models/thermal/cdu.h"
#include "twin/plant_parts.h"
#include "twin/reference.h"
#include "twin/rows.h"

#include <math.h>

void tw_compile_elements(TwPlant *plant, const TwNode *root, TwErrors *errors)
{
    int n = plant->element_count = tw_node_entries(root, "power"), before = tw_errors_count(errors);
    plant->element_names = TW_TAKE(plant->arena, n + 1, const char *);
    plant->elements = TW_TAKE(plant->arena, n + 1, TwElementRow);
    if (n == 0) tw_node_error(root, NULL, errors, "no power elements: a facility needs at least one feed");
    for (int i = 0; i < n; i++) {
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        plant->element_names[i] = tw_arena_text(plant->arena, name);
        tw_node_row(node, &plant->elements[i]);
        // what says no limit is limited by its rating; unknown ramps: load targets move at once
        if (isnan(plant->elements[i].limit_w)) plant->elements[i].limit_w = plant->elements[i].rated_w;
        if (isnan(plant->elements[i].limit_w)) plant->elements[i].limit_w = INFINITY;
        if (isnan(plant->elements[i].ramp_w_s)) plant->elements[i].ramp_w_s = INFINITY;
    }
    // a parent that is a counted entry is dealt evenly
    const TwPlace *places = tw_places_of(plant, root, "power", plant->element_names, n);
    int *parents = TW_TAKE(plant->arena, n + 1, int);
    for (int i = 0; i < n; i++) {
        TwElementRow *row = &plant->elements[i];
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        parents[i] = -1;
        if (!row->from[0]) continue;
        int parent = tw_find_entry(plant->element_names, n, row->from, places[i].place, places[i].size);
        if (parent < 0)
            tw_reference_error(node, "from", errors, row->from, "power element", plant->element_names, n);
        else
            row->from = plant->element_names[parents[i] = parent];
    }
    for (int i = 0; i < n; i++) {
        TwElementRow *row = &plant->elements[i];
        if (!row->second[0]) continue;
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        int other = tw_find_entry(plant->element_names, n, row->second, places[i].place, places[i].size);
        if (other < 0)
            tw_reference_error(node, "second", errors, row->second, "power element", plant->element_names, n);
        else
            row->second = plant->element_names[other];
    }
    if (tw_errors_count(errors) > before) return;
    // whoever climbs from an element must arrive at a feed
    for (int i = 0; i < n; i++) {
        int at = i, steps = 0;
        while (parents[at] >= 0 && steps++ <= n) at = parents[at];
        if (steps <= n) continue;
        char name[TW_NAME];
        const TwNode *node = tw_node_entry(root, "power", i, name);
        tw_node_error(node, "from", errors, "cycle: \"%s\" is supplied by \"%s\", which it supplies itself", name,
                      plant->elements[i].from);
        return;
    }
}

// Which element something hangs on; an error where it names none.
static int attach(TwPlant *plant, const TwNode *node, const char *from, int place, int size, TwErrors *errors)
{
    if (!from[0]) {
        tw_node_error(node, NULL, errors, "needs `from`: the power element it hangs on");
        return 0;
    }
    int element = tw_find_entry(plant->element_names, plant->element_count, from, place, size);
    if (element < 0)
        tw_reference_error(node, "from", errors, from, "power element", plant->element_names, plant->element_count);
    return element < 0 ? 0 : element;
}

// The cords of a rack; the first of them is where reports say it hangs.
void tw_attach_cords(TwPlant *plant, const TwNode *node, const TwRackRow *row, int place, int size, TwPowerRack *rack,
                     TwErrors *errors)
{
    int n = row->feeds.count;
    if (n == 0) {
        rack->element = attach(plant, node, row->from, place, size, errors);
        return;
    }
    if (row->from[0]) tw_node_error(node, "feeds", errors, "either from or feeds says where a rack hangs, not both");
    if (row->feed_share.count != 0 && row->feed_share.count != n)
        tw_node_error(node, "feed_share", errors, "%d shares for %d feeds", row->feed_share.count, n);
    int *cords = TW_TAKE(plant->arena, n, int), before = tw_errors_count(errors);
    for (int k = 0; k < n; k++) cords[k] = attach(plant, node, row->feeds.values[k], place, size, errors);
    for (int k = 1; k < n && tw_errors_count(errors) == before; k++)
        for (int m = 0; m < k && tw_errors_count(errors) == before; m++)
            if (cords[m] == cords[k])
                tw_node_error(node, "feeds", errors,
                              "two cords on \"%s\", which is lost with both: name another element",
                              row->feeds.values[k]);
    rack->element = cords[0];
    rack->cord_count = n;
    rack->cords = cords;
    if (row->feed_share.count == n) rack->cord_share = row->feed_share.values;
}

// The electrical loads: the fabric, pumps and fans in the thermal model's order, leaves fed where racks are.
bool tw_compile_power(TwPlant *plant, const TwCoolingInput *thermal, const TwPowerRack *racks, TwLayout *layout,
                      TwErrors *errors)
{
    const TwNode *root = tw_config_root(plant->config), *cooling = tw_node_group(root, "cooling");
    const TwNode *fabric = tw_node_group(root, "fabric"), *heat = tw_node_group(cooling, "plant");
    const TwNode *room = tw_node_group(cooling, "room");
    int leaves = 1 + plant->thermal->load_count, n = plant->load_count = leaves + tw_rows_compile(plant, leaves);
    TwPowerLoad *loads = TW_TAKE(plant->arena, n, TwPowerLoad);
    plant->load_names = TW_TAKE(plant->arena, n, const char *);
    TwFabricRow fabric_row;
    tw_node_row(fabric, &fabric_row);
    loads[0] = (TwPowerLoad){"fabric", attach(plant, fabric, fabric_row.from, 0, 1, errors)};
    int heat_element = plant->cdu_count ? attach(plant, heat, thermal->heat.from, 0, 1, errors) : 0;
    int room_element = attach(plant, room, thermal->room.from, 0, 1, errors);
    const TwPlace *places =
        tw_places_of(plant, tw_node_group(root, "cooling"), "cdus", plant->cdu_names, plant->cdu_count);
    for (int i = leaves; i < n; i++)
        loads[i] = (TwPowerLoad){plant->rows.load_names[i - leaves], plant->rows.load_element[i - leaves]};
    for (int i = 1; i < leaves; i++) {
        int cdu = plant->thermal->load_cdu[i - 1], element = cdu == -1 ? heat_element : room_element;
        if (cdu >= 0) {
            char name[TW_NAME];
            const TwNode *node = tw_node_entry(cooling, "cdus", cdu, name);
            element = attach(plant, node, thermal->cdus[cdu].from, places[cdu].place, places[cdu].size, errors);
        }
        loads[i] = (TwPowerLoad){plant->thermal->load_names[i - 1], element};
    }
    int *load_element = TW_TAKE(plant->arena, n, int);
    for (int i = 0; i < n; i++) {
        plant->load_names[i] = loads[i].name;
        load_element[i] = loads[i].element;
    }
    plant->load_element = load_element;
    if (tw_errors_count(errors)) return false;
    return tw_power_create(&plant->power,
                           &(TwPowerSpec){
                               .element_count = plant->element_count,
                               .rack_count = plant->rack_count,
                               .load_count = n,
                               .names = plant->element_names,
                               .elements = plant->elements,
                               .racks = racks,
                               .loads = loads,
                           },
                           layout, errors);
}
