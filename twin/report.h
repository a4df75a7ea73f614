// What a run says: KPIs with their boundaries, what limits the factory, the balance sheet, how well it is known.
//
// One table of results feeds the text report, the JSON object and the file's scalars: a path such as
// "latency.ttft_s.p99" is the JSON member, and with _ for . the HDF5 variable.
#pragma once

#include "sim/record.h"
#include "twin/state.h"

#include <stdio.h>

typedef struct TwKpi {
    char path[80];
    char unit[16];    // "" for words and counts
    char label[96];
    double value;      // NaN: unknown, JSON null
    char text[128];    // a word instead of a number, where not empty
    bool truth;        // value is a yes or no
} TwKpi;

// A happening of the story (twin/story.h) in words, with what it cost directly.
typedef struct TwReportEvent {
    int64_t time_ns, requests;
    int cause, root;     // rows; root: the first cause, itself where it has none
    int severity;        // 0 good news, 1 worth a look, 2 bad
    const char *kind;    // one word
    char target[64];     // what it happened to
    char text[128];
    double tokens_not_made, tokens_made_up, tokens_dropped, rack_s;
    double tokens_lost;    // not made less made up, at least what the lost requests asked for
    int64_t number;        // of the disturbance that it begins; 0: none
    double exact_lost;     // what that one cost, by counterfactual runs; NaN: not asked for
} TwReportEvent;

// The state of a metered feed at an event of its target or a heartbeat (twin/flex.h).
typedef struct TwReportState {
    int64_t time_ns;
    const char *event;    // one word of DSX Flex
    char feed[64];
    double calculated_w, target_w, limit_w, least_w, most_w;
    bool active, in_flight, compliant;
} TwReportState;

typedef struct TwReport {
    int count, capacity;
    TwKpi *kpis;
    int event_count;
    int64_t event_overflow;    // happenings that found no room in the story
    TwReportState *states;     // of metered feeds (twin/flex.h)
    int state_count;
    TwReportEvent *events;
} TwReport;

// wall_s < 0 leaves it out (the report inside a result file, which depends on no clock).
TwReport *tw_report_create(const TwState *state, double wall_s);
// Adds what the same span made where nothing happened: output tokens, requests completed, utility energy.
void tw_report_compare(TwReport *report, const TwState *state, const TwState *undisturbed);
// Adds what one disturbance cost: output tokens that the span makes less with it than without it and all later ones;
// number 0: all the others together.
void tw_report_attribute(TwReport *report, int64_t number, double tokens);

// Adds a figure, a word: for the parts, cards and comparisons that have files of their own.
TwKpi *tw_report_add(TwReport *report, const char *path, const char *unit, const char *label, double value);
void tw_report_add_text(TwReport *report, const char *path, const char *label, const char *text);
void tw_report_destroy(TwReport *report);

// What everything that followed from a first cause cost; false: the row has a cause itself.
typedef struct TwReportCause {
    int happenings;
    int64_t requests;
    double lost, not_made, made_up, dropped, rack_s;
} TwReportCause;
bool tw_report_cause(const TwReport *report, int row, TwReportCause *cause);

double tw_report_value(const TwReport *report, const char *path);        // NaN: no such
const char *tw_report_text(const TwReport *report, const char *path);    // "" : no such
bool tw_report_ok(const TwReport *report);                               // the ledger closes

void tw_report_json(const TwReport *report, FILE *stream);
void tw_report_print(const TwReport *report, const TwPlant *plant, FILE *stream);
bool tw_report_record(const TwReport *report, TwRecord *record, TwError *error);
