// Where the power and the heat of the scale-out switches are: leaves in the network rack of a row of racks, all else
// in the network row.
//
// A row is the racks of a hall with the same y_m. A leaf stands in the row of the first rack that it serves; spines,
// cores and the networks of storage and services stand in the network row, the last one. With fabric.leaves_from =
// "racks" a leaf also hangs on the power element of that rack, and is dark with it; otherwise all switches hang on
// fabric.from. Their heat, and that of the row's racks that coolant and rear doors do not take, goes to the room air:
// all rows share one room.
#pragma once

#include "twin/plant.h"

// Rows and the leaves in them; `first` is the electrical load that the first leaves beside those of fabric.from get.
// How many loads there are, with the elements that they hang on in plant->rows.load_element.
int tw_rows_compile(TwPlant *plant, int first);
void tw_rows_layout(TwPlant *plant, TwLayout *layout);
void tw_rows_start(const TwPlant *plant, void *block);

// What the switches draw now, W: load 0 and the loads of leaves into load_w, each row's into row_w; the sum.
double tw_rows_switches(const TwPlant *plant, void *block, const double *load_on, double *load_w, double *row_w);
// Adds a window to the meters of the rows. What racks draw and give to the room air, of all that a simulated rack
// stands for, and what the switches of a row draw; into the rows' sums.
typedef struct TwRowsIn {
    const double *rack_w, *rack_room_j;    // [rack]
    const double *switch_w;                // [row]
} TwRowsIn;
void tw_rows_book(const TwPlant *plant, void *block, const TwRowsIn *in, double window_s, double *row_rack_w,
                  double *row_room_w);
// Energy of a row since the start, J.
double tw_rows_rack_j(const TwPlant *plant, const void *block, int row);
double tw_rows_network_j(const TwPlant *plant, const void *block, int row);
// Heat to the room air.
double tw_rows_room_j(const TwPlant *plant, const void *block, int row);
