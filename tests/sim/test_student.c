#include "sim/student.h"
#include "tests/check.h"

#include <math.h>

// One degree is Cauchy's distribution, two have a closed form, many are the normal distribution; between them published
// values.
static void quantiles_are_those_of_the_distribution(void)
{
    for (double share = 0.51; share < 0.9995; share += 0.0133) {
        double a = 4.0 * share * (1.0 - share);
        CHECK_NEAR(tw_student_quantile(share, 1.0), tan(acos(-1.0) * (share - 0.5)), 1e-9);
        CHECK_NEAR(tw_student_quantile(share, 2.0), 2.0 * (share - 0.5) * sqrt(2.0 / a), 1e-9);
    }
    CHECK_NEAR(tw_student_95(1), 12.706204736432095, 1e-9);
    CHECK_NEAR(tw_student_95(4), 2.7764451051977987, 1e-9);
    CHECK_NEAR(tw_student_95(19), 2.093024054408263, 1e-9);
    CHECK_NEAR(tw_student_quantile(0.975, 1e7), 1.959963984540054, 1e-6);
}

int main(void)
{
    quantiles_are_those_of_the_distribution();
    return check_failures != 0;
}
