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
whole, split = ([r for r in rows if (r["prefill_replicas"] > 0) == apart] for apart in (False, True))
assert sorted(r["tensor_parallel"] for r in whole) == [1, 2, 4]
for r in rows:
    used = r["replicas"] * r["tensor_parallel"] + r["prefill_replicas"] * r.get("prefill_tensor_parallel", 0)
    assert used == r["gpus"] <= 4 and (r in split or used == 4) and r["requests_per_s"] > 0, r
    assert r["ttft_s"] <= 0.51 and r["tpot_s"] <= 0.0205
    assert abs(r["output_tokens_per_s"] - 64 * r["requests_per_s"]) < 1e-6 * r["output_tokens_per_s"]
assert len(split) == 1
# the rule out of what one of each kind carries; the best pair by it is that of all pairs
one = {r["tensor_parallel"]: r for r in whole}
best = max(min(0.9 * p * one[a]["prompts_per_s"], 0.92 * ((4 - p * a) // b) * one[b]["decodes_per_s"])
           for a in one for b in one for p in range(1, 4) if p * a < 4)
s = split[0]
a, b = one[s["prefill_tensor_parallel"]], one[s["tensor_parallel"]]
rule = min(0.9 * s["prefill_replicas"] * a["prompts_per_s"], 0.92 * s["replicas"] * b["decodes_per_s"])
assert abs(s["rule_requests_per_s"] / rule - 1) < 1e-9 and rule <= best * (1 + 1e-9), (s, best)
assert 0.7 < s["requests_per_s"] / rule < 1.4, s    # queues and rates that do not match, against 0.90 and 0.92
print(s["tensor_parallel"], s["replicas"], s["prefill_replicas"], s["prefill_tensor_parallel"], s["requests_per_s"])
END
# the row with prompts apart, replica by replica
read -r tp decodes prompts front rate < split.txt
expect 0 "" "$TOKENWORKS" serve $model --tp "$tp" --replicas "$decodes" --prefill-replicas "$prompts" --prefill-tp "$front" --rate "$rate" --ttft-slo 0.5 --tpot-slo 0.02 --for 2min --json
python3 -c 'import json; s = json.load(open("out.txt"))["good_share"]; assert s > 0.85, s' || fail "the split row does not keep its limits"

# what one of each kind carries, by hand out of `step`: as many prompts side by side as the budget holds, as many decodes
# as the limit takes
expect 0 "" "$TOKENWORKS" serve $model --engine ideal --gpus 1 --ttft-slo 0.5 --tpot-slo 0.02 --json
cp out.txt one.json
read -r rate at < <(python3 -c 'import json; r = json.load(open("one.json"))["layouts"][0]; print(r["decodes_per_s"], int(r["decodes_per_s"] * 64 * 0.02))')
expect 0 "" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --precision fp8 --prefill 8x1024 --json
cp out.txt prompts.json
for n in $((at - 4)) $((at + 4)); do
    expect 0 "" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --precision fp8 --decode ${n}x1056 --json
    cp out.txt decodes_$n.json
done
python3 - $((at - 4)) $((at + 4)) << 'END' || fail "the rule against step"
import json, sys
r, p = json.load(open("one.json"))["layouts"][0], json.load(open("prompts.json"))
assert abs(r["prompts_per_s"] * p["time_s"] / 8 - 1) < 0.01, (r, p["time_s"])
low, high = (json.load(open(f"decodes_{n}.json"))["time_s"] for n in sys.argv[1:])
# a step rounds who decodes up to its graph
assert low <= 0.0201 and high >= 0.0195, (low, high)
END

# the other way round: so few keep the limits at the rate, and one less does not
few="--chip h200 --model llama-3.1-8b --precision fp8 --isl 1024 --osl 256 --length-range 0.8 --ttft-slo 0.5 --tpot-slo 0.015"
expect 0 "" "$TOKENWORKS" serve $few --gpus 32 --rate 150 --split 2 --json
cp out.txt fewest.json
python3 - << 'END' > few.txt || fail "--gpus with --rate"
import json
d = json.load(open("fewest.json"))
rows = [r for r in d["layouts"] if "output_tokens_per_s" in r]
assert d["rate_s"] == 150 and all(r["requests_per_s"] == 150 and r["gpus"] <= 32 for r in rows), rows
assert [r["gpus"] for r in rows] == sorted(r["gpus"] for r in rows)
one = next(r for r in rows if r["tensor_parallel"] == 1 and r["prefill_replicas"] == 0)
print(one["replicas"])
END
read -r n < few.txt
for k in $n $((n - 2)); do
    expect 0 "" "$TOKENWORKS" serve $few --replicas "$k" --rate 150 --for 2min --json
    python3 -c 'import json; print(json.load(open("out.txt"))["good_share"])' > good_$k.txt
done
python3 -c 'import sys; a, b = (float(open(f"good_{k}.txt").read()) for k in sys.argv[1:]); assert a > 0.88 and b < 0.9, (a, b)' $n $((n - 2)) || fail "$n replicas are not the fewest"
expect 0 "1 layout takes more than 1 GPUs, at least about 5" "$TOKENWORKS" serve $few --gpus 1 --rate 150
# the table fits a terminal of 100 columns
expect 0 "by rule" "$TOKENWORKS" serve $model --gpus 2
awk '/against published rows/ { exit 0 } /^  / && length($0) > 100 { exit 1 }' out.txt || { cat out.txt; fail "a table wider than 100 columns"; }
expect 0 "TPOT already does" "$TOKENWORKS" serve $model --gpus 2 --tpot-slo 0.0001
expect 0 "the weights do not fit" "$TOKENWORKS" serve --chip h200 --model llama-3.1-405b --precision bf16 --osl 16 --gpus 2
expect 2 "does nothing with --gpus" "$TOKENWORKS" serve $model --gpus 4 --tp 2
expect 2 "does nothing with one layout" "$TOKENWORKS" serve $model --split 2
expect 2 "0.5, 0.9 or 0.99" "$TOKENWORKS" serve $model --gpus 4 --share 0.8
expect 3 "did you mean" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8x --gpus 4
finish
