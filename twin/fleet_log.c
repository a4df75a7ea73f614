#include "twin/fleet_log.h"
#include "twin/serve_log.h"

#include <stdlib.h>

// Only its own thread touches a cell.
typedef struct CellLog {
    TwFinished *end;
    int64_t count, room;
} CellLog;

struct TwFleetLog {
    const TwTraffic *traffic;
    int cells;
    CellLog *cell;
};

TwFleetLog *tw_fleet_log_create(const TwTraffic *traffic, int cells)
{
    TwFleetLog *log = calloc(1, sizeof *log);
    CellLog *cell = calloc((size_t)cells, sizeof *cell);
    if (!log || !cell) abort();
    *log = (TwFleetLog){traffic, cells, cell};
    return log;
}

void tw_fleet_log_destroy(TwFleetLog *log)
{
    for (int c = 0; log && c < log->cells; c++) free(log->cell[c].end);
    if (log) free(log->cell);
    free(log);
}

static int64_t peek(const void *context, const void *block, int cell)
{
    return tw_traffic_peek(((const TwFleetLog *)context)->traffic, block, cell);
}

static void pop(const void *context, void *block, int cell, TwRequest *request)
{
    tw_traffic_pop(((const TwFleetLog *)context)->traffic, block, cell, request);
}

static void finished(const void *context, void *block, int cell, const TwFinished *end)
{
    const TwFleetLog *log = context;
    CellLog *at = &log->cell[cell];
    if (at->count == at->room) {
        at->room = at->room > 0 ? 2 * at->room : 1024;
        at->end = realloc(at->end, (size_t)at->room * sizeof *at->end);
        if (!at->end) abort();
    }
    at->end[at->count++] = *end;
    if (tw_traffic_closed(log->traffic)) tw_traffic_finished(log->traffic, block, cell, end);
}

TwRequestSource tw_fleet_log_source(TwFleetLog *log)
{
    return (TwRequestSource){.context = log, .peek = peek, .pop = pop, .finished = finished};
}

static int by_number(int64_t a, int64_t b) { return a < b ? -1 : a > b; }

// Numbers are those of the cell, and cells were told one after the other.
static int by_arrival(const void *a, const void *b)
{
    const TwFinished *p = a, *q = b;
    int order = by_number(p->request.arrival_ns, q->request.arrival_ns);
    if (order == 0) order = by_number(p->request.id, q->request.id);
    return order ? order : by_number(p->replica, q->replica);
}

static int by_end(const void *a, const void *b)
{
    const TwFinished *p = a, *q = b;
    int order = by_number(p->last_ns, q->last_ns);
    return order ? order : by_number(p->request.id, q->request.id);
}

bool tw_fleet_log_write(const TwFleetLog *log, const char *path, int64_t until_ns, TwError *error)
{
    int64_t count = 0;
    for (int c = 0; c < log->cells; c++) count += log->cell[c].count;
    TwFinished *all = malloc((size_t)(count + 1) * sizeof *all);
    if (!all) abort();
    count = 0;
    for (int c = 0; c < log->cells; c++) {
        // who is done but has not left the front end by then is still counted as running
        for (int64_t k = 0; k < log->cell[c].count; k++)
            if (log->cell[c].end[k].last_ns <= until_ns) all[count++] = log->cell[c].end[k];
    }
    qsort(all, (size_t)count, sizeof *all, by_arrival);
    for (int64_t k = 0; k < count; k++) all[k].request.id = (uint32_t)k;
    qsort(all, (size_t)count, sizeof *all, by_end);
    bool good = tw_serve_log(path, all, count, error);
    free(all);
    return good;
}
