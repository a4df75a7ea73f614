// A report as one JSON object, with the story of the run behind its figures.
#include "sim/json.h"
#include "twin/report.h"

#include <math.h>
#include <string.h>

static void json_value(FILE *stream, const TwKpi *kpi)
{
    if (kpi->text[0])
        tw_json_text(stream, kpi->text);
    else if (kpi->truth && isfinite(kpi->value))
        fputs(kpi->value != 0.0 ? "true" : "false", stream);
    else
        tw_json_number(stream, kpi->value);
}

// The story: every happening, and below each first cause what all that followed from it cost.
static void json_events(const TwReport *report, FILE *stream)
{
    fprintf(stream, ",\n  \"event_log\": [");
    for (int i = 0; i < report->event_count; i++) {
        const TwReportEvent *e = &report->events[i];
        fprintf(stream, "%s\n    {\"row\": %d, \"time_s\": %.9f, \"cause\": %d, \"root\": %d, \"kind\": ", i ? "," : "",
                i, (double)e->time_ns * 1e-9, e->cause, e->root);
        tw_json_text(stream, e->kind);
        fputs(", \"element\": ", stream);
        tw_json_text(stream, e->target);
        fputs(", \"text\": ", stream);
        tw_json_text(stream, e->text);
        fprintf(
            stream,
            ", \"tokens_lost\": %.9g, \"tokens_not_made\": %.9g, \"tokens_made_up\": %.9g, \"requests_lost\": %lld, "
            "\"tokens_dropped\": %.9g, \"rack_s\": %.9g}",
            e->tokens_lost, e->tokens_not_made, e->tokens_made_up, (long long)e->requests, e->tokens_dropped,
            e->rack_s);
    }
    fprintf(stream, "\n  ],\n  \"feed_states\": [");
    for (int i = 0; i < report->state_count; i++) {
        const TwReportState *s = &report->states[i];
        fprintf(stream, "%s\n    {\"time_s\": %.9f, \"feed\": ", i ? "," : "", (double)s->time_ns * 1e-9);
        tw_json_text(stream, s->feed);
        fprintf(stream, ", \"event\": \"%s\", \"target_active\": %s, \"in_flight\": %s, \"compliant\": %s", s->event,
                s->active ? "true" : "false", s->in_flight ? "true" : "false", s->compliant ? "true" : "false");
        tw_json_member(stream, "calculated_load_w", s->calculated_w);
        tw_json_member(stream, "target_w", s->target_w);
        tw_json_member(stream, "limit_w", s->limit_w);
        tw_json_member(stream, "power_minimum_w", s->least_w);
        tw_json_member(stream, "power_maximum_w", s->most_w);
        fputc('}', stream);
    }
    fprintf(stream, "\n  ],\n  \"causes\": [");
    bool first = true;
    for (int i = 0; i < report->event_count; i++) {
        TwReportCause cause;
        if (!tw_report_cause(report, i, &cause)) continue;
        fprintf(stream, "%s\n    {\"row\": %d, \"time_s\": %.9f, \"text\": ", first ? "" : ",", i,
                (double)report->events[i].time_ns * 1e-9);
        tw_json_text(stream, report->events[i].text);
        fprintf(stream,
                ", \"happenings\": %d, \"tokens_lost\": %.9g, \"tokens_not_made\": %.9g, \"tokens_made_up\": %.9g, "
                "\"requests_lost\": %lld, \"tokens_dropped\": %.9g, \"rack_hours\": %.9g, \"tokens_lost_exact\": ",
                cause.happenings, cause.lost, cause.not_made, cause.made_up, (long long)cause.requests, cause.dropped,
                cause.rack_s / 3600.0);
        tw_json_number(stream, report->events[i].exact_lost);
        fputc('}', stream);
        first = false;
    }
    fprintf(stream, "\n  ]");
}

// Members that share a prefix need not stand together in the table: each object is written where it first appears.
static void json_object(const TwReport *report, const char *prefix, int depth, FILE *stream)
{
    size_t length = strlen(prefix);
    bool first = true;
    fputc('{', stream);
    for (int i = 0; i < report->count; i++) {
        const char *path = report->kpis[i].path;
        if (strncmp(path, prefix, length) != 0) continue;
        const char *rest = path + length, *dot = strchr(rest, '.');
        size_t own = dot ? (size_t)(dot - path) + 1 : 0;
        // a group's results mostly stand together
        bool earlier = dot && i > 0 && strncmp(report->kpis[i - 1].path, path, own) == 0;
        for (int k = 0; dot && k < i && !earlier; k++)
            earlier = earlier || strncmp(report->kpis[k].path, path, own) == 0;
        if (earlier) continue;
        fprintf(stream, "%s\n%*s", first ? "" : ",", 2 * (depth + 1), "");
        first = false;
        char name[80];
        snprintf(name, sizeof name, "%.*s", dot ? (int)(dot - rest) : (int)strlen(rest), rest);
        tw_json_text(stream, name);
        fputs(": ", stream);
        if (dot) {
            char below[80];
            snprintf(below, sizeof below, "%.*s", (int)own, path);
            json_object(report, below, depth + 1, stream);
        } else {
            json_value(stream, &report->kpis[i]);
        }
    }
    if (depth == 0) json_events(report, stream);
    fprintf(stream, "\n%*s}", 2 * depth, "");
}

void tw_report_json(const TwReport *report, FILE *stream)
{
    json_object(report, "", 0, stream);
    fputc('\n', stream);
}
