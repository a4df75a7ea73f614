// What every JSON object of the program is written with.
#pragma once

#include <stdio.h>

void tw_json_text(FILE *stream, const char *text);    // in quotes, escaped
void tw_json_number(FILE *stream, double value);      // 17 digits, whole numbers without a point; null where not finite

// A member that is not the first of its object: comma, name, number.
void tw_json_member(FILE *stream, const char *name, double value);
