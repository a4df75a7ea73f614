# A setting that a person writes and that does nothing is told; what uses it, and what a part or a table says, is not.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"

# told FACILITY SETTING WHY: a warning with --set SETTING
told() {
    expect 0 "${2%%=*} = ${2#*=}: does nothing $3" "$TOKENWORKS" check "$1" --set "$2"
}
told dps_8rack power.pdu1.autonomy_s=300 "for a pdu"
told dps_8rack power.utility.start_s=3 "for a feed"
told dps_8rack power.utility.charge_fraction=0.9 "for a feed"
told dps_8rack power.switchboard.transfer_s=1 "without second"
told dps_8rack power.switchboard.trip_tms=2 "without trip"
told hall_4to3 power.turbine.tank_j=1e9 "for a turbine below an element"
told hall_4to3 power.turbine.loss_b=0.05 "for a turbine below an element"
told hall_4to3 power.diesel.import_w=1000 "for a generator"
told dps_8rack cooling.plant.wet_above_degc=20 'for kind = "dry_cooler"'
told dps_8rack cooling.plant.chiller_lift_k=12 "without chiller_w"
told dps_8rack cooling.plant.export_return_degc=50 "without export_w"
told dps_8rack cooling.plant.reset_s=60 "without reset_k"
told dps_8rack tariff.curtail_fraction=0.3 "without curtail_above_usd_kwh"
told dps_8rack tariff.excess_usd_kw=3 "without contract_w"
told dps_8rack tariff.contract_w=500000 "without minimum_take_fraction or excess_usd_kw"
told dps_8rack capping.meter_s=4 'for rule = "max_min", expected bands'
told dps_8rack workload.input_tokens=4000 "for these lengths"
told dps_8rack workload.arrival.users=64 "for poisson arrivals"
told dps_8rack workload.arrival.shape=0.5 "for poisson arrivals"
told dps_8rack workload.arrival.thin_fraction=0.5 "for poisson arrivals"

# an element on which nothing hangs carries nothing; a standby, a ring and local generation have their use
expect 0 "power.spare: carries nothing" "$TOKENWORKS" check dps_8rack --set 'power+={ name = "spare"; kind = "pdu"; from = "switchboard"; limit_kw = 450.0; }'
for f in hall_4to3 ring_main two_stations dsx_new_mexico; do
    "$TOKENWORKS" check $f 2>&1 | grep "carries nothing" && fail "$f has no spare element"
done

# beside what uses them they are not
expect 0 "4000 input and 300 output tokens" "$TOKENWORKS" check dps_8rack --strict --set workload.lengths=constant --set workload.input_tokens=4000 \
    --set workload.output_tokens=300 --set workload.arrival.kind=gamma --set workload.arrival.shape=0.5
expect 0 "" "$TOKENWORKS" check dps_8rack --strict --set cooling.plant.part=tower_1459kw --set cooling.plant.concentration_cycles=5 \
    --set tariff.curtail_fraction=0.3 --set tariff.curtail_above_usd_kwh=0.2 --set capping.rule=bands --set capping.meter_s=4
expect 0 "" "$TOKENWORKS" check two_feeds --strict
# no shipped facility has one
for file in "$facilities"/*.cfg "$facilities"/reference/*.cfg; do
    "$TOKENWORKS" check "$file" > out.txt 2>&1 < /dev/null
    grep "does nothing" out.txt && fail "$file"
done
# water of a plant that leaves warmer than it came is no cooler
for kind in dry_cooler cooling_tower conductance; do
    expect 3 "inlet_degc = 13 and leaves at outlet_degc = 40.55" "$TOKENWORKS" check dps_8rack --set cooling.plant.kind=$kind \
        --set cooling.plant.inlet_degc=13
done
finish
