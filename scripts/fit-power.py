#!/usr/bin/env python3
"""Power of a chip from the sustained rows of tokenworks-calibrate's slice C, as a part of facilities states it.

    scripts/fit-power.py POINTS.csv... [--max-mhz 1980]

    P = live + busy x^g + [flop_j FLOP x^(g-1) + byte_j bytes] / t,   x the SM clock over its largest

Least squares of relative errors over idle, spin, products, attention, glue and copies on normal data, for the g of a list
that leaves the least; only where clocks differ does g show. Prints the settings, the condition number of the design and
what each family's power is off when that family is left out. Zeros, ones, duty cycles and fewer processors are shown
beside, not fitted.
"""
import argparse
import csv
import statistics
import sys

NAMES = ["live_w", "busy_w", "bf16 pJ/FLOP", "fp8 pJ/FLOP", "pJ/B"]


def rows_of(paths):
    rows = []
    for path in paths:
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                if row["status"] != "ok" or not row["p_w"] or row["op"] == "step" or row["impl"] in ("from_host", "to_host"):
                    continue
                rows.append(row)
    return rows


def terms(row, g, max_mhz):
    """What each unknown is multiplied by; energies in pJ."""
    t = 1e-6 * float(row["t_med_us"])
    idle = row["op"] == "idle"
    x = min(1.0, float(row["sm_mhz"] or max_mhz) / max_mhz)
    flop_w = 1e-12 * float(row["flop"]) * x ** (g - 1.0) / t
    narrow = row["op"] == "gemm" and row["dtype_a"] != "bf16"
    # a copy that stays in the cache moves no bytes of memory
    bytes_w = 0.0 if row["op"] == "cached_copy" else 1e-12 * float(row["bytes"]) / t
    return [1.0, 0.0 if idle else x**g, 0.0 if narrow else flop_w, flop_w if narrow else 0.0, bytes_w]


def solve(matrix, right):
    """Gauss with pivots; None where the design has not all unknowns."""
    n = len(right)
    a = [line[:] + [value] for line, value in zip(matrix, right)]
    for i in range(n):
        p = max(range(i, n), key=lambda k: abs(a[k][i]))
        if abs(a[p][i]) < 1e-300:
            return None
        a[i], a[p] = a[p], a[i]
        for k in range(n):
            if k != i:
                f = a[k][i] / a[i][i]
                a[k] = [u - f * v for u, v in zip(a[k], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


def normal(design):
    n = len(NAMES)
    matrix = [[sum(d[i] * d[k] for d, _ in design) for k in range(n)] for i in range(n)]
    return matrix, [sum(d[i] * p for d, p in design) for i in range(n)]


def fitted(rows, g, max_mhz):
    design = []
    for row in rows:
        p = float(row["p_w"])
        design.append(([term / p for term in terms(row, g, max_mhz)], 1.0))
    matrix, right = normal(design)
    used = [i for i in range(len(NAMES)) if matrix[i][i] > 0.0]
    part = solve([[matrix[i][k] for k in used] for i in used], [right[i] for i in used])
    if part is None:
        return None, matrix, used
    answer = [0.0] * len(NAMES)
    for i, value in zip(used, part):
        answer[i] = value
    return answer, matrix, used


def errors(rows, answer, g, max_mhz):
    return [sum(u * v for u, v in zip(answer, terms(row, g, max_mhz))) / float(row["p_w"]) - 1.0 for row in rows]


def condition(matrix, used):
    """Largest over smallest singular value of the design with columns of unit length, by powers of its normal matrix."""
    scale = [matrix[i][i] ** -0.5 for i in used]
    m = [[matrix[i][k] * scale[a] * scale[b] for b, k in enumerate(used)] for a, i in enumerate(used)]

    def grown(apply):
        v = [1.0 + 0.1 * i for i in range(len(used))]
        size = 1.0
        for _ in range(200):
            v = apply(v)
            size = max(abs(u) for u in v)
            v = [u / size for u in v]
        return size

    largest = grown(lambda v: [sum(a * b for a, b in zip(line, v)) for line in m])
    return (largest * grown(lambda v: solve(m, v))) ** 0.5


def family(row):
    return row["op"] if row["op"] != "gemm" else f"gemm {row['dtype_a']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="+")
    parser.add_argument("--max-mhz", type=float, default=1980.0)
    options = parser.parse_args()
    every = rows_of(options.points)
    rows = [row for row in every if row["regime"] == "sustained"]
    if len(rows) < 2 * len(NAMES):
        sys.exit(f"{len(rows)} sustained rows with power; expected {2 * len(NAMES)} at least")
    clocks = {row["sm_mhz"] for row in rows}
    best = None
    for g in [1.5, 2.0, 2.5, 3.0, 3.5] if len(clocks) > 3 else [2.5]:
        answer, matrix, used = fitted(rows, g, options.max_mhz)
        if answer is None:
            continue
        worst = statistics.fmean(e * e for e in errors(rows, answer, g, options.max_mhz))
        if best is None or worst < best[0]:
            best = (worst, g, answer, matrix, used)
    if best is None:
        sys.exit("the rows do not hold all terms apart")
    _, g, answer, matrix, used = best
    off = sorted(abs(e) for e in errors(rows, answer, g, options.max_mhz))
    for i in used:
        print(f"{NAMES[i]:14} {answer[i]:.4g}")
    print(f"{'exponent g':14} {g:g}{'' if len(clocks) > 3 else ' (assumed: all rows at one clock)'}")
    print(f"{len(rows)} rows: median error {100 * statistics.median(off):.1f} %, 90 of 100 {100 * off[9 * len(off) // 10]:.1f} %; "
          f"condition number {condition(matrix, used):.1f}")
    print("left out    power off by, median %")
    for name in sorted({family(row) for row in rows}):
        rest = [row for row in rows if family(row) != name]
        own = [row for row in rows if family(row) == name]
        without, _, kept = fitted(rest, g, options.max_mhz)
        if without is None or kept != used:
            print(f"  {name:18} the only one that shows one of the terms")
            continue
        print(f"  {name:18} {100 * statistics.median(errors(own, without, g, options.max_mhz)):+.1f}  ({len(own)} rows)")
    print("beside: power over that of the fit at these clocks")
    for row in every:
        if row["regime"] not in ("sustained", "ramp") and not row["regime"].startswith("duty"):
            ratio = 1.0 / (errors([row], answer, g, options.max_mhz)[0] + 1.0)
            print(f"  {row['op']} {row['dtype_a']} {row['p0']} {row['regime']:20} {float(row['p_w']):6.0f} W  {ratio:.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
