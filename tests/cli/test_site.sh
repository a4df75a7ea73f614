#!/usr/bin/env bash
# site: racks for megawatts, what they make, the year; the site as a file that runs; what cannot be asked.
. "$(dirname "$0")/cli.sh"
site="$TOKENWORKS site $facilities/block_gb300.cfg --every 30 --for 1min --set workload.lengths=azure23_conv"

expect 0 tokenworks-site $site --mw 0.8 --json --out . --threads 1
python3 - << 'END' || fail "figures of a site"
import json
s = json.load(open("out.txt"))["sites"][0]
full, year, usd = s["full_load"], s["year"], s["usd_per_million"]
near = lambda a, b: abs(a - b) <= 1e-6 * abs(b)
assert s["racks"] == s["racks_by_rating"] < s["racks_by_load"] and s["gpus"] == 72 * s["racks"]
# racks at their rating stay within the feed in the worst air; one more would not
assert s["racks"] * 0.142 < s["rated"]["worst_mw"] < 0.8 < s["rated"]["worst_mw"] * (1 + 1 / s["racks"])
assert full["good_share"] >= 0.95 and (s["too_much"]["good_share"] < 0.95 or s["too_much"]["saturated"])
assert full["requests_per_s"] < s["too_much"]["requests_per_s"] < 1.06 * full["requests_per_s"]
assert near(year["utility_mwh"], year["racks_mwh"] + year["fabric_mwh"] + year["cooling_mwh"] + year["losses_mwh"])
assert near(year["pue"], year["utility_mwh"] / (year["racks_mwh"] + year["fabric_mwh"]))
assert near(s["output_tokens_per_year"], full["output_per_s"] * 365 * 86400)
assert near(usd["total"], usd["racks"] + usd["building"] + usd["upkeep"] + usd["electricity_and_water"])
assert near(usd["total"], s["usd_per_year"] / s["output_tokens_per_year"] * 1e6)
END
# what is written runs, within its levels
expect 0 "" "$TOKENWORKS" run block_gb300_0.8mw.cfg --for 1min --set run.warmup_s=24.0 -q --out full.h5
expect 0 "output tokens/s per MW" "$TOKENWORKS" report full.h5

# by the power that the load asks for, at half of it, as text
sanitized || expect 0 "power under load" $site --mw 0.3 --by load --load 0.5 -q
# what is wrong in every column is told once; classes are not searched, but it is said what does
expect 3 "did you mean site?" "$TOKENWORKS" site --mw 1 --set sites=oslo -q
[ "$(grep -c 'sites: unknown setting' err.txt)" = 1 ] || fail "the same error of every column: $(cat err.txt)"
expect 3 "a study with a threshold finds the most" "$TOKENWORKS" site agentic --mw 1 -q
expect 3 "not one rack" $site --mw 0.08
sanitized || expect 3 "of them keep the service levels" $site --mw 0.3 --set workload.tpot_slo_ms=5.0
expect 3 "one pool with a rate" "$TOKENWORKS" site mixed_hall --mw 10 -q
expect 2 "--mw is needed" "$TOKENWORKS" site block_gb300
expect 2 "expected rating or load" "$TOKENWORKS" site block_gb300 --mw 3 --by weight
expect 2 "a share above 0" "$TOKENWORKS" site block_gb300 --mw 3 --load 1.5
expect 2 "whole days" "$TOKENWORKS" site block_gb300 --mw 3 --every 1.5
finish
