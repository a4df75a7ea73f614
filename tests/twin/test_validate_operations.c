#include "tests/twin/every_case.h"
#include "twin/validate_operations.h"

int main(void) { return every_case_is_met("operations", tw_validate_operations); }
