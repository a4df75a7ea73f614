// A table of kernel timings over up to three axes, read from CSV and interpolated.
//
// The last axis lies in the columns ("k512", "g4"), the others in leading columns, one row a node pair; a type column
// selects among several grids of a file. Piecewise multilinear; a query beyond an axis is held at its edge.
#pragma once

#include "sim/arena.h"
#include "sim/error.h"

// How an axis is measured and what of the value is linear between nodes.
typedef enum TwGridScale { TW_GRID_RAW, TW_GRID_LOG2, TW_GRID_LN, TW_GRID_SQRT } TwGridScale;

typedef struct TwGrid {
    int count[3];            // nodes of each axis; 1 where it has fewer axes
    TwGridScale scale[3];    // RAW or LOG2: applied to node and query
    TwGridScale rule;        // of the value: RAW, LN or SQRT
    double *node[3];         // scaled
    double *linear;          // scaled values, last axis fastest
    double *value;           // as given: what a node itself answers
    double offset;           // constant beside the table (t0 of MoE); 0
} TwGrid;

// axis[i]: nodes as given; value: the product of the counts. Copies. False: an axis with fewer than 2 nodes or not
// rising, a value that is not positive.
bool tw_grid_make(TwGrid *grid, TwArena *arena, const int count[3], const TwGridScale scale[3], TwGridScale rule,
                  const double *const axis[3], const double *value, TwError *error);

// outside[i] (may be NULL): how far the query lies beyond axis i in scaled units, signed; 0 inside.
double tw_grid_at(const TwGrid *grid, double a, double b, double c, double outside[3]);

// One file: `type` "" where it has no type column. *found is false, without an error, where the type is not in it.
typedef struct TwGridFile {
    const char *path, *type_column, *type;
    const char *axis[2];    // names of the leading columns; NULL where the file has fewer
    TwGridScale axis_scale[2];
    const char *wide;    // prefix of the columns of the last axis
    TwGridScale wide_scale, rule;
    const char *offset;    // column of the constant, or NULL
} TwGridFile;
bool tw_grid_read(TwGrid *grid, bool *found, TwArena *arena, const TwGridFile *file, TwError *error);
