#!/usr/bin/env bash
# step and serve: numbers that must agree with each other, and what is wrong is said.
. "$(dirname "$0")/cli.sh"

expect 0 "decode attention" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --tp 1 --decode 64x4096
expect 2 "takes no limit below 200 W" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --power-cap 100
expect 2 "takes no limit above 700 W" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --power-cap 800
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
# kernel by kernel the host sets the pace: 324 launches, 0.3 ms a step and 20 us a sequence, prompts of few tokens as well
expect 0 "" "$TOKENWORKS" serve --chip h100 --model llama-3.1-8b --concurrency 1 --isl 16 --osl 64 --requests 20 --graphs none --launch-time 30e-6 --front-end none --json
cp out.txt eager.json
expect 0 "launches by the host" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --kernels vllm --decode 1x100 --graphs none
expect 0 "graphs none, 26 us" "$TOKENWORKS" serve --chip h100 --model llama-3.1-8b --concurrency 1 --isl 16 --osl 64 --requests 5 --graphs none
python3 - <<'END' || fail "serve --graphs none"
import json
p = json.load(open("eager.json"))["points"][0]
step_s = 324 * 30e-6 + 0.3e-3 + 20e-6
assert abs(p["tpot_s"]["mean"] / step_s - 1) < 1e-6 and abs(p["ttft_s"]["mean"] / step_s - 1) < 1e-6, (p["tpot_s"], p["ttft_s"], step_s)
END
# engines by release: what each sets, what an option sets instead, and what is no release; --kernels of serve is of the
# experts
of="$TOKENWORKS serve --chip b200 --model qwen3-30b-a3b --precision fp8 --concurrency 8 --isl 500 --osl 50 --requests 32 --json"
for engine in vllm vllm:0.13 vllm:0.11.1 trtllm ideal; do
    expect 0 "" $of --engine $engine
    cp out.txt "engine_$engine.json"
done
expect 0 '"engine": "vllm"' $of
cmp -s out.txt engine_vllm.json || fail "no engine is vllm's newest release"
expect 0 "" $of --engine vllm --kernels triton
cp out.txt triton.json
expect 0 "" $of --engine vllm:0.13 --graphs none
python3 - <<'END' || fail "--engine"
import json
def rate(f): return json.load(open(f))["points"][0]["output_tokens_per_s"]
new, old, older, trt, ideal = (rate(f"engine_{e}.json") for e in ("vllm", "vllm:0.13", "vllm:0.11.1", "trtllm", "ideal"))
assert new > 1.02 * old and abs(old / older - 1) < 1e-9 and ideal > trt, (new, old, older, trt, ideal)
assert rate("triton.json") < 0.99 * new and rate("out.txt") < 0.99 * old
END
expect 0 "engine vllm 0.11.1: graphs full_pieces, 26 us" ${of/ --json/} --engine vllm:0.11.1
expect 0 "graphs full_pieces, 40 us" ${of/ --json/} --engine vllm:0.11.1 --tp 2
expect 0 "engine sglang 0.5.9: graphs full, 40 us" ${of/ --json/} --engine sglang:0.5.9 --tp 2
expect 2 "did you mean trtllm?" $of --engine trtlm
expect 2 "a release behind it, as vllm:0.11 or vllm:0.11.1" $of --engine vllm:11
expect 0 "launches by the host" "$TOKENWORKS" step --chip h100 --model llama-2-70b --tp 4 --decode 8x100 --engine vllm:0.2
expect 3 "expected vllm, sglang, trtllm or ideal" "$TOKENWORKS" check "$facilities/hopper_hall.cfg" --set workload.engine.name=\"llm\"
expect 0 "engine sglang: 8192 tokens of 100 sequences" "$TOKENWORKS" check "$facilities/hopper_hall.cfg" --set workload.engine.name=\"sglang\" --set workload.max_sequences=100
# end to end time a token, its inverse at p90; lengths drawn evenly as benchmarks do: their mean, and no waves
python3 - <<'END' || fail "end to end time a token"
import json
p = json.load(open("serve.json"))["points"][0]
for q in ("mean", "p50", "p90", "p99"): assert abs(p["e2e_s_per_token"][q] * 200 / p["e2e_s"][q] - 1) < 1e-9, q
assert abs(p["interactivity_p90"] * p["e2e_s_per_token"]["p90"] - 1) < 1e-12
END
drawn="$TOKENWORKS serve --chip h200 --model llama-3.1-8b --isl 1000 --osl 200 --json"
expect 0 "" $drawn --concurrency 32
cp out.txt alike.json
expect 0 "" $drawn --concurrency 32 --length-range 0.8 --requests 2000
cp out.txt drawn.json
expect 0 "" $drawn --rate 20 --replicas 4 --router least_loaded --length-range 0.8 --for 5min
python3 - <<'END' || fail "--length-range"
import json
alike, drawn, fleet = json.load(open("alike.json"))["points"][0], json.load(open("drawn.json"))["points"][0], json.load(open("out.txt"))
for name, most in (("input", 1000), ("output", 200)):
    mean = drawn[name + "_tokens_per_s"] / drawn["requests_per_s"]
    assert abs(mean / (0.9 * most) - 1) < 0.01, (name, mean)     # 0.2/sqrt(12)/sqrt(2000) of it
assert drawn["ttft_s"]["p50"] < 0.5 * alike["ttft_s"]["p50"], (drawn["ttft_s"], alike["ttft_s"])
# a token of each request at TPOT but the first: E2E/O lies between TPOT (O - 1)/O and that and TTFT/O
assert fleet["e2e_s_per_token"]["p50"] > 0.98 * fleet["tpot_s"]["p50"]
assert abs(fleet["interactivity_p90"] * fleet["e2e_s_per_token"]["p90"] - 1) < 1e-12
END
expect 0 "answers of one length" ${drawn/ --json/} --rate 20 --replicas 4 --router least_loaded --for 2min
expect 0 "" ${drawn/ --json/} --rate 20 --replicas 4 --router least_loaded --for 2min --length-range 0.8
! grep -q "answers of one length" out.txt || fail "waves of lengths that are drawn"
expect 2 "length-range 2: expected a number from 0.01 to 1" $drawn --length-range 2
expect 2 "does nothing with --lengths" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --lengths azure23_conv --length-range 0.8
# shares of experts from a file: even ones are balanced, those of a power law in its order are hotter or not by how they
# fall on the GPUs; one GPU with all doubles its time
model="--chip gb300 --model deepseek-v3 --precision fp4 --dp 8 --ep 8 --decode 2048x1000 --json"
python3 - <<'END'
with open("even.csv", "w") as f: f.write("share\n" + "1\n" * 256)
with open("hot.csv", "w") as f: f.write("expert,share\n" + "".join(f"{i},{3 if i < 32 else 1}\n" for i in range(256)))
END
for shares in even hot; do
    expect 0 "" "$TOKENWORKS" step $model --expert-shares $shares.csv
    cp out.txt $shares.json
done
expect 0 "" "$TOKENWORKS" step $model --expert-shares hot.csv --redundant-experts 64
cp out.txt spread.json
expect 0 "" "$TOKENWORKS" step $model --moe-imbalance 1
python3 - <<'END' || fail "--expert-shares"
import json
even, hot, spread, balanced = (json.load(open(f)) for f in ("even.json", "hot.json", "spread.json", "out.txt"))
def moe(o): return sum(p["time_s"] for p in o["operators"] if "expert" in p["name"])
# the first of eight GPUs has 96 of 320 tokens: 2.4 times its share
assert abs(moe(even) / moe(balanced) - 1) < 1e-9, (moe(even), moe(balanced))
assert 1.3 < moe(hot) / moe(even) < 2.41, moe(hot) / moe(even)
assert moe(spread) < 0.8 * moe(hot)
END
printf 'share\n1\n' > short.csv; printf 'part\n1\n' > part.csv; printf 'share\n1\n-2\n' > less.csv
expect 3 "1 shares of experts, expected 256" "$TOKENWORKS" step $model --expert-shares short.csv
expect 3 "no column share" "$TOKENWORKS" step $model --expert-shares part.csv
expect 3 "less.csv:3: share = -2, expected 0 or more" "$TOKENWORKS" step $model --expert-shares less.csv
expect 2 "one of both" "$TOKENWORKS" step $model --expert-shares even.csv --routing-zipf 1
expect 3 "the model has no experts" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --expert-shares even.csv
# the same in a pool of a facility
block="$TOKENWORKS check $facilities/block_gb300.cfg --set workload.expert_shares"
expect 0 "" $block=\"even.csv\"
expect 3 'file "evne.csv" does not exist; did you mean "even.csv"?' $block=\"evne.csv\"
expect 3 "short.csv has 1 shares of experts, expected 256" $block=\"short.csv\"
expect 3 "less.csv:3: share = -2, expected 0 or more" $block=\"less.csv\"
expect 3 "one of both" $block=\"even.csv\" --set workload.routing_zipf=1.0
expect 3 "did you mean workload.expert_shares?" "$TOKENWORKS" check "$facilities/block_gb300.cfg" --set workload.expert_share=\"even.csv\"
# longer than the model takes: told, and a trace's rows are cut to it, by one replica and by a fleet
expect 0 "longest context of the model is 131072" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 200000 --osl 10 --concurrency 1 --requests 2
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 131062 --osl 10 --concurrency 1 --requests 2
! grep -q "longest context" out.txt || fail "a request as long as the model takes"
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:00:00.0,200000,4\n2023-11-16 18:00:01.0,100,5\n2023-11-16 18:01:30.0,100,5\n' > long.csv
for form in "" "--router least_loaded"; do
    expect 0 "1 requests were cut to the longest context of the model, 131072 tokens" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace long.csv $form
    expect 0 '"cut": 1' "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace long.csv $form --json
done
# rows that say nothing are left out and counted; the mean is of what is sent, as far as the model takes it
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:47.0,500,10\n2023-11-16 18:15:46.0,100000000,5\n2023-11-16 18:15:48.0,0,5\n2023-11-16 18:15:49.0,7,0\n' > odd.csv
for form in "" "--replicas 2 --router least_loaded"; do
    expect 0 "2 rows of the trace are left out: 1 without input, 1 without output, 0 unreadable" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace odd.csv $form
done
expect 0 "requests of 65786 input and 6 output tokens on average" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace odd.csv
# decodes of many ranks, and how many a rank takes
expect 0 "16384 sequences decode" "$TOKENWORKS" step --chip h100 --model deepseek-v3 --precision fp8_block --dp 64 --ep 64 --decode 16384x100
expect 0 "the longest context of the model is 131072" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 1x200000
expect 2 "20000 sequences of an attention rank, expected at most 8192" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 20000x1
expect 2 "up to 131072 of up to 4194304 tokens" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 200000x1
# fewer requests than fill and empty a closed loop: measured from the first to the last, as all at once would be
for requests in 8 64 150; do
    expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 64 --isl 500 --osl 100 --requests $requests --json
    python3 - $requests <<'END' || fail "$requests requests, 64 in flight"
import json, sys
o = json.load(open("out.txt"))["points"][0]
assert o["requests"] == int(sys.argv[1]) and o["output_tokens_per_s"] < 64 / o["tpot_s"]["mean"], o
END
done
# how iterations are made up, what is found cached, what is drafted
expect 2 "did you mean sglang" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --policy sglan
expect 2 "acceptance" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --acceptance 0.5
for cached in "--shared-prefix 64" "--prompts 2" "--kv-tier 100,20"; do
    # shellcheck disable=SC2086
    expect 2 "${cached%% *} does nothing with layers that keep a state" "$TOKENWORKS" serve --chip h200 --model qwen3-next-80b-a3b --precision fp8 --tp 2 $cached
done
expect 0 "75.0 % of the prompt tokens" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 1024 --osl 64 --shared-prefix 768 --policy sglang
# states behind pages: who reserves whole answers does so in the part of the cache that is left to tokens
expect 0 "they take 4 of 5 parts of the cache" "$TOKENWORKS" serve --chip h100 --model nemotron-3-nano-30b-a3b --engine trtllm --concurrency 80 --isl 30000 --osl 3000 --requests 80 --shared-prefix 10000
grep -q " 0 preemptions" out.txt || fail "states behind pages are not reserved for"
# prompts that are sent over and over are found, but for their last block; more of them than the cache holds are not
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 1024 --osl 64 --requests 320 --json
cp out.txt own.json
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 1024 --osl 64 --requests 320 --prompts 320 --json
cp out.txt each.json
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 1024 --osl 64 --requests 320 --prompts 16 --json
python3 - <<'END' || fail "prompts sent over and over"
import json
own, each, few = (json.load(open(f))["points"][0] for f in ("own.json", "each.json", "out.txt"))
assert each["prefix_hit_share"] == 0 and abs(each["output_tokens_per_s"] / own["output_tokens_per_s"] - 1) < 1e-9, each
assert 0.97 < few["prefix_hit_share"] < 1 and few["output_tokens_per_s"] > 1.2 * own["output_tokens_per_s"], few
END
# a lower tier: 320 prompts in turn, three times, by a cache that holds fifty: what fits the tier is brought back in the
# second and third, all but the last block, what does not is overwritten in turn, and what loads slower than it is
# computed stays; a fleet of sessions computes less
turns="$TOKENWORKS serve --chip h200 --model llama-3.1-8b --concurrency 4 --isl 1024 --osl 16 --requests 960 --prompts 320 --memory-fraction 0.18 --engine ideal --json"
for tier in 200,50 10,50 200,0.01,50 10,50+200,50 ; do
    expect 0 "" $turns --kv-tier $tier
    cp out.txt "tier_$tier.json"
done
agents="$TOKENWORKS serve --chip h100 --model llama-3.1-70b --precision fp8 --tp 4 --replicas 2 --sessions claude_code --rate 0.25 --for 30min --router kv_aware --json"
expect 0 "" $agents
cp out.txt no_tier.json
expect 0 "" $agents --kv-tier 2000,50
cp out.txt agents_tier.json
expect 0 "" $agents --kv-tier 2000,50 --prefill-replicas 2
cp out.txt apart_tier.json
expect 0 "" $agents --kv-tier 4000,100,100,1e-3,shared
python3 - <<'END' || fail "--kv-tier"
import json
def share(f): return json.load(open(f"tier_{f}.json"))["points"][0]["tier_hit_share"]
# two of three, 63 of 64 blocks; the window leaves out the first and the last four of 960
want = 2 / 3 * 1008 / 1024
assert abs(share("200,50") / want - 1) < 0.01, (share("200,50"), want)
assert share("10,50+200,50") == share("200,50")
assert share("10,50") == 0 and share("200,0.01,50") == 0
none, tier, apart, shared = (json.load(open(f)) for f in ("no_tier.json", "agents_tier.json", "apart_tier.json", "out.txt"))
for o in (tier, apart, shared): assert o["tier_hit_share"] > 0.003, o["tier_hit_share"]
assert none["tier_hit_share"] == 0
END
# the same of a facility whose prompts are computed apart: with memory for sixteen of a hundred templates there, a tier
# brings back what would be computed
python3 - "$facilities/split_hall.cfg" <<'END'
import sys
s = open(sys.argv[1]).read()
a = s.index('      arrival = { kind = "poisson"'); b = s.index('      ttft_slo_s', a)
s = s[:a] + "      context_tokens = 16384; TIERS\n" + s[b:]
s = s.replace("replicas = 8; }; }", "replicas = 8; kv_blocks = 6000; }; }")
s = s.replace("  jobs = (", """  classes = ( { name = "c"; pool = "chat"; rate_s = 30.0; lengths = "constant"; input_tokens = 6000.0; output_tokens = 200.0;
                prefix = { kind = "templates"; count = 100; zipf_s = 0.1; tokens = 5000; }; } );
  jobs = (""")
tier = 'engine = { tiers = ( { name = "host"; capacity_gb = 500.0; read_bytes_s = 5e10; write_bytes_s = 5e10; } ); };'
open("tiers.cfg", "w").write(s.replace("TIERS", tier))
open("no_tiers.cfg", "w").write(s.replace("TIERS", ""))
END
for f in tiers no_tiers; do
    expect 0 "" "$TOKENWORKS" run $f.cfg --for 4min --set run.warmup_min=1 --json -q -o $f.h5
    cp out.txt $f.json
done
python3 - <<'END' || fail "tiers of who computes prompts"
import json
some, none = (json.load(open(f)) for f in ("tiers.json", "no_tiers.json"))
assert some["serving"]["tier_hit_share"] > 0.4 and none["serving"]["tier_hit_share"] == 0
assert some["latency"]["ttft_s"]["mean"] < 0.6 * none["latency"]["ttft_s"]["mean"]
END
expect 2 "expected GB" $turns --kv-tier 5
expect 2 "at most 3" $turns --kv-tier 1,1+2,1+3,1+4,1
expect 2 "expected GB" $turns --kv-tier 1,1,1,1,1
expect 2 "room for a block" $turns --kv-tier 1e-6,5
expect 2 "does nothing with prompts that share nothing" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 3 --kv-tier 5,5
expect 2 "prompts" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 5 --router least_loaded --prompts 8
expect 0 "2.95 tokens a decode step" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 512 --osl 128 --drafts 3 --acceptance 0.8 --front-end none
expect 0 "tokens a decode step" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 16 --isl 512 --osl 128 --drafts 3 --acceptance 0.8 --accept drawn
# a draft takes one layer and the head: out of the operators of a step, over the step that verifies, whose time is that
# of drafts which cost nothing
drafts="$TOKENWORKS serve --chip h200 --model llama-3.1-8b --engine ideal --isl 2000 --osl 96 --requests 16 --json --drafts 3"
expect 0 "" $drafts --concurrency 1
cp out.txt cost.json
expect 0 "" $drafts --concurrency 1 --draft-cost 1e-6
cp out.txt free.json
expect 0 "" $drafts --concurrency 1 --draft-cost 0.1 --acceptance 0.5,0.2
cp out.txt tenth.json
expect 0 "" $drafts --concurrency 16 --draft-cost 1e-6
cp out.txt verify.json
expect 0 "" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 16x2048 --json
python3 - <<'END' || fail "what a draft costs"
import json
cost, free, tenth, verify = (json.load(open(f))["points"][0] for f in ("cost.json", "free.json", "tenth.json", "verify.json"))
def step(p): return p["tpot_s"]["p50"] * p["tokens_per_decode_step"]
parts = json.load(open("out.txt"))["operators"]
once = sum(p["time_s"] for p in parts if p["name"] in ("embedding", "head", "sampler"))
draft = once + (sum(p["time_s"] for p in parts) - once) / 32
assert once > 1.2 * (draft - once)     # the head is two layers of this model
# gaps come in buckets of 2 %
fraction = (step(cost) / step(free) - 1) / 3
assert abs(fraction * verify["itl_s"]["p50"] / draft - 1) < 0.03, (fraction, verify["itl_s"], draft)
assert abs(step(tenth) / step(free) / 1.3 - 1) < 0.02, (step(tenth), step(free))
e = 1 + 0.5 + 0.5 * 0.2 + 0.5 * 0.2 * 0.2
assert abs(tenth["tokens_per_decode_step"] / e - 1) < 0.02, tenth["tokens_per_decode_step"]
END
expect 2 "need --drafts" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --draft-cost 0.1
for wrong in 2 0.5, 0.5,x -1; do
    expect 2 "expected numbers from 0 to 1 with commas" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --drafts 2 --acceptance=$wrong
done
expect 2 "expected mean or drawn" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --drafts 3 --accept lucky

expect 0 "a MW plug" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --sweep --concurrency 16 --isl 500 --osl 100 --screenshot f.svg
[ -s f.svg ] || fail "no picture of the frontier"
for label in "output tokens/s a GPU" "output tokens/s a MW"; do grep -q ">$label</text>" f.svg || fail "no $label"; done
for n in 1 2 4 8 16; do grep -q ">$n</text>" f.svg || fail "requests in flight beside the points: $n"; done
expect 0 "SATURATED" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 500 --isl 1000 --osl 100
expect 2 "one of --concurrency" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 5 --concurrency 5
expect 3 "expert_parallel" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --ep 2 --tp 2
expect 3 "expert_parallel = 16, expected a divisor of the 4 GPUs" "$TOKENWORKS" serve --chip h200 --model deepseek-v3 --precision fp8 --dp 4 --ep 16

# replicas by themselves: a router, a planner that keeps the limits with fewer, prompts apart
fleet="$TOKENWORKS serve --chip h200 --model llama-3.1-70b --precision fp8 --tp 4 --replicas 8 --rate 16 --lengths azure23_conv --ttft-slo 1 --tpot-slo 0.03 --for 40min --json"
expect 0 "" $fleet --router power_of_two
cp out.txt all.json
expect 0 "" $fleet --planner
cp out.txt planned.json
expect 0 "" $fleet --planner --prefill-replicas 2 --re-role
cp out.txt apart.json
python3 - <<'END' || fail "serve --planner"
import json
all_, planned, apart = (json.load(open(f)) for f in ("all.json", "planned.json", "apart.json"))
for o in (all_, planned, apart):
    r = o["requests"]
    assert r["arrived"] == r["completed"] + r["running"] + r["waiting"] + r["rejected"] + r["lost"] > 30000
    assert abs(r["arrived"] / 2400 / 16 - 1) < 0.02
assert "planner" not in all_ and all_["good_share"] > 0.99
p = planned["planner"]
# its aim is the mean of a replica, a fifth within the limits: of single requests nearly all keep them
assert planned["good_share"] > 0.93 and p["replicas_min"] < p["replicas_mean"] < 5, p
# enough replicas for the forecast, and not twice as many
assert 0.9 < p["wanted"] * p["capacity_requests_per_s"] / p["forecast_requests_per_s"] < 2, p
assert planned["joules_per_output_token_gpu"] < 0.8 * all_["joules_per_output_token_gpu"]
assert abs(planned["parts"][-1]["serving"] - p["wanted"]) < 1.5
# one transfer alone: the mean prompt through four cards of 40 GB/s; those that one iteration has ended share a link.
# Before it leaves it has waited for an iteration of who decodes to end
bytes_ = 2 * 80 * 8 * 128 * 1138
assert 1.0 < apart["kv_transfer_s"] / (bytes_ / 160e9 + 380e-6) < 2.5, apart["kv_transfer_s"]
assert 0.2 * apart["tpot_s"]["mean"] < apart["kv_held_s"] < 0.8 * apart["tpot_s"]["mean"], apart["kv_held_s"]
END
# who makes the first token of a prompt computed apart: at once, with the KV, or again after it
for first in prefill relayed decode; do
    expect 0 "\"first_token\": \"$first\"" ${fleet/--for 40min/--for 2min} --prefill-replicas 2 --first-token $first
    cp out.txt "first_$first.json"
done
python3 - <<'END' || fail "--first-token"
import json
p, r, d = (json.load(open(f"first_{f}.json")) for f in ("prefill", "relayed", "decode"))
late = p["kv_held_s"] + p["kv_transfer_s"]
assert abs(r["ttft_s"]["mean"] - p["ttft_s"]["mean"] - late) < 0.2 * late
assert d["ttft_s"]["mean"] > r["ttft_s"]["mean"] + 0.005
assert r["e2e_s"] == p["e2e_s"] and d["e2e_s"]["mean"] > p["e2e_s"]["mean"]
END
# prompts computed in a layout of their own: the same layout said twice is the same run; KV leaves over the slower cards
apart="${fleet/--for 40min/--for 2min} --prefill-replicas 2"
expect 0 "" $apart
cp out.txt like.json
expect 0 "" $apart --prefill-tp 4
cp out.txt twice.json
expect 0 "" ${apart/-replicas 2/-replicas 8} --prefill-tp 1
cp out.txt narrow.json
expect 0 "" $apart --prefill-chip b200 --prefill-tp 2
python3 - <<'END' || fail "--prefill-tp, --prefill-chip"
import json
like, twice, narrow, other = (json.load(open(f)) for f in ("like.json", "twice.json", "narrow.json", "out.txt"))
assert {k: v for k, v in twice.items() if k in like} == like
assert like["gpus"] == narrow["gpus"] == 40 and other["gpus"] == 36 and other["prefill_chip"] == "b200_sxm"
# one card in place of four; and what a wider replica saves of a prompt
assert 3 < narrow["kv_transfer_s"] / like["kv_transfer_s"] < 4.2, (narrow["kv_transfer_s"], like["kv_transfer_s"])
assert narrow["ttft_s"]["p50"] > 1.5 * like["ttft_s"]["p50"]
END
expect 2 "need --prefill-replicas" $fleet --prefill-tp 2
# a closed loop over both kinds, and its frontier: in work and in watts both count
loop="$TOKENWORKS serve --chip h200 --model llama-3.1-8b --isl 2000 --osl 50 --length-range 0.8"
expect 0 "prompts on 2 x 1 H200" $loop --replicas 2 --prefill-replicas 2 --concurrency 30
expect 0 "KV goes over NVLink" $loop --prefill-replicas 2 --concurrency 30
expect 0 "KV goes through the cards" $loop --tp 8 --prefill-replicas 1 --prefill-tp 1 --concurrency 30
expect 2 "client-retries" $loop --prefill-replicas 2 --concurrency 30 --client-retries 2
expect 0 "" $loop --replicas 2 --prefill-replicas 2 --sweep --concurrency 64 --json
cp out.txt parted.json
expect 0 "" $loop --replicas 2 --prefill-replicas 2 --prefill-chip h100 --prefill-tp 2 --concurrency 64 --json
cp out.txt unlike.json
python3 - <<'END' || fail "a closed loop over --prefill-replicas"
import json
o, u = json.load(open("parted.json")), json.load(open("unlike.json"))
assert o["gpus"] == 4 and o["replicas"] == o["prefill_replicas"] == 2 and len(o["points"]) == 7, o
for p in o["points"]:
    assert abs(p["requests_per_s"] * p["e2e_s"]["mean"] / p["concurrency"] - 1) < 0.15, p
    assert 0 < p["prefill_busy_share"] < 1.001 and 0 < p["decode_busy_share"] < 1.001, p
    assert abs(p["output_tokens_per_s_per_gpu"] * 4 / p["output_tokens_per_s"] - 1) < 1e-9
    assert p["kv_transfer_s"] > 0
watts = [p["gpu_w"] for p in o["points"]]
assert watts[0] < watts[-1] and u["gpus"] == 6 and u["prefill_chip"] == "h100_sxm", (watts, u)
END
expect 2 "--router does nothing with a closed loop over --prefill-replicas" $loop --prefill-replicas 2 --concurrency 30 --router random
expect 2 "expected a number from 1 to 63" $loop --prefill-replicas 64 --concurrency 30
expect 3 "expected at most 64 in all" $loop --prefill-replicas 60 --replicas 10 --concurrency 30
expect 2 "also takes --concurrency or --sweep" $loop --prefill-replicas 2
expect 2 "the same chips and layout" $fleet --planner --prefill-replicas 2 --prefill-tp 2 --re-role
expect 3 "tensor_parallel = 3 does not divide" $fleet --prefill-replicas 2 --prefill-tp 3
expect 3 'unknown accelerator "b20"' $fleet --prefill-replicas 2 --prefill-chip b20
expect 2 "does nothing with --gpus" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --gpus 2 --prefill-tp 1
expect 2 "needs --prefill-replicas" $fleet --first-token relayed
expect 2 "needs --prefill-replicas" $fleet --reserve none
expect 0 '"reserve": "none"' ${fleet/--for 40min/--for 2min} --prefill-replicas 2 --first-token relayed --reserve none
cp out.txt none.json
python3 - <<'END' || fail "--reserve"
import json
# all but the last of 80 layers leave while the prompt is computed, and nothing is waited for
n, r = json.load(open("none.json")), json.load(open("first_relayed.json"))
assert n["kv_transfer_s"] - 380e-6 < 0.2 * (r["kv_transfer_s"] - 380e-6) and n["kv_held_s"] is None and r["kv_held_s"] > 0
assert n["ttft_s"]["mean"] < r["ttft_s"]["mean"]
END
expect 0 '"reserve": "generation_first"' ${fleet/--for 40min/--for 2min} --prefill-replicas 2 --engine sglang
expect 2 "did you mean context_first" $fleet --prefill-replicas 2 --reserve context_fist
expect 2 "did you mean decode" $fleet --prefill-replicas 2 --first-token decod
# a file of all requests, whatever replica they end at; who asks changes nothing
few=${fleet/--for 40min/--for 2min}
expect 0 "" $few --router power_of_two
cp out.txt plain.json
expect 0 "" $few --router power_of_two --log fleet.csv
cmp -s out.txt plain.json || fail "--log changes the run"
# sessions, found where the router knows, and later, and assumes
agents="$TOKENWORKS serve --chip h200 --model llama-3.1-70b --precision fp8 --tp 4 --replicas 4 --sessions claude_code --rate 0.5 --for 15min --json"
for how in "least_loaded" "kv_aware" "kv_aware --kv-event-delay 60" "kv_aware --kv-ttl 120"; do
    expect 0 "" $agents --router $how
    cp out.txt "agents${how//[ -]/_}.json"
done
# more than is served, with a limit on what waits to be computed and without
over="$TOKENWORKS serve --chip h200 --model llama-3.1-70b --precision fp8 --tp 4 --replicas 2 --lengths azure23_conv --rate 30 --for 5min --json"
expect 0 "" $over --router least_loaded
cp out.txt over.json
expect 0 "" $over --busy-prompt-tokens 1024 --log busy.csv
cp out.txt busy.json
expect 0 "" $over --busy-prompt-tokens 1024 --client-retries 2
cp out.txt again.json
expect 2 "--client-retries 2,8,4: expected times" $over --client-retries 2,8,4
expect 0 "" $over --busy-prompt-tokens 1024 --client-retries 2,10    # the most follows the first
expect 2 "--client-retries x: expected times" $over --client-retries x
python3 - <<'END' || fail "--log of a fleet, --sessions, --kv-event-delay, --busy-prompt-tokens"
import csv, json
load = lambda f: json.load(open(f))
rows, d = list(csv.DictReader(open("fleet.csv"))), load("plain.json")
r = d["requests"]
assert len(rows) == r["completed"] and {int(x["replica"]) for x in rows} == set(range(8))
assert sum(int(x["output_tokens"]) for x in rows) <= d["output_tokens_per_s"] * d["simulated_s"] + 1
ends = [float(x["end_s"]) for x in rows]
assert ends == sorted(ends) and all(float(x["arrival_s"]) <= float(x["scheduled_s"]) <= float(x["first_token_s"]) for x in rows)
late = [float(x["first_token_s"]) - float(x["arrival_s"]) for x in rows if float(x["arrival_s"]) >= 12]
assert abs(sum(late) / len(late) / d["ttft_s"]["mean"] - 1) < 1e-6
hit = [load(f"agents{h}.json")["prefix_hit_share"] for h in
       ("least_loaded", "kv_aware", "kv_aware___kv_event_delay_60", "kv_aware___kv_ttl_120")]
assert hit[0] < hit[2] < hit[1] and hit[0] < hit[3] < hit[1], hit
over, busy, rows = load("over.json"), load("busy.json"), list(csv.DictReader(open("busy.csv")))
b = busy["requests"]
assert over["good_requests_per_s"] < 2 and busy["good_requests_per_s"] > 18, (over, busy)
assert b["refused_busy"] == b["rejected"] == sum(x["outcome"] == "rejected" and x["replica"] == "" for x in rows) > 1000
a = load("again.json")["requests"]
assert b["came_again"] == 0 and a["arrived"] == b["arrived"] and a["rejected"] < b["rejected"] < a["came_again"]
assert 0 < a["again_taken"] <= a["came_again"] and a["completed"] > b["completed"]
END
# a share of slow GPUs costs who deals evenly more than who looks at loads
for how in "round_robin" "least_loaded"; do
    expect 0 "" $few --router $how --slow-share 0.1 --slow-times 2
    cp out.txt "slow_$how.json"
done
python3 -c 'import json
p, q = (json.load(open(f"slow_{r}.json")) for r in ("round_robin", "least_loaded"))
assert p["slow_replicas"] == q["slow_replicas"] > 0 and p["tpot_s"]["p99"] > 1.05 * q["tpot_s"]["p99"]' || fail "--slow-share"
expect 2 "needs --slow-share" $few --slow-times 2
expect 2 "need --router kv_aware" $fleet --kv-ttl 10
expect 2 "or they do not" $fleet --router kv_aware --kv-ttl 10 --kv-event-delay 1
expect 2 "does nothing with --sessions" $fleet --sessions chat
expect 2 "did you mean chat" ${fleet/--lengths azure23_conv/} --sessions chatt
expect 2 "did you mean kv_aware" $fleet --router kv_awar
for n in 1 8; do
    expect 0 "" ${few/--rate 16/--rate 85} --max-sequences 64 --routers $n
    cp out.txt "routers$n.json"
done
python3 -c 'import json, sys; one, many = (json.load(open(f"routers{n}.json")) for n in (1, 8)); sys.exit(not 1.5 * one["ttft_s"]["p99"] < many["ttft_s"]["p99"])' \
    || fail "eight routers of one replica wait as little as one of eight"
expect 3 "9 routers: expected at most 8, one for each replica" $fleet --routers 9
expect 3 "expected at least 2 routers" ${fleet/--replicas 8/--replicas 65} --routers 1
expect 3 "workload.routers = 73" "$TOKENWORKS" check dps_8rack --set workload.routers=73
# clients who go in the middle of their answers: as many as an exponential of 10 s says of end to end times without it
short="$fleet --for 10min"
short=$(echo "$short" | sed 's/--for 40min //')
expect 0 "" $short
cp out.txt stay.json
expect 0 "" $short --leave 10
cp out.txt leave.json
expect 0 "" $short --timeout 2
python3 - <<'END' || fail "--leave, --timeout"
import json, math
stay, leave, timeout = (json.load(open(f)) for f in ("stay.json", "leave.json", "out.txt"))
for d in (stay, leave, timeout):
    n = d["requests"]
    assert n["arrived"] == n["completed"] + n["running"] + n["waiting"] + n["rejected"] + n["lost"]
    assert n["lost"] == n["gave_up"] + n["left"]
assert stay["requests"]["lost"] == 0 and stay["tokens_of_left"] == 0
# by Jensen at least exp(-mean / 10), less queueing without those who went
done = leave["requests"]["completed"] / leave["requests"]["arrived"]
assert math.exp(-stay["e2e_s"]["mean"] / 10) < done < 1.15 * math.exp(-stay["e2e_s"]["mean"] / 10), done
# goodput misses them
assert leave["good_share"] > 0.99 and abs(leave["good_share_of_ended"] - done) < 0.02
assert abs(leave["good_requests_per_s"] - leave["good_share"] * leave["requests_per_s"]) < 1e-9
assert timeout["e2e_s"]["p99"] < 2.05 < stay["e2e_s"]["p90"] and timeout["requests"]["left"] > 1000
END
expect 2 "expected a number" $short --leave -1
expect 2 "need --rate or --trace" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 8 --timeout 3
expect 2 "need --rate or --trace" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --planner
expect 2 "--re-role need --planner" $fleet --re-role
expect 3 "a router serves at most 64" $fleet --prefill-replicas 900
expect 3 "azur" $fleet --profile azur

# replicas beyond a node: stages of a pipeline, tensor parallel over two nodes; never a part of one
for layout in "--tp 8 --pp 2" "--tp 16"; do
    expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-405b $layout --concurrency 8 --requests 40 --json
    cp out.txt "beyond${layout// /_}.json"
done
python3 - <<'END' || fail "serve beyond a node"
import json
stages, tensor = (json.load(open(f))["points"][0]["tpot_s"]["mean"] for f in ("beyond--tp_8_--pp_2.json", "beyond--tp_16.json"))
# 252 all-reduces over two nodes cost more than half of the weights saves
assert 0.5 < tensor / stages < 2 and stages < 0.06, (stages, tensor)
END
expect 3 "expected no more than the 8 of an NVLink domain" "$TOKENWORKS" serve --chip h200 --model llama-3.1-70b --tp 12

# the front end: without it, by name, by its times; a closed loop cannot pass what one process passes on
loop="$TOKENWORKS serve --engine trtllm --chip b200 --model llama-3.1-8b --precision fp8 --concurrency 1024 --isl 128 --osl 256 --requests 3000 --json"
for front in none vllm 0.001,1.5e-6,60e-6; do
    expect 0 "" $loop --front-end $front
    cp out.txt "front_$front.json"
done
python3 - <<'END' || fail "a front end of 60 us an output"
import json
none, vllm, slow = (json.load(open(f"front_{f}.json"))["points"][0] for f in ("none", "vllm", "0.001,1.5e-6,60e-6"))
most = 1 / (60e-6 + (1e-3 + 128 * 1.5e-6) / 256)
assert none["output_tokens_per_s"] > vllm["output_tokens_per_s"] > slow["output_tokens_per_s"]
assert none["gpu_w"] > vllm["gpu_w"] > slow["gpu_w"]
assert 0.95 * most < slow["output_tokens_per_s"] < 1.01 * most, (slow["output_tokens_per_s"], most)
assert none["front_end_share"] == 0 and 0.95 < slow["front_end_share"] < 1.05, slow["front_end_share"]
END
# given more than it can do, it works all the time and no more; a queue of one turns away without growing
hall="$TOKENWORKS run $facilities/dps_8rack.cfg --for 3min --set run.warmup_s=60 --out front.h5 --force --quiet --json"
expect 0 "" $hall --set workload.engine.front_output_s=0.01
python3 - <<'END' || fail "a front end given more than it can do"
import json
s = json.load(open("out.txt"))["serving"]
assert s["saturated"] and 0.9 < s["front_end_share"] <= 1, s
END
expect 0 "nor who is in work grows; " "$TOKENWORKS" run $facilities/hopper_hall.cfg --for 5min --set run.warmup_s=60 --set workload.queue_max=1 --out queue.h5 --quiet --json
# a budget of an iteration below sglang's own bounds its prompts, decodes beside them too
expect 0 "" ${hall/--for 3min/--for 20s} --set workload.engine.rank_wait_iterations=0 --set workload.engine.policy=sglang --set workload.engine.mixed_chunk=true --set workload.max_tokens=512 --set run.warmup_s=5
expect 2 "did you mean vllm" $loop --front-end vlm
expect 2 "expected none" $loop --front-end 1,2
expect 3 "to take some time" "$TOKENWORKS" check dps_8rack --set workload.engine.front_request_s=0.001
expect 0 "" "$TOKENWORKS" step --chip h200 --model deepseek-v3 --precision fp8 --dp 8 --ep 8 --decode 64x1000 --moe-imbalance 1

# experts' weights from the host's memory: room where there was none, at the host's pace where it is slow
two='step --chip gb200 --model deepseek-v3 --precision fp4 --dp 2 --ep 2 --prefill 8x2048'
expect 3 "the weights do not fit" "$TOKENWORKS" $two
expect 0 "" "$TOKENWORKS" $two --host-experts 0.5,450
expect 0 "weights from the host" "$TOKENWORKS" $two --host-experts 0.5,45
expect 2 "expected a share up to 1 and GB/s" "$TOKENWORKS" $two --host-experts 0.5
expect 2 "expected a share up to 1 and GB/s" "$TOKENWORKS" $two --host-experts 1.5,450
expect 3 "the model has no experts" "$TOKENWORKS" step --chip gb200 --model llama-3.1-8b --decode 1x10 --host-experts 0.5,450
# two batches in turns: the exchange of one behind the kernels of the other
wide='step --chip h200 --model deepseek-v3 --precision fp8 --dp 64 --ep 64 --decode 8192x2000'
expect 0 "" "$TOKENWORKS" $wide
cp out.txt one.txt
expect 0 "behind the other half" "$TOKENWORKS" $wide --two-batch
cmp -s one.txt out.txt && fail "two batches take as long as one"
# batches an iteration ahead, and prompts that wait for a larger one
small='serve --chip h200 --model llama-3.1-8b --rate 5 --isl 500 --osl 100 --requests 50'
expect 2 "--batch-wait 20: expected iterations" "$TOKENWORKS" $small --batch-wait 20
expect 2 "--batch-wait 20,0: expected iterations" "$TOKENWORKS" $small --batch-wait 20,0
expect 2 "did you mean" "$TOKENWORKS" $small --schedule-ahead yess
expect 3 "batch_wait_tokens = 9000, expected 1 to 8192" "$TOKENWORKS" $small --batch-wait 20,9000
expect 3 "batch_wait_iterations = 20" "$TOKENWORKS" $small --engine sglang --batch-wait 20,8000
expect 0 "" "$TOKENWORKS" $small
cp out.txt one.txt
expect 0 "" "$TOKENWORKS" $small --schedule-ahead yes
cmp -s one.txt out.txt || fail "vLLM makes its batches ahead by itself"
expect 0 "" "$TOKENWORKS" $small --schedule-ahead no
cmp -s one.txt out.txt && fail "batches ahead change nothing"
expect 0 "" "$TOKENWORKS" $small --batch-wait 20,7000
cmp -s one.txt out.txt && fail "prompts that wait for a batch change nothing"
expect 2 "--rank-wait does nothing with one attention rank" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rank-wait 5
expect 2 "--rank-gather does nothing with --rank-router even" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --dp 2 --rank-router even --rank-gather 5
expect 2 "at most 256 attention ranks" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --dp 512 --rank-router least_tokens
expect 0 "no other attention rank" "$TOKENWORKS" check dps_8rack --set workload.engine.rank_router=even
expect 0 "the model has no experts" "$TOKENWORKS" check hopper_hall --set workload.moe_imbalance=1.5
expect 0 "no limit on gaps" "$TOKENWORKS" check dps_8rack --set workload.itl_slo_share=0.9
expect 0 "no lower tiers" "$TOKENWORKS" check dps_8rack --set workload.engine.tier_credit=0.5
large='check dps_8rack --set workload.attention_ranks=16 --set workload.expert_parallel=16 --set workload.max_sequences=8192'
expect 3 "131072 in one list, expected at most 65535" "$TOKENWORKS" $large --set 'workload.engine.rank_router="even"'
expect 0 "" "$TOKENWORKS" $large
expect 2 "expected at most 4095" "$TOKENWORKS" serve --chip gb300 --model deepseek-v3 --precision fp4 --dp 16 --ep 16 --rank-router even --max-sequences 8192
expect 2 "--max-sequences 0: expected a number from 1 to 8192" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --max-sequences 0
# a row for each request; their means are those that are printed, over all of them
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 4 --requests 300 --lengths azure23_conv --shared-prefix 100 --log rows.csv --json
python3 - <<'END' || fail "--log"
import csv, json
p = json.load(open("out.txt"))["points"][0]
rows = list(csv.DictReader(open("rows.csv")))
assert len(rows) == 300 and {r["outcome"] for r in rows} == {"done"}
at = lambda r, k: float(r[k + "_s"])
for r in rows:
    assert at(r, "arrival") <= at(r, "scheduled") < at(r, "first_token") <= at(r, "end")
mean = lambda v: sum(v) / len(v)
near = lambda a, b: abs(a / b - 1) < 1e-9
assert near(mean([at(r, "first_token") - at(r, "arrival") for r in rows]), p["ttft_s"]["mean"])
assert near(mean([at(r, "end") - at(r, "arrival") for r in rows]), p["e2e_s"]["mean"])
several = [r for r in rows if int(r["output_tokens"]) > 1]
assert near(mean([(at(r, "end") - at(r, "first_token")) / (int(r["output_tokens"]) - 1) for r in several]), p["tpot_s"]["mean"])
hit = sum(int(r["cached_tokens"]) for r in rows) / sum(int(r["input_tokens"]) for r in rows)
assert hit > 0 and near(hit, p["prefix_hit_share"])
END
expect 2 "does nothing with --sweep" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --sweep --log rows.csv
# hardly anybody comes: one request at a time, an hour apart; a thousand years are refused
expect 0 "0.0 in flight" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 0.0003
expect 3 "years, expected at most 60" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 0.000001 --requests 1000000
# inputs of one length, outputs of a table; a batch that is bounded takes longer
expect 0 "requests of 100 input and 3655 output" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 100 --lengths reason_r1_mlperf --concurrency 8 --requests 40
expect 2 "--isl does nothing with --lengths" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 100 --osl 100 --lengths reason_r1_mlperf
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 100 --osl 200 --requests 600 --json
cp out.txt wide.json
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --isl 100 --osl 200 --requests 600 --max-sequences 32 --max-tokens 512 --json
python3 - <<'END' || fail "--max-sequences"
import json
wide, narrow = (json.load(open(f))["points"][0] for f in ("wide.json", "out.txt"))
assert narrow["output_tokens_per_s"] < 0.5 * wide["output_tokens_per_s"]
END
expect 3 "moe_imbalance = 0.5, expected 0" "$TOKENWORKS" check dps_8rack --set workload.moe_imbalance=0.5
expect 3 "rank_gather_iterations = 5: policy sglang" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --dp 2 --policy sglang --rank-gather 5
expect 2 "--moe-imbalance does nothing" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x10 --moe-imbalance 2
expect 2 "did you mean triton" "$TOKENWORKS" step --chip b200_sxm --model mixtral-8x7b --decode 64x1000 --kernels triton2
expect 2 "a model without experts" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 64x1000 --one-text
expect 3 "nothing is exchanged" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 64x1000 --two-batch

# top-p by sort and by rejection: vLLM's pull request 11394 publishes 40.20 and 47.15 of 47.40 requests/s
expect 2 "did you mean sort?" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 64x1000 --sampler srt
rate() { "$TOKENWORKS" serve --chip h100 --model llama-3.1-8b --isl 215 --osl 197 --requests 1000 --sampler "$1" | sed -n 's/^  output *\([0-9.]*\).*/\1/p'; }
awk -v g="$(rate argmax)" -v s="$(rate sort)" -v r="$(rate rejection)" 'BEGIN { exit !(g > 0 && s / g > 0.82 && s / g < 0.89 && r / g > 0.98 && r / g < 1) }' ||
    fail "samplers are off what is published"
# SGLang's cache beside the weights: 509,000 tokens seen (ai-dynamo/aisimulate 263), 367,404 (vLLM issue 21348)
for case in "h200 deepseek-v3 8 0.82 509000 0.01" "h100 qwen3-235b-a22b 4 0.93 367404 0.03"; do
    set -- $case
    "$TOKENWORKS" serve --chip "$1" --model "$2" --precision fp8 --kv-precision bf16 --tp "$3" --engine sglang --memory-fraction "$4" \
        --concurrency 1 --isl 100 --osl 10 --requests 3 --json > out.txt
    python3 -c "import json, sys; k = json.load(open('out.txt'))['kv_tokens']; sys.exit(abs(k / $5 - 1) > $6)" || fail "cache of $2"
done
expect 2 "expected a number from 0.1 to 1" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 1 --memory-fraction 90
# so many arrivals, all of one length: every token is made once in the window, even where they arrive too fast
"$TOKENWORKS" serve --chip h200 --model llama-3.1-70b --tp 4 --engine trtllm --rate 32 --isl 467 --osl 256 --requests 500 --json > out.txt
python3 - << 'END' || fail "tokens of a given number of arrivals"
import json
p = json.load(open("out.txt"))["points"][0]
assert p["requests"] == 500 and abs(p["output_tokens_per_s"] * p["span_s"] / (500 * 256) - 1) < 1e-9 and p["concurrency"] < 500
END
# vLLM reports 65.97 GiB of weights of gpt-oss-120b with Marlin's kernel, 64.38 with Triton's (issues 23278, 33155)
for kernel in "marlin 70.8" "triton 69.1"; do
    "$TOKENWORKS" step --chip h100 --model gpt-oss-120b --precision mxfp4 --mxfp4-kernel "${kernel% *}" --decode 8x128 |
        awk -v want="${kernel#* }" '$1 == "memory" { found = $2 > 0.995 * want && $2 < 1.005 * want } END { exit !found }' ||
        fail "weights of ${kernel% *}"
done
expect 2 "did you mean marlin?" "$TOKENWORKS" step --chip h100 --model gpt-oss-120b --precision mxfp4 --mxfp4-kernel marlon --decode 8x128
expect 3 "a chip with fp4 units has its own" "$TOKENWORKS" step --chip b200 --model gpt-oss-120b --precision mxfp4 --mxfp4-kernel marlin --decode 8x128
# a prompt of 10,000 tokens and three steps of Llama-3.1-8B on an H100 under vLLM's unified kernel: 0.6648 s (pull request 20690)
step_s() { "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --json "$@" | python3 -c 'import json, sys; print(json.load(sys.stdin)["time_s"])'; }
awk -v a="$(step_s --prefill 1x10000 --prompt-attention triton)" -v b="$(step_s --decode 1x10000)" \
    'BEGIN { s = a + 3 * b; exit !(s > 0.99 * 0.6648 && s < 1.01 * 0.6648) }' || fail "a prompt under the unified kernel"
# vLLM takes it for attention sinks before Hopper: nothing said is as triton said, and slower than flash; no sinks, no fall back
sinks() {
    "$TOKENWORKS" serve --chip "$1" --model "$2" --precision "$3" --kv-precision bf16 --engine "$4" --concurrency 8 --isl 8000 --osl 20 \
        --requests 16 "${@:5}" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["points"][0]["output_tokens_per_s"])'
}
said=$(sinks a100_sxm_80 gpt-oss-20b mxfp4 vllm --prompt-attention triton) flash=$(sinks a100_sxm_80 gpt-oss-20b mxfp4 vllm --prompt-attention flash)
[ "$(sinks a100_sxm_80 gpt-oss-20b mxfp4 vllm)" = "$said" ] || fail "attention sinks on A100 under vLLM"
awk -v a="$said" -v b="$flash" 'BEGIN { exit !(a < 0.9 * b) }' || fail "the unified kernel is slower"
[ "$(sinks a100_sxm_80 gpt-oss-20b mxfp4 sglang)" = "$(sinks a100_sxm_80 gpt-oss-20b mxfp4 sglang --prompt-attention flash)" ] || fail "sinks under SGLang"
for at in "h100 gpt-oss-20b mxfp4" "a100_sxm_80 llama-3.1-8b bf16"; do
    [ "$(sinks $at vllm)" = "$(sinks $at vllm --prompt-attention flash)" ] || fail "prompts of $at"
done
# TensorRT-LLM keeps whole sequences in all layers, vLLM windows; before Blackwell chunks decode on a slower kernel once sequences leave the first
kept() {
    "$TOKENWORKS" serve --chip h200 --model gpt-oss-20b --precision mxfp4 --engine "$1" --concurrency 2 --requests 4 --isl 1000 --osl "$2" --json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["kv_tokens"])'
}
[ "$(kept trtllm 100)" = "$(kept trtllm 8000)" ] || fail "cache of windowed layers under TensorRT-LLM"
[ "$(kept vllm 100)" -lt "$(kept vllm 8000)" ] || fail "cache of windowed layers under vLLM"
apart() {
    "$TOKENWORKS" serve --chip "$1" --model llama-4-maverick --precision fp8 --tp 8 --engine "$2" --concurrency 64 --requests 128 --isl 7000 --osl "$3" --json |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["points"][0]["tpot_s"]["mean"])'
}
for at in "h200 trtllm 1.2 1.6" "h200 vllm 0.9 1.05" "b200 trtllm 0.9 1.05"; do
    read -r chip engine least most <<<"$at"
    awk -v a="$(apart "$chip" "$engine" 1300)" -v b="$(apart "$chip" "$engine" 1100)" -v least="$least" -v most="$most" \
        'BEGIN { exit !(a > least * b && a < most * b) }' || fail "chunks on $chip under $engine"
done
expect 2 "did you mean flash?" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --prefill 1x1000 --prompt-attention flush
expect 3 "published for chips without fp4 units" "$TOKENWORKS" step --chip b200 --model llama-3.1-8b --prefill 1x1000 --prompt-attention triton
expect 3 "latent attention has kernels of its own" "$TOKENWORKS" step --chip h200 --model deepseek-v3 --precision fp8 --tp 8 --prefill 1x1000 --prompt-attention triton
expect 0 "" "$TOKENWORKS" check mixed_hall --set workload.pools.0.prompt_attention=flash -q
# DeepSeek's newer fp4 release: the output projection in fp4 saves 1.44 bytes of each of its 7.16e9 weights on every rank
weights() { "$TOKENWORKS" step --chip b200 --model deepseek-v3 --precision fp4 --dp 8 --ep 8 --decode 64x1000 "$@" | awk '$1 == "memory" { print $2 }'; }
awk -v a="$(weights)" -v b="$(weights --output-precision fp4)" 'BEGIN { exit !(a - b > 10.2 && a - b < 10.4) }' || fail "weights of the output projection"
expect 2 "did you mean fp8?" "$TOKENWORKS" step --chip b200 --model deepseek-v3 --precision fp4 --decode 64x1000 --output-precision fp5
expect 0 "" "$TOKENWORKS" check dps_8rack --set workload.output_precision=fp4 --set workload.kernels=cutedsl -q
# experts of 4 bits beside attention in bf16, as Kimi-K2-Thinking: 1.48 bytes more of its 6.2e9 weights over eight GPUs, the down-projections whole on each
kimi() { "$TOKENWORKS" step --chip h200 --model kimi-k2 --precision w4a16 --tp 8 --decode 64x1000 "$@" | awk '$1 == "memory" { print $2 }'; }
awk -v a="$(kimi)" -v b="$(kimi --attention-precision bf16)" 'BEGIN { exit !(a > 66 && a < 70 && b - a > 2.2 && b - a < 2.5) }' || fail "attention in bf16 beside experts of 4 bits: $(kimi) $(kimi --attention-precision bf16)"
expect 3 'expected auto, bf16' "$TOKENWORKS" check dps_8rack --set workload.attention_precision=int4
expect 3 'kernels = "cutedsl" beside precision = "fp8", expected fp4' "$TOKENWORKS" step --chip b200 --model deepseek-v3 --precision fp8 --tp 8 --kernels cutedsl --decode 64x1000
expect 3 "expected argmax, sort or rejection" "$TOKENWORKS" check dps_8rack --set workload.sampler=srot
slow=$(for rack in a b c d; do echo "--set racks.$rack.gpu.fp4_flops=1"; done)
expect 3 "a rate of the chip or its links is too small" "$TOKENWORKS" check dps_8rack $slow
expect 0 "the limit of 200 W is not held" "$TOKENWORKS" serve --chip b200 --model llama-3.1-8b --precision fp8 --concurrency 16 --requests 32 --power-cap 200 -q
# less cap, no more of tokens and watts; the lowest that the driver takes is held on Hopper, to the hundredth below which nothing is said
before=1e9
for cap in 500 300 200; do
    "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 64 --requests 64 --power-cap $cap -q --json > out.txt 2> err.txt || fail "serve at $cap W"
    grep -q "not held" err.txt && fail "$cap W on an H200"
    before=$(python3 - $cap $before << 'END'
import json, sys
p = json.load(open("out.txt"))["points"][0]
cap, before = map(float, sys.argv[1:])
assert p["gpu_w"] <= 1.01 * cap and p["output_tokens_per_s"] <= before * (1 + 1e-9), (cap, p["gpu_w"], p["output_tokens_per_s"], before)
print(p["output_tokens_per_s"])
END
    ) || fail "tokens and watts at $cap W"
done
# in flight: as many at each replica, or it would be another load than was asked for
expect 2 "expected a multiple of them" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --replicas 3 --concurrency 4
expect 2 "expected a whole number" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 1.5
expect 2 "expected at least one for each" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --replicas 3 --concurrency 2 --sweep
# what replicas by themselves, and layouts, have no use for is not passed over
expect 2 "--requests does nothing with replicas by themselves" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 2 --router kv_aware --requests 9
for option in "--sessions chat" "--routers 1" "--busy-waiting 3" "--slow-share 0.5" "--signal-period 1" "--kv-ttl 9" "--requests 9"; do
    expect 2 "does nothing with --gpus" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --gpus 2 $option
done
expect 2 "expected a number" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 2 --busy-kv 0
expect 0 "the limit of 200 W is not held" "$TOKENWORKS" serve --chip b200 --model llama-3.1-8b --precision fp8 --rate 20 --for 1min --power-cap 200 -q
# nobody measured: no number
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 1 --for 1s
grep -q "nan" out.txt && fail "nan in the text"
# inputs of one kind, outputs of another, of one replica for all and of replicas by themselves
for many in "--requests 600" "--for 5min"; do
    expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 2 --lengths azure23_conv --isl 77 $many --log "mixed${many%% *}.csv" --json
done
python3 - <<'END' || fail "--lengths with --isl"
import csv
for f in ("mixed--requests.csv", "mixed--for.csv"):
    rows = list(csv.DictReader(open(f)))
    assert {r["input_tokens"] for r in rows} == {"77"} and len({r["output_tokens"] for r in rows}) > 100, f
END
# a trace: what its ids share is found, of one replica for all and of replicas by themselves, over the span of the trace
cat > ids.jsonl <<'END'
{"timestamp": 0, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 2]}
{"timestamp": 20000, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 3]}
{"timestamp": 40000, "input_length": 1536, "output_length": 9, "hash_ids": [0, 1, 2]}
{"timestamp": 60000, "input_length": 1000, "output_length": 9, "hash_ids": [4, 1]}
END
for many in "" "--router kv_aware --replicas 2"; do
    expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace ids.jsonl --log ids.csv $many --json
    python3 - <<'END' || fail "ids of a trace $many"
import csv, json
found = [int(r["cached_tokens"]) for r in csv.DictReader(open("ids.csv"))]
o = json.load(open("out.txt"))
# whole blocks of 16, and never the last token
assert found == [0, 1024, 1520, 0][:len(found)] and len(found) >= 3, found
assert o.get("simulated_s", 61) == 61, o
if "points" in o: assert abs(o["points"][0]["prefix_hit_share"] - 2544 / 5608) < 1e-12
END
done
expect 2 "--shared-prefix does nothing with --trace" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace ids.jsonl --shared-prefix 64
# behind a front end with more than it can do the first token of a prompt computed apart may be the last to leave; what came
# from there was not found cached
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 30 --for 2min --prefill-replicas 1 --first-token prefill --isl 20000 --osl 4 --front-end 0.001,3e-6,1e-6 --log late.csv
python3 - <<'END' || fail "--log behind a front end"
import csv
rows = [r for r in csv.DictReader(open("late.csv")) if r["outcome"] == "done"]
assert len(rows) > 20 and all(r["cached_tokens"] == "0" for r in rows)
assert all(float(r["arrival_s"]) < float(r["first_token_s"]) <= float(r["end_s"]) for r in rows)
END
# who is done but has not left the front end at the end of the span is running still, and not in the log
expect 0 "" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --rate 20 --for 20s --isl 64 --osl 100 --front-end 0.02,1e-6,5e-4 --log inside.csv --json
python3 - <<'END' || fail "--log and what is inside the front end"
import csv, json
rows, r = list(csv.DictReader(open("inside.csv"))), json.load(open("out.txt"))["requests"]
assert len(rows) == r["completed"] > 100 and max(float(x["end_s"]) for x in rows) <= 20, (len(rows), r)
END
# who came before the end of warm-up and gives up after it: no more are turned away than all
expect 0 "serving: 100.0 % of requests are turned away" "$TOKENWORKS" run $facilities/hopper_hall.cfg --for 3min --set run.warmup_s=60 --set workload.queue_max=60000 --set workload.max_sequences=2 --set workload.engine.patience_s=60 --event "traffic at=1s for=54s value=5" --event "traffic at=56s value=0.01" --out turned.h5 --quiet --json
[ "$(json serving.excess_share)" -le 1 ] || fail "more are turned away than came"
finish
