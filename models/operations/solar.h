// Clear-sky power of photovoltaics: Haurwitz (1945) irradiance on the horizontal over 1,000 W/m2, with the declination
// of Cooper (1969) and clock time taken as solar time. Clouds are the caller's factor; tilt, tracking and temperature
// of the cells are left out.
#pragma once

// Share of the rated power, 0 to about 1.1; second_of_year from 1 January, any number.
double tw_solar_share(double latitude_deg, double second_of_year);
