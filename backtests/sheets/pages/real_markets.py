"""The sheet of a study of real markets: every rule relative to each comparator, case by case, and what else differs.

The same study gives the same bytes. Words, tables and pictures are those of `real_markets.findings` and its pictures.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from backtests.sheets.parts import Folded, Part, Words, section_blocks, sheet_pictures
from backtests.sheets.pictures.real_markets import frontier_picture, ratio_picture
from backtests.sheets.render import render
from backtests.sheets.tables import Block, Shown, records_of, records_table, scaled, table
from backtests.studies.real_markets.findings import (
    BETTER_CALENDAR,
    CHOSEN,
    REPORTED,
    beside,
    exposure,
    representative_rows,
    sentences,
    summary,
)
from backtests.studies.real_markets.study import Study
from foundation.errors import DataError
from foundation.files import write_whole
from foundation.paper.files import write_pictures
from foundation.paper.render import Running
from foundation.paper.wording import number

STUDY_FILE = "study.html"  # file
FIRST = ("gradient", "closed form", "universal")  # whose cases are shown, as far as the study has them; others folded
RELATIVE = (
    "J of each rule over that of a comparator: the geometric mean over cases with its 95 % interval, and the verdict "
    "after Holm"
)
FURTHER = (
    "Each rule less the better calendar, in the mean of the cases, with 95 % intervals; * is significant after Holm"
)
EXPOSURES = (
    Shown("over", "less that of"),
    Shown("measure", "measure", form=lambda measure: measure.replace("_", " "), words=True),
    Shown("difference", "difference", form=scaled(signed=True)),
    Shown("", "95 % interval", form=lambda row: f"{number(row['lower'])} to {number(row['upper'])}"),
    Shown("p_holm", "p after Holm", form=scaled(1.0, 3)),
    Shown("verdict", "verdict", words=True),
)
EXPOSED = "Sharpe ratio and drawdown of the learned exposure less those of a benchmark of the same mean exposure"


def study_sheet(study: Study) -> Block:
    """Every block of the sheet."""
    size, *found = sentences(study)
    rows = representative_rows(study)
    ruled = not rows.empty
    rules = set(rows["rule"])
    sections = [
        ("results", "Which rule is better?", _or_why(lambda: [_results(study)]) if ruled else []),
        ("cases", "Case by case", _or_why(lambda: _cases(study, rows)) if CHOSEN in rules else []),
        ("frontier", "Tracking error against cost", _or_why(lambda: [frontier_picture(study)]) if ruled else []),
        ("further", "Other metrics", _or_why(lambda: [_further(study)]) if BETTER_CALENDAR in rules else []),
        ("exposure", "Exposure", _exposure(study)),
    ]
    return {
        "lead": found[0] if found else size,
        "size": size,
        "findings": found,
        "sections": section_blocks((key, title, title, parts) for key, title, parts in sections),
    }


def study_html(sheet: Block) -> str:
    """The whole page, one file without any URL."""
    return render("study.html.j2", Running("The study on real markets"), sheet=sheet)


def write_study_sheet(folder: Path, study: Study) -> Path:
    """Write study.html, and each picture as figures/<name>.csv and .svg, into a folder, which exists."""
    sheet = study_sheet(study)
    write_pictures(folder, sheet_pictures(sheet))
    write_whole(folder / STUDY_FILE, study_html(sheet))
    return folder / STUDY_FILE


def _or_why(parts: Callable[[], Sequence[Part]]) -> list[Part]:
    """Parts; or, where the study has too few cases or costs for them, the reason."""
    try:
        return list(parts())
    except DataError as error:
        return [Words(str(error))]


def _results(study: Study) -> Block:
    found = summary(study)
    return _framed(RELATIVE, found.assign(cases=[f"{count:.0f}" for count in found["cases"]]))


def _cases(study: Study, rows: pd.DataFrame) -> list[Part]:
    """A picture a rule: its J over that of the thresholds that a user would choose, in each case."""
    there = [rule for rule in REPORTED if rule in set(rows["rule"])]
    shown = [rule for rule in FIRST if rule in there]
    others = [rule for rule in there if rule not in shown]
    drawn = {rule: ratio_picture(study, rule, over=CHOSEN) for rule in (*shown, *others)}
    folded = [Folded("The other rules, case by case", [drawn[rule] for rule in others])] if others else []
    return [*(drawn[rule] for rule in shown), *folded]


def _further(study: Study) -> Block:
    return _framed(FURTHER, beside(study))


def _exposure(study: Study) -> list[Part]:
    found = exposure(study)
    if found.empty:
        return []
    return [records_table(EXPOSED, EXPOSURES, records_of(found))]


def _framed(caption: str, frame: pd.DataFrame) -> Block:
    """A frame of words by rule as a table."""
    rows = [[str(rule), *map(str, cells)] for rule, *cells in frame.itertuples()]
    return table(caption, ["rule", *map(str, frame.columns)], rows, texts=range(1, len(frame.columns) + 1))
