"""What a careful PyTorch user would write: forward hooks on the pre-activations, `> 0`, packbits, a group-by, Parquet.

One measurement per call: peer-pytorch.py FILE.onnx SHAPE BATCH,… LAYOUT,… ROWS THREADS OUT.parquet
SHAPE is e.g. 784 or 3x32x32; a LAYOUT is `contiguous` or `channels_last`. Batch sizes and layouts are tried first, and the
fastest are kept. Prints one line of JSON with seconds of forward only, of forward with codes, and of group-by and
Parquet. Exits with 3 where a package is missing.
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


def timed(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Peer:
    """A model with its hooks under one choice of batch size and memory layout."""

    def __init__(self, path, shape, batch, layout):
        self.batch, self.layout = batch, layout
        self.model, self.taps = load(path)
        generator = torch.Generator().manual_seed(3)
        self.inputs = torch.randn([batch, *shape], generator=generator)
        if layout == "channels_last":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.inputs = self.inputs.to(memory_format=torch.channels_last)
        self.kept = [[] for _ in self.taps]
        self.forward(1)

    def forward(self, batches):
        for _ in range(batches):
            self.model(self.inputs)

    def encode(self, batches):
        for tap in self.kept:
            tap.clear()
        hooks = [
            tap.register_forward_hook(lambda _m, _i, output, to=to: to.append(packed(output)))
            for tap, to in zip(self.taps, self.kept)
        ]
        self.forward(batches)
        for hook in hooks:
            hook.remove()

    def speed(self):
        """Rows a second of a short trial."""
        self.encode(1)
        return 3 * self.batch / timed(lambda: self.encode(3))


def main():
    path, shape, batch_sizes, layouts, rows, threads, out = sys.argv[1:]
    torch.set_num_threads(int(threads))
    dims = list(map(int, shape.split("x")))
    with torch.inference_mode():
        peers = [
            Peer(path, dims, int(batch), layout) for layout in layouts.split(",") for batch in batch_sizes.split(",")
        ]
        # Under the settings that suit it best.
        peer = max(peers, key=Peer.speed)
        batches = max(1, int(rows) // peer.batch)
        forward = timed(lambda: peer.forward(batches))
        encoding = timed(lambda: peer.encode(batches))
    writing = timed(lambda: write([np.concatenate(tap) for tap in peer.kept], out))
    print(json.dumps({
        "rows": batches * peer.batch,
        "forward": forward,
        "encode": encoding,
        "write": writing,
        "settings": f"torch {torch.__version__}, batch {peer.batch}, {peer.layout}",
    }))


main()
