#!/bin/bash
# The hand-written kernels with the threads of a block in other orders between barriers: a missing __syncthreads would
# show as another result. Without any of them the results are wrong, which shows that the check can fail.
set -u
program=${TOKENWORKS_BUILD:-build}/tests/calibrate_emulated
[ -x "$program" ] || { echo "skipped: $program is not built (no C++ compiler)"; exit 77; }
ldd "$program" | grep -q libasan && { echo "skipped: memory is looked at by test_emulated.sh, orders without the sanitizers"; exit 77; }
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
failures=0
# the longest ones in one order only
for order in shuffled reverse; do
    ops="residual_rmsnorm silu_mul rope_append router unpermute sample"
    [ $order = shuffled ] && ops="$ops decode permute embed kv_gather copy"
    for op in $ops; do
        TOKENWORKS_EMULATED_ORDER=$order "$program" --selftest=$op > "$folder/out" 2>&1 ||
            { echo "$op, $order:"; grep -v '^ok' "$folder/out"; failures=1; }
    done
done
for op in residual_rmsnorm sample; do
    TOKENWORKS_EMULATED_NO_BARRIERS=1 TOKENWORKS_EMULATED_ORDER=reverse "$program" --selftest=$op > "$folder/out" 2>&1 &&
        { echo "$op without barriers is not noticed"; failures=1; }
done
exit $failures
