#include "models/network/validate.h"

#include "models/network/measured.h"

#include <stdlib.h>

bool tw_validate_network(TwValidation *validation, const char *file, TwError *error)
{
    char path[512];
    const char *data = getenv("TOKENWORKS_REFERENCE_DATA");
    if (!file && data) snprintf(path, sizeof path, "%s/network/collectives_measured.csv", data);
    if (!file && !data) {
        tw_validation_note(validation, "published measurements: give a table, `tokenworks validate network FILE.csv`");
        return true;
    }
    return tw_network_measured(validation, file ? file : path, error);
}
