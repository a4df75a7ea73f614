#!/bin/bash
# Whole measuring sessions on a GPU that the processor plays, with a clock of its own: all slices end to end, a budget, a
# resumed run, meters, and a device that refuses, is lost or hangs at one point.
set -u
program=${TOKENWORKS_BUILD:-build}/tests/calibrate_emulated
[ -x "$program" ] || { echo "skipped: $program is not built (no C++ compiler)"; exit 77; }
source=$(cd "${TOKENWORKS_SOURCE:-.}" && pwd)
program=$(cd "$(dirname "$program")" && pwd)/calibrate_emulated
export LD_LIBRARY_PATH=$(dirname "$program")/../emulated${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} TOKENWORKS_EMULATED=time
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder" || exit 1
ln -s "$source/kernels" kernels    # where the slices' grids are looked for
failures=0
fail() {
    echo "$*"
    failures=1
}
# run STATUS ARGUMENT...
run() {
    local want=$1 status
    shift
    "$program" "$@" -q > out 2> err
    status=$?
    [ $status = "$want" ] || { fail "$*: status $status, expected $want"; tail -5 out err; }
}
rows() { awk -F, -v status="$2" 'NR > 1 && $(NF - 1) == status' "$1/points.csv" | wc -l; }
near() { awk -v a="$1" -v b="$2" -v tolerance="$3" 'BEGIN { exit !(a / b - 1 <= tolerance && a / b - 1 >= -tolerance) }' || fail "$4: $1, expected $2 within $3"; }

run 0 --slice B --out B
all=$(($(wc -l < B/points.csv) - 1))
[ "$(rows B ok)" -gt 4200 ] && [ $(($(rows B ok) + $(rows B no_algo))) = $all ] || fail "slice B: $(rows B ok) of $all are ok"
grep -q 'status = "complete"' B/chip.cfg || fail "slice B: no complete header"
run 0 --slice C --out C --plans B/plans
[ "$(rows C ok)" = $(($(wc -l < C/points.csv) - 1)) ] || fail "slice C: not all are ok: $(cut -d, -f 43- C/points.csv | sort | uniq -c)"
run 0 --slice D --out D --plans B/plans
[ "$(rows D ok)" = $(($(wc -l < D/points.csv) - 1)) ] || fail "slice D: not all are ok"

# energy: what the emulated board drew, from its counter. Copy of 1 GiB: 175 W and 80 pJ a byte; idle 115 W
column() { awk -F, -v op="$2" -v impl="$3" -v regime="$4" -v k="$5" '$3 == op && $4 == impl && $17 == regime { print $k; exit }' "$1/points.csv"; }
near "$(column C idle runtime sustained 35)" 115 0.005 "idle power"
near "$(column C copy runtime sustained 35)" "$(awk 'BEGIN { t = 1.5e-6 + 1.2 * 2147483648 / 4.8e12; print 175 + 2147483648 * 80e-12 / t }')" 0.01 "power of a copy"
near "$(column C copy runtime sustained 33)" "$(awk 'BEGIN { t = 1.5e-6 + 1.2 * 2147483648 / 4.8e12; print 1e6 * (175 * t + 2147483648 * 80e-12) }')" 0.01 "energy of a copy"
near "$(column C gemm cublaslt duty40 35)" "$(awk 'BEGIN { print 0.42 * 776 + 0.58 * 115 }')" 0.05 "power at a duty of 40 %"

# the sum of single kernels against the whole steps, of a device where that is how it is; with the cap in force too
"$program" --predict B/points.csv --predict C/points.csv > predicted.csv 2> err || fail "prediction: $(cat err)"
awk -F, 'NR == FNR { if (FNR > 1) { t[$1] = $9; of[$2 "," $3 "," $4 "," $5 "," $6 "," $7 "," $8] = $11; e[$2 "," $3 "," $4 "," $5 "," $6 "," $7 "," $8] = $10 } next }
    FNR > 1 { shape = $9 "," $10 "," $11 "," $12 "," $13 "," $14 "," ($5 == "bf16" ? "bf16" : "fp8")
        if ($17 == "burst") { n++; d = t[$1] * 1e6 / $20 - 1 }
        else if ($17 == "sustained" && of[shape] != "") { capped++; d = of[shape] * 1e6 / $20 - 1; j = e[shape] * 1e6 / $33 - 1; if (j * j > worst) worst = j * j }
        else next
        if (d * d > worst) worst = d * d }
    END { if (n < 20 || capped < 2 || worst > 0.02 ^ 2) { print n " steps, " capped " with the cap, worst " sqrt(worst); exit 1 } }' predicted.csv D/points.csv || fail "steps do not come out as their sums"

# the powers of the emulated board, found again from its rows
python3 "$source/scripts/fit-power.py" C/points.csv > fit 2> err || fail "fit-power: $(cat err)"
near "$(sed -n 's/^live_w *//p' fit)" 115 0.02 "live power fitted"
near "$(sed -n 's/^busy_w *//p' fit)" 60 0.15 "busy power fitted"
near "$(sed -n 's/^bf16 pJ.FLOP *//p' fit)" 0.72 0.04 "energy of a FLOP fitted"
near "$(sed -n 's/^fp8 pJ.FLOP *//p' fit)" 0.47 0.04 "energy of a FLOP in fp8 fitted"
near "$(sed -n 's/^pJ.B *//p' fit)" 80 0.04 "energy of a byte fitted"

# measured points win in the step model: a whole step by them, without a device
if [ -x "${TOKENWORKS:-}" ]; then
    mkdir data && ln -s "$source/facilities" data/facilities && cp -r "$source/calibration" data/calibration && cp B/points.csv data/calibration/h200_sxm/
    for shape in "--decode 64x4096" "--prefill 1x2048"; do
        # shellcheck disable=SC2086
        TOKENWORKS_DATA=$PWD/data "$TOKENWORKS" step --chip h200_sxm --model llama-3.1-8b $shape > out 2>&1 && grep -q '100 % rests on measured' out ||
            fail "step by measured points: $(tail -3 out)"
        ms=$(sed -n 's/^  time *\([0-9.]*\) ms.*/\1/p' out)
        want=$(awk -F, -v decode="${shape#--decode}" '$8 == "bf16" && (decode == " 64x4096" ? $2 == 64 && $3 == 4096 && $4 == 0 : $5 == 1 && $6 == 2048) { print 1e3 * $11 }' predicted.csv)
        # at the cap the model's joules of a FLOP fall with the clock, those of the emulated board do not
        near "$ms" "$want" 0.05 "step $shape by measured points"
    done
    # the hold-out report: a smooth device is foretold, by points of role train and by the grid for weights it has not
    cp B/points.csv h200_sxm_points.csv
    TOKENWORKS_DATA=$source "$TOKENWORKS" validate kernels h200_sxm_points.csv > out 2>&1
    for class in "gemm known" "gemm unseen" decode "latent decode" prefill glue; do
        line=$(grep -E "^  h200_sxm $class, median error" out)
        [ -n "$line" ] && [ -z "$(echo "$line" | grep MISSED)" ] || fail "hold-out report: $class: $line"
    done
    mkdir h200_sxm && cp C/points.csv h200_sxm/
    TOKENWORKS_DATA=$source "$TOKENWORKS" validate kernels h200_sxm/points.csv > out 2>&1
    grep -q "^  h200_sxm energy, 90 of 100" out || fail "no report of energies: $(tail -3 out)"
fi

# the script that does all of it, and PyTorch at the same points (here: one that only counts)
TOKENWORKS_CALIBRATE=$program TOKENWORKS_PLANS=$PWD/B/plans PYTHONPATH=$source/tests/kernels/emulated/python \
    "$source/scripts/measure-gpu" M latency energy predict steps peers > out 2> err || fail "measure-gpu: status $?: $(cat out err)"
[ "$(find M -type f | wc -l)" = 12 ] && [ "$(rows M/B ok)" = "$(rows B ok)" ] || fail "measure-gpu: $(find M -type f)"
[ "$(grep -c ',ok$' M/peers.csv)" -gt 1000 ] && grep -q ',CUDA error: what is too large; is refused$' M/peers.csv || fail "peers: $(tail -2 M/peers.csv)"
grep -q 'prefill *bf16 .* points, median' out || fail "peers: no summary: $(cat out)"

# a budget ends a run in time, and the next one goes on
run 1 --slice B --out E --plans B/plans --budget 60
grep -q 'status = "partial"' E/chip.cfg || fail "a run that its budget ended says otherwise"
seconds=$(awk -F'"' '/start_utc|end_utc/ { print $2 }' E/chip.cfg | wc -l)
part=$(wc -l < E/points.csv)
[ "$part" -gt 300 ] && [ "$part" -lt 2500 ] || fail "60 s of slice B are $part rows"
run 0 --slice B --out E --plans B/plans --resume E/points.csv
[ "$(cut -d, -f1 E/points.csv | sort | uniq -d | wc -l)" = 0 ] && [ "$(wc -l < E/points.csv)" = $((all + 1)) ] || fail "resumed: $(wc -l < E/points.csv) rows"

# what one point does costs that point
first=$source/kernels/grids/first.csv
points=$("$program" --grid "$first" --list | tail -1 | cut -d' ' -f1)
# fault KIND:TEXT STATUS COUNT: so many rows with this status, all others ok
fault() {
    rm -rf F
    TOKENWORKS_EMULATED_FAULT=$1 "$program" --grid "$first" --out F -q > out 2> err || fail "$1: status $?: $(tail -3 err)"
    [ "$(rows F "$2")" = "$3" ] && [ "$(rows F ok)" = $((points - $3)) ] || fail "$1: $(awk -F, '{ print $(NF - 1) }' F/points.csv | sort | uniq -c) $(tail -3 err)"
}
fault refuse:silu_mul refused 6
fault capture:"copy runtime byte bytes=65536 burst" refused 1
fault illegal:"residual_rmsnorm hand bf16 rows=64" lost 2
fault hang:"gemm cublaslt bf16 m=16 n=512" lost 1
TOKENWORKS_EMULATED_FAULT=illegal:8192 "$program" --grid "$first" --out G -q > out 2> err
[ $? = 4 ] || fail "a device that is lost in its sentinels: expected status 4"
TOKENWORKS_EMULATED=compute TOKENWORKS_EMULATED_FAULT="illegal:rows=65 width=777" "$program" --selftest=silu_mul > out 2> err
[ $? = 1 ] && grep -q "4 of 6 cases" out || fail "a case that loses the device: $(cat out err)"
exit $failures
