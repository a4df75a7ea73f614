#!/usr/bin/env bash
# The lines that docs/results.md gives to readers of the files: Python, C and Octave, each where its packages are there.
. "$(dirname "$0")/../cli/cli.sh"
page="$TOKENWORKS_SOURCE/docs/results.md"
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$page" | sed '1d;$d'; }
cat > study.cfg <<END
study = { name = "study"; base = "$facilities/dps_8rack.cfg"; for_s = 5.0; warmup_s = 0.0; replicates = 2;
  axes = ( { name = "site"; cases = ( { label = "chicago"; set = [ "site=chicago" ]; },
                                      { label = "oslo"; set = [ "site=telenor_oslo" ]; } ); },
           { path = "cooling.cdus.supply_degc"; values = [ 25.0, 35.0, 45.0 ]; } );
  record = { series = [ "utility_w", "rack.chip_degc" ]; interval_s = 1.0; }; };
END
expect 0 "12 done" "$TOKENWORKS" study study.cfg -q --no-plots
expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 62min -q --set run.exchange_s=10 --set workload.arrival.rate_s=0.01 --set run.component_s=60 --set run.start="2026-07-01 00:00:00" --out run.h5
cp out.txt run.txt
tried=""

if command -v cc > /dev/null && pkg-config --exists hdf5 2> /dev/null; then
    block c > read.c
    # shellcheck disable=SC2046
    cc read.c -o read $(pkg-config --cflags --libs hdf5) -lhdf5_hl || fail "the C example does not compile"
    ./read > c.txt || fail "the C example does not run"
    grep -q "^2 sites, 3 temperatures, 2 replicates; first PUE 1\.[0-9]" c.txt || fail "the C example says: $(cat c.txt)"
    tried="$tried C"
fi
if /usr/bin/python3 -c 'import xarray, pandas' 2> /dev/null; then
    block python > read.py
    echo 'assert study.power_pue.dims == ("site", "supply_degc", "replicate")' >> read.py
    /usr/bin/python3 read.py > python.txt || fail "the Python example does not run: $(cat python.txt)"
    tried="$tried Python"
fi
if command -v octave-cli > /dev/null && octave-cli --eval 'pkg load netcdf' > /dev/null 2>&1; then
    block octave > read.m
    # reversed: what xarray calls (site, supply_degc, replicate)
    echo 'assert(isequal(size(ncread("study.h5", "power_pue")), [2 3 2])); assert(isequal(size(pue), [3 2])); assert(strncmp(site(2, :), "oslo", 4));' >> read.m
    octave-cli read.m > octave.txt 2>&1 || fail "the Octave example does not run: $(tr -d "\\000" < octave.txt)"
    tried="$tried Octave"
fi
echo "tried:$tried"
[ -n "$tried" ] || exit 77
finish
