# What holds racks back is named: a policy is no element of the tree, and an element that is nowhere near its limit is not it.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"

cap='policies+={ name = "low"; racks = ["rack"]; cap_fraction = 0.35; }'
expect 0 "caps of racks, by policies or power shelves: granted less" "$TOKENWORKS" run feed_1mw --for 2min -q --out caps.h5 --set "$cap"
grep -q "rated at" out.txt && fail "an element is named"
expect 0 "" "$TOKENWORKS" report caps.h5 --json
[ "$(json limits.binding)" = "caps of racks" ] || fail "limited by $(json limits.binding)"
# a feed that binds before the policy does
expect 0 "  utility: its racks were granted less" "$TOKENWORKS" run feed_1mw --for 2min -q --force --out caps.h5 --set "$cap" --set power.utility.limit_kw=300

# what waits under a cap is made once it is over: the estimate comes to what a run without the cap counts
expect 0 "" "$TOKENWORKS" run dps_8rack --for 24min --set workload.arrival.rate_s=500 --set run.warmup_min=2 --set workload.lengths=azure23_conv \
    --event "load_target utility at=12min for=4min limit_kw=300" --undisturbed --json -q --out cut.h5
python3 -c 'import json
cause, = json.load(open("out.txt"))["causes"]
missed, exact = cause["tokens_not_made"], cause["tokens_lost_exact"]
assert missed > 3e5 and cause["tokens_made_up"] > 0.8 * missed and abs(cause["tokens_lost"] - exact) < 0.15 * missed, cause' || fail "made up after a cap"
# so it does where the contract shuts racks down, which are back after the others have made what waited
firm="--set power.utility.metering_s=30.0 --set power.utility.breach_fraction=0.02 --set power.utility.escalation_s=60.0"
sanitized || expect 1 "" "$TOKENWORKS" run dps_8rack --for 34min --set run.warmup_min=2 --set workload.lengths=azure23_conv $firm --set 'power.utility.escalation=["shutdown_racks"]' \
    --event "load_target utility at=8min for=6min limit_kw=250 best_effort=false" --undisturbed --json -q --out firm.h5
sanitized || python3 -c 'import json
cause, = json.load(open("out.txt"))["causes"]
missed, exact = cause["tokens_not_made"], cause["tokens_lost_exact"]
assert cause["requests_lost"] > 0 and missed > 1e7 and abs(cause["tokens_lost"] - exact) < 0.05 * missed, cause' || fail "made up after racks were shut down"
finish
