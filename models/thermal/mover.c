#include "models/thermal/mover.h"

#include "models/thermal/spline.h"

#include <math.h>

static const double best = 0.7;    // of the hydraulics and of the motor each

// hydraulic efficiency over its best against log10 of the Euler number over its value there
static double euler_share(double x)
{
    double y = x < -0.5  ? 1.407887300933 + x * (1.433531254001 + x * (0.493231336746 + x * 0.05687322707407))
               : x > 0.5 ? 1.13993003013131 + x * (-0.65997315029278 + x * (0.12957001502368 - x * 0.0085494313567465))
                         : 1.01426507307139 + x * (-0.060614519563716 + x * (-0.75988502317361 + x * 0.37824577860088));
    return fmax(y / 1.01545, 1e-3);
}

// motor efficiency over its best, DOE's generic curves by rated power and part load
enum { SIZES = 8 };
static const double sizes_w[SIZES] = {700, 2500, 7500, 15000, 35000, 70000, 80000, 90000};
static const double part_load[TW_MOVER_LOADS] = {0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.2};
static const double motor_share[TW_MOVER_LOADS][SIZES] = {
    {1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6, 1e-6},
    {0.319836509737628, 0.329886760993909, 0.458027464511497, 0.576112127457564, 0.643957112752703, 0.724359122802955,
     1, 1},
    {0.551721742352314, 0.613279531297038, 0.752726767477942, 0.843179028784475, 0.903480536322164, 0.962525762452817,
     1, 1},
    {0.716480140443274, 0.804199438688888, 0.886622050343885, 0.936873306625292, 0.956973809137855, 0.987124562906699,
     1, 1},
    {0.816999745270129, 0.922527383461084, 0.950165574415858, 0.980316328184702, 1, 1, 1, 1},
    {0.906409929833499, 1, 1, 1, 1, 1, 1, 1},
    {0.956863812148299, 1, 1, 1, 1, 1, 1, 1},
    {1, 1, 1, 1, 1, 1, 1, 1},
    {1, 1, 1, 1, 1, 1, 1, 1}};

TwMover tw_mover_design(double flow_m3_s, double head_pa)
{
    TwMover m = {.flow_m3_s = flow_m3_s, .head_pa = head_pa};
    static const double at[3] = {0.0, 1.0, 2.0}, head[3] = {1.14, 1.0, 0.42};
    double most = 2.0 + head[2] / (head[1] - head[2]);    // where the last piece, drawn on, meets no head
    for (int i = 0; i < 3; i++) m.head_at[i] = at[i], m.head[i] = head[i];
    m.head_at[3] = most, m.head[3] = 0.0;
    tw_spline_slopes(TW_MOVER_HEADS, m.head_at, m.head, true, m.head_slope);

    // best efficiency at half the largest flow, on the curve of the three points alone
    double slope[3], peak = 0.5 * most;
    tw_spline_slopes(3, at, head, true, slope);
    double peak_head = tw_spline_at(3, at, head, slope, peak);

    // shaft power at tenths of the largest flow; its ends are drawn on straight
    for (int i = 0; i < TW_MOVER_POWERS; i++) m.shaft_at[i] = most * 0.1 * i;
    for (int i = 1; i + 1 < TW_MOVER_POWERS; i++) {
        double v = m.shaft_at[i], lift = tw_mover_head(&m, v);
        m.shaft[i] = v * lift / (best * euler_share(log10(lift * peak * peak / (peak_head * v * v))));
    }
    const int last = TW_MOVER_POWERS - 1;
    tw_spline_slopes(last - 1, m.shaft_at + 1, m.shaft + 1, false, m.shaft_slope + 1);
    m.shaft_slope[0] = m.shaft_slope[1], m.shaft_slope[last] = m.shaft_slope[last - 1];
    m.shaft[0] = m.shaft[1] - m.shaft_slope[1] * m.shaft_at[1];
    m.shaft[last] = m.shaft[last - 1] + m.shaft_slope[last] * (m.shaft_at[last] - m.shaft_at[last - 1]);

    // the motor, by its size
    m.rated_w = 1.2 * peak * 0.5 * head[0] / best * flow_m3_s * head_pa;
    for (int i = 0; i < TW_MOVER_LOADS; i++) {
        double by_size[SIZES];
        tw_spline_slopes(SIZES, sizes_w, motor_share[i], true, by_size);
        m.motor_at[i] = part_load[i];
        m.motor[i] = best * tw_spline_at(SIZES, sizes_w, motor_share[i], by_size, m.rated_w);
    }
    tw_spline_slopes(TW_MOVER_LOADS, m.motor_at, m.motor, true, m.motor_slope);
    return m;
}

double tw_mover_head(const TwMover *m, double flow)
{
    return tw_spline_at(TW_MOVER_HEADS, m->head_at, m->head, m->head_slope, flow);
}

double tw_mover_flow(const TwMover *m, double resistance)
{
    double low = 0.0, high = m->head_at[TW_MOVER_HEADS - 1];
    for (int i = 0; i < 60; i++) {
        double v = 0.5 * (low + high);
        if (tw_mover_head(m, v) > resistance * v * v)
            low = v;
        else
            high = v;
    }
    return 0.5 * (low + high);
}

double tw_mover_power_w(const TwMover *m, double flow, double speed)
{
    if (speed <= 1e-6) return 0.0;
    double at = flow / fmax(speed, 0.1);
    double shaft = speed * speed * speed *
                   fmax(tw_spline_at(TW_MOVER_POWERS, m->shaft_at, m->shaft, m->shaft_slope, at), 0.0) * m->flow_m3_s *
                   m->head_pa;
    double eta = tw_spline_at(TW_MOVER_LOADS, m->motor_at, m->motor, m->motor_slope, shaft / m->rated_w);
    return shaft / fmax(eta, 0.01);
}
