#!/usr/bin/env bash
# The public Azure 2023 conversation trace, where it lies beside the checkout: described and replayed exactly (T1, T5).
. "$(dirname "$0")/cli.sh"
trace=${TOKENWORKS_REFERENCE_DATA:-/nonexistent}/traces/inference/azure_llm_2023_conv.csv.gz
[ -r "$trace" ] || exit 77
expect 0 "19366 rows" "$TOKENWORKS" trace describe "$trace"
expect 0 "" "$TOKENWORKS" trace describe "$trace" --json
python3 -m json.tool < out.txt > /dev/null || fail "describe --json"
expect 0 "" "$TOKENWORKS" run "$facilities/hopper_hall.cfg" --set workload.trace="$trace" --set run.warmup_s=0.0 --for 1h -q --json --out t.h5
[ "$(json requests.arrived)" = 19366 ] || fail "arrived $(json requests.arrived)"
[ "$(json requests.completed)" = 19366 ] || fail "completed $(json requests.completed)"
python3 - <<'END' || fail "tokens"
import json
r = json.load(open("out.txt"))
assert round(r["tokens"]["output_per_s"] * r["simulated_s"]) == 4088665, r["tokens"]
assert round(r["tokens"]["input_per_s"] * r["simulated_s"]) == 22361870, r["tokens"]
assert r["latency"]["ttft_s"]["p50"] > 0 and r["latency"]["tpot_s"]["p99"] > 0
END
finish
