"""Chebyshev coefficients of activities/numeric/jaxpr-special.ts and values of erf, erfc, atan and asin to test them.

Run: python3 make_special.py > special.json   (mpmath 1.3.0; 50 digits, printed as the nearest doubles)
"""

import json

from mpmath import asin, atan, cos, erf, erfc, exp, log, mp, mpf, pi, tan

mp.dps = 50


def chebyshev(function, terms, points=200):
    """Coefficients on [-1, 1] by the discrete cosine transform at Chebyshev points; the first is halved."""
    nodes = [cos(pi * (k + mpf(1) / 2) / points) for k in range(points)]
    values = [function(x) for x in nodes]
    found = []
    for n in range(terms):
        total = sum(v * cos(pi * n * (k + mpf(1) / 2) / points) for k, v in enumerate(values))
        found.append(float(total * (1 if n == 0 else 2) / points))
    return found


def scaled_erfc(x):
    t = (x + 1) / 2
    z = 2 / t - 2
    return log(erfc(z) * exp(z * z) / t)


def scaled_atan(x):
    u = tan(pi / 8) * ((x + 1) / 2) ** mpf("0.5")
    return mpf(1) if u == 0 else atan(u) / u


points = [mpf(k) / 8 for k in range(-48, 49)]
unit = [mpf(k) / 64 for k in range(-64, 65)]
print(
    json.dumps(
        {
            "coefficients": {"erfc": chebyshev(scaled_erfc, 28), "atan": chebyshev(scaled_atan, 12)},
            "points": [float(x) for x in points],
            "unit": [float(x) for x in unit],
            "erf": [float(erf(x)) for x in points],
            "erfc": [float(erfc(x)) for x in points],
            "atan": [float(atan(x)) for x in points],
            "asin": [float(asin(x)) for x in unit],
        }
    )
)
