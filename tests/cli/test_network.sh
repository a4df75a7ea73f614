#!/usr/bin/env bash
# The fabric alone: counts, times, what remains after losses, a picture; and validate network with a table of one's own.
. "$(dirname "$0")/cli.sh"
dps=$facilities/dps_8rack.cfg

expect 0 "a leaf lost" "$TOKENWORKS" network "$dps"
expect 0 "" "$TOKENWORKS" network "$dps" --json --lose rail=1
[ "$(json ledger.ok)" = True ] || fail "the ledger of bytes does not close"
[ "$(json switches)" = 12 ] || fail "576 endpoints of radix 144 need 12 switches"
[ "$(python3 -c 'import json; print(json.load(open("out.txt"))["losses"][-1]["throughput_fraction"])')" = 0.75 ] ||
    fail "one of four rails is a quarter"
expect 2 "expected leaf, spine" "$TOKENWORKS" network "$dps" --lose leff=1
expect 3 "this fabric has 8" "$TOKENWORKS" network "$dps" --lose leaf=99
expect 2 "expected spray" "$TOKENWORKS" network "$dps" --routing none
"$TOKENWORKS" network "$dps" --lose leaf=1 --screenshot fabric.svg > /dev/null 2> err.txt
case $? in
    0) grep -q "8 leaves" fabric.svg || fail "the picture names no leaves" ;;
    2) grep -q "without cairo" err.txt || fail "no picture and no reason" ;;
    *) fail "screenshot" ;;
esac

# losses that a facility scripts: what remains in the report, the switches' power in the books
sed 's/^events = .*//' "$dps" > lossy.cfg
cat >> lossy.cfg <<'END'
storage_network: { part = "storage_200g"; };
events = ( { name = "leaf"; kind = "lose_leaf"; index = 0; at_s = 60.0; for_s = 120.0; },
           { name = "rail"; kind = "lose_rail"; index = 1; at_s = 120.0; for_s = 120.0; } );
END
expect 0 "storage network" "$TOKENWORKS" network lossy.cfg
expect 0 "" "$TOKENWORKS" run lossy.cfg --for 5min --quiet --json --out lossy.h5
[ "$(json ledger.ok)" = True ] || fail "the ledger does not close"
python3 - <<'END' || fail "what remains of the fabric"
import json
n = json.load(open("out.txt"))["network"]
# three and then two of four cards a host where a leaf of the lost rail's neighbour is gone too
assert abs(n["slowest_host_fraction"]["min"] - 0.5) < 1e-9 and n["throughput_fraction"]["min"] < 0.6
assert n["throughput_fraction"]["mean"] > n["throughput_fraction"]["min"] and n["bytes_residual"] < 1e-9
END
sed -i 's/index = 1/index = 44/' lossy.cfg
expect 3 "expected 0 to 3" "$TOKENWORKS" run lossy.cfg --for 5min --quiet

# a fabric drawn link by link
drawn=$facilities/drawn_hall.cfg
expect 0 "old1 -> core2" "$TOKENWORKS" network "$drawn" --routing ecmp --lose leaf=0
expect 0 "" "$TOKENWORKS" network "$drawn" --json
[ "$(json switches)" = 5 ] || fail "five switches are drawn"
[ "$(json ledger.ok)" = True ] || fail "the ledger of a drawn fabric does not close"
sed 's/to = "core2"/to = "core3"/' "$drawn" > odd.cfg
expect 3 'odd.cfg:28:28: error: wiring.links.4.to = "core3": no rack or switch' "$TOKENWORKS" network odd.cfg
"$TOKENWORKS" network "$drawn" --lose spine=0 --screenshot drawn.svg > /dev/null 2> err.txt
[ $? = 2 ] || grep -q "3 switches on racks" drawn.svg || fail "the picture of a drawn fabric"
expect 0 "jobs" "$TOKENWORKS" run "$drawn" --for 5min --quiet --out drawn.h5

cat > rows.csv <<'END'
platform,ranks,nodes,operation,algorithm_or_setting,message_bytes,bandwidth_kind,bandwidth,time_us,kind,source,note
8xH100 test,8,1,all_reduce,auto,1073741824,busbw_GBps,466,4032,MEASURED,here,
8xTPU,8,1,all_reduce,auto,1073741824,busbw_GBps,466,4032,MEASURED,here,
END
expect 0 "no part stands for this chip" "$TOKENWORKS" validate network rows.csv
sed -i 's/,4032,/,9000,/' rows.csv
expect 1 "MISSED" "$TOKENWORKS" validate network rows.csv
sed -i 's/message_bytes/bytes/' rows.csv
expect 3 "message_bytes" "$TOKENWORKS" validate network rows.csv
# the next card of a host stands in for one that is cut off, in a fabric without rails too: three of four are left
expect 0 "75.0%" "$TOKENWORKS" network "$facilities/feed_1mw.cfg" --lose link=1
grep "a link lost" out.txt | grep -q "inf" && fail "one cable cuts a host off"
finish
