// The parts of compiling a plant that have a file of their own.
#pragma once

#include "models/thermal/plant.h"
#include "models/thermal/room.h"
#include "twin/plant.h"

// What is read for the thermal model before it is made: an entry a rack or CDU.
typedef struct TwCoolingInput {
    TwThermalRack *racks;
    TwLumpsRow *lumps;
    TwCduRow *cdus;
    TwPlantRow heat;
    TwRoomRow room;
} TwCoolingInput;

// The year of weather; false, with errors, where there is none.
bool tw_compile_site(TwPlant *plant, const TwPlantInput *input, TwErrors *errors);
void tw_compile_elements(TwPlant *plant, const TwNode *root, TwErrors *errors);
void tw_compile_cdus(TwPlant *plant, const TwNode *cooling, TwCoolingInput *thermal, TwErrors *errors);
// After elements and CDUs, to which they are attached.
void tw_compile_racks(TwPlant *plant, const TwNode *root, TwCoolingInput *thermal, TwPowerRack *power,
                      TwErrors *errors);
void tw_attach_cords(TwPlant *plant, const TwNode *node, const TwRackRow *row, int place, int size, TwPowerRack *rack,
                     TwErrors *errors);
bool tw_compile_network(TwPlant *plant, TwErrors *errors);
// Racks, CDUs, heat rejection and room as one network of temperatures.
bool tw_compile_thermal(TwPlant *plant, const TwCoolingInput *in, TwLayout *layout, TwErrors *errors);
bool tw_compile_power(TwPlant *plant, const TwCoolingInput *thermal, const TwPowerRack *racks, TwLayout *layout,
                      TwErrors *errors);
// False, with errors, where a pool cannot be served.
bool tw_compile_workload(TwPlant *plant, const TwPlantInput *input, TwLayout *layout, TwErrors *errors);
// From the plant's shelf, held until the plant goes; NULL: make failed.
void *tw_plant_take(TwPlant *plant, const char *name, const TwShelfMaker *maker, const void *context, TwError *error);
void tw_compile_events(TwPlant *plant, TwErrors *errors);
