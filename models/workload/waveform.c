#include "models/workload/waveform.h"

#include "models/workload/params.h"
#include "sim/order.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool tw_waveform_load(TwWaveform *w, const char *name, TwError *error)
{
    char group[96];
    snprintf(group, sizeof group, "train.power.%.60s", name);
    TwParams *params;
    if (!tw_params_read(&params, error)) return false;
    double steps;
    const struct {
        const char *name;
        double *into;
    } values[] = {{"step_s", &w->step_s},
                  {"steps_per_block", &steps},
                  {"eval_s", &w->eval_s},
                  {"plateau_w_per_node", &w->plateau_w},
                  {"dip_w_per_node", &w->dip_w},
                  {"dip_fall_s", &w->fall_s},
                  {"dip_hold_s", &w->hold_s},
                  {"dip_rise_s", &w->rise_s},
                  {"eval_w_per_node", &w->eval_w},
                  {"eval_first_w_per_node", &w->eval_first_w},
                  {"eval_first_s", &w->eval_first_s},
                  {"eval_edge_s", &w->eval_edge_s},
                  {"idle_w_per_node", &w->idle_w},
                  {"node_mean_spread_fraction", &w->node_spread_fraction},
                  {"node_noise_w", &w->noise_w},
                  {"meter_period_s", &w->meter_s}};
    bool good = true;
    for (size_t i = 0; good && i < sizeof values / sizeof *values; i++)
        good = tw_param(params, group, values[i].name, values[i].into, error);
    w->steps_per_block = good ? (int)steps : 0;
    tw_params_destroy(params);
    return good;
}

TwWaveform tw_waveform_scaled(const TwWaveform *of, double step_s, double plateau_w, double idle_w)
{
    TwWaveform w = *of;
    double ratio = plateau_w / of->plateau_w;
    w.step_s = step_s;
    w.plateau_w = plateau_w;
    w.idle_w = idle_w;
    w.dip_w = of->dip_w * ratio;
    w.eval_w = of->eval_w * ratio;
    w.eval_first_w = of->eval_first_w * ratio;
    // a step's dip keeps its share of the step
    double stretch = step_s / of->step_s;
    w.fall_s *= stretch, w.hold_s *= stretch, w.rise_s *= stretch;
    return w;
}

double tw_waveform_cycle_s(const TwWaveform *w)
{
    int steps = w->steps_per_block > 0 ? w->steps_per_block : 1;
    return steps * w->step_s + (w->steps_per_block > 0 ? w->eval_s : 0.0);
}

double tw_waveform_missing_j(const TwWaveform *w)
{
    return (w->plateau_w - w->dip_w) * (0.5 * w->fall_s + w->hold_s + 0.5 * w->rise_s);
}

// Power missing at t seconds after a step ended (negative: before), of a dip of one watt.
static double dip(const TwWaveform *w, double t)
{
    if (t <= -w->fall_s - w->hold_s || t >= w->rise_s) return 0.0;
    if (t < -w->hold_s) return 1.0 + (t + w->hold_s) / w->fall_s;
    return t <= 0.0 ? 1.0 : 1.0 - t / w->rise_s;
}

double tw_waveform_w(const TwWaveform *w, double time_s)
{
    double cycle_s = tw_waveform_cycle_s(w), t = fmod(time_s, cycle_s);
    if (t < 0.0) t += cycle_s;
    int steps = w->steps_per_block > 0 ? w->steps_per_block : 1;
    double missing = 0.0, depth_w = w->plateau_w - w->dip_w, block_s = steps * w->step_s;
    // the ends of the step before, of this one, and across the evaluation
    for (int k = 1; k <= steps; k++) {
        double since_s = t - k * w->step_s;
        if (since_s < -w->step_s || since_s > w->step_s) continue;
        missing = fmax(missing, depth_w * dip(w, since_s));
    }
    if (w->steps_per_block == 0) missing = fmax(missing, depth_w * dip(w, t));
    if (w->steps_per_block > 0 && t > block_s - w->eval_edge_s) {
        double into_s = t - block_s, left_s = w->eval_s - into_s;
        double lower_w = w->plateau_w - (into_s >= 0.0 && into_s < w->eval_first_s ? w->eval_first_w : w->eval_w);
        double edge = into_s < 0.0 ? 1.0 + into_s / w->eval_edge_s : fmin(1.0, left_s / w->eval_edge_s);
        missing = fmax(missing, lower_w * fmax(0.0, edge));
    }
    return w->plateau_w - missing;
}

double tw_waveform_mean_w(const TwWaveform *w)
{
    enum { POINTS = 20000 };
    double sum = 0.0, cycle_s = tw_waveform_cycle_s(w);
    for (int i = 0; i < POINTS; i++) sum += tw_waveform_w(w, (i + 0.5) / POINTS * cycle_s);
    return sum / POINTS;
}

// The strongest line between 4 and 60 s, by the discrete Fourier transform, with the bins beside it.
static void find_line(const double *power, int samples, double meter_s, double mean, double variance, double *line_s,
                      double *share)
{
    int low = (int)ceil(samples * meter_s / 60.0), high = (int)floor(samples * meter_s / 4.0);
    if (high > samples / 2) high = samples / 2;
    double *spectrum = calloc((size_t)high + 3, sizeof *spectrum);
    if (!spectrum) abort();
    for (int k = low; k <= high; k++) {
        double re = 0.0, im = 0.0, step = 2.0 * 3.14159265358979323846 * k / samples;
        for (int i = 0; i < samples; i++) {
            double x = power[i] - mean;
            re += x * cos(step * i);
            im += x * sin(step * i);
        }
        spectrum[k] = 2.0 * (re * re + im * im) / ((double)samples * samples);
    }
    int best = low;
    for (int k = low; k <= high; k++)
        if (spectrum[k] > spectrum[best]) best = k;
    double around = spectrum[best] + (best > low ? spectrum[best - 1] : 0.0) + (best < high ? spectrum[best + 1] : 0.0);
    *line_s = samples * meter_s / best;
    *share = around / variance;
    free(spectrum);
}

bool tw_waveform_measure(const TwWaveform *w, int nodes, int samples, bool synchronous, TwStream stream,
                         TwWaveformStats *stats)
{
    if (nodes < 1 || samples < 16) return false;
    size_t n = (size_t)samples;
    double *sum = calloc(n, sizeof *sum), *each = calloc(n * (size_t)nodes, sizeof *each);
    if (!sum || !each) abort();
    double cycle_s = tw_waveform_cycle_s(w), begin_s = tw_random(stream, 0, 0, TW_PURPOSE_METER) * cycle_s;
    for (int k = 0; k < nodes; k++) {
        uint32_t words[4];
        tw_random4(stream, 1, (uint32_t)k, TW_PURPOSE_METER, words);
        double phase_s = synchronous ? 0.0 : tw_uniform(words[0]) * w->meter_s;
        double scale = 1.0 + w->node_spread_fraction * tw_normal_quantile(tw_uniform(words[1]));
        for (int i = 0; i < samples; i++) {
            double mean = tw_waveform_w(w, begin_s + phase_s + i * w->meter_s);
            double z = tw_normal_quantile(tw_random(stream, (uint64_t)i + 2, (uint32_t)k, TW_PURPOSE_METER));
            double power = scale * mean + w->noise_w * z;
            each[(size_t)k * n + (size_t)i] = power;
            sum[i] += power;
        }
    }
    double mean = 0.0, square = 0.0;
    for (int i = 0; i < samples; i++) mean += sum[i] / samples;
    for (int i = 0; i < samples; i++) square += (sum[i] - mean) * (sum[i] - mean) / samples;
    *stats = (TwWaveformStats){.mean_w = mean, .sd_w = sqrt(square), .energy_j = mean * samples * w->meter_s};
    stats->dip_depth_fraction = 1.0 - w->dip_w / w->plateau_w;
    find_line(sum, samples, w->meter_s, mean, square, &stats->line_s, &stats->line_share);

    // mean correlation over pairs: of series scaled to unit variance, from the variance of their sum
    double *unit = calloc(n, sizeof *unit);
    if (!unit) abort();
    for (int k = 0; k < nodes; k++) {
        const double *x = each + (size_t)k * n;
        double m = 0.0, v = 0.0;
        for (int i = 0; i < samples; i++) m += x[i] / samples;
        for (int i = 0; i < samples; i++) v += (x[i] - m) * (x[i] - m) / samples;
        for (int i = 0; i < samples; i++) unit[i] += (x[i] - m) / sqrt(v);
    }
    double all = 0.0;
    for (int i = 0; i < samples; i++) all += unit[i] * unit[i] / samples;
    stats->pair_correlation = nodes > 1 ? (all - nodes) / ((double)nodes * (nodes - 1)) : 1.0;
    tw_sort(sum, n);
    stats->p50_w = sum[(size_t)(0.5 * (samples - 1))];
    stats->p99_w = sum[(size_t)(0.99 * (samples - 1))];
    free(unit);
    free(each);
    free(sum);
    return true;
}
