"""Writes a run folder of layout 0, as versions before 0.1.0 left them: no table has a run_id. pip install pyarrow==26.0.1"""

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

COLUMNS = {
    "regions": [
        ("span", "utf8", pa.string()),
        ("digest", "fixed[16]", pa.binary(16)),
        ("count", "int32", pa.int32()),
        ("class_ids", "list<int32>", pa.list_(pa.int32())),
        ("entropy_bits", "float64", pa.float64()),
    ],
    "layers": [("layer_index", "int32", pa.int32()), ("name", "utf8", pa.string())],
}


def write(path: Path, table: str, rows: list, group_rows: int) -> None:
    columns = COLUMNS[table]
    described = [
        {"name": n, "type": t, "unit": "", "nullable": n == "entropy_bits", "description": f"{n}."}
        for n, t, _ in columns
    ]
    metadata = {
        "layoutVersion": "0",
        "table": table,
        "order": "as written",
        "tessera:columns": json.dumps(described),
    }
    schema = pa.schema(
        [pa.field(n, t, nullable=n == "entropy_bits") for n, _, t in columns], metadata=metadata
    )
    arrays = [pa.array([row[i] for row in rows], t) for i, (_, _, t) in enumerate(columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, row_group_size=group_rows)


run = Path(sys.argv[1])
digest = lambda i: bytes(range(i, i + 16))
write(
    run / "regions/part-00000-00000.parquet",
    "regions",
    [("fc1", digest(1), 3, [0, 2], 0.918), ("fc1", digest(2), 2, [1], 0.0), ("fc1", digest(3), 1, [], None)],
    group_rows=2,
)
write(run / "regions/part-00001-00000.parquet", "regions", [("network", digest(9), 6, [0, 1, 2], 1.5)], 2)
write(run / "layers.parquet", "layers", [(0, "fc1"), (1, "fc2")], 2)
config = {
    "kind": "sweep",
    "seed": 0,
    "model": {"file": "net.onnx", "control": "none"},
    "codes": {"granularity": "image"},
}
manifest = {
    "runId": "old",
    "kind": "sweep",
    "status": "done",
    "config": config,
    "configSha256": "0" * 64,
    "model": None,
    "data": None,
    "versions": {},
    "createdAt": "2026-01-01T00:00:00.000Z",
    "skipped": [],
    "notices": [],
}
(run / "run.json").write_text(json.dumps(manifest, indent=2) + "\n")
