"""The parts of a section of a sheet: words, tables, pictures, folded details, and blocks side by side."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from backtests.evaluation.metrics import Column
from backtests.sheets.terms import term_of
from foundation.paper.picture import Picture
from foundation.paper.styles import LineStyle

Block = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """A paragraph.

    text : plain.
    kind : "note" (small), "intro" (small, above what it explains) or "" (as large as the page's text).
    """

    text: str
    kind: str = "note"


@dataclass(frozen=True)
class Folded:
    """Parts that a reader opens; closed at first, and left out on paper.

    summary : content in a few words.
    parts   : parts in order.
    """

    summary: str
    parts: Sequence["Part"]


@dataclass(frozen=True)
class Beside:
    """Narrow pictures, two in a row where the page is wide enough."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Filled:
    """A template of its own.

    template : file of the template.
    content  : value that the template calls `content`.
    """

    template: str
    content: Any


Part = Words | Folded | Beside | Filled | Picture | Block  # a Block is a table, made by `table`


def pictures_in(parts: Iterable[Part]) -> Iterator[Picture]:
    """Every picture of these parts, in order."""
    for part in parts:
        if isinstance(part, Picture):
            yield part
        elif isinstance(part, Beside):
            yield from part.pictures
        elif isinstance(part, Folded):
            yield from pictures_in(part.parts)


def sheet_pictures(sheet: Mapping[str, Any]) -> list[Picture]:
    """Every picture in the sections of a sheet, in order."""
    return [picture for section in sheet["sections"] for picture in pictures_in(section["parts"])]


def table(
    caption: str,
    heads: Sequence[str | tuple[str, str]],
    rows: Iterable[Sequence[str]],
    *,
    texts: Sequence[int] = (),
    styles: Mapping[str, LineStyle] | None = None,
    chosen: str | None = None,
) -> Block:
    """A plain table: heads with units, rows of words.

    caption : caption above the table.
    heads   : words of each column, or (words, unit).
    rows    : cells of each row.
    texts   : numbers of the columns set left.
    styles  : line styles of the policies in column 0.
    chosen  : the row to mark, by its column 0.
    """
    titled = [head if isinstance(head, tuple) else (head, "") for head in heads]
    return {
        "caption": caption,
        "heads": [{"words": words, "unit": unit, "term": ""} for words, unit in titled],
        "text": [k in texts for k in range(len(titled))],
        "rows": [
            {"cells": list(row), "look": (styles or {}).get(row[0]), "chosen": row[0] == chosen and chosen is not None}
            for row in rows
        ],
    }


def figures_table(
    caption: str,
    head: str,
    columns: Sequence[Column],
    records: Mapping[str, Mapping[str, Any]],
    styles: Mapping[str, LineStyle] | None = None,
    chosen: str | None = None,
    terms: bool = False,
) -> Block:
    """A table of figures: a row a record, by its name in column 0; a column a `Column`.

    caption : caption above the table.
    head    : head of column 0.
    columns : columns of figures.
    records : figures by name, in the units of records.
    styles  : line styles of the policies in column 0.
    chosen  : the row to mark, by its column 0.
    terms   : true if the page has the terms that heads of figures link to.
    """
    heads: list[str | tuple[str, str]] = [head, *((column.label, column.unit) for column in columns)]
    rows = [[name, *(column.cell(figures) for column in columns)] for name, figures in records.items()]
    made = table(caption, heads, rows, styles=styles, chosen=chosen)
    for shown, column in zip(made["heads"][1:], columns, strict=True):
        shown["term"] = term_of(column.key) if terms else ""
    return made


def by_name(frame: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """The rows of a frame as records, by what stands in `column`."""
    return {str(record[column]): record for record in records_of(frame)}


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as records."""
    return [{str(k): v for k, v in record.items()} for record in frame.to_dict("records")]
