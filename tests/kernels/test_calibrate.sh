#!/bin/bash
# tokenworks-calibrate as a user runs it. What needs no GPU runs everywhere it is built; without a GPU measuring ends
# with 77 and one line, with one it must succeed.
set -u
program=${TOKENWORKS_BUILD:-build}/bin/tokenworks-calibrate
source=$(cd "${TOKENWORKS_SOURCE:-.}" && pwd)
[ -x "$program" ] || { echo "skipped: $program is not built"; exit 77; }
program=$(cd "$(dirname "$program")" && pwd)/tokenworks-calibrate
# the driver maps memory where the sanitizer keeps its shadow, and frees nothing at exit
export ASAN_OPTIONS=protect_shadow_gap=0:detect_leaks=0
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1
failures=0

# expect STATUS STREAM TEXT ARGUMENT...: TEXT must be in STREAM (out or err)
expect() {
    local want=$1 stream=$2 text=$3 status
    shift 3
    "$program" "$@" > out 2> err
    status=$?
    if [ $status != "$want" ] || ! grep -qF -- "$text" "$stream"; then
        echo "$*: status $status, expected $want and \"$text\" in $stream:"
        cat out err
        failures=$((failures + 1))
    fi
}
first=$source/kernels/grids/first.csv
points=$(grep -cE '^(gemm|residual_rmsnorm|silu_mul|copy),' "$first")

expect 0 out "Usage: tokenworks-calibrate" --help
expect 0 out "tokenworks-calibrate " --version
expect 0 out "$points points" --grid "$first" --list
[ "$(grep -cE '^[0-9a-f]{16} ' out)" = "$points" ] || { echo "--list prints other than $points ids"; failures=$((failures + 1)); }
[ "$(grep -oE '^[0-9a-f]{16} ' out | sort -u | wc -l)" = "$points" ] || { echo "ids repeat"; failures=$((failures + 1)); }
expect 0 out "$points points to measure, 0 done" --grid "$first" --dry-run
expect 2 err "--slice LETTER or --grid FILE.csv is missing" --list
expect 2 err "--slice E: expected A, B, C or D" --slice E
expect 2 err "expected B, C or D" --slice A --list
# the slices: all points within 25 minutes of an H200, none twice
total=0
for slice in B C D; do
    expect 0 out "points to measure, 0 done" --slice $slice --dry-run --plans here
    minutes=$(sed -n 's/.*about \([0-9.]*\) minutes.*/\1/p' out)
    total=$(echo "$total $minutes" | awk '{ print $1 + $2 }')
    expect 0 out "points" --slice $slice --list
    [ -z "$(grep -oE '^[0-9a-f]{16} ' out | sort | uniq -d)" ] || { echo "slice $slice: ids repeat"; failures=$((failures + 1)); }
done
echo "$total" | awk '{ exit !($1 > 5 && $1 < 24) }' || { echo "the slices take $total minutes"; failures=$((failures + 1)); }
expect 2 err "--out DIR is missing" --grid "$first"
expect 2 err "try" --no-such-option
expect 2 err "--budget -3: expected seconds above 0" --grid "$first" --out x --budget -3
expect 2 err "first.csv: not an option" --grid "$first" first.csv
expect 5 err "nowhere.csv: error: No such file" --grid nowhere.csv --list

title=op,impl,dtype,p0,p1,p2,p3,p4,p5,p6,p7,regime,tier
printf '%s\ngemm,cublaslt,bf16,0,8,8,,,,,,burst,1\nconv,x,bf16,1,,,,,,,,burst,1\n' $title > bad.csv
expect 3 err "bad.csv:2: error: p0 (m) = 0, expected a whole number from 1" --grid bad.csv --list
expect 3 err "bad.csv:3: error: op = conv, expected gemm" --grid bad.csv --out x
expect 3 err "2 errors; nothing was measured" --grid bad.csv --dry-run
[ ! -e x ] || { echo "a bad grid wrote something"; failures=$((failures + 1)); }

# a prediction of nothing says how much is missing
printf '%s\n' "$(sed -n '/^static const char title/,/;/p' "$source/kernels/host/rows.c" | grep -o '"[^"]*"' | tr -d '"\n')" > none.csv
expect 1 err "points of 39 steps have no row" --predict none.csv
[ "$(wc -l < out)" = 40 ] || { echo "39 steps and a title expected:"; cat out; failures=$((failures + 1)); }

# a small grid, measured where there is a GPU
printf '%s\ngemm,cublaslt,bf16,16,4096,4096,,,,,,burst,1\nsilu_mul,hand,bf16,64,14336,,,,,,,burst,1\ncopy,hand,byte,67108864,,,,,,,,burst,1\n' $title > small.csv
"$program" --grid small.csv --out chip > out 2> err
status=$?
case $status in
77)
    [ "$(wc -l < err)" = 1 ] && grep -q "no .*NVIDIA GPU" err || { echo "not one clear line:"; cat err; failures=$((failures + 1)); }
    [ ! -s out ] && [ ! -e chip ] || { echo "without a GPU something was written"; failures=$((failures + 1)); }
    expect 77 err "NVIDIA GPU" --selftest
    ;;
0 | 4)    # 4: a shared or warming device drifts, the rows are there all the same
    [ "$(wc -l < chip/points.csv)" = 4 ] || { echo "3 rows and a title expected:"; cat chip/points.csv; failures=$((failures + 1)); }
    grep -q 'schema = 1;' chip/chip.cfg || { echo "chip.cfg has no schema"; failures=$((failures + 1)); }
    expect 5 err "is there already" --grid small.csv --out chip
    expect 0 out "kernels" --help
    "$program" --grid small.csv --out chip --resume chip/points.csv > out 2> err
    grep -qE '3 were there|not ok' out || { echo "resume measured again:"; cat out; failures=$((failures + 1)); }
    expect 0 out "cases within their bars" --selftest
    ;;
*)
    echo "status $status, expected 77, 0 or 4:"
    cat out err
    failures=$((failures + 1))
    ;;
esac
exit $((failures != 0))
