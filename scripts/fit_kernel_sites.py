#!/usr/bin/env python3
"""Makes calibration/<chip>/moe_sites.csv: what the experts of known models take, over the fit of moe.csv; and
prefill_dims.csv: what prefill attention takes with heads of another width, over heads 128 wide.

usage: fit_kernel_sites.py FOLDER_OF_KERNEL_TABLES [CALIBRATION_FOLDER]
The tables are <chip>_moe.csv.gz with their README. A site is engine, type, routing, hidden, inter, experts, top k, tp, ep. Of
the kernels that a table lists for the same shape an engine is taken to choose the fastest. The ratio at a node is the
geometric mean over the token counts within an octave of it. A row of hidden 0 is the median over all sites of an
engine: for sites that are in no table. TensorRT-LLM has one only where more than a fifth of the curves under the fit
were timed untuned, else the fit is of its rows.

Triton's kernels on Blackwell: the tables' rows of vLLM are of TensorRT-LLM's generator there, but <chip>_power_moe.csv.gz
times vLLM 0.22's fused_experts, which is Triton's, 100 us or longer and for a second at a time, mostly at the board's
limit. What that costs is taken off: the same shapes on an H200, where both tables have Triton's, median by tokens an
expert. Below its rows the generator's time by the published ratios of few tokens.
"""
import collections, csv, gzip, math, os, sys

tables = sys.argv[1]
calibration = sys.argv[2] if len(sys.argv) > 2 else "calibration"
ROUTINGS = {"pl1.2": "skewed", "balanced": "balanced"}
NODES = [1, 4, 16, 64, 256, 1024, 4096, 16384]
# published shapes of the shipped models: hidden, inter, experts, top k
MODELS = {(2048, 768, 128, 8), (4096, 1536, 128, 8), (6144, 2560, 160, 8), (7168, 2048, 256, 8), (2880, 2880, 128, 4),
          (2880, 2880, 32, 4), (5120, 8192, 128, 1), (5120, 8192, 16, 1), (4096, 14336, 8, 2), (6144, 16384, 8, 2), (2048, 512, 256, 8), (3072, 1024, 256, 8),
          (4096, 1024, 512, 10)}
BYTES = {"bf16": (2.0, 2.0), "fp8": (1.0, 1.0), "fp8_block": (1.0, 1.0), "nvfp4": (0.5625, 0.5625),
         "w4a8_mxfp4": (0.53125, 1.0)}


def rows_of(path, opened=open):
    with opened(path, "rt") as file:
        yield from csv.DictReader(line for line in file if line[0] != "#")


def bounds(folder):
    value = {r["name"]: float(r["value"]) for r in rows_of(folder + "/bounds.csv")}
    fp4 = value.get("fp4_flops", 0.0)
    return {"bf16": value["bf16_flops"], "fp8": value["fp8_flops"], "fp8_block": value["fp8_flops"], "nvfp4": fp4,
            "w4a8_mxfp4": value["fp8_flops"]}, value["bandwidth_bytes_s"]


def grids(folder):
    grid = {}
    for r in rows_of(folder + "/moe.csv"):
        g = grid.setdefault(r["dtype"], {"t0": float(r["t0_us"]), "value": {}})
        for key, text in r.items():
            if key[0] == "e" and key[1:].isdigit():
                g["value"][float(r["log2_tokens_per_expert"]), float(r["log2_local_weight_bytes"]),
                           float(key[1:])] = math.log(float(text))
    for g in grid.values():
        g["axis"] = [sorted({k[i] for k in g["value"]}) for i in range(3)]
    return grid


def place(axis, x):
    x = min(max(x, axis[0]), axis[-1])
    i = max(j for j in range(len(axis) - 1) if axis[j] <= x)
    return i, (x - axis[i]) / (axis[i + 1] - axis[i])


def fit_us(grid, flops, bandwidth, kind, site, tokens):
    """As tw_kernel_experts of models/workload/kernel_experts.c."""
    hidden, inter, experts, top_k, tp, ep = site
    weight, activation = BYTES[kind]
    local = tokens * top_k / ep
    active = experts / ep * -math.expm1(-tokens * top_k / experts)
    expert = 3.0 * hidden * inter / tp * weight
    work = max(2.0 * 3.0 * hidden * inter / tp * local / flops,
               (active * expert + local * hidden * (activation + 2.0)) / bandwidth)
    g, total = grid[kind], 0.0
    at = [place(g["axis"][0], math.log2(tokens * top_k / experts)),
          place(g["axis"][1], math.log2(experts / ep * expert)), place(g["axis"][2], math.log2(expert))]
    for corner in range(8):
        share, key = 1.0, []
        for axis in range(3):
            i, w = at[axis]
            high = corner >> axis & 1
            share *= w if high else 1.0 - w
            key.append(g["axis"][axis][i + high])
        if share:
            total += share * g["value"][tuple(key)]
    return g["t0"] + 1e6 * work / (1e-3 * math.exp(total))


def median(values):
    values = sorted(values)
    n = len(values)
    return values[n // 2] if n % 2 else 0.5 * (values[n // 2 - 1] + values[n // 2])


SITE = ("hidden", "inter", "experts", "topk", "tp", "ep")
# chips of one kernel and, but for fp4's peak, one speed
SIBLINGS = ("b200_sxm", "gb200", "b300_sxm", "gb300")
TUNED_TOKENS = range(32, 2049)
UNTUNED = 1.12    # the ratios have a gap there, or their least


def tuned_times():
    """{chip: {(type, routing, site): {tokens: us}}}, {(chip, type): share}: what stands for curves of TensorRT-LLM's
    CUTLASS experts that were timed untuned (docs/calibration.md, "The tables"), and the share of such curves. They take
    UNTUNED times as long as on the quickest sibling, over what this chip takes in the median; the times of the tuned
    siblings stand for them, by the chips' median ratio at each token count."""
    curve = {chip: collections.defaultdict(dict) for chip in SIBLINGS}
    for chip in SIBLINGS:
        path = os.path.join(tables, chip + "_moe.csv.gz")
        if not os.path.exists(path):
            return {}, {}
        for r in rows_of(path, gzip.open):
            if r["gated"] == "1" and r["kernel"] == "cutlass" and r["engine"].startswith("trtllm"):
                site = tuple(int(r[k]) for k in SITE)
                curve[chip][r["dtype"], r["routing"], site][int(r["tokens"])] = float(r["t_us"])
    shared = [key for key in curve[SIBLINGS[0]] if all(key in curve[c] for c in SIBLINGS)]
    ratio = {chip: {} for chip in SIBLINGS}
    for key in shared:
        at = [t for t in TUNED_TOKENS if all(t in curve[c][key] for c in SIBLINGS)]
        for chip in SIBLINGS if at else ():
            ratio[chip][key] = median([curve[chip][key][t] / min(curve[c][key][t] for c in SIBLINGS) for t in at])
    usual = {(chip, kind): median([v for key, v in ratio[chip].items() if key[0] == kind])
             for chip in SIBLINGS for kind in {key[0] for key in ratio[chip]}}
    slow = {chip: {key for key, v in ratio[chip].items() if v > UNTUNED * usual[chip, key[0]]} for chip in SIBLINGS}
    over = collections.defaultdict(list)
    for key in shared:
        quick = [c for c in SIBLINGS if key not in slow[c]]
        for a in quick:
            for b in quick:
                for t, us in curve[a][key].items():
                    if t in curve[b][key]:
                        over[a, b, key[0], t].append(us / curve[b][key][t])
    over = {key: median(v) for key, v in over.items()}
    instead, share = {chip: {} for chip in SIBLINGS}, {}
    for chip in SIBLINGS:
        for key in slow[chip]:
            others = [c for c in SIBLINGS if key not in slow[c]]
            instead[chip][key] = {t: median([us[t] * over[chip, c, key[0], t] for c, us in near])
                                  for t in curve[chip][key]
                                  if (near := [(c, curve[c][key]) for c in others if t in curve[c][key]])}
        for kind in sorted({key[0] for key in ratio[chip]}):
            every = sum(key[0] == kind for key in ratio[chip])
            share[chip, kind] = sum(key[0] == kind for key in slow[chip]) / every
            print(f"{chip} {kind}: {100 * share[chip, kind]:.0f} % of {every} curves untuned")
    return instead, share


def site_of(row):
    return tuple(int(row[k]) for k in SITE)


def octaves(row):
    """Tokens an expert, in steps of four."""
    return round(0.5 * math.log2(int(row["tokens"]) * int(row["topk"]) / int(row["experts"])))


def sustained_rows(chip):
    path = os.path.join(tables, chip + "_power_moe.csv.gz")
    if os.path.exists(path):
        yield from (r for r in rows_of(path, gzip.open) if r["engine"].startswith("vllm"))


def sustained():
    """Time of a second of Triton's kernel over that of a burst, by type and tokens an expert: an H200."""
    burst = {(r["dtype"], site_of(r), r["tokens"]): float(r["t_us"])
             for r in rows_of(os.path.join(tables, "h200_sxm_moe.csv.gz"), gzip.open)
             if r["kernel"] == "triton" and r["gated"] == "1" and r["routing"] == "pl1.2" and not r["flag"]}
    ratio = collections.defaultdict(list)
    for r in sustained_rows("h200_sxm"):
        t = burst.get((r["dtype"], site_of(r), r["tokens"]))
        if t:
            ratio[r["dtype"], octaves(r)].append(float(r["t_us"]) / t)
    return {key: max(1.0, median(v)) for key, v in ratio.items() if len(v) >= 20}


# Triton's time over the generator's at 1, 2, 4 tokens and more (docs/calibration.md)
FEW = {"bf16": [1.65, 1.37, 1.24], "fp8": [1.5], "fp8_block": [1.5]}


def few(kind, tokens):
    at = min(round(math.log2(tokens)), len(FEW[kind]) - 1)
    return FEW[kind][at]


def triton(chip, ratio, grid, flops, bandwidth):
    """Adds the ratios of Triton's kernel to those of the tables."""
    longer = sustained()
    for r in sustained_rows(chip):
        kind, site, tokens = r["dtype"], site_of(r), int(r["tokens"])
        if kind not in FEW or kind not in grid:
            continue
        # of both scalings of fp8, where a rung is missing the other's or bf16's stands
        took = [longer[k, octaves(r)] for k in (kind, "fp8_block", "bf16") if (k, octaves(r)) in longer] or [1.0]
        t = float(r["t_us"]) / took[0]
        fit = fit_us(grid, flops[kind], bandwidth, kind, site, tokens)
        ratio["triton", kind, "skewed", site][tokens] = math.log(t / fit)
    for (engine, kind, routing, site), at in list(ratio.items()):
        if engine != "triton":
            continue
        generator = ratio.get(("vllm", kind, routing, site), {})
        for tokens in [t for t in generator if t < min(at)]:
            at[tokens] = generator[tokens] + math.log(few(kind, tokens))


def make(chip, instead, share):
    folder = os.path.join(calibration, chip)
    grid, (flops, bandwidth) = grids(folder), bounds(folder)
    best = {}
    for r in rows_of(os.path.join(tables, chip + "_moe.csv.gz"), gzip.open):
        kind = r["dtype"]
        if r["gated"] != "1" or kind not in grid:
            continue
        site = tuple(int(r[k]) for k in SITE)
        tuned = {}
        if r["kernel"] == "cutlass" and r["engine"].startswith("trtllm"):
            tuned = instead.get(chip, {}).get((kind, r["routing"], site), {})
        # marked rows are artefacts of the collection; minlat is TensorRT-LLM's low-latency mode, not chosen by itself
        if r["flag"] and int(r["tokens"]) not in tuned or r["kernel"] == "cutlass_minlat":
            continue
        engine, routing = r["engine"].split("-")[0], ROUTINGS[r["routing"]]
        # a kernel four to six times slower than Triton's, which vLLM takes there
        if engine == "vllm" and kind == "fp8" and chip in ("h100_sxm", "h200_sxm"):
            continue
        # TensorRT-LLM's kernels take the tokens of their own experts, vLLM's pass all of them: balance shows in the former
        if routing == "balanced" and (engine != "trtllm" or r["ep"] == "1"):
            continue
        key = engine, kind, routing, site, int(r["tokens"])
        t = tuned.get(int(r["tokens"]), float(r["t_us"]))
        best[key] = min(best.get(key, t), t)
    ratio = collections.defaultdict(dict)
    for (engine, kind, routing, site, tokens), t in best.items():
        ratio[engine, kind, routing, site][tokens] = math.log(t / fit_us(grid, flops[kind], bandwidth, kind, site, tokens))
    if chip in ("b200_sxm", "gb200"):
        triton(chip, ratio, grid, flops, bandwidth)
    lines, every = [], collections.defaultdict(lambda: collections.defaultdict(list))
    for (engine, kind, routing, site), at in sorted(ratio.items()):
        node = []
        for n in NODES:
            near = [v for t, v in at.items() if n / 2 <= t <= 2 * n]
            node.append(math.exp(sum(near) / len(near)) if near else None)
            if near:
                every[engine, kind][n].append(node[-1])
        if site[:4] in MODELS:
            known = [v for v in node if v]
            node = [v if v else (known[0] if i < NODES.index(min(t for t in NODES if any(
                t / 2 <= m <= 2 * t for m in at))) else known[-1]) for i, v in enumerate(node)]
            lines.append(f"{engine},{kind},{routing}," + ",".join(map(str, site)) + "," + ",".join(f"{v:.3g}" for v in node))
    for (engine, kind), at in sorted(every.items()):
        if engine != "trtllm" or share.get((chip, kind), 0.0) > 0.2:
            lines.append(f"{engine},{kind},skewed,0,0,0,0,0,0," + ",".join(f"{median(at[n]):.3g}" for n in NODES))
    with open(folder + "/moe_sites.csv", "w") as out:
        out.write("# from measurements published in ai-dynamo/aiconfigurator (Apache-2.0, NVIDIA), commit 095f58a, by "
                  "scripts/fit_kernel_sites.py\n# time of fused experts over that of moe.csv, by engine, routing "
                  "(skewed: power law 1.2, as moe.csv) and tokens (columns); hidden 0: the median of an engine\n")
        out.write("engine,dtype,routing,hidden,inter,experts,top_k,tp,ep," + ",".join(f"t{n}" for n in NODES) + "\n")
        out.write("\n".join(lines) + "\n")
    print(chip, len(lines), "rows")


LENGTHS = [64, 256, 1024, 4096, 16384]


def make_dims(chip):
    """bf16 of vLLM, fp8 of TensorRT-LLM, as in prefill.csv."""
    time = {}
    for r in rows_of(os.path.join(tables, chip + "_attn_prefill.csv.gz"), gzip.open):
        kind = r["q_dtype"]
        engine = {"bf16": "vllm", "fp8": "trtllm"}.get(kind, "-")
        if r["flag"] or r["window"] != "0" or not r["engine"].startswith(engine) or r["kv_dtype"] != kind:
            continue
        time[kind, int(r["head_dim"]), r["heads"], r["kv_heads"], r["batch"], int(r["seq"])] = float(r["t_us"])
    ratio = collections.defaultdict(list)
    for (kind, dim, *rest, length), t in time.items():
        other = time.get((kind, 128, *rest, length))
        if dim != 128 and other and t > 20.0:
            ratio[kind, dim, length].append(t / other)
    with open(os.path.join(calibration, chip, "prefill_dims.csv"), "w") as out:
        out.write("# from measurements published in ai-dynamo/aiconfigurator (Apache-2.0, NVIDIA), commit 095f58a, by "
                  "scripts/fit_kernel_sites.py\n# time of causal prefill attention over that with heads 128 wide, by "
                  "prompt length (columns)\n")
        out.write("dtype,dim," + ",".join(f"s{n}" for n in LENGTHS) + "\n")
        for kind, dim in sorted({k[:2] for k in ratio}):
            node = [[v for n in (length // 2, length, 2 * length) for v in ratio.get((kind, dim, n), [])]
                    for length in LENGTHS]
            if all(node):
                out.write(f"{kind},{dim}," + ",".join(f"{median(v):.3g}" for v in node) + "\n")


tuned = tuned_times()
for name in sorted(os.listdir(calibration)):
    if os.path.exists(os.path.join(tables, name + "_moe.csv.gz")):
        make(name, *tuned)
        make_dims(name)
