#include "sim/file.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/tokenworks-file-XXXXXX";

static void holds(const char *path, const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");
    CHECK(f != NULL);
    if (!f) return;
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    CHECK(strcmp(text, want) == 0);
}

// Until a file is whole, what stood under its name stays; where it was not good, for ever.
static void names_change_when_whole(void)
{
    char path[64], beside[96];
    TwFile file;
    TwError error = {0};
    snprintf(path, sizeof path, "%s/a.txt", folder);
    snprintf(beside, sizeof beside, "%s.tmp-%ld", path, (long)getpid());
    for (int i = 0; i < 3; i++) {
        CHECK(tw_file_create(&file, path, &error));
        fprintf(file.stream, "text %d", i);
        CHECK(access(beside, F_OK) == 0);
        if (i > 0) holds(path, "text 0");
        CHECK(tw_file_finish(&file, i != 1, &error) == (i != 1));
        CHECK(access(beside, F_OK) != 0 && !file.stream);
        holds(path, i == 2 ? "text 2" : "text 0");
    }
    CHECK(error.text[0] == '\0');
    remove(path);
}

// A link stays one and what it leads to is written, were it /dev/stdout; permissions of what stood there stay.
static void links_and_permissions_stay(void)
{
    char path[64], link[64];
    TwFile file;
    TwError error = {0};
    struct stat info;
    snprintf(path, sizeof path, "%s/a.txt", folder);
    snprintf(link, sizeof link, "%s/link", folder);
    CHECK(symlink(path, link) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(tw_file_create(&file, i == 2 ? path : link, &error));
        fprintf(file.stream, "text %d", i);
        CHECK(tw_file_finish(&file, true, &error));
        CHECK(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
        CHECK(lstat(path, &info) == 0 && S_ISREG(info.st_mode) && (i == 0 || (info.st_mode & 07777) == 0600));
        holds(path, i == 0 ? "text 0" : i == 1 ? "text 1" : "text 2");
        CHECK(chmod(path, 0600) == 0);
    }
    if (geteuid() != 0) {
        CHECK(chmod(path, 0400) == 0);
        CHECK(!tw_file_create(&file, path, &error) && strstr(error.text, "Permission denied"));
    }
    remove(link);
    remove(path);
}

// Links that lead on, to a file that is not there yet too; an open file by its name in /proc is no target.
static void links_lead_on(void)
{
    char path[64], link[2][64], target[128], open_file[64];
    snprintf(path, sizeof path, "%s/sub/a.txt", folder);
    for (int i = 0; i < 2; i++) snprintf(link[i], sizeof link[i], "%s/link%d", folder, i);
    snprintf(target, sizeof target, "%s/sub", folder);
    CHECK(mkdir(target, 0777) == 0);
    CHECK(symlink("link1", link[0]) == 0 && symlink("sub/a.txt", link[1]) == 0);
    CHECK(tw_file_target(link[0], target, sizeof target));
    TwFile file;
    TwError error = {0};
    CHECK(tw_file_create(&file, link[0], &error));
    fprintf(file.stream, "through");
    CHECK(access(path, F_OK) != 0);    // beside it until it is whole
    CHECK(tw_file_finish(&file, true, &error));
    holds(path, "through");

    FILE *held = fopen(path, "r+");
    CHECK(held != NULL);
    if (!held) return;
    snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", fileno(held));
    CHECK(!tw_file_target(open_file, target, sizeof target));
    CHECK(!tw_file_target("/dev/null", target, sizeof target) && !tw_file_target(folder, target, sizeof target));
    fclose(held);
    CHECK(unlink(link[1]) == 0 && symlink("link0", link[1]) == 0);    // a ring
    CHECK(!tw_file_target(link[0], target, sizeof target));
    remove(path), remove(link[0]), remove(link[1]);
    snprintf(path, sizeof path, "%s/sub", folder);
    CHECK(rmdir(path) == 0);
}

// What a killed process left goes with the next file of that name; what a living one writes stays, and what one of
// another machine writes, whose number means nothing here.
static void what_the_killed_left_goes(void)
{
    char path[64], left[5][96];
    snprintf(path, sizeof path, "%s/a.txt", folder);
    pid_t child = fork();
    if (child == 0) _exit(0);
    CHECK(waitpid(child, NULL, 0) == child);    // so its number is nobody's
    const long pids[5] = {child, getppid(), 0, child, child};
    static const char *const forms[5] = {"%s.tmp-%ld", "%s.tmp-%ld", "%s.tmp-%ldx", "%sb.tmp-%ld", "%s.h5.tmp-%ld"};
    for (int i = 0; i < 5; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(left[i], sizeof left[i], forms[i], path, pids[i]);
#pragma GCC diagnostic pop
        FILE *f = fopen(left[i], "w");
        CHECK(f != NULL);
        if (f) fclose(f);
    }
    FILE *elsewhere = fopen(left[0], "r+");
    CHECK(elsewhere && flock(fileno(elsewhere), LOCK_EX) == 0);
    tw_file_tidy(path);
    for (int i = 0; i < 5; i++) CHECK(access(left[i], F_OK) == 0);
    if (elsewhere) fclose(elsewhere);
    TwFile file;
    TwError error = {0};
    CHECK(tw_file_create(&file, path, &error));
    CHECK(!tw_file_finish(&file, false, &error));
    CHECK(access(left[0], F_OK) == 0);    // nothing took the name: it may be all there is
    CHECK(tw_file_create(&file, path, &error));
    CHECK(tw_file_finish(&file, true, &error));
    for (int i = 0; i < 5; i++) CHECK((access(left[i], F_OK) == 0) == (i > 0));
    for (int i = 0; i < 5; i++) remove(left[i]);
    remove(path);
}

// A full disk is told when the file is closed, a folder that is not there at once.
static void what_cannot_be_written_is_told(void)
{
    char path[64];
    TwFile file;
    TwError error = {0};
    CHECK(tw_file_create(&file, "/dev/full", &error));
    fprintf(file.stream, "text");
    CHECK(!tw_file_finish(&file, true, &error));
    CHECK(error.status == TW_IO && strstr(error.text, "cannot write /dev/full: No space left"));
    snprintf(path, sizeof path, "%s/none/a.txt", folder);
    CHECK(!tw_file_create(&file, path, &error));
    CHECK(error.status == TW_IO && strstr(error.text, "none/a.txt: No such file"));
}

int main(void)
{
    if (!mkdtemp(folder)) return 77;
    names_change_when_whole();
    links_and_permissions_stay();
    links_lead_on();
    what_the_killed_left_goes();
    what_cannot_be_written_is_told();
    rmdir(folder);
    return check_failures != 0;
}
