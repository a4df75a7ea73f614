#include "twin/scene_copy.h"

#include <stdlib.h>
#include <string.h>

// Appends an array to the block; with no block yet, only counts.
static const void *put(TwSceneCopy *to, size_t *used, const void *from, size_t bytes)
{
    if (!from) return NULL;
    unsigned char *at = to->bytes ? to->bytes + *used : NULL;
    if (at) memcpy(at, from, bytes);
    *used += (bytes + 15) & ~(size_t)15;
    return at;
}

// Every array of the scene that changes; `to` has no block: the bytes that they take.
static size_t lay(TwSceneCopy *to, const TwScene *from)
{
    size_t used = 0, values = (size_t)from->quantity_count * (size_t)from->rack_count;
    TwScene *s = &to->scene;
    s->values = put(to, &used, from->values, values * sizeof *from->values);
    s->kpis = put(to, &used, from->kpis, (size_t)from->kpi_count * sizeof *from->kpis);
    s->events = put(to, &used, from->events, (size_t)from->event_count * sizeof *from->events);
    s->element_values = put(to, &used, from->element_values, (size_t)from->value_count * sizeof *from->element_values);
    s->losses = put(to, &used, from->losses, (size_t)from->loss_count * sizeof *from->losses);
    s->overloads = put(to, &used, from->overloads, (size_t)from->overload_count * sizeof *from->overloads);
    s->flows = put(to, &used, from->flows, (size_t)from->flow_count * sizeof *from->flows);
    TwSceneSeries *series = (TwSceneSeries *)put(to, &used, from->series, (size_t)from->series_count * sizeof *series);
    s->series = series;
    const double *time_s = NULL;
    const void *times = NULL;
    for (int i = 0; i < from->series_count; i++) {
        const TwSceneSeries *y = &from->series[i];
        size_t rows = (size_t)y->count;
        // all series of a live run share one time axis
        if (i == 0 || y->time_s != time_s) times = put(to, &used, y->time_s, rows * sizeof *y->time_s);
        time_s = y->time_s;
        const void *mean = put(to, &used, y->mean, rows * sizeof *y->mean);
        const void *min = put(to, &used, y->min, rows * sizeof *y->min);
        const void *max = put(to, &used, y->max, rows * sizeof *y->max);
        if (!series) continue;
        series[i].time_s = times;
        series[i].mean = mean, series[i].min = min, series[i].max = max;
    }
    return used;
}

void tw_scene_copy(TwSceneCopy *to, const TwScene *from, const TwScene *lasting)
{
    TwSceneCopy count = {0};
    size_t need = lay(&count, from);
    if (need > to->room) {
        free(to->bytes);
        to->room = need + need / 4;
        to->bytes = malloc(to->room);
        if (!to->bytes) abort();
    }
    to->scene = *from;
    to->scene.racks = lasting->racks;
    to->scene.quantities = lasting->quantities;
    to->scene.elements = lasting->elements;
    to->scene.classes = lasting->classes;
    to->scene.fields = lasting->fields;
    to->scene.element_limits = lasting->element_limits;
    to->scene.element_racks = lasting->element_racks;
    to->scene.step_time_s = lasting->step_time_s;
    to->scene.step_values = lasting->step_values;
    to->scene.settings = lasting->settings;
    to->scene.groups = lasting->groups;
    to->scene.group_of = lasting->group_of;
    lay(to, from);
}

void tw_scene_copy_free(TwSceneCopy *copy)
{
    free(copy->bytes);
    *copy = (TwSceneCopy){0};
}
