#!/usr/bin/env bash
# Functions with known answers through the whole program: designs, indices, fronts, searches, failures, reuse.
. "$(dirname "$0")/../cli/cli.sh"
# run NAME TEXT: writes and runs a study of a function, JSON to out.txt
run() {
    printf 'study = { name = "%s"; %s };\n' "$1" "$2" > "$1.cfg"
    expect "${3:-0}" "" "$TOKENWORKS" study "$1.cfg" -q --json --no-plots
}
# near WANTED TOLERANCE EXPRESSION: of the JSON object d
near() { python3 - "$@" <<'END' || fail "$3 is not $1"
import json, sys
d = json.load(open("out.txt"))
e = {a["axis"]: a for a in d["effects"][0]["axes"]} if d["effects"] else {}
got = eval(sys.argv[3])
if not abs(got - float(sys.argv[1])) <= float(sys.argv[2]): print(sys.argv[3], "=", got); sys.exit(1)
END
}
pi=3.14159265358979323846
axes3="axes = ( { path = \"x1\"; range = [-$pi, $pi]; }, { path = \"x2\"; range = [-$pi, $pi]; }, { path = \"x3\"; range = [-$pi, $pi]; } );"

# Ishigami: the estimates of an independent engine on the same points, and the closed form
run ish "function = \"ishigami\"; $axes3 design = { kind = \"sobol_indices\"; points = 4096; scramble = false; second_order = true; };"
near .314106 1e-5 'e["x1"]["first"]';  near .442473 1e-5 'e["x2"]["first"]'; near -.000065 1e-5 'e["x3"]["first"]'
near .557435 1e-5 'e["x1"]["total"]';  near .442454 1e-5 'e["x2"]["total"]'; near .243293 1e-5 'e["x3"]["total"]'
near .313905 .002 'e["x1"]["first"]';  near .442411 .002 'e["x2"]["first"]'; near 0 .002 'e["x3"]["first"]'
near .557589 .002 'e["x1"]["total"]';  near .243684 .002 'e["x3"]["total"]'; near 13.844588 .01 'd["effects"][0]["variance"]'
near .243684 .02 '[p["second"] for p in d["effects"][0]["pairs"] if p["axes"] == ["x1", "x3"]][0]'
near 0 0 '0 if e["x1"]["first_half_interval"] > abs(e["x1"]["first"] - .313905) else 1'
run ish1 "function = \"ishigami\"; $axes3 design = { kind = \"sobol_indices\"; points = 1024; scramble = false; };"
near .332955 1e-5 'e["x1"]["first"]'; near .018579 1e-5 'e["x3"]["first"]'; near .242149 1e-5 'e["x3"]["total"]'
cp ish1.h5 keep.h5; rm ish1.h5
run ish1 "function = \"ishigami\"; $axes3 design = { kind = \"sobol_indices\"; points = 1024; scramble = false; };"
cmp ish1.h5 keep.h5 || fail "the same study twice differs"

# Sobol g
g="" ; for i in 1 2 3 4 5 6; do g="$g${g:+, }{ path = \"x$i\"; range = [0.0, 1.0]; }"; done
run g "function = \"sobol_g\"; axes = ( $g ); design = { kind = \"sobol_indices\"; points = 4096; scramble = false; };"
i=1; for s in .716343 .179086 .023681 .007163 .000072; do near $s .003 "e['x$i']['first']"; i=$((i+1)); done
i=1; for s in .787257 .242233 .034322 .010462 .000105; do near $s .003 "e['x$i']['total']"; i=$((i+1)); done

# Morris: a plane has the same effect everywhere; a parabola has effects of one size that cancel
unit='axes = ( { path = "x1"; range = [0.0, 1.0]; }, { path = "x2"; range = [0.0, 1.0]; }, { path = "x3"; range = [0.0, 1.0]; } );'
run plane "function = \"linear\"; $unit design = { kind = \"morris\"; };"
for k in 1 2 3; do near $((4-k)) 1e-12 "e['x$k']['mu_star']"; near $((4-k)) 1e-12 "e['x$k']['mu']"; near 0 1e-12 "e['x$k']['sigma']"; done
run bowl 'function = "square"; axes = ( { path = "x1"; range = [0.0, 1.0]; } ); design = { kind = "morris"; trajectories = 400; };'
near .3333333333333 1e-12 'e["x1"]["mu_star"]'; near 0 .06 'e["x1"]["mu"]'

# tornado, with equal swings in file order
run tornado 'function = "ratio"; axes = ( { path = "x1"; range = [9.0, 11.0]; }, { path = "x2"; range = [4.5, 5.5]; }, { path = "x3"; range = [1.8, 2.2]; } ); design = { kind = "oat"; };'
near 5.0505 1e-4 'e["x3"]["swing"]'; near 5 1e-9 'e["x1"]["swing"]'; near 25 1e-12 'd["effects"][0]["base"]'
near 0 0 '0 if [a["axis"] for a in d["effects"][0]["axes"]] == ["x3", "x1", "x2"] else 1'

# a known front
run zdt1 'function = "zdt1"; reference = [1.0, 1.0]; axes = ( { path = "x1"; range = [0.0, 1.0]; steps = 101; }, { path = "x2"; values = [0.0, 0.3, 1.0]; } ); goals = ( { output = "f1"; sense = "min"; }, { output = "f2"; sense = "min"; } );'
near .661463 1e-6 'd["pareto"]["hypervolume"]'; near 101 0 'len(d["pareto"]["points"])'
near 0 1e-12 'max(abs(p["f2"] - 1 + p["f1"] ** .5) for p in d["pareto"]["points"])'

# searches
run threshold 'function = "queue"; limits = ( { output = "f"; max = 1.001; } ); search = { kind = "threshold"; path = "x1"; from = 1; to = 599; };'
near 480 0 'd["threshold"][0]["last_good"]'; near 481 0 'd["threshold"][0]["first_bad"]'; near 7 7 'd["threshold"][0]["tried"]'
run hill 'function = "hill"; goals = ( { output = "f"; } ); limits = ( { output = "sum"; max = 0.0; } ); axes = ( { path = "x1"; range = [-1.0, 1.0]; }, { path = "x2"; range = [-1.0, 1.0]; } ); search = { kind = "optimise"; evaluations = 150; starts = 3; };'
near .25 1e-3 'd["optimum"]["at"]["x1"]'; near -.25 1e-3 'd["optimum"]["at"]["x2"]'; near -.005 1e-4 'd["optimum"]["value"]'
cp hill.h5 keep.h5; rm hill.h5
expect 0 "" "$TOKENWORKS" study hill.cfg -q --threads 1 --no-plots
cmp hill.h5 keep.h5 || fail "a search on one thread differs"

# the same by a global method
sed 's/name = "hill"/name = "isres"/; s/kind = "optimise"; evaluations = 150; starts = 3/kind = "optimise"; method = "isres"; evaluations = 1500; starts = 1/' hill.cfg > isres.cfg
expect 0 "" "$TOKENWORKS" study isres.cfg -q --json --no-plots
near .25 .02 'd["optimum"]["at"]["x1"]'; near -.25 .02 'd["optimum"]["at"]["x2"]'; near -.005 1e-3 'd["optimum"]["value"]'
near 0 1e-9 'max(0.0, d["optimum"]["at"]["x1"] + d["optimum"]["at"]["x2"])'
cp isres.h5 keep.h5; rm isres.h5
expect 0 "" "$TOKENWORKS" study isres.cfg -q --threads 1 --no-plots
cmp isres.h5 keep.h5 || fail "a global search twice differs"

# latin hypercube: one point a stratum and axis
run lhs "function = \"linear\"; seed = 5; $unit design = { kind = \"lhs\"; points = 100; };"
near 0 0 '0 if all(sorted(int(s["axes"][x] * 100) for s in d["scenarios"]) == list(range(100)) for x in ("x1", "x2", "x3")) else 1'

# points of a sequence stay when more are added, and finished ones are taken over
run s64 "function = \"linear\"; $unit design = { kind = \"sobol\"; points = 64; };"
cp out.txt first.txt
sed 's/points = 64/points = 128/' s64.cfg > s128.cfg
expect 5 "exists" "$TOKENWORKS" study s128.cfg -q -o s64.h5
expect 0 "128 done (64 of all" "$TOKENWORKS" study s128.cfg -q -o s64.h5 --force --json
python3 -c 'import json
a, b = (json.load(open(f))["scenarios"] for f in ("first.txt", "out.txt"))
assert [s["key"] for s in a] == [s["key"] for s in b[:64]]' || fail "the first 64 points changed"

# rejected and failing scenarios stay where they are; the rest is done
run holes 'function = "root"; require = [ "x1 <= 44.5" ]; axes = ( { path = "x1"; range = [15.0, 45.0]; steps = 31; }, { path = "x2"; values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.5, 16.0]; } );' 1
near 527 0 'd["counts"]["scenarios"]'; near 2 0 'd["counts"]["failed"]'; near 17 0 'd["counts"]["rejected"]'; near 508 0 'd["counts"]["done"]'
near 0 0 '0 if d["scenarios"][15]["error"].startswith("root of") and d["scenarios"][15]["report"] is None else 1'
# a finished file is printed again, with the same exit status; what failed runs again where asked
cp out.txt first.txt
expect 1 "nothing to run" "$TOKENWORKS" study holes.cfg -q --no-plots --json
cmp -s out.txt first.txt || fail "printed again, a study says other things"
expect 1 "508 of all from an earlier run" "$TOKENWORKS" study holes.cfg -q --no-plots --retry-failed
run all 'function = "root"; axes = ( { path = "x1"; values = [0.0]; }, { path = "x2"; values = [1.0, 2.0]; } );' 4
run none 'function = "root"; require = [ "x1 > 0" ]; axes = ( { path = "x1"; values = [0.0]; }, { path = "x2"; values = [1.0, 2.0]; } );' 3
expect 3 "every scenario was rejected" "$TOKENWORKS" study none.cfg -q --no-plots

# what is wrong is said before anything runs
bad() { printf 'study = { name = "bad"; %s };\n' "$2" > bad.cfg; expect 3 "$1" "$TOKENWORKS" study bad.cfg -q; [ -e bad.h5 ] && fail "$1: a file"; }
bad "power of two" "function = \"linear\"; $unit design = { kind = \"sobol_indices\"; points = 100; };"
bad "even" "function = \"linear\"; $unit design = { kind = \"morris\"; levels = 5; };"
bad "did you mean ishigami" "function = \"ishigam\"; $unit"
bad "has 2 values, the first member of the zip has 3" "base = \"dps_8rack\"; axes = ( { zip = ( { path = \"capping.interval_s\"; values = [0.5, 1.0, 2.0]; }, { path = \"capping.floor_kw\"; values = [12.0, 18.0]; } ); } );"
bad "is no number" 'base = "dps_8rack"; axes = ( { path = "workload.precision"; range = [1.0, 2.0]; } ); design = { kind = "lhs"; points = 4; };'
bad "two axes" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [1.0]; }, { path = "capping.floor_kw"; values = [2.0]; } );'
bad "did you mean power.pue" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); goals = ( { output = "power.peu"; } );'
bad "is text" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); goals = ( { output = "limits.binding"; } );'
bad "did you mean utility_w" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); record = { series = ["utilty_w"]; };'
bad "no stated range" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; dist = "part"; } ); design = { kind = "lhs"; points = 4; };'
bad "needs limits" 'function = "queue"; search = { kind = "threshold"; path = "x1"; from = 1; to = 599; };'
bad "did you mean dps_8rack" 'base = "dps_8rak"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } );'
bad "a max, a min, or both" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); limits = ( { output = "power.pue"; } );'
bad "is that of another level too" 'base = "dps_8rack"; axes = ( { name = "site"; cases = ( { label = "a"; set = [ "site=chicago" ]; }, { label = "a"; set = [ "site=telenor_oslo" ]; } ); } );'
bad "cannot be named status" 'base = "dps_8rack"; axes = ( { name = "status"; path = "capping.floor_kw"; values = [12.0]; } );'
bad "a result has this name" 'base = "dps_8rack"; axes = ( { name = "power_pue"; path = "capping.floor_kw"; values = [12.0]; } );'
bad "is named twice" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); record = { series = ["utility_w", "utility_w"]; };'
bad "either side a path" 'base = "dps_8rack"; axes = ( { path = "capping.floor_kw"; values = [12.0]; } ); require = [ "capping.floor_kw <= nan" ];'

# an axis that nothing reads is told, and has the unit of its field; settings of a zip that share their last word
printf 'study = { name = "idle"; base = "hopper_hall"; for_s = 2.0; warmup_s = 0.0; axes = ( { path = "site.solar_usd_kwh"; values = [0.05, 0.1]; }, { zip = ( { path = "power.utility.limit_kw"; values = [500.0, 600.0]; }, { path = "power.pdu.limit_kw"; values = [240.0, 250.0]; } ); }, { path = "workload.arrival.rate_s"; values = [30.0, 60.0]; } ); goals = ( { output = "tokens.output_per_s"; }, { output = "power.pue"; sense = "min"; } ); };\n' > idle.cfg
expect 0 "solar_usd_kwh changes no result" "$TOKENWORKS" study idle.cfg -q
grep -q "rate_s changes no result" out.txt && fail "rate_s is said to change nothing"
grep -q "solar_usd_kwh = 0.0[0-9]* USD/kWh" out.txt || grep -q "solar_usd_kwh = 0.1 USD/kWh" out.txt || fail "no unit"
if [ -e idle_response.png ]; then [ -s idle_response_2.png ] || fail "no response of the second goal"; fi
# dashes tell the third axis: the names beside the lines show them, as colour alone would not
printf 'study = { name = "dashes"; function = "ishigami"; axes = ( { path = "x1"; values = [0.0, 1.0, 2.0]; }, { path = "x2"; values = [0.0, 1.0]; }, { path = "x3"; values = [0.0, 1.0]; } ); };\n' > dashes.cfg
expect 0 "" "$TOKENWORKS" study dashes.cfg -q
if [ -e dashes_response.png ]; then
    expect 0 "" "$TOKENWORKS" report dashes.h5 --plot response --out dashes.svg
    [ "$(grep -c dasharray dashes.svg)" = 4 ] || fail "two dashed lines and two names: $(grep -c dasharray dashes.svg)"
fi
# what no request was measured for has no number
expect 0 " - " "$TOKENWORKS" study hopper_hall --for 2s --axis power.utility.limit_kw=500,600 --out unmeasured.h5 --no-plots -q
grep -qw nan out.txt && fail "nan in the table of a study"
finish
