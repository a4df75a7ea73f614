#!/usr/bin/env bash
# A result under its own name is whole, whatever happens while it is written: links, kills, a second writer, a full disk.
. "$(dirname "$0")/cli.sh"
run="$TOKENWORKS run $facilities/dps_8rack.cfg --set run.exchange_s=2.0 --set workload.arrival.rate_s=50.0 -q"

# a link stays a link, to a file that is there and to one that is not yet; what it leads to is the result
mkdir there
expect 0 "the books close" $run --for 1min --out plain.h5
for turn in 1 2; do
    ln -sfn there/real.h5 link.h5
    expect 0 "" $run --for 1min --out link.h5 --force
    [ -L link.h5 ] && [ ! -L there/real.h5 ] || fail "the link was replaced"
    cmp plain.h5 there/real.h5 || fail "through a link: another file"
done
expect 0 "holds this run already" $run --for 1min --out link.h5
expect 0 "stopped at" $run --for 2min --stop 1min --out link.h5 --force
expect 0 "" $run --for 2min --restore there/real.partial.h5 --out link.h5 --force
[ -L link.h5 ] || fail "a restored run replaced the link"
rm -rf there link.h5 plain.h5

# a name without .h5 keeps its letters in a snapshot's
expect 0 "in night.30s.snapshot.h5" $run --for 1min --snapshot 30s --out night
rm -f night*

# a standard output that is a file is not replaced by a result
expect 5 "no regular file" bash -c "$run --for 1min --out /dev/stdout --force > stdout.h5"
[ -L /dev/stdout ] && [ ! -s stdout.h5 ] || fail "/dev/stdout"

# killed at once: nothing under the name; what it left opens, and goes when the run is whole
$run --for 20min --set run.series_s=2.0 --out killed.h5 > /dev/null 2>&1 &
child=$!
for wait in $(seq 200); do [ -s killed.h5.tmp-$child ] && break; sleep 0.05; done
kill -9 $child; wait $child 2> /dev/null
[ -e killed.h5 ] && fail "a killed run has its name"
[ -e killed.h5.tmp-$child ] || fail "a killed run left nothing"
touch killed.h5.tmp-$$ killed.h5.tmp-$child.txt other.h5.tmp-$child
expect 0 "" $run --for 1min --out killed.h5
[ -e killed.h5.tmp-$child ] && fail "what a killed run left stays"
ls killed.h5.tmp-$$ killed.h5.tmp-$child.txt other.h5.tmp-$child > /dev/null || fail "files of others were removed"
rm -f killed* other*

# two writers of one name: the first whole one has it, the other is kept beside it and says so
$run --for 8min --out two.h5 > slow.txt 2>&1 &
child=$!
for wait in $(seq 200); do [ -e two.h5.tmp-$child ] && break; sleep 0.05; done
kill -STOP $child
expect 0 "" $run --for 1min --out two.h5
[ -e two.h5.tmp-$child ] || fail "another's file in the making was removed"
cp two.h5 first.h5
kill -CONT $child; wait $child; got=$?
[ $got = 5 ] || fail "the second writer: exit $got"
grep -q "written by another process meanwhile; this result is in two.$child.h5" slow.txt || { fail "not told"; cat slow.txt; }
cmp two.h5 first.h5 || fail "the first result was replaced"
expect 0 "the books close" "$TOKENWORKS" report two.$child.h5
rm -f two* first.h5 slow.txt

# a file that may not grow, as a full disk: 5, nothing under the name, what stood there stays
expect 0 "" $run --for 1min --out full.h5
cp full.h5 before.h5
expect 5 "full.h5" bash -c "ulimit -f 64; $run --for 10min --out full.h5 --force"
cmp full.h5 before.h5 || fail "a full disk took what stood there"
expect 5 "new.h5" bash -c "ulimit -f 64; $run --for 10min --out new.h5"
ls | grep -v '^\(full\|before\).h5$\|^\(out\|err\).txt$\|^stdout' && fail "files were left behind"

# read-only folder and file (root may write to them)
mkdir locked && chmod 500 locked && chmod 400 full.h5
if ! touch locked/x 2> /dev/null; then
    expect 5 "locked" $run --for 1min --out locked/x.h5
    expect 5 "Permission denied" $run --for 1min --out full.h5 --force
fi
expect 5 "nowhere" $run --for 1min --out nowhere/x.h5
finish
