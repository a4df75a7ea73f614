#!/usr/bin/env bash
# What predictions are shown beside: errors of rows like them, by group, from a table that is what the program predicts.
. "$(dirname "$0")/cli.sh"
shipped=$facilities/reference/errors.csv

# a serving run, in text and in JSON: the same group, the nearest that is large enough
run="serve --chip h200 --model llama-3.1-8b --precision fp8 --engine trtllm --concurrency 4 --requests 8"
expect 0 "dense models on H200 SXM under TensorRT-LLM" "$TOKENWORKS" $run
grep -q 'against published rows: error in the median, and of four in five' out.txt || fail "no heading"
"$TOKENWORKS" $run --json | python3 -c '
import csv, json, sys
told = json.load(sys.stdin)["accuracy"]
assert told["rows_of_chip"] > 100, told
rows = [r for r in csv.DictReader(l for l in open(sys.argv[1]) if l[0] != "#") if r["quantity"] == "rate"]
large = [r for r in rows if r["chip"] == "h200_sxm" and r["models"] == "dense" and r["engine"] in ("trtllm", "") and
         r["load"] in ("closed", "") and int(r["rows"]) >= 10 and int(r["publishers"]) >= 2]
like = sorted(large, key=lambda r: ["load", "engine", "chip"].index(r["level"]))[0]
assert told["rate"]["level"] == like["level"], (told, like)
for key, column in dict(rows="rows", publishers="publishers", blind_rows="blind", error_p10="p10", error_p50="p50",
                        error_p90="p90", error_low="low", error_high="high").items():
    assert abs(told["rate"][key] - float(like[column])) < 1e-9, (key, told["rate"], like)
assert set(told) == {"rows_of_chip", "rate", "ttft", "power", "joules"}, told
' "$shipped" || fail "json of serve"

# the frontier and layouts in one line; nothing is published of Rubin, which is said
expect 0 "dense models on" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --sweep --concurrency 2
[ "$(grep -c 'publishers:' out.txt)" = 1 ] || fail "a sweep in one line"
expect 0 "dense models on" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --gpus 1
[ "$(grep -c 'publishers:' out.txt)" = 1 ] || fail "layouts in one line"
expect 0 "no published row of a mixture of experts on Rubin: those of other chips" \
    "$TOKENWORKS" serve --chip rubin --model gpt-oss-120b --rate 1 --requests 8
grep -q 'tokens/s at most .*mixtures of experts on all chips' out.txt || fail "what is asked for is no prediction"

# a facility: report, JSON, result file, check
expect 0 "against published rows: error in the median" "$TOKENWORKS" run dps_8rack --for 1min --out run.h5
grep -q 'by their joules a token: .* output tokens/s per MW' out.txt || fail "range of the headline"
expect 0 '"error_high"' "$TOKENWORKS" report run.h5 --json
[ "$(json accuracy.serving.rows_of_chip)" = "$(grep '^chip,gb300,blackwell,mixture,,,rate,' "$shipped" | cut -d, -f8)" ] ||
    fail "rows of GB300: $(json accuracy.serving.rows_of_chip)"
cp out.txt told.json
expect 0 "" python3 -c '
import json
told = json.load(open("told.json"))["accuracy"]["serving"]
for of in "rate", "ttft", "power", "joules":
    assert told[of]["error_low"] < told[of]["error_p50"] < told[of]["error_high"] and told[of]["of"], told
'
expect 0 "no published row of a mixture of experts on Rubin" "$TOKENWORKS" check block_rubin
# the same in the JSON of a check, by pool
"$TOKENWORKS" check dps_8rack --json | python3 -c '
import json, sys
told, ran = json.load(sys.stdin)["accuracy"], json.load(open("told.json"))["accuracy"]
assert list(told) == ["serving"] and told["serving"]["rows_of_chip"] == ran["serving"]["rows_of_chip"], told
for of in "rate", "ttft", "power", "joules":
    for key in "rows", "error_p50", "error_low", "error_high", "of":
        assert told["serving"][of][key] == ran["serving"][of][key], (of, key, told, ran)
' || fail "json of check"

# a table that is wrong leaves the prediction, and is said
mkdir data && ln -s "$TOKENWORKS_SOURCE/calibration" data/ && cp -r "$facilities" data/
echo "level" > data/facilities/reference/errors.csv
expect 0 "errors.csv:1: error: no column chip" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" $run
expect 0 '"accuracy": null' env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" $run --json
expect 0 '"accuracy": null' env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" check dps_8rack --json
grep -q "errors.csv:1: error: no column chip" err.txt || fail "why, beside a check"
expect 0 "errors.csv:1: no column chip" env TOKENWORKS_DATA="$PWD/data" "$TOKENWORKS" run dps_8rack --for 1min --out bad.h5

# the table is written of any rows; what cannot be asked for
cat > mine.csv << 'END'
id,source_id,model_id,gpu,n_gpus,weight_dtype,engine,tp,mode,isl,osl,concurrency,req_rate_per_s,token_def,tokens_per_s
a,ME-1,llama-3.1-8b,H200-SXM,1,bf16,vllm,1,closed_loop,1000,100,8,,output,800
b,ME-2,llama-3.1-8b,H200-SXM,1,bf16,vllm,1,closed_loop,1000,100,16,,output,1200
c,YOU,llama-3.1-8b,H200-SXM,1,bf16,vllm,1,server,1000,100,,1,output,100
END
expect 0 "3 rows of 3 sources by 2 publishers, 0 of the rows of blind sets. Not in it are 1 rates" \
    "$TOKENWORKS" validate throughput mine.csv --errors mine_errors.csv
grep -q '^chip,h200_sxm,hopper,dense,,,rate,2,1,0,' mine_errors.csv || { cat mine_errors.csv; fail "table of one's own"; }
# a chip of one's own by its path, with a comma in it
mkdir "a,b" && cp "$facilities/parts/accelerator/h200_sxm.cfg" "a,b/mine.cfg"
sed 's/H200-SXM/"a,b\/mine.cfg"/' mine.csv > path.csv
expect 0 "" "$TOKENWORKS" validate throughput path.csv --errors path_errors.csv
python3 -c '
import csv
rows = [r for r in csv.DictReader(l for l in open("path_errors.csv") if l[0] != "#")]
assert any(r["chip"] == "a,b/mine.cfg" and r["level"] == "chip" and r["rows"] == "2" for r in rows), rows
assert all(None not in r and r["high"] for r in rows), rows
' || fail "a path with a comma"
expect 2 "expected: validate throughput FILE... --errors OUT.csv" "$TOKENWORKS" validate network --errors x.csv
expect 2 "expected: validate throughput FILE... --errors OUT.csv" "$TOKENWORKS" validate throughput --errors x.csv
expect 5 "none.csv" "$TOKENWORKS" validate throughput mine.csv none.csv --errors x.csv
expect 5 "nowhere" "$TOKENWORKS" validate throughput mine.csv --errors nowhere/x.csv
expect 2 "./mine.csv is given twice" "$TOKENWORKS" validate throughput mine.csv ./mine.csv --errors x.csv
expect 2 "--errors mine.csv is a table that is read" "$TOKENWORKS" validate throughput mine.csv --errors mine.csv
sed -i 's/H200-SXM/MI300X/' mine.csv
expect 3 "no row of the tables can be expressed" "$TOKENWORKS" validate throughput mine.csv --errors x.csv
[ ! -e x.csv ] || fail "a table of nothing"

# the shipped table is what the program predicts now: all of it where the development rows are, else of the blind sets
if ! sanitized; then
    rows=${TOKENWORKS_REFERENCE_DATA:-none}/throughput/measured_dev.csv
    [ -e "$rows" ] || rows=
    expect 0 "" "$TOKENWORKS" validate throughput $rows "$facilities"/reference/blind*.csv --errors now.csv
    python3 -c '
import csv, sys
def read(path):
    keys = "level chip generation models engine load quantity".split()
    return {tuple(r[k] for k in keys): r for r in csv.DictReader(l for l in open(path) if l[0] != "#")}
shipped, now, whole = read(sys.argv[1]), read("now.csv"), sys.argv[2] != ""
parts = ["rows", "publishers", "blind", "p10", "p50", "p90"] + ["low", "high"] * whole
kept = lambda t: {k: v for k, v in t.items() if whole or k[0] == "blind"}
a, b = kept(shipped), kept(now)
assert a and a.keys() == b.keys(), a.keys() ^ b.keys()
# what is told are whole percents
off = [(k, p, a[k][p], b[k][p]) for k in a for p in parts if abs(float(a[k][p]) - float(b[k][p])) > 0.005 * (1 + abs(float(b[k][p])))]
for o in off[:20]: print(*o)
sys.exit(len(off) > 0)
' "$shipped" "$rows" || fail "facilities/reference/errors.csv is stale: scripts/make-errors makes it again"
fi
finish
