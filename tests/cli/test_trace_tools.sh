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
expect 2 "did you mean agents" "$TOKENWORKS" trace generate classes.cfg --class agent --out x.csv
expect 3 "needs sessions" "$TOKENWORKS" trace convert completion.csv s.csv --format sessions
# the whole facility under its classes: the books close, and the same bytes for any number of threads
expect 0 '"ok": true' "$TOKENWORKS" run classes.cfg -q --json --out r.h5
expect 0 "" "$TOKENWORKS" run classes.cfg -q --json --threads 1 --out r1.h5 > one.json
expect 0 "" "$TOKENWORKS" run classes.cfg -q --json --threads 2 --out r2.h5 > two.json
expect 3 "did you mean \"serving\"" "$TOKENWORKS" check classes.cfg --set workload.classes.agents.pool=servin
finish
