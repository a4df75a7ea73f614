// A trace as one SVG: rate over time, burstiness by window, distribution of its lengths, share found in a cache against
// its size, gaps between the calls of its sessions.
#include "models/workload/trace.h"
#include "sim/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 960, TALL = 320, LEFT = 70, TOP = 40, BINS = 400 };

typedef struct Panel {
    FILE *file;
    int y;    // of its top
    double x0, x1, y0, y1;
    bool log_x;
} Panel;

static double place_x(const Panel *p, double x)
{
    double at = p->log_x ? log(x / p->x0) / log(p->x1 / p->x0) : (x - p->x0) / (p->x1 - p->x0);
    return LEFT + at * (WIDE - LEFT - 30);
}

static double place_y(const Panel *p, double y)
{
    return p->y + TOP + (1.0 - (y - p->y0) / (p->y1 - p->y0)) * (TALL - TOP - 50);
}

// 12, 3.4, 560, 12k, 3.4M: three digits and a letter.
static void tick(double value, char text[24])
{
    static const char *const letters[] = {"", "k", "M", "G", "T"};
    int k = 0;
    while (k < 4 && fabs(value) >= 999.5) value /= 1000.0, k++;
    snprintf(text, 24, "%.3g%s", value, letters[k]);
}

static void open_panel(const Panel *p, const char *title, const char *x_name)
{
    double top = place_y(p, p->y1), bottom = place_y(p, p->y0);
    fprintf(p->file, "<text x=\"%d\" y=\"%d\" font-size=\"15\">%s</text>\n", LEFT, p->y + 24, title);
    fprintf(p->file, "<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"none\" stroke=\"#888\"/>\n", LEFT,
            top, WIDE - LEFT - 30, bottom - top);
    for (int k = 0; k <= 4; k++) {
        double y = p->y0 + k * (p->y1 - p->y0) / 4.0;
        char text[24];
        tick(y, text);
        fprintf(p->file, "<text x=\"%d\" y=\"%.1f\" font-size=\"11\" text-anchor=\"end\">%s</text>\n", LEFT - 6,
                place_y(p, y) + 4.0, text);
        double x = p->log_x ? p->x0 * pow(p->x1 / p->x0, k / 4.0) : p->x0 + k * (p->x1 - p->x0) / 4.0;
        tick(x, text);
        fprintf(p->file, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"11\" text-anchor=\"middle\">%s</text>\n",
                place_x(p, x), bottom + 16.0, text);
    }
    fprintf(p->file, "<text x=\"%d\" y=\"%.1f\" font-size=\"12\" text-anchor=\"end\">%s</text>\n", WIDE - 30,
            bottom + 34.0, x_name);
}

static void line(const Panel *p, const double *x, const double *y, int count, const char *colour)
{
    fprintf(p->file, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.5\" points=\"", colour);
    for (int i = 0; i < count; i++) fprintf(p->file, "%.1f,%.1f ", place_x(p, x[i]), place_y(p, y[i]));
    fprintf(p->file, "\"/>\n");
}

static int rising(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static void draw_rate(const TwTrace *trace, FILE *file)
{
    double span_s = fmax(1e-9 * (double)trace->arrival_ns[trace->rows - 1], 1.0), x[BINS], y[BINS] = {0.0}, most = 0.0;
    for (int64_t r = 0; r < trace->rows; r++) {
        int bin = (int)(1e-9 * (double)trace->arrival_ns[r] / span_s * BINS);
        y[bin < BINS ? bin : BINS - 1] += BINS / span_s;
    }
    for (int i = 0; i < BINS; i++) {
        x[i] = span_s / 60.0 * (i + 0.5) / BINS;
        most = fmax(most, y[i]);
    }
    Panel p = {file, 0, 0.0, span_s / 60.0, 0.0, most, false};
    char title[96];
    snprintf(title, sizeof title, "requests per second, means of %.3g s", span_s / BINS);
    open_panel(&p, title, "minutes");
    line(&p, x, y, BINS, "#1f5fa8");
}

static void draw_lengths(const TwTrace *trace, FILE *file)
{
    const int32_t *sides[2] = {trace->input_tokens, trace->output_tokens};
    Panel p = {file, 2 * TALL, 1.0, 10.0, 0.0, 1.0, true};
    int32_t *copy[2];
    for (int s = 0; s < 2; s++) {
        copy[s] = malloc((size_t)trace->rows * sizeof **copy);
        if (!copy[s]) abort();
        memcpy(copy[s], sides[s], (size_t)trace->rows * sizeof **copy);
        qsort(copy[s], (size_t)trace->rows, sizeof **copy, rising);
        p.x1 = fmax(p.x1, copy[s][trace->rows - 1]);
    }
    open_panel(&p, "share of requests with at most so many tokens: input (blue), output (orange)", "tokens");
    for (int s = 0; s < 2; s++) {
        double x[BINS], y[BINS];
        for (int i = 0; i < BINS; i++) {
            y[i] = (i + 0.5) / BINS;
            x[i] = fmax(1.0, copy[s][(int64_t)(y[i] * (double)trace->rows)]);
        }
        line(&p, x, y, BINS, s == 0 ? "#1f5fa8" : "#d9730d");
        free(copy[s]);
    }
}

static void draw_bursts(const TwTrace *trace, FILE *file)
{
    enum { POINTS = 25 };
    double span_s = 1e-9 * (double)trace->arrival_ns[trace->rows - 1], x[POINTS], y[POINTS], most = 1.0;
    int count = 0;
    // at least ten windows: fewer say little of a variance
    for (int i = 0; i < POINTS; i++) {
        double width_s = pow(10.0, 4.0 * i / (POINTS - 1) - 1.0), idc = tw_trace_idc(trace, width_s);
        if (width_s > 0.1 * span_s || !isfinite(idc)) break;
        x[count] = width_s;
        y[count++] = idc;
        most = fmax(most, idc);
    }
    Panel p = {file, TALL, 0.1, 1000.0, 0.0, most, true};
    open_panel(&p, "index of dispersion: variance over mean of the requests in a window", "seconds of the window");
    if (count > 1) line(&p, x, y, count, "#1f5fa8");
}

static void draw_gaps(const TwTraceSummary *d, int y, FILE *file)
{
    Panel p = {file, y, tw_trace_residency_s[0], tw_trace_residency_s[TW_TRACE_RESIDENCIES - 1], 0.0, 1.0, true};
    open_panel(&p, "share of gaps of sessions within: after tools (blue), after people (orange)", "seconds");
    for (int kind = 0; kind < 2; kind++)
        if (d->gaps[kind] > 0)
            line(&p, tw_trace_residency_s, d->residency[kind], TW_TRACE_RESIDENCIES, kind ? "#d9730d" : "#1f5fa8");
}

static void draw_cache(const TwTraceSummary *d, FILE *file)
{
    Panel p = {file, 3 * TALL, d->cache_tokens[d->cache_sizes - 1], d->cache_tokens[0], 0.0, 1.0, true};
    open_panel(&p, "share of input tokens found in a cache of earlier inputs, least recently used",
               "tokens of the cache");
    line(&p, d->cache_tokens, d->cache_hit, d->cache_sizes, "#1f5fa8");
}

bool tw_trace_picture(const TwTrace *trace, const char *name, const char *path, TwError *error)
{
    TwFile whole;
    if (!tw_file_create(&whole, path, error)) return false;
    FILE *file = whole.stream;
    TwTraceSummary summary;
    tw_trace_summary(trace, &summary);
    bool cache = summary.cache_sizes > 1, gaps = summary.gaps[0] + summary.gaps[1] > 0;
    int panels = 3 + cache + gaps;
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n<title>",
            WIDE, panels * TALL);
    for (const char *c = name; *c; c++)
        if (*c == '<' || *c == '&')
            fputs(*c == '<' ? "&lt;" : "&amp;", file);
        else
            fputc(*c, file);
    fprintf(file, "</title>\n");
    draw_rate(trace, file);
    draw_bursts(trace, file);
    draw_lengths(trace, file);
    if (cache) draw_cache(&summary, file);
    if (gaps) draw_gaps(&summary, (panels - 1) * TALL, file);
    fprintf(file, "</svg>\n");
    return tw_file_finish(&whole, true, error);
}
