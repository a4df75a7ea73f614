// Series that are too many for one file: each scenario keeps its own in STUDY.h5.parts/KEY.h5, and the study's file
// holds virtual datasets over them. Names and shapes are those of a scenario alone: series/utility_w(time),
// series/rack/rack_w(time, rack).
#include "sim/version.h"
#include "study/inner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void tw_apart_name(const char *out, const char *key, char *name, size_t size)
{
    const char *slash = strrchr(out, '/');
    snprintf(name, size, "%s.parts/%s.h5", slash ? slash + 1 : out, key);
}

bool tw_apart_there(const char *folder, const char *key)
{
    char path[700];
    struct stat info;
    snprintf(path, sizeof path, "%s/%s.h5", folder, key);
    if (stat(path, &info) != 0) return false;
    TwResult *result;
    TwError error = {0};
    if (tw_result_open(&result, path, &error)) {
        tw_result_close(result);
        return true;
    }
    // damaged: set aside, and its scenario runs again
    char bad[720];
    snprintf(bad, sizeof bad, "%s/%s.bad", folder, key);
    rename(path, bad);
    return false;
}

static bool write_places(const TwStudy *study, const TwSpots *places, TwRecord *record, TwError *error)
{
    bool good = true;
    for (int g = 0; good && g < study->group_count; g++) {
        int count = places->count[g];
        if (count == 0) continue;
        char path[160];
        const char **names = tw_taken((size_t)count, sizeof *names);
        for (int i = 0; i < count; i++) names[i] = places->list[g][i].name;
        snprintf(path, sizeof path, "series/%s/%s", study->groups[g], study->groups[g]);
        good = tw_record_axis(record, path, "1", "entry", count, NULL, names, error);
        free(names);
    }
    return good;
}

bool tw_apart_write(const TwStudy *study, const TwScenario *scenario, const char *folder, TwError *error)
{
    static const char *const variant[3] = {"", "_min", "_max"};
    static const char *const methods[3] = {"time: mean", "time: minimum", "time: maximum"};
    char path[700];
    snprintf(path, sizeof path, "%s/%s.h5", folder, scenario->key);
    const TwRecordHead head = {scenario->key, "tokenworks " TW_VERSION, "tokenworks-part 1", study->start};
    TwRecord *record;
    if (!tw_record_create(&record, path, true, &head, NULL, error)) return false;
    int rows = scenario->rows;
    double *time_s = tw_taken((size_t)rows, sizeof *time_s);
    for (int i = 0; i < rows; i++) time_s[i] = (i + 1) * study->series_s;
    char unit[80];
    snprintf(unit, sizeof unit, "seconds since %s", study->start);
    bool good = tw_record_axis(record, "series/time", unit, "end of the interval", rows, time_s, NULL, error) &&
                (!study->group_count || write_places(study, scenario->places, record, error));
    for (int g = 0; good && g < study->group_count; g++) {
        snprintf(path, sizeof path, "series/%s/time", study->groups[g]);
        if (scenario->places->count[g] == 0) continue;
        good = tw_record_axis(record, path, unit, "end of the interval", rows, time_s, NULL, error);
    }
    const float *values = scenario->series;
    for (int i = 0; good && i < study->series_count; i++) {
        const TwKept *kept = &study->series[i];
        const char *group = kept->group < 0 ? "" : study->groups[kept->group];
        size_t n = (size_t)rows * (size_t)tw_series_entries(study, scenario->places, i);
        const char *const dimensions[] = {"time", group};
        for (int v = 0; good && n && v < 3; v++, values += n) {
            const TwRowsInfo info = {kept->unit,     kept->label,    methods[v],     dimensions,
                                     *group ? 2 : 1, *group ? 2 : 1, *group ? 12 : 0};
            snprintf(path, sizeof path, "series/%s%s%s%s", group, *group ? "/" : "", kept->name, variant[v]);
            good =
                tw_record_rows(record, path, &info, error) && tw_record_row(record, path, info.inner, 0, values, error);
        }
    }
    free(time_s);
    if (good) return tw_record_finish(record, "complete", NULL, error);
    tw_record_abandon(record);
    return false;
}
