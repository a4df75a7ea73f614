#include "twin/session.h"
#include "sim/file.h"

#include "twin/fabric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void number(FILE *f, const char *name, double value)
{
    if (!isfinite(value)) return;
    char text[40];
    snprintf(text, sizeof text, "%.17g", value);
    fprintf(f, " %s = %s%s;", name, text, strpbrk(text, ".e") ? "" : ".0");
}

static void word(FILE *f, const char *name, const char *value)
{
    if (value[0]) fprintf(f, " %s = \"%s\";", name, value);
}

// the events that the file had already
static int scripted(const TwPlant *plant, FILE *f)
{
    const TwNode *root = tw_config_root(plant->config);
    int count = tw_node_entries(root, "events");
    for (int i = 0; i < count; i++) {
        char name[TW_NAME];
        TwEventRow row;
        tw_node_row(tw_node_entry(root, "events", i, name), &row);
        fprintf(f, "%s\n  {", i ? "," : "");
        word(f, "kind", row.kind);
        word(f, "feed", row.element);
        word(f, "element", row.other);
        for (int k = 0; k < row.elements.count; k++)
            fprintf(f, "%s\"%s\"%s", k ? ", " : " elements = [", row.elements.values[k],
                    k + 1 < row.elements.count ? "" : "];");
        word(f, "scenario", row.scenario);
        word(f, "ramps", row.ramps);
        number(f, "at_s", row.at_s);
        number(f, "for_s", row.for_s);
        number(f, "until_s", row.until_s);
        number(f, "limit_w", row.limit_w);
        number(f, "supply_degc", row.supply_degc);
        number(f, "voltage_fraction", row.voltage_fraction);
        number(f, "value", row.value);
        if (tw_fabric_word(row.kind)) fprintf(f, " plane = %d; index = %d;", (int)row.plane, (int)row.index);
        fprintf(f, " best_effort = %s; }", row.best_effort ? "true" : "false");
    }
    return count;
}

static void acted(const TwAct *act, bool first, FILE *f)
{
    const TwEventWord *about = tw_event_word(act->ask.word);
    fprintf(f, "%s\n  {", first ? "" : ",");
    word(f, "kind", act->ask.word);
    word(f, "feed", act->ask.target);
    number(f, "at_s", act->time_s);
    if (isfinite(act->ask.for_s) && about->spans) number(f, "until_s", act->time_s + act->ask.for_s);
    if (about->setting) number(f, about->setting, act->ask.value);
    fprintf(f, " }");
}

static void events(const TwPlant *plant, const TwAct *acts, int count, FILE *f)
{
    fprintf(f, "events = (");
    int before = scripted(plant, f);
    for (int i = 0; i < count; i++) acted(&acts[i], before + i == 0, f);
    fprintf(f, "\n);\n");
}

// Every setting as it was resolved, with the list of events exchanged.
static void whole(const TwPlant *plant, const TwAct *acts, int count, FILE *f)
{
    char *text = tw_config_resolved(plant->config);
    char *from = strstr(text, "\nevents = ("), *end = NULL;
    if (from) {
        // the list ends where its bracket closes at the start of a line, or at once where it is empty
        char *empty = from + strlen("\nevents = (");
        end = empty[0] == ')' || empty[0] == ' ' ? strchr(empty, ';') : strstr(from, "\n);");
        end = end ? strchr(end + (*end == '\n'), ';') + 1 : NULL;
    }
    fprintf(f, "%.*s\n", (int)(from ? from - text : (ptrdiff_t)strlen(text)), text);
    events(plant, acts, count, f);
    if (end) fputs(end, f);
    free(text);
}

bool tw_session_save(const TwPlant *plant, const char *base, const TwAct *acts, int count, double until_s,
                     const char *path, TwError *error)
{
    TwFile file;
    if (!tw_file_create(&file, path, error)) return false;
    FILE *f = file.stream;
    fprintf(f, "// A session of %s, saved from the window at %.17g s of simulated time: %d act%s.\n", plant->facility,
            until_s, count, count == 1 ? "" : "s");
    if (base) {
        fprintf(f, "\nbase = \"%s\";\n\n", base);
        events(plant, acts, count, f);
    } else {
        whole(plant, acts, count, f);
    }
    return tw_file_finish(&file, true, error);
}
