#!/usr/bin/env bash
# Pictures of a run and of a result, without a display; the window says that it needs one.
. "$(dirname "$0")/cli.sh"
"$TOKENWORKS" --version | grep -q 'view yes' || exit 77
unset DISPLAY WAYLAND_DISPLAY
fast="--set run.exchange_s=2.0 --set workload.arrival.rate_s=50.0"
expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 2min -q $fast --out r.h5
for view in overview floor timeline sankey kpis inspector; do
    expect 0 "" "$TOKENWORKS" view r.h5 --screenshot $view.png --views $view --size 1280x800
    head -c 4 $view.png | grep -q PNG || fail "$view.png is no PNG"
done
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot every.png --views all
known=$("$TOKENWORKS" view r.h5 --screenshot x.png --views nothing 2>&1 | sed 's/.*known: //; s/, all$//')
[ "$(ls every_*.png | wc -l)" = "$(echo "$known" | tr ',' '\n' | wc -l)" ] || fail "one picture a view of $known"
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot two.png --views floor,kpis --select pdu1
[ -f two_floor.png ] && [ -f two_kpis.png ] || fail "two views, two pictures"
# what was clicked: its quantities, what supplies it, its settings with value, mark and place
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot rack.svg --views inspector --select a1 --size 2600x2400
for text in 'POWER FROM' 'COOLED BY' 'racks.a1' 'kW</text>' 'gpu' 'parts/\|gb300[a-z0-9_]*.cfg:[0-9]' 'assumed'; do
    grep -q "$text" rack.svg || fail "the inspector of a rack says nothing of $text"
done
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot pdu.svg --views inspector --select pdu1 --size 2600x2400
grep -q '>limit_w</text>' pdu.svg || fail "the inspector of a PDU has no limit"
# with little room a chart keeps its name and leaves out its number
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot narrow.svg --views workload --size 640x480
for text in 'Waiting requests' 'Running requests'; do
    grep -q ">$text</text>" narrow.svg || fail "a chart without its name: $text"
done
expect 2 "nothing is named" "$TOKENWORKS" view r.h5 --screenshot x.png --select nobody
expect 0 "beyond the run" "$TOKENWORKS" view r.h5 --screenshot x.png --at 12h
expect 2 "png, .svg, .pdf" "$TOKENWORKS" view r.h5 --screenshot x.gif
expect 0 "" "$TOKENWORKS" report r.h5 --plot sankey --out s.svg
grep -q '<svg' s.svg || fail "SVG"
expect 0 "" "$TOKENWORKS" report r.h5 --plot timeline --out s.pdf
# a generator that stands by is no second feed; panels of second cords say what hangs on them
cat > cords.cfg <<END
base = "dps_8rack";
power = ( { name = "grid"; kind = "feed"; limit_mw = 2.0; }, { name = "diesel"; kind = "generator"; rated_mw = 2.0; start_s = 10.0; },
          { name = "house"; kind = "ats"; from = "grid"; second = "diesel"; transfer_s = 0.2; limit_mw = 2.0; },
          { name = "pdu"; count = 2; kind = "pdu"; from = "house"; limit_mw = 1.2; } );
racks = ( { name = "r"; count = 4; part = "gb300_nvl72"; feeds = ["pdu1", "pdu2"]; cdu = "cdu1"; } );
events = ();
END
expect 0 "" "$TOKENWORKS" view cords.cfg --for 1min $fast --set power.pdu.voltage_v=400 --screenshot cords.svg --views oneline,kpis -q
grep -q '>4 racks, 2nd cord</text>' cords_oneline.svg || fail "racks of a second cord"
grep -q '2 feeds' cords_kpis.svg && fail "a generator that stands by is no feed"
expect 0 "views_kpis.svg" "$TOKENWORKS" report r.h5 --plot all --out views.svg
[ "$(ls views_*.svg | wc -l)" = "$(wc -l < out.txt)" ] && [ -s views_oneline.svg ] || fail "all views of a report"
head -c 5 s.pdf | grep -q '%PDF' || fail "PDF"
expect 0 "" "$TOKENWORKS" view "$facilities/dps_8rack.cfg" --for 1min $fast --screenshot live.png --theme dark -q
cp overview.png again.png; "$TOKENWORKS" view r.h5 --screenshot overview.png --views overview --size 1280x800
cmp overview.png again.png || fail "the same picture twice differs"
expect 5 "--screenshot" env SDL_VIDEODRIVER=x11 "$TOKENWORKS" view r.h5
expect 2 "" "$TOKENWORKS" view r.h5 --screenshot x.png --views nothing
expect 2 "--size" "$TOKENWORKS" view r.h5 --screenshot x.png --size big
# a study: its matrix, and one of its scenarios run again from the settings that the file holds
expect 0 "" "$TOKENWORKS" study "$facilities/dps_8rack.cfg" --for 1min $fast --no-plots -q \
    --axis cooling.cdus.supply_degc=30,40 --axis power.utility.limit_kw=700,900 --out st.h5
expect 0 "" "$TOKENWORKS" view st.h5 --screenshot st.svg --views study
grep -q '>supply_degc \[°C\]</text>' st.svg || fail "the axis has no label"
expect 0 "" "$TOKENWORKS" view st.h5 --screenshot all.png --views all --theme dark
expect 2 "known: study, all" "$TOKENWORKS" view st.h5 --screenshot x.png --views floor
expect 2 "no result is named" "$TOKENWORKS" view st.h5 --screenshot x.png --output nothing.at.all
expect 0 "" "$TOKENWORKS" report st.h5 --json
of_study=$(python3 -c 'import json; print(json.load(open("out.txt"))["scenarios"][2]["report"]["tokens"]["output_per_s"])')
expect 0 "" "$TOKENWORKS" view st.h5 --scenario 3 --screenshot three.svg --views kpis -q
if [ -n "$of_study" ]; then
    shown=$(python3 -c "
import re, sys
v = float('$of_study')
digits = {re.sub(r'[^0-9.]', '', t) for t in re.findall(r'>([^<]*)</text>', open('three.svg').read())}
print(any(d and d != '.' and abs(float(d) - v) <= 0.0006 * v for d in digits if d.count('.') < 2))")
    [ "$shown" = True ] || fail "scenario 3 again makes other tokens than in the study ($of_study)"
else
    fail "no report of scenario 3 in the study's JSON"
fi
expect 2 "expected 1 to 4" "$TOKENWORKS" view st.h5 --scenario 5 --screenshot x.png
# the study of a run is looked at before its window opens
expect 5 "overview.png" "$TOKENWORKS" view r.h5 --study overview.png
expect 5 "no display" env -u DISPLAY -u WAYLAND_DISPLAY SDL_VIDEODRIVER=x11 "$TOKENWORKS" view r.h5 --study st.h5
expect 2 "--scenario" "$TOKENWORKS" view st.h5 --scenario none --screenshot x.png
for idle in set=a=b for=2h output=x scenario=2; do expect 2 "--${idle%%=*} does nothing with a result" "$TOKENWORKS" view r.h5 --screenshot x.png --$idle; done
expect 2 "--at does nothing with the picture of a study" "$TOKENWORKS" view st.h5 --screenshot x.png --at 1h
# a run that goes on is followed by what it tells; afterwards nothing of that is left
"$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 24h -q $fast --follow --out going.h5 > /dev/null 2>&1 &
going=$!
for _ in $(seq 100); do [ -f going.progress.h5 ] && break; sleep 0.2; done
if [ -f going.progress.h5 ]; then
    expect 0 "" "$TOKENWORKS" view going.h5 --screenshot going.svg --views overview
    grep -q '>run in progress: ' going.svg || fail "a run in progress has no banner"
else
    fail "--follow tells nothing"
fi
kill -INT $going; wait $going
[ ! -f going.progress.h5 ] || fail "a progress file is left"
expect 0 "" "$TOKENWORKS" view going.partial.h5 --screenshot part.svg --views overview
grep -q '>partial result' part.svg || fail "a partial result has no banner"
# files that are no whole result are named
head -c 5000 r.h5 > cut.h5
expect 5 "cut.h5" "$TOKENWORKS" view cut.h5 --screenshot x.png
echo "no HDF5 at all" > foreign.h5
expect 5 "foreign.h5" "$TOKENWORKS" view foreign.h5 --screenshot x.png
expect 5 "missing.h5" "$TOKENWORKS" view missing.h5 --screenshot x.png
finish
