#!/usr/bin/env bash
# Series of a study: of the facility and of every rack, as a run records them; inside the file, or in files of the
# scenarios behind virtual datasets, with the same numbers.
. "$(dirname "$0")/../cli/cli.sh"
study() {
    cat > "$1.cfg" <<END
study = { name = "s"; base = "$facilities/dps_8rack.cfg"; for_s = 180.0; warmup_s = 0.0; set = [ "run.component_s=60", "run.series_s=60" ];
  axes = ( { path = "cooling.cdus.supply_degc"; values = [ 30.0, 40.0 ]; }, { path = "racks.count"; values = [ 1, 2 ]; } );
  record = { series = [ "utility_w", "rack.rack_w", "rack.chip_degc", "cdu.supply_degc" ]; interval_s = 60.0; $2 }; };
END
}
study inside ""
study apart "virtual_gb = 0.0;"
expect 0 "4 done" "$TOKENWORKS" study inside.cfg -q --no-plots -o inside.h5 --threads 1
expect 0 "4 done" "$TOKENWORKS" study inside.cfg -q --no-plots -o again.h5 --threads 2
cmp inside.h5 again.h5 || fail "two threads differ"
expect 0 "4 done" "$TOKENWORKS" study apart.cfg -q --no-plots -o apart.h5 --threads 2
[ "$(ls apart.h5.parts/*.h5 | wc -l)" = 4 ] || fail "not a file for each scenario: $(ls apart.h5.parts)"
cp apart.h5 keep.h5
expect 0 "nothing to run" "$TOKENWORKS" study apart.cfg -q --no-plots -o apart.h5
rm apart.h5
touch apart.h5.parts/0123.h5.tmp-1
expect 0 "4 done (4 of all" "$TOKENWORKS" study apart.cfg -q --no-plots -o apart.h5
ls apart.h5.parts | grep -qv 'h5$\|part$' && fail "left beside the parts: $(ls apart.h5.parts)"
cmp apart.h5 keep.h5 || fail "made again from its parts, the file differs"

# a damaged part is set aside, and its scenario runs again
part=$(ls apart.h5.parts/*.h5 | head -1)
cp "$part" part.h5
truncate -s 700 "$part"
rm apart.h5
expect 0 "4 done (3 of all" "$TOKENWORKS" study apart.cfg -q --no-plots -o apart.h5
cmp apart.h5 keep.h5 || fail "after a damaged part the file differs"
cmp part.h5 "$part" || fail "the part that ran again differs"
[ -e "${part%.h5}.bad" ] || fail "the damaged part was not set aside"

# names that the file needs itself, or that nothing has
sed 's/{ path = "racks.count"/{ name = "rack"; path = "racks.count"/' inside.cfg > name.cfg
expect 3 "cannot be named rack" "$TOKENWORKS" study name.cfg -q -o name.h5
sed 's/"rack.chip_degc"/"rack.chips_degc"/' inside.cfg > name.cfg
expect 3 "did you mean rack.chip_degc" "$TOKENWORKS" study name.cfg -q -o name.h5
sed 's/"rack.chip_degc"/"rock.chip_degc"/' inside.cfg > name.cfg
expect 3 "did you mean rack.chip_degc" "$TOKENWORKS" study name.cfg -q -o name.h5

/usr/bin/python3 -c 'import xarray, netCDF4' 2> /dev/null || finish
expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" -q --for 180s --out run.h5 --set run.warmup_s=0 --set run.component_s=60 --set run.series_s=60 --set cooling.cdus.supply_degc=40
/usr/bin/python3 - "$part" <<'END' || fail "xarray"
import importlib.util, os, sys
import numpy as np
import xarray as xr
engines = ["netcdf4"] + (["h5netcdf"] if importlib.util.find_spec("h5netcdf") else [])
def opened(file, group, engine=None):
    with xr.open_dataset(file, group=group, engine=engine) as d:
        return d.load()
for engine in engines:
    for group in ("series", "series/rack", "series/cdu"):
        a, b = opened("inside.h5", group, engine), opened("apart.h5", group, engine)
        assert list(a.data_vars) == list(b.data_vars) and not [n for n in a.dims if "phony" in str(n)]
        for n in a.data_vars:
            if a[n].dtype.kind == "f": np.testing.assert_array_equal(a[n].values, b[n].values, n)
    racks = opened("inside.h5", "series/rack", engine)
    assert racks.rack_w.dims == ("cdus_supply_degc", "count", "replicate", "time", "rack"), racks.rack_w.dims
    assert racks.rack_w.attrs["units"] == "W" and racks.rack_w_max.attrs["cell_methods"] == "time: maximum"
    assert np.issubdtype(racks.time.dtype, np.datetime64) and racks.x_m.dims == ("rack",)
    # what only the larger hall has is missing in the smaller one
    assert np.isnan(racks.rack_w.sel(count=1, rack="a2")).all() and not np.isnan(racks.rack_w.sel(count=2)).any()
    assert bool((racks.rack_w_max >= racks.rack_w).sel(count=2).all() and (racks.rack_w_min <= racks.rack_w).sel(count=2).all())
# a run of the same settings records the same
run, study = opened("run.h5", "rack"), racks.sel(cdus_supply_degc=40, count=2).isel(replicate=0)
for n in ("rack_w", "rack_w_min", "rack_w_max", "chip_degc", "chip_degc_max"):
    for rack in run.rack.values:
        np.testing.assert_array_equal(study[n].sel(rack=rack).values, run[n].sel(rack=rack).values, n)
power = opened("inside.h5", "series").utility_w.sel(cdus_supply_degc=40, count=2).values[0]
np.testing.assert_array_equal(power, opened("run.h5", None).utility_w.values)
# one part lost: missing there, the rest as it was
before = opened("apart.h5", "series/rack").chip_degc
os.remove(sys.argv[1])
after = opened("apart.h5", "series/rack").chip_degc
lost = np.isnan(after).all(("time", "rack"))
assert int(lost.sum()) == 1, lost
np.testing.assert_array_equal(after.where(~lost).values, before.where(~lost).values)
END
finish
