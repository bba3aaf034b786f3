"""Writes the data files of this folder with numpy, pyarrow, Pillow and tarfile: readers are tested against other people's writers.

    pip install numpy pyarrow pillow && python make.py

expected.json holds the values that went in.
"""
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = Path(__file__).resolve().parent
rng = np.random.default_rng(0)
expected = {}


def save_npy(name, array, version=(1, 0)):
    with open(HERE / name, "wb") as f:
        np.lib.format.write_array(f, array, version=version)
    expected[name] = {"shape": list(array.shape), "values": [float(v) for v in array.ravel()]}


save_npy("half.npy", (rng.normal(size=(5, 3)) * 100).astype(np.float16))
save_npy("big-endian.npy", rng.normal(size=(4, 6)).astype(">f4"))
save_npy("double.npy", rng.normal(size=(3, 2, 2)), version=(2, 0))
save_npy("long.npy", np.array([[2**40, -(2**40)], [7, -8]], dtype=np.int64), version=(3, 0))
save_npy("unsigned-long.npy", np.array([[2**52, 1], [0, 9]], dtype=np.uint64))
save_npy("flags.npy", rng.integers(0, 2, size=(6, 4)).astype(bool))
save_npy("short.npy", rng.integers(-3000, 3000, size=(4, 4)).astype(np.int16))
pictures = rng.integers(0, 256, size=(4, 4, 5, 3), dtype=np.uint8)
save_npy("pictures.npy", pictures)
save_npy("labels.npy", rng.integers(0, 4, size=4).astype(np.int32))
np.save(HERE / "fortran.npy", np.asfortranarray(rng.normal(size=(3, 4))))
np.save(HERE / "strings.npy", np.array(["a", "bc"]))

rows = 150
lists = (rng.integers(-400, 400, size=(rows, 6)) / 64).astype(np.float32)
numbers = rng.integers(0, 5, size=rows)
names = [["red", "green", "blue"][i % 3] for i in range(rows)]
table = pa.table({"x": pa.array(list(lists)), "digit": numbers, "colour": names})
pq.write_table(table, HERE / "lists.parquet", row_group_size=64)
pq.write_table(table, HERE / "lists-zstd.parquet", row_group_size=70, compression="zstd", version="2.6", data_page_version="2.0")
expected["lists.parquet"] = {"x": [float(v) for v in lists.ravel()], "digit": numbers.tolist(), "colour": names}

grid = rng.integers(0, 256, size=(8, 2, 3), dtype=np.uint8)
nested = pa.array(grid.tolist(), pa.list_(pa.list_(pa.uint8())))
fixed = pa.FixedSizeListArray.from_arrays(pa.array(grid.ravel().astype(np.float64)), 6)
pq.write_table(pa.table({"nested": nested, "fixed": fixed}), HERE / "nested.parquet", compression="gzip")
expected["nested.parquet"] = {"values": [int(v) for v in grid.ravel()]}

scalars = {"a": rng.integers(-99, 99, size=50) / 64, "b": rng.integers(-9, 9, size=50), "note": ["n"] * 50, "y": rng.integers(0, 3, size=50), "c": (rng.integers(-99, 99, size=50) / 64).astype(np.float32)}
pq.write_table(pa.table(scalars), HERE / "scalars.parquet", row_group_size=20)
expected["scalars.parquet"] = {key: [float(v) for v in scalars[key]] for key in "abyc"}
holes = pa.table({"a": pa.array([1.0, None, 3.0]), "b": [1.0, 2.0, 3.0]})
pq.write_table(holes, HERE / "holes.parquet")


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


encoded = [png(picture) for picture in pictures]
struct = pa.array([{"bytes": data, "path": f"{i}.png"} for i, data in enumerate(encoded)], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
pq.write_table(pa.table({"image": struct, "raw": encoded, "label": list(range(4))}), HERE / "images.parquet", row_group_size=3)
grey = [np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures]
expected["grey"] = [int(v) for picture in grey for v in picture.ravel()]


def write_tar(name, format, prefix):
    with tarfile.open(HERE / name, "w", format=format) as tar:
        for i, data in enumerate(encoded[:3]):
            for suffix, content in [
                ("cls", str(i % 3).encode()),
                ("json", json.dumps({"label": ["cat", "dog"][i % 2], "id": i}).encode()),
                ("png", data),
            ]:
                info = tarfile.TarInfo(f"{prefix}{i:03d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


write_tar("pax.tar", tarfile.PAX_FORMAT, "caf\u00e9/" + "long-" * 30)
write_tar("gnu.tar", tarfile.GNU_FORMAT, "long-" * 30)
write_tar("ustar.tar", tarfile.USTAR_FORMAT, "folder/" * 15)
(HERE / "expected.json").write_text(json.dumps(expected))
