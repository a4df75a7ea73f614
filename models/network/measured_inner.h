// A table of published measurements, row by row, and what stands for a row: shared by the comparison with the shipped
// parts (measured.c) and the one with systems and sizes left out of the fit (cross.c).
#pragma once

#include "models/network/measured.h"
#include "models/network/network.h"
#include "sim/csv.h"

typedef struct TwMeasuredRow {
    const char *platform, *operation, *setting, *kind, *source;
    int line, ranks, nodes;
    double bytes, bandwidth, time_s;    // NaN: the table leaves it empty
} TwMeasuredRow;

// Rows of a table; the caller frees *rows and destroys *csv, which holds their texts.
bool tw_measured_read(const char *path, TwCsv **csv, TwMeasuredRow **rows, int *count, TwError *error);

// The parts that stand for a platform; not known: none does.
typedef struct TwMeasuredParts {
    TwNetworkSpec spec;
    struct TwConfig *configs[2];
    bool known;
} TwMeasuredParts;
bool tw_measured_parts(const TwMeasuredRow *row, TwMeasuredParts *parts, TwError *error);
void tw_measured_parts_end(TwMeasuredParts *parts);

// What a row asks of the model, and its measured time (NaN: none). False: it is no collective.
bool tw_measured_collective(const TwMeasuredRow *row, const TwNetworkSpec *spec, TwCollectiveAsk *ask, double *time_s);
