#include "twin/uptime.h"

#include "sim/student.h"

#include <math.h>

enum { PARTS = 20 };

typedef struct Uptime {
    double all_s[PARTS], up_s[TW_UPS][PARTS];
} Uptime;

void tw_uptime_layout(TwPlant *plant, TwLayout *layout)
{
    plant->slot.uptime = tw_layout_add(layout, 1, sizeof(Uptime));
}

void tw_uptime_book(const TwPlant *plant, void *block, double from_s, double until_s)
{
    Uptime *u = tw_at(block, plant->slot.uptime);
    const bool *on = tw_at_const(block, plant->slot.rack_on), *serving = tw_at_const(block, plant->slot.serving);
    const double *clock = tw_f64_const(block, plant->slot.clock_fraction);
    const int32_t *down = tw_at_const(block, plant->failures.down_gpus);
    double window_s = until_s - from_s, up[TW_UPS] = {0.0};
    int part = (int)(0.5 * (from_s + until_s) / plant->run.for_s * PARTS);
    part = part < 0 ? 0 : part >= PARTS ? PARTS - 1 : part;
    for (int i = 0; i < plant->rack_count; i++) {
        double gpus = (double)plant->racks[i].serving_gpus;
        up[TW_UP_POWER] += on[i];
        up[TW_UP_COOLING] += clock[i] >= 0.999;
        up[TW_UP_COMPUTE] += serving[i] ? (gpus > 0.0 ? 1.0 - (double)down[i] / gpus : 1.0) : 0.0;
    }
    u->all_s[part] += window_s;
    for (int k = 0; k < TW_UPS; k++) u->up_s[k][part] += up[k] / plant->rack_count * window_s;
}

TwUp tw_uptime(const TwPlant *plant, const void *block, int layer)
{
    const Uptime *u = tw_at_const(block, plant->slot.uptime);
    double all = 0.0, lost = 0.0, square = 0.0, sum = 0.0;
    int n = 0;
    for (int p = 0; p < PARTS; p++) {
        if (!(u->all_s[p] > 0.0)) continue;
        double share = 1.0 - u->up_s[layer][p] / u->all_s[p];
        all += u->all_s[p];
        lost += u->all_s[p] - u->up_s[layer][p];
        sum += share;
        square += share * share;
        n++;
    }
    if (n == 0) return (TwUp){NAN, NAN, NAN};
    double mean = 1.0 - lost / all, m = sum / n;
    double half = n > 1 ? tw_student_95(n - 1) * sqrt(fmax(square / n - m * m, 0.0) / (n - 1.0)) : NAN;
    return (TwUp){mean, fmax(mean - half, 0.0), fmin(mean + half, 1.0)};
}
