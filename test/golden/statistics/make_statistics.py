"""Writes statistics.json: answers of numpy, scipy and scikit-learn that ours are tested against.

    pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 && python make_statistics.py
"""
import json
import warnings
from pathlib import Path

import numpy as np
from scipy import special, stats
from sklearn import metrics
from sklearn.decomposition import NMF, PCA, FastICA

HERE = Path(__file__).resolve().parent
rng = np.random.default_rng(20221122)
golden = {}


def floats(array):
    return [float(v) for v in np.asarray(array, dtype=np.float64).ravel()]


def rounded(array, digits=10):
    return [float(f"{v:.{digits}g}") for v in np.asarray(array, dtype=np.float64).ravel()]


def single(array):
    """Short decimals as float32 holds them, so that both sides start from the same numbers."""
    return np.round(array, 3).astype(np.float32).astype(np.float64)


def singles(array):
    return [float(str(np.float32(v))) for v in array.ravel()]


z = np.concatenate([np.linspace(-9, 9, 73), [-37.5, -20.0, -1e-9, 0.0, 1e-300, 2.999999, 3.000001, 12.0]])
golden["normal_cdf"] = {"z": floats(z), "cdf": floats(special.ndtr(z))}

values = rng.normal(size=17)
shares = [0.0, 0.005, 0.1, 1 / 3, 0.5, 0.975, 1.0]
golden["quantiles"] = {"values": floats(values), "shares": shares, "quantiles": floats(np.quantile(values, shares))}


def wilcoxon(name, differences, method):
    kwargs = {"method": "exact"} if method == "exact" else {"method": "asymptotic", "correction": True}
    result = stats.wilcoxon(differences, zero_method="wilcox", **kwargs)
    return {
        "name": name,
        "differences": floats(differences),
        "method": "exact" if method == "exact" else "normal",
        "statistic": float(result.statistic),
        "p": float(result.pvalue),
    }


golden["wilcoxon"] = [
    wilcoxon("six", rng.normal(0.4, 1, 6), "exact"),
    wilcoxon("fifteen", rng.normal(0.4, 1, 15), "exact"),
    wilcoxon("twenty-five", rng.normal(-0.6, 1, 25), "exact"),
    wilcoxon("twenty-six", rng.normal(0.3, 1, 26), "normal"),
    wilcoxon("ties and zeros", rng.integers(-2, 5, 18), "normal"),
    wilcoxon("two hundred with ties", rng.integers(-5, 6, 200) / 4, "normal"),
]

x = rng.normal(size=40)
golden["spearman"] = []
for name, a, b in [
    ("continuous", x, 0.5 * x + rng.normal(size=40)),
    ("ties on both sides", rng.integers(0, 5, 50), rng.integers(0, 3, 50)),
    ("reversed", x, -(x**3)),
]:
    golden["spearman"].append({"name": name, "x": floats(a), "y": floats(b), "rho": float(stats.spearmanr(a, b).statistic)})


def agreement(name, a, b):
    return {
        "name": name,
        "a": [int(v) for v in a],
        "b": [int(v) for v in b],
        "nmi": float(metrics.normalized_mutual_info_score(a, b)),
        "ami": float(metrics.adjusted_mutual_info_score(a, b)),
        "ari": float(metrics.adjusted_rand_score(a, b)),
    }


classes = rng.integers(0, 6, 300)
found = np.where(rng.random(300) < 0.7, (classes * 7) % 5, rng.integers(-1, 9, 300))
golden["agreement"] = [
    agreement("clusters that follow classes in part", classes, found),
    agreement("independent labelings", rng.integers(0, 10, 250), rng.integers(0, 25, 250)),
    agreement("unequal sizes", np.repeat(np.arange(5), [150, 30, 10, 5, 1]), rng.integers(0, 3, 196)),
    agreement("the same partition under other names", classes, 100 - classes),
    agreement("one class against several", np.zeros(20), rng.integers(0, 3, 20)),
    agreement("one class against one class", np.zeros(7), np.ones(7)),
    agreement("every point alone in both", np.arange(9), np.arange(9)[::-1]),
    agreement("every point alone in one", np.arange(12), np.repeat([0, 1, 2], 4)),
    agreement("worse than chance", [0, 0, 1, 1], [0, 1, 0, 1]),
]
weights = rng.integers(0, 4, 300)
golden["agreement_weighted"] = {
    **agreement("repeats", np.repeat(classes, weights), np.repeat(found, weights)),
    "a": [int(v) for v in classes],
    "b": [int(v) for v in found],
    "weights": [int(v) for v in weights],
}

m = rng.normal(size=(9, 9))
m = m + m.T
w, v = np.linalg.eigh(m)
golden["eigen"] = {"size": 9, "matrix": floats(m), "values": floats(w[::-1]), "vectors": floats(v.T[::-1])}


def pca(name, data, k):
    data = single(data)
    fit = PCA(n_components=k, svd_solver="full").fit(data)
    rows = fit.components_.copy()
    for row in rows:
        if row[np.argmax(np.abs(row))] < 0:
            row *= -1
    return {
        "name": name,
        "rows": data.shape[0],
        "cols": data.shape[1],
        "data": singles(data),
        "components": rounded(rows, 12),
        "variances": floats(fit.explained_variance_),
        "total": float(data.var(axis=0, ddof=1).sum()),
        "scores": rounded((data - data.mean(axis=0)) @ rows.T),
    }


golden["pca"] = [
    pca("tall", rng.normal(size=(60, 3)) @ rng.normal(size=(3, 14)) * 3 + 0.3 * rng.normal(size=(60, 14)) + 5, 6),
    pca("wide", rng.normal(size=(15, 40)) * np.linspace(3, 0.2, 40), 5),
]

true_w, true_h = rng.gamma(1.0, size=(30, 3)), rng.gamma(0.7, size=(3, 12))
data = single(true_w @ true_h + 0.05 * rng.random((30, 12)))
w0, h0 = rng.random((30, 3)) + 0.1, rng.random((3, 12)) + 0.1
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    model = NMF(n_components=3, init="custom", solver="mu", beta_loss="frobenius", max_iter=80, tol=0)
    w = model.fit_transform(data, W=w0.copy(), H=h0.copy())
golden["nmf"] = {
    "rows": 30, "cols": 12, "rank": 3, "iterations": 80,
    "data": singles(data), "w0": floats(w0), "h0": floats(h0),
    "product": rounded(w @ model.components_),
    "loss": float(np.sum((data - w @ model.components_) ** 2)),
}

# Expectation maximisation of the aspect Bernoulli model, written with responsibilities of every (row, bit,
# component), which the product form never builds.
p = rng.random((3, 16))
bits = (rng.random((40, 16)) < rng.dirichlet([0.4] * 3, 40) @ p).astype(np.float64)
w0 = rng.random((40, 3)) + 0.5
w0 /= w0.sum(axis=1, keepdims=True)
h0 = 0.25 + 0.5 * rng.random((3, 16))
w, h = w0.copy(), h0.copy()


def nats(w, h):
    likelihood = np.where(bits == 1, w @ h, 1 - w @ h)
    return float(-np.log(likelihood).sum())


losses = [nats(w, h)]
for _ in range(30):
    joint = w[:, None, :] * np.where(bits[:, :, None] == 1, h.T[None], 1 - h.T[None])
    responsibility = joint / joint.sum(axis=2, keepdims=True)
    w = responsibility.sum(axis=1) / bits.shape[1]
    h = ((responsibility * bits[:, :, None]).sum(axis=0) / responsibility.sum(axis=0)).T
    losses.append(nats(w, h))
golden["bernoulli_nmf"] = {
    "rows": 40, "cols": 16, "rank": 3, "iterations": 30,
    "data": [int(v) for v in bits.ravel()], "w0": floats(w0), "h0": floats(h0), "losses": losses, "product": rounded(w @ h),
}

n = 300
sources = np.column_stack([rng.exponential(size=n), rng.uniform(-1, 1, n), rng.laplace(size=n)])
sources = (sources - sources.mean(0)) / sources.std(0)
data = single(sources @ rng.normal(size=(3, 5)) + 1)
ica = FastICA(n_components=3, algorithm="parallel", fun="logcosh", whiten="unit-variance", tol=1e-12, max_iter=5000, random_state=0)
golden["ica"] = {"rows": n, "cols": 5, "data": singles(data), "sources": rounded(ica.fit_transform(data), 8)}

text = json.dumps(golden, separators=(",", ":"))
(HERE / "statistics.json").write_text(text + "\n")
print(len(text), "bytes")
