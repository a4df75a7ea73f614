# Loss of flow in one hall with both integrators: the same story, each time within one exchange interval. And every
# event of the cooling plant, and every kind of heat rejection, in a run whose books close.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
for integrator in $(integrators); do
    expect 0 "" "$TOKENWORKS" run "$facilities/reference/pump_loss.cfg" --set run.integrator=$integrator \
        --set 'events.[0].at_s=60.4' --set run.for_s=300 --out $integrator.h5 --json -q
    cp out.txt loss_$integrator.json
done
alone loss
(echo "$story" && cat <<'END') > same.py
import json
a, b = (json.load(open(f"loss_{name}.json"))["event_log"] for name in ("rosenbrock", "cvode"))
same_story(a, b)
assert {"pump_failed", "throttle", "chips_hot", "pump_restored", "chips_cool", "throttle_end"} <= {e["kind"] for e in a}
END
python3 same.py || fail "the integrators tell different stories"

# temperatures, power and valves by the names of DSX Exchange
expect 0 "" "$TOKENWORKS" report rosenbrock.h5 --export dsx --out dsx.csv
for topic in Rack/RackLiquidSupplyTemperature/a1 Rack/RackLiquidFlow/a1 Rack/RackLeakDetect/b2 Rack/RackLiquidIsolationStatus/a1 CDU/LiquidFlow/cdu1 CDU/LeakDetect/cdu1 Rack/RackPower/d2 CDU/LiquidTemperature/cdu1 CDU/ValvePosition/cdu1 HX/LiquidTemperature/plant; do
    grep -qF "BMS/v1/tokenworks/Value/$topic," dsx.csv || fail "dsx.csv: no $topic"
done

# one event after the other; a cooler of every kind, with chiller and heat export behind it
cat > story.cfg <<END
$(sed '/^events/,/^);/d; /^run:/d' "$facilities/reference/pump_loss.cfg")
events = (
  { at_s = 60.0;  kind = "pump_trip";   feed = "cdu1"; for_s = 60.0; },
  { at_s = 130.0; kind = "valve_stuck"; feed = "cdu1"; for_s = 60.0; value = 0.3; },
  { at_s = 200.0; kind = "clog";        feed = "cdu1"; for_s = 60.0; value = 3.0; },
  { at_s = 270.0; kind = "foul";        feed = "cdu1"; for_s = 60.0; value = 2e-6; },
  { at_s = 340.0; kind = "unit_out";    value = 1.0;   for_s = 60.0; },
  { at_s = 410.0; kind = "water_loss";  for_s = 60.0; },
  { at_s = 480.0; kind = "chiller_trip"; for_s = 60.0; },
  { at_s = 550.0; kind = "heat_wave";   value = 8.0;   for_s = 60.0; },
  { at_s = 620.0; kind = "leak";        feed = "cdu1"; value = 2.0; for_s = 60.0; }
);
run: { start = "2026-07-01 12:00:00"; for_s = 720.0; exchange_s = 1.0; };
END
tower="cooling.plant.part=tower_1459kw" kinds=0
for set in "cooling.plant.kind=dry_cooler" "cooling.plant.kind=adiabatic_cooler" "$tower" \
    "$tower --set cooling.plant.kind=york_tower --set cooling.plant.staged=true" \
    "cooling.plant.chiller_kw=2000 --set cooling.plant.margin_k=12 --set power.house.limit_kw=1000" "cooling.plant.export_kw=400"; do
    sanitized && [ $((kinds++ % 3)) != 0 ] && continue
    # shellcheck disable=SC2086
    expect 0 "the books close" "$TOKENWORKS" run story.cfg --set $set --out story.h5 --force -q
    for text in "a pump of cdu1 trips" "the valve of cdu1 is stuck" "the filter of cdu1 clogs: 3 times" "exchanger of cdu1 fouls" \
        "cooling units of the cooling plant stand: 1 units" "gets no make-up water" "the chiller of the cooling plant trips" \
        "a heat wave comes over the cooling plant: 8 K" "cdu1 leaks: 2 kg/s" "cdu1 is tight and filled again"; do
        grep -qF "$text" out.txt || fail "--set $set: no \"$text\""
    done
done
# racks, sensors and valves of one loop, and chips that shut down: both integrators tell the same story; pumps fail where no
# rack passes its limit at an exchange, so that a hundredth of a second does not decide which of two shuts it down
cat > racks.cfg <<END
$(sed '/^events/,/^);/d; /^run:/d' "$facilities/reference/pump_loss.cfg")
events = (
  { at_s = 20.0;  kind = "rack_leak";       feed = "b1";   for_s = 100.0; value = 0.3; },
  { at_s = 160.0; kind = "rack_valve";      feed = "c2";   for_s = 40.0;  value = 0.2; },
  { at_s = 220.0; kind = "sensor_bias";     feed = "cdu1"; for_s = 40.0;  value = 5.0; },
  { at_s = 280.0; kind = "sensor_frozen";   feed = "cdu1"; for_s = 40.0;  value = 36.0; },
  { at_s = 340.0; kind = "valve_drift";     feed = "cdu1"; for_s = 60.0;  value = 2.0; },
  { at_s = 420.0; kind = "plant_pump_trip"; for_s = 40.0; },
  { at_s = 480.4; kind = "pump_fail";       feed = "cdu1"; for_s = 120.0; }
);
run: { start = "2026-07-01 12:00:00"; for_s = 920.0; exchange_s = 1.0; };
END
for integrator in $(integrators); do
    expect 0 "" "$TOKENWORKS" run racks.cfg --set run.integrator=$integrator --out racks.h5 --force --json -q
    cp out.txt racks_$integrator.json
done
alone racks
(echo "$story" && cat <<'END') > same.py
import json
a, b = (json.load(open(f"racks_{name}.json")) for name in ("rosenbrock", "cvode"))
log = a["event_log"]
same_story(log, b["event_log"])
assert {"isolated", "isolated_end", "chips_hot", "shutdown", "shutdown_end"} <= {e["kind"] for e in log}, log
assert a["ledger"]["ok"] and b["ledger"]["ok"] and a["cooling"]["chip_degc"]["max"] < 97.0
assert a["cooling"]["approach_k"]["max"] > a["cooling"]["approach_k"]["mean"] > 0.0
END
python3 same.py || fail "racks that leak and shut down"
# the main of the row leaks at its fifth rack: from there on no coolant and no power, the four before it get more; then
# it is shut at the third and the power stays
cat > row.cfg <<END
$(sed '/^events/,/^);/d; /^run:/d' "$facilities/reference/pump_loss.cfg")
events = (
  { at_s = 20.0;  kind = "row_leak"; feed = "c1"; for_s = 100.0; value = 0.5; },
  { at_s = 200.0; kind = "row_shut"; feed = "b1"; for_s = 50.0; }
);
run: { start = "2026-07-01 12:00:00"; for_s = 300.0; exchange_s = 1.0; component_s = 10.0; };
END
for integrator in rosenbrock cvode; do
    expect 0 "" "$TOKENWORKS" run row.cfg --set run.integrator=$integrator --out row.h5 --force --json -q
    cp out.txt row_$integrator.json
done
expect 0 "" "$TOKENWORKS" report row.h5 --export dsx --out row.csv
python3 - <<'END' || fail "a row that leaks"
import csv, json
a, b = (json.load(open(f"row_{name}.json")) for name in ("rosenbrock", "cvode"))
# two racks that stop or recover within an exchange of each other are one line or two
def story(run):
    first = {}
    for e in run["event_log"]:
        if e["kind"] != "chips_cool": first.setdefault(e["kind"], e["time_s"])
    return first, sum(e["rack_s"] for e in run["event_log"])
(first, dark_s), (second, other_s) = story(a), story(b)
assert list(first) == list(second) and abs(dark_s - other_s) <= 6.0, (dark_s, other_s)
assert all(abs(first[kind] - second[kind]) <= 1.0 for kind in first)
assert a["ledger"]["ok"] and b["ledger"]["ok"]
assert {"isolated", "isolated_end", "chips_hot", "throttle"} <= {e["kind"] for e in a["event_log"]}, a["event_log"]
value = {}
for row in csv.DictReader(open("row.csv")):
    value[row["topic"].split("/", 5)[5], float(row["time_s"])] = float(row["value"])
times = sorted({t for _, t in value})
at = lambda s: min(times, key=lambda t: abs(t - s))
flow = lambda rack, s: value[f"RackLiquidFlow/{rack}", at(s)]
for rack in "a1", "b2":
    assert flow(rack, 100) > 1.05 * flow(rack, 20), (flow(rack, 100), flow(rack, 20))
for rack in "c1", "c2", "d2":
    assert flow(rack, 100) == 0.0 and value[f"RackLiquidIsolationStatus/{rack}", at(100)] == 1.0
    assert flow(rack, 180) > 0.99 * flow(rack, 20)
assert value["RackLeakDetect/c1", at(40)] == 1.0 and value["RackLeakDetect/a1", at(40)] == 0.0
assert flow("b1", 240) == 0.0 and flow("a2", 240) > flow("a2", 20) and value["RackLiquidIsolationStatus/b1", at(240)] == 0.0
END
sed 's/feed = "b1";   for_s/feed = "b9";   for_s/' racks.cfg > wrong.cfg
expect 3 'no rack' "$TOKENWORKS" check wrong.cfg
# three CDUs on one manifold: one is lost and no rack notices; each with its own racks, six heat up. The table says so too
lost="--set events.[0].at_min=1.0 --set run.for_s=160"
for integrator in $(integrators); do
    expect 0 "" "$TOKENWORKS" run "$facilities/reference/spare_cdu.cfg" --set run.integrator=$integrator $lost \
        --out spare.h5 --force --json -q
    cp out.txt spare_$integrator.json
done
alone spare
sed 's/manifold = "row";//' "$facilities/reference/spare_cdu.cfg" > apart.cfg
expect 0 "" "$TOKENWORKS" run apart.cfg $lost --out apart.h5 --json -q
cp out.txt apart.json
expect 0 "" "$TOKENWORKS" thermal "$facilities/reference/spare_cdu.cfg" --json
cp out.txt table.json
expect 0 "" "$TOKENWORKS" thermal apart.cfg --json
cp out.txt apart_table.json
python3 - <<'END' || fail "a spare CDU"
import json
a, b, apart, table, alone = (json.load(open(f"{n}.json")) for n in ("spare_rosenbrock", "spare_cvode", "apart", "table", "apart_table"))
for run in a, b:
    assert run["ledger"]["ok"] and {e["kind"] for e in run["event_log"]} == {"pump_failed"}, run["event_log"]
assert abs(a["cooling"]["chip_degc"]["max"] - b["cooling"]["chip_degc"]["max"]) < 0.1
assert apart["ledger"]["ok"] and "throttle" in {e["kind"] for e in apart["event_log"]}
lost = lambda t: next(c for c in t["cases"] if c["out"] == "CDU cdu1")
assert all(c["carried"] for c in table["cases"]) and lost(table)["alike"] == 3
assert table["cases"][0]["chip_degc"] < lost(table)["chip_degc"] < 80.0
assert lost(alone)["racks_without_coolant"] == 6 and not lost(alone)["carried"]
END
# the only unit of the heat rejection away: no steady state is said, and when; as it stands the same is a failed check
expect 0 "NO steady state: first slowed after" "$TOKENWORKS" thermal "$facilities/hall_2n.cfg"
expect 0 "" "$TOKENWORKS" thermal "$facilities/hall_2n.cfg" --json
python3 - <<'END' || fail "no steady state"
import json
cases = {c["out"]: c for c in json.load(open("out.txt"))["cases"]}
unit, cdu, whole = cases["a unit of the heat rejection"], cases["CDU cdu1"], cases["nothing"]
assert not unit["steady"] and not unit["carried"] and unit["chip_degc"] is None
assert 0 < unit["slowed_after_s"] < unit["off_after_s"]
# half of the racks are off: the others are cooler than with all, by less than their own rise
assert cdu["steady"] and whole["plant_degc"] - 4 < cdu["plant_degc"] < whole["plant_degc"]
assert 0 < cdu["slowed_after_s"] < cdu["off_after_s"] < 60
END
expect 1 "does not carry all racks at their peak" "$TOKENWORKS" thermal "$facilities/hall_2n.cfg" --set cooling.plant.unit_count=1 \
    --set cooling.plant.capacity_kw=100 --set cooling.plant.flow_kg_s=4
expect 0 "any one unit out, worst CDU cdu1: all carried" "$TOKENWORKS" check "$facilities/reference/spare_cdu.cfg"
# a rack with its trays: its own series, the report's spread, one lump elsewhere; alike trays without a manifold are the lump
loss="$facilities/reference/pump_loss.cfg --set run.for_s=120 --json -q --force"
expect 0 "" "$TOKENWORKS" run $loss --out lump.h5
cp out.txt lump.json
expect 0 "" "$TOKENWORKS" run $loss --set racks.b1.cooling.lumps.tray_count=18 --out trays.h5
cp out.txt alike.json
expect 0 "" "$TOKENWORKS" run $loss --set racks.b1.cooling.lumps.tray_count=18 --set racks.b1.cooling.lumps.tray_header_fraction=0.4 --out trays.h5
cp out.txt trays.json
expect 3 "expected 0 or 1 in a rack without CDU" "$TOKENWORKS" check "$facilities/hopper_hall.cfg" --set racks.rack1.cooling.lumps.tray_count=4
expect 3 "2 tray_weights, expected 18" "$TOKENWORKS" check "$facilities/reference/pump_loss.cfg" --set racks.b1.cooling.lumps.tray_count=18 \
    --set 'racks.b1.cooling.lumps.tray_weights=[1.0, 2.0]'
python3 - <<'END' || fail "a rack with trays"
import json
lump, alike, trays = (json.load(open(f"{n}.json")) for n in ("lump", "alike", "trays"))
assert "tray_spread_k" not in lump["cooling"] and alike["cooling"]["tray_spread_k"] < 1e-6 and all(d["ledger"]["ok"] for d in (lump, alike, trays))
assert abs(alike["cooling"]["chip_degc"]["mean"] - lump["cooling"]["chip_degc"]["mean"]) < 1e-6
assert 1.0 < trays["cooling"]["tray_spread_k"] < 6.0 and trays["cooling"]["chip_degc"]["max"] > lump["cooling"]["chip_degc"]["max"]
END
# any two: two of the three CDUs are too many, one CDU and a pump of another are not
expect 0 "any two out" "$TOKENWORKS" thermal "$facilities/reference/pump_loss.cfg" out=2
expect 0 "" "$TOKENWORKS" thermal "$facilities/reference/spare_cdu.cfg" out=2 --json
cp out.txt pairs.json
expect 2 "expected out=1 or out=2" "$TOKENWORKS" thermal "$facilities/reference/spare_cdu.cfg" out=3
# the same hall at 3,000 m: its coolers, fans and rooms move less air, its pumps the same water
expect 0 "at 70.1 kPa" "$TOKENWORKS" check "$facilities/reference/spare_cdu.cfg" --set site.elevation_m=3000
expect 0 "" "$TOKENWORKS" thermal "$facilities/reference/spare_cdu.cfg" --set site.elevation_m=3000 --json
cp out.txt high.json
expect 0 "" "$TOKENWORKS" thermal "$facilities/reference/spare_cdu.cfg" --set site.elevation_m=3000 \
    --set cooling.plant.rated_pressure_pa=0 --set cooling.room.rated_pressure_pa=0 --json
python3 - <<'END' || fail "two units out, and altitude"
import json
pairs, low, high, site = (json.load(open(n)) for n in ("pairs.json", "table.json", "high.json", "out.txt"))
two = {(c["first"], c["second"]): c for c in pairs["cases"] if "second" in c}
assert not two[1, 1]["carried"] and two[1, 1]["alike"] == 3 and two[1, 1]["out"] == "CDU cdu1 and CDU cdu2"
assert two[1, 2]["carried"] and two[1, 2]["out"] == "CDU cdu1 and a pump of cdu2" and len(two) == 20
assert [c for c in pairs["cases"] if "second" not in c] == low["cases"]
assert abs(low["reject_rated_w"] / high["reject_rated_w"] - 1) < 1e-9    # the air is as warm
assert 0.75 < high["reject_w"] / low["reject_w"] < 0.88 and 0.70 < high["room_w"] / low["room_w"] < 0.82
assert high["cases"][0]["plant_degc"] > low["cases"][0]["plant_degc"] and high["cases"][0]["room_degc"] > low["cases"][0]["room_degc"]
assert abs(site["reject_w"] / high["reject_rated_w"] - 1) < 1e-9    # rated for the site: nothing is lost
END
sed 's/{ name = "cdu"; count = 3;/{ name = "odd"; part = "lbl_2mw"; manifold = "row"; from = "house"; }, { name = "cdu"; count = 3;/' \
    "$facilities/reference/spare_cdu.cfg" > odd.cfg
expect 3 "are not alike" "$TOKENWORKS" check odd.cfg
# every climate is a site
for site in $(some_of 3 oslo lulea mumbai tokyo virginia new_mexico); do
    expect 0 "" "$TOKENWORKS" check "$facilities/reference/pump_loss.cfg" --set site=$site
done
# a design day takes the year's place and must be possible
day="--set site.design_day.dry_bulb_degc=35"
expect 0 "design day of the site" "$TOKENWORKS" run "$facilities/reference/pump_loss.cfg" --for 60s $day --set site.design_day.wet_bulb_degc=24 --out day.h5
expect 3 "is above dry_bulb_degc" "$TOKENWORKS" check "$facilities/reference/pump_loss.cfg" $day --set site.design_day.wet_bulb_degc=36
expect 3 "wet_bulb_degc" "$TOKENWORKS" check "$facilities/reference/pump_loss.cfg" $day
expect 3 "below that of dry air" "$TOKENWORKS" check "$facilities/reference/pump_loss.cfg" $day --set site.design_day.wet_bulb_degc=5
# a component alone, a line of it, and what it refuses
expect 0 "3.84251" "$TOKENWORKS" thermal york wet_bulb_degc=25.56
expect 0 "12,9.0549" "$TOKENWORKS" thermal york wet_bulb_degc=20 range_k=2:12:3
expect 3 "carnot" "$TOKENWORKS" thermal chiller leaving_degc=20 entering_degc=30
expect 3 "nearest: range_k" "$TOKENWORKS" thermal york wet_bulb_degc=20 rang_k=3
expect 2 "did you mean chiller" "$TOKENWORKS" thermal chillr
expect 3 "shorter than window_s" "$TOKENWORKS" thermal "$facilities/reference/lbl_pulse.cfg" --set for_s=1 --set window_s=60
expect 3 "expected dry_cooler" "$TOKENWORKS" thermal "$facilities/reference/frontier_heat.cfg" --set plant.kind=towr
expect 3 "leave out" "$TOKENWORKS" check story.cfg --set 'events.[0].kind=heat_wave' --set 'events.[0].value=5'
# the fabric of a site is written at its whole size, its racks a few for many: rooms warm by both, each once
expect 0 "chips at most 68.6 degC, all carried" "$TOKENWORKS" check dsx_virginia
grep -q "air there 27.0 degC\$" out.txt || fail "rooms of dsx_virginia carry their racks and switches"
expect 0 "air there 31.6 degC, 4.6 K above its set point" "$TOKENWORKS" check dps_8rack --set cooling.room.unit_count=1
expect 0 "air there 27.0 degC" "$TOKENWORKS" check dps_8rack
grep -q "above its set point" out.txt && fail "two units hold the room"
# a design point whose flow, temperatures and capacity are not one plant's is told; one within a tenth is rounding
expect 0 "flow_kg_s = 100 cooled from 46.11 to 40.55 degC is" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set cooling.plant.flow_kg_s=100
grep -q "capacity_w is 2931 kW" err.txt || fail "the plant's capacity"
expect 3 "" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set cooling.plant.flow_kg_s=100 --strict
expect 0 "valid" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set cooling.plant.flow_kg_s=120 --strict
finish
