// A result file of a run with the scene at its end, as `tokenworks run` writes it.
#pragma once

#include "tests/twin/twin.h"
#include "twin/scene_maker.h"
#include "twin/scene_text.h"

// Ends the file.
static inline void record_scene(TwRecord *record, const TwScene *scene)
{
    char *text = NULL, written[512];
    size_t size = 0;
    TwError error = {0};
    FILE *stream = open_memstream(&text, &size);
    CHECK(tw_scene_write_text(scene, stream));
    fclose(stream);
    CHECK(tw_record_text(record, "scene", text, &error) && tw_record_finish(record, "complete", written, &error));
    free(text);
}

static inline const TwScene *recorded_until(const Factory *f, TwSceneMaker *maker, double until_s, const char *path)
{
    TwRecord *record = NULL;
    TwError error = {0};
    const TwRecordHead head = {"test", "tokenworks", "tokenworks-run-1", f->plant->start};
    CHECK(tw_record_create(&record, path, true, &head, &f->plant->record, &error));
    CHECK(tw_state_advance(f->state, until_s, record, NULL, &error));
    const TwScene *scene = tw_scene_maker_scene(maker, f->state);
    record_scene(record, scene);
    return scene;
}
