"""Executes the Python of a notebook or of a Markdown page in order, without Jupyter: python run-notebook.py FILE RUN_FOLDER

The run folder is given as TESSERA_RUN. Any error ends it with exit code 1 and the number of the cell.
"""

import json
import os
import re
import sys
import traceback


def cells_of(path: str) -> list[str]:
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".md"):
        return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return ["".join(cell["source"]) for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]


def main() -> int:
    path, run = sys.argv[1:3]
    os.environ["TESSERA_RUN"] = os.path.abspath(run)
    names: dict = {"__name__": "__main__"}
    cells = cells_of(path)
    for number, source in enumerate(cells, start=1):
        try:
            exec(compile(source, f"cell {number}", "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"cell {number} of {path} failed", file=sys.stderr)
            return 1
    print(f"{path}: all {len(cells)} cells ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
