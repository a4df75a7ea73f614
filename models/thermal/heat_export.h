// Heat for a district network: an exchanger where plant water is warm enough, a heat pump where it is not.
//
//     plant return >= T_s + margin:  Q = min(eps C_min (T_in - T_r), demand)
//     else a heat pump: COP = eta T_s/(T_s - T_source) in kelvin, Q_source = min(Q (COP - 1)/COP, C (T_in - T_least)),
//           delivered Q = Q_source COP/(COP - 1); its power is part of what is delivered
//
// T_source is the mean of plant water in and out. The heat pump's evaporator is colder than any network: it takes heat
// from water below the network's return as well, down to T_least, the facility's set point. Left out: the network's own
// dynamics, the evaporator's size.
#pragma once

typedef struct TwHeatExport {
    double exchanger_ua_w_k, network_w_k;    // conductance; network flow * cp at full draw
    double return_degc, supply_degc;         // of the network
    double margin_k, eta_fraction;
    double demand_w;      // most the network takes
    double least_degc;    // the heat pump cools plant water no further
} TwHeatExport;

typedef struct TwExported {
    double plant_w;        // taken out of plant water
    double delivered_w;    // to the network
    double power_w;        // of the heat pump
} TwExported;

// From plant water of rate plant_w_k (flow * cp) entering at inlet_degc; nothing without flow or demand.
TwExported tw_heat_export(const TwHeatExport *site, double plant_w_k, double inlet_degc);

// Share eta of Carnot, with a lift of at least 1 K; never below 1.
double tw_heat_pump_cop(double eta, double source_degc, double supply_degc);
