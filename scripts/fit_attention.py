#!/usr/bin/env python3
"""Makes what the engines' own attention takes, and what the fp8 rows of gemm.csv hold beside the product.

usage: fit_attention.py FOLDER_OF_KERNEL_TABLES [CALIBRATION_FOLDER]
decode_trtllm.csv   TensorRT-LLM's decode attention, up to 16 heads a key-value head
decode.csv          vLLM's: rows beyond 2^30 bytes alone, the others stay
prefill_trtllm.csv  TensorRT-LLM's prefill attention; its fp8 rows, of queries in fp8, stay (at first those of prefill.csv)
prefill.csv         vLLM's: its fp8 rows, bf16 queries on a cache of 8 bits; bf16 rows stay
gemm_vllm.csv       vLLM's per-tensor fp8 products and SGLang's by blocks (gemm.csv: TensorRT-LLM's)
quantise.csv        quantisation of activations in TensorRT-LLM's per-tensor fp8 and nvfp4 rows, by elements m k

Node values are those whose multilinear interpolation in logarithms misses the rows least: Huber-weighted least squares,
second differences held down where rows are few, first ones at the far end and, a
little, along the last axis: a rate stays what it was where there are none. Kernels of fallback paths (flag r) are left out.
"""
import csv, gzip, math, os, sys

tables = sys.argv[1]
calibration = sys.argv[2] if len(sys.argv) > 2 else "calibration"
HEAD = ("# fitted to measurements published in ai-dynamo/aiconfigurator (Apache-2.0, NVIDIA), commit 095f58a\n"
        "# {}\n")
HUBER, STIFF, FLAT, LEVEL, ROUNDS = 0.05, 0.3, 1.0, 0.1, 3


def rows_of(chip, table):
    with gzip.open(os.path.join(tables, f"{chip}_{table}.csv.gz"), "rt") as file:
        yield from csv.DictReader(file)


def hats(axis, x):
    x = min(max(x, axis[0]), axis[-1])
    i = max(j for j in range(len(axis) - 1) if axis[j] <= x)
    w = (x - axis[i]) / (axis[i + 1] - axis[i])
    return [(i, 1.0 - w), (i + 1, w)]


def corners(axes, place):
    """[(node, share)] of a point."""
    found = [(0, 1.0)]
    for axis, x in zip(axes, place):
        found = [(n * len(axis) + i, s * w) for n, s in found for i, w in hats(axis, x) if w > 0.0]
    return found


def solve(matrix, right, band):
    """Cholesky of a banded matrix, rows of {column: value} below the diagonal."""
    n = len(right)
    low = [[0.0] * (band + 1) for _ in range(n)]
    for i in range(n):
        for j in range(max(0, i - band), i + 1):
            s = matrix[i].get(j, 0.0)
            for k in range(max(0, i - band, j - band), j):
                s -= low[i][k - i + band] * low[j][k - j + band]
            low[i][j - i + band] = math.sqrt(s) if i == j else s / low[j][band]
    y = right[:]
    for i in range(n):
        for k in range(max(0, i - band), i):
            y[i] -= low[i][k - i + band] * y[k]
        y[i] /= low[i][band]
    for i in reversed(range(n)):
        for k in range(i + 1, min(n, i + band + 1)):
            y[i] -= low[k][i - k + band] * y[k]
        y[i] /= low[i][band]
    return y


def fit(axes, points):
    """points: [(place, value)]; values at the nodes, row-major, and the residuals."""
    sizes = [len(a) for a in axes]
    strides = [math.prod(sizes[i + 1:]) for i in range(len(sizes))]
    count = math.prod(sizes)
    band = 2 * strides[0]    # second differences reach two nodes of the first axis
    placed = [(corners(axes, p), v) for p, v in points]
    value, residual = None, [0.0] * len(placed)
    for _ in range(ROUNDS):
        matrix, right = [{} for _ in range(count)], [0.0] * count
        for (at, v), r in zip(placed, residual):
            weight = 1.0 if abs(r) <= HUBER else HUBER / abs(r)
            for i, a in at:
                right[i] += weight * a * v
                for j, b in at:
                    if j <= i:
                        matrix[i][j] = matrix[i].get(j, 0.0) + weight * a * b
        for node in range(count):
            for axis, (size, stride) in enumerate(zip(sizes, strides)):
                at, x = node // stride % size, axes[axis]
                priors = []
                if at + 1 < size:
                    stiff = FLAT if at + 2 == size else LEVEL if axis + 1 == len(sizes) else 0.0
                    priors.append((stiff, [(node, 1.0), (node + stride, -1.0)]))
                if at + 2 < size:
                    h0, h1 = x[at + 1] - x[at], x[at + 2] - x[at + 1]
                    priors.append((STIFF, [(node, h1 / (h0 + h1)), (node + stride, -1.0),
                                           (node + 2 * stride, h0 / (h0 + h1))]))
                for stiff, parts in priors:
                    for i, a in parts:
                        for j, b in parts:
                            if j <= i:
                                matrix[i][j] = matrix[i].get(j, 0.0) + stiff * a * b
        value = solve(matrix, right, band)
        residual = [v - sum(s * value[n] for n, s in at) for at, v in placed]
    return value, residual


def report(what, residual):
    size = sorted(abs(r) for r in residual)
    print(f"{what}: {len(size)} rows, median {100 * size[len(size) // 2]:.1f} %, p90 {100 * size[9 * len(size) // 10]:.1f} %")


def axes_of(path, columns):
    """Nodes of a shipped table: the columns named, then the numbers of the others."""
    with open(path) as file:
        rows = list(csv.DictReader(l for l in file if l[0] != "#"))
    last = [c for c in rows[0] if c not in columns and c not in ("dtype", "kv_dtype")]
    return [sorted({float(r[c]) for r in rows}) for c in columns] + [[float(c[1:]) for c in last]], rows, last


def three(value):
    return f"{value:.3g}"


def decode(chip, engine):
    """{type: [(log2 bytes, log2 context, us by group)]}"""
    axes = [[18] + list(range(20, 32)), list(range(7, 18)), [0, 1, 2, 3, 4]]
    table = {}
    for kind, size in (("bf16", 2.0), ("fp8", 1.0)):
        points = []
        for r in rows_of(chip, "attn_decode"):
            if not r["engine"].startswith(engine) or r["kv_dtype"] != kind or r["flag"] == "r":
                continue
            if r["head_dim"] != "128" or r["window"] != "0" or float(r["context"]) < 100.0:
                continue
            b, s, h, kv = (float(r[k]) for k in ("batch", "context", "heads", "kv_heads"))
            if h / kv > 16.0:
                continue
            cache = max(2.0 * b * s * kv * 128.0 * size, 2.0 ** axes[0][0])    # below: as long as there
            points.append(((math.log2(cache), math.log2(s), math.log2(h / kv)), math.log(cache / float(r["t_us"]))))
        value, residual = fit(axes, points)
        report(f"{chip} decode {engine} {kind}", residual)
        at = iter(value)
        table[kind] = [(x, c, [2.0 ** x / math.exp(next(at)) for _ in axes[2]]) for x in axes[0] for c in axes[1]]
    return table


def write_decode(chip, bandwidth):
    head = "kv_dtype,log2_kv_bytes,log2_context,"
    with open(os.path.join(calibration, chip, "decode_trtllm.csv"), "w") as file:
        file.write(HEAD.format("us of TensorRT-LLM's decode attention, RoPE and cache append inside; head_dim 128, over KV type, log2 of KV bytes, log2 of context and group (columns)"))
        file.write(head + "g1,g2,g4,g8,g16\n")
        for kind, rows in decode(chip, "trtllm").items():
            for x, context, us in rows:
                file.write(f"{kind},{x},{context}," + ",".join(map(three, us)) + "\n")
    # vLLM's beyond 2^30 bytes, where there are rows of few heads alone: no rate above that of the largest
    path = os.path.join(calibration, chip, "decode.csv")
    _, shipped, last = axes_of(path, ["log2_kv_bytes", "log2_context"])
    own = decode(chip, "vllm")
    with open(path, "w") as file:
        file.write(HEAD.format("us of vLLM's decode attention, head_dim 128, over KV type, log2 of KV bytes, log2 of context and group (columns); ln t over log2 axes"))
        file.write(head + ",".join(last) + "\n")
        for kind, rows in own.items():
            most = {c: [2.0 * us[i] for i in (0, 2, 3, 4)] for x, c, us in rows if x == 31}    # of 2^32 bytes
            lines = [list(r.values()) for r in shipped if r["kv_dtype"] == kind and float(r["log2_kv_bytes"]) <= 30]
            for r in lines:    # nor above the memory's, queries and outputs read and written besides
                if r[1] == "30":
                    ends = 2.0 / (2.0 ** float(r[2]) * {"bf16": 2.0, "fp8": 1.0}[kind])
                    least = [2.0 ** 30 * (1.0 + ends * float(g[1:])) / (0.97e-6 * bandwidth) for g in last]
                    r[3:] = [three(max(float(t), at)) for t, at in zip(r[3:], least)]
            contexts = sorted({int(r[2]) for r in lines})
            lines += [[kind, "32", str(c)] + list(map(three, most[c])) for c in contexts]
            file.write("".join(",".join(r) + "\n" for r in lines))


def prefill(chip, peaks):
    path = os.path.join(calibration, chip, "prefill.csv")
    nodes, shipped, last = axes_of(path, ["seq", "batch_heads"])
    axes = [[math.log2(x) for x in a] for a in nodes]

    def lines_of(kind, engine, query):
        points = []
        for r in rows_of(chip, "attn_prefill"):
            if not r["engine"].startswith(engine) or r["q_dtype"] != query or r["kv_dtype"] != kind or r["flag"] == "r":
                continue
            if r["head_dim"] != "128" or r["window"] != "0" or float(r["seq"]) < 64.0:
                continue
            b, s, h, kv = (float(r[k]) for k in ("batch", "seq", "heads", "kv_heads"))
            flop = 2.0 * b * h * 128.0 * s * s
            points.append(((math.log2(s), math.log2(b * h), math.log2(h / kv)),
                           math.log(1e3 * flop / peaks[kind] / (1e-6 * float(r["t_us"])))))
        value, residual = fit(axes, points)
        report(f"{chip} prefill {engine} {kind}", residual)
        at = iter(value)
        return [f"{kind},{s:g},{b:g}," + ",".join(three(math.exp(next(at))) for _ in last)
                for s in nodes[0] for b in nodes[1]]

    bf16 = [",".join(r.values()) for r in shipped if r["dtype"] == "bf16"]
    own = os.path.join(calibration, chip, "prefill_trtllm.csv")
    _, fitted, _ = axes_of(own if os.path.exists(own) else path, ["seq", "batch_heads"])
    fp8_own = [",".join(r.values()) for r in fitted if r["dtype"] == "fp8"]
    head = "dtype,seq,batch_heads," + ",".join(last) + "\n"
    with open(os.path.join(calibration, chip, "prefill_trtllm.csv"), "w") as out:
        out.write(HEAD.format("utilisation in per mille of TensorRT-LLM's causal attention, head_dim 128, RoPE and cache append inside; fp8: queries too"))
        out.write(head + "\n".join(lines_of("bf16", "trtllm", "bf16") + fp8_own) + "\n")
    fp8 = lines_of("fp8", "vllm", "bf16")
    with open(path, "w") as out:
        out.write(HEAD.format("utilisation in per mille of vLLM's causal attention, head_dim 128, over type of the cache, seq, batch x heads and group (columns)"))
        out.write(head + "\n".join(bf16 + fp8) + "\n")


def products(chip, peaks, bandwidth):
    """vLLM's per-tensor fp8 and SGLang's blocks, on the nodes of gemm.csv, at sizes that kernels take whole."""
    path = os.path.join(calibration, chip, "gemm.csv")
    nodes, shipped, last = axes_of(path, ["m", "n"])
    axes = [[math.log2(x) for x in a] for a in nodes]
    points = {"fp8": [], "fp8_block": []}
    for r in rows_of(chip, "gemm"):
        if not (r["engine"].startswith("vllm") and r["dtype"] == "fp8" or
                r["engine"].startswith("sglang") and r["dtype"] == "fp8_block") or r["flag"]:
            continue
        m, n, k = (float(r[x]) for x in ("m", "n", "k"))
        if n < 512.0 or k < 512.0 or m > 16.0 and m % 16.0:
            continue
        bound = max(2.0 * m * n * k / peaks["fp8"], (n * k + m * k + 2.0 * m * n) / bandwidth)
        points[r["dtype"]].append(((math.log2(m), math.log2(n), math.log2(k)), math.log(1e3 * bound / (1e-6 * float(r["t_us"])))))
    lines = []
    for kind, rows in points.items():
        if not rows:
            continue
        value, residual = fit(axes, rows)
        report(f"{chip} product {kind}", residual)
        at = iter(value)
        lines += [f"{kind},{m:g},{n:g}," + ",".join(three(math.exp(next(at))) for _ in last)
                  for m in nodes[0] for n in nodes[1]]
    with open(os.path.join(calibration, chip, "gemm_vllm.csv"), "w") as out:
        out.write(HEAD.format("utilisation in per mille, as gemm.csv, of vLLM's per-tensor fp8 and SGLang's blocks"))
        out.write("dtype,m,n," + ",".join(last) + "\n" + "\n".join(lines) + "\n")


def quantise(chip):
    """At n towards 0 a product takes its launch and the reading of its activations, and fp8's the quantisation besides.
    Products in nvfp4 take long over few columns for the depth of k too: what more tokens add to that of 16 is the
    quantisation, with a share of 0.28 of what they add in bf16, which reads as many times the bytes."""
    t = {}
    for r in rows_of(chip, "gemm"):
        if r["engine"].startswith("trtllm") and r["dtype"] in ("bf16", "fp8", "nvfp4") and r["n"] in ("256", "512"):
            t[r["dtype"], r["n"], int(r["m"]), int(r["k"])] = float(r["t_us"])

    def bare(kind, m, k):
        two = t.get((kind, "256", m, k)), t.get((kind, "512", m, k))
        return min(two[0], 2.0 * two[0] - two[1]) if all(two) else None

    def few(kind, k):
        return min(t[kind, "256", m, k] for m in (1, 2, 4, 8, 16) if (kind, "256", m, k) in t)

    def small(kind):
        found = sorted(t[kind, "256", m, k] for m in (1, 2, 4, 8, 16) for k in (256, 512) if (kind, "256", m, k) in t)
        return found[len(found) // 2]

    def medians(found):
        """Of each power of two of elements, never falling."""
        last = 0.0
        for elements, values in sorted(found.items()):
            values.sort()
            if elements >= 8:
                last = max(last, values[len(values) // 2])
                yield elements, last

    fp8, nvfp4 = {}, {}
    launch = sorted(bare("bf16", m, k) for _, _, m, k in t if m <= 16 and k <= 2048 and bare("bf16", m, k))
    launch = launch[len(launch) // 2]
    for kind, n, m, k in t:
        if n != "256" or m & (m - 1) or k & (k - 1):
            continue
        own, bf16 = bare(kind, m, k), bare("bf16", m, k)
        if kind == "fp8" and own and bf16:    # of what bf16 takes beyond a launch half: it reads twice the bytes
            fp8.setdefault(int(math.log2(m * k)), []).append(own - launch - 0.5 * max(bf16 - launch, 0.0))
        if kind == "nvfp4" and ("bf16", "256", m, k) in t:
            read = 0.28 * max(t["bf16", "256", m, k] - few("bf16", k), 0.0)
            more = t["nvfp4", "256", m, k] - few("nvfp4", k) - read
            nvfp4.setdefault(int(math.log2(m * k)), []).append(small("nvfp4") - small("bf16") + more)
    columns = [dict(medians(fp8)), dict(medians(nvfp4))]
    names = ["us", "nvfp4_us"][:2 if nvfp4 else 1]
    with open(os.path.join(calibration, chip, "quantise.csv"), "w") as out:
        out.write(HEAD.format("us that quantisation takes in the rows behind gemm.csv: to fp8, its scale found on the way"
                              + (", and to nvfp4" if nvfp4 else "")))
        out.write(",".join(["log2_elements"] + names) + "\n")
        for elements in columns[0]:
            out.write(",".join([f"{elements}"] + [three(c[elements]) for c in columns[:len(names)]]) + "\n")


for chip in sorted(os.listdir(calibration)):
    if not os.path.exists(os.path.join(tables, chip + "_attn_decode.csv.gz")):
        continue
    with open(os.path.join(calibration, chip, "bounds.csv")) as file:
        bound = {r["name"]: float(r["value"]) for r in csv.DictReader(l for l in file if l[0] != "#")}
    write_decode(chip, bound["bandwidth_bytes_s"])
    prefill(chip, {"bf16": bound["bf16_flops"], "fp8": bound["fp8_flops"]})
    products(chip, {"fp8": bound["fp8_flops"]}, bound["bandwidth_bytes_s"])
    quantise(chip)
