#!/usr/bin/env bash
# Jobs beside serving in whole facilities: the shipped scenarios are valid, jobs run, the books close, bad settings are named.
. "$(dirname "$0")/cli.sh"
for name in scaling_laws agentic flywheel deepseek_day; do
    expect 0 "valid" "$TOKENWORKS" check "$facilities/$name.cfg"
done
expect 0 '"ok": true' "$TOKENWORKS" run "$facilities/scaling_laws.cfg" --for 1h -q --json --out r.h5
[ "$(json jobs.running)" = 2.0 ] || [ "$(json jobs.running)" = 2 ] || fail "two jobs should run, $(json jobs.running) do"
# the flywheel: tokens trained on are those logged times those kept, exactly
expect 0 '"ok": true' "$TOKENWORKS" run "$facilities/flywheel.cfg" --set workload.jobs.tuning.start_h=0.5 --for 2h -q --json --out f.h5
python3 - <<'PY' || fail "the flywheel trains on something else than what was logged and kept"
import json
job = json.load(open("out.txt"))["jobs"]["list"]["tuning"]
assert job["phase"] == "done", job
assert job["logged_tokens"] > 0 and abs(job["tokens"] / (0.3 * job["logged_tokens"]) - 1) < 1e-9, job
PY
# nodes are handed over at night: an hour before dawn fewer serve than are there
expect 0 '"ok": true' "$TOKENWORKS" run "$facilities/deepseek_day.cfg" --set run.start='"2025-02-28 04:00:00"' --for 30min -q --json --out d.h5
python3 -c 'import json; j = json.load(open("out.txt"))["jobs"]; assert 100 < j["gpus_lent"] < 180 and j["gpus_held"] > 80, j' || fail "no nodes were lent"
expect 3 "nearest are 896 and 1024" "$TOKENWORKS" check "$facilities/scaling_laws.cfg" --set workload.jobs.pretrain.step=h100_fp8_405b --set workload.jobs.pretrain.model=llama-3.1-405b --set workload.jobs.pretrain.gpus=1000
expect 3 "but the facility has" "$TOKENWORKS" check "$facilities/scaling_laws.cfg" --set workload.jobs.evaluate.gpus=100000
expect 3 "did you mean" "$TOKENWORKS" check "$facilities/flywheel.cfg" --set workload.jobs.tuning.feed_pool=caht
finish
