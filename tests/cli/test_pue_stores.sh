# PUE counts what is used, wherever it lay before: a battery that empties does not bring it below 1.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"

expect 0 "" "$TOKENWORKS" run feed_1mw --for 4min -q --json --out pue.h5 --set power.pdu.from=bess --set power.bess.shave_kw=200 \
    --set 'power+={ name = "bess"; part = "bess_reopt"; from = "utility"; rated_kw = 900.0; limit_kw = 950.0; capacity_kwh = 400.0; }'
python3 - <<'E2' || fail "PUE while a battery empties"
import json
p = json.load(open("out.txt"))
it, stores = p["power"]["it_mw"]["mean"], p["power"]["storage_mw"]["mean"]
used = it + p["cooling"]["power_mw"]["mean"] + p["power"]["losses_mw"]["tree"]
assert stores < -0.2 * it, stores
assert abs(p["power"]["pue"] - used / it) < 1e-9, (p["power"]["pue"], used / it)
E2
finish
