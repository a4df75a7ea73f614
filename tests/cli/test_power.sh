#!/usr/bin/env bash
# powerflow, machine files and the reference cases of the power model, as a user calls them.
. "$(dirname "$0")/cli.sh"

feeder=$facilities/reference/case33bw.csv frontier=$facilities/reference/frontier.cfg
tw() { "$TOKENWORKS" "$@" 2>err.txt; }

tw powerflow "$feeder" --json >base.json || fail "powerflow"
python3 - <<'PY' || fail "base case"
import json
case = json.load(open("base.json"))
assert case["converged"] and case["method"] == "sweep"
assert abs(case["totals"]["loss_kw"] - 202.6771265) < 1e-6
assert abs(case["totals"]["vm_min_pu"] - 0.913090479) < 1e-9 and case["totals"]["vm_min_bus"] == 18
assert len(case["buses"]) == 33 and len(case["branches"]) == 37
assert abs(sum(b["loss_kw"] for b in case["branches"]) - case["totals"]["loss_kw"]) < 1e-6
PY
tw powerflow "$feeder" --open 7,9,14,32 --close 33,34,35,36 >text || fail "switching"
grep -q "losses .* 139.5513 kW" text || fail "reconfigured by hand"
tw powerflow "$feeder" --closed all --method newton | grep -q "0.953279921 pu at bus 32" || fail "meshed"
tw powerflow "$feeder" --load-model impedance | grep -q "156.8720 kW" || fail "impedance loads"
tw powerflow "$feeder" --slack-v 1.05 | grep -q "181.1998 kW" || fail "source at 1.05 pu"
expect 4 "" "$TOKENWORKS" powerflow "$feeder" --scale 3.63
expect 4 "" "$TOKENWORKS" powerflow "$feeder" --closed all --method sweep
expect 2 "" "$TOKENWORKS" powerflow "$feeder" --open 99
expect 3 "" "$TOKENWORKS" powerflow "$feeder" --closed nothing
expect 5 "nowhere.m" "$TOKENWORKS" powerflow nowhere.m
printf 'from_bus,to_bus,r_ohm,x_ohm,load_p_kw\n1,2,1,1,1\n2,3,1,x,1\n' >bad.csv
expect 3 "" "$TOKENWORKS" powerflow bad.csv
grep -q "bad.csv:3: error: x_ohm" err.txt || fail "bad number: line"

hpl="--set workload.nodes=9216 --set workload.cu=0.33 --set workload.gu=3.16"
tw run "$frontier" $hpl --json >hpl.json || fail "Frontier"
python3 - <<'PY' || fail "Frontier HPL"
import json
p = json.load(open("hpl.json"))["power"]
assert abs(p["total_w"] / 22531536.070 - 1) < 1e-9 and abs(p["racks_w"] / 22319699.320 - 1) < 1e-9
assert abs(sum(p["cdu_group_w"]) - p["total_w"]) < 1e-3
PY
tw run "$frontier" --for 1h --set workload.kind=jobs --out jobs.h5 >first || fail "job stream"
tw report jobs.h5 >second || fail "report of a job stream"
cmp -s first second || fail "the report in the file is the one that was printed"
expect 3 "" "$TOKENWORKS" run "$frontier" --set workload.nodes=9473
expect 3 "" "$TOKENWORKS" run "$frontier" --set workload.gu=4.5
tw check "$frontier" | grep -q "9472 nodes in 74 racks" || fail "check"
tw check "$frontier" --explain machine.group_w | grep -q RAPS || fail "explain"
hall=$facilities/hall_4to3.cfg
tw run "$hall" --for 100s --json --quiet --out hall.h5 >hall.json || fail "hall"
python3 - <<'PY' || fail "hall: waveforms and policies"
import json
run = json.load(open("hall.json"))
w = run["waveforms"]
assert run["ledger"]["ok"] and all(w[k]["residual"] < 1e-9 for k in ("training", "smoothed", "dip"))
assert w["training"]["load_swing_1s_mw"] > 5 * w["training"]["pcc_swing_1s_mw"]
assert w["training"]["pcc_ramp_10s_mw_per_s"] <= 0.2 * (1 + 1e-9)
assert w["smoothed"]["smoothing_extra_mj"] > 0 and w["dip"]["dropped_racks"] == 0
assert abs(run["power"]["granted_rack_kw"]["min"] - 0.6 * 142) < 0.01
PY
# shelves with room for a half period of their racks' swing leave its mean to the grid, smaller ones the peak
{ cat "$facilities/dps_8rack.cfg"; cat <<'CFG'
waveforms = (
  { name = "bare"; at_s = 30.0; for_s = 5.0; period_s = 0.2; swing_fraction = 0.8; },
  { name = "stored"; at_s = 30.0; for_s = 5.0; period_s = 0.2; swing_fraction = 0.8; shelf_j = 4680.0; shelf_tau_s = 2.0; },
  { name = "slow"; at_s = 30.0; for_s = 5.0; period_s = 2.0; swing_fraction = 0.8; shelf_j = 4680.0; shelf_tau_s = 2.0; } );
CFG
} >shelves.cfg
tw run shelves.cfg --for 40s --json --quiet --out shelves.h5 >shelves.json || fail "shelves"
python3 - <<'PY' || fail "storage in shelves"
import json
w = json.load(open("shelves.json"))["waveforms"]
mean, swing = w["bare"]["pcc_mean_mw"], w["bare"]["pcc_swing_1s_mw"]
assert w["bare"]["pcc_peak_mw"] > 1.3 * mean
assert abs(w["stored"]["pcc_mean_mw"] / mean - 1) < 1e-3 and w["stored"]["pcc_swing_1s_mw"] < 0.05 * swing, w
assert w["slow"]["pcc_peak_mw"] > 0.999 * w["bare"]["pcc_peak_mw"]
assert all(w[k]["residual"] < 1e-9 for k in w)
PY
expect 3 "shelf_back_s = 1: expected 0 or at least 8 s" "$TOKENWORKS" check shelves.cfg --set waveforms.slow.shelf_back_s=1
tw powerflow "$hall" --contingency --json >tree.json || fail "powerflow of a facility"
python3 - <<'PY' || fail "N-1 of the hall"
import json
e = {x["element"]: x for x in json.load(open("tree.json"))["elements"]}
assert abs(e["pdu1"]["n_minus_1_fraction"] / e["pdu1"]["loading_fraction"] - 4 / 3) < 1e-9
assert e["ups2"]["dropped_w"] == 0 and 0.9 < e["pdu1"]["v_pu"] < 1
PY
# what nothing but a battery carries is not supplied for good: eight racks behind one UPS of five minutes at its rating
tw powerflow "$facilities/block_gb300.cfg" --contingency --json >tree.json || fail "powerflow of block_gb300"
tw powerflow "$facilities/block_gb300.cfg" --contingency | grep -q "without main  *1136.0 kW  *5.7" || fail "batteries in the text"
python3 - <<'PY' || fail "what only a store carries"
import json
e = {x["element"]: x for x in json.load(open("tree.json"))["elements"]}
draw = lambda out: out + 1.3e6 * (0.0142 + 0.0274 * (out / 1.3e6) ** 2)
assert abs(e["main"]["on_store_w"] / (8 * 142e3) - 1) < 1e-9 and 1e5 < e["main"]["dropped_w"] < 2e5, e["main"]
assert abs(e["main"]["on_store_s"] / (300 * draw(1.3e6) / draw(8 * 142e3)) - 1) < 1e-6, e["main"]
assert e["ups"]["on_store_w"] == 0 and e["ups"]["on_store_s"] is None and abs(e["ups"]["dropped_w"] / 1136e3 - 1) < 1e-9
PY
# the loads of a facility are those of its cooling in the site's hottest hours, with all racks at their peak, and its switches
tw powerflow "$facilities/dps_8rack.cfg" --json >tree.json || fail "powerflow of dps_8rack"
tw thermal "$facilities/dps_8rack.cfg" --json >cooling.json || fail "cooling of dps_8rack"
tw check "$facilities/dps_8rack.cfg" >check.txt || fail "check of dps_8rack"
python3 - <<'PY' || fail "cooling in the power tree"
import json, re
house = {x["element"]: x for x in json.load(open("tree.json"))["elements"]}["house"]["power_w"]
cooling = json.load(open("cooling.json"))["cases"][0]["cooling_w"]
assert abs(house / (cooling + 84e3) - 1) < 1e-9 and cooling > 100e3, (house, cooling)
line = re.search(r"^  house .*", open("check.txt").read(), re.M)[0].split()
assert abs(float(line[-3]) - house * 1e-3) < 0.06 and abs(float(line[-2]) - house / 4e3) < 0.06, line
PY
tw powerflow "$facilities/reference/ieee4.cfg" | grep -q "1917.768" || fail "three phases"
tw run "$facilities/dsx_power_failure.cfg" --for 27min --undisturbed --json --quiet --set workload.arrival.rate_s=40 \
    --set power.rpp.limit_kw=250 --set capping.rule=none --out panels.h5 >panels.json || [ $? = 1 ] || fail "panels"
python3 - <<'PY' || fail "what each cause cost adds up to what all cost"
import json
run = json.load(open("panels.json"))
exact = [c["tokens_lost_exact"] for c in run["causes"] if c["tokens_lost_exact"] is not None]
assert len(exact) == 3 and max(exact) > 0
assert sum(exact) == run["undisturbed"]["tokens_lost"] > 0
PY
tw validate power >cases || fail "validate power"

# a bad case is refused with file and line, whatever is wrong or missing
printf "function mpc = c\nmpc.baseMVA = -100;\nmpc.bus = [1 3 0 0 0 0 1 1 0 12 1 1.1 0.9];\n" > c.m
expect 3 "c.m:4: error: no matrix branch" "$TOKENWORKS" powerflow c.m
printf "mpc.gen = [1 0 0 10 -10 1 100 1 10 0];\nmpc.branch = [];\n" >> c.m
expect 3 "c.m:2: error: baseMVA = -100" "$TOKENWORKS" powerflow c.m
sed 's/-100;/[100 100];/' c.m > d.m
expect 3 "d.m:2: error: baseMVA is 1 x 2" "$TOKENWORKS" powerflow d.m
sed 's/-100;/100;/; s/1 3 0 0/1 1 0 0/' c.m > e.m
expect 3 "e.m:3: error: no source" "$TOKENWORKS" powerflow e.m
: > f.csv
expect 3 "f.csv:1: error: empty" "$TOKENWORKS" powerflow f.csv

finish
