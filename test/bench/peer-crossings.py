"""Exact crossings on a segment as a plain NumPy user would find them, and the dense sampling that PyTorch code does.

peer-crossings.py numpy|torch WEIGHTS.bin SIZES SEGMENTS.bin THREADS SECONDS
WEIGHTS.bin holds float64 per layer: weights [outputs, inputs], then bias; SIZES is e.g. 784-512-512-512-10. SEGMENTS.bin
holds [segments, 2, inputs] float64. The exact solver multiplies every layer out at all breakpoints in one product, in
float64, never at the outputs. Prints one line of JSON: segments/s and the mean number of crossings. Exits with 3 where a
package is missing.
"""

import json
import os
import sys
import time

how, weights_file, sizes, segments_file, threads, seconds = sys.argv[1:]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

try:
    import numpy as np

    if how == "torch":
        import torch

        torch.set_num_threads(int(threads))
except ImportError as error:
    print(f"missing: {error.name}")
    sys.exit(3)

SAMPLES = 10_000


def load():
    widths = [int(size) for size in sizes.split("-")]
    flat = np.fromfile(weights_file, np.float64)
    layers, at = [], 0
    for inputs, outputs in zip(widths, widths[1:]):
        weights = flat[at : at + inputs * outputs].reshape(outputs, inputs)
        at += inputs * outputs
        layers.append((np.ascontiguousarray(weights.T), flat[at : at + outputs]))
        at += outputs
    return layers[:-1], np.fromfile(segments_file, np.float64).reshape(-1, 2, widths[0])


def exact(layers, ends):
    """Section 3.2 of the specification: all breakpoints of a layer at once, roots by linear interpolation."""
    t, a, crossings = np.array([0.0, 1.0]), ends, 0
    for index, (weights, bias) in enumerate(layers):
        z = a @ weights + bias
        rows, units = np.nonzero((z[:-1] > 0) != (z[1:] > 0))
        crossings += rows.size
        if index + 1 == len(layers):
            return crossings
        left = z[rows, units]
        u = left / (left - z[rows + 1, units])
        roots = t[rows] + (t[rows + 1] - t[rows]) * u
        fresh = z[rows] + (z[rows + 1] - z[rows]) * u[:, None]
        fresh[np.arange(rows.size), units] = 0.0
        t = np.concatenate([t, roots])
        order = np.argsort(t, kind="stable")
        t, a = t[order], np.maximum(np.concatenate([z, fresh])[order], 0.0)


def sampled(layers, ends):
    """Bits at 10,000 points in float32; flips between neighbours are crossings. A lower bound."""
    t = torch.linspace(0, 1, SAMPLES)[:, None]
    a = ends[0] * (1 - t) + ends[1] * t
    crossings = 0
    for weights, bias in layers:
        z = torch.addmm(bias, a, weights)
        on = z > 0
        crossings += int((on[1:] != on[:-1]).sum())
        a = torch.relu(z)
    return crossings


def main():
    layers, segments = load()
    solve = exact
    if how == "torch":
        solve = sampled
        layers = [(torch.from_numpy(w).float(), torch.from_numpy(b.copy()).float()) for w, b in layers]
        segments = torch.from_numpy(segments).float()
    solve(layers, segments[0])
    done = crossings = 0
    started = time.perf_counter()
    while time.perf_counter() - started < float(seconds):
        crossings += solve(layers, segments[done % len(segments)])
        done += 1
    elapsed = time.perf_counter() - started
    print(json.dumps({"perSecond": done / elapsed, "crossings": crossings / done, "segments": done}))


main()
