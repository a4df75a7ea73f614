#include "sim/file.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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
    what_cannot_be_written_is_told();
    rmdir(folder);
    return check_failures != 0;
}
