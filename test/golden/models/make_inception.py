"""Writes inception-tiny.onnx: the operators, names and fixed batch of the public Caffe-made GoogLeNet exports, much smaller.

    pip install numpy onnx==1.23.2
    python make_inception.py
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

rng = np.random.default_rng(0)
nodes, weights = [], []


def weight(name, array):
    weights.append(numpy_helper.from_array(array, name))
    return name


def node(kind, inputs, output, **attributes):
    nodes.append(helper.make_node(kind, inputs, [output], **attributes))
    return output


def conv(x, name, channels_in, channels_out, side, stride=1):
    scale = (2 / (channels_in * side * side)) ** 0.5
    shape = (channels_out, channels_in, side, side)
    w = weight(f"{name}_w_0", (rng.normal(size=shape) * scale).astype("f4"))
    b = weight(f"{name}_b_0", (rng.normal(size=channels_out) * 0.1).astype("f4"))
    z = node(
        "Conv", [x, w, b], f"{name}_1", kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4
    )
    return node("Relu", [z], f"{name}_2")


def inception(x, name, channels_in, one, low3, three, low5, five, pool):
    at = f"inception_{name}"
    branches = [
        conv(x, f"{at}/1x1", channels_in, one, 1),
        conv(conv(x, f"{at}/3x3_reduce", channels_in, low3, 1), f"{at}/3x3", low3, three, 3),
        conv(conv(x, f"{at}/5x5_reduce", channels_in, low5, 1), f"{at}/5x5", low5, five, 5),
    ]
    pooled = node("MaxPool", [x], f"{at}/pool_1", kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4)
    branches.append(conv(pooled, f"{at}/pool_proj", channels_in, pool, 1))
    return node("Concat", branches, f"{at}/output_1", axis=1), one + three + five + pool


def shrink(x, name):
    return node("MaxPool", [x], name, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])


def normalise(x, name):
    return node("LRN", [x], name, size=5, alpha=1e-4, beta=0.75, bias=1.0)


x = shrink(conv("data_0", "conv1/7x7_s2", 1, 8, 7, 2), "pool1/3x3_s2_1")
x = normalise(x, "pool1/norm1_1")
x = normalise(conv(x, "conv2/3x3", 8, 12, 3), "conv2/norm2_1")
x, channels = inception(x, "3a", 12, 4, 6, 8, 2, 4, 4)
x, channels = inception(shrink(x, "pool3/3x3_s2_1"), "4a", channels, 4, 6, 8, 2, 4, 4)
x = node("AveragePool", [x], "pool5/7x7_s1_1", kernel_shape=[3, 3], strides=[1, 1])
x = node("Dropout", [x], "pool5/7x7_s1_2")
x = node("Reshape", [x, weight("OC2_DUMMY_1", np.array([1, channels]))], "OC2_DUMMY_0")
w = weight("loss3/classifier_w_0", (rng.normal(size=(10, channels)) * channels**-0.5).astype("f4"))
x = node("Gemm", [x, w, weight("loss3/classifier_b_0", np.zeros(10, "f4"))], "loss3/classifier_1", transB=1)
node("Softmax", [x], "prob_1", axis=1)

graph = helper.make_graph(
    nodes,
    "inception-tiny",
    [helper.make_tensor_value_info("data_0", TensorProto.FLOAT, [1, 1, 28, 28])],
    [helper.make_tensor_value_info("prob_1", TensorProto.FLOAT, [1, 10])],
    weights,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)])
model.ir_version = 8
onnx.checker.check_model(model)
onnx.save(model, Path(__file__).parent / "inception-tiny.onnx")
