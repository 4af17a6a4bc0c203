"""Results as the files of a run hold them: plain JSON values, and CSV that is safe in a spreadsheet."""

import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from foundation.paper.cells import no_formula


def plain_json(value: Any, *, missing_as_null: bool = False) -> Any:
    """`value` as plain JSON types: numpy numbers and arrays, timestamps and tuples converted.

    missing_as_null : true to write NaN and infinities as null; else they are left, and strict JSON refuses them.

    >>> plain_json({"x": (1, float("nan"))}, missing_as_null=True)
    {'x': [1, None]}
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(k): plain_json(v, missing_as_null=missing_as_null) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(v, missing_as_null=missing_as_null) for v in value]
    if missing_as_null and isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def json_text(numbers: Mapping[str, Any]) -> str:
    """Plain JSON values as the text of a file. Raises ValueError for NaN and infinities."""
    return json.dumps(numbers, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def csv_text(table: pd.DataFrame) -> str:
    """The table as CSV; text that a spreadsheet would take for a formula, names of columns too, is quoted.

    >>> csv_text(pd.DataFrame({"=name": ["=cmd()", "SPY"], "x": [-1.5, 2.0]})).splitlines()
    ["'=name,x", "'=cmd(),-1.5", 'SPY,2']
    """
    safe = table.rename(columns=no_formula)
    for column in safe:
        if not pd.api.types.is_numeric_dtype(safe[column]):
            safe[column] = safe[column].map({cell: no_formula(cell) for cell in safe[column].unique()})
    text: str = safe.to_csv(index=False, float_format="%.12g", lineterminator="\n")
    return text
