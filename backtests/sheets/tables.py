"""The tables of a sheet, from records by their columns or from rows of words; and the looks of policies in them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import pandas as pd

from backtests.evaluation.metrics import Column
from backtests.sheets.terms import term_of
from foundation.dataclasses import dataclass, field
from foundation.paper.styles import LineStyle, line_styles
from foundation.paper.wording import number
from research.rules.protocol import held_by

if TYPE_CHECKING:
    from backtests.comparison import Comparison

Block = dict[str, Any]
Heads = Sequence[str | tuple[str, str]]


@dataclass(frozen=True)
class Looks:
    """The looks of the policies of a sheet.

    styles : line style of each policy, by name.
    chosen : name of the recommended policy, which tables mark; None where there is none.
    """

    styles: Mapping[str, LineStyle] = field(default_factory=dict)
    chosen: str | None = None


PLAIN_LOOKS = Looks()


def page_styles(comparison: "Comparison") -> dict[str, LineStyle]:
    """The line style of each policy of a comparison, in every picture and table of its sheet."""
    strategic = comparison.portfolio.strategic
    other = {name: held_by(f.policy, strategic) != strategic for name, f in comparison.fitted.items()}
    made = comparison.recommendation
    return line_styles(other, comparison.reference, made.policy, made.broken)


def looks_of(comparison: "Comparison") -> Looks:
    """The looks of the policies: their line styles, and which one is recommended."""
    return Looks(page_styles(comparison), comparison.recommendation.policy)


@dataclass(frozen=True)
class Shown:
    """A column of a table of records.

    key   : name of the value in a record, of an object's fields with dots too; "" for the record itself.
    label : head of the column.
    unit  : unit of the values, or "".
    form  : gives the text of a value.
    words : True if the cells are set left, as words are.
    term  : address of the term that explains the column, on the page; "" for none.
    """

    key: str
    label: str
    unit: str = ""
    form: Callable[[Any], str] = str
    words: bool = False
    term: str = ""

    def cell(self, record: Any) -> str:
        """The text of its value in a record, which is a mapping or an object."""
        if not self.key:
            return self.form(record)
        is_table = isinstance(record, Mapping | pd.DataFrame | pd.Series)
        return self.form(record[self.key] if is_table else attrgetter(self.key)(record))


def scaled(factor: float = 1.0, digits: int = 2, *, signed: bool = False) -> Callable[[float | None], str]:
    """The form of numbers that are shown times a factor; a dash for a missing one.

    >>> scaled(100.0, 1)(0.1234), scaled()(None)
    ('12.3', '–')
    """
    return lambda value: number(None if value is None else factor * value, digits, signed=signed)


def known(form: Callable[[Any], str], missing: str = "–") -> Callable[[Any], str]:
    """A form with a text of its own for a missing value."""
    return lambda value: missing if value is None else form(value)


def day(date: Any) -> str:
    """A date as a cell of a table."""
    return f"{date:%Y-%m-%d}"


def table(
    caption: str, heads: Heads, rows: Iterable[Sequence[str]], *, texts: Sequence[int] = (), looks: Looks = PLAIN_LOOKS
) -> Block:
    """A plain table: heads with units, rows of words.

    caption : caption above the table.
    heads   : words of each column, or (words, unit).
    rows    : cells of each row.
    texts   : numbers of the columns set left.
    looks   : looks of the policies in column 0; `chosen` may be the name of any row.
    """
    titled = [head if isinstance(head, tuple) else (head, "") for head in heads]
    return {
        "caption": caption,
        "heads": [{"words": words, "unit": unit, "term": ""} for words, unit in titled],
        "text": [k in texts for k in range(len(titled))],
        "rows": [
            {"cells": list(row), "look": looks.styles.get(row[0]), "chosen": row[0] == looks.chosen} for row in rows
        ],
    }


def without_empty_columns(shown: Block) -> Block:
    """A plain table without the columns that have no value in any of its rows."""
    if not shown["rows"]:
        return shown
    full = [k for k in range(len(shown["heads"])) if any(row["cells"][k].strip(" –") for row in shown["rows"])]
    rows = [row | {"cells": [row["cells"][k] for k in full]} for row in shown["rows"]]
    return shown | {"heads": [shown["heads"][k] for k in full], "text": [shown["text"][k] for k in full], "rows": rows}


def records_table(
    caption: str,
    columns: Sequence[Shown | Column],
    records: Iterable[Any],
    looks: Looks = PLAIN_LOOKS,
    *,
    head: str = "",
    terms: bool = False,
) -> Block:
    """A table of records: a row a record, a column a value of each.

    caption : caption above the table.
    columns : columns, with their keys, heads and forms.
    records : mappings, or objects with fields, in the units of records; with a `head`, by name, or (name, record).
    looks   : looks of the policies in column 0, as `table` takes them.
    head    : head of column 0, which has the names of the records; "" where they have none.
    terms   : true if the page has the terms that heads of figures link to.
    """
    if head:
        columns = [Shown("", head), *columns]
        pairs = records.items() if isinstance(records, Mapping) else records
        rows = [[name, *(_cell(column, record) for column in columns[1:])] for name, record in pairs]
    else:
        rows = [[_cell(column, record) for column in columns] for record in records]
    texts = [k for k, column in enumerate(columns) if isinstance(column, Shown) and column.words]
    made = table(caption, [(column.label, column.unit) for column in columns], rows, texts=texts, looks=looks)
    for top, column in zip(made["heads"], columns, strict=True):
        top["term"] = column.term if isinstance(column, Shown) else term_of(column.key) if terms else ""
    return made


def _cell(column: Shown | Column, record: Any) -> str:
    is_figure_of_object = isinstance(column, Column) and not isinstance(record, Mapping)
    return column.cell(vars(record) if is_figure_of_object else record)


def by_name(frame: pd.DataFrame, column: str) -> dict[str, dict[str, Any]]:
    """The rows of a frame as records, by what stands in `column`."""
    return {str(record[column]): record for record in records_of(frame)}


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as records."""
    return [{str(k): v for k, v in record.items()} for record in frame.to_dict("records")]
