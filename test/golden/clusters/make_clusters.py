"""Writes clusters.json: HDBSCAN of scikit-learn and of the `hdbscan` package, which ours is tested against.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 hdbscan==0.8.44 && python make_clusters.py

`min_samples` counts the point itself in scikit-learn but not in the package: sklearn(k + 1) == hdbscan(k).

Both packages join edges of equal length two by two, in the order in which sorting left them, so where distances repeat
(Hamming) they differ from each other, down to ARI 0.1 with `leaf`. There `exact` is the oracle: the definition applied to
the graphs of all pairs below every distance, in which equal edges come and go together. The packages' answers are kept
where they agree with each other wholly, which means that ties did not matter.
"""
import base64
import json
from pathlib import Path

import hdbscan
import numpy as np
from hdbscan._hdbscan_tree import compute_stability
from scipy.cluster.hierarchy import linkage
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

HERE = Path(__file__).resolve().parent
rng = np.random.default_rng(20130413)


def single(array):
    """Short decimals as float32 holds them, so that both sides start from the same numbers."""
    return np.round(array, 3).astype(np.float32).astype(np.float64)


def blobs():
    """Nested and of unequal density: two clusters close together, one wide, one small, and a background."""
    parts = [(80, (0, 0, 0), 0.4), (60, (2.2, 0, 0), 0.4), (90, (9, 9, 0), 1.2), (25, (-8, 6, 3), 0.15)]
    points = [rng.normal(size=(n, 3)) * s + np.array(c) for n, c, s in parts]
    return single(np.concatenate([*points, rng.uniform(-14, 16, size=(45, 3))]))


def rays():
    """Directions with lengths that mean nothing."""
    axes = rng.normal(size=(4, 6))
    rows = np.concatenate([a + 0.12 * np.linalg.norm(a) * rng.normal(size=(40, 6)) for a in axes])
    rows = np.concatenate([rows, rng.normal(size=(30, 6))])
    return single(rows * rng.uniform(0.2, 5, size=(len(rows), 1)))


def prototypes():
    """Oracle 14 of the specification: three prototypes, 8 % of the bits flipped, and codes without structure."""
    base = rng.integers(0, 2, size=(3, 256))
    noisy = [b ^ (rng.random((100, 256)) < 0.08) for b in base]
    return np.concatenate([*noisy, rng.integers(0, 2, size=(60, 256))]).astype(np.uint8)


def nested():
    """Short codes with variants of variants: distances repeat a lot, and some codes are equal."""
    rows = []
    for size in (50, 70, 40):
        top = rng.integers(0, 2, 72)
        for _ in range(2):
            sub = top ^ (rng.random(72) < 0.12)
            rows += [sub ^ (rng.random(72) < 0.03) for _ in range(size)]
    return np.concatenate([rows, rng.integers(0, 2, size=(50, 72))]).astype(np.uint8)


def exact(distances, mcs, samples, selection):
    """HDBSCAN from its definition: clusters are components of the graph of pairs closer than d, for every distance d."""
    core = np.sort(distances, axis=1)[:, samples - 1]
    reach = np.maximum(distances, np.maximum(core[:, None], core[None, :]))
    np.fill_diagonal(reach, 0)
    # Components change at these distances only.
    levels = np.unique(linkage(squareform(reach), "single")[:, 2])[::-1]
    np.fill_diagonal(reach, np.inf)
    least = levels[levels > 0].min() / 2
    n = len(distances)
    birth, death, parent, mass = [0.0], [0.0], [-1], [0.0]
    last, leaves = np.zeros(n, int), np.zeros(n)
    alive = [(0, np.arange(n))]
    for d in levels:
        lam = 1 / (d if d > 0 else least)
        still = []
        for cluster, members in alive:
            own = reach[np.ix_(members, members)]
            if not (own == d).any():
                still.append((cluster, members))
                continue
            _, piece = connected_components(own < d, directed=False)
            pieces = [members[piece == k] for k in range(piece.max() + 1)]
            large = [p for p in pieces if len(p) >= mcs]
            gone = [p for p in pieces if len(p) < mcs] + (large if len(large) > 1 else [])
            for p in gone:
                mass[cluster] += (lam - birth[cluster]) * len(p)
                death[cluster] = lam
                last[p], leaves[p] = cluster, lam
            for p in large:
                if len(large) == 1:
                    still.append((cluster, p))
                    continue
                birth.append(lam), death.append(lam), parent.append(cluster), mass.append(0.0)
                still.append((len(parent) - 1, p))
        alive = still
    chosen = leafy(parent) if selection == "leaf" else massive(parent, mass)
    labels, probabilities = np.full(n, -1), np.zeros(n)
    for point in range(n):
        c = last[point]
        while c > 0 and c not in chosen:
            c = parent[c]
        if c > 0:
            labels[point] = c
            probabilities[point] = min(leaves[point], death[c]) / death[c]
    names = list(dict.fromkeys(labels[labels >= 0]))
    return {
        "labels": [names.index(v) if v >= 0 else -1 for v in labels],
        "probabilities": [round(float(v), 5) for v in probabilities],
        "stabilities": [float(f"{mass[c]:.9g}") for c in names],
    }


def leafy(parent):
    return {c for c in range(1, len(parent)) if c not in parent}


def massive(parent, mass):
    def best(cluster):
        below = [best(c) for c in range(1, len(parent)) if parent[c] == cluster]
        total = sum(m for m, _ in below)
        if cluster > 0 and mass[cluster] >= total:
            return mass[cluster], {cluster}
        return total, set().union(*(chosen for _, chosen in below))

    return best(0)[1]


def persistence(fit):
    """Stability of every selected cluster of the package, by the lowest point that it holds."""
    tree = fit.condensed_tree_
    mass = compute_stability(tree._raw_tree)
    nodes = sorted(tree._select_clusters())
    first = [int(np.flatnonzero(fit.labels_ == label)[0]) for label in range(len(nodes))]
    return [float(f"{mass[node]:.9g}") for _, node in sorted(zip(first, nodes))]


def run(points, distances, mcs, samples, selection):
    options = dict(min_cluster_size=mcs, metric="precomputed", cluster_selection_method=selection)
    one = HDBSCAN(min_samples=samples, copy=True, **options).fit(distances)
    two = hdbscan.HDBSCAN(min_samples=samples - 1, **options).fit(distances)
    found = exact(distances, mcs, samples, selection)
    agree = adjusted_rand_score(one.labels_, two.labels_)
    print(len(points), mcs, samples, selection, "clusters", one.labels_.max() + 1, "noise", int((one.labels_ < 0).sum()),
          f"packages {agree:.4f}, exact {adjusted_rand_score(one.labels_, found['labels']):.4f}")
    return {
        "min_cluster_size": mcs, "min_samples": samples, "selection": selection, "exact": found,
        "packages": None if agree < 1 else {
            "labels": [int(v) for v in one.labels_],
            "probabilities": [round(float(v), 5) for v in one.probabilities_],
            "stabilities": persistence(two),
        },
    }


def runs(points, distances, grid):
    return [run(points, distances, mcs, samples, selection) for mcs, samples in grid for selection in ("eom", "leaf")]


def vectors(name, metric, data, grid):
    points = data / np.linalg.norm(data, axis=1, keepdims=True) if metric == "cosine" else data
    values = [float(str(np.float32(v))) for v in data.ravel()]
    return {"name": name, "metric": metric, "rows": len(data), "columns": data.shape[1], "values": values,
            "runs": runs(points, squareform(pdist(points)), grid)}


def codes(name, bits, grid):
    distances = (bits[:, None, :] != bits[None, :, :]).sum(axis=2).astype(np.float64)
    packed = np.packbits(bits, axis=1, bitorder="little")
    return {"name": name, "metric": "hamming", "rows": len(bits), "columns": bits.shape[1],
            "codes": base64.b64encode(packed.tobytes()).decode(), "runs": runs(bits, distances, grid)}


golden = [
    vectors("blobs", "euclid", blobs(), [(10, 10), (5, 2), (20, 6)]),
    vectors("rays", "cosine", rays(), [(10, 5)]),
    codes("prototypes", prototypes(), [(10, 10), (5, 2)]),
    codes("nested", nested(), [(10, 10), (20, 6)]),
]
text = json.dumps(golden, separators=(",", ":"))
(HERE / "clusters.json").write_text(text + "\n")
print(len(text), "bytes")
