// The cases of `tokenworks validate serving`: none is missed. With the reference data, runs of Vidur and vLLM too.
#include "models/workload/validate.h"
#include "tests/check.h"

int main(void)
{
    TwError error = {0};
    TwValidation *v = tw_validation_create("serving");
    CHECK(tw_validate_serving(v, NULL, &error));
    CHECK(tw_validation_rows(v) > 10 && tw_validation_failures(v) == 0);
    if (tw_validation_failures(v)) tw_validation_print(v, stderr);
    tw_validation_destroy(v);
    return check_failures != 0;
}
