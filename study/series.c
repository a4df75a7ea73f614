// The chosen series of a scenario: of the facility, and of every rack, CDU, element or other entry of a recorded group,
// as mean, minimum and maximum of each interval over every window. Extremes never shrink; series of entries keep
// 12 bits of mantissa, as those of a run do.
#include "study/inner.h"
#include "twin/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { COMPONENT_BITS = 12, FACILITY_BITS = 23 };

int tw_series_entries(const TwStudy *study, const TwSpots *places, int series)
{
    int group = study->series[series].group;
    return group < 0 ? 1 : places ? places->count[group] : 0;
}

size_t tw_series_values(const TwStudy *study, const TwScenario *scenario)
{
    size_t entries = 0;
    for (int i = 0; i < study->series_count; i++) entries += (size_t)tw_series_entries(study, scenario->places, i);
    return 3 * entries * (size_t)scenario->rows;
}

// ---- entries --------------------------------------------------------------------------------------------------------

// The recorded group of that name; NULL: the plant has none.
static const TwGroupInfo *group_named(const TwPlant *plant, const char *name, int *index)
{
    for (int g = 1; g < plant->record.group_count; g++)
        if (strcmp(plant->record.groups[g].name, name) == 0) {
            *index = g;
            return &plant->record.groups[g];
        }
    return NULL;
}

static char *places_text(const TwStudy *study, const TwPlant *plant)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) abort();
    for (int g = 0; g < study->group_count; g++) {
        int index;
        const TwGroupInfo *group = group_named(plant, study->groups[g], &index);
        fprintf(f, "%s %d\n", study->groups[g], group ? group->count : 0);
        for (int i = 0; group && i < group->count; i++)
            fprintf(f, "%s %.17g %.17g\n", group->labels[i], group->x_m ? group->x_m[i] : NAN,
                    group->y_m ? group->y_m[i] : NAN);
    }
    fclose(f);
    return text;
}

// False: the text is not of this study.
static bool places_read(const TwStudy *study, TwSpots *places)
{
    const char *at = places->text;
    for (int g = 0; g < study->group_count; g++) {
        char name[TW_NAME];
        int count, used;
        if (sscanf(at, "%63s %d\n%n", name, &count, &used) != 2 || strcmp(name, study->groups[g]) != 0 || count < 0)
            return false;
        at += used;
        places->list[g] = tw_taken((size_t)count, sizeof *places->list[g]);
        for (int i = 0; i < count; i++) {
            TwSpot *place = &places->list[g][i];
            if (sscanf(at, "%63s %lf %lf\n%n", place->name, &place->x_m, &place->y_m, &used) != 3) return false;
            at += used;
        }
        places->count[g] = count;
    }
    return true;
}

const TwSpots *tw_spots_same(TwStudy *study, const char *text)
{
    pthread_mutex_lock(&study->lock);
    TwSpots *places = study->place_lists;
    while (places && strcmp(places->text, text) != 0) places = places->next;
    if (!places) {
        places = tw_taken(1, sizeof *places);
        places->text = tw_copied(text);
        if (!places_read(study, places)) memset(places->count, 0, sizeof places->count);
        places->next = study->place_lists;
        study->place_lists = places;
    }
    pthread_mutex_unlock(&study->lock);
    return places;
}

// ---- before it runs -------------------------------------------------------------------------------------------------

// "rack.chip_degc", ... as far as they fit.
static int all_names(const TwPlant *plant, char (*names)[96], int most)
{
    int count = 0;
    for (int g = 0; g < plant->record.group_count; g++) {
        const TwGroupInfo *group = &plant->record.groups[g];
        if (g == plant->service_group) continue;
        for (int i = 0; i < group->series_count && count < most; i++)
            snprintf(names[count++], sizeof *names, "%s%s%s", group->name, *group->name ? "." : "",
                     group->series[i].name);
    }
    return count;
}

bool tw_series_known(TwStudy *study, const TwPlant *plant, TwErrors *errors)
{
    enum { MOST = 256 };
    char(*names)[96] = tw_taken(MOST, sizeof *names);
    const char *list[MOST];
    int count = all_names(plant, names, MOST);
    bool good = true;
    for (int i = 0; i < count; i++) list[i] = names[i];
    for (int i = 0; i < study->series_count; i++) {
        TwKept *kept = &study->series[i];
        int index = 0;
        const TwGroupInfo *group =
            kept->group < 0 ? &plant->record.groups[0] : group_named(plant, study->groups[kept->group], &index);
        bool found = false;
        for (int k = 0; group && index != plant->service_group && k < group->series_count; k++) {
            const TwSeriesInfo *info = &group->series[k];
            if (strcmp(info->name, kept->name) != 0) continue;
            found = true;
            snprintf(kept->unit, sizeof kept->unit, "%s", info->unit);
            snprintf(kept->label, sizeof kept->label, "%s", info->long_name);
        }
        if (found) continue;
        const char *near = tw_nearest(kept->path, list, count);
        tw_errors_add(errors, study->source, 0, 0, "series %s: none is named so%s%s", kept->path,
                      near ? "; did you mean " : "", near ? near : "");
        good = false;
    }
    free(names);
    return good;
}

double tw_series_bytes(const TwStudy *study, const TwPlant *plant)
{
    double entries = 0.0;
    for (int i = 0; i < study->series_count; i++) {
        int index, group = study->series[i].group;
        const TwGroupInfo *info =
            group < 0 ? &plant->record.groups[0] : group_named(plant, study->groups[group], &index);
        entries += info ? info->count : 0;
    }
    return 12.0 * entries * ceil(plant->run.for_s / study->series_s - 1e-9);
}

// ---- while it runs --------------------------------------------------------------------------------------------------

// One series in the sampler: where its values come from and where they go.
typedef struct Taken {
    int group, index, entries;    // of the plant's record; group < 0: it has none
    size_t first;                 // among the entries of all series
} Taken;

typedef struct Sampler {
    int count, rows;
    size_t width;    // entries of all series
    Taken taken[TW_MOST_SERIES];
    double interval_s, covered_s;
    double *sum, *low, *high;
    float *values;    // of each series [3][rows][entry]
} Sampler;

static Taken taken_of(const TwStudy *study, const TwPlant *plant, int series, size_t first)
{
    const TwKept *kept = &study->series[series];
    Taken taken = {.group = -1, .first = first};
    int index = TW_GROUP_FACILITY;
    const TwGroupInfo *group =
        kept->group < 0 ? &plant->record.groups[index] : group_named(plant, study->groups[kept->group], &index);
    if (!group) return taken;
    taken.entries = group->count;
    for (int k = 0; k < group->series_count; k++)
        if (strcmp(group->series[k].name, kept->name) == 0) {
            taken.group = index;
            taken.index = k;
        }
    return taken;
}

static void sampler_begin(Sampler *sampler, const TwStudy *study, const TwPlant *plant)
{
    sampler->count = study->series_count;
    sampler->interval_s = study->series_s;
    sampler->rows = (int)ceil(plant->run.for_s / study->series_s - 1e-9);
    for (int i = 0; i < sampler->count; i++) {
        sampler->taken[i] = taken_of(study, plant, i, sampler->width);
        sampler->width += (size_t)sampler->taken[i].entries;
    }
    sampler->sum = tw_taken(3 * sampler->width, sizeof *sampler->sum);
    sampler->low = sampler->sum + sampler->width;
    sampler->high = sampler->low + sampler->width;
    size_t n = 3 * sampler->width * (size_t)sampler->rows;
    sampler->values = tw_taken(n, sizeof *sampler->values);
    for (size_t i = 0; i < n; i++) sampler->values[i] = NAN;
}

static void interval_end(Sampler *sampler, int row)
{
    size_t rows = (size_t)sampler->rows;
    for (int i = 0; i < sampler->count && sampler->covered_s > 0.0; i++) {
        const Taken *taken = &sampler->taken[i];
        size_t entries = (size_t)taken->entries;
        float *mean = sampler->values + 3 * rows * taken->first + (size_t)row * entries;
        float *low = mean + rows * entries, *high = low + rows * entries;
        int bits = taken->group > TW_GROUP_FACILITY ? COMPONENT_BITS : FACILITY_BITS;
        for (size_t e = 0, k = taken->first; e < entries; e++, k++) {
            if (sampler->low[k] > sampler->high[k]) continue;    // no number: stays missing
            double average = sampler->sum[k] / sampler->covered_s;
            average = average < sampler->low[k]    ? sampler->low[k]
                      : average > sampler->high[k] ? sampler->high[k]
                                                   : average;
            mean[e] = tw_record_rounded(average, 0, bits);
            low[e] = tw_record_rounded(sampler->low[k], -1, bits);
            high[e] = tw_record_rounded(sampler->high[k], 1, bits);
        }
    }
    sampler->covered_s = 0.0;
}

static void sampler_take(Sampler *sampler, const TwState *state)
{
    const TwWindow *w = tw_state_window(state);
    double span_s = w->until_s - w->from_s;
    if (!(span_s > 0.0)) return;
    // a window that lies across an interval's end counts where it begins
    int row = (int)floor(w->from_s / sampler->interval_s + 1e-9);
    if (row >= sampler->rows) row = sampler->rows - 1;
    bool first = sampler->covered_s == 0.0;
    for (int i = 0; i < sampler->count; i++) {
        const Taken *taken = &sampler->taken[i];
        const double *now = taken->group >= 0 ? tw_state_group(state, taken->group) : NULL;
        for (int e = 0; e < taken->entries; e++) {
            size_t k = taken->first + (size_t)e;
            double value = now ? now[(size_t)taken->index * (size_t)taken->entries + (size_t)e] : NAN;
            if (first) {
                sampler->sum[k] = 0.0;
                sampler->low[k] = INFINITY;
                sampler->high[k] = -INFINITY;
            }
            sampler->sum[k] += value * span_s;
            sampler->low[k] = value < sampler->low[k] ? value : sampler->low[k];
            sampler->high[k] = value > sampler->high[k] ? value : sampler->high[k];
        }
    }
    sampler->covered_s += span_s;
    double end_s = (row + 1) * sampler->interval_s;
    if (w->until_s >= end_s - 1e-6) interval_end(sampler, row);
}

bool tw_series_run(TwStudy *study, TwScenario *scenario, TwState *state, const volatile int *stop, TwError *error)
{
    const TwPlant *plant = tw_state_plant(state);
    Sampler sampler = {0};
    sampler_begin(&sampler, study, plant);
    bool good = true;
    double before_s = -1.0;
    while (good && !(stop && *stop) && tw_state_time_s(state) > before_s && tw_state_time_s(state) < plant->run.for_s) {
        before_s = tw_state_time_s(state);
        good = tw_state_advance(state, before_s + 1e-9, NULL, stop, error);
        if (good) sampler_take(&sampler, state);
    }
    interval_end(&sampler, sampler.rows - 1);
    free(sampler.sum);
    if (!good) {
        free(sampler.values);
        return false;
    }
    char *text = places_text(study, plant);
    scenario->places = study->group_count ? tw_spots_same(study, text) : NULL;
    free(text);
    scenario->series = sampler.values;
    scenario->rows = sampler.rows;
    return true;
}
