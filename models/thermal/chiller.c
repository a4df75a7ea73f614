#include "models/thermal/chiller.h"

#include <math.h>
#include <string.h>

// EnergyPlus data set Chillers.idf as carried by LBL's Buildings library (Fluid/Chillers/Data/ElectricEIR.mo)
static const TwChillerCurves records[] = {
    {"trane_cvhe_1442kw_vsd",
     1441800.0,
     6.61,
     0.10,
     1.07,
     4.44,
     8.89,
     12.78,
     35.00,
     {4.007341e-01, 1.148568e-03, 1.049504e-04, 5.574667e-02, -1.646131e-03, 1.323200e-03},
     {6.287646e-01, -3.024605e-02, 6.137016e-04, 1.805826e-02, 1.640653e-04, -1.113802e-04},
     {9.299787e-02, 3.244475e-01, 5.818753e-01}},
    {"york_yt_1459kw_vsd",
     1459400.0,
     6.40,
     0.10,
     1.13,
     4.44,
     8.89,
     12.78,
     29.44,
     {-1.665585e-01, 2.211580e-01, -1.408361e-02, 6.476151e-02, -2.009341e-03, -7.897630e-05},
     {1.438935e-01, 9.821191e-02, -1.174270e-02, 3.748666e-02, -5.700518e-04, 1.053698e-03},
     {3.999642e-02, 2.509430e-01, 7.067059e-01}},
    {"carrier_19xr_1407kw_vsd",
     1406600.0,
     6.04,
     0.20,
     1.04,
     4.44,
     10.00,
     12.78,
     32.22,
     {1.042261e+00, 2.644821e-03, -1.468026e-03, 1.366256e-02, -8.302334e-04, 1.573579e-03},
     {1.026340e+00, -1.612819e-02, -1.092591e-03, -1.784393e-02, 7.961842e-04, -9.586049e-05},
     {1.188880e-01, 6.723542e-01, 2.068754e-01}},
    {"carrier_19xr_1410kw_vsd",
     1410100.0,
     8.54,
     0.18,
     1.03,
     6.11,
     12.78,
     12.78,
     23.89,
     {9.597856e-01, -6.247187e-03, -1.117998e-03, 6.991040e-03, -6.321252e-04, 1.765068e-03},
     {1.131014e+00, -6.735406e-02, 3.034309e-06, 1.307361e-02, 3.384625e-04, 7.872113e-04},
     {9.662908e-02, 7.475978e-01, 1.566368e-01}},
    {"mcquay_pfh_4020kw_vanes",
     4019500.0,
     7.35,
     0.14,
     1.03,
     6.67,
     12.22,
     12.78,
     23.89,
     {8.958422e-01, 3.762768e-02, -3.550080e-03, -4.322645e-03, -1.194933e-03, 3.006034e-03},
     {9.322623e-01, -2.157964e-02, -1.435883e-03, 1.379036e-02, -1.491048e-04, 1.302075e-03},
     {5.763566e-02, 5.964012e-01, 3.473613e-01}},
    {"york_yk_4396kw_vanes",
     4395800.0,
     6.63,
     0.41,
     1.06,
     4.44,
     7.78,
     12.78,
     26.67,
     {3.693621e-01, -7.284715e-02, -4.871930e-03, 1.223355e-01, -5.368259e-03, 1.035036e-02},
     {5.913358e-01, -5.974145e-02, 8.176561e-04, 3.987353e-02, -8.176694e-04, 1.457994e-03},
     {3.021070e-01, 3.103971e-02, 6.669726e-01}},
    // air-cooled, from EnergyPlus' AirCooledChiller.idf; "entering" is air
    {"trane_cgam70_233kw_air",
     233166.0,
     3.0,
     0.25,
     1.0,
     5.56,
     10.0,
     4.44,
     46.11,
     {1.0771665463, 0.0404645861, 0.0001854396, -0.0050886345, -0.0000740287, -0.0003676657},
     {0.5212180076, -0.0110138414, 0.0004802646, 0.0053509451, 0.0003920247, -0.0005347635},
     {0.0105, 0.793, 0.2036}},
    {"york_ycal0066ee_233kw_air",
     232500.0,
     3.0,
     0.15,
     1.0,
     4.44,
     10.0,
     23.89,
     51.67,
     {-0.3150445077, 0.0405280626, 0.0024190031, 0.0792942011, -0.0012011444, -0.0013929638},
     {0.1927164731, -0.0030523978, 0.0016658544, 0.0254111018, 0.0001583052, -0.0013290135},
     {0.0, 1.0, 0.0}},
    {"mcquay_agz075d_257kw_air",
     257082.0,
     2.93,
     0.15,
     1.0,
     4.44,
     10.0,
     23.89,
     46.11,
     {1.0585362843, 0.0363158882, 0.000229529, -0.0040266953, -0.0000733438, -0.0003425523},
     {0.7566566326, -0.0080094048, 0.00039956, -0.0076070096, 0.0005478231, -0.0005383933},
     {0.0, 1.0, 0.0}},
    {"carrier_30xa200_682kw_air",
     681700.0,
     3.1,
     0.15,
     1.0,
     4.44,
     10.0,
     29.44,
     46.11,
     {0.9684665562, 0.0390275589, -0.0004958119, -0.0034590574, -0.0000431443, -0.0001359941},
     {0.2237696493, 0.0179127879, 0.0015112408, 0.0191328238, 0.0002137485, -0.001442698},
     {0.0, 1.0, 0.0}},
    {"carrier_30rb390_1326kw_air",
     1325800.0,
     2.8,
     0.15,
     1.0,
     4.44,
     15.56,
     29.44,
     48.89,
     {0.9061565538, 0.0623330771, -0.0006503808, -0.0014416333, -0.0001025746, -0.0004835891},
     {0.956167823, -0.0190268512, 0.0012528074, -0.0169835155, 0.0007174712, -0.0007448796},
     {0.0, 1.0, 0.0}},
    {"carrier_30xa500_1609kw_air",
     1609400.0,
     2.9,
     0.15,
     1.0,
     4.44,
     10.0,
     29.44,
     46.11,
     {-0.3479426478, 0.0637388098, -0.0007955045, 0.0712741456, -0.0010660025, -0.0009234587},
     {0.089134815, 0.0280734482, 0.0016909915, 0.0230561531, 0.0001663802, -0.0015023227},
     {0.0, 1.0, 0.0}},
};
enum { RECORDS = sizeof records / sizeof *records };

static const char *const names[RECORDS + 1] = {"trane_cvhe_1442kw_vsd",
                                               "york_yt_1459kw_vsd",
                                               "carrier_19xr_1407kw_vsd",
                                               "carrier_19xr_1410kw_vsd",
                                               "mcquay_pfh_4020kw_vanes",
                                               "york_yk_4396kw_vanes",
                                               "trane_cgam70_233kw_air",
                                               "york_ycal0066ee_233kw_air",
                                               "mcquay_agz075d_257kw_air",
                                               "carrier_30xa200_682kw_air",
                                               "carrier_30rb390_1326kw_air",
                                               "carrier_30xa500_1609kw_air",
                                               0};

int tw_chiller_names(const char *const **list)
{
    *list = names;
    return RECORDS;
}

const TwChillerCurves *tw_chiller_named(const char *name)
{
    for (int i = 0; i < RECORDS; i++)
        if (strcmp(records[i].name, name) == 0) return &records[i];
    return NULL;
}

static double curve(const double c[6], double te, double tc)
{
    return c[0] + c[1] * te + c[2] * te * te + c[3] * tc + c[4] * tc * tc + c[5] * te * tc;
}

bool tw_chiller_holds(const TwChillerCurves *c, double leaving_degc, double entering_degc)
{
    const double slack = 1e-6;
    return leaving_degc >= c->leaving_min_degc - slack && leaving_degc <= c->leaving_max_degc + slack &&
           entering_degc >= c->entering_min_degc - slack && entering_degc <= c->entering_max_degc + slack;
}

double tw_chiller_capacity_w(const TwChillerCurves *c, double leaving_degc, double entering_degc)
{
    return c->capacity_w * curve(c->capacity_terms, leaving_degc, entering_degc);
}

double tw_chiller_power_w(const TwChillerCurves *c, double leaving_degc, double entering_degc, double plr)
{
    double cycling = fmin(plr / c->plr_min, 1.0), load = fmin(fmax(plr, c->plr_min), c->plr_max);
    double part = c->part_terms[0] + c->part_terms[1] * load + c->part_terms[2] * load * load;
    return tw_chiller_capacity_w(c, leaving_degc, entering_degc) / c->cop *
           curve(c->power_terms, leaving_degc, entering_degc) * part * cycling;
}

double tw_carnot_share(double cop, double cold_degc, double hot_degc)
{
    return cop * (hot_degc - cold_degc) / (cold_degc + 273.15);
}

double tw_carnot_cop(double share, double cold_degc, double hot_degc, double lift_min_k, double cop_max)
{
    return fmin(cop_max, share * (cold_degc + 273.15) / fmax(hot_degc - cold_degc, lift_min_k));
}
