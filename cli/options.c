#include "cli/commands.h"
#include "cli/elsewhere.h"

#include "sim/config.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct Option {
    const char *name;
    char letter;             // 0: none
    const char *argument;    // NULL: none
    int commands;
    const char *text;
} Option;

enum {
    FOR = 256,
    SEED,
    THREADS,
    JSON,
    COLOR,
    RESOLVED,
    EXPLAIN,
    STRICT,
    AXIS,
    REPLICATES,
    YEARS,
    DRY_RUN,
    SCREENSHOT,
    ERRORS,
    VIEWS,
    SCENARIO,
    OF_STUDY,
    SELECT,
    FOLLOW,
    AT,
    SIZE,
    THEME,
    COLOUR,
    PLOT,
    EXPORT,
    TRACE_CLASS,
    TRACE_FORMAT,
    BLOCK_TOKENS,
    SNAPSHOT,
    STOP,
    RESTORE,
    UNDISTURBED,
    FORCE,
    RETRY,
    SHARD,
    CLOSED,
    OPEN_LIST,
    CLOSE_LIST,
    SCALE,
    SLACK,
    SLACK_V,
    BASE_KV,
    BASE_MVA,
    LOAD_MODEL,
    METHOD,
    TOLERANCE,
    Q_LIMITS,
    ROUTING,
    LOSE,
    CONTINGENCY,
    POWER_FACTOR,
    MERGE,
    NO_PLOTS,
    OUTPUT,
    MEGAWATTS,
    BY,
    LOAD,
    WITHIN,
    EVERY,
    EACH,
    WHEN,
    EVENT,
    SERVING,    // and the places of TwServing behind it
    SET = SERVING + TW_SERVINGS
};

static const struct {
    Option option;
    int id;
} table[] = {
    {{"set", 0, "PATH=VALUE",
      TW_RUN | TW_CHECK | TW_STUDY | TW_SITE | TW_DRILL | TW_VIEW | TW_THERMAL | TW_TRACE | TW_NETWORK |
          TW_AVAILABILITY | TW_POWERFLOW,
      "any setting of the facility; repeatable, last wins"},
     SET},
    {{"event", 0, "WHAT", TW_RUN | TW_CHECK | TW_STUDY | TW_VIEW,
      "one event more: \"lose pdu1 at=2min for=1h\", \"load_target utility at=17h for=2h limit_kw=675\"; repeatable"},
     EVENT},
    {{"for", 0, "SPAN", TW_RUN | TW_CHECK | TW_STUDY | TW_VIEW | TW_TRACE | TW_SERVE,
      "simulated span: a number and s, min, h or d"},
     FOR},
    {{"mw", 0, "X", TW_SITE, "megawatts of the site, of all its feeds"}, MEGAWATTS},
    {{"by", 0, "WHAT", TW_SITE, "racks that fit by their rating (default) or by the power that their load asks for"},
     BY},
    {{"load", 0, "SHARE", TW_SITE, "mean load of the year over the most within the service levels; default 1"}, LOAD},
    {{"within", 0, "SHARE", TW_SITE, "of the requests that keep the service levels at the most; default 0.95"}, WITHIN},
    {{"every", 0, "DAYS", TW_SITE, "one day in so many stands for the year; default 3, 1: all days"}, EVERY},
    {{"for", 0, "SPAN", TW_SITE, "span of a run that tries a load; default 12min, two fifths of it warm-up"}, FOR},
    {{"for", 0, "SPAN", TW_DRILL, "how long each loss is watched; default 20min"}, FOR},
    {{"when", 0, "WHEN", TW_DRILL,
      "hottest: in the hottest hour of the year (default); start: after the file's warm-up"},
     WHEN},
    {{"each", 0, NULL, TW_DRILL, "every element and CDU; else the first of those that are alike"}, EACH},
    {{"seed", 0, "N", TW_RUN | TW_CHECK | TW_STUDY | TW_VIEW | TW_TRACE | TW_AVAILABILITY | TW_SITE | TW_DRILL,
      "of every random stream"},
     SEED},
    {{"threads", 0, "N", TW_RUN | TW_STUDY | TW_SITE | TW_DRILL | TW_VIEW, "default: all cores; never changes results"},
     THREADS},
    {{"out", 'o', "FILE", TW_RUN | TW_STUDY, "what to write; default: NAME.h5 in this folder"}, 'o'},
    {{"out", 'o', "FOLDER", TW_SITE, "also write each site there as a facility file, to run, view and study"}, 'o'},
    {{"out", 'o', "FILE", TW_REPORT, "of --plot and --export: what to write; what was there is replaced"}, 'o'},
    {{"out", 'o', "FILE", TW_THERMAL, "CSV: samples of a hall, points of a recording, hours of a weather file"}, 'o'},
    {{"out", 'o', "PATH", TW_CALIBRATION, "of a folder a file ending in .h5, of a file a folder"}, 'o'},
    {{"out", 'o', "FILE", TW_TRACE, "generate: the trace; describe: a picture, .svg"}, 'o'},
    {{"class", 0, "NAME", TW_TRACE, "of a facility: this class of requests only"}, TRACE_CLASS},
    {{"format", 0, "NAME", TW_TRACE, "azure, burstgpt, mooncake or sessions; default: by the name and what there is"},
     TRACE_FORMAT},
    {{"block-tokens", 0, "N", TW_TRACE, "tokens of a block id; default 512"}, BLOCK_TOKENS},
    {{"force", 0, NULL, TW_RUN | TW_STUDY | TW_CALIBRATION, "replace what exists"}, FORCE},
    {{"snapshot", 0, "SPAN", TW_RUN, "also save the state at this time, beside the result"}, SNAPSHOT},
    {{"stop", 0, "SPAN", TW_RUN, "end at this time with a partial result that --restore goes on from"}, STOP},
    {{"restore", 0, "FILE", TW_RUN, "go on from a snapshot or a partial result of the same facility"}, RESTORE},
    {{"undisturbed", 0, NULL, TW_RUN,
      "also run the span without any event and with the first of them, to say what each cost"},
     UNDISTURBED},
    {{"follow", 0, NULL, TW_RUN, "every two seconds also write the run so far, for tokenworks view of the same result"},
     FOLLOW},
    {{"resolved", 0, NULL, TW_CHECK, "print the whole facility after resolution"}, RESOLVED},
    {{"explain", 0, "PATH", TW_CHECK,
      "type, unit, range, value and source of one setting; what a group may hold (. is the file)"},
     EXPLAIN},
    {{"strict", 0, NULL, TW_CHECK, "warnings are errors"}, STRICT},
    {{"axis", 0, "PATH=LIST", TW_STUDY, "PATH=25,30,35 or PATH=25:45:5; repeatable"}, AXIS},
    {{"replicates", 0, "N", TW_STUDY | TW_AVAILABILITY, "N runs of every point, with seed, seed + 1, ..."}, REPLICATES},
    {{"years", 0, "N", TW_AVAILABILITY, "span of one replication, default 1"}, YEARS},
    {{"dry-run", 0, NULL, TW_STUDY, "check every scenario, estimate, run nothing"}, DRY_RUN},
    {{"shard", 0, "I/N", TW_STUDY, "run every Nth scenario only; the last shard to end merges"}, SHARD},
    {{"merge", 0, NULL, TW_STUDY, "run nothing: merge what shards have finished"}, MERGE},
    {{"no-plots", 0, NULL, TW_STUDY, "write no pictures beside the result"}, NO_PLOTS},
    {{"retry-failed", 0, NULL, TW_STUDY, "run scenarios again that failed before"}, RETRY},
    {{"screenshot", 0, "FILE", TW_VIEW | TW_NETWORK | TW_SERVE | TW_VALIDATE,
      "draw to a .png, .svg or .pdf instead of a window"},
     SCREENSHOT},
    {{"errors", 0, "OUT.csv", TW_VALIDATE,
      "throughput: write the errors of all rows by group, which predictions are shown with"},
     ERRORS},
    {{"views", 0, "LIST", TW_VIEW,
      "all, or names with commas: overview, floor, sankey, ... (an unknown one lists them); of a study: study"},
     VIEWS},
    {{"select", 0, "NAME", TW_VIEW, "rack or element that is marked and inspected"}, SELECT},
    {{"scenario", 0, "N", TW_VIEW, "of a study: run its scenario N (from 1) again, in the window or for a picture"},
     SCENARIO},
    {{"study", 0, "FILE", TW_VIEW, "of a run: result of the study that it came from, opened by key 7"}, OF_STUDY},
    {{"at", 0, "SPAN", TW_VIEW | TW_REPORT, "simulated time to show; default: the end"}, AT},
    {{"size", 0, "WxH", TW_VIEW | TW_REPORT | TW_NETWORK, "of a picture, default 1920x1080"}, SIZE},
    {{"theme", 0, "NAME", TW_VIEW | TW_REPORT | TW_NETWORK, "light or dark"}, THEME},
    {{"colour", 0, "NAME", TW_VIEW,
      "what the picture's floor plan or network is coloured by: rack_w, chip_degc, tokens_per_s, sent_fraction, ... "
      "(an "
      "unknown one lists them)"},
     COLOUR},
    {{"plot", 0, "NAME", TW_REPORT,
      "draw views of a run, with commas or all: overview, floor, oneline, cooling, network, workload, sankey, "
      "timeline, "
      "kpis, inspector; response, heat, effects, pareto, search or all of a study"},
     PLOT},
    {{"output", 0, "PATH", TW_REPORT | TW_VIEW, "result that a picture of a study shows; default: its goals"}, OUTPUT},
    {{"export", 0, "FORMAT", TW_REPORT, "csv: the facility series; dsx: cooling by DSX Exchange names; to --out"},
     EXPORT},
    {{"closed", 0, "NAME", TW_POWERFLOW,
      "CSV: take the switches of column closed_NAME (default base); all: every branch"},
     CLOSED},
    {{"open", 0, "LIST", TW_POWERFLOW, "open these branches: 7,9,14"}, OPEN_LIST},
    {{"close", 0, "LIST", TW_POWERFLOW, "close these branches"}, CLOSE_LIST},
    {{"scale", 0, "X", TW_POWERFLOW | TW_VIEW,
      "powerflow: multiply every load, racks of a facility at this share of their rated power (1); view: pixels a "
      "point, "
      "2 on a dense display"},
     SCALE},
    {{"load-model", 0, "P,I,Z", TW_POWERFLOW, "power (default), current, impedance, or three shares that add to 1"},
     LOAD_MODEL},
    {{"slack", 0, "BUS", TW_POWERFLOW, "CSV: the source bus; default: the one that no row supplies"}, SLACK},
    {{"slack-v", 0, "PU", TW_POWERFLOW, "voltage of the source, default 1 (CSV) or as in the file"}, SLACK_V},
    {{"base-kv", 0, "KV", TW_POWERFLOW, "CSV: voltage of the network, line to line, default 12.66"}, BASE_KV},
    {{"base-mva", 0, "MVA", TW_POWERFLOW, "CSV: base power, default 10"}, BASE_MVA},
    {{"method", 0, "NAME", TW_POWERFLOW, "auto, sweep or newton"}, METHOD},
    {{"tolerance", 0, "PU", TW_POWERFLOW, "default 1e-10 of voltage (sweep), 1e-9 of power (newton)"}, TOLERANCE},
    {{"contingency", 0, NULL, TW_POWERFLOW, "facility: the loss of each element in turn, and the worst that it does"},
     CONTINGENCY},
    {{"power-factor", 0, "X", TW_POWERFLOW, "facility: of racks and loads, default 0.984"}, POWER_FACTOR},
    {{"q-limits", 0, NULL, TW_POWERFLOW, "generators keep their reactive limits"}, Q_LIMITS},
    {{"lose", 0, "PART=N", TW_NETWORK, "take leaf, spine, core, rail or plane N out; PART=PLANE:N too; repeatable"},
     LOSE},
    {{"routing", 0, "NAME", TW_NETWORK, "spray (default), adaptive or ecmp"}, ROUTING},
    {{"chip", 0, "NAME", TW_STEP | TW_SERVE | TW_CALIBRATION, "accelerator: a part, or a file ending in .cfg"},
     SERVING + TW_ON_CHIP},
    {{"calibration", 0, "PATH", TW_STEP | TW_SERVE,
      "kernel tables in place of those that the chip's part names: a folder, or an HDF5 file of them"},
     SERVING + TW_ON_CALIBRATION},
    {{"model", 0, "NAME", TW_STEP | TW_SERVE, "model: a part, or a file ending in .cfg"}, SERVING + TW_ON_MODEL},
    {{"precision", 0, "TYPE", TW_STEP | TW_SERVE,
      "bf16 (default), fp8, fp8_block, fp4, mxfp4, or weights alone: w4a16 (GPTQ, AWQ), w8a16"},
     SERVING + TW_ON_PRECISION},
    {{"kv-precision", 0, "TYPE", TW_STEP | TW_SERVE,
      "cache: bf16 or fp8; default: bf16 beside bf16, w4a16 and w8a16, else fp8"},
     SERVING + TW_ON_CACHE},
    {{"attention-precision", 0, "TYPE", TW_STEP | TW_SERVE,
      "of attention's projections: bf16, fp8, fp8_block or fp4; auto (default): of fp4 as released, else as "
      "--precision"},
     SERVING + TW_ON_ATTENTION},
    {{"output-precision", 0, "TYPE", TW_STEP | TW_SERVE,
      "the same of attention's output projection alone: DeepSeek's newer fp4 releases have it in fp4"},
     SERVING + TW_ON_OUTPUT},
    {{"tp", 0, "N", TW_STEP | TW_SERVE, "tensor parallel, default 1"}, SERVING + TW_ON_TP},
    {{"dp", 0, "N", TW_STEP | TW_SERVE, "attention ranks of a replica, in lockstep, default 1"}, SERVING + TW_ON_DP},
    {{"ep", 0, "N", TW_STEP | TW_SERVE, "expert parallel, default 1"}, SERVING + TW_ON_EP},
    {{"pp", 0, "N", TW_STEP | TW_SERVE, "pipeline stages, default 1"}, SERVING + TW_ON_PP},
    {{"routing-zipf", 0, "S", TW_STEP | TW_SERVE, "experts chosen as 1 / rank^S; default: as the tables were timed"},
     SERVING + TW_ON_ZIPF},
    {{"expert-shares", 0, "FILE", TW_SERVE | TW_STEP,
      "experts chosen as column share of a CSV file says, a row an expert, in the order in which GPUs hold them"},
     SERVING + TW_ON_SHARES},
    {{"moe-imbalance", 0, "X", TW_STEP | TW_SERVE, "time of the experts over balanced routing; default: power law 1.2"},
     SERVING + TW_ON_IMBALANCE},
    {{"kernels", 0, "NAME", TW_STEP | TW_SERVE,
      "whose kernels the experts run on (step: all products and attention too): trtllm, cutedsl (nvfp4, TensorRT-LLM "
      "since 1.2), vllm, triton (vLLM before "
      "0.20), or deepgemm (fp8_block, vLLM 0.11.1); default: the engine's, trtllm of step"},
     SERVING + TW_ON_KERNELS},
    {{"one-text", 0, NULL, TW_STEP | TW_SERVE,
      "all sequences are the same text, as some benchmarks send: all choose the same experts"},
     SERVING + TW_ON_ALIKE},
    {{"two-batch", 0, NULL, TW_STEP | TW_SERVE,
      "two halves of a batch in turns: experts' tokens of one travel beside the kernels of the other; with --dp"},
     SERVING + TW_ON_TWO_BATCH},
    {{"host-experts", 0, "SHARE,GB/S", TW_STEP | TW_SERVE,
      "so much of the experts' weights in the host's memory, read ahead at GB/s a GPU"},
     SERVING + TW_ON_HOST_EXPERTS},
    {{"all-to-all", 0, "HOW", TW_STEP | TW_SERVE,
      "tokens to experts of other GPUs: gather, all everywhere; deepep, to who has them; auto: the faster, or the "
      "engine's"},
     SERVING + TW_ON_ALL_TO_ALL},
    {{"graphs", 0, "HOW", TW_STEP | TW_SERVE,
      "steps replayed from CUDA graphs: full, decodes whole; full_pieces, prompts, too, in pieces; pieces, all in "
      "pieces; none, kernel by kernel; default: the engine's, full of step"},
     SERVING + TW_ON_GRAPHS},
    {{"launch-time", 0, "S", TW_STEP | TW_SERVE,
      "seconds of the host for a kernel outside of graphs; default: the engine's; 0: 26e-6 (Python), with --graphs "
      "full not counted; C++ about 5e-6"},
     SERVING + TW_ON_LAUNCH},
    {{"graph-most", 0, "N", TW_STEP | TW_SERVE,
      "most tokens of a rank that are captured; default: the engine's, of step all decodes, and 512 beside prompts"},
     SERVING + TW_ON_GRAPH_MOST},
    {{"collectives", 0, "NAME", TW_STEP | TW_SERVE,
      "sums over tensor-parallel ranks: trtllm, vllm or sglang, theirs; auto, the fastest library of the tables; nccl, "
      "as in software of 2023; default: the engine's, auto of step"},
     SERVING + TW_ON_COLLECTIVES},
    {{"fused-sums", 0, "MIB", TW_STEP | TW_SERVE,
      "sums over tensor-parallel ranks of at most so much add the residual and norm in the same kernel; 0: none; "
      "default: the engine's, 0 of step"},
     SERVING + TW_ON_FUSED},
    {{"apart", 0, "LIST", TW_STEP | TW_SERVE,
      "what runs in kernels of its own: quantisation behind norm, sum (that norms), silu, attention; append of keys "
      "and "
      "values; or none; default: the engine's, none of step"},
     SERVING + TW_ON_APART},
    {{"sampler", 0, "NAME", TW_STEP | TW_SERVE,
      "how tokens are chosen: argmax (default; greedy, temperature), top-p or top-k by sort (vLLM) or by rejection"},
     SERVING + TW_ON_SAMPLER},
    {{"mxfp4-kernel", 0, "NAME", TW_STEP | TW_SERVE,
      "of mxfp4 experts on chips without fp4 units: triton (default from Hopper on) or marlin (default before)"},
     SERVING + TW_ON_MIXED},
    {{"prompt-attention", 0, "NAME", TW_STEP | TW_SERVE,
      "kernel of prompts' attention: flash or triton (vLLM's unified); default: the engine's, triton with vLLM for "
      "attention sinks before Hopper"},
     SERVING + TW_ON_PROMPT},
    {{"memory-fraction", 0, "X", TW_STEP | TW_SERVE,
      "of device memory that the engine may fill; default: the engine's own. With sglang: for weights and cache alone"},
     SERVING + TW_ON_MEMORY},
    {{"redundant-experts", 0, "N", TW_STEP | TW_SERVE, "experts held twice or more"}, SERVING + TW_ON_REDUNDANT},
    {{"power-cap", 0, "W", TW_STEP | TW_SERVE, "board limit of a GPU; default: its own"}, SERVING + TW_ON_CAP},
    {{"decode", 0, "NxC", TW_STEP, "N sequences decode, C tokens of context each"}, SERVING + TW_ON_DECODE},
    {{"prefill", 0, "NxT", TW_STEP, "N prompts of T tokens; NxT+H: chunks on H tokens of history"},
     SERVING + TW_ON_PREFILL},
    {{"engine", 0, "NAME[:N]", TW_STEP | TW_SERVE,
      "all that vllm, sglang or trtllm sets by itself in its newest release or N, as vllm:0.11; or ideal (no host, the "
      "fastest collectives); default: vllm, none of step"},
     SERVING + TW_ON_ENGINE},
    {{"policy", 0, "NAME", TW_SERVE,
      "how iterations are made up: vllm_v1, trtllm, sglang, sarathi ...; default: vllm_v1"},
     SERVING + TW_ON_POLICY},
    {{"shared-prefix", 0, "N", TW_SERVE, "leading tokens that all prompts share, found in a prefix cache"},
     SERVING + TW_ON_SHARED},
    {{"prompts", 0, "N", TW_SERVE,
      "different prompts, sent over and over, found in a prefix cache; default: each its own"},
     SERVING + TW_ON_DISTINCT},
    {{"kv-tier", 0, "GB,R[,W[,S]]", TW_SERVE,
      "below the cache: GB of a replica, read and written at R and W GB/s, S seconds of a read (default R, 1e-5); "
      "\",shared\": of all; several with +"},
     SERVING + TW_ON_KV_TIER},
    {{"drafts", 0, "N", TW_SERVE, "tokens drafted in a step; with --acceptance"}, SERVING + TW_ON_DRAFTS},
    {{"acceptance", 0, "A[,A]", TW_SERVE,
      "of a draft, those before it accepted, or of the first, the second ...; the last holds for the rest; default "
      "0.8"},
     SERVING + TW_ON_ACCEPTANCE},
    {{"draft-cost", 0, "X", TW_SERVE,
      "time of drafting a token over that of a step; default: one layer and the head of the model"},
     SERVING + TW_ON_DRAFT_COST},
    {{"accept", 0, "HOW", TW_SERVE, "drafts accepted by the mean, or drawn for each sequence and step; default mean"},
     SERVING + TW_ON_ACCEPT},
    {{"front-end", 0, "NAME", TW_SERVE,
      "process that requests and outputs pass: none, vllm, vllm_0_11_0, vllm_0_8, sglang, or seconds of a "
      "request,prompt "
      "token,output; default: the engine's"},
     SERVING + TW_ON_FRONT_END},
    {{"rank-router", 0, "NAME", TW_SERVE,
      "which attention rank gets a request: round_robin, least_tokens, vllm_dp ...; even: one list; default: auto"},
     SERVING + TW_ON_RANK_ROUTER},
    {{"max-sequences", 0, "N", TW_SERVE, "largest batch of an attention rank; default: the engine's, 1024 or 2048"},
     SERVING + TW_ON_MAX_SEQUENCES},
    {{"max-tokens", 0, "N", TW_SERVE, "most tokens of an attention rank in an iteration; default 8192"},
     SERVING + TW_ON_MAX_TOKENS},
    {{"rank-wait", 0, "N", TW_SERVE, "iterations that prompts wait until every attention rank has one; default 0"},
     SERVING + TW_ON_RANK_WAIT},
    {{"rank-gather", 0, "N", TW_SERVE, "iterations that they wait then for more; default 0"},
     SERVING + TW_ON_RANK_GATHER},
    {{"batch-wait", 0, "N,T", TW_SERVE,
      "iterations that prompts wait beside decodes for a batch of T tokens; default 0,0: none"},
     SERVING + TW_ON_BATCH_WAIT},
    {{"schedule-ahead", 0, "YES", TW_SERVE,
      "yes, no: batches are made an iteration ahead, who comes meanwhile is in the one after; default: the engine's"},
     SERVING + TW_ON_AHEAD},
    {{"replicas", 0, "N", TW_SERVE, "default 1; load is dealt evenly"}, SERVING + TW_ON_REPLICAS},
    {{"concurrency", 0, "N", TW_SERVE, "requests in flight; with --sweep: the most"}, SERVING + TW_ON_CONCURRENCY},
    {{"rate", 0, "R", TW_SERVE, "Poisson arrivals a second instead"}, SERVING + TW_ON_RATE},
    {{"requests", 0, "N", TW_SERVE, "of a replica; default: enough for a steady window"}, SERVING + TW_ON_REQUESTS},
    {{"isl", 0, "N", TW_SERVE, "input tokens, default 1024"}, SERVING + TW_ON_ISL},
    {{"osl", 0, "N", TW_SERVE, "output tokens, default 1024"}, SERVING + TW_ON_OSL},
    {{"length-range", 0, "X", TW_SERVE,
      "lengths evenly from X to 1 of --isl and --osl, as benchmarks draw them (InferenceX 0.8); default 1: all alike"},
     SERVING + TW_ON_RANGE},
    {{"lengths", 0, "SET", TW_SERVE, "length tables of that name instead; with --isl or --osl: of the other"},
     SERVING + TW_ON_LENGTHS},
    {{"trace", 0, "FILE", TW_SERVE, "replay a trace instead"}, SERVING + TW_ON_TRACE},
    {{"router", 0, "NAME", TW_SERVE,
      "every replica by itself behind a router: least_loaded (default then), kv_aware ..."},
     SERVING + TW_ON_ROUTER},
    {{"routers", 0, "N", TW_SERVE, "routers that share the replicas (one for each 32)"}, SERVING + TW_ON_ROUTERS},
    {{"sessions", 0, "KIND", TW_SERVE,
      "requests of sessions that build on each other, --rate of them all: chat, claude_code, llmd_agentic"},
     SERVING + TW_ON_SESSIONS},
    {{"signal-period", 0, "S", TW_SERVE, "the router sees loads this old; default: fresh"},
     SERVING + TW_ON_SIGNAL_PERIOD},
    {{"kv-event-delay", 0, "S", TW_SERVE, "until the router knows what replicas cache; default: at once"},
     SERVING + TW_ON_EVENT_DELAY},
    {{"kv-ttl", 0, "S", TW_SERVE, "nobody tells it: what it sent where it takes to be cached so long"},
     SERVING + TW_ON_KV_TTL},
    {{"busy-kv", 0, "F", TW_SERVE,
      "a replica with more of its KV memory held gets nothing new; with all such, who comes is rejected"},
     SERVING + TW_ON_BUSY_KV},
    {{"busy-prompt-tokens", 0, "N", TW_SERVE, "so does one with more prompt tokens to compute"},
     SERVING + TW_ON_BUSY_TOKENS},
    {{"busy-waiting", 0, "N", TW_SERVE, "and one with more requests waiting"}, SERVING + TW_ON_BUSY_WAITING},
    {{"busy-queue", 0, "N", TW_SERVE, "so many wait at a router until one is not busy; default 0: rejected"},
     SERVING + TW_ON_BUSY_QUEUE},
    {{"slow-share", 0, "F", TW_SERVE, "stragglers: share of the GPUs that make their replica slower"},
     SERVING + TW_ON_SLOW_SHARE},
    {{"slow-times", 0, "X", TW_SERVE, "how many times as long such a replica takes, default 1.3"},
     SERVING + TW_ON_SLOW_TIMES},
    {{"planner", 0, NULL, TW_SERVE,
      "starts and stops --replicas with the load, within the limits; with --rate or --trace"},
     SERVING + TW_ON_PLANNER},
    {{"predictor", 0, "NAME", TW_SERVE, "of the planner: last, mean or holt (default)"}, SERVING + TW_ON_PREDICTOR},
    {{"plan-every", 0, "S", TW_SERVE, "seconds between two plans, default 60"}, SERVING + TW_ON_INTERVAL},
    {{"profile", 0, "NAME", TW_SERVE, "of the rate over the day, as azure24_conv; default: none"},
     SERVING + TW_ON_PROFILE},
    {{"prefill-replicas", 0, "N", TW_SERVE, "replicas besides that compute prompts alone; KV goes over their cards"},
     SERVING + TW_ON_PROMPTS},
    {{"prefill-chip", 0, "NAME", TW_SERVE, "of those: their accelerator; default: that of the others"},
     SERVING + TW_ON_FRONT_CHIP},
    {{"prefill-tp", 0, "N", TW_SERVE,
      "of those: tensor parallel; default: the layout of the others, or 1 with --prefill-dp or -ep"},
     SERVING + TW_ON_FRONT_TP},
    {{"prefill-dp", 0, "N", TW_SERVE, "of those: attention ranks, the same"}, SERVING + TW_ON_FRONT_DP},
    {{"prefill-ep", 0, "N", TW_SERVE, "of those: expert parallel, the same"}, SERVING + TW_ON_FRONT_EP},
    {{"first-token", 0, "HOW", TW_SERVE,
      "of those: prefill, at once; relayed, with the KV; decode, made there again; default: the engine's"},
     SERVING + TW_ON_FIRST_TOKEN},
    {{"reserve", 0, "WHEN", TW_SERVE,
      "of those: blocks are taken where it is decoded context_first, before KV leaves, generation_first, before the "
      "prompt is computed, or none; default: the engine's"},
     SERVING + TW_ON_RESERVE},
    {{"re-role", 0, NULL, TW_SERVE, "planner: a resting replica may start as the other kind"}, SERVING + TW_ON_RE_ROLE},
    {{"ttft-slo", 0, "S", TW_SERVE, "limit on the first token of planner and goodput, default 2"},
     SERVING + TW_ON_TTFT_SLO},
    {{"tpot-slo", 0, "S", TW_SERVE, "limit on a later token, default 0.05"}, SERVING + TW_ON_TPOT_SLO},
    {{"itl-slo", 0, "S", TW_SERVE, "limit on the gaps between tokens of a request; default none"},
     SERVING + TW_ON_ITL_SLO},
    {{"itl-share", 0, "Q", TW_SERVE, "of its gaps, so many within it, default 0.99"}, SERVING + TW_ON_ITL_SHARE},
    {{"patience", 0, "S", TW_SERVE, "who has no token by then gives up; replicas by themselves; default nobody"},
     SERVING + TW_ON_PATIENCE},
    {{"timeout", 0, "S", TW_SERVE,
      "clients go so long after they came, in the middle of an answer too; default nobody"},
     SERVING + TW_ON_TIMEOUT},
    {{"leave", 0, "S", TW_SERVE, "they go after a time drawn for each, exponential of this mean; default nobody"},
     SERVING + TW_ON_LEAVE},
    {{"gpus", 0, "N", TW_SERVE,
      "layouts over so many GPUs: most within --ttft-slo and --tpot-slo, the best first; with --rate the fewest of "
      "them for it"},
     SERVING + TW_ON_GPUS},
    {{"split", 0, "N", TW_SERVE, "with --gpus: so many pairs of layouts with replicas for prompts alone; default 3"},
     SERVING + TW_ON_SPLIT},
    {{"share", 0, "Q", TW_SERVE, "with --gpus: of the requests within the limits, 0.5, 0.9 (default) or 0.99"},
     SERVING + TW_ON_SHARE},
    {{"log", 0, "FILE", TW_SERVE,
      "one row for each request of the replica: arrival, first token, end, tokens, cached ..."},
     SERVING + TW_ON_LOG},
    {{"sweep", 0, NULL, TW_SERVE, "concurrency 1, 2, 4 ...: throughput against interactivity"}, SERVING + TW_ON_SWEEP},
    {{"json", 0, NULL, TW_ALL, "one JSON object on standard output"}, JSON},
    {{"quiet", 'q', NULL, TW_ALL, "no progress"}, 'q'},
    {{"verbose", 'v', NULL, TW_ALL, "say on standard error what was compiled"}, 'v'},
    {{"color", 0, "WHEN", TW_ALL, "auto, always or never"}, COLOR},
    {{"help", 'h', NULL, TW_ALL, "this text"}, 'h'},
};

// Columns that help may take: of the terminal, 80 where there is none.
static int columns_of(FILE *stream)
{
    struct winsize size;
    const char *told = getenv("COLUMNS");
    int columns = told ? atoi(told) : 80;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) columns = size.ws_col;
    return columns < 60 ? 60 : columns > 120 ? 120 : columns;    // a longer line is not read
}

void tw_print_wrapped(FILE *stream, int left, const char *text)
{
    int room = columns_of(stream) - left;
    while (*text) {
        int n = (int)strlen(text);
        if (n > room) {
            for (n = room; n > room / 3 && text[n] != ' ';) n--;
            if (text[n] != ' ') n = (int)strcspn(text, " ");    // one word wider than the room
        }
        fprintf(stream, "%.*s\n", n, text);
        text += n;
        text += strspn(text, " ");
        if (*text) fprintf(stream, "%*s", left, "");
    }
}

static void print_help(FILE *stream, const TwCommandRow *command)
{
    char text[256];
    snprintf(text, sizeof text, "%c%s.", toupper((unsigned char)command->text[0]), command->text + 1);
    fprintf(stream, "Usage: tokenworks %s [OPTION]...\n", command->usage);
    tw_print_wrapped(stream, 0, text);
    putc('\n', stream);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const Option *o = &table[i].option;
        if (!(o->commands & (int)command->command)) continue;
        char left[64];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "   ", o->name, o->argument ? "=" : "", o->argument ? o->argument : "");
        fprintf(stream, strlen(left) > 28 ? "  %s\n%31s" : "  %-28s %s", left, "");
        tw_print_wrapped(stream, 31, o->text);
    }
    fprintf(stream, "\nExamples:\n%s", command->examples);
}

void tw_options_completion(FILE *stream)
{
    fprintf(stream, "# bash completion of tokenworks\n_tokenworks() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words\n"
                    "    if [ \"$COMP_CWORD\" = 1 ]; then words=\"");
    for (const TwCommandRow *c = tw_commands; c->name; c++) fprintf(stream, "%s ", c->name);
    fprintf(stream, "--help --version\"\n    else case ${COMP_WORDS[1]} in\n");
    for (const TwCommandRow *c = tw_commands; c->name; c++) {
        fprintf(stream, "        %s) words=\"", c->name);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++)
            if (table[i].option.commands & (int)c->command) fprintf(stream, "--%s ", table[i].option.name);
        fprintf(stream, "\" ;;\n");
    }
    fprintf(stream, "    esac; fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") $(compgen -f -- \"$cur\"))\n}\n"
                    "complete -o filenames -F _tokenworks tokenworks\n");
}

// "24h", "90s", "1.5min", "2d" -> seconds. False: no span.
static bool read_time(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"s", 1.0}, {"min", 60.0}, {"h", 3600.0}, {"d", 86400.0}, {"ms", 1e-3}};
    char *end;
    double value = strtod(text, &end);
    if (end == text || !isfinite(value) || value < 0.0) return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].unit) != 0) continue;
        *seconds = value * units[i].factor;
        return true;
    }
    *seconds = 0.0;
    return value == 0.0 && !*end;
}

static bool read_span(const char *text, double *seconds) { return read_time(text, seconds) && *seconds > 0.0; }

bool tw_color(const TwOptions *options, FILE *stream)
{
    if (options->color) return options->color == 1;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(stream)) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

static bool usage(const char *format, const char *a, const char *b)
{
    fprintf(stderr, "tokenworks: ");
    fprintf(stderr, format, a, b);
    fputc('\n', stderr);
    return false;
}

static bool unknown_option(const char *given, TwCommand command)
{
    const char *known[sizeof table / sizeof *table];
    int count = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].option.commands & (int)command) known[count++] = table[i].option.name;
    char name[128], written[128];
    while (*given == '-') given++;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(given, "="), given);
    memcpy(written, name, sizeof name);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
    const char *first = NULL, *near = tw_nearest(name, known, count);
    for (int i = 0; i < count; i++) {
        // underscores for dashes, or a value that it does not take
        if (strcmp(known[i], name) == 0)
            return strcmp(known[i], written) == 0 ? usage("option --%s takes no value%s", name, "")
                                                  : usage("unknown option --%s; did you mean --%s?", written, name);
        if (strncmp(known[i], name, strlen(name)) != 0) continue;
        if (first) {
            fprintf(stderr, "tokenworks: --%s is short for --%s, --%s and perhaps more\n", name, first, known[i]);
            return false;
        }
        first = known[i];
    }
    const char *here = tw_option_elsewhere(name);
    for (int i = 0; here && i < count; i++)
        if (strcmp(known[i], here) == 0) near = here;
    if (near) return usage("unknown option --%s; did you mean --%s?", name, near);
    return usage("unknown option --%s; see --help", name, "");
}

// A setting made from an option: kept in the options themselves.
static bool add_set(TwOptions *o, const char *path, const char *value)
{
    if (o->set_count == TW_SETS || o->text_count == (int)(sizeof o->text / sizeof *o->text))
        return usage("too many settings%s%s", "", "");
    char *text = o->text[o->text_count++];
    if (snprintf(text, sizeof o->text[0], "%s=%s", path, value) >= (int)sizeof o->text[0])
        return usage("%s is too long: %s", path, value);
    o->sets[o->set_count++] = text;
    return true;
}

static bool whole(const char *text, int64_t least, int64_t *value)
{
    char *end;
    errno = 0;
    long long got = strtoll(text, &end, 10);
    if (end == text || *end || errno == ERANGE || got < least) return false;
    *value = got;
    return true;
}

// Options whose word is kept as it is, and those that say yes.
typedef struct Kept {
    int id;
    size_t at;    // in TwOptions
} Kept;
static const Kept words[] = {
    {'o', offsetof(TwOptions, out)},
    {EXPLAIN, offsetof(TwOptions, explain)},
    {SCREENSHOT, offsetof(TwOptions, screenshot)},
    {VIEWS, offsetof(TwOptions, view)},
    {SELECT, offsetof(TwOptions, select)},
    {OF_STUDY, offsetof(TwOptions, study)},
    {ERRORS, offsetof(TwOptions, errors)},
    {COLOUR, offsetof(TwOptions, colour)},
    {PLOT, offsetof(TwOptions, plot)},
    {TRACE_CLASS, offsetof(TwOptions, traffic_class)},
    {TRACE_FORMAT, offsetof(TwOptions, format)},
    {EXPORT, offsetof(TwOptions, export_format)},
    {RESTORE, offsetof(TwOptions, restore)},
    {CLOSED, offsetof(TwOptions, closed)},
    {OPEN_LIST, offsetof(TwOptions, open_list)},
    {CLOSE_LIST, offsetof(TwOptions, close_list)},
    {SCALE, offsetof(TwOptions, scale)},
    {SLACK, offsetof(TwOptions, slack)},
    {SLACK_V, offsetof(TwOptions, slack_v)},
    {BASE_KV, offsetof(TwOptions, base_kv)},
    {BASE_MVA, offsetof(TwOptions, base_mva)},
    {LOAD_MODEL, offsetof(TwOptions, load_model)},
    {METHOD, offsetof(TwOptions, method)},
    {TOLERANCE, offsetof(TwOptions, tolerance)},
    {POWER_FACTOR, offsetof(TwOptions, power_factor)},
    {OUTPUT, offsetof(TwOptions, output)},
    {MEGAWATTS, offsetof(TwOptions, mw)},
    {BY, offsetof(TwOptions, by)},
    {LOAD, offsetof(TwOptions, load)},
    {WITHIN, offsetof(TwOptions, within)},
    {EVERY, offsetof(TwOptions, every)},
    {WHEN, offsetof(TwOptions, when)},
};
static const Kept flags[] = {
    {UNDISTURBED, offsetof(TwOptions, undisturbed)},
    {EACH, offsetof(TwOptions, each)},
    {FOLLOW, offsetof(TwOptions, follow)},
    {CONTINGENCY, offsetof(TwOptions, contingency)},
    {Q_LIMITS, offsetof(TwOptions, q_limits)},
    {JSON, offsetof(TwOptions, json)},
    {RESOLVED, offsetof(TwOptions, resolved)},
    {STRICT, offsetof(TwOptions, strict)},
    {DRY_RUN, offsetof(TwOptions, dry_run)},
    {FORCE, offsetof(TwOptions, force)},
    {MERGE, offsetof(TwOptions, merge)},
    {NO_PLOTS, offsetof(TwOptions, no_plots)},
    {RETRY, offsetof(TwOptions, retry_failed)},
    {'q', offsetof(TwOptions, quiet)},
    {'v', offsetof(TwOptions, verbose)},
};

// False: no such option is kept.
static bool keep(TwOptions *o, int id, const char *arg)
{
    for (int i = 0; i < TW_COUNT(words); i++)
        if (words[i].id == id) {
            *(const char **)((char *)o + words[i].at) = arg;
            return true;
        }
    for (int i = 0; i < TW_COUNT(flags); i++)
        if (flags[i].id == id) return *(bool *)((char *)o + flags[i].at) = true;
    if (id < SERVING || id >= SET) return false;
    o->serving[id - SERVING] = arg ? arg : "";
    return true;
}

// One word of --event into an entry of the list `events`: what, then to whom, then settings as in a file, `at` and
// `for` with any unit of time. False: it is none of these.
static bool event_word(const char *word, int place, char *text, size_t size)
{
    const char *equals = strchr(word, '=');
    size_t used = strlen(text), name = equals ? (size_t)(equals - word) : 0;
    if (!equals && place > 1) return false;
    if (!equals) {
        snprintf(text + used, size - used, "%s = \"%s\"; ", place == 0 ? "kind" : "element", word);
        return place > 0 || strchr(word, '"') == NULL;
    }
    const char *value = equals + 1;
    bool at = name == 2 && strncmp(word, "at", 2) == 0, span = name == 3 && strncmp(word, "for", 3) == 0;
    if (at || span) {
        double seconds;
        if (!read_time(value, &seconds)) return false;
        snprintf(text + used, size - used, "%s_s = %.9g; ", at ? "at" : "for", seconds);
        return true;
    }
    char *end;
    strtod(value, &end);
    bool bare = (*value && !*end) || strcmp(value, "true") == 0 || strcmp(value, "false") == 0;
    snprintf(text + used, size - used, bare ? "%.*s = %s; " : "%.*s = \"%s\"; ", (int)name, word, value);
    return name > 0 && *value;
}

static bool add_event(TwOptions *o, const char *arg)
{
    char words[160], text[240] = "{ ";
    int place = 0;
    if (strlen(arg) >= sizeof words || strpbrk(arg, "{}();\\\""))
        return usage("--event %s: expected WHAT [WHOM] at=SPAN [for=SPAN] [SETTING=VALUE]...%s", arg, "");
    snprintf(words, sizeof words, "%s", arg);
    char *rest = NULL;
    for (char *word = strtok_r(words, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest), place++)
        if ((place == 0 && strchr(word, '=')) || !event_word(word, place, text, sizeof text))
            return usage("--event %s: \"%s\" is no part of WHAT [WHOM] at=SPAN [for=SPAN] [SETTING=VALUE]...", arg,
                         word);
    if (place == 0 || strlen(text) + 2 >= sizeof text)
        return usage("--event %s: nothing is said, or too much%s", arg, "");
    strcat(text, "}");
    return add_set(o, "events+", text);
}

static bool read_years(TwOptions *o, const char *arg)
{
    char *end;
    o->years = strtod(arg, &end);
    if (end == arg || *end || !(o->years > 0.0 && o->years <= 1e5))
        return usage("--years %s: expected more than 0 and at most 100000%s", arg, "");
    return true;
}

static bool read_shard(TwOptions *o, const char *arg)
{
    char *end;
    errno = 0;
    long of = strtol(arg, &end, 10), all = *end == '/' && end > arg ? strtol(end + 1, &end, 10) : 0;
    if (*end || errno == ERANGE || all < 1 || all > INT32_MAX || of < 0 || of >= all)
        return usage("--shard %s: expected I/N with I from 0 to N - 1%s", arg, "");
    o->shard = (int)of, o->shards = (int)all;
    return true;
}

static bool read_size(TwOptions *o, const char *arg)
{
    char *end;
    long width = strtol(arg, &end, 10), height = *end == 'x' ? strtol(end + 1, &end, 10) : 0;
    if (*end || width < 64 || height < 64 || width > 16384 || height > 16384)
        return usage("--size %s: expected WIDTHxHEIGHT from 64x64 to 16384x16384, as 1920x1080%s", arg, "");
    o->width = (int)width, o->height = (int)height;
    return true;
}

static bool read_block_tokens(TwOptions *o, const char *arg)
{
    char *end;
    long tokens = strtol(arg, &end, 10);
    if (end == arg || *end || tokens < 1 || tokens > 65536) {
        fprintf(stderr, "tokenworks: --block-tokens=%s, expected 1 to 65536\n", arg);
        return false;
    }
    o->block_tokens = (int)tokens;
    return true;
}

static bool read_routing(TwOptions *o, const char *arg)
{
    static const char *const routings[] = {"spray", "adaptive", "ecmp"};
    const char *near = tw_nearest(arg, routings, TW_COUNT(routings));
    if (near && strcmp(near, arg) != 0)
        return usage("--routing %s: expected spray, adaptive or ecmp; did you mean %s?", arg, near);
    if (!near) return usage("--routing %s: expected spray, adaptive or ecmp%s", arg, "");
    o->routing = arg;
    return true;
}

static bool take(TwOptions *o, int id, const char *arg)
{
    int64_t n;
    double span_s;
    char text[32];
    switch (id) {
    case SET:
        if (!strchr(arg, '=')) return usage("--set %s: expected PATH=VALUE%s", arg, "");
        if (o->set_count == TW_SETS) return usage("too many settings%s%s", "", "");
        o->sets[o->set_count++] = arg;
        return true;
    case FOR:
        if (!read_span(arg, &span_s))
            return usage("--for %s: expected a span above 0 with s, min, h or d, as 24h%s", arg, "");
        snprintf(text, sizeof text, "%.17g", span_s);
        return add_set(o, "run.for_s", strpbrk(text, ".e") ? text : strcat(text, ".0"));
    case EVENT:
        return add_event(o, arg);
    case SEED:
        if (!whole(arg, 0, &n)) return usage("--seed %s: expected a whole number from 0%s", arg, "");
        snprintf(text, sizeof text, "%lld%s", (long long)n, n > INT32_MAX ? "L" : "");
        return add_set(o, "run.seed", text);
    case THREADS:
        if (!whole(arg, 1, &n) || n > 4096) return usage("--threads %s: expected 1 to 4096%s", arg, "");
        o->threads = (int)n;
        return true;
    case AXIS:
        if (o->axis_count == 64) return usage("more than 64 axes%s%s", "", "");
        if (!strchr(arg, '=')) return usage("--axis %s: expected PATH=LIST or PATH=FROM:TO:STEP%s", arg, "");
        o->axes[o->axis_count++] = arg;
        return true;
    case REPLICATES:
        if (!whole(arg, 1, &o->replicates) || o->replicates > 1000000)
            return usage("--replicates %s: expected 1 to 1000000%s", arg, "");
        return true;
    case YEARS:
        return read_years(o, arg);
    case SNAPSHOT:
        if (!read_span(arg, &o->snapshot_s)) return usage("--snapshot %s: expected a span, as 12h%s", arg, "");
        return true;
    case SHARD:
        return read_shard(o, arg);
    case STOP:
        if (!read_span(arg, &o->stop_s)) return usage("--stop %s: expected a span, as 12h%s", arg, "");
        return true;
    case AT:
        if (!read_span(arg, &o->at_s)) return usage("--at %s: expected a span, as 12h%s", arg, "");
        return true;
    case COLOR:
        o->color = strcmp(arg, "always") == 0 ? 1 : strcmp(arg, "never") == 0 ? 2 : strcmp(arg, "auto") == 0 ? 0 : -1;
        return o->color >= 0 || usage("--color %s: expected auto, always or never%s", arg, "");
    case SCENARIO:
        if (!whole(arg, 1, &o->scenario) || o->scenario > INT32_MAX)
            return usage("--scenario %s: expected a whole number from 1%s", arg, "");
        return true;
    case SIZE:
        return read_size(o, arg);
    case THEME:
        o->dark = strcmp(arg, "dark") == 0;
        o->light = strcmp(arg, "light") == 0;
        return o->dark || o->light || usage("--theme %s: expected light or dark%s", arg, "");
    case BLOCK_TOKENS:
        return read_block_tokens(o, arg);
    case LOSE:
        if (o->lose_count == 16) return usage("more than 16 --lose%s%s", "", "");
        o->lose[o->lose_count++] = arg;
        return true;
    case ROUTING:
        return read_routing(o, arg);
    default:
        return keep(o, id, arg);
    }
}

// Each option once, but for those that add up: of two values one would be passed over.
static bool note_given(TwOptions *o, int id, const char *value, TwCommand command)
{
    bool adds = id == SET || id == AXIS || id == LOSE || id == EVENT;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].id != id || !(table[i].option.commands & (int)command)) continue;
        const char *name = table[i].option.name;
        if (value && !*value) return usage("--%s: nothing is given, expected %s", name, table[i].option.argument);
        int k = 0;
        while (k < o->given_count && o->given[k] != name) k++;
        if (k == o->given_count) {
            o->given[o->given_count] = name;    // no more than a command has, see `longs`
            o->given_value[o->given_count++] = value;
        } else if (value && !adds && strcmp(value, o->given_value[k]) != 0) {
            fprintf(stderr, "tokenworks: --%s is given twice: %s and %s\n", name, o->given_value[k], value);
            return false;
        }
    }
    return true;
}

bool tw_options_idle(const TwOptions *o, const char *form, const char *const *names)
{
    for (int k = 0; k < o->given_count; k++)
        for (int i = 0; names[i]; i++)
            if (strcmp(o->given[k], names[i]) == 0) {
                fprintf(stderr, "tokenworks: --%s does nothing with %s; see --help\n", names[i], form);
                return true;
            }
    return false;
}

bool tw_options_read(TwOptions *o, const TwCommandRow *row, int argc, char **argv, bool *help)
{
    TwCommand command = row->command;
    struct option longs[sizeof table / sizeof *table + 1] = {0};
    char shorts[64] = ":";
    int count = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const Option *option = &table[i].option;
        if (!(option->commands & (int)command)) continue;
        longs[count++] =
            (struct option){option->name, option->argument ? required_argument : no_argument, NULL, table[i].id};
        if (option->letter) {
            char letter[3] = {option->letter, option->argument ? ':' : '\0', '\0'};
            strcat(shorts, letter);
        }
    }
    *o = (TwOptions){.command = command, .snapshot_s = NAN, .stop_s = NAN, .at_s = NAN, .years = NAN};
    *help = false;
    opterr = 0;
    optind = 1;
    int id;
    while ((id = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
        if (id == 'h') {
            print_help(stdout, row);
            *help = true;
            return true;
        }
        if (id == ':') return usage("option %s needs an argument%s", argv[optind - 1], "");
        if (id == '?') {
            // a long option given a value that it does not take brings its own letter
            if (optopt && optopt < 256 && !strchr(shorts, optopt)) {
                char letter[2] = {(char)optopt, '\0'};
                return usage("unknown option -%s; see --help%s", letter, "");
            }
            return unknown_option(argv[optind - 1], command);
        }
        if (!note_given(o, id, optarg, command)) return false;
        if (!take(o, id, optarg)) return false;
    }
    o->files = argv + optind;
    o->file_count = argc - optind;
    return true;
}
