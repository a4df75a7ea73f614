#include "models/thermal/component_list.h"

#include "sim/config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int tw_component_count(void)
{
    int count = 0;
#define ADD(name) count += tw_components_##name##_count;
    TW_COMPONENT_LISTS(ADD)
#undef ADD
    return count;
}

const TwComponent *tw_component_at(int index)
{
#define FIND(name)                                                                                                     \
    if (index < tw_components_##name##_count) return &tw_components_##name[index];                                     \
    index -= tw_components_##name##_count;
    TW_COMPONENT_LISTS(FIND)
#undef FIND
    return NULL;
}

const TwComponent *tw_component_named(const char *name)
{
    for (int i = 0; i < tw_component_count(); i++)
        if (strcmp(tw_component_at(i)->name, name) == 0) return tw_component_at(i);
    return NULL;
}

static int length(const TwQuantity *list, int most)
{
    int n = 0;
    while (n < most && list[n].name) n++;
    return n;
}

int tw_component_inputs(const TwComponent *c) { return length(c->in, TW_COMPONENT_IN); }
int tw_component_outputs(const TwComponent *c) { return length(c->out, TW_COMPONENT_OUT); }

void tw_component_start(const TwComponent *c, double *in)
{
    for (int i = 0; i < TW_COMPONENT_IN; i++) in[i] = c->in[i].name ? c->in[i].standard : 0.0;
}

bool tw_component_holds(const TwComponent *c, int input, double value, TwError *error)
{
    const TwQuantity *q = &c->in[input];
    return q->words || (value >= q->least && value <= q->most) ||
           tw_fail(error, TW_BAD_INPUT, "%s: %s = %g, expected %g to %g %s", c->name, q->name, value, q->least, q->most,
                   q->unit);
}

bool tw_component_set(const TwComponent *c, double *in, const char *text, TwError *error)
{
    const char *equals = strchr(text, '='), *known[TW_COMPONENT_IN];
    int n = tw_component_inputs(c);
    for (int i = 0; i < n; i++) known[i] = c->in[i].name;
    char name[64];
    size_t size = equals ? (size_t)(equals - text) : strlen(text);
    snprintf(name, sizeof name, "%.*s", (int)(size < sizeof name ? size : sizeof name - 1), text);
    if (!equals) return tw_fail(error, TW_BAD_INPUT, "%s: \"%s\", expected quantity=value", c->name, text);
    for (int i = 0; i < n; i++) {
        if (strcmp(known[i], name) != 0) continue;
        if (c->in[i].words) {
            int words = 0;
            for (; c->in[i].words[words]; words++)
                if (strcmp(c->in[i].words[words], equals + 1) == 0) {
                    in[i] = words;
                    return true;
                }
            const char *near = tw_nearest(equals + 1, c->in[i].words, words);
            return tw_fail(error, TW_BAD_INPUT, "%s: %s = \"%s\", expected %s%s", c->name, name, equals + 1,
                           near ? "nearest " : "one of its words, as ", near ? near : c->in[i].words[0]);
        }
        char *end;
        in[i] = strtod(equals + 1, &end);
        if (end == equals + 1 || *end != '\0' || !isfinite(in[i]))
            return tw_fail(error, TW_BAD_INPUT, "%s: %s = \"%s\", expected a number in %s", c->name, name, equals + 1,
                           c->in[i].unit);
        return tw_component_holds(c, i, in[i], error);
    }
    const char *near = tw_nearest(name, known, n);
    return tw_fail(error, TW_BAD_INPUT, "%s has no quantity \"%s\"%s%s", c->name, name, near ? "; nearest: " : "",
                   near ? near : "");
}

bool tw_component_complete(const TwComponent *c, const double *in, TwError *error)
{
    for (int i = 0; i < tw_component_inputs(c); i++)
        if (isnan(in[i]))
            return tw_fail(error, TW_BAD_INPUT, "%s needs %s in %s", c->name, c->in[i].name, c->in[i].unit);
    return true;
}
