// Axes: levels and laws, coordinates of points, names and units.
#include "sim/random.h"
#include "study/inner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

char *tw_copied(const char *text)
{
    char *copy = strdup(text);
    if (!copy) abort();
    return copy;
}

void *tw_taken(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) abort();
    return memory;
}

// A number as a file would write it; whole ones as whole numbers, which settings of either kind take.
char *tw_setting_text(const char *path, double value)
{
    char number[64], text[400];
    if (value == floor(value) && fabs(value) < 9e15) {
        snprintf(text, sizeof text, "%s=%.0f%s", path, value, fabs(value) > INT32_MAX ? "L" : "");
        return tw_copied(text);
    }
    // 15 digits decide nearly always, and drop the zeros that are not needed
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(number, sizeof number, "%.*g", digits, value);
        if (strtod(number, NULL) == value) break;
    }
    snprintf(text, sizeof text, "%s=%s", path, number);
    return tw_copied(text);
}

// The unit that the ending of a setting says; a rate per second ends in _s too, and is told apart by its stem.
const char *tw_unit_of(const char *path)
{
    static const char *const endings[][2] = {
        {"rate_s", "1/s"}, {"_kg_s", "kg/s"}, {"_kw", "kW"},     {"_mw", "MW"},   {"_w", "W"},     {"_degc", "degC"},
        {"_lpm", "L/min"}, {"_kpa", "kPa"},   {"_pa", "Pa"},     {"_ms", "ms"},   {"_min", "min"}, {"_h", "h"},
        {"_s", "s"},       {"_kwh", "kWh"},   {"_mwh", "MWh"},   {"_j", "J"},     {"_k", "K"},     {"_m", "m"},
        {"_gb", "GB"},     {"_bytes", "B"},   {"_percent", "%"}, {"_usd", "USD"},
    };
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i][0]);
        if (length >= n && strcmp(path + length - n, endings[i][0]) == 0) return endings[i][1];
    }
    return "1";
}

static void axis_path(TwAxis *axis, const char *path)
{
    snprintf(axis->path, sizeof axis->path, "%s", path);
    axis->base = NAN;
    axis->paths = tw_taken(1, sizeof *axis->paths);
    axis->paths[0] = tw_copied(path);
    axis->factors = tw_taken(1, sizeof *axis->factors);
    axis->factors[0] = 1.0;
    axis->path_count = 1;
}

void tw_axis_numbers(TwAxis *axis, const char *path, const double *values, int count)
{
    axis_path(axis, path);
    snprintf(axis->unit, sizeof axis->unit, "%s", tw_unit_of(path));
    axis->count = count;
    axis->numbers = tw_taken((size_t)count, sizeof *axis->numbers);
    memcpy(axis->numbers, values, (size_t)count * sizeof *values);
}

void tw_axis_words(TwAxis *axis, const char *path, const char *const *words, int count)
{
    axis_path(axis, path);
    axis->count = count;
    axis->labels = tw_taken((size_t)count, sizeof *axis->labels);
    axis->sets = tw_taken((size_t)count, sizeof *axis->sets);
    for (int i = 0; i < count; i++) {
        char text[600];
        snprintf(text, sizeof text, "%s=%s", path, words[i]);
        axis->labels[i] = tw_copied(words[i]);
        axis->sets[i] = tw_taken(2, sizeof(char *));
        axis->sets[i][0] = tw_copied(text);
    }
}

void tw_axis_law(TwAxis *axis, const char *path, TwLaw law, double a, double b, double c)
{
    axis_path(axis, path);
    snprintf(axis->unit, sizeof axis->unit, "%s", tw_unit_of(path));
    axis->law = law;
    axis->a = a;
    axis->b = b;
    axis->c = c;
    axis->low = -INFINITY;
    axis->high = INFINITY;
}

void tw_axis_scaled(TwAxis *axis, const char *path, double factor)
{
    int n = axis->path_count++;
    axis->paths = realloc(axis->paths, (size_t)(n + 1) * sizeof *axis->paths);
    axis->factors = realloc(axis->factors, (size_t)(n + 1) * sizeof *axis->factors);
    if (!axis->paths || !axis->factors) abort();
    axis->paths[n] = tw_copied(path);
    axis->factors[n] = factor;
}

void tw_axis_free(TwAxis *axis)
{
    for (int k = 0; k < axis->count; k++) {
        for (int j = 0; axis->sets && axis->sets[k][j]; j++) free(axis->sets[k][j]);
        if (axis->sets) free(axis->sets[k]);
        if (axis->labels) free(axis->labels[k]);
    }
    for (int k = 0; k < axis->member_count; k++) {
        free(axis->members[k]);
        free(axis->member_numbers[k]);
    }
    for (int k = 0; k < axis->path_count; k++) free(axis->paths[k]);
    free(axis->members);
    free(axis->member_numbers);
    free(axis->paths);
    free(axis->factors);
    free(axis->sets);
    free(axis->labels);
    free(axis->numbers);
}

static double normal_below(double x) { return 0.5 * erfc(-x / sqrt(2.0)); }

static double triangular(double least, double mode, double most, double u)
{
    double span = most - least, share = (mode - least) / span;
    if (!(span > 0.0)) return mode;
    return u < share ? least + sqrt(u * span * (mode - least)) : most - sqrt((1.0 - u) * span * (most - mode));
}

double tw_axis_coordinate(const TwAxis *axis, double u)
{
    if (axis->count) {
        double level = floor(u * axis->count);
        return level < axis->count ? level : axis->count - 1;
    }
    double a = axis->a, b = axis->b, value = a;
    switch (axis->law) {
    case TW_UNIFORM:
        value = a + u * (b - a);
        break;
    case TW_LOGUNIFORM:
        value = exp(log(a) + u * (log(b) - log(a)));
        break;
    case TW_NORMAL_LAW: {
        double from = normal_below((axis->low - a) / b), to = normal_below((axis->high - a) / b);
        double x = a + b * tw_normal_quantile(from + u * (to - from));
        value = fmin(fmax(x, axis->low), axis->high);
        break;
    }
    case TW_LOGNORMAL:
        value = a * exp(b * tw_normal_quantile(u));
        break;
    case TW_TRIANGULAR:
        value = triangular(a, b, axis->c, u);
        break;
    }
    return axis->whole ? round(value) : value;
}

double tw_axis_number(const TwAxis *axis, double at)
{
    if (axis->count == 0) return at;
    return axis->numbers ? axis->numbers[(int)at] : NAN;
}

void tw_axis_text(const TwAxis *axis, double at, char *text, size_t size)
{
    if (axis->labels)
        snprintf(text, size, "%s", axis->labels[(int)at]);
    else
        snprintf(text, size, "%.6g", tw_axis_number(axis, at));
}

// The words of a path from the n-th last on, dots and brackets as underscores.
static void tail_of(const char *path, int words, char *name)
{
    const char *from = path + strlen(path);
    for (int left = words; from > path; from--)
        if (from[-1] == '.' && --left == 0) break;
    size_t n = 0;
    for (; *from && n + 1 < TW_NAME; from++) name[n++] = *from == '.' || *from == '[' || *from == ']' ? '_' : *from;
    name[n] = '\0';
}

static bool same_variable(const char *name, const char *series)
{
    size_t length = strlen(series);
    if (strncmp(name, series, length) != 0) return false;
    return !name[length] || strcmp(name + length, "_min") == 0 || strcmp(name + length, "_max") == 0;
}

// Names of the file that are not for axes: each is told as what it is; NULL: free.
const char *tw_axis_taken(const TwStudy *study, const char *name)
{
    static const char *const own[] = {"replicate", "scenario",    "time",   "series", "plan", "config", "study",
                                      "report",    "report_text", "status", "error",  "key",  "x_m",    "y_m"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (strcmp(name, own[i]) == 0) return "a part of every study's file";
    for (int i = 0; i < study->group_count; i++)
        if (strcmp(name, study->groups[i]) == 0) return "a recorded group";
    for (int i = 0; i < study->series_count; i++)
        if (same_variable(name, study->series[i].name)) return "a recorded series";
    return NULL;
}

// The last word of a path names the axis; as many words as it takes where axes share them.
void tw_axes_name(TwStudy *study)
{
    for (int words = 1; words <= 12; words++) {
        bool shared = false;
        for (int i = 0; i < study->axis_count; i++) {
            TwAxis *axis = &study->axes[i];
            char mine[TW_NAME], other[TW_NAME];
            if (axis->name[0]) continue;
            tail_of(axis->path, words, mine);
            bool alone = !tw_axis_taken(study, mine);
            for (int k = 0; k < study->axis_count; k++) {
                if (k == i) continue;
                tail_of(study->axes[k].path, words, other);
                alone = alone && strcmp(mine, other) != 0;
            }
            if (alone || words == 12)
                snprintf(axis->name, sizeof axis->name, "%s", mine);
            else
                shared = true;
        }
        if (!shared) return;
    }
}

// The variable that holds a setting of a zip: the last word of its path, or as many as it takes.
void tw_member_name(const TwStudy *study, int axis, int member, char name[TW_NAME])
{
    const TwAxis *of = &study->axes[axis];
    for (int words = 1; words <= 12; words++) {
        tail_of(of->members[member], words, name);
        bool alone = !tw_axis_taken(study, name);
        for (int i = 0; i < study->axis_count && alone; i++) {
            const TwAxis *other = &study->axes[i];
            alone = strcmp(other->name, name) != 0;
            for (int k = 0; k < other->member_count && alone; k++) {
                char theirs[TW_NAME];
                if (i == axis && k == member) continue;
                tail_of(other->members[k], words, theirs);
                alone = strcmp(theirs, name) != 0;
            }
        }
        if (alone) return;
    }
}
