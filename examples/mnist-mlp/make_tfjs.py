"""Write the MLP of model.onnx as two TensorFlow.js models, without TensorFlow.

    python make_tfjs.py [--model model.onnx] [--out DIR]

tfjs-layers/  Keras Sequential of three Dense layers, for tf.loadLayersModel
tfjs-graph/   GraphDef of MatMul, BiasAdd, Relu, for tf.loadGraphModel: x -> logits
Needs onnx, numpy.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

HERE = Path(__file__).resolve().parent
LAYERS = ("fc1", "fc2", "fc3")


def write(folder, fields, weights):
    """model.json and one weights.bin: the arrays little-endian float32, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    specs = [{"name": name, "shape": list(w.shape), "dtype": "float32"} for name, w in weights.items()]
    manifest = [{"paths": ["weights.bin"], "weights": specs}]
    model = {**fields, "generatedBy": "make_tfjs.py", "convertedBy": None, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(model, indent=1) + "\n")
    (folder / "weights.bin").write_bytes(b"".join(w.astype("<f4").tobytes() for w in weights.values()))


def layers_topology(weights):
    layers = []
    for name in LAYERS:
        config = {
            "name": name, "trainable": True, "dtype": "float32",
            "units": weights[f"{name}/kernel"].shape[1],
            "activation": "linear" if name == LAYERS[-1] else "relu",
            "use_bias": True,
        }
        if not layers:
            config["batch_input_shape"] = [None, weights[f"{name}/kernel"].shape[0]]
        layers.append({"class_name": "Dense", "config": config})
    model = {"class_name": "Sequential", "config": {"name": "mnist_mlp", "layers": layers}}
    return {"keras_version": "2.15.0", "backend": "tensorflow", "model_config": model}


def shape(*dims):
    return {"dim": [{"size": str(d)} for d in dims]}


def graph_nodes(weights):
    float_type, no = {"type": "DT_FLOAT"}, {"b": False}
    n_in = weights["fc1/kernel"].shape[0]
    nodes = [{"name": "x", "op": "Placeholder", "attr": {"dtype": float_type, "shape": {"shape": shape(-1, n_in)}}}]
    for name, w in weights.items():
        value = {"tensor": {"dtype": "DT_FLOAT", "tensorShape": shape(*w.shape)}}
        nodes.append({"name": name, "op": "Const", "attr": {"dtype": float_type, "value": value}})
    source = "x"
    for name in LAYERS:
        attr = {"T": float_type, "transpose_a": no, "transpose_b": no}
        nodes.append({"name": f"{name}/MatMul", "op": "MatMul", "input": [source, f"{name}/kernel"], "attr": attr})
        attr = {"T": float_type, "data_format": {"s": "TkhXQw=="}}  # NHWC
        nodes.append({"name": f"{name}/BiasAdd", "op": "BiasAdd", "input": [f"{name}/MatMul", f"{name}/bias"], "attr": attr})
        source = f"{name}/BiasAdd"
        if name != LAYERS[-1]:
            nodes.append({"name": f"{name}/Relu", "op": "Relu", "input": [source], "attr": {"T": float_type}})
            source = f"{name}/Relu"
    return nodes + [{"name": "logits", "op": "Identity", "input": [source], "attr": {"T": float_type}}]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    tensors = {t.name: numpy_helper.to_array(t) for t in onnx.load(args.model).graph.initializer}
    weights = {}
    for name in LAYERS:
        weights[f"{name}/kernel"] = np.ascontiguousarray(tensors[f"{name}.weight"].T)
        weights[f"{name}/bias"] = tensors[f"{name}.bias"]

    write(args.out / "tfjs-layers", {"format": "layers-model", "modelTopology": layers_topology(weights)}, weights)

    def info(name, size):
        return {name: {"name": f"{name}:0", "dtype": "DT_FLOAT", "tensorShape": shape(-1, size)}}

    n_in, n_out = weights["fc1/kernel"].shape[0], weights["fc3/kernel"].shape[1]
    fields = {
        "format": "graph-model",
        "signature": {"inputs": info("x", n_in), "outputs": info("logits", n_out)},
        "modelTopology": {"node": graph_nodes(weights), "library": {}, "versions": {"producer": 987}},
    }
    write(args.out / "tfjs-graph", fields, weights)


if __name__ == "__main__":
    main()
