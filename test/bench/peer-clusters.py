"""HDBSCAN of packed codes by the Python packages.

One measurement per call: peer-clusters.py CODES.bin ROWS BYTES MIN_CLUSTER_SIZE THREADS WHICH LABELS.bin
WHICH is `hdbscan` (exact, brute force over a full matrix of distances) or `fast_hdbscan` (Euclid on the bits, whose square is
the Hamming distance; warmed up before it is timed). MIN_CLUSTER_SIZE is min_samples too, the point itself included. Writes
int32 labels and prints one line of JSON. fast_hdbscan needs
pynndescent too. Exits with 3 where a package is missing.
"""

import json
import os
import sys
import time
from importlib import metadata

path, rows, width, size, threads, which, out = sys.argv[1:]
rows, width, size = int(rows), int(width), int(size)
for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = threads

try:
    import numpy as np

    package = __import__(which)
    if which == "fast_hdbscan":
        import pynndescent  # noqa: F401
except ImportError as error:
    print(f"missing: {error.name}")
    sys.exit(3)

codes = np.fromfile(path, np.uint8).reshape(rows, width)
bits = np.unpackbits(codes, axis=1, bitorder="little")


def cluster(part):
    if which == "fast_hdbscan":
        model = package.HDBSCAN(min_cluster_size=size, min_samples=size - 1)
        # Squares of Euclidean distances of bits are Hamming distances; both orders, and so both trees, are the same.
        return model.fit_predict(part.astype(np.float32))
    model = package.HDBSCAN(min_cluster_size=size, min_samples=size - 1, metric="hamming", core_dist_n_jobs=int(threads))
    return model.fit_predict(part.astype(np.float64))


if which == "fast_hdbscan":
    cluster(bits[: min(rows, 2000)])
start = time.perf_counter()
labels = cluster(bits)
seconds = time.perf_counter() - start
np.asarray(labels, np.int32).tofile(out)
print(json.dumps({"seconds": seconds, "version": metadata.version(which), "clusters": int(labels.max()) + 1}))
