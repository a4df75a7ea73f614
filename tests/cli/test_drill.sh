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
expect 0 "single points of failure" "$TOKENWORKS" drill hopper_hall --for 1min --when start --set workload.arrival.rate_s=10.0
expect 2 "hottest or start" "$TOKENWORKS" drill hopper_hall --when never
expect 2 "10 s to 24 h" "$TOKENWORKS" drill hopper_hall --for 2s
expect 3 "" "$TOKENWORKS" drill hopper_hall --set run.fidelity=fluid -q
finish
