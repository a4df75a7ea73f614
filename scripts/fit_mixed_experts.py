#!/usr/bin/env python3
"""Makes calibration/<chip>/moe_mixed.csv: times of mxfp4 experts that are multiplied in bf16, as Hopper does, by
engine, routing, shape and cut.

usage: fit_mixed_experts.py FOLDER_OF_KERNEL_TABLES [CALIBRATION_FOLDER]
The tables are <chip>_moe_mxfp4.csv.gz, columns as <chip>_moe.csv.gz: rows of gpt-oss by vLLM and TensorRT-LLM, both
on Triton's kernel (w4a16_mxfp4 of moe/vllm/0.24.0 and moe/trtllm/1.3.0rc20 in the wheel of aiconfigurator-core
0.12.0; in its repository they lie in Git LFS). vLLM's have cuts by experts or by widths, TensorRT-LLM's by experts
alone. A cut by both, and TensorRT-LLM's by widths, is the cut by experts, its floor aside, times what the cut by
widths leaves of vLLM's whole time, floor aside. The floor is the time of one token on one of the most shares; of
TensorRT-LLM without a cut vLLM's and what its one token on one GPU takes longer. TensorRT-LLM's whole gpt-oss-120b is
missing on H100: vLLM's there by their ratio on H200.
"""
import csv, gzip, os, sys

tables = sys.argv[1]
calibration = sys.argv[2] if len(sys.argv) > 2 else "calibration"
CHIPS = ["h100_sxm", "h200_sxm"]
ROUTINGS = {"pl1.2": "skewed", "balanced": "balanced"}
NODES = [2 ** i for i in range(15)]
CUTS = [1, 2, 4, 8, 16]


def read(chip):
    """{(engine, routing, model): {(tp, ep): {tokens: us}}}"""
    curves = {}
    with gzip.open(os.path.join(tables, chip + "_moe_mxfp4.csv.gz"), "rt") as file:
        for r in csv.DictReader(file):
            if r["dtype"] != "w4a16_mxfp4" or r["flag"] or int(r["tokens"]) not in NODES:
                continue
            model = tuple(int(r[k]) for k in ("hidden", "inter", "experts", "topk"))
            cuts = curves.setdefault((r["engine"].split("-")[0], ROUTINGS[r["routing"]], model), {})
            cuts.setdefault((int(r["tp"]), int(r["ep"])), {})[int(r["tokens"])] = float(r["t_us"])
    return curves


def floors(vllm, own):
    """Time of a token where next to nothing is read: not cut, cut by experts."""
    widest, most = max(tp for tp, ep in vllm if ep == 1), max(ep for tp, ep in own if tp == 1)
    return vllm[widest, 1][1] + own[1, 1][1] - vllm[1, 1][1], own[1, most][1]


def every_cut(vllm, own):
    whole, apart = floors(vllm, own)
    base = floors(vllm, vllm)[0]
    cuts = {}
    for ep in CUTS:
        for tp in CUTS:
            if (tp, ep) in own:
                cuts[tp, ep] = "timed", own[tp, ep]
            elif (tp, 1) in vllm and (1, ep) in own:
                floor = whole if ep == 1 else apart
                part = {n: (vllm[tp, 1][n] - base) / (vllm[1, 1][n] - base) for n in NODES}
                cuts[tp, ep] = "composed", {n: floor + max(own[1, ep][n] - floor, 0.0) * part[n] for n in NODES}
    return cuts


curves = {chip: read(chip) for chip in CHIPS}
for chip in CHIPS:
    lines = []
    for (engine, routing, model), own in sorted(curves[chip].items()):
        vllm = curves[chip]["vllm", routing, model]
        whole_timed = (1, 1) in own
        if not whole_timed:
            there, theirs = curves["h200_sxm"][engine, routing, model], curves["h200_sxm"]["vllm", routing, model]
            own[1, 1] = {n: vllm[1, 1][n] * there[1, 1][n] / theirs[1, 1][n] for n in NODES}
        for (tp, ep), (how, us) in sorted(every_cut(vllm, own).items()):
            how = "composed" if tp * ep == 1 and not whole_timed else how
            lines.append(f"{engine},{routing},{how}," + ",".join(map(str, model)) + f",{tp},{ep}," +
                         ",".join(f"{us[n]:.4g}" for n in NODES))
    with open(os.path.join(calibration, chip, "moe_mixed.csv"), "w") as out:
        out.write("# from measurements published in aiconfigurator-core 0.12.0 (Apache-2.0, NVIDIA), by "
                  "scripts/fit_mixed_experts.py\n# us of mxfp4 experts multiplied in bf16 (Triton's kernel), by "
                  "engine, routing (skewed: power law 1.2) and tokens (columns); source: timed, or composed of timed cuts\n")
        out.write("engine,routing,source,hidden,inter,experts,top_k,tp,ep," + ",".join(f"t{n}" for n in NODES) + "\n")
        out.write("\n".join(lines) + "\n")
    print(chip, len(lines), "rows")
