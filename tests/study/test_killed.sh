#!/usr/bin/env bash
# A study that is killed again and again ends with the same bytes as one that is left alone; with series, on 2 threads.
. "$(dirname "$0")/../cli/cli.sh"
cat > s.cfg <<END
study = { name = "s"; base = "$facilities/hopper_hall.cfg"; for_s = 20.0; warmup_s = 0.0; replicates = 2;
  axes = ( { path = "workload.arrival.rate_s"; values = [ 5.0, 10.0, 20.0, 40.0 ]; },
           { zip = ( { path = "workload.max_sequences"; values = [ 16, 64, 128 ]; },
                     { path = "workload.ttft_slo_s"; values = [ 0.5, 1.0, 2.0 ]; } ); } );
  record = { series = [ "utility_w", "chip_max_degc" ]; interval_s = 5.0; }; };
END
expect 0 "24 done" "$TOKENWORKS" study s.cfg -q -o one.h5 --threads 2 --no-plots
tries=0
while [ ! -e killed.h5 ] && [ $tries -lt 60 ]; do
    "$TOKENWORKS" study s.cfg -q -o killed.h5 --threads 2 --no-plots > /dev/null 2>&1 & pid=$!
    # between nothing and half a second, a little longer each time so that it ends
    sleep "0.$((RANDOM % 5))$((RANDOM % 10))"; [ $tries -lt 6 ] || sleep "$((tries / 6))"
    kill -KILL $pid 2> /dev/null
    wait $pid 2> /dev/null
    tries=$((tries + 1))
done
echo "killed $tries times"
expect 0 "" "$TOKENWORKS" study s.cfg -q -o killed.h5 --threads 1 --no-plots
cmp one.h5 killed.h5 || fail "killed and resumed differs"
[ -d killed.h5.parts ] && fail "parts were left: $(ls killed.h5.parts)"

# killed between its file and the removal of its parts: the same command tidies up
mkdir killed.h5.parts && touch killed.h5.parts/merge.lock killed.h5.parts/host.1.0.part
expect 0 "" "$TOKENWORKS" study s.cfg -q -o killed.h5 --threads 1 --no-plots
[ -d killed.h5.parts ] && fail "leftovers of a killed process stay: $(ls killed.h5.parts)"

# what the disk has not kept of a part runs again: its end, and a record in its midst
expect 0 "goes on" "$TOKENWORKS" study s.cfg -q -o bad.h5 --shard 0/2 --no-plots --threads 1
part=$(ls bad.h5.parts/*.part)
size=$(stat -c %s "$part")
truncate -s $((size - 900)) "$part"
# in the body of the fifth record: what begins a record that is not whole ends the file
read -r fifth sixth <<< "$(grep -abo 'tokenworks part' "$part" | cut -d: -f1 | sed -n 5,6p | paste -sd ' ')"
printf 'zzzz' | dd of="$part" bs=1 seek=$((fifth + (sixth - fifth) * 3 / 4)) conv=notrunc 2> /dev/null
expect 0 "24 done (10 of all" "$TOKENWORKS" study s.cfg -q -o bad.h5 --no-plots
cmp one.h5 bad.h5 || fail "after a damaged part the file differs"

# two shards at once: one of them merges, or both see that it is done
"$TOKENWORKS" study s.cfg -q -o both.h5 --shard 0/2 --no-plots > a.txt 2>&1 & pid=$!
"$TOKENWORKS" study s.cfg -q -o both.h5 --shard 1/2 --no-plots > b.txt 2>&1
status=$?
wait $pid || fail "shard 0: $(cat a.txt)"
[ $status = 0 ] || fail "shard 1: $(cat b.txt)"
[ -e both.h5 ] || expect 0 "" "$TOKENWORKS" study s.cfg -q -o both.h5 --merge --no-plots
cmp one.h5 both.h5 || fail "two shards at once differ"

finish
