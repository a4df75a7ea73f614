// Shipped files are found by the environment first, then from the place of the program.
#include "sim/data.h"
#include "tests/check.h"

#include <unistd.h>

int main(void)
{
    char path[4096];
    CHECK(tw_data_find("facilities/parts/sources.cfg", path, sizeof path));
    CHECK(access(path, R_OK) == 0);
    CHECK(!tw_data_find("facilities/parts/no_such_file.cfg", path, sizeof path));
    CHECK_HOLDS(path, "no_such_file.cfg");    // the last place tried
    char small[8];
    CHECK(!tw_data_find("facilities/parts/sources.cfg", small, sizeof small));
    CHECK(!tw_data_find("facilities/parts/sources.cfg", small, 0));

    // a build tree inside the source tree needs no environment
    const char *source = getenv("TOKENWORKS_SOURCE"), *build = getenv("TOKENWORKS_BUILD");
    if (source && build && strncmp(build, source, strlen(source)) == 0) {
        char want[4096];
        snprintf(want, sizeof want, "%s/facilities/parts/sources.cfg", source);
        unsetenv("TOKENWORKS_DATA");
        CHECK(tw_data_find("facilities/parts/sources.cfg", path, sizeof path));
        CHECK_TEXT(path, want);
        setenv("TOKENWORKS_DATA", "/nowhere", 1);
        CHECK(tw_data_find("facilities/parts/sources.cfg", path, sizeof path));
    }
    return check_failures != 0;
}
