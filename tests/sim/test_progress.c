// Progress goes to stderr: into a file at most one line each 30 s, nothing when quiet.
#include "sim/progress.h"
#include "tests/check.h"

#include <unistd.h>

static long shown(bool quiet, bool terminal, double waited_s)
{
    fflush(stderr);
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    TwProgress progress;
    tw_progress_begin(&progress, "run", quiet);
    progress.terminal = terminal;
    progress.begun_s -= waited_s, progress.shown_s -= waited_s;
    for (int i = 0; i < 1000; i++) tw_progress_show(&progress, 250.0 + 0.001 * i, 1000.0, "pump3 at limit");
    tw_progress_end(&progress);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);

    char text[4096] = "";
    rewind(file);
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    if (count > 0) {
        CHECK_HOLDS(text, "25.0 %");
        CHECK_HOLDS(text, "2 min 00 s left");    // a quarter took 40 s
        CHECK_HOLDS(text, "pump3 at limit");
    }
    return (long)count;
}

int main(void)
{
    double begun = tw_wall_s();
    CHECK(shown(true, false, 40.0) == 0);
    CHECK(shown(true, true, 40.0) == 0);
    CHECK(shown(false, false, 5.0) == 0);
    long line = shown(false, false, 40.0);
    CHECK(line > 20 && line < 100);
    CHECK(shown(false, true, 40.0) > 20);
    CHECK(tw_wall_s() >= begun);
    return check_failures != 0;
}
