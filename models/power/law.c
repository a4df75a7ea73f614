// The loss law P_in = P_out + rated (a + b x + c x^2), its inverse and its fit; power shelves are laws side by side.
#include "models/power/power.h"

#include <assert.h>
#include <math.h>

double tw_loss_w(double rated_w, double a, double b, double c, double out_w)
{
    // an element without a law may have no rating either
    if (a == 0.0 && b == 0.0 && c == 0.0) return 0.0;
    double x = out_w / rated_w;
    return rated_w * (a + x * (b + x * c));
}

double tw_loss_out_w(double rated_w, double a, double b, double c, double in_w)
{
    if (a == 0.0 && b == 0.0 && c == 0.0) return in_w;
    if (!isfinite(in_w)) return in_w;

    // the root of c x^2 + (1 + b) x - (p - a) in the form that keeps its digits as c -> 0; less than a gives nothing
    double p = in_w / rated_w - a;
    if (p <= 0.0) return 0.0;
    return rated_w * 2.0 * p / ((1.0 + b) + sqrt((1.0 + b) * (1.0 + b) + 4.0 * c * p));
}

bool tw_loss_fit(const double x[3], const double efficiency[3], double *a, double *b, double *c)
{
    *a = *b = *c = 0.0;
    if (x[0] == x[1] || x[1] == x[2] || x[0] == x[2]) return false;

    // the parabola through three losses, by Lagrange
    for (int i = 0; i < 3; i++) {
        int j = (i + 1) % 3, k = (i + 2) % 3;
        double loss = x[i] / efficiency[i] - x[i];
        double share = loss / ((x[i] - x[j]) * (x[i] - x[k]));
        *a += share * x[j] * x[k];
        *b -= share * (x[j] + x[k]);
        *c += share;
    }
    return true;
}

void tw_loss_best(double x, double efficiency, double *a, double *c)
{
    // at the best load the constant and the square loss are equal
    double loss = x / efficiency - x;
    *a = 0.5 * loss;
    *c = 0.5 * loss / (x * x);
}

double tw_loss_table_w(double rated_w, const double *x, const double *efficiency, int count, double out_w)
{
    assert(count >= 2);
    double at = out_w / rated_w;
    int k = 1;
    while (k < count - 1 && at > x[k]) k++;
    double low = x[k - 1] / efficiency[k - 1] - x[k - 1], high = x[k] / efficiency[k] - x[k];
    double loss = low + (high - low) * (at - x[k - 1]) / (x[k] - x[k - 1]);
    return rated_w * fmax(loss, 0.0);
}

double tw_shelf_ac_w(const TwShelfRow *shelf, double live, double dc_w)
{
    assert(live >= 0 && dc_w >= 0.0);
    if (live == 0) return dc_w;
    return dc_w + tw_loss_w(live * shelf->rated_w, shelf->loss_a, shelf->loss_b, shelf->loss_c, dc_w);
}

double tw_shelf_dc_w(const TwShelfRow *shelf, double live, double ac_w)
{
    assert(live >= 0 && ac_w >= 0.0);
    if (live == 0) return ac_w;
    return tw_loss_out_w(live * shelf->rated_w, shelf->loss_a, shelf->loss_b, shelf->loss_c, ac_w);
}

bool tw_shelf_holds(const TwShelfRow *shelf, int live, double dc_w) { return dc_w <= live * shelf->rated_w; }
