#include "cli/throughput_picture.h"
#include "twin/validate_throughput.h"
#if TW_HAS_VIEW
#include "viz/plot.h"
#endif

#include <math.h>
#include <stdlib.h>
#include <string.h>

#if TW_HAS_VIEW
// Log of the rates a GPU, published and predicted, of the chips whose names begin so.
static bool draw(const TwThroughput *table, const char *picture, TwError *error)
{
    static const char *const chips[] = {"A100", "H100", "H200", "B200", "B300", "GB"};
    enum { CHIPS = sizeof chips / sizeof *chips };
    int n = table->count;
    double *x = calloc((size_t)(CHIPS * n) + 1, sizeof *x), *y = calloc((size_t)(CHIPS * n) + 1, sizeof *y);
    if (!x || !y) abort();
    TwPlot plot = {.kind = TW_PLOT_LINES,
                   .title = "Published throughput, predicted",
                   .subtitle = "tokens/s a GPU, powers of ten; a point a row that can be expressed",
                   .x_label = "published, log10 of tokens/s a GPU",
                   .y_label = "predicted, log10 of tokens/s a GPU",
                   .diagonal = true,
                   .series_count = CHIPS};
    for (int c = 0; c < CHIPS; c++) {
        TwPlotSeries *s = &plot.series[c];
        *s = (TwPlotSeries){.name = chips[c], .x = x + c * n, .y = y + c * n, .dots = true};
        for (int i = 0; i < n; i++) {
            const TwThroughputRow *r = &table->rows[i];
            if (r->reason[0] || !(r->predicted_s > 0.0) || strncmp(r->gpu, chips[c], strlen(chips[c])) != 0) continue;
            x[c * n + s->count] = log10(r->published_s / r->gpus);
            y[c * n + s->count++] = log10(r->predicted_s / r->gpus);
        }
    }
    bool good = tw_plot_save(&plot, 900, 700, TW_LIGHT, picture, error);
    free(x);
    free(y);
    return good;
}
#else
static bool draw(const TwThroughput *table, const char *picture, TwError *error)
{
    (void)table;
    return tw_fail(error, TW_USAGE, "built without pictures: %s is not drawn", picture);
}
#endif

bool tw_cli_throughput(TwValidation *v, const char *file, const char *picture, TwError *error)
{
    TwThroughput table;
    if (!tw_throughput_read(&table, file, error)) return false;
    tw_throughput_run(&table);
    tw_throughput_report(&table, v);
    bool good = draw(&table, picture, error);
    tw_throughput_free(&table);
    return good;
}
