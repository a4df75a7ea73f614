// Every reference case of operations is met.
#include "tests/check.h"
#include "twin/validate_operations.h"

int main(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("operations");
    CHECK(tw_validate_operations(v, NULL, &error));
    if (error.text[0]) tw_error_print(&error, stderr);
    CHECK(tw_validation_rows(v) > 60);
    if (tw_validation_failures(v)) tw_validation_print(v, stderr);
    CHECK(tw_validation_failures(v) == 0);
    tw_validation_destroy(v);
    return check_failures != 0;
}
