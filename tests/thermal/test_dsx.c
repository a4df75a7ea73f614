// A recording in the form of NVIDIA's exemplar: names, units, the tree of meters, and what is refused.
#include "models/thermal/dsx.h"
#include "tests/check.h"

static const char *const path = "dsx_test.csv";

static void write(const char *more)
{
    FILE *f = fopen(path, "w");
    if (!f) exit(1);
    fprintf(f, "offset,topic,payload\n");
#define META(topic, id, serves)                                                                                        \
    fprintf(f,                                                                                                         \
            "0s,BMS/v1/PUB/Metadata/"                                                                                  \
            "%s,\"{\"\"engUnit\"\":\"\"kW\"\",\"\"objectId\"\":\"\"%s\"\",\"\"servesId\"\":[%s]}\"\n",                 \
            topic, id, serves)
#define VALUE(topic, number, quality)                                                                                  \
    fprintf(f,                                                                                                         \
            "1s,BMS/v1/PUB/Value/%s,\"{\"\"value\"\":%g,\"\"timestamp\"\":{{timestamp_ms}},\"\"quality\"\":%d}\"\n",   \
            topic, number, quality)
    META("PowerMeter/ActivePower/pod/BUS-1/value", "BUS-1", "\"\"TAP-A\"\",\"\"TAP-B\"\"");
    META("PowerMeter/ActivePower/pod/A/TAP-A/value", "TAP-A", "\"\"rackA\"\"");
    META("PowerMeter/ActivePower/pod/B/TAP-B/value", "TAP-B", "\"\"rackB\"\"");
    fprintf(f, "0s,BMS/v1/PUB/Metadata/Rack/RackPower/pod/A/"
               "value,\"{\"\"engUnit\"\":\"\"kW\"\",\"\"rackLocationId\"\":\"\"rackA\"\"}\"\n");
    META("Rack/RackPower/pod/B/value", "rackB", "");
    VALUE("PowerMeter/ActivePower/pod/BUS-1/value", 75.5, 1);
    VALUE("PowerMeter/ActivePower/pod/A/TAP-A/value", 47.8, 1);
    VALUE("PowerMeter/ActivePower/pod/B/TAP-B/value", 27.7, 1);
    VALUE("Rack/RackPower/pod/A/value", 47.7, 1);
    VALUE("Rack/RackPower/pod/A/value", 47.9, 1);
    VALUE("Rack/RackPower/pod/A/value", 999.0, 0);    // bad quality
    VALUE("Rack/RackPower/pod/B/value", 27.7, 1);
    VALUE("Rack/RackLiquidFlow/pod/A/value", 50.2, 1);
    if (more) fprintf(f, "%s\n", more);
    fclose(f);
}

int main(void)
{
    TwDsx *x;
    TwError error = {0};
    write(NULL);
    CHECK(tw_dsx_read(&x, path, &error));
    CHECK(tw_dsx_points(x) == 6);
    CHECK_NEAR(tw_dsx_racks_kw(x), 47.8 + 27.7, 1e-12);
    CHECK_NEAR(tw_dsx_busways_kw(x), 75.5, 1e-12);
    for (int i = 0; i < tw_dsx_points(x); i++) {
        const TwDsxPoint *p = tw_dsx_point(x, i);
        int feeds;
        CHECK(p->known);
        if (strcmp(p->id, "rackA") != 0) continue;
        CHECK(p->count == 2 && p->least == 47.7 && p->most == 47.9 && strcmp(p->unit, "kW") == 0);
        CHECK_NEAR(tw_dsx_feeds_kw(x, p, &feeds), 47.8, 1e-12);
        CHECK(feeds == 1);
    }
    tw_dsx_destroy(x);

    TwValidation *v = tw_validation_create("thermal");
    CHECK(tw_validate_dsx(v, path, &error));
    CHECK(tw_validation_rows(v) == 4 && tw_validation_failures(v) == 0);
    tw_validation_destroy(v);

    // an unknown point is counted and missed, not dropped
    write("2s,BMS/v1/PUB/Value/Rack/RackMood/pod/A/value,\"{\"\"value\"\":1,\"\"quality\"\":1}\"");
    v = tw_validation_create("thermal");
    CHECK(tw_validate_dsx(v, path, &error));
    CHECK(tw_validation_failures(v) == 1);
    tw_validation_destroy(v);

    write("2s,BMS/v1/PUB/Nothing/Rack/RackPower/pod/A,{}");
    CHECK(!tw_dsx_read(&x, path, &error));
    CHECK_HOLDS(error.text, "without /Value/");
    write("2s,BMS/v1/PUB/Value/Rack/RackPower/pod/A/value,{}");
    CHECK(!tw_dsx_read(&x, path, &error));
    CHECK_HOLDS(error.text, "NUMBER");
    remove(path);
    return check_failures != 0;
}
