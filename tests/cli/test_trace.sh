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
# traces with ids beside other classes of a pool: each finds what its own rows share, and no more where both name an id
cat > ids.jsonl <<'END'
{"timestamp": 0, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 2]}
{"timestamp": 20000, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 3]}
{"timestamp": 40000, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 2]}
{"timestamp": 60000, "input_length": 1000, "output_length": 9, "hash_ids": [4, 1]}
END
printf '{"timestamp": 0, "input_length": 100, "output_length": 20, "hash_ids": [1, 2]}\n' > small.jsonl
beside() {
    printf 'title = "beside"; site = "chicago"; power = ( { name = "utility"; kind = "feed"; limit_kw = 200.0; } ); racks = ( { name = "r"; part = "dgx_h200_x4"; from = "utility"; } );
cooling: { cdus = (); room = { part = "crah_250kw"; from = "utility"; }; }; fabric: { part = "superpod_h100"; from = "utility"; };
workload: { model = "llama-3.1-8b"; tensor_parallel = 8; router = "kv_aware"; classes = ( { name = "one"; arrival = { kind = "replay"; file = "ids.jsonl"; }; }, { name = "two"; %s } ); };
run: { start = "2026-07-01 00:00:00"; for_s = 90.0; warmup_s = 0.0; };\n' "$1" > beside.cfg
}
beside 'arrival = { kind = "replay"; file = "ids.jsonl"; time_scale = 2.0; };'
expect 0 "" "$TOKENWORKS" run beside.cfg --json -q --out beside.h5
python3 -c 'import json; o = json.load(open("out.txt")); assert abs(o["serving"]["prefix_hit_share"] - 2544 / 5608) < 1e-12 and o["requests"]["completed"] == 8, o["serving"]' || fail "two traces with ids in one pool"
beside 'lengths = "constant"; input_tokens = 100.0; output_tokens = 5.0; arrival = { kind = "poisson"; rate_s = 1.0; };'
expect 0 "" "$TOKENWORKS" run beside.cfg --json -q --out beside.h5 --force
beside 'arrival = { kind = "replay"; file = "small.jsonl"; block_tokens = 64; };'
expect 3 "ids of 512 and of 64 tokens" "$TOKENWORKS" run beside.cfg --json -q --out beside.h5 --force
# a time to keep KV for where nothing is cached does nothing, which is said
beside 'lengths = "constant"; input_tokens = 100.0; output_tokens = 5.0; rate_s = 1.0; kv_keep_s = 5.0;'
sed 's/{ name = "one".*}, { name/{ name/' beside.cfg > kept.cfg
expect 0 "nothing is cached" timeout 100 "$TOKENWORKS" run kept.cfg --out kept.h5
expect 0 "nothing is cached" timeout 100 "$TOKENWORKS" run $facilities/agentic.cfg --for 2min --set workload.classes.coding.kv_keep_s=5 --set workload.pools.agents.engine.prefix_cache=off --out kept.h5 --force
finish
