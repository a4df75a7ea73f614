// A scene as text: what a run's result file keeps in its dataset "scene" so that a replay can draw the factory again.
//
// One record a line, fields separated by one tab, numbers as %.17g ("nan" and "inf" too), in this order of kinds:
//
//     tokenworks-scene  1
//     facility  TEXT                          title   TEXT
//     version   TEXT                          start   2026-07-01 00:00:00
//     banner    TEXT                          span    SECONDS
//     residual  WATTS                         stands  RACKS that each one stands for
//     rack      NAME X Y W D HALL PART CDU FEED ON       metres; the order of the result's rack dimension; ON: numbers
//                                                        of its elements, one a subject, counted from 1, 0: none
//     quantity  NAME UNIT SCALE LIMIT LABEL              NAME is a series of the result's group "rack"
//     series    NAME UNIT SCALE LIMIT LABEL              NAME is a series of the result's root
//     kpi       NAME UNIT BOUNDARY VALUE TARGET LABEL TEXT
//     event     TIME SEVERITY TEXT
//     flow      COLUMN TOKENS VALUE FROM TO
//     class     NAME SETTING SUBJECT                     NAME is a group of the result; what follows is of this class:
//     field     NAME UNIT SCALE LIMIT LABEL              NAME is a series of that group
//     element   ID NAME KIND TITLE PLACE LEVEL PARENT SECOND RACKS     PARENT, SECOND as ON; RACKS as 0-7,16-23
//     limit     INDEX VALUE                              INDEX: field of the class times its elements + element
//     step      CLASS TIME                               values from that time on of a class that is not recorded
//     value     INDEX VALUE                              of the step; as in the step before where not named
//     losses    TIME                                     the instant of the losses that follow
//     loss      ELEMENT WATTS                            ELEMENT counted over all classes from 0; what is dropped
//     overload  ELEMENT BEFORE AFTER WATTS               of the loss before
//     group     PATH PART END                            of the facility file; END: first group that is not below it
//     setting   NAME UNIT VALUE MARK SOURCE PLACE        of the group before
//     built     THING GROUP                              racks, then elements, counted from 0
//
// and of a run that is still going on, in its progress file, what a whole result holds as arrays:
//
//     now       SECONDS
//     point     SERIES TIME MEAN MIN MAX                 as recorded, not scaled
//     rack_now  INDEX VALUE                              of racks, at that instant
//     element_now  INDEX VALUE                           of elements
//
// SCALE turns the recorded value into the shown one; LIMIT is in the shown unit. Tabs and line ends inside a text
// become spaces; an empty text is an empty field; unknown kinds of a later version are skipped. Left out, because the
// result holds them as arrays: values of racks, points of series, the instant, and what only a live run has (speed,
// pause).
#pragma once

#include "sim/error.h"
#include "twin/scene.h"

// False when the stream refuses.
bool tw_scene_write_text(const TwScene *scene, FILE *stream);

bool tw_scene_write_now(const TwScene *scene, FILE *stream);    // after the text of the same scene

// A scene that owns its arrays; values are NaN, series have no points, time_s = span_s. Fails with TW_IO, naming the
// line.
bool tw_scene_read_text(TwScene **scene, const char *text, TwError *error);
void tw_scene_destroy(TwScene *scene);    // of a scene that was read; NULL is nothing
