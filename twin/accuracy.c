#include "twin/accuracy.h"
#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"
#include "sim/json.h"

#include <math.h>
#include <string.h>

const char *const tw_error_names[] = {"rate", "ttft", "power", "joules", NULL};
const char *const tw_error_levels[] = {"load", "engine", "chip", "generation", "kind", "all", "blind", "early", NULL};

static const char shipped_table[] = "facilities/reference/errors.csv";

const char *tw_chip_generation(const char *chip)
{
    static const char *const known[][2] = {{"a100", "ampere"},    {"h100", "hopper"},     {"h200", "hopper"},
                                           {"h800", "hopper"},    {"gh200", "hopper"},    {"b200", "blackwell"},
                                           {"b300", "blackwell"}, {"gb200", "blackwell"}, {"gb300", "blackwell"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = strlen(known[i][0]);
        if (strncmp(chip, known[i][0], n) == 0 && (chip[n] == '\0' || chip[n] == '_')) return known[i][1];
    }
    return "";
}

// ---- the table ------------------------------------------------------------------------------------------------------

// CHIP to LOAD name a group, as tw_error_group does
enum { LEVEL, CHIP, GENERATION, MODELS, ENGINE, LOAD, QUANTITY, ROWS, PUBLISHERS, BLIND, P10, P50, P90, LOW, HIGH };
static const char *const columns[] = {"level", "chip",     "generation", "models",     "engine",
                                      "load",  "quantity", "rows",       "publishers", "blind",
                                      "p10",   "p50",      "p90",        "low",        "high"};
enum { COLUMNS = sizeof columns / sizeof *columns };

typedef struct Table {
    TwCsv *csv;
    const char *path;
    int at[COLUMNS];
} Table;

static const char *cell(const Table *t, int row, int column) { return tw_csv_text(t->csv, row, t->at[column]); }

// The place of a word in a list; -1: it is not there, which is said.
static int word(const Table *t, int row, int column, const char *const *words, TwError *error)
{
    const char *text = cell(t, row, column);
    char expected[128] = "";
    size_t used = 0;
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) return i;
        used += (size_t)snprintf(expected + used, sizeof expected - used, "%s%s", i ? ", " : "", words[i]);
    }
    tw_fail_at(error, t->path, tw_csv_line(t->csv, row), 0, "%s \"%.40s\": expected one of %s", columns[column], text,
               expected);
    return -1;
}

static bool number(const Table *t, int row, int column, double least, bool whole, double *value, TwError *error)
{
    if (!tw_csv_number(t->csv, row, t->at[column], value, error)) return false;
    if (*value >= least && *value <= 1e9 && (!whole || *value == floor(*value))) return true;
    return tw_fail_at(error, t->path, tw_csv_line(t->csv, row), 0, "%s = %g, expected %s%g or more", columns[column],
                      *value, whole ? "a whole number, " : "", least);
}

static bool read_band(const Table *t, int row, TwErrorBand *band, TwErrorOf *of, TwError *error)
{
    int level = word(t, row, LEVEL, tw_error_levels, error);
    int quantity = level < 0 ? -1 : word(t, row, QUANTITY, tw_error_names, error);
    double count[3], value[5];
    if (quantity < 0) return false;
    for (int k = 0; k < 3; k++)
        if (!number(t, row, ROWS + k, k < 2 ? 1.0 : 0.0, true, &count[k], error)) return false;
    for (int k = 1; k < 3; k++)
        if (count[k] > count[0])
            return tw_fail_at(error, t->path, tw_csv_line(t->csv, row), 0, "%s = %g, expected at most its %g rows",
                              columns[ROWS + k], count[k], count[0]);
    for (int k = 0; k < 5; k++)
        if (!number(t, row, P10 + k, -1.0, false, &value[k], error)) return false;
    static const int rising[] = {LOW - P10, 0, P50 - P10, P90 - P10, HIGH - P10};
    for (int k = 1; k < 5; k++)
        if (value[rising[k]] < value[rising[k - 1]])
            return tw_fail_at(error, t->path, tw_csv_line(t->csv, row), 0,
                              "%s = %g below %s = %g: expected low, p10, p50, p90, high in rising order",
                              columns[P10 + rising[k]], value[rising[k]], columns[P10 + rising[k - 1]],
                              value[rising[k - 1]]);
    *of = (TwErrorOf)quantity;
    *band = (TwErrorBand){(TwErrorLevel)level,
                          (int)count[0],
                          (int)count[1],
                          (int)count[2],
                          value[0],
                          value[1],
                          value[2],
                          value[3],
                          value[4]};
    return true;
}

static bool open_table(Table *t, const char *path, char room[512], TwError *error)
{
    if (!path && !tw_data_find(shipped_table, room, 512))
        return tw_fail(error, TW_IO, "%s is not found", shipped_table);
    t->path = path ? path : room;
    if (!tw_csv_read(&t->csv, t->path, error)) return false;
    for (int k = 0; k < COLUMNS; k++) {
        t->at[k] = tw_csv_column(t->csv, columns[k]);
        if (t->at[k] >= 0) continue;
        tw_fail_at(error, t->path, 1, 0, "no column %s", columns[k]);
        tw_csv_destroy(t->csv);
        return false;
    }
    return true;
}

bool tw_error_group(TwErrorLevel level, const TwLike *like, const char *cell[TW_GROUP_CELLS])
{
    const char *generation = tw_chip_generation(like->chip);
    cell[0] = level <= TW_LIKE_CHIP ? like->chip : "";
    cell[1] = level <= TW_LIKE_GENERATION ? generation : "";
    cell[2] = level > TW_LIKE_KIND ? "" : like->mixture ? "mixture" : "dense";
    cell[3] = level <= TW_LIKE_ENGINE ? like->engine : "";
    cell[4] = level == TW_LIKE_LOAD ? like->load : "";
    return level != TW_LIKE_GENERATION || generation[0];
}

// Whether what is predicted is in the group of this row.
static bool belongs(const Table *t, int row, TwErrorLevel level, const TwLike *like)
{
    const char *group[TW_GROUP_CELLS];
    if (level >= TW_LIKE_BLIND || !tw_error_group(level, like, group)) return false;
    for (int k = 0; k < TW_GROUP_CELLS; k++)
        if (strcmp(cell(t, row, CHIP + k), group[k]) != 0) return false;
    return true;
}

static void take_band(TwAccuracy *accuracy, const TwErrorBand *band, TwErrorOf of)
{
    if (band->level == TW_LIKE_CHIP && of == TW_ERROR_RATE) accuracy->chip_rows = band->rows;
    TwErrorBand *found = &accuracy->band[of];
    bool large = band->rows >= TW_ERROR_ROWS && band->publishers >= TW_ERROR_PUBLISHERS;
    if (large && (found->rows == 0 || band->level < found->level)) *found = *band;
}

bool tw_accuracy_find(TwAccuracy *accuracy, const char *path, const TwLike *like, int count, TwError *error)
{
    Table t;
    char room[512];
    memset(accuracy, 0, (size_t)count * sizeof *accuracy);
    if (!open_table(&t, path, room, error)) return false;
    bool good = true;
    for (int i = 0; i < tw_csv_rows(t.csv) && good; i++) {
        TwErrorBand band;
        TwErrorOf of = TW_ERROR_RATE;
        good = read_band(&t, i, &band, &of, error);
        for (int k = 0; k < count && good; k++)
            if (belongs(&t, i, band.level, &like[k])) take_band(&accuracy[k], &band, of);
    }
    tw_csv_destroy(t.csv);
    if (!good) memset(accuracy, 0, (size_t)count * sizeof *accuracy);
    return good;
}

// ---- in words -------------------------------------------------------------------------------------------------------

// "h200_sxm": "H200 SXM"; "rubin": "Rubin"; a file of one's own stays as it is named.
static const char *chip_title(const char *chip, char text[48])
{
    bool own = strpbrk(chip, "/.") != NULL, numbered = strpbrk(chip, "0123456789") != NULL;
    size_t n = 0;
    for (const char *c = chip; *c && n < 47; c++) {
        bool capital = !own && (numbered || n == 0) && *c >= 'a' && *c <= 'z';
        text[n++] = !own && *c == '_' ? ' ' : capital ? (char)(*c - 'a' + 'A') : *c;
    }
    text[n] = '\0';
    return text;
}

static double percent(double error) { return round(100.0 * error) + 0.0; }    // no -0

static const char *spelled(const char *key)
{
    static const char *const words[][2] = {
        {"vllm", "vLLM"},           {"sglang", "SGLang"},       {"trtllm", "TensorRT-LLM"},
        {"other", "other engines"}, {"ampere", "Ampere"},       {"hopper", "Hopper"},
        {"blackwell", "Blackwell"}, {"offline", "all at once"}, {"closed", "a number in flight"},
        {"open", "at a rate"}};
    const char *word = tw_other_word(key, words, TW_COUNT(words));
    return word ? word : key;
}

const char *tw_accuracy_group(const TwLike *like, TwErrorLevel level, char text[128])
{
    const char *kind = like->mixture ? "mixtures of experts" : "dense models";
    char chip[48];
    int n = 0;
    if (level >= TW_LIKE_KIND)
        snprintf(text, 128, "%s on all chips", level == TW_LIKE_KIND ? kind : "all models");
    else if (level == TW_LIKE_GENERATION)
        snprintf(text, 128, "%s on chips of %s", kind, spelled(tw_chip_generation(like->chip)));
    else
        n = snprintf(text, 128, "%s on %s", kind, chip_title(like->chip, chip));
    if (level <= TW_LIKE_ENGINE) n += snprintf(text + n, 128 - (size_t)n, " under %s", spelled(like->engine));
    if (level == TW_LIKE_LOAD) snprintf(text + n, 128 - (size_t)n, ", %s", spelled(like->load));
    return text;
}

const char *tw_accuracy_warning(const TwAccuracy *accuracy, const TwLike *like, char text[128])
{
    char chip[48];
    chip_title(like->chip, chip);
    const TwErrorBand *rate = &accuracy->band[TW_ERROR_RATE];
    if (accuracy->chip_rows == 0)
        snprintf(text, 128, "no published row of %s on %s: those of other chips",
                 like->mixture ? "a mixture of experts" : "a dense model", chip);
    else if (rate->rows == 0 || rate->level > TW_LIKE_CHIP)
        snprintf(text, 128, "of %s on %s %d published rates: too few, or of one publisher",
                 like->mixture ? "mixtures of experts" : "dense models", chip, accuracy->chip_rows);
    else
        return NULL;
    return text;
}

void tw_accuracy_print(const TwAccuracy *accuracy, const TwLike *like, unsigned which, FILE *stream)
{
    static const char *const titles[] = {"tokens/s", "time to first token", "watts", "joules a token"};
    // at a rate, what could be served is predicted
    bool open = strcmp(like->load, "open") == 0;
    char text[128];
    const char *warning = tw_accuracy_warning(accuracy, like, text);
    if (warning) fprintf(stream, "  %s\n", warning);
    for (int k = 0; k < TW_ERRORS; k++) {
        const TwErrorBand *b = &accuracy->band[k];
        if (b->rows == 0 || !(which & 1u << k)) continue;
        fprintf(stream, "  %-20s %+4.0f %%, %+4.0f to %+4.0f %%   %d rows of %d publishers: %s\n",
                k == TW_ERROR_RATE && open ? "tokens/s at most" : titles[k], percent(b->p50), percent(b->low),
                percent(b->high), b->rows, b->publishers, tw_accuracy_group(like, b->level, text));
    }
}

void tw_accuracy_json(const TwAccuracy *accuracy, const TwLike *like, FILE *stream)
{
    fprintf(stream, "{\"rows_of_chip\": %d", accuracy->chip_rows);
    for (int k = 0; k < TW_ERRORS; k++) {
        const TwErrorBand *b = &accuracy->band[k];
        char text[128];
        fprintf(stream, ", \"%s\": ", tw_error_names[k]);
        if (b->rows == 0) {
            fprintf(stream, "null");
            continue;
        }
        fprintf(stream, "{\"of\": ");
        tw_json_text(stream, tw_accuracy_group(like, b->level, text));
        fprintf(stream, ", \"level\": \"%s\", \"rows\": %d, \"publishers\": %d, \"blind_rows\": %d",
                tw_error_levels[b->level], b->rows, b->publishers, b->blind);
        tw_json_member(stream, "error_p10", b->p10);
        tw_json_member(stream, "error_p50", b->p50);
        tw_json_member(stream, "error_p90", b->p90);
        tw_json_member(stream, "error_low", b->low);
        tw_json_member(stream, "error_high", b->high);
        fprintf(stream, "}");
    }
    fprintf(stream, "}");
}
