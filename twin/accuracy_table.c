#include "twin/accuracy_table.h"
#include "sim/csv.h"
#include "sim/order.h"
#include "twin/accuracy.h"
#include "twin/throughput_names.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Of the rows of a publisher left out, so many are to be in the bands made without it.
static const double share_within = 0.8, widen_step = 0.05, widen_most = 10.0;

typedef struct Sample {
    TwLike like;
    int publisher;
    bool blind, early;
    double ratio[TW_ERRORS];      // predicted over published; NaN: none
    int group[TW_LIKE_LEVELS];    // -1: none of this level
} Sample;

typedef struct Group {
    TwErrorLevel level;
    const char *cell[TW_GROUP_CELLS];    // tw_error_group
} Group;

// p10, p50, p90 of ratios.
typedef struct Quantiles {
    int rows, publishers, blind;
    double p[3];
} Quantiles;

typedef struct Samples {
    int count, group_count, publisher_count, source_count;
    int asked_for, saturated;    // rates that were; of these, more than is served here
    Sample *sample;
    Group *group;
    const char **publisher, **source;    // publisher: begins with its name
    double *room;
} Samples;

// ---- what a row is --------------------------------------------------------------------------------------------------

static const char *engine_of(const TwThroughputRow *r)
{
    const char *family = tw_throughput_family(r->engine);
    return strcmp(family, "mlperf") == 0 ? "trtllm" : family[0] ? family : "other";
}

static const char *load_of(const TwThroughputRow *r)
{
    if (r->serve.kind == TW_LOAD_OPEN) return "open";
    bool closed =
        strstr(r->mode, "closed") || strcmp(r->mode, "static_batch") == 0 || strcmp(r->mode, "decode_only") == 0;
    return closed ? "closed" : "offline";
}

// The letters that the name of a source begins with: TRTLLM of TRTLLM-0.17, MLPERF of MLPERF-v5.1. Releases of one
// guide and rounds of one benchmark are no second opinion.
static size_t publisher_length(const char *source)
{
    size_t n = 0;
    while ((source[n] >= 'A' && source[n] <= 'Z') || (source[n] >= 'a' && source[n] <= 'z')) n++;
    return n > 0 ? n : strlen(source);
}

static int publisher_of(Samples *s, const char *source)
{
    size_t n = publisher_length(source);
    for (int i = 0; i < s->publisher_count; i++)
        if (publisher_length(s->publisher[i]) == n && strncmp(s->publisher[i], source, n) == 0) return i;
    s->publisher[s->publisher_count] = source;
    return s->publisher_count++;
}

static void count_source(Samples *s, const char *source)
{
    for (int i = 0; i < s->source_count; i++)
        if (strcmp(s->source[i], source) == 0) return;
    s->source[s->source_count++] = source;
}

// From the nearest level to the widest, by chip, generation, kind, engine and load.
static int by_group(const void *left, const void *right)
{
    const Group *a = left, *b = right;
    int c = (int)a->level - (int)b->level;
    for (int k = 0; k < TW_GROUP_CELLS && !c; k++) c = strcmp(a->cell[k], b->cell[k]);
    return c;
}

static int group_of(Samples *s, TwErrorLevel level, const Sample *sample)
{
    if ((level == TW_LIKE_BLIND && !sample->blind) || (level == TW_LIKE_EARLY && !sample->early)) return -1;
    Group group = {.level = level};
    if (!tw_error_group(level, &sample->like, group.cell)) return -1;
    for (int g = 0; g < s->group_count; g++)
        if (by_group(&s->group[g], &group) == 0) return g;
    s->group[s->group_count] = group;
    return s->group_count++;
}

static double over(double ours, double theirs)
{
    double ratio = ours / theirs;
    return isfinite(ratio) && ratio > 0.0 ? ratio : NAN;
}

static void add_sample(Samples *s, const TwThroughputRow *r, bool blind)
{
    Sample *a = &s->sample[s->count++];
    *a = (Sample){.like = {r->deploy.chip, r->moe, engine_of(r), load_of(r)}, .blind = blind, .early = r->early};
    a->publisher = publisher_of(s, r->source);
    count_source(s, r->source);
    double rate = over(r->predicted_s, r->published_s);
    bool asked_for = r->serve.kind == TW_LOAD_OPEN;
    s->asked_for += asked_for;
    a->ratio[TW_ERROR_RATE] = asked_for ? NAN : rate;
    // what is asked for is more than is served here: first tokens then wait as long as the run is
    bool saturated = asked_for && r->result.saturated;
    s->saturated += saturated && r->published_ttft_s > 0.0;
    a->ratio[TW_ERROR_TTFT] = saturated ? NAN : over(r->predicted_ttft_s, r->published_ttft_s);
    a->ratio[TW_ERROR_POWER] = over(r->predicted_w, r->published_w);
    a->ratio[TW_ERROR_JOULES] = over(a->ratio[TW_ERROR_POWER], rate);
    for (int l = 0; l < TW_LIKE_LEVELS; l++) a->group[l] = group_of(s, (TwErrorLevel)l, a);
}

// ---- bands ----------------------------------------------------------------------------------------------------------

// Whether a row says something of what newest software does.
static bool counts(const Sample *a, TwErrorOf of, TwErrorLevel level)
{
    bool of_software = of == TW_ERROR_RATE || of == TW_ERROR_TTFT;
    return !isnan(a->ratio[of]) && (!a->early || !of_software || level >= TW_LIKE_BLIND);
}

// Of the rows of a group, without those of one publisher (-1: of all).
static Quantiles quantiles(const Samples *s, int group, TwErrorOf of, int without)
{
    Quantiles q = {0};
    unsigned char *seen = calloc((size_t)s->publisher_count + 1, 1);
    if (!seen) abort();
    TwErrorLevel level = s->group[group].level;
    for (int i = 0; i < s->count; i++) {
        const Sample *a = &s->sample[i];
        if (a->group[level] != group || a->publisher == without || !counts(a, of, level)) continue;
        s->room[q.rows++] = a->ratio[of];
        q.blind += a->blind;
        q.publishers += !seen[a->publisher];
        seen[a->publisher] = 1;
    }
    free(seen);
    tw_sort(s->room, (size_t)q.rows);
    for (int k = 0; k < 3; k++) q.p[k] = tw_sorted_quantile(s->room, (size_t)q.rows, 0.1 + 0.4 * k);
    return q;
}

static bool large(const Quantiles *q) { return q->rows >= TW_ERROR_ROWS && q->publishers >= TW_ERROR_PUBLISHERS; }

static double widened(const Quantiles *q, int end, double factor) { return q->p[1] * pow(q->p[end] / q->p[1], factor); }

typedef enum Models { DENSE, MIXTURES, BOTH } Models;
enum { LEAST_PUBLISHERS = 3 };    // left out, for a factor of a kind's own

// How far bands reach that know nothing of a publisher.
typedef struct Coverage {
    int rows, publishers;             // that were compared; publishers: those with TW_ERROR_ROWS or more
    double of_rows, of_publishers;    // shares within
} Coverage;

// left_out: [publisher][group] quantiles without the publisher. models: of dense ones, of mixtures, of both.
static Coverage covered(const Samples *s, TwErrorOf of, Models models, const Quantiles *left_out, double factor)
{
    Coverage c = {0};
    int within = 0;
    for (int p = 0; p < s->publisher_count; p++) {
        int rows = 0, hits = 0;
        for (int i = 0; i < s->count; i++) {
            const Sample *a = &s->sample[i];
            if (a->publisher != p || !counts(a, of, TW_LIKE_LOAD)) continue;
            if (models != BOTH && a->like.mixture != (models == MIXTURES)) continue;
            for (int l = 0; l <= TW_LIKE_ALL; l++) {
                if (a->group[l] < 0) continue;
                const Quantiles *q = &left_out[p * s->group_count + a->group[l]];
                if (!large(q)) continue;
                rows++;
                hits += a->ratio[of] >= widened(q, 0, factor) && a->ratio[of] <= widened(q, 2, factor);
                break;
            }
        }
        c.rows += rows, within += hits;
        if (rows < TW_ERROR_ROWS) continue;
        c.publishers++;
        c.of_publishers += (double)hits / rows;
    }
    c.of_rows = (double)within / c.rows;
    c.of_publishers /= c.publishers;
    return c;
}

// The least factor with which bands hold what they should; 1 where nobody can be left out.
static double find_factor(const Samples *s, TwErrorOf of, Models models, Coverage *raw, Coverage *wide)
{
    Quantiles *left_out = calloc((size_t)s->publisher_count * (size_t)s->group_count + 1, sizeof *left_out);
    if (!left_out) abort();
    for (int p = 0; p < s->publisher_count; p++)
        for (int g = 0; g < s->group_count; g++) left_out[p * s->group_count + g] = quantiles(s, g, of, p);
    *raw = *wide = covered(s, of, models, left_out, 1.0);
    double factor = 1.0;
    for (int k = 1; raw->rows > 0 && factor < widen_most; k++) {
        if (wide->of_rows >= share_within && !(wide->of_publishers < share_within)) break;
        factor = 1.0 + k * widen_step;
        *wide = covered(s, of, models, left_out, factor);
    }
    free(left_out);
    return factor;
}

// ---- the file -------------------------------------------------------------------------------------------------------

static void put_head(const Samples *s, FILE *file)
{
    int blind = 0, early = 0;
    for (int i = 0; i < s->count; i++) blind += s->sample[i].blind, early += s->sample[i].early;
    fprintf(
        file,
        "# %d rows of %d sources by %d publishers, %d of the rows of blind sets. Not in it are %d rates that were\n",
        s->count, s->source_count, s->publisher_count, blind, s->asked_for);
    fprintf(
        file,
        "# asked for, first tokens of %d of these, where more is asked for than is served here, and rates and first\n",
        s->saturated);
    fprintf(file, "# tokens of %d rows of software of before April 2025, which have a line of their own (early)\n",
            early);
}

static void put_factor(FILE *file, TwErrorOf of, const char *models, double factor, const Coverage *raw,
                       const Coverage *wide)
{
    if (raw->rows == 0) {
        fprintf(file, "# %s%s: no publisher can be left out, nothing is widened\n", tw_error_names[of], models);
        return;
    }
    fprintf(file,
            "# %s%s: p10 to p90 hold %.0f %% of %d rows of publishers left out, %.0f %% in the mean of %d publishers; "
            "widened %.2f times %.0f and %.0f %%\n",
            tw_error_names[of], models, 100.0 * raw->of_rows, raw->rows, 100.0 * raw->of_publishers, raw->publishers,
            factor, 100.0 * wide->of_rows, 100.0 * wide->of_publishers);
}

// Factors of a quantity by kind of model; those with too few publishers have that of both.
static void find_factors(const Samples *s, TwErrorOf of, double factor[BOTH + 1], FILE *file, FILE *notes)
{
    static const char *const names[] = {" of dense models", " of mixtures", ""};
    for (int m = BOTH; m >= 0; m--) {
        Coverage raw, wide;
        factor[m] = find_factor(s, of, (Models)m, &raw, &wide);
        bool own = m == BOTH || raw.publishers >= LEAST_PUBLISHERS;
        if (!own) factor[m] = factor[BOTH];
        if (own) put_factor(file, of, names[m], factor[m], &raw, &wide);
        if (own && notes) put_factor(notes, of, names[m], factor[m], &raw, &wide);
    }
}

static void put_group(const Group *g, TwErrorOf of, const Quantiles *q, double factor, FILE *file)
{
    fprintf(file, "%s,", tw_error_levels[g->level]);
    for (int k = 0; k < TW_GROUP_CELLS; k++) {
        tw_csv_put(file, g->cell[k]);    // a chip may be a path
        fputc(',', file);
    }
    fprintf(file, "%s,%d,%d,%d", tw_error_names[of], q->rows, q->publishers, q->blind);
    for (int k = 0; k < 3; k++) fprintf(file, ",%.4f", q->p[k] - 1.0);
    fprintf(file, ",%.4f,%.4f\n", widened(q, 0, factor) - 1.0, widened(q, 2, factor) - 1.0);
}

static Models models_of(const Group *g)
{
    const char *kind = g->cell[2];
    return kind[0] == '\0' ? BOTH : strcmp(kind, "mixture") == 0 ? MIXTURES : DENSE;
}

static void put_table(Samples *s, FILE *file, FILE *notes)
{
    double factor[TW_ERRORS][BOTH + 1];
    put_head(s, file);
    if (notes) put_head(s, notes);
    for (int k = 0; k < TW_ERRORS; k++) find_factors(s, (TwErrorOf)k, factor[k], file, notes);
    fprintf(file, "level,chip,generation,models,engine,load,quantity,rows,publishers,blind,p10,p50,p90,low,high\n");
    // sorted, with the place that each had, which samples know it by
    Group *sorted = calloc((size_t)s->group_count, sizeof *sorted);
    if (!sorted) abort();
    memcpy(sorted, s->group, (size_t)s->group_count * sizeof *sorted);
    qsort(sorted, (size_t)s->group_count, sizeof *sorted, by_group);
    for (int i = 0; i < s->group_count; i++) {
        int g = 0;
        while (by_group(&s->group[g], &sorted[i]) != 0) g++;
        Models models = models_of(&sorted[i]);
        for (int k = 0; k < TW_ERRORS; k++) {
            Quantiles q = quantiles(s, g, (TwErrorOf)k, -1);
            if (q.rows >= (sorted[i].level <= TW_LIKE_ENGINE ? TW_ERROR_ROWS : 1))
                put_group(&sorted[i], (TwErrorOf)k, &q, factor[k][models], file);
        }
    }
    free(sorted);
}

bool tw_error_table_write(const TwErrorTable *tables, int count, FILE *file, FILE *notes, TwError *error)
{
    size_t most = 1;
    for (int t = 0; t < count; t++) most += (size_t)tables[t].rows.count;
    Samples s = {.sample = calloc(most, sizeof *s.sample),
                 .group = calloc(TW_LIKE_LEVELS * most, sizeof *s.group),
                 .publisher = calloc(most, sizeof *s.publisher),
                 .source = calloc(most, sizeof *s.source),
                 .room = calloc(most, sizeof *s.room)};
    if (!s.sample || !s.group || !s.publisher || !s.source || !s.room) abort();
    for (int t = 0; t < count; t++)
        for (int i = 0; i < tables[t].rows.count; i++) {
            const TwThroughputRow *r = &tables[t].rows.rows[i];
            if (!r->reason[0]) add_sample(&s, r, strncmp(tables[t].name, "blind", 5) == 0);
        }
    bool good = s.count > 0;
    if (!good) tw_fail(error, TW_BAD_INPUT, "no row of the tables can be expressed");
    if (good) {
        fprintf(
            file,
            "# Errors of predictions, predicted / published - 1, by group: this program's own figures, no published "
            "one is in it.\n"
            "# twin/accuracy.h says what they are; `scripts/make-errors` makes them again, and "
            "tests/cli/test_accuracy.sh fails\n# where they are no longer what the program predicts.\n");
        put_table(&s, file, notes);
    }
    free(s.sample);
    free(s.group);
    free(s.publisher);
    free(s.source);
    free(s.room);
    return good;
}
