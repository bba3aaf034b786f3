"""What a careful PyTorch user would write: forward hooks on the pre-activations, `> 0`, packbits, a group-by, Parquet.

One measurement per call: peer-pytorch.py FILE.onnx SHAPE BATCH ROWS THREADS LAYOUT OUT.parquet
SHAPE is e.g. 784 or 3x32x32; LAYOUT is `contiguous` or `channels_last`. Prints one line of JSON with seconds of
forward only, of forward with codes, and of codes, group-by and Parquet. Exits with 3 where a package is missing.
"""

import json
import sys
import time

try:
    import numpy as np
    import onnx
    import pyarrow as pa
    import pyarrow.parquet as pq
    import torch
    from onnx import numpy_helper
except ImportError as error:
    print(f"missing: {error.name}")
    sys.exit(3)


def load(path):
    """The graphs of this bench are chains of Gemm, Conv, Relu, GlobalAveragePool and Flatten."""
    graph = onnx.load(path).graph
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in graph.initializer}
    layers, taps = [], []
    for node in graph.node:
        options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "Gemm":
            weight, bias = weights[node.input[1]], weights[node.input[2]]
            layer = torch.nn.Linear(weight.shape[1], weight.shape[0])
            layer.weight.data, layer.bias.data = weight, bias
        elif node.op_type == "Conv":
            weight, bias = weights[node.input[1]], weights[node.input[2]]
            layer = torch.nn.Conv2d(
                weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), options["strides"], tuple(options["pads"][:2])
            )
            layer.weight.data, layer.bias.data = weight, bias
        elif node.op_type == "Relu":
            # Not in place: the hook keeps what comes in.
            taps.append(layers[-1])
            layer = torch.nn.ReLU()
        elif node.op_type == "GlobalAveragePool":
            layer = torch.nn.AdaptiveAvgPool2d(1)
        elif node.op_type == "Flatten":
            layer = torch.nn.Flatten()
        else:
            raise SystemExit(f"operator {node.op_type} is not in this bench")
        layers.append(layer)
    return torch.nn.Sequential(*layers).eval(), taps


def packed(pre):
    """Codes of one tap, `[rows, bytes]`; channels first whatever the memory layout, as in the ONNX graph."""
    bits = (pre > 0).reshape(pre.shape[0], -1).numpy()
    return np.packbits(bits, axis=1, bitorder="little")


def regions(codes):
    """Distinct codes, their counts and first rows."""
    codes = np.ascontiguousarray(codes)
    rows = codes.view(np.dtype((np.void, codes.shape[1]))).ravel()
    values, first, counts = np.unique(rows, return_index=True, return_counts=True)
    order = np.lexsort((values, -counts))
    return values[order], first[order], counts[order]


def write(taps, path):
    """Every tap's regions and those of all taps together, as one table."""
    parts = []
    for span, codes in [*((str(i), codes) for i, codes in enumerate(taps)), ("network", np.concatenate(taps, axis=1))]:
        values, first, counts = regions(codes)
        words = pa.array([value.tobytes() for value in values], pa.binary())
        parts.append(
            pa.table({
                "span": pa.array([span] * len(values)).dictionary_encode(),
                "words": words,
                "count": counts,
                "first_point_id": first,
            })
        )
    pq.write_table(pa.concat_tables(parts, promote_options="permissive"), path, compression="zstd")


def main():
    path, shape, batch, rows, threads, layout, out = sys.argv[1:]
    batch, rows = int(batch), int(rows)
    torch.set_num_threads(int(threads))
    model, taps = load(path)
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn([batch, *map(int, shape.split("x"))], generator=generator)
    if layout == "channels_last":
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    batches = max(1, rows // batch)

    def timed(work):
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    def forward():
        for _ in range(batches):
            model(inputs)

    kept = [[] for _ in taps]

    def encode():
        for tap in kept:
            tap.clear()
        for _ in range(batches):
            model(inputs)

    with torch.inference_mode():
        model(inputs)
        plain = timed(forward)
        hooks = [
            tap.register_forward_hook(lambda _m, _i, output, to=to: to.append(packed(output)))
            for tap, to in zip(taps, kept)
        ]
        model(inputs)
        encoding = timed(encode)
        for hook in hooks:
            hook.remove()
    writing = timed(lambda: write([np.concatenate(tap) for tap in kept], out))
    print(json.dumps({
        "rows": batches * batch,
        "forward": plain,
        "encode": encoding,
        "write": writing,
        "torch": torch.__version__,
    }))


main()
