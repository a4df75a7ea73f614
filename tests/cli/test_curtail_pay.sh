# What a grid pays for is what it does not deliver: own generation that takes over counts as racks that slow down do.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"

expect 0 "" "$TOKENWORKS" run feed_1mw --for 35min -q --json --out pay.h5 \
    --set 'power+={ name = "turbine"; kind = "turbine"; from = "utility"; rated_kw = 100.0; dispatch = "price"; run_above_usd_kwh = 0.15; }' \
    --set 'tariff.hours+={ name = "dear"; from_h = 14.25; until_h = 14.5; usd_kwh = 0.2; }' \
    --set tariff.curtail_above_usd_kwh=0.15 --set tariff.curtail_fraction=0.1 --set tariff.curtail_pay_usd_kwh=0.1
python3 - <<'E2' || fail "what was not taken from the grid"
import json
r = json.load(open("out.txt"))
# a tenth of a megawatt for a quarter of an hour, but for how the load of the minutes before differs
made = r["power"]["generation_mw"]["mean"] * r["simulated_s"] / 3600.0
cut, paid = r["cost"]["curtailed_mwh"], -r["cost"]["share_usd"]["curtail_pay"]
assert abs(made - 0.025) < 1e-3, made
assert 0.85 * made < cut < 1.15 * made, (cut, made)
assert abs(paid - 100.0 * cut) < 1e-9 * paid, (paid, cut)
E2
finish
