#include "models/workload/lengths.h"

#include "models/workload/traffic.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const double tw_length_probability[TW_LENGTH_KNOTS] = {0.0,  0.01, 0.02,  0.05,  0.1,    0.15,   0.2,  0.25, 0.3,
                                                       0.4,  0.5,  0.6,   0.7,   0.75,   0.8,    0.85, 0.9,  0.95,
                                                       0.98, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0};

static const char *const table_file = "facilities/parts/traffic/length_quantiles.csv";

// the sets of the shipped file: names with a table _in and a table _out
static const char *const set_names[] = {"azure23_code", "azure23_conv",   "mooncake_conv", "servegen_large",
                                        "servegen_mid", "servegen_small", "deepseek_r1",   "agent"};

int tw_traffic_length_sets(const char *const **names)
{
    *names = set_names;
    return TW_COUNT(set_names);
}

bool tw_lengths_make(TwLengths *lengths, const char *name, const double values[TW_LENGTH_KNOTS], TwError *error)
{
    memset(lengths, 0, sizeof *lengths);
    for (int i = 0; i < TW_LENGTH_KNOTS; i++) {
        if (!(values[i] > 0.0) || !isfinite(values[i]))
            return tw_fail(error, TW_BAD_INPUT, "%s: value %g at probability %g, expected a number above 0", name,
                           values[i], tw_length_probability[i]);
        if (i > 0 && values[i] < values[i - 1])
            return tw_fail(error, TW_BAD_INPUT, "%s: value %g at probability %g, expected %g or more as before it",
                           name, values[i], tw_length_probability[i], values[i - 1]);
        lengths->probability[i] = tw_length_probability[i];
        lengths->ln_value[i] = log(values[i]);
    }
    for (int i = 0; i + 1 < TW_LENGTH_KNOTS; i++)
        lengths->slope[i] =
            (lengths->ln_value[i + 1] - lengths->ln_value[i]) / (lengths->probability[i + 1] - lengths->probability[i]);

    int knot = 0;
    for (int g = 0; g < TW_LENGTH_GUIDE; g++) {
        while (knot < TW_LENGTH_KNOTS - 2 && lengths->probability[knot + 1] <= (double)g / TW_LENGTH_GUIDE) knot++;
        lengths->guide[g] = (uint8_t)knot;
    }
    return true;
}

void tw_lengths_uniform(TwLengths *lengths, double low, double high)
{
    assert(low > 0.0 && high >= low);
    memset(lengths, 0, sizeof *lengths);
    lengths->uniform = true;
    lengths->low = low;
    lengths->high = high;
}

// "no table, did you mean": known are the tables whose name ends in the suffix, which is cut off
static bool unknown_table(const TwCsv *csv, bool set, const char *name, const char *suffix, TwError *error)
{
    int rows = tw_csv_rows(csv), count = 0;
    const char **known = calloc((size_t)rows + 1, sizeof *known);
    char(*text)[TW_NAME] = calloc((size_t)rows + 1, sizeof *text);
    if (!known || !text) abort();
    size_t cut = strlen(suffix);
    for (int r = 0; r < rows; r++) {
        const char *table = tw_csv_text(csv, r, 0);
        size_t length = strlen(table);
        if (length <= cut || length - cut >= TW_NAME || strcmp(table + length - cut, suffix) != 0) continue;
        memcpy(text[count], table, length - cut);
        known[count] = text[count];
        count++;
    }
    const char *nearest = tw_nearest(name, known, count);
    const char *lead = set ? "lengths = " : "", *what = set ? "length set" : "length table";
    if (nearest)
        tw_fail(error, TW_BAD_INPUT, "%s\"%s\" is no %s; did you mean \"%s\"?", lead, name, what, nearest);
    else
        tw_fail(error, TW_BAD_INPUT, "%s\"%s\" is no %s, expected one of %s", lead, name, what, table_file);
    free(text);
    free(known);
    return false;
}

static int find_row(const TwCsv *csv, const char *name)
{
    for (int r = 0; r < tw_csv_rows(csv); r++)
        if (strcmp(tw_csv_text(csv, r, 0), name) == 0) return r;
    return -1;
}

static bool open_tables(TwCsv **csv, TwError *error)
{
    char path[4096];
    if (!tw_data_find(table_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the length tables, last tried %s", path);
    return tw_csv_read(csv, path, error);
}

static bool load_row(TwLengths *lengths, const TwCsv *csv, int row, TwError *error)
{
    double values[TW_LENGTH_KNOTS];
    for (int i = 0; i < TW_LENGTH_KNOTS; i++) {
        char header[32];
        snprintf(header, sizeof header, "q%g", tw_length_probability[i]);
        int column = tw_csv_column(csv, header);
        if (column < 0) return tw_fail(error, TW_BAD_INPUT, "%s: no column %s", table_file, header);
        if (!tw_csv_number(csv, row, column, &values[i], error)) return false;
    }
    return tw_lengths_make(lengths, tw_csv_text(csv, row, 0), values, error);
}

bool tw_lengths_load(TwLengths *lengths, const char *name, TwError *error)
{
    TwCsv *csv;
    if (!open_tables(&csv, error)) return false;
    int row = find_row(csv, name);
    bool ok = row < 0 ? unknown_table(csv, false, name, "", error) : load_row(lengths, csv, row, error);
    tw_csv_destroy(csv);
    return ok;
}

bool tw_lengths_load_set(TwLengths *input, TwLengths *output, const char *set, TwError *error)
{
    TwCsv *csv;
    if (!open_tables(&csv, error)) return false;

    char in[256], out[256];
    snprintf(in, sizeof in, "%s_in", set);
    snprintf(out, sizeof out, "%s_out", set);
    int in_row = find_row(csv, in), out_row = find_row(csv, out);
    bool ok;
    if (in_row < 0 && out_row < 0)
        ok = unknown_table(csv, true, set, "_in", error);
    else if (in_row < 0 || out_row < 0)
        ok = tw_fail(error, TW_BAD_INPUT, "lengths = \"%s\": the length set has no table %s", set,
                     in_row < 0 ? in : out);
    else
        ok = load_row(input, csv, in_row, error) && load_row(output, csv, out_row, error);
    tw_csv_destroy(csv);
    return ok;
}

double tw_lengths_cdf(const TwLengths *lengths, double value)
{
    if (lengths->uniform) {
        if (value < lengths->low) return 0.0;
        return value >= lengths->high ? 1.0 : (value - lengths->low) / (lengths->high - lengths->low);
    }
    double y = log(value);
    if (!(value > 0.0) || y < lengths->ln_value[0]) return 0.0;
    if (y >= lengths->ln_value[TW_LENGTH_KNOTS - 1]) return 1.0;

    // the last interval that begins at or below it, which has a slope
    int i = 0;
    while (lengths->ln_value[i + 1] <= y) i++;
    return lengths->probability[i] + (y - lengths->ln_value[i]) / lengths->slope[i];
}

// mean of exp over a straight line from ln a to ln b
static double mean_between(double ln_a, double ln_b)
{
    double gap = ln_b - ln_a;
    return gap > 0.0 ? exp(ln_a) * expm1(gap) / gap : exp(ln_a);
}

double tw_lengths_mean(const TwLengths *lengths, double most)
{
    if (lengths->uniform) {
        double low = lengths->low, high = lengths->high;
        if (most >= high) return 0.5 * (low + high);
        if (most <= low) return most;
        double below = (most - low) / (high - low);
        return below * 0.5 * (low + most) + (1.0 - below) * most;
    }

    double sum = 0.0, ln_most = log(most);
    for (int i = 0; i + 1 < TW_LENGTH_KNOTS; i++) {
        double ln_a = lengths->ln_value[i], ln_b = lengths->ln_value[i + 1];
        double width = lengths->probability[i + 1] - lengths->probability[i];
        if (ln_b <= ln_most)
            sum += width * mean_between(ln_a, ln_b);
        else if (ln_a >= ln_most)
            sum += width * most;
        else {
            double below = (ln_most - ln_a) / (ln_b - ln_a);
            sum += width * (below * mean_between(ln_a, ln_most) + (1.0 - below) * most);
        }
    }
    return sum;
}
