#include "models/power/contingency.h"

#include "models/power/inner.h"
#include "models/power/volts.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

typedef struct Case {
    unsigned char *block;
    double power_factor;
    TwVolts volts;
    double *element_w, *loss_w, *loading;
    bool *rack_on, *load_on;
} Case;

static void *zeroed(size_t count, size_t size)
{
    void *memory = calloc(count + 1, size);
    if (!memory) abort();
    return memory;
}

static Case case_create(const TwPower *power, size_t bytes, double power_factor)
{
    size_t n = (size_t)power->element_count;
    Case c = {.block = aligned_alloc(64, (bytes + 63) / 64 * 64),
              .power_factor = power_factor,
              .volts = {.fresh = true},
              .element_w = zeroed(n, sizeof(double)),
              .loss_w = zeroed(n, sizeof(double)),
              .loading = zeroed(n, sizeof(double)),
              .rack_on = zeroed((size_t)power->rack_count, sizeof(bool)),
              .load_on = zeroed((size_t)power->load_count, sizeof(bool))};
    if (!c.block) abort();
    return c;
}

static void case_free(Case *c)
{
    free(c->block);
    tw_volts_free(&c->volts);
    free(c->element_w);
    free(c->loss_w);
    free(c->loading);
    free(c->rack_on);
    free(c->load_on);
}

// Load over limit of every element at rest; the power that nothing supplies.
static double settle(const TwPower *power, Case *c, const double *rack_w, const double *load_w, double rest_s)
{
    TwPowerOut out = {.element_w = c->element_w, .loss_w = c->loss_w, .rack_on = c->rack_on, .load_on = c->load_on};
    if (rest_s > 0.0 && power->inner->mixed) tw_power_settle(power, c->block, rest_s, rack_w, load_w, &out);
    tw_power_settle(power, c->block, 0.0, rack_w, load_w, &out);
    // what loops carry is what their impedances say, after what has happened
    if (power->inner->closing_count > 0) {
        bool solved = tw_power_volts(power, c->block, c->power_factor, &c->volts);
        tw_power_take_volts(power, c->block, &c->volts, solved, true);
        tw_power_settle(power, c->block, 0.0, rack_w, load_w, &out);
    }
    for (int i = 0; i < power->element_count; i++) {
        double limit_w = tw_power_limit_w(power, c->block, i);
        c->loading[i] = isfinite(limit_w) ? c->element_w[i] / limit_w : NAN;
    }
    return out.unserved_w;
}

static bool whole_copy(const TwPowerPlant *p) { return p->mixed || p->closing_count > 0; }

// Where nothing acts by itself, only service changes and comes back; else the model's whole state is copied anew.
static void take_out(const TwPower *power, Case *c, const void *block, int lost)
{
    const TwPowerPlant *p = power->inner;
    if (whole_copy(p)) {
        memcpy(c->block + p->service, (const unsigned char *)block + p->service, p->work - p->service);
        tw_power_set_service(power, c->block, lost, false);
        return;
    }
    ((unsigned char *)tw_at(c->block, p->service))[p->at[lost]] = 0;
    ((TwTopology *)tw_at(c->block, p->topology))->valid = 0;
}

static void put_back(const TwPower *power, Case *c, int lost)
{
    const TwPowerPlant *p = power->inner;
    if (whole_copy(p)) return;
    ((unsigned char *)tw_at(c->block, p->service))[p->at[lost]] = 1;
    ((TwTopology *)tw_at(c->block, p->topology))->valid = 0;
}

TwContingency tw_power_contingency(const TwPower *power, const void *block, size_t bytes, const double *rack_w,
                                   const double *load_w, double power_factor, double rest_s, int threads)
{
    int n = power->element_count;
    TwContingency r = {.normal = zeroed((size_t)n, sizeof(double)),
                       .worst = zeroed((size_t)n, sizeof(double)),
                       .worst_cause = zeroed((size_t)n, sizeof(int)),
                       .dropped_w = zeroed((size_t)n, sizeof(double)),
                       .holds_s = zeroed((size_t)n, sizeof(double)),
                       .allowed_s = zeroed((size_t)n, sizeof(double)),
                       .lost_count = n};
    Case normal = case_create(power, bytes, power_factor);
    memcpy(normal.block, block, bytes);
    settle(power, &normal, rack_w, load_w, 0.0);
    for (int i = 0; i < n; i++) {
        r.normal[i] = r.worst[i] = normal.loading[i];
        r.worst_cause[i] = -1;
    }
    case_free(&normal);

#pragma omp parallel num_threads(threads > 0 ? threads : omp_get_max_threads())
    {
        Case c = case_create(power, bytes, power_factor);
        memcpy(c.block, block, bytes);
        double *worst = zeroed((size_t)n, sizeof *worst);
        int *cause = zeroed((size_t)n, sizeof *cause);
        for (int i = 0; i < n; i++) cause[i] = -1;
#pragma omp for schedule(static)
        for (int lost = 0; lost < n; lost++) {
            take_out(power, &c, block, lost);
            r.dropped_w[lost] = settle(power, &c, rack_w, load_w, rest_s);
            r.holds_s[lost] = tw_power_horizon_s(power, c.block) + (power->inner->mixed ? rest_s : 0.0);
            put_back(power, &c, lost);
            for (int i = 0; i < n; i++) {
                if (i == lost || !(c.loading[i] > worst[i] + 1e-12)) continue;
                worst[i] = c.loading[i];
                cause[i] = lost;
            }
        }
        // equal loads keep the case with the lowest number, whatever the number of threads
#pragma omp critical
        for (int i = 0; i < n; i++) {
            bool worse = cause[i] >= 0 && worst[i] > r.worst[i] + 1e-12;
            bool same = cause[i] >= 0 && r.worst_cause[i] >= 0 && fabs(worst[i] - r.worst[i]) <= 1e-12;
            if (!worse && !(same && cause[i] < r.worst_cause[i])) continue;
            r.worst[i] = worst[i];
            r.worst_cause[i] = cause[i];
        }
        free(worst);
        free(cause);
        case_free(&c);
    }
    for (int i = 0; i < n; i++) {
        int e = power->inner->at[i];
        r.allowed_s[i] = r.worst[i] > 1.0 ? tw_curve_time_s(&power->inner->curve[e], r.worst[i]) : INFINITY;
    }
    return r;
}

void tw_contingency_free(TwContingency *r)
{
    free(r->normal);
    free(r->worst);
    free(r->worst_cause);
    free(r->dropped_w);
    free(r->holds_s);
    free(r->allowed_s);
    *r = (TwContingency){0};
}

struct TwContingencyCase {
    const TwPower *power;
    const void *block;
    const double *rack_w, *load_w;
    double rest_s;
    Case c;
};

TwContingencyCase *tw_contingency_begin(const TwPower *power, const void *block, size_t bytes, const double *rack_w,
                                        const double *load_w, double power_factor, double rest_s, float *before)
{
    TwContingencyCase *at = zeroed(1, sizeof *at);
    *at = (TwContingencyCase){power, block, rack_w, load_w, rest_s, case_create(power, bytes, power_factor)};
    // only the model's own state is read, and of a large block no more is touched
    const TwPowerPlant *p = power->inner;
    memcpy(at->c.block + p->service, (const unsigned char *)block + p->service, p->work + p->work_bytes - p->service);
    settle(power, &at->c, rack_w, load_w, 0.0);
    for (int i = 0; i < power->element_count; i++) before[i] = (float)at->c.loading[i];
    return at;
}

double tw_contingency_lose(TwContingencyCase *at, int lost, float *after)
{
    take_out(at->power, &at->c, at->block, lost);
    double dropped_w = settle(at->power, &at->c, at->rack_w, at->load_w, at->rest_s);
    put_back(at->power, &at->c, lost);
    for (int i = 0; i < at->power->element_count; i++) after[i] = (float)at->c.loading[i];
    return dropped_w;
}

void tw_contingency_end(TwContingencyCase *at)
{
    case_free(&at->c);
    free(at);
}
