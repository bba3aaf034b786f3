"""Executes a notebook's code cells in order, without Jupyter: python run-notebook.py NOTEBOOK RUN_FOLDER

Needs pyarrow and duckdb. Any error in a cell ends it with exit code 1 and the cell's number.
"""

import json
import os
import sys
import traceback


def main() -> int:
    notebook, run = sys.argv[1:3]
    os.environ["TESSERA_RUN"] = os.path.abspath(run)
    with open(notebook, encoding="utf-8") as file:
        cells = json.load(file)["cells"]
    names: dict = {"__name__": "__main__"}
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        try:
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
        except Exception:
            traceback.print_exc()
            print(f"cell {number} of {notebook} failed", file=sys.stderr)
            return 1
    print(f"{notebook}: all cells ran")
    return 0


if __name__ == "__main__":
    sys.exit(main())
