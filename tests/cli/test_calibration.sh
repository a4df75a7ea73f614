#!/bin/bash
# A calibration as one HDF5 file: there and back it is the same, and the program runs from it with the same bytes.
. "$(dirname "$0")/cli.sh"

for chip in $(some_of 3 h100 h200 b200 b300 gb200 gb300); do
    expect 0 "" "$TOKENWORKS" calibration --chip $chip --out $chip.h5
    expect 0 "" "$TOKENWORKS" calibration $chip.h5 --out $chip
    expect 0 "" "$TOKENWORKS" calibration $chip --out again.h5 --force
    rm -rf again
    expect 0 "" "$TOKENWORKS" calibration again.h5 --out again
    expect 0 "" "$TOKENWORKS" calibration again.h5 --out again --force
    diff -r $chip again || fail "$chip: there and back it is another"
    # the shipped tables, number by number and word by word
    python3 - "$TOKENWORKS_SOURCE"/calibration/$chip* $chip <<'END' || fail "$chip: not the shipped tables"
import csv, os, sys
shipped, copy = sys.argv[1:]
def cell(x):
    try: return float(x)
    except ValueError: return x
def table(path):
    with open(path) as f: lines = f.readlines()
    rows = list(csv.reader(x for x in lines if not x.startswith("#")))
    return [x for x in lines if x.startswith("#")], rows[0], [[cell(x) for x in r] for r in rows[1:]]
names = sorted(n for n in os.listdir(shipped) if n.endswith(".csv"))
assert names == sorted(os.listdir(copy)) and len(names) > 15, (names, os.listdir(copy))
for n in names: assert table(f"{shipped}/{n}") == table(f"{copy}/{n}"), n
END
done
expect 0 "moe_sites" "$TOKENWORKS" calibration h100.h5
expect 0 '"name": "gemm", "rows": 420' "$TOKENWORKS" calibration h100.h5 --json

# the same bytes by a step, by serving, by a facility whose part names the file
same() {
    local a
    expect 0 "" "$@" --json
    a=$(grep -v wall_s out.txt)
    shift $#
    [ "$a" = "$shipped" ] || fail "from the file it is another: $a"
}
for ask in "step --chip h100 --model deepseek-v3 --precision fp8 --dp 16 --ep 16 --decode 512x2000 --kernels vllm" \
    "step --chip h100 --model gpt-oss-120b --precision mxfp4 --prefill 2x4000" \
    "serve --chip h100 --model llama-3.1-8b --precision fp8 --tp 2 --concurrency 4 --isl 200 --osl 20 --requests 16"; do
    expect 0 "" "$TOKENWORKS" $ask --json
    shipped=$(grep -v wall_s out.txt)
    same "$TOKENWORKS" $ask --calibration h100.h5
    same "$TOKENWORKS" $ask --calibration h100
done
hall="$TOKENWORKS run $facilities/block_h200.cfg --for 20s --set run.warmup_min=0 -q --force --out x.h5"
"$TOKENWORKS" calibration --chip h200 --out h200.h5 --force > /dev/null
expect 0 "" $hall --json
shipped=$(grep -v -e wall_s -e '"key"' out.txt)
mkdir beside && cp h200.h5 beside/mine.h5 && printf 'base = "block_h200";\n' > beside/hall.cfg
expect 0 "" ${hall/$facilities\/block_h200.cfg/beside\/hall.cfg} --set 'racks.rack.gpu.calibration="mine.h5"' --json
[ "$(grep -v -e wall_s -e '"key"' -e '"facility"' out.txt)" = "$(grep -v '"facility"' <<< "$shipped")" ] || fail "a facility from the file"
expect 3 "no such folder or HDF5 file" "$TOKENWORKS" check "$facilities/block_h200.cfg" --set 'racks.rack.gpu.calibration="none.h5"'
expect 3 'no such folder or HDF5 file; did you mean "h200_sxm"?' "$TOKENWORKS" check "$facilities/block_h200.cfg" --set 'racks.rack.gpu.calibration="h200_smx"'
mkdir -p mine
expect 3 'below calibration/; the one here is "./mine"' "$TOKENWORKS" check "$facilities/block_h200.cfg" --set 'racks.rack.gpu.calibration="mine"'
sed 's/^calibration = .*/calibration = "h200_smx";/' "$facilities/parts/accelerator/h200_sxm.cfg" > smx.cfg
expect 5 "no such folder or HDF5 file" "$TOKENWORKS" step --chip smx.cfg --model llama-3.1-8b --decode 1x1
expect 0 "" "$TOKENWORKS" check "$facilities/block_h200.cfg" --set 'racks.rack.gpu.calibration=""'

# points of one's own travel with it, empty cells and all
mkdir own && printf 'point_id,t_us,note\n12e4,0.25,\n0abc,,"a, b"\n' > own/points.csv && printf 'schema = 1;\n' > own/chip.cfg
printf 'op,j\ngemm,1\n' > own/energy.csv
expect 0 "" "$TOKENWORKS" calibration own --out own.h5
expect 0 "" "$TOKENWORKS" calibration own.h5 --out back
diff -r own back || fail "points of one's own"

expect 3 "exists already; --force replaces it" "$TOKENWORKS" calibration own --out own.h5

# through a link, with the permissions of what stood there; nothing but a plain file
mkdir real && cp own.h5 real/set.h5 && chmod 640 real/set.h5 && ln -s real/set.h5 link.h5
expect 0 "" "$TOKENWORKS" calibration --chip h200 --out link.h5 --force
[ -L link.h5 ] && [ "$(stat -c %a real/set.h5)" = 640 ] && cmp -s real/set.h5 h200.h5 || fail "the file behind the link"
mkfifo pipe.h5
expect 3 "no plain file" "$TOKENWORKS" calibration own --out pipe.h5 --force
# an import that fails midway leaves the folder as it was: one table damaged, one in the way, no room
python3 - <<'END'
import re
data = bytearray(open("h200.h5", "rb").read())
at = data.rfind(b"OHDR")
data[at + 6:at + 40] = b"\xff" * 34
open("broken.h5", "wb").write(data)
END
"$TOKENWORKS" calibration broken.h5 --out half > /dev/null 2>&1 && fail "a damaged set was imported"
[ ! -e half ] || fail "what a damaged set left: $(ls half)"
mkdir taken && echo mine > taken/prefill.csv
expect 3 "prefill.csv: error: exists already" "$TOKENWORKS" calibration h200.h5 --out taken
[ "$(ls taken)" = prefill.csv ] && [ "$(cat taken/prefill.csv)" = mine ] || fail "beside a table in the way: $(ls taken)"
(ulimit -f 40; "$TOKENWORKS" calibration h200.h5 --out taken --force > out.txt 2>&1) && fail "without room"
[ "$(ls taken)" = prefill.csv ] && [ "$(cat taken/prefill.csv)" = mine ] || fail "without room: $(ls taken)"
expect 2 "expected a folder, which" "$TOKENWORKS" calibration own.h5 --out x.h5
expect 2 "ending in .h5" "$TOKENWORKS" calibration own --out x
expect 2 "--json does nothing with --out" "$TOKENWORKS" calibration own --out y.h5 --json
expect 2 "--force does nothing with a list" "$TOKENWORKS" calibration own --force
expect 2 "expected a folder of tables" "$TOKENWORKS" calibration
expect 3 "unknown accelerator" "$TOKENWORKS" calibration --chip h20
head -c 2000 h100.h5 > cut.h5
expect 3 "not an HDF5 file, or cut short" "$TOKENWORKS" calibration cut.h5
expect 3 "not an HDF5 file, or cut short" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 1x1 --calibration cut.h5
expect 5 "no such folder or HDF5 file" "$TOKENWORKS" step --chip h100 --model llama-3.1-8b --decode 1x1 --calibration none.h5
expect 3 "which the set has not: expected another folder" "$TOKENWORKS" calibration own.h5 --out h100 --force
mkdir empty many wide
for i in $(seq 300); do printf 'x\n1\n' > many/$i.csv; done
expect 3 "more than 256 CSV files" "$TOKENWORKS" calibration many --out many.h5
{ seq -s, 100; seq -s, 100; } > wide/points.csv
expect 3 "more than 80 columns" "$TOKENWORKS" calibration wide --out wide.h5
[ ! -e many.h5 ] && [ ! -e wide.h5 ] || fail "a file of what failed"
expect 3 "holds no tables" "$TOKENWORKS" calibration empty
finish
