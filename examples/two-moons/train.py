"""Trains a 2-16-16-2 ReLU net on two moons with NumPy and writes it, and checkpoints on the way, as ONNX.

    pip install numpy onnx
    python train.py

Deterministic: seed 0, 2,000 points, Adam at 0.01, 3,000 full-batch steps. Writes 2,000 fresh points and their moons as points.npy
and labels.npy, for sweeps.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZES = [2, 16, 16, 2]
STEPS = 3000
CHECKPOINTS = [0, 10, 100, 1000]


def moons(n, rng, noise=0.1):
    angle = rng.uniform(0, np.pi, n)
    label = rng.integers(0, 2, n)
    x = np.where(label == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(label == 0, np.sin(angle), 0.5 - np.sin(angle))
    return np.stack([x, y], 1) + noise * rng.normal(size=(n, 2)), label


def forward(weights, x):
    states = [x]
    for layer, (w, b) in enumerate(weights):
        z = states[-1] @ w.T + b
        states.append(z if layer == len(weights) - 1 else np.maximum(z, 0))
    return states


def gradients(weights, x, label):
    states = forward(weights, x)
    odds = np.exp(states[-1] - states[-1].max(1, keepdims=True))
    delta = odds / odds.sum(1, keepdims=True)
    delta[np.arange(len(x)), label] -= 1
    delta /= len(x)
    found = []
    for layer in reversed(range(len(weights))):
        found.append((delta.T @ states[layer], delta.sum(0)))
        if layer > 0:
            delta = (delta @ weights[layer][0]) * (states[layer] > 0)
    return found[::-1]


def save(weights, file):
    nodes, tensors, last = [], [], "x"
    for layer, (w, b) in enumerate(weights, 1):
        end = layer == len(weights)
        out = "logits" if end else f"z{layer}"
        nodes.append(helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], [out], transB=1))
        tensors += [
            numpy_helper.from_array(w.astype(np.float32), f"w{layer}"),
            numpy_helper.from_array(b.astype(np.float32), f"b{layer}"),
        ]
        if not end:
            nodes.append(helper.make_node("Relu", [out], [f"a{layer}"]))
        last = f"a{layer}"
    graph = helper.make_graph(
        nodes,
        "two-moons",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, file)


def main():
    rng = np.random.default_rng(0)
    x, label = moons(2000, rng)
    test, answers = moons(10_000, rng)
    np.save("points.npy", test[:2000].astype(np.float32))
    np.save("labels.npy", answers[:2000].astype(np.int32))
    weights = [
        [rng.normal(size=(n, m)) * np.sqrt(2 / m), 0.1 * rng.normal(size=n)] for m, n in zip(SIZES, SIZES[1:])
    ]
    moments = [[[np.zeros_like(p), np.zeros_like(p)] for p in layer] for layer in weights]
    for step in range(STEPS + 1):
        if step in CHECKPOINTS:
            save(weights, f"step-{step}.onnx")
        if step == STEPS:
            break
        for layer, found in enumerate(gradients(weights, x, label)):
            for part, g in enumerate(found):
                m = moments[layer][part]
                m[0] = 0.9 * m[0] + 0.1 * g
                m[1] = 0.999 * m[1] + 0.001 * g * g
                rate = 0.01 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
                weights[layer][part] = weights[layer][part] - rate * m[0] / (np.sqrt(m[1]) + 1e-8)
    save(weights, "model.onnx")
    right = (forward(weights, test)[-1].argmax(1) == answers).mean()
    print(f"test accuracy {right:.4f}")


main()
