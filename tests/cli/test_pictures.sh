#!/usr/bin/env bash
# Pictures of a run and of a result, without a display; the window says that it needs one.
. "$(dirname "$0")/cli.sh"
"$TOKENWORKS" --version | grep -q 'view yes' || exit 77
unset DISPLAY WAYLAND_DISPLAY
fast="--set run.exchange_s=2.0 --set workload.arrival.rate_s=50.0"
expect 0 "" "$TOKENWORKS" run "$facilities/dps_8rack.cfg" --for 2min -q $fast --out r.h5
for view in overview floor timeline sankey kpis; do
    expect 0 "" "$TOKENWORKS" view r.h5 --screenshot $view.png --views $view --size 1280x800
    head -c 4 $view.png | grep -q PNG || fail "$view.png is no PNG"
done
expect 0 "" "$TOKENWORKS" view r.h5 --screenshot every.png --views all
[ "$(ls every_*.png | wc -l)" = 5 ] || fail "one picture a view"
expect 0 "" "$TOKENWORKS" report r.h5 --plot sankey --out s.svg
grep -q '<svg' s.svg || fail "SVG"
expect 0 "" "$TOKENWORKS" report r.h5 --plot timeline --out s.pdf
head -c 5 s.pdf | grep -q '%PDF' || fail "PDF"
expect 0 "" "$TOKENWORKS" view "$facilities/dps_8rack.cfg" --for 1min $fast --screenshot live.png --theme dark -q
cp overview.png again.png; "$TOKENWORKS" view r.h5 --screenshot overview.png --views overview --size 1280x800
cmp overview.png again.png || fail "the same picture twice differs"
expect 5 "--screenshot" env SDL_VIDEODRIVER=x11 "$TOKENWORKS" view r.h5
expect 2 "" "$TOKENWORKS" view r.h5 --screenshot x.png --views nothing
expect 2 "--size" "$TOKENWORKS" view r.h5 --screenshot x.png --size big
finish
