// tokenworks availability: how much of the time a facility is powered, cooled and whole, with an interval.
#include "twin/availability.h"
#include "cli/commands.h"

#include <math.h>

int tw_command_availability(const TwOptions *options)
{
    char path[512];
    int status;
    if (!tw_cli_facility(options, path, sizeof path, &status)) return status;
    TwPlant *plant = tw_cli_plant(options, path, &status);
    if (!plant) return status;
    TwError error = {0};
    TwAvailability result;
    double years = isfinite(options->years) ? options->years : 1.0;
    int replications = options->replicates > 0 ? (int)options->replicates : 1000;
    if (!tw_availability_run(&result, plant, years, replications, &error)) {
        tw_plant_destroy(plant);
        return tw_cli_fail(&error);
    }
    if (options->json)
        tw_availability_json(&result, plant, stdout);
    else
        tw_availability_print(&result, plant, stdout);
    tw_availability_end(&result);
    tw_plant_destroy(plant);
    return TW_DONE;
}
