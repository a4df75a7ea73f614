// Every component of the thermal model by name, to be tried alone: `tokenworks thermal NAME quantity=value ...`, the
// reference cases (facilities/reference/thermal_cases.csv) and the plots of docs/thermal all call it
// here.
#pragma once

#include "sim/error.h"

enum { TW_COMPONENT_IN = 12, TW_COMPONENT_OUT = 10 };

typedef struct TwQuantity {
    const char *name, *unit;
    double standard;             // NaN: must be given
    double least, most;          // what is taken; where a source holds is told by its page in docs/thermal
    const char *const *words;    // NULL-ended: the value is the index of a word; NULL: a number
} TwQuantity;

typedef struct TwComponent {
    const char *name, *text, *source;
    TwQuantity in[TW_COMPONENT_IN], out[TW_COMPONENT_OUT];    // a NULL name ends each list
    void (*run)(const double *in, double *out);
} TwComponent;

int tw_component_count(void);
const TwComponent *tw_component_at(int index);
const TwComponent *tw_component_named(const char *name);
int tw_component_inputs(const TwComponent *component);
int tw_component_outputs(const TwComponent *component);

// "name=value" into in[]; errors name what is known. Call tw_component_start first: it fills the defaults.
void tw_component_start(const TwComponent *component, double *in);
bool tw_component_set(const TwComponent *component, double *in, const char *text, TwError *error);
// False where a value is out of the quantity's range.
bool tw_component_holds(const TwComponent *component, int input, double value, TwError *error);
// False where an input without default was not given.
bool tw_component_complete(const TwComponent *component, const double *in, TwError *error);
