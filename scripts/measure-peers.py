#!/usr/bin/env python3
"""What PyTorch takes for the same points on the same card: products (linear, scaled_mm) and attention (SDPA).

    scripts/measure-peers.py POINTS.csv OUT.csv [--budget SECONDS]

POINTS.csv is what tokenworks-calibrate --slice B wrote. Launches are timed as there: in a CUDA graph of at least 200 us,
cold weights and caches rotated, five batches and 15 ms, medians. A line a point: our time, PyTorch's, their ratio.
"""
import argparse
import csv
import random
import statistics
import sys
import time

import torch
import torch.nn.functional as F

L2_SETS, MOST_SETS, MOST_NODES = 3.0, 512, 2048
REPLAY_S, TIMED_S, BATCHES, WARMUPS = 200e-6, 15e-3, 5, 3
device = torch.device("cuda")


def sets_of(cold_bytes):
    """How many sets of the cold operands keep them out of the cache, as kernels/host/operand.h has it."""
    properties = torch.cuda.get_device_properties(0)
    wanted = max(2, -(-L2_SETS * properties.L2_cache_size // cold_bytes))
    return int(max(1, min(wanted, MOST_SETS, 0.6 * properties.total_memory // cold_bytes)))


def bf16(*shape, scale=1.0):
    return (torch.randn(*shape, device=device) * scale).to(torch.bfloat16)


def fp8(*shape):
    return torch.randn(*shape, device=device).to(torch.float8_e4m3fn)


def gemm(kind, p):
    m, n, k = p[0], p[1], p[2]
    if kind == "bf16":
        x, weights = bf16(m, k), [bf16(n, k, scale=k**-0.5) for _ in range(sets_of(2 * n * k))]
        return [lambda w=w: F.linear(x, w) for w in weights]
    x, weights = fp8(m, k), [fp8(n, k) for _ in range(sets_of(n * k))]
    x_scale, w_scale = torch.rand(m, 1, device=device), torch.rand(1, n, device=device)
    return [lambda w=w: torch._scaled_mm(x, w.t(), scale_a=x_scale, scale_b=w_scale, out_dtype=torch.bfloat16,
                                         use_fast_accum=True) for w in weights]


def prefill(p):
    batch, q, heads, kv, d, dv = p[0], p[1], p[3], p[4], p[5], p[6]
    query, key, value = bf16(batch, heads, q, d), bf16(batch, kv, q, d), bf16(batch, kv, q, dv)
    return [lambda: F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=heads != kv)]


def decode(p):
    batch, context, heads, kv, d = p[0], p[1], p[2], p[3], p[4]
    query = bf16(batch, heads, 1, d)
    caches = [(bf16(batch, kv, context, d), bf16(batch, kv, context, d))
              for _ in range(sets_of(4 * batch * kv * context * d))]
    return [lambda k=k, v=v: F.scaled_dot_product_attention(query, k, v, enable_gqa=heads != kv) for k, v in caches]


def launches(row):
    """The calls that stand for a point, one a set; None where PyTorch has no such thing."""
    p = [int(row[f"p{i}"]) for i in range(8)]
    if row["regime"] != "burst" or row["status"] != "ok":
        return None
    if row["op"] == "gemm" and row["dtype_a"] == "bf16":
        return lambda: gemm("bf16", p)
    if row["op"] == "gemm" and row["scale_mode"] == "row":
        return lambda: gemm("fp8", p)
    if row["op"] == "prefill" and p[2] == 0:
        return lambda: prefill(p)
    if row["op"] == "decode" and row["impl"] == "cudnn" and p[6] == 0:
        return lambda: decode(p)
    return None


def median_us(calls):
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream), torch.inference_mode():
        for i in range(WARMUPS):
            calls[i % len(calls)]()
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record(stream)
        for call in calls[:20]:
            call()
        stop.record(stream)
        stream.synchronize()
        launch_s = max(1e-3 * start.elapsed_time(stop) / len(calls[:20]), 5e-7)
        rounds = max(1, min(-(-REPLAY_S // (launch_s * len(calls))), MOST_NODES // len(calls)))
        nodes = int(rounds) * len(calls)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            for i in range(nodes):
                calls[i % len(calls)]()
        for _ in range(WARMUPS):
            graph.replay()
        stream.synchronize()
        batches = int(max(BATCHES, min(TIMED_S // (launch_s * nodes) + 1, 200)))
        time.sleep(min(0.2, 4.0 * batches * launch_s * nodes))
        events = [torch.cuda.Event(enable_timing=True) for _ in range(batches + 1)]
        graph.replay()
        events[0].record(stream)
        for i in range(batches):
            graph.replay()
            events[i + 1].record(stream)
        stream.synchronize()
    return 1e3 * statistics.median(events[i].elapsed_time(events[i + 1]) for i in range(batches)) / nodes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points")
    parser.add_argument("out")
    parser.add_argument("--budget", type=float, default=90.0, help="seconds, default 90")
    options = parser.parse_args()
    begun = time.monotonic()
    with open(options.points, newline="") as file:
        rows = [row for row in csv.DictReader(file) if launches(row)]
    random.Random(1).shuffle(rows)
    ratios = {}
    with open(options.out, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["point_id", "op", "dtype", *(f"p{i}" for i in range(8)), "t_us", "torch_us", "ratio", "status"])
        for row in rows:
            if time.monotonic() - begun > options.budget:
                break
            kind = row["dtype_b"] or row["dtype_a"]
            shape = [row[f"p{i}"] for i in range(8)]
            try:
                torch_us, status = median_us(launches(row)()), "ok"
            except (RuntimeError, torch.cuda.OutOfMemoryError) as error:
                torch_us, status = None, str(error).splitlines()[0].replace(",", ";")[:100]
            torch.cuda.empty_cache()
            ours = float(row["t_med_us"])
            ratio = ours / torch_us if torch_us else None
            out.writerow([row["point_id"], row["op"], kind, *shape, row["t_med_us"],
                          f"{torch_us:.6g}" if torch_us else "", f"{ratio:.4f}" if ratio else "", status])
            file.flush()
            if ratio:
                ratios.setdefault((row["op"], kind), []).append(ratio)
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name(0)}: our time over PyTorch's")
    for (op, kind), values in sorted(ratios.items()):
        values.sort()
        print(f"{op:8} {kind:5} {len(values):4} points, median {statistics.median(values):.3f}, "
              f"10 % {values[len(values) // 10]:.3f}, 90 % {values[9 * len(values) // 10]:.3f}")
    return 0 if ratios else 1


if __name__ == "__main__":
    sys.exit(main())
