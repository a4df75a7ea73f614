#!/usr/bin/env bash
# A result opens in xarray as it is: named dimensions, units, dates, both engines.
. "$(dirname "$0")/cli.sh"
/usr/bin/python3 -c 'import xarray, netCDF4' 2> /dev/null || exit 77
expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 3min -q --set run.exchange_s=2.0 --out r.h5
/usr/bin/python3 - <<'END' || fail "xarray"
import importlib.util
import numpy as np
import xarray as xr
engines = ["netcdf4"] + (["h5netcdf"] if importlib.util.find_spec("h5netcdf") else [])
for engine in engines:
    d = xr.open_dataset("r.h5", engine=engine)
    assert d.utility_w.dims == ("time",) and d.utility_w.attrs["units"] == "W"
    assert str(d.time.values[0]).startswith("2026-07-01T00:00:05")
    assert not [n for n in d.dims if "phony" in str(n)]
    assert (d.utility_w_max >= d.utility_w).all() and (d.utility_w >= d.utility_w_min).all()
    r = xr.open_dataset("r.h5", group="rack", engine=engine)
    assert r.rack_w.dims == ("time", "rack")
    assert r.chip_degc.attrs["units"] == "degC"
    k = xr.open_dataset("r.h5", group="kpi", engine=engine)
    assert abs(float(k.power_pue) - 1.05) < 0.2
r = xr.open_dataset("r.h5", group="rack")
assert float(r.rack_w_max.sel(rack="a2").max()) > 5e4
e = xr.open_dataset("r.h5", group="element")
assert float(e.loading_fraction_max.max()) <= 1.0
END
finish
