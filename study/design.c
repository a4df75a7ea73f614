// Designs: which points a study consists of. A point is a pure function of design, seed and index.
#include "sim/csv.h"
#include "sim/random.h"
#include "study/inner.h"
#include "study/sobol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SCENARIOS = 10000000 };

// ---- points ---------------------------------------------------------------------------------------------------------

void tw_points_reserve(TwStudy *study, int points)
{
    if (points <= study->point_room) return;
    size_t axes = (size_t)study->axis_count, replicates = (size_t)study->replicates, room = (size_t)points;
    if (study->design != TW_GRID) {
        study->at = realloc(study->at, (room * axes + 1) * sizeof *study->at);
        if (!study->at) abort();
    }
    study->scenarios = realloc(study->scenarios, room * replicates * sizeof *study->scenarios);
    if (!study->scenarios) abort();
    study->point_room = points;
}

int tw_points_add(TwStudy *study, const double *coordinates, int count)
{
    int first = study->point_count, wanted = first + count;
    if (wanted > study->point_room)
        tw_points_reserve(study, first == 0 ? wanted : wanted > 2 * study->point_room ? wanted : 2 * study->point_room);
    size_t axes = (size_t)study->axis_count, replicates = (size_t)study->replicates;
    if (coordinates) memcpy(study->at + (size_t)first * axes, coordinates, (size_t)count * axes * sizeof *coordinates);
    TwScenario *scenarios = study->scenarios + (size_t)first * replicates;
    memset(scenarios, 0, (size_t)count * replicates * sizeof *scenarios);
    for (size_t i = 0; i < (size_t)count * replicates; i++) scenarios[i].twin = -1;
    study->point_count = wanted;
    study->scenario_count = wanted * study->replicates;
    return first;
}

double tw_point_at(const TwStudy *study, int point, int axis)
{
    if (study->at) return study->at[(size_t)point * (size_t)study->axis_count + (size_t)axis];
    for (int i = study->axis_count - 1; i > axis; i--) point /= study->axes[i].count;
    return point % study->axes[axis].count;
}

int tw_grid_combinations(const TwStudy *study, int but)
{
    double product = 1.0;
    for (int i = 0; i < study->axis_count; i++)
        if (i != but && study->axes[i].count) product *= study->axes[i].count;
    return product < 1e9 ? (int)product : 1000000000;
}

static void combination(const TwStudy *study, int but, int index, double *coordinates)
{
    for (int i = study->axis_count - 1; i >= 0; i--) {
        if (i == but || !study->axes[i].count) continue;
        coordinates[i] = index % study->axes[i].count;
        index /= study->axes[i].count;
    }
}

// ---- the designs ----------------------------------------------------------------------------------------------------

// The ends of what an axis covers: of a law without ends, its quantiles at 5 and 95 %.
static double end_of(const TwAxis *axis, int side)
{
    if (axis->law == TW_UNIFORM || axis->law == TW_LOGUNIFORM) return side ? axis->b : axis->a;
    return tw_axis_coordinate(axis, side ? 0.95 : 0.05);
}

static double base_of(const TwAxis *axis)
{
    if (axis->count == 0) {
        double low = end_of(axis, 0), high = end_of(axis, 1);
        return axis->base > low && axis->base < high ? axis->base : tw_axis_coordinate(axis, 0.5);
    }
    if (axis->labels) return isfinite(axis->base) ? axis->base : 0.0;
    for (int i = 0; i < axis->count; i++)
        if (fabs(axis->numbers[i] - axis->base) <= 1e-9 * fabs(axis->base)) return i;
    return isfinite(axis->base) ? 0.0 : (axis->count - 1) / 2;
}

// The base, then one axis at a time through its other levels, or to both ends of its range.
static int make_oat(TwStudy *study, double *to)
{
    int axes = study->axis_count, count = 0;
    for (int i = -1; i < axes; i++) {
        const TwAxis *axis = i < 0 ? NULL : &study->axes[i];
        int steps = i < 0 ? 1 : axis->count ? axis->count : 2;
        for (int k = 0; k < steps; k++) {
            if (axis && axis->count && k == (int)base_of(axis)) continue;
            if (to) {
                double *point = to + (size_t)count * (size_t)axes;
                for (int j = 0; j < axes; j++) point[j] = base_of(&study->axes[j]);
                if (axis) point[i] = axis->count ? k : end_of(axis, k);
            }
            count++;
        }
    }
    return count;
}

static void shuffle(int *order, int count, TwStream stream, uint64_t index)
{
    for (int i = 0; i < count; i++) order[i] = i;
    for (int i = count - 1; i > 0; i--) {
        double u = tw_random(stream, index, (uint32_t)i, TW_PURPOSE_DESIGN);
        int k = (int)(u * (i + 1)), swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
}

static void make_lhs(const TwStudy *study, double *to)
{
    int n = study->rows, axes = study->axis_count, *order = tw_taken((size_t)n, sizeof *order);
    TwStream places = tw_stream((uint64_t)study->seed, "lhs"), inside = tw_stream((uint64_t)study->seed, "lhs inside");
    for (int a = 0; a < axes; a++) {
        shuffle(order, n, places, (uint64_t)a);
        for (int i = 0; i < n; i++) {
            double u = (order[i] + tw_random(inside, (uint64_t)i, (uint32_t)a, TW_PURPOSE_DESIGN)) / n;
            to[(size_t)i * (size_t)axes + (size_t)a] = tw_axis_coordinate(&study->axes[a], u);
        }
    }
    free(order);
}

static void make_sobol(const TwStudy *study, double *to)
{
    TwSobol *sobol = tw_taken(1, sizeof *sobol);
    tw_sobol_begin(sobol, study->axis_count, (uint64_t)study->seed, study->scramble);
    for (int i = 0; i < study->rows; i++)
        for (int a = 0; a < study->axis_count; a++)
            *to++ = tw_axis_coordinate(&study->axes[a], tw_sobol_at(sobol, (uint32_t)i, a));
    free(sobol);
}

// Row by row: A, B, A with column i of B, and for second order B with column i of A.
static int indices_per_row(const TwStudy *study)
{
    return study->second_order ? 2 * study->axis_count + 2 : study->axis_count + 2;
}

static void make_indices(const TwStudy *study, double *to)
{
    int d = study->axis_count, blocks = indices_per_row(study);
    TwSobol *sobol = tw_taken(1, sizeof *sobol);
    tw_sobol_begin(sobol, 2 * d, (uint64_t)study->seed, study->scramble);
    for (int row = 0; row < study->rows; row++)
        for (int block = 0; block < blocks; block++)
            for (int a = 0; a < d; a++) {
                bool right = block == 1 || block == 2 + a || (block > 1 + d && block != 2 + d + a);
                double u = tw_sobol_at(sobol, (uint32_t)row, right ? d + a : a);
                *to++ = tw_axis_coordinate(&study->axes[a], u);
            }
    free(sobol);
}

void tw_morris_path(const TwStudy *study, int t, int *start, int *order, bool *up)
{
    TwStream stream = tw_stream((uint64_t)study->seed, "morris");
    shuffle(order, study->axis_count, tw_stream((uint64_t)study->seed, "morris order"), (uint64_t)t);
    for (int a = 0; a < study->axis_count; a++) {
        uint32_t words[4];
        tw_random4(stream, (uint64_t)t, (uint32_t)a, TW_PURPOSE_DESIGN, words);
        up[a] = tw_uniform(words[1]) < 0.5;
        start[a] = (int)(tw_uniform(words[0]) * (study->levels / 2)) + (up[a] ? 0 : study->levels / 2);
    }
}

// Levels reach the ends of an axis; of a law without ends, its quantiles at 1 and 99 %.
static double morris_coordinate(const TwStudy *study, int axis, int level)
{
    const TwAxis *at = &study->axes[axis];
    double u = (double)level / (study->levels - 1);
    bool ends = at->count || at->law == TW_UNIFORM || at->law == TW_LOGUNIFORM || at->law == TW_TRIANGULAR;
    return tw_axis_coordinate(at, ends ? u : 0.01 + 0.98 * u);
}

static void make_morris(const TwStudy *study, double *to)
{
    int d = study->axis_count, start[TW_AXES], order[TW_AXES];
    bool up[TW_AXES];
    for (int t = 0; t < study->trajectories; t++) {
        tw_morris_path(study, t, start, order, up);
        for (int step = 0; step <= d; step++) {
            if (step > 0) {
                int a = order[step - 1];
                start[a] += up[a] ? study->levels / 2 : -study->levels / 2;
            }
            for (int a = 0; a < d; a++) *to++ = morris_coordinate(study, a, start[a]);
        }
    }
}

// A CSV whose header names settings: every column an axis, every row a point.
static bool read_list(TwStudy *study, TwErrors *errors)
{
    TwCsv *csv;
    TwError error = {0};
    if (!study->list_file[0]) {
        tw_errors_add(errors, study->name, 0, 0, "design list needs file = \"points.csv\"");
        return false;
    }
    if (!tw_csv_read(&csv, study->list_file, &error)) {
        tw_errors_take(errors, &error);
        return false;
    }
    int rows = tw_csv_rows(csv), columns = tw_csv_columns(csv);
    bool good = rows > 0 && study->axis_count + columns < TW_AXES;
    if (!good)
        tw_errors_add(errors, study->list_file, 0, 0, "%d points in %d columns, expected 1 or more in at most %d", rows,
                      columns, TW_AXES - 1);
    double *values = tw_taken((size_t)rows, sizeof *values);
    const char **words = tw_taken((size_t)rows, sizeof *words);
    for (int i = 0; good && i < columns; i++) {
        bool numbers = true;
        for (int k = 0; k < rows; k++) {
            words[k] = tw_csv_text(csv, k, i);
            numbers = numbers && tw_csv_number(csv, k, i, &values[k], NULL);
        }
        TwAxis *axis = &study->axes[study->axis_count++];
        if (numbers)
            tw_axis_numbers(axis, tw_csv_header(csv, i), values, rows);
        else
            tw_axis_words(axis, tw_csv_header(csv, i), words, rows);
    }
    free(values);
    free(words);
    tw_csv_destroy(csv);
    study->rows = rows;
    return good;
}

// ---- making one -----------------------------------------------------------------------------------------------------

static double count_of(const TwStudy *study)
{
    double d = study->axis_count, product = 1.0;
    switch (study->design) {
    case TW_GRID:
        for (int i = 0; i < study->axis_count; i++) product *= study->axes[i].count;
        return product;
    case TW_OAT:
        return make_oat((TwStudy *)study, NULL);
    case TW_INDICES:
        return (double)study->rows * indices_per_row(study);
    case TW_MORRIS:
        return study->trajectories * (d + 1.0);
    case TW_THRESHOLD:
        return 4.0 * tw_grid_combinations(study, study->search.axis);
    case TW_OPTIMISE:
        return (double)study->search.starts * tw_grid_combinations(study, -1);
    default:
        return study->rows;
    }
}

// A threshold looks at both ends and two points between; an optimum begins from Sobol points.
static void make_search(const TwStudy *study, double *to)
{
    int d = study->axis_count, each = study->design == TW_THRESHOLD ? 4 : study->search.starts;
    int combinations = tw_grid_combinations(study, study->design == TW_THRESHOLD ? study->search.axis : -1);
    TwSobol *sobol = tw_taken(1, sizeof *sobol);
    tw_sobol_begin(sobol, d, (uint64_t)study->seed, 1);
    for (int c = 0; c < combinations; c++)
        for (int k = 0; k < each; k++, to += d) {
            combination(study, study->design == TW_THRESHOLD ? study->search.axis : -1, c, to);
            for (int a = 0; a < d; a++) {
                const TwAxis *axis = &study->axes[a];
                if (axis->count) continue;
                double u = study->design == TW_THRESHOLD ? k / 3.0 : tw_sobol_at(sobol, (uint32_t)k, a);
                to[a] = tw_axis_coordinate(axis, u);
            }
        }
    free(sobol);
}

static bool sound(const TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    const char *wrong = NULL;
    bool sampled = study->design == TW_LHS || study->design == TW_SOBOL || study->design == TW_INDICES;
    if (sampled && study->rows < 1) wrong = "this design needs points";
    if (study->design == TW_INDICES && (study->rows & (study->rows - 1)))
        wrong = "points of sobol_indices is a power of two";
    if (study->design == TW_MORRIS && study->levels % 2) wrong = "levels of morris is even";
    if (study->axis_count == 0 && study->design != TW_GRID) wrong = "no axes";
    for (int i = 0; i < study->axis_count && study->design == TW_GRID; i++)
        if (study->axes[i].count == 0) wrong = "a grid needs steps for every range";
    if (study->design == TW_GRID && study->axis_count > TW_GRID_AXES) wrong = "a grid has at most 16 axes";
    if (wrong) {
        tw_errors_add(errors, input->path, 0, 0, "design %s: %s", tw_design_words[study->design], wrong);
        return false;
    }
    double scenarios = count_of(study) * study->replicates;
    if (!(scenarios >= 1.0 && (scenarios <= MOST_SCENARIOS || (input->force && scenarios < 1e9)))) {
        tw_errors_add(errors, input->path, 0, 0, "%.0f scenarios, expected 1 to %d (--force permits more)", scenarios,
                      MOST_SCENARIOS);
        return false;
    }
    return true;
}

// Labels are coordinates of the file and stand in tables: they have a text, and those of named cases are told apart.
static bool labels_sound(const TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    for (int a = 0; a < study->axis_count; a++) {
        const TwAxis *axis = &study->axes[a];
        for (int k = 0; axis->labels && k < axis->count; k++) {
            const char *wrong = axis->labels[k][0] ? NULL : "is empty";
            for (const char *c = axis->labels[k]; *c && !wrong; c++)
                if ((unsigned char)*c < 32) wrong = "has a control character";
            for (int j = 0; j < k && !wrong && axis->path_count == 0; j++)
                if (strcmp(axis->labels[j], axis->labels[k]) == 0) wrong = "is that of another level too";
            if (!wrong) continue;
            tw_errors_add(errors, input->path, 0, 0, "axis %s: the label of level %d %s", axis->name, k + 1, wrong);
            return false;
        }
    }
    return true;
}

// Two axes of one setting would undo each other.
static bool settings_apart(const TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    for (int i = 0; i < study->axis_count; i++)
        for (int k = 0; k < i; k++)
            if (study->axes[i].path_count && strcmp(study->axes[i].path, study->axes[k].path) == 0) {
                tw_errors_add(errors, input->path, 0, 0, "there are two axes of %s", study->axes[i].path);
                return false;
            }
    return true;
}

bool tw_design_make(TwStudy *study, const TwStudyInput *input, TwErrors *errors)
{
    if (study->design == TW_LISTED && !read_list(study, errors)) return false;
    if (!settings_apart(study, input, errors)) return false;
    tw_axes_name(study);
    for (int i = 0; i < study->axis_count; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(study->axes[i].name, study->axes[k].name) == 0) {
                tw_errors_add(errors, input->path, 0, 0, "two axes are named %s: give them a name",
                              study->axes[i].name);
                return false;
            }
    if (!labels_sound(study, input, errors)) return false;
    for (int i = 0; i < study->axis_count; i++) {
        const char *as = tw_axis_taken(study, study->axes[i].name);
        if (!as) continue;
        tw_errors_add(errors, input->path, 0, 0, "an axis cannot be named %s: that is %s; name = \"...\" gives another",
                      study->axes[i].name, as);
        return false;
    }
    if (!tw_base_look(study, errors) || !sound(study, input, errors)) return false;
    int count = (int)count_of(study);
    if (study->design == TW_GRID) {
        tw_points_add(study, NULL, count);
        return true;
    }
    double *at = tw_taken((size_t)count * (size_t)study->axis_count, sizeof *at);
    switch (study->design) {
    case TW_OAT:
        make_oat(study, at);
        break;
    case TW_LHS:
        make_lhs(study, at);
        break;
    case TW_SOBOL:
        make_sobol(study, at);
        break;
    case TW_INDICES:
        make_indices(study, at);
        break;
    case TW_MORRIS:
        make_morris(study, at);
        break;
    case TW_LISTED:
        for (int i = 0; i < count; i++)
            for (int a = 0; a < study->axis_count; a++) at[(size_t)i * (size_t)study->axis_count + (size_t)a] = i;
        break;
    default:
        make_search(study, at);
        break;
    }
    tw_points_add(study, at, count);
    free(at);
    return true;
}

// ---- settings of a scenario -----------------------------------------------------------------------------------------

int64_t tw_scenario_seed(const TwStudy *study, int scenario)
{
    int point = scenario / study->replicates, replicate = scenario % study->replicates;
    // an optimum is run again with seeds that it was not chosen by
    int64_t shift = study->search.fresh >= 0 && point == study->search.fresh ? 1000 : 0;
    return study->seed + shift + replicate;
}

char **tw_scenario_sets(const TwStudy *study, int scenario, int *count)
{
    int n = 0, room = study->set_count + 1, point = scenario / study->replicates;
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        room += axis->path_count;
        if (axis->sets)
            for (char **set = axis->sets[(int)tw_point_at(study, point, i)]; *set; set++) room++;
    }
    char **sets = tw_taken((size_t)room, sizeof *sets);
    for (int i = 0; i < study->set_count; i++) sets[n++] = tw_copied(study->sets[i]);
    for (int i = 0; i < study->axis_count; i++) {
        const TwAxis *axis = &study->axes[i];
        double at = tw_point_at(study, point, i);
        if (axis->sets)
            for (char **set = axis->sets[(int)at]; *set; set++) sets[n++] = tw_copied(*set);
        else
            for (int k = 0; k < axis->path_count; k++)
                sets[n++] = tw_setting_text(axis->paths[k], axis->factors[k] * tw_axis_number(axis, at));
    }
    char text[48];
    int64_t seed = tw_scenario_seed(study, scenario);
    snprintf(text, sizeof text, "run.seed=%lld%s", (long long)seed, seed > INT32_MAX ? "L" : "");
    sets[n++] = tw_copied(text);
    *count = n;
    return sets;
}

void tw_scenario_sets_free(char **sets, int count)
{
    for (int i = 0; i < count; i++) free(sets[i]);
    free(sets);
}
