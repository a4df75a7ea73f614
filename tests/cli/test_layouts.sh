#!/usr/bin/env bash
# serve --gpus: layouts side by side, the best first; each row is what serve says of that layout.
. "$(dirname "$0")/cli.sh"
model="--chip h200 --model llama-3.1-8b --precision fp8 --isl 1024 --osl 64"
expect 0 tokenworks-layouts "$TOKENWORKS" serve $model --gpus 4 --split 1 --ttft-slo 0.5 --tpot-slo 0.02 --json
cp out.txt layouts.json
python3 - << 'END' > split.txt || fail "figures of layouts"
import json
d = json.load(open("layouts.json"))
rows = [r for r in d["layouts"] if "refused" not in r]
assert [r["output_tokens_per_s"] for r in rows] == sorted((r["output_tokens_per_s"] for r in rows), reverse=True)
whole = [r for r in rows if r["prefill_replicas"] == 0]
assert sorted(r["tensor_parallel"] for r in whole) == [1, 2, 4]
for r in rows:
    assert (r["replicas"] + r["prefill_replicas"]) * r["tensor_parallel"] == 4 and r["requests_per_s"] > 0
    assert r["ttft_s"] <= 0.51 and r["tpot_s"] <= 0.0205
    assert abs(r["output_tokens_per_s"] - 64 * r["requests_per_s"]) < 1e-6 * r["output_tokens_per_s"]
split = [r for r in rows if r["prefill_replicas"] > 0]
assert len(split) == 1
print(split[0]["tensor_parallel"], split[0]["replicas"], split[0]["prefill_replicas"], split[0]["requests_per_s"])
END
# the row with prompts apart, replica by replica
read -r tp decodes prompts rate < split.txt
expect 0 "" "$TOKENWORKS" serve $model --tp "$tp" --replicas "$decodes" --prefill-replicas "$prompts" --rate "$rate" --ttft-slo 0.5 --tpot-slo 0.02 --for 2min --json
python3 -c 'import json; s = json.load(open("out.txt"))["good_share"]; assert s > 0.85, s' || fail "the split row does not keep its limits"

expect 0 "time per token already does" "$TOKENWORKS" serve $model --gpus 2 --tpot-slo 0.0001
expect 0 "the weights do not fit" "$TOKENWORKS" serve --chip h200 --model llama-3.1-405b --precision bf16 --osl 16 --gpus 2
expect 2 "does nothing with --gpus" "$TOKENWORKS" serve $model --gpus 4 --tp 2
expect 2 "does nothing with one layout" "$TOKENWORKS" serve $model --split 2
expect 2 "0.5, 0.9 or 0.99" "$TOKENWORKS" serve $model --gpus 4 --share 0.8
expect 3 "did you mean" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8x --gpus 4
finish
