#include "models/workload/arrivals.h"

#include "sim/config.h"
#include "sim/csv.h"
#include "sim/data.h"

#include <assert.h>
#include <math.h>
#include <string.h>

// entities of purpose TW_PURPOSE_MODULATOR; the Cox components are 0 and 1
enum { ENTITY_PERIOD = 2, ENTITY_FIRST_OFF, ENTITY_SECOND, ENTITY_STEP };

static const int64_t grid_bias = INT64_C(1) << 40;    // grid points before time zero have an index too
static const char *const params_file = "facilities/parts/traffic/generator_params.csv";

static double normal_cdf(double z) { return 0.5 * erfc(-z * 0.70710678118654752); }

// k < 1 through k + 1 and U^(1/k). index is below 2^55: eight bits are for the attempt, which fails with probability
// below 0.05.
double tw_gamma_variate(TwStream stream, uint64_t index, uint32_t entity, TwPurpose purpose, double k)
{
    double boost = 1.0, d = (k < 1.0 ? k + 1.0 : k) - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (uint64_t attempt = 0;; attempt++) {
        uint32_t words[4];
        tw_random4(stream, index << 8 | attempt, entity, purpose, words);
        if (attempt == 0 && k < 1.0) boost = pow(tw_uniform(words[2]), 1.0 / k);
        double z = tw_normal_quantile(tw_uniform(words[0])), v = 1.0 + c * z;
        if (attempt == 255) return boost * d;
        if (v <= 0.0) continue;
        v = v * v * v;
        if (log(tw_uniform(words[1])) < 0.5 * z * z + d - d * v + d * log(v)) return boost * d * v;
    }
}

// parameters

static bool find_param(const TwCsv *csv, const char *group, const char *name, double *value, TwError *error)
{
    int value_column = tw_csv_column(csv, "value");
    for (int r = 0; r < tw_csv_rows(csv); r++)
        if (strcmp(tw_csv_text(csv, r, 0), group) == 0 && strcmp(tw_csv_text(csv, r, 1), name) == 0)
            return tw_csv_number(csv, r, value_column, value, error);

    const char *known[64];
    int count = 0;
    for (int r = 0; r < tw_csv_rows(csv) && count < TW_COUNT(known); r++)
        if (strcmp(tw_csv_text(csv, r, 1), name) == 0) known[count++] = tw_csv_text(csv, r, 0);
    const char *nearest = tw_nearest(group, known, count);
    if (!nearest && count > 0) nearest = known[0];
    return tw_fail(error, TW_BAD_INPUT, "bursts \"%s\" has no %s in %s, did you mean \"%s\"?", group, name, params_file,
                   nearest ? nearest : "");
}

static bool load_cox(TwBursts *bursts, const TwCsv *csv, const char *group, TwError *error)
{
    static const char *const names[TW_COX_PARTS][2] = {{"cox_var_1", "cox_tau_1_s"}, {"cox_var_2", "cox_tau_2_s"}};
    for (int c = 0; c < TW_COX_PARTS; c++) {
        double variance, tau_s;
        if (!find_param(csv, group, names[c][0], &variance, error) ||
            !find_param(csv, group, names[c][1], &tau_s, error))
            return false;
        if (!(variance >= 0.0) || !(tau_s >= 0.01))
            return tw_fail(error, TW_BAD_INPUT, "bursts %s: %s = %g, %s = %g, expected 0 or more and 0.01 s or more",
                           group, names[c][0], variance, names[c][1], tau_s);
        bursts->sigma[c] = sqrt(log1p(variance));
        bursts->grid_s[c] = tau_s / 16.0;
    }
    return true;
}

static bool load_onoff(TwBursts *bursts, const TwCsv *csv, const char *group, TwError *error)
{
    const struct {
        const char *name;
        double *into;
        double min, max;
    } params[] = {
        {"on_lnmu_s", &bursts->on_mu, -20.0, 20.0},           {"on_lnsd", &bursts->on_sd, 1e-6, 5.0},
        {"off_lnmu_s", &bursts->off_mu, -20.0, 20.0},         {"off_lnsd", &bursts->off_sd, 1e-6, 5.0},
        {"off_cap_s", &bursts->off_cap_s, 1e-3, 1e9},         {"amp_lnsd", &bursts->amplitude_sd, 0.0, 5.0},
        {"rho_on_amp", &bursts->on_amplitude_rho, -1.0, 1.0}, {"second_var", &bursts->second_variance, 0.0, 100.0}};
    for (size_t i = 0; i < sizeof params / sizeof *params; i++) {
        double value;
        if (!find_param(csv, group, params[i].name, &value, error)) return false;
        if (!(value >= params[i].min && value <= params[i].max))
            return tw_fail(error, TW_BAD_INPUT, "bursts %s: %s = %g, expected %g to %g", group, params[i].name, value,
                           params[i].min, params[i].max);
        *params[i].into = value;
    }

    // E[min(OFF, cap)], and the share of it that lies in periods below the cap
    double s = bursts->off_sd, edge = (log(bursts->off_cap_s) - bursts->off_mu) / s;
    double plain = exp(bursts->off_mu + 0.5 * s * s);
    bursts->off_biased_below = normal_cdf(edge - s);
    double below = plain * bursts->off_biased_below, off = below + bursts->off_cap_s * normal_cdf(-edge);
    bursts->off_below = below / off;

    // E[ON amplitude] = E[ON] + E[OFF]: the mean of G is 1
    double on_sd = bursts->on_sd, a_sd = bursts->amplitude_sd;
    double on = exp(bursts->on_mu + 0.5 * on_sd * on_sd);
    bursts->on_fraction = on / (on + off);
    bursts->amplitude_mu = -log(bursts->on_fraction) - 0.5 * a_sd * a_sd - bursts->on_amplitude_rho * on_sd * a_sd;
    return true;
}

bool tw_bursts_load(TwBursts *bursts, TwBurstKind kind, const char *group, TwError *error)
{
    memset(bursts, 0, sizeof *bursts);
    bursts->kind = kind;
    if (kind == TW_NO_BURSTS) return true;

    char path[4096];
    TwCsv *csv;
    if (!tw_data_find(params_file, path, sizeof path))
        return tw_fail(error, TW_IO, "cannot find the burst parameters, last tried %s", path);
    if (!tw_csv_read(&csv, path, error)) return false;
    bool ok = kind == TW_COX ? load_cox(bursts, csv, group, error) : load_onoff(bursts, csv, group, error);
    tw_csv_destroy(csv);
    return ok;
}

void tw_arrivals_renewal(TwArrivals *arrivals, TwRenewal renewal, double shape)
{
    arrivals->renewal = renewal;
    arrivals->shape = shape;
    if (renewal == TW_EXPONENTIAL) return;
    assert(shape > 0.0 && shape <= 1e6);
    arrivals->weibull_scale = 1.0 / tgamma(1.0 + 1.0 / shape);
}

// intervals in operational time, mean 1

// number of an arrival of a slab, in 55 bits
static uint64_t arrival_index(int64_t slab, int64_t count) { return (uint64_t)slab << 31 | (uint64_t)count; }

static double renewal_interval(const TwArrivals *arrivals, const TwArrivalCursor *cursor, uint32_t cell)
{
    TwStream stream = arrivals->stream;
    uint64_t index = arrival_index(cursor->slab, cursor->count);
    double k = arrivals->shape;
    bool first = cursor->count == 0;

    // in equilibrium the first one is what is left of a length-biased interval
    if (arrivals->renewal == TW_GAMMA) {
        double x = tw_gamma_variate(stream, index, cell, TW_PURPOSE_ARRIVAL, first ? k + 1.0 : k) / k;
        return first ? x * tw_random(stream, index, cell, TW_PURPOSE_GAP) : x;
    }
    if (first) {
        double biased = tw_gamma_variate(stream, index, cell, TW_PURPOSE_ARRIVAL, 1.0 + 1.0 / k);
        return arrivals->weibull_scale * pow(biased, 1.0 / k) * tw_random(stream, index, cell, TW_PURPOSE_GAP);
    }
    double u = tw_random(stream, index << 8, cell, TW_PURPOSE_ARRIVAL);
    return arrivals->weibull_scale * pow(-log(u), 1.0 / k);
}

// bursts

static double innovation(const TwArrivals *arrivals, int part, int64_t grid)
{
    uint32_t words[4];
    uint64_t index = (uint64_t)(grid + grid_bias);
    tw_random4(arrivals->stream, index >> 2, (uint32_t)part, TW_PURPOSE_MODULATOR, words);
    return tw_normal_quantile(tw_uniform(words[index & 3]));
}

static const double ar1_keep = 0.93941306281347581;     // exp(-1/16)
static const double ar1_fresh = 0.34278724803499405;    // sqrt(1 - exp(-1/8))

static void start_cox(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    for (int c = 0; c < TW_COX_PARTS; c++) {
        int64_t grid = (int64_t)floor((double)cursor->slab * TW_SLAB_S / arrivals->bursts.grid_s[c]);
        double z = innovation(arrivals, c, grid - 320);
        for (int64_t g = grid - 319; g <= grid; g++) z = ar1_keep * z + ar1_fresh * innovation(arrivals, c, g);
        cursor->grid[c] = grid;
        cursor->left[c] = z;
        cursor->right[c] = ar1_keep * z + ar1_fresh * innovation(arrivals, c, grid + 1);
    }
}

static double cox_ln(const TwBursts *bursts, const TwArrivalCursor *cursor, double in_slab_s)
{
    double sum = 0.0;
    for (int c = 0; c < TW_COX_PARTS; c++) {
        double left_s = (double)cursor->grid[c] * bursts->grid_s[c] - (double)cursor->slab * TW_SLAB_S;
        double share = (in_slab_s - left_s) / bursts->grid_s[c];
        double z = cursor->left[c] + (cursor->right[c] - cursor->left[c]) * share;
        sum += bursts->sigma[c] * (z - 0.5 * bursts->sigma[c]);
    }
    return sum;
}

// the next piece between grid points of any component: its end, G at its start and growth of ln G
static void next_cox(const TwArrivals *arrivals, TwArrivalCursor *cursor, double *g, double *growth)
{
    const TwBursts *bursts = &arrivals->bursts;
    double from_s = cursor->piece_from_s, until_s = TW_SLAB_S, base_s = (double)cursor->slab * TW_SLAB_S;
    for (int c = 0; c < TW_COX_PARTS; c++) {
        double grid_s = bursts->grid_s[c];
        while ((double)(cursor->grid[c] + 1) * grid_s - base_s <= from_s) {
            cursor->grid[c]++;
            cursor->left[c] = cursor->right[c];
            cursor->right[c] = ar1_keep * cursor->left[c] + ar1_fresh * innovation(arrivals, c, cursor->grid[c] + 1);
        }
        until_s = fmin(until_s, (double)(cursor->grid[c] + 1) * grid_s - base_s);
    }
    double from_ln = cox_ln(bursts, cursor, from_s);
    cursor->piece_until_s = until_s;
    *g = exp(from_ln);
    *growth = (cox_ln(bursts, cursor, until_s) - from_ln) / (until_s - from_s);
}

static double amplitude(const TwBursts *bursts, double z_on, double z)
{
    double rho = bursts->on_amplitude_rho;
    return exp(bursts->amplitude_mu + bursts->amplitude_sd * (rho * z_on + sqrt(1.0 - rho * rho) * z));
}

static double off_length(const TwBursts *bursts, uint32_t word)
{
    return fmin(bursts->off_cap_s, exp(bursts->off_mu + bursts->off_sd * tw_normal_quantile(tw_uniform(word))));
}

// ON or OFF by its share of time, then what is left of a length-biased period
static void start_onoff(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    const TwBursts *bursts = &arrivals->bursts;
    uint32_t words[4];
    tw_random4(arrivals->stream, (uint64_t)cursor->slab << 31, ENTITY_PERIOD, TW_PURPOSE_MODULATOR, words);
    double state = tw_uniform(words[0]), u = tw_uniform(words[1]), left = tw_uniform(words[3]);

    cursor->period = 0;
    if (state < bursts->on_fraction) {
        double z_on = tw_normal_quantile(u) + bursts->on_sd;
        cursor->amplitude = amplitude(bursts, z_on, tw_normal_quantile(tw_uniform(words[2])));
        cursor->switch_s = left * exp(bursts->on_mu + bursts->on_sd * z_on);
        return;
    }
    double length = bursts->off_cap_s;
    if (u < bursts->off_below) {
        double z = tw_normal_quantile(u / bursts->off_below * bursts->off_biased_below);
        length = exp(bursts->off_mu + bursts->off_sd * (z + bursts->off_sd));
    }
    cursor->amplitude = 0.0;
    cursor->switch_s = left * length;
}

static void switch_onoff(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    const TwBursts *bursts = &arrivals->bursts;
    uint32_t words[4];
    bool was_on = cursor->amplitude > 0.0;
    if (!was_on) cursor->period++;
    tw_random4(arrivals->stream, arrival_index(cursor->slab, cursor->period),
               cursor->period == 0 ? ENTITY_FIRST_OFF : ENTITY_PERIOD, TW_PURPOSE_MODULATOR, words);
    if (was_on) {
        cursor->amplitude = 0.0;
        cursor->switch_s += off_length(bursts, words[2]);
        return;
    }
    double z_on = tw_normal_quantile(tw_uniform(words[0]));
    cursor->amplitude = amplitude(bursts, z_on, tw_normal_quantile(tw_uniform(words[1])));
    cursor->switch_s += exp(bursts->on_mu + bursts->on_sd * z_on);
}

static void next_onoff(const TwArrivals *arrivals, TwArrivalCursor *cursor, double *g)
{
    const TwBursts *bursts = &arrivals->bursts;
    while (cursor->switch_s <= cursor->piece_from_s) switch_onoff(arrivals, cursor);
    cursor->piece_until_s = fmin(TW_SLAB_S, cursor->switch_s);
    *g = cursor->amplitude;
    if (*g == 0.0 || bursts->second_variance == 0.0) return;

    double second = floor(cursor->piece_from_s);
    cursor->piece_until_s = fmin(cursor->piece_until_s, second + 1.0);
    uint64_t index = (uint64_t)cursor->slab * 3600 + (uint64_t)second;
    *g *= bursts->second_variance *
          tw_gamma_variate(arrivals->stream, index, ENTITY_SECOND, TW_PURPOSE_MODULATOR, 1.0 / bursts->second_variance);
}

// pieces of the rate

// Rate of the slab: that of a large client is zero in most and its peak in the others.
static double slab_rate_s(const TwArrivals *arrivals, int64_t slab)
{
    if (!(arrivals->step_peak > 1.0)) return arrivals->rate_s;
    double u = tw_random(arrivals->stream, (uint64_t)slab, ENTITY_STEP, TW_PURPOSE_MODULATOR);
    return u * arrivals->step_peak < 1.0 ? arrivals->rate_s * arrivals->step_peak : 0.0;
}

// the half hour of the profile that the slab is in, linear in time
static void next_plain(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    const TwProfile *profile = &arrivals->profile;
    double base_s =
        fmod(arrivals->start_s + fmod((double)cursor->slab * TW_SLAB_S, profile->period_s), profile->period_s);
    if (base_s < 0.0) base_s += profile->period_s;

    int64_t piece = (int64_t)floor(base_s / 1800.0) + cursor->half_hour++;
    int j = (int)(piece % profile->pieces);
    double left_s = (double)piece * 1800.0 - base_s;
    double slope = (profile->to[j] - profile->from[j]) / 1800.0;
    cursor->piece_until_s = fmin(TW_SLAB_S, left_s + 1800.0);
    double width = cursor->piece_until_s - cursor->piece_from_s;
    double rate_s = slab_rate_s(arrivals, cursor->slab);
    cursor->rate_s = fmax(0.0, rate_s * (profile->from[j] + slope * (cursor->piece_from_s - left_s)));
    cursor->bend = rate_s * slope;
    cursor->area = width > 0.0 ? width * (cursor->rate_s + 0.5 * cursor->bend * width) : 0.0;
}

static void next_burst(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    double g = 1.0, growth = 0.0;
    if (arrivals->bursts.kind == TW_COX)
        next_cox(arrivals, cursor, &g, &growth);
    else
        next_onoff(arrivals, cursor, &g);

    double from_s = cursor->piece_from_s, width = cursor->piece_until_s - from_s;
    double at_s = arrivals->start_s + (double)cursor->slab * TW_SLAB_S + from_s;
    double profile = g > 0.0 ? tw_profile_integral(&arrivals->profile, at_s, at_s + width) / width : 0.0;
    cursor->rate_s = slab_rate_s(arrivals, cursor->slab) * profile * g;
    cursor->bend = growth;
    cursor->area = cursor->rate_s * (growth != 0.0 ? expm1(growth * width) / growth : width);
}

static void next_piece(const TwArrivals *arrivals, TwArrivalCursor *cursor)
{
    cursor->piece_from_s = cursor->piece_until_s;
    if (arrivals->bursts.kind == TW_NO_BURSTS)
        next_plain(arrivals, cursor);
    else
        next_burst(arrivals, cursor);
    cursor->done = 0.0;
}

// time into the piece at which `done` of its operational time has gone by
static double invert(bool plain, double rate_s, double bend, double done)
{
    if (bend == 0.0) return done / rate_s;
    if (plain) return 2.0 * done / (rate_s + sqrt(fmax(0.0, rate_s * rate_s + 2.0 * bend * done)));
    return log1p(fmax(-1.0, bend * done / rate_s)) / bend;
}

void tw_arrivals_start(const TwArrivals *arrivals, TwArrivalCursor *cursor, uint32_t cell, int64_t slab)
{
    (void)cell;
    memset(cursor, 0, sizeof *cursor);
    cursor->slab = slab;
    if (slab >= TW_SLABS) return;
    if (arrivals->bursts.kind == TW_COX) start_cox(arrivals, cursor);
    if (arrivals->bursts.kind == TW_ONOFF) start_onoff(arrivals, cursor);
    next_piece(arrivals, cursor);
}

// moves on by an interval; false: the slab ends first
static bool go_on(const TwArrivals *arrivals, TwArrivalCursor *cursor, double interval)
{
    cursor->done += interval;
    while (cursor->done > cursor->area || cursor->area == 0.0) {
        if (cursor->piece_until_s >= TW_SLAB_S) return false;
        double over = cursor->done - cursor->area;
        next_piece(arrivals, cursor);
        cursor->done = over;
    }
    return true;
}

// operational time from the start of the piece to `in_piece_s` into it
static double area_until(bool plain, const TwArrivalCursor *cursor, double in_piece_s)
{
    if (cursor->bend == 0.0) return cursor->rate_s * in_piece_s;
    if (plain) return in_piece_s * (cursor->rate_s + 0.5 * cursor->bend * in_piece_s);
    return cursor->rate_s * expm1(cursor->bend * in_piece_s) / cursor->bend;
}

void tw_arrivals_scale(const TwArrivals *arrivals, TwArrivalCursor *cursor, double factor, int64_t time_ns)
{
    double before = cursor->factor > 0.0 ? cursor->factor : 1.0, passed = 0.0;
    double in_slab_s = (double)(time_ns - cursor->slab * TW_SLAB_NS) * 1e-9;
    bool plain = arrivals->bursts.kind == TW_NO_BURSTS;
    cursor->factor = factor;
    if (cursor->slab >= TW_SLABS || in_slab_s <= 0.0 || in_slab_s >= TW_SLAB_S) return;
    while (cursor->piece_until_s <= in_slab_s) {
        passed += cursor->area - cursor->done;
        next_piece(arrivals, cursor);
    }
    double done = area_until(plain, cursor, in_slab_s - cursor->piece_from_s);
    if (done > cursor->done) passed += done - cursor->done, cursor->done = done;
    cursor->credit += before * passed;
}

double tw_arrivals_expected(const TwArrivals *arrivals, TwArrivalCursor *cursor, int64_t time_ns)
{
    double sum = 0.0;
    bool plain = arrivals->bursts.kind == TW_NO_BURSTS;
    while (arrivals->rate_s > 0.0 && cursor->slab < TW_SLABS) {
        double in_slab_s = (double)(time_ns - cursor->slab * TW_SLAB_NS) * 1e-9;
        if (in_slab_s < cursor->piece_until_s) {
            double done = area_until(plain, cursor, fmax(in_slab_s - cursor->piece_from_s, 0.0));
            if (done > cursor->done) sum += done - cursor->done, cursor->done = done;
            return sum;
        }
        sum += fmax(cursor->area - cursor->done, 0.0);
        if (cursor->piece_until_s < TW_SLAB_S)
            next_piece(arrivals, cursor);
        else
            tw_arrivals_start(arrivals, cursor, 0, cursor->slab + 1);
    }
    return sum;
}

int tw_arrivals_fill(const TwArrivals *arrivals, TwArrivalCursor *cursor, uint32_t cell, int most, int64_t *arrival_ns,
                     int64_t *slab, int64_t *first)
{
    if (!(arrivals->rate_s > 0.0)) return 0;
    bool plain = arrivals->bursts.kind == TW_NO_BURSTS, exponential = arrivals->renewal == TW_EXPONENTIAL;
    uint32_t words[4];
    int filled = 0;
    *first = cursor->count;

    while (filled < most && cursor->slab < TW_SLABS) {
        double interval;
        if (exponential) {
            // four intervals from one block of the stream
            uint64_t index = arrival_index(cursor->slab, cursor->count);
            if ((cursor->count & 3) == 0 || filled == 0)
                tw_random4(arrivals->stream, index >> 2, cell, TW_PURPOSE_ARRIVAL, words);
            interval = -log(tw_uniform(words[cursor->count & 3]));
        } else {
            interval = renewal_interval(arrivals, cursor, cell);
        }
        if (cursor->factor > 0.0) interval = fmax(interval - cursor->credit, 0.0) / cursor->factor;
        cursor->credit = 0.0;
        if (!go_on(arrivals, cursor, interval)) {
            int64_t done = cursor->slab;
            if (filled > 0) *slab = done;
            double factor = cursor->factor;
            tw_arrivals_start(arrivals, cursor, cell, done + 1);
            cursor->factor = factor;
            if (filled > 0) return filled;
            *first = 0;
            continue;
        }
        double in_slab_s = cursor->piece_from_s + invert(plain, cursor->rate_s, cursor->bend, cursor->done);
        int64_t in_slab_ns = (int64_t)(fmin(in_slab_s, cursor->piece_until_s) * 1e9);
        if (in_slab_ns >= TW_SLAB_NS) in_slab_ns = TW_SLAB_NS - 1;
        arrival_ns[filled++] = cursor->slab * TW_SLAB_NS + in_slab_ns;
        cursor->count++;
    }
    *slab = cursor->slab;
    return filled;
}
