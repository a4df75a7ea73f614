# Components alone: what is out of range is said and never computed, fluids of all strengths, weather files.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
thermal() { expect "$1" "$2" "$TOKENWORKS" thermal $3; }

thermal 3 "counterflow: ntu = -1, expected 0 to" "counterflow ntu=-1 rate_ratio=0.5"
thermal 3 "crossflow: rate_ratio = 3, expected 0 to 1" "crossflow ntu=1 rate_ratio=3"
thermal 3 "york: wet_bulb_degc = -300, expected -100 to 200 degC" "york wet_bulb_degc=-300:20:5"
thermal 3 "rear_door gives no value here" "rear_door heat_w=1e12"
thermal 3 "dry_cooler gives no value here" "dry_cooler inlet_degc=-100"
thermal 3 "cdu gives no value here" "cdu plant_flow_kg_s=1"
thermal 3 "expected nearest oslo" "climate site=osla"
thermal 0 "share                         - 1" "rack_meter power_w=4e4 flow_lpm=40 supply_degc=33"

# a CDU on any strength of glycol; volume flows by its density
for fluid in pg20 pg30 pg40 pg50; do
    expect 0 "fluid = \"$fluid\"" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" --set "cooling.cdus.cdu1.fluid=$fluid" --resolved
done

cat > year.py <<'END'
import sys
print("LOCATION,Nowhere,-,-,-,0,0,0,0,120.0")
for i in range(7): print("HEADER")
for h in range(8760):
    print(f"2001,1,1,{h % 24 + 1},0,x,{10 + (h % 24) * 0.5:.1f},5.0,60,100000,0,0,0,0,0,0,0,0,0,0,0,0")
END
python3 year.py > year.epw
expect 0 "" "$TOKENWORKS" thermal year.epw --json --out hours.csv
[ "$(json elevation_m)" = 120 ] && [ "$(json dry_bulb_max_degc)" = 21.5 ] || fail "a weather file's year: $(cat out.txt)"
[ "$(wc -l < hours.csv)" = 8761 ] || fail "hours.csv has $(wc -l < hours.csv) lines"
sed '100d' year.epw > short.epw
expect 3 "8759 records, expected 8760" "$TOKENWORKS" thermal short.epw
finish
