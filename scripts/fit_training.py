#!/usr/bin/env python3
"""Fits the step-time keys of facilities/parts/traffic/train_keys.csv and train_effects.csv.

usage: fit_training.py FOLDER_OF_TRAINING_TABLES [OUT_FOLDER]
Model: t_step = F GBS s / (G P eta0) (1 + (p - 1) / (v m)) + t0 + t1 DP (docs/traffic.md).
A key is fitted only where it has two rows or more; ln eta0 = chip + model + period + task stands in elsewhere.
"""
import collections, csv, math, re, sys

folder = sys.argv[1]
out = sys.argv[2] if len(sys.argv) > 2 else "facilities/parts/traffic"
shapes = {r["model"]: r for r in csv.DictReader(l for l in open(out + "/train_models.csv") if l[0] != "#")}
peaks = {"H100": 1.979e15, "H200": 1.979e15, "B200": 4.5e15, "B300": 4.5e15, "GB200": 5e15, "GB300": 5e15}


def flop(model, s, lora):
    m = shapes[model]
    return (4 if lora else 6) * float(m["parameters"]) + 6 * float(m["layers"]) * float(m["width"]) * s


def whole(text):
    found = re.match(r"\s*(\d+)", text or "")
    return int(found.group(1)) if found else 0


def megatron(path):
    aliases = {a: r["model"] for r in shapes.values() for a in r["aliases"].split("|")}
    for r in csv.DictReader(open(path)):
        model = aliases[r["model"].split(" (")[0]]
        precision = {"FP8-CS": "fp8", "FP8": "fp8", "FP8-MX": "mxfp8", "MXFP8": "mxfp8", "BF16": "bf16", "NVFP4": "nvfp4"}[r["precision"].split(" ")[0]]
        chip, release = r["system"][4:], float(r["container"][:5])
        period = "2025" if release < 26 else "2026a" if release < 26.05 else "2026b"
        task = {"Pre-Training": "pretrain", "LoRA": "lora", "SFT": "sft"}[r["section"]]
        gpus, gbs, s = int(r["gpus"]), int(r["gbs"]), int(r["seq_len"])
        pp, vp = whole(r["pp"]), whole(r["vp"]) or 1
        m = gbs / (gpus / (whole(r["tp"]) * pp * whole(r["cp"]))) / int(r["mbs"])
        peak = peaks[chip] * (0.5 if precision == "bf16" else 1)
        step = gbs * s / gpus / float(r["tokens_per_s_per_gpu"])
        busy = flop(model, s, task == "lora") * gbs * s / gpus / peak * (1 + (pp - 1) / (vp * m))
        kind = shapes[model]["class"]
        if kind == "dense" and period == "2026b":
            period = "2026a"
        yield dict(kind=kind, model=model, task=task, chip=chip, precision=precision, period=period, busy=busy, step=step, peak=peak)


def mlperf(path):
    names = {"llama31_405b": ("llama-3.1-405b", "pretrain"), "llama31_8b": ("llama-3.1-8b", "pretrain"), "llama2_70b_lora": ("llama-2-70b", "lora")}
    for r in csv.DictReader(open(path)):
        model, task = names[r["benchmark"]]
        gpus, gbs, s = int(r["gpus"]), int(r["gbs"]), int(r["seq_len"])
        step = float(r["step_s"]) if r["step_s"] else gbs / float(r["derived_samples_per_s"])
        busy = flop(model, s, task == "lora") * gbs * s / gpus / peaks[r["accelerator"]]
        yield dict(kind="mlperf", model=model, task=task, chip=r["accelerator"], precision="any", period=r["round"], busy=busy, step=step, peak=peaks[r["accelerator"]])


def fit_line(rows):
    """eta0, t0 >= 0 with the least largest relative error of step = busy / eta0 + t0."""
    best = None
    for i in range(0, 400):
        t0 = 0.0005 * i
        ratios = sorted((r["step"] - t0) / r["busy"] for r in rows)
        if ratios[0] <= 0:
            break
        # with relative errors |ours / step - 1|: middle by golden section over 1/eta0
        low, high = ratios[0], ratios[-1]
        def worst(x):
            return max(abs((r["busy"] * x + t0) / r["step"] - 1) for r in rows)
        for _ in range(60):
            a, b = low + (high - low) * 0.382, low + (high - low) * 0.618
            if worst(a) < worst(b):
                high = b
            else:
                low = a
        x = 0.5 * (low + high)
        if best is None or worst(x) < best[0] - 1e-9:
            best = (worst(x), 1 / x, t0)
    return best


rows = list(megatron(folder + "/nvidia_megatron_bridge_throughput.csv"))
audited = list(mlperf(folder + "/mlperf_training_llm_v5.csv"))
keys = []
# keys that the specification of the project states, fitted to the same rows with their layouts
stated = [
    ("llama-3.1-405b", "pretrain", "H100", "v5.0", 0.43266, 0.3680, 0.001496, 8, 8, 2, 8, 4, 0.0008),
    ("llama-3.1-405b", "pretrain", "GB200", "v5.0", 0.38029, 0.0, 0.006072, 4, 8, 2, 8, 4, 0.008),
    ("llama-3.1-405b", "pretrain", "GB200", "v5.1", 0.551, 0.348, 0.0, 0, 0, 0, 0, 3, 0.004),
    ("llama-3.1-405b", "pretrain", "H200", "v5.0", 0.473, 0.37, 0.0, 0, 0, 0, 0, 1, 0.0),
    ("llama-3.1-405b", "pretrain", "B200", "v5.1", 0.377, 0.37, 0.0, 0, 0, 0, 0, 1, 0.0),
]
for model, task, chip, period, eta0, t0, t1, tp, pp, cp, vp, n, worst in stated:
    keys.append(["mlperf", model, task, chip, "any", period, peaks[chip], eta0, t0, t1, tp, pp, cp, vp, n, worst, "fit" if n > 1 else "derived"])
groups = collections.defaultdict(list)
for r in audited:
    groups[(r["model"], r["task"], r["chip"], r["period"])].append(r)
for (model, task, chip, period), g in sorted(groups.items()):
    if model == "llama-3.1-405b" or len(g) < 2:
        continue
    if len({r["busy"] for r in g}) > 1:
        worst, eta0, t0 = fit_line(g)
    else:
        t0 = 0.085    # of its neighbours: one load says nothing about it
        eta0 = math.exp(sum(math.log(r["busy"] / (r["step"] - t0)) for r in g) / len(g))
        worst = max(abs((r["busy"] / eta0 + t0) / r["step"] - 1) for r in g)
    keys.append(["mlperf", model, task, chip, "any", period, peaks[chip], round(eta0, 5), round(t0, 4), 0.0, 0, 0, 0, 0, len(g), round(worst, 4), "fit"])
groups = collections.defaultdict(list)
for r in rows:
    groups[(r["model"], r["task"], r["chip"], r["precision"], r["period"])].append(r)
for (model, task, chip, precision, period), g in sorted(groups.items()):
    if len(g) < 2:
        continue
    etas = [r["busy"] / r["step"] for r in g]
    eta0 = math.sqrt(min(etas) * max(etas))
    keys.append(["megatron", model, task, chip, precision, period, g[0]["peak"], round(eta0, 5), 0.0, 0.0, 0, 0, 0, 0, len(g), round(max(e / eta0 - 1 for e in etas), 4), "fit"])

# additive effects on ln eta0, by class of model; backfitting
effects = []
t0_of = {"llama-3.1-405b": 0.36, "llama-2-70b": 0.085, "llama-3.1-8b": 0.075}
for kind in ("dense", "moe", "mlperf"):
    data = [dict(r, y=math.log(r["busy"] / max(r["step"] - (t0_of[r["model"]] if kind == "mlperf" else 0.0), 0.3 * r["step"])))
            for r in (audited if kind == "mlperf" else rows) if r["kind"] == kind]
    def levels(r):
        return {"chip": r["chip"] + "/" + r["precision"], "model": r["model"], "period": r["period"], "task": r["task"]}
    value = collections.defaultdict(float)
    mean = sum(r["y"] for r in data) / len(data)
    for _ in range(400):
        for factor in ("chip", "model", "period", "task"):
            sums = collections.defaultdict(list)
            for r in data:
                rest = r["y"] - mean - sum(value[(f, n)] for f, n in levels(r).items() if f != factor)
                sums[levels(r)[factor]].append(rest)
            for n, rests in sums.items():
                value[(factor, n)] = sum(rests) / (len(rests) + (0.5 if factor != "chip" else 0.05))
    error = sorted(abs(math.exp(r["y"] - mean - sum(value[x] for x in levels(r).items())) - 1) for r in data)
    print(kind, len(data), "median %.3f worst %.3f" % (error[len(error) // 2], error[-1]))
    effects.append([kind, "all", "mean", round(mean, 5), len(data)])
    for (factor, n), v in sorted(value.items()):
        effects.append([kind, factor, n, round(v, 5), sum(levels(r)[factor] == n for r in data)])
with open(out + "/train_keys.csv", "w") as f:
    f.write("# Step-time keys of training jobs, fitted by scripts/fit_training.py to published runs; worst: largest relative error of its rows.\n"
            "# mlperf: MLPerf Training v5.0, v5.1 results (mlcommons, Apache-2.0); megatron: NVIDIA-NeMo/Megatron-Bridge performance summaries 067f987\n"
            "# (vendor claims, Apache-2.0). peak_flops: dense FP8, BF16 for bf16. tp pp cp vp of 0: layout not published, taken as no bubble.\n"
            "source,model,task,chip,precision,period,peak_flops,eta0,t0_s,t1_s,tp,pp,cp,vp,rows,worst,mark\n")
    for k in keys:
        f.write(",".join("%g" % x if isinstance(x, float) else str(x) for x in k) + "\n")
with open(out + "/train_effects.csv", "w") as f:
    f.write("# Where no key has two rows: ln eta0 = mean + chip + model + period + task, effects fitted to the rows of train_keys.csv's sources\n"
            "# by scripts/fit_training.py. class: dense and moe of the vendor's rows, mlperf of the audited ones. mark: fit.\n"
            "class,factor,name,ln_effect,rows\n")
    for e in effects:
        f.write(",".join(str(x) for x in e) + "\n")
for k in keys:
    print(*k)
