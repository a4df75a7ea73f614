#!/bin/bash
# The cases of --selftest on a GPU that the processor plays: the kernels of the .cu files run as they are, products and
# attention by what their libraries' documentation says, everything against the references. Under AddressSanitizer this
# also sees accesses outside of an operand or of shared memory.
set -u
program=${TOKENWORKS_BUILD:-build}/tests/calibrate_emulated
[ -x "$program" ] || { echo "skipped: $program is not built (no C++ compiler)"; exit 77; }
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
failures=0 cases=0
ops="prefill decode mla_decode moe_gemm residual_rmsnorm silu_mul rope_append embed router permute unpermute sample kv_gather copy cached_copy step"
# products have no access of ours, and their reference takes minutes under the sanitizers
ldd "$program" | grep -q libasan || ops="gemm $ops"
for op in $ops; do
    "$program" --selftest=$op > "$folder/out" 2>&1 || { echo "$op: status $?"; grep -v '^ok' "$folder/out"; failures=1; }
    cases=$((cases + $(grep -c '^ok' "$folder/out")))
done
[ $cases -ge 60 ] || { echo "only $cases cases"; failures=1; }
exit $failures
