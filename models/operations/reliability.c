#include "models/operations/reliability.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double tw_fleet_mtbf(double part_hours, double failures) { return part_hours / failures; }
double tw_fleet_stop(double mtbf, double parts) { return mtbf / parts; }

double tw_availability(double mtbf, double mttr) { return mtbf / (mtbf + mttr); }

double tw_availability_series(const double *availability, int count)
{
    double product = 1.0;
    for (int i = 0; i < count; i++) product *= availability[i];
    return product;
}

double tw_availability_parallel(const double *availability, int count)
{
    double out = 1.0;
    for (int i = 0; i < count; i++) out *= 1.0 - availability[i];
    return 1.0 - out;
}

// Binomial probability of exactly k of n.
static double binomial(int k, int n, double p)
{
    if (p <= 0.0) return k == 0;
    if (p >= 1.0) return k == n;
    double logs = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0) + k * log(p) + (n - k) * log1p(-p);
    return exp(logs);
}

double tw_availability_k_of_n(int needed, int count, double availability)
{
    double sum = 0.0;
    for (int k = needed < 0 ? 0 : needed; k <= count; k++) sum += binomial(k, count, availability);
    return fmin(sum, 1.0);
}

double tw_availability_at(double failure_rate, double repair_rate, double t)
{
    double rate = failure_rate + repair_rate, rest = repair_rate / rate;
    return rest + (1.0 - rest) * exp(-rate * t);
}

double tw_availability_standby(double first, double second, double switching)
{
    return 1.0 - (1.0 - first) * (1.0 - switching * second);
}

double tw_unavailability_common(double unavailability, double beta)
{
    double own = (1.0 - beta) * unavailability;
    return own * own + beta * unavailability;
}

// --- backup ----------------------------------------------------------------------------------------------------------

// product of count + 1; the first kind counts fastest
static int backup_states(const TwBackup *b)
{
    int states = 1;
    for (int k = 0; k < b->kinds; k++) {
        if (b->count[k] < 0 || b->count[k] > TW_BACKUP_STATES || states > TW_BACKUP_STATES) return -1;
        states *= b->count[k] + 1;
    }
    return states <= TW_BACKUP_STATES ? states : -1;
}

void tw_backup_start(const TwBackup *b, double *probability)
{
    int states = backup_states(b);
    for (int s = 0; s < states; s++) {
        double p = 1.0;
        for (int k = 0, rest = s; k < b->kinds; k++) {
            int running = rest % (b->count[k] + 1);
            rest /= b->count[k] + 1;
            p *= binomial(running, b->count[k], b->availability[k] * (1.0 - b->fail_to_start[k]));
        }
        probability[s] = p;
    }
}

static double carried(const TwBackup *b, int state)
{
    double sum = 0.0;
    for (int k = 0; k < b->kinds; k++) {
        sum += b->size[k] * (state % (b->count[k] + 1));
        state /= b->count[k] + 1;
    }
    return sum;
}

// One step of running: each generator fails with its probability; kinds one after the other.
static void step(const TwBackup *b, double *p, double *work)
{
    int states = backup_states(b), stride = 1;
    for (int k = 0; k < b->kinds; k++) {
        int levels = b->count[k] + 1;
        memset(work, 0, (size_t)states * sizeof *work);
        for (int s = 0; s < states; s++) {
            int running = s / stride % levels;
            for (int left = 0; left <= running; left++)
                work[s - (running - left) * stride] += p[s] * binomial(left, running, 1.0 - b->fail_step[k]);
        }
        memcpy(p, work, (size_t)states * sizeof *p);
        stride *= levels;
    }
}

bool tw_backup_survival(const TwBackup *b, const double *load, int count, int begin, int steps, bool cumulative,
                        double *survival)
{
    int states = backup_states(b);
    if (states < 0) return false;
    double *p = malloc(2 * (size_t)states * sizeof *p);
    if (!p) abort();
    tw_backup_start(b, p);
    for (int d = 0; d < steps; d++) {
        step(b, p, p + states);
        double need = load[(begin + d) % count], sum = 0.0;
        for (int s = 0; s < states; s++) {
            bool enough = carried(b, s) >= need * (1.0 - 1e-12);
            if (enough)
                sum += p[s];
            else if (cumulative)
                p[s] = 0.0;    // the outage was not survived: what comes later does not count
        }
        survival[d] = sum;
    }
    free(p);
    return true;
}

// --- draws -----------------------------------------------------------------------------------------------------------

double tw_draw_exponential(double u, double mean) { return -mean * log(u); }

double tw_draw_weibull(double u, double mean, double shape)
{
    return mean / tgamma(1.0 + 1.0 / shape) * pow(-log(u), 1.0 / shape);
}

double tw_draw_lognormal(double u, double mean, double deviation)
{
    double variance = log1p(deviation * deviation);
    return mean * exp(sqrt(variance) * tw_normal_quantile(u) - 0.5 * variance);
}
