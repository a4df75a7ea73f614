// The commands: each parses nothing more, calls, prints, and returns the exit status.
#pragma once

#include "cli/options.h"
#include "sim/record.h"
#include "twin/plant.h"

int tw_command_run(const TwOptions *options);
int tw_command_check(const TwOptions *options);
int tw_command_report(const TwOptions *options);
int tw_command_study(const TwOptions *options);
int tw_command_site(const TwOptions *options);
int tw_command_drill(const TwOptions *options);
int tw_command_view(const TwOptions *options);
int tw_command_trace(const TwOptions *options);
int tw_command_thermal(const TwOptions *options);
int tw_command_step(const TwOptions *options);
int tw_command_serve(const TwOptions *options);
int tw_command_train(const TwOptions *options);
int tw_command_calibration(const TwOptions *options);
int tw_command_validate(const TwOptions *options);
int tw_command_network(const TwOptions *options);
int tw_command_availability(const TwOptions *options);
int tw_command_powerflow(const TwOptions *options);

// Helpers of several commands.

enum { TW_ERRORS_SHOWN = 20 };    // of the errors of a file, in the order of its lines; how many more there are is said

// The one facility file of a command, as given or by the name of a shipped one; says what is wrong. NULL: TW_IO etc.
const char *tw_cli_facility(const TwOptions *options, char *path, size_t size, int *status);

// Whether a bare name is that of a shipped facility, whose file is then in path.
bool tw_cli_shipped(const char *name, char *path, size_t size);

// Whether a file of the command line can be read; else says why not and *status is TW_IO. expected: "a trace".
bool tw_cli_file(const char *path, const char *expected, int *status);

// Compiles it and prints every error and warning. NULL: *status holds the exit status.
TwPlant *tw_cli_plant(const TwOptions *options, const char *path, int *status);

// Prints a text report on standard output: its headline bold and a failed ledger red, where colour is on.
void tw_cli_page(const TwOptions *options, const char *text);

// A result's cooling under the point names of DSX Exchange, as CSV.
int tw_cli_export_dsx(TwResult *result, const char *out);

bool tw_cli_is_hdf5(const char *path);     // by its first bytes
bool tw_cli_is_study(const char *path);    // the result of a study

// The signal that asks the program to stop; 0: none has. Caught from here on; a second one ends the program at once.
extern volatile int tw_cli_stop;
void tw_cli_catch_signals(void);

// --for as the span of what a command does itself, not of the facility's run: *span_s, which stays where it is not
// given, and the other settings. Returns their count.
int tw_cli_span(const TwOptions *options, double *span_s, const char *sets[TW_SETS]);

// A number of an option in [least, most]; stays where text is NULL. False: said on stderr, with what was expected.
bool tw_cli_number(const char *text, const char *name, const char *expected, double least, double most, double *value);

// Prints an error and returns its status.
int tw_cli_fail(const TwError *error);
