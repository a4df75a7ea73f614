#include "models/thermal/pipe.h"

#include <math.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static double area_m2(const TwPipe *pipe) { return 0.25 * pi * pipe->diameter_m * pipe->diameter_m; }

static double swamee_jain(double reynolds, double rough)
{
    double root = log10(rough / 3.7 + 5.74 / pow(reynolds, 0.9));
    return 0.25 / (root * root);
}

double tw_pipe_friction(double reynolds, double relative_roughness)
{
    const double laminar = 2000.0, turbulent = 4000.0;
    if (reynolds < laminar) return 64.0 / fmax(reynolds, 1e-9);
    if (reynolds > turbulent) return swamee_jain(reynolds, relative_roughness);
    double low = 64.0 / laminar, high = swamee_jain(turbulent, relative_roughness);
    return low + (high - low) * (reynolds - laminar) / (turbulent - laminar);
}

double tw_pipe_velocity_m_s(const TwPipe *pipe, double flow_m3_s) { return flow_m3_s / area_m2(pipe); }

double tw_pipe_reynolds(const TwPipe *pipe, double flow_m3_s, double density_kg_m3, double viscosity_pa_s)
{
    return density_kg_m3 * fabs(tw_pipe_velocity_m_s(pipe, flow_m3_s)) * pipe->diameter_m / viscosity_pa_s;
}

double tw_pipe_drop_pa(const TwPipe *pipe, double flow_m3_s, double density_kg_m3, double viscosity_pa_s)
{
    double v = tw_pipe_velocity_m_s(pipe, flow_m3_s), dynamic = 0.5 * density_kg_m3 * v * fabs(v);
    double re = tw_pipe_reynolds(pipe, flow_m3_s, density_kg_m3, viscosity_pa_s);
    // f v^2 stays finite as flow dies: 64 nu v/D
    if (re < 1.0)
        return 32.0 * viscosity_pa_s * pipe->length_m * v / (pipe->diameter_m * pipe->diameter_m) +
               pipe->minor * dynamic;
    double f = tw_pipe_friction(re, pipe->roughness_m / pipe->diameter_m);
    return (f * pipe->length_m / pipe->diameter_m + pipe->minor) * dynamic;
}

double tw_pipe_delay_s(const TwPipe *pipe, double flow_kg_s, double density_kg_m3)
{
    return flow_kg_s > 0.0 ? pipe->length_m * area_m2(pipe) * density_kg_m3 / flow_kg_s : INFINITY;
}

void tw_plug_fill(TwPlug *plug, double mass_kg, double degc)
{
    memset(plug, 0, sizeof *plug);
    plug->count = 1.0;
    plug->mass_kg[0] = mass_kg;
    plug->degc[0] = degc;
}

// two neighbours that differ least become one, where the ring is full
static void make_room(TwPlug *plug)
{
    int n = (int)plug->count, best = 0;
    if (n < TW_PLUG_PARCELS) return;
    double least = INFINITY;
    for (int i = 0; i + 1 < n; i++) {
        double lost = fabs(plug->degc[i + 1] - plug->degc[i]) * fmin(plug->mass_kg[i], plug->mass_kg[i + 1]);
        if (lost < least) least = lost, best = i;
    }
    double m = plug->mass_kg[best] + plug->mass_kg[best + 1];
    plug->degc[best] = (plug->mass_kg[best] * plug->degc[best] + plug->mass_kg[best + 1] * plug->degc[best + 1]) / m;
    plug->mass_kg[best] = m;
    size_t rest = (size_t)(n - best - 2) * sizeof(double);
    memmove(&plug->mass_kg[best + 1], &plug->mass_kg[best + 2], rest);
    memmove(&plug->degc[best + 1], &plug->degc[best + 2], rest);
    plug->count = n - 1;
}

// walks the parcels from the outlet: the mean of the first mass_kg; *whole: parcels that leave, *part: of the next
static double leaving(const TwPlug *plug, double mass_kg, double inlet_degc, int *whole, double *part)
{
    double left = mass_kg, sum = 0.0;
    int i = 0, n = (int)plug->count;
    for (; i < n && left >= plug->mass_kg[i]; i++) {
        sum += plug->mass_kg[i] * plug->degc[i];
        left -= plug->mass_kg[i];
    }
    *whole = i;
    *part = 0.0;
    if (left > 0.0) {
        sum += left * (i < n ? plug->degc[i] : inlet_degc);
        if (i < n) *part = left;
    }
    return sum / mass_kg;
}

double tw_plug_outlet_degc(const TwPlug *plug, double mass_kg)
{
    int whole;
    double part;
    if (mass_kg <= 0.0) return plug->degc[0];
    return leaving(plug, mass_kg, plug->degc[(int)plug->count - 1], &whole, &part);
}

double tw_plug_push(TwPlug *plug, double mass_kg, double inlet_degc)
{
    if (mass_kg <= 0.0) return plug->degc[0];
    make_room(plug);
    int n = (int)plug->count, whole;
    double part, held = 0.0;
    for (int i = 0; i < n; i++) held += plug->mass_kg[i];
    plug->mass_kg[n] = mass_kg;
    plug->degc[n] = inlet_degc;
    plug->count = n + 1;
    double out = leaving(plug, mass_kg, inlet_degc, &whole, &part);
    int rest = n + 1 - whole;
    memmove(plug->mass_kg, plug->mass_kg + whole, (size_t)rest * sizeof(double));
    memmove(plug->degc, plug->degc + whole, (size_t)rest * sizeof(double));
    plug->mass_kg[0] -= part;
    plug->count = rest;
    // what rounding left of a parcel's mass
    double sum = 0.0;
    for (int i = 0; i < rest; i++) sum += plug->mass_kg[i];
    plug->mass_kg[rest - 1] += held - sum;
    return out;
}

double tw_plug_heat_kg_k(const TwPlug *plug)
{
    double sum = 0.0;
    for (int i = 0; i < (int)plug->count; i++) sum += plug->mass_kg[i] * plug->degc[i];
    return sum;
}
