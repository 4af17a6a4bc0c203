"""Differences between a batch and the previous one of the same name: recommendations, runs, and figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from foundation.dataclasses import dataclass, field

Key = tuple[str, tuple[str, ...]]  # portfolio and parameters of a run, each as name=value


@dataclass(frozen=True)
class Moved:
    """A figure that left the interval that it had. figure : key of its metric. before, after : its values."""

    figure: str
    before: float
    after: float


@dataclass(frozen=True)
class Changes:
    """The changes since the previous batch.

    compared : number of runs with a comparison in both.
    policies : by run, the recommendation before and after, where they differ; "" where none is recommended.
    moved    : by run, figures of an unchanged recommendation that are outside the interval that they had before.
    new      : runs that the previous batch did not have.
    gone     : runs that only the previous batch had.
    """

    compared: int = 0
    policies: Mapping[Key, tuple[str, str]] = field(default_factory=dict)
    moved: Mapping[Key, Sequence[Moved]] = field(default_factory=dict)
    new: Sequence[Key] = ()
    gone: Sequence[Key] = ()


def changes_between(before: pd.DataFrame, after: pd.DataFrame, figures: Sequence[str]) -> Changes:
    """The differences between two batches; a run that failed in one of them is compared with nothing.

    before, after : a row for each run, with the columns of `batch.parquet`.
    figures       : keys of metrics to compare, each with columns for its lower and its upper bound, NaN where unknown.
    """
    old, now = _by_run(before), _by_run(after)
    both = [key for key, row in now.items() if key in old and _is_comparison(row) and _is_comparison(old[key])]
    policies = {key: (old[key]["policy"], now[key]["policy"]) for key in both}
    moved = {
        key: found
        for key in both
        if policies[key][0] == policies[key][1] and (found := _moved(old[key], now[key], figures))
    }
    return Changes(
        compared=len(both),
        policies={key: pair for key, pair in policies.items() if pair[0] != pair[1]},
        moved=moved,
        new=tuple(key for key in now if key not in old),
        gone=tuple(key for key in old if key not in now),
    )


def key_of(row: Mapping[Any, Any]) -> Key:
    """The run of a row."""
    return row["portfolio"], tuple(row["parameters"])


def run_title(key: Key) -> str:
    """The name of a run: its portfolio, and its parameters on one line."""
    return " ".join(part for part in (key[0], ", ".join(key[1])) if part)


def _by_run(table: pd.DataFrame) -> dict[Key, dict[Any, Any]]:
    return {key_of(row): row for row in table.to_dict("records")}


def _is_comparison(row: Mapping[Any, Any]) -> bool:
    """True if the run compares policies and ended well."""
    return bool(row["status"] != "failed" and row["orders"] >= 0)


def _moved(old: Mapping[Any, Any], now: Mapping[Any, Any], figures: Sequence[str]) -> list[Moved]:
    """Figures that are outside the interval that they had; comparisons with an unknown bound are false."""
    return [
        Moved(figure, old[figure], now[figure])
        for figure in figures
        if now[figure] < old[f"{figure}_lower"] or now[figure] > old[f"{figure}_upper"]
    ]
