# Helpers of the program's tests: a fresh folder, expectations that are counted.
set -u
: "${TOKENWORKS:?the program}" "${TOKENWORKS_SOURCE:?the checkout}"
[ -x "$TOKENWORKS" ] || { echo "no program"; exit 77; }
facilities=$TOKENWORKS_SOURCE/facilities
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# expect STATUS TEXT COMMAND...: exit status, and TEXT on standard error or output ("" is always there)
expect() {
    local status=$1 text=$2 got
    shift 2
    "$@" > out.txt 2> err.txt < /dev/null
    got=$?
    [ $got = "$status" ] || { fail "$* : exit $got, expected $status"; cat err.txt; }
    [ -z "$text" ] || cat out.txt err.txt | grep -qF -- "$text" || { fail "$* : no \"$text\" in"; cat out.txt err.txt; }
}
# under the sanitizers memory is looked at, for which a part of many alike does: every Nth of them
sanitized() { ldd "$TOKENWORKS" | grep -q libasan; }
some_of() {
    local n=1
    sanitized && n=$1
    shift
    printf '%s\n' "$@" | awk -v n="$n" 'NR % n == 1 || n == 1'
}
# the reference integrator takes five times the other's time and has no memory of its own: with the sanitizers NAME's run
# stands for both, elsewhere each has its own
integrators() { sanitized && echo rosenbrock || echo rosenbrock cvode; }
alone() { sanitized && cp "$1_rosenbrock.json" "$1_cvode.json"; }
# json PATH: a member of out.txt
json() { python3 -c 'import json,sys
v = json.load(open("out.txt"))
for k in sys.argv[1].split("."): v = v[k]
print(v)' "$1"; }
# Two event logs as stories for Python. Racks that reach a limit within an interval or a tenth of a second are one line or
# several, so of each kind the first and the last instant and the racks that shut down are compared.
story='
import re
def story(log):
    kinds = {}
    for e in log: kinds.setdefault(e["kind"], []).append(e["time_s"])
    for e in log:
        if e["kind"] == "shutdown":
            more = re.search(r"and (\d+) more", e["text"])
            kinds.setdefault("racks", []).append(1 + (int(more[1]) if more else 0))
    return {k: (sum(t), sum(t)) if k == "racks" else (min(t), max(t)) for k, t in kinds.items()}
def same_story(a, b):
    a, b = story(a), story(b)
    assert a.keys() == b.keys(), (a, b)
    for kind in a:
        # clocks are given by windows of a second: later passages follow what each gave
        bars = (0.2, 1.0) if kind == "chips_hot" else (1.0, 2.0) if kind == "chips_cool" else (1.0, 1.0)
        for x, y, bar in zip(a[kind], b[kind], bars): assert abs(x - y) <= bar, (kind, a, b)
'
finish() { [ $failures = 0 ] || echo "$failures failures"; exit $((failures != 0)); }
