"""Values that a notebook records for other programs, and that are read back from its file without executing it.

They are written as scrapbook (https://nteract-scrapbook.readthedocs.io) writes and reads them: an output without
anything to see, with a name and plain JSON data. A notebook that a command executed also holds them in its metadata
under `rebalance.values`, where they stay when its outputs are stripped.
"""

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from foundation.arguments import refuse, shown
from foundation.errors import DataError
from foundation.paper.formats import plain_json

MIME = "application/scrapbook.scrap.json+json"
SCRAPS, VERSION, JSON = "application/scrapbook.scrap", 1, ("json", "text")  # encoders whose data are plain
OURS, VALUES = "rebalance", "values"  # keys in a notebook's metadata


def record(**values: Any) -> None:
    """Record values in the notebook that calls it; what is None or not finite has no value, and is left out.

    Outside of a notebook they are checked, and recorded nowhere.

    values : text, whole numbers, fractions, true or false, and lists and mappings of these, by name.
    Raises : ConfigError for anything else.
    """
    display = sys.modules.get("IPython.display")
    for name, value in values.items():
        data = plain_json(value) if hasattr(value, "tolist") else value
        if data is None or (isinstance(data, float) and not math.isfinite(data)):
            continue
        try:
            json.dumps(data, allow_nan=False)
        except (TypeError, ValueError):
            refuse(
                f"value {name} to be recorded is", value, "give text, finite numbers, or lists and mappings of them."
            )
        scrap = {"name": name, "data": data, "encoder": "json", "version": VERSION}
        about = {"scrapbook": {"name": name, "data": True, "display": False}}
        if display is not None:
            display.display({MIME: scrap}, metadata=about, raw=True)


def read_values(path: Path | str) -> dict[str, Any]:
    """The values that a notebook recorded, by name, read from its file; {} where it recorded none.

    path   : path of an executed notebook, of ours or of anybody who used scrapbook's `glue`.
    Raises : DataError for a file that is no notebook; FileNotFoundError where there is none.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return values_in(content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is no notebook ({error}). Give an executed one, an .ipynb file.") from error


def values_in(content: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the content of a notebook: those of its metadata, replaced by those of its outputs.

    One that records no `answer` itself has the words with which it ends.
    """
    found: dict[str, Any] = dict(content["metadata"].get(OURS, {}).get(VALUES, {}))
    for cell in content["cells"]:
        for output in cell.get("outputs", []):
            for kind, scrap in output.get("data", {}).items():
                if kind.startswith(SCRAPS) and scrap.get("encoder") in JSON and "data" in scrap:
                    found[str(scrap["name"])] = scrap["data"]
    if words := answer_in(content):
        found.setdefault("answer", words)
    return found


def answer_in(content: Mapping[str, Any]) -> str:
    """The words with which an executed notebook ends, or "" where its last cell shows none."""
    for output in content["cells"][-1].get("outputs", []) if content["cells"] else []:
        found = output.get("data", {}).get("text/markdown", "")
        if found:
            return "".join(found).replace("**", "")
    return ""


def values_table(folder: Path | str, notebook: str = "*") -> pd.DataFrame:
    """The values of all executed notebooks in the folders of a folder, such as `reports`, one row for each notebook.

    folder   : folder that holds folders of runs; hidden ones are left out.
    notebook : name of the notebooks, such as "compare_policies"; "*" for all.
    Returns  : a table with the columns run and notebook, then a column for each value, in the order in which they are
               found; notebooks without a value are left out.
    Raises   : DataError for a path that is no folder, and for a file that is no notebook.
    """
    if not Path(folder).is_dir():
        raise DataError(f"there is no folder {shown(str(folder))}. Give one that holds runs, such as reports.")
    paths = (path for path in sorted(Path(folder).glob(f"*/{notebook}.ipynb")) if not path.parent.name.startswith("."))
    rows = [
        {"run": path.parent.name, "notebook": path.stem, **values} for path in paths if (values := read_values(path))
    ]
    return pd.DataFrame(rows, columns=None if rows else ["run", "notebook"])
