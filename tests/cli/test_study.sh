#!/usr/bin/env bash
# study: a grid in parallel, one labelled file; killed and resumed it is the same file.
. "$(dirname "$0")/cli.sh"
scenarios=12 limits=500:900:200
sanitized && scenarios=8 limits=500:900:400
study="$TOKENWORKS study $facilities/dps_8rack.cfg --for 1min --set run.exchange_s=2.0 --set run.warmup_s=0.0 --axis power.utility.limit_kw=$limits --axis cooling.cdus.supply_degc=30,40 --replicates 2 -q"

expect 0 "$scenarios scenarios" $study --dry-run
expect 0 "$scenarios done" $study -o one.h5 --threads 1
expect 0 "$scenarios done" $study -o two.h5 --threads 2
cmp one.h5 two.h5 || fail "one and two threads differ"
[ -d one.h5.parts ] && fail "parts were left"
expect 0 "nothing to run" $study -o one.h5
expect 5 "exists" $study --set run.warmup_s=1.0 -o one.h5
mkfifo pipe
expect 5 "no regular file" $study -o pipe
[ -p pipe ] || fail "a pipe was replaced"

# killed, then the same command again
$study -o killed.h5 --threads 1 > /dev/null 2>&1 & pid=$!
for i in $(seq 100); do [ "$(cat killed.h5.parts/*.part 2>/dev/null | grep -ao 'tokenworks part' | wc -l)" -ge 3 ] && break; sleep 0.1; done
kill -KILL $pid 2> /dev/null; wait $pid 2> /dev/null
if [ ! -e killed.h5 ]; then
    expect 0 "$scenarios done" $study -o killed.h5
    grep -q '(0 of all' err.txt && fail "nothing was reused"
fi
cmp one.h5 killed.h5 || fail "resumed differs"

# two shards, one after the other; and two ranks, where there are any
expect 0 "goes on" $study -o shard.h5 --shard 0/2
expect 0 "$scenarios done" $study -o shard.h5 --shard 1/2
cmp one.h5 shard.h5 || fail "shards differ"
mpi=$(dirname "$TOKENWORKS")/tokenworks-mpi
if [ -x "$mpi" ] && command -v mpirun > /dev/null; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    # what the MPI library keeps for the life of the process is no leak of ours
    ASAN_OPTIONS=detect_leaks=0 expect 0 "$scenarios done" mpirun --oversubscribe -n 2 "$mpi" ${study#* } -o ranks.h5 --threads 1
    cmp one.h5 ranks.h5 || fail "ranks differ"

    # a rank is lost: the job ends, and the same command goes on
    ranks="mpirun --oversubscribe -n 2 $mpi ${study#* } -o lost.h5 --threads 1"
    $ranks > /dev/null 2>&1 & pid=$!
    for i in $(seq 200); do
        [ "$(cat lost.h5.parts/*.part 2>/dev/null | grep -ao 'tokenworks part' | wc -l)" -ge 2 ] && break
        [ -e lost.h5 ] && break
        sleep 0.05
    done
    lost=$(pgrep -P $pid | tail -1)
    if [ -n "$lost" ] && [ ! -e lost.h5 ]; then
        kill -KILL "$lost"
        wait $pid && fail "a job with a lost rank ended well"
        ASAN_OPTIONS=detect_leaks=0 expect 0 "$scenarios done" $ranks
        grep -q '(0 of all' err.txt && fail "nothing was reused after a lost rank"
    fi
    wait $pid 2> /dev/null
    cmp one.h5 lost.h5 || fail "after a lost rank the file differs"
fi

# a limit that is broken, a scenario that cannot be
cat > s.cfg <<END
study = { name = "s"; base = "$facilities/dps_8rack.cfg"; for_min = 1.0; warmup_min = 0.0;
  axes = ( { path = "power.utility.limit_kw"; values = [ 400.0, 900.0 ]; } );
  limits = ( { output = "power.utility_mw.peak"; max = 0.6; } );
  goals = ( { output = "tokens.output_per_s"; sense = "max"; } ); };
END
expect 0 "1 beyond a limit" "$TOKENWORKS" study s.cfg -q
expect 0 "limit broken" "$TOKENWORKS" report s.h5
grep -q "most output tokens: [0-9,]* .*tokens/s at limit_kw" out.txt || { cat out.txt; fail "no best scenario"; }
grep -q "e+0" out.txt && { cat out.txt; fail "a table with powers of ten"; }
awk 'length($0) > 120 { exit 1 }' out.txt || { cat out.txt; fail "a table wider than it can be read"; }
# a warm-up as long as the run: dashes are explained, and a run warns
expect 0 "there are no latencies" "$TOKENWORKS" study "$facilities/hopper_hall.cfg" --for 10s -q --no-plots -o cold.h5 --axis workload.arrival.rate_s=20,600 --replicates 2
grep -q "e+0" out.txt && { cat out.txt; fail "an interval with powers of ten"; }
expect 0 "the warm-up of 300 s is all of the run of 30 s" "$TOKENWORKS" run "$facilities/hopper_hall.cfg" --for 30s -q --out cold_run.h5
grep -q "256 GPUs; 30 s from" out.txt || fail "a span of seconds in hours"
expect 0 "in 1 of them power exceeded a limit in force" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --for 30s -q --no-plots -o over.h5 \
    --axis power.utility.limit_kw=100,900
sed -i 's/power.utility.limit_kw/power.utilty.limit_kw/' s.cfg
expect 3 "did you mean utility" "$TOKENWORKS" study s.cfg -q -o t.h5
expect 3 "needs --axis" "$TOKENWORKS" study "$facilities/dps_8rack.cfg"
expect 3 "holds no point" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --axis a.b=3:1:1

# whole numbers, many points, too many axes, one scenario under two names
expect 0 "2 scenarios" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --dry-run --axis racks.count=1,10
# a column is as wide as the name of its axis and what stands in it
expect 0 "pump_efficiency_fraction  rate_s  " "$TOKENWORKS" study "$facilities/hall_2n.cfg" --for 5s --no-plots -q \
    --axis cooling.plant.pump_efficiency_fraction=0.5,0.7 --axis workload.arrival.rate_s=5,6 --out wide.h5
# settings that are right one by one may not go together: the dry run builds what it can in two seconds, and says so
expect 0 "every scenario is valid" "$TOKENWORKS" study "$facilities/hopper_hall.cfg" --dry-run --for 1min --axis workload.tensor_parallel=2,4,8
expect 0 "2 of 6 scenarios cannot be built" "$TOKENWORKS" study "$facilities/hopper_hall.cfg" --dry-run --for 1min --axis workload.tensor_parallel=2,4,80 --axis workload.arrival.rate_s=100,300
grep -q "tensor_parallel = 80 does not divide 64 heads" out.txt || fail "why it cannot be built"
grep -q "every scenario is valid" out.txt && fail "what cannot be built is not valid"
# a wrong name in a study is said of the study, not of its facility
printf 'study = { name = "t"; base = "hopper_hall"; for_min = 1.0; axes = ( { path = "workload.tensor_parallel"; values = [ 2, 4 ]; } );\n  limits = ( { output = "latency.ttft.p99"; max = 2.0; } ); };\n' > names.cfg
expect 3 "names.cfg: error: limit latency.ttft.p99: no result is named so; did you mean latency.ttft_s.p99" "$TOKENWORKS" study names.cfg --dry-run
expect 0 "600 scenarios" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --dry-run --axis "workload.arrival.rate_s=$(seq -s, 600)"
expect 3 "at most 16 axes" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --dry-run $(seq -f '--axis workload.arrival.rate_s=%g' 17)
expect 3 "are the same" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --dry-run --axis workload.arrival.rate_s=5,7,5
expect 3 "are the same" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --dry-run --axis run.seed=1,2

# files of one's own that a facility names are part of a scenario: a changed one is not taken for what ran before
cp -r "$TOKENWORKS_SOURCE/calibration/h200_sxm" tables
expect 0 "" "$TOKENWORKS" calibration tables -q -o tables.h5
seq 1 128 | sed '1i share' > shares.csv
for named in racks.rack.gpu.calibration=tables/ racks.rack.gpu.calibration=tables.h5 'workload.expert_shares="shares.csv"'; do
    own="$TOKENWORKS study $facilities/hopper_hall.cfg --for 10s -q --no-plots --set workload.model=qwen3-30b-a3b --set run.warmup_s=0 --set $named --axis workload.arrival.rate_s=5 -o own.h5"
    rm -f own.h5
    expect 0 "1 done" $own
    expect 0 "nothing to run" $own
    case $named in
    *tables/) sed -i '/^[a-z0-9_]*,1,/s/\.[0-9]*//' tables/gemm.csv ;;
    *tables.h5) rm tables.h5; expect 0 "" "$TOKENWORKS" calibration tables -q -o tables.h5 ;;
    *) sed -i '2s/1/100/' shares.csv ;;
    esac
    expect 5 "exists" $own
    expect 0 "1 done (0 of all" $own --force
done

# so are the errors of published rows, which results are told with
mkdir data && ln -s "$TOKENWORKS_SOURCE/calibration" data/ && cp -r "$facilities" data/
own="env TOKENWORKS_DATA=$PWD/data $TOKENWORKS study data/facilities/hopper_hall.cfg --for 10s -q --no-plots --set run.warmup_s=0 --axis workload.arrival.rate_s=5 -o errors.h5"
expect 0 "1 done" $own
expect 0 "nothing to run" $own
sed -i '/^all,.*,rate,/s/,\([^,]*\)$/,9.9/' data/facilities/reference/errors.csv
expect 5 "exists" $own
expect 0 "1 done (0 of all" $own --force

# labels are any text; the JSON stays JSON
cat > label.cfg <<END
study = { name = "label"; base = "$facilities/hopper_hall.cfg"; for_s = 5.0;
  axes = ( { name = "fault"; cases = ( { label = "a\"b"; set = ["run.audit_fault_fraction=0.1"]; },
                                       { label = "none"; set = ["run.audit_fault_fraction=0.0"]; } ); } ); };
END
# a scenario whose books do not close is kept under its key, resumed as it was, and run again only when asked
expect 1 "1 failed" "$TOKENWORKS" study label.cfg -q --shard 0/2
expect 1 "1 failed" "$TOKENWORKS" study label.cfg -q --shard 0/2 --retry-failed
expect 1 "1 failed" "$TOKENWORKS" study label.cfg -q --json
python3 -c 'import json; json.load(open("out.txt"))' || fail "study --json is no JSON"
expect 1 "1 failed" "$TOKENWORKS" study label.cfg -q -o whole.h5
cmp label.h5 whole.h5 || fail "a failed scenario resumed differs"

/usr/bin/python3 -c 'import xarray' 2> /dev/null || finish
limits=$limits /usr/bin/python3 - <<'END' || fail "xarray"
import os, xarray as xr
first, last, step = map(int, os.environ["limits"].split(":"))
d = xr.open_dataset("one.h5")
assert d.tokens_output_per_s.dims == ("limit_kw", "supply_degc", "replicate"), d.tokens_output_per_s.dims
assert list(d.limit_kw.values) == list(range(first, last + 1, step)) and d.limit_kw.attrs["setting"] == "power.utility.limit_kw"
assert d.limit_kw.attrs["units"] == "kW" and d.supply_degc.attrs["units"] == "degC"
assert float(d.power_utility_mw_mean.sel(limit_kw=500).max()) < float(d.power_utility_mw_mean.sel(limit_kw=900).min())
assert d.power_pue.attrs["units"] == "1" and int(d.status.min()) == 1
END

# one replicate is asked for as any other number is: where the file says more, and where nothing said is a thousand
expect 0 ", 24 scenarios" "$TOKENWORKS" study "$facilities/studies/dc_800v.cfg" --dry-run --replicates 1
expect 0 ": 1 times" "$TOKENWORKS" availability "$facilities/hall_2n.cfg" --replicates 1
# nothing lost in all the years has no interval and no nines, but says how seldom: -T/ln(0.05)
expect 0 "less often than once in 16.69 years" "$TOKENWORKS" availability "$facilities/dps_8rack.cfg" --years 5 --replicates 10 \
    --set 'operations.failures+={ name = "gpu"; of = "gpu"; per_million_h = 12.62; mttr_h = 1.0; }'
"$TOKENWORKS" availability "$facilities/dps_8rack.cfg" --years 5 --replicates 10 --json \
    --set 'operations.failures+={ name = "gpu"; of = "gpu"; per_million_h = 12.62; mttr_h = 1.0; }' > out.txt
[ "$(json layers.power.low)" = None ] && [ "$(json layers.power.availability)" = 1 ] || fail "an interval of nothing lost"
finish
