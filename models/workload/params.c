#include "models/workload/params.h"

#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <stdlib.h>
#include <string.h>

static const char *const params_file = "facilities/parts/traffic/generator_params.csv";

struct TwParams {
    TwCsv *csv;
    int value_column;
};

bool tw_params_read(TwParams **out, TwError *error)
{
    char path[4096];
    TwCsv *csv;
    *out = NULL;
    if (!tw_data_find(params_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the traffic parameters, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;
    TwParams *params = calloc(1, sizeof *params);
    if (!params) abort();
    *params = (TwParams){csv, tw_csv_column(csv, "value")};
    *out = params;
    return true;
}

void tw_params_destroy(TwParams *params)
{
    if (!params) return;
    tw_csv_destroy(params->csv);
    free(params);
}

bool tw_param(const TwParams *params, const char *group, const char *name, double *value, TwError *error)
{
    const TwCsv *csv = params->csv;
    const char *known[64];
    int count = 0;
    for (int r = 0; r < tw_csv_rows(csv); r++) {
        if (strcmp(tw_csv_text(csv, r, 1), name) != 0) continue;
        if (strcmp(tw_csv_text(csv, r, 0), group) == 0)
            return tw_csv_number(csv, r, params->value_column, value, error);
        if (count < TW_COUNT(known)) known[count++] = tw_csv_text(csv, r, 0);
    }
    const char *nearest = tw_nearest(group, known, count);
    if (!nearest && count > 0) nearest = known[0];
    return tw_fail(error, TW_BAD_INPUT, "\"%s\" has no %s in %s, did you mean \"%s\"?", group, name, params_file,
                   nearest ? nearest : "");
}
