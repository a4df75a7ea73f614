#!/usr/bin/env bash
# A full disk: exit status 5, no file under the final name, and the study goes on once there is room.
. "$(dirname "$0")/../cli/cli.sh"
study="$TOKENWORKS study $facilities/hopper_hall.cfg --for 2s --set run.warmup_s=0.0 --axis workload.arrival.rate_s=$(seq -s, 40) -q --no-plots"
expect 0 "40 done" $study -o one.h5

# a limit on the size of files stops parts at 100 kB
(ulimit -f 100; ASAN_OPTIONS=detect_leaks=0 expect 5 "File too large" $study -o limited.h5; exit $failures) || fail "a limit on the size of files"
[ -e limited.h5 ] && fail "a file under the final name, of limited size"
finished=$(grep -ao 'tokenworks part' limited.h5.parts/*.part | wc -l)
[ "$finished" -gt 0 ] && [ "$finished" -lt 40 ] || fail "$finished of 40 kept under a limit of size"
expect 0 "40 done ($finished of all" $study -o limited.h5
cmp one.h5 limited.h5 || fail "after a limit on the size of files the file differs"
mkdir small
if ! mount -t tmpfs -o size=96k tmpfs small 2> /dev/null; then
    echo "no tmpfs can be mounted here: only the limit was tried"
    finish
fi
trap 'umount small; cd /; rm -rf "$folder"' EXIT
# what HDF5 keeps of a file that it cannot flush is no leak of ours
ASAN_OPTIONS=detect_leaks=0 expect 5 "No space" $study -o small/one.h5
[ -e small/one.h5 ] && fail "a file under the final name"
ls small/*.tmp* small/one.h5.parts/*.tmp* 2> /dev/null && fail "a temporary file was left"
finished=$(grep -ao 'tokenworks part' small/one.h5.parts/*.part | wc -l)
[ "$finished" -gt 0 ] || fail "nothing was kept"
[ "$finished" -lt 40 ] || fail "everything was kept: the disk is not small enough"
mount -o remount,size=8m small
expect 0 "40 done ($finished of all" $study -o small/one.h5
cmp one.h5 small/one.h5 || fail "after a full disk the file differs"

# series that cannot fit are refused before anything runs
cat > series.cfg <<END
study = { name = "series"; base = "$facilities/hopper_hall.cfg"; for_h = 24.0; axes = ( { path = "workload.arrival.rate_s"; values = [ 1.0, 2.0 ]; } );
  record = { series = [ "utility_w", "rack.rack_w" ]; interval_s = 1.0; }; };
END
expect 5 "MB are free" "$TOKENWORKS" study series.cfg -q --no-plots -o small/series.h5
grep -q 'tokenworks part' small/series.h5.parts/*.part 2> /dev/null && fail "it ran all the same"
finish
