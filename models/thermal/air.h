// Moist air: saturation pressure of Hyland and Wexler (1983), humidity ratio, enthalpy, wet bulb, standard pressure,
// with the balances of the ASHRAE Handbook, Fundamentals, chapter 1. Ideal-gas mixture; saturation over ice below 0.
#pragma once

// Saturation pressure in Pa, -100 to 200 degC.
double tw_air_saturation_pa(double degc);

// Humidity ratio [kg/kg dry air] from vapour pressure; of saturated air; from relative humidity 0 to 1.
double tw_air_humidity(double vapour_pa, double pressure_pa);
double tw_air_humidity_saturated(double degc, double pressure_pa);
double tw_air_humidity_relative(double degc, double relative_fraction, double pressure_pa);

// Enthalpy above dry air and liquid water at 0 degC, J/kg dry air; specific volume, m3/kg dry air.
double tw_air_enthalpy_j_kg(double degc, double humidity);
double tw_air_volume_m3_kg(double degc, double humidity, double pressure_pa);

// Wet bulb from dry bulb and humidity ratio; humidity ratio from both bulbs; relative humidity.
double tw_air_wet_bulb_degc(double degc, double humidity, double pressure_pa);
double tw_air_humidity_wet_bulb(double degc, double wet_bulb_degc, double pressure_pa);
double tw_air_relative_fraction(double degc, double humidity, double pressure_pa);

// Dew point from humidity ratio; temperature of saturated air of this enthalpy.
double tw_air_dew_point_degc(double humidity, double pressure_pa);
double tw_air_saturated_degc(double enthalpy_j_kg, double pressure_pa);

double tw_air_standard_pressure_pa(double elevation_m);
