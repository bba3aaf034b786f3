"""Writes diagnostics.json: chains and what ArviZ says of them.

Needs arviz 0.23.4, numpy and scipy. Draws are rounded to few digits so that the file stays small and both sides read
the same doubles; the tolerance of the test is 1e-8 relative.
"""

import json
import warnings
from pathlib import Path

import arviz as az
import numpy as np
from scipy import signal, stats

warnings.simplefilter("ignore")
rng = np.random.default_rng(20200254)


def ar1(chains, draws, rho):
    noise = rng.standard_normal((chains, draws + 200)) * np.sqrt(1 - rho**2)
    return signal.lfilter([1], [1, -rho], noise, axis=1)[:, 200:]


CASES = {
    "iid": rng.standard_normal((4, 250)),
    "ar1 rho 0.9": ar1(4, 300, 0.9),
    "antithetic ar1 rho -0.6": ar1(2, 201, -0.6),
    "random walk": np.cumsum(rng.standard_normal((3, 120)), axis=1),
    "one chain shifted": rng.standard_normal((4, 100)) + np.array([[0], [0], [0], [1.5]]),
    "one chain wider": rng.standard_normal((4, 100)) * np.array([[1], [1], [1], [4]]),
    "cauchy": rng.standard_cauchy((4, 150)),
    "bernoulli 0.1": (rng.random((4, 200)) < 0.1).astype(float),
    "fair coin, exactly half": np.tile([0.0, 1.0, 1.0, 0.0], (4, 25)),
    "ties": rng.integers(0, 4, (3, 77)).astype(float),
    "large offset": 1e6 + rng.standard_normal((2, 80)),
    "tiny scale": 1e-6 * ar1(2, 90, 0.5),
    "stuck chain": np.vstack([rng.standard_normal((2, 60)), np.full((1, 60), 0.25)]),
    "one chain": ar1(1, 400, 0.5),
    "one chain of 101": rng.standard_normal((1, 101)),
    "many chains": ar1(32, 20, 0.4),
    "four draws": rng.standard_normal((4, 4)),
    "five draws": rng.standard_normal((3, 5)),
    "seven draws": rng.standard_normal((2, 7)),
    "three draws": rng.standard_normal((4, 3)),
    "with NaN": np.where(np.arange(80).reshape(4, 20) == 17, np.nan, rng.standard_normal((4, 20))),
}


def number(value):
    value = float(value)
    return value if np.isfinite(value) else str(value)


def entry(values):
    values = np.array([[float(f"{x:.7g}") for x in row] for row in values])
    if np.abs(values).max() > 1e5:
        values = np.round(values, 4)
    found = {
        "rHat": az.rhat(values, method="rank"),
        "bulk": az.ess(values, method="bulk"),
        "tail": az.ess(values, method="tail"),
        "raw": az.ess(values, method="mean"),
        "quantile25": az.ess(values, method="quantile", prob=0.25),
        "meanError": az.mcse(values, method="mean"),
        "deviationError": az.mcse(values, method="sd"),
        "quantileError10": az.mcse(values, method="quantile", prob=0.1),
        "quantileError50": az.mcse(values, method="quantile", prob=0.5),
    }
    return {
        "chains": values.shape[0],
        "draws": values.shape[1],
        "values": [number(x) for x in values.ravel()],
        "expected": {name: number(value) for name, value in found.items()},
    }


def distributions():
    p = np.concatenate([10.0 ** -np.arange(1, 301, 13), np.linspace(0.001, 0.999, 41)])
    z = np.concatenate([-(10.0 ** np.linspace(-3, 2.5, 23)), np.linspace(-9, 9, 37)])
    a, b = [0.5, 1, 3.7, 40, 1200.5, 90000], [0.5, 2, 11.3, 1000, 33.25, 12]
    degrees = [1, 2, 5, 50, 300]
    return {
        "normalQuantile": [[x, y] for x, y in zip(p, stats.norm.ppf(p))],
        "logNormalCdf": [[x, y] for x, y in zip(z, stats.norm.logcdf(z))],
        "betaCdf": [
            [x, i, j, stats.beta.cdf(x, i, j)]
            for i, j in zip(a, b)
            for x in [0.01, 0.5, i / (i + j), 0.97]
        ],
        "betaQuantile": [
            [q, i, j, stats.beta.ppf(q, i, j)] for i, j in zip(a, b) for q in [0.025, 0.1586553, 0.5, 0.9]
        ],
        "chiSquareTail": [[x, d, stats.chi2.sf(x, d)] for d in degrees for x in [0.1, d / 2, d, 2 * d + 3, 5 * d + 40]],
        "chiSquareQuantile": [[q, d, stats.chi2.ppf(q, d)] for d in degrees for q in [0.01, 0.5, 0.99, 0.999]],
    }


here = Path(__file__).parent
write = lambda name, what: (here / name).write_text(json.dumps(what, separators=(",", ":")) + "\n")
write("diagnostics.json", {"arviz": az.__version__, "cases": {name: entry(values) for name, values in CASES.items()}})
write("distributions.json", distributions())
