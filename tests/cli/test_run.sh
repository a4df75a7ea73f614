#!/usr/bin/env bash
# run: the report, the JSON members, the result file; the same bytes whatever way they were reached.
. "$(dirname "$0")/cli.sh"
run="$TOKENWORKS run $facilities/dps_8rack.cfg --for 8min --set run.exchange_s=2.0 --set run.warmup_s=60.0 --set workload.arrival.rate_s=100.0 -q"

expect 0 "the books close" $run --threads 1 --out one.h5
expect 0 "" $run --threads 2 --out two.h5 --json
cmp one.h5 two.h5 || fail "one and two threads differ"
for member in facility version seed fidelity simulated_s wall_s tokens.output_per_s tokens.input_per_s \
    tokens.output_per_s_per_mw_utility tokens.output_per_s_per_mw_it tokens.joules_per_output_token_utility \
    tokens.usd_per_million_output_tokens requests.arrived requests.completed requests.rejected requests.lost \
    requests.goodput_per_s latency.ttft_s.p50 latency.tpot_s.p99 latency.e2e_s.p90 latency.itl_s.p50 power.utility_mw.mean \
    power.utility_mw.peak power.it_mw.peak power.pue power.losses_mw power.max_ramp_mw_per_s cooling.wue_l_per_kwh \
    cooling.supply_degc.min cooling.chip_degc.max cooling.throttled_rack_hours carbon.cue_kg_per_kwh carbon.total_kg \
    cost.energy_usd cost.capex_usd cost.total_usd service.gpu_utilisation service.availability service.rack_hours_lost \
    limits.binding limits.headroom ledger.electricity_residual ledger.ok evidence.published; do
    json "$member" > /dev/null || fail "no member $member"
done
[ "$(json ledger.ok)" = True ] || fail "ledger"
[ "$(json requests.arrived)" -gt 40000 ] || fail "requests"
# nearly all gaps between tokens are a step long, as the time per output token is; the tails hold prompts of others
python3 -c 'import json
at = json.load(open("out.txt"))["latency"]
itl, tpot = at["itl_s"], at["tpot_s"]
assert 0.7 * tpot["p50"] < itl["p50"] < 1.1 * tpot["p50"] and itl["p50"] <= itl["mean"] < itl["p99"] < 1.0, at' || fail "gaps between tokens"

# a span within the warm-up says why there are no latencies; two feeds are summed; the site's carbon is the facility's own
expect 0 "no latencies, no goodput: the warm-up (run.warmup_min = 10) takes the whole run" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" \
    --for 1min -q --out short.h5 --set site.carbon_g_kwh=20
grep -q "2 feeds together" out.txt || fail "utility is both feeds"
grep -q "world mean" out.txt && fail "carbon of the part, not of the facility"
expect 0 "behind the warm-up of 1.083 min ended in the 1.083 min" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 65s -q --out shorter.h5 \
    --set run.warmup_s=64.99
grep -q "world mean" out.txt || fail "carbon of the part"

# stopped half-way and restored: the same bytes; a snapshot on the way: the same answers
expect 0 "stopped at" $run --out half.h5 --stop 3.7min
[ -e half.h5 ] && fail "a partial result has the final name"
expect 0 "" $run --out half.h5 --restore half.partial.h5
cmp one.h5 half.h5 || fail "restored differs from straight"
expect 0 "snapshot of" $run --out snap.h5 --snapshot 3min
cmp one.h5 snap.h5 || fail "a snapshot changes the run"
expect 0 "" $run --out from.h5 --restore snap.180s.snapshot.h5 --json
a=$("$TOKENWORKS" report one.h5 --json) b=$("$TOKENWORKS" report from.h5 --json)
[ "$a" = "$b" ] || fail "restored from a snapshot: another report"
expect 3 "snapshot is of another" $run --out other.h5 --restore half.partial.h5 --seed 7
# a result of other models is none of this build's
sources=$("$TOKENWORKS" --version | sed -n 's/.*sources \([0-9a-f]*\).*/\1/p')
[ "${#sources}" = 12 ] || fail "--version names its sources"
LC_ALL=C sed "s/$sources/0123456789ab/" one.h5 > older.h5
cmp -s one.h5 older.h5 && fail "a result names its sources"
expect 5 "of a build with other models" $run --out older.h5

# the same where neither progress nor stops fall on ticks of the exchange
span=50min
sanitized && span=36min
odd="$TOKENWORKS run $facilities/dps_8rack.cfg --for $span --set workload.arrival.rate_s=2.0 -q"
expect 0 "" $odd --out odd.h5
expect 0 "stopped at" $odd --out odd_half.h5 --stop 1000.37s
expect 0 "" $odd --out odd_half.h5 --restore odd_half.partial.h5 --snapshot 2000.9s
cmp odd.h5 odd_half.h5 || fail "stopped between ticks differs"
# and where an event off the ticks moves those of the power grants: what racks wanted at the last one is kept
moved="$TOKENWORKS run $facilities/split_hall.cfg --for 4min -q"
event="lose pdu1 at=121.2s for=30s"
expect 0 "" $moved --event "$event" --out moved.h5
expect 0 "stopped at" $moved --event "$event" --out moved_half.h5 --stop 122s
expect 0 "" $moved --event "$event" --out moved_half.h5 --restore moved_half.partial.h5
cmp moved.h5 moved_half.h5 || fail "stopped between two grants differs"
# nor are voltages lost until they are solved for again
rings="$TOKENWORKS run $facilities/ring_main.cfg --for 4min -q"
expect 0 "" $rings --out rings.h5
expect 0 "stopped at" $rings --out rings_half.h5 --stop 206.3s
expect 0 "" $rings --out rings_half.h5 --restore rings_half.partial.h5
cmp rings.h5 rings_half.h5 || fail "voltages after a restore differ"
expect 0 "1 done" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --for $span --axis workload.arrival.rate_s=2 -q --out odd_study.h5 --json
studied=$(python3 -c 'import json; print(json.load(open("out.txt"))["scenarios"][0]["report"]["power"]["utility_mw"]["mean"])')
"$TOKENWORKS" report odd.h5 --json > out.txt
[ "$(json power.utility_mw.mean)" = "$studied" ] || fail "study and run differ"

# a result is kept; the same run is not repeated; another one is refused without --force
expect 0 "holds this run already" $run --out one.h5
expect 5 "holds another run" $run --out one.h5 --seed 9
expect 5 "" $run --out missing/folder.h5
mkfifo pipe
expect 5 "no regular file" $run --out pipe --force
[ -p pipe ] || fail "a pipe was replaced"

# an interrupt keeps what there is: status 130, a partial file that opens and goes on to the same bytes
long="$TOKENWORKS run $facilities/dps_8rack.cfg --set run.warmup_s=60.0 -q"
sanitized && long="$long --for 10min --set workload.arrival.rate_s=150.0" || long="$long --for 20min"
$long --out straight.h5 > /dev/null 2>&1 || fail "straight"
for delay_s in 0.7 2 6 18; do    # on a busy machine the run may not have begun yet
    ( exec $long --out int.h5 > /dev/null 2>&1 ) & pid=$!
    sleep $delay_s; kill -INT $pid 2> /dev/null; wait $pid; status=$?
    [ $status = 130 ] && [ ! -e int.partial.h5 ] || break
done
if [ $status = 130 ]; then
    expect 0 "partial" "$TOKENWORKS" report int.partial.h5
    expect 0 "" $long --out int.h5 --restore int.partial.h5
    cmp straight.h5 int.h5 || fail "interrupted and restored differs"
else
    [ $status = 0 ] || fail "interrupted: status $status"
fi

# so does a terminal that goes away, where it is not ignored already as under nohup
hang_up() {    # SPAN, SIGNALS IGNORED: sets status
    rm -f hup.*
    ( trap "$2" HUP; exec "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for "$1" -q --out hup.h5 > /dev/null 2>&1 ) & pid=$!
    for tries in $(seq 600); do
        [ -z "$(ls hup.h5.tmp-* 2> /dev/null)" ] && kill -0 $pid 2> /dev/null || break
        sleep 0.05
    done
    kill -HUP $pid 2> /dev/null; wait $pid; status=$?
}
if [ $((0x$(awk '/^SigIgn/ { print $2 }' /proc/self/status) & 1)) = 0 ]; then
    hang_up 24h -
    [ $status = 129 ] && [ -e hup.partial.h5 ] || fail "hung up: status $status"
fi
hang_up 10min ""
[ $status = 0 ] && [ -e hup.h5 ] || fail "nohup: status $status"

# an element may bear the name of another result
sed 's/"house"/"kv_memory"/g' "$facilities/dps_8rack.cfg" > serving.cfg
expect 0 "kv_memory_element" "$TOKENWORKS" run serving.cfg --for 5s -q --json

# a deliberately broken loss law is found by the ledger
expect 1 "DO NOT CLOSE" "$TOKENWORKS" run "$facilities/hopper_hall.cfg" --for 2min -q --set run.audit_fault_fraction=0.01 --out broken.h5

# colour only where it is wanted
"$TOKENWORKS" report one.h5 | grep -q $'\033' && fail "escape codes in a pipe"
NO_COLOR=1 "$TOKENWORKS" report one.h5 --color always | grep -q $'\033' || fail "--color always"
expect 0 "compiled in" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" -v

# a limit that capping cannot keep is said before, and is a failed check after
expect 1 "capping cannot keep it" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 30s -q --set power.utility.limit_kw=100.0 --out over.h5
grep -q "was exceeded" err.txt || fail "no word of the exceeded limit"

# report: text, JSON, CSV
expect 0 "balance sheet" "$TOKENWORKS" report one.h5
"$TOKENWORKS" report one.h5 | awk '/^balance sheet/ { on = 1; next } /residuals/ { on = 0 } on && /electricity in/ { next } on { sum += $(NF - 1) }
    END { exit !(sum > 99.8 && sum < 100.2) }' || fail "the rows of the balance sheet are not all of the electricity"
expect 0 "" "$TOKENWORKS" report one.h5 --export csv --out one.csv
grep -q output_tokens_per_s one.csv || fail "CSV names"
head -2 one.csv | tail -1 | grep -q '^time_s,utility_w,utility_w_min' || fail "CSV header"
[ "$(wc -l < one.csv)" = 98 ] || fail "CSV rows: $(wc -l < one.csv)"

# check: the resolved file reads back to the same key
expect 0 "valid; nothing was run" "$TOKENWORKS" check "$facilities/gb300_100mw.cfg"
for f in $(some_of 5 "$facilities"/*.cfg); do
    "$TOKENWORKS" check "$f" --resolved > resolved.cfg 2> /dev/null || fail "$f does not resolve"
    a=$("$TOKENWORKS" check "$f" --json 2> /dev/null | grep key) b=$("$TOKENWORKS" check resolved.cfg --json 2> /dev/null | grep key)
    [ -n "$a" ] && [ "$a" = "$b" ] || fail "$f: the resolved file has another key"
done
expect 0 "vendor" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --explain power.utility.limit_kw
# of a group, of the entries of a list and of the file: what may stand there, and where to ask on
expect 0 "facility loop and heat rejection; needed with CDUs: --explain cooling.plant" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --explain cooling
expect 0 "one of facilities/parts/element" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --explain power
grep -q "^autonomy_s  *s  *0  *ups: time" out.txt || fail "settings of an element"
expect 0 "the electrical tree: --explain power" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --explain .
expect 2 "no setting powr" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --explain powr
# an event of the command line is the entry of a file
printf 'base = "hopper_hall";\nevents = ( { kind = "load_target"; element = "utility"; limit_kw = 500.0; at_s = 60.0; for_s = 120.0; } );\n' > cut.cfg
cut="load_target utility at=1min for=120s limit_kw=500"
key() { "$TOKENWORKS" check "$@" --json 2> err.txt | python3 -c 'import json, sys; print(json.load(sys.stdin)["key"])'; }
[ -n "$(key cut.cfg)" ] && [ "$(key cut.cfg)" = "$(key hopper_hall --event "$cut")" ] || fail "--event is another event"
[ "$(key cut.cfg)" != "$(key hopper_hall)" ] || fail "--event changes nothing"
# from the start, with a unit and without
[ -n "$(key hopper_hall --event "${cut/1min/0s}")" ] || fail "--event at=0s"
[ "$(key hopper_hall --event "${cut/1min/0s}")" = "$(key hopper_hall --event "${cut/1min/0}")" ] || fail "at=0s is not at=0"
# a rack that is slower for a while, told and over; a flow knows no such rack
expect 0 "takes 1.5 times as long as it should" "$TOKENWORKS" run hopper_hall --for 3min --event "slow rack1 at=1min for=1min value=1.5" --out slow.h5
grep -q "rack1 as fast as before" out.txt || fail "a slow rack is not said to be over"
expect 3 "expected 1 to 100 times" "$TOKENWORKS" run hopper_hall --event "slow rack1 at=1min value=0.5" -q
expect 3 "a flow takes all replicas for alike" "$TOKENWORKS" run hopper_hall --set run.fidelity=fluid --event "slow rack1 at=1min value=2" -q
expect 2 "is no part of WHAT" "$TOKENWORKS" run dps_8rack --event "lose pdu1 at=soon" -q
expect 3 "did you mean \"pdu1\"" "$TOKENWORKS" run dps_8rack --event "lose pdu9 at=3s" -q
# an error names the option as it was given, not the setting that it is made into
expect 3 '--event "lose pdu9 at=3s": error: events.1.element = "pdu9": no power element' "$TOKENWORKS" check dps_8rack --event "lose pdu9 at=3s"
grep -q "events+" err.txt && fail "an event of the command line is told as a setting"

# several at one instant are one event: what both cost is one cause, and the run without it is that without both
expect 0 "" "$TOKENWORKS" run dps_8rack --for 4min --event "lose pdu1,pdu2 at=1min for=1min" --undisturbed --json --out both.h5 -q
python3 -c '
import json, sys
run = json.load(open("out.txt"))
assert len(run["causes"]) == 1 and run["causes"][0]["tokens_lost_exact"] == run["undisturbed"]["tokens_lost"] > 0' ||
    fail "two PDUs lost as one event are not one cause"
# racks that are slow are a disturbance too, several of them one; how often requests come is among the arrivals: a loss
# beside it costs about as much as without
expect 0 "" "$TOKENWORKS" run dps_8rack --for 4min --event "slow a,b1 at=30s for=1min value=3" --event "lose pdu3 at=1min for=30s" --undisturbed --json --out slowed.h5 -q
python3 -c '
import json, sys
run = json.load(open("out.txt"))
exact = [c["tokens_lost_exact"] for c in run["causes"]]
assert len(exact) == 2 and exact[0] > 0 and exact[1] > 0 and sum(exact) == run["undisturbed"]["tokens_lost"]' ||
    fail "slow racks are not one cause"
lost=()
for traffic in "" "traffic at=10s value=0.8"; do
    expect 0 "" "$TOKENWORKS" run dps_8rack --for 4min ${traffic:+--event "$traffic"} --event "lose pdu3 at=1min for=30s" --undisturbed --json --out fewer.h5 --force -q
    lost+=("$(python3 -c 'import json; print(json.load(open("out.txt"))["undisturbed"]["tokens_lost"])')")
done
[ "${lost[1]}" -gt 0 ] && [ "${lost[1]}" -le "${lost[0]}" ] || fail "fewer requests are booked to a loss: ${lost[*]}"
# a group is all of it; a name twice is once
expect 0 "" "$TOKENWORKS" run dps_8rack --for 2min --event "lose pdu,pdu1 at=1min" --out all.h5 -q
[ "$(grep -c "2 racks without power" out.txt)" = 4 ] || fail "a group of four PDUs is not lost whole"
expect 3 "no power element is named \"pd\"" "$TOKENWORKS" check dps_8rack --event "lose pdu1,pd at=3s"
expect 3 "name it with feed" "$TOKENWORKS" check dps_8rack --event "load_target pdu1,pdu2 at=3s limit_kw=100"
expect 3 "give one of them" "$TOKENWORKS" check dps_8rack --set 'events+={ kind = "lose"; feed = "pdu1"; elements = ["pdu2"]; at_s = 3.0; }'
expect 3 "leave out" "$TOKENWORKS" check dps_8rack --set 'events+={ kind = "water_loss"; elements = ["pdu2"]; at_s = 3.0; }'
expect 3 "element = \"pdu1\": a lose_leaf happens to the fabric, by plane and index: leave out" "$TOKENWORKS" check dps_8rack --event "lose_leaf pdu1 at=3s"
expect 3 "elements = [\"pdu1\", \"pdu2\"]: a lose_spine happens to the fabric" "$TOKENWORKS" check dps_8rack --event "lose_spine pdu1,pdu2 at=3s"
# a target that cuts nothing, and one that capping cannot keep, are told
expect 0 "is held to anyhow: does nothing" "$TOKENWORKS" check dps_8rack --event "load_target utility at=1h for=1h limit_kw=900"
expect 0 "that its racks draw idle: capping cannot keep it" "$TOKENWORKS" check dps_8rack --event "load_target utility at=1h for=1h limit_kw=100"
expect 0 "pdu1: a target of 10 kW is below" "$TOKENWORKS" check dps_8rack --event "load_target pdu at=1h for=1h limit_kw=10"

# settings without number, and options that are settings too
# shellcheck disable=SC2046
expect 0 "valid" "$TOKENWORKS" check hopper_hall $(printf -- '--set run.warmup_s=%d.0 ' $(seq 100)) --seed 3 --event "lose utility at=1min"

# help fits the terminal: 80 columns where nothing is told, but for usage and examples, which are to be copied
narrow() { awk '/^Usage:/ || /^  tokenworks / { next } length($0) > 80 { print; bad = 1 } END { exit bad }'; }
for c in run serve study view site report; do
    "$TOKENWORKS" $c --help | narrow || { echo "help of $c is wider than 80"; exit 1; }
done
"$TOKENWORKS" --help | awk 'length($0) > 80 { exit 1 }'
[ "$(COLUMNS=120 "$TOKENWORKS" serve --help | wc -l)" -lt "$("$TOKENWORKS" serve --help | wc -l)" ]
for c in run check study view report trace; do expect 0 "Usage: tokenworks $c" "$TOKENWORKS" $c --help; done
expect 0 "tokenworks 0" "$TOKENWORKS" --version
# which sources: twelve hex digits of the models, named in the keys of a study
grep -Eq "sources [0-9a-f]{12}\)" out.txt || fail "no sources in the version"
# groups whose names end in a digit: "p1" and "gb3" repeated are p11, p12, gb31 ..., dealt group by group
cat > digits.cfg << 'END'
site = "chicago";
power = ( { name = "u"; kind = "feed"; limit_kw = 2000.0; }, { name = "p1"; count = 2; kind = "pdu"; from = "u"; limit_kw = 450.0; },
          { name = "p2"; count = 2; kind = "pdu"; from = "u"; limit_kw = 450.0; } );
racks = ( { name = "gb3"; count = 2; part = "gb300_nvl72"; from = "p1"; cdu = "c"; },
          { name = "gb2"; count = 4; part = "gb200_nvl72"; from = "p2"; cdu = "c"; } );
cooling: { cdus = ( { name = "c"; part = "deschutes_2mw"; from = "u"; } ); plant = { part = "bac_2931kw"; from = "u"; };
           room = { part = "fan_wall_100kw"; from = "u"; }; };
fabric: { part = "gb300_xdr"; from = "u"; };
workload: { racks = ["gb3"]; model = "llama-3.1-8b"; arrival = { kind = "poisson"; rate_s = 5.0; }; lengths = "azure23_conv"; };
END
expect 0 "144 replicas of 1 GPUs" "$TOKENWORKS" check digits.cfg
grep -Eq "p12 .* 142.0 " out.txt && grep -Eq "p22 .* 264.0 " out.txt || { cat out.txt; fail "groups with a digit are not dealt each by itself"; }
# racks held below what their hosts draw: accelerators that rest draw nothing, not less
expect 1 "exceeded" "$TOKENWORKS" run dps_8rack --for 1min --set run.rack_scale=10 --json --out none.h5 -q
[ "$(json power.gpu_mw.mean)" = 0 ] || fail "accelerators without power draw $(json power.gpu_mw.mean) MW"
# tables of kernels or a named file that has changed since: run again, and no state of before goes on
mkdir data && ln -s "$facilities" data/facilities && cp -r "$facilities/../calibration" data/calibration
named="dps_8rack --for 2min --set run.warmup_min=0"
expect 0 "" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out tables.h5 --stop 1min
expect 0 "" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out whole.h5
expect 0 "holds this run already" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out whole.h5
echo "# changed" >> data/calibration/gb300/gemm.csv
expect 3 "was made with other tables or files" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out on.h5 --restore tables.partial.h5
expect 5 "holds another run" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out whole.h5
expect 0 "" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run $named --out whole.h5 --force
finish
