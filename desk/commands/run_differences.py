"""The differences between two runs, in words."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from backtests.evaluation.metrics import METRICS
from backtests.runs.differences import FigureDifference, RunDifferences, run_differences
from foundation.paper.text_tables import text_table, wrapped
from foundation.paper.wording import counted, listed, number

DIFFERENCES_SHOWN = 20  # differences of figures that are shown


def diff_text(one: Path, other: Path) -> str:
    """The differences between two runs as text. one, other : their folders. Raises DataError for what is no run."""
    return differences_text(run_differences(one, other))


def differences_text(found: RunDifferences) -> str:
    """The differences between two runs: their inputs first, then figures, then the first day of wealth."""
    if not (found.files or any(found.made_from.values())):
        return f"Same bytes in all {files_of(found)}: {found.one['run']}."
    blocks = [f"{found.one['run']} and {found.other['run']}"]
    made = [str(run.get("recommendation", {}).get("policy")) for run in (found.one, found.other)]
    if made[0] != made[1]:
        blocks.append(f"Recommended: {made[0]}, and {made[1]}.")
    for of, sentences in found.made_from.items():
        said = [f"  {sentence}." for sentence in sentences] or ["  the same."]
        blocks.append("\n".join([f"{of.capitalize()}:", *said]))
    if found.figures:
        blocks.append(_figures_text(found.figures))
    for which, names in zip(("first", "second"), found.alone, strict=True):
        if names:
            blocks.append(f"Only in the {which} run: {listed(names)}.")
    if found.wealth or found.same:
        blocks.append("\n".join(["Wealth:", *(wrapped(f"  {each}") for each in wealth_words(found))]))
    blocks.append(
        wrapped(f"Files that differ: {listed(found.files, most=DIFFERENCES_SHOWN)}.")
        if found.files
        else "No file differs."
    )
    return "\n\n".join(blocks)


def files_of(found: RunDifferences) -> str:
    """The number of the files of the first run, with its noun."""
    return counted(len(found.one["files"]), "file")


DIFFERENCE_HEADS = ("policy", "figure", "first run", "second run", "difference", "")


def figure_rows(figures: Sequence[FigureDifference]) -> list[list[str]]:
    """A row for each of the figures that are farthest apart, by `DIFFERENCE_HEADS`."""
    rows = []
    for d in figures[:DIFFERENCES_SHOWN]:
        shown = METRICS.get(d.figure)
        if shown is None or d.size == float("inf"):
            rows.append([d.policy, d.figure, *("–" if v is None else str(v) for v in (d.one, d.other)), "", ""])
            continue
        one, other = shown.factor * d.one, shown.factor * d.other
        digits = max(shown.digits, 1 - int(np.floor(np.log10(abs(other - one)))))  # two digits of the difference
        words = [number(one, digits), number(other, digits), number(other - one, digits, signed=True)]
        rows.append([d.policy, shown.label, *words, shown.unit])
    return rows


def _figures_text(figures: Sequence[FigureDifference]) -> str:
    rows = [[*DIFFERENCE_HEADS], *figure_rows(figures)]
    more = (
        f"\n… and {counted(len(figures) - DIFFERENCES_SHOWN, 'more figure')}"
        if len(figures) > DIFFERENCES_SHOWN
        else ""
    )
    return f"Figures, the farthest apart first:\n{text_table(rows, left=2, last_left=True)}{more}"


def wealth_words(found: RunDifferences) -> list[str]:
    """A sentence on the first day on which the wealth of each policy differs, and one on those with equal wealth."""
    lines = [
        f"{d.policy}: {d.why}."
        if not d.date
        else f"{d.policy}: first on {d.date} ({number(d.one)} and {number(d.other)}): {d.why}."
        for d in found.wealth
    ]
    return lines + ([f"{listed(found.same, most=DIFFERENCES_SHOWN)}: equal at every close."] if found.same else [])
