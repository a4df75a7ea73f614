#!/usr/bin/env bash
# Traces of generated classes: written, read back, converted and described the same; errors name the nearest class.
. "$(dirname "$0")/cli.sh"
cat > classes.cfg <<'CFG'
title = "classes";
site  = "chicago";
power = ( { name = "utility"; kind = "feed"; limit_kw = 200.0; }, { name = "pdu"; kind = "pdu"; from = "utility"; limit_kw = 150.0; } );
racks = ( { name = "rack"; count = 2; part = "dgx_h200_x4"; from = "pdu"; } );
cooling: { cdus = (); room = { part = "crah_250kw"; from = "utility"; }; };
fabric: { part = "superpod_h100"; from = "utility"; };
workload: {
  model = "llama-3.1-70b"; precision = "fp8"; tensor_parallel = 4; context_tokens = 1000000;
  classes = ( { name = "assistants"; part = "enterprise_assistants"; rate_s = 4.0; },
              { name = "agents"; part = "agentic_workflows"; sessions_per_h = 60.0; span_h = 4.0; },
              { name = "completion"; part = "code_completion"; rate_s = 2.0; } );
};
run: { start = "2026-07-01 09:00:00"; for_h = 0.1; };
CFG
expect 0 "sessions" "$TOKENWORKS" trace describe classes.cfg --class agents --for 30min
expect 0 '"hit_fraction"' "$TOKENWORKS" trace describe classes.cfg --for 10min --json
expect 0 "" "$TOKENWORKS" trace generate classes.cfg --class agents --for 30min --out agents.csv
expect 0 "" "$TOKENWORKS" trace generate classes.cfg --class agents --for 30min --out agents.jsonl.gz
expect 0 "session CSV" "$TOKENWORKS" trace describe agents.csv
"$TOKENWORKS" trace describe agents.jsonl.gz --json > a.json && "$TOKENWORKS" trace convert agents.jsonl.gz b.jsonl && "$TOKENWORKS" trace describe b.jsonl --json > b.json
cmp <(grep -v '"file"' a.json) <(grep -v '"file"' b.json) || fail "a converted trace is described otherwise"
expect 0 "" "$TOKENWORKS" trace generate classes.cfg --class completion --for 1h --out completion.csv
expect 0 "Azure CSV" "$TOKENWORKS" trace describe completion.csv --out completion.svg
grep -q "</svg>" completion.svg || fail "no picture"
expect 0 "completion" "$TOKENWORKS" trace describe classes.cfg --class completion --for 10min --out class.svg
grep -q "index of dispersion" class.svg || fail "no picture of a class"
expect 2 "pick one with --class" "$TOKENWORKS" trace describe classes.cfg --for 1min --out all.svg
# one class that begins later hides no other
expect 0 "completion: no requests in that time" "$TOKENWORKS" trace describe classes.cfg --for 1min --set 'workload.classes.completion.kind="batch"' --set workload.classes.completion.users=4 --set workload.classes.completion.begins_h=9
expect 2 "did you mean agents" "$TOKENWORKS" trace generate classes.cfg --class agent --out x.csv
expect 3 "needs sessions" "$TOKENWORKS" trace convert completion.csv s.csv --format sessions
# a trace alone is a workload; words that others use are answered with ours
sed '/classes = /,/part = "code_completion"/d; s/context_tokens = 1000000;/trace = "completion.csv";/' classes.cfg > alone.cfg
expect 0 "completion.csv" "$TOKENWORKS" run alone.cfg --for 30s -q --out alone.h5
sed 's/part = "enterprise_assistants"/preset = "enterprise_assistants"/' classes.cfg > other.cfg
expect 3 "preset: unknown setting; did you mean part?" "$TOKENWORKS" check other.cfg
sed 's/part = "enterprise_assistants"/part = "enterprise_assistants"; prefix = { kind = "templates"; tokens = "mooncake_template_tokens"; }/' classes.cfg > other.cfg
expect 3 "expected a number: shared tokens; for lengths that vary: table" "$TOKENWORKS" check other.cfg
expect 3 "did you mean workload.jobs.feed_pool" "$TOKENWORKS" check classes.cfg --set workload.flywheel.job=sft
expect 3 "place = \"leaf\": expected nvlink_domain" "$TOKENWORKS" check classes.cfg --set workload.scheduler.place=leaf
expect 0 "" "$TOKENWORKS" check classes.cfg --set workload.scheduler.order=fcfs
# a setting that does nothing for a class of its kind is said
for idle in agents.users=3 agents.prefix.kind=global completion.span_s=60 completion.arrival.period_s=3 completion.input_tokens=7; do
    expect 3 "does nothing for" "$TOKENWORKS" check classes.cfg --strict --set "workload.classes.$idle"
done
# what a replay leaves out and shortens is said
{ head -1 completion.csv; printf '2023-11-16 18:15:%02d.000000,%s\n' 1 100,10 2 0,10 3 100,0 4 5000,10 5 200,10; } > gaps.csv
sed 's/completion.csv/gaps.csv/; s/trace = "gaps.csv";/trace = "gaps.csv"; context_tokens = 1000;/' alone.cfg > gaps.cfg
expect 0 "trace rows dropped" "$TOKENWORKS" run gaps.cfg --for 30s -q --set run.warmup_s=0 --out gaps.h5
expect 0 "" "$TOKENWORKS" report gaps.h5 --json
[ "$(json requests.arrived) $(json requests.cut) $(json requests.trace_rows_dropped)" = "3 1 2" ] || fail "a replay counts $(json requests)"
# the whole facility under its classes: the books close, and the same bytes for any number of threads
expect 0 '"ok": true' "$TOKENWORKS" run classes.cfg -q --json --out r.h5
expect 0 "" "$TOKENWORKS" run classes.cfg -q --json --threads 1 --out r1.h5 > one.json
expect 0 "" "$TOKENWORKS" run classes.cfg -q --json --threads 2 --out r2.h5 > two.json
expect 3 "did you mean \"serving\"" "$TOKENWORKS" check classes.cfg --set workload.classes.agents.pool=servin

# sessions as JSON with sub-agents inside; replayed, each call follows the answer before it by its own gap
cat > nested.jsonl <<'END'
{"id": "a", "requests": [{"t": 0.0, "in": 130, "out": 10, "hash_ids": [1, 2, 3], "stop": "tool_use"}, {"t": 4.5, "in": 200, "out": 20, "hash_ids": [1, 2, 9, 10], "stop": "tool_use", "think_time": 2.5}, {"t": 5.0, "type": "subagent", "requests": [{"t": 5.5, "in": 64, "out": 5, "hash_ids": [1]}, {"t": 7.0, "in": 128, "out": 5, "hash_ids": [1, 4], "think_time": 1.0}]}, {"t": 20, "in": 256, "out": 30, "hash_ids": [1, 2, 9, 10], "stop": "end_turn", "think_time": 11}]}
{"id": "b", "start": 3.0, "requests": [{"t": 0.0, "in": 100, "out": 10, "hash_ids": [1, 2]}]}
END
expect 0 "sessions   2 of 6 calls, 1 ends of messages, 1 sub-agents" "$TOKENWORKS" trace describe nested.jsonl
grep -q "16 blocks of 64, 8 unique" out.txt || fail "ids of two sessions are the same: $(grep prefix out.txt)"
expect 0 "" "$TOKENWORKS" trace convert nested.jsonl nested.csv
grep -q "^0,0,2,4.500,,T,200,128,20,2.500" nested.csv || fail "calls of nested sessions: $(cat nested.csv)"
sed 's/"in": 200/"in": 2000/' nested.jsonl > bad.jsonl
expect 3 "4 hash_ids for an input of 2000, expected 32 of 64 tokens" "$TOKENWORKS" trace describe bad.jsonl
sed 's/"out": 20,/"out": -20,/' nested.jsonl > bad.jsonl
expect 3 'out = "-20"' "$TOKENWORKS" trace describe bad.jsonl
echo '{"timestamp": 0, "input_length": 6, "output_length": 5} {"timestamp": 1}' > bad.jsonl
expect 3 "expected one object a line" "$TOKENWORKS" trace describe bad.jsonl
closed="$TOKENWORKS run $facilities/hopper_hall.cfg --for 1min -q --json --force --set run.warmup_s=0"
for file in nested.jsonl nested.csv; do
    expect 0 '"completed": 6' $closed --set "workload.trace=$PWD/$file" --out closed.h5
    python3 -c 'import json; assert json.load(open("out.txt"))["serving"]["prefix_hit_share"] > 0.3' || fail "a replayed session of $file shares nothing"
done
# the last call waits for the answers before it and for its 11 seconds: with slow answers it comes later
printf 'session,agent,turn,t_s,stop,in_tokens,hit_tokens,out_tokens,think_s\n0,0,1,0,T,1000,0,4000,0\n0,0,2,2,E,1100,960,10,1\n' > slow.csv
expect 0 '"completed": 2' $closed --set "workload.trace=$PWD/slow.csv" --out slow.h5
expect 0 '"arrived": 1' ${closed/--for 1min/--for 5s} --set "workload.trace=$PWD/slow.csv" --out slow.h5

# a batch and its deadline: late are those that end after it, and those that have not ended when it is over
cat > batch.cfg <<END
base = "hopper_hall";
workload: { tensor_parallel = 8; replicas = 1; arrival = { kind = "poisson"; rate_s = 0.001; }; classes = ( { name = "nightly"; kind = "batch"; lengths = "azure23_conv"; requests = 400; users = 16; begins_s = 10.0; deadline_s = 60.0; } ); };
run: { start = "2026-07-01 12:00:00"; for_s = 60.0; warmup_s = 0.0; };
END
late() { expect 0 "" "$TOKENWORKS" run batch.cfg -q --json --force --out b.h5 "$@"; python3 -c 'import json; d = json.load(open("out.txt"))["requests"]; print(int(d["late"]), int(d["completed"]))'; }
[ "$(late | cut -d' ' -f1)" = 0 ] || fail "late before the deadline: $(late)"
read -r over done < <(late --set workload.classes.nightly.deadline_s=20)
[ "$over" -gt 0 ] && [ "$over" -lt 400 ] && [ "$done" -gt 0 ] || fail "with a deadline in its midst $over of $done are late"
[ "$(late --for 200s --set workload.classes.nightly.deadline_s=150 | cut -d' ' -f1)" = 0 ] || fail "a batch that ends in time is late"

# a trace is read in less memory than its rows would take: 2.2 million in 80 MB of private memory
awk 'BEGIN { print "Timestamp,Request tokens,Response tokens"; for (i = 0; i < 2200000; i++) print i / 8 "," 100 + i % 900 "," 10 + i % 90 }' > large.csv
if ! echo "$TOKENWORKS" | grep -q sanit && ! nm -D "$TOKENWORKS" 2> /dev/null | grep -q __asan; then
    (ulimit -d 80000; "$TOKENWORKS" trace describe large.csv) > large.txt 2>&1 || fail "a large trace is not read in little memory: $(tail -1 large.txt)"
    grep -q "2200000 rows" large.txt || fail "rows of the large trace: $(head -1 large.txt)"
fi
rm large.csv
# images of a multimodal trace: read, counted, sorted with their rows, written, said where they cannot be
printf 'TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n2025-05-01 00:00:01.5,0,100,10\n2025-05-01 00:00:03.5,2,1300,20\n2025-05-01 00:00:02.5,1,700,30\n' > images.csv
expect 0 "images     1.0000 a request, 0.6667 of the requests have any   3 in all" "$TOKENWORKS" trace describe images.csv
expect 0 "Azure CSV" "$TOKENWORKS" trace convert images.csv again.csv
[ "$(sed -n 3p again.csv)" = "2025-05-01 00:00:02.500000,1,700,30" ] || fail "images do not follow their rows: $(sed -n 3p again.csv)"
expect 0 "numbers of images" "$TOKENWORKS" trace convert images.csv images.jsonl
sed 's/,2,1300/,two,1300/' images.csv > wrong.csv
expect 3 'wrong.csv:3:23: error: NumImages = "two"' "$TOKENWORKS" trace describe wrong.csv
finish
