"""Codes and Jacobian-vector products of the example models as PyTorch has them: torch.json.

    python make_torch.py        # needs torch, numpy, onnx

The modules are those of examples/*/train.py with the weights of examples/*/model.onnx. Codes are of float32 forward passes,
bit = pre-activation > 0, packed least significant bit first. Products are autograd's, in float64.
"""
import importlib.util
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE / "../../../examples"
POINTS = DIRECTIONS = 3


def module_of(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / name / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def loaded(name, net):
    graph = onnx.load(EXAMPLES / name / "model.onnx").graph
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    state = {key: weights.get(key, value) for key, value in net.state_dict().items()}
    missing = [key for key in state if key not in weights and "num_batches" not in key]
    assert not missing, missing
    net.load_state_dict(state)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = float(np.float32(module.eps))  # as the file has it
    return net.eval()


def point(k, size):
    """Whole numbers over 255: the same float32 everywhere."""
    i = np.arange(size, dtype=np.int64)
    return ((i * 7919 + k * 104729 + (i // 28) * 31) % 256 / 255).astype(np.float32)


def direction(k, size):
    i = np.arange(size, dtype=np.int64)
    return ((i * 31 + k * 17) % 23 - 11) / 8


def pre_activations(net, layers, x):
    """Outputs of named layers, and for the CNN the residual sum, which no module gives."""
    seen = {}
    hooks = [
        net.get_submodule(layer).register_forward_hook(lambda _, __, out, layer=layer: seen.__setitem__(layer, out))
        for layer in layers
    ]
    net(x)
    for hook in hooks:
        hook.remove()
    if "res.bn2" in seen:
        seen["res.sum"] = seen.pop("pool2") + seen.pop("res.bn2")
    return seen


def golden(name, net, shape, layers):
    size = int(np.prod(shape))
    cases = []
    for k in range(POINTS):
        x = torch.from_numpy(point(k, size)).reshape(1, *shape)
        with torch.no_grad():
            pre = pre_activations(net.float(), layers, x)
        codes = {
            layer: np.packbits((z > 0).numpy().reshape(-1), bitorder="little").tobytes().hex() for layer, z in pre.items()
        }
        net.double()
        products = [
            torch.autograd.functional.jvp(
                net, x.double(), torch.from_numpy(direction(d, size)).reshape(1, *shape)
            )[1].reshape(-1).tolist()
            for d in range(DIRECTIONS)
        ]
        cases.append({"codes": codes, "products": products})
    return {"model": name, "shape": list(shape), "cases": cases}


def main():
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False
    mlp = loaded("mnist-mlp", module_of("mnist-mlp").Mlp())
    cnn = loaded("mnist-cnn", module_of("mnist-cnn").Cnn())
    convs = ["conv", "mixed.b1", "mixed.b3_reduce", "mixed.b3", "mixed.b5_reduce", "mixed.b5", "mixed.pool_proj"]
    found = {
        "torch": torch.__version__,
        "models": [
            golden("mnist-mlp", mlp, (784,), ["fc1", "fc2"]),
            golden("mnist-cnn", cnn, (1, 28, 28), [*convs, "res.bn1", "pool2", "res.bn2"]),
        ],
    }
    (HERE / "torch.json").write_text(json.dumps(found) + "\n")


main()
