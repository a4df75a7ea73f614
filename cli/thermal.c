// tokenworks thermal: a component of the cooling model alone.
#include "cli/commands.h"
#include "models/thermal/component.h"
#include "sim/config.h"
#include "sim/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// One quantity may run along a line: "range_k=2:12:11" is 11 values from 2 to 12.
typedef struct Line {
    int input, count;
    double from, to;
} Line;

static void list(void)
{
    for (int i = 0; i < tw_component_count(); i++) {
        const TwComponent *c = tw_component_at(i);
        printf("  %-18s %s (%s)\n", c->name, c->text, c->source);
    }
}

static void describe(const TwComponent *c)
{
    printf("%s: %s\nsource: %s\n", c->name, c->text, c->source);
    for (int i = 0; i < tw_component_inputs(c); i++) {
        printf("  in   %-22s %-10s ", c->in[i].name, c->in[i].unit);
        if (c->in[i].words)
            for (int k = 0; c->in[i].words[k]; k++) printf("%s%s", k ? ", " : "", c->in[i].words[k]);
        else if (isnan(c->in[i].standard))
            printf("needed");
        else
            printf("%.10g", c->in[i].standard);
        printf("\n");
    }
    for (int i = 0; i < tw_component_outputs(c); i++) printf("  out  %-22s %s\n", c->out[i].name, c->out[i].unit);
}

// "name=a:b:n"; false: not of this form
static bool read_line(const TwComponent *c, const char *text, Line *line)
{
    const char *equals = strchr(text, '=');
    char *end;
    if (!equals || !strchr(equals, ':')) return false;
    line->from = strtod(equals + 1, &end);
    if (*end != ':') return false;
    line->to = strtod(end + 1, &end);
    if (*end != ':') return false;
    line->count = (int)strtol(end + 1, &end, 10);
    if (*end != '\0' || line->count < 2 || line->count > 100000 || !isfinite(line->from) || !isfinite(line->to))
        return false;
    line->input = -1;
    for (int i = 0; i < tw_component_inputs(c); i++)
        if (strlen(c->in[i].name) == (size_t)(equals - text) &&
            strncmp(c->in[i].name, text, (size_t)(equals - text)) == 0)
            line->input = i;
    return line->input >= 0;
}

static void print_csv(const TwComponent *c, const double *in, const Line *line)
{
    double now[TW_COMPONENT_IN], out[TW_COMPONENT_OUT] = {0};
    memcpy(now, in, sizeof now);
    if (line->count > 1) printf("%s,", c->in[line->input].name);
    for (int k = 0; k < tw_component_outputs(c); k++) printf("%s%s", k ? "," : "", c->out[k].name);
    printf("\n");
    for (int i = 0; i < line->count; i++) {
        double x = line->from + (line->to - line->from) * i / (line->count - 1);
        if (line->count > 1) now[line->input] = x;
        c->run(now, out);
        if (line->count > 1) printf("%.10g,", x);
        for (int k = 0; k < tw_component_outputs(c); k++) printf("%s%.10g", k ? "," : "", out[k]);
        printf("\n");
    }
}

static void print_point(const TwComponent *c, const double *in, bool json)
{
    double out[TW_COMPONENT_OUT] = {0};
    c->run(in, out);
    if (json) printf("{\"component\": \"%s\"", c->name);
    for (int k = 0; k < tw_component_outputs(c); k++) {
        if (json) {
            printf(", \"%s\": ", c->out[k].name);
            tw_json_number(stdout, out[k]);
        } else
            printf("%-20s %14.8g %s\n", c->out[k].name, out[k], c->out[k].unit);
    }
    if (json) printf("}\n");
}

int tw_command_thermal(const TwOptions *options)
{
    if (options->file_count == 0) {
        list();
        return TW_DONE;
    }
    const TwComponent *c = tw_component_named(options->files[0]);
    if (!c) {
        const char *names[128];
        int n = tw_component_count();
        for (int i = 0; i < n; i++) names[i] = tw_component_at(i)->name;
        const char *near = tw_nearest(options->files[0], names, n);
        fprintf(stderr, "tokenworks: no thermal component \"%s\"%s%s\n", options->files[0],
                near ? "; did you mean " : "; `tokenworks thermal` lists them", near ? near : "");
        return TW_USAGE;
    }
    if (options->file_count == 1 && isnan(c->in[0].standard)) {
        describe(c);
        return TW_DONE;
    }
    double in[TW_COMPONENT_IN];
    Line line = {-1, 1, 0.0, 0.0};
    TwError error = {0};
    tw_component_start(c, in);
    for (int i = 1; i < options->file_count; i++) {
        Line found;
        if (read_line(c, options->files[i], &found)) {
            if (line.count > 1) {
                fprintf(stderr, "tokenworks: one quantity may run along a line, not two\n");
                return TW_USAGE;
            }
            line = found;
            in[line.input] = line.from;
        } else if (!tw_component_set(c, in, options->files[i], &error))
            return tw_cli_fail(&error);
    }
    if (!tw_component_complete(c, in, &error)) return tw_cli_fail(&error);
    if (line.count > 1)
        print_csv(c, in, &line);
    else
        print_point(c, in, options->json);
    return TW_DONE;
}
