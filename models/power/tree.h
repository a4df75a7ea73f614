// What the checks of an electrical tree (tree_check.c) and its compiler (tree.c) both ask of its elements.
#pragma once

#include "models/power/power.h"

#include <math.h>
#include <string.h>

static inline bool tw_row_is(const TwElementRow *row, const char *kind) { return strcmp(row->kind, kind) == 0; }
static inline bool tw_row_stores(const TwElementRow *row) { return tw_row_is(row, "ups") || tw_row_is(row, "bess"); }
static inline bool tw_row_generates(const TwElementRow *row)
{
    return tw_row_is(row, "generator") || tw_row_is(row, "turbine") || tw_row_is(row, "solar");
}

// Whether it names what supplies it.
static inline bool tw_row_has_parent(const TwElementRow *row) { return row->from && *row->from; }

// A source stands at the top of a tree; generation with a parent feeds into it instead.
static inline bool tw_row_is_source(const TwElementRow *row)
{
    return tw_row_is(row, "feed") || (tw_row_generates(row) && !tw_row_has_parent(row));
}

// A generator that stands alone runs only when a transfer calls it.
static inline bool tw_row_is_called(const TwElementRow *row)
{
    return tw_row_is(row, "generator") && !tw_row_has_parent(row);
}

// The rating of the law: given, or the limit, or none (NaN).
static inline double tw_row_rated_w(const TwElementRow *row)
{
    if (isfinite(row->rated_w)) return row->rated_w;
    return isfinite(row->limit_w) ? row->limit_w : NAN;
}

// What carries something: an element, a rack or a load hangs on it. at: where the arrays hold it, NULL: in order.
void tw_tree_carriers(const TwPowerSpec *spec, const int *parent, const int *second, const int *at, bool *carries);

// Finds parent[i] and second[i] of every element (-1: a feed, no second source) and checks the tree: true where errors
// were not added.
bool tw_tree_check(const TwPowerSpec *spec, int *parent, int *second, TwErrors *errors);
