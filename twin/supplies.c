#include "twin/supplies.h"

#include <math.h>

void tw_supplies_layout(TwPlant *plant, TwLayout *layout)
{
    plant->slot.supplies = tw_layout_add(layout, (size_t)plant->rack_count, sizeof(int32_t));
}

int tw_supplies_of(const TwPlant *plant, int rack) { return tw_power_rack_supplies(plant->power, rack); }

void tw_supplies_start(const TwPlant *plant, void *block)
{
    for (int i = 0; i < plant->rack_count; i++)
        ((int32_t *)tw_at(block, plant->slot.supplies))[i] = tw_supplies_of(plant, i);
}

static int live(const TwPlant *plant, const void *block, int rack)
{
    int32_t now = ((const int32_t *)tw_at_const(block, plant->slot.supplies))[rack];
    return now > 0 ? now : 0;
}

int tw_supplies_change(const TwPlant *plant, void *block, int rack, int count)
{
    // a supply that failed in a shelf that is out counts twice until one of both is mended
    ((int32_t *)tw_at(block, plant->slot.supplies))[rack] += count;
    return live(plant, block, rack);
}

double tw_supplies_ac_w(const TwPlant *plant, const void *block, int rack, double dc_w)
{
    return tw_power_rack_ac_w(plant->power, rack, live(plant, block, rack), dc_w);
}

double tw_supplies_dc_w(const TwPlant *plant, const void *block, int rack, double ac_w)
{
    return tw_power_rack_dc_w(plant->power, rack, live(plant, block, rack), ac_w);
}

double tw_supplies_most_w(const TwPlant *plant, const void *block, int rack)
{
    int all = tw_supplies_of(plant, rack), now = live(plant, block, rack);
    if (now == all) return INFINITY;
    return now > 0 ? tw_power_rack_most_w(plant->power, rack, now) : 0.0;
}
