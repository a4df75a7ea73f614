#!/usr/bin/env bash
# The arrows of docs/architecture.md: includes point down only, and no model includes another.
set -u
top=${TOKENWORKS_SOURCE:-$(dirname "$0")/..}
cd "$top" || exit 1
failures=0

# forbid FOLDER REGEX: no file below FOLDER may include a header whose path begins with REGEX
forbid() {
    local found
    [ -d "$1" ] || { echo "no folder $1"; failures=$((failures + 1)); return; }
    found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]($2)/" --include='*.[ch]' --include='*.cu' --include='*.cuh' "$1")
    [ -z "$found" ] || { echo "$1 includes what it may not:"; echo "$found"; failures=$((failures + 1)); }
}
all='sim|models/thermal|models/power|models/network|models/workload|models/operations|twin|study|viz|cli|kernels'
# may FOLDER ALLOWED: everything else of the house is forbidden
may() {
    local rest
    rest=$(printf '%s\n' "$all" | tr '|' '\n' | grep -vxE "$2" | paste -sd'|')
    forbid "$1" "$rest"
}
may sim 'sim'
for model in thermal power network workload operations; do may "models/$model" "sim|models/$model"; done
may twin 'sim|models/.*|twin'
may study 'sim|models/.*|twin|study'
may viz 'sim|twin|viz'
may cli 'sim|models/.*|twin|study|viz|cli'
may kernels 'models/workload|kernels'
other=$(grep -rnE '#[[:space:]]*include[[:space:]]*"models/workload/' kernels 2>/dev/null | grep -v 'models/workload/op.h')
[ -z "$other" ] || { echo "kernels may share models/workload/op.h only:"; echo "$other"; failures=$((failures + 1)); }

# the check itself must be able to fail
probe=$(mktemp -d)
mkdir "$probe/sim" && printf '#include "twin/couple.h"\n' > "$probe/sim/x.c"
(cd "$probe" && grep -rqE '#[[:space:]]*include[[:space:]]*"(twin)/' sim) || { echo "the probe was not found"; failures=$((failures + 1)); }
rm -rf "$probe"
exit $((failures != 0))
