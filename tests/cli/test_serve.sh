#!/usr/bin/env bash
# step and serve: numbers that must agree with each other, and what is wrong is said.
. "$(dirname "$0")/cli.sh"

expect 0 "decode attention" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --tp 1 --decode 64x4096
expect 0 "it slows the clock" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --prefill 2x8192 --power-cap 500
expect 0 "" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 64x4096 --json
python3 - <<'END' || fail "step --json"
import json
o = json.load(open("out.txt"))
assert abs(o["time_s"] / 13.5e-3 - 1) < 0.15, o["time_s"]    # sum of public kernel times
assert abs(sum(p["time_s"] for p in o["operators"]) / o["time_s"] - 1) < 1e-9
assert abs(sum(p["energy_j"] for p in o["operators"]) / o["energy_j"] - 1) < 1e-9
assert abs(sum(o["evidence"].values()) - 1) < 1e-9
assert o["gpu_w"] < o["limit_w"] == 700
END
expect 0 "dispatch" "$TOKENWORKS" step --chip gb300 --model deepseek-v3 --precision fp4 --dp 8 --ep 8 --decode 1024x3000
expect 3 'did you mean "llama-3.1-8b"' "$TOKENWORKS" step --chip h200 --model lama-3.1-8b --decode 1x1
expect 3 "weights do not fit" "$TOKENWORKS" step --chip h200 --model llama-3.1-70b --decode 1x1
expect 2 "--decode 1xx1" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1xx1
expect 2 "--chip and --model" "$TOKENWORKS" step --decode 1x1
expect 2 "--tp 0" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --tp 0

# one request in flight without host time: its time per token is that of the step
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --engine ideal --concurrency 1 --isl 4000 --osl 200 --json
cp out.txt serve.json
expect 0 "" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x4100 --json
python3 - <<'END' || fail "serve against step"
import json
serve, step = json.load(open("serve.json"))["points"][0], json.load(open("out.txt"))
assert abs(serve["tpot_s"]["mean"] / step["time_s"] - 1) < 0.01, (serve["tpot_s"], step["time_s"])
# Little: in flight = rate x time
assert abs(serve["requests_per_s"] * serve["e2e_s"]["mean"] - 1) < 0.02
END
# how iterations are made up, what is found cached, what is drafted
expect 2 "did you mean sglang" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --policy sglan
expect 2 "acceptance" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --acceptance 0.5
expect 0 "75.0 % of the prompt tokens" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 1024 --osl 64 --shared-prefix 768 --policy sglang
expect 0 "2.95 tokens a decode step" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 512 --osl 128 --drafts 3 --acceptance 0.8

expect 0 "a MW plug" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --sweep --concurrency 16 --isl 500 --osl 100 --screenshot f.svg
[ -s f.svg ] || fail "no picture of the frontier"
expect 0 "SATURATED" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 500 --isl 1000 --osl 100
expect 2 "one of --concurrency" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 5 --concurrency 5
expect 3 "expert_parallel" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --ep 2 --tp 2
finish
