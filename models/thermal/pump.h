// Centrifugal pumps by affinity: H = n^2 H0 - a V^2 each, k alike in parallel share the flow, system H = K V^2.
// Left out: efficiency against flow (one figure), cavitation.
#pragma once

typedef struct TwPump {
    double shutoff_pa;        // H0 at full speed, > 0
    double curve_pa_s2_m6;    // a >= 0
} TwPump;

typedef struct TwPumpPoint {
    double flow_m3_s, head_pa, hydraulic_w;
} TwPumpPoint;

// Where `running` alike pumps at speed n meet a system of resistance K > 0; nothing runs: all zero.
TwPumpPoint tw_pump_point(const TwPump *pump, int running, double speed_fraction, double system_pa_s2_m6);
