#!/usr/bin/env bash
# drill: what each loss does; the same cost as a scripted loss under --undisturbed; single points of failure.
. "$(dirname "$0")/cli.sh"
light="--set workload.arrival.rate_s=60.0 --set run.warmup_s=60.0"
expect 0 "tokenworks-drill" "$TOKENWORKS" drill dps_8rack --for 2min $light --json -q --threads 1
mv out.txt drill.json
expect 0 "" "$TOKENWORKS" drill dps_8rack --for 2min $light --json -q --threads 2
cmp out.txt drill.json || fail "one and two threads differ"

# the same loss as an event of the file, in a run that counts it against one without
at=$(python3 -c 'import datetime, json; d = json.load(open("drill.json"))
print(datetime.datetime.fromisoformat(d["at"]) - datetime.timedelta(seconds=300))')
cat > lost.cfg <<END
base = "dps_8rack";
events = ( { name = "pdu"; kind = "lose"; element = "pdu1"; at_s = 300.0; } );
END
expect 0 "" "$TOKENWORKS" run lost.cfg --for 7min $light --set run.start="$at" --undisturbed --json -q --out lost.h5
mv out.txt run.json
python3 - << 'END' || fail "figures of a drill"
import json
d, run = json.load(open("drill.json")), json.load(open("run.json"))
rows = {(r["what"], r["target"]): r for r in d["losses"]}
assert d["racks"] == 8 and d["dry_bulb_degc"] > 35.0
all_gone, pdu = rows["lose", "utility"], rows["lose", "pdu1"]
assert all_gone["dark_racks"] == 8 and all_gone["dark_after_s"] == 0.0 and all_gone["tokens_lost"] == d["tokens"]
assert pdu["dark_racks"] == 2 and pdu["alike"] == 4 and ("lose", "pdu2") not in rows
pump = rows["pump_fail", "cdu1"]
assert 20 < pump["slowed_after_s"] < pump["dark_after_s"] < 120 and pump["slowed_racks"] == 8
assert rows["pump_trip", "cdu1"]["carried"] and not pump["carried"]
exact = [c["tokens_lost_exact"] for c in run["causes"]]
assert exact == [pdu["tokens_lost"]], (exact, pdu["tokens_lost"])
END
# a generator stands behind one of three transformers, and one panel has another limit: no more alike
cat > uneven.cfg <<END
base = "dps_8rack";
power = ( { name = "utility"; kind = "feed"; limit_mw = 3.0; },
          { name = "tx"; count = 3; kind = "transformer"; from = "utility"; rated_kw = 1500.0; loss_a = 0.001; loss_c = 0.01; },
          { name = "diesel"; kind = "generator"; rated_mw = 2.0; start_s = 10.0; },
          { name = "ats"; kind = "ats"; from = "tx1"; second = "diesel"; transfer_s = 0.2; limit_mw = 1.5; },
          { name = "pdu"; count = 3; kind = "pdu"; from = "ats"; limit_kw = 450.0; },
          { name = "two"; kind = "pdu"; from = "tx2"; limit_kw = 450.0; },
          { name = "three"; kind = "pdu"; from = "tx3"; limit_kw = 450.0; },
          { name = "house"; kind = "board"; from = "utility"; limit_kw = 400.0; } );
racks = ( { name = "a"; count = 3; part = "gb300_nvl72"; from = "pdu"; cdu = "cdu1"; },
          { name = "b"; count = 2; part = "gb300_nvl72"; from = "two"; cdu = "cdu1"; },
          { name = "c"; count = 2; part = "gb300_nvl72"; from = "three"; cdu = "cdu1"; } );
events = ();
END
expect 0 "" "$TOKENWORKS" drill uneven.cfg --for 1min $light --set power.pdu3.limit_kw=400 --when start --json -q
python3 - << 'END' || fail "alike only where the same hangs below"
import json
alike = {r["target"]: r["alike"] for r in json.load(open("out.txt"))["losses"] if r["what"] == "lose"}
assert alike == {"utility": 1, "tx1": 1, "tx2": 2, "diesel": 1, "ats": 1, "pdu1": 2, "pdu3": 1, "two": 1, "three": 1, "house": 1}, alike
END
expect 0 "single points of failure" "$TOKENWORKS" drill hopper_hall --for 1min --when start --set workload.arrival.rate_s=10.0
expect 2 "hottest or start" "$TOKENWORKS" drill hopper_hall --when never
expect 2 "10 s to 24 h" "$TOKENWORKS" drill hopper_hall --for 2s
expect 3 "" "$TOKENWORKS" drill hopper_hall --set run.fidelity=fluid -q
finish
