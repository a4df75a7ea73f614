#!/usr/bin/env bash
# tokenworks train and validate training_steps: what they print, JSON, layouts, what is refused.
. "$(dirname "$0")/cli.sh"

run="train --chip gb200 --model llama-3.1-70b --precision mxfp8 --gpus 64 --tp 2 --pp 4 --vp 5 --batch 256 --gradients bf16"
expect 0 "8 replicas, 32 micro-batches of 1" "$TOKENWORKS" $run --tokens 15e12
grep -q "days for 1.5e+13 tokens without failures" out.txt || fail "a run's days"
grep -q "published .* runs of this model on this chip" out.txt || fail "published runs beside"
expect 0 '"schema": "tokenworks-train 1"' "$TOKENWORKS" $run --json
python3 - <<'PY' || fail "the parts of a step"
import json
r = json.load(open("out.txt"))
parts = r["compute_s"] + r["bubble_s"] + r["sends_s"] + r["exchange_s"] + r["optimiser_s"]
assert abs(parts / r["step_s"] - 1) < 1e-9
assert abs(r["tokens_per_s_per_gpu"] * 64 * r["step_s"] / (256 * 8192) - 1) < 1e-9
assert 0.2 < r["mfu"] < 0.6 and r["fits"] is True and 0 < r["gpu_w"] <= r["limit_w"]
assert {k["name"] for k in r["kernels"]} >= {"qkv", "attention", "gathers and scatters", "casts", "head", "loss"}
PY
# less power, less speed; a chip by its short name; a budget that nothing keeps
expect 0 "it slows the clock" "$TOKENWORKS" $run --power-cap 700
expect 0 "does NOT fit" "$TOKENWORKS" train --chip h100 --model llama-3.1-405b --gpus 8 --tp 8 --batch 8
expect 0 "sharded weights" "$TOKENWORKS" train --chip h100 --model llama-3.1-8b --precision fp8 --gpus 8 --batch 128 --fsdp
expect 0 "dispatch" "$TOKENWORKS" train --chip gb300 --model qwen3-30b-a3b --precision mxfp8 --gpus 8 --ep 8 --micro-batch 8 --batch 512 --sequence 4096

# layouts: those that fit, the fastest first, the same for any number of threads
ask="train --chip h100 --model llama-3.1-70b --precision fp8 --gpus 64 --batch 128 --layouts --json"
expect 0 '"schema": "tokenworks-train-layouts 1"' env OMP_NUM_THREADS=1 "$TOKENWORKS" $ask
cp out.txt one.json
expect 0 "" env OMP_NUM_THREADS=3 "$TOKENWORKS" $ask
cmp -s one.json out.txt || fail "layouts by threads"
python3 - <<'PY' || fail "layouts in order"
import json
r = json.load(open("one.json"))
speed = [l["tokens_per_s_per_gpu"] for l in r["layouts"]]
assert speed == sorted(speed, reverse=True) and r["fit"] <= r["tried"] and len(speed) == min(12, r["fit"])
PY
expect 0 "layouts fit" "$TOKENWORKS" train --chip h100 --model llama-3.1-70b --precision fp8 --gpus 64 --batch 128 --layouts --tp 8

# what is refused, and how it is told
expect 2 "expected: train --chip NAME --model NAME --gpus N" "$TOKENWORKS" train --chip h100 --model llama-3.1-8b
expect 2 "did you mean mxfp8" "$TOKENWORKS" train --chip gb200 --model llama-3.1-70b --gpus 64 --precision mxfp
expect 2 "--overlap tp: expected sums, experts" "$TOKENWORKS" $run --overlap tp
expect 2 "--recompute most: expected auto, none, selective or full" "$TOKENWORKS" $run --recompute most
expect 2 "--gpus 1.5" "$TOKENWORKS" train --chip h100 --model llama-3.1-8b --gpus 1.5
expect 3 "gpus = 60 is no multiple of tp pp cp = 8; nearest are 56 and 64" "$TOKENWORKS" train --chip h100 --model llama-3.1-8b --gpus 60 --tp 8
expect 3 "ep = 8, but llama-3.1-70b has no experts" "$TOKENWORKS" $run --ep 8
expect 3 "did you mean" "$TOKENWORKS" train --chip h100 --model llama-3.1-7b --gpus 8
expect 3 "no multiple of tp pp cp = 5" "$TOKENWORKS" train --chip h100 --model llama-3.1-8b --gpus 64 --tp 5 --layouts
expect 5 "none.cfg" "$TOKENWORKS" train --chip none.cfg --model llama-3.1-8b --gpus 8

# published steps: all rows of the shipped table are predicted; tables of one's own, and what is wrong in them
expect 0 "dense, all" "$TOKENWORKS" validate training_steps --json
[ "$(json skipped)" = "[]" ] || fail "rows left out"
table=$facilities/reference/training.csv
grep -v '^#' "$table" | head -3 > mine.csv
expect 0 "2 rows" "$TOKENWORKS" validate training_steps mine.csv
sed '3s/,gb200,/,gb2000,/' mine.csv > chip.csv
expect 0 "gb2000" "$TOKENWORKS" validate training_steps chip.csv
sed '2s/,no,none,/,no,all,/' mine.csv > word.csv
expect 3 'word.csv:2: error: overlap = "all", expected sums, experts, both or none' "$TOKENWORKS" validate training_steps word.csv
sed '3s/,[^,]*$/,fast/' mine.csv > number.csv
expect 3 'number.csv:3: error: tokens_per_s_per_gpu = "fast", expected a number above 0' "$TOKENWORKS" validate training_steps number.csv
echo "a,b" > other.csv
expect 3 "not a table of training steps" "$TOKENWORKS" validate training_steps other.csv

finish
