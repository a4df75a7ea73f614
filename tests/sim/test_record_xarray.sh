#!/bin/bash
# Result files in other people's hands: what docs/results.md shows is run as it stands there, and both engines of xarray
# find named dimensions, dates and units (RS1, RS2, RS11).
set -eu
python=/usr/bin/python3
writer=${TOKENWORKS_BUILD:-build}/tests/test_sim_record
manual=${TOKENWORKS_SOURCE:-.}/docs/results.md
[ -x "$writer" ] || { echo "skipped: $writer is not built"; exit 77; }
"$python" -c "import xarray, netCDF4, h5netcdf" 2>/dev/null || { echo "skipped: python3 has no xarray"; exit 77; }

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
"$writer" "$folder"
block() { awk -v want="\`\`\`$1" '$0 == want {on = 1; next} /^```/ {on = 0} on' "$manual"; }
block python > "$folder/manual.py"
block octave > "$folder/manual.m"
block c > "$folder/manual.c"
cd "$folder"

cat > check.py <<'PY'
import warnings
warnings.simplefilter("error")
import numpy as np
import xarray as xr

for engine in "netcdf4", "h5netcdf":
    for name, groups in ("run.h5", ["", "rack", "kpi", "event"]), ("study.h5", [""]), ("names.h5", ["", "rack"]):
        for group in groups:
            d = xr.open_dataset(name, group=group or None, engine=engine)
            assert not [n for n in d.sizes if "phony" in n], (name, group, d.sizes)
            for n, v in d.variables.items():
                v.load()
                if v.dtype.kind == "f" and not n.endswith("_bnds"):
                    assert "units" in v.attrs and v.attrs.get("long_name"), (name, group, n)

    run = xr.open_dataset("run.h5", engine=engine)
    assert run.attrs["Conventions"] == "CF-1.10" and run.attrs["status"] == "complete"
    assert run.time.dtype.kind == "M" and str(run.time.values[0])[:19] == "2026-07-01T00:00:05"
    assert run.time_bnds.dims == ("time", "bnds") and run.utility_w.dims == ("time",)
    assert run.utility_w.attrs["cell_methods"] == "time: mean"
    assert run.utility_w_max.attrs["cell_methods"] == "time: maximum"
    spikes = run.utility_w_max.values > 2e6    # one second of the run
    assert spikes.sum() == 1 and spikes[777 // 5]
    assert (run.utility_w_min <= run.utility_w).all() and (run.utility_w <= run.utility_w_max).all()

    rack = xr.open_dataset("run.h5", group="rack", engine=engine)
    assert rack.rack_w.dims == ("time", "rack") and list(rack.rack.values) == ["a1", "a2", "b\u00e4r"]
    assert rack.time.dtype.kind == "M" and rack.rack_w.attrs["significant_bits"] == 12
    assert abs(rack.rack_w.sel(rack="a2").mean() - 2e5 / 3) < 20

    event = xr.open_dataset("run.h5", group="event", engine=engine)
    assert int(event.time_ns[1]) == 9007199254740993    # whole nanoseconds, beyond a double
    names = xr.open_dataset("names.h5", group="rack", engine=engine)
    assert names.sizes["rack"] == 8000 and abs(names.rack_w_max.sel(rack="rack7999")[0] - 7999) < 2
    assert len(str(xr.open_dataset("names.h5", engine=engine).config.values)) == 1 << 20

    study = xr.open_dataset("study.h5", engine=engine)
    assert study.power_pue.dims == ("site", "supply_degc", "replicate")
    assert study.supply_degc.attrs["setting"] == "cooling.supply_degc"
    assert study.status.dtype == np.int8 and study.status.attrs["flag_meanings"].split()[1] == "done"
PY
"$python" check.py
"$python" manual.py | tee manual.out
grep -q "MW on average" manual.out

if command -v pkg-config > /dev/null && pkg-config --exists hdf5; then
    ${CC:-cc} manual.c $(pkg-config --cflags --libs hdf5) -lhdf5_hl -o manual
    ./manual | grep "2 sites, 5 temperatures, 4 replicates; first PUE 1.1"
fi
if command -v octave > /dev/null && octave --eval "pkg load netcdf" > /dev/null 2>&1; then
    octave --quiet manual.m | grep "MW at most"
else
    echo "octave-netcdf is not here: its lines were not run"
fi
