#include "models/workload/clients.h"

#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REST = 8 };

static const char *const clients_file = "facilities/parts/traffic/clients.csv";

static double number(const TwCsv *csv, int row, const char *column)
{
    int c = tw_csv_column(csv, column);
    return c >= 0 ? strtod(tw_csv_text(csv, row, c), NULL) : 0.0;
}

static TwClientRow client_of(const TwCsv *csv, int row)
{
    TwClientRow client = {.share = number(csv, row, "share"),
                          .shape = number(csv, row, "shape"),
                          .peak_over_mean = number(csv, row, "peak_over_mean")};
    bool weibull = strcmp(tw_csv_text(csv, row, tw_csv_column(csv, "family")), "weibull") == 0;
    client.renewal = weibull ? TW_WEIBULL : TW_GAMMA;
    double cv = number(csv, row, "iat_cv");
    if (!(client.shape > 0.0)) client.shape = cv > 0.0 ? 1.0 / (cv * cv) : 1.0;
    if (!(client.peak_over_mean > 1.0)) client.peak_over_mean = 1.0;
    return client;
}

static bool unknown(const TwCsv *csv, const char *service, TwError *error)
{
    const char *known[128];
    int count = 0;
    for (int r = 0; r < tw_csv_rows(csv) && count < TW_COUNT(known); r++) known[count++] = tw_csv_text(csv, r, 0);
    const char *near = tw_nearest(service, known, count);
    return tw_fail(error, TW_BAD_INPUT, "no clients of a service \"%s\", did you mean \"%s\"?", service,
                   near ? near : known[0]);
}

bool tw_clients_make(TwCrowd *crowd, const char *service, int count, double zipf_s, int big, TwError *error)
{
    char path[4096];
    TwCsv *csv;
    if (!service || !*service) service = "servegen_large";
    if (!tw_data_find(clients_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the client table, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;

    TwClientRow rest = {0};
    int n = 0;
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        if (strcmp(tw_csv_text(csv, r, 0), service) != 0) continue;
        TwClientRow client = client_of(csv, r);
        if (strncmp(tw_csv_text(csv, r, 1), "rest", 4) == 0)
            rest = client;
        else if (n < TW_CLIENTS - REST)
            crowd->client[n++] = client;
    }
    bool known = n > 0;
    if (!known) unknown(csv, service, error);
    tw_csv_destroy(csv);
    if (!known) return false;

    if (count > 0) {
        // the service's intervals by rank, over and over; shares by Zipf
        int rows = n;
        double sum = 0.0;
        for (int i = 0; i < count; i++) {
            crowd->client[i] = i < rows ? crowd->client[i] : crowd->client[i % rows];
            sum += crowd->client[i].share = pow(i + 1.0, -zipf_s);
        }
        for (int i = 0; i < count; i++) crowd->client[i].share /= sum;
        n = count;
    } else {
        double sum = rest.share;
        for (int i = 0; i < n; i++) sum += crowd->client[i].share;
        for (int i = 0; i < n; i++) crowd->client[i].share /= sum;
        for (int i = 0; i < REST && rest.share > 0.0; i++) {
            crowd->client[n] = rest;
            crowd->client[n++].share = rest.share / sum / REST;
        }
    }
    for (int i = 0; i < big && i < n; i++) crowd->client[i].steps = true;
    crowd->client_count = n;
    return true;
}
