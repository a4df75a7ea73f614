#include "tests/twin/every_case.h"
#include "twin/validate_power.h"

int main(void) { return every_case_is_met("power", tw_validate_power); }
