# Where and how the program is run is nothing to its results: folders with blanks and letters beyond ASCII, or deep; the
# user's locale, time zone and umask; an installation that cannot be written. A name that would be cut is refused.
. "$TOKENWORKS_SOURCE/tests/cli/cli.sh"
run="$TOKENWORKS run --for 10s --set workload.arrival.rate_s=20.0 -q"

expect 0 "" $run "$facilities/dps_8rack.cfg" --out plain.h5
plain=$PWD/plain.h5
here="Größe 100 MW (neu)"
mkdir "$here" && cd "$here" || exit 1
cp "$facilities/dps_8rack.cfg" "mein Werk.cfg"
expect 0 "the books close" "$TOKENWORKS" run "mein Werk.cfg" --for 10s --out "ergebnis ü.h5"
expect 0 "the books close" "$TOKENWORKS" report "ergebnis ü.h5"
expect 0 "" "$TOKENWORKS" report "ergebnis ü.h5" --export csv --out "tab elle.csv"
cp "tab elle.csv" first.csv

# a decimal comma and another alphabet of case, where this machine can make them
if command -v localedef > /dev/null; then
    for language in de_DE tr_TR; do
        mkdir -p "$folder/locales"
        localedef -i $language -f UTF-8 "$folder/locales/$language.UTF-8" > /dev/null 2>&1 || continue
        (
            LOCPATH=$folder/locales LC_ALL=$language.UTF-8 LANG=$language.UTF-8 TZ=Asia/Kathmandu
            export LOCPATH LC_ALL LANG TZ
            expect 0 "" $run "$facilities/dps_8rack.cfg" --out there.h5 --force
            cmp "$plain" there.h5 || fail "another result in $language"
            expect 0 "" "$TOKENWORKS" report "ergebnis ü.h5" --export csv --out second.csv
            cmp first.csv second.csv || fail "another table in $language"
            exit $((failures != 0))
        ) 2> locale.txt || { fail "$language"; cat locale.txt; }
    done
fi

# who may read a result is the umask's to say
(umask 027; $run "$facilities/dps_8rack.cfg" --out mask.h5 > /dev/null)
[ "$(stat -c %a mask.h5)" = 640 ] || fail "umask 027: $(stat -c %a mask.h5)"

# a file that may not grow leaves nothing of itself and says why, however early it was refused
for out in part.csv part.png; do
    write="report $plain --plot floor"
    [ $out = part.png ] && ! "$TOKENWORKS" --version | grep -q "view yes" && continue
    [ $out = part.csv ] && write="trace generate $facilities/dps_8rack.cfg --for 1min"
    # shellcheck disable=SC2086
    (ulimit -f 2 && exec "$TOKENWORKS" $write --out $out > /dev/null 2> full.txt)
    [ $? = 5 ] && grep -q "$out: File too large" full.txt || { fail "$out at its bound"; cat full.txt; }
    [ -z "$(ls part.* 2> /dev/null)" ] || fail "left behind: $(ls part.*)"
done

# a folder deeper than any name given to the program; the same by its full name is refused, with nothing written
deep=$(printf 'd%.0s' $(seq 200))
mkdir -p "$deep/$deep/$deep" && cp "mein Werk.cfg" "$deep/$deep/$deep/f.cfg"
full=$PWD/$deep/$deep/$deep
(cd "$full" && expect 0 "" $run f.cfg --out o.h5 && [ -s o.h5 ] && rm o.h5 out.txt err.txt) || fail "a deep folder"
expect 5 "expected at most 400" "$TOKENWORKS" check "$full/f.cfg"
expect 5 "expected at most 400" $run "mein Werk.cfg" --out "$full/o.h5"
expect 5 "expected at most 400" "$TOKENWORKS" study "mein Werk.cfg" --for 1min --axis workload.arrival.rate_s=2 -q --out "$full/s.h5"
[ "$(ls "$full")" = f.cfg ] || fail "written beside: $(ls "$full")"
finish
