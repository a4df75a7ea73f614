#!/usr/bin/env bash
# Whatever a user gets wrong has a message that names it, the right exit status, and leaves nothing behind.
. "$(dirname "$0")/cli.sh"
dps=$facilities/dps_8rack.cfg
export OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=2000    # as the program sets them, starting once more: three hundred starts fewer

# usage: 2
expect 2 "tokenworks run" "$TOKENWORKS"
expect 2 "did you mean run" "$TOKENWORKS" rnu x
expect 2 "did you mean --for" "$TOKENWORKS" run --fro 2h "$dps"
for span in 0h -1h 5 24hours; do expect 2 "--for" "$TOKENWORKS" run "$dps" --for "$span"; done
expect 2 "--threads" "$TOKENWORKS" run "$dps" --threads 0
expect 2 "PATH=VALUE" "$TOKENWORKS" run "$dps" --set power
expect 2 "expected one file" "$TOKENWORKS" run
expect 2 "unknown option --forse; did you mean --for" "$TOKENWORKS" run "$dps" --forse
# as other programs call them, with either kind of dash; only what the command has
for pair in input-len=isl random-output-len=osl request-rate=rate num-prompts=requests tensor_parallel_size=tp max-num-seqs=max-sequences \
    max_num_batched_tokens=max-tokens gpu-memory-utilization=memory-fraction kv-cache-dtype=kv-precision max-concurrency=concurrency; do
    expect 2 "did you mean --${pair#*=}?" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b "--${pair%=*}" 1
done
expect 2 "unknown option --batch_wait; did you mean --batch-wait?" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --batch_wait 3,4
expect 2 "unknown option --qps; see --help" "$TOKENWORKS" run "$dps" --qps 3
expect 2 "unknown option --in_put; see --help" "$TOKENWORKS" run "$dps" --in_put 3
# every name that is offered is an option
for name in $(sed -n 's/.*{"[a-z-]*", "\([a-z-]*\)"},/\1/p' "$TOKENWORKS_SOURCE/cli/elsewhere.c" | sort -u); do
    "$TOKENWORKS" serve --help | grep -q -- " --$name[=\[ ]" || fail "--$name is offered and is no option of serve"
done
# chips in any spelling; models as the hub calls them are named, not guessed
expect 0 "H200 SXM" "$TOKENWORKS" step --chip NVIDIA-H200 --model llama-3.1-8b --decode 1x1
expect 3 'did you mean "llama-3.1-8b"?' "$TOKENWORKS" step --chip H100 --model meta-llama/Llama-3.1-8B-Instruct --decode 1x1
expect 3 'did you mean "deepseek-v3"?' "$TOKENWORKS" step --chip h100 --model deepseek-ai/DeepSeek-R1-0528 --decode 1x1
# to the last of them
expect 3 "qwen3.5-397b-a17b" "$TOKENWORKS" step --chip h100 --model unheard-of --decode 1x1
expect 2 "--quiet takes no value" "$TOKENWORKS" run "$dps" --quiet=3
expect 2 "--s is short for --set, --seed" "$TOKENWORKS" run "$dps" --s 3
expect 2 "--seed" "$TOKENWORKS" run "$dps" --seed 99999999999999999999
expect 2 "light or dark" "$TOKENWORKS" network "$dps" --theme dork
expect 5 "studies/ishigami.cfg" "$TOKENWORKS" study ishigam
expect 5 "facilities/dps_8rack.cfg" "$TOKENWORKS" run dps_8rak
expect 0 "500000 tokens are more than the longest context of the model, 131072" "$TOKENWORKS" check hopper_hall --set workload.context_tokens=500000
expect 3 "hall has 70 characters, expected 63 at most" "$TOKENWORKS" check dps_8rack --set "racks.a.hall=$(printf '%070d' 0)"
expect 2 "prefill_first; did you mean vllm_v1" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --policy vlm_v1
# no work for a picture that cannot be drawn
for command in "serve --chip gb300 --model deepseek-v3 --sweep" "view $dps --at 23h" "validate throughput" "network $dps"; do
    expect 2 "x.bmp: unknown kind of picture; known: .png, .svg, .pdf" "$TOKENWORKS" $command --screenshot x.bmp
    [ ! -s out.txt ] || fail "$command: $(head -2 out.txt) before a picture is refused"
done
# what may stand in a group is told of an entry too, by name, copy and position
for at in power.utility power.pdu power.pdu2 power.0 'power.[0]'; do
    expect 0 "how fast a load target may move" "$TOKENWORKS" check "$dps" --explain "$at"
done
expect 0 "share of the rack's heat that goes to liquid" "$TOKENWORKS" check "$dps" --explain racks.a2.cooling
expect 2 "power[0]: no setting power[0]; entries of power are power.0, power.1 ... or power.NAME" "$TOKENWORKS" check "$dps" --explain 'power[0]'
expect 2 "workload[0].rate_s: workload is no list" "$TOKENWORKS" check "$dps" --explain 'workload[0].rate_s'
for at in power.utilty power.pdu5 power.7; do expect 2 "" "$TOKENWORKS" check "$dps" --explain $at; done
# a word that others use: of one that is there, or of one that only entries of lists have
for word in count units; do
    expect 3 "did you mean cooling.plant.unit_count?" "$TOKENWORKS" check "$dps" --set cooling.plant.$word=2
    printf 'base = "dps_8rack";\ncooling: { plant: { %s = 2; }; };\n' $word > $word.cfg
    expect 3 "unknown setting; did you mean unit_count?" "$TOKENWORKS" check $word.cfg
done
expect 2 "WIDTHxHEIGHT" "$TOKENWORKS" network "$dps" --size 99999999999x3
expect 2 "I/N" "$TOKENWORKS" study "$dps" --shard 4294967297/4294967298
# an option that a form of a command has no use for is not passed over
reference=$facilities/reference
expect 2 "--out does nothing with a facility" "$TOKENWORKS" thermal "$dps" --out x.csv
expect 2 "--out does nothing with a heat case" "$TOKENWORKS" thermal "$reference/frontier_heat.cfg" --out x.csv
expect 2 "--set does nothing with a component" "$TOKENWORKS" thermal york wet_bulb_degc=20 --set a=b
expect 2 "--json does nothing with a line" "$TOKENWORKS" thermal york wet_bulb_degc=20 range_k=2:4:3 --json
expect 2 "--open does nothing with a facility" "$TOKENWORKS" powerflow "$facilities/hall_2n.cfg" --open 3
expect 2 "--contingency does nothing with a case" "$TOKENWORKS" powerflow "$reference/case33bw.csv" --contingency
expect 2 "--scale does nothing with a feeder" "$TOKENWORKS" powerflow "$reference/ieee4.cfg" --scale 2
expect 2 "--kernels does nothing with a model without experts" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 1 --kernels vllm
expect 2 "--graph-most does nothing with --graphs none" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --graphs none --graph-most 8
expect 2 "--collectives does nothing with --tp 1" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --collectives nccl
expect 2 "--fused-sums does nothing with --dp above 1" "$TOKENWORKS" step --chip h200 --model qwen3-30b-a3b --tp 2 --dp 2 --decode 1x1 --fused-sums 1
expect 2 "--apart norm,silo: silo is none of norm, sum, silu, attention, append" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --apart norm,silo
expect 2 "--apart norm,: " "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --apart norm,
expect 2 "--fused-sums -1" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --tp 2 --decode 1x1 --fused-sums -1
expect 2 "--graphs whole: " "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --graphs whole
expect 2 "--launch-time -1" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --concurrency 1 --launch-time -1
expect 2 "--redundant-experts does nothing with a model without experts" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --redundant-experts 2
expect 2 "--isl does nothing with --lengths" "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --lengths azure23_conv --isl 9 --osl 9
expect 2 "--json does nothing with --resolved" "$TOKENWORKS" check "$dps" --resolved --json
expect 2 "--for does nothing with a trace" "$TOKENWORKS" trace describe day.csv --for 1h
expect 0 "agents" "$TOKENWORKS" trace describe agentic --for 5min --class coding
expect 2 "--at does nothing with a report that draws nothing" "$TOKENWORKS" report "$dps" --at 1h

# nor is a word that repeats another or follows the last one
expect 2 'after "out=2" also "out=1"' "$TOKENWORKS" thermal "$dps" out=2 out=1
expect 2 "set one quantity twice" "$TOKENWORKS" thermal york wet_bulb_degc=20 wet_bulb_degc=21
expect 2 "set one quantity twice" "$TOKENWORKS" thermal york wet_bulb_degc=20 range_k=2:4:3 range_k=3
expect 2 'after a heat case "out=1"' "$TOKENWORKS" thermal "$reference/frontier_heat.cfg" out=1
expect 2 "did you mean ecmp" "$TOKENWORKS" network "$dps" --routing ecpm
expect 2 "did you mean spine" "$TOKENWORKS" network "$dps" --lose spin=0

expect 2 "--seed is given twice: 1 and 2" "$TOKENWORKS" check "$dps" --seed 1 --seed=2
expect 2 "--out is given twice" "$TOKENWORKS" run "$dps" -o a.h5 --out b.h5
expect 0 "" "$TOKENWORKS" check "$dps" --seed 1 --seed=1
expect 2 "--out: nothing is given, expected FILE" "$TOKENWORKS" run "$dps" --out ""
# numbers of a power flow that no network has
for wrong in slack-v=1e308 slack-v=0 base-kv=1e308 base-kv=1e-320 base-mva=1e20 tolerance=1e3 scale=1e308 load-model=2,-1,0 load-model=nan,nan,nan; do
    expect 2 "--${wrong%%=*}" "$TOKENWORKS" powerflow "$reference/case33bw.csv" --$wrong
done

# exit statuses are one table (docs/configuration.md): a file of the command line that is not there or is a folder is 5
# in every command, one that holds something else 3, a word that no command knows 2
head -c 4000 /dev/zero > nul.cfg
for end in csv m epw h5; do cp nul.cfg nul.$end; mkdir folder.$end; done
mkdir folder.cfg
each_file() {    # END COMMAND...: with @ for the file
    local end=$1 name status
    shift
    for name in missing folder; do
        expect 5 "$name.$end" "${@//@/$name.$end}"
    done
    status=3; [ "$end" = h5 ] && status=5    # what is no HDF5 file cannot be read as one
    expect $status "nul.$end" "${@//@/nul.$end}"
}
for command in run check drill network powerflow thermal availability; do each_file cfg "$TOKENWORKS" $command @; done
each_file cfg "$TOKENWORKS" study @ --axis run.seed=1,2 --dry-run
each_file cfg "$TOKENWORKS" site @ --mw 5
each_file cfg "$TOKENWORKS" view @ --screenshot x.png
each_file h5 "$TOKENWORKS" view @ --screenshot x.png
each_file h5 "$TOKENWORKS" report @
each_file h5 "$TOKENWORKS" run "$facilities/two_feeds.cfg" --restore @ -q
each_file cfg "$TOKENWORKS" trace describe @
each_file cfg "$TOKENWORKS" trace generate @ --out t.csv
each_file csv "$TOKENWORKS" trace describe @
each_file csv "$TOKENWORKS" trace convert @ t.csv
for end in csv m; do each_file $end "$TOKENWORKS" powerflow @; done
for end in csv epw; do each_file $end "$TOKENWORKS" thermal @; done
for subject in throughput collectives network power thermal; do each_file csv "$TOKENWORKS" validate $subject @; done
each_file cfg "$TOKENWORKS" step --chip @ --model llama-3.1-8b --decode 1x1
each_file cfg "$TOKENWORKS" step --chip h200 --model @ --decode 1x1
each_file csv "$TOKENWORKS" serve --chip h200 --model llama-3.1-8b --trace @
rm -rf folder.* nul.*
for command in run check study site drill view report trace network powerflow thermal availability validate step serve; do
    expect 2 "did you mean --json" "$TOKENWORKS" $command --jsno
    expect 0 "" "$TOKENWORKS" $command --help
done
expect 2 "did you mean bf16" "$TOKENWORKS" step --chip h200 --model llama-3.1-8b --decode 1x1 --precision bf61
expect 3 "unknown accelerator" "$TOKENWORKS" step --chip h2000 --model llama-3.1-8b --decode 1x1
expect 2 "PATH=LIST" "$TOKENWORKS" study "$dps" --axis run.seed
expect 2 "ends in .svg" "$TOKENWORKS" trace describe "$facilities/agentic.cfg" --class coding --for 1min --out x.png
expect 2 "--output does nothing with a facility" "$TOKENWORKS" view "$dps" --screenshot x.png --output tokens
expect 2 "--q-limits does nothing" "$TOKENWORKS" powerflow "$reference/case33bw.csv" --q-limits

# an event has a range of its own; one behind the end of the run is told
while read -r text event; do expect 3 "expected $text" "$TOKENWORKS" check "$dps" --event "$event"; done <<END
0 clog cdu1 at=1min value=-3
0 leak cdu1 at=1min value=1e9
-60 heat_wave at=1min value=61
0 valve_stuck cdu1 at=1min value=1.1
0 unit_out at=1min value=-1
0.01 traffic at=1min value=1000
1 slow a1 at=1min value=0.5
END
expect 3 "leak: value = -1, expected 0 to 10000 kg/s" "$TOKENWORKS" check "$dps" --set 'operations.failures+={ name = "x"; of = "cooling"; act = "leak"; value = -1.0; mtbf_h = 100.0; mttr_h = 1.0; }'
expect 0 "the event at 1200 s does not happen: the run ends at 600 s" "$TOKENWORKS" check "$dps" --set run.for_s=600 --event "lose pdu1 at=20min"

# the file of the command line: 5
expect 5 "is a facility file" "$TOKENWORKS" report "$dps"
expect 5 "expected a facility file" "$TOKENWORKS" network allreduce
expect 5 "facilities/wide_hall.cfg" "$TOKENWORKS" network wide_hal
expect 5 "dps_8rack.cfg" "$TOKENWORKS" run dps_8rak.cfg
expect 5 "folder" "$TOKENWORKS" check "$facilities"
expect 5 "" "$TOKENWORKS" report nothing.h5
expect 5 "" "$TOKENWORKS" report "$dps"

# bad input: 3, with the nearest name, and nothing written
expect 3 "did you mean utility" "$TOKENWORKS" run "$dps" --set power.utilty.limit_kw=3
expect 3 "kg is mass" "$TOKENWORKS" run "$dps" --set power.utility.limit_kg=3.0
expect 3 "did you mean gb300_nvl72" "$TOKENWORKS" run "$dps" --set racks.part=gb30_nvl72
expect 3 "cycle" "$TOKENWORKS" run "$dps" --set power.switchboard.from=pdu1
expect 3 "did you mean" "$TOKENWORKS" run "$dps" --set racks.from=pud1
expect 3 "no CDU" "$TOKENWORKS" run "$dps" --set racks.cdu=elsewhere
expect 3 "expected 0.001 to" "$TOKENWORKS" run "$dps" --set power.utility.limit_kw=-1.0
expect 3 "rated_pressure_pa = 101.325, expected 0 (rated for the site) or 45000 to 120000 Pa; is it in kPa?" "$TOKENWORKS" check "$dps" --set cooling.plant.rated_pressure_pa=101.325
expect 3 "expected 0 (rated for the site) or 45000 to 120000 Pa" "$TOKENWORKS" check "$dps" --set cooling.room.rated_pressure_pa=30000.0
expect 3 "is it in hPa or mbar?" "$TOKENWORKS" thermal "$reference/frontier_heat.cfg" --set plant.rated_pressure_pa=1013.25
expect 3 "no climate" "$TOKENWORKS" run "$dps" --set site.climate=chikago
expect 3 "power of two" "$TOKENWORKS" run "$dps" --set workload.block_tokens=17
expect 3 "" "$TOKENWORKS" run "$dps" --set workload.lengths=deepsek_r1
expect 3 "need 16 NVLink domains of 72, expected at most the 8" "$TOKENWORKS" run "$dps" --set workload.tensor_parallel=144

# pools that do not lie in their racks: unlike racks, too many replicas, no room for who decodes, an engine larger than the hall
mixed="$facilities/mixed_hall.cfg"
expect 3 "workload.tensor_parallel = 2: beside pools it stands in each of them" "$TOKENWORKS" run "$mixed" --set workload.tensor_parallel=2
expect 3 "workload.engine: beside pools it stands in each of them" "$TOKENWORKS" run "$mixed" --set 'workload.engine.name="sglang"'
# over a hall that serves at its top level a list of pools takes that place; beside it in one file it does not
cat > over.cfg <<END
base = "dps_8rack";
workload: { pools = ( { name = "chat"; model = "gpt-oss-120b"; precision = "fp4"; tensor_parallel = 4; lengths = "azure23_conv";
                        arrival = { kind = "poisson"; rate_s = 50.0; }; racks = ("a"); } ); };
END
expect 0 "pool chat " "$TOKENWORKS" check over.cfg
grep -q "deepseek" out.txt && fail "the pool of the base beside those of the file"
"$TOKENWORKS" check --resolved over.cfg > resolved.cfg && expect 0 "pool chat " "$TOKENWORKS" check resolved.cfg
sed 's/workload: {/workload: { precision = "fp8";/' over.cfg > beside.cfg
expect 3 'workload.precision = "fp8": beside pools' "$TOKENWORKS" check beside.cfg
expect 3 "workload.max_sequences = 4: beside pools" "$TOKENWORKS" check over.cfg --set workload.max_sequences=4
expect 3 'has other GPUs or another NVLink domain than rack "hopper' "$TOKENWORKS" run "$mixed" --set 'workload.pools.0.prefill.racks=["hopper","blackwell"]'
expect 3 'did you mean "large"' "$TOKENWORKS" run "$mixed" --set 'workload.pools.2.racks=["large","larg"]'
expect 3 "expected at most the 16 that fit" "$TOKENWORKS" run "$mixed" --set workload.pools.1.replicas=17
expect 3 "no room for a replica of 4 GPUs" "$TOKENWORKS" run "$mixed" --set 'workload.pools.0.racks=["hopper"]' --set workload.pools.0.prefill.replicas=8
expect 3 "need 5 NVLink domains of 8, expected at most the 4" "$TOKENWORKS" run "$mixed" --set workload.pools.2.pipeline_parallel=5
expect 3 "expected no more than the 8 of an NVLink domain" "$TOKENWORKS" run "$mixed" --set workload.pools.2.tensor_parallel=12
expect 3 "does not support fp4 (its fp4_flops is 0); weights alone can be of 4 bits: w4a16" "$TOKENWORKS" run "$mixed" --set workload.pools.0.prefill.precision=fp4
expect 3 "does not exist" "$TOKENWORKS" run "$facilities/hopper_hall.cfg" --set workload.trace=nothing.csv

# intervals that the clock cannot tell from nothing, spans beyond it
for name in exchange_s series_s component_s; do expect 3 "at least 0.001 s" "$TOKENWORKS" run "$dps" --set run.$name=1e-10; done
expect 3 "1e+09" "$TOKENWORKS" run "$dps" --for 1e10s
expect 3 "1e+09" "$TOKENWORKS" run "$dps" --set events.0.at_s=1e11

# operations: scenarios, events, failures, tariffs
hall="$facilities/hall_2n.cfg"
expect 3 "did you mean" "$TOKENWORKS" run "$hall" --set run.scenario=bothh
expect 3 "mttr_h" "$TOKENWORKS" run "$hall" --set operations.failures.rack.mttr_h=unknown
expect 3 "2 are given" "$TOKENWORKS" run "$hall" --set operations.failures.rack.availability=0.99
expect 3 "expected" "$TOKENWORKS" run "$hall" --set operations.failures.rack.mtbf_h=0.0
expect 3 "expected" "$TOKENWORKS" run "$hall" --set operations.failures.generator.availability=1.5
expect 3 "crew" "$TOKENWORKS" run "$hall" --set operations.failures.ups.crew=plumbers
expect 3 "not after" "$TOKENWORKS" run "$dps" --set events.0.until_s=60.0
expect 3 "one setting" "$TOKENWORKS" run "$dps" --set events.0.element=utility
expect 3 "does not exist" "$TOKENWORKS" run "$dps" --set tariff.price_file=nothing.csv
printf 'time_s,usd_kwh\n0,0.05\n3600,0.09\n' > price.csv
expect 3 "covers the run up to 7200 s" "$TOKENWORKS" run "$dps" --set tariff.price_file="$PWD/price.csv"
expect 3 "nothing breaks" "$TOKENWORKS" availability "$dps"

# what is wrong with a list below a group has the line of the list
expect 3 "capacity_tb = 1e-6: 1e+06 B, expected room for a block" "$TOKENWORKS" check "$facilities/deepseek_day.cfg" --set workload.pools.0.engine.tiers.0.capacity_tb=1e-6
expect 3 "client_retry_max_s = 8 is below the 20 that it begins with" "$TOKENWORKS" check "$facilities/agentic.cfg" --set workload.pools.1.engine.client_retries=3 \
    --set workload.pools.1.engine.client_retry_s=20
expect 3 "deepseek_day.cfg:26:" "$TOKENWORKS" check "$facilities/deepseek_day.cfg" --set 'workload.pools.0.engine.prefix_cache="off"'

# what only the models know has the line of the setting that they name, or of the group
sed -E 's/from = "utility"; +limit_kw = \(1600/limit_kw = (1600/' "$dps" > nofrom.cfg
expect 3 "nofrom.cfg:9:3: error: power.switchboard: from is missing" "$TOKENWORKS" check nofrom.cfg
grep -q "^1 error" err.txt || fail "what follows from a missing parent is told beside it"
sed 's/rate_s = 650.0/rate_s = 0.0/' "$dps" > rate.cfg
expect 3 "rate.cfg:42:42: error: workload: serving: rate_s = 0" "$TOKENWORKS" check rate.cfg
sed 's/lengths = "deepseek_r1"/lengths = "deepsek_r1"/' "$dps" > lengths.cfg
expect 3 'lengths.cfg:43:13: error: workload: lengths = "deepsek_r1" is no length set; did you mean "deepseek_r1"?' "$TOKENWORKS" check lengths.cfg
sed 's/ttft_slo_s = 2.0/ttft_slo_s = "unknown"/' "$dps" > slo.cfg
expect 3 "slo.cfg:44:16: error: workload.pools.serving: ttft_slo_s = \"unknown\", expected more than 0 s" "$TOKENWORKS" check slo.cfg
# a pool takes its GPUs from its first rack: another with other numbers would be served as that one; temperatures are its own
expect 3 'racks.b1.gpu.limit_w = 700: rack "a1" of the same pool has another' "$TOKENWORKS" check dps_8rack --set racks.b.gpu.limit_w=700
expect 3 'racks.c1.scaleup.overlap = 0.3: rack "a1" of the same pool has another' "$TOKENWORKS" check dps_8rack --set racks.c.scaleup.overlap=0.3
expect 0 "" "$TOKENWORKS" check dps_8rack --set racks.gpu.limit_w=700 --set racks.b.gpu.slowdown_degc=80
expect 0 "800 kW is no less than the 750 kW that utility is held to anyhow" "$TOKENWORKS" check "$facilities/dps_8rack.cfg" \
    --event "load_target utility at=1h for=1h limit_kw=800"
expect 0 "hall_4to3.cfg:30:3: warning: racks.a1 and 23 more: redundancy" "$TOKENWORKS" check "$facilities/hall_4to3.cfg"

# a pool on racks of two kinds
sed 's/{ name = "d"; count = 2; part = "gb300_nvl72"/{ name = "d"; count = 2; part = "gb200_nvl72"/' "$dps" > mixed.cfg
expect 3 "has other GPUs" "$TOKENWORKS" check mixed.cfg

# a cycle in a file has its line
sed 's/{ name = "switchboard"; kind = "board"; from = "utility"; /{ name = "switchboard"; kind = "board"; from = "pdu1"; /' "$dps" > cycle.cfg
expect 3 "cycle.cfg:9" "$TOKENWORKS" check cycle.cfg

# all errors of a file at once, in the order of its lines: words, numbers, names and what only the models know
sed -e 's/limit_kw = 400.0/limt_kw = 400.0/' -e 's/from = "pdu1"/from = "pud1"/' -e 's/rule = "max_min"/rule = "maxmin"/' \
    -e 's/max_sequences = 512/max_sequences = 512; block_tokens = 17/' -e 's/rate_s = 650.0/rate_s = -4.0/' \
    -e 's/start = "2026-07-01/start = "2026-13-01/' "$dps" > many.cfg
expect 3 "7 errors; nothing was run" "$TOKENWORKS" run many.cfg
grep -o 'many.cfg:[0-9]*:[0-9]*: error' err.txt | cut -d: -f2 | uniq | tr '\n' ' ' > lines.txt
[ "$(cat lines.txt)" = "11 15 29 35 42 50 " ] || fail "not all at once, in order: $(cat lines.txt)"
for i in $(seq 25); do echo "racks_$i = 3;"; done | cat "$dps" - > unknown.cfg
expect 3 "20 of 25 errors shown; nothing was run" "$TOKENWORKS" check unknown.cfg

# a trace with a broken line
printf 'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.99,nan,109\n' > trace.csv
expect 3 "trace.csv:3" "$TOKENWORKS" run "$facilities/hopper_hall.cfg" --set workload.trace=trace.csv
expect 3 "trace.csv:3" "$TOKENWORKS" trace describe trace.csv

# NaN in a kernel table
mkdir data && cp -r "$TOKENWORKS_SOURCE/facilities" "$TOKENWORKS_SOURCE/calibration" data/
awk -F, 'BEGIN { OFS = "," } !/^#/ && ++n == 40 { $5 = "nan" } { print }' data/calibration/h200_sxm/gemm.csv > t && mv t data/calibration/h200_sxm/gemm.csv
TOKENWORKS_DATA=$folder/data expect 3 "gemm.csv:" "$TOKENWORKS" run "$folder/data/facilities/hopper_hall.cfg"

# neither binary nor empty nor huge input is a crash
head -c 100000 /dev/urandom > binary.cfg; : > empty.cfg; head -c 1000000 /dev/zero | tr '\0' 'x' > long.cfg
for f in binary empty long; do expect 3 "" "$TOKENWORKS" run $f.cfg; done
head -c 30000000 /dev/zero | tr '\0' 'x' > word.cfg    # libconfig alone takes minutes for it
expect 3 "word.cfg:1:1" timeout 60 "$TOKENWORKS" check word.cfg
[ "$(wc -c < err.txt)" -lt 4000 ] || fail "a message as long as the file"
rm -f word.cfg
printf '%0.s(' $(seq 1000) > deep.cfg; expect 3 "" "$TOKENWORKS" check deep.cfg

# a standard output that is full or closed
"$TOKENWORKS" check "$dps" > /dev/full 2> err.txt; [ $? = 5 ] || fail "a full standard output is not noticed"
"$TOKENWORKS" run "$dps" --for 1s -q -o closed.h5 >&- 2> err.txt || fail "closed standard output"
expect 0 "the books close" "$TOKENWORKS" report closed.h5
rm -f closed.h5

ls *.h5 *.tmp* 2>/dev/null && fail "files were left behind"
# a second cord that goes with the first is no second cord
expect 3 'two cords on "pdu_a", which is lost with both' "$TOKENWORKS" check hall_2n --set 'racks.r.feeds=["pdu_a","pdu_a"]'
finish
