// Control valve on a branch of constant pressure: equal percentage k = R^(y - 1) or linear k = y, installed with
// authority N (its share of the pressure drop when open): flow over open flow = k/sqrt(k^2 (1 - N) + N).
#pragma once

// Flow fraction at opening y in [0, 1].
double tw_valve_flow(double opening, double rangeability, double authority);
