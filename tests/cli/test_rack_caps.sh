# What holds racks back is named: a policy is no element of the tree, and an element that is nowhere near its limit is not it.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"

cap='policies+={ name = "low"; racks = ["rack"]; cap_fraction = 0.35; }'
expect 0 "caps of racks, by policies or power shelves: granted less" "$TOKENWORKS" run feed_1mw --for 2min -q --out caps.h5 --set "$cap"
grep -q "rated at" out.txt && fail "an element is named"
expect 0 "" "$TOKENWORKS" report caps.h5 --json
[ "$(json limits.binding)" = "caps of racks" ] || fail "limited by $(json limits.binding)"
# a feed that binds before the policy does
expect 0 "  utility: its racks were granted less" "$TOKENWORKS" run feed_1mw --for 2min -q --force --out caps.h5 --set "$cap" --set power.utility.limit_kw=300
finish
