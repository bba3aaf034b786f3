"""The breast cancer data as a CSV file, and its logistic posterior at three points.

Run: python3 make_logistic.py CSV > logistic.json   (scikit-learn 1.9.1, numpy 2.4.6; writes the data to CSV)
Data: W. Wolberg, O. Mangasarian, N. Street, W. Street, "Breast Cancer Wisconsin (Diagnostic)", UCI Machine Learning
Repository, 1993, doi 10.24432/C5DW2B, CC BY 4.0, as shipped with scikit-learn (BSD-3-Clause).
"""

import json
import sys

import numpy as np
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
names = [name.replace(" ", "_") for name in data.feature_names]
with open(sys.argv[1], "w", encoding="utf-8") as file:
    file.write(",".join([*names, "benign"]) + "\n")
    for row, label in zip(data.data, data.target):
        file.write(",".join([*(repr(float(value)) for value in row), str(int(label))]) + "\n")

features = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0)
design = np.hstack([np.ones((len(features), 1)), features])
points = np.random.default_rng(7).normal(size=(3, design.shape[1])) * np.array([[0.1], [1.0], [10.0]])
values, gradients = [], []
for theta in points:
    logits = design @ theta
    values.append(float(np.sum(data.target * logits - np.logaddexp(0, logits)) - theta @ theta / 2))
    gradients.append((design.T @ (data.target - 1 / (1 + np.exp(-logits))) - theta).tolist())
print(json.dumps({"points": points.tolist(), "logDensity": values, "gradient": gradients}))
